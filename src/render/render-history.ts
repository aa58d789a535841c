import { parseAddress } from '#contract';
import type { ResourceVersion } from '#core/audit-record';
import { auditWords } from './audit-words.ts';
import { describeField } from './describe-field.ts';
import { cutToWidth } from './display-width.ts';
import { codeSpan, escapeMarkdown } from './escape-markdown.ts';
import { escapeTerminal } from './escape-terminal.ts';
import { signs, type View } from './render-plan.ts';
import { verdictColour } from './render-run.ts';
import type { Language, Words } from './words.ts';

/** `fw1 firewall-rule lan.wan.web` */
function nameOf(address: string): string {
  const { target, kind, name } = parseAddress(address);
  return `${target} ${kind} ${name}`;
}

function minute(at: string): string {
  return at.slice(0, 16).replace('T', ' ');
}

/** What became of it, in words, unescaped: first of the change, then of the target that it is part of. */
function resultOf({ outcome, verdict, why }: ResourceVersion, words: Words): string {
  const own = outcome === undefined ? words.unknown : `${words[outcome.status]}${'why' in outcome ? `: ${outcome.why}` : ''}`;
  // What was done, and the target as it was meant to be: the second says nothing more.
  if (outcome?.status === 'done' && (verdict === 'converged' || verdict === 'unchanged')) return own;
  return `${own}; ${words[verdict]}${why === undefined ? '' : `: ${why}`}`;
}

/** Every version of one resource for a terminal: when, why, who, what differs, what became of it. */
export function renderHistory(versions: readonly ResourceVersion[], { paint, words, language, width }: View): string {
  if (versions.length === 0) return auditWords(language).noVersions;
  return versions.map((version) => {
    const [sign, colour] = signs[version.verb];
    const well = version.outcome?.status === 'done' && version.verdict !== 'open' && verdictColour[version.verdict] === 'green';
    const was = version.was === undefined ? '' : ` ${paint('dim', `(${words.was} ${escapeTerminal(parseAddress(version.was).name)})`)}`;
    const fields = version.fields.map((field) => {
      const { sign: mark, path, text } = describeField(field);
      return `    ${paint(mark === '+' ? 'green' : mark === '-' ? 'red' : 'yellow', mark)} ${cutToWidth(escapeTerminal(text === '' ? path : `${path}: ${text}`), width - 6)}`;
    });
    return [
      `${paint('bold', escapeTerminal(`${minute(version.at)} ${version.customer}`))} ${paint(colour, `${sign} ${words[version.verb]}`)} ${escapeTerminal(nameOf(version.address))}${was}  ${paint('dim', words[version.reason])}`,
      `  ${escapeTerminal(version.subject)}`,
      `  ${words.author} ${escapeTerminal(version.author)}, ${words.approvedBy} ${escapeTerminal(version.approvals.map(({ approver, method }) => `${approver} (${method})`).join(', '))}, ${words.appliedBy} ${escapeTerminal(version.operator)}`,
      `  ${paint('dim', escapeTerminal(`${words.commit} ${version.commit.slice(0, 12)}, ${words.run_} ${version.run}`))}`,
      `  ${paint(well ? 'green' : 'red', escapeTerminal(resultOf(version, words)))}`,
      ...fields,
    ].join('\n');
  }).join('\n\n');
}

export function renderHistoryMarkdown(versions: readonly ResourceVersion[], words: Words, language: Language): string {
  if (versions.length === 0) return auditWords(language).noVersions;
  const rows = versions.map((version) => [
    escapeMarkdown(minute(version.at)), escapeMarkdown(`${signs[version.verb][0]} ${nameOf(version.address)}${version.was === undefined ? '' : ` (${words.was} ${parseAddress(version.was).name})`}`), escapeMarkdown(version.subject), escapeMarkdown(version.author),
    version.approvals.map(({ approver, method }) => escapeMarkdown(`${approver} (${method})`)).join('<br>'), codeSpan(version.commit.slice(0, 12)),
    fieldCells(version).join('<br>'), escapeMarkdown(resultOf(version, words)),
  ]);
  const head = [words.when, words.what, words.why, words.author, words.approvedBy, words.commit, words.details, words.result].map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`);
  return [`| ${head.join(' | ')} |`, `|${head.map(() => ' --- |').join('')}`, ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

function fieldCells({ fields }: Pick<ResourceVersion, 'fields'>): readonly string[] {
  return fields.map((field) => {
    const { sign, path, text } = describeField(field);
    return codeSpan(text === '' ? `${sign} ${path}` : `${sign} ${path}: ${text}`);
  });
}
