import { rename, writeFile } from 'node:fs/promises';
import { ansi, plain, type Paint } from '../render/paint.ts';
import type { View } from '../render/render-plan.ts';
import { wordsOf, type Language } from '../render/words.ts';

export type Format = 'text' | 'markdown' | 'json' | 'github';

export interface OutputOptions {
  readonly format: Format;
  /** Instead of standard output. */
  readonly out?: string;
  readonly language: Language;
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
  return { paint, words: wordsOf(options.language), language: options.language, width: stream.isTTY === true && options.out === undefined ? Math.max(40, stream.columns ?? 80) : Number.POSITIVE_INFINITY };
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

/** What is not the result: to standard error, so that a pipe stays clean. */
export function tell(text: string, redact: (text: string) => string): void {
  process.stderr.write(`${redact(text).trimEnd()}\n`);
}

export function toJsonText(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown): unknown => (item instanceof Map ? Object.fromEntries(item as Map<string, unknown>) : item), 1);
}
