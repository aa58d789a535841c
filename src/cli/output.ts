import { open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { ansi, plain, type Paint } from '../render/paint.ts';
import type { View } from '../render/render-plan.ts';
import { wordsOf, type Language } from '../render/words.ts';

export type Format = 'text' | 'markdown' | 'json' | 'github';

export interface OutputOptions {
  readonly format: Format;
  /** Instead of standard output. */
  readonly out?: string;
  readonly language: Language;
  /** The lab is spoken to: commands that are shown say so, too. */
  readonly lab: boolean;
  readonly colour?: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** NO_COLOR (no-color.org), FORCE_COLOR and TERM=dumb, then whether anybody looks. */
export function wantsColour(stream: Stream, env: NodeJS.ProcessEnv, asked: boolean | undefined): boolean {
  if (asked !== undefined) return asked;
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '') return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

export function viewOf(options: OutputOptions): View {
  const stream: Stream = process.stdout;
  const paint: Paint = options.out === undefined && wantsColour(stream, process.env, options.colour) ? ansi : plain;
  return { paint, words: wordsOf(options.language), language: options.language, width: stream.isTTY === true && options.out === undefined ? Math.max(40, stream.columns ?? 80) : Number.POSITIVE_INFINITY, ...(options.lab ? { flags: '--lab' } : {}) };
}

/** What a terminal of standard error wants. */
export function errorPaint(options: OutputOptions): Paint {
  return wantsColour(process.stderr, process.env, options.colour) ? ansi : plain;
}

/** The result of a command: to standard output, or whole to a file. */
export async function emit(text: string, options: OutputOptions, redact: (text: string) => string): Promise<void> {
  const safe = `${redact(text).trimEnd()}\n`;
  if (options.out === undefined) {
    process.stdout.write(safe);
    return;
  }
  await writeFile(`${options.out}.part`, safe);
  await rename(`${options.out}.part`, options.out);
}

/** Asked before a command begins: an apply whose result cannot be written must not have happened. */
export async function whyNotWritable(out: string): Promise<string | undefined> {
  try {
    if ((await stat(out).catch(() => undefined))?.isDirectory() === true) return `${out} is a folder`;
    await (await open(`${out}.part`, 'w')).close();
    await rm(`${out}.part`);
    return undefined;
  } catch (error) {
    return describeFileError(error) ?? String(error);
  }
}

const fileErrors: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist', ENOTDIR: 'is not in a folder', EISDIR: 'is a folder', EACCES: 'may not be read or written by this user', EPERM: 'may not be read or written by this user',
  EROFS: 'is in a place that cannot be written', ENOSPC: 'cannot be written: the disk is full', EDQUOT: 'cannot be written: the quota is used up', EMFILE: 'cannot be opened: too many open files', EIO: 'cannot be read or written: the disk fails',
};

/** What the operating system says of a file, in words; `undefined` when it is something else. */
export function describeFileError(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const said = fileErrors[error.code];
  const path = 'path' in error && typeof error.path === 'string' ? error.path.replace(/\.part$/, '') : undefined;
  if (said === undefined || path === undefined) return undefined;
  return error.code === 'ENOENT' && 'syscall' in error && error.syscall === 'open' ? `${path} cannot be opened: it, or its folder, does not exist` : `${path} ${said}`;
}

/** What is not the result: to standard error, so that a pipe stays clean. */
export function tell(text: string, redact: (text: string) => string): void {
  process.stderr.write(`${redact(text).trimEnd()}\n`);
}

/** Of everything that `--json` writes, docs/json.md: minor versions add fields, major ones change them. */
const formatVersion = '1.0';

export function toJsonDocument(value: object): string {
  return toJsonText({ formatVersion, ...value });
}

export function toJsonText(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown): unknown => (item instanceof Map ? Object.fromEntries(item as Map<string, unknown>) : item), 1);
}
