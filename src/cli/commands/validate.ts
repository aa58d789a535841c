import { validate } from '../../pipeline.ts';
import { renderAnnotations } from '../../render/render-problems.ts';
import { exitOfProblems, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, toJsonText, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export async function runValidate({ ws, output, redact }: CommandContext, customers: readonly string[], flags: CommonFlags): Promise<ExitCode> {
  const result = await validate(ws, selectionOf(customers, flags));
  const { problems } = result;
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (output.format === 'json') await emit(toJsonText({ customers: result.customers, files: result.files, resources: result.resources, problems }), output, redact);
  else if (output.format === 'github') await emit(renderAnnotations(problems), output, redact);
  else {
    showProblems(problems, result.texts, output, redact);
    const { paint } = viewOf(output);
    const summary = `${String(result.customers.length)} customers, ${String(result.files)} files, ${String(result.resources)} resources: ${errors === 0 ? paint('green', 'valid') : paint('red', `${String(errors)} errors`)}${problems.length > errors ? `, ${String(problems.length - errors)} warnings and notes` : ''}`;
    if (!output.quiet) await emit(summary, output, redact);
  }
  return exitOfProblems(problems);
}
