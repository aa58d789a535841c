import { isWholeConfiguration, parseAddress, type Address, type Batch, type Change, type Json, type JsonObject, type Kind } from '#contract';
import { canonicalJson } from '#core/canonical-json';
import type { Leaf, Ledger } from '#core/model';
import { merkleRoot } from '#core/merkle-root';
import { sha256 } from '#core/sha256';

export interface LeafInput {
  readonly tool: string;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly targets: readonly { readonly target: string; readonly provider: string; readonly pin: string; readonly batches: readonly Batch[]; readonly ledgerOnly: readonly Change[] }[];
  readonly before: ReadonlyMap<Address, readonly Address[]>;
  readonly ledger: Ledger;
}

interface Draft {
  readonly target: string;
  readonly batch: string;
  readonly unit: Leaf['unit'];
  readonly identity: JsonObject;
  readonly changes: readonly Change[];
}

function changeContent(kinds: ReadonlyMap<string, Kind>, change: Change, named: (address: Address) => string): JsonObject {
  return {
    verb: change.verb,
    address: named(change.address),
    schema: kinds.get(parseAddress(change.address).kind)?.schemaVersion ?? 0,
    ...(change.before === undefined ? {} : { before: change.before }),
    ...(change.after === undefined ? {} : { after: change.after }),
    ...(change.was === undefined ? {} : { was: named(change.was) }),
    ...(change.restore === undefined ? {} : { restore: change.restore }),
  };
}

/** Kind and name: what is the same at another customer. */
function relative(address: Address): string {
  return address.split('/').slice(2).join('/');
}

/**
 * What is approved as one: each change, or the batch of a target that commits at once. A leaf's digest holds who is spoken to, what
 * is done, which run was there last and the digests of what must be done before, so that a change of a predecessor makes it stale as well.
 */
export function makeLeaves(input: LeafInput): readonly Leaf[] {
  const drafts = input.targets.flatMap(({ target, provider, pin, batches, ledgerOnly }): Draft[] => {
    const identity: JsonObject = { provider, pin };
    return [
      ...batches.flatMap((batch): Draft[] => isWholeConfiguration(batch.atomicity)
        ? [{ target, batch: batch.id, unit: 'batch', identity, changes: batch.changes }]
        : batch.changes.map((change): Draft => ({ target, batch: batch.id, unit: 'change', identity, changes: [change] }))),
      ...ledgerOnly.map((change): Draft => ({ target, batch: `${target}/ledger`, unit: 'change', identity, changes: [change] })),
    ];
  });
  const owner = new Map(drafts.filter(({ batch }) => !batch.endsWith('/ledger')).flatMap((draft) => draft.changes.map(({ address }): [Address, Draft] => [address, draft])));
  const made = new Map<Draft, Leaf>();
  const build = (draft: Draft, path: readonly Draft[]): Leaf => {
    const known = made.get(draft);
    if (known !== undefined) return known;
    const needed = new Set(draft.changes.flatMap(({ address }) => input.before.get(address) ?? []).flatMap((address) => owner.get(address) ?? []).filter((other) => other !== draft && !path.includes(other)));
    const after = [...needed].map((other) => build(other, [...path, draft]));
    const leaf = finish(input, draft, after);
    made.set(draft, leaf);
    return leaf;
  };
  return drafts.map((draft) => build(draft, []));
}

/**
 * The runs that dealt with these addresses last. A run that applies a leaf changes them, so an approval is used up by it: the same
 * transition, needed once more, has another digest.
 */
function lastRuns({ entries, gone, identities }: Ledger, { verb, address, was }: Change): JsonObject {
  const accepted = verb === 'identify' ? identities?.[parseAddress(address).target]?.run : undefined;
  if (accepted !== undefined) return { since: accepted };
  const run = (of: Address | undefined): string | undefined => (of === undefined ? undefined : (entries[of]?.run ?? gone?.[of]));
  const [own, old] = [run(address), run(was)];
  return { ...(own === undefined ? {} : { since: own }), ...(old === undefined ? {} : { sinceWas: old }) };
}

function finish({ tool, kinds, ledger }: LeafInput, draft: Draft, after: readonly Leaf[]): Leaf {
  const content = (named: (address: Address) => string, predecessors: readonly string[], identity: Json): string =>
    sha256(canonicalJson({ tool, identity, changes: draft.changes.map((change) => ({ ...changeContent(kinds, change, named), ...(identity === null ? {} : lastRuns(ledger, change)) })), after: [...predecessors].sort() }));
  return {
    digest: content((address) => address, after.map(({ digest }) => digest), draft.identity),
    transition: content(relative, after.map(({ transition }) => transition), null),
    target: draft.target, batch: draft.batch, unit: draft.unit,
    addresses: draft.changes.map(({ address }) => address),
    after: after.map(({ digest }) => digest).sort(),
  };
}

export function rootOf(leaves: readonly Leaf[]): { readonly digest: string; readonly transitionDigest: string } {
  return { digest: merkleRoot(leaves.map(({ digest }) => digest)), transitionDigest: merkleRoot(leaves.map(({ transition }) => transition)) };
}
