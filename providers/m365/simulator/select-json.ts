/** `$select`: the properties asked for, no others. */
import type { Json, JsonObject } from '#contract';
import { listProperties, notServed } from './facts.ts';
import { badRequest, unknownTo } from './graph-error.ts';

export function selectOf(object: JsonObject, query: URLSearchParams, known: readonly string[], defaults: readonly string[]): JsonObject {
  const select = query.get('$select')?.split(',') ?? defaults.filter((name) => !notServed.includes(name));
  const unknown = select.find((name) => !known.includes(name));
  if (unknown !== undefined) throw badRequest(`Could not find a property named '${unknown}'.`);
  const elsewhere = select.find((name) => notServed.includes(name));
  if (elsewhere !== undefined) throw unknownTo(`property ${elsewhere}`);
  const expanded = ['manager', 'members', 'owners', '@odata.type'].filter((name) => object[name] !== undefined);
  return { ...Object.fromEntries(expanded.map((name): [string, Json] => [name, object[name] ?? null])), ...selectJson(object, select) };
}

export function selectJson(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.map((name): [string, Json] => [name, object[name] ?? (listProperties.includes(name) ? [] : null)]));
}
