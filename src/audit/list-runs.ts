import type { AuditRecord, LogEntry, OpenBody, RecordedRotation } from '#core/audit-record';

/** Newest first. */
export function listRuns(records: readonly AuditRecord[]): readonly LogEntry[] {
  const opens = records.filter((record): record is AuditRecord & OpenBody => record.type === 'open');
  return opens.map((open) => entry(open, records.filter(({ run }) => run === open.run))).reverse();
}

function entry(open: AuditRecord & OpenBody, own: readonly AuditRecord[]): LogEntry {
  const outcomes = new Map(own.flatMap((record) => (record.type === 'batch' ? record.outcomes : [])).map(({ address, outcome }) => [address, outcome]));
  const close = own.findLast((record) => record.type === 'close');
  const takeover = own.findLast((record) => record.type === 'takeover');
  return {
    customer: open.customer, run: open.run, at: open.at, commit: open.commit, author: open.author, subject: open.subject, operator: open.operator,
    approvals: open.approvals, digest: open.digest, fence: open.seq,
    targets: close?.type === 'close' ? close.targets : open.targets.map(({ target }) => ({ target, verdict: 'open' as const })),
    changes: open.targets.flatMap(({ changes }) => changes).map(({ schemaVersion: _version, leaf: _leaf, risk: _risk, ...change }) => {
      const outcome = outcomes.get(change.address);
      return { ...change, ...(outcome === undefined ? {} : { outcome }) };
    }),
    ...(open.emergency === undefined ? {} : { emergency: open.emergency }), ...(open.rotation === undefined ? {} : { rotation: rotationOf(open.rotation, own) }),
    ...(open.ignored === undefined ? {} : { ignored: open.ignored }), ...(open.offline === undefined ? {} : { offline: open.offline }),
    ...(close === undefined ? {} : { closedAt: close.at }),
    ...(takeover?.type === 'takeover' ? { recoveredBy: takeover.operator } : {}),
  };
}

function rotationOf(rotation: RecordedRotation, own: readonly AuditRecord[]): NonNullable<LogEntry['rotation']> {
  const steps = own.filter((record) => record.type === 'rotation');
  const added = steps.find(({ step }) => step === 'added')?.id;
  const commit = steps.findLast((record) => record.commit !== undefined)?.commit;
  return { ...rotation, ...(added === undefined ? {} : { new: added }), ...(commit === undefined ? {} : { commit }) };
}
