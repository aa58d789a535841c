import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, type Address, type Change, type JsonObject } from '#contract';
import { kinds } from '#kinds/registry';
import { makeBatches, type BatchInput } from '../../src/plan/make-batches.ts';
import { orderChanges, predecessors } from '../../src/plan/order-changes.ts';
import { at, live } from './plan-fixture.ts';

const create = (address: Address, after: JsonObject): Change => ({ verb: 'create', address, reason: 'new', after });
const update = (address: Address, before: JsonObject, after: JsonObject, was?: Address): Change => ({ verb: 'update', address, reason: 'changed', before, after, ...(was === undefined ? {} : { was }) });
const remove = (address: Address, before: JsonObject): Change => ({ verb: 'delete', address, reason: 'removed', before });

const fw = (kind: string, name: string): Address => at('fw1', kind, name);
const rule = fw('firewall-rule', 'wan.lan.web');
const uses: JsonObject = { from: 'wan', to: 'lan', action: 'accept', sources: ['group:office'], services: ['https'] };
const usesNot: JsonObject = { from: 'wan', to: 'lan', action: 'accept' };
const office = fw('address-group', 'office');
const https = fw('service', 'https');
const lan = fw('zone', 'lan');

function order(changes: readonly Change[]): readonly string[] {
  return orderChanges(changes, predecessors(changes, kinds), () => undefined).changes.map(({ address }) => parseAddress(address).name);
}

describe('orderChanges', () => {
  it.each<{ because: string; changes: readonly Change[]; expected: readonly string[] }>([
    { because: 'what a rule uses is made first', changes: [create(rule, uses), create(office, {}), create(https, {}), create(lan, {})], expected: ['office', 'https', 'lan', 'wan.lan.web'] },
    { because: 'what a rule used is removed last', changes: [remove(office, {}), remove(rule, uses)], expected: ['wan.lan.web', 'office'] },
    { because: 'a rule lets go before its group is removed', changes: [remove(office, {}), update(rule, uses, usesNot)], expected: ['wan.lan.web', 'office'] },
    { because: 'a renamed group has its name before a rule uses it', changes: [update(rule, usesNot, uses), update(office, {}, {}, fw('address-group', 'old'))], expected: ['office', 'wan.lan.web'] },
    { because: 'a renamed person has the new name before a group of an earlier name uses it', changes: [update(at('m365', 'group', 'bau'), { mailNickname: 'bau', type: 'security' }, { mailNickname: 'bau', type: 'security', members: ['neu@x.de'] }), update(at('m365', 'user', 'neu@x.de'), { userPrincipalName: 'alt@x.de' }, { userPrincipalName: 'neu@x.de' }, at('m365', 'user', 'alt@x.de'))], expected: ['neu@x.de', 'bau'] },
    { because: 'things that need each other not stand by address', changes: [create(https, {}), create(office, {}), create(lan, {})], expected: ['office', 'https', 'lan'] },
    { because: 'an update of a group that exists anyway needs no order', changes: [update(office, {}, {}), create(fw('address-group', 'a'), {}), update(rule, uses, uses)], expected: ['a', 'office', 'wan.lan.web'] },
    { because: 'a manager is made before the people', changes: [create(at('m365', 'user', 'a@x.de'), { userPrincipalName: 'a@x.de', manager: 'z@x.de' }), create(at('m365', 'user', 'z@x.de'), { userPrincipalName: 'z@x.de' })], expected: ['z@x.de', 'a@x.de'] },
    { because: 'a person who is their own manager waits for nobody', changes: [create(at('m365', 'user', 'a@x.de'), { userPrincipalName: 'a@x.de', manager: 'a@x.de' })], expected: ['a@x.de'] },
  ])('$because', ({ changes, expected }) => {
    expect(order(changes)).toEqual(expected);
    expect(order([...changes].reverse())).toEqual(expected);
  });

  it('tells a cycle with its places instead of looping', () => {
    const [a, b] = [at('m365', 'user', 'a@x.de'), at('m365', 'user', 'b@x.de')];
    const changes = [create(a, { userPrincipalName: 'a@x.de', manager: 'b@x.de' }), create(b, { userPrincipalName: 'b@x.de', manager: 'a@x.de' })];
    const { problems } = orderChanges(changes, predecessors(changes, kinds), (address) => ({ file: `${parseAddress(address).name}.yaml`, line: 3, column: 1 }));
    expect(problems).toMatchObject([{ code: 'plan.cycle', severity: 'error', customer: 'nord', target: 'm365', source: { file: 'a@x.de.yaml' }, related: [{ source: { file: 'b@x.de.yaml' } }] }]);
  });

  it('keeps every change once, each after what it needs, in any order of input', () => {
    const people = fc.array(fc.tuple(fc.constantFrom('create', 'delete', 'update'), fc.nat(9)), { minLength: 1, maxLength: 10 });
    const shuffled = people.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list.map((_, index) => index), { minLength: list.length })));
    fc.assert(fc.property(shuffled, ([list, places]) => {
      const user = (index: number): Address => at('m365', 'user', `u${String(index)}@x.de`);
      const changes = list.map(([verb, manager], index): Change => {
        // Managers have smaller numbers, so there is no cycle.
        const spec: JsonObject = { userPrincipalName: `u${String(index)}@x.de`, ...(manager < index ? { manager: `u${String(manager)}@x.de` } : {}) };
        return verb === 'create' ? create(user(index), spec) : verb === 'delete' ? remove(user(index), spec) : update(user(index), spec, {});
      });
      const before = predecessors(changes, kinds);
      const ordered = orderChanges(changes, before, () => undefined).changes.map(({ address }) => address);
      expect([...ordered].sort()).toEqual(changes.map(({ address }) => address).sort());
      for (const [address, needed] of before) for (const each of needed) expect(ordered.indexOf(each)).toBeLessThan(ordered.indexOf(address));
      const again = places.flatMap((place) => changes[place] ?? []);
      expect(orderChanges(again, predecessors(again, kinds), () => undefined).changes.map(({ address }) => address)).toEqual(ordered);
    }));
  });
});

describe('makeBatches', () => {
  const branch = fw('address-group', 'branch');
  function batches(changes: readonly Change[], extra: Partial<BatchInput> = {}): ReturnType<typeof makeBatches> {
    return makeBatches({ target: 'fw1', atomicity: 'confirmed', kinds, changes, live: [], before: new Map(), ...extra });
  }
  const both = [create(office, { members: ['192.0.2.1'] }), remove(branch, { members: [] })];

  it.each<{ because: string; changes: readonly Change[]; extra: Partial<BatchInput>; expected: readonly { id: string; changes: number; after: readonly string[] }[] }>([
    { because: 'no changes, no batch', changes: [], extra: {}, expected: [] },
    { because: 'a whole configuration is one commit', changes: both, extra: {}, expected: [{ id: 'fw1/build', changes: 2, after: [] }] },
    { because: 'only deletes are named so', changes: both.slice(1), extra: {}, expected: [{ id: 'fw1/remove', changes: 1, after: [] }] },
    { because: 'object by object, removing waits for building', changes: both, extra: { atomicity: 'object' }, expected: [{ id: 'fw1/build', changes: 1, after: [] }, { id: 'fw1/remove', changes: 1, after: ['fw1/build'] }] },
    { because: 'what another target uses goes in a commit of its own', changes: both, extra: { before: new Map([[branch, [at('fw2', 'firewall-rule', 'x')]]]) }, expected: [{ id: 'fw1/build', changes: 1, after: [] }, { id: 'fw1/remove', changes: 1, after: ['fw1/build'] }] },
  ])('$because', ({ changes, extra, expected }) => {
    expect(batches(changes, extra).map(({ id, changes: own, after }) => ({ id, changes: own.length, after }))).toEqual(expected);
  });

  it('result is all that exists afterwards: ours as wanted, foreign as read, deleted gone, soft-deleted never', () => {
    const result = batches([update(office, { members: [] }, { members: ['192.0.2.9'] }), remove(branch, {})], {
      live: [
        live(office, { members: [] }), live(branch, { members: [] }),
        live(https, { protocol: 'tcp', ports: ['443'] }, { origin: 'foreign' }),
        live(fw('address-group', 'bin'), { members: [] }, { recoverable: {} }),
      ],
    })[0]?.result;
    expect(result?.map(({ address, origin }) => `${parseAddress(address).name} ${origin}`)).toEqual(['office ours', 'https foreign']);
    expect(result?.[0]?.spec).toEqual({ members: ['192.0.2.9'] });
  });

  it('result keeps fields that nobody wrote', () => {
    const anna = at('fw1', 'user', 'anna@x.de');
    const spec = { userPrincipalName: 'anna@x.de', jobTitle: 'Meisterin' };
    const result = batches([update(anna, { userPrincipalName: 'anna@x.de' }, { userPrincipalName: 'anna@x.de', department: 'Bau' })], { live: [live(anna, spec)] })[0]?.result;
    expect(result?.[0]?.spec).toEqual({ ...spec, department: 'Bau' });
  });

  it('result of a rename has the new name only, also in what points at it', () => {
    const result = batches([update(branch, { members: [] }, { members: [] }, office)], { live: [live(office, { members: [] }), live(rule, uses, { origin: 'foreign' })] })[0]?.result;
    expect(result?.map(({ address }) => parseAddress(address).name)).toEqual(['branch', 'wan.lan.web']);
    expect(result?.[1]?.spec).toMatchObject({ sources: ['group:branch'] });
  });

  it('result of building, object by object, still holds what is removed later', () => {
    const [build, removal] = batches(both, { atomicity: 'object', live: [live(branch, { members: [] })] });
    expect(build?.result.map(({ address }) => parseAddress(address).name)).toEqual(['branch', 'office']);
    expect(removal?.result.map(({ address }) => parseAddress(address).name)).toEqual(['office']);
  });
});
