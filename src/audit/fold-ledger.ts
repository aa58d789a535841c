import type { Address, ChangeOutcome } from '#contract';
import { compareText } from '#core/canonical';
import { emptyLedger } from '#core/load-ledger';
import type { Ledger, LedgerEntry } from '#core/model';
import type { AuditRecord, IntentChange, IntentTarget, OpenBody } from '#core/audit-record';

type Open = AuditRecord & OpenBody;

/** The ledger after one more record. `open`: the open record of the same run. Pure, so that `audit verify` can replay. */
export function foldRecord(ledger: Ledger, record: AuditRecord, open: Open | undefined): Ledger {
  if (record.type === 'open') return introduced(ledger, record);
  if (record.type === 'batch') return foldBatch(ledger, record, open);
  if (record.type !== 'close') return ledger;
  const named = record.targets.map(({ target }) => target);
  const kept = Object.entries(ledger.held).filter(([target]) => !named.includes(target));
  const held = record.targets.flatMap(({ target, verdict, why }): [string, { run: string; why: string }][] => (verdict === 'held' ? [[target, { run: record.run, why: why ?? 'outcome unknown' }]] : []));
  return { ...ledger, commit: record.commit, protected: record.protected, held: Object.fromEntries([...kept, ...held].sort(([a], [b]) => compareText(a, b))) };
}

function foldBatch(ledger: Ledger, record: AuditRecord & { readonly type: 'batch' }, open: Open | undefined): Ledger {
  const intents = new Map(open?.targets.flatMap(({ changes }) => changes).map((change) => [change.address, change]) ?? []);
  const target = open?.targets.find((each) => each.target === record.target);
  const folding = identified(ledger, record, target);
  const entries = new Map<string, LedgerEntry>(Object.entries(folding.entries));
  const gone = new Map<string, string>(Object.entries(ledger.gone ?? {}));
  for (const { address, outcome } of record.outcomes) {
    const intent = intents.get(address);
    if (intent !== undefined && isApplied(outcome) && intent.verb !== 'identify' && open?.rotation === undefined) applyIntent({ entries, gone }, intent, outcome.status, { commit: open?.commit ?? '', run: record.run });
  }
  return { ...folding, entries: sorted(entries), ...(gone.size === 0 ? {} : { gone: sorted(gone) }) };
}

/** With its first run a target is known: what was approved was approved with these pins, and from here on something may have been written. */
function introduced(ledger: Ledger, { run, targets }: Open): Ledger {
  const first = targets.flatMap(({ target, identity }): [string, { pins: readonly string[]; run: string }][] => (identity === undefined || ledger.identities?.[target] !== undefined ? [] : [[target, { pins: identity, run }]]));
  return first.length === 0 ? ledger : { ...ledger, identities: sorted(new Map([...Object.entries(ledger.identities ?? {}), ...first])) };
}

/** Who the target is known as from this record on. */
function identified(ledger: Ledger, record: AuditRecord & { readonly type: 'batch' }, target: IntentTarget | undefined): Ledger {
  const done = record.outcomes.filter(({ outcome }) => isApplied(outcome));
  const change = target?.changes.find(({ verb, address }) => verb === 'identify' && done.some((each) => each.address === address));
  if (change === undefined || target?.identity === undefined) return ledger;
  const pins = { identities: sorted(new Map(Object.entries({ ...ledger.identities, [record.target]: { pins: target.identity, run: record.run } }))) };
  if (change.reason !== 'replaced') return { ...ledger, ...pins };
  const own = `${record.customer}/${record.target}/`;
  const { [record.target]: _unknown, ...held } = ledger.held;
  return { ...ledger, ...pins, held, entries: Object.fromEntries(Object.entries(ledger.entries).map(([address, entry]) => [address, address.startsWith(own) ? { ...entry, lost: true as const } : entry])) };
}

/** Accepted counts as applied: what does not show up later is drift, not news. */
function isApplied(outcome: ChangeOutcome): outcome is ChangeOutcome & { readonly status: 'done' | 'pending' } {
  return outcome.status === 'done' || outcome.status === 'pending';
}

function sorted<T>(map: ReadonlyMap<string, T>): Readonly<Record<string, T>> {
  return Object.fromEntries([...map].sort(([a], [b]) => compareText(a, b)));
}

interface Folding {
  readonly entries: Map<string, LedgerEntry>;
  readonly gone: Map<string, string>;
}

function applyIntent({ entries, gone }: Folding, intent: IntentChange, status: 'done' | 'pending', { commit, run }: { readonly commit: string; readonly run: string }): void {
  const leave = (address: Address): void => {
    entries.delete(address);
    gone.set(address, run);
  };
  if (intent.was !== undefined) leave(intent.was);
  if (intent.verb === 'delete' || intent.verb === 'release') {
    const known = entries.get(intent.address);
    // A delete that is accepted and may still fail: forgotten now, the object would be nobody's for ever.
    if (status === 'pending' && known !== undefined) entries.set(intent.address, { ...known, run });
    else leave(intent.address);
  } else if (intent.after !== undefined) {
    entries.set(intent.address, { spec: intent.after, schemaVersion: intent.schemaVersion, commit, run });
    gone.delete(intent.address);
  }
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
