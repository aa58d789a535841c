import type { Address } from './address.ts';
import type { Json, JsonObject } from './json.ts';
import type { SourceRange } from './problem.ts';

/** How a resource points at another one: by kind and name, on the same target unless `target` says otherwise. */
export interface Reference {
  readonly kind: string;
  /** The name of the other, or its natural key. */
  readonly name: string;
  /** Default `name`; `key`: see `Kind.naturalKey`. */
  readonly by?: 'name' | 'key';
  readonly target?: string;
  /** Also the same thing on every other target of the site must be there first: a VLAN is one thing on many devices. */
  readonly siteWide?: true;
  /** JSON pointer into the spec, so that an unresolved reference is told at its place. */
  readonly pointer: string;
}

/** A resource as written, in canonical form. Only the keys present in `spec` are owned, unless the kind's schema is marked complete. */
export interface Desired<S extends JsonObject = JsonObject> {
  readonly address: Address;
  readonly spec: S;
  readonly dependsOn: readonly Address[];
  readonly source: SourceRange;
  /** The address this resource had before (`was:`): a rename, not a delete and a create. */
  readonly was?: Address;
}

/** A resource as read, in canonical form. */
export interface Live<S extends JsonObject = JsonObject> {
  readonly address: Address;
  readonly spec: S;
  /** Server id, etag, position: what the provider needs to write. Never compared, never in a digest. */
  readonly handle: Json;
  /**
   * `ours`: carries our marker, or the family keeps only what we wrote (own table).
   * `foreign`: somebody else's; survives unless the mode is `exclusive`.
   * `system`: made by the vendor; never touched, in no mode.
   */
  readonly origin: 'ours' | 'foreign' | 'system';
  /** The whole object cannot be changed here, and why (synced from on-premises, dynamic group). */
  readonly readOnly?: string;
  /** Single fields that cannot be changed here, and why, by top-level key. */
  readonly readOnlyFields?: Readonly<Record<string, string>>;
  /** It can be changed here but not deleted or renamed, and why (synced from on-premises: the source would bring it back). */
  readonly undeletable?: string;
  /** Not there, but can be brought back (soft-deleted): a create becomes a restore. `until` as ISO date where known. */
  readonly recoverable?: { readonly until?: string };
  /** The target keeps no name for it: it is called whatever is written for its natural key. */
  readonly unnamed?: true;
  /** Fields that the target never shows; the ledger's value stands in for them and the plan says so. */
  readonly unverifiable?: readonly string[];
}

/** A type of resource. Pure: no I/O, no clock. */
export interface Kind<S extends JsonObject = JsonObject> {
  readonly name: string;
  /** Raised when the canonical form changes; `migrate` brings older ledger entries up. */
  readonly schemaVersion: number;
  /** JSON Schema 2020-12 of the canonical spec, with `x-soll` annotations (see `#core/canonical`). */
  readonly schema: JsonObject;
  /** Idempotent: canonical(canonical(x)) equals canonical(x). Does not add fields that were not written, except schema defaults. */
  canonical(spec: S): S;
  references(spec: S): readonly Reference[];
  /**
   * What identifies it on a target whatever it is called there (VLAN id, SSID): a live resource under another name is the same thing,
   * to be renamed and not made a second time.
   */
  naturalKey?(spec: S): string;
  /** Written once per site and realised by devices that each hold a part of it: a field that a family cannot hold is left to the others. */
  readonly sharedBySite?: true;
  /** What a change means for people. `undefined` where the generic words do. */
  impact?(change: ImpactInput<S>): Impact;
  /** Brings a spec of an older schema version to the current one; must not fail on data that once was valid. */
  migrate?(version: number, spec: JsonObject): JsonObject;
}

export interface ImpactInput<S extends JsonObject = JsonObject> {
  readonly verb: Verb;
  readonly name: string;
  readonly before?: S;
  readonly after?: S;
}

export type RiskLevel = 'low' | 'medium' | 'high' | 'critical';

/** In words that a technician's customer understands. Both languages are required, so that no report is half translated. */
export interface Impact {
  readonly risk: RiskLevel;
  readonly en: string;
  readonly de: string;
}

/** `identify`: a target is from now on known by other pins. `adopt`, `release` and `identify` touch only the ledger. */
export type Verb = 'create' | 'update' | 'delete' | 'run' | 'adopt' | 'release' | 'identify';

/** Why a change is there; see DESIGN: three-way diff. `replaced`: the device that held it was replaced. `rotated`: somebody asked for a new credential. */
export type Reason = 'new' | 'changed' | 'drift' | 'conflict' | 'adopted' | 'removed' | 'replaced' | 'rotated';

export type Mode = 'observe' | 'merge' | 'exclusive';
