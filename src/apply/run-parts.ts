import type { Address, Capabilities, Change, ChangeOutcome, Clock, Kind, SecretValue, Target, WriteSession } from '#contract';
import type { RunLock } from '#core/audit-record';
import type { Plan, Progress, Reading } from '#core/model';
import { sha256 } from '#core/sha256';

/** What `#contract`'s WriteContext needs of a run. */
export interface WriteParts {
  readonly assertLease: (writeTimeoutMs: number) => void;
  readonly guardToken: string;
  readonly fence: number;
  readonly generate: (address: Address, field: string, make: (randomBytes: (size: number) => Uint8Array) => string) => Promise<SecretValue>;
}

/** What executing and recovering need of the world; each part can be broken by a test. */
export interface RunParts {
  readonly customer: string;
  readonly lock: RunLock;
  readonly targets: ReadonlyMap<string, Target>;
  readonly capabilities: ReadonlyMap<string, Capabilities>;
  readonly kinds: ReadonlyMap<string, Kind>;
  /** A complete reading over a new session. */
  readonly read: (target: Target) => Promise<Reading>;
  readonly openWrite: (target: Target, parts: WriteParts) => Promise<WriteSession>;
  /** Local, fsynced. */
  readonly journal: { append(line: { readonly step: 'intent' | 'outcome'; readonly address: Address; readonly status?: string }): Promise<void> };
  /** Encrypts to the customer's handover recipients. */
  readonly encrypt: (text: string) => Promise<{ readonly recipients: readonly string[]; readonly ciphertext: string }>;
  readonly revealGenerated: (name: string, value: string) => SecretValue;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly clock: Clock;
  /** Asks to stop: nothing new is begun, what was begun is verified and recorded. */
  readonly stop: AbortSignal;
  readonly progress: Progress;
  readonly effect: (name: string) => Promise<void>;
  readonly guardSeconds: number;
  /** How many batches of this target were executed before in this run: each has a guard of its own. Default 0. */
  readonly commit?: number;
  /** Targets under way at once. */
  readonly concurrency: number;
  /** Names of the targets that are reached through each one. */
  readonly behind?: ReadonlyMap<string, readonly string[]>;
  /** Does this target answer, over a new connection, as the one it should be? `undefined`: yes; else why not. */
  readonly probe?: (target: Target) => Promise<string | undefined>;
}

export interface ExecuteInput extends RunParts {
  readonly plan: Plan;
  /** Digests of the leaves that were approved and are still identical. */
  readonly apply: ReadonlySet<string>;
  /** End of the maintenance window, milliseconds: from then on no further target is begun; what was begun goes on. */
  readonly closes?: number;
}

/** What is known of each change of a target, by address. */
export type Outcomes = Map<Address, ChangeOutcome>;

export interface BatchOutcome {
  readonly outcomes: Outcomes;
  /** The guard or a failed verification took it back. */
  readonly reverted?: string;
  /** Nobody can say. */
  readonly held?: string;
}

export function setAll(outcomes: Outcomes, changes: readonly Change[], outcome: ChangeOutcome): void {
  for (const { address } of changes) if (!outcomes.has(address)) outcomes.set(address, outcome);
}

/** A used token arms no second guard. Derived, so that whoever recovers the run needs nothing but the intent and the records. */
export function guardTokenOf({ lock, commit = 0 }: Pick<RunParts, 'lock' | 'commit'>): string {
  return commit === 0 ? lock.open.guardToken : sha256(`${lock.open.guardToken} ${String(commit)}`).replace('sha256:', '').slice(0, lock.open.guardToken.length);
}

export function writeParts(parts: Pick<RunParts, 'lock' | 'commit' | 'randomBytes' | 'revealGenerated' | 'encrypt' | 'effect'>): WriteParts {
  const { lock } = parts;
  return {
    assertLease: (ms) => { lock.assertLease(ms); },
    guardToken: guardTokenOf(parts),
    fence: lock.fence,
    async generate(address, field, make) {
      const value = make(parts.randomBytes);
      const secret = parts.revealGenerated(`${address}#${field}`, value);
      const { recipients, ciphertext } = await parts.encrypt(value);
      await parts.effect('generate');
      await lock.append({ type: 'generated', address, field, recipients, ciphertext });
      return secret;
    },
  };
}
