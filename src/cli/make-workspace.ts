import { resolve } from 'node:path';
import { systemClock } from '#transport/system-clock';
import { escapeCode, escapeMarkdown } from '../render/escape-markdown.ts';
import { escapeTerminal } from '../render/escape-terminal.ts';
import { escapeAnnotation } from '../render/render-problems.ts';
import { wordsOf } from '../render/words.ts';
import { makeRedactor } from '../secrets/make-redactor.ts';
import type { Selection, Workspace } from '../workspace.ts';
import { errorPaint, tell, type Format, type OutputOptions } from './output.ts';
import { makeProgress } from './progress.ts';

/** Options that all commands share, as commander gives them. */
export interface CommonFlags {
  readonly root?: string;
  readonly lab?: boolean;
  readonly target?: readonly string[];
  readonly changedSince?: string;
  readonly concurrency?: number;
  readonly format?: Format;
  readonly json?: boolean;
  readonly out?: string;
  readonly lang?: string;
  readonly color?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export interface CommandContext {
  readonly ws: Workspace;
  readonly output: OutputOptions;
  readonly redact: (text: string) => string;
  /** Whether Ctrl-C was pressed. */
  readonly interrupted: () => boolean;
  readonly done: () => void;
}

export function outputOptions(flags: CommonFlags): OutputOptions {
  const lang = flags.lang ?? process.env['SOLL_LANG'] ?? 'en';
  return {
    format: flags.json === true ? 'json' : flags.format ?? 'text',
    ...(flags.out === undefined ? {} : { out: flags.out }),
    language: lang.toLowerCase().startsWith('de') ? 'de' : 'en',
    lab: flags.lab === true,
    ...(flags.color === false ? { colour: false } : {}),
    quiet: flags.quiet === true, verbose: flags.verbose === true,
  };
}

export function selectionOf(customers: readonly string[], flags: CommonFlags): Selection {
  return { customers, targets: flags.target ?? [], concurrency: flags.concurrency ?? 4, ...(flags.changedSince === undefined ? {} : { changedSince: flags.changedSince }) };
}

/** Everything a command touches the world with. The first Ctrl-C asks to stop, the second ends at once. */
export function makeWorkspace(flags: CommonFlags): CommandContext {
  const output = outputOptions(flags);
  const redactor = makeRedactor([escapeTerminal, escapeMarkdown, escapeCode, escapeAnnotation]);
  const redact = (text: string): string => redactor.redact(text);
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    tell(wordsOf(output.language).stopping, redact);
    controller.abort(new Error('interrupted'));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const { progress, stop } = makeProgress(process.stderr, wordsOf(output.language), { quiet: output.quiet, verbose: output.verbose, redact, paint: errorPaint(output) });
  const log = (level: string) => (message: string, data?: Readonly<Record<string, unknown>>): void => {
    if (output.verbose || level === 'warn') tell(`${level} ${message}${data === undefined ? '' : ` ${JSON.stringify(data)}`}`, redact);
  };
  return {
    output, redact,
    interrupted: () => controller.signal.aborted,
    done: () => {
      stop();
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    },
    ws: {
      root: resolve(flags.root ?? '.'), lab: flags.lab === true, env: process.env, clock: systemClock,
      log: { debug: log('debug'), info: log('info'), warn: log('warn') }, progress, signal: controller.signal, redactor,
    },
  };
}
