/** Lines that make, rename and remove VLANs. Pure. */
import type { ProfileName } from './settings.ts';

/** What a VLAN is called that nobody named: `VLAN0020` on IOS, `20` on small business. */
export function defaultName(id: number, profile: ProfileName): string {
  return profile === 'ios' ? `VLAN${String(id).padStart(4, '0')}` : String(id);
}

export interface VlanState {
  readonly id: number;
  readonly name: string;
}

/** In configuration mode; ends there. Another id is another VLAN: the old one goes first, because names are unique. */
export function vlanLines(before: VlanState | undefined, after: VlanState | undefined, profile: ProfileName): readonly string[] {
  const moves = before !== undefined && after !== undefined && before.id !== after.id;
  const gone = before !== undefined && (after === undefined || moves) ? [`no vlan ${String(before.id)}`] : [];
  const made = after !== undefined && (before === undefined || moves) ? [`vlan ${String(after.id)}`] : [];
  const current = before === undefined || moves ? undefined : before.name;
  const name = after === undefined || after.name === (current ?? defaultName(after.id, profile)) ? [] : [after.name === defaultName(after.id, profile) ? 'no name' : `name ${after.name}`];
  if (profile === 'ios') return [...gone, ...(after === undefined || (made.length === 0 && name.length === 0) ? [] : [`vlan ${String(after.id)}`, ...name, 'exit'])];
  return [
    ...(gone.length + made.length === 0 ? [] : ['vlan database', ...gone, ...made, 'exit']),
    ...(after === undefined || name.length === 0 ? [] : [`interface vlan ${String(after.id)}`, ...name, 'exit']),
  ];
}
