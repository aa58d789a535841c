/** What runs on the targets against what is asked: one line for each, the same words in every report. */
import type { FirmwareNote } from '#core/firmware';
import { escapeMarkdown } from './escape-markdown.ts';
import { escapeTerminal } from './escape-terminal.ts';
import type { View } from './render-plan.ts';
import type { Language } from './words.ts';

const en = {
  title: 'Firmware: told, never put on a device by soll', more: 'more',
  version: { met: (found: string, wanted: string) => `${found}, at least ${wanted} is asked`, missed: (found: string, wanted: string) => `runs ${found}, at least ${wanted} is asked`, unknown: (wanted: string) => `version unknown, at least ${wanted} is asked` },
  channel: { met: (found: string, wanted: string) => `channel ${found} as asked${found === wanted ? '' : ` (${wanted})`}`, missed: (found: string, wanted: string) => `follows channel ${found}, ${wanted} is asked`, unknown: (wanted: string) => `channel unknown, ${wanted} is asked` },
  why: { 'not-read': () => 'the target was not read', untold: () => 'the target does not tell it', 'not-comparable': (found: string) => `it tells ${found}, which cannot be compared` },
  rule: (rule: string, standard: string | undefined) => (standard === undefined ? rule : `${standard}, ${rule}`), accepted: (until: string, owner: string, reason: string) => `accepted until ${until} (${owner}: ${reason})`,
};

const de: typeof en = {
  title: 'Firmware: wird gemeldet, soll spielt keine ein', more: 'weitere',
  version: { met: (found, wanted) => `${found}, verlangt ist mindestens ${wanted}`, missed: (found, wanted) => `läuft mit ${found}, verlangt ist mindestens ${wanted}`, unknown: (wanted) => `Version unbekannt, verlangt ist mindestens ${wanted}` },
  channel: { met: (found, wanted) => `Kanal ${found} wie verlangt${found === wanted ? '' : ` (${wanted})`}`, missed: (found, wanted) => `folgt dem Kanal ${found}, verlangt ist ${wanted}`, unknown: (wanted) => `Kanal unbekannt, verlangt ist ${wanted}` },
  why: { 'not-read': () => 'das Ziel wurde nicht gelesen', untold: () => 'das Ziel nennt es nicht', 'not-comparable': (found) => `es nennt ${found}, was sich nicht vergleichen lässt` },
  rule: (rule, standard) => (standard === undefined ? rule : `${standard}, ${rule}`), accepted: (until, owner, reason) => `akzeptiert bis ${until} (${owner}: ${reason})`,
};

function wordsOf(language: Language): typeof en {
  return language === 'de' ? de : en;
}

/** Without the target's name; unescaped. */
export function firmwareText({ standing, due }: Omit<FirmwareNote, 'target'>, language: Language): string {
  const words = wordsOf(language);
  const { about, state, wanted, found = '', why, rule, standard, accepted } = standing;
  const what = state === 'unknown' ? [words[about].unknown(wanted), ...(why === undefined ? [] : [words.why[why](found)])].join(': ') : words[about][state](found, wanted);
  const then = accepted === undefined ? (due === undefined ? '' : `; ${due.why[language]}`) : `; ${words.accepted(accepted.until, accepted.owner, accepted.reason)}`;
  return `${what} (${words.rule(rule, standard)})${then}`;
}

/** What is as asked is not worth a line. */
function told(notes: readonly FirmwareNote[]): readonly FirmwareNote[] {
  return notes.filter(({ standing }) => standing.state !== 'met');
}

/** So many lines of one customer. */
const shown = 20;

/** Below a plan; empty where everything is as asked. */
export function renderFirmware(notes: readonly FirmwareNote[], { paint, language }: Pick<View, 'paint' | 'language'>): string {
  const lines = told(notes).map((note) => {
    const { state, accepted } = note.standing;
    return `    ${paint('bold', escapeTerminal(note.target))} ${paint(accepted !== undefined ? 'dim' : state === 'missed' ? 'red' : 'yellow', escapeTerminal(firmwareText(note, language)))}`;
  });
  const words = wordsOf(language);
  return lines.length === 0 ? '' : [`  ${words.title}:`, ...lines.slice(0, shown), ...(lines.length > shown ? [`    … ${String(lines.length - shown)} ${words.more}`] : [])].join('\n');
}

/** The same as a list. */
export function renderFirmwareMarkdown(notes: readonly FirmwareNote[], language: Language): string {
  const lines = told(notes).map((note) => `- ${firmwareLineMarkdown(note, language)}`);
  const words = wordsOf(language);
  return lines.length === 0 ? '' : [`**${words.title}**`, '', ...lines.slice(0, shown), ...(lines.length > shown ? [`- … ${String(lines.length - shown)} ${words.more}`] : [])].join('\n');
}

/** `place`: what the target is called there. */
export function firmwareLineMarkdown(note: FirmwareNote, language: Language, place = note.target): string {
  const text = escapeMarkdown(firmwareText(note, language));
  return `${escapeMarkdown(place)}: ${note.standing.state === 'missed' && note.standing.accepted === undefined ? `**${text}**` : text}`;
}

export function firmwareTitle(language: Language): string {
  return wordsOf(language).title;
}
