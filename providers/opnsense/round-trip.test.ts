/** What is written is what is read: on the objects of the device alone, without a device. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, toAddress, type Address, type Batch, type Change, type Desired, type Target } from '#contract';
import { kinds } from '#kinds/registry';
import type { ConformanceResource } from '#testkit/simulator';
import { arbitraryFirewall } from '../../test/harness/arbitrary-firewall.ts';
import { checkDesired } from './check.ts';
import type { Row } from './model.ts';
import { numberPlaces, orderOf, type Place } from './order.ts';
import { parseDevice, type Parsed } from './parse.ts';
import { planWrites, type Write } from './write-plan.ts';

const target: Target = {
  customer: 'c', name: 't', provider: 'opnsense', address: 'h', identity: ['tls:AA'], credentials: { read: { $secret: 'r' }, write: { $secret: 'w' } }, settings: { external: ['wan'], vlanParent: 'igc1' },
  manages: { zone: 'merge', 'address-group': 'merge', service: 'merge', 'firewall-policy': 'merge', 'firewall-rule': 'merge', 'port-forward': 'merge', masquerade: 'merge', vlan: 'merge' },
};

function desired(resources: readonly ConformanceResource[]): readonly Desired[] {
  return resources.map(({ kind, name, spec }) => ({ address: toAddress({ customer: 'c', target: 't', kind, name }), spec: kinds.get(kind)?.canonical(spec) ?? spec, dependsOn: [], source: { file: 'f', line: 1, column: 1 } }));
}

/** Without what the check refuses for its meaning, which the generator does not care for. */
function possible(resources: readonly ConformanceResource[]): readonly Desired[] {
  const all = desired(resources);
  const refused = new Set(checkDesired(all, target).filter(({ code }) => ['opnsense.never-matches', 'opnsense.from-self'].includes(code)).map(({ address }) => address));
  const ofSelf = ({ address }: Desired): boolean => parseAddress(address).kind === 'firewall-rule' && parseAddress(address).name.startsWith('self.');
  const kept = all.filter((resource) => !refused.has(resource.address) && !ofSelf(resource));
  const names = new Set(kept.map(({ address }) => parseAddress(address).name));
  return kept.map((each) => (parseAddress(each.address).kind !== 'firewall-policy' ? each : { ...each, spec: { ...each.spec, order: (each.spec['order'] as readonly string[]).filter((rule) => names.has(`${parseAddress(each.address).name}.${rule}`)) } }));
}

function changesTo(next: readonly Desired[], parsed: Parsed): readonly Change[] {
  const now = new Map(parsed.live.map((live) => [live.address, live.spec]));
  const wanted = new Map(next.map(({ address, spec }) => [address, spec]));
  const differs = (address: Address): boolean => JSON.stringify(kinds.get(parseAddress(address).kind)?.canonical(now.get(address) ?? {})) !== JSON.stringify(wanted.get(address));
  return [
    ...next.filter(({ address }) => differs(address)).map(({ address, spec }): Change => ({ verb: now.has(address) ? 'update' : 'create', address, reason: 'new', after: spec })),
    ...[...now].filter(([address]) => !wanted.has(address)).map(([address, before]): Change => ({ verb: 'delete', address, reason: 'removed', before })),
  ];
}

function written(rows: readonly Row[], writes: readonly Write[]): readonly Row[] {
  const next = new Map(rows.map((row) => [row.uuid, row]));
  for (const { verb, module, uuid, values } of writes) {
    if (verb === 'delete') next.delete(uuid);
    else next.set(uuid, { module, uuid, position: next.get(uuid)?.position ?? next.size, values: { ...next.get(uuid)?.values, ...values } });
  }
  return [...next.values()];
}

function apply(rows: readonly Row[], next: readonly Desired[]): readonly Row[] {
  const parsed = parseDevice({ rows, legacyRules: 0, legacyInterfaces: [] }, target);
  const changes = changesTo(next, parsed);
  const batch: Batch = { id: 't/build', target: 't', phase: 'build', changes, result: next.map(({ address, spec }) => ({ address, spec, origin: 'ours' })), after: [], atomicity: 'staged' };
  const { groups, rest } = planWrites(batch, parsed);
  return written(rows, [...groups, ...rest]);
}

const specs = (list: readonly { readonly address: Address; readonly spec: Desired['spec'] }[]): readonly string[] => list.map(({ address, spec }) => `${address} ${JSON.stringify(kinds.get(parseAddress(address).kind)?.canonical(spec))}`).sort();

describe('a firewall on OPNsense', () => {
  it('is read as it was written, in place of whatever stood there, and then there is nothing to write', () => {
    fc.assert(fc.property(arbitraryFirewall, arbitraryFirewall, (first, second) => {
      let rows: readonly Row[] = [];
      for (const resources of [possible(first), possible(second)]) {
        rows = apply(rows, resources);
        const parsed = parseDevice({ rows, legacyRules: 0, legacyInterfaces: [] }, target);
        expect(specs(parsed.live)).toEqual(specs(resources));
        expect(parsed.exact.size).toBe(resources.length);
        expect(changesTo(resources, parsed)).toEqual([]);
      }
    }), { numRuns: 60 });
  });

  it('tells every change of a field that matters, and never takes a copy for its own', () => {
    fc.assert(fc.property(arbitraryFirewall, fc.nat(), fc.nat(), fc.constantFrom('enabled', 'disabled', 'interface', 'source_net', 'destination_net', 'destination_port', 'direction', 'quick', 'gateway', 'protocol', 'action', 'content', 'members', 'target', 'log'), (resources, which, copyOf, field) => {
      const rows = apply([], possible(resources));
      const row = rows[which % Math.max(1, rows.length)];
      const copied = rows[copyOf % Math.max(1, rows.length)];
      if (row === undefined || copied === undefined || row.values[field] === undefined || field === 'log' && row.module === 'snat') return;
      const before = parseDevice({ rows, legacyRules: 0, legacyInterfaces: [] }, target);
      const odd = { ...row, values: { ...row.values, [field]: row.values[field] === '1' ? '0' : field === 'quick' || field === 'log' || field === 'disabled' ? '1' : field === 'action' ? (row.values[field] === 'block' ? 'pass' : 'block') : '198.18.0.1' } };
      const after = parseDevice({ rows: rows.map((each) => (each === row ? odd : each)), legacyRules: 0, legacyInterfaces: [] }, target);
      expect(specs(after.live)).not.toEqual(specs(before.live));
      if (copied.module === 'alias') return;
      const copy = parseDevice({ rows: [{ ...copied, uuid: '5e0f0000-0000-4000-8000-0000000000fe' }, ...rows], legacyRules: 0, legacyInterfaces: [] }, target);
      expect(specs(copy.live.filter(({ origin }) => origin === 'ours'))).toEqual(specs(before.live));
      if (copied.module !== 'group') expect(parseDevice({ rows: [{ ...copied, uuid: '5e0f0000-0000-4000-8000-0000000000fe' }], legacyRules: 0, legacyInterfaces: [] }, target).live.filter(({ origin }) => origin === 'ours')).toEqual([]);
    }), { numRuns: 150 });
  });
});

describe('numbers of rules', () => {
  const places = fc.array(fc.option(fc.integer({ min: 1, max: 999_999 }), { nil: undefined }), { maxLength: 60 }).map((list): readonly Place[] => list.map((sequence, index) => ({ uuid: String(index), ...(sequence === undefined ? {} : { sequence }) })));

  it('put all into order, and touch none that is in order already', () => {
    fc.assert(fc.property(places, (list) => {
      const numbers = numberPlaces(list);
      const after = list.map(({ uuid, sequence }) => numbers.get(uuid) ?? sequence ?? 0);
      expect(after.every((number, index) => number >= 1 && number <= 999_999 && number > (after[index - 1] ?? 0))).toBe(true);
      expect(numberPlaces(list.map(({ uuid }, index) => ({ uuid, sequence: after[index] ?? 0 }))).size).toBe(0);
    }), { numRuns: 200 });
  });

  it.each([
    { because: 'as it must be', sequence: ['lan.self.a', 'lan.self', 'lan.dmz', 'lan.wan.b', 'lan.wan'], told: { 'lan.self': ['a'], 'lan.dmz': [], 'lan.wan': ['b'] } },
    { because: 'outside stands before what is narrower', sequence: ['lan.self.a', 'lan.self', 'lan.wan.b', 'lan.wan', 'lan.dmz'], told: { 'lan.self': ['a'], 'lan.dmz': [], 'lan.wan': ['[not in its place]', 'b'] } },
    { because: 'a rule stands among those of another pair', sequence: ['lan.self.a', 'lan.self', 'lan.dmz', 'lan.self.c', 'lan.wan'], told: { 'lan.self': ['[not in its place]', 'a', '[default]', 'c'], 'lan.dmz': ['[not in its place]'], 'lan.wan': [] } },
    { because: 'a rule stands behind the default', sequence: ['lan.self', 'lan.self.a', 'lan.wan'], told: { 'lan.self': ['[default]', 'a'], 'lan.wan': [] } },
    { because: 'parts of two rules are mixed', sequence: ['lan.wan.a', 'lan.wan.b', 'lan.wan.a', 'lan.wan'], told: { 'lan.wan': ['a', 'b', 'a'] } },
  ])('are read as an order: $because', ({ sequence, told }) => {
    const rows = sequence.map((name, index) => ({ name, kind: name.split('.').length === 3 ? 'firewall-rule' as const : 'firewall-policy' as const, row: { module: 'rule' as const, uuid: String(index), position: index, values: { sequence: String(index * 10 + 1) } } }));
    expect(Object.fromEntries(orderOf(rows, new Set(['wan'])))).toEqual(told);
  });

  it.each([
    { because: 'one moves to the top', before: [100, 200, 300, undefined], list: [2, 0, 1], moved: 1 },
    { because: 'one comes between two', before: [100, 200, undefined], list: [0, 2, 1], moved: 1 },
    { because: 'there is no room, so all are numbered anew', before: [100, 101, undefined], list: [0, 2, 1], moved: 2 },
    { because: 'the first and the last change places', before: [100, 200, 300, 400], list: [3, 1, 2, 0], moved: 2 },
  ])('$because: $moved written', ({ before, list, moved }) => {
    expect(numberPlaces(list.map((index) => ({ uuid: String(index), ...(before[index] === undefined ? {} : { sequence: before[index] }) }))).size).toBe(moved);
  });
});
