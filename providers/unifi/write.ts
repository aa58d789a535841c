/** One change of one object as the fewest requests. Every object goes back whole, with everything that the provider does not know about it. */
import { isProviderError, parseAddress, ProviderError, type ApplySteps, type Change, type ChangeOutcome, type JsonObject, type Live, type WriteContext } from '#contract';
import { isObject } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import type { AddressGroupSpec, FirewallPolicySpec, FirewallRuleSpec, ServiceSpec, SsidSpec, VlanSpec } from '#generated/types';
import type { UnifiClient } from './client.ts';
import type { SiteNames } from './connect.ts';
import { CannotRender, reordered, ruleBody, ruleSpec, serviceBodies, serviceOf, servicePorts, type Protocol } from './firewall.ts';
import { groupBody, isAddressList } from './groups.ts';
import { passphrase as plainPassphrase } from './limits.ts';
import { numberOf, textOf, writable, type Item } from './model.ts';
import { networkBody } from './networks.ts';
import { factoryEntry, isFactory, portEntry, shutOut, UnknownVlan, withEntry } from './ports.ts';
import { addressIn, groupLive, networkNumbers, ownRules, policyLive, portLive, portNamed, ruleLive, ssidLive, vlanLive, type Site } from './site.ts';
import { isPersonal, shownPassphrase, wlanBody } from './wlans.ts';

export interface Writer {
  readonly client: UnifiClient;
  readonly site: Site;
  readonly names: SiteNames;
  readonly context: WriteContext;
  /** VLAN numbers that this session has changed, new to old: WLANs and ports hold the network and not its number, so they have followed already. */
  readonly renumbered: Map<number, number>;
}

/** What is about to be written: the object as it is now, and how. */
interface Prepared {
  readonly now: Live | undefined;
  readonly write: () => Promise<void>;
}

export async function applyChange(writer: Writer, change: Change, steps: ApplySteps): Promise<void> {
  const { kind } = parseAddress(change.address);
  const prepare = { vlan: prepareVlan, ssid: prepareSsid, 'switch-port': preparePort, 'address-group': prepareGroup, service: prepareService, 'firewall-rule': prepareRule, 'firewall-policy': preparePolicy }[kind];
  if (prepare === undefined) throw new ProviderError('unsupported', `${kind} cannot be written on UniFi`);
  const { now, write } = await prepare(writer, change);
  await steps.before(change, now === undefined ? undefined : { ...now, address: change.was ?? change.address, spec: asPlanned(now.spec, writer.renumbered) });
  await steps.after(change, await outcomeOf(write));
}

/** Writes, and says what came of it. Throws only when the session is lost. */
async function outcomeOf(write: () => Promise<void>): Promise<ChangeOutcome> {
  try {
    await write();
    return { status: 'done' };
  } catch (error) {
    if (error instanceof UnknownVlan || error instanceof CannotRender) return { status: 'rejected', code: 'missing', why: error.message };
    if (!isProviderError(error)) throw error;
    if (error.code === 'rejected' || error.code === 'conflict' || error.code === 'unsupported') return { status: 'rejected', code: error.code, why: error.message };
    if (error.code === 'unknown-outcome' || error.code === 'timeout' || error.code === 'protocol') return { status: 'unknown', why: error.message };
    throw error;
  }
}

/** What followed a network to its new number is still as the plan saw it. */
function asPlanned(spec: JsonObject, renumbered: ReadonlyMap<number, number>): JsonObject {
  if (renumbered.size === 0) return spec;
  const old = (number: number): number => renumbered.get(number) ?? number;
  const { vlan, native, tagged } = spec;
  return {
    ...spec, ...(typeof vlan === 'number' ? { vlan: old(vlan) } : {}), ...(typeof native === 'number' ? { native: old(native) } : {}),
    ...(Array.isArray(tagged) ? { tagged: (tagged as readonly number[]).map(old).sort((a, b) => a - b) } : {}),
  };
}

const mayWrite = ({ context }: Writer) => (timeoutMs: number): void => { context.assertLease(timeoutMs); };

async function send(writer: Writer, method: 'POST' | 'PUT' | 'DELETE', below: string, body?: JsonObject, hidden?: string): Promise<JsonObject> {
  return writer.client.write(method, await writer.site.path(below), body, mayWrite(writer), hidden);
}

function handleOf({ handle }: Change): string | undefined {
  return typeof handle === 'string' ? handle : undefined;
}

function oneOf(items: readonly Item[], id: string | undefined, isIt: (raw: JsonObject) => boolean): Item | undefined {
  return id === undefined ? items.find(({ raw }) => isIt(raw)) : items.find((item) => item.id === id);
}

async function prepareVlan(writer: Writer, change: Change): Promise<Prepared> {
  const { site } = writer;
  const after = change.after as Partial<VlanSpec> | undefined;
  const { name } = parseAddress(change.address);
  const found = oneOf(await site.networks(), handleOf(change), (raw) => raw['default'] !== true && (raw['name'] === name || raw['vlanId'] === after?.id));
  const raw = found === undefined ? undefined : await site.network(found.id);
  const now = raw === undefined ? undefined : vlanLive(site.target, name, raw);
  if (raw === undefined || now === undefined) return { now, write: () => makeNetwork(writer, name, after ?? {}) };
  const path = `/networks/${encodeURIComponent(textOf(raw, 'id'))}`;
  if (change.verb === 'delete') return { now, write: async () => { await send(writer, 'DELETE', path); } };
  return { now, write: async () => {
    const body = networkBody(raw, name, after ?? {});
    if (equalJson(body, writable(raw))) return;
    await send(writer, 'PUT', path, body);
    const [old, id] = [numberOf(raw, 'vlanId'), after?.id];
    if (id !== undefined && id !== old) writer.renumbered.set(id, writer.renumbered.get(old) ?? old);
  } };
}

/** Makes it, then keeps it off the trunks with a list; a port that shall carry it has a change of its own. */
async function makeNetwork(writer: Writer, name: string, spec: Partial<VlanSpec>): Promise<void> {
  let lost: ProviderError | undefined;
  await send(writer, 'POST', '/networks', networkBody(undefined, name, spec)).catch((error: unknown) => {
    if (!isProviderError(error) || error.code !== 'unknown-outcome') throw error;
    lost = error;
  });
  if (writer.site.target.manages['switch-port'] !== undefined) {
    const { devices, networks } = await writer.site.switches();
    const id = networks.ids.get(spec.id ?? 0);
    if (id === undefined) throw lost ?? new ProviderError('unknown-outcome', `the network was made, and the older API does not show VLAN ${String(spec.id)}: trunks with a list may carry it`);
    for (const device of devices.values()) {
      const entries = shutOut(device, id);
      if (entries !== undefined) await putPorts(writer, device, entries).catch(stillCarried);
    }
  }
  if (lost !== undefined) throw lost;
}

/** The network is there all the same: the next plan shows which ports of ours carry it. */
function stillCarried(error: unknown): never {
  if (!isProviderError(error) || error.code !== 'rejected') throw error;
  throw new ProviderError('rejected', `the network was made, and trunks with a list may carry it now: ${error.message}`);
}

function putPorts(writer: Writer, device: JsonObject, entries: readonly JsonObject[]): Promise<void> {
  return writer.client.legacyPut(writer.names.reference, `/rest/device/${encodeURIComponent(textOf(device, '_id'))}`, { port_overrides: entries }, mayWrite(writer));
}

async function prepareSsid(writer: Writer, change: Change): Promise<Prepared> {
  const { site } = writer;
  const after = change.after as Partial<SsidSpec> | undefined;
  const [networks, wlans] = await Promise.all([site.networks(), site.wlans()]);
  const found = oneOf(wlans, handleOf(change), (each) => each['name'] === after?.ssid);
  const raw = found === undefined ? undefined : await site.wlan(found.id);
  const now = raw === undefined ? undefined : ssidLive(site.target, parseAddress(change.address).name, raw, networkNumbers(networks));
  const path = raw === undefined ? '/wifi/broadcasts' : `/wifi/broadcasts/${encodeURIComponent(textOf(raw, 'id'))}`;
  if (change.verb === 'delete') return { now, write: async () => { await send(writer, 'DELETE', path); } };
  return { now, write: () => writeWlan(writer, change, raw, networks, path) };
}

async function writeWlan(writer: Writer, change: Change, raw: JsonObject | undefined, networks: readonly Item[], path: string): Promise<void> {
  const after = (change.after ?? {}) as Partial<SsidSpec>;
  const secret = await passphraseOf(writer, change, raw);
  const profile = writer.site.target.settings['radiusProfile'];
  const radiusProfileId = after.security?.endsWith('-enterprise') === true && typeof profile === 'string' ? (await writer.site.radiusProfiles()).find((each) => each.raw['name'] === profile)?.id : undefined;
  const network = after.vlan === undefined || after.vlan === 1 ? undefined : networks.find((each) => each.raw['default'] !== true && each.raw['vlanId'] === after.vlan);
  if (after.vlan !== undefined && after.vlan !== 1 && network === undefined) throw new UnknownVlan(after.vlan);
  const body = wlanBody(raw, after, { networkId: network?.id, passphrase: secret, radiusProfileId });
  if (raw !== undefined && equalJson(body, writable(raw))) return;
  await send(writer, raw === undefined ? 'POST' : 'PUT', path, body, secret ?? (raw === undefined ? undefined : shownPassphrase(raw)));
}

/** Only what is new is revealed and sent. What is not sent anew goes back as the console showed it, and when it showed none, nothing is written. */
async function passphraseOf({ context }: Writer, { before, after }: Change, raw: JsonObject | undefined): Promise<string | undefined> {
  const { passphrase: wanted, security } = (after ?? {}) as Partial<SsidSpec>;
  const personal = isPersonal(security);
  if (!personal) return undefined;
  if (wanted !== undefined && (raw === undefined || !equalJson(before?.['passphrase'], wanted))) {
    const value = (await context.reveal(wanted)).expose();
    if (!plainPassphrase.test(value)) throw new ProviderError('rejected', `${wanted.$secret} is no passphrase`, { hint: '8 to 63 printable ASCII characters' });
    return value;
  }
  if (raw === undefined || shownPassphrase(raw) === undefined) throw new ProviderError('rejected', 'the console does not show the passphrase, so the WLAN cannot be written back whole', { hint: 'raise version of the passphrase: then it is written, too' });
  return undefined;
}

async function preparePort(writer: Writer, change: Change): Promise<Prepared> {
  const { name } = parseAddress(change.address);
  const switches = await writer.site.switchOf(name);
  const named = portNamed(switches, name);
  // Names can be given to another switch in between: then it is not the port that the plan saw.
  const seen = isObject(change.handle) ? change.handle['mac'] : undefined;
  const found = named === undefined || (seen !== undefined && textOf(named.device, 'mac').toLowerCase() !== seen) ? undefined : named;
  if (found === undefined) return { now: undefined, write: () => Promise.reject(new ProviderError('rejected', `there is no port ${name}`)) };
  const { device, port } = found;
  const now = isFactory(port) ? undefined : portLive(writer.site.target, name, device, port, switches);
  const entry = (): JsonObject | undefined => (change.verb === 'delete' ? factoryEntry(port) : portEntry(port, (change.after ?? {}), switches.networks));
  return { now, write: async () => {
    const wanted = entry();
    if (equalJson(wanted ?? null, port.override ?? null)) return;
    await putPorts(writer, device, withEntry(device, port.index, wanted));
  } };
}

async function prepareGroup(writer: Writer, change: Change): Promise<Prepared> {
  const { name } = parseAddress(change.address);
  const found = oneOf(await writer.site.lists(), handleOf(change), (raw) => isAddressList(raw) && raw['name'] === name);
  const now = found === undefined ? undefined : groupLive(writer.site.target, name, found);
  const path = `/traffic-matching-lists${found === undefined ? '' : `/${encodeURIComponent(found.id)}`}`;
  if (change.verb === 'delete') return { now, write: async () => { await send(writer, 'DELETE', path); } };
  return { now, write: async () => {
    const body = { ...(found === undefined ? {} : writable(found.raw)), ...groupBody(name, (change.after as AddressGroupSpec | undefined)?.members ?? []) };
    await send(writer, found === undefined ? 'POST' : 'PUT', path, body);
  } };
}


/** Lists of a service. One of another protocol is made first, then the rules are led to it, then the old one goes: no rule is ever without its ports. */
async function prepareService(writer: Writer, change: Change): Promise<Prepared> {
  const { name } = parseAddress(change.address);
  const found = new Map((await writer.site.lists()).flatMap((item) => { const service = serviceOf(item.raw); return service?.name === name ? [[service.protocol, item] as const] : []; }));
  const ports = servicePorts([...found.values()].map(({ raw }) => raw));
  const now: Live | undefined = found.size === 0 ? undefined : { address: change.address, spec: { ports }, handle: null, origin: 'foreign' };
  return { now, write: async () => {
    const wanted = change.verb === 'delete' ? new Map<Protocol, JsonObject>() : serviceBodies(name, (change.after as ServiceSpec | undefined)?.ports ?? []);
    for (const [protocol, body] of wanted) {
      const old = found.get(protocol);
      if (old === undefined) await send(writer, 'POST', '/traffic-matching-lists', body);
      else if (!equalJson(writable(old.raw), body)) await send(writer, 'PUT', `/traffic-matching-lists/${encodeURIComponent(old.id)}`, { ...writable(old.raw), ...body });
    }
    if (wanted.size > 0 && [...found.keys()].some((protocol) => !wanted.has(protocol))) await leadRules(writer, name, [...wanted.keys()]);
    for (const [protocol, { id }] of found) if (!wanted.has(protocol)) await send(writer, 'DELETE', `/traffic-matching-lists/${encodeURIComponent(id)}`);
  } };
}

async function leadRules(writer: Writer, service: string, protocols: readonly Protocol[]): Promise<void> {
  const firewall = await writer.site.firewall();
  const lists = new Map([...(firewall.around.serviceIds.get(service) ?? [])].filter(([protocol]) => protocols.includes(protocol)));
  const around = { ...firewall.around, serviceIds: new Map([...firewall.around.serviceIds, [service, lists]]) };
  for (const { id, raw } of ownRules(firewall).values()) {
    const spec = ruleSpec(raw, firewall.around) as unknown as FirewallRuleSpec;
    if (spec.services?.includes(service) === true) await send(writer, 'PUT', `${policiesPath}/${encodeURIComponent(id)}`, ruleBody(textOf(raw, 'name'), spec, around, raw['enabled'] === true));
  }
}

const policiesPath = '/firewall/policies';

/** A new rule is switched off until its policy gives it a place: the console puts new ones last, and there it would act in the wrong order. */
async function prepareRule(writer: Writer, change: Change): Promise<Prepared> {
  const { name } = parseAddress(change.address);
  const firewall = await writer.site.firewall();
  const found = ownRules(firewall).get(name);
  const now = found === undefined ? undefined : ruleLive(writer.site.target, name, found, firewall);
  return { now, write: async () => {
    const path = found === undefined ? policiesPath : `${policiesPath}/${encodeURIComponent(found.id)}`;
    if (change.verb === 'delete') await send(writer, 'DELETE', path);
    else await send(writer, found === undefined ? 'POST' : 'PUT', path, ruleBody(name.split('.').slice(2).join('.'), change.after as unknown as FirewallRuleSpec, firewall.around, found?.raw['enabled'] === true));
  } };
}

/** Off with what is no longer in the order, then the order, then on with what is new in it. What is off goes with a change of its own. */
async function preparePolicy(writer: Writer, change: Change): Promise<Prepared> {
  const { name } = parseAddress(change.address);
  const { site } = writer;
  const firewall = await site.firewall();
  const now = await policyLive(site, firewall, name);
  return { now: now === undefined ? undefined : { ...now, address: addressIn(site.target, 'firewall-policy', name) }, write: async () => {
    const own = new Map([...ownRules(firewall)].filter(([rule]) => rule.startsWith(`${name}.`)).map(([rule, item]) => [rule.slice(name.length + 1), item]));
    const order = change.verb === 'delete' ? [] : (change.after as unknown as FirewallPolicySpec).order;
    const absent = order.find((rule) => !own.has(rule));
    if (absent !== undefined) throw new CannotRender(`rule ${absent} is not there`);
    const set = async (item: Item, enabled: boolean): Promise<void> => {
      if ((item.raw['enabled'] === true) !== enabled) await send(writer, 'PUT', `${policiesPath}/${encodeURIComponent(item.id)}`, { ...writable(item.raw), enabled });
    };
    for (const [rule, item] of own) if (!order.includes(rule)) await set(item, false);
    const wanted = order.flatMap((rule) => own.get(rule) ?? []);
    if (wanted.length > 0) await putOrder(writer, firewall.around.zoneIds, name, wanted.map(({ id }) => id));
    for (const item of wanted) await set(item, true);
  } };
}

/** The console wants all policies of users between the two zones, those of others included. */
async function putOrder(writer: Writer, zoneIds: ReadonlyMap<string, string>, name: string, own: readonly string[]): Promise<void> {
  const [from = '', to = ''] = name.split('.').map((zone) => zoneIds.get(zone));
  const now = await writer.site.ordering({ from, to });
  const { before, after } = reordered(now, own);
  if (equalJson([before, after], [now.before, now.after])) return;
  await send(writer, 'PUT', `${policiesPath}/ordering?sourceFirewallZoneId=${encodeURIComponent(from)}&destinationFirewallZoneId=${encodeURIComponent(to)}`, { orderedFirewallPolicyIds: { beforeSystemDefined: before, afterSystemDefined: after } });
}
