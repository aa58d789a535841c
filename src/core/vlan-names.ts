/** VLANs are written by name and are numbers on devices. VLAN 1 is there on every switch and has no name here: it is written as 1. */

export type VlansByName = Readonly<Record<string, { readonly id: number }>>;

/** `undefined`: there is no such VLAN at the site. */
export function vlanIdOf(vlans: VlansByName, name: string | number): number | undefined {
  if (typeof name === 'number') return name === 1 ? 1 : undefined;
  return Object.hasOwn(vlans, name) ? vlans[name]?.id : undefined;
}

/** How a number is written. */
export function vlanNameOf(vlans: VlansByName, id: number): string | number | undefined {
  return id === 1 ? 1 : Object.keys(vlans).find((name) => vlans[name]?.id === id);
}

/** What `tagged: all` means. */
export function allTagged(vlans: VlansByName, native: number | undefined): readonly number[] {
  return Object.values(vlans).map(({ id }) => id).filter((id) => id !== native).sort((a, b) => a - b);
}
