import { isObject } from '#core/canonical';
import type { Json, JsonObject } from '#contract';

/** Keys of maps and positions in lists, from the top of a document. */
export type Path = readonly (string | number)[];

export interface Entry {
  readonly key: string;
  readonly value: Json;
  /** Lines above the entry, without `#`. Left out where a comment cannot stand (inside `{ }`). */
  readonly comment?: string;
}

/** One change of a document, as data. */
export type Edit =
  /** The value at a path; an entry that is not there is added at the end of its map. */
  | { readonly op: 'set'; readonly path: Path; readonly value: Json }
  /** New entries at the end of the map at a path. */
  | { readonly op: 'add'; readonly path: Path; readonly entries: readonly Entry[] }
  /** An entry or a list item, with the comment lines directly above it. */
  | { readonly op: 'remove'; readonly path: Path }
  /** The key of an entry. */
  | { readonly op: 'rename'; readonly path: Path; readonly to: string }
  /** An item into the list at a path, before position `at`. */
  | { readonly op: 'insert'; readonly path: Path; readonly at: number; readonly value: Json; readonly comment?: string }
  /** An item of the list at a path, with its comments; `to` is its position afterwards. */
  | { readonly op: 'move'; readonly path: Path; readonly from: number; readonly to: number };

/** What cannot be done to this document; the text stays as it is. */
export class EditError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  constructor(code: string, message: string, hint?: string) {
    super(message);
    this.name = 'EditError';
    this.code = code;
    this.hint = hint;
  }
}

export function showPath(path: Path): string {
  return path.length === 0 ? 'the document' : path.join('.');
}

export function valueAt(data: Json, path: Path): Json | undefined {
  let value: Json | undefined = data;
  for (const step of path) {
    if (typeof step === 'number') value = Array.isArray(value) ? (value as readonly Json[])[step] : undefined;
    else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value;
}

function changeAt(data: Json, path: Path, change: (value: Json) => Json): Json {
  const [step, ...rest] = path;
  if (step === undefined) return change(data);
  if (typeof step === 'number' && Array.isArray(data) && step < data.length) return (data as readonly Json[]).map((item, index) => (index === step ? changeAt(item, rest, change) : item));
  if (typeof step === 'string' && isObject(data) && Object.hasOwn(data, step)) return Object.fromEntries(Object.entries(data).map(([key, item]) => [key, key === step ? changeAt(item, rest, change) : item]));
  throw new EditError('edit.path', `there is no ${showPath(path)} in the document`);
}

function listOf(value: Json): readonly Json[] {
  if (!Array.isArray(value)) throw new EditError('edit.path', 'there is no list at this place');
  return value as readonly Json[];
}

function mapOf(value: Json): JsonObject {
  if (!isObject(value)) throw new EditError('edit.path', 'there is no map at this place');
  return value;
}

function dropped(value: Json, step: string | number | undefined): Json {
  if (typeof step === 'number' && step < listOf(value).length) return listOf(value).filter((_, index) => index !== step);
  if (typeof step === 'string' && Object.hasOwn(mapOf(value), step)) return Object.fromEntries(Object.entries(mapOf(value)).filter(([key]) => key !== step));
  throw new EditError('edit.path', `there is nothing to remove at ${String(step)}`);
}

/** What the document must say after the edit: the measure for what was done to its text. Throws EditError for a path that is not there. */
export function applyToData(data: Json, edit: Edit): Json {
  const parent = edit.path.slice(0, -1);
  const last = edit.path.at(-1);
  switch (edit.op) {
    case 'set':
      if (typeof last !== 'string') return changeAt(data, edit.path, () => edit.value);
      return changeAt(data, parent, (map) => ({ ...mapOf(map), [last]: edit.value }));
    case 'add':
      return changeAt(data, edit.path, (value) => {
        const map = mapOf(value);
        const twin = edit.entries.find(({ key }, index) => Object.hasOwn(map, key) || edit.entries.findIndex((other) => other.key === key) !== index);
        if (twin !== undefined) throw new EditError('edit.exists', `${twin.key} is written already in ${showPath(edit.path)}`);
        return { ...map, ...Object.fromEntries(edit.entries.map(({ key, value: item }) => [key, item])) };
      });
    case 'remove':
      return changeAt(data, parent, (value) => dropped(value, last));
    case 'rename':
      return changeAt(data, parent, (value) => {
        const map = mapOf(value);
        if (typeof last !== 'string' || !Object.hasOwn(map, last)) throw new EditError('edit.path', `there is no ${showPath(edit.path)} to rename`);
        if (edit.to !== last && Object.hasOwn(map, edit.to)) throw new EditError('edit.exists', `${edit.to} is written already in ${showPath(parent)}`);
        return Object.fromEntries(Object.entries(map).map(([key, item]) => [key === last ? edit.to : key, item]));
      });
    case 'insert':
      return changeAt(data, edit.path, (value) => {
        if (edit.at < 0 || edit.at > listOf(value).length) throw new EditError('edit.path', `there is no position ${String(edit.at)} in ${showPath(edit.path)}`);
        return listOf(value).toSpliced(edit.at, 0, edit.value);
      });
    case 'move':
      return changeAt(data, edit.path, (value) => {
        const list = listOf(value);
        const item = list[edit.from];
        if (item === undefined || edit.to < 0 || edit.to >= list.length) throw new EditError('edit.path', `there is no position ${String(edit.from)} or ${String(edit.to)} in ${showPath(edit.path)}`);
        return list.toSpliced(edit.from, 1).toSpliced(edit.to, 0, item);
      });
  }
}
