/** Who approved what: digests given on the command line, plan files that name their leaves, or a question on the terminal. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Approval, Leaf, Plan } from '#core/model';
import { leavesMatchDigest, matchApproval, type Match } from './plan/match-approval.ts';
import { parseSaved, readSavedPlans, type SavedPlan } from './saved-plans.ts';
import type { ApplyOptions, Workspace } from './workspace.ts';
import type { Refusal } from './apply-customer.ts';

export interface Granted {
  readonly approval: Approval;
  /** All leaves of what was approved. */
  readonly leaves: readonly Leaf[];
  readonly match: Match;
}

export interface KnownApprovals {
  readonly digests: readonly string[];
  readonly saved: readonly SavedPlan[];
  /** Digests that name no plan of this run and no plan that is known. */
  unknown(plans: readonly Plan[]): readonly Refusal[];
}

/** Short forms are refused: a digest is compared, not guessed. */
export async function readApprovals(gitDir: string, options: ApplyOptions): Promise<KnownApprovals> {
  const files = await Promise.all(options.planFiles.map((file) => readFile(join(file), 'utf8')));
  const saved = [...files.flatMap(parseSaved), ...(options.approve.length === 0 ? [] : await readSavedPlans(gitDir, options.approve))].filter(leavesMatchDigest);
  return {
    digests: options.approve, saved,
    unknown: (plans) => options.approve
      .filter((digest) => !plans.some((plan) => plan.digest === digest) && !saved.some((each) => each.digest === digest))
      .map((digest): Refusal => ({ customer: plans.length === 1 ? (plans[0]?.customer ?? '') : '', code: 'stale', why: `${digest} is the digest of no plan that is known here; plan again, or give the plan file with --plan` })),
  };
}

export async function approvalFor(plan: Plan, known: KnownApprovals, options: ApplyOptions, ws: Workspace): Promise<Granted | undefined> {
  const at = new Date(ws.clock.now()).toISOString();
  if (known.digests.includes(plan.digest)) return { approval: { digest: plan.digest, approver: options.approver, method: 'cli', at }, leaves: plan.leaves, match: matchApproval(plan, { digest: plan.digest }) };
  const older = known.saved.find(({ customer, digest }) => customer === plan.customer && known.digests.includes(digest));
  if (older !== undefined) return { approval: { digest: older.digest, approver: options.approver, method: 'cli', at }, leaves: older.leaves, match: matchApproval(plan, older) };
  if (plan.leaves.length === 0 || options.confirm === undefined || !(await options.confirm(plan))) return undefined;
  return { approval: { digest: plan.digest, approver: options.approver, method: 'interactive', at }, leaves: plan.leaves, match: matchApproval(plan, { digest: plan.digest }) };
}
