/** Kept configurations of devices against what is promised: the same words below a plan, in a comment and in the status. */
import type { KeptStanding } from '#core/config-backup';
import { escapeMarkdown } from './escape-markdown.ts';
import { escapeTerminal } from './escape-terminal.ts';
import type { View } from './render-plan.ts';
import type { Language } from './words.ts';

const en = {
  title: 'Kept configurations', due: (targets: string, at: string, hours: number) => `the configuration of ${targets} was kept last at ${at} UTC, every ${String(hours)} h is promised`,
  never: (targets: string, hours: number) => `no configuration of ${targets} has been kept, every ${String(hours)} h is promised`, 'no-policy': (targets: string) => `the configuration of ${targets} is not kept (no configBackup in customer.yaml)`,
};
const de: typeof en = {
  title: 'Gesicherte Konfigurationen', due: (targets, at, hours) => `die Konfiguration von ${targets} wurde zuletzt ${at} UTC gesichert, zugesagt ist alle ${String(hours)} h`,
  never: (targets, hours) => `von ${targets} ist keine Konfiguration gesichert, zugesagt ist alle ${String(hours)} h`, 'no-policy': (targets) => `die Konfiguration von ${targets} wird nicht gesichert (kein configBackup in customer.yaml)`,
};

/** Unescaped; what is kept as promised is not told. */
export function keptLines(kept: readonly KeptStanding[], language: Language): readonly string[] {
  const words = language === 'de' ? de : en;
  const of = (state: KeptStanding['state']): readonly KeptStanding[] => kept.filter((each) => each.state === state);
  const names = (some: readonly KeptStanding[]): string => `${some.slice(0, 10).map(({ target }) => target).join(', ')}${some.length > 10 ? ', …' : ''}`;
  const [never, none] = [of('never'), of('no-policy')];
  return [
    ...of('due').map(({ target, at = '', everyHours = 0 }) => words.due(target, at.slice(0, 16).replace('T', ' '), everyHours)),
    ...(never.length === 0 ? [] : [words.never(names(never), never[0]?.everyHours ?? 0)]), ...(none.length === 0 ? [] : [words['no-policy'](names(none))]),
  ];
}

/** Below a plan; empty where all is as promised. */
export function renderKept(kept: readonly KeptStanding[], { paint, language }: Pick<View, 'paint' | 'language'>): string {
  return keptLines(kept, language).map((line) => `  ${paint(kept.some(({ state }) => state === 'due' || state === 'never') ? 'yellow' : 'dim', escapeTerminal(line))}`).join('\n');
}

export function renderKeptMarkdown(kept: readonly KeptStanding[], language: Language): string {
  return keptLines(kept, language).map((line) => `- ${escapeMarkdown(line)}`).join('\n');
}

export function keptTitle(language: Language): string {
  return (language === 'de' ? de : en).title;
}
