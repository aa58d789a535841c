/** An earlier run broke off: find out by looking what it did, end its guards, and close its record. Never repeats a write. */
import { isLedgerOnly, isProviderError, parseAddress, type Address, type Change, type ChangeOutcome, type GuardState, type Target } from '#contract';
import type { IntentTarget, Unfinished } from '#core/audit-record';
import type { Reading, TargetResult } from '#core/model';
import { newPins } from '#core/new-pins';
import { isDone, liveByAddress, stateShown } from './compare-live.ts';
import { judge } from './execute-run.ts';
import { lookUntil } from './look-until.ts';
import { lostBehind } from './probe-behind.ts';
import { guardTokenOf, writeParts, type BatchOutcome, type Outcomes, type RunParts } from './run-parts.ts';
import { viewOf } from './verify-batch.ts';

export interface RecoverInput extends RunParts {
  readonly unfinished: Unfinished;
  /** Addresses whose write was begun by this clone; `undefined` when the run was made elsewhere. */
  readonly begun: ReadonlySet<Address> | undefined;
}

export async function recoverRun(input: RecoverInput): Promise<readonly TargetResult[]> {
  const results: TargetResult[] = [];
  for (const intent of input.unfinished.open.targets) {
    input.progress({ type: 'recovering', customer: input.customer, run: input.lock.run, target: intent.target });
    await input.lock.renew();
    results.push(await recoverTarget(input, intent));
  }
  return results;
}

/** What an earlier look could not tell is still open. */
function recorded(unfinished: Unfinished, target: string): Outcomes {
  return new Map(unfinished.records.flatMap((record) => (record.type === 'batch' && record.target === target ? record.outcomes : [])).filter(({ outcome }) => outcome.status !== 'unknown').map(({ address, outcome }): [Address, ChangeOutcome] => [address, outcome]));
}

async function recoverTarget(input: RecoverInput, intent: IntentTarget): Promise<TargetResult> {
  const outcomes = recorded(input.unfinished, intent.target);
  const open = intent.changes.filter(({ address }) => !outcomes.has(address));
  const onDevice = open.filter(({ verb }) => !isLedgerOnly(verb));
  // The ledger-only part was approved and touches nothing: what was not recorded is simply not done.
  for (const { address, verb } of open) if (isLedgerOnly(verb)) outcomes.set(address, { status: 'skipped', why: 'the run broke off before' });
  const target = input.targets.get(intent.target);
  const end = onDevice.length === 0 ? {} : target === undefined
    ? { held: 'the target is no longer written in targets.yaml' }
    : isStranger(target, intent) ? { held: otherIdentity }
    : await lookAt(input, target, intent, onDevice, outcomes);
  for (const { address } of onDevice) if (!outcomes.has(address)) outcomes.set(address, { status: 'unknown', why: end.held ?? 'the run broke off' });
  if (open.length > 0) {
    await input.effect('audit.batch');
    await input.lock.append({ type: 'batch', target: intent.target, batch: `${intent.target}/recovered`, outcomes: open.map(({ address, leaf, verb }) => ({ address, leaf, verb, outcome: outcomes.get(address) ?? { status: 'skipped', why: '' } })) });
  }
  const changes = intent.changes.map(({ schemaVersion: _version, ...change }) => ({ ...change, outcome: outcomes.get(change.address) ?? { status: 'skipped' as const, why: 'the run broke off before' } }));
  const { verdict, why } = judge(changes, [end]);
  input.progress({ type: 'target-done', customer: input.customer, target: intent.target, verdict, ...(why === undefined ? {} : { why }) });
  return { target: intent.target, verdict, ...(why === undefined ? {} : { why }), changes };
}

const otherIdentity = 'its identity in targets.yaml is another one than that of the run: whoever answers now was not asked';

/** Somebody is accepted as this target whom the run did not know: nothing can be learned from them, and nothing is sent to them. */
export function isStranger({ identity }: Target, intent: Pick<IntentTarget, 'identity'> | undefined): boolean {
  return intent?.identity !== undefined && newPins(identity, intent.identity).length > 0;
}

async function lookAt(input: RecoverInput, target: Target, intent: IntentTarget, changes: readonly Change[], outcomes: Outcomes): Promise<Pick<BatchOutcome, 'held' | 'reverted'>> {
  await input.effect('recover.read');
  const guard = intent.guarded ? await endGuard(input, target, changes) : 'absent';
  if (typeof guard !== 'string') return { held: guard.held };
  const reading = await settledReading(input, target, changes);
  if (reading.status === 'unreachable') return { held: reading.why };
  const view = viewOf(input, changes);
  const live = liveByAddress(view, reading.live, 'after');
  const back = guard === 'fired' && stateShown(view, changes, reading.live) === 'before';
  for (const change of changes) outcomes.set(change.address, isDone(view, change, live) ? { status: 'done' } : notThere(input, target, change, back));
  return back ? { reverted: 'the run broke off before it was confirmed, so the device went back' } : {};
}

/** A family that needs time to show what it accepted gets it here as well. */
async function settledReading(input: RecoverInput, target: Target, changes: readonly Change[]): Promise<Reading> {
  const view = viewOf(input, changes);
  const begun = changes.filter(({ address }) => input.begun?.has(address) !== false);
  const settleMs = begun.length === 0 ? 0 : (input.capabilities.get(target.provider)?.settleMs ?? 0);
  return lookUntil(input, settleMs, () => input.read(target), (reading) => reading.status === 'read' && begun.every((change) => isDone(view, change, liveByAddress(view, reading.live, 'after'))));
}

function notThere(input: RecoverInput, target: Target, change: Change, back: boolean): ChangeOutcome {
  if (back) return { status: 'rejected', code: 'reverted', why: 'the run broke off before it was confirmed' };
  if (input.begun !== undefined && !input.begun.has(change.address)) return { status: 'skipped', why: 'the run broke off before' };
  const key = input.capabilities.get(target.provider)?.kinds[parseAddress(change.address).kind]?.createKey ?? 'none';
  // Nothing would find it again: a second create could make a second one.
  if (change.verb === 'create' && key === 'none') return { status: 'unknown', why: 'the run broke off while it was created, and what cannot be found by its name may still appear' };
  return { status: 'rejected', code: 'interrupted', why: 'the run broke off, and a fresh read does not show it' };
}

/** Every batch whose end is known has its record, so the guard that may be armed is that of the next one. */
function executedBatches({ unfinished }: RecoverInput, target: string): number {
  const known = (batch: string, outcomes: readonly { readonly outcome: ChangeOutcome }[]): boolean => !batch.endsWith('/ledger') && !batch.endsWith('/recovered') && outcomes.every(({ outcome }) => outcome.status !== 'unknown');
  return unfinished.records.filter((record) => record.type === 'batch' && record.target === target && known(record.batch, record.outcomes)).length;
}

/**
 * With nothing but the token. An armed guard is confirmed when all that it guards is there and reachable over this new session: that is
 * what it waits for. Otherwise the device goes back now.
 */
async function endGuard(given: RecoverInput, target: Target, changes: readonly Change[]): Promise<GuardState | { readonly held: string }> {
  const input = { ...given, commit: executedBatches(given, target.name) };
  const token = guardTokenOf(input);
  try {
    const session = await input.openWrite(target, writeParts(input));
    try {
      await session.identify();
      if (session.guard === undefined) return 'absent';
      const state = await session.guard.state(token);
      if (state === 'absent' || state === 'fired') return state;
      const reading = await input.read(target);
      const shown = reading.status === 'read' && stateShown(viewOf(input, changes), changes, reading.live) === 'after';
      // Who answered before that run nobody knows any more: taken back is the safe end.
      const behind = (input.behind?.get(target.name) ?? []).flatMap((name) => input.targets.get(name) ?? []);
      const complete = shown && (state === 'confirmed' || (await lostBehind(input, behind, input.clock.monotonic())).length === 0);
      if (state === 'confirmed') {
        // It may have been confirmed and not yet saved.
        if (complete) await session.save?.();
        return state;
      }
      await input.effect('guard.recover');
      if (!complete) {
        // What the device says it did: a guard that lost what it kept ends as absent, and nobody may call that reverted.
        const ended = await session.guard.recover(token);
        input.progress({ type: 'guard', customer: input.customer, target: target.name, state: 'recovered' });
        return ended;
      }
      await session.guard.confirm(token);
      await session.save?.();
      input.progress({ type: 'guard', customer: input.customer, target: target.name, state: 'confirmed' });
      return 'confirmed';
    } finally {
      await session.close().catch(() => undefined);
    }
  } catch (error) {
    if (!isProviderError(error)) throw error;
    return { held: error.message };
  }
}
