/** What stands on `approvals/<customer>`: one JSON file an entry, only added, never changed. */
import type { Address, RiskLevel } from '#contract';
import { sha256 } from './sha256.ts';

/** What a plan job showed for a commit: what a review of that commit approves, and what a signature can refer to. */
export interface PlanNotice {
  readonly type: 'plan';
  readonly customer: string;
  /** Planned head, full commit id. */
  readonly commit: string;
  /** Tip of the base branch that it was planned onto. */
  readonly base: string;
  readonly digest: string;
  /** In the order of the plan; their digests add up to `digest`. */
  readonly leaves: readonly NoticedLeaf[];
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Number of the pull request; absent without a code host. */
  readonly pull?: number;
  /** Digest of the set of plans that it was shown with, where that can be approved as one. */
  readonly fleet?: string;
}

export interface NoticedLeaf {
  readonly digest: string;
  readonly transition: string;
  readonly addresses: readonly Address[];
  readonly risk: RiskLevel;
}

/** Signed: `statement` is canonical JSON, `signature` an armoured SSH signature over its bytes. A withdrawal takes back what it names, a review is the second look at an emergency. */
export interface SignedEntry {
  readonly type: 'approval' | 'withdrawal' | 'review';
  readonly statement: string;
  readonly signature: string;
  /** ISO 8601, UTC; when it was written, not when it was signed. */
  readonly at: string;
}

export type ApprovalEntry = PlanNotice | SignedEntry;

/** Folder of the branch that entries stand in. */
export const approvalFolder = 'entries';

/** By time, then by content: the same entry twice is one file. */
export function approvalFileName(entry: ApprovalEntry): string {
  return `${entry.at.replaceAll(/[^0-9TZ]/g, '')}-${entry.type}-${sha256(JSON.stringify(entry)).replace('sha256:', '').slice(0, 16)}.json`;
}
