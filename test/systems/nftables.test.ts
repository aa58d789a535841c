/** The provider against the real thing: nft, sshd and systemd of Debian, with traffic that passes or does not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Provider } from '#contract';
import { makeClientKey } from '#testkit/ssh-server';
import type { ConformanceResource, RunningSimulator } from '#testkit/simulator';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { simulator } from '../../providers/nftables/simulator.ts';
import { loadProvider } from '../../src/providers.ts';
import { customer, makeEngine, type Engine } from '../harness/engine.ts';
import { requirements, startDevice, stopAll, type Device } from './device.ts';

const why = requirements();
const required = process.env['SOLL_REQUIRE_SYSTEMS'] === '1';
if (why !== undefined) process.stdout.write(`real nftables tests ${required ? 'are required and cannot run' : 'skipped'}: ${why}\n`);

test.runIf(why !== undefined && required)('real devices can run here', () => { expect(why).toBeUndefined(); });

interface Setup {
  readonly device: Device;
  readonly engine: Engine;
  readonly provider: Provider;
  readonly running: RunningSimulator;
}

const read = makeClientKey();
const write = makeClientKey();

/** What the harness needs to know of a stand-in, told of a real device. */
function asRunning(device: Device): RunningSimulator {
  return {
    host: device.host, port: device.port, address: device.host, identity: [`ssh:${device.hostKeyPin}`], credentials: { read: read.privateKey, write: write.privateKey },
    snapshot: () => ({}), writes: () => [], edits: {}, faults: { clear: () => undefined }, reboot: () => device.reboot(), stop: () => device.stop(),
  };
}

async function setUp(): Promise<Setup> {
  const device = await startDevice({ authorizedKeys: [read.publicKey, write.publicKey] });
  const { provider } = await loadProvider('nftables');
  const running = asRunning(device);
  return { device, provider, running, engine: makeEngine(provider, running, simulator.conformance) };
}

const zone = (name: string, ...interfaces: readonly string[]): ConformanceResource => ({ kind: 'zone', name, spec: { interfaces } });
const service = (name: string, ...ports: readonly string[]): ConformanceResource => ({ kind: 'service', name, spec: { ports } });
const policy = (from: string, to: string, order: readonly string[], more: object = {}): ConformanceResource => ({ kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: 'drop', order, ...more } });
const rule = (from: string, to: string, name: string, more: object = {}): ConformanceResource => ({ kind: 'firewall-rule', name: `${from}.${to}.${name}`, spec: { from, to, action: 'accept', ...more } });

const base = [zone('wan', 'eth0'), zone('lan', 'eth1'), service('ssh', 'tcp/22'), service('web', 'tcp/8080'), service('ping', 'icmp')];
const management = [policy('wan', 'self', ['ssh', 'ping']), rule('wan', 'self', 'ssh', { services: ['ssh'], log: true, comment: 'Verwaltung Büro' }), rule('wan', 'self', 'ping', { services: ['ping'] })];
const usual = [...base, ...management, policy('lan', 'wan', ['web']), rule('lan', 'wan', 'web', { services: ['web'] }), { kind: 'masquerade', name: 'internet', spec: { from: 'lan', to: 'wan' } }];

async function converge(engine: Engine, resources: readonly ConformanceResource[]): Promise<void> {
  const plan = await engine.plan(resources);
  expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(plan.targets.map(({ status, why: reason }) => reason ?? status)).toEqual(['ready']);
  const results = await engine.apply(plan);
  expect(results.map(({ verdict, why: reason }) => reason ?? verdict)).toEqual(results.map(() => 'converged'));
  expect((await engine.plan(resources)).leaves).toEqual([]);
}

/** A listener on a side for one connection; resolves to whether a client on the other side reached it. */
async function reaches(listen: (...argv: string[]) => Promise<unknown>, dial: (...argv: string[]) => Promise<{ code: number; stdout: string }>, address: string, port: number, dialled = { address, port }): Promise<boolean> {
  listen('sh', '-c', `echo hello | timeout 4 nc -n -l -s ${address} -p ${String(port)} -q 1`).catch(() => undefined);
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  const { stdout } = await dial('sh', '-c', `nc -n -w 2 ${dialled.address} ${String(dialled.port)} < /dev/null`);
  await dial('true');
  const reached = stdout.includes('hello');
  return reached;
}

describe.skipIf(why !== undefined)('real nftables', () => {
  afterAll(() => stopAll());
  let setup: Setup;
  beforeAll(async () => { setup = await setUp(); });

  test('every step of the conformance material converges on real nft; foreign tables stay byte for byte', async () => {
    const { engine, device } = setup;
    await device.exec('nft', 'add', 'table', 'ip', 'docker');
    await device.exec('nft', 'add', 'chain', 'ip', 'docker', 'FORWARD', '{ type filter hook forward priority 5; }');
    await device.exec('nft', 'add', 'rule', 'ip', 'docker', 'FORWARD', 'iifname', 'docker0', 'counter', 'accept');
    const before = (await device.exec('nft', 'list', 'table', 'ip', 'docker')).stdout;
    expect(before).toContain('docker0');
    // The way in must stay open: the material's own policy for wan only lets in documentation addresses.
    const way = rule('wan', 'self', 'way-in', { sources: [device.wanClient], services: ['ssh'] });
    const open = (resources: readonly ConformanceResource[]): readonly ConformanceResource[] => {
      const services = resources.some(({ kind, name }) => kind === 'service' && name === 'ssh') ? [] : [service('ssh', 'tcp/22')];
      return [...resources.map((each) => (each.kind === 'firewall-policy' && each.name === 'wan.self' ? { ...each, spec: { ...each.spec, order: [...(each.spec['order'] as string[]), 'way-in'] } } : each)), ...services, way];
    };
    for (const resources of [simulator.conformance.initial, ...simulator.conformance.steps.map((step) => step.resources)]) await converge(engine, open(resources));
    for (const entry of simulator.conformance.hostile) {
      const resources = open([...simulator.conformance.initial, entry].flat());
      const refused = setup.provider.check(engine.state(resources).resources, engine.target).some(({ severity }) => severity === 'error');
      if (!refused) await converge(engine, resources);
    }
    expect((await device.exec('nft', 'list', 'table', 'ip', 'docker')).stdout).toBe(before);
  });

  test('traffic passes where a rule allows it, and nowhere else', async () => {
    const { engine, device } = setup;
    await converge(engine, usual);
    expect(await reaches(device.fromWan, device.fromLan, device.wanClient, 8080)).toBe(true);
    expect(await reaches(device.fromWan, device.fromLan, device.wanClient, 8081)).toBe(false);
    expect((await device.fromWan('ping', '-c', '1', '-W', '2', device.host)).code).toBe(0);
    expect((await device.fromLan('ping', '-c', '1', '-W', '1', device.lanDevice)).code).not.toBe(0);
    const forward = { kind: 'port-forward', name: 'inside', spec: { from: 'wan', protocol: 'tcp', port: 9443, destination: device.lanClient, destinationPort: 8443 } };
    await converge(engine, [...usual, forward]);
    expect(await reaches(device.fromLan, device.fromWan, device.lanClient, 8443, { address: device.host, port: 9443 })).toBe(true);
    await converge(engine, usual);
    expect(await reaches(device.fromLan, device.fromWan, device.lanClient, 8443, { address: device.host, port: 9443 })).toBe(false);
  });

  test('what somebody does with nft by hand is drift and goes', async () => {
    const { engine, device } = setup;
    await converge(engine, usual);
    await device.exec('nft', 'insert', 'rule', 'inet', 'soll', 'policy.wan.self', 'tcp', 'dport', '3389', 'accept', 'comment', '"rdp"');
    await device.exec('nft', 'add', 'rule', 'inet', 'soll', 'input', 'ip', 'saddr', '192.0.2.0/24', 'counter', 'accept');
    await device.exec('nft', 'add', 'set', 'inet', 'soll', 'mine', '{ type ipv4_addr; }');
    await device.exec('nft', 'add', 'element', 'inet', 'soll', 'service.web.tcp', '{ 9999 }');
    const plan = await engine.plan(usual);
    expect(plan.summary.drift).toBe(4);
    await converge(engine, usual);
    expect((await device.exec('nft', 'list', 'table', 'inet', 'soll')).stdout).not.toMatch(/3389|192\.0\.2\.0|9999|mine/);
  });

  test('a rule that locks us out is undone by the guard', async () => {
    const { engine, device } = setup;
    await converge(engine, usual);
    // Nobody may reach the device any more but a stranger: check lets it through, the device takes it back.
    const locked = usual.map((each) => (each.name === 'wan.self.ssh' ? rule('wan', 'self', 'ssh', { services: ['ssh'], sources: ['203.0.113.77'] }) : each));
    const results = await engine.apply(await engine.plan(locked));
    expect(results.map(({ verdict }) => verdict)).toEqual(['reverted']);
    await converge(engine, usual);
    expect((await device.exec('systemctl', 'list-timers', '--no-legend')).stdout).not.toContain('soll-guard');
  }, 120_000);

  test('a confirmed table survives a reboot; one that was not confirmed does not', async () => {
    const { engine, device, provider, running } = setup;
    await converge(engine, usual);
    await device.reboot();
    expect((await engine.plan(usual)).leaves).toEqual([]);
    const { target } = engine;
    const context = writeContextFor(running, customer, { fence: engine.records.length });
    const session = await provider.openForWrite(target, context);
    await session.guard?.arm(context.guardToken, 600);
    const changed = [...usual, service('late', 'tcp/1234')];
    const batch = (await engine.plan(changed)).targets[0]?.batches[0];
    if (batch === undefined) throw new Error('no batch');
    await session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() });
    await session.close();
    expect((await device.exec('nft', 'list', 'table', 'inet', 'soll')).stdout).toContain('service.late');
    await device.reboot();
    expect((await engine.plan(usual)).leaves).toEqual([]);
    const again = await provider.openForWrite(target, writeContextFor(running, customer, { fence: engine.records.length }));
    expect(await again.guard?.state(context.guardToken)).toBe('fired');
    await again.close();
  }, 120_000);

  test('the timer fires by itself when nobody comes back', async () => {
    const { engine, device, provider, running } = setup;
    await converge(engine, usual);
    const context = writeContextFor(running, customer, { fence: engine.records.length });
    const session = await provider.openForWrite(engine.target, context);
    await session.guard?.arm(context.guardToken, 3);
    const batch = (await engine.plan([...usual, service('late', 'tcp/1234')])).targets[0]?.batches[0];
    if (batch === undefined) throw new Error('no batch');
    await session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() });
    await session.close();
    expect((await device.exec('nft', 'list', 'table', 'inet', 'soll')).stdout).toContain('service.late');
    await expect.poll(async () => (await device.exec('nft', 'list', 'table', 'inet', 'soll')).stdout.includes('service.late'), { timeout: 20_000, interval: 500 }).toBe(false);
    expect((await engine.plan(usual)).leaves).toEqual([]);
  });

  test('a run that died is recovered by its token alone', async () => {
    const { engine } = setup;
    await converge(engine, usual);
    const changed = [...usual, service('late', 'tcp/1234')];
    const plan = await engine.plan(changed);
    await expect(engine.apply(plan, { effect: (name) => (name === 'verify' ? Promise.reject(new Error('killed')) : Promise.resolve()) })).rejects.toThrow('killed');
    const results = await engine.recover();
    expect(results.map(({ verdict }) => verdict)).toEqual(['converged']);
    expect((await engine.plan(changed)).leaves).toEqual([]);
    await converge(engine, usual);
  });

  test('ten devices are planned in parallel', async () => {
    const { provider } = setup;
    const others = await Promise.all(Array.from({ length: 10 }, () => startDevice({ authorizedKeys: [read.publicKey, write.publicKey] })));
    const engines = others.map((device) => makeEngine(provider, asRunning(device), simulator.conformance));
    const plans = await Promise.all(engines.map((engine) => engine.plan(usual)));
    expect(plans.map(({ summary }) => summary.create)).toEqual(others.map(() => usual.length));
    expect(new Set(plans.map(({ digest }) => digest)).size).toBe(10);
  }, 180_000);

  test('another host key is nobody we speak to', async () => {
    const { engine, provider, running } = setup;
    const target = { ...engine.target, identity: [`ssh:SHA256:${'A'.repeat(43)}`] };
    await expect(provider.open(target, readContextFor(running, customer))).rejects.toMatchObject({ code: 'identity' });
  });
});
