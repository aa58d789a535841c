/** The dead-man's switch over SSH: by really cutting the way to the firewall, by a restart, and by people who are at work on it at the same time. */
import { afterEach, describe, expect, test } from 'vitest';
import { isProviderError, ProviderError, SecretValue, type Batch, type JsonObject, type Provider, type WriteContext, type WriteSession } from '#contract';
import type { ConformanceResource } from '#testkit/simulator';
import { writeContextFor } from '#testkit/test-context';
import { customer, makeEngine, targetName, type Engine } from '../../test/harness/engine.ts';
import { provider } from './index.ts';
import { simulator, start, type RunningFirewall } from './simulator.ts';

const timeout = 300_000;
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => { for (const stop of stops.splice(0).reverse()) await stop(); });

interface Bench {
  readonly running: RunningFirewall;
  readonly engine: Engine;
  readonly context: (overrides?: Partial<WriteContext>) => WriteContext;
}

/** We come from outside; without our rule nothing lets us in. */
const us = '203.0.113.7';
const seed = (speed: number): JsonObject => ({ ssh: { speed }, management: { interface: 'wan', source: us }, objects: { rule: { '5e0f0000-0000-4000-8000-000000000050': { sequence: '50', interface: 'wan', source_net: us, protocol: 'TCP', destination_net: '(self)', description: 'until soll is here' } } } });

async function bench(speed = 1, settings: JsonObject = {}): Promise<Bench> {
  const running = await start({ customer, target: targetName, seed: seed(speed) });
  stops.push(() => running.stop());
  const withKey = (context: WriteContext): WriteContext => ({ ...context, reveal: (ref) => (ref.$secret === 'fw-ssh' ? Promise.resolve(new SecretValue(ref.$secret, running.sshKey)) : context.reveal(ref)) });
  const keyed: Provider = { ...provider, openForWrite: (target, context) => provider.openForWrite(target, withKey(context)) };
  const { target } = simulator.conformance;
  return { running, engine: makeEngine(keyed, { ...running, settings: { ...running.settings, ...settings } }, { ...simulator.conformance, target: { ...target, settings: { ...target.settings } } }), context: (overrides = {}) => withKey(writeContextFor(running, customer, overrides)) };
}

const rules = (...sources: readonly string[]): readonly ConformanceResource[] => [
  { kind: 'zone', name: 'wan', spec: { interfaces: ['wan'] } }, { kind: 'service', name: 'admin', spec: { ports: ['tcp/22', 'tcp/443'] } },
  { kind: 'firewall-policy', name: 'wan.self', spec: { from: 'wan', to: 'self', default: 'drop', order: ['admin'] } },
  { kind: 'firewall-rule', name: 'wan.self.admin', spec: { from: 'wan', to: 'self', action: 'accept', services: ['admin'], sources: [...sources] } },
];
const fine = rules(us);
const fatal = rules('203.0.113.8');

const apply = async (engine: Engine, resources: readonly ConformanceResource[]): Promise<readonly unknown[]> => {
  const plan = await engine.plan(resources);
  expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return (await engine.apply(plan)).map(({ verdict }) => verdict);
};
const code = (run: Promise<unknown> | undefined): Promise<unknown> => (run ?? Promise.resolve()).then(() => undefined, (error: unknown) => (isProviderError(error) ? error.code : error));
const token = 'ab'.repeat(16);

/** A change under an armed guard, written by hand; resolves with a way to open sessions on it. */
async function written({ engine, context }: Bench, resources: readonly ConformanceResource[], between: () => unknown = () => undefined): Promise<<T>(use: (session: WriteSession) => Promise<T> | undefined) => Promise<T | undefined>> {
  const batch = (await engine.plan(resources)).targets[0]?.batches[0] as Batch;
  const within = async <T>(use: (session: WriteSession) => Promise<T> | undefined): Promise<T | undefined> => {
    const session = await provider.openForWrite(engine.target, context({ guardToken: token, fence: 7 }));
    try { return await use(session); } finally { await session.close(); }
  };
  await within(async (session) => {
    await session.guard?.arm(token, 60);
    await between();
    await session.apply(batch, { before: () => Promise.resolve(), after: (_change, outcome) => { expect(outcome).toEqual({ status: 'done' }); return Promise.resolve(); } });
  });
  return within;
}

describe('with an SSH access', () => {
  test('the plan says guarded, a change is confirmed over a new connection, and survives a restart', async () => {
    const { running, engine } = await bench();
    const plan = await engine.plan(fine);
    expect(plan.targets.map(({ atomicity, guard }) => ({ atomicity, guard }))).toEqual([{ atomicity: 'confirmed', guard: 'guarded' }]);
    expect(await apply(engine, fine)).toEqual(['converged']);
    const kept = running.snapshot();
    await running.reboot();
    expect(running.snapshot()).toEqual(kept);
    expect((await engine.plan(fine)).leaves).toEqual([]);
  }, timeout);

  test('a rule that locks us out is taken back by the firewall, and the next run is free to do what does not', async () => {
    const { running, engine } = await bench(10);
    expect(await apply(engine, fine)).toEqual(['converged']);
    const before = running.snapshot();
    expect(await apply(engine, fatal)).toEqual(['reverted']);
    expect(running.snapshot()).toEqual(before);
    expect(await apply(engine, rules(us, '203.0.113.8'))).toEqual(['converged']);
  }, timeout);

  test('a restart inside the window ends in the state before', async () => {
    const each = await bench();
    const before = each.running.snapshot();
    const within = await written(each, fine);
    expect(each.running.snapshot()).not.toEqual(before);
    await each.running.reboot();
    expect(each.running.snapshot()).toEqual(before);
    expect(await within((session) => session.guard?.state(token))).toBe('fired');
    expect(await within((session) => code(session.guard?.confirm(token)))).toBe('conflict');
    expect(await within((session) => session.guard?.recover(token))).toBe('fired');
  }, timeout);

  test('a confirmation that comes too late is none, and what is written after it has fired is not taken for done', async () => {
    const each = await bench(60);
    const before = each.running.snapshot();
    const within = await written(each, fine);
    await expect.poll(() => each.running.snapshot(), { timeout: 120_000, interval: 50 }).toEqual(before);
    expect(await within((session) => code(session.guard?.confirm(token)))).toBe('conflict');
    expect(await within((session) => session.guard?.state(token))).toBe('fired');
    const batch = (await each.engine.plan(fine)).targets[0]?.batches[0] as Batch;
    const count = each.running.writes().length;
    expect(await within((session) => code(session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() })))).toBe('conflict');
    expect(each.running.writes().length).toBe(count);
  }, timeout);

  test('nobody confirms for us: another run, or who takes our guard away by hand', async () => {
    const each = await bench();
    const within = await written(each, fine);
    const other = await provider.openForWrite(each.engine.target, each.context({ guardToken: 'cd'.repeat(16), fence: 8 }));
    expect(await code(other.guard?.arm('cd'.repeat(16), 60))).toBe('conflict');
    expect(await code(other.guard?.confirm('cd'.repeat(16)))).toBe('conflict');
    await other.close();
    // The number of a newer run has been there.
    expect(await within((session) => code(session.guard?.arm('ef'.repeat(16), 60)))).toBe('conflict');
    await each.running.shell?.run('rm "$SOLL_ROOT"/conf/soll/guard/*.armed');
    expect(await within((session) => session.guard?.state(token))).toBe('absent');
    expect(await within((session) => code(session.guard?.confirm(token)))).toBe('conflict');
  }, timeout);

  test.each([
    { because: 'while we write', when: 'between' }, { because: 'after we have written', when: 'after' },
  ] as const)('what somebody saves $because is not confirmed with ours: it goes back', async ({ when }) => {
    const each = await bench();
    const before = each.running.snapshot();
    const edit = (): unknown => each.running.edits['open-rdp']?.run();
    // A late write of ours comes after it.
    const within = when === 'after' ? await written(each, fine) : await written({ ...each, context: (overrides) => {
      const context = each.context(overrides);
      let edited = false;
      return { ...context, httpClient: (options) => {
        const client = context.httpClient(options);
        return { ...client, request: async (request) => {
          const answer = await client.request(request);
          if (edited || !request.url.includes('set_rule')) return answer;
          edited = true;
          await edit();
          return answer;
        } };
      } };
    } }, fine);
    if (when === 'after') await edit();
    expect(await within((session) => code(session.guard?.confirm(token)))).toBe('conflict');
    expect(await within((session) => session.guard?.recover(token))).toBe('fired');
    expect(each.running.snapshot()).toEqual(before);
  }, timeout);

  test('what somebody saves before our first write stops us, and stays', async () => {
    const each = await bench();
    const { running } = each;
    await expect(written(each, fine, () => running.edits['open-rdp']?.run())).rejects.toMatchObject({ code: 'conflict' });
    const edited = running.snapshot();
    const session = await provider.openForWrite(each.engine.target, each.context({ guardToken: token, fence: 7 }));
    expect(await session.guard?.recover(token)).toBe('fired');
    await session.close();
    expect([running.snapshot(), running.writes()]).toEqual([edited, []]);
  }, timeout);

  test('what the firewall refuses is taken back object by object, and nothing is reloaded for it', async () => {
    const { running, engine } = await bench();
    await apply(engine, fine);
    const before = running.snapshot();
    const plan = await engine.plan(rules(us, '203.0.113.8'));
    running.faults.rejectWrite?.(2);
    expect((await engine.apply(plan)).map(({ verdict }) => verdict)).toEqual(['partial']);
    expect(running.snapshot()).toEqual(before);
    await running.shell?.run('test ! -e "$SOLL_ROOT/conf/backup/"*.9999.xml').then((status) => { expect(status).toBe(0); });
  }, timeout);

  test('without a way to arm it nothing is written: no key, another host key, no reload, no access named', async () => {
    const each = await bench();
    await each.running.shell?.run('rm "$SOLL_ROOT/usr/local/etc/rc.reload_all"');
    expect(await apply(each.engine, fine)).toEqual(['partial']);
    const stranger = await bench(1, { ssh: { ...(each.running.settings?.['ssh'] as JsonObject), identity: ['ssh:SHA256:uNiVztksCsDhcc0u9e8BrwXYuHhhgFmAk3g2gx7vJ0A'] } });
    const error: unknown = await provider.openForWrite(stranger.engine.target, stranger.context()).catch((reason: unknown) => reason);
    expect(error instanceof ProviderError && [error.code, error.seen, error.hint?.includes('settings.ssh.identity')]).toEqual(['identity', undefined, true]);
    expect([each.running.writes(), stranger.running.writes()]).toEqual([[], []]);
    expect(provider.check([], { ...each.engine.target, settings: { vlanParent: 'igc1', guard: 'dead-man' } }).map((problem) => problem.code)).toEqual(['opnsense.guard']);
  }, timeout);
});

test('without one the plan says unguarded', async () => {
  const { engine } = await bench(1, { guard: 'none' });
  expect((await engine.plan(fine)).targets.map(({ atomicity, guard }) => ({ atomicity, guard }))).toEqual([{ atomicity: 'staged', guard: 'unguarded' }]);
  expect(await apply(engine, fine)).toEqual(['converged']);
}, timeout);
