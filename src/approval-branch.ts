/** Where plan notices, approvals and withdrawals of a customer stand. Joins Git and the clock; what entries mean is decided elsewhere. */
import { approvalFileName, approvalFolder, type ApprovalEntry } from '#core/approval-entry';
import { appendBranch, type AppendBranch } from '#git/append-branch';
import type { Repo } from '#git/open-repo';
import { GitError } from '#git/run-git';
import { effectOf } from './audit-of.ts';
import type { Workspace } from './workspace.ts';

/** `approvals/<customer>`, or `approvals-lab/<customer>` in the lab. */
export function approvalBranch(ws: Workspace, repo: Repo, customer: string, remote: string | undefined): AppendBranch {
  return appendBranch({ root: ws.root, gitDir: repo.gitDir, name: `${ws.lab ? 'approvals-lab' : 'approvals'}/${customer}`, remote, effect: effectOf(ws) });
}

/** Adds one entry, unless `isThere` finds that it stands there already. Tries again when somebody else was faster. */
export async function appendEntry(branch: AppendBranch, entry: ApprovalEntry, isThere: (files: ReadonlyMap<string, string>) => boolean = () => false): Promise<'added' | 'there'> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const head = await branch.head();
    if (head !== undefined && isThere(await branch.files(head, approvalFolder))) return 'there';
    const outcome = await branch.append(head, { [`${approvalFolder}/${approvalFileName(entry)}`]: `${JSON.stringify(entry, undefined, 1)}\n` }, `${entry.type}\n`);
    if (outcome !== 'moved') return 'added';
  }
  throw new GitError(`${branch.name} is written to by somebody else all the time; run it again`, 1);
}
