/** A configuration repository with a bare remote, and the stand-ins of its targets in this process: what end-to-end tests drive the real command line in. */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startLab, type Lab } from '../../src/lab/start-lab.ts';
import { loadDesired } from '../../src/desired/load-desired.ts';
import { folderSource } from '#git/file-sources';
import { kinds } from '#kinds/registry';
import { loadProviders } from '../../src/providers.ts';
import type { ChangeOutcome, Verdict } from '#contract';
import { base } from './desired.ts';
import { callWarm } from './warm-cli.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(command: string, args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly stdin?: string; readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...(options.cwd === undefined ? {} : { cwd: options.cwd }), env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => { stdout += chunk; });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
      options.onStderr?.(stderr, (signal) => { child.kill(signal); });
    });
    child.on('error', reject);
    child.on('close', (code, signal) => { resolve({ code, signal, stdout, stderr }); });
    // A child that ends before it reads is no failure of ours.
    child.stdin.on('error', () => undefined).end(options.stdin ?? '');
  });
}

export async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const ended = await run('git', ['-c', 'user.name=Test', '-c', 'user.email=test@msp.example', ...args], { cwd });
  if (ended.code !== 0) throw new Error(`git ${args.join(' ')}: ${ended.stderr}`);
  return ended.stdout.trim();
}

/** What needs a process of its own: it runs on, reads its input or asks who its process is. */
const alone = new Set(['lab', 'secret']);

/** The real command line, as a user would run it; in a process that stays loaded where that makes no difference. */
export async function soll(cwd: string, args: readonly string[], options: Parameters<typeof run>[2] = {}): Promise<Ended> {
  // Node reads its own variables once, as it starts; callWarm knows that one of them.
  const atStart = Object.keys(options.env ?? {}).some((name) => name.startsWith('NODE_') && name !== 'NODE_EXTRA_CA_CERTS');
  if (options.stdin === undefined && options.onStderr === undefined && !atStart && !alone.has(args[0] ?? '')) {
    const answer = callWarm(options.cwd ?? cwd, args, { ...process.env, NO_COLOR: '1', ...options.env });
    if (answer !== undefined) return { ...(await answer), signal: null };
  }
  return run(process.execPath, [join(root, 'bin', 'soll.js'), ...args], { cwd, ...options, env: { NO_COLOR: '1', ...options.env } });
}

export interface ChildResult {
  readonly code: number;
  readonly runs: readonly { readonly customer: string; readonly recorded: boolean; readonly targets: readonly { readonly target: string; readonly verdict: Verdict; readonly why?: string; readonly changes: readonly { readonly address: string; readonly outcome: ChangeOutcome }[] }[] }[];
  readonly refused: readonly { readonly customer: string; readonly code: string; readonly why: string }[];
  readonly plans: readonly { readonly customer: string; readonly digest: string; readonly leaves: number }[];
}

export interface ChildInput {
  readonly root: string;
  readonly customers?: readonly string[];
  readonly approve?: readonly string[];
  readonly killAt?: number;
  readonly log?: string;
  readonly host?: string;
  readonly fast?: boolean;
  readonly pauseAt?: string;
  readonly pauseMs?: number;
  readonly failAt?: string;
  readonly lockTimeoutMs?: number;
  readonly leaseSeconds?: number;
}

/** `apply` in a process that can be broken; `undefined` when it was killed. */
export async function applyChild(input: ChildInput): Promise<ChildResult | undefined> {
  const ended = await run(process.execPath, [join(root, 'test', 'harness', 'child.mjs'), JSON.stringify(input)]);
  if (ended.signal !== null) return undefined;
  if (ended.code !== 0) throw new Error(`the child ended with ${String(ended.code)}: ${ended.stderr}`);
  if (ended.stdout === '') throw new Error(`the child said nothing: ${ended.stderr}`);
  return JSON.parse(ended.stdout) as ChildResult;
}

export interface LabWorld {
  /** Clone that the lab was started in. */
  readonly root: string;
  readonly remote: string;
  lab: Lab;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  commit(message: string): Promise<void>;
  /** A fresh clone of the remote that knows the lab. */
  clone(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** An age recipient whose key nobody needs here. */
const handover = 'age12csh3z6ehc8lavpqn5enyhapl8wl9f7aa7cgav4atzs8u4fkr33qz4zlfn';

const store = `  store:
    provider: memory
    site: hq
    address: store.example:443
    identity:
      - tls:${Array.from({ length: 32 }, () => 'AA').join(':')}
    credentials:
      read:
        $secret: store-read
      write:
        $secret: store-write
    manages:
      vlan: merge
`;

/** One customer with a target of each nature: a firewall, a tenant, a store. */
export const acme: Readonly<Record<string, string>> = {
  ...base,
  'customers/acme/customer.yaml': `${base['customers/acme/customer.yaml'] ?? ''}handover:\n  - ${handover}\nlimits:\n  deletes: 5\n  deleteShare: 1\n`,
  'customers/acme/targets.yaml': `${base['customers/acme/targets.yaml'] ?? ''}${store}`,
  'lab/acme/tenant.json': JSON.stringify({ domains: ['acme.example'], licences: { SPB: 5 }, users: [{ userPrincipalName: 'notfall@acme.example', displayName: 'Notfall', admin: true }, { userPrincipalName: 'foreign@acme.example', displayName: 'Foreign' }], groups: [] }),
  'soll.yaml': 'version: 1\nfleet:\n  deletes: 50\n',
  '.gitignore': '.soll/\n',
};

/** `template`: a lab folder of an earlier world, so that keys need not be made again. */
export async function makeLabWorld(files: Readonly<Record<string, string>> = acme, template?: string): Promise<LabWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'soll-e2e-'));
  const remote = join(folder, 'remote.git');
  const clone = join(folder, 'a');
  await mkdir(clone);
  await git(folder, 'init', '-q', '--bare', '-b', 'main', remote);
  await git(clone, 'init', '-q', '-b', 'main');
  await git(clone, 'config', 'user.name', 'Mia Technik');
  await git(clone, 'config', 'user.email', 'mia@msp.example');
  await git(clone, 'remote', 'add', 'origin', remote);
  const write = async (given: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(given)) {
      await mkdir(dirname(join(clone, path)), { recursive: true });
      await writeFile(join(clone, path), text);
    }
  };
  const commit = async (message: string): Promise<void> => {
    await git(clone, 'add', '-A');
    await git(clone, 'commit', '-q', '-m', message);
    await git(clone, 'push', '-q', 'origin', 'HEAD:main');
  };
  await write(files);
  await commit('first');
  if (template !== undefined) await cp(template, join(clone, '.soll', 'lab'), { recursive: true });
  const world: LabWorld = {
    root: clone, remote, write, commit, lab: await startLabOf(clone),
    async clone(name) {
      const other = join(folder, name);
      await git(folder, 'clone', '-q', remote, other);
      await git(other, 'config', 'user.name', 'Ben Technik');
      await git(other, 'config', 'user.email', 'ben@msp.example');
      await mkdir(join(other, '.soll', 'lab'), { recursive: true });
      await writeFile(join(other, '.soll', 'lab', 'state.json'), await readFile(join(clone, '.soll', 'lab', 'state.json')));
      return other;
    },
    async stop() {
      await world.lab.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return world;
}

export async function startLabOf(clone: string): Promise<Lab> {
  const providers = await loadProviders();
  const loaded = await loadDesired({ source: folderSource(clone), kinds, providers: new Map([...providers].map(([name, { provider, settingsSchema }]) => [name, { settingsSchema, capabilities: provider.capabilities }])), lab: true, asOf: new Date().toISOString() });
  const errors = loaded.problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(`the world is broken: ${JSON.stringify(errors)}`);
  return startLab(clone, loaded.states.flatMap((state) => state.targets.map(({ target }) => target)));
}

export async function planOf(cwd: string): Promise<{ readonly digest: string; readonly leaves: number; readonly plan: Record<string, unknown> }> {
  const ended = await soll(cwd, ['plan', 'acme', '--lab', '--json']);
  if (ended.stdout === '') throw new Error(`plan ended with ${String(ended.code)}: ${ended.stderr}`);
  const plan = (JSON.parse(ended.stdout) as { plans: (Record<string, unknown> & { digest: string; leaves: unknown[] })[] }).plans[0];
  if (plan === undefined) throw new Error(`no plan: ${ended.stdout} ${ended.stderr}`);
  return { digest: plan.digest, leaves: plan.leaves.length, plan };
}
