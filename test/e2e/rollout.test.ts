/** Approved and not applied now: freezes, windows, rings, targets that do not answer. Two customers with a store each. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Waiting } from '#core/model';
import { git, makeLabWorld, soll, type LabWorld } from '../harness/lab-world.ts';
import { customerOf, networkOf, storesOf } from '../harness/stores.ts';

let world: LabWorld;
beforeAll(async () => { world = await makeLabWorld(storesOf('acme', 'beta')); }, 60_000);
afterAll(() => world.stop());
afterEach(() => { for (const target of world.lab.targets.values()) target.faults.clear(); });

interface Applied {
  readonly runs: readonly { readonly customer: string; readonly targets: readonly { readonly verdict: string; readonly changes: readonly { readonly address: string }[] }[]; readonly stale: readonly unknown[] }[];
  readonly refused: readonly { readonly customer: string; readonly code: string }[];
  readonly waiting: readonly Waiting[];
}

async function digestsOf(...names: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await soll(world.root, ['plan', ...names, '--lab', '--json']);
  return (JSON.parse(stdout) as { plans: { digest: string }[] }).plans.map(({ digest }) => digest);
}

async function apply(names: readonly string[], digests: readonly string[], ...more: readonly string[]): Promise<Applied & { readonly code: number | null }> {
  const ended = await soll(world.root, ['apply', ...names, '--lab', '--json', ...digests.flatMap((digest) => ['--approve', digest]), ...more]);
  if (ended.stdout === '') throw new Error(`apply ended with ${String(ended.code)}: ${ended.stderr}`);
  return { ...JSON.parse(ended.stdout) as Applied, code: ended.code };
}

const writes = (customer: string): number => world.lab.targets.get(`${customer}/store`)?.writes().length ?? -1;
const names = (waiting: readonly Waiting[]): readonly string[] => waiting.map(({ customer, state, addresses }) => `${customer} ${state} ${addresses.map((address) => address.split('/').at(-1)).join('+')}`);

it('a freeze holds everything, approved or not; planning goes on and its digest knows nothing of it', async () => {
  const before = await digestsOf('acme');
  await world.write({ 'soll.yaml': 'version: 1\nfreeze:\n  reason: Umzug\n' });
  await world.commit('freeze');
  expect(await digestsOf('acme')).toEqual(before);
  expect((await soll(world.root, ['plan', 'acme', '--lab', '--lang', 'de'])).stdout).toMatch(/2 von 2 Änderungen würden jetzt warten: .*Umzug/);
  expect((await soll(world.root, ['plan', 'acme', '--lab', '--format', 'markdown'])).stdout).toMatch(/\*\*2 of 2 changes would wait now\*\*: .*Umzug/);

  const held = await apply(['acme'], before);
  expect([held.code, names(held.waiting), held.refused, writes('acme')]).toEqual([0, ['acme freeze net-10', 'acme freeze net-20'], [], 0]);
  // What waits need not be approved yet, and a script can ask whether something does.
  expect((await apply(['acme'], [], '--detailed-exitcode')).code).toBe(2);
  expect((await soll(world.root, ['apply', 'acme', '--lab'])).stdout).toMatch(/acme waits\n {2}everything is frozen \(Umzug\)\n {4}store vlan net-10/);
}, 60_000);

it('a canary that fails stops the rest, and the next run goes on', async () => {
  await world.write({ 'soll.yaml': 'version: 1\nrollout:\n  canary: [acme]\n' });
  await world.commit('rings');
  const digests = await digestsOf();
  world.lab.targets.get('acme/store')?.faults.rejectWrite?.(1);
  const stopped = await apply([], digests);
  expect([stopped.code, names(stopped.waiting), writes('beta')]).toEqual([7, ['beta ring net-10', 'beta ring net-20'], 0]);
  expect(stopped.waiting[0]?.why.en).toContain('acme/store partial');
  expect(stopped.waiting[0]?.why.de).toContain('acme/store teilweise');

  world.lab.targets.get('acme/store')?.faults.clear();
  const done = await apply([], await digestsOf());
  expect([done.code, done.waiting]).toEqual([0, []]);
  expect(done.runs.map(({ customer, targets }) => [customer, targets.map(({ verdict }) => verdict)])).toEqual([['acme', ['converged']], ['beta', ['converged']]]);
}, 60_000);

it('a canary that is not approved stops the rest as well', async () => {
  await world.write({ 'customers/acme/network.yaml': networkOf(10, 20, 25), 'customers/beta/network.yaml': networkOf(10, 20, 25) });
  await world.commit('one more');
  const [acme = '', beta = ''] = await digestsOf();
  const result = await apply([], [beta]);
  expect([result.code, result.refused.map(({ customer, code }) => [customer, code]), names(result.waiting)]).toEqual([4, [['acme', 'not-approved']], ['beta ring net-25']]);
  expect((await apply([], [acme, beta])).code).toBe(0);
}, 60_000);

it('outside the window what may be felt waits, the rest is applied', async () => {
  const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][(new Date().getUTCDay() + 3) % 7] ?? 'sun';
  await world.write({
    'soll.yaml': 'version: 1\n', 'customers/acme/network.yaml': networkOf(10, 25, 30),
    'customers/acme/customer.yaml': customerOf('acme', `maintenance:\n  - days: [${day}]\n    from: "01:00"\n    to: "02:00"\n`),
  });
  await world.commit('one goes, one comes');
  const digests = await digestsOf('acme');
  const result = await apply(['acme'], digests);
  expect([result.code, names(result.waiting)]).toEqual([0, ['acme window net-20']]);
  expect(result.runs.map(({ targets, stale }) => [targets.flatMap(({ changes }) => changes.map(({ address }) => address.split('/').at(-1))), stale])).toEqual([[['net-30'], []]]);
  expect(Date.parse(result.waiting[0]?.until ?? '')).toBeGreaterThan(Date.now());
  // Its approval counts on, as soon as the window opens.
  await world.write({ 'customers/acme/customer.yaml': customerOf('acme') });
  await world.commit('no windows');
  const later = await apply(['acme'], digests);
  expect([later.code, later.waiting, later.runs.map(({ targets }) => targets.map(({ verdict }) => verdict))]).toEqual([0, [], [['converged']]]);
}, 60_000);

it('what was approved for a target that does not answer waits for it, exit 6', async () => {
  await world.write({ 'customers/acme/network.yaml': networkOf(10, 25, 30, 40) });
  await world.commit('another one');
  const digests = await digestsOf('acme');
  world.lab.targets.get('acme/store')?.faults.refuseAuth?.();
  const away = await apply(['acme'], digests);
  expect([away.code, names(away.waiting), away.runs.flatMap(({ stale }) => stale)]).toEqual([6, ['acme offline net-40'], []]);
  world.lab.targets.get('acme/store')?.faults.clear();
  const back = await apply(['acme'], digests);
  expect([back.code, back.waiting, await git(world.root, 'status', '--porcelain')]).toEqual([0, [], '']);
}, 60_000);
