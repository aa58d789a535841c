/** What `soll status` says of a customer, from Git alone. */
import type { Verdict } from '#contract';

/**
 * Worst first.
 * - `damaged`: the audit branch cannot be believed
 * - `open`: a run was opened and is not closed: under way, or broken off
 * - `held`: the outcome at a target is unknown
 * - `diverged`: what was applied last is not part of this branch
 * - `incomplete`: a target was reverted or partly applied, and nothing has put that right since
 * - `removed`: resources are applied and the customer's folder is gone
 * - `left-over`: the last run left out what was not approved or had moved
 * - `waiting`: commits touch the customer that were not applied
 * - `never`: written, and never applied
 */
export const statusStates = ['damaged', 'open', 'held', 'diverged', 'incomplete', 'removed', 'left-over', 'waiting', 'never', 'clean'] as const;
export type StatusState = (typeof statusStates)[number];

export interface WaitingCommit {
  readonly commit: string;
  /** ISO 8601, when it came into the branch. */
  readonly at: string;
  readonly author: string;
  readonly subject: string;
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
}
