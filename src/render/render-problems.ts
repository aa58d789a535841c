import type { Problem, SourceRange } from '#contract';
import { escapeTerminal } from './escape-terminal.ts';
import type { Paint } from './paint.ts';
import type { Words } from './words.ts';

/** `file:line:column`, escaped. */
export function place({ file, line, column }: SourceRange): string {
  return `${escapeTerminal(file)}:${String(line)}:${String(column)}`;
}

function codeFrame(text: string | undefined, source: SourceRange, paint: Paint): string[] {
  if (text === undefined) return [];
  const lines = text.split(/\r\n|\n|\r/);
  const first = Math.max(1, source.line - 1);
  const shown = lines.slice(first - 1, source.line + 1).map((line, index) => ({ number: first + index, line }));
  const width = String(source.line + 1).length;
  return shown.flatMap(({ number, line }) => {
    const cut = line.length > 160 ? `${line.slice(0, 160)}…` : line;
    const row = `  ${paint('dim', `${String(number).padStart(width)} │`)} ${escapeTerminal(cut)}`.trimEnd();
    if (number !== source.line) return [row];
    const before = escapeTerminal(cut.slice(0, Math.max(0, source.column - 1))).length;
    const same = source.endLine === undefined || source.endLine === source.line;
    const length = Math.max(1, Math.min(same && source.endColumn !== undefined ? source.endColumn - source.column : 1, Math.max(1, cut.length - source.column + 1)));
    return [row, `  ${paint('dim', `${' '.repeat(width)} │`)} ${' '.repeat(before)}${paint('red', '^'.repeat(length))}`];
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

/** Workflow commands of GitHub Actions, one line each; escaping as the runner's toolkit does it. */
export function renderAnnotations(problems: readonly Problem[]): string {
  return problems.map((problem) => {
    const level = problem.severity === 'info' ? 'notice' : problem.severity;
    const at = problem.source === undefined ? '' : `file=${commandProperty(problem.source.file)},line=${String(problem.source.line)},col=${String(problem.source.column)},${problem.source.endLine === undefined ? '' : `endLine=${String(problem.source.endLine)},`}`;
    return `::${level} ${at}title=${commandProperty(problem.code)}::${escapeAnnotation(problem.message)}${problem.hint === undefined ? '' : commandValue(`\n${escapeTerminal(problem.hint)}`)}`;
  }).join('\n');
}
