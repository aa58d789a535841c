/** What is added stands where it belongs, and every other byte stays. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { appendEntry, appendItem, EditRefused } from '../../src/edit/append-yaml.ts';

const item = { resource: 'fw/firewall-rule/a', reason: 'Messe', until: '2026-12-04' };
const lines = (indent: string): string => `${indent}- resource: fw/firewall-rule/a\n${indent}  reason: Messe\n${indent}  until: 2026-12-04\n`;

describe('appendItem', () => {
  it.each([
    { because: 'a file that is not there begins with its header', before: undefined, after: `# head\ndeviations:\n${lines('  ')}` },
    { because: 'after the last item, in its indentation', before: 'deviations:\n  - resource: x/y/z\n    reason: "a"\n', after: `deviations:\n  - resource: x/y/z\n    reason: "a"\n${lines('  ')}` },
    { because: 'items that are not indented stay so', before: 'deviations:\n- resource: x/y/z\n', after: `deviations:\n- resource: x/y/z\n${lines('')}` },
    { because: 'comments and odd spacing stay', before: '# top\ndeviations:   # why\n    # first\n    -   resource: x/y/z   # old\n        reason: \'it\'\'s\'\n', after: `# top\ndeviations:   # why\n    # first\n    -   resource: x/y/z   # old\n        reason: 'it''s'\n${lines('    ')}` },
    { because: 'what follows the list still follows', before: 'deviations:\n  - resource: x/y/z\nother: 1\n', after: `deviations:\n  - resource: x/y/z\n${lines('  ')}other: 1\n` },
    { because: 'a missing new line at the end is no obstacle', before: 'deviations:\n  - resource: x/y/z', after: `deviations:\n  - resource: x/y/z\n${lines('  ')}` },
    { because: 'line ends of Windows stay', before: 'deviations:\r\n  - resource: x/y/z\r\n', after: `deviations:\r\n  - resource: x/y/z\r\n${lines('  ').replaceAll('\n', '\r\n')}` },
    { because: 'an empty list is filled', before: '# top\ndeviations: []\n', after: `# top\ndeviations:\n${lines('  ')}` },
  ])('$because', ({ before, after }) => {
    expect(appendItem(before, 'deviations', item, '# head')).toBe(after);
  });

  it.each(['deviations: 7\n', '- a\n', 'a: [\n', 'deviations: {a: 1}\n'])('refuses %j', (text) => {
    expect(() => appendItem(text, 'deviations', item, '')).toThrow(EditRefused);
  });

  it('any text comes back as it was given', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), fc.string({ unit: 'grapheme-ascii', maxLength: 30 }), (reason, ticket) => {
      const text = appendItem('deviations:\n  - resource: x/y/z\n', 'deviations', { reason, ticket }, '');
      expect((parse(text) as { deviations: readonly unknown[] }).deviations[1]).toEqual({ reason, ticket });
    }), { numRuns: 200 });
  });
});

describe('appendEntry', () => {
  const value = { act: 'release', reason: 'Ende: 31.12.' };
  const added = 'offboarding:\n  act: release\n  reason: "Ende: 31.12."\n';
  it.each([
    { because: 'at the end', before: '# top\nname: "A"   # b\n', after: `# top\nname: "A"   # b\n${added}` },
    { because: 'after a line without an end', before: 'name: A', after: `name: A\n${added}` },
  ])('$because', ({ before, after }) => { expect(appendEntry(before, 'offboarding', value)).toBe(after); });

  it.each([{ because: 'what is there already', text: 'name: A\noffboarding:\n  act: remove\n' }, { because: 'a file in one line', text: '{name: A}\n' }, { because: 'what ends in a block of text', text: 'name: A\nnote: |+\n  a\n\n' }])('refuses $because, or reads the same', ({ text }) => {
    let after: string | undefined;
    try {
      after = appendEntry(text, 'offboarding', value);
    } catch (error) {
      expect(error).toBeInstanceOf(EditRefused);
    }
    if (after !== undefined) expect(parse(after)).toEqual({ ...(parse(text) as object), offboarding: value });
    if (!text.includes('|')) expect(after).toBeUndefined();
  });
});
