/** One customer: check, read all targets at once, compare, ask the targets what they will say, compare again with that. */
import { isLedgerOnly, type Kind, type Problem, type Provider, type ReadSession, type Target } from '#contract';
import type { DesiredState, Ledger, Plan, Progress } from '#core/model';
import { readTarget, type OpenReading } from './live/read-target.ts';
import { identityOf } from './plan/identity-of.ts';
import { planCustomer } from './plan/plan-customer.ts';
import { toolVersion } from './tool-version.ts';

export interface PlanStateInput {
  readonly state: DesiredState;
  readonly ledger: Ledger;
  /** Names; empty: all. */
  readonly targets: readonly string[];
  /** Of these, where a diff says which of them it can affect. */
  readonly only?: ReadonlySet<string>;
  readonly commit: string;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly openRead: (target: Target) => Promise<ReadSession>;
  readonly allowDeletes: number;
  readonly progress: Progress;
}

export async function planState(given: PlanStateInput): Promise<Plan> {
  const { state, providers, kinds } = given;
  const customer = state.customer.name;
  const targets = state.targets.filter(({ target: { name } }) => (given.targets.length === 0 || given.targets.includes(name)) && given.only?.has(name) !== false);
  const readings = await Promise.all(targets.map(async (entry) => {
    const { target } = entry;
    if (state.offboarding?.act === 'release') return notAsked(target, 'everything is let go of');
    if (identityOf(entry, given.ledger)?.problem !== undefined) return notAsked(target, 'nobody has accepted its identity');
    given.progress({ type: 'reading', customer, target: target.name });
    const open = await readTarget({ target, kinds, open: () => given.openRead(target) });
    given.progress(open.reading.status === 'read' ? { type: 'read', customer, target: target.name, resources: open.reading.live.length } : { type: 'unreachable', customer, target: target.name, why: open.reading.why });
    return open;
  }));
  try {
    const problems = state.offboarding === undefined ? checkCustomer(state, providers) : [];
    const capabilities = new Map([...providers].map(([name, provider]) => [name, provider.capabilities]));
    const input = { tool: toolVersion, commit: given.commit, state, ledger: given.ledger, readings: readings.map(({ reading }) => reading), kinds, capabilities, allowDeletes: given.allowDeletes };
    const first = planCustomer({ ...input, problems });
    const reviews = await review(first, readings, customer);
    return reviews.length === 0 ? first : planCustomer({ ...input, problems: [...problems, ...reviews] });
  } finally {
    await Promise.all(readings.map(({ session }) => session?.close().catch(() => undefined)));
  }
}

/** Letting go touches nothing: a target that is switched off already must not stand in the way. A stranger is sent nothing. */
function notAsked({ name }: Target, why: string): OpenReading {
  return { reading: { status: 'unreachable', target: name, code: 'unreachable', why: `not asked: ${why}` } };
}

/** What the targets will say to the changes, as far as reading can tell. */
async function review(first: Plan, readings: readonly OpenReading[], customer: string): Promise<readonly Problem[]> {
  const found = await Promise.all(readings.map(async ({ reading: { target }, session }) => {
    const changes = (first.targets.find((each) => each.target === target)?.batches.flatMap((batch) => batch.changes) ?? []).filter(({ verb }) => !isLedgerOnly(verb));
    return changes.length === 0 ? [] : ((await session?.review?.(changes)) ?? []).map((problem) => ({ customer, target, ...problem }));
  }));
  return found.flat();
}

/** Offline: what each family cannot take. */
export function checkCustomer(state: DesiredState, providers: ReadonlyMap<string, Provider>): readonly Problem[] {
  return state.targets.flatMap(({ target }) => {
    const prefix = `${target.customer}/${target.name}/`;
    const found = providers.get(target.provider)?.check(state.resources.filter(({ address }) => address.startsWith(prefix)), target) ?? [];
    return found.map((problem) => ({ customer: target.customer, target: target.name, ...problem }));
  });
}
