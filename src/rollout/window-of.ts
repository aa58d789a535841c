import type { CustomerDocument } from '#generated/types';
import { instantOf, wallTimeOf } from './local-time.ts';

/** Where the customer is in its maintenance windows; instants in milliseconds. */
export type Window =
  | { readonly open: true; /** Absent: it is always open. */ readonly closes?: number }
  | { readonly open: false; readonly opens: number };

type MaintenanceWindow = NonNullable<CustomerDocument['maintenance']>[number];

interface Span {
  readonly from: number;
  readonly to: number;
}

const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const defaultZone = 'Europe/Berlin';

export function zoneOf({ timezone }: Pick<CustomerDocument, 'timezone'>): string {
  return timezone ?? defaultZone;
}

/** `undefined`: the customer has no windows, changes may be felt at any time. */
export function windowOf(document: Pick<CustomerDocument, 'maintenance' | 'timezone'>, now: number): Window | undefined {
  const windows = document.maintenance ?? [];
  if (windows.length === 0) return undefined;
  const spans = merge(spansAround(windows, zoneOf(document), now));
  const current = spans.find(({ from, to }) => from <= now && now < to);
  // A span that reaches the end of what was looked at has none.
  if (current !== undefined) return { open: true, ...(current === spans.at(-1) ? {} : { closes: current.to }) };
  const next = spans.find(({ from }) => from > now);
  return next === undefined ? undefined : { open: false, opens: next.from };
}

/** Every window from two days ago to two weeks ahead: a jump of the clock can swallow a short one, and then the week after counts. */
function spansAround(windows: readonly MaintenanceWindow[], zone: string, now: number): readonly Span[] {
  const today = wallTimeOf(now, zone);
  return Array.from({ length: 18 }, (_, index) => index - 2).flatMap((offset) => {
    const date = new Date(Date.UTC(today.year, today.month - 1, today.day + offset));
    const weekday = weekdays[date.getUTCDay()];
    const at = (time: string, days: number): number => {
      const [hour = 0, minute = 0] = time.split(':').map(Number);
      return instantOf({ year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() + days, hour, minute }, zone);
    };
    return windows.filter(({ days }) => weekday !== undefined && days.includes(weekday))
      .map(({ from, to }): Span => ({ from: at(from, 0), to: at(to, to <= from ? 1 : 0) }))
      .filter(({ from, to }) => from < to);
  });
}

/** Windows that touch are one: until midnight and from midnight on is no break. */
function merge(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from || a.to - b.to)) {
    const last = merged.at(-1);
    if (last === undefined || span.from > last.to) merged.push(span);
    else merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
  }
  return merged;
}
