import type { Address, RiskLevel } from '#contract';
import type { CustomerDocument, SollDocument } from '#generated/types';
import type { Leaf, Plan, Waiting } from '#core/model';
import { freezeOf, type Freeze } from './freeze-of.ts';
import { tellTime } from './local-time.ts';
import { windowOf, zoneOf } from './window-of.ts';

export interface HoldBackInput {
  readonly plan: Plan;
  readonly settings: Pick<SollDocument, 'freeze'>;
  readonly document: Pick<CustomerDocument, 'freeze' | 'maintenance' | 'timezone'>;
  /** Milliseconds; the clock once per command. */
  readonly now: number;
  readonly windowRisk: readonly RiskLevel[];
  /** Neither a freeze nor a window holds anything back. */
  readonly emergency: boolean;
}

export interface HeldBack {
  /** Digests of the leaves that may be applied now. */
  readonly allowed: ReadonlySet<string>;
  readonly waiting: readonly Waiting[];
  /** What holds it back, without what only needs it; absent: nothing waits. */
  readonly reason?: Reason;
  /** When the window closes that something of what is allowed needs, milliseconds. */
  readonly closes?: number;
}

/** Why something is not applied now, whatever it is. */
export type Reason = Pick<Waiting, 'state' | 'why' | 'until'>;

const defaultRisk: readonly RiskLevel[] = ['medium', 'high', 'critical'];
const levels: readonly RiskLevel[] = ['low', 'medium', 'high', 'critical'];

export function windowRiskOf({ approval }: Pick<SollDocument, 'approval'>): readonly RiskLevel[] {
  return approval?.windowRisk ?? defaultRisk;
}

/** Splits a plan into what may be applied now and what waits. What needs something that waits, waits with it. */
export function holdBack({ plan, settings, document, now, windowRisk, emergency }: HoldBackInput): HeldBack {
  const freeze = emergency ? undefined : freezeOf(settings, document, now);
  const window = emergency ? undefined : windowOf(document, now);
  const risks = new Map(plan.targets.flatMap(({ changes }) => changes.map(({ address, risk }): [Address, RiskLevel] => [address, risk])));
  const needsWindow = (leaf: Leaf): boolean => !isLedgerOnly(leaf) && window !== undefined && windowRisk.includes(riskOf(leaf, risks));
  const held = new Map<string, Reason>();
  for (const leaf of plan.leaves) {
    if (freeze !== undefined && !isLedgerOnly(leaf)) held.set(leaf.digest, freezeReason(freeze, document));
    else if (needsWindow(leaf) && window?.open === false) held.set(leaf.digest, windowReason(window.opens, document));
  }
  const [reason] = held.values();
  holdDependants(plan.leaves, held);
  const allowed = plan.leaves.filter(({ digest }) => !held.has(digest));
  return {
    allowed: new Set(allowed.map(({ digest }) => digest)),
    waiting: plan.leaves.flatMap((leaf) => {
      const why = held.get(leaf.digest);
      return why === undefined ? [] : [waitingOf(plan.customer, leaf, why)];
    }),
    ...(reason === undefined ? {} : { reason }),
    ...(window?.open === true && window.closes !== undefined && allowed.some(needsWindow) ? { closes: window.closes } : {}),
  };
}

export function waitingOf(customer: string, { target, digest, addresses }: Pick<Leaf, 'target' | 'digest' | 'addresses'>, reason: Reason): Waiting {
  return { customer, target, leaf: digest, addresses, ...reason };
}

/** Adopt and release: no device is spoken to. */
function isLedgerOnly({ batch }: Leaf): boolean {
  return batch.endsWith('/ledger');
}

/** The highest of its changes; what nobody has judged counts as the worst. */
function riskOf({ addresses }: Leaf, risks: ReadonlyMap<Address, RiskLevel>): RiskLevel {
  const found = addresses.map((address) => risks.get(address) ?? 'critical');
  return levels[Math.max(...found.map((risk) => levels.indexOf(risk)))] ?? 'critical';
}

function holdDependants(leaves: readonly Leaf[], held: Map<string, Reason>): void {
  const byDigest = new Map(leaves.map((leaf) => [leaf.digest, leaf]));
  for (let before = -1; before !== held.size; ) {
    before = held.size;
    for (const { digest, after } of leaves) {
      const cause = held.has(digest) ? undefined : after.find((needed) => held.has(needed));
      const reason = cause === undefined ? undefined : held.get(cause);
      if (cause !== undefined && reason !== undefined) held.set(digest, dependant(byDigest.get(cause), reason));
    }
  }
}

function dependant(cause: Leaf | undefined, { state, why, until }: Reason): Reason {
  const name = cause?.addresses[0] ?? '';
  return { state, why: { en: `needs ${name}: ${why.en}`, de: `braucht ${name}: ${why.de}` }, ...(until === undefined ? {} : { until }) };
}

export function freezeReason({ scope, reason, ends }: Freeze, document: HoldBackInput['document']): Reason {
  const whose = scope === 'fleet' ? { en: 'everything is frozen', de: 'alles ist eingefroren' } : { en: 'the customer is frozen', de: 'der Kunde ist eingefroren' };
  if (ends === undefined) return { state: 'freeze', why: { en: `${whose.en} (${reason})`, de: `${whose.de} (${reason})` } };
  const time = tellTime(ends, zoneOf(document));
  return { state: 'freeze', why: { en: `${whose.en} until ${time.en} (${reason})`, de: `${whose.de} bis ${time.de} (${reason})` }, until: new Date(ends).toISOString() };
}

export function windowReason(opens: number, document: HoldBackInput['document']): Reason {
  const time = tellTime(opens, zoneOf(document));
  return { state: 'window', why: { en: `waits for the maintenance window, which opens ${time.en}`, de: `wartet auf das Wartungsfenster, es beginnt ${time.de}` }, until: new Date(opens).toISOString() };
}
