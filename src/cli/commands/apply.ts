import { createInterface } from 'node:readline/promises';
import { userInfo } from 'node:os';
import type { Plan } from '#core/model';
import { apply } from '../../pipeline.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderPlan } from '../../render/render-plan.ts';
import { renderRun } from '../../render/render-run.ts';
import { exitOfApply, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonText, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface ApplyFlags extends CommonFlags {
  readonly approve?: readonly string[];
  readonly plan?: readonly string[];
  readonly approver?: string;
  readonly allowDeletes?: number;
  readonly lockTimeout?: number;
  readonly guard?: number;
  readonly allowUnguarded?: boolean;
}

function asker({ output, redact, ws }: CommandContext): ((plan: Plan) => Promise<boolean>) | undefined {
  if (!process.stdin.isTTY || output.format === 'json') return undefined;
  return async (plan) => {
    tell(`\n${renderPlan(plan, viewOf(output))}\n`, redact);
    const ask = createInterface({ input: process.stdin, output: process.stderr });
    try {
      const answer = await ask.question(`Type the customer's name to approve and apply, anything else to leave it: `, { signal: ws.signal });
      return answer.trim() === plan.customer;
    } catch {
      return false;
    } finally {
      ask.close();
    }
  };
}

export async function runApply(context: CommandContext, customers: readonly string[], flags: ApplyFlags): Promise<ExitCode> {
  const { ws, output, redact } = context;
  const confirm = asker(context);
  const result = await apply(ws, {
    ...selectionOf(customers, flags),
    approve: flags.approve ?? [], planFiles: flags.plan ?? [], approver: flags.approver ?? process.env['SOLL_APPROVER'] ?? userInfo().username,
    lockTimeoutMs: (flags.lockTimeout ?? 180) * 1000, guardSeconds: flags.guard ?? 90, allowUnguarded: flags.allowUnguarded === true,
    ...(confirm === undefined ? {} : { confirm }), ...(flags.allowDeletes === undefined ? {} : { allowDeletes: flags.allowDeletes }),
  });
  context.done();
  const view = viewOf(output);
  if (output.format === 'json') await emit(toJsonText({ runs: result.runs, refused: result.refused, approvals: result.approvals, problems: [...result.problems, ...result.plans.flatMap((plan) => plan.problems)] }), output, redact);
  else {
    showProblems([...result.problems, ...result.plans.flatMap((plan) => plan.problems)], result.texts, output, redact);
    for (const { customer, why } of result.refused) tell(`${view.paint('red', escapeTerminal(customer === '' ? 'not applied' : `${customer} not applied`))}: ${escapeTerminal(why)}`, redact);
    const done = new Set([...result.runs.map(({ customer }) => customer), ...result.refused.map(({ customer }) => customer)]);
    const idle = result.plans.filter(({ customer }) => !done.has(customer)).map(({ customer }) => `${view.paint('bold', escapeTerminal(customer))}\n  ${view.paint('green', view.words.noChanges)}`);
    const text = [...result.runs.map((run) => renderRun(run, view)), ...idle].join('\n\n');
    if (text !== '') await emit(text, output, redact);
  }
  return exitOfApply(result, context.interrupted());
}
