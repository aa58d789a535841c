/** A thread that parses files into the cache. Only what is without a fault is kept; the reader parses the rest again and tells why. */
import { parentPort, workerData } from 'node:worker_threads';
import { findSecrets } from './find-secrets.ts';
import { openParseCache } from './parse-cache.ts';
import { parseDocument } from './parse-document.ts';
import { scanText } from './scan-text.ts';

export interface ParseTask {
  readonly file: string;
  readonly blob: string;
  readonly bytes: Uint8Array;
}

const { folder } = workerData as { readonly folder: string };
const cache = openParseCache(folder);

parentPort?.on('message', (tasks: readonly ParseTask[]) => {
  for (const { file, blob, bytes } of tasks) {
    const { text } = scanText(file, bytes);
    if (text === undefined || findSecrets(file, text).problems.length > 0) continue;
    const { value, spans, problems } = parseDocument(file, text);
    if (problems.length === 0 && value !== undefined) cache.put(blob, { value, spans });
  }
  cache.save();
  parentPort?.postMessage('done');
});
