import { adopt } from '../../adopt.ts';
import { showChanges } from '../../proposal.ts';
import { renderAdopt, renderDiff } from '../../render/render-adopt.ts';
import { exitCodes, exitOfProblems, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface AdoptFlags extends CommonFlags {
  readonly update?: boolean;
  readonly dryRun?: boolean;
  readonly only?: readonly string[];
}

export async function runAdopt({ ws, output, redact }: CommandContext, customer: string, flags: AdoptFlags): Promise<ExitCode> {
  const result = await adopt(ws, { customer, targets: flags.target ?? [], only: flags.only ?? [], update: flags.update === true, dryRun: flags.dryRun === true, language: output.language });
  const view = viewOf(output);
  const diff = showChanges(result.changes);
  if (output.format === 'json') {
    await emit(toJsonDocument({ entries: result.entries, unreachable: result.unreachable, files: result.changes.map(({ path }) => path), diff, written: result.written, problems: result.problems }), output, redact);
  } else {
    showProblems(result.problems, result.texts, output, redact);
    tell(renderAdopt(result, view), redact);
    if (flags.dryRun === true && diff !== '') await emit(renderDiff(diff, view.paint), output, redact);
    else if (result.written) await emit(result.changes.map(({ path }) => path).join('\n'), output, redact);
  }
  const problem = exitOfProblems(result.problems);
  return problem === exitCodes.ok && result.unreachable.length > 0 ? exitCodes.unreachable : problem;
}
