/** One site of a console: what is there, complete or an error, and as resources. */
import { ProviderError, toAddress, type Json, type JsonObject, type Live, type Target } from '#contract';
import { compareText } from '#core/canonical';
import type { Connection } from './connect.ts';
import { actionOf, difference, isMarked, orderingOf, pairOf, ruleSpec, serviceOf, servicePorts, surroundings, type Ordering, type Surroundings } from './firewall.ts';
import { groupNote, groupSpec, isAddressList } from './groups.ts';
import { missing } from './limits.ts';
import { distinct, isOurs, numberOf, objectOf, textOf, textsOf, type Item } from './model.ts';
import { vlanSpec } from './networks.ts';
import { isFactory, portNetworks, portNote, portsOf, portSpec, type Port, type PortNetworks } from './ports.ts';
import { isPersonal, ssidSpec, wlanFieldNotes, wlanNote } from './wlans.ts';

/** Switches with their ports, from the older API. */
export interface Switches {
  /** By what they are called in names of ports. */
  readonly devices: ReadonlyMap<string, JsonObject>;
  readonly networks: PortNetworks;
  readonly profiles: ReadonlyMap<string, JsonObject>;
}

/** What a port is found by: never compared. */
export interface PortHandle {
  readonly device: string;
  readonly mac: string;
  readonly port: number;
}

/** Zones by their ids. */
export interface Pair {
  readonly from: string;
  readonly to: string;
}

export interface Firewall {
  readonly around: Surroundings;
  readonly zones: readonly Item[];
  readonly lists: readonly Item[];
  /** Of users and of the system. */
  readonly policies: readonly Item[];
}

export interface Site {
  readonly target: Target;
  /** Overviews, the default network among them. */
  networks(): Promise<readonly Item[]>;
  /** Whole objects. `undefined`: gone. */
  network(id: string): Promise<JsonObject | undefined>;
  wlans(): Promise<readonly Item[]>;
  wlan(id: string): Promise<JsonObject | undefined>;
  lists(): Promise<readonly Item[]>;
  /** Of the integration API: state of each device by MAC address. */
  deviceStates(): Promise<ReadonlyMap<string, string>>;
  radiusProfiles(): Promise<readonly Item[]>;
  switches(): Promise<Switches>;
  /** The one switch that a name of a port means, afresh; what all others are called is known from before. */
  switchOf(port: string): Promise<Switches>;
  firewall(): Promise<Firewall>;
  ordering(pair: Pair): Promise<Ordering>;
  /** Path below the site. */
  path(below: string): Promise<string>;
  live(kinds: readonly string[]): Promise<readonly Live[]>;
}

export function routedHere({ settings }: Target): boolean {
  return settings['gateway'] !== 'other';
}

export function makeSite({ client, site }: Pick<Connection, 'client' | 'site'>, target: Target): Site {
  const path = async (below: string): Promise<string> => `/sites/${encodeURIComponent((await site()).id)}${below}`;
  const list = async (below: string): Promise<readonly Item[]> => client.list(await path(below));
  const one = async (below: string, id: string): Promise<JsonObject | undefined> => client.get(await path(`${below}/${encodeURIComponent(id)}`));

  const networks = async (): Promise<readonly Item[]> => {
    const found = await list('/networks');
    // Every site has one; without it, somebody answers who does not know yet.
    if (!found.some(({ raw }) => raw['default'] === true)) throw new ProviderError('protocol', 'the console shows no default network, which every site has', { hint: 'is it still starting?' });
    return found;
  };

  /** MAC addresses by what switches are called, once they were read. */
  let labels: ReadonlyMap<string, string> | undefined;

  const readSwitches = async (mac?: string): Promise<Switches> => {
    const { reference } = await site();
    const [devices, nets, profiles] = await Promise.all([client.legacyList(reference, `/stat/device${mac === undefined ? '' : `/${mac}`}`), client.legacyList(reference, '/rest/networkconf'), client.legacyList(reference, '/rest/portconf')]);
    const adopted = devices.filter((device) => device['type'] === 'usw' && device['adopted'] === true && (mac === undefined || macOf(device) === mac));
    return { devices: labelled(adopted, target), networks: portNetworks(nets), profiles: new Map(profiles.map((raw) => [textOf(raw, '_id'), raw])) };
  };

  const switches = async (): Promise<Switches> => {
    const all = await readSwitches();
    labels = new Map([...all.devices].map(([label, device]) => [label, macOf(device)]));
    return all;
  };

  const switchOf = async (port: string): Promise<Switches> => {
    const label = port.slice(0, port.lastIndexOf('/'));
    const mac = labels?.get(label);
    if (mac === undefined) return switches();
    const one = await readSwitches(mac);
    return { ...one, devices: new Map([...one.devices.values()].map((device) => [label, device])) };
  };

  const firewall = async (): Promise<Firewall> => {
    const [zones, lists, policies] = await Promise.all([list('/firewall/zones'), self.lists(), list('/firewall/policies')]);
    return { zones, lists, policies, around: surroundings(zones, lists, zoneNames(target)) };
  };

  const ordering = async ({ from, to }: Pair): Promise<Ordering> => {
    const answer = await client.get(await path(`/firewall/policies/ordering?sourceFirewallZoneId=${encodeURIComponent(from)}&destinationFirewallZoneId=${encodeURIComponent(to)}`));
    if (answer === undefined) throw new ProviderError('protocol', 'the console knows no order of policies between two of its zones');
    return orderingOf(answer);
  };

  const self: Site = {
    target, path, networks, switches, switchOf, firewall, ordering,
    network: (id) => one('/networks', id),
    wlans: () => list('/wifi/broadcasts'),
    wlan: (id) => one('/wifi/broadcasts', id),
    lists: () => list('/traffic-matching-lists'),
    deviceStates: async () => new Map((await list('/devices')).map(({ raw }) => [textOf(raw, 'macAddress').toLowerCase(), textOf(raw, 'state')])),
    radiusProfiles: () => list('/radius/profiles'),
    live: (kinds) => readLive(self, kinds),
  };
  return self;
}

/** Checked, because it becomes part of a path. */
function macOf(device: JsonObject): string {
  const mac = textOf(device, 'mac').toLowerCase();
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac)) throw new ProviderError('protocol', 'a device has a MAC address that is none');
  return mac;
}

function labelled(devices: readonly JsonObject[], { settings }: Target): ReadonlyMap<string, JsonObject> {
  const written = new Map(Object.entries((settings['switches'] ?? {}) as Readonly<Record<string, string>>).map(([label, mac]) => [mac, label]));
  return distinct(devices, (device) => written.get(macOf(device)) ?? (typeof device['name'] === 'string' && device['name'] !== '' ? device['name'] : macOf(device)), macOf);
}

/** What our names of zones are on the console, the other way round. */
function zoneNames({ settings }: Target): ReadonlyMap<string, string> {
  return new Map(Object.entries((settings['zones'] ?? {}) as Readonly<Record<string, string>>).map(([ours, theirs]) => [theirs, ours]));
}

const firewallKinds = ['zone', 'service', 'firewall-rule', 'firewall-policy'];

async function readLive(site: Site, kinds: readonly string[]): Promise<readonly Live[]> {
  const networks = kinds.includes('vlan') || kinds.includes('ssid') ? await site.networks() : [];
  const parts = await Promise.all([
    kinds.includes('vlan') ? vlans(site, networks) : [],
    kinds.includes('ssid') ? ssids(site, networks) : [],
    kinds.includes('switch-port') ? site.switches().then((switches) => ports(site.target, switches)) : [],
    firewallKinds.some((kind) => kinds.includes(kind)) ? firewallLive(site, kinds) : kinds.includes('address-group') ? site.lists().then((lists) => groups(site.target, lists)) : [],
  ]);
  return parts.flat().sort((a, b) => compareText(a.address, b.address));
}

type Place = Pick<Target, 'customer' | 'name'>;

export function addressIn({ customer, name: target }: Place, kind: string, name: string): Live['address'] {
  return toAddress({ customer, target, kind, name });
}

const notOurs = 'it was not made by a user of the console';

/** All at a time would be too many for a console; the client bounds how many are under way. */
async function details(items: readonly Item[], read: (id: string) => Promise<JsonObject | undefined>, what: string): Promise<readonly JsonObject[]> {
  return Promise.all(items.map(async ({ id }) => {
    const raw = await read(id);
    if (raw === undefined) throw new ProviderError('protocol', `${what} vanished while it was read`, { retryable: true });
    return raw;
  }));
}

export function vlanLive(target: Target, name: string, raw: JsonObject): Live {
  return { address: addressIn(target, 'vlan', name), spec: vlanSpec(raw, routedHere(target)), handle: textOf(raw, 'id'), origin: isOurs(raw) ? 'foreign' : 'system', ...(isOurs(raw) ? {} : { readOnly: notOurs }) };
}

async function vlans(site: Site, networks: readonly Item[]): Promise<readonly Live[]> {
  // The default network is no VLAN that anybody could write.
  const found = await details(networks.filter(({ raw }) => raw['default'] !== true), (id) => site.network(id), 'a network');
  return [...distinct(found, (raw) => textOf(raw, 'name'), (raw) => `VLAN ${String(numberOf(raw, 'vlanId'))}`)].map(([name, raw]) => vlanLive(site.target, name, raw));
}

export function networkNumbers(networks: readonly Item[]): (id: string) => number {
  const numbers = new Map(networks.map(({ id, raw }) => [id, raw['default'] === true ? 1 : numberOf(raw, 'vlanId')]));
  return (id) => {
    const number = numbers.get(id);
    if (number === undefined) throw new ProviderError('protocol', 'a WLAN is in a network that the console does not show', { retryable: true });
    return number;
  };
}

export function ssidLive(target: Target, name: string, raw: JsonObject, vlanOf: (id: string) => number): Live {
  const spec = ssidSpec(raw, vlanOf);
  const note = isOurs(raw) ? wlanNote(raw) : notOurs;
  const fields = wlanFieldNotes(raw);
  return {
    address: addressIn(target, 'ssid', name), spec, handle: textOf(raw, 'id'), origin: isOurs(raw) ? 'foreign' : 'system', unnamed: true, ...(note === undefined ? {} : { readOnly: note }),
    ...(Object.keys(fields).length === 0 ? {} : { readOnlyFields: fields }), ...(isPersonal(String(spec['security'])) ? { unverifiable: ['passphrase'] } : {}),
  };
}

async function ssids(site: Site, networks: readonly Item[]): Promise<readonly Live[]> {
  const found = await details(await site.wlans(), (id) => site.wlan(id), 'a WLAN');
  const vlanOf = networkNumbers(networks);
  return [...distinct(found, (raw) => textOf(raw, 'name'), (raw) => textOf(raw, 'id').slice(0, 8))].map(([name, raw]) => ssidLive(site.target, name, raw, vlanOf));
}

export function portLive(target: Target, name: string, device: JsonObject, port: Port, { networks, profiles }: Switches): Live {
  const note = portNote(port, profiles);
  const handle: PortHandle = { device: textOf(device, '_id'), mac: macOf(device), port: port.index };
  return { address: addressIn(target, 'switch-port', name), spec: portSpec(port, networks, profiles), handle: handle as unknown as Json, origin: 'foreign', ...(note === undefined ? {} : { readOnly: note }) };
}

/** A port on which nothing is set is as it came out of the box: not there. */
export function ports(target: Target, switches: Switches): readonly Live[] {
  return [...switches.devices].flatMap(([label, device]) => portsOf(device).filter((port) => !isFactory(port)).map((port) => portLive(target, `${label}/${String(port.index)}`, device, port, switches)));
}

export function groupLive(target: Target, name: string, { id, raw }: Item): Live {
  const note = groupNote(raw);
  return { address: addressIn(target, 'address-group', name), spec: groupSpec(raw), handle: id, origin: 'foreign', ...(note === undefined ? {} : { readOnly: note }) };
}

function groups(target: Target, lists: readonly Item[]): readonly Live[] {
  const found = lists.filter(({ raw }) => isAddressList(raw));
  return [...distinct(found, ({ raw }) => textOf(raw, 'name'), ({ id }) => id.slice(0, 8))].map(([name, item]) => groupLive(target, name, item));
}

/** The switch and port that a name means. */
export function portNamed({ devices }: Switches, name: string): { readonly label: string; readonly device: JsonObject; readonly port: Port } | undefined {
  const cut = name.lastIndexOf('/');
  const label = name.slice(0, cut);
  const device = devices.get(label);
  const port = device === undefined ? undefined : portsOf(device).find(({ index }) => String(index) === name.slice(cut + 1));
  return device === undefined || port === undefined ? undefined : { label, device, port };
}

async function firewallLive(site: Site, kinds: readonly string[]): Promise<readonly Live[]> {
  const firewall = await site.firewall();
  const { target } = site;
  return [
    ...(kinds.includes('address-group') ? groups(target, firewall.lists) : []),
    ...(kinds.includes('zone') ? zones(target, firewall, await site.networks()) : []),
    ...(kinds.includes('service') ? services(target, firewall) : []),
    ...(kinds.includes('firewall-rule') ? rules(target, firewall) : []),
    ...(kinds.includes('firewall-policy') ? await policies(site, firewall) : []),
  ];
}

/** Interfaces of a zone are its networks, by their numbers; what is no network that can be read (a WAN, a VPN) by its id. */
function zones(target: Target, { zones: found, around }: Firewall, networks: readonly Item[]): readonly Live[] {
  const numbers = new Map(networks.map(({ id, raw }) => [id, numberOf(raw, 'vlanId')]));
  return found.filter(({ id }) => around.zones.get(id) !== 'self').map(({ id, raw }): Live => ({
    address: addressIn(target, 'zone', around.zones.get(id) ?? id), handle: id, origin: isOurs(raw) ? 'foreign' : 'system', readOnly: missing.zone,
    spec: { interfaces: textsOf(raw['networkIds']).map((each) => { const number = numbers.get(each); return number === undefined ? `net-${each.slice(0, 8)}` : `vlan${String(number)}`; }) },
  }));
}

function services(target: Target, { lists }: Firewall): readonly Live[] {
  const byName = new Map<string, Item[]>();
  for (const item of lists) {
    const name = serviceOf(item.raw)?.name;
    if (name !== undefined) byName.set(name, [...(byName.get(name) ?? []), item]);
  }
  return [...byName].map(([name, items]): Live => ({ address: addressIn(target, 'service', name), spec: { ports: servicePorts(items.map(({ raw }) => raw)) }, handle: items.map(({ id }) => id), origin: 'foreign' }));
}

/** Ours, by pair and name; a second one of the same name (somebody copied it) is somebody else's. */
export function ownRules({ policies: all, around }: Firewall): ReadonlyMap<string, Item> {
  const own = new Map<string, Item>();
  for (const item of [...all].sort((a, b) => numberOf(a.raw, 'index') - numberOf(b.raw, 'index'))) {
    const { from, to } = pairOf(item.raw);
    const name = `${around.zones.get(from) ?? from}.${around.zones.get(to) ?? to}.${textOf(item.raw, 'name')}`;
    if (isOurs(item.raw) && isMarked(item.raw) && !own.has(name)) own.set(name, item);
  }
  return own;
}

export function ruleLive(target: Target, name: string, { id, raw }: Item, { around }: Firewall): Live {
  const spec = ruleSpec(raw, around);
  const wrong = difference(raw, spec, around);
  // A comment says it: any field may hold something that the kind has no word for.
  return { address: addressIn(target, 'firewall-rule', name), spec: wrong === undefined ? spec : { ...spec, comment: `changed on the console: ${wrong}` }, handle: id, origin: 'ours' };
}

function rules(target: Target, firewall: Firewall): readonly Live[] {
  const own = ownRules(firewall);
  const ids = new Set([...own.values()].map(({ id }) => id));
  const foreign = firewall.policies.filter(({ id, raw }) => isOurs(raw) && !ids.has(id)).map(({ id, raw }): Live => {
    const { from, to } = pairOf(raw);
    const name = `${firewall.around.zones.get(from) ?? from}.${firewall.around.zones.get(to) ?? to}.by-hand-${id.slice(0, 8)}`;
    return { address: addressIn(target, 'firewall-rule', name), spec: { ...ruleSpec(raw, firewall.around), comment: `${textOf(raw, 'name').slice(0, 48)}${raw['enabled'] === true ? '' : ' (off)'}` }, handle: id, origin: 'foreign', readOnly: missing.rules };
  });
  return [...[...own].map(([name, item]) => ruleLive(target, name, item, firewall)), ...foreign];
}

/** What the system does between two zones with what no rule matches. */
export function defaultOf({ policies: all }: Firewall, { from, to }: Pair): 'accept' | 'drop' | 'reject' | undefined {
  const last = all.filter(({ raw }) => !isOurs(raw) && objectOf(raw['metadata'])['origin'] === 'SYSTEM_DEFINED' && pairOf(raw).from === from && pairOf(raw).to === to).sort((a, b) => numberOf(a.raw, 'index') - numberOf(b.raw, 'index')).at(-1);
  return last === undefined ? undefined : actionOf(last.raw);
}

/** Our rules of a pair that are switched on, in their order. `undefined`: none is. */
export async function policyLive(site: Site, firewall: Firewall, name: string): Promise<Live | undefined> {
  const [from = '', to = ''] = name.split('.');
  const pair = { from: firewall.around.zoneIds.get(from) ?? '', to: firewall.around.zoneIds.get(to) ?? '' };
  const names = new Map([...ownRules(firewall)].filter(([rule, { raw }]) => rule.startsWith(`${name}.`) && raw['enabled'] === true).map(([rule, { id }]) => [id, rule.slice(name.length + 1)]));
  if (names.size === 0) return undefined;
  const { before, after } = await site.ordering(pair);
  const order = [...before, ...after].flatMap((id) => names.get(id) ?? []);
  if (order.length !== names.size) throw new ProviderError('protocol', `the order of ${name} does not hold all of its policies`, { retryable: true });
  return {
    address: addressIn(site.target, 'firewall-policy', name), handle: null, origin: 'ours',
    // Behind what the system defines nothing reaches a rule.
    spec: { from, to, default: defaultOf(firewall, pair) ?? 'drop', log: false, order: [...order, ...(after.some((id) => names.has(id)) ? ['[behind what the system defines]'] : [])] },
  };
}

async function policies(site: Site, firewall: Firewall): Promise<readonly Live[]> {
  const pairs = [...new Set([...ownRules(firewall).keys()].map((name) => name.split('.').slice(0, 2).join('.')))];
  return (await Promise.all(pairs.map((name) => policyLive(site, firewall, name)))).filter((each) => each !== undefined);
}
