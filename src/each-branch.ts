/** The audit branches that soll.yaml names: of these customers, or of all that have one. */
import pLimit from 'p-limit';
import type { SollDocument } from '#generated/types';
import { openRepo, type Repo } from '#git/open-repo';
import { GitError } from '#git/run-git';
import { kinds } from '#kinds/registry';
import { listBranches } from './audit/read-ledgers.ts';
import { auditPlaceOf, type AuditWhere } from './audit-of.ts';
import { loadDesired } from './desired/load-desired.ts';
import type { BranchOptions, Workspace } from './workspace.ts';
import { asOfOf, sourceWithoutGit } from './world.ts';

/** Each asks the remote with a process of its own: not a thousand at once. */
const atOnce = 8;

export interface BranchesPlace {
  readonly repo: Repo;
  readonly prefix: string;
  readonly remote: string | undefined;
  readonly settings: Partial<SollDocument>;
}

export async function branchesPlace(ws: Workspace): Promise<BranchesPlace> {
  const repo = await openRepo(ws.root);
  const { settings, problems } = await loadDesired({ source: sourceWithoutGit(ws.root), kinds, providers: new Map(), lab: ws.lab, asOf: asOfOf(ws), customers: [] });
  // Its settings say where records are; without them another place would be looked at, and found empty.
  const broken = problems.find(({ severity, source }) => severity === 'error' && source?.file === 'soll.yaml');
  if (broken !== undefined) throw new GitError(`soll.yaml:${String(broken.source?.line ?? 1)}:${String(broken.source?.column ?? 1)}: ${broken.message}; it says where the records are, so mend it first (soll validate)`, 1);
  return { repo, settings, ...(await auditPlaceOf(ws, repo, settings)) };
}

export async function eachBranch<T>(ws: Workspace, { customers: wanted, offline = false }: BranchOptions, run: (customer: string, repo: Repo, where: AuditWhere) => Promise<T>): Promise<readonly T[]> {
  const { repo, ...place } = await branchesPlace(ws);
  const customers = wanted.length > 0 ? wanted : await listBranches({ root: ws.root, ...place, offline });
  const where = { ...place, ...(offline ? { offline: '' } : {}) };
  const limit = pLimit(atOnce);
  return Promise.all(customers.map((customer) => limit(() => run(customer, repo, where))));
}
