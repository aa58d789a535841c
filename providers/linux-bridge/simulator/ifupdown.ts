/**
 * A stand-in for ifupdown2 3.0.0-1.1 (Debian 12): reads /etc/network/interfaces as networkinterfaces.py does, and does to the kernel what
 * addons/bridge.py, link.py and address.py do for VLAN-aware bridges. What it does not know is an error, where ifupdown2 only warns.
 */

export interface Port {
  master?: string;
  up: boolean;
  alias?: string;
  /** Untagged; 0: none. */
  pvid: number;
  /** With the untagged one. */
  vids: number[];
}

export interface Kernel {
  links: Record<string, Port>;
}

interface Iface {
  readonly name: string;
  readonly attributes: Map<string, string[]>;
}

export interface Parsed {
  readonly auto: ReadonlySet<string>;
  readonly ifaces: readonly Iface[];
  readonly errors: readonly string[];
}

const known = new Set([
  'address', 'gateway', 'netmask', 'mtu', 'hwaddress', 'alias', 'link-down', 'bridge-ports', 'bridge-stp', 'bridge-fd', 'bridge-vlan-aware', 'bridge-vids', 'bridge-pvid', 'bridge-access', 'bridge-allow-untagged', 'bond-slaves', 'bond-mode',
  'bond-miimon', 'vlan-raw-device', 'post-up', 'pre-down', 'up', 'down', 'dns-nameservers',
]);
const methods = ['static', 'manual', 'loopback', 'dhcp'];

/** `sourced`: contents by pattern. */
export function parse(text: string, sourced: (pattern: string) => readonly string[]): Parsed {
  const auto = new Set<string>();
  const ifaces: Iface[] = [];
  const errors: string[] = [];
  const file = (whole: string): void => {
    // Continued lines: split at every backslash, put together without the white space around it.
    const lines = whole.split('\\').map((part, _index, all) => (all.length === 1 ? part : part.trim())).join(' ').split('\n').map((line) => line.trim());
    let open: Iface | undefined;
    for (const [index, line] of lines.entries()) {
      if (line === '' || line.startsWith('#')) continue;
      const [key = '', ...words] = line.split(/\s+/);
      if (key === 'source') { open = undefined; for (const each of sourced(words[0] ?? '')) file(each); continue; }
      if (key === 'auto' || key === 'allow-hotplug') { open = undefined; for (const word of words) auto.add(word); continue; }
      if (key === 'iface') {
        open = { name: words[0] ?? '', attributes: new Map() };
        ifaces.push(open);
        if (words[1] !== undefined && !['inet', 'inet6'].includes(words[1])) errors.push(`line${String(index + 1)}: iface ${open.name}: unsupported address family '${words[1]}'`);
        if (words[2] !== undefined && !methods.includes(words[2])) errors.push(`line${String(index + 1)}: iface ${open.name}: unsupported address method '${words[2]}'`);
        continue;
      }
      if (open === undefined) { errors.push(`line${String(index + 1)}: error processing line '${line}'`); continue; }
      const value = line.slice(key.length).trim();
      const name = key.replaceAll('_', '-');
      if (value === '') { errors.push(`line${String(index + 1)}: iface ${open.name}: invalid syntax '${line}'`); continue; }
      if (!known.has(name)) errors.push(`line${String(index + 1)}: iface ${open.name}: unsupported keyword (${key})`);
      open.attributes.set(name, [...(open.attributes.get(name) ?? []), value.replaceAll('$IFACE', open.name)]);
    }
  };
  file(text);
  return { auto, ifaces, errors };
}

function ints(words: readonly string[]): number[] {
  return [...new Set(words.flatMap((word) => {
    const match = /^(\d+)(?:-(\d+))?$/.exec(word);
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (match === null || from < 1 || to > 4094 || from > to) throw new Error(`invalid vlan '${word}'`);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  }))].sort((a, b) => a - b);
}

const first = (iface: Iface | undefined, key: string): string | undefined => iface?.attributes.get(key)?.[0];

/** ifreload -a, or ifup -a at boot. Throws what ifupdown2 would say; what could be done stays done. */
export function reload(kernel: Kernel, { auto, ifaces, errors }: Parsed): void {
  if (errors.length > 0) throw new Error(errors.join('\n'));
  const missing: string[] = [];
  const named = (name: string): readonly Iface[] => ifaces.filter((iface) => iface.name === name);
  for (const bridge of ifaces.filter((iface) => iface.attributes.has('bridge-ports') && auto.has(iface.name))) {
    const ports = (first(bridge, 'bridge-ports') ?? '').split(/\s+/).filter((port) => port !== 'none');
    kernel.links[bridge.name] ??= { up: true, pvid: 1, vids: [1] };
    for (const port of ports) {
      const link = kernel.links[port];
      if (link === undefined) {
        missing.push(`${bridge.name}: bridge port ${port} does not exist`);
        continue;
      }
      link.up = true;
      const aware = first(bridge, 'bridge-vlan-aware') === 'yes';
      link.master = bridge.name;
      if (!aware) continue;
      const bridgeVids = first(bridge, 'bridge-vids')?.split(/[\s,]+/);
      // A port without a stanza is made one of without attributes.
      for (const iface of named(port).length === 0 ? [undefined] : named(port)) applyPort(link, iface, bridgeVids, first(bridge, 'bridge-pvid'));
    }
  }
  for (const iface of ifaces) {
    const link = kernel.links[iface.name];
    if (link === undefined) continue;
    const alias = first(iface, 'alias');
    if (alias === undefined) delete link.alias;
    else link.alias = alias;
    link.up = first(iface, 'link-down') !== 'yes';
  }
  if (missing.length > 0) throw new Error(missing.join('\n'));
}

/** _apply_bridge_vlan_aware_port_settings_all: access wins; an own list in place of the bridge's; untagged the own, the bridge's, or 1. */
function applyPort(link: Port, iface: Iface | undefined, bridgeVids: readonly string[] | undefined, bridgePvid: string | undefined): void {
  const access = first(iface, 'bridge-access');
  const vids = access === undefined ? first(iface, 'bridge-vids')?.split(/[\s,]+/) : access.split(/\s+/);
  const pvid = access ?? first(iface, 'bridge-pvid') ?? bridgePvid ?? '1';
  const untagged = first(iface, 'bridge-allow-untagged') === 'no' ? 0 : ints([pvid])[0] ?? 0;
  link.pvid = untagged;
  link.vids = [...new Set([...ints(vids ?? bridgeVids ?? []), ...(untagged === 0 ? [] : [untagged])])].sort((a, b) => a - b);
}

/** `bridge -j vlan show` of iproute2 6.1, which spells out every VLAN. */
export function showVlans({ links }: Kernel): string {
  return `${JSON.stringify(Object.entries(links).filter(([, { vids }]) => vids.length > 0).map(([ifname, { pvid, vids }]) => ({
    ifname, vlans: vids.map((vlan) => ({ vlan, ...(vlan === pvid ? { flags: ['PVID', 'Egress Untagged'] } : {}) })),
  })))}\n`;
}

export function showLinks({ links }: Kernel): string {
  return `${JSON.stringify(Object.entries(links).map(([ifname, { up, master, alias }], index) => ({
    ifindex: index + 1, ifname, flags: ['BROADCAST', 'MULTICAST', ...(up ? ['UP', 'LOWER_UP'] : [])], mtu: 1500, ...(master === undefined ? {} : { master }), operstate: up ? 'UP' : 'DOWN', ...(alias === undefined ? {} : { ifalias: alias }),
  })))}\n`;
}
