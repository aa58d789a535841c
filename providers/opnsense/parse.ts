/**
 * From objects of the device to resources. What carries our marker is read into a spec, then that spec is rendered again and compared with what is
 * there: whatever does not come out the same is told as changed, never passed over. Pure.
 */
import { toAddress, type Address, type Json, type JsonObject, type Live, type Target } from '#contract';
import { compareText } from '#core/canonical';
import { canonicalAddress, canonicalCidr, parseCidr } from '#core/ip';
import { missing, uuidPattern } from './limits.ts';
import { differences, setOf, type DeviceState, type Module, type Row } from './model.ts';
import { aliasName, isPartOf, ownKinds, parseMarker, partId, partIdOf, type Marker, type OwnKind } from './names.ts';
import { orderOf } from './order.ts';
import { pendingAlias, readPending, type Pending } from './pending.ts';
import { actions, families, groupAlias, partKey, protocols, renderResource, zoneDestination, type Context, type Identity } from './render.ts';

export interface Parsed {
  readonly live: readonly Live[];
  /** Objects of each resource on the device. */
  readonly rows: ReadonlyMap<Address, readonly Row[]>;
  /** Ours, and exactly what their spec renders to. */
  readonly exact: ReadonlySet<Address>;
  readonly context: Context;
  readonly pending: Pending;
  /** Interfaces on which others have Dnsmasq give out addresses. */
  readonly othersDhcp: ReadonlySet<string>;
}

interface Own extends Marker {
  readonly rows: Row[];
}

export function externalZones({ settings }: Target): ReadonlySet<string> {
  const written = settings['external'];
  return new Set(Array.isArray(written) ? written.filter((zone): zone is string => typeof zone === 'string') : ['wan']);
}

export function vlanParentOf({ settings }: Target): string {
  return typeof settings['vlanParent'] === 'string' ? settings['vlanParent'] : '';
}

function descriptionOf({ module, values }: Row): string {
  return (['rule', 'snat', 'alias', 'range', 'option'].includes(module) ? values['description'] : values['descr']) ?? '';
}

/** Kinds whose objects have a name on the device that only one can have; the rest is recognised by its id as well. */
const namedKinds: readonly OwnKind[] = ['zone', 'address-group', 'vlan'];

function ownerOf(row: Row): Marker | undefined {
  const marker = parseMarker(descriptionOf(row));
  if (marker === undefined) return undefined;
  return isPartOf(row.uuid, marker.kind, marker.name) || (namedKinds.includes(marker.kind) && row.module !== 'range' && row.module !== 'option') ? marker : undefined;
}

function isMade({ row, marker }: { readonly row: Row; readonly marker: Marker | undefined }): boolean {
  return marker !== undefined && isPartOf(row.uuid, marker.kind, marker.name);
}

/** Made by the system or by plugins: no id of the configuration's, or tables that OPNsense fills. */
function isSystem({ uuid, module, values }: Row): boolean {
  return !uuidPattern.test(uuid) || (module === 'alias' && ['internal', 'external'].includes(values['type'] ?? ''));
}

export function parseDevice(state: DeviceState, target: Target): Parsed {
  const pending = readPending(state.rows);
  const vlanParent = vlanParentOf(target);
  const rows = state.rows.filter((row) => !isSystem(row) && !(row.module === 'alias' && row.values['name']?.startsWith(pendingAlias) === true) && !(row.module === 'vlan' && row.values['if'] !== vlanParent));
  const interfaces = holdsNetworks(target) ? state.rows.filter(({ module }) => module === 'interface') : undefined;
  const owned = new Map<string, Own>();
  const foreign: Row[] = [];
  // What soll made comes first: of two that say the same (somebody copied one), the other is somebody else's.
  const marked = rows.map((row) => ({ row, marker: ownerOf(row) })).sort((a, b) => Number(isMade(b)) - Number(isMade(a)));
  for (const { row, marker } of marked) {
    const own = marker === undefined ? undefined : owned.get(`${marker.kind} ${marker.name}`);
    if (marker === undefined || (own !== undefined && !isMade({ row, marker }) && own.rows.some(({ module }) => module === row.module))) foreign.push(row);
    else if (own === undefined) owned.set(`${marker.kind} ${marker.name}`, { ...marker, rows: [row] });
    else own.rows.push(row);
  }
  for (const [key, own] of owned) {
    if (own.kind !== 'vlan') continue;
    // Its device comes first and has its description, whatever the order of lists; the interface on it is part of it.
    const rows = [...own.rows].sort((a, b) => Number(b.module === 'vlan') - Number(a.module === 'vlan'));
    owned.set(key, { ...own, text: parseMarker(rows.map(descriptionOf)[0] ?? '')?.text ?? '', rows: [...rows, ...interfacesOn(rows[0], interfaces)] });
  }
  const context = contextOf([...owned.values()], foreign, externalZones(target), vlanParent, interfaces);
  return new Reader(target, [...owned.values()], foreign, context, pending, interfaces).read();
}

/** Interfaces and what Dnsmasq gives out on them, for targets that say so: the API has them from 26.7.6. */
export function holdsNetworks({ settings }: Pick<Target, 'settings'>): boolean {
  return settings['vlanNetworks'] === true;
}

function interfacesOn(vlan: Row | undefined, interfaces: readonly Row[] | undefined): readonly Row[] {
  return vlan?.module !== 'vlan' || interfaces === undefined ? [] : interfaces.filter(({ values }) => values['if'] === vlan.values['vlanif']);
}

type VlanParts = { readonly [key in 'subnet' | 'gateway' | 'dhcp']?: Json };

/** The network on a VLAN's interface, if it has one of its own. */
function networkOf(rows: readonly Row[]): VlanParts {
  const on = rows.find(({ module }) => module === 'interface')?.values;
  const [gateway = '', length = ''] = (on?.['ipaddr'] ?? '').split('/');
  if (on?.['type4'] !== 'staticv4' || parseCidr(gateway) === undefined || length === '') return {};
  const range = rows.find(({ module }) => module === 'range')?.values;
  const dns = rows.find(({ module }) => module === 'option')?.values['value'];
  return { subnet: canonicalCidr(`${gateway}/${length}`), gateway: canonicalAddress(gateway), ...(range === undefined ? {} : { dhcp: dhcpOf(range, dns) }) };
}

function dhcpOf(range: Row['values'], dns: string | undefined): JsonObject {
  const seconds = Number(range['lease_time'] ?? '');
  return {
    from: range['start_addr'] ?? '', to: range['end_addr'] ?? '', ...(dns === undefined ? {} : { dns: setOf(dns) }), ...((range['domain'] ?? '') === '' ? {} : { domain: range['domain'] ?? '' }),
    ...(seconds > 0 ? { leaseMinutes: seconds / 60 } : {}),
  };
}

/** Aliases of others that hold addresses only are groups under their own name, and rules may use them. */
function isPlainAlias({ module, values }: Row): boolean {
  return module === 'alias' && ['host', 'network'].includes(values['type'] ?? '') && setOf(values['content']).every((each) => parseCidr(each) !== undefined);
}

function contextOf(owned: readonly Own[], foreign: readonly Row[], external: ReadonlySet<string>, vlanParent: string, interfaces: readonly Row[] | undefined): Context {
  const of = (kind: OwnKind): readonly Own[] => owned.filter((each) => each.kind === kind);
  const identity = ({ name, text, rows }: Own, field: string): [string, Identity] => [name, { uuid: rows[0]?.uuid ?? '', name: rows[0]?.values[field] ?? '', text }];
  const others = (module: Module, field: string, keep: (row: Row) => boolean): [string, Identity][] => foreign.filter((row) => row.module === module && keep(row)).map((row) => [row.values[field] ?? '', { uuid: row.uuid, name: row.values[field] ?? '', text: descriptionOf(row) }]);
  const devices = [...foreign.filter(({ module }) => module === 'vlan').map((row) => [vlanName(row), row] as const), ...of('vlan').map(({ name, rows }) => [name, rows[0]] as const)];
  return {
    external, vlanParent, ...(interfaces === undefined ? {} : { interfaces: new Map(interfaces.map(({ uuid, values }) => [values['if'] ?? '', uuid])) }),
    vlanDevices: new Map(devices.flatMap(([name, row]) => (row?.module === 'vlan' && (row.values['vlanif'] ?? '') !== '' ? [[name, row.values['vlanif'] ?? '']] : []))),
    zones: new Map([...foreign.filter(({ module }) => module === 'group').map((row) => [row.values['ifname'] ?? '', setOf(row.values['members'])] as const), ...of('zone').map(({ name, rows }) => [name, setOf(rows[0]?.values['members'])] as const)]),
    zoneIdentity: new Map([...others('group', 'ifname', () => true), ...of('zone').map((each) => identity(each, 'ifname'))]),
    groupIdentity: new Map([...others('alias', 'name', isPlainAlias), ...of('address-group').map((each) => identity(each, 'name'))]),
    vlanIdentity: new Map([...foreign.filter(({ module }) => module === 'vlan').map((row): [string, Identity] => [vlanName(row), { uuid: row.uuid, name: '', text: descriptionOf(row) }]), ...of('vlan').map((each) => identity(each, 'tag'))]),
    services: new Map(of('service').map((each) => [each.name, servicePorts(each)])),
  };
}

function vlanName({ values }: Row): string {
  return `vlan${values['tag'] ?? ''}`;
}

function servicePorts({ name, rows }: Own): readonly string[] {
  return rows.flatMap(({ values }) => {
    const protocol = values['name'] === aliasName('sv', name, '_udp') ? 'udp' : 'tcp';
    return [...setOf(values['content']).map((port) => `${protocol}/${port.replace(':', '-')}`), ...(parseMarker(values['description'] ?? '')?.text.split(' ').filter((each) => each !== '') ?? [])];
  });
}

type Spec = Readonly<Record<string, Json>>;

class Reader {
  readonly #target: Target;
  readonly #owned: readonly Own[];
  readonly #foreign: readonly Row[];
  readonly #context: Context;
  readonly #pending: Pending;
  readonly #interfaces: readonly Row[] | undefined;
  readonly #rows = new Map<Address, readonly Row[]>();
  readonly #exact = new Set<Address>();

  constructor(target: Target, owned: readonly Own[], foreign: readonly Row[], context: Context, pending: Pending, interfaces: readonly Row[] | undefined) {
    this.#target = target;
    this.#owned = owned;
    this.#foreign = foreign;
    this.#context = context;
    this.#pending = pending;
    this.#interfaces = interfaces;
  }

  read(): Parsed {
    const order = orderOf(this.#owned.flatMap(({ kind, name, rows }) => (kind === 'firewall-rule' || kind === 'firewall-policy' ? rows.map((row) => ({ kind, name, row })) : [])), this.#context.external);
    const own = this.#owned.map((each) => this.#own(each, order));
    const seen = new Set(own.map(({ address }) => address));
    const others = this.#foreign.flatMap((row) => this.#other(row, seen));
    return { live: this.#withPending([...own, ...others]), rows: this.#rows, exact: this.#exact, context: this.#context, pending: this.#pending, othersDhcp: new Set(this.#foreign.flatMap(({ module, values }) => (module === 'range' ? [values['interface'] ?? ''] : []))) };
  }

  #address(kind: OwnKind, name: string): Address {
    return toAddress({ customer: this.#target.customer, target: this.#target.name, kind, name });
  }

  #own(own: Own, order: ReadonlyMap<string, readonly string[]>): Live {
    const { kind, name, rows } = own;
    const address = this.#address(kind, name);
    this.#rows.set(address, rows);
    const spec = this.#specOf(own, order);
    const wrong = this.#difference(own, spec);
    if (wrong === undefined) this.#exact.add(address);
    return { address, spec: wrong === undefined ? spec : told(kind, spec, wrong), handle: rows[0]?.uuid ?? null, origin: 'ours' };
  }

  #specOf(own: Own, order: ReadonlyMap<string, readonly string[]>): Spec {
    const { kind, name, rows, text } = own;
    const [first] = rows;
    switch (kind) {
      case 'zone': return { interfaces: setOf(first?.values['members']) };
      case 'address-group': return { members: setOf(first?.values['content']).map(canonicalCidr) };
      case 'service': return { ports: servicePorts(own) };
      case 'firewall-policy': return { ...pairOf(name), default: actionOf(first), log: isOn(first?.values['log']), order: order.get(name) ?? [] };
      case 'firewall-rule': return this.#rule(name, rows, text);
      case 'port-forward': return this.#forward(rows, text);
      case 'masquerade': return this.#masquerade(rows, text);
      case 'vlan': return { id: Number(first?.values['tag']), ...(text === '' ? {} : { description: text }), ...networkOf(rows) };
    }
  }

  /** What is there beside, instead of or without what the spec says; undefined: nothing. */
  #difference({ kind, name, rows }: Own, spec: Spec): string | undefined {
    const wanted = new Map(renderResource(kind, name, spec, this.#context).map((item) => [item.uuid, item]));
    const found = rows.flatMap((row) => {
      const item = wanted.get(row.uuid);
      return item === undefined ? [] : differences(item, row.values).map((field) => `${field} is ${JSON.stringify((row.values[field] ?? '').slice(0, 40))}`);
    });
    // An interface without an address of its own is nobody's mistake.
    const count = rows.filter(({ module, uuid }) => module !== 'interface' && !wanted.has(uuid)).length;
    const lost = [...wanted.keys()].filter((uuid) => !rows.some((row) => row.uuid === uuid)).length;
    const parts = [...new Set(found), ...(count > 0 ? [`${String(count)} of its rules are not its own any more`] : []), ...(lost > 0 ? [`${String(lost)} of its rules are missing`] : [])];
    return parts.length === 0 ? undefined : parts.slice(0, 3).join('; ');
  }

  #rule(name: string, rows: readonly Row[], text: string): Spec {
    const { from, to } = pairOf(name);
    const [first] = rows;
    const destination = zoneDestination(to, this.#context);
    const services = [...new Set(rows.flatMap(({ uuid }) => this.#serviceOf(uuid) ?? []))].filter((service) => service !== '');
    const sources = this.#endpoints(rows, 'source_net', 'any');
    const destinations = this.#endpoints(rows, 'destination_net', destination);
    return {
      from, to, action: actionOf(first), log: isOn(first?.values['log']), ...(text === '' ? {} : { comment: text }),
      ...(sources.length === 0 ? {} : { sources }), ...(destinations.length === 0 ? {} : { destinations }), ...(services.length === 0 ? {} : { services }),
    };
  }

  /** The id of a part says which service it is for; a hash is not undone, so all that there are are tried. */
  #serviceOf(uuid: string): string | undefined {
    this.#parts ??= new Map(['', ...this.#context.services.keys()].flatMap((service) => families.flatMap((family) => protocols.map((protocol): [string, string] => [partId(partKey(family, service, protocol)), service]))));
    return this.#parts.get(partIdOf(uuid));
  }

  #parts: ReadonlyMap<string, string> | undefined;

  #endpoints(rows: readonly Row[], field: string, any: string): readonly string[] {
    return this.#named([...new Set(rows.flatMap(({ values }) => setOf(values[field])))].filter((each) => each !== any));
  }

  #aliases: ReadonlyMap<string, string> | undefined;

  #named(tokens: readonly string[]): readonly string[] {
    this.#aliases ??= new Map([...this.#context.groupIdentity.keys()].map((group) => [groupAlias(group, this.#context), group]));
    return tokens.map((each) => (parseCidr(each) === undefined ? `group:${this.#aliases?.get(each) ?? each}` : canonicalCidr(each)));
  }

  #sources(rows: readonly Row[], module: Module, field: string): readonly string[] {
    const alias = rows.find((row) => row.module === 'alias');
    return alias === undefined ? this.#endpoints(rows.filter((row) => row.module === module), field, 'any') : this.#named(setOf(alias.values['content']));
  }

  #forward(rows: readonly Row[], text: string): Spec {
    const row = rows.find(({ module }) => module === 'dnat');
    const own = parseMarker(row?.values['descr'] ?? '')?.text ?? text;
    const [, from = '', comment] = /^from ([^\s:]+)(?:: (.*))?$/s.exec(own) ?? [];
    const sources = this.#sources(rows, 'dnat', 'source.network');
    return { from, ...forwardSpec(row), log: isOn(row?.values['log']), ...(comment === undefined ? {} : { comment }), ...(sources.length === 0 ? {} : { sources }) };
  }

  #masquerade(rows: readonly Row[], text: string): Spec {
    const row = rows.find(({ module }) => module === 'snat');
    const [, from = '', to = ''] = /^from (\S+) to (\S+)$/.exec(parseMarker(row?.values['description'] ?? '')?.text ?? text) ?? [];
    const inside = this.#context.zones.get(from) ?? [];
    const whole = rows.every(({ module, values }) => module === 'snat' && inside.includes(values['source_net'] ?? ''));
    return { from, to, ...(whole ? {} : { sources: this.#sources(rows, 'snat', 'source_net') }) };
  }

  /** What others made. Rules and NAT are told in words: a rule on an interface is not a rule between zones. */
  #other(row: Row, seen: ReadonlySet<Address>): readonly Live[] {
    const { module, uuid, values } = row;
    const live = (kind: OwnKind, name: string, spec: Spec, more: Partial<Live> = {}): readonly Live[] => {
      const taken = this.#address(kind, name);
      const address = seen.has(taken) ? this.#address(kind, `${name}-${uuid.slice(0, 8)}`) : taken;
      this.#rows.set(address, [row, ...interfacesOn(row, this.#interfaces)]);
      return [{ address, spec, handle: uuid, origin: 'foreign', ...more }];
    };
    const byHand = `by-hand-${uuid.slice(0, 8)}`;
    switch (module) {
      case 'group': return live('zone', values['ifname'] ?? '', { interfaces: setOf(values['members']) }, { undeletable: missing.zones });
      case 'vlan': return live('vlan', vlanName(row), { id: Number(values['tag']), ...(descriptionOf(row) === '' ? {} : { description: descriptionOf(row) }), ...networkOf([row, ...interfacesOn(row, this.#interfaces)]) }, { unnamed: true });
      // Part of a VLAN, or of nothing that soll knows.
      case 'interface': case 'range': case 'option': return [];
      case 'alias': {
        if (values['type'] === 'port') return [];
        if (isPlainAlias(row)) return live('address-group', values['name'] ?? '', { members: setOf(values['content']).map(canonicalCidr) });
        return live('address-group', values['name'] ?? '', { members: [] }, { readOnly: `it is an alias of type ${values['type'] ?? ''} and holds more than addresses` });
      }
      case 'rule': {
        const from = plainZone(values['interface'] ?? '');
        const to = values['destination_net'] === '(self)' ? 'self' : 'any';
        return live('firewall-rule', `${from}.${to}.${byHand}`, { from, to, action: actionOf(row), log: isOn(values['log']), comment: ruleText(row) }, { readOnly: missing.rules });
      }
      case 'dnat': return live('port-forward', byHand, { from: plainZone(values['interface'] ?? ''), ...forwardSpec(row), log: isOn(values['log']), ...(descriptionOf(row) === '' ? {} : { comment: descriptionOf(row) }) }, { readOnly: missing.rules });
      case 'snat': return live('masquerade', byHand, { from: plainZone(values['source_net'] ?? ''), to: plainZone(values['interface'] ?? '') }, { readOnly: missing.rules });
    }
  }

  /** A run broke off between saving and putting into force: what it touched is not what it looks like. */
  #withPending(live: readonly Live[]): readonly Live[] {
    const { entries, all } = this.#pending;
    if (entries.length === 0 && !all) return live;
    const there = new Set(live.map(({ address }) => address));
    const ghosts = entries.filter(({ kind, name, removed }) => removed && !there.has(this.#address(kind, name))).map(({ kind, name }): Live => ({ address: this.#address(kind, name), spec: told(kind, ghostSpec(kind, name), notInForce), handle: null, origin: 'ours' }));
    const touched = new Map(entries.filter(({ removed }) => !removed).map(({ kind, name }) => [this.#address(kind, name), kind]));
    const shown = live.map((each): Live => {
      const kind = touched.get(each.address) ?? (all && each.origin === 'ours' ? kindIn(each.address) : undefined);
      if (kind === undefined) return each;
      this.#exact.delete(each.address);
      return { ...each, spec: told(kind, each.spec, notInForce) };
    });
    return [...shown, ...ghosts];
  }
}

const notInForce = 'saved, and nobody knows whether it is in force';

function kindIn(address: Address): OwnKind {
  return ownKinds.find((kind) => address.split('/')[2] === kind) ?? 'firewall-rule';
}

/** Something of the shape of its kind for what is deleted in the configuration and may still be in force. */
function ghostSpec(kind: OwnKind, name: string): Spec {
  if (kind === 'firewall-rule') return { ...pairOf(name), action: 'accept' };
  if (kind === 'firewall-policy') return { ...pairOf(name), default: 'accept', order: [] };
  if (kind === 'port-forward') return { from: 'unknown', protocol: 'tcp', port: 0, destination: 'unknown' };
  return kind === 'masquerade' ? { from: 'unknown', to: 'unknown' } : kind === 'vlan' ? { id: 0 } : {};
}

/** A spec that says what is wrong where nothing that is written can be the same. */
function told(kind: OwnKind, spec: JsonObject, text: string): JsonObject {
  const into = (field: string): JsonObject => ({ ...spec, [field]: [...(Array.isArray(spec[field]) ? (spec[field] as readonly Json[]) : []), `[${text}]`] });
  switch (kind) {
    case 'zone': return into('interfaces');
    case 'address-group': return into('members');
    case 'service': return into('ports');
    case 'firewall-policy': return into('order');
    case 'masquerade': return into('sources');
    case 'firewall-rule': case 'port-forward': return { ...spec, comment: `[${text}]` };
    // Whoever writes no description does not compare it; a number that no VLAN has is compared always.
    case 'vlan': return { ...spec, id: -Number(spec['id']), description: `[${text}]` };
  }
}

function pairOf(name: string): { readonly from: string; readonly to: string } {
  const [from = '', to = ''] = name.split('.');
  return { from, to };
}

function isOn(flag: string | undefined): boolean {
  return flag === '1';
}

function actionOf(row: Row | undefined): string {
  return Object.entries(actions).find(([, action]) => action === row?.values['action'])?.[0] ?? 'drop';
}

function plainZone(text: string): string {
  return /^[a-z][a-z0-9-]{0,23}$/.exec(text.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-'))?.[0] ?? 'any';
}

function forwardSpec(row: Row | undefined): Spec {
  const { values = {} } = row ?? {};
  const port = Number(values['destination.port'] ?? '');
  const inner = Number(values['local-port'] ?? '');
  return {
    protocol: (values['protocol'] ?? '').toLowerCase(), port: Number.isInteger(port) ? port : 0, destination: values['target'] ?? '',
    ...(Number.isInteger(inner) && inner > 0 && inner !== port ? { destinationPort: inner } : {}),
  };
}

function ruleText({ values }: Row): string {
  const v = (field: string): string => values[field] ?? '';
  const port = v('destination_port') === '' ? '' : ` port ${v('destination_port')}`;
  const off = v('enabled') === '0' ? 'off: ' : '';
  return `${off}${v('interface') === '' ? 'all interfaces' : v('interface')} ${v('direction')} ${v('ipprotocol')} ${v('protocol')} ${v('source_not') === '1' ? 'not ' : ''}${v('source_net')} to ${v('destination_not') === '1' ? 'not ' : ''}${v('destination_net')}${port}${v('description') === '' ? '' : ` (${v('description')})`}`.slice(0, 200);
}

/** Sorted so that the same device gives the same reading. */
export function sortLive(live: readonly Live[]): readonly Live[] {
  return [...live].sort((a, b) => compareText(a.address, b.address));
}
