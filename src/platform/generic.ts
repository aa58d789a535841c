import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ProviderError } from '#contract';
import type { Platform } from '#core/platform';

/**
 * No code host, or one that soll does not know: what would be a comment, an issue, a status or a pull request becomes a file of a folder that
 * the CI job uploads or posts. There are no reviews: approvals are signatures.
 */
export function openGeneric(folder: string): Platform {
  const write = async (name: string, content: string): Promise<string> => {
    await mkdir(folder, { recursive: true });
    const path = join(folder, name);
    await writeFile(`${path}.part`, content);
    await rename(`${path}.part`, path);
    return path;
  };
  return {
    name: 'generic', bodyLimit: 1_000_000,
    pullRequest: () => Promise.reject(new ProviderError('unsupported', 'without a code host there are no pull requests', { hint: 'use --platform github, or name the base with --base' })),
    openPullRequests: () => Promise.reject(new ProviderError('unsupported', 'without a code host there are no pull requests', { hint: 'use --platform github' })),
    pullRequestOf: () => Promise.resolve(undefined),
    status: () => Promise.resolve(undefined),
    reviews: () => Promise.resolve([]),
    async upsertComment(number, marker, body) {
      await write(number === 0 ? `${fileName(marker)}.md` : `${fileName(marker)}-${String(number)}.md`, body);
    },
    async setStatus(commit, status) {
      await write(`status-${fileName(status.context)}.json`, `${JSON.stringify({ commit, ...status }, undefined, 1)}\n`);
    },
    async upsertIssue(marker, issue) {
      const name = `issue-${fileName(marker)}.md`;
      if (issue === undefined) await rm(join(folder, name), { force: true });
      else await write(name, `# ${issue.title.replaceAll(/[\r\n]+/g, ' ')}\n\n${issue.body}`);
    },
    async openPullRequest({ branch, base, title, body }) {
      const name = `pull-request-${fileName(branch)}.json`;
      const text = `${JSON.stringify({ branch, base, title, body }, undefined, 1)}\n`;
      const before = await readFile(join(folder, name), 'utf8').catch(() => undefined);
      return { number: 0, url: await write(name, text), what: before === undefined ? 'opened' : before === text ? 'kept' : 'updated' };
    },
    async closePullRequest({ branch, why }) {
      const path = join(folder, `pull-request-${fileName(branch)}.json`);
      const before = await readFile(path, 'utf8').catch(() => undefined);
      if (before === undefined) return undefined;
      await rm(path, { force: true });
      return { number: 0, url: await write(`closed-pull-request-${fileName(branch)}.md`, why), what: 'closed' };
    },
  };
}

/** Nothing of a name can leave the folder. */
function fileName(text: string): string {
  const safe = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, 100);
  return safe === '' ? 'untitled' : safe;
}
