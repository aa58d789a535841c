/** The attack list (see attacks.test.ts) as far as it comes by the repository, plan files, the audit branch or a device that lies: through the real command line. */
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { beforeAll, describe, expect, test } from 'vitest';
import { git, planOf, run, soll, type Ended,  } from '../harness/lab-world.ts';
import { commandsIn, everything, expectPlain, freshWorld } from '../harness/fresh-world.ts';

const world = freshWorld();
const { cli, lab, converge, writes } = commandsIn(world);

const edit = async (file: string, from: string, to: string, message: string): Promise<void> => {
  const path = join(world.root, 'customers/acme', file);
  const text = await readFile(path, 'utf8');
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
  await writeFile(path, text.replace(from, () => to));
  await world.commit(message);
};

describe('revisions and clones', () => {
  test('#51 names that are options, commands or imitations name no commit, and nothing comes of them', async () => {
    const head = await git(world.root, 'rev-parse', 'HEAD');
    // A branch that is called like a commit: Git itself takes the commit where there is one.
    await git(world.root, 'update-ref', `refs/heads/${'a'.repeat(40)}`, head);
    for (const name of ['--output=evil', '-x', '$(touch evil)', '`touch evil`', 'x;touch evil', 'a..b', 'HEAD:customers', '--exec=touch evil', '\u0000'.slice(1), 'no-such']) {
      for (const option of ['--base', '--changed-since']) {
        const ended = await lab('plan', 'acme', `${option}=${name}`);
        expect(ended.code, `${option}=${name}: ${everything(ended)}`).not.toBe(0);
        expectPlain(ended);
      }
    }
    expect(await readdir(world.root)).not.toContain('evil');
  }, 120_000);

  test('#52 nothing in a clone is executed: hooks, monitor, diff and filter drivers, nested repositories, replaced history', async () => {
    const marker = join(world.root, '..', 'executed');
    const script = `#!/bin/sh\necho "$0 $*" >> '${marker}'\nexit 0\n`;
    const hooks = join(world.root, '.git', 'hooks');
    await mkdir(hooks, { recursive: true });
    for (const hook of ['pre-commit', 'post-checkout', 'reference-transaction', 'pre-push', 'post-index-change', 'post-merge', 'pre-auto-gc', 'fsmonitor-watchman']) {
      await writeFile(join(hooks, hook), script);
      await chmod(join(hooks, hook), 0o755);
    }
    const evil = join(world.root, '.git', 'evil.sh');
    await writeFile(evil, script);
    await chmod(evil, 0o755);
    await writeFile(join(world.root, '.gitattributes'), '* diff=evil textconv=evil\ncustomers/** diff=evil\n');
    // A bare repository inside of the tree, with a monitor of its own.
    await run('git', ['init', '-q', '--bare', join(world.root, 'customers', 'acme', 'nested.git')]);
    await writeFile(join(world.root, 'customers', 'acme', 'nested.git', 'config'), `[core]\n\tbare = true\n\tfsmonitor = ${evil}\n`);
    await git(world.root, '-c', 'core.hooksPath=/dev/null', 'add', '.gitattributes');
    await git(world.root, '-c', 'core.hooksPath=/dev/null', 'commit', '-q', '-m', 'attributes');
    await git(world.root, '-c', 'core.hooksPath=/dev/null', 'push', '-q', '--no-verify', 'origin', 'HEAD:main');
    await rm(join(world.root, 'customers', 'acme', 'nested.git'), { recursive: true });
    await git(world.root, 'config', 'core.fsmonitor', evil);
    await git(world.root, 'config', 'diff.evil.command', evil);
    await git(world.root, 'config', 'diff.evil.textconv', evil);
    await git(world.root, 'config', 'diff.external', evil);
    await rm(marker, { force: true });
    await lab('plan', 'acme', '--changed-since', 'HEAD~1');
    await writeFile(join(world.root, 'customers/acme/extra.txt'), 'x');
    await lab('plan', 'acme', '--changed-since', 'HEAD~1');
    await rm(join(world.root, 'customers/acme/extra.txt'));
    await converge();
    expect((await lab('audit', 'verify')).code).toBe(0);
    expect(await readFile(marker, 'utf8').catch(() => 'nothing')).toBe('nothing');
    // A replaced commit shows other files to those who look for it.
    const head = await git(world.root, '-c', 'core.fsmonitor=false', 'rev-parse', 'HEAD');
    await git(world.root, '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', 'replace', head, 'HEAD~1');
    expect((await lab('plan', 'acme', '--detailed-exitcode')).code).toBe(0);
  }, 120_000);

  test('#60 a secret that was pasted is told by place; its value is in no output and in nothing that is kept', async () => {
    const value = `MIIcanary${'Qz7'.repeat(20)}`;
    const path = join(world.root, 'customers/acme/network.yaml');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('        gateway: 192.168.10.1\n', `        gateway: 192.168.10.1\n        description: "-----BEGIN PRIVATE KEY-----${value}-----END PRIVATE KEY-----"\n`));
    for (const args of [['validate'], ['validate', '--json'], ['validate', '--format', 'github'], ['plan', 'acme', '--lab', '--verbose'], ['plan', 'acme', '--lab', '--json']]) {
      const ended = await soll(world.root, args, { env: { GITHUB_ACTIONS: 'true' } });
      expect(everything(ended)).toContain('secret.in-file');
      expect(everything(ended)).not.toContain('canary');
      expect(ended.code).toBe(3);
    }
    expect((await run('grep', ['-rl', value, join(world.root, '.git', 'soll')])).stdout).toBe('');
  });
});

interface PlanFile { plans: { customer: string; digest: string; leaves: { digest: string; addresses: string[] }[] }[] }

describe('plan files', () => {
  const planFile = async (): Promise<{ readonly digest: string; readonly file: PlanFile }> => {
    const file = JSON.parse((await lab('plan', 'acme', '--json')).stdout) as PlanFile;
    return { digest: file.plans[0]?.digest ?? '', file };
  };
  /** Approves `digest` by this file after something has changed, in a clone that has not seen the plan. */
  const applyWith = async (text: string, digest: string): Promise<Ended> => {
    await rm(join(world.root, '.git/soll/plans'), { recursive: true, force: true });
    await writeFile(join(world.root, '.soll', 'plan.json'), text);
    return lab('apply', 'acme', '--approve', digest, '--plan', '.soll/plan.json');
  };
  const first = (file: PlanFile): PlanFile['plans'][number] => {
    const [plan] = file.plans;
    if (plan === undefined) throw new Error('no plan');
    return plan;
  };

  test.each<{ item: number; attack: string; tamper: (file: PlanFile) => string }>([
    { item: 63, attack: 'one digit of a leaf', tamper: (file) => JSON.stringify(file).replaceAll(first(file).leaves[0]?.digest ?? '', `sha256:${'0'.repeat(64)}`) },
    { item: 68, attack: 'a leaf twice', tamper: (file) => { const plan = first(file); plan.leaves.push(plan.leaves[0] ?? { digest: '', addresses: [] }); return JSON.stringify(file); } },
    { item: 68, attack: 'a leaf taken out', tamper: (file) => { first(file).leaves.shift(); return JSON.stringify(file); } },
    { item: 68, attack: 'a leaf of another plan smuggled in', tamper: (file) => { first(file).leaves.push({ digest: `sha256:${'1'.repeat(64)}`, addresses: ['acme/tenant/user/eve@acme.example'] }); return JSON.stringify(file); } },
    { item: 67, attack: 'another customer\'s', tamper: (file) => { first(file).customer = 'zwei'; return JSON.stringify(file); } },
    { item: 70, attack: 'no JSON', tamper: () => '{"plans": [' },
    { item: 70, attack: 'a huge number', tamper: () => '{"plans": 1e999}' },
    { item: 70, attack: 'leaves that are none', tamper: (file) => JSON.stringify({ plans: [{ customer: 'acme', digest: first(file).digest, leaves: [null, 1, 'x', {}] }] }) },
    { item: 70, attack: 'nesting of a hundred thousand', tamper: () => `${'['.repeat(100_000)}${']'.repeat(100_000)}` },
    { item: 70, attack: '__proto__', tamper: (file) => `{"plans":[{"__proto__":${JSON.stringify(first(file))}}]}` },
    { item: 72, attack: 'no digest', tamper: (file) => JSON.stringify({ plans: first(file).leaves.map((leaf) => ({ customer: 'acme', leaves: [leaf] })) }) },
  ])('#$item $attack: nothing is written by it', async ({ tamper }) => {
    const { digest, file } = await planFile();
    await edit('m365.yaml', 'displayName: Ben', 'displayName: Benjamin', 'moved on');
    const ended = await applyWith(tamper(file), digest);
    expect(ended.code, everything(ended)).toBe(4);
    expectPlain(ended);
    expect(writes()).toBe(0);
  });

  test('the file as it was approves what is still identical, and no more', async () => {
    const { digest, file } = await planFile();
    await edit('m365.yaml', 'displayName: Ben', 'displayName: Benjamin', 'moved on');
    expect((await applyWith(JSON.stringify(file), digest)).code).toBe(4);
    expect(writes()).toBeGreaterThan(0);
    expect((await lab('plan', 'acme')).stdout).toContain('ben@acme.example');
  });

  test('#66 plan A approved, plan B given: B is not applied', async () => {
    const { digest } = await planFile();
    await edit('m365.yaml', 'displayName: Ben', 'displayName: Eve', 'another plan');
    const other = await planFile();
    expect(other.digest).not.toBe(digest);
    expect((await applyWith(JSON.stringify(other.file), digest)).code).toBe(4);
    expect(writes()).toBe(0);
  });

  test('#65 an approval that was used does nothing a second time, also after somebody undid it by hand', async () => {
    const digest = await converge();
    expect((await lab('apply', 'acme', '--approve', digest)).code).toBe(0);
    const before = writes();
    expect((await cli('lab', 'edit', 'acme/store', 'delete-vlan')).code).toBe(0);
    const ended = await lab('apply', 'acme', '--approve', digest);
    expect(ended.code, everything(ended)).toBe(4);
    expect(writes()).toBe(before);
  });

  test('#71 a record or ledger of a later version than ours is refused, not guessed', async () => {
    await converge();
    const clone = join(world.root, '..', 'later');
    await git(join(world.root, '..'), 'clone', '-q', '-b', 'audit-lab/acme', world.remote, clone);
    const ledger = JSON.parse(await readFile(join(clone, 'ledger.json'), 'utf8')) as { version?: number };
    await writeFile(join(clone, 'ledger.json'), JSON.stringify({ ...ledger, version: 999 }));
    await git(clone, 'commit', '-q', '-a', '-m', 'from the future');
    await git(clone, 'push', '-q', 'origin', 'HEAD:audit-lab/acme');
    const ended = await lab('plan', 'acme');
    expect(ended.code, everything(ended)).not.toBe(0);
    expectPlain(ended);
  });

  test('#73 an audit branch that was rolled back, cut off or deleted is seen by a clone that knew it; nothing is written', async () => {
    await converge();
    const head = await git(world.remote, 'rev-parse', 'audit-lab/acme');
    await edit('m365.yaml', 'displayName: Ben', 'displayName: Benjamin', 'next');
    const { digest } = await planOf(world.root);
    const before = writes();
    for (const attack of [['update-ref', 'refs/heads/audit-lab/acme', `${head}~1`], ['update-ref', '-d', 'refs/heads/audit-lab/acme']]) {
      await git(world.remote, ...attack);
      for (const ended of [await lab('plan', 'acme'), await lab('apply', 'acme', '--approve', digest)]) {
        expect(ended.code, everything(ended)).not.toBe(0);
        expectPlain(ended);
      }
      expect(writes()).toBe(before);
    }
    await git(world.remote, 'update-ref', 'refs/heads/audit-lab/acme', head);
    await converge();
  });
});

describe('secrets by the command line', () => {
  let readKey: string, writeKey: string, readRecipient: string, writeRecipient: string;
  beforeAll(async () => {
    [readKey, writeKey] = await Promise.all([generateIdentity(), generateIdentity()]);
    [readRecipient, writeRecipient] = await Promise.all([identityToRecipient(readKey), identityToRecipient(writeKey)]);
  });
  const secret = (args: readonly string[], stdin: string, env: Record<string, string> = {}): Promise<Ended> => soll(world.root, ['secret', ...args], { stdin, env });
  const file = (scope: string): string => join(world.root, `customers/acme/secrets.${scope}.yaml`);
  const editor = async (script: string): Promise<string> => {
    const path = join(world.root, '..', 'editor.sh');
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  };
  const leftovers = async (): Promise<readonly string[]> => (await Promise.all([tmpdir(), '/dev/shm'].map((folder) => readdir(folder).catch(() => [])))).flat().filter((name) => name.startsWith('soll-secret-'));

  test('set, read back, mode, no value in any output, no part left behind', async () => {
    const made = await secret(['set', 'acme', 'fw-read', '--recipient', readRecipient], 'canary-value-1\n');
    expect([made.code, made.stdout]).toEqual([0, 'fw-read set for acme\n']);
    expect((await secret(['set', 'acme', 'other'], 'canary-value-2', { SOLL_AGE_KEY: readKey })).code).toBe(0);
    expect((await stat(file('read'))).mode & 0o777).toBe(0o600);
    expect((await readFile(file('read'), 'utf8'))).not.toContain('canary');
    expect((await readdir(join(world.root, 'customers/acme'))).filter((name) => name.includes('part'))).toEqual([]);
    const shown = await secret(['edit', 'acme'], '', { SOLL_AGE_KEY: readKey, EDITOR: await editor('env | grep SOLL_AGE_KEY >&2; grep -q "fw-read: canary-value-1" "$1" && sed -i s/canary-value-2/canary-value-3/ "$1"') });
    expect([shown.code, shown.stdout, shown.stderr]).toEqual([0, 'secrets of acme written\n', '']);
    expect((await secret(['edit', 'acme'], '', { SOLL_AGE_KEY: readKey, EDITOR: 'true' })).stdout).toBe('nothing changed\n');
    expect(await leftovers()).toEqual([]);
  });

  test.each<{ because: string; args: readonly string[]; stdin?: string; says: RegExp; key?: boolean }>([
    { because: 'a recipient that is none', args: ['set', 'acme', 'x', '--recipient', 'age1nonsense'], says: /not an age recipient/ },
    { because: 'no recipient for a new file', args: ['set', 'acme', 'x'], says: /--recipient/ },
    { because: 'empty standard input', args: ['set', 'acme', 'x', '--recipient', 'R'], stdin: '', says: /empty/ },
    { because: 'only a line break', args: ['set', 'acme', 'x', '--recipient', 'R'], stdin: '\n', says: /empty/ },
    { because: 'a customer that climbs', args: ['set', '../acme', 'x', '--recipient', 'R'], says: /not a name of a customer/ },
    { because: 'an absolute customer', args: ['set', '/etc', 'x', '--recipient', 'R'], says: /not a name of a customer/ },
    { because: 'a customer that is not there', args: ['set', 'nobody', 'x', '--recipient', 'R'], says: /there is no customer nobody/ },
    { because: 'a name that climbs', args: ['set', 'acme', '../x', '--recipient', 'R'], says: /not a name for a secret/ },
    { because: 'a name that is the metadata\'s neighbour', args: ['set', 'acme', 'a: b', '--recipient', 'R'], says: /not a name for a secret/ },
    { because: 'editing what is not there', args: ['edit', 'acme'], says: /does not exist/ },
  ])('refused with one clear line, nothing made: $because', async ({ args, stdin = 'canary-value', says }) => {
    const ended = await secret(args.map((arg) => (arg === 'R' ? readRecipient : arg)), stdin, { SOLL_AGE_KEY: readKey });
    expect([ended.code, everything(ended)]).toEqual([3, expect.stringMatching(says)]);
    expect(everything(ended)).not.toContain('canary');
    expectPlain(ended);
    expect((await git(world.root, 'status', '--porcelain')).trim()).toBe('');
  });

  test('a file that is there is never lost: wrong key, no key, tampered, a link, unreadable key file, an editor that fails', async () => {
    await secret(['set', 'acme', 'fw-read', '--recipient', readRecipient], 'canary-value-1');
    const before = await readFile(file('read'), 'utf8');
    const tries: readonly (readonly [readonly string[], Record<string, string>, RegExp])[] = [
      [['set', 'acme', 'x'], { SOLL_AGE_KEY: writeKey }, /not among the recipients/],
      [['set', 'acme', 'x'], {}, /SOLL_AGE_KEY/],
      [['set', 'acme', 'x'], { SOLL_AGE_KEY: 'nonsense' }, /AGE-SECRET-KEY-/],
      [['set', 'acme', 'x'], { SOLL_AGE_KEY_FILE: '/nowhere/key' }, /SOLL_AGE_KEY_FILE/],
      [['set', 'acme', 'x', '--recipient', readRecipient], { SOLL_AGE_KEY: readKey }, /keeps its recipients/],
      [['edit', 'acme'], { SOLL_AGE_KEY: readKey, EDITOR: 'false' }, /ended with 1; nothing was changed/],
      [['edit', 'acme'], { SOLL_AGE_KEY: readKey, EDITOR: '/nowhere/editor' }, /nothing was changed/],
      [['edit', 'acme'], { SOLL_AGE_KEY: readKey, EDITOR: await editor('echo "a: [" >> "$1"') }, /kept, encrypted/],
    ];
    for (const [args, env, says] of tries) {
      const ended = await secret(args, 'canary-value-9', env);
      expect([ended.code, everything(ended)]).toEqual([3, expect.stringMatching(says)]);
      expect(everything(ended)).not.toContain('canary');
      expectPlain(ended);
      expect(await readFile(file('read'), 'utf8')).toBe(before);
    }
    expect(await leftovers()).toEqual([]);
    const outside = join(world.root, '..', 'outside.yaml');
    await writeFile(outside, before);
    await rm(file('read'));
    await run('ln', ['-s', outside, file('read')]);
    for (const args of [['set', 'acme', 'x'], ['edit', 'acme']]) {
      const ended = await secret(args, 'v', { SOLL_AGE_KEY: readKey, EDITOR: 'true' });
      expect([ended.code, everything(ended)]).toEqual([3, expect.stringContaining('not a plain file')]);
    }
    expect(await readFile(outside, 'utf8')).toBe(before);
  });

  test('planning works with the read key alone and cannot open the write file; apply says which key is missing, and writes nothing', async () => {
    const path = join(world.root, '.soll/lab/state.json');
    const state = JSON.parse(await readFile(path, 'utf8')) as { targets: Record<string, { credentials: { read?: string; write?: string } }> };
    for (const [name, target] of [['fw', 'acme/fw'], ['m365', 'acme/tenant'], ['store', 'acme/store']] as const) {
      const { read = '', write = '' } = state.targets[target]?.credentials ?? {};
      expect(Math.min(read.length, write.length)).toBeGreaterThan(4);
      const set = async (scope: 'read' | 'write', value: string): Promise<number | null> => (await secret(['set', 'acme', `${name}-${scope}`, ...(scope === 'write' ? ['--write'] : []), ...(name === 'fw' ? ['--recipient', scope === 'read' ? readRecipient : writeRecipient] : [])], value, scope === 'read' ? { SOLL_AGE_KEY: readKey } : { SOLL_AGE_KEY_WRITE: writeKey })).code;
      expect([await set('read', read), await set('write', write)]).toEqual([0, 0]);
      // The lab gives no credentials here: they come from the files, as for a real target.
      Object.assign(state.targets[target] ?? {}, { credentials: {} });
    }
    await writeFile(path, JSON.stringify(state));
    await world.commit('secrets');
    const env = { SOLL_AGE_KEY: readKey };
    const planned = await soll(world.root, ['plan', 'acme', '--lab', '--json'], { env });
    expect([planned.code, planned.stderr]).toEqual([0, expect.not.stringContaining('write')]);
    const digest = (JSON.parse(planned.stdout) as PlanFile).plans[0]?.digest ?? '';
    const refused = await soll(world.root, ['apply', 'acme', '--lab', '--approve', digest], { env });
    expect([refused.code, everything(refused)]).toEqual([7, expect.stringMatching(/SOLL_AGE_KEY_WRITE/)]);
    expect(writes()).toBe(0);
    // The read key opens nothing of the write file, even when it is given for it.
    const wrong = await secret(['edit', 'acme', '--write'], '', { SOLL_AGE_KEY_WRITE: readKey, EDITOR: 'true' });
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining(writeRecipient)]);
    const again = await soll(world.root, ['plan', 'acme', '--lab', '--json'], { env });
    const applied = await soll(world.root, ['apply', 'acme', '--lab', '--approve', (JSON.parse(again.stdout) as PlanFile).plans[0]?.digest ?? ''], { env: { ...env, SOLL_AGE_KEY_WRITE: writeKey } });
    expect([applied.code, applied.code === 0 ? '' : everything(applied)]).toEqual([0, '']);
  });
});

describe('the credentials of the lab', () => {
  test('stand nowhere but in the lab\'s own folder, whatever was run, at --verbose, and in no output', async () => {
    const outputs: string[] = [];
    const say = async (...args: readonly string[]): Promise<Ended> => {
      const ended = await lab(...args);
      outputs.push(everything(ended));
      return ended;
    };
    const digest = (JSON.parse((await say('plan', 'acme', '--json', '--verbose')).stdout) as PlanFile).plans[0]?.digest ?? '';
    await say('plan', 'acme', '--format', 'markdown', '--out', 'plan.md', '--verbose');
    await say('doctor', 'acme', '--verbose');
    world.lab.targets.get('acme/tenant')?.faults.rejectWrite?.(2);
    await say('apply', 'acme', '--approve', digest, '--verbose');
    world.lab.targets.get('acme/tenant')?.faults.refuseAuth?.();
    await say('plan', 'acme', '--verbose');
    world.lab.targets.get('acme/tenant')?.faults.clear();
    for (const args of [['drift', 'acme', '--verbose'], ['log', '--json', '--verbose'], ['log', '--format', 'markdown'], ['audit', 'verify', '--json']]) await say(...args);
    const canaries = [...world.lab.targets.values()].flatMap(({ credentials }) => [credentials.read, credentials.write]).flatMap((value) => [value, ...value.split(/\\n|\n/)]).filter((text) => text.length > 20 && !text.includes('-----') && !text.includes('clientId'));
    expect(canaries.length).toBeGreaterThan(8);
    const objects = (await git(world.root, 'cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype)')).split('\n').filter((line) => line.endsWith(' blob')).map((line) => line.split(' ')[0] ?? '');
    const contents = (await run('git', ['cat-file', '--batch'], { cwd: world.root, stdin: `${objects.join('\n')}\n` })).stdout;
    expect(objects.length).toBeGreaterThan(10);
    const files: string[] = [];
    const walk = async (folder: string): Promise<void> => {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (path === join(world.root, '.soll')) continue;
        if (entry.isDirectory()) await walk(path);
        else files.push(await readFile(path, 'latin1'));
      }
    };
    await walk(world.root);
    expect(files.length).toBeGreaterThan(20);
    for (const text of [...outputs, contents, ...files]) {
      for (const canary of canaries) for (const spelling of [canary, JSON.stringify(canary).slice(1, -1), Buffer.from(canary).toString('base64'), Buffer.from(canary).toString('hex')]) expect(text.includes(spelling)).toBe(false);
    }
  }, 120_000);
});
