/** Records and approvals of many customers, some at a time: no process for each, and not all of them in memory. */
import type { ApprovalEntry } from '#core/approval-entry';
import type { Platform } from '#core/platform';
import { openBranches, type OpenBranches } from '#git/open-branches';
import { readAudits, type ReadAudit } from './audit/read-audits.ts';
import { openFleetFacts, type FleetFacts } from './approval-facts.ts';
import type { ApprovalPlace } from './approval-state.ts';
import type { BranchesPlace } from './each-branch.ts';
import { observedPrefix } from './observed.ts';
import type { Workspace } from './workspace.ts';

export interface Fleet {
  readonly ws: Workspace;
  readonly where: BranchesPlace;
  readonly approvals: string;
  readonly observed: string;
  readonly branches: OpenBranches;
  readonly facts: FleetFacts;
  readonly place: ApprovalPlace;
}

export interface FleetMember {
  readonly customer: string;
  readonly audit: ReadAudit;
  readonly entries: readonly ApprovalEntry[];
}

/** So many customers' records are in memory at once. */
const groupSize = 64;

export function approvalsPrefix(ws: Workspace): string {
  return ws.lab ? 'approvals-lab' : 'approvals';
}

/** `customers`: absent, all. To be closed. */
export async function openFleet(ws: Workspace, where: BranchesPlace, options: { readonly customers?: readonly string[]; readonly platform?: () => Promise<Platform> } = {}): Promise<Fleet> {
  const [approvals, observed] = [approvalsPrefix(ws), observedPrefix(ws)];
  const branches = await openBranches({ repo: where.repo, remote: where.remote, growing: [where.prefix, approvals], replaced: [observed], ...(options.customers === undefined ? {} : { customers: options.customers }) });
  const place: ApprovalPlace = { ws, repo: where.repo, remote: where.remote, platform: options.platform };
  return { ws, where, approvals, observed, branches, place, facts: openFleetFacts(place, branches, approvals) };
}

export async function eachGroup(fleet: Fleet, customers: readonly string[], run: (group: readonly FleetMember[]) => Promise<void>): Promise<void> {
  for (let from = 0; from < customers.length; from += groupSize) await run(await readGroup(fleet, customers.slice(from, from + groupSize)));
}

async function readGroup({ where, approvals, branches, facts }: Fleet, customers: readonly string[]): Promise<readonly FleetMember[]> {
  const { prefix, repo } = where;
  const broken = new Map(customers.map((customer) => [customer, branches.broken(prefix, customer) ?? branches.broken(approvals, customer)]));
  const sound = customers.filter((customer) => broken.get(customer) === undefined);
  const [audits, entries] = await Promise.all([readAudits(repo.root, sound.map((customer) => ({ customer, branch: `${prefix}/${customer}`, head: branches.head(prefix, customer) }))), facts.readEntries(sound)]);
  const read = new Map(audits.map((audit) => [audit.customer, audit]));
  return customers.map((customer) => ({ customer, entries: entries.get(customer) ?? [], audit: read.get(customer) ?? { customer, damaged: broken.get(customer) ?? '' } }));
}
