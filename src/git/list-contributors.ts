import { git } from './run-git.ts';

/** Mail addresses, as they stand in the commits (.mailmap is a file of the change itself). */
export interface Contributors {
  readonly emails: readonly string[];
}

/**
 * Authors, committers and co-authors of everything between two commits that touches these paths. Whoever merges without changing anything has
 * written nothing. `since`: empty for the whole history.
 */
export async function listContributors(root: string, since: string, commit: string, paths: readonly string[]): Promise<Contributors> {
  const range = since === '' ? [commit] : [`${since}..${commit}`];
  const list = (kind: string): Promise<string> => git(root, ['rev-list', '--full-history', kind, ...range, '--', ...paths]);
  const [plain, merges] = await Promise.all([list('--no-merges'), list('--merges')]);
  const ids = [...lines(plain), ...(await withOwnChanges(root, lines(merges), paths)).keys()];
  if (ids.length === 0) return { emails: [] };
  const text = await git(root, ['log', '--no-walk=unsorted', '--stdin', '--format=%ae%n%ce%n%(trailers:key=Co-authored-by,valueonly)'], { stdin: `${ids.join('\n')}\n` });
  const emails = lines(text).map((line) => /<([^<>]+)>\s*$/.exec(line)?.[1] ?? line.trim()).filter((email) => email !== '');
  return { emails: [...new Set(emails)].sort() };
}

/** Merges that differ from all their parents in one of the files, and in which. */
export async function withOwnChanges(root: string, merges: readonly string[], paths: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  if (merges.length === 0) return found;
  const text = await git(root, ['diff-tree', '--stdin', '-c', '-r', '--name-only', '-z', '--', ...paths], { stdin: `${merges.join('\n')}\n` });
  // Each id stands there, followed by its files if there are any.
  const known = new Set(merges);
  let merge = '';
  for (const part of text.split('\0').filter((each) => each !== '')) {
    if (known.has(part)) merge = part;
    else found.set(merge, [...found.get(merge) ?? [], part]);
  }
  return found;
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
