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
  const ids = [...lines(plain), ...await withOwnChanges(root, lines(merges), paths)];
  if (ids.length === 0) return { emails: [] };
  const text = await git(root, ['log', '--no-walk=unsorted', '--stdin', '--format=%ae%n%ce%n%(trailers:key=Co-authored-by,valueonly)'], { stdin: `${ids.join('\n')}\n` });
  const emails = lines(text).map((line) => /<([^<>]+)>\s*$/.exec(line)?.[1] ?? line.trim()).filter((email) => email !== '');
  return { emails: [...new Set(emails)].sort() };
}

/** Merges that differ from all their parents in one of the files. */
async function withOwnChanges(root: string, merges: readonly string[], paths: readonly string[]): Promise<readonly string[]> {
  if (merges.length === 0) return [];
  const text = await git(root, ['diff-tree', '--stdin', '-c', '-r', '--name-only', '--', ...paths], { stdin: `${merges.join('\n')}\n` });
  // Each id stands there, followed by its files if there are any.
  const [known, listed] = [new Set(merges), lines(text)];
  return listed.filter((line, index) => known.has(line) && listed[index + 1] !== undefined && !known.has(listed[index + 1] ?? ''));
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
