import { parseAddress, type Problem } from '#contract';
import type { AuditRecord, AuditVerification, Chain, LogEntry, OpenBody } from '#core/audit-record';
import type { CustomerEvidence, EvidenceRun, EvidenceTarget } from '#core/evidence';
import { touchesPeriod, type Period } from '#core/period';
import { inOrder } from './chain.ts';
import { listRuns } from './list-runs.ts';
import { fieldsOf } from './resource-history.ts';

export interface EvidenceInput {
  readonly customer: string;
  readonly chain: Chain;
  readonly verification: AuditVerification;
  readonly period: Period;
  /** By commit; of what this clone has. */
  readonly messages: ReadonlyMap<string, string>;
  /** By run: who has looked at an emergency since. */
  readonly reviews?: ReadonlyMap<string, string>;
}

/** Everything about one customer's runs in a period. A run whose records cannot be read as one is named among the problems. */
export function collectEvidence({ customer, chain, verification, period, messages, reviews = new Map() }: EvidenceInput): CustomerEvidence {
  const records = inOrder(chain);
  const joins = joinedBy(chain);
  const problems: Problem[] = [...verification.problems];
  const opens = records.filter((record): record is AuditRecord & OpenBody => record.type === 'open');
  const runs = opens.flatMap((open): readonly EvidenceRun[] => {
    try {
      const own = recordsOf(open, records);
      const run = evidenceOf(open, own, { messages, reviews, joins });
      return touchesPeriod(run.openedAt, run.closedAt, period) ? [run] : [];
    } catch (error) {
      // Anybody who can push can write records that are none of ours.
      if (!(error instanceof TypeError) && !(error instanceof RangeError) && !(error instanceof URIError)) throw error;
      problems.push({ code: 'audit.unreadable', severity: 'error', customer, message: `record ${String(open.seq)} and those of its run cannot be read as a run` });
      return [];
    }
  });
  const numbers = runs.flatMap((run) => run.records);
  return {
    customer, verification: { ...verification, problems },
    population: {
      records: records.length, runs: opens.length, runsInPeriod: runs.length, recordsInPeriod: numbers.length + runs.reduce((sum, { kept }) => sum + (kept?.records.length ?? 0), 0),
      ...(numbers.length === 0 ? {} : { firstSeq: Math.min(...numbers), lastSeq: Math.max(...numbers) }), failed: runs.filter(({ failed }) => failed).map(({ run }) => run),
    },
    runs,
  };
}

/** Where a run was opened twice, each opening stands with what came after it. */
function recordsOf(open: AuditRecord, records: readonly AuditRecord[]): readonly AuditRecord[] {
  const from = records.indexOf(open);
  const again = records.findIndex((record, index) => index > from && record.type === 'open' && record.run === open.run);
  return records.slice(from, again < 0 ? undefined : again).filter(({ run }) => run === open.run);
}

/** What stands on another chain, by the number of the record that joined it. */
function joinedBy({ sides }: Chain): ReadonlyMap<AuditRecord, number> {
  return new Map([...sides].flatMap(([seq, side]) => side.map((record) => [record, seq] as const)));
}

interface Beside extends Required<Pick<EvidenceInput, 'messages' | 'reviews'>> {
  readonly joins: ReadonlyMap<AuditRecord, number>;
}

function evidenceOf(open: AuditRecord & OpenBody, own: readonly AuditRecord[], { messages, reviews, joins }: Beside): EvidenceRun {
  const [entry] = listRuns(own);
  if (entry === undefined) throw new RangeError('no run');
  const approvals = open.approvals.map((approval) => ({ ...approval, beforeImplementation: Date.parse(approval.at) <= Date.parse(open.at) }));
  const takeover = own.findLast((record) => record.type === 'takeover');
  const reviewedBy = reviews.get(open.run);
  const targets = entry.targets.map((each) => targetOf(each, open));
  const run: EvidenceRun = {
    run: open.run, records: own.filter((record) => !joins.has(record)).map(({ seq }) => seq), ...keptOf(own, joins), openedAt: open.at, ...(entry.closedAt === undefined ? {} : { closedAt: entry.closedAt }),
    commit: open.commit, subject: open.subject, tickets: ticketsOf(messages.get(open.commit) ?? ''), author: open.author,
    approvals, approvedBefore: approvals.length > 0 && approvals.every(({ beforeImplementation }) => beforeImplementation),
    appliedBy: open.operator, ...(takeover?.type === 'takeover' ? { takenOverBy: takeover.operator } : {}), tool: open.tool, digest: open.digest,
    ...(open.emergency === undefined ? {} : { emergency: { ...open.emergency, ...(reviewedBy === undefined ? {} : { reviewedBy }) } }),
    ...(open.ignored === undefined ? {} : { ignored: open.ignored }), ...(open.offline === undefined ? {} : { offline: open.offline }),
    targets, changes: entry.changes.map((change) => ({ ...change, fields: fieldsOf(change.address, change.before, change.after) })),
    leftOut: open.stale.map(({ addresses, why }) => ({ addresses: [...addresses], why })),
    failed: targets.some(({ verdict }) => verdict === 'open' || verdict === 'held' || verdict === 'reverted' || verdict === 'partial'),
  };
  checkForm(run);
  return run;
}

function keptOf(own: readonly AuditRecord[], joins: Beside['joins']): Pick<EvidenceRun, 'kept'> {
  const kept = own.filter((record) => joins.has(record));
  const [first] = kept;
  const joined = first === undefined ? undefined : joins.get(first);
  return joined === undefined ? {} : { kept: { joined, records: kept.map(({ seq }) => seq) } };
}

function targetOf({ target, verdict, why }: LogEntry['targets'][number], open: OpenBody): EvidenceTarget {
  const intent = open.targets.find((each) => each.target === target);
  const guard = intent?.guarded !== true ? 'none' : verdict === 'reverted' ? 'went-back' : verdict === 'converged' || verdict === 'unchanged' ? 'confirmed' : 'unknown';
  return { target, provider: intent?.provider ?? '', verdict, ...(why === undefined ? {} : { why }), guard };
}

/** Words that a report has words for. */
const known: ReadonlySet<string> = new Set([
  ...['create', 'update', 'delete', 'run', 'adopt', 'release', 'identify'], ...['new', 'changed', 'drift', 'conflict', 'adopted', 'removed', 'replaced', 'rotated'], ...['done', 'pending', 'rejected', 'unknown', 'skipped'],
  ...['unchanged', 'converged', 'partial', 'reverted', 'held', 'open'],
]);

/** What a report is made of is text, and addresses are addresses. Throws. */
function checkForm(run: EvidenceRun): void {
  const terms = [...run.targets.map(({ verdict }) => verdict), ...run.changes.flatMap(({ verb, reason, outcome }) => [verb, reason, ...(outcome === undefined ? [] : [outcome.status])])];
  if (!terms.every((term) => known.has(term))) throw new TypeError('a word that nobody knows');
  const texts: readonly unknown[] = [
    run.run, run.openedAt, run.commit, run.subject, run.author, run.appliedBy, run.tool, run.digest, ...run.approvals.flatMap(({ approver, method, at, digest }) => [approver, method, at, digest]),
    ...run.targets.flatMap(({ target, provider, why }) => [target, provider, why ?? '']), ...run.leftOut.map(({ why }) => why),
    ...run.changes.map(({ outcome }) => (outcome !== undefined && 'why' in outcome ? outcome.why : '')),
  ];
  if (texts.some((text) => typeof text !== 'string')) throw new TypeError('not text');
  for (const { address, was } of run.changes) for (const each of [address, ...(was === undefined ? [] : [was])]) parseAddress(each);
  for (const address of run.leftOut.flatMap(({ addresses }) => addresses)) parseAddress(address);
}

/** Values of the trailers of a commit message that name what it was for. */
export function ticketsOf(message: string): readonly string[] {
  const last = message.trim().split(/\n[ \t]*\n/).at(-1) ?? '';
  // One paragraph alone is the subject.
  if (last === message.trim()) return [];
  return last.split('\n').flatMap((line) => /^(?:ticket|refs?|issue|change|incident|request|fixes|closes)(?:-\w+)?:[ \t]*(\S.*)$/i.exec(line)?.[1]?.trim() ?? []);
}
