import { parseAddress, toAddress, type Address, type Json, type JsonObject, type Kind, type Live } from '#contract';
import { compareText, isObject } from './canonical.ts';

function replaceAt(value: Json, path: readonly string[], change: (text: string) => string): Json {
  const [head, ...rest] = path;
  if (head === undefined) return typeof value === 'string' ? change(value) : value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((item, index) => (String(index) === head ? replaceAt(item, rest, change) : item));
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === head ? replaceAt(item, rest, change) : item])) : value;
}

/**
 * Reads references to an object that is about to be renamed (old address -> new address) as references to the new name. Some
 * families follow a rename by themselves and some are rendered anew; either way the rename alone is the change.
 */
export function renameReferences(live: Live, renames: ReadonlyMap<Address, Address>, kinds: ReadonlyMap<string, Kind>): Live {
  const { customer, target, kind: kindName } = parseAddress(live.address);
  const kind = kinds.get(kindName);
  if (renames.size === 0 || kind === undefined) return live;
  let spec: JsonObject = live.spec;
  for (const reference of kind.references(live.spec)) {
    const renamed = renames.get(toAddress({ customer, target: reference.target ?? target, kind: reference.kind, name: reference.name }));
    if (renamed === undefined) continue;
    const next = parseAddress(renamed).name;
    const replaced = replaceAt(spec, reference.pointer.split('/').slice(1), (text) => `${text.slice(0, text.length - reference.name.length)}${next}`);
    if (isObject(replaced)) spec = replaced;
  }
  return spec === live.spec ? live : { ...live, spec: kind.canonical(spec) };
}

export function renamesOf(changes: readonly { readonly address: Address; readonly was?: Address }[]): ReadonlyMap<Address, Address> {
  return new Map(changes.flatMap(({ address, was }): [Address, Address][] => (was === undefined ? [] : [[was, address]])).sort(([a], [b]) => compareText(a, b)));
}
