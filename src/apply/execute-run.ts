/** Executes what was approved, target by target, and tells each verdict. */
import pLimit from 'p-limit';
import { isLedgerOnly, isWholeConfiguration, parseAddress, type Address, type Batch, type Change, type ChangeOutcome, type Target, type Verdict } from '#contract';
import { allEnded } from '#core/all-ended';
import { closedUnderNeeds } from '#core/closed-under-needs';
import type { ChangeResult, Leaf, TargetPlan, TargetResult } from '#core/model';
import { applyObjects } from './apply-objects.ts';
import { commitConfiguration } from './commit-configuration.ts';
import type { BatchOutcome, ExecuteInput, Outcomes } from './run-parts.ts';

/** The part of a target's plan that was approved. */
interface Work {
  readonly target: Target;
  readonly plan: TargetPlan;
  readonly batches: readonly Batch[];
  readonly ledgerOnly: readonly Change[];
}

export async function executeRun(input: ExecuteInput): Promise<readonly TargetResult[]> {
  const leafOf = new Map(input.plan.leaves.flatMap((leaf) => leaf.addresses.map((address): [string, Leaf] => [`${leaf.batch} ${address}`, leaf])));
  // A leaf's digest covers what it needs, so an approval names that as well. One that does not is not acted upon.
  const whole = closedUnderNeeds(input.plan.leaves, input.apply);
  const work = input.plan.targets.flatMap((plan) => workOf(input, plan, leafOf, whole));
  const finished = new Map(work.flatMap(({ batches }) => batches.map(({ id }) => [id, deferred()] as const)));
  const limit = pLimit(Math.max(1, input.concurrency));
  return allEnded(work.map(async (item) => {
    const outcomes: Outcomes = new Map();
    const ends: BatchOutcome[] = [];
    let begun = false;
    let executed = 0;
    try {
      for (const batch of item.batches) {
        const before = await Promise.all(batch.after.map((id) => finished.get(id)?.promise ?? true));
        const why = whyNot(input, before.every(Boolean), begun);
        const end = await limit(() => runBatch({ ...input, commit: executed }, item, batch, why, leafOf));
        if (why === undefined) executed += 1;
        ends.push(end);
        begun ||= [...end.outcomes.values()].some(({ status }) => status !== 'skipped');
        for (const [address, outcome] of end.outcomes) outcomes.set(address, outcome);
        finished.get(batch.id)?.resolve([...end.outcomes.values()].every(({ status }) => status === 'done' || status === 'pending'));
      }
      if (item.ledgerOnly.length > 0) {
        const { outcomes: done } = await recordOnly(input, item.plan.target, `${item.plan.target}/ledger`, item.ledgerOnly, leafOf);
        for (const [address, outcome] of done) outcomes.set(address, outcome);
      }
    } finally {
      for (const { id } of item.batches) finished.get(id)?.resolve(false);
    }
    return targetResult(input, item, outcomes, ends, leafOf);
  }));
}

/** `Promise.withResolvers` is not in Node 20. */
function deferred(): { readonly promise: Promise<boolean>; readonly resolve: (value: boolean) => void } {
  let resolve: (value: boolean) => void = () => undefined;
  const promise = new Promise<boolean>((done) => { resolve = done; });
  return { promise, resolve };
}

function workOf(input: ExecuteInput, plan: TargetPlan, leafOf: ReadonlyMap<string, Leaf>, whole: ReadonlySet<string>): Work[] {
  const target = input.targets.get(plan.target);
  if (plan.status !== 'ready' || target === undefined) return [];
  const approved = (batch: string) => ({ address }: Change): boolean => whole.has(leafOf.get(`${batch} ${address}`)?.digest ?? '');
  const batches = plan.batches.map((batch) => ({ ...batch, changes: batch.changes.filter(approved(batch.id)) })).filter(({ changes }) => changes.length > 0);
  const ledgerOnly = plan.ledgerOnly.filter(approved(`${plan.target}/ledger`));
  return batches.length + ledgerOnly.length === 0 ? [] : [{ target, plan, batches, ledgerOnly }];
}

/** Why a batch is not begun. `begun`: an earlier one of the target was, and a target is not left halfway because a window ends. */
function whyNot({ stop, closes, clock }: ExecuteInput, ready: boolean, begun: boolean): string | undefined {
  if (!ready) return 'changes elsewhere that it needs were not done';
  if (stop.aborted) return 'the run was stopped';
  return !begun && closes !== undefined && clock.now() >= closes ? 'the maintenance window closed before it was begun' : undefined;
}

async function runBatch(input: ExecuteInput, { target }: Work, batch: Batch, why: string | undefined, leafOf: ReadonlyMap<string, Leaf>): Promise<BatchOutcome> {
  const { customer, progress } = input;
  if (why !== undefined) return { outcomes: new Map(batch.changes.map(({ address }) => [address, { status: 'skipped', why }])) };
  if (batch.changes.every(({ verb }) => isLedgerOnly(verb))) return recordOnly(input, target.name, batch.id, batch.changes, leafOf);
  progress({ type: 'batch-started', customer, target: target.name, batch: batch.id, changes: batch.changes.length });
  const end = isWholeConfiguration(batch.atomicity) ? await commitConfiguration(input, target, batch) : await applyObjects(input, target, batch, dependencies(input, batch));
  await record(input, target.name, batch.id, batch.changes, end.outcomes, leafOf);
  return end;
}

/** What each change of the batch needs, by the leaves that were approved. */
function dependencies(input: ExecuteInput, batch: Batch): ReadonlyMap<Address, readonly Address[]> {
  const byDigest = new Map(input.plan.leaves.map((leaf) => [leaf.digest, leaf]));
  return new Map(input.plan.leaves.filter((leaf) => leaf.batch === batch.id).map((leaf): [Address, Address[]] => [leaf.addresses[0] ?? ('' as Address), leaf.after.flatMap((digest) => byDigest.get(digest)?.addresses ?? [])]));
}

async function record(input: ExecuteInput, target: string, batch: string, changes: readonly Change[], outcomes: Outcomes, leafOf: ReadonlyMap<string, Leaf>): Promise<void> {
  await input.effect('audit.batch');
  await input.lock.append({
    type: 'batch', target, batch,
    outcomes: changes.map(({ address, verb }) => ({ address, leaf: leafOf.get(`${batch} ${address}`)?.digest ?? '', verb, outcome: outcomes.get(address) ?? unknown })),
  });
}

const unknown: ChangeOutcome = { status: 'unknown', why: 'no outcome was told' };

/** What touches the ledger only: the record is the deed. */
async function recordOnly(input: ExecuteInput, target: string, batch: string, changes: readonly Change[], leafOf: ReadonlyMap<string, Leaf>): Promise<BatchOutcome> {
  const outcomes: Outcomes = new Map(changes.map(({ address }) => [address, { status: 'done' }]));
  await record(input, target, batch, changes, outcomes, leafOf);
  return { outcomes };
}

function targetResult(input: ExecuteInput, { target, batches, ledgerOnly }: Work, outcomes: Outcomes, ends: readonly BatchOutcome[], leafOf: ReadonlyMap<string, Leaf>): TargetResult {
  const changes: readonly (readonly [string, Change])[] = [...batches.flatMap((batch) => batch.changes.map((change) => [batch.id, change] as const)), ...ledgerOnly.map((change) => [`${target.name}/ledger`, change] as const)];
  const results = changes.map(([batch, change]): ChangeResult => ({
    address: change.address, verb: change.verb, reason: change.reason, leaf: leafOf.get(`${batch} ${change.address}`)?.digest ?? '',
    ...(change.before === undefined ? {} : { before: change.before }), ...(change.after === undefined ? {} : { after: change.after }), ...(change.was === undefined ? {} : { was: change.was }),
    outcome: outcomes.get(change.address) ?? unknown,
  }));
  const { verdict, why } = judge(results, ends);
  input.progress({ type: 'target-done', customer: input.customer, target: target.name, verdict, ...(why === undefined ? {} : { why }) });
  return { target: target.name, verdict, ...(why === undefined ? {} : { why }), changes: results };
}

/** One word for a target, and why. */
export function judge(results: readonly Pick<ChangeResult, 'address' | 'outcome'>[], ends: readonly Pick<BatchOutcome, 'held' | 'reverted'>[]): { readonly verdict: Verdict; readonly why?: string } {
  const held = ends.find((end) => end.held !== undefined)?.held;
  const open = results.find(({ outcome }) => outcome.status === 'unknown');
  if (held !== undefined || open !== undefined) return { verdict: 'held', why: held ?? whyOf(open) };
  const reverted = ends.find((end) => end.reverted !== undefined)?.reverted;
  if (reverted !== undefined) return { verdict: 'reverted', why: reverted };
  const failed = results.filter(({ outcome }) => outcome.status === 'rejected' || outcome.status === 'skipped');
  if (failed.length > 0) return { verdict: 'partial', why: `${String(failed.length)} of ${String(results.length)} changes were not made; ${whyOf(failed[0])}` };
  const pending = results.find(({ outcome }) => outcome.status === 'pending');
  if (pending !== undefined) return { verdict: 'pending', why: whyOf(pending) };
  return { verdict: results.length === 0 ? 'unchanged' : 'converged' };
}

function whyOf(result: Pick<ChangeResult, 'address' | 'outcome'> | undefined): string {
  if (result === undefined || !('why' in result.outcome)) return '';
  const { kind, name } = parseAddress(result.address);
  return `${kind} ${name}: ${result.outcome.why}`;
}
