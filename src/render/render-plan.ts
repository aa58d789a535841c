import { parseAddress, type Change } from '#contract';
import type { Finding, Plan, PlannedChange, PlanSummary, TargetPlan } from '#core/model';
import { describeField } from './describe-field.ts';
import { cutToWidth } from './display-width.ts';
import { escapeTerminal } from './escape-terminal.ts';
import type { Colour, Paint } from './paint.ts';
import type { Language, Words } from './words.ts';

export interface View {
  readonly paint: Paint;
  readonly words: Words;
  readonly language: Language;
  /** Columns; longer lines are cut. Infinity: never. */
  readonly width: number;
  /** Flags that the command to approve needs as well, e.g. `--lab`. */
  readonly flags?: string;
}

export const signs: Readonly<Record<Change['verb'], readonly [string, Colour]>> = {
  create: ['+', 'green'], update: ['~', 'yellow'], delete: ['-', 'red'], run: ['▶', 'magenta'], adopt: ['=', 'blue'], release: ['·', 'blue'], identify: ['!', 'red'],
};

function cut(text: string, width: number): string {
  return cutToWidth(escapeTerminal(text), width);
}

/** One customer's plan for a terminal: what, why, what it means, and how to approve it. */
export function renderPlan(plan: Plan, view: View): string {
  const { paint, words } = view;
  const parts = plan.targets.map((target) => renderTarget(target, view)).filter((text) => text !== '');
  const title = paint('bold', escapeTerminal(plan.customer));
  if (plan.leaves.length === 0 && parts.length === 0) return `${title}\n  ${paint('green', words.noChanges)}`;
  const approve = plan.leaves.length === 0 ? [] : [
    '', `  ${words.digest}: ${plan.digest}`, `  ${words.approveWith}: soll apply ${escapeTerminal(plan.customer)} --approve ${plan.digest}${view.flags === undefined ? '' : ` ${view.flags}`}`,
  ];
  const stopped = plan.problems.some(({ severity }) => severity === 'error') ? ['', `  ${paint('red', words.stoppedAbove)}`] : [];
  const complete = plan.targets.every(({ status }) => status === 'ready');
  const told = plan.targets.some(({ findings }) => findings.some(({ kind }) => kind !== 'foreign'));
  const summary = plan.leaves.length > 0 ? `${summaryLine(plan.summary, words)}; ${words.risk} ${riskText(plan.risk, view)}` : complete ? paint(told ? 'yellow' : 'green', told ? words.onlyTold : words.noChanges) : summaryLine(plan.summary, words);
  return [title, ...parts, '', `  ${summary}`, ...stopped, ...approve].join('\n');
}

export function riskText(risk: PlannedChange['risk'], { paint, words }: View): string {
  return risk === 'critical' || risk === 'high' ? paint('red', words[risk]) : risk === 'medium' ? paint('yellow', words[risk]) : words[risk];
}

export function summaryLine(summary: PlanSummary, words: Words): string {
  const counts = [
    `${String(summary.create)} ${words.toCreate}`, `${String(summary.update)} ${words.toUpdate}`, `${String(summary.delete)} ${words.toDelete}`,
    ...(summary.adopt > 0 ? [`${String(summary.adopt)} ${words.toAdopt}`] : []), ...(summary.release > 0 ? [`${String(summary.release)} ${words.toRelease}`] : []),
    ...(summary.drift > 0 ? [`${String(summary.drift)} ${words.ofThemDrift}`] : []), ...(summary.conflict > 0 ? [`${String(summary.conflict)} ${words.ofThemConflict}`] : []),
    ...(summary.unreachable > 0 ? [words.nUnreachable(summary.unreachable)] : []),
  ];
  return `${words.summary}: ${counts.join(', ')}`;
}

function renderTarget(target: TargetPlan, view: View): string {
  const { paint, words } = view;
  const changes = [...target.batches.flatMap((batch) => batch.changes), ...target.ledgerOnly];
  if (target.status === 'ready' && changes.length === 0 && target.findings.length === 0) return '';
  const described = new Map(target.changes.map((each) => [each.address, each]));
  const status = target.status === 'ready' ? '' : ` ${paint('red', `${words[target.status]}: ${escapeTerminal(target.why ?? '')}`)}`;
  const how = target.batches.length === 0 ? '' : ` ${paint('dim', [words[target.atomicity], words[target.guard]].filter((text) => text !== '').join(', '))}`;
  return [
    '', `  ${paint('bold', escapeTerminal(target.target))} ${paint('dim', target.provider)}${how}${status}`, ...hintLines(target, view),
    ...target.batches.flatMap((batch) => batch.changes).flatMap((change) => renderChange(change, described.get(change.address), view)),
    ...ledgerLines(target, view),
    ...(target.findings.length === 0 ? [] : [`    ${paint('dim', `${words.findings}:`)}`, ...target.findings.slice(0, 20).map((finding) => findingLine(finding, view)), ...(target.findings.length > 20 ? [`      … ${String(target.findings.length - 20)}`] : [])]),
  ].join('\n');
}

function hintLines({ hint }: TargetPlan, { paint, words }: View): string[] {
  return hint === undefined ? [] : [`    ${paint('cyan', `${words.hint}:`)} ${escapeTerminal(hint)}`];
}

/** Taking over dozens of matching objects is one line, not a page. */
function ledgerLines({ ledgerOnly }: TargetPlan, view: View): string[] {
  return (['adopt', 'release'] as const).flatMap((verb) => {
    const own = ledgerOnly.filter((change) => change.verb === verb);
    if (own.length === 0) return [];
    const [sign, colour] = signs[verb];
    const names = own.map(({ address }) => `${parseAddress(address).kind} ${parseAddress(address).name}`);
    const shown = names.slice(0, 5).join(', ');
    return [`    ${view.paint(colour, `${sign} ${view.words[verb]}`)} ${String(own.length)}: ${cut(names.length > 5 ? `${shown}, …` : shown, view.width - 16)}`];
  });
}

export function renderChange(change: Change, planned: PlannedChange | undefined, view: View): string[] {
  const { paint, words } = view;
  const { kind, name } = parseAddress(change.address);
  const [sign, colour] = signs[change.verb];
  const was = change.was === undefined ? '' : ` ${paint('dim', `(${words.was} ${escapeTerminal(parseAddress(change.was).name)})`)}`;
  const reason = change.reason === 'drift' || change.reason === 'conflict' ? paint('magenta', words[change.reason]) : paint('dim', words[change.reason]);
  const fields = (planned?.fields ?? []).map((field) => {
    const line = describeField(field);
    const mark = line.sign === '+' ? paint('green', '+') : line.sign === '-' ? paint('red', '-') : paint('yellow', line.sign);
    return `        ${mark} ${cut(line.text === '' ? line.path : `${line.path}: ${line.text}`, view.width - 10)}`;
  });
  const risk = planned === undefined || planned.risk === 'low' ? undefined : planned.risk;
  const room = view.width - 10 - (risk === undefined ? 0 : words[risk].length + 3);
  return [
    `    ${paint(colour, `${sign} ${words[change.verb]}`)} ${escapeTerminal(kind)} ${paint('bold', escapeTerminal(name))}${was}  ${reason}`,
    ...fields,
    ...(planned === undefined || isPlain(planned, name) ? [] : [`        → ${cut(planned.impact[view.language], room)}${risk === undefined ? '' : ` (${riskText(risk, view)})`}`]),
  ];
}

/** "group x" of group x and no risk: the line above says it. */
function isPlain({ risk, impact }: PlannedChange, name: string): boolean {
  return risk === 'low' && impact.en.endsWith(` ${name}`);
}

/** Unescaped. */
export function findingText({ kind, accepted }: Finding, words: Words): string {
  if (accepted !== undefined) return `${words.accepted} ${accepted.until} (${accepted.owner}: ${accepted.reason})`;
  return kind === 'foreign' ? words.foreign : kind === 'missing' ? words.missing : words.differs;
}

function findingLine(finding: Finding, { words, width }: View): string {
  const { kind: type, name } = parseAddress(finding.address);
  const what = findingText(finding, words);
  return `      ${cut(`${type} ${name}: ${what}`, width - 6)}`;
}

/** Drift only: what the device has that nobody wrote. */
export function renderDrift(plan: Plan, view: View): string {
  const { paint, words } = view;
  const targets = plan.targets.flatMap((target) => {
    const described = new Map(target.changes.map((each) => [each.address, each]));
    const drifted = target.batches.flatMap((batch) => batch.changes).filter(({ reason }) => reason === 'drift' || reason === 'conflict');
    const findings = target.findings.filter(({ kind }) => kind !== 'foreign');
    if (target.status === 'unreachable') return [`  ${paint('bold', escapeTerminal(target.target))} ${paint('red', `${words.unreachable}: ${escapeTerminal(target.why ?? '')}`)}`, ...hintLines(target, view)];
    if (drifted.length + findings.length === 0) return [];
    return [`  ${paint('bold', escapeTerminal(target.target))}`, ...drifted.flatMap((change) => renderChange(change, described.get(change.address), view)), ...findings.map((finding) => findingLine(finding, view))];
  });
  const compared = plan.targets.reduce((sum, target) => sum + target.compared, 0);
  const title = paint('bold', escapeTerminal(plan.customer));
  return targets.length === 0 ? `${title}\n  ${paint('green', words.noDrift)} ${paint('dim', words.nCompared(compared))}` : [title, ...targets].join('\n');
}
