import { ProviderError, type Clock } from '#contract';

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

/** A target that was silent for so long, milliseconds, is asked once more and no further: everybody else's plan waits for it. */
const silentMs = 9_000;

function isSilence(error: unknown, tookMs: number): boolean {
  return tookMs >= silentMs && error instanceof ProviderError && (error.code === 'unreachable' || error.code === 'timeout');
}

/** Runs until it succeeds or the error, the tries, the time or a second long silence say stop; throws the last error. */
export async function retry<T>(options: RetryOptions, run: (attempt: number) => Promise<T>): Promise<T> {
  const started = options.clock.monotonic();
  let silences = 0;
  for (let attempt = 1; ; attempt += 1) {
    options.signal.throwIfAborted();
    const asked = options.clock.monotonic();
    try {
      return await run(attempt);
    } catch (error) {
      options.signal.throwIfAborted();
      if (isSilence(error, options.clock.monotonic() - asked)) silences += 1;
      const wait = attempt < options.attempts && silences < 2 ? options.delayMs(attempt, error) : undefined;
      // Not `>`: a wait that is no number is no wait either.
      if (wait === undefined || !(options.clock.monotonic() - started + wait <= options.deadlineMs)) throw error;
      await options.clock.sleep(wait, options.signal);
    }
  }
}
