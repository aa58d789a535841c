/**
 * Decides every recorded run again, offline: with the rules of the commits that the record names, the signatures that it holds and the authors
 * that Git knows. What the code host said at that time is believed of the record; signatures need nobody's word.
 */
import type { Problem } from '#contract';
import type { AuditRecord, Chain, OpenBody } from '#core/audit-record';
import { missingCommits } from '#git/missing-commits';
import type { Repo } from '#git/open-repo';
import { evaluateApprovals, type Word } from './approval/evaluate-approvals.ts';
import { holdsKey, inForce, type LeafFacts, type Policy } from './approval/policy.ts';
import { approvalId } from './approval/statement.ts';
import { baselineOf, baseWithoutHost, factsOf, PolicyUnreadable, provenReviews, usedApprovals, wordOf, type ApprovalFacts, type ApprovalPlace, type Baseline } from './approval-state.ts';
import { inOrder, knownRuns } from './audit/chain.ts';
import { highestRisk } from './plan/describe-change.ts';

type Open = AuditRecord & OpenBody;
type Tell = (code: string, message: string, hint?: string) => void;

/** Problems in the order of the runs. */
export async function verifyApprovals(place: ApprovalPlace, customer: string, chain: Chain): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const tell: Tell = (code, message, hint) => void problems.push({ code, severity: 'error', customer, message, ...(hint === undefined ? {} : { hint }) });
  const facts = factsOf(place);
  const policies = new Map<string, Promise<Policy>>();
  const policyOf = (commit: string): Promise<Policy> => {
    const known = policies.get(commit) ?? facts.policyAt(commit, customer);
    policies.set(commit, known);
    return known;
  };
  for (const { open, before, elsewhere } of knownRuns(chain)) {
    try {
      // What it could not see counts all the same: an approval is good for once.
      await verifyRun(place.repo, open, { facts, used: usedApprovals([...before, ...elsewhere]), baseline: baselineOf(before), policyOf, tell });
    } catch (error) {
      if (!(error instanceof PolicyUnreadable)) throw error;
      tell('audit.policy', `run ${open.run}: ${error.message}`);
    }
  }
  for (const { open, state } of await emergencies(place, customer, inOrder(chain))) {
    if (state === 'overdue') tell('audit.review-overdue', `run ${open.run} was an emergency (${open.emergency?.ticket ?? ''}) and should have been reviewed by ${open.emergency?.reviewDue ?? ''}`, `a second person: soll audit review ${open.run} --reason TEXT`);
  }
  return problems;
}

interface RunContext {
  readonly facts: ApprovalFacts;
  /** `id leaf` of what was applied under a word before. */
  readonly used: ReadonlySet<string>;
  readonly baseline: Baseline;
  readonly policyOf: (commit: string) => Promise<Policy>;
  readonly tell: Tell;
}

async function verifyRun(repo: Repo, open: Open, { facts, used, baseline, policyOf, tell }: RunContext): Promise<void> {
  const run = `run ${open.run}`;
  const { since } = baseline;
  const named = [open.commit, ...(since === '' ? [] : [since]), ...(open.policy?.bases ?? [])];
  const missing = await missingCommits(repo.root, named);
  if (missing.length > 0) { tell('audit.commit', `${run}: commit ${missing[0]?.slice(0, 12) ?? ''} is not in this clone: nobody can tell what its rules were`, 'fetch the whole history'); return; }
  const applied = await policyOf(open.commit);
  const fallback = await baseWithoutHost(facts, baseline, open.commit);
  const before = fallback === undefined ? undefined : await policyOf(fallback);
  if (!inForce(applied) && (before === undefined || !inForce(before))) return undefined;
  if (open.policy === undefined) { tell('audit.unapproved', `${run}: the rules of commit ${open.commit.slice(0, 12)} demand approvals, and it shows none that they know`); return; }
  if (open.policy.since !== since) tell('audit.policy', `${run} says that all of ${open.policy.since.slice(0, 12)} was applied before it; it was ${since.slice(0, 12)}`);
  // A base that is the change itself, or not before it, would let the change approve itself.
  const beside = new Set(await repo.notContained(open.policy.bases, [open.commit]));
  for (const base of open.policy.bases) if (beside.has(base) || (base === open.commit && base !== since)) tell('audit.policy', `${run}: ${base.slice(0, 12)} is not before its commit`);
  const bases = await Promise.all(open.policy.bases.map(policyOf));
  const all = [applied, ...bases, ...(before !== undefined && !bases.some(inForce) ? [before] : [])];
  const words = await wordsOf(open, tell);
  const evaluation = evaluateApprovals({
    customer: open.customer, leaves: leavesOf(open), policies: all, words, withdrawals: [], authors: { emails: await facts.authorEmails(open.customer, since, open.commit), accounts: open.policy.accounts },
    used, now: Date.parse(open.at), emergency: open.emergency !== undefined,
  });
  const named_ = new Map(evaluation.words.map(({ word, person }) => [word.id, person]));
  const ids = new Set(words.map(({ id }) => id));
  for (const approval of open.approvals) {
    const id = approvalId(approval);
    if (ids.has(id) && named_.get(id) !== approval.approver) tell('audit.approver', `${run} names ${approval.approver}; by key or account it is ${named_.get(id) ?? 'nobody that counted then'}`);
  }
  tellLeaves(open, evaluation.leaves, words, used, tell);
  checkDue(open, all, tell);
}

function tellLeaves(open: Open, leaves: ReturnType<typeof evaluateApprovals>['leaves'], words: readonly Word[], used: ReadonlySet<string>, tell: Tell): void {
  for (const { leaf, approved, why } of leaves) {
    if (approved) continue;
    const replayed = words.some(({ id }) => used.has(`${id} ${leaf.digest}`));
    if (replayed) tell('audit.replayed', `run ${open.run}: ${leaf.addresses.join(', ')} was applied once before under the same approval`);
    else tell('audit.unapproved', `run ${open.run}: ${leaf.addresses.join(', ')}: ${why.en}`);
  }
}

async function wordsOf(open: Open, tell: Tell): Promise<readonly Word[]> {
  const words: Word[] = [];
  for (const approval of open.approvals) {
    if (approval.method !== 'signature' && approval.method !== 'review') continue;
    const word = await wordOf(approval, open.customer);
    if (word === undefined) tell('audit.signature', `run ${open.run}: the signature of ${approval.approver} does not cover what the record says`);
    else if (approval.leaves !== undefined && JSON.stringify(approval.leaves) !== JSON.stringify(word.leaves)) tell('audit.signature', `run ${open.run}: ${approval.approver} has signed other changes than the record says`);
    else if (approval.fleet !== word.evidence.fleet) tell('audit.signature', `run ${open.run}: ${approval.approver} has signed another set of plans than the record says`);
    if (word !== undefined) words.push(word);
  }
  return words;
}

function leavesOf(open: Open): readonly LeafFacts[] {
  const changes = open.targets.flatMap((target) => target.changes);
  return [...new Set(changes.map(({ leaf }) => leaf))].map((digest) => {
    const own = changes.filter(({ leaf }) => leaf === digest);
    return { digest, addresses: own.map(({ address }) => address), risk: highestRisk(own.map(({ risk }) => risk ?? 'critical')) };
  });
}

function checkDue({ emergency, run, at }: Open, policies: readonly Policy[], tell: Tell): void {
  if (emergency === undefined) return;
  const days = Math.min(...policies.flatMap(({ approval }) => approval?.emergency?.reviewDays ?? []));
  if (!(Date.parse(emergency.reviewDue) <= Date.parse(at) + (days * 24 + 1) * 3_600_000)) tell('audit.policy', `run ${run} gives itself until ${emergency.reviewDue} for its review; ${String(days)} days are allowed`);
}

export interface Emergency {
  readonly open: Open;
  readonly state: 'due' | 'overdue' | 'reviewed';
  readonly by?: string;
}

/** Every emergency, and whether somebody else has looked at it. Whoever counts now may: they may have come after the run. */
export async function emergencies(place: ApprovalPlace, customer: string, records: readonly AuditRecord[]): Promise<readonly Emergency[]> {
  const opens = records.filter((record): record is Open => record.type === 'open' && record.emergency !== undefined);
  if (opens.length === 0) return [];
  const [facts, head] = [factsOf(place), await place.repo.head()];
  const { people } = head === undefined ? { people: {} } : await facts.policyAt(head, customer);
  const reviews = await provenReviews(await facts.entries(customer), customer);
  return opens.map((open): Emergency => {
    const second = reviews.flatMap(({ review, key }) => (review.run === open.run && review.digest === open.digest && review.at >= open.at
      ? Object.entries(people).filter(([name, person]) => person.customer === undefined && name === review.approver && !open.approvals.some(({ approver, key: first }) => approver === name || first === key) && holdsKey(person, key, review.at))
      : [])).map(([name]) => name);
    if (second[0] !== undefined) return { open, state: 'reviewed', by: second[0] };
    return { open, state: Date.parse(open.emergency?.reviewDue ?? '') < place.ws.clock.now() ? 'overdue' : 'due' };
  });
}
