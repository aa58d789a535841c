/** Where kept configurations are: branches of their own, at a remote of their own where soll.yaml says so. */
import type { BackupMeta } from '#core/config-backup';
import { appendBranch, localHead, type AppendBranch } from '#git/append-branch';
import { notContained } from '#git/not-contained';
import type { Repo } from '#git/open-repo';
import { git, GitError } from '#git/run-git';
import type { SollDocument } from '#generated/types';
import { effectOf } from './audit-of.ts';
import type { Workspace } from './workspace.ts';

/** What the names of these branches begin with. */
export function keptPrefixOf(ws: Workspace, { configBackup }: Partial<SollDocument>): string {
  const prefix = configBackup?.branchPrefix ?? 'config';
  return ws.lab ? `${prefix}-lab` : prefix;
}

export interface KeptPlace {
  readonly ws: Workspace;
  readonly repo: Repo;
  readonly settings: Partial<SollDocument>;
  /** Without the remote it stays on the branch of this clone. */
  readonly offline: boolean;
}

/** Throws GitError when its remote is not configured in this clone. */
export async function keptBranch({ ws, repo, settings, offline }: KeptPlace, customer: string): Promise<AppendBranch> {
  return appendBranch({ root: ws.root, gitDir: repo.gitDir, name: `${keptPrefixOf(ws, settings)}/${customer}`, remote: await repo.remote(settings.configBackup?.remote), offline, effect: effectOf(ws) });
}

/** Somebody else's text: a file of the branch that was written by hand or by a newer version. */
export function readMeta(text: string | undefined): BackupMeta | undefined {
  if (text === undefined) return undefined;
  try {
    const meta = JSON.parse(text) as Partial<BackupMeta> | null;
    const sound = typeof meta === 'object' && meta !== null && [meta.checkedAt, meta.takenAt, meta.salt, meta.fingerprint].every((each) => typeof each === 'string');
    return sound ? meta as BackupMeta : undefined;
  } catch {
    return undefined;
  }
}

/** How often another run may be faster on the branch before it is told. */
const tries = 4;

/**
 * What this clone has kept by itself comes to the remote: as it is, or beside what was kept there meanwhile; then the newer copy of each target counts,
 * and both histories stay. `false`: there was nothing. Throws GitError.
 */
export async function pushKept(place: Omit<KeptPlace, 'offline'>, customer: string): Promise<boolean> {
  const { ws: { root } } = place;
  const own = await localHead(root, `refs/heads/${keptPrefixOf(place.ws, place.settings)}/${customer}`);
  if (own === undefined || await place.repo.remote(place.settings.configBackup?.remote) === undefined) return false;
  const branch = await keptBranch({ ...place, offline: false }, customer);
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const head = await branch.head();
    if (head !== undefined && (await notContained(root, [own], [head])).length === 0) return false;
    const onTop = head === undefined || (await notContained(root, [head], [own])).length === 0;
    const done = onTop ? await branch.moveTo(own, head) : await branch.append(head, await newerFiles(root, branch, own, head), `${customer}: configurations that a clone has kept by itself\n`, [own]);
    if (done !== 'moved') return true;
  }
  throw new GitError(`${branch.name} was written by somebody else ${String(tries)} times in a row; run it again`, 1);
}

async function newerFiles(root: string, branch: AppendBranch, own: string, head: string): Promise<Readonly<Record<string, string>>> {
  const targets = (await git(root, ['ls-tree', '-d', '--name-only', '-z', own])).split('\0').filter((name) => name !== '');
  const files = await Promise.all(targets.map(async (target): Promise<readonly (readonly [string, string])[]> => {
    const [here, there] = await Promise.all([own, head].map((commit) => branch.files(commit, target)));
    const [mine, theirs] = [here, there].map((each) => readMeta(each?.get('meta.json'))?.checkedAt ?? '');
    return here === undefined || (mine ?? '') <= (theirs ?? '') ? [] : [...here].map(([name, text]) => [`${target}/${name}`, text] as const);
  }));
  return Object.fromEntries(files.flat());
}
