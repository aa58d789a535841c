import { parseAddress, type Address } from '#contract';
import { escapeTerminal } from './escape-terminal.ts';
import type { Paint } from './paint.ts';
import type { Language } from './words.ts';

type What = 'adopted' | 'updated' | 'same' | 'differs' | 'missing' | 'left-out' | 'inexact';

const words: Readonly<Record<Language, Readonly<Record<What | 'unreachable' | 'nothing', string>>>> = {
  en: { adopted: 'written now', updated: 'changed to what is there', same: 'written already', differs: 'written otherwise, left as it is', missing: 'written, and not there', 'left-out': 'there, and not written', inexact: 'written, but not exactly', unreachable: 'unreachable', nothing: 'nothing to write' },
  de: { adopted: 'jetzt geschrieben', updated: 'geändert zu dem, was da ist', same: 'steht schon so da', differs: 'steht anders da, unverändert gelassen', missing: 'geschrieben, aber nicht da', 'left-out': 'da, aber nicht geschrieben', inexact: 'geschrieben, aber nicht genau', unreachable: 'nicht erreichbar', nothing: 'nichts zu schreiben' },
};

export interface AdoptView {
  readonly entries: readonly { readonly address: Address; readonly what: What; readonly why?: string }[];
  readonly unreachable: readonly { readonly target: string; readonly why: string; readonly hint?: string }[];
}

const order: readonly What[] = ['adopted', 'updated', 'same', 'differs', 'missing', 'left-out', 'inexact'];

/** How many of each, and by name everything that is not simply written now. */
export function renderAdopt({ entries, unreachable }: AdoptView, { paint, language }: { readonly paint: Paint; readonly language: Language }): string {
  const say = words[language];
  const parts = order.flatMap((what) => {
    const found = entries.filter((entry) => entry.what === what);
    if (found.length === 0) return [];
    const head = `${paint('bold', String(found.length))} ${say[what]}`;
    if (what === 'adopted' || what === 'same') return [head];
    return [head, ...found.map(({ address, why }) => {
      const { target, kind, name } = parseAddress(address);
      return `  ${escapeTerminal(`${target}/${kind}/${name}`)}${why === undefined ? '' : `: ${escapeTerminal(why)}`}`;
    })];
  });
  const away = unreachable.map(({ target, why, hint }) => `${paint('red', escapeTerminal(target))} ${say.unreachable}: ${escapeTerminal(why)}${hint === undefined ? '' : ` (${escapeTerminal(hint)})`}`);
  return [...parts, ...away, ...(parts.length + away.length === 0 ? [say.nothing] : [])].join('\n');
}

/** A diff in colours; its lines are text from files and devices. */
export function renderDiff(diff: string, paint: Paint): string {
  return diff.split('\n').map((line) => {
    const safe = escapeTerminal(line);
    if (/^(---|\+\+\+) /.test(line)) return paint('bold', safe);
    return line.startsWith('+') ? paint('green', safe) : line.startsWith('-') ? paint('red', safe) : line.startsWith('@@') ? paint('cyan', safe) : safe;
  }).join('\n').trimEnd();
}
