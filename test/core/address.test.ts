import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, toAddress } from '#contract';

const part = fc.string({ unit: 'grapheme' });

describe('an address', () => {
  it('gives back what it was made of, and has three slashes whatever the names hold', () => {
    fc.assert(fc.property(part, part, part, part, (customer, target, kind, name) => {
      const address = toAddress({ customer, target, kind, name });
      expect(parseAddress(address)).toEqual({ customer, target, kind, name });
      expect(address).toMatch(/^[^/]*\/[^/]*\/[^/]*\/[^/]*$/);
    }));
  });

  it('is made of printable ASCII, whatever a device calls its objects', () => {
    fc.assert(fc.property(fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)), (name) => {
      expect(toAddress({ customer: 'nord', target: 'fw1', kind: 'zone', name })).toMatch(/^[\w%@.~/-]*$/);
    }));
  });

  it.each([
    { text: 'nord/fw1/zone', because: 'the name is missing' },
    { text: 'nord/fw1/zone/a/b', because: 'a slash in a name is encoded' },
    { text: '', because: 'nothing is no address' },
  ])('$text is none: $because', ({ text }) => {
    expect(() => parseAddress(text)).toThrow(RangeError);
  });
});
