/** One digest and one signature over several customers, and the fleet at a glance, in one process: real keys, a bare remote, a store at each of three customers. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CustomerStatus } from '#core/fleet-status';
import type { PlanSet } from '#core/fleet-digest';
import { systemClock } from '#transport/system-clock';
import { approvalsOf, approve, withdraw, type ApproveOptions, type ApproveResult, type ShownPlans } from '../../src/approve.ts';
import { applyOptionsOf, type ApplyFlags } from '../../src/cli/commands/apply.ts';
import { apply, drift, plan, verifyAudit, type ApplyRunResult, type Workspace } from '../../src/pipeline.ts';
import { fleetStatus } from '../../src/status.ts';
import { git, makeLabWorld, type LabWorld } from '../harness/lab-world.ts';
import { hasKeygen, makeKey } from '../harness/signing-keys.ts';
import { customerOf, networkOf, storesOf } from '../harness/stores.ts';

const customers = ['acme', 'beta', 'gamma'] as const;
let keys: string;
let files: Readonly<Record<string, string>>;
let settings: string;
let world: LabWorld;

/** How far the clock of a command is ahead, hours. */
let ahead = 0;
const workspace = (root = world.root): Workspace => ({
  root, lab: true, env: {}, clock: { ...systemClock, now: () => systemClock.now() + ahead * 3_600_000 }, signal: new AbortController().signal, progress: () => undefined,
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined }, redactor: { add: () => undefined, redact: (text) => text },
});
const planned = async (...names: readonly string[]): Promise<PlanSet> => {
  const { fleet } = await plan(workspace(), { customers: names, targets: [], concurrency: 4 });
  if (fleet === undefined) throw new Error('less than two customers change');
  return fleet;
};
const shownTo: ShownPlans[] = [];
const sign = (name: string, digest: string, more: Partial<ApproveOptions> = {}, root = world.root): Promise<ApproveResult> => approve(workspace(root), {
  customers: [], all: true, digest, decision: 'approve', key: files[name], planFiles: [], concurrency: 4, confirm: (shown) => { shownTo.push(shown); return Promise.resolve(true); }, ...more,
});
const run = (flags: ApplyFlags = {}, names: readonly string[] = [], root = world.root): Promise<ApplyRunResult> => apply(workspace(root), applyOptionsOf(names, { approver: 'tester', ...flags }, {}));
const done = ({ runs }: ApplyRunResult): readonly string[] => runs.flatMap(({ customer, targets }) => targets.flatMap(({ verdict, changes }) => (changes.length > 0 ? [`${customer} ${verdict}`] : []))).sort();
const written = (...ids: readonly number[]): Readonly<Record<string, string>> => Object.fromEntries(customers.map((customer) => [`customers/${customer}/network.yaml`, networkOf(...ids)]));
const problems = async (root: string): Promise<readonly string[]> => (await verifyAudit(workspace(root), { customers: [] })).customers.flatMap((each) => each.problems.map(({ code, message }) => `${code} ${message}`));
const glance = async (names: readonly string[] = [], root = world.root): Promise<ReadonlyMap<string, CustomerStatus>> => new Map((await fleetStatus(workspace(root), names)).customers.map((each) => [each.customer, each]));
const states = async (): Promise<Readonly<Record<string, string>>> => Object.fromEntries([...await glance()].map(([customer, { state }]): [string, string] => [customer, state]));

describe.runIf(hasKeygen())('several customers at once', () => {
  beforeAll(async () => {
    keys = await mkdtemp(join(tmpdir(), 'soll-keys-'));
    const made = await Promise.all(['carl', 'ben', 'mia', 'kunde'].map(async (name) => [name, await makeKey(keys, name)] as const));
    files = Object.fromEntries(made.map(([name, { file }]) => [name, file]));
    const people = made.map(([name, { key }]) => `  ${name}:\n    name: ${name}\n    emails: [${name === 'mia' ? 'mia@msp.example, test@msp.example' : `${name}@msp.example`}]\n${name === 'kunde' ? '    customer: beta\n' : '    groups: [technicians]\n'}    keys:\n      - key: ${key}\n`).join('');
    settings = `version: 1\nfleet:\n  deletes: 50\npeople:\n${people}approval:\n  rules:\n    - from: [technicians]\n      count: 1\n  windowRisk: [low, medium, high, critical]\n`;
    world = await makeLabWorld({ ...storesOf(...customers), 'soll.yaml': settings });
  }, 300_000);
  afterAll(async () => {
    await world.stop();
    await rm(keys, { recursive: true, force: true });
  });

  it('one signature by somebody who has seen all of it is noted with each of them, applied at each, and proven from a fresh clone', async () => {
    expect(await states()).toEqual({ acme: 'never', beta: 'never', gamma: 'never' });
    const fleet = await planned();
    expect(Object.keys(fleet.customers)).toEqual([...customers]);
    const own = await sign('mia', fleet.digest);
    expect(own.state === 'signed' && own.customers.every(({ missing }) => missing.every(({ why }) => why.en.includes('mia wrote it')))).toBe(true);
    expect(await states()).toEqual({ acme: 'approval', beta: 'approval', gamma: 'approval' });
    const signed = await sign('carl', fleet.digest);
    expect(signed).toMatchObject({ state: 'signed', fleet: fleet.digest, approver: 'carl', customers: customers.map((customer) => ({ customer, digest: fleet.customers[customer], missing: [] })) });
    // The second who signs is shown what was noted for the first.
    expect(shownTo.map(({ fleet: digest, plans }) => [digest, plans.map(({ customer, plan: shown }) => [customer, shown !== undefined])])).toEqual([[fleet.digest, customers.map((customer) => [customer, true])], [fleet.digest, customers.map((customer) => [customer, false])]]);
    expect((await approvalsOf(workspace(), [])).customers.map(({ customer, plans }) => [customer, plans.map((each) => [each.fleet, each.state])])).toEqual(customers.map((customer) => [customer, [[fleet.digest, 'approved']]]));

    const applied = await run();
    expect([done(applied), applied.refused, applied.waiting]).toEqual([customers.map((customer) => `${customer} converged`), [], []]);
    expect(new Set(applied.approvals.map(({ fleet: digest, approver, statement }) => JSON.stringify([digest, approver, statement]))).size).toBe(1);
    expect(applied.approvals.map(({ fleet: digest, digest: part }) => [digest, part]).sort()).toEqual(customers.map((customer) => [fleet.digest, fleet.customers[customer]]).sort());
    expect(await problems(await world.clone('auditor'))).toEqual([]);
    expect(await states()).toEqual({ acme: 'clean', beta: 'clean', gamma: 'clean' });
  }, 300_000);

  it('three customers cost as many processes as one', async () => {
    const count = async (...names: readonly string[]): Promise<number> => {
      const trace = join(keys, 'trace');
      process.env['GIT_TRACE'] = trace;
      try {
        expect([...(await glance(names)).values()].map(({ state }) => state)).toEqual((names.length === 0 ? customers : names).map(() => 'approval'));
      } finally {
        delete process.env['GIT_TRACE'];
      }
      const text = await readFile(trace, 'utf8');
      await rm(trace);
      return text.split('\n').filter((line) => line.includes('trace: built-in: git')).length;
    };
    await world.write(written(10, 20, 25));
    await world.commit('twenty-five');
    await sign('mia', (await planned()).digest);
    const [one, all] = [await count('acme'), await count()];
    expect({ one, all }).toEqual({ one, all: one });
    expect(one).toBeGreaterThan(10);
    await world.write(written(10, 20));
    await world.commit('not twenty-five');
  }, 300_000);

  it('what moved at one customer waits there alone, and nothing of the set is good for a second time', async () => {
    await world.write(written(10, 20, 30));
    await world.commit('thirty');
    const fleet = await planned();
    expect((await sign('carl', fleet.digest)).state).toBe('signed');
    await world.write({ 'customers/beta/network.yaml': networkOf(10, 20, 31) });
    await world.commit('beta has another one');
    const applied = await run();
    expect([done(applied), applied.waiting.map(({ customer, why }) => [customer, why.en.split(';')[0]])]).toEqual([['acme converged', 'gamma converged'], [['beta', '1 approval missing of ben, carl']]]);
    await world.write(written(10, 20));
    await world.commit('none');
    const gone = await planned();
    for (const name of ['carl', 'ben']) await sign(name, gone.digest, { all: false, customers: ['acme', 'gamma'] });
    expect(done(await run())).toEqual(['acme converged', 'gamma converged']);
    await world.write(written(10, 20, 30));
    await world.commit('thirty again');
    // It was used up at two of them; at the third, where it has never been used, it is what was signed.
    const again = await run();
    expect([done(again), again.waiting.map(({ customer }) => customer)]).toEqual([['beta converged'], ['acme', 'gamma']]);
    expect(await problems(world.root)).toEqual([]);
  }, 300_000);

  it('what is signed as one is taken back as one; who speaks for one customer cannot sign it; a part of it is no set', async () => {
    await world.write(written(10, 20, 30, 35));
    await world.commit('thirty-five');
    const fleet = await planned();
    await expect(sign('kunde', fleet.digest)).rejects.toThrow('speaks for beta alone');
    expect(await sign('carl', fleet.digest, { all: false, customers: ['acme', 'beta'] })).toMatchObject({ state: 'invalid', why: expect.stringContaining('gamma') as unknown });
    expect(await sign('carl', `sha256:${'1'.repeat(64)}`)).toMatchObject({ state: 'stale' });
    expect(await sign('carl', fleet.digest, { decision: 'reject', reason: 'not today' })).toMatchObject({ state: 'signed' });
    const rejected = await run();
    expect([done(rejected), rejected.waiting.filter(({ why }) => !why.en.includes('rejected by carl (not today)')), new Set(rejected.waiting.map(({ customer }) => customer))]).toEqual([[], [], new Set(customers)]);
    expect(await withdraw(workspace(), { customers: [], all: true, digest: fleet.digest, key: files['carl'] })).toEqual({ approver: 'carl', customers: [...customers] });
    await sign('ben', fleet.digest);
    expect(await withdraw(workspace(), { customers: ['gamma'], all: false, digest: fleet.digest, key: files['ben'] })).toMatchObject({ customers: ['gamma'] });
    const applied = await run();
    expect([done(applied), new Set(applied.waiting.map(({ customer }) => customer))]).toEqual([['acme converged', 'beta converged'], new Set(['gamma'])]);
    await expect(withdraw(workspace(), { customers: [], all: true, digest: `sha256:${'2'.repeat(64)}`, key: files['ben'] })).rejects.toThrow('nothing was signed');
    await sign('carl', fleet.customers['gamma'] ?? '', { all: false, customers: ['gamma'] });
    expect(done(await run())).toEqual(['gamma converged']);
  }, 300_000);

  it('the fleet at a glance: drift and silence as they were seen last, what waits for its time, what has ended, from any clone', async () => {
    await world.lab.edit('acme/store', 'delete-vlan');
    world.lab.targets.get('gamma/store')?.faults.refuseAuth?.();
    expect((await glance()).get('acme')?.seen).toEqual([{ target: 'store', state: 'never' }]);
    const found = await drift(workspace(), { customers: [], targets: [], concurrency: 4 });
    expect(found.problems).toEqual([]);
    const other = await world.clone('other');
    const seen = await glance([], other);
    expect(seen.get('acme')).toMatchObject({ state: 'drift', seen: [{ target: 'store', state: 'drift', drift: { low: 1, medium: 0 } }] });
    expect([...seen.values()].map(({ customer, state }) => [customer, state])).toEqual([['gamma', 'unreachable'], ['acme', 'drift'], ['beta', 'clean']]);
    expect(await git(world.remote, 'rev-list', '--count', 'observed-lab/acme')).toBe('1');
    expect(await git(world.remote, 'show', 'observed-lab/acme:observed.json')).not.toMatch(/net-|by hand|vlan/);

    // A run that puts it right corrects what was noted; who cannot be read stays as it was.
    await sign('carl', (await plan(workspace(), { customers: ['acme'], targets: [], concurrency: 4 })).plans[0]?.digest ?? '', { all: false, customers: ['acme'] });
    const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][(new Date().getUTCDay() + 3) % 7] ?? 'sun';
    await world.write({ 'customers/acme/customer.yaml': customerOf('acme', `maintenance:\n  - days: [${day}]\n    from: "01:00"\n    to: "02:00"\n`) });
    await world.commit('a window');
    expect((await run()).waiting.map(({ customer, state }) => `${customer} ${state}`)).toEqual(['acme window']);
    expect((await glance()).get('acme')).toMatchObject({ state: 'drift', hold: { state: 'window' }, approvals: [{ leaves: 1, approved: 1, by: ['carl'] }] });
    await world.write({ 'customers/acme/customer.yaml': customerOf('acme') });
    await world.commit('no window');
    expect(done(await run())).toEqual(['acme converged']);
    expect((await glance()).get('acme')).toMatchObject({ state: 'clean', approvals: [], seen: [{ state: 'ok', drift: { low: 0, medium: 0 } }] });
    expect((await glance(['gamma'])).get('gamma')).toMatchObject({ state: 'unreachable' });

    await world.write({ 'customers/beta/deviations.yaml': 'deviations:\n  - resource: store/vlan/net-10\n    reason: Messe\n    owner: carl\n    until: 2026-01-01\n' });
    await world.commit('ended long ago');
    expect((await glance()).get('beta')).toMatchObject({ state: 'expired', expired: [expect.stringContaining('2026-01-01')], waiting: [{ subject: 'ended long ago' }] });
    // Whoever may not note it has looked all the same.
    const hook = join(world.remote, 'hooks', 'update');
    await writeFile(hook, '#!/bin/sh\ncase $1 in refs/heads/observed-lab/*) exit 1;; esac\n', { mode: 0o755 });
    const refused = await drift(workspace(), { customers: ['acme', 'gamma'], targets: [], concurrency: 4 });
    expect([refused.plans.map(({ customer }) => customer), refused.problems.map(({ code, severity }) => `${code} ${severity}`)]).toEqual([['acme', 'gamma'], ['observed.refused warning']]);
    await rm(hook);
    // What is older than any approval could be is nobody's plan any more.
    await world.write({ ...written(10, 20, 30, 35, 40), 'customers/beta/deviations.yaml': 'deviations: []\n' });
    await world.commit('forty');
    world.lab.targets.get('gamma/store')?.faults.clear();
    await sign('mia', (await planned('acme', 'beta')).digest, { all: false, customers: ['acme', 'beta'] });
    expect((await glance()).get('beta')).toMatchObject({ state: 'approval', approvals: [{ leaves: 1, approved: 0 }] });
    ahead = 24 * 15;
    expect((await glance()).get('beta')).toMatchObject({ state: 'waiting', approvals: [] });
    ahead = 0;
  }, 300_000);

  it('without rules the digest on the command line stands for the plan of each, also where nobody has seen it before', async () => {
    await world.stop();
    world = await makeLabWorld(storesOf(...customers));

    const fleet = await planned();
    const fresh = await world.clone('ci');
    const first = await run({ approve: [fleet.digest] }, ['acme', 'beta', 'gamma'], fresh);
    expect([done(first), first.refused, first.approvals.map(({ method, fleet: digest }) => [method, digest])]).toEqual([customers.map((customer) => `${customer} converged`), [], customers.map(() => ['cli', fleet.digest])]);
    expect(await problems(fresh)).toEqual([]);

    await world.write(written(10, 20, 30));
    await world.commit('thirty');
    const second = await planned();
    await world.write({ 'customers/beta/network.yaml': networkOf(10, 20, 31) });
    await world.commit('beta moved');
    const part = await run({ approve: [second.digest] });
    expect([done(part), part.runs.filter(({ stale }) => stale.length > 0).map(({ customer }) => customer)]).toEqual([['acme converged', 'gamma converged'], ['beta']]);
    const unknown = await run({ approve: [second.digest] }, [], fresh);
    expect([done(unknown), unknown.refused.map(({ code }) => code)]).toEqual([[], ['older', 'older', 'stale']]);
  }, 300_000);
});
