/** Rows of menus as the router has them, and as they should be. Every value is text. Pure. */
import { createHash } from 'node:crypto';
import { canonicalCidr } from '#core/ip';

export const menus = [
  'interface/list', 'interface/list/member', 'ip/firewall/address-list', 'ipv6/firewall/address-list', 'ip/firewall/filter', 'ipv6/firewall/filter', 'ip/firewall/nat',
  'interface/bridge', 'interface/bridge/port', 'interface/bridge/vlan', 'interface/vlan', 'interface/ethernet', 'ip/address', 'ip/pool', 'ip/dhcp-server', 'ip/dhcp-server/network',
] as const;
export type Menu = (typeof menus)[number];

export type Values = Readonly<Record<string, string>>;

export interface Row {
  readonly menu: Menu;
  /** `*2D`; valid until the object goes. */
  readonly id: string;
  readonly values: Values;
}

/** A row as it should be. What is not named is left alone, unless the menu is one whose rows are matched as a whole. */
export interface Item {
  readonly menu: Menu;
  readonly values: Values;
}

export type State = Readonly<Record<Menu, readonly Row[]>>;

/** Menus whose order decides. */
export const orderedMenus: readonly Menu[] = ['ip/firewall/filter', 'ipv6/firewall/filter', 'ip/firewall/nat'];

/** What somebody sets in menus whose rows match no packets; the rest of what is shown is told by the device. Names: command tree of 7.20.8. */
export const settable: Readonly<Partial<Record<Menu, readonly string[]>>> = {
  'interface/list': ['name', 'include', 'exclude', 'comment'], 'interface/list/member': ['list', 'interface', 'disabled', 'comment'], 'ip/firewall/address-list': ['list', 'address', 'disabled', 'comment'], 'ipv6/firewall/address-list': ['list', 'address', 'disabled', 'comment'],
  'interface/bridge': ['name', 'vlan-filtering', 'pvid', 'frame-types', 'ingress-filtering', 'protocol-mode', 'disabled', 'comment'],
  'interface/bridge/port': ['bridge', 'interface', 'pvid', 'frame-types', 'ingress-filtering', 'edge', 'bpdu-guard', 'horizon', 'hw', 'priority', 'path-cost', 'disabled', 'comment'],
  'interface/bridge/vlan': ['bridge', 'vlan-ids', 'tagged', 'untagged', 'disabled', 'comment', 'mvrp-forbidden'], 'interface/vlan': ['name', 'interface', 'vlan-id', 'mtu', 'arp', 'use-service-tag', 'loop-protect', 'disabled', 'comment'],
  // poe-out is there on models that give power only (PoE-Out).
  'interface/ethernet': ['name', 'disabled', 'comment', 'poe-out', 'mtu', 'arp', 'auto-negotiation', 'advertise', 'speed'],
  'ip/address': ['address', 'interface', 'network', 'disabled', 'comment'], 'ip/pool': ['name', 'ranges', 'next-pool', 'comment'],
  'ip/dhcp-server': ['name', 'interface', 'address-pool', 'lease-time', 'disabled', 'comment', 'authoritative', 'add-arp', 'always-broadcast', 'bootp-support', 'conflict-detection', 'delay-threshold', 'dhcp-option-set', 'lease-script', 'relay', 'server-address', 'use-radius'],
  'ip/dhcp-server/network': ['address', 'gateway', 'netmask', 'dns-server', 'dns-none', 'domain', 'ntp-server', 'wins-server', 'next-server', 'boot-file-name', 'dhcp-option', 'dhcp-option-set', 'comment'],
};

/** What changes by itself in rows that match packets. */
const volatile = new Set(['bytes', 'packets', 'dynamic', 'invalid']);

export function isStatic({ values }: Row): boolean {
  return values['dynamic'] !== 'yes' && values['builtin'] !== 'yes';
}

/** What somebody has set. */
export function lasting({ menu, values }: Row): Values {
  const known = settable[menu];
  return Object.fromEntries(Object.entries(values).filter(([name]) => (known === undefined ? !volatile.has(name) && !name.startsWith('.') : known.includes(name))));
}

/** What a row that matches packets has where nobody set anything. */
const matcherDefaults: Values = { disabled: 'no', log: 'no', 'log-prefix': '' };

export function listOf(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '');
}

const sets = new Set(['tagged', 'untagged', 'connection-state', 'dst-port']);
const addresses = new Set(['address', 'src-address', 'dst-address', 'to-addresses']);

function comparable(menu: Menu, name: string, text: string): string {
  if (sets.has(name)) return [...new Set(listOf(text))].sort().join(',');
  if (addresses.has(name) && menu !== 'ip/address') return canonicalCidr(text);
  if (name === 'lease-time') return String(secondsOf(text) ?? text);
  return text;
}

/** `1d2h3m4s`, `00:30:00` or both together, in seconds. */
export function secondsOf(text: string): number | undefined {
  const found = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+):(\d+):(\d+))?$/.exec(text.trim());
  if (found === null || text.trim() === '') return undefined;
  const [weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0, h = 0, m = 0, s = 0] = found.slice(1).map((each: string | undefined) => Number(each ?? 0));
  return ((weeks * 7 + days) * 24 + hours + h) * 3600 + (minutes + m) * 60 + seconds + s;
}

/** Rows that match packets are compared as a whole: a match that somebody adds makes another rule of it. */
export function isMatcher(menu: Menu): boolean {
  return orderedMenus.includes(menu);
}

/** What has to be written so that the row is as it should be; an empty value takes a property away. */
export function differences({ menu, values }: Item, row: Row): Values {
  const now = lasting(row);
  const wanted = Object.entries(values).filter(([name, value]) => comparable(menu, name, now[name] ?? matcherDefaults[name] ?? '') !== comparable(menu, name, value));
  const beside = isMatcher(menu) ? Object.entries(now).filter(([name, value]) => !(name in values) && value !== (matcherDefaults[name] ?? '')).map(([name]): [string, string] => [name, '']) : [];
  return Object.fromEntries([...wanted, ...beside]);
}

/** What somebody has set in all menus, so that a foreign edit is seen. */
export function hashOf(state: State): string {
  const text = JSON.stringify(menus.map((menu) => state[menu].filter(isStatic).map((row) => Object.entries(lasting(row)).sort(([a], [b]) => (a < b ? -1 : 1)))));
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
