import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '#contract';
import { annotationOf, canonicalise, isObject, itemSchema, propertySchema } from '#core/canonical';
import { canonicalJson } from '#core/canonical-json';
import { kinds } from '#kinds/registry';
import { arbitrarySpec } from './arbitrary-spec.ts';

const schema: JsonObject = {
  type: 'object',
  properties: {
    tags: { type: 'array', 'x-soll': { order: 'set' }, items: { type: 'string' } },
    order: { type: 'array', 'x-soll': { order: 'list' }, items: { type: 'string' } },
    name: { type: 'string', 'x-soll': { case: 'lower' } },
    plan: { type: 'string', 'x-soll': { case: 'upper' } },
    network: { type: 'string', 'x-soll': { format: 'cidr' } },
    host: { type: 'string', 'x-soll': { format: 'ip' } },
    log: { type: 'boolean', default: false },
    items: { type: 'array', 'x-soll': { order: 'set', key: 'id' }, items: { type: 'object', properties: { id: { type: 'string', 'x-soll': { case: 'upper' } }, off: { type: 'array', default: [], 'x-soll': { order: 'set' }, items: { type: 'string' } } } } },
  },
};

describe('canonicalise', () => {
  it.each<{ because: string; given: JsonObject; expected: JsonObject }>([
    { because: 'a set is sorted and holds each item once', given: { tags: ['b', 'a', 'b'] }, expected: { log: false, tags: ['a', 'b'] } },
    { because: 'a set is sorted by code point, not by a language', given: { tags: ['ä', 'z', 'Z'] }, expected: { log: false, tags: ['Z', 'z', 'ä'] } },
    { because: 'a list keeps its order and its duplicates', given: { order: ['b', 'a', 'b'] }, expected: { log: false, order: ['b', 'a', 'b'] } },
    { because: 'where the target does not tell cases apart, one counts', given: { name: 'Anna', plan: 'spb' }, expected: { log: false, name: 'anna', plan: 'SPB' } },
    { because: 'composed and decomposed text is the same text', given: { name: 'mu\u0308ller' }, expected: { log: false, name: 'm\u00fcller' } },
    { because: 'capitals of two code points are composed again', given: { plan: '\u03b0' }, expected: { log: false, plan: '\u03ab\u0301' } },
    { because: 'a network loses its host bits', given: { network: '10.1.2.3/8' }, expected: { log: false, network: '10.0.0.0/8' } },
    { because: 'a host is spelled as in RFC 5952', given: { host: '2001:DB8:0::1' }, expected: { host: '2001:db8::1', log: false } },
    { because: 'what is written beats the default', given: { log: true }, expected: { log: true } },
    { because: 'null means cleared and is not filled with a default', given: { log: null }, expected: { log: null } },
    { because: 'keyed items are one per key in any case, with their own defaults', given: { items: [{ id: 'b' }, { id: 'a', off: ['y', 'x'] }, { id: 'B' }] }, expected: { items: [{ id: 'A', off: ['x', 'y'] }, { id: 'B', off: [] }], log: false } },
    { because: 'what the schema does not know stays as it is', given: { other: { deep: ['B', 'a'] } }, expected: { log: false, other: { deep: ['B', 'a'] } } },
  ])('$because', ({ given, expected }) => {
    expect(canonicalise(schema, given)).toEqual(expected);
    expect(Object.keys(canonicalise(schema, given))).toEqual(Object.keys(expected).sort());
  });

  it('is idempotent for every letter in every case', () => {
    for (let code = 0x20; code < 0xd800; code += 1) {
      const text = String.fromCharCode(code);
      const once = canonicalise(schema, { name: text, plan: text });
      expect(canonicalise(schema, once), `U+${code.toString(16)}`).toEqual(once);
    }
  });
});

function shuffleSets(shape: JsonObject, value: Json): Json {
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => shuffleSets(itemSchema(shape), item));
    return annotationOf(shape).order === 'set' ? items.reverse() : items;
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, item]) => [name, shuffleSets(propertySchema(shape, name), item)]));
}

describe.each([...kinds])('kind %s', (_name, kind) => {
  it('has one canonical form: idempotent, whatever the spelling', () => {
    fc.assert(fc.property(arbitrarySpec(kind.schema), (spec) => {
      const once = kind.canonical(spec);
      expect(canonicalJson(kind.canonical(once))).toBe(canonicalJson(once));
    }));
  });

  it('does not depend on the order of keys and of what is a set', () => {
    fc.assert(fc.property(arbitrarySpec(kind.schema), (spec) => {
      const once = kind.canonical(spec);
      const shuffled = shuffleSets(kind.schema, once);
      expect(isObject(shuffled) && canonicalJson(kind.canonical(shuffled))).toBe(canonicalJson(once));
    }));
  });

  it('adds nothing that was not written but defaults of the schema', () => {
    fc.assert(fc.property(arbitrarySpec(kind.schema), (spec) => {
      const added = Object.keys(kind.canonical(spec)).filter((field) => !(field in spec));
      expect(added.filter((field) => propertySchema(kind.schema, field)['default'] === undefined)).toEqual([]);
    }));
  });
});
