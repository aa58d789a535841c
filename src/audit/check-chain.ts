import type { JsonObject } from '#contract';
import type { AuditRecord, Chain } from '#core/audit-record';
import { canonicalJson } from '#core/canonical-json';
import { sha256 } from '#core/sha256';
import { sideOf } from './chain.ts';

export interface ChainBreak {
  readonly code: 'audit.gap' | 'audit.chain' | 'audit.customer' | 'audit.fork';
  readonly message: string;
}

/** Records are plain data; the round trip drops `undefined`, as the file does. */
export function plain(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** What the next record names as the one before it. */
export function hashOf(record: AuditRecord | undefined): string {
  return record === undefined ? '' : sha256(canonicalJson(plain(record)));
}

/** Numbered without a gap, each with the hash of the one before, all of one customer; and so is every chain that was joined, up to the hash that its join names. */
export function chainBreaks(customer: string, chain: Chain): readonly ChainBreak[] {
  const found = [...linkBreaks(customer, chain.records, 0)];
  for (const join of chain.records) {
    if (join.type !== 'join') continue;
    const name = `record ${String(join.seq)}`;
    const side = chain.sides.get(join.seq) ?? [];
    if (!(join.base >= 0 && join.base < join.seq)) {
      found.push({ code: 'audit.fork', message: `${name} joins a chain that parts at record ${String(join.base)}: that is not before it` });
      continue;
    }
    found.push(...linkBreaks(customer, sideOf(chain, join.seq, join.base).records, join.base).map(({ code, message }) => ({ code, message: `${name} joins: ${message}` })));
    if (side.at(-1)?.seq !== join.last || hashOf(side.at(-1)) !== join.hash) found.push({ code: 'audit.fork', message: `${name} joins other records than are there: one of them was edited or is missing` });
    if (side[0] !== undefined && hashOf(side[0]) === hashOf(chain.records[join.base])) found.push({ code: 'audit.fork', message: `${name} says that the chain parts at record ${String(join.base)}; it parts later` });
    if (side.some(({ type }) => type === 'join')) found.push({ code: 'audit.fork', message: `${name} joins a chain that has joined others` });
  }
  return found;
}

/** Of what comes after `from`; those before have been looked at. */
function linkBreaks(customer: string, records: readonly AuditRecord[], from: number): readonly ChainBreak[] {
  const found: ChainBreak[] = [];
  let expected = hashOf(records[from - 1]);
  records.forEach((record, index) => {
    if (index < from) return;
    if (record.seq !== index + 1) found.push({ code: 'audit.gap', message: `record ${String(index + 1)} is missing (found ${String(record.seq)})` });
    if (record.previous !== expected) found.push({ code: 'audit.chain', message: `record ${String(record.seq)} does not continue the one before: one of the two was edited` });
    if (record.customer !== customer) found.push({ code: 'audit.customer', message: `record ${String(record.seq)} belongs to ${record.customer}` });
    expected = hashOf(record);
  });
  return found;
}
