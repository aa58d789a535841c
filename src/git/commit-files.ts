import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { git, GitError, tryGit } from './run-git.ts';

interface CommitPlace {
  readonly root: string;
  readonly gitDir: string;
  readonly message: string;
}

export interface NewCommit extends CommitPlace {
  readonly parent: string;
  /** Texts by path; modes of files that are there are kept. */
  readonly files: Readonly<Record<string, string>>;
}

export interface WholeCommit extends CommitPlace {
  /** Absent: the first of its branch. */
  readonly parent: string | undefined;
  /** Further parents, whose files are not taken. */
  readonly also?: readonly string[];
  readonly files: readonly { readonly path: string; readonly mode: string; readonly text: string }[];
}

// Objects must be on the disk before anything refers to them.
export const durable = ['-c', 'core.fsync=all'];
const zero = '0'.repeat(40);

/** A commit on top of `parent`, made beside the user's index and working tree. Nothing refers to it yet. */
export async function makeCommit({ files, ...place }: NewCommit): Promise<string> {
  const moded = [];
  for (const [path, text] of Object.entries(files)) {
    const mode = /^(\d{6}) blob /.exec((await git(place.root, ['ls-tree', '--full-tree', place.parent, '--', path])))?.[1] ?? '100644';
    if (mode === '120000') throw new GitError(`${path} is a symbolic link; nothing was written`, 1);
    moded.push({ path, mode, text });
  }
  return writeCommit({ ...place, files: moded });
}

/** The same, with modes that are known. */
export async function writeCommit({ root, gitDir, parent, also = [], files, message }: WholeCommit): Promise<string> {
  // An index of its own: the user's staged work is not touched.
  const index = join(gitDir, `soll-index-${randomUUID()}`);
  const env = { GIT_INDEX_FILE: index };
  try {
    await git(root, ['read-tree', parent ?? '--empty'], { env });
    const lines: string[] = [];
    for (const { path, mode, text } of files) lines.push(`${mode} ${await git(root, [...durable, 'hash-object', '-w', '--stdin'], { stdin: text })}\t${path}`);
    if (lines.length > 0) await git(root, ['update-index', '--add', '--index-info'], { env, stdin: `${lines.join('\n')}\n` });
    const tree = await git(root, [...durable, 'write-tree'], { env });
    return await git(root, [...durable, 'commit-tree', tree, ...[...(parent === undefined ? [] : [parent]), ...also].flatMap((each) => ['-p', each]), '-F', '-'], { stdin: message });
  } finally {
    await rm(index, { force: true });
    await rm(`${index}.lock`, { force: true });
  }
}

/** Throws GitError for a name that Git does not allow. */
export async function assertBranchName(root: string, name: string): Promise<void> {
  const allowed = await tryGit(root, ['check-ref-format', '--branch', name]);
  if (allowed.code !== 0 || name.startsWith('-')) throw new GitError(`${JSON.stringify(name)} is not a name for a branch`, 1);
}

/** `false`: a branch of this name is there already, and was not touched. Throws GitError for a name that Git does not allow. */
export async function makeBranch(root: string, name: string, commit: string): Promise<boolean> {
  await assertBranchName(root, name);
  const ref = `refs/heads/${name}`;
  if ((await tryGit(root, ['show-ref', '--verify', '--quiet', ref])).code === 0) return false;
  const made = await tryGit(root, [...durable, 'update-ref', ref, commit, zero]);
  if (made.code !== 0) throw new GitError(`git update-ref ${name}: ${made.stderr.trim()}`, made.code);
  return true;
}
