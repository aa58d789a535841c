import { parseAddress } from '#contract';
import type { Waiting } from '#core/model';
import { escapeMarkdown } from './escape-markdown.ts';
import { escapeTerminal } from './escape-terminal.ts';
import type { View } from './render-plan.ts';
import type { Language, Words } from './words.ts';

/** So many names of one reason. */
const shown = 20;

/** What is not applied now: customer, why, what. */
export function renderWaiting(waiting: readonly Waiting[], { paint, words, language }: View): string {
  const customers = [...new Set(waiting.map(({ customer }) => customer))];
  return customers.map((customer) => {
    const own = waiting.filter((each) => each.customer === customer);
    const reasons = [...new Set(own.map(({ why }) => why[language]))];
    return [`${paint('bold', escapeTerminal(customer))} ${paint('yellow', words.waits)}`, ...reasons.flatMap((reason) => {
      const names = own.filter(({ why }) => why[language] === reason).flatMap(({ addresses }) => addresses).map(parseAddress).map(({ target, kind, name }) => `    ${escapeTerminal(target)} ${escapeTerminal(kind)} ${escapeTerminal(name)}`);
      return [`  ${escapeTerminal(reason)}`, ...names.slice(0, shown), ...(names.length > shown ? [`    … ${String(names.length - shown)} ${words.more}`] : [])];
    })].join('\n');
  }).join('\n\n');
}

/** Beside a plan: what would wait if it were applied at this moment. */
interface Held {
  readonly why: Waiting['why'];
  readonly held: number;
  readonly leaves: number;
}

export function renderHold({ why, held, leaves }: Held, { paint, words, language }: View): string {
  return `  ${paint('yellow', words.nWait(held, leaves))}: ${escapeTerminal(why[language])}`;
}

export function renderHoldMarkdown({ why, held, leaves }: Held, words: Words, language: Language): string {
  return `**${words.nWait(held, leaves)}**: ${escapeMarkdown(why[language])}`;
}
