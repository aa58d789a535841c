/** After the remote is back: what this clone has recorded by itself is brought there, customer by customer. */
import type { LockHolder } from '#core/audit-record';
import { missingCommits } from '#git/missing-commits';
import type { Repo } from '#git/open-repo';
import { git, GitError } from '#git/run-git';
import { AuditLocked } from './audit/open-audit.ts';
import { pushRecords, type PushedRecords } from './audit/push-records.ts';
import { ownBranches } from './audit/read-ledgers.ts';
import { placeOf } from './audit-of.ts';
import { branchesPlace } from './each-branch.ts';
import { keptPrefixOf, pushKept } from './kept-branches.ts';
import type { Workspace } from './workspace.ts';

export interface PushOptions {
  /** Empty: all of whom this clone has a branch. */
  readonly customers: readonly string[];
  /** Wait this long for a run of the same customer, milliseconds. */
  readonly lockTimeoutMs: number;
}

export type PushResult = (Omit<PushedRecords, 'commits'> & {
  /** Commits that were applied and are on no branch of the remote that this clone knows: nobody else can plan before they are. */
  readonly unpublished: readonly string[];
  /** Configurations of devices that were kept in this clone are at their remote now, too. */
  readonly configurations?: true;
}) | { readonly customer: string; readonly status: 'locked' | 'failed'; readonly why: string; readonly holder?: LockHolder };

/** One customer's failure is told and stops no other. Throws GitError when there is no remote. */
export async function auditPush(ws: Workspace, { customers, lockTimeoutMs }: PushOptions): Promise<readonly PushResult[]> {
  const { repo, prefix, remote, settings } = await branchesPlace(ws);
  if (remote === undefined) throw new GitError('this clone has no remote to bring records to; git remote add origin URL', 1);
  const names = customers.length > 0 ? customers : [...new Set([...await ownBranches(ws.root, prefix), ...await ownBranches(ws.root, keptPrefixOf(ws, settings))])].sort();
  const operator = names.length === 0 ? '' : await repo.identity();
  const results: PushResult[] = [];
  for (const customer of names) {
    try {
      const { commits, ...pushed } = await pushRecords({ ...placeOf(ws, repo, customer, { prefix, remote, operator }), remote }, lockTimeoutMs);
      const configurations = await pushKept({ ws, repo, settings }, customer);
      results.push({ ...pushed, unpublished: await unpublished(repo, remote, commits), ...(configurations ? { configurations } : {}) });
    } catch (error) {
      if (!(error instanceof AuditLocked) && !(error instanceof GitError)) throw error;
      results.push({ customer, status: error instanceof AuditLocked ? 'locked' : 'failed', why: error.message, ...(error instanceof AuditLocked && error.holder !== undefined ? { holder: error.holder } : {}) });
    }
  }
  return results;
}

async function unpublished({ root }: Repo, remote: string, commits: readonly string[]): Promise<readonly string[]> {
  const missing = new Set(await missingCommits(root, commits));
  const found: string[] = [];
  for (const commit of commits) {
    if (!missing.has(commit) && await git(root, ['for-each-ref', '--count=1', '--contains', commit, `refs/remotes/${remote}/`]) === '') found.push(commit);
  }
  return found;
}
