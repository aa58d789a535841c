/** The guard of our own on the router: by really cutting the way to it, by restarts, and by people who are at work on it at the same time. */
import { request } from 'node:https';
import { afterEach, describe, expect, test } from 'vitest';
import { isProviderError, ProviderError, toAddress, type Batch, type Change, type JsonObject, type Target, type WriteSession } from '#contract';
import { writeContextFor } from '#testkit/test-context';
import type { RunningSimulator } from '#testkit/simulator';
import { customer, makeEngine, targetName, type Engine, type EngineResource } from '../../test/harness/engine.ts';
import { provider } from './index.ts';
import { simulator } from './simulator.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => { for (const stop of stops.splice(0).reverse()) await stop(); });

interface Bench {
  readonly running: RunningSimulator;
  readonly engine: Engine;
  readonly target: Target;
}

async function bench(seed: JsonObject = {}, settings: JsonObject = {}): Promise<Bench> {
  const running = await simulator.start({ customer, target: targetName, seed });
  stops.push(() => running.stop());
  const engine = makeEngine(provider, running, { ...simulator.conformance, target: { ...simulator.conformance.target, settings: { ...simulator.conformance.target.settings, ...settings } } });
  return { running, engine, target: engine.target };
}

/** Somebody else with the same rights, past the provider. */
function asAdmin(running: RunningSimulator, method: string, path: string, body?: JsonObject): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: running.host, port: running.port, ca: running.ca, method, path: `/rest/${path}`, headers: { authorization: `Basic ${Buffer.from(`soll:${running.credentials.write}`).toString('base64')}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) } }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => { text += chunk.toString(); }).on('end', () => { resolve(text === '' ? undefined : JSON.parse(text)); });
    });
    sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function entries(running: RunningSimulator): Promise<readonly Record<string, string>[]> {
  return await asAdmin(running, 'GET', 'system/scheduler') as readonly Record<string, string>[];
}

const zone = (name: string, ...interfaces: readonly string[]): EngineResource => ({ kind: 'zone', name, spec: { interfaces } });
const policy = (from: string, to: string, more: JsonObject = {}): EngineResource => ({ kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: 'drop', order: [], ...more } });
const port = (name: string, spec: JsonObject): EngineResource => ({ kind: 'switch-port', name, spec });
const vlan = (name: string, id: number, more: JsonObject = {}): EngineResource => ({ kind: 'vlan', name, spec: { id, ...more } });
const code = (run: Promise<unknown>): Promise<unknown> => run.then((value) => value, (error: unknown) => (isProviderError(error) ? error.code : error));

/** Where order decides nothing, a row that was made again stands at the end. */
function configuration(running: RunningSimulator): unknown {
  const text = (row: unknown): string => JSON.stringify(row);
  return Object.fromEntries(Object.entries(running.snapshot()).map(([menu, rows]) => [menu, /filter|nat/.test(menu) ? rows : [...(rows as readonly unknown[])].sort((a, b) => (text(a) < text(b) ? -1 : 1))]));
}

/** Tagged management on ether3, as behind a switch. */
const onVlan99: JsonObject = {
  menus: {
    'interface/bridge': [{ name: 'bridge', 'vlan-filtering': 'true' }], 'interface/bridge/vlan': [{ bridge: 'bridge', 'vlan-ids': '99', tagged: 'bridge,ether3' }], 'interface/vlan': [{ name: 'mgmt', interface: 'bridge', 'vlan-id': '99' }],
    'ip/address': [{ address: '192.168.99.1/24', interface: 'mgmt' }], 'ip/firewall/filter': [], 'ip/dhcp-server': [], 'ip/dhcp-server/network': [], 'interface/list/member': [],
  },
  management: { port: 'ether3', tag: 99, interface: 'mgmt' }, secondMs: 100,
};
const withoutFilter: JsonObject = { ...onVlan99, menus: { ...(onVlan99['menus'] as JsonObject), 'interface/bridge': [{ name: 'bridge', 'vlan-filtering': 'false' }], 'interface/bridge/vlan': [] } };

describe('the way to the router is cut, and it comes back as it was', () => {
  test.each<{ readonly because: string; readonly seed: JsonObject; readonly resources: readonly EngineResource[] }>([
    { because: 'a policy drops what manages the router', seed: { management: { port: 'ether2', interface: 'bridge' }, secondMs: 100 }, resources: [zone('lan', 'bridge'), policy('lan', 'self'), vlan('office', 20)] },
    { because: 'the trunk does not carry the management VLAN any more', seed: onVlan99, resources: [vlan('office', 20), port('ether3', { mode: 'trunk', tagged: [20] })] },
    { because: 'the port is switched off', seed: onVlan99, resources: [port('ether3', { mode: 'trunk', tagged: [99], enabled: false })] },
    { because: 'the bridge begins to look at numbers that nobody has written down', seed: withoutFilter, resources: [vlan('office', 20), port('ether2', { mode: 'access', vlan: 20 })] },
  ])('$because', async ({ seed, resources }) => {
    const { running, engine } = await bench(seed);
    const before = running.snapshot();
    const plan = await engine.plan(resources);
    expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    const results = await engine.apply(plan);
    expect(results.map(({ verdict }) => verdict)).toEqual(['reverted']);
    expect(running.snapshot()).toEqual(before);
  }, 300_000);
});

test('every step of the conformance material is taken back to the last row, and then done', async () => {
  const { running, engine } = await bench();
  for (const resources of [simulator.conformance.initial, ...simulator.conformance.steps.map((step) => step.resources)]) {
    const before = configuration(running);
    const taken = await engine.apply(await engine.plan(resources), { effect: (name) => (name === 'guard.confirm' ? Promise.reject(new ProviderError('rejected', 'not now')) : Promise.resolve()) });
    expect(taken.map(({ verdict }) => verdict)).toEqual(['reverted']);
    expect(configuration(running)).toEqual(before);
    expect((await engine.apply(await engine.plan(resources))).map(({ verdict }) => verdict)).toEqual(['converged']);
  }
}, 300_000);

const token = 'ab'.repeat(16);

/** One change under an armed guard, written by hand, without the engine. */
async function written(running: RunningSimulator, target: Target, { kind, name, spec }: EngineResource = vlan('office', 20), fence = 7): Promise<(use: (session: WriteSession) => Promise<unknown>) => Promise<unknown>> {
  const within = async (use: (each: WriteSession) => Promise<unknown>): Promise<unknown> => {
    const each = await provider.openForWrite(target, writeContextFor(running, customer, { guardToken: token, fence }));
    try { return await use(each); } finally { await each.close(); }
  };
  const change: Change = { verb: 'create', address: toAddress({ customer, target: targetName, kind, name }), reason: 'new', after: spec };
  const batch: Batch = { id: 'target/build', target: targetName, phase: 'build', changes: [change], result: [{ address: change.address, spec, origin: 'ours' }], after: [], atomicity: 'confirmed' };
  await within(async (each) => {
    await each.guard?.arm(token, 20);
    await each.apply(batch, { before: () => Promise.resolve(), after: (_change, outcome) => { expect(outcome).toEqual({ status: 'done' }); return Promise.resolve(); } });
  });
  return within;
}

const confirm = (session: WriteSession): Promise<unknown> => code(session.guard?.confirm(token) ?? Promise.resolve());
const guardState = (session: WriteSession): Promise<unknown> => code(session.guard?.state(token) ?? Promise.resolve());

test('a restart inside the window ends as it was before, and a confirmation after it is none', async () => {
  const { running, target } = await bench();
  const before = running.snapshot();
  const within = await written(running, target);
  expect(running.snapshot()).not.toEqual(before);
  await running.reboot();
  expect(running.snapshot()).toEqual(before);
  expect(await within(confirm)).toBe('conflict');
  expect(await within(guardState)).toBe('fired');
});

test('a confirmation that comes too late is none: the timer has fired', async () => {
  const { running, target } = await bench({ secondMs: 50 });
  const before = running.snapshot();
  const within = await written(running, target);
  await expect.poll(() => running.snapshot(), { timeout: 60_000, interval: 50 }).toEqual(before);
  expect(await within(confirm)).toBe('conflict');
  expect(await within(guardState)).toBe('fired');
});

test('what is confirmed stays, through a restart and past the timer, and nothing is left of the guard', async () => {
  const { running, target } = await bench();
  const within = await written(running, target);
  expect(await within(confirm)).toBeUndefined();
  expect(await entries(running)).toEqual([]);
  const after = running.snapshot();
  await running.reboot();
  expect(running.snapshot()).toEqual(after);
  expect(await within(guardState)).toBe('confirmed');
  expect(await within((session) => code(session.guard?.recover(token) ?? Promise.resolve()))).toBe('confirmed');
  expect(running.snapshot()).toEqual(after);
});

test('broken off between the confirmation and the end of the entries: the next start takes nothing back', async () => {
  const { running, target } = await bench();
  const within = await written(running, target);
  const broken = await provider.openForWrite(target, writeContextFor(running, customer, { guardToken: token, fence: 7, assertLease: once() }));
  expect(await confirm(broken)).toBe('conflict');
  await broken.close();
  expect((await entries(running)).map((row) => row['name']).sort()).toEqual(['soll-guard-boot', 'soll-guard-timer']);
  const { 'system/scheduler': _left, ...after } = running.snapshot();
  await running.reboot();
  expect(running.snapshot()).toMatchObject(after);
  expect(await within(guardState)).toBe('confirmed');
  expect(await entries(running)).toEqual([]);
});

/** The first write is allowed, and then the lease is over. */
function once(): () => void {
  let count = 0;
  return () => { if ((count += 1) > 1) throw new ProviderError('conflict', 'lease is over'); };
}

describe('somebody else inside the window: never a success', () => {
  const all = [vlan('office', 20), zone('wan', 'ether1')];
  const idOf = async (running: RunningSimulator, menu: string, name: string): Promise<string> => (await asAdmin(running, 'GET', `system/${menu}`) as readonly Record<string, string>[]).find((row) => row['name'] === name)?.['.id'] ?? '';
  const removed = (menu: string, name: string) => async (running: RunningSimulator): Promise<unknown> => asAdmin(running, 'DELETE', `system/${menu}/${await idOf(running, menu, name)}`);
  test.each<{ readonly because: string; readonly verdict: string; readonly act: (running: RunningSimulator) => Promise<unknown> }>([
    { because: 'the timer is removed', verdict: 'reverted', act: removed('scheduler', 'soll-guard-timer') },
    { because: 'what runs at startup is switched off', verdict: 'reverted', act: async (running) => asAdmin(running, 'PATCH', `system/scheduler/${await idOf(running, 'scheduler', 'soll-guard-boot')}`, { disabled: 'yes' }) },
    { because: 'the script is removed, and the way back with it', verdict: 'held', act: removed('script', 'soll-guard') },
    { because: 'a foreign rule is added', verdict: 'reverted', act: (running) => asAdmin(running, 'PUT', 'ip/firewall/filter', { chain: 'forward', action: 'accept', comment: 'kurz auf' }) },
    { because: 'our row is edited, so that it is nobody\'s to take away', verdict: 'held', act: async (running) => { await running.edits['rename-vlan']?.run(); } },
  ])('$because: $verdict', async ({ act, verdict }) => {
    const { running, engine } = await bench();
    let acted = false;
    const results = await engine.apply(await engine.plan(all), { effect: async (name) => {
      if (name !== 'guard.confirm' || acted) return;
      acted = true;
      await act(running);
    } });
    expect([acted, ...results.map((result) => result.verdict)]).toEqual([true, verdict]);
  }, 300_000);
});

test('what cannot be taken back to its end is not called taken back, and the guard tries again', async () => {
  const { running, target } = await bench({ secondMs: 50 });
  const before = configuration(running);
  const within = await written(running, target, zone('dmz', 'ether4'));
  const { '.id': foreign = '' } = await asAdmin(running, 'PUT', 'ip/firewall/filter', { chain: 'input', 'in-interface-list': 'soll-dmz', action: 'accept' }) as Record<string, string>;
  expect(await within((session) => code(session.guard?.recover(token) ?? Promise.resolve()))).toBe('unknown-outcome');
  expect(await within(confirm)).toBe('conflict');
  await asAdmin(running, 'DELETE', `ip/firewall/filter/${foreign}`);
  await expect.poll(() => configuration(running), { timeout: 60_000, interval: 50 }).toEqual(before);
  expect(await within(guardState)).toBe('fired');
});

describe('no guard, no change', () => {
  test('the scheduler is switched off by the device mode', async () => {
    const { running, engine } = await bench({ deviceMode: { mode: 'home', scheduler: 'false' } });
    const plan = await engine.plan([vlan('office', 20)]);
    expect(plan.problems.filter(({ severity }) => severity === 'error').map((problem) => problem.code)).toEqual(['routeros.guard']);
    await engine.apply(plan);
    expect(running.writes()).toEqual([]);
  });

  test('without one the plan says so, and what is refused in the middle is taken back all the same', async () => {
    const { running, engine } = await bench({}, { guard: 'none' });
    const before = running.snapshot();
    const plan = await engine.plan(simulator.conformance.initial);
    expect(plan.targets.map(({ guard }) => guard)).toEqual(['unguarded']);
    running.faults.rejectWrite?.(20);
    expect((await engine.apply(plan)).map(({ verdict }) => verdict)).toEqual(['partial']);
    expect(running.snapshot()).toEqual(before);
    expect((await engine.apply(await engine.plan(simulator.conformance.initial))).map(({ verdict }) => verdict)).toEqual(['converged']);
  });

  test('a guard of another run that is still armed is nobody else\'s', async () => {
    const { running, target } = await bench();
    await written(running, target);
    const other = await provider.openForWrite(target, writeContextFor(running, customer, { guardToken: 'cd'.repeat(16), fence: 8 }));
    expect(await code(other.guard?.arm('cd'.repeat(16), 20) ?? Promise.resolve())).toBe('rejected');
    await other.close();
    const late = await provider.openForWrite(target, writeContextFor(running, customer, { guardToken: 'ef'.repeat(16), fence: 3 }));
    expect(await code(late.guard?.arm('ef'.repeat(16), 20) ?? Promise.resolve())).toBe('conflict');
    await late.close();
  });
});
