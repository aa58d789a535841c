/** Where a problem points, to the character: what a technician sees under the line of the file. */
import { describe, expect, test } from 'vitest';
import type { Problem } from '#contract';
import { renderProblems } from '../../src/render/render-problems.ts';
import { displayWidth } from '../../src/render/display-width.ts';
import { plain } from '../../src/render/paint.ts';
import { wordsOf } from '../../src/render/words.ts';
import { edited, errorsOf, load, type Files } from '../harness/desired.ts';

const m365 = (text: string): Files => ({ 'customers/acme/m365.yaml': text });
const head = 'm365:\n  tenant:\n    domains: [acme.example]\n    users:\n';
const long = 'x'.repeat(500);

interface Case {
  readonly because: string;
  readonly files: Files;
  /** All errors as `code line:column`. */
  readonly errors: readonly string[];
  /** The marked line and its caret line. */
  readonly frame: readonly [line: string, caret: string];
}

const cases: readonly Case[] = [
  {
    because: 'an unknown field is marked at its key, whole', files: m365(`${head}      anna@acme.example:\n        displayName: Anna\n        jobTitel: Chefin\n`), errors: ['schema.unknown-field 7:9'],
    frame: ['  7 │         jobTitel: Chefin', '    │         ^^^^^^^^'],
  },
  {
    because: 'a wrong value is marked at the value', files: edited('network.yaml', 'id: 10', 'id: 99999'), errors: ['schema.value 5:13'],
    frame: ['  5 │         id: 99999', '    │             ^^^^^'],
  },
  {
    because: 'a missing field points at the key of the map that lacks it', files: edited('network.yaml', '        id: 10\n', ''), errors: ['schema.missing-field 4:7'],
    frame: ['  4 │       office:', '    │       ^^^^^^'],
  },
  {
    because: 'a missing field of the whole document points at its beginning, not at all of it', files: { 'customers/acme/customer.yaml': 'sites:\n  hq:\n    name: Hauptsitz\n' }, errors: ['schema.missing-field 1:1'],
    frame: ['  1 │ sites:', '    │ ^'],
  },
  {
    because: 'a mistyped required field is one problem, at the typo', files: edited('network.yaml', '        id: 10\n', '        idd: 10\n'), errors: ['schema.unknown-field 5:9'],
    frame: ['  5 │         idd: 10', '    │         ^^^'],
  },
  {
    because: 'two mistakes in one map stay two', files: edited('network.yaml', '        id: 10\n', '        colour: red\n'), errors: ['schema.missing-field 4:7', 'schema.unknown-field 5:9'],
    frame: ['  4 │       office:', '    │       ^^^^^^'],
  },
  {
    because: 'a tab before the place is shown as \\t and the caret counts it so', files: m365(`${head}      anna@acme.example: { displayName: "A\tB", jobTitel: x }\n`), errors: ['schema.unknown-field 5:48'],
    frame: ['  5 │       anna@acme.example: { displayName: "A\\tB", jobTitel: x }', `    │ ${' '.repeat(48)}^^^^^^^^`],
  },
  {
    because: 'wide characters before the place take two columns each', files: m365(`${head}      anna@acme.example: { displayName: 東京支店, jobTitel: x }\n`), errors: ['schema.unknown-field 5:47'],
    frame: ['  5 │       anna@acme.example: { displayName: 東京支店, jobTitel: x }', `    │ ${' '.repeat(displayWidth('      anna@acme.example: { displayName: 東京支店, '))}^^^^^^^^`],
  },
  {
    because: 'a wide key is marked over its whole width', files: m365(`${head}      anna@acme.example:\n        displayName: Anna\n        役職: x\n`), errors: ['schema.unknown-field 7:9'],
    frame: ['  7 │         役職: x', '    │         ^^^^'],
  },
  {
    because: 'an emoji is one character of two code units and two columns', files: m365(`${head}      anna@acme.example: { displayName: 😀, jobTitel: x }\n`), errors: ['schema.unknown-field 5:45'],
    frame: ['  5 │       anna@acme.example: { displayName: 😀, jobTitel: x }', `    │ ${' '.repeat(45)}^^^^^^^^`.replace(' ^', '^')],
  },
  {
    because: 'lines that end with CR LF count as one line each', files: m365(`${head}      anna@acme.example:\n        displayName: Anna\n        jobTitel: Chefin\n`.replaceAll('\n', '\r\n')), errors: ['schema.unknown-field 7:9'],
    frame: ['  7 │         jobTitel: Chefin', '    │         ^^^^^^^^'],
  },
  {
    because: 'of a very long line the part around the place is shown', files: m365(`${head}      anna@acme.example: { displayName: Anna, department: ${long}, jobTitel: x }\n`), errors: ['schema.unknown-field 5:561', 'schema.value 5:59'],
    frame: [`  5 │ …${'x'.repeat(38)}, jobTitel: x }`, `    │ ${' '.repeat(41)}^^^^^^^^`],
  },
  {
    because: 'a list entry is named by its number and its list', files: edited('firewall.yaml', 'members: [198.51.100.0/28]', 'members: [198.51.100.0/28, 7]'), errors: ['schema.type 10:36'],
    frame: ['  10 │         members: [198.51.100.0/28, 7]', '     │                                    ^'],
  },
];

const placed = ({ code, source }: Problem): string => `${code} ${String(source?.line)}:${String(source?.column)}`;

describe('a problem points at its place', () => {
  test.each(cases)('$because', async ({ files, errors, frame }) => {
    const loaded = await load(files);
    const found = errorsOf(loaded);
    expect(found.map(placed).sort()).toEqual([...errors].sort());
    const first = found.find((problem) => placed(problem) === errors[0]);
    const shown = renderProblems({ problems: first === undefined ? [] : [first], texts: loaded.texts, paint: plain, words: wordsOf('en') }).split('\n');
    const at = shown.indexOf(frame[0]);
    expect(at === -1 ? shown : shown[at]).toEqual(frame[0]);
    expect(shown[at + 1]).toBe(frame[1]);
  });

  test('a mistyped required field says what was meant', async () => {
    const [problem] = errorsOf(await load(edited('network.yaml', '        id: 10\n', '        idd: 10\n')));
    expect(problem?.hint).toBe('did you mean id?');
  });
});

describe('columns of a terminal', () => {
  test.each([
    { text: 'abc', columns: 3, because: 'letters' }, { text: 'äöü', columns: 3, because: 'letters with marks' }, { text: 'a\u0308', columns: 1, because: 'a mark of its own takes none' },
    { text: '東京', columns: 4, because: 'ideographs take two' }, { text: 'ｆｗ', columns: 4, because: 'full-width letters take two' }, { text: '😀', columns: 2, because: 'emoji take two' }, { text: '→…│✓', columns: 4, because: 'our own signs take one' },
  ])('$because', ({ text, columns }) => { expect(displayWidth(text)).toBe(columns); });
});
