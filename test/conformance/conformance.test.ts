/** What every provider must hold, found at run time: a new folder below providers/ is tested without a line here. */
import { describe, expect, test } from 'vitest';
import { isProviderError, parseAddress, SecretValue, type Provider } from '#contract';
import type { Plan, TargetResult } from '#core/model';
import { equalJson } from '#core/canonical-json';
import { kinds } from '#kinds/registry';
import type { ConformanceResource, RunningSimulator, Simulator } from '#testkit/simulator';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { loadSimulator } from '../../src/lab/start-lab.ts';
import { listProviders, loadProvider } from '../../src/providers.ts';
import { renderPlan } from '../../src/render/render-plan.ts';
import { plain } from '../../src/render/paint.ts';
import { wordsOf } from '../../src/render/words.ts';
import { customer, makeEngine, type Engine } from '../harness/engine.ts';

interface Bench {
  readonly provider: Provider;
  readonly simulator: Simulator;
  readonly running: RunningSimulator;
  readonly engine: Engine;
}

async function withBench(name: string, use: (bench: Bench) => Promise<void>, mode?: 'observe' | 'merge' | 'exclusive'): Promise<void> {
  const [{ provider }, simulator] = await Promise.all([loadProvider(name), loadSimulator(name)]);
  const running = await simulator.start({ customer, target: 'target' });
  try {
    await use({ provider, simulator, running, engine: makeEngine(provider, running, simulator.conformance, mode) });
  } finally {
    await running.stop();
  }
}

const errorsOf = (plan: Plan): readonly string[] => plan.problems.filter(({ severity }) => severity === 'error').map(({ code, message }) => `${code}: ${message}`);
const changesOf = (plan: Plan): readonly string[] => plan.leaves.flatMap(({ addresses }) => addresses);

async function converge(engine: Engine, resources: readonly ConformanceResource[]): Promise<void> {
  const plan = await engine.plan(resources);
  expect(errorsOf(plan)).toEqual([]);
  expect(plan.targets.map(({ status, why }) => why ?? status)).toEqual(['ready']);
  const results = await engine.apply(plan);
  expect(failures(results)).toEqual([]);
  const again = await engine.plan(resources);
  expect(changesOf(again)).toEqual([]);
}

const failures = (results: readonly TargetResult[]): readonly unknown[] => results.filter(({ verdict }) => verdict !== 'converged').map(({ target, verdict, why, changes }) => ({ target, verdict, why, changes: changes.filter(({ outcome }) => outcome.status !== 'done').map(({ address, outcome }) => ({ address, outcome })) }));

describe.each(listProviders().map((name) => ({ name })))('$name', ({ name }) => {
  test('initial configuration and every step: the plan after apply is empty, nothing foreign is touched', () => withBench(name, async ({ engine, running, simulator }) => {
    const { initial, steps, foreign } = simulator.conformance;
    const before = running.snapshot();
    await converge(engine, initial);
    for (const { because, resources } of steps) {
      await converge(engine, resources).catch((error: unknown) => { throw new Error(`step "${because}": ${error instanceof Error ? error.message : String(error)}`, { cause: error }); });
    }
    for (const each of foreign) expect(pick(running.snapshot(), each)).toEqual(pick(before, each));
    expect(foreign.length).toBeGreaterThan(0);
  }));

  test('an empty plan writes nothing', () => withBench(name, async ({ engine, running, simulator }) => {
    await converge(engine, simulator.conformance.initial);
    const count = running.writes().length;
    await engine.apply(await engine.plan(simulator.conformance.initial));
    expect(running.writes().length).toBe(count);
  }));

  test('canonical form is idempotent for everything that is read', () => withBench(name, async ({ engine, provider, running, simulator }) => {
    await converge(engine, simulator.conformance.initial);
    const session = await provider.open(engine.target, readContextFor(running, customer));
    const live = await session.read(Object.keys(engine.target.manages));
    await session.close();
    expect(live.length).toBeGreaterThan(0);
    for (const { address, spec } of live) {
      const kind = kinds.get(parseAddress(address).kind);
      const once = kind?.canonical(spec) ?? {};
      expect(kind?.canonical(once)).toEqual(once);
    }
  }));

  test('what somebody changed by hand is drift, and apply takes it back', () => withBench(name, async ({ engine, running, simulator }) => {
    for (const [edit, { run }] of Object.entries(running.edits)) {
      await converge(engine, simulator.conformance.initial);
      await run();
      const plan = await engine.plan(simulator.conformance.initial);
      expect({ edit, changes: plan.summary.drift + plan.summary.findings > 0 }).toEqual({ edit, changes: true });
      await converge(engine, simulator.conformance.initial);
    }
    expect(Object.keys(running.edits).length).toBeGreaterThan(0);
  }));

  test('a read that breaks in the middle is no reading, and no plan', () => withBench(name, async ({ engine, running, simulator }) => {
    await converge(engine, simulator.conformance.initial);
    running.faults.breakRead?.();
    const plan = await engine.plan(simulator.conformance.initial);
    if (running.faults.breakRead !== undefined) expect(plan.targets.map(({ status }) => status)).toEqual(['unreachable']);
    expect(changesOf(plan)).toEqual([]);
  }));

  test.each([
    { because: 'credentials refused', fault: 'refuseAuth', code: 'auth' },
    { because: 'no permission', fault: 'refusePermission', code: 'auth' },
    { because: 'another identity answers', fault: 'changeIdentity', code: 'identity' },
  ] as const)('$because is $code and nothing is written', ({ fault, code }) => withBench(name, async ({ engine, provider, running }) => {
    const set = running.faults[fault];
    if (set === undefined) return;
    await set();
    const failure = await provider.open(engine.target, readContextFor(running, customer))
      .then(async (session) => { try { await session.identify(); await session.read(Object.keys(engine.target.manages)); return undefined; } finally { await session.close().catch(() => undefined); } })
      .catch((error: unknown) => error);
    expect(isProviderError(failure) ? failure.code : failure).toBe(code);
    if (code === 'identity') expect(isProviderError(failure) ? failure.seen : undefined).toMatch(/^(ssh:SHA256|tls|tenant):\S+$/);
    expect(running.writes()).toEqual([]);
  }));

  test('throttling is waited out', () => withBench(name, async ({ engine, running, simulator }) => {
    if (running.faults.throttle === undefined) return;
    running.faults.throttle(3, 0);
    await converge(engine, simulator.conformance.initial);
  }));

  test('a lost answer is looked up, never sent twice', () => withBench(name, async ({ engine, running, simulator }) => {
    const plan = await engine.plan(simulator.conformance.initial);
    running.faults.loseAnswer?.();
    const results = await engine.apply(plan);
    expect(['converged', 'reverted', 'partial']).toContain(results[0]?.verdict);
    running.faults.clear();
    await converge(engine, simulator.conformance.initial);
  }));

  test('a rejected write is told, what depends on it is skipped, the rest is done', () => withBench(name, async ({ engine, running, simulator }) => {
    if (running.faults.rejectWrite === undefined) return;
    const plan = await engine.plan(simulator.conformance.initial);
    running.faults.rejectWrite(1);
    const results = await engine.apply(plan);
    running.faults.clear();
    const outcomes = results.flatMap(({ changes }) => changes.map(({ outcome }) => outcome.status));
    expect(outcomes.some((status) => status === 'rejected')).toBe(true);
    expect(['partial', 'reverted']).toContain(results[0]?.verdict);
    await converge(engine, simulator.conformance.initial);
  }));

  test('an object that moved since the plan is not written', () => withBench(name, async ({ engine, running, simulator }) => {
    await converge(engine, simulator.conformance.initial);
    const step = simulator.conformance.steps[0];
    if (step === undefined) throw new Error('no step');
    const edit = Object.values(running.edits)[0];
    const plan = await engine.plan(step.resources);
    await edit?.run();
    const edited = running.snapshot();
    const results = await engine.apply(plan);
    // Either the edit hit another object, then all is done; or it hit this one, then it stays.
    if (results.some(({ verdict }) => verdict !== 'converged')) expect(results.flatMap(({ changes }) => changes).some(({ outcome }) => outcome.status === 'rejected' && outcome.code === 'conflict')).toBe(true);
    else expect(running.snapshot()).not.toEqual(edited);
    await converge(engine, step.resources);
  }));

  test('names and texts that try to break out are refused or round-trip exactly', () => withBench(name, async ({ engine, provider, simulator }) => {
    for (const resource of simulator.conformance.hostile) {
      const resources = [...simulator.conformance.initial, resource].flat();
      const state = engine.state(resources);
      const refused = provider.check(state.resources, engine.target).some(({ severity }) => severity === 'error');
      if (!refused) await converge(engine, resources);
    }
    expect(simulator.conformance.hostile.length).toBeGreaterThan(0);
  }));

  test('no credential appears in a plan, a record or an error', () => withBench(name, async ({ engine, running, simulator }) => {
    const plan = await engine.plan(simulator.conformance.initial);
    const results = await engine.apply(plan);
    running.faults.refuseAuth?.();
    const refused = await engine.plan(simulator.conformance.initial);
    const text = JSON.stringify([plan, results, engine.records, refused]) + renderPlan(plan, { paint: plain, words: wordsOf('en'), language: 'en', width: 120 });
    for (const secret of Object.values(running.credentials)) for (const line of secret.split(/\\n|\n/).filter((part) => part.length > 20 && !part.startsWith('-----'))) expect(text).not.toContain(line);
  }));

  test('the write credential is out of reach for a reading session', () => withBench(name, async ({ engine, provider, running }) => {
    const revealed: string[] = [];
    const context = readContextFor(running, customer);
    const session = await provider.open(engine.target, { ...context, reveal: (ref) => { revealed.push(ref.$secret); return context.reveal(ref); } });
    await session.identify();
    await session.close();
    expect(revealed).not.toContain('target-write');
  }));

  test('the lease is asked before every write, and for no longer than the half of it that is surely left', () => withBench(name, async ({ engine, provider, running, simulator }) => {
    const asked: number[] = [];
    const plan = await engine.plan(simulator.conformance.initial);
    const batch = plan.targets[0]?.batches[0];
    if (batch === undefined) throw new Error('no batch');
    const session = await provider.openForWrite(engine.target, writeContextFor(running, customer, { assertLease: (milliseconds) => { asked.push(milliseconds); throw new Error('lease is over'); } }));
    const count = running.writes().length;
    await session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() }).catch(() => undefined);
    await session.close();
    expect(running.writes().length).toBe(count);
    expect(Math.max(...asked)).toBeLessThanOrEqual(60_000);
  }));

  test('a credential is renewed beside the old one: found by its marker, good for a new session, and nobody is left without', () => withBench(name, async ({ engine, provider, running }) => {
    const { rotation: can } = provider.capabilities;
    const session = await provider.openForWrite(engine.target, writeContextFor(running, customer));
    const { rotation } = session;
    expect([rotation !== undefined, can?.why === undefined || can.why !== '']).toEqual([(can?.credentials.length ?? 0) > 0, true]);
    for (const credential of can?.credentials ?? []) {
      if (rotation === undefined) throw new Error('no rotation');
      const own = new SecretValue(`target-${credential}`, running.credentials[credential]);
      const old = await rotation.identify(own);
      const before = await rotation.list(credential);
      expect(before.map(({ id }) => id)).toContain(old);
      const late = await provider.openForWrite(engine.target, writeContextFor(running, customer, { assertLease: () => { throw new Error('lease is over'); } }));
      await expect(late.rotation?.add(credential, old, 'cafe')).rejects.toThrow('lease is over');
      await late.close();
      const made = await rotation.add(credential, old, 'cafe');
      expect(await rotation.identify(made.value)).toBe(made.id);
      expect(await rotation.list(credential)).toEqual(expect.arrayContaining([...before, { id: made.id, marker: 'cafe' }]));
      for (const value of [made.value, own]) {
        const reveal = (): Promise<SecretValue> => Promise.resolve(value);
        const again = credential === 'read' ? await provider.open(engine.target, readContextFor(running, customer, { reveal })) : await provider.openForWrite(engine.target, writeContextFor(running, customer, { reveal }));
        await again.identify();
        await again.close();
      }
      await expect(rotation.remove(credential, old, 'nobody')).rejects.toMatchObject({ code: 'conflict' });
      await rotation.remove(credential, made.id, old);
      await rotation.remove(credential, made.id, old);
      expect(await rotation.list(credential)).toEqual(before);
    }
    await session.close();
  }));

  test('paging at page size -1, 0, +1', () => withBench(name, async ({ engine, simulator }) => {
    const { paging } = simulator.conformance;
    if (paging === undefined) return;
    for (const count of [paging.pageSize - 1, paging.pageSize, paging.pageSize + 1]) {
      const resources = Array.from({ length: count }, (_, index) => paging.make(index));
      await converge(engine, resources);
    }
  }));

  test('observe reports and never writes', () => withBench(name, async ({ engine, running, simulator }) => {
    const plan = await engine.plan(simulator.conformance.initial);
    expect(changesOf(plan)).toEqual([]);
    expect(plan.summary.findings).toBeGreaterThan(0);
    expect(running.writes()).toEqual([]);
  }, 'observe'));

  test('the same inputs give the same plan, byte by byte', () => withBench(name, async ({ engine, simulator }) => {
    const [a, b] = [await engine.plan(simulator.conformance.initial), await engine.plan([...simulator.conformance.initial].reverse())];
    expect(equalJson(a.digest, b.digest)).toBe(true);
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
  }));
});

/** Every value under a key or with a name that is the given one, wherever it stands. */
function pick(value: unknown, wanted: string): unknown[] {
  if (Array.isArray(value)) return (value as readonly unknown[]).flatMap((item): unknown[] => (isNamed(item, wanted) ? [item] : pick(item, wanted)));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value as Readonly<Record<string, unknown>>).flatMap(([key, item]) => (key === wanted ? [item] : isNamed(item, wanted) ? [item] : pick(item, wanted)));
}

function isNamed(item: unknown, wanted: string): boolean {
  return typeof item === 'object' && item !== null && !Array.isArray(item) && Object.values(item).includes(wanted);
}
