/** Giving and taking back approvals: the half of the work that people do on their own machines. */
import pLimit from 'p-limit';
import type { PlanNotice, SignedEntry } from '#core/approval-entry';
import type { Platform } from '#core/platform';
import type { AuditRecord } from '#core/audit-record';
import { GitError } from '#git/run-git';
import type { Text } from './approval/evaluate-approvals.ts';
import { inForce, lifetimeMs, type Policy } from './approval/policy.ts';
import { parseStatement } from './approval/statement.ts';
import { appendEntries, appendEntry, approvalBranch } from './approval-branch.ts';
import { judgeGroup, listApprovals, missingOf, type ApprovalList, type LeafWhy } from './approval-list.ts';
import { policyAt } from './approval-state.ts';
import { shownPlans, type ShownPlan, type ShownPlans, type ShowOptions } from './approve-shown.ts';
import { openAuditOf } from './audit-of.ts';
import { listBranches } from './audit/read-ledgers.ts';
import { leafFacts } from './approvals.ts';
import { branchesPlace, type BranchesPlace } from './each-branch.ts';
import { eachGroup, openFleet, type Fleet } from './fleet-groups.ts';
import { sign, signApproval } from './sign-approval.ts';
import type { Workspace } from './workspace.ts';

export type { ShownPlans } from './approve-shown.ts';

export interface ApproveOptions extends ShowOptions {
  readonly decision: 'approve' | 'reject';
  readonly reason?: string;
  readonly key: string | undefined;
  /** Asked when all of it was shown; `false`: nothing is signed. */
  readonly confirm: (shown: ShownPlans) => Promise<boolean>;
}

export type ApproveResult =
  | { readonly state: 'signed'; readonly fleet?: string; readonly customers: readonly SignedCustomer[]; readonly approver: string; readonly expires: string; readonly warnings: readonly Text[] }
  | { readonly state: 'declined' }
  | { readonly state: 'invalid' | 'stale'; readonly why: string; readonly hint: string };

export interface SignedCustomer {
  readonly customer: string;
  readonly digest: string;
  /** What is still not approved. */
  readonly missing: readonly LeafWhy[];
  /** Why the approval could not be noted there; it counts nothing then. */
  readonly unnoted?: string;
}

export async function approve(ws: Workspace, options: ApproveOptions): Promise<ApproveResult> {
  const { head, ...where } = await openPlace(ws);
  const fleet = await openFleet(ws, where, options.all || options.customers.length === 0 ? {} : { customers: options.customers });
  try {
    const shown = await shownPlans(fleet, options, head);
    if ('state' in shown) return shown;
    const policies = await policiesOf(fleet, shown, head);
    const [policy, ...others] = policies.filter(inForce);
    if (policy === undefined) return { state: 'invalid', why: 'soll.yaml has no approval rules: nobody asks for a signature', hint: 'soll apply --approve DIGEST, or write approval.rules into soll.yaml' };
    if (!(await options.confirm(shown))) return { state: 'declined' };
    return await signShown(ws, where, { shown, head, options, people: policy.people, lifetime: Math.min(...[policy, ...others].map(lifetimeMs)) });
  } finally {
    fleet.facts.close();
  }
}

async function openPlace(ws: Workspace): Promise<BranchesPlace & { readonly head: string }> {
  const place = await branchesPlace(ws);
  const head = await place.repo.head();
  if (head === undefined) throw new GitError('nothing is committed yet', 1);
  return { ...place, head };
}

async function policiesOf({ facts }: Fleet, { plans }: ShownPlans, head: string): Promise<readonly Policy[]> {
  const gathered = await facts.gather(plans.map(({ customer }) => ({ customer, entries: [], records: [], commits: [head] })));
  return Promise.all(plans.map(({ customer }) => gathered.policyAt(head, customer)));
}

interface Signing {
  readonly shown: ShownPlans;
  readonly head: string;
  readonly options: ApproveOptions;
  readonly people: Policy['people'];
  readonly lifetime: number;
}

/** One statement, noted with every customer that it is about. */
async function signShown(ws: Workspace, where: BranchesPlace, { shown: { plans, fleet }, head, options, people, lifetime }: Signing): Promise<ApproveResult> {
  const signed = await signApproval(ws, {
    people, key: options.key, commit: plans[0]?.commit ?? head, decision: options.decision, lifetimeMs: lifetime,
    customers: Object.fromEntries(plans.map(({ customer, digest, leaves }) => [customer, fleet === undefined ? { digest, leaves: leaves.map((leaf) => leaf.digest) } : { digest }])),
    ...(fleet === undefined ? {} : { fleet }), ...(options.reason === undefined ? {} : { reason: options.reason }),
  });
  const approval = entryOf('approval', signed);
  const unnoted = await noteEach(ws, where, plans.map((each) => ({
    // So that whoever looks later sees what was signed; without a pull request no review can refer to it.
    customer: each.customer, entries: [...(each.plan === undefined ? [] : [noticeOf(each, head, signed.at, fleet)]), approval],
  })));
  const judged = await judgeShown(ws, where, plans);
  return {
    state: 'signed', ...(fleet === undefined ? {} : { fleet }), approver: signed.approver, expires: signed.expires, warnings: judged.warnings,
    customers: plans.map(({ customer, digest }) => {
      const why = unnoted.get(customer);
      return { customer, digest, missing: judged.missing.get(customer) ?? [], ...(why === undefined ? {} : { unnoted: why }) };
    }),
  };
}

function noticeOf({ customer, digest, commit, plan }: ShownPlan, base: string, at: string, fleet: string | undefined): PlanNotice {
  return { type: 'plan', customer, commit, base, digest, leaves: plan === undefined ? [] : leafFacts(plan), at, ...(fleet === undefined ? {} : { fleet }) };
}

function entryOf(type: SignedEntry['type'], { statement, signature, at }: Pick<SignedEntry, 'statement' | 'signature' | 'at'>): SignedEntry {
  return { type, statement, signature, at };
}

/** Each asks the remote with processes of its own: not a thousand at once. */
const atOnce = 8;

/** By customer why it could not be done there. With one customer that is an error like any other. */
async function noteEach(ws: Workspace, { repo, remote }: BranchesPlace, notes: readonly { readonly customer: string; readonly entries: readonly (PlanNotice | SignedEntry)[] }[]): Promise<ReadonlyMap<string, string>> {
  const limit = pLimit(atOnce);
  const failed = new Map<string, string>();
  await Promise.all(notes.map(({ customer, entries }) => limit(async () => {
    try {
      await appendEntries(approvalBranch(ws, repo, customer, remote), entries);
    } catch (error) {
      if (notes.length === 1 || !(error instanceof GitError)) throw error;
      failed.set(customer, error.message);
    }
  })));
  return failed;
}

async function judgeShown(ws: Workspace, where: BranchesPlace, plans: readonly ShownPlan[]): Promise<{ readonly missing: ReadonlyMap<string, readonly LeafWhy[]>; readonly warnings: readonly Text[] }> {
  const fleet = await openFleet(ws, where, { customers: plans.map(({ customer }) => customer) });
  const shown = new Map(plans.map((each) => [each.customer, each]));
  const missing = new Map<string, readonly LeafWhy[]>();
  const warnings = new Map<string, Text>();
  try {
    await eachGroup(fleet, [...shown.keys()], async (group) => {
      const judge = await judgeGroup(fleet, group, ({ customer }) => { const each = shown.get(customer); return each === undefined ? [] : [each]; });
      for (const { customer, audit } of group) {
        const each = shown.get(customer);
        if (each === undefined) continue;
        if (!('audit' in audit)) throw new GitError(audit.damaged, 1);
        const { evaluation } = await judge.plan(each, audit.audit.records);
        missing.set(customer, missingOf(evaluation));
        for (const warning of evaluation.warnings) warnings.set(warning.en, warning);
      }
    });
  } finally {
    fleet.facts.close();
  }
  return { missing, warnings: [...warnings.values()] };
}

export interface WithdrawOptions {
  /** Names; empty with `all`. */
  readonly customers: readonly string[];
  readonly all: boolean;
  /** Of a plan, or of a set. */
  readonly digest: string;
  readonly reason?: string;
  readonly key: string | undefined;
}

/** Takes back everything that this person has said until now about a plan, or about those of a set. Throws GitError when nothing was said about it. */
export async function withdraw(ws: Workspace, { customers, all, digest, reason, key }: WithdrawOptions): Promise<{ readonly approver: string; readonly customers: readonly string[] }> {
  const { head, ...where } = await openPlace(ws);
  const fleet = await openFleet(ws, where, all ? {} : { customers });
  try {
    const parts = await partsOf(fleet, all ? fleet.branches.customers(fleet.approvals) : customers, digest);
    const [only, ...others] = customers;
    if (parts.length === 0 && (all || only === undefined || others.length > 0)) throw new GitError(`nothing was signed under ${digest}; soll approvals lists what was`, 1);
    const { people } = await policyAt(where.repo, head, parts[0]?.[0] ?? only ?? '');
    const about = parts.length === 0 && only !== undefined ? { customer: only, digest } : { customers: Object.fromEntries(parts) };
    const signed = await sign(ws, { people, key }, (approver, at) => ({ type: 'soll-withdrawal', version: 1, approver, at, ...about, ...(reason === undefined ? {} : { reason }) }));
    const names = 'customer' in about ? [about.customer] : Object.keys(about.customers);
    const failed = await noteEach(ws, where, names.map((customer) => ({ customer, entries: [entryOf('withdrawal', signed)] })));
    const [first] = failed;
    if (first !== undefined) throw new GitError(`it could not be taken back at ${[...failed.keys()].join(', ')}: ${first[1]}`, 1);
    return { approver: signed.approver, customers: names };
  } finally {
    fleet.facts.close();
  }
}

/** Customers and digests of their plans, of what was signed as this set. */
async function partsOf({ facts }: Fleet, customers: readonly string[], digest: string): Promise<readonly (readonly [string, string])[]> {
  const entries = await facts.readEntries(customers);
  return [...entries].flatMap(([customer, each]) => {
    const said = each.flatMap((entry) => (entry.type === 'approval' ? parseStatement(entry.statement) ?? [] : [])).find((statement) => statement.type === 'soll-approval' && statement.fleet === digest);
    const part = said?.type === 'soll-approval' ? said.customers[customer]?.digest : undefined;
    return part === undefined ? [] : [[customer, part] as const];
  });
}

/** The second look at an emergency. Throws GitError when there is none of this name, or when it would be the same person's. */
export async function reviewRun(ws: Workspace, { run, reason, key }: { readonly run: string; readonly reason: string; readonly key: string | undefined }): Promise<{ readonly customer: string; readonly approver: string }> {
  const { repo, prefix, remote, head } = await openPlace(ws);
  for (const customer of await listBranches({ root: repo.root, prefix, remote })) {
    const { records } = await openAuditOf(ws, repo, customer, { prefix, remote });
    const open = records.find((record: AuditRecord) => record.type === 'open' && record.run === run);
    if (open?.type !== 'open') continue;
    if (open.emergency === undefined) throw new GitError(`run ${run} was no emergency: there is nothing to review`, 1);
    const { people } = await policyAt(repo, head, customer);
    const signed = await sign(ws, { people, key }, (approver, at) => ({ type: 'soll-review', version: 1, approver, at, customer, run, digest: open.digest, reason }));
    if (open.approvals.some(({ approver }) => approver === signed.approver)) throw new GitError(`${signed.approver} has applied it; a second person has to look at it`, 1);
    await appendEntry(approvalBranch(ws, repo, customer, remote), entryOf('review', signed));
    return { customer, approver: signed.approver };
  }
  throw new GitError(`there is no run ${run}; soll log lists them`, 1);
}

/** What is approved of what was shown; `platform`: where reviews count besides signatures. */
export async function approvalsOf(ws: Workspace, wanted: readonly string[], platform?: () => Promise<Platform>): Promise<ApprovalList> {
  const { head: _head, ...where } = await openPlace(ws);
  return listApprovals(ws, where, wanted, platform);
}
