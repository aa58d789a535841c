/** What this clone knows of branches without asking anybody: its own, and the remote's as it saw them last. */
import { notContained } from './not-contained.ts';
import { git } from './run-git.ts';

export interface SeenHead {
  /** The end that counts: of this clone's branch where it is ahead of everything seen, otherwise the newest that was seen. */
  readonly id: string;
  /** This clone's own branch, wherever it stands. */
  readonly local?: string;
  /** Newest end of the remote's branch that this clone has seen. */
  readonly remote?: string;
  /** When that was committed, ISO 8601. */
  readonly remoteAt?: string;
  /** This clone's branch holds something that was never seen at the remote. */
  readonly ahead: boolean;
}

export interface SeenPlace {
  readonly root: string;
  /** What the branches' names begin with, without the slash. */
  readonly prefix: string;
  /** Its remote-tracking branches count as seen, too. */
  readonly remote: string | undefined;
  /** Only this one, by the rest of its name. */
  readonly name?: string;
}

interface Known {
  local?: string;
  seen: { readonly id: string; readonly at: string }[];
}

/** By what comes after the prefix. At most four processes, for any number of branches. */
export async function seenHeads(place: SeenPlace): Promise<ReadonlyMap<string, SeenHead>> {
  const { root, remote } = place;
  const known = await knownRefs(place);
  const all = [...known.values()];
  const locals = all.flatMap(({ local, seen }) => (local === undefined || remote === undefined || seen.some(({ id }) => id === local) ? [] : [local]));
  const ahead = new Set(await notContained(root, locals, all.flatMap(({ seen }) => seen.map(({ id }) => id))));
  const newest = await newestFirst(root, all.filter(({ seen }) => new Set(seen.map(({ id }) => id)).size > 1).flatMap(({ seen }) => seen.map(({ id }) => id)));
  return new Map([...known].flatMap(([name, { local, seen }]): [string, SeenHead][] => {
    const last = [...seen].sort((a, b) => (newest.get(a.id) ?? 0) - (newest.get(b.id) ?? 0))[0];
    const isAhead = local !== undefined && ahead.has(local);
    // Without a remote there is only this one.
    const id = isAhead || last === undefined ? local : last.id;
    return id === undefined ? [] : [[name, { id, ...(local === undefined ? {} : { local }), ...(last === undefined ? {} : { remote: last.id, remoteAt: last.at }), ahead: isAhead }]];
  }));
}

async function knownRefs({ root, prefix, remote, name }: SeenPlace): Promise<ReadonlyMap<string, Known>> {
  const own = 'refs/heads';
  const spaces = [own, 'refs/soll', 'refs/soll/fetched', ...(remote === undefined ? [] : [`refs/remotes/${remote}`])];
  const text = await git(root, ['for-each-ref', '--format=%(objectname) %(committerdate:iso-strict) %(refname)', ...spaces.map((space) => `${space}/${prefix}/${name ?? ''}`)]);
  const known = new Map<string, Known>();
  for (const line of text.split('\n')) {
    const [id = '', at = '', ref = ''] = line.split(' ');
    const space = spaces.find((each) => ref.startsWith(`${each}/${prefix}/`));
    if (space === undefined) continue;
    const rest = ref.slice(`${space}/${prefix}/`.length);
    const entry = known.get(rest) ?? { seen: [] };
    if (space === own) entry.local = id;
    else entry.seen.push({ id, at });
    known.set(rest, entry);
  }
  return known;
}

/** Ranks in which every commit comes before those that it continues, whatever dates they bear. */
async function newestFirst(root: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (ids.length === 0) return new Map();
  const text = await git(root, ['rev-list', '--topo-order', '--stdin'], { stdin: `${[...new Set(ids)].join('\n')}\n` });
  return new Map(text.split('\n').map((id, index) => [id, index]));
}
