import { askRemote } from './ask-remote.ts';
import { GitError, tryGit } from './run-git.ts';

/** The other side does not want it there: a protected branch, a hook, no rights. It has not arrived. */
export class PushRefused extends GitError {}

export interface PushedCommit {
  readonly root: string;
  readonly remote: string;
  /** Branch on the remote. */
  readonly name: string;
  readonly commit: string;
  /** Absent: forward only. Else the branch is replaced, if this commit still stands there (`''`: if there is no such branch). */
  readonly replaces?: string;
}

export async function remoteHead(root: string, remote: string, name: string): Promise<string | undefined> {
  const text = await askRemote(root, remote, [`refs/heads/${name}`]);
  return text === '' ? undefined : text.split('\t')[0];
}

/**
 * A push is a compare-and-swap: the other side refuses what is not a fast-forward, or what does not replace the commit that was named. `moved`:
 * somebody else was faster, nothing has changed. Throws PushRefused when it is not wanted there, GitError when the outcome cannot be told.
 */
export async function pushCommit({ root, remote, name, commit, replaces }: PushedCommit): Promise<'done' | 'moved'> {
  const lease = replaces === undefined ? [] : [`--force-with-lease=refs/heads/${name}:${replaces}`];
  const result = await tryGit(root, ['push', '--porcelain', '--no-verify', ...lease, remote, `${commit}:refs/heads/${name}`]);
  if (result.code === 0) return 'done';
  const text = `${result.stdout.toString('utf8')}\n${result.stderr}`;
  // The answer may have been lost after the push arrived: ask.
  const now = await remoteHead(root, remote, name);
  if (now === commit) return 'done';
  if (/\[rejected\]|non-fast-forward|fetch first|stale info|failed to update ref|cannot lock ref|reference already exists/.test(text)) return 'moved';
  const why = `git push ${name}: ${result.stderr.trim().split('\n').find((line) => /error|fatal|remote:|denied/i.test(line)) ?? text.trim().slice(0, 200)}`;
  throw /\[remote rejected\]|denied|protected|not allowed/i.test(text) ? new PushRefused(why, result.code) : new GitError(why, result.code);
}
