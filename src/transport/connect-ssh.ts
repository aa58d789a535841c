import { createHash } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ClientChannel, type ConnectConfig } from 'ssh2';
import { ProviderError, type HostKeyPin, type RunOptions, type RunResult, type SshConnection, type SshOptions } from '#contract';
import { runUploaded } from './run-uploaded.ts';
import { reachHint } from './reach-hint.ts';

/** Single quotes; the one character that they cannot hold is put between two of them. */
export function quoteShell(argument: string): string {
  if (argument.includes('\0')) throw new ProviderError('rejected', 'an argument contains a NUL character');
  return `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}

function label({ host, port }: SshOptions): string {
  return `${host}:${String(port)}`;
}

/** Connects, proves the host key before anything else, signs in. Throws ProviderError. */
export async function connectSsh(options: SshOptions, signal: AbortSignal): Promise<SshConnection> {
  signal.throwIfAborted();
  if (options.hostKeys.length === 0) throw new ProviderError('identity', `${label(options)}: no host key is pinned`);
  const bastion = options.via === undefined ? undefined : await connectClient(options.via, signal, undefined);
  try {
    const socket = bastion === undefined ? undefined : await forward(bastion.client, options);
    const { client, hostKey } = await connectClient(options, signal, socket);
    return makeConnection(client, hostKey, options, signal, () => bastion?.client.end());
  } catch (error) {
    bastion?.client.end();
    throw error;
  }
}

interface Connected {
  readonly client: Client;
  readonly hostKey: HostKeyPin;
}

function forward(client: Client, { host, port }: SshOptions): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.forwardOut('127.0.0.1', 0, host, port, (error, stream) => {
      if (error === undefined) resolve(stream);
      else reject(new ProviderError('unreachable', `${host}:${String(port)} cannot be reached through the bastion: ${error.message}`, { cause: error, retryable: true }));
    });
  });
}

function openSocket({ host, port }: SshOptions): Socket {
  // Without Nagle's algorithm: each small packet of the protocol would wait for an acknowledgement.
  return connectTcp({ host, port, noDelay: true });
}

function connectClient(options: SshOptions, signal: AbortSignal, sock: Duplex | undefined): Promise<Connected> {
  const client = new ssh2.Client();
  const socket = sock ?? openSocket(options);
  return new Promise<Connected>((resolve, reject) => {
    let offered: HostKeyPin | undefined;
    let verified = false;
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', onAbort);
      client.removeAllListeners().on('error', () => undefined);
      client.end();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => { fail(signal.reason as Error); };
    signal.addEventListener('abort', onAbort, { once: true });
    client.on('ready', () => {
      signal.removeEventListener('abort', onAbort);
      if (offered !== undefined) resolve({ client, hostKey: offered });
    }).on('error', (error: Error & { level?: string }) => { fail(connectError(error, options, offered, verified)); })
      .on('close', () => { fail(new ProviderError('unreachable', `${label(options)} closed the connection during sign-in`, { retryable: true })); });
    socket.on('error', (error: NodeJS.ErrnoException) => { fail(new ProviderError('unreachable', `${label(options)} cannot be reached: ${error.code ?? error.message}`, { cause: error, retryable: true, hint: reachHint(error.code ?? '') })); });
    client.connect(configOf(options, socket, (pin) => {
      offered = pin;
      verified = options.hostKeys.includes(pin);
      return verified;
    }));
  });
}

function configOf(options: SshOptions, sock: Duplex, verify: (pin: HostKeyPin) => boolean): ConnectConfig {
  return {
    // ssh2 takes any duplex stream; its types name a readable.
    sock: sock, username: options.user, readyTimeout: options.connectTimeoutMs ?? 10_000, keepaliveInterval: 10_000, keepaliveCountMax: 3,
    hostVerifier: (key: Buffer) => verify(`SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`),
    ...(options.privateKey === undefined ? {} : { privateKey: options.privateKey.expose() }),
    ...(options.password === undefined ? {} : { password: options.password.expose() }),
  };
}

function connectError(error: Error & { level?: string }, options: SshOptions, offered: HostKeyPin | undefined, verified: boolean): ProviderError {
  const where = label(options);
  if (offered !== undefined && !verified) {
    return new ProviderError('identity', `${where} shows host key ${offered}, expected ${options.hostKeys.join(' or ')}`, { hint: 'somebody may be in between; if the device was replaced, read the key on the device itself and change `identity` in targets.yaml' });
  }
  if (error.level === 'client-authentication') return new ProviderError('auth', `${where} refused the credentials of ${options.user}`, { hint: 'is the public key on the device, for this user?' });
  if (error.level === 'client-timeout') return new ProviderError('unreachable', `${where} did not answer in time`, { retryable: true, hint: reachHint('ETIMEDOUT') });
  if (/parse|passphrase|privateKey|Unsupported key/i.test(error.message)) return new ProviderError('auth', `the private key for ${where} cannot be used`, { hint: 'an OpenSSH or PEM key without passphrase is needed' });
  return new ProviderError('unreachable', `${where}: ${error.message.slice(0, 200)}`, { cause: error, retryable: true });
}

function makeConnection(client: Client, hostKey: HostKeyPin, options: SshOptions, signal: AbortSignal, also: () => void): SshConnection {
  let lost: Error | undefined;
  client.on('error', (error) => { lost = error; }).on('close', () => { lost ??= new Error('connection closed'); });
  const execute = (command: string, runOptions: RunOptions): Promise<RunResult> => {
    if (lost !== undefined) return Promise.reject(new ProviderError('unreachable', `${label(options)}: the connection is lost`, { cause: lost, retryable: true }));
    return executeCommand(client, command, runOptions, label(options), signal);
  };
  const run: SshConnection['run'] = (argv, runOptions = {}) => execute(argv.map(quoteShell).join(' '), runOptions);
  return {
    hostKey, run,
    runScript: (script, argv, runOptions = {}) => runUploaded(run, script, argv, runOptions),
    close: () => new Promise<void>((resolve) => {
      if (lost !== undefined) resolve();
      else client.once('close', () => { resolve(); });
      client.end();
      also();
      setTimeout(() => { client.destroy(); resolve(); }, 1000).unref();
    }),
  };
}

interface Collected {
  readonly chunks: Buffer[];
  size: number;
}

function executeCommand(client: Client, command: string, options: RunOptions, where: string, signal: AbortSignal): Promise<RunResult> {
  const write = options.effect === 'write';
  const timeoutMs = options.timeoutMs ?? 30_000;
  const maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
  return new Promise<RunResult>((resolve, reject) => {
    let open: ClientChannel | undefined;
    let settled = false;
    let sent = false;
    const finish = (result: RunResult | Error): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      client.removeListener('close', onClose);
      open?.close();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const broken = (text: string): ProviderError => new ProviderError(write && sent ? 'unknown-outcome' : 'unreachable', `${where}: ${text}`, { retryable: !write });
    const onAbort = (): void => { finish(write && sent ? broken('interrupted while a write was under way') : signal.reason as Error); };
    const onClose = (): void => { finish(broken('the connection broke off')); };
    const timer = setTimeout(() => { finish(new ProviderError(write && sent ? 'unknown-outcome' : 'timeout', `${where}: no answer in ${String(timeoutMs)} ms`, { retryable: !write })); }, timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    client.once('close', onClose);
    sent = true;
    client.exec(command, (error, channel) => {
      if (error !== undefined) {
        sent = false;
        finish(broken(`the command was not accepted: ${error.message}`));
        return;
      }
      open = channel;
      listen(channel, options, maxBytes, where, broken, finish);
    });
  });
}

function listen(channel: ClientChannel, options: RunOptions, maxBytes: number, where: string, broken: (text: string) => ProviderError, finish: (result: RunResult | Error) => void): void {
  const stdout: Collected = { chunks: [], size: 0 };
  const stderr: Collected = { chunks: [], size: 0 };
  let end: { code: number | null; name?: string } | undefined;
  const collect = (into: Collected) => (chunk: Buffer): void => {
    into.size += chunk.length;
    if (into.size > maxBytes) finish(new ProviderError(options.effect === 'write' ? 'unknown-outcome' : 'protocol', `${where} sent more than ${String(maxBytes)} bytes`));
    else into.chunks.push(chunk);
  };
  channel.on('data', collect(stdout));
  channel.stderr.on('data', collect(stderr));
  channel.on('exit', (code: number | null, name?: string) => { end = { code, ...(name === undefined ? {} : { name }) }; });
  channel.on('error', (error: Error) => { finish(broken(error.message)); });
  channel.on('close', () => {
    if (end === undefined) finish(broken('the command ended without a result'));
    else if (end.code === null) finish(broken(`the command was ended by ${end.name ?? 'a signal'}`));
    else finish({ code: end.code, stdout: Buffer.concat(stdout.chunks).toString('utf8'), stderr: Buffer.concat(stderr.chunks).toString('utf8') });
  });
  channel.end(options.stdin === undefined ? '' : Buffer.from(options.stdin));
}

