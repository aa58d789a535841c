/** What the console answers, as far as the provider looks into it. Everything else travels through untouched. */
import { ProviderError, type Json, type JsonObject } from '#contract';
import { isObject } from '#core/canonical';

/** Of the integration API: ids are UUIDs. */
export interface Item {
  readonly id: string;
  readonly raw: JsonObject;
}

/** Where an object comes from (Spec, `metadata.origin`). Only what users defined can be changed. */
export function isOurs(raw: JsonObject): boolean {
  const { metadata } = raw;
  // Lists of addresses and ports carry no metadata: all of them are made by users (Spec, `Traffic matching list`).
  return metadata === undefined || (isObject(metadata) && metadata['origin'] === 'USER_DEFINED');
}

export function textOf(raw: JsonObject, field: string): string {
  const value = raw[field];
  if (typeof value !== 'string') throw new ProviderError('protocol', `an answer has no ${field}`);
  return value;
}

export function numberOf(raw: JsonObject, field: string): number {
  const value = raw[field];
  if (typeof value !== 'number') throw new ProviderError('protocol', `an answer has no ${field}`);
  return value;
}

export function objectsOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((each): each is JsonObject => isObject(each)) : [];
}

export function textsOf(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((each): each is string => typeof each === 'string') : [];
}

export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** Without what only answers have: a write that carries it is refused or, worse, taken for something. */
export function writable(raw: JsonObject): JsonObject {
  const { id: _id, metadata: _metadata, default: _default, index: _index, ...rest } = raw;
  return rest;
}

/** Names as they are; a second one of the same name gets what tells it apart. */
export function distinct<T>(items: readonly T[], nameOf: (item: T) => string, other: (item: T) => string): ReadonlyMap<string, T> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1);
  return new Map(items.map((item) => [counts.get(nameOf(item)) === 1 ? nameOf(item) : `${nameOf(item)} (${other(item)})`, item]));
}
