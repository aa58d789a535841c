/** What was shown for approval and is not applied: of each pull request, and of what was signed without one, the last. */
import type { NoticedLeaf, PlanNotice } from '#core/approval-entry';
import type { AuditRecord } from '#core/audit-record';
import type { PendingPlan } from '#core/fleet-status';
import type { Ledger } from '#core/model';
import { GitError } from '#git/run-git';
import type { Judge } from './approval-list.ts';
import { PolicyUnreadable } from './approval-state.ts';

/** A notice with those of its leaves that are still to be applied. */
export type PendingNotice = PlanNotice;

/** `now` and `lifetimeMs`: what is older than any approval of it could be is nobody's plan any more. */
export function pendingNotices(notices: readonly PlanNotice[], records: readonly AuditRecord[], ledger: Ledger, { now, lifetimeMs }: { readonly now: number; readonly lifetimeMs: number }): readonly PendingNotice[] {
  const applied = new Set(records.flatMap((record) => (record.type === 'batch' ? record.outcomes : [])).filter(({ outcome }) => outcome.status === 'done' || outcome.status === 'pending').map(({ leaf }) => leaf));
  const begun = new Map(records.flatMap((record) => (record.type === 'open' ? [[record.run, record.at] as const] : [])));
  const isOpen = (notice: PlanNotice, { digest, addresses }: NoticedLeaf): boolean => !applied.has(digest) && addresses.every((address) => {
    const run = ledger.entries[address]?.run ?? ledger.gone?.[address];
    // Whoever dealt with it since has made another leaf of it.
    return run === undefined || Date.parse(begun.get(run) ?? '') <= Date.parse(notice.at);
  });
  const newest = new Map(notices.map((notice) => [notice.pull ?? 0, notice]));
  const pending = [...newest.values()].filter(({ at }) => Date.parse(at) > now - lifetimeMs).map((notice) => ({ ...notice, leaves: notice.leaves.filter((leaf) => isOpen(notice, leaf)) }));
  return pending.filter(({ leaves, digest }, index) => leaves.length > 0 && pending.findIndex((other) => other.digest === digest) === index).sort((a, b) => (a.at < b.at ? 1 : -1));
}

/** Empty where nobody asks for approvals. What cannot be told about one says so itself. */
export async function judgePending(judge: Judge, notices: readonly PendingNotice[], records: readonly AuditRecord[], lifetimeMs: number): Promise<readonly PendingPlan[]> {
  const plans: PendingPlan[] = [];
  for (const notice of notices) {
    const { digest, commit, at, pull, fleet, leaves } = notice;
    const shared = { digest, commit, at, ...(pull === undefined ? {} : { pull }), ...(fleet === undefined ? {} : { fleet }), leaves: leaves.length };
    try {
      const { state, evaluation } = await judge.plan(notice, records);
      if (!state.required) continue;
      const approved = evaluation.leaves.filter((leaf) => leaf.approved);
      const words = approved.flatMap(({ by }) => by);
      const [first] = words.map(({ word }) => word.expires ?? new Date(Date.parse(word.at) + lifetimeMs).toISOString()).sort();
      const why = evaluation.leaves.find((leaf) => !leaf.approved)?.why;
      plans.push({ ...shared, approved: approved.length, by: [...new Set(words.map(({ person }) => person))].sort(), ...(first === undefined ? {} : { expires: first }), ...(why === undefined ? {} : { why }) });
    } catch (error) {
      if (!(error instanceof PolicyUnreadable) && !(error instanceof GitError)) throw error;
      plans.push({ ...shared, approved: 0, by: [], why: { en: error.message, de: error.message } });
    }
  }
  return plans;
}
