import { durable, writeCommit } from './commit-files.ts';
import { pushCommit, remoteHead } from './push-commit.ts';
import { readBlobs } from './read-blobs.ts';
import { git, GitError, tryGit } from './run-git.ts';

/** A branch that only grows by fast-forward: with a remote the remote's branch, without one the local branch. */
export interface AppendBranch {
  readonly name: string;
  /** Asks where the truth is; `undefined`: the branch does not exist. Throws GitError when it cannot be asked or was rewritten. */
  head(): Promise<string | undefined>;
  /** Files of one folder (or of the top, with ''), by name. */
  files(commit: string, folder: string): Promise<ReadonlyMap<string, string>>;
  /** Commits from first to last, with parents and what each does to which file (`A` added, `M` changed, `D` removed). */
  commits(head: string): Promise<readonly BranchCommit[]>;
  /**
   * Adds or replaces files on top of `parent`. `moved`: somebody else was faster, nothing has changed. Throws GitError when the outcome
   * cannot be told.
   */
  append(parent: string | undefined, files: Readonly<Record<string, string>>, message: string): Promise<string>;
}

export interface BranchCommit {
  readonly id: string;
  readonly parents: readonly string[];
  readonly changes: readonly { readonly status: string; readonly path: string }[];
}

export interface BranchPlace {
  readonly root: string;
  readonly gitDir: string;
  readonly name: string;
  readonly remote: string | undefined;
  /** Told before and after each step that leaves a trace, so that a test can break there. */
  readonly effect: (name: string) => Promise<void>;
}

export function appendBranch(place: BranchPlace): AppendBranch {
  const { root, name, remote } = place;
  const known = `refs/soll/${name}`;
  const head = async (): Promise<string | undefined> => (remote === undefined ? localHead(root, `refs/heads/${name}`) : fetchHead(root, remote, name, known));
  return {
    name, head,
    async files(commit, folder) {
      const { code, stdout } = await tryGit(root, ['ls-tree', '-z', `${commit}:${folder}`]);
      if (code !== 0) return new Map();
      const entries = stdout.toString('utf8').split('\0').flatMap((line) => {
        const match = /^\d+ blob ([0-9a-f]+)\t(.*)$/s.exec(line);
        return match?.[1] === undefined || match[2] === undefined ? [] : [{ id: match[1], file: match[2] }];
      });
      const blobs = await readBlobs(root, entries.map(({ id }) => id));
      return new Map(entries.map(({ id, file }) => [file, blobs.get(id)?.toString('utf8') ?? '']));
    },
    async commits(commit) {
      // Plumbing: no setting of the operator and no commit date changes the order.
      const listed = await git(root, ['rev-list', '--reverse', '--topo-order', '--parents', commit]);
      const changed = await changedFiles(root, listed.split('\n').map((line) => line.split(' ')[0] ?? ''));
      return listed.split('\n').map((line) => {
        const [id = '', ...parents] = line.split(' ');
        return { id, parents, changes: changed.get(id) ?? [] };
      });
    },
    async append(parent, files, message) {
      await place.effect('audit.commit');
      const commit = await writeCommit({ root, gitDir: place.gitDir, parent, message, files: Object.entries(files).map(([path, text]) => ({ path, mode: '100644', text })) });
      await place.effect('audit.push');
      const outcome = remote === undefined ? await moveLocal(root, `refs/heads/${name}`, commit, parent) : await pushCommit({ root, remote, name, commit });
      if (outcome === 'done' && remote !== undefined) await git(root, ['update-ref', known, commit]);
      await place.effect('audit.pushed');
      return outcome === 'done' ? commit : 'moved';
    },
  };
}

/** One process for a whole branch. Of a merge, what it does to each parent. */
async function changedFiles(root: string, ids: readonly string[]): Promise<ReadonlyMap<string, BranchCommit['changes']>> {
  const text = await git(root, ['diff-tree', '--stdin', '-r', '-m', '--root', '--no-renames', '--name-status', '-z'], { stdin: `${ids.join('\n')}\n` });
  const parts = text.split('\0');
  const result = new Map<string, { status: string; path: string }[]>();
  let current: { status: string; path: string }[] = [];
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] ?? '';
    if (/^[0-9a-f]{40,64}$/.test(part)) {
      current = result.get(part) ?? [];
      result.set(part, current);
    } else if (part !== '') {
      current.push({ status: part, path: parts[index + 1] ?? '' });
      index += 1;
    }
  }
  return result;
}

async function localHead(root: string, ref: string): Promise<string | undefined> {
  const found = await tryGit(root, ['rev-parse', '--verify', '--quiet', ref]);
  return found.code === 0 ? found.stdout.toString('utf8').trim() : undefined;
}

async function fetchHead(root: string, remote: string, name: string, known: string): Promise<string | undefined> {
  const head = await remoteHead(root, remote, name);
  const before = await localHead(root, known);
  if (head === undefined) {
    if (before !== undefined) throw new GitError(`${name} has vanished from ${remote}; this clone knows it up to ${before.slice(0, 12)}. Push it back: git push ${remote} ${before}:refs/heads/${name}`, 1);
    return undefined;
  }
  if (head === before) return head;
  await git(root, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, `refs/heads/${name}`]);
  if (before !== undefined && (await tryGit(root, ['merge-base', '--is-ancestor', before, head])).code !== 0) {
    throw new GitError(`${name} on ${remote} does not continue what this clone knows (${before.slice(0, 12)}): its history was rewritten. Run \`soll audit verify\` and ask who did`, 1);
  }
  await git(root, ['update-ref', known, head]);
  return head;
}

async function moveLocal(root: string, ref: string, commit: string, parent: string | undefined): Promise<'done' | 'moved'> {
  const result = await tryGit(root, [...durable, 'update-ref', ref, commit, parent ?? '']);
  if (result.code === 0) return 'done';
  const now = await localHead(root, ref);
  if (now === commit) return 'done';
  if (now !== parent) return 'moved';
  throw new GitError(`git update-ref: ${result.stderr.trim()}`, result.code);
}
