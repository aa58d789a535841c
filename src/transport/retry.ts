import type { Clock } from '#contract';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Tries in all. */
  readonly attempts: number;
  /** From the first try, milliseconds; a wait that would end later is not begun. */
  readonly deadlineMs: number;
  /** Milliseconds to wait before the next try, or `undefined`: this error is final. `attempt` counts from 1. */
  delayMs(attempt: number, error: unknown): number | undefined;
}

/** Runs until it succeeds or the error, the tries or the time say stop; throws the last error. */
export async function retry<T>(options: RetryOptions, run: (attempt: number) => Promise<T>): Promise<T> {
  const started = options.clock.monotonic();
  for (let attempt = 1; ; attempt += 1) {
    options.signal.throwIfAborted();
    try {
      return await run(attempt);
    } catch (error) {
      options.signal.throwIfAborted();
      const wait = attempt < options.attempts ? options.delayMs(attempt, error) : undefined;
      // Not `>`: a wait that is no number is no wait either.
      if (wait === undefined || !(options.clock.monotonic() - started + wait <= options.deadlineMs)) throw error;
      await options.clock.sleep(wait, options.signal);
    }
  }
}
