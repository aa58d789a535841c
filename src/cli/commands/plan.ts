import type { PlanSet } from '#core/fleet-digest';
import type { Plan } from '#core/model';
import { plan } from '../../pipeline.ts';
import { renderFirmware, renderFirmwareMarkdown } from '../../render/render-firmware.ts';
import { renderKept, renderKeptMarkdown } from '../../render/render-kept.ts';
import { renderPlanMarkdown } from '../../render/render-plan-markdown.ts';
import { renderPlan, summaryLine, type View } from '../../render/render-plan.ts';
import { renderHold, renderHoldMarkdown } from '../../render/render-waiting.ts';
import { renderAnnotations } from '../../render/render-problems.ts';
import { toldBeside } from '../../told-beside.ts';
import type { PlanTold } from '../../workspace.ts';
import { exitOfPlan, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface PlanFlags extends CommonFlags {
  readonly base?: string;
  readonly allowDeletes?: number;
  readonly offline?: boolean;
  readonly detailedExitcode?: boolean;
}

/** What would wait now, and what should run there, stand below the plan and are no part of it. */
function withNotices(text: string, gap: string, notices: readonly string[]): string {
  return [text, ...notices.filter((notice) => notice !== '')].join(gap);
}

function planText(plan: Plan, { holds, firmware, kept }: PlanTold, view: View): string {
  const hold = holds.get(plan.customer);
  return withNotices(renderPlan(plan, view), '\n', [hold === undefined ? '' : renderHold(hold, view), renderFirmware(firmware.get(plan.customer) ?? [], view), renderKept(kept.get(plan.customer) ?? [], view)]);
}

function planMarkdown(plan: Plan, { holds, firmware, kept }: PlanTold, { words, language }: View): string {
  const hold = holds.get(plan.customer);
  return withNotices(renderPlanMarkdown(plan, words, language), '\n\n', [hold === undefined ? '' : renderHoldMarkdown(hold, words, language), renderFirmwareMarkdown(firmware.get(plan.customer) ?? [], language), renderKeptMarkdown(kept.get(plan.customer) ?? [], language)]);
}

function fleetText({ digest, customers }: PlanSet, named: readonly string[], { words, paint, flags = '' }: View): string {
  const names = Object.keys(customers);
  return [
    paint('bold', words.nCustomers(names.length)), `  ${words.fleetDigest}: ${digest}`,
    `  ${words.fleetApprove}: soll apply ${[...named, '--approve', digest, ...(flags === '' ? [] : [flags])].join(' ')}`,
  ].join('\n');
}

function fleetMarkdown({ digest, customers }: PlanSet, { words }: View): string {
  return `**${words.nCustomers(Object.keys(customers).length)}**, ${words.fleetDigest}: \`${digest}\``;
}

export async function runPlan({ ws, output, redact }: CommandContext, customers: readonly string[], flags: PlanFlags): Promise<ExitCode> {
  const result = await plan(ws, {
    ...selectionOf(customers, flags), ...(flags.offline === true ? { offline: '' } : {}),
    ...(flags.base === undefined ? {} : { base: flags.base }), ...(flags.allowDeletes === undefined ? {} : { allowDeletes: flags.allowDeletes }),
  });
  const view = viewOf(output);
  const { plans } = result;
  if (output.format === 'json') await emit(toJsonDocument({ plans, ...(result.fleet === undefined ? {} : { fleet: result.fleet }), ...toldBeside(result), problems: result.problems }), output, redact);
  else if (output.format === 'github') await emit(renderAnnotations([...result.problems, ...plans.flatMap((each) => each.problems)]), output, redact);
  else {
    showProblems([...result.problems, ...plans.flatMap((each) => each.problems)], result.texts, output, redact);
    const shown = output.quiet ? plans.filter(({ leaves }) => leaves.length > 0) : plans;
    const each = output.format === 'markdown' ? shown.map((one) => planMarkdown(one, result, view)).join('\n\n') : shown.map((one) => planText(one, result, view)).join('\n\n');
    const text = [each, ...(result.fleet === undefined ? [] : [output.format === 'markdown' ? fleetMarkdown(result.fleet, view) : fleetText(result.fleet, selectionOf(customers, flags).customers, view)])].filter((part) => part !== '').join('\n\n');
    if (text !== '') await emit(text, output, redact);
    if (output.out !== undefined && !output.quiet) for (const each of plans) process.stdout.write(`${each.customer}: ${summaryLine(each.summary, view.words)}\n`);
  }
  return exitOfPlan(result, flags.detailedExitcode === true);
}
