import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface HttpsServerRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpsServerAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpsServerOptions {
  readonly cert: string;
  readonly key: string;
  /** `hang`: accepted and never answered; `reset`: the connection is cut. A throw becomes 500 with its text, so that a test sees it. */
  handle(request: HttpsServerRequest): Promise<HttpsServerAnswer | 'hang' | 'reset'>;
  readonly port?: number;
  /** Asked for every new connection; `false`: it is cut before a byte is exchanged, as when the way to the device is gone. */
  readonly admit?: () => boolean;
}

export interface HttpsServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly origin: string;
  /** Also cuts what is connected, so that nobody goes on with the old one. */
  replaceCertificate(cert: string, key: string): void;
  /** Cuts all connections. */
  drop(): void;
  close(): Promise<void>;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value ?? '']));
}

async function answer(options: HttpsServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let result: HttpsServerAnswer | 'hang' | 'reset';
  try {
    result = await options.handle({ method: request.method ?? 'GET', url: request.url ?? '/', headers: headersOf(request), body: await readBody(request) });
  } catch (error) {
    result = { status: 500, body: `stand-in failed: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (result === 'hang') return;
  if (result === 'reset') request.socket.destroy();
  else response.writeHead(result.status, { 'content-type': 'application/json', ...result.headers }).end(result.body ?? '');
}

/** HTTPS on loopback for stand-ins. */
export async function startHttpsServer(options: HttpsServerOptions): Promise<HttpsServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ cert: options.cert, key: options.key, ALPNProtocols: ['http/1.1'] }, (request, response) => {
    answer(options, request, response).catch(() => response.destroy());
  });
  server.on('connection', (socket: Socket) => {
    if (options.admit?.() === false) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const cut = (): void => { for (const socket of sockets) socket.destroy(); };
  return {
    host: '127.0.0.1', port, origin: `https://127.0.0.1:${String(port)}`,
    drop: cut,
    replaceCertificate(cert, key) {
      server.setSecureContext({ cert, key });
      cut();
    },
    close: () => new Promise<void>((resolve) => {
      cut();
      server.close(() => { resolve(); });
    }),
  };
}
