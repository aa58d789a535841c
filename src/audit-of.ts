import type { Problem } from '#contract';
import type { AppendBranch } from '#git/append-branch';
import { appendBranch } from '#git/append-branch';
import type { SollDocument } from '#generated/types';
import type { Repo } from '#git/open-repo';
import type { SeenHead } from '#git/seen-heads';
import { openAudit, type Audit, type AuditPlace } from './audit/open-audit.ts';
import type { Workspace } from './workspace.ts';

export interface AuditWhere {
  /** As soll.yaml says, with that of the lab. */
  readonly prefix: string;
  readonly remote: string | undefined;
  /** The remote is not asked; why. */
  readonly offline?: string;
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

export function branchOf(ws: Workspace, repo: Repo, customer: string, { prefix, remote, offline }: AuditWhere): AppendBranch {
  return appendBranch({ root: ws.root, gitDir: repo.gitDir, name: `${prefix}/${customer}`, remote, offline: offline !== undefined, effect: effectOf(ws) });
}

export function openAuditOf(ws: Workspace, repo: Repo, customer: string, where: AuditWhere): Promise<Audit> {
  return openAudit(placeOf(ws, repo, customer, where));
}

export function placeOf(ws: Workspace, repo: Repo, customer: string, { prefix, remote, offline, operator = '' }: AuditWhere): AuditPlace {
  return {
    root: ws.root, gitDir: repo.gitDir, customer, branch: `${prefix}/${customer}`, remote, ...(offline === undefined ? {} : { offline }),
    clock: ws.clock, signal: ws.signal, operator, effect: effectOf(ws), redact: (text) => ws.redactor.redact(text),
    waiting: (why) => { ws.progress({ type: 'lock-wait', customer, why }); },
    ...(ws.leaseSeconds === undefined ? {} : { leaseSeconds: ws.leaseSeconds }),
  };
}

/** Without the remote nobody can say what was recorded there since, and nobody can be locked out. */
export function offlineWarning(customer: string, remote: string, seen: Pick<SeenHead, 'remote' | 'remoteAt'> | undefined): Problem {
  const last = seen?.remote === undefined ? `this clone has never seen records of ${customer} there` : `last seen ${seen.remote.slice(0, 12)} of ${(seen.remoteAt ?? '').slice(0, 16)}`;
  return {
    code: 'audit.offline', severity: 'warning', customer, message: `${customer}: ${remote} was not asked, ${last}: another machine may be at work, and no lock can keep it out`,
    hint: `ask whoever else could be working on ${customer}; as soon as the remote answers: soll audit push ${customer}`,
  };
}

export function effectOf(ws: Workspace): (name: string) => Promise<void> {
  return async (name) => { await ws.effects?.(name); };
}
