import type { Desired, JsonObject, Target } from '#contract';

/**
 * What every provider's `simulator.ts` exports as `simulator`: a stateful stand-in behind the real wire (HTTPS, SSH) on loopback,
 * written from the vendor's documents. The lab, the conformance suite and end-to-end tests know nothing else of it.
 */
export interface Simulator {
  start(options: SimulatorOptions): Promise<RunningSimulator>;
  /** What the conformance suite walks through. */
  readonly conformance: ConformanceMaterial;
}

export interface SimulatorOptions {
  readonly customer: string;
  readonly target: string;
  /** State, host keys and certificates are kept here between starts; absent: in memory only, fresh identity. */
  readonly folder?: string;
  /** Initial state where the folder holds none; the simulator's own format, documented beside it. */
  readonly seed?: JsonObject;
  /** For everything random (ids, lag, faults). Default 1. */
  readonly randomSeed?: number;
}

export interface RunningSimulator {
  readonly host: string;
  readonly port: number;
  /** PEM, for TLS simulators. */
  readonly ca?: string;
  /** Spelling of `Target.identity`. */
  readonly identity: readonly string[];
  /** Values of the read and the write credential, as they would stand in the secrets files. */
  readonly credentials: { readonly read: string; readonly write: string };
  /** Values of further secrets for writing, by name: those that its settings or the conformance material refer to. Others: any value will do. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Merged over the target's settings by the lab (for example a short settle time). */
  readonly settings?: JsonObject;
  /** `Target.address` to be used where the provider needs one that differs from host:port. */
  readonly address?: string;
  /** The complete state as data, foreign objects included, volatile fields (counters, timestamps) left out: for comparing bytes before and after. */
  snapshot(): JsonObject;
  /** Every write that reached the stand-in, oldest first; the independent oracle of crash tests. */
  writes(): readonly { readonly what: string; readonly at: string }[];
  /** Requests or commands answered so far, for the bench. */
  served?(): number;
  /** Somebody changes the device by hand. Names are the provider's own; `names()` of `edits` lists them. */
  readonly edits: Readonly<Record<string, { readonly en: string; readonly de: string; run(): void | Promise<void> }>>;
  readonly faults: SimulatorFaults;
  /** Power cut and boot: what is not persistent is lost, boot-time guards run. */
  reboot(): Promise<void>;
  stop(): Promise<void>;
}

/** Switches; each stays on until `clear()`, or for the given number of requests. */
export interface SimulatorFaults {
  /** 429 or the family's equivalent; without seconds the answer does not say how long to wait. */
  throttle?(times: number, retryAfterSeconds?: number): void;
  /** Credentials are refused. */
  refuseAuth?(): void;
  /** Signed in, but without the permission. */
  refusePermission?(): void;
  /** A read breaks in the middle of a list. */
  breakRead?(): void;
  /** The next write is done and its answer never arrives. */
  loseAnswer?(): void;
  /** The next write is done and its answer says that the service is not available. */
  failAfterWrite?(): void;
  /** The Nth write from now (1 = next) is refused by validation. */
  rejectWrite?(nth: number): void;
  /** Accepts connections and never answers. */
  hang?(): void;
  /** Answers with another identity (host key, certificate). */
  changeIdentity?(): Promise<void>;
  clear(): void;
}

export interface ConformanceMaterial {
  /** Target document part beyond address, identity and credentials. */
  readonly target: Pick<Target, 'manages' | 'settings'>;
  /** A sensible configuration of every kind, references included; names already in canonical spelling. */
  readonly initial: readonly ConformanceResource[];
  /** From `initial`: step by step; after each step a second plan must be empty. `because` says what the step is about. */
  readonly steps: readonly { readonly because: string; readonly resources: readonly ConformanceResource[] }[];
  /** Many objects of the kind that pages, to test page size -1, 0, +1; absent where nothing pages. */
  readonly paging?: { readonly kind: string; readonly pageSize: number; make(index: number): ConformanceResource };
  /** Foreign objects that a fresh simulator already has; they must survive everything. */
  readonly foreign: readonly string[];
  /**
   * Names and texts that try to break out; each must either be refused by `check` or round-trip exactly. Each entry is added to `initial`,
   * in place of what has the same kind and name there.
   */
  readonly hostile: readonly (ConformanceResource | readonly ConformanceResource[])[];
}

export interface ConformanceResource {
  readonly kind: string;
  readonly name: string;
  readonly spec: Desired['spec'];
  /** The name it has until now. */
  readonly was?: string;
}
