import type { Problem } from '#contract';

/** Bytes of one file. Nothing that a technician writes by hand comes near. */
export const maxBytes = 1024 * 1024;
/** Open brackets at once; the parser can be made to abort the process by a few thousand. */
const maxBrackets = 64;
/** Columns of leading indentation and list marks, for the same reason. */
const maxIndent = 256;

/** Not visible, or changes how the rest is shown: C0 and C1 controls, zero-width and bidirectional marks, line separators, BOM. */
const hidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

export interface Scanned {
  /** Absent when nothing should be parsed. */
  readonly text?: string;
  readonly problems: readonly Problem[];
}

function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/);
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

/** Before any parser sees the file: size, encoding, characters that hide something, nesting. Linear in the size. */
export function scanText(file: string, bytes: Uint8Array): Scanned {
  const problem = (code: string, message: string, hint: string, offset?: number, text = ''): Scanned => ({
    problems: [{ code, severity: 'error', message, hint, source: { file, ...(offset === undefined ? { line: 1, column: 1 } : positionOf(text, offset)) } }],
  });
  if (bytes.length > maxBytes) return problem('file.too-large', `the file has ${String(bytes.length)} bytes; 1 MiB is the limit`, 'split it, or look for something that does not belong here');
  const decoded = decode(bytes);
  if (decoded === undefined) return problem('yaml.encoding', 'the file is not UTF-8', 'save it as UTF-8 without BOM');
  const found = [...decoded.matchAll(hidden)].slice(0, 20);
  if (found.length > 0) {
    return {
      problems: found.map((match): Problem => ({
        code: 'yaml.hidden-character', severity: 'error', message: `the character U+${(match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')} cannot be seen and is not allowed`,
        hint: 'delete it and type the text anew', source: { file, ...positionOf(decoded, match.index) },
      })),
    };
  }
  const deep = tooDeep(decoded);
  if (deep !== undefined) return problem('yaml.depth', 'the file is nested too deeply', 'at most 32 levels', deep, decoded);
  return { text: decoded, problems: [] };
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    // A BOM at the very beginning is what some editors of Windows write; it is the one place where it means nothing.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Offset of the first character that is nested beyond the caps, counted without understanding quotes: too careful, never too lax. */
function tooDeep(text: string): number | undefined {
  let depth = 0;
  let indent = 0;
  let leading = true;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '\n') {
      leading = true;
      indent = 0;
    } else if (leading) {
      if (char === ' ' || char === '-' || char === '?' || char === '\t') indent += 1;
      else leading = false;
      if (indent > maxIndent) return index;
    }
    if (char === '[' || char === '{') depth += 1;
    else if ((char === ']' || char === '}') && depth > 0) depth -= 1;
    if (depth > maxBrackets) return index;
  }
  return undefined;
}
