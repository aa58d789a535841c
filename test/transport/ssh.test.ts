/** The SSH transport against real sockets: who is spoken to, what is sent, what is known after something broke. */
import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, Socket, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import ssh2 from 'ssh2';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { SecretValue, type HostKeyPin, type SshConnection, type SshOptions } from '#contract';
import { makeClientKey, makeHostKey, pinOf, publicBlob, startSshServer, type SshServer, type SshServerOptions } from '#testkit/ssh-server';
import { connectSsh } from '#transport/connect-ssh';

const host = makeHostKey();
const client = makeClientKey();
const never = new AbortController().signal;
let rsaHost: string;
let rsaClient: string;
beforeAll(() => {
  rsaHost = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).private;
  rsaClient = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs1', format: 'pem' }, publicKeyEncoding: { type: 'pkcs1', format: 'pem' } }).privateKey;
});

const open: (() => Promise<unknown>)[] = [];
let seen: string[];
beforeEach(() => { seen = []; });
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of open.splice(0).reverse()) await close();
});

/** Not by iteration, which would destroy the channel at its end. */
function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => { stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => { resolve(Buffer.concat(chunks)); }); });
}

/** What a device does: a shell gets the command as one text. */
function shell(spoil: (bytes: Buffer) => Buffer = (bytes) => bytes): SshServerOptions['exec'] {
  return async (command, _user, { stdin, stdout, stderr }) => {
    const input = spoil(await readAll(stdin));
    const child = spawn('/bin/sh', ['-c', command], { env: { PATH: '/usr/bin:/bin' } });
    child.stdin.on('error', () => undefined).end(input);
    // A client that has cut the output closes the channel while the command still writes: the command ends, as with sshd.
    for (const stream of [stdout, stderr]) stream.on('error', () => child.kill());
    child.stdout.pipe(stdout, { end: false });
    child.stderr.pipe(stderr, { end: false });
    return new Promise((resolve) => { child.on('close', (code, signal) => { resolve(code ?? { signal: (signal ?? 'TERM').replace('SIG', '') }); }); });
  };
}

async function serve(options: Partial<SshServerOptions> = {}): Promise<SshServer> {
  const server = await startSshServer({
    hostKey: host.privateKey, observe: (what) => seen.push(what),
    allow: (_user, { publicKey, password }) => password === 'geheim' || (publicKey !== undefined && [client.privateKey, rsaClient].some((key) => publicBlob(key).equals(publicKey))),
    exec: shell(), ...options,
  });
  open.push(() => server.close());
  return server;
}

function optionsFor({ port }: { readonly port: number }, options: Partial<SshOptions> = {}): SshOptions {
  const key = options.password === undefined ? { privateKey: new SecretValue('key', client.privateKey) } : {};
  return { host: '127.0.0.1', port, user: 'soll', hostKeys: [host.pin], connectTimeoutMs: 5000, ...key, ...options };
}

async function connectTo(server: { readonly port: number }, options: Partial<SshOptions> = {}, signal = never): Promise<SshConnection> {
  const connection = await connectSsh(optionsFor(server, options), signal);
  open.push(() => connection.close());
  return connection;
}

/** A server that speaks no SSH, or not enough of it. */
async function raw(listen: (socket: Socket) => void): Promise<{ readonly port: number; readonly sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    listen(socket);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  open.push(() => new Promise((resolve) => {
    for (const socket of sockets) socket.destroy();
    server.close(resolve);
  }));
  return { port: (server.address() as { port: number }).port, sockets };
}

describe('who is spoken to', () => {
  it('#93 another host key ends it before any credential is offered, and the error names both', async () => {
    const server = await serve();
    const other = makeHostKey().pin;
    await expect(connectTo(server, { hostKeys: [other], password: new SecretValue('p', 'geheim') })).rejects.toMatchObject({ code: 'identity', retryable: false, message: expect.stringContaining(host.pin) as string });
    expect(seen).toEqual([]);
  });

  it('no pin: nobody is spoken to, also not a bastion without one', async () => {
    const { port, sockets } = await raw(() => undefined);
    await expect(connectTo({ port }, { hostKeys: [] })).rejects.toMatchObject({ code: 'identity' });
    await expect(connectTo({ port }, { via: optionsFor({ port }, { hostKeys: [] }) })).rejects.toMatchObject({ code: 'identity' });
    expect(sockets).toEqual([]);
  });

  it('one of several pins is enough, and is the one that is told', async () => {
    const server = await serve();
    expect((await connectTo(server, { hostKeys: [makeHostKey().pin, host.pin] })).hostKey).toBe(host.pin);
  });

  it('an RSA host key is pinned the same way', async () => {
    const server = await serve({ hostKey: rsaHost });
    expect((await connectTo(server, { hostKeys: [pinOf(rsaHost)] })).hostKey).toBe(pinOf(rsaHost));
    await expect(connectTo(server, { hostKeys: [host.pin] })).rejects.toMatchObject({ code: 'identity' });
  });

  it('#93 a key exchange of the last century is refused', async () => {
    const old = new ssh2.Server({ hostKeys: [host.privateKey], algorithms: { kex: ['diffie-hellman-group1-sha1'] } }, (peer) => { peer.on('error', () => undefined); });
    await new Promise<void>((resolve) => { old.listen(0, '127.0.0.1', () => { resolve(); }); });
    open.push(() => new Promise((resolve) => { old.close(resolve); }));
    await expect(connectTo({ port: (old.address() as { port: number }).port })).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('a key that changes while connected is met by the next connection', async () => {
    const server = await serve();
    await connectTo(server);
    server.replaceHostKey(makeHostKey().privateKey);
    await expect(connectTo(server)).rejects.toMatchObject({ code: 'identity' });
  });
});

describe('signing in', () => {
  it('with an RSA key in PEM, with a password', async () => {
    const server = await serve();
    expect((await (await connectTo(server, { privateKey: new SecretValue('key', rsaClient) })).run(['echo', 'rsa'])).stdout).toBe('rsa\n');
    expect((await (await connectTo(server, { password: new SecretValue('p', 'geheim') })).run(['echo', 'password'])).stdout).toBe('password\n');
  });

  it.each([
    { because: 'another key', options: () => ({ privateKey: new SecretValue('key', makeClientKey().privateKey) }) },
    { because: 'another password', options: () => ({ password: new SecretValue('p', 'falsch-und-geheim') }) },
    { because: 'a key that is none', options: () => ({ privateKey: new SecretValue('key', '-----BEGIN OPENSSH PRIVATE KEY-----\ncanary-of-a-broken-key\n-----END OPENSSH PRIVATE KEY-----') }) },
    { because: 'a key that asks for a passphrase', options: () => ({ privateKey: new SecretValue('key', ssh2.utils.generateKeyPairSync('ed25519', { cipher: 'aes256-ctr', passphrase: 'x', rounds: 1 }).private) }) },
  ])('$because is `auth`, and the error holds no credential', async ({ options }) => {
    const server = await serve();
    const failed = await connectTo(server, options()).catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: 'ProviderError', code: 'auth', retryable: false });
    expect(JSON.stringify(failed) + String(failed)).not.toMatch(/canary|falsch/);
  });

  it.each([
    { because: 'silence', listen: () => undefined },
    { because: 'a greeting without end', listen: (socket: Socket) => { const timer = setInterval(() => socket.write('welcome\r\n'), 20); socket.on('close', () => { clearInterval(timer); }); } },
    { because: 'a name and then silence', listen: (socket: Socket) => { socket.write('SSH-2.0-tarpit\r\n'); } },
  ])('#97 $because: bounded by connectTimeoutMs', async ({ listen }) => {
    const server = await raw(listen);
    const started = performance.now();
    await expect(connectTo(server, { connectTimeoutMs: 300 })).rejects.toMatchObject({ code: 'unreachable', retryable: true });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it.each([
    { because: 'an HTTP server', listen: (socket: Socket) => { socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'); } },
    { because: 'a cut', listen: (socket: Socket) => { socket.destroy(); } },
    { because: 'bytes without end', listen: (socket: Socket) => { const flood = (): void => { while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 65))); }; socket.on('drain', flood); flood(); } },
  ])('#75 $because is unreachable', async ({ listen }) => {
    await expect(connectTo(await raw(listen))).rejects.toMatchObject({ code: 'unreachable', retryable: true });
  });

  it('nobody listens: unreachable', async () => {
    const server = await serve();
    await server.close();
    await expect(connectTo(server)).rejects.toMatchObject({ code: 'unreachable', retryable: true, message: expect.stringContaining('ECONNREFUSED') as string });
  });

  it('an abort ends a sign-in at once with the signal\'s reason', async () => {
    const server = await raw(() => undefined);
    const stop = new AbortController();
    const reason = new Error('Ctrl-C');
    setTimeout(() => { stop.abort(reason); }, 50);
    await expect(connectTo(server, {}, stop.signal)).rejects.toBe(reason);
    await expect(connectTo(server, {}, stop.signal)).rejects.toBe(reason);
  });
});

describe('a command', () => {
  it.each([
    [''], ['a b'], ['  '], ["it's"], ['"quoted"'], ['$(id)'], ['`id`'], ['$HOME ${PATH} !x'], ['a\nb\n'], ['-rf'], ['--'], ['*'], ['~'], ['a\\'], ["'\\''"], [';reboot'], ['|| true'], ['\t\r'], ['ü – 木 😀'], ['#'], ['%s'],
  ])('#32 #41 the argument %j reaches the program as it is', async (argument) => {
    const connection = await connectTo(await serve());
    const { stdout, code } = await connection.run(['printf', '%s|', 'first', argument, 'last']);
    expect([code, stdout]).toEqual([0, `first|${argument}|last|`]);
  });

  it('a NUL is refused before anything is sent', async () => {
    const exec = vi.fn(shell());
    const connection = await connectTo(await serve({ exec }));
    await expect(connection.run(['echo', 'a\0b'])).rejects.toMatchObject({ code: 'rejected' });
    expect(exec).not.toHaveBeenCalled();
  });

  it('every byte of standard input arrives, and both outputs and the exit code come back apart', async () => {
    const connection = await connectTo(await serve());
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
    expect((await connection.run(['sha256sum'], { stdin: bytes })).stdout.slice(0, 64)).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(await connection.run(['sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  it('#84 the word error and a prompt in the output change nothing: the exit code decides', async () => {
    const connection = await connectTo(await serve());
    expect(await connection.run(['printf', '%s', 'ERROR: failed\n# $ >\npassword:'])).toMatchObject({ code: 0 });
  });

  it('no terminal, no agent, no environment, no shell is asked for', async () => {
    vi.stubEnv('SSH_AUTH_SOCK', '/tmp/agent-that-must-not-be-used');
    const connection = await connectTo(await serve());
    await connection.run(['true']);
    await connection.runScript('exit 0', []);
    vi.unstubAllEnvs();
    expect(seen.filter((what) => !['none', 'password', 'publickey'].includes(what))).toEqual([]);
  });

  it('small packets do not wait: the socket is without Nagle\'s algorithm', async () => {
    const server = await serve();
    const connect = vi.spyOn(Socket.prototype, 'connect');
    await connectTo(server);
    expect(JSON.stringify(connect.mock.calls)).toContain('"noDelay":true');
  });

  it.each([
    { effect: 'read', code: 'timeout' },
    { effect: 'write', code: 'unknown-outcome' },
  ] as const)('#97 one that hangs is bounded: a $effect is $code', async ({ effect, code }) => {
    const connection = await connectTo(await serve({ exec: () => Promise.resolve('hang') }));
    await expect(connection.run(['true'], { effect, timeoutMs: 200 })).rejects.toMatchObject({ code, retryable: effect === 'read' });
  });

  it.each([
    { effect: 'read', code: 'protocol' },
    { effect: 'write', code: 'unknown-outcome' },
  ] as const)('#75 an output without end is cut: a $effect is $code', async ({ effect, code }) => {
    const connection = await connectTo(await serve());
    await expect(connection.run(['sh', '-c', 'yes'], { effect, maxBytes: 100_000 })).rejects.toMatchObject({ code });
    await expect(connection.run(['sh', '-c', 'yes >&2'], { effect, maxBytes: 100_000 })).rejects.toMatchObject({ code });
    expect((await connection.run(['echo', 'still there'])).stdout).toBe('still there\n');
  });

  it('exactly the cap is no breach of it', async () => {
    const connection = await connectTo(await serve());
    expect((await connection.run(['sh', '-c', 'head -c 1000 /dev/zero'], { maxBytes: 1000 })).stdout).toHaveLength(1000);
    await expect(connection.run(['sh', '-c', 'head -c 1001 /dev/zero'], { maxBytes: 1000 })).rejects.toMatchObject({ code: 'protocol' });
  });

  it.each([
    { effect: 'read', code: 'unreachable' },
    { effect: 'write', code: 'unknown-outcome' },
  ] as const)('a connection cut while it runs: a $effect is $code, and the connection is not used again', async ({ effect, code }) => {
    let begun: () => void = () => undefined;
    const under = new Promise<void>((resolve) => { begun = resolve; });
    const server = await serve({ exec: () => { begun(); return new Promise(() => undefined); } });
    const connection = await connectTo(server);
    const running = connection.run(['true'], { effect });
    running.catch(() => undefined);
    await under;
    server.drop();
    await expect(running).rejects.toMatchObject({ code });
    await expect(connection.run(['true'], { effect: 'write' })).rejects.toMatchObject({ code: 'unreachable', retryable: true });
  });

  it.each(['read', 'write'] as const)('a peer that ends the connection in the middle of a %s leaves the same', async (effect) => {
    const connection = await connectTo(await serve({ exec: () => Promise.resolve('drop') }));
    await expect(connection.run(['true'], { effect })).rejects.toMatchObject({ code: effect === 'write' ? 'unknown-outcome' : 'unreachable' });
  });

  it('a command that the server refuses to begin has changed nothing, even if it would write', async () => {
    const server = new ssh2.Server({ hostKeys: [host.privateKey] }, (peer) => {
      peer.on('authentication', (context) => { context.accept(); }).on('error', () => undefined).on('ready', () => {
        peer.on('session', (accept) => { accept().on('exec', (_accept, reject) => { reject(); }); });
      });
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', () => { resolve(); }); });
    open.push(() => new Promise((resolve) => { server.close(resolve); }));
    const connection = await connectTo({ port: (server.address() as { port: number }).port });
    await expect(connection.run(['true'], { effect: 'write' })).rejects.toMatchObject({ code: 'unreachable' });
  });

  it.each([
    { effect: 'read', code: 'unreachable' },
    { effect: 'write', code: 'unknown-outcome' },
  ] as const)('a death by signal is no result: a $effect is $code', async ({ effect, code }) => {
    const connection = await connectTo(await serve({ exec: () => Promise.resolve({ signal: 'KILL' }) }));
    await expect(connection.run(['true'], { effect })).rejects.toMatchObject({ code, message: expect.stringContaining('KILL') as string });
  });

  it('an abort ends a read with its reason and a write with an unknown outcome; nothing is begun afterwards', async () => {
    const exec = vi.fn((): Promise<'hang'> => Promise.resolve('hang'));
    const server = await serve({ exec });
    const stop = new AbortController();
    const reason = new Error('Ctrl-C');
    const connection = await connectTo(server, {}, stop.signal);
    const read = connection.run(['true']);
    const write = connection.run(['true'], { effect: 'write' });
    read.catch(() => undefined);
    write.catch(() => undefined);
    await vi.waitFor(() => { expect(exec).toHaveBeenCalledTimes(2); });
    stop.abort(reason);
    await expect(read).rejects.toBe(reason);
    await expect(write).rejects.toMatchObject({ code: 'unknown-outcome' });
    await expect(connection.run(['true'])).rejects.toBe(reason);
    expect(exec).toHaveBeenCalledTimes(2);
  });

  it('after close nothing is sent', async () => {
    const exec = vi.fn(shell());
    const connection = await connectTo(await serve({ exec }));
    await connection.close();
    await connection.close();
    await expect(connection.run(['true'], { effect: 'write' })).rejects.toMatchObject({ code: 'unreachable' });
    expect(exec).not.toHaveBeenCalled();
  });
});

describe('a script', () => {
  let folder: string;
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'soll-device-')); });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const left = async (): Promise<readonly string[]> => (await readdir('/tmp')).filter((name) => /^soll\.[A-Za-z0-9]{8}$/.test(name));

  it('gets its arguments, gives its exit code, and its file is gone', async () => {
    const before = await left();
    const connection = await connectTo(await serve());
    expect(await connection.runScript('printf "%s|" "$@"; exit 3', ["it's", '-x', 'a\nb'])).toMatchObject({ code: 3, stdout: "it's|-x|a\nb|" });
    expect(await connection.runScript('exit 0', [])).toMatchObject({ code: 0 });
    expect(await connection.runScript('kill -9 $$', [])).toMatchObject({ code: 137 });
    expect(await left()).toEqual(before);
  });

  it.each([
    { because: 'cut before its last line', spoil: (bytes: Buffer) => bytes.subarray(0, bytes.length - 5) },
    { because: 'one bit flipped', spoil: (bytes: Buffer) => { const copy = Buffer.from(bytes); copy[0] = (copy[0] ?? 0) ^ 1; return copy; } },
    { because: 'empty', spoil: () => Buffer.alloc(0) },
    { because: 'something appended', spoil: (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('\necho more\n')]) },
  ])('that arrives damaged ($because) is never executed and is removed', async ({ spoil }) => {
    const before = await left();
    const commands: string[] = [];
    const connection = await connectTo(await serve({ exec: (command, user, io) => { commands.push(command); return shell((bytes) => (bytes.length > 0 ? spoil(bytes) : bytes))(command, user, io); } }));
    await expect(connection.runScript(`touch '${folder}/executed'\nrm -rf '${folder}/x'\n`, [], { effect: 'write' })).rejects.toMatchObject({ code: 'protocol', retryable: true });
    expect(await readdir(folder)).toEqual([]);
    expect(await left()).toEqual(before);
    expect(commands.some((command) => command.includes('shift; sh'))).toBe(false);
  });

  it('whose connection breaks during the upload was not executed: it may be tried again, though it writes', async () => {
    const connection = await connectTo(await serve({ exec: () => Promise.resolve('drop') }));
    await expect(connection.runScript('true', [], { effect: 'write' })).rejects.toMatchObject({ code: 'unreachable', retryable: true });
  });

  it('whose connection breaks while it runs has an unknown outcome', async () => {
    const connection = await connectTo(await serve({ exec: (command, user, io) => (command.includes('shift; sh') ? Promise.resolve('drop') : shell()(command, user, io)) }));
    await expect(connection.runScript('true', [], { effect: 'write' })).rejects.toMatchObject({ code: 'unknown-outcome' });
  });

  it.each([
    { because: 'its disk is full', exec: () => Promise.resolve(71) },
    { because: 'it answers with a path of its own', exec: (_command: string, _user: string, { stdout }: { stdout: NodeJS.WritableStream }) => { stdout.write(`${'0'.repeat(64)} /etc/passwd\n`); return Promise.resolve(0); } },
    { because: 'it has no sha256sum', exec: () => Promise.resolve(127) },
  ])('cannot be placed on a device when $because', async ({ exec }) => {
    const connection = await connectTo(await serve({ exec }));
    await expect(connection.runScript('true', [])).rejects.toMatchObject({ code: 'protocol' });
  });

  it('is removed also when it fails, hangs or sudo refuses', async () => {
    const before = await left();
    // A device whose sudo always refuses; the script itself never ends.
    const connection = await connectTo(await serve({ exec: (command, user, io) => shell()(command.replace(/^'sudo' '-n' .*/s, 'exit 1'), user, io) }));
    expect(await connection.runScript('true', [], { sudo: true })).toMatchObject({ code: 1 });
    await expect(connection.runScript('sleep 2', [], { timeoutMs: 300 })).rejects.toMatchObject({ code: 'timeout' });
    expect(await left()).toEqual(before);
  });
});

describe('through a bastion', () => {
  it('both ends prove themselves, and nothing but the channel is asked for', async () => {
    const bastionKey = makeHostKey();
    const bastion = await serve({ hostKey: bastionKey.privateKey, forward: true });
    const server = await serve();
    const via = optionsFor(bastion, { hostKeys: [bastionKey.pin] });
    const connection = await connectTo(server, { via });
    expect((await connection.run(['echo', 'through'])).stdout).toBe('through\n');
    expect(seen).toContain('forward');
    await connection.close();
    await vi.waitFor(() => { expect([bastion.connections, server.connections]).toEqual([0, 0]); });
    await expect(connectTo(server, { via: { ...via, hostKeys: [host.pin] } })).rejects.toMatchObject({ code: 'identity' });
    await expect(connectTo(server, { via, hostKeys: [bastionKey.pin] })).rejects.toMatchObject({ code: 'identity' });
    await vi.waitFor(() => { expect([bastion.connections, server.connections]).toEqual([0, 0]); });
  });

  it('two bastions in a row are both passed', async () => {
    const keys = [makeHostKey(), makeHostKey()] as const;
    const outer = await serve({ hostKey: keys[0].privateKey, forward: true });
    const inner = await serve({ hostKey: keys[1].privateKey, forward: true });
    const server = await serve();
    const connection = await connectTo(server, { via: optionsFor(inner, { hostKeys: [keys[1].pin], via: optionsFor(outer, { hostKeys: [keys[0].pin] }) }) });
    expect((await connection.run(['echo', 'twice'])).stdout).toBe('twice\n');
    expect(seen.filter((what) => what === 'forward')).toHaveLength(2);
  });

  it.each([
    { because: 'it forwards nothing', forward: false, port: undefined },
    { because: 'the target is not there', forward: true, port: 1 },
  ])('unreachable when $because', async ({ forward, port }) => {
    const bastion = await serve({ forward });
    const server = await serve();
    await expect(connectTo({ port: port ?? server.port }, { via: optionsFor(bastion), connectTimeoutMs: 1000 })).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('a bastion that never opens the channel is bounded', async () => {
    const bastion = new ssh2.Server({ hostKeys: [host.privateKey] }, (peer) => {
      peer.on('authentication', (context) => { context.accept(); }).on('error', () => undefined).on('ready', () => { peer.on('tcpip', () => undefined); });
    });
    await new Promise<void>((resolve) => { bastion.listen(0, '127.0.0.1', () => { resolve(); }); });
    open.push(() => new Promise((resolve) => { bastion.close(resolve); }));
    await expect(connectTo({ port: 1 }, { via: optionsFor({ port: (bastion.address() as { port: number }).port }), connectTimeoutMs: 300 })).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('a bastion that goes takes the connection with it, as an outcome, not as a crash', async () => {
    const bastion = await serve({ forward: true });
    const server = await serve({ exec: () => Promise.resolve('hang') });
    const connection = await connectTo(server, { via: optionsFor(bastion) });
    const running = connection.run(['true'], { effect: 'write' });
    running.catch(() => undefined);
    bastion.drop();
    await expect(running).rejects.toMatchObject({ code: 'unknown-outcome' });
  });
});

describe('pins', () => {
  it('are spelled as ssh-keygen spells them', () => {
    const spelled: HostKeyPin = pinOf(host.privateKey);
    expect(spelled).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    expect(spelled).toBe(`SHA256:${createHash('sha256').update(publicBlob(host.privateKey)).digest('base64').replace(/=+$/, '')}`);
  });
});

