/** Which customers get a job: never more jobs than a matrix takes, nobody twice, the same neighbours every time, and nobody left out who has something to do. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#transport/system-clock';
import type { PlanNotice, SignedEntry } from '#core/approval-entry';
import { openRepo } from '#git/open-repo';
import { appendEntry, approvalBranch } from '../../src/approval-branch.ts';
import { shardsOf } from '../../src/rollout/shards-of.ts';
import { shards } from '../../src/shards.ts';
import type { Workspace } from '../../src/workspace.ts';
import { forge, intent, placeOf } from '../harness/audit-bench.ts';
import { openAudit } from '../../src/audit/open-audit.ts';
import { networkOf, storesOf } from '../harness/stores.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';

describe('a matrix', () => {
  const fleet = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,6}$/), { maxLength: 60 });
  it('holds each selected customer once, at most as many jobs as asked for, and names each job once', () => {
    fc.assert(fc.property(fleet, fc.nat({ max: 99 }), fc.integer({ min: 1, max: 12 }), (names, seed, max) => {
      const selected = names.filter((_, index) => (index * 7 + seed) % 3 !== 0);
      const found = shardsOf(names, new Set(selected), max);
      expect(found.length).toBeLessThanOrEqual(max);
      expect(found.flatMap(({ customers }) => customers)).toEqual([...selected].sort());
      expect(new Set(found.map(({ shard }) => shard)).size).toBe(found.length);
      expect(found.every(({ customers }) => customers.length > 0)).toBe(true);
    }));
  });
  it('puts a customer into the same job whoever else is selected, so that two runs cannot hold it at once', () => {
    fc.assert(fc.property(fleet, fc.integer({ min: 1, max: 12 }), (names, max) => {
      const where = (found: ReturnType<typeof shardsOf>): ReadonlyMap<string, string> => new Map(found.flatMap(({ shard, customers }) => customers.map((name) => [name, shard])));
      const all = where(shardsOf(names, new Set(names), max));
      for (const name of names) expect(where(shardsOf(names, new Set([name]), max)).get(name)).toBe(all.get(name));
    }));
  });
  it('is even: with 1,000 customers no job has more than four', () => {
    const names = Array.from({ length: 1000 }, (_, index) => `c${String(index).padStart(4, '0')}`);
    const found = shardsOf(names, new Set(names), 256);
    expect([found.length, Math.max(...found.map(({ customers }) => customers.length)), found[0]?.shard]).toEqual([256, 4, 'part-001-of-256']);
  });
});

describe('of a repository', () => {
  let repo: TempRepo;
  let ws: Workspace;
  const options = { customers: [], pending: false, rings: false, max: 256 };
  const selected = async (more: Partial<Parameters<typeof shards>[1]> = {}): Promise<readonly string[]> => {
    const { shards: found, problems } = await shards(ws, { ...options, ...more });
    return [...found.map(({ shard, customers }) => (customers.length === 1 ? shard : `${shard}: ${customers.join(' ')}`)), ...problems.map(({ code }) => code)];
  };

  beforeEach(async () => {
    repo = await makeRepo();
    await repo.write(storesOf('acme', 'beta', 'gamma'));
    await repo.commit('first');
    ws = {
      root: repo.root, lab: false, env: {}, clock: systemClock, signal: new AbortController().signal, progress: () => undefined,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined }, redactor: { add: () => undefined, redact: (text) => text },
    };
  });
  afterEach(() => repo.remove());

  it('all, those named, those that a diff affects; an unknown name is told and there is no job, a folder that is no customer is told and left out', async () => {
    expect(await selected()).toEqual(['acme', 'beta', 'gamma']);
    expect(await selected({ customers: ['gamma'] })).toEqual(['gamma']);
    await repo.write({ 'customers/beta/network.yaml': networkOf(10) });
    await repo.commit('beta');
    expect(await selected({ changedSince: 'HEAD~1' })).toEqual(['beta']);
    expect(await selected({ changedSince: 'HEAD~1', customers: ['acme'] })).toEqual([]);
    expect(await selected({ customers: ['acne'] })).toEqual(['customer.unknown']);
    await repo.write({ 'customers/x; rm -rf $HOME/customer.yaml': 'name: x\n' });
    await repo.commit('hostile');
    expect(await selected()).toEqual(['acme', 'beta', 'gamma', 'customer.name']);
  });

  it('where there are rings one job sees them all, and only where that is asked for', async () => {
    await repo.write({ 'soll.yaml': 'version: 1\nrollout:\n  canary: [acme]\n' });
    await repo.commit('rings');
    expect(await selected({ rings: true })).toEqual(['rings: acme beta gamma']);
    expect(await selected({ rings: true, customers: ['beta'] })).toEqual(['beta']);
    expect(await selected()).toEqual(['acme', 'beta', 'gamma']);
  });

  it('with something to do: never applied, open, changed since, partly applied, approved since; not who is done', async () => {
    const pending = (): Promise<readonly string[]> => selected({ pending: true, customers: ['acme'] });
    const run = async (whole: boolean): Promise<Awaited<ReturnType<Awaited<ReturnType<typeof openAudit>>['begin']>>> => {
      const audit = await openAudit(placeOf(repo, { clock: systemClock }));
      return audit.begin(`run-${String(audit.records.length)}`, { ...intent(), commit: await repo.git('rev-parse', 'HEAD'), policy: { bases: [], since: '', whole, accounts: [] } });
    };
    const close = async (lock: Awaited<ReturnType<typeof run>>): Promise<void> => { await lock.append({ type: 'close', commit: lock.open.commit, targets: [], protected: [] }); };
    expect(await pending()).toEqual(['acme']);
    const first = await run(true);
    expect(await pending()).toEqual(['acme']);
    await close(first);
    expect(await pending()).toEqual([]);
    await repo.write({ 'customers/beta/network.yaml': networkOf(10) });
    await repo.commit('somebody else');
    expect(await pending()).toEqual([]);
    await repo.write({ 'customers/acme/network.yaml': networkOf(10) });
    await repo.commit('acme');
    expect(await pending()).toEqual(['acme']);
    await close(await run(false));
    expect(await pending()).toEqual(['acme']);
    await close(await run(true));
    expect(await pending()).toEqual([]);

    const branch = approvalBranch(ws, await openRepo(repo.root), 'acme', undefined);
    const at = (seconds: number): string => new Date(systemClock.now() + seconds * 1000).toISOString();
    const notice: PlanNotice = { type: 'plan', customer: 'acme', commit: 'c'.repeat(40), base: 'b'.repeat(40), digest: `sha256:${'0'.repeat(64)}`, leaves: [], at: at(10) };
    const approval = (when: string): SignedEntry => ({ type: 'approval', statement: '{}', signature: 'x', at: when });
    await appendEntry(branch, notice);
    await appendEntry(branch, approval(at(-3600)));
    expect(await pending()).toEqual([]);
    await appendEntry(branch, approval(at(10)));
    expect(await pending()).toEqual(['acme']);
  });

  it('a record that is damaged is for the run to tell: it gets its job', async () => {
    await forge(repo, [{ 'ledger.json': '{}', 'records/0000000001.json': 'no record' }]);
    expect(await selected({ pending: true, customers: ['acme'] })).toEqual(['acme']);
  });
});
