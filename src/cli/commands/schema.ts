import type { Json, JsonObject } from '#contract';
import { schemas } from '#generated/schemas';
import { showValue } from '../../render/describe-field.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { emit, toJsonText, viewOf, type OutputOptions } from '../output.ts';

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeOf(schema: JsonObject): string {
  const { type, enum: choices, items } = schema;
  if (Array.isArray(choices)) return (choices as readonly Json[]).map((choice) => showValue(choice)).join(' | ');
  if (type === 'array') return `list of ${isObject(items) ? typeOf(items) : 'values'}`;
  return Array.isArray(type) ? (type as readonly Json[]).map((each) => showValue(each)).join(' or ') : typeof type === 'string' ? type : 'value';
}

/** Kinds, or the fields of one. */
export async function runSchema(name: string | undefined, output: OutputOptions): Promise<ExitCode> {
  const plainText = (text: string): string => text;
  const named = new Map(Object.entries(schemas).map(([path, schema]) => [path.replace(/^schemas\/(kinds\/)?/, '').replace('.schema.json', ''), schema]));
  if (name === undefined) {
    const width = Math.max(...[...named.keys()].map((key) => key.length));
    await emit(output.format === 'json' ? toJsonText([...named.keys()]) : [...named].sort().map(([key, schema]) => `${key.padEnd(width)}  ${showValue(schema['description'])}`).join('\n'), output, plainText);
    return exitCodes.ok;
  }
  const schema = named.get(name);
  if (schema === undefined) {
    process.stderr.write(`there is no schema named ${JSON.stringify(name)}; known: ${[...named.keys()].sort().join(', ')}\n`);
    return exitCodes.invalid;
  }
  await emit(output.format === 'json' ? toJsonText(schema) : describe(name, schema, output), output, plainText);
  return exitCodes.ok;
}

function describe(name: string, schema: JsonObject, output: OutputOptions): string {
  const { paint } = viewOf(output);
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const properties = isObject(schema['properties']) ? Object.entries(schema['properties']) : [];
  const fields = properties.flatMap(([field, value]) => {
    if (!isObject(value)) return [];
    const [first] = Array.isArray(value['examples']) ? (value['examples'] as readonly Json[]) : [];
    const example = first === undefined ? '' : `  ${paint('dim', `e.g. ${showValue(first)}`)}`;
    return [`  ${paint('bold', field)}${required.includes(field) ? ' (required)' : ''}: ${typeOf(value)}`, `      ${showValue(value['description'])}${example}`];
  });
  return [`${paint('bold', name)}: ${showValue(schema['description'])}`, ...fields].join('\n');
}
