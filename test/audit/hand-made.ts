/** Runs as records, made by hand: what the log, the history and the evidence are read from. */
import type { ChangeOutcome, Verdict } from '#contract';
import type { AuditRecord, IntentChange } from '#core/audit-record';
import { canonicalJson } from '#core/canonical-json';
import { merkleRoot } from '#core/merkle-root';
import type { Approval } from '#core/model';
import { sha256 } from '#core/sha256';
import { plain } from '../../src/audit/check-chain.ts';

export interface HandMadeRun {
  readonly run: string;
  readonly at: string;
  readonly closedAt?: string;
  readonly changes: readonly (Partial<IntentChange> & Pick<IntentChange, 'address' | 'verb'>)[];
  readonly outcomes?: readonly ChangeOutcome[];
  /** Absent: never closed. */
  readonly verdict?: Verdict;
  readonly why?: string;
  readonly guarded?: boolean;
  readonly approvals?: readonly Approval[];
  readonly takenOver?: string;
  readonly subject?: string;
}

/** One target, `store`, of the customer `acme`. */
export function handMade(runs: readonly HandMadeRun[]): readonly AuditRecord[] {
  const records: AuditRecord[] = [];
  const push = (body: object, run: string, at: string): void => {
    const last = records.at(-1);
    records.push(plain({ version: 1, seq: records.length + 1, previous: last === undefined ? '' : sha256(canonicalJson(plain(last))), customer: 'acme', run, at, ...body }) as unknown as AuditRecord);
  };
  for (const { run, at, closedAt = at, changes, outcomes, verdict, why, guarded = false, approvals, takenOver, subject = 'Ticket 1' } of runs) {
    const intents = changes.map((change) => ({ leaf: sha256(`${run} ${change.address}`), reason: 'changed', schemaVersion: 1, ...change }));
    const leaves = intents.map(({ leaf }) => leaf);
    push({
      type: 'open', commit: sha256(run).slice(7, 47), author: 'Mia Technik <mia@msp.example>', subject, tool: 'soll/0', digest: merkleRoot(leaves), leaves, approvals: approvals ?? [{ digest: merkleRoot(leaves), approver: 'anna', method: 'cli', at: new Date(Date.parse(at) - 60_000).toISOString() }],
      operator: 'Ben Technik <ben@msp.example>', holder: { host: 'h', boot: 'b', namespace: 'n', pid: 1, nonce: 'x' }, leaseSeconds: 120, guardToken: 'ab'.repeat(16), protected: [], stale: [], targets: [{ target: 'store', provider: 'memory', guarded, changes: intents }],
    }, run, at);
    if (takenOver !== undefined) push({ type: 'takeover', holder: { host: 'h2', boot: 'b', namespace: 'n', pid: 2, nonce: 'y' }, operator: takenOver, leaseSeconds: 120, why: 'the process that held the lock is gone' }, run, closedAt);
    if (outcomes !== undefined || verdict !== undefined) push({ type: 'batch', target: 'store', batch: 'store/build', outcomes: intents.map(({ address, leaf, verb }, index) => ({ address, leaf, verb, outcome: outcomes?.[index] ?? { status: 'done' } })) }, run, closedAt);
    if (verdict !== undefined) push({ type: 'close', commit: '', targets: [{ target: 'store', verdict, ...(why === undefined ? {} : { why }) }], protected: [] }, run, closedAt);
  }
  return records;
}
