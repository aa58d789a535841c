/** What somebody is asked to sign: one customer's plan, or the plans of several that are approved as one. */
import type { PlanNotice } from '#core/approval-entry';
import { compareText } from '#core/canonical';
import { fleetDigest, planSetOf, type PlanSet } from '#core/fleet-digest';
import type { Plan } from '#core/model';
import { GitError } from '#git/run-git';
import type { LeafFacts } from './approval/policy.ts';
import { factsOf } from './approval-state.ts';
import { leafFacts } from './approvals.ts';
import type { Fleet } from './fleet-groups.ts';
import { plan as makePlan } from './pipeline.ts';
import { leavesMatchDigest } from './plan/match-approval.ts';
import { parseFleet, parseSaved, readPlanFiles, readSavedFleets, readSavedPlans } from './saved-plans.ts';
import type { PlanOptions } from './workspace.ts';

/** Either the plan as it is now, or what CI has noted that it showed. */
export interface ShownPlan {
  readonly customer: string;
  readonly digest: string;
  readonly commit: string;
  readonly leaves: readonly LeafFacts[];
  readonly plan?: Plan;
  readonly notice?: PlanNotice;
}

export interface ShownPlans {
  /** Sorted by customer; more than one only with `fleet`. */
  readonly plans: readonly ShownPlan[];
  /** Digest of the set. */
  readonly fleet?: string;
}

export interface ShowOptions extends Pick<PlanOptions, 'concurrency' | 'base' | 'allowDeletes'> {
  /** Names; empty: whoever the digest is known to be about. */
  readonly customers: readonly string[];
  readonly all: boolean;
  readonly digest: string;
  readonly planFiles: readonly string[];
}

export type Shown = ShownPlans | { readonly state: 'invalid' | 'stale'; readonly why: string; readonly hint: string };

export async function shownPlans(fleet: Fleet, options: ShowOptions, head: string): Promise<Shown> {
  const known = await knownHere(fleet, options);
  const [only, ...more] = options.customers.length > 0 ? options.customers : known.plan === undefined ? [] : [known.plan];
  if (options.all || more.length > 0 || known.set !== undefined) return shownSet(fleet, options, head, known.set);
  if (only === undefined) return { state: 'invalid', why: `it is not known here whose plan ${options.digest} is`, hint: 'name the customer: soll approve CUSTOMER DIGEST; or --all, where it is the digest of several' };
  const shown = await shownPlan(fleet, only, options, head);
  return shown === undefined ? { state: 'stale', why: `${options.digest} is not the plan of ${only}, and nothing was noted under it`, hint: `plan again: soll plan ${only}${fleet.ws.lab ? ' --lab' : ''}` } : { plans: [shown] };
}

/** Whose it is, from plans and sets that this clone or a plan file holds. */
async function knownHere({ where: { repo } }: Fleet, { digest, planFiles }: ShowOptions): Promise<{ readonly plan?: string; readonly set?: PlanSet }> {
  const { texts: files, problems: [problem] } = await readPlanFiles(planFiles);
  if (problem !== undefined) throw new GitError(problem.message, 1, problem.hint);
  const names = new Set([...files.flatMap(parseSaved), ...await readSavedPlans(repo.gitDir, [digest])].filter((each) => each.digest === digest).map(({ customer }) => customer));
  const set = [...files.flatMap(parseFleet), ...await readSavedFleets(repo.gitDir, [digest])].find((each) => each.digest === digest);
  const [plan] = names;
  return { ...(plan === undefined || names.size > 1 ? {} : { plan }), ...(set === undefined ? {} : { set }) };
}

/** What CI noted, or the plan as it is now. A file could show one plan and name the leaves of another, so none is ever shown. */
async function shownPlan(fleet: Fleet, customer: string, options: ShowOptions, head: string): Promise<ShownPlan | undefined> {
  const notice = (await factsOf(fleet.place).entries(customer)).findLast((entry): entry is PlanNotice => entry.type === 'plan' && entry.digest === options.digest);
  if (notice !== undefined) return noticed(notice);
  const plan = (await planNow(fleet, [customer], options)).find((each) => each.digest === options.digest);
  return plan === undefined ? undefined : planned(plan, head);
}

async function shownSet(fleet: Fleet, options: ShowOptions, head: string, known: PlanSet | undefined): Promise<Shown> {
  const { digest, customers, all } = options;
  const named = all ? [] : customers.length > 0 ? customers : Object.keys(known?.customers ?? {});
  const parted = known === undefined || named.length === 0 ? [] : Object.keys(known.customers).filter((each) => !named.includes(each));
  if (parted.length > 0) return { state: 'invalid', why: `${digest} is about ${parted.join(', ')} as well`, hint: 'name all of them or --all; for some of them alone, plan those: soll plan CUSTOMER…' };
  const notices = await noticedSet(fleet, named, digest);
  if (notices !== undefined) return { fleet: digest, plans: notices.map(noticed) };
  const plans = await planNow(fleet, named, options);
  const now = planSetOf(plans);
  if (now?.digest === digest) return { fleet: digest, plans: plans.map((each) => planned(each, head)).sort((a, b) => compareText(a.customer, b.customer)) };
  const digests = new Map(plans.map((each) => [each.customer, each.digest]));
  const moved = Object.entries(known?.customers ?? {}).filter(([customer, before]) => digests.get(customer) !== before).map(([customer]) => customer);
  return {
    state: 'stale', why: `${digest} is not the digest of the plans of ${named.length === 0 ? 'all customers' : named.join(', ')}${moved.length === 0 ? '' : `; changed since: ${moved.join(', ')}`}`,
    hint: `plan again: soll plan ${named.join(' ')}${fleet.ws.lab ? ' --lab' : ''}`.replace('  ', ' '),
  };
}

/** What CI noted as one, of one commit; `undefined`: it does not add up. */
async function noticedSet({ facts, approvals, branches }: Fleet, named: readonly string[], digest: string): Promise<readonly PlanNotice[] | undefined> {
  const entries = await facts.readEntries(named.length > 0 ? named : branches.customers(approvals));
  const found = [...entries.values()].flatMap((each) => each.findLast((entry): entry is PlanNotice => entry.type === 'plan' && entry.fleet === digest) ?? []);
  const whole = found.length > 1 && new Set(found.map(({ commit }) => commit)).size === 1 && fleetDigest(Object.fromEntries(found.map((each) => [each.customer, each.digest]))) === digest;
  return whole ? [...found].sort((a, b) => compareText(a.customer, b.customer)) : undefined;
}

async function planNow({ ws }: Fleet, customers: readonly string[], { concurrency, base, allowDeletes }: ShowOptions): Promise<readonly Plan[]> {
  const { plans } = await makePlan(ws, { customers, targets: [], concurrency, ...(base === undefined ? {} : { base }), ...(allowDeletes === undefined ? {} : { allowDeletes }) });
  return plans.filter((each) => each.leaves.length > 0 && leavesMatchDigest(each));
}

function noticed(notice: PlanNotice): ShownPlan {
  const { customer, digest, commit, leaves } = notice;
  return { customer, digest, commit, leaves, notice };
}

function planned(plan: Plan, head: string): ShownPlan {
  return { customer: plan.customer, digest: plan.digest, commit: plan.commit === '' ? head : plan.commit, leaves: leafFacts(plan), plan };
}
