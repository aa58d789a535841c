import type { CustomerStatus, StatusState } from '#core/fleet-status';
import { auditWords, type AuditWords } from './audit-words.ts';
import { cutToWidth, displayWidth } from './display-width.ts';
import { escapeMarkdown } from './escape-markdown.ts';
import { escapeTerminal } from './escape-terminal.ts';
import type { Colour } from './paint.ts';
import type { View } from './render-plan.ts';
import type { Words } from './words.ts';

const colours: Readonly<Record<StatusState, Colour>> = {
  damaged: 'red', open: 'red', held: 'red', diverged: 'red', incomplete: 'red', removed: 'yellow', 'left-over': 'yellow', waiting: 'yellow', never: 'yellow', clean: 'green',
};

/** Unescaped cells; the last one is free text and may be long. */
function cellsOf(status: CustomerStatus, words: Words, own: AuditWords): readonly string[] {
  const { customer, state, why, lastRun, held, incomplete, leftOver, waiting, resources } = status;
  const newest = waiting[0];
  const details = [
    ...(why === undefined ? [] : [why]), ...held.map((each) => own.heldBy(each.target, each.why)), ...incomplete.map(({ target, verdict }) => `${target} ${words[verdict]}`),
    ...(leftOver === 0 ? [] : [own.left(leftOver)]), ...(newest === undefined ? [] : [`${newest.commit.slice(0, 12)} ${newest.subject}`]),
  ];
  // What cannot be believed is not said.
  if (state === 'damaged') return [customer, own.states[state], '?', '?', '?', details.join('; ')];
  return [
    customer, own.states[state], lastRun === undefined ? own.never : `${lastRun.at.slice(0, 16).replace('T', ' ')} ${words[lastRun.verdict]}`,
    String(waiting.length), String(resources), details.join('; '),
  ];
}

function headOf(own: AuditWords): readonly string[] {
  return [own.customer, own.state, own.lastRun, own.commits, own.resources, own.details];
}

/** One line a customer, in columns; what a line has no room for is cut at its end. */
export function renderStatus(customers: readonly CustomerStatus[], { paint, words, language, width }: View): string {
  const own = auditWords(language);
  if (customers.length === 0) return own.noCustomers;
  const rows = [headOf(own), ...customers.map((status) => cellsOf(status, words, own))].map((cells) => cells.map(escapeTerminal));
  const widths = headOf(own).map((_, column) => Math.max(...rows.map((cells) => displayWidth(cells[column] ?? ''))));
  const lines = rows.map((cells, index) => {
    const padded = cells.map((cell, column) => {
      const gap = ' '.repeat((widths[column] ?? 0) - displayWidth(cell));
      return column === cells.length - 1 ? cell : column === 3 || column === 4 ? `${gap}${cell}` : `${cell}${gap}`;
    });
    const line = cutToWidth(padded.join('  ').trimEnd(), width);
    const status = customers[index - 1];
    return status === undefined ? paint('bold', line) : paint(colours[status.state], line);
  });
  const attention = customers.filter(({ state }) => state !== 'clean').length;
  return [...lines, '', attention === 0 ? paint('green', words.allWell) : own.attention(attention, customers.length)].join('\n');
}

export function renderStatusMarkdown(customers: readonly CustomerStatus[], { words, language }: Pick<View, 'words' | 'language'>): string {
  const own = auditWords(language);
  if (customers.length === 0) return own.noCustomers;
  const rows = customers.map((status) => `| ${cellsOf(status, words, own).map(escapeMarkdown).join(' | ')} |`);
  return [`| ${headOf(own).join(' | ')} |`, '| --- | --- | --- | ---: | ---: | --- |', ...rows].join('\n');
}
