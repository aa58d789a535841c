import type { Problem } from '#contract';
import { canonicalJson } from '#core/canonical-json';
import { merkleRoot } from '#core/merkle-root';
import { recordFile, type AuditRecord, type AuditVerification, type OpenBody } from '#core/audit-record';
import { sha256 } from '#core/sha256';
import type { AppendBranch } from '#git/append-branch';
import { foldRecords } from './fold-ledger.ts';
import { readRecords, toJson } from './open-audit.ts';

/** Chain intact, every apply approved, nothing rewritten, the ledger is what the records say. */
export async function verifyAudit(customer: string, branch: AppendBranch): Promise<AuditVerification> {
  const head = await branch.head();
  if (head === undefined) return { customer, records: 0, runs: 0, head: '', problems: [] };
  const records = await readRecords(branch, head);
  const found: Problem[] = [];
  const problem = (code: string, message: string): void => void found.push({ code, severity: 'error', customer, message });
  checkChain(customer, records, problem);
  await checkCommits(branch, head, records, problem);
  checkRuns(records, problem);
  const ledger: unknown = JSON.parse((await branch.files(head, '')).get('ledger.json') ?? 'null');
  if (canonicalJson(JSON.parse(JSON.stringify(foldRecords(customer, records))) as never) !== canonicalJson(ledger as never)) problem('audit.ledger', 'ledger.json is not what the records add up to');
  const last = records.at(-1);
  return { customer, records: records.length, runs: new Set(records.map(({ run }) => run)).size, head: last === undefined ? '' : sha256(canonicalJson(toJson(last))), problems: found };
}

type Tell = (code: string, message: string) => void;

function checkChain(customer: string, records: readonly AuditRecord[], tell: Tell): void {
  records.forEach((record, index) => {
    const before = records[index - 1];
    const expected = before === undefined ? '' : sha256(canonicalJson(toJson(before)));
    if (record.seq !== index + 1) tell('audit.gap', `record ${String(index + 1)} is missing (found ${String(record.seq)})`);
    if (record.previous !== expected) tell('audit.chain', `record ${String(record.seq)} does not continue the one before: one of the two was edited`);
    if (record.customer !== customer) tell('audit.customer', `record ${String(record.seq)} belongs to ${record.customer}`);
  });
}

/** Each commit adds one record and touches no older one. */
async function checkCommits(branch: AppendBranch, head: string, records: readonly AuditRecord[], tell: Tell): Promise<void> {
  const commits = await branch.commits(head);
  if (commits.length !== records.length) tell('audit.commits', `${String(commits.length)} commits for ${String(records.length)} records`);
  let before = new Map<string, string>();
  for (const [index, { id, parents }] of commits.entries()) {
    if (parents.length !== (index === 0 ? 0 : 1)) tell('audit.merge', `commit ${id.slice(0, 12)} is not a plain continuation`);
    const files = new Map(await branch.files(id, 'records'));
    const own = recordFile(index + 1).replace('records/', '');
    for (const [name, text] of before) if (files.get(name) !== text) tell('audit.rewritten', `commit ${id.slice(0, 12)} changes ${name}, a record that stood before`);
    if (!files.has(own) || files.size !== before.size + 1) tell('audit.commits', `commit ${id.slice(0, 12)} does not add exactly record ${String(index + 1)}`);
    before = files;
  }
}

function checkRuns(records: readonly AuditRecord[], tell: Tell): void {
  const opens = new Map<string, AuditRecord & OpenBody>();
  let current: string | undefined;
  for (const record of records) {
    if (record.type === 'open') {
      if (current !== undefined) tell('audit.overlap', `run ${record.run} began before run ${current} was closed`);
      opens.set(record.run, record);
      current = record.run;
      checkApproval(record, tell);
      continue;
    }
    const open = opens.get(record.run);
    if (open === undefined || record.run !== current) tell('audit.orphan', `record ${String(record.seq)} belongs to no open run`);
    else if (record.type === 'batch') checkOutcomes(record, open, tell);
    if (record.type === 'close') current = undefined;
  }
}

function checkApproval(open: AuditRecord & OpenBody, tell: Tell): void {
  const root = merkleRoot(open.leaves);
  if (!open.approvals.some(({ digest }) => digest === root)) tell('audit.approval', `run ${open.run} has no approval that covers its leaves`);
  const approved = new Set(open.leaves);
  for (const { address, leaf } of open.targets.flatMap(({ changes }) => changes)) if (!approved.has(leaf)) tell('audit.approval', `run ${open.run}: ${address} was not part of what was approved`);
}

function checkOutcomes(record: AuditRecord & { readonly type: 'batch' }, open: AuditRecord & OpenBody, tell: Tell): void {
  const intended = new Map(open.targets.flatMap(({ changes }) => changes).map((change) => [change.address, change]));
  for (const { address, leaf, verb } of record.outcomes) {
    const intent = intended.get(address);
    if (intent?.leaf !== leaf || intent.verb !== verb) tell('audit.intent', `record ${String(record.seq)}: ${verb} ${address} was never intended by run ${record.run}`);
  }
}
