import type { JsonObject } from '#contract';
import type { ValueType } from './facts.ts';
import { badRequest, unknownTo } from './graph-error.ts';

/** A body of a write: known, writable, of the right type. */
export function checkTypes(body: JsonObject, known: readonly string[], writable: Readonly<Record<string, readonly [ValueType, 'null'?]>>, resource: string): void {
  for (const [name, value] of Object.entries(body)) {
    if (!known.includes(name)) throw badRequest(`Invalid property '${name}'.`);
    const rule = writable[name];
    if (rule === undefined) throw unknownTo(`writing ${name}`);
    const is: Readonly<Record<ValueType, boolean>> = {
      string: typeof value === 'string', boolean: typeof value === 'boolean', strings: Array.isArray(value) && value.every((each) => typeof each === 'string'),
      object: typeof value === 'object' && value !== null && !Array.isArray(value),
    };
    if (!is[rule[0]] && !(value === null && rule[1] === 'null')) throw badRequest(`Invalid value specified for property '${name}' of resource '${resource}'.`);
  }
}
