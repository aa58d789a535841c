/** Take-over: what a live system is becomes what is written, so that the next plan is empty. Reads with the read credentials only. */
import { parseAddress, toAddress, type Address, type JsonObject, type Live, type Problem, type Target } from '#contract';
import { compareText, isObject, propertySchema } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import { matchesPattern } from '#core/match-pattern';
import type { DesiredState } from '#core/model';
import { projectOwned } from '#core/project-owned';
import { kinds } from '#kinds/registry';
import type { Edit } from './edit/edit.ts';
import { placeAll, type DocumentFile, type PlacedResource } from './edit/place-resource.ts';
import { sectionEdits, type CommentLanguage } from './edit/section-edits.ts';
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
  const wanted = systems.flatMap((system) => choose(system, state, options, entries));
  const proposed = await propose(world, state, options, { systems, wanted, entries });
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
function choose({ target, live: read }: ReadSystem, state: DesiredState, options: AdoptOptions, entries: Map<Address, AdoptEntry>): readonly PlacedResource[] {
  const own = state.resources.filter(({ address }) => parseAddress(address).target === target.name);
  const { live, former } = matchLive({ kinds, desired: own, live: read, ledger: {} });
  const called = new Map([...former].map(([address, name]) => [name, address]));
  const written = new Map(own.map((resource) => [resource.address, resource]));
  const tell = (address: Address, what: AdoptEntry['what'], why?: string): void => void entries.set(address, { address, what, ...(why === undefined ? {} : { why }) });
  const present = new Set<Address>(live.map(({ address }) => called.get(address) ?? address));
  for (const { address } of own) if (!present.has(address) && isChosen(options.only, address)) tell(address, 'missing');
  return live.filter(({ address }) => isChosen(options.only, called.get(address) ?? address)).flatMap((each): PlacedResource[] => {
    const address = called.get(each.address) ?? each.address;
    const { kind, name } = parseAddress(address);
    const desired = written.get(address);
    if (desired !== undefined) {
      const same = equalJson(projectOwned(kinds.get(kind)?.schema ?? {}, each.spec, desired.spec), desired.spec);
      const otherwise = address === each.address ? undefined : `it is called ${parseAddress(each.address).name} there, and the next plan renames it`;
      tell(address, same ? 'same' : options.update ? 'updated' : 'differs', same || options.update ? otherwise : `written in ${desired.source.file}:${String(desired.source.line)}; --update takes the live values`);
      return same || !options.update ? [] : [{ target: target.name, kind, name, spec: changeable(each), owned: Object.keys(desired.spec).filter((field) => each.readOnlyFields?.[field] === undefined) }];
    }
    const reason = reasonAgainst(each, target, state);
    if (reason !== undefined) {
      tell(address, 'left-out', reason);
      return [];
    }
    tell(address, 'adopted');
    const comment = Object.entries(each.readOnlyFields ?? {}).map(([, why]) => why)[0];
    return [{ target: target.name, kind, name, spec: cleaned(each), ...(comment === undefined ? {} : { comment }) }];
  });
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
function changeable({ address, spec, readOnlyFields = {}, unverifiable = [] }: Live): JsonObject {
  const { kind, target, name } = parseAddress(address);
  const schema = kinds.get(kind)?.schema ?? {};
  const secrets = unverifiable.filter((field) => isSecret(propertySchema(schema, field))).map((field) => [field, { $secret: secretName(target, name, field) }]);
  return { ...Object.fromEntries(Object.entries(spec).filter(([field]) => readOnlyFields[field] === undefined)), ...(Object.fromEntries(secrets) as JsonObject) };
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
}

async function propose(world: World, state: DesiredState, options: AdoptOptions, { systems, wanted, entries }: Work): Promise<Settled> {
  const texts = await readTexts(world.tree.source, options.customer);
  const settled = await settle({
    check: { source: world.tree.source, customer: options.customer, providers: world.providers, lab: world.ws.lab, asOf: asOfOf(world.ws) }, state, wanted,
    make: (left) => makeChanges(texts, state, options, { systems, wanted: left, entries }),
    leaveOut: (resource, why) => { leaveOut(entries, options.customer, resource, why); },
  });
  if (settled.state !== undefined) {
    tellInexact(world, settled.state, systems, entries);
    tellDeleted(settled.state, entries);
  }
  return settled;
}

function leaveOut(entries: Map<Address, AdoptEntry>, customer: string, { target, kind, name }: PlacedResource, why: string): void {
  const address = toAddress({ customer, target, kind, name });
  entries.set(address, { address, what: 'left-out', why });
}

function makeChanges(texts: CustomerTexts, state: DesiredState, { customer, language, only }: AdoptOptions, { systems, wanted, entries }: Work): { readonly changes: readonly FileChange[]; readonly placed: readonly PlacedResource[] } {
  const input = placeInputOf(texts, state);
  const fit = onePerPlace(wanted, state, customer, entries);
  const sections = sectionEdits(input, systems.map(({ target, live }) => {
    const resources = fit.filter((each) => each.target === target.name);
    // A written section is a managed one. An empty one is written only where nothing is there.
    const managed = Object.keys(target.manages).filter((kind) => resources.some((each) => each.kind === kind) || (only.length === 0 && !live.some(({ address }) => parseAddress(address).kind === kind)));
    return { target: target.name, ...(target.site === undefined ? {} : { site: target.site }), kinds: managed, resources };
  }), language);
  const all = placeAll(sections.input, fit);
  for (const { resource, why } of all.refused) leaveOut(entries, customer, resource, why);
  for (const { resource, fields } of all.unsaid) {
    const address = toAddress({ customer, ...resource });
    entries.set(address, { address, what: 'inexact', why: `${fields.join(', ')} ${fields.length === 1 ? 'is' : 'are'} empty there, and that cannot be written` });
  }
  const edits = new Map<DocumentFile, readonly Edit[]>([...new Set([...sections.edits.keys(), ...all.edits.keys()])].map((file) => [file, [...(sections.edits.get(file) ?? []), ...(all.edits.get(file) ?? [])]]));
  const refused = new Set(all.refused.map(({ resource }) => resource));
  return { changes: editTexts(texts, edits), placed: fit.filter((resource) => !refused.has(resource)) };
}

/** A VLAN is written once per site; what a second target says otherwise is told. */
function onePerPlace(wanted: readonly PlacedResource[], { targets }: DesiredState, customer: string, entries: Map<Address, AdoptEntry>): readonly PlacedResource[] {
  const siteOf = (name: string): string => targets.find(({ target }) => target.name === name)?.target.site ?? '';
  const first = new Map<string, PlacedResource>();
  return wanted.filter((resource) => {
    if (resource.kind !== 'vlan') return true;
    const key = `${siteOf(resource.target)} ${resource.name}`;
    const other = first.get(key);
    first.set(key, other ?? resource);
    if (other === undefined || equalJson(other.spec, resource.spec)) return other === undefined;
    const address = toAddress({ customer, ...resource });
    entries.set(address, { address, what: 'differs', why: `${other.target} has another ${resource.name}, and that one is written` });
    return false;
  });
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
      const told = entries.get(address)?.what;
      if (told === 'adopted' || told === 'updated') entries.set(address, { address, what: 'inexact', why: 'the next plan will still show a difference' });
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
