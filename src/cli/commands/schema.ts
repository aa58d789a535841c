import type { Json, JsonObject } from '#contract';
import { isObject } from '#core/canonical';
import { schemas } from '#generated/schemas';
import { didYouMean } from '../../desired/suggest.ts';
import { showValue } from '../../render/describe-field.ts';
import type { View } from '../../render/render-plan.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { emit, toJsonDocument, toJsonText, viewOf, type OutputOptions } from '../output.ts';

/** Levels of the tree; deeper than any document of ours. */
const maxDepth = 12;

/** Schemas by the name that a user gives. */
export function schemaNames(): readonly string[] {
  return Object.keys(schemas).map((path) => path.replace(/^schemas\/(kinds\/)?/, '').replace('.schema.json', '')).sort();
}

function pathOf(name: string): string | undefined {
  return Object.keys(schemas).find((path) => path === `schemas/${name}.schema.json` || path === `schemas/kinds/${name}.schema.json`);
}

interface Located {
  readonly schema: JsonObject;
  /** File that a `$ref` in it is relative to. */
  readonly file: string;
}

/** Follows `$ref`s inside the project's own schemas; what stands beside a reference (a description) wins. */
function resolve({ schema, file }: Located, depth = 0): Located {
  const reference = schema['$ref'];
  if (typeof reference !== 'string' || depth > maxDepth) return { schema, file };
  const [name = '', pointer = ''] = reference.split('#');
  const target = name === '' ? file : new URL(name, `file:///${file}`).pathname.slice(1);
  const found = pointer.split('/').slice(1).reduce<Json | undefined>((value, part) => (isObject(value ?? null) ? (value as JsonObject)[part] : undefined), schemas[target]);
  if (found === undefined || !isObject(found)) return { schema, file };
  const resolved = resolve({ schema: found, file: target }, depth + 1);
  const { $ref: _reference, ...beside } = schema;
  return { schema: { ...resolved.schema, ...beside }, file: resolved.file };
}

const typeWords: Readonly<Record<string, string>> = { object: 'map', array: 'list', string: 'text', integer: 'whole number', number: 'number', boolean: 'true or false', null: 'null' };

function typeOf(located: Located): string {
  const { schema, file } = resolve(located);
  const { type, enum: choices, const: only, items, additionalProperties } = schema;
  if (only !== undefined) return showValue(only);
  if (Array.isArray(choices)) return (choices as readonly Json[]).map((choice) => showValue(choice)).join(' | ');
  const either = schema['oneOf'] ?? schema['anyOf'];
  if (type === undefined && Array.isArray(either)) return (either as readonly Json[]).flatMap((each) => (isObject(each) ? [typeOf({ schema: each, file })] : [])).join(' or ');
  if (type === 'array') return isObject(items ?? null) && !hasFields({ schema: items as JsonObject, file }) ? `list of ${typeOf({ schema: items as JsonObject, file })}` : 'list';
  if (type === 'object' && isObject(additionalProperties ?? null) && schema['properties'] === undefined) return hasFields({ schema: additionalProperties as JsonObject, file }) ? 'map by name' : `map of ${typeOf({ schema: additionalProperties as JsonObject, file })}`;
  return [type].flat().map((each) => typeWords[String(each)] ?? 'value').join(' or ');
}

function hasFields(located: Located): boolean {
  return fieldsOf(located).length > 0;
}

interface Field {
  readonly name: string;
  readonly required: boolean;
  readonly located: Located;
}

/** What may stand below: fields of a map, of each entry of a map by name (`<name>`), of each item of a list (`-`). */
function fieldsOf(located: Located): readonly Field[] {
  const { schema, file } = resolve(located);
  const { properties, additionalProperties, items, required } = schema;
  const needed = Array.isArray(required) ? (required as readonly Json[]) : [];
  if (properties !== undefined && isObject(properties)) return Object.entries(properties).flatMap(([name, value]) => (isObject(value) ? [{ name, required: needed.includes(name), located: { schema: value, file } }] : []));
  if (isObject(additionalProperties ?? null) && hasFields({ schema: additionalProperties as JsonObject, file })) return [{ name: '<name>', required: false, located: { schema: additionalProperties as JsonObject, file } }];
  if (isObject(items ?? null) && hasFields({ schema: items as JsonObject, file })) return [{ name: '-', required: false, located: { schema: items as JsonObject, file } }];
  return [];
}

function wrap(text: string, width: number, indent: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(`${indent}${line}`);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, `${indent}${line}`];
}

function tree(located: Located, depth: number, view: View): readonly string[] {
  if (depth > maxDepth) return [];
  const { paint } = view;
  const indent = '  '.repeat(depth);
  const width = Math.min(view.width, 100);
  return fieldsOf(located).flatMap(({ name, required, located: each }) => {
    const { schema } = resolve(each);
    const below = tree(each, depth + 1, view);
    const [example] = Array.isArray(schema['examples']) ? (schema['examples'] as readonly Json[]) : [];
    // The fields below say more than an example of the whole.
    const shown = example === undefined || below.length > 0 ? '' : ` e.g. ${showValue(example)}`;
    const said = `${showValue(schema['description'])}${shown}${schema['default'] === undefined ? '' : ` Default: ${showValue(schema['default'])}.`}`;
    const entry = name === '-' || name === '<name>';
    return [`${indent}${paint('bold', name)}${name === '-' ? '' : ':'}${entry ? '' : ` ${typeOf(each)}${required ? paint('yellow', ' (required)') : ''}`}`, ...wrap(said, width, `${indent}    `).map((line) => paint('dim', line)), ...below];
  });
}

/** Kinds and documents, or the whole tree of fields of one. */
export async function runSchema(name: string | undefined, output: OutputOptions): Promise<ExitCode> {
  const same = (text: string): string => text;
  const view = viewOf(output);
  const names = schemaNames();
  if (name === undefined) {
    const width = Math.max(...names.map((each) => each.length));
    await emit(output.format === 'json' ? toJsonDocument({ names }) : names.map((each) => `${each.padEnd(width)}  ${showValue(schemas[pathOf(each) ?? '']?.['description'])}`).join('\n'), output, same);
    return exitCodes.ok;
  }
  const path = pathOf(name);
  const schema = path === undefined ? undefined : schemas[path];
  if (path === undefined || schema === undefined) {
    process.stderr.write(`there is no schema named ${JSON.stringify(name)}\n  ${view.words.hint}: ${didYouMean(name, names)}\n`);
    return exitCodes.invalid;
  }
  const head = [view.paint('bold', name), ...wrap(showValue(schema['description']), Math.min(view.width, 100), '  ')];
  await emit(output.format === 'json' ? toJsonText(schema) : [...head, ...tree({ schema, file: path }, 1, view)].join('\n'), output, same);
  return exitCodes.ok;
}
