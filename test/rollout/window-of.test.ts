import { describe, expect, it } from 'vitest';
import type { CustomerDocument } from '#generated/types';
import { freezeOf } from '../../src/rollout/freeze-of.ts';
import { windowOf } from '../../src/rollout/window-of.ts';

type Windows = NonNullable<CustomerDocument['maintenance']>;
const saturday: Windows = [{ days: ['sat'], from: '06:00', to: '10:00' }];
const overMidnight: Windows = [{ days: ['fri'], from: '22:00', to: '02:00' }];
const nightly: Windows = [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '02:00', to: '04:00' }];
const sundayShort: Windows = [{ days: ['sun'], from: '02:15', to: '02:45' }];

/** `open until …`, `shut until …`, `always`, `none`. */
function tell(maintenance: Windows | undefined, now: string, timezone?: string): string {
  const window = windowOf({ ...(maintenance === undefined ? {} : { maintenance }), ...(timezone === undefined ? {} : { timezone }) }, Date.parse(now));
  if (window === undefined) return 'none';
  if (!window.open) return `shut until ${new Date(window.opens).toISOString().slice(0, 16)}`;
  return window.closes === undefined ? 'always' : `open until ${new Date(window.closes).toISOString().slice(0, 16)}`;
}

describe('windowOf', () => {
  it.each<{ because: string; windows?: Windows; zone?: string; now: string; told: string }>([
    { because: 'without windows nothing waits', now: '2026-07-01T12:00:00Z', told: 'none' },
    { because: 'an empty list is none', windows: [], now: '2026-07-01T12:00:00Z', told: 'none' },
    { because: 'before it opens, by Berlin\'s summer clock', windows: saturday, now: '2026-07-04T03:59:59Z', told: 'shut until 2026-07-04T04:00' },
    { because: 'the first minute is inside', windows: saturday, now: '2026-07-04T04:00:00Z', told: 'open until 2026-07-04T08:00' },
    { because: 'the last moment is inside', windows: saturday, now: '2026-07-04T07:59:59.999Z', told: 'open until 2026-07-04T08:00' },
    { because: 'the end is outside, the next is a week away', windows: saturday, now: '2026-07-04T08:00:00Z', told: 'shut until 2026-07-11T04:00' },
    { because: 'winter time is another hour of UTC', windows: saturday, now: '2026-12-05T05:00:00Z', told: 'open until 2026-12-05T09:00' },
    { because: 'the customer\'s own zone counts', windows: saturday, zone: 'America/New_York', now: '2026-07-04T09:00:00Z', told: 'shut until 2026-07-04T10:00' },
    { because: 'the weekday is that of the customer, not of UTC', windows: [{ days: ['mon'], from: '08:00', to: '09:00' }], zone: 'Pacific/Auckland', now: '2026-07-05T20:30:00Z', told: 'open until 2026-07-05T21:00' },
    { because: 'before midnight of a window over midnight', windows: overMidnight, now: '2026-07-03T21:00:00Z', told: 'open until 2026-07-04T00:00' },
    { because: 'after midnight it is still Friday\'s window', windows: overMidnight, now: '2026-07-03T23:59:00Z', told: 'open until 2026-07-04T00:00' },
    { because: 'Saturday evening is no window of Friday', windows: overMidnight, now: '2026-07-04T21:00:00Z', told: 'shut until 2026-07-10T20:00' },
    { because: 'until midnight ends at midnight', windows: [{ days: ['fri'], from: '22:00', to: '00:00' }], now: '2026-07-03T21:30:00Z', told: 'open until 2026-07-03T22:00' },
    { because: 'of several windows the next one counts', windows: [...saturday, { days: ['wed'], from: '20:00', to: '21:00' }], now: '2026-07-05T12:00:00Z', told: 'shut until 2026-07-08T18:00' },
    { because: 'windows that touch are one', windows: [{ days: ['fri'], from: '22:00', to: '00:00' }, { days: ['sat'], from: '00:00', to: '03:00' }], now: '2026-07-03T21:00:00Z', told: 'open until 2026-07-04T01:00' },
    { because: 'windows that overlap are one', windows: [{ days: ['sat'], from: '06:00', to: '10:00' }, { days: ['sat'], from: '08:00', to: '12:00' }], now: '2026-07-04T05:00:00Z', told: 'open until 2026-07-04T10:00' },
    { because: 'windows without a gap never close', windows: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '00:00', to: '12:00' }, { days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '12:00', to: '00:00' }], now: '2026-07-04T05:00:00Z', told: 'always' },
    { because: 'clocks put forward: what begins in the hour that does not exist begins at the jump', windows: nightly, now: '2026-03-29T00:30:00Z', told: 'shut until 2026-03-29T01:00' },
    { because: 'clocks put forward: the end stays on the clock', windows: nightly, now: '2026-03-29T01:00:00Z', told: 'open until 2026-03-29T02:00' },
    { because: 'clocks put forward: a window over the jump is an hour shorter', windows: [{ days: ['sat'], from: '22:00', to: '06:00' }], now: '2026-03-28T21:00:00Z', told: 'open until 2026-03-29T04:00' },
    { because: 'a window inside the hour that does not exist is left out', windows: sundayShort, now: '2026-03-29T00:30:00Z', told: 'shut until 2026-04-05T00:15' },
    { because: 'clocks put back: the window begins at the first of the two', windows: nightly, now: '2026-10-24T23:00:00Z', told: 'shut until 2026-10-25T00:00' },
    { because: 'clocks put back: the end stays on the clock', windows: nightly, now: '2026-10-25T00:30:00Z', told: 'open until 2026-10-25T03:00' },
    { because: 'clocks put back: what ends in the doubled hour ends the first time', windows: sundayShort, now: '2026-10-25T00:30:00Z', told: 'open until 2026-10-25T00:45' },
    { because: 'clocks put back: the second time of the doubled hour is not inside again', windows: sundayShort, now: '2026-10-25T01:30:00Z', told: 'shut until 2026-11-01T01:15' },
    { because: 'over the turn of the year', windows: [{ days: ['thu'], from: '23:00', to: '01:00' }], now: '2026-12-31T23:30:00Z', told: 'open until 2027-01-01T00:00' },
  ])('$because', ({ windows, zone, now, told }) => {
    expect(tell(windows, now, zone)).toBe(told);
  });
});

describe('freezeOf', () => {
  const christmas = { reason: 'Weihnachten', from: '2026-12-18', until: '2026-12-27' };
  it.each<{ because: string; fleet?: object; customer?: object; zone?: string; now: string; told: unknown }>([
    { because: 'none is written', now: '2026-12-20T12:00:00Z', told: undefined },
    { because: 'the evening before, by the customer\'s calendar', fleet: christmas, now: '2026-12-17T22:59:59Z', told: undefined },
    { because: 'the first day begins at the customer\'s midnight', fleet: christmas, now: '2026-12-17T23:00:00Z', told: { scope: 'fleet', reason: 'Weihnachten', ends: Date.parse('2026-12-27T23:00:00Z') } },
    { because: 'the last day counts to its end', customer: christmas, now: '2026-12-27T22:59:59Z', told: { scope: 'customer', reason: 'Weihnachten', ends: Date.parse('2026-12-27T23:00:00Z') } },
    { because: 'the day after it is over', customer: christmas, now: '2026-12-27T23:00:00Z', told: undefined },
    { because: 'elsewhere that day is not over yet', customer: christmas, zone: 'America/New_York', now: '2026-12-28T04:59:00Z', told: { scope: 'customer', reason: 'Weihnachten', ends: Date.parse('2026-12-28T05:00:00Z') } },
    { because: 'without dates it holds until it is taken away', fleet: { reason: 'Umzug' }, now: '2026-12-20T12:00:00Z', told: { scope: 'fleet', reason: 'Umzug' } },
    { because: 'of two, the one that lasts longer is told', fleet: christmas, customer: { reason: 'Inventur', until: '2026-12-31' }, now: '2026-12-20T12:00:00Z', told: { scope: 'customer', reason: 'Inventur', ends: Date.parse('2026-12-31T23:00:00Z') } },
    { because: 'of two that last equally long, the fleet\'s', fleet: { reason: 'a' }, customer: { reason: 'b' }, now: '2026-12-20T12:00:00Z', told: { scope: 'fleet', reason: 'a' } },
    { because: 'a day on which the clocks change is a whole day', customer: { reason: 'x', from: '2026-03-29', until: '2026-03-29' }, now: '2026-03-29T21:59:59Z', told: { scope: 'customer', reason: 'x', ends: Date.parse('2026-03-29T22:00:00Z') } },
  ])('$because', ({ fleet, customer, zone, now, told }) => {
    const settings = (fleet === undefined ? {} : { freeze: fleet }) as Parameters<typeof freezeOf>[0];
    const document = { ...(customer === undefined ? {} : { freeze: customer }), ...(zone === undefined ? {} : { timezone: zone }) } as Parameters<typeof freezeOf>[1];
    expect(freezeOf(settings, document, Date.parse(now))).toEqual(told);
  });
});
