/** A run whose outcome nobody could see: held, and known as soon as somebody can look. Older branches plan nothing. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { applyChild, git, makeLabWorld, planOf, soll, type LabWorld } from '../harness/lab-world.ts';

let world: LabWorld;
afterEach(() => world.stop());

it('a target that cannot be looked at after the write is held, blocks itself alone, and comes to its verdict when it answers again', async () => {
  world = await makeLabWorld();
  const store = world.lab.targets.get('acme/store');
  const { digest } = await planOf(world.root);
  // Written, and before anybody can look the credentials are withdrawn.
  const cut = setInterval(() => { if ((store?.writes().length ?? 0) > 0) store?.faults.refuseAuth?.(); }, 20);
  const first = await applyChild({ root: world.root, approve: [digest], pauseAt: 'verify', pauseMs: 800 });
  clearInterval(cut);
  const verdicts = Object.fromEntries(first?.runs[0]?.targets.map(({ target, verdict }) => [target, verdict]) ?? []);
  expect(verdicts).toEqual({ fw: 'converged', store: 'held', tenant: 'converged' });
  expect(first?.code).toBe(7);

  // Still dark: nothing is recorded, nothing is lost.
  const dark = await applyChild({ root: world.root });
  expect(dark?.runs).toEqual([]);
  store?.faults.clear();
  expect((await soll(world.root, ['plan', 'acme', '--lab'])).stdout).toMatch(/held by an earlier run/);

  const written = store?.writes().length;
  const again = await applyChild({ root: await world.clone('b'), host: 'another-machine', fast: true });
  expect(again?.runs.map(({ targets }) => targets.map(({ target, verdict }) => [target, verdict]))).toEqual([[['store', 'converged']]]);
  expect(store?.writes().length).toBe(written);
  expect((await planOf(world.root)).leaves).toBe(0);
  expect((await soll(world.root, ['audit', 'verify', 'acme', '--lab'])).code).toBe(0);
}, 120_000);

it('a branch without the commit that was applied last plans nothing and applies nothing', async () => {
  world = await makeLabWorld();
  const behind = await world.clone('b');
  await world.write({ 'customers/acme/network.yaml': 'sites:\n  hq:\n    vlans:\n      office:\n        id: 10\n        subnet: 192.168.10.0/24\n        gateway: 192.168.10.1\n      guests:\n        id: 20\n' });
  await world.commit('guests');
  const { digest } = await planOf(world.root);
  expect((await applyChild({ root: world.root, approve: [digest] }))?.code).toBe(0);

  const planned = await soll(behind, ['plan', 'acme', '--lab', '--json']);
  expect(planned.code).toBe(3);
  const { plans, problems } = JSON.parse(planned.stdout) as { plans: unknown[]; problems: { code: string }[] };
  expect(plans).toEqual([]);
  expect(problems.map(({ code }) => code)).toContain('git.older');
  expect((await applyChild({ root: behind }))?.refused.map(({ code }) => code)).toEqual(['older']);

  await git(behind, 'pull', '-q', '--ff-only');
  expect((await planOf(behind)).leaves).toBe(0);
}, 120_000);

it('an edited ledger is not acted upon: nothing is written, exit 1, and the way to find out is named', async () => {
  world = await makeLabWorld();
  const { digest } = await planOf(world.root);
  expect((await applyChild({ root: world.root, approve: [digest] }))?.code).toBe(0);
  const other = await world.clone('b');
  await git(other, 'checkout', '-q', 'audit-lab/acme');

  const ledger = await readFile(`${other}/ledger.json`, 'utf8');
  await writeFile(`${other}/ledger.json`, JSON.stringify({ ...JSON.parse(ledger) as object, entries: {} }));
  await git(other, 'commit', '-q', '-a', '-m', 'batch acme');
  await git(other, 'push', '-q', 'origin', 'audit-lab/acme');
  const counts = [...world.lab.targets.values()].map((target) => target.writes().length);
  const planned = await planOf(world.root);
  const applied = await soll(world.root, ['apply', 'acme', '--lab', '--approve', planned.digest]);
  expect(applied.code).toBe(1);
  expect(applied.stderr).toMatch(/soll audit verify/);
  expect([...world.lab.targets.values()].map((target) => target.writes().length)).toEqual(counts);
  expect((await soll(world.root, ['audit', 'verify', 'acme', '--lab'])).code).not.toBe(0);
}, 120_000);
