export interface Redactor {
  add(value: string): void;
  redact(text: string): string;
}

/** Shorter values would eat ordinary words; no credential that soll works with is that short. */
const shortest = 4;
const mask = '***';

/** Every spelling under which a value could come by: as it is, line by line, in JSON, in a URL, in base64. */
function spellings(value: string): readonly string[] {
  const lines = value.split(/\r?\n/).map((line) => line.trim()).filter((line) => line.length >= 12 && !line.startsWith('-----'));
  return [value, value.trim(), JSON.stringify(value).slice(1, -1), encodeURIComponent(value), Buffer.from(value).toString('base64'), Buffer.from(value).toString('base64url'), ...lines];
}

/** Replaces every value that a session has revealed, in all its spellings, longest first. */
export function makeRedactor(): Redactor {
  const known = new Set<string>();
  let sorted: readonly string[] | undefined;
  return {
    add(value) {
      for (const spelling of spellings(value)) if (spelling.length >= shortest) known.add(spelling);
      sorted = undefined;
    },
    redact(text) {
      sorted ??= [...known].sort((a, b) => b.length - a.length);
      return sorted.reduce((clean, value) => (clean.includes(value) ? clean.replaceAll(value, mask) : clean), text);
    },
  };
}
