/** Names of resources in names of sections, which hold letters, digits and underscores only; and back. Pure. */
import { prefix } from './limits.ts';

/** Parts begin with a letter: so an even run of underscores is hyphens, and an odd one ends with the dot. */
export function encodeName(name: string): string {
  return name.replaceAll('-', '__').replaceAll('.', '_');
}

export function decodeName(text: string): string {
  return text.replaceAll(/_+/g, (run) => `${'-'.repeat(run.length >> 1)}${run.length % 2 === 1 ? '.' : ''}`);
}

export const plainName = /^[a-z][a-z0-9-]{0,30}$/;

export const vlanSection = (id: number): string => `${prefix}v${String(id)}`;
/** The interface on a VLAN: WLANs are put into it. */
export const networkSection = (id: number): string => `${prefix}n${String(id)}`;
/** What soll remembers of a WLAN: which secrets it wrote. */
export const wlanSection = (name: string): string => `${prefix}w_${encodeName(name)}`;
/** One for each radio. */
export const ifaceSection = (name: string, radio: string): string => `${wlanSection(name)}_${radio}`;
