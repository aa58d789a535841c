import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import pLimit from 'p-limit';
import { Agent, request as send, type Dispatcher } from 'undici';
import { ProviderError, type Clock, type HttpClient, type HttpClientOptions, type HttpRequest, type HttpResponse } from '#contract';
import { reachHint } from './reach-hint.ts';

export interface HttpParts {
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

type Connect = (options: { readonly hostname: string; readonly port: string; readonly servername?: string }, callback: (error: Error | null, socket: TLSSocket | null) => void) => void;

/**
 * The socket is handed to undici only after the other side has proven who it is, so no byte of a request, and no token, reaches
 * anybody else. `rejectUnauthorized: false` would skip Node's own identity check, hence the comparison by hand for pins.
 */
function connector(options: HttpClientOptions, origin: URL): Connect {
  const pinned = options.tls === 'system' ? undefined : options.tls;
  // One for all connections: making it reads every certificate anew. Where the pin decides, no authority is asked, so none is read.
  const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ...(pinned === undefined ? {} : { ca: [] }) });
  return (_target, callback) => {
    const port = options.connectTo?.port ?? Number(origin.port === '' ? 443 : origin.port);
    const name = origin.hostname.replace(/^\[|\]$/g, '');
    const host = options.connectTo?.host ?? name;
    const servername = isIP(name) === 0 ? name : undefined;
    const socket = connectTls({
      host, port, ALPNProtocols: ['http/1.1'], secureContext,
      ...(servername === undefined ? {} : { servername }),
      ...(pinned === undefined ? {} : { rejectUnauthorized: false }),
    });
    socket.setNoDelay(true);
    let settled = false;
    const finish = (error: Error | null): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      if (error !== null) socket.destroy();
      callback(error, error === null ? socket : null);
    };
    const timer = setTimeout(() => { finish(new ProviderError('unreachable', `${origin.host} did not answer in time`, { retryable: true })); }, Math.min(options.timeoutMs ?? 30_000, 10_000));
    socket.once('error', (error: NodeJS.ErrnoException) => { finish(connectError(error, origin)); });
    socket.once('secureConnect', () => { finish(pinned === undefined ? null : pinError(socket.getPeerX509Certificate(), pinned.fingerprint256, origin)); });
  };
}

function pinError(certificate: X509Certificate | undefined, expected: string, origin: URL): ProviderError | null {
  const offered = certificate?.fingerprint256 ?? 'none';
  if (offered.toUpperCase() === expected.toUpperCase()) return null;
  return new ProviderError('identity', `${origin.host} shows certificate ${offered}, expected ${expected.toUpperCase()}`, { ...(offered === 'none' ? {} : { seen: `tls:${offered}` }), hint: 'somebody may be in between; if the certificate was renewed or the device replaced, compare it on the device itself, then: soll replace' });
}

const certificateCodes = ['CERT_', 'UNABLE_TO_', 'SELF_SIGNED', 'DEPTH_ZERO', 'ERR_TLS_CERT', 'HOSTNAME_MISMATCH'];

function connectError(error: NodeJS.ErrnoException, origin: URL): ProviderError {
  const code = error.code ?? '';
  if (certificateCodes.some((prefix) => code.startsWith(prefix))) return new ProviderError('identity', `${origin.host} cannot prove who it is: ${code}`, { cause: error });
  return new ProviderError('unreachable', `${origin.host} cannot be reached: ${code === '' ? 'connection failed' : code}`, { cause: error, retryable: true, hint: reachHint(code) });
}

function checkRequest(request: HttpRequest, origin: string): URL {
  let url: URL;
  try {
    url = new URL(request.url);
  } catch {
    throw new ProviderError('protocol', 'not an absolute address');
  }
  if (url.origin !== origin) throw new ProviderError('protocol', `a request to ${url.host} was refused: this client speaks only to ${new URL(origin).host}`);
  if (url.username !== '' || url.password !== '') throw new ProviderError('protocol', 'credentials in an address are refused');
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (!/^[A-Za-z0-9-]+$/.test(name) || /[\r\n\0]/.test(value)) throw new ProviderError('protocol', `header ${JSON.stringify(name)} is not sendable`);
  }
  return url;
}

/** One origin, proven identity, no redirects, no retries, budgets. */
export function createHttpClient(options: HttpClientOptions, parts: HttpParts): HttpClient {
  const origin = new URL(options.origin);
  if (origin.protocol !== 'https:' || origin.pathname !== '/' || origin.username !== '') throw new ProviderError('protocol', `${options.origin} is not https://host[:port]`);
  const concurrency = options.concurrency ?? 8;
  const limit = pLimit(concurrency);
  const agent = new Agent({ connect: connector(options, origin) as never, connections: concurrency, pipelining: 1, keepAliveTimeout: 20_000, maxResponseSize: options.maxBytes ?? 33_554_432 });
  let requestCount = 0;
  return {
    get requestCount() { return requestCount; },
    async request(request) {
      const url = checkRequest(request, origin.origin);
      return limit(async () => {
        parts.signal.throwIfAborted();
        requestCount += 1;
        return exchange(agent, url, request, options, parts);
      });
    },
    close: () => agent.destroy(),
  };
}

async function exchange(agent: Agent, url: URL, request: HttpRequest, options: HttpClientOptions, parts: HttpParts): Promise<HttpResponse> {
  const timeoutMs = request.timeoutMs ?? options.timeoutMs ?? 30_000;
  const effect = request.effect ?? (request.method === 'GET' ? 'read' : 'write');
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await send(url, {
      dispatcher: agent, method: request.method as Dispatcher.HttpMethod, signal: AbortSignal.any([parts.signal, timeout]),
      headersTimeout: timeoutMs, bodyTimeout: timeoutMs,
      headers: { 'accept-encoding': 'gzip, br, deflate', ...request.headers },
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const raw = Buffer.from(await answer.body.arrayBuffer());
    const headers = Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value ?? '']));
    return { status: answer.statusCode, headers, body: decode(raw, headers['content-encoding'], options.maxBytes ?? 33_554_432, effect) };
  } catch (error) {
    // A write that is under way is not undone by stopping to wait for it.
    if (parts.signal.aborted && effect === 'read') parts.signal.throwIfAborted();
    throw exchangeError(error, { host: url.host, effect, timedOut: timeout.aborted, timeoutMs });
  }
}

/** An answer to a write that cannot be read leaves open what was done. */
function decode(raw: Buffer, encoding: string | undefined, maxOutputLength: number, effect: 'read' | 'write'): string {
  const code = effect === 'write' ? 'unknown-outcome' : 'protocol';
  try {
    if (encoding === 'gzip') return gunzipSync(raw, { maxOutputLength }).toString('utf8');
    if (encoding === 'br') return brotliDecompressSync(raw, { maxOutputLength }).toString('utf8');
    if (encoding === 'deflate') return inflateSync(raw, { maxOutputLength }).toString('utf8');
  } catch (error) {
    throw new ProviderError(code, `the answer cannot be unpacked (or is larger than ${String(maxOutputLength)} bytes)`, { cause: error });
  }
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') throw new ProviderError(code, 'the answer has an unknown content encoding');
  return raw.toString('utf8');
}

function exchangeError(error: unknown, { host, effect, timedOut, timeoutMs }: { readonly host: string; readonly effect: 'read' | 'write'; readonly timedOut: boolean; readonly timeoutMs: number }): ProviderError {
  // Before the socket stood nothing was sent.
  if (error instanceof ProviderError) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return new ProviderError(effect === 'write' ? 'unknown-outcome' : 'protocol', `${host} sent more than is allowed`, { cause: error });
  if (['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'].includes(code)) return new ProviderError('unreachable', `${host} cannot be reached: ${code}`, { cause: error, retryable: true, hint: reachHint(code) });
  const late = timedOut || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
  const what = late ? `${host} gave no answer in ${String(timeoutMs)} ms` : `the connection to ${host} broke off: ${code === '' ? 'no reason given' : code}`;
  if (effect === 'write') return new ProviderError('unknown-outcome', what, { cause: error });
  return new ProviderError(late ? 'timeout' : 'unreachable', what, { cause: error, retryable: true });
}
