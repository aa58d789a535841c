import { log, verifyAudit } from '../../pipeline.ts';
import { renderLog, renderLogMarkdown, renderVerification } from '../../render/render-log.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, toJsonDocument, viewOf } from '../output.ts';

export async function runLog({ ws, output, redact }: CommandContext, customers: readonly string[], flags: CommonFlags & { readonly limit?: number }): Promise<ExitCode> {
  const { entries } = await log(ws, { customers, ...(flags.limit === undefined ? {} : { limit: flags.limit }) });
  const view = viewOf(output);
  const text = output.format === 'json' ? toJsonDocument({ runs: entries }) : output.format === 'markdown' ? renderLogMarkdown(entries, view.words) : renderLog(entries, view);
  await emit(text, output, redact);
  return exitCodes.ok;
}

export async function runAuditVerify({ ws, output, redact }: CommandContext, names: readonly string[]): Promise<ExitCode> {
  const { customers } = await verifyAudit(ws, { customers: names });
  await emit(output.format === 'json' ? toJsonDocument({ customers }) : renderVerification(customers, viewOf(output)), output, redact);
  return customers.some(({ problems }) => problems.length > 0) ? exitCodes.failure : exitCodes.ok;
}
