/** Order is position: which row stands before which in its chain. Pure. */
import { longestIncreasing } from '#core/longest-increasing';
import { isStatic, listOf, orderedMenus, type Menu, type Row, type State } from './model.ts';
import { parseMarker } from './names.ts';

/** It lets through what is established already, as our own first row does, only faster: it may stand before ours, and should. */
export function isFasttrack({ values }: Row): boolean {
  return values['action'] === 'fasttrack-connection' && values['connection-state'] !== undefined && listOf(values['connection-state']).every((each) => each === 'established' || each === 'related');
}

/** The rows of one chain that decide something, in the order in which they are tried. */
export function chainRows(state: State, menu: Menu, chain: string): readonly Row[] {
  return state[menu].filter((row) => isStatic(row) && row.values['chain'] === chain && !isFasttrack(row));
}

export function chainsOf(state: State): readonly { readonly menu: Menu; readonly chain: string }[] {
  return orderedMenus.flatMap((menu) => [...new Set(state[menu].filter(isStatic).map(({ values }) => values['chain'] ?? ''))].map((chain) => ({ menu, chain })));
}

/** Policies in our chains stand in the order of their names; before them what is for all, then what port forwards let through. */
export function builtinRank(comment: string): string {
  const marker = parseMarker(comment);
  const rank = marker?.kind === 'base' ? (marker.part === 'answers' ? '0' : '1') : marker?.kind === 'port-forward' ? '2' : '3';
  return `${rank} ${marker?.name ?? ''} ${marker?.part ?? ''}`;
}

export interface Move {
  readonly key: string;
  /** Stands before this one; absent: at the end. */
  readonly before?: string;
}

/** What has to move so that `wanted` comes first and in this order: as few as possible. Keys that are not in `now` are new and are placed as well. */
export function movesFor(now: readonly string[], wanted: readonly string[]): readonly Move[] {
  const others = now.filter((key) => !wanted.includes(key));
  const first = now.findIndex((key) => others.includes(key));
  const position = new Map(now.map((key, index) => [key, index]));
  // Those behind a foreign row have to pass it in any case.
  const staying = longestIncreasing(wanted.map((key) => {
    const index = position.get(key);
    return index === undefined || (first >= 0 && index > first) ? undefined : index;
  }));
  const moves: Move[] = [];
  // From behind, so that the one that each is put before has its place already.
  for (let index = wanted.length - 1; index >= 0; index -= 1) {
    if (staying.has(index)) continue;
    const before = wanted[index + 1] ?? others[0];
    moves.push({ key: wanted[index] ?? '', ...(before === undefined ? {} : { before }) });
  }
  return moves;
}
