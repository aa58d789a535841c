import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import { isObject } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import type { Json } from '#contract';
import { applyToData, EditError, showPath, valueAt, type Edit, type Entry, type Path } from './edit.ts';
import { addEntries, fillEmptied, insertItem, moveItem, removePart, replaceEntry, replaceItem, replaceRoot } from './edit-block.ts';
import { flowEntries, flowItem, insertIntoFlow, removeFromFlow } from './edit-flow.ts';
import { renderFlow, renderScalar } from './render-yaml.ts';
import { dataOf, keyOf, nodeAt, openText, pairStart, type OpenText, type Splice } from './yaml-text.ts';

/**
 * The text after these edits, one after the other. What an edit does not speak of keeps its bytes: comments, order, quotes, indentation,
 * line ends. Each step is proven by reading the result again. Throws EditError and then nothing has happened.
 */
export function editYaml(text: string, edits: readonly Edit[]): string {
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  return mark + edits.reduce(editOnce, text.slice(mark.length));
}

/** The document as data, as the editor understands it. Throws EditError. */
export function readYaml(text: string): Json {
  return dataOf(openText(text.replace(/^\uFEFF/, '')).root);
}

function editOnce(text: string, edit: Edit): string {
  const open = openText(text);
  const before = dataOf(open.root);
  const expected = applyToData(before, edit);
  if (equalJson(before, expected) && edit.op === 'set') return text;
  const result = splice(text, splicesOf(open, before, edit));
  let found: Json;
  try {
    found = readYaml(result);
  } catch {
    throw new EditError('edit.form', `${showPath(edit.path)} is written in a way that cannot be edited without touching other lines`, 'edit the file by hand');
  }
  if (!equalJson(found, expected)) throw new EditError('edit.form', `${showPath(edit.path)} is written in a way that cannot be edited without touching other lines`, 'edit the file by hand');
  return result;
}

function splice(text: string, splices: readonly Splice[]): string {
  // From the end, so that offsets stay valid; at one place the one given later goes in later.
  const ordered = splices.map((each, index) => ({ ...each, index })).sort((a, b) => b.from - a.from || b.to - a.to || b.index - a.index);
  return ordered.reduce((result, { from, to, text: put }) => result.slice(0, from) + put + result.slice(to), text);
}

function splicesOf(open: OpenText, before: Json, edit: Edit): readonly Splice[] {
  switch (edit.op) {
    case 'set': {
      const last = edit.path.at(-1);
      return typeof last === 'string' && valueAt(before, edit.path) === undefined
        ? addTo(open, before, edit.path.slice(0, -1), [{ key: last, value: edit.value }])
        : replaceAt(open, edit.path, edit.value);
    }
    case 'add': return edit.entries.length === 0 ? [] : addTo(open, before, edit.path, edit.entries);
    case 'remove': return removeAt(open, before, edit.path);
    case 'rename': return rename(open, edit.path, edit.to);
    case 'insert': return insertAt(open, before, edit);
    case 'move': return moveWithin(open, before, edit);
  }
}

function listNode(open: OpenText, path: Path): YAMLSeq {
  const node = nodeAt(open, path);
  if (!isSeq(node)) throw new EditError('edit.path', `${showPath(path)} is not a list`);
  return node;
}

function holderOf(open: OpenText, path: Path): { readonly node: YAMLMap | YAMLSeq; readonly index: number } {
  const node = nodeAt(open, path.slice(0, -1));
  const last = path.at(-1);
  const index = isMap(node) ? node.items.findIndex((pair) => keyOf(pair) === last) : isSeq(node) && typeof last === 'number' ? last : -1;
  if (!(isMap(node) || isSeq(node)) || index < 0) throw new EditError('edit.path', `there is no ${showPath(path)} in the document`);
  return { node, index };
}

function replaceAt(open: OpenText, path: Path, value: Json, entries?: readonly Entry[]): readonly Splice[] {
  if (path.length === 0) return replaceRoot(open, value, entries);
  const { node, index } = holderOf(open, path);
  if (node.flow === true) {
    const item = node.items[index];
    const old = (isMap(node) ? (item as Pair).value : item) as Node | null;
    const [from, to] = old?.range ?? [];
    if (from === undefined || to === undefined) throw new EditError('edit.form', `${showPath(path)} has no value`);
    return [{ from, to, text: isScalar(old) && old.type === 'QUOTE_DOUBLE' ? renderScalar(value, true, 'double') : isScalar(old) && old.type === 'QUOTE_SINGLE' ? renderScalar(value, true, 'single') : renderFlow(value) }];
  }
  return isMap(node) ? replaceEntry(open, node.items[index] as Pair, value, entries) : replaceItem(open, node, index, value);
}

function addTo(open: OpenText, before: Json, path: Path, entries: readonly Entry[]): readonly Splice[] {
  const node = nodeAt(open, path);
  if (!isMap(node)) throw new EditError('edit.path', `${showPath(path)} is not a map`);
  if (node.items.length === 0 && !insideFlow(open, path)) return replaceAt(open, path, applyToData(valueAt(before, path) ?? {}, { op: 'add', path: [], entries }), entries);
  return node.flow === true ? insertIntoFlow(open, node, node.items.length, flowEntries(entries)) : addEntries(open, node, entries);
}

/** An empty `{}` or `[]` may grow lines below, unless brackets stand around it. */
function insideFlow(open: OpenText, path: Path): boolean {
  return path.some((_, depth) => {
    const node = nodeAt(open, path.slice(0, depth));
    return (isMap(node) || isSeq(node)) && node.flow === true;
  });
}

function removeAt(open: OpenText, before: Json, path: Path): readonly Splice[] {
  const { node, index } = holderOf(open, path);
  if (node.flow === true) return removeFromFlow(open, node, index);
  if (node.items.length > 1) return removePart(open, node, index);
  const parent = path.slice(0, -1);
  const empty = isObject(valueAt(before, parent)) ? {} : [];
  const holder = parent.length === 0 ? undefined : holderOf(open, parent);
  // Comments that stood beside it stay.
  if (holder !== undefined && isMap(holder.node)) return [...fillEmptied(holder.node.items[holder.index] as Pair, empty), ...removePart(open, node, 0)];
  return replaceAt(open, parent, empty);
}

function rename(open: OpenText, path: Path, to: string): readonly Splice[] {
  const { node, index } = holderOf(open, path);
  const { key } = node.items[index] as Pair;
  if (!isMap(node) || !isScalar(key) || key.range === undefined || key.range === null) throw new EditError('edit.path', `${showPath(path)} has no name`);
  if (node.flow !== true) pairStart(node.items[index] as Pair);
  const quote = key.type === 'QUOTE_DOUBLE' ? 'double' : key.type === 'QUOTE_SINGLE' ? 'single' : 'plain';
  return [{ from: key.range[0], to: key.range[1], text: renderScalar(to, node.flow === true, quote) }];
}

function insertAt(open: OpenText, before: Json, { path, at, value, comment }: Extract<Edit, { op: 'insert' }>): readonly Splice[] {
  const node = listNode(open, path);
  if (node.items.length === 0 && !insideFlow(open, path)) return replaceAt(open, path, applyToData(valueAt(before, path) ?? [], { op: 'insert', path: [], at, value }));
  return node.flow === true ? insertIntoFlow(open, node, at, [flowItem(value)]) : insertItem(open, node, at, value, comment);
}

function moveWithin(open: OpenText, before: Json, { path, from, to }: Extract<Edit, { op: 'move' }>): readonly Splice[] {
  if (from === to) return [];
  const node = listNode(open, path);
  const moved = node.flow === true ? undefined : moveItem(open, node, from, to);
  if (moved !== undefined) return moved;
  return replaceAt(open, path, applyToData(valueAt(before, path) ?? [], { op: 'move', path: [], from, to }));
}
