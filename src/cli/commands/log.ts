import { parsePeriod } from '#core/period';
import { log, resourceLog, verifyAudit } from '../../pipeline.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderHistory, renderHistoryMarkdown } from '../../render/render-history.ts';
import { renderLog, renderLogMarkdown, renderVerification } from '../../render/render-log.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';

export interface LogFlags extends CommonFlags {
  readonly limit?: number;
  readonly since?: string;
  readonly until?: string;
  readonly resource?: string;
  readonly offline?: boolean;
}

export async function runLog({ ws, output, redact }: CommandContext, customers: readonly string[], flags: LogFlags): Promise<ExitCode> {
  const refuse = (text: string): ExitCode => {
    tell(`soll: ${escapeTerminal(text)}`, redact);
    return exitCodes.invalid;
  };
  const period = parsePeriod(flags.since, flags.until);
  if (typeof period === 'string') return refuse(period);
  const { resource, limit } = flags;
  const options = { customers, period, offline: flags.offline === true, ...(limit === undefined ? {} : { limit }) };
  const view = viewOf(output);
  if (resource === undefined) {
    const { entries } = await log(ws, options);
    const text = output.format === 'json' ? toJsonDocument({ runs: entries }) : output.format === 'markdown' ? renderLogMarkdown(entries, view.words) : renderLog(entries, view);
    await emit(text, output, redact);
    return exitCodes.ok;
  }
  if (resource.split('/').filter((part) => part !== '').length < 3) return refuse(`--resource ${resource} names no resource; write target/kind/name, for example m365/user/anna@example.de, or an address as plans have it`);
  const { versions } = await resourceLog(ws, { ...options, resource });
  await emit(output.format === 'json' ? toJsonDocument({ versions }) : output.format === 'markdown' ? renderHistoryMarkdown(versions, view.words, view.language) : renderHistory(versions, view), output, redact);
  return exitCodes.ok;
}

export async function runAuditVerify({ ws, output, redact }: CommandContext, names: readonly string[], { offline = false }: { readonly offline?: boolean }): Promise<ExitCode> {
  const { customers } = await verifyAudit(ws, { customers: names, offline });
  await emit(output.format === 'json' ? toJsonDocument({ customers }) : renderVerification(customers, viewOf(output)), output, redact);
  return customers.some(({ problems }) => problems.length > 0) ? exitCodes.failure : exitCodes.ok;
}
