/** Drift of a fleet, by cause: for a terminal, and as Markdown for an issue. */
import { parseAddress } from '#contract';
import type { DriftCause, DriftReport } from '#core/drift-report';
import { codeSpan, escapeMarkdown } from './escape-markdown.ts';
import { describeField } from './describe-field.ts';
import { cutToWidth } from './display-width.ts';
import { escapeTerminal } from './escape-terminal.ts';
import type { View } from './render-plan.ts';
import type { Language, Words } from './words.ts';

/** Places of one cause that are named; the JSON form has all. */
const shownPlaces = 40;
const shownFields = 12;

function whatOf({ what, conflict }: DriftCause, words: Words): string {
  const text = what === 'differs' ? words.differs : what === 'missing' ? words.missing : words[what];
  return conflict ? `${text}, ${words.conflict}` : text;
}

/** `bau-keller/fw-freiburg, …`, unescaped. */
function placesOf({ at }: DriftCause, words: Words): string {
  const names = at.slice(0, shownPlaces).map(({ customer, target }) => `${customer}/${target}`);
  return `${names.join(', ')}${at.length > shownPlaces ? `, … ${String(at.length - shownPlaces)} ${words.more}` : ''}`;
}

function customersOf({ at }: DriftCause): number {
  return new Set(at.map(({ customer }) => customer)).size;
}

export function driftTitle({ causes }: DriftReport, words: Words): string {
  const customers = new Set(causes.flatMap(({ at }) => at.map(({ customer }) => customer))).size;
  return `Drift: ${words.nCauses(causes.length)}, ${words.nCustomers(customers)}`;
}

export function renderDriftReport(report: DriftReport, { paint, words, language, width }: View): string {
  const cut = (text: string, indent: number): string => cutToWidth(escapeTerminal(text), width - indent);
  const causes = report.causes.flatMap((cause) => [
    `${paint('bold', `${escapeTerminal(cause.kind)} ${escapeTerminal(cause.name)}`)}  ${whatOf(cause, words)}${cause.risk === 'low' ? '' : ` (${words.risk} ${words[cause.risk]})`}  ${words.nCustomers(customersOf(cause))}`,
    ...fieldLines(cause).map((line) => `    ${cut(line, 4)}`),
    ...(cause.impact === undefined ? [] : [`    → ${cut(cause.impact[language], 6)}`]),
    `    ${paint('dim', cut(placesOf(cause, words), 4))}`,
  ]);
  const summary = report.causes.length > 0 ? paint('yellow', driftTitle(report, words)) : report.unreachable.length > 0 ? '' : paint('green', words.noDrift);
  return [
    ...causes, ...(causes.length === 0 ? [] : ['']),
    ...section(words.acceptedUntil, report.accepted.map(({ customer, address, reason, owner, until }) => cut(`${customer}/${shortOf(address)}: ${until} (${owner}: ${reason})`, 2)), paint),
    ...section(words.notRead, report.unreachable.map(({ customer, target, why }) => cut(`${customer}/${target}: ${why}`, 2)), paint),
    [summary, paint('dim', `${words.nCustomers(report.customers)}, ${words.nTargets(report.targets)}, ${words.nCompared(report.compared)}`)].filter((text) => text !== '').join('  '),
  ].join('\n');
}

function section(title: string, lines: readonly string[], paint: View['paint']): readonly string[] {
  return lines.length === 0 ? [] : [paint('bold', title), ...lines.map((line) => `  ${line}`), ''];
}

function shortOf(address: DriftReport['accepted'][number]['address']): string {
  const { target, kind, name } = parseAddress(address);
  return `${target}/${kind}/${name}`;
}

function fieldLines(cause: DriftCause): readonly string[] {
  const lines = cause.fields.map(describeField).map(({ sign, path, text }) => (text === '' ? `${sign} ${path}` : `${sign} ${path}: ${text}`));
  return lines.length > shownFields ? [...lines.slice(0, shownFields), `… ${String(lines.length - shownFields)}`] : lines;
}

/** `limit` in UTF-16 code units: what does not fit is counted, worst causes come first. */
export function renderDriftMarkdown(report: DriftReport, words: Words, language: Language, limit = Number.POSITIVE_INFINITY): string {
  const head = [`## ${words.causes}`, '', report.causes.length > 0 ? `**${driftTitle(report, words)}**` : report.unreachable.length > 0 ? '' : words.noDrift].filter((line, index) => index < 2 || line !== '');
  const foot = [
    ...listed(words.acceptedUntil, report.accepted.map(({ customer, address, reason, owner, until }) => `${codeSpan(`${customer}/${shortOf(address)}`)} ${escapeMarkdown(until)} (${escapeMarkdown(`${owner}: ${reason}`)})`), words),
    ...listed(words.notRead, report.unreachable.map(({ customer, target, why }) => `${codeSpan(`${customer}/${target}`)} ${escapeMarkdown(why.slice(0, 200))}`), words),
    ...(report.causes.length === 0 ? [] : ['', `${words.whereTo}: ${[words.revert, words.adoptHow, words.acceptHow].map((text) => codeSpan(text)).join('; ')}`]),
    '', `${words.nCustomers(report.customers)}, ${words.nTargets(report.targets)}, ${words.nCompared(report.compared)}`,
  ].join('\n');
  const rows: string[] = [];
  const table = ['', `| ${words.change} | ${words.meaning} | ${words.details} | ${words.customer} |`, '| --- | --- | --- | --- |'];
  let room = limit - [...head, ...table].join('\n').length - foot.length - 100;
  for (const row of report.causes.map((cause) => causeRow(cause, words, language))) {
    if (row.length + 1 > room) break;
    rows.push(row);
    room -= row.length + 1;
  }
  const left = report.causes.length - rows.length;
  return [...head, ...(rows.length === 0 ? [] : [...table, ...rows]), ...(left === 0 ? [] : ['', `**… ${String(left)} ${words.more}**`]), foot].join('\n').slice(0, limit === Number.POSITIVE_INFINITY ? undefined : limit);
}

function causeRow(cause: DriftCause, words: Words, language: Language): string {
  const risk = cause.risk === 'low' ? '' : ` **${words[cause.risk]}**`;
  const fields = fieldLines(cause).map((line) => codeSpan(line.slice(0, 200)));
  return `| ${escapeMarkdown(whatOf(cause, words))} ${escapeMarkdown(cause.kind)} ${codeSpan(cause.name.slice(0, 128))} | ${escapeMarkdown(cause.impact?.[language] ?? '')}${risk} | ${fields.join('<br>')} | ${String(customersOf(cause))}: ${codeSpan(placesOf(cause, words))} |`;
}

function listed(title: string, lines: readonly string[], words: Words): readonly string[] {
  if (lines.length === 0) return [];
  return ['', `**${title}**`, '', ...lines.slice(0, shownPlaces).map((line) => `- ${line}`), ...(lines.length > shownPlaces ? [`- … ${String(lines.length - shownPlaces)} ${words.more}`] : [])];
}
