/** Configurations of devices: fetched, encrypted, kept, opened again; through the real command line. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import { everything, expectPlain, freshWorld } from '../harness/fresh-world.ts';
import { acme, git, planOf, soll } from '../harness/lab-world.ts';

interface Entry { readonly target: string; readonly state: string; readonly why?: string }
function statesOf(stdout: string): Record<string, string> {
  return Object.fromEntries((JSON.parse(stdout) as { backups: Entry[] }).backups.map(({ target, state }) => [target, state]));
}

describe('soll backup', () => {
  const world = freshWorld();

  it('keeps what the devices hand out, encrypted, again only when it has changed, before every change too, and gives it back', async () => {
    const identity = await generateIdentity();
    await world.write({ 'customers/acme/customer.yaml': `${acme['customers/acme/customer.yaml'] ?? ''}configBackup:\n  recipients:\n    - ${await identityToRecipient(identity)}\n` });
    await world.commit('Keep configurations');
    expect(statesOf((await soll(world.root, ['backup', 'list', '--lab', '--json'])).stdout)).toEqual({ fw: 'never', store: 'never', tenant: 'unsupported' });
    expect((await soll(world.root, ['backup', 'list', '--lab', '--detailed-exitcode'])).code).toBe(2);

    const first = await soll(world.root, ['backup', 'run', '--lab', '--json']);
    expect(first.code).toBe(0);
    expect(statesOf(first.stdout)).toEqual({ fw: 'stored', store: 'stored', tenant: 'unsupported' });
    expect(statesOf((await soll(world.root, ['backup', 'run', '--lab', '--json'])).stdout)).toMatchObject({ fw: 'unchanged', store: 'unchanged' });
    expect((await soll(world.root, ['backup', 'run', '--due', '--lab', '--json'])).stdout).toContain('"fresh"');
    expect((await soll(world.root, ['backup', 'list', '--lab', '--detailed-exitcode'])).code).toBe(0);

    // A change is preceded by a copy of what was there.
    const { digest } = await planOf(world.root);
    const applied = await soll(world.root, ['apply', 'acme', '--lab', '--approve', digest]);
    expect(applied.code).toBe(0);
    const subjects = await git(world.remote, 'log', '--format=%s', 'config-lab/acme');
    expect(subjects).toContain('before a change');
    expect(statesOf((await soll(world.root, ['backup', 'run', '--lab', '--json'])).stdout)).toMatchObject({ fw: 'stored', store: 'stored' });

    // Nothing of it can be read without the key.
    const sealed = await git(world.remote, 'show', 'config-lab/acme:fw/configuration.age');
    expect(sealed).toContain('BEGIN AGE ENCRYPTED FILE');
    expect(await git(world.remote, 'show', 'config-lab/acme:fw/meta.json')).not.toMatch(/192\.168|198\.51/);

    const out = join(world.root, '..', 'fw.json');
    const opened = await soll(world.root, ['backup', 'get', 'acme', 'fw', '--lab', '--out', out], { env: { SOLL_BACKUP_KEY: identity } });
    expect(opened.code).toBe(0);
    expect(everything(opened)).toContain('nft -j -f');
    expect(everything(opened)).not.toContain('AGE-SECRET-KEY');
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect(await readFile(out, 'utf8')).toContain('admin-ssh');

    // What is there is not overwritten, another key opens nothing, and what was before is still there.
    const again = await soll(world.root, ['backup', 'get', 'acme', 'fw', '--lab', '--out', out], { env: { SOLL_BACKUP_KEY: identity } });
    expect([again.code, again.stderr]).toEqual([3, expect.stringContaining('not overwritten')]);
    const stranger = await soll(world.root, ['backup', 'get', 'acme', 'fw', '--lab', '--out', `${out}.x`], { env: { SOLL_BACKUP_KEY: await generateIdentity() } });
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toContain('configBackup.recipients');
    expectPlain(stranger);
    const mistyped = await soll(world.root, ['backup', 'get', 'acme', 'fw', '--lab', '--out', `${out}.x`], { env: { SOLL_BACKUP_KEY: 'AGE-SECRET-KEY-1MISTYPED' } });
    expect([mistyped.code, mistyped.stderr]).toEqual([1, expect.stringContaining('no age key')]);
    expect(everything(mistyped)).not.toContain('MISTYPED');
    const before = (await git(world.remote, 'log', '--format=%H', 'config-lab/acme')).split('\n').at(-1) ?? '';
    const old = await soll(world.root, ['backup', 'get', 'acme', 'fw', '--lab', '--at', before, '--out', `${out}.old`], { env: { SOLL_BACKUP_KEY: identity } });
    expect(old.code).toBe(0);
    expect(await readFile(`${out}.old`, 'utf8')).not.toContain('admin-ssh');
    await writeFile(out, '');
  });

  it('what was kept before a change is known to the next plan', async () => {
    await world.write({ 'customers/acme/customer.yaml': `${acme['customers/acme/customer.yaml'] ?? ''}configBackup:\n  recipients:\n    - ${await identityToRecipient(await generateIdentity())}\n` });
    await world.commit('Keep configurations');
    expect((await soll(world.root, ['plan', 'acme', '--lab'])).stdout).toContain('no configuration of fw, store has been kept');
    expect((await soll(world.root, ['apply', 'acme', '--lab', '--approve', (await planOf(world.root)).digest])).code).toBe(0);
    expect((await soll(world.root, ['plan', 'acme', '--lab'])).stdout).not.toContain('has been kept');
  });

  it('changes nothing where the configuration cannot be kept first', async () => {
    const { lab } = world;
    await world.write({ 'customers/acme/customer.yaml': `${acme['customers/acme/customer.yaml'] ?? ''}configBackup:\n  recipients:\n    - ${await identityToRecipient(await generateIdentity())}\n`, 'soll.yaml': 'version: 1\nconfigBackup:\n  remote: vault\n' });
    await git(world.root, 'remote', 'add', 'vault', join(world.root, '..', 'nowhere.git'));
    await world.commit('Keep them elsewhere');
    const { digest } = await planOf(world.root);
    const applied = await soll(world.root, ['apply', 'acme', '--lab', '--approve', digest]);
    expect(applied.code).toBe(1);
    expect(everything(applied)).toContain('nowhere.git');
    expectPlain(applied);
    expect([...lab.targets.values()].flatMap((each) => each.writes())).toEqual([]);
  });
});
