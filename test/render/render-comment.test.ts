import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, toAddress, type Change, type JsonObject, type Reason, type RiskLevel, type Verb } from '#contract';
import type { Plan, PlannedChange, TargetPlan } from '#core/model';
import { codeSpan } from '../../src/render/escape-markdown.ts';
import { commentBudget, renderComment, summaryBudget, type CommentInput } from '../../src/render/render-comment.ts';
import { cellsOf, outsideCode } from './read-markdown.ts';

const digest = `sha256:${'a1'.repeat(32)}`;

interface Sketch { readonly target?: string; readonly kind?: string; readonly name: string; readonly verb?: Verb; readonly reason?: Reason; readonly risk?: RiskLevel; readonly text?: string; readonly before?: JsonObject; readonly after?: JsonObject }

function planOf(customer: string, sketches: readonly Sketch[], extra: Partial<Plan> = {}, target: Partial<TargetPlan> = {}): Plan {
  const names = [...new Set(sketches.map((each) => each.target ?? 'fw'))];
  const made = sketches.map((each) => {
    const address = toAddress({ customer, target: each.target ?? 'fw', kind: each.kind ?? 'vlan', name: each.name });
    const change: Change = { verb: each.verb ?? 'update', address, reason: each.reason ?? 'changed', before: each.before ?? {}, after: each.after ?? {} };
    const planned: PlannedChange = { address, risk: each.risk ?? 'low', impact: { en: each.text ?? each.name, de: each.text ?? each.name }, fields: [{ path: '/x', op: 'replace', before: each.text ?? 'a', after: each.text ?? 'b' }] };
    return { change, planned, target: each.target ?? 'fw' };
  });
  const verbs = (verb: Verb): number => made.filter(({ change }) => change.verb === verb).length;
  const order: readonly RiskLevel[] = ['critical', 'high', 'medium', 'low'];
  return {
    formatVersion: '1.0', tool: 'soll', customer, commit: 'c'.repeat(40), digest, transitionDigest: digest, risk: order.find((risk) => made.some(({ planned }) => planned.risk === risk)) ?? 'low',
    targets: names.map((name) => {
      const own = made.filter((each) => each.target === name);
      return {
        target: name, provider: 'x', status: 'ready', atomicity: 'object', guard: 'not-needed', compared: 1, ledgerOnly: [], findings: [],
        batches: [{ id: `${name}/build`, target: name, phase: 'build', changes: own.map(({ change }) => change), result: [], after: [], atomicity: 'object' }], changes: own.map(({ planned }) => planned), ...target,
      };
    }),
    leaves: made.map(({ change }) => ({ digest, transition: digest, target: 'fw', batch: 'x', unit: 'change', addresses: [change.address], after: [] })),
    summary: { create: verbs('create'), update: verbs('update'), delete: verbs('delete'), adopt: 0, release: 0, drift: made.filter(({ change }) => change.reason === 'drift').length, conflict: 0, findings: 0, targets: names.length, unreachable: 0 },
    problems: [], ...extra,
  };
}

function inputOf(plans: readonly Plan[], extra: Partial<CommentInput> = {}): CommentInput {
  return { plans, problems: [], marker: '<!-- soll:plan -->', head: 'c'.repeat(40), base: 'b'.repeat(40), asOf: '2026-11-24T12:00:00.000Z', language: 'en', reviews: true, whole: 'plan.json of this run', ...extra };
}

/** Each cell and line by itself, as GitHub reads them: no code span reaches further. */
function outside(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => (line.startsWith('|') ? cellsOf(line) : [line])).map(outsideCode);
}

/** Opened and closed in order, nothing but what we write, no mention, no link, no fence. */
function expectClosed(text: string): void {
  const [first = '', ...rest] = text.split('\n');
  expect(first).toBe('<!-- soll:plan -->');
  const parts = outside(rest.join('\n'));
  const open: string[] = [];
  for (const tag of parts.flatMap((part) => part.match(/<[^>]*>?/g) ?? [])) {
    expect(['<details>', '</details>', '<summary>', '</summary>', '<b>', '</b>', '<br>']).toContain(tag);
    if (tag.startsWith('</')) expect(`</${open.pop() ?? ''}>`).toBe(tag);
    else if (tag !== '<br>') open.push(tag.slice(1, -1));
  }
  expect(open).toEqual([]);
  const plain = parts.join('\n').replaceAll(/&#\d+;/g, '').replaceAll(/\\[!-/:-@[-`{-~]/g, '');
  expect(plain).not.toMatch(/`|\]\(|@(?!\u200d)|(?:https?|ftp):\/\/|www\.[a-z]|#\d/i);
  for (const line of rest) {
    expect(line).toMatch(/^(?:$|## |### |- |\||> |\*|<details><summary>|<\/details>|… \d|\d+ |as of |Stand |No |Keine |Bei |Nothing |The |Freigegeben |Licences|Lizenzen|People|Betroffene|How to approve: |So wird freigegeben: |Taken over|Let go|Unber)/);
    if (line.startsWith('|')) expect([4, 9]).toContain(cellsOf(line).length);
  }
}

const hostileUnit = fc.constantFrom('`', '``', '```', '|', '\\', '\n', '\r\n', '</details>', '<details>', '<!--', '-->', '<script>', '<', '&', '@team', '#12', '[x](https://evil.example)', '![', '*', '_', '~~~', '\u001b[2J', '\u202e', '::error::', 'https://evil.example', '\u2028', '$', ' ', 'a', 'ü');
const hostile = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: hostileUnit, maxLength: 12 })).map((text) => `x${text.replaceAll(/\p{Cs}/gu, '')}x`);

const sketch: fc.Arbitrary<Sketch> = fc.record({
  target: fc.constantFrom('fw', 'tenant', 'sw-1'), kind: fc.constantFrom('vlan', 'user', 'firewall-rule'), name: hostile, text: hostile,
  verb: fc.constantFrom<Verb>('create', 'update', 'update', 'update', 'delete'), reason: fc.constantFrom<Reason>('changed', 'drift', 'conflict', 'new'), risk: fc.constantFrom<RiskLevel>('low', 'low', 'low', 'medium', 'high', 'critical'),
});

/** Names are made different, so that each can be looked for. */
function distinct(plans: readonly (readonly Sketch[])[]): readonly Plan[] {
  return plans.map((sketches, customer) => planOf(`kunde-${String(customer)}`, sketches.map((each, index) => ({ ...each, name: `${each.name}${String(customer)}-${String(index)}` }))));
}

function graveOf(plans: readonly Plan[]): readonly string[] {
  return plans.flatMap(({ targets }) => targets.flatMap(({ batches, changes }) => {
    const risks = new Map(changes.map(({ address, risk }) => [address, risk]));
    return batches.flatMap((batch) => batch.changes).filter(({ verb, address }) => verb === 'delete' || ['high', 'critical'].includes(risks.get(address) ?? 'low')).map(({ address }) => codeSpan(parseAddress(address).name));
  }));
}

describe('the comment of a plan', () => {
  it('cannot be broken out of, and names every delete and every high or critical change, whatever the texts are', () => {
    fc.assert(fc.property(fc.array(fc.array(sketch, { maxLength: 12 }), { maxLength: 5 }), hostile, fc.constantFrom('en' as const, 'de' as const), (sketches, text, language) => {
      const plans = distinct(sketches);
      const problems = [{ code: 'x', severity: 'error' as const, message: text, hint: text, customer: text, source: { file: text, line: 1, column: 1 } }];
      const rendered = renderComment(inputOf(plans, { language, problems, whole: text }));
      expectClosed(rendered.text);
      expect(rendered.hidden).toBe(0);
      for (const name of graveOf(plans)) expect(rendered.text).toContain(name);
    }), { numRuns: 150 });
  });

  it('cannot be broken out of by the name of a customer or a target either', () => {
    fc.assert(fc.property(hostile, hostile, (customer, target) => {
      expectClosed(renderComment(inputOf([planOf(customer, [{ target, kind: customer, name: 'a', verb: 'delete', risk: 'high' }, { target, name: 'b' }], {}, { status: 'unreachable', why: customer, hint: target })])).text);
    }), { numRuns: 150 });
  });

  it('of up to 5,000 changes is under the limit, closed, and hides nothing grave without saying that it cannot be approved', () => {
    fc.assert(fc.property(fc.integer({ min: 300, max: 5000 }), fc.integer({ min: 1, max: 60 }), fc.array(sketch, { minLength: 20, maxLength: 40 }), fc.integer({ min: 0, max: 100 }), (total, customers, base, graveShare) => {
      const sketches = Array.from({ length: customers }, (_, customer) => Array.from({ length: Math.ceil(total / customers) }, (_unused, index): Sketch => {
        const picked = base[(customer * 7 + index) % base.length] ?? { name: 'x' };
        return index % 101 < graveShare / 10 ? picked : { ...picked, verb: 'update', risk: 'low' };
      }));
      const plans = distinct(sketches);
      const rendered = renderComment(inputOf(plans));
      expect(rendered.text.length).toBeLessThan(65_536);
      expectClosed(rendered.text);
      const missing = graveOf(plans).filter((name) => !rendered.text.includes(name)).length;
      expect(missing).toBe(rendered.hidden);
      expect(rendered.text.includes('too large to be read')).toBe(rendered.hidden > 0);
      expect(rendered.text.includes('**Shortened**')).toBe(rendered.cut > 0);
    }), { numRuns: 25 });
  });

  it('of 5,000 changes with 400 deletes of long names shows every delete', () => {
    const plans = distinct(Array.from({ length: 10 }, (_, customer) => Array.from({ length: 500 }, (_unused, index): Sketch => ({ name: `Regel ${'n'.repeat(60)}`, verb: index % 500 < 40 ? 'delete' : 'update', risk: index % 500 < 40 ? 'high' : 'medium', kind: 'firewall-rule', target: `fw-${String(customer)}` }))));
    const rendered = renderComment(inputOf(plans));
    expect(rendered.hidden).toBe(0);
    expect(rendered.text.length).toBeLessThan(65_536);
    expect(graveOf(plans)).toHaveLength(400);
    for (const name of graveOf(plans)) expect(rendered.text).toContain(name);
    expect(rendered.cut).toBeGreaterThan(1000);
    expect(rendered.text).toContain('plan.json of this run');
  });

  it('of 5,000 deletes says that nobody can read it', () => {
    const plans = distinct([Array.from({ length: 5000 }, (): Sketch => ({ name: 'n'.repeat(30), verb: 'delete', risk: 'high' }))]);
    const rendered = renderComment(inputOf(plans));
    expect(rendered.hidden).toBeGreaterThan(1000);
    expect(rendered.text).toContain('too large to be read');
    expect(rendered.text.length).toBeLessThan(65_536);
    expectClosed(rendered.text);
  });

  it('of 2,000 customers is under the limit', () => {
    const plans = Array.from({ length: 2000 }, (_, index) => planOf(`kunde-${String(index)}`, [{ name: 'gast' }, ...(index % 100 === 0 ? [{ name: `weg-${String(index)}`, verb: 'delete' as const, risk: 'high' as const }] : [])]));
    const rendered = renderComment(inputOf(plans));
    expect(rendered.text.length).toBeLessThan(65_536);
    for (const name of graveOf(plans)) expect(rendered.text).toContain(name);
    expectClosed(rendered.text);
  });

  it('is the same for the same input, in whatever order the customers come', () => {
    const plans = [planOf('nord', [{ name: 'a' }]), planOf('sued', [{ name: 'b', verb: 'delete', risk: 'high' }])];
    expect(renderComment(inputOf(plans)).text).toBe(renderComment(inputOf([...plans].reverse())).text);
  });

  it.each<{ readonly because: string; readonly plan: Plan; readonly extra?: Partial<CommentInput>; readonly has: readonly string[]; readonly not?: readonly string[] }>([
    { because: 'nothing changes', plan: planOf('nord', []), has: ['Nothing changes at any customer.'], not: ['How to approve', '<details>'] },
    { because: 'it says how to approve, by review and by signature', plan: planOf('nord', [{ name: 'a' }]), has: [`review of exactly commit \`${'c'.repeat(40)}\``, `soll approve nord ${digest}`] },
    { because: 'without a code host there is no review', plan: planOf('nord', [{ name: 'a' }]), extra: { reviews: false }, has: ['by signature'], not: ['review of exactly'] },
    { because: 'a delete says whether it can be undone', plan: planOf('nord', [{ name: 'anna', kind: 'user', verb: 'delete', risk: 'critical' }]), has: ['- `nord/fw` **CRITICAL** delete user `anna` (restorable for 30 days)'] },
    { because: 'a security group never comes back', plan: planOf('nord', [{ name: 'g', kind: 'group', verb: 'delete', risk: 'critical', before: { type: 'security' } }]), has: ['(CANNOT be restored)'] },
    { because: 'settings come back from Git', plan: planOf('nord', [{ name: 'v', verb: 'delete', risk: 'high' }]), has: ['(the settings can be put back from Git)'] },
    { because: 'drift stands apart from what is intended', plan: planOf('nord', [{ name: 'a' }, { name: 'b', reason: 'drift' }]), has: ['*Intended*', '*Drift and conflict: somebody changed the live system*'] },
    { because: 'no guard must be seen', plan: planOf('nord', [{ name: 'a' }], {}, { guard: 'unguarded' }), has: ['- `nord/fw` **UNGUARDED: this could cut us off and nothing undoes it**'] },
    { because: 'what could not be read is unknown', plan: { ...planOf('nord', [{ name: 'a' }], {}, { status: 'unreachable', why: 'no answer', hint: 'power?' }), summary: { ...planOf('nord', []).summary, unreachable: 1 } }, has: ['not complete', '**unreachable** no answer (power?)'] },
    { because: 'licences are summed up', plan: planOf('nord', [
      { kind: 'user', name: 'a', verb: 'create', after: { licences: [{ sku: 'SPB' }] } }, { kind: 'user', name: 'b', verb: 'create', after: { licences: [{ sku: 'SPB' }] } }, { kind: 'user', name: 'c', verb: 'delete', before: { licences: [{ sku: 'O365_E1' }] } },
      { kind: 'user', name: 'd', before: { licences: [{ sku: 'EVEN' }] }, after: { licences: [{ sku: 'EVEN' }] } }, { kind: 'user', name: 'e', before: { licences: [{ sku: 'LEFT' }] }, after: { displayName: 'E' } },
    ]), has: ['Licences: −1 `O365_E1`, +2 `SPB`\n'], not: ['LEFT`', 'EVEN`'] },
    { because: 'who is affected, members of groups too', plan: planOf('nord', [{ kind: 'user', name: 'anna' }, { kind: 'group', name: 'g', before: { members: ['bert', 'carl'] }, after: { members: ['carl', 'dora'] } }]), has: ['People affected: 3 (`anna`, `bert`, `dora`)'] },
    { because: 'German', plan: planOf('nord', [{ name: 'v', verb: 'delete', risk: 'high' }]), extra: { language: 'de' }, has: ['Zuerst lesen', '**HOCH** löschen vlan `v`', 'So wird freigegeben', 'Stand 2026'] },
  ])('$because', ({ plan, extra, has, not }) => {
    const { text } = renderComment(inputOf([plan], extra));
    for (const part of has) expect(text).toContain(part);
    for (const part of not ?? []) expect(text).not.toContain(part);
  });
});

describe('the summary of a job', () => {
  it('shows what the comment cuts, and stays under 1 MiB of bytes with what stands there already', () => {
    const plans = distinct(Array.from({ length: 20 }, () => Array.from({ length: 250 }, (): Sketch => ({ name: 'ü'.repeat(80), risk: 'medium' }))));
    const comment = renderComment(inputOf(plans));
    const summary = renderComment(inputOf(plans), summaryBudget(300_000));
    expect(comment.cut).toBeGreaterThan(summary.cut);
    expect(Buffer.byteLength(summary.text)).toBeLessThan(1_048_576 - 300_000);
    expect(commentBudget.limit).toBeLessThan(65_536);
    expectClosed(summary.text);
  });
});

describe('golden comments', () => {
  const plans = [
    planOf('bau-keller', [
      { target: 'fw-freiburg', kind: 'firewall-rule', name: 'rdp', verb: 'delete', risk: 'high', reason: 'removed', text: 'traffic wan → lan is cut off' }, { target: 'fw-freiburg', kind: 'vlan', name: 'gast', verb: 'create', reason: 'new' },
      { target: 'tenant', kind: 'user', name: 'anna@bau-keller.example', reason: 'drift', risk: 'high', text: 'can no longer sign in', before: { licences: [{ sku: 'SPB' }] }, after: { licences: [] } },
    ]),
    planOf('praxis-sued', [{ name: 'voip' }]), planOf('ohne', []),
  ];
  it.each(['en', 'de'] as const)('%s', (language) => {
    const golden = fileURLToPath(new URL(`golden/comment.${language}.md`, import.meta.url));
    const { text } = renderComment(inputOf(plans, { language }));
    if (!existsSync(golden) || readFileSync(golden, 'utf8') !== `${text}\n`) writeFileSync(`${golden}.actual`, `${text}\n`);
    expect(`${text}\n`).toBe(readFileSync(golden, 'utf8'));
  });
});
