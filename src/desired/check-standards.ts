/** Standards that a customer subscribes to, and the deviations that somebody answers for. Pure: the day comes in. */
import { toAddress, type Json, type JsonObject, type Kind, type Target } from '#contract';
import { isObject } from '#core/canonical';
import { addDays } from '#core/local-day';
import type { Accepted } from '#core/model';
import type { DeviationsDocument, SollDocument } from '#generated/types';
import { wlanSpec } from './build-network.ts';
import { sourceOf, type Resolved } from './build-resources.ts';
import type { CustomerFiles } from './customer-files.ts';
import { evaluateStandard, type Fact, type Unmet } from './evaluate-standard.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';
import { isOfType, type Standard } from './read-standards.ts';
import { didYouMean } from './suggest.ts';

export interface CheckStandardsInput {
  readonly files: CustomerFiles;
  readonly standards: ReadonlyMap<string, Standard | undefined>;
  readonly people: SollDocument['people'];
  /** soll.yaml has no error. */
  readonly peopleKnown: boolean;
  /** ISO date, where the customer is. */
  readonly today: string;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly targets: readonly Target[];
  readonly resolved: readonly Resolved[];
  /** No file has an error: what is missing is missing, not unread. */
  readonly complete: boolean;
}

export interface CheckedStandards {
  readonly pending: readonly PendingProblem[];
  /** Differences of live systems that are accepted today. */
  readonly accepted: readonly Accepted[];
  /** What somebody answers for today, of standards. */
  readonly answered: readonly Answered[];
}

/** A standard that need not be met, or a rule or place of it. */
export interface Answered extends Pick<Deviation, 'rule' | 'at' | 'reason' | 'owner' | 'until'> {
  readonly standard: string;
}

type Deviation = DeviationsDocument['deviations'][number];

interface Entry {
  readonly deviation: Deviation;
  readonly at: (field?: string) => Place;
  readonly pointer: string;
  readonly expired: boolean;
}

interface Missed extends Unmet {
  readonly standard: string;
}

/** Days before its end from which a deviation is told. */
const soon = 14;

export function checkStandards(input: CheckStandardsInput): CheckedStandards {
  const { files, today } = input;
  const pending: PendingProblem[] = [];
  const subscribed = Object.entries(files.customer.value.standards ?? {});
  const missed = subscribed.flatMap(([name, values]) => checkSubscription(input, name, values, pending));
  const entries = (files.deviations?.value.deviations ?? []).map((deviation, index): Entry => {
    const pointer = `/deviations/${String(index)}`;
    return { deviation, pointer, expired: deviation.until < today, at: (field) => ({ file: files.deviations?.file ?? '', pointer: field === undefined ? pointer : `${pointer}/${field}`, part: 'value' }) };
  });
  const sound = entries.filter((entry) => {
    const faults = faultsOf(input, entry, subscribed.map(([name]) => name));
    pending.push(...faults, ...timeOf(entry, today));
    return faults.length === 0;
  });
  if (input.complete && files.customer.value.offboarding === undefined) pending.push(...judge(input, missed, sound));
  const accepted = sound.flatMap(({ deviation: { resource, fields, reason, owner, until }, expired, pointer }): Accepted[] => {
    if (resource === undefined || expired || files.deviations === undefined) return [];
    const [target = '', kind = '', name = ''] = resource.split('/');
    return [{ address: toAddress({ customer: files.name, target, kind, name }), reason, owner, until, source: sourceOf(files.deviations, pointer), ...(fields === undefined ? {} : { fields }) }];
  });
  const answered = sound.flatMap(({ deviation, expired }): Answered[] => (deviation.standard === undefined || expired ? [] : [{ ...deviation, standard: deviation.standard }]));
  return { pending, accepted, answered };
}

function checkSubscription(input: CheckStandardsInput, name: string, values: JsonObject, pending: PendingProblem[]): readonly Missed[] {
  const { files, standards, resolved, targets, kinds } = input;
  const at = (pointer: string, part: Place['part'] = 'value'): Place => ({ file: files.customer.file, pointer: `/standards/${escapePointer(name)}${pointer}`, part });
  const standard = standards.get(name);
  if (standard === undefined) {
    pending.push(standards.has(name)
      ? { code: 'standard.broken', severity: 'error', message: `standards/${name}.yaml has an error, so nobody knows whether it is met`, hint: 'mend that file first', at: at('', 'key') }
      : { code: 'standard.unknown', severity: 'error', message: `there is no standard ${name}`, hint: didYouMean(name, [...standards.keys()]), at: at('', 'key') });
    return [];
  }
  const declared = Object.entries(standard.value.parameters ?? {});
  const parameters: Record<string, Json> = {};
  const missed: Missed[] = [];
  const before = pending.length;
  for (const key of Object.keys(values)) {
    if (!declared.some(([each]) => each === key)) pending.push({ code: 'standard.unknown-parameter', severity: 'error', message: `${name} has no parameter ${key}`, hint: didYouMean(key, declared.map(([each]) => each)), at: at(`/${escapePointer(key)}`, 'key') });
  }
  for (const [key, parameter] of declared) {
    const value = values[key] ?? parameter.default;
    if (value === undefined) pending.push({ code: 'standard.missing-parameter', severity: 'error', message: `${name} needs ${key}: ${parameter.description}`, hint: `write ${key} below ${name}`, at: at('', 'key') });
    else if (!isOfType(parameter, value)) pending.push({ code: 'standard.parameter-type', severity: 'error', message: `${key} must be of type ${parameter.type}`, hint: parameter.description, at: at(`/${escapePointer(key)}`) });
    else {
      parameters[key] = value;
      const bounds = [...(typeof value === 'number' && parameter.min !== undefined && value < parameter.min ? [`at least ${String(parameter.min)}`] : []), ...(typeof value === 'number' && parameter.max !== undefined && value > parameter.max ? [`at most ${String(parameter.max)}`] : [])];
      missed.push(...bounds.map((bound): Missed => ({ standard: name, rule: '', severity: 'error', at: [], place: at(`/${escapePointer(key)}`), what: `${key} is ${String(value)}, ${bound} is asked`, why: { en: parameter.description, de: parameter.description } })));
    }
  }
  if (pending.length > before) return [];
  const sites = Object.keys(files.customer.value.sites ?? {});
  const unmet = evaluateStandard({ standard: standard.value, parameters, sites, targets, facts: factsOf(files, targets, kinds, resolved) });
  return [...missed, ...unmet.map((each): Missed => ({ ...each, standard: name, place: each.place ?? at('', 'key') }))];
}

function factsOf(files: CustomerFiles, targets: readonly Target[], kinds: ReadonlyMap<string, Kind>, resolved: readonly Resolved[]): readonly Fact[] {
  const byName = new Map(targets.map((target) => [target.name, target]));
  const written = resolved.filter(({ draft }) => draft.kind !== 'vlan' && draft.kind !== 'ssid').map(({ draft: { kind, name, target, at }, spec }): Fact => {
    const { site, provider } = byName.get(target) ?? {};
    return { kind, name, target, spec, at, ...(site === undefined ? {} : { site }), ...(provider === undefined ? {} : { provider }) };
  });
  // A network or WLAN is written once, however many devices of the site are to have it.
  const shared = Object.entries(files.network?.value.sites ?? {}).flatMap(([site, { vlans = {}, ssids = {} }]) => {
    const fact = (kind: string, section: string, name: string, spec: object): Fact => ({
      // What the schema let through.
      kind, name, site, spec: kinds.get(kind)?.canonical(spec as JsonObject) ?? (spec as JsonObject), at: { file: files.network?.file ?? '', pointer: `/sites/${escapePointer(site)}/${section}/${escapePointer(name)}`, part: 'key' },
    });
    return [
      ...Object.entries(vlans).map(([name, { was: _was, targets: _targets, ...spec }]) => fact('vlan', 'vlans', name, spec)),
      ...Object.entries(ssids).map(([name, { was: _was, targets: _targets, ...spec }]) => fact('ssid', 'ssids', name, wlanSpec(vlans, spec))),
    ];
  });
  return [...written, ...shared];
}

/** What is wrong with the entry itself. */
function faultsOf(input: CheckStandardsInput, { deviation, at }: Entry, subscribed: readonly string[]): readonly PendingProblem[] {
  const problems: PendingProblem[] = [];
  const tell = (code: string, message: string, hint: string, field?: string): void => void problems.push({ code, severity: 'error', message, hint, at: at(field) });
  const { resource, standard, owner, rule, fields } = deviation;
  const people = Object.keys(input.people ?? {});
  if (input.peopleKnown && !people.includes(owner)) tell('deviation.owner', `${owner} is not among the people of soll.yaml`, people.length === 0 ? `write them in soll.yaml: people: { ${owner}: { name: … } }` : didYouMean(owner, people), 'owner');
  if ((resource === undefined) === (standard === undefined)) tell('deviation.what', 'an entry is either about a resource or about a standard', 'write resource: target/kind/name, or standard: NAME');
  else if (resource !== undefined && (rule ?? deviation.at) !== undefined) tell('deviation.what', 'rule and at belong to a standard', 'remove them; fields narrow down a resource');
  else if (standard !== undefined && fields !== undefined) tell('deviation.what', 'fields belong to a resource', 'remove them; rule and at narrow down a standard', 'fields');
  else if (resource !== undefined) faultsOfResource(input, resource, fields ?? [], tell);
  else if (standard !== undefined && !subscribed.includes(standard)) tell('deviation.standard', `this customer does not subscribe to ${standard}`, didYouMean(standard, subscribed), 'standard');
  else if (standard !== undefined) {
    const rules = [...Object.keys(input.standards.get(standard)?.value.rules ?? {}), ...firmwareRulesOf(input, standard)];
    if (rule !== undefined && rules.length > 0 && !rules.includes(rule)) tell('deviation.rule', `${standard} has no rule ${rule}`, didYouMean(rule, rules), 'rule');
    const places = [...Object.keys(input.files.customer.value.sites ?? {}), ...input.targets.map(({ name }) => name)];
    if (deviation.at !== undefined && !places.includes(deviation.at)) tell('deviation.at', `there is no site or target ${deviation.at}`, didYouMean(deviation.at, places), 'at');
  }
  return problems;
}

function faultsOfResource({ targets, kinds }: CheckStandardsInput, resource: string, fields: readonly string[], tell: (code: string, message: string, hint: string, field?: string) => void): void {
  const [targetName = '', kindName = ''] = resource.split('/');
  const target = targets.find(({ name }) => name === targetName);
  const managed = Object.keys(target?.manages ?? {});
  const properties = kinds.get(kindName)?.schema['properties'];
  const known = properties !== undefined && isObject(properties) ? Object.keys(properties) : [];
  if (target === undefined) tell('deviation.target', `there is no target ${targetName} in targets.yaml`, didYouMean(targetName, targets.map(({ name }) => name)), 'resource');
  else if (!managed.includes(kindName)) tell('deviation.kind', `${targetName} does not manage ${kindName}`, didYouMean(kindName, managed), 'resource');
  else fields.forEach((field, index) => {
    if (!known.includes(field)) tell('deviation.field', `${kindName} has no field ${field}`, didYouMean(field, known), `fields/${String(index)}`);
  });
}

function firmwareRulesOf({ standards }: Pick<CheckStandardsInput, 'standards'>, standard: string): readonly string[] {
  return Object.keys(standards.get(standard)?.value.firmware ?? {});
}

/** Whether it may be needed by what devices run, which no file tells. */
function mayConcernFirmware(input: CheckStandardsInput, { standard = '', rule }: Deviation): boolean {
  const names = firmwareRulesOf(input, standard);
  return rule === undefined ? names.length > 0 : names.includes(rule);
}

function nameOf({ resource, standard, rule, at }: Deviation): string {
  return resource ?? [standard ?? '', ...(rule === undefined ? [] : [`rule ${rule}`]), ...(at === undefined ? [] : [`at ${at}`])].join(', ');
}

function timeOf({ deviation, expired, at }: Entry, today: string): readonly PendingProblem[] {
  const { until, owner, reason } = deviation;
  if (expired) return [{ code: 'deviation.expired', severity: 'error', message: `the deviation for ${nameOf(deviation)} ended on ${until} (${owner}: ${reason})`, hint: 'mend what differs and remove the entry, or agree on a new end', at: at('until') }];
  if (addDays(today, soon) < until) return [];
  return [{ code: 'deviation.ends-soon', severity: 'warning', message: `the deviation for ${nameOf(deviation)} ends on ${until} (${owner}: ${reason})`, hint: 'mend what differs by then, or agree on a new end', at: at('until') }];
}

function covers({ deviation }: Entry, { standard, rule, at }: Missed): boolean {
  return deviation.standard === standard && (deviation.rule === undefined || deviation.rule === rule) && (deviation.at === undefined || at.includes(deviation.at));
}

/** What is not met and nobody answers for; what is answered for and met. One that has ended is told as such, and once. */
function judge(input: CheckStandardsInput, missed: readonly Missed[], entries: readonly Entry[]): readonly PendingProblem[] {
  const open = missed.filter((each) => !entries.some((entry) => covers(entry, each))).map((each): PendingProblem => ({
    code: 'standard.unmet', severity: each.severity, message: `standard ${each.standard}${each.rule === '' ? '' : `, rule ${each.rule}`}: ${each.what}`,
    hint: `mend it, or accept it until a day in customers/${input.files.name}/deviations.yaml`, explanation: each.why, ...(each.place === undefined ? {} : { at: each.place }),
  }));
  const unneeded = entries.filter((entry) => entry.deviation.standard !== undefined && !entry.expired && !mayConcernFirmware(input, entry.deviation) && !missed.some((each) => covers(entry, each))).map(({ deviation, at }): PendingProblem => ({
    code: 'deviation.unneeded', severity: 'warning', message: `nothing needs the deviation for ${nameOf(deviation)} any more`, hint: 'remove the entry; left alone it covers the next difference, too', at: at(),
  }));
  return [...open, ...unneeded];
}
