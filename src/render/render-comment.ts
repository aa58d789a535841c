import { parseAddress, type Change, type Problem, type RiskLevel } from '#contract';
import { compareText } from '#core/canonical';
import type { KeptStanding } from '#core/config-backup';
import type { FirmwareNote } from '#core/firmware';
import type { Plan, PlannedChange, TargetPlan } from '#core/model';
import { commentWords, type CommentWords } from './comment-words.ts';
import { describeField } from './describe-field.ts';
import { changesOf, licenceBalance, peopleOf, undoOf } from './describe-impact.ts';
import { codeSpan, escapeMarkdown, escapeSummary } from './escape-markdown.ts';
import { firmwareLineMarkdown, firmwareTitle } from './render-firmware.ts';
import { keptLines, keptTitle } from './render-kept.ts';
import { findingText, signs, summaryLine } from './render-plan.ts';
import { wordsOf, type Language, type Words } from './words.ts';

export interface CommentInput {
  readonly plans: readonly Plan[];
  /** Of the repository and the fleet; those of a plan stand in it. */
  readonly problems: readonly Problem[];
  /** Hidden first line by which the comment is found again. */
  readonly marker: string;
  /** Planned commit, full. */
  readonly head: string;
  readonly base?: string;
  /** ISO 8601, UTC: when the live systems were read. */
  readonly asOf: string;
  readonly language: Language;
  /** A review on a code host is possible. */
  readonly reviews: boolean;
  /** Digest of all plans that can be approved, where they are more than one. */
  readonly fleet?: string;
  /** What targets should run and do not, by customer. */
  readonly firmware?: ReadonlyMap<string, readonly FirmwareNote[]>;
  /** Kept configurations that are not as promised, by customer. */
  readonly kept?: ReadonlyMap<string, readonly KeptStanding[]>;
  /** Where the whole plan is, one line, unescaped. */
  readonly whole: string;
}

/** How much fits. */
export interface Budget {
  readonly limit: number;
  readonly measure: (text: string) => number;
}

export interface RenderedComment {
  readonly text: string;
  /** Changes that are not shown, none of them a delete or of high risk. */
  readonly cut: number;
  /** Deletes and changes of high risk that do not fit: nobody can read this plan, so nobody may approve it. */
  readonly hidden: number;
}

/** GitHub takes 65,536 characters; the rest is for what the code host or a redaction adds. */
export const commentBudget: Budget = { limit: 60_000, measure: (text) => text.length };

/** 1 MiB a step, above which the whole summary is dropped (docs.github.com, workflow commands, read on 2026-11-24). */
export function summaryBudget(used: number): Budget {
  return { limit: Math.max(0, 1_000_000 - used), measure: (text) => Buffer.byteLength(text, 'utf8') };
}

interface Look {
  readonly input: CommentInput;
  readonly words: Words;
  readonly own: CommentWords;
}

const risks: readonly RiskLevel[] = ['critical', 'high', 'medium', 'low'];
const rank = (risk: RiskLevel): number => risks.indexOf(risk);
const wholeText = 1000;

/**
 * One text for a pull request of many customers: the table, then what must be seen (deletes, high and critical risk, missing guards) in the
 * shortest form, which gets its room before anything else and is never cut, then details customer by customer as long as there is room.
 */
export function renderComment(input: CommentInput, budget: Budget = commentBudget): RenderedComment {
  const look: Look = { input, words: wordsOf(input.language), own: commentWords(input.language) };
  const plans = [...input.plans].sort((a, b) => rank(a.risk) - rank(b.risk) || b.summary.delete - a.summary.delete || compareText(a.customer, b.customer));
  const head = header(look, plans);
  const foot = approveSection(look, plans);
  const room = makeRoom(budget, [...head, ...foot].join('\n'));
  const must = fill(mustSee(plans, look), room);
  const top = must.left > 0 ? [`> ${look.own.tooLarge(must.left)}`, ''] : [];
  const table = customerTable(look, plans, room);
  const problems = fill(problemLines(look, plans), room, 30);
  const [firmware, kept] = [fill(firmwareLines(look), room, 30), fill(keptOf(look), room, 30)];
  const details = detailBlocks(look, plans, room);
  const cut = details.cut === 0 ? [] : ['', `${look.own.cut(details.cut, details.customers)} ${escapeMarkdown(input.whole)}`];
  const seen = must.lines.length > 0 ? ['', `### ${look.own.mustSee}`, '', ...must.lines] : plans.some(({ leaves }) => leaves.length > 0) ? ['', look.own.none] : [];
  const text = [
    ...head, ...top, ...table, ...seen, ...cut,
    ...section(look.own.problems, problems, look.own),
    ...section(firmwareTitle(input.language), firmware, look.own), ...section(keptTitle(input.language), kept, look.own),
    ...details.lines, ...foot,
  ].join('\n');
  return { text, cut: details.cut, hidden: must.left };
}

/** What is left of the budget; the fixed parts and the notices are taken off at once. */
interface Room { take(text: string): boolean }

function makeRoom({ limit, measure }: Budget, fixed: string): Room {
  let left = limit - measure(fixed) - wholeText;
  return {
    take(text) {
      const size = measure(text) + 1;
      if (size > left) return false;
      left -= size;
      return true;
    },
  };
}

interface Line { readonly text: string; readonly weight: number }

/** Lines in their order as long as they fit, at most `most`; a line that is too long does not stop shorter ones behind it. */
function fill(lines: readonly Line[], room: Room, most = Number.POSITIVE_INFINITY): { readonly lines: readonly string[]; readonly left: number } {
  const shown: string[] = [];
  let left = 0;
  for (const { text, weight } of lines) {
    if (shown.length < most && room.take(text)) shown.push(text);
    else left += weight;
  }
  return { lines: shown, left };
}

function section(title: string, { lines, left }: { readonly lines: readonly string[]; readonly left: number }, own: CommentWords): readonly string[] {
  return lines.length === 0 ? [] : ['', `### ${title}`, '', ...lines, ...(left === 0 ? [] : [`- ${String(left)} ${own.more}`])];
}

function header({ input, own }: Look, plans: readonly Plan[]): readonly string[] {
  const onto = input.base === undefined ? '' : ` ${own.onto} ${codeSpan(input.base.slice(0, 12))}`;
  return [
    input.marker, `## ${own.title} ${codeSpan(input.head.slice(0, 12))}${onto}`, '', `${own.asOf} ${escapeMarkdown(input.asOf)}`, '',
    ...(plans.some(({ leaves }) => leaves.length > 0) ? [] : [own.nothing]),
    ...(plans.some(({ summary }) => summary.unreachable > 0) ? [`**${own.notComplete}**`] : []),
  ];
}

function mustSee(plans: readonly Plan[], look: Look): readonly Line[] {
  const { own, words } = look;
  const guards = plans.flatMap((plan) => plan.targets.filter(({ guard, batches }) => guard === 'unguarded' && batches.length > 0).map(({ target }) => ({ text: `- ${codeSpan(`${plan.customer}/${target}`)} **${own.unguarded}**`, weight: 1 })));
  const groups = new Map<string, { readonly risk: RiskLevel; readonly before: string; readonly after: string; readonly names: string[] }>();
  for (const plan of plans) {
    for (const { change, planned, target } of rowsOf(plan)) {
      const risk = planned?.risk ?? 'low';
      if (!isGrave(change, planned)) continue;
      const { kind, name } = parseAddress(change.address);
      const after = change.verb === 'delete' ? ` (${undoOf(change, own)})` : '';
      const before = `- ${codeSpan(`${plan.customer}/${target.target}`)} **${words[risk]}** ${words[change.verb]} ${escapeMarkdown(kind)} `;
      const group = groups.get(before + after) ?? { risk, before, after, names: [] };
      group.names.push(codeSpan(name));
      groups.set(before + after, group);
    }
  }
  const lines = [...groups.values()].sort((a, b) => rank(a.risk) - rank(b.risk)).flatMap(({ before, after, names }) => inLines(names).map((part) => ({ text: `${before}${part.join(', ')}${after}`, weight: part.length })));
  return [...guards, ...lines];
}

/** Nobody may approve without having seen it. */
function isGrave({ verb }: Change, planned: PlannedChange | undefined): boolean {
  return verb === 'delete' || rank(planned?.risk ?? 'low') <= rank('high');
}

/** A line of thousands of names would be shown whole or not at all. */
function inLines(names: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(names.length / 25) }, (_, index) => names.slice(index * 25, index * 25 + 25));
}

interface Row { readonly change: Change; readonly planned: PlannedChange | undefined; readonly target: TargetPlan }

/** Every change but those of the ledger alone. */
function rowsOf(plan: Plan): readonly Row[] {
  return plan.targets.flatMap((target) => {
    const described = new Map(target.changes.map((each) => [each.address, each]));
    return target.batches.flatMap(({ changes }) => changes.map((change) => ({ change, planned: described.get(change.address), target })));
  });
}

function customerTable({ own, words }: Look, plans: readonly Plan[], room: Room): readonly string[] {
  const shown = plans.filter(({ leaves, summary, problems }) => leaves.length > 0 || summary.unreachable > 0 || problems.length > 0);
  if (shown.length === 0) return [];
  const title = ['', `### ${own.customers}`, '', `| | ${own.create} | ${own.update} | ${own.delete} | ${own.drift} | ${own.conflict} | ${own.risk} | ${own.unreachable} | ${own.digest} |`, '| --- | --: | --: | --: | --: | --: | --- | --: | --- |'];
  if (!room.take(title.join('\n'))) return [];
  const rows = fill(shown.map(({ customer, summary, risk, digest }) => ({
    text: `| ${codeSpan(customer)} | ${[summary.create, summary.update, summary.delete, summary.drift, summary.conflict].map((count) => (count === 0 ? '' : String(count))).join(' | ')} | ${rank(risk) <= rank('high') ? `**${words[risk]}**` : words[risk]} | ${summary.unreachable === 0 ? '' : `**${String(summary.unreachable)}**`} | ${codeSpan(digest.replace('sha256:', '').slice(0, 12))} |`,
    weight: 1,
  })), room, 100);
  return [...title, ...rows.lines, ...(rows.left === 0 ? [] : ['', `${String(rows.left)} ${own.moreCustomers}`])];
}

function problemLines({ input, words }: Look, plans: readonly Plan[]): readonly Line[] {
  const severities: readonly Problem['severity'][] = ['error', 'warning', 'info'];
  const all = [...input.problems, ...plans.flatMap(({ problems }) => problems)].sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
  return all.map(({ severity, message, hint, source, customer }) => {
    const place = source === undefined ? customer : `${source.file}:${String(source.line)}`;
    return { text: `- **${words[severity]}** ${place === undefined ? '' : `${codeSpan(short(place))} `}${escapeMarkdown(short(message))}${hint === undefined ? '' : ` (${escapeMarkdown(short(hint))})`}`, weight: 1 };
  });
}

function firmwareLines({ input: { firmware = new Map<string, readonly FirmwareNote[]>(), language } }: Look): readonly Line[] {
  return [...firmware].flatMap(([customer, notes]) => notes.filter(({ standing }) => standing.state !== 'met').map((note) => ({ text: `- ${firmwareLineMarkdown(note, language, `${customer}/${note.target}`)}`, weight: 1 })));
}

function keptOf({ input: { kept = new Map<string, readonly KeptStanding[]>(), language } }: Look): readonly Line[] {
  return [...kept].flatMap(([customer, own]) => keptLines(own, language).map((line) => ({ text: `- ${codeSpan(customer)} ${escapeMarkdown(line)}`, weight: 1 })));
}

/** Cut before it is escaped: an escape in two halves is none. */
function short(text: string, length = 300): string {
  return text.length > length ? `${text.slice(0, length).replace(/\p{Cs}$/u, '')}…` : text;
}

function detailBlocks(look: Look, plans: readonly Plan[], room: Room): { readonly lines: readonly string[]; readonly cut: number; readonly customers: number } {
  const lines: string[] = [];
  let cut = 0;
  let customers = 0;
  for (const plan of plans.filter(({ leaves, summary, targets }) => leaves.length > 0 || summary.unreachable > 0 || targets.some(({ findings }) => findings.length > 0))) {
    const rows = rowsOf(plan);
    const fits = [rows.length, 1000, 300, 100, 30, 10, 0].filter((count) => count <= rows.length);
    const shown = fits.find((count) => {
      const block = detailBlock(plan, look, count);
      const taken = room.take(block.join('\n'));
      if (taken) lines.push(...block);
      return taken;
    });
    const missing = rows.filter(({ change, planned }) => !isGrave(change, planned)).length;
    const left = shown === undefined ? missing : Math.min(missing, rows.length - shown);
    cut += left;
    customers += left > 0 ? 1 : 0;
  }
  return { lines, cut, customers };
}

/** One customer; of its changes the `count` that matter most. */
function detailBlock(plan: Plan, look: Look, count: number): readonly string[] {
  const { own, words } = look;
  const weight = ({ change, planned }: Row): number => (isGrave(change, planned) ? 0 : 1 + rank(planned?.risk ?? 'low'));
  const shown = new Set([...rowsOf(plan)].sort((a, b) => weight(a) - weight(b)).slice(0, count).map(({ change }) => change));
  const licences = licenceBalance(plan).map(({ sku, count: sum }) => `${sum > 0 ? '+' : '−'}${String(Math.abs(sum))} ${codeSpan(sku)}`);
  const people = peopleOf(plan);
  const left = changesOf(plan).length - shown.size;
  return [
    '', `<details><summary><b>${escapeSummary(plan.customer)}</b>: ${escapeSummary(summaryLine(plan.summary, words))}; ${own.risk} ${words[plan.risk]}</summary>`,
    ...(people.length === 0 ? [] : ['', `${own.affected}: ${String(people.length)} (${people.slice(0, 15).map(codeSpan).join(', ')}${people.length > 15 ? ', …' : ''})`]),
    ...(licences.length === 0 ? [] : ['', `${own.licences}: ${licences.slice(0, 30).join(', ')}`]),
    ...plan.targets.flatMap((target) => targetSection(target, look, shown)),
    ...(left === 0 ? [] : ['', `… ${String(left)} ${own.more}`]),
    ...(plan.leaves.length === 0 ? [] : ['', `${own.approveTitle}: ${codeSpan(approveCommand(plan.customer, plan.digest))}`]),
    '', '</details>',
  ];
}

function targetSection(target: TargetPlan, look: Look, shown: ReadonlySet<Change>): readonly string[] {
  const { own, words } = look;
  const changes = target.batches.flatMap((batch) => batch.changes);
  if (target.status === 'ready' && changes.length + target.ledgerOnly.length + target.findings.length === 0) return [];
  const how = changes.length === 0 ? '' : `: ${[words[target.atomicity], words[target.guard]].filter((text) => text !== '').join(', ')}`;
  const status = target.status === 'ready' ? '' : ` **${words[target.status]}** ${escapeMarkdown(short(target.why ?? ''))}${target.hint === undefined ? '' : ` (${escapeMarkdown(short(target.hint))})`}`;
  const described = new Map(target.changes.map((each) => [each.address, each]));
  const isLive = ({ reason }: Change): boolean => reason === 'drift' || reason === 'conflict';
  const part = (title: string, some: readonly Change[]): readonly string[] => (some.length === 0 ? [] : [
    '', `*${title}*`, '', `| ${words.change} | ${words.reason} | ${words.meaning} | ${words.details} |`, '| --- | --- | --- | --- |', ...some.map((change) => changeRow(change, described.get(change.address), look)),
  ]);
  const visible = changes.filter((change) => shown.has(change));
  return [
    '', `**${escapeMarkdown(target.target)}**${how}${status}`,
    ...part(own.intended, visible.filter((change) => !isLive(change))), ...part(own.notIntended, visible.filter(isLive)),
    ...ledgerLine(own.takenOver, target.ledgerOnly.filter(({ verb }) => verb === 'adopt')), ...ledgerLine(own.letGo, target.ledgerOnly.filter(({ verb }) => verb === 'release')),
    ...(target.findings.length === 0 ? [] : ['', `${String(target.findings.length)} ${own.findings}`]),
    ...acceptedLines(target, look),
  ];
}

/** Whoever approves must see what somebody has decided to leave as it is. */
function acceptedLines({ findings }: TargetPlan, { words }: Look): readonly string[] {
  const own = findings.filter(({ kind }) => kind === 'accepted');
  if (own.length === 0) return [];
  return ['', ...own.slice(0, 20).map((finding) => `- ${codeSpan(short(`${parseAddress(finding.address).kind} ${parseAddress(finding.address).name}`))} ${escapeMarkdown(short(findingText(finding, words)))}`), ...(own.length > 20 ? [`- … ${String(own.length - 20)}`] : [])];
}

function changeRow(change: Change, planned: PlannedChange | undefined, { own, words, input }: Look): string {
  const { kind, name } = parseAddress(change.address);
  const was = change.was === undefined ? '' : ` (${codeSpan(parseAddress(change.was).name)})`;
  const fields = (planned?.fields ?? []).slice(0, 12).map(describeField).map(({ sign, path, text }) => codeSpan(short(`${sign} ${text === '' ? path : `${path}: ${text}`}`, 160)));
  const risk = planned === undefined || planned.risk === 'low' ? '' : ` **${words[planned.risk]}**`;
  const undo = change.verb === 'delete' ? `; ${undoOf(change, own)}` : '';
  const more = (planned?.fields.length ?? 0) > 12 ? ['…'] : [];
  return `| ${codeSpan(signs[change.verb][0])} ${words[change.verb]} ${escapeMarkdown(kind)} ${codeSpan(name)}${was} | ${words[change.reason]} | ${escapeMarkdown(short(planned?.impact[input.language] ?? ''))}${undo}${risk} | ${[...fields, ...more].join('<br>')} |`;
}

function ledgerLine(title: string, changes: readonly Change[]): readonly string[] {
  if (changes.length === 0) return [];
  const names = changes.slice(0, 5).map(({ address }) => codeSpan(`${parseAddress(address).kind} ${parseAddress(address).name}`));
  return ['', `${title}: ${String(changes.length)} (${names.join(', ')}${changes.length > 5 ? ', …' : ''})`];
}

function approveSection({ input, own }: Look, plans: readonly Plan[]): readonly string[] {
  if (!plans.some(({ leaves }) => leaves.length > 0)) return [];
  const how = input.reviews ? [`- ${own.approveReview} ${codeSpan(input.head)}`, `- ${own.approveSign} ${codeSpan(approveCommand('CUSTOMER', 'DIGEST'))}`] : [`- ${own.approveOnlySign} ${codeSpan(approveCommand('CUSTOMER', 'DIGEST'))}`];
  const atOnce = input.fleet === undefined ? [] : [`- ${own.approveSet} ${codeSpan(`soll approve --all ${input.fleet}`)}`];
  return ['', `### ${own.approveTitle}`, '', ...how, ...atOnce, '', own.approveNote];
}

function approveCommand(customer: string, digest: string): string {
  return `soll approve ${customer} ${digest}`;
}
