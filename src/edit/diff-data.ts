import { isObject } from '#core/canonical';
import { canonicalJson, equalJson } from '#core/canonical-json';
import type { Json, JsonObject } from '#contract';
import type { Edit, Path } from './edit.ts';

/** Fields that name an item of a list of maps in our documents. */
const itemNames = ['name', 'sku'] as const;

function keyOf(item: Json): string {
  if (!isObject(item)) return canonicalJson(item);
  const name = itemNames.find((field) => typeof item[field] === 'string');
  return name === undefined ? canonicalJson(item) : `${name} ${String(item[name])}`;
}

/** The fewest edits that make one value out of another: entries that stay are not touched, items are moved rather than written anew. */
export function diffData(before: Json, after: Json, path: Path): readonly Edit[] {
  if (equalJson(before, after)) return [];
  if (isObject(before) && isObject(after)) return diffMaps(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) return diffLists(before as readonly Json[], after as readonly Json[], path);
  return [{ op: 'set', path, value: after }];
}

function diffMaps(before: JsonObject, after: JsonObject, path: Path): readonly Edit[] {
  const changed = Object.entries(after).flatMap(([key, value]) => {
    const old = before[key];
    return old === undefined ? [] : diffData(old, value, [...path, key]);
  });
  const added = Object.entries(after).filter(([key]) => before[key] === undefined).map(([key, value]) => ({ key, value }));
  const removed = Object.keys(before).filter((key) => after[key] === undefined).map((key): Edit => ({ op: 'remove', path: [...path, key] }));
  // New ones first: a map that is empty in between would lose its form.
  return [...changed, ...(added.length === 0 ? [] : [{ op: 'add' as const, path, entries: added }]), ...removed];
}

function diffLists(before: readonly Json[], after: readonly Json[], path: Path): readonly Edit[] {
  const wanted = new Map(after.map((item) => [keyOf(item), item]));
  if (wanted.size !== after.length || new Set(before.map(keyOf)).size !== before.length) return [{ op: 'set', path, value: after }];
  const edits: Edit[] = [];
  const current = [...before];
  const drop = (): void => {
    for (let index = current.length - 1; index >= 0; index -= 1) {
      if (wanted.has(keyOf(current[index] ?? null))) continue;
      edits.push({ op: 'remove', path: [...path, index] });
      current.splice(index, 1);
    }
  };
  const keepsOne = current.some((item) => wanted.has(keyOf(item)));
  if (keepsOne || after.length === 0) drop();
  const still = longestKept(current.map(keyOf), [...wanted.keys()]);
  [...wanted].forEach(([key, item], index, all) => {
    if (still.has(key)) return;
    const previous = all[index - 1]?.[0];
    const at = current.findIndex((each) => keyOf(each) === key);
    const rest = at < 0 ? current : current.toSpliced(at, 1);
    const to = previous === undefined ? 0 : rest.findIndex((each) => keyOf(each) === previous) + 1;
    edits.push(at < 0 ? { op: 'insert', path, at: to, value: item } : { op: 'move', path, from: at, to });
    const [moved = item] = at < 0 ? [] : current.splice(at, 1);
    current.splice(to, 0, moved);
  });
  if (!keepsOne) drop();
  return [...edits, ...after.flatMap((item, index) => diffData(current[index] ?? null, item, [...path, index]))];
}

/** Keys of both lists that need not move: a longest common subsequence. */
function longestKept(from: readonly string[], to: readonly string[]): ReadonlySet<string> {
  const position = new Map(to.map((key, index) => [key, index]));
  const sequence = from.filter((key) => position.has(key));
  const chains: { readonly length: number; readonly before: number }[] = [];
  sequence.forEach((key, index) => {
    let chain = { length: 1, before: -1 };
    for (let at = 0; at < index; at += 1) {
      const length = (chains[at]?.length ?? 0) + 1;
      if ((position.get(sequence[at] ?? '') ?? 0) < (position.get(key) ?? 0) && length > chain.length) chain = { length, before: at };
    }
    chains.push(chain);
  });
  const kept = new Set<string>();
  const longest = Math.max(0, ...chains.map(({ length }) => length));
  for (let at = chains.findIndex(({ length }) => length === longest); at >= 0; at = chains[at]?.before ?? -1) kept.add(sequence[at] ?? '');
  return kept;
}
