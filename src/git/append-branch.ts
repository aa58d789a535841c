import { durable, writeCommit } from './commit-files.ts';
import { pushCommit, remoteHead } from './push-commit.ts';
import { readBlobs } from './read-blobs.ts';
import { git, GitError, tryGit } from './run-git.ts';
import { seenHeads } from './seen-heads.ts';

/** A branch that only grows by fast-forward: with a remote the remote's branch, without one the local branch. */
export interface AppendBranch {
  readonly name: string;
  /** Asks where the truth is; `undefined`: the branch does not exist. Throws GitError when it cannot be asked or was rewritten. */
  head(): Promise<string | undefined>;
  /** Files of one folder (or of the top, with ''), by name. */
  files(commit: string, folder: string): Promise<ReadonlyMap<string, string>>;
  /** Commits from first to last, with parents and what each does to which file of its first parent (`A` added, `M` changed, `D` removed). */
  commits(head: string): Promise<readonly BranchCommit[]>;
  /**
   * Adds or replaces files on top of `parent`. `moved`: somebody else was faster, nothing has changed. Throws GitError when the outcome
   * cannot be told. `also`: ends of other chains that this commit has as further parents.
   */
  append(parent: string | undefined, files: Readonly<Record<string, string>>, message: string, also?: readonly string[]): Promise<string>;
  /** Takes the branch from `from` to a commit that continues it. `moved`: somebody else was faster, nothing has changed. */
  moveTo(commit: string, from: string | undefined): Promise<'done' | 'moved'>;
}

export interface BranchCommit {
  readonly id: string;
  readonly parents: readonly string[];
  readonly changes: readonly { readonly status: string; readonly path: string }[];
}

export interface BranchPlace {
  readonly root: string;
  readonly gitDir: string;
  readonly name: string;
  readonly remote: string | undefined;
  /** The remote is not asked: the branch of this clone continues what was seen of it last. */
  readonly offline?: boolean;
  /** Told before and after each step that leaves a trace, so that a test can break there. */
  readonly effect: (name: string) => Promise<void>;
}

export function appendBranch(place: BranchPlace): AppendBranch {
  const { root, name, remote } = place;
  const known = `refs/soll/${name}`;
  const own = `refs/heads/${name}`;
  const kept = remote !== undefined && place.offline === true ? keptBranch(root, remote, name) : undefined;
  const head = async (): Promise<string | undefined> => (kept !== undefined ? kept.head() : remote === undefined ? localHead(root, own) : fetchHead(root, remote, name, known));
  const put = (commit: string, parent: string | undefined): Promise<'done' | 'moved'> => (kept !== undefined ? kept.move(commit, parent) : remote === undefined ? moveLocal(root, own, commit, parent) : pushCommit({ root, remote, name, commit }));
  const moveTo = async (commit: string, from: string | undefined): Promise<'done' | 'moved'> => {
    await place.effect('audit.push');
    const outcome = await put(commit, from);
    if (outcome === 'done' && remote !== undefined && kept === undefined) await git(root, ['update-ref', known, commit]);
    await place.effect('audit.pushed');
    return outcome;
  };
  return {
    name, head, moveTo,
    async files(commit, folder) {
      const { code, stdout } = await tryGit(root, ['ls-tree', '-z', `${commit}:${folder}`]);
      if (code !== 0) return new Map();
      const entries = stdout.toString('utf8').split('\0').flatMap((line) => {
        const match = /^\d+ blob ([0-9a-f]+)\t(.*)$/s.exec(line);
        return match?.[1] === undefined || match[2] === undefined ? [] : [{ id: match[1], file: match[2] }];
      });
      const blobs = await readBlobs(root, entries.map(({ id }) => id));
      return new Map(entries.map(({ id, file }) => [file, blobs.get(id)?.toString('utf8') ?? '']));
    },
    async commits(commit) {
      // Plumbing: no setting of the operator and no commit date changes the order.
      const listed = await git(root, ['rev-list', '--reverse', '--topo-order', '--parents', commit]);
      const changed = await changedFiles(root, listed.split('\n').map((line) => line.split(' ')[0] ?? ''));
      return listed.split('\n').map((line) => {
        const [id = '', ...parents] = line.split(' ');
        return { id, parents, changes: changed.get(id) ?? [] };
      });
    },
    async append(parent, files, message, also = []) {
      await place.effect('audit.commit');
      const commit = await writeCommit({ root, gitDir: place.gitDir, parent, also, message, files: Object.entries(files).map(([path, text]) => ({ path, mode: '100644', text })) });
      return await moveTo(commit, parent) === 'done' ? commit : 'moved';
    },
  };
}

/**
 * The branch of this clone while the remote cannot be asked. It may stand where it was left long ago: what was seen of the remote since counts,
 * and the next commit takes it there.
 */
function keptBranch(root: string, remote: string, name: string): { readonly head: () => Promise<string | undefined>; readonly move: (commit: string, parent: string | undefined) => Promise<'done' | 'moved'> } {
  const slash = name.lastIndexOf('/');
  const [prefix, rest] = [name.slice(0, slash), name.slice(slash + 1)];
  /** Where the branch stood when this end was told. */
  const stood = new Map<string | undefined, string | undefined>();
  return {
    async head() {
      const seen = (await seenHeads({ root, prefix, remote, name: rest })).get(rest);
      stood.set(seen?.id, seen?.local);
      return seen?.id;
    },
    async move(commit, parent) {
      const before = stood.has(parent) ? stood.get(parent) : parent;
      const outcome = await moveLocal(root, `refs/heads/${name}`, commit, before);
      if (outcome === 'done') stood.set(commit, commit);
      return outcome;
    },
  };
}

/** One process for a whole branch. Of a merge, what it does to its first parent: the others have commits of their own. */
async function changedFiles(root: string, ids: readonly string[]): Promise<ReadonlyMap<string, BranchCommit['changes']>> {
  const text = await git(root, ['diff-tree', '--stdin', '-r', '--diff-merges=first-parent', '--root', '--no-renames', '--name-status', '-z'], { stdin: `${ids.join('\n')}\n` });
  const parts = text.split('\0');
  const result = new Map<string, { status: string; path: string }[]>();
  let current: { status: string; path: string }[] = [];
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] ?? '';
    if (/^[0-9a-f]{40,64}$/.test(part)) {
      current = result.get(part) ?? [];
      result.set(part, current);
    } else if (part !== '') {
      current.push({ status: part, path: parts[index + 1] ?? '' });
      index += 1;
    }
  }
  return result;
}

export async function localHead(root: string, ref: string): Promise<string | undefined> {
  const found = await tryGit(root, ['rev-parse', '--verify', '--quiet', ref]);
  return found.code === 0 ? found.stdout.toString('utf8').trim() : undefined;
}

async function fetchHead(root: string, remote: string, name: string, known: string): Promise<string | undefined> {
  const head = await remoteHead(root, remote, name);
  const before = await localHead(root, known);
  if (head === undefined) {
    if (before !== undefined) throw new GitError(`${name} has vanished from ${remote}; this clone knows it up to ${before.slice(0, 12)}. Push it back: git push ${remote} ${before}:refs/heads/${name}`, 1);
    return undefined;
  }
  if (head === before) return head;
  await git(root, ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', remote, `refs/heads/${name}`]);
  if (before !== undefined && (await tryGit(root, ['merge-base', '--is-ancestor', before, head])).code !== 0) {
    throw new GitError(`${name} on ${remote} does not continue what this clone knows (${before.slice(0, 12)}): its history was rewritten. Run \`soll audit verify\` and ask who did`, 1);
  }
  await git(root, ['update-ref', known, head]);
  return head;
}

async function moveLocal(root: string, ref: string, commit: string, parent: string | undefined): Promise<'done' | 'moved'> {
  const result = await tryGit(root, [...durable, 'update-ref', ref, commit, parent ?? '']);
  if (result.code === 0) return 'done';
  const now = await localHead(root, ref);
  if (now === commit) return 'done';
  if (now !== parent) return 'moved';
  throw new GitError(`git update-ref: ${result.stderr.trim()}`, result.code);
}
