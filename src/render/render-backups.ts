import type { BackupEntry, BackupState } from '#core/config-backup';
import { escapeTerminal } from './escape-terminal.ts';
import type { Colour } from './paint.ts';
import type { View } from './render-plan.ts';
import type { Language } from './words.ts';

const colours: Readonly<Record<BackupState, Colour>> = { stored: 'green', unchanged: 'green', fresh: 'green', failed: 'red', due: 'yellow', never: 'yellow', unsupported: 'dim' };

const en = {
  states: { stored: 'stored', unchanged: 'unchanged', fresh: 'kept', failed: 'FAILED', due: 'OLDER THAN PROMISED', never: 'NEVER FETCHED', unsupported: 'hands out no configuration' },
  seen: 'last seen', since: 'the same since', none: 'No configuration is to be kept: configBackup in customer.yaml says of which customers.',
};
const de: typeof en = {
  states: { stored: 'gesichert', unchanged: 'unverändert', fresh: 'vorhanden', failed: 'FEHLGESCHLAGEN', due: 'ÄLTER ALS ZUGESAGT', never: 'NIE GEHOLT', unsupported: 'gibt keine Konfiguration heraus' },
  seen: 'zuletzt gesehen', since: 'gleich seit', none: 'Keine Konfiguration ist zu sichern: configBackup in customer.yaml sagt, von welchen Kunden.',
};

/** Customer by customer, a line a target; times in UTC. */
export function renderBackups(entries: readonly BackupEntry[], { paint, language }: Pick<View, 'paint' | 'language'> & { readonly language: Language }): string {
  const words = language === 'de' ? de : en;
  if (entries.length === 0) return words.none;
  const time = (iso: string): string => iso.slice(0, 16).replace('T', ' ');
  return [...new Set(entries.map(({ customer }) => customer))].map((customer) => [
    paint('bold', escapeTerminal(customer)),
    ...entries.filter((entry) => entry.customer === customer).flatMap(({ target, state, checkedAt, takenAt, bytes, why, hint }) => [
      `  ${escapeTerminal(target)} ${paint(colours[state], words.states[state])}${checkedAt === undefined ? '' : `, ${words.seen} ${time(checkedAt)}`}${takenAt === undefined || takenAt === checkedAt ? '' : `, ${words.since} ${time(takenAt)}`}${bytes === undefined ? '' : `, ${String(bytes)} B`}`,
      ...(why === undefined ? [] : [`    ${escapeTerminal(why)}`]), ...(hint === undefined ? [] : [`    ${escapeTerminal(hint)}`]),
    ]),
  ].join('\n')).join('\n\n');
}
