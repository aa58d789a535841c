/** Which customers a CI has to look at, as jobs: from files and Git alone, no device is asked. */
import pLimit from 'p-limit';
import type { Problem } from '#contract';
import type { AuditRecord } from '#core/audit-record';
import { compareText } from '#core/canonical';
import { commitsTouching } from '#git/commits-touching';
import { GitError } from '#git/run-git';
import { baselineOf, readEntries } from './approval-state.ts';
import { openAuditOf } from './audit-of.ts';
import { isCustomerName } from './desired/load-desired.ts';
import { didYouMean } from './desired/suggest.ts';
import { branchesPlace, type BranchesPlace } from './each-branch.ts';
import { shardsOf, type Shard } from './rollout/shards-of.ts';
import { scopeSince } from './world.ts';
import type { Selection, Workspace } from './workspace.ts';

export interface ShardOptions extends Pick<Selection, 'customers' | 'changedSince' | 'concurrency'> {
  /** Only customers with something that was not applied yet. */
  readonly pending: boolean;
  /** Where soll.yaml has rings, one shard: one command must see a ring end before it begins the next. */
  readonly rings: boolean;
  readonly max: number;
}

export interface ShardsResult {
  readonly shards: readonly Shard[];
  readonly problems: readonly Problem[];
}

/** Throws GitError when the remote cannot be asked. */
export async function shards(ws: Workspace, options: ShardOptions): Promise<ShardsResult> {
  const place = await branchesPlace(ws);
  const head = await place.repo.head();
  if (head === undefined) throw new GitError('nothing is committed yet', 1);
  const source = await place.repo.treeSource(head);
  const folders = foldersOf((await source.list()).map(({ path }) => path));
  // A name becomes part of a job's name and of its arguments. One that is none hinders nobody else.
  const fleet = folders.filter(isCustomerName);
  const strange = folders.filter((name) => !isCustomerName(name)).map((name): Problem => ({ code: 'customer.name', severity: 'warning', message: `customers/${JSON.stringify(name.slice(0, 80))} is no name of a customer and gets no job`, hint: 'soll validate tells what a name may be' }));
  const unknown = options.customers.filter((name) => !fleet.includes(name)).map((name): Problem => ({ code: 'customer.unknown', severity: 'error', message: `there is no customer ${JSON.stringify(name.slice(0, 80))} in customers/`, hint: didYouMean(name, fleet) }));
  const problems = [...strange, ...unknown];
  if (unknown.length > 0) return { shards: [], problems };
  const named = fleet.filter((name) => options.customers.length === 0 || options.customers.includes(name));
  const scope = options.changedSince === undefined ? undefined : await scopeSince(place.repo, { commit: head, source }, options.changedSince, 'plan');
  const changed = named.filter((name) => scope === undefined || scope.customers.includes(name));
  const selected = options.pending ? await pendingOf(ws, place, head, changed, options.concurrency) : changed;
  if (options.rings && place.settings.rollout !== undefined && selected.length > 1) return { shards: [{ shard: 'rings', customers: selected }], problems };
  return { shards: shardsOf(fleet, new Set(selected), options.max), problems };
}

function foldersOf(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.flatMap((path) => {
    const [top, name, ...rest] = path.split('/');
    return top === 'customers' && name !== undefined && rest.length > 0 ? [name] : [];
  }))].sort(compareText);
}

async function pendingOf(ws: Workspace, place: BranchesPlace, head: string, customers: readonly string[], concurrency: number): Promise<readonly string[]> {
  const limit = pLimit(concurrency);
  const pending = await Promise.all(customers.map((customer) => limit(() => isPending(ws, place, head, customer))));
  return customers.filter((_, index) => pending[index]);
}

/**
 * Something is open, unknown or left out; commits touch the customer since everything was applied; or somebody has approved something since the
 * last record (that is how a drift is put back). A damaged record is for the run to tell.
 */
async function isPending(ws: Workspace, { repo, prefix, remote }: BranchesPlace, head: string, customer: string): Promise<boolean> {
  let records: readonly AuditRecord[];
  try {
    const audit = await openAuditOf(ws, repo, customer, { prefix, remote });
    if (audit.unfinished !== undefined || audit.held.length > 0) return true;
    ({ records } = audit);
  } catch (error) {
    if (error instanceof GitError) return true;
    throw error;
  }
  const { since } = baselineOf(records);
  if (since === '' || !(await repo.isAncestor(since, head).catch(() => false))) return true;
  if ((await commitsTouching(ws.root, { from: since, head, folder: `customers/${customer}` })).length > 0) return true;
  const last = Date.parse(records.at(-1)?.at ?? '');
  return (await readEntries({ ws, repo, remote, platform: undefined }, customer)).some(({ type, at }) => type === 'approval' && Date.parse(at) > last);
}
