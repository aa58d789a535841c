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
import { compareText } from '#core/canonical';
import type { DesiredState, Ledger, Plan, RunResult } from '#core/model';
import { openRepo, type Repo } from '#git/open-repo';
import { kinds } from '#kinds/registry';
import { applyCustomer, recoverCustomer, type Refusal } from './apply-customer.ts';
import { approvalFor, readApprovals } from './approvals.ts';
import { listRuns } from './audit/list-runs.ts';
import { listBranches, readLedgers, type Ledgers } from './audit/read-ledgers.ts';
import { verifyAudit as verifyBranch } from './audit/verify-audit.ts';
import { auditPlaceOf, branchOf, openAuditOf, type AuditWhere } from './audit-of.ts';
import { loadDesired } from './desired/load-desired.ts';
import { diagnoseTarget } from './live/diagnose-target.ts';
import { startLab, type Lab } from './lab/start-lab.ts';
import { gateFleet } from './plan/gate-fleet.ts';
import { checkCustomer, planState } from './plan-state.ts';
import { holdOf, rollOut, type PreparedCustomer } from './roll-out.ts';
import { savePlan } from './saved-plans.ts';
import { loadProviders } from './providers.ts';
import { treeForApply, treeForPlan } from './tree.ts';
import { bare, describe, openWorld, sourceWithoutGit, type World } from './world.ts';
import type { ApplyOptions, ApplyRunResult, AuditVerifyResult, DoctorFinding, Hold, LogResult, PlanOptions, PlanRunResult, PlanTold, Selection, ValidateResult, Workspace } from './workspace.ts';

export type * from './workspace.ts';

/** Everything that can be said about the files without touching a network. Works without Git, too. */
export async function validate(ws: Workspace, selection: Selection): Promise<ValidateResult> {
  if (selection.changedSince === undefined) {
    const providers = ws.providers ?? await loadProviders();
    const loaded = await loadDesired({ source: sourceWithoutGit(ws.root), kinds, providers: describe(providers), lab: ws.lab, ...(selection.customers.length === 0 ? {} : { customers: selection.customers }) });
    const checked = loaded.states.flatMap((state) => checkCustomer(state, bare(providers)));
    return { customers: names(loaded.states), files: loaded.files, resources: count(loaded.states), problems: [...loaded.problems, ...checked], texts: loaded.texts };
  }
  const world = await openWorld(ws, selection, (repo) => treeForPlan(repo, undefined));
  const checked = world.desired.states.flatMap((state) => checkCustomer(state, bare(world.providers)));
  return { customers: names(world.desired.states), files: world.desired.files, resources: count(world.desired.states), problems: [...world.problems, ...checked], texts: world.desired.texts };
}

/** Compares what is written with what is there. Changes nothing anywhere but this clone's list of seen plans. */
export async function plan(ws: Workspace, options: PlanOptions): Promise<PlanTold> {
  const world = await openWorld(ws, options, (repo) => treeForPlan(repo, options.base));
  const ledgers = await readLedgers({ root: ws.root, prefix: world.auditPrefix, remote: world.remote }, names(world.desired.states));
  const older = await olderThanApplied(world, ledgers);
  const plans = await eachCustomer(world, options, (state) => planOne(world, state, ledgers.of(state.customer.name), options), older);
  const problems = [...world.problems, ...older, ...gateFleet(plans, fleetLimit(world), options.allowDeletes ?? 0)];
  await Promise.all(plans.map((each) => savePlan(world.repo.gitDir, each)));
  return { plans, problems, texts: world.desired.texts, holds: holdsOf(world, plans) };
}

/** What is applied against what is there: the plan of the commit, of which only drift matters. */
export async function drift(ws: Workspace, selection: Selection): Promise<PlanRunResult> {
  const world = await openWorld(ws, selection, treeForApply);
  const ledgers = await readLedgers({ root: ws.root, prefix: world.auditPrefix, remote: world.remote }, names(world.desired.states));
  const older = await olderThanApplied(world, ledgers);
  const plans = await eachCustomer(world, selection, (state) => planOne(world, state, ledgers.of(state.customer.name), selection), older);
  return { plans, problems: [...world.problems, ...older], texts: world.desired.texts };
}

/** Applies what was approved and is still identical; tells what is not. */
export async function apply(ws: Workspace, options: ApplyOptions): Promise<ApplyRunResult> {
  const now = ws.clock.now();
  const world = await openWorld(ws, options, treeForApply);
  const approvals = await readApprovals(world.repo.gitDir, options);
  const ready = await eachCustomer(world, options, (state) => prepareCustomer(world, state, options));
  const refused: Refusal[] = ready.flatMap((each) => ('refused' in each ? [each.refused] : []));
  const runs: RunResult[] = ready.flatMap((each) => each.recovered);
  const prepared = ready.flatMap((each) => ('plan' in each ? [each] : []));
  const fleet = gateFleet(prepared.map((each) => each.plan), fleetLimit(world), options.allowDeletes ?? 0);
  const problems = [...world.problems, ...fleet];
  if (fleet.length > 0) return { plans: prepared.map((each) => each.plan), approvals: [], runs, waiting: [], refused: [...refused, ...prepared.map(({ state }) => ({ customer: state.customer.name, code: 'gate' as const, why: fleet[0]?.message ?? '' }))], problems, texts: world.desired.texts };
  const { confirm: _confirm, ...silent } = options;
  const { results, granted, waiting } = await rollOut({
    prepared, customers: [...names(world.desired.states), ...problems.flatMap(({ severity, customer }) => (severity === 'error' && customer !== undefined ? [customer] : []))],
    settings: world.desired.settings, now, concurrency: options.concurrency, stop: ws.signal, problems, before: { refused, runs },
    grant: (each, ask) => approvalFor(each.plan, approvals, ask ? options : silent, ws),
    run: (each, approval, held) => applyCustomer(world, { ...each, approval, options, ...held }),
  });
  return {
    plans: prepared.map((each) => each.plan),
    approvals: granted.map(({ approval }) => approval),
    runs: [...runs, ...results.flatMap((each) => each.runs)], waiting,
    refused: [...refused, ...results.flatMap((each) => each.refused), ...approvals.unknown(prepared.map((each) => each.plan))],
    problems, texts: world.desired.texts,
  };
}

type Prepared =
  | PreparedCustomer & { readonly recovered: readonly RunResult[] }
  | { readonly refused: Refusal; readonly recovered: readonly RunResult[] };

/** An unfinished run is recovered before anything is planned; an older commit never undoes a newer one. */
async function prepareCustomer(world: World, state: DesiredState, options: ApplyOptions): Promise<Prepared> {
  const customer = state.customer.name;
  const recovered = await recoverCustomer(world, state, options);
  if (recovered.refused !== undefined) return { refused: recovered.refused, recovered: recovered.runs };
  const { ledger, head } = recovered;
  if ((await world.repo.notContained(ledger.commit === '' ? [] : [ledger.commit], world.tree.heads)).length > 0) {
    return { refused: { customer, code: 'older', why: `commit ${ledger.commit.slice(0, 12)} was applied last and is not part of this branch; merge it first` }, recovered: recovered.runs };
  }
  return { state, ledger, head, plan: await planOne(world, state, ledger, options), recovered: recovered.runs };
}

/** What was applied from a commit that this tree does not contain would look like a deletion here. */
async function olderThanApplied(world: World, ledgers: Ledgers): Promise<readonly Problem[]> {
  const applied = names(world.desired.states).map((customer) => ({ customer, commit: ledgers.of(customer).commit })).filter(({ commit }) => commit !== '');
  const missing = new Set(await world.repo.notContained(applied.map(({ commit }) => commit), world.tree.heads));
  return applied.filter(({ commit }) => missing.has(commit)).map(({ customer, commit }): Problem => ({
    code: 'git.older', severity: 'error', customer, message: `${customer}: commit ${commit.slice(0, 12)} was applied last and is not part of this branch`, hint: 'fetch, and merge the branch that holds it; a plan without it would take back what it did',
  }));
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

/** One customer, with the sessions and providers of this world. */
function planOne(world: World, state: DesiredState, ledger: Ledger, options: Selection & { readonly allowDeletes?: number }): Promise<Plan> {
  const sessions = world.sessions(state.customer.name);
  return planState({
    state, ledger, kinds, targets: options.targets, commit: world.tree.commit, providers: bare(world.providers),
    openRead: (target) => sessions.openRead(target), allowDeletes: options.allowDeletes ?? 0, progress: world.ws.progress,
  });
}

/** Reach, identity, credentials, permissions of each target, without writing. */
export async function doctor(ws: Workspace, selection: Selection): Promise<{ readonly findings: readonly DoctorFinding[]; readonly problems: readonly Problem[]; readonly texts: ReadonlyMap<string, string> }> {
  const world = await openWorld(ws, selection, (repo) => treeForPlan(repo, undefined));
  const findings = await eachCustomer(world, selection, async (state) => {
    const sessions = world.sessions(state.customer.name);
    const targets = state.targets.map(({ target }) => target).filter(({ name }) => selection.targets.length === 0 || selection.targets.includes(name));
    return (await Promise.all(targets.map((target) => diagnoseTarget(target, sessions)))).flat();
  });
  return { findings: findings.flat(), problems: world.problems, texts: world.desired.texts };
}

/** The change log: from the audit branches, also of customers that are no longer written. */
export async function log(ws: Workspace, options: { readonly customers: readonly string[]; readonly limit?: number }): Promise<LogResult> {
  const audits = await eachBranch(ws, options.customers, async (customer, repo, where) => listRuns((await openAuditOf(ws, repo, customer, where)).records));
  const entries = audits.flat().sort((a, b) => compareText(b.at, a.at));
  return { entries: options.limit === undefined ? entries : entries.slice(0, options.limit) };
}

/** Chain intact, every apply approved, nothing rewritten. */
export async function verifyAudit(ws: Workspace, options: { readonly customers: readonly string[] }): Promise<AuditVerifyResult> {
  return { customers: await eachBranch(ws, options.customers, (customer, repo, where) => branchOf(ws, repo, customer, where).then((branch) => verifyBranch(customer, branch))) };
}

/** Stand-ins for all targets on loopback, until stopped. */
export async function lab(ws: Workspace, selection: Selection): Promise<{ readonly lab?: Lab; readonly problems: readonly Problem[]; readonly texts: ReadonlyMap<string, string> }> {
  const providers = ws.providers ?? await loadProviders();
  const loaded = await loadDesired({ source: sourceWithoutGit(ws.root), kinds, providers: describe(providers), lab: true, ...(selection.customers.length === 0 ? {} : { customers: selection.customers }) });
  if (loaded.states.length === 0) return { problems: loaded.problems, texts: loaded.texts };
  const targets = loaded.states.flatMap((state) => state.targets.map(({ target }) => target)).filter(({ name }) => selection.targets.length === 0 || selection.targets.includes(name));
  return { lab: await startLab(ws.root, targets), problems: loaded.problems, texts: loaded.texts };
}

async function eachCustomer<T>(world: World, { concurrency }: Selection, run: (state: DesiredState) => Promise<T>, more: readonly Problem[] = []): Promise<readonly T[]> {
  const limit = pLimit(Math.max(1, concurrency));
  const broken = new Set([...world.problems, ...more].flatMap(({ severity, customer, target }) => (severity === 'error' && customer !== undefined && target === undefined ? [customer] : [])));
  // A problem of the tree or of the root document concerns all.
  if (world.problems.some(({ severity, customer }) => severity === 'error' && customer === undefined)) return [];
  return allEnded(world.desired.states.filter(({ customer }) => !broken.has(customer.name)).map((state) => limit(() => run(state))));
}

/** A defect at one customer is told when the others have come to their end: nobody is left in the middle of a write. */
async function allEnded<T>(running: readonly Promise<T>[]): Promise<readonly T[]> {
  const settled = await Promise.allSettled(running);
  const defect = settled.find((each): each is PromiseRejectedResult => each.status === 'rejected');
  if (defect !== undefined) throw defect.reason;
  return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

async function eachBranch<T>(ws: Workspace, wanted: readonly string[], run: (customer: string, repo: Repo, where: AuditWhere) => Promise<T>): Promise<readonly T[]> {
  const repo = await openRepo(ws.root);
  const { settings } = await loadDesired({ source: sourceWithoutGit(ws.root), kinds, providers: new Map(), lab: ws.lab, customers: [] });
  const where = await auditPlaceOf(ws, repo, settings);
  const customers = wanted.length > 0 ? wanted : await listBranches({ root: ws.root, ...where });
  return Promise.all(customers.map((customer) => run(customer, repo, where)));
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
