import { withPlatform } from '../../open-platform.ts';
import { auditWords } from '../../render/audit-words.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { renderStatus, renderStatusMarkdown } from '../../render/render-status.ts';
import { fleetStatus } from '../../status.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, errorPaint, tell, toJsonDocument, viewOf } from '../output.ts';
import type { PlatformFlags } from './apply.ts';

export async function runStatus({ ws, output, redact }: CommandContext, names: readonly string[], flags: CommonFlags & PlatformFlags & { readonly detailedExitcode?: boolean }): Promise<ExitCode> {
  const { platform, repository } = flags;
  // From Git alone, unless somebody asks for more.
  const host = platform === undefined ? undefined : { name: platform, ...(repository === undefined ? {} : { repository }) };
  const { asOf, customers, unknown, unasked } = await withPlatform(ws, host, (open) => fleetStatus(ws, names, open));
  const view = viewOf(output);
  for (const name of unknown) tell(`soll: ${escapeTerminal(auditWords(output.language).unknownCustomer(name))}`, redact);
  if (unknown.length > 0) return exitCodes.invalid;
  if (unasked !== undefined) tell(`${errorPaint(output)('yellow', view.words.warning)}: ${view.words.unasked}: ${escapeTerminal(unasked)}`, redact);
  const shown = output.quiet ? customers.filter(({ state }) => state !== 'clean') : customers;
  const told = { asOf, customers: shown, reviews: host !== undefined && unasked === undefined };
  const text = output.format === 'json' ? toJsonDocument(told) : output.format === 'markdown' ? renderStatusMarkdown(told, view) : renderStatus(told, view);
  await emit(text, output, redact);
  return flags.detailedExitcode === true && customers.some(({ state }) => state !== 'clean') ? exitCodes.changes : exitCodes.ok;
}
