/** Who may approve what, as written at one commit. */
import type { CustomerDocument, SollDocument } from '#generated/types';
import type { Address, RiskLevel } from '#contract';

export type People = NonNullable<SollDocument['people']>;

export interface Policy {
  readonly people: People;
  readonly approval?: SollDocument['approval'];
  readonly signOff?: CustomerDocument['signOff'];
}

/** What rules look at. */
export interface LeafFacts {
  readonly digest: string;
  readonly addresses: readonly Address[];
  /** The highest of its changes. */
  readonly risk: RiskLevel;
}

export interface Requirement {
  readonly source: 'rule' | 'default' | 'sign-off';
  /** Short names, sorted. */
  readonly people: readonly string[];
  readonly count: number;
}

/** Whether this key is theirs on the day of that moment (ISO 8601, UTC). */
export function holdsKey({ keys }: People[string], key: string | undefined, at: string): boolean {
  const day = at.slice(0, 10);
  return (keys ?? []).some((each) => each.key === key && (each.from === undefined || each.from <= day) && (each.until === undefined || day <= each.until));
}

/** A contract that wants the customer's word is honoured even where the repository has no rules: then the default counts. */
export function inForce({ approval, signOff }: Policy): boolean {
  return approval !== undefined || signOff !== undefined;
}

export function lifetimeMs({ approval }: Policy): number {
  return (approval?.lifetimeHours ?? 336) * 3_600_000;
}
