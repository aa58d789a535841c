/** `soll replace`: a swapped device is accepted under its new identity. Writes the files only; what follows is planned and approved like any change. */
import type { Json, JsonObject, Problem } from '#contract';
import { isObject } from '#core/canonical';
import { newPins } from '#core/new-pins';
import { readLedgers } from './audit/read-ledgers.ts';
import { branchesPlace } from './each-branch.ts';
import { EditError, valueAt, type Edit, type Path } from './edit/edit.ts';
import { editYaml, readYaml } from './edit/edit-yaml.ts';
import { editFile, type EditResult } from './edit-customer.ts';
import type { Workspace } from './workspace.ts';

export interface ReplaceOptions {
  readonly customer: string;
  readonly target: string;
  /** Pins of the new device, at least one: the only ones from now on. */
  readonly identity: readonly string[];
  readonly reason: string;
  readonly ticket?: string;
}

export interface ReplaceResult extends EditResult {
  /** Pins of the device before; empty when nothing was written. */
  readonly was: readonly string[];
}

/** Throws GitError when nobody can be asked who the target was until now. */
export async function replaceTarget(ws: Workspace, { customer, target, identity, reason, ticket }: ReplaceOptions): Promise<ReplaceResult> {
  const file = `customers/${customer}/targets.yaml`;
  const place = await branchesPlace(ws);
  const ledger = (await readLedgers({ root: ws.root, prefix: place.prefix, remote: place.remote }, [customer])).of(customer);
  const known = ledger.identities?.[target]?.pins;
  let was: readonly string[] = [];
  const result = await editFile(ws, customer, file, (text) => {
    if (text === undefined) throw new EditError('target.unknown', 'there is no targets.yaml', 'soll doctor CUSTOMER lists the targets');
    const document = readYaml(text);
    const entry = valueAt(document, ['targets', target]);
    if (!isObject(entry)) throw new EditError('target.unknown', `there is no target ${target}`, `known: ${Object.keys(mapOf(document)).join(', ')}`);
    const written = textsOf(entry['identity']);
    was = known ?? written;
    const problem = whyNot(identity, was);
    if (problem !== undefined) throw problem;
    const act: JsonObject = { was: [...was], reason, ...(ticket === undefined ? {} : { ticket }) };
    return editYaml(text, [...pinEdits(['targets', target, 'identity'], written, identity), { op: 'set', path: ['targets', target, 'replaced'], value: act }]);
  });
  return result.written ? { ...result, was, problems: [...result.problems, ...untold(file, target, known)] } : { ...result, was: [] };
}

function mapOf(document: Json): JsonObject {
  const targets = valueAt(document, ['targets']);
  return isObject(targets) ? targets : {};
}

function textsOf(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function whyNot(identity: readonly string[], was: readonly string[]): EditError | undefined {
  if (newPins(identity, was).length === 0) return new EditError('replace.same', 'that is who the target is already', 'if targets.yaml says something else, put that back: nobody has to accept anything');
  const schemes = new Set(was.map(schemeOf));
  const other = identity.find((pin) => !schemes.has(schemeOf(pin)));
  // A wrong pin would only be found when nobody answers to it.
  if (other !== undefined) return new EditError('replace.scheme', `${other.slice(0, 80)} is not a pin of the kind that this target has (${[...schemes].join(', ')})`, 'soll doctor CUSTOMER shows who answers, spelled as it is wanted here; compare it on the device itself');
  return undefined;
}

function schemeOf(pin: string): string {
  return `${pin.split(':')[0] ?? ''}:`;
}

/** Item by item, so that comments beside them stay. */
function pinEdits(path: Path, old: readonly string[], now: readonly string[]): readonly Edit[] {
  const same = now.slice(0, old.length).flatMap((value, index): readonly Edit[] => (value === old[index] ? [] : [{ op: 'set', path: [...path, index], value }]));
  const more = now.slice(old.length).map((value, index): Edit => ({ op: 'insert', path, at: old.length + index, value }));
  const fewer = old.slice(now.length).map((_, index): Edit => ({ op: 'remove', path: [...path, old.length - 1 - index] }));
  return [...same, ...more, ...fewer];
}

/** Nothing was recorded under an identity yet: the plan can neither show the step nor hold anything back for it. */
function untold(file: string, target: string, known: readonly string[] | undefined): readonly Problem[] {
  if (known !== undefined) return [];
  return [{ code: 'replace.unrecorded', severity: 'warning', message: `no run has recorded who ${target} was: the plan cannot show the old and the new identity, so look at the new one twice`, source: { file, line: 1, column: 1 } }];
}
