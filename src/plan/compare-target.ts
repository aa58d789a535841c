/** The three-way diff of one target: desired, live, ledger. Pure. */
import { parseAddress, type Address, type Capabilities, type Change, type Desired, type JsonObject, type Kind, type Live, type Mode, type Problem, type Reason, type Target, type Verb } from '#contract';
import { compareText } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import type { Accepted, Finding, LedgerEntry } from '#core/model';
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
  const present = new Set(input.live.filter(({ recoverable }) => recoverable === undefined).map(({ address }) => address));
  const renames = new Map(input.desired.flatMap(({ address, was }): [Address, Address][] => (was !== undefined && present.has(was) && !present.has(address) ? [[was, address]] : [])));
  const found = new Map(input.live.map((live) => renameReferences(live, renames, input.kinds)).filter(({ recoverable }) => recoverable === undefined).map((live) => [live.address, live]));
  const accepted = new AcceptedDifferences(input.accepted ?? [], found, input.kinds);
  const situation: Situation = {
    input, out, accepted, live: found,
    recoverable: new Map(input.live.filter(({ recoverable }) => recoverable !== undefined).map((live) => [live.address, live])),
  };
  const spoken = new Set<string>();
  for (const desired of input.desired) {
    spoken.add(desired.address);
    if (desired.was !== undefined) spoken.add(desired.was);
    compareDesired(situation, desired);
  }
  const rest = new Set([...Object.keys(input.ledger), ...situation.live.keys()].filter((address) => !spoken.has(address)));
  for (const address of [...rest].sort(compareText)) compareUnwritten(situation, address as Address);
  return { ...out, findings: [...out.findings, ...accepted.findings], problems: [...out.problems, ...accepted.unneeded()], compared: spoken.size + rest.size };
}

/** Takes unverifiable fields from the ledger and leaves out what cannot be changed here. */
function comparable(situation: Situation, desired: Desired, live: Live, applied: LedgerEntry | undefined): { wanted: JsonObject; found: JsonObject } {
  const { input, out } = situation;
  const schema = schemaOf(input, desired.address);
  const wanted = desired.spec;
  const found = projectOwned(schema, withUnverifiable(live, applied), desired.spec);
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
  const was = desired.was;
  const here = live.get(desired.address);
  const before = was === undefined ? undefined : live.get(was);
  if (was !== undefined && here !== undefined && before !== undefined) {
    out.problems.push(told('plan.rename-target-exists', 'error', desired.address, `${parseAddress(desired.address).name} exists already, so ${parseAddress(was).name} cannot be renamed to it`, desired, 'remove `was:` or remove one of the two on the target'));
    return;
  }
  // A rename that has happened: only the ledger still knows the old name.
  if (was !== undefined && before === undefined && input.ledger[was] !== undefined) out.ledgerOnly.push(ledgerChange('release', was, 'removed', input.ledger[was].spec));
  const found = here ?? before;
  const applied = input.ledger[desired.address] ?? (before !== undefined && was !== undefined ? input.ledger[was] : undefined);
  if (found === undefined) compareAbsent(situation, desired, applied);
  else comparePresent(situation, desired, found, applied);
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
    if (appliedPart === undefined || applied?.lost === true || !equalJson(appliedPart, written)) out.ledgerOnly.push(ledgerChange('adopt', desired.address, 'adopted', desired.spec));
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
  const reason = reasonOf(schema, rest(written), rest(withUnverifiable(live, applied)), applied === undefined ? undefined : { ...applied, spec: rest(applied.spec) }, appliedPart === undefined ? undefined : rest(appliedPart), renamed);
  add(situation, desired, { verb: 'update', address: desired.address, reason, before: found, after: wanted, handle: live.handle, ...(renamed ? { was: live.address } : {}) });
}

/** What the target never shows has not moved there as far as anyone can tell. */
function withUnverifiable(live: Live, applied: LedgerEntry | undefined): JsonObject {
  const hidden = (live.unverifiable ?? []).flatMap((field): [string, JsonObject[string]][] => {
    // Nobody has seen it on this device.
    const known = applied?.lost === true ? undefined : applied?.spec[field];
    return known === undefined ? [] : [[field, known]];
  });
  return { ...live.spec, ...Object.fromEntries(hidden) };
}

function reasonOf(schema: JsonObject, wanted: JsonObject, live: JsonObject, applied: LedgerEntry | undefined, appliedPart: JsonObject | undefined, renamed: boolean): Reason {
  if (applied === undefined || appliedPart === undefined) return 'adopted';
  if (applied.lost === true) return equalJson(appliedPart, wanted) ? 'replaced' : 'changed';
  if (!renamed && equalJson(appliedPart, wanted)) return 'drift';
  return renamed || equalJson(projectOwned(schema, live, applied.spec), applied.spec) ? 'changed' : 'conflict';
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
