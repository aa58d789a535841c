import { parseAddress, type Address, type Change, type Desired, type Kind, type Problem } from '#contract';
import { keyText, naturalKeyOf } from '#core/natural-key';
import type { Ledger } from '#core/model';
import type { SiteOf } from './order-changes.ts';

export interface UnseenInput {
  readonly customer: string;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly changes: readonly Change[];
  readonly desired: readonly Desired[];
  readonly ledger: Ledger;
  /** Targets that were asked and did not answer. */
  readonly unreachable: readonly string[];
  readonly siteOf: SiteOf;
}

/** What changes need on a target of their site that does not answer and never had it as far as the records go. Told, because nothing can wait for it. */
export function unseenNeeds({ customer, kinds, changes, desired, ledger, unreachable, siteOf }: UnseenInput): readonly Problem[] {
  const missing = new Map<string, { readonly target: string; readonly address: Address }>();
  for (const { address, spec } of desired) {
    const { target } = parseAddress(address);
    const key = unreachable.includes(target) ? naturalKeyOf(kinds, address, spec) : undefined;
    if (key !== undefined && !isRecorded(ledger, kinds, target, key)) missing.set(`${siteOf(target) ?? ''} ${key}`, { target, address });
  }
  if (missing.size === 0) return [];
  const told = new Map<string, Problem>();
  for (const change of changes) {
    const { kind, target } = parseAddress(change.address);
    for (const reference of change.after === undefined ? [] : kinds.get(kind)?.references(change.after) ?? []) {
      const found = reference.siteWide === true ? missing.get(`${siteOf(target) ?? ''} ${keyText(reference.kind, reference.name)}`) : undefined;
      if (found === undefined || found.target === target) continue;
      const { name } = parseAddress(found.address);
      told.set(`${found.target} ${name}`, {
        code: 'plan.unseen-need', severity: 'warning', customer, target: found.target, address: found.address,
        message: `${reference.kind} ${name} is needed by changes on ${target}, and ${found.target} does not answer: it may be missing there`,
        hint: `apply again when ${found.target} is back; what is behind it may be cut off until then`,
      });
    }
  }
  return [...told.values()];
}

function isRecorded({ entries }: Ledger, kinds: ReadonlyMap<string, Kind>, target: string, key: string): boolean {
  return (Object.keys(entries) as Address[]).some((address) => parseAddress(address).target === target && naturalKeyOf(kinds, address, entries[address]?.spec) === key);
}
