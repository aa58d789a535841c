import { parseAddress } from '#contract';
import type { Progress, ProgressEvent } from '#core/model';
import { cutToWidth } from '../render/display-width.ts';
import { escapeTerminal } from '../render/escape-terminal.ts';
import type { Paint } from '../render/paint.ts';
import type { Words } from '../render/words.ts';

/** Without a terminal somebody should still see that a long wait is one. */
const heartbeatMs = 15_000;

function changeLine(event: ProgressEvent & { type: 'change' }, words: Words): string | undefined {
  if (event.outcome === undefined) return undefined;
  const { kind, name } = parseAddress(event.address);
  const why = 'why' in event.outcome ? `: ${event.outcome.why}` : '';
  return `${event.customer}/${event.target} ${words[event.verb]} ${kind} ${name} ${words[event.outcome.status]}${why}`;
}

function guardWords(state: (ProgressEvent & { type: 'guard' })['state'], words: Words): string {
  return { armed: words.guardArmed, confirmed: words.guardConfirmed, fired: words.guardFired, recovered: words.guardRecovered }[state];
}

/** One line per event that a person wants to keep; `undefined`: only interesting while it lasts. */
function lineOf(event: ProgressEvent, words: Words, verbose: boolean): string | undefined {
  const target = 'target' in event ? `${event.customer}/${event.target}` : event.customer;
  switch (event.type) {
    case 'reading': return verbose ? `${target} ${words.reading}` : undefined;
    case 'read': return verbose ? `${target} ${words.readDone}, ${words.nResources(event.resources)}` : undefined;
    case 'unreachable': return `${target} ${words.unreachable}: ${event.why}`;
    case 'lock-wait': return `${target} ${words.waits}: ${event.why}`;
    case 'run-opened': return `${target} ${words.run_} ${event.run} ${words.opened} ${String(event.fence)}`;
    case 'recovering': return `${target} ${words.recovering} ${words.run_} ${event.run}`;
    case 'batch-started': return `${target} ${words.applying} ${words.nChanges(event.changes)}`;
    case 'guard': return `${target} ${guardWords(event.state, words)}${event.seconds === undefined ? '' : `, ${String(event.seconds)} ${words.seconds}`}`;
    case 'change': return changeLine(event, words);
    case 'rotation': return `${target} ${words.rotationSteps[event.step]} ${event.id}`;
    case 'verifying': return `${target} ${words.verifyingOver}`;
    case 'target-done': return `${target} ${words[event.verdict]}${event.why === undefined ? '' : `: ${event.why}`}`;
    case 'run-closed': return `${target} ${words.run_} ${event.run} ${event.recorded ? words.recorded : words.recordedNot}`;
  }
}

interface ErrorStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface ProgressOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly paint: Paint;
  readonly redact: (text: string) => string;
}

/** Plain lines in CI and pipes, with a sign of life in long waits; on a terminal one live line below them that says what is under way. */
export function makeProgress(stream: ErrorStream, words: Words, { quiet, verbose, paint, redact }: ProgressOptions): { readonly progress: Progress; readonly stop: () => void } {
  const live = stream.isTTY === true && !quiet;
  const under = new Map<string, string>();
  const clear = (): void => { if (live) stream.write('\r\u001b[K'); };
  const now = (): string => [...under].map(([target, what]) => `${target} ${what}`).join(' · ');
  const draw = (): void => {
    if (live && under.size > 0) stream.write(paint('dim', cutToWidth(now(), Math.max(20, (stream.columns ?? 80) - 1))));
  };
  const beat = (): void => { if (under.size > 0) stream.write(`${redact(`${words.under}: ${now()}`)}\n`); };
  const newHeart = (): NodeJS.Timeout | undefined => (live || quiet ? undefined : setInterval(beat, heartbeatMs).unref());
  let heart = newHeart();
  const progress: Progress = (event) => {
    const line = lineOf(event, words, verbose);
    clear();
    if (line !== undefined && !quiet) {
      stream.write(`${redact(escapeTerminal(line))}\n`);
      clearInterval(heart);
      heart = newHeart();
    }
    track(under, event, words);
    draw();
  };
  const stop = (): void => {
    clearInterval(heart);
    if (under.size > 0) clear();
    under.clear();
  };
  return { progress, stop };
}

function track(under: Map<string, string>, event: ProgressEvent, words: Words): void {
  if (!('target' in event)) return;
  const key = escapeTerminal(`${event.customer}/${event.target}`);
  if (event.type === 'reading') under.set(key, words.reading);
  else if (event.type === 'read' || event.type === 'unreachable' || event.type === 'target-done') under.delete(key);
  else if (event.type === 'verifying') under.set(key, words.verifying);
  else if (event.type === 'guard') under.set(key, guardWords(event.state, words));
  else if (event.type === 'batch-started') under.set(key, `0/${String(event.changes)}`);
  else if (event.type === 'change' && event.outcome !== undefined) {
    const match = /^(\d+)\/(\d+)$/.exec(under.get(key) ?? '');
    if (match !== null) under.set(key, `${String(Number(match[1]) + 1)}/${match[2] ?? ''}`);
  }
}
