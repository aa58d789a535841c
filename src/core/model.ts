/**
 * The nouns that pass between stages. Providers do not see them; stages import them from here and never from one another.
 * Everything is plain JSON data, so that a plan, a ledger and a record can be written, hashed and read by other tools.
 */
import type {
  Address,
  Atomicity,
  Batch,
  Change,
  ChangeOutcome,
  Desired,
  Identity,
  Json,
  JsonObject,
  Live,
  Problem,
  ProviderErrorCode,
  RiskLevel,
  SourceRange,
  Target,
  Verdict,
} from '#contract';
import type { FirmwareRule, FirmwareStanding } from './firmware.ts';

/** Where files come from: a folder, or a Git tree. Paths are relative, with `/`, inside the configuration repository. */
export interface FileSource {
  /** All regular files below `customers/` and `standards/` and the root `soll.yaml`; symlinks and submodules are reported, not followed. */
  list(): Promise<readonly FileEntry[]>;
  read(path: string): Promise<Uint8Array>;
  /** Announces what will be read, so that a source can fetch it in one go. */
  prefetch?(paths: readonly string[]): Promise<void>;
  /** The commit that the files come from; absent for a working tree. */
  readonly commit?: string;
}

export interface FileEntry {
  readonly path: string;
  readonly type: 'file' | 'symlink' | 'submodule' | 'other';
  /** Bytes. */
  readonly size: number;
  /** Git blob id where known: the key of the parse cache. */
  readonly blob?: string;
}

/** Gates of one customer. A change set over a limit needs `--allow-deletes N` (exit 5 without). */
export interface Limits {
  /** Deletes up to this many pass. Default 1. */
  readonly deletes: number;
  /** Deletes up to this share (0..1) of the target's owned resources of the kind pass. Default 0.1. */
  readonly deleteShare: number;
}

/** One business, from `customer.yaml`. `document` is the whole validated file for reports. */
export interface Customer {
  readonly name: string;
  readonly displayName: string;
  /** Patterns `target/kind/name`, `*` as wildcard inside one part. No plan can delete, disable or overwrite what matches. */
  readonly protected: readonly string[];
  readonly limits: Limits;
  /** age recipients for generated values. */
  readonly handover: readonly string[];
  readonly document: JsonObject;
}

/** What `desired` makes of a customer's folder. */
export interface DesiredState {
  readonly customer: Customer;
  readonly targets: readonly TargetEntry[];
  /** Sorted by address. */
  readonly resources: readonly Desired[];
  /** Per target the kinds whose key is written, even as an empty list: only there does a missing item mean delete. */
  readonly written: Readonly<Record<string, readonly string[]>>;
  /** Accepted differences that still count on the day of the command. */
  readonly accepted?: readonly Accepted[];
  /** What its targets should run; absent: nobody has written it. */
  readonly firmware?: readonly FirmwareRule[];
  readonly offboarding?: Offboarding;
}

/** A difference of a live system that is told and not acted upon, from `deviations.yaml`. */
export interface Accepted {
  readonly address: Address;
  /** Absent: everything, also that it is there or not. */
  readonly fields?: readonly string[];
  readonly reason: string;
  readonly owner: string;
  /** Last day, ISO date. */
  readonly until: string;
  readonly source: SourceRange;
}

/** The customer leaves: all that is in the ledger is let go of, or what soll applied is deleted. */
export interface Offboarding {
  readonly act: 'release' | 'remove';
  readonly reason: string;
}

export interface TargetEntry {
  readonly target: Target;
  readonly source: SourceRange;
  /** Somebody says that the device was replaced. */
  readonly replaced?: Replaced;
  /** How it is reached, where that is written. */
  readonly management?: ManagementPath;
}

/** Why a target is known by other pins than before, from `targets.yaml`. Explains exactly the step away from `was`. */
export interface Replaced {
  readonly was: readonly string[];
  readonly reason: string;
  readonly ticket?: string;
}

/** From us to a target. */
export interface ManagementPath {
  readonly vlan?: { readonly name: string; readonly id: number };
  /** What is passed, from us on; the way to the first of them stands there. Without a port it is routed there. */
  readonly through: readonly { readonly target: string; readonly port?: string }[];
}

/** One applied resource. */
export interface LedgerEntry {
  /** Canonical, owned fields only; secrets as references with version. */
  readonly spec: JsonObject;
  /** The kind's schema version when it was written. */
  readonly schemaVersion: number;
  /** Commit of the desired state that it came from. */
  readonly commit: string;
  readonly run: string;
  /** It was on the device that stood there before; whether it is on this one only looking can tell. */
  readonly lost?: true;
}

/** What we have applied, folded from the records of `audit/<customer>`. */
export interface Ledger {
  readonly version: 1;
  readonly customer: string;
  /** Desired-state commit of the last applied run: a plan from an ancestor of it is refused. Empty before the first run. */
  readonly commit: string;
  /** Commits that were applied beside it, on a chain that was joined since: a plan must contain them as well. */
  readonly beside?: readonly string[];
  /** Protections of the last applied run: removing one takes effect one run later, never in the plan that needs it. */
  readonly protected: readonly string[];
  /** Targets whose last outcome is unknown, by name, with the run that left them so. */
  readonly held: Readonly<Record<string, { readonly run: string; readonly why: string }>>;
  readonly entries: Readonly<Record<Address, LedgerEntry>>;
  /** Pins under which something was applied last, by target, sorted: who else answers must be accepted first. */
  readonly identities?: Readonly<Record<string, { readonly pins: readonly string[]; readonly run: string }>>;
  /** Runs that deleted, renamed or released what is no entry any more, by address: what was approved once is never approved again by the same digest. */
  readonly gone?: Readonly<Record<Address, string>>;
}

/** What `live` says of one target. */
export type Reading =
  | {
      readonly status: 'read';
      readonly target: string;
      readonly identity: Identity;
      readonly live: readonly Live[];
    }
  | {
      readonly status: 'unreachable';
      readonly target: string;
      readonly code: ProviderErrorCode;
      readonly why: string;
      readonly hint?: string;
    };

/** What is approved and becomes stale as one. */
export interface Leaf {
  readonly digest: string;
  /** Without customer and target: the same transition elsewhere has the same value. */
  readonly transition: string;
  readonly target: string;
  readonly batch: string;
  readonly unit: 'change' | 'batch';
  readonly addresses: readonly Address[];
  /** Digests of the leaves that this one needs. */
  readonly after: readonly string[];
}

/** A difference that is told and not acted upon (mode `observe`, foreign objects, accepted until a day). */
export interface Finding {
  readonly kind: 'drift' | 'foreign' | 'missing' | 'accepted';
  readonly address: Address;
  readonly before?: JsonObject;
  readonly after?: JsonObject;
  /** Of kind `accepted`: why, who answers for it, and its last day. */
  readonly accepted?: { readonly reason: string; readonly owner: string; readonly until: string };
}

export interface PlannedChange {
  readonly address: Address;
  readonly risk: RiskLevel;
  readonly impact: { readonly en: string; readonly de: string };
  /** Field by field, for people; the same for every renderer. */
  readonly fields: readonly FieldDiff[];
  readonly source?: SourceRange;
}

/** One difference inside a resource. `path` is a JSON pointer; for keyed lists the item's key stands in place of the index. */
export interface FieldDiff {
  readonly path: string;
  readonly op: 'add' | 'remove' | 'replace' | 'move';
  readonly before?: Json;
  readonly after?: Json;
  /** For `move`: positions from 0. */
  readonly from?: number;
  readonly to?: number;
}

export interface TargetPlan {
  readonly target: string;
  readonly provider: string;
  readonly status: 'ready' | 'unreachable' | 'blocked';
  /** Why it is unreachable or blocked. */
  readonly why?: string;
  /** What mends that, where it is known. */
  readonly hint?: string;
  readonly identity?: Identity;
  /** Of every rule about its firmware, met ones too; absent: there is none. Told, never acted upon, and no part of what is approved. */
  readonly firmware?: readonly FirmwareStanding[];
  readonly atomicity: Atomicity;
  /** `guarded`: a dead-man's switch will be armed; `unguarded`: could lock us out and has none; `not-needed`. */
  readonly guard: 'guarded' | 'unguarded' | 'not-needed';
  readonly batches: readonly Batch[];
  readonly changes: readonly PlannedChange[];
  /** Ledger-only: adopt and release. Approved like the rest. */
  readonly ledgerOnly: readonly Change[];
  readonly findings: readonly Finding[];
  /** Resources compared on this target. */
  readonly compared: number;
}

/** See `schemas/plan.schema.json`. Deterministic: same inputs, same bytes. */
export interface Plan {
  readonly formatVersion: '1.0';
  readonly tool: string;
  readonly customer: string;
  /** Desired-state commit; empty for a working tree. Not part of the digest. */
  readonly commit: string;
  readonly targets: readonly TargetPlan[];
  readonly leaves: readonly Leaf[];
  /** `sha256:<hex>`, the Merkle root over the leaves' digests. Empty plans have a digest too. */
  readonly digest: string;
  readonly transitionDigest: string;
  readonly risk: RiskLevel;
  readonly summary: PlanSummary;
  readonly problems: readonly Problem[];
}

export interface PlanSummary {
  readonly create: number;
  readonly update: number;
  readonly delete: number;
  readonly adopt: number;
  readonly release: number;
  readonly drift: number;
  readonly conflict: number;
  readonly findings: number;
  readonly targets: number;
  readonly unreachable: number;
}

/**
 * Who let it through.
 * - `cli`, `interactive`: the operator's word; counts only where soll.yaml has no approval rules
 * - `signature`: an SSH signature over a statement, provable offline
 * - `review`: a review on the code host of exactly the planned commit
 */
export interface Approval {
  readonly digest: string;
  /** Short name of `people` in soll.yaml; for `cli` and `interactive` what the operator said. */
  readonly approver: string;
  readonly method: 'cli' | 'interactive' | 'signature' | 'review';
  /** ISO 8601, UTC. */
  readonly at: string;
  /** ISO 8601, UTC: from then on it covers nothing. */
  readonly expires?: string;
  /** Planned commit that was looked at. */
  readonly commit?: string;
  /** Signed bytes (canonical JSON) and the armoured signature over them. */
  readonly statement?: string;
  readonly signature?: string;
  /** Key that has signed, `type base64`. */
  readonly key?: string;
  /** Leaves that it covers; they add up to `digest`. Absent: all of the digest that the run names. */
  readonly leaves?: readonly string[];
  /** Digest of the set of plans that it was given for as one; `digest` is that of this customer's. */
  readonly fleet?: string;
  /** Account on the code host that gave the review. */
  readonly account?: string;
  /** Where the review can be read. */
  readonly url?: string;
}

/** Approved or not, it is not applied now, and that is no failure. */
export interface Waiting {
  readonly customer: string;
  readonly target: string;
  readonly leaf: string;
  readonly addresses: readonly Address[];
  /**
   * `approval`: not enough people have approved it. `window`: waits for the maintenance window. `freeze`: nothing is applied at present.
   * `ring`: customers before it are not done. `offline`: the target did not answer.
   */
  readonly state: 'approval' | 'window' | 'freeze' | 'ring' | 'offline';
  /** What it waits for, in words, unescaped; both languages. */
  readonly why: { readonly en: string; readonly de: string };
  /** ISO 8601, UTC, where known. */
  readonly until?: string;
}

export interface ChangeResult {
  readonly address: Address;
  readonly verb: Change['verb'];
  readonly reason: Change['reason'];
  readonly leaf: string;
  readonly before?: JsonObject;
  readonly after?: JsonObject;
  readonly was?: Address;
  readonly outcome: ChangeOutcome;
}

export interface TargetResult {
  readonly target: string;
  readonly verdict: Verdict;
  readonly why?: string;
  readonly changes: readonly ChangeResult[];
}

/** One run of apply over one customer. */
export interface RunResult {
  readonly customer: string;
  readonly run: string;
  readonly digest: string;
  readonly targets: readonly TargetResult[];
  /** Leaves that were not applied because they were not approved or have moved since. */
  readonly stale: readonly { readonly leaf: string; readonly addresses: readonly Address[]; readonly why: string }[];
  /** The record is durable (pushed where there is a remote). */
  readonly recorded: boolean;
}

/** Live progress; renderers turn it into a live region or plain lines. Strings are hostile until escaped. */
export type ProgressEvent =
  | { readonly type: 'reading'; readonly customer: string; readonly target: string }
  | { readonly type: 'read'; readonly customer: string; readonly target: string; readonly resources: number }
  | { readonly type: 'unreachable'; readonly customer: string; readonly target: string; readonly why: string }
  | { readonly type: 'lock-wait'; readonly customer: string; readonly why: string }
  | { readonly type: 'run-opened'; readonly customer: string; readonly run: string; readonly fence: number }
  | { readonly type: 'recovering'; readonly customer: string; readonly run: string; readonly target: string }
  | { readonly type: 'batch-started'; readonly customer: string; readonly target: string; readonly batch: string; readonly changes: number }
  | { readonly type: 'guard'; readonly customer: string; readonly target: string; readonly state: 'armed' | 'confirmed' | 'fired' | 'recovered'; readonly seconds?: number }
  | { readonly type: 'change'; readonly customer: string; readonly target: string; readonly address: Address; readonly verb: Change['verb']; readonly outcome?: ChangeOutcome }
  | { readonly type: 'verifying'; readonly customer: string; readonly target: string }
  /** `id`: fingerprint of the credential that the step is about. */
  | { readonly type: 'rotation'; readonly customer: string; readonly target: string; readonly step: 'added' | 'proven' | 'stored' | 'proposed' | 'removed' | 'taken-back'; readonly id: string }
  | { readonly type: 'target-done'; readonly customer: string; readonly target: string; readonly verdict: Verdict; readonly why?: string }
  | { readonly type: 'run-closed'; readonly customer: string; readonly run: string; readonly recorded: boolean };

export type Progress = (event: ProgressEvent) => void;
