/** What is collected before anybody judges it: reviews of the code host, rules before the change, and who wrote it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PullRequest, Review } from '#core/platform';
import { listContributors } from '#git/list-contributors';
import { evaluateApprovals } from '../../src/approval/evaluate-approvals.ts';
import { approvalState, baselineOf, usedApprovals } from '../../src/approval-state.ts';
import { addressOf, commitAs, customer, hostOf, hours, leafOf, makeBench, mergedChange, noticeOf, runOf, type ApprovalBench } from '../harness/approval-bench.ts';
import { hasKeygen } from '../harness/signing-keys.ts';
import { makeRepo } from '../harness/temp-repo.ts';

describe.runIf(hasKeygen())('reviews', () => {
  let bench: ApprovalBench;
  let base: string;
  let older: string;
  let head: string;
  let merge: string;
  beforeAll(async () => {
    bench = await makeBench();
    ({ base, older, head, merge } = await mergedChange(bench));
    await bench.append(noticeOf(older, ['guests'], { pull: 7, at: hours(-9) }));
    await bench.append(noticeOf(head, ['guests'], { pull: 7, at: hours(-8) }));
    await bench.append(noticeOf(head, ['office'], { pull: 7, at: hours(-4) }));
    await bench.append(noticeOf(head, ['phones'], { pull: 7, at: hours(-1) }));
  });
  afterAll(() => bench.repo.remove());

  const review = (account: string, more: Partial<Review> = {}): Review => ({ account, bot: false, state: 'approved', commit: head, at: hours(-2), url: `https://host/${account}`, ...more });
  const pull = (said: readonly Review[], more: Partial<PullRequest> = {}): PullRequest & { readonly said: readonly Review[] } => ({ number: 7, url: '', title: '', author: 'mia-msp', committers: ['mia-msp'], state: 'merged', head, base, baseBranch: 'main', merge, fork: false, said, ...more });

  it.each<{ because: string; said: () => readonly Review[]; more?: () => Partial<PullRequest>; expected: boolean }>([
    { because: 'of the head, after its plan was shown', said: () => [review('carl-msp')], expected: true },
    { because: 'of an older commit: somebody has pushed since', said: () => [review('carl-msp', { commit: older })], expected: false },
    { because: 'before this plan was shown', said: () => [review('carl-msp', { at: hours(-6) })], expected: false },
    { because: 'after another plan was shown for the same commit', said: () => [review('carl-msp', { at: hours(-0.5) })], expected: false },
    { because: 'dismissed', said: () => [review('carl-msp', { state: 'dismissed' })], expected: false },
    { because: 'only a comment', said: () => [review('carl-msp', { state: 'commented' })], expected: false },
    { because: 'of a bot', said: () => [review('carl-msp', { bot: true })], expected: false },
    { because: 'of the author', said: () => [review('mia-msp')], expected: false },
    { because: 'of one who has committed to it', said: () => [review('carl-msp')], more: () => ({ committers: ['mia-msp', 'carl-msp'] }), expected: false },
    { because: 'of one who merged it and wrote nothing', said: () => [review('carl-msp')], expected: true },
    { because: 'of an account that is nobody\'s', said: () => [review('stranger')], expected: false },
    { because: 'changes asked for by somebody who may', said: () => [review('carl-msp'), review('anna-msp', { state: 'changes-requested' })], expected: false },
    { because: 'of a pull request that is not merged', said: () => [review('carl-msp')], more: () => ({ state: 'open' }), expected: false },
    { because: 'of a pull request whose commits never came in', said: () => [review('carl-msp')], more: () => ({ head: 'f'.repeat(40), merge: 'e'.repeat(40) }), expected: false },
    { because: 'of a head that was pushed away after it', said: () => [review('carl-msp')], more: () => ({ head: older }), expected: false },
  ])('$because: $expected', async ({ said, more, expected }) => {
    const leaves = [{ digest: leafOf('office'), addresses: [addressOf('office')], risk: 'low' as const }];
    const state = await approvalState(await bench.place(hostOf([pull(said(), more?.())])), { customer, leaves, commit: merge, records: [] });
    const { leaves: [leaf] } = evaluateApprovals({ customer, leaves, policies: state.policies, words: state.words, withdrawals: state.withdrawals, authors: state.authors, used: new Set(), now: Date.parse(hours(0)) });
    expect(leaf?.approved).toBe(expected);
  });

  it('a list also sees reviews of what is not merged yet, and they still approve nothing', async () => {
    const leaves = [{ digest: leafOf('office'), addresses: [addressOf('office')], risk: 'low' as const }];
    const place = await bench.place(hostOf([pull([review('carl-msp')], { state: 'open' })]));
    const [listed, decided] = await Promise.all([true, false].map((preview) => approvalState(place, { customer, leaves, commit: merge, records: [], preview })));
    expect([listed?.words.map(({ account }) => account), decided?.words]).toEqual([['carl-msp'], []]);
  });

  it('without a code host nobody is asked, and signatures count', async () => {
    const state = await approvalState(await bench.place(), { customer, leaves: [{ digest: leafOf('office') }], commit: merge, records: [] });
    expect({ words: state.words, bases: state.bases, required: state.required }).toEqual({ words: [], bases: [base], required: true });
  });

  it('what was written into the branch and is no entry of ours is nobody\'s word', async () => {
    const other = noticeOf(head, ['lab'], { pull: 7 });
    await bench.append({ ...other, digest: `sha256:${'0'.repeat(64)}` });
    await bench.append({ ...noticeOf(head, ['lab'], { pull: 7 }), customer: 'other' });
    await bench.append({ type: 'approval', statement: '{}', signature: 'x', at: hours(0) });
    const state = await approvalState(await bench.place(hostOf([pull([review('carl-msp')])])), { customer, leaves: [{ digest: leafOf('lab') }], commit: merge, records: [] });
    expect(state.words).toEqual([]);
  });
});

describe('who wrote a change', () => {
  it('authors, committers and co-authors of what touches the customer; whoever only merges has written nothing, whoever changes something in a merge has', async () => {
    const repo = await makeRepo();
    try {
      const start = await commitAs(repo, 'old@msp.example', { 'customers/acme/customer.yaml': 'a: 1\n', 'customers/acme/network.yaml': 'x: 1\n', 'customers/other/customer.yaml': 'b: 1\n' });
      await repo.git('checkout', '-q', '-b', 'side');
      await commitAs(repo, 'mia@msp.example', { 'customers/acme/customer.yaml': 'a: 2\n' }, 'change\n\nCo-authored-by: Dora <dora@msp.example>');
      await commitAs(repo, 'carl@msp.example', { 'customers/other/customer.yaml': 'b: 2\n' });
      await repo.git('checkout', '-q', 'main');
      await commitAs(repo, 'ben@msp.example', { 'README.md': 'x' });
      await repo.git('-c', 'user.email=merger@msp.example', 'merge', '-q', '--no-ff', '-m', 'Merge', 'side');
      const clean = await repo.git('rev-parse', 'HEAD');
      expect((await listContributors(repo.root, start, clean, ['customers/acme'])).emails).toEqual(['dora@msp.example', 'mia@msp.example']);
      expect((await listContributors(repo.root, '', clean, ['customers/acme'])).emails).toEqual(['dora@msp.example', 'mia@msp.example', 'old@msp.example']);

      await repo.git('checkout', '-q', '-b', 'second', start);
      await commitAs(repo, 'mia@msp.example', { 'customers/acme/network.yaml': 'x: 2\n' });
      await repo.git('checkout', '-q', 'main');
      await repo.git('merge', '-q', '--no-ff', '--no-commit', 'second');
      const evil = await commitAs(repo, 'evil@msp.example', { 'customers/acme/network.yaml': 'x: 3\n' }, 'Merge');
      expect((await listContributors(repo.root, clean, evil, ['customers/acme'])).emails).toEqual(['evil@msp.example', 'mia@msp.example']);
    } finally {
      await repo.remove();
    }
  });
});

describe('from where on a change is new', () => {
  const part = { bases: [], since: '', whole: false, accounts: [] };
  const whole = { ...part, whole: true };
  it.each<{ because: string; records: ReturnType<typeof runOf>; expected: { since: string; first: string } }>([
    { because: 'nothing was applied', records: [], expected: { since: '', first: '' } },
    { because: 'all of it was', records: runOf('r1', 1, 'c1', ['a'], { policy: whole }), expected: { since: 'c1', first: 'c1' } },
    { because: 'part of it was', records: runOf('r1', 1, 'c1', ['a'], { policy: part }), expected: { since: '', first: 'c1' } },
    { because: 'all, then part of the next', records: [...runOf('r1', 1, 'c1', ['a'], { policy: whole }), ...runOf('r2', 4, 'c2', ['b'], { policy: part })], expected: { since: 'c1', first: 'c1' } },
    { because: 'the rest came after it', records: [...runOf('r1', 1, 'c1', ['a'], { policy: part }), ...runOf('r2', 4, 'c1', ['b'], { policy: whole })], expected: { since: 'c1', first: 'c1' } },
    { because: 'a target was reverted', records: runOf('r1', 1, 'c1', ['a'], { policy: whole }).map((record) => (record.type === 'close' ? { ...record, targets: [{ target: 'store', verdict: 'reverted' as const }] } : record)), expected: { since: '', first: 'c1' } },
    { because: 'never closed', records: runOf('r1', 1, 'c1', ['a'], { policy: whole }).slice(0, 2), expected: { since: '', first: 'c1' } },
  ])('$because', ({ records, expected }) => { expect(baselineOf(records)).toEqual(expected); });

  it('an approval is used up for what was done under it, not for what was rejected', () => {
    const approvals = [{ digest: 'd', approver: 'carl', method: 'review' as const, at: hours(0), url: 'u', leaves: [leafOf('a'), leafOf('b')] }];
    const records = runOf('r1', 1, 'c1', ['a', 'b'], { approvals }).map((record) => (record.type === 'batch' ? { ...record, outcomes: record.outcomes.map((each) => (each.leaf === leafOf('b') ? { ...each, outcome: { status: 'rejected' as const, code: 'rejected' as const, why: 'no' } } : each)) } : record));
    expect([...usedApprovals(records)].map((each) => each.split(' ')[1])).toEqual([leafOf('a')]);
  });
});
