import { approve, listApprovals, reviewRun, withdraw, type ShownPlan } from '../../approve.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderApprovals, renderMissing } from '../../render/render-approvals.ts';
import { renderPlan } from '../../render/render-plan.ts';
import { askLine } from '../ask-line.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, errorPaint, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface ApproveFlags extends CommonFlags {
  readonly reason?: string;
  readonly reject?: boolean;
  readonly withdraw?: boolean;
  readonly key?: string;
  readonly plan?: readonly string[];
  readonly base?: string;
  readonly allowDeletes?: number;
  readonly yes?: boolean;
}

export async function runApprove(context: CommandContext, names: readonly string[], flags: ApproveFlags): Promise<ExitCode> {
  const { ws, output, redact } = context;
  const digests = names.filter((name) => /^sha256:[0-9a-f]{64}$/.test(name));
  const customers = names.filter((name) => !digests.includes(name));
  const [digest] = digests;
  if (digest === undefined || digests.length > 1 || customers.length > 1) return usage(context, 'one customer and the whole digest of one plan are needed: soll approve CUSTOMER sha256:…');
  if (flags.withdraw === true) return runWithdraw(context, customers[0], digest, flags);
  const result = await approve(ws, {
    customer: customers[0], digest, decision: flags.reject === true ? 'reject' : 'approve', key: flags.key, planFiles: flags.plan ?? [], concurrency: flags.concurrency ?? 4, confirm: (shown) => confirm(context, shown, flags),
    ...(flags.reason === undefined ? {} : { reason: flags.reason }), ...(flags.base === undefined ? {} : { base: flags.base }), ...(flags.allowDeletes === undefined ? {} : { allowDeletes: flags.allowDeletes }),
  });
  context.done();
  const view = viewOf(output);
  if (result.state === 'declined') {
    tell(`soll: ${view.words.notSigned}`, redact);
    return exitCodes.stale;
  }
  if (result.state !== 'signed') {
    tell(`soll: ${escapeTerminal(result.why)}\n  ${errorPaint(output)('cyan', `${view.words.hint}:`)} ${escapeTerminal(result.hint)}`, redact);
    return result.state === 'stale' ? exitCodes.stale : exitCodes.invalid;
  }
  const { shown, approver, expires, missing, warnings } = result;
  if (output.format === 'json') await emit(toJsonDocument({ customer: shown.customer, digest: shown.digest, decision: flags.reject === true ? 'reject' : 'approve', approver, expires, missing, warnings }), output, redact);
  else {
    for (const warning of warnings) tell(`${errorPaint(output)('yellow', view.words.warning)}: ${escapeTerminal(warning[output.language])}`, redact);
    const said = `${escapeTerminal(shown.customer)} ${flags.reject === true ? view.words.rejectedBy : view.words.approvedBy} ${escapeTerminal(approver)}, ${view.words.until} ${expires.slice(0, 16).replace('T', ' ')}`;
    await emit([said, ...(missing.length === 0 ? [] : [`${view.words.notApproved}:`, renderMissing(missing, view)])].join('\n'), output, redact);
  }
  return exitCodes.ok;
}

function usage({ redact }: CommandContext, text: string): ExitCode {
  tell(`soll: ${text}`, redact);
  return exitCodes.invalid;
}

/** Shown before anything is signed, also with --yes: the log of a job then holds what was signed. */
async function confirm(context: CommandContext, { customer, plan, notice, leaves, digest }: ShownPlan, flags: ApproveFlags): Promise<boolean> {
  const { output, redact, ws } = context;
  const view = viewOf(output);
  if (plan !== undefined) {
    showProblems(plan.problems, new Map(), output, redact);
    tell(`\n${renderPlan(plan, view)}\n`, redact);
  } else {
    const lines = leaves.map(({ addresses, risk }) => `  ${view.words[risk]}: ${addresses.map(escapeTerminal).join(', ')}`);
    tell(`\n${escapeTerminal(`${customer} ${digest}`)}\n${escapeTerminal(`${view.words.asNoted} ${notice?.at ?? ''}, ${view.words.commit} ${notice?.commit ?? ''}${notice?.pull === undefined ? '' : `, #${String(notice.pull)}`}`)}\n${lines.join('\n')}\n`, redact);
  }
  if (flags.yes === true) return true;
  if (!process.stdin.isTTY) {
    tell(`soll: ${view.words.needsYes}`, redact);
    return false;
  }
  return (await askLine(`${flags.reject === true ? view.words.questionReject : view.words.questionSign} `, ws.signal)) === customer;
}

async function runWithdraw(context: CommandContext, customer: string | undefined, digest: string, flags: ApproveFlags): Promise<ExitCode> {
  const { ws, output, redact } = context;
  if (customer === undefined) return usage(context, 'the customer is needed: soll approve CUSTOMER DIGEST --withdraw');
  const approver = await withdraw(ws, { customer, digest, key: flags.key, ...(flags.reason === undefined ? {} : { reason: flags.reason }) });
  context.done();
  await emit(output.format === 'json' ? toJsonDocument({ customer, digest, withdrawn: true, approver }) : `${escapeTerminal(customer)} ${viewOf(output).words.withdrawnBy} ${escapeTerminal(approver)}`, output, redact);
  return exitCodes.ok;
}

export async function runApprovals({ ws, output, redact }: CommandContext, names: readonly string[]): Promise<ExitCode> {
  const customers = await listApprovals(ws, names);
  await emit(output.format === 'json' ? toJsonDocument({ customers }) : renderApprovals(customers, viewOf(output)), output, redact);
  return exitCodes.ok;
}

export async function runAuditReview({ ws, output, redact }: CommandContext, run: string, flags: CommonFlags & { readonly reason: string; readonly key?: string }): Promise<ExitCode> {
  const { customer, approver } = await reviewRun(ws, { run, reason: flags.reason, key: flags.key });
  await emit(output.format === 'json' ? toJsonDocument({ customer, run, reviewedBy: approver }) : `${escapeTerminal(`${customer} ${run}`)} ${viewOf(output).words.reviewedBy} ${escapeTerminal(approver)}`, output, redact);
  return exitCodes.ok;
}
