/** What a diff can affect: customers, and of each the targets. Whatever cannot be told (a file that is broken on one side) affects all of it. */
import { compareText, isObject } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import type { Json, JsonObject } from '#contract';
import type { FileSource } from '#core/model';
import { parseDocument } from './desired/parse-document.ts';

export interface ScopeInput {
  /** Paths that differ, both names of a rename. */
  readonly changed: readonly string[];
  readonly before: FileSource;
  readonly after: FileSource;
  /** `validate`: also what decides about files but never about a plan. */
  readonly purpose: 'plan' | 'validate';
}

export interface Scope {
  /** Sorted; of those that are there now. */
  readonly customers: readonly string[];
  /** Targets by customer; one that is not in it is affected as a whole. */
  readonly targets: ReadonlyMap<string, ReadonlySet<string>>;
  /** Folders that were there before and are gone. */
  readonly deleted: readonly string[];
}

interface Side {
  has(path: string): boolean;
  /** `undefined`: not there, or not readable as data. */
  read(path: string): Promise<Json | undefined>;
  readonly customers: readonly string[];
}

/** Keys of soll.yaml that decide about plans. Who may approve, and when it is applied, does not. */
const planKeys = ['fleet', 'audit'];
const whole = 'whole';

export async function scopeOf(input: ScopeInput): Promise<Scope> {
  const [before, after] = await Promise.all([sideOf(input.before), sideOf(input.after)]);
  const changed = input.changed.filter((path) => /\.ya?ml$/i.test(path) || !/\.[a-z0-9]+$/i.test(path));
  const names = new Set(changed.flatMap((path) => customerOf(path) ?? []));
  const affected = new Map<string, Set<string> | typeof whole>();
  for (const customer of names) affected.set(customer, await targetsOf(customer, changed, before, after));
  for (const customer of await subscribersOf(changed, before, after)) affected.set(customer, whole);
  if (changed.includes('soll.yaml') && await concernsAll(input.purpose, before, after)) for (const customer of after.customers) affected.set(customer, whole);
  const customers = [...affected.keys()].filter((name) => after.customers.includes(name)).sort(compareText);
  return {
    customers,
    targets: new Map(customers.flatMap((name): [string, ReadonlySet<string>][] => {
      const own = affected.get(name);
      return own === undefined || own === whole ? [] : [[name, own]];
    })),
    deleted: [...names].filter((name) => before.customers.includes(name) && !after.customers.includes(name)).sort(compareText),
  };
}

function customerOf(path: string): string | undefined {
  const [top, name, ...rest] = path.split('/');
  return top === 'customers' && rest.length > 0 ? name : undefined;
}

async function sideOf(source: FileSource): Promise<Side> {
  const files = new Set((await source.list()).filter(({ type }) => type === 'file').map(({ path }) => path));
  const texts = new Map<string, Promise<Json | undefined>>();
  const parse = async (path: string): Promise<Json | undefined> => parseDocument(path, Buffer.from(await source.read(path)).toString('utf8')).value;
  return {
    has: (path) => files.has(path),
    read(path) {
      if (!files.has(path)) return Promise.resolve(undefined);
      const known = texts.get(path) ?? parse(path);
      texts.set(path, known);
      return known;
    },
    customers: [...new Set([...files].flatMap((path) => customerOf(path) ?? []))],
  };
}

async function concernsAll(purpose: ScopeInput['purpose'], before: Side, after: Side): Promise<boolean> {
  if (purpose === 'validate') return true;
  const [old, now] = await Promise.all([before.read('soll.yaml'), after.read('soll.yaml')]);
  if ((old === undefined && before.has('soll.yaml')) || (now === undefined && after.has('soll.yaml'))) return true;
  return planKeys.some((key) => !equalJson(entryOf(old, key) ?? null, entryOf(now, key) ?? null));
}

/** Whoever subscribes to a changed standard, before or after. */
async function subscribersOf(changed: readonly string[], before: Side, after: Side): Promise<readonly string[]> {
  const standards = changed.flatMap((path) => /^standards\/([^/]+)\.ya?ml$/i.exec(path)?.[1] ?? []);
  if (standards.length === 0) return [];
  const found = await Promise.all(after.customers.map(async (customer) => {
    const documents = await Promise.all([before, after].map((side) => side.read(`customers/${customer}/customer.yaml`)));
    return documents.some((document) => standards.some((name) => entryOf(entryOf(document, 'standards'), name) !== undefined)) ? [customer] : [];
  }));
  return found.flat();
}

/** By file: what only one target reads concerns that target. */
async function targetsOf(customer: string, changed: readonly string[], before: Side, after: Side): Promise<Set<string> | typeof whole> {
  const folder = `customers/${customer}/`;
  const targets = new Set<string>();
  for (const path of changed.filter((each) => each.startsWith(folder))) {
    const own = await targetsOfFile(folder, path.slice(folder.length), before, after);
    if (own === whole) return whole;
    for (const target of own) targets.add(target);
  }
  return targets;
}

async function targetsOfFile(folder: string, file: string, before: Side, after: Side): Promise<readonly string[] | typeof whole> {
  if (!['firewall.yaml', 'network.yaml', 'm365.yaml'].includes(file)) return whole;
  const path = `${folder}${file}`;
  const [old, now] = await Promise.all([before.read(path), after.read(path)]);
  if ((old === undefined && before.has(path)) || (now === undefined && after.has(path))) return whole;
  if (file === 'firewall.yaml') return differing(entryOf(old, 'firewalls'), entryOf(now, 'firewalls'));
  if (file === 'm365.yaml') return differing(entryOf(old, 'm365'), entryOf(now, 'm365'));
  const switches = differing(entryOf(old, 'switches'), entryOf(now, 'switches'));
  const sites = differing(entryOf(old, 'sites'), entryOf(now, 'sites'));
  const documents = await Promise.all([before, after].map((side) => side.read(`${folder}targets.yaml`)));
  return [...switches, ...documents.flatMap((document) => Object.entries(objectOf(entryOf(document, 'targets'))).flatMap(([name, target]) => (sites.includes(String(entryOf(target, 'site'))) ? [name] : [])))];
}

function objectOf(value: Json | undefined): JsonObject {
  return value !== undefined && isObject(value) ? value : {};
}

function entryOf(value: Json | undefined, key: string): Json | undefined {
  const entries = objectOf(value);
  return Object.hasOwn(entries, key) ? entries[key] : undefined;
}

function differing(old: Json | undefined, now: Json | undefined): readonly string[] {
  const [left, right] = [objectOf(old), objectOf(now)];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].filter((key) => !equalJson(left[key] ?? null, right[key] ?? null));
}
