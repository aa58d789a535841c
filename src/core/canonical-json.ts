import type { Json, JsonObject } from '#contract';

/**
 * RFC 8785 spelling for our data (keys by UTF-16 code unit, no spaces): same value, same bytes. Throws TypeError on a value that is
 * not JSON, so that a NaN or `undefined` can never stand in something that is signed.
 */
export function canonicalJson(value: Json | undefined): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('not a JSON number');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`not JSON: ${typeof value}`);
  const entries = Object.entries(value).filter(([, item]) => (item as Json | undefined) !== undefined);
  return `{${entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

/** The same bytes in canonical spelling, without spelling them. */
export function equalJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => equalJson(item as Json, b[index] as Json));
  return !Array.isArray(b) && equalObjects(a as JsonObject, b as JsonObject);
}

/** A key without a value is as good as none. */
function equalObjects(a: JsonObject, b: JsonObject): boolean {
  const names = Object.keys(a).filter((name) => (a[name]) !== undefined);
  const others = Object.keys(b).filter((name) => (b[name]) !== undefined);
  return names.length === others.length && names.every((name) => Object.hasOwn(b, name) && equalJson(a[name], b[name]));
}
