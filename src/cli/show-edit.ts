import type { EditResult } from '../edit-customer.ts';
import { escapeTerminal } from '../render/escape-terminal.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { emit, toJsonDocument, viewOf, type OutputOptions } from './output.ts';
import { showProblems } from './show-problems.ts';

/** What a command wrote into a file, ready to be committed. */
export async function showEdit({ file, written, problems, texts }: EditResult, output: OutputOptions, redact: (text: string) => string): Promise<ExitCode> {
  const { words } = viewOf(output);
  if (output.format === 'json') await emit(toJsonDocument({ file, written, problems }), output, redact);
  else {
    showProblems(problems, texts, output, redact);
    await emit(`${escapeTerminal(file)}: ${written ? words.written : words.notWritten}`, output, redact);
  }
  return written ? exitCodes.ok : exitCodes.invalid;
}
