/**
 * Replicas that learn of a write later, each in its own time ("Best practices for working with Microsoft Graph", 2026-03: a successful write does not
 * guarantee the next read). Which replica answers and how many reads it stays behind follow from the seed, the object and the count of reads alone,
 * not from the clock or from the order in which other objects are read: a run repeats.
 */
import { createHash } from 'node:crypto';
import type { JsonObject } from '#contract';

export interface Lag {
  /** Every replica is behind for this long, milliseconds. */
  readonly ms: number;
  /** A replica is behind for up to this many reads of the object. */
  readonly reads: number;
  readonly seed: number;
}

export interface Replicas {
  /** `before` and `after` as JSON; `undefined`: not there. */
  wrote(id: string, before: JsonObject | undefined, after: JsonObject | undefined): void;
  /** The replica that answers this request. */
  pick(what: string): number;
  /** The object as that replica has it. */
  seen(id: string, now: JsonObject | undefined, replica: number): JsonObject | undefined;
}

interface Version {
  readonly json: JsonObject | undefined;
  readonly at: number;
  readonly reads: number;
}

const replicas = 3;

/** Evenly spread, below `bound`. */
export function seeded(bound: number, ...parts: readonly (string | number)[]): number {
  return createHash('sha256').update(parts.join(' ')).digest().readUInt32BE(0) % bound;
}

export function makeReplicas({ ms, reads: longest, seed }: Lag): Replicas {
  const histories = new Map<string, Version[]>();
  const reads = new Map<string, number>();
  const picks = new Map<string, number>();
  const readsOf = (id: string): number => reads.get(id) ?? 0;
  return {
    wrote(id, before, after) {
      if (ms <= 0 && longest <= 0) return;
      const history = histories.get(id) ?? [{ json: before, at: 0, reads: -longest }];
      history.push({ json: after, at: Date.now(), reads: readsOf(id) });
      histories.set(id, history);
    },
    pick(what) {
      const count = picks.get(what) ?? 0;
      picks.set(what, count + 1);
      return seeded(replicas, seed, 'replica', what, count);
    },
    seen(id, now, replica) {
      const history = histories.get(id);
      if (history === undefined) return now;
      const count = readsOf(id) + 1;
      reads.set(id, count);
      const late = (index: number): number => seeded(longest + 1, seed, 'late', id, index, replica);
      const arrived = history.findLast((version, index) => index === 0 || (Date.now() - version.at >= ms && count - version.reads > late(index)));
      const last = history.at(-1);
      if (last !== undefined && Date.now() - last.at >= ms && count - last.reads > longest) histories.delete(id);
      return arrived?.json;
    },
  };
}
