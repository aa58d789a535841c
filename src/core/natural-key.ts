import { parseAddress, toAddress, type Address, type JsonObject, type Kind, type Live } from '#contract';

/** What a resource is on its target whatever it is called there: its kind and its natural key. `undefined`: only the name tells. */
export function naturalKeyOf(kinds: ReadonlyMap<string, Kind>, address: Address, spec: JsonObject | undefined): string | undefined {
  const { kind } = parseAddress(address);
  const found = kinds.get(kind);
  return found?.naturalKey === undefined || spec === undefined ? undefined : keyText(kind, found.naturalKey(spec));
}

/** The same form for a reference by key. */
export function keyText(kind: string, key: string): string {
  return `${kind} ${key}`;
}

/**
 * Live objects that have no name of their own are called as somebody who knows them does. What nobody knows keeps what its reader called
 * it, unless that is somebody else's name.
 */
export function labelUnnamed(kinds: ReadonlyMap<string, Kind>, live: readonly Live[], names: ReadonlyMap<string, Address>): readonly Live[] {
  if (live.every(({ unnamed }) => unnamed === undefined)) return live;
  const taken = new Set<Address>([...names.values(), ...live.filter(({ unnamed }) => unnamed === undefined).map(({ address }) => address)]);
  return live.map((each) => {
    const key = each.unnamed === undefined ? undefined : naturalKeyOf(kinds, each.address, each.spec);
    if (key === undefined) return each;
    const address = names.get(key) ?? (taken.has(each.address) ? toAddress({ ...parseAddress(each.address), name: key }) : each.address);
    return address === each.address ? each : { ...each, address };
  });
}
