import { parseAddress, type Kind } from '#contract';
import type { Ledger, LedgerEntry } from './model.ts';

export function emptyLedger(customer: string): Ledger {
  return { version: 1, customer, commit: '', protected: [], held: {}, entries: {} };
}

/**
 * Brings entries of older schema versions up and into canonical form, so that an upgrade of soll is never a change at a customer.
 * Entries of kinds that this version does not know stay as they are.
 */
export function migrateLedger(ledger: Ledger, kinds: ReadonlyMap<string, Kind>): Ledger {
  if (Object.entries(ledger.entries).every(([address, entry]) => entry.schemaVersion === (kinds.get(parseAddress(address).kind)?.schemaVersion ?? entry.schemaVersion))) return ledger;
  const entries = Object.entries(ledger.entries).map(([address, entry]): [string, LedgerEntry] => {
    const kind = kinds.get(parseAddress(address).kind);
    if (kind === undefined) return [address, entry];
    const older = entry.schemaVersion < kind.schemaVersion;
    const spec = older && kind.migrate !== undefined ? kind.migrate(entry.schemaVersion, entry.spec) : entry.spec;
    return [address, { ...entry, spec: older ? kind.canonical(spec) : spec, schemaVersion: kind.schemaVersion }];
  });
  return { ...ledger, entries: Object.fromEntries(entries) };
}
