/** Which files a command works on: the working tree, a commit, or the merge of head and base. */
import type { Problem } from '#contract';
import type { FileSource } from '#core/model';
import type { Repo } from '#git/open-repo';

export interface Tree {
  readonly source: FileSource;
  /** Commit that the plan is made for; empty for a working tree with uncommitted changes. */
  readonly commit: string;
  /** Commits whose state is contained: an applied commit must be an ancestor of one of them. */
  readonly heads: readonly string[];
  readonly problems: readonly Problem[];
}

export const watchedPaths = ['customers', 'soll.yaml', 'standards'];

/**
 * Plans are made on the merge of HEAD with the tip of the base branch, so that a branch that is merely older never looks like a
 * deletion. With uncommitted changes and an up-to-date branch, the working tree is planned.
 */
export async function treeForPlan(repo: Repo, baseName: string | undefined): Promise<Tree> {
  const head = await repo.head();
  if (head === undefined) return { source: repo.folderSource(), commit: '', heads: [], problems: [] };
  // Looking through the working tree of a large fleet takes a while; the rest need not wait for it.
  const [clean, base] = await Promise.all([repo.isClean(watchedPaths), resolveBase(repo, baseName)]);
  const behind = base !== undefined && base !== head && !(await repo.isAncestor(base, head));
  if (!behind) {
    return clean ? { source: await repo.treeSource(head), commit: head, heads: [head], problems: [] } : { source: repo.folderSource(), commit: '', heads: [head], problems: [] };
  }
  if (!clean) {
    return {
      source: repo.folderSource(), commit: '', heads: [head],
      problems: [{ code: 'git.behind', severity: 'error', message: 'this branch lacks commits of the base branch and the working tree has uncommitted changes', hint: 'commit your changes: the plan is then made on the merge with the base branch' }],
    };
  }
  const merge = await repo.mergeTree(head, base);
  if (merge.conflicts.length > 0 || merge.tree === undefined) {
    return {
      source: await repo.treeSource(head), commit: head, heads: [head],
      problems: [{ code: 'git.merge-conflict', severity: 'error', message: `this branch conflicts with the base branch in ${merge.conflicts.join(', ')}`, hint: 'merge or rebase the base branch and solve the conflict' }],
    };
  }
  return { source: await repo.treeSource(merge.tree), commit: head, heads: [head, base], problems: [] };
}

/** Apply works on what is committed, never on the working tree and never on a merge that nobody made. */
export async function treeForApply(repo: Repo): Promise<Tree> {
  const head = await repo.head();
  if (head === undefined) {
    return { source: repo.folderSource(), commit: '', heads: [], problems: [{ code: 'git.no-commit', severity: 'error', message: 'nothing is committed yet', hint: 'git add -A && git commit' }] };
  }
  const clean = await repo.isClean(watchedPaths);
  return {
    source: await repo.treeSource(head), commit: head, heads: [head],
    problems: clean ? [] : [{ code: 'git.uncommitted', severity: 'warning', message: 'uncommitted changes are not applied', hint: 'commit them first if they are meant to be' }],
  };
}

async function resolveBase(repo: Repo, name: string | undefined): Promise<string | undefined> {
  if (name !== undefined) return repo.resolve(name);
  const found = await repo.defaultBase();
  return found === undefined ? undefined : repo.resolve(found);
}
