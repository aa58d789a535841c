import type { Json } from '#contract';
import type { FieldDiff } from '#core/model';

/** One value in one line, unescaped. */
export function showValue(value: Json | undefined): string {
  if (value === undefined || value === null) return '–';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.length === 0 ? '(empty)' : (value as readonly Json[]).map(showValue).join(', ');
  if (typeof value !== 'object') return String(value);
  if ('$secret' in value) return `secret ${String(value['$secret'])}`;
  // What says nothing is left out; what then is alone needs no name.
  const parts = Object.entries(value).filter(([, item]) => !(Array.isArray(item) && item.length === 0));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && parts.length < Object.keys(value).length) return showValue(only[1]);
  return `{ ${parts.map(([key, item]) => `${key}: ${showValue(item)}`).join(', ')} }`;
}

/** `members/anna@example.de` */
export function showPath(field: FieldDiff): string {
  return field.path.slice(1).split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).join(' › ');
}

export interface FieldLine {
  readonly sign: '+' | '-' | '~' | '↕';
  readonly path: string;
  readonly text: string;
}

/** Unescaped parts: each sink escapes for itself. */
export function describeField(field: FieldDiff): FieldLine {
  const path = showPath(field);
  const listItem = field.path.split('/').length > 2;
  if (field.op === 'move') return { sign: '↕', path, text: `${String((field.from ?? 0) + 1)} → ${String((field.to ?? 0) + 1)}` };
  // An item of a list stands in the path already.
  const item = (value: Json | undefined): string => (listItem && path.endsWith(` › ${showValue(value)}`) ? '' : showValue(value));
  if (field.op === 'add') return { sign: '+', path, text: item(field.after) };
  if (field.op === 'remove') return { sign: '-', path, text: item(field.before) };
  return { sign: '~', path, text: `${showValue(field.before)} → ${showValue(field.after)}` };
}
