import fc from 'fast-check';
import type { Json, JsonObject } from '#contract';
import { annotationOf, isObject, itemSchema, propertySchema } from '#core/canonical';

const address = fc.constantFrom('192.0.2.7', '192.0.2.7/32', '10.1.2.3/8', '10.0.0.0/8', '2001:DB8::/32', '2001:db8:0::1', 'group:partner', '0.0.0.0/0');
/** Capitals, composed and decomposed umlauts, and letters whose other case has more than one code point. */
const word = fc.string({ unit: fc.constantFrom('a', 'B', 'é', 'e\u0301', 'ß', 'İ', 'ΐ', 'Σ', '1', '-', '/', '~', '@', '.'), maxLength: 6 });

function arbitraryString(schema: JsonObject): fc.Arbitrary<Json> {
  return annotationOf(schema).format === undefined ? word : address;
}

function arbitraryValue(schema: JsonObject): fc.Arbitrary<Json> {
  const choices: unknown = schema['enum'];
  if (Array.isArray(choices)) return fc.constantFrom(...(choices as readonly Json[]));
  const types = [schema['type']].flat();
  const one = types.includes('array') ? fc.array(arbitraryValue(itemSchema(schema)), { maxLength: 5 })
    : types.includes('object') ? arbitrarySpec(schema)
      : types.includes('boolean') ? fc.boolean()
        : types.includes('integer') ? fc.integer({ min: 1, max: 9 })
          : arbitraryString(schema);
  return types.includes('null') ? fc.oneof(one, fc.constant(null)) : one;
}

/** Specs in any spelling, as people and devices write them, after a kind's schema. */
export function arbitrarySpec(schema: JsonObject): fc.Arbitrary<JsonObject> {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? (schema['required'] as readonly Json[]) : [];
  const names = Object.keys(properties);
  return fc.record(
    Object.fromEntries(names.map((name) => [name, arbitraryValue(propertySchema(schema, name))])),
    { requiredKeys: names.filter((name) => required.includes(name)), noNullPrototype: true },
  );
}
