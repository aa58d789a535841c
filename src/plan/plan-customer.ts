/** One customer's plan from desired state, readings and ledger: pure, no clock, no I/O. Same inputs in any order, same bytes. */
import { parseAddress, type Address, type Capabilities, type Change, type Desired, type Kind, type Problem, type SourceRange, type Target } from '#contract';
import { compareText } from '#core/canonical';
import { migrateLedger } from '#core/load-ledger';
import type { DesiredState, Ledger, Plan, PlanSummary, Reading, TargetPlan } from '#core/model';
import { checkGates } from './check-gates.ts';
import { compareTarget, type Comparison } from './compare-target.ts';
import { describeChange, highestRisk } from './describe-change.ts';
import { makeBatches } from './make-batches.ts';
import { makeLeaves, rootOf } from './make-leaves.ts';
import { orderChanges, predecessors } from './order-changes.ts';

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

interface Work {
  readonly target: Target;
  readonly reading: Reading;
  readonly capabilities: Capabilities;
  readonly comparison: Comparison;
  readonly blocked: string | undefined;
}

const empty: Comparison = { changes: [], ledgerOnly: [], findings: [], problems: [], compared: 0 };

export function planCustomer(given: PlanInput): Plan {
  const input = { ...given, ledger: migrateLedger(given.ledger, given.kinds) };
  const desired = new Map(input.state.resources.map((resource) => [resource.address, resource]));
  const source = (address: Address): SourceRange | undefined => desired.get(address)?.source;
  const work = [...input.readings].sort((a, b) => compareText(a.target, b.target)).flatMap((reading) => compareOne(input, reading));
  const before = predecessors(work.flatMap(({ comparison }) => comparison.changes), input.kinds);
  const problems: Problem[] = [...input.problems];
  const drafts = work.map((item) => draftTarget(input, item, before, source, desired, problems));
  const targets = blockDependants(drafts, before);
  const leaves = makeLeaves({
    tool: input.tool, kinds: input.kinds, before, appliedBy: (address) => input.ledger.entries[address]?.run,
    targets: targets.filter(({ status }) => status === 'ready').map((plan) => ({ target: plan.target, provider: plan.provider, pin: pinOf(input, plan.target), batches: plan.batches, ledgerOnly: plan.ledgerOnly })),
  });
  const risk = highestRisk(targets.flatMap(({ changes }) => changes.map((change) => change.risk)));
  return {
    formatVersion: '1.0', tool: input.tool, customer: input.state.customer.name, commit: input.commit,
    targets, leaves, ...rootOf(leaves), risk, summary: summarise(targets),
    problems: uniqueProblems(problems),
  };
}

/** All accepted pins: what is approved is approved for these identities. */
function pinOf(input: PlanInput, name: string): string {
  return [...(input.state.targets.find(({ target }) => target.name === name)?.target.identity ?? [])].sort(compareText).join(' ');
}

function compareOne(input: PlanInput, reading: Reading): Work[] {
  const entry = input.state.targets.find(({ target }) => target.name === reading.target);
  const capabilities = entry === undefined ? undefined : input.capabilities.get(entry.target.provider);
  if (entry === undefined || capabilities === undefined) return [];
  const { target } = entry;
  const prefix = `${target.customer}/${target.name}/`;
  const comparison = reading.status === 'unreachable' ? empty : compareTarget({
    target, capabilities, kinds: input.kinds, live: reading.live,
    desired: [...input.state.resources].filter(({ address }) => address.startsWith(prefix)).sort((a, b) => compareText(a.address, b.address)),
    ledger: Object.fromEntries(Object.entries(input.ledger.entries).filter(([address]) => address.startsWith(prefix))),
    written: input.state.written[target.name] ?? [],
  });
  return [{ target, reading, capabilities, comparison, blocked: input.ledger.held[target.name]?.why }];
}

function draftTarget(input: PlanInput, { target, reading, capabilities, comparison, blocked }: Work, before: ReadonlyMap<Address, readonly Address[]>, source: (address: Address) => SourceRange | undefined, desired: ReadonlyMap<Address, Desired>, problems: Problem[]): TargetPlan {
  const ordered = orderChanges(comparison.changes, before, source);
  const gates = checkGates({ customer: target.customer, target: target.name, changes: ordered.changes, ledger: input.ledger, limits: input.state.customer.limits, protected: input.state.customer.protected, allowDeletes: input.allowDeletes });
  problems.push(...comparison.problems, ...ordered.problems, ...gates);
  const stopped = problems.find((problem) => problem.severity === 'error' && problem.target === target.name);
  const why = reading.status === 'unreachable' ? reading.why : blocked === undefined ? stopped?.message : `held by an earlier run: ${blocked}`;
  const ledgerOnly = [...comparison.ledgerOnly].sort((a, b) => compareText(a.address, b.address));
  return {
    target: target.name, provider: target.provider,
    status: reading.status === 'unreachable' ? 'unreachable' : why === undefined ? 'ready' : 'blocked',
    ...(why === undefined ? {} : { why }),
    ...(reading.status === 'read' ? { identity: reading.identity } : {}),
    atomicity: capabilities.atomicity,
    guard: guardOf(capabilities),
    batches: makeBatches({ target: target.name, atomicity: capabilities.atomicity, kinds: input.kinds, changes: ordered.changes, live: reading.status === 'read' ? reading.live : [], before }),
    changes: [...ordered.changes, ...ledgerOnly].map((change) => describeChange(change, input.kinds, desired.get(change.address))),
    ledgerOnly,
    findings: [...comparison.findings].sort((a, b) => compareText(a.address, b.address)),
    compared: comparison.compared,
  };
}

function guardOf({ atomicity }: Capabilities): TargetPlan['guard'] {
  return atomicity === 'confirmed' ? 'guarded' : atomicity === 'object' ? 'not-needed' : 'unguarded';
}

/** A target whose changes wait for a target that cannot go on cannot go on either. */
function blockDependants(targets: readonly TargetPlan[], before: ReadonlyMap<Address, readonly Address[]>): readonly TargetPlan[] {
  const result = new Map(targets.map((plan) => [plan.target, plan]));
  for (let changed = true; changed; ) {
    changed = false;
    for (const plan of result.values()) {
      if (plan.status !== 'ready') continue;
      const waits = plan.batches.flatMap(({ changes }) => changes).flatMap(({ address }) => before.get(address) ?? []).map((address) => parseAddress(address).target).find((name) => name !== plan.target && result.get(name)?.status !== 'ready');
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
  const reason = (name: Change['reason']): number => changes.filter((change) => change.reason === name && change.verb !== 'adopt' && change.verb !== 'release').length;
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
