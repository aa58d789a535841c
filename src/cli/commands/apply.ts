import { userInfo } from 'node:os';
import type { Plan } from '#core/model';
import { apply } from '../../pipeline.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderPlan } from '../../render/render-plan.ts';
import { renderRun } from '../../render/render-run.ts';
import { renderWaiting } from '../../render/render-waiting.ts';
import { wordsOf, type Words } from '../../render/words.ts';
import type { ApplyOptions, ApplyRunResult } from '../../workspace.ts';
import { askLine } from '../ask-line.ts';
import { exitCodes, exitOfApply, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, errorPaint, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface PlatformFlags {
  readonly platform?: 'github' | 'generic';
  readonly repository?: string;
}

export interface ApplyFlags extends CommonFlags, PlatformFlags {
  readonly approve?: readonly string[];
  readonly plan?: readonly string[];
  readonly approver?: string;
  readonly allowDeletes?: number;
  readonly lockTimeout?: number;
  readonly guard?: number;
  readonly allowUnguarded?: boolean;
  readonly emergency?: boolean;
  readonly reason?: string;
  readonly ticket?: string;
  readonly key?: string;
  readonly offlineRecord?: boolean;
  readonly ignoreWindow?: boolean;
  readonly ignoreFreeze?: boolean;
  readonly yes?: boolean;
  readonly detailedExitcode?: boolean;
}

/** `told` remembers whose problems were shown with the question. */
function asker({ output, redact, ws }: CommandContext, told: Set<string>, yes: boolean): ((plan: Plan) => Promise<boolean>) | undefined {
  if (!yes && (!process.stdin.isTTY || output.format === 'json')) return undefined;
  return async (plan) => {
    // What a gate or an error stops is not worth a question.
    if (plan.problems.some(({ severity }) => severity === 'error')) return false;
    told.add(plan.customer);
    showProblems(plan.problems, new Map(), output, redact);
    tell(`\n${renderPlan(plan, viewOf(output))}\n`, redact);
    return yes || (await askLine(`${wordsOf(output.language).question} `, ws.signal)) === plan.customer;
  };
}

const refusalHints = { 'not-approved': 'hintNotApproved', locked: 'hintLocked', record: 'hintRecord' } as const satisfies Partial<Record<ApplyRunResult['refused'][number]['code'], keyof Words>>;

function showRefused({ refused, waiting }: ApplyRunResult, { output, redact }: CommandContext, notApproved: string | undefined): void {
  const words = wordsOf(output.language);
  const paint = errorPaint(output);
  const waits = new Set(waiting.map(({ customer }) => customer));
  for (const { customer, code, why } of refused) {
    const hint = waits.has(customer) ? undefined : code === 'not-approved' && notApproved !== undefined ? notApproved : code in refusalHints ? words[refusalHints[code as keyof typeof refusalHints]] : undefined;
    tell(`${paint('red', escapeTerminal(customer === '' ? words.notApplied : `${customer} ${words.notApplied}`))}: ${escapeTerminal(why)}${hint === undefined ? '' : `\n  ${paint('cyan', `${words.hint}:`)} ${hint}`}`, redact);
  }
}

/** In a CI job of a code host, or where it is named, reviews count besides signatures. */
export function platformOf({ platform, repository }: PlatformFlags, env: CommandContext['ws']['env']): Pick<ApplyOptions, 'platform'> {
  const asked = platform ?? ((env['GITHUB_TOKEN'] ?? '') === '' ? undefined : 'github');
  return asked === undefined ? {} : { platform: { name: asked, ...(repository === undefined ? {} : { repository }) } };
}

export function applyOptionsOf(customers: readonly string[], flags: ApplyFlags, env: CommandContext['ws']['env']): Omit<ApplyOptions, 'confirm'> {
  return {
    ...selectionOf(customers, flags),
    approve: flags.approve ?? [], planFiles: flags.plan ?? [], approver: flags.approver ?? process.env['SOLL_APPROVER'] ?? userInfo().username,
    lockTimeoutMs: (flags.lockTimeout ?? 180) * 1000, guardSeconds: flags.guard ?? 90, allowUnguarded: flags.allowUnguarded === true,
    ...(flags.allowDeletes === undefined ? {} : { allowDeletes: flags.allowDeletes }),
    ...(flags.emergency === true ? { emergency: { reason: flags.reason ?? '', ticket: flags.ticket ?? '', key: flags.key } } : {}),
    ...(flags.offlineRecord === true ? { offline: flags.reason ?? '' } : {}),
    ...(flags.ignoreWindow === true || flags.ignoreFreeze === true ? { ignore: { window: flags.ignoreWindow === true, freeze: flags.ignoreFreeze === true, reason: flags.reason ?? '' } } : {}),
    ...platformOf(flags, env),
  };
}

/** Flags that only make sense together; told before anything is read. */
export function contradiction({ emergency, reason, ticket, yes, offlineRecord, ignoreWindow, ignoreFreeze }: ApplyFlags): string | undefined {
  const empty = (text: string | undefined): boolean => (text ?? '').trim() === '';
  if (emergency === true) return empty(reason) || empty(ticket) ? '--emergency needs --reason and --ticket' : undefined;
  if (ignoreFreeze === true) return '--ignore-freeze goes with --emergency; otherwise end the freeze where it is written, in soll.yaml or customer.yaml';
  if (ignoreWindow === true && empty(reason)) return '--ignore-window needs --reason';
  if (offlineRecord === true && empty(reason)) return '--offline-record needs --reason';
  return yes === true ? '--yes goes with --emergency; elsewhere the digest is named with --approve' : undefined;
}

export async function runApply(context: CommandContext, customers: readonly string[], flags: ApplyFlags): Promise<ExitCode> {
  const told = new Set<string>();
  const wrong = contradiction(flags);
  if (wrong !== undefined) {
    tell(`soll: ${wrong}`, context.redact);
    return exitCodes.invalid;
  }
  // Before anything is read: whoever hears it must still be able to stop.
  if (flags.offlineRecord === true) tell(errorPaint(context.output)('red', wordsOf(context.output.language).noLock), context.redact);
  const confirm = asker(context, told, flags.yes === true);
  const result = await apply(context.ws, { ...applyOptionsOf(customers, flags, context.ws.env), ...(confirm === undefined ? {} : { confirm }) });
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
  /** How it can be approved, where that is not the way of a plan. */
  readonly hints?: { readonly notApproved: string; readonly approve: string };
}

export async function reportApply(context: CommandContext, result: ApplyRunResult, { detailed, told, head = '', more = {}, hints }: Report): Promise<ExitCode> {
  const { output, redact } = context;
  const view = viewOf(output);
  if (output.format === 'json') await emit(toJsonDocument({ ...more, runs: result.runs, refused: result.refused, waiting: result.waiting, approvals: result.approvals, problems: [...result.problems, ...result.plans.flatMap((plan) => plan.problems)] }), output, redact);
  else {
    showProblems([...result.problems, ...result.plans.flatMap((plan) => (told.has(plan.customer) ? [] : plan.problems))], result.texts, output, redact);
    showRefused(result, context, hints?.notApproved);
    const done = new Set([...result.runs.map(({ customer }) => customer), ...result.refused.map(({ customer }) => customer), ...result.waiting.map(({ customer }) => customer)]);
    const idle = result.plans.filter(({ customer }) => !done.has(customer)).map(({ customer }) => `${view.paint('bold', escapeTerminal(customer))}\n  ${view.paint('green', view.words.noChanges)}`);
    const spoken = result.runs.filter(({ run, stale, targets, customer }) => run !== '' || stale.length > 0 || targets.length > 0 || !result.waiting.some((each) => each.customer === customer));
    const waiting = result.waiting.length === 0 ? [] : [renderWaiting(result.waiting, view)];
    const text = [...(head === '' ? [] : [escapeTerminal(head)]), ...spoken.map((run) => renderRun(run, view)), ...waiting, ...idle].join('\n\n');
    if (text !== '') await emit(text, output, redact);
    if (result.waiting.some(({ state }) => state === 'approval')) tell(`${errorPaint(output)('cyan', `${view.words.hint}:`)} ${hints?.approve ?? view.words.hintApprove}`, redact);
  }
  return exitOfApply(result, context.interrupted(), detailed);
}
