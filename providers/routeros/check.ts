/** Offline: what RouterOS cannot hold, or would hold as something else than what is written. */
import { parseAddress, type Desired, type Problem, type Target } from '#contract';
import { hasHostBits, parseCidr } from '#core/ip';
import type { AddressGroupSpec, FirewallPolicySpec, FirewallRuleSpec, MasqueradeSpec, PortForwardSpec, ServiceSpec, SwitchPortSpec, VlanSpec, ZoneSpec } from '#generated/types';
import { missing, mostPorts, mostRowsOfARule } from './limits.ts';
import { partsOf, trafficOf, type Context } from './render.ts';

const plainName = /^[a-z][a-z0-9-]{0,23}$/;
const plainRule = /^[a-z][a-z0-9-]{0,31}$/;
/** An interface's name; it stands in markers, so there is no space in it. */
const plainVlan = /^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/;
const plainInterface = /^[A-Za-z0-9][A-Za-z0-9._+/-]{0,62}$/;
const plainComment = /^[A-Za-z0-9ÄÖÜäöüß .,:;()/#+_-]{1,48}$/;
const plainPort = /^(?:(?:tcp|udp)\/[1-9]\d{0,4}(?:-[1-9]\d{0,4})?|icmp|icmpv6|esp|gre)$/;

type Tell = (code: string, message: string, hint: string) => void;

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

interface Written {
  readonly context: Context;
  readonly zones: ReadonlyMap<string, ZoneSpec>;
  readonly policies: ReadonlyMap<string, FirewallPolicySpec>;
  readonly forwards: ReadonlyMap<string, PortForwardSpec>;
}

export function checkDesired(desired: readonly Desired[], target: Target): readonly Problem[] {
  const problems: Problem[] = [];
  const all = <S>(wanted: string): ReadonlyMap<string, S> => new Map(desired.map(({ address, spec }) => ({ ...parseAddress(address), spec: spec as unknown as S })).filter(({ kind }) => kind === wanted).map(({ name, spec }) => [name, spec]));
  const written: Written = {
    zones: all('zone'), policies: all('firewall-policy'), forwards: all('port-forward'),
    context: { groups: new Map([...all<AddressGroupSpec>('address-group')].map(([name, { members }]) => [name, members])), services: new Map([...all<ServiceSpec>('service')].map(([name, { ports }]) => [name, ports])) },
  };
  for (const resource of desired) {
    const { kind, name } = parseAddress(resource.address);
    const tell: Tell = (code, message, hint) => void problems.push({ code: `routeros.${code}`, severity: 'error', message: `${kind} ${name}: ${message}`, hint, source: resource.source, address: resource.address });
    if (checkName(kind, name, tell)) checkSpec(kind, name, resource.spec, written, tell);
  }
  const { manages } = target;
  if (['firewall-rule', 'firewall-policy', 'masquerade', 'port-forward'].some((kind) => manages[kind] !== undefined) && manages['zone'] === undefined) problems.push({ code: 'routeros.zones', severity: 'error', message: `${target.name} manages rules or NAT and not the zones that they speak of`, hint: 'add zone: merge to its manages' });
  if (manages['firewall-rule'] !== manages['firewall-policy']) problems.push({ code: 'routeros.rules-and-policies', severity: 'error', message: `${target.name}: rules and the order of rules belong together`, hint: 'the same mode for firewall-rule and firewall-policy' });
  return problems;
}

/** Names stand in comments, and in names of lists, chains and interfaces. */
function checkName(kind: string, name: string, tell: Tell): boolean {
  const parts = name.split('.');
  const fits = kind === 'vlan' ? plainVlan.test(name)
    : kind === 'switch-port' ? plainInterface.test(name)
    : kind === 'firewall-rule' ? parts.length === 3 && parts.slice(0, 2).every((part) => plainName.test(part)) && plainRule.test(parts[2] ?? '')
    : kind === 'firewall-policy' ? parts.length === 2 && parts.every((part) => plainName.test(part))
    : plainName.test(name);
  if (!fits) tell('name', 'RouterOS cannot hold this name as it is written', kind === 'vlan' || kind === 'switch-port' ? 'letters, digits, dot, hyphen and underscore' : 'small letters, digits and hyphens, beginning with a letter');
  return fits;
}

function checkSpec(kind: string, name: string, spec: unknown, written: Written, tell: Tell): void {
  switch (kind) {
    case 'zone': checkZone(name, spec as ZoneSpec, written, tell); break;
    case 'address-group': checkGroup(spec as AddressGroupSpec, tell); break;
    case 'service': checkService(name, (spec as ServiceSpec).ports, tell); break;
    case 'firewall-policy': checkPolicy(name, spec as FirewallPolicySpec, tell); break;
    case 'firewall-rule': checkRule(name, spec as FirewallRuleSpec, written, tell); break;
    case 'masquerade': checkMasquerade(spec as MasqueradeSpec, tell); break;
    case 'port-forward': checkForward(name, spec as PortForwardSpec, written, tell); break;
    case 'vlan': checkVlan(spec as VlanSpec, tell); break;
    case 'switch-port': checkPort(spec as SwitchPortSpec, tell); break;
    default: break;
  }
}

function checkZone(name: string, { interfaces }: ZoneSpec, { zones }: Written, tell: Tell): void {
  for (const each of interfaces) if (!plainInterface.test(each)) tell('interface', `${quote(each)} is no name of an interface`, 'as /interface/print shows it');
  const other = [...zones].find(([zone, { interfaces: members }]) => zone < name && members.some((member) => interfaces.includes(member)));
  if (other !== undefined) tell('interface', `an interface of it is in zone ${other[0]} as well`, 'an interface belongs to one zone');
}

function checkGroup({ members }: AddressGroupSpec, tell: Tell): void {
  if (members.length === 0) tell('empty-group', 'RouterOS knows a list by its entries only: an empty one is not there', 'leave the group out, or name an address that nobody has (192.0.2.1)');
  checkNetworks(members, tell);
}

function checkService(name: string, ports: readonly string[], tell: Tell): void {
  for (const port of ports) {
    const [from = '0', to = from] = (port.split('/')[1] ?? '').split('-');
    if (!plainPort.test(port)) tell('port', `${quote(port)} is no port or protocol`, 'tcp/PORT, udp/PORT, tcp/FROM-TO, icmp, icmpv6, esp or gre');
    else if (port.includes('/') && (Number(to) > 65_535 || Number(from) > Number(to) || (port.includes('-') && from === to))) tell('port', `${port} is not a range of ports`, 'ports are 1 to 65535, the smaller one first');
  }
  for (const { key, values } of trafficOf(name, ports)) {
    const count = (values['dst-port'] ?? '').split(',').reduce((sum, part) => sum + (part.includes('-') ? 2 : 1), 0);
    if (count > mostPorts) tell('too-many-ports', `${key}: a rule takes ${String(mostPorts)} ports, a range counts twice`, 'two services');
  }
}

function checkPolicy(name: string, { from, to }: FirewallPolicySpec, tell: Tell): void {
  if (from === 'self' && to === 'self') tell('from-self', 'the router does not filter what it says to itself', 'leave this policy out');
  if (name !== `${from}.${to}`) tell('name', `its name is not ${from}.${to}`, 'FROM.TO');
}

function checkRule(name: string, rule: FirewallRuleSpec, { context, policies }: Written, tell: Tell): void {
  const pair = name.split('.').slice(0, 2).join('.');
  if (pair !== `${rule.from}.${rule.to}`) tell('name', `its name does not begin with ${rule.from}.${rule.to}`, 'FROM.TO.NAME');
  if (policies.get(pair)?.order.includes(name.slice(pair.length + 1)) !== true) tell('order', 'it has no place in the order of its policy', 'name it in the policy');
  checkEndpoints(rule.sources, tell);
  checkEndpoints(rule.destinations, tell);
  checkComment(rule.comment, tell);
  const endpoints = [...(rule.sources ?? []), ...(rule.destinations ?? [])].filter((each) => each.startsWith('group:'));
  if (!(rule.services ?? []).every((service) => context.services.has(service)) || !endpoints.every((each) => context.groups.has(each.slice('group:'.length)))) return;
  const parts = partsOf(rule, context);
  const used = new Set(parts.flatMap(({ service, source, destination }) => [`service ${service}`, `source ${source ?? ''}`, `destination ${destination ?? ''}`]));
  const dead = [
    ...(rule.services ?? []).filter((each) => !used.has(`service ${each}`)), ...(rule.sources ?? []).filter((each) => !used.has(`source ${each}`)), ...(rule.destinations ?? []).filter((each) => !used.has(`destination ${each}`)),
  ];
  if (dead.length > 0 || parts.length === 0) tell('never-matches', `${dead.map(quote).join(', ')} can never match here: its other sides are of another address family`, 'IPv4 with IPv4, IPv6 with IPv6; icmp is IPv4, icmpv6 is IPv6');
  if (parts.length > mostRowsOfARule) tell('too-wide', `it would be ${String(parts.length)} rules on the router, one for each source, destination and protocol`, 'name the addresses in a group');
}

function checkMasquerade({ from, to, sources }: MasqueradeSpec, tell: Tell): void {
  for (const zone of [from, to]) if (zone === 'self') tell('from-self', 'the router itself is not hidden', 'name two zones');
  if (sources === undefined) tell('sources', missing.masquerade, 'sources: the networks of the zone');
  checkEndpoints(sources, tell);
  checkFamily(sources, tell);
}

function checkForward(name: string, spec: PortForwardSpec, { forwards }: Written, tell: Tell): void {
  if (spec.from === 'self') tell('from-self', 'the router does not forward to itself', 'name the zone that traffic comes from');
  checkEndpoints(spec.sources, tell);
  checkComment(spec.comment, tell);
  const cidr = parseCidr(spec.destination);
  if (cidr === undefined || cidr.prefix !== cidr.bytes.length * 8) tell('address', `${quote(spec.destination)} is not an address`, 'one host, as a number; names are not looked up');
  else if (cidr.family === 6) tell('ipv6-forward', 'forwards to IPv6 hosts are not built', 'IPv6 needs no rewriting: a rule that accepts');
  else checkFamily(spec.sources, tell);
  const twin = [...forwards].find(([other, each]) => other < name && each.from === spec.from && each.protocol === spec.protocol && each.port === spec.port);
  if (twin !== undefined) tell('duplicate-forward', `${twin[0]} takes the same port already`, 'one port leads to one host');
}

function checkVlan(spec: VlanSpec, tell: Tell): void {
  checkLine('description', spec.description, tell);
  if ((spec.subnet === undefined) !== (spec.gateway === undefined)) tell('gateway', 'subnet and gateway belong together here', 'write both, or neither where another router has them');
  if (spec.dhcp !== undefined && spec.gateway === undefined) tell('dhcp', 'addresses are given out by the router of the network', 'write subnet and gateway');
  const subnet = spec.subnet === undefined ? undefined : parseCidr(spec.subnet);
  if (spec.subnet !== undefined && (subnet === undefined || hasHostBits(subnet))) tell('address', `${quote(spec.subnet)} is no network`, 'numbers, no host bits');
  if (subnet?.family === 6) tell('ipv6-vlan', 'IPv6 networks of VLANs are not built', 'an IPv4 network');
  for (const text of [spec.gateway, spec.dhcp?.from, spec.dhcp?.to, ...(spec.dhcp?.dns ?? [])]) if (text !== undefined && parseCidr(text)?.prefix !== 32) tell('address', `${quote(text)} is no IPv4 address`, 'numbers; names are not looked up');
  if (spec.dhcp?.domain !== undefined && !/^[a-z0-9.-]{1,253}$/.test(spec.dhcp.domain)) tell('domain', 'the search domain holds other characters than a domain does', 'letters, digits, dots and hyphens');
}

function checkPort(spec: SwitchPortSpec, tell: Tell): void {
  checkLine('description', spec.description, tell);
  if (spec.mode === 'access' && spec.vlan === undefined) tell('vlan', 'an access port needs its VLAN', 'vlan: ID');
  if (spec.mode === 'trunk' && spec.native !== undefined && spec.tagged?.includes(spec.native) === true) tell('native', `VLAN ${String(spec.native)} cannot go untagged and tagged`, 'take it out of tagged');
}

function checkLine(field: string, text: string | undefined, tell: Tell): void {
  if (text !== undefined && /[\p{Cc}\u2028\u2029]/u.test(text)) tell(field, `the ${field} holds a line break or a control character`, 'one line of plain text');
}

function checkFamily(endpoints: readonly string[] | undefined, tell: Tell): void {
  const dead = (endpoints ?? []).filter((text) => parseCidr(text)?.family === 6);
  if (dead.length > 0) tell('never-matches', `${dead.map(quote).join(', ')} can never match here: the other side is IPv4 only`, 'IPv4 with IPv4');
}

function checkComment(comment: string | undefined, tell: Tell): void {
  if (comment !== undefined && !plainComment.test(comment)) tell('comment', 'this comment is not held', 'letters, digits, spaces and . , : ; ( ) / # + _ -, at most 48');
}

function checkEndpoints(endpoints: readonly string[] | undefined, tell: Tell): void {
  const groups = (endpoints ?? []).filter((text) => text.startsWith('group:'));
  for (const text of groups) if (!plainName.test(text.slice('group:'.length))) tell('name', `${quote(text)} names no group`, 'group:NAME, small letters, digits and hyphens');
  checkNetworks((endpoints ?? []).filter((text) => !groups.includes(text)), tell);
}

function checkNetworks(networks: readonly string[], tell: Tell): void {
  for (const text of networks) {
    const cidr = parseCidr(text);
    if (cidr === undefined || hasHostBits(cidr)) tell('address', `${quote(text)} is not an address or network`, 'write numbers, without host bits; names are not looked up');
    else if (cidr.prefix === 0) tell('any-network', `${text} is everything`, 'leave the field out: that means any');
  }
}
