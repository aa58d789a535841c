import type { Clock } from '#contract';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time that moves only when told. */
export function makeTestClock(start = Date.UTC(2026, 0, 1)): Clock & { advance(milliseconds: number): Promise<void> } {
  let elapsed = 0;
  let sleepers: Sleeper[] = [];
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    sleep: (milliseconds, signal) => new Promise<void>((resolve, reject) => {
      signal?.throwIfAborted();
      sleepers.push({ at: elapsed + milliseconds, wake: resolve });
      signal?.addEventListener('abort', () => { reject(signal.reason as Error); }, { once: true });
    }),
    async advance(milliseconds) {
      elapsed += milliseconds;
      const due = sleepers.filter(({ at }) => at <= elapsed);
      sleepers = sleepers.filter(({ at }) => at > elapsed);
      for (const { wake } of due) wake();
      await new Promise<void>((resolve) => { setImmediate(resolve); });
    },
  };
}

/** Nobody waits: `sleep` returns at once and both clocks jump. */
export function fastClock(start = Date.UTC(2026, 0, 1)): Clock {
  let elapsed = 0;
  const since = performance.now();
  const passed = (): number => elapsed + (performance.now() - since);
  return {
    now: () => start + Math.round(passed()),
    monotonic: passed,
    sleep: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      elapsed += milliseconds;
      await new Promise<void>((resolve) => { setImmediate(resolve); });
    },
  };
}
