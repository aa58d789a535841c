import { join } from 'node:path';
import { planPullRequest } from '../../pr-plan.ts';
import { waitingPulls } from '../../pr-waiting.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { summaryLine } from '../../render/render-plan.ts';
import { exitCodes, exitOfPlan, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface PrPlanFlags extends CommonFlags {
  readonly pull?: number;
  readonly base?: string;
  readonly platform?: 'github' | 'generic';
  readonly repository?: string;
  readonly allowDeletes?: number;
  readonly detailedExitcode?: boolean;
}

/** A matrix for GitHub's `fromJSON`: numbers and commit ids, nothing that anybody wrote. */
export async function runPrWaiting({ ws, output, redact }: CommandContext, flags: PrPlanFlags): Promise<ExitCode> {
  const { pulls, forks } = await waitingPulls(ws, {
    out: join(ws.root, '.soll', 'pr'),
    ...(flags.pull === undefined ? {} : { pull: flags.pull }), ...(flags.platform === undefined ? {} : { platform: flags.platform }), ...(flags.repository === undefined ? {} : { repository: flags.repository }),
  });
  const matrix = { include: pulls.map(({ number, head }) => ({ pull: number, head })) };
  if (output.format === 'json') await emit(toJsonDocument({ pulls, forks, matrix }), output, redact);
  else {
    await emit(JSON.stringify(matrix), output, redact);
    if (forks.length > 0 && !output.quiet) tell(`not planned, of another repository: ${forks.map((number) => `#${String(number)}`).join(' ')}`, redact);
  }
  return exitCodes.ok;
}

export async function runPrPlan({ ws, output, redact }: CommandContext, customers: readonly string[], flags: PrPlanFlags): Promise<ExitCode> {
  if (flags.changedSince !== undefined) {
    tell('soll: a pull request is planned from its base; use --base instead of --changed-since', redact);
    return exitCodes.invalid;
  }
  const folder = output.out ?? join(ws.root, '.soll', 'pr');
  const result = await planPullRequest(ws, {
    ...selectionOf(customers, flags), out: folder, language: output.language,
    ...(flags.pull === undefined ? {} : { pull: flags.pull }), ...(flags.base === undefined ? {} : { base: flags.base }),
    ...(flags.platform === undefined ? {} : { platform: flags.platform }), ...(flags.repository === undefined ? {} : { repository: flags.repository }), ...(flags.allowDeletes === undefined ? {} : { allowDeletes: flags.allowDeletes }),
  });
  // The folder is the artifact; what is printed goes to standard output.
  const { out: _folder, ...printed } = output;
  const { words } = viewOf(printed);
  const { texts, ...data } = result;
  if (output.format === 'json') await emit(toJsonDocument(data), printed, redact);
  else {
    showProblems([...result.problems, ...result.plans.flatMap((plan) => plan.problems)], texts, output, redact);
    const text = output.format === 'markdown' ? result.comment ?? '' : result.plans.map(({ customer, summary }) => `${escapeTerminal(customer)}: ${summaryLine(summary, words)}`).join('\n');
    if (text !== '') await emit(text, printed, redact);
    if (output.verbose) tell(`${folder}: plan.json`, redact);
  }
  return exitOfPlan(result, flags.detailedExitcode === true);
}
