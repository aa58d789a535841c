import type { Reference } from '#contract';

/** References from a list of names, each at its place. `prefix`: only texts that start with it count, without it. */
export function nameReferences(kind: string, field: string, names: readonly string[] | undefined, prefix = ''): Reference[] {
  return (names ?? []).flatMap((name, index) =>
    name.startsWith(prefix) ? [{ kind, name: name.slice(prefix.length), pointer: `/${field}/${String(index)}` }] : [],
  );
}

/** `self` is the device and needs no zone. */
export function zoneReference(field: string, name: string): Reference[] {
  return name === 'self' ? [] : [{ kind: 'zone', name, pointer: `/${field}` }];
}
