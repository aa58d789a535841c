/** Is a change still possible, and is it there? The same comparison as the plan's, on what was just read. */
import { parseAddress, type Address, type Change, type JsonObject, type Kind, type Live } from '#contract';
import { equalJson } from '#core/canonical-json';
import { labelUnnamed, naturalKeyOf } from '#core/natural-key';
import { projectOwned } from '#core/project-owned';
import { renameReferences } from '#core/rename-references';

export interface LiveView {
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly renames: ReadonlyMap<Address, Address>;
  /** All that is changed at once: what has no name on the target is found by what a change makes or finds there. */
  readonly changes: readonly Change[];
}

/** The live part that `owner` speaks of; fields that the target never shows count as `unseen` says. */
function owned(view: LiveView, live: Live, owner: JsonObject, unseen: JsonObject): JsonObject {
  const kind = view.kinds.get(parseAddress(live.address).kind);
  if (kind === undefined) return {};
  const renamed = renameReferences({ ...live, spec: kind.canonical(live.spec) }, view.renames, view.kinds);
  const projected = projectOwned(kind.schema, renamed.spec, owner);
  const hidden = new Set(live.unverifiable ?? []);
  const shown = Object.entries(projected).filter(([field]) => !hidden.has(field));
  return Object.fromEntries([...shown, ...Object.entries(unseen).filter(([field]) => hidden.has(field))]);
}

/** `undefined`: as the plan saw it. Otherwise what is different, in words without values. */
export function preImageMoved(view: LiveView, change: Change, liveNow: Live | undefined): string | undefined {
  if (change.verb === 'create') {
    if (change.restore === true) return liveNow?.recoverable === undefined ? 'it can no longer be brought back' : undefined;
    return liveNow === undefined || liveNow.recoverable !== undefined ? undefined : 'it has come into being since the plan was made';
  }
  if (liveNow === undefined || liveNow.recoverable !== undefined) return 'it has vanished since the plan was made';
  const before = change.before ?? {};
  const now = owned(view, liveNow, change.after ?? before, before);
  return equalJson(now, before) ? undefined : 'it has changed since the plan was made';
}

/** The change is there. */
export function isDone(view: LiveView, change: Change, live: ReadonlyMap<string, Live>): boolean {
  const found = live.get(change.address);
  const present = found !== undefined && found.recoverable === undefined;
  if (change.verb === 'delete') return !present;
  if (!present || change.after === undefined) return false;
  if (change.was !== undefined && live.get(change.was)?.recoverable === undefined && live.has(change.was)) return false;
  return equalJson(owned(view, found, change.after, change.after), change.after) && !isLeftBehind(view, change, live);
}

/** What got another key must not be there under the old one as well: a VLAN that was renumbered by making a second one. */
function isLeftBehind(view: LiveView, { address, before, after }: Change, live: ReadonlyMap<string, Live>): boolean {
  const old = naturalKeyOf(view.kinds, address, before);
  return old !== naturalKeyOf(view.kinds, address, after) && isHeld(view, old, ({ after: other }) => other, live);
}

/** And one that shall get another key is not as it was while something has that key. */
function isAhead(view: LiveView, { address, before, after }: Change, live: ReadonlyMap<string, Live>): boolean {
  const next = naturalKeyOf(view.kinds, address, after);
  return before !== undefined && next !== naturalKeyOf(view.kinds, address, before) && isHeld(view, next, ({ before: other }) => other, live);
}

/** Something without a name has this key, and no change accounts for it. A name would say that it is another thing. */
function isHeld({ kinds, changes }: LiveView, key: string | undefined, side: (change: Change) => JsonObject | undefined, live: ReadonlyMap<string, Live>): boolean {
  if (key === undefined || changes.some((change) => naturalKeyOf(kinds, change.address, side(change)) === key)) return false;
  return [...live.values()].some((each) => each.unnamed === true && each.recoverable === undefined && naturalKeyOf(kinds, each.address, each.spec) === key);
}

/** `state`: which side of the changes says what an object without a name is called. */
export function liveByAddress({ kinds, changes }: LiveView, live: readonly Live[], state: 'before' | 'after'): ReadonlyMap<string, Live> {
  const names = changes.flatMap(({ address, was, before, after }): [string, Address][] => {
    const key = naturalKeyOf(kinds, address, state === 'after' ? after ?? before : before ?? after);
    return key === undefined ? [] : [[key, state === 'after' ? address : was ?? address]];
  });
  const labelled = labelUnnamed(kinds, live, new Map(names));
  // A soft-deleted twin never hides the living one.
  return new Map([...labelled].sort((a, b) => Number(b.recoverable !== undefined) - Number(a.recoverable !== undefined)).map((each) => [each.address, each]));
}

/** Of changes that were committed at once: all done, none done and everything as the plan saw it, or neither. */
export function stateShown(view: LiveView, changes: readonly Change[], live: readonly Live[]): 'before' | 'after' | 'neither' {
  const [before, after] = [liveByAddress(view, live, 'before'), liveByAddress(view, live, 'after')];
  if (changes.every((change) => isDone(view, change, after))) return 'after';
  return changes.every((change) => preImageMoved(view, change, before.get(change.was ?? change.address)) === undefined && !isAhead(view, change, before)) ? 'before' : 'neither';
}
