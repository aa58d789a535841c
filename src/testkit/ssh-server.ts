import { createHash } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session, type TcpipRequestInfo } from 'ssh2';
import type { HostKeyPin } from '#contract';

/**
 * One pair of about 256 cannot be read again: ssh2 1.17.0 strips leading zeros of a key (github.com/mscdex/ssh2/issues/1390 and 1513,
 * looked up 2026-11-24). Such a pair is thrown away.
 */
function makeKeyPair(comment: string): { readonly private: string; readonly public: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error) && !(ssh2.utils.parseKey(pair.public) instanceof Error)) return pair;
  }
}

/** ed25519, in OpenSSH format. */
export function makeHostKey(): { readonly privateKey: string; readonly pin: HostKeyPin } {
  const { private: privateKey } = makeKeyPair('');
  return { privateKey, pin: pinOf(privateKey) };
}

export function makeClientKey(): { readonly privateKey: string; readonly publicKey: string } {
  const { private: privateKey, public: publicKey } = makeKeyPair('soll');
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
  /** Asked for every new connection; `false`: it is cut before a byte is exchanged, as when the way to the device is gone. */
  readonly admit?: () => boolean;
  /** What answers on a terminal; absent: terminals are refused. The device echoes, prompts and folds as it likes. */
  shell?(stream: Duplex, user: string): void;
  readonly port?: number;
  /** A bastion: which hosts a client is let through to; absent: to nowhere. */
  readonly forward?: boolean | ((host: string, port: number, user: string) => boolean);
  /** `none`, `password`, `publickey` for each attempt to sign in; `pty`, `agent`, `shell`, `env`, `subsystem`, `x11` for what a client asks beyond a command; `forward`. */
  readonly observe?: (what: string) => void;
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

/** A terminal and the device's own command line on it. */
function serveShell(session: Session, shell: NonNullable<SshServerOptions['shell']>, user: string): void {
  session.on('pty', (accept: (() => void) | undefined) => accept?.()).on('shell', (accept: () => ServerChannel) => {
    const channel = accept();
    channel.on('error', () => undefined);
    shell(channel, user);
  });
}

function watchSession(session: Session, observe: (what: string) => void): void {
  // A listener for each, so that a wish is seen; all are refused.
  const refuse = (what: string) => (_accept: unknown, reject: (() => void) | undefined): void => {
    observe(what);
    // Absent where the client wants no answer.
    reject?.();
  };
  session.on('pty', refuse('pty')).on('auth-agent', refuse('agent')).on('shell', refuse('shell')).on('env', refuse('env')).on('subsystem', refuse('subsystem')).on('x11', refuse('x11'));
}

/** A stream to another host, for a client that uses us as a bastion. */
function forwardTo({ destIP, destPort }: TcpipRequestInfo, accept: () => ServerChannel, reject: () => void): void {
  const upstream = connect({ host: destIP, port: destPort, noDelay: true });
  let accepted = false;
  upstream.on('connect', () => {
    accepted = true;
    const channel = accept();
    channel.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.pipe(channel).pipe(upstream);
  }).on('error', () => { if (!accepted) reject(); });
}

/** An SSH server on loopback for stand-ins: exec; a terminal and forwarding only where asked for. */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const clients = new Set<Connection>();
  const sockets = new Set<Socket>();
  const protocol = (hostKey: string): InstanceType<typeof ssh2.Server> => new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    let user = '';
    clients.add(client);
    client.on('authentication', (context) => {
      user = context.username;
      options.observe?.(context.method);
      authenticate(options, context);
    }).on('ready', () => {
      client.on('session', (accept) => {
        const session = accept();
        if (options.shell !== undefined) serveShell(session, options.shell, user);
        else if (options.observe !== undefined) watchSession(session, options.observe);
        session.on('exec', (acceptExec, _reject, { command }) => { run(options, client, acceptExec(), command, user).catch(() => { client.end(); }); });
      }).on('tcpip', (accept, reject, info) => {
        options.observe?.('forward');
        const { forward } = options;
        if (forward === true || (typeof forward === 'function' && forward(info.destIP, info.destPort, user))) forwardTo(info, accept, reject);
        else reject();
      });
    }).on('close', () => clients.delete(client)).on('error', () => clients.delete(client));
  });
  // The port is held by us and the protocol is given each connection, so that a host key can change without a moment of refusal.
  let current = protocol(options.hostKey);
  const server = createServer((socket) => {
    if (options.admit?.() === false) {
      socket.destroy();
      return;
    }
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
