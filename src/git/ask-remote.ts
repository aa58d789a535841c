import { git, GitError } from './run-git.ts';

/** Heads that the remote has, as `ls-remote` writes them. Throws GitError, with a way on for those who cannot wait until it answers. */
export async function askRemote(root: string, remote: string, refs: readonly string[]): Promise<string> {
  try {
    return await git(root, ['ls-remote', '--heads', remote, ...refs]);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new GitError(error.message, error.code, 'soll plan --offline plans with what this clone saw last; in an emergency soll apply --emergency --reason TEXT --ticket ID --offline-record keeps the records here');
  }
}
