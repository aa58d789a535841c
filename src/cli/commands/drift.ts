import { drift } from '../../pipeline.ts';
import { renderPlanMarkdown } from '../../render/render-plan-markdown.ts';
import { renderDrift } from '../../render/render-plan.ts';
import { exitCodes, exitOfDrift, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export async function runDrift({ ws, output, redact }: CommandContext, customers: readonly string[], flags: CommonFlags & { readonly detailedExitcode?: boolean }): Promise<ExitCode> {
  const result = await drift(ws, selectionOf(customers, flags));
  const view = viewOf(output);
  if (output.format === 'json') await emit(toJsonDocument({ plans: result.plans, problems: result.problems }), output, redact);
  else {
    showProblems(result.problems, result.texts, output, redact);
    const shown = output.quiet ? result.plans.filter((each) => exitOfDrift({ plans: [each], problems: [] }, true) !== exitCodes.ok) : result.plans;
    const text = output.format === 'markdown' ? shown.map((each) => renderPlanMarkdown(each, view.words, view.language)).join('\n\n') : shown.map((each) => renderDrift(each, view)).join('\n');
    if (text !== '') await emit(text, output, redact);
  }
  return exitOfDrift(result, flags.detailedExitcode === true);
}
