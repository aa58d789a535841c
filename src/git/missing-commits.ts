import { git } from './run-git.ts';

/** A full id, as Git writes it: everything else that it can resolve (an abbreviation, a branch, an option) has a second spelling. */
export function isCommitId(text: string): boolean {
  return /^[0-9a-f]{40,64}$/.test(text);
}

/** Those that this clone does not have; what is no full id is none. They may come from records, which anybody who can push can write. */
export async function missingCommits(root: string, commits: readonly string[]): Promise<readonly string[]> {
  const all = [...new Set(commits)];
  const wanted = all.filter(isCommitId);
  if (wanted.length === 0) return all;
  const known = (await git(root, ['cat-file', '--batch-check'], { stdin: `${wanted.join('\n')}\n` })).split('\n');
  const present = new Set(wanted.filter((_, index) => / commit \d+$/.test(known[index] ?? '')));
  return all.filter((commit) => !present.has(commit));
}
