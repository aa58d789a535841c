/** One site of a console: what is there, complete or an error, and as resources. */
import { ProviderError, toAddress, type Json, type JsonObject, type Live, type Target } from '#contract';
import { compareText } from '#core/canonical';
import type { Connection } from './connect.ts';
import { groupNote, groupSpec, isAddressList } from './groups.ts';
import { distinct, isOurs, numberOf, textOf, type Item } from './model.ts';
import { vlanSpec } from './networks.ts';
import { isFactory, portNetworks, portNote, portsOf, portSpec, type Port, type PortNetworks } from './ports.ts';
import { isPersonal, ssidSpec, wlanNotes } from './wlans.ts';

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

  const switches = async (): Promise<Switches> => {
    const { reference } = await site();
    const [devices, nets, profiles] = await Promise.all([client.legacyList(reference, '/stat/device'), client.legacyList(reference, '/rest/networkconf'), client.legacyList(reference, '/rest/portconf')]);
    const adopted = devices.filter((device) => device['type'] === 'usw' && device['adopted'] === true);
    return { devices: labelled(adopted, target), networks: portNetworks(nets), profiles: new Map(profiles.map((raw) => [textOf(raw, '_id'), raw])) };
  };

  const self: Site = {
    target, path, networks, switches,
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

function labelled(devices: readonly JsonObject[], { settings }: Target): ReadonlyMap<string, JsonObject> {
  const written = new Map(Object.entries((settings['switches'] ?? {}) as Readonly<Record<string, string>>).map(([label, mac]) => [mac, label]));
  const mac = (device: JsonObject): string => textOf(device, 'mac').toLowerCase();
  return distinct(devices, (device) => written.get(mac(device)) ?? (typeof device['name'] === 'string' && device['name'] !== '' ? device['name'] : mac(device)), mac);
}

async function readLive(site: Site, kinds: readonly string[]): Promise<readonly Live[]> {
  const networks = kinds.includes('vlan') || kinds.includes('ssid') ? await site.networks() : [];
  const parts = await Promise.all([
    kinds.includes('vlan') ? vlans(site, networks) : [],
    kinds.includes('ssid') ? ssids(site, networks) : [],
    kinds.includes('switch-port') ? site.switches().then((switches) => ports(site.target, switches)) : [],
    kinds.includes('address-group') ? site.lists().then((lists) => groups(site.target, lists)) : [],
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
  const notes = wlanNotes(raw);
  return {
    address: addressIn(target, 'ssid', name), spec, handle: textOf(raw, 'id'), origin: isOurs(raw) ? 'foreign' : 'system', unnamed: true, ...(isOurs(raw) ? {} : { readOnly: notOurs }),
    ...(Object.keys(notes).length === 0 ? {} : { readOnlyFields: notes }), ...(isPersonal(String(spec['security'])) ? { unverifiable: ['passphrase'] } : {}),
  };
}

async function ssids(site: Site, networks: readonly Item[]): Promise<readonly Live[]> {
  const found = await details(await site.wlans(), (id) => site.wlan(id), 'a WLAN');
  const vlanOf = networkNumbers(networks);
  return [...distinct(found, (raw) => textOf(raw, 'name'), (raw) => textOf(raw, 'id').slice(0, 8))].map(([name, raw]) => ssidLive(site.target, name, raw, vlanOf));
}

export function portLive(target: Target, name: string, device: JsonObject, port: Port, { networks, profiles }: Switches): Live {
  const note = portNote(port, profiles);
  const handle: PortHandle = { device: textOf(device, '_id'), mac: textOf(device, 'mac').toLowerCase(), port: port.index };
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
