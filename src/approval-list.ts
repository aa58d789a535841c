/** What is approved, by whom, until when, and what is missing: from what is noted, signed and reviewed, without speaking to a device. */
import { isProviderError, type RiskLevel } from '#contract';
import type { PlanNotice } from '#core/approval-entry';
import type { AuditRecord } from '#core/audit-record';
import type { Platform } from '#core/platform';
import { GitError } from '#git/run-git';
import { evaluateApprovals, type Evaluation, type Refused, type Text } from './approval/evaluate-approvals.ts';
import type { LeafFacts } from './approval/policy.ts';
import { approvalState, usedApprovals, type ApprovalPlace, type ApprovalState } from './approval-state.ts';
import type { BranchesPlace } from './each-branch.ts';
import { eachGroup, openFleet, type Fleet, type FleetMember } from './fleet-groups.ts';
import { emergencies } from './verify-approvals.ts';
import type { Workspace } from './workspace.ts';

export interface LeafWhy {
  readonly addresses: readonly string[];
  readonly risk: RiskLevel;
  readonly why: Text;
}

export interface ListedPlan {
  readonly digest: string;
  readonly commit: string;
  readonly at: string;
  readonly pull?: number;
  /** Digest of the set that it was shown with. */
  readonly fleet?: string;
  /** `applied`: all of it has been. */
  readonly state: 'approved' | 'missing' | 'applied';
  readonly words: readonly { readonly approver: string; readonly decision: 'approve' | 'reject'; readonly method: string; readonly at: string; readonly expires?: string; readonly refused?: Refused }[];
  readonly missing: readonly LeafWhy[];
}

export interface ListedApprovals {
  readonly customer: string;
  /** Newest first; the last that were shown for each digest. */
  readonly plans: readonly ListedPlan[];
  readonly emergencies: readonly DueReview[];
}

export interface DueReview {
  readonly run: string;
  readonly at: string;
  readonly ticket: string;
  readonly reason: string;
  readonly reviewDue: string;
  readonly state: 'due' | 'overdue';
}

export interface ApprovalList {
  readonly customers: readonly ListedApprovals[];
  /** Why reviews could not be asked for: signatures alone are told then. */
  readonly unasked?: string;
}

/** `platform`: where reviews are asked for besides signatures. Throws GitError for records that cannot be believed. */
export async function listApprovals(ws: Workspace, where: BranchesPlace, wanted: readonly string[], platform?: () => Promise<Platform>): Promise<ApprovalList> {
  const { found, unasked } = await withReviews(platform, (host) => listWith(ws, where, wanted, host));
  return { customers: found, ...(unasked === undefined ? {} : { unasked }) };
}

/** With what the code host says; without it, and with the reason, where it does not answer. */
export async function withReviews<T>(platform: (() => Promise<Platform>) | undefined, action: (platform: (() => Promise<Platform>) | undefined) => Promise<T>): Promise<{ readonly found: T; readonly unasked?: string }> {
  if (platform === undefined) return { found: await action(undefined) };
  try {
    return { found: await action(askOnce(platform)) };
  } catch (error) {
    if (!isProviderError(error)) throw error;
    return { found: await action(undefined), unasked: error.message };
  }
}

async function listWith(ws: Workspace, where: BranchesPlace, wanted: readonly string[], platform: (() => Promise<Platform>) | undefined): Promise<readonly ListedApprovals[]> {
  const fleet = await openFleet(ws, where, { ...(wanted.length === 0 ? {} : { customers: wanted }), ...(platform === undefined ? {} : { platform }) });
  try {
    const known = [...new Set([...fleet.branches.customers(fleet.approvals), ...fleet.branches.customers(where.prefix)])].sort();
    const listed: ListedApprovals[] = [];
    await eachGroup(fleet, wanted.length > 0 ? wanted : known, async (group) => {
      const shown = new Map(group.map((member) => [member.customer, newestNotices(member)]));
      const judge = await judgeGroup(fleet, group, (member) => shown.get(member.customer) ?? []);
      for (const member of group) {
        if (!('audit' in member.audit)) throw new GitError(member.audit.damaged, 1);
        const { records } = member.audit.audit;
        const plans: ListedPlan[] = [];
        for (const notice of shown.get(member.customer) ?? []) plans.push(listPlan(notice, await judge.plan(notice, records)));
        listed.push({ customer: member.customer, plans, emergencies: await dueReviews(judge.place, member.customer, records) });
      }
    });
    return listed;
  } finally {
    fleet.facts.close();
  }
}

const mostPlans = 10;

/** Newest first, of each digest the last. */
function newestNotices({ entries }: FleetMember): readonly PlanNotice[] {
  const notices = entries.filter((entry): entry is PlanNotice => entry.type === 'plan').reverse();
  return notices.filter((notice, index) => notices.findIndex((other) => other.digest === notice.digest) === index).slice(0, mostPlans);
}

export interface Judged {
  readonly evaluation: Evaluation;
  readonly state: ApprovalState;
  /** `id leaf` of what was applied under a word before. */
  readonly used: ReadonlySet<string>;
}

export interface Judge {
  plan(about: Pick<PlanNotice, 'customer' | 'commit'> & { readonly leaves: readonly LeafFacts[] }, records: readonly AuditRecord[]): Promise<Judged>;
  readonly place: ApprovalPlace;
}

/** Decides about what was noted for these customers; for a list only, because it also looks at what is not merged yet. */
export async function judgeGroup(fleet: Fleet, group: readonly FleetMember[], about: (member: FleetMember) => readonly { readonly commit: string }[]): Promise<Judge> {
  const { facts, ws, where: { repo } } = fleet;
  const head = await repo.head() ?? '';
  const present = await facts.present(group.flatMap((member) => about(member).map(({ commit }) => commit)));
  // The head of a pull request need not be in this clone.
  const commitOf = (commit: string): string => (present.has(commit) ? commit : head);
  const place: ApprovalPlace = { ...fleet.place, facts: await facts.gather(group.flatMap((member) => ('audit' in member.audit ? [{
    customer: member.customer, entries: member.entries, records: member.audit.audit.records, commits: [...new Set([...about(member).map(({ commit }) => commitOf(commit)), head])],
  }] : []))) };
  return {
    place,
    async plan({ customer, leaves, commit }, records) {
      const state = await approvalState(place, { customer, leaves, commit: commitOf(commit), records, preview: true });
      const used = usedApprovals(records);
      return { state, used, evaluation: evaluateApprovals({ customer, leaves, policies: state.policies, words: state.words, withdrawals: state.withdrawals, authors: state.authors, used, now: ws.clock.now() }) };
    },
  };
}

function listPlan(notice: PlanNotice, { evaluation, used }: Judged): ListedPlan {
  const done = notice.leaves.every(({ digest }) => [...used].some((each) => each.endsWith(` ${digest}`)));
  const missing = done ? [] : missingOf(evaluation);
  return {
    digest: notice.digest, commit: notice.commit, at: notice.at, ...(notice.pull === undefined ? {} : { pull: notice.pull }), ...(notice.fleet === undefined ? {} : { fleet: notice.fleet }), state: done ? 'applied' : missing.length === 0 ? 'approved' : 'missing', missing,
    words: evaluation.words.map(({ word, person, refused }) => ({ approver: person ?? word.claims ?? word.account ?? '', decision: word.decision, method: word.method, at: word.at, ...(word.expires === undefined ? {} : { expires: word.expires }), ...(refused === undefined ? {} : { refused }) })),
  };
}

export function missingOf({ leaves }: Evaluation): readonly LeafWhy[] {
  return leaves.filter(({ approved }) => !approved).map(({ leaf, why }) => ({ addresses: leaf.addresses, risk: leaf.risk, why }));
}

export async function dueReviews(place: ApprovalPlace, customer: string, records: readonly AuditRecord[]): Promise<readonly DueReview[]> {
  return (await emergencies(place, customer, records)).flatMap(({ open, state }) => (state === 'reviewed' || open.emergency === undefined ? [] : [{ run: open.run, at: open.at, ...open.emergency, state }]));
}

/** One pull request may be about hundreds of customers: what it says is asked for once. */
function askOnce(open: () => Promise<Platform>): () => Promise<Platform> {
  const remember = <T>(ask: (number: number) => Promise<T>): ((number: number) => Promise<T>) => {
    const known = new Map<number, Promise<T>>();
    return (number) => {
      const asked = known.get(number) ?? ask(number);
      known.set(number, asked);
      return asked;
    };
  };
  let opened: Promise<Platform> | undefined;
  return () => (opened ??= open().then((platform) => ({ ...platform, pullRequest: remember((number) => platform.pullRequest(number)), reviews: remember((number) => platform.reviews(number)) })));
}
