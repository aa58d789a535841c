import { replaceTarget } from '../../replace-target.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface ReplaceFlags extends CommonFlags {
  readonly identity: readonly string[];
  readonly reason: string;
  readonly ticket?: string;
}

const words = {
  en: { was: 'until now', now: 'from now on', next: 'Compare the pin on the device itself, then commit. The plan shows the new identity as a critical change and restores what was applied' },
  de: { was: 'bisher', now: 'von jetzt an', next: 'Den Pin am Gerät selbst vergleichen, dann committen. Der Plan zeigt die neue Identität als kritische Änderung und stellt wieder her, was angewendet war' },
};

export async function runReplace({ ws, output, redact }: CommandContext, customer: string, target: string, { identity, reason, ticket }: ReplaceFlags): Promise<ExitCode> {
  const result = await replaceTarget(ws, { customer, target, identity, reason, ...(ticket === undefined ? {} : { ticket }) });
  const { file, written, problems, texts, was } = result;
  const view = viewOf(output);
  const say = words[output.language];
  if (output.format === 'json') await emit(toJsonDocument({ file, written, problems, was, identity: written ? identity : [] }), output, redact);
  else {
    showProblems(problems, texts, output, redact);
    const told = [`  ${say.was}: ${escapeTerminal(was.join(', '))}`, `  ${say.now}: ${escapeTerminal(identity.join(', '))}`, `${say.next}: soll plan ${escapeTerminal(customer)}${output.lab ? ' --lab' : ''}`];
    await emit([`${escapeTerminal(file)}: ${written ? view.words.written : view.words.notWritten}`, ...(written ? told : [])].join('\n'), output, redact);
  }
  return written ? exitCodes.ok : exitCodes.invalid;
}
