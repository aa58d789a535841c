import { contains, hasHostBits, overlaps, parseCidr, type Cidr } from '#core/ip';
import type { CustomerFiles } from './customer-files.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';

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

/** VLAN ids and subnets of each site, and across the sites that a VPN may join. */
export function checkNetwork({ network }: CustomerFiles): readonly PendingProblem[] {
  if (network === undefined) return [];
  const problems: PendingProblem[] = [];
  const all: { readonly site: string; readonly name: string; readonly subnet: Cidr; readonly at: Place }[] = [];
  for (const [site, { vlans = {} }] of Object.entries(network.value.sites)) {
    const ids = new Map<number, string>();
    for (const [name, vlan] of Object.entries(vlans)) {
      const at = (field: string): Place => ({ file: network.file, pointer: `/sites/${escapePointer(site)}/vlans/${escapePointer(name)}${field}`, part: 'value' });
      const twin = ids.get(vlan.id);
      if (twin !== undefined) problems.push({ code: 'network.duplicate-vlan', severity: 'error', message: `VLAN id ${String(vlan.id)} is also used by ${twin}`, hint: 'one id per VLAN and site', at: at('/id'), related: [{ message: `${twin} here`, at: { file: network.file, pointer: `/sites/${escapePointer(site)}/vlans/${escapePointer(twin)}/id`, part: 'value' } }] });
      else ids.set(vlan.id, name);
      const subnet = vlan.subnet === undefined ? undefined : readNetwork(vlan.subnet, at('/subnet'), problems);
      if (subnet === undefined) continue;
      const gateway = vlan.gateway === undefined ? undefined : readNetwork(vlan.gateway, at('/gateway'), problems);
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
