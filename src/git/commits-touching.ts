import { git } from './run-git.ts';

export interface TouchingCommit {
  readonly commit: string;
  /** ISO 8601. */
  readonly at: string;
  readonly author: string;
  readonly subject: string;
  /** Both names of a rename. */
  readonly paths: readonly string[];
}

/**
 * Commits of `head`'s own line that `from` (absent: nothing) does not contain and that change something below `folder`, newest first. A
 * merge is one commit, with all that it brought.
 */
export async function commitsTouching(root: string, { from, head, folder }: { readonly from?: string; readonly head: string; readonly folder: string }): Promise<readonly TouchingCommit[]> {
  const range = from === undefined ? [head] : [head, `^${from}`];
  const text = await git(root, ['log', '-z', '--first-parent', '-m', '--name-only', '--no-renames', '--no-color', '--format=%x01%H%x00%cI%x00%aN <%aE>%x00%s', ...range, '--', folder]);
  // Neither texts nor paths can hold a NUL, and every path begins with the folder: what begins with the mark is a commit.
  const found: (TouchingCommit & { readonly paths: string[] })[] = [];
  const parts = text.split('\0').map((part) => part.replace(/^\n/, ''));
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] ?? '';
    if (part.startsWith('\u0001')) {
      found.push({ commit: part.slice(1), at: parts[index + 1] ?? '', author: parts[index + 2] ?? '', subject: parts[index + 3] ?? '', paths: [] });
      index += 3;
    } else if (part.startsWith(`${folder}/`)) found.at(-1)?.paths.push(part);
  }
  return found;
}
