import type { Address, ChangeOutcome } from '#contract';
import { compareText } from '#core/canonical';
import { emptyLedger } from '#core/load-ledger';
import type { Ledger, LedgerEntry } from '#core/model';
import type { AuditRecord, Chain, IntentChange, IntentTarget, OpenBody } from '#core/audit-record';
import { inOrder, sideOf } from './chain.ts';

type Open = AuditRecord & OpenBody;

/** The ledger after one more record, that is no join. `open`: the open record of the same run. Pure, so that `audit verify` can replay. */
export function foldRecord(ledger: Ledger, record: AuditRecord, open: Open | undefined): Ledger {
  if (record.type === 'open') return introduced(ledger, record);
  if (record.type === 'batch') return foldBatch(ledger, record, open);
  if (record.type !== 'close') return ledger;
  const named = record.targets.map(({ target }) => target);
  const kept = Object.entries(ledger.held).filter(([target]) => !named.includes(target));
  const held = record.targets.flatMap(({ target, verdict, why }): [string, { run: string; why: string }][] => (verdict === 'held' ? [[target, { run: record.run, why: why ?? 'outcome unknown' }]] : []));
  // Another commit than before was planned with all that was joined; looking again at an old run plans nothing.
  const { beside, ...rest } = ledger;
  return { ...rest, ...(beside === undefined || record.commit !== ledger.commit ? {} : { beside }), commit: record.commit, protected: record.protected, held: Object.fromEntries([...kept, ...held].sort(([a], [b]) => compareText(a, b))) };
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

/** From the first record on, through joins. */
export function foldChain(customer: string, chain: Chain): Ledger {
  let ledger = emptyLedger(customer);
  const opens = new Map<string, Open>();
  for (const record of chain.records) {
    if (record.type === 'open') opens.set(record.run, record);
    if (record.type !== 'join') {
      ledger = foldRecord(ledger, record, opens.get(record.run));
      continue;
    }
    const side = sideOf(chain, record.seq, record.base);
    for (const each of side.records) if (each.type === 'open') opens.set(each.run, each);
    ledger = foldJoin(ledger, foldChain(customer, side), foldInOrder(customer, inOrder(chain, record.seq), opens));
  }
  return ledger;
}

function foldInOrder(customer: string, records: readonly AuditRecord[], opens: ReadonlyMap<string, Open>): Ledger {
  return records.reduce((ledger, record) => foldRecord(ledger, record, opens.get(record.run)), emptyLedger(customer));
}

/** Of each resource what was written last. Of the two commits and the protections none is dropped before somebody has planned with both. */
function foldJoin(main: Ledger, side: Ledger, both: Ledger): Ledger {
  const commits = [main, side].flatMap(({ commit, beside = [] }) => [commit, ...beside]).filter((commit) => commit !== '' && commit !== both.commit);
  return {
    ...both, protected: [...new Set([...main.protected, ...side.protected])].sort(compareText),
    ...(commits.length === 0 ? {} : { beside: [...new Set(commits)].sort(compareText) }),
  };
}
