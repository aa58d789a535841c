/**
 * A folder that stands in for the root of a device (`#testkit/device-root`): commands run in a real shell, BusyBox's where the machine has it, with real
 * files; only programs that are OpenWrt's own are stand-ins.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDeviceRoot, type DeviceRoot } from '#testkit/device-root';
import { rcCommon, tools, uciAwk } from './tools.ts';

export interface Root extends Pick<DeviceRoot, 'root' | 'run' | 'close'> {
  /** Cuts the power: what runs is gone, memory is empty; then boots. */
  reboot(): Promise<void>;
}

const busybox = '/bin/busybox';
const applets = ['awk', 'cat', 'chmod', 'cmp', 'cp', 'cut', 'grep', 'ln', 'ls', 'mkdir', 'mktemp', 'mv', 'rm', 'sed', 'sh', 'sha256sum', 'tail', 'wc'];

function busyboxLinks(): Readonly<Record<string, string>> {
  if (!existsSync(busybox)) return {};
  const known = new Set(execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n'));
  return Object.fromEntries(applets.filter((name) => known.has(name) || name === 'sh').map((name) => [name, busybox]));
}

export async function openRoot(folder: string | undefined): Promise<Root> {
  const device = await openDeviceRoot({
    ...(folder === undefined ? {} : { folder }), folders: ['etc/config', 'etc/init.d', 'etc/rc.d', 'tmp/.uci', 'var/run', 'rom', 'faults', 'procd'], links: busyboxLinks(),
    programs: Object.fromEntries(Object.entries(tools).map(([name, text]) => [name, text.replaceAll('\\${', '${').trim()])),
  });
  const path = device.root;
  await Promise.all([writeFile(join(path, 'rom', 'uci.awk'), uciAwk), writeFile(join(path, 'etc', 'rc.common'), rcCommon, { mode: 0o755 })]);
  const killAll = async (): Promise<void> => {
    for (const name of await readdir(join(path, 'procd')).catch((): string[] => [])) {
      const pid = Number(await readFile(join(path, 'procd', name), 'utf8').catch(() => ''));
      await rm(join(path, 'procd', name), { force: true });
      // The group that procd's stand-in made for it, and no other.
      if (pid > 1) try { process.kill(-pid, 'SIGKILL'); } catch { /* It has ended. */ }
    }
  };
  return {
    root: path, run: device.run,
    async reboot() {
      device.kill();
      await killAll();
      await Promise.all(['tmp/.uci', 'var/run', 'active'].map(async (each) => {
        await rm(join(path, each), { recursive: true, force: true });
        await mkdir(join(path, each), { recursive: true });
      }));
      for (const name of (await readdir(join(path, 'etc', 'rc.d'))).sort()) await device.run(`sh "$SOLL_ROOT/etc/rc.common" "$SOLL_ROOT/etc/init.d/${name.slice(3)}" boot`);
      await cp(join(path, 'etc', 'config'), join(path, 'active'), { recursive: true });
    },
    async close() {
      await killAll();
      await device.close();
    },
  };
}

/** What runs now, which is not what stands on the flash until it is reloaded. */
export function activeText({ root }: Root, name: string): string {
  try {
    return readFileSync(join(root, 'active', name), 'utf8');
  } catch {
    return '';
  }
}
