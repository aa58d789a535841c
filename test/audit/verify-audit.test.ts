/** Whatever somebody does to an audit branch, `audit verify` says which; and `apply` acts upon no ledger that the records do not add up to. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordFile, type AuditRecord } from '#core/audit-record';
import { canonicalJson } from '#core/canonical-json';
import { sha256 } from '#core/sha256';
import { GitError } from '#git/run-git';
import { plain } from '../../src/audit/check-chain.ts';
import { verifyAudit } from '../../src/audit/verify-audit.ts';
import { batch, branchAt, closed, completeRun, consistent, customer, forge, history, intent, open, recordsOf, treeOf, vlan, type Files } from '../harness/audit-bench.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';

let repo: TempRepo;
beforeEach(async () => {
  repo = await makeRepo();
  await completeRun(await open(repo), 'run-1', 'office');
  await completeRun(await open(repo), 'run-2', 'guests', 'phones');
});
afterEach(() => repo.remove());

const codes = async (): Promise<readonly string[]> => [...new Set((await verifyAudit(customer, branchAt(repo))).problems.map(({ code }) => code))].sort();
const edited = (text: string | undefined, from: string, to: string): string => {
  if (text?.includes(from) !== true) throw new Error(`nothing to edit: ${from}`);
  return text.replace(from, to);
};
const last = (commits: readonly Files[]): Files => commits.at(-1) ?? {};
/** The clean history's records with some change, chained and folded anew. */
const remade = async (change: (records: AuditRecord[]) => AuditRecord[]): Promise<void> => { await forge(repo, consistent(change(recordsOf(last(await history(repo)))))); };
const openOf = (records: readonly AuditRecord[], index: number): AuditRecord & { type: 'open' } => {
  const record = records[index];
  if (record?.type !== 'open') throw new Error('not an open record');
  return record;
};

it('a clean history has no problems, counts its records, and its head is the last one\'s hash', async () => {
  const verified = await verifyAudit(customer, branchAt(repo));
  expect(verified).toMatchObject({ customer, records: 6, runs: 2, problems: [] });
  expect(verified.head).toMatch(/^sha256:[0-9a-f]{64}$/);
  const lock = await completeRun(await open(repo), 'run-3', 'lab');
  expect(lock.fence).toBe(7);
  expect((await verifyAudit(customer, branchAt(repo))).head).not.toBe(verified.head);
});

it('no branch is no history', async () => {
  await repo.git('update-ref', '-d', 'refs/heads/audit/acme');
  expect(await verifyAudit(customer, branchAt(repo))).toEqual({ customer, records: 0, runs: 0, head: '', problems: [] });
});

it('a run that was held, looked at again and closed once more is clean', async () => {
  const audit = await open(repo);
  const lock = await audit.begin('run-3', intent('office'));
  await lock.append({ type: 'batch', target: 'store', batch: 'store/build', outcomes: [{ address: vlan('office') as never, leaf: openOf(audit.records, 0).leaves[0] ?? '', verb: 'create', outcome: { status: 'unknown', why: 'x' } }] });
  await lock.append({ type: 'close', commit: '', targets: [{ target: 'store', verdict: 'held', why: 'x' }], protected: [] });
  const held = await open(repo);
  expect(held.held.map(({ open: { run } }) => run)).toEqual(['run-3']);
  const again = await held.reopen('run-3');
  await again.append(batch('office'));
  await again.append(closed);
  expect(await codes()).toEqual([]);
  expect((await open(repo)).held).toEqual([]);
});

describe('a clumsy forger', () => {
  it.each<{ because: string; forgery: (commits: Files[]) => Promise<unknown>; expected: readonly string[]; stops: boolean }>([
    { because: 'a record is edited in the last commit', forgery: (all) => forge(repo, [...all.slice(0, -1), { ...last(all), [recordFile(2)]: edited(last(all)[recordFile(2)], '"done"', '"skipped"') }]), expected: ['audit.chain', 'audit.ledger', 'audit.rewritten'], stops: true },
    { because: 'a record is edited from its beginning on', forgery: (all) => forge(repo, all.map((files, index) => (index < 1 ? files : { ...files, [recordFile(2)]: edited(files[recordFile(2)], 'store/build', 'store/other') }))), expected: ['audit.chain'], stops: true },
    { because: 'a record is removed', forgery: (all) => forge(repo, [...all, Object.fromEntries(Object.entries(last(all)).filter(([path]) => path !== recordFile(4)))]), expected: ['audit.chain', 'audit.commits', 'audit.gap', 'audit.ledger', 'audit.orphan', 'audit.rewritten'], stops: true },
    { because: 'two records change places', forgery: (all) => forge(repo, [...all.slice(0, -1), { ...last(all), [recordFile(2)]: last(all)[recordFile(3)] ?? '', [recordFile(3)]: last(all)[recordFile(2)] ?? '' }]), expected: ['audit.chain', 'audit.gap', 'audit.orphan', 'audit.rewritten'], stops: true },
    { because: 'a record stands under another number', forgery: (all) => forge(repo, [...all, { ...last(all), [recordFile(9)]: last(all)[recordFile(6)] ?? '' }]), expected: ['audit.chain', 'audit.commits', 'audit.gap', 'audit.orphan'], stops: true },
    { because: 'a record of another customer is put in', forgery: (all) => forge(repo, [...all, { ...last(all), [recordFile(7)]: edited(last(all)[recordFile(1)], '"acme"', '"other"') }]), expected: ['audit.chain', 'audit.customer', 'audit.gap', 'audit.overlap'], stops: true },
    { because: 'something that is no record', forgery: (all) => forge(repo, [...all, { ...last(all), 'records/00000007.json': '{"hello":1' }]), expected: ['audit.commits', 'audit.unreadable'], stops: true },
    { because: 'a record whose lists are none', forgery: (all) => forge(repo, [...all, { ...last(all), 'records/00000007.json': '{"type":"open","seq":7,"run":"x","previous":"","customer":"acme","targets":null}' }]), expected: ['audit.commits', 'audit.unreadable'], stops: true },
    ...['targets', 'approvals', 'stale', 'holder', 'leaves of an approval'].map((list) => ({
      because: `a chained record whose ${list} are of a wrong form`,
      forgery: (all: Files[]) => { const records = recordsOf(last(all)); return forge(repo, [...all, { ...last(all), [recordFile(7)]: JSON.stringify({ ...openOf(records, 0), seq: 7, run: 'run-3', previous: sha256(canonicalJson(plain(records.at(-1) ?? {}))), ...(list === 'leaves of an approval' ? { approvals: openOf(records, 0).approvals.map((approval) => ({ ...approval, leaves: 5 })) } : { [list]: list === 'holder' ? [] : [{}] }) }) }]); },
      expected: ['audit.commits', 'audit.unreadable'], stops: true,
    })),
    { because: 'only the ledger is edited, as a fast-forward', forgery: async (all) => forge(repo, [{ ...last(all), 'ledger.json': edited(last(all)['ledger.json'], '"id": 10', '"id": 11') }], [await repo.git('rev-parse', 'audit/acme')]), expected: ['audit.commits', 'audit.ledger'], stops: true },
    { because: 'an entry is taken out of the ledger', forgery: (all) => forge(repo, [...all.slice(0, -1), { ...last(all), 'ledger.json': JSON.stringify({ ...JSON.parse(last(all)['ledger.json'] ?? '') as object, entries: {} }) }]), expected: ['audit.ledger'], stops: true },
    { because: 'a protection is taken out of the ledger', forgery: (all) => forge(repo, [...all.slice(0, -1), { ...last(all), 'ledger.json': JSON.stringify({ ...JSON.parse(last(all)['ledger.json'] ?? '') as object, protected: ['x/y/z'] }) }]), expected: ['audit.ledger'], stops: true },
    { because: 'the ledger is no JSON', forgery: (all) => forge(repo, [...all.slice(0, -1), { ...last(all), 'ledger.json': 'nothing' }]), expected: ['audit.ledger'], stops: true },
    { because: 'the ledger is gone', forgery: (all) => forge(repo, [...all.slice(0, -1), Object.fromEntries(Object.entries(last(all)).filter(([path]) => path !== 'ledger.json'))]), expected: ['audit.commits', 'audit.ledger'], stops: true },
    { because: 'a file that does not belong here', forgery: (all) => forge(repo, [...all.slice(0, -1), { ...last(all), 'notes.txt': 'x' }]), expected: ['audit.commits'], stops: false },
    { because: 'a commit without a record', forgery: async (all) => forge(repo, [last(all)], [await repo.git('rev-parse', 'audit/acme')]), expected: ['audit.commits'], stops: false },
    { because: 'two records in one commit', forgery: (all) => forge(repo, [...all.slice(0, 3), ...all.slice(4)]), expected: ['audit.commits'], stops: false },
    { because: 'a record is taken out and put back', forgery: (all) => forge(repo, [...all, Object.fromEntries(Object.entries(last(all)).filter(([path]) => path !== recordFile(2))), last(all)]), expected: ['audit.commits', 'audit.rewritten'], stops: false },
  ])('$because', async ({ forgery, expected, stops }) => {
    await forgery(await history(repo));
    expect(await codes()).toEqual(expected);
    if (stops) await expect(open(repo)).rejects.toThrow(/audit verify/);
    else await open(repo);
  });

  it('a merge', async () => {
    const all = await history(repo);
    const [main, side] = [await repo.git('rev-parse', 'audit/acme'), await repo.git('rev-parse', 'audit/acme~2')];
    const merged = await repo.git('commit-tree', await treeOf(repo, last(all)), '-p', main, '-p', side, '-m', 'merge');
    await repo.git('update-ref', 'refs/heads/audit/acme', merged);
    expect(await codes()).toContain('audit.merge');
  });

  it('an empty commit under the first record', async () => {
    const all = await history(repo);
    const root = await repo.git('commit-tree', await treeOf(repo, {}), '-m', 'empty');
    await forge(repo, all, [root]);
    expect(await codes()).toContain('audit.commits');
  });
});

describe('a forger who recomputes the chain and the ledger', () => {
  it.each<{ because: string; change: (records: AuditRecord[]) => AuditRecord[]; expected: readonly string[] }>([
    { because: 'an approval is left out', change: (all) => all.map((record) => (record.type === 'open' ? { ...record, approvals: [] } : record)), expected: ['audit.approval'] },
    { because: 'the approval is of something else', change: (all) => all.map((record) => (record.type === 'open' ? { ...record, leaves: [...record.leaves, `sha256:${'0'.repeat(64)}`] } : record)), expected: ['audit.approval'] },
    { because: 'a change was never part of what was approved', change: (all) => all.map((record, index) => (record.type === 'open' && index === 0 ? { ...record, targets: record.targets.map((target) => ({ ...target, changes: target.changes.map((change) => ({ ...change, leaf: `sha256:${'1'.repeat(64)}` })) })) } : record)), expected: ['audit.approval', 'audit.intent'] },
    { because: 'an outcome was never intended', change: (all) => all.map((record, index) => (index === 1 ? { ...record, ...batch('phones') } : record)), expected: ['audit.intent'] },
    { because: 'an outcome with another verb', change: (all) => all.map((record, index) => (record.type === 'batch' && index === 1 ? { ...record, outcomes: record.outcomes.map((each) => ({ ...each, verb: 'delete' })) } : record)), expected: ['audit.intent'] },
    { because: 'a run begins while another is open', change: (all) => all.filter((_, index) => index !== 2), expected: ['audit.overlap'] },
    { because: 'a run is opened twice', change: (all) => [...all, ...all.slice(0, 3)], expected: ['audit.overlap'] },
    { because: 'an outcome after the run was closed', change: (all) => [...all, all[4] as AuditRecord], expected: ['audit.orphan'] },
    { because: 'an outcome of a run that never was', change: (all) => [...all, { ...(all[4] as AuditRecord), run: 'run-9' }], expected: ['audit.orphan'] },
    { because: 'a closed run that left nothing open is taken over', change: (all) => [...all, { ...(openOf(all, 3)), type: 'takeover', why: 'x' }], expected: ['audit.orphan'] },
  ])('$because', async ({ change, expected }) => {
    await remade(change);
    expect(await codes()).toEqual(expected);
  });

  it('is caught by the hash that was noted down elsewhere, and by every clone that knew the branch', async () => {
    const { head } = await verifyAudit(customer, branchAt(repo));
    await remade((all) => all.map((record) => (record.type === 'open' ? { ...record, author: 'Somebody <else@example>' } : record)));
    const after = await verifyAudit(customer, branchAt(repo));
    expect(after.problems).toEqual([]);
    expect(after.head).not.toBe(head);
  });
});

it('what cannot be proven is a failure of the record, not an empty ledger', async () => {
  const all = await history(repo);
  await forge(repo, [...all.slice(0, -1), { ...last(all), 'ledger.json': '{}' }]);
  await expect(open(repo)).rejects.toBeInstanceOf(GitError);
});
