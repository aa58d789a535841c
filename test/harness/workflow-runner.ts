/**
 * Runs a shipped workflow as GitHub Actions would, as far as the shipped workflows need it: events, `if`, `needs`, matrix, expressions, outputs, composite actions.
 * Their `run` steps are executed by bash as they stand. Foreign actions are stood in for by what they do: a clone, a token, a kept folder. What a workflow
 * uses beyond that throws.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { asText, evaluate, isTruthy, type Contexts } from './expression.ts';
import { run } from './lab-world.ts';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));

type Texts = Readonly<Record<string, string>>;

export interface Step {
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly env?: Texts;
}

export interface Job {
  readonly needs?: string;
  readonly if?: string;
  readonly 'runs-on': string | readonly string[];
  readonly environment?: string;
  readonly permissions?: Texts;
  readonly strategy?: { readonly matrix: string };
  readonly outputs?: Texts;
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly on: Readonly<Record<string, { readonly types?: readonly string[]; readonly branches?: readonly string[] } | null>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

export interface RunnerOptions {
  /** Repository whose workflow runs, `owner/name`. */
  readonly repository: string;
  /** Bare repositories by `owner/name`. */
  readonly remotes: Texts;
  readonly vars: Texts;
  /** By environment; a job without one has none. */
  readonly secrets: Readonly<Record<string, Texts>>;
  readonly token: string;
  /** Of the App whose tokens are made. */
  readonly app?: { readonly token: string; readonly slug: string };
  readonly api: string;
  /** Further environment of the runner's machine. */
  readonly env?: Texts;
  /** After a checkout: what the machine has beside it. */
  readonly prepare?: (folder: string) => Promise<void>;
}

export interface Event {
  readonly name: string;
  readonly action?: string;
  readonly payload?: Readonly<Record<string, unknown>>;
  /** Default `refs/heads/main`. */
  readonly ref?: string;
}

export interface JobRun {
  readonly job: string;
  /** Of the matrix. */
  readonly matrix?: Contexts;
  readonly result: 'success' | 'failure' | 'skipped';
  readonly log: string;
  readonly summary: string;
  /** Folder of each kept artifact. */
  readonly artifacts: Texts;
  readonly outputs: Texts;
  /** `permission-…` of the tokens that were made. */
  readonly asked: readonly Texts[];
}

export async function readYaml(path: string): Promise<unknown> {
  return parse(await readFile(join(projectRoot, path), 'utf8'));
}

/** Runs all jobs; throws when the event does not start this workflow. */
export async function runWorkflow(file: string, event: Event, options: RunnerOptions): Promise<readonly JobRun[]> {
  const workflow = await readYaml(file) as Workflow;
  if (!Object.hasOwn(workflow.on, event.name)) throw new Error(`${file} is not started by ${event.name}`);
  const filter = workflow.on[event.name];
  if (filter?.types !== undefined && !filter.types.includes(event.action ?? '')) throw new Error(`${file} is not started by ${event.name} ${event.action ?? ''}`);
  if (filter?.branches !== undefined && !filter.branches.includes((event.ref ?? 'refs/heads/main').replace('refs/heads/', ''))) throw new Error(`${file} is not started on this branch`);
  const done: JobRun[] = [];
  for (const [name, job] of Object.entries(workflow.jobs)) {
    const before = job.needs === undefined ? [] : done.filter((each) => each.job === job.needs);
    const github = { event: { action: event.action, ...event.payload }, event_name: event.name, ref: event.ref ?? 'refs/heads/main', repository: options.repository, repository_owner: options.repository.split('/')[0], token: options.token };
    const contexts: Contexts = { github, vars: options.vars, inputs: event.payload?.['inputs'], needs: Object.fromEntries(before.map((each) => [each.job, { result: each.result, outputs: each.outputs }])) };
    const ready = before.every(({ result }) => result === 'success');
    if (!ready || !isTruthy(evaluate(job.if ?? 'success()', contexts, { success: () => ready }))) {
      done.push({ job: name, result: 'skipped', log: '', summary: '', artifacts: {}, outputs: {}, asked: [] });
      continue;
    }
    const matrix = job.strategy === undefined ? undefined : interpolate(job.strategy.matrix, contexts) as { readonly include: readonly Contexts[] };
    // Jobs of a matrix run at once.
    done.push(...await Promise.all((matrix?.include ?? [undefined]).map((each) => runJob(name, job, { ...contexts, secrets: options.secrets[job.environment ?? ''] ?? {}, ...(each === undefined ? {} : { matrix: each }) }, options))));
  }
  return done;
}

interface Machine {
  readonly options: RunnerOptions;
  readonly folder: string;
  readonly workspace: string;
  readonly env: Texts;
  readonly artifacts: Record<string, string>;
  readonly asked: Texts[];
  log: string;
}

const folders: string[] = [];

/** What jobs left behind: their logs are in the results, their artifacts are looked at before. */
export async function removeJobs(): Promise<void> {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function runJob(name: string, job: Job, contexts: Contexts, options: RunnerOptions): Promise<JobRun> {
  const folder = await mkdtemp(join(tmpdir(), 'soll-job-'));
  folders.push(folder);
  const workspace = join(folder, 'work');
  const summary = join(folder, 'summary.md');
  await Promise.all([mkdir(workspace), mkdir(join(folder, 'temp')), mkdir(join(folder, 'home')), writeFile(summary, ''), writeFile(join(folder, 'event.json'), JSON.stringify((contexts['github'] as Contexts)['event']))]);
  const github = contexts['github'] as Texts;
  const machine: Machine = {
    options, folder, workspace, artifacts: {}, asked: [], log: '',
    env: {
      PATH: process.env['PATH'] ?? '', HOME: join(folder, 'home'), CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_API_URL: options.api, GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: options.repository,
      GITHUB_REF: github['ref'] ?? '', GITHUB_RUN_ID: '4711', GITHUB_EVENT_PATH: join(folder, 'event.json'), GITHUB_STEP_SUMMARY: summary, RUNNER_TEMP: join(folder, 'temp'), ...options.env,
    },
  };
  const { outputs, failed } = await runSteps(job.steps, machine, { ...contexts, runner: { temp: join(folder, 'temp') } }, {});
  return {
    job: name, result: failed ? 'failure' : 'success', log: machine.log, summary: await readFile(summary, 'utf8'), artifacts: machine.artifacts, asked: machine.asked,
    ...(contexts['matrix'] === undefined ? {} : { matrix: contexts['matrix'] as Contexts }),
    outputs: failed ? {} : interpolateAll(job.outputs ?? {}, { ...contexts, steps: outputs }),
  };
}

type StepOutputs = Record<string, { readonly outputs: Texts }>;

async function runSteps(steps: readonly Step[], machine: Machine, contexts: Contexts, env: Texts): Promise<{ readonly outputs: StepOutputs; readonly failed: boolean }> {
  const outputs: StepOutputs = {};
  let failed = false;
  for (const [index, step] of steps.entries()) {
    const known = { ...contexts, steps: outputs };
    const condition = step.if ?? 'success()';
    const wanted = evaluate(condition, known, { success: () => !failed, always: () => true });
    if (!isTruthy(wanted) || (failed && !condition.includes('always()'))) continue;
    const given = interpolateAll(step.with ?? {}, known);
    const done = step.uses === undefined ? await bash(step, machine, { ...env, ...interpolateAll(step.env ?? {}, known) }) : await use(step.uses, given, machine, known);
    outputs[step.id ?? `step-${String(index)}`] = { outputs: done.outputs };
    failed ||= done.failed;
  }
  return { outputs, failed };
}

interface Done {
  readonly outputs: Texts;
  readonly failed: boolean;
}

async function bash(step: Step, machine: Machine, env: Texts): Promise<Done> {
  const script = await mkdtemp(join(machine.folder, 'step-'));
  const output = join(script, 'output');
  await Promise.all([writeFile(join(script, 'run.sh'), step.run ?? ''), writeFile(output, '')]);
  // As the runner does for `shell: bash`; without a shell it leaves pipefail out.
  const ended = await run('env', ['-i', ...Object.entries({ ...machine.env, ...env, GITHUB_OUTPUT: output }).map(([key, value]) => `${key}=${value}`), 'bash', ...(step.shell === undefined ? ['-e'] : ['--noprofile', '--norc', '-eo', 'pipefail']), join(script, 'run.sh')], { cwd: machine.workspace });
  // Of this command nobody sees the value.
  machine.log += `${ended.stdout}${ended.stderr}`.replaceAll(/^::add-mask::.*\n/gm, '');
  return { outputs: parseOutputs(await readFile(output, 'utf8')), failed: ended.code !== 0 };
}

function parseOutputs(text: string): Texts {
  const found: Record<string, string> = {};
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const heredoc = /^([a-z]+)<<(.+)$/.exec(lines[index] ?? '');
    if (heredoc !== null) {
      const end = lines.indexOf(heredoc[2] ?? '', index);
      if (end < 0) throw new Error('an output has no end');
      found[heredoc[1] ?? ''] = lines.slice(index + 1, end).join('\n');
      index = end;
      continue;
    }
    const plain = /^([a-z]+)=(.*)$/.exec(lines[index] ?? '');
    if (plain !== null) found[plain[1] ?? ''] = plain[2] ?? '';
    else if (lines[index] !== '') throw new Error(`not an output: ${lines[index] ?? ''}`);
  }
  return found;
}

async function use(uses: string, given: Texts, machine: Machine, contexts: Contexts): Promise<Done> {
  const [name = ''] = uses.split('@');
  if (name === 'your-org/soll') return composite(given, machine, contexts);
  if (name === 'actions/setup-node') return { outputs: {}, failed: false };
  if (name === 'actions/checkout') return checkout(given, machine);
  if (name === 'actions/upload-artifact') {
    const kept = join(machine.folder, `artifact-${given['name'] ?? ''}`);
    await cp(given['path'] ?? '', kept, { recursive: true });
    machine.artifacts[given['name'] ?? ''] = kept;
    return { outputs: {}, failed: false };
  }
  if (name === 'actions/create-github-app-token') {
    const { app } = machine.options;
    if (app === undefined || (given['private-key'] ?? '') === '' || (given['client-id'] ?? '') === '' || (given['repositories'] ?? '') === '') throw new Error('no App, no key of it, or a token for everything is asked for');
    machine.asked.push(given);
    return { outputs: { token: app.token, 'app-slug': app.slug }, failed: false };
  }
  throw new Error(`${uses} is not part of this stand-in`);
}

async function composite(given: Texts, machine: Machine, contexts: Contexts): Promise<Done> {
  const action = await readYaml('action.yml') as { readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>; readonly outputs: Readonly<Record<string, { readonly value: string }>>; readonly runs: { readonly steps: readonly Step[] } };
  for (const name of Object.keys(given)) if (!Object.hasOwn(action.inputs, name)) throw new Error(`action.yml has no input ${name}`);
  const inputs = Object.fromEntries(Object.entries(action.inputs).map(([name, input]) => {
    if (input.required === true && given[name] === undefined) throw new Error(`the input ${name} is missing`);
    return [name, given[name] ?? asText(interpolate(input.default ?? '', contexts))];
  }));
  const inner: Contexts = { github: contexts['github'], runner: contexts['runner'], inputs };
  const { outputs, failed } = await runSteps(action.runs.steps, machine, inner, { GITHUB_ACTION_PATH: projectRoot });
  return { failed, outputs: interpolateAll(Object.fromEntries(Object.entries(action.outputs).map(([name, { value }]) => [name, value])), { ...inner, steps: outputs }) };
}

async function checkout(given: Texts, machine: Machine): Promise<Done> {
  const { options, workspace } = machine;
  const remote = options.remotes[given['repository'] ?? options.repository];
  if (remote === undefined) throw new Error(`there is no repository ${given['repository'] ?? options.repository}`);
  if (given['persist-credentials'] !== 'false' || given['fetch-depth'] !== '0') throw new Error('a checkout that keeps its token, or that has no history');
  const target = join(workspace, given['path'] ?? '.');
  for (const args of [['clone', '-q', '--no-checkout', remote, target], ['-C', target, 'checkout', '-q', '--detach', given['ref'] === 'main' ? 'origin/main' : given['ref'] ?? 'origin/HEAD']]) {
    const ended = await run('git', args);
    if (ended.code !== 0) throw new Error(`checkout: ${ended.stderr}`);
  }
  await options.prepare?.(target);
  return { outputs: {}, failed: false };
}

function interpolate(text: unknown, contexts: Contexts): unknown {
  const source = String(text);
  const whole = /^\$\{\{((?:(?!\}\}).)*)\}\}$/.exec(source);
  if (whole !== null) return evaluate(whole[1]?.trim() ?? '', contexts, {});
  return source.replaceAll(/\$\{\{((?:(?!\}\}).)*)\}\}/g, (_, inner: string) => asText(evaluate(inner.trim(), contexts, {})));
}

function interpolateAll(texts: Texts, contexts: Contexts): Texts {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, asText(interpolate(text, contexts))]));
}

/** A program in front of the PATH that writes down what it is called with. */
export async function pretend(folder: string, name: string): Promise<{ readonly path: string; readonly calls: () => Promise<string> }> {
  await mkdir(folder, { recursive: true });
  const log = join(folder, `${name}.log`);
  await writeFile(log, '');
  await writeFile(join(folder, name), `#!/bin/sh\necho "$PWD: $*" >> '${log}'\n`, { mode: 0o755 });
  return { path: `${folder}:${process.env['PATH'] ?? ''}`, calls: () => readFile(log, 'utf8') };
}
