export interface Redactor {
  add(value: string): void;
  redact(text: string): string;
}

/** Shorter values would eat ordinary words; no credential that soll works with is that short. */
const shortest = 4;
/** Parts of a value (a line, a field) are looked for from here on. */
const shortestPart = 8;
const mask = '***';

/** Fields of a JSON credential that stand openly in consoles and logs, and that messages must be able to name. */
const open = /(id|thumbprint|certificate|type|kind|name|url|uri|domain|tenant)$/i;

/** Lines of a text, strings in a JSON document, lines of those: whatever could come by alone. */
function parts(value: string): readonly string[] {
  const lines = value.split(/\r\n|\r|\n/).map((line) => line.trim()).filter((line) => line.length >= shortestPart && !line.startsWith('-----'));
  const fields: string[] = [];
  const collect = (key: string, item: unknown): void => {
    if (typeof item === 'string') {
      if (item.length >= shortestPart && !open.test(key)) fields.push(item, ...parts(item));
    } else if (typeof item === 'object' && item !== null) for (const [name, each] of Object.entries(item)) collect(Array.isArray(item) ? key : name, each);
  };
  try {
    const document: unknown = JSON.parse(value);
    if (typeof document === 'object') {
      collect('', document);
      // The lines of the document itself hold open fields, too.
      return fields;
    }
  } catch {
    // Not JSON.
  }
  return lines;
}

/** base64 of a text that has this value anywhere in it: three alignments, without the characters that its neighbours share. */
function insideBase64(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  if (bytes.length < shortestPart) return [];
  return [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').replace(/=+$/, '');
    return text.slice([0, 2, 3][shift], (bytes.length + shift) % 3 === 0 ? undefined : -1);
  });
}

/** Every spelling under which a text could come by: as it is, in JSON, in a URL, in base64, in hexadecimal. */
function spellings(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const json = JSON.stringify(value).slice(1, -1);
  const url = encodeURIComponent(value);
  const based = [bytes.toString('base64'), ...insideBase64(value)];
  return [
    value, value.trim(), value.trimEnd(), json, JSON.stringify(json).slice(1, -1),
    url, url.replaceAll('%20', '+'), url.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()), encodeURI(value), new URLSearchParams({ v: value }).toString().slice(2),
    ...based, ...based.map((text) => text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')), bytes.toString('hex'), bytes.toString('hex').toUpperCase(),
  ];
}

/**
 * Replaces every value that a session has revealed, in all its spellings, longest first. `escapes`: what the sinks do to a text before
 * it is redacted.
 */
export function makeRedactor(escapes: readonly ((text: string) => string)[] = []): Redactor {
  const known = new Set<string>();
  let sorted: readonly string[] | undefined;
  return {
    add(value) {
      // The round trip replaces half characters, which have no spelling in a URL.
      for (const text of [value, ...parts(value)].map((each) => Buffer.from(each).toString('utf8'))) {
        for (const spelling of spellings(text)) {
          for (const escaped of [spelling, ...escapes.map((escape) => escape(spelling))]) if (escaped.trim().length >= shortest) known.add(escaped);
        }
      }
      sorted = undefined;
    },
    redact(text) {
      sorted ??= [...known].sort((a, b) => b.length - a.length);
      return sorted.reduce((clean, value) => (clean.includes(value) ? clean.replaceAll(value, mask) : clean), text);
    },
  };
}
