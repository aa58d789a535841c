/** The object store's HTTP interface, as its README describes it: one place for requests, retries and what statuses mean. */
import { ProviderError, type HttpClient, type HttpRequest, type HttpResponse, type JsonObject, type ReadContext } from '#contract';
import { retry } from '#transport/retry';

export interface StoredObject {
  readonly name: string;
  readonly spec: JsonObject;
  readonly revision: string;
  readonly owner: 'soll' | 'vendor' | null;
  readonly readOnly?: string;
  /** Names of fields that it keeps and never shows. */
  readonly secrets?: readonly string[];
}

export interface StoreClient {
  get(path: string): Promise<JsonObject>;
  /** Throws `conflict` when the revision is not the given one. `undefined`: must not exist yet. */
  put(path: string, body: JsonObject, revision: string | undefined): Promise<JsonObject>;
  post(path: string, body: JsonObject): Promise<JsonObject>;
  /** `undefined`: what has no revisions. */
  remove(path: string, revision: string | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Waits of a target longer than this are not worth holding a lock for. */
const longestWaitMs = 30_000;

class Throttled extends Error {
  readonly waitMs: number;

  constructor(waitMs: number) {
    super('throttled');
    this.waitMs = waitMs;
  }
}

export function makeStoreClient(http: HttpClient, origin: string, token: () => string, context: ReadContext): StoreClient {
  const send = async (request: Omit<HttpRequest, 'url'> & { readonly path: string }): Promise<HttpResponse> => {
    const { path, ...rest } = request;
    try {
      return await retry(
        // A throttled request was not executed, so a write may be sent again; anything else about a write is not repeated.
        { clock: context.clock, signal: context.signal, attempts: 5, deadlineMs: 120_000, delayMs: (attempt, error) => (error instanceof Throttled ? error.waitMs : rest.method === 'GET' && error instanceof ProviderError && error.retryable ? 250 * attempt : undefined) },
        async () => {
          const response = await http.request({ ...rest, url: `${origin}${path}`, headers: { authorization: `Bearer ${token()}`, ...rest.headers } });
          if (response.status === 429) throw new Throttled(Math.min(longestWaitMs, Math.max(100, Number(response.headers['retry-after'] ?? 1) * 1000 || 1000)));
          return response;
        },
      );
    } catch (error) {
      if (error instanceof Throttled) throw new ProviderError('throttled', 'the store asked to wait too often');
      throw error;
    }
  };
  const checked = (response: HttpResponse, path: string): JsonObject => {
    const body = parse(response);
    const said = typeof body['error'] === 'string' ? `: ${body['error'].slice(0, 200)}` : '';
    if (response.status === 401) throw new ProviderError('auth', 'the store refused the token', { hint: 'renew the credential' });
    if (response.status === 403) throw new ProviderError('auth', `the token may not do this (${path})`, { hint: 'use a token with that permission' });
    if (response.status === 412) throw new ProviderError('conflict', `${path} has changed${said}`);
    if (response.status === 422 || response.status === 404) throw new ProviderError('rejected', `${path}${said}`);
    if (response.status >= 500) throw new ProviderError('protocol', `the store failed with ${String(response.status)}${said}`);
    if (response.status !== 200 && response.status !== 201) throw new ProviderError('protocol', `unexpected status ${String(response.status)}`);
    return body;
  };
  return {
    get: async (path) => checked(await send({ method: 'GET', path }), path),
    put: async (path, body, revision) => checked(await send({ method: 'PUT', path, body: JSON.stringify(body), headers: revision === undefined ? { 'if-none-match': '*' } : { 'if-match': revision } }), path),
    post: async (path, body) => checked(await send({ method: 'POST', path, body: JSON.stringify(body) }), path),
    remove: async (path, revision) => void checked(await send({ method: 'DELETE', path, ...(revision === undefined ? {} : { headers: { 'if-match': revision } }) }), path),
    close: () => http.close(),
  };
}

function parse({ headers, body }: HttpResponse): JsonObject {
  if (!(headers['content-type'] ?? '').startsWith('application/json')) throw new ProviderError('protocol', 'the answer is not JSON; is this the store?');
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // Told below.
  }
  throw new ProviderError('protocol', 'the answer is cut or not JSON');
}
