/**
 * Requests to the console: the integration API first, the older one for what only that can do. A write is sent again only where nothing was executed
 * (429); a lost answer is looked up by whoever asked.
 */
import { isProviderError, ProviderError, type HttpClient, type HttpResponse, type Json, type JsonObject, type ReadContext } from '#contract';
import { isObject } from '#core/canonical';
import { retry } from '#transport/retry';
import { integrationBase, legacyBase, longestWaitMs, mostPages, pageSize, readTimeoutMs, writeTimeoutMs } from './limits.ts';
import { textOf, type Item } from './model.ts';

export type MayWrite = (writeTimeoutMs: number) => void;
type WriteMethod = 'POST' | 'PUT' | 'DELETE';

export interface UnifiClient {
  /** One object; `undefined`: not there. */
  get(path: string): Promise<JsonObject | undefined>;
  /** All pages, to the proven end. */
  list(path: string): Promise<readonly Item[]>;
  /** `hidden`: a value in the body that is in no message, whatever the console says about it. */
  write(method: WriteMethod, path: string, body: JsonObject | undefined, mayWrite: MayWrite, hidden?: string): Promise<JsonObject>;
  /** The older API, whose sites have short names. */
  legacyList(site: string, path: string): Promise<readonly JsonObject[]>;
  legacyPut(site: string, path: string, body: JsonObject, mayWrite: MayWrite): Promise<void>;
  close(): Promise<void>;
}

interface Sending {
  readonly method: 'GET' | WriteMethod;
  readonly path: string;
  readonly body?: JsonObject;
  readonly mayWrite?: MayWrite;
}

/** Asked to wait: nothing was executed. */
class Throttled extends ProviderError {
  readonly waitMs: number | undefined;

  constructor(retryAfter: string | undefined, now: number) {
    super('throttled', 'the console asked to wait too often', { hint: 'try again later' });
    const milliseconds = retryAfter === undefined || retryAfter.trim() === '' ? NaN : /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now;
    this.waitMs = Number.isNaN(milliseconds) ? undefined : Math.min(longestWaitMs, Math.max(0, milliseconds));
  }
}

/** Only what a person can do something with; what a console says may be long. */
function said(body: JsonObject | undefined, hidden?: string): string {
  const meta = body?.['meta'];
  const text = [body?.['message'], isObject(meta) ? meta['msg'] : undefined, body?.['code']].find((each): each is string => typeof each === 'string' && each !== '');
  // As it is, and as JSON writes it; before anything is cut off.
  const shown = hidden === undefined ? text : text?.replaceAll(hidden, '***').replaceAll(JSON.stringify(hidden).slice(1, -1), '***');
  return shown === undefined ? '' : shown.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200);
}

function parse({ headers, body }: HttpResponse): JsonObject | undefined {
  if (!(headers['content-type'] ?? '').toLowerCase().startsWith('application/json')) return undefined;
  try {
    const value = JSON.parse(body) as Json;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Throws what a status says that is no success. */
function checked(response: HttpResponse, path: string, write: boolean, hidden?: string): JsonObject {
  const { status } = response;
  if (write && status >= 200 && status < 300 && response.body === '') return {};
  const body = parse(response);
  if (status === 401) throw new ProviderError('auth', 'the console refused the API key', { hint: 'Network: Settings: Control Plane: Integrations; a key ends with the account that made it' });
  if (status === 403) throw new ProviderError('auth', `the API key may not do this (${path})`, { hint: write ? 'a key has the rights of the account that made it: this one needs Full Management of Network' : 'the account that made the key needs at least View Only of Network' });
  if (status >= 300 && status < 400) throw new ProviderError('protocol', `${path} leads to another page (a sign-in page, or a proxy in between)`);
  if (status >= 200 && status < 300 && body !== undefined) return body;
  if (status >= 400 && status < 500 && body !== undefined) throw new ProviderError(write ? 'rejected' : 'protocol', said(body, hidden) === '' ? `${path} failed with ${String(status)}` : said(body, hidden));
  throw new ProviderError(write ? 'unknown-outcome' : 'protocol', status >= 200 && status < 300 ? `${path} answered something that is not the API's JSON` : `${path} failed with ${String(status)}`, write ? {} : { hint: 'is this the console, and is Network running on it?' });
}

export function makeClient(http: HttpClient, origin: string, apiKey: () => string, context: ReadContext): UnifiClient {
  const send = <T>({ method, path, body, mayWrite }: Sending, accept: (response: HttpResponse) => T): Promise<T> => {
    const write = mayWrite !== undefined;
    const timeoutMs = write ? writeTimeoutMs : readTimeoutMs;
    const once = async (): Promise<T> => {
      mayWrite?.(timeoutMs);
      const response = await http.request({
        method, url: `${origin}${path}`, effect: write ? 'write' : 'read', timeoutMs,
        headers: { 'x-api-key': apiKey(), accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (response.status === 429) throw new Throttled(response.headers['retry-after'], context.clock.now());
      if (!write && [500, 502, 503, 504].includes(response.status)) throw new ProviderError('unreachable', `${path} failed with ${String(response.status)}`, { retryable: true, hint: 'is Network running on the console?' });
      return accept(response);
    };
    const wait = (attempt: number): number => 500 * 2 ** attempt * (0.75 + ((context.randomBytes(1)[0] ?? 128) / 255) / 2);
    return retry({
      clock: context.clock, signal: context.signal, attempts: 6, deadlineMs: 300_000,
      delayMs: (attempt, error) => (error instanceof Throttled ? error.waitMs ?? wait(attempt) : isProviderError(error) && error.retryable && error.code !== 'unknown-outcome' && attempt < 4 ? wait(attempt) : undefined),
    }, once);
  };

  const get = (path: string): Promise<JsonObject | undefined> => send({ method: 'GET', path: `${integrationBase}${path}` }, (response) => (response.status === 404 && parse(response) !== undefined ? undefined : checked(response, path, false)));

  const page = async (path: string, offset: number): Promise<{ readonly items: readonly Item[]; readonly total: number }> => {
    const answer = await get(`${path}${path.includes('?') ? '&' : '?'}offset=${String(offset)}&limit=${String(pageSize)}`);
    const data = answer?.['data'];
    if (!Array.isArray(data) || typeof answer?.['totalCount'] !== 'number' || answer['count'] !== data.length || answer['offset'] !== offset) throw new ProviderError('protocol', `${path} is no list as the API gives it`);
    const items = (data as readonly Json[]).map((raw): Item => {
      if (!isObject(raw)) throw new ProviderError('protocol', `${path} holds something that is no object`);
      return { id: textOf(raw, 'id'), raw };
    });
    return { items, total: answer['totalCount'] };
  };

  const legacy = (response: HttpResponse, path: string, write: boolean): readonly JsonObject[] => {
    const body = checked(response, path, write);
    const { meta, data } = body;
    // Refusals of the older API come with 200 as well.
    if (!isObject(meta) || meta['rc'] !== 'ok') throw new ProviderError(/LoginRequired|NoPermission|Forbidden/.test(said(body)) ? 'auth' : write ? 'rejected' : 'protocol', said(body) === '' ? `${path} is no answer of the API` : said(body));
    if (!Array.isArray(data) || !(data as readonly Json[]).every((each) => isObject(each)) || (typeof meta['count'] === 'number' && meta['count'] !== data.length)) throw new ProviderError(write ? 'unknown-outcome' : 'protocol', `${path} is no list as the API gives it`);
    return data as readonly JsonObject[];
  };

  return {
    get,
    async list(path) {
      const found = new Map<string, Item>();
      for (let pages = 0; ; pages += 1) {
        const { items, total } = await page(path, found.size);
        for (const item of items) {
          if (found.has(item.id)) throw new ProviderError('protocol', `${path}: an object came twice; the list changed while it was read`, { retryable: true });
          found.set(item.id, item);
        }
        if (found.size === total) return [...found.values()];
        if (items.length === 0 || found.size > total || pages >= mostPages) throw new ProviderError('protocol', `${path} broke off at ${String(found.size)} of ${String(total)}`);
      }
    },
    write: (method, path, body, mayWrite, hidden) => send({ method, path: `${integrationBase}${path}`, ...(body === undefined ? {} : { body }), mayWrite }, (response) => checked(response, path, true, hidden)),
    legacyList: (site, path) => send({ method: 'GET', path: `${legacyBase}/${encodeURIComponent(site)}${path}` }, (response) => legacy(response, path, false)),
    legacyPut: (site, path, body, mayWrite) => send({ method: 'PUT', path: `${legacyBase}/${encodeURIComponent(site)}${path}`, body, mayWrite }, (response) => void legacy(response, path, true)),
    close: () => http.close(),
  };
}
