/**
 * The whole product on one page: load -> validate -> resolve -> read -> diff -> gate -> digest, and with an approval:
 * open record -> guard -> apply -> verify -> confirm -> close record. The only file that imports all stages.
 */
import type { Clock, Logger, Problem } from '#contract';
import type { Approval, Plan, Progress, RunResult } from '#core/model';

/** Where a command runs and what it may touch; built by the CLI, by tests and by the demo. */
export interface Workspace {
  /** Root of the configuration repository (holds `customers/`). */
  readonly root: string;
  /** Speak to the lab's stand-ins instead of the addresses in targets.yaml. */
  readonly lab: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface Selection {
  /** Customer names; empty: all. */
  readonly customers: readonly string[];
  /** Target names; empty: all. */
  readonly targets: readonly string[];
  /** Only customers that differ from this revision. */
  readonly changedSince?: string;
  /** Customers (and reads) under way at once. Default 4. */
  readonly concurrency: number;
}

export interface ValidateResult {
  readonly customers: readonly string[];
  readonly files: number;
  readonly resources: number;
  readonly problems: readonly Problem[];
  /** Text of the files that problems point into, for code frames. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface PlanOptions extends Selection {
  /** Plan on the merge of HEAD with this revision. Default: `origin/main`, `main` where they exist and differ. */
  readonly base?: string;
  /** Extra deletes allowed over the limits, by count. */
  readonly allowDeletes?: number;
}

export interface PlanRunResult {
  readonly plans: readonly Plan[];
  readonly problems: readonly Problem[];
  readonly texts: ReadonlyMap<string, string>;
}

export interface ApplyOptions extends PlanOptions {
  /** Approved digests, one per customer that is to change. */
  readonly approve: readonly string[];
  /** Plan files (from `plan --out`) that name the leaves of an approved digest; checked against the digest, never executed. */
  readonly planFiles: readonly string[];
  readonly approver: string;
  /** Asked for each customer whose plan is not approved by digest; absent: not approved. */
  readonly confirm?: (plan: Plan) => Promise<boolean>;
  /** Wait this long for another run of the same customer, milliseconds. Default 0. */
  readonly lockTimeoutMs: number;
  /** Dead-man's switch, seconds. Default 90. */
  readonly guardSeconds: number;
  /** Accept changes that can lock us out without a guard. */
  readonly allowUnguarded: boolean;
}

export interface ApplyRunResult {
  readonly plans: readonly Plan[];
  readonly approvals: readonly Approval[];
  readonly runs: readonly RunResult[];
  /** Customers not applied, and why (not approved, locked, gate, invalid). */
  readonly refused: readonly { readonly customer: string; readonly code: 'not-approved' | 'stale' | 'locked' | 'gate' | 'invalid' | 'record' | 'older'; readonly why: string }[];
  readonly problems: readonly Problem[];
  readonly texts: ReadonlyMap<string, string>;
}

export interface DoctorFinding {
  readonly customer: string;
  readonly target: string;
  readonly check: 'reach' | 'identity' | 'read-credential' | 'write-credential' | 'permissions' | 'clock';
  readonly ok: boolean;
  readonly text: string;
  readonly hint?: string;
}
