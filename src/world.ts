/** What a command works on: repository, tree, desired state, providers, lab. Opened once per command. */
import { join } from 'node:path';
import type { Capabilities, JsonObject, Problem, Provider } from '#contract';
import type { DesiredState, FileSource } from '#core/model';
import { compareText } from '#core/canonical';
import { folderSource } from '#git/file-sources';
import { openRepo, type Repo } from '#git/open-repo';
import { kinds } from '#kinds/registry';
import { auditPlaceOf } from './audit-of.ts';
import { openParseCache } from './desired/parse-cache.ts';
import { loadDesired, type LoadedDesired } from './desired/load-desired.ts';
import { readLabState, type LabState } from './lab/lab-state.ts';
import { loadProviders, type LoadedProvider } from './providers.ts';
import { makeSessions, type Sessions } from './sessions.ts';
import type { Tree } from './tree.ts';
import type { Selection, Workspace } from './workspace.ts';

export interface World {
  readonly ws: Workspace;
  readonly repo: Repo;
  readonly tree: Tree;
  readonly desired: LoadedDesired;
  readonly providers: ReadonlyMap<string, LoadedProvider>;
  readonly capabilities: ReadonlyMap<string, Capabilities>;
  readonly lab: LabState | undefined;
  readonly remote: string | undefined;
  /** `audit`, or `audit-lab` in the lab. */
  readonly auditPrefix: string;
  /** Of the tree, the files and their meaning; whoever is named in one of them is not planned. */
  readonly problems: readonly Problem[];
  /** `signal`: what cuts the sessions off; default the workspace's. */
  sessions(customer: string, signal?: AbortSignal): Sessions;
}

export async function openWorld(ws: Workspace, selection: Selection, choose: (repo: Repo) => Promise<Tree>): Promise<World> {
  const repo = await openRepo(ws.root);
  const tree = await choose(repo);
  const customers = await selectCustomers(repo, tree, selection);
  const providers = ws.providers ?? await loadProviders();
  const cache = openParseCache(join(repo.gitDir, 'soll', 'cache'));
  const desired = await loadDesired({ source: tree.source, kinds, providers: describe(providers), lab: ws.lab, cache, ...(customers === undefined ? {} : { customers }) });
  cache.close();
  const lab = ws.lab ? await readLabState(ws.root) : undefined;
  const { prefix, remote } = await auditPlaceOf(ws, repo, desired.settings);
  return {
    ws, repo, tree, desired, providers, lab, remote,
    capabilities: new Map([...providers].map(([name, { provider }]) => [name, provider.capabilities])),
    auditPrefix: prefix,
    problems: [...tree.problems, ...desired.problems, ...unknownTargets(desired.states, selection.targets)],
    sessions: (customer, signal) => makeSessions({ ws: signal === undefined ? ws : { ...ws, signal }, customer, lab, providers: bare(providers), readFile: (path) => readText(tree.source, path) }),
  };
}

/** The folder as it lies there. */
export function sourceWithoutGit(root: string): FileSource {
  return folderSource(root);
}

export function bare(providers: ReadonlyMap<string, LoadedProvider>): ReadonlyMap<string, Provider> {
  return new Map([...providers].map(([name, { provider }]) => [name, provider]));
}

export function describe(providers: ReadonlyMap<string, LoadedProvider>): ReadonlyMap<string, { settingsSchema: JsonObject; capabilities: Capabilities }> {
  return new Map([...providers].map(([name, { provider, settingsSchema }]) => [name, { settingsSchema, capabilities: provider.capabilities }]));
}

async function readText(source: FileSource, path: string): Promise<string | undefined> {
  const found = (await source.list()).some((entry) => entry.path === path && entry.type === 'file');
  return found ? Buffer.from(await source.read(path)).toString('utf8') : undefined;
}

/** Names given, narrowed to what differs from a revision; `undefined`: all. */
async function selectCustomers(repo: Repo, tree: Tree, { customers, changedSince }: Selection): Promise<readonly string[] | undefined> {
  if (changedSince === undefined) return customers.length === 0 ? undefined : customers;
  const paths = await repo.changedPaths(changedSince, tree.commit === '' ? undefined : tree.commit);
  // The root document holds limits of all.
  if (paths.includes('soll.yaml')) return customers.length === 0 ? undefined : customers;
  const present = new Set((await tree.source.list()).map(({ path }) => customerOf(path)));
  const changed = [...new Set(paths.map(customerOf))].filter((name): name is string => name !== undefined && present.has(name));
  return changed.filter((name) => customers.length === 0 || customers.includes(name)).sort(compareText);
}

function customerOf(path: string): string | undefined {
  const [top, name, ...rest] = path.split('/');
  return top === 'customers' && rest.length > 0 ? name : undefined;
}

function unknownTargets(states: readonly DesiredState[], wanted: readonly string[]): readonly Problem[] {
  const known = new Set(states.flatMap(({ targets }) => targets.map(({ target }) => target.name)));
  return states.length === 0 ? [] : wanted.filter((name) => !known.has(name)).map((name) => ({
    code: 'target.unknown', severity: 'error', message: `there is no target named ${name}`, hint: `known: ${[...known].sort(compareText).join(', ')}`,
  }));
}
