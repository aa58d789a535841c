/** Offline: what nft cannot hold, or would hold as something else than what is written. */
import { parseAddress, type Desired, type Problem, type Target } from '#contract';
import { overlaps, parseCidr } from '#core/ip';
import type { AddressGroupSpec, FirewallRuleSpec, MasqueradeSpec, PortForwardSpec, ServiceSpec, VpnTunnelSpec, VpnUserSpec, ZoneSpec } from '#generated/types';
import { maxCommentBytes, maxInterfaceName, ownKinds } from './limits.ts';
import { named, toModel, type Model } from './model.ts';
import { commentOf, renderRule } from './render-table.ts';

/** Addresses of names in reports only; what nft reads is typed data. These patterns are those of the kinds' schemas, asked again because records hold older specs. */
const plainName = /^[a-z][a-z0-9-]{0,31}$/;
const plainComment = /^[A-Za-z0-9ÄÖÜäöüß .,:;()/#+_-]{1,48}$/;
const plainInterface = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,14}$/;
const plainPort = /^(?:(?:tcp|udp)\/[1-9]\d{0,4}(?:-[1-9]\d{0,4})?|icmp|icmpv6|esp|gre)$/;

export function checkTable(desired: readonly Desired[], target: Target): readonly Problem[] {
  const problems: Problem[] = [];
  const missing = ownKinds.filter((kind) => target.manages[kind] === undefined);
  if (missing.length > 0) problems.push({ code: 'nftables.all-kinds', severity: 'error', message: `the table is written as a whole: ${target.name} must also manage ${missing.join(', ')}`, hint: 'list all seven kinds under manages' });
  const modes = new Set(ownKinds.flatMap((kind) => target.manages[kind] ?? []));
  if (modes.has('observe') && [target.manages['vpn-tunnel'], target.manages['vpn-user']].includes('merge')) problems.push({ code: 'nftables.vpn-mode', severity: 'error', message: 'tunnels are loaded together with the table, and that is only observed', hint: 'exclusive for the table, or observe for vpn-tunnel and vpn-user' });
  if ((target.manages['vpn-tunnel'] === undefined) !== (target.manages['vpn-user'] === undefined)) problems.push({ code: 'nftables.all-kinds', severity: 'error', message: 'tunnels and the devices that come in by them are written together: manage vpn-tunnel and vpn-user, or neither', hint: 'list both under manages' });
  if (modes.size > 1) problems.push({ code: 'nftables.one-mode', severity: 'error', message: 'the table is written as a whole: all of its kinds need the same mode', hint: 'exclusive for all, or observe for all' });
  const model = toModel(named(desired));
  for (const resource of desired) {
    const { kind, name } = parseAddress(resource.address);
    const tell = (code: string, message: string, hint: string): void => void problems.push({ code: `nftables.${code}`, severity: 'error', message: `${kind} ${name}: ${message}`, hint, source: resource.source, address: resource.address });
    if (!name.split('.').every((part) => plainName.test(part))) tell('name', 'nft cannot hold this name', 'small letters, digits and hyphens, beginning with a letter');
    checkSpec(kind, name, resource, model, tell);
  }
  checkLockOut(desired, model, problems);
  return problems;
}

type Tell = (code: string, message: string, hint: string) => void;

function checkSpec(kind: string, name: string, { spec }: Desired, model: Model, tell: Tell): void {
  // Specs have been through their kind's schema.
  const shape = spec as unknown;
  for (const zone of zonesOf(kind, shape as Readonly<Record<string, unknown>>)) if (!plainName.test(zone)) tell('name', `${quote(zone)} is no name of a zone`, 'small letters, digits and hyphens, beginning with a letter');
  if (kind === 'zone') {
    for (const name of (shape as ZoneSpec).interfaces) if (!plainInterface.test(name)) tell('interface', `${quote(name)} is no name of an interface`, 'as `ip link` shows it, at most 15 characters');
  }
  if (kind === 'address-group') checkNetworks((shape as AddressGroupSpec).members, tell);
  if (kind === 'service') checkPorts((shape as ServiceSpec).ports, tell);
  if (kind === 'firewall-rule') {
    const rule = shape as FirewallRuleSpec;
    const policy = model.policies.get(name.split('.').slice(0, 2).join('.'));
    if (policy?.order.includes(name.split('.').slice(2).join('.')) !== true) tell('order', 'it has no place in the order of its policy', 'name it in the policy');
    checkAddresses(rule.sources, tell);
    checkAddresses(rule.destinations, tell);
    checkComment(commentOf('rule', name.split('.').slice(2).join('.'), rule.comment), rule.comment, tell);
    const resolved = (rule.services ?? []).every((service) => model.services.has(service));
    if (resolved && renderRule(name, rule, model.services).length === 0) tell('never-matches', 'its sources and destinations are of different address families', 'IPv4 with IPv4, IPv6 with IPv6');
    else {
      checkFamily(rule.sources, familiesOf(rule.destinations), tell);
      checkFamily(rule.destinations, familiesOf(rule.sources), tell);
    }
  }
  if (kind === 'masquerade') {
    const { sources } = shape as MasqueradeSpec;
    checkAddresses(sources, tell);
    checkFamily(sources, [4], tell);
  }
  if (kind === 'vpn-tunnel') checkTunnel(name, shape as VpnTunnelSpec, tell);
  if (kind === 'vpn-user') checkUser(shape as VpnUserSpec, tell);
  if (kind === 'port-forward') checkForward(name, shape as PortForwardSpec, model, tell);
}

/** The kinds' schemas say the same; asked again because records hold older specs, and because these texts become lines of a file. */
const plainKey = /^[A-Za-z0-9+/]{43}=$/;
const plainEndpoint = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/;

function checkTunnel(name: string, { addresses, publicKey, peerKey, endpoint, networks = [] }: VpnTunnelSpec, tell: Tell): void {
  if (name.length > maxInterfaceName || name === 'all' || name === 'interfaces') tell('name', `${quote(name)} is no name of an interface`, `at most ${String(maxInterfaceName)} characters, and not all or interfaces, which wg takes for commands`);
  for (const key of [publicKey, peerKey ?? publicKey]) if (!plainKey.test(key)) tell('key', `${quote(key)} is no key of WireGuard`, 'as wg pubkey prints it');
  if (endpoint !== undefined && !plainEndpoint.test(endpoint)) tell('endpoint', `${quote(endpoint)} is no endpoint`, 'host:port');
  for (const address of addresses) if (parseCidr(address)?.prefix !== (address.includes(':') ? 128 : 32)) tell('address', `${quote(address)} is not an address`, 'one host, as a number');
  checkWays(networks, tell);
}

function checkUser({ publicKey, addresses }: VpnUserSpec, tell: Tell): void {
  if (!plainKey.test(publicKey)) tell('key', `${quote(publicKey)} is no key of WireGuard`, 'as wg pubkey prints it');
  checkWays(addresses, tell);
}

function checkWays(networks: readonly string[], tell: Tell): void {
  if (networks.some((text) => parseCidr(text)?.prefix === 0)) tell('default-route', 'everything would go through the tunnel, soll\'s own way to the device included', 'name the networks');
  checkNetworks(networks.filter((text) => parseCidr(text)?.prefix !== 0), tell);
}

/** For messages: short, and nothing in it controls a terminal. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

/** What a spec names as zones; they stand in names of chains and sets. */
function zonesOf(kind: string, { from, to }: Readonly<Record<string, unknown>>): readonly string[] {
  return ['firewall-policy', 'firewall-rule', 'masquerade', 'port-forward'].includes(kind) ? [from, to].filter((zone) => typeof zone === 'string') : [];
}

function checkForward(name: string, spec: PortForwardSpec, { forwards }: Model, tell: Tell): void {
  checkAddresses(spec.sources, tell);
  if (parseCidr(spec.destination)?.prefix !== (spec.destination.includes(':') ? 128 : 32)) tell('address', `${quote(spec.destination)} is not an address`, 'one host, as a number; names are not looked up');
  checkComment(commentOf('forward', name, spec.comment), spec.comment, tell);
  checkFamily(spec.sources, familiesOf([spec.destination]), tell);
  for (const [other, twin] of forwards) {
    if (other < name && twin.from === spec.from && twin.protocol === spec.protocol && twin.port === spec.port && (twin.sources === undefined || spec.sources === undefined)) {
      tell('duplicate-forward', `${other} takes the same port already`, 'one port leads to one host, unless the sources differ');
    }
  }
}

/** Families that endpoints can be of; a group can be of both, and no endpoints mean any. */
function familiesOf(endpoints: readonly string[] | undefined): readonly (4 | 6)[] {
  if (endpoints === undefined || endpoints.some((text) => text.startsWith('group:'))) return [4, 6];
  return ([4, 6] as const).filter((family) => endpoints.some((text) => parseCidr(text)?.family === family));
}

/** nft has no place for an address that can never match, so it would be missing when the table is read. */
function checkFamily(endpoints: readonly string[] | undefined, families: readonly (4 | 6)[], tell: Tell): void {
  const dead = (endpoints ?? []).filter((text) => {
    const family = parseCidr(text)?.family;
    return family !== undefined && !families.includes(family);
  });
  if (dead.length > 0) tell('never-matches', `${dead.map(quote).join(', ')} can never match here: the other side is ${families.includes(4) ? 'IPv4' : 'IPv6'} only`, 'IPv4 with IPv4, IPv6 with IPv6');
}

function checkComment(full: string, comment: string | undefined, tell: Tell): void {
  if (comment !== undefined && !plainComment.test(comment)) tell('comment', 'nft cannot hold this comment', 'letters, digits, spaces and . , : ; ( ) / # + _ -, at most 48');
  if (Buffer.byteLength(full) > maxCommentBytes) tell('comment', `the comment needs ${String(Buffer.byteLength(full))} bytes with the name; ${String(maxCommentBytes)} is the limit`, 'shorten it; an umlaut takes two bytes');
}

function checkAddresses(endpoints: readonly string[] | undefined, tell: Tell): void {
  const groups = (endpoints ?? []).filter((text) => text.startsWith('group:'));
  for (const text of groups) if (!plainName.test(text.slice('group:'.length))) tell('name', `${quote(text)} names no group`, 'group:NAME, small letters, digits and hyphens');
  checkNetworks((endpoints ?? []).filter((text) => !groups.includes(text)), tell);
}

function checkNetworks(texts: readonly string[], tell: Tell): void {
  const networks = texts.map((text) => ({ text, cidr: parseCidr(text) }));
  networks.forEach(({ text, cidr }, index) => {
    if (cidr === undefined) tell('address', `${quote(text)} is not an address or network`, 'write numbers; names are not looked up');
    else if (cidr.prefix === 0) tell('any-network', `${text} is everything`, 'leave the field out: that means any');
    const twin = networks.slice(0, index).find((other) => other.cidr !== undefined && cidr !== undefined && overlaps(other.cidr, cidr));
    if (twin !== undefined) tell('overlap', `${twin.text} and ${text} overlap`, 'keep the larger one; a set of nft holds each address once');
  });
}

function checkPorts(ports: readonly string[], tell: Tell): void {
  for (const port of ports) if (!plainPort.test(port)) tell('port', `${quote(port)} is no port or protocol`, 'tcp/PORT, udp/PORT, tcp/FROM-TO, icmp, icmpv6, esp or gre');
  const ranges = ports.filter((port) => plainPort.test(port) && port.includes('/')).map((port) => {
    const [protocol = '', range = ''] = port.split('/');
    const [from = '0', to = from] = range.split('-');
    return { port, protocol, range, from: Number(from), to: Number(to) };
  });
  ranges.forEach(({ port, protocol, range, from, to }, index) => {
    if (range.includes('-') && from === to) tell('port', `${port} is one port`, `write ${protocol}/${String(from)}`);
    if (from > to || to > 65535) tell('port', `${port} is not a range of ports`, 'ports are 1 to 65535, the smaller one first');
    const twin = ranges.slice(0, index).find((other) => other.protocol === protocol && other.from <= to && other.to >= from);
    if (twin !== undefined) tell('overlap', `${twin.port} and ${port} overlap`, 'write one range');
  });
}

/** The guard would take it back; better to say so before. */
function checkLockOut(desired: readonly Desired[], { policies, rules, services }: Model, problems: Problem[]): void {
  if (policies.size === 0) return;
  const lets = [...rules.values()].some(({ to, action, services: names }) => to === 'self' && action === 'accept' && (names === undefined || names.some((name) => (services.get(name)?.ports ?? []).some((port) => port.startsWith('tcp/')))));
  const open = [...policies.values()].some((policy) => policy.to === 'self' && policy.default === 'accept');
  if (lets || open) return;
  const first = desired.find(({ address }) => parseAddress(address).kind === 'firewall-policy');
  problems.push({ code: 'nftables.lock-out', severity: 'error', message: 'no rule lets anyone reach the firewall itself over TCP: nobody, soll included, could administer it any more', hint: 'add a rule to self that accepts SSH from the addresses of the administrators', ...(first === undefined ? {} : { source: first.source, address: first.address }) });
}
