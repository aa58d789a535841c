import type { JsonObject } from '#contract';
import type { AuditRecord } from '#core/audit-record';
import { canonicalJson } from '#core/canonical-json';
import { sha256 } from '#core/sha256';

export interface ChainBreak {
  readonly code: 'audit.gap' | 'audit.chain' | 'audit.customer';
  readonly message: string;
}

/** Records are plain data; the round trip drops `undefined`, as the file does. */
export function plain(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** Numbered without a gap, each with the hash of the one before, all of one customer. */
export function chainBreak(customer: string, records: readonly AuditRecord[]): readonly ChainBreak[] {
  const found: ChainBreak[] = [];
  let expected = '';
  records.forEach((record, index) => {
    if (record.seq !== index + 1) found.push({ code: 'audit.gap', message: `record ${String(index + 1)} is missing (found ${String(record.seq)})` });
    if (record.previous !== expected) found.push({ code: 'audit.chain', message: `record ${String(record.seq)} does not continue the one before: one of the two was edited` });
    if (record.customer !== customer) found.push({ code: 'audit.customer', message: `record ${String(record.seq)} belongs to ${record.customer}` });
    expected = sha256(canonicalJson(plain(record)));
  });
  return found;
}
