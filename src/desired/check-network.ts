import type { Target } from '#contract';
import { contains, hasHostBits, overlaps, parseCidr, type Cidr } from '#core/ip';
import { vlanIdOf, vlanNameOf, type VlansByName } from '#core/vlan-names';
import type { NetworkDocument } from '#generated/types';
import type { CustomerFiles } from './customer-files.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';
import { didYouMean } from './suggest.ts';

type Vlan = NonNullable<NetworkDocument['sites'][string]['vlans']>[string];

/** An address or a network without host bits; `undefined` and a problem when it is neither. */
export function readNetwork(text: string, at: Place, problems: PendingProblem[]): Cidr | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined) {
    problems.push({ code: 'ip.invalid', severity: 'error', message: `${JSON.stringify(text.slice(0, 60))} is not an address or network`, hint: 'four decimal numbers without leading zeros, or IPv6; a name is not looked up', at });
    return undefined;
  }
  if (hasHostBits(cidr)) {
    problems.push({ code: 'ip.host-bits', severity: 'error', message: `${text} has bits set behind the prefix`, hint: 'write the network itself, for example 192.168.10.0/24', at });
    return undefined;
  }
  return cidr;
}

/** One host; `undefined` and a problem when it is anything else. */
export function readHost(text: string, at: Place, problems: PendingProblem[]): Cidr | undefined {
  const cidr = parseCidr(text);
  if (cidr?.prefix === (cidr?.family === 6 ? 128 : 32)) return cidr;
  problems.push({ code: 'ip.invalid', severity: 'error', message: `${JSON.stringify(text.slice(0, 60))} is not an address`, hint: 'one host: four decimal numbers without leading zeros, or IPv6; a name is not looked up', at });
  return undefined;
}

/** Is there such a VLAN at the site? Tells where it is not. */
export function checkVlanName(vlans: VlansByName, name: string | number, site: string, at: Place, problems: PendingProblem[], needs?: string): boolean {
  if (vlanIdOf(vlans, name) !== undefined) return true;
  const called = typeof name === 'number' ? vlanNameOf(vlans, name) : undefined;
  problems.push(typeof name === 'number'
    ? { code: 'network.vlan-by-id', severity: 'error', message: `${String(name)} is a number, and VLANs are named here`, hint: called === undefined ? `write a VLAN with this id below sites.${site}.vlans, and its name here` : `write its name: ${String(called)}`, at }
    : { code: 'reference.unresolved', severity: 'error', message: `there is no VLAN ${name} at ${site}`, hint: didYouMean(name, Object.keys(vlans)), at, ...(needs === undefined ? {} : { needs }) });
  return false;
}

export interface ItemTargets {
  readonly targets: readonly Target[];
  readonly site: string;
  readonly kind: string;
  readonly name: string;
  /** What the item names; absent: every one of the site. */
  readonly named: readonly string[] | undefined;
  readonly place: (suffix: string) => Place;
}

/** An item may name its targets: such that are at its site and manage it. */
export function checkItemTargets({ targets, site, kind, name, named = [], place }: ItemTargets, problems: PendingProblem[]): void {
  const here = targets.filter((target) => target.site === site && target.manages[kind] !== undefined).map((target) => target.name);
  named.forEach((wanted, index) => {
    if (here.includes(wanted)) return;
    const target = targets.find((each) => each.name === wanted);
    const why = target === undefined ? `there is no target ${wanted} in targets.yaml` : target.site === site ? `${wanted} does not manage ${kind}, so it cannot have ${name}` : `${wanted} is not at ${site}`;
    problems.push({ code: 'network.target', severity: 'error', message: why, hint: didYouMean(wanted, here), at: place(`/${String(index)}`), needs: 'targets.yaml' });
  });
}

/** Numeric order of two addresses of one family. */
function isAfter(a: Cidr, b: Cidr): boolean {
  const index = a.bytes.findIndex((byte, position) => byte !== b.bytes[position]);
  return index >= 0 && (a.bytes[index] ?? 0) > (b.bytes[index] ?? 0);
}

function checkDhcp({ dhcp, subnet: written, gateway: router }: Vlan, subnet: Cidr | undefined, gateway: Cidr | undefined, at: (field: string, part?: Place['part']) => Place, problems: PendingProblem[]): void {
  if (dhcp === undefined) return;
  const tell = (code: string, message: string, hint: string, where: Place): void => void problems.push({ code, severity: 'error', message, hint, at: where });
  if (written === undefined) tell('network.dhcp-subnet', 'addresses are given out of a network that is not written', 'write the subnet of this VLAN', at('/dhcp', 'key'));
  dhcp.dns?.forEach((server, index) => readHost(server, at(`/dhcp/dns/${String(index)}`), problems));
  const [from, to] = [readHost(dhcp.from, at('/dhcp/from'), problems), readHost(dhcp.to, at('/dhcp/to'), problems)];
  if (from === undefined || to === undefined || subnet === undefined) return;
  const outside = ([['from', from], ['to', to]] as const).filter(([, address]) => !contains(subnet, address));
  for (const [field] of outside) tell('network.dhcp-range', `${dhcp[field]} is not in ${String(written)}`, 'take addresses of the subnet', at(`/dhcp/${field}`));
  if (outside.length > 0) return;
  if (isAfter(from, to)) tell('network.dhcp-range', `${dhcp.to} is before ${dhcp.from}`, 'the smaller address first', at('/dhcp/to'));
  else if (gateway?.family === from.family && !isAfter(from, gateway) && !isAfter(gateway, to)) tell('network.dhcp-gateway', `the range holds the gateway ${String(router)}`, 'begin behind it, or end before it: a host that gets its address would cut off all others', at('/dhcp/from'));
}

/** VLAN ids and subnets of each site, and across the sites that a VPN may join. */
export function checkNetwork({ network }: CustomerFiles, targets: readonly Target[] = []): readonly PendingProblem[] {
  if (network === undefined) return [];
  const problems: PendingProblem[] = [];
  const all: { readonly site: string; readonly name: string; readonly subnet: Cidr; readonly at: Place }[] = [];
  for (const [site, { vlans = {} }] of Object.entries(network.value.sites)) {
    const ids = new Map<number, string>();
    for (const [name, vlan] of Object.entries(vlans)) {
      const at = (field: string, part: Place['part'] = 'value'): Place => ({ file: network.file, pointer: `/sites/${escapePointer(site)}/vlans/${escapePointer(name)}${field}`, part });
      const twin = ids.get(vlan.id);
      if (twin !== undefined) problems.push({ code: 'network.duplicate-vlan', severity: 'error', message: `VLAN id ${String(vlan.id)} is also used by ${twin}`, hint: 'one id per VLAN and site', at: at('/id'), related: [{ message: `${twin} here`, at: { file: network.file, pointer: `/sites/${escapePointer(site)}/vlans/${escapePointer(twin)}/id`, part: 'value' } }] });
      else ids.set(vlan.id, name);
      checkItemTargets({ targets, site, kind: 'vlan', name, named: vlan.targets, place: (suffix) => at(`/targets${suffix}`) }, problems);
      const subnet = vlan.subnet === undefined ? undefined : readNetwork(vlan.subnet, at('/subnet'), problems);
      const gateway = vlan.gateway === undefined ? undefined : readNetwork(vlan.gateway, at('/gateway'), problems);
      checkDhcp(vlan, subnet, gateway, at, problems);
      if (subnet === undefined) continue;
      if (gateway !== undefined && !contains(subnet, gateway)) problems.push({ code: 'network.gateway', severity: 'error', message: `the gateway ${String(vlan.gateway)} is not in ${String(vlan.subnet)}`, hint: 'take an address of the subnet', at: at('/gateway') });
      for (const other of all) {
        if (!overlaps(other.subnet, subnet)) continue;
        const same = other.site === site;
        problems.push({
          code: 'network.overlap', severity: same ? 'error' : 'warning', message: `${String(vlan.subnet)} overlaps with ${other.name}${same ? '' : ` of ${other.site}`}`,
          hint: same ? 'give each VLAN a network of its own' : 'the two sites can never be joined by a VPN like this', at: at('/subnet'), related: [{ message: `${other.name} here`, at: other.at }],
        });
      }
      all.push({ site, name, subnet, at: at('/subnet') });
    }
  }
  return problems;
}
