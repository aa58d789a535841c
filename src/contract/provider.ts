import type { Atomicity, Batch, Change, ChangeOutcome } from './change.ts';
import type { ReadContext, WriteContext } from './context.ts';
import type { JsonObject } from './json.ts';
import type { Problem } from './problem.ts';
import type { Desired, Live, Mode, Verb } from './resource.ts';
import type { SecretRef, SecretValue } from './secret.ts';

export interface KindCapability {
  readonly verbs: readonly Verb[];
  readonly modes: readonly Mode[];
  /** Why something is missing, for the matrix. */
  readonly why?: string;
  /**
   * `unique`: a create can be found again by its name or our marker, so a second create of the same name is refused by the
   * target. `none`: an unknown outcome that is not found again is `held`.
   */
  readonly createKey: 'unique' | 'none';
  /** Top-level fields of the kind that this family can hold; absent: all. Others are an error, or left to other devices (`Kind.sharedBySite`). */
  readonly fields?: readonly string[];
  /** Other fields where a top-level setting of the target has this value. */
  readonly fieldsWhere?: { readonly setting: string; readonly is: string | boolean; readonly fields: readonly string[] };
}

/** How targets commit that a setting tells apart: a switch with a dead-man's switch, and one without. */
export interface CapabilityVariant {
  /** Top-level key of `Target.settings`, and its value. */
  readonly setting: string;
  readonly is: string | boolean;
  readonly atomicity: Atomicity;
  /** Object by object, and a change can cut the way to the target all the same. */
  readonly guard?: 'unguarded';
}

/** What a family can do, as data: gates plans before any network call, gates the conformance suite, generates the matrix. */
export interface Capabilities {
  readonly atomicity: Atomicity;
  /** Object by object, and a change can cut the way to the target all the same. */
  readonly guard?: 'unguarded';
  readonly rollback: 'native' | 'inverse' | 'none';
  /** Changes under way at once on one target; 1 for whole configurations. */
  readonly concurrency: number;
  readonly kinds: Readonly<Record<string, KindCapability>>;
  /** The family can hand out its whole configuration (`ReadSession.exportConfiguration`); how it is brought back, in one command. */
  readonly configuration?: { readonly format: string; readonly restore: { readonly en: string; readonly de: string } };
  /** Targets with this value of a setting commit otherwise; the first that matches counts. Absent: all alike. */
  readonly variants?: readonly CapabilityVariant[];
  /** Accepted writes may be invisible for a while: verification waits, then says `pending`. Milliseconds. */
  readonly settleMs?: number;
  /**
   * The version comes from `Identity` and needs nothing here. `channels`: release channels that the family's targets tell (`Identity.channel`); absent:
   * none, and what is written about a channel is told as unknown. Where a family lets soll set its channel or its automatic updates, that is
   * written here beside it.
   */
  readonly firmware?: { readonly channels: readonly string[] };
  /** Which of a target's own two credentials `soll rotate` can renew on it, and why not the others. Absent: none. */
  readonly rotation?: { readonly credentials: readonly CredentialName[]; readonly why?: string };
}

/** A target's own two. */
export type CredentialName = 'read' | 'write';

/** One live system, from `targets.yaml`, checked against the provider's `target.schema.json`. */
export interface Target {
  readonly customer: string;
  readonly name: string;
  readonly provider: string;
  readonly site?: string;
  /** Host, `host:port` or tenant id, as the provider's schema says. */
  readonly address: string;
  /** Pins: `ssh:SHA256:…`, `tls:AA:BB:…`, `tenant:<guid>`. At least one. */
  readonly identity: readonly string[];
  readonly credentials: { readonly read: SecretRef; readonly write: SecretRef };
  readonly manages: Readonly<Record<string, Mode>>;
  /** Provider-specific part. */
  readonly settings: JsonObject;
  /** Set by the lab only: where the stand-in listens. Providers must not behave differently beyond connecting there. */
  readonly lab?: { readonly host: string; readonly port: number; readonly ca?: string };
}

/** Who answered. Compared with the pin by the transport or provider; recorded in the plan and the audit record. */
export interface Identity {
  /** The pin that matched, in the spelling of `Target.identity`. */
  readonly pin: string;
  /** Product and version as the target says it, for reports; hostile text, escape before showing. */
  readonly product: string;
  readonly version: string;
  /** Release channel that it follows, where the target tells it; one of `Capabilities.firmware.channels`. */
  readonly channel?: string;
}

export interface Provider {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Offline: what this family cannot take, at its place. Must not touch the network. */
  check(desired: readonly Desired[], target: Target): readonly Problem[];
  /** For plan, drift and doctor. The session cannot write: by type and by credential. */
  open(target: Target, context: ReadContext): Promise<ReadSession>;
  openForWrite(target: Target, context: WriteContext): Promise<WriteSession>;
}

export interface ConfigurationExport {
  /** As the device wrote it: what is given back to it. */
  readonly text: string;
  /** The same without what changes by itself (time stamps, counters): decides whether anything has changed. Default: `text`. */
  readonly comparable?: string;
}

/** One connection to one target. */
export interface ReadSession {
  /** Must fail with `identity` when the pin does not match. */
  identify(): Promise<Identity>;
  /**
   * All resources of these kinds, complete or an error: a short page, a 403, a login page or a timeout must throw, never return
   * less. Unknown is not absent.
   */
  read(kinds: readonly string[]): Promise<readonly Live[]>;
  /**
   * What the target will say to these changes, as far as reading can tell (licence stock, last administrator, shadowing by foreign
   * rules). Must not write. Must be deterministic. Errors stop the changes they name.
   */
  review?(changes: readonly Change[]): Promise<readonly Problem[]>;
  /** The whole configuration as the device itself exports it, complete or an error. It may hold secrets: only ever kept encrypted. */
  exportConfiguration?(): Promise<ConfigurationExport>;
  /** For `soll doctor`: are the credential's permissions enough, and not too many? Must not write. */
  diagnose?(kinds: readonly string[]): Promise<readonly Problem[]>;
  close(): Promise<void>;
}

export interface ApplySteps {
  /**
   * Must be awaited immediately before the first write of a change, with the object as just re-read (`undefined`: not there).
   * Compares with what the plan saw, makes the intent durable, checks the lease. Throws `conflict` when the object moved: the provider
   * must then not write this change. For a whole configuration the provider calls it once per change before the one commit.
   */
  before(change: Change, liveNow: Live | undefined): Promise<void>;
  /** Must be awaited right after the change's last write, or its failure. */
  after(change: Change, outcome: ChangeOutcome): Promise<void>;
}

export type GuardState = 'absent' | 'armed' | 'confirmed' | 'fired';

/** A dead-man's switch on the device itself. Survives our process and the device's reboot; knows only the token. */
export interface Guard {
  /** Stores the pre-state on the device and schedules its return in `seconds`; reads the armed state back before it resolves. */
  arm(token: string, seconds: number): Promise<void>;
  state(token: string): Promise<GuardState>;
  /** Only over a new connection. Resolves when the device says `confirmed`; throws `conflict` when it has fired or another token holds it. */
  confirm(token: string): Promise<void>;
  /** Restores the pre-state now and ends the guard; does nothing when it is absent, confirmed or has fired. */
  recover(token: string): Promise<GuardState>;
}

/** Something that lets an account in, as far as everybody may know it: never a value. */
export interface AcceptedCredential {
  /** Fingerprint, or the target's own id of it: the same that `Rotation.identify` tells for its value. */
  readonly id: string;
  /** What `Rotation.add` was given, where it was made by that. */
  readonly marker?: string;
}

/**
 * Renewing a credential without a moment in which none works. The engine adds a new one beside the present, proves it over a new session, stores
 * it, and only then removes the old. Any step can be lost or interrupted: whoever comes next finds out by `list` and goes on or takes back, so
 * nothing but the target and the marker may be relied upon.
 */
export interface Rotation {
  /** The id of a value. Must not write. Throws `unsupported` for a value of a sort that cannot be renewed here (a password where keys can). */
  identify(value: SecretValue): Promise<string>;
  /** Where the credential is kept, in a few words for the explanation: account and place. */
  place(credential: CredentialName): string;
  /** All that the account of this credential is let in with, other people's included: complete or an error. Must not write. */
  list(credential: CredentialName): Promise<readonly AcceptedCredential[]>;
  /**
   * Adds one more that may do exactly what `like` may. What was accepted before stays accepted. Throws `unknown-outcome` when the answer is lost:
   * the marker finds it again.
   */
  add(credential: CredentialName, like: string, marker: string): Promise<{ readonly id: string; readonly value: SecretValue }>;
  /** Removes exactly this one; does nothing when it is not there. Must throw `conflict` and remove nothing unless `keep` is accepted at that moment. */
  remove(credential: CredentialName, id: string, keep: string): Promise<void>;
}

export interface WriteSession extends ReadSession {
  /**
   * Executes the batch. Throws nothing for a single rejected change (that is an outcome); throws ProviderError when the session is
   * lost. Must not continue with dependants of a failed change: the engine tells through `steps.before` which are stopped.
   */
  apply(batch: Batch, steps: ApplySteps): Promise<void>;
  readonly guard?: Guard;
  /** There when `Capabilities.rotation` names a credential. */
  readonly rotation?: Rotation;
  /** Running to startup configuration. Called after verification only. */
  save?(): Promise<void>;
}
