/** The dead-man's switch on the device: by really cutting the way to it, by restarts, and by people who are at work on it at the same time. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { isProviderError, toAddress, type Batch, type Change, type JsonObject, type Target, type WriteSession } from '#contract';
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
  /** A file of the device. */
  readonly file: (path: string) => string;
}

async function bench(seed: JsonObject = {}): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'soll-openwrt-guard-'));
  stops.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const running = await simulator.start({ customer, target: targetName, seed, folder });
  stops.push(() => running.stop());
  const engine = makeEngine(provider, running, simulator.conformance);
  return { running, engine, target: engine.target, file: (path) => join(folder, 'root', path) };
}

const vlan = (id: number): EngineResource => ({ kind: 'vlan', name: 'office', spec: { id } });
const port = (name: string, spec: JsonObject): EngineResource => ({ kind: 'switch-port', name, spec });
const code = (run: Promise<unknown> | undefined): Promise<unknown> => Promise.resolve(run).then(() => undefined, (error: unknown) => (isProviderError(error) ? error.code : error));
const token = 'ab'.repeat(16);
const config = ({ file }: Bench): string => ['network', 'wireless', 'firewall'].map((name) => readFileSync(file(`etc/config/${name}`), 'utf8')).join('');

/** Seconds pass faster, now that what shall happen before the guard fires has happened. */
const hurry = ({ file }: Bench, speed = 20): void => { writeFileSync(file('speed'), `${String(speed)}\n`); };

type Within = <T>(use: (session: WriteSession) => Promise<T> | undefined) => Promise<T | undefined>;

function within({ running, target }: Bench, own = token, fence = 7): Within {
  return async (use) => {
    const session = await provider.openForWrite(target, writeContextFor(running, customer, { guardToken: own, fence }));
    try { return await use(session); } finally { await session.close(); }
  };
}

const change: Change = { verb: 'create', address: toAddress({ customer, target: targetName, kind: 'vlan', name: 'office' }), reason: 'new', after: { id: 10 } };
const batch: Batch = { id: 'target/build', target: targetName, phase: 'build', changes: [change], result: [], after: [], atomicity: 'confirmed' };

/** One change under an armed guard, without the engine. */
async function written(given: Bench, seconds = 600): Promise<Within> {
  const use = within(given);
  await use(async (session) => {
    await session.guard?.arm(token, seconds);
    await session.apply(batch, { before: () => Promise.resolve(), after: (_change, outcome) => { expect(outcome).toEqual({ status: 'done' }); return Promise.resolve(); } });
  });
  return use;
}

test('a change that cuts the way to the device is taken back by the device, and the next one is free', async () => {
  const given = await bench({ management: { port: 'lan4', vlan: 1 } });
  const before = config(given);
  const plan = await given.engine.plan([vlan(10), port('lan4', { mode: 'access', vlan: 10 })]);
  expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  const run = given.engine.apply(plan);
  await expect.poll(() => given.running.writes().length, { timeout: 200_000, interval: 50 }).toBe(1);
  hurry(given);
  expect((await run).map(({ verdict }) => verdict)).toEqual(['reverted']);
  expect(config(given)).toBe(before);
  expect(given.running.writes()).toHaveLength(2);
  writeFileSync(given.file('speed'), '1\n');
  const next = await given.engine.apply(await given.engine.plan([vlan(10), port('lan3', { mode: 'access', vlan: 10 })]));
  expect(next.map(({ verdict }) => verdict)).toEqual(['converged']);
}, 300_000);

test('a restart inside the window ends in the state before, before the network comes up', async () => {
  const given = await bench();
  const before = config(given);
  const use = await written(given);
  expect(config(given)).not.toBe(before);
  await given.running.reboot();
  expect(config(given)).toBe(before);
  expect(await use((session) => session.guard?.state(token))).toBe('fired');
  expect(await use((session) => code(session.guard?.confirm(token)))).toBe('conflict');
  expect(await use((session) => session.guard?.recover(token))).toBe('fired');
}, 300_000);

test('what is confirmed stays through a restart; another token confirms nothing, arms nothing', async () => {
  const given = await bench();
  const use = await written(given);
  const other = 'cd'.repeat(16);
  const stranger = within(given, other, 8);
  expect(await stranger((session) => session.guard?.state(other))).toBe('absent');
  expect(await stranger((session) => code(session.guard?.confirm(other)))).toBe('conflict');
  expect(await stranger((session) => code(session.guard?.arm(other, 60)))).toBe('conflict');
  expect(await use((session) => session.guard?.state(token))).toBe('armed');
  await use((session) => code(session.guard?.confirm(token)));
  // The stranger's number is newer: whoever is late finds that.
  expect(await use((session) => session.guard?.state(token))).toBe('confirmed');
  const kept = config(given);
  await given.running.reboot();
  expect(config(given)).toBe(kept);
  expect(await within(given, 'ef'.repeat(16), 6)((session) => code(session.guard?.arm('ef'.repeat(16), 60)))).toBe('conflict');
}, 300_000);

test('a foreign edit inside the window is not confirmed; it goes back with the rest and is kept aside', async () => {
  const given = await bench();
  const before = config(given);
  const use = await written(given);
  const network = given.file('etc/config/network');
  writeFileSync(network, `${readFileSync(network, 'utf8')}\nconfig interface 'byhand'\n\toption proto 'dhcp'\n`);
  const edited = readFileSync(network, 'utf8');
  expect(await use((session) => code(session.guard?.confirm(token)))).toBe('conflict');
  expect(await use((session) => session.guard?.recover(token))).toBe('fired');
  expect(config(given)).toBe(before);
  expect(readFileSync(given.file('etc/soll/aside/network'), 'utf8')).toBe(edited);
}, 300_000);

test('a foreign edit of a file that soll did not write is no success either, and stays', async () => {
  const given = await bench();
  const use = await written(given);
  const firewall = given.file('etc/config/firewall');
  writeFileSync(firewall, `${readFileSync(firewall, 'utf8')}\nconfig zone\n\toption name 'byhand'\n`);
  const edited = readFileSync(firewall, 'utf8');
  expect(await use((session) => code(session.guard?.confirm(token)))).toBe('conflict');
  await use((session) => session.guard?.recover(token));
  expect(readFileSync(firewall, 'utf8')).toBe(edited);
  expect(readFileSync(given.file('etc/config/network'), 'utf8')).not.toContain('soll_');
}, 300_000);

test('a confirmation that comes too late is none: the timer has fired', async () => {
  const given = await bench();
  const before = config(given);
  const use = await written(given, 90);
  hurry(given, 400);
  await expect.poll(() => config(given), { timeout: 200_000, interval: 200 }).toBe(before);
  await expect.poll(() => use((session) => session.guard?.state(token)), { timeout: 60_000, interval: 200 }).toBe('fired');
  expect(await use((session) => code(session.guard?.confirm(token)))).toBe('conflict');
}, 300_000);

test('staged changes of others: no plan, no guard, no load; inside the window no confirmation', async () => {
  const given = await bench();
  const staged = given.file('tmp/.uci/network');
  writeFileSync(staged, "network.lan.ipaddr='192.0.2.7'\n");
  const plan = await given.engine.plan([vlan(10)]);
  expect(plan.problems.filter(({ severity }) => severity === 'error').map((problem) => problem.code)).toEqual(['openwrt.staged']);
  expect(await within(given)((session) => code(session.guard?.arm(token, 60)))).toBe('conflict');
  writeFileSync(staged, '');
  const use = await written(given);
  writeFileSync(staged, "network.lan.ipaddr='192.0.2.7'\n");
  expect(await use((session) => code(session.guard?.confirm(token)))).toBe('conflict');
  await use((session) => session.guard?.recover(token));
  expect(readFileSync(staged, 'utf8')).not.toBe('');
  expect(readFileSync(given.file('etc/config/network'), 'utf8')).not.toContain('soll_');
}, 300_000);

test('the first VLAN of a bridge that the network stands on is refused: it would be cut off', async () => {
  const given = await bench({ files: { network: "config interface 'lan'\n\toption device 'br-lan'\n\toption proto 'dhcp'\n\nconfig device\n\toption name 'br-lan'\n\toption type 'bridge'\n\tlist ports 'lan1'\n" } });
  const plan = await given.engine.plan([vlan(10)]);
  expect(plan.problems.filter(({ severity }) => severity === 'error').map((problem) => problem.code)).toEqual(['openwrt.bridge-plain']);
}, 300_000);
