import { approvalsOf, approve, reviewRun, withdraw, type ShownPlans } from '../../approve.ts';
import { withPlatform } from '../../open-platform.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderApprovals, renderMissing } from '../../render/render-approvals.ts';
import { renderFleet, type FleetPart } from '../../render/render-fleet.ts';
import { renderPlan } from '../../render/render-plan.ts';
import { askLine } from '../ask-line.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { platformOf, type PlatformFlags } from './apply.ts';
import { emit, errorPaint, tell, toJsonDocument, viewOf } from '../output.ts';
import { showProblems } from '../show-problems.ts';

export interface ApproveFlags extends CommonFlags {
  readonly all?: boolean;
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
  const all = flags.all === true;
  if (digest === undefined || digests.length > 1) return usage(context, 'the whole digest of one plan or of one set is needed: soll approve CUSTOMER sha256:… or soll approve --all sha256:…');
  if (all && customers.length > 0) return usage(context, 'name customers, or --all, not both');
  if (flags.withdraw === true) return runWithdraw(context, customers, digest, flags);
  const result = await approve(ws, {
    customers, all, digest, decision: flags.reject === true ? 'reject' : 'approve', key: flags.key, planFiles: flags.plan ?? [], concurrency: flags.concurrency ?? 4, confirm: (shown) => confirm(context, shown, flags),
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
  await emit(output.format === 'json' ? toJsonDocument(signedDocument(result, flags)) : signedText(result, context, flags), output, redact);
  return result.customers.some(({ unnoted }) => unnoted !== undefined) ? exitCodes.failure : exitCodes.ok;
}

type Signed = Extract<Awaited<ReturnType<typeof approve>>, { readonly state: 'signed' }>;

function signedDocument({ fleet, customers, approver, expires, warnings }: Signed, { reject }: ApproveFlags): object {
  const decision = reject === true ? 'reject' : 'approve';
  const [only] = customers;
  return fleet === undefined && only !== undefined ? { customer: only.customer, digest: only.digest, decision, approver, expires, missing: only.missing, warnings } : { fleet, customers, decision, approver, expires, warnings };
}

function signedText({ customers, approver, expires, warnings }: Signed, { output, redact }: CommandContext, flags: ApproveFlags): string {
  const view = viewOf(output);
  for (const warning of warnings) tell(`${errorPaint(output)('yellow', view.words.warning)}: ${escapeTerminal(warning[output.language])}`, redact);
  const said = `${flags.reject === true ? view.words.rejectedBy : view.words.approvedBy} ${escapeTerminal(approver)}, ${view.words.until} ${expires.slice(0, 16).replace('T', ' ')}`;
  return customers.map(({ customer, missing, unnoted }) => [
    `${escapeTerminal(customer)} ${unnoted === undefined ? said : view.paint('red', `${view.words.unnoted}: ${escapeTerminal(unnoted)}`)}`,
    ...(missing.length === 0 ? [] : [`${view.words.notApproved}:`, renderMissing(missing, view)]),
  ].join('\n')).join('\n');
}

function usage({ redact }: CommandContext, text: string): ExitCode {
  tell(`soll: ${text}`, redact);
  return exitCodes.invalid;
}

/** Shown before anything is signed, also with --yes: the log of a job then holds what was signed. */
async function confirm(context: CommandContext, shown: ShownPlans, flags: ApproveFlags): Promise<boolean> {
  const { output, redact, ws } = context;
  const view = viewOf(output);
  const [first] = shown.plans;
  if (first === undefined) return false;
  showProblems(shown.plans.flatMap(({ plan }) => plan?.problems ?? []), new Map(), output, redact);
  const noted = shown.plans.flatMap(({ notice }) => notice ?? [])[0];
  const asNoted = noted === undefined ? [] : [escapeTerminal(`${view.words.asNoted} ${noted.at}, ${view.words.commit} ${noted.commit}${noted.pull === undefined ? '' : `, #${String(noted.pull)}`}`)];
  if (shown.fleet !== undefined) tell(`\n${[escapeTerminal(shown.fleet), ...asNoted].join('\n')}\n\n${renderFleet(shown.plans.map(partOf), view)}\n`, redact);
  else if (first.plan !== undefined) tell(`\n${renderPlan(first.plan, view)}\n`, redact);
  else {
    const lines = first.leaves.map(({ addresses, risk }) => `  ${view.words[risk]}: ${addresses.map(escapeTerminal).join(', ')}`);
    tell(`\n${[escapeTerminal(`${first.customer} ${first.digest}`), ...asNoted, ...lines].join('\n')}\n`, redact);
  }
  if (flags.yes === true) return true;
  if (!process.stdin.isTTY) {
    tell(`soll: ${view.words.needsYes}`, redact);
    return false;
  }
  const count = shown.plans.length;
  const question = shown.fleet === undefined ? flags.reject === true ? view.words.questionReject : view.words.questionSign : flags.reject === true ? view.words.questionRejectSet(count) : view.words.questionSignSet(count);
  return (await askLine(`${question} `, ws.signal)) === (shown.fleet === undefined ? first.customer : String(count));
}

function partOf({ customer, plan, notice }: ShownPlans['plans'][number]): FleetPart {
  return plan === undefined ? { customer, noted: notice?.leaves ?? [] } : { customer, plan };
}

async function runWithdraw(context: CommandContext, names: readonly string[], digest: string, flags: ApproveFlags): Promise<ExitCode> {
  const { ws, output, redact } = context;
  const all = flags.all === true;
  if (names.length === 0 && !all) return usage(context, 'the customer is needed: soll approve CUSTOMER DIGEST --withdraw');
  const { approver, customers } = await withdraw(ws, { customers: names, all, digest, key: flags.key, ...(flags.reason === undefined ? {} : { reason: flags.reason }) });
  context.done();
  const [only] = customers;
  const document = customers.length === 1 ? { customer: only, digest, withdrawn: true, approver } : { customers, digest, withdrawn: true, approver };
  await emit(output.format === 'json' ? toJsonDocument(document) : `${escapeTerminal(customers.join(', '))} ${viewOf(output).words.withdrawnBy} ${escapeTerminal(approver)}`, output, redact);
  return exitCodes.ok;
}

export async function runApprovals({ ws, output, redact }: CommandContext, names: readonly string[], flags: CommonFlags & PlatformFlags): Promise<ExitCode> {
  const { customers, unasked } = await withPlatform(ws, platformOf(flags, ws.env).platform, (platform) => approvalsOf(ws, names, platform));
  if (unasked !== undefined) tell(`${errorPaint(output)('yellow', viewOf(output).words.warning)}: ${viewOf(output).words.unasked}: ${escapeTerminal(unasked)}`, redact);
  await emit(output.format === 'json' ? toJsonDocument({ customers }) : renderApprovals(customers, viewOf(output)), output, redact);
  return exitCodes.ok;
}

export async function runAuditReview({ ws, output, redact }: CommandContext, run: string, flags: CommonFlags & { readonly reason: string; readonly key?: string }): Promise<ExitCode> {
  const { customer, approver } = await reviewRun(ws, { run, reason: flags.reason, key: flags.key });
  await emit(output.format === 'json' ? toJsonDocument({ customer, run, reviewedBy: approver }) : `${escapeTerminal(`${customer} ${run}`)} ${viewOf(output).words.reviewedBy} ${escapeTerminal(approver)}`, output, redact);
  return exitCodes.ok;
}
