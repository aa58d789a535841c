import { doctor } from '../../pipeline.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { exitOfDoctor, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, toJsonText, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export async function runDoctor({ ws, output, redact }: CommandContext, customers: readonly string[], flags: CommonFlags): Promise<ExitCode> {
  const { findings, problems, texts } = await doctor(ws, selectionOf(customers, flags));
  if (output.format === 'json') await emit(toJsonText({ findings, problems }), output, redact);
  else {
    showProblems(problems, texts, output, redact);
    const { paint } = viewOf(output);
    const targets = [...new Set(findings.map(({ customer, target }) => `${customer}/${target}`))];
    const text = targets.map((name) => [
      paint('bold', escapeTerminal(name)),
      ...findings.filter(({ customer, target }) => `${customer}/${target}` === name).map(({ check, ok, text: said, hint }) => `  ${ok ? paint('green', '✓') : paint('red', '✗')} ${check.padEnd(16)} ${escapeTerminal(said)}${ok || hint === undefined ? '' : `\n    ${paint('cyan', 'mend:')} ${escapeTerminal(hint)}`}`),
    ].join('\n')).join('\n');
    if (text !== '') await emit(text, output, redact);
  }
  return exitOfDoctor(findings, problems);
}
