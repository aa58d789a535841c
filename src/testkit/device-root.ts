/**
 * A folder that stands in for a device's root: scripts run in a real `sh` with real files; only programs that the machine does not have, or that would
 * touch the machine itself, are replaced: by a few lines of sh, or by small programs that ask this process.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DeviceRootOptions {
  /** Keeps the device's files; absent: a temporary folder that goes with `close`. */
  readonly folder?: string;
  /** Folders that the device has. */
  readonly folders?: readonly string[];
  /** Programs by name: lines of sh, or an answer of this process; `stdin` where `/dev/stdin` is among the arguments, else empty. */
  readonly programs: Readonly<Record<string, string | ((argv: readonly string[], stdin: string) => Promise<ProgramResult> | ProgramResult)>>;
  /** Programs of this machine that the device has under other names (BusyBox); found before all others. */
  readonly links?: Readonly<Record<string, string>>;
}

export interface DeviceRoot {
  /** What the device calls `/`; scripts find it as SOLL_ROOT. */
  readonly root: string;
  /** Runs a command line as the device's shell would; resolves with its exit code. `detached`: what it starts goes with `kill`, too. */
  run(command: string, io?: { readonly stdin: Readable; readonly stdout: Writable; readonly stderr: Writable }, options?: { readonly detached?: boolean }): Promise<number>;
  /** Everything that runs ends at once, as when the power goes. */
  kill(): void;
  close(): Promise<void>;
}

/** Many are started for one command, so they are in what starts fastest; fields are parted by NUL, which no argument can hold. */
const client = String.raw`use strict;
use IO::Socket::UNIX;
my $input = grep({ $_ eq '/dev/stdin' } @ARGV) ? do { local $/; <STDIN> } : '';
my $socket = IO::Socket::UNIX->new(Peer => $ENV{SOLL_SANDBOX_SOCKET}) or exit 126;
print $socket join("\0", $input, @ARGV);
$socket->shutdown(1);
my ($code, $stdout, $stderr) = split /\0/, do { local $/; <$socket> }, 3;
exit 126 unless defined $stderr;
print STDERR $stderr;
print $stdout;
exit $code;
`;

/** Where there is no perl. */
const slowClient = String.raw`'use strict';
const net = require('net');
const input = process.argv.includes('/dev/stdin') ? require('fs').readFileSync(0, 'utf8') : '';
const socket = net.connect(process.env.SOLL_SANDBOX_SOCKET, () => socket.end([input, ...process.argv.slice(2)].join('\0')));
let text = '';
socket.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => {
  const [code, stdout, stderr] = text.split('\0');
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  process.exitCode = Number(code);
});
socket.on('error', () => process.exit(126));
`;

function hasPerl(): boolean {
  try {
    execFileSync('perl', ['-MIO::Socket::UNIX', '-e', '1'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export async function openDeviceRoot({ folder, folders = [], programs, links = {} }: DeviceRootOptions): Promise<DeviceRoot> {
  const work = await mkdtemp(join(tmpdir(), 'soll-device-'));
  const root = folder ?? join(work, 'root');
  const bin = join(work, 'bin');
  const socketPath = join(work, 'socket');
  await Promise.all([bin, ...folders.map((each) => join(root, each))].map((each) => mkdir(each, { recursive: true })));
  const perl = hasPerl();
  await writeFile(join(work, 'client'), perl ? client : slowClient);
  for (const [name, program] of Object.entries(programs)) {
    const text = typeof program === 'string' ? program : `exec ${perl ? 'perl' : `"${process.execPath}"`} "${join(work, 'client')}" ${name} "$@"`;
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  for (const [name, path] of Object.entries(links)) await symlink(path, join(bin, name));
  const environment = { PATH: `${bin}:/usr/bin:/bin`, SOLL_ROOT: root, SOLL_SANDBOX_SOCKET: socketPath, HOME: root, TMPDIR: work };
  const children = new Set<ReturnType<typeof spawn>>();
  const groups = new Set<number>();

  const run: DeviceRoot['run'] = (command, io, { detached = false } = {}) => new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], { env: environment, cwd: root, stdio: io === undefined ? 'ignore' : 'pipe', detached });
    children.add(child);
    if (detached && child.pid !== undefined) groups.add(child.pid);
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
      if (child.pid !== undefined) groups.delete(child.pid);
      resolve(code ?? 137);
    });
  });
  const kill = (): void => {
    for (const group of groups) {
      try { process.kill(-group, 'SIGKILL'); } catch { /* It has just ended. */ }
    }
    for (const child of children) child.kill('SIGKILL');
  };
  const answer = async ([stdin = '', name = '', ...argv]: readonly string[]): Promise<ProgramResult> => {
    const program = programs[name];
    return typeof program === 'function' ? program(argv, stdin) : { code: 127, stdout: '', stderr: `${name}: not found\n` };
  };
  const server = await listen(socketPath, answer);
  return {
    root, run, kill,
    async close() {
      kill();
      await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
      await rm(work, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function listen(path: string, answer: (argv: readonly string[]) => Promise<ProgramResult>): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => { text += part; });
    socket.on('error', () => undefined);
    socket.on('end', () => {
      answer(text.split('\0')).then(
        ({ code, stdout, stderr }) => { socket.end(`${String(code)}\0${stdout}\0${stderr}`); },
        (error: unknown) => { socket.end(`126\0\0stand-in failed: ${error instanceof Error ? error.message : String(error)}\n`); },
      );
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return server;
}
