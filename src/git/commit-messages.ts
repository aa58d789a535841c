import { isCommitId } from './missing-commits.ts';
import { git } from './run-git.ts';

/** Whole messages by commit id, of what this clone has; one process for all. What is no commit id is left out. */
export async function commitMessages(root: string, commits: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(commits)].filter(isCommitId);
  if (wanted.length === 0) return new Map();
  const text = await git(root, ['rev-list', '--ignore-missing', '--no-walk=unsorted', '--stdin', '--format=%H%x00%B%x00'], { stdin: `${wanted.join('\n')}\n` });
  // `commit <id>\n<id>NUL<message>NUL\n` each.
  const parts = text.split('\0');
  const found = new Map<string, string>();
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const id = /[0-9a-f]{40,64}$/.exec(parts[index] ?? '')?.[0];
    if (id !== undefined) found.set(id, parts[index + 1] ?? '');
  }
  return found;
}
