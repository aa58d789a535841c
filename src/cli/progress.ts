import { parseAddress } from '#contract';
import type { Progress, ProgressEvent } from '#core/model';
import { escapeTerminal } from '../render/escape-terminal.ts';
import type { Paint } from '../render/paint.ts';
import type { Words } from '../render/words.ts';

function changeLine(event: ProgressEvent & { type: 'change' }, words: Words): string | undefined {
  if (event.outcome === undefined) return undefined;
  const { kind, name } = parseAddress(event.address);
  const why = 'why' in event.outcome ? `: ${event.outcome.why}` : '';
  return `${event.customer}/${event.target} ${words[event.verb]} ${kind} ${name} ${words[event.outcome.status]}${why}`;
}

/** One line per event that a person wants to keep; `undefined`: only interesting while it lasts. */
export function lineOf(event: ProgressEvent, words: Words, verbose: boolean): string | undefined {
  switch (event.type) {
    case 'reading': return verbose ? `${event.customer}/${event.target} reading` : undefined;
    case 'read': return verbose ? `${event.customer}/${event.target} read, ${String(event.resources)} resources` : undefined;
    case 'unreachable': return `${event.customer}/${event.target} ${words.unreachable}: ${event.why}`;
    case 'run-opened': return `${event.customer} run ${event.run} opened, number ${String(event.fence)}`;
    case 'recovering': return `${event.customer}/${event.target} recovering run ${event.run}`;
    case 'batch-started': return `${event.customer}/${event.target} applying ${String(event.changes)}`;
    case 'guard': return `${event.customer}/${event.target} guard ${event.state}${event.seconds === undefined ? '' : `, ${String(event.seconds)} s`}`;
    case 'change': return changeLine(event, words);
    case 'verifying': return `${event.customer}/${event.target} verifying over a new session`;
    case 'target-done': return `${event.customer}/${event.target} ${words[event.verdict]}${event.why === undefined ? '' : `: ${event.why}`}`;
    case 'run-closed': return event.recorded ? `${event.customer} run ${event.run} recorded` : `${event.customer} run ${event.run} NOT recorded`;
  }
}

interface ErrorStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Plain lines in CI and pipes; on a terminal one live line below them that says what is under way. */
export function makeProgress(stream: ErrorStream, words: Words, options: { readonly quiet: boolean; readonly verbose: boolean; readonly paint: Paint; readonly redact: (text: string) => string }): { readonly progress: Progress; readonly stop: () => void } {
  const live = stream.isTTY === true && !options.quiet;
  const under = new Map<string, string>();
  const clear = (): void => { if (live) stream.write('\r\u001b[K'); };
  const draw = (): void => {
    if (!live || under.size === 0) return;
    const text = [...under].map(([target, what]) => `${target} ${what}`).join(' · ');
    const width = Math.max(20, (stream.columns ?? 80) - 1);
    stream.write(options.paint('dim', text.length > width ? `${text.slice(0, width - 1)}…` : text));
  };
  const progress: Progress = (event) => {
    const line = lineOf(event, words, options.verbose);
    clear();
    if (line !== undefined && !options.quiet) stream.write(`${options.redact(escapeTerminal(line))}\n`);
    track(under, event);
    draw();
  };
  return { progress, stop: clear };
}

function track(under: Map<string, string>, event: ProgressEvent): void {
  if (!('target' in event)) return;
  const key = escapeTerminal(`${event.customer}/${event.target}`);
  if (event.type === 'reading') under.set(key, 'reading');
  else if (event.type === 'read' || event.type === 'unreachable' || event.type === 'target-done') under.delete(key);
  else if (event.type === 'verifying') under.set(key, 'verifying');
  else if (event.type === 'guard') under.set(key, `guard ${event.state}`);
  else if (event.type === 'batch-started') under.set(key, `0/${String(event.changes)}`);
  else if (event.type === 'change' && event.outcome !== undefined) {
    const match = /^(\d+)\/(\d+)$/.exec(under.get(key) ?? '');
    if (match !== null) under.set(key, `${String(Number(match[1]) + 1)}/${match[2] ?? ''}`);
  }
}
