/** Time zones, maintenance windows, freezes and rings, beyond their form. */
import { isTimezone } from '#core/local-day';
import type { SollDocument } from '#generated/types';
import type { CustomerFiles } from './customer-files.ts';
import type { PendingProblem, Place } from './place.ts';
import { didYouMean } from './suggest.ts';

export function checkCalendar({ customer: { file, value } }: CustomerFiles): readonly PendingProblem[] {
  const at = (pointer: string): Place => ({ file, pointer, part: 'value' });
  const problems: PendingProblem[] = [...checkFreeze(file, value.freeze)];
  if (value.timezone !== undefined && !isTimezone(value.timezone)) problems.push({ code: 'customer.timezone', severity: 'error', message: `there is no time zone ${value.timezone}`, hint: didYouMean(value.timezone, nearZones(value.timezone)), at: at('/timezone') });
  (value.maintenance ?? []).forEach(({ from, to }, index) => {
    if (from === to) problems.push({ code: 'customer.window', severity: 'error', message: `a window from ${from} to ${to} has no length`, hint: 'for a whole day write from: "00:00" to: "23:59"', at: at(`/maintenance/${String(index)}/to`) });
  });
  return problems;
}

/** `customers`: folders of the repository. */
export function checkSettings(file: string, { freeze, rollout }: Pick<SollDocument, 'freeze' | 'rollout'>, customers: readonly string[]): readonly PendingProblem[] {
  return [
    ...checkFreeze(file, freeze),
    ...(rollout?.canary ?? []).flatMap((name, index): PendingProblem[] => (customers.includes(name) ? [] : [{
      code: 'rollout.canary', severity: 'error', message: `there is no customer ${name} to go first`, hint: didYouMean(name, customers), at: { file, pointer: `/rollout/canary/${String(index)}`, part: 'value' },
    }])),
  ];
}

function checkFreeze(file: string, freeze: SollDocument['freeze']): readonly PendingProblem[] {
  if (freeze?.from === undefined || freeze.until === undefined || freeze.from <= freeze.until) return [];
  return [{ code: 'freeze.until', severity: 'error', message: `the freeze ends on ${freeze.until}, before it begins on ${freeze.from}`, hint: 'the last day is not before the first', at: { file, pointer: '/freeze/until', part: 'value' } }];
}

/** Those of the same part of the world; of four hundred names the first dozen help nobody. */
function nearZones(name: string): readonly string[] {
  const zones = Intl.supportedValuesOf('timeZone');
  const [area = ''] = name.split('/');
  const near = zones.filter((zone) => zone.startsWith(`${area}/`));
  return near.length > 0 ? near : zones;
}
