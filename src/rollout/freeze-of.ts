import type { CustomerDocument, SollDocument } from '#generated/types';
import { dateOf, instantOf } from './local-time.ts';
import { zoneOf } from './window-of.ts';

export interface Freeze {
  /** Whose switch it is: of soll.yaml or of the customer. */
  readonly scope: 'fleet' | 'customer';
  readonly reason: string;
  /** First instant after it, milliseconds; absent: until it is taken away. */
  readonly ends?: number;
}

/** The freeze that holds at this moment, first and last day included, by the customer's calendar. Of two the one that lasts longer; of equals the fleet's. */
export function freezeOf(settings: Pick<SollDocument, 'freeze'>, document: Pick<CustomerDocument, 'freeze' | 'timezone'>, now: number): Freeze | undefined {
  const zone = zoneOf(document);
  const today = dateOf(now, zone);
  const written = [['fleet', settings.freeze], ['customer', document.freeze]] as const;
  const active = written.flatMap(([scope, freeze]): Freeze[] => {
    if (freeze === undefined || (freeze.from !== undefined && today < freeze.from) || (freeze.until !== undefined && today > freeze.until)) return [];
    return [{ scope, reason: freeze.reason, ...(freeze.until === undefined ? {} : { ends: dayAfter(freeze.until, zone) }) }];
  });
  return active.sort((a, b) => endOf(b) - endOf(a))[0];
}

/** So that two without an end compare as equal. */
function endOf({ ends }: Freeze): number {
  return ends ?? Number.MAX_SAFE_INTEGER;
}

function dayAfter(date: string, zone: string): number {
  const [year = 0, month = 1, day = 1] = date.split('-').map(Number);
  return instantOf({ year, month, day: day + 1, hour: 0, minute: 0 }, zone);
}
