/** Take-over: what a live system is becomes what is written, so that the next plan is empty. Reads with the read credentials only. */
import { parseAddress, toAddress, type Address, type JsonObject, type Live, type Problem, type Target } from '#contract';
import { compareText, isObject, propertySchema } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import { matchesPattern } from '#core/match-pattern';
import type { DesiredState } from '#core/model';
import { projectOwned } from '#core/project-owned';
import { kinds } from '#kinds/registry';
import { writeOnce, type Chosen } from './adopt-shared.ts';
import type { Edit } from './edit/edit.ts';
import { placeAll, type DocumentFile, type PlacedResource } from './edit/place-resource.ts';
import { sectionEdits, type CommentLanguage } from './edit/section-edits.ts';
import { asciiName } from './edit/suggest-values.ts';
import { writeFiles, type FileChange } from './edit/write-files.ts';
import { readTarget } from './live/read-target.ts';
import { compareTarget, matchLive } from './plan/compare-target.ts';
import { editTexts, placeInputOf, readTexts, settle, type CustomerTexts, type Settled } from './proposal.ts';
import { asOfOf, openWorld, type World } from './world.ts';
import type { Workspace } from './workspace.ts';

export interface AdoptOptions {
  readonly customer: string;
  /** Names; empty: all. */
  readonly targets: readonly string[];
  /** Patterns `name`, `kind/name` or `target/kind/name`; empty: everything. */
  readonly only: readonly string[];
  /** Entries that are written and differ are changed, too. */
  readonly update: boolean;
  readonly dryRun: boolean;
  /** Of the comments in the files. */
  readonly language: CommentLanguage;
}

export interface AdoptEntry {
  readonly address: Address;
  /**
   * `adopted`: written now. `updated`: was written and is changed. `same`: is written like this. `differs`: is written otherwise and was
   * left so. `missing`: is written and not there. `left-out`: is there and not written, `why` says the reason. `inexact`: is written, and
   * the next plan will still show a difference.
   */
  readonly what: 'adopted' | 'updated' | 'same' | 'differs' | 'missing' | 'left-out' | 'inexact';
  readonly why?: string;
}

export interface AdoptResult {
  readonly entries: readonly AdoptEntry[];
  readonly unreachable: readonly { readonly target: string; readonly why: string; readonly hint?: string }[];
  readonly changes: readonly FileChange[];
  readonly written: boolean;
  /** Errors: nothing was written. */
  readonly problems: readonly Problem[];
  readonly texts: ReadonlyMap<string, string>;
}

interface ReadSystem {
  readonly target: Target;
  readonly live: readonly Live[];
}

export async function adopt(ws: Workspace, options: AdoptOptions): Promise<AdoptResult> {
  const world = await openWorld(ws, { customers: [options.customer], targets: options.targets, concurrency: 1 }, (repo) => Promise.resolve({ source: repo.folderSource(), commit: '', heads: [], problems: [] }));
  const [state] = world.desired.states;
  const nothing: AdoptResult = { entries: [], unreachable: [], changes: [], written: false, problems: world.problems, texts: world.desired.texts };
  if (state === undefined || world.problems.some(({ severity }) => severity === 'error')) return nothing;
  const { systems, unreachable } = await readSystems(world, state, options);
  const entries = new Map<Address, AdoptEntry>();
  const { wanted, standsFor } = onePerPlace(systems.flatMap((system) => choose(system, state, options, entries)), state, systems, entries);
  const proposed = await propose(world, state, options, { systems, wanted, entries, standsFor });
  const result = { ...nothing, entries: [...entries.values()].sort((a, b) => compareText(a.address, b.address)), unreachable, changes: proposed.changes, problems: [...world.problems, ...proposed.problems], texts: proposed.texts };
  if (options.dryRun || proposed.changes.length === 0 || result.problems.some(({ severity }) => severity === 'error')) return result;
  await writeFiles(ws.root, proposed.changes);
  return { ...result, written: true };
}

async function readSystems(world: World, state: DesiredState, { targets }: AdoptOptions): Promise<{ systems: readonly ReadSystem[]; unreachable: AdoptResult['unreachable'] }> {
  const sessions = world.sessions(state.customer.name);
  const chosen = state.targets.map(({ target }) => target).filter(({ name }) => targets.length === 0 || targets.includes(name));
  const readings = await Promise.all(chosen.map(async (target) => {
    const { reading, session } = await readTarget({ target, kinds, open: () => sessions.openRead(target) });
    await session?.close().catch(() => undefined);
    return { target, reading };
  }));
  return {
    systems: readings.flatMap(({ target, reading }) => (reading.status === 'read' ? [{ target, live: reading.live.filter(({ recoverable }) => recoverable === undefined) }] : [])),
    unreachable: readings.flatMap(({ target, reading }) => (reading.status === 'read' ? [] : [{ target: target.name, why: reading.why, ...(reading.hint === undefined ? {} : { hint: reading.hint }) }])),
  };
}

/** `name`, `kind/name` and `target/kind/name`. */
function isChosen(only: readonly string[], address: Address): boolean {
  return only.length === 0 || only.some((pattern) => matchesPattern(`${'*/'.repeat(Math.max(0, 3 - pattern.split('/').length))}${pattern}`, address));
}

/** What of a system is to be written; everything else gets its line in the report. */
function choose({ target, live: read }: ReadSystem, state: DesiredState, options: AdoptOptions, entries: Map<Address, AdoptEntry>): readonly Chosen[] {
  const own = state.resources.filter(({ address }) => parseAddress(address).target === target.name);
  const { live, former } = matchLive({ kinds, desired: own, live: read, ledger: {} });
  const called = new Map([...former].map(([address, name]) => [name, address]));
  const written = new Map(own.map((resource) => [resource.address, resource]));
  const tell = (address: Address, what: AdoptEntry['what'], why?: string): void => void entries.set(address, { address, what, ...(why === undefined ? {} : { why }) });
  const present = new Set<Address>(live.map(({ address }) => called.get(address) ?? address));
  for (const { address } of own) if (!present.has(address) && isChosen(options.only, address)) tell(address, 'missing');
  return live.filter(({ address }) => isChosen(options.only, called.get(address) ?? address)).flatMap((each): Chosen[] => {
    const address = called.get(each.address) ?? each.address;
    const { kind, name } = parseAddress(address);
    const desired = written.get(address);
    if (desired !== undefined) {
      // What the target never shows cannot differ from what is written.
      const seen = { ...each.spec, ...only(desired.spec, each.unverifiable ?? []) };
      const same = equalJson(projectOwned(kinds.get(kind)?.schema ?? {}, seen, desired.spec), desired.spec);
      const otherwise = address === each.address ? undefined : `it is called ${parseAddress(each.address).name} there, and the next plan renames it`;
      tell(address, same ? 'same' : options.update ? 'updated' : 'differs', same || options.update ? otherwise : `written in ${desired.source.file}:${String(desired.source.line)}; --update takes the live values`);
      const owned = Object.keys(desired.spec).filter((field) => each.readOnlyFields?.[field] === undefined);
      return same || !options.update ? [] : [{ live: each, written: true, resource: { target: target.name, kind, name, spec: { ...changeable(each), ...only(desired.spec, each.unverifiable ?? []) }, owned } }];
    }
    const reason = reasonAgainst(each, target, state);
    if (reason !== undefined) {
      tell(address, 'left-out', reason);
      return [];
    }
    tell(address, 'adopted');
    const [hidden] = Object.values(hiddenSecrets(each));
    const comment = Object.values(each.readOnlyFields ?? {})[0] ?? (hidden === undefined ? undefined : `${options.language === 'de' ? 'Den Wert hinterlegen' : 'Store its value'}: soll secret set ${options.customer} ${hidden.$secret} --write`);
    return [{ live: each, written: false, resource: { target: target.name, kind, name, spec: cleaned(each), ...(comment === undefined ? {} : { comment }) } }];
  });
}

function only(spec: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(spec).filter(([field]) => fields.includes(field)));
}

function reasonAgainst({ address, origin, readOnly }: Live, target: Target, { customer }: DesiredState): string | undefined {
  const { kind } = parseAddress(address);
  if (origin === 'system') return 'it belongs to the system';
  if (readOnly !== undefined) return readOnly;
  const pattern = customer.protected.find((each) => matchesPattern(each, address));
  // Where all that is not written goes, leaving it out would be worse.
  if (kind === 'user' && pattern !== undefined && target.manages[kind] !== 'exclusive') return `protected by ${pattern} in customer.yaml: soll keeps its hands off`;
  return undefined;
}

/** Without what cannot be changed here; what the target never shows becomes a reference to a secret. */
function changeable(live: Live): JsonObject {
  const { spec, readOnlyFields = {} } = live;
  return { ...Object.fromEntries(Object.entries(spec).filter(([field]) => readOnlyFields[field] === undefined)), ...hiddenSecrets(live) };
}

function hiddenSecrets({ address, spec, unverifiable = [] }: Live): Readonly<Record<string, { readonly $secret: string }>> {
  const { kind, target, name } = parseAddress(address);
  const schema = kinds.get(kind)?.schema ?? {};
  return Object.fromEntries(unverifiable.filter((field) => isSecret(propertySchema(schema, field))).map((field) => {
    // One WLAN on many devices has one passphrase.
    const parts = typeof spec['ssid'] === 'string' ? ['wlan', asciiName(spec['ssid'])] : [target, name, field];
    return [field, { $secret: secretName(...parts) }];
  }));
}

function isSecret({ properties }: JsonObject): boolean {
  return isObject(properties) && properties['$secret'] !== undefined;
}

function secretName(...parts: readonly string[]): string {
  return parts.join('-').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replace(/^[^a-z]+/, '').slice(0, 63);
}

/** Fields that say nothing when they are empty, and a mail name that follows from the sign-in name. */
const quiet = new Set(['businessPhones', 'owners', 'licences']);

function cleaned(live: Live): JsonObject {
  const spec = changeable(live);
  const local = typeof spec['userPrincipalName'] === 'string' ? spec['userPrincipalName'].split('@')[0] : undefined;
  return Object.fromEntries(Object.entries(spec).filter(([field, value]) => {
    if (quiet.has(field) && Array.isArray(value) && value.length === 0) return false;
    return !(field === 'mailNickname' && local !== undefined && String(value).toLowerCase() === local);
  }));
}

interface Work {
  readonly systems: readonly ReadSystem[];
  readonly wanted: readonly PlacedResource[];
  readonly entries: Map<Address, AdoptEntry>;
  /** By the address of what is written: all that it is on the devices. */
  readonly standsFor: ReadonlyMap<Address, readonly Address[]>;
}

async function propose(world: World, state: DesiredState, options: AdoptOptions, { systems, wanted, entries, standsFor }: Work): Promise<Settled> {
  const texts = await readTexts(world.tree.source, options.customer);
  const settled = await settle({
    check: { source: world.tree.source, customer: options.customer, providers: world.providers, lab: world.ws.lab, asOf: asOfOf(world.ws) }, state, wanted,
    make: (left) => makeChanges(texts, state, options, { systems, wanted: left, entries, standsFor }),
    leaveOut: (resource, why) => { leaveOut({ entries, standsFor }, options.customer, resource, why); },
  });
  if (settled.state !== undefined) {
    tellInexact(world, settled.state, systems, entries);
    tellDeleted(settled.state, entries);
  }
  return settled;
}

function leaveOut({ entries, standsFor }: Pick<Work, 'entries' | 'standsFor'>, customer: string, { target, kind, name }: PlacedResource, why: string): void {
  const own = toAddress({ customer, target, kind, name });
  for (const address of standsFor.get(own) ?? [own]) entries.set(address, { address, what: 'left-out', why });
}

function makeChanges(texts: CustomerTexts, state: DesiredState, { customer, language, only: chosen }: AdoptOptions, { systems, wanted: fit, entries, standsFor }: Work): { readonly changes: readonly FileChange[]; readonly placed: readonly PlacedResource[] } {
  const input = placeInputOf(texts, state);
  const sections = sectionEdits(input, systems.map(({ target, live }) => {
    const resources = fit.filter((each) => each.target === target.name);
    // A written section is a managed one. An empty one is written only where nothing is there.
    const managed = Object.keys(target.manages).filter((kind) => resources.some((each) => each.kind === kind) || (chosen.length === 0 && !live.some(({ address }) => parseAddress(address).kind === kind)));
    return { target: target.name, ...(target.site === undefined ? {} : { site: target.site }), kinds: managed, resources };
  }), language);
  const all = placeAll(sections.input, fit);
  for (const { resource, why } of all.refused) leaveOut({ entries, standsFor }, customer, resource, why);
  for (const { resource, fields } of all.unsaid) {
    const address = toAddress({ customer, ...resource });
    entries.set(address, { address, what: 'inexact', why: `${fields.join(', ')} ${fields.length === 1 ? 'is' : 'are'} empty there, and that cannot be written` });
  }
  const edits = new Map<DocumentFile, readonly Edit[]>([...new Set([...sections.edits.keys(), ...all.edits.keys()])].map((file) => [file, [...(sections.edits.get(file) ?? []), ...(all.edits.get(file) ?? [])]]));
  const refused = new Set(all.refused.map(({ resource }) => resource));
  return { changes: editTexts(texts, edits), placed: fit.filter((resource) => !refused.has(resource)) };
}

/** A VLAN or WLAN is written once per site; what a second device says otherwise, or calls otherwise, is told. */
function onePerPlace(chosen: readonly Chosen[], state: DesiredState, systems: readonly ReadSystem[], entries: Map<Address, AdoptEntry>): { readonly wanted: readonly PlacedResource[]; readonly standsFor: ReadonlyMap<Address, readonly Address[]> } {
  const { resources, of } = writeOnce({ chosen, state, systems });
  const standsFor = new Map<Address, readonly Address[]>();
  for (const [{ target, kind, name }, parts] of of) {
    standsFor.set(toAddress({ customer: state.customer.name, target, kind, name }), parts.map(({ address }) => address));
    for (const { address, read, differs, renamed } of parts) {
      const told = entries.get(address) ?? entries.get(read);
      if (address !== read) entries.delete(read);
      const why = differs ?? (renamed === undefined ? undefined : `it is called ${renamed} there, and the next plan renames it`);
      if (told !== undefined) entries.set(address, { ...told, address, ...(differs === undefined ? {} : { what: 'differs' }), ...(why === undefined ? {} : { why }) });
    }
  }
  return { wanted: resources, standsFor };
}

/** The proof: what was written is compared with what was read. */
function tellInexact(world: World, state: DesiredState, systems: readonly ReadSystem[], entries: Map<Address, AdoptEntry>): void {
  for (const { target, live } of systems) {
    const capabilities = world.capabilities.get(target.provider);
    if (capabilities === undefined) continue;
    const prefix = `${target.customer}/${target.name}/`;
    const manages = Object.fromEntries(Object.keys(target.manages).map((kind) => [kind, 'merge' as const]));
    const { changes } = compareTarget({ target: { ...target, manages }, capabilities, kinds, live, ledger: {}, written: state.written[target.name] ?? [], desired: state.resources.filter(({ address }) => address.startsWith(prefix)) });
    for (const { address } of changes) {
      const { what, why = 'the next plan will still show a difference' } = entries.get(address) ?? {};
      if (what === 'adopted' || what === 'updated') entries.set(address, { address, what: 'inexact', why });
    }
  }
}


/** Left out where everything that is not written goes: the plan will say so, and so does this report. */
function tellDeleted(state: DesiredState, entries: Map<Address, AdoptEntry>): void {
  for (const [address, entry] of entries) {
    const { target, kind } = parseAddress(address);
    const mode = state.targets.find((each) => each.target.name === target)?.target.manages[kind];
    if (entry.what === 'left-out' && mode === 'exclusive' && (state.written[target] ?? []).includes(kind)) entries.set(address, { ...entry, why: `${entry.why ?? ''}; ${kind} is exclusive on ${target}, so the next plan deletes it` });
  }
}
