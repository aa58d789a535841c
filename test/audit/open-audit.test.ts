/** The lock and its lease on a real branch, with and without a remote: one holder at a time, and nobody's wall clock matters. */
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { isProviderError } from '#contract';
import { AuditLocked, type AuditPlace, type TakenOver } from '../../src/audit/open-audit.ts';
import { currentHolder, holderState } from '../../src/audit/holder.ts';
import { readLedgers } from '../../src/audit/read-ledgers.ts';
import { batch, branchAt, branchName, closed, completeRun, customer, fakeClock, holderAt, intent, open, vlan } from '../harness/audit-bench.ts';
import { git } from '../harness/lab-world.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';

let repo: TempRepo;
afterEach(() => repo.remove());
const origin: Partial<AuditPlace> = { remote: 'origin' };
const at = (root: string): { root: string; gitDir: string } => ({ root, gitDir: `${root}/.git` });

describe.each([{ where: 'local branch', remote: undefined }, { where: 'bare remote', remote: 'origin' }] as const)('$where', ({ remote }) => {
  it('of two that begin at once exactly one has the lock, and the loser changes nothing', async () => {
    repo = await makeRepo({ remote: remote !== undefined });
    // Without a remote the branch is the one both share; with one each has a clone of its own.
    const places = remote === undefined ? [at(repo.root), at(repo.root)] : [at(repo.root), at(await repo.clone('b'))];
    const audits = await Promise.all(places.map((place, index) => open(place, { remote, holder: holderAt(`host-${String(index)}`) })));
    const begun = await Promise.allSettled(audits.map((audit, index) => audit.begin(`run-${String(index)}`, intent('office'))));
    const lost = begun.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    expect(lost).toHaveLength(1);
    // The loser is told to whom it has lost.
    const winner = begun.findIndex(({ status }) => status === 'fulfilled');
    expect(lost[0]).toBeInstanceOf(AuditLocked);
    expect(lost[0]).toMatchObject({ holder: { run: `run-${String(winner)}`, host: `host-${String(winner)}`, operator: 'Mia' } });
    const after = await open(at(repo.root), { remote });
    expect(after.records.map(({ type, seq }) => [type, seq])).toEqual([['open', 1]]);
    await expect(after.begin('run-2', intent('office'))).rejects.toBeInstanceOf(AuditLocked);
  });

  it('whoever planned before another run was recorded cannot begin', async () => {
    repo = await makeRepo({ remote: remote !== undefined });
    const early = await open(at(repo.root), { remote });
    await completeRun(await open(at(repo.root), { remote }), 'run-1', 'office');
    await expect(early.begin('run-2', intent('guests'))).rejects.toBeInstanceOf(AuditLocked);
  });

  it('a sleeper that lost its lease to a takeover can record nothing more', async () => {
    repo = await makeRepo({ remote: remote !== undefined });
    const sleeper = await (await open(at(repo.root), { remote, holder: holderAt('there') })).begin('run-1', intent('office'));
    const other = remote === undefined ? repo.root : await repo.clone('b');
    const { lock: taken } = await (await open(at(other), { remote })).takeOver(200_000) as TakenOver;
    for (const body of [batch('office'), closed, { type: 'renew', leaseSeconds: 120 } as const]) await expect(sleeper.append(body)).rejects.toBeInstanceOf(AuditLocked);
    await taken.append(batch('office'));
    await taken.append(closed);
    const after = await open(at(repo.root), { remote });
    expect(after.records.map(({ type }) => type)).toEqual(['open', 'takeover', 'batch', 'close']);
    expect(Object.keys(after.ledger.entries)).toEqual([vlan('office')]);
  });
});

describe('lease', () => {
  it.each([
    { because: 'time is left for the write', passed: 59_000, write: 60_000, ok: true },
    { because: 'the write could end after the lease', passed: 61_000, write: 60_000, ok: false },
    { because: 'exactly at the end is too late', passed: 60_000, write: 60_000, ok: false },
    { because: 'it is over', passed: 200_000, write: 0, ok: false },
  ])('$because', async ({ passed, write, ok }) => {
    repo = await makeRepo();
    const clock = fakeClock();
    const lock = await (await open(repo, { clock })).begin('run-1', intent('office'));
    clock.passed += passed;
    let failure: unknown;
    try { lock.assertLease(write); } catch (error) { failure = error; }
    expect(failure === undefined).toBe(ok);
    if (!ok) expect(isProviderError(failure) && failure.code).toBe('conflict');
  });

  it('is renewed by every record, and by itself when less than half is left', async () => {
    repo = await makeRepo();
    const clock = fakeClock();
    const lock = await (await open(repo, { clock })).begin('run-1', intent('office'));
    clock.passed += 50_000;
    await lock.renew();
    expect((await open(repo)).records).toHaveLength(1);
    clock.passed += 20_000;
    await lock.renew();
    expect((await open(repo)).records.map(({ type }) => type)).toEqual(['open', 'renew']);
    clock.passed += 50_000;
    expect(() => { lock.assertLease(60_000); }).not.toThrow();
    await lock.append(batch('office'));
    clock.passed += 50_000;
    expect(() => { lock.assertLease(60_000); }).not.toThrow();
  });

  it.each([{ hours: 1 }, { hours: -1 }, { hours: 24 * 3650 }, { hours: -24 * 3650 }])('the wall clock jumps by $hours h and nothing changes', async ({ hours }) => {
    repo = await makeRepo();
    const clock = fakeClock();
    const lock = await (await open(repo, { clock, holder: holderAt('there') })).begin('run-1', intent('office'));
    clock.wall += hours * 3_600_000;
    expect(() => { lock.assertLease(100_000); }).not.toThrow();
    await lock.renew();
    expect((await open(repo)).records).toHaveLength(1);
    const watcher = fakeClock();
    watcher.wall += hours * 3_600_000;
    await expect((await open(repo, { clock: watcher })).takeOver(60_000)).rejects.toBeInstanceOf(AuditLocked);
    expect(watcher.slept()).toBeGreaterThanOrEqual(60_000);
    await lock.append(batch('office'));
    await lock.append(closed);
    expect((await open(repo)).unfinished).toBeUndefined();
  });
});

describe('#74 a lock that was left behind: taken over, never forced open', () => {
  it('after nothing was heard for a whole lease by our own clock, not before', async () => {
    repo = await makeRepo();
    await (await open(repo, { holder: holderAt('there'), leaseSeconds: 90 })).begin('run-1', intent('office'));
    const [impatient, patient] = [fakeClock(), fakeClock()];
    await expect((await open(repo, { clock: impatient })).takeOver(89_000)).rejects.toThrow(/taken over when nothing is heard of it for 90 s/);
    const { lock } = await (await open(repo, { clock: patient })).takeOver(200_000) as TakenOver;
    expect(patient.slept()).toBeGreaterThanOrEqual(90_000);
    expect(lock).toMatchObject({ run: 'run-1', fence: 2 });
  });

  it('never while the holder makes progress: whoever waits is told for whom, and leaves when its time is over', async () => {
    repo = await makeRepo();
    const holder = await (await open(repo, { holder: holderAt('there', { pid: 4711 }), operator: 'Ben <ben@msp.example>' })).begin('run-1', intent('office'));
    const clock = fakeClock();
    let renewed = 0;
    clock.onSleep = async () => {
      if (clock.slept() < (renewed + 1) * 30_000) return;
      renewed += 1;
      await holder.append({ type: 'renew', leaseSeconds: 120 });
    };
    const told: string[] = [];
    const failure = await (await open(repo, { clock, waiting: (why) => { told.push(why); } })).takeOver(200_000).catch((error: unknown) => error);
    expect(renewed).toBeGreaterThan(5);
    expect(told).toEqual(['run run-1 of acme is under way: Ben <ben@msp.example> on there (process 4711) since 2026-01-01 00:00:00 UTC, lease until 2026-01-01 00:02:00 UTC']);
    expect(failure).toMatchObject({ name: 'AuditLocked', holder: { run: 'run-1', operator: 'Ben <ben@msp.example>', host: 'there', pid: 4711, since: '2026-01-01T00:00:00.000Z' } });
    expect(clock.slept()).toBeGreaterThanOrEqual(200_000);
  });

  it('of the run that is open by then, with all that it has recorded: another may have begun while somebody waited', async () => {
    repo = await makeRepo();
    const first = await (await open(repo, { holder: holderAt('there') })).begin('run-1', intent('office'));
    const clock = fakeClock();
    let steps = 0;
    clock.onSleep = async () => {
      steps += 1;
      if (steps !== 1) return;
      await first.append(batch('office'));
      await first.append(closed);
      await (await (await open(repo, { holder: holderAt('there') })).begin('run-2', intent('guests'))).append(batch('guests'));
    };
    const taken = await (await open(repo, { clock })).takeOver(300_000) as TakenOver;
    expect([taken.lock.run, taken.unfinished.open.run, taken.unfinished.records.map(({ type }) => type), Object.keys(taken.audit.ledger.entries)]).toEqual(['run-2', 'run-2', ['open', 'batch'], [vlan('guests'), vlan('office')]]);
    expect(clock.slept()).toBeGreaterThanOrEqual(120_000);
  });

  it('not at all when the holder comes to its end while somebody waits: the next goes on after it', async () => {
    repo = await makeRepo({ remote: true });
    const holder = await (await open(repo, { ...origin, holder: holderAt('there') })).begin('run-1', intent('office'));
    const clock = fakeClock();
    let steps = 0;
    clock.onSleep = async () => {
      steps += 1;
      if (steps === 2) await holder.append(batch('office'));
      if (steps === 3) await holder.append(closed);
    };
    const other = at(await repo.clone('b'));
    expect(await (await open(other, { ...origin, clock })).takeOver(200_000)).toBeUndefined();
    await completeRun(await open(other, origin), 'run-2', 'guests');
    expect((await open(at(repo.root), origin)).records.map(({ type }) => type)).toEqual(['open', 'batch', 'close', 'open', 'batch', 'close']);
  });

  it('of two that take over at once exactly one does', async () => {
    repo = await makeRepo();
    await (await open(repo, { holder: holderAt('there') })).begin('run-1', intent('office'));
    const audits = await Promise.all(['x', 'y'].map((host) => open(repo, { holder: holderAt(host) })));
    const taken = await Promise.allSettled(audits.map((audit) => audit.takeOver(200_000)));
    expect(taken.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(taken.find((each): each is PromiseRejectedResult => each.status === 'rejected')?.reason).toBeInstanceOf(AuditLocked);
  });

  it('at once from a process of this machine that is gone', async () => {
    repo = await makeRepo();
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.on('close', resolve));
    await (await open(repo, { holder: { ...currentHolder(), pid: child.pid ?? 0, nonce: 'gone' } })).begin('run-1', intent('office'));
    const clock = fakeClock();
    await (await open(repo, { clock, holder: currentHolder() })).takeOver(1000);
    expect(clock.slept()).toBe(0);
  });

  const self = holderAt('here', { pid: process.pid });
  it.each([
    { because: 'this process itself', holder: self, state: 'self' },
    { because: 'another living process here', holder: { ...self, nonce: 'x', pid: process.ppid }, state: 'alive' },
    { because: 'the id was taken by this process, so the other is gone', holder: { ...self, nonce: 'x' }, state: 'dead' },
    { because: 'another machine', holder: { ...self, nonce: 'x', host: 'there' }, state: 'unknown' },
    { because: 'two CI machines may have one name: another boot is no proof of death', holder: { ...self, nonce: 'x', boot: 'other' }, state: 'unknown' },
    { because: 'another container', holder: { ...self, nonce: 'x', namespace: 'other' }, state: 'unknown' },
  ])('holder: $because', ({ holder, state }) => {
    expect(holderState(holder, self)).toBe(state);
  });
});

describe('where the truth is', () => {
  it('a remote that cannot be asked is an error, not an empty ledger', async () => {
    repo = await makeRepo({ remote: true });
    await completeRun(await open(repo, origin), 'run-1', 'office');
    await rm(repo.remote, { recursive: true });
    await expect(open(repo, origin)).rejects.toThrow(/git ls-remote/);
    await expect(readLedgers({ root: repo.root, prefix: 'audit', remote: 'origin' }, [customer])).rejects.toThrow(/git ls-remote/);
  });

  it('a ledger that cannot be read is an error for a plan as well', async () => {
    repo = await makeRepo();
    await completeRun(await open(repo), 'run-1', 'office');
    const tree = await git(repo.root, 'mktree', '--missing').catch(() => '');
    expect(tree).toMatch(/^[0-9a-f]{40}$/);
    await repo.git('update-ref', `refs/heads/${branchName}`, await repo.git('commit-tree', tree, '-m', 'empty'));
    await expect(readLedgers({ root: repo.root, prefix: 'audit', remote: undefined }, [customer])).rejects.toThrow(/no ledger.json/);
    await expect(open(repo)).rejects.toThrow(/no ledger.json/);
  });

  it('a branch that vanished from the remote is told, with how to bring it back', async () => {
    repo = await makeRepo({ remote: true });
    await completeRun(await open(repo, origin), 'run-1', 'office');
    await git(repo.remote, 'update-ref', '-d', `refs/heads/${branchName}`);
    await expect(open(repo, origin)).rejects.toThrow(/vanished from origin.*git push origin/);
  });

  it('a branch that was rolled back or rewritten is told', async () => {
    repo = await makeRepo({ remote: true });
    await completeRun(await open(repo, origin), 'run-1', 'office');
    const head = await git(repo.remote, 'rev-parse', branchName);
    await git(repo.remote, 'update-ref', `refs/heads/${branchName}`, `${head}~1`);
    await expect(open(repo, origin)).rejects.toThrow(/history was rewritten/);
    await git(repo.remote, 'update-ref', `refs/heads/${branchName}`, await git(repo.remote, 'commit-tree', `${head}^{tree}`, '-m', 'squashed'));
    await expect(branchAt(repo, 'origin').head()).rejects.toThrow(/history was rewritten/);
    await git(repo.remote, 'update-ref', `refs/heads/${branchName}`, head);
    expect((await open(repo, origin)).records).toHaveLength(3);
  });

  it('the ledger of a fresh clone is that of the remote', async () => {
    repo = await makeRepo({ remote: true });
    await completeRun(await open(repo, origin), 'run-1', 'office');
    const other = await repo.clone('b');
    expect((await open(at(other), origin)).ledger).toEqual((await open(repo, origin)).ledger);
    expect((await readLedgers({ root: other, prefix: 'audit', remote: 'origin' }, [customer, 'unknown'])).of(customer).entries).toHaveProperty([vlan('office')]);
  });
});
