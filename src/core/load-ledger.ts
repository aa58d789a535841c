import { parseAddress, type Kind } from '#contract';
import type { Ledger, LedgerEntry } from './model.ts';

export function emptyLedger(customer: string): Ledger {
  return { version: 1, customer, commit: '', protected: [], held: {}, entries: {} };
}

/** From a `ledger.json`. Throws RangeError with what is wrong: a ledger that is not understood is an error, not an empty one. */
export function parseLedger(text: string, customer: string): Ledger {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RangeError('is not JSON');
  }
  if (typeof value !== 'object' || value === null || !('version' in value) || !('entries' in value) || typeof value.entries !== 'object' || value.entries === null) throw new RangeError('is not a ledger');
  if (value.version !== 1) throw new RangeError(`has format ${JSON.stringify(value.version)}: it was written by a newer soll, use that`);
  if (!('held' in value) || typeof value.held !== 'object' || value.held === null || !('protected' in value) || !Array.isArray(value.protected) || !('commit' in value) || typeof value.commit !== 'string') throw new RangeError('is not a ledger');
  // Written by appendRecord in this format.
  const ledger = value as unknown as Ledger;
  if (ledger.customer !== customer) throw new RangeError('belongs to another customer');
  return ledger;
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
    if (entry.schemaVersion > kind.schemaVersion) throw new RangeError(`${address} was applied by a newer soll (${kind.name} version ${String(entry.schemaVersion)}); use that`);
    const older = entry.schemaVersion < kind.schemaVersion;
    const spec = older && kind.migrate !== undefined ? kind.migrate(entry.schemaVersion, entry.spec) : entry.spec;
    return [address, { ...entry, spec: older ? kind.canonical(spec) : spec, schemaVersion: kind.schemaVersion }];
  });
  return { ...ledger, entries: Object.fromEntries(entries) };
}
