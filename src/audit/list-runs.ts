import type { Address, Change, ChangeOutcome, JsonObject, Verdict } from '#contract';
import type { AuditRecord, OpenBody } from '#core/audit-record';
import type { Approval } from '#core/model';

/** One run, as an auditor reads it: who, what, why, approved by whom, with what result. */
export interface LogEntry {
  readonly customer: string;
  readonly run: string;
  readonly at: string;
  readonly closedAt?: string;
  readonly commit: string;
  readonly author: string;
  /** Subject of the commit: why. */
  readonly subject: string;
  readonly operator: string;
  readonly approvals: readonly Approval[];
  readonly digest: string;
  /** `open`: never closed. */
  readonly targets: readonly { readonly target: string; readonly verdict: Verdict | 'open'; readonly why?: string }[];
  readonly changes: readonly { readonly address: Address; readonly verb: Change['verb']; readonly reason: Change['reason']; readonly before?: JsonObject; readonly after?: JsonObject; readonly was?: Address; readonly outcome?: ChangeOutcome }[];
  readonly recoveredBy?: string;
  readonly fence: number;
}

/** Newest first. */
export function listRuns(records: readonly AuditRecord[]): readonly LogEntry[] {
  const opens = records.filter((record): record is AuditRecord & OpenBody => record.type === 'open');
  return opens.map((open) => entry(open, records.filter(({ run }) => run === open.run))).reverse();
}

function entry(open: AuditRecord & OpenBody, own: readonly AuditRecord[]): LogEntry {
  const outcomes = new Map(own.flatMap((record) => (record.type === 'batch' ? record.outcomes : [])).map(({ address, outcome }) => [address, outcome]));
  const close = own.find((record) => record.type === 'close');
  const takeover = own.findLast((record) => record.type === 'takeover');
  return {
    customer: open.customer, run: open.run, at: open.at, commit: open.commit, author: open.author, subject: open.subject, operator: open.operator,
    approvals: open.approvals, digest: open.digest, fence: open.seq,
    targets: close?.type === 'close' ? close.targets : open.targets.map(({ target }) => ({ target, verdict: 'open' as const })),
    changes: open.targets.flatMap(({ changes }) => changes).map(({ schemaVersion: _version, leaf: _leaf, ...change }) => {
      const outcome = outcomes.get(change.address);
      return { ...change, ...(outcome === undefined ? {} : { outcome }) };
    }),
    ...(close === undefined ? {} : { closedAt: close.at }),
    ...(takeover?.type === 'takeover' ? { recoveredBy: takeover.operator } : {}),
  };
}
