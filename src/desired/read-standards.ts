/** Shared documents `standards/NAME.yaml`: read, validated, and checked for rules that could never say anything. */
import type { Json, JsonObject, Kind, Problem } from '#contract';
import { isObject } from '#core/canonical';
import { isVersion } from '#core/compare-version';
import type { FileEntry } from '#core/model';
import type { StandardDocument } from '#generated/types';
import type { LoadedDocument } from './customer-files.ts';
import type { DocumentReader } from './document-reader.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';
import { didYouMean } from './suggest.ts';
import { validateDocument } from './validate-document.ts';

export type Standard = LoadedDocument<StandardDocument>;
type Parameter = NonNullable<StandardDocument['parameters']>[string];

export interface Standards {
  /** By name; `undefined`: its file has an error. */
  readonly byName: ReadonlyMap<string, Standard | undefined>;
  readonly problems: readonly Problem[];
}

export interface KnownNames {
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly providers: readonly string[];
}

const fileName = /^standards\/([a-z][a-z0-9-]{0,62})\.yaml$/;

export async function readStandards(reader: DocumentReader, entries: readonly FileEntry[], known: KnownNames): Promise<Standards> {
  const own = entries.filter(({ path }) => path === 'standards' || path.startsWith('standards/'));
  await reader.prefetch(own.filter(({ path, type }) => type === 'file' && fileName.test(path)));
  const byName = new Map<string, Standard | undefined>();
  const problems: Problem[] = [];
  for (const entry of own) {
    const name = fileName.exec(entry.path)?.[1];
    const found = await readStandard(reader, entry, name, known);
    problems.push(...found.problems);
    if (name !== undefined) byName.set(name, found.standard);
  }
  return { byName, problems };
}

async function readStandard(reader: DocumentReader, entry: FileEntry, name: string | undefined, known: KnownNames): Promise<{ readonly standard?: Standard; readonly problems: readonly Problem[] }> {
  const source = { file: entry.path, line: 1, column: 1 };
  if (entry.type !== 'file') return { problems: [{ code: 'file.type', severity: 'error', message: `${entry.path} is a ${entry.type}, not a file`, hint: 'put a plain file in its place', source }] };
  if (name === undefined) {
    return /\.ya?ml$/i.test(entry.path) ? { problems: [{ code: 'standard.file', severity: 'error', message: `${entry.path} is not a name that a standard can have`, hint: 'standards/NAME.yaml with small letters, digits and -', source }] } : { problems: [] };
  }
  const { document, problems } = await reader.read(entry);
  if (document === undefined) return { problems };
  const invalid = validateDocument('schemas/standard.schema.json', document.value, entry.path);
  if (invalid.length > 0) return { problems: [...problems, ...await reader.locate(invalid)] };
  // Validated above.
  const standard = document as unknown as Standard;
  const faults = await reader.locate(checkStandard(standard, known));
  return { ...(faults.length === 0 ? { standard } : {}), problems: [...problems, ...faults] };
}

function checkStandard({ file, value }: Standard, known: KnownNames): readonly PendingProblem[] {
  const problems: PendingProblem[] = [];
  const tell: Tell = (code, message, hint, pointer, part = 'value') => void problems.push({ code, severity: 'error', message, hint, at: { file, pointer, part } });
  const parameters = Object.keys(value.parameters ?? {});
  for (const [name, parameter] of Object.entries(value.parameters ?? {})) {
    if (parameter.default !== undefined && !isOfType(parameter, parameter.default)) tell('standard.default', `the default of ${name} is not of type ${parameter.type}`, `write a value of type ${parameter.type}`, `/parameters/${name}/default`);
  }
  for (const [pointer, name] of [...parametersIn(value.rules, '/rules'), ...parametersIn(value.firmware, '/firmware')]) {
    if (!parameters.includes(name)) tell('standard.undeclared-parameter', `there is no parameter ${name}`, didYouMean(name, parameters), pointer);
  }
  if (value.rules === undefined && value.firmware === undefined) tell('standard.empty', 'this standard asks nothing', 'write rules or firmware', '', 'key');
  checkFirmware(value, known, tell);
  for (const [name, rule] of Object.entries(value.rules ?? {})) {
    const base = `/rules/${escapePointer(name)}`;
    const kind = known.kinds.get(rule.kind);
    if (kind === undefined) tell('standard.kind', `there is no kind ${rule.kind}`, didYouMean(rule.kind, [...known.kinds.keys()]), `${base}/kind`);
    if (rule.provider !== undefined && !known.providers.includes(rule.provider)) tell('standard.provider', `there is no provider ${rule.provider}`, didYouMean(rule.provider, known.providers), `${base}/provider`);
    if (rule.must === undefined && rule.atLeast === undefined && rule.atMost === undefined) tell('standard.empty-rule', `rule ${name} asks nothing`, 'write must, atLeast or atMost', base, 'key');
    const fields = kind === undefined ? [] : fieldsOf(kind.schema);
    for (const [part, conditions] of [['where', rule.where], ['must', rule.must]] as const) {
      for (const field of Object.keys(conditions ?? {})) {
        if (kind !== undefined && !fields.includes(field)) tell('standard.field', `${rule.kind} has no field ${field}`, didYouMean(field, fields), `${base}/${part}/${escapePointer(field)}`, 'key');
      }
    }
  }
  return problems;
}

type Tell = (code: string, message: string, hint: string, pointer: string, part?: Place['part']) => void;

function checkFirmware(value: StandardDocument, known: KnownNames, tell: Tell): void {
  for (const [name, rule] of Object.entries(value.firmware ?? {})) {
    const base = `/firmware/${escapePointer(name)}`;
    if (value.rules?.[name] !== undefined) tell('standard.rule-twice', `${name} is a rule and a rule about firmware`, 'deviations name rules: give one of them another name', base, 'key');
    if (!known.providers.includes(rule.provider)) tell('standard.provider', `there is no provider ${rule.provider}`, didYouMean(rule.provider, known.providers), `${base}/provider`);
    if (rule.minimum === undefined && rule.channel === undefined) tell('standard.empty-rule', `rule ${name} asks nothing`, 'write minimum or channel', base, 'key');
    if (typeof rule.minimum !== 'object' && rule.minimum !== undefined && !isVersion(String(rule.minimum))) tell('firmware.minimum', `${JSON.stringify(rule.minimum)} is no version that can be compared`, 'write it as the device tells it (soll doctor): 26.1.6, 7.20.8, 15.2(7)E10, 17.09.04a', `${base}/minimum`);
  }
}

function fieldsOf(schema: JsonObject): readonly string[] {
  const properties = schema['properties'];
  return properties !== undefined && isObject(properties) ? Object.keys(properties) : [];
}

/** Places of `{ $parameter: name }`. */
function parametersIn(value: unknown, pointer: string): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]): readonly (readonly [string, string])[] => {
    const at = `${pointer}/${escapePointer(key)}`;
    return key === '$parameter' && typeof item === 'string' ? [[at, item]] : parametersIn(item, at);
  });
}

export function isOfType({ type }: Pick<Parameter, 'type'>, value: Json): boolean {
  if (type === 'list') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}
