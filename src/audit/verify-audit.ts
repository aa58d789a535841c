import type { Problem } from '#contract';
import { equalJson } from '#core/canonical-json';
import { merkleRoot } from '#core/merkle-root';
import { recordFile, type AuditRecord, type AuditVerification, type Chain, type Fork, type JoinBody, type OpenBody } from '#core/audit-record';
import type { AppendBranch, BranchCommit } from '#git/append-branch';
import { GitError } from '#git/run-git';
import { inOrder, plainChain, sideOf } from './chain.ts';
import { chainBreaks, hashOf, plain } from './check-chain.ts';
import { foldChain } from './fold-ledger.ts';
import { isOpenRotation, ledgerOf } from './open-audit.ts';
import { readChain } from './read-chain.ts';

/** Chain intact, every apply approved, nothing rewritten, the ledger is what the records say. */
export async function verifyAudit(customer: string, branch: AppendBranch): Promise<AuditVerification> {
  return (await verifyRecords(customer, branch)).verification;
}

export interface VerifiedRecords {
  readonly verification: AuditVerification;
  /** The records that were looked at, as far as they can be read: who goes on with others has proven nothing. */
  readonly chain: Chain;
}

export async function verifyRecords(customer: string, branch: AppendBranch): Promise<VerifiedRecords> {
  const head = await branch.head();
  if (head === undefined) return { verification: { customer, records: 0, runs: 0, head: '', problems: [] }, chain: plainChain([]) };
  const found: Problem[] = [];
  const tell: Tell = (code, message) => void found.push({ code, severity: 'error', customer, message });
  const { chain, damage } = await readChain(branch, head);
  for (const { code, message } of [...damage, ...chainBreaks(customer, chain)]) tell(code, message);
  await checkCommits(branch, head, chain, tell);
  checkRuns(chain, tell);
  checkLedger(customer, branch, (await branch.files(head, '')).get('ledger.json') ?? '', chain, tell);
  const all = inOrder(chain);
  const forks = forksOf(chain);
  return {
    verification: {
      customer, records: all.length, runs: new Set(all.flatMap(({ type, run }) => (type === 'join' ? [] : [run]))).size, head: hashOf(chain.records.at(-1)),
      ...(forks.length === 0 ? {} : { forks }), problems: found,
    },
    chain,
  };
}

function forksOf({ records, sides }: Chain): readonly Fork[] {
  return records.flatMap((record): readonly Fork[] => {
    if (record.type !== 'join') return [];
    const { seq, at, operator, base, last, head, both } = record;
    return [{ joined: seq, at, operator, base, last, head, runs: [...new Set((sides.get(seq) ?? []).map(({ run }) => run))], both }];
  });
}

function checkLedger(customer: string, branch: AppendBranch, text: string, chain: Chain, tell: Tell): void {
  try {
    if (!equalJson(plain(foldChain(customer, chain)), plain(ledgerOf(text, customer, branch.name)))) tell('audit.ledger', 'ledger.json is not what the records add up to');
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    tell('audit.ledger', error.message);
  }
}

type Tell = (code: string, message: string) => void;

/** Each commit adds one record, keeps the ledger beside it, and touches nothing else; a join has the other chain's end as second parent. */
async function checkCommits(branch: AppendBranch, head: string, { records, sides }: Chain, tell: Tell): Promise<void> {
  const commits = new Map((await branch.commits(head)).map((commit) => [commit.id, commit]));
  const main = lineOf(commits, head);
  const joins = new Map(records.flatMap((record) => (record.type === 'join' ? [[record.seq, record] as const] : [])));
  const count = records.length + [...sides.values()].reduce((sum, side) => sum + side.length, 0);
  if (commits.size !== count) tell('audit.commits', `${String(commits.size)} commits for ${String(count)} records`);
  checkLine(main, 0, new Set(), joins, tell);
  for (const [seq, join] of joins) checkSide(commits, main, seq, join, tell);
}

/** From the first commit to this one, by first parents. */
function lineOf(commits: ReadonlyMap<string, BranchCommit>, head: string, until?: string): readonly BranchCommit[] {
  const line: BranchCommit[] = [];
  for (let commit = commits.get(head); commit !== undefined && commit.id !== until; commit = commits.get(commit.parents[0] ?? '')) line.push(commit);
  return line.reverse();
}

function checkSide(commits: ReadonlyMap<string, BranchCommit>, main: readonly BranchCommit[], seq: number, { base, head }: JoinBody, tell: Tell): void {
  const parting = main[base - 1]?.id;
  if (main[seq - 1]?.parents[1] !== head) tell('audit.fork', `record ${String(seq)} says that it joins ${head.slice(0, 12)}, and its commit does not`);
  const line = lineOf(commits, head, parting);
  // Without records in common both begin for themselves.
  if ((line[0]?.parents[0] ?? '') !== (parting ?? '')) tell('audit.fork', `what record ${String(seq)} joins does not part from this chain at record ${String(base)}`);
  checkLine(line, base, new Set(main.slice(0, base).map((_, index) => recordFile(index + 1))), new Map(), tell);
}

function checkLine(line: readonly BranchCommit[], from: number, before: ReadonlySet<string>, joins: ReadonlyMap<number, JoinBody>, tell: Tell): void {
  const stood = new Set(before);
  for (const [index, { id, parents, changes }] of line.entries()) {
    const seq = from + index + 1;
    const short = id.slice(0, 12);
    if (parents.length !== (seq === 1 ? 0 : 1) + (joins.has(seq) ? 1 : 0)) tell('audit.merge', `commit ${short} is not a plain continuation`);
    const own = recordFile(seq);
    for (const path of new Set(changes.filter(({ path: each }) => stood.has(each)).map(({ path: each }) => each))) tell('audit.rewritten', `commit ${short} changes ${path}, a record that stood before`);
    const other = changes.find(({ path, status }) => !stood.has(path) && !(path === own && status === 'A') && !(path === 'ledger.json' && (status === 'A' || status === 'M')));
    if (other !== undefined || !changes.some(({ path }) => path === own)) tell('audit.commits', `commit ${short} does not add exactly record ${String(seq)}`);
    for (const { path } of changes) if (path.startsWith('records/')) stood.add(path);
  }
}

/** Where a chain stands between two records. */
interface Standing {
  readonly opens: Map<string, AuditRecord & OpenBody>;
  /** Closed with an unknown outcome: may be taken up again to look. */
  readonly held: Set<string>;
  current: string | undefined;
}

/** Of what comes after `from`; those before have been looked at. */
function checkRuns(chain: Chain, tell: Tell, from = 0): Standing {
  const standing: Standing = { opens: new Map(), held: new Set(), current: undefined };
  for (const [index, record] of chain.records.entries()) {
    const say = index < from ? () => undefined : tell;
    if (record.type === 'join') joinRuns(standing, record, chain, say);
    else checkRecord(standing, record, say);
  }
  return standing;
}

/** The other chain goes on from where both parted, and what it left open or held counts from here on. */
function joinRuns(standing: Standing, join: AuditRecord & JoinBody, chain: Chain, tell: Tell): void {
  const own = chain.sides.get(join.seq) ?? [];
  for (const { type, run } of own) if (type === 'open' && standing.opens.has(run)) tell('audit.overlap', `run ${run} was opened twice`);
  const side = checkRuns(sideOf(chain, join.seq, join.base), tell, join.base);
  const closed = new Set(own.flatMap(({ type, run }) => (type === 'close' ? [run] : [])));
  if (side.current !== undefined) tell('audit.overlap', `record ${String(join.seq)} joins run ${side.current}, which was not closed`);
  // A run that broke off on one chain may have been brought to its end on the other.
  if (standing.current !== undefined && !closed.has(standing.current)) tell('audit.overlap', `record ${String(join.seq)} joins records while run ${standing.current} was not closed`);
  standing.current = undefined;
  for (const [run, open] of side.opens) standing.opens.set(run, open);
  for (const run of side.held) if (closed.has(run)) standing.held.add(run);
}

function checkRecord(standing: Standing, record: AuditRecord, tell: Tell): void {
  const { opens, held } = standing;
  if (record.type === 'open') {
    if (standing.current !== undefined) tell('audit.overlap', `run ${record.run} began before run ${standing.current} was closed`);
    if (opens.has(record.run)) tell('audit.overlap', `run ${record.run} was opened twice`);
    opens.set(record.run, record);
    standing.current = record.run;
    checkApproval(record, tell);
    return;
  }
  if (record.type === 'takeover' && standing.current === undefined && held.delete(record.run)) standing.current = record.run;
  const open = opens.get(record.run);
  if (open === undefined || record.run !== standing.current) tell('audit.orphan', `record ${String(record.seq)} belongs to no open run`);
  else if (record.type === 'batch') checkOutcomes(record, open, tell);
  if (record.type !== 'close') return;
  if (record.targets.some(({ verdict }) => verdict === 'held' || isOpenRotation(open, verdict))) held.add(record.run);
  standing.current = undefined;
}

function checkApproval(open: AuditRecord & OpenBody, tell: Tell): void {
  // By rules: several people, each for the plan that was shown to them; all of what they covered is there.
  const parts = open.approvals.filter(({ leaves }) => leaves !== undefined);
  const whole = parts.length > 0 ? parts.every(({ digest, leaves }) => merkleRoot(leaves ?? []) === digest) : open.approvals.some(({ digest }) => digest === merkleRoot(open.leaves));
  if (!whole) tell('audit.approval', `run ${open.run} has no approval that covers its leaves`);
  const approved = new Set(parts.length > 0 ? parts.flatMap(({ leaves }) => leaves ?? []) : open.leaves);
  for (const { address, leaf } of open.targets.flatMap(({ changes }) => changes)) if (!approved.has(leaf)) tell('audit.approval', `run ${open.run}: ${address} was not part of what was approved`);
}

function checkOutcomes(record: AuditRecord & { readonly type: 'batch' }, open: AuditRecord & OpenBody, tell: Tell): void {
  const intended = new Map(open.targets.flatMap(({ changes }) => changes).map((change) => [change.address, change]));
  for (const { address, leaf, verb } of record.outcomes) {
    const intent = intended.get(address);
    if (intent?.leaf !== leaf || intent.verb !== verb) tell('audit.intent', `record ${String(record.seq)}: ${verb} ${address} was never intended by run ${record.run}`);
  }
}
