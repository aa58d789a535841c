import type { Json, JsonObject } from '#contract';
import { canonicalAddress, canonicalCidr } from './ip.ts';

/**
 * `x-soll` annotations of a kind's schema:
 * - `order: set` on an array: order means nothing, duplicates are one; sorted by code point (by `key` for objects)
 * - `order: list` (default): order matters
 * - `key` on an array of objects: the field that identifies an item
 * - `case: lower | upper` on a string: the target does not tell cases apart
 * - `complete: true` on an object: a field that is not written means something (any source, no log), so all fields are owned
 * - `format: cidr | ip | endpoint` on a string: one spelling per network or address; an endpoint may also be `group:NAME`
 */
interface Annotation {
  readonly order?: 'set' | 'list';
  readonly key?: string;
  readonly case?: 'lower' | 'upper';
  readonly format?: 'cidr' | 'ip' | 'endpoint';
  readonly complete?: boolean;
}

export function annotationOf(schema: JsonObject | undefined): Annotation {
  const annotation = schema?.['x-soll'];
  // Our own schema files; their shape is tested.
  return isObject(annotation) ? (annotation) : {};
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of what no schema speaks of. One object, so that what is known about it is kept too. */
const nothing: JsonObject = {};

function subSchema(schema: JsonObject, key: 'properties' | 'items', name?: string): JsonObject {
  const holder = schema[key];
  const found = name === undefined ? holder : isObject(holder) ? holder[name] : undefined;
  return isObject(found) ? found : nothing;
}

export function propertySchema(schema: JsonObject, name: string): JsonObject {
  return subSchema(schema, 'properties', name);
}

export function itemSchema(schema: JsonObject): JsonObject {
  return subSchema(schema, 'items');
}

/** Normal in every form, in either case. */
const ascii = /^[\u0000-\u007f]*$/;

function canonicalString(annotation: Annotation, text: string): string {
  if (annotation.case === undefined && annotation.format === undefined) return ascii.test(text) ? text : text.normalize('NFC');
  const normal = text.normalize('NFC');
  // toLowerCase, never toLocaleLowerCase: the machine's language must not change a plan.
  // Normalised again, because the other case of a composed letter may be decomposed (U+0390).
  const cased = (annotation.case === 'lower' ? normal.toLowerCase() : annotation.case === 'upper' ? normal.toUpperCase() : normal).normalize('NFC');
  if (annotation.format === 'ip') return canonicalAddress(cased);
  return annotation.format === undefined ? cased : canonicalCidr(cased);
}

/** By code point, so that no locale changes an order. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function itemKey(annotation: Annotation, item: Json): string {
  const key = annotation.key !== undefined && isObject(item) ? item[annotation.key] : undefined;
  return typeof key === 'string' ? key : JSON.stringify(item);
}

function canonicalArray(schema: JsonObject, items: readonly Json[]): Json {
  const annotation = annotationOf(schema);
  const element = itemSchema(schema);
  const values = items.map((item) => canonicalValue(element, item));
  if (annotation.order !== 'set') return values;
  const byKey = new Map(values.map((value) => [itemKey(annotation, value), value]));
  return [...byKey].sort(([a], [b]) => compareText(a, b)).map(([, value]) => value);
}

function canonicalValue(schema: JsonObject, value: Json): Json {
  if (typeof value === 'string') return canonicalString(annotationOf(schema), value);
  if (Array.isArray(value)) return canonicalArray(schema, value as readonly Json[]);
  return isObject(value) ? canonicalise(schema, value) : value;
}

/**
 * The one spelling of a spec: keys sorted, text in NFC, sets sorted, addresses in their canonical form, defaults of the schema
 * written out. Idempotent. Does not validate; what it does not understand stays as it is.
 */
export function canonicalise(schema: JsonObject, value: JsonObject): JsonObject {
  const defaults = defaultsOf(schema);
  const names = Object.keys(value).filter((name) => (value[name]) !== undefined);
  for (const name of defaults.keys()) if (value[name] === undefined) names.push(name);
  // Without a comparison of its own, sort is by code unit, as compareText.
  return Object.fromEntries(names.sort().map((name) => [name, canonicalValue(propertySchema(schema, name), (value[name]) === undefined ? (defaults.get(name) ?? null) : (value[name]))]));
}

const knownDefaults = new WeakMap<JsonObject, ReadonlyMap<string, Json>>();

/** Looked for once per schema: a fleet has hundreds of thousands of specs and a dozen schemas. Schemas never change. */
function defaultsOf(schema: JsonObject): ReadonlyMap<string, Json> {
  const known = knownDefaults.get(schema);
  if (known !== undefined) return known;
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const found = new Map(Object.entries(properties).flatMap(([name, property]): [string, Json][] => (isObject(property) && property['default'] !== undefined ? [[name, property['default']]] : [])));
  knownDefaults.set(schema, found);
  return found;
}
