import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#contract';
import { diffSpec } from '#core/diff-spec';
import type { FieldDiff } from '#core/model';
import { kinds } from '#kinds/registry';
import { arbitrarySpec } from './arbitrary-spec.ts';

const policy = kinds.get('firewall-policy')?.schema ?? {};
const user = kinds.get('user')?.schema ?? {};
const rules: JsonObject = {
  type: 'object',
  properties: { rules: { type: 'array', 'x-soll': { key: 'name' }, items: { type: 'object', properties: { name: { type: 'string' }, sources: { type: 'array', 'x-soll': { order: 'set' }, items: { type: 'string' } } } } } },
};

describe('diffSpec', () => {
  it.each<{ because: string; schema: JsonObject; before: JsonObject | undefined; after: JsonObject | undefined; expected: readonly FieldDiff[] }>([
    { because: 'the same is no difference, whatever the order of keys', schema: policy, before: { from: 'wan', to: 'lan' }, after: { to: 'lan', from: 'wan' }, expected: [] },
    { because: 'a new resource shows each field', schema: policy, before: undefined, after: { from: 'wan', order: [] }, expected: [{ path: '/from', op: 'add', after: 'wan' }, { path: '/order', op: 'add', after: [] }] },
    { because: 'a deleted resource shows each field', schema: policy, before: { from: 'wan' }, after: undefined, expected: [{ path: '/from', op: 'remove', before: 'wan' }] },
    { because: 'one rule moved up reads as one move', schema: policy, before: { order: ['a', 'b', 'c', 'd'] }, after: { order: ['d', 'a', 'b', 'c'] }, expected: [{ path: '/order/d', op: 'move', from: 3, to: 0 }] },
    { because: 'one rule moved down reads as one move', schema: policy, before: { order: ['a', 'b', 'c', 'd'] }, after: { order: ['b', 'c', 'd', 'a'] }, expected: [{ path: '/order/a', op: 'move', from: 0, to: 3 }] },
    { because: 'a rule added in front moves nothing', schema: policy, before: { order: ['a', 'b'] }, after: { order: ['new', 'a', 'b'] }, expected: [{ path: '/order/new', op: 'add', after: 'new', to: 0 }] },
    { because: 'a rule taken out moves nothing', schema: policy, before: { order: ['a', 'b', 'c'] }, after: { order: ['b', 'c'] }, expected: [{ path: '/order/a', op: 'remove', before: 'a' }] },
    { because: 'a list with duplicates is told as a whole', schema: policy, before: { order: ['a', 'a'] }, after: { order: ['a'] }, expected: [{ path: '/order', op: 'replace', before: ['a', 'a'], after: ['a'] }] },
    {
      because: 'one rule edited reads as that edit, under its name', schema: rules,
      before: { rules: [{ name: 'web', sources: ['192.0.2.1'] }, { name: 'ssh', sources: ['192.0.2.2'] }] },
      after: { rules: [{ name: 'web', sources: ['192.0.2.1'] }, { name: 'ssh', sources: ['192.0.2.2', '192.0.2.3'] }] },
      expected: [{ path: '/rules/ssh/sources/192.0.2.3', op: 'add', after: '192.0.2.3' }],
    },
    {
      because: 'one rule moved and edited is both, and the other rule is silent', schema: rules,
      before: { rules: [{ name: 'web', sources: ['a'] }, { name: 'ssh', sources: ['b'] }, { name: 'dns', sources: [] }] },
      after: { rules: [{ name: 'dns', sources: ['c'] }, { name: 'web', sources: ['a'] }, { name: 'ssh', sources: ['b'] }] },
      expected: [{ path: '/rules/dns/sources/c', op: 'add', after: 'c' }, { path: '/rules/dns', op: 'move', from: 2, to: 0 }],
    },
    {
      because: 'a licence keeps its place under its product, a set knows no moves', schema: user,
      before: { licences: [{ sku: 'EMS', disabledPlans: [] }, { sku: 'SPB', disabledPlans: ['SWAY'] }] },
      after: { licences: [{ sku: 'SPB', disabledPlans: [] }, { sku: 'VISIO', disabledPlans: [] }] },
      expected: [
        { path: '/licences/EMS', op: 'remove', before: { sku: 'EMS', disabledPlans: [] } },
        { path: '/licences/VISIO', op: 'add', after: { sku: 'VISIO', disabledPlans: [] } },
        { path: '/licences/SPB/disabledPlans/SWAY', op: 'remove', before: 'SWAY' },
      ],
    },
    { because: 'a slash or tilde in a name stays inside its part of the path', schema: policy, before: { order: ['x'] }, after: { order: ['x', '10.0.0.0/8~'] }, expected: [{ path: '/order/10.0.0.0~18~0', op: 'add', after: '10.0.0.0/8~', to: 1 }] },
    { because: 'cleared is a value', schema: user, before: { jobTitle: 'Meister' }, after: { jobTitle: null }, expected: [{ path: '/jobTitle', op: 'replace', before: 'Meister', after: null }] },
    { because: 'a change of type is told as a whole', schema: user, before: { jobTitle: 'Meister' }, after: { jobTitle: ['Meister'] }, expected: [{ path: '/jobTitle', op: 'replace', before: 'Meister', after: ['Meister'] }] },
  ])('$because', ({ schema, before, after, expected }) => {
    expect(diffSpec(schema, before, after)).toEqual(expected);
  });

  it('finds one move when one rule is moved, in any list', () => {
    const lists = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 20 });
    fc.assert(fc.property(lists, fc.nat(), fc.nat(), (order, from, to) => {
      const moved = [...order];
      const [rule = ''] = moved.splice(from % order.length, 1);
      moved.splice(to % order.length, 0, rule);
      const diff = diffSpec(policy, { order }, { order: moved });
      expect(diff.length).toBe(from % order.length === to % order.length ? 0 : 1);
      expect(diff.every(({ op }) => op === 'move')).toBe(true);
    }));
  });

  it('never moves more than the rules that can stay allow', () => {
    const two = fc.uniqueArray(fc.nat(8).map(String), { maxLength: 7 }).chain((order) => fc.tuple(fc.constant(order), fc.shuffledSubarray(order, { minLength: order.length })));
    fc.assert(fc.property(two, ([order, shuffled]) => {
      const moves = diffSpec(policy, { order }, { order: shuffled }).length;
      // Longest run of rules that are in the right order already, by trying all subsets.
      let longest = 0;
      for (let mask = 0; mask < 2 ** order.length; mask += 1) {
        const kept = order.filter((_, index) => (mask >> index) % 2 === 1);
        if (shuffled.filter((rule) => kept.includes(rule)).join() === kept.join()) longest = Math.max(longest, kept.length);
      }
      expect(moves).toBe(order.length - longest);
    }));
  });

  it.each([...kinds])('%s: nothing differs from itself, and every difference is told', (_name, kind) => {
    fc.assert(fc.property(arbitrarySpec(kind.schema), arbitrarySpec(kind.schema), (one, other) => {
      const [before, after] = [kind.canonical(one), kind.canonical(other)];
      expect(diffSpec(kind.schema, before, before)).toEqual([]);
      expect(diffSpec(kind.schema, before, after).length === 0).toBe(JSON.stringify(before) === JSON.stringify(after));
    }));
  });
});
