/** Values as YAML text, in the style of the document they go into. Pure. */
import { parse } from 'yaml';
import { isObject } from '#core/canonical';
import type { Json, JsonObject } from '#contract';
import type { Entry } from './edit.ts';

export type Quote = 'plain' | 'single' | 'double';

export interface Style {
  readonly eol: string;
  /** Spaces per level. */
  readonly step: number;
  /** Dashes stand deeper than the key of their list. */
  readonly indentLists: boolean;
  /** How lists under a key are written in this document. */
  readonly lists: ReadonlyMap<string, 'flow' | 'block'>;
}

/** Lists that grow by a person or an address, one line each: a diff then shows one line. */
const longLists = new Set(['members', 'owners', 'identity']);
const lineWidth = 100;

/** What other readers of YAML (1.1) take for a boolean, a number to the base of 60 or a date. */
const ambiguous = /^(y|n|yes|no|on|off|null|true|false)$|^[-+.]?\d[\d_.,:eE+-]*$|^0[xob]/i;
const address = /^(\d{1,3}\.){3}\d{1,3}$/;
const plainText = /^[\p{L}\p{N}$+./(_][^\n\t]*$/u;

function isPlain(text: string, flow: boolean): boolean {
  if (!plainText.test(text) || /: |:$| #|\s$/.test(text) || (flow && /[,[\]{}]/.test(text))) return false;
  if (ambiguous.test(text) && !address.test(text)) return false;
  return parse(text, { version: '1.2', schema: 'core', logLevel: 'silent' }) === text;
}

export function renderScalar(value: Json, flow: boolean, quote: Quote = 'plain'): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  const printable = !/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/.test(value);
  if (quote === 'single' && printable) return `'${value.replaceAll('\'', '\'\'')}'`;
  if (quote === 'plain' && printable && isPlain(value, flow)) return value;
  return JSON.stringify(value).replaceAll(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function renderFlow(value: Json): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(renderFlow).join(', ')}]`;
  if (!isObject(value)) return renderScalar(value, true);
  const entries = Object.entries(value);
  return entries.length === 0 ? '{}' : `{ ${entries.map(([key, item]) => `${renderScalar(key, true)}: ${renderFlow(item)}`).join(', ')} }`;
}

function isInline(value: Json, key: string | undefined, style: Style, indent: number): boolean {
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    if (items.length === 0) return true;
    if (items.some((item) => typeof item === 'object' && item !== null)) return false;
    const known = key === undefined ? undefined : style.lists.get(key) ?? (longLists.has(key) ? 'block' : undefined);
    return known === 'flow' || (known === undefined && indent + (key?.length ?? 0) + 2 + renderFlow(value).length <= lineWidth);
  }
  return !isObject(value) || Object.keys(value).length === 0;
}

/** A value on the line of its key, or on lines of its own below, each with its indentation. */
export type Rendered = { readonly inline: string } | { readonly lines: readonly string[] };

/** `indent`: column of the key that the value belongs to. */
export function renderValue(value: Json, key: string | undefined, indent: number, style: Style, quote?: Quote): Rendered {
  if (isInline(value, key, style, indent)) return { inline: typeof value === 'object' && value !== null ? renderFlow(value) : renderScalar(value, false, quote) };
  if (Array.isArray(value)) return { lines: (value as readonly Json[]).flatMap((item) => renderItem(item, indent + (style.indentLists ? style.step : 0), style)) };
  return { lines: renderEntries(toEntries(isObject(value) ? value : {}), indent + style.step, style) };
}

export function toEntries(map: JsonObject): readonly Entry[] {
  return Object.entries(map).map(([key, value]) => ({ key, value }));
}

export function renderEntries(entries: readonly Entry[], indent: number, style: Style): readonly string[] {
  const pad = ' '.repeat(indent);
  return entries.flatMap(({ key, value, comment }) => {
    const rendered = renderValue(value, key, indent, style);
    const head = `${pad}${renderScalar(key, false)}:`;
    return [...renderComment(comment, indent), ...('inline' in rendered ? [`${head} ${rendered.inline}`] : [head, ...rendered.lines])];
  });
}

/** `indent`: column of the dash. */
export function renderItem(value: Json, indent: number, style: Style, comment?: string): readonly string[] {
  const pad = ' '.repeat(indent);
  const above = renderComment(comment, indent);
  if (isObject(value) && Object.keys(value).length > 0) {
    const [first = '', ...rest] = renderEntries(toEntries(value), indent + 2, style);
    return [...above, `${pad}- ${first.slice(indent + 2)}`, ...rest];
  }
  return [...above, `${pad}- ${typeof value === 'object' && value !== null ? renderFlow(value) : renderScalar(value, false)}`];
}

/** Text from a device may hold a line break; it must not leave the comment. */
function renderComment(comment: string | undefined, indent: number): readonly string[] {
  if (comment === undefined) return [];
  return comment.split('\n').map((line) => `${' '.repeat(indent)}# ${line.replaceAll(/[^\P{C}]|[\u2028\u2029]/gu, ' ').trim()}`);
}
