/** Offline: what OPNsense cannot hold, or would hold as something else than what is written. */
import { parseAddress, type Desired, type Problem, type Target } from '#contract';
import { contains, parseCidr } from '#core/ip';
import type { AddressGroupSpec, FirewallPolicySpec, FirewallRuleSpec, MasqueradeSpec, PortForwardSpec, ServiceSpec, VlanSpec, ZoneSpec } from '#generated/types';
import { isGuarded } from './guard.ts';
import { interfaceName } from './limits.ts';
import { pairIn } from './order.ts';
import { externalZones, vlanParentOf } from './parse.ts';
import { partsOf, type Context, type Part } from './render.ts';

const plainName = /^[a-z][a-z0-9-]{0,23}$/;
const plainRule = /^[a-z][a-z0-9-]{0,31}$/;
const plainVlan = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const plainComment = /^[A-Za-z0-9ÄÖÜäöüß .,:;()/#+_-]{1,48}$/;
const plainPort = /^(?:(?:tcp|udp)\/[1-9]\d{0,4}(?:-[1-9]\d{0,4})?|icmp|icmpv6|esp|gre)$/;

type Tell = (code: string, message: string, hint: string) => void;

/** For messages: short, and nothing in it controls a terminal. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

interface Written {
  readonly context: Context;
  readonly policies: ReadonlyMap<string, FirewallPolicySpec>;
  readonly forwards: ReadonlyMap<string, PortForwardSpec>;
}

export function checkDesired(desired: readonly Desired[], target: Target): readonly Problem[] {
  const problems: Problem[] = [];
  const all = <S>(wanted: string): ReadonlyMap<string, S> => new Map(desired.map(({ address, spec }) => ({ ...parseAddress(address), spec: spec as unknown as S })).filter(({ kind }) => kind === wanted).map(({ name, spec }) => [name, spec]));
  const written: Written = {
    policies: all('firewall-policy'), forwards: all('port-forward'),
    context: {
      zones: new Map([...all<ZoneSpec>('zone')].map(([name, { interfaces }]) => [name, interfaces])), zoneIdentity: new Map(), groupIdentity: new Map(), vlanIdentity: new Map(),
      services: new Map([...all<ServiceSpec>('service')].map(([name, { ports }]) => [name, ports])), external: externalZones(target), vlanParent: vlanParentOf(target), vlanDevices: new Map(),
    },
  };
  for (const resource of desired) {
    const { kind, name } = parseAddress(resource.address);
    const tell: Tell = (code, message, hint) => void problems.push({ code: `opnsense.${code}`, severity: 'error', message: `${kind} ${name}: ${message}`, hint, source: resource.source, address: resource.address });
    if (checkName(kind, name, tell)) checkSpec(kind, name, resource.spec, written, tell);
  }
  if (isGuarded(target) && target.settings['ssh'] === undefined) problems.push({ code: 'opnsense.guard', severity: 'error', message: `${target.name} is to be guarded and names no SSH access`, hint: 'settings: ssh with identity and credential; or guard: none' });
  if (target.manages['vlan'] !== undefined && vlanParentOf(target) === '') problems.push({ code: 'opnsense.vlan-parent', severity: 'error', message: `${target.name} manages vlan and does not say on which device`, hint: 'settings: vlanParent: igc1 (Interfaces: Devices: VLAN)' });
  if (['firewall-rule', 'firewall-policy', 'masquerade', 'port-forward'].some((kind) => target.manages[kind] !== undefined) && target.manages['zone'] === undefined) problems.push({ code: 'opnsense.zones', severity: 'error', message: `${target.name} manages rules or NAT and not the zones that they speak of`, hint: 'add zone: merge to its manages' });
  if (target.manages['firewall-rule'] !== target.manages['firewall-policy']) problems.push({ code: 'opnsense.rules-and-policies', severity: 'error', message: `${target.name}: rules and the order of rules belong together`, hint: 'the same mode for firewall-rule and firewall-policy' });
  return problems;
}

/** Names stand in descriptions and in names of aliases and groups. */
function checkName(kind: string, name: string, tell: Tell): boolean {
  const parts = name.split('.');
  const fits = kind === 'vlan' ? plainVlan.test(name)
    : kind === 'firewall-rule' ? parts.length === 3 && parts.slice(0, 2).every((part) => plainName.test(part)) && plainRule.test(parts[2] ?? '')
    : kind === 'firewall-policy' ? parts.length === 2 && parts.every((part) => plainName.test(part))
    : plainName.test(name);
  if (!fits) tell('name', 'OPNsense cannot hold this name', kind === 'vlan' ? 'letters, digits, dot, hyphen and underscore' : 'small letters, digits and hyphens, beginning with a letter');
  return fits;
}

function checkSpec(kind: string, name: string, spec: unknown, written: Written, tell: Tell): void {
  if (kind === 'zone') checkZone(name, spec as ZoneSpec, written, tell);
  if (kind === 'address-group') checkNetworks((spec as AddressGroupSpec).members, tell);
  if (kind === 'service') checkPorts((spec as ServiceSpec).ports, tell);
  if (kind === 'firewall-policy') checkPolicy(name, spec as FirewallPolicySpec, written, tell);
  if (kind === 'firewall-rule') checkRule(name, spec as FirewallRuleSpec, written, tell);
  if (kind === 'masquerade') checkMasquerade(spec as MasqueradeSpec, tell);
  if (kind === 'port-forward') checkForward(name, spec as PortForwardSpec, written, tell);
  if (kind === 'vlan') checkVlan(spec as VlanSpec, tell);
}

function checkZone(name: string, { interfaces }: ZoneSpec, { context }: Written, tell: Tell): void {
  for (const each of interfaces) if (!interfaceName.test(each)) tell('interface', `${quote(each)} is no interface of OPNsense`, 'the identifier under Interfaces: Assignments (wan, lan, opt1), not the device');
  const other = [...context.zones].find(([zone, members]) => zone < name && members.some((member) => interfaces.includes(member)));
  if (other !== undefined) tell('interface', `an interface of it is in zone ${other[0]} as well`, 'an interface belongs to one zone');
}

function checkVlan({ description, subnet, gateway, dhcp }: VlanSpec, tell: Tell): void {
  checkNetwork({ subnet, gateway, dhcp }, tell);
  if (description !== undefined && /[\p{Cc}\u2028\u2029]/u.test(description)) tell('description', 'the description holds a line break or a control character', 'one line of plain text');
}

/** The firewall is the router of the network, or the network is none of its. */
function checkNetwork({ subnet, gateway, dhcp }: { readonly [key in 'subnet' | 'gateway' | 'dhcp']: VlanSpec[key] | undefined }, tell: Tell): void {
  if (subnet === undefined && gateway === undefined && dhcp === undefined) return;
  const net = parseCidr(subnet ?? '');
  if (net?.family !== 4 || gateway === undefined) {
    tell('network', 'its network is not an IPv4 subnet with a gateway, which is the address that the firewall has there', 'subnet and gateway together; IPv6 networks are not held');
    return;
  }
  const inside = [gateway, ...(dhcp === undefined ? [] : [dhcp.from, dhcp.to])].map((address) => ({ address, cidr: parseCidr(address) }));
  const outside = inside.find(({ cidr }) => cidr === undefined || !contains(net, cidr));
  if (outside !== undefined) tell('network', `${outside.address} is not in ${subnet ?? ''}`, 'addresses of that subnet');
  const [first, last] = [dhcp?.from, dhcp?.to].map((address) => parseCidr(address ?? '')?.bytes);
  if (first !== undefined && last !== undefined && Buffer.compare(Buffer.from(first), Buffer.from(last)) > 0) tell('network', 'the range of its DHCP ends before it begins', 'the smaller address first');
  if (dhcp?.dns?.some((address) => parseCidr(address)?.family !== 4) === true) tell('network', 'a name server of its DHCP is not an IPv4 address', 'IPv4 addresses');
}

/**
 * A rule of OPNsense knows where traffic comes in, and of where it goes only the address. The addresses of the firewall are in the networks of its
 * zones, and outside is every address. So what a zone may reach is right only if it is said for all that is narrower.
 */
function checkPolicy(name: string, { from, to }: FirewallPolicySpec, { context, policies }: Written, tell: Tell): void {
  if (from === 'self') {
    tell('from-self', 'traffic of the firewall itself cannot be told from what it forwards with its own address', 'leave this policy out: OPNsense lets its own traffic out');
    return;
  }
  if (to === 'self') return;
  if (!policies.has(`${from}.self`)) tell('missing-policy', `there is no policy ${from} → self, and the firewall's own addresses are in the networks of its zones: rules of this policy would open the firewall itself`, `write a policy from ${from} to self`);
  if (!context.external.has(to)) return;
  const open = [...context.zones.keys()].filter((zone) => zone !== from && !context.external.has(zone) && !policies.has(`${from}.${zone}`));
  if (open.length > 0) tell('missing-policy', `outside is every address, so rules ${from} → ${to} would also let through what has no policy: ${from} → ${open.join(', ')}`, `write a policy from ${from} to each of them (default: drop)`);
  const twin = [...policies.values()].find((policy) => policy.from === from && policy.to < to && context.external.has(policy.to));
  if (twin !== undefined) tell('two-outsides', `${from} → ${twin.to} leads outside as well, and a rule cannot tell the two apart`, 'one zone with both interfaces');
  if (name !== `${from}.${to}`) tell('name', `its name is not ${from}.${to}`, 'FROM.TO');
}

function checkRule(name: string, rule: FirewallRuleSpec, { context, policies }: Written, tell: Tell): void {
  const pair = pairIn(name);
  if (pair !== `${rule.from}.${rule.to}`) tell('name', `its name does not begin with ${rule.from}.${rule.to}`, 'FROM.TO.NAME');
  if (policies.get(pair)?.order.includes(name.slice(pair.length + 1)) !== true) tell('order', 'it has no place in the order of its policy', 'name it in the policy');
  checkEndpoints(rule.sources, tell);
  checkEndpoints(rule.destinations, tell);
  checkComment(rule.comment, tell);
  if ((rule.services ?? []).every((service) => context.services.has(service))) checkParts(rule, partsOf(rule, context), tell);
}

/** A rule becomes several on the device, by family and protocol. What is in none of them would never match, and would be missing when it is read. */
function checkParts(rule: FirewallRuleSpec, parts: readonly Part[], tell: Tell): void {
  const used = new Set(parts.flatMap(({ service, sources, destinations }) => [`service ${service}`, ...sources.map((each) => `source ${each}`), ...destinations.map((each) => `destination ${each}`)]));
  const dead = [
    ...(rule.services ?? []).filter((each) => !used.has(`service ${each}`)), ...(rule.sources ?? []).filter((each) => !used.has(`source ${each}`)), ...(rule.destinations ?? []).filter((each) => !used.has(`destination ${each}`)),
  ];
  if (dead.length > 0 || parts.length === 0) tell('never-matches', `${dead.map(quote).join(', ')} can never match here: its other sides are of another address family`, 'IPv4 with IPv4, IPv6 with IPv6; icmp is IPv4, icmpv6 is IPv6');
}

function checkMasquerade({ from, to, sources }: MasqueradeSpec, tell: Tell): void {
  for (const zone of [from, to]) if (zone === 'self') tell('from-self', 'the firewall itself is not hidden', 'name two zones');
  checkEndpoints(sources, tell);
  checkFamily(sources, [4], tell);
}

function checkForward(name: string, spec: PortForwardSpec, { forwards }: Written, tell: Tell): void {
  if (spec.from === 'self') tell('from-self', 'the firewall does not forward to itself', 'name the zone that traffic comes from');
  checkEndpoints(spec.sources, tell);
  checkComment(spec.comment, tell);
  const cidr = parseCidr(spec.destination);
  if (cidr === undefined || cidr.prefix !== cidr.bytes.length * 8) tell('address', `${quote(spec.destination)} is not an address`, 'one host, as a number; names are not looked up');
  else checkFamily(spec.sources, [cidr.family], tell);
  const twin = [...forwards].find(([other, each]) => other < name && each.from === spec.from && each.protocol === spec.protocol && each.port === spec.port);
  if (twin !== undefined) tell('duplicate-forward', `${twin[0]} takes the same port already`, 'one port leads to one host');
}

function checkFamily(endpoints: readonly string[] | undefined, families: readonly (4 | 6)[], tell: Tell): void {
  const dead = (endpoints ?? []).filter((text) => {
    const family = parseCidr(text)?.family;
    return family !== undefined && !families.includes(family);
  });
  if (dead.length > 0) tell('never-matches', `${dead.map(quote).join(', ')} can never match here: the other side is ${families.includes(4) ? 'IPv4' : 'IPv6'} only`, 'IPv4 with IPv4, IPv6 with IPv6');
}

function checkComment(comment: string | undefined, tell: Tell): void {
  if (comment !== undefined && !plainComment.test(comment)) tell('comment', 'OPNsense cannot hold this comment', 'letters, digits, spaces and . , : ; ( ) / # + _ -, at most 48');
}

function checkEndpoints(endpoints: readonly string[] | undefined, tell: Tell): void {
  const groups = (endpoints ?? []).filter((text) => text.startsWith('group:'));
  for (const text of groups) if (!plainName.test(text.slice('group:'.length))) tell('name', `${quote(text)} names no group`, 'group:NAME, small letters, digits and hyphens');
  checkNetworks((endpoints ?? []).filter((text) => !groups.includes(text)), tell);
}

function checkNetworks(texts: readonly string[], tell: Tell): void {
  for (const text of texts) {
    const cidr = parseCidr(text);
    if (cidr === undefined) tell('address', `${quote(text)} is not an address or network`, 'write numbers; names are not looked up');
    else if (cidr.prefix === 0) tell('any-network', `${text} is everything`, 'leave the field out: that means any');
  }
}

function checkPorts(ports: readonly string[], tell: Tell): void {
  for (const port of ports) {
    if (!plainPort.test(port)) {
      tell('port', `${quote(port)} is no port or protocol`, 'tcp/PORT, udp/PORT, tcp/FROM-TO, icmp, icmpv6, esp or gre');
      continue;
    }
    const [from = '0', to = from] = (port.split('/')[1] ?? '').split('-');
    if (port.includes('/') && (Number(to) > 65_535 || Number(from) > Number(to) || (port.includes('-') && from === to))) tell('port', `${port} is not a range of ports`, 'ports are 1 to 65535, the smaller one first');
  }
}
