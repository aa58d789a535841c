import type { Verdict } from '#contract';
import type { AuditRecord, OpenBody } from '#core/audit-record';
import { compareText } from '#core/canonical';
import type { KeptStanding } from '#core/config-backup';
import { needsSomebody, type FirmwareNote } from '#core/firmware';
import { statusStates, type CustomerStatus, type PendingPlan, type SeenTarget, type StatusHold, type StatusReview, type StatusState, type WaitingCommit } from '#core/fleet-status';
import type { Ledger } from '#core/model';
import { driftCount, type Observation } from '#core/observation';
import { listRuns } from './list-runs.ts';

export interface StatusInput {
  readonly customer: string;
  /** Its folder is in the files. */
  readonly written: boolean;
  readonly records: readonly AuditRecord[];
  readonly ledger: Ledger;
  /** What was applied last is part of this branch. */
  readonly contained: boolean;
  readonly waiting: readonly WaitingCommit[];
  /** Targets that are written. */
  readonly targets: readonly string[];
  readonly observation: Observation | undefined;
  readonly approvals: readonly PendingPlan[];
  readonly hold: StatusHold | undefined;
  readonly reviews: readonly StatusReview[];
  readonly expired: readonly string[];
  readonly invalid: readonly string[];
  readonly firmware: readonly FirmwareNote[];
  readonly kept: readonly KeptStanding[];
  readonly unpushed: NonNullable<CustomerStatus['unpushed']>;
}

const worst: readonly (Verdict | 'open')[] = ['open', 'held', 'reverted', 'partial', 'pending', 'converged', 'unchanged'];

/** What is to be said of one customer, and how bad it is. */
export function assessStatus(input: StatusInput): CustomerStatus {
  const { customer, written, records, ledger, contained, waiting, approvals, hold, reviews, expired, invalid, firmware, kept, unpushed } = input;
  const runs = listRuns(records);
  const last = runs[0];
  const open = records.findLast((record): record is AuditRecord & OpenBody => record.type === 'open');
  const held = Object.entries(ledger.held).map(([target, { run, why }]) => ({ target, run, why }));
  const incomplete = incompleteTargets(runs);
  const leftOver = open?.stale.reduce((sum, { addresses }) => sum + addresses.length, 0) ?? 0;
  const resources = Object.keys(ledger.entries).length;
  const seen = seenTargets(input.targets, input.observation);
  const ready = waiting.length > 0 || approvals.length > 0;
  const ranked: Readonly<Record<Exclude<StatusState, 'damaged' | 'clean'>, boolean>> = {
    open: !['close', 'join', undefined].includes(records.at(-1)?.type), held: held.length > 0, diverged: !contained, incomplete: incomplete.length > 0, unpushed: unpushed.length > 0, invalid: invalid.length > 0,
    removed: !written && resources > 0, 'review-overdue': reviews.some(({ state }) => state === 'overdue'), unreachable: seen.some(({ state }) => state === 'unreachable'), drift: seen.some(({ state }) => state === 'drift'),
    expired: expired.length > 0, firmware: firmware.some(({ standing }) => needsSomebody(standing)), backup: kept.some(({ state }) => state === 'due' || state === 'never'), 'left-over': leftOver > 0, approval: approvals.some((each) => each.approved < each.leaves), 'review-due': reviews.length > 0,
    never: written && last === undefined, window: last !== undefined && ready && hold !== undefined, waiting: last !== undefined && ready && hold === undefined,
  };
  return {
    customer, state: statusStates.find((state) => state !== 'damaged' && state !== 'clean' && ranked[state]) ?? 'clean',
    ...(last === undefined ? {} : { lastRun: { run: last.run, at: last.at, ...(last.closedAt === undefined ? {} : { closedAt: last.closedAt }), commit: last.commit, operator: last.operator, verdict: worst.find((verdict) => last.targets.some((each) => each.verdict === verdict)) ?? 'unchanged' } }),
    held, incomplete, leftOver, waiting, resources, seen, approvals, ...(hold === undefined ? {} : { hold }), reviews, expired, invalid, firmware, kept, ...(unpushed.length === 0 ? {} : { unpushed }),
  };
}

/** A customer of whom nothing can be believed. */
export function damagedStatus(customer: string, why: string): CustomerStatus {
  return { customer, state: 'damaged', why, held: [], incomplete: [], leftOver: 0, waiting: [], resources: 0, seen: [], approvals: [], reviews: [], expired: [], invalid: [], firmware: [], kept: [] };
}

/** What is known of a target that is written no more is of no use. */
function seenTargets(targets: readonly string[], observation: Observation | undefined): readonly SeenTarget[] {
  return targets.map((target): SeenTarget => {
    const known = observation?.targets[target];
    if (known === undefined) return { target, state: 'never' };
    const { read, unreachable } = known;
    const drifted = read !== undefined && driftCount(read) > 0;
    const since = unreachable?.since ?? read?.since;
    return {
      target, state: unreachable !== undefined ? 'unreachable' : drifted ? 'drift' : 'ok',
      ...(read === undefined ? {} : { seen: read.at, commit: read.commit, drift: read.drift }), ...(since === undefined ? {} : { since }),
    };
  });
}

/** Of each target only its last run counts. `runs`: newest first. */
function incompleteTargets(runs: ReturnType<typeof listRuns>): CustomerStatus['incomplete'] {
  const seen = new Set<string>();
  const found: CustomerStatus['incomplete'][number][] = [];
  for (const { run, targets, rotation } of runs) {
    // Says nothing about what is written.
    if (rotation !== undefined) continue;
    for (const { target, verdict } of targets) {
      if (seen.has(target)) continue;
      seen.add(target);
      if (verdict === 'reverted' || verdict === 'partial') found.push({ target, run, verdict });
    }
  }
  return found;
}

/** Worst first; of the same state what has more to do, then by name. */
export function sortStatus(customers: readonly CustomerStatus[]): readonly CustomerStatus[] {
  const rank = (state: StatusState): number => statusStates.indexOf(state);
  return [...customers].sort((a, b) => rank(a.state) - rank(b.state) || b.waiting.length - a.waiting.length || compareText(a.customer, b.customer));
}
