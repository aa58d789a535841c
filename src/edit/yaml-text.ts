/** A document as text with the places of its parts. */
import { isMap, isPair, isScalar, isSeq, parseDocument, type CST, type Node, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Json } from '#contract';
import { EditError, showPath, type Path } from './edit.ts';
import type { Style } from './render-yaml.ts';

export interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

export interface OpenText {
  readonly text: string;
  readonly root: Node;
  readonly style: Style;
}

/** Throws EditError when the text is not plain data in YAML. */
export function openText(text: string): OpenText {
  const document = parseDocument(text, { version: '1.2', schema: 'core', strict: true, uniqueKeys: true, merge: false, prettyErrors: false, logLevel: 'error', stringKeys: true, keepSourceTokens: true });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) throw new EditError('edit.yaml', `the file is not valid YAML: ${fault.message.split('\n')[0] ?? ''}`, 'soll validate shows the place');
  if (document.contents === null) throw new EditError('edit.yaml', 'the file is empty');
  return { text, root: document.contents, style: styleOf(text, document.contents) };
}

export function dataOf(node: unknown): Json {
  if (isMap(node)) return Object.fromEntries(node.items.map((pair) => [keyOf(pair), dataOf(pair.value)]));
  if (isSeq(node)) return node.items.map(dataOf);
  if (isScalar(node)) {
    const { value } = node;
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  } else if (node === null || node === undefined) return null;
  throw new EditError('edit.yaml', 'anchors, aliases and tags are not edited', 'write the value at each place');
}

export function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value).normalize('NFC') : '';
}

export function childAt(node: Node, step: string | number): Node | undefined {
  const child = isMap(node) && typeof step === 'string' ? node.items.find((pair) => keyOf(pair) === step)?.value : isSeq(node) && typeof step === 'number' ? node.items[step] : undefined;
  return isMap(child) || isSeq(child) || isScalar(child) ? child : undefined;
}

export function nodeAt({ root }: OpenText, path: Path): Node {
  return path.reduce<Node>((node, step) => {
    const child = childAt(node, step);
    if (child === undefined) throw new EditError('edit.path', `there is no ${showPath(path)} in the document`);
    return child;
  }, root);
}

export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** Behind the line break, or the end of the text. */
export function lineEnd(text: string, offset: number): number {
  const found = text.indexOf('\n', offset);
  return found < 0 ? text.length : found + 1;
}

/** Before the line break. */
export function lineTail(text: string, offset: number): number {
  const end = lineEnd(text, offset);
  if (text[end - 1] !== '\n') return end;
  return text[end - 2] === '\r' ? end - 2 : end - 1;
}

export function columnOf(text: string, offset: number): number {
  return offset - lineStart(text, offset);
}

export function isOwnLine(text: string, offset: number): boolean {
  return text.slice(lineStart(text, offset), offset).trim() === '';
}

export function startOf(node: Node | undefined): number {
  return node?.range?.[0] ?? 0;
}

export function colonEnd(pair: Pair): number {
  const colon = sourceOf(pair)?.sep?.find(({ type }) => type === 'map-value-ind');
  if (colon === undefined) throw new EditError('edit.form', `the key ${keyOf(pair)} has no value`);
  return colon.offset + 1;
}

/** Where an entry begins; throws for the long form `? key`. */
export function pairStart(pair: Pair): number {
  if (sourceOf(pair)?.start.some(({ type }) => type === 'explicit-key-ind') === true) throw new EditError('edit.form', `the key ${keyOf(pair)} is written with ?`, 'write it as key: value');
  return isScalar(pair.key) ? startOf(pair.key) : 0;
}

function sourceOf(pair: Pair): CST.CollectionItem | undefined {
  return pair.srcToken;
}

/** Offsets of the dashes of a block list. */
export function dashesOf(seq: YAMLSeq): readonly number[] {
  const token = seq.srcToken;
  if (token?.type !== 'block-seq') throw new EditError('edit.form', 'not a block list');
  return token.items.flatMap(({ start }) => start.find(({ type }) => type === 'seq-item-ind')?.offset ?? []);
}

/** End of the last character that belongs to a value, without comments and blank lines behind it. */
export function contentEnd(text: string, node: Node | null | undefined): number {
  if (isMap(node) && node.flow !== true) return Math.max(0, ...node.items.slice(-1).map((pair) => pairEnd(text, pair)));
  if (isSeq(node) && node.flow !== true) {
    const last = node.items.at(-1);
    return Math.max((dashesOf(node).at(-1) ?? 0) + 1, isEmpty(last) ? 0 : contentEnd(text, last as Node));
  }
  let end = node?.range?.[1] ?? 0;
  if (isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED')) while (end > startOf(node) && /\s/.test(text[end - 1] ?? '')) end -= 1;
  return end;
}

/** A value that is not written at all. */
export function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.range?.[0] === node.range?.[1]);
}

export function pairEnd(text: string, pair: Pair): number {
  return Math.max(colonEnd(pair), isEmpty(pair.value) ? 0 : contentEnd(text, pair.value as Node));
}

export interface Part {
  /** Start of the key or the dash. */
  readonly start: number;
  readonly end: number;
}

export function partsOf(text: string, node: YAMLMap | YAMLSeq): readonly Part[] {
  if (isMap(node)) return node.items.map((pair) => ({ start: pairStart(pair), end: pairEnd(text, pair) }));
  const dashes = dashesOf(node);
  return node.items.map((item, index) => ({ start: dashes[index] ?? 0, end: Math.max((dashes[index] ?? 0) + 1, isEmpty(item) ? 0 : contentEnd(text, item as Node)) }));
}

/** The comment lines directly above a part, at its own indentation, belong to it. Above the first key of the document they belong to the document. */
export function attachedStart({ text, root }: OpenText, parts: readonly Part[], index: number): number {
  const part = parts[index];
  if (part === undefined) return text.length;
  const column = columnOf(text, part.start);
  const before = parts[index - 1];
  let start = lineStart(text, part.start);
  if (before === undefined && part.start === startOf(root)) return start;
  const floor = before === undefined ? 0 : lineEnd(text, before.end);
  while (start > floor) {
    const above = lineStart(text, start - 1);
    const line = text.slice(above, start);
    if (above < floor || !line.trimStart().startsWith('#') || line.length - line.trimStart().length !== column) break;
    start = above;
  }
  return start;
}

function styleOf(text: string, root: Node): Style {
  const steps: number[] = [];
  const lists = new Map<string, { flow: number; block: number }>();
  const indented: boolean[] = [];
  const visit = (node: unknown, column: number | undefined): void => {
    if (isMap(node) && node.flow !== true) {
      for (const pair of node.items) {
        const start = isScalar(pair.key) ? startOf(pair.key) : 0;
        if (column !== undefined && isOwnLine(text, start)) steps.push(columnOf(text, start) - column);
        if (isSeq(pair.value)) countList(pair as Pair<Scalar, YAMLSeq>, start);
        visit(pair.value, columnOf(text, start));
      }
    } else if (isSeq(node)) for (const item of node.items) visit(item, undefined);
  };
  const countList = ({ value }: Pair<Scalar, YAMLSeq>, start: number): void => {
    const key = text.slice(start, text.indexOf(':', start)).trim();
    const seen = lists.get(key) ?? { flow: 0, block: 0 };
    lists.set(key, seen);
    if (value?.flow !== true) {
      seen.block += 1;
      const [dash] = value === null ? [] : dashesOf(value);
      if (dash !== undefined) indented.push(columnOf(text, dash) > columnOf(text, start));
    } else if (value.items.length > 0) seen.flow += 1;
  };
  visit(root, undefined);
  return {
    eol: /\r\n/.test(text) && text.indexOf('\r\n') === text.indexOf('\n') - 1 ? '\r\n' : '\n',
    step: steps.find((step) => step > 0) ?? 2, indentLists: indented[0] ?? true,
    lists: new Map([...lists].flatMap(([key, { flow, block }]) => (flow + block === 0 ? [] : [[key, flow > block ? 'flow' : 'block']]))),
  };
}

/** The path whose text holds a line (from 1): the innermost entry or item that begins at or above it and ends at or below it. */
export function pathAtLine(text: string, line: number): Path {
  const open = openText(text);
  let offset = 0;
  for (let count = 1; count < line && offset < text.length; count += 1) offset = lineEnd(text, offset);
  const end = lineTail(text, offset);
  const path: (string | number)[] = [];
  let node: Node | undefined = open.root;
  while (node !== undefined && (isMap(node) || isSeq(node)) && node.flow !== true) {
    const index = partsOf(text, node).findIndex((part) => part.start <= end && part.end > offset);
    const item: unknown = node.items[index];
    if (item === undefined) break;
    const step = isPair(item) ? keyOf(item) : index;
    path.push(step);
    node = childAt(node, step);
  }
  return path;
}
