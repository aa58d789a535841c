import { parseAddress, type Batch, type Change, type Target } from '#contract';
import { renamesOf } from '#core/rename-references';
import { isDone, liveByAddress, type LiveView } from './compare-live.ts';
import { lookUntil } from './look-until.ts';
import type { Outcomes, RunParts } from './run-parts.ts';

export function viewOf(parts: Pick<RunParts, 'kinds'>, changes: readonly Change[]): LiveView {
  return { kinds: parts.kinds, renames: renamesOf(changes), changes };
}

/** Success is what a fresh read shows. Addresses of changes that are not there, or why nobody can look. */
export async function missingChanges(parts: RunParts, target: Target, view: LiveView, changes: readonly Change[]): Promise<{ readonly missing: readonly Change[] } | { readonly why: string }> {
  await parts.effect('verify');
  const reading = await parts.read(target);
  if (reading.status === 'unreachable') return { why: reading.why };
  const live = liveByAddress(view, reading.live, 'after');
  return { missing: changes.filter((change) => !isDone(view, change, live)) };
}

/**
 * Object by object: what was accepted must be seen; what has no answer is decided by looking. A family that needs time to show what it
 * has accepted gets it, then the rest is `pending`.
 */
export async function verifyObjects(parts: RunParts, target: Target, batch: Batch, outcomes: Outcomes): Promise<string | undefined> {
  const open = batch.changes.filter(({ address }) => ['done', 'pending', 'unknown'].includes(outcomes.get(address)?.status ?? ''));
  if (open.length === 0) return undefined;
  const capabilities = parts.capabilities.get(target.provider);
  const settleMs = capabilities?.settleMs ?? 0;
  const view = viewOf(parts, batch.changes);
  parts.progress({ type: 'verifying', customer: parts.customer, target: target.name });
  const seen = await lookUntil(parts, settleMs, () => missingChanges(parts, target, view, open), (each) => !('why' in each) && each.missing.length === 0);
  if ('why' in seen) {
    for (const { address } of open) outcomes.set(address, { status: 'unknown', why: `could not be verified: ${seen.why}` });
    return seen.why;
  }
  const missing = new Set(seen.missing.map(({ address }) => address));
  for (const change of open) decide(outcomes, change, missing.has(change.address), settleMs > 0, capabilities?.kinds[parseAddress(change.address).kind]?.createKey ?? 'none');
  return undefined;
}

function decide(outcomes: Outcomes, change: Change, missing: boolean, settles: boolean, createKey: 'unique' | 'none'): void {
  const before = outcomes.get(change.address);
  if (!missing) outcomes.set(change.address, { status: 'done' });
  else if (before?.status === 'unknown') {
    // Found again by its name or not made: only a create that nothing finds again stays open.
    outcomes.set(change.address, change.verb === 'create' && createKey === 'none' ? before : { status: 'rejected', code: 'unknown-outcome', why: `${before.why}; a fresh read does not show it` });
  } else if (settles) outcomes.set(change.address, { status: 'pending', why: before?.status === 'pending' ? before.why : 'accepted, not visible yet' });
  else outcomes.set(change.address, { status: 'rejected', code: 'not-verified', why: 'accepted, but a fresh read shows something else' });
}
