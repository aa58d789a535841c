import { parseAddress, toAddress, type Address, type Json, type JsonObject, type Kind, type Live } from '#contract';
import { compareText, isObject } from './canonical.ts';

function replaceAt(value: Json, path: readonly string[], change: (text: string) => string): Json {
  const [head, ...rest] = path;
  if (head === undefined) return typeof value === 'string' ? change(value) : value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((item, index) => (String(index) === head ? replaceAt(item, rest, change) : item));
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === head ? replaceAt(item, rest, change) : item])) : value;
}

/** A text holds the name behind a prefix (`group:NAME`), or only its last part (a policy's `rule` for `from.to.rule`). */
function respell(text: string, name: string, next: string): string {
  if (text.endsWith(name)) return `${text.slice(0, text.length - name.length)}${next}`;
  const outer = name.slice(0, Math.max(0, name.length - text.length));
  // Renamed into another policy: this one no longer speaks of it, and that is a change of its own.
  return next.startsWith(outer) ? next.slice(outer.length) : text;
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
    // What is named by its key keeps it, whatever it is called.
    if (reference.by === 'key') continue;
    const renamed = renames.get(toAddress({ customer, target: reference.target ?? target, kind: reference.kind, name: reference.name }));
    if (renamed === undefined) continue;
    const next = parseAddress(renamed).name;
    const replaced = replaceAt(spec, reference.pointer.split('/').slice(1), (text) => respell(text, reference.name, next));
    if (isObject(replaced)) spec = replaced;
  }
  return spec === live.spec ? live : { ...live, spec: kind.canonical(spec) };
}

export function renamesOf(changes: readonly { readonly address: Address; readonly was?: Address }[]): ReadonlyMap<Address, Address> {
  return new Map(changes.flatMap(({ address, was }): [Address, Address][] => (was === undefined ? [] : [[was, address]])).sort(([a], [b]) => compareText(a, b)));
}
