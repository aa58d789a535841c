/**
 * What firmware targets should run, and whether they do. A policy, not a kind: what is written is a bound and not a state, every version above it is right,
 * and soll puts no firmware on a device. So nothing here is ever a change, a drift or a deletion; it is told, with the window in which it is due.
 */
import type { Identity } from '#contract';
import type { CustomerDocument } from '#generated/types';
import { compareVersions } from './compare-version.ts';
import { matchesGlob } from './matches-glob.ts';

/** One rule of a customer or of a standard that the customer subscribes to, with its parameters in place. */
export interface FirmwareRule {
  readonly name: string;
  /** Absent: the customer's own. */
  readonly standard?: string;
  /** Targets that it is about, whatever they are found to be. */
  readonly targets: readonly string[];
  /** Pattern, `*` inside: only what calls itself like this. */
  readonly product?: string;
  readonly minimum?: string;
  readonly channel?: string;
  /** Absent: the maintenance windows of the customer. */
  readonly window?: NonNullable<CustomerDocument['maintenance']>;
  /** By target: somebody answers for it until a day. */
  readonly accepted: Readonly<Record<string, FirmwareAccepted>>;
}

export interface FirmwareAccepted {
  readonly reason: string;
  readonly owner: string;
  /** Last day, ISO date. */
  readonly until: string;
}

/** What a target says of itself; hostile text. */
export type FirmwareSeen = Pick<Identity, 'product' | 'version' | 'channel'>;

/** One thing that a rule asks of a target. */
export interface FirmwareStanding {
  readonly rule: string;
  readonly standard?: string;
  readonly about: 'version' | 'channel';
  /** The version that it should have at least, or its channel. */
  readonly wanted: string;
  /** What it says; absent: it was not read, or says nothing. */
  readonly found?: string;
  readonly product?: string;
  /** `unknown` is neither: it is told, never taken for one of them. */
  readonly state: 'met' | 'missed' | 'unknown';
  /**
   * Of `unknown`. `not-read`: the target did not answer, or nobody has looked. `untold`: it tells no version or channel. `not-comparable`: it tells one that
   * cannot be compared with what is wanted.
   */
  readonly why?: 'not-read' | 'untold' | 'not-comparable';
  readonly accepted?: FirmwareAccepted;
}

/** A standing of one target, with the window in which something about it may be done. */
export interface FirmwareNote {
  readonly target: string;
  readonly standing: FirmwareStanding;
  /** Where something is missed and nobody answers for that. */
  readonly due?: FirmwareDue;
}

export interface FirmwareDue {
  readonly state: 'now' | 'window';
  readonly why: { readonly en: string; readonly de: string };
  /** ISO 8601, UTC: when the window closes that is open, or opens that is shut. */
  readonly at?: string;
}

/** What the rules say of one target, in their order. `seen`: `undefined` where nothing is known of it. */
export function judgeFirmware(rules: readonly FirmwareRule[], target: string, seen: FirmwareSeen | undefined): readonly FirmwareStanding[] {
  return rules.filter(({ targets, product }) => targets.includes(target) && (product === undefined || seen === undefined || matchesGlob(product, seen.product))).flatMap((rule) => {
    const about = {
      rule: rule.name, ...(rule.standard === undefined ? {} : { standard: rule.standard }), ...(seen === undefined ? {} : { product: short(seen.product) }),
    };
    const accepted = rule.accepted[target];
    const told = (standing: FirmwareStanding): FirmwareStanding => (standing.state === 'met' || accepted === undefined ? standing : { ...standing, accepted });
    return [
      ...(rule.minimum === undefined ? [] : [told({ ...about, about: 'version', wanted: rule.minimum, ...versionOf(rule.minimum, seen) })]),
      ...(rule.channel === undefined ? [] : [told({ ...about, about: 'channel', wanted: rule.channel, ...channelOf(rule.channel, seen) })]),
    ];
  });
}

/** Somebody else's text. */
function short(text: string): string {
  return text.slice(0, 128);
}

type Judged = Pick<FirmwareStanding, 'state' | 'why' | 'found'>;

function versionOf(minimum: string, seen: FirmwareSeen | undefined): Judged {
  if (seen === undefined) return { state: 'unknown', why: 'not-read' };
  if (seen.version === '') return { state: 'unknown', why: 'untold' };
  const order = compareVersions(seen.version, minimum);
  return { found: short(seen.version), ...(order === undefined ? { state: 'unknown', why: 'not-comparable' } : { state: order < 0 ? 'missed' : 'met' }) };
}

function channelOf(channel: string, seen: FirmwareSeen | undefined): Judged {
  if (seen === undefined) return { state: 'unknown', why: 'not-read' };
  return seen.channel === undefined ? { state: 'unknown', why: 'untold' } : { found: short(seen.channel), state: seen.channel.toLowerCase() === channel.toLowerCase() ? 'met' : 'missed' };
}

/** Whether somebody must do something about it: put on a newer version, or write the rule otherwise. That a target is silent is told elsewhere. */
export function needsSomebody({ state, why, about, accepted }: FirmwareStanding): boolean {
  return accepted === undefined && (state === 'missed' || (state === 'unknown' && why !== 'not-read' && about === 'version'));
}
