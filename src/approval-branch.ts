/** Where plan notices, approvals and withdrawals of a customer stand. Joins Git and the clock; what entries mean is decided elsewhere. */
import { approvalFileName, approvalFolder, type ApprovalEntry } from '#core/approval-entry';
import { appendBranch, type AppendBranch } from '#git/append-branch';
import type { Repo } from '#git/open-repo';
import { GitError } from '#git/run-git';
import { effectOf } from './audit-of.ts';
import type { Workspace } from './workspace.ts';

/** `approvals/<customer>`, or `approvals-lab/<customer>` in the lab. */
export function approvalBranch(ws: Workspace, repo: Repo, customer: string, remote: string | undefined, offline = false): AppendBranch {
  return appendBranch({ root: ws.root, gitDir: repo.gitDir, name: `${ws.lab ? 'approvals-lab' : 'approvals'}/${customer}`, remote, offline, effect: effectOf(ws) });
}

/** Adds one entry, unless `isThere` finds that it stands there already. */
export function appendEntry(branch: AppendBranch, entry: ApprovalEntry, isThere?: (files: ReadonlyMap<string, string>) => boolean): Promise<'added' | 'there'> {
  return appendEntries(branch, [entry], isThere);
}

/** All or nothing. Tries again when somebody else was faster. */
export async function appendEntries(branch: AppendBranch, entries: readonly ApprovalEntry[], isThere: (files: ReadonlyMap<string, string>) => boolean = () => false): Promise<'added' | 'there'> {
  const files = Object.fromEntries(entries.map((entry) => [`${approvalFolder}/${approvalFileName(entry)}`, `${JSON.stringify(entry, undefined, 1)}\n`]));
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const head = await branch.head();
    if (head !== undefined && isThere(await branch.files(head, approvalFolder))) return 'there';
    const outcome = await branch.append(head, files, `${entries.map(({ type }) => type).join(', ')}\n`);
    if (outcome !== 'moved') return 'added';
  }
  throw new GitError(`${branch.name} is written to by somebody else all the time; run it again`, 1);
}
