import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock, ProviderErrorCode } from '#contract';
import type { Platform } from '#core/platform';
import { startGithubServer, type GithubPullState, type GithubServer, type GithubServerOptions, type GithubUser } from '#testkit/github-server';
import { openGeneric } from '../../src/platform/generic.ts';
import { nextPage } from '../../src/platform/github-client.ts';
import { openGithub, type GithubOptions } from '../../src/platform/github.ts';

const head = 'a'.repeat(40);
const base = 'b'.repeat(40);
const merge = 'c'.repeat(40);
const marker = '<!-- soll:plan -->';
const user = (login: string): GithubUser => ({ login, type: 'User' });
const bot: GithubUser = { login: 'github-actions[bot]', type: 'Bot' };
const repository = 'msp/customers';
const token = 'ghs_0123456789';

function pull(extra: Partial<GithubPullState> = {}): GithubPullState {
  return {
    number: 7, title: 'x', user: user('bert'), head: { ref: 'change', sha: head, repo: repository }, base: { ref: 'main', sha: base }, state: 'open', merged: false, merge_commit_sha: 'f'.repeat(40),
    commits: [{ sha: head, author: user('bert'), committer: { login: 'web-flow', type: 'User' } }], reviews: [], ...extra,
  };
}

/** Time passes only in sleep. */
function fakeClock(): Clock & { readonly slept: number[] } {
  let now = Date.UTC(2026, 10, 24, 12);
  const slept: number[] = [];
  return { slept, now: () => now, monotonic: () => now, sleep: (milliseconds) => { slept.push(milliseconds); now += milliseconds; return Promise.resolve(); } };
}

let server: GithubServer;
let clock: ReturnType<typeof fakeClock>;
let platform: Platform;
let close: () => Promise<void>;

async function start(options: Partial<GithubServerOptions> = {}, more: Partial<GithubOptions> = {}): Promise<void> {
  server = await startGithubServer({ repository, token, account: bot, pulls: [pull()], ...options });
  clock = fakeClock();
  ({ platform, close } = openGithub({ repository, token, api: server.api, clock, signal: new AbortController().signal, tls: { fingerprint256: server.fingerprint256 }, ...more }));
}

beforeEach(() => start());
afterEach(async () => { await close(); await server.close(); });

async function restart(options: Partial<GithubServerOptions>, more: Partial<GithubOptions> = {}): Promise<void> {
  await close();
  await server.close();
  await start(options, more);
}

async function codeOf(promise: Promise<unknown>): Promise<ProviderErrorCode | 'none'> {
  return promise.then(() => 'none', (error: unknown) => (error as { readonly code: ProviderErrorCode }).code);
}

describe('a pull request', () => {
  it('is read with the accounts of all its commits', async () => {
    expect(await platform.pullRequest(7)).toEqual({
      number: 7, url: 'https://github.com/msp/customers/pull/7', title: 'x', author: 'bert', committers: ['bert', 'web-flow'], state: 'open', head, base, baseBranch: 'main', fork: false,
    });
  });

  it.each<{ readonly because: string; readonly extra: Partial<GithubPullState>; readonly expected: object }>([
    { because: 'the test merge is no merge', extra: {}, expected: { state: 'open', merge: undefined } },
    { because: 'a merged one names its merge', extra: { state: 'closed', merged: true, merge_commit_sha: merge }, expected: { state: 'merged', merge } },
    { because: 'a closed one is not merged', extra: { state: 'closed' }, expected: { state: 'closed', merge: undefined } },
    { because: 'of another repository is a fork', extra: { head: { ref: 'x', sha: head, repo: 'evil/customers' } }, expected: { fork: true } },
    { because: 'of a deleted repository is a fork', extra: { head: { ref: 'x', sha: head, repo: null } }, expected: { fork: true } },
    { because: 'a commit of nobody GitHub knows has an unknown author', extra: { commits: [{ sha: head, author: null, committer: user('bert') }] }, expected: { committers: ['', 'bert'] } },
    { because: 'a deleted account opened it', extra: { user: null }, expected: { author: '' } },
  ])('$because', async ({ extra, expected }) => {
    await restart({ pulls: [pull(extra)] });
    expect({ merge: undefined, ...await platform.pullRequest(7) }).toMatchObject(expected);
  });

  it('is in the list of the open ones, with its head and whether it is a fork', async () => {
    await restart({ pulls: [pull(), pull({ number: 8, state: 'closed' }), pull({ number: 9, head: { ref: 'x', sha: merge, repo: null } }), ...Array.from({ length: 100 }, (_, index) => pull({ number: 100 + index }))] });
    const open = await platform.openPullRequests();
    expect(open).toHaveLength(102);
    expect(open.filter(({ number }) => number < 100)).toEqual([{ number: 7, head, fork: false }, { number: 9, head: merge, fork: true }]);
  });

  it('has the newest status of a context, and none of another one', async () => {
    expect(await platform.status(head, 'soll/plan')).toBeUndefined();
    await platform.setStatus(head, { context: 'soll/plan', state: 'failure', description: 'x' });
    await platform.setStatus(head, { context: 'soll/plan', state: 'success', description: 'y' });
    server.state.statuses.push({ id: 1, sha: head, context: 'other', state: 'error', description: null });
    expect([await platform.status(head, 'soll/plan'), await platform.status(head, 'other'), await platform.status(base, 'soll/plan')]).toEqual(['success', 'failure', undefined]);
  });

  it.each([
    { count: 99, complete: true }, { count: 100, complete: true }, { count: 101, complete: true }, { count: 250, complete: true }, { count: 251, complete: false }, { count: 300, complete: false },
  ])('of $count commits: all authors, or one that nobody knows', async ({ count, complete }) => {
    await restart({ pulls: [pull({ commits: Array.from({ length: count }, (_, index) => ({ sha: head, author: user(`u${String(index)}`), committer: user('bert') })) })] });
    const { committers } = await platform.pullRequest(7);
    expect(committers.filter((account) => account.startsWith('u'))).toHaveLength(Math.min(250, count));
    expect(committers.includes('')).toBe(!complete);
  });

  it('is found by the commit that it came in with', async () => {
    await restart({ pulls: [pull({ state: 'closed', merged: true, merge_commit_sha: merge }), pull({ number: 8 })] });
    expect((await platform.pullRequestOf(merge))?.number).toBe(7);
    expect(await platform.pullRequestOf('d'.repeat(40))).toBeUndefined();
  });

  it.each<{ readonly because: string; readonly pulls: readonly GithubPullState[]; readonly commit: string; readonly expected: number | undefined }>([
    { because: 'an open one that contains the commit brought nothing in', pulls: [pull()], commit: head, expected: undefined },
    { because: 'the only merged one of a rebase', pulls: [pull({ state: 'closed', merged: true, merge_commit_sha: merge })], commit: head, expected: 7 },
    { because: 'two merged ones and no merge of this commit: nobody guesses', pulls: [pull({ state: 'closed', merged: true, merge_commit_sha: merge }), pull({ number: 8, state: 'closed', merged: true, merge_commit_sha: 'd'.repeat(40) })], commit: head, expected: undefined },
  ])('$because', async ({ pulls, commit, expected }) => {
    await restart({ pulls });
    expect((await platform.pullRequestOf(commit))?.number).toBe(expected);
  });
});

describe('reviews', () => {
  const reviews = (count: number): GithubPullState['reviews'] => Array.from({ length: count }, (_, index) => ({ user: user(`u${String(index)}`), state: 'APPROVED', commit_id: head, submitted_at: new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString() }));

  it.each([0, 1, 29, 30, 31, 99, 100, 101, 200, 201])('%i of them are all read', async (count) => {
    await restart({ pulls: [pull({ reviews: reviews(count) })] });
    expect(await platform.reviews(7)).toHaveLength(count);
  });

  it('are the last words: not what is still being written, not the author, and bots are marked', async () => {
    await restart({ pulls: [pull({ reviews: [
      { user: user('anna'), state: 'PENDING', commit_id: head }, { user: user('bert'), state: 'APPROVED', commit_id: head, submitted_at: '2026-01-01T00:00:00Z' },
      { user: { login: 'x[bot]', type: 'Bot' }, state: 'APPROVED', commit_id: head, submitted_at: '2026-01-01T00:01:00Z' }, { user: user('carl'), state: 'DISMISSED', commit_id: null, submitted_at: '2026-01-01T00:02:00Z' },
    ] })] });
    expect((await platform.reviews(7)).map(({ account, state, bot: isBot, commit }) => [account, state, isBot, commit])).toEqual([['bert', 'commented', false, head], ['x[bot]', 'approved', true, head], ['carl', 'dismissed', false, '']]);
  });

  it.each<{ readonly because: string; readonly fault: () => void; readonly expected: ProviderErrorCode }>([
    { because: 'a next page at another host is not asked', fault: () => { server.faults.linkTo('https://evil.example/repositories/1/pulls/7/reviews?page=2'); }, expected: 'protocol' },
    { because: 'nor over plain HTTP', fault: () => { server.faults.linkTo(`${server.origin.replace('https', 'http')}/x`); }, expected: 'protocol' },
    { because: 'pages that go in a circle end', fault: () => { server.faults.linkTo(`${server.api}/repos/msp/customers/pulls/7/reviews?per_page=100`); }, expected: 'protocol' },
    { because: 'broken JSON is no shorter list', fault: () => { server.faults.truncate(9); }, expected: 'protocol' },
    { because: 'a login page is no empty list', fault: () => { server.faults.loginPage(9); }, expected: 'protocol' },
    { because: 'a gateway that stays broken is no empty list', fault: () => { server.faults.badGateway(99); }, expected: 'unreachable' },
    { because: 'what cannot be seen is no empty list', fault: () => { server.faults.hide(); }, expected: 'auth' },
  ])('$because', async ({ fault, expected }) => {
    await restart({ pulls: [pull({ reviews: reviews(150) })] });
    fault();
    expect(await codeOf(platform.reviews(7))).toBe(expected);
  });
});

describe('waiting', () => {
  it.each<{ readonly because: string; readonly fault: () => void; readonly slept: readonly number[] }>([
    { because: 'as long as retry-after says', fault: () => { server.faults.secondaryLimit(2, 17); }, slept: [17_000, 17_000] },
    { because: 'a minute and then longer where nothing says how long', fault: () => { server.faults.secondaryLimit(2); }, slept: [60_000, 120_000] },
    { because: 'until the reset', fault: () => { server.faults.primaryLimit(1, Date.UTC(2026, 10, 24, 12, 3) / 1000); }, slept: [180_000] },
    { because: 'a moment for a broken gateway', fault: () => { server.faults.badGateway(2); }, slept: [1000, 2000] },
  ])('$because', async ({ fault, slept }) => {
    fault();
    expect((await platform.pullRequest(7)).number).toBe(7);
    expect(clock.slept).toEqual(slept);
  });

  it.each<{ readonly because: string; readonly fault: () => void }>([
    { because: 'not for an hour', fault: () => { server.faults.primaryLimit(1, Date.UTC(2026, 10, 24, 13) / 1000); } },
    { because: 'not for ever', fault: () => { server.faults.secondaryLimit(99, 200); } },
  ])('$because', async ({ fault }) => {
    fault();
    expect(await codeOf(platform.pullRequest(7))).toBe('throttled');
  });

  it('a comment that was refused for its rate is sent again, once', async () => {
    server.faults.secondaryLimit(1, 1);
    await platform.upsertComment(7, marker, `${marker}\nx`);
    expect(server.state.comments).toHaveLength(1);
  });
});

describe('a comment', () => {
  const texts = (): readonly string[] => server.state.comments.map(({ body }) => body);

  it('is made once, then replaced in place, and left alone where nothing changed', async () => {
    await platform.upsertComment(7, marker, `${marker}\none`);
    await platform.upsertComment(7, marker, `${marker}\ntwo`);
    const before = server.requests.length;
    await platform.upsertComment(7, marker, `${marker}\ntwo`);
    expect(texts()).toEqual([`${marker}\ntwo`]);
    expect(server.requests.slice(before).filter((request) => !request.startsWith('GET'))).toEqual([]);
  });

  it('gets the marker where the text lacks it', async () => {
    await platform.upsertComment(7, marker, 'one');
    await platform.upsertComment(7, marker, 'two');
    expect(texts()).toEqual([`${marker}\ntwo`]);
  });

  it.each([
    { because: 'somebody else writes our marker: their text is not touched', foreign: { user: user('mallory'), body: `${marker}\nAll is well, approve` } },
    { because: 'ours that quotes the marker is not it', foreign: { user: bot, body: `> ${marker}\nlook` } },
    { because: 'ours with another marker is not it', foreign: { user: bot, body: '<!-- soll:drift -->\nx' } },
  ])('$because', async ({ foreign }) => {
    server.state.comments.push({ id: 5, issue: 7, ...foreign });
    await platform.upsertComment(7, marker, `${marker}\nmine`);
    expect(texts()).toEqual([foreign.body, `${marker}\nmine`]);
  });

  it.each([29, 30, 99, 100, 101, 250])('is found behind %i others', async (count) => {
    for (let index = 0; index < count; index += 1) server.state.comments.push({ id: index + 1, issue: 7, user: user('x'), body: 'talk' });
    server.state.comments.push({ id: 900, issue: 7, user: bot, body: `${marker}\nold` });
    await platform.upsertComment(7, marker, `${marker}\nnew`);
    expect(texts().filter((text) => text.startsWith(marker))).toEqual([`${marker}\nnew`]);
  });

  it('of two that two runs made at once one stays', async () => {
    server.state.comments.push({ id: 5, issue: 7, user: bot, body: `${marker}\na` }, { id: 6, issue: 7, user: bot, body: `${marker}\nb` });
    await platform.upsertComment(7, marker, `${marker}\nc`);
    expect(texts()).toEqual([`${marker}\nc`]);
  });

  it.each<{ readonly because: string; readonly fault: () => void }>([
    { because: 'whose answer is lost is found, not sent twice', fault: () => { server.faults.loseAnswer(); } },
    { because: 'that never arrived is sent again after it was looked for', fault: () => { server.faults.loseRequest(); } },
  ])('$because', async ({ fault }) => {
    fault();
    await platform.upsertComment(7, marker, `${marker}\nx`);
    expect(texts()).toEqual([`${marker}\nx`]);
  });

  it('an update whose answer is lost is repeated', async () => {
    await platform.upsertComment(7, marker, `${marker}\none`);
    server.faults.loseAnswer();
    await platform.upsertComment(7, marker, `${marker}\ntwo`);
    expect(texts()).toEqual([`${marker}\ntwo`]);
  });

  it.each([
    { length: 65_536, expected: 'none' as const }, { length: 65_537, expected: 'rejected' as const },
  ])('of $length characters: $expected', async ({ length, expected }) => {
    expect(await codeOf(platform.upsertComment(7, marker, `${marker}\n`.padEnd(length, 'x')))).toBe(expected);
    expect(server.state.comments).toHaveLength(expected === 'none' ? 1 : 0);
  });

  it.each(['text', '<!-- a --><script>', '<!-- -->\n', '<!-- a\n -->'])('%j is no marker', async (bad) => {
    expect(await codeOf(platform.upsertComment(7, bad, 'x'))).toBe('rejected');
  });

  it.each(['`', '\u0000', '😀', '@team', '</details>', '\ud83d', '\r\n', '$&'])('%j arrives as it is', async (text) => {
    await platform.upsertComment(7, marker, `${marker}\n${text}`);
    expect(texts()).toEqual([`${marker}\n${text}`]);
  });

  it('needs a permission, and says which', async () => {
    server.faults.refuseWrites();
    const error = await platform.upsertComment(7, marker, 'x').catch((caught: unknown) => caught as { readonly code: string; readonly hint: string });
    expect(error).toMatchObject({ code: 'auth', hint: expect.stringContaining('pull-requests: write') as string });
  });

  it('on a pull request that is not there fails', async () => {
    expect(await codeOf(platform.upsertComment(99, marker, 'x'))).toBe('auth');
  });
});

describe('our own account', () => {
  it('is asked where the token has one', async () => {
    await restart({ account: user('anna') });
    server.state.comments.push({ id: 5, issue: 7, user: bot, body: `${marker}\nbot` });
    await platform.upsertComment(7, marker, `${marker}\nanna`);
    await platform.upsertComment(7, marker, `${marker}\nanna again`);
    expect(server.state.comments.map(({ body }) => body)).toEqual([`${marker}\nbot`, `${marker}\nanna again`]);
    expect(server.requests.filter((request) => request === 'GET /user')).toHaveLength(1);
  });

  it('of another app must be said, and the error says how', async () => {
    await restart({ account: { login: 'soll-msp[bot]', type: 'Bot' } });
    expect(await platform.upsertComment(7, marker, 'x').catch((caught: unknown) => caught as object)).toMatchObject({ code: 'conflict', hint: 'set SOLL_GITHUB_ACCOUNT=soll-msp[bot]' });
    await restart({ account: { login: 'soll-msp[bot]', type: 'Bot' } }, { account: 'soll-msp[bot]' });
    await platform.upsertComment(7, marker, 'x');
    await platform.upsertComment(7, marker, 'y');
    expect(server.state.comments).toHaveLength(1);
  });
});

describe('a status', () => {
  const status = { context: 'soll/plan', state: 'success', description: 'x' } as const;

  it('is set, not repeated, and set again where it changed', async () => {
    await platform.setStatus(head, status);
    await platform.setStatus(head, status);
    await platform.setStatus(head, { ...status, state: 'failure' });
    await platform.setStatus(head, status);
    expect(server.state.statuses.map(({ state }) => state)).toEqual(['success', 'failure', 'success']);
  });

  it('is cut at 140 characters, never in the middle of one', async () => {
    await platform.setStatus(head, { ...status, description: `${'x'.repeat(138)}😀😀` });
    expect(server.state.statuses[0]?.description).toBe(`${'x'.repeat(138)}…`);
  });

  it('whose answer is lost is set once', async () => {
    server.faults.loseAnswer();
    await platform.setStatus(head, status);
    expect(server.state.statuses).toHaveLength(1);
  });
});

describe('an issue', () => {
  const issue = { title: 'Drift', body: 'x' };
  const open = (): readonly string[] => server.state.issues.filter(({ state }) => state === 'open').map(({ body }) => body);

  it('is made, replaced, closed, and made anew after that', async () => {
    await platform.upsertIssue(marker, issue);
    await platform.upsertIssue(marker, { ...issue, body: 'y' });
    expect(open()).toEqual([`${marker}\ny`]);
    await platform.upsertIssue(marker, undefined);
    await platform.upsertIssue(marker, undefined);
    expect(open()).toEqual([]);
    await platform.upsertIssue(marker, issue);
    expect(server.state.issues).toHaveLength(2);
  });

  it('is found among pull requests and others', async () => {
    for (let index = 0; index < 130; index += 1) server.state.issues.push({ number: 100 + index, user: user('x'), title: 't', body: `${marker}\nnot ours`, state: 'open', state_reason: null });
    server.state.issues.unshift({ number: 20, user: bot, title: 'Drift', body: `${marker}\nold`, state: 'open', state_reason: null });
    await platform.upsertIssue(marker, issue);
    expect(server.state.issues.filter(({ user: { login } }) => login === bot.login).map(({ body }) => body)).toEqual([`${marker}\nx`]);
  });

  it.each<{ readonly fault: () => void }>([{ fault: () => { server.faults.loseAnswer(); } }, { fault: () => { server.faults.loseRequest(); } }])('is there once, whatever is lost', async ({ fault }) => {
    fault();
    await platform.upsertIssue(marker, issue);
    expect(open()).toHaveLength(1);
  });
});

describe('a new pull request', () => {
  const adopt = '<!-- soll:adopt -->';
  const request = { branch: 'soll/adopt', base: 'main', marker: adopt, title: 'Adopt', body: 'x' };
  const writes = (): readonly string[] => server.requests.filter((each) => !each.startsWith('GET'));

  it('is opened once, and brought up to date when there is something new', async () => {
    const first = await platform.openPullRequest(request);
    expect(first).toEqual({ number: 8, url: 'https://github.com/msp/customers/pull/8', what: 'opened' });
    expect(await platform.openPullRequest(request)).toEqual({ ...first, what: 'kept' });
    expect(writes()).toHaveLength(1);
    expect(await platform.openPullRequest({ ...request, body: 'y' })).toEqual({ ...first, what: 'updated' });
    expect(server.state.pulls.map(({ number, body }) => [number, body])).toEqual([[7, undefined], [8, `${adopt}\ny`]]);
    expect(writes()).toHaveLength(2);
  });

  it.each<{ readonly because: string; readonly change: (made: GithubPullState) => GithubPullState }>([
    { because: 'of somebody else', change: (made) => ({ ...made, user: user('anna') }) },
    { because: 'that somebody has reworded', change: (made) => ({ ...made, body: 'What this is really about' }) },
  ])('$because for the same branch is kept as it is', async ({ change }) => {
    await platform.openPullRequest(request);
    const [made] = server.state.pulls.splice(1, 1).map(change);
    if (made === undefined) throw new Error('no pull request');
    server.state.pulls.push(made);
    expect(await platform.openPullRequest({ ...request, title: 'Other', body: 'y' })).toMatchObject({ number: 8, what: 'kept' });
    expect(server.state.pulls.at(-1)).toEqual(made);
  });

  it('after the one before was merged is another one', async () => {
    await platform.openPullRequest(request);
    Object.assign(server.state.pulls.at(-1) ?? {}, { state: 'closed', merged: true });
    expect(await platform.openPullRequest(request)).toMatchObject({ number: 9, what: 'opened' });
  });

  it('for a branch that was never pushed, or where Actions may not open one, is refused in words', async () => {
    await restart({ headOf: (branch) => (branch === 'main' ? base : undefined) });
    expect(await codeOf(platform.openPullRequest(request))).toBe('rejected');
    server.faults.refuseWrites('GitHub Actions is not permitted to create or approve pull requests.');
    const error = await platform.openPullRequest(request).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'auth', hint: expect.stringContaining('Allow GitHub Actions to create and approve pull requests') as unknown });
  });

  it('is there once, and told, when its answer is lost', async () => {
    server.faults.loseAnswer();
    expect(await platform.openPullRequest(request)).toMatchObject({ number: 8, what: 'opened' });
    expect(server.state.pulls).toHaveLength(2);
  });
});

describe('reaching it', () => {
  it('works below a path, as GitHub Enterprise Server has it', async () => {
    await restart({ prefix: '/api/v3', pulls: [pull({ reviews: Array.from({ length: 101 }, (_, index) => ({ user: user(`u${String(index)}`), state: 'APPROVED', commit_id: head, submitted_at: '2026-01-01T00:00:00Z' })) })] });
    expect(await platform.reviews(7)).toHaveLength(101);
  });

  it('refuses a wrong token without saying it', async () => {
    await restart({}, { token: 'ghs_wrong' });
    const error = await platform.pullRequest(7).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: 'auth' });
    expect(JSON.stringify(error) + String(error)).not.toContain('ghs_wrong');
  });

  it.each<{ readonly because: string; readonly options: Partial<GithubOptions>; readonly code: ProviderErrorCode }>([
    { because: 'plain HTTP would show the token', options: { api: 'http://api.github.com' }, code: 'rejected' },
    { because: 'no address', options: { api: 'api.github.com' }, code: 'rejected' },
    { because: 'credentials in the address', options: { api: 'https://x@api.github.com' }, code: 'rejected' },
    { because: 'no repository', options: { repository: 'msp' }, code: 'rejected' },
    { because: 'a repository that leaves its path', options: { repository: 'msp/..' }, code: 'rejected' },
    { because: 'a repository with a query', options: { repository: 'msp/x?y' }, code: 'rejected' },
    { because: 'no token', options: { token: '' }, code: 'auth' },
    { because: 'a token that would be another header', options: { token: 'x\r\nhost: evil' }, code: 'auth' },
  ])('$because', ({ options, code }) => {
    let caught: unknown;
    try {
      openGithub({ repository, token, clock, signal: new AbortController().signal, ...options });
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code });
  });
});

describe('the next page', () => {
  const at = 'https://api.github.com/x?page=1';
  it.each([
    { link: undefined, expected: undefined, because: 'no header is the end' },
    { link: '<https://api.github.com/x?page=1>; rel="prev", <https://api.github.com/x?page=3>; rel="next", <https://api.github.com/x?page=9>; rel="last"', expected: 'https://api.github.com/x?page=3', because: 'among others' },
    { link: '<https://api.github.com/x?page=1>; rel="prev"', expected: undefined, because: 'the last page has none' },
    { link: '<https://api.github.com/x?a=1,2&page=3>; rel=next', expected: 'https://api.github.com/x?a=1,2&page=3', because: 'a comma in the address, no quotes' },
    { link: '</x?page=3>; rel="next"', expected: 'https://api.github.com/x?page=3', because: 'a relative one' },
    { link: '<https://api.github.com/x?page=3>; rel="nextish"', expected: undefined, because: 'another word' },
  ])('$because', ({ link, expected }) => {
    expect(nextPage(link, at)).toBe(expected);
  });
});

describe('a next page elsewhere', () => {
  it.each(['https://evil.example/x?page=2', 'http://api.github.com/x?page=2', 'https://api.github.com:444/x?page=2', '//evil.example/x', 'https://api.github.com@evil.example/x', 'javascript:x'])('%s is refused', (link) => {
    expect(() => nextPage(`<${link}>; rel="next"`, 'https://api.github.com/x?page=1')).toThrow(/another host/);
  });
});

describe('without a code host', () => {
  it('comment, issue, status and pull request are files of the folder, whatever the names are', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'soll-generic-'));
    try {
      const generic = openGeneric(join(folder, 'out'));
      await generic.upsertComment(0, marker, 'one');
      await generic.upsertComment(0, marker, 'two');
      await generic.upsertIssue('<!-- ../../etc -->', { title: 'a\nb', body: 'x' });
      await generic.setStatus(head, { context: '../x', state: 'success', description: 'y' });
      const request = { branch: '../../y', base: 'main', marker, title: 't', body: 'b' };
      for (const what of ['opened', 'kept']) expect(await generic.openPullRequest(request)).toEqual({ number: 0, url: join(folder, 'out', 'pull-request-y.json'), what });
      expect(await generic.openPullRequest({ ...request, body: 'c' })).toMatchObject({ what: 'updated' });
      expect((await readdir(folder)).sort()).toEqual(['out']);
      expect((await readdir(join(folder, 'out'))).sort()).toEqual(['issue-etc.md', 'pull-request-y.json', 'soll-plan.md', 'status-x.json']);
      expect(await readFile(join(folder, 'out', 'soll-plan.md'), 'utf8')).toBe('two');
      await generic.upsertIssue('<!-- ../../etc -->', undefined);
      expect(await readdir(join(folder, 'out'))).not.toContain('issue-etc.md');
      expect(await generic.reviews(1)).toEqual([]);
      expect(await generic.pullRequestOf(head)).toBeUndefined();
      expect(await codeOf(generic.pullRequest(1))).toBe('unsupported');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
