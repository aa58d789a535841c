import pLimit from 'p-limit';
import { isProviderError, type Address, type Batch, type Change, type ChangeOutcome, type ProviderError, type Target, type WriteSession } from '#contract';
import { makeSteps } from './make-steps.ts';
import { setAll, writeParts, type BatchOutcome, type Outcomes, type RunParts } from './run-parts.ts';
import { verifyObjects, viewOf } from './verify-batch.ts';

/** Codes after which trying the next change makes no sense. */
const sessionLost: readonly string[] = ['unreachable', 'identity', 'auth', 'throttled'];

/**
 * One object at a time, at most `concurrency` at once, each after what it needs. A rejected change stops what depends on it and
 * nothing else; a lost session stops the rest.
 */
export async function applyObjects(parts: RunParts, target: Target, batch: Batch, before: ReadonlyMap<Address, readonly Address[]>): Promise<BatchOutcome> {
  const outcomes: Outcomes = new Map();
  let session: WriteSession;
  try {
    session = await parts.openWrite(target, writeParts(parts));
    await session.identify();
  } catch (error) {
    if (!isProviderError(error)) throw error;
    setAll(outcomes, batch.changes, { status: 'skipped', why: error.message });
    return { outcomes };
  }
  try {
    await schedule(parts, target, batch, before, session, outcomes);
  } finally {
    await session.close().catch(() => undefined);
  }
  const why = await verifyObjects(parts, target, batch, outcomes) ?? await saveVerified(parts, target, session.save !== undefined, outcomes);
  return { outcomes, ...(why === undefined ? {} : { held: why }) };
}

/** What was seen to be there is kept, where a family tells running from startup. Why it was not, if it was not. */
async function saveVerified(parts: RunParts, target: Target, saves: boolean, outcomes: Outcomes): Promise<string | undefined> {
  if (!saves || ![...outcomes.values()].some(({ status }) => status === 'done')) return undefined;
  try {
    await parts.effect('save');
    const session = await parts.openWrite(target, writeParts(parts));
    try {
      await session.identify();
      await session.save?.();
    } finally {
      await session.close().catch(() => undefined);
    }
    return undefined;
  } catch (error) {
    if (!isProviderError(error)) throw error;
    return `what was changed is in force but was not saved: ${error.message}`;
  }
}

async function schedule(parts: RunParts, target: Target, batch: Batch, before: ReadonlyMap<Address, readonly Address[]>, session: WriteSession, outcomes: Outcomes): Promise<void> {
  const limit = pLimit(Math.max(1, parts.capabilities.get(target.provider)?.concurrency ?? 1));
  const lost: { error?: ProviderError } = {};
  const running = new Map<Address, Promise<void>>();
  // Changes are in order, so what a change needs has its promise already.
  for (const change of batch.changes) {
    const needed = (before.get(change.address) ?? []).filter((address) => running.has(address));
    running.set(change.address, (async () => {
      await Promise.all(needed.map((address) => running.get(address)));
      const failed = needed.find((address) => !['done', 'pending'].includes(outcomes.get(address)?.status ?? ''));
      if (failed !== undefined) outcomes.set(change.address, { status: 'skipped', why: `${failed} is needed first and was not done` });
      else await limit(() => applyOne(parts, batch, change, session, outcomes, lost));
    })());
  }
  const settled = await Promise.allSettled(running.values());
  const defect = settled.find((each): each is PromiseRejectedResult => each.status === 'rejected');
  if (defect !== undefined) throw defect.reason;
}

async function applyOne(parts: RunParts, batch: Batch, change: Change, session: WriteSession, outcomes: Outcomes, lost: { error?: ProviderError }): Promise<void> {
  if (parts.stop.aborted || lost.error !== undefined) {
    outcomes.set(change.address, { status: 'skipped', why: lost.error?.message ?? 'the run was stopped' });
    return;
  }
  const steps = makeSteps({ parts, batch, view: viewOf(parts, batch.changes), outcomes, all: false });
  try {
    await session.apply({ ...batch, changes: [change] }, steps);
  } catch (error) {
    if (!isProviderError(error)) throw error;
    if (sessionLost.includes(error.code)) lost.error = error;
    if (!outcomes.has(change.address)) outcomes.set(change.address, outcomeOf(error));
  }
  if (!outcomes.has(change.address)) outcomes.set(change.address, { status: 'unknown', why: 'the provider told no outcome' });
}

function outcomeOf(error: ProviderError): ChangeOutcome {
  return error.code === 'unknown-outcome' || error.code === 'timeout' ? { status: 'unknown', why: error.message } : { status: 'rejected', code: error.code, why: error.message };
}
