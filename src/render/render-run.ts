import { isLedgerOnly, parseAddress, type Address, type Verdict } from '#contract';
import type { RunResult } from '#core/model';
import { escapeTerminal } from './escape-terminal.ts';
import type { Colour } from './paint.ts';
import { signs, type View } from './render-plan.ts';

export const verdictColour: Readonly<Record<Verdict, Colour>> = { unchanged: 'green', converged: 'green', pending: 'yellow', partial: 'red', reverted: 'red', held: 'red' };

/** `tenant user anna@example.de` */
function nameOf(address: Address): string {
  const { target, kind, name } = parseAddress(address);
  return `${target} ${kind} ${name}`;
}

/** What a run did, target by target. */
export function renderRun(run: RunResult, view: View): string {
  const { paint, words } = view;
  const lines = run.targets.flatMap(({ target, verdict, why, changes }) => [
    `  ${paint('bold', escapeTerminal(target))} ${paint(verdictColour[verdict], words[verdict])}${why === undefined ? '' : `: ${escapeTerminal(why)}`}`,
    ...changes.filter(({ outcome, verb }) => outcome.status !== 'done' || verb === 'identify' || !isLedgerOnly(verb)).map(({ address, verb, outcome }) => {
      const { kind, name } = parseAddress(address);
      const [sign, colour] = signs[verb];
      const good = outcome.status === 'done';
      return `    ${paint(colour, sign)} ${escapeTerminal(kind)} ${escapeTerminal(name)} ${paint(good ? 'green' : 'red', words[outcome.status])}${'why' in outcome ? `: ${escapeTerminal(outcome.why)}` : ''}`;
    }),
  ]);
  const stale = run.stale.length === 0 ? [] : [`  ${paint('red', words.stale)}:`, ...run.stale.flatMap(({ addresses, why }) => addresses.map((address) => `    ${escapeTerminal(nameOf(address))}: ${escapeTerminal(why)}`))];
  const hints = new Set([...(run.stale.length === 0 ? [] : [words.hintStale]), ...run.targets.flatMap(({ verdict }) => (verdict === 'held' ? [words.hintHeld] : verdict === 'reverted' ? [words.hintReverted] : verdict === 'partial' ? [words.hintPartial] : []))]);
  const title = `${paint('bold', escapeTerminal(run.customer))}${run.run === '' ? '' : ` ${paint('dim', `${words.run_} ${run.run}`)}`}`;
  return [title, ...lines, ...stale, ...(run.recorded ? [] : [`  ${paint('red', words.notRecorded)}`]), ...[...hints].map((hint) => `  ${paint('cyan', `${words.hint}:`)} ${hint}`)].join('\n');
}
