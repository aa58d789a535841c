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
    const summary = `${many(result.customers.length, 'customer')}, ${many(result.files, 'file')}, ${many(result.resources, 'resource')}: ${errors === 0 ? paint('green', 'valid') : paint('red', many(errors, 'error'))}${problems.length > errors ? `, ${many(problems.length - errors, 'warning or note')}` : ''}`;
    if (!output.quiet) await emit(summary, output, redact);
  }
  return exitOfProblems(problems);
}

function many(count: number, one: string): string {
  return `${String(count)} ${count === 1 ? one : one === 'warning or note' ? 'warnings and notes' : `${one}s`}`;
}
