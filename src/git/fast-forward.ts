import type { Problem } from '#contract';
import { filtersOff, type Repo } from './open-repo.ts';
import { git, GitError, tryGit } from './run-git.ts';

export interface FastForwarded {
  readonly branch: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Brings a checkout of the remote's default branch to the remote's tip. Only forward: a branch that was rewritten, commits that nobody
 * pushed and, unless `dirty` is given, files that nobody committed are refused, and nothing is moved. Throws GitError when the remote cannot be
 * asked, or when files that nobody committed stand in the way.
 */
export async function fastForward(repo: Repo, remote: string, { dirty = false }: { readonly dirty?: boolean } = {}): Promise<FastForwarded | Problem> {
  const { root } = repo;
  const branch = await defaultBranch(root, remote);
  const head = await repo.head();
  const current = (await tryGit(root, ['symbolic-ref', '--quiet', '--short', 'HEAD'])).stdout.toString('utf8').trim();
  if (head === undefined || current !== branch) return refusal('agent.branch', current === '' ? `no branch is checked out; ${remote} has ${branch}` : `${current} is checked out, but the default branch of ${remote} is ${branch}`, `git switch ${branch}`);
  if (!dirty && !(await repo.isClean(['.']))) return refusal('agent.dirty', 'there are files here that are not committed', 'an agent needs a clone of its own that nobody works in');
  const tracking = `refs/remotes/${remote}/${branch}`;
  await git(root, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, `+refs/heads/${branch}:${tracking}`]);
  const tip = await repo.resolve(tracking);
  if (tip === head) return { branch, from: head, to: head };
  if (await repo.isAncestor(tip, head)) return refusal('agent.ahead', `this clone has commits that ${remote}/${branch} does not have`, 'push them, or throw them away');
  if (!(await repo.isAncestor(head, tip))) return refusal('agent.rewritten', `${remote}/${branch} does not contain ${head.slice(0, 12)}, which stood there before: its history was rewritten`, 'find out who rewrote it and why; if it is right, make a fresh clone');
  await mergeForward(root, tip);
  return { branch, from: head, to: tip };
}

/** Moves what is checked out to a commit that continues it: branch, index and files, or nothing. Throws GitError. */
export async function mergeForward(root: string, commit: string): Promise<void> {
  await git(root, [...(await filtersOff(root)), 'merge', '--quiet', '--ff-only', commit]);
}

/** As the remote says. Throws GitError when it does not. */
export async function defaultBranch(root: string, remote: string): Promise<string> {
  const answer = await git(root, ['ls-remote', '--symref', remote, 'HEAD']);
  const found = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(answer)?.[1];
  if (found === undefined) throw new GitError(`${remote} does not say what its default branch is; is it empty?`, 1);
  return found;
}

function refusal(code: string, message: string, hint: string): Problem {
  return { code, severity: 'error', message, hint };
}
