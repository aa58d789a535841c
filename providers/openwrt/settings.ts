/** `settings` of a target, as its schema lets them through. */
import type { Target } from '#contract';

export interface Settings {
  /** The bridge whose ports and VLANs are managed. */
  readonly bridge: string;
  /** Where a WLAN goes for which no VLAN is written. */
  readonly network: string;
}

export function settingsOf({ settings }: Pick<Target, 'settings'>): Settings {
  const text = (value: unknown, fallback: string): string => (typeof value === 'string' ? value : fallback);
  return { bridge: text(settings['bridge'], 'br-lan'), network: text(settings['network'], 'lan') };
}
