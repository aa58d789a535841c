/** From specs to objects of the device. Pure: the same function writes, and proves what was read by rendering it again. */
import type { JsonObject } from '#contract';
import { parseCidr } from '#core/ip';
import type { AddressGroupSpec, FirewallPolicySpec, FirewallRuleSpec, MasqueradeSpec, PortForwardSpec, ServiceSpec, VlanSpec, ZoneSpec } from '#generated/types';
import type { Item, Values } from './model.ts';
import { aliasName, groupName, markerText, uuidOf, type OwnKind } from './names.ts';

/** A named object that may have been there before soll: its id, its own name, and what people wrote into its description. */
export interface Identity {
  readonly uuid: string;
  readonly name: string;
  readonly text: string;
}

/** What one resource needs to know of others. */
export interface Context {
  /** Interfaces of each zone. */
  readonly zones: ReadonlyMap<string, readonly string[]>;
  readonly zoneIdentity: ReadonlyMap<string, Identity>;
  readonly groupIdentity: ReadonlyMap<string, Identity>;
  readonly vlanIdentity: ReadonlyMap<string, Identity>;
  /** Ports of each service. */
  readonly services: ReadonlyMap<string, readonly string[]>;
  readonly external: ReadonlySet<string>;
  readonly vlanParent: string;
  /** Interfaces by the device that they are on; absent: networks of VLANs are not held. */
  readonly interfaces?: ReadonlyMap<string, string>;
  /** Devices of VLANs that are there. */
  readonly vlanDevices: ReadonlyMap<string, string>;
}

export const protocols = ['any', 'tcp', 'udp', 'icmp', 'icmpv6', 'esp', 'gre'] as const;
type Protocol = (typeof protocols)[number];

export const families = ['inet46', 'inet', 'inet6'] as const;
type Family = (typeof families)[number];

/** As ProtocolField spells them (core Filter.php names TCP, UDP, ICMP and IPV6-ICMP). */
const protocolNames: Readonly<Record<Protocol, string>> = { any: 'any', tcp: 'TCP', udp: 'UDP', icmp: 'ICMP', icmpv6: 'IPV6-ICMP', esp: 'ESP', gre: 'GRE' };

export const actions: Readonly<Record<FirewallRuleSpec['action'], string>> = { accept: 'pass', drop: 'block', reject: 'reject' };

/** A rule's part: one address family, one service, one protocol of it. */
export function partKey(family: Family, service: string, protocol: Protocol): string {
  return `${family} ${service} ${protocol}`;
}

export function portsOf(ports: readonly string[], protocol: 'tcp' | 'udp'): readonly string[] {
  return ports.filter((port) => port.startsWith(`${protocol}/`)).map((port) => port.slice(4).replace('-', ':'));
}

export function otherProtocols(ports: readonly string[]): readonly string[] {
  return ports.filter((port) => !port.includes('/'));
}

export function zoneGroup(zone: string, { zoneIdentity }: Context): string {
  return zoneIdentity.get(zone)?.name ?? groupName(zone);
}

export function groupAlias(group: string, { groupIdentity }: Context): string {
  return groupIdentity.get(group)?.name ?? aliasName('ag', group);
}

/** What a rule says of the zone that traffic goes to: OPNsense filters where traffic comes in and knows no outgoing interface there. */
export function zoneDestination(zone: string, context: Context): string {
  if (zone === 'self') return '(self)';
  return context.external.has(zone) ? 'any' : zoneGroup(zone, context);
}

function token(endpoint: string, context: Context): string {
  return endpoint.startsWith('group:') ? groupAlias(endpoint.slice('group:'.length), context) : endpoint;
}

function familyOf(endpoint: string): 4 | 6 | undefined {
  return parseCidr(endpoint)?.family;
}

/** The endpoints that can be of this family; a group can be of both. Undefined: none can. */
function ofFamily(endpoints: readonly string[] | undefined, family: 4 | 6): readonly string[] | undefined {
  const fit = endpoints?.filter((endpoint) => endpoint.startsWith('group:') || familyOf(endpoint) === family) ?? [];
  return endpoints !== undefined && fit.length === 0 ? undefined : fit;
}

export interface Part {
  readonly family: Family;
  readonly service: string;
  readonly protocol: Protocol;
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
}

/** pf takes no address of one family in a rule of the other, and the API takes no single address in a rule of both (core Filter.php, performValidation). */
export function partsOf({ sources, destinations, services }: FirewallRuleSpec, context: Context): readonly Part[] {
  const literal = [...(sources ?? []), ...(destinations ?? [])].some((endpoint) => !endpoint.startsWith('group:'));
  const wanted: readonly (readonly [string, Protocol])[] = services === undefined ? [['', 'any']] : services.flatMap((service) => protocolsOf(context.services.get(service) ?? []).map((protocol) => [service, protocol] as const));
  return wanted.flatMap(([service, protocol]): readonly Part[] => {
    const only = protocol === 'icmp' ? [4 as const] : protocol === 'icmpv6' ? [6 as const] : undefined;
    if (!literal && only === undefined) return [{ family: 'inet46', service, protocol, sources: sources ?? [], destinations: destinations ?? [] }];
    return (only ?? [4 as const, 6 as const]).flatMap((family): readonly Part[] => {
      const [from, to] = [ofFamily(sources, family), ofFamily(destinations, family)];
      return from === undefined || to === undefined ? [] : [{ family: family === 4 ? 'inet' : 'inet6', service, protocol, sources: from, destinations: to }];
    });
  });
}

function protocolsOf(ports: readonly string[]): readonly Protocol[] {
  return protocols.filter((protocol) => protocol !== 'any' && ports.some((port) => port === protocol || port.startsWith(`${protocol}/`)));
}

/** Fields that narrow or redirect a rule and that soll never uses: written empty, and told when somebody fills them. */
const unused: Values = Object.fromEntries([
  'source_port', 'gateway', 'replyto', 'divert-to', 'icmptype', 'icmp6type', 'tcpflags1', 'tcpflags2', 'tcpflags_any', 'sched', 'tos', 'tag', 'tagged', 'prio', 'max', 'max-src-nodes', 'max-src-conn', 'max-src-states', 'max-src-conn-rate', 'max-src-conn-rates', 'overload', 'shaper1', 'shaper2',
].map((field) => [field, '']));

const ruleDefaults: Values = { ...unused, enabled: '1', quick: '1', interfacenot: '0', direction: 'in', source_not: '0', destination_not: '0', statetype: 'keep' };

function renderRule(name: string, spec: FirewallRuleSpec, context: Context): readonly Item[] {
  return partsOf(spec, context).map(({ family, service, protocol, sources, destinations }): Item => ({
    module: 'rule', uuid: uuidOf('firewall-rule', name, partKey(family, service, protocol)),
    values: {
      ...ruleDefaults, action: actions[spec.action], interface: zoneGroup(spec.from, context), ipprotocol: family, protocol: protocolNames[protocol],
      source_net: sources.length === 0 ? 'any' : sources.map((each) => token(each, context)).join(','),
      destination_net: destinations.length === 0 ? zoneDestination(spec.to, context) : destinations.map((each) => token(each, context)).join(','),
      destination_port: protocol === 'tcp' || protocol === 'udp' ? aliasName('sv', service, `_${protocol}`) : '',
      log: spec.log === true ? '1' : '0', description: markerText('firewall-rule', name, spec.comment),
    },
  }));
}

/** What happens when no rule matches is the last rule of the pair. */
function renderPolicy(name: string, spec: FirewallPolicySpec, context: Context): readonly Item[] {
  return [{
    module: 'rule', uuid: uuidOf('firewall-policy', name),
    values: {
      ...ruleDefaults, action: actions[spec.default], interface: zoneGroup(spec.from, context), ipprotocol: 'inet46', protocol: 'any', source_net: 'any',
      destination_net: zoneDestination(spec.to, context), destination_port: '', log: spec.log === true ? '1' : '0', description: markerText('firewall-policy', name),
    },
  }];
}

function renderZone(name: string, { interfaces }: ZoneSpec, context: Context): readonly Item[] {
  const identity = context.zoneIdentity.get(name);
  return [{ module: 'group', uuid: identity?.uuid ?? uuidOf('zone', name), values: { ifname: zoneGroup(name, context), members: interfaces.join(','), sequence: '0', descr: markerText('zone', name, identity?.text) } }];
}

function alias(uuid: string, name: string, type: 'network' | 'port', content: readonly string[], description: string): Item {
  return { module: 'alias', uuid, values: { enabled: '1', name, type, content: content.join('\n'), description } };
}

function renderAddressGroup(name: string, { members }: AddressGroupSpec, context: Context): readonly Item[] {
  const identity = context.groupIdentity.get(name);
  return [alias(identity?.uuid ?? uuidOf('address-group', name), groupAlias(name, context), 'network', members, markerText('address-group', name, identity?.text))];
}

/** A port alias has no protocol, so there is one for each; the first stands for the service and names what has no ports. */
function renderService(name: string, { ports }: ServiceSpec): readonly Item[] {
  const part = (protocol: 'tcp' | 'udp', text: string): Item => alias(uuidOf('service', name, protocol), aliasName('sv', name, `_${protocol}`), 'port', portsOf(ports, protocol), markerText('service', name, text));
  return [part('tcp', otherProtocols(ports).join(' ')), ...(portsOf(ports, 'udp').length === 0 ? [] : [part('udp', '')])];
}

/** Source and destination NAT take one source only: several stand in an alias of their own. */
function oneSource(kind: 'port-forward' | 'masquerade', name: string, sources: readonly string[], context: Context): { readonly source: string; readonly items: readonly Item[] } {
  const tokens = sources.map((each) => token(each, context));
  if (tokens.length === 1) return { source: tokens[0] ?? 'any', items: [] };
  const own = aliasName(kind === 'masquerade' ? 'mq' : 'fw', name);
  return { source: own, items: [alias(uuidOf(kind, name, 'sources'), own, 'network', tokens, markerText(kind, name, 'sources'))] };
}

function renderForward(name: string, spec: PortForwardSpec, context: Context): readonly Item[] {
  const { source, items } = spec.sources === undefined ? { source: 'any', items: [] } : oneSource('port-forward', name, spec.sources, context);
  return [...items, {
    module: 'dnat', uuid: uuidOf('port-forward', name),
    values: {
      disabled: '0', nordr: '0', interface: (context.zones.get(spec.from) ?? []).join(','), ipprotocol: familyOf(spec.destination) === 6 ? 'inet6' : 'inet', protocol: spec.protocol,
      'source.network': source, 'source.port': '', 'source.not': '0', 'destination.network': '(self)', 'destination.port': String(spec.port), 'destination.not': '0',
      target: spec.destination, 'local-port': String(spec.destinationPort ?? spec.port), poolopts: '', natreflection: '', pass: 'pass', tag: '', tagged: '', log: spec.log === true ? '1' : '0',
      descr: markerText('port-forward', name, `from ${spec.from}${spec.comment === undefined ? '' : `: ${spec.comment}`}`),
    },
  }];
}

/** One rule for each interface that traffic leaves by, as the address to hide behind is that interface's. */
function renderMasquerade(name: string, { from, to, sources }: MasqueradeSpec, context: Context): readonly Item[] {
  const { source, items } = sources === undefined ? { source: undefined, items: [] } : oneSource('masquerade', name, sources, context);
  const inside = source === undefined ? (context.zones.get(from) ?? []) : [source];
  return [...items, ...(context.zones.get(to) ?? []).flatMap((out) => inside.map((net): Item => ({
    module: 'snat', uuid: uuidOf('masquerade', name, `${out} ${source === undefined ? net : 'sources'}`),
    values: {
      enabled: '1', nonat: '0', interface: out, ipprotocol: 'inet', protocol: 'any', source_net: net, source_not: '0', source_port: '', destination_net: 'any', destination_not: '0', destination_port: '',
      target: '', target_port: '', staticnatport: '0', log: '0', tag: '', tagged: '', description: markerText('masquerade', name, `from ${from} to ${to}`),
    },
  })))];
}

function renderVlan(name: string, spec: VlanSpec, context: Context): readonly Item[] {
  const { id, description = '' } = spec;
  const values = { if: context.vlanParent, tag: String(id), descr: markerText('vlan', name, description) };
  const uuid = context.vlanIdentity.get(name)?.uuid ?? uuidOf('vlan', name);
  if (context.interfaces === undefined) return [{ module: 'vlan', uuid, values }];
  // A name that OPNsense takes and would not choose itself (dialogVlan.xml: the prefix, then digits or dots).
  const device = context.vlanDevices.get(name) ?? `vlan0.${String(id)}`;
  return [{ module: 'vlan', uuid, values: { ...values, vlanif: device } }, ...renderNetwork(name, spec, device, context.interfaces.get(device))];
}

/** The interface on the VLAN's device, and what Dnsmasq gives out there. */
function renderNetwork(name: string, { subnet, gateway, dhcp }: VlanSpec, device: string, identifier: string | undefined): readonly Item[] {
  if (subnet === undefined || gateway === undefined) return [];
  const on = identifier ?? `@${device}`;
  const marker = markerText('vlan', name);
  return [
    { module: 'interface', uuid: identifier ?? `new:${device}`, values: { if: device, enable: '1', type4: 'staticv4', ipaddr: `${gateway}/${subnet.split('/')[1] ?? ''}`, ...(identifier === undefined ? { descr: name.replaceAll(/[^A-Za-z0-9_]/g, '_'), lock: '0' } : {}) } },
    ...(dhcp === undefined ? [] : [{ module: 'range' as const, uuid: uuidOf('vlan', name, 'range'), values: { interface: on, start_addr: dhcp.from, end_addr: dhcp.to, lease_time: dhcp.leaseMinutes === undefined ? '' : String(dhcp.leaseMinutes * 60), domain_type: 'range', domain: dhcp.domain ?? '', description: marker } }]),
    ...(dhcp?.dns === undefined ? [] : [{ module: 'option' as const, uuid: uuidOf('vlan', name, 'dns'), values: { type: 'set', option: '6', interface: on, value: dhcp.dns.join(','), description: marker } }]),
  ];
}

/** All objects that a resource is on the device. Specs have been through their kind's schema. */
export function renderResource(kind: OwnKind, name: string, spec: JsonObject, context: Context): readonly Item[] {
  const shape = spec as unknown;
  switch (kind) {
    case 'zone': return renderZone(name, shape as ZoneSpec, context);
    case 'address-group': return renderAddressGroup(name, shape as AddressGroupSpec, context);
    case 'service': return renderService(name, shape as ServiceSpec);
    case 'firewall-policy': return renderPolicy(name, shape as FirewallPolicySpec, context);
    case 'firewall-rule': return renderRule(name, shape as FirewallRuleSpec, context);
    case 'port-forward': return renderForward(name, shape as PortForwardSpec, context);
    case 'masquerade': return renderMasquerade(name, shape as MasqueradeSpec, context);
    case 'vlan': return renderVlan(name, shape as VlanSpec, context);
  }
}
