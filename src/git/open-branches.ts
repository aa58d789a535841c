import { fetchHeads, localHeads, remoteHeads, type Heads } from './branch-heads.ts';
import { missingCommits } from './missing-commits.ts';
import type { Repo } from './open-repo.ts';
import { tryGit } from './run-git.ts';

export interface BranchesWanted {
  readonly repo: Repo;
  readonly remote: string | undefined;
  /** Prefixes of branches that only grow: what this clone has seen of them must still be there. */
  readonly growing: readonly string[];
  /** Prefixes of branches that are replaced as a whole. */
  readonly replaced: readonly string[];
  /** Absent: all there are. */
  readonly customers?: readonly string[];
}

/** Branches of many customers as they stand now, with all that they hold in this clone. */
export interface OpenBranches {
  /** Customers that have one, sorted. */
  customers(prefix: string): readonly string[];
  /** Commit; `undefined` where there is none. */
  head(prefix: string, customer: string): string | undefined;
  /** Why what is there does not count: it was rewritten, or has vanished. */
  broken(prefix: string, customer: string): string | undefined;
}

/** A handful of processes and two questions to the remote, for any number of customers. Throws GitError when the remote cannot be asked. */
export async function openBranches(wanted: BranchesWanted): Promise<OpenBranches> {
  const { repo: { root }, remote, growing, replaced, customers } = wanted;
  const prefixes = [...growing, ...replaced];
  const heads: ReadonlyMap<string, Heads> = remote === undefined ? new Map(await Promise.all(prefixes.map(async (prefix) => [prefix, await localHeads(root, prefix)] as const))) : await remoteHeads(root, prefixes, remote, customers);
  if (remote !== undefined) await fetchMissing(root, remote, heads);
  const broken = remote === undefined ? new Map<string, string>() : await continuity(wanted, heads, remote);
  return {
    customers: (prefix) => [...heads.get(prefix)?.keys() ?? []].sort(),
    head: (prefix, customer) => heads.get(prefix)?.get(customer),
    broken: (prefix, customer) => broken.get(`${prefix}/${customer}`),
  };
}

async function fetchMissing(root: string, remote: string, heads: ReadonlyMap<string, Heads>): Promise<void> {
  const missing = new Set(await missingCommits(root, [...heads.values()].flatMap((each) => [...each.values()])));
  await fetchHeads(root, remote, new Map([...heads].map(([prefix, each]) => [prefix, [...each].filter(([, head]) => missing.has(head)).map(([customer]) => customer)])));
}

/** Rolled back, a branch would make old approvals and old state good again. By full name of the branch. */
async function continuity({ repo, growing, customers }: BranchesWanted, heads: ReadonlyMap<string, Heads>, remote: string): Promise<ReadonlyMap<string, string>> {
  const { root } = repo;
  const known = await Promise.all(growing.map(async (prefix) => [prefix, await localHeads(root, prefix, 'refs/soll/')] as const));
  const moved = known.flatMap(([prefix, each]) => [...each].filter(([customer]) => customers?.includes(customer) !== false).map(([customer, before]) => ({ name: `${prefix}/${customer}`, before, now: heads.get(prefix)?.get(customer) }))).filter(({ before, now }) => before !== now);
  // Each branch is a history of its own, so that all can be asked about at once.
  const gone = new Set(await repo.notContained(moved.map(({ before }) => before), moved.flatMap(({ now }) => now ?? [])));
  const whole = moved.filter(({ before, now }) => now !== undefined && !gone.has(before));
  // So that it is not asked again next time. Whoever was faster has noted something newer.
  if (whole.length > 0) await tryGit(root, ['update-ref', '--stdin'], { stdin: whole.map(({ name, before, now }) => `update refs/soll/${name} ${now ?? ''} ${before}\n`).join('') });
  return new Map(moved.filter((each) => !whole.includes(each)).map(({ name, before, now }) => [name, now === undefined
    ? `${name} has vanished from ${remote}; this clone knows it up to ${before.slice(0, 12)}. Push it back: git push ${remote} ${before}:refs/heads/${name}`
    : `${name} on ${remote} does not continue what this clone knows (${before.slice(0, 12)}): its history was rewritten. Run \`soll audit verify\` and ask who did`]));
}
