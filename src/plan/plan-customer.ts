/** One customer's plan from desired state, readings and ledger: pure, no clock, no I/O. Same inputs in any order, same bytes. */
import { isLedgerOnly, parseAddress, type Address, type Batch, type Capabilities, type Change, type Desired, type Kind, type Problem, type SourceRange, type Target } from '#contract';
import { compareText } from '#core/canonical';
import { judgeFirmware } from '#core/firmware';
import { migrateLedger } from '#core/load-ledger';
import type { DesiredState, Ledger, LedgerEntry, Plan, PlannedChange, PlanSummary, Reading, TargetPlan } from '#core/model';
import { checkGates } from './check-gates.ts';
import { compareTarget, type Comparison } from './compare-target.ts';
import { describeChange, highestRisk } from './describe-change.ts';
import { asLost, identityOf, type IdentityStep } from './identity-of.ts';
import { linkBatches, waitingForEachOther } from './link-batches.ts';
import { makeBatches } from './make-batches.ts';
import { makeLeaves, rootOf } from './make-leaves.ts';
import { managementEffects, type ManagementEffects } from './management-path.ts';
import { offboardTarget } from './offboard-target.ts';
import { levelsOf, orderChanges, predecessors } from './order-changes.ts';
import { unseenNeeds } from './unseen-needs.ts';

export interface PlanInput {
  readonly tool: string;
  readonly commit: string;
  readonly state: DesiredState;
  readonly ledger: Ledger;
  /** Of the targets that are to be planned; others do not appear. */
  readonly readings: readonly Reading[];
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly capabilities: ReadonlyMap<string, Capabilities>;
  /** Found before: by checks, by reviews. An error that names a target blocks that target. */
  readonly problems: readonly Problem[];
  readonly allowDeletes: number;
}

interface Own {
  readonly desired: Desired[];
  readonly ledger: Record<Address, LedgerEntry>;
}

interface Grouped extends PlanInput {
  /** Resources and ledger entries by `customer/target`, as the address begins. */
  readonly byTarget: ReadonlyMap<string, Own>;
}

interface Work {
  readonly target: Target;
  readonly reading: Reading;
  readonly capabilities: Capabilities;
  readonly comparison: Comparison;
  readonly identity: IdentityStep | undefined;
  readonly blocked: string | undefined;
}

const empty: Comparison = { changes: [], ledgerOnly: [], findings: [], problems: [], compared: 0, live: [] };

export function planCustomer(given: PlanInput): Plan {
  const ledger = migrateLedger(given.ledger, given.kinds);
  const input = { ...given, ledger, byTarget: groupByTarget(given.state.resources, ledger) };
  const desired = new Map(input.state.resources.map((resource) => [resource.address, resource]));
  const source = (address: Address): SourceRange | undefined => desired.get(address)?.source;
  const read = [...input.readings].sort((a, b) => compareText(a.target, b.target)).flatMap((reading) => compareOne(input, reading));
  const work = input.state.offboarding === undefined ? read : keepingWays(input, read);
  const changes = work.flatMap(({ comparison }) => comparison.changes);
  const sites = new Map(input.state.targets.map(({ target: { name, site } }) => [name, site]));
  const siteOf = (target: string): string | undefined => sites.get(target);
  const ways = effectsOnWays(input, work);
  const before = afterIdentity(joined(predecessors(changes, input.kinds, siteOf), ways.before), work);
  const unreachable = input.readings.filter(({ status }) => status === 'unreachable').map(({ target }) => target);
  const problems: Problem[] = [
    ...input.problems, ...offboardingProblems(input), ...ways.problems,
    ...unseenNeeds({ customer: input.state.customer.name, kinds: input.kinds, changes, desired: input.state.resources, ledger: input.ledger, unreachable, siteOf }),
  ];
  const drafts = work.map((item) => draftTarget(input, item, before, source, desired, problems)).map((plan) => ({ ...plan, changes: plan.changes.map((change) => onTheWay(change, ways.touched.get(change.address))) }));
  const linked = untangle(linkBatches(drafts, before), { input, work, before, changes });
  const cycles = waitingForEachOther(input.state.customer.name, linked);
  problems.push(...cycles);
  const targets = blockDependants(linked.map((plan) => block(plan, cycles.find(({ target }) => target === plan.target))));
  const leaves = makeLeaves({
    tool: input.tool, kinds: input.kinds, before, ledger: input.ledger,
    targets: targets.filter(({ status }) => status === 'ready').map((plan) => ({ target: plan.target, provider: plan.provider, pin: pinOf(input, plan.target), batches: plan.batches, ledgerOnly: plan.ledgerOnly })),
  });
  const risk = highestRisk(targets.flatMap(({ changes }) => changes.map((change) => change.risk)));
  return {
    formatVersion: '1.0', tool: input.tool, customer: input.state.customer.name, commit: input.commit,
    targets, leaves, ...rootOf(leaves), risk, summary: summarise(targets),
    problems: uniqueProblems(problems),
  };
}

/** Nothing is done on a target, and nothing taken over there, before it is accepted who it is. */
function afterIdentity(before: ReadonlyMap<Address, readonly Address[]>, work: readonly Work[]): ReadonlyMap<Address, readonly Address[]> {
  const result = new Map(before);
  for (const { identity, comparison } of work) {
    if (identity === undefined) continue;
    for (const { address } of [...comparison.changes, ...comparison.ledgerOnly]) result.set(address, [...(result.get(address) ?? []), identity.change.address]);
  }
  return result;
}

function effectsOnWays({ state, kinds }: PlanInput, work: readonly Work[]): ManagementEffects {
  return managementEffects({
    customer: state.customer.name, targets: state.targets, kinds, changes: work.flatMap(({ comparison }) => comparison.changes),
    live: new Map(work.filter(({ reading }) => reading.status === 'read').map(({ target, comparison }) => [target.name, comparison.live])),
  });
}

/** A customer who leaves keeps the ways to the devices: what would cut one is let go of. */
function keepingWays(input: PlanInput, work: readonly Work[]): readonly Work[] {
  const cutting = new Set(effectsOnWays(input, work).problems.filter(({ code }) => code === 'plan.lock-out').map(({ address }) => address));
  return work.map((item) => {
    const { changes, ledgerOnly } = item.comparison;
    const kept = changes.filter(({ address }) => cutting.has(address)).map(({ address }): Change => {
      const spec = input.ledger.entries[address]?.spec;
      return { verb: 'release', address, reason: 'removed', ...(spec === undefined ? {} : { before: spec }) };
    });
    return kept.length === 0 ? item : { ...item, comparison: { ...item.comparison, changes: changes.filter(({ address }) => !cutting.has(address)), ledgerOnly: [...ledgerOnly, ...kept] } };
  });
}

function joined(left: ReadonlyMap<Address, readonly Address[]>, right: ReadonlyMap<Address, readonly Address[]>): ReadonlyMap<Address, readonly Address[]> {
  if (right.size === 0) return left;
  return new Map([...left].map(([address, needed]) => [address, [...new Set([...needed, ...(right.get(address) ?? [])])].sort(compareText)]));
}

/** Whatever a change does else: where the way to a device leads over it, that is the worst that can go wrong. */
function onTheWay(change: PlannedChange, targets: readonly string[] | undefined): PlannedChange {
  if (targets === undefined) return change;
  const names = targets.length > 6 ? `${targets.slice(0, 6).join(', ')}, …` : targets.join(', ');
  return { ...change, risk: 'critical', impact: { en: `${change.impact.en}; the way to ${names} leads over it`, de: `${change.impact.de}; der Weg zu ${names} führt darüber` } };
}

interface Tangle {
  readonly input: PlanInput;
  readonly work: readonly Work[];
  readonly before: ReadonlyMap<Address, readonly Address[]>;
  readonly changes: readonly Change[];
}

/** Targets whose batches wait for each other as wholes get more of them, as few as the changes themselves allow. */
function untangle(linked: readonly TargetPlan[], { input, work, before, changes }: Tangle): readonly TargetPlan[] {
  const tangled = new Set(waitingForEachOther(input.state.customer.name, linked).map(({ target }) => target));
  if (tangled.size === 0) return linked;
  const levels = levelsOf(changes, before);
  return linkBatches(linked.map((plan) => {
    const own = work.find(({ target }) => target.name === plan.target);
    if (own === undefined || !tangled.has(plan.target)) return plan;
    const ordered = plan.batches.flatMap((batch) => batch.changes).filter((change) => change !== own.identity?.change);
    return { ...plan, batches: identityFirst(own.target, own.identity, makeBatches({ target: plan.target, atomicity: plan.atomicity, kinds: input.kinds, changes: ordered, live: own.comparison.live, before, levels })) };
  }), before);
}

/** When everything is let go of, the folder may go; what nobody can plan any more is told. */
function offboardingProblems({ state, ledger }: PlanInput): readonly Problem[] {
  if (state.offboarding === undefined) return [];
  const customer = state.customer.name;
  const entries = Object.keys(ledger.entries) as Address[];
  if (isLetGo(ledger)) return [offboarded(customer)];
  const known = new Set(state.targets.map(({ target }) => target.name));
  const lost = [...new Set(entries.map((address) => parseAddress(address).target))].filter((target) => !known.has(target)).sort(compareText);
  return lost.map((target): Problem => ({ code: 'offboarding.unknown-target', severity: 'warning', customer, message: `${customer}: the records hold resources of ${target}, which is not in targets.yaml`, hint: 'write the target again until the off-boarding is applied' }));
}

/** Nothing is held any more. A customer of whom nothing was ever applied is as free to go. */
export function isLetGo({ entries }: Ledger): boolean {
  return Object.keys(entries).length === 0;
}

/** Also told by `soll validate`, which makes no plan. */
export function offboarded(customer: string): Problem {
  return { code: 'customer.offboarded', severity: 'info', customer, message: `${customer} is off-boarded: soll holds nothing of it any more`, hint: `the folder may be removed: git rm -r customers/${customer}` };
}

/** All accepted pins: what is approved is approved for these identities. */
function pinOf(input: PlanInput, name: string): string {
  return [...(input.state.targets.find(({ target }) => target.name === name)?.target.identity ?? [])].sort(compareText).join(' ');
}

function groupByTarget(resources: readonly Desired[], ledger: Ledger): ReadonlyMap<string, Own> {
  const groups = new Map<string, Own>();
  const own = (address: Address): Own => {
    const key = address.slice(0, address.indexOf('/', address.indexOf('/') + 1));
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { desired: [], ledger: {} }));
    return group;
  };
  for (const resource of resources) own(resource.address).desired.push(resource);
  for (const [address, entry] of Object.entries(ledger.entries) as [Address, LedgerEntry][]) own(address).ledger[address] = entry;
  return groups;
}

function ownOf({ byTarget }: Grouped, { customer, name }: Target, identity: IdentityStep | undefined): Readonly<Own> {
  const { desired, ledger } = byTarget.get(`${customer}/${name}`) ?? { desired: [], ledger: {} };
  return { desired: [...desired].sort((a, b) => compareText(a.address, b.address)), ledger: identity?.stranger === true ? asLost(ledger) : ledger };
}

function compareOne(input: Grouped, reading: Reading): Work[] {
  const entry = input.state.targets.find(({ target }) => target.name === reading.target);
  const capabilities = entry === undefined ? undefined : input.capabilities.get(entry.target.provider);
  if (entry === undefined || capabilities === undefined) return [];
  const { target } = entry;
  const { offboarding, customer } = input.state;
  const identity = offboarding?.act === 'release' ? undefined : identityOf(entry, input.ledger);
  // What is unknown about the device before is of no matter any more.
  const held = identity?.stranger === true ? undefined : input.ledger.held[target.name]?.why;
  const own = ownOf(input, target, identity);
  if (offboarding !== undefined && (reading.status === 'read' || offboarding.act === 'release')) {
    const comparison = offboardTarget({ act: offboarding.act, target, capabilities, kinds: input.kinds, live: reading.status === 'read' ? reading.live : [], ledger: own.ledger, protected: [...customer.protected, ...input.ledger.protected] });
    return [{ target, reading, capabilities, comparison, identity, blocked: held }];
  }
  const comparison = reading.status === 'unreachable' || identity?.problem !== undefined ? empty : compareTarget({
    target, capabilities, kinds: input.kinds, live: reading.live,
    ...own,
    written: input.state.written[target.name] ?? [],
    accepted: (input.state.accepted ?? []).filter(({ address }) => parseAddress(address).target === target.name),
  });
  return [{ target, reading, capabilities, comparison, identity, blocked: held }];
}

function draftTarget(input: PlanInput, { target, reading, capabilities, comparison, identity, blocked }: Work, before: ReadonlyMap<Address, readonly Address[]>, source: (address: Address) => SourceRange | undefined, desired: ReadonlyMap<Address, Desired>, problems: Problem[]): TargetPlan {
  const ordered = orderChanges(comparison.changes, before, source);
  const gates = checkGates({ customer: target.customer, target: target.name, changes: ordered.changes, ledger: input.ledger, limits: input.state.customer.limits, protected: input.state.customer.protected, allowDeletes: input.allowDeletes });
  problems.push(...(identity?.problem === undefined ? [] : [identity.problem]), ...comparison.problems, ...ordered.problems, ...gates);
  const stopped = problems.find((problem) => problem.severity === 'error' && problem.target === target.name);
  const ledgerOnly = [...comparison.ledgerOnly].sort((a, b) => compareText(a.address, b.address));
  // Letting go needs nothing of the target, which may be gone already; a stranger was not asked.
  const unreachable = reading.status === 'unreachable' && identity?.problem === undefined && input.state.offboarding?.act !== 'release';
  const { atomicity, guard } = commitOf(capabilities, target);
  const firmware = judgeFirmware(input.state.firmware ?? [], target.name, reading.status === 'read' ? reading.identity : undefined);
  const why = unreachable ? reading.why : blocked === undefined ? stopped?.message : `held by an earlier run: ${blocked}`;
  return {
    target: target.name, provider: target.provider,
    status: unreachable ? 'unreachable' : why === undefined ? 'ready' : 'blocked',
    ...(why === undefined ? {} : { why }),
    ...(unreachable && reading.hint !== undefined ? { hint: reading.hint } : {}),
    ...(reading.status === 'read' ? { identity: reading.identity } : {}),
    ...(firmware.length === 0 ? {} : { firmware }),
    atomicity, guard,
    batches: identityFirst(target, identity, makeBatches({ target: target.name, atomicity, kinds: input.kinds, changes: ordered.changes, live: comparison.live, before })),
    changes: [...(identity === undefined ? [] : [identity.change]), ...ordered.changes, ...ledgerOnly].map((change) => describeChange(change, input.kinds, desired.get(change.address))),
    ledgerOnly,
    findings: [...comparison.findings].sort((a, b) => compareText(a.address, b.address)),
    compared: comparison.compared,
  };
}

/** A batch of its own, so that it is approved as one thing, waits for a window as one thing, and is recorded before anything is written. */
function identityFirst({ name }: Target, identity: IdentityStep | undefined, batches: readonly Batch[]): readonly Batch[] {
  if (identity === undefined) return batches;
  const first: Batch = { id: `${name}/identity`, target: name, phase: 'build', changes: [identity.change], result: [], after: [], atomicity: 'object' };
  return [first, ...batches.map((batch) => ({ ...batch, after: [first.id, ...batch.after] }))];
}

/** How this target commits: as its family does, unless one of its settings says otherwise. */
function commitOf(capabilities: Capabilities, { settings }: Target): Pick<TargetPlan, 'atomicity' | 'guard'> {
  const { atomicity, guard } = capabilities.variants?.find(({ setting, is }) => settings[setting] === is) ?? capabilities;
  return { atomicity, guard: guard ?? (atomicity === 'confirmed' ? 'guarded' : atomicity === 'object' ? 'not-needed' : 'unguarded') };
}

function block(plan: TargetPlan, problem: Problem | undefined): TargetPlan {
  return problem === undefined || plan.status !== 'ready' ? plan : { ...plan, status: 'blocked', why: problem.message };
}

/** A target whose changes wait for a target that cannot go on cannot go on either. */
function blockDependants(targets: readonly TargetPlan[]): readonly TargetPlan[] {
  const targetOf = new Map(targets.flatMap(({ target, batches }) => batches.map(({ id }) => [id, target] as const)));
  const result = new Map(targets.map((plan) => [plan.target, plan]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const plan of result.values()) {
      if (plan.status !== 'ready') continue;
      const waits = plan.batches.flatMap(({ after }) => after.flatMap((id) => targetOf.get(id) ?? [])).find((name) => name !== plan.target && result.get(name)?.status !== 'ready');
      if (waits === undefined) continue;
      result.set(plan.target, { ...plan, status: 'blocked', why: `needs changes on ${waits} first` });
      changed = true;
    }
  }
  return [...result.values()];
}

function summarise(targets: readonly TargetPlan[]): PlanSummary {
  const changes: readonly Change[] = targets.flatMap(({ batches, ledgerOnly }) => [...batches.flatMap((batch) => batch.changes), ...ledgerOnly]);
  const verb = (name: Change['verb']): number => changes.filter((change) => change.verb === name).length;
  const reason = (name: Change['reason']): number => changes.filter((change) => change.reason === name && !isLedgerOnly(change.verb)).length;
  return {
    create: verb('create'), update: verb('update'), delete: verb('delete'), adopt: verb('adopt'), release: verb('release'),
    drift: reason('drift'), conflict: reason('conflict'),
    findings: targets.reduce((sum, { findings }) => sum + findings.length, 0),
    targets: targets.length, unreachable: targets.filter(({ status }) => status === 'unreachable').length,
  };
}

function uniqueProblems(problems: readonly Problem[]): readonly Problem[] {
  const byKey = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...byKey].sort(([a], [b]) => compareText(a, b)).map(([, problem]) => problem);
}
