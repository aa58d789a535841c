/** Giving, taking back and listing approvals: the half of the work that people do on their own machines. */
import { readFile } from 'node:fs/promises';
import type { RiskLevel } from '#contract';
import type { PlanNotice, SignedEntry } from '#core/approval-entry';
import type { AuditRecord } from '#core/audit-record';
import type { Plan } from '#core/model';
import { missingCommits } from '#git/missing-commits';
import type { Repo } from '#git/open-repo';
import { GitError } from '#git/run-git';
import { evaluateApprovals, type Refused, type Text } from './approval/evaluate-approvals.ts';
import { inForce, lifetimeMs, type LeafFacts } from './approval/policy.ts';
import { appendEntry, approvalBranch } from './approval-branch.ts';
import { approvalState, policyAt, readEntries, usedApprovals, type ApprovalPlace } from './approval-state.ts';
import { listBranches } from './audit/read-ledgers.ts';
import { openAuditOf } from './audit-of.ts';
import { leafFacts } from './approvals.ts';
import { branchesPlace, type BranchesPlace } from './each-branch.ts';
import { plan as makePlan } from './pipeline.ts';
import { leavesMatchDigest } from './plan/match-approval.ts';
import { parseSaved, readSavedPlans } from './saved-plans.ts';
import { sign, signApproval } from './sign-approval.ts';
import { emergencies } from './verify-approvals.ts';
import type { PlanOptions, Workspace } from './workspace.ts';

/** What somebody is asked about: either the plan as it is now, or what CI has noted that it showed. */
export interface ShownPlan {
  readonly customer: string;
  readonly digest: string;
  readonly commit: string;
  readonly leaves: readonly LeafFacts[];
  readonly plan?: Plan;
  readonly notice?: PlanNotice;
}

export interface ApproveOptions extends Pick<PlanOptions, 'concurrency' | 'base' | 'allowDeletes'> {
  readonly customer: string | undefined;
  readonly digest: string;
  readonly decision: 'approve' | 'reject';
  readonly reason?: string;
  readonly key: string | undefined;
  readonly planFiles: readonly string[];
  /** Asked when the plan was shown; `false`: nothing is signed. */
  readonly confirm: (shown: ShownPlan) => Promise<boolean>;
}

export type ApproveResult =
  | { readonly state: 'signed'; readonly shown: ShownPlan; readonly approver: string; readonly expires: string; readonly missing: readonly LeafWhy[]; readonly warnings: readonly Text[] }
  | { readonly state: 'declined' }
  | { readonly state: 'invalid' | 'stale'; readonly why: string; readonly hint: string };

export interface LeafWhy {
  readonly addresses: readonly string[];
  readonly risk: RiskLevel;
  readonly why: Text;
}

export async function approve(ws: Workspace, options: ApproveOptions): Promise<ApproveResult> {
  const { repo, prefix, remote, head } = await openPlace(ws);
  const customer = options.customer ?? await customerOf(repo, options);
  if (customer === undefined) return { state: 'invalid', why: `it is not known here whose plan ${options.digest} is`, hint: 'name the customer: soll approve CUSTOMER DIGEST' };
  const policy = await policyAt(repo, head, customer);
  if (!inForce(policy)) return { state: 'invalid', why: 'soll.yaml has no approval rules: nobody asks for a signature', hint: 'soll apply --approve DIGEST, or write approval.rules into soll.yaml' };
  const place = { ws, repo, remote, platform: undefined };
  const shown = await shownPlan(place, customer, options, head);
  if (shown === undefined) return { state: 'stale', why: `${options.digest} is not the plan of ${customer}, and nothing was noted under it`, hint: `plan again: soll plan ${customer}${ws.lab ? ' --lab' : ''}` };
  if (!(await options.confirm(shown))) return { state: 'declined' };
  const signed = await signApproval(ws, {
    people: policy.people, key: options.key, customers: { [customer]: { digest: shown.digest, leaves: shown.leaves.map(({ digest }) => digest) } }, commit: shown.commit, decision: options.decision,
    lifetimeMs: lifetimeMs(policy), ...(options.reason === undefined ? {} : { reason: options.reason }),
  });
  // So that whoever looks later sees what was signed; without a pull request no review can refer to it.
  if (shown.plan !== undefined) await appendEntry(approvalBranch(ws, repo, customer, remote), { type: 'plan', customer, commit: shown.commit, base: head, digest: shown.digest, leaves: leafFacts(shown.plan), at: signed.at });
  await appendEntry(approvalBranch(ws, repo, customer, remote), { type: 'approval', statement: signed.statement, signature: signed.signature, at: signed.at });
  const { records } = await openAuditOf(ws, repo, customer, { prefix, remote });
  const { evaluation } = await evaluate(place, customer, shown, records);
  return { state: 'signed', shown, approver: signed.approver, expires: signed.expires, warnings: evaluation.warnings, missing: evaluation.leaves.filter(({ approved }) => !approved).map(({ leaf, why }) => ({ addresses: leaf.addresses, risk: leaf.risk, why })) };
}

async function openPlace(ws: Workspace): Promise<BranchesPlace & { readonly head: string }> {
  const place = await branchesPlace(ws);
  const head = await place.repo.head();
  if (head === undefined) throw new GitError('nothing is committed yet', 1);
  return { ...place, head };
}

async function customerOf(repo: Repo, { digest, planFiles }: ApproveOptions): Promise<string | undefined> {
  const files = await Promise.all(planFiles.map((file) => readFile(file, 'utf8')));
  const names = [...files.flatMap(parseSaved), ...await readSavedPlans(repo.gitDir, [digest])].filter((each) => each.digest === digest).map(({ customer }) => customer);
  return new Set(names).size === 1 ? names[0] : undefined;
}

/** What CI noted, or the plan as it is now. A file could show one plan and name the leaves of another, so none is ever shown. */
async function shownPlan(place: ApprovalPlace, customer: string, { digest, concurrency, base, allowDeletes }: ApproveOptions, head: string): Promise<ShownPlan | undefined> {
  const notice = (await readEntries(place, customer)).findLast((entry): entry is PlanNotice => entry.type === 'plan' && entry.digest === digest);
  if (notice !== undefined) return { customer, digest, commit: notice.commit, leaves: notice.leaves, notice };
  const { plans } = await makePlan(place.ws, { customers: [customer], targets: [], concurrency, ...(base === undefined ? {} : { base }), ...(allowDeletes === undefined ? {} : { allowDeletes }) });
  const plan = plans.find((each) => each.digest === digest);
  return plan === undefined || plan.leaves.length === 0 || !leavesMatchDigest(plan) ? undefined : { customer, digest, commit: plan.commit === '' ? head : plan.commit, leaves: leafFacts(plan), plan };
}

async function evaluate(place: ApprovalPlace, customer: string, { leaves, commit }: { readonly leaves: readonly LeafFacts[]; readonly commit: string }, records: readonly AuditRecord[]): Promise<{ readonly evaluation: ReturnType<typeof evaluateApprovals>; readonly used: ReadonlySet<string> }> {
  // The head of a pull request need not be in this clone.
  const known = (await missingCommits(place.repo.root, [commit])).length === 0 ? commit : await place.repo.head() ?? commit;
  const state = await approvalState(place, { customer, leaves, commit: known, records });
  const used = usedApprovals(records);
  const evaluation = evaluateApprovals({ customer, leaves, policies: state.policies, words: state.words, withdrawals: state.withdrawals, authors: state.authors, used, now: place.ws.clock.now() });
  return { evaluation, used };
}

export interface SignedAct {
  readonly customer: string;
  readonly digest: string;
  readonly reason?: string;
  readonly key: string | undefined;
}

/** Takes back everything that this person has said about a plan until now. */
export async function withdraw(ws: Workspace, { customer, digest, reason, key }: SignedAct): Promise<string> {
  const { repo, remote, head } = await openPlace(ws);
  const policy = await policyAt(repo, head, customer);
  const signed = await sign(ws, { people: policy.people, key }, (approver, at) => ({ type: 'soll-withdrawal', version: 1, approver, at, customer, digest, ...(reason === undefined ? {} : { reason }) }));
  await appendEntry(approvalBranch(ws, repo, customer, remote), entryOf('withdrawal', signed));
  return signed.approver;
}

function entryOf(type: SignedEntry['type'], { statement, signature, at }: Pick<SignedEntry, 'statement' | 'signature' | 'at'>): SignedEntry {
  return { type, statement, signature, at };
}

/** The second look at an emergency. Throws GitError when there is none of this name, or when it would be the same person's. */
export async function reviewRun(ws: Workspace, { run, reason, key }: { readonly run: string; readonly reason: string; readonly key: string | undefined }): Promise<{ readonly customer: string; readonly approver: string }> {
  const { repo, prefix, remote, head } = await openPlace(ws);
  for (const customer of await listBranches({ root: repo.root, prefix, remote })) {
    const { records } = await openAuditOf(ws, repo, customer, { prefix, remote });
    const open = records.find((record) => record.type === 'open' && record.run === run);
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

export interface ListedPlan {
  readonly digest: string;
  readonly commit: string;
  readonly at: string;
  readonly pull?: number;
  /** `applied`: all of it has been. */
  readonly state: 'approved' | 'missing' | 'applied';
  readonly words: readonly { readonly approver: string; readonly decision: 'approve' | 'reject'; readonly method: string; readonly at: string; readonly expires?: string; readonly refused?: Refused }[];
  readonly missing: readonly LeafWhy[];
}

export interface ListedApprovals {
  readonly customer: string;
  /** Newest first; the last that were shown for each digest. */
  readonly plans: readonly ListedPlan[];
  readonly emergencies: readonly { readonly run: string; readonly at: string; readonly ticket: string; readonly reason: string; readonly reviewDue: string; readonly state: 'due' | 'overdue' }[];
}

/** What is approved, by whom, until when, and what is missing; from what is noted, without speaking to a device. */
export async function listApprovals(ws: Workspace, wanted: readonly string[]): Promise<readonly ListedApprovals[]> {
  const { repo, prefix, remote } = await openPlace(ws);
  const place = { ws, repo, remote, platform: undefined };
  const customers = wanted.length > 0 ? wanted : [...new Set([...await listBranches({ root: repo.root, prefix: ws.lab ? 'approvals-lab' : 'approvals', remote }), ...await listBranches({ root: repo.root, prefix, remote })])].sort();
  const listed: ListedApprovals[] = [];
  for (const customer of customers) {
    const { records } = await openAuditOf(ws, repo, customer, { prefix, remote });
    const entries = await readEntries(place, customer);
    const notices = entries.filter((entry): entry is PlanNotice => entry.type === 'plan').reverse();
    const newest = notices.filter((notice, index) => notices.findIndex((other) => other.digest === notice.digest) === index).slice(0, mostPlans);
    const plans = await Promise.all(newest.map((notice) => listPlan(place, notice, records)));
    const due = (await emergencies(place, customer, records)).flatMap(({ open, state }) => (state === 'reviewed' || open.emergency === undefined ? [] : [{ run: open.run, at: open.at, ...open.emergency, state }]));
    listed.push({ customer, plans, emergencies: due });
  }
  return listed;
}

const mostPlans = 10;

async function listPlan(place: ApprovalPlace, notice: PlanNotice, records: readonly AuditRecord[]): Promise<ListedPlan> {
  const { evaluation, used } = await evaluate(place, notice.customer, notice, records);
  const done = notice.leaves.every(({ digest }) => [...used].some((each) => each.endsWith(` ${digest}`)));
  const missing = done ? [] : evaluation.leaves.filter(({ approved }) => !approved).map(({ leaf, why }) => ({ addresses: leaf.addresses, risk: leaf.risk, why }));
  return {
    digest: notice.digest, commit: notice.commit, at: notice.at, ...(notice.pull === undefined ? {} : { pull: notice.pull }), state: done ? 'applied' : missing.length === 0 ? 'approved' : 'missing', missing,
    words: evaluation.words.map(({ word, person, refused }) => ({ approver: person ?? word.claims ?? word.account ?? '', decision: word.decision, method: word.method, at: word.at, ...(word.expires === undefined ? {} : { expires: word.expires }), ...(refused === undefined ? {} : { refused }) })),
  };
}

