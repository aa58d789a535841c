/**
 * The Network application of a console: the integration API (UUIDs) and, of the older API (Mongo ids), what switches need. Written from the description that
 * Network 10.5.66 serves, and for the older API from what others recorded (aiounifi and terraform-provider-unifi, 2025 and 2026; field definitions of the application).
 */
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '#contract';
import { wrongWith, type ShapeName } from './shapes.ts';

export type Raw = Record<string, Json>;

export interface ControllerState {
  /** By UUID, as the integration API shows them, `oid` beside: the id in the older API. */
  networks: Record<string, Raw>;
  wlans: Record<string, Raw>;
  lists: Record<string, Raw>;
  zones: Record<string, Raw>;
  policies: Record<string, Raw>;
  /** Of users, by `source destination`: the order of their policies. */
  order: Record<string, { before: string[]; after: string[] }>;
  radius: Record<string, Raw>;
  /** As the older API shows them; `uuid` and `online` beside. */
  devices: Raw[];
  profiles: Raw[];
  counter: number;
}

export interface Asking {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** A key of an account that may only look. */
  readonly viewer: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
  /** Something was changed. */
  readonly wrote?: true;
}

export const siteId = '88f7af54-98f8-306a-a1c7-c9349722b1f6';
const siteReference = 'default';

/** A refusal of the integration API. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function refuse(code: string, message: string, status = 400): never {
  throw new Refusal(status, code, message);
}

export function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export function oidOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}

const originOf = (raw: Raw): unknown => (raw['metadata'] as { origin?: unknown } | undefined)?.origin;

export class Controller {
  readonly state: ControllerState;

  constructor(state: ControllerState) {
    this.state = state;
  }

  handle(asking: Asking): Answer {
    try {
      if (asking.path.startsWith('/proxy/network/integration/v1')) return this.#integration(asking, asking.path.slice('/proxy/network/integration/v1'.length));
      if (asking.path.startsWith(`/proxy/network/api/s/${siteReference}/`)) return this.#legacy(asking, asking.path.slice(`/proxy/network/api/s/${siteReference}`.length));
      if (asking.path.startsWith('/proxy/network/api/s/')) return { status: 401, body: { meta: { rc: 'error', msg: 'api.err.NoSiteContext' }, data: [] } };
      return { status: 404, body: { error: { code: 404, message: 'Not found' } } };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.status, body: { statusCode: error.status, statusName: error.status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST', code: error.code, message: error.message, timestamp: '2026-09-01T00:00:00Z', requestPath: asking.path } };
    }
  }

  #integration(asking: Asking, path: string): Answer {
    const { method } = asking;
    if (path === '/info' && method === 'GET') return { status: 200, body: { applicationVersion: '10.5.66' } };
    if (path === '/sites' && method === 'GET') return this.#page(asking, [{ id: siteId, internalReference: siteReference, name: 'Default' }]);
    const [, site = '', rest = ''] = /^\/sites\/([^/]+)(\/.*)$/.exec(path) ?? [];
    if (site !== siteId) refuse('api.request.argument-type-mismatch', `${site} is no site`, 404);
    const [, top = '', id, below] = /^(\/(?:networks|wifi\/broadcasts|traffic-matching-lists|devices|radius\/profiles|firewall\/zones|firewall\/policies))(?:\/([^/]+))?(\/.*)?$/.exec(rest) ?? [];
    if (top === '/firewall/policies' && id === 'ordering') return this.#ordering(asking);
    if (below === '/references' && top === '/networks' && method === 'GET' && id !== undefined) return { status: 200, body: { referenceResources: this.#references(id) } };
    const collection = this.#collection(top);
    if (collection === undefined || below !== undefined) throw new Error(`the stand-in does not know ${method} ${path}`);
    if (method === 'GET') return id === undefined ? this.#page(asking, collection.all().map((raw) => collection.overview(raw))) : { status: 200, body: this.#shown(collection.one(id), asking) };
    if (asking.viewer) return { status: 403, body: { statusCode: 403, statusName: 'FORBIDDEN', code: 'api.authentication.forbidden', message: 'Forbidden' } };
    return this.#write(asking, collection, id);
  }

  #page({ query }: Asking, items: readonly Raw[]): Answer {
    const offset = Number(query.get('offset') ?? 0);
    const limit = Number(query.get('limit') ?? 25);
    if (!Number.isInteger(limit) || limit < 0 || limit > 200) refuse('api.request.argument-invalid', 'limit must be between 0 and 200');
    if (query.has('filter')) throw new Error('the stand-in knows no filters');
    const data = items.slice(offset, offset + limit);
    return { status: 200, body: { offset, limit, count: data.length, totalCount: items.length, data } };
  }

  /** Somebody who may only look is not shown secrets (an assumption: what such a key sees is in no description). */
  #shown(raw: Raw, { viewer }: Asking): JsonObject {
    const { oid: _oid, ...rest } = structuredClone(raw);
    const security = rest['securityConfiguration'];
    if (viewer && typeof security === 'object' && security !== null) delete (security as Raw)['passphrase'];
    return rest;
  }

  #collection(top: string): Collection | undefined {
    const { state } = this;
    const of = (objects: Record<string, Raw>, overview: readonly string[] | undefined, more: Partial<Collection> = {}): Collection => ({
      objects, all: () => Object.values(objects), one: (id) => objects[id] ?? refuse('api.entity.not-found', `${id} was not found`, 404),
      overview: (raw) => { const { oid: _oid, ...rest } = raw; return overview === undefined ? rest : Object.fromEntries(overview.flatMap((field) => (rest[field] === undefined ? [] : [[field, rest[field]]]))); }, ...more,
    });
    switch (top) {
      case '/networks': return of(state.networks, ['management', 'id', 'name', 'enabled', 'vlanId', 'metadata', 'default', 'zoneId'], { check: (body, id) => { this.#checkNetwork(body, id); }, made: (raw) => ({ ...raw, default: false, oid: oidOf(String(raw['id'])), ...(raw['management'] === 'GATEWAY' ? { mdnsForwardingEnabled: raw['mdnsForwardingEnabled'] ?? false, zoneId: raw['zoneId'] ?? uuidOf('zone Internal') } : {}) }), free: (id, force) => { this.#freeNetwork(id, force); } });
      case '/wifi/broadcasts': return of(state.wlans, ['type', 'id', 'name', 'enabled', 'metadata', 'network', 'securityConfiguration', 'broadcastingDeviceFilter', 'broadcastingFrequenciesGHz'], {
        check: (body) => { this.#checkWlan(body); },
        overview: (raw) => ({ type: raw['type'] ?? null, id: raw['id'] ?? null, name: raw['name'] ?? null, enabled: raw['enabled'] ?? null, metadata: raw['metadata'] ?? null, ...(raw['network'] === undefined ? {} : { network: raw['network'] }), securityConfiguration: { type: (raw['securityConfiguration'] as Raw)['type'] ?? null } }),
      });
      case '/traffic-matching-lists': return of(state.lists, undefined, { check: (body, id) => { this.#checkList(body, id); }, plain: true, free: (id) => { if (JSON.stringify(state.policies).includes(id)) refuse('api.entity.in-use', 'the list is used by a firewall policy'); } });
      case '/radius/profiles': return of(state.radius, undefined);
      case '/firewall/zones': return of(state.zones, undefined);
      case '/firewall/policies': return of(state.policies, undefined, {
        all: () => this.#policies(), check: (body) => { this.#checkPolicy(body); },
        made: (raw) => { this.#orderOf(pairKey(raw)).before.push(String(raw['id'])); return raw; },
        changed: (old, raw) => {
          if (pairKey(old) === pairKey(raw)) return;
          this.#dropFromOrder(String(raw['id']));
          this.#orderOf(pairKey(raw)).before.push(String(raw['id']));
        },
        free: (id) => { this.#dropFromOrder(id); },
      });
      case '/devices': {
        const devices = Object.fromEntries(state.devices.map((device) => [String(device['uuid']), { id: device['uuid'] ?? null, macAddress: device['mac'] ?? null, ipAddress: device['ip'] ?? null, name: device['name'] ?? null, model: device['model'] ?? null, supported: true, state: device['online'] === false ? 'OFFLINE' : 'ONLINE', firmwareUpdatable: false, features: [], interfaces: [] }]));
        return of(devices, undefined);
      }
      default: return undefined;
    }
  }

  #write({ method, body, query }: Asking, collection: Collection, id: string | undefined): Answer {
    if (collection.check === undefined) throw new Error('the stand-in does not write that');
    if (method === 'POST' && id === undefined) {
      collection.check(body, undefined);
      this.state.counter += 1;
      const made: Raw = { ...(structuredClone(body) as Raw), id: uuidOf(`made ${String(this.state.counter)}`), ...(collection.plain === true ? {} : { metadata: { origin: 'USER_DEFINED' } }) };
      const raw = collection.made?.(made) ?? made;
      collection.objects[String(raw['id'])] = raw;
      return { status: 201, body: collection.overview(raw), wrote: true };
    }
    if (id === undefined) refuse('api.request.method-not-allowed', `${method} is not allowed here`, 405);
    const old = collection.one(id);
    if (collection.plain !== true && originOf(old) !== 'USER_DEFINED') refuse('api.entity.not-configurable', 'only what a user defined can be changed');
    if (method === 'DELETE') {
      collection.free?.(id, query.get('force') === 'true');
      Reflect.deleteProperty(collection.objects, id);
      return { status: 200, body: {}, wrote: true };
    }
    if (method !== 'PUT') refuse('api.request.method-not-allowed', `${method} is not allowed here`, 405);
    collection.check(body, id);
    const kept = Object.fromEntries(['id', 'metadata', 'default', 'oid', 'index'].flatMap((field) => (old[field] === undefined ? [] : [[field, old[field]]])));
    // A PUT is the whole object: what it does not say is gone.
    const raw: Raw = { ...(structuredClone(body) as Raw), ...kept };
    collection.objects[id] = raw;
    collection.changed?.(old, raw);
    return { status: 200, body: collection.overview(raw), wrote: true };
  }

  #checkNetwork(body: unknown, id: string | undefined): void {
    const raw = body as Raw;
    const name = { UNMANAGED: 'IntegrationUnmanagedNetworkCreateUpdateDto', GATEWAY: 'IntegrationGatewayManagedNetworkCreateUpdateDto' }[String(raw['management'])] as ShapeName | undefined;
    if (name === undefined) refuse('api.request.validation', 'management is not one of UNMANAGED, GATEWAY (the stand-in has no switch that routes)');
    valid(name, raw);
    const vlan = raw['vlanId'];
    if (typeof vlan !== 'number' || vlan < (this.state.networks[id ?? '']?.['default'] === true ? 1 : 2) || vlan > 4009) refuse('api.request.validation', 'vlanId must be between 2 and 4009');
    if (typeof raw['name'] !== 'string' || raw['name'] === '') refuse('api.request.validation', 'name must not be empty');
    if (Object.values(this.state.networks).some((other) => other['id'] !== id && other['vlanId'] === vlan)) refuse('api.network.vlan-id-taken', `VLAN ${String(vlan)} is taken`);
    if (raw['management'] !== 'GATEWAY') return;
    const configuration = raw['ipv4Configuration'] as Raw;
    valid('Gateway Managed IPv4 Configuration', configuration);
    if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(String(configuration['hostIpAddress']))) refuse('api.request.validation', 'hostIpAddress is no IPv4 address');
    const dhcp = configuration['dhcpConfiguration'] as Raw | undefined;
    if (dhcp?.['mode'] !== 'SERVER') return;
    valid('Gateway Managed IPv4 DHCP Server Configuration', dhcp);
    valid('IP address range', dhcp['ipAddressRange']);
  }

  #checkWlan(body: unknown): void {
    const raw = body as Raw;
    if (raw['type'] !== 'STANDARD') refuse('api.request.validation', 'type must be STANDARD here');
    valid('IntegrationStandardWifiBroadcastCreateUpdateDto', raw);
    if (Buffer.byteLength(String(raw['name'])) > 32) refuse('api.request.validation', 'name is longer than 32 bytes');
    const network = raw['network'] as Raw | undefined;
    if (network !== undefined) {
      valid(network['type'] === 'SPECIFIC' ? 'IntegrationWifiSpecificNetworkDto' : 'IntegrationWifiNativeNetworkDto', network);
      if (network['type'] === 'SPECIFIC' && this.state.networks[String(network['networkId'])] === undefined) refuse('api.request.validation', 'there is no such network');
    }
    const security = raw['securityConfiguration'] as Raw;
    const type = String(security['type']);
    const names: Readonly<Record<string, ShapeName>> = {
      OPEN: 'IntegrationWifiOpenSecurityConfigurationDetailDto', WPA2_PERSONAL: 'IntegrationWifiWpa2PersonalSecurityConfigurationDetailDto', WPA2_WPA3_PERSONAL: 'IntegrationWifiWpa2Wpa3PersonalSecurityConfigurationDetailDto',
      WPA3_PERSONAL: 'IntegrationWifiWpa3PersonalSecurityConfigurationDetailDto', WPA2_ENTERPRISE: 'IntegrationWifiWpa2EnterpriseSecurityConfigurationDetailDto', WPA3_ENTERPRISE: 'IntegrationWifiWpa3EnterpriseSecurityConfigurationDetailDto',
    };
    const name = names[type];
    if (name === undefined) refuse('api.request.validation', `${type} is no security of this stand-in`);
    valid(name, security);
    const { passphrase } = security;
    if (type.endsWith('_PERSONAL') && security['presharedKeys'] === undefined && (typeof passphrase !== 'string' || passphrase.length < 8 || passphrase.length > 63)) refuse('api.request.validation', `passphrase ${JSON.stringify(passphrase ?? null)} must have 8 to 63 characters`);
    if (type.endsWith('_ENTERPRISE')) {
      valid('IntegrationWifiEnterpriseRadiusConfigurationDto', security['radiusConfiguration']);
      if (this.state.radius[String((security['radiusConfiguration'] as Raw)['profileId'])] === undefined) refuse('api.request.validation', 'there is no such RADIUS profile');
    }
    if ((raw['broadcastingFrequenciesGHz'] as number[]).includes(6) && !type.includes('WPA3')) refuse('api.request.validation', '6 GHz needs WPA3');
  }

  #checkList(body: unknown, id: string | undefined): void {
    const raw = body as Raw;
    valid('IntegrationIpV4TrafficMatchingListCreateUpdateDto', raw);
    const items = raw['items'] as Raw[];
    if (!Array.isArray(items) || items.length === 0) refuse('api.request.validation', 'items must not be empty');
    const type = String(raw['type']);
    if (id !== undefined && this.state.lists[id]?.['type'] !== type) refuse('api.request.validation', 'the type of a list cannot be changed');
    for (const item of items) {
      const value = String(item['value'] ?? item['start']);
      const six = value.includes(':');
      if (type === 'PORTS' ? typeof (item['value'] ?? item['start']) !== 'number' : (type === 'IPV6_ADDRESSES') !== six) refuse('api.request.validation', `${value} does not belong into ${type}`);
      if (type !== 'PORTS' && (item['type'] === 'SUBNET') !== value.includes('/')) refuse('api.request.validation', `${value} is no ${String(item['type'])}`);
    }
  }

  #references(id: string): Json[] {
    const network = this.state.networks[id] ?? refuse('api.entity.not-found', `${id} was not found`, 404);
    const wlans = Object.values(this.state.wlans).filter((wlan) => (wlan['network'] as Raw | undefined)?.['networkId'] === id);
    const devices = this.state.devices.filter((device) => (device['port_overrides'] as Raw[]).some((entry) => entry['native_networkconf_id'] === network['oid']));
    return [
      ...(wlans.length === 0 ? [] : [{ resourceType: 'WIFI', referenceCount: wlans.length, references: wlans.map((wlan) => ({ referenceId: wlan['id'] ?? null })) }]),
      ...(devices.length === 0 ? [] : [{ resourceType: 'DEVICE', referenceCount: devices.length }]),
    ];
  }

  #freeNetwork(id: string, force: boolean): void {
    if (!force && this.#references(id).length > 0) refuse('api.network.in-use', 'the network is used by a WLAN or a port');
  }

  #orderOf(pair: string): { before: string[]; after: string[] } {
    return (this.state.order[pair] ??= { before: [], after: [] });
  }

  #dropFromOrder(id: string): void {
    for (const order of Object.values(this.state.order)) Object.assign(order, { before: order.before.filter((each) => each !== id), after: order.after.filter((each) => each !== id) });
  }

  /** With their places, and with those that the system derives for answers (they are in no order, as was measured on 10.6.106). */
  #policies(): readonly Raw[] {
    const places = new Map(Object.values(this.state.order).flatMap(({ before, after }) => [...before.map((id, index) => [id, 10_000 + index] as const), ...after.map((id, index) => [id, 30_000 + index] as const)]));
    const stored = Object.values(this.state.policies).map((raw, index): Raw => ({ ...raw, index: places.get(String(raw['id'])) ?? 20_000 + index }));
    const derived = stored.filter((raw) => originOf(raw) === 'USER_DEFINED' && raw['enabled'] === true && (raw['action'] as Raw)['allowReturnTraffic'] === true).map((raw): Raw => ({
      ...raw, id: uuidOf(`derived ${String(raw['id'])}`), name: `${String(raw['name'])} (Return)`, index: 9000, metadata: { origin: 'DERIVED' }, action: { type: 'ALLOW', allowReturnTraffic: false },
      source: { zoneId: (raw['destination'] as Raw)['zoneId'] ?? null }, destination: { zoneId: (raw['source'] as Raw)['zoneId'] ?? null }, connectionStateFilter: ['ESTABLISHED', 'RELATED'],
    }));
    return [...stored, ...derived];
  }

  #checkPolicy(body: unknown): void {
    const raw = body as Raw;
    valid('Create or update firewall policy', raw);
    valid('Firewall policy source', raw['source']);
    valid('Firewall policy destination', raw['destination']);
    const text = JSON.stringify(raw);
    for (const side of [raw['source'] as Raw, raw['destination'] as Raw]) if (this.state.zones[String(side['zoneId'])] === undefined) refuse('api.request.validation', 'there is no such zone');
    for (const [, id] of text.matchAll(/"trafficMatchingListId":"([^"]*)"/g)) if (this.state.lists[id ?? ''] === undefined) refuse('api.request.validation', 'there is no such list');
    const action = raw['action'] as Raw;
    if (!['ALLOW', 'BLOCK', 'REJECT'].includes(String(action['type'])) || (action['type'] === 'ALLOW') !== (action['allowReturnTraffic'] !== undefined)) refuse('api.request.validation', 'action is not valid');
    const scope = raw['ipProtocolScope'] as Raw;
    if (!['IPV4', 'IPV6', 'IPV4_AND_IPV6'].includes(String(scope['ipVersion']))) refuse('api.request.validation', 'ipVersion is not valid');
    if (/"portFilter"/.test(text) && !/"name":"(?:TCP|UDP|TCP_UDP)"/.test(text)) refuse('api.request.validation', 'ports need TCP or UDP');
    if (scope['ipVersion'] === 'IPV4' && /"value":"[0-9a-f]*:/.test(text)) refuse('api.request.validation', 'an IPv6 address in a policy for IPv4');
  }

  #ordering({ method, query, body, viewer }: Asking): Answer {
    const [from, to] = [query.get('sourceFirewallZoneId') ?? '', query.get('destinationFirewallZoneId') ?? ''];
    if (this.state.zones[from] === undefined || this.state.zones[to] === undefined) refuse('api.request.validation', 'there is no such zone');
    const order = this.#orderOf(`${from} ${to}`);
    const shown = (): JsonObject => ({ orderedFirewallPolicyIds: { beforeSystemDefined: [...order.before], afterSystemDefined: [...order.after] } });
    if (method === 'GET') return { status: 200, body: shown() };
    if (method !== 'PUT') refuse('api.request.method-not-allowed', `${method} is not allowed here`, 405);
    if (viewer) return { status: 403, body: { statusCode: 403, statusName: 'FORBIDDEN', code: 'api.authentication.forbidden', message: 'Forbidden' } };
    const { beforeSystemDefined: before, afterSystemDefined: after } = ((body as Raw)['orderedFirewallPolicyIds'] ?? {}) as unknown as { beforeSystemDefined?: string[]; afterSystemDefined?: string[] };
    if (!Array.isArray(before) || !Array.isArray(after)) refuse('api.request.validation', 'both lists are needed');
    const wanted = [...before, ...after];
    const known = [...order.before, ...order.after];
    if (new Set(wanted).size !== wanted.length || known.some((id) => !wanted.includes(id))) refuse('api.firewall.policy.ordering.not-all-firewall-policies-specified', 'all policies of users must be given');
    if (wanted.some((id) => !known.includes(id))) refuse('api.request.validation', 'a policy of another pair of zones');
    Object.assign(order, { before: [...before], after: [...after] });
    return { status: 200, body: shown(), wrote: true };
  }

  #legacy({ method, body, viewer }: Asking, path: string): Answer {
    const ok = (data: readonly Raw[]): Answer => ({ status: 200, body: { meta: { rc: 'ok' }, data: structuredClone(data) } });
    const error = (status: number, msg: string): Answer => ({ status, body: { meta: { rc: 'error', msg }, data: [] } });
    const [, mac] = /^\/stat\/device(?:\/([0-9a-f:]{17}))?$/.exec(path) ?? [];
    if (method === 'GET' && path.startsWith('/stat/device') && (mac !== undefined || path === '/stat/device')) {
      const found = this.state.devices.filter((device) => mac === undefined || device['mac'] === mac);
      return found.length === 0 && mac !== undefined ? error(400, 'api.err.UnknownDevice') : ok(found.map(({ uuid: _uuid, online, ...device }) => ({ ...device, state: online === false ? 0 : 1 })));
    }
    if (method === 'GET' && path === '/rest/portconf') return ok(this.state.profiles);
    if (method === 'GET' && path === '/rest/networkconf') {
      const wan: Raw = { _id: oidOf('wan'), name: 'Internet 1', purpose: 'wan' };
      return ok([wan, ...Object.values(this.state.networks).map((raw): Raw => ({ _id: raw['oid'] ?? null, name: raw['name'] ?? null, purpose: raw['management'] === 'UNMANAGED' ? 'vlan-only' : 'corporate', ...(raw['default'] === true ? { vlan_enabled: false } : { vlan_enabled: true, vlan: raw['vlanId'] ?? null }) }))]);
    }
    const [, id] = /^\/rest\/device\/([0-9a-f]{24})$/.exec(path) ?? [];
    if (method !== 'PUT' || id === undefined) throw new Error(`the stand-in does not know ${method} ${path}`);
    if (viewer) return error(403, 'api.err.NoPermission');
    const device = this.state.devices.find((each) => each['_id'] === id);
    if (device === undefined) return error(404, 'api.err.NotFound');
    return this.#putDevice(device, body, error, ok);
  }

  #putDevice(device: Raw, body: unknown, error: (status: number, msg: string) => Answer, ok: (data: readonly Raw[]) => Answer): Answer {
    const { port_overrides: entries, ...rest } = body as Raw;
    if (!Array.isArray(entries) || Object.keys(rest).length > 0) throw new Error('the stand-in takes port_overrides of a device and nothing else');
    const known = new Set(Object.values(this.state.networks).map(({ oid }) => oid));
    const indexes = (device['port_table'] as Raw[]).map(({ port_idx: index }) => index);
    const seen = new Set<unknown>();
    for (const entry of entries as Raw[]) {
      const native = entry['native_networkconf_id'];
      const excluded = entry['excluded_networkconf_ids'] ?? [];
      if (!indexes.includes(entry['port_idx'] ?? null) || seen.has(entry['port_idx']) || (native !== undefined && native !== '' && !known.has(native)) || !Array.isArray(excluded) || excluded.some((each) => !/^[0-9a-f]{24}$/.test(String(each)))) return error(400, 'api.err.InvalidPayload');
      for (const [field, values] of Object.entries(enumerated)) if (entry[field] !== undefined && !values.includes(String(entry[field]))) return error(400, 'api.err.InvalidValue');
      seen.add(entry['port_idx']);
    }
    // The whole list is replaced: a port that is not in it is back at its defaults.
    device['port_overrides'] = structuredClone(entries);
    return { ...ok([]), wrote: true };
  }
}

function pairKey(raw: Raw): string {
  return `${String((raw['source'] as Raw)['zoneId'])} ${String((raw['destination'] as Raw)['zoneId'])}`;
}

/** Values of the application's field definitions. */
const enumerated: Readonly<Record<string, readonly string[]>> = {
  forward: ['all', 'native', 'customize', 'disabled'], tagged_vlan_mgmt: ['auto', 'block_all', 'custom'], poe_mode: ['auto', 'pasv24', 'passthrough', 'off'], setting_preference: ['auto', 'manual'], op_mode: ['switch', 'mirror', 'aggregate'],
};

interface Collection {
  readonly objects: Record<string, Raw>;
  readonly all: () => readonly Raw[];
  readonly one: (id: string) => Raw;
  readonly overview: (raw: Raw) => Raw;
  readonly check?: (body: unknown, id: string | undefined) => void;
  readonly made?: (raw: Raw) => Raw;
  readonly free?: (id: string, force: boolean) => void;
  readonly changed?: (old: Raw, raw: Raw) => void;
  /** Has no metadata. */
  readonly plain?: true;
}

function valid(name: ShapeName, body: unknown): void {
  const wrong = wrongWith(name, body);
  if (wrong !== undefined) refuse('api.request.validation', wrong);
}
