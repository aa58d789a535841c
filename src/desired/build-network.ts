/** VLANs, WLANs and ports from network.yaml: once per site or switch, realised on its devices, with VLANs as numbers. */
import type { Target } from '#contract';
import { allTagged, vlanIdOf, type VlansByName } from '#core/vlan-names';
import type { NetworkDocument } from '#generated/types';
import type { LoadedDocument } from './customer-files.ts';
import { escapePointer } from './place.ts';

type Site = NetworkDocument['sites'][string];
type Wlan = NonNullable<Site['ssids']>[string];
type Port = NonNullable<NonNullable<NetworkDocument['switches']>[string]['ports']>[string];

export interface NetworkParts {
  readonly add: (target: string, kind: string, name: string, spec: object, pointer: string, was?: string) => void;
  readonly write: (target: string, kind: string) => void;
}

/** Targets of a site that an item is realised on; `named`: its own list. */
export function realisedOn(targets: readonly Target[], site: string, kind: string, named?: readonly string[]): readonly Target[] {
  return targets.filter((target) => target.site === site && target.manages[kind] !== undefined && named?.includes(target.name) !== false);
}

export function buildNetwork({ value }: LoadedDocument<NetworkDocument>, targets: readonly Target[], { add, write }: NetworkParts): void {
  for (const [site, { vlans, ssids }] of Object.entries(value.sites)) {
    const base = `/sites/${escapePointer(site)}`;
    if (vlans !== undefined) for (const { name } of realisedOn(targets, site, 'vlan')) write(name, 'vlan');
    for (const [name, { was, targets: named, ...spec }] of Object.entries(vlans ?? {})) {
      for (const target of realisedOn(targets, site, 'vlan', named)) add(target.name, 'vlan', name, spec, `${base}/vlans/${escapePointer(name)}`, was);
    }
    if (ssids !== undefined) for (const { name } of realisedOn(targets, site, 'ssid')) write(name, 'ssid');
    for (const [name, { was, targets: named, ...wlan }] of Object.entries(ssids ?? {})) {
      for (const target of realisedOn(targets, site, 'ssid', named)) add(target.name, 'ssid', name, wlanSpec(vlans ?? {}, wlan), `${base}/ssids/${escapePointer(name)}`, was);
    }
  }
  for (const [name, { ports }] of Object.entries(value.switches ?? {})) {
    const target = targets.find((each) => each.name === name);
    if (ports === undefined || target === undefined) continue;
    write(name, 'switch-port');
    const vlans = value.sites[target.site ?? '']?.vlans ?? {};
    for (const [port, spec] of Object.entries(ports)) add(name, 'switch-port', port, portSpec(vlans, spec), `/switches/${escapePointer(name)}/ports/${escapePointer(port)}`);
  }
}

/** A name that leads nowhere is told by the checks and left out here. */
function vlanField(vlans: VlansByName, field: string, name: string | number | undefined): Readonly<Record<string, number>> {
  const id = name === undefined ? undefined : vlanIdOf(vlans, name);
  return id === undefined ? {} : { [field]: id };
}

export function wlanSpec(vlans: VlansByName, { vlan, ...spec }: Omit<Wlan, 'was' | 'targets'>): object {
  return { ...spec, ...vlanField(vlans, 'vlan', vlan) };
}

function portSpec(vlans: VlansByName, { vlan, native, tagged, ...spec }: Port): object {
  const outside = vlanField(vlans, 'native', native);
  return {
    ...spec, ...vlanField(vlans, 'vlan', vlan), ...outside,
    ...(tagged === undefined ? {} : { tagged: typeof tagged === 'string' ? allTagged(vlans, outside['native']) : tagged.flatMap((name) => vlanIdOf(vlans, name) ?? []) }),
  };
}
