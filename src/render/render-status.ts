import type { RiskLevel } from '#contract';
import type { FirmwareNote } from '#core/firmware';
import type { CustomerStatus, PendingPlan, SeenTarget, StatusState } from '#core/fleet-status';
import { driftCount } from '#core/observation';
import { auditWords, type AuditWords } from './audit-words.ts';
import { cutToWidth, displayWidth } from './display-width.ts';
import { escapeMarkdown } from './escape-markdown.ts';
import { escapeTerminal } from './escape-terminal.ts';
import type { Colour } from './paint.ts';
import { firmwareText } from './render-firmware.ts';
import { keptLines } from './render-kept.ts';
import type { View } from './render-plan.ts';
import type { Language, Words } from './words.ts';

export interface StatusTold {
  /** ISO 8601, UTC: ages are told from here. */
  readonly asOf: string;
  readonly customers: readonly CustomerStatus[];
  /** The code host was asked, too. */
  readonly reviews: boolean;
}

const colours: Readonly<Record<StatusState, Colour>> = {
  damaged: 'red', open: 'red', held: 'red', diverged: 'red', incomplete: 'red', unpushed: 'red', invalid: 'red', removed: 'yellow', 'review-overdue': 'red', unreachable: 'red', drift: 'yellow', expired: 'yellow', firmware: 'yellow', backup: 'yellow',
  'left-over': 'yellow', approval: 'yellow', 'review-due': 'yellow', waiting: 'yellow', window: 'yellow', never: 'yellow', clean: 'green',
};

interface Look {
  readonly words: Words;
  readonly own: AuditWords;
  readonly language: Language;
  /** Milliseconds. */
  readonly now: number;
}

function lookOf({ words, language }: Pick<View, 'words' | 'language'>, { asOf }: StatusTold): Look {
  return { words, language, own: auditWords(language), now: Date.parse(asOf) };
}

/** Unescaped. */
function cellsOf(status: CustomerStatus, look: Look): readonly string[] {
  const { customer, state, lastRun, waiting, resources } = status;
  const { own, words } = look;
  // What cannot be believed is not said.
  if (state === 'damaged') return [customer, own.states[state], '?', '?', '?', '?'];
  return [customer, own.states[state], lastRun === undefined ? own.never : `${minute(lastRun.at)} ${words[lastRun.verdict]}`, driftCell(status.seen, look), String(waiting.length), String(resources)];
}

/** How much, and how old that knowledge is at its oldest. */
function driftCell(seen: readonly SeenTarget[], look: Look): string {
  const { own } = look;
  const [oldest] = seen.flatMap((each) => each.seen ?? []).sort();
  if (oldest === undefined) return seen.length === 0 ? '' : own.neverSeen;
  const count = seen.reduce((sum, { drift }) => sum + (drift === undefined ? 0 : driftCount({ drift })), 0);
  return `${count === 0 ? own.noDrift : String(count)}, ${ageOf(oldest, look)}`;
}

function minute(at: string): string {
  return at.slice(0, 16).replace('T', ' ');
}

/** In the largest unit that says enough. */
function ageOf(at: string, { own, now }: Look): string {
  const minutes = Math.max(0, Math.floor((now - Date.parse(at)) / 60_000));
  if (minutes === 0) return own.justNow;
  return minutes < 60 ? own.ago.min(minutes) : minutes < 48 * 60 ? own.ago.h(Math.floor(minutes / 60)) : own.ago.d(Math.floor(minutes / 1440));
}

/** So many of one sort are named. */
const shownOfEach = 3;

/** Everything that needs somebody, one line each, unescaped. */
function detailsOf(status: CustomerStatus, look: Look): readonly string[] {
  const { why, held, incomplete, leftOver, waiting, seen, approvals, hold, reviews, expired, invalid, firmware, kept, unpushed } = status;
  const { own, words, language } = look;
  const [newest, ...older] = waiting;
  const [unseen, looked] = [seen.filter(({ state }) => state === 'never').map(({ target }) => target), seen.filter(({ state }) => state !== 'never')];
  return [
    ...(why === undefined ? [] : [why]), ...(unpushed === undefined ? [] : [own.unpushed(unpushed.map((what) => own.kept[what]), status.customer)]), ...held.map((each) => own.heldBy(each.target, each.why)), ...incomplete.map(({ target, verdict }) => `${target} ${words[verdict]}`),
    ...some(invalid, own), ...reviews.map(({ run, ticket, reviewDue, state }) => own.reviewBy(run, ticket, minute(reviewDue), state === 'overdue')),
    ...looked.flatMap((each) => seenLine(each, look)),
    // One of several that nobody has looked at is easily missed; all of them stand in the column.
    ...(looked.length > 0 && unseen.length > 0 ? [own.neverSeenOn(unseen.join(', '))] : []),
    ...some(expired, own), ...some(firmware.filter((note) => isNews(note, unseen)).map((note) => `${note.target} ${firmwareText(note, language)}`), own), ...some(keptLines(kept, language), own), ...(leftOver === 0 ? [] : [own.left(leftOver)]), ...some(approvals.map((each) => pendingLine(each, look)), own),
    ...(newest === undefined ? [] : [`${newest.commit.slice(0, 12)} ${newest.subject}${older.length === 0 ? '' : ` (${own.andMore(older.length)})`}`]),
    ...(hold === undefined ? [] : [hold.why[language]]),
  ];
}

/** What nobody has looked at is told as that. */
function isNews({ target, standing: { state, why } }: FirmwareNote, unseen: readonly string[]): boolean {
  return state !== 'met' && !(why === 'not-read' && unseen.includes(target));
}

function some(lines: readonly string[], own: AuditWords): readonly string[] {
  return lines.length > shownOfEach ? [...lines.slice(0, shownOfEach), own.andMore(lines.length - shownOfEach)] : lines;
}

function seenLine(each: SeenTarget, look: Look): readonly string[] {
  const { own, words } = look;
  const { target, state, seen, since, drift } = each;
  if (state === 'unreachable') return [own.silent(target, since === undefined ? '?' : minute(since), seen === undefined ? '' : ageOf(seen, look)), ...driftLine()];
  return driftLine();

  function driftLine(): readonly string[] {
    if (drift === undefined || seen === undefined || driftCount({ drift }) === 0) return [];
    const risks = (['critical', 'high', 'medium'] as const satisfies readonly RiskLevel[]).flatMap((risk) => (drift[risk] === 0 ? [] : [`${String(drift[risk])} ${words[risk]}`]));
    return [own.driftOn(driftCount({ drift }), target, risks.join(', '), ageOf(seen, look))];
  }
}

function pendingLine({ digest, pull, leaves, approved, by, expires, why }: PendingPlan, { own, language }: Look): string {
  const what = pull === undefined ? `${own.plan} ${digest.slice(0, 19)}…` : `#${String(pull)}`;
  const who = by.length === 0 ? '' : `, ${own.by} ${by.join(', ')}${expires === undefined ? '' : ` ${own.until} ${minute(expires)}`}`;
  return `${own.waitsFor(what, approved, leaves)}${who}${why === undefined ? '' : `; ${why[language]}`}`;
}

function headOf(own: AuditWords): readonly string[] {
  return [own.customer, own.state, own.lastRun, own.drift, own.commits, own.resources];
}

const numbers = [4, 5];

/** One line a customer, in columns, and below it what needs somebody; a line that has no room is cut at its end. */
export function renderStatus(told: StatusTold, view: View): string {
  const { paint, words, width } = view;
  const { customers } = told;
  const look = lookOf(view, told);
  const { own } = look;
  if (customers.length === 0) return own.noCustomers;
  const rows = [headOf(own), ...customers.map((status) => cellsOf(status, look))].map((cells) => cells.map(escapeTerminal));
  const widths = headOf(own).map((_, column) => Math.max(...rows.map((cells) => displayWidth(cells[column] ?? ''))));
  const lines = rows.flatMap((cells, index) => {
    const padded = cells.map((cell, column) => {
      const gap = ' '.repeat((widths[column] ?? 0) - displayWidth(cell));
      return numbers.includes(column) ? `${gap}${cell}` : `${cell}${gap}`;
    });
    const line = cutToWidth(padded.join('  ').trimEnd(), width);
    const status = customers[index - 1];
    if (status === undefined) return [paint('bold', line)];
    return [paint(colours[status.state], line), ...detailsOf(status, look).map((detail) => cutToWidth(`  ${escapeTerminal(detail)}`, width))];
  });
  const attention = customers.filter(({ state }) => state !== 'clean').length;
  const note = !told.reviews && customers.some(({ approvals }) => approvals.some(({ pull }) => pull !== undefined)) ? [paint('dim', own.signaturesOnly)] : [];
  return [...lines, '', attention === 0 ? paint('green', words.allWell) : own.attention(attention, customers.length), ...note].join('\n');
}

export function renderStatusMarkdown(told: StatusTold, view: Pick<View, 'words' | 'language'>): string {
  const look = lookOf(view, told);
  const { own } = look;
  if (told.customers.length === 0) return own.noCustomers;
  const rows = told.customers.map((status) => `| ${[...cellsOf(status, look).map(escapeMarkdown), detailsOf(status, look).map(escapeMarkdown).join('<br>')].join(' | ')} |`);
  return [`| ${[...headOf(own), own.details].join(' | ')} |`, '| --- | --- | --- | --- | ---: | ---: | --- |', ...rows].join('\n');
}
