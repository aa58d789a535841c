/**
 * Adopted drift as a pull request: one branch and one pull request per customer, brought up to date by every run. The branch is replaced only
 * while it holds exactly what an earlier run wrote; what a person has pushed there is left alone.
 */
import type { Address, Problem } from '#contract';
import { compareText } from '#core/canonical';
import type { OpenedPullRequest } from '#core/platform';
import { sha256 } from '#core/sha256';
import { askRemote } from '#git/ask-remote';
import { assertBranchName, makeCommit } from '#git/commit-files';
import { defaultBranch } from '#git/fast-forward';
import { pushCommit, remoteHead } from '#git/push-commit';
import { readBlobs } from '#git/read-blobs';
import { git, GitError, tryGit } from '#git/run-git';
import type { FileChange } from './edit/write-files.ts';
import { openPlatform, type OpenPlatform, type PlatformOptions } from './open-platform.ts';
import { adoptionGone, adoptionTitle, renderAdoption } from './render/render-adoption.ts';
import type { Language } from './render/words.ts';
import type { World } from './world.ts';

export interface OfferOptions extends PlatformOptions {
  readonly language: Language;
}

export interface Adoption {
  readonly customer: string;
  readonly adopted: readonly Address[];
  readonly leftOut: readonly { readonly address: Address; readonly why: string }[];
  readonly changes: readonly FileChange[];
  /** Of the commit. */
  readonly message: string;
  /** Every target of the customer was asked and has answered. */
  readonly whole: boolean;
}

export type Offered =
  | { readonly branch: string; readonly base: string; readonly commit: string; readonly pullRequest: OpenedPullRequest }
  /** Nothing was pushed. */
  | { readonly problem: Problem };

export interface Offering {
  offer(adoption: Adoption, branch: string | undefined): Promise<Offered>;
  /** Nothing differs any more: closes what an earlier run has opened and nobody else has worked on. `undefined`: there is none. */
  withdraw(customer: string, branch: string | undefined): Promise<{ readonly branch: string; readonly pullRequest: OpenedPullRequest } | undefined>;
  close(): Promise<void>;
}

const marker = '<!-- soll:adopt -->';

interface Place {
  readonly world: World;
  readonly remote: string;
  readonly base: string;
  /** Commit of the base branch on the remote. */
  readonly tip: string;
}

/** Throws GitError where a pull request would hold more than the drift, or could not be pushed at all. */
export async function openOffering(world: World, options: OfferOptions): Promise<Offering> {
  const { repo, tree, ws } = world;
  const remote = await repo.remote();
  if (remote === undefined) throw new GitError('there is no remote named origin to push a branch to; git remote add origin URL', 1);
  const base = await defaultBranch(ws.root, remote);
  const tracking = `refs/remotes/${remote}/${base}`;
  await git(ws.root, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, `+refs/heads/${base}:${tracking}`]);
  const tip = await repo.resolve(tracking);
  if (!(await repo.isAncestor(tree.commit, tip))) throw new GitError(`this branch has commits that ${remote}/${base} lacks, and the pull request would hold them too; push them first, or run this on ${base}`, 1);
  const opened = await openPlatform(ws, options);
  return {
    offer: (adoption, branch) => offer({ world, remote, base, tip }, opened, options.language, adoption, branch ?? branchOf(adoption.customer)),
    withdraw: (customer, branch) => withdraw({ world, remote, base, tip }, opened, options.language, customer, branch ?? branchOf(customer)),
    close: () => opened.close(),
  };
}

async function offer(place: Place, { platform }: OpenPlatform, language: Language, adoption: Adoption, branch: string): Promise<Offered> {
  const { world: { ws }, base } = place;
  await assertBranchName(ws.root, branch);
  if (branch === base) throw new GitError(`${base} is what it is to be merged into; choose another name with --branch`, 1);
  const commit = await pushAdoption(place, adoption, branch);
  if (typeof commit !== 'string') return { problem: { severity: 'warning', customer: adoption.customer, ...commit } };
  const body = ws.redactor.redact(`${marker}\n${renderAdoption(adoption, language)}`);
  return { branch, base, commit, pullRequest: await platform.openPullRequest({ branch, base, marker, title: ws.redactor.redact(adoptionTitle(adoption, language)), body }) };
}

/** Customers of whom an earlier run has left a branch at the remote: one question for the whole fleet. */
export async function offeredBefore({ repo, ws: { root } }: World): Promise<ReadonlySet<string>> {
  const remote = await repo.remote();
  if (remote === undefined) return new Set();
  return new Set((await askRemote(root, remote, [`refs/heads/${branchOf('*')}`])).split('\n').flatMap((line) => line.split(`\trefs/heads/${branchOf('')}`)[1] ?? []));
}

function branchOf(customer: string): string {
  return `adopt-drift/${customer}`;
}

async function withdraw(place: Place, { platform }: OpenPlatform, language: Language, customer: string, branch: string): ReturnType<Offering['withdraw']> {
  const { world: { ws: { root }, repo }, remote, base, tip } = place;
  await assertBranchName(root, branch);
  const head = branch === base ? undefined : await remoteHead(root, remote, branch);
  if (head === undefined || await ownWork(place, customer, branch, head) === undefined || await repo.isAncestor(head, tip)) return undefined;
  const pullRequest = await platform.closePullRequest({ branch, base, marker, why: `${marker}\n${adoptionGone(language)}` });
  return pullRequest === undefined ? undefined : { branch, pullRequest };
}

const attempts = 3;

/** Commit that the branch stands at now, or why it was left as it is. */
async function pushAdoption(place: Place, { customer, changes, message, whole }: Adoption, branch: string): Promise<string | Pick<Problem, 'code' | 'message' | 'hint'>> {
  const { world: { ws: { root }, repo, tree }, remote, tip } = place;
  const digest = digestOf(changes.map(({ path, after }) => [path, after]));
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const head = await remoteHead(root, remote, branch);
    const own = head === undefined ? undefined : await ownWork(place, customer, branch, head);
    if (head !== undefined && own === undefined) return { code: 'adopt.branch-taken', message: `${branch} on ${remote} holds more than soll wrote there; it was left as it is, and this drift is not in it`, hint: 'merge or close its pull request and delete the branch, or name another one with --branch' };
    const open = head !== undefined && own !== undefined && !(await repo.isAncestor(head, tip));
    // The same change on the same files: a new commit would only take reviews away from the old one.
    if (open && own.digest === digest && await isUntouched(place, own)) return head;
    // What could not be read now has not ceased to differ.
    if (open && !whole) return { code: 'adopt.part', message: `only a part of ${customer} was looked at; ${branch} on ${remote} may hold more and was left as it is`, hint: 'run it again for the whole customer when all targets answer, or name another branch with --branch' };
    const commit = await makeCommit({ root, gitDir: repo.gitDir, parent: tree.commit, files: Object.fromEntries(changes.map(({ path, after }) => [path, after])), message: `${message.trimEnd()}\n\n${trailer}: ${digest}\n` });
    if (await pushCommit({ root, remote, name: branch, commit, replaces: head ?? '' }) === 'done') return commit;
  }
  throw new GitError(`somebody else pushes to ${branch} at the same time; run it again`, 1);
}

/** Names what soll wrote, so that a later run can tell whether anybody has touched it. */
const trailer = 'Adopts';

function digestOf(files: readonly (readonly [path: string, text: string])[]): string {
  return sha256(JSON.stringify([...files].sort(([a], [b]) => compareText(a, b))));
}

interface OwnWork {
  readonly digest: string;
  readonly parent: string;
  readonly paths: readonly string[];
}

/** One commit on top of the base branch that holds what its message says it holds. */
async function ownWork({ world: { ws: { root }, repo }, remote, tip }: Place, customer: string, branch: string, head: string): Promise<OwnWork | undefined> {
  await git(root, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, `refs/heads/${branch}`]);
  const [parents = '', ...rest] = (await git(root, ['show', '-s', '--no-show-signature', '--format=%P%n%B', head])).split('\n');
  const digest = new RegExp(`^${trailer}: (sha256:[0-9a-f]{64})$`, 'm').exec(rest.join('\n'))?.[1];
  if (digest === undefined || !rest.join('\n').startsWith(`${subjectOf(customer)} `) || parents.includes(' ') || !(await repo.isAncestor(parents, tip))) return undefined;
  const changed = (await git(root, ['diff-tree', '-r', '--no-commit-id', '--no-renames', '--raw', '--no-abbrev', '-z', head])).split('\0').filter((part) => part !== '');
  const files: { readonly path: string; readonly id: string }[] = [];
  for (let index = 0; index + 1 < changed.length; index += 2) {
    const id = /^:\d+ 100\d+ [0-9a-f]+ ([0-9a-f]+) [AM]$/.exec(changed[index] ?? '')?.[1];
    if (id === undefined) return undefined;
    files.push({ path: changed[index + 1] ?? '', id });
  }
  const texts = await readBlobs(root, files.map(({ id }) => id));
  if (digestOf(files.map(({ path, id }) => [path, texts.get(id)?.toString('utf8') ?? ''])) !== digest) return undefined;
  return { digest, parent: parents, paths: files.map(({ path }) => path) };
}

/** Nobody has changed the same files on the base branch since. */
async function isUntouched({ world: { ws: { root } }, tip }: Place, { parent, paths }: OwnWork): Promise<boolean> {
  const { code, stderr } = await tryGit(root, ['diff', '--quiet', '--no-ext-diff', parent, tip, '--', ...paths]);
  if (code > 1) throw new GitError(`git diff: ${stderr.trim()}`, code);
  return code === 0;
}

/** What the message of a commit that adopts drift begins with. */
export function subjectOf(customer: string): string {
  return `Adopt drift of ${customer}:`;
}
