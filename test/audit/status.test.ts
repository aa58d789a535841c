/** `soll status`: which of several truths about a customer is the one to be told first. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Address } from '#contract';
import { commitsTouching } from '#git/commits-touching';
import { assessStatus, sortStatus, type StatusInput } from '../../src/audit/assess-status.ts';
import { foldRecords } from '../../src/audit/fold-ledger.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';
import { handMade, type HandMadeRun } from './hand-made.ts';

const office: Address = 'acme/store/vlan/office';
const run = (name: string, day: number, more: Partial<HandMadeRun> = { verdict: 'converged' }): HandMadeRun => ({ run: name, at: `2026-01-0${String(day)}T10:00:00.000Z`, changes: [{ address: office, verb: 'create', after: { id: 10 } }], ...more });
const commit = { commit: 'c'.repeat(40), at: '2026-01-01T00:00:00Z', author: 'Mia', subject: 'x' };
const status = (runs: readonly HandMadeRun[], more: Partial<StatusInput> = {}): ReturnType<typeof assessStatus> => {
  const records = handMade(runs);
  return assessStatus({ customer: 'acme', written: true, records, ledger: foldRecords('acme', records), contained: true, waiting: [], ...more });
};

describe('state', () => {
  it.each<{ because: string; got: () => ReturnType<typeof assessStatus>; expected: object }>([
    { because: 'applied and nothing since', got: () => status([run('r1', 1)]), expected: { state: 'clean', resources: 1, lastRun: { run: 'r1', verdict: 'converged' } } },
    { because: 'never applied', got: () => status([], { waiting: [commit] }), expected: { state: 'never' } },
    { because: 'commits since', got: () => status([run('r1', 1)], { waiting: [commit] }), expected: { state: 'waiting' } },
    { because: 'not closed comes before what waits', got: () => status([run('r1', 1), run('r2', 2, {})], { waiting: [commit] }), expected: { state: 'open', lastRun: { verdict: 'open' } } },
    { because: 'held', got: () => status([run('r1', 1, { verdict: 'held', why: 'no answer', outcomes: [{ status: 'unknown', why: 'no answer' }] })]), expected: { state: 'held', held: [{ target: 'store', run: 'r1', why: 'no answer' }] } },
    { because: 'reverted', got: () => status([run('r1', 1), run('r2', 2, { verdict: 'reverted', outcomes: [{ status: 'skipped', why: 'x' }] })]), expected: { state: 'incomplete', incomplete: [{ target: 'store', run: 'r2', verdict: 'reverted' }] } },
    { because: 'a later run that went well puts it right', got: () => status([run('r1', 1, { verdict: 'partial' }), run('r2', 2)]), expected: { state: 'clean', incomplete: [] } },
    { because: 'the folder is gone and resources are not', got: () => status([run('r1', 1)], { written: false }), expected: { state: 'removed' } },
    { because: 'the folder is gone and so is everything else', got: () => status([run('r1', 1), run('r2', 2, { verdict: 'converged', changes: [{ address: office, verb: 'delete' }] })], { written: false }), expected: { state: 'clean', resources: 0 } },
    { because: 'another branch was applied', got: () => status([run('r1', 1)], { contained: false }), expected: { state: 'diverged' } },
  ])('$because', ({ got, expected }) => { expect(got()).toMatchObject(expected); });

  it('worst first, then what has most to do, then by name', () => {
    const of = (customer: string, state: 'held' | 'waiting' | 'clean', count = 0): ReturnType<typeof assessStatus> => ({ ...status([]), customer, state, waiting: Array.from({ length: count }, () => commit) });
    expect(sortStatus([of('a', 'clean'), of('c', 'waiting', 1), of('b', 'waiting', 1), of('d', 'waiting', 2), of('z', 'held')]).map(({ customer }) => customer)).toEqual(['z', 'd', 'b', 'c', 'a']);
  });
});

describe('commits that touch a folder', () => {
  let repo: TempRepo;
  beforeEach(async () => { repo = await makeRepo(); });
  afterEach(() => repo.remove());
  const make = async (path: string, text: string, message: string): Promise<string> => {
    await repo.write({ [path]: text });
    execFileSync('git', ['add', '-A'], { cwd: repo.root });
    execFileSync('git', ['-c', 'user.name=M', '-c', 'user.email=m@x', 'commit', '-q', '-m', message], { cwd: repo.root });
    return repo.git('rev-parse', 'HEAD');
  };

  it('newest first, with hostile texts and paths whole, without what is contained or elsewhere', async () => {
    const first = await make('customers/a/x.yaml', '1', 'first');
    await make('docs/readme', '1', 'elsewhere');
    await make('customers/b/with\nline.yaml', '1', '\u0001customers/a/fake');
    await make('customers/a/y.yaml', '1', 'third');
    const head = await repo.git('rev-parse', 'HEAD');
    expect((await commitsTouching(repo.root, { from: first, head, folder: 'customers' })).map(({ subject, paths }) => ({ subject, paths }))).toEqual([{ subject: 'third', paths: ['customers/a/y.yaml'] }, { subject: '\u0001customers/a/fake', paths: ['customers/b/with\nline.yaml'] }]);
    expect(await commitsTouching(repo.root, { head, folder: 'customers' })).toHaveLength(3);
  });

  it('a merge is one commit with all that it brought', async () => {
    const first = await make('customers/a/x.yaml', '1', 'first');
    const main = await repo.git('rev-parse', '--abbrev-ref', 'HEAD');
    await repo.git('checkout', '-q', '-b', 'side');
    await make('customers/a/y.yaml', '1', 'on the side');
    await make('customers/b/y.yaml', '1', 'on the side too');
    await repo.git('checkout', '-q', main);
    await repo.git('-c', 'user.name=M', '-c', 'user.email=m@x', 'merge', '-q', '--no-ff', '-m', 'the merge', 'side');
    expect((await commitsTouching(repo.root, { from: first, head: await repo.git('rev-parse', 'HEAD'), folder: 'customers' })).map(({ subject, paths }) => [subject, paths])).toEqual([['the merge', ['customers/a/y.yaml', 'customers/b/y.yaml']]]);
  });
});
