/** What the console will say to changes, as far as reading can tell, and what doctor looks at. */
import { parseAddress, type Change, type JsonObject, type Problem } from '#contract';
import { isObject } from '#core/canonical';
import type { FirewallPolicySpec, SsidSpec, SwitchPortSpec, VlanSpec } from '#generated/types';
import type { UnifiClient } from './client.ts';
import { isMarked, pairOf } from './firewall.ts';
import { familiesOf } from './groups.ts';
import { isOurs, objectsOf, textOf } from './model.ts';
import { givesPower } from './ports.ts';
import { defaultOf, portNamed, type Site } from './site.ts';
import { isPersonal, shownPassphrase } from './wlans.ts';

type Tell = (code: string, message: string, hint: string, severity?: Problem['severity']) => Problem;

export async function reviewChanges(changes: readonly Change[], site: Site, client: UnifiClient): Promise<readonly Problem[]> {
  const of = (kind: string): readonly Change[] => changes.filter(({ address }) => parseAddress(address).kind === kind);
  const parts = await Promise.all([
    of('vlan').length === 0 ? [] : reviewVlans(of('vlan'), changes, site, client),
    of('ssid').length === 0 ? [] : reviewSsids(of('ssid'), site),
    of('switch-port').length === 0 ? [] : reviewPorts(of('switch-port'), site),
    of('address-group').length === 0 ? [] : reviewGroups(of('address-group'), site),
    of('firewall-policy').length + of('firewall-rule').length === 0 ? [] : reviewFirewall([...of('firewall-policy'), ...of('firewall-rule')], site),
  ]);
  return parts.flat();
}

function teller({ address }: Change): Tell {
  const { kind, name } = parseAddress(address);
  return (code, message, hint, severity = 'error') => ({ code: `unifi.${code}`, severity, message: `${kind} ${name}: ${message}`, hint, address });
}

/** What would be left hanging. WLANs and ports that go in the same plan are gone by then. */
async function reviewVlans(changes: readonly Change[], all: readonly Change[], site: Site, client: UnifiClient): Promise<readonly Problem[]> {
  const networks = await site.networks();
  const found = changes.map(async (change): Promise<readonly Problem[]> => {
    const tell = teller(change);
    const { name } = parseAddress(change.address);
    const id = (change.after as Partial<VlanSpec> | undefined)?.id;
    const twin = change.verb === 'delete' ? undefined : networks.find((item) => item.id !== change.handle && item.raw['default'] !== true && (item.raw['name'] === name || item.raw['vlanId'] === id) && !all.some(({ handle }) => handle === item.id));
    if (twin !== undefined) return [tell('network-taken', `the network ${JSON.stringify(textOf(twin.raw, 'name'))} has this name or number`, 'another one, or take that one over')];
    if (change.verb !== 'delete' || typeof change.handle !== 'string') return [];
    const references = objectsOf((await client.get(await site.path(`/networks/${encodeURIComponent(change.handle)}/references`)))?.['referenceResources']);
    const held = references.map(({ resourceType, referenceCount }) => ({ type: String(resourceType), count: Number(referenceCount) })).filter(({ type }) => !['WIFI', 'CLIENT'].includes(type));
    return held.length === 0 ? [] : [tell('network-used', `the console says that it is used: ${held.map(({ type, count }) => `${type} ${String(count)}`).join(', ')}`, 'take those away first; if they go in this plan, this is right by then', 'warning')];
  });
  return (await Promise.all(found)).flat();
}

async function reviewSsids(changes: readonly Change[], site: Site): Promise<readonly Problem[]> {
  const states = [...(await site.deviceStates()).values()];
  const away = states.filter((state) => state !== 'ONLINE').length;
  const profiles = changes.some(({ after }) => String(after?.['security']).endsWith('-enterprise')) ? (await site.radiusProfiles()).map(({ raw }) => raw['name']) : [];
  const profile = site.target.settings['radiusProfile'];
  const found = await Promise.all(changes.map(async (change): Promise<readonly Problem[]> => {
    const tell = teller(change);
    const after = change.after as Partial<SsidSpec> | undefined;
    if (after?.security?.endsWith('-enterprise') === true && !profiles.includes(String(profile))) return [tell('radius-profile', `the console has no RADIUS profile ${JSON.stringify(String(profile))}`, 'make it under Settings: Profiles: RADIUS, or name another in settings: radiusProfile')];
    const raw = change.verb === 'update' && typeof change.handle === 'string' ? await site.wlan(change.handle) : undefined;
    const bands = raw?.['broadcastingFrequenciesGHz'];
    if (after?.security?.includes('wpa3') === false && after.bands === undefined && Array.isArray(bands) && (bands as readonly number[]).includes(6)) return [tell('bands', 'it is on 6 GHz, which needs WPA3', 'write bands, without 6')];
    const kept = raw !== undefined && isPersonal(after?.security) && JSON.stringify(change.before?.['passphrase']) === JSON.stringify(after?.passphrase);
    return kept && shownPassphrase(raw) === undefined ? [tell('passphrase-hidden', 'this key does not see the passphrase; if the writing one does not either, the change is refused', 'a key of an administrator, or raise version of the passphrase', 'info')] : [];
  }));
  const told = found.flat();
  return away === 0 ? told : [...told, { code: 'unifi.devices-away', severity: 'warning', message: `${String(away)} of ${String(states.length)} devices are not online: they get the WLANs when they are back`, hint: 'see Devices on the console' }];
}

async function reviewPorts(changes: readonly Change[], site: Site): Promise<readonly Problem[]> {
  const [switches, states] = await Promise.all([site.switches(), site.deviceStates()]);
  return changes.flatMap((change): readonly Problem[] => {
    const tell = teller(change);
    const found = portNamed(switches, parseAddress(change.address).name);
    if (found === undefined) return [tell('no-such-port', 'the console has no such switch or port', `switches here: ${[...switches.devices.keys()].slice(0, 5).join(', ')}; a port is SWITCH/NUMBER`)];
    const after = (change.after ?? {}) as Partial<SwitchPortSpec>;
    const state = states.get(textOf(found.device, 'mac').toLowerCase());
    return [
      ...(state === 'ONLINE' ? [] : [tell('switch-away', `the switch is ${state === undefined ? 'not adopted here' : state.toLowerCase().replaceAll('_', ' ')}: nobody could see what the change does`, 'wait until it is online')]),
      ...(found.port.override?.['forward'] === 'disabled' && after.enabled === undefined && (after.vlan !== undefined || after.mode === 'trunk') ? [tell('port-off', 'the port is shut down', 'write enabled: true')] : []),
      ...(after.poe !== undefined && !givesPower(found.port) ? [tell('no-power', 'the port gives no power', 'leave poe out')] : []),
      ...(found.port.table['is_uplink'] === true ? [tell('uplink', 'this is the way of the switch to the console: a mistake here cuts it off, and nothing takes it back', 'have somebody on site', 'warning')] : []),
    ];
  });
}

/** The type of a list is fixed. */
async function reviewGroups(changes: readonly Change[], site: Site): Promise<readonly Problem[]> {
  const lists = new Map((await site.lists()).map(({ id, raw }) => [id, raw] as const));
  return changes.flatMap((change): readonly Problem[] => {
    const raw: JsonObject | undefined = typeof change.handle === 'string' ? lists.get(change.handle) : undefined;
    const members = change.after?.['members'];
    if (raw === undefined || !Array.isArray(members)) return [];
    const wanted = familiesOf(members as readonly string[]).has(6) ? 'IPV6_ADDRESSES' : 'IPV4_ADDRESSES';
    return raw['type'] === wanted ? [] : [teller(change)('group-family', 'a list cannot change from IPv4 to IPv6 or back', 'a group of another name')];
  });
}

async function reviewFirewall(changes: readonly Change[], site: Site): Promise<readonly Problem[]> {
  const firewall = await site.firewall();
  const { zoneIds } = firewall.around;
  return changes.filter(({ verb }) => verb !== 'delete').flatMap((change): readonly Problem[] => {
    const tell = teller(change);
    const { from, to, default: wanted, log } = (change.after ?? {}) as Partial<FirewallPolicySpec>;
    const absent = [from, to].find((zone) => zone !== undefined && !zoneIds.has(zone));
    if (absent !== undefined) return [tell('unknown-zone', `the console has no zone ${absent}`, `it has: ${[...zoneIds.keys()].sort().join(', ')}; settings: zones gives other names`)];
    if (wanted === undefined) return [];
    const pair = { from: zoneIds.get(from ?? '') ?? '', to: zoneIds.get(to ?? '') ?? '' };
    const system = defaultOf(firewall, pair);
    const taking = firewall.policies.find(({ raw }) => isOurs(raw) && !isMarked(raw) && raw['enabled'] === true && pairOf(raw).from === pair.from && pairOf(raw).to === pair.to && takesAll(raw));
    return [
      ...(system === undefined || system === wanted ? [] : [tell('default', `what no rule matches is ${{ accept: 'accepted', drop: 'dropped', reject: 'rejected' }[system]} by the system between these zones`, `default: ${system}`)]),
      ...(log === true ? [tell('default-log', 'what the system\'s policy decides is not logged', 'leave log out')] : []),
      ...(taking === undefined ? [] : [tell('foreign-first', `the policy ${JSON.stringify(textOf(taking.raw, 'name').slice(0, 60))} of somebody else takes all traffic between these zones; rules behind it never act`, 'move or remove it on the console', 'warning')]),
    ];
  });
}

function takesAll({ source, destination, ipProtocolScope, connectionStateFilter, schedule }: JsonObject): boolean {
  const open = (side: JsonObject[string] | undefined): boolean => isObject(side) && (side['trafficFilter'] ?? null) === null;
  return open(source) && open(destination) && isObject(ipProtocolScope) && (ipProtocolScope['protocolFilter'] ?? null) === null && (connectionStateFilter ?? null) === null && (schedule ?? null) === null;
}

export async function diagnoseSite(kinds: readonly string[], site: Site): Promise<readonly Problem[]> {
  const states = await site.deviceStates();
  const away = [...states].filter(([, state]) => state !== 'ONLINE');
  const hidden = kinds.includes('ssid') ? await hiddenPassphrases(site) : 0;
  const labels = kinds.includes('switch-port') ? [...(await site.switches()).devices.keys()] : [];
  const duplicates = labels.filter((label) => / \([0-9a-f:]{17}\)$/.test(label));
  const absent = kinds.includes('switch-port') ? Object.keys((site.target.settings['switches'] ?? {}) as JsonObject).filter((label) => !labels.includes(label)) : [];
  return [
    { code: 'unifi.unguarded', severity: 'info', message: 'nothing on a UniFi console takes a change back: every change is unguarded' },
    ...(away.length === 0 ? [] : [{ code: 'unifi.devices-away', severity: 'warning' as const, message: `not online: ${away.slice(0, 5).map(([mac, state]) => `${mac} (${state})`).join(', ')}` }]),
    ...(hidden === 0 ? [] : [{ code: 'unifi.passphrase-hidden', severity: 'info' as const, message: `passphrases of ${String(hidden)} WLANs are not shown to this key, as it should be` }]),
    ...(absent.length === 0 ? [] : [{ code: 'unifi.switch-absent', severity: 'warning' as const, message: `settings: switches names what is not adopted at this site: ${absent.join(', ')}`, hint: 'the MAC address as the console shows it' }]),
    ...(duplicates.length === 0 ? [] : [{ code: 'unifi.switch-names', severity: 'warning' as const, message: `several switches have the same name: ${duplicates.join(', ')}`, hint: 'other names on the console, or settings: switches' }]),
  ];
}

async function hiddenPassphrases(site: Site): Promise<number> {
  const raws = await Promise.all((await site.wlans()).filter(({ raw }) => { const security = raw['securityConfiguration']; return isObject(security) && String(security['type']).endsWith('_PERSONAL'); }).map(({ id }) => site.wlan(id)));
  return raws.filter((raw) => raw !== undefined && shownPassphrase(raw) === undefined).length;
}
