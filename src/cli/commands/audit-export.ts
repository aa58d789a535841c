import { exportEvidence } from '../../audit-export.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';

export interface AuditExportFlags extends CommonFlags {
  readonly since?: string;
  readonly until?: string;
  readonly broken?: boolean;
}

/** `folder`: what --out named; here it is no file. */
export async function runAuditExport({ ws, output, redact }: CommandContext, customers: readonly string[], flags: AuditExportFlags, folder: string | undefined): Promise<ExitCode> {
  const refuse = (text: string, code: ExitCode): ExitCode => {
    tell(`soll: ${text}`, redact);
    return code;
  };
  if (folder === undefined) return refuse('an evidence pack is a folder: name a new one with --out', exitCodes.invalid);
  const { since, until } = flags;
  const result = await exportEvidence(ws, { customers, folder, language: output.language, broken: flags.broken === true, ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) });
  if (result.status === 'invalid') return refuse(escapeTerminal(result.why), exitCodes.invalid);
  if (result.status === 'broken') {
    for (const { problems } of result.customers) for (const { customer, code, message } of problems) tell(escapeTerminal(`${customer ?? ''}: ${message} [${code}]`), redact);
    return refuse('the records cannot be believed; no evidence was written. Find out who did that; --broken writes a pack that begins with these findings', exitCodes.failure);
  }
  const { words } = viewOf(output);
  for (const { verification } of result.pack.customers) for (const { customer, code, message } of verification.problems) tell(escapeTerminal(`${customer ?? ''}: ${message} [${code}]`), redact);
  const found = result.pack.customers.map(({ customer, population, verification }) => ({ customer, ...population, head: verification.head, problems: verification.problems }));
  const text = output.format === 'json' ? toJsonDocument({ folder, files: result.files, customers: found })
    : [...found.map(({ customer, runsInPeriod, recordsInPeriod, head }) => `${escapeTerminal(customer)}: ${words.nRuns(runsInPeriod)}, ${words.nRecords(recordsInPeriod)} ${escapeTerminal(head)}`), ...result.files.map((file) => escapeTerminal(`${folder}/${file}`))].join('\n');
  await emit(text, output, redact);
  // Broken records were asked for; what was found stands first in the pack.
  return exitCodes.ok;
}
