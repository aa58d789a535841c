/** Lists of VLAN ids as ifupdown2 has them: `2-4 10 20`, commas too. Pure. */

export interface VlanToken {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** `undefined` where a word is no id and no range: ifupdown2 would ignore the whole list. */
export function parseVlanList(text: string): readonly VlanToken[] | undefined {
  const tokens = text.split(/[\s,]+/).filter((word) => word !== '').map((word): VlanToken | undefined => {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(word);
    if (match === null) return undefined;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    return from >= 1 && from <= to && to <= 4094 ? { text: word, from, to } : undefined;
  });
  return tokens.every((token) => token !== undefined) ? tokens : undefined;
}

export function idsOf(tokens: readonly VlanToken[]): ReadonlySet<number> {
  return new Set(tokens.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index)));
}

/** Three in a row and more as a range. */
export function formatVlanList(ids: Iterable<number>): string {
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  const runs: { from: number; to: number }[] = [];
  for (const id of sorted) {
    const last = runs.at(-1);
    if (last?.to === id - 1) last.to = id;
    else runs.push({ from: id, to: id });
  }
  return runs.flatMap(({ from, to }) => (to - from >= 2 ? [`${String(from)}-${String(to)}`] : from === to ? [String(from)] : [String(from), String(to)])).join(' ');
}
