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
import { listBranches, readLedgers } from './audit/read-ledgers.ts';
import { isOnlyOverdue, loadDesired, type LoadedDesired } from './desired/load-desired.ts';
import { readLabState, type LabState } from './lab/lab-state.ts';
import { loadProviders, type LoadedProvider } from './providers.ts';
import { scopeOf, type Scope } from './scope.ts';
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
  /** There is a remote, and it is not asked; why. */
  readonly offline?: string;
  /** `audit`, or `audit-lab` in the lab. */
  readonly auditPrefix: string;
  /** What a diff can affect, where one was named. */
  readonly scope?: Scope;
  /** Of the tree, the files and their meaning; whoever is named in one of them is not planned. */
  readonly problems: readonly Problem[];
  /** `signal`: what cuts the sessions off; default the workspace's. */
  sessions(customer: string, signal?: AbortSignal): Sessions;
}

/** A doctor neither plans nor asks the remote. */
type Purpose = 'plan' | 'validate' | 'doctor';

export async function openWorld(ws: Workspace, selection: Selection, choose: (repo: Repo) => Promise<Tree>, purpose: Purpose = 'plan'): Promise<World> {
  const repo = await openRepo(ws.root);
  const tree = await choose(repo);
  const scope = await selectScope(repo, tree, selection, purpose);
  const named = selection.customers;
  const customers = scope === undefined ? (named.length === 0 ? undefined : named) : scope.customers.filter((name) => named.length === 0 || named.includes(name));
  const providers = ws.providers ?? await loadProviders();
  const cache = openParseCache(join(repo.gitDir, 'soll', 'cache'));
  const desired = await loadDesired({ source: tree.source, kinds, providers: describe(providers), lab: ws.lab, cache, asOf: asOfOf(ws), ...(customers === undefined ? {} : { customers }) });
  cache.close();
  const lab = ws.lab ? await readLabState(ws.root) : undefined;
  const { prefix: auditPrefix, remote } = await auditPlaceOf(ws, repo, desired.settings);
  const deleted = purpose === 'doctor' ? [] : await deletedCustomers({ ws, source: tree.source, prefix: auditPrefix, remote, offline: selection.offline !== undefined, scope, customers: selection.customers });
  return {
    ws, repo, tree, desired, providers, lab, remote, auditPrefix,
    ...(scope === undefined ? {} : { scope }), ...(selection.offline === undefined || remote === undefined ? {} : { offline: selection.offline }),
    capabilities: new Map([...providers].map(([name, { provider }]) => [name, provider.capabilities])),
    problems: [...shallow(repo, purpose), ...tree.problems, ...(purpose === 'validate' ? desired.problems : desired.problems.map(tellOverdue)), ...deleted, ...unknownTargets(desired.states, selection.targets)],
    sessions: (customer, signal) => makeSessions({ ws: signal === undefined ? ws : { ...ws, signal }, customer, lab, providers: bare(providers), readFile: (path) => readText(tree.source, path) }),
  };
}

/** What was left out of a clone cannot be told from what never was: who wrote something, what came before it, which commit contains which. */
function shallow(repo: Repo, purpose: Purpose): readonly Problem[] {
  if (!repo.shallow || purpose !== 'plan') return [];
  return [{ code: 'git.shallow', severity: 'error', message: 'this clone is shallow: its history is cut off', hint: 'git fetch --unshallow; in GitHub Actions: fetch-depth: 0 for actions/checkout' }];
}

/** What ran out overnight stops validation, not the plan of something else. */
export function tellOverdue(problem: Problem): Problem {
  return isOnlyOverdue(problem) ? { ...problem, severity: 'warning' } : problem;
}

/** Now, for everything that a command decides by the day. */
export function asOfOf(ws: Workspace): string {
  return new Date(ws.clock.now()).toISOString();
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

/** Names given, narrowed to what a diff can affect; `undefined`: all. */
async function selectScope(repo: Repo, tree: Tree, { changedSince }: Selection, purpose: Purpose): Promise<Scope | undefined> {
  return changedSince === undefined ? undefined : scopeSince(repo, tree, changedSince, purpose === 'validate' ? 'validate' : 'plan');
}

export async function scopeSince(repo: Repo, { commit, source }: Pick<Tree, 'commit' | 'source'>, revision: string, purpose: 'plan' | 'validate'): Promise<Scope> {
  const [changed, start] = await Promise.all([repo.changedPaths(revision, commit === '' ? undefined : commit), repo.parting(revision)]);
  return scopeOf({ changed, before: await repo.treeSource(start), after: source, purpose });
}

/** A folder that is gone says nothing about what it left behind. What was let go of by an off-boarding may go. */
export async function deletedCustomers(given: { readonly ws: Workspace; readonly source: FileSource; readonly prefix: string; readonly remote: string | undefined; readonly offline?: boolean; readonly scope: Scope | undefined; readonly customers: readonly string[] }): Promise<readonly Problem[]> {
  const place = { root: given.ws.root, prefix: given.prefix, remote: given.remote, offline: given.offline ?? false };
  const present = new Set((await given.source.list()).flatMap(({ path }) => path.split('/').slice(1, 2)));
  // Whoever is named and written is not gone: nobody need be asked.
  if (given.scope === undefined && given.customers.length > 0 && given.customers.every((name) => present.has(name))) return [];
  const candidates = given.scope?.deleted ?? (await listBranches(place)).filter((name) => given.customers.length === 0 || given.customers.includes(name));
  const gone = candidates.filter((name) => !present.has(name));
  if (gone.length === 0) return [];
  const ledgers = await readLedgers(place, gone);
  return gone.filter((name) => Object.keys(ledgers.of(name).entries).length > 0).map((name): Problem => ({
    code: 'customer.deleted', severity: 'error', customer: name, message: `customers/${name} is gone, but soll still holds ${String(Object.keys(ledgers.of(name).entries).length)} resources of it; nothing is deleted by this`,
    hint: `put the folder back and off-board first: soll offboard ${name} --release --reason TEXT, apply, then remove the folder`,
  }));
}

function unknownTargets(states: readonly DesiredState[], wanted: readonly string[]): readonly Problem[] {
  const known = new Set(states.flatMap(({ targets }) => targets.map(({ target }) => target.name)));
  return states.length === 0 ? [] : wanted.filter((name) => !known.has(name)).map((name) => ({
    code: 'target.unknown', severity: 'error', message: `there is no target named ${name}`, hint: `known: ${[...known].sort(compareText).join(', ')}`,
  }));
}
