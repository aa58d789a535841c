import { auditPush, type PushResult } from '../../audit-push.ts';
import { escapeTerminal } from '../../render/escape-terminal.ts';
import type { Words } from '../../render/words.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { emit, tell, toJsonDocument, viewOf } from '../output.ts';

export async function runAuditPush({ ws, output, redact }: CommandContext, customers: readonly string[], flags: CommonFlags & { readonly lockTimeout: number }): Promise<ExitCode> {
  const results = await auditPush(ws, { customers, lockTimeoutMs: flags.lockTimeout * 1000 });
  const { words } = viewOf(output);
  const failed = results.filter((each) => 'why' in each);
  if (output.format === 'json') await emit(toJsonDocument({ customers: results }), output, redact);
  else {
    for (const each of failed) if ('why' in each) tell(escapeTerminal(`${each.customer}: ${words.notPushed}: ${each.why}`), redact);
    const told = results.filter((each) => !('why' in each));
    if (told.length > 0 || failed.length === 0) await emit(told.length === 0 ? words.nothingKept : told.map((each) => lineOf(each, words)).join('\n'), output, redact);
  }
  return failed.length > 0 ? exitCodes.failure : exitCodes.ok;
}

function lineOf(each: PushResult, words: Words): string {
  if ('why' in each) return '';
  const { customer, status, records, joined = 0, both = [], unpublished, configurations } = each;
  const said = status === 'nothing' ? (configurations === true ? words.configurationsPushed : words.nothingKept) : status === 'pushed' ? words.pushed(words.nRecords(records)) : words.joined(words.nRecords(records), joined);
  return [
    `${customer}: ${said}`, ...(configurations === true && status !== 'nothing' ? [`  ${words.configurationsPushed}`] : []),
    ...(both.length === 0 ? [] : [`  ${words.bothDealt}: ${both.join(', ')}; ${words.lookAtBoth}`]),
    ...unpublished.map((commit) => `  ${words.unpublished(commit.slice(0, 12))}`),
  ].map(escapeTerminal).join('\n');
}
