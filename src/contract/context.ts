import type { Address } from './address.ts';
import type { HttpClient, HttpClientOptions, SshConnection, SshOptions } from './transport.ts';
import type { SecretRef, SecretValue } from './secret.ts';

/** Injected so that a test owns time. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. For records and reports, never for a safety decision. */
  now(): number;
  /** Milliseconds that never jump. For deadlines and leases. */
  monotonic(): number;
  /** Rejects with the signal's reason when aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export interface Logger {
  /** Data never holds secrets; what slips through is redacted by the sink. */
  debug(message: string, data?: Readonly<Record<string, unknown>>): void;
  info(message: string, data?: Readonly<Record<string, unknown>>): void;
  warn(message: string, data?: Readonly<Record<string, unknown>>): void;
}

/** The only way to the outside for a provider. A test replaces any part of it. */
export interface ReadContext {
  readonly customer: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Cryptographically strong in production, seeded in tests. */
  randomBytes(size: number): Uint8Array;
  /** Resolves a reference with this session's credentials scope. Throws ProviderError `auth` with a hint when it cannot. */
  reveal(ref: SecretRef): Promise<SecretValue>;
  /** A short-lived token of this machine or CI job for one audience, in place of a stored credential; new each time. Throws ProviderError `auth` where there is none. */
  idToken(audience: string): Promise<SecretValue>;
  /** Opens one connection; the identity pin is a required option. */
  connectSsh(options: SshOptions): Promise<SshConnection>;
  /** A client bound to one origin, with budgets. */
  httpClient(options: HttpClientOptions): HttpClient;
}

export interface WriteContext extends ReadContext {
  /** Throws ProviderError `conflict` when the lease could end before a write of this length would. Call before each write. */
  assertLease(writeTimeoutMs: number): void;
  /** The run's guard token: already pushed in the intent, so a later run can find, confirm or recover the guard. */
  readonly guardToken: string;
  /** Monotonic number of the run on the customer's audit branch; a device marker may hold it to reject a late writer. */
  readonly fence: number;
  /**
   * Makes a value that the plan could only announce (an initial password), encrypts it to the customer's handover recipients and
   * makes that durable *before* it returns.
   */
  generate(address: Address, field: string, make: (randomBytes: (size: number) => Uint8Array) => string): Promise<SecretValue>;
}
