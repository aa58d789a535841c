/** Where many files were never parsed in this clone, all cores parse ahead of the reader. What goes wrong here is done and told by the reader. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { FileEntry, FileSource } from '#core/model';
import type { ParseCache } from './parse-cache.ts';
import type { ParseTask } from './parse-worker.ts';
import { maxBytes } from './scan-text.ts';

export interface WarmInput {
  readonly source: FileSource;
  readonly cache: ParseCache | undefined;
  /** In the order of reading. */
  readonly groups: readonly (readonly FileEntry[])[];
}

export interface Warming {
  /** Resolves when as much of this group as can be is in the cache. */
  ready(group: number): Promise<void>;
  stop(): Promise<void>;
}

/** A thread needs about 100 milliseconds to begin; below this many files that is not worth it. */
const worthwhile = 300;
const maxWorkers = 8;
/** Groups that wait in memory per thread. */
const ahead = 3;

const idle: Warming = { ready: () => Promise.resolve(), stop: () => Promise.resolve() };

export function warmCache({ source, cache, groups }: WarmInput): Warming {
  // From the sources (tests) there is no compiled module that a thread could run.
  if (cache === undefined || source.prefetch === undefined || import.meta.url.endsWith('.ts')) return idle;
  const missing = groups.map((files) => files.filter(({ blob, size }) => blob !== undefined && size <= maxBytes && !cache.has(blob)));
  if (missing.reduce((sum, { length }) => sum + length, 0) < worthwhile) return idle;
  const workers = Array.from({ length: Math.min(maxWorkers, availableParallelism()) }, () => startWorker(cache.folder));
  const sent: Promise<void>[] = [];
  return {
    async ready(group) {
      for (let next = sent.length; next < missing.length && next <= group + workers.length * ahead; next += 1) {
        const files = missing[next] ?? [];
        const worker = workers[next % workers.length];
        sent.push(files.length === 0 || worker === undefined ? Promise.resolve() : worker.parse(await contents(source, files)));
      }
      await sent[group];
      cache.refresh();
    },
    stop: async () => { await Promise.all(workers.map((worker) => worker.stop())); },
  };
}

async function contents(source: FileSource, files: readonly FileEntry[]): Promise<readonly ParseTask[]> {
  await source.prefetch?.(files.map(({ path }) => path));
  // Copies: a message takes along the whole memory that a part of it lies in, and these lie in one.
  return Promise.all(files.map(async ({ path, blob }): Promise<ParseTask> => ({ file: path, blob: blob ?? '', bytes: new Uint8Array(await source.read(path)) })));
}

interface ParseThread {
  parse(tasks: readonly ParseTask[]): Promise<void>;
  stop(): Promise<void>;
}

function startWorker(folder: string): ParseThread {
  const thread = new Worker(new URL('./parse-worker.js', import.meta.url), { workerData: { folder } });
  let ended = false;
  const waiting: (() => void)[] = [];
  const end = (): void => {
    ended = true;
    for (const done of waiting.splice(0)) done();
  };
  // Answers come in the order of the tasks. A thread that ends is no error: the reader parses what it left.
  thread.on('message', () => waiting.shift()?.()).on('error', end).on('exit', end);
  return {
    parse: (tasks) => new Promise((resolve) => {
      if (ended) {
        resolve();
        return;
      }
      waiting.push(resolve);
      thread.postMessage(tasks, tasks.map(({ bytes }) => bytes.buffer as ArrayBuffer));
    }),
    stop: async () => { await thread.terminate(); },
  };
}
