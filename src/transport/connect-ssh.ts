import { createHash } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ClientChannel, type ConnectConfig } from 'ssh2';
import { ProviderError, type HostKeyPin, type RunOptions, type RunResult, type SshConnection, type SshOptions } from '#contract';
import { openShell } from './open-shell.ts';
import { runUploaded } from './run-uploaded.ts';
import { reachHint } from './reach-hint.ts';

/** Single quotes; the one character that they cannot hold is put between two of them. */
export function quoteShell(argument: string): string {
  if (argument.includes('\0')) throw new ProviderError('rejected', 'an argument contains a NUL character');
  return `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}

const defaultConnectTimeoutMs = 10_000;

function label({ host, port }: SshOptions): string {
  return `${host}:${String(port)}`;
}

/** Connects, proves the host key before anything else, signs in. Throws ProviderError. */
export async function connectSsh(options: SshOptions, signal: AbortSignal): Promise<SshConnection> {
  signal.throwIfAborted();
  for (let hop: SshOptions | undefined = options; hop !== undefined; hop = hop.via) {
    if (hop.hostKeys.length === 0) throw new ProviderError('identity', `${label(hop)}: no host key is pinned`);
  }
  const { client, hostKey, release } = await reach(options, signal);
  return makeConnection(client, hostKey, options, signal, release);
}

/** Hop by hop; each proves its own key. `release` lets go of the hops before. */
async function reach(options: SshOptions, signal: AbortSignal): Promise<Connected & { readonly release: () => void }> {
  if (options.via === undefined) return { ...await connectClient(options, signal, undefined), release: () => undefined };
  const bastion = await reach(options.via, signal).catch((error: unknown) => { throw ofBastion(error); });
  const release = (): void => {
    bastion.client.end();
    bastion.release();
  };
  try {
    return { ...await connectClient(options, signal, await forward(bastion.client, options, signal)), release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Who the bastion shows itself as is not who the target is: nobody may take the one for the other. */
function ofBastion(error: unknown): unknown {
  if (!(error instanceof ProviderError) || error.seen === undefined) return error;
  return new ProviderError(error.code, error.message, { cause: error, hint: 'somebody may be in between; if the bastion was replaced, read its key on itself and change `settings.via.identity` in targets.yaml' });
}

interface Connected {
  readonly client: Client;
  readonly hostKey: HostKeyPin;
}

/** A channel through the bastion, in the time of a connection. */
function forward(client: Client, options: SshOptions, signal: AbortSignal): Promise<Duplex> {
  const failed = (why: string, cause?: Error): ProviderError => new ProviderError('unreachable', `${label(options)} cannot be reached through the bastion: ${why}`, { retryable: true, ...(cause === undefined ? {} : { cause }) });
  return new Promise((resolve, reject) => {
    let settled = false;
    const finish = (result: Duplex | Error): void => {
      if (settled) {
        if (!(result instanceof Error)) result.destroy();
        return;
      }
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      client.removeListener('close', onClose);
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const onAbort = (): void => { finish(reasonOf(signal)); };
    const onClose = (): void => { finish(failed('the bastion closed the connection')); };
    const timer = setTimeout(() => { finish(failed('no answer in time')); }, options.connectTimeoutMs ?? defaultConnectTimeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    client.once('close', onClose);
    client.forwardOut('127.0.0.1', 0, options.host, options.port, (error, stream) => { finish(error === undefined ? stream : failed(error.message, error)); });
  });
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error('interrupted');
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
    let settled = false;
    const settle = (result: Connected | Error): void => {
      if (settled) return;
      settled = true;
      signal.removeEventListener('abort', onAbort);
      client.off('ready', onReady).off('error', onError).off('close', onClose);
      socket.off('error', onSocketError);
      // What comes later is told by the commands under way; an event without a listener would end the process.
      client.on('error', () => undefined);
      socket.on('error', () => undefined);
      if (!(result instanceof Error)) {
        resolve(result);
        return;
      }
      client.end();
      socket.destroy();
      reject(result);
    };
    const onAbort = (): void => { settle(reasonOf(signal)); };
    const onReady = (): void => { if (offered !== undefined) settle({ client, hostKey: offered }); };
    const onError = (error: Error & { level?: string }): void => { settle(connectError(error, options, offered, verified)); };
    const onClose = (): void => { settle(new ProviderError('unreachable', `${label(options)} closed the connection during sign-in`, { retryable: true })); };
    const onSocketError = (error: NodeJS.ErrnoException): void => { settle(new ProviderError('unreachable', `${label(options)} cannot be reached: ${error.code ?? 'connection failed'}`, { cause: error, retryable: true, hint: reachHint(error.code ?? '') })); };
    signal.addEventListener('abort', onAbort, { once: true });
    client.on('ready', onReady).on('error', onError).on('close', onClose);
    socket.on('error', onSocketError);
    try {
      client.connect(configOf(options, socket, (pin) => {
        offered = pin;
        verified = options.hostKeys.includes(pin);
        return verified;
      }));
    } catch (error) {
      // A key that cannot be parsed is thrown, not emitted.
      settle(connectError(error instanceof Error ? error : new Error('not connectable'), options, offered, verified));
    }
  });
}

/** What IOS before 15.2 and early small-business firmware know; 2048 bits, SHA-1. Group 1 (1024 bits) stays out. */
const oldKeyExchange = ['diffie-hellman-group-exchange-sha1', 'diffie-hellman-group14-sha1'] as const;

function configOf(options: SshOptions, sock: Duplex, verify: (pin: HostKeyPin) => boolean): ConnectConfig {
  return {
    // ssh2 takes any duplex stream; its types name a readable.
    sock: sock, username: options.user, readyTimeout: options.connectTimeoutMs ?? defaultConnectTimeoutMs, keepaliveInterval: 10_000, keepaliveCountMax: 3,
    hostVerifier: (key: Buffer) => verify(`SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`),
    ...(options.privateKey === undefined ? {} : { privateKey: options.privateKey.expose() }),
    ...(options.password === undefined ? {} : { password: options.password.expose() }),
    ...(options.oldKeyExchange === true ? { algorithms: { kex: { append: [...oldKeyExchange], prepend: [], remove: [] } } } : {}),
  };
}

function connectError(error: Error & { level?: string }, options: SshOptions, offered: HostKeyPin | undefined, verified: boolean): ProviderError {
  const where = label(options);
  if (offered !== undefined && !verified) {
    return new ProviderError('identity', `${where} shows host key ${offered}, expected ${options.hostKeys.join(' or ')}`, { seen: `ssh:${offered}`, hint: 'somebody may be in between; if the device was replaced, read the key on the device itself, then: soll replace' });
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
    if (signal.aborted) return Promise.reject(reasonOf(signal));
    if (lost !== undefined) return Promise.reject(new ProviderError('unreachable', `${label(options)}: the connection is lost`, { cause: lost, retryable: true }));
    return executeCommand(client, command, runOptions, label(options), signal);
  };
  const run: SshConnection['run'] = async (argv, runOptions = {}) => execute(argv.map(quoteShell).join(' '), runOptions);
  return {
    hostKey, run,
    runScript: (script, argv, runOptions = {}) => runUploaded(run, script, argv, runOptions),
    openShell: () => {
      if (signal.aborted) return Promise.reject(reasonOf(signal));
      if (lost !== undefined) return Promise.reject(new ProviderError('unreachable', `${label(options)}: the connection is lost`, { cause: lost, retryable: true }));
      return openShell(client, label(options), options.connectTimeoutMs ?? defaultConnectTimeoutMs, signal);
    },
    close: () => new Promise<void>((resolve) => {
      if (lost !== undefined) resolve();
      else client.once('close', () => { resolve(); });
      lost ??= new Error('closed by us');
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

/** Only these say for certain that the command was not begun; anything else may have come after it. */
const notBegun = /^Unable to exec$|Channel open failure|Channel is not open|Not connected/;

function executeCommand(client: Client, command: string, options: RunOptions, where: string, signal: AbortSignal): Promise<RunResult> {
  const write = options.effect === 'write';
  const timeoutMs = options.timeoutMs ?? 30_000;
  return new Promise<RunResult>((resolve, reject) => {
    let open: ClientChannel | undefined;
    let settled = false;
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
    const broken = (text: string): ProviderError => new ProviderError(write ? 'unknown-outcome' : 'unreachable', `${where}: ${text}`, { retryable: !write });
    const refused = (error: Error): void => {
      const text = `the command was not accepted: ${error.message.slice(0, 200)}`;
      finish(notBegun.test(error.message) ? new ProviderError('unreachable', `${where}: ${text}`, { cause: error, retryable: true }) : broken(text));
    };
    const onAbort = (): void => { finish(write ? broken('interrupted while a write was under way') : reasonOf(signal)); };
    const onClose = (): void => { finish(broken('the connection broke off')); };
    const timer = setTimeout(() => { finish(new ProviderError(write ? 'unknown-outcome' : 'timeout', `${where}: no answer in ${String(timeoutMs)} ms`, { retryable: !write })); }, timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    client.once('close', onClose);
    try {
      client.exec(command, (error, channel) => {
        if (error !== undefined) refused(error);
        else if (settled) channel.close();
        else listen(open = channel, options, where, broken, finish);
      });
    } catch (error) {
      refused(error instanceof Error ? error : new Error('Not connected'));
    }
  });
}

function listen(channel: ClientChannel, options: RunOptions, where: string, broken: (text: string) => ProviderError, finish: (result: RunResult | Error) => void): void {
  const maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
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
    else if (end.code === null) finish(broken(`the command was ended by ${/^[A-Z0-9@.-]{1,32}$/i.test(end.name ?? '') ? `signal ${end.name ?? ''}` : 'a signal'}`));
    else finish({ code: end.code, stdout: Buffer.concat(stdout.chunks).toString('utf8'), stderr: Buffer.concat(stderr.chunks).toString('utf8') });
  });
  channel.end(options.stdin === undefined ? '' : Buffer.from(options.stdin));
}

