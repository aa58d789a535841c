/** Retrying within budgets, with a clock that the test owns. */
import { describe, expect, it } from 'vitest';
import { ProviderError, type Clock } from '#contract';
import { retry, type RetryOptions } from '#transport/retry';
import { systemClock } from '#transport/system-clock';

function fakeClock(): Clock & { readonly slept: number[] } {
  let at = 1000;
  const slept: number[] = [];
  return { slept, now: () => at, monotonic: () => at, sleep: (milliseconds, signal) => {
    signal?.throwIfAborted();
    slept.push(milliseconds);
    at += milliseconds;
    return Promise.resolve();
  } };
}

async function attempt(options: Partial<RetryOptions>, succeedsAt = Number.POSITIVE_INFINITY): Promise<{ readonly result: string; readonly tries: number; readonly slept: readonly number[] }> {
  const clock = fakeClock();
  let tries = 0;
  const result = await retry({ clock, signal: new AbortController().signal, attempts: 5, deadlineMs: 10_000, delayMs: () => 1000, ...options }, (number) => {
    tries += 1;
    if (number !== tries) throw new RangeError('miscounted');
    return number >= succeedsAt ? Promise.resolve('done') : Promise.reject(new Error(`try ${String(number)}`));
  }).catch((error: unknown) => String(error));
  return { result, tries, slept: clock.slept };
}

describe('retry', () => {
  it.each([
    { because: 'the first try is enough', options: {}, at: 1, expected: { result: 'done', tries: 1, slept: [] } },
    { because: 'the third is', options: {}, at: 3, expected: { result: 'done', tries: 3, slept: [1000, 1000] } },
    { because: 'the tries are used up, and the last error is told', options: { attempts: 3 }, at: 9, expected: { result: 'Error: try 3', tries: 3, slept: [1000, 1000] } },
    { because: 'one try is one try', options: { attempts: 1 }, at: 9, expected: { result: 'Error: try 1', tries: 1, slept: [] } },
    { because: 'an error that is final is not tried again', options: { delayMs: () => undefined }, at: 9, expected: { result: 'Error: try 1', tries: 1, slept: [] } },
    { because: 'a wait that would end after the deadline is not begun', options: { deadlineMs: 2500 }, at: 9, expected: { result: 'Error: try 3', tries: 3, slept: [1000, 1000] } },
    { because: 'a wait that ends at the deadline is', options: { deadlineMs: 2000 }, at: 9, expected: { result: 'Error: try 3', tries: 3, slept: [1000, 1000] } },
    { because: 'an absurd wait is not waited', options: { delayMs: () => 1e12 }, at: 9, expected: { result: 'Error: try 1', tries: 1, slept: [] } },
    { because: 'nor an endless one', options: { delayMs: () => Number.POSITIVE_INFINITY }, at: 9, expected: { result: 'Error: try 1', tries: 1, slept: [] } },
    { because: 'nor one that is no number', options: { delayMs: () => Number.NaN }, at: 9, expected: { result: 'Error: try 1', tries: 1, slept: [] } },
    { because: 'the delay sees which try failed', options: { delayMs: (number: number) => number * 100 }, at: 4, expected: { result: 'done', tries: 4, slept: [100, 200, 300] } },
  ])('$because', async ({ options, at, expected }) => {
    expect(await attempt(options, at)).toEqual(expected);
  });

  it('a target that is silent for long is asked twice, one that refuses quickly as often as allowed', async () => {
    const tries = async (tookMs: number): Promise<number> => {
      const clock = fakeClock();
      let count = 0;
      await expect(retry({ clock, signal: new AbortController().signal, attempts: 5, deadlineMs: 120_000, delayMs: () => 250 }, async () => {
        count += 1;
        await clock.sleep(tookMs);
        throw new ProviderError('unreachable', 'silence', { retryable: true });
      })).rejects.toMatchObject({ code: 'unreachable' });
      return count;
    };
    expect([await tries(10_000), await tries(100)]).toEqual([2, 5]);
  });

  it('an abort ends the wait at once with the signal\'s reason, and an aborted one begins nothing more', async () => {
    const stop = new AbortController();
    const reason = new Error('Ctrl-C');
    let tries = 0;
    const options = { clock: systemClock, signal: stop.signal, attempts: 5, deadlineMs: 120_000, delayMs: () => 60_000 };
    const started = performance.now();
    setTimeout(() => { stop.abort(reason); }, 30);
    await expect(retry(options, () => { tries += 1; return Promise.reject(new Error('x')); })).rejects.toBe(reason);
    await expect(retry(options, () => { tries += 1; return Promise.reject(new Error('x')); })).rejects.toBe(reason);
    expect(tries).toBe(1);
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});
