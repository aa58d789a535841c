import { parseAddress } from '#contract';
import type { CustomerEvidence, EvidencePack, EvidenceRun } from '#core/evidence';
import { describeField } from './describe-field.ts';
import { codeSpan, escapeMarkdown } from './escape-markdown.ts';
import { evidenceWords, headings, type EvidenceWords } from './evidence-words.ts';
import { signs } from './render-plan.ts';
import { wordsOf, type Language, type Words } from './words.ts';

/** The evidence pack as a document. All text in it comes from Git, YAML and devices, and none of it is markup. */
export function renderEvidence(pack: EvidencePack, language: Language): string {
  const [own, words] = [evidenceWords(language), wordsOf(language)];
  const period = [...(pack.since === undefined ? [] : [own.from(pack.since)]), ...(pack.until === undefined ? [] : [own.until(pack.until)])].join(' ');
  return `${[
    `# ${own.title}`, ...brokenFirst(pack, own),
    [`- ${own.period}: ${escapeMarkdown(period === '' ? own.everything : period)}`, `- ${own.tool}: ${escapeMarkdown(pack.tool)}`].join('\n'),
    `## ${own.mapping}`, headings.map((heading) => `- ${heading}`).join('\n'), own.mappingNote, table([own.part, own.shows], own.parts),
    ...pack.customers.flatMap((each) => renderCustomer(each, own, words)),
    `## ${own.how}`, own.steps.map((step, index) => `${String(index + 1)}. ${step}`).join('\n'),
  ].join('\n\n')}\n`;
}

function brokenFirst({ customers }: EvidencePack, own: EvidenceWords): readonly string[] {
  const broken = customers.filter(({ verification }) => verification.problems.length > 0);
  if (broken.length === 0) return [];
  return [`## ${own.brokenTitle}`, own.broken, broken.flatMap(({ customer, verification }) => verification.problems.map(({ code, message }) => `- **${escapeMarkdown(customer)}** ${escapeMarkdown(message)} ${codeSpan(code)}`)).join('\n')];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [`| ${head.join(' | ')} |`, `|${head.map(() => ' --- |').join('')}`, ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

function renderCustomer({ customer, verification, population, runs }: CustomerEvidence, own: EvidenceWords, words: Words): readonly string[] {
  const numbers = population.firstSeq === undefined ? '' : ` (${own.numbers}: ${String(population.firstSeq)} ${own.to} ${String(population.lastSeq)})`;
  return [
    `## ${own.customer} ${escapeMarkdown(customer)}`, `### ${own.population}`,
    [
      `- ${own.recordsAll}: ${String(population.records)}`, `- ${own.runsAll}: ${String(population.runs)}`, `- ${own.runsIn}: ${String(population.runsInPeriod)}`, `- ${own.recordsIn}: ${String(population.recordsInPeriod)}${numbers}`,
      `- ${own.failed}: ${population.failed.length === 0 ? own.none : `${String(population.failed.length)}: ${population.failed.map(codeSpan).join(', ')}`}`,
    ].join('\n'),
    own.populationNote, `### ${own.proof}`,
    [`- ${verification.problems.length === 0 ? own.intact : `**${own.notIntact}**: ${words.nProblems(verification.problems.length)}`}`, ...(verification.head === '' ? [] : [`- ${own.head}: ${codeSpan(verification.head)}`]), ...(verification.forks ?? []).map((fork) => `- ${own.fork(fork.base, fork.joined)}: ${escapeMarkdown(fork.operator)}, ${escapeMarkdown(fork.at)}, ${codeSpan(fork.head)}${fork.both.length === 0 ? '' : `; ${own.both}: ${fork.both.map(codeSpan).join(', ')}`}`)].join('\n'),
    ...(runs.length === 0 ? [own.noRuns] : runs.flatMap((run) => renderRun(run, own, words))),
  ];
}

function renderRun(run: EvidenceRun, own: EvidenceWords, words: Words): readonly string[] {
  const line = (name: string, text: string): string => `- ${name}: ${text}`;
  return [
    `### ${own.run} ${escapeMarkdown(run.run)}`,
    [
      line(own.why, escapeMarkdown(run.subject)), ...run.tickets.map((ticket) => line(own.ticket, escapeMarkdown(ticket))), line(own.asked, escapeMarkdown(run.author)), line(own.commit, codeSpan(run.commit)),
      line(own.digest, codeSpan(run.digest)), line(own.applied, escapeMarkdown(run.appliedBy)), ...(run.takenOverBy === undefined ? [] : [line(own.takenOver, escapeMarkdown(run.takenOverBy))]),
      line(own.begun, escapeMarkdown(run.openedAt)), line(own.closed, run.closedAt === undefined ? `**${own.never}**` : escapeMarkdown(run.closedAt)), line(own.records, recordNumbers(run, own)), ...circumstances(run, own), ...approvalLines(run, own),
    ].join('\n'),
    `#### ${own.targets}`,
    table([own.target, own.result, own.guard], run.targets.map(({ target, verdict, why, guard }) => [escapeMarkdown(target), `${escapeMarkdown(words[verdict])}${why === undefined ? '' : `: ${escapeMarkdown(why)}`}`, own.guards[guard]])),
    ...(run.changes.length === 0 ? [] : [`#### ${own.changes}`, table([own.change, own.difference, own.outcome], run.changes.map((change) => changeRow(change, run, own, words)))]),
    ...(run.leftOut.length === 0 ? [] : [`#### ${own.leftOut}`, run.leftOut.map(({ addresses, why }) => `- ${addresses.map((address) => escapeMarkdown(nameOf(address))).join(', ')}: ${escapeMarkdown(why)}`).join('\n')]),
  ];
}

function recordNumbers({ records, kept }: EvidenceRun, own: EvidenceWords): string {
  return [...(records.length === 0 ? [] : [records.join(', ')]), ...(kept === undefined ? [] : [`${kept.records.join(', ')} (${own.kept(kept.joined)})`])].join('; ');
}

/** What was not as on other days. */
function circumstances({ emergency, ignored, offline }: EvidenceRun, own: EvidenceWords): readonly string[] {
  return [
    ...(emergency === undefined ? [] : [`- **${own.emergency}**: ${escapeMarkdown(`${emergency.ticket}: ${emergency.reason}`)}; ${emergency.reviewedBy === undefined ? `**${own.reviewDue} ${escapeMarkdown(emergency.reviewDue)}**` : `${own.reviewedBy} ${escapeMarkdown(emergency.reviewedBy)}`}`]),
    ...(ignored === undefined ? [] : ignored.held.map(({ state, why, leaves }) => `- **${own.passed}**: ${own.states[state]}, ${own.leaves(leaves)}: ${escapeMarkdown(why)}; ${own.why}: ${escapeMarkdown(ignored.reason)}`)),
    ...(offline === undefined ? [] : [`- **${escapeMarkdown(own.offline(offline.remote))}**; ${offline.seen === '' ? own.neverSeen : `${own.seen}: ${codeSpan(offline.seen)} ${escapeMarkdown(offline.seenAt ?? '')}`}; ${own.why}: ${escapeMarkdown(offline.reason)}`]),
  ];
}

function approvalLines({ approvals }: EvidenceRun, own: EvidenceWords): readonly string[] {
  if (approvals.length === 0) return [`- ${own.approvals}: **${own.noApproval}**`];
  return approvals.map(({ approver, method, at, expires, beforeImplementation, url, fleet }) => `- ${own.approvals}: ${escapeMarkdown(approver)} (${escapeMarkdown(method)}), ${escapeMarkdown(at)}, ${beforeImplementation ? own.before : `**${own.after}**`}${expires === undefined ? '' : `, ${own.expires} ${escapeMarkdown(expires)}`}${url === undefined ? '' : `, ${codeSpan(url)}`}${fleet === undefined ? '' : `, ${own.withOthers} ${codeSpan(fleet)}`}`);
}

function nameOf(address: string): string {
  const { target, kind, name } = parseAddress(address);
  return `${target} ${kind} ${name}`;
}

function changeRow({ address, verb, reason, was, fields, outcome }: EvidenceRun['changes'][number], { targets }: EvidenceRun, own: EvidenceWords, words: Words): readonly string[] {
  const difference = fields.map((field) => {
    const { sign, path, text } = describeField(field);
    return codeSpan(text === '' ? `${sign} ${path}` : `${sign} ${path}: ${text}`);
  });
  // Done, and then taken back with the rest of its target.
  const back = targets.some(({ target, verdict }) => verdict === 'reverted' && target === parseAddress(address).target);
  const result = back ? `**${words.reverted}**` : outcome === undefined ? own.notSaid : outcome.status === 'done' ? own.verified : `**${words[outcome.status]}**${'why' in outcome ? `: ${escapeMarkdown(outcome.why)}` : ''}`;
  return [`${escapeMarkdown(`${signs[verb][0]} ${words[verb]} ${nameOf(address)}`)}${was === undefined ? '' : ` (${words.was} ${escapeMarkdown(parseAddress(was).name)})`}<br>${escapeMarkdown(words[reason])}`, difference.join('<br>'), result];
}
