import type { Json, JsonObject } from '#contract';
import { annotationOf, isObject, itemKey, itemSchema, propertySchema } from './canonical.ts';

/**
 * The part of a live spec that `owner` speaks of: its keys, and inside keyed lists its items' keys. An item that `owner` does not
 * have stays whole (the list is complete, so it will go). A written `null` or `[]` meets "not there" as equal.
 */
export function projectOwned(schema: JsonObject, live: JsonObject, owner: JsonObject): JsonObject {
  // Where absence has a meaning, somebody who adds a field has changed the object.
  if (annotationOf(schema).complete === true) return live;
  return Object.fromEntries(
    Object.entries(owner).flatMap(([name, wanted]): [string, Json][] => {
      const found = projectValue(propertySchema(schema, name), live[name], wanted);
      return found === undefined ? [] : [[name, found]];
    }),
  );
}

function projectValue(schema: JsonObject, live: Json | undefined, wanted: Json): Json | undefined {
  if (live === undefined) return wanted === null || (Array.isArray(wanted) && wanted.length === 0) ? wanted : undefined;
  if (isObject(live) && isObject(wanted)) return projectOwned(schema, live, wanted);
  const annotation = annotationOf(schema);
  if (!Array.isArray(live) || !Array.isArray(wanted) || annotation.key === undefined) return live;
  const element = itemSchema(schema);
  const wantedByKey = new Map((wanted as readonly Json[]).map((item) => [itemKey(annotation, item), item]));
  return (live as readonly Json[]).map((item) => {
    const owner = wantedByKey.get(itemKey(annotation, item));
    return isObject(item) && isObject(owner) ? projectOwned(element, item, owner) : item;
  });
}

/** What will be there after `owner` is written over `live`: owned fields from `owner`, the rest as it is. */
export function overlayOwned(schema: JsonObject, live: JsonObject, owner: JsonObject): JsonObject {
  const merged: Record<string, Json> = annotationOf(schema).complete === true ? {} : { ...live };
  for (const [name, wanted] of Object.entries(owner)) merged[name] = overlayValue(propertySchema(schema, name), live[name], wanted);
  return merged;
}

function overlayValue(schema: JsonObject, live: Json | undefined, wanted: Json): Json {
  if (isObject(live) && isObject(wanted)) return overlayOwned(schema, live, wanted);
  const annotation = annotationOf(schema);
  if (!Array.isArray(live) || !Array.isArray(wanted) || annotation.key === undefined) return wanted;
  const liveByKey = new Map((live as readonly Json[]).map((item) => [itemKey(annotation, item), item]));
  return (wanted as readonly Json[]).map((item) => {
    const old = liveByKey.get(itemKey(annotation, item));
    return isObject(item) && isObject(old) ? overlayOwned(itemSchema(schema), old, item) : item;
  });
}
