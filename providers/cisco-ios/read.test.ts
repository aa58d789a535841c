/** What a switch is read as, and what is said to changes before anything is written. */
import { afterEach, describe, expect, test } from 'vitest';
import { parseAddress, toAddress, type Change, type JsonObject, type Live, type ReadSession } from '#contract';
import { readContextFor } from '#testkit/test-context';
import type { RunningSimulator } from '#testkit/simulator';
import { customer, makeEngine, targetName, type Engine } from '../../test/harness/engine.ts';
import { provider } from './index.ts';
import { simulator } from './simulator.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => { for (const stop of stops.splice(0).reverse()) await stop(); });

async function open(seed: JsonObject = {}): Promise<{ readonly running: RunningSimulator; readonly engine: Engine; readonly session: ReadSession; readonly live: ReadonlyMap<string, Live> }> {
  const running = await simulator.start({ customer, target: targetName, seed });
  stops.push(() => running.stop());
  const engine = makeEngine(provider, running, simulator.conformance);
  const session = await provider.open(engine.target, readContextFor(running, customer));
  stops.push(() => session.close());
  const live = await session.read(['vlan', 'switch-port']);
  return { running, engine, session, live: new Map(live.map((each) => [parseAddress(each.address).name, each])) };
}

const gi = (number: number): string => `GigabitEthernet1/0/${String(number)}`;
const ports = {
  [gi(1)]: {}, [gi(2)]: { mode: 'access', accessVlan: 99, description: 'Kasse' }, [gi(3)]: { mode: 'trunk', native: 99, allowed: [10, 20, 99, 1002, 1003, 1004, 1005] }, [gi(4)]: { mode: 'trunk' }, [gi(5)]: { accessVlan: 10 },
  [gi(6)]: { routed: true }, [gi(7)]: { mode: 'trunk', channelGroup: '1 mode active' }, [gi(8)]: { other: ['switchport mode dot1q-tunnel'] }, [gi(9)]: { other: ['switchport access vlan dynamic'], mode: 'access' }, 'Port-channel1': { mode: 'trunk', allowed: [10] },
};

test('ports and VLANs, and whose they are', async () => {
  const { live } = await open({ running: { hostname: 'sw1', ports, vlans: { 10: { name: 'office' }, 20: {}, 99: { name: 'management' } } } });
  const of = (name: string): unknown => { const each = live.get(name); return each === undefined ? undefined : { spec: each.spec, origin: each.origin, locked: each.readOnly !== undefined }; };
  expect([...live.keys()].sort()).toEqual([...[2, 3, 4, 5, 6, 7, 8, 9].map(gi), 'Port-channel1', 'VLAN0020', 'management', 'office'].sort());
  expect(of(gi(2))).toEqual({ spec: { mode: 'access', vlan: 99, description: 'Kasse', enabled: true, poe: true, role: 'uplink' }, origin: 'foreign', locked: false });
  expect(of(gi(3))).toEqual({ spec: { mode: 'trunk', native: 99, tagged: [10, 20], enabled: true, poe: true, role: 'uplink' }, origin: 'foreign', locked: false });
  expect(of(gi(4))).toEqual({ spec: { mode: 'trunk', native: 1, enabled: true, poe: true, role: 'uplink' }, origin: 'foreign', locked: false });
  expect(of(gi(5))).toEqual({ spec: { vlan: 10, enabled: true, poe: true, role: 'uplink' }, origin: 'foreign', locked: false });
  expect(of('Port-channel1')).toEqual({ spec: { mode: 'trunk', tagged: [10], enabled: true, role: 'uplink' }, origin: 'foreign', locked: false });
  expect([gi(6), gi(7)].map((name) => live.get(name)?.origin)).toEqual(['system', 'system']);
  expect([gi(6), gi(7), gi(8), gi(9)].map((name) => live.get(name)?.readOnly !== undefined)).toEqual([true, true, true, true]);
  expect([of('office'), of('VLAN0020')]).toEqual([{ spec: { id: 10 }, origin: 'foreign', locked: false }, { spec: { id: 20 }, origin: 'foreign', locked: false }]);
});

test('what was read, written as it is, changes nothing', async () => {
  const { engine, live } = await open({ running: { hostname: 'sw1', ports: { [gi(2)]: ports[gi(2)] ?? {}, [gi(3)]: ports[gi(3)] ?? {} } } });
  const resources = [...live].map(([name, { address, spec }]) => ({ kind: parseAddress(address).kind, name, spec }));
  const plan = await engine.plan(resources);
  expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(plan.summary).toMatchObject({ create: 0, update: 0, delete: 0, adopt: resources.length });
  expect(resources.length).toBeGreaterThan(2);
});

test.each([{ profile: 'ios', ends: 'end\n' }, { profile: 'small-business', ends: 'exit\n' }])('the whole configuration of $profile is handed out, and is the same until somebody changes it', async ({ profile, ends }) => {
  const { running, session } = await open({ profile });
  const first = await session.exportConfiguration?.();
  expect(first?.text.endsWith(ends)).toBe(true);
  expect(first?.text).not.toContain('Building');
  expect((await session.exportConfiguration?.())?.comparable).toBe(first?.comparable);
  await running.edits['shut-port']?.run();
  expect((await session.exportConfiguration?.())?.comparable).not.toBe(first?.comparable);
  running.faults.breakRead?.();
  await expect(session.exportConfiguration?.()).rejects.toMatchObject({ code: 'protocol' });
});

test('a VLAN database that belongs to VTP is shown and not touched', async () => {
  const { live } = await open({ vtp: 'client' });
  expect(live.get('management')?.readOnly).toContain('VTP is in client mode');
});

describe('changes are looked at before anything is written', () => {
  const change = (kind: string, name: string, more: Partial<Change>): Change => ({ verb: 'create', reason: 'new', address: toAddress({ customer, target: targetName, kind, name }), ...more });
  test('each with its reason', async () => {
    const { session } = await open({ running: { hostname: 'sw1', ports: { ...ports, [gi(13)]: {} }, vlans: { 10: { name: 'office' }, 99: { name: 'management' } } } });
    const codes = async (each: Change): Promise<readonly string[]> => ((await session.review?.([each])) ?? []).map((problem) => problem.code);
    expect(await codes(change('switch-port', gi(77), { after: { mode: 'access' } }))).toEqual(['cisco.no-such-port']);
    expect(await codes(change('switch-port', gi(6), { after: { mode: 'access' } }))).toEqual(['cisco.system-port']);
    expect(await codes(change('switch-port', gi(13), { after: { mode: 'access', poe: true } }))).toEqual(['cisco.no-power']);
    expect(await codes(change('switch-port', gi(3), { verb: 'update', after: { mode: 'trunk', tagged: [99] } }))).toEqual(['cisco.native']);
    expect(await codes(change('vlan', 'management', { verb: 'delete', before: { id: 99 } }))).toEqual(['cisco.addressed-vlan']);
    expect(await codes(change('vlan', 'office', { after: { id: 30 } }))).toEqual(['cisco.vlan-name']);
    expect(await codes(change('vlan', 'guests', { after: { id: 30 } }))).toEqual([]);
  });
});
