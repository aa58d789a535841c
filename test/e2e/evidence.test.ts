/** From a change to what an auditor keeps: status, log by period and by resource, evidence pack; and what becomes of it when somebody edits a record. */
import { execFileSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { git, makeLabWorld, planOf, soll, type LabWorld } from '../harness/lab-world.ts';

let world: LabWorld;
afterEach(() => world.stop());

it('applied, told, exported, tampered with, refused', async () => {
  world = await makeLabWorld();
  const lab = (...args: readonly string[]): ReturnType<typeof soll> => soll(world.root, [...args, '--lab']);
  const state = async (): Promise<string | undefined> => (JSON.parse((await lab('status', '--json')).stdout) as { customers: { state: string }[] }).customers[0]?.state;
  const apply = async (): Promise<void> => {
    const { digest } = await planOf(world.root);
    expect((await lab('apply', 'acme', '--approve', digest, '--approver', 'anna')).code).toBe(0);
  };

  expect(await state()).toBe('never');
  expect((await lab('status', '--detailed-exitcode')).code).toBe(2);
  expect((await lab('status', 'nobody')).code).toBe(3);
  await apply();
  expect(await state()).toBe('clean');
  expect((await lab('status', '--detailed-exitcode')).code).toBe(0);

  await world.write({ 'customers/acme/network.yaml': 'sites:\n  hq:\n    vlans:\n      office:\n        id: 11\n        subnet: 192.168.10.0/24\n        gateway: 192.168.10.1\n' });
  await world.commit('office moves to VLAN 11\n\nTicket: 4711');
  expect(await state()).toBe('waiting');
  await apply();
  expect(await state()).toBe('clean');

  const { versions } = JSON.parse((await lab('log', 'acme', '--resource', 'store/vlan/office', '--json')).stdout) as { versions: { verb: string; subject: string; fields: unknown[]; outcome: { status: string } }[] };
  expect(versions.map(({ verb, outcome }) => [verb, outcome.status])).toEqual([['update', 'done'], ['create', 'done']]);
  expect(versions[0]).toMatchObject({ subject: 'office moves to VLAN 11', fields: [{ path: '/id', before: 10, after: 11 }] });
  expect((JSON.parse((await lab('log', '--until', '2000-01-01', '--json')).stdout) as { runs: unknown[] }).runs).toEqual([]);
  expect((await lab('log', '--since', 'yesterday')).code).toBe(3);
  expect((await lab('log', '--resource', 'office')).code).toBe(3);

  const pack = join(world.root, '..', 'pack');
  expect((await lab('audit', 'export', 'acme', '--lang', 'de')).code).toBe(3);
  expect((await lab('audit', 'export', 'acme', '--lang', 'de', '--out', pack)).code).toBe(0);
  execFileSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: pack });
  const { customers } = JSON.parse(await readFile(join(pack, 'evidence.json'), 'utf8')) as { customers: { verification: { head: string; problems: unknown[] }; runs: object[] }[] };
  expect(customers[0]?.runs[1]).toMatchObject({ tickets: ['4711'], approvedBefore: true, approvals: [{ approver: 'anna', method: 'cli' }], failed: false });
  const verified = JSON.parse((await lab('audit', 'verify', 'acme', '--json')).stdout) as { customers: { head: string }[] };
  expect(customers[0]?.verification.head).toBe(verified.customers[0]?.head);
  expect(await readFile(join(pack, 'evidence.md'), 'utf8')).toContain('# Nachweis der Änderungen');
  // Somewhere else, from a fresh clone, the same bytes.
  const other = await world.clone('b');
  expect((await soll(other, ['audit', 'export', 'acme', '--lang', 'de', '--out', `${pack}-2`, '--lab'])).code).toBe(0);
  expect(await readFile(join(`${pack}-2`, 'SHA256SUMS'), 'utf8')).toBe(await readFile(join(pack, 'SHA256SUMS'), 'utf8'));

  // The author of a change is edited by somebody who can push.
  await git(other, 'checkout', '-q', 'audit-lab/acme');
  const record = join(other, 'records', '00000001.json');
  await writeFile(record, (await readFile(record, 'utf8')).replace('"author": "', '"author": "Not '));
  await git(other, 'commit', '-q', '-a', '-m', 'open acme');
  await git(other, 'push', '-q', 'origin', 'audit-lab/acme');
  const refused = await lab('audit', 'export', 'acme', '--out', `${pack}-3`);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/record 2 does not continue.*\[audit\.chain\][\s\S]*--broken/)]);
  expect(await readdir(join(world.root, '..'))).not.toContain('pack-3');
  expect((await lab('audit', 'export', 'acme', '--broken', '--out', `${pack}-3`)).code).toBe(0);
  expect((await readFile(join(`${pack}-3`, 'evidence.md'), 'utf8')).split('\n')[2]).toMatch(/READ THIS FIRST/);
  expect(await state()).toBe('damaged');
}, 240_000);
