/**
 * What the last look at a customer's live systems found: counts, times and what the systems say they run; no values, no names of what differs. Stands on
 * `observed/<customer>`.
 */
import type { Identity, RiskLevel } from '#contract';
import type { FirmwareSeen } from './firmware.ts';

export interface Observation {
  readonly version: 1;
  readonly customer: string;
  /** By name. */
  readonly targets: Readonly<Record<string, ObservedTarget>>;
}

export interface ObservedTarget {
  /** The last time that it could be read; absent: it never could. */
  readonly read?: ObservedReading;
  /** Since then it could not be read any more. */
  readonly unreachable?: {
    /** First failure in a row, ISO 8601, UTC. */
    readonly since: string;
    readonly at: string;
  };
  /** Its configuration was fetched last, or seen unchanged. */
  readonly kept?: { /** ISO 8601, UTC. */ readonly at: string };
}

export interface ObservedReading {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Desired-state commit that it was compared with. */
  readonly commit: string;
  /** Resources. */
  readonly compared: number;
  /** Differences that nobody wrote, by what putting them back would risk. */
  readonly drift: Readonly<Record<RiskLevel, number>>;
  /** When drift was first seen without a break since. */
  readonly since?: string;
  /** As it says itself; absent in what an older soll has noted. */
  readonly runs?: FirmwareSeen;
}

export const observationFile = 'observed.json';

export function driftCount({ drift }: Pick<ObservedReading, 'drift'>): number {
  return drift.low + drift.medium + drift.high + drift.critical;
}

/** What one look says of a target. */
export type Look = { readonly status: 'unreachable' } | { readonly status: 'kept'; /** ISO 8601, UTC. */ readonly at: string } | { readonly status: 'read'; readonly commit: string; readonly compared: number; readonly drift: ObservedReading['drift']; readonly runs?: FirmwareSeen };

export interface LookedAt {
  readonly customer: string;
  readonly targets: Readonly<Record<string, Look>>;
  /** All of the customer's targets; `undefined`: these are some of them, what is known of others stays. */
  readonly all?: readonly string[];
}

/** What is known after a look. `at`: ISO 8601, UTC. */
export function afterLook(before: Observation | undefined, { customer, targets, all }: LookedAt, at: string): Observation {
  const kept = Object.entries(before?.targets ?? {}).filter(([name]) => all?.includes(name) !== false);
  const known = new Map<string, ObservedTarget>(kept);
  for (const [name, look] of Object.entries(targets)) known.set(name, targetAfter(known.get(name), look, at));
  return { version: 1, customer, targets: Object.fromEntries([...known].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function targetAfter(before: ObservedTarget | undefined, look: Look, at: string): ObservedTarget {
  if (look.status === 'kept') return { ...before, kept: { at: look.at } };
  const kept = before?.kept === undefined ? {} : { kept: before.kept };
  if (look.status === 'unreachable') return { ...(before?.read === undefined ? {} : { read: before.read }), unreachable: { since: before?.unreachable?.since ?? at, at }, ...kept };
  const { commit, compared, drift, runs } = look;
  const since = driftCount({ drift }) === 0 ? undefined : before?.read?.since ?? at;
  return { read: { at, commit, compared, drift, ...(since === undefined ? {} : { since }), ...(runs === undefined ? {} : { runs }) }, ...kept };
}

/** Somebody else's text, bounded. */
export function runsOf({ product, version, channel }: Identity): FirmwareSeen {
  const short = (text: string): string => text.slice(0, 128);
  return { product: short(product), version: short(version), ...(channel === undefined ? {} : { channel: short(channel) }) };
}

/** Whether two say the same, whenever it was seen. */
export function saysTheSame(a: Observation, b: Observation): boolean {
  const said = ({ targets }: Observation): string => JSON.stringify(Object.entries(targets).map(([name, { read, unreachable }]) => [name, read?.drift, read?.runs, unreachable?.since]));
  return said(a) === said(b);
}

const levels = ['low', 'medium', 'high', 'critical'] as const;

/** Anybody who can push could have written it. `undefined`: it is none of ours. */
export function parseObservation(text: string, customer: string): Observation | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isMap(value) || value['version'] !== 1 || value['customer'] !== customer || !isMap(value['targets'])) return undefined;
  return Object.values(value['targets']).every(isTarget) ? value as unknown as Observation : undefined;
}

function isTarget(value: unknown): boolean {
  if (!isMap(value)) return false;
  const { read, unreachable, kept } = value;
  const readable = read === undefined || (isMap(read) && isTime(read['at']) && typeof read['commit'] === 'string' && isCount(read['compared']) && (read['since'] === undefined || isTime(read['since'])) && isMap(read['drift']) && levels.every((level) => isCount((read['drift'] as Record<string, unknown>)[level])) && isRuns(read['runs']));
  return readable && (unreachable === undefined || (isMap(unreachable) && isTime(unreachable['since']) && isTime(unreachable['at']))) && (kept === undefined || (isMap(kept) && isTime(kept['at']))) && (read !== undefined || unreachable !== undefined || kept !== undefined);
}

function isRuns(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isMap(value)) return false;
  const { product, version, channel } = value;
  return [product, version, channel ?? ''].every((text) => typeof text === 'string' && text.length <= 128);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value) && Number.isFinite(Date.parse(value));
}
