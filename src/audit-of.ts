import type { AppendBranch } from '#git/append-branch';
import { appendBranch } from '#git/append-branch';
import type { SollDocument } from '#generated/types';
import type { Repo } from '#git/open-repo';
import { openAudit, type Audit } from './audit/open-audit.ts';
import type { Workspace } from './workspace.ts';

export interface AuditWhere {
  readonly prefix?: string;
  readonly remote?: string | undefined;
  readonly operator?: string;
}

/** Where soll.yaml says that records go. Throws GitError when its remote is not configured in this clone. */
export async function auditPlaceOf(ws: Workspace, repo: Repo, { audit }: Partial<SollDocument>): Promise<{ readonly prefix: string; readonly remote: string | undefined }> {
  const prefix = audit?.branchPrefix ?? 'audit';
  return { prefix: ws.lab ? `${prefix}-lab` : prefix, remote: await repo.remote(audit?.remote) };
}

export async function branchOf(ws: Workspace, repo: Repo, customer: string, where: AuditWhere = {}): Promise<AppendBranch> {
  const remote = 'remote' in where ? where.remote : await repo.remote();
  return appendBranch({ root: ws.root, gitDir: repo.gitDir, name: `${where.prefix ?? (ws.lab ? 'audit-lab' : 'audit')}/${customer}`, remote, effect: effectOf(ws) });
}

export async function openAuditOf(ws: Workspace, repo: Repo, customer: string, where: AuditWhere = {}): Promise<Audit> {
  const remote = 'remote' in where ? where.remote : await repo.remote();
  return openAudit({
    root: ws.root, gitDir: repo.gitDir, customer, branch: `${where.prefix ?? (ws.lab ? 'audit-lab' : 'audit')}/${customer}`, remote,
    clock: ws.clock, signal: ws.signal, operator: where.operator ?? '', effect: effectOf(ws), redact: (text) => ws.redactor.redact(text),
    ...(ws.leaseSeconds === undefined ? {} : { leaseSeconds: ws.leaseSeconds }),
  });
}

export function effectOf(ws: Workspace): (name: string) => Promise<void> {
  return async (name) => { await ws.effects?.(name); };
}
