/** What of the prepared customers is applied now, in which order, and what waits: freezes, windows, rings, targets that do not answer. */
import pLimit from 'p-limit';
import { parseAddress, type Address, type Problem } from '#contract';
import { allEnded } from '#core/all-ended';
import type { DesiredState, Ledger, Plan, RunResult, Waiting } from '#core/model';
import type { AuditRecord } from '#core/audit-record';
import type { SollDocument } from '#generated/types';
import type { Decision, Granted } from './approvals.ts';
import type { CustomerResult, Refusal } from './apply-customer.ts';
import { holdBack, waitingOf, windowRiskOf, type HeldBack, type HoldBackInput, type Reason } from './rollout/hold-back.ts';
import { ringsOf } from './rollout/rings-of.ts';
import { wordsOf } from './render/words.ts';

export interface PreparedCustomer {
  readonly state: DesiredState;
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly head: string | undefined;
  readonly records: readonly AuditRecord[];
}

export interface RollOutInput {
  readonly prepared: readonly PreparedCustomer[];
  /** All customers of the command, those that could not be prepared as well: a canary that is broken stops the rest. */
  readonly customers: readonly string[];
  readonly settings: Pick<SollDocument, 'approval' | 'freeze' | 'rollout'>;
  readonly now: number;
  readonly concurrency: number;
  readonly stop: AbortSignal;
  readonly problems: readonly Problem[];
  /** Of customers that could not be prepared, and what recovering brought to an end. */
  readonly before: { readonly refused: readonly Refusal[]; readonly runs: readonly RunResult[] };
  /** What is passed on purpose. */
  readonly pass: Pass;
  /** `ask`: whether a question makes sense. */
  readonly decide: (each: PreparedCustomer, ask: boolean) => Promise<Decision>;
  readonly run: (each: PreparedCustomer, decision: Decision, held: HeldBack) => Promise<CustomerResult>;
  /** After another run was faster: waits for it and prepares anew. `undefined`: there is no more time. */
  readonly again: (each: PreparedCustomer) => Promise<{ readonly prepared?: PreparedCustomer; readonly recovered: readonly RunResult[]; readonly refused?: Refusal } | undefined>;
}

type Pass = Pick<HoldBackInput, 'emergency' | 'ignore'>;

export interface RolledOut {
  readonly results: readonly CustomerResult[];
  readonly granted: readonly Granted[];
  readonly waiting: readonly Waiting[];
  readonly problems: readonly Problem[];
}

export function holdOf({ state, plan }: Pick<PreparedCustomer, 'state' | 'plan'>, settings: RollOutInput['settings'], now: number, pass: Pass = { emergency: false }): HeldBack {
  // `document` is the whole validated customer.yaml.
  return holdBack({ plan, settings, document: state.customer.document, now, windowRisk: windowRiskOf(settings), ...pass });
}

/** Ring by ring; where one is not done, those behind it wait. */
export async function rollOut(input: RollOutInput): Promise<RolledOut> {
  const results: CustomerResult[] = [];
  const granted: Granted[] = [];
  const waiting: Waiting[] = [];
  const problems: Problem[] = [];
  let stopped: Reason | undefined;
  for (const ring of ringsOf(input.customers, input.settings.rollout)) {
    const members = input.prepared.filter(({ plan }) => ring.includes(plan.customer));
    if (stopped !== undefined) {
      waiting.push(...members.flatMap((each) => behind(each, holdOf(each, input.settings, input.now, input.pass), stopped)));
      continue;
    }
    const done = await applyRing(input, members);
    results.push(...done.results);
    granted.push(...done.granted);
    waiting.push(...done.waiting);
    problems.push(...done.problems);
    stopped = stopOf(input, ring, done);
  }
  return { results, granted, waiting, problems };
}

function behind({ plan }: PreparedCustomer, held: HeldBack, stopped: Reason | undefined): readonly Waiting[] {
  const free = plan.leaves.filter(({ digest }) => held.allowed.has(digest));
  return [...held.waiting, ...(stopped === undefined ? [] : free.map((leaf) => waitingOf(plan.customer, leaf, stopped)))];
}

/** Questions one after the other, then all at once; a defect at one customer is told when the others have come to their end. */
async function applyRing(input: RollOutInput, members: readonly PreparedCustomer[]): Promise<RolledOut> {
  const limit = pLimit(Math.max(1, input.concurrency));
  const ready: Ready[] = [];
  for (const each of members) {
    const held = holdOf(each, input.settings, input.now, input.pass);
    ready.push({ each, held, decision: await input.decide(each, held.allowed.size > 0) });
  }
  const ended = await allEnded(ready.map((each) => limit(() => runInTurn(input, each))));
  const parted = ended.map(({ result, last }) => partOffline(result, last.decision.granted));
  return {
    results: parted.map(({ result }) => result),
    granted: ended.flatMap(({ last }) => last.decision.granted ?? []),
    waiting: [...ended.flatMap(({ last }) => waitsOf(last.held, last.decision)), ...parted.flatMap(({ waiting }) => waiting)],
    problems: ended.flatMap(({ last }) => last.decision.problems),
  };
}

interface Ready {
  readonly each: PreparedCustomer;
  readonly held: HeldBack;
  readonly decision: Decision;
}

/** Of two that begin at once one loses: it waits until the other is done, and does what is left, if that is still what was approved. */
async function runInTurn(input: RollOutInput, first: Ready): Promise<{ readonly result: CustomerResult; readonly last: Ready }> {
  const recovered: RunResult[] = [];
  for (let last = first; ;) {
    const result = await input.run(last.each, narrow(last.decision, last.held), last.held);
    // What somebody has looked at and said yes to is another plan by then: nobody says yes for them.
    const asked = last.decision.granted?.approvals.some(({ method }) => method === 'interactive') === true || last.decision.granted?.ruled?.emergency !== undefined;
    const next = result.lost === true && !asked ? await input.again(last.each) : undefined;
    recovered.push(...next?.recovered ?? []);
    const done = (outcome: CustomerResult): { readonly result: CustomerResult; readonly last: Ready } => ({ result: { ...outcome, runs: [...recovered, ...outcome.runs] }, last });
    if (next === undefined) return done(result);
    if (next.prepared === undefined) return done({ ...result, refused: next.refused === undefined ? result.refused : [next.refused] });
    const each = next.prepared;
    last = { each, held: holdOf(each, input.settings, input.now, input.pass), decision: await input.decide(each, false) };
  }
}

/** What waits for its time is told so; that it is not approved yet matters when its time has come. */
function waitsOf(held: HeldBack, { waiting }: Decision): readonly Waiting[] {
  const later = new Set(held.waiting.map(({ leaf }) => leaf));
  return [...held.waiting, ...waiting.filter(({ leaf }) => !later.has(leaf))];
}

/** What waits is neither applied nor told as stale. */
function narrow(decision: Decision, { allowed }: HeldBack): Decision {
  const { granted } = decision;
  if (granted === undefined) return decision;
  const { match, ruled } = granted;
  const apply = new Set([...match.apply].filter((leaf) => allowed.has(leaf)));
  // A part is not the whole: whoever wrote what is left stays its author.
  const part = ruled === undefined || apply.size === match.apply.size ? ruled : { ...ruled, policy: { ...ruled.policy, whole: false } };
  return { ...decision, granted: { ...granted, ...(part === undefined ? {} : { ruled: part }), match: { ...match, apply, unapproved: match.unapproved.filter(({ digest }) => allowed.has(digest)) } } };
}

/** What was approved of a target that does not answer now is not stale: it waits, and what needs it waits with it. */
function partOffline(result: CustomerResult, approval: Granted | undefined): { readonly result: CustomerResult; readonly waiting: readonly Waiting[] } {
  const silent = new Map(result.plan.targets.filter(({ status }) => status === 'unreachable').map(({ target, why }) => [target, why ?? '']));
  const approved = new Map((approval?.shown ?? []).map((leaf) => [leaf.digest, leaf]));
  const offline = new Map<string, string>();
  const stale = result.runs.flatMap((run) => run.stale.flatMap(({ leaf }) => approved.get(leaf) ?? []));
  for (let before = -1; before !== offline.size; ) {
    before = offline.size;
    for (const leaf of stale) {
      const cause = silent.has(leaf.target) ? leaf.target : leaf.after.flatMap((needed) => offline.get(needed) ?? [])[0];
      if (cause !== undefined) offline.set(leaf.digest, cause);
    }
  }
  if (offline.size === 0) return { result, waiting: [] };
  const waiting = stale.filter(({ digest }) => offline.has(digest)).map((leaf) => waitingOf(result.plan.customer, leaf, silence(offline.get(leaf.digest) ?? '', silent)));
  const addresses = new Set<Address>(waiting.flatMap((each) => each.addresses));
  const keep = (each: RunResult['stale'][number]): boolean => !offline.has(each.leaf) && !(each.addresses.length > 0 && each.addresses.every((address) => addresses.has(address)));
  return { result: { ...result, runs: result.runs.map((run) => ({ ...run, stale: run.stale.filter(keep) })) }, waiting };
}

function silence(target: string, silent: ReadonlyMap<string, string>): Reason {
  const why = silent.get(target) ?? '';
  return { state: 'offline', why: { en: `${target} did not answer: ${why}`, de: `${target} hat nicht geantwortet: ${why}` } };
}

/** Why the ring after this one does not begin; `undefined`: every target is as it should be. */
function stopOf(input: RollOutInput, ring: readonly string[], done: RolledOut): Reason | undefined {
  const because = (en: string, de: string = en): Reason => ({ state: 'ring', why: { en: `the customers before it are not done: ${en}`, de: `die Kunden davor sind nicht fertig: ${de}` } });
  if (input.stop.aborted) return because('the run was stopped', 'der Lauf wurde angehalten');
  for (const customer of ring) {
    const problem = input.problems.find((each) => each.severity === 'error' && each.customer === customer);
    if (problem !== undefined) return because(`${customer}: ${problem.message}`);
    const refused = [...input.before.refused, ...done.results.flatMap((each) => each.refused)].find((each) => each.customer === customer);
    if (refused !== undefined) return because(`${customer}: ${refused.why}`);
    const plan = input.prepared.find((each) => each.plan.customer === customer)?.plan;
    const away = plan?.targets.find(({ status }) => status !== 'ready');
    if (away !== undefined) return because(`${customer}/${away.target}: ${away.why ?? away.status}`);
    const waits = done.waiting.find((each) => each.customer === customer);
    if (waits !== undefined) return because(`${customer}/${waits.target}: ${waits.why.en}`, `${customer}/${waits.target}: ${waits.why.de}`);
    const runs = [...input.before.runs, ...done.results.flatMap((each) => each.runs)].filter((run) => run.customer === customer);
    const stop = stopOfRuns(customer, runs);
    if (stop !== undefined) return because(stop.en, stop.de);
  }
  return undefined;
}

/** The last word on each target counts: what recovering found may be put right since. */
function stopOfRuns(customer: string, runs: readonly RunResult[]): Reason['why'] | undefined {
  const last = new Map(runs.flatMap(({ targets }) => targets.map((target) => [target.target, target] as const)));
  const bad = [...last.values()].find(({ verdict }) => verdict !== 'converged' && verdict !== 'unchanged');
  if (bad !== undefined) {
    const tell = (language: 'en' | 'de'): string => `${customer}/${bad.target} ${wordsOf(language)[bad.verdict]}${bad.why === undefined ? '' : `: ${bad.why}`}`;
    return { en: tell('en'), de: tell('de') };
  }
  const stale = runs.flatMap((run) => run.stale)[0];
  if (stale !== undefined) {
    const [address] = stale.addresses;
    const where = address === undefined ? customer : `${customer}/${parseAddress(address).target}`;
    return { en: `${where}: ${stale.why}`, de: `${where}: ${stale.why}` };
  }
  return runs.some(({ recorded }) => !recorded) ? { en: `${customer}: ${wordsOf('en').notRecorded}`, de: `${customer}: ${wordsOf('de').notRecorded}` } : undefined;
}
