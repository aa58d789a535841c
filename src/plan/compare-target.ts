/** The three-way diff of one target: desired, live, ledger. Pure. */
import { isWholeConfiguration, parseAddress, type Address, type Capabilities, type Change, type Desired, type JsonObject, type Kind, type Live, type Mode, type Problem, type Reason, type Target, type Verb } from '#contract';
import { compareText, isObject, propertySchema } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import type { Accepted, Finding, LedgerEntry } from '#core/model';
import { labelUnnamed, naturalKeyOf } from '#core/natural-key';
import { projectOwned } from '#core/project-owned';
import { renameReferences } from '#core/rename-references';
import { AcceptedDifferences, without } from './accepted-differences.ts';

export interface CompareInput {
  readonly target: Target;
  readonly capabilities: Capabilities;
  readonly kinds: ReadonlyMap<string, Kind>;
  /** Of this target only. */
  readonly desired: readonly Desired[];
  readonly live: readonly Live[];
  readonly ledger: Readonly<Record<Address, LedgerEntry>>;
  readonly written: readonly string[];
  /** Differences that are told and not acted upon. */
  readonly accepted?: readonly Accepted[];
}

export interface Comparison {
  /** create, update, delete; unordered. */
  readonly changes: readonly Change[];
  /** adopt and release. */
  readonly ledgerOnly: readonly Change[];
  readonly findings: readonly Finding[];
  readonly problems: readonly Problem[];
  readonly compared: number;
  /** As read; what has no name of its own is called as it is written. */
  readonly live: readonly Live[];
}

interface Collected {
  changes: Change[];
  ledgerOnly: Change[];
  findings: Finding[];
  problems: Problem[];
}

interface Situation {
  readonly input: CompareInput;
  readonly live: ReadonlyMap<string, Live>;
  readonly recoverable: ReadonlyMap<string, Live>;
  readonly accepted: AcceptedDifferences;
  /** What a written resource is called there until now, where that is another name. */
  readonly former: ReadonlyMap<Address, Address>;
  /** Ledger entries under names that nobody writes or sees any more, by natural key. */
  readonly orphans: ReadonlyMap<string, LedgerEntry>;
  readonly out: Collected;
}

function modeOf(input: CompareInput, kind: string): Mode {
  return input.target.manages[kind] ?? 'observe';
}

function schemaOf(input: CompareInput, address: Address): JsonObject {
  return input.kinds.get(parseAddress(address).kind)?.schema ?? {};
}

function told(code: string, severity: Problem['severity'], address: Address, message: string, desired?: Desired, hint?: string): Problem {
  const { customer, target } = parseAddress(address);
  return { code, severity, message, address, customer, target, ...(hint === undefined ? {} : { hint }), ...(desired === undefined ? {} : { source: desired.source }) };
}

export function compareTarget(input: CompareInput): Comparison {
  const out: Collected = { changes: [], ledgerOnly: [], findings: [], problems: [] };
  const { live: labelled, former } = matchLive(input, out.problems);
  const present = labelled.filter(({ recoverable }) => recoverable === undefined);
  const renames = new Map([...former].map(([address, was]) => [was, address]));
  const found = new Map(present.map((live) => renameReferences(live, renames, input.kinds)).map((live) => [live.address, live]));
  const accepted = new AcceptedDifferences(input.accepted ?? [], found, input.kinds);
  const situation: Situation = {
    input, out, accepted, former, live: found, orphans: orphansOf(input, found),
    recoverable: new Map(labelled.filter(({ recoverable }) => recoverable !== undefined).map((live) => [live.address, live])),
  };
  const spoken = new Set<string>(former.values());
  for (const desired of input.desired) {
    spoken.add(desired.address);
    if (desired.was !== undefined) spoken.add(desired.was);
    compareDesired(situation, desired);
  }
  const rest = new Set([...Object.keys(input.ledger), ...situation.live.keys()].filter((address) => !spoken.has(address)));
  for (const address of [...rest].sort(compareText)) compareUnwritten(situation, address as Address);
  tellSecondOfKey(situation);
  return { ...out, findings: [...out.findings, ...accepted.findings], problems: [...out.problems, ...accepted.unneeded()], compared: spoken.size + rest.size, live: labelled };
}

type Matching = Pick<CompareInput, 'kinds' | 'desired' | 'live' | 'ledger'>;

/** Which live object is which written one. `former`: by written address, what it is called there until now, where that is another name. */
export function matchLive(input: Matching, problems: Problem[] = []): { readonly live: readonly Live[]; readonly former: ReadonlyMap<Address, Address> } {
  const live = labelUnnamed(input.kinds, input.live, knownNames(input));
  return { live, former: formerNames(input, live.filter(({ recoverable }) => recoverable === undefined), problems) };
}

/** Names by natural key: as written, else as recorded. */
function knownNames({ kinds, desired, ledger }: Matching): ReadonlyMap<string, Address> {
  const names = new Map<string, Address>();
  const learn = (address: Address, spec: JsonObject): void => {
    const key = naturalKeyOf(kinds, address, spec);
    if (key !== undefined) names.set(key, address);
  };
  for (const [address, { spec }] of Object.entries(ledger) as [Address, LedgerEntry][]) learn(address, spec);
  for (const { address, spec } of desired) learn(address, spec);
  return names;
}

/** By `was`, or because the target holds the same thing (VLAN id, SSID) under a name that nobody writes. */
function formerNames(input: Matching, live: readonly Live[], problems: Problem[]): ReadonlyMap<Address, Address> {
  const present = new Set(live.map(({ address }) => address));
  const absent = input.desired.filter(({ address }) => !present.has(address));
  const former = new Map(absent.flatMap(({ address, was }): [Address, Address][] => (was !== undefined && present.has(was) ? [[address, was]] : [])));
  const written = new Set(input.desired.flatMap(({ address, was }) => (was === undefined ? [address] : [address, was])));
  const free = new Map<string, Address[]>();
  for (const { address, spec } of live) {
    const key = written.has(address) ? undefined : naturalKeyOf(input.kinds, address, spec);
    if (key !== undefined) free.set(key, [...(free.get(key) ?? []), address]);
  }
  for (const desired of absent) {
    const key = former.has(desired.address) ? undefined : naturalKeyOf(input.kinds, desired.address, desired.spec);
    const [found, ...more] = key === undefined ? [] : free.get(key) ?? [];
    if (key === undefined || found === undefined) continue;
    if (more.length > 0) {
      const names = [found, ...more].map((address) => parseAddress(address).name).sort(compareText).join(' and ');
      problems.push(told('plan.key-ambiguous', 'error', desired.address, `${key} is there as ${names}, so nobody can say which of them ${parseAddress(desired.address).name} is`, desired, 'name one with `was:`, or remove one of them on the target'));
    }
    former.set(desired.address, found);
    free.delete(key);
  }
  return former;
}

function orphansOf({ kinds, desired, ledger }: CompareInput, live: ReadonlyMap<string, Live>): ReadonlyMap<string, LedgerEntry> {
  const written = new Set<string>(desired.map(({ address }) => address));
  const orphans = new Map<string, LedgerEntry>();
  for (const [address, entry] of Object.entries(ledger) as [Address, LedgerEntry][]) {
    const key = written.has(address) || live.has(address) ? undefined : naturalKeyOf(kinds, address, entry.spec);
    if (key !== undefined && !orphans.has(key)) orphans.set(key, entry);
  }
  return orphans;
}

/** Two things of one key cannot be on a target. Object by object, what is deleted goes last and is still in the way. */
function tellSecondOfKey({ input, live, former, out }: Situation): void {
  const atOnce = isWholeConfiguration(input.capabilities.atomicity);
  const gone = new Set(out.changes.filter(({ verb }) => atOnce && verb === 'delete').map(({ address }) => address));
  const changed = new Map(out.changes.filter(({ verb }) => verb === 'create' || verb === 'update').map((change) => [change.address, change]));
  const leaving = new Set(former.values());
  const holders = new Map<string, Address>();
  for (const { address, spec } of live.values()) {
    const key = leaving.has(address) || changed.has(address) || gone.has(address) ? undefined : naturalKeyOf(input.kinds, address, spec);
    if (key !== undefined) holders.set(key, address);
  }
  for (const { address, before, after } of changed.values()) {
    const key = naturalKeyOf(input.kinds, address, after);
    const holder = key === undefined ? undefined : holders.get(key);
    if (key === undefined) continue;
    holders.set(key, address);
    if (holder === undefined || key === naturalKeyOf(input.kinds, address, before)) continue;
    out.problems.push(told('plan.key-exists', 'error', address, `${key} is on ${input.target.name} already, as ${parseAddress(holder).name}`, input.desired.find((each) => each.address === address), 'write it under that name, or remove it there first'));
  }
}

/** Takes unverifiable fields from the ledger and leaves out what cannot be changed here. */
function comparable(situation: Situation, desired: Desired, live: Live, applied: LedgerEntry | undefined): { wanted: JsonObject; found: JsonObject } {
  const { input, out } = situation;
  const schema = schemaOf(input, desired.address);
  const wanted = desired.spec;
  const found = projectOwned(schema, withUnverifiable(live, applied, assumed(situation, desired, live, applied)), desired.spec);
  const fixed = new Set<string>();
  for (const [field, why] of Object.entries(live.readOnlyFields ?? {})) {
    if (wanted[field] === undefined) continue;
    if (!equalJson(wanted[field], found[field])) {
      out.problems.push(told('plan.read-only-field', 'warning', desired.address, `${field} of ${parseAddress(desired.address).name} cannot be changed here: ${why}`, desired));
    }
    fixed.add(field);
  }
  return { wanted: without(wanted, fixed), found: without(found, fixed) };
}

function compareDesired(situation: Situation, desired: Desired): void {
  const { input, live, out } = situation;
  const was = situation.former.get(desired.address);
  const written = desired.was;
  const here = live.get(desired.address);
  if (written !== undefined && here !== undefined && live.has(written)) {
    out.problems.push(told('plan.rename-target-exists', 'error', desired.address, `${parseAddress(desired.address).name} exists already, so ${parseAddress(written).name} cannot be renamed to it`, desired, 'remove `was:` or remove one of the two on the target'));
    return;
  }
  // A rename that has happened: only the ledger still knows the old name.
  if (written !== undefined && !live.has(written) && input.ledger[written] !== undefined) out.ledgerOnly.push(ledgerChange('release', written, 'removed', input.ledger[written].spec));
  const found = here ?? (was === undefined ? undefined : live.get(was));
  const applied = appliedAs(situation, desired, was);
  if (found === undefined) compareAbsent(situation, desired, applied);
  else comparePresent(situation, desired, found, applied);
}

/** What was applied of it last, under whatever name. */
function appliedAs({ input, orphans }: Situation, { address, spec }: Desired, was: Address | undefined): LedgerEntry | undefined {
  return input.ledger[address] ?? (was === undefined ? undefined : input.ledger[was]) ?? orphans.get(naturalKeyOf(input.kinds, address, spec) ?? '');
}

function ledgerChange(verb: 'adopt' | 'release', address: Address, reason: Reason, spec: JsonObject | undefined): Change {
  return { verb, address, reason, ...(spec === undefined ? {} : verb === 'adopt' ? { after: spec } : { before: spec }) };
}

function compareAbsent(situation: Situation, desired: Desired, applied: LedgerEntry | undefined): void {
  const { input, out } = situation;
  const { kind } = parseAddress(desired.address);
  if (situation.accepted.takes(desired.address, undefined, desired.spec)) return;
  if (modeOf(input, kind) === 'observe') {
    out.findings.push({ kind: 'missing', address: desired.address, after: desired.spec });
    return;
  }
  const schema = schemaOf(input, desired.address);
  const unchanged = applied !== undefined && equalJson(projectOwned(schema, applied.spec, desired.spec), desired.spec);
  const reason: Reason = applied === undefined ? 'new' : applied.lost === true ? 'replaced' : unchanged ? 'drift' : 'conflict';
  const deleted = situation.recoverable.get(desired.address);
  add(situation, desired, {
    verb: 'create', address: desired.address, reason, after: desired.spec,
    ...(deleted === undefined ? {} : { restore: true, handle: deleted.handle }),
  });
}

function comparePresent(situation: Situation, desired: Desired, live: Live, applied: LedgerEntry | undefined): void {
  const { input, out } = situation;
  const { wanted: written, found } = comparable(situation, desired, live, applied);
  const renamed = live.address !== desired.address;
  const schema = schemaOf(input, desired.address);
  const neighbourly = situation.accepted.keepNeighbours(desired.address, written, found);
  const appliedPart = applied === undefined ? undefined : projectOwned(schema, applied.spec, written);
  if (!renamed && equalJson(neighbourly, found)) {
    if (modeOf(input, parseAddress(desired.address).kind) === 'observe') return;
    if (input.ledger[desired.address] === undefined || appliedPart === undefined || applied?.lost === true || !equalJson(appliedPart, written)) out.ledgerOnly.push(ledgerChange('adopt', desired.address, 'adopted', desired.spec));
    return;
  }
  if (situation.accepted.takes(desired.address, found, written)) return;
  const { wanted, kept } = situation.accepted.keepFields(desired.address, neighbourly, found);
  if (!renamed && kept.length > 0 && equalJson(wanted, found)) return;
  if (modeOf(input, parseAddress(desired.address).kind) === 'observe') {
    out.findings.push({ kind: 'drift', address: desired.address, before: found, after: wanted });
    return;
  }
  if (live.readOnly !== undefined || live.origin === 'system' || (renamed && live.undeletable !== undefined)) {
    out.findings.push({ kind: 'drift', address: desired.address, before: found, after: wanted });
    out.problems.push(told('plan.read-only', 'warning', desired.address, `${parseAddress(desired.address).name} cannot be changed here: ${live.readOnly ?? live.undeletable ?? 'it belongs to the system'}`, desired));
    return;
  }
  // What is accepted says nothing about why the rest differs.
  const rest = (spec: JsonObject): JsonObject => without(spec, new Set(kept));
  const reason = reasonOf(schema, rest(written), rest(withUnverifiable(live, applied)), applied === undefined ? undefined : { ...applied, spec: rest(applied.spec) }, appliedPart === undefined ? undefined : rest(appliedPart), renameOf(input, desired, renamed));
  add(situation, desired, { verb: 'update', address: desired.address, reason, before: found, after: wanted, handle: live.handle, ...(renamed ? { was: live.address } : {}) });
}

/** What the target never shows has not moved there as far as anyone can tell. */
function withUnverifiable(live: Live, applied: LedgerEntry | undefined, instead: JsonObject = {}): JsonObject {
  const hidden = (live.unverifiable ?? []).flatMap((field): [string, JsonObject[string]][] => {
    // Nobody has seen it on this device.
    const known = applied?.lost === true ? undefined : applied?.spec[field] ?? instead[field];
    return known === undefined ? [] : [[field, known]];
  });
  return { ...live.spec, ...Object.fromEntries(hidden) };
}

/** A secret of something that is taken over is left as it is there: writing it could lock everybody out, and nobody asked for that. */
function assumed({ input, out }: Situation, { address, spec, source }: Desired, live: Live, applied: LedgerEntry | undefined): JsonObject {
  const schema = schemaOf(input, address);
  const fields = applied !== undefined ? [] : (live.unverifiable ?? []).filter((field) => {
    const { properties } = propertySchema(schema, field);
    return spec[field] !== undefined && isObject(properties) && properties['$secret'] !== undefined;
  });
  const { customer, target, kind, name } = parseAddress(address);
  for (const field of modeOf(input, kind) === 'observe' ? [] : fields) out.problems.push({ code: 'plan.unverifiable', severity: 'warning', customer, target, address, source, message: `${field} of ${kind} ${name} is never shown by ${target}: it is taken over as it is, whatever the secret says`, hint: 'store the value that is in use; raise `version` of the reference to have it written' });
  return Object.fromEntries(fields.map((field) => [field, spec[field] ?? null]));
}

/** Who gave it another name: what was applied under the written one was renamed on the device. */
function renameOf({ ledger }: CompareInput, { address }: Desired, renamed: boolean): 'written' | 'there' | undefined {
  return renamed ? (ledger[address] === undefined ? 'written' : 'there') : undefined;
}

function reasonOf(schema: JsonObject, wanted: JsonObject, live: JsonObject, applied: LedgerEntry | undefined, appliedPart: JsonObject | undefined, renamed: 'written' | 'there' | undefined): Reason {
  if (applied === undefined || appliedPart === undefined) return 'adopted';
  if (applied.lost === true) return equalJson(appliedPart, wanted) ? 'replaced' : 'changed';
  if (renamed !== 'written' && equalJson(appliedPart, wanted)) return 'drift';
  if (renamed === 'there') return 'conflict';
  return renamed === 'written' || equalJson(projectOwned(schema, live, applied.spec), applied.spec) ? 'changed' : 'conflict';
}

function add(situation: Situation, desired: Desired | undefined, change: Change): void {
  const { input, out } = situation;
  const { kind, name } = parseAddress(change.address);
  const capability = input.capabilities.kinds[kind];
  if (!(capability?.verbs ?? ([] as readonly Verb[])).includes(change.verb)) {
    out.problems.push(told('plan.unsupported', 'error', change.address, `${input.target.provider} cannot ${change.verb} ${kind} ${name}${capability?.why === undefined ? '' : `: ${capability.why}`}`, desired));
    return;
  }
  out.changes.push(change);
}

/** Live or applied, and not written. */
function compareUnwritten(situation: Situation, address: Address): void {
  const { input, out } = situation;
  const { kind } = parseAddress(address);
  const live = situation.live.get(address);
  const applied = input.ledger[address];
  const mode = modeOf(input, kind);
  const deletes = input.written.includes(kind) && mode !== 'observe';
  // What was applied to another device is not ours here: it goes only where everything goes that nobody wrote.
  const lost = applied?.lost === true;
  if (applied !== undefined && (live === undefined || !deletes || (lost && mode !== 'exclusive'))) {
    out.ledgerOnly.push(ledgerChange('release', address, 'removed', applied.spec));
    return;
  }
  if (live === undefined || live.origin === 'system') return;
  if (situation.accepted.takes(address, live.spec, undefined)) return;
  if (applied === undefined && (!deletes || mode !== 'exclusive')) {
    out.findings.push({ kind: 'foreign', address, before: live.spec });
    return;
  }
  const kept = live.readOnly ?? live.undeletable;
  if (kept !== undefined) {
    out.findings.push({ kind: 'foreign', address, before: live.spec });
    out.problems.push(told('plan.read-only', 'warning', address, `${parseAddress(address).name} is no longer written but cannot be deleted here: ${kept}`));
    return;
  }
  const before = applied === undefined || lost ? live.spec : projectOwned(schemaOf(input, address), live.spec, applied.spec);
  add(situation, undefined, { verb: 'delete', address, reason: applied === undefined || lost ? 'drift' : 'removed', before, handle: live.handle });
}
