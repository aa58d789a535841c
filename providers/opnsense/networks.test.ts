/** The interface of a VLAN and its DHCP: what is sent, in which order, and what is told before anything is. */
import { afterEach, describe, expect, test } from 'vitest';
import { parseAddress, ProviderError, SecretValue, type Batch, type JsonObject } from '#contract';
import type { Plan } from '#core/model';
import type { ConformanceResource } from '#testkit/simulator';
import { writeContextFor } from '#testkit/test-context';
import { customer, makeEngine, targetName, type Engine } from '../../test/harness/engine.ts';
import { provider } from './index.ts';
import { simulator, start, type RunningFirewall } from './simulator.ts';

const timeout = 300_000;
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => { for (const stop of stops.splice(0).reverse()) await stop(); });

async function bench(seed: JsonObject = {}): Promise<{ readonly running: RunningFirewall; readonly engine: Engine }> {
  const running = await start({ customer, target: targetName, seed: { objects: {}, ...seed } });
  stops.push(() => running.stop());
  return { running, engine: makeEngine(provider, { ...running, settings: {} }, simulator.conformance) };
}

const network = { subnet: '192.168.20.0/24', gateway: '192.168.20.1', dhcp: { from: '192.168.20.100', to: '192.168.20.199', dns: ['192.168.20.1'], leaseMinutes: 60 } };
const office = (more: JsonObject = network): ConformanceResource => ({ kind: 'vlan', name: 'office', spec: { id: 20, ...more } });
const told = (plan: Plan): readonly string[] => plan.problems.map(({ code, severity }) => `${severity} ${code}`);
const sent = (running: RunningFirewall, since = 0): readonly string[] => running.writes().slice(since).map(({ what }) => what.replace('/api/', '').replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')).filter((each) => !each.includes('soll_run'));

async function converge({ engine, running }: { readonly engine: Engine; readonly running: RunningFirewall }, resources: readonly ConformanceResource[]): Promise<readonly string[]> {
  const plan = await engine.plan(resources);
  expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  const since = running.writes().length;
  expect((await engine.apply(plan)).map(({ verdict, why }) => why ?? verdict)).toEqual(['converged']);
  expect((await engine.plan(resources)).leaves).toEqual([]);
  return sent(running, since);
}

/** In force and saved are the same, and nothing waits. */
function settled(running: RunningFirewall): JsonObject {
  const { saved, running: now } = running.snapshot() as unknown as { readonly saved: Readonly<Record<string, JsonObject>>; readonly running: { readonly vlans: JsonObject; readonly dhcp: JsonObject; readonly addresses: JsonObject } };
  expect([now.vlans, now.dhcp]).toEqual([saved['vlan'], { range: saved['range'], option: saved['option'] }]);
  return now.addresses;
}

describe('a VLAN with its network', () => {
  test('device, interface, range: each when the one before it is there, one request for one change, and all of it goes again', async () => {
    const each = await bench({ legacy: [] });
    const { running } = each;
    expect(await converge(each, [office()])).toEqual([
      'interfaces/vlan_settings/set_item/<id> {"if":"igc1","tag":"20","descr":"[soll vlan office]","vlanif":"vlan0.20"}',
      'interfaces/assignment/add_item {"if":"vlan0.20","enable":"1","type4":"staticv4","ipaddr":"192.168.20.1/24","descr":"office","lock":"0"}',
      'interfaces/vlan_settings/reconfigure', 'interfaces/assignment/reconfigure',
      'dnsmasq/settings/set_range/<id> {"interface":"opt4","start_addr":"192.168.20.100","end_addr":"192.168.20.199","lease_time":"3600","domain_type":"range","domain":"","description":"[soll vlan office]"}',
      'dnsmasq/settings/set_option/<id> {"type":"set","option":"6","interface":"opt4","value":"192.168.20.1","description":"[soll vlan office]"}',
      'dnsmasq/service/reconfigure',
    ]);
    expect(settled(running)).toMatchObject({ opt4: '192.168.20.1/24' });
    expect(await converge(each, [office({ ...network, gateway: '192.168.20.254' })])).toEqual([
      'interfaces/assignment/set_item/opt4 {"if":"vlan0.20","enable":"1","type4":"staticv4","ipaddr":"192.168.20.254/24"}', 'interfaces/assignment/reconfigure', 'interfaces/vlan_settings/reconfigure',
    ]);
    const names = (await converge(each, [])).map((what) => what.replace(/ .*/, ''));
    expect(names).toEqual(['dnsmasq/settings/del_option/<id>', 'dnsmasq/settings/del_range/<id>', 'interfaces/assignment/del_item/opt4', 'interfaces/assignment/reconfigure', 'interfaces/vlan_settings/del_item/<id>', 'interfaces/vlan_settings/reconfigure', 'interfaces/assignment/reconfigure', 'dnsmasq/service/reconfigure']);
    expect(settled(running)).not.toHaveProperty('opt4');
  }, timeout);

  test('one that somebody made by hand is taken over with its interface, and keeps both', async () => {
    const each = await bench({
      interfaces: { wan: { device: 'igc0', descr: 'WAN', ipaddr: 'dhcp' }, opt7: { device: 'vlan03', descr: 'Buero', ipaddr: '192.168.20.1', subnet: '24' } },
      objects: { vlan: { '5e0f0000-0000-4000-8000-000000000060': { if: 'igc1', tag: '20', vlanif: 'vlan03', descr: 'Büro' } } },
    });
    const { dhcp: _dhcp, ...plain } = network;
    expect((await each.engine.plan([office(plain)])).summary).toMatchObject({ create: 0, delete: 0 });
    await converge(each, [office(plain)]);
    const writes = await converge(each, [office()]);
    expect(writes.filter((what) => what.includes('assignment/') && !what.endsWith('reconfigure'))).toEqual([]);
    expect(writes.find((what) => what.includes('set_range'))).toContain('"interface":"opt7"');
  }, timeout);

  test.each([1, 2, 3, 4, 5, 6])('what is refused at write %i is taken back whole', async (nth) => {
    const each = await bench();
    const before = each.running.snapshot();
    const plan = await each.engine.plan([office()]);
    each.running.faults.rejectWrite?.(nth);
    const [result] = await each.engine.apply(plan);
    each.running.faults.clear();
    if (result?.verdict === 'converged') return;
    expect(result?.verdict).toBe('partial');
    const { saved, interfaces, running } = each.running.snapshot() as Readonly<Record<string, JsonObject>>;
    expect({ ...saved, alias: {} }).toEqual({ ...(before['saved'] as JsonObject), alias: {} });
    expect([interfaces, running?.['vlans'], running?.['addresses']]).toEqual([before['interfaces'], (before['running'] as JsonObject)['vlans'], (before['running'] as JsonObject)['addresses']]);
  }, timeout);

  test('an interface is not assigned twice when its answer is lost', async () => {
    const each = await bench();
    const batch = (await each.engine.plan([office()])).targets[0]?.batches[0] as Batch;
    const context = writeContextFor(each.running, customer, { fence: 5 });
    let lost = 0;
    const session = await provider.openForWrite(each.engine.target, { ...context, clock: { ...context.clock, sleep: () => Promise.resolve() }, httpClient: (options) => {
      const client = context.httpClient(options);
      return { ...client, request: async (request) => {
        const answer = await client.request(request);
        if (!request.url.endsWith('assignment/add_item') || (lost += 1) > 1) return answer;
        throw new ProviderError('unknown-outcome', 'no answer');
      } };
    } });
    await session.apply(batch, { before: () => Promise.resolve(), after: (_change, outcome) => { expect(outcome).toEqual({ status: 'done' }); return Promise.resolve(); } });
    await session.close();
    expect(settled(each.running)).toMatchObject({ opt4: '192.168.20.1/24' });
    expect((await each.engine.plan([office()])).targets.flatMap(({ batches }) => batches)).toEqual([]);
  }, timeout);
});

describe('what is told before anything is sent', () => {
  const made = (more: JsonObject): JsonObject => ({ interfaces: { wan: { device: 'igc0', descr: 'WAN', ipaddr: 'dhcp' }, opt7: { device: 'vlan03', descr: 'Buero', ipaddr: '192.168.20.1', subnet: '24' } }, objects: { vlan: { '5e0f0000-0000-4000-8000-000000000060': { if: 'igc1', tag: '20', vlanif: 'vlan03', descr: '[soll vlan office]' } }, ...more } });

  test('Dnsmasq does not run; somebody has a range there; it has no API for interfaces', async () => {
    expect(told(await (await bench({ dnsmasq: 'off' })).engine.plan([office()]))).toContain('error opnsense.dhcp-off');
    const byHand = await bench(made({ range: { '5e0f0000-0000-4000-8000-000000000061': { interface: 'opt7', start_addr: '192.168.20.10', end_addr: '192.168.20.20' } } }));
    expect(told(await byHand.engine.plan([office()]))).toContain('error opnsense.dhcp-by-hand');
    const old = await (await bench({ old: true })).engine.plan([office()]);
    expect(old.targets.map(({ status, why }) => [status, why?.includes('26.7.6')])).toEqual([['unreachable', true]]);
  }, timeout);

  test('an interface with rules of others is not deleted, because they would go with it', async () => {
    const each = await bench(made({ rule: { '5e0f0000-0000-4000-8000-000000000062': { sequence: '1', interface: 'opt7', description: 'Drucker' } } }));
    await converge(each, [office({ subnet: network.subnet, gateway: network.gateway })]);
    const plan = await each.engine.plan([]);
    expect(plan.leaves.flatMap(({ addresses }) => addresses.map((address) => parseAddress(address).name))).toEqual([]);
    expect(told(plan)).toContain('error opnsense.interface-in-use');
  }, timeout);
});

test('what waits to be applied goes back with the guard', async () => {
  const running = await start({ customer, target: targetName, seed: { objects: {}, ssh: { speed: 60 } } });
  stops.push(() => running.stop());
  const engine = makeEngine(provider, running, simulator.conformance);
  const before = running.snapshot();
  const batch = (await engine.plan([office()])).targets[0]?.batches[0] as Batch;
  const token = 'ab'.repeat(16);
  const context = writeContextFor(running, customer, { fence: 5, guardToken: token });
  const session = await provider.openForWrite(engine.target, { ...context, reveal: (ref) => (ref.$secret === 'fw-ssh' ? Promise.resolve(new SecretValue(ref.$secret, running.sshKey)) : context.reveal(ref)), httpClient: (options) => {
    const client = context.httpClient(options);
    // The process ends when the interface is saved, before it is applied.
    return { ...client, request: (request) => (request.url.endsWith('vlan_settings/reconfigure') ? Promise.reject(new Error('killed')) : client.request(request)) };
  } });
  await session.guard?.arm(token, 60);
  await expect(session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() })).rejects.toThrow('killed');
  expect(running.shell?.read('tmp/.interfaces.todo')).toContain('192.168.20.1');
  await expect.poll(() => session.guard?.state(token), { timeout: 120_000, interval: 50 }).toBe('fired');
  await session.close();
  expect(running.snapshot()).toEqual(before);
  expect(() => running.shell?.read('tmp/.interfaces.todo')).toThrow('ENOENT');
}, timeout);
