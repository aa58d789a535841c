import type { KeptStanding } from '#core/config-backup';
import type { FirmwareNote } from '#core/firmware';
import type { PlanTold } from './workspace.ts';

/** What is told beside plans, in one list each for JSON; absent where there is nothing to tell. */
export interface ToldBeside {
  readonly firmware?: readonly (FirmwareNote & { readonly customer: string })[];
  readonly kept?: readonly (KeptStanding & { readonly customer: string })[];
}

export function toldBeside({ firmware, kept }: Pick<PlanTold, 'firmware' | 'kept'>): ToldBeside {
  return { ...(firmware.size === 0 ? {} : { firmware: listed(firmware) }), ...(kept.size === 0 ? {} : { kept: listed(kept) }) };
}

function listed<T extends object>(byCustomer: ReadonlyMap<string, readonly T[]>): readonly (T & { readonly customer: string })[] {
  return [...byCustomer].flatMap(([customer, each]) => each.map((one) => ({ customer, ...one })));
}
