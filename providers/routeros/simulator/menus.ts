/**
 * Menus that are played: properties, what they are when nobody sets them, and what the router refuses. Written from help.mikrotik.com (ROS: Filter, NAT, Address-lists,
 * Interface Lists, Bridging and Switching, VLAN, DHCP, IP Pools, Scheduler, Scripts), looked at 2026-11-28, and from the command tree of 7.20.8. Texts of errors
 * are recorded where a public report has them, and otherwise of this stand-in's own. Properties that nobody here writes are refused loudly.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net';

export type Fields = Record<string, string>;

export interface Entry {
  readonly id: string;
  fields: Fields;
}

/** What checks may ask about the rest of the configuration. */
export interface Around {
  /** Rows of a menu, without the one that is looked at. */
  rows(menu: string): readonly Fields[];
  /** Names of all interfaces. */
  readonly interfaces: ReadonlySet<string>;
}

export interface MenuModel {
  readonly properties: readonly string[];
  /** Properties that only the device sets. */
  readonly shown?: Fields;
  readonly defaults: Fields;
  readonly required: readonly string[];
  readonly ordered?: true;
  /** Rows are there by themselves. */
  readonly fixed?: true;
  readonly flags?: readonly string[];
  check?(fields: Fields, around: Around): string | undefined;
  /** Why a row cannot go. */
  keep?(fields: Fields, around: Around): string | undefined;
}

const words = (text: string): readonly string[] => text.split(' ');
const dynamic = { dynamic: 'false' };

function isNet(text: string, family: 4 | 6): boolean {
  const [address = '', length, ...rest] = text.replace(/^!/, '').split('/');
  const right = family === 4 ? isIPv4(address) : isIPv6(address);
  return rest.length === 0 && right && (length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128)));
}

function isPorts(text: string): boolean {
  return text.split(',').every((part) => part.split('-').length <= 2 && part.split('-').every((each) => /^[1-9]\d{0,4}$/.test(each) && Number(each) <= 65_535)) && text.split(',').reduce((sum, part) => sum + part.split('-').length, 0) <= 15;
}

const matchers = 'action address-list address-list-timeout chain comment connection-bytes connection-limit connection-mark connection-rate connection-type content disabled dscp dst-address dst-address-list dst-address-type dst-limit dst-port icmp-options in-bridge-port in-bridge-port-list in-interface in-interface-list ingress-priority ipsec-policy jump-target limit log log-prefix nth out-bridge-port out-bridge-port-list out-interface out-interface-list packet-mark packet-size per-connection-classifier port priority protocol random routing-mark src-address src-address-list src-address-type src-mac-address src-port tcp-mss time';
const protocols = words('tcp udp icmp icmpv6 gre ipsec-esp ipsec-ah igmp ospf vrrp udp-lite');

function checkMatcher(fields: Fields, { rows }: Around, family: 4 | 6, actions: readonly string[]): string | undefined {
  const bad = (name: string): string => `input does not match any value of ${name}`;
  const lists = new Set(rows('interface/list').map(({ name = '' }) => name));
  if (!actions.includes(fields['action'] ?? '')) return bad('action');
  for (const name of ['in-interface-list', 'out-interface-list']) if (fields[name] !== undefined && !lists.has(fields[name].replace(/^!/, ''))) return bad(name);
  for (const name of ['src-address', 'dst-address']) if (fields[name] !== undefined && !isNet(fields[name], family)) return `invalid value for argument ${name}`;
  if (fields['protocol'] !== undefined && !protocols.includes(fields['protocol'])) return bad('protocol');
  if ((fields['dst-port'] ?? fields['src-port']) !== undefined && !['tcp', 'udp'].includes(fields['protocol'] ?? '')) return 'failure: ports can be specified if proto is tcp,udp,udp-lite,dccp or sctp';
  if (fields['dst-port'] !== undefined && !isPorts(fields['dst-port'])) return 'invalid value for argument dst-port';
  if (fields['icmp-options'] !== undefined && !/^icmp/.test(fields['protocol'] ?? '')) return 'failure: icmp-options require protocol=icmp';
  if (fields['action'] === 'jump' && (fields['jump-target'] ?? '') === '') return 'failure: jump target not set';
  const chain = fields['chain'] ?? '';
  if (['input', 'dstnat'].includes(chain) && (fields['out-interface-list'] ?? fields['out-interface']) !== undefined) return 'failure: outgoing interface matching not possible in input and prerouting chains';
  if (['output', 'srcnat'].includes(chain) && (fields['in-interface-list'] ?? fields['in-interface']) !== undefined) return 'failure: incoming interface matching not possible in output and postrouting chains';
  return undefined;
}

const filterActions = words('accept add-dst-to-address-list add-src-to-address-list drop fasttrack-connection jump log passthrough reject return tarpit');

function filter(family: 4 | 6, properties: string): MenuModel {
  return {
    properties: words(`${matchers} ${properties}`), defaults: { action: 'accept', log: 'false', 'log-prefix': '', disabled: 'false' }, shown: { ...dynamic, invalid: 'false', bytes: '0', packets: '0' }, required: ['chain'], ordered: true, flags: ['log', 'disabled'],
    check: (fields, around) => checkMatcher(fields, around, family, filterActions) ?? (fields['reject-with'] !== undefined && fields['action'] !== 'reject' ? 'failure: reject-with only with action=reject' : undefined),
  };
}

const addressList = (family: 4 | 6): MenuModel => ({
  properties: words('address comment disabled list timeout'), defaults: { disabled: 'false' }, shown: { ...dynamic, 'creation-time': '2026-01-01 00:00:00' }, required: ['list', 'address'], flags: ['disabled'],
  check({ list = '', address = '' }, { rows }) {
    if (!isNet(address, family) && !/^[a-z0-9.-]*[a-z][a-z0-9.-]*\.[a-z]{2,}$/i.test(address) && !/^[0-9.]+-[0-9.]+$/.test(address)) return `${address} is not a valid dns name`;
    return rows(family === 4 ? 'ip/firewall/address-list' : 'ipv6/firewall/address-list').some((row) => row['list'] === list && row['address'] === address) ? 'failure: already have such entry' : undefined;
  },
});

const unique = (menu: string, ...fields: readonly string[]) => (row: Fields, { rows }: Around): string | undefined => (rows(menu).some((other) => fields.every((field) => other[field] === row[field])) ? 'failure: already have such entry' : undefined);

function isLine(from: string, to: string): boolean {
  return isIPv4(from) && isIPv4(to);
}

export const models: Readonly<Record<string, MenuModel>> = {
  'interface/list': {
    properties: words('comment exclude include name'), defaults: { include: '', exclude: '' }, shown: { ...dynamic, builtin: 'false' }, required: ['name'], check: unique('interface/list', 'name'),
    // A real one lets it go, and what used it does not match any more; here nobody may leave that behind.
    keep: ({ name }, { rows }) => (['ip/firewall/filter', 'ipv6/firewall/filter', 'ip/firewall/nat'].some((menu) => rows(menu).some((row) => [row['in-interface-list'], row['out-interface-list']].includes(name))) || rows('interface/list/member').some(({ list }) => list === name) ? 'failure: the list is in use' : undefined),
  },
  'interface/list/member': {
    properties: words('comment disabled interface list'), defaults: { disabled: 'false' }, shown: dynamic, required: ['interface', 'list'], flags: ['disabled'],
    check(fields, around) {
      if (!around.interfaces.has(fields['interface'] ?? '')) return 'input does not match any value of interface';
      if (!around.rows('interface/list').some(({ name }) => name === fields['list'])) return 'input does not match any value of list';
      return unique('interface/list/member', 'list', 'interface')(fields, around);
    },
  },
  'ip/firewall/address-list': addressList(4),
  'ipv6/firewall/address-list': addressList(6),
  'ip/firewall/filter': filter(4, 'connection-nat-state connection-state tls-host fragment hotspot hw-offload ipv4-options layer7-protocol p2p psd realm reject-with tcp-flags ttl'),
  'ipv6/firewall/filter': filter(6, 'connection-nat-state connection-state tls-host headers hop-limit reject-with tcp-flags'),
  'ip/firewall/nat': {
    properties: words(`${matchers} fragment hotspot ipv4-options layer7-protocol psd randomise-ports realm same-not-by-dst socks5-port socks5-server socksify-service to-addresses to-ports ttl`), defaults: { action: 'accept', log: 'false', 'log-prefix': '', disabled: 'false' }, shown: { ...dynamic, invalid: 'false', bytes: '0', packets: '0' }, required: ['chain'], ordered: true, flags: ['log', 'disabled'],
    check: (fields, around) => checkMatcher(fields, around, 4, words('accept add-dst-to-address-list add-src-to-address-list dst-nat jump log masquerade netmap passthrough redirect return same src-nat')) ?? (fields['action'] === 'dst-nat' && isIP(fields['to-addresses'] ?? '') !== 4 ? 'failure: dst-nat needs to-addresses' : undefined),
  },
  'interface/bridge': { properties: words('comment disabled name vlan-filtering pvid frame-types ingress-filtering protocol-mode mtu arp'), defaults: { 'vlan-filtering': 'false', pvid: '1', 'frame-types': 'admit-all', 'ingress-filtering': 'true', 'protocol-mode': 'rstp', disabled: 'false' }, shown: { ...dynamic, running: 'true', 'mac-address': '48:A9:8A:00:00:01' }, required: ['name'], flags: ['vlan-filtering', 'ingress-filtering', 'disabled'] },
  'interface/bridge/port': {
    properties: words('bpdu-guard bridge comment disabled edge frame-types horizon hw ingress-filtering interface path-cost priority pvid'), defaults: { pvid: '1', 'frame-types': 'admit-all', 'ingress-filtering': 'true', edge: 'auto', 'bpdu-guard': 'false', hw: 'true', disabled: 'false' }, shown: { ...dynamic, inactive: 'false', 'hw-offload': 'true', status: 'in-bridge', role: 'designated-port' }, required: ['bridge', 'interface'], flags: ['ingress-filtering', 'bpdu-guard', 'hw', 'disabled'],
    check({ pvid = '', 'frame-types': frames = '', edge = '' }) {
      if (!/^\d+$/.test(pvid) || Number(pvid) < 1 || Number(pvid) > 4094) return 'value of pvid out of range (1..4094)';
      if (!words('admit-all admit-only-untagged-and-priority-tagged admit-only-vlan-tagged').includes(frames)) return 'input does not match any value of frame-types';
      return words('auto no no-discover yes yes-discover').includes(edge) ? undefined : 'input does not match any value of edge';
    },
  },
  'interface/bridge/vlan': {
    properties: words('bridge comment disabled mvrp-forbidden tagged untagged vlan-ids'), defaults: { tagged: '', untagged: '', disabled: 'false' }, shown: { ...dynamic, 'current-tagged': '', 'current-untagged': '' }, required: ['bridge', 'vlan-ids'], flags: ['disabled'],
    check({ bridge, tagged = '', untagged = '', 'vlan-ids': ids = '' }, { rows, interfaces }) {
      if (!/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/.test(ids) || ids.split(/[,-]/).some((id) => Number(id) < 1 || Number(id) > 4094)) return 'invalid value for argument vlan-ids';
      if (!rows('interface/bridge').some(({ name }) => name === bridge)) return 'input does not match any value of bridge';
      const members = [...tagged.split(','), ...untagged.split(',')].filter((each) => each !== '');
      if (members.some((each) => !interfaces.has(each))) return 'input does not match any value of interface';
      if (new Set(members).size !== members.length) return 'failure: interface cannot be in tagged and untagged at the same time';
      return rows('interface/bridge/vlan').some((row) => row['bridge'] === bridge && row['vlan-ids'] === ids) ? 'failure: vlan already added' : undefined;
    },
  },
  'interface/vlan': {
    properties: words('arp comment disabled interface mtu name use-service-tag vlan-id'), defaults: { mtu: '1500', arp: 'enabled', disabled: 'false', 'use-service-tag': 'false' }, shown: { running: 'true', 'mac-address': '48:A9:8A:00:00:01' }, required: ['interface', 'vlan-id', 'name'], flags: ['disabled', 'use-service-tag'],
    check({ 'vlan-id': id = '', name = '', interface: parent = '' }, { interfaces, rows }) {
      if (!/^\d+$/.test(id) || Number(id) < 1 || Number(id) > 4095) return 'value of vlan-id out of range (1..4095)';
      if (!interfaces.has(parent)) return 'input does not match any value of interface';
      if (interfaces.has(name)) return 'failure: already have interface with such name';
      return rows('interface/vlan').some((row) => row['interface'] === parent && row['vlan-id'] === id) ? 'failure: such vlan already exists' : undefined;
    },
    keep: ({ name }, { rows }) => (['ip/address', 'ip/dhcp-server'].some((menu) => rows(menu).some((row) => row['interface'] === name)) ? 'failure: the interface is in use' : undefined),
  },
  'interface/ethernet': { properties: words('advertise arp auto-negotiation comment disabled l2mtu mtu name poe-out speed'), defaults: {}, shown: { running: 'true' }, required: ['name'], fixed: true, flags: ['disabled', 'auto-negotiation'], check: ({ 'poe-out': poe }) => (poe === undefined || words('auto-on forced-on off').includes(poe) ? undefined : 'input does not match any value of poe-out') },
  'ip/address': {
    properties: words('address broadcast comment disabled interface netmask network'), defaults: { disabled: 'false' }, shown: { ...dynamic, invalid: 'false', slave: 'false' }, required: ['address', 'interface'], flags: ['disabled'],
    check({ address = '', interface: name = '' }, { interfaces, rows }) {
      if (!/\/\d+$/.test(address) || !isNet(address, 4)) return 'invalid value for argument address';
      if (!interfaces.has(name)) return 'input does not match any value of interface';
      return rows('ip/address').some((row) => row['address'] === address && row['interface'] === name) ? 'failure: already have such address' : undefined;
    },
  },
  'ip/pool': {
    properties: words('comment name next-pool ranges'), defaults: {}, shown: { total: '100', used: '0', available: '100' }, required: ['name', 'ranges'],
    check: (fields, around) => ((fields['ranges'] ?? '').split(',').every((range) => isLine(range.split('-')[0] ?? '', range.split('-')[1] ?? '')) ? unique('ip/pool', 'name')(fields, around) : 'invalid value for argument ranges'),
    keep: ({ name }, { rows }) => (rows('ip/dhcp-server').some((row) => row['address-pool'] === name) ? 'failure: the pool is in use' : undefined),
  },
  'ip/dhcp-server': {
    properties: words('add-arp address-pool authoritative comment conflict-detection disabled interface lease-time name relay server-address'), defaults: { 'address-pool': 'static-only', 'lease-time': '30m', disabled: 'false', authoritative: 'yes' }, shown: { ...dynamic, invalid: 'false' }, required: ['interface'], flags: ['disabled'],
    check(fields, around) {
      if (!around.interfaces.has(fields['interface'] ?? '')) return 'input does not match any value of interface';
      if (fields['address-pool'] !== 'static-only' && !around.rows('ip/pool').some(({ name }) => name === fields['address-pool'])) return 'input does not match any value of address-pool';
      return unique('ip/dhcp-server', 'name')(fields, around);
    },
  },
  'ip/dhcp-server/network': { properties: words('address boot-file-name comment dhcp-option dns-none dns-server domain gateway netmask ntp-server wins-server'), defaults: {}, shown: dynamic, required: ['address'], check: (fields, around) => (isNet(fields['address'] ?? '', 4) ? unique('ip/dhcp-server/network', 'address')(fields, around) : 'invalid value for argument address') },
  'system/script': { properties: words('comment dont-require-permissions name owner policy source'), defaults: { 'dont-require-permissions': 'false', policy: 'ftp,reboot,read,write,policy,test,password,sniff,sensitive,romon', source: '' }, shown: { 'run-count': '0', invalid: 'false' }, required: ['name'], flags: ['dont-require-permissions'], check: unique('system/script', 'name') },
  'system/scheduler': { properties: words('comment disabled interval name on-event policy start-date start-time'), defaults: { disabled: 'false', interval: '0s', 'on-event': '', policy: 'ftp,reboot,read,write,policy,test,password,sniff,sensitive,romon', 'start-date': '2026-11-28', 'start-time': '12:00:00' }, shown: { 'run-count': '0', owner: 'soll' }, required: ['name'], flags: ['disabled'], check: unique('system/scheduler', 'name') },
};
