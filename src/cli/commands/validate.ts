import { validate } from '../../pipeline.ts';
import { renderAnnotations } from '../../render/render-problems.ts';
import { exitOfProblems, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export async function runValidate({ ws, output, redact }: CommandContext, customers: readonly string[], flags: CommonFlags): Promise<ExitCode> {
  const result = await validate(ws, selectionOf(customers, flags));
  const { problems } = result;
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (output.format === 'json') await emit(toJsonDocument({ customers: result.customers, files: result.files, resources: result.resources, problems }), output, redact);
  else if (output.format === 'github') await emit(renderAnnotations(problems), output, redact);
  else {
    showProblems(problems, result.texts, output, redact);
    const { paint, words } = viewOf(output);
    const others = problems.length - errors;
    const counts = [words.nCustomers(result.customers.length), words.nFiles(result.files), words.nResources(result.resources)].join(', ');
    const summary = `${counts}: ${errors === 0 ? paint('green', words.valid) : paint('red', words.nErrors(errors))}${others === 0 ? '' : `, ${words.nNotes(others)}`}`;
    if (!output.quiet) await emit(summary, output, redact);
  }
  return exitOfProblems(problems);
}
