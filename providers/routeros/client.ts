/** Requests to the router's REST interface, and what its answers mean. Every value is text; lists come whole. */
import { isProviderError, ProviderError, type HttpClient, type HttpResponse, type JsonObject, type ReadContext, type SecretRef, type Target } from '#contract';
import { isObject } from '#core/canonical';
import { retry } from '#transport/retry';
import { concurrency, readTimeoutMs, writeTimeoutMs } from './limits.ts';
import { menus, type Menu, type Row, type State, type Values } from './model.ts';

type MayWrite = (writeTimeoutMs: number) => void;

export interface RouterClient {
  /** `tls:…`. */
  readonly pin: string;
  list(path: string): Promise<readonly { readonly id: string; readonly values: Values }[]>;
  /** A menu with one row only. */
  one(path: string): Promise<Values>;
  read(which: readonly Menu[]): Promise<State>;
  /** Gives the new row's id. Not repeatable. */
  add(path: string, values: Values, mayWrite: MayWrite): Promise<string>;
  set(path: string, id: string, values: Values, mayWrite: MayWrite): Promise<void>;
  unset(path: string, id: string, property: string, mayWrite: MayWrite): Promise<void>;
  remove(path: string, id: string, mayWrite: MayWrite): Promise<void>;
  move(path: string, id: string, before: string | undefined, mayWrite: MayWrite): Promise<void>;
  run(path: string, values: Values, mayWrite: MayWrite): Promise<void>;
  /** A console command that only prints, and what it prints. */
  print(script: string): Promise<string>;
  close(): Promise<void>;
}

/** What people write stays as it is; everything else spells its flags in two ways. */
const texts = new Set(['name', 'comment', 'list', 'source', 'on-event', 'chain', 'jump-target']);

function valuesOf(object: JsonObject): Values {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== '.id').map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return [name, texts.has(name) ? text : text === 'true' ? 'yes' : text === 'false' ? 'no' : text];
  }));
}

function said(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const { detail, message } = body as { readonly detail?: unknown; readonly message?: unknown };
  return (typeof detail === 'string' ? detail : typeof message === 'string' ? message : '').replaceAll(/[^ -~]+/g, ' ').trim().slice(0, 300);
}

function parse({ headers, body }: HttpResponse): unknown {
  if (!(headers['content-type'] ?? '').toLowerCase().startsWith('application/json')) return undefined;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/** Throws what a status says that is no success. */
function refuse(response: HttpResponse, body: unknown, path: string, write: boolean): void {
  const { status } = response;
  const text = said(body);
  if (status === 401) throw new ProviderError('auth', 'the router refused the password', { hint: 'settings.user and settings.readUser name the accounts; the group needs rest-api, and the account\'s address list must let soll in' });
  if (status === 403 || /not enough permissions/i.test(text)) throw new ProviderError('auth', `the account may not use ${path}`, { hint: 'the README names the policies that its group needs' });
  if (status >= 300 && status < 400) throw new ProviderError('protocol', `${path} leads to another page`);
  if (/session closed/i.test(text)) throw new ProviderError(write ? 'unknown-outcome' : 'timeout', `${path}: the router ended the request after a minute`, { retryable: !write });
  if (/no such command/i.test(text)) throw new ProviderError('unsupported', `the router knows no ${path}`, { hint: 'RouterOS 7.9 or newer is needed' });
  if (status === 404 && write) throw new ProviderError('conflict', `${path} is gone: ${text}`, { hint: 'plan again' });
  if (status >= 400 && status < 500 && text !== '') throw new ProviderError(write ? 'rejected' : 'protocol', `${path}: ${text}`);
  if (status < 200 || status > 299) throw new ProviderError(write ? 'unknown-outcome' : 'protocol', `${path} failed with ${String(status)}${text === '' ? '' : `: ${text}`}`, write ? {} : { hint: 'is this the router, and is www-ssl its service?' });
}

function authorization(user: string, password: string): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new ProviderError('auth', 'the password holds characters that cannot be sent', { hint: 'printable ASCII characters' });
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

export async function connect(target: Target, context: ReadContext, credential: SecretRef, user: string): Promise<RouterClient> {
  const pin = target.identity.find((each) => each.startsWith('tls:'));
  if (pin === undefined) throw new ProviderError('identity', `${target.name} has no tls: pin`, { hint: 'write the SHA-256 fingerprint of the certificate of www-ssl under identity' });
  const secret = await context.reveal(credential);
  const header = authorization(user, secret.expose().replace(/\r?\n$/, ''));
  const origin = `https://${target.address}`;
  const http = context.httpClient({ origin, concurrency, tls: { fingerprint256: pin.slice('tls:'.length) } });
  return makeClient(http, origin, header, context, pin);
}

function makeClient(http: HttpClient, origin: string, header: string, context: ReadContext, pin: string): RouterClient {
  const send = async (method: 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST', path: string, body: JsonObject | undefined, mayWrite?: MayWrite): Promise<unknown> => {
    const write = mayWrite !== undefined;
    const timeoutMs = write ? writeTimeoutMs : readTimeoutMs;
    mayWrite?.(timeoutMs);
    const response = await http.request({ method, url: `${origin}/rest/${path}`, effect: write ? 'write' : 'read', timeoutMs, headers: { authorization: header, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const parsed = parse(response);
    refuse(response, parsed, path, write);
    if (parsed === undefined && response.status !== 204 && !(write && response.body === '')) throw new ProviderError(write ? 'unknown-outcome' : 'protocol', `${path} answered something that is not the interface's JSON`, write ? {} : { hint: 'is this the router, and is www-ssl its service?' });
    return parsed;
  };
  const again = <T>(ask: () => Promise<T>): Promise<T> => retry({
    clock: context.clock, signal: context.signal, attempts: 3, deadlineMs: 90_000, delayMs: (attempt, error) => (isProviderError(error) && error.retryable ? 500 * attempt : undefined),
  }, ask);
  const list: RouterClient['list'] = (path) => again(async () => {
    const rows = await send('GET', path, undefined);
    if (!Array.isArray(rows)) throw new ProviderError('protocol', `${path} is no list`);
    return (rows as readonly unknown[]).map((row) => {
      if (!isObject(row as JsonObject) || typeof (row as JsonObject)['.id'] !== 'string') throw new ProviderError('protocol', `${path} lists something without an id`);
      return { id: (row as JsonObject)['.id'] as string, values: valuesOf(row as JsonObject) };
    });
  });
  const act = async (path: string, values: JsonObject, mayWrite: MayWrite): Promise<void> => { await send('POST', path, values, mayWrite); };
  return {
    pin, list,
    one: (path) => again(async () => {
      const found = await send('GET', path, undefined);
      const object = Array.isArray(found) ? (found[0] as unknown) : found;
      if (!isObject(object as JsonObject)) throw new ProviderError('protocol', `${path} is not what it should be`);
      return valuesOf(object as JsonObject);
    }),
    async read(which) {
      const found = await Promise.all(which.map(async (menu) => [menu, (await list(menu)).map((row): Row => ({ menu, ...row }))] as const));
      // Each menu stands in it; those that were not asked for are empty.
      return { ...Object.fromEntries(menus.map((menu) => [menu, []])), ...Object.fromEntries(found) } as unknown as State;
    },
    async add(path, values, mayWrite) {
      const made = await send('PUT', path, values, mayWrite);
      const id = isObject(made as JsonObject) ? (made as JsonObject)['.id'] : undefined;
      if (typeof id !== 'string') throw new ProviderError('unknown-outcome', `${path}: the router does not say what it has made`);
      return id;
    },
    set: async (path, id, values, mayWrite) => { await send('PATCH', `${path}/${id}`, values, mayWrite); },
    unset: (path, id, property, mayWrite) => act(`${path}/unset`, { numbers: id, 'value-name': property }, mayWrite),
    remove: async (path, id, mayWrite) => { await send('DELETE', `${path}/${id}`, undefined, mayWrite); },
    move: (path, id, before, mayWrite) => act(`${path}/move`, { numbers: id, ...(before === undefined ? {} : { destination: before }) }, mayWrite),
    run: act,
    async print(script) {
      const found = await again(() => send('POST', 'execute', { script, 'as-string': 'true' }));
      const text = isObject(found as JsonObject) ? (found as JsonObject)['ret'] : undefined;
      if (typeof text !== 'string') throw new ProviderError('protocol', 'the router does not give the output of a command', { hint: 'RouterOS 7.9 or newer is needed' });
      return text.replaceAll('\r\n', '\n');
    },
    close: () => http.close(),
  };
}
