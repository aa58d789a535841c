/** Files become desired state: read, parsed, validated, checked, made canonical. Every problem of every file in one go. */
import type { Kind, Problem, Target } from '#contract';
import type { Customer, DesiredState, FileEntry, FileSource, TargetEntry } from '#core/model';
import type { CustomerDocument, SollDocument, TargetsDocument } from '#generated/types';
import { compareText } from '#core/canonical';
import { isTimezone, localDay } from '#core/local-day';
import { buildResources, finishResources, resolveDrafts, sourceOf } from './build-resources.ts';
import { checkCalendar, checkSettings } from './check-calendar.ts';
import { checkFirewalls } from './check-firewall.ts';
import { checkManagement, managementOf } from './check-management.ts';
import { checkM365 } from './check-m365.ts';
import { checkNetwork } from './check-network.ts';
import { checkPorts } from './check-ports.ts';
import { checkReferences } from './check-references.ts';
import { checkStandards } from './check-standards.ts';
import { checkTargets, checkWritten, type ProviderFacts } from './check-targets.ts';
import { checkVpns } from './check-vpn.ts';
import { checkWlans } from './check-wlan.ts';
import { documentNames, schemaOf, secretNames, type CustomerFiles, type DocumentName, type LoadedDocument } from './customer-files.ts';
import { fitFields } from './fit-fields.ts';
import { DocumentReader } from './document-reader.ts';
import type { ParseCache } from './parse-cache.ts';
import type { PendingProblem } from './place.ts';
import { readStandards, type Standard } from './read-standards.ts';
import { resolveFirmware } from './resolve-firmware.ts';
import { didYouMean } from './suggest.ts';
import { validateDocument } from './validate-document.ts';
import { warmCache } from './warm-cache.ts';

export interface LoadDesiredInput {
  readonly source: FileSource;
  /** Absent: all. */
  readonly customers?: readonly string[];
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly providers: ReadonlyMap<string, ProviderFacts>;
  /** Addresses of this machine are allowed: the lab listens there. */
  readonly lab: boolean;
  /** Now, ISO 8601, UTC: decides which deviations still count. Taken from the clock once per command. */
  readonly asOf: string;
  readonly cache?: ParseCache;
}

export interface LoadedDesired {
  /** Customers without an error, sorted by name. */
  readonly states: readonly DesiredState[];
  readonly problems: readonly Problem[];
  /** Text of files for code frames. */
  readonly texts: ReadonlyMap<string, string>;
  readonly files: number;
  readonly settings: Partial<SollDocument>;
}

interface Context {
  readonly input: LoadDesiredInput;
  readonly reader: DocumentReader;
  readonly settings: Partial<SollDocument>;
  readonly peopleKnown: boolean;
  readonly standards: ReadonlyMap<string, Standard | undefined>;
}

/** What becomes wrong by waiting must not stop a plan: validation fails until somebody decides, and a plan tells it. */
export function isOnlyOverdue({ code }: Problem): boolean {
  return code === 'deviation.expired';
}

const customerName = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Device names of Windows: a clone there could not hold such a folder. */
const deviceName = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

export function isCustomerName(name: string): boolean {
  return customerName.test(name) && !deviceName.test(name);
}

export async function loadDesired(input: LoadDesiredInput): Promise<LoadedDesired> {
  const entries = await input.source.list();
  const reader = new DocumentReader(input.source, entries, input.cache);
  const folders = groupByCustomer(entries);
  const problems: Problem[] = [];
  const names = selectCustomers(folders, input.customers, problems);
  const settings = await readSettings(reader, entries, [...folders.keys()].sort(compareText), problems);
  const standards = await readStandards(reader, entries, { kinds: input.kinds, providers: [...input.providers.keys()] });
  problems.push(...standards.problems);
  // A broken soll.yaml is mended first: who is in it nobody knows.
  const peopleKnown = settings.version !== undefined || !entries.some(({ path }) => path === 'soll.yaml');
  const context: Context = { input, reader, settings, peopleKnown, standards: standards.byName };
  const states: DesiredState[] = [];
  const groups = inGroups(names).map((group) => ({ group, files: documentsOf(group, folders) }));
  const warming = warmCache({ source: input.source, cache: input.cache, groups: groups.map(({ files }) => files) });
  try {
    for (const [index, { group, files }] of groups.entries()) {
      await warming.ready(index);
      await reader.prefetch(files);
      for (const name of group) {
        const found = await loadCustomer(context, name, folders.get(name) ?? []);
        problems.push(...found.problems.map((problem) => ({ ...problem, customer: name })));
        if (found.state !== undefined) states.push(found.state);
      }
      input.cache?.save();
    }
  } finally {
    await warming.stop();
  }
  problems.push(...sharedTargets(states));
  const shared = new Set(problems.flatMap(({ code, customer }) => (code === 'target.shared' && customer !== undefined ? [customer] : [])));
  return { states: states.filter(({ customer }) => !shared.has(customer.name)), problems, texts: reader.texts, files: reader.count, settings };
}

/** So many customers' files are in memory at once. */
const groupSize = 32;

function inGroups(names: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(names.length / groupSize) }, (_, index) => names.slice(index * groupSize, (index + 1) * groupSize));
}

function documentsOf(names: readonly string[], folders: ReadonlyMap<string, readonly FileEntry[]>): readonly FileEntry[] {
  return names.flatMap((name) => (folders.get(name) ?? []).filter(({ path, type }) => type === 'file' && documentNames.some((document) => path === `customers/${name}/${document}`)));
}

function groupByCustomer(entries: readonly FileEntry[]): ReadonlyMap<string, readonly FileEntry[]> {
  const folders = new Map<string, FileEntry[]>();
  for (const entry of entries) {
    const [top, name, ...rest] = entry.path.split('/');
    if (top !== 'customers' || name === undefined || (rest.length === 0 && entry.type === 'file')) continue;
    const known = folders.get(name);
    if (known === undefined) folders.set(name, [entry]);
    else known.push(entry);
  }
  return folders;
}

function selectCustomers(folders: ReadonlyMap<string, readonly FileEntry[]>, wanted: readonly string[] | undefined, problems: Problem[]): readonly string[] {
  const all = [...folders.keys()].sort(compareText);
  for (const name of wanted ?? []) {
    if (!folders.has(name)) problems.push({ code: 'customer.unknown', severity: 'error', message: `there is no customer ${JSON.stringify(name.slice(0, 80))} in customers/`, hint: didYouMean(name, all) });
  }
  if (wanted === undefined && all.length === 0) problems.push({ code: 'customer.none', severity: 'error', message: 'there is no customer in customers/', hint: 'write customers/<name>/customer.yaml; an example to copy from: soll init --example' });
  return all.filter((name) => wanted === undefined || wanted.includes(name));
}

async function readSettings(reader: DocumentReader, entries: readonly FileEntry[], customers: readonly string[], problems: Problem[]): Promise<Partial<SollDocument>> {
  const entry = entries.find(({ path }) => path === 'soll.yaml');
  if (entry === undefined) return {};
  if (entry.type !== 'file') {
    problems.push(notAFile(entry));
    return {};
  }
  const read = await reader.read(entry);
  problems.push(...read.problems);
  if (read.document === undefined) return {};
  const invalid = validateDocument('schemas/soll.schema.json', read.document.value, 'soll.yaml');
  problems.push(...await reader.locate(invalid));
  if (invalid.length > 0) return {};
  // Validated above; with errors nothing is planned.
  const settings = read.document.value as unknown as SollDocument;
  problems.push(...await reader.locate(checkSettings('soll.yaml', settings, customers)));
  return settings;
}

function notAFile({ path, type }: FileEntry): Problem {
  return { code: 'file.type', severity: 'error', message: `${path} is a ${type === 'other' ? 'special file' : type}, which is never followed`, hint: 'put the file itself there', source: { file: path, line: 1, column: 1 } };
}

interface LoadedCustomer {
  readonly state?: DesiredState;
  readonly problems: readonly Problem[];
}

async function loadCustomer(context: Context, name: string, entries: readonly FileEntry[]): Promise<LoadedCustomer> {
  const { reader } = context;
  const problems: Problem[] = [];
  if (!isCustomerName(name)) {
    return { problems: [{ code: 'customer.name', severity: 'error', message: `${JSON.stringify(name.slice(0, 80))} is not a name for a customer's folder`, hint: 'small letters, digits and hyphens, at most 63' }] };
  }
  const documents = new Map<DocumentName, LoadedDocument>();
  for (const entry of entries) {
    const file = entry.path.slice(`customers/${name}/`.length);
    if (entry.type !== 'file') problems.push(notAFile(entry));
    else if (isDocument(file)) {
      const read = await reader.read(entry);
      problems.push(...read.problems);
      if (read.document !== undefined) {
        const invalid = validateDocument(schemaOf(file), read.document.value, entry.path);
        problems.push(...await reader.locate(invalid));
        if (invalid.length === 0) documents.set(file, read.document);
      }
    } else if (/\.ya?ml$/i.test(file) && !secretNames.includes(file)) {
      problems.push({ code: 'file.unknown', severity: 'error', message: `${file} is not a file that soll knows`, hint: didYouMean(file, [...documentNames, ...secretNames]), source: { file: entry.path, line: 1, column: 1 } });
    }
  }
  const customer = documents.get('customer.yaml');
  if (customer === undefined) {
    if (!entries.some(({ path }) => path === `customers/${name}/customer.yaml`)) problems.push({ code: 'customer.missing-file', severity: 'error', message: `customers/${name}/customer.yaml is missing`, hint: `write at least: name: …` });
    return { problems };
  }
  // Each was validated against its schema above.
  const files = { name, customer, targets: documents.get('targets.yaml'), network: documents.get('network.yaml'), firewall: documents.get('firewall.yaml'), m365: documents.get('m365.yaml'), deviations: documents.get('deviations.yaml') } as unknown as CustomerFiles;
  const broken = new Set(entries.map(({ path }) => path.slice(`customers/${name}/`.length)).filter((file) => isDocument(file) && !documents.has(file)));
  const { state, pending } = checkCustomer(context, files, broken.size === 0);
  problems.push(...await reader.locate(pending.filter(({ needs }) => needs === undefined || !broken.has(needs))));
  return problems.some((problem) => problem.severity === 'error' && !isOnlyOverdue(problem)) ? { problems } : { state, problems };
}

function isDocument(file: string): file is DocumentName {
  return (documentNames as readonly string[]).includes(file);
}

/** `complete`: no document of the customer has an error. */
function checkCustomer({ input, settings, peopleKnown, standards }: Context, files: CustomerFiles, complete: boolean): { readonly state: DesiredState; readonly pending: readonly PendingProblem[] } {
  const entries = Object.entries(files.targets?.value.targets ?? {}).map(([name, target]): TargetEntry => {
    const management = managementOf(files, target);
    return {
      target: toTarget(files.name, name, target), source: files.targets === undefined ? { file: '', line: 1, column: 1 } : sourceOf(files.targets, `/targets/${name}`),
      ...(target.replaced === undefined ? {} : { replaced: target.replaced }), ...(management === undefined ? {} : { management }),
    };
  });
  const targets = entries.map(({ target }) => target);
  const built = buildResources(files, targets);
  const resolved = resolveDrafts(built.drafts, input.kinds);
  const fitted = fitFields({ resolved, targets, kinds: input.kinds, providers: input.providers });
  const timezone = files.customer.value.timezone ?? 'Europe/Berlin';
  const zoned = isTimezone(timezone);
  const checked = checkStandards({ files, standards, people: settings.people, peopleKnown, today: localDay(input.asOf, zoned ? timezone : 'UTC'), kinds: input.kinds, targets, resolved, complete });
  const firmware = resolveFirmware({ files, standards, targets, providers: input.providers, answered: checked.answered });
  const pending: readonly PendingProblem[] = [
    ...firmware.pending, ...checkTargets({ files, kinds: input.kinds, providers: input.providers, lab: input.lab }), ...checkManagement(files), ...checkWritten(files, targets, built),
    ...checkCalendar(files), ...checkNetwork(files, targets), ...checkWlans(files, targets), ...checkPorts(files, targets), ...checkFirewalls(files, (target) => targets.find(({ name }) => name === target)?.site), ...checkVpns(files, targets), ...checkM365(files),
    ...fitted.problems, ...checkReferences(files, built, fitted.resolved, targets), ...checked.pending,
  ];
  const state: DesiredState = {
    customer: toCustomer(files.name, files.customer.value),
    targets: entries,
    resources: finishResources(files.name, fitted.resolved, targets),
    written: Object.fromEntries([...built.written].map(([target, kinds]) => [target, [...new Set(kinds)].sort(compareText)])),
    ...(checked.accepted.length === 0 ? {} : { accepted: checked.accepted }),
    ...(firmware.rules.length === 0 || files.customer.value.offboarding !== undefined ? {} : { firmware: firmware.rules }),
    ...(files.customer.value.offboarding === undefined ? {} : { offboarding: files.customer.value.offboarding }),
  };
  return { state, pending };
}

function toCustomer(name: string, document: CustomerDocument): Customer {
  return {
    name, displayName: document.name, protected: document.protected ?? [], handover: document.handover ?? [],
    limits: { deletes: document.limits?.deletes ?? 1, deleteShare: document.limits?.deleteShare ?? 0.1 },
    document: document,
  };
}

function toTarget(customer: string, name: string, target: TargetsDocument['targets'][string]): Target {
  return {
    customer, name, provider: target.provider, address: target.address, identity: target.identity, credentials: target.credentials,
    manages: target.manages, settings: (target.settings ?? {}),
    ...(target.site === undefined ? {} : { site: target.site }),
  };
}

/** One live system that two customers claim: each plan would undo the other's. */
/** Nobody can tell whose it is, so none of them may touch it. */
function sharedTargets(states: readonly DesiredState[]): readonly Problem[] {
  const entries = states.flatMap(({ targets }) => targets);
  const byAddress = new Map<string, TargetEntry[]>();
  for (const entry of entries) {
    const key = `${entry.target.provider} ${entry.target.address.toLowerCase()}`;
    byAddress.set(key, [...(byAddress.get(key) ?? []), entry]);
  }
  return [...byAddress.values()].filter(({ length }) => length > 1).flatMap((same) => same.map(({ target, source }): Problem => {
    const other = same.find((each) => each.target !== target)?.target ?? target;
    return { code: 'target.shared', severity: 'error', customer: target.customer, message: `${target.name} is the same system as ${other.customer}/${other.name} (${target.address})`, hint: 'one system belongs to one target', source };
  }));
}
