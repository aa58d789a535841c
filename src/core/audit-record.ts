/**
 * What stands on `audit/<customer>`: one JSON file per record, never changed afterwards, each with the hash of the one before.
 * See `schemas/record.schema.json`.
 */
import type { Address, Change, ChangeOutcome, CredentialName, JsonObject, Problem, RiskLevel, Verdict } from '#contract';
import type { Approval, FieldDiff } from './model.ts';

/** Who holds the lock: enough to see on the same machine whether the process still lives. */
export interface Holder {
  readonly host: string;
  /** Changes with every boot. */
  readonly boot: string;
  /** Process ids mean something only inside their namespace. */
  readonly namespace: string;
  readonly pid: number;
  /** Tells two processes with the same id apart. */
  readonly nonce: string;
}

export interface IntentChange {
  readonly leaf: string;
  readonly verb: Change['verb'];
  readonly address: Address;
  readonly reason: Change['reason'];
  readonly before?: JsonObject;
  readonly after?: JsonObject;
  readonly was?: Address;
  readonly schemaVersion: number;
  /** What the rules of approval looked at; absent where there are none. */
  readonly risk?: RiskLevel;
}

export interface IntentTarget {
  readonly target: string;
  readonly provider: string;
  /** Pins of targets.yaml, sorted; absent in records of before they were kept. */
  readonly identity?: readonly string[];
  readonly guarded: boolean;
  readonly changes: readonly IntentChange[];
}

/** Everything that a run will do, pushed before its first write. */
export interface OpenBody {
  readonly type: 'open';
  /** Desired-state commit. */
  readonly commit: string;
  /** Author of that commit. */
  readonly author: string;
  readonly subject: string;
  readonly tool: string;
  readonly digest: string;
  /** Digests of all leaves of the approved plan: they add up to the approval's digest. */
  readonly leaves: readonly string[];
  readonly approvals: readonly Approval[];
  readonly operator: string;
  readonly holder: Holder;
  readonly leaseSeconds: number;
  readonly guardToken: string;
  readonly targets: readonly IntentTarget[];
  readonly protected: readonly string[];
  readonly stale: readonly { readonly addresses: readonly Address[]; readonly why: string }[];
  /** How approval was decided, where soll.yaml has rules: enough to decide it again. */
  readonly policy?: RecordedPolicy;
  readonly emergency?: RecordedEmergency;
  readonly ignored?: RecordedIgnored;
  readonly offline?: RecordedOffline;
  /** The run renews a credential and does nothing else; `guardToken` marks what it adds on the target. */
  readonly rotation?: RecordedRotation;
}

/** What would have held something back, and was passed on purpose. */
export interface RecordedIgnored {
  readonly reason: string;
  readonly held: readonly { readonly state: 'window' | 'freeze'; /** In words. */ readonly why: string; /** So many leaves. */ readonly leaves: number }[];
}

/** The remote could not be asked: the record was kept in the clone, and nobody could see whether another machine was at work. */
export interface RecordedOffline {
  readonly remote: string;
  /** Commit of the remote's branch that the clone had seen last; empty: none. */
  readonly seen: string;
  /** When that was committed, ISO 8601. */
  readonly seenAt?: string;
  readonly reason: string;
}

export interface RecordedRotation {
  readonly credential: CredentialName;
  /** Name of the secret that holds it. */
  readonly secret: string;
  /** Id on the target of what is to be replaced. */
  readonly old: string;
}

export interface RecordedPolicy {
  /** Commits before the change whose rules were to be met besides those of `commit`. */
  readonly bases: readonly string[];
  /** Last commit before this run that was applied as a whole; empty when there is none. Whoever wrote anything since is an author. */
  readonly since: string;
  /** All of the plan is applied, of all targets: what comes after it starts from here. */
  readonly whole: boolean;
  /** Accounts of the authors on the code host. */
  readonly accounts: readonly string[];
}

export interface RecordedEmergency {
  readonly reason: string;
  readonly ticket: string;
  /** ISO 8601, UTC: until then somebody else must have looked at it. */
  readonly reviewDue: string;
}

/** A batch is done, proven by a fresh read (or told why not). */
export interface BatchBody {
  readonly type: 'batch';
  readonly target: string;
  readonly batch: string;
  readonly outcomes: readonly { readonly address: Address; readonly leaf: string; readonly verb: Change['verb']; readonly outcome: ChangeOutcome }[];
}

/** A generated value, encrypted to its recipients before it was sent. */
export interface GeneratedBody {
  readonly type: 'generated';
  readonly address: Address;
  readonly field: string;
  readonly recipients: readonly string[];
  readonly ciphertext: string;
}

export interface RenewBody {
  readonly type: 'renew';
  readonly leaseSeconds: number;
}

/** A step of a renewed credential, done. Ids are those on the target, never values. */
export interface RotationBody {
  readonly type: 'rotation';
  readonly target: string;
  /**
   * `added`: accepted beside the old one. `stored`: in the secrets file of everybody. `proposed`: in the secrets file of a branch that is to be merged.
   * `removed`: the old one is not accepted any more. `taken-back`: the new one is not.
   */
  readonly step: 'added' | 'stored' | 'proposed' | 'removed' | 'taken-back';
  readonly id: string;
  /** Of `stored` and `proposed`. */
  readonly commit?: string;
  readonly branch?: string;
}

/** Another process takes an unfinished run over in order to recover it. */
export interface TakeoverBody {
  readonly type: 'takeover';
  readonly holder: Holder;
  readonly operator: string;
  readonly leaseSeconds: number;
  readonly why: string;
  readonly offline?: RecordedOffline;
}

export interface CloseBody {
  readonly type: 'close';
  readonly commit: string;
  readonly targets: readonly { readonly target: string; readonly verdict: Verdict; readonly why?: string }[];
  readonly protected: readonly string[];
}

/**
 * Brings in what a clone recorded by itself while the remote could not be asked and somebody else went on there. Its commit has the other
 * chain's end as second parent; both chains stay as they were.
 */
export interface JoinBody {
  readonly type: 'join';
  /** Number of the last record that both chains have; 0: none. */
  readonly base: number;
  /** Commit of the other chain's end. */
  readonly head: string;
  /** Number and hash of its last record: with it all of its records are bound. */
  readonly last: number;
  readonly hash: string;
  readonly operator: string;
  /** What both chains dealt with: the ledger has what was written last, by the clocks of those who wrote. */
  readonly both: readonly Address[];
}

/** What a run records. */
export type RunBody = OpenBody | BatchBody | GeneratedBody | RotationBody | RenewBody | TakeoverBody | CloseBody;
export type RecordBody = RunBody | JoinBody;

export type AuditRecord = RecordBody & {
  readonly version: 1;
  /** From 1; the fence of what is written under it. */
  readonly seq: number;
  /** `sha256:` of the canonical JSON of the record before; empty for the first. */
  readonly previous: string;
  readonly customer: string;
  readonly run: string;
  /** ISO 8601, UTC, of the writer's wall clock. */
  readonly at: string;
};

/** The records of a customer: those that are numbered on the branch, and what joins have brought in. */
export interface Chain {
  readonly records: readonly AuditRecord[];
  /** By number of the join: the records after its `base`, oldest first. */
  readonly sides: ReadonlyMap<number, readonly AuditRecord[]>;
}

export function recordFile(seq: number): string {
  return `records/${String(seq).padStart(8, '0')}.json`;
}

/** The lock of a customer, held by appending to its branch. */
export interface RunLock {
  readonly run: string;
  readonly open: AuditRecord & OpenBody;
  /** Number of the record that gave us the lock. */
  readonly fence: number;
  /** Durable when it resolves (pushed where there is a remote); also renews the lease. Rejects when the lock is lost. */
  append(body: RunBody): Promise<AuditRecord>;
  /** Throws ProviderError `conflict` when the lease could end before a write of this length (milliseconds) would. */
  assertLease(writeTimeoutMs: number): void;
  /** Renews when less than half is left. */
  renew(): Promise<void>;
}

/** Who has the lock, as the records say. Times are by the clock of that machine. */
export interface LockHolder {
  readonly run: string;
  readonly operator: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly leaseUntil: string;
}

/** A run that was opened and never closed. */
export interface Unfinished {
  readonly open: AuditRecord & OpenBody;
  /** All records of the run, oldest first. */
  readonly records: readonly AuditRecord[];
}

/** One run, as an auditor reads it: who, what, why, approved by whom, with what result. */
export interface LogEntry {
  readonly customer: string;
  readonly run: string;
  readonly at: string;
  readonly closedAt?: string;
  readonly commit: string;
  readonly author: string;
  /** Subject of the commit: why. */
  readonly subject: string;
  readonly operator: string;
  readonly approvals: readonly Approval[];
  readonly digest: string;
  /** `open`: never closed. */
  readonly targets: readonly { readonly target: string; readonly verdict: Verdict | 'open'; readonly why?: string }[];
  readonly changes: readonly { readonly address: Address; readonly verb: Change['verb']; readonly reason: Change['reason']; readonly before?: JsonObject; readonly after?: JsonObject; readonly was?: Address; readonly outcome?: ChangeOutcome }[];
  readonly recoveredBy?: string;
  readonly emergency?: RecordedEmergency;
  readonly ignored?: RecordedIgnored;
  readonly offline?: RecordedOffline;
  /** A credential was renewed: by what, and where that is stored, as far as it came. */
  readonly rotation?: RecordedRotation & { readonly new?: string; readonly commit?: string };
  readonly fence: number;
}

/** What one run did, or tried to do, to one resource. */
export interface ResourceVersion {
  readonly customer: string;
  readonly address: Address;
  readonly run: string;
  readonly at: string;
  readonly closedAt?: string;
  readonly commit: string;
  readonly author: string;
  readonly subject: string;
  readonly operator: string;
  readonly approvals: readonly Approval[];
  readonly verb: Change['verb'];
  readonly reason: Change['reason'];
  /** Address before a rename. */
  readonly was?: Address;
  readonly before?: JsonObject;
  readonly after?: JsonObject;
  /** From `before` to `after`, for people. */
  readonly fields: readonly FieldDiff[];
  /** Absent: the run has not said, because it did not come that far. */
  readonly outcome?: ChangeOutcome;
  /** Of the whole target: a change that was done may have been taken back with the rest. */
  readonly verdict: Verdict | 'open';
  readonly why?: string;
}

/** What `soll audit verify` found. */
export interface AuditVerification {
  readonly customer: string;
  readonly records: number;
  readonly runs: number;
  /** Last record's hash: note it down elsewhere, and nobody can rewrite the branch unseen. */
  readonly head: string;
  /** Where the chain was split and joined again; both parts were looked at. Absent: nowhere. */
  readonly forks?: readonly Fork[];
  readonly problems: readonly Problem[];
}

/** Records that a clone kept by itself, and the record that brought them in. */
export interface Fork {
  /** Number of the join. */
  readonly joined: number;
  readonly at: string;
  readonly operator: string;
  /** Last record of both. */
  readonly base: number;
  /** Last number of the other chain, and its commit. */
  readonly last: number;
  readonly head: string;
  readonly runs: readonly string[];
  readonly both: readonly Address[];
}
