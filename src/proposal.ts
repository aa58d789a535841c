/** Files as they would be after an edit: loaded and checked before anything is written. */
import type { Problem } from '#contract';
import { isObject } from '#core/canonical';
import type { DesiredState, FileSource } from '#core/model';
import type { JsonObject } from '#contract';
import { kinds } from '#kinds/registry';
import { loadDesired } from './desired/load-desired.ts';
import type { Edit, Path } from './edit/edit.ts';
import { editYaml, readYaml } from './edit/edit-yaml.ts';
import { newDocument } from './edit/new-document.ts';
import { resourceAt, type DocumentFile, type PlacedResource, type PlaceInput } from './edit/place-resource.ts';
import { unifiedDiff } from './edit/diff-lines.ts';
import type { FileChange } from './edit/write-files.ts';
import { pathAtLine } from './edit/yaml-text.ts';
import { checkCustomer } from './plan-state.ts';
import { bare, describe, tellOverdue } from './world.ts';
import type { LoadedProvider } from './providers.ts';

const documentFiles: readonly DocumentFile[] = ['firewall.yaml', 'network.yaml', 'm365.yaml'];

export interface CustomerTexts {
  readonly customer: string;
  /** By file; absent: the file does not exist. */
  readonly texts: ReadonlyMap<DocumentFile, string>;
}

function pathOf(customer: string, file: string): string {
  return `customers/${customer}/${file}`;
}

export async function readTexts(source: FileSource, customer: string): Promise<CustomerTexts> {
  const entries = new Set((await source.list()).filter(({ type }) => type === 'file').map(({ path }) => path));
  const texts = new Map<DocumentFile, string>();
  for (const file of documentFiles) if (entries.has(pathOf(customer, file))) texts.set(file, Buffer.from(await source.read(pathOf(customer, file))).toString('utf8'));
  return { customer, texts };
}

export function placeInputOf({ texts }: CustomerTexts, state: DesiredState): PlaceInput {
  const documents: Partial<Record<DocumentFile, JsonObject>> = {};
  for (const [file, text] of texts) {
    const data = readYaml(text);
    if (isObject(data)) documents[file] = data;
  }
  return { documents, kinds, targets: state.targets.map(({ target }) => target) };
}

/** Throws EditError; nothing is written here. */
export function editTexts({ customer, texts }: CustomerTexts, edits: ReadonlyMap<DocumentFile, readonly Edit[]>): readonly FileChange[] {
  return [...edits].flatMap(([file, list]): FileChange[] => {
    const before = texts.get(file);
    const after = editYaml(before ?? newDocument(file), list);
    return after === before || list.length === 0 ? [] : [{ path: pathOf(customer, file), before, after }];
  });
}

/** The same files with some of them as they would be. */
export function overlaySource(source: FileSource, changes: readonly FileChange[]): FileSource {
  const texts = new Map(changes.map(({ path, after }) => [path, after]));
  return {
    async list() {
      const entries = (await source.list()).filter(({ path }) => !texts.has(path));
      return [...entries, ...[...texts].map(([path, text]) => ({ path, type: 'file' as const, size: Buffer.byteLength(text) }))];
    },
    read: (path) => {
      const text = texts.get(path);
      return text === undefined ? source.read(path) : Promise.resolve(Buffer.from(text));
    },
  };
}

export interface Checked {
  /** Absent when there is an error. */
  readonly state?: DesiredState;
  readonly problems: readonly Problem[];
  readonly texts: ReadonlyMap<string, string>;
}

export interface CheckInput {
  readonly source: FileSource;
  readonly customer: string;
  readonly providers: ReadonlyMap<string, LoadedProvider>;
  readonly lab: boolean;
  /** Now, ISO 8601, UTC. */
  readonly asOf: string;
}

/** Everything that `soll validate` would say about the customer with these files. */
export async function checkProposal({ source, customer, providers, lab, asOf }: CheckInput, changes: readonly FileChange[]): Promise<Checked> {
  const loaded = await loadDesired({ source: overlaySource(source, changes), kinds, providers: describe(providers), lab, asOf, customers: [customer] });
  const [state] = loaded.states;
  // A day that has passed is not this edit's doing.
  const problems = [...loaded.problems.map(tellOverdue), ...(state === undefined ? [] : checkCustomer(state, bare(providers)))];
  const broken = problems.some(({ severity }) => severity === 'error');
  return { ...(state === undefined || broken ? {} : { state }), problems, texts: loaded.texts };
}

type ResourceKey = { readonly target?: string; readonly site?: string; readonly kind: string; readonly name: string };

/** The resource that a problem's place lies in; `undefined`: none, or the place is not known. */
function blame(customer: string, changes: readonly FileChange[], { source }: Problem): ResourceKey | undefined {
  const change = changes.find(({ path }) => path === source?.file);
  if (change === undefined || source === undefined) return undefined;
  const path: Path = pathAtLine(change.after, source.line);
  return resourceAt(change.path.slice(pathOf(customer, '').length), readYaml(change.after), path);
}

export type Settled = Checked & { readonly changes: readonly FileChange[] };

interface SettleInput {
  readonly check: CheckInput;
  readonly state: DesiredState;
  readonly wanted: readonly PlacedResource[];
  readonly make: (resources: readonly PlacedResource[]) => { readonly changes: readonly FileChange[]; readonly placed: readonly PlacedResource[] };
  readonly leaveOut: (resource: PlacedResource, why: string) => void;
}

const rounds = 12;

/** Edits, checks, leaves out what the checks refuse with their reason, until the rest is valid. Problems that nobody of them caused are given back. */
export async function settle({ check, state, wanted, make, leaveOut }: SettleInput): Promise<Settled> {
  let left = wanted;
  for (let round = 0; round < rounds; round += 1) {
    const { changes, placed } = make(left);
    const checked = await checkProposal(check, changes);
    const errors = checked.problems.filter(({ severity }) => severity === 'error');
    if (errors.length === 0) return { ...checked, problems: [], changes };
    const guilty = new Map(errors.flatMap((problem) => {
      const key = blame(check.customer, changes, problem);
      return placed.filter((resource) => isSame(key, resource, state)).map((resource) => [resource, problem.message] as const);
    }));
    if (guilty.size === 0) return { ...checked, changes };
    for (const [resource, why] of guilty) leaveOut(resource, why);
    left = placed.filter((resource) => !guilty.has(resource));
  }
  return { problems: [{ code: 'edit.unsettled', severity: 'error', customer: check.customer, message: 'what is there cannot be written so that it is valid', hint: 'take one part after the other (soll adopt --only kind/name)' }], texts: new Map(), changes: [] };
}

function isSame(key: ResourceKey | undefined, { target, kind, name }: PlacedResource, { targets }: DesiredState): boolean {
  if (key?.kind !== kind || key.name.toLowerCase() !== name.toLowerCase()) return false;
  return key.site === undefined ? key.target === target : targets.some((each) => each.target.name === target && each.target.site === key.site);
}

export function showChanges(changes: readonly FileChange[]): string {
  return changes.map(({ path, before, after }) => unifiedDiff(path, before, after)).join('');
}
