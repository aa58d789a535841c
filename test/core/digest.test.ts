import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '#contract';
import { canonicalJson, equalJson } from '#core/canonical-json';
import { merkleRoot } from '#core/merkle-root';
import { sha256 } from '#core/sha256';

const digests = fc.uniqueArray(fc.string().map(sha256), { maxLength: 12 });

describe('sha256', () => {
  it('is the function of FIPS 180-4 over UTF-8 (its test vector "abc")', () => {
    expect(sha256('abc')).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('merkleRoot', () => {
  it('does not depend on the order of the leaves', () => {
    fc.assert(fc.property(digests.chain((leaves) => fc.tuple(fc.constant(leaves), fc.shuffledSubarray(leaves, { minLength: leaves.length }))), ([leaves, shuffled]) => {
      expect(merkleRoot(shuffled)).toBe(merkleRoot(leaves));
    }));
  });

  it('differs when any leaf is added, taken away or exchanged', () => {
    fc.assert(fc.property(digests, fc.string({ minLength: 1 }).map((text) => sha256(`other ${text}`)), (leaves, other) => {
      const variants = [[...leaves, other], ...leaves.map((leaf) => leaves.filter((each) => each !== leaf)), ...leaves.map((leaf) => leaves.map((each) => (each === leaf ? other : each)))];
      expect(variants.map(merkleRoot)).not.toContain(merkleRoot(leaves));
    }));
  });

  const [a, b, c] = [sha256('a'), sha256('b'), sha256('c')].sort();
  it.each([
    { because: 'nothing at all has a root of its own', one: [], other: [''] },
    { because: 'a leaf is not its own root', one: [a ?? ''], other: [merkleRoot([a ?? ''])] },
    { because: 'an inner node never passes for a leaf', one: [a ?? '', b ?? '', c ?? ''], other: [merkleRoot([a ?? '', b ?? '']), c ?? ''] },
    { because: 'a text that looks like an inner node is still a leaf', one: [a ?? '', b ?? ''], other: [`${merkleRoot([a ?? ''])}\n${merkleRoot([b ?? ''])}`] },
    { because: 'a leaf twice is not a leaf once', one: [a ?? ''], other: [a ?? '', a ?? ''] },
    { because: 'the last leaf of an odd number is not doubled', one: [a ?? '', b ?? '', c ?? ''], other: [a ?? '', b ?? '', c ?? '', c ?? ''] },
  ])('$because', ({ one, other }) => {
    expect(merkleRoot(one)).not.toBe(merkleRoot(other));
  });
});

describe('canonicalJson', () => {
  it.each<{ because: string; value: Json; expected: string }>([
    { because: 'keys are sorted by UTF-16 code unit (RFC 8785 section 3.2.3)', value: { '\u20ac': 1, '\r': 2, '1': 3, '\u{1f600}': 4, '\ufb33': 5 }, expected: '{"\\r":2,"1":3,"\u20ac":1,"\u{1f600}":4,"\ufb33":5}' },
    { because: 'no spaces at any depth', value: { b: [1, { a: null }], a: true }, expected: '{"a":true,"b":[1,{"a":null}]}' },
    { because: 'minus zero is zero', value: -0, expected: '0' },
    { because: 'numbers are spelled as ECMAScript spells them', value: [1e21, 0.1, 100], expected: '[1e+21,0.1,100]' },
  ])('$because', ({ value, expected }) => {
    expect(canonicalJson(value)).toBe(expected);
  });

  it('spells the same value the same and reads back as it was', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const data = JSON.parse(JSON.stringify(value)) as Json;
      const text = canonicalJson(data);
      expect(JSON.parse(text)).toEqual(data);
      expect(canonicalJson(JSON.parse(text) as Json)).toBe(text);
      expect(equalJson(data, JSON.parse(text) as Json)).toBe(true);
    }));
  });

  it.each([
    { because: 'not a number is not JSON', value: Number.NaN },
    { because: 'infinity is not JSON', value: [Number.POSITIVE_INFINITY] },
    { because: 'nothing is not JSON, so it can never be signed', value: undefined },
  ])('throws: $because', ({ value }) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
  });

  it('knows "not there" from null', () => {
    expect(equalJson(undefined, null)).toBe(false);
    expect(equalJson(undefined, undefined)).toBe(true);
  });
});
