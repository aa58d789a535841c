import { parseAddress, toAddress, type Address, type Change, type JsonObject, type Kind, type Problem, type Reference, type SourceRange } from '#contract';
import { compareText } from '#core/canonical';
import { keyText, naturalKeyOf } from '#core/natural-key';

/** Site of a target, where it has one. */
export type SiteOf = (target: string) => string | undefined;

/** Changes by what a spec can call them: by address, and by natural key on their target or anywhere at its site. */
class Pointed {
  readonly #addresses = new Set<string>();
  readonly #keys = new Map<string, Set<Address>>();
  readonly #siteOf: SiteOf;

  constructor(siteOf: SiteOf) {
    this.#siteOf = siteOf;
  }

  add(address: Address, key: string | undefined): void {
    this.#addresses.add(address);
    this.addKey(address, key);
  }

  addKey(address: Address, key: string | undefined): void {
    if (key === undefined) return;
    const { customer, target } = parseAddress(address);
    const site = this.#siteOf(target);
    for (const where of [`${customer}/${target}`, ...(site === undefined ? [] : [`${customer} ${site}`])]) {
      const known = this.#keys.get(`${where} ${key}`);
      if (known === undefined) this.#keys.set(`${where} ${key}`, new Set([address]));
      else known.add(address);
    }
  }

  of(from: Address, { kind, name, by, target, siteWide }: Reference): Iterable<Address> {
    const own = parseAddress(from);
    const where = target ?? own.target;
    if (by !== 'key') {
      const address = toAddress({ customer: own.customer, target: where, kind, name });
      return this.#addresses.has(address) ? [address] : [];
    }
    const site = siteWide === true ? this.#siteOf(where) : undefined;
    return this.#keys.get(`${site === undefined ? `${own.customer}/${where}` : `${own.customer} ${site}`} ${keyText(kind, name)}`) ?? [];
  }
}

function referencesOf(kinds: ReadonlyMap<string, Kind>, address: Address, spec: JsonObject | undefined): readonly Reference[] {
  return spec === undefined ? [] : (kinds.get(parseAddress(address).kind)?.references(spec) ?? []);
}

/**
 * What must be done before each change. A create, a rename or a new number comes before what points at it; a delete comes after what
 * pointed at it. Changes of things that exist anyway need no order among themselves. What points at something of the whole site (a port
 * at its VLAN) waits for it on every target there.
 */
export function predecessors(changes: readonly Change[], kinds: ReadonlyMap<string, Kind>, siteOf: SiteOf = () => undefined): ReadonlyMap<Address, readonly Address[]> {
  const made = new Pointed(siteOf);
  const removed = new Pointed(siteOf);
  for (const { verb, address, was, before, after } of changes) {
    const [old, next] = [naturalKeyOf(kinds, address, before), naturalKeyOf(kinds, address, after)];
    if (verb === 'create') made.add(address, next);
    else if (verb === 'delete') removed.add(address, old);
    else {
      if (was !== undefined) made.add(address, undefined);
      // The old number goes with the same change: what used it follows it, and could not come before.
      if (old !== next) made.addKey(address, next);
    }
  }
  const result = new Map<Address, Set<Address>>(changes.map(({ address }) => [address, new Set<Address>()]));
  for (const { address, before, after } of changes) {
    for (const reference of referencesOf(kinds, address, after)) {
      for (const needed of made.of(address, reference)) if (needed !== address) result.get(address)?.add(needed);
    }
    for (const reference of referencesOf(kinds, address, before)) {
      for (const pointed of removed.of(address, reference)) if (pointed !== address) result.get(pointed)?.add(address);
    }
  }
  return new Map([...result].map(([address, set]) => [address, [...set].sort(compareText)]));
}

/** How often what a change needs first lies on another target: changes of one level of a target never wait for each other in a ring. */
export function levelsOf(changes: readonly Change[], before: ReadonlyMap<Address, readonly Address[]>): ReadonlyMap<Address, number> {
  const levels = new Map<Address, number>();
  const targets = new Map(changes.map(({ address }) => [address, parseAddress(address).target]));
  const open = new Set<Address>();
  const level = (address: Address): number => {
    const known = levels.get(address);
    if (known !== undefined || open.has(address)) return known ?? 0;
    open.add(address);
    const target = targets.get(address);
    // What is no change of these (who a target is) lies before all of its own.
    const own = (before.get(address) ?? []).reduce((highest, needed) => Math.max(highest, level(needed) + ((targets.get(needed) ?? target) === target ? 0 : 1)), 0);
    open.delete(address);
    levels.set(address, own);
    return own;
  };
  for (const { address } of changes) level(address);
  return levels;
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
