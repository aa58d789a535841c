/** The order of rules: read from sequence numbers, and written with as few new numbers as possible. Pure. */
import { longestIncreasing } from '#core/longest-increasing';
import { compareText } from '#core/canonical';
import { largestSequence, sequenceStep } from './limits.ts';
import type { Row } from './model.ts';

export interface OrderedRow {
  readonly kind: 'firewall-rule' | 'firewall-policy';
  /** `from.to` or `from.to.rule`. */
  readonly name: string;
  readonly row: Row;
}

/**
 * The place of a pair among those of its zone. The device itself comes first, because its addresses are also in the networks; outside comes last,
 * because there the rules say "everywhere", which is right only behind all that says something narrower.
 */
export function rankOf(pair: string, external: ReadonlySet<string>): string {
  const to = pair.split('.')[1] ?? '';
  return `${to === 'self' ? '0' : external.has(to) ? '2' : '1'} ${to}`;
}

export function pairIn(name: string): string {
  return name.split('.').slice(0, 2).join('.');
}

export function byEvaluation(a: Row, b: Row): number {
  return Number(a.values['sequence'] ?? 0) - Number(b.values['sequence'] ?? 0) || a.position - b.position;
}

/** For each pair the names of its rules as they are evaluated. What no policy can say (a rule behind the default, a pair out of its place) is said in brackets. */
export function orderOf(rows: readonly OrderedRow[], external: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
  const sorted = [...rows].sort((a, b) => byEvaluation(a.row, b.row));
  const orders = new Map<string, string[]>();
  const zones = new Map<string, string[]>();
  for (const { kind, name } of sorted) {
    const pair = pairIn(name);
    const [from = ''] = pair.split('.');
    push(orders, pair, kind === 'firewall-policy' ? '[default]' : name.slice(pair.length + 1));
    push(zones, from, pair);
  }
  const displaced = new Set([...zones.values()].flatMap((pairs) => displacedIn(pairs, external)));
  return new Map([...orders].map(([pair, order]): [string, readonly string[]] => [pair, [...(displaced.has(pair) ? ['[not in its place]'] : []), ...(order.at(-1) === '[default]' ? order.slice(0, -1) : order)]]));
}

/** Runs of the same are one. */
function push(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  if (list.at(-1) !== value) list.push(value);
}

function displacedIn(pairs: readonly string[], external: ReadonlySet<string>): readonly string[] {
  const repeated = pairs.filter((pair, index) => pairs.indexOf(pair) !== index);
  const inverted = pairs.filter((pair, index) => {
    const next = pairs[index + 1];
    return next !== undefined && compareText(rankOf(pair, external), rankOf(next, external)) > 0;
  });
  return [...repeated, ...inverted];
}

export interface Place {
  readonly uuid: string;
  /** Number that it has now; absent: it is new. */
  readonly sequence?: number;
}

/** Numbers for those that need another one, so that all are in this order. As many as possible keep theirs. */
export function numberPlaces(places: readonly Place[]): ReadonlyMap<string, number> {
  const kept = longestIncreasing(places.map(({ sequence }) => (sequence === undefined || sequence < 1 || sequence > largestSequence ? undefined : sequence)));
  const numbers = new Map<string, number>();
  let last = 0;
  for (let start = 0; start < places.length;) {
    if (kept.has(start)) {
      last = places[start]?.sequence ?? last;
      start += 1;
      continue;
    }
    let end = start;
    while (end < places.length && !kept.has(end)) end += 1;
    const count = end - start;
    const bound = end < places.length ? (places[end]?.sequence ?? 0) : Math.min(largestSequence + 1, last + (count + 1) * sequenceStep);
    const step = Math.floor((bound - last) / (count + 1));
    if (step < 1) return numberAnew(places);
    for (let index = start; index < end; index += 1) numbers.set(places[index]?.uuid ?? '', last + (index - start + 1) * step);
    start = end;
  }
  return numbers;
}

function numberAnew(places: readonly Place[]): ReadonlyMap<string, number> {
  const step = Math.max(1, Math.min(sequenceStep, Math.floor(largestSequence / (places.length + 1))));
  return new Map(places.map(({ uuid, sequence }, index): [string, number, number | undefined] => [uuid, (index + 1) * step, sequence]).filter(([, next, now]) => next !== now).map(([uuid, next]) => [uuid, next]));
}
