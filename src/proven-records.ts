/** What an auditor may believe of one customer: chain, ledger, approvals and signatures, decided in one place for everybody who tells or exports it. */
import type { Problem } from '#contract';
import type { AuditVerification, Chain } from '#core/audit-record';
import { localHead } from '#git/append-branch';
import { notContained } from '#git/not-contained';
import type { Repo } from '#git/open-repo';
import { GitError } from '#git/run-git';
import { inOrder, plainChain } from './audit/chain.ts';
import { verifyRecords } from './audit/verify-audit.ts';
import { branchOf, type AuditWhere } from './audit-of.ts';
import { emergencies, verifyApprovals } from './verify-approvals.ts';
import type { Workspace } from './workspace.ts';

export interface ProvenRecords {
  readonly verification: AuditVerification;
  /** As far as they can be read. */
  readonly chain: Chain;
  /** By run: who has looked at an emergency since. */
  readonly reviews: ReadonlyMap<string, string>;
}

export async function provenRecords(ws: Workspace, repo: Repo, customer: string, where: AuditWhere): Promise<ProvenRecords> {
  const problem = (code: string, message: string, hint?: string): Problem => ({ code, severity: 'error', customer, message, ...(hint === undefined ? {} : { hint }) });
  try {
    const branch = branchOf(ws, repo, customer, where);
    const { verification, chain } = await verifyRecords(customer, branch);
    const problems = [...verification.problems];
    const place = { ws, repo, remote: where.remote, offline: where.offline !== undefined, platform: undefined };
    let reviews: ProvenRecords['reviews'] = new Map();
    if (repo.shallow) problems.push(problem('git.shallow', 'this clone is shallow: rules and authors of commits that it does not have cannot be looked at', 'git fetch --unshallow'));
    // Rules are only asked about what can be read as records.
    else if (!problems.some(({ code }) => code === 'audit.unreadable')) {
      problems.push(...await verifyApprovals(place, customer, chain));
      reviews = new Map((await emergencies(place, customer, inOrder(chain))).flatMap(({ open, by }) => (by === undefined ? [] : [[open.run, by] as const])));
    }
    if (where.remote !== undefined && where.offline === undefined && await keepsRecords(ws, customer, where.prefix)) problems.push(problem('audit.kept', `this clone keeps records that ${where.remote} does not have`, `soll audit push ${customer}`));
    return { chain, reviews, verification: { ...verification, problems } };
  } catch (error) {
    // A branch that was rewritten or has vanished since this clone saw it, or that cannot be asked for.
    if (!(error instanceof GitError)) throw error;
    return { chain: plainChain([]), reviews: new Map(), verification: { customer, records: 0, runs: 0, head: '', problems: [problem('audit.branch', error.message)] } };
  }
}

/** Asked after the branch was fetched: what this clone knows of the remote's is where that stands now. */
export async function keepsRecords({ root }: Workspace, customer: string, prefix: string): Promise<boolean> {
  const [own, seen] = await Promise.all(['heads', 'soll'].map((space) => localHead(root, `refs/${space}/${prefix}/${customer}`)));
  return own !== undefined && own !== seen && (await notContained(root, [own], seen === undefined ? [] : [seen])).length > 0;
}
