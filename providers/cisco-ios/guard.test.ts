/** The dead-man's switches of the device, by really cutting the way to it, by reboots, and by people who are at work on it at the same time. */
import { afterEach, describe, expect, test } from 'vitest';
import { isProviderError, toAddress, type Batch, type Change, type JsonObject, type Target, type WriteSession } from '#contract';
import { readContextFor, writeContextFor } from '#testkit/test-context';
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
  const engine = makeEngine(provider, running, { ...simulator.conformance, target: { ...simulator.conformance.target, settings } });
  return { running, engine, target: engine.target };
}

const port = (name: string, spec: JsonObject): EngineResource => ({ kind: 'switch-port', name, spec });
const vlan = (name: string, id: number): EngineResource => ({ kind: 'vlan', name, spec: { id } });
const uplink = 'GigabitEthernet1/0/24';
const onVlan99 = { hostname: 'sw1', vlans: { 99: { name: 'management' } }, ports: { [uplink]: { mode: 'trunk', native: 5, allowed: [5, 99] }, 'GigabitEthernet1/0/1': {} } };
const through = (more: JsonObject = {}): JsonObject => ({ running: onVlan99, management: { port: uplink, vlan: 99 }, cutMs: 1500, ...more });

const verdicts = async (engine: Engine, resources: readonly EngineResource[]): Promise<readonly unknown[]> => {
  const plan = await engine.plan(resources);
  expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return (await engine.apply(plan)).map(({ verdict }) => verdict);
};
const state = (running: RunningSimulator): JsonObject => running.snapshot();
const code = (run: Promise<unknown>): Promise<unknown> => run.then(() => undefined, (error: unknown) => (isProviderError(error) ? error.code : error));

/** One change under an armed guard, written by hand, without the engine. */
async function written(running: RunningSimulator, target: Target, token = 'ab'.repeat(16), fence = 7): Promise<(use: (session: WriteSession) => Promise<unknown>) => Promise<unknown>> {
  const session = (): Promise<WriteSession> => provider.openForWrite(target, writeContextFor(running, customer, { guardToken: token, fence }));
  const within = async (use: (each: WriteSession) => Promise<unknown>): Promise<unknown> => {
    const each = await session();
    try { return await use(each); } finally { await each.close(); }
  };
  const change: Change = { verb: 'create', address: toAddress({ customer, target: targetName, kind: 'vlan', name: 'office' }), reason: 'new', after: { id: 10 } };
  const batch: Batch = { id: 'target/build', target: targetName, phase: 'build', changes: [change], result: [], after: [], atomicity: 'confirmed' };
  await within(async (each) => {
    await each.guard?.arm(token, 60);
    await each.apply(batch, { before: () => Promise.resolve(), after: (_change, outcome) => { expect(outcome).toEqual({ status: 'done' }); return Promise.resolve(); } });
  });
  return within;
}
const token = 'ab'.repeat(16);

describe.each([
  { because: 'rollback timer', seed: {}, settings: {} },
  { because: 'scheduled reload on IOS', seed: {}, settings: { guard: 'reload' } },
])('$because', ({ seed, settings }) => {
  test('a change that cuts the way to the switch is taken back by the switch', async () => {
    const { running, engine } = await bench(through(seed), settings);
    const before = state(running);
    expect(await verdicts(engine, [vlan('office', 10), port(uplink, { mode: 'trunk', tagged: [10] })])).toEqual(['reverted']);
    expect(state(running)).toEqual(before);
    // And the next run is free to do what does not cut.
    expect(await verdicts(engine, [vlan('office', 10), port(uplink, { mode: 'trunk', tagged: [10, 99] })])).toEqual(['converged']);
  });

  test('a restart inside the window ends in the state before', async () => {
    const { running, target } = await bench({}, settings);
    const before = state(running);
    const within = await written(running, target);
    expect(state(running)).not.toEqual(before);
    await running.reboot();
    expect(state(running)).toEqual(before);
    expect(await within((session) => session.guard?.state(token) ?? Promise.resolve())).toBe('absent');
    expect(await within((session) => code(session.guard?.confirm(token) ?? Promise.resolve()))).toBe('conflict');
    expect(await within((session) => session.guard?.recover(token) ?? Promise.resolve())).toBe('absent');
  });

  test('nothing is saved before it is confirmed, and what is confirmed is', async () => {
    const { running, target } = await bench({}, settings);
    const within = await written(running, target);
    expect(running.writes().map(({ what }) => what)).not.toContain('write memory');
    expect(await within((session) => code(session.save?.() ?? Promise.resolve()))).toBe('conflict');
    await within((session) => session.guard?.confirm(token) ?? Promise.resolve());
    expect(await within((session) => session.guard?.state(token) ?? Promise.resolve())).toBe('confirmed');
    await within((session) => session.save?.() ?? Promise.resolve());
    const kept = state(running);
    await running.reboot();
    expect(state(running)).toEqual(kept);
  });

  test('a foreign edit inside the window is not confirmed, and goes back with the rest', async () => {
    const { running, target } = await bench({}, settings);
    const before = state(running);
    const within = await written(running, target);
    await running.edits['shut-port']?.run();
    expect(await within((session) => code(session.guard?.confirm(token) ?? Promise.resolve()))).toBe('conflict');
    await within((session) => session.guard?.recover(token) ?? Promise.resolve()).catch(() => undefined);
    expect(state(running)).toEqual(before);
  });

  test('what somebody else confirms or cancels is never called ours', async () => {
    const { running, target } = await bench({}, settings);
    const within = await written(running, target);
    const other = await provider.openForWrite(target, writeContextFor(running, customer, { guardToken: 'cd'.repeat(16), fence: 8 }));
    expect(await other.guard?.state('cd'.repeat(16))).toBe('absent');
    expect(await code(other.guard?.arm('cd'.repeat(16), 60) ?? Promise.resolve())).toBe('rejected');
    await other.close();
    await typed(running, settings['guard'] === 'reload' ? 'reload cancel' : 'configure confirm');
    for (const act of ['state', 'confirm', 'recover'] as const) expect(await within((session) => code(session.guard?.[act](token) ?? Promise.resolve()))).toBe('conflict');
  });

  test('an older run does not arm where a newer one has been', async () => {
    const { running, target } = await bench({}, settings);
    const within = await written(running, target);
    await within((session) => session.guard?.confirm(token) ?? Promise.resolve());
    await within((session) => session.save?.() ?? Promise.resolve());
    const late = await provider.openForWrite(target, writeContextFor(running, customer, { guardToken: 'cd'.repeat(16), fence: 6 }));
    expect(await code(late.guard?.arm('cd'.repeat(16), 60) ?? Promise.resolve())).toBe('conflict');
    await late.close();
  });
});

/** Somebody at the switch. */
async function typed(running: RunningSimulator, line: string): Promise<void> {
  const { connectSsh } = await import('#transport/connect-ssh');
  const { openCli } = await import('#transport/open-cli');
  const { SecretValue } = await import('#contract');
  const pin = running.identity[0] ?? '';
  const connection = await connectSsh({ host: running.host, port: running.port, user: 'soll', hostKeys: [`SHA256:${pin.slice('ssh:SHA256:'.length)}`], password: new SecretValue('p', running.credentials.write) }, new AbortController().signal);
  const cli = await openCli(await connection.openShell(), { where: 'sw1', comment: '!', nonce: () => String(Math.random()).slice(2), pagers: [] });
  await cli.run(line, { effect: 'write' });
  await connection.close();
}

test('a confirmation that comes too late is none: the timer has fired', async () => {
  const { running, target } = await bench({ management: { port: 'GigabitEthernet1/0/1', vlan: 1 }, cutMs: 200 });
  const before = state(running);
  const within = await written(running, target);
  await running.edits['shut-port']?.run();
  await expect.poll(() => state(running), { timeout: 60_000, interval: 100 }).toEqual(before);
  expect(await within((session) => code(session.guard?.confirm(token) ?? Promise.resolve()))).toBe('conflict');
  expect(await within((session) => session.guard?.state(token) ?? Promise.resolve())).toBe('fired');
});

describe('no guard, no change', () => {
  const resources = [vlan('office', 10)];
  test.each<{ readonly because: string; readonly seed: JsonObject; readonly settings: JsonObject; readonly codes: readonly string[]; readonly prepare?: (running: RunningSimulator) => Promise<unknown> }>([
    { because: 'the archive is not configured', seed: { running: { hostname: 'sw1', before: [] } }, settings: {}, codes: ['cisco.guard'] },
    { because: 'the archive lies on a server', seed: { running: { hostname: 'sw1', before: ['archive\n path scp://192.0.2.9/sw1'] } }, settings: {}, codes: ['cisco.guard'] },
    { because: 'somebody has a rollback running', seed: {}, settings: {}, codes: ['cisco.guard'], prepare: (running) => typed(running, 'configure terminal revert timer 30') },
    { because: 'a reload would lose what was never saved', seed: { startup: null }, settings: { guard: 'reload' }, codes: ['cisco.guard', 'cisco.unsaved'] },
    { because: 'saving would save what somebody else tries out', seed: { startup: null }, settings: {}, codes: ['cisco.unsaved'] },
    { because: 'VTP has the VLANs', seed: { vtp: 'server' }, settings: {}, codes: ['cisco.vtp'] },
  ])('$because', async ({ seed, settings, codes, prepare }) => {
    const { running, engine } = await bench(seed, settings);
    await prepare?.(running);
    const count = running.writes().length;
    const plan = await engine.plan(resources);
    expect([...new Set(plan.problems.filter(({ severity }) => severity === 'error').map((problem) => problem.code))].sort()).toEqual(codes);
    expect(plan.targets.map(({ status }) => status)).toEqual(['blocked']);
    await engine.apply(plan);
    expect(running.writes().length).toBe(count);
  });

  test('without a guard each change stands for itself, the plan says so, and what was seen is saved', async () => {
    const { running, engine } = await bench({ running: { hostname: 'sw1', before: [] } }, { guard: 'none' });
    expect(await verdicts(engine, resources)).toEqual(['converged']);
    const wanted = [...resources, ...[1, 2, 3].map((number) => port(`GigabitEthernet1/0/${String(number)}`, { mode: 'access', vlan: 10 }))];
    const plan = await engine.plan(wanted);
    expect(plan.targets.map(({ atomicity, guard }) => ({ atomicity, guard }))).toEqual([{ atomicity: 'object', guard: 'unguarded' }]);
    running.faults.rejectWrite?.(3);
    const [result] = await engine.apply(plan);
    expect(result?.changes.map(({ outcome }) => outcome.status)).toEqual(['done', 'rejected', 'done']);
    // What a terminal has half done is not left out of the next plan.
    expect(await verdicts(engine, wanted)).toEqual(['converged']);
    const kept = state(running);
    await running.reboot();
    expect(state(running)).toEqual(kept);
    expect((await engine.plan(wanted)).leaves).toEqual([]);
  });
});

test('what the provider refuses on a reading account, and what doctor says', async () => {
  const { running, target } = await bench({ privilege: { read: 1, write: 1 }, enable: 'enable-geheim' });
  expect(await code(provider.open(target, readContextFor(running, customer)))).toBe('auth');
  const secrets = { ...running, credentials: { read: running.credentials.read, write: running.credentials.write } };
  const context = readContextFor(secrets, customer);
  const open = (value: string): ReturnType<typeof provider.open> => provider.open({ ...target, settings: { ...target.settings, enable: { read: { $secret: 'enable' } } } }, { ...context, reveal: (ref) => (ref.$secret === 'enable' ? context.reveal(ref).then((secret) => Object.assign(Object.create(secret) as typeof secret, { expose: () => value })) : context.reveal(ref)) });
  expect(await code(open('wrong'))).toBe('auth');
  const session = await open('enable-geheim');
  const problems = await session.diagnose?.(['vlan', 'switch-port']);
  expect(problems?.map((problem) => [problem.code, problem.severity])).toEqual([['cisco.privilege', 'info']]);
  await session.close();
});
