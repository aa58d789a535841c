/** What `soll status` says of a customer, from Git alone. */
import type { Verdict } from '#contract';
import type { KeptStanding } from './config-backup.ts';
import type { FirmwareNote } from './firmware.ts';
import type { ObservedReading } from './observation.ts';

/**
 * Worst first.
 * - `damaged`: the audit branch cannot be believed
 * - `open`: a run was opened and is not closed: under way, or broken off
 * - `held`: the outcome at a target is unknown
 * - `diverged`: what was applied last is not part of this branch
 * - `incomplete`: a target was reverted or partly applied, and nothing has put that right since
 * - `unpushed`: records or configurations lie in this clone alone, kept while the remote could not be asked
 * - `invalid`: the files have errors: nothing can be planned
 * - `removed`: resources are applied and the customer's folder is gone
 * - `review-overdue`: an emergency should have been looked at by a second person
 * - `unreachable`: a target did not answer when it was looked at last
 * - `drift`: something was changed on a target when it was looked at last
 * - `expired`: a deviation has ended
 * - `firmware`: a target runs what it should not, or tells a version that cannot be compared with what is asked
 * - `backup`: the kept configuration of a device is older than promised, or there is none
 * - `left-over`: the last run left out what was not approved or had moved
 * - `approval`: something was shown for approval and is not approved
 * - `review-due`: an emergency waits for the look of a second person
 * - `waiting`: commits touch the customer that were not applied, or what is approved was not applied
 * - `window`: the same, and nothing can be done before a freeze ends or a window opens
 * - `never`: written, and never applied
 */
export const statusStates = ['damaged', 'open', 'held', 'diverged', 'incomplete', 'unpushed', 'invalid', 'removed', 'review-overdue', 'unreachable', 'drift', 'expired', 'firmware', 'backup', 'left-over', 'approval', 'review-due', 'waiting', 'window', 'never', 'clean'] as const;
export type StatusState = (typeof statusStates)[number];

export interface WaitingCommit {
  readonly commit: string;
  /** ISO 8601, when it came into the branch. */
  readonly at: string;
  readonly author: string;
  readonly subject: string;
}

/** A target as it was seen last; times are ISO 8601, UTC. */
export interface SeenTarget {
  readonly target: string;
  /** `never`: nobody has looked at it, or nobody has noted it. */
  readonly state: 'ok' | 'drift' | 'unreachable' | 'never';
  /** The last time that it could be read. */
  readonly seen?: string;
  /** Commit that it was compared with. */
  readonly commit?: string;
  /** As it was then, by risk. */
  readonly drift?: ObservedReading['drift'];
  /** Of `drift` and `unreachable`: when that was seen first. */
  readonly since?: string;
}

/** What was shown for approval and is not applied. */
export interface PendingPlan {
  readonly digest: string;
  readonly commit: string;
  readonly at: string;
  readonly pull?: number;
  /** Digest of the set that it was shown with. */
  readonly fleet?: string;
  /** Leaves that are not applied. */
  readonly leaves: number;
  /** Of them those that are approved, and by whom. */
  readonly approved: number;
  readonly by: readonly string[];
  /** The first of these approvals to end. */
  readonly expires?: string;
  /** What is missing, of the first leaf that is not approved. */
  readonly why?: Text;
}

interface Text {
  readonly en: string;
  readonly de: string;
}

/** What holds everything back that needs it. */
export interface StatusHold {
  readonly state: 'freeze' | 'window';
  readonly why: Text;
  /** ISO 8601, UTC, where known. */
  readonly until?: string;
}

export interface StatusReview {
  readonly run: string;
  readonly at: string;
  readonly ticket: string;
  readonly reviewDue: string;
  readonly state: 'due' | 'overdue';
}

export interface CustomerStatus {
  readonly customer: string;
  readonly state: StatusState;
  /** Of `damaged`. */
  readonly why?: string;
  readonly lastRun?: { readonly run: string; readonly at: string; readonly closedAt?: string; readonly commit: string; readonly verdict: Verdict | 'open'; readonly operator: string };
  /** Targets whose last outcome is unknown. */
  readonly held: readonly { readonly target: string; readonly run: string; readonly why: string }[];
  /** Targets whose last run did not reach what was written. */
  readonly incomplete: readonly { readonly target: string; readonly run: string; readonly verdict: 'reverted' | 'partial' }[];
  /** Changes that the last run left out: not approved, or moved since. */
  readonly leftOver: number;
  /** Commits on this branch that touch the customer's folder and were never applied, newest first. */
  readonly waiting: readonly WaitingCommit[];
  /** Under the ledger's care. */
  readonly resources: number;
  /** Every target that is written, as it was seen last. */
  readonly seen: readonly SeenTarget[];
  /** Newest first. */
  readonly approvals: readonly PendingPlan[];
  /** A freeze, or a shut window where something waits for it. */
  readonly hold?: StatusHold;
  /** Emergencies that nobody else has looked at. */
  readonly reviews: readonly StatusReview[];
  /** Deviations that have ended, in words. */
  readonly expired: readonly string[];
  /** Errors in the files. */
  readonly invalid: readonly string[];
  /** Of every rule about the firmware of a target, by what it said when it was read last. */
  readonly firmware: readonly FirmwareNote[];
  /** What lies in this clone alone and waits for `soll audit push`; absent: nothing. */
  readonly unpushed?: readonly ('records' | 'configurations')[];
  /** Of every target whose family hands out its configuration. */
  readonly kept: readonly KeptStanding[];
}
