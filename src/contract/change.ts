import type { Address } from './address.ts';
import type { Json, JsonObject } from './json.ts';
import type { Reason, Verb } from './resource.ts';

/**
 * One change of one resource, as data. `before` and `after` are canonical and hold owned fields only: an edit of a field that we
 * do not own neither shows nor makes an approval stale.
 */
export interface Change {
  readonly verb: Verb;
  readonly address: Address;
  readonly reason: Reason;
  /** The owned part of what was read. Absent for a create. */
  readonly before?: JsonObject;
  /** What must be there afterwards. Absent for delete and release. */
  readonly after?: JsonObject;
  /** A rename: the address the object has until now. */
  readonly was?: Address;
  /** The create brings back a soft-deleted object. */
  readonly restore?: boolean;
  /** From the live object, for the provider. Never compared, never in the digest. */
  readonly handle?: Json;
}

/** The record is the deed: no device is spoken to. */
export function isLedgerOnly(verb: Verb): verb is 'adopt' | 'release' | 'identify' {
  return verb === 'adopt' || verb === 'release' || verb === 'identify';
}

/**
 * How a target commits.
 * - `confirmed`: at once, with a dead-man's switch that undoes it unless confirmed
 * - `staged`: written aside, then activated
 * - `atomic`: at once, no undo of its own
 * - `object`: object by object
 */
export type Atomicity = 'confirmed' | 'staged' | 'atomic' | 'object';

/** A whole configuration is the leaf that is approved and becomes stale as one; object by object, each change is. */
export function isWholeConfiguration(atomicity: Atomicity): boolean {
  return atomicity !== 'object';
}

export interface ResultResource {
  readonly address: Address;
  readonly spec: JsonObject;
  readonly origin: 'ours' | 'foreign' | 'system';
}

/** The changes that one target commits at once (whole configuration) or in this order (object by object). */
export interface Batch {
  /** Deterministic: `target/phase`. */
  readonly id: string;
  readonly target: string;
  readonly phase: 'build' | 'remove';
  readonly changes: readonly Change[];
  /** All that must exist afterwards on the target in the managed kinds, foreign included: what a whole-configuration writer renders. */
  readonly result: readonly ResultResource[];
  /** Batches that must have succeeded before. */
  readonly after: readonly string[];
  readonly atomicity: Atomicity;
}

/** What happened to one change. `skipped`: not tried, because something before it failed or the run was stopped. */
export type ChangeOutcome =
  | { readonly status: 'done' }
  | { readonly status: 'pending'; readonly why: string }
  | { readonly status: 'rejected'; readonly code: string; readonly why: string }
  | { readonly status: 'unknown'; readonly why: string }
  | { readonly status: 'skipped'; readonly why: string };

/** Of each target after a run. `held`: outcome unknown; blocked until recovered or looked at. */
export type Verdict = 'unchanged' | 'converged' | 'pending' | 'partial' | 'reverted' | 'held';
