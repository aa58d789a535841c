/**
 * What OPNsense saves is not in force until it is applied, and nothing in its API tells the two apart. So soll notes on the device, before it saves
 * anything, what it is about to touch, and takes the note away once all of it is in force. A run that broke off in between is seen by the next reading.
 * The note is an alias that no rule uses; its number keeps a late writer away.
 */
import { descriptionLength } from './limits.ts';
import type { Item, Row } from './model.ts';
import { isOwnKind, uuidOf, type OwnKind } from './names.ts';

export interface PendingEntry {
  readonly kind: OwnKind;
  readonly name: string;
  /** It was to go. */
  readonly removed: boolean;
}

export interface Pending {
  /** Number of the newest run that was here; 0: none. */
  readonly fence: number;
  readonly entries: readonly PendingEntry[];
  /** More than could be noted: anything of ours may be affected. */
  readonly all: boolean;
  /** The first note as it stands there. */
  readonly note?: string;
}

export const pendingAlias = 'soll_run';

const mostNotes = 20;

/** The first note stays for ever and holds the number of the run; others are there only while something is pending. */
export function readPending(rows: readonly Row[]): Pending {
  const notes = rows.filter(({ module, values }) => module === 'alias' && values['name']?.startsWith(pendingAlias) === true).map(({ values }) => /^\[soll run (\d+)\] (?:done|saving (.*))$/s.exec(values['description'] ?? ''));
  const texts = notes.flatMap((note) => note?.[2]?.split('; ') ?? []);
  const first = rows.find(({ module, values }) => module === 'alias' && values['name'] === pendingAlias)?.values['description'];
  return {
    ...(first === undefined ? {} : { note: first }),
    fence: Math.max(0, ...notes.map((note) => Number(note?.[1] ?? 0))),
    all: texts.includes('*'),
    entries: texts.flatMap((text): PendingEntry[] => {
      const [, sign = '', kind = '', name = ''] = /^(-?)(\S+) (\S+)$/.exec(text) ?? [];
      return isOwnKind(kind) ? [{ kind, name, removed: sign === '-' }] : [];
    }),
  };
}

export function note(index: number, description: string): Item {
  const name = index === 0 ? pendingAlias : `${pendingAlias}_${String(index)}`;
  return { module: 'alias', uuid: noteUuid(index), values: { enabled: '1', name, type: 'external', content: '', description } };
}

export function noteUuid(index: number): string {
  return uuidOf('service', 'soll run', String(index));
}

/** First what goes away, as nothing else would still speak of it. */
export function savingNotes(fence: number, entries: readonly PendingEntry[]): readonly Item[] {
  const sorted = [...entries].sort((a, b) => Number(b.removed) - Number(a.removed));
  const removals = entries.filter(({ removed }) => removed).length;
  const head = `[soll run ${String(fence)}] saving `;
  const chunks: string[] = [];
  for (const [index, text] of sorted.map(({ kind, name, removed }) => `${removed ? '-' : ''}${kind} ${name}`).entries()) {
    const last = chunks.at(-1);
    if (last !== undefined && head.length + last.length + 2 + text.length <= descriptionLength) chunks[chunks.length - 1] = `${last}; ${text}`;
    else if (chunks.length < mostNotes || index < removals) chunks.push(text);
    else {
      chunks.push('*');
      break;
    }
  }
  return chunks.map((text, index) => note(index, `${head}${text}`));
}

export function doneNote(fence: number): Item {
  return note(0, `[soll run ${String(fence)}] done`);
}
