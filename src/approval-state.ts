/**
 * What is known about the approvals of one customer: entries of the approvals branch, reviews on the code host, rules before and with the change,
 * and who wrote it. Joins Git, code host and signatures; what they mean is decided in src/approval.
 */
import type { Problem } from '#contract';
import { approvalFolder, type ApprovalEntry, type NoticedLeaf, type PlanNotice, type SignedEntry } from '#core/approval-entry';
import type { AuditRecord, OpenBody } from '#core/audit-record';
import type { Approval } from '#core/model';
import type { Platform, PullRequest } from '#core/platform';
import { merkleRoot } from '#core/merkle-root';
import { listContributors } from '#git/list-contributors';
import type { Repo } from '#git/open-repo';
import { git } from '#git/run-git';
import type { Authors, Withdrawal, Word } from './approval/evaluate-approvals.ts';
import { inForce, type LeafFacts, type Policy } from './approval/policy.ts';
import { proveSignature } from './approval/ssh-signature.ts';
import { approvalId, leavesOfPart, parseStatement, partOf, withdrawnOf, type ReviewStatement } from './approval/statement.ts';
import { approvalBranch } from './approval-branch.ts';
import { loadPolicy, type LoadedPolicy } from './desired/load-policy.ts';
import type { Workspace } from './workspace.ts';

export interface ApprovalPlace {
  readonly ws: Workspace;
  readonly repo: Repo;
  readonly remote: string | undefined;
  /** The remote is not asked: what this clone has seen last counts. */
  readonly offline?: boolean;
  /** Opened when there is something to ask; absent: signatures alone. */
  readonly platform: (() => Promise<Platform>) | undefined;
  /** Read beforehand, for many customers at once; absent: asked for when it is needed. */
  readonly facts?: ApprovalFacts;
}

/** What Git knows. Each member may be a process of its own. */
export interface ApprovalFacts {
  /** Of the approvals branch, oldest first. */
  entries(customer: string): Promise<readonly ApprovalEntry[]>;
  /** Throws PolicyUnreadable. */
  policyAt(commit: string, customer: string): Promise<Policy>;
  /** Of everything between the two commits that concerns the customer. */
  authorEmails(customer: string, since: string, commit: string): Promise<readonly string[]>;
  firstParent(commit: string): Promise<string | undefined>;
}

export function factsOf(place: ApprovalPlace): ApprovalFacts {
  const { repo, facts } = place;
  return facts ?? {
    entries: (customer) => readEntries(place, customer), policyAt: (commit, customer) => policyAt(repo, commit, customer),
    authorEmails: (customer, since, commit) => authorEmails(repo, customer, since, commit), firstParent: (commit) => firstParent(repo, commit),
  };
}

/** Rules of a commit cannot be read: nobody may conclude that there are none. */
export class PolicyUnreadable extends Error {
  constructor(commit: string, problem: Problem) {
    super(`the rules of approval at commit ${commit.slice(0, 12)} cannot be read: ${problem.source === undefined ? '' : `${problem.source.file}:${String(problem.source.line)}: `}${problem.message}`);
    this.name = 'PolicyUnreadable';
  }
}

export async function policyAt(repo: Repo, commit: string, customer: string): Promise<Policy> {
  return policyOf(await loadPolicy(await repo.treeSource(commit), customer), commit);
}

/** Throws PolicyUnreadable. */
export function policyOf({ soll, customer: document, problems }: LoadedPolicy, commit: string): Policy {
  const [problem] = problems;
  if (problem !== undefined) throw new PolicyUnreadable(commit, problem);
  return {
    people: soll?.people ?? {},
    ...(soll?.approval === undefined ? {} : { approval: soll.approval }), ...(document?.signOff === undefined ? {} : { signOff: document.signOff }),
  };
}

/** Oldest first. What is no entry of ours is left out: it can approve nothing. */
export async function readEntries({ ws, repo, remote, offline = false }: Omit<ApprovalPlace, 'platform'>, customer: string): Promise<readonly ApprovalEntry[]> {
  const branch = approvalBranch(ws, repo, customer, remote, offline);
  const head = await branch.head();
  if (head === undefined) return [];
  return entriesOf(await branch.files(head, approvalFolder), customer);
}

/** Oldest first, by name of file. */
export function entriesOf(files: ReadonlyMap<string, string>, customer: string): readonly ApprovalEntry[] {
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, text]) => parseEntry(text, customer));
}

function parseEntry(text: string, customer: string): readonly ApprovalEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof value !== 'object' || value === null || !('type' in value) || !('at' in value) || typeof value.at !== 'string') return [];
  if (value.type === 'plan') return isNotice(value, customer) ? [value as unknown as PlanNotice] : [];
  const signed = ['approval', 'withdrawal', 'review'].includes(String(value.type)) && 'statement' in value && typeof value.statement === 'string' && 'signature' in value && typeof value.signature === 'string';
  return signed ? [value as unknown as SignedEntry] : [];
}

function isNotice(value: object, customer: string): boolean {
  const { customer: of, commit, digest, leaves, pull } = value as Readonly<Record<string, unknown>>;
  return of === customer && typeof commit === 'string' && (pull === undefined || (typeof pull === 'number' && Number.isSafeInteger(pull)))
    && Array.isArray(leaves) && leaves.every((leaf: unknown) => isNoticedLeaf(leaf)) && merkleRoot((leaves as readonly NoticedLeaf[]).map((leaf) => leaf.digest)) === digest;
}

function isNoticedLeaf(leaf: unknown): boolean {
  const { digest, addresses, risk } = (typeof leaf === 'object' && leaf !== null ? leaf : {}) as Readonly<Record<string, unknown>>;
  return typeof digest === 'string' && Array.isArray(addresses) && addresses.every((address) => typeof address === 'string') && typeof risk === 'string';
}

export interface SignedWords {
  readonly words: readonly Word[];
  readonly withdrawals: readonly Withdrawal[];
  /** Who is said to have signed what their signature does not prove. */
  readonly unproven: readonly string[];
}

/** Signatures proven; only those that speak of one of the leaves are looked at. */
export async function signedWords(entries: readonly ApprovalEntry[], customer: string, leaves: ReadonlySet<string>): Promise<SignedWords> {
  const words: Word[] = [];
  const withdrawals: Withdrawal[] = [];
  const unproven: string[] = [];
  const digests = new Set<string>();
  const noticed = new Map(entries.flatMap((entry) => (entry.type === 'plan' ? [[entry.digest, entry.leaves.map(({ digest }) => digest)] as const] : [])));
  const signed = entries.filter((entry): entry is SignedEntry => entry.type === 'approval' || entry.type === 'withdrawal');
  for (const { statement, signature } of signed) {
    const said = parseStatement(statement);
    const part = said?.type === 'soll-approval' ? partOf(said, customer) : undefined;
    const covered = part === undefined ? undefined : leavesOfPart(part, noticed.get(part.digest));
    if (said?.type !== 'soll-approval' || part === undefined || covered?.some((leaf) => leaves.has(leaf)) !== true) continue;
    const word = await wordOf({ digest: part.digest, method: 'signature', at: said.at, expires: said.expires, commit: said.commit, statement, signature, leaves: covered }, customer);
    if (word === undefined) {
      unproven.push(said.approver);
      continue;
    }
    words.push(word);
    digests.add(part.digest);
  }
  for (const { statement, signature } of signed) {
    const said = parseStatement(statement);
    const digest = said?.type === 'soll-withdrawal' ? withdrawnOf(said, customer) : undefined;
    if (said === undefined || digest === undefined || !digests.has(digest)) continue;
    const key = await proveSignature(statement, signature);
    if (key !== undefined) withdrawals.push({ key, digest, at: said.at });
  }
  return { words, withdrawals, unproven: [...new Set(unproven)] };
}

/** What an approval says, its signature proven; `undefined` when it is none. Reviews are believed: whoever calls has asked the code host. */
export async function wordOf(evidence: Omit<Approval, 'approver'>, customer: string): Promise<Word | undefined> {
  const { statement, signature } = evidence;
  if (evidence.method === 'review') return { id: approvalId(evidence), method: 'review', account: evidence.account ?? '', decision: 'approve', at: evidence.at, digest: evidence.digest, leaves: evidence.leaves ?? [], evidence };
  if (evidence.method !== 'signature' || statement === undefined || signature === undefined) return undefined;
  const said = parseStatement(statement);
  const part = said?.type === 'soll-approval' ? partOf(said, customer) : undefined;
  const leaves = part === undefined ? undefined : leavesOfPart(part, evidence.leaves);
  if (said?.type !== 'soll-approval' || part === undefined || leaves === undefined) return undefined;
  const key = await proveSignature(statement, signature);
  if (key === undefined) return undefined;
  return {
    id: approvalId(evidence), method: 'signature', key, claims: said.approver, decision: said.decision, at: said.at, expires: said.expires, digest: part.digest, leaves, ...(said.fleet === undefined ? {} : { customers: Object.keys(said.customers) }),
    ...(said.reason === undefined ? {} : { reason: said.reason }), ...(said.emergency === undefined ? {} : { emergency: said.emergency }),
    evidence: { digest: part.digest, method: 'signature', at: said.at, expires: said.expires, commit: said.commit, statement, signature, key, leaves, ...(said.fleet === undefined ? {} : { fleet: said.fleet }) },
  };
}

export interface ReviewedPull {
  readonly pull: PullRequest;
  readonly words: readonly Word[];
}

/**
 * Reviews of the pull requests whose plan holds one of the leaves. A review approves what was shown last for exactly the commit that it looked
 * at, and only while that commit is the head of a pull request that has come into `commit`.
 */
async function reviewedPulls({ platform: open, repo }: ApprovalPlace, entries: readonly ApprovalEntry[], leaves: ReadonlySet<string>, { commit, preview }: Pick<ApprovalQuestion, 'commit' | 'preview'>): Promise<readonly ReviewedPull[]> {
  const notices = entries.filter((entry): entry is PlanNotice => entry.type === 'plan');
  const about = notices.filter((notice) => notice.leaves.some(({ digest }) => leaves.has(digest)));
  const numbers = [...new Set(about.flatMap(({ pull }) => pull ?? []))].sort((a, b) => b - a).slice(0, mostPulls);
  const found: ReviewedPull[] = [];
  if (open === undefined || numbers.length === 0) return found;
  const platform = await open();
  for (const number of numbers) {
    const pull = await platform.pullRequest(number);
    if (!(preview === true && pull.state === 'open') && !(await contains(repo, pull, commit))) continue;
    // What was said about another commit, or was dismissed, counts nothing, and whoever has said it is told so.
    const reviews = (await platform.reviews(number)).filter(({ commit: of, state }) => (of === pull.head ? state !== 'commented' : state === 'approved'));
    found.push({ pull, words: reviews.flatMap((review): readonly Word[] => {
      const notice = notices.filter((each) => each.commit === review.commit && each.pull === number && Date.parse(each.at) <= Date.parse(review.at)).sort((a, b) => Date.parse(a.at) - Date.parse(b.at)).at(-1);
      if (notice === undefined) return [];
      const covered = notice.leaves.map(({ digest }) => digest);
      const evidence = { digest: notice.digest, method: 'review', at: review.at, commit: review.commit, url: review.url, account: review.account, leaves: covered } as const;
      return [{ id: approvalId(evidence), method: 'review', account: review.account, bot: review.bot, decision: review.state === 'changes-requested' ? 'reject' : 'approve', at: review.at, ...(review.commit !== pull.head ? { lapsed: 'other-commit' as const } : review.state === 'dismissed' ? { lapsed: 'dismissed' as const } : {}), digest: notice.digest, leaves: covered, evidence }];
    }) });
  }
  return found;
}

/** More than these have not come in since the last run. */
const mostPulls = 30;

async function contains(repo: Repo, pull: PullRequest, commit: string): Promise<boolean> {
  const candidates = [pull.merge, pull.head].filter((each): each is string => each !== undefined && each !== '');
  return pull.state === 'merged' && candidates.length > 0 && (await repo.notContained(candidates, [commit])).length < candidates.length;
}

export interface ApprovalState extends SignedWords {
  /** Of the commit itself, then those before the change. */
  readonly policies: readonly Policy[];
  readonly bases: readonly string[];
  readonly since: string;
  readonly authors: Authors;
  readonly entries: readonly ApprovalEntry[];
  /** Whether anybody has to approve anything. */
  readonly required: boolean;
}

export interface ApprovalQuestion {
  readonly customer: string;
  readonly leaves: readonly Pick<LeafFacts, 'digest'>[];
  readonly commit: string;
  /** Of the customer, oldest first. */
  readonly records: readonly AuditRecord[];
  /** For a list only: reviews of what is not merged yet are seen, too. */
  readonly preview?: boolean;
}

export interface Baseline {
  /** Last commit that was applied as a whole; empty when there is none. */
  readonly since: string;
  /** Of the first run; empty before it. */
  readonly first: string;
}

/**
 * From where on a change counts as new. A run that left something out does not move it: its author would be none any more, and rules that came
 * with it would decide about the rest of it.
 */
export function baselineOf(records: readonly AuditRecord[]): Baseline {
  let since = '';
  let first = '';
  let open: (AuditRecord & OpenBody) | undefined;
  for (const record of records) {
    if (record.type === 'open') {
      open = record;
      if (first === '' && record.rotation === undefined) first = record.commit;
    }
    // Of two runs that overlap, because chains were joined, the one that began earlier moves nothing: that is the safe side.
    if (record.type !== 'close' || open?.run !== record.run) continue;
    // A renewed credential brings no commit in.
    const whole = open.rotation === undefined && (open.policy?.whole ?? open.stale.length === 0);
    if (whole && record.targets.every(({ verdict }) => verdict === 'converged' || verdict === 'unchanged' || verdict === 'pending')) since = record.commit;
  }
  return { since, first };
}

/** Commit whose rules stood before the change, where no code host tells. */
export async function baseWithoutHost({ firstParent: parentOf }: Pick<ApprovalFacts, 'firstParent'>, { since, first }: Baseline, commit: string): Promise<string | undefined> {
  if (since !== '') return since;
  return first === '' || first === commit ? parentOf(commit) : first;
}

/**
 * Rules before the change: those of the base of each pull request that brought it; without a code host those of the last commit that was applied as a whole. A branch
 * that first takes the rules away and then changes something is still held by the rules that were applied last.
 */
export async function approvalState(place: ApprovalPlace, { customer, leaves, commit, records, preview }: ApprovalQuestion): Promise<ApprovalState> {
  const { repo } = place;
  const facts = factsOf(place);
  const applied = await facts.policyAt(commit, customer);
  const digests = new Set(leaves.map(({ digest }) => digest));
  const baseline = baselineOf(records);
  const { since } = baseline;
  const fallback = await baseWithoutHost(facts, baseline, commit);
  const before = fallback === undefined ? undefined : await facts.policyAt(fallback, customer);
  if (!inForce(applied) && (before === undefined || !inForce(before))) return { policies: [applied], bases: [], authors: { emails: [], accounts: [] }, since, entries: [], words: [], withdrawals: [], unproven: [], required: false };
  const entries = await facts.entries(customer);
  const pulls = await reviewedPulls(place, entries, digests, { commit, ...(preview === undefined ? {} : { preview }) });
  const known = pulls.map(({ pull }) => pull.base);
  const outside = new Set(await repo.notContained(known, [commit]));
  const bases = [...new Set(known.filter((base) => !outside.has(base)))];
  const own = await Promise.all(bases.map((base) => facts.policyAt(base, customer)));
  const useFallback = before !== undefined && fallback !== undefined && !own.some(inForce);
  const { words, withdrawals, unproven } = await signedWords(entries, customer, digests);
  return {
    policies: [applied, ...own, ...(useFallback ? [before] : [])], bases: useFallback ? [...bases, fallback] : bases,
    authors: { emails: await facts.authorEmails(customer, since, commit), accounts: [...new Set(pulls.flatMap(({ pull }) => [pull.author, ...pull.committers]))] },
    since, entries, words: [...words, ...pulls.flatMap((each) => each.words)], withdrawals, unproven, required: true,
  };
}

async function firstParent({ root }: Repo, commit: string): Promise<string | undefined> {
  const text = await git(root, ['rev-list', '--parents', '-n', '1', commit]);
  return text.split(' ')[1];
}

/** Shared documents count only since the last run: whoever has once written soll.yaml has not written every customer. */
export async function authorEmails({ root }: Repo, customer: string, since: string, commit: string): Promise<readonly string[]> {
  const shared = ['soll.yaml', 'standards'];
  const { emails } = await listContributors(root, since, commit, [`customers/${customer}`, ...(since === '' ? [] : shared)]);
  return emails;
}

/** What was applied under which approval, from the records: an approval is used up leaf by leaf. */
export function usedApprovals(records: readonly AuditRecord[]): ReadonlySet<string> {
  const used = new Set<string>();
  const ids = new Map<string, readonly (readonly [string, readonly string[] | undefined])[]>();
  for (const record of records) {
    if (record.type === 'open') ids.set(record.run, record.approvals.filter(({ method }) => method === 'signature' || method === 'review').map((approval) => [approvalId(approval), approval.leaves] as const));
    if (record.type !== 'batch') continue;
    for (const { leaf, outcome } of record.outcomes) {
      if (outcome.status !== 'done' && outcome.status !== 'pending') continue;
      for (const [id, leaves] of ids.get(record.run) ?? []) if (leaves === undefined || leaves.includes(leaf)) used.add(`${id} ${leaf}`);
    }
  }
  return used;
}

/** Proven reviews of emergencies of this customer. */
export async function provenReviews(entries: readonly ApprovalEntry[], customer: string): Promise<readonly { readonly review: ReviewStatement; readonly key: string }[]> {
  const found = [];
  for (const entry of entries) {
    if (entry.type !== 'review') continue;
    const review = parseStatement(entry.statement);
    const key = review?.type === 'soll-review' && review.customer === customer ? await proveSignature(entry.statement, entry.signature) : undefined;
    if (review?.type === 'soll-review' && key !== undefined) found.push({ review, key });
  }
  return found;
}
