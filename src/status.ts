/** The fleet at a glance, from Git alone: no device is asked. Joins the audit branches with the history of the files. */
import pLimit from 'p-limit';
import { compareText } from '#core/canonical';
import type { CustomerStatus, WaitingCommit } from '#core/fleet-status';
import type { Repo } from '#git/open-repo';
import { commitsTouching } from '#git/commits-touching';
import { GitError } from '#git/run-git';
import { assessStatus, sortStatus } from './audit/assess-status.ts';
import type { Audit } from './audit/open-audit.ts';
import { listBranches } from './audit/read-ledgers.ts';
import { openAuditOf } from './audit-of.ts';
import { branchesPlace, type BranchesPlace } from './each-branch.ts';
import type { Workspace } from './workspace.ts';

export interface FleetStatus {
  /** Worst first. */
  readonly customers: readonly CustomerStatus[];
  /** Names that were asked for and are nowhere. */
  readonly unknown: readonly string[];
}

type Opened = { readonly customer: string; readonly audit: Pick<Audit, 'records' | 'ledger'> } | { readonly customer: string; readonly damaged: string };

/** Of these customers, or of all that are written or have an audit branch. Throws GitError when the remote cannot be asked. */
export async function fleetStatus(ws: Workspace, wanted: readonly string[]): Promise<FleetStatus> {
  const place = await branchesPlace(ws);
  const head = await place.repo.head();
  const [written, audited] = await Promise.all([writtenCustomers(place.repo, head), listBranches({ root: ws.root, prefix: place.prefix, remote: place.remote })]);
  const known = [...new Set([...written, ...audited])].sort(compareText);
  const names = wanted.length === 0 ? known : known.filter((name) => wanted.includes(name));
  const limit = pLimit(8);
  const opened = await Promise.all(names.map((customer) => limit(() => openOne(ws, place, customer))));
  const waiting = await waitingCommits(ws, place.repo, head, opened);
  const customers = opened.map((each): CustomerStatus => {
    const { customer } = each;
    const own = waiting.get(customer);
    if ('damaged' in each) return { customer, state: 'damaged', why: each.damaged, held: [], incomplete: [], leftOver: 0, waiting: [], resources: 0 };
    return assessStatus({ customer, written: written.has(customer), records: each.audit.records, ledger: each.audit.ledger, contained: own !== undefined, waiting: own ?? [] });
  });
  return { customers: sortStatus(customers), unknown: wanted.filter((name) => !known.includes(name)) };
}

async function writtenCustomers(repo: Repo, head: string | undefined): Promise<ReadonlySet<string>> {
  const source = head === undefined ? repo.folderSource() : await repo.treeSource(head);
  return new Set((await source.list()).flatMap(({ path }) => {
    const [top, name, file] = path.split('/');
    return top === 'customers' && name !== undefined && file !== undefined ? [name] : [];
  }));
}

/** One damaged branch does not hide the others. */
async function openOne(ws: Workspace, { repo, prefix, remote }: BranchesPlace, customer: string): Promise<Opened> {
  try {
    return { customer, audit: await openAuditOf(ws, repo, customer, { prefix, remote }) };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    return { customer, damaged: error.message };
  }
}

/** By customer what was not applied yet; no entry: what was applied last is not part of this branch. One process for each commit that was applied last somewhere. */
async function waitingCommits(ws: Workspace, repo: Repo, head: string | undefined, opened: readonly Opened[]): Promise<ReadonlyMap<string, readonly WaitingCommit[]>> {
  const sound = opened.flatMap((each) => ('audit' in each ? [{ customer: each.customer, commit: each.audit.ledger.commit }] : []));
  if (head === undefined) return new Map(sound.map(({ customer }) => [customer, []]));
  const outside = new Set(await repo.notContained(sound.flatMap(({ commit }) => (commit === '' ? [] : [commit])), [head]));
  const commits = [...new Set(sound.map(({ commit }) => commit))].filter((commit) => !outside.has(commit));
  const limit = pLimit(4);
  const found = new Map(await Promise.all(commits.map((commit) => limit(async () => [commit, await commitsTouching(ws.root, { ...(commit === '' ? {} : { from: commit }), head, folder: 'customers' })] as const))));
  return new Map(sound.filter(({ commit }) => !outside.has(commit)).map(({ customer, commit }) => [
    customer,
    (found.get(commit) ?? []).filter(({ paths }) => paths.some((path) => path.startsWith(`customers/${customer}/`))).map(({ paths: _paths, ...each }) => each),
  ]));
}
