import { compareText } from '#core/canonical';
import { emptyLedger } from '#core/load-ledger';
import type { Ledger, LedgerEntry } from '#core/model';
import type { AuditRecord, IntentChange, OpenBody } from '#core/audit-record';

type Open = AuditRecord & OpenBody;

/** The ledger after one more record. `open`: the open record of the same run. Pure, so that `audit verify` can replay. */
export function foldRecord(ledger: Ledger, record: AuditRecord, open: Open | undefined): Ledger {
  if (record.type === 'batch') return foldBatch(ledger, record, open);
  if (record.type !== 'close') return ledger;
  const named = record.targets.map(({ target }) => target);
  const kept = Object.entries(ledger.held).filter(([target]) => !named.includes(target));
  const held = record.targets.flatMap(({ target, verdict, why }): [string, { run: string; why: string }][] => (verdict === 'held' ? [[target, { run: record.run, why: why ?? 'outcome unknown' }]] : []));
  return { ...ledger, commit: record.commit, protected: record.protected, held: Object.fromEntries([...kept, ...held].sort(([a], [b]) => compareText(a, b))) };
}

function foldBatch(ledger: Ledger, record: AuditRecord & { readonly type: 'batch' }, open: Open | undefined): Ledger {
  const intents = new Map(open?.targets.flatMap(({ changes }) => changes).map((change) => [change.address, change]) ?? []);
  const entries = new Map<string, LedgerEntry>(Object.entries(ledger.entries));
  for (const { address, outcome } of record.outcomes) {
    const intent = intents.get(address);
    // Accepted counts as applied: what does not show up later is drift, not news.
    if (intent !== undefined && (outcome.status === 'done' || outcome.status === 'pending')) applyIntent(entries, intent, open?.commit ?? '', record.run);
  }
  return { ...ledger, entries: Object.fromEntries([...entries].sort(([a], [b]) => compareText(a, b))) };
}

function applyIntent(entries: Map<string, LedgerEntry>, intent: IntentChange, commit: string, run: string): void {
  if (intent.was !== undefined) entries.delete(intent.was);
  if (intent.verb === 'delete' || intent.verb === 'release') entries.delete(intent.address);
  else if (intent.after !== undefined) entries.set(intent.address, { spec: intent.after, schemaVersion: intent.schemaVersion, commit, run });
}

/** From the first record on. */
export function foldRecords(customer: string, records: readonly AuditRecord[]): Ledger {
  const opens = new Map<string, Open>();
  let ledger = emptyLedger(customer);
  for (const record of records) {
    if (record.type === 'open') opens.set(record.run, record);
    ledger = foldRecord(ledger, record, opens.get(record.run));
  }
  return ledger;
}
