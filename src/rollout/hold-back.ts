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
  /** No window holds anything back; a freeze does, unless it is ignored as well. */
  readonly emergency: boolean;
  readonly ignore?: { readonly window: boolean; readonly freeze: boolean };
}

/** What would have held these leaves back. */
export interface Passed {
  readonly state: 'window' | 'freeze';
  readonly why: string;
  /** Digests. */
  readonly leaves: readonly string[];
}

export interface HeldBack {
  /** Digests of the leaves that may be applied now. */
  readonly allowed: ReadonlySet<string>;
  readonly waiting: readonly Waiting[];
  /** What holds it back, without what only needs it; absent: nothing waits. */
  readonly reason?: Reason;
  /** When the window closes that something of what is allowed needs, milliseconds. */
  readonly closes?: number;
  /** Passed on purpose; absent: nothing was in the way. */
  readonly passed?: readonly Passed[];
}

/** Why something is not applied now, whatever it is. */
export type Reason = Pick<Waiting, 'state' | 'why' | 'until'>;

const defaultRisk: readonly RiskLevel[] = ['medium', 'high', 'critical'];
const levels: readonly RiskLevel[] = ['low', 'medium', 'high', 'critical'];

export function windowRiskOf({ approval }: Pick<SollDocument, 'approval'>): readonly RiskLevel[] {
  return approval?.windowRisk ?? defaultRisk;
}

/** Splits a plan into what may be applied now and what waits. What needs something that waits, waits with it. */
export function holdBack({ plan, settings, document, now, windowRisk, emergency, ignore = { window: false, freeze: false } }: HoldBackInput): HeldBack {
  const freeze = freezeOf(settings, document, now);
  const window = windowOf(document, now);
  const risks = new Map(plan.targets.flatMap(({ changes }) => changes.map(({ address, risk }): [Address, RiskLevel] => [address, risk])));
  const needsWindow = (leaf: Leaf): boolean => !isLedgerOnly(leaf) && window !== undefined && windowRisk.includes(riskOf(leaf, risks));
  const frozenNow = heldBy(plan.leaves, (leaf) => (freeze === undefined || isLedgerOnly(leaf) ? undefined : freezeReason(freeze, document)));
  const shut = heldBy(plan.leaves, (leaf) => (window?.open === false && needsWindow(leaf) ? windowReason(window.opens, document) : undefined));
  const passes = { freeze: ignore.freeze, window: emergency || ignore.window };
  const held = new Map([...(passes.window ? [] : shut), ...(passes.freeze ? [] : frozenNow)]);
  const allowed = plan.leaves.filter(({ digest }) => !held.has(digest));
  const closes = window?.open === true && allowed.some(needsWindow) ? window.closes : undefined;
  const passed = [
    ...(passes.freeze ? passedOf('freeze', frozenNow, held) : []), ...(passes.window ? passedOf('window', shut, held) : []),
    ...(ignore.window && closes !== undefined ? [{ state: 'window' as const, why: `the maintenance window closes ${tellTime(closes, zoneOf(document)).en}`, leaves: allowed.filter(needsWindow).map(({ digest }) => digest) }] : []),
  ];
  const reason = plan.leaves.map(({ digest }) => held.get(digest)).find((each) => each !== undefined && !each.dependant);
  return {
    allowed: new Set(allowed.map(({ digest }) => digest)),
    waiting: plan.leaves.flatMap((leaf) => {
      const why = held.get(leaf.digest);
      return why === undefined ? [] : [waitingOf(plan.customer, leaf, why.reason)];
    }),
    ...(reason === undefined ? {} : { reason: reason.reason }),
    ...(closes === undefined || passes.window ? {} : { closes }),
    ...(passed.length === 0 ? {} : { passed }),
  };
}

interface Hold {
  readonly reason: Reason;
  /** It only needs something that is held. */
  readonly dependant: boolean;
}

/** By digest: what a reason holds, and what needs that. */
function heldBy(leaves: readonly Leaf[], reasonOf: (leaf: Leaf) => Reason | undefined): ReadonlyMap<string, Hold> {
  const held = new Map<string, Hold>();
  for (const leaf of leaves) {
    const reason = reasonOf(leaf);
    if (reason !== undefined) held.set(leaf.digest, { reason, dependant: false });
  }
  holdDependants(leaves, held);
  return held;
}

/** What is not held by anything else. */
function passedOf(state: Passed['state'], would: ReadonlyMap<string, Hold>, held: ReadonlyMap<string, Hold>): readonly Passed[] {
  const leaves = [...would.keys()].filter((digest) => !held.has(digest));
  const first = [...would.values()].find(({ dependant }) => !dependant);
  return first === undefined || leaves.length === 0 ? [] : [{ state, why: first.reason.why.en, leaves }];
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

function holdDependants(leaves: readonly Leaf[], held: Map<string, Hold>): void {
  const byDigest = new Map(leaves.map((leaf) => [leaf.digest, leaf]));
  for (let before = -1; before !== held.size; ) {
    before = held.size;
    for (const { digest, after } of leaves) {
      const cause = held.has(digest) ? undefined : after.find((needed) => held.has(needed));
      const hold = cause === undefined ? undefined : held.get(cause);
      if (cause !== undefined && hold !== undefined) held.set(digest, { reason: dependant(byDigest.get(cause), hold.reason), dependant: true });
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
