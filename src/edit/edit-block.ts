/** Edits of block maps and lists: whole lines are put in or taken out, all others keep their bytes. */
import { isMap, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { isObject } from '#core/canonical';
import type { Json } from '#contract';
import { EditError, type Entry } from './edit.ts';
import { renderEntries, renderFlow, renderItem, renderScalar, renderValue, toEntries, type Quote, type Rendered } from './render-yaml.ts';
import { attachedStart, colonEnd, columnOf, contentEnd, dashesOf, isEmpty, isOwnLine, keyOf, lineEnd, lineStart, lineTail, pairEnd, pairStart, partsOf, type OpenText, type Splice } from './yaml-text.ts';

/** Takes lines out; the last line of a file that ends without a line break stays without. */
function cutLines(text: string, from: number, to: number): Splice {
  const open = to === text.length && from > 0 && text[to - 1] !== '\n';
  return { from: open ? lineTail(text, lineStart(text, from) - 1) : from, to, text: '' };
}

/** Puts lines in before the line that begins at `at` (or at the end of the text). */
function putLines({ text, style }: OpenText, at: number, lines: readonly string[]): Splice {
  const joined = lines.join(style.eol);
  return at === text.length && at > 0 && text[at - 1] !== '\n' ? { from: at, to: at, text: `${style.eol}${joined}` } : { from: at, to: at, text: `${joined}${style.eol}` };
}

export function removePart(open: OpenText, node: YAMLMap | YAMLSeq, index: number): readonly Splice[] {
  const { text } = open;
  const parts = partsOf(text, node);
  const part = parts[index] ?? { start: 0, end: 0 };
  if (isOwnLine(text, part.start)) return [cutLines(text, attachedStart(open, parts, index), lineEnd(text, part.end))];
  // `- name: x`: what follows moves up behind the dash, unless a comment or an empty line stands between.
  const next = parts[index + 1]?.start ?? part.end;
  if (lineEnd(text, part.end) === lineStart(text, next)) return [{ from: part.start, to: next, text: '' }];
  const dash = lineStart(text, part.start) + text.slice(lineStart(text, part.start), part.start).trimEnd().length;
  return [{ from: dash, to: lineTail(text, part.end), text: '' }];
}

export function addEntries(open: OpenText, map: YAMLMap, entries: readonly Entry[]): readonly Splice[] {
  const { text, style } = open;
  const [first] = map.items;
  const last = map.items.at(-1);
  if (first === undefined || last === undefined) throw new EditError('edit.form', 'an empty map is not in block form');
  return [putLines(open, lineEnd(text, pairEnd(text, last)), renderEntries(entries, columnOf(text, pairStart(first)), style))];
}

export function insertItem(open: OpenText, seq: YAMLSeq, at: number, value: Json, comment: string | undefined): readonly Splice[] {
  const { text, style } = open;
  const parts = partsOf(text, seq);
  const [first] = parts;
  const before = parts[at - 1];
  const column = columnOf(text, first?.start ?? 0);
  const lines = renderItem(value, column, style, comment);
  if (before !== undefined) return [putLines(open, lineEnd(text, before.end), lines)];
  const start = first?.start ?? 0;
  if (isOwnLine(text, start)) return [putLines(open, attachedStart(open, parts, 0), lines)];
  return [{ from: start, to: start, text: `${renderItem(value, column, style).join(style.eol).trimStart()}${style.eol}${' '.repeat(column)}` }];
}

/** `undefined` where the items do not stand on lines of their own. */
export function moveItem(open: OpenText, seq: YAMLSeq, from: number, to: number): readonly Splice[] | undefined {
  const { text } = open;
  const parts = partsOf(text, seq);
  if (parts.some(({ start }) => !isOwnLine(text, start))) return undefined;
  const start = attachedStart(open, parts, from);
  const end = lineEnd(text, parts[from]?.end ?? 0);
  const block = text.slice(start, end).replace(/\r?\n$/, '').split(/\r?\n/);
  const others = parts.map((_, index) => index).filter((index) => index !== from);
  const before = others[to - 1];
  const at = before === undefined ? attachedStart(open, parts, others[0] ?? 0) : lineEnd(text, parts[before]?.end ?? 0);
  return [cutLines(text, start, end), putLines(open, at, block)];
}

function quoteOf(node: unknown): Quote {
  return isScalar(node) && node.type === 'QUOTE_DOUBLE' ? 'double' : isScalar(node) && node.type === 'QUOTE_SINGLE' ? 'single' : 'plain';
}

function isBlock(node: unknown): node is YAMLMap | YAMLSeq {
  return (isMap(node) || isSeq(node)) && node.flow !== true;
}

/** The comment behind `|` or `>` is kept behind the new value. */
function headerComment(text: string, node: Scalar): string {
  const start = node.range?.[0] ?? 0;
  return node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED' ? /^[|>][^\s]*(\s+#.*)$/.exec(text.slice(start, lineTail(text, start)))?.[1] ?? '' : '';
}

function bodySplices(open: OpenText, value: Node | null, head: number, end: number, rendered: Rendered): readonly Splice[] {
  const { text, style } = open;
  const inline = 'inline' in rendered ? ` ${rendered.inline}` : '';
  const below = 'inline' in rendered ? '' : `${style.eol}${rendered.lines.join(style.eol)}`;
  if (isBlock(value)) {
    const tail = lineTail(text, head);
    return [...(inline === '' ? [] : [{ from: head, to: head, text: inline }]), { from: tail, to: lineTail(text, end), text: below }];
  }
  const kept = isScalar(value) ? headerComment(text, value) : '';
  if (below === '') return [{ from: head, to: end, text: `${inline}${kept}` }];
  const tail = lineTail(text, end);
  return [{ from: head, to: end, text: kept }, { from: tail, to: tail, text: below }];
}

/** `{}` or `[]` behind the key whose last part goes. */
export function fillEmptied(pair: Pair, empty: Json): readonly Splice[] {
  return [{ from: colonEnd(pair), to: colonEnd(pair), text: ` ${renderFlow(empty)}` }];
}

export function replaceEntry(open: OpenText, pair: Pair, value: Json, entries: readonly Entry[] | undefined): readonly Splice[] {
  const { text, style } = open;
  const indent = columnOf(text, pairStart(pair));
  const rendered: Rendered = entries !== undefined && entries.length > 0 ? { lines: renderEntries(entries, indent + style.step, style) } : renderValue(value, keyOf(pair), indent, style, quoteOf(pair.value));
  const old = isEmpty(pair.value) ? null : (pair.value as Node);
  return bodySplices(open, old, colonEnd(pair), pairEnd(text, pair), rendered);
}

export function replaceItem(open: OpenText, seq: YAMLSeq, index: number, value: Json): readonly Splice[] {
  const { text, style } = open;
  const item = seq.items[index];
  const dash = dashesOf(seq)[index] ?? 0;
  const old = isEmpty(item) ? null : (item as Node);
  const end = old === null ? dash + 1 : contentEnd(text, old);
  const lines = typeof value === 'object' && value !== null ? renderItem(value, columnOf(text, dash), style) : [`- ${renderScalar(value, false, quoteOf(item))}`];
  return [{ from: dash, to: end, text: lines.join(style.eol).trimStart() }];
}

/** The whole document. */
export function replaceRoot(open: OpenText, value: Json, entries: readonly Entry[] | undefined): readonly Splice[] {
  const { text, root, style } = open;
  const from = root.range?.[0] ?? 0;
  const lines = isObject(value) && Object.keys(value).length > 0 ? renderEntries(entries ?? toEntries(value), columnOf(text, from), style) : [renderFlow(value)];
  return [{ from, to: contentEnd(text, root), text: lines.join(style.eol).trimStart() }];
}
