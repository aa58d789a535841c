/**
 * A folder that stands in for the root of a device: commands run in a real shell, BusyBox's where the machine has it, with real files; only programs that
 * are OpenWrt's own are stand-ins.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { rcCommon, tools, uciAwk } from './tools.ts';

export interface Root {
  readonly path: string;
  /** What its commands run with, for who runs one by himself. */
  readonly environment: Readonly<Record<string, string>>;
  run(command: string, io: { readonly stdin: Readable; readonly stdout: Writable; readonly stderr: Writable }): Promise<number>;
  /** Cuts the power: what runs is gone, memory is empty; then boots. */
  reboot(): Promise<void>;
  close(): Promise<void>;
}

const busybox = '/bin/busybox';
const applets = ['sh', 'awk', 'sed', 'cmp', 'sha256sum', 'mktemp', 'cp', 'mv', 'rm', 'ls', 'tail', 'wc', 'grep', 'mkdir', 'cat', 'chmod', 'ln', 'cut'];

export async function openRoot(folder: string | undefined): Promise<Root> {
  const work = await mkdtemp(join(tmpdir(), 'soll-openwrt-'));
  const path = folder ?? join(work, 'root');
  const bin = join(work, 'bin');
  await Promise.all([bin, ...['etc/config', 'etc/init.d', 'etc/rc.d', 'tmp/.uci', 'var/run', 'rom', 'faults', 'procd'].map((each) => join(path, each))].map((each) => mkdir(each, { recursive: true })));
  await Promise.all([
    ...Object.entries(tools).map(([name, text]) => writeFile(join(bin, name), `#!/bin/sh\n${text.replaceAll('\\${', '${').trim()}\n`, { mode: 0o755 })),
    writeFile(join(work, 'uci.awk'), uciAwk), writeFile(join(path, 'etc', 'rc.common'), rcCommon, { mode: 0o755 }),
  ]);
  if (existsSync(busybox)) {
    const known = new Set(execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n'));
    await Promise.all(applets.filter((name) => known.has(name) || name === 'sh').map((name) => symlink(busybox, join(bin, name))));
  }
  const environment = { PATH: `${bin}:/usr/bin:/bin`, SOLL_ROOT: path, SOLL_TOOLS: work, HOME: '/root', TMPDIR: work };
  const children = new Set<ChildProcess>();
  const execute = (command: string, io?: Parameters<Root['run']>[1]): Promise<number> => new Promise((resolve, reject) => {
    const child = spawn(existsSync(join(bin, 'sh')) ? join(bin, 'sh') : '/bin/sh', ['-c', command], { env: environment, cwd: path, stdio: io === undefined ? 'ignore' : 'pipe' });
    children.add(child);
    if (io !== undefined && child.stdin !== null) {
      // The peer may go before the script has read everything.
      child.stdin.on('error', () => undefined);
      io.stdin.pipe(child.stdin);
      child.stdout?.pipe(io.stdout, { end: false });
      child.stderr?.pipe(io.stderr, { end: false });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      children.delete(child);
      resolve(code ?? 137);
    });
  });
  const killAll = async (): Promise<void> => {
    for (const child of children) child.kill('SIGKILL');
    for (const name of await readdir(join(path, 'procd')).catch((): string[] => [])) {
      const pid = Number(await readFile(join(path, 'procd', name), 'utf8').catch(() => ''));
      await rm(join(path, 'procd', name), { force: true });
      // The group that procd's stand-in made for it, and no other.
      if (pid > 1) try { process.kill(-pid, 'SIGKILL'); } catch { /* It has ended. */ }
    }
  };
  const boot = async (): Promise<void> => {
    for (const name of (await readdir(join(path, 'etc', 'rc.d'))).sort()) await execute(`sh "$SOLL_ROOT/etc/rc.common" "$SOLL_ROOT/etc/init.d/${name.slice(3)}" boot`);
    await execute('SOLL_BOOT=1 reload_config');
  };
  return {
    path, environment, run: execute,
    async reboot() {
      await killAll();
      await Promise.all(['tmp/.uci', 'var/run', 'active'].map(async (each) => {
        await rm(join(path, each), { recursive: true, force: true });
        await mkdir(join(path, each), { recursive: true });
      }));
      await boot();
    },
    async close() {
      await killAll();
      await rm(work, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** What runs now, which is not what stands on the flash until it is reloaded. */
export function activeText(root: Root, name: string): string {
  try {
    return readFileSync(join(root.path, 'active', name), 'utf8');
  } catch {
    return '';
  }
}
