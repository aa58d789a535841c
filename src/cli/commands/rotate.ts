import { userInfo } from 'node:os';
import type { CredentialName } from '#contract';
import type { RotationPreview } from '#core/rotation-preview';
import { rotate } from '../../rotate.ts';
import { renderRotation } from '../../render/render-rotation.ts';
import { askLine } from '../ask-line.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { tell, viewOf } from '../output.ts';
import { reportApply } from './apply.ts';

export interface RotateFlags extends CommonFlags {
  readonly credential: CredentialName;
  readonly reason?: string;
  readonly approver?: string;
  readonly lockTimeout?: number;
  readonly yes?: boolean;
}

export async function runRotate(context: CommandContext, customer: string, target: string, { credential, reason, approver, lockTimeout, yes }: RotateFlags): Promise<ExitCode> {
  const { ws, output, redact } = context;
  const view = viewOf(output);
  const asks = yes !== true && process.stdin.isTTY && output.format !== 'json';
  let shown: RotationPreview | undefined;
  const result = await rotate(ws, {
    customer, target, credential, approver: approver ?? process.env['SOLL_APPROVER'] ?? userInfo().username, lockTimeoutMs: (lockTimeout ?? 180) * 1000, yes: yes === true, ...(reason === undefined ? {} : { reason }),
    explain: (explanation) => {
      shown = explanation;
      tell(`${renderRotation(explanation, view)}\n`, redact);
    },
    ...(asks ? { confirm: async () => (await askLine(`${view.words.questionRotate} `, ws.signal)) === customer } : {}),
  });
  context.done();
  const code = await reportApply(context, result, { detailed: false, told: new Set(), hints: { notApproved: view.words.hintRotate, approve: view.words.hintApproveRotate }, ...(shown === undefined ? {} : { more: { explanation: shown } }) });
  return result.unreachable === true && code === exitCodes.invalid ? exitCodes.unreachable : code;
}
