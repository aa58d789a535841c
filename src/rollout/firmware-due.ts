import type { FirmwareDue, FirmwareNote, FirmwareRule, FirmwareStanding } from '#core/firmware';
import type { CustomerDocument } from '#generated/types';
import { tellTime } from './local-time.ts';
import { windowOf, zoneOf } from './window-of.ts';

/** `now`: milliseconds. The window of the rule, else those of the customer; who has none can be brought up to date at any time. */
export function firmwareNote(target: string, standing: FirmwareStanding, rules: readonly FirmwareRule[], document: Pick<CustomerDocument, 'maintenance' | 'timezone'>, now: number): FirmwareNote {
  if (standing.state !== 'missed' || standing.accepted !== undefined) return { target, standing };
  const own = rules.find(({ name, standard }) => name === standing.rule && standard === standing.standard)?.window;
  return { target, standing, due: dueOf(own === undefined ? document : { ...document, maintenance: own }, now) };
}

function dueOf(document: Pick<CustomerDocument, 'maintenance' | 'timezone'>, now: number): FirmwareDue {
  const window = windowOf(document, now);
  if (window === undefined) return { state: 'now', why: { en: 'due now', de: 'jetzt fällig' } };
  const at = window.open ? window.closes : window.opens;
  if (at === undefined) return { state: 'now', why: { en: 'due now, the window is open', de: 'jetzt fällig, das Fenster ist offen' } };
  const time = tellTime(at, zoneOf(document));
  return window.open
    ? { state: 'now', why: { en: `due now, the window closes ${time.en}`, de: `jetzt fällig, das Fenster schließt ${time.de}` }, at: new Date(at).toISOString() }
    : { state: 'window', why: { en: `due in the window that opens ${time.en}`, de: `fällig im Fenster, das ${time.de} beginnt` }, at: new Date(at).toISOString() };
}
