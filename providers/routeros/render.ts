/** From resources of the firewall to rows. Pure: the same resource gives the same rows. */
import { createHash } from 'node:crypto';
import type { JsonObject } from '#contract';
import { parseCidr } from '#core/ip';
import type { AddressGroupSpec, FirewallPolicySpec, FirewallRuleSpec, MasqueradeSpec, PortForwardSpec, ServiceSpec, ZoneSpec } from '#generated/types';
import type { Item, Menu, Values } from './model.ts';
import { markerText, pairChain, serviceChain, zoneList, type OwnKind } from './names.ts';

export type FirewallKind = Exclude<OwnKind, 'vlan' | 'switch-port'>;

/** What rules speak of. */
export interface Context {
  /** Members of each group, ours and others'. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly services: ReadonlyMap<string, readonly string[]>;
}

type Family = 4 | 6;
const families: readonly Family[] = [4, 6];
const filterOf: Readonly<Record<Family, Menu>> = { 4: 'ip/firewall/filter', 6: 'ipv6/firewall/filter' };
const listMenu: Readonly<Record<Family, Menu>> = { 4: 'ip/firewall/address-list', 6: 'ipv6/firewall/address-list' };

export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

/** A comment cannot tell two rows apart by addresses of any length, so it holds their hash. */
function short(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, 8);
}

const on: Values = { disabled: 'no' };

/** Known to both families (Filter, `reject-with`). */
function verdict(action: 'accept' | 'drop' | 'reject'): Values {
  return action === 'reject' ? { action, 'reject-with': 'icmp-admin-prohibited' } : { action };
}

/** Where traffic between two zones is decided. */
export function builtinChain({ from, to }: { readonly from: string; readonly to: string }): 'input' | 'output' | 'forward' {
  return to === 'self' ? 'input' : from === 'self' ? 'output' : 'forward';
}

/** Answers, and what IPv6 finds its neighbours with: without it a policy would cut the link itself (RFC 4890, 4.4.1). */
export function baseItems(chain: 'input' | 'output' | 'forward'): readonly Item[] {
  const answers = families.map((family): Item => ({ menu: filterOf[family], values: { ...on, chain, action: 'accept', 'connection-state': 'established,related,untracked', comment: markerText('base', chain, 'answers') } }));
  const neighbours = chain === 'forward' ? [] : ['133:0', '134:0', '135:0', '136:0'].map((type): Item => ({ menu: filterOf[6], values: { ...on, chain, action: 'accept', protocol: 'icmpv6', 'icmp-options': type, comment: markerText('base', chain, `nd-${type.slice(0, 3)}`) } }));
  return [...answers, ...neighbours];
}

function renderPolicy(name: string, spec: FirewallPolicySpec): readonly Item[] {
  const chain = builtinChain(spec);
  const match: Values = { ...(spec.from === 'self' ? {} : { 'in-interface-list': zoneList(spec.from) }), ...(spec.to === 'self' ? {} : { 'out-interface-list': zoneList(spec.to) }) };
  return [
    ...baseItems(chain),
    ...families.map((family): Item => ({ menu: filterOf[family], values: { ...on, chain: pairChain(name), ...verdict(spec.default), log: spec.log === true ? 'yes' : 'no', comment: markerText('firewall-policy', name, 'default') } })),
    ...families.map((family): Item => ({ menu: filterOf[family], values: { ...on, chain, action: 'jump', 'jump-target': pairChain(name), ...match, comment: markerText('firewall-policy', name, 'jump') } })),
  ];
}

export interface Traffic {
  readonly service: string;
  readonly key: string;
  readonly values: Values;
  readonly families: readonly Family[];
}

function portsOf(ports: readonly string[], protocol: string): readonly string[] {
  return ports.filter((port) => port.startsWith(`${protocol}/`)).map((port) => port.slice(protocol.length + 1));
}

/** One for each protocol of a service. */
export function trafficOf(service: string, ports: readonly string[]): readonly Traffic[] {
  const ported = ['tcp', 'udp'].flatMap((protocol): Traffic[] => {
    const found = portsOf(ports, protocol);
    return found.length === 0 ? [] : [{ service, key: protocol, values: { protocol, 'dst-port': found.join(',') }, families }];
  });
  const bare = ports.filter((port) => !port.includes('/')).map((port): Traffic => (
    port === 'icmp' ? { service, key: port, values: { protocol: 'icmp' }, families: [4] }
    : port === 'icmpv6' ? { service, key: port, values: { protocol: 'icmpv6' }, families: [6] }
    : { service, key: port, values: { protocol: port === 'esp' ? 'ipsec-esp' : port }, families }));
  return [...ported, ...bare];
}

function endpointFamilies(endpoint: string | undefined, { groups }: Context): readonly Family[] {
  if (endpoint === undefined) return families;
  if (!endpoint.startsWith('group:')) return [familyOf(endpoint)];
  const members = groups.get(endpoint.slice('group:'.length)) ?? [];
  return families.filter((family) => members.some((member) => familyOf(member) === family));
}

function endpoint(side: 'src' | 'dst', text: string | undefined): Values {
  if (text === undefined) return {};
  return text.startsWith('group:') ? { [`${side}-address-list`]: text.slice('group:'.length) } : { [`${side}-address`]: text };
}

export interface Part {
  readonly family: Family;
  readonly service: string;
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly key: string;
  readonly values: Values;
}

/** A row knows one source, one destination and one protocol. */
export function partsOf(rule: Pick<FirewallRuleSpec, 'sources' | 'destinations' | 'services'>, context: Context): readonly Part[] {
  const traffic: readonly Traffic[] = rule.services === undefined ? [{ service: '-', key: 'any', values: {}, families }] : rule.services.flatMap((service) => trafficOf(service, context.services.get(service) ?? []));
  const each = (list: readonly string[] | undefined): readonly (string | undefined)[] => list ?? [undefined];
  return families.flatMap((family) => traffic.filter((one) => one.families.includes(family)).flatMap((one) => each(rule.sources).filter((source) => endpointFamilies(source, context).includes(family)).flatMap((source) => each(rule.destinations).filter((destination) => endpointFamilies(destination, context).includes(family)).map((destination): Part => ({
    family, service: one.service, source, destination, key: `${one.service}/${one.key}/${short(source ?? '', destination ?? '')}`, values: { ...one.values, ...endpoint('src', source), ...endpoint('dst', destination) },
  })))));
}

function renderRule(name: string, rule: FirewallRuleSpec, context: Context): readonly Item[] {
  const pair = name.split('.').slice(0, 2).join('.');
  return partsOf(rule, context).map(({ family, key, values }): Item => ({
    menu: filterOf[family], values: { ...on, chain: pairChain(pair), ...verdict(rule.action), ...values, log: rule.log === true ? 'yes' : 'no', comment: markerText('firewall-rule', name, key, rule.comment) },
  }));
}

/** Nothing jumps to the chain: it only keeps what the service means. */
function renderService(name: string, { ports }: ServiceSpec): readonly Item[] {
  return trafficOf(name, ports).map(({ key, values, families: [first = 4] }): Item => ({ menu: filterOf[first], values: { ...on, chain: serviceChain(name), action: 'return', ...values, comment: markerText('service', name, key) } }));
}

function renderZone(name: string, { interfaces }: ZoneSpec): readonly Item[] {
  return [
    { menu: 'interface/list', values: { name: zoneList(name), comment: markerText('zone', name, 'list') } },
    ...interfaces.map((each): Item => ({ menu: 'interface/list/member', values: { ...on, list: zoneList(name), interface: each, comment: markerText('zone', name, each) } })),
  ];
}

function renderGroup(name: string, { members }: AddressGroupSpec): readonly Item[] {
  return members.map((address): Item => ({ menu: listMenu[familyOf(address)], values: { ...on, list: name, address, comment: markerText('address-group', name, address) } }));
}

/** The address that is rewritten, and the passage of what was: the forwarded traffic is accepted. */
function renderForward(name: string, spec: PortForwardSpec): readonly Item[] {
  const sources: readonly (string | undefined)[] = spec.sources ?? [undefined];
  const inner = String(spec.destinationPort ?? spec.port);
  return sources.flatMap((source): Item[] => {
    const match: Values = { protocol: spec.protocol, 'in-interface-list': zoneList(spec.from), ...endpoint('src', source) };
    return [
      { menu: 'ip/firewall/filter', values: { ...on, chain: 'forward', action: 'accept', 'connection-nat-state': 'dstnat', ...match, 'dst-address': spec.destination, 'dst-port': inner, comment: markerText('port-forward', name, `pass/${short(source ?? '')}`) } },
      { menu: 'ip/firewall/nat', values: { ...on, chain: 'dstnat', action: 'dst-nat', 'dst-address-type': 'local', ...match, 'dst-port': String(spec.port), 'to-addresses': spec.destination, 'to-ports': inner, log: spec.log === true ? 'yes' : 'no', comment: markerText('port-forward', name, `nat/${spec.from}/${short(source ?? '')}`, spec.comment) } },
    ];
  });
}

function renderMasquerade(name: string, { from, to, sources }: MasqueradeSpec): readonly Item[] {
  return (sources ?? []).map((source): Item => ({ menu: 'ip/firewall/nat', values: { ...on, chain: 'srcnat', action: 'masquerade', 'out-interface-list': zoneList(to), ...endpoint('src', source), comment: markerText('masquerade', name, `${from}/${to}/${short(source)}`) } }));
}

/** All rows of a resource. Specs have been through their kind's schema. */
export function renderResource(kind: FirewallKind, name: string, spec: JsonObject, context: Context): readonly Item[] {
  const shape = spec as unknown;
  switch (kind) {
    case 'zone': return renderZone(name, shape as ZoneSpec);
    case 'address-group': return renderGroup(name, shape as AddressGroupSpec);
    case 'service': return renderService(name, shape as ServiceSpec);
    case 'firewall-policy': return renderPolicy(name, shape as FirewallPolicySpec);
    case 'firewall-rule': return renderRule(name, shape as FirewallRuleSpec, context);
    case 'port-forward': return renderForward(name, shape as PortForwardSpec);
    case 'masquerade': return renderMasquerade(name, shape as MasqueradeSpec);
  }
}

export function isNetwork(text: string): boolean {
  return parseCidr(text) !== undefined;
}
