import type { RunParts } from './run-parts.ts';

/** Looks at once, and again at growing distances until it is seen or the time (milliseconds) is over; what was seen last. */
export async function lookUntil<T>({ clock, lock }: Pick<RunParts, 'clock' | 'lock'>, timeMs: number, look: () => Promise<T>, isSeen: (seen: T) => boolean): Promise<T> {
  const deadline = clock.monotonic() + timeMs;
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    const seen = await look();
    const left = deadline - clock.monotonic();
    if (isSeen(seen) || left <= 0) return seen;
    await clock.sleep(Math.min(wait, left));
    await lock.renew();
  }
}
