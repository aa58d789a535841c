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
  /** Where whole batches would wait for each other: one batch per level. */
  readonly levels?: ReadonlyMap<Address, number>;
}

/**
 * Two phases per target: build (create, update), then remove. A target that commits its configuration at once does both in one
 * commit, unless something elsewhere must let go first of what is removed here. A phase is split only where targets need each other's
 * changes in turn: VLANs on all switches first, then the ports that carry them.
 */
export function makeBatches(input: BatchInput): readonly Batch[] {
  const deletes = input.changes.filter(({ verb }) => verb === 'delete');
  const builds = byLevel(input, 'build', input.changes.filter(({ verb }) => verb !== 'delete'));
  const waitsElsewhere = deletes.some(({ address }) => (input.before.get(address) ?? []).some((needed) => parseAddress(needed).target !== input.target));
  const last = builds.at(-1);
  const parts = isWholeConfiguration(input.atomicity) && !waitsElsewhere && last !== undefined
    ? [...builds.slice(0, -1), { ...last, changes: [...last.changes, ...deletes] }]
    : [...builds, ...byLevel(input, 'remove', deletes)];
  const batches: Batch[] = [];
  const done: Change[] = [];
  for (const { id, phase, changes } of parts) {
    done.push(...changes);
    batches.push({ id, target: input.target, phase, changes, atomicity: input.atomicity, after: batches.slice(-1).map((previous) => previous.id), result: resultOf(input, done) });
  }
  return batches;
}

interface Part {
  readonly id: string;
  readonly phase: Batch['phase'];
  readonly changes: readonly Change[];
}

function byLevel({ target, levels }: BatchInput, phase: Batch['phase'], changes: readonly Change[]): readonly Part[] {
  const groups = new Map<number, Change[]>();
  for (const change of changes) {
    const level = levels?.get(change.address) ?? 0;
    const group = groups.get(level);
    if (group === undefined) groups.set(level, [change]);
    else group.push(change);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, own], index) => ({ id: `${target}/${phase}${index === 0 ? '' : `-${String(index + 1)}`}`, phase, changes: own }));
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
