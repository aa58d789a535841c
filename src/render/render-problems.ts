import type { Problem, SourceRange } from '#contract';
import { displayWidth } from './display-width.ts';
import { escapeTerminal } from './escape-terminal.ts';
import type { Paint } from './paint.ts';
import type { Words } from './words.ts';

/** `file:line:column`, escaped. */
export function place({ file, line, column }: SourceRange): string {
  return `${escapeTerminal(file)}:${String(line)}:${String(column)}`;
}

/** Code units of a line that a frame shows, and how many of them stand before the place. */
const frameWidth = 120;
const frameBefore = 40;

/** One line of the file, or the part of a long one around the column. */
function excerpt(line: string, column: number): { readonly shown: string; readonly before: string } {
  const start = line.length <= frameWidth || column < frameWidth ? 0 : Math.max(0, column - 1 - frameBefore);
  const whole = (text: string): string => text.replace(/^[\udc00-\udfff]/, '').replace(/[\ud800-\udbff]$/, '');
  const [head, tail] = [start > 0 ? '…' : '', line.length > start + frameWidth ? '…' : ''];
  return { shown: `${head}${escapeTerminal(whole(line.slice(start, start + frameWidth)))}${tail}`, before: `${head}${escapeTerminal(whole(line.slice(start, Math.max(start, column - 1))))}` };
}

function codeFrame(text: string | undefined, source: SourceRange, paint: Paint): string[] {
  if (text === undefined) return [];
  const lines = text.split(/\r\n|\n|\r/);
  const first = Math.max(1, source.line - 1);
  const shown = lines.slice(first - 1, source.line + 1).map((line, index) => ({ number: first + index, line }));
  const width = String(source.line + 1).length;
  return shown.flatMap(({ number, line }) => {
    const cut = excerpt(line, source.column);
    const row = `  ${paint('dim', `${String(number).padStart(width)} │`)} ${cut.shown}`.trimEnd();
    if (number !== source.line) return [row];
    const same = source.endLine === source.line && source.endColumn !== undefined;
    const marked = escapeTerminal(line.slice(source.column - 1, same ? source.endColumn - 1 : source.column));
    const space = displayWidth(cut.before);
    const length = Math.max(1, Math.min(displayWidth(marked), displayWidth(cut.shown) - space));
    return [row, `  ${paint('dim', `${' '.repeat(width)} │`)} ${' '.repeat(space)}${paint('red', '^'.repeat(length))}`];
  });
}

export interface ProblemsView {
  readonly problems: readonly Problem[];
  readonly texts: ReadonlyMap<string, string>;
  readonly paint: Paint;
  readonly words: Words;
}

/** Each problem with its place, a code frame and how to mend it. */
export function renderProblems({ problems, texts, paint, words }: ProblemsView): string {
  return problems.map((problem) => {
    const colour = problem.severity === 'error' ? 'red' : problem.severity === 'warning' ? 'yellow' : 'blue';
    const where = problem.source !== undefined ? `${place(problem.source)} ` : problem.target !== undefined && problem.customer !== undefined ? `${escapeTerminal(`${problem.customer}/${problem.target}`)} ` : problem.customer !== undefined ? `${escapeTerminal(problem.customer)} ` : '';
    return [
      `${paint('bold', where)}${paint(colour, words[problem.severity])} ${escapeTerminal(problem.message)} ${paint('dim', escapeTerminal(`[${problem.code}]`))}`,
      ...(problem.source === undefined ? [] : codeFrame(texts.get(problem.source.file), problem.source, paint)),
      ...(problem.related ?? []).map(({ message, source }) => `  ${place(source)} ${escapeTerminal(message)}`),
      ...(problem.explanation === undefined ? [] : [`  ${escapeTerminal(problem.explanation[words.language])}`]),
      ...(problem.hint === undefined ? [] : [`  ${paint('cyan', `${words.hint}:`)} ${escapeTerminal(problem.hint)}`]),
    ].join('\n');
  }).join('\n\n');
}

function commandValue(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/** A message in a workflow command. */
export function escapeAnnotation(text: string): string {
  return commandValue(escapeTerminal(text));
}

function commandProperty(text: string): string {
  return commandValue(escapeTerminal(text)).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** GitHub shows at most ten of each level per step and drops the rest without a word (docs.github.com, actions limits, seen August 2026). */
const mostPerLevel = 10;

/** Workflow commands of GitHub Actions, one line each, errors first; escaping as the runner's toolkit does it. */
export function renderAnnotations(problems: readonly Problem[]): string {
  return (['error', 'warning', 'info'] as const).flatMap((severity) => {
    const own = problems.filter((problem) => problem.severity === severity);
    const level = severity === 'info' ? 'notice' : severity;
    if (own.length <= mostPerLevel) return own.map((problem) => annotation(problem, level));
    const left = own.length - mostPerLevel + 1;
    return [...own.slice(0, mostPerLevel - 1).map((problem) => annotation(problem, level)), `::${level} title=soll::and ${String(left)} more; the log of this step and \`soll validate\` show all`];
  }).join('\n');
}

function annotation(problem: Problem, level: string): string {
  const { source, hint } = problem;
  const end = source?.endLine === undefined ? '' : `endLine=${String(source.endLine)},${source.endColumn === undefined || source.endLine !== source.line ? '' : `endColumn=${String(source.endColumn)},`}`;
  const at = source === undefined ? '' : `file=${commandProperty(source.file)},line=${String(source.line)},col=${String(source.column)},${end}`;
  return `::${level} ${at}title=${commandProperty(problem.code)}::${escapeAnnotation(problem.message)}${hint === undefined ? '' : commandValue(`\n${escapeTerminal(hint)}`)}`;
}
