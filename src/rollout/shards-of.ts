import { compareText } from '#core/canonical';

/** What one job of a matrix works on. */
export interface Shard {
  /** Stays the same from run to run while the fleet does, so that a lock of the CI can be named after it. */
  readonly shard: string;
  readonly customers: readonly string[];
}

/** Jobs of one matrix (docs.github.com, "Actions limits": 256 per workflow run, read on 2026-11-24). */
export const mostShards = 256;

/**
 * A job for each customer while there are enough jobs; otherwise neighbours share one. Which customers share is decided by the whole fleet, not by
 * the selection: a customer that is selected twice at once is in the same shard both times.
 */
export function shardsOf(fleet: readonly string[], selected: ReadonlySet<string>, max: number): readonly Shard[] {
  const sorted = [...new Set(fleet)].sort(compareText);
  if (sorted.length <= max) return sorted.filter((name) => selected.has(name)).map((name) => ({ shard: name, customers: [name] }));
  const parts = Array.from({ length: max }, (_, index) => sorted.slice(Math.ceil((index * sorted.length) / max), Math.ceil(((index + 1) * sorted.length) / max)));
  return parts.flatMap((part, index): readonly Shard[] => {
    const customers = part.filter((name) => selected.has(name));
    return customers.length === 0 ? [] : [{ shard: `part-${String(index + 1).padStart(3, '0')}-of-${String(max)}`, customers }];
  });
}
