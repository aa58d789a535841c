/** Configurations of devices: fetched through read sessions, encrypted before they touch a disk, kept on a branch of their own. */
import { createHash, randomBytes } from 'node:crypto';
import { isProviderError, type Provider, type ReadSession, type Target } from '#contract';
import { allEnded } from '#core/all-ended';
import { compareText } from '#core/canonical';
import { defaultKeepHours, judgeKept, type BackupEntry, type BackupMeta, type KeptStanding } from '#core/config-backup';
import type { DesiredState, Ledger } from '#core/model';
import type { Observation } from '#core/observation';
import type { CustomerDocument } from '#generated/types';
import type { AppendBranch } from '#git/append-branch';
import { GitError, tryGit } from '#git/run-git';
import pLimit from 'p-limit';
import { noteKept } from './observed.ts';
import { readLedgers } from './audit/read-ledgers.ts';
import { keptBranch, readMeta } from './kept-branches.ts';
import { identityOf } from './plan/identity-of.ts';
import { encryptFor } from './secrets/encrypt-for.ts';
import type { Selection, Workspace } from './workspace.ts';
import { openWorld, type World } from './world.ts';
import { treeForApply } from './tree.ts';

type Settings = NonNullable<CustomerDocument['configBackup']>;

/** What the policy says of one target. */
interface Job {
  readonly target: Target;
  readonly provider: Provider | undefined;
  readonly settings: Settings;
}

function settingsOf({ customer }: DesiredState): Settings | undefined {
  // Validated against the schema of customer.yaml when it was loaded.
  return customer.document['configBackup'] as unknown as Settings | undefined;
}

/** Of each target whose family hands out its configuration, by what was noted last: no branch with configurations is read. */
export function keptOf(state: DesiredState, providers: World['providers'], observation: Observation | undefined, now: number): readonly KeptStanding[] {
  if (state.offboarding !== undefined) return [];
  const targets = state.targets.filter(({ target }) => providers.get(target.provider)?.provider.capabilities.configuration !== undefined).map(({ target }) => target.name).sort(compareText);
  return judgeKept(settingsOf(state), targets, (target) => observation?.targets[target]?.kept?.at, now);
}

/** Targets of a customer whose configuration is to be kept. */
function jobsOf(world: World, state: DesiredState, only: (target: string) => boolean): readonly Job[] {
  const settings = settingsOf(state);
  if (settings === undefined) return [];
  return state.targets.map(({ target }) => target).filter(({ name }) => only(name) && settings.except?.includes(name) !== true)
    .map((target) => ({ target, provider: world.providers.get(target.provider)?.provider, settings }));
}

function branchOf({ ws, repo, desired: { settings }, offline }: World, customer: string): Promise<AppendBranch> {
  return keptBranch({ ws, repo, settings, offline: offline !== undefined }, customer);
}

function fingerprintOf(salt: string, text: string): string {
  return createHash('sha256').update(salt).update('\0').update(text).digest('hex');
}

async function metaOf(branch: AppendBranch, head: string | undefined, target: string): Promise<BackupMeta | undefined> {
  return head === undefined ? undefined : readMeta((await branch.files(head, target)).get('meta.json'));
}

interface Fetched {
  readonly entry: BackupEntry;
  readonly files: Readonly<Record<string, string>>;
}

async function fetchOne(world: World, state: DesiredState, ledger: Ledger, job: Job, before: BackupMeta | undefined): Promise<Fetched> {
  const { target, provider, settings } = job;
  const about = { customer: state.customer.name, target: target.name };
  const kept = before === undefined ? {} : { checkedAt: before.checkedAt, takenAt: before.takenAt };
  if (provider?.capabilities.configuration === undefined) return { entry: { ...about, state: 'unsupported' }, files: {} };
  const stranger = state.targets.flatMap((entry) => (entry.target.name === target.name ? identityOf(entry, ledger)?.problem ?? [] : []))[0];
  if (stranger !== undefined) return { entry: { ...about, ...kept, state: 'failed', why: stranger.message, ...(stranger.hint === undefined ? {} : { hint: stranger.hint }) }, files: {} };
  let session: ReadSession | undefined;
  try {
    session = await world.sessions(state.customer.name).openRead(target);
    const { pin, product, version } = await session.identify();
    const exported = await session.exportConfiguration?.();
    if (exported === undefined || exported.text.trim() === '') return { entry: { ...about, ...kept, state: 'failed', why: 'the device handed out an empty configuration' }, files: {} };
    const comparable = exported.comparable ?? exported.text;
    const now = new Date(world.ws.clock.now()).toISOString();
    const same = before?.fingerprint === fingerprintOf(before?.salt ?? '', comparable) && before.pin === pin;
    const salt = same ? before.salt : randomBytes(16).toString('hex');
    const meta: BackupMeta = {
      formatVersion: '1.0', target: target.name, provider: target.provider, pin, product, version, format: provider.capabilities.configuration.format,
      takenAt: same ? before.takenAt : now, checkedAt: now, bytes: Buffer.byteLength(exported.text), salt, fingerprint: fingerprintOf(salt, comparable),
    };
    return {
      entry: { ...about, state: same ? 'unchanged' : 'stored', checkedAt: meta.checkedAt, takenAt: meta.takenAt, bytes: meta.bytes },
      files: { [`${target.name}/meta.json`]: `${JSON.stringify(meta, null, 1)}\n`, ...(same ? {} : { [`${target.name}/configuration.age`]: await encryptFor(settings.recipients, exported.text) }) },
    };
  } catch (error) {
    if (!isProviderError(error)) throw error;
    return { entry: { ...about, ...kept, state: 'failed', why: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }, files: {} };
  } finally {
    await session?.close().catch(() => undefined);
  }
}

/** How often another run may be faster on the branch before it is told. */
const tries = 4;

/** Fetches, encrypts and keeps; one commit a customer. `why` stands in its message. */
export async function backUp(world: World, state: DesiredState, only: (target: string) => boolean, why: string): Promise<readonly BackupEntry[]> {
  const jobs = jobsOf(world, state, only);
  if (jobs.length === 0) return [];
  const branch = await branchOf(world, state.customer.name);
  let head = await branch.head();
  const ledger = (await readLedgers({ root: world.ws.root, prefix: world.auditPrefix, remote: world.remote, offline: world.offline !== undefined }, [state.customer.name])).of(state.customer.name);
  const limit = pLimit(4);
  const start = head;
  const fetched = await allEnded(jobs.map((job) => limit(async () => fetchOne(world, state, ledger, job, await metaOf(branch, start, job.target.name)))));
  const files = Object.assign({}, ...fetched.map((each) => each.files)) as Record<string, string>;
  if (Object.keys(files).length > 0) {
    const names = fetched.filter(({ entry }) => entry.state === 'stored').map(({ entry }) => entry.target);
    const message = `${state.customer.name}: ${names.length === 0 ? 'nothing has changed' : `configuration of ${names.join(', ')}`} (${why})\n`;
    for (let attempt = 1; ; attempt += 1) {
      if (await branch.append(head, files, message) !== 'moved') break;
      if (attempt === tries) throw new GitError(`${branch.name} was written by somebody else ${String(tries)} times in a row; run it again`, 1);
      head = await branch.head();
    }
  }
  return fetched.map(({ entry }) => entry);
}

/** Of each target what is kept, against what is promised. */
async function listed(world: World, state: DesiredState, only: (target: string) => boolean): Promise<readonly BackupEntry[]> {
  const jobs = jobsOf(world, state, only);
  if (jobs.length === 0) return [];
  const branch = await branchOf(world, state.customer.name);
  const head = await branch.head();
  return Promise.all(jobs.map(async ({ target, provider, settings }): Promise<BackupEntry> => {
    const about = { customer: state.customer.name, target: target.name };
    if (provider?.capabilities.configuration === undefined) return { ...about, state: 'unsupported' };
    const meta = await metaOf(branch, head, target.name);
    if (meta === undefined) return { ...about, state: 'never' };
    const age = world.ws.clock.now() - Date.parse(meta.checkedAt);
    return { ...about, state: age > (settings.everyHours ?? defaultKeepHours) * 3_600_000 ? 'due' : 'fresh', checkedAt: meta.checkedAt, takenAt: meta.takenAt, bytes: meta.bytes };
  }));
}

/** Before the promise is broken, not after it: what has run three quarters of its time is fetched again. */
function isDueSoon({ state, checkedAt }: BackupEntry, settings: Settings | undefined, now: number): boolean {
  return state === 'never' || state === 'due' || (state === 'fresh' && checkedAt !== undefined && now - Date.parse(checkedAt) > (settings?.everyHours ?? defaultKeepHours) * 2_700_000);
}

export interface BackupResult {
  readonly entries: readonly BackupEntry[];
  readonly problems: World['problems'];
  readonly texts: ReadonlyMap<string, string>;
}

export interface BackupOptions extends Selection {
  readonly act: 'run' | 'list';
  /** Only what will soon be older than promised, or is. */
  readonly due?: boolean;
}

/** Fetches the configurations of a customer or the fleet, or tells what is kept. Throws GitError when the branch cannot be written. */
export async function configBackups(ws: Workspace, options: BackupOptions): Promise<BackupResult> {
  const world = await openWorld(ws, options, treeForApply, 'doctor');
  const limit = pLimit(Math.max(1, options.concurrency));
  const wanted = (target: string): boolean => options.targets.length === 0 || options.targets.includes(target);
  const entries = await allEnded(world.desired.states.map((state) => limit(async () => {
    if (options.act === 'list') return listed(world, state, wanted);
    if (options.due !== true) return backUp(world, state, wanted, 'on schedule');
    const known = await listed(world, state, wanted);
    const due = new Set(known.filter((entry) => isDueSoon(entry, settingsOf(state), world.ws.clock.now())).map(({ target }) => target));
    const done = await backUp(world, state, (target) => due.has(target), 'on schedule');
    return [...done, ...known.filter(({ target }) => !due.has(target))].sort((a, b) => compareText(a.target, b.target));
  })));
  const unnoted = options.act === 'list' ? [] : await noteKept(world, entries.flat());
  return { entries: entries.flat(), problems: [...world.problems, ...unnoted], texts: world.desired.texts };
}

export interface FetchedBack {
  readonly text: string;
  readonly meta: BackupMeta;
  /** What brings it back onto the device; absent: the family is not known here. */
  readonly restore?: { readonly en: string; readonly de: string };
}

export interface GetBackupOptions {
  readonly customer: string;
  readonly target: string;
  /** Commit of the branch, or a day (ISO date): the last one until then. Default: the newest. */
  readonly at?: string;
  /** Opens it; see `readAgeKey`. */
  readonly key: string;
}

/** The key is one of nobody, or not that of a recipient. */
export class NotOpened extends Error {}

/** Throws NotOpened. */
async function openSealed(sealed: string, key: string): Promise<string> {
  const { armor, Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  try {
    decrypter.addIdentity(key.trim().split('\n').find((line) => line.startsWith('AGE-SECRET-KEY-')) ?? key.trim());
  } catch {
    // What the library says of it could show a part of the key.
    throw new NotOpened('what stands in SOLL_BACKUP_KEY or its file is no age key (AGE-SECRET-KEY-1…)');
  }
  try {
    return await decrypter.decrypt(armor.decode(sealed), 'text');
  } catch (error) {
    throw new NotOpened(`the key does not open it: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One kept configuration, opened. Throws GitError when there is none, NotOpened when the key does not open it. */
export async function getBackup(ws: Workspace, { customer, target, at, key }: GetBackupOptions): Promise<FetchedBack> {
  const world = await openWorld(ws, { customers: [customer], targets: [], concurrency: 1 }, treeForApply, 'doctor');
  const branch = await branchOf(world, customer);
  const head = await branch.head();
  if (head === undefined) throw new GitError(`nothing is kept of ${customer}: there is no branch ${branch.name}`, 1);
  const commit = at === undefined ? head : await commitAt(ws.root, head, at);
  const files = await branch.files(commit, target);
  const meta = readMeta(files.get('meta.json'));
  const sealed = files.get('configuration.age');
  if (meta === undefined || sealed === undefined) throw new GitError(`nothing is kept of ${customer}/${target} at ${commit.slice(0, 12)}`, 1);
  const text = await openSealed(sealed, key);
  const restore = world.providers.get(meta.provider)?.provider.capabilities.configuration?.restore;
  return { text, meta, ...(restore === undefined ? {} : { restore }) };
}

async function commitAt(root: string, head: string, at: string): Promise<string> {
  const args = /^\d{4}-\d{2}-\d{2}$/.test(at) ? ['rev-list', '-1', `--before=${at}T23:59:59Z`, head] : /^[0-9a-f]{7,64}$/.test(at) ? ['rev-parse', '--verify', '--quiet', `${at}^{commit}`] : undefined;
  if (args === undefined) throw new GitError(`${JSON.stringify(at)} is neither a day (YYYY-MM-DD) nor a commit`, 1);
  const found = await tryGit(root, args);
  const commit = found.stdout.toString('utf8').trim();
  if (found.code !== 0 || commit === '') throw new GitError(`nothing was kept until ${at}`, 1);
  if ((await tryGit(root, ['merge-base', '--is-ancestor', commit, head])).code !== 0) throw new GitError(`${at} is no commit of the kept configurations`, 1);
  return commit;
}
