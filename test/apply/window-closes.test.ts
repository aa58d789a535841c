/** A window that ends during a run: what was begun is finished, nothing else is begun. */
import { expect, it } from 'vitest';
import type { Clock } from '#contract';
import { systemClock } from '#transport/system-clock';
import { loadSimulator } from '../../src/lab/start-lab.ts';
import { loadProvider } from '../../src/providers.ts';
import { customer, makeEngine, targetName, type EngineResource } from '../harness/engine.ts';

const vlan = (name: string, id: number): EngineResource => ({ kind: 'vlan', name, spec: { id } });

it.each([
  { because: 'the window closed before the target was begun', closesAfterBatches: 0, verdict: 'partial', outcomes: ['skipped', 'skipped'] },
  { because: 'the window closes between two batches of a target', closesAfterBatches: 1, verdict: 'converged', outcomes: ['done', 'done'] },
  { because: 'the window stays open', closesAfterBatches: 9, verdict: 'converged', outcomes: ['done', 'done'] },
])('$because', async ({ closesAfterBatches, verdict, outcomes }) => {
  const [{ provider }, simulator] = await Promise.all([loadProvider('memory'), loadSimulator('memory')]);
  const running = await simulator.start({ customer, target: targetName });
  try {
    const engine = makeEngine(provider, running, simulator.conformance, 'merge');
    await engine.apply(await engine.plan([vlan('old', 10)]));
    const plan = await engine.plan([vlan('new', 20)]);
    // One batch builds, another takes away.
    expect(plan.targets[0]?.batches).toHaveLength(2);
    const before = running.writes().length;
    let batches = 0;
    const closes = Date.parse('2026-07-04T08:00:00Z');
    const clock: Clock = { ...systemClock, now: () => (batches >= closesAfterBatches ? closes : closes - 1) };
    const [result] = await engine.apply(plan, { window: { clock, closes }, effect: (name) => { if (name === 'audit.batch') batches += 1; return Promise.resolve(); } });
    expect([result?.verdict, result?.changes.map(({ outcome }) => outcome.status)]).toEqual([verdict, outcomes]);
    expect(running.writes().length - before).toBe(outcomes.filter((status) => status === 'done').length);
    if (verdict === 'partial') expect(result?.why).toContain('window closed');
  } finally {
    await running.stop();
  }
});
