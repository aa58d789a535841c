/** What the records of a chain with joins say one after the other, and what was known when a run began. */
import type { AuditRecord, Chain, OpenBody } from '#core/audit-record';

/** Without a join both are the same. */
export function plainChain(records: readonly AuditRecord[]): Chain {
  return { records, sides: new Map() };
}

/**
 * All records up to this number in the order in which they were written: those that a join brought in stand between those that were recorded
 * meanwhile, by the clocks of those who wrote; each chain keeps its own order.
 */
export function inOrder({ records, sides }: Chain, upTo = records.length): readonly AuditRecord[] {
  if (sides.size === 0) return upTo >= records.length ? records : records.slice(0, upTo);
  let done: AuditRecord[] = [];
  for (const record of records.slice(0, upTo)) {
    if (record.type === 'join') {
      const base = records[record.base - 1];
      const from = base === undefined ? 0 : done.indexOf(base) + 1;
      done = [...done.slice(0, from), ...merged(done.slice(from), sides.get(record.seq) ?? [])];
    }
    done.push(record);
  }
  return done;
}

function merged(main: readonly AuditRecord[], side: readonly AuditRecord[]): readonly AuditRecord[] {
  const result: AuditRecord[] = [];
  let next = 0;
  for (const record of main) {
    for (let waiting = side[next]; waiting !== undefined && waiting.at < record.at; waiting = side[next]) {
      result.push(waiting);
      next += 1;
    }
    result.push(record);
  }
  return [...result, ...side.slice(next)];
}

/** The other chain by itself, from the first record on. */
export function sideOf(chain: Chain, join: number, base: number): Chain {
  const records = [...chain.records.slice(0, base), ...(chain.sides.get(join) ?? [])];
  return { records, sides: new Map([...chain.sides].filter(([seq]) => seq <= base)) };
}

export interface KnownRun {
  readonly open: AuditRecord & OpenBody;
  /** What stood on its chain before it, in order. */
  readonly before: readonly AuditRecord[];
  /** What was recorded elsewhere, unseen by this run, until the chains were joined. */
  readonly elsewhere: readonly AuditRecord[];
}

/** Every opening of a run, with what its machine could know; those that a join brought in before it. */
export function knownRuns(chain: Chain): readonly KnownRun[] {
  return chain.records.flatMap((record, index): readonly KnownRun[] => {
    if (record.type === 'open') return [{ open: record, before: inOrder(chain, index), elsewhere: [] }];
    if (record.type !== 'join') return [];
    const side = sideOf(chain, record.seq, record.base);
    const elsewhere = chain.records.slice(record.base, index);
    return side.records.flatMap((each, at) => (each.type === 'open' && at >= record.base ? [{ open: each, before: inOrder(side, at), elsewhere }] : []));
  });
}
