import { createInterface } from 'node:readline/promises';
import { userInfo } from 'node:os';
import type { Plan } from '#core/model';
import { apply } from '../../pipeline.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderPlan } from '../../render/render-plan.ts';
import { renderRun } from '../../render/render-run.ts';
import { renderWaiting } from '../../render/render-waiting.ts';
import { wordsOf, type Words } from '../../render/words.ts';
import type { ApplyOptions, ApplyRunResult } from '../../workspace.ts';
import { exitOfApply, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, errorPaint, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface ApplyFlags extends CommonFlags {
  readonly approve?: readonly string[];
  readonly plan?: readonly string[];
  readonly approver?: string;
  readonly allowDeletes?: number;
  readonly lockTimeout?: number;
  readonly guard?: number;
  readonly allowUnguarded?: boolean;
  readonly detailedExitcode?: boolean;
}

/** `told` remembers whose problems were shown with the question. */
function asker({ output, redact, ws }: CommandContext, told: Set<string>): ((plan: Plan) => Promise<boolean>) | undefined {
  if (!process.stdin.isTTY || output.format === 'json') return undefined;
  return async (plan) => {
    // What a gate or an error stops is not worth a question.
    if (plan.problems.some(({ severity }) => severity === 'error')) return false;
    told.add(plan.customer);
    showProblems(plan.problems, new Map(), output, redact);
    tell(`\n${renderPlan(plan, viewOf(output))}\n`, redact);
    return (await askLine(`${wordsOf(output.language).question} `, ws.signal)) === plan.customer;
  };
}

/** One line from the terminal; `undefined` when the question is closed (Ctrl-D) or interrupted (Ctrl-C). */
async function askLine(question: string, signal: AbortSignal): Promise<string | undefined> {
  const ask = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string | undefined>((resolve) => {
      ask.on('close', () => { resolve(undefined); });
      // In raw mode Ctrl-C is a key: it is made the signal again that everybody listens to.
      ask.on('SIGINT', () => { process.kill(process.pid, 'SIGINT'); });
      signal.addEventListener('abort', () => { resolve(undefined); }, { once: true });
      ask.question(question).then((answer) => { resolve(answer.trim()); }, () => { resolve(undefined); });
    });
  } finally {
    ask.close();
  }
}

const refusalHints = { 'not-approved': 'hintNotApproved', locked: 'hintLocked', record: 'hintRecord' } as const satisfies Partial<Record<ApplyRunResult['refused'][number]['code'], keyof Words>>;

function showRefused(refused: ApplyRunResult['refused'], { output, redact }: CommandContext): void {
  const words = wordsOf(output.language);
  const paint = errorPaint(output);
  for (const { customer, code, why } of refused) {
    const hint = code in refusalHints ? words[refusalHints[code as keyof typeof refusalHints]] : undefined;
    tell(`${paint('red', escapeTerminal(customer === '' ? words.notApplied : `${customer} ${words.notApplied}`))}: ${escapeTerminal(why)}${hint === undefined ? '' : `\n  ${paint('cyan', `${words.hint}:`)} ${hint}`}`, redact);
  }
}

export function applyOptionsOf(customers: readonly string[], flags: ApplyFlags): Omit<ApplyOptions, 'confirm'> {
  return {
    ...selectionOf(customers, flags),
    approve: flags.approve ?? [], planFiles: flags.plan ?? [], approver: flags.approver ?? process.env['SOLL_APPROVER'] ?? userInfo().username,
    lockTimeoutMs: (flags.lockTimeout ?? 180) * 1000, guardSeconds: flags.guard ?? 90, allowUnguarded: flags.allowUnguarded === true,
    ...(flags.allowDeletes === undefined ? {} : { allowDeletes: flags.allowDeletes }),
  };
}

export async function runApply(context: CommandContext, customers: readonly string[], flags: ApplyFlags): Promise<ExitCode> {
  const told = new Set<string>();
  const confirm = asker(context, told);
  const result = await apply(context.ws, { ...applyOptionsOf(customers, flags), ...(confirm === undefined ? {} : { confirm }) });
  context.done();
  return reportApply(context, result, { detailed: flags.detailedExitcode === true, told });
}

interface Report {
  readonly detailed: boolean;
  /** Customers whose problems were shown with the question. */
  readonly told: ReadonlySet<string>;
  /** First line. */
  readonly head?: string;
  /** Further fields of the JSON. */
  readonly more?: object;
}

export async function reportApply(context: CommandContext, result: ApplyRunResult, { detailed, told, head = '', more = {} }: Report): Promise<ExitCode> {
  const { output, redact } = context;
  const view = viewOf(output);
  if (output.format === 'json') await emit(toJsonDocument({ ...more, runs: result.runs, refused: result.refused, waiting: result.waiting, approvals: result.approvals, problems: [...result.problems, ...result.plans.flatMap((plan) => plan.problems)] }), output, redact);
  else {
    showProblems([...result.problems, ...result.plans.flatMap((plan) => (told.has(plan.customer) ? [] : plan.problems))], result.texts, output, redact);
    showRefused(result.refused, context);
    const done = new Set([...result.runs.map(({ customer }) => customer), ...result.refused.map(({ customer }) => customer), ...result.waiting.map(({ customer }) => customer)]);
    const idle = result.plans.filter(({ customer }) => !done.has(customer)).map(({ customer }) => `${view.paint('bold', escapeTerminal(customer))}\n  ${view.paint('green', view.words.noChanges)}`);
    const spoken = result.runs.filter(({ run, stale, targets, customer }) => run !== '' || stale.length > 0 || targets.length > 0 || !result.waiting.some((each) => each.customer === customer));
    const waiting = result.waiting.length === 0 ? [] : [renderWaiting(result.waiting, view)];
    const text = [...(head === '' ? [] : [escapeTerminal(head)]), ...spoken.map((run) => renderRun(run, view)), ...waiting, ...idle].join('\n\n');
    if (text !== '') await emit(text, output, redact);
  }
  return exitOfApply(result, context.interrupted(), detailed);
}
