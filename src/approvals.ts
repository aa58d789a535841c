/**
 * Who approved what. Where soll.yaml has rules: signatures and reviews, judged by them. Where it has none: digests given on the command line, plan
 * files that name their leaves, or a question on the terminal.
 */
import { isProviderError, type Address, type Problem, type RiskLevel } from '#contract';
import type { NoticedLeaf } from '#core/approval-entry';
import type { AuditRecord, RecordedEmergency, RecordedPolicy } from '#core/audit-record';
import { closedUnderNeeds } from '#core/closed-under-needs';
import { planSetOf, type PlanSet } from '#core/fleet-digest';
import type { Approval, DesiredState, Leaf, Plan, Waiting } from '#core/model';
import { evaluateApprovals, type Evaluation, type LeafApproval } from './approval/evaluate-approvals.ts';
import { approvalState, PolicyUnreadable, usedApprovals, wordOf, type ApprovalPlace, type ApprovalState } from './approval-state.ts';
import { highestRisk } from './plan/describe-change.ts';
import { leavesMatchDigest, matchApproval, type Match } from './plan/match-approval.ts';
import { parseFleet, parseSaved, readPlanFiles, readSavedFleets, readSavedPlans, type SavedPlan } from './saved-plans.ts';
import { signApproval } from './sign-approval.ts';
import type { ApplyOptions, Workspace } from './workspace.ts';
import type { Refusal } from './apply-customer.ts';
import type { World } from './world.ts';

export interface Granted {
  readonly digest: string;
  readonly approvals: readonly Approval[];
  /** Digests of all leaves that these approvals cover. */
  readonly leaves: readonly string[];
  /** The leaves as they were shown, where that is known: of a digest given by hand. */
  readonly shown?: readonly Leaf[];
  readonly match: Match;
  /** By the rules of soll.yaml. */
  readonly ruled?: { readonly policy: RecordedPolicy; readonly risks: ReadonlyMap<Address, RiskLevel>; readonly emergency?: RecordedEmergency };
}

export interface Decision {
  readonly granted?: Granted;
  readonly refused?: Refusal;
  readonly waiting: readonly Waiting[];
  readonly problems: readonly Problem[];
}

export interface KnownApprovals {
  /** Of plans; those of sets are taken apart. */
  readonly digests: readonly string[];
  readonly saved: readonly SavedPlan[];
  /** Digest of the set that a plan's digest was given with. */
  fleetOf(digest: string): string | undefined;
  /** Digests that name no plan of this run and no plan that is known. */
  unknown(plans: readonly Plan[]): readonly Refusal[];
}

export interface ReadApprovals {
  /** Of plan files that cannot be looked at. */
  readonly problems: readonly Problem[];
  over(plans: readonly Plan[]): KnownApprovals;
}

/** Short forms are refused: a digest is compared, not guessed. */
export async function readApprovals(gitDir: string, options: ApplyOptions): Promise<ReadApprovals> {
  const { texts: files, problems } = await readPlanFiles(options.planFiles);
  const shown = options.approve.length === 0 ? [] : [...files.flatMap(parseFleet), ...await readSavedFleets(gitDir, options.approve)].filter(({ digest }) => options.approve.includes(digest));
  const wanted = [...options.approve, ...shown.flatMap(({ customers }) => Object.values(customers))];
  const saved = [...files.flatMap(parseSaved), ...(wanted.length === 0 ? [] : await readSavedPlans(gitDir, wanted))].filter(leavesMatchDigest);
  return {
    problems,
    over(plans) {
      // A set that nobody here has seen is known when the plans of this run add up to it.
      const now = planSetOf(plans);
      return knownOf(options.approve, saved, [...shown, ...(now !== undefined && options.approve.includes(now.digest) ? [now] : [])]);
    },
  };
}

function knownOf(given: readonly string[], saved: readonly SavedPlan[], fleets: readonly PlanSet[]): KnownApprovals {
  const sets = new Set(fleets.map(({ digest }) => digest));
  const single = given.filter((digest) => !sets.has(digest));
  const parts = new Map(fleets.flatMap(({ digest, customers }) => Object.values(customers).map((part) => [part, digest] as const)));
  return {
    digests: [...single, ...parts.keys()], saved,
    fleetOf: (digest) => (single.includes(digest) ? undefined : parts.get(digest)),
    unknown: (plans) => single
      .filter((digest) => !plans.some((plan) => plan.digest === digest) && !saved.some((each) => each.digest === digest))
      .map((digest): Refusal => ({ customer: plans.length === 1 ? (plans[0]?.customer ?? '') : '', code: 'stale', why: `${digest} is the digest of no plan that is known here; plan again, or give the plan file with --plan` })),
  };
}

export interface Undecided {
  readonly state: DesiredState;
  readonly plan: Plan;
  readonly records: readonly AuditRecord[];
}

/** Problems of one customer stop that customer and nobody else. */
export async function decide(world: World, undecided: Undecided, known: KnownApprovals, options: ApplyOptions, platform: ApprovalPlace['platform']): Promise<Decision> {
  const { plan, records } = undecided;
  if (plan.leaves.length === 0) return nobody(await grantedByHand(plan, known, options, world.ws));
  const offline = world.offline !== undefined;
  try {
    const state = await approvalState({ ws: world.ws, repo: world.repo, remote: world.remote, offline, platform: options.emergency === undefined && !offline ? platform : undefined }, { customer: plan.customer, leaves: plan.leaves, commit: world.tree.commit, records });
    if (state.required && offline && options.emergency === undefined) return { waiting: [], problems: [], refused: { customer: plan.customer, code: 'invalid', why: 'without the remote nobody can tell what was rejected or taken back since: where soll.yaml has approval rules, --offline-record goes with --emergency only' } };
    if (state.required) return await decideByRules(world, undecided, known, options, state);
    if (options.emergency !== undefined) return { waiting: [], problems: [], refused: { customer: plan.customer, code: 'invalid', why: 'soll.yaml has no approval rules: there is nothing that an emergency could shorten; apply without --emergency' } };
    return nobody(await grantedByHand(plan, known, options, world.ws));
  } catch (error) {
    const refuse = (code: Refusal['code'], why: string): Decision => ({ waiting: [], problems: [], refused: { customer: plan.customer, code, why } });
    if (error instanceof PolicyUnreadable) return refuse('invalid', error.message);
    if (isProviderError(error)) return refuse('not-approved', `reviews cannot be asked for: ${error.message}; with --platform generic signatures alone count`);
    throw error;
  }
}

function nobody(granted: Granted | undefined): Decision {
  return { waiting: [], problems: [], ...(granted === undefined ? {} : { granted }) };
}

async function grantedByHand(plan: Plan, known: KnownApprovals, options: ApplyOptions, ws: Workspace): Promise<Granted | undefined> {
  const at = new Date(ws.clock.now()).toISOString();
  const grant = (method: Approval['method'], { digest, leaves }: { readonly digest: string; readonly leaves: readonly Leaf[] }): Granted => ({
    digest, approvals: [{ digest, approver: options.approver, method, at, ...fleetPart(known, digest) }], leaves: leaves.map((leaf) => leaf.digest), shown: leaves, match: matchApproval(plan, { digest, leaves }),
  });
  if (known.digests.includes(plan.digest)) return grant('cli', plan);
  const older = known.saved.find(({ customer, digest }) => customer === plan.customer && known.digests.includes(digest));
  if (older !== undefined) return grant('cli', older);
  if (plan.leaves.length === 0 || options.confirm === undefined || !(await options.confirm(plan))) return undefined;
  return grant('interactive', plan);
}

function fleetPart(known: KnownApprovals, digest: string): Pick<Approval, 'fleet'> {
  const fleet = known.fleetOf(digest);
  return fleet === undefined ? {} : { fleet };
}

async function decideByRules({ ws, tree }: World, { plan, records }: Undecided, known: KnownApprovals, options: ApplyOptions, state: ApprovalState): Promise<Decision> {
  const facts = leafFacts(plan);
  const signed = options.emergency === undefined ? undefined : await signEmergency(ws, plan, tree.commit, options, state);
  if (options.emergency !== undefined && signed === undefined) return { waiting: [], problems: [], refused: { customer: plan.customer, code: 'not-approved', why: 'it was not confirmed; nothing was signed' } };
  const evaluation = evaluateApprovals({
    customer: plan.customer, leaves: facts, policies: state.policies, words: signed === undefined ? state.words : [signed], withdrawals: state.withdrawals, authors: state.authors,
    used: usedApprovals(records), now: ws.clock.now(), emergency: options.emergency !== undefined,
  });
  const chosen = restrict(plan, known);
  // What needs a leaf that is not applied is not applied either.
  const approved = evaluation.leaves.filter((each) => each.approved && chosen.has(each.leaf.digest));
  const closed = closedUnderNeeds(plan.leaves, new Set(approved.map(({ leaf }) => leaf.digest)));
  const apply = approved.filter(({ leaf }) => closed.has(leaf.digest));
  const waiting = waitingOf(plan, evaluation, apply, state);
  const warn = (code: string, message: string, hint: string): Problem => ({ code, severity: 'warning', customer: plan.customer, message, hint });
  const problems = [
    ...evaluation.warnings.map(({ en }) => warn('approval.author-unknown', en, 'add the address or account to its owner in soll.yaml: whoever wrote a change must not approve it')),
    ...state.unproven.map((name) => warn('approval.unproven', `an approval in the name of ${name} is not proven by its signature and counts nothing`, 'whoever can push to the approvals branch can write it there; signatures for another purpose count nothing either')),
  ];
  if (apply.length === 0) return { waiting, problems, refused: { customer: plan.customer, code: 'not-approved', why: `${String(plan.leaves.length)} ${plan.leaves.length === 1 ? 'change is' : 'changes are'} not approved as soll.yaml demands` } };
  const approvals = evidenceOf(apply);
  const digests = new Set(apply.map(({ leaf }) => leaf.digest));
  return {
    waiting, problems,
    granted: {
      digest: plan.digest, approvals, leaves: [...new Set(approvals.flatMap(({ leaves }) => leaves ?? []))],
      match: { apply: digests, stale: [], unapproved: [] },
      ruled: {
        policy: { bases: state.bases, since: state.since, whole: apply.length === plan.leaves.length && options.targets.length === 0 && plan.targets.every(({ status }) => status === 'ready'), accounts: state.authors.accounts }, risks: riskByAddress(plan),
        ...(options.emergency === undefined ? {} : { emergency: { reason: options.emergency.reason, ticket: options.emergency.ticket, reviewDue: reviewDue(ws, state) } }),
      },
    },
  };
}

/** What is noted of a plan, and what rules look at. */
export function leafFacts(plan: Plan): readonly NoticedLeaf[] {
  const risks = riskByAddress(plan);
  return plan.leaves.map(({ digest, transition, addresses }) => ({ digest, transition, addresses, risk: highestRisk(addresses.map((address) => risks.get(address) ?? 'low')) }));
}

function riskByAddress(plan: Plan): ReadonlyMap<Address, RiskLevel> {
  return new Map(plan.targets.flatMap(({ changes }) => changes.map(({ address, risk }) => [address, risk] as const)));
}

/** `--approve` beside rules approves nothing; it says which plan is meant. */
function restrict(plan: Plan, { digests, saved }: KnownApprovals): ReadonlySet<string> {
  if (digests.length === 0 || digests.includes(plan.digest)) return new Set(plan.leaves.map(({ digest }) => digest));
  return new Set(saved.filter(({ customer, digest }) => customer === plan.customer && digests.includes(digest)).flatMap(({ leaves }) => leaves.map(({ digest }) => digest)));
}

function waitingOf(plan: Plan, { leaves }: Evaluation, apply: readonly LeafApproval[], state: ApprovalState): readonly Waiting[] {
  const applied = new Set(apply.map(({ leaf }) => leaf.digest));
  const targets = new Map(plan.leaves.map(({ digest, target }) => [digest, target]));
  const present = new Set(plan.leaves.map(({ digest }) => digest));
  // An approval of the same thing in another form: approved once, and changed since.
  const moved = new Set(state.entries.flatMap((entry) => (entry.type === 'plan' && wasApproved(entry.digest, state) ? entry.leaves.filter(({ digest }) => !present.has(digest)).flatMap(({ addresses }) => addresses) : [])));
  return leaves.filter(({ leaf }) => !applied.has(leaf.digest)).map(({ leaf, approved, why }): Waiting => {
    const said = approved ? { en: 'approved, and waits for a change that is not applied', de: 'freigegeben, wartet aber auf eine Änderung, die nicht angewendet wird' } : why;
    const stale = !approved && leaf.addresses.some((address) => moved.has(address));
    return { customer: plan.customer, target: targets.get(leaf.digest) ?? '', leaf: leaf.digest, addresses: leaf.addresses, state: 'approval', why: stale ? { en: `changed since it was approved; ${said.en}`, de: `seit der Freigabe geändert; ${said.de}` } : said };
  });
}

function wasApproved(digest: string, { entries }: ApprovalState): boolean {
  return entries.some((entry) => entry.type === 'approval' && entry.statement.includes(digest));
}

/** Each word once, under the name of whose it is. */
function evidenceOf(apply: readonly LeafApproval[]): readonly Approval[] {
  const found = new Map<string, Approval>();
  for (const { person, word } of apply.flatMap(({ by }) => by)) found.set(`${word.id} ${person}`, { ...word.evidence, approver: person });
  return [...found.values()].sort((a, b) => (a.at < b.at ? -1 : 1));
}

async function signEmergency(ws: Workspace, plan: Plan, commit: string, { emergency, confirm }: ApplyOptions, { policies }: ApprovalState): Promise<Awaited<ReturnType<typeof wordOf>>> {
  if (emergency === undefined || confirm === undefined || !(await confirm(plan))) return undefined;
  const people = policies[0]?.people ?? {};
  const { statement, signature, at, expires } = await signApproval(ws, { people, key: emergency.key, customers: { [plan.customer]: { digest: plan.digest, leaves: plan.leaves.map(({ digest }) => digest) } }, commit, decision: 'approve', lifetimeMs: emergencyMs, reason: emergency.reason, emergency: { reason: emergency.reason, ticket: emergency.ticket } });
  return wordOf({ digest: plan.digest, method: 'signature', at, expires, commit, statement, signature }, plan.customer);
}

/** Signed for now, not for later. */
const emergencyMs = 3_600_000;

function reviewDue(ws: Workspace, { policies }: ApprovalState): string {
  const days = Math.min(...policies.flatMap(({ approval }) => approval?.emergency?.reviewDays ?? []));
  return new Date(ws.clock.now() + days * 86_400_000).toISOString();
}
