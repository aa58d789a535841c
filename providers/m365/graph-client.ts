/**
 * Requests to Graph with a retry policy that knows what was executed: 429 was not, so it is repeated; 503 and 504 may have been, so only
 * requests that can be repeated without harm are; a POST is never sent again blindly.
 */
import { isProviderError, ProviderError, type HttpClient, type HttpRequest, type HttpResponse, type Json, type JsonObject, type ReadContext } from '#contract';
import { retry } from '#transport/retry';
import { batchSize, graphOrigin, longestWaitMs, mostEmptyPages } from './limits.ts';
import type { SignIn } from './sign-in.ts';

/** Graph understood and said no. */
export class GraphError extends ProviderError {
  readonly status: number;
  readonly graphCode: string;

  constructor(status: number, graphCode: string, message: string) {
    super('rejected', `${graphCode}: ${message}`.slice(0, 300));
    this.status = status;
    this.graphCode = graphCode;
  }
}

export interface GraphClient {
  get(path: string): Promise<JsonObject>;
  /** All pages, to the proven end. */
  list(path: string): Promise<readonly JsonObject[]>;
  /** Many lists, twenty first pages at a time, each to its proven end. */
  lists(paths: readonly string[]): Promise<readonly (readonly JsonObject[])[]>;
  /** Many objects, twenty at a time; `undefined`: not there. */
  getMany(paths: readonly string[]): Promise<readonly (JsonObject | undefined)[]>;
  /** `idempotent`: sending it twice gives what sending it once gives. `beforeSend` runs before every try. */
  send(method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, body: JsonObject | undefined, options: { readonly idempotent: boolean; readonly beforeSend: () => void }): Promise<JsonObject>;
  close(): Promise<void>;
}

class Again extends Error {
  readonly waitMs: number | undefined;
  readonly status: number;

  constructor(status: number, waitMs: number | undefined) {
    super(`status ${String(status)}`);
    this.status = status;
    this.waitMs = waitMs;
  }
}

/** Seconds or a date (RFC 9110, 10.2.3); `undefined`: the service names no time that makes sense. */
function waitOf(retryAfter: string | undefined, now: number): number | undefined {
  if (retryAfter === undefined || retryAfter.trim() === '') return undefined;
  const milliseconds = /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now;
  return Number.isNaN(milliseconds) ? undefined : Math.min(longestWaitMs, Math.max(0, milliseconds));
}

interface Sending extends Pick<HttpRequest, 'method' | 'effect'> {
  readonly url: string;
  readonly body?: JsonObject;
  readonly repeatable: boolean;
  readonly beforeSend?: () => void;
}

/** A page holds up to 999 objects; no tenant of ours has ten million. */
const mostPages = 10_000;

interface BatchItem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

export function makeGraphClient(http: HttpClient, signIn: SignIn, context: ReadContext): GraphClient {
  /** Exponential with jitter where the service names no time. */
  const backOff = (attempt: number): number => 500 * 2 ** attempt * (0.75 + ((context.randomBytes(1)[0] ?? 128) / 255) / 2);
  const delay = (attempt: number, error: unknown): number | undefined => {
    if (error instanceof Again) return error.waitMs ?? backOff(attempt);
    return isProviderError(error) && error.retryable && error.code !== 'unknown-outcome' ? backOff(attempt) : undefined;
  };
  const wait = (headers: Readonly<Record<string, string>>): number | undefined => waitOf(headers['retry-after'], context.clock.now());
  const budget = { clock: context.clock, signal: context.signal, attempts: 7, deadlineMs: 300_000, delayMs: delay };

  const request = async ({ url, body, repeatable, beforeSend, method, effect }: Sending): Promise<HttpResponse> => {
    let renewed = false;
    let renew = false;
    const once = async (): Promise<HttpResponse> => {
      const token = await signIn.token(renew);
      renew = false;
      beforeSend?.();
      const response = await http.request({
        method, url, ...(effect === undefined ? {} : { effect }), headers: { authorization: `Bearer ${token}`, accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (response.status === 401 && !renewed) {
        // Revoked or expired on the way: nothing was executed. Once, with a fresh token.
        renewed = true;
        renew = true;
        throw new Again(401, 0);
      }
      if (response.status === 429) throw new Again(429, wait(response.headers));
      if ([500, 502, 503, 504].includes(response.status)) {
        if (repeatable) throw new Again(response.status, wait(response.headers));
        throw new ProviderError('unknown-outcome', `Graph answered ${String(response.status)}; the request may have been executed`);
      }
      return response;
    };
    try {
      // What can be repeated without harm is, also where nobody knows whether it was done.
      return await retry({ ...budget, delayMs: (attempt, error) => (repeatable && isProviderError(error) && error.code === 'unknown-outcome' ? backOff(attempt) : delay(attempt, error)) }, once);
    } catch (error) {
      if (!(error instanceof Again)) throw error;
      throw givenUp(error, effect === 'read' || method === 'GET');
    }
  };

  const get = async (url: string): Promise<JsonObject> => checked(await request({ method: 'GET', url, repeatable: true }));

  const restOf = async (first: JsonObject): Promise<readonly JsonObject[]> => {
    const found = [...pageItems(first)];
    const seen = new Set<string>();
    let empty = 0;
    for (let next = first['@odata.nextLink']; next !== undefined;) {
      if (typeof next !== 'string' || !next.startsWith(`${graphOrigin}/`)) throw new ProviderError('protocol', 'a list goes on at another place than Graph');
      if (seen.has(next) || seen.size >= mostPages) throw new ProviderError('protocol', 'a list goes in circles, or without end');
      seen.add(next);
      const page = await get(next);
      const items = pageItems(page);
      // Empty pages are allowed; a list of nothing else never ends.
      empty = items.length === 0 ? empty + 1 : 0;
      if (empty > mostEmptyPages) throw new ProviderError('protocol', 'a list goes on and on without holding anything');
      found.push(...items);
      next = page['@odata.nextLink'];
    }
    const ids = new Set(found.map(({ id }) => id));
    if (ids.size !== found.length) throw new ProviderError('protocol', 'an object came twice; the list changed while it was read', { retryable: true });
    return found;
  };

  /** One `$batch` of reads; items that were throttled or failed on the way are asked again, and only those. */
  const batch = async (paths: readonly string[]): Promise<readonly BatchItem[]> => {
    const done = new Map<string, BatchItem>();
    await retry(budget, async () => {
      const open = paths.map((url, index) => ({ id: String(index), method: 'GET', url })).filter(({ id }) => !done.has(id));
      const answer = checked(await request({ method: 'POST', url: `${graphOrigin}/v1.0/$batch`, body: { requests: open }, effect: 'read', repeatable: true }));
      const again: Again[] = [];
      for (const [id, item] of toItems(answer)) {
        if (item.status === 429 || item.status >= 500 || item.status === 424) again.push(new Again(item.status, wait(item.headers)));
        else done.set(id, item);
      }
      const [first] = again.sort((a, b) => (b.waitMs ?? 0) - (a.waitMs ?? 0));
      if (first !== undefined) throw first;
    }).catch((error: unknown) => {
      throw error instanceof Again ? givenUp(error, true) : error;
    });
    return paths.map((path, index) => {
      const item = done.get(String(index));
      if (item === undefined) throw new ProviderError('protocol', `a batch has no answer for ${path}`);
      return item;
    });
  };

  const batches = async (paths: readonly string[]): Promise<readonly BatchItem[]> => {
    const chunks = Array.from({ length: Math.ceil(paths.length / batchSize) }, (_, index) => paths.slice(index * batchSize, (index + 1) * batchSize));
    return (await Promise.all(chunks.map(batch))).flat();
  };

  return {
    get: (path) => get(`${graphOrigin}/v1.0${path}`),
    list: async (path) => restOf(await get(`${graphOrigin}/v1.0${path}`)),
    lists: async (paths) => Promise.all((await batches(paths)).map((item) => restOf(checkedItem(item)))),
    getMany: async (paths) => (await batches(paths)).map((item) => (item.status === 404 ? undefined : checkedItem(item))),
    send: async (method, path, body, { idempotent, beforeSend }) => checked(await request({ method, url: `${graphOrigin}/v1.0${path}`, ...(body === undefined ? {} : { body }), repeatable: idempotent, beforeSend })),
    close: () => http.close(),
  };
}

function givenUp({ status }: Again, reading: boolean): ProviderError {
  if (status === 429) return new ProviderError('throttled', 'Graph asked to wait too often', { hint: 'try again later, or with fewer customers at once' });
  return new ProviderError(reading ? 'unreachable' : 'unknown-outcome', `Graph answers ${String(status)} again and again`, { hint: 'see the service health of Microsoft 365' });
}

function toItems(answer: JsonObject): readonly [string, BatchItem][] {
  const responses = answer['responses'];
  if (!Array.isArray(responses)) throw new ProviderError('protocol', 'the answer to a batch has no responses');
  if (!responses.every((item) => typeof item === 'object' && item !== null)) throw new ProviderError('protocol', 'the answer to a batch holds something that is no answer');
  return (responses as readonly JsonObject[]).map(({ id, status, headers, body }): [string, BatchItem] => [
    String(id),
    { status: Number(status), headers: Object.fromEntries(Object.entries(asObject(headers)).map(([name, value]) => [name.toLowerCase(), String(value)])), body: asObject(body) },
  ]);
}

export function asObject(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function pageItems(page: JsonObject): readonly JsonObject[] {
  const items: unknown = page['value'];
  if (!Array.isArray(items)) throw new ProviderError('protocol', 'a page of a list has no value');
  if (!items.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item))) throw new ProviderError('protocol', 'a page of a list holds something that is no object');
  return items as readonly JsonObject[];
}

function checked(response: HttpResponse): JsonObject {
  if (response.status === 204 || (response.body === '' && response.status < 300)) return {};
  let body: unknown;
  try {
    body = JSON.parse(response.body);
  } catch {
    throw new ProviderError('protocol', `the answer is cut or not JSON (status ${String(response.status)})`, { hint: 'a proxy may be in between' });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new ProviderError('protocol', 'the answer is not an object');
  return checkedItem({ status: response.status, headers: {}, body: body as JsonObject });
}

function checkedItem({ status, body }: BatchItem): JsonObject {
  if (status >= 200 && status < 300) return body;
  const error = asObject(body['error']);
  const code = typeof error['code'] === 'string' ? error['code'].slice(0, 80) : `status ${String(status)}`;
  const message = typeof error['message'] === 'string' ? error['message'].slice(0, 200) : '';
  if (status === 401) throw new ProviderError('auth', `Graph refused the token: ${code}`, { hint: 'check the application, its certificate and the admin consent' });
  if (status === 403) throw new ProviderError('auth', `the application may not do this: ${message}`, { hint: 'grant the permission that the provider\'s README lists, with admin consent' });
  throw new GraphError(status, code, message);
}
