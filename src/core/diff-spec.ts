import type { Json, JsonObject } from '#contract';
import { annotationOf, compareText, isObject, itemKey, itemSchema, propertySchema } from './canonical.ts';
import { equalJson } from './canonical-json.ts';
import type { FieldDiff } from './model.ts';

function escapePointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

/**
 * Field by field, for people. Sets tell additions and removals, keyed lists compare item with item, ordered lists find the fewest
 * moves, so that one rule moved or edited reads as exactly that. Both sides canonical; `undefined` is "not there".
 */
export function diffSpec(schema: JsonObject, before: JsonObject | undefined, after: JsonObject | undefined): readonly FieldDiff[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].sort(compareText);
  return names.flatMap((name) => diffValue(propertySchema(schema, name), `/${escapePointer(name)}`, before?.[name], after?.[name]));
}

function diffValue(schema: JsonObject, path: string, before: Json | undefined, after: Json | undefined): readonly FieldDiff[] {
  if (equalJson(before, after)) return [];
  if (before === undefined) return [{ path, op: 'add', after: after ?? null }];
  if (after === undefined) return [{ path, op: 'remove', before }];
  if (Array.isArray(before) && Array.isArray(after)) return diffList(schema, path, before as readonly Json[], after as readonly Json[]);
  if (isObject(before) && isObject(after)) {
    return diffSpec(schema, before, after).map((field) => ({ ...field, path: `${path}${field.path}` }));
  }
  return [{ path, op: 'replace', before, after }];
}

function diffList(schema: JsonObject, path: string, before: readonly Json[], after: readonly Json[]): readonly FieldDiff[] {
  const annotation = annotationOf(schema);
  const element = itemSchema(schema);
  const keyed = (items: readonly Json[]): ReadonlyMap<string, { item: Json; index: number }> =>
    new Map(items.map((item, index) => [itemKey(annotation, item), { item, index }]));
  const old = keyed(before);
  const next = keyed(after);
  // A list with duplicates (allowed where order matters) cannot be told item by item.
  if (old.size !== before.length || next.size !== after.length) return [{ path, op: 'replace', before, after }];
  const at = (key: string, item: Json): string => `${path}/${escapePointer(typeof item === 'string' ? item : key)}`;
  const removed = [...old].filter(([key]) => !next.has(key)).map(([key, { item }]): FieldDiff => ({ path: at(key, item), op: 'remove', before: item }));
  const added = [...next].filter(([key]) => !old.has(key)).map(([key, { item, index }]): FieldDiff => ({ path: at(key, item), op: 'add', after: item, ...(annotation.order === 'set' ? {} : { to: index }) }));
  const changed = [...next].flatMap(([key, { item }]) => {
    const was = old.get(key);
    return was === undefined ? [] : diffValue(element, at(key, item), was.item, item);
  });
  const moved = annotation.order === 'set' ? [] : moves([...old.keys()].filter((key) => next.has(key)), [...next.keys()].filter((key) => old.has(key)));
  return [
    ...removed, ...added, ...changed,
    ...moved.map((key): FieldDiff => ({ path: at(key, next.get(key)?.item ?? null), op: 'move', from: old.get(key)?.index ?? 0, to: next.get(key)?.index ?? 0 })),
  ];
}

/** Keys outside a longest common subsequence: the fewest that must move. Both lists hold the same keys once. */
function moves(before: readonly string[], after: readonly string[]): readonly string[] {
  const position = new Map(before.map((key, index) => [key, index]));
  const sequence = after.map((key) => position.get(key) ?? 0);
  // Longest increasing subsequence (patience sorting), O(n log n): the rest has moved.
  const tails: number[] = [];
  const previous: number[] = new Array<number>(sequence.length).fill(-1);
  sequence.forEach((value, index) => {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sequence[tails[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    previous[index] = low > 0 ? (tails[low - 1] ?? -1) : -1;
    tails[low] = index;
  });
  const kept = new Set<number>();
  for (let index = tails.at(-1) ?? -1; index >= 0; index = previous[index] ?? -1) kept.add(index);
  return after.filter((_, index) => !kept.has(index));
}
