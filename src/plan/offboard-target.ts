/** The customer leaves: what this target's plan consists of then, whatever else is written. Pure. */
import { parseAddress, type Address, type Capabilities, type Change, type Kind, type Live, type Target } from '#contract';
import { compareText } from '#core/canonical';
import type { LedgerEntry, Offboarding } from '#core/model';
import { projectOwned } from '#core/project-owned';
import { matchesPattern } from '#core/match-pattern';
import { labelUnnamed, naturalKeyOf } from '#core/natural-key';
import type { Comparison } from './compare-target.ts';

export interface OffboardInput {
  readonly act: Offboarding['act'];
  readonly target: Target;
  readonly capabilities: Capabilities;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly live: readonly Live[];
  readonly ledger: Readonly<Record<Address, LedgerEntry>>;
  readonly protected: readonly string[];
}

/** `release`: let go of everything. `remove`: delete what soll applied and may delete, let go of the rest. Foreign objects are nobody's concern any more. */
export function offboardTarget(input: OffboardInput): Comparison {
  const changes: Change[] = [];
  const ledgerOnly: Change[] = [];
  const names = (Object.entries(input.ledger) as [Address, LedgerEntry][]).flatMap(([address, { spec }]): [string, Address][] => {
    const key = naturalKeyOf(input.kinds, address, spec);
    return key === undefined ? [] : [[key, address]];
  });
  const labelled = labelUnnamed(input.kinds, input.live, new Map(names));
  const live = new Map(labelled.filter(({ recoverable }) => recoverable === undefined).map((each) => [each.address, each]));
  for (const [address, entry] of (Object.entries(input.ledger) as [Address, LedgerEntry][]).sort(([a], [b]) => compareText(a, b))) {
    const found = input.act === 'remove' ? live.get(address) : undefined;
    if (found === undefined || entry.lost === true || !isDeletable(input, address, found)) ledgerOnly.push({ verb: 'release', address, reason: 'removed', before: entry.spec });
    else changes.push({ verb: 'delete', address, reason: 'removed', before: projectOwned(input.kinds.get(parseAddress(address).kind)?.schema ?? {}, found.spec, entry.spec), handle: found.handle });
  }
  return { changes, ledgerOnly, findings: [], problems: [], compared: changes.length + ledgerOnly.length, live: labelled };
}

/** What is protected, observed, the system's own or beyond the provider stays where it is. */
function isDeletable({ target, capabilities, protected: patterns }: OffboardInput, address: Address, live: Live): boolean {
  const { kind } = parseAddress(address);
  const mode = target.manages[kind] ?? 'observe';
  return mode !== 'observe' && live.origin !== 'system' && live.readOnly === undefined && live.undeletable === undefined
    && (capabilities.kinds[kind]?.verbs ?? []).includes('delete') && !patterns.some((pattern) => matchesPattern(pattern, address));
}
