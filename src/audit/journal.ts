import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from '#contract';

export interface JournalLine {
  readonly step: 'intent' | 'outcome';
  readonly address: Address;
  readonly status?: string;
}

/** Local, fsynced, one line per step: what this process was about to write, and what it heard. */
export interface Journal {
  append(line: JournalLine): Promise<void>;
  close(): Promise<void>;
}

function folder(gitDir: string): string {
  return join(gitDir, 'soll', 'journal');
}

function file(gitDir: string, customer: string, run: string): string {
  return join(folder(gitDir), `${encodeURIComponent(customer)}.${run}.jsonl`);
}

/** Throws when the disk cannot take it: then nothing may be written to a device either. */
export async function openJournal(gitDir: string, customer: string, run: string): Promise<Journal> {
  await mkdir(folder(gitDir), { recursive: true, mode: 0o700 });
  const handle = await open(file(gitDir, customer, run), 'a', 0o600);
  const directory = await open(folder(gitDir), 'r');
  await directory.sync();
  await directory.close();
  let tail: Promise<void> = Promise.resolve();
  return {
    append(line) {
      // One after the other: two lines must never mix.
      tail = tail.then(async () => {
        await handle.appendFile(`${JSON.stringify(line)}\n`);
        await handle.sync();
      });
      return tail;
    },
    close: () => handle.close(),
  };
}

/**
 * Lines of a run of this clone; `undefined` when the run was not made here or the journal is damaged. A torn last line is left out: its
 * write had not begun.
 */
export async function readJournal(gitDir: string, customer: string, run: string): Promise<readonly JournalLine[] | undefined> {
  const text = await readFile(file(gitDir, customer, run), 'utf8').catch(() => undefined);
  try {
    return text?.split('\n').slice(0, -1).map(parseLine);
  } catch {
    // What stood there may have been begun.
    return undefined;
  }
}

function parseLine(line: string): JournalLine {
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null || !('address' in value) || typeof value.address !== 'string' || !('step' in value) || (value.step !== 'intent' && value.step !== 'outcome')) throw new SyntaxError('not a line of a journal');
  // Its form was just looked at.
  return value as JournalLine;
}

/** After the record of the run is closed. */
export async function removeJournal(gitDir: string, customer: string, run: string): Promise<void> {
  await rm(file(gitDir, customer, run), { force: true });
}
