/**
 * The firewall's own shell over SSH: scripts run in a real `sh` on real files, with the programs of FreeBSD's base system that a Linux machine does not
 * have (lockf.1 2023, daemon.8, fsync.1). config.xml is the one thing that both sides share: the web interface reads it for every request.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDeviceRoot, type DeviceRoot } from '#testkit/device-root';
import { startSshServer, publicBlob, type SshServer } from '#testkit/ssh-server';
import { fromXml, toXml } from './config-xml.ts';
import type { Device } from './device.ts';

export interface Shell {
  readonly server: SshServer;
  /** What the configuration is now, for whoever is about to look. */
  load(): void;
  /** Somebody has saved: the file and its copy in the history. */
  store(): void;
  /** Power cut and boot: what runs and what is in memory is gone, then the early hooks run, then the configuration is read. */
  reboot(): Promise<void>;
  /** A command line as root, past SSH: somebody at the console. */
  run(command: string): Promise<number>;
  read(file: string): string;
  close(): Promise<void>;
}

export interface ShellOptions {
  readonly folder?: string;
  readonly hostKey: string;
  readonly clientKey: string;
  readonly device: Device;
  /** Seconds pass so much faster for programs that sleep. */
  readonly speed: number;
  admit(): boolean;
}

const lockf = `keep= wait=
while :; do case $1 in -s) shift ;; -k) keep=1; shift ;; -t) wait=$2; shift 2 ;; -*) echo "lockf: illegal option $1" >&2; exit 64 ;; *) break ;; esac; done
file=$1; shift
if [ "$wait" = 0 ]; then flock -n -o -E 75 "$file" "$@"; else flock -w "$wait" -o -E 75 "$file" "$@"; fi
code=$?
[ -n "$keep" ] || [ "$code" -eq 75 ] || rm -f "$file"
exit "$code"`;

const quoted = (argv: readonly string[]): string => argv.map((each) => `'${each.replaceAll("'", String.raw`'\''`)}'`).join(' ');

export async function openShell({ folder, hostKey, clientKey, device, speed, admit }: ShellOptions): Promise<Shell> {
  const load = (): void => {
    if (!existsSync(todo)) device.state.todo = {};
    const text = readFileSync(config, 'utf8');
    if (text === written) return;
    written = text;
    Object.assign(device.state.saved, fromXml(text));
  };
  const root: DeviceRoot = await openDeviceRoot({
    ...(folder === undefined ? {} : { folder }), folders: ['conf/backup', 'var/run', 'tmp', 'usr/local/etc/rc.syshook.d/early'],
    programs: {
      lockf, fsync: 'exec sync "$@"',
      sleep: `exec /bin/sleep "$(echo "$1 ${String(speed)}" | awk '{ print ($1 >= 1) ? $1 / $2 : $1 }')"`,
      daemon: ([option, ...command]) => {
        if (option !== '-f' || command.length === 0) return { code: 1, stdout: '', stderr: 'usage: daemon -f command\n' };
        root.run(`exec ${quoted(command)}`, undefined, { detached: true }).catch(() => undefined);
        return { code: 0, stdout: '', stderr: '' };
      },
      'device-reload': () => {
        load();
        device.boot();
        return { code: 0, stdout: '', stderr: '' };
      },
    },
  });
  const config = join(root.root, 'conf', 'config.xml');
  const todo = join(root.root, 'tmp', '.interfaces.todo');
  let written = '';
  const store = (): void => {
    written = toXml(device.state.saved);
    writeFileSync(config, written);
    if (Object.keys(device.state.todo).length === 0) rmSync(todo, { force: true });
    else writeFileSync(todo, JSON.stringify(device.state.todo));
    // core Config.php, save: it copies after it has written.
    writeFileSync(join(root.root, 'conf', 'backup', `config-${String(1_790_000_000 + device.state.saved.revision)}.1234.xml`), written);
  };
  writeFileSync(join(root.root, 'usr/local/etc/rc.reload_all'), '#!/bin/sh\nexec device-reload\n', { mode: 0o755 });
  store();
  const server = await startSshServer({ hostKey, allow: (user, { publicKey }) => user === 'root' && publicKey?.equals(publicBlob(clientKey)) === true, admit,
    exec: (command, _user, io) => {
      // root's shell hands a command to csh (core src/sbin/opnsense-shell), which knows no line breaks in quotes and takes each ! for history.
      if (!/[!\n]/.test(command)) return root.run(command, io);
      io.stderr.write("Unmatched '''.\n");
      return Promise.resolve(1);
    },
  });
  return {
    server, load, store, run: (command) => root.run(command), read: (file) => readFileSync(join(root.root, file), 'utf8'),
    async reboot() {
      root.kill();
      server.drop();
      rmSync(join(root.root, 'var/run'), { recursive: true });
      mkdirSync(join(root.root, 'var/run'));
      rmSync(todo, { force: true });
      const hooks = join(root.root, 'usr/local/etc/rc.syshook.d/early');
      for (const hook of readdirSync(hooks).sort()) await root.run(`exec ${quoted([join(hooks, hook)])}`);
      load();
      device.boot();
    },
    async close() {
      await server.close();
      await root.close();
    },
  };
}
