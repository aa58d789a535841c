import { merkleRoot } from './merkle-root.ts';
import { sha256 } from './sha256.ts';

/** Plans of several customers that are approved as one. */
export interface PlanSet {
  /** `sha256:<hex>`. */
  readonly digest: string;
  /** Digest of each customer's plan. */
  readonly customers: Readonly<Record<string, string>>;
}

/**
 * One digest over a set of plans: the Merkle root over customers with the digests of their plans. Whoever knows it and the list can tell by
 * calculation alone whether a plan was in the set.
 */
export function fleetDigest(customers: PlanSet['customers']): string {
  return merkleRoot(Object.entries(customers).map(([customer, digest]) => sha256(`soll-customer\n${customer}\n${digest}`)));
}

/** Of the plans that change something; `undefined` when that is less than two: one is approved by its own digest. */
export function planSetOf(plans: readonly { readonly customer: string; readonly digest: string; readonly leaves: readonly unknown[] }[]): PlanSet | undefined {
  const changing = plans.filter(({ leaves }) => leaves.length > 0).map(({ customer, digest }) => [customer, digest] as const);
  if (changing.length < 2) return undefined;
  const customers = Object.fromEntries(changing.sort(([a], [b]) => (a < b ? -1 : 1)));
  return { digest: fleetDigest(customers), customers };
}
