import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '#contract';
import type { Span } from './parse-document.ts';

/** What a file without an error became. */
export interface CachedDocument {
  readonly value: Json;
  readonly spans: Readonly<Record<string, Span>>;
}

export interface ParseCache {
  get(blob: string): Promise<CachedDocument | undefined>;
  put(blob: string, document: CachedDocument): void;
  /** Writes what is new. A cache that cannot be written is no error: the files are parsed again. */
  save(): Promise<void>;
}

/** Raised with every change of the parser's rules. */
const version = 'v1';
const atOnce = 64;

/** By Git blob id: the same bytes are never parsed twice in a clone, on any branch. */
export async function openParseCache(folder: string): Promise<ParseCache> {
  const root = join(folder, version);
  const fresh = new Map<string, CachedDocument>();
  const fileOf = (blob: string): string => join(root, blob.slice(0, 2), `${blob}.json`);
  return Promise.resolve({
    async get(blob) {
      const known = fresh.get(blob);
      if (known !== undefined) return known;
      try {
        const [sum = '', ...rest] = (await readFile(fileOf(blob), 'utf8')).split('\n');
        const text = rest.join('\n');
        // A torn or altered entry is parsed anew.
        return sum === checksum(text) ? JSON.parse(text) as CachedDocument : undefined;
      } catch {
        return undefined;
      }
    },
    put(blob, document) {
      fresh.set(blob, document);
    },
    async save() {
      const entries = [...fresh];
      try {
        for (const folders of new Set(entries.map(([blob]) => blob.slice(0, 2)))) await mkdir(join(root, folders), { recursive: true, mode: 0o700 });
        for (let index = 0; index < entries.length; index += atOnce) {
          await Promise.all(entries.slice(index, index + atOnce).map(async ([blob, document]) => {
            const text = JSON.stringify(document);
            const file = fileOf(blob);
            await writeFile(`${file}.${String(process.pid)}`, `${checksum(text)}\n${text}`, { mode: 0o600 });
            await rename(`${file}.${String(process.pid)}`, file);
          }));
        }
      } catch {
        // Full disk, read-only clone: slower, not wrong.
      }
      fresh.clear();
    },
  });
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
