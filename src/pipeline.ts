/**
 * The whole product on one page.
 *
 *   load -> validate -> resolve -> check -> read -> canonical -> diff -> order -> batch -> gate -> digest      = plan
 *   the same line again from the commit; what was approved and is still identical:
 *   recover -> open record -> guard -> apply -> verify over a new session -> confirm -> save -> close record   = apply
 *
 * The only file that joins the stages; what one stage needs of another comes in from here.
 */
import pLimit from 'p-limit';
import type { Problem } from '#contract';
import { allEnded } from '#core/all-ended';
import { compareText } from '#core/canonical';
import { planSetOf } from '#core/fleet-digest';
import type { KeptStanding } from '#core/config-backup';
import type { FirmwareNote, FirmwareStanding } from '#core/firmware';
import type { DesiredState, FileSource, Ledger, Plan, RunResult } from '#core/model';
import { touchesPeriod } from '#core/period';
import { openRepo } from '#git/open-repo';
import { kinds } from '#kinds/registry';
import { applyCustomer, keptHere, recoverCustomer, type Refusal } from './apply-customer.ts';
import { decide, readApprovals } from './approvals.ts';
import { listRuns } from './audit/list-runs.ts';
import { listBranches, readLedgers, type Ledgers } from './audit/read-ledgers.ts';
import { addressOfSelector, resourceHistory } from './audit/resource-history.ts';
import { auditPrefixOf, offlineWarning, openAuditOf } from './audit-of.ts';
import { keptOf } from './config-backup.ts';
import { loadDesired, type LoadedDesired } from './desired/load-desired.ts';
import { eachBranch } from './each-branch.ts';
import { diagnoseTarget } from './live/diagnose-target.ts';
import { startLab, type Lab } from './lab/start-lab.ts';
import { noteDrift, noteRuns, readObserved } from './observed.ts';
import { withPlatform } from './open-platform.ts';
import { gateFleet } from './plan/gate-fleet.ts';
import { groupDrift } from './plan/group-drift.ts';
import { isLetGo, offboarded } from './plan/plan-customer.ts';
import { checkCustomer, planState } from './plan-state.ts';
import { holdOf, rollOut, type PreparedCustomer, type RollOutInput } from './roll-out.ts';
import { firmwareNote } from './rollout/firmware-due.ts';
import { provenRecords } from './proven-records.ts';
import { saveFleet, savePlan } from './saved-plans.ts';
import { loadProviders } from './providers.ts';
import { treeForApply, treeForPlan } from './tree.ts';
import { asOfOf, bare, deletedCustomers, describe, openWorld, sourceWithoutGit, type World } from './world.ts';
import type { ApplyOptions, ApplyRunResult, AuditVerifyResult, BranchOptions, DoctorFinding, DriftResult, Hold, LogOptions, LogResult, PlanOptions, PlanTold, ResourceLogResult, Selection, ValidateResult, Workspace } from './workspace.ts';

export type * from './workspace.ts';

/** Everything that can be said about the files without touching a network. Works without Git, too. */
export async function validate(ws: Workspace, selection: Selection): Promise<ValidateResult> {
  if (selection.changedSince === undefined) {
    const providers = ws.providers ?? await loadProviders();
    const source = sourceWithoutGit(ws.root);
    const loaded = await loadDesired({ source, kinds, providers: describe(providers), lab: ws.lab, asOf: asOfOf(ws), ...(selection.customers.length === 0 ? {} : { customers: selection.customers }) });
    const checked = loaded.states.flatMap((state) => checkCustomer(state, bare(providers)));
    return { customers: names(loaded.states), files: loaded.files, resources: count(loaded.states), problems: [...loaded.problems, ...checked, ...await recordedProblems(ws, source, loaded, selection.customers)], texts: loaded.texts };
  }
  const world = await openWorld(ws, selection, (repo) => treeForPlan(repo, undefined), 'validate');
  const checked = world.desired.states.flatMap((state) => checkCustomer(state, bare(world.providers)));
  return { customers: names(world.desired.states), files: world.desired.files, resources: count(world.desired.states), problems: [...world.problems, ...checked, ...await offboardedProblems(ws, world.auditPrefix, world.desired.states)], texts: world.desired.texts };
}

/** What the records of this clone say about folders: gone without an off-boarding, or off-boarded. Without Git there are none. */
async function recordedProblems(ws: Workspace, source: FileSource, loaded: LoadedDesired, customers: readonly string[]): Promise<readonly Problem[]> {
  const repo = await openRepo(ws.root).catch(() => undefined);
  if (repo === undefined) return [];
  const prefix = auditPrefixOf(ws, loaded.settings);
  // Without asking the remote what is known here may be old.
  const severity = await repo.remote() === undefined ? 'error' : 'warning';
  const deleted = await deletedCustomers({ ws, source, prefix, remote: undefined, offline: true, scope: undefined, customers });
  return [...deleted.map((problem) => ({ ...problem, severity } as const)), ...await offboardedProblems(ws, prefix, loaded.states)];
}

async function offboardedProblems(ws: Workspace, prefix: string, states: readonly DesiredState[]): Promise<readonly Problem[]> {
  if (states.every(({ offboarding }) => offboarding === undefined)) return [];
  const place = { root: ws.root, prefix, remote: undefined, offline: true };
  const recorded = await listBranches(place);
  const leaving = names(states.filter(({ customer, offboarding }) => offboarding !== undefined && recorded.includes(customer.name)));
  const ledgers = await readLedgers(place, leaving);
  return leaving.filter((customer) => isLetGo(ledgers.of(customer))).map(offboarded);
}

/** Compares what is written with what is there. Changes nothing anywhere but this clone's list of seen plans. */
export async function plan(ws: Workspace, options: PlanOptions): Promise<PlanTold> {
  const world = await openWorld(ws, options, (repo) => treeForPlan(repo, options.base));
  const ledgers = await ledgersOf(world);
  const older = await olderThanApplied(world, ledgers);
  const plans = await eachCustomer(world, options, (state) => planOne(world, state, ledgers.of(state.customer.name), options), older);
  const problems = [...world.problems, ...older, ...unseen(world, ledgers), ...gateFleet(plans, fleetLimit(world), options.allowDeletes ?? 0)];
  const fleet = planSetOf(plans);
  await Promise.all([...plans.map((each) => savePlan(world.repo.gitDir, each)), ...(fleet === undefined ? [] : [saveFleet(world.repo.gitDir, fleet)])]);
  return { plans, ...(fleet === undefined ? {} : { fleet }), problems, texts: world.desired.texts, holds: holdsOf(world, plans), firmware: firmwareOf(world, plans), kept: await keptBeside(world, plans) };
}

/** What is applied against what is there: the plan of the commit, of which only drift matters. What was seen is noted for `soll status`. */
export async function drift(ws: Workspace, selection: Selection): Promise<DriftResult> {
  const world = await openWorld(ws, selection, treeForApply);
  const ledgers = await ledgersOf(world);
  const older = await olderThanApplied(world, ledgers);
  const plans = await eachCustomer(world, selection, (state) => planOne(world, state, ledgers.of(state.customer.name), selection), older);
  const unnoted = await noteDrift(world, plans.filter(({ customer }) => !isLeaving(world, customer)), selection);
  return { plans, report: groupDrift(plans, kinds), problems: [...world.problems, ...older, ...unseen(world, ledgers), ...unnoted], texts: world.desired.texts };
}

function ledgersOf({ ws, auditPrefix, remote, offline, desired }: World): Promise<Ledgers> {
  return readLedgers({ root: ws.root, prefix: auditPrefix, remote, offline: offline !== undefined }, names(desired.states));
}

/** What the ledgers of this plan do not know: what this clone keeps by itself, or, without the remote, whatever was recorded there since it was seen. */
function unseen({ remote = '', offline, desired }: World, ledgers: Ledgers): readonly Problem[] {
  if (offline !== undefined) return names(desired.states).map((customer) => offlineWarning(customer, remote, ledgers.seen(customer)));
  return ledgers.kept.map((customer): Problem => ({
    code: 'audit.kept', severity: 'warning', customer, message: `this clone keeps records of ${customer} that ${remote} does not have; this plan knows nothing of them`, hint: `soll audit push ${customer}`,
  }));
}

/** Applies what was approved and is still identical; tells what is not. */
export async function apply(ws: Workspace, options: ApplyOptions): Promise<ApplyRunResult> {
  const now = ws.clock.now();
  const world = await openWorld(ws, options, treeForApply);
  const known = await readApprovals(world.repo.gitDir, options);
  if (known.problems.length > 0) return { plans: [], approvals: [], runs: [], waiting: [], refused: [], problems: [...world.problems, ...known.problems], texts: world.desired.texts };
  const own = await keptHere(world);
  const ready = await eachCustomer(world, options, (state) => prepareCustomer(world, state, options, own));
  const refused: Refusal[] = ready.flatMap((each) => ('refused' in each ? [each.refused] : []));
  const runs: RunResult[] = ready.flatMap((each) => each.recovered);
  const prepared = ready.flatMap((each) => ('plan' in each ? [each] : []));
  const approvals = known.over(prepared.map((each) => each.plan));
  const gates = gateFleet(prepared.map((each) => each.plan), fleetLimit(world), options.allowDeletes ?? 0);
  const problems = [...world.problems, ...gates];
  if (gates.length > 0) return { plans: prepared.map((each) => each.plan), approvals: [], runs, waiting: [], refused: [...refused, ...prepared.map(({ state }) => ({ customer: state.customer.name, code: 'gate' as const, why: gates[0]?.message ?? '' }))], problems, texts: world.desired.texts };
  const { confirm: _confirm, ...silent } = options;
  const rolled = await withPlatform(ws, options.platform, (platform) => rollOut({
    prepared, customers: [...names(world.desired.states), ...problems.flatMap(({ severity, customer }) => (severity === 'error' && customer !== undefined ? [customer] : []))],
    settings: world.desired.settings, now, concurrency: options.concurrency, stop: ws.signal, problems, before: { refused, runs }, pass: { emergency: options.emergency !== undefined, ...(options.ignore === undefined ? {} : { ignore: options.ignore }) },
    decide: (each, ask) => decide(world, each, approvals, ask ? options : silent, platform),
    run: (each, { granted, refused: denied }, held) => applyCustomer(world, { ...each, approval: granted, ...(denied === undefined ? {} : { denied }), options, ...held }),
    again: inTurn(world, options, own),
  }));
  const planned = new Map(rolled.results.map((each) => [each.plan.customer, each.plan]));
  const plans = prepared.map(({ plan: each }) => planned.get(each.customer) ?? each);
  const done = [...runs, ...rolled.results.flatMap((each) => each.runs)];
  const unnoted = await noteRuns(world, plans.filter(({ customer }) => !isLeaving(world, customer)), done);
  return {
    plans,
    approvals: rolled.granted.flatMap((each) => each.approvals),
    runs: done, waiting: rolled.waiting,
    refused: [...refused, ...rolled.results.flatMap((each) => each.refused), ...approvals.unknown(prepared.map((each) => each.plan))],
    problems: [...problems, ...rolled.problems, ...unnoted], texts: world.desired.texts,
  };
}

type Prepared =
  | PreparedCustomer & { readonly recovered: readonly RunResult[] }
  | { readonly refused: Refusal; readonly recovered: readonly RunResult[] };

/** For each customer from the first time that another run was faster: as long as somebody waits for a lock. */
function inTurn(world: World, options: ApplyOptions, own: ReadonlySet<string>): RollOutInput['again'] {
  const { clock } = world.ws;
  const ends = new Map<string, number>();
  return async ({ state }) => {
    const end = ends.get(state.customer.name) ?? clock.monotonic() + options.lockTimeoutMs;
    ends.set(state.customer.name, end);
    const left = end - clock.monotonic();
    if (left <= 0) return undefined;
    const next = await prepareCustomer(world, state, { ...options, lockTimeoutMs: left }, own);
    return 'plan' in next ? { prepared: next, recovered: next.recovered } : next;
  };
}

/** An unfinished run is recovered before anything is planned; an older commit never undoes a newer one. */
async function prepareCustomer(world: World, state: DesiredState, options: ApplyOptions, own: ReadonlySet<string>): Promise<Prepared> {
  const customer = state.customer.name;
  const recovered = await recoverCustomer(world, state, options, own);
  if (recovered.refused !== undefined) return { refused: recovered.refused, recovered: recovered.runs };
  const { ledger, head, records } = recovered;
  const [missing] = await world.repo.notContained(appliedCommits(ledger), world.tree.heads);
  if (missing !== undefined) {
    return { refused: { customer, code: 'older', why: `commit ${missing.slice(0, 12)} was applied last and is not part of this branch; merge it first` }, recovered: recovered.runs };
  }
  const plan = await planOne(world, state, ledger, options);
  const { offline } = recovered;
  // Told with the plan, before anybody says yes to it.
  const told = offline === undefined ? plan : { ...plan, problems: [...plan.problems, offlineWarning(customer, offline.remote, { ...(offline.seen === '' ? {} : { remote: offline.seen }), ...(offline.seenAt === undefined ? {} : { remoteAt: offline.seenAt }) })] };
  return { state, ledger, head, records, plan: told, recovered: recovered.runs };
}

function appliedCommits({ commit, beside = [] }: Ledger): readonly string[] {
  return [...(commit === '' ? [] : [commit]), ...beside];
}

/** What was applied from a commit that this tree does not contain would look like a deletion here. */
async function olderThanApplied(world: World, ledgers: Ledgers): Promise<readonly Problem[]> {
  const applied = names(world.desired.states).flatMap((customer) => appliedCommits(ledgers.of(customer)).map((commit) => ({ customer, commit })));
  const missing = new Set(await world.repo.notContained(applied.map(({ commit }) => commit), world.tree.heads));
  return applied.filter(({ commit }) => missing.has(commit)).map(({ customer, commit }): Problem => ({
    code: 'git.older', severity: 'error', customer, message: `${customer}: commit ${commit.slice(0, 12)} was applied last and is not part of this branch`, hint: 'fetch, and merge the branch that holds it; a plan without it would take back what it did',
  }));
}

/** Its targets are not asked: that says nothing about them. */
function isLeaving({ desired }: World, customer: string): boolean {
  return desired.states.some((state) => state.customer.name === customer && state.offboarding?.act === 'release');
}

/** What a freeze or a shut window would hold back at this moment. */
function holdsOf({ ws, desired }: World, plans: readonly Plan[]): ReadonlyMap<string, Hold> {
  const now = ws.clock.now();
  const states = new Map(desired.states.map((state) => [state.customer.name, state]));
  return new Map(plans.flatMap((each): [string, Hold][] => {
    const state = states.get(each.customer);
    const held = state === undefined ? undefined : holdOf({ state, plan: each }, desired.settings, now);
    return held?.reason === undefined ? [] : [[each.customer, { ...held.reason, held: held.waiting.length, leaves: each.leaves.length }]];
  }));
}

/** Of customers with rules about it: what each target stands at, and when something is due. */
function firmwareOf({ ws, desired }: World, plans: readonly Plan[]): ReadonlyMap<string, readonly FirmwareNote[]> {
  const now = ws.clock.now();
  const states = new Map(desired.states.map((state) => [state.customer.name, state]));
  return new Map(plans.flatMap(({ customer, targets }): [string, readonly FirmwareNote[]][] => {
    const state = states.get(customer);
    const notes = state === undefined ? [] : targets.flatMap(({ target, firmware = [] }) => firmware.map((standing) => firmwareNote(target, standing, state.firmware ?? [], state.customer.document, now)));
    return notes.length === 0 ? [] : [[customer, notes]];
  }));
}

/** What could not be brought back, or not to a state as new as promised. Of what is kept only the note of the last run is read. */
async function keptBeside(world: World, plans: readonly Plan[]): Promise<ReadonlyMap<string, readonly KeptStanding[]>> {
  const states = new Map(world.desired.states.map((state) => [state.customer.name, state]));
  const policies = plans.map(({ customer }) => customer).filter((customer) => states.get(customer)?.customer.document['configBackup'] !== undefined);
  const observed = await readObserved(world, policies);
  const now = world.ws.clock.now();
  return new Map(plans.flatMap(({ customer, targets }): [string, readonly KeptStanding[]][] => {
    const state = states.get(customer);
    const planned = new Map(targets.map((each) => [each.target, each.batches.length > 0]));
    const told = state === undefined ? [] : keptOf(state, world.providers, observed.get(customer), now).filter(({ target, state: kept }) => (kept === 'no-policy' ? planned.get(target) === true : kept !== 'fresh' && planned.has(target)));
    return told.length === 0 ? [] : [[customer, told]];
  }));
}

/** One customer, with the sessions and providers of this world. */
function planOne(world: World, state: DesiredState, ledger: Ledger, options: Selection & { readonly allowDeletes?: number }): Promise<Plan> {
  const sessions = world.sessions(state.customer.name);
  const only = world.scope?.targets.get(state.customer.name);
  return planState({
    state, ledger, kinds, targets: options.targets, ...(only === undefined ? {} : { only }), commit: world.tree.commit, providers: bare(world.providers),
    openRead: (target) => sessions.openRead(target), allowDeletes: options.allowDeletes ?? 0, progress: world.ws.progress,
  });
}

/** Reach, identity, credentials, permissions of each target, without writing. */
export async function doctor(ws: Workspace, selection: Selection): Promise<{ readonly findings: readonly DoctorFinding[]; readonly problems: readonly Problem[]; readonly texts: ReadonlyMap<string, string> }> {
  const world = await openWorld(ws, selection, (repo) => treeForPlan(repo, undefined), 'doctor');
  const findings = await eachCustomer(world, selection, async (state) => {
    const sessions = world.sessions(state.customer.name);
    const targets = state.targets.map(({ target }) => target).filter(({ name }) => selection.targets.length === 0 || selection.targets.includes(name));
    const told = (target: string, standing: FirmwareStanding): FirmwareNote => firmwareNote(target, standing, state.firmware ?? [], state.customer.document, world.ws.clock.now());
    return (await Promise.all(targets.map((target) => diagnoseTarget(target, sessions, state.firmware ?? [])))).flat().map(({ standing, ...finding }): DoctorFinding => (standing === undefined ? finding : { ...finding, firmware: told(finding.target, standing) }));
  });
  return { findings: findings.flat(), problems: world.problems, texts: world.desired.texts };
}

/** The change log: from the audit branches, also of customers that are no longer written. */
export async function log(ws: Workspace, { limit, period = {}, ...which }: LogOptions): Promise<LogResult> {
  const audits = await eachBranch(ws, which, async (customer, repo, where) => listRuns((await openAuditOf(ws, repo, customer, where)).records));
  const entries = audits.flat().filter(({ at, closedAt }) => touchesPeriod(at, closedAt, period)).sort((a, b) => compareText(b.at, a.at));
  return { entries: limit === undefined ? entries : entries.slice(0, limit) };
}

/** Every version of one resource, newest first; of more than one customer where the selector names none. */
export async function resourceLog(ws: Workspace, { limit, period = {}, resource, ...which }: LogOptions & { readonly resource: string }): Promise<ResourceLogResult> {
  const found = await eachBranch(ws, which, async (customer, repo, where) => {
    const address = addressOfSelector(customer, resource);
    return address === undefined ? [] : resourceHistory((await openAuditOf(ws, repo, customer, where)).records, address);
  });
  const versions = found.flat().filter(({ at, closedAt }) => touchesPeriod(at, closedAt, period));
  const sorted = found.length < 2 ? versions : [...versions].sort((a, b) => compareText(b.at, a.at));
  return { versions: limit === undefined ? sorted : sorted.slice(0, limit) };
}

/** Chain intact, every apply approved, nothing rewritten. */
export async function verifyAudit(ws: Workspace, options: BranchOptions): Promise<AuditVerifyResult> {
  return { customers: await eachBranch(ws, options, async (customer, repo, where) => (await provenRecords(ws, repo, customer, where)).verification) };
}

/** Stand-ins for all targets on loopback, until stopped. */
export async function lab(ws: Workspace, selection: Selection): Promise<{ readonly lab?: Lab; readonly problems: readonly Problem[]; readonly texts: ReadonlyMap<string, string> }> {
  const providers = ws.providers ?? await loadProviders();
  const loaded = await loadDesired({ source: sourceWithoutGit(ws.root), kinds, providers: describe(providers), lab: true, asOf: asOfOf(ws), ...(selection.customers.length === 0 ? {} : { customers: selection.customers }) });
  if (loaded.states.length === 0) return { problems: loaded.problems, texts: loaded.texts };
  const targets = loaded.states.flatMap((state) => state.targets.map(({ target }) => target)).filter(({ name }) => selection.targets.length === 0 || selection.targets.includes(name));
  return { lab: await startLab(ws.root, targets), problems: loaded.problems, texts: loaded.texts };
}

async function eachCustomer<T>(world: World, { concurrency }: Selection, run: (state: DesiredState) => Promise<T>, more: readonly Problem[] = []): Promise<readonly T[]> {
  const limit = pLimit(Math.max(1, concurrency));
  const broken = new Set([...world.problems, ...more].flatMap(({ severity, customer, target }) => (severity === 'error' && customer !== undefined && target === undefined ? [customer] : [])));
  // A problem of the tree or of the root document concerns all; one of a standard is told by those who subscribe to it.
  if (world.problems.some(({ severity, customer, source }) => severity === 'error' && customer === undefined && source?.file.startsWith('standards/') !== true)) return [];
  return allEnded(world.desired.states.filter(({ customer }) => !broken.has(customer.name)).map((state) => limit(() => run(state))));
}

function fleetLimit({ desired }: World): number {
  return desired.settings.fleet?.deletes ?? 10;
}

function names(states: readonly DesiredState[]): readonly string[] {
  return states.map(({ customer }) => customer.name);
}

function count(states: readonly DesiredState[]): number {
  return states.reduce((sum, { resources }) => sum + resources.length, 0);
}
