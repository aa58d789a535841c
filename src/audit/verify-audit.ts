import type { Problem } from '#contract';
import { canonicalJson, equalJson } from '#core/canonical-json';
import { merkleRoot } from '#core/merkle-root';
import { recordFile, type AuditRecord, type AuditVerification, type OpenBody } from '#core/audit-record';
import { sha256 } from '#core/sha256';
import type { AppendBranch } from '#git/append-branch';
import { GitError } from '#git/run-git';
import { chainBreak, plain } from './check-chain.ts';
import { foldRecords } from './fold-ledger.ts';
import { isOpenRotation, ledgerOf } from './open-audit.ts';
import { parseRecord } from './parse-record.ts';

/** Chain intact, every apply approved, nothing rewritten, the ledger is what the records say. */
export async function verifyAudit(customer: string, branch: AppendBranch): Promise<AuditVerification> {
  return (await verifyRecords(customer, branch)).verification;
}

/** The same, with the records that were looked at, as far as they can be read: who goes on with others has proven nothing. */
export async function verifyRecords(customer: string, branch: AppendBranch): Promise<{ readonly verification: AuditVerification; readonly records: readonly AuditRecord[] }> {
  const head = await branch.head();
  if (head === undefined) return { verification: { customer, records: 0, runs: 0, head: '', problems: [] }, records: [] };
  const found: Problem[] = [];
  const tell: Tell = (code, message) => void found.push({ code, severity: 'error', customer, message });
  const records = await readable(branch, head, tell);
  for (const { code, message } of chainBreak(customer, records)) tell(code, message);
  await checkCommits(branch, head, records, tell);
  checkRuns(records, tell);
  checkLedger(customer, branch, (await branch.files(head, '')).get('ledger.json') ?? '', records, tell);
  const last = records.at(-1);
  return { verification: { customer, records: records.length, runs: new Set(records.map(({ run }) => run)).size, head: last === undefined ? '' : sha256(canonicalJson(plain(last))), problems: found }, records };
}

function checkLedger(customer: string, branch: AppendBranch, text: string, records: readonly AuditRecord[], tell: Tell): void {
  try {
    if (!equalJson(plain(foldRecords(customer, records)), plain(ledgerOf(text, customer, branch.name)))) tell('audit.ledger', 'ledger.json is not what the records add up to');
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    tell('audit.ledger', error.message);
  }
}

type Tell = (code: string, message: string) => void;

/** In the order of their files; what is no record is told and left out. */
async function readable(branch: AppendBranch, head: string, tell: Tell): Promise<readonly AuditRecord[]> {
  const files = await branch.files(head, 'records');
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([file, text]) => {
    const record = parseRecord(text);
    if (record === undefined) tell('audit.unreadable', `records/${file} is not a record`);
    else if (recordFile(record.seq) !== `records/${file}`) tell('audit.gap', `records/${file} holds record ${String(record.seq)}`);
    return record ?? [];
  });
}

/** Each commit adds one record, keeps the ledger beside it, and touches nothing else. */
async function checkCommits(branch: AppendBranch, head: string, records: readonly AuditRecord[], tell: Tell): Promise<void> {
  const commits = await branch.commits(head);
  if (commits.length !== records.length) tell('audit.commits', `${String(commits.length)} commits for ${String(records.length)} records`);
  const stood = new Set<string>();
  for (const [index, { id, parents, changes }] of commits.entries()) {
    const short = id.slice(0, 12);
    if (parents.length !== (index === 0 ? 0 : 1)) tell('audit.merge', `commit ${short} is not a plain continuation`);
    const own = recordFile(index + 1);
    for (const path of new Set(changes.filter(({ path: each }) => stood.has(each)).map(({ path: each }) => each))) tell('audit.rewritten', `commit ${short} changes ${path}, a record that stood before`);
    const other = changes.find(({ path, status }) => !stood.has(path) && !(path === own && status === 'A') && !(path === 'ledger.json' && (status === 'A' || status === 'M')));
    if (other !== undefined || !changes.some(({ path }) => path === own)) tell('audit.commits', `commit ${short} does not add exactly record ${String(index + 1)}`);
    for (const { path } of changes) if (path.startsWith('records/')) stood.add(path);
  }
}

function checkRuns(records: readonly AuditRecord[], tell: Tell): void {
  const opens = new Map<string, AuditRecord & OpenBody>();
  // Closed with an unknown outcome: may be taken up again to look.
  const held = new Set<string>();
  let current: string | undefined;
  for (const record of records) {
    if (record.type === 'open') {
      if (current !== undefined) tell('audit.overlap', `run ${record.run} began before run ${current} was closed`);
      if (opens.has(record.run)) tell('audit.overlap', `run ${record.run} was opened twice`);
      opens.set(record.run, record);
      current = record.run;
      checkApproval(record, tell);
      continue;
    }
    if (record.type === 'takeover' && current === undefined && held.delete(record.run)) current = record.run;
    const open = opens.get(record.run);
    if (open === undefined || record.run !== current) tell('audit.orphan', `record ${String(record.seq)} belongs to no open run`);
    else if (record.type === 'batch') checkOutcomes(record, open, tell);
    if (record.type !== 'close') continue;
    if (record.targets.some(({ verdict }) => verdict === 'held' || isOpenRotation(open, verdict))) held.add(record.run);
    current = undefined;
  }
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
