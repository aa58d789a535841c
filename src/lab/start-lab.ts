import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { JsonObject, Target } from '#contract';
import type { RunningSimulator, Simulator } from '#testkit/simulator';
import { simulatorModule } from '../providers.ts';
import { keptCredentials } from './lab-credentials.ts';
import { labFolder, labStateFile, type LabState, type LabTarget } from './lab-state.ts';

export interface LabEdit {
  readonly target: string;
  readonly name: string;
  readonly en: string;
  readonly de: string;
}

export interface Lab {
  readonly targets: ReadonlyMap<string, RunningSimulator>;
  readonly edits: readonly LabEdit[];
  /** `target` as `customer/target`. Throws RangeError for an unknown target or edit. */
  edit(target: string, name: string): Promise<void>;
  stop(): Promise<void>;
}

function isSimulator(value: unknown): value is Simulator {
  return typeof value === 'object' && value !== null && 'start' in value;
}

/** Loads the stand-in of a provider; throws where its folder has none. */
export async function loadSimulator(provider: string): Promise<Simulator> {
  const path = simulatorModule(provider);
  if (path === undefined) throw new Error(`providers/${provider} has no simulator: the lab cannot stand in for it`);
  const module: unknown = await import(path);
  const simulator: unknown = typeof module === 'object' && module !== null && 'simulator' in module ? module.simulator : undefined;
  if (!isSimulator(simulator)) throw new Error(`providers/${provider}/simulator must export \`simulator\``);
  return simulator;
}

/** A file of the lab in the configuration repository, where it exists: `<target>.json` is the seed of one stand-in, `secrets.json` has values by name. */
async function readLabFile(root: string, customer: string, name: string): Promise<JsonObject | undefined> {
  try {
    return JSON.parse(await readFile(join(root, 'lab', customer, `${name}.json`), 'utf8')) as JsonObject;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function startTarget(root: string, target: Target): Promise<RunningSimulator> {
  const simulator = await loadSimulator(target.provider);
  const folder = join(labFolder(root), target.customer, target.name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const seed = await readLabFile(root, target.customer, target.name);
  return simulator.start({ customer: target.customer, target: target.name, folder, ...(seed === undefined ? {} : { seed }) });
}

function describe(running: RunningSimulator, kept: Partial<LabTarget['credentials']>, secrets: LabTarget['secrets']): LabTarget {
  return {
    host: running.host,
    port: running.port,
    ...(running.ca === undefined ? {} : { ca: running.ca }),
    ...(running.address === undefined ? {} : { address: running.address }),
    identity: running.identity,
    credentials: { ...running.credentials, ...kept },
    secrets: { ...secrets, ...running.secrets },
    ...(running.settings === undefined ? {} : { settings: running.settings }),
  };
}

async function describeTarget(root: string, { customer, name }: Target, running: ReadonlyMap<string, RunningSimulator>): Promise<readonly [string, LabTarget]> {
  const full = `${customer}/${name}`;
  const secrets = (await readLabFile(root, customer, 'secrets') ?? {}) as Readonly<Record<string, string>>;
  return [full, describe(running.get(full) as RunningSimulator, await keptCredentials(root, customer, name), secrets)];
}

/** Starts a stand-in for every target on loopback and writes where they are for `--lab`. State and identities survive a restart. */
export async function startLab(root: string, targets: readonly Target[]): Promise<Lab> {
  await mkdir(labFolder(root), { recursive: true, mode: 0o700 });
  const running = new Map<string, RunningSimulator>();
  try {
    await Promise.all(targets.map(async (target) => running.set(`${target.customer}/${target.name}`, await startTarget(root, target))));
  } catch (error) {
    await Promise.all([...running.values()].map((simulator) => simulator.stop()));
    throw error;
  }
  const names = [...running.keys()].sort();
  const edits = names.flatMap((name) => Object.entries(running.get(name)?.edits ?? {}).map(([edit, { en, de }]) => ({ target: name, name: edit, en, de })));
  const edit = async (target: string, name: string): Promise<void> => {
    const found = running.get(target)?.edits[name];
    if (found === undefined) throw new RangeError(`no edit ${name} on ${target}`);
    await found.run();
  };
  const token = randomBytes(24).toString('hex');
  const control = await startControl(token, edits, edit);
  const state: LabState = {
    pid: process.pid,
    control: { port: (control.address() as AddressInfo).port, token },
    targets: Object.fromEntries(await Promise.all(targets.map((target) => describeTarget(root, target, running)))),
  };
  const file = labStateFile(root);
  await writeFile(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  await rename(`${file}.new`, file);
  const stop = async (): Promise<void> => {
    await rm(file, { force: true });
    control.close();
    control.closeAllConnections();
    await Promise.all([...running.values()].map((simulator) => simulator.stop()));
  };
  return { targets: running, edits, edit, stop };
}

/** `GET /edits` lists, `POST /edits/<customer>/<target>/<name>` runs one. Loopback and token only. */
async function startControl(token: string, edits: readonly LabEdit[], edit: (target: string, name: string) => Promise<void>): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.headers.authorization !== `Bearer ${token}`) {
      answer(401, { error: 'token' });
      return;
    }
    const parts = (request.url ?? '').split('/').slice(1).map(decodeURIComponent);
    if (request.method === 'GET' && parts[0] === 'edits') {
      answer(200, edits);
      return;
    }
    const [, customer, target, name] = parts;
    edit(`${customer ?? ''}/${target ?? ''}`, name ?? '').then(
      () => { answer(200, { done: true }); },
      (error: unknown) => { answer(404, { error: error instanceof Error ? error.message : 'failed' }); },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

/** Asks a running lab; throws Error with the lab's own words. */
export async function callLab(state: LabState, method: 'GET' | 'POST', path: readonly string[]): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${String(state.control.port)}/${path.map(encodeURIComponent).join('/')}`, {
    method,
    headers: { authorization: `Bearer ${state.control.token}` },
  });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : `lab answered ${String(response.status)}`);
  return body;
}
