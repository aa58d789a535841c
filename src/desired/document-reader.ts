import { createHash } from 'node:crypto';
import type { Problem, SourceRange } from '#contract';
import type { FileEntry, FileSource } from '#core/model';
import type { LoadedDocument } from './customer-files.ts';
import type { ParseCache } from './parse-cache.ts';
import { makeLocator, parseDocument } from './parse-document.ts';
import type { PendingProblem, Place } from './place.ts';
import { findSecrets } from './find-secrets.ts';
import { maxBytes, scanText } from './scan-text.ts';

export interface ReadDocument {
  readonly document?: LoadedDocument;
  readonly problems: readonly Problem[];
}

/** Up to this many documents keep their text, so that later problems get a code frame too. */
const keepTexts = 200;

/** Reads, scans and parses files once; finds places in them when there is something to tell. */
export class DocumentReader {
  readonly texts = new Map<string, string>();
  count = 0;
  readonly #source: FileSource;
  readonly #entries: ReadonlyMap<string, FileEntry>;
  readonly #cache: ParseCache | undefined;
  readonly #locators = new Map<string, (pointer: string, part: Place['part']) => SourceRange>();

  constructor(source: FileSource, entries: readonly FileEntry[], cache: ParseCache | undefined) {
    this.#source = source;
    this.#entries = new Map(entries.map((entry) => [entry.path, entry]));
    this.#cache = cache;
  }

  /** Contents of what is not cached or keeps its text, in one go where the source can. `entries` are the next to be read. */
  async prefetch(entries: readonly FileEntry[]): Promise<void> {
    const missing = entries.filter(({ blob, size }, index) => size <= maxBytes && (this.count + index < keepTexts || blob === undefined || this.#cache?.has(blob) !== true));
    if (missing.length > 0) await this.#source.prefetch?.(missing.map(({ path }) => path));
  }

  async read(entry: FileEntry): Promise<ReadDocument> {
    this.count += 1;
    const file = entry.path;
    if (entry.size > maxBytes) return { problems: [{ code: 'file.too-large', severity: 'error', message: `the file has ${String(entry.size)} bytes; 1 MiB is the limit`, hint: 'split it, or look for something that does not belong here', source: { file, line: 1, column: 1 } }] };
    if (entry.blob !== undefined && this.count > keepTexts) {
      const cached = this.#cache?.get(entry.blob);
      if (cached !== undefined) return { document: { file, ...cached }, problems: [] };
    }
    const bytes = await this.#source.read(file);
    const { text, problems } = scanText(file, bytes);
    if (text === undefined) return { problems };
    if (this.count <= keepTexts) this.texts.set(file, text);
    const blob = entry.blob ?? gitBlobId(bytes);
    const cached = this.#cache?.get(blob);
    if (cached !== undefined) return { document: { file, ...cached }, problems: [] };
    return this.#parse(file, text, blob);
  }

  #parse(file: string, text: string, blob: string): ReadDocument {
    const secrets = findSecrets(file, text);
    const parsed = parseDocument(file, text);
    const problems = [...secrets.problems, ...parsed.problems];
    if (problems.length > 0) this.texts.set(file, secrets.masked);
    if (problems.length > 0 || parsed.value === undefined) return { problems };
    const { value, spans } = parsed;
    this.#cache?.put(blob, { value, spans });
    return { document: { file, value, spans }, problems: [] };
  }

  /** Gives pending problems their lines. */
  async locate(pending: readonly PendingProblem[]): Promise<readonly Problem[]> {
    const located: Problem[] = [];
    for (const { at, related, needs: _needs, ...problem } of pending) {
      const places = related === undefined ? undefined : await Promise.all(related.map(async (each) => ({ message: each.message, source: await this.#place(each.at) })));
      located.push({ ...problem, ...(at === undefined ? {} : { source: await this.#place(at) }), ...(places === undefined ? {} : { related: places }) });
    }
    return located;
  }

  async #place({ file, pointer, part }: Place): Promise<SourceRange> {
    let locator = this.#locators.get(file);
    if (locator === undefined) {
      const entry = this.#entries.get(file);
      const text = this.texts.get(file) ?? (entry === undefined ? undefined : scanText(file, await this.#source.read(file)).text) ?? '';
      this.texts.set(file, text);
      locator = makeLocator(file, text);
      this.#locators.set(file, locator);
    }
    return locator(pointer, part);
  }
}

/** What Git calls these bytes, so that a working tree and a commit share cache entries. */
function gitBlobId(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${String(bytes.length)}\0`).update(bytes).digest('hex');
}
