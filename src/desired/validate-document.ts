import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Json, JsonObject } from '#contract';
import { isObject } from '#core/canonical';
import { schemas } from '#generated/schemas';
import { didYouMean, suggest } from './suggest.ts';
import { escapePointer, unescapePointer, type PendingProblem, type Place } from './place.ts';

let shared: Ajv2020 | undefined;
const compiled = new Map<string, ValidateFunction>();

function makeAjv(): Ajv2020 {
  // The schemas are the project's own and checked by a test; checking and polishing them again would be half of the time of a small command.
  const ajv = new Ajv2020({ validateSchema: false, code: { optimize: false }, allErrors: true, strict: true, strictRequired: false, strictTypes: false, allowUnionTypes: true, verbose: true, ownProperties: true });
  addFormats.default(ajv, ['email', 'date']);
  ajv.addKeyword({ keyword: 'x-soll', valid: true });
  for (const schema of Object.values(schemas)) ajv.addSchema(schema);
  return ajv;
}

/** `schema`: path of a schema file of the project. */
export function validateDocument(schema: string, value: Json, file: string): readonly PendingProblem[] {
  return validateWith(schema, schemas[schema] ?? {}, value, { file, pointer: '', part: 'value' });
}

/** A part of a document against a schema that is not one of the project's own (a provider's settings). `id` names it for the cache. */
export function validateWith(id: string, schema: JsonObject, value: Json, base: Place): readonly PendingProblem[] {
  shared ??= makeAjv();
  let validate = compiled.get(id);
  if (validate === undefined) {
    const own = typeof schema['$id'] === 'string' ? shared.getSchema(schema['$id']) : undefined;
    validate = own ?? shared.compile(schema);
    compiled.set(id, validate);
  }
  if (validate(value)) return [];
  const seen = new Set<string>();
  return mergeTypos(validate.errors ?? []).flatMap((error) => {
    // The rule that holds others only repeats what they say.
    if (error.keyword === 'if' || (error.keyword === 'propertyNames' && error.propertyName === undefined)) return [];
    const problem = explain(error, base);
    const key = `${problem.code} ${problem.at?.pointer ?? ''} ${problem.message}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [problem];
  });
}

/** `nmae` for `name` is one mistake, not a missing and an unknown field: the unknown one tells it, at its place. */
function mergeTypos(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const text = (error: ErrorObject, parameter: string): string => String((error.params as Readonly<Record<string, unknown>>)[parameter]);
  const unknown = errors.filter(({ keyword }) => keyword === 'additionalProperties');
  return errors.filter((error) => {
    if (error.keyword !== 'required') return true;
    const missing = text(error, 'missingProperty');
    return !unknown.some((other) => other.instancePath === error.instancePath && suggest(text(other, 'additionalProperty'), knownFields(other)) === missing);
  });
}

function knownFields({ parentSchema }: ErrorObject): readonly string[] {
  return isObject(parentSchema) ? Object.keys((parentSchema)['properties'] ?? {}) : [];
}

/** `members`, or `entry 2 of members`. */
function fieldName(pointer: string): string {
  const parts = pointer.split('/').slice(1).map(unescapePointer);
  const last = parts.at(-1) ?? 'the document';
  return /^\d+$/.test(last) && parts.length > 1 ? `entry ${String(Number(last) + 1)} of ${parts.at(-2) ?? ''}` : last;
}

function example(schema: unknown): string {
  const examples: unknown = typeof schema === 'object' && schema !== null && 'examples' in schema ? schema.examples : undefined;
  return Array.isArray(examples) && examples.length > 0 ? `for example ${JSON.stringify(examples[0])}` : '';
}

function show(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? 'nothing' : text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a map' : typeof value === 'number' ? 'a number' : typeof value === 'boolean' ? 'true or false' : 'a text';
}

const typeWords: Readonly<Record<string, string>> = { object: 'a map', array: 'a list', string: 'a text', integer: 'a whole number', number: 'a number', boolean: 'true or false', null: 'null' };

function explain(error: ErrorObject, base: Place): PendingProblem {
  const pointer = `${base.pointer}${error.instancePath}`;
  const parameters = error.params as Readonly<Record<string, unknown>>;
  const field = fieldName(pointer);
  const at = (part: Place['part'], suffix = ''): Place => ({ file: base.file, pointer: `${pointer}${suffix}`, part });
  const problem = (code: string, message: string, hint: string, where: Place): PendingProblem => ({ code, severity: 'error', message, ...(hint === '' ? {} : { hint }), at: where });
  const parent: unknown = error.parentSchema;
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(parameters['additionalProperty']);
      return problem('schema.unknown-field', `${name} is not a field here`, didYouMean(name, knownFields(error)), at('key', `/${escapePointer(name)}`));
    }
    case 'required': {
      const name = String(parameters['missingProperty']);
      const properties = isObject(parent as Json) ? (parent as JsonObject)['properties'] : undefined;
      return problem('schema.missing-field', `${name} is missing`, example(isObject(properties) ? properties[name] : undefined), at('key'));
    }
    case 'type': {
      const wanted = [parameters['type']].flat().map((type) => typeWords[String(type)] ?? String(type)).join(' or ');
      const nothing = error.data === null ? '; null is not "empty": write [] or {} for that, or leave the key out for "not managed"' : '';
      return problem('schema.type', `${field} must be ${wanted}, not ${typeName(error.data)}${nothing}`, example(parent), at('value'));
    }
    case 'enum': {
      const allowed = (parameters['allowedValues'] as readonly unknown[]).map(String);
      return problem('schema.value', `${show(error.data)} is not allowed for ${field}`, typeof error.data === 'string' ? didYouMean(error.data, allowed) : `known: ${allowed.join(', ')}`, at('value'));
    }
    case 'minItems':
      return problem('schema.items', `${field} must not be empty`, 'leave the key out if nothing is meant', at('value'));
    default: {
      if (error.propertyName !== undefined) return problem('schema.name', `${show(error.propertyName)} is not a valid name here`, nameHint(error), { file: base.file, pointer: `${pointer}/${escapePointer(error.propertyName)}`, part: 'key' });
      const said = error.keyword === 'pattern' ? 'is not in the right form' : (error.message ?? 'is not allowed');
      return problem('schema.value', `${field}: ${show(error.data)} ${said}`, example(parent), at('value'));
    }
  }
}

function nameHint(error: ErrorObject): string {
  if (error.keyword === 'not') return 'this name has a meaning of its own; choose another';
  const pattern = (error.params as Readonly<Record<string, unknown>>)['pattern'];
  return typeof pattern === 'string' && pattern.startsWith('^[a-z') ? 'small letters, digits and hyphens, beginning with a letter or digit' : 'see the description of the field: soll schema';
}
