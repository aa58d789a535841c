/** Drift accepted until a day, told as one issue; a customer that leaves: the whole way on the command line. */
import { access, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acme, git, makeLabWorld, planOf, soll, type Ended, type LabWorld } from '../harness/lab-world.ts';

let world: LabWorld;
beforeEach(async () => { world = await makeLabWorld({ ...acme, 'soll.yaml': 'version: 1\npeople:\n  mia:\n    name: Mia Technik\n    emails: [mia@msp.example]\n' }); });
afterEach(() => world.stop());

const lab = (...args: readonly string[]): Promise<Ended> => soll(world.root, [...args, '--lab']);
const commit = async (): Promise<void> => {
  await git(world.root, 'add', '-A');
  await git(world.root, 'commit', '-q', '-m', 'change');
};
const apply = async (...more: readonly string[]): Promise<Ended> => {
  const ended = await lab('apply', 'acme', '--approve', (await planOf(world.root)).digest, ...more);
  expect({ code: ended.code, text: ended.code === 0 ? '' : ended.stdout + ended.stderr }).toEqual({ code: 0, text: '' });
  return ended;
};
const codes = ({ stdout }: Ended): readonly string[] => (JSON.parse(stdout) as { problems: readonly { code: string; severity: string }[] }).problems.map(({ code, severity }) => `${severity} ${code}`);

const verbs = async (): Promise<readonly string[]> => {
  const targets = (await planOf(world.root)).plan['targets'] as readonly { readonly batches: readonly { readonly changes: readonly { readonly verb: string }[] }[]; readonly ledgerOnly: readonly { readonly verb: string }[] }[];
  return [...new Set(targets.flatMap(({ batches, ledgerOnly }) => [...batches.flatMap(({ changes }) => changes), ...ledgerOnly]).map(({ verb }) => verb))];
};

interface Told { readonly drift: { readonly causes: readonly { readonly what: string; readonly at: readonly { readonly address: string }[] }[]; readonly accepted: readonly { readonly reason: string; readonly owner: string }[] } }
const driftOf = async (): Promise<Told['drift']> => (JSON.parse((await lab('drift', '--json')).stdout) as Told).drift;

describe('drift as a decision', () => {
  test('a link beside the file leads the write nowhere', async () => {
    const outside = join(world.root, '..', 'outside');
    await writeFile(outside, 'mine\n');
    await symlink(outside, join(world.root, 'customers/acme/deviations.yaml.part'));
    const until = new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10);
    const ended = await lab('drift', 'acme', '--accept', 'fw/firewall-rule/wan.self.admin-ssh', '--until', until, '--reason', 'later');
    expect(ended.code, ended.stderr).toBe(0);
    expect(await readFile(join(world.root, 'customers/acme/deviations.yaml'), 'utf8')).toContain('reason: later');
    expect(await readFile(outside, 'utf8')).toBe('mine\n');
  });

  test('found, told as an issue, accepted until a day, told as accepted, and acted upon after its end', async () => {
    await apply();
    expect((await lab('lab', 'edit', 'acme/fw', 'open-rdp')).code).toBe(0);
    const issue = join(world.root, '.soll', 'drift', 'issue-soll-drift.md');
    expect((await lab('drift', '--issue', '--platform', 'generic', '--detailed-exitcode')).code).toBe(2);
    expect(await readFile(issue, 'utf8')).toContain('<!-- soll:drift -->');
    const { causes } = await driftOf();
    const rule = causes.find(({ at }) => at[0]?.address.startsWith('acme/fw/firewall-rule/'))?.at[0]?.address.split('/').slice(1).map(decodeURIComponent).join('/') ?? '';
    expect(rule).toMatch(/^fw\/firewall-rule\/./);
    for (const flags of [['--until', '2099-12-31'], ['--until', '2099-13-01', '--reason', 'x'], ['--until', '2099-12-31', '--reason', 'x', '--owner', 'nobody'], ['--until', '2020-01-01', '--reason', 'x']]) {
      expect((await lab('drift', 'acme', '--accept', rule, ...flags)).code).toBe(3);
    }
    await expect(access(join(world.root, 'customers/acme/deviations.yaml'))).rejects.toThrow();
    expect((await lab('drift', 'acme', '--accept', rule, '--until', '2099-12-31', '--reason', 'Messe: bis Freitag')).code).toBe(0);
    await commit();
    // The order of the rules does not undo what was accepted.
    expect(await driftOf()).toMatchObject({ causes: [], accepted: [{ reason: 'Messe: bis Freitag', owner: 'mia' }] });
    expect((await planOf(world.root)).leaves).toBe(0);
    expect((await lab('drift', '--issue', '--platform', 'generic', '--detailed-exitcode')).code).toBe(0);
    await expect(access(issue)).rejects.toThrow();
    // This firewall is loaded as a whole, so another change would undo what was accepted: the plan says so, and nothing is begun.
    const firewall = join(world.root, 'customers/acme/firewall.yaml');
    const written = await readFile(firewall, 'utf8');
    await writeFile(firewall, written.replace('ports: [tcp/443]', 'ports: [tcp/8443]'));
    const blocked = await lab('plan', 'acme', '--json');
    expect([blocked.code, (JSON.parse(blocked.stdout) as { plans: readonly { problems: readonly { code: string }[] }[] }).plans[0]?.problems.map(({ code }) => code)]).toEqual([3, ['nftables.by-hand']]);
    await writeFile(firewall, written);
    const file = join(world.root, 'customers/acme/deviations.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('2099-12-31', '2020-12-31'));
    await commit();
    const validated = await soll(world.root, ['validate', '--json']);
    expect([validated.code, codes(validated)]).toEqual([3, ['error deviation.expired']]);
    expect((await planOf(world.root)).leaves).toBeGreaterThan(0);
    await apply();
    expect((await driftOf()).causes).toEqual([]);
  }, 180_000);

  test('an issue is about the whole fleet', async () => {
    expect((await lab('drift', 'acme', '--issue', '--platform', 'generic')).code).toBe(3);
  });
});

describe('a plan since a commit', () => {
  test('reads and plans the targets that the diff can affect, and its digest can be applied', async () => {
    await apply();
    const file = join(world.root, 'customers/acme/firewall.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('ports: [tcp/443]', 'ports: [tcp/8443]'));
    await commit();
    const { plans } = JSON.parse((await lab('plan', '--changed-since', 'HEAD~1', '--json')).stdout) as { plans: readonly { readonly digest: string; readonly targets: readonly { readonly target: string }[] }[] };
    expect(plans.map(({ targets }) => targets.map(({ target }) => target))).toEqual([['fw']]);
    expect((await lab('apply', 'acme', '--approve', plans[0]?.digest ?? '')).code).toBe(0);
    expect((await planOf(world.root)).leaves).toBe(0);
  }, 120_000);
});

describe('a customer that leaves', () => {
  test('a folder that is gone deletes nothing; off-boarded it may go', async () => {
    await apply();
    const before = await git(world.root, 'rev-parse', 'HEAD');
    await git(world.root, 'rm', '-rq', 'customers/acme');
    await git(world.root, 'commit', '-q', '-m', 'gone');
    for (const flags of [[], ['--changed-since', before]]) {
      const plan = await lab('plan', '--json', ...flags);
      expect([plan.code, codes(plan)]).toEqual([3, expect.arrayContaining(['error customer.deleted'])]);
    }
    await git(world.root, 'reset', '-q', '--hard', before);
    expect((await lab('offboard', 'acme', '--reason', 'x')).code).toBe(3);
    expect((await lab('offboard', 'acme', '--release', '--reason', 'Vertrag endet')).code).toBe(0);
    expect((await lab('offboard', 'acme', '--remove', '--reason', 'noch einmal')).code).toBe(3);
    await commit();
    expect(await verbs()).toEqual(['release']);
    await apply();
    // Written as before, there is nothing to change: the live systems were not touched.
    await git(world.root, 'checkout', '-q', before, '--', 'customers');
    expect(await verbs()).toEqual(['adopt']);
    await git(world.root, 'checkout', '-q', 'HEAD', '--', 'customers');
    expect(codes(await lab('plan', '--json'))).not.toContain('error customer.deleted');
    expect(codes(await lab('validate', '--json'))).toContain('info customer.offboarded');
    await rm(join(world.root, 'customers/acme'), { recursive: true });
    await commit();
    expect(codes(await lab('plan', '--json'))).not.toContain('error customer.deleted');
    expect((await lab('audit', 'verify')).code).toBe(0);
  }, 180_000);

  test('remove deletes what soll applied, behind the gates', async () => {
    await apply();
    expect((await lab('offboard', 'acme', '--remove', '--reason', 'Vertrag endet')).code).toBe(0);
    await commit();
    const refused = await lab('apply', 'acme', '--approve', (await planOf(world.root)).digest);
    expect(refused.code).toBe(5);
    const all = await lab('plan', 'acme', '--json', '--allow-deletes', '100');
    const digest = (JSON.parse(all.stdout) as { plans: readonly { digest: string; summary: { delete: number } }[] }).plans[0];
    expect(digest?.summary.delete).toBeGreaterThan(5);
    const applied = await lab('apply', 'acme', '--approve', digest?.digest ?? '', '--allow-deletes', '100', '--json');
    expect({ code: applied.code, text: applied.code === 0 ? '' : applied.stdout }).toEqual({ code: 0, text: '' });
    const after = JSON.parse((await lab('plan', 'acme', '--json')).stdout) as { plans: readonly { leaves: readonly unknown[]; problems: readonly { code: string }[] }[] };
    expect(after.plans[0]?.leaves).toEqual([]);
    expect(after.plans[0]?.problems.map(({ code }) => code)).toContain('customer.offboarded');
  }, 180_000);
});
