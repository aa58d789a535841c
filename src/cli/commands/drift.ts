import { join } from 'node:path';
import { tellDrift } from '../../drift-issue.ts';
import { acceptDifference } from '../../edit-customer.ts';
import { drift } from '../../pipeline.ts';
import { renderDriftMarkdown, renderDriftReport } from '../../render/render-drift.ts';
import { renderDrift } from '../../render/render-plan.ts';
import { exitCodes, exitOfDrift, type ExitCode } from '../exit-codes.ts';
import { selectionOf, type CommandContext, type CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';
import { showEdit } from '../show-edit.ts';

export interface DriftFlags extends CommonFlags {
  readonly detailedExitcode?: boolean;
  readonly issue?: boolean;
  readonly platform?: 'github' | 'generic';
  readonly repository?: string;
  readonly accept?: string;
  readonly until?: string;
  readonly reason?: string;
  readonly owner?: string;
  readonly fields?: readonly string[];
  readonly ticket?: string;
}

export async function runDrift(context: CommandContext, customers: readonly string[], flags: DriftFlags): Promise<ExitCode> {
  const { ws, output, redact } = context;
  if (flags.accept !== undefined) return accept(context, customers, flags, flags.accept);
  const selection = selectionOf(customers, flags);
  if (flags.issue === true && (customers.length > 0 || selection.targets.length > 0 || selection.changedSince !== undefined)) {
    tell('soll: the issue is about the whole fleet; leave out customers, --target and --changed-since', redact);
    return exitCodes.invalid;
  }
  const result = await drift(ws, selection);
  const view = viewOf(output);
  if (output.format === 'json') await emit(toJsonDocument({ plans: result.plans, drift: result.report, problems: result.problems }), output, redact);
  else {
    showProblems(result.problems, result.texts, output, redact);
    const [single, ...more] = result.plans;
    // One customer is read target by target, a fleet cause by cause.
    const quiet = output.quiet && exitOfDrift({ plans: result.plans, problems: [] }, true) === exitCodes.ok;
    const text = output.format === 'markdown' ? renderDriftMarkdown(result.report, view.words, view.language) : single !== undefined && more.length === 0 ? renderDrift(single, view) : renderDriftReport(result.report, view);
    if (!quiet && result.plans.length > 0) await emit(text, output, redact);
  }
  if (flags.issue === true) {
    const done = await tellDrift(ws, result, {
      language: output.language, out: join(ws.root, '.soll', 'drift'),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }), ...(flags.repository === undefined ? {} : { repository: flags.repository }),
    });
    if (!output.quiet) tell(`issue: ${done}`, redact);
  }
  return exitOfDrift(result, flags.detailedExitcode === true);
}

async function accept({ ws, output, redact }: CommandContext, customers: readonly string[], flags: DriftFlags, resource: string): Promise<ExitCode> {
  const [customer, ...more] = customers;
  const missing = [...(customer === undefined || more.length > 0 ? ['one customer'] : []), ...(flags.until === undefined ? ['--until DATE'] : []), ...(flags.reason === undefined ? ['--reason TEXT'] : [])];
  if (customer === undefined || missing.length > 0 || flags.until === undefined || flags.reason === undefined) {
    tell(`soll: to accept a difference, ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} needed`, redact);
    return exitCodes.invalid;
  }
  const result = await acceptDifference(ws, {
    customer, resource, until: flags.until, reason: flags.reason,
    ...(flags.owner === undefined ? {} : { owner: flags.owner }), ...(flags.fields === undefined ? {} : { fields: flags.fields }), ...(flags.ticket === undefined ? {} : { ticket: flags.ticket }),
  });
  return showEdit(result, output, redact);
}
