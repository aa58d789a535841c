import { parseAddress } from '#contract';
import type { Plan, TargetPlan } from '#core/model';
import { describeField } from './describe-field.ts';
import { codeSpan, escapeMarkdown } from './escape-markdown.ts';
import { findingText, signs, summaryLine } from './render-plan.ts';
import type { Language, Words } from './words.ts';

/** One customer's plan for a pull request. */
export function renderPlanMarkdown(plan: Plan, words: Words, language: Language): string {
  const targets = plan.targets.map((target) => renderTarget(target, words, language)).filter((text) => text !== '');
  return [
    `## ${escapeMarkdown(plan.customer)}`, '',
    plan.leaves.length === 0 && targets.length === 0 ? words.noChanges : `${escapeMarkdown(summaryLine(plan.summary, words))}; ${words.risk} **${words[plan.risk]}**`,
    ...targets.flatMap((text) => ['', text]),
    ...plan.problems.flatMap((problem) => ['', `- **${words[problem.severity]}** ${escapeMarkdown(problem.message)}${problem.hint === undefined ? '' : ` (${escapeMarkdown(problem.hint)})`}`]),
    ...(plan.leaves.length === 0 ? [] : ['', `${words.digest}: ${codeSpan(plan.digest)}`]),
  ].join('\n');
}

function renderTarget(target: TargetPlan, words: Words, language: Language): string {
  const changes = [...target.batches.flatMap((batch) => batch.changes), ...target.ledgerOnly];
  if (target.status === 'ready' && changes.length === 0 && target.findings.length === 0) return '';
  const described = new Map(target.changes.map((each) => [each.address, each]));
  const rows = changes.map((change) => {
    const { kind, name } = parseAddress(change.address);
    const planned = described.get(change.address);
    const fields = (planned?.fields ?? []).map(describeField).map(({ sign, path, text }) => codeSpan(`${sign} ${text === '' ? path : `${path}: ${text}`}`.slice(0, 200)));
    const risk = planned === undefined || planned.risk === 'low' ? '' : ` **${words[planned.risk]}**`;
    return `| ${codeSpan(signs[change.verb][0])} ${words[change.verb]} ${escapeMarkdown(kind)} ${codeSpan(name)}${change.was === undefined ? '' : ` (${words.was} ${codeSpan(parseAddress(change.was).name)})`} | ${words[change.reason]} | ${escapeMarkdown(planned?.impact[language] ?? '')}${risk} | ${fields.join('<br>')} |`;
  });
  const status = target.status === 'ready' ? '' : `: **${words[target.status]}** ${escapeMarkdown(target.why ?? '')}${target.hint === undefined ? '' : ` (${escapeMarkdown(target.hint)})`}`;
  const how = target.batches.length === 0 ? '' : ` (${[words[target.atomicity], words[target.guard]].filter((text) => text !== '').join(', ')})`;
  return [
    `### ${escapeMarkdown(target.target)}${how}${status}`,
    ...(rows.length === 0 ? [] : ['', `| ${words.change} | ${words.reason} | ${words.meaning} | ${words.details} |`, '| --- | --- | --- | --- |', ...rows]),
    ...(target.findings.length === 0 ? [] : ['', `<details><summary>${words.findings}: ${String(target.findings.length)}</summary>`, '', ...target.findings.slice(0, 100).map((finding) => `- ${codeSpan(`${parseAddress(finding.address).kind} ${parseAddress(finding.address).name}`)} ${escapeMarkdown(findingText(finding, words))}`), '', '</details>']),
  ].join('\n');
}
