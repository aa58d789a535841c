import { auditWords } from '../../render/audit-words.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderStatus, renderStatusMarkdown } from '../../render/render-status.ts';
import { fleetStatus } from '../../status.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';

export async function runStatus({ ws, output, redact }: CommandContext, names: readonly string[], flags: CommonFlags & { readonly detailedExitcode?: boolean }): Promise<ExitCode> {
  const { customers, unknown } = await fleetStatus(ws, names);
  const view = viewOf(output);
  for (const name of unknown) tell(`soll: ${escapeTerminal(auditWords(output.language).unknownCustomer(name))}`, redact);
  if (unknown.length > 0) return exitCodes.invalid;
  const shown = output.quiet ? customers.filter(({ state }) => state !== 'clean') : customers;
  const text = output.format === 'json' ? toJsonDocument({ customers: shown }) : output.format === 'markdown' ? renderStatusMarkdown(shown, view) : renderStatus(shown, view);
  await emit(text, output, redact);
  return flags.detailedExitcode === true && customers.some(({ state }) => state !== 'clean') ? exitCodes.changes : exitCodes.ok;
}
