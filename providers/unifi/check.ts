/** Offline: what UniFi cannot hold, or would hold as something else than what is written. */
import { parseAddress, type Desired, type Problem, type Target } from '#contract';
import { parseCidr } from '#core/ip';
import type { AddressGroupSpec, FirewallPolicySpec, FirewallRuleSpec, ServiceSpec, SsidSpec, SwitchPortSpec, VlanSpec } from '#generated/types';
import { familiesOf } from './groups.ts';
import { maxName, prefixRange, vlanRange } from './limits.ts';

interface Finding {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export function checkDesired(desired: readonly Desired[], target: Target): readonly Problem[] {
  const written = firewallOf(desired);
  const problems = desired.flatMap(({ address, spec, source }): Problem[] => {
    const { kind, name } = parseAddress(address);
    return [...findings(kind, name, spec, target), ...firewallFindings(kind, name, spec, written)].map(({ code, message, hint }) => ({ code: `unifi.${code}`, severity: 'error', message: `${kind} ${name}: ${message}`, hint, address, source }));
  });
  return [...problems, ...twinLists(desired), ...checkTarget(target)];
}

function findings(kind: string, name: string, spec: unknown, target: Target): readonly Finding[] {
  // A spec has passed the kind's schema.
  if (kind === 'vlan') return [...checkName(name), ...checkVlan(spec as VlanSpec)];
  if (kind === 'ssid') return checkSsid(spec as SsidSpec, target);
  if (kind === 'switch-port') return checkPort(name, spec as SwitchPortSpec);
  return kind === 'address-group' ? [...checkName(name), ...checkGroup(spec as AddressGroupSpec)] : [];
}

/** Names are data on the way (JSON); what the web interface would cut or show as something else is refused. */
function isPlain(text: string): boolean {
  return text !== '' && text.trim() === text && !/[\p{Cc}\p{Cf}\p{Co}\u2028\u2029]/u.test(text);
}

function checkName(name: string): Finding[] {
  return isPlain(name) && name.length <= maxName ? [] : [{ code: 'name', message: 'UniFi cannot hold this name', hint: `1 to ${String(maxName)} characters, no line break or control character, no space at its ends` }];
}

function checkVlan({ id, subnet, gateway, dhcp, isolated }: VlanSpec): Finding[] {
  const found: Finding[] = [];
  if (id > vlanRange.to) found.push({ code: 'vlan-id', message: `VLAN ${String(id)} is beyond what UniFi takes`, hint: `${String(vlanRange.from)} to ${String(vlanRange.to)}` });
  const cidr = subnet === undefined ? undefined : parseCidr(subnet);
  if (cidr !== undefined && (cidr.family !== 4 || cidr.prefix < prefixRange.from || cidr.prefix > prefixRange.to)) found.push({ code: 'subnet', message: `${String(subnet)} cannot be the network of a VLAN`, hint: `IPv4, /${String(prefixRange.from)} to /${String(prefixRange.to)}` });
  if ((subnet === undefined) !== (gateway === undefined)) found.push({ code: 'gateway', message: 'subnet and gateway are one value on UniFi (the address of the gateway with its prefix)', hint: 'write both, or neither' });
  if (subnet === undefined && (dhcp !== undefined || isolated !== undefined)) found.push({ code: 'not-routed', message: 'without subnet and gateway the network is a number only, and has no DHCP and no isolation', hint: 'write subnet and gateway; if something else routes: settings: gateway: other' });
  return found;
}

function checkSsid({ ssid, security, bands, passphrase }: SsidSpec, { settings }: Target): Finding[] {
  const found: Finding[] = [];
  if (!isPlain(ssid) || Buffer.byteLength(ssid) > 32) found.push({ code: 'ssid', message: 'UniFi cannot hold this SSID', hint: '1 to 32 bytes, no control character, no space at its ends' });
  if (bands?.includes('6') === true && !security.includes('wpa3')) found.push({ code: 'bands', message: '6 GHz needs WPA3', hint: 'security: wpa3-personal or wpa2-wpa3-personal, or without 6' });
  if (security.endsWith('-enterprise') && typeof settings['radiusProfile'] !== 'string') found.push({ code: 'radius-profile', message: `${security} needs a RADIUS profile, which is made on the console`, hint: 'settings: radiusProfile: its name' });
  if (security.endsWith('-personal') && passphrase === undefined) found.push({ code: 'passphrase', message: `${security} needs a passphrase`, hint: 'passphrase: { $secret: NAME }' });
  return found;
}

function checkPort(name: string, { mode, vlan, native, tagged, enabled, description }: SwitchPortSpec): Finding[] {
  const found: Finding[] = [];
  if (!/^[^\p{Cc}]{1,56}\/[1-9]\d?$/u.test(name)) found.push({ code: 'port-name', message: 'that is no port of a switch', hint: 'SWITCH/NUMBER; what a switch is called can be said in settings: switches' });
  if (mode === 'access' ? native !== undefined || tagged !== undefined : vlan !== undefined) found.push({ code: 'mode', message: mode === 'access' ? 'native and tagged are for trunks' : 'vlan is for access ports', hint: mode === 'access' ? 'vlan: 20' : 'native: 20, tagged: [30]' });
  if (mode === 'trunk' && tagged?.includes(native ?? 1) === true) found.push({ code: 'native', message: `VLAN ${String(native ?? 1)} cannot be tagged and untagged at once`, hint: 'take it out of tagged' });
  if (enabled === false && (mode === 'trunk' || vlan !== undefined)) found.push({ code: 'port-off', message: 'a port that is shut down has no VLAN on UniFi', hint: 'mode: access, enabled: false, and nothing else' });
  if (description !== undefined && !isPlain(description)) found.push({ code: 'description', message: 'UniFi cannot hold this description', hint: 'one line, no control character, no space at its ends' });
  return found;
}

function checkGroup({ members }: AddressGroupSpec): Finding[] {
  if (members.length === 0) return [{ code: 'empty-group', message: 'a list on UniFi holds at least one address', hint: 'leave the group out, or write an address' }];
  if (familiesOf(members).size > 1) return [{ code: 'mixed-group', message: 'a list on UniFi holds IPv4 or IPv6, not both', hint: 'two groups' }];
  const all = members.find((member) => parseCidr(member)?.prefix === 0);
  return all === undefined ? [] : [{ code: 'any-network', message: `${all} is everything`, hint: 'leave the group out: that means any' }];
}

function checkTarget({ name, customer, manages, settings, identity }: Target): readonly Problem[] {
  const tell = (code: string, message: string, hint: string): Problem => ({ code: `unifi.${code}`, severity: 'error', message: `${name}: ${message}`, hint, customer, target: name });
  const macs = Object.values((settings['switches'] ?? {}) as Readonly<Record<string, string>>);
  return [
    ...(identity.some((pin) => pin.startsWith('tls:')) ? [] : [tell('no-pin', 'it has no tls: pin', 'write the SHA-256 fingerprint of the console\'s certificate under identity')]),
    ...(manages['firewall-rule'] === manages['firewall-policy'] ? [] : [tell('rules-and-policies', 'rules and the order of rules belong together', 'the same mode for firewall-rule and firewall-policy')]),
    ...(new Set(macs).size === macs.length ? [] : [tell('switches', 'one switch has two names', 'settings: switches: each MAC address once')]),
  ];
}

/** Names that the console would show alike. */
function twinLists(desired: readonly Desired[]): readonly Problem[] {
  const seen = new Map<string, string>();
  return desired.flatMap((resource): Problem[] => {
    const { kind, name } = parseAddress(resource.address);
    if (kind !== 'address-group' && kind !== 'vlan') return [];
    const key = `${kind} ${name.normalize('NFKC').toLowerCase()}`;
    const twin = seen.get(key);
    seen.set(key, name);
    return twin === undefined ? [] : [{ code: 'unifi.twin', severity: 'error', message: `${kind} ${name} and ${twin} would look alike on the console`, hint: 'another name', address: resource.address, source: resource.source }];
  });
}

/** What rules speak of, as written. */
interface WrittenFirewall {
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly services: ReadonlyMap<string, readonly string[]>;
  readonly policies: ReadonlyMap<string, FirewallPolicySpec>;
  readonly rules: ReadonlySet<string>;
}

function firewallOf(desired: readonly Desired[]): WrittenFirewall {
  const all = <S>(wanted: string): [string, S][] => desired.map(({ address, spec }) => ({ ...parseAddress(address), spec: spec as unknown as S })).filter(({ kind }) => kind === wanted).map(({ name, spec }) => [name, spec]);
  return {
    groups: new Map(all<AddressGroupSpec>('address-group').map(([name, { members }]) => [name, members])), services: new Map(all<ServiceSpec>('service').map(([name, { ports }]) => [name, ports])),
    policies: new Map(all<FirewallPolicySpec>('firewall-policy')), rules: new Set(all('firewall-rule').map(([name]) => name)),
  };
}

function firewallFindings(kind: string, name: string, spec: unknown, written: WrittenFirewall): readonly Finding[] {
  if (kind === 'service') return checkService(name, spec as ServiceSpec);
  if (kind === 'firewall-policy') return checkPolicy(name, spec as FirewallPolicySpec, written);
  return kind === 'firewall-rule' ? checkRule(name, spec as FirewallRuleSpec, written) : [];
}

function checkService(name: string, { ports }: ServiceSpec): Finding[] {
  const found: Finding[] = /^[a-z][a-z0-9-]{0,23}$/.test(name) ? [] : [{ code: 'name', message: 'a service cannot have this name', hint: 'small letters, digits and hyphens, beginning with a letter' }];
  const wrong = ports.find((port) => {
    const [from = 0, to = from] = (/^(?:tcp|udp)\/([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/.exec(port) ?? []).slice(1).filter((each): each is string => (each as string | undefined) !== undefined).map(Number);
    return from === 0 || to > 65_535 || from > to;
  });
  if (wrong !== undefined) found.push({ code: 'service', message: `${JSON.stringify(wrong.slice(0, 30))} cannot be in a list of ports`, hint: 'tcp/PORT, udp/PORT, tcp/FROM-TO; ICMP and other protocols have no list on UniFi' });
  if (ports.length === 0) found.push({ code: 'service', message: 'a list of ports holds at least one', hint: 'leave the service out' });
  return found;
}

function checkPolicy(name: string, { from, to, order }: FirewallPolicySpec, { rules }: WrittenFirewall): Finding[] {
  const found: Finding[] = name === `${from}.${to}` ? [] : [{ code: 'name', message: `its name is not ${from}.${to}`, hint: 'FROM.TO' }];
  if (order.length === 0) found.push({ code: 'empty-policy', message: 'without rules there is nothing to set: what happens then is the system\'s', hint: 'leave the policy out' });
  const absent = order.find((rule) => !rules.has(`${name}.${rule}`));
  if (absent !== undefined) found.push({ code: 'order', message: `its rule ${JSON.stringify(absent.slice(0, 40))} is not written`, hint: 'write the rule, or take it out of the order' });
  return found;
}

/** One rule is one policy, and a policy knows one protocol, one address family, and on each side a list or addresses. */
function checkRule(name: string, { from, to, sources, destinations, services, comment }: FirewallRuleSpec, { groups, services: known, policies }: WrittenFirewall): Finding[] {
  const found: Finding[] = [];
  const pair = `${from}.${to}`;
  const own = name.slice(pair.length + 1);
  if (!name.startsWith(`${pair}.`) || !/^[a-z][a-z0-9-]{0,31}$/.test(own)) found.push({ code: 'name', message: `its name is not ${pair}.NAME`, hint: 'small letters, digits and hyphens, beginning with a letter' });
  if (policies.get(pair)?.order.includes(own) !== true) found.push({ code: 'order', message: 'it has no place in the order of its policy', hint: 'name it in the policy' });
  for (const side of [sources, destinations]) if (side !== undefined && side.length > 1 && side.some((each) => each.startsWith('group:'))) found.push({ code: 'one-list', message: 'a policy takes one group, or addresses, on each side', hint: 'put the addresses into the group, or write two rules' });
  const families = [sources, destinations].map((side) => familiesOf((side ?? []).flatMap((each) => (each.startsWith('group:') ? groups.get(each.slice('group:'.length)) ?? [] : [each]))));
  if (families.some((each) => each.size > 1) || (families[0]?.size === 1 && families[1]?.size === 1 && [...families[0]][0] !== [...families[1]][0])) found.push({ code: 'one-family', message: 'a policy is for IPv4 or for IPv6', hint: 'two rules' });
  if ((services ?? []).length > 1) found.push({ code: 'one-service', message: 'a policy takes one list of ports', hint: 'one rule for each service, or a service with all the ports' });
  for (const service of services ?? []) if (new Set((known.get(service) ?? []).map((port) => port.split('/')[0])).size > 1) found.push({ code: 'one-protocol', message: `${service} has ports of TCP and of UDP, and a policy takes one protocol`, hint: 'two services, two rules' });
  if (comment !== undefined && !isPlain(comment)) found.push({ code: 'comment', message: 'UniFi cannot hold this comment', hint: 'one line, no control character, no space at its ends' });
  return found;
}
