import { agentOnce } from '../../agent.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext } from '../make-workspace.ts';
import { applyOptionsOf, reportApply, type ApplyFlags } from './apply.ts';
import { tell } from '../output.ts';

/** One round of pull mode; asks nobody. */
export async function runAgent(context: CommandContext, customers: readonly string[], flags: ApplyFlags): Promise<ExitCode> {
  const person = flags.emergency === true || flags.yes === true ? 'an emergency is signed by a person: soll apply --emergency'
    : flags.offlineRecord === true || flags.ignoreWindow === true || flags.ignoreFreeze === true ? 'that the remote, a window or a freeze is passed over is for a person to decide: soll apply' : undefined;
  if (person !== undefined) {
    tell(`soll: ${person}`, context.redact);
    return exitCodes.invalid;
  }
  const result = await agentOnce(context.ws, applyOptionsOf(customers, flags, context.ws.env));
  context.done();
  const { moved } = result;
  const words = moved === undefined ? '' : `${moved.branch} ${moved.from === moved.to ? moved.to.slice(0, 12) : `${moved.from.slice(0, 12)} → ${moved.to.slice(0, 12)}`}`;
  return reportApply(context, result, { detailed: flags.detailedExitcode === true, told: new Set(), head: words, more: moved === undefined ? {} : { moved } });
}
