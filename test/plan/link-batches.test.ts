/** Batches of several targets: each waits for what it needs, and what waits for itself is told and never begun. */
import { describe, expect, it } from 'vitest';
import type { Address, Batch, Change } from '#contract';
import type { TargetPlan } from '#core/model';
import { linkBatches, waitingForEachOther } from '../../src/plan/link-batches.ts';
import { at } from './plan-fixture.ts';

const a = at('fw1', 'address-group', 'a');
const b = at('fw2', 'address-group', 'b');
const c = at('fw3', 'address-group', 'c');

function target(name: string, batches: Readonly<Record<string, readonly Address[]>>): TargetPlan {
  return {
    target: name, provider: 'p', status: 'ready', atomicity: 'confirmed', guard: 'guarded', changes: [], ledgerOnly: [], findings: [], compared: 0,
    batches: Object.entries(batches).map(([phase, addresses]): Batch => ({
      id: `${name}/${phase}`, target: name, phase: phase === 'remove' ? 'remove' : 'build', atomicity: 'confirmed', result: [], after: phase === 'remove' && batches['build'] !== undefined ? [`${name}/build`] : [],
      changes: addresses.map((address): Change => ({ verb: 'update', address, reason: 'changed' })),
    })),
  };
}

describe('linkBatches', () => {
  it.each<{ because: string; targets: readonly TargetPlan[]; before: readonly [Address, readonly Address[]][]; after: Readonly<Record<string, readonly string[]>> }>([
    { because: 'what is built upon another target waits for it', targets: [target('fw1', { build: [a] }), target('fw2', { build: [b] })], before: [[a, [b]]], after: { 'fw1/build': ['fw2/build'], 'fw2/build': [] } },
    { because: 'a delete waits for the delete elsewhere of what pointed at it, in whatever batch that is', targets: [target('fw1', { remove: [a] }), target('fw2', { remove: [b] })], before: [[a, [b]]], after: { 'fw1/remove': ['fw2/remove'], 'fw2/remove': [] } },
    { because: 'its own order stays', targets: [target('fw1', { build: [a], remove: [at('fw1', 'zone', 'z')] }), target('fw2', { build: [b] })], before: [[at('fw1', 'zone', 'z'), [b, a]]], after: { 'fw1/build': [], 'fw1/remove': ['fw1/build', 'fw2/build'], 'fw2/build': [] } },
    { because: 'what is in no batch is waited for by nobody', targets: [target('fw1', { build: [a] })], before: [[a, [b]]], after: { 'fw1/build': [] } },
  ])('$because', ({ targets, before, after }) => {
    expect(Object.fromEntries(linkBatches(targets, new Map(before)).flatMap(({ batches }) => batches.map(({ id, after: ids }) => [id, ids])))).toEqual(after);
  });
});

describe('waitingForEachOther', () => {
  it.each<{ because: string; before: readonly [Address, readonly Address[]][]; cyclic: readonly string[] }>([
    { because: 'nothing waits', before: [], cyclic: [] },
    { because: 'a chain has a beginning', before: [[a, [b]], [b, [c]]], cyclic: [] },
    { because: 'two that need each other would wait for ever', before: [[a, [b]], [b, [a]]], cyclic: ['fw1', 'fw2'] },
    { because: 'who merely waits for them is not part of the cycle', before: [[a, [b]], [b, [a]], [c, [a]]], cyclic: ['fw1', 'fw2'] },
    { because: 'three in a ring', before: [[a, [b]], [b, [c]], [c, [a]]], cyclic: ['fw1', 'fw2', 'fw3'] },
  ])('$because', ({ before, cyclic }) => {
    const found = waitingForEachOther('nord', linkBatches([target('fw1', { build: [a] }), target('fw2', { build: [b] }), target('fw3', { build: [c] })], new Map(before)));
    expect(found.map(({ target: name, code }) => [name, code])).toEqual(cyclic.map((name) => [name, 'plan.cycle']));
  });
});
