import { parseAddress } from '#contract';
import type { AuditVerification, LogEntry } from '#core/audit-record';
import { escapeMarkdown } from './escape-markdown.ts';
import { escapeTerminal } from './escape-terminal.ts';
import { signs, type View } from './render-plan.ts';
import { verdictColour } from './render-run.ts';
import type { Words } from './words.ts';

/** A take-over has hundreds of changes; all of them stand in the JSON and Markdown forms. */
const mostLines = 20;

/** The change log for people: who, what, why, approved by, result. */
export function renderLog(entries: readonly LogEntry[], view: View): string {
  const { paint, words } = view;
  if (entries.length === 0) return words.noRuns;
  return entries.map((entry) => {
    const approvers = entry.approvals.map(({ approver, method }) => `${approver} (${method})`).join(', ');
    const targets = entry.targets.map(({ target, verdict, why }) => `${escapeTerminal(target)} ${verdict === 'open' ? paint('red', words.open) : paint(verdictColour[verdict], words[verdict])}${why === undefined ? '' : `: ${escapeTerminal(why)}`}`);
    const changes = entry.changes.map(({ address, verb, reason, outcome }) => {
      const { target, kind, name } = parseAddress(address);
      const [sign, colour] = signs[verb];
      const result = outcome === undefined || outcome.status === 'done' ? '' : ` ${paint('red', words[outcome.status])}${'why' in outcome ? `: ${escapeTerminal(outcome.why)}` : ''}`;
      return `    ${paint(colour, sign)} ${escapeTerminal(`${target} ${kind} ${name}`)} ${paint('dim', words[reason])}${result}`;
    });
    return [
      `${paint('bold', escapeTerminal(`${entry.at.slice(0, 16).replace('T', ' ')} ${entry.customer}`))} ${escapeTerminal(entry.subject)}`,
      `  ${words.author} ${escapeTerminal(entry.author)}, ${words.approvedBy} ${escapeTerminal(approvers)}, ${words.appliedBy} ${escapeTerminal(entry.operator)}${entry.recoveredBy === undefined ? '' : `, ${words.recoveredBy} ${escapeTerminal(entry.recoveredBy)}`}`,
      `  ${paint('dim', escapeTerminal(`${words.commit} ${entry.commit.slice(0, 12)}, ${words.run_} ${entry.run}, ${entry.digest}`))}`,
      ...(entry.emergency === undefined ? [] : [`  ${paint('yellow', words.emergency)} ${escapeTerminal(`${entry.emergency.ticket}: ${entry.emergency.reason}`)}; ${words.reviewDue} ${escapeTerminal(entry.emergency.reviewDue.slice(0, 16).replace('T', ' '))}`]),
      ...circumstances(entry).map(({ what, text }) => `  ${paint('yellow', what(words))} ${escapeTerminal(text(words))}`),
      ...(entry.rotation === undefined ? [] : [`  ${escapeTerminal(`${entry.rotation.secret}: ${entry.rotation.old} → ${entry.rotation.new ?? '?'}${entry.rotation.commit === undefined ? '' : `, ${words.commit} ${entry.rotation.commit.slice(0, 12)}`}`)}`]),
      `  ${targets.join('; ')}`, ...changes.slice(0, mostLines), ...(changes.length > mostLines ? [`    … ${String(changes.length - mostLines)} ${words.more} (--json)`] : []),
    ].join('\n');
  }).join('\n\n');
}

/** What was passed on purpose, and that nobody could be locked out. */
function circumstances({ ignored, offline }: LogEntry): readonly { readonly what: (words: Words) => string; readonly text: (words: Words) => string }[] {
  return [
    ...(ignored?.held ?? []).map(({ state, why, leaves }) => ({ what: (words: Words) => (state === 'window' ? words.ignoredWindow : words.ignoredFreeze), text: (words: Words) => `(${words.nChanges(leaves)}: ${why}): ${ignored?.reason ?? ''}` })),
    ...(offline === undefined ? [] : [{ what: (words: Words) => words.keptOffline, text: (words: Words) => `${words.notAsked(offline.remote)}${offline.seen === '' ? '' : `, ${words.seenLast} ${offline.seen.slice(0, 12)}`}: ${offline.reason}` }]),
  ];
}

export function renderLogMarkdown(entries: readonly LogEntry[], words: Words): string {
  if (entries.length === 0) return words.noRuns;
  const cell = (parts: readonly string[]): string => parts.map(escapeMarkdown).join('<br>');
  const rows = entries.map((entry) => [
    escapeMarkdown(entry.at.slice(0, 16).replace('T', ' ')), escapeMarkdown(entry.customer), cell([entry.subject, ...(entry.emergency === undefined ? [] : [`${words.emergency} ${entry.emergency.ticket}: ${entry.emergency.reason}`]), ...circumstances(entry).map(({ what, text }) => `${what(words)} ${text(words)}`)]), escapeMarkdown(entry.author),
    cell(entry.approvals.map(({ approver }) => approver)),
    cell(entry.changes.map(({ address, verb, outcome }) => `${signs[verb][0]} ${parseAddress(address).target} ${parseAddress(address).kind} ${parseAddress(address).name}${outcome === undefined || outcome.status === 'done' ? '' : ` ${words[outcome.status]}${'why' in outcome ? `: ${outcome.why}` : ''}`}`)),
    cell(entry.targets.map(({ target, verdict, why }) => `${target} ${words[verdict]}${why === undefined ? '' : `: ${why}`}`)),
  ]);
  const head = [words.when, words.customer, words.why, words.author, words.approvedBy, words.what, words.result].map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`);
  return [`| ${head.join(' | ')} |`, `|${head.map(() => ' --- |').join('')}`, ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

export function renderVerification(customers: readonly AuditVerification[], { paint, words }: View): string {
  if (customers.length === 0) return words.noRuns;
  return customers.map(({ customer, records, runs, head, forks = [], problems }) => [
    `${paint('bold', escapeTerminal(customer))} ${problems.length === 0 ? paint('green', words.chainIntact) : paint('red', words.nProblems(problems.length))}: ${words.nRecords(records)}, ${words.nRuns(runs)} ${paint('dim', escapeTerminal(head))}`,
    ...forks.map(({ base, last, joined, operator, at, both, runs: kept }) => `  ${paint('yellow', words.info)} ${escapeTerminal(`${words.fork(base, joined, words.nRecords(last - base))}: ${kept.join(', ')}, ${operator}, ${at.slice(0, 16).replace('T', ' ')}${both.length === 0 ? '' : `; ${words.bothDealt}: ${both.join(', ')}`}`)}`),
    ...problems.map(({ code, message }) => `  ${paint('red', words.error)} ${escapeTerminal(message)} ${paint('dim', escapeTerminal(`[${code}]`))}`),
  ].join('\n')).join('\n');
}
