import { closedUnderNeeds } from '#core/closed-under-needs';
import { merkleRoot } from '#core/merkle-root';
import type { Leaf, Plan } from '#core/model';

/** What was approved, by leaves; absent when only the digest is known. */
export interface Approved {
  readonly digest: string;
  readonly leaves?: readonly Leaf[];
}

export interface StaleLeaf {
  readonly leaf: string;
  readonly addresses: readonly Leaf['addresses'][number][];
  readonly why: string;
}

export interface Match {
  /** Digests of the leaves that may be applied. */
  readonly apply: ReadonlySet<string>;
  /** Approved once, not found again. */
  readonly stale: readonly StaleLeaf[];
  /** In this plan and never approved. */
  readonly unapproved: readonly Leaf[];
}

/** Leaves only name an approved plan when they add up to its digest. */
export function leavesMatchDigest({ digest, leaves }: Approved): boolean {
  return leaves !== undefined && merkleRoot(leaves.map((leaf) => leaf.digest)) === digest;
}

/**
 * What was approved and is still identical. A leaf holds the digests of its predecessors, so a leaf that depends on a stale one has
 * another digest itself and stops too.
 */
export function matchApproval(plan: Plan, approved: Approved): Match {
  if (plan.digest === approved.digest) return { apply: new Set(plan.leaves.map(({ digest }) => digest)), stale: [], unapproved: [] };
  const old = leavesMatchDigest(approved) ? (approved.leaves ?? []) : [];
  const now = new Map(plan.leaves.map((leaf) => [leaf.digest, leaf]));
  const wanted = new Set(old.map(({ digest }) => digest));
  const touched = new Set(plan.leaves.flatMap(({ addresses }) => addresses));
  const found = old.map(({ digest }) => digest).filter((digest) => now.has(digest));
  // Whoever approved a part may have left out what it needs: then that part is not applied, and nothing says that it would be.
  const apply = closedUnderNeeds(plan.leaves, new Set(found));
  const lacking = [...new Set(found)].filter((digest) => !apply.has(digest)).flatMap((digest) => now.get(digest) ?? []);
  return {
    apply,
    stale: [...lacking.map(({ digest, addresses }) => ({ leaf: digest, addresses, why: 'needs a change that was not approved' })), ...old.filter(({ digest }) => !now.has(digest)).map((leaf) => ({
      leaf: leaf.digest, addresses: leaf.addresses,
      why: leaf.addresses.some((address) => touched.has(address)) ? 'changed since it was approved' : 'no longer part of the plan',
    }))],
    unapproved: plan.leaves.filter(({ digest }) => !wanted.has(digest)),
  };
}
