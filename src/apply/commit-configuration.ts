import { isProviderError, type Batch, type Guard, type Target, type WriteSession } from '#contract';
import { stateShown } from './compare-live.ts';
import { makeSteps } from './make-steps.ts';
import { answeringBehind, lostBehind } from './probe-behind.ts';
import { guardTokenOf, setAll, writeParts, type BatchOutcome, type Outcomes, type RunParts } from './run-parts.ts';
import { missingChanges, viewOf } from './verify-batch.ts';

/**
 * A target that commits its configuration at once: arm the guard, commit, look over a new session, confirm over a new connection,
 * save. Whatever is not proven goes back.
 */
export async function commitConfiguration(parts: RunParts, target: Target, batch: Batch): Promise<BatchOutcome> {
  const outcomes: Outcomes = new Map();
  let started = parts.clock.monotonic();
  let guarded = false;
  let behind: readonly Target[] = [];
  try {
    await withSession(parts, target, async (session) => {
      await session.identify();
      if (parts.stop.aborted) {
        setAll(outcomes, batch.changes, { status: 'skipped', why: 'the run was stopped' });
        return;
      }
      if (session.guard !== undefined) {
        behind = await answeringBehind(parts, target);
        started = parts.clock.monotonic();
        // From here on the device may hold a guard, even if the answer is lost.
        guarded = true;
        await arm(parts, target, session.guard);
      }
      await parts.effect('apply');
      await session.apply(batch, makeSteps({ parts, batch, view: viewOf(parts, batch.changes), outcomes, all: true }));
    });
  } catch (error) {
    if (!isProviderError(error)) throw error;
    const unknown = error.code === 'unknown-outcome' || error.code === 'timeout';
    setAll(outcomes, batch.changes, unknown ? { status: 'unknown', why: error.message } : { status: 'rejected', code: error.code, why: error.message });
  }
  return settle(parts, target, batch, { outcomes, guarded, started, behind });
}

async function withSession<T>(parts: RunParts, target: Target, use: (session: WriteSession) => Promise<T>): Promise<T> {
  const session = await parts.openWrite(target, writeParts(parts));
  try {
    return await use(session);
  } finally {
    await session.close().catch(() => undefined);
  }
}

async function arm(parts: RunParts, target: Target, guard: Guard): Promise<void> {
  await parts.effect('guard.arm');
  parts.lock.assertLease(30_000);
  await guard.arm(guardTokenOf(parts), parts.guardSeconds);
  await parts.effect('guard.armed');
  parts.progress({ type: 'guard', customer: parts.customer, target: target.name, state: 'armed', seconds: parts.guardSeconds });
}

interface Committed {
  readonly outcomes: Outcomes;
  readonly guarded: boolean;
  readonly started: number;
  /** What was reached through it before. */
  readonly behind: readonly Target[];
}

async function settle(parts: RunParts, target: Target, batch: Batch, { outcomes, guarded, started, behind }: Committed): Promise<BatchOutcome> {
  const tried = batch.changes.filter(({ address }) => ['done', 'unknown', 'pending'].includes(outcomes.get(address)?.status ?? ''));
  if (tried.length === 0) {
    if (guarded) await takeBack(parts, target, parts.clock.monotonic() + (parts.guardSeconds + 30) * 1000);
    return { outcomes };
  }
  parts.progress({ type: 'verifying', customer: parts.customer, target: target.name });
  const view = viewOf(parts, batch.changes);
  // A reload can cost a connection: look until the guard would have little time left.
  const until = started + (guarded ? parts.guardSeconds * 600 : 10_000);
  let seen = await missingChanges(parts, target, view, batch.changes);
  while ('why' in seen && parts.clock.monotonic() < until) {
    await parts.clock.sleep(1000);
    seen = await missingChanges(parts, target, view, batch.changes);
  }
  if (!('why' in seen) && seen.missing.length === 0) {
    const lost = guarded ? await lostBehind(parts, behind, until) : [];
    if (lost.length === 0) return confirm(parts, target, batch, guarded);
    return reverted(parts, target, batch, `it cuts off ${lost.map((each) => each.target).join(', ')}: ${lost[0]?.why ?? ''}`);
  }
  const why = 'why' in seen ? `the target cannot be reached after the change: ${seen.why}` : `a fresh read does not show ${seen.missing.map(({ address }) => address).join(', ')}`;
  return guarded ? reverted(parts, target, batch, why) : unproven(batch, 'why' in seen, why);
}

function unproven(batch: Batch, blind: boolean, why: string): BatchOutcome {
  const outcomes: Outcomes = new Map();
  setAll(outcomes, batch.changes, blind ? { status: 'unknown', why } : { status: 'rejected', code: 'not-verified', why });
  return { outcomes, ...(blind ? { held: why } : {}) };
}

async function confirm(parts: RunParts, target: Target, batch: Batch, guarded: boolean): Promise<BatchOutcome> {
  const outcomes: Outcomes = new Map();
  try {
    await withSession(parts, target, async (session) => {
      await session.identify();
      if (guarded) {
        await parts.effect('guard.confirm');
        await session.guard?.confirm(guardTokenOf(parts));
        await parts.effect('guard.confirmed');
        parts.progress({ type: 'guard', customer: parts.customer, target: target.name, state: 'confirmed' });
      }
      await parts.effect('save');
      await session.save?.();
    });
  } catch (error) {
    if (!isProviderError(error)) throw error;
    return guarded ? reverted(parts, target, batch, `the change could not be confirmed: ${error.message}`) : unproven(batch, true, error.message);
  }
  setAll(outcomes, batch.changes, { status: 'done' });
  return { outcomes };
}

/** Takes the change back, or waits until the device does it itself. What the guard says is not believed: a fresh read shows which state is there. */
async function reverted(parts: RunParts, target: Target, batch: Batch, why: string): Promise<BatchOutcome> {
  const outcomes: Outcomes = new Map();
  const until = parts.clock.monotonic() + (parts.guardSeconds + 30) * 1000;
  const guard = await takeBack(parts, target, until);
  const shown = guard === 'unknown' ? 'unreadable' : await whatIsThere(parts, target, batch, until);
  if (guard === 'kept' && shown === 'after') {
    setAll(outcomes, batch.changes, { status: 'done' });
    return { outcomes };
  }
  if ((guard === 'back' || guard === 'lost') && shown === 'before') {
    setAll(outcomes, batch.changes, { status: 'rejected', code: 'reverted', why });
    return { outcomes, reverted: why };
  }
  const held = `${why}; ${evidence(guard, shown)}`;
  setAll(outcomes, batch.changes, { status: 'unknown', why: held });
  return { outcomes, held };
}

/** `lost`: the device knows of no guard, so that nothing took the change back. */
type GuardEnd = 'back' | 'kept' | 'lost' | 'unknown';
type Shown = 'before' | 'after' | 'neither' | 'unreadable';

function evidence(guard: GuardEnd, shown: Shown): string {
  if (guard === 'unknown') return 'the guard cannot be asked';
  if (shown === 'unreadable') return 'the target cannot be read after the guard ended';
  const said = guard === 'lost' ? 'the guard is gone from the device' : `the guard says ${guard === 'kept' ? 'confirmed' : 'taken back'}`;
  return `${said}, and a fresh read shows ${shown === 'before' ? 'the state before' : shown === 'after' ? 'the change' : 'neither the state before nor the change'}`;
}

async function whatIsThere(parts: RunParts, target: Target, batch: Batch, until: number): Promise<Shown> {
  const view = viewOf(parts, batch.changes);
  for (;;) {
    const reading = await parts.read(target);
    if (reading.status === 'read') return stateShown(view, batch.changes, reading.live);
    if (parts.clock.monotonic() > until) return 'unreadable';
    await parts.clock.sleep(2000);
    await parts.lock.renew();
  }
}

/** Until the guard must have fired, and some time for the device to come back. */
async function takeBack(parts: RunParts, target: Target, until: number): Promise<GuardEnd> {
  const token = guardTokenOf(parts);
  for (;;) {
    try {
      await parts.effect('guard.recover');
      const state = await withSession(parts, target, async (session) => (await session.guard?.state(token)) === 'confirmed' ? 'confirmed' : session.guard?.recover(token));
      if (state !== 'absent') parts.progress({ type: 'guard', customer: parts.customer, target: target.name, state: state === 'confirmed' ? 'confirmed' : state === 'fired' ? 'fired' : 'recovered' });
      return state === 'confirmed' ? 'kept' : state === 'absent' ? 'lost' : 'back';
    } catch (error) {
      if (!isProviderError(error)) throw error;
      if (parts.clock.monotonic() > until) return 'unknown';
      await parts.clock.sleep(2000);
      await parts.lock.renew();
    }
  }
}
