/** What the kernel does now: `bridge -j vlan show` and `ip -j link show`, iproute2. Pure. */
import { ProviderError, type Json } from '#contract';
import { isObject } from '#core/canonical';
import type { Membership } from './bridge-config.ts';

export interface Running {
  /** Of every port of every bridge. */
  readonly memberships: ReadonlyMap<string, Membership>;
  /** Whether an interface is up for its administrator; absent: there is no such interface. */
  readonly up: ReadonlyMap<string, boolean>;
}

function parse(text: string, command: string): readonly Json[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value as readonly Json[];
  } catch {
    // Told below.
  }
  throw new ProviderError('protocol', `${command} printed something that is not whole`);
}

/** Ranges come as `vlan` and `vlanEnd` where iproute2 compresses them. */
export function parseVlanShow(text: string): ReadonlyMap<string, Membership> {
  const memberships = new Map<string, Membership>();
  for (const entry of parse(text, 'bridge -j vlan show')) {
    if (!isObject(entry) || typeof entry['ifname'] !== 'string' || !Array.isArray(entry['vlans'])) throw new ProviderError('protocol', 'bridge -j vlan show printed something unexpected');
    const tagged = new Set<number>();
    let untagged: number | undefined;
    for (const vlan of entry['vlans'] as readonly Json[]) {
      if (!isObject(vlan) || typeof vlan['vlan'] !== 'number') throw new ProviderError('protocol', 'bridge -j vlan show printed something unexpected');
      const end = typeof vlan['vlanEnd'] === 'number' ? vlan['vlanEnd'] : vlan['vlan'];
      const pvid = Array.isArray(vlan['flags']) && vlan['flags'].includes('PVID');
      for (let id = vlan['vlan']; id <= end; id += 1) if (!pvid) tagged.add(id);
      if (pvid) untagged = vlan['vlan'];
    }
    memberships.set(entry['ifname'], { untagged, tagged });
  }
  return memberships;
}

export function parseLinks(text: string): ReadonlyMap<string, boolean> {
  return new Map(parse(text, 'ip -j link show').map((entry): [string, boolean] => {
    if (!isObject(entry) || typeof entry['ifname'] !== 'string' || !Array.isArray(entry['flags'])) throw new ProviderError('protocol', 'ip -j link show printed something unexpected');
    return [entry['ifname'], entry['flags'].includes('UP')];
  }));
}
