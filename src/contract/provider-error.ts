/**
 * What the world did to us.
 * - `unreachable`: no connection, name not found, refused, cut before anything was sent
 * - `identity`: whoever answered is not the one that is pinned; never retried, never accepted
 * - `auth`: credentials refused, expired or without the permission
 * - `throttled`: told to wait, and the budget for waiting is used up
 * - `conflict`: the object is not as the plan saw it
 * - `rejected`: the target understood and refused (invalid value, limit, stock)
 * - `timeout`: no answer in time, for a request that cannot have changed anything
 * - `unsupported`: this version or family cannot do it
 * - `protocol`: an answer that makes no sense (login page, truncated JSON, short page)
 * - `unknown-outcome`: a write was sent and its answer never came: read again, never resend blind
 */
export type ProviderErrorCode =
  | 'unreachable'
  | 'identity'
  | 'auth'
  | 'throttled'
  | 'conflict'
  | 'rejected'
  | 'timeout'
  | 'unsupported'
  | 'protocol'
  | 'unknown-outcome';

export interface ProviderErrorOptions {
  readonly retryable?: boolean;
  readonly cause?: unknown;
  /** What to do about it, for a tired technician. */
  readonly hint?: string;
  /** With `identity`: who answered, in the spelling of `Target.identity`, so that a person can compare it by another channel. */
  readonly seen?: string;
}

/** Thrown by transports and providers. The message is safe to show: no secret value, no raw device bytes. */
export class ProviderError extends Error {
  readonly code: ProviderErrorCode;
  readonly retryable: boolean;
  readonly hint: string | undefined;
  readonly seen: string | undefined;

  constructor(code: ProviderErrorCode, message: string, options: ProviderErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ProviderError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.hint = options.hint;
    this.seen = options.seen;
  }
}

export function isProviderError(error: unknown): error is ProviderError {
  return error instanceof ProviderError;
}
