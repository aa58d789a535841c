import type { AppendBranch } from '#git/append-branch';
import { appendBranch } from '#git/append-branch';
import type { SollDocument } from '#generated/types';
import type { Repo } from '#git/open-repo';
import { openAudit, type Audit } from './audit/open-audit.ts';
import type { Workspace } from './workspace.ts';

export interface AuditWhere {
  /** As soll.yaml says, with that of the lab. */
  readonly prefix: string;
  readonly remote: string | undefined;
  readonly operator?: string;
}

/** What the names of audit branches begin with. */
export function auditPrefixOf(ws: Workspace, { audit }: Partial<SollDocument>): string {
  const prefix = audit?.branchPrefix ?? 'audit';
  return ws.lab ? `${prefix}-lab` : prefix;
}

/** Where soll.yaml says that records go. Throws GitError when its remote is not configured in this clone. */
export async function auditPlaceOf(ws: Workspace, repo: Repo, settings: Partial<SollDocument>): Promise<{ readonly prefix: string; readonly remote: string | undefined }> {
  return { prefix: auditPrefixOf(ws, settings), remote: await repo.remote(settings.audit?.remote) };
}

export function branchOf(ws: Workspace, repo: Repo, customer: string, { prefix, remote }: AuditWhere): AppendBranch {
  return appendBranch({ root: ws.root, gitDir: repo.gitDir, name: `${prefix}/${customer}`, remote, effect: effectOf(ws) });
}

export function openAuditOf(ws: Workspace, repo: Repo, customer: string, { prefix, remote, operator = '' }: AuditWhere): Promise<Audit> {
  return openAudit({
    root: ws.root, gitDir: repo.gitDir, customer, branch: `${prefix}/${customer}`, remote,
    clock: ws.clock, signal: ws.signal, operator, effect: effectOf(ws), redact: (text) => ws.redactor.redact(text),
    ...(ws.leaseSeconds === undefined ? {} : { leaseSeconds: ws.leaseSeconds }),
  });
}

export function effectOf(ws: Workspace): (name: string) => Promise<void> {
  return async (name) => { await ws.effects?.(name); };
}
