import type { Verdict } from '#contract';
import type { AuditRecord, OpenBody } from '#core/audit-record';
import { compareText } from '#core/canonical';
import { statusStates, type CustomerStatus, type StatusState, type WaitingCommit } from '#core/fleet-status';
import type { Ledger } from '#core/model';
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
}

const worst: readonly (Verdict | 'open')[] = ['open', 'held', 'reverted', 'partial', 'pending', 'converged', 'unchanged'];

/** What is to be said of one customer, and how bad it is. */
export function assessStatus({ customer, written, records, ledger, contained, waiting }: StatusInput): CustomerStatus {
  const runs = listRuns(records);
  const last = runs[0];
  const open = records.findLast((record): record is AuditRecord & OpenBody => record.type === 'open');
  const held = Object.entries(ledger.held).map(([target, { run, why }]) => ({ target, run, why }));
  const incomplete = incompleteTargets(runs);
  const leftOver = open?.stale.reduce((sum, { addresses }) => sum + addresses.length, 0) ?? 0;
  const resources = Object.keys(ledger.entries).length;
  const ranked: readonly (readonly [StatusState, boolean])[] = [
    ['open', records.length > 0 && records.at(-1)?.type !== 'close'], ['held', held.length > 0], ['diverged', !contained], ['incomplete', incomplete.length > 0],
    ['removed', !written && resources > 0], ['left-over', leftOver > 0], ['never', written && last === undefined], ['waiting', waiting.length > 0],
  ];
  return {
    customer, state: ranked.find(([, applies]) => applies)?.[0] ?? 'clean',
    ...(last === undefined ? {} : { lastRun: { run: last.run, at: last.at, ...(last.closedAt === undefined ? {} : { closedAt: last.closedAt }), commit: last.commit, operator: last.operator, verdict: worst.find((verdict) => last.targets.some((each) => each.verdict === verdict)) ?? 'unchanged' } }),
    held, incomplete, leftOver, waiting, resources,
  };
}

/** Of each target only its last run counts. `runs`: newest first. */
function incompleteTargets(runs: ReturnType<typeof listRuns>): CustomerStatus['incomplete'] {
  const seen = new Set<string>();
  const found: CustomerStatus['incomplete'][number][] = [];
  for (const { run, targets } of runs) {
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
