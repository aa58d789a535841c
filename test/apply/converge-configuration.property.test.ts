/** The same properties where a target commits its configuration at once, under a guard: the firewall's stand-in behind real SSH. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Plan } from '#core/model';
import type { RunningSimulator } from '#testkit/simulator';
import { loadSimulator } from '../../src/lab/start-lab.ts';
import { loadProvider } from '../../src/providers.ts';
import { customer, makeEngine, targetName, type Engine, type EngineResource } from '../harness/engine.ts';

const loaded = Promise.all([loadProvider('nftables'), loadSimulator('nftables')]);
const leaves = (plan: Plan): readonly string[] => plan.leaves.flatMap(({ addresses }) => addresses);

async function converge(engine: Engine, wanted: readonly EngineResource[]): Promise<void> {
  const results = await engine.apply(await engine.plan(wanted));
  expect(results.filter(({ verdict }) => verdict !== 'converged')).toEqual([]);
  expect(leaves(await engine.plan(wanted))).toEqual([]);
}

/** Tables and tunnels that are not ours. */
function foreign(running: RunningSimulator): string {
  return JSON.stringify(running.snapshot(), (key, value: unknown) => (key === 'inet soll' || (key.startsWith('wireguard ') && key !== 'wireguard wg0') ? undefined : value));
}

it('from any configuration and any hand edit to any other, dying anywhere: recovery and one more run give what is written, and it survives a reboot', async () => {
  const [{ provider }, simulator] = await loaded;
  const { initial, steps } = simulator.conformance;
  const pool = [initial, ...steps.map(({ resources }) => resources)];
  const one = fc.nat(pool.length - 1);
  let died = 0;
  let met = 0;
  await fc.assert(fc.asyncProperty(one, one, fc.option(fc.nat(9)), fc.integer({ min: 1, max: 26 }), fc.boolean(), async (from, to, hand, point, secondDeath) => {
    const running = await simulator.start({ customer, target: targetName });
    try {
      const engine = makeEngine(provider, running, simulator.conformance);
      const untouched = foreign(running);
      await converge(engine, pool[from] ?? initial);
      const edits = Object.values(running.edits);
      const edit = hand === null ? undefined : edits[hand % edits.length];
      if (edit !== undefined) await edit.run();
      const wanted = pool[to] ?? initial;
      let count = 0;
      const dying = (after: number) => (): Promise<void> => ((count += 1) >= after ? Promise.reject(new Error('killed')) : Promise.resolve());
      await engine.apply(await engine.plan(wanted), { effect: dying(point) }).catch((error: unknown) => { if (!(error instanceof Error) || error.message !== 'killed') throw error; });
      met += 1;
      if (engine.unfinished) died += 1;
      count = 0;
      if (engine.unfinished && secondDeath) await engine.recover({ effect: dying(2) }).catch((error: unknown) => { if (!(error instanceof Error) || error.message !== 'killed') throw error; });
      if (engine.unfinished) expect((await engine.recover()).filter(({ verdict }) => verdict === 'held')).toEqual([]);
      await converge(engine, wanted);
      await running.reboot();
      expect(leaves(await engine.plan(wanted))).toEqual([]);
      expect(foreign(running)).toBe(untouched);
    } finally {
      await running.stop();
    }
  }), { numRuns: 6, endOnFailure: true });
  expect(met).toBeGreaterThan(4);
  expect(died).toBeGreaterThan(0);
}, 300_000);
