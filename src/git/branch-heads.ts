/** Heads of the branches that each customer has one of (`audit/<customer>` and its like), for many customers at once. */
import { askRemote } from './ask-remote.ts';
import { git } from './run-git.ts';

export type Heads = ReadonlyMap<string, string>;

/** Above this many names a pattern is shorter than the list. */
const namedAtMost = 50;

export async function localHeads(root: string, prefix: string, space = 'refs/heads/'): Promise<Heads> {
  const text = await git(root, ['for-each-ref', '--format=%(objectname) %(refname:lstrip=2)', `${space}${prefix}/`]);
  return parseHeads(text, ' ', `${prefix}/`);
}

/** By prefix, through one process. `customers`: only these are needed; absent: all. */
export async function remoteHeads(root: string, prefixes: readonly string[], remote: string, customers: readonly string[] | undefined): Promise<ReadonlyMap<string, Heads>> {
  const names = patternsOf(customers);
  const text = names.length === 0 ? '' : await askRemote(root, remote, prefixes.flatMap((prefix) => names.map((name) => `refs/heads/${prefix}/${name}`)));
  return new Map(prefixes.map((prefix) => [prefix, parseHeads(text, '\t', `refs/heads/${prefix}/`)]));
}

/** Brings them here, through one process, under refs of our own: a pattern needs a place to go to, and what only FETCH_HEAD knows may be collected as garbage. */
export async function fetchHeads(root: string, remote: string, wanted: ReadonlyMap<string, readonly string[]>): Promise<void> {
  const specs = [...wanted].flatMap(([prefix, customers]) => patternsOf(customers).map((name) => `+refs/heads/${prefix}/${name}:refs/soll/fetched/${prefix}/${name}`));
  if (specs.length > 0) await git(root, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, ...specs]);
}

function patternsOf(customers: readonly string[] | undefined): readonly string[] {
  return customers === undefined || customers.length > namedAtMost ? ['*'] : customers;
}

export function parseHeads(text: string, separator: string, prefix: string): Heads {
  return new Map(text.split('\n').flatMap((line): [string, string][] => {
    const [id = '', name = ''] = line.split(separator);
    return name.startsWith(prefix) ? [[name.slice(prefix.length), id]] : [];
  }));
}
