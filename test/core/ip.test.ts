import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAddress, canonicalCidr, contains, hasHostBits, overlaps, parseCidr, type Cidr } from '#core/ip';

const octet = fc.integer({ min: 0, max: 255 });
const ipv4Network = fc.tuple(fc.array(octet, { minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 32 })).map(([bytes, prefix]) => `${bytes.join('.')}/${String(prefix)}`);
const ipv6Network = fc.tuple(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }), fc.integer({ min: 0, max: 128 }))
  .map(([groups, prefix]) => `${groups.map((group) => group.toString(16)).join(':')}/${String(prefix)}`);
const network = fc.oneof(ipv4Network, ipv6Network);

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`not a network: ${text}`);
  return parsed;
}

describe('canonicalCidr', () => {
  it.each([
    { text: '192.0.2.7/32', expected: '192.0.2.7', because: 'a host has no prefix' },
    { text: '2001:db8::1/128', expected: '2001:db8::1', because: 'a host has no prefix in IPv6 either' },
    { text: '192.0.2.7/24', expected: '192.0.2.0/24', because: 'host bits are cleared' },
    { text: '10.1.2.3/12', expected: '10.0.0.0/12', because: 'a prefix may end inside a byte' },
    { text: '10.1.2.3/0', expected: '0.0.0.0/0', because: 'any has one spelling' },
    { text: '2001:DB8:0:0:0:0:0:0/32', expected: '2001:db8::/32', because: 'RFC 5952: lower case, longest run of zeros short' },
    { text: '2001:db8:0:1:0:0:0:1', expected: '2001:db8:0:1::1', because: 'RFC 5952 section 4.2.3: the longest run is the short one' },
    { text: '::1.2.3.4', expected: '::102:304', because: 'IPv4 in the tail is a spelling (inet_ntop uses it), not the mapped range' },
    { text: '::ffff:1.2.3.4', expected: '::ffff:1.2.3.4', because: 'an IPv4 address in disguise is no address here' },
    { text: '::ffff:01.2.3.4', expected: '::ffff:01.2.3.4', because: 'a leading zero in the tail is octal to some readers' },
    { text: ' 192.0.2.7 ', expected: '192.0.2.7', because: 'space around means nothing' },
    { text: 'group:partner', expected: 'group:partner', because: 'a name stays as it is' },
    { text: 'fe80::1%eth0', expected: 'fe80::1%eth0', because: 'a zone index means something on one machine only' },
  ])('$text -> $expected: $because', ({ text, expected }) => {
    expect(canonicalCidr(text)).toBe(expected);
  });

  it('is idempotent, has no host bits and covers what was written', () => {
    fc.assert(fc.property(network, (text) => {
      const once = canonicalCidr(text);
      expect(canonicalCidr(once)).toBe(once);
      expect(hasHostBits(cidr(once))).toBe(false);
      expect(contains(cidr(once), cidr(text))).toBe(true);
    }));
  });

  it('never throws and is idempotent on any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(canonicalCidr(canonicalCidr(text))).toBe(canonicalCidr(text));
      expect(canonicalAddress(canonicalAddress(text))).toBe(canonicalAddress(text));
    }));
  });
});

describe('parseCidr', () => {
  it.each([
    { text: '010.0.0.1', because: 'a leading zero is octal to some readers and decimal to others' },
    { text: '10.1', because: 'the short spelling of inet_aton is a trap' },
    { text: '0x7f000001', because: 'hexadecimal is no dotted quad' },
    { text: '192.0.2.256', because: 'a byte ends at 255' },
    { text: '192.0.2.0/33', because: 'IPv4 has 32 bits' },
    { text: '2001:db8::/129', because: 'IPv6 has 128 bits' },
    { text: '192.0.2.0/024', because: 'a prefix with a leading zero is no number that a person means' },
    { text: '192.0.2.0/', because: 'a prefix must be there when the slash is' },
    { text: '192.0.2.0/24/24', because: 'there is one prefix' },
    { text: '192.0.2.0/255.255.255.0', because: 'a mask is no prefix' },
    { text: 'fe80::1%eth0', because: 'a zone index is not portable' },
    { text: '', because: 'nothing is no address' },
  ])('refuses $text: $because', ({ text }) => {
    expect(parseCidr(text)).toBeUndefined();
  });
});

describe('contains and overlaps', () => {
  it.each([
    { outer: '10.0.0.0/8', inner: '10.200.0.0/16', expected: true, because: 'a smaller network in a larger one' },
    { outer: '10.0.0.0/8', inner: '10.0.0.0/8', expected: true, because: 'a network contains itself' },
    { outer: '10.0.0.0/16', inner: '10.0.0.0/8', expected: false, because: 'never the other way round' },
    { outer: '0.0.0.0/0', inner: '2001:db8::/32', expected: false, because: 'families are apart' },
    { outer: '192.0.2.64/26', inner: '192.0.2.63', expected: false, because: 'the neighbour is outside' },
    { outer: '192.0.2.64/26', inner: '192.0.2.127', expected: true, because: 'the last address is inside' },
  ])('$outer over $inner is $expected: $because', ({ outer, inner, expected }) => {
    expect(contains(cidr(outer), cidr(inner))).toBe(expected);
  });

  it('overlap is symmetric and networks never overlap in part', () => {
    fc.assert(fc.property(network, network, (a, b) => {
      expect(overlaps(cidr(a), cidr(b))).toBe(overlaps(cidr(b), cidr(a)));
      expect(overlaps(cidr(a), cidr(b))).toBe(contains(cidr(a), cidr(b)) || contains(cidr(b), cidr(a)));
    }));
  });
});
