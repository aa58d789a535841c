/**
 * The script on the device, killed and failed at each program that moves, copies, flushes, removes or applies something: whatever it was doing, a restart
 * ends in the state before or in the confirmed one, and a run that goes on reaches one of the two. With SOLL_OPENWRT_ROOT it runs in a real root tree.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { deviceScript } from './device-script.ts';
import { loadParts, sha256 } from './edit-device.ts';
import { defaults } from './simulator/defaults.ts';
import { openRoot, type Root } from './simulator/root.ts';

const ends: (() => unknown)[] = [];
afterAll(async () => { for (const end of ends.splice(0).reverse()) await end(); });

const token = 'ab'.repeat(16);
const faulty = ['mv', 'cp', 'rm', 'fsync', 'mkdir', 'ubus'];
const next = { network: `${defaults['network'] ?? ''}\nconfig interface 'new'\n\toption proto 'none'\n`, soll: "config wlan 'soll_w_x'\n\toption passphrase 'a:1:b:c'\n" };

interface Device {
  readonly root: Root;
  /** Exit code. `at`: the Nth program of those is not run; `kill`: nor anything after it. */
  run(argv: readonly string[], stdin?: string, fault?: { readonly at: number; readonly how: 'kill' | 'fail' }): Promise<number>;
  config(): string;
  /** Ends the countdown. */
  stop(): Promise<void>;
}

async function device(programs: readonly string[] = faulty): Promise<Device> {
  const work = mkdtempSync(join(tmpdir(), 'soll-openwrt-script-'));
  const root = await openRoot(join(work, 'root'));
  ends.push(async () => { await root.close(); rmSync(work, { recursive: true, force: true, maxRetries: 5 }); });
  for (const [name, text] of Object.entries(defaults)) writeFileSync(join(root.root, 'etc', 'config', name), text);
  writeFileSync(join(root.root, 'speed'), '1\n');
  const bin = join(work, 'bin');
  mkdirSync(bin);
  const script = join(work, 'script');
  writeFileSync(script, deviceScript);
  for (const name of programs) writeFileSync(join(bin, name), `#!/bin/sh\necho >> "$COUNT"; n=0; while read -r _; do n=$((n + 1)); done < "$COUNT"\nif [ "$n" = "$FAULT_AT" ]; then case $FAULT in kill) kill -9 0 ;; *) exit 1 ;; esac; fi\nPATH="$REAL"; exec ${name} "$@"\n`, { mode: 0o755 });
  return {
    root,
    stop: async () => { await root.run('sh "$SOLL_ROOT/etc/rc.common" "$SOLL_ROOT/etc/init.d/soll-guard" stop'); },
    config: () => ['network', 'soll', 'firewall'].map((name) => (existsSync(join(root.root, 'etc/config', name)) ? readFileSync(join(root.root, 'etc/config', name), 'utf8') : 'absent\n')).join(''),
    run: (argv, stdin = '', fault) => {
      const count = join(work, 'count');
      rmSync(count, { force: true });
      const broken = fault === undefined ? '' : `REAL="$PATH" PATH="${bin}:$PATH" COUNT="${count}" FAULT_AT=${String(fault.at)} FAULT=${fault.how} `;
      const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => { done(); } });
      // A group of its own, which is what is killed.
      return root.run(`${broken}sh "${script}" ${argv.join(' ')}`, { stdin: Readable.from([stdin]), stdout: nowhere(), stderr: nowhere() }, { detached: true });
    },
  };
}

function loading(config: (name: string) => string): { readonly argv: readonly string[]; readonly stdin: string } {
  const parts = loadParts(next);
  const sums = ['network', 'wireless', 'firewall', 'soll'].map((name) => `${name} ${config(name) === '' ? 'absent' : sha256(config(name))}\n`).join('');
  return { argv: ['load', token, '7', sha256(sums), ...parts.map(({ argument }) => argument)], stdin: parts.map(({ text }) => text).join('') };
}
const load = loading((name) => defaults[name] ?? '');

describe.each([
  { command: 'load', prepare: () => Promise.resolve(), argv: load.argv, stdin: load.stdin },
  { command: 'confirm', prepare: async (made: Device) => { expect(await made.run(load.argv, load.stdin)).toBe(0); }, argv: ['confirm', token], stdin: '' },
  { command: 'recover', prepare: async (made: Device) => { expect(await made.run(load.argv, load.stdin)).toBe(0); }, argv: ['recover', token], stdin: '' },
])('$command', ({ command, prepare, argv, stdin }) => {
  // What fails on the way there is taken back by a restart like what is killed; on the way back it must be tried again.
  test.each(command === 'recover' ? ['kill', 'fail'] as const : ['kill'] as const)('%s at each step', async (how) => {
    // Sums are many where files come; where they go back, one that fails must not be taken for a damaged file.
    const made = await device(command === 'load' ? faulty : [...faulty, 'sha256sum']);
    const flash = join(made.root.root, 'etc');
    expect(await made.run(['arm', token, '600', '7'])).toBe(0);
    const before = made.config();
    await prepare(made);
    await made.stop();
    cpSync(flash, `${flash}.image`, { recursive: true, verbatimSymlinks: true });
    let ended = false;
    let steps = 0;
    const seen = new Set<string>();
    for (let at = 1; !ended; at += 1) {
      rmSync(flash, { recursive: true });
      cpSync(`${flash}.image`, flash, { recursive: true, verbatimSymlinks: true });
      await made.root.run('echo 600 > "$SOLL_ROOT/var/run/soll.left"; sh "$SOLL_ROOT/etc/rc.common" "$SOLL_ROOT/etc/init.d/soll-guard" start');
      const code = await made.run(argv, stdin, { at, how });
      ended = countOf(made) < at;
      if (ended) expect(code).toBe(0);
      await made.root.reboot();
      const confirmed = readdirSync(join(made.root.root, 'etc/soll/guard')).includes(`${token}.confirmed`);
      seen.add(confirmed ? 'after' : 'before');
      expect({ at, config: made.config() }).toEqual({ at, config: confirmed ? `${next.network}${next.soll}${defaults['firewall'] ?? ''}` : before });
      steps = at;
    }
    expect([...seen].sort()).toEqual(command === 'confirm' ? ['after', 'before'] : ['before']);
    expect(steps).toBeGreaterThan(5);
  }, 300_000);
});

function countOf({ root }: Device): number {
  const file = join(root.root, '..', 'count');
  return existsSync(file) ? readFileSync(file, 'utf8').length : 0;
}

test('a countdown that is killed is started again where it was', async () => {
  const made = await device();
  expect(await made.run(['arm', token, '90', '7'])).toBe(0);
  expect(await made.run(load.argv, load.stdin)).toBe(0);
  const pid = readFileSync(join(made.root.root, 'procd/soll-guard'), 'utf8').trim();
  for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')) process.kill(Number(child), 'SIGKILL');
  writeFileSync(join(made.root.root, 'speed'), '400\n');
  await expect.poll(() => readdirSync(join(made.root.root, 'etc/soll/guard')), { timeout: 200_000, interval: 100 }).toEqual([`${token}.fired`]);
  expect(made.config()).toContain('absent\n');
}, 300_000);

const realRoot = process.env['SOLL_OPENWRT_ROOT'];
if (realRoot === undefined) process.stdout.write('skipped: no real OpenWrt; SOLL_OPENWRT_ROOT=/path/to/rootfs names an unpacked root tree (needs root, for chroot)\n');

test.skipIf(realRoot === undefined)('a real root tree: its own shell, programs and uci; ubus is stood in for', async () => {
  const work = mkdtempSync(join(tmpdir(), 'soll-openwrt-real-'));
  ends.push(() => { rmSync(work, { recursive: true, force: true, maxRetries: 5 }); });
  const root = join(work, 'root');
  cpSync(realRoot ?? '', root, { recursive: true, verbatimSymlinks: true });
  for (const folder of ['etc/config', 'tmp', 'var/run']) if (!existsSync(join(root, folder))) mkdirSync(join(root, folder), { recursive: true });
  for (const [name, text] of Object.entries(defaults)) writeFileSync(join(root, 'etc/config', name), text);
  // No daemon runs in a tree: procd is said to run, and to have told the services.
  const standIn = (path: string, text: string): void => { rmSync(join(root, path), { force: true }); writeFileSync(join(root, path), `#!/bin/sh\n${text}\n`, { mode: 0o755 }); };
  standIn('bin/ubus', 'echo \'{ "soll-guard": { "instances": { "instance1": { "running": true } } } }\'');
  writeFileSync(join(root, 'tmp/soll.sh'), deviceScript);
  const run = (argv: readonly string[], input = ''): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => spawnSync('chroot', [root, '/bin/sh', '/tmp/soll.sh', ...argv], { encoding: 'utf8', input });
  const { parseStatus } = await import('./reading.ts');
  expect(parseStatus(run(['status']).stdout).texts.network).toBe(defaults['network']);
  expect(run(['arm', token, '600', '7'])).toMatchObject({ status: 0, stdout: 'armed\n' });
  expect(run(load.argv, load.stdin)).toMatchObject({ status: 0, stdout: 'loaded\n' });
  expect(readFileSync(join(root, 'etc/config/network'), 'utf8')).toBe(next.network);
  expect(run(['recover', token])).toMatchObject({ status: 0, stdout: 'fired\n' });
  expect(readFileSync(join(root, 'etc/config/network'), 'utf8')).toBe(defaults['network']);
  expect(existsSync(join(root, 'etc/config/soll'))).toBe(false);
}, 300_000);
