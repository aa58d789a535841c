import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { Json } from '#contract';
import type { Span } from './parse-document.ts';

/** What a file without an error became. */
export interface CachedDocument {
  readonly value: Json;
  readonly spans: Readonly<Record<string, Span>>;
}

/** Small local files: waiting for each by a promise of its own would cost more than reading it. */
export interface ParseCache {
  readonly folder: string;
  /** Whether there seems to be an entry; it may still turn out to be torn. */
  has(blob: string): boolean;
  get(blob: string): CachedDocument | undefined;
  put(blob: string, document: CachedDocument): void;
  /** Writes what is new and forgets it. A cache that cannot be written is no error: the files are parsed again. */
  save(): void;
}

/** Raised with every change of the parser's rules. */
const version = 'v1';

/** By Git blob id: the same bytes are never parsed twice in a clone, on any branch. */
export function openParseCache(folder: string): ParseCache {
  const root = join(folder, version);
  const fresh = new Map<string, CachedDocument>();
  const fileOf = (blob: string): string => join(root, blob.slice(0, 2), `${blob}.json`);
  return {
    folder,
    has: (blob) => fresh.has(blob) || existsSync(fileOf(blob)),
    get(blob) {
      const known = fresh.get(blob);
      if (known !== undefined) return known;
      try {
        const stored = readFileSync(fileOf(blob), 'utf8');
        const end = stored.indexOf('\n');
        const [sum, text] = [stored.slice(0, end), stored.slice(end + 1)];
        // A torn or altered entry is parsed anew.
        return sum === checksum(text) ? JSON.parse(text) as CachedDocument : undefined;
      } catch {
        return undefined;
      }
    },
    put(blob, document) {
      fresh.set(blob, document);
    },
    save() {
      try {
        for (const folders of new Set([...fresh.keys()].map((blob) => blob.slice(0, 2)))) mkdirSync(join(root, folders), { recursive: true, mode: 0o700 });
        for (const [blob, document] of fresh) {
          const text = JSON.stringify(document);
          const file = fileOf(blob);
          const part = `${file}.${String(process.pid)}.${String(threadId)}`;
          writeFileSync(part, `${checksum(text)}\n${text}`, { mode: 0o600 });
          renameSync(part, file);
        }
      } catch {
        // Full disk, read-only clone: slower, not wrong.
      }
      fresh.clear();
    },
  };
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
