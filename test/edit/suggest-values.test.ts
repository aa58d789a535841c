import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { overlaps, parseCidr } from '#core/ip';
import { asciiName, mostUsed, suggestGateway, suggestSignIn, suggestSubnet, suggestVlanId } from '../../src/edit/suggest-values.ts';

describe('suggestions', () => {
  test.each([
    ['Jürgen', 'Groß', [], 'juergen.gross@a.example'],
    ['Anna Maria', 'Özdemir-Weiß', [], 'anna-maria.oezdemir-weiss@a.example'],
    ['Zoë', 'Ångström', [], 'zoe.aangstroem@a.example'],
    ['Jo\u0308rg', 'Lutz', ['JOERG.LUTZ@a.example'], 'joerg.lutz2@a.example'],
    ['Łukasz', '', [], 'lukasz@a.example'],
  ] as const)('%s %s', (given, surname, taken, name) => {
    expect(suggestSignIn(given, surname, 'a.example', taken)).toBe(name);
  });
  test('ids go on in tens, and fill the gaps when there is no room above', () => {
    expect(suggestVlanId([])).toBe(10);
    expect(suggestVlanId([10, 20, 41])).toBe(50);
    expect(suggestVlanId([2, 3, 4094])).toBe(4);
    expect(suggestVlanId(Array.from({ length: 4093 }, (_, index) => index + 2))).toBeUndefined();
  });
  test('a network looks like its neighbours and overlaps with none', () => {
    expect(suggestSubnet(60, ['172.20.10.0/24'], ['172.20.10.0/24'])).toBe('172.20.60.0/24');
    expect(suggestSubnet(60, ['172.20.10.0/24'], ['172.20.10.0/24', '172.20.48.0/20'])).toBe('172.20.64.0/24');
    expect(suggestSubnet(1000, [], [])).toBe('192.168.235.0/24');
    fc.assert(fc.property(fc.integer({ min: 2, max: 4094 }), fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 30 }), (id, thirds) => {
      const taken = thirds.map((third) => `192.168.${String(third)}.0/24`);
      const found = parseCidr(suggestSubnet(id, taken, taken) ?? '');
      expect(found).toBeDefined();
      if (found !== undefined) expect(taken.some((each) => overlaps(found, parseCidr(each) ?? found))).toBe(false);
    }));
  });
  test('small things', () => {
    expect(suggestGateway('192.168.60.0/24')).toBe('192.168.60.1');
    expect(suggestGateway('2001:db8::/64')).toBeUndefined();
    expect(mostUsed(['a', 'b', 'b'])).toBe('b');
    expect(mostUsed([])).toBeUndefined();
    expect(asciiName('--Team „Süd“!')).toBe('team-sued');
  });
});
