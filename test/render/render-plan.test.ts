import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toAddress, type Address, type Problem } from '#contract';
import type { LogEntry } from '#core/audit-record';
import type { FieldDiff, Plan, RunResult } from '#core/model';
import { ansi, plain } from '../../src/render/paint.ts';
import { renderLog, renderLogMarkdown, renderVerification } from '../../src/render/render-log.ts';
import { renderDrift, renderPlan, type View } from '../../src/render/render-plan.ts';
import { renderPlanMarkdown } from '../../src/render/render-plan-markdown.ts';
import { renderAnnotations, renderProblems } from '../../src/render/render-problems.ts';
import { renderRun } from '../../src/render/render-run.ts';
import { wordsOf } from '../../src/render/words.ts';
import { cellsOf, outsideCode } from './read-markdown.ts';

const en: View = { paint: plain, words: wordsOf('en'), language: 'en', width: Number.POSITIVE_INFINITY };
const digest = `sha256:${'a'.repeat(64)}`;

/** One plan in which `text` stands everywhere that a device or a file can put a text. */
function planOf(text: string): Plan {
  const address = (name: string): Address => toAddress({ customer: text, target: text, kind: text, name: `${name}${text}` });
  const fields: readonly FieldDiff[] = [
    { path: `/${text.replaceAll('~', '~0').replaceAll('/', '~1')}`, op: 'replace', before: text, after: [text, { [text]: text }] },
    { path: '/list/item', op: 'add', after: text }, { path: '/list/item', op: 'remove', before: { $secret: text } }, { path: '/order/x', op: 'move', from: 0, to: 2 },
  ];
  const change = { verb: 'update', address: address('a'), was: address('b'), reason: 'drift', before: {}, after: {} } as const;
  return {
    formatVersion: '1.0', tool: 'soll', customer: text, commit: '', digest, transitionDigest: digest, risk: 'high',
    targets: [{
      target: text, provider: 'firewall', status: 'blocked', why: text, atomicity: 'confirmed', guard: 'guarded', compared: 3,
      batches: [{ id: 'x/build', target: text, phase: 'build', changes: [change], result: [], after: [], atomicity: 'confirmed' }],
      changes: [{ address: change.address, risk: 'high', impact: { en: text, de: text }, fields }],
      ledgerOnly: [{ verb: 'adopt', address: address('c'), reason: 'adopted', after: {} }],
      findings: [{ kind: 'foreign', address: address('d') }, { kind: 'drift', address: address('e') }],
    }],
    leaves: [{ digest, transition: digest, target: text, batch: 'x/build', unit: 'batch', addresses: [change.address], after: [] }],
    summary: { create: 0, update: 1, delete: 0, adopt: 1, release: 0, drift: 1, conflict: 0, findings: 2, targets: 1, unreachable: 0 },
    problems: [{ code: 'x.y', severity: 'warning', message: text, hint: text }],
  };
}

function runOf(text: string): RunResult {
  const address = toAddress({ customer: text, target: text, kind: text, name: text });
  return {
    customer: text, run: 'r1', digest, recorded: false, stale: [{ leaf: digest, addresses: [address], why: 'changed since it was approved' }],
    targets: [{ target: text, verdict: 'partial', why: text, changes: [{ address, verb: 'update', reason: 'changed', leaf: digest, outcome: { status: 'rejected', code: 'x', why: text } }] }],
  };
}

function logOf(text: string): LogEntry {
  const address = toAddress({ customer: text, target: text, kind: text, name: text });
  return {
    customer: text, run: text, at: text, commit: text, author: text, subject: text, operator: text, digest: text, fence: 1, recoveredBy: text,
    approvals: [{ digest, approver: text, method: 'cli', at: '' }], targets: [{ target: text, verdict: 'open', why: text }],
    changes: [{ address, verb: 'delete', reason: 'removed', outcome: { status: 'unknown', why: text } }],
  };
}

function problemOf(text: string): Problem {
  const source = { file: text, line: 1, column: 3, endLine: 1, endColumn: 9 };
  return { code: text, severity: 'error', message: text, hint: text, source, related: [{ message: text, source }] };
}

/** Texts that try to get out; some part of each is a letter, so that no place is empty. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('`', '``', '|', '\\', '\n', '\r\n', '<br>', '<', '&', '@', '[x](y)', '*', '_', '#', '\u001b[2J', '\u009b', '\u202e', '/', '~', '::error::', '%0A', '\u2028') }),
).map((text) => `x${text.replaceAll(/\p{Cs}/gu, '')}x`);

const terminal: readonly (readonly [string, (text: string, view: View) => string])[] = [
  ['plan', (text, view) => renderPlan(planOf(text), view)],
  ['drift', (text, view) => renderDrift(planOf(text), view)],
  ['run', (text, view) => renderRun(runOf(text), view)],
  ['log', (text, view) => renderLog([logOf(text)], view)],
  ['verification', (text, view) => renderVerification([{ customer: text, records: 1, runs: 1, head: text, problems: [problemOf(text)] }], view)],
  ['problems', (text, { paint, words }) => renderProblems({ problems: [problemOf(text)], texts: new Map([[text, text.split(/[\n\r]/)[0] ?? '']]), paint, words })],
];

describe.each(terminal)('%s on a terminal', (_name, render) => {
  it('has the same lines and colours whatever the texts are, and obeys none of them', () => {
    const benign = render('xx', en).split('\n').length;
    const colours = render('xx', { ...en, paint: ansi }).match(/\u001b\[\d+m/g);
    fc.assert(fc.property(hostile, (text) => {
      const painted = render(text, { ...en, paint: ansi });
      expect(painted.match(/\u001b\[\d+m/g)).toEqual(colours);
      const shown = painted.replaceAll(/\u001b\[\d+m/g, '');
      expect(shown.split('\n').length).toBe(benign);
      expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }));
  });
});

describe('a plan on a terminal', () => {
  it('cuts long lines at the width and never in the middle of a character', () => {
    fc.assert(fc.property(fc.integer({ min: 40, max: 120 }), fc.nat(3), (width, shift) => {
      const shown = renderPlan({ ...planOf('x'), targets: planOf('x'.repeat(shift) + '😀'.repeat(100)).targets }, { ...en, width });
      expect(shown).not.toMatch(/\p{Cs}/u);
      expect(shown.split('\n').filter((line) => line.startsWith('        ~')).every((line) => line.length <= width)).toBe(true);
    }));
  });

  it.each([
    { language: 'en' as const, expected: ['update', 'drift: changed on the device', 'x → x, { x: x }', '1 → 3', 'secret x', 'HIGH', `--approve ${digest}`], because: 'English' },
    { language: 'de' as const, expected: ['ändern', 'Drift: am Gerät geändert', 'x → x, { x: x }', '1 → 3', 'HOCH', `--approve ${digest}`], because: 'German' },
  ])('says what, why, what it means and how to approve it: $because', ({ language, expected }) => {
    const shown = renderPlan(planOf('x'), { ...en, language, words: wordsOf(language) });
    for (const part of expected) expect(shown).toContain(part);
  });

  it('of nothing is one sentence', () => {
    expect(renderPlan({ ...planOf('x'), targets: [], leaves: [] }, en)).toBe('x\n  No changes: what is there is as written.');
  });
});

describe('a plan for a pull request', () => {
  it('has the same lines, cells and tags whatever the texts are', () => {
    const lines = (text: string): readonly string[] => renderPlanMarkdown(planOf(text), en.words, 'en').split('\n');
    const shape = (text: string): readonly string[] => lines(text).map((line) => `${/^[#|<-]*/.exec(line)?.[0] ?? ''} ${line.startsWith('|') ? String(cellsOf(line).length) : ''} ${(outsideCode(line).match(/<[^>]*>?/g) ?? []).join('')}`);
    const benign = shape('xx');
    fc.assert(fc.property(hostile, (text) => {
      expect(shape(text)).toEqual(benign);
      // Each cell is read by itself: no code span of one may reach into the next.
      const outside = lines(text).flatMap((line) => (line.startsWith('|') ? cellsOf(line) : [line])).map(outsideCode).join('\n').replaceAll(/\\[!-/:-@[-`{-~]/g, '');
      expect(outside).not.toMatch(/`|\]\(|@(?!\u200d)/);
    }));
  });
});

describe('the log for a document', () => {
  it('has the same rows and cells whatever the texts are', () => {
    fc.assert(fc.property(hostile, (text) => {
      const rows = renderLogMarkdown([logOf(text), logOf('x')], en.words).split('\n');
      expect(rows.map((row) => cellsOf(row).length)).toEqual([7, 7, 7, 7]);
      expect((rows.join('').match(/<[^>]*>?/g) ?? []).every((tag) => tag === '<br>')).toBe(true);
    }));
  });
});

describe('annotations of a workflow', () => {
  it('are one command a line, whatever the texts are', () => {
    fc.assert(fc.property(hostile, (text) => {
      const shown = renderAnnotations([problemOf(text), problemOf('x')]);
      const lines = shown.split('\n');
      expect(lines).toHaveLength(2);
      expect(lines[0]).toMatch(/^::error file=[^,:]*,line=1,col=3,endLine=1,endColumn=9,title=[^,:]*::/);
      expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
    }));
  });

  it.each([
    { severity: 'error' as const, expected: '::error title=a.b::100%25 wrong', because: 'a per cent sign is not an escape' },
    { severity: 'info' as const, expected: '::notice title=a.b::100%25 wrong', because: 'GitHub calls a note a notice' },
  ])('$because', ({ severity, expected }) => {
    expect(renderAnnotations([{ code: 'a.b', severity, message: '100% wrong' }])).toBe(expected);
  });
});

describe('a problem', () => {
  it('points at its place in the file', () => {
    const problem: Problem = { code: 'yaml.unknown-key', severity: 'error', message: 'unknown key', hint: 'remove it', source: { file: 'a.yaml', line: 2, column: 3, endLine: 2, endColumn: 6 } };
    expect(renderProblems({ problems: [problem], texts: new Map([['a.yaml', 'one:\n  foo: 1\nend: 2\n']]), paint: plain, words: en.words })).toBe([
      'a.yaml:2:3 error unknown key [yaml.unknown-key]', '  1 │ one:', '  2 │   foo: 1', '    │   ^^^', '  3 │ end: 2', '  mend: remove it',
    ].join('\n'));
  });
});
