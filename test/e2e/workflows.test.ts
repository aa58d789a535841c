/**
 * The shipped workflows, rehearsed: their steps run in bash as they stand, against a bare repository, the stand-ins of two customers' stores and of GitHub.
 * Both layouts, one story: several pull requests, merges, a fork, a force-push after approval, two runners at once, drift.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AuditRecord } from '#core/audit-record';
import type { CommitStatus } from '#core/platform';
import { openRepo } from '#git/open-repo';
import { startGithubServer, type GithubPullState, type GithubServer, type GithubUser } from '#testkit/github-server';
import { systemClock } from '#transport/system-clock';
import { openAuditOf } from '../../src/audit-of.ts';
import { git, makeLabWorld, type LabWorld } from '../harness/lab-world.ts';
import { customerOf, networkOf, storesOf } from '../harness/stores.ts';
import { pretend, projectRoot, removeJobs, runWorkflow, type Event, type JobRun, type RunnerOptions } from '../harness/workflow-runner.ts';

const repository = 'msp/customers';
const people = ['mia', 'carl'].map((name) => `  ${name}:\n    name: ${name}\n    emails: [${name}@msp.example${name === 'mia' ? ', test@msp.example' : ''}]\n    account: ${name}-msp\n    groups: [technicians]\n`).join('');
const user = (login: string): GithubUser => ({ login, type: 'User' });
const mia = user('mia-msp');
/** Every token that must not be seen, and its form in a header of Git. */
const tokens = { job: 'ghs_job_0123456789', app: 'ghs_app_0123456789', notify: 'ghs_notify_0123456789' };

let world: LabWorld;
let hub: GithubServer;
let control: GithubServer;
let single: RunnerOptions;
let central: RunnerOptions;
let npm: Awaited<ReturnType<typeof pretend>>;
const logs: string[] = [];

beforeAll(async () => {
  world = await makeLabWorld({ ...storesOf('acme', 'beta'), 'soll.yaml': `version: 1\nfleet:\n  deletes: 50\npeople:\n${people}approval:\n  rules:\n    - from: [technicians]\n      count: 1\n` });
  hub = await startGithubServer({ repository, token: tokens.job, account: { login: 'github-actions[bot]', type: 'Bot' } });
  control = await startGithubServer({ repository: 'msp/control', token: tokens.notify, account: { login: 'soll-notify[bot]', type: 'Bot' } });
  const folder = join(world.root, '..');
  await Promise.all([writeFile(join(folder, 'hub.pem'), hub.cert), writeFile(join(folder, 'control.pem'), control.cert)]);
  npm = await pretend(join(folder, 'bin'), 'npm');
  const state = await readFile(join(world.root, '.soll', 'lab', 'state.json'));
  single = {
    repository, remotes: { [repository]: world.remote }, token: tokens.job, api: hub.api, vars: { SOLL_ARGUMENTS: '--lab', SOLL_PATH: join(projectRoot, 'bin', 'soll.js') },
    secrets: { plan: { SOLL_AGE_KEY: 'AGE-SECRET-KEY-READ' }, apply: { SOLL_AGE_KEY: 'AGE-SECRET-KEY-READ', SOLL_AGE_KEY_WRITE: 'AGE-SECRET-KEY-WRITE' } },
    env: { NODE_EXTRA_CA_CERTS: join(folder, 'hub.pem'), CURL_CA_BUNDLE: join(folder, 'control.pem') },
    prepare: async (target) => {
      await mkdir(join(target, '.soll', 'lab'), { recursive: true });
      await writeFile(join(target, '.soll', 'lab', 'state.json'), state);
    },
  };
  const vars = { ...single.vars, SOLL_CUSTOMERS: 'customers', SOLL_APP_CLIENT_ID: 'Iv1.soll' };
  const secrets = Object.fromEntries(Object.entries(single.secrets).map(([environment, each]) => [environment, { ...each, SOLL_APP_KEY: 'PEM' }]));
  // The token of the workflow itself is good for nothing there: everything goes through the App.
  central = { ...single, repository: 'msp/control', token: 'ghs_worthless', app: { token: tokens.job, slug: 'github-actions' }, vars, secrets };
}, 300_000);

afterAll(async () => {
  await Promise.all([hub.close(), control.close()]);
  await Promise.all([world.stop(), removeJobs()]);
});

async function rehearse(file: string, event: Event, options: RunnerOptions = single): Promise<readonly JobRun[]> {
  const jobs = await runWorkflow(file, event, options);
  logs.push(...jobs.flatMap(({ log, summary }) => [log, summary]));
  return jobs;
}

const results = (jobs: readonly JobRun[]): readonly string[] => jobs.map(({ job, matrix, result }) => [job, ...(matrix === undefined ? [] : [String(matrix['shard'] ?? matrix['pull'])]), result].join(' '));
const logOf = (jobs: readonly JobRun[], shard?: string): string => jobs.filter(({ matrix }) => shard === undefined || matrix?.['shard'] === shard).map(({ log }) => log).join('\n');
const writes = (customer: string): number => world.lab.targets.get(`${customer}/store`)?.writes().length ?? -1;
const pull = (number: number): GithubPullState => {
  const found = hub.state.pulls.find((each) => each.number === number);
  if (found === undefined) throw new Error(`there is no pull request ${String(number)}`);
  return found;
};
const eventOf = (number: number, action = 'opened'): Event => {
  const { head } = pull(number);
  return { name: 'pull_request', action, ref: `refs/pull/${String(number)}/merge`, payload: { pull_request: { number, head: { sha: head.sha, ref: head.ref, repo: { full_name: head.repo } }, title: '$(touch /tmp/soll-was-here) `id`' } } };
};
const planStatus = (sha: string): CommitStatus['state'] | undefined => hub.state.statuses.findLast((status) => status.sha === sha)?.state as CommitStatus['state'] | undefined;

/** Mia's branch with one more VLAN for a customer, and a pull request for it. */
async function propose(number: number, customer: string, ...ids: readonly number[]): Promise<void> {
  const branch = `change-${String(number)}`;
  await git(world.root, 'checkout', '-q', '-b', branch, 'main');
  await world.write({ [`customers/${customer}/network.yaml`]: networkOf(...ids) });
  await git(world.root, 'commit', '-qam', `${customer}: ${ids.join(', ')}`);
  const sha = await git(world.root, 'rev-parse', 'HEAD');
  const base = await git(world.root, 'rev-parse', 'main');
  await git(world.root, 'push', '-q', 'origin', branch);
  await git(world.root, 'checkout', '-q', 'main');
  hub.state.pulls.push({ number, title: branch, user: mia, head: { ref: branch, sha, repo: repository }, base: { ref: 'main', sha: base }, state: 'open', merged: false, merge_commit_sha: null, commits: [{ sha, author: mia, committer: mia }], reviews: [] });
}

function approve(number: number): void {
  const { reviews, head } = pull(number);
  reviews.push({ user: user('carl-msp'), state: 'APPROVED', commit_id: head.sha, submitted_at: new Date(Date.now() + 1000).toISOString() });
}

async function merge(number: number): Promise<void> {
  await git(world.root, 'merge', '-q', '--no-ff', '-m', `Merge ${String(number)}`, pull(number).head.ref);
  await git(world.root, 'push', '-q', 'origin', 'main');
  Object.assign(pull(number), { state: 'closed', merged: true, merge_commit_sha: await git(world.root, 'rev-parse', 'HEAD') });
}

it('one repository: a pull request is checked without a secret, and planned with the read credentials', async () => {
  await propose(1, 'acme', 10, 20, 30);
  const checked = await rehearse('workflows/single/soll-validate.yml', eventOf(1), { ...single, env: { ...single.env, PATH: npm.path } });
  expect([results(checked), logOf(checked)]).toEqual([['validate success'], expect.not.stringContaining('::error')]);
  // What a hosted runner has to do first.
  expect(await npm.calls()).toBe(`${projectRoot.replace(/\/$/, '')}: ci --ignore-scripts --no-audit --no-fund\n${projectRoot.replace(/\/$/, '')}: run --silent build\n`);

  const [planned] = await rehearse('workflows/single/soll-plan.yml', eventOf(1));
  expect([planned?.result, planned?.log]).toEqual(['success', expect.stringContaining('acme: ')]);
  expect(planStatus(pull(1).head.sha)).toBe('success');
  expect(hub.state.comments.map(({ issue }) => issue)).toEqual([1]);
  expect(planned?.summary).toContain(pull(1).head.sha.slice(0, 12));
  const { plans } = JSON.parse(await readFile(join(planned?.artifacts['soll-plan-1'] ?? '', 'plan', 'plan.json'), 'utf8')) as { readonly plans: readonly { readonly customer: string }[] };
  expect(plans.map(({ customer }) => customer)).toEqual(['acme']);
  expect(writes('acme')).toBe(0);
}, 300_000);

it('one repository: nothing of a fork is planned', async () => {
  hub.state.pulls.push({ ...pull(1), number: 2, user: user('eve'), head: { ref: 'change-1', sha: pull(1).head.sha, repo: 'eve/customers' }, reviews: [], commits: [] });
  const asked = hub.requests.length;
  expect(results(await rehearse('workflows/single/soll-plan.yml', eventOf(2)))).toEqual(['plan skipped']);
  expect(hub.requests.length).toBe(asked);
}, 300_000);

it('one repository: two runners at once apply what was approved, once; what was pushed by force after its approval stops, exit 4', async () => {
  await propose(3, 'beta', 10, 20, 40);
  expect(results(await rehearse('workflows/single/soll-plan.yml', eventOf(3)))).toEqual(['plan success']);
  approve(1);
  approve(3);
  // Carl has seen VLAN 40; what is merged is VLAN 41.
  await git(world.root, 'checkout', '-q', 'change-3');
  await world.write({ 'customers/beta/network.yaml': networkOf(10, 20, 41) });
  await git(world.root, 'commit', '-q', '--amend', '-am', 'beta: another one');
  await git(world.root, 'push', '-q', '--force', 'origin', 'change-3');
  const sha = await git(world.root, 'rev-parse', 'HEAD');
  await git(world.root, 'checkout', '-q', 'main');
  Object.assign(pull(3), { head: { ...pull(3).head, sha }, commits: [{ sha, author: mia, committer: mia }] });
  expect(results(await rehearse('workflows/single/soll-plan.yml', eventOf(3, 'synchronize')))).toEqual(['plan success']);
  expect(hub.state.comments.filter(({ issue }) => issue === 3).map(({ body }) => body.includes(sha))).toEqual([true]);
  await merge(1);
  await merge(3);

  const [pushed, hourly] = await Promise.all([rehearse('workflows/single/soll-apply.yml', { name: 'push' }), rehearse('workflows/single/soll-apply.yml', { name: 'schedule' })]);
  for (const jobs of [pushed, hourly]) {
    expect(results(jobs)).toEqual(expect.arrayContaining(['shards success', 'apply beta failure']));
    expect(logOf(jobs, 'beta')).toMatch(/::error title=soll apply::stale or not approved \(exit code 4\)/);
  }
  // Whoever came second waited and found nothing left, or left and said whose turn it was.
  const acme = [pushed, hourly].map((jobs) => ({ ok: results(jobs).includes('apply acme success'), log: logOf(jobs, 'acme') }));
  expect(acme.some(({ ok }) => ok)).toBe(true);
  for (const { ok, log } of acme) if (!ok) expect(log).toMatch(/acme not applied: .*(under way|has taken the lock|has been recorded since)[\s\S]*\(exit code 1\)/);
  expect([writes('acme'), writes('beta')]).toEqual([3, 0]);
  expect(acme.find(({ ok, log }) => ok && log.includes('converged'))).toBeDefined();
  const operators = (await git(world.remote, 'log', '--format=%an', 'audit-lab/acme')).split('\n');
  expect(new Set(operators)).toEqual(new Set(['msp/customers, run 4711']));
}, 300_000);

it('one repository: a run that finds another one at work leaves and names its holder', async () => {
  approve(3);
  const other = await world.clone('elsewhere');
  const repo = await openRepo(other);
  const lock = await (await openAuditOf({ root: other, lab: true, env: {}, clock: systemClock, log: { debug: () => undefined, info: () => undefined, warn: () => undefined }, progress: () => undefined, signal: new AbortController().signal, redactor: { add: () => undefined, redact: (text) => text } }, repo, 'beta', { prefix: 'audit-lab', remote: 'origin', operator: 'Ben' }))
    .begin('20261124T000000Z-00000000', { commit: await repo.head() ?? '', author: '', subject: '', tool: 'soll', digest: `sha256:${'0'.repeat(64)}`, leaves: [], approvals: [], guardToken: '', targets: [], protected: [], stale: [], policy: { bases: [], since: '', whole: false, accounts: [] } });
  try {
    const jobs = await rehearse('workflows/single/soll-apply.yml', { name: 'workflow_dispatch' }, { ...single, vars: { ...single.vars, SOLL_LOCK_TIMEOUT: '1' } });
    // Acme is done: nobody plans it again.
    expect(results(jobs)).toEqual(['shards success', 'apply beta failure']);
    expect(logOf(jobs, 'beta')).toMatch(/beta not applied: run 20261124T000000Z-00000000 of beta is under way: Ben on \S+ \(process \d+\)[\s\S]*\(exit code 1\)/);
    expect(writes('beta')).toBe(0);
  } finally {
    await lock.append({ type: 'close', commit: await repo.head() ?? '', targets: [], protected: [] } satisfies Partial<AuditRecord>);
  }
}, 300_000);

it('one repository: drift is an issue and a green job with a warning', async () => {
  await world.lab.edit('acme/store', 'delete-vlan');
  const [drift] = await rehearse('workflows/single/soll-drift.yml', { name: 'schedule' });
  expect([drift?.result, drift?.log]).toEqual(['success', expect.stringContaining('::warning title=soll drift::changes or drift are there')]);
  expect(hub.state.issues.map(({ state }) => state)).toEqual(['open']);
  expect(drift?.summary).toMatch(/^### soll drift: changes or drift are there/m);
}, 300_000);

it('two repositories: an event says where to look, control plans there; nothing of a fork', async () => {
  await propose(4, 'acme', 10, 20, 30, 50);
  hub.state.pulls.push({ ...pull(4), number: 5, user: user('eve'), head: { ref: 'change-4', sha: pull(4).head.sha, repo: 'eve/customers' }, reviews: [], commits: [] });
  const notify: RunnerOptions = { ...single, token: 'ghs_worthless', api: control.api, app: { token: tokens.notify, slug: 'soll-notify' }, vars: { SOLL_CONTROL: 'control', SOLL_NOTIFY_CLIENT_ID: 'Iv1.notify' }, secrets: { notify: { SOLL_NOTIFY_KEY: 'PEM' } } };
  for (const number of [4, 5]) expect(results(await rehearse('workflows/customers/soll-notify.yml', { ...eventOf(number), name: 'pull_request_target', ref: 'refs/heads/main' }, notify))).toEqual(['notify success']);
  expect(control.state.dispatches).toEqual([4, 5].map((number) => ({ event_type: 'soll-plan', client_payload: { pull: number } })));

  const [own, fork] = control.state.dispatches.map(({ event_type: action, client_payload: payload }): Event => ({ name: 'repository_dispatch', action, payload: { client_payload: payload } }));
  if (own === undefined || fork === undefined) throw new Error('not sent');
  const planned = await rehearse('workflows/control/soll-plan.yml', own, central);
  expect(results(planned)).toEqual(['find success', 'plan 4 success']);
  expect(planStatus(pull(4).head.sha)).toBe('success');
  // The job that only looks asks for no permission to write.
  expect(planned.map(({ asked }) => Object.entries(asked[0] ?? {}).filter(([name]) => name.startsWith('permission-')).map(([name, value]) => `${name.slice(11)}: ${value}`))).toEqual([['pull-requests: read', 'statuses: read'], ['contents: write', 'pull-requests: write', 'issues: write', 'statuses: write']]);
  expect(results(await rehearse('workflows/control/soll-plan.yml', fork, central))).toEqual(['find success', 'plan skipped']);
}, 300_000);

it('two repositories: after the merge control applies what waits, of all customers; then nobody waits any more', async () => {
  approve(4);
  await merge(4);
  const applied = await rehearse('workflows/control/soll-apply.yml', { name: 'repository_dispatch', action: 'soll-apply' }, central);
  expect(results(applied)).toEqual(['shards success', 'apply acme success', 'apply beta success']);
  expect([writes('beta'), logOf(applied, 'beta')]).toEqual([3, expect.stringContaining('converged')]);
  expect(applied.at(-1)?.summary).toMatch(/^### soll apply: nothing to do, or done\n\n```\n/);
  const idle = await rehearse('workflows/control/soll-apply.yml', { name: 'schedule' }, central);
  expect(results(idle)).toEqual(['shards success', 'apply skipped']);
  // What was deleted by hand came back with what Carl has approved: the issue is closed.
  expect(results(await rehearse('workflows/control/soll-drift.yml', { name: 'workflow_dispatch' }, central))).toEqual(['drift success']);
  expect(hub.state.issues.map(({ state }) => state)).toEqual(['closed']);
}, 300_000);

it('configurations are fetched before the promise is broken, in both layouts; a device that is off is tried again, and red once it has taken too long', async () => {
  const recipient = await identityToRecipient(await generateIdentity());
  const policy = (everyHours: number): string => customerOf('acme', `configBackup:\n  recipients:\n    - ${recipient}\n  everyHours: ${String(everyHours)}\n`);
  await world.write({ 'customers/acme/customer.yaml': policy(24) });
  await git(world.root, 'commit', '-qam', 'Keep configurations');
  await git(world.root, 'push', '-q', 'origin', 'main');
  const [kept] = await rehearse('workflows/single/soll-backup.yml', { name: 'schedule' });
  expect([kept?.result, kept?.log]).toEqual(['success', expect.stringMatching(/store stored[\s\S]*store kept/)]);
  expect(await git(world.remote, 'show', 'config-lab/acme:store/configuration.age')).toContain('BEGIN AGE ENCRYPTED FILE');
  expect(await git(world.remote, 'show', 'observed-lab/acme:observed.json')).toContain('"kept"');
  const [again] = await rehearse('workflows/control/soll-backup.yml', { name: 'schedule' }, central);
  expect([again?.result, again?.log]).toEqual(['success', expect.not.stringMatching(/stored|unchanged/)]);
  expect(again?.asked[0]).toMatchObject({ repositories: 'customers\n\n', 'permission-contents': 'write' });

  // Beta is promised a copy and does not answer: nothing was ever kept.
  await world.write({ 'customers/beta/customer.yaml': policy(24) });
  await git(world.root, 'commit', '-qam', 'Beta as well');
  await git(world.root, 'push', '-q', 'origin', 'main');
  world.lab.targets.get('beta/store')?.faults.refuseAuth?.();
  const [silent] = await rehearse('workflows/single/soll-backup.yml', { name: 'schedule' });
  expect([silent?.result, silent?.log]).toEqual(['failure', expect.stringMatching(/::warning title=soll backup run::some targets are unreachable[\s\S]*NEVER FETCHED[\s\S]*::error title=soll backup list::/)]);
}, 300_000);

it('no token and no key stands in any log or summary, and nothing in a title was run', async () => {
  const basic = Object.values(tokens).map((token) => Buffer.from(`x-access-token:${token}`).toString('base64'));
  for (const secret of [...Object.values(tokens), ...basic, 'AGE-SECRET-KEY-']) expect(logs.filter((log) => log.includes(secret))).toEqual([]);
  await expect(readFile('/tmp/soll-was-here')).rejects.toThrow();
});
