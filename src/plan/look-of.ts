import type { Address } from '#contract';
import type { Plan, TargetPlan } from '#core/model';
import { runsOf, type Look, type ObservedReading } from '#core/observation';
import { driftedChanges, driftedFindings } from './group-drift.ts';

/** What a plan says about drift, by target. `done`: what was put right since. Nothing is said of a target that is blocked. */
export function looksOf({ targets, commit }: Plan, done: ReadonlySet<Address> = new Set()): Readonly<Record<string, Look>> {
  return Object.fromEntries(targets.flatMap((target): [string, Look][] => {
    if (target.status === 'unreachable') return [[target.target, { status: 'unreachable' }]];
    return target.status === 'ready' ? [[target.target, { status: 'read', commit, compared: target.compared, drift: countDrift(target, done), ...(target.identity === undefined ? {} : { runs: runsOf(target.identity) }) }]] : [];
  }));
}

/** As `groupDrift` weighs it: what is only told has no risk of its own. */
function countDrift(target: TargetPlan, done: ReadonlySet<Address>): ObservedReading['drift'] {
  const risks = new Map(target.changes.map(({ address, risk }) => [address, risk]));
  const counts = { low: 0, medium: 0, high: 0, critical: 0 };
  for (const { address } of driftedChanges(target)) if (!done.has(address)) counts[risks.get(address) ?? 'low'] += 1;
  counts.low += driftedFindings(target).length;
  return counts;
}
