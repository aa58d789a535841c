import { git } from './run-git.ts';

/** Those that this clone does not have. */
export async function missingCommits(root: string, commits: readonly string[]): Promise<readonly string[]> {
  const wanted = [...new Set(commits)];
  if (wanted.length === 0) return [];
  const known = (await git(root, ['cat-file', '--batch-check'], { stdin: `${wanted.join('\n')}\n` })).split('\n');
  return wanted.filter((_, index) => !/ commit \d+$/.test(known[index] ?? ''));
}
