import { parseAddress, toAddress, type Address, type Change, type JsonObject, type Kind, type Problem, type SourceRange } from '#contract';
import { compareText } from '#core/canonical';

/** Addresses that a spec points at. */
export function referencesOf(kinds: ReadonlyMap<string, Kind>, address: Address, spec: JsonObject | undefined): readonly Address[] {
  const { customer, target, kind } = parseAddress(address);
  if (spec === undefined) return [];
  return (kinds.get(kind)?.references(spec) ?? []).map((reference) => toAddress({ customer, target: reference.target ?? target, kind: reference.kind, name: reference.name }));
}

/**
 * What must be done before each change. A create or rename comes before what points at it; a delete comes after what pointed at
 * it. Changes of things that exist anyway need no order among themselves.
 */
export function predecessors(changes: readonly Change[], kinds: ReadonlyMap<string, Kind>): ReadonlyMap<Address, readonly Address[]> {
  const made = new Set(changes.filter(({ verb, was }) => verb === 'create' || was !== undefined).map(({ address }) => address));
  const removed = new Set(changes.filter(({ verb }) => verb === 'delete').map(({ address }) => address));
  const result = new Map<Address, Set<Address>>(changes.map(({ address }) => [address, new Set<Address>()]));
  for (const change of changes) {
    for (const needed of referencesOf(kinds, change.address, change.after)) {
      if (needed !== change.address && made.has(needed)) result.get(change.address)?.add(needed);
    }
    for (const pointed of referencesOf(kinds, change.address, change.before)) {
      if (pointed !== change.address && removed.has(pointed)) result.get(pointed)?.add(change.address);
    }
  }
  return new Map([...result].map(([address, set]) => [address, [...set].sort(compareText)]));
}

export interface Ordered {
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
}

/** Topological, ties by kind and address: the same input in any order gives the same plan. */
export function orderChanges(changes: readonly Change[], before: ReadonlyMap<Address, readonly Address[]>, source: (address: Address) => SourceRange | undefined): Ordered {
  const open = new Map([...changes].sort((a, b) => compareText(a.address, b.address)).map((change) => [change.address, change]));
  const ordered: Change[] = [];
  while (open.size > 0) {
    const ready = [...open.values()].filter(({ address }) => (before.get(address) ?? []).every((needed) => !open.has(needed)));
    if (ready.length === 0) return { changes: [...ordered, ...open.values()], problems: [cycle([...open.keys()], source)] };
    for (const change of ready) {
      ordered.push(change);
      open.delete(change.address);
    }
  }
  return { changes: ordered, problems: [] };
}

function cycle(addresses: readonly Address[], source: (address: Address) => SourceRange | undefined): Problem {
  const places = addresses.flatMap((address) => {
    const place = source(address);
    return place === undefined ? [] : [{ message: address, source: place }];
  });
  const { customer, target } = parseAddress(addresses[0] ?? '');
  return {
    code: 'plan.cycle', severity: 'error', customer, target,
    message: `these need each other first, so none can be first: ${addresses.join(', ')}`,
    hint: 'apply one of them without the reference, then add the reference',
    ...(places[0] === undefined ? {} : { source: places[0].source, related: places.slice(1) }),
  };
}
