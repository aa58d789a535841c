import { createHash, randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
  /** Looks again for what others have written. */
  refresh(): void;
  close(): void;
}

/** Raised with every change of the parser's rules. */
const version = 'v2';
/** From so many new documents on they go into one file together: making a file costs more than writing it. */
const packFrom = 32;

/**
 * By Git blob id: the same bytes are never parsed twice in a clone, on any branch. As Git does, a few are kept as files of their own and
 * many in a pack, whose first line says where each of them lies.
 */
export function openParseCache(folder: string): ParseCache {
  const root = join(folder, version);
  const fresh = new Map<string, CachedDocument>();
  const packs = openPacks(join(root, 'packs'));
  const fileOf = (blob: string): string => join(root, blob.slice(0, 2), `${blob}.json`);
  const stored = (blob: string): Buffer | undefined => packs.read(blob) ?? readIfThere(fileOf(blob));
  return {
    folder,
    has: (blob) => fresh.has(blob) || packs.has(blob) || existsSync(fileOf(blob)),
    get: (blob) => fresh.get(blob) ?? open(stored(blob)),
    put(blob, document) {
      fresh.set(blob, document);
    },
    save() {
      const entries = [...fresh].map(([blob, document]) => [blob, seal(document)] as const);
      fresh.clear();
      try {
        if (entries.length >= packFrom) packs.write(entries);
        else for (const [blob, bytes] of entries) writeWhole(join(root, blob.slice(0, 2)), `${blob}.json`, bytes);
      } catch {
        // Full disk, read-only clone: slower, not wrong.
      }
    },
    refresh: () => { packs.refresh(); },
    close: () => { packs.close(); },
  };
}

interface Packs {
  has(blob: string): boolean;
  read(blob: string): Buffer | undefined;
  write(entries: readonly (readonly [blob: string, bytes: Buffer])[]): void;
  refresh(): void;
  close(): void;
}

interface Packed {
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

function openPacks(folder: string): Packs {
  const files = new Map<string, number>();
  const places = new Map<string, Packed>();
  const refresh = (): void => {
    for (const name of listIfThere(folder)) {
      if (files.has(name) || !name.endsWith('.pack')) continue;
      const file = openIfThere(join(folder, name));
      if (file === undefined) continue;
      files.set(name, file);
      for (const [blob, place] of readIndex(file)) places.set(blob, place);
    }
  };
  refresh();
  return {
    refresh,
    has: (blob) => places.has(blob),
    read(blob) {
      const place = places.get(blob);
      if (place === undefined) return undefined;
      const bytes = Buffer.allocUnsafe(place.length);
      return readSync(place.file, bytes, 0, place.length, place.offset) === place.length ? bytes : undefined;
    },
    write(entries) {
      const index = entries.map(([blob, { length }]) => `${blob} ${String(length)}`).join(',');
      const name = `${randomUUID()}.pack`;
      writeWhole(folder, name, Buffer.concat([Buffer.from(`${String(index.length).padStart(8, '0')} ${index}\n`), ...entries.map(([, bytes]) => bytes)]));
      refresh();
    },
    close() {
      for (const file of files.values()) closeSync(file);
      files.clear();
      places.clear();
    },
  };
}

/** `<length of the list> <blob> <length>,<blob> <length>…`; what is not in this form counts as empty. */
function readIndex(file: number): readonly (readonly [string, Packed])[] {
  const head = Buffer.alloc(9);
  readSync(file, head, 0, 9, 0);
  const size = /^\d{8} $/.test(head.toString('latin1')) ? Number(head.toString('latin1')) : 0;
  const list = Buffer.alloc(size);
  if (readSync(file, list, 0, size, 9) !== size) return [];
  let offset = 9 + size + 1;
  return [...list.toString('latin1').matchAll(/([0-9a-f]{40,64}) (\d+)/g)].map(([, blob = '', text = '0']) => {
    const place = { file, offset, length: Number(text) };
    offset += place.length;
    return [blob, place] as const;
  });
}

/** Under another name first: nobody sees half a file. */
function writeWhole(folder: string, name: string, bytes: Buffer): void {
  const part = join(folder, `${name}.${randomUUID()}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(part, bytes, { mode: 0o600 });
  renameSync(part, join(folder, name));
}

function listIfThere(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch {
    return undefined;
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

const sumLength = 32;

function seal(document: CachedDocument): Buffer {
  const text = Buffer.from(JSON.stringify(document));
  return Buffer.concat([Buffer.from(checksum(text)), text]);
}

/** A torn or altered entry is parsed anew. */
function open(bytes: Buffer | undefined): CachedDocument | undefined {
  if (bytes === undefined) return undefined;
  const text = bytes.subarray(sumLength);
  if (bytes.toString('latin1', 0, sumLength) !== checksum(text)) return undefined;
  // Written by `seal` of the same version.
  return JSON.parse(text.toString('utf8')) as CachedDocument;
}

function checksum(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, sumLength);
}
