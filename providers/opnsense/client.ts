/** Requests to the API, and what its answers mean: a status of 200 says nothing, the body does. */
import { isProviderError, ProviderError, type HttpClient, type HttpResponse, type Json, type JsonObject, type ReadContext } from '#contract';
import { isObject } from '#core/canonical';
import { retry } from '#transport/retry';
import { activateTimeoutMs, mostPages, pageSize, readTimeoutMs, writeTimeoutMs } from './limits.ts';
import { modules, setOf, toBody, toValues, type DeviceState, type Module, type Row, type Values } from './model.ts';

interface Endpoint {
  readonly base: string;
  /** What an object is called in a body, and in the names of the actions. */
  readonly key: string;
  readonly noun: 'item' | 'rule' | 'range' | 'option';
}

const endpoints: Readonly<Record<Module, Endpoint>> = {
  alias: { base: 'firewall/alias', key: 'alias', noun: 'item' },
  group: { base: 'firewall/group', key: 'group', noun: 'item' },
  rule: { base: 'firewall/filter', key: 'rule', noun: 'rule' },
  dnat: { base: 'firewall/d_nat', key: 'rule', noun: 'rule' },
  snat: { base: 'firewall/source_nat', key: 'rule', noun: 'rule' },
  vlan: { base: 'interfaces/vlan_settings', key: 'vlan', noun: 'item' },
  interface: { base: 'interfaces/assignment', key: 'interface', noun: 'item' },
  range: { base: 'dnsmasq/settings', key: 'range', noun: 'range' },
  option: { base: 'dnsmasq/settings', key: 'option', noun: 'option' },
};

export type Activation = 'filter' | 'alias' | 'group' | 'vlan' | 'interface' | 'dhcp';

const activations: Readonly<Record<Activation, string>> = { filter: 'firewall/filter/apply', alias: 'firewall/alias/reconfigure', group: 'firewall/group/reconfigure', vlan: 'interfaces/vlan_settings/reconfigure', interface: 'interfaces/assignment/reconfigure', dhcp: 'dnsmasq/service/reconfigure' };

type MayWrite = (writeTimeoutMs: number) => void;

export interface OpnsenseClient {
  get(path: string): Promise<JsonObject>;
  /** What is no JSON but a file. */
  download(path: string): Promise<string>;
  search(which: readonly Module[]): Promise<DeviceState>;
  /** Makes the object if it is not there. Sent twice it does what it does once. Each try asks `mayWrite` first, with its length in milliseconds. */
  set(module: Module, uuid: string, values: Values, mayWrite: MayWrite): Promise<void>;
  remove(module: Module, uuid: string, mayWrite: MayWrite): Promise<void>;
  /** Puts into force what is saved of a part of the configuration, by whomever. */
  activate(part: Activation, mayWrite: MayWrite): Promise<void>;
  close(): Promise<void>;
}

/** Only what a person can do something with; what the device says may be long. */
function said(body: JsonObject): string {
  const validations = isObject(body['validations']) ? Object.entries(body['validations']).map(([field, message]) => `${field}: ${Array.isArray(message) ? message.join(', ') : String(message)}`).join('; ') : '';
  const message = typeof body['errorMessage'] === 'string' ? body['errorMessage'] : typeof body['message'] === 'string' ? body['message'] : '';
  return (validations === '' ? message : validations).replaceAll(/\s+/g, ' ').trim().slice(0, 300);
}

function parse({ headers, body }: HttpResponse): JsonObject | undefined {
  if (!(headers['content-type'] ?? '').toLowerCase().startsWith('application/json')) return undefined;
  try {
    const value: unknown = JSON.parse(body);
    // An empty PHP array is `[]` where an object is meant.
    if (Array.isArray(value) && value.length === 0) return {};
    return isObject(value as Json) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** Throws what a status says that is no success. */
function refuse({ status }: HttpResponse, body: JsonObject | undefined, path: string, write: boolean): void {
  if (status === 401) throw new ProviderError('auth', 'the firewall refused the API key', { hint: 'key and secret as downloaded with the key, of a user that is not disabled' });
  if (status === 403) throw new ProviderError('auth', `the API key may not use ${path}`, { hint: 'the README names the privileges that each kind needs' });
  if (status === 404) throw new ProviderError('unsupported', `the firewall knows no ${path}`, { hint: 'OPNsense 26.1 or newer is needed' });
  if (status >= 300 && status < 400) throw new ProviderError('protocol', `${path} leads to another page (a sign-in page, or a proxy in between)`);
  // Core throws what a user did wrong as an error with a message (UserException).
  if (status >= 400 && body !== undefined && said(body) !== '') {
    if (/denied for write access/i.test(said(body))) throw new ProviderError('auth', said(body), { hint: 'this key is for reading: its user has the privilege user-config-readonly' });
    throw new ProviderError(write ? 'rejected' : 'protocol', `${path}: ${said(body)}`);
  }
  if (status !== 200) throw new ProviderError(write ? 'unknown-outcome' : 'protocol', `${path} failed with ${String(status)}`, write ? {} : { hint: 'is this the firewall, and is its web interface up?' });
}

function checked(response: HttpResponse, path: string, write: boolean): JsonObject {
  const body = parse(response);
  refuse(response, body, path, write);
  if (body === undefined) throw new ProviderError(write ? 'unknown-outcome' : 'protocol', `${path} answered something that is not the API's JSON`, write ? {} : { hint: 'is this the firewall, and is its web interface up?' });
  return body;
}

function tooOld(): ProviderError {
  return new ProviderError('unsupported', 'the settings of interfaces are in the API from OPNsense 26.7.6', { hint: 'update the firewall, or settings: vlanNetworks: false' });
}

export function makeClient(http: HttpClient, origin: string, authorization: () => string, context: ReadContext): OpnsenseClient {
  const send = async <T>(method: 'GET' | 'POST', path: string, body: JsonObject | undefined, timeoutMs: number, accept: (response: HttpResponse) => T, mayWrite?: MayWrite): Promise<T> => {
    const write = mayWrite !== undefined;
    let open: ProviderError | undefined;
    const once = async (): Promise<T> => {
      mayWrite?.(timeoutMs);
      // The web server wants a length on every POST (411 without, measured 2026-09 on 26.1), so there is always a body.
      const headers = { authorization: authorization(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
      try {
        const response = await http.request({ method, url: `${origin}/api/${path}`, effect: write ? 'write' : 'read', timeoutMs, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
        if ([429, 502, 503, 504].includes(response.status)) throw write && response.status !== 429 ? new ProviderError('unknown-outcome', `${path} failed with ${String(response.status)}`) : new ProviderError('throttled', `${path} failed with ${String(response.status)}`, { retryable: true });
        return accept(response);
      } catch (error) {
        if (isProviderError(error) && error.code === 'unknown-outcome') open = error;
        throw error;
      }
    };
    const tries = retry({
      clock: context.clock, signal: context.signal, attempts: 4, deadlineMs: 120_000,
      // Every write here does the same when it is sent twice: it names the object and all that it must be. So a lost answer is sent again.
      delayMs: (attempt, error) => (isProviderError(error) && (error.retryable || error.code === 'unknown-outcome') ? 500 * attempt : undefined),
    }, once);
    return tries.catch((error: unknown) => {
      // An earlier try may have been done, whatever the last one says.
      throw isProviderError(error) && open !== undefined ? open : error;
    });
  };
  const post = (path: string, body: JsonObject, timeoutMs: number, mayWrite: MayWrite): Promise<JsonObject> => send('POST', path, body, timeoutMs, (response) => checked(response, path, true), mayWrite);
  const read = (path: string, body: JsonObject): Promise<JsonObject> => send('POST', path, body, readTimeoutMs, (response) => checked(response, path, false));
  const get = (path: string): Promise<JsonObject> => send('GET', path, undefined, readTimeoutMs, (response) => checked(response, path, false));

  const search = async (module: Module): Promise<{ readonly rows: readonly Row[]; readonly legacy: readonly string[] }> => {
    const { base, noun, key } = endpoints[module];
    const { found, legacy } = await listAll(module, (current) => read(`${base}/search_${noun}`, { current, rowCount: pageSize, searchPhrase: '', sort: {} })).catch((error: unknown) => { throw module === 'interface' && isProviderError(error) && error.code === 'unsupported' ? tooOld() : error; });
    // What a list shows of interfaces and devices is made for people (a VLAN's device comes with the name of its interface); the object has identifiers.
    const rows = module !== 'group' && module !== 'vlan' && module !== 'interface' ? found : await Promise.all(found.map(async (row) => {
      const object = (await get(`${base}/get_${noun}/${row.uuid}`))[key];
      if (!isObject(object)) throw new ProviderError('protocol', `${base} lists ${row.uuid} and does not have it; the list changed while it was read`, { retryable: true });
      const values = toValues(object);
      if (module === 'interface' && values['type4'] === undefined) throw tooOld();
      return { ...row, values: { ...row.values, ...values } };
    }));
    return { rows, legacy };
  };
  /** Interfaces that were assigned while this client lives, by device: the firewall chooses their identifiers. */
  const assigned = new Map<string, string>();
  /** What is assigned to a device, if anything; asked again, because an answer may have been lost. */
  const identifierOf = async (device: string): Promise<string | undefined> => assigned.get(device) ?? (await search('interface')).rows.find(({ values }) => values['if'] === device)?.uuid;
  const assign = async (device: string, values: Values, mayWrite: MayWrite): Promise<void> => {
    const path = 'interfaces/assignment';
    const answer = await send('POST', `${path}/add_item`, { interface: toBody(values) }, writeTimeoutMs, (response) => checked(response, path, true), mayWrite).catch(async (error: unknown) => {
      // Sent twice it would be refused: a device belongs to one interface.
      const there = isProviderError(error) && error.code === 'unknown-outcome' ? await identifierOf(device) : undefined;
      if (there === undefined) throw error;
      return { result: 'saved', uuid: there };
    });
    const there = answer['result'] === 'saved' && typeof answer['uuid'] === 'string' ? answer['uuid'] : await identifierOf(device);
    if (there === undefined) throw new ProviderError('rejected', said(answer) || 'the interface was not assigned, and the firewall does not say why');
    assigned.set(device, there);
  };
  /** `new:DEVICE` and `@DEVICE` stand for the interface that is assigned to the device. */
  const resolved = async (text: string): Promise<string> => {
    const [, device] = /^(?:new:|@)(.+)$/.exec(text) ?? [];
    return device === undefined ? text : (await identifierOf(device)) ?? text;
  };
  return {
    get,
    download: (path) => send('GET', path, undefined, readTimeoutMs, (response) => {
      refuse(response, response.status === 200 ? undefined : parse(response), path, false);
      return response.body;
    }),
    async search(which) {
      const lists = await Promise.all(modules.filter((module) => which.includes(module)).map(search));
      return { rows: lists.flatMap(({ rows }) => rows), legacyRules: lists.reduce((sum, { legacy }) => sum + legacy.length, 0), legacyInterfaces: [...new Set(lists.flatMap(({ legacy }) => legacy.flatMap(setOf)))] };
    },
    async set(module, uuid, values, mayWrite) {
      const { base, key, noun } = endpoints[module];
      const id = await resolved(uuid);
      if (id.startsWith('new:')) {
        await assign(id.slice('new:'.length), values, mayWrite);
        return;
      }
      const written = values['interface']?.startsWith('@') === true ? { ...values, interface: await resolved(values['interface']) } : values;
      const answer = await post(`${base}/set_${noun}/${id}`, { [key]: toBody(written) }, writeTimeoutMs, mayWrite);
      if (answer['result'] !== 'saved') throw new ProviderError('rejected', said(answer) || `${base} did not save it, and does not say why`);
    },
    async remove(module, uuid, mayWrite) {
      const { base, noun } = endpoints[module];
      const id = await resolved(uuid);
      // Nothing was assigned.
      if (id.startsWith('new:')) return;
      assigned.clear();
      const answer = await post(`${base}/del_${noun}/${id}`, {}, writeTimeoutMs, mayWrite);
      if (answer['result'] !== 'deleted' && answer['result'] !== 'not found') throw new ProviderError('rejected', said(answer) || `${base} did not delete it, and does not say why`);
    },
    async activate(part, mayWrite) {
      const answer = await post(activations[part], {}, activateTimeoutMs, mayWrite);
      if (String(answer['status'] ?? '').trim().toLowerCase() !== 'ok') throw new ProviderError('rejected', `${activations[part]}: ${said(answer) || String(answer['status'] ?? 'no status').trim().slice(0, 200)}`);
    },
    close: () => http.close(),
  };
}

/** Rows that NAT searches add to every page and do not count (core DNatController.php, SourceNatController.php, 2026). */
function isAutomatic(values: Values): boolean {
  return values['is_automatic'] === '1';
}

/** To the proven end: as many rows as the firewall says that there are, none of them twice. */
async function listAll(module: Module, page: (current: number) => Promise<JsonObject>): Promise<{ readonly found: readonly Row[]; readonly legacy: readonly string[] }> {
  const found = new Map<string, Row>();
  let counted = 0;
  const legacy: string[] = [];
  let total: number | undefined;
  for (let current = 1; current <= mostPages; current += 1) {
    const answer = await page(current);
    const rows = answer['rows'];
    if (!Array.isArray(rows) || typeof answer['total'] !== 'number') throw new ProviderError('protocol', `the list of ${module} objects has no rows or no total`);
    if (total !== undefined && total !== answer['total']) throw new ProviderError('protocol', `the list of ${module} objects changed while it was read`, { retryable: true });
    total = answer['total'];
    const before = counted;
    for (const row of rows as readonly Json[]) {
      if (!isObject(row)) throw new ProviderError('protocol', `the list of ${module} objects holds something that is no object`);
      const values = toValues(row);
      if ((module === 'dnat' || module === 'snat') && isAutomatic(values)) continue;
      counted += 1;
      if (values['legacy'] === '1') legacy.push(values['interface'] ?? '');
      const uuid = values['uuid'] ?? '';
      // Rules that OPNsense makes by itself, and those of the older kind, have no id of the configuration's.
      if (uuid === '' || values['legacy'] === '1' || isAutomatic(values)) continue;
      if (found.has(uuid)) throw new ProviderError('protocol', `the ${module} object ${uuid.slice(0, 40)} came twice; the list changed while it was read`, { retryable: true });
      found.set(uuid, { module, uuid, values, position: counted });
    }
    if (counted >= total) break;
    if (counted === before) throw new ProviderError('protocol', `the list of ${module} objects broke off at ${String(counted)} of ${String(total)}`);
  }
  if (counted !== total) throw new ProviderError('protocol', `the list of ${module} objects has ${String(counted)} of ${String(total)} rows`);
  // Groups that plugins bring (openvpn, enc0) have a name where others have an id.
  return { found: [...found.values()].filter(({ uuid }) => module !== 'group' || uuid.includes('-')), legacy };
}
