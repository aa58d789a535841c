/** Wall clocks: what an instant reads in a time zone, and when a time zone's clock reads something. */

/** A date and time as a clock on the wall shows it, without a zone; months from 1. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' });
  formats.set(zone, made);
  return made;
}

/** Throws RangeError for a zone that does not exist; validation has refused it before. */
export function wallTimeOf(instant: number, zone: string): WallTime {
  const parts = formatOf(zone).formatToParts(instant);
  const read = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.find((part) => part.type === type)?.value ?? '0');
  return { year: read('year'), month: read('month'), day: read('day'), hour: read('hour'), minute: read('minute') };
}

/** As if the wall clock showed UTC: numbers that can be added to and compared. */
function asUtc({ year, month, day, hour, minute }: WallTime): number {
  return Date.UTC(year, month - 1, day, hour, minute);
}

function offsetAt(instant: number, zone: string): number {
  return asUtc(wallTimeOf(instant, zone)) - Math.floor(instant / minuteMs) * minuteMs;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

/**
 * The instant at which the clock reads this. What it reads twice (clocks put back) is the first time; what it never reads (clocks put
 * forward) is the moment of the jump. Days may lie beyond the end of their month.
 */
export function instantOf(wall: WallTime, zone: string): number {
  const shown = asUtc(wall);
  const [before, after] = [offsetAt(shown - dayMs, zone), offsetAt(shown + dayMs, zone)];
  const found = [shown - before, shown - after].filter((instant) => instant + offsetAt(instant, zone) === shown);
  if (found.length > 0) return Math.min(...found);
  let [low, high] = [shown - dayMs, shown + dayMs];
  while (high - low > minuteMs) {
    const middle = Math.floor((low + high) / 2 / minuteMs) * minuteMs;
    if (offsetAt(middle, zone) === before) low = middle;
    else high = middle;
  }
  return high;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** `2026-03-29`, the date on the wall. */
export function dateOf(instant: number, zone: string): string {
  const { year, month, day } = wallTimeOf(instant, zone);
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

/** For people: `2026-03-29 02:00 (Europe/Berlin)`, in German `29.03.2026 02:00 Uhr (Europe/Berlin)`. */
export function tellTime(instant: number, zone: string): { readonly en: string; readonly de: string } {
  const { year, month, day, hour, minute } = wallTimeOf(instant, zone);
  const time = `${two(hour)}:${two(minute)}`;
  return { en: `${dateOf(instant, zone)} ${time} (${zone})`, de: `${two(day)}.${two(month)}.${String(year)} ${time} Uhr (${zone})` };
}
