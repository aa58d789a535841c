/** Offline: what firewall4 cannot hold, or would hold as something else than what is written. */
import { parseAddress, type Desired } from '#contract';
import { canonicalCidr, parseCidr } from '#core/ip';
import type { AddressGroupSpec, FirewallPolicySpec, FirewallRuleSpec, PortForwardSpec, ServiceSpec, ZoneSpec } from '#generated/types';
import { isFirewallKind, ruleParts, type FirewallKind } from './firewall.ts';
import { maxDeviceName } from './limits.ts';

export type Tell = (code: string, message: string, hint: string) => void;

const plainZone = /^[a-z][a-z0-9-]{0,23}$/;
const plainPart = /^[a-z][a-z0-9-]{0,31}$/;
const plainPort = /^(?:(?:tcp|udp)\/([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?|icmp|icmpv6|esp|gre)$/;
/** What stands in a comment of nft; firewall4 makes a single quotation mark of a double one. */
const plainComment = /^[A-Za-z0-9ÄÖÜäöüß .,:;()/#+_-]{1,48}$/;

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

/** Everything that is written for this firewall. */
export interface Walls {
  readonly of: <S>(kind: FirewallKind) => ReadonlyMap<string, S>;
}

export function wallsOf(desired: readonly Desired[]): Walls {
  const all = desired.map(({ address, spec }) => ({ ...parseAddress(address), spec }));
  return { of: <S>(wanted: FirewallKind) => new Map(all.filter(({ kind }) => kind === wanted).map(({ name, spec }) => [name, spec as unknown as S])) };
}

export function checkWall({ address, spec }: Desired, walls: Walls, tell: Tell): void {
  const { kind, name } = parseAddress(address);
  if (!isFirewallKind(kind) || !checkName(kind, name, tell)) return;
  if (kind === 'zone') checkZone(spec as unknown as ZoneSpec, tell);
  if (kind === 'address-group') checkNetworks((spec as unknown as AddressGroupSpec).members, tell);
  if (kind === 'service') checkPorts((spec as unknown as ServiceSpec).ports, tell);
  if (kind === 'firewall-policy') checkPolicy(name, spec as unknown as FirewallPolicySpec, walls, tell);
  if (kind === 'firewall-rule') checkRule(name, spec as unknown as FirewallRuleSpec, walls, tell);
  if (kind === 'port-forward') checkForward(name, spec as unknown as PortForwardSpec, walls, tell);
}

/** Names stand in names of sections and of chains. */
function checkName(kind: FirewallKind, name: string, tell: Tell): boolean {
  const parts = name.split('.');
  const fits = kind === 'firewall-rule' ? parts.length === 3 && parts.slice(0, 2).every((part) => plainZone.test(part)) && plainPart.test(parts[2] ?? '')
    : kind === 'firewall-policy' ? parts.length === 2 && parts.every((part) => plainZone.test(part)) : plainZone.test(name);
  if (!fits) tell('name', `${kind} ${quote(name)} cannot be the name of a section`, 'small letters, digits and hyphens, beginning with a letter');
  return fits;
}

function checkZone({ interfaces }: ZoneSpec, tell: Tell): void {
  for (const each of interfaces) if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(each) || each.length > maxDeviceName) tell('interface', `${quote(each)} is no device as Linux calls it`, 'br-lan.20, as ip link shows it');
}

function checkNetworks(members: readonly string[], tell: Tell): void {
  for (const each of members) {
    const cidr = parseCidr(each);
    if (cidr === undefined) tell('address', `${quote(each)} is neither an address nor a network`, 'numbers only: names would be looked up by the device');
    else if (cidr.prefix === 0) tell('everything', `${quote(each)} is every address`, 'leave sources or destinations out');
    else if (canonicalCidr(each) !== each) tell('address', `${quote(each)} is spelled otherwise by the device`, canonicalCidr(each));
  }
}

function checkPorts(ports: readonly string[], tell: Tell): void {
  for (const each of ports) {
    const match = plainPort.exec(each);
    const [from, to] = [Number(match?.[1] ?? 1), Number(match?.[2] ?? match?.[1] ?? 1)];
    if (match === null || from > 65_535 || to > 65_535 || from > to) tell('port', `${quote(each)} is no port`, 'tcp/443, udp/5000-5010, icmp, icmpv6, esp or gre');
  }
}

function checkPolicy(name: string, { from, to, order }: FirewallPolicySpec, walls: Walls, tell: Tell): void {
  if (name !== `${from}.${to}`) tell('name', `the name of policy ${quote(name)} is not ${from}.${to}`, 'FROM.TO');
  if (from === 'self' && to === 'self') tell('self', 'the device does not ask itself', 'remove it');
  const rules = walls.of('firewall-rule');
  for (const rule of order) if (!rules.has(`${name}.${rule}`)) tell('order', `${quote(rule)} of policy ${name} is not there`, 'write the rule, or take it out of the order');
  if (new Set(order).size < order.length) tell('order', `policy ${name} names a rule twice`, 'once');
}

function checkRule(name: string, rule: FirewallRuleSpec, walls: Walls, tell: Tell): void {
  const [from, to, last = ''] = name.split('.');
  if (from !== rule.from || to !== rule.to) tell('name', `the name of rule ${quote(name)} does not begin with ${rule.from}.${rule.to}`, 'FROM.TO.NAME');
  if (walls.of<FirewallPolicySpec>('firewall-policy').get(`${rule.from}.${rule.to}`)?.order.includes(last) !== true) tell('order', `rule ${name} has no place in the order of its policy`, 'name it in the policy');
  checkEndpoints(rule.sources, tell);
  checkEndpoints(rule.destinations, tell);
  checkComment(name, rule.comment, tell);
  const groups = walls.of<AddressGroupSpec>('address-group');
  const full = [...(rule.sources ?? []), ...(rule.destinations ?? [])].every((each) => !each.startsWith('group:') || (groups.get(each.slice('group:'.length))?.members.length ?? 0) > 0);
  if (full && ruleParts(name, rule, walls.of).length === 0) tell('never-matches', `rule ${name} can never match: its sides are of different address families`, 'IPv4 with IPv4, IPv6 with IPv6; icmp is IPv4, icmpv6 is IPv6');
}

function checkForward(name: string, spec: PortForwardSpec, walls: Walls, tell: Tell): void {
  if (spec.from === 'self') tell('self', `${name}: the device does not forward to itself`, 'name the zone that traffic comes from');
  checkEndpoints(spec.sources, tell);
  checkComment(name, spec.comment, tell);
  const cidr = parseCidr(spec.destination);
  if (cidr === undefined || cidr.prefix !== cidr.bytes.length * 8) tell('address', `${quote(spec.destination)} is not an address`, 'one host, as a number');
  else if (spec.sources?.some((each) => { const family = parseCidr(each)?.family; return family !== undefined && family !== cidr.family; }) === true) tell('never-matches', `${name}: a source is of another address family than ${spec.destination}`, 'IPv4 with IPv4, IPv6 with IPv6');
  const twin = [...walls.of<PortForwardSpec>('port-forward')].find(([other, each]) => other < name && each.from === spec.from && each.protocol === spec.protocol && each.port === spec.port);
  if (twin !== undefined) tell('duplicate-forward', `${name}: ${twin[0]} takes the same port already`, 'one port leads to one host');
}

function checkEndpoints(endpoints: readonly string[] | undefined, tell: Tell): void {
  checkNetworks((endpoints ?? []).filter((each) => !each.startsWith('group:')), tell);
  for (const each of endpoints ?? []) if (each.startsWith('group:') && !plainZone.test(each.slice('group:'.length))) tell('group', `${quote(each)} is no group`, 'group:NAME');
}

function checkComment(name: string, comment: string | undefined, tell: Tell): void {
  if (comment !== undefined && !plainComment.test(comment)) tell('comment', `${name}: this comment would not be held as it is`, 'letters, digits, spaces and . , : ; ( ) / # + _ -, at most 48');
}
