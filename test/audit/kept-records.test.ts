/** The remote is away: records are kept in the clone, and brought to it later. When it went on meanwhile both chains are proven and the ledger knows both. */
import { rename } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditRecord, JoinBody } from '#core/audit-record';
import { GitError } from '#git/run-git';
import { seenHeads } from '#git/seen-heads';
import { AuditLocked, type AuditPlace } from '../../src/audit/open-audit.ts';
import { pushRecords } from '../../src/audit/push-records.ts';
import { readLedgers } from '../../src/audit/read-ledgers.ts';
import { verifyAudit } from '../../src/audit/verify-audit.ts';
import { batch, branchAt, branchName, closed, completeRun, completeRunOf, customer, fakeClock, holderAt, intent, open, placeOf, treeOf, vlan, type FakeClock } from '../harness/audit-bench.ts';
import { git } from '../harness/lab-world.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';

const origin: Partial<AuditPlace> = { remote: 'origin' };
const away: Partial<AuditPlace> = { remote: 'origin', offline: 'platform down' };
const at = (root: string): { root: string; gitDir: string } => ({ root, gitDir: `${root}/.git` });
/** Clocks that stand still would make all times equal. */
const later = (minutes: number): FakeClock => Object.assign(fakeClock(), { wall: Date.UTC(2026, 0, 1, 0, minutes) });

let repo: TempRepo;
/** A second clone, with a plain `git clone` and nothing else. */
let other: { root: string; gitDir: string };
async function begin(): Promise<void> {
  repo = await makeRepo({ remote: true });
  await completeRunOf(await open(repo, { ...origin, clock: later(0) }), 'run-1', 'a'.repeat(40), 'office');
  other = at(await repo.clone('b'));
}

const unplugged = async <T>(action: () => Promise<T>): Promise<T> => {
  await rename(repo.remote, `${repo.remote}.away`);
  try {
    return await action();
  } finally {
    await rename(`${repo.remote}.away`, repo.remote);
  }
};
/** Both go on: the clone by itself, the other at the remote. */
async function split({ kept = 10, remote = 20 } = {}): Promise<void> {
  await unplugged(async () => { await completeRunOf(await open(other, { ...away, clock: later(kept) }), 'run-kept', 'b'.repeat(40), 'guests', 'phones'); });
  await completeRunOf(await open(repo, { ...origin, clock: later(remote) }), 'run-there', 'd'.repeat(40), 'phones', 'lab');
}
const push = (place: { root: string; gitDir: string } = other, more: Partial<AuditPlace> = {}, timeoutMs = 0): ReturnType<typeof pushRecords> => pushRecords({ ...placeOf(place, { clock: later(90), operator: 'Ben', ...more }), remote: 'origin' }, timeoutMs);
/** As the remote has it. */
const there = (): { root: string; gitDir: string } => ({ root: repo.remote, gitDir: repo.remote });
const verified = (): ReturnType<typeof verifyAudit> => verifyAudit(customer, branchAt(there()));
const codes = async (): Promise<readonly string[]> => [...new Set((await verified()).problems.map(({ code }) => code))].sort();

describe('the remote is away', () => {
  beforeEach(begin);
  afterEach(() => repo.remove());

  it('without the remote the chain goes on in the clone from what it saw last, says so in the record, and nothing of it is lost', async () => {
    const seen = await git(repo.remote, 'rev-parse', branchName);
    await unplugged(async () => {
      await expect(open(other, origin)).rejects.toBeInstanceOf(GitError);
      const audit = await open(other, away);
      expect(audit.offline).toMatchObject({ remote: 'origin', seen, reason: 'platform down' });
      await completeRun(audit, 'run-2', 'guests');
      const after = await open(other, away);
      expect(after.records.map(({ seq, run }) => [seq, run])).toEqual([[1, 'run-1'], [2, 'run-1'], [3, 'run-1'], [4, 'run-2'], [5, 'run-2'], [6, 'run-2']]);
      expect(after.records[3]).toMatchObject({ type: 'open', offline: { remote: 'origin', seen, reason: 'platform down' } });
      // A plan without the remote starts from the same ledger.
      expect(Object.keys((await readLedgers({ root: other.root, prefix: 'audit', remote: 'origin', offline: true }, [customer])).of(customer).entries)).toEqual([vlan('guests'), vlan('office')]);
    });
    const ledgers = await readLedgers({ root: other.root, prefix: 'audit', remote: 'origin' }, [customer]);
    expect([ledgers.kept, Object.keys(ledgers.of(customer).entries)]).toEqual([[customer], [vlan('office')]]);
    expect(await push()).toMatchObject({ status: 'pushed', records: 3 });
    expect((await readLedgers({ root: other.root, prefix: 'audit', remote: 'origin' }, [customer])).kept).toEqual([]);
    expect(await push()).toMatchObject({ status: 'nothing' });
    expect(await verified()).toMatchObject({ records: 6, runs: 2, problems: [] });
  });

  it('of two processes of one clone only one has the lock, as ever', async () => {
    await unplugged(async () => {
      const audits = await Promise.all(['x', 'y'].map((host) => open(other, { ...away, holder: holderAt(host) })));
      const begun = await Promise.allSettled(audits.map((audit, index) => audit.begin(`run-${String(index + 2)}`, intent('guests'))));
      expect(begun.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });
  });

  it('a branch of this clone that was left behind long ago does not take the place of what was seen since', async () => {
    await git(other.root, 'branch', branchName, `origin/${branchName}~1`);
    const seen = (await seenHeads({ root: other.root, prefix: 'audit', remote: 'origin' })).get(customer);
    expect(seen).toMatchObject({ ahead: false, id: await git(repo.remote, 'rev-parse', branchName) });
    await unplugged(async () => { await completeRun(await open(other, away), 'run-2', 'guests'); });
    expect(await push()).toMatchObject({ status: 'pushed', records: 3 });
  });

  it('when the remote has gone on both chains stay, are joined and proven, and the fork is named', async () => {
    await split();
    const [kept, gone] = [await git(other.root, 'rev-parse', branchName), await git(repo.remote, 'rev-parse', branchName)];
    expect(await push()).toMatchObject({ status: 'joined', records: 3, joined: 7, both: [vlan('phones')], commits: ['b'.repeat(40)] });
    expect(await git(repo.remote, 'rev-parse', `${branchName}^1`, `${branchName}^2`)).toBe(`${gone}\n${kept}`);
    const found = await verified();
    expect(found).toMatchObject({ records: 10, runs: 3, problems: [], forks: [{ joined: 7, base: 3, last: 6, head: kept, operator: 'Ben', runs: ['run-kept'], both: [vlan('phones')] }] });
    const audit = await open(repo, origin);
    expect(audit.records.map(({ run }) => run)).toEqual([...Array.from({ length: 3 }, () => 'run-1'), ...Array.from({ length: 3 }, () => 'run-kept'), ...Array.from({ length: 3 }, () => 'run-there'), audit.records.at(-1)?.run]);
    expect(Object.keys(audit.ledger.entries)).toEqual([vlan('guests'), vlan('lab'), vlan('office'), vlan('phones')]);
    // A plan must contain both commits until one that does was applied.
    expect([audit.ledger.commit, audit.ledger.beside]).toEqual(['d'.repeat(40), ['b'.repeat(40)]]);
    await completeRunOf(await open(other, origin), 'run-3', 'e'.repeat(40), 'storage');
    expect((await open(repo, origin)).ledger).toMatchObject({ commit: 'e'.repeat(40) });
    expect((await open(repo, origin)).ledger).not.toHaveProperty('beside');
    expect(await verified()).toMatchObject({ records: 13, problems: [] });
    expect(await push()).toMatchObject({ status: 'nothing' });
  });

  it.each([
    { because: 'the one at the remote was written last', kept: 10, remote: 20, run: 'run-there' },
    { because: 'the one of the clone was written last', kept: 20, remote: 10, run: 'run-kept' },
  ])('of what both dealt with the ledger has what was written last: $because', async ({ kept, remote, run }) => {
    await split({ kept, remote });
    await push();
    expect((await open(repo, origin)).ledger.entries[vlan('phones') as never]).toMatchObject({ run });
    expect(await codes()).toEqual([]);
  });

  it('two clones that were both away are joined one after the other', async () => {
    const third = at(await repo.clone('c'));
    await split();
    await unplugged(async () => { await completeRun(await open(third, { ...away, clock: later(15) }), 'run-third', 'storage'); });
    await push();
    expect(await push(third)).toMatchObject({ status: 'joined', records: 3, joined: 8 });
    const found = await verified();
    expect([found.problems, found.forks?.map(({ base, joined }) => [base, joined]), found.records]).toEqual([[], [[3, 7], [3, 8]], 14]);
    expect((await open(repo, origin)).records.filter(({ type }) => type === 'open').map(({ run }) => run)).toEqual(['run-1', 'run-kept', 'run-third', 'run-there']);
  });

  it('a run that broke off when the remote went away, and was brought to its end in the clone, is over when it is joined', async () => {
    const lock = await (await open(other, { ...origin, holder: holderAt('here') })).begin('run-2', intent('guests'));
    // Its push arrived, its answer did not: the clone knows the remote up to the opening.
    const known = await git(other.root, 'rev-parse', `refs/soll/${branchName}`);
    await lock.append(batch('guests'));
    for (const space of ['soll', 'remotes/origin']) await git(other.root, 'update-ref', `refs/${space}/${branchName}`, known);
    await unplugged(async () => {
      const taken = await (await open(other, { ...away, holder: holderAt('here'), clock: later(10) })).takeOver(200_000);
      await taken?.lock.append(batch('guests'));
      await taken?.lock.append(closed);
    });
    expect(await push()).toMatchObject({ status: 'joined', records: 3 });
    expect(await codes()).toEqual([]);
    const after = await open(repo, origin);
    expect([after.unfinished, Object.keys(after.ledger.entries)]).toEqual([undefined, [vlan('guests'), vlan('office')]]);
  });

  describe('what is not brought to the remote', () => {
    it('while a run is under way there: its holder is named, and nothing is changed', async () => {
      await unplugged(async () => { await completeRun(await open(other, away), 'run-kept', 'guests'); });
      const lock = await (await open(repo, { ...origin, holder: holderAt('there') })).begin('run-there', intent('lab'));
      await expect(push()).rejects.toMatchObject({ name: 'AuditLocked', holder: { run: 'run-there', host: 'there', operator: 'Mia' } });
      // Whoever waits goes on as soon as it is over.
      const clock = later(90);
      clock.onSleep = async () => { if (clock.slept() < 3000) { await lock.append(batch('lab')); await lock.append(closed); } };
      expect(await push(other, { clock }, 60_000)).toMatchObject({ status: 'joined' });
      expect(await codes()).toEqual([]);
    });

    it('a run of this clone that was not brought to its end', async () => {
      await unplugged(async () => { await (await open(other, { ...away, holder: holderAt('gone') })).begin('run-kept', intent('guests')); });
      await completeRun(await open(repo, origin), 'run-there', 'lab');
      await expect(push()).rejects.toThrow(/run-kept of this clone was not brought to its end/);
    });

    it('a run that is under way here', async () => {
      await unplugged(async () => { await (await open(other, { ...away, holder: holderAt('here', { pid: process.ppid, nonce: 'x' }) })).begin('run-kept', intent('guests')); });
      await expect(push(other, { holder: holderAt('here', { pid: process.pid }) })).rejects.toBeInstanceOf(AuditLocked);
    });

    it('what cannot be proven', async () => {
      await unplugged(async () => { await completeRun(await open(other, away), 'run-kept', 'guests'); });
      await git(other.root, 'update-ref', `refs/heads/${branchName}`, await git(other.root, 'commit-tree', await treeOf({ root: other.root, gitDir: other.gitDir } as TempRepo, { 'ledger.json': '{}' }), '-p', branchName, '-m', 'x'));
      await expect(push()).rejects.toThrow(/audit verify/);
    });
  });
});

describe('a forged join', () => {
  let joined: Awaited<ReturnType<typeof join>>;
  beforeAll(async () => {
    await begin();
    joined = await join();
  }, 300_000);
  afterAll(() => repo.remove());
  const join = async (): Promise<{ readonly files: Record<string, string>; readonly record: AuditRecord & JoinBody; readonly parents: readonly [string, string] }> => {
    await split();
    await push();
    const [head, first = '', second = ''] = (await git(repo.remote, 'rev-list', '--parents', '-n', '1', branchName)).split(' ');
    const branch = branchAt(there());
    const records = [...await branch.files(head ?? '', 'records')].map(([name, text]): [string, string] => [`records/${name}`, text]);
    const files = Object.fromEntries([...records, ...await branch.files(head ?? '', '')]);
    return { files, record: JSON.parse(files['records/00000007.json'] ?? '') as AuditRecord & JoinBody, parents: [first, second] };
  };
  const forgeWith = async (files: Record<string, string>, parents: readonly string[]): Promise<void> => {
    await git(repo.remote, 'update-ref', `refs/heads/${branchName}`, await git(repo.remote, 'commit-tree', await treeOf(there() as TempRepo, files), ...parents.flatMap((parent) => ['-p', parent]), '-m', 'forged'));
  };

  it.each<{ because: string; forge: (given: Awaited<ReturnType<typeof join>>) => Promise<void>; expected: readonly string[]; stops?: boolean }>([
    { because: 'the second parent is left out', forge: ({ files, parents }) => forgeWith(files, [parents[0]]), expected: ['audit.commits', 'audit.fork', 'audit.merge'], stops: false },
    { because: 'another end is joined than the record says', forge: ({ files, parents }) => forgeWith(files, [parents[0], `${parents[1]}~1`]), expected: ['audit.commits', 'audit.fork'], stops: false },
    { because: 'the record says that fewer records are joined', forge: ({ files, record, parents }) => forgeWith({ ...files, 'records/00000007.json': JSON.stringify({ ...record, last: 5 }) }, parents), expected: ['audit.fork'] },
    { because: 'it names another hash', forge: ({ files, record, parents }) => forgeWith({ ...files, 'records/00000007.json': JSON.stringify({ ...record, hash: `sha256:${'0'.repeat(64)}` }) }, parents), expected: ['audit.fork'] },
    { because: 'the chain is said to part elsewhere', forge: ({ files, record, parents }) => forgeWith({ ...files, 'records/00000007.json': JSON.stringify({ ...record, base: 2 }) }, parents), expected: ['audit.commits', 'audit.fork'] },
    { because: 'what is joined is an option', forge: ({ files, record, parents }) => forgeWith({ ...files, 'records/00000007.json': JSON.stringify({ ...record, head: '--output=x' }) }, parents), expected: ['audit.commits', 'audit.fork', 'audit.ledger', 'audit.unreadable'] },
    { because: 'a record of the joined chain is edited', forge: async ({ files, parents: [first, second] }) => {
      const branch = branchAt(there());
      const side = Object.fromEntries([...[...await branch.files(second, 'records')].map(([name, text]): [string, string] => [`records/${name}`, name === '00000005.json' ? text.replace('"done"', '"skipped"') : text]), ...await branch.files(second, '')]);
      const edited = await git(repo.remote, 'commit-tree', await treeOf(there() as TempRepo, side), '-p', `${second}~1`, '-m', 'forged');
      await forgeWith({ ...files, 'records/00000007.json': (files['records/00000007.json'] ?? '').replace(second, edited) }, [first, edited]);
    }, expected: ['audit.chain', 'audit.ledger', 'audit.rewritten'] },
    { because: 'a record of the other chain is edited with the join', forge: ({ files, parents }) => forgeWith({ ...files, 'records/00000005.json': (files['records/00000005.json'] ?? '').replace('"done"', '"skipped"') }, parents), expected: ['audit.chain', 'audit.ledger', 'audit.rewritten'] },
  ])('$because: named', async ({ forge, expected, stops = true }) => {
    await forge(joined);
    const found = await codes();
    expect(found).toEqual(expect.arrayContaining([...expected]));
    // The records themselves are proven by their hashes, whatever commits they came with.
    if (stops) await expect(open(there())).rejects.toThrow(/audit verify/);
    else await open(there());
  });
});
