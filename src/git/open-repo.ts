import { isAbsolute, join } from 'node:path';
import type { FileSource } from '#core/model';
import { folderSource, treeSource } from './file-sources.ts';
import { notContained } from './not-contained.ts';
import { git, GitError, tryGit } from './run-git.ts';

export interface Repo {
  readonly root: string;
  /** Absolute path of the Git directory that all worktrees share. */
  readonly gitDir: string;
  /** History was left out when it was cloned: nobody can tell what contains what. */
  readonly shallow: boolean;
  /** `undefined` before the first commit. */
  head(): Promise<string | undefined>;
  isClean(paths: readonly string[]): Promise<boolean>;
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
  /** Those of `commits` that no head contains or that this clone does not have: a handful of processes for any number of them. */
  notContained(commits: readonly string[], heads: readonly string[]): Promise<readonly string[]>;
  /** Commit id; throws GitError when there is none of this name. */
  resolve(revision: string): Promise<string>;
  /** `origin/HEAD`, `origin/main`, `origin/master`, `main`, `master`: the first that exists. */
  defaultBase(): Promise<string | undefined>;
  mergeTree(head: string, base: string): Promise<{ readonly tree?: string; readonly conflicts: readonly string[] }>;
  /** The commit where this revision and HEAD parted; the revision itself where they share none. */
  parting(revision: string): Promise<string>;
  /** Paths that differ between the point where `from` and HEAD parted and `to` (or the working tree), both names of a rename. */
  changedPaths(from: string, to: string | undefined): Promise<readonly string[]>;
  treeSource(treeish: string): Promise<FileSource>;
  folderSource(): FileSource;
  /**
   * Who last changed something below these paths as of a commit, `Name <mail>`, and the subject of that: both of one commit, and never of a merge that
   * only brought it in. Where nobody has, the newest commit is told that is no merge.
   */
  lastChange(commit: string, paths: readonly string[]): Promise<{ readonly author: string; readonly subject: string }>;
  /** Name and mail of whoever runs this. Throws GitError with a hint when Git does not know. */
  identity(): Promise<string>;
  /** Name of the remote for audit branches; `undefined` when there is none. */
  remote(preferred?: string): Promise<string | undefined>;
}

/** Throws GitError when `root` is not the top of a Git working tree. */
export async function openRepo(root: string): Promise<Repo> {
  const found = await tryGit(root, ['rev-parse', '--show-toplevel', '--git-common-dir', '--show-prefix', '--is-shallow-repository']);
  if (found.code !== 0) throw new GitError('this folder is not in a Git repository; run `soll init` or `git init` first', found.code);
  const [top = root, dir = '.git', prefix = '', shallow = ''] = found.stdout.toString('utf8').split('\n');
  if (prefix !== '') throw new GitError(`run this at the top of the repository, ${top}`, 1);
  const gitDir = isAbsolute(dir) ? dir : join(root, dir);
  return { root, gitDir, shallow: shallow === 'true', ...history(root), ...trees(root, gitDir), ...people(root) };
}

function history(root: string): Pick<Repo, 'head' | 'isClean' | 'isAncestor' | 'notContained' | 'resolve' | 'defaultBase' | 'parting' | 'changedPaths'> {
  const resolve = async (revision: string): Promise<string> => {
    const found = await tryGit(root, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`]);
    if (found.code !== 0) throw new GitError(`there is no commit named ${revision}`, 1);
    return found.stdout.toString('utf8').trim();
  };
  const parting = async (revision: string): Promise<string> => {
    const commit = await resolve(revision);
    const base = await tryGit(root, ['merge-base', commit, 'HEAD']);
    return base.code === 0 ? base.stdout.toString('utf8').trim() : commit;
  };
  const exists = async (revision: string): Promise<boolean> => (await tryGit(root, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`])).code === 0;
  return {
    resolve, parting,
    async head() {
      const found = await tryGit(root, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
      return found.code === 0 ? found.stdout.toString('utf8').trim() : undefined;
    },
    async isClean(paths) {
      return (await git(root, [...(await filtersOff(root)), 'status', '--porcelain', '--untracked-files=all', '--', ...paths])) === '';
    },
    async isAncestor(ancestor, descendant) {
      const { code, stderr } = await tryGit(root, ['merge-base', '--is-ancestor', ancestor, descendant]);
      if (code > 1) throw new GitError(`${stderr.trim().split('\n')[0] ?? 'git merge-base failed'}${await shallowHint(root)}`, code);
      return code === 0;
    },
    notContained: (commits, heads) => notContained(root, commits, heads),
    async defaultBase() {
      for (const name of ['origin/HEAD', 'origin/main', 'origin/master', 'main', 'master']) if (await exists(name)) return name;
      return undefined;
    },
    async changedPaths(from, to) {
      const start = await parting(from);
      const changed = await git(root, [...(await filtersOff(root)), 'diff', '--no-ext-diff', '--name-only', '--no-renames', '-z', start, ...(to === undefined ? [] : [to])]);
      const untracked = to === undefined ? await git(root, ['ls-files', '--others', '--exclude-standard', '-z']) : '';
      return `${changed}${untracked}`.split('\0').filter((path) => path !== '');
    },
  };
}

/** Filters of .gitattributes are programs; what they would make of a file is not asked. */
export async function filtersOff(root: string): Promise<readonly string[]> {
  const { stdout } = await tryGit(root, ['config', '--name-only', '-z', '--get-regexp', '^filter\\..*\\.(clean|smudge|process|required)$']);
  return stdout.toString('utf8').split('\0').filter((key) => key !== '').flatMap((key) => ['-c', `${key}=${key.endsWith('.required') ? 'false' : ''}`]);
}

async function shallowHint(root: string): Promise<string> {
  const shallow = (await tryGit(root, ['rev-parse', '--is-shallow-repository'])).stdout.toString('utf8').trim() === 'true';
  return shallow ? ': this clone is shallow; fetch the whole history (git fetch --unshallow)' : '';
}

function trees(root: string, gitDir: string): Pick<Repo, 'mergeTree' | 'treeSource' | 'folderSource'> {
  return {
    async mergeTree(head, base) {
      // As in a bare repository: attributes of the tree would choose merge drivers, and those are programs.
      const { code, stdout, stderr } = await tryGit(gitDir, [`--git-dir=${gitDir}`, '-c', 'core.bare=true', '-c', 'merge.default=text', 'merge-tree', '--write-tree', '--name-only', '--no-messages', '-z', head, base]);
      const [tree, ...conflicts] = stdout.toString('utf8').split('\0').filter((part) => part !== '');
      if (code > 1 || tree === undefined) throw new GitError(`git merge-tree: ${stderr.trim()}${await shallowHint(root)}`, code);
      return code === 0 ? { tree: tree.trim(), conflicts: [] } : { conflicts: [...new Set(conflicts)] };
    },
    treeSource: (treeish) => Promise.resolve(treeSource(root, treeish, treeish)),
    folderSource: () => folderSource(root),
  };
}

function people(root: string): Pick<Repo, 'lastChange' | 'identity' | 'remote'> {
  return {
    async lastChange(commit, paths) {
      const told = (args: readonly string[]): Promise<string> => git(root, ['log', '-1', '--no-show-signature', '--no-merges', '--format=%an <%ae>%n%s', commit, ...args]);
      const found = await told(['--', ...paths]);
      const [author = '', subject = ''] = (found === '' ? await told([]) : found).split('\n');
      return { author, subject };
    },
    async identity() {
      const found = await tryGit(root, ['var', 'GIT_COMMITTER_IDENT']);
      if (found.code !== 0) throw new GitError('Git does not know who you are; set user.name and user.email', found.code);
      return found.stdout.toString('utf8').trim().replace(/ \d+ [+-]\d{4}$/, '');
    },
    async remote(preferred) {
      const names = (await git(root, ['remote'])).split('\n').filter((name) => name !== '');
      if (preferred !== undefined) {
        if (!names.includes(preferred)) throw new GitError(`the audit remote ${preferred} of soll.yaml is not configured in this clone`, 1);
        return preferred;
      }
      return names.includes('origin') ? 'origin' : undefined;
    },
  };
}
