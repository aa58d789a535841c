import { parseAddress, type Change, type Problem } from '#contract';
import { compareText } from '#core/canonical';
import { matchesPattern } from '#core/match-pattern';
import type { Ledger, Limits } from '#core/model';

export interface GateInput {
  readonly customer: string;
  readonly target: string;
  readonly changes: readonly Change[];
  readonly ledger: Ledger;
  readonly limits: Limits;
  /** Of the desired state; those of the ledger count as well. */
  readonly protected: readonly string[];
  /** Deletes that the operator allows by number. */
  readonly allowDeletes: number;
}

/** Blast radius: deletes per kind, and what no plan may touch. */
export function checkGates(input: GateInput): readonly Problem[] {
  return [...deleteGate(input), ...protectedGate(input)];
}

function deleteGate({ customer, target, changes, ledger, limits, allowDeletes }: GateInput): readonly Problem[] {
  const deletes = changes.filter(({ verb }) => verb === 'delete');
  if (deletes.length <= allowDeletes) return [];
  const kinds = [...new Set(deletes.map(({ address }) => parseAddress(address).kind))].sort(compareText);
  return kinds.flatMap((kind): Problem[] => {
    const count = deletes.filter(({ address }) => parseAddress(address).kind === kind).length;
    const owned = Object.keys(ledger.entries).filter((address) => address.startsWith(`${customer}/${target}/${kind}/`)).length;
    if (count <= limits.deletes || count <= limits.deleteShare * owned) return [];
    return [{
      code: 'gate.deletes', severity: 'error', gate: true, customer, target,
      message: `${String(count)} of ${String(owned)} ${kind} on ${target} would be deleted; more than ${String(limits.deletes)} and more than ${String(Math.round(limits.deleteShare * 100))} % stop here`,
      hint: `if that is meant: --allow-deletes ${String(deletes.length)}, or remove the whole key to let go of them without deleting`,
    }];
  });
}

function protectedGate(input: GateInput): readonly Problem[] {
  const patterns = [...new Set([...input.protected, ...input.ledger.protected])];
  return input.changes.flatMap((change): Problem[] => {
    // Putting back what was applied is what protection wants.
    if (change.verb === 'create' || (change.verb === 'update' && (change.reason === 'drift' || change.reason === 'replaced') && change.was === undefined)) return [];
    const pattern = patterns.find((candidate) => matchesPattern(candidate, change.was ?? change.address));
    if (pattern === undefined) return [];
    const { name, kind } = parseAddress(change.was ?? change.address);
    return [{
      code: 'gate.protected', severity: 'error', gate: true, customer: input.customer, target: input.target, address: change.address,
      message: `${kind} ${name} is protected by ${pattern} and cannot be ${change.verb === 'delete' ? 'deleted' : 'changed'}`,
      hint: 'remove the pattern from `protected` in customer.yaml first; that takes effect one run later',
    }];
  });
}
