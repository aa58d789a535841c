/** Adds to a YAML file and leaves every byte that stands there as it is: comments, order, quotes, line ends. */
import { isDeepStrictEqual } from 'node:util';
import { isMap, isSeq, parse, parseDocument, stringify, type YAMLSeq } from 'yaml';
import type { JsonObject } from '#contract';

/** What was asked cannot be done to this file; mended by hand. */
export class EditRefused extends Error {}

/** An item of the list below `key`. `header`: first line of a file that is not there yet. */
export function appendItem(text: string | undefined, key: string, item: JsonObject, header: string): string {
  if (text === undefined) return `${header}\n${key}:\n${indented(item, 2)}`;
  const before = read(text);
  const list: unknown = before.get(key);
  const old = before.toJS() as Readonly<Record<string, unknown>> | null;
  if (before.has(key) && list !== null && !isSeq(list)) throw new EditRefused(`${key} is not a list`);
  const wanted = { ...old, [key]: [...((old?.[key] ?? []) as readonly unknown[]), item] };
  if (isSeq(list) && list.flow !== true && list.items.length > 0) return checked(insertItem(text, list, item), wanted);
  if (!before.has(key)) return checked(joined(text, `${key}:\n${indented(item, 2)}`), wanted);
  before.set(key, before.createNode([item]));
  return checked(before.toString({ lineWidth: 0 }), wanted);
}

/** A key of the document itself, at its end. */
export function appendEntry(text: string, key: string, value: JsonObject): string {
  const before = read(text);
  if (before.has(key)) throw new EditRefused(`${key} is written already`);
  return checked(joined(text, stringify({ [key]: value }, { lineWidth: 0, defaultStringType: 'PLAIN' })), { ...(before.toJS() as Readonly<Record<string, unknown>>), [key]: value });
}

function read(text: string): ReturnType<typeof parseDocument> {
  const document = parseDocument(text, { logLevel: 'error', version: '1.2' });
  if (document.errors.length > 0) throw new EditRefused('the file is not valid YAML');
  if (!isMap(document.contents)) throw new EditRefused('the file does not hold a map');
  return document;
}

function insertItem(text: string, list: YAMLSeq, item: JsonObject): string {
  const [start = 0, end = text.length] = list.range ?? [];
  const column = start - (text.lastIndexOf('\n', start - 1) + 1);
  const newline = text.indexOf('\n', Math.max(start, end - 1));
  const at = newline < 0 ? text.length : newline + 1;
  const lines = spelled(text, indented(item, column));
  return `${text.slice(0, at)}${newline < 0 ? eol(text) : ''}${lines}${text.slice(at)}`;
}

function indented(item: JsonObject, column: number): string {
  return stringify([item], { lineWidth: 0 }).trimEnd().split('\n').map((line) => `${' '.repeat(column)}${line}\n`).join('');
}

function joined(text: string, more: string): string {
  return `${text}${text === '' || text.endsWith('\n') ? '' : eol(text)}${spelled(text, more)}`;
}

function eol(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function spelled(text: string, more: string): string {
  return more.replaceAll('\n', eol(text));
}

/** What was written must read as what was meant, and nothing else may read differently. */
function checked(text: string, wanted: unknown): string {
  let found: unknown;
  try {
    found = parse(text, { logLevel: 'error', version: '1.2' });
  } catch {
    found = undefined;
  }
  if (!isDeepStrictEqual(found, wanted)) throw new EditRefused('the file is written in a way that cannot be added to');
  return text;
}
