/** Drift of a fleet by its cause: what `soll drift` tells, and what its JSON form is. */
import type { Address, RiskLevel } from '#contract';
import type { FieldDiff } from './model.ts';

export interface DriftCause {
  readonly kind: string;
  readonly name: string;
  /** What putting it back would do; `differs` and `missing` are only observed. */
  readonly what: 'create' | 'update' | 'delete' | 'run' | 'differs' | 'missing';
  /** Changed in YAML as well. */
  readonly conflict: boolean;
  /** From what is there to what is written. */
  readonly fields: readonly FieldDiff[];
  readonly risk: RiskLevel;
  readonly impact?: { readonly en: string; readonly de: string };
  /** Where, sorted. */
  readonly at: readonly { readonly customer: string; readonly target: string; readonly address: Address }[];
}

export interface DriftReport {
  readonly causes: readonly DriftCause[];
  /** Nothing is known about drift there. */
  readonly unreachable: readonly { readonly customer: string; readonly target: string; readonly why: string; readonly hint?: string }[];
  readonly accepted: readonly { readonly customer: string; readonly target: string; readonly address: Address; readonly reason: string; readonly owner: string; readonly until: string }[];
  readonly customers: number;
  readonly targets: number;
  readonly compared: number;
}
