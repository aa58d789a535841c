import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { parseAddress, toAddress, type Address, type RiskLevel } from '#contract';
import type { Leaf, Plan } from '#core/model';
import { holdBack, type HoldBackInput } from '../../src/rollout/hold-back.ts';
import { ringsOf } from '../../src/rollout/rings-of.ts';

interface Item {
  readonly name: string;
  readonly risk?: RiskLevel;
  readonly after?: readonly string[];
  readonly ledger?: boolean;
}

const address = (name: string): Address => toAddress({ customer: 'nord', target: 'm365', kind: 'user', name });

function planOf(items: readonly Item[]): Plan {
  const leaves = items.map(({ name, after = [], ledger }): Leaf => ({ digest: name, transition: name, target: 'm365', batch: ledger === true ? 'm365/ledger' : 'm365/1', unit: 'change', addresses: [address(name)], after }));
  const changes = items.filter(({ ledger }) => ledger !== true).map(({ name, risk = 'low' }) => ({ address: address(name), risk, impact: { en: '', de: '' }, fields: [] }));
  return { customer: 'nord', leaves, targets: [{ target: 'm365', changes }] } as unknown as Plan;
}

const all: readonly RiskLevel[] = ['medium', 'high', 'critical'];
const saturday = { maintenance: [{ days: ['sat' as const], from: '06:00', to: '10:00' }] };
const shut = Date.parse('2026-07-03T12:00:00Z');
const open = Date.parse('2026-07-04T05:00:00Z');

function hold(items: readonly Item[], more: Partial<HoldBackInput> = {}): ReturnType<typeof holdBack> {
  return holdBack({ plan: planOf(items), settings: {}, document: {}, now: shut, windowRisk: all, emergency: false, ...more });
}

describe('holdBack', () => {
  const frozen = { settings: { freeze: { reason: 'Umzug' } } };
  it.each<{ because: string; items: readonly Item[]; more?: Partial<HoldBackInput>; allowed: readonly string[]; waiting?: readonly string[] }>([
    { because: 'without freeze and windows everything goes', items: [{ name: 'a', risk: 'critical' }], allowed: ['a'] },
    { because: 'a freeze holds everything', items: [{ name: 'a' }, { name: 'b', risk: 'high' }], more: frozen, allowed: [], waiting: ['freeze a', 'freeze b'] },
    { because: 'what only touches the ledger goes on', items: [{ name: 'a' }, { name: 'b', ledger: true }], more: frozen, allowed: ['b'], waiting: ['freeze a'] },
    { because: 'a freeze holds an emergency, too', items: [{ name: 'a' }], more: { ...frozen, emergency: true }, allowed: [], waiting: ['freeze a'] },
    { because: 'unless somebody says that it is meant', items: [{ name: 'a' }], more: { ...frozen, document: saturday, emergency: true, ignore: { window: false, freeze: true } }, allowed: ['a'] },
    { because: 'a window can be ignored without an emergency', items: [{ name: 'a', risk: 'high' }, { name: 'b', after: ['a'] }], more: { document: saturday, ignore: { window: true, freeze: false } }, allowed: ['a', 'b'] },
    { because: 'and a freeze not by the same word', items: [{ name: 'a', risk: 'high' }], more: { ...frozen, document: saturday, ignore: { window: true, freeze: false } }, allowed: [], waiting: ['freeze a'] },
    { because: 'a shut window holds what may be felt', items: [{ name: 'a' }, { name: 'b', risk: 'medium' }], more: { document: saturday }, allowed: ['a'], waiting: ['window b'] },
    { because: 'soll.yaml says which risks wait', items: [{ name: 'a', risk: 'medium' }, { name: 'b', risk: 'high' }], more: { document: saturday, windowRisk: ['high'] }, allowed: ['a'], waiting: ['window b'] },
    { because: 'an open window holds nothing', items: [{ name: 'b', risk: 'critical' }], more: { document: saturday, now: open }, allowed: ['b'] },
    { because: 'an emergency does not wait for the window', items: [{ name: 'b', risk: 'critical' }], more: { document: saturday, emergency: true }, allowed: ['b'] },
    { because: 'what needs something held waits with it, however many steps away', items: [{ name: 'c', after: ['b'] }, { name: 'b', after: ['a'] }, { name: 'a', risk: 'high' }, { name: 'd' }], more: { document: saturday }, allowed: ['d'], waiting: ['window c', 'window b', 'window a'] },
    { because: 'so does what only touches the ledger', items: [{ name: 'a', risk: 'high' }, { name: 'b', ledger: true, after: ['a'] }], more: { document: saturday }, allowed: [], waiting: ['window a', 'window b'] },
    { because: 'a freeze is told before the window', items: [{ name: 'a', risk: 'high' }], more: { ...frozen, document: saturday }, allowed: [], waiting: ['freeze a'] },
  ])('$because', ({ items, more, allowed, waiting = [] }) => {
    const held = hold(items, more);
    expect([...held.allowed]).toEqual(allowed);
    expect(held.waiting.map(({ state, leaf }) => `${state} ${leaf}`)).toEqual(waiting);
  });

  test('the highest risk of a batch decides', () => {
    const plan = planOf([{ name: 'a' }, { name: 'b', risk: 'high' }]);
    const batch: Leaf = { digest: 'ab', transition: 'ab', target: 'm365', batch: 'm365/1', unit: 'batch', addresses: [address('a'), address('b')], after: [] };
    expect(holdBack({ plan: { ...plan, leaves: [batch] }, settings: {}, document: saturday, now: shut, windowRisk: ['high'], emergency: false }).waiting).toHaveLength(1);
  });

  test('it is told until when, in both languages, and what a dependant waits for', () => {
    const { waiting } = hold([{ name: 'a', risk: 'high' }, { name: 'b', after: ['a'] }], { document: saturday });
    expect(waiting.map(({ until }) => until)).toEqual(['2026-07-04T04:00:00.000Z', '2026-07-04T04:00:00.000Z']);
    expect(waiting[0]?.why.en).toContain('2026-07-04 06:00 (Europe/Berlin)');
    expect(waiting[0]?.why.de).toContain('04.07.2026 06:00 Uhr (Europe/Berlin)');
    expect(parseAddress(waiting[0]?.addresses[0] ?? address('')).name).toBe('a');
    expect(waiting[1]?.why.en).toContain(address('a'));
    expect(hold([{ name: 'b', after: ['a'] }, { name: 'a', risk: 'high' }], { document: saturday }).reason?.why).toEqual(waiting[0]?.why);
    expect(hold([{ name: 'a' }], { document: saturday }).reason).toBeUndefined();
  });

  test('the end of the window is told only where something needs it', () => {
    expect(hold([{ name: 'a', risk: 'high' }], { document: saturday, now: open }).closes).toBe(Date.parse('2026-07-04T08:00:00Z'));
    expect(hold([{ name: 'a', risk: 'low' }], { document: saturday, now: open }).closes).toBeUndefined();
  });

  test.each<{ because: string; items: readonly Item[]; more: Partial<HoldBackInput>; passed: readonly (readonly [string, readonly string[]])[] }>([
    { because: 'nothing was in the way', items: [{ name: 'a' }], more: { emergency: true, ignore: { window: true, freeze: true } }, passed: [] },
    { because: 'the window, with what needs it', items: [{ name: 'a', risk: 'high' }, { name: 'b', after: ['a'] }, { name: 'c' }], more: { document: saturday, ignore: { window: true, freeze: false } }, passed: [['window', ['a', 'b']]] },
    { because: 'an emergency passes the window by itself', items: [{ name: 'a', risk: 'high' }], more: { document: saturday, emergency: true }, passed: [['window', ['a']]] },
    { because: 'both', items: [{ name: 'a', risk: 'high' }, { name: 'b' }], more: { ...frozen, document: saturday, emergency: true, ignore: { window: false, freeze: true } }, passed: [['freeze', ['a', 'b']], ['window', ['a']]] },
    { because: 'not what something else still holds', items: [{ name: 'a', risk: 'high' }], more: { ...frozen, document: saturday, ignore: { window: true, freeze: false } }, passed: [] },
    { because: 'the end of an open window', items: [{ name: 'a', risk: 'high' }, { name: 'b' }], more: { document: saturday, now: open, ignore: { window: true, freeze: false } }, passed: [['window', ['a']]] },
  ])('what was passed is told: $because', ({ items, more, passed }) => {
    const held = hold(items, more);
    expect((held.passed ?? []).map(({ state, leaves }) => [state, leaves])).toEqual(passed);
    expect(held.closes).toBeUndefined();
  });

  test('allowed and waiting are all leaves, disjoint, and what an allowed one needs is allowed', () => {
    const risk = fc.constantFrom<RiskLevel>('low', 'medium', 'high', 'critical');
    const items = fc.array(fc.record({ risk, ledger: fc.boolean(), needs: fc.array(fc.nat({ max: 11 }), { maxLength: 3 }) }), { maxLength: 12 })
      .map((drafts) => drafts.map(({ risk: level, ledger, needs }, index): Item => ({ name: `n${String(index)}`, risk: level, ledger, after: [...new Set(needs)].filter((other) => other < drafts.length && other !== index).map((other) => `n${String(other)}`) })));
    const around = fc.record({ now: fc.integer({ min: Date.parse('2026-01-01'), max: Date.parse('2027-01-01') }), windowRisk: fc.subarray<RiskLevel>(['low', 'medium', 'high', 'critical']), emergency: fc.boolean(), freeze: fc.boolean(), windows: fc.boolean() });
    let waited = 0;
    fc.assert(fc.property(items, around, (made, { now, windowRisk, emergency, freeze, windows }) => {
      const { allowed, waiting } = hold(made, { now, windowRisk, emergency, settings: freeze ? { freeze: { reason: 'x' } } : {}, document: windows ? saturday : {} });
      const held = new Set(waiting.map(({ leaf }) => leaf));
      waited += held.size;
      expect(held.size).toBe(waiting.length);
      expect([...allowed, ...held].sort()).toEqual(made.map(({ name }) => name).sort());
      for (const { name, after = [] } of made) if (allowed.has(name)) expect(after.filter((needed) => held.has(needed))).toEqual([]);
    }), { seed: 7, numRuns: 300 });
    expect(waited).toBeGreaterThan(100);
  });
});

describe('ringsOf', () => {
  it.each<{ because: string; customers: readonly string[]; rollout?: Parameters<typeof ringsOf>[1]; rings: readonly (readonly string[])[] }>([
    { because: 'without rollout all go at once', customers: ['b', 'a'], rings: [['a', 'b']] },
    { because: 'nobody is no ring', customers: [], rollout: { canary: ['a'] }, rings: [] },
    { because: 'canaries first, then waves whose last size repeats', customers: ['f', 'e', 'd', 'c', 'b', 'a'], rollout: { canary: ['c'], waves: [1, 2] }, rings: [['c'], ['a'], ['b', 'd'], ['e', 'f']] },
    { because: 'a canary that is not part of the run makes no ring', customers: ['a', 'b'], rollout: { canary: ['z'], waves: [1] }, rings: [['a'], ['b']] },
    { because: 'ten at a time where nothing is said', customers: Array.from({ length: 12 }, (_, index) => `c${String(index + 10)}`), rollout: { canary: ['c10'] }, rings: [['c10'], ['c11', 'c12', 'c13', 'c14', 'c15', 'c16', 'c17', 'c18', 'c19', 'c20'], ['c21']] },
    { because: 'an empty list of waves says nothing', customers: ['a', 'b'], rollout: { canary: ['a'], waves: [] }, rings: [['a'], ['b']] },
  ])('$because', ({ customers, rollout, rings }) => {
    expect(ringsOf(customers, rollout)).toEqual(rings);
  });
});
