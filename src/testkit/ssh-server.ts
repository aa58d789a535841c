import { createHash } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import ssh2, { type AuthContext, type Connection, type ServerChannel, type TcpipRequestInfo } from 'ssh2';
import type { HostKeyPin } from '#contract';

/** One of 256 keys that ssh2 1.17.0 makes cannot be read again, by itself either (12 of 3,000 on 2026-11-24). */
function makeKey(comment?: string): { readonly private: string; readonly public: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', comment === undefined ? {} : { comment });
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

/** ed25519, in OpenSSH format. */
export function makeHostKey(): { readonly privateKey: string; readonly pin: HostKeyPin } {
  const { private: privateKey } = makeKey();
  return { privateKey, pin: pinOf(privateKey) };
}

export function makeClientKey(): { readonly privateKey: string; readonly publicKey: string } {
  const { private: privateKey, public: publicKey } = makeKey('soll');
  return { privateKey, publicKey };
}

/** `SHA256:…` of a key's public part, as `ssh-keygen -lf` prints it. */
export function pinOf(key: string): HostKeyPin {
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error) throw parsed;
  return `SHA256:${createHash('sha256').update(parsed.getPublicSSH()).digest('base64').replace(/=+$/, '')}`;
}

/** Public key blob of a private or public key, for `allow`. */
export function publicBlob(key: string): Buffer {
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error) throw parsed;
  return parsed.getPublicSSH();
}

export interface SshServerOptions {
  /** OpenSSH private key. */
  readonly hostKey: string;
  allow(user: string, credential: { readonly publicKey?: Buffer; readonly password?: string }): boolean;
  /** Exit code; `hang`: never answers; `drop`: the connection is cut. */
  exec(command: string, user: string, io: { readonly stdin: Readable; readonly stdout: Writable; readonly stderr: Writable }): Promise<number | { readonly signal: string } | 'hang' | 'drop'>;
  /** Whether a client may be let through to there (a bastion); absent: to nowhere. */
  forward?(host: string, port: number, user: string): boolean;
  readonly port?: number;
}

export interface SshServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  replaceHostKey(privateKey: string): void;
  /** Cuts all connections. */
  drop(): void;
  readonly connections: number;
  close(): Promise<void>;
}

function authenticate(options: SshServerOptions, context: AuthContext): void {
  if (context.method === 'password' && options.allow(context.username, { password: context.password })) context.accept();
  else if (context.method === 'publickey') {
    const allowed = options.allow(context.username, { publicKey: context.key.data });
    const key = ssh2.utils.parseKey(context.key.data);
    const proven = context.signature === undefined || context.blob === undefined || (!(key instanceof Error) && key.verify(context.blob, context.signature, context.hashAlgo));
    if (allowed && proven) context.accept();
    else context.reject(['publickey', 'password']);
  } else context.reject(['publickey', 'password']);
}

async function run(options: SshServerOptions, client: Connection, channel: ServerChannel, command: string, user: string): Promise<void> {
  const result = await options.exec(command, user, { stdin: channel.stdin, stdout: channel.stdout, stderr: channel.stderr }).catch((error: unknown) => {
    channel.stderr.write(`stand-in failed: ${error instanceof Error ? error.message : String(error)}\n`);
    return 255;
  });
  if (result === 'hang') return;
  if (result === 'drop') {
    client.end();
    return;
  }
  if (typeof result === 'number') channel.exit(result);
  else channel.exit(result.signal);
  channel.end();
}

/** A stream to another host, for a client that uses us as a bastion. */
function passThrough(options: SshServerOptions, user: string, info: TcpipRequestInfo, accept: () => ServerChannel, reject: () => void): void {
  if (options.forward?.(info.destIP, info.destPort, user) !== true) {
    reject();
    return;
  }
  const socket = connect({ host: info.destIP, port: info.destPort, noDelay: true });
  socket.once('error', reject).once('connect', () => {
    socket.off('error', reject);
    const channel = accept();
    channel.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('error', () => { channel.close(); });
    channel.pipe(socket).pipe(channel);
  });
}

/** An SSH server on loopback for stand-ins: exec only, no PTY, no shell; forwarding only where `forward` says so. */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const clients = new Set<Connection>();
  const sockets = new Set<Socket>();
  const protocol = (hostKey: string): InstanceType<typeof ssh2.Server> => new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    let user = '';
    clients.add(client);
    client.on('authentication', (context) => {
      user = context.username;
      authenticate(options, context);
    }).on('ready', () => {
      client.on('session', (accept) => {
        const session = accept();
        session.on('exec', (acceptExec, _reject, { command }) => { run(options, client, acceptExec(), command, user).catch(() => { client.end(); }); });
      }).on('tcpip', (accept, reject, info) => { passThrough(options, user, info, accept, reject); });
    }).on('close', () => clients.delete(client)).on('error', () => clients.delete(client));
  });
  // The port is held by us and the protocol is given each connection, so that a host key can change without a moment of refusal.
  let current = protocol(options.hostKey);
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => sockets.delete(socket));
    current.injectSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const drop = (): void => { for (const socket of sockets) socket.destroy(); };
  return {
    host: '127.0.0.1', port: (server.address() as AddressInfo).port, drop,
    get connections() { return clients.size; },
    replaceHostKey(privateKey) {
      drop();
      current = protocol(privateKey);
    },
    close: () => new Promise((resolve) => {
      drop();
      server.close(() => { resolve(); });
    }),
  };
}
