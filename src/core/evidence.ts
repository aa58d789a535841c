/** What `soll audit export` writes: plain data, the same bytes for the same branches, commits and period. */
import type { Problem, Verdict } from '#contract';
import type { AuditVerification, LogEntry, RecordedEmergency, RecordedIgnored, RecordedOffline } from './audit-record.ts';
import type { Approval, FieldDiff } from './model.ts';

export interface EvidencePack {
  readonly formatVersion: '1.0';
  readonly tool: string;
  /** As asked for; absent: open on that side. */
  readonly since?: string;
  readonly until?: string;
  readonly customers: readonly CustomerEvidence[];
}

export interface CustomerEvidence {
  readonly customer: string;
  /** Of the whole branch, not of the period alone. `problems` is not empty only in a pack that was asked for in spite of them. */
  readonly verification: AuditVerification;
  readonly population: Population;
  readonly runs: readonly EvidenceRun[];
}

/** Complete numbers, so that a sample can be drawn from all there is. */
export interface Population {
  /** Of the whole branch; numbered from 1 without a gap where the chain is intact. */
  readonly records: number;
  readonly runs: number;
  /** Runs that touch the period: begun before its end, and not closed before its beginning. */
  readonly runsInPeriod: number;
  /** Records of these runs, and the first and last number of those on the branch itself. */
  readonly recordsInPeriod: number;
  readonly firstSeq?: number;
  readonly lastSeq?: number;
  /** Runs that did not reach what was written: held, reverted, partly applied, never closed. */
  readonly failed: readonly string[];
}

export interface EvidenceRun {
  readonly run: string;
  /** Numbers of the records on the branch. */
  readonly records: readonly number[];
  /** Numbers of those that a clone kept by itself, on its own chain, and the record that joined it. */
  readonly kept?: { readonly joined: number; readonly records: readonly number[] };
  readonly openedAt: string;
  readonly closedAt?: string;
  readonly commit: string;
  /** Subject of the commit, as recorded. */
  readonly subject: string;
  /** From the commit's message, where this clone has the commit. */
  readonly tickets: readonly string[];
  readonly author: string;
  readonly approvals: readonly (Approval & { readonly beforeImplementation: boolean })[];
  /** There is an approval, and all of them are older than the record that had to stand before the first write. */
  readonly approvedBefore: boolean;
  readonly appliedBy: string;
  readonly takenOverBy?: string;
  readonly tool: string;
  readonly digest: string;
  /** With who has looked at it since. */
  readonly emergency?: RecordedEmergency & { readonly reviewedBy?: string };
  readonly ignored?: RecordedIgnored;
  readonly offline?: RecordedOffline;
  readonly targets: readonly EvidenceTarget[];
  readonly changes: readonly (LogEntry['changes'][number] & { readonly fields: readonly FieldDiff[] })[];
  /** What the run left out, because it was not approved or had moved. */
  readonly leftOut: readonly { readonly addresses: readonly string[]; readonly why: string }[];
  readonly failed: boolean;
}

export interface EvidenceTarget {
  readonly target: string;
  readonly provider: string;
  readonly verdict: Verdict | 'open';
  readonly why?: string;
  /** Whether the device would have undone it by itself, and did: as the verdict says. */
  readonly guard: 'none' | 'confirmed' | 'went-back' | 'unknown';
}

/** What stands in the way of a pack. */
export interface BrokenEvidence {
  readonly customer: string;
  readonly problems: readonly Problem[];
}
