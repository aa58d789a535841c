import { offboardCustomer } from '../../edit-customer.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { CommandContext, CommonFlags } from '../make-workspace.ts';
import { tell } from '../output.ts';
import { showEdit } from '../show-edit.ts';

export interface OffboardFlags extends CommonFlags {
  readonly release?: boolean;
  readonly remove?: boolean;
  readonly reason: string;
  readonly ticket?: string;
}

export async function runOffboard({ ws, output, redact }: CommandContext, customer: string, flags: OffboardFlags): Promise<ExitCode> {
  if ((flags.release === true) === (flags.remove === true)) {
    tell('soll: say either --release (let go of everything, touch nothing) or --remove (delete what soll applied)', redact);
    return exitCodes.invalid;
  }
  const result = await offboardCustomer(ws, { customer, act: flags.release === true ? 'release' : 'remove', reason: flags.reason, ...(flags.ticket === undefined ? {} : { ticket: flags.ticket }) });
  return showEdit(result, output, redact);
}
