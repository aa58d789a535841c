/** Indexes of a longest strictly increasing part; `undefined` belongs to none. What is outside has to move, and as little as possible does. */
export function longestIncreasing(values: readonly (number | undefined)[]): ReadonlySet<number> {
  const tails: number[] = [];
  const before = new Map<number, number | undefined>();
  values.forEach((value, index) => {
    if (value === undefined) return;
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[tails[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    before.set(index, tails[low - 1]);
    tails[low] = index;
  });
  const result = new Set<number>();
  for (let index = tails.at(-1); index !== undefined; index = before.get(index)) result.add(index);
  return result;
}
