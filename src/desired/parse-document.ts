import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument as parseYaml, type Document, type Node, type Pair, type Scalar } from 'yaml';
import type { Json, Problem, SourceRange } from '#contract';
import { escapePointer, unescapePointer } from './place.ts';

const maxDepth = 32;
/** Of one map; more than the people of any customer that has no directory of its own. */
const maxKeys = 5000;
const reserved = new Set(['__proto__', 'constructor', 'prototype', '<<']);
const plainInteger = /^-?(0|[1-9][0-9]{0,14})$/;
const plainDecimal = /^-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}$/;

/** Line, column, end line, end column, each from 1. */
export type Span = readonly [number, number, number, number];

export interface ParsedDocument {
  /** Absent when the file has an error. */
  readonly value?: Json;
  /** Of keys whose value is a map and of list items that are maps, by JSON pointer: where a resource is written. */
  readonly spans: Readonly<Record<string, Span>>;
  readonly problems: readonly Problem[];
}

interface Opened {
  readonly document: Document;
  readonly lines: LineCounter;
}

function open(text: string): Opened {
  const lines = new LineCounter();
  // logLevel `silent` would also silence the error about a second document.
  const document = parseYaml(text, { lineCounter: lines, version: '1.2', schema: 'core', strict: true, uniqueKeys: false, merge: false, prettyErrors: false, logLevel: 'error', stringKeys: true });
  return { document, lines };
}

function spanOf(lines: LineCounter, from: number, to: number): Span {
  const start = lines.linePos(from);
  const end = lines.linePos(Math.max(from, to));
  return [start.line, start.col, end.line, end.col];
}

function rangeOf(file: string, [line, column, endLine, endColumn]: Span): SourceRange {
  return { file, line: Math.max(1, line), column: Math.max(1, column), endLine: Math.max(1, endLine), endColumn: Math.max(1, endColumn) };
}

/** YAML as data and nothing else: what it could do beyond that is an error with its place. Never throws. */
export function parseDocument(file: string, text: string): ParsedDocument {
  const opened = open(text);
  const { document, lines } = opened;
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const problems = faults.slice(0, 20).map((fault): Problem => ({
      code: codeOf(fault.code), severity: 'error', message: plainMessage(fault.code, fault.message), hint: hintOf(fault.code),
      source: rangeOf(file, spanOf(lines, fault.pos[0], fault.pos[1])),
    }));
    return { spans: {}, problems };
  }
  if (document.directives?.yaml.explicit === true || Object.keys(document.directives?.tags ?? {}).length > 1) {
    return { spans: {}, problems: [{ code: 'yaml.directive', severity: 'error', message: 'directives (%YAML, %TAG) are not allowed', hint: 'delete the line', source: { file, line: 1, column: 1 } }] };
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    return { spans: {}, problems: [{ code: 'yaml.empty', severity: 'error', message: 'the file is empty', hint: 'an empty file says nothing; delete it if nothing is to be managed here', source: { file, line: 1, column: 1 } }] };
  }
  const reader = new Reader(file, lines);
  const value = reader.read(document.contents, '', 0);
  return reader.problems.length > 0 ? { spans: {}, problems: reader.problems } : { value, spans: reader.spans, problems: [] };
}

const messages: Readonly<Record<string, readonly [code: string, message: string, hint: string]>> = {
  MULTIPLE_DOCS: ['yaml.several-documents', 'the file holds a second document (---)', 'one document per file'],
  TAG_RESOLVE_FAILED: ['yaml.tag', 'tags (!name) are not allowed', 'write the plain value'],
  BAD_ALIAS: ['yaml.alias', 'anchors and aliases are not allowed', 'write the value at each place'],
  TAB_AS_INDENT: ['yaml.tab', 'a tab is used as indentation', 'indent with spaces'],
  RESOURCE_EXHAUSTION: ['yaml.depth', 'the file is nested too deeply', 'at most 32 levels'],
  DUPLICATE_KEY: ['yaml.duplicate-key', 'the key is written twice', 'keep one of them'],
  NON_STRING_KEY: ['yaml.key', 'a key must be a plain name', 'write the key as a name'],
  BAD_DIRECTIVE: ['yaml.directive', 'directives are not allowed', 'delete the line'],
};

function codeOf(code: string): string {
  return messages[code]?.[0] ?? 'yaml.syntax';
}

function plainMessage(code: string, message: string): string {
  return messages[code]?.[1] ?? (message.split('\n')[0] ?? message);
}

function hintOf(code: string): string {
  return messages[code]?.[2] ?? 'look at indentation, quotes and colons at this place';
}

class Reader {
  readonly problems: Problem[] = [];
  readonly spans: Record<string, Span> = {};
  readonly #file: string;
  readonly #lines: LineCounter;

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  #tell(code: string, message: string, hint: string, node: { range?: readonly number[] | null | undefined }): void {
    const [from = 0, to = from] = node.range ?? [];
    this.problems.push({ code, severity: 'error', message, hint, source: rangeOf(this.#file, spanOf(this.#lines, from, to)) });
  }

  read(node: unknown, pointer: string, depth: number): Json {
    if (isAlias(node)) {
      this.#tell('yaml.alias', 'anchors and aliases are not allowed', 'write the value at each place', node);
      return null;
    }
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return null;
    if (node.anchor !== undefined) this.#tell('yaml.alias', 'anchors and aliases are not allowed', 'write the value at each place', node);
    if (node.tag !== undefined && (node.srcToken === undefined || this.#hasTag(node))) this.#tell('yaml.tag', 'tags (!name) are not allowed', 'write the plain value', node);
    if (depth > maxDepth) {
      this.#tell('yaml.depth', 'the file is nested too deeply', 'at most 32 levels', node);
      return null;
    }
    if (isScalar(node)) return this.#scalar(node);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const at = `${pointer}/${String(index)}`;
        if (isMap(item)) this.#mark(at, item.items[0]?.key ?? item);
        return this.read(item, at, depth + 1);
      });
    }
    return this.#map(node.items, node, pointer, depth);
  }

  #hasTag(node: Node): boolean {
    // `tag` is also set on what the schema resolved by itself; only a written one has a token before the value.
    return typeof node.tag === 'string' && (node.tag.startsWith('!') || node.tag.startsWith('tag:'));
  }

  #mark(pointer: string, node: unknown): void {
    const range = isScalar(node) || isMap(node) || isSeq(node) ? node.range : undefined;
    if (range !== undefined && range !== null) this.spans[pointer] = spanOf(this.#lines, range[0], range[1]);
  }

  #map(items: readonly Pair[], node: Node, pointer: string, depth: number): Json {
    if (items.length > maxKeys) {
      this.#tell('yaml.too-many-keys', `one map has ${String(items.length)} keys; ${String(maxKeys)} is the limit`, 'look for something that does not belong here', node);
      return null;
    }
    const seen = new Map<string, Node>();
    const entries: [string, Json][] = [];
    for (const { key, value } of items) {
      if (!isScalar(key)) {
        this.#tell('yaml.key', 'a key must be a plain name', 'write the key as a name', isMap(key) || isSeq(key) ? key : node);
        continue;
      }
      const name = String(key.value).normalize('NFC');
      const first = seen.get(name.toLowerCase());
      if (first !== undefined) this.#duplicate(name, key, first);
      else if (reserved.has(name)) this.#tell('yaml.reserved-key', `${name} is not allowed as a key`, name === '<<' ? 'merge keys are not supported; write the values at each place' : 'choose another name', key);
      else {
        if (key.anchor !== undefined) this.#tell('yaml.alias', 'anchors and aliases are not allowed', 'write the value at each place', key);
        seen.set(name.toLowerCase(), key);
        const at = `${pointer}/${escapePointer(name)}`;
        if (isMap(value)) this.#mark(at, key);
        entries.push([name, this.read(value, at, depth + 1)]);
      }
    }
    // Own properties, whatever they are called: `Object.fromEntries` defines, it does not assign.
    return Object.fromEntries(entries);
  }

  #duplicate(name: string, key: Scalar, first: Node): void {
    const [from = 0, to = from] = key.range ?? [];
    const [firstFrom = 0, firstTo = firstFrom] = first.range ?? [];
    this.problems.push({
      code: 'yaml.duplicate-key', severity: 'error', message: `${name} is written twice (large and small letters count as the same)`, hint: 'keep one of them',
      source: rangeOf(this.#file, spanOf(this.#lines, from, to)), related: [{ message: 'first here', source: rangeOf(this.#file, spanOf(this.#lines, firstFrom, firstTo)) }],
    });
  }

  #scalar(node: Scalar): Json {
    const { value } = node;
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
    const written = node.source ?? String(value);
    const exact = (plainInteger.test(written) && written !== '-0') || (plainDecimal.test(written) && String(Number(written)) === written);
    if (typeof value !== 'number' || !exact) {
      this.#tell('yaml.number', `${written.slice(0, 40)} would be read as the number ${String(value).slice(0, 40)}`, 'put it in quotes if it is a text; write numbers in decimal without leading or trailing zeros', node);
      return null;
    }
    return value;
  }
}

/** Finds places of a text by JSON pointer; parses once. A place that is not there falls back to the nearest parent. */
export function makeLocator(file: string, text: string): (pointer: string, part: 'key' | 'value') => SourceRange {
  const { document, lines } = open(text);
  return (pointer, part) => {
    let node: unknown = document.contents;
    let key: unknown;
    for (const segment of pointer.split('/').slice(1).map(unescapePointer)) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value).normalize('NFC') === segment);
        if (pair === undefined) break;
        key = pair.key;
        node = pair.value;
      } else if (isSeq(node)) {
        const item: unknown = node.items[Number(segment)];
        if (item === undefined) break;
        key = isMap(item) ? item.items[0]?.key : item;
        node = item;
      } else break;
    }
    const wanted = part === 'key' || isMap(node) || isSeq(node) || node === null ? (key ?? node) : node;
    const range = isScalar(wanted) || isMap(wanted) || isSeq(wanted) ? wanted.range : undefined;
    const [from = 0, to = from] = range ?? [];
    // Of a whole map or list its beginning: what is wrong is not every line of it.
    return rangeOf(file, spanOf(lines, from, isScalar(wanted) ? to : from));
  };
}
