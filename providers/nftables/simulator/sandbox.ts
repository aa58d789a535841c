/**
 * A folder that stands in for a Linux device's root: the device script runs in a real `sh`, with real files; only nft, systemctl, systemd-run and, where
 * the machine has none, flock and sha256sum are replaced by small programs that ask this process.
 */
import { spawn, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { NftResult } from './fake-nft.ts';

export interface SandboxOptions {
  /** Keeps the device's files; absent: a temporary folder that goes with `close`. */
  readonly folder?: string;
  nft(argv: readonly string[], readFile: (path: string) => Promise<string>): Promise<NftResult>;
}

export interface Sandbox {
  /** Runs a command line as the device's shell would. */
  run(command: string, io?: { readonly stdin: Readable; readonly stdout: Writable; readonly stderr: Writable }): Promise<number>;
  /** Cuts the power: timers and running commands are gone; then boots. */
  reboot(): Promise<void>;
  readonly root: string;
  close(): Promise<void>;
}

const client = `'use strict';
const net = require('net');
const socket = net.connect(process.env.SOLL_SANDBOX_SOCKET, () => socket.end(JSON.stringify(process.argv.slice(2))));
let text = '';
socket.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => {
  const { code, stdout, stderr } = JSON.parse(text);
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  process.exitCode = code;
});
socket.on('error', () => process.exit(126));
`;

/** systemd-run(1) as the script uses it; anything else is a mistake. */
const timerOptions = /^--(?:quiet|collect|unit=[\w-]+|on-active=\d+|timer-property=AccuracySec=1s|property=(?:Restart=on-failure|RestartSec=5|RestartPreventExitStatus=86))$/;

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const work = await mkdtemp(join(tmpdir(), 'soll-device-'));
  const root = options.folder ?? join(work, 'root');
  const bin = join(work, 'bin');
  const socketPath = join(work, 'socket');
  await Promise.all([mkdir(bin, { recursive: true }), mkdir(join(root, 'run', 'systemd', 'system'), { recursive: true }), mkdir(join(root, 'etc', 'systemd', 'system'), { recursive: true })]);
  await writeFile(join(work, 'client.cjs'), client);
  // Accounts of the device, not of this machine.
  await writeFile(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(bin, 'getent'), '#!/bin/sh\n[ "$1" = passwd ] && grep "^$2:" "$SOLL_ROOT/etc/passwd"\n', { mode: 0o755 });
  for (const name of ['nft', 'systemctl', 'systemd-run']) await writeFile(join(bin, name), `#!/bin/sh\nexec "${process.execPath}" "${join(work, 'client.cjs')}" ${name} "$@"\n`, { mode: 0o755 });
  // One process asks at a time here, so a lock is not needed where the machine has no flock.
  if (!has('flock')) await writeFile(join(bin, 'flock'), '#!/bin/sh\nshift 5\nexec "$@"\n', { mode: 0o755 });
  if (!has('sha256sum')) await writeFile(join(bin, 'sha256sum'), '#!/bin/sh\nexec shasum -a 256 "$@"\n', { mode: 0o755 });
  const environment = { PATH: `${bin}:/usr/bin:/bin`, SOLL_ROOT: root, SOLL_SANDBOX_SOCKET: socketPath, HOME: root, TMPDIR: work };
  const timers = new Map<string, NodeJS.Timeout>();
  const children = new Set<ReturnType<typeof spawn>>();

  const run: Sandbox['run'] = (command, io) => new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], { env: environment, cwd: root, stdio: io === undefined ? 'ignore' : 'pipe' });
    children.add(child);
    if (io !== undefined) {
      // The peer may go before the script has read everything.
      child.stdin?.on('error', () => undefined);
      if (child.stdin !== null) io.stdin.pipe(child.stdin);
      child.stdout?.pipe(io.stdout, { end: false });
      child.stderr?.pipe(io.stderr, { end: false });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      children.delete(child);
      resolve(code ?? 137);
    });
  });

  const answer = async ([program = '', ...argv]: readonly string[]): Promise<NftResult> => {
    if (program === 'nft') return options.nft(argv, (path) => readFile(path, 'utf8'));
    if (program === 'systemd-run') return startTimer(argv);
    if (program === 'systemctl') return systemctl(argv);
    return { code: 127, stdout: '', stderr: `${program}: not found\n` };
  };
  const startTimer = (argv: readonly string[]): NftResult => {
    const option = (name: string): string => argv.find((each) => each.startsWith(`--${name}=`))?.split('=')[1] ?? '';
    const unit = `${option('unit')}.timer`;
    const command = argv.filter((each) => !each.startsWith('--'));
    const unknown = argv.find((each) => each.startsWith('--') && !timerOptions.test(each));
    if (unknown !== undefined || option('unit') === '' || !(Number(option('on-active')) > 0) || command.length === 0) return { code: 1, stdout: '', stderr: `systemd-run: bad arguments ${unknown ?? ''}\n` };
    if (timers.has(unit)) return { code: 1, stdout: '', stderr: `Failed to start transient timer unit: Unit ${unit} already exists.\n` };
    // Restart=on-failure with RestartSec=5, but for the one status that is told to end it.
    const elapse = async (): Promise<void> => {
      timers.delete(unit);
      const code = await run(command.map((each) => `'${each}'`).join(' '));
      if (code !== 0 && code !== 86) timers.set(unit, setTimeout(() => { elapse().catch(() => undefined); }, 5000).unref());
    };
    timers.set(unit, setTimeout(() => { elapse().catch(() => undefined); }, Number(option('on-active')) * 1000).unref());
    return { code: 0, stdout: '', stderr: '' };
  };
  const enabledFile = join(root, 'etc', 'systemd', 'enabled');
  const systemctl = async (argv: readonly string[]): Promise<NftResult> => {
    const [verb, unit = ''] = argv.filter((each) => !each.startsWith('-'));
    const code = (good: boolean): NftResult => ({ code: good ? 0 : 1, stdout: '', stderr: '' });
    switch (verb ?? '') {
      case 'daemon-reload': return code(true);
      case 'enable': await writeFile(enabledFile, unit); return code(true);
      case 'is-enabled': return code((await readFile(enabledFile, 'utf8').catch(() => '')) === unit);
      case 'is-active': return code(timers.has(unit));
      case 'stop': clearTimeout(timers.get(unit)); timers.delete(unit); return code(true);
      default: return { code: 1, stdout: '', stderr: `Unknown command verb ${String(verb)}.\n` };
    }
  };
  const server = await listen(socketPath, answer);
  return {
    root, run,
    async reboot() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      for (const child of children) child.kill('SIGKILL');
      const unit = await readFile(enabledFile, 'utf8').catch(() => '');
      const start = unit === '' ? null : /^ExecStart=(.*)$/m.exec(await readFile(join(root, 'etc', 'systemd', 'system', unit), 'utf8').catch(() => ''));
      // systemd resolves the paths inside the device's root.
      if (start !== null) await run((start[1] ?? '').replace(' /var/', ` ${root}/var/`));
    },
    async close() {
      for (const timer of timers.values()) clearTimeout(timer);
      for (const child of children) child.kill('SIGKILL');
      await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
      await rm(work, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function listen(path: string, answer: (argv: readonly string[]) => Promise<NftResult>): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => { text += part; });
    socket.on('error', () => undefined);
    socket.on('end', () => {
      answer(JSON.parse(text) as string[]).then(
        (result) => { socket.end(JSON.stringify(result)); },
        (error: unknown) => { socket.end(JSON.stringify({ code: 126, stdout: '', stderr: `stand-in failed: ${error instanceof Error ? error.message : String(error)}\n` })); },
      );
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return server;
}
