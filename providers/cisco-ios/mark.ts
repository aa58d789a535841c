/**
 * The mark of a run in the running configuration: whose guard it is, and how far it came. A device has no other place for it that the guard takes
 * back together with the change. IOS: an alias of the command line; small business, which has none: a static host of the documentation network.
 */
import { markAddress } from './limits.ts';
import type { Section } from './parse-config.ts';
import type { ProfileName } from './settings.ts';

export interface Mark {
  readonly token: string;
  /** Number of the run, so that a late one is found out. */
  readonly fence: number;
  /**
   * `armed`: written before the guard, so it is what stays when the guard has fired. `open`: armed, nothing written yet. `done`: written, with the
   * hash of the configuration. `confirmed`: the same, and confirmed by us.
   */
  readonly phase: 'armed' | 'open' | 'done' | 'confirmed';
  readonly hash: string;
}

const alias = 'soll-guard';
const iosLine = /^alias exec soll-guard ([0-9a-f]{8,64}) (\d+) (armed|open|done|confirmed) ([0-9a-f]+)$/;
const smallLine = /^ip host soll-guard-([0-9a-f]{8,64})-(\d+)-(armed|open|done|confirmed)-([0-9a-f]+) \S+$/;

export function isMark(line: string): boolean {
  return line.startsWith(`alias exec ${alias} `) || line.startsWith('ip host soll-guard-');
}

export function findMark(sections: readonly Section[]): Mark | undefined {
  for (const { head } of sections) {
    const match = iosLine.exec(head) ?? smallLine.exec(head);
    if (match !== null) return { token: match[1] ?? '', fence: Number(match[2]), phase: match[3] as Mark['phase'], hash: match[4] ?? '' };
  }
  return undefined;
}

/** Configuration lines that put this mark in place of the old one. */
export function markLines(profile: ProfileName, mark: Mark, old: Mark | undefined): readonly string[] {
  const text = (separator: string, { token, fence, phase, hash }: Mark): string => [token, String(fence), phase, hash].join(separator);
  if (profile === 'ios') return [`alias exec ${alias} ${text(' ', mark)}`];
  return [...(old === undefined ? [] : [`no ip host soll-guard-${text('-', old)}`]), `ip host soll-guard-${text('-', mark)} ${markAddress}`];
}

export function unmarkLines(profile: ProfileName, old: Mark): readonly string[] {
  return profile === 'ios' ? [`no alias exec ${alias}`] : [`no ip host soll-guard-${[old.token, String(old.fence), old.phase, old.hash].join('-')}`];
}
