/** What goes wrong around soll: disks, networks, folders, signals. Each is one clear message, and a state that the next run understands. */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { git, planOf, soll,  } from '../harness/lab-world.ts';
import { commandsIn, everything, expectPlain, freshWorld } from '../harness/fresh-world.ts';

const world = freshWorld();
const { cli, lab, converge, writes } = commandsIn(world);


/** Sends the lab's address of one target elsewhere, as if the device were gone. */
async function redirect(name: string, port: number): Promise<void> {
  const file = join(world.root, '.soll/lab/state.json');
  const state = JSON.parse(await readFile(file, 'utf8')) as { targets: Record<string, { host: string; port: number; address?: string }> };
  const target = state.targets[`acme/${name}`];
  if (target === undefined) throw new Error(`no target ${name}`);
  target.port = port;
  if (target.address?.includes(':') === true) target.address = `${target.host}:${String(port)}`;
  await writeFile(file, JSON.stringify(state));
}

describe('--out', () => {
  const places = [
    { because: 'a folder that does not exist', out: 'nowhere/plan.json', says: /nowhere\/plan\.json cannot be opened: it, or its folder, does not exist/ },
    { because: 'a folder itself', out: 'customers', says: /customers is a folder/ },
    { because: 'a place that cannot be written', out: '/proc/plan.json', says: /\/proc\/plan\.json/ },
    { because: 'below a file', out: 'soll.yaml/plan.json', says: /soll\.yaml/ },
  ];
  test.each(places)('$because: told before anything is done', async ({ out, says }) => {
    const { digest } = await planOf(world.root);
    for (const ended of [await lab('plan', 'acme', '--out', out), await lab('apply', 'acme', '--approve', digest, '--out', out)]) {
      expect([ended.code, ended.stderr, ended.stdout]).toEqual([3, expect.stringMatching(says), '']);
      expect(ended.stderr.trim().split('\n')).toHaveLength(1);
      expectPlain(ended);
    }
    expect(writes()).toBe(0);
    expect((await readdir(world.root)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('a failing run leaves an older result as it was', async () => {
    const out = join(world.root, '.soll', 'plan.json');
    expect((await lab('plan', 'acme', '--json', '--out', out)).code).toBe(0);
    const before = await readFile(out, 'utf8');
    expect((await lab('plan', 'acne', '--format', 'text', '--out', out)).code).toBe(3);
    expect(await readFile(out, 'utf8')).toBe(before);
  });
});

describe('usage', () => {
  test.each([
    { args: ['plam'], says: /Did you mean plan\?/, because: 'a command' }, { args: ['plan', '--lba'], says: /Did you mean --lab\?/, because: 'an option' },
    { args: ['plan', '--format', 'html'], says: /text, markdown, json, github/, because: 'a format' }, { args: ['apply', '--format', 'markdown'], says: /text, json/, because: 'a format of another command' },
    { args: ['plan', '--lang', 'fr'], says: /en, de/, because: 'a language' }, { args: ['schema', 'firewal'], says: /did you mean firewall\?/, because: 'a schema' },
    { args: ['completion', 'fish'], says: /bash or zsh/, because: 'a shell' }, { args: ['plan', '--target', 'firewall'], says: /fw/, because: 'a target' },
    { args: ['lab', 'edit', 'acme/fw', 'open-rpd'], says: /soll lab edit acme\/fw open-rdp/, because: 'a change of a stand-in' },
  ])('$because that is not there: what there is', async ({ args, says }) => {
    const ended = await cli(...args);
    expect([ended.code, everything(ended)]).toEqual([3, expect.stringMatching(says)]);
    expectPlain(ended);
  });

  test('a plan file that is not there or is none', async () => {
    for (const file of ['nowhere.json', 'soll.yaml']) {
      const ended = await lab('apply', 'acme', '--plan', file, '--approve', `sha256:${'0'.repeat(64)}`);
      expect(ended.code).not.toBe(0);
      expect(everything(ended)).toContain(file === 'soll.yaml' ? 'is the digest of no plan that is known here' : 'nowhere.json');
      expectPlain(ended);
    }
    expect(writes()).toBe(0);
  });

  test('a folder without customers says how to begin; that makes one that is valid and plans in the lab', async () => {
    const fresh = join(world.root, '.soll', 'fresh');
    expect((await cli('init', fresh)).code).toBe(0);
    const none = await soll(fresh, ['plan']);
    expect([none.code, everything(none)]).toEqual([3, expect.stringContaining('soll init --example')]);
    expect((await soll(fresh, ['init', '--example'])).code).toBe(0);
    const valid = await soll(fresh, ['validate']);
    expect([valid.code, valid.stdout, valid.stderr]).toEqual([0, expect.stringMatching(/^1 customer, 6 files, \d+ resources: valid$/m), '']);
    expect((await soll(fresh, ['init'])).stdout).toContain('Nothing was missing');
  });

  test('one broken customer among several does not stop the others', async () => {
    for (const name of ['bad', 'good']) {
      await mkdir(join(world.root, 'customers', name));
      await writeFile(join(world.root, 'customers', name, 'customer.yaml'), name === 'good' ? 'name: Good\n' : 'name: [Bad\n');
    }
    const ended = await lab('plan');
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(/customers\/bad\/customer\.yaml:\d+:\d+ error/);
    expect(ended.stdout).toMatch(/^acme$/m);
    expect(ended.stdout).toMatch(/^good$/m);
    expect(ended.stdout).not.toMatch(/^bad$/m);
    const [result] = [JSON.parse((await cli('validate', '--json')).stdout) as { formatVersion: string; customers: string[]; problems: { customer: string }[] }];
    expect([result.formatVersion, result.customers, [...new Set(result.problems.map(({ customer }) => customer))]]).toEqual(['1.0', ['acme', 'good'], ['bad']]);
  });
});

describe('a device that is not there', () => {
  let hole: Server | undefined;
  afterEach(() => { hole?.close(); });

  test.each(['fw', 'store'])('%s refuses the connection: at once, named, the others are planned', async (name) => {
    await redirect(name, 1);
    const from = Date.now();
    const ended = await lab('plan', 'acme');
    expect([ended.code, everything(ended)]).toEqual([6, expect.stringMatching(new RegExp(`${name} \\S+ unreachable: .*(refused|reach|ECONNREFUSED)`, 'i'))]);
    expect(everything(ended)).toContain('mend:');
    expect(Date.now() - from).toBeLessThan(30_000);
    expectPlain(ended);
  });

  test.each(['fw', 'store'])('%s takes the connection and never answers: given up in bounded time', async (name) => {
    hole = createServer((socket) => { socket.on('error', () => undefined); });
    await new Promise<void>((resolve) => { hole?.listen(0, '127.0.0.1', resolve); });
    await redirect(name, (hole.address() as AddressInfo).port);
    const from = Date.now();
    const ended = await lab('plan', 'acme');
    expect([ended.code, everything(ended)]).toEqual([6, expect.stringContaining(`${name} `)]);
    expect(Date.now() - from).toBeLessThan(100_000);
    expectPlain(ended);
  }, 150_000);

  test('doctor names the check that fails and goes on with the others', async () => {
    await redirect('store', 1);
    const ended = await lab('doctor', 'acme');
    expect(ended.code).toBe(6);
    expect(ended.stdout).toMatch(/✗ reach/);
    expect(ended.stdout).toContain('3 targets: 1 with faults');
    const german = await lab('doctor', 'acme', '--lang', 'de');
    expect(german.stdout).toMatch(/✗ Erreichbarkeit/);
    const json = JSON.parse((await lab('doctor', 'acme', '--json')).stdout) as { formatVersion: string; findings: { ok: boolean }[] };
    expect([json.formatVersion, json.findings.some(({ ok }) => !ok)]).toEqual(['1.0', true]);
  });
});

describe('a full disk', () => {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) process.stdout.write('skipped: a full disk needs root (a small tmpfs is mounted)\n');
  test.skipIf(!isRoot)('.git is full: exit 1, one clear message, nothing written; with room again the next run goes on', async ({ skip }) => {
    const { digest } = await planOf(world.root);
    const dot = join(world.root, '.git');
    const copy = join(world.root, '..', 'git-copy');
    await cp(dot, copy, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dot]);
    if (mounted.status !== 0) skip('a tmpfs cannot be mounted here');
    try {
      await cp(copy, dot, { recursive: true });
      spawnSync('dd', ['if=/dev/zero', `of=${join(dot, 'filler')}`, 'bs=4k']);
      const ended = await lab('apply', 'acme', '--approve', digest);
      expect([ended.code, everything(ended)]).toEqual([1, expect.stringMatching(/no space left|disk (is )?full|out of disk ?space|unable to write|cannot be written/i)]);
      expectPlain(ended);
      expect(writes()).toBe(0);
      const plan = await lab('plan', 'acme');
      expectPlain(plan);
      await rm(join(dot, 'filler'));
      await lab('apply', 'acme');
      await converge();
      expect((await lab('audit', 'verify')).code).toBe(0);
    } finally {
      spawnSync('umount', ['-l', dot]);
    }
  }, 180_000);
});

describe('a Git worktree', () => {
  test('is as good as the clone it belongs to', async () => {
    const tree = join(world.root, '..', 'tree');
    await git(world.root, 'worktree', 'add', '-q', '-b', 'work', tree);
    expect((await stat(join(tree, '.git'))).isFile()).toBe(true);
    await mkdir(join(tree, '.soll', 'lab'), { recursive: true });
    await cp(join(world.root, '.soll', 'lab', 'state.json'), join(tree, '.soll', 'lab', 'state.json'));
    const { digest } = await planOf(tree);
    const applied = await soll(tree, ['apply', 'acme', '--lab', '--approve', digest]);
    expect({ code: applied.code, text: applied.code === 0 ? '' : everything(applied) }).toEqual({ code: 0, text: '' });
    expect((await lab('plan', 'acme', '--detailed-exitcode')).code).toBe(0);
  }, 120_000);
});
