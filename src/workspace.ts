/** What commands ask of the pipeline and what it answers: types only, so that the command line can start without loading it. */
import type { Clock, Logger, Problem } from '#contract';
import type { KeptStanding } from '#core/config-backup';
import type { FirmwareNote } from '#core/firmware';
import type { PlanSet } from '#core/fleet-digest';
import type { Approval, Plan, Progress, RunResult, Waiting } from '#core/model';
import type { DriftReport } from '#core/drift-report';
import type { AuditVerification, LockHolder, LogEntry, ResourceVersion } from '#core/audit-record';
import type { Period } from '#core/period';
import type { LoadedProvider } from './providers.ts';

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
  /** Every sink passes through it; sessions add what they reveal. */
  readonly redactor: { add(value: string): void; redact(text: string): string };
  /** Tests and the bench put their own in place of `providers/*`. */
  readonly providers?: ReadonlyMap<string, LoadedProvider>;
  /** Seconds; default 120. */
  readonly leaseSeconds?: number;
  /** Called before and after every enumerated effect of an apply; a test kills or throws here. */
  readonly effects?: (effect: string) => void | Promise<void>;
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
  /** The remote is not asked, what this clone has seen last counts; why, where it is recorded. */
  readonly offline?: string;
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

export interface DriftResult extends PlanRunResult {
  readonly report: DriftReport;
}

/** What would be held back if it were applied at this moment. Told beside the plan: it is no part of it. */
export interface Hold {
  readonly state: Waiting['state'];
  readonly why: Waiting['why'];
  readonly until?: string;
  /** So many of the plan's leaves. */
  readonly held: number;
  readonly leaves: number;
}

export interface PlanTold extends PlanRunResult {
  /** All of it as one, where more than one customer changes. */
  readonly fleet?: PlanSet;
  /** By customer; only those where something would wait. */
  readonly holds: ReadonlyMap<string, Hold>;
  /** By customer; only those with rules about firmware. When it is due depends on the moment, so it is no part of the plan either. */
  readonly firmware: ReadonlyMap<string, readonly FirmwareNote[]>;
  /** By customer: kept configurations of the planned targets that are not as promised, and targets that are to be changed although none is kept. */
  readonly kept: ReadonlyMap<string, readonly KeptStanding[]>;
}

export interface ApplyOptions extends PlanOptions {
  /** Approved digests, one per customer that is to change. */
  readonly approve: readonly string[];
  /** Plan files (from `plan --out`) that name the leaves of an approved digest; checked against the digest, never executed. */
  readonly planFiles: readonly string[];
  readonly approver: string;
  /** Asked for each customer whose plan is not approved by digest; absent: not approved. */
  readonly confirm?: (plan: Plan) => Promise<boolean>;
  /** Wait this long for another run of the same customer, milliseconds. Default 180 000. */
  readonly lockTimeoutMs: number;
  /** Dead-man's switch, seconds. Default 90. */
  readonly guardSeconds: number;
  /** Accept changes that can lock us out without a guard. */
  readonly allowUnguarded: boolean;
  /** Where reviews are asked for, besides signatures; absent: signatures alone. */
  readonly platform?: { readonly name?: 'github' | 'generic'; readonly repository?: string };
  /** One signature at once by somebody who may; a second person looks at it afterwards. Needs `confirm`. */
  readonly emergency?: { readonly reason: string; readonly ticket: string; readonly key: string | undefined };
  /** Nothing waits for a maintenance window, or for the end of a freeze; why is recorded. An emergency needs no window. */
  readonly ignore?: { readonly window: boolean; readonly freeze: boolean; readonly reason: string };
}

export interface ApplyRunResult {
  readonly plans: readonly Plan[];
  readonly approvals: readonly Approval[];
  readonly runs: readonly RunResult[];
  /** Customers not applied, and why (not approved, locked, gate, invalid). */
  readonly refused: readonly { readonly customer: string; readonly code: 'not-approved' | 'stale' | 'locked' | 'gate' | 'invalid' | 'record' | 'older'; readonly why: string; /** Of `locked`: who holds it. */ readonly holder?: LockHolder }[];
  /** Not applied now, and told: who must approve it, or what it waits for (freezes, maintenance windows, rings, targets that did not answer). */
  readonly waiting: readonly Waiting[];
  readonly problems: readonly Problem[];
  readonly texts: ReadonlyMap<string, string>;
}

export interface BranchOptions {
  readonly customers: readonly string[];
  /** What this clone has seen last, and what it keeps by itself: nobody is asked. */
  readonly offline?: boolean;
}

export interface LogOptions extends BranchOptions {
  /** Only the newest. */
  readonly limit?: number;
  readonly period?: Period;
}

export interface ResourceLogResult {
  /** Newest first. */
  readonly versions: readonly ResourceVersion[];
}

export interface LogResult {
  /** Newest first. */
  readonly entries: readonly LogEntry[];
}

export interface AuditVerifyResult {
  readonly customers: readonly AuditVerification[];
}

export interface DoctorFinding {
  readonly customer: string;
  readonly target: string;
  readonly check: 'reach' | 'identity' | 'read-credential' | 'write-credential' | 'permissions' | 'clock' | 'firmware';
  readonly ok: boolean;
  readonly text: string;
  readonly hint?: string;
  /** Pin of whoever answered, where it was not the one that is pinned. */
  readonly seen?: string;
  /** Of `firmware`: what is asked and found. */
  readonly firmware?: FirmwareNote;
}
