/** Edits inside `[ ]` and `{ }`. */
import { isMap, isScalar, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Json } from '#contract';
import type { Entry } from './edit.ts';
import { renderFlow, renderScalar } from './render-yaml.ts';
import { columnOf, isOwnLine, lineEnd, lineTail, startOf, type OpenText, type Part, type Splice } from './yaml-text.ts';

type Flow = YAMLMap | YAMLSeq;

function flowParts(node: Flow): readonly Part[] {
  return node.items.map((item) => {
    if (!isMap(node)) return rangeOf(item);
    // The key of a pair in a flow map is there; its value may not be.
    const { key, value } = item as Pair;
    return { start: rangeOf(key).start, end: Math.max(rangeOf(key).end, rangeOf(value).end) };
  });
}

function rangeOf(node: unknown): Part {
  const [start = 0, end = start] = isScalar(node) || (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) ? ((node.range ?? []) as readonly number[]) : [];
  return { start, end };
}

function inside(node: Flow): Part {
  return { start: startOf(node) + 1, end: (node.range?.[1] ?? 0) - 1 };
}

/** A comma between the end of one part and the next part (or the bracket), outside comments. */
function commaAfter(text: string, from: number, to: number): number | undefined {
  for (let at = from; at < to; at += 1) {
    if (text[at] === ',') return at;
    if (text[at] === '#') at = lineTail(text, at);
  }
  return undefined;
}

/** Each part on a line of its own. */
function isTall(text: string, parts: readonly Part[], node: Flow): boolean {
  return parts.every(({ start, end }, index) => isOwnLine(text, start) && lineEnd(text, start) >= end && (parts[index + 1]?.start ?? inside(node).end) >= lineEnd(text, end));
}

export function removeFromFlow({ text }: OpenText, node: Flow, index: number): readonly Splice[] {
  const parts = flowParts(node);
  const part = parts[index] ?? { start: 0, end: 0 };
  const before = parts[index - 1];
  const after = parts[index + 1];
  if (isTall(text, parts, node)) {
    // A comma that is left before the bracket is allowed.
    const own = { from: text.lastIndexOf('\n', part.start) + 1, to: lineEnd(text, part.end), text: '' };
    if (parts.length > 1) return [own];
  }
  if (parts.length === 1) return [{ from: inside(node).start, to: inside(node).end, text: '' }];
  if (after !== undefined) return [{ from: part.start, to: after.start, text: '' }];
  return [{ from: before?.end ?? part.start, to: part.end, text: '' }];
}

export function insertIntoFlow({ text, style }: OpenText, node: Flow, at: number, items: readonly string[]): readonly Splice[] {
  const parts = flowParts(node);
  const { start, end } = inside(node);
  if (parts.length === 0) return [{ from: start, to: end, text: isMap(node) ? ` ${items.join(', ')} ` : items.join(', ') }];
  const next = parts[at];
  const last = parts.at(-1) ?? { start, end };
  if (isTall(text, parts, node)) {
    const pad = ' '.repeat(columnOf(text, last.start));
    if (next !== undefined) return [{ from: text.lastIndexOf('\n', next.start) + 1, to: text.lastIndexOf('\n', next.start) + 1, text: items.map((item) => `${pad}${item},${style.eol}`).join('') }];
    const comma = commaAfter(text, last.end, end);
    const behind = lineTail(text, last.end);
    const lines = items.map((item, index) => `${style.eol}${pad}${item}${index < items.length - 1 || comma !== undefined ? ',' : ''}`).join('');
    return [...(comma === undefined ? [{ from: last.end, to: last.end, text: ',' }] : []), { from: behind, to: behind, text: lines }];
  }
  if (next !== undefined) return [{ from: next.start, to: next.start, text: items.map((item) => `${item}, `).join('') }];
  return [{ from: last.end, to: last.end, text: items.map((item) => `, ${item}`).join('') }];
}

export function flowEntries(entries: readonly Entry[]): readonly string[] {
  return entries.map(({ key, value }) => `${renderScalar(key, true)}: ${renderFlow(value)}`);
}

export function flowItem(value: Json): string {
  return renderFlow(value);
}
