/** Small-business switches: another command line, other defaults, another guard. */
import { expect, test } from 'vitest';
import type { JsonObject } from '#contract';
import { customer, makeEngine, targetName, type Engine, type EngineResource } from '../../test/harness/engine.ts';
import { provider } from './index.ts';
import { simulator } from './simulator.ts';

const port = (name: string, spec: JsonObject): EngineResource => ({ kind: 'switch-port', name, spec });
const vlan = (name: string, id: number, was?: string): EngineResource => ({ kind: 'vlan', name, spec: { id }, ...(was === undefined ? {} : { was }) });
const gi = (number: number): string => `GigabitEthernet${String(number)}`;

async function converge(engine: Engine, resources: readonly EngineResource[]): Promise<void> {
  const plan = await engine.plan(resources);
  expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect((await engine.apply(plan)).map(({ verdict, why }) => why ?? verdict)).toEqual(['converged']);
  expect((await engine.plan(resources)).leaves).toEqual([]);
}

test('every step converges, foreign things stay, and a way that is cut comes back with a restart', async () => {
  const running = await simulator.start({ customer, target: targetName, seed: { profile: 'small-business', cutMs: 1500, management: { port: 'TenGigabitEthernet1', vlan: 1 } } });
  try {
    const engine = makeEngine(provider, running, simulator.conformance);
    const foreign = JSON.stringify((running.snapshot() as { running: { ports: JsonObject } }).running.ports[gi(7)]);
    await converge(engine, [vlan('office', 10), vlan('voice', 20), port(gi(1), { mode: 'access', vlan: 10, description: 'AP Flur OG', poe: true }), port(gi(2), { mode: 'trunk', native: 10, tagged: [20] })]);
    await converge(engine, [vlan('office', 10), vlan('telephones', 20, 'voice'), port(gi(1), { mode: 'trunk', tagged: [10, 20] }), port(gi(2), { mode: 'access', vlan: 20, poe: false, enabled: false })]);
    await converge(engine, [vlan('office', 10), port(gi(2), { mode: 'access', vlan: 10, enabled: true })]);
    expect(running.writes().map(({ what }) => what).filter((what) => what === 'reload')).toEqual([]);
    const before = running.snapshot();
    const plan = await engine.plan([vlan('office', 10), port('TenGigabitEthernet1', { mode: 'access', vlan: 10 })]);
    expect((await engine.apply(plan)).map(({ verdict }) => verdict)).toEqual(['reverted']);
    expect(running.snapshot()).toEqual(before);
    expect(JSON.stringify((running.snapshot() as { running: { ports: JsonObject } }).running.ports[gi(7)])).toBe(foreign);
    // What was not written when the guard ends costs no restart.
    running.faults.rejectWrite?.(1);
    expect((await engine.apply(await engine.plan([vlan('office', 10), vlan('guests', 30)]))).map(({ verdict }) => verdict)).toEqual(['partial']);
    expect(running.writes().map(({ what }) => what).filter((what) => what === 'reload')).toEqual([]);
    await converge(engine, [vlan('office', 10), vlan('guests', 30)]);
  } finally {
    await running.stop();
  }
});

test.each([
  { because: 'a small-business switch that is called IOS', seed: { profile: 'small-business' }, settings: { profile: 'ios' } },
  { because: 'an IOS switch that is called small business', seed: {}, settings: { profile: 'small-business' } },
])('$because is not spoken to', async ({ seed, settings }) => {
  const running = await simulator.start({ customer, target: targetName, seed });
  try {
    const engine = makeEngine(provider, { ...running, settings }, simulator.conformance);
    const plan = await engine.plan([]);
    expect(plan.targets.map(({ status, why }) => ({ status, why: why?.includes('not what settings.profile says') }))).toEqual([{ status: 'unreachable', why: true }]);
  } finally {
    await running.stop();
  }
});
