/** Is a change still possible, and is it there? The same comparison as the plan's, on what was just read. */
import { parseAddress, type Address, type Change, type JsonObject, type Kind, type Live } from '#contract';
import { equalJson } from '#core/canonical-json';
import { projectOwned } from '#core/project-owned';
import { renameReferences } from '#core/rename-references';

export interface LiveView {
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly renames: ReadonlyMap<Address, Address>;
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
  return equalJson(owned(view, found, change.after, change.after), change.after);
}

export function liveByAddress(live: readonly Live[]): ReadonlyMap<string, Live> {
  // A soft-deleted twin never hides the living one.
  return new Map([...live].sort((a, b) => Number(b.recoverable !== undefined) - Number(a.recoverable !== undefined)).map((each) => [each.address, each]));
}

/** Of changes that were committed at once: all done, none done and everything as the plan saw it, or neither. */
export function stateShown(view: LiveView, changes: readonly Change[], live: readonly Live[]): 'before' | 'after' | 'neither' {
  const byAddress = liveByAddress(live);
  if (changes.every((change) => isDone(view, change, byAddress))) return 'after';
  return changes.every((change) => preImageMoved(view, change, byAddress.get(change.was ?? change.address)) === undefined) ? 'before' : 'neither';
}
