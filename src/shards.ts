/** Which customers a CI has to look at, as jobs: from files and Git alone, no device is asked. */
import type { Problem } from '#contract';
import { compareText } from '#core/canonical';
import { GitError } from '#git/run-git';
import { baselineOf } from './approval-state.ts';
import { isCustomerName } from './desired/load-desired.ts';
import { didYouMean } from './desired/suggest.ts';
import { branchesPlace, type BranchesPlace } from './each-branch.ts';
import { eachGroup, openFleet, type FleetMember } from './fleet-groups.ts';
import { shardsOf, type Shard } from './rollout/shards-of.ts';
import { openWaiting, type Waits } from './status.ts';
import { scopeSince } from './world.ts';
import type { Selection, Workspace } from './workspace.ts';

export interface ShardOptions extends Pick<Selection, 'customers' | 'changedSince'> {
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
  const selected = options.pending ? await pendingOf(ws, place, head, changed) : changed;
  if (options.rings && place.settings.rollout !== undefined && selected.length > 1) return { shards: [{ shard: 'rings', customers: selected }], problems };
  return { shards: shardsOf(fleet, new Set(selected), options.max), problems };
}

function foldersOf(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.flatMap((path) => {
    const [top, name, ...rest] = path.split('/');
    return top === 'customers' && name !== undefined && rest.length > 0 ? [name] : [];
  }))].sort(compareText);
}

async function pendingOf(ws: Workspace, place: BranchesPlace, head: string, customers: readonly string[]): Promise<readonly string[]> {
  const [fleet, waiting] = [await openFleet(ws, place, { customers }), await openWaiting(place.repo, head)];
  const pending: string[] = [];
  try {
    await eachGroup(fleet, customers, async (group) => {
      for (const member of group) if (await isPending(member, waiting)) pending.push(member.customer);
    });
  } finally {
    fleet.facts.close();
  }
  return pending;
}

/**
 * Something is open, unknown or left out; commits touch the customer since everything was applied; or somebody has approved something since the
 * last record (that is how a drift is put back). A damaged record is for the run to tell.
 */
async function isPending({ customer, audit, entries }: FleetMember, waiting: Waits): Promise<boolean> {
  if ('damaged' in audit) return true;
  const { records, ledger } = audit.audit;
  const last = records.at(-1);
  if (last?.type !== 'close' || Object.keys(ledger.held).length > 0) return true;
  const { since } = baselineOf(records);
  if (since === '' || (await waiting(customer, { commit: since }))?.length !== 0) return true;
  return entries.some(({ type, at }) => type === 'approval' && Date.parse(at) > Date.parse(last.at));
}
