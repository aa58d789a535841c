/** `soll pr plan` as a CI job runs it: the real command, a bare remote, the stand-ins of the targets and of GitHub. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PlanNotice } from '#core/approval-entry';
import { startGithubServer, type GithubPullState, type GithubServer } from '#testkit/github-server';
import { everything, freshWorld } from '../harness/fresh-world.ts';
import { git, soll, type Ended } from '../harness/lab-world.ts';

const token = 'ghs_e2e';
const repository = 'msp/customers';
const world = freshWorld();
let hub: GithubServer;
let head: string;
let base: string;

const pullState = (): GithubPullState => ({
  number: 7, title: 'More', user: { login: 'mia', type: 'User' }, head: { ref: 'change', sha: head, repo: repository }, base: { ref: 'main', sha: base }, state: 'open', merged: false, merge_commit_sha: null,
  commits: [{ sha: head, author: { login: 'mia', type: 'User' }, committer: { login: 'mia', type: 'User' } }], reviews: [],
});

beforeEach(async () => {
  base = await git(world.root, 'rev-parse', 'HEAD');
  await git(world.root, 'checkout', '-q', '-b', 'change');
  const file = join(world.root, 'customers/acme/customer.yaml');
  await writeFile(file, (await readFile(file, 'utf8')).replace('Acme GmbH', 'Acme & Söhne GmbH'));
  await git(world.root, 'commit', '-qam', 'Rename');
  head = await git(world.root, 'rev-parse', 'HEAD');
  await git(world.root, 'push', '-q', 'origin', 'change');
  hub = await startGithubServer({ repository, token, account: { login: 'github-actions[bot]', type: 'Bot' }, pulls: [pullState()] });
  await writeFile(join(world.root, '.soll', 'hub.pem'), hub.cert);
});
afterEach(() => hub.close());

const prPlan = (args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ended> => soll(world.root, ['pr', 'plan', '--lab', '--out', join(world.root, '.soll', 'out'), ...args], {
  env: { GITHUB_ACTIONS: 'true', GITHUB_TOKEN: token, GITHUB_REPOSITORY: repository, GITHUB_API_URL: hub.api, GITHUB_REF: 'refs/pull/7/merge', GITHUB_EVENT_PATH: '', GITHUB_STEP_SUMMARY: join(world.root, '.soll', 'summary.md'), NODE_EXTRA_CA_CERTS: join(world.root, '.soll', 'hub.pem'), ...env },
});

async function notices(): Promise<readonly PlanNotice[]> {
  const names = await git(world.remote, 'ls-tree', '-r', '--name-only', 'approvals-lab/acme').catch(() => '');
  return Promise.all(names.split('\n').filter((name) => name !== '').map(async (name) => JSON.parse(await git(world.remote, 'show', `approvals-lab/acme:${name}`)) as PlanNotice));
}

describe('a pull request', () => {
  test('is planned, noted, commented, given a status and a summary; again changes nothing, and a push replaces the comment', async () => {
    const first = await prPlan();
    expect({ code: first.code, text: first.code === 0 ? '' : everything(first) }).toEqual({ code: 0, text: '' });
    const { plans } = JSON.parse(await readFile(join(world.root, '.soll', 'out', 'plan.json'), 'utf8')) as { readonly plans: readonly { readonly digest: string; readonly commit: string; readonly leaves: readonly { readonly digest: string }[] }[] };
    const [plan] = plans;
    expect(plan?.commit).toBe(head);
    expect(hub.state.comments).toHaveLength(1);
    const body = hub.state.comments[0]?.body ?? '';
    expect(body.startsWith('<!-- soll:plan -->')).toBe(true);
    for (const part of [head, `soll approve acme ${plan?.digest ?? '?'}`, 'acme']) expect(body).toContain(part);
    expect(hub.state.statuses).toMatchObject([{ sha: head, context: 'soll/plan', state: 'success' }]);
    expect(await readFile(join(world.root, '.soll', 'summary.md'), 'utf8')).toContain(head.slice(0, 12));
    const [notice, ...more] = await notices();
    expect(more).toEqual([]);
    expect(notice).toMatchObject({ type: 'plan', customer: 'acme', commit: head, base, digest: plan?.digest, pull: 7 });
    expect(notice?.leaves.map(({ digest }) => digest)).toEqual(plan?.leaves.map(({ digest }) => digest));
    expect(notice?.leaves.every(({ risk, addresses }) => ['low', 'medium', 'high', 'critical'].includes(risk) && addresses.length > 0)).toBe(true);

    await prPlan();
    expect(hub.state.comments).toHaveLength(1);
    expect(hub.state.statuses).toHaveLength(1);
    expect(await notices()).toHaveLength(1);

    await git(world.root, 'commit', '-q', '--allow-empty', '-m', 'Nothing');
    head = await git(world.root, 'rev-parse', 'HEAD');
    hub.state.pulls.splice(0, 1, pullState());
    expect((await prPlan()).code).toBe(0);
    expect(hub.state.comments).toHaveLength(1);
    expect(hub.state.comments[0]?.body).toContain(head);
    expect((await notices()).map(({ commit }) => commit).sort()).toContain(head);
  });

  test('--detailed-exitcode and JSON, German', async () => {
    const ended = await prPlan(['--detailed-exitcode', '--json', '--lang', 'de']);
    expect(ended.code).toBe(2);
    expect(JSON.parse(ended.stdout)).toMatchObject({ platform: 'github', pull: 7, head, base, noticed: ['acme'] });
    expect(hub.state.comments[0]?.body).toContain('So wird freigegeben');
  });

  test.each<{ readonly because: string; readonly set: () => void; readonly code: string; readonly comments: number }>([
    { because: 'of a fork is not planned, and told so', set: () => { hub.state.pulls.splice(0, 1, { ...pullState(), head: { ref: 'x', sha: head, repo: 'evil/customers' } }); }, code: 'pr.fork', comments: 1 },
    { because: 'that was pushed to meanwhile has its own run', set: () => { hub.state.pulls.splice(0, 1, { ...pullState(), head: { ref: 'x', sha: 'd'.repeat(40), repo: repository } }); }, code: 'pr.moved', comments: 0 },
    { because: 'that is closed is left alone', set: () => { hub.state.pulls.splice(0, 1, { ...pullState(), state: 'closed' }); }, code: 'pr.closed', comments: 0 },
  ])('$because', async ({ set, code, comments }) => {
    set();
    const ended = await prPlan(['--json']);
    expect(ended.code).toBe(3);
    expect(JSON.parse(ended.stdout)).toMatchObject({ plans: [], problems: [{ code }] });
    expect(hub.state.comments).toHaveLength(comments);
    expect(hub.state.statuses.map(({ state }) => state)).toEqual(comments === 0 ? [] : ['failure']);
    expect(await notices()).toEqual([]);
  });

  test('with an error in its files: comment and status say so, nothing is noted', async () => {
    await writeFile(join(world.root, 'customers/acme/customer.yaml'), 'name: [\n');
    await git(world.root, 'commit', '-qam', 'Broken');
    head = await git(world.root, 'rev-parse', 'HEAD');
    hub.state.pulls.splice(0, 1, pullState());
    const ended = await prPlan();
    expect(ended.code).toBe(3);
    expect(hub.state.comments[0]?.body).toContain('Problems');
    expect(hub.state.statuses).toMatchObject([{ state: 'failure' }]);
    expect(await notices()).toEqual([]);
  });

  test('with more of high risk than anybody can read is refused by a gate, told, and not noted', async () => {
    const file = join(world.root, 'customers/acme/firewall.yaml');
    const rules = Array.from({ length: 2000 }, (_, index) => `          - name: open-${String(index).padStart(5, '0')}-xxxxxxxxxxxxxxx\n            action: accept\n            sources: [group:admins]\n            services: [ssh]\n`).join('');
    await writeFile(file, (await readFile(file, 'utf8')).replace('          - name: admin-ssh\n', `${rules}          - name: admin-ssh\n`));
    await git(world.root, 'commit', '-qam', 'Far too much');
    head = await git(world.root, 'rev-parse', 'HEAD');
    hub.state.pulls.splice(0, 1, pullState());
    const ended = await prPlan(['--json']);
    expect({ code: ended.code, problems: ended.code === 5 ? '' : ended.stdout.slice(-1500) }).toEqual({ code: 5, problems: '' });
    expect(JSON.parse(ended.stdout)).toMatchObject({ noticed: [], problems: expect.arrayContaining([expect.objectContaining({ code: 'pr.too-large', gate: true })]) as unknown });
    expect(hub.state.comments[0]?.body).toContain('too large to be read');
    expect(hub.state.statuses).toMatchObject([{ state: 'failure' }]);
    expect(await notices()).toEqual([]);
  });

  test('whose number stands in the event only, as data', async () => {
    const event = join(world.root, '.soll', 'event.json');
    await writeFile(event, JSON.stringify({ pull_request: { number: 7, title: '$(rm -rf /) `x`' } }));
    expect((await prPlan([], { GITHUB_REF: 'refs/heads/main', GITHUB_EVENT_PATH: event })).code).toBe(0);
    await writeFile(event, JSON.stringify({ pull_request: { number: '7; rm' } }));
    const wrong = await prPlan([], { GITHUB_REF: 'refs/heads/main', GITHUB_EVENT_PATH: event });
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('--pull')]);
  });

  test('a token that may not write is one clear line with what it needs, and shows no token', async () => {
    hub.faults.refuseWrites();
    const ended = await prPlan();
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('pull-requests: write');
    expect(everything(ended)).not.toMatch(/^\s+at .*[(/]/m);
    expect(everything(ended)).not.toContain(token);
  });

  test('planned before and after the base moved has two notices for one commit', async () => {
    expect((await prPlan()).code).toBe(0);
    await git(world.root, 'checkout', '-q', 'main');
    await world.write({ 'customers/acme/customer.yaml': (await readFile(join(world.root, 'customers/acme/customer.yaml'), 'utf8')) + '# more\n' });
    await git(world.root, 'commit', '-qam', 'Base moves');
    await git(world.root, 'push', '-q', 'origin', 'main');
    await git(world.root, 'checkout', '-q', 'change');
    expect((await prPlan()).code).toBe(0);
    expect((await notices()).map(({ commit }) => commit)).toEqual([head, head]);
    expect(new Set((await notices()).map((notice) => notice.base)).size).toBe(2);
  });
});

describe('without a code host', () => {
  test('comment and status are files, approvals are signatures', async () => {
    const ended = await prPlan(['--platform', 'generic', '--base', 'origin/main'], { GITHUB_TOKEN: '', GITHUB_ACTIONS: '', GITHUB_REF: '' });
    expect({ code: ended.code, text: ended.code === 0 ? '' : everything(ended) }).toEqual({ code: 0, text: '' });
    const out = join(world.root, '.soll', 'out');
    expect((await readdir(out)).sort()).toEqual(['plan.json', 'soll-plan.md', 'status-soll-plan.json']);
    const comment = await readFile(join(out, 'soll-plan.md'), 'utf8');
    expect(comment).toContain('by signature');
    expect(comment).not.toContain('review of exactly');
    const [notice] = await notices();
    expect(notice).not.toHaveProperty('pull');
    expect(hub.requests).toEqual([]);
  });

  test('uncommitted changes are not planned', async () => {
    await writeFile(join(world.root, 'customers/acme/customer.yaml'), 'name: x\n');
    const ended = await prPlan(['--platform', 'generic', '--base', 'origin/main', '--json'], { GITHUB_REF: '' });
    expect(ended.code).toBe(3);
    expect(JSON.parse(ended.stdout)).toMatchObject({ problems: [{ code: 'pr.uncommitted' }] });
  });

  test('--changed-since and a base that is not there are told', async () => {
    expect((await prPlan(['--changed-since', 'main'])).code).toBe(3);
    const gone = await prPlan(['--base', 'origin/nowhere']);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('fetch-depth')]);
  });
});
