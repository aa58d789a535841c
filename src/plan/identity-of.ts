/** Who a target is accepted to be, against whom something was applied to last. Pure. */
import { toAddress, type Address, type Change, type Problem } from '#contract';
import { compareText } from '#core/canonical';
import { newPins } from '#core/new-pins';
import type { Ledger, LedgerEntry, TargetEntry } from '#core/model';

export interface IdentityStep {
  readonly change: Change;
  /** Somebody is let in who was not before; absent where pins are only taken away. */
  readonly stranger: boolean;
  /** Nobody says why: the target is not even asked, because asking would send it the customer's credentials. */
  readonly problem?: Problem;
}

/** `undefined`: known by the same pins as before, or nothing was ever applied there. */
export function identityOf({ target, replaced, source }: TargetEntry, ledger: Pick<Ledger, 'identities'>): IdentityStep | undefined {
  const known = ledger.identities?.[target.name]?.pins;
  if (known === undefined) return undefined;
  const { customer, name } = target;
  const now = [...target.identity].sort(compareText);
  const added = newPins(now, known);
  if (added.length === 0 && now.length === known.length) return undefined;
  const stranger = added.length > 0;
  // An act explains one step: it does not cover the next device.
  const why = stranger && replaced !== undefined && samePins(replaced.was, known) ? replaced : undefined;
  const change: Change = {
    verb: 'identify', address: toAddress({ customer, target: name, kind: 'identity', name }), reason: why === undefined ? 'changed' : 'replaced', before: { identity: known },
    after: { identity: now, ...(why === undefined ? {} : { why: why.reason, ...(why.ticket === undefined ? {} : { ticket: why.ticket }) }) },
  };
  if (!stranger || why !== undefined) return { change, stranger };
  return {
    change, stranger,
    problem: {
      code: 'identity.changed', severity: 'error', gate: true, customer, target: name, address: change.address, source,
      message: `CRITICAL: ${name} would be trusted as ${added.join(', ')}; until now it was ${known.join(', ')}, and nobody says why. It was not asked and nothing is sent to it`,
      hint: `if the device was replaced: compare the pin on the device itself, then soll replace ${customer} ${name} ${now.map((pin) => `--identity ${pin}`).join(' ')} --reason TEXT; if it was not, put the old pin back and find out who changed it`,
    },
  };
}

function samePins(a: readonly string[], b: readonly string[]): boolean {
  return newPins(a, b).length === 0 && newPins(b, a).length === 0;
}

/** A new device holds nothing of what was applied to the one before, as far as anybody knows. */
export function asLost(entries: Readonly<Record<Address, LedgerEntry>>): Readonly<Record<Address, LedgerEntry>> {
  return Object.fromEntries(Object.entries(entries).map(([address, entry]) => [address, { ...entry, lost: true }]));
}
