import { isWholeConfiguration, parseAddress, type Address, type Atomicity, type Batch, type Change, type JsonObject, type Kind, type Live, type ResultResource } from '#contract';
import { compareText } from '#core/canonical';
import { overlayOwned } from '#core/project-owned';
import { renameReferences, renamesOf } from '#core/rename-references';

export interface BatchInput {
  readonly target: string;
  readonly atomicity: Atomicity;
  readonly kinds: ReadonlyMap<string, Kind>;
  /** Ordered: creates and updates, deletes among themselves after what pointed at them. */
  readonly changes: readonly Change[];
  readonly live: readonly Live[];
  /** What each change waits for, also on other targets. */
  readonly before: ReadonlyMap<Address, readonly Address[]>;
}

/**
 * Two phases per target: build (create, update), then remove. A target that commits its configuration at once does both in one
 * commit, unless something elsewhere must let go first of what is removed here.
 */
export function makeBatches(input: BatchInput): readonly Batch[] {
  const deletes = input.changes.filter(({ verb }) => verb === 'delete');
  const builds = input.changes.filter(({ verb }) => verb !== 'delete');
  const waitsElsewhere = deletes.some(({ address }) => (input.before.get(address) ?? []).some((needed) => parseAddress(needed).target !== input.target));
  if (isWholeConfiguration(input.atomicity) && !waitsElsewhere) {
    return input.changes.length === 0 ? [] : [batch(input, builds.length > 0 ? 'build' : 'remove', [...builds, ...deletes], [...builds, ...deletes], [])];
  }
  const build = builds.length === 0 ? [] : [batch(input, 'build', builds, builds, [])];
  const remove = deletes.length === 0 ? [] : [batch(input, 'remove', deletes, [...builds, ...deletes], build.map(({ id }) => id))];
  return [...build, ...remove];
}

function batch(input: BatchInput, phase: Batch['phase'], changes: readonly Change[], done: readonly Change[], own: readonly string[]): Batch {
  return {
    id: `${input.target}/${phase}`, target: input.target, phase, changes, atomicity: input.atomicity, after: own,
    result: resultOf(input, done),
  };
}

/** All that must exist once `done` is done: ours as wanted (unowned fields as they are), the rest as read. */
function resultOf(input: BatchInput, done: readonly Change[]): readonly ResultResource[] {
  const renames = renamesOf(done);
  const result = new Map<string, ResultResource>();
  for (const live of input.live) {
    if (live.recoverable !== undefined) continue;
    const { address, spec, origin } = renameReferences(live, renames, input.kinds);
    result.set(address, { address, spec, origin });
  }
  for (const change of done) {
    const old = result.get(change.was ?? change.address);
    if (change.was !== undefined) result.delete(change.was);
    if (change.verb === 'delete') result.delete(change.address);
    else if (change.after !== undefined) result.set(change.address, { address: change.address, spec: overlay(input, change.address, old?.spec, change.after), origin: 'ours' });
  }
  return [...result.values()].sort((a, b) => compareText(a.address, b.address));
}

function overlay(input: BatchInput, address: Address, old: JsonObject | undefined, after: JsonObject): JsonObject {
  const kind = input.kinds.get(parseAddress(address).kind);
  if (kind === undefined) return after;
  return kind.canonical(overlayOwned(kind.schema, old ?? {}, after));
}
