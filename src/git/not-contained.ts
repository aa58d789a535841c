import { missingCommits } from './missing-commits.ts';
import { git } from './run-git.ts';

/** Those of `commits` that no head contains or that this clone does not have: two processes for any number of them. */
export async function notContained(root: string, commits: readonly string[], heads: readonly string[]): Promise<readonly string[]> {
  const wanted = [...new Set(commits)];
  if (wanted.length === 0) return [];
  const missing = new Set(await missingCommits(root, wanted));
  const present = wanted.filter((commit) => !missing.has(commit));
  const beyond = present.length === 0 ? '' : await git(root, ['rev-list', '--stdin'], { stdin: `${[...present, ...heads.map((head) => `^${head}`)].join('\n')}\n` });
  const outside = new Set(beyond.split('\n'));
  return wanted.filter((commit) => missing.has(commit) || outside.has(commit));
}
