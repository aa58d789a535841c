/** The HTTP transport against real sockets: nobody but the pinned one gets a byte, nothing is unbounded, and what is known after a break is told. */
import { createServer as createPlain, type AddressInfo } from 'node:net';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ProviderError, type HttpClient, type HttpClientOptions } from '#contract';
import { startHttpsServer, type HttpsServer, type HttpsServerAnswer, type HttpsServerRequest } from '#testkit/https-server';
import { makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import { createHttpClient } from '#transport/create-http-client';
import { systemClock } from '#transport/system-clock';

let own: SelfSigned;
let other: SelfSigned;
beforeAll(async () => { [own, other] = await Promise.all([makeSelfSigned('device'), makeSelfSigned('other')]); });

const open: (() => Promise<unknown>)[] = [];
let requests: HttpsServerRequest[];
beforeEach(() => { requests = []; });
afterEach(async () => { for (const close of open.splice(0).reverse()) await close(); });

async function serve(answer: (request: HttpsServerRequest) => HttpsServerAnswer | 'hang' | 'reset' | Promise<HttpsServerAnswer> = () => ({ status: 200, body: '{}' }), identity = own): Promise<HttpsServer> {
  const server = await startHttpsServer({ ...identity, handle: async (request) => {
    requests.push(request);
    return answer(request);
  } });
  open.push(() => server.close());
  return server;
}

/** TLS that answers what no HTTP library would. */
async function raw(answer: (socket: TLSSocket, received: () => string) => void, host = '127.0.0.1'): Promise<{ readonly origin: string; readonly received: () => string; readonly connections: () => number }> {
  let text = '';
  let connections = 0;
  const sockets = new Set<TLSSocket>();
  const server = createTls({ cert: own.cert, key: own.key }, (socket) => {
    connections += 1;
    sockets.add(socket);
    let begun = false;
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket)).on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!begun && text.includes('\r\n\r\n')) {
        begun = true;
        answer(socket, () => text);
      }
    });
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(0, host, resolve); });
  open.push(() => new Promise((resolve) => {
    for (const socket of sockets) socket.destroy();
    server.close(resolve);
  }));
  const { port } = server.address() as AddressInfo;
  return { origin: `https://${host.includes(':') ? `[${host}]` : host}:${String(port)}`, received: () => text, connections: () => connections };
}

function clientFor({ origin }: { readonly origin: string }, options: Partial<HttpClientOptions> = {}, signal = new AbortController().signal): HttpClient {
  const client = createHttpClient({ origin, tls: { fingerprint256: own.fingerprint256 }, timeoutMs: 5000, ...options }, { signal, clock: systemClock });
  open.push(() => client.close());
  return client;
}

const token = { authorization: 'Bearer canary-token' };
const kinds = [{ method: 'GET', effect: 'read' }, { method: 'POST', effect: 'write' }, { method: 'POST', effect: 'read', asked: 'read' }, { method: 'GET', effect: 'write', asked: 'write' }] as const;
const requestOf = (server: { readonly origin: string }, { method, ...rest }: { readonly method: 'GET' | 'POST'; readonly asked?: 'read' | 'write' }): Parameters<HttpClient['request']>[0] => ({ method, url: `${server.origin}/x`, headers: token, ...('asked' in rest ? { effect: rest.asked } : {}), ...(method === 'POST' ? { body: '{"a":1}' } : {}) });

describe('who is spoken to', () => {
  it('#93 another certificate: not a byte of the request arrives', async () => {
    const server = await raw((socket) => { socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'); });
    await expect(clientFor(server, { tls: { fingerprint256: other.fingerprint256 } }).request({ method: 'POST', url: `${server.origin}/`, headers: token, body: 'canary' })).rejects.toMatchObject({ code: 'identity', retryable: false, message: expect.stringContaining(own.fingerprint256) as string });
    expect(server.received()).toBe('');
  });

  it('the public authorities do not vouch for a self-signed certificate: not a byte either', async () => {
    const server = await raw((socket) => { socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'); });
    await expect(clientFor(server, { tls: 'system' }).request({ method: 'GET', url: `${server.origin}/`, headers: token })).rejects.toMatchObject({ code: 'identity' });
    expect(server.received()).toBe('');
  });

  it('the pinned one is spoken to whatever the case of the pin; a certificate that is exchanged is refused', async () => {
    const server = await serve();
    const client = clientFor(server, { tls: { fingerprint256: own.fingerprint256.toLowerCase() } });
    expect((await client.request({ method: 'GET', url: `${server.origin}/` })).status).toBe(200);
    server.replaceCertificate(other.cert, other.key);
    await vi.waitFor(async () => { await expect(client.request({ method: 'GET', url: `${server.origin}/` })).rejects.toMatchObject({ code: 'identity' }); });
    expect(requests).toHaveLength(1);
  });

  it('#93 TLS 1.1 is refused', async () => {
    const server = createTls({ cert: own.cert, key: own.key, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    open.push(() => new Promise((resolve) => { server.close(resolve); }));
    const origin = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    await expect(clientFor({ origin }).request({ method: 'GET', url: `${origin}/` })).rejects.toBeInstanceOf(ProviderError);
  });

  it('#44 a redirect is an answer: it is not followed and the token goes nowhere', async () => {
    const elsewhere = await serve();
    const server = await serve(() => ({ status: 302, headers: { location: `${elsewhere.origin}/steal` } }));
    requests = [];
    expect(await clientFor(server).request({ method: 'GET', url: `${server.origin}/`, headers: token })).toMatchObject({ status: 302, headers: { location: `${elsewhere.origin}/steal` } });
    expect(requests.map(({ url }) => url)).toEqual(['/']);
  });

  it.each([
    ['another host', 'https://evil.example/'], ['another port', 'https://127.0.0.1:1/'], ['plain text', 'http://127.0.0.1/'], ['no address', '/relative'], ['a name that only begins alike', 'https://127.0.0.1.evil.example/'],
    ['credentials in the address', undefined],
  ])('#79 a request to %s is refused before a byte is sent', async (_what, url) => {
    const server = await serve();
    const client = clientFor(server);
    const target = url ?? server.origin.replace('https://', 'https://user:pass@');
    await expect(client.request({ method: 'GET', url: target, headers: token })).rejects.toMatchObject({ code: 'protocol' });
    expect([requests, client.requestCount]).toEqual([[], 0]);
  });

  it.each([
    ['a line break in a value', { 'x-a': 'b\r\nhost: evil' }], ['a lone line feed', { 'x-a': 'b\nc' }], ['a NUL', { 'x-a': 'b\0' }], ['a name with a colon', { 'x:a': 'b' }], ['a name with a line break', { 'x\r\ny': 'b' }], ['an empty name', { '': 'b' }],
  ])('%s in a header is refused', async (_what, headers) => {
    const server = await serve();
    await expect(clientFor(server).request({ method: 'GET', url: `${server.origin}/`, headers })).rejects.toMatchObject({ code: 'protocol' });
    expect(requests).toEqual([]);
  });

  it.each(['http://127.0.0.1', 'https://user:x@127.0.0.1', 'https://127.0.0.1/path', 'file:///etc/passwd'])('a client for %s cannot be made', (origin) => {
    expect(() => createHttpClient({ origin, tls: 'system' }, { signal: new AbortController().signal, clock: systemClock })).toThrow(ProviderError);
  });

  it('an IPv6 address is an origin like any other', async () => {
    const server = await raw((socket) => { socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'); }, '::1');
    expect((await clientFor(server).request({ method: 'GET', url: `${server.origin}/` })).body).toBe('ok');
    expect(server.received()).toMatch(/^host: \[::1\]:\d+\r$/im);
  });

  it('connectTo changes where the packets go, not who is asked for', async () => {
    const server = await serve();
    const client = clientFor({ origin: 'https://graph.example' }, { connectTo: { host: server.host, port: server.port } });
    await client.request({ method: 'GET', url: 'https://graph.example/v1.0/users' });
    expect(requests[0]).toMatchObject({ url: '/v1.0/users', headers: { host: 'graph.example' } });
  });
});

describe('what comes back', () => {
  it.each([
    ['gzip', gzipSync], ['br', brotliCompressSync], ['deflate', deflateSync],
  ] as const)('%s is unpacked, and #76 a bomb is cut at the cap', async (encoding, pack) => {
    for (const [size, fits] of [[1000, true], [50_000_000, false]] as const) {
      const body = pack(Buffer.alloc(size, 97));
      const server = await raw((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${String(body.length)}\r\n\r\n`);
        socket.end(body);
      });
      const client = clientFor(server, { maxBytes: 1_000_000 });
      if (fits) expect((await client.request({ method: 'GET', url: `${server.origin}/` })).body).toHaveLength(size);
      else await expect(client.request({ method: 'GET', url: `${server.origin}/` })).rejects.toMatchObject({ code: 'protocol' });
    }
  });

  it.each(kinds)('#75 $method as $effect: a body over the cap', async (kind) => {
    const server = await serve(() => ({ status: 200, body: 'x'.repeat(10_001) }));
    await expect(clientFor(server, { maxBytes: 10_000 }).request(requestOf(server, kind))).rejects.toMatchObject({ code: kind.effect === 'write' ? 'unknown-outcome' : 'protocol' });
    const exact = await serve(() => ({ status: 200, body: 'x'.repeat(10_000) }));
    expect((await clientFor(exact, { maxBytes: 10_000 }).request(requestOf(exact, kind))).body).toHaveLength(10_000);
  });

  it.each([
    { because: 'endless', answer: (socket: TLSSocket) => { socket.write('HTTP/1.1 200 OK\r\n\r\n'); const flood = (): void => { while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 65))); }; socket.on('drain', flood); flood(); }, codes: ['protocol', 'unknown-outcome'] },
    { because: 'of an unknown encoding', answer: (socket: TLSSocket) => { socket.end('HTTP/1.1 200 OK\r\ncontent-encoding: zstd\r\ncontent-length: 2\r\n\r\nok'); }, codes: ['protocol', 'unknown-outcome'] },
    { because: 'not what it says', answer: (socket: TLSSocket) => { socket.end('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok'); }, codes: ['protocol', 'unknown-outcome'] },
    { because: 'cut (length)', answer: (socket: TLSSocket) => { socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"half":'); }, codes: ['unreachable', 'unknown-outcome'] },
    { because: 'cut (chunks)', answer: (socket: TLSSocket) => { socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'); }, codes: ['unreachable', 'unknown-outcome'] },
    { because: 'cut (gzip)', answer: (socket: TLSSocket) => { const body = gzipSync('{"a":1}').subarray(0, 15); socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${String(body.length)}\r\n\r\n`); socket.end(body); }, codes: ['protocol', 'unknown-outcome'] },
    { because: 'no HTTP', answer: (socket: TLSSocket) => { socket.end('SSH-2.0-OpenSSH_9.2\r\n'); }, codes: ['unreachable', 'unknown-outcome'] },
    { because: 'reset', answer: (socket: TLSSocket) => { socket.destroy(); }, codes: ['unreachable', 'unknown-outcome'] },
    { because: 'headers without end', answer: (socket: TLSSocket) => { socket.write(`HTTP/1.1 200 OK\r\n${Array.from({ length: 3000 }, (_, index) => `x-${String(index)}: ${'y'.repeat(50)}\r\n`).join('')}`); }, codes: ['unreachable', 'unknown-outcome'] },
    { because: 'silence', answer: () => undefined, codes: ['timeout', 'unknown-outcome'] },
    { because: 'a drip of headers', answer: (socket: TLSSocket) => { socket.write('HTTP/1.1 200 OK\r\n'); const timer = setInterval(() => socket.write('x-y: z\r\n'), 30); socket.on('close', () => { clearInterval(timer); }); }, codes: ['timeout', 'unknown-outcome'] },
    { because: 'a drip of body', answer: (socket: TLSSocket) => { socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n'); const timer = setInterval(() => socket.write('x'), 30); socket.on('close', () => { clearInterval(timer); }); }, codes: ['timeout', 'unknown-outcome'] },
  ])('#75 $because: bounded, and told by effect', async ({ answer, codes }) => {
    for (const [effect, code] of [['read', codes[0]], ['write', codes[1]]] as const) {
      const server = await raw(answer);
      const started = performance.now();
      const timeoutMs = code === codes[0] && code !== 'timeout' && codes[0] !== 'timeout' ? 5000 : 400;
      await expect(clientFor(server, { timeoutMs, maxBytes: 1_000_000 }).request({ method: 'POST', url: `${server.origin}/`, body: '{}', effect })).rejects.toMatchObject({ name: 'ProviderError', code });
      expect(performance.now() - started).toBeLessThan(4500);
    }
  });

  it('a request is never sent twice by itself', async () => {
    const server = await raw((socket) => { socket.destroy(); });
    await expect(clientFor(server).request({ method: 'GET', url: `${server.origin}/` })).rejects.toMatchObject({ code: 'unreachable', retryable: true });
    expect([server.connections(), server.received().match(/^GET /gm)?.length]).toEqual([1, 1]);
  });

  it('nobody listens, or nobody shakes hands: unreachable, also for a write, because nothing was sent', async () => {
    const silent = createPlain((socket) => { socket.on('error', () => undefined).resume(); });
    await new Promise<void>((resolve) => { silent.listen(0, '127.0.0.1', resolve); });
    const port = (silent.address() as AddressInfo).port;
    const waiting = clientFor({ origin: `https://127.0.0.1:${String(port)}` }, { timeoutMs: 300 });
    await expect(waiting.request({ method: 'POST', url: `https://127.0.0.1:${String(port)}/`, effect: 'read' })).rejects.toMatchObject({ code: expect.stringMatching(/unreachable|timeout/) as string });
    await new Promise((resolve) => { silent.close(resolve); });
    const gone = clientFor({ origin: `https://127.0.0.1:${String(port)}` });
    await expect(gone.request({ method: 'POST', url: `https://127.0.0.1:${String(port)}/` })).rejects.toMatchObject({ code: 'unreachable', retryable: true });
  });
});

describe('how much at once', () => {
  it('never more than the bound; connections are kept for the next request', async () => {
    let under = 0;
    let most = 0;
    const server = await serve(async () => {
      most = Math.max(most, under += 1);
      await systemClock.sleep(20);
      under -= 1;
      return { status: 200, body: '{}' };
    });
    const client = clientFor(server, { concurrency: 3 });
    await Promise.all(Array.from({ length: 12 }, () => client.request({ method: 'GET', url: `${server.origin}/` })));
    expect([most, client.requestCount, requests.length]).toEqual([3, 12, 12]);
    const kept = await raw((socket) => {
      const answer = (): void => { socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'); };
      answer();
      socket.on('data', answer);
    });
    const single = clientFor(kept);
    for (let index = 0; index < 8; index += 1) await single.request({ method: 'GET', url: `${kept.origin}/` });
    // The pool may open a second one while the first is being tidied up.
    expect(kept.connections()).toBeLessThanOrEqual(2);
  });

  it('an abort ends a read with its reason, a write with an unknown outcome, and nothing is sent afterwards', async () => {
    const server = await serve(() => 'hang');
    const stop = new AbortController();
    const reason = new Error('Ctrl-C');
    const client = clientFor(server, {}, stop.signal);
    const read = client.request({ method: 'GET', url: `${server.origin}/` });
    const write = client.request({ method: 'POST', url: `${server.origin}/` });
    read.catch(() => undefined);
    write.catch(() => undefined);
    await vi.waitFor(() => { expect(requests).toHaveLength(2); });
    stop.abort(reason);
    await expect(read).rejects.toBe(reason);
    await expect(write).rejects.toMatchObject({ code: 'unknown-outcome' });
    await expect(client.request({ method: 'POST', url: `${server.origin}/` })).rejects.toBe(reason);
    expect(requests).toHaveLength(2);
  });
});
