/** Plans that this clone has shown, so that `apply --approve DIGEST` can name the leaves of a digest, and the plans of a set. Never executed. */
import { lstat, mkdir, readFile, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '#contract';
import { fleetDigest, type PlanSet } from '#core/fleet-digest';
import type { Leaf, Plan } from '#core/model';

export interface SavedPlan {
  readonly customer: string;
  readonly digest: string;
  readonly leaves: readonly Leaf[];
}

/** Several plans of a fleet of a thousand customers. */
const keep = 5000;

function folder(gitDir: string): string {
  return join(gitDir, 'soll', 'plans');
}

export async function savePlan(gitDir: string, plan: Plan): Promise<void> {
  if (plan.leaves.length === 0) return;
  const saved: SavedPlan = { customer: plan.customer, digest: plan.digest, leaves: plan.leaves };
  await save(gitDir, `${plan.digest.replace('sha256:', '')}.${plan.customer}.json`, saved);
}

/** Which plans a digest over several customers means. */
export async function saveFleet(gitDir: string, fleet: PlanSet): Promise<void> {
  // No customer has such a name.
  await save(gitDir, `${fleet.digest.replace('sha256:', '')}._fleet.json`, { fleet });
}

async function save(gitDir: string, name: string, value: object): Promise<void> {
  const directory = folder(gitDir);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, name);
  await writeFile(`${file}.${String(process.pid)}`, JSON.stringify(value), { mode: 0o600 });
  await rename(`${file}.${String(process.pid)}`, file);
}

/** Those of these digests that are still known; of all that lie there, the oldest beyond the limit are forgotten. */
export async function readSavedPlans(gitDir: string, digests: readonly string[]): Promise<readonly SavedPlan[]> {
  return (await readSaved(gitDir, digests)).flatMap(parseSaved);
}

/** Those of these digests that are known here as sets. */
export async function readSavedFleets(gitDir: string, digests: readonly string[]): Promise<readonly PlanSet[]> {
  return (await readSaved(gitDir, digests)).flatMap(parseFleet);
}

async function readSaved(gitDir: string, digests: readonly string[]): Promise<readonly string[]> {
  const directory = folder(gitDir);
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.json'));
  if (names.length > keep) await forgetOldest(directory, names);
  const wanted = new Set(digests.map((digest) => digest.replace('sha256:', '')));
  return Promise.all(names.filter((name) => wanted.has(name.split('.')[0] ?? '')).map((name) => readFile(join(directory, name), 'utf8').catch(() => 'null')));
}

/** From a saved set, or from the output of `soll plan --json`. What does not add up is none. */
export function parseFleet(text: string): readonly PlanSet[] {
  const value = parseJson(text);
  const fleet = typeof value === 'object' && value !== null && 'fleet' in value && typeof value.fleet === 'object' && value.fleet !== null ? value.fleet : {};
  if (!('digest' in fleet) || !('customers' in fleet) || typeof fleet.customers !== 'object' || fleet.customers === null) return [];
  const members = Object.entries(fleet.customers).filter((member): member is [string, string] => typeof member[1] === 'string');
  const customers = Object.fromEntries(members);
  return members.length > 1 && fleetDigest(customers) === fleet.digest ? [{ digest: fleet.digest, customers }] : [];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function forgetOldest(directory: string, names: readonly string[]): Promise<void> {
  const aged = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0 })));
  await Promise.all(aged.sort((a, b) => b.at - a.at).slice(keep).map(({ name }) => unlink(join(directory, name)).catch(() => undefined)));
}

/** Files of another job: a link could lead anywhere, a pipe never ends, and nothing of them is told but their names. */
export async function readPlanFiles(files: readonly string[]): Promise<{ readonly texts: readonly string[]; readonly problems: readonly Problem[] }> {
  const texts: string[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    const found = await lstat(file).catch(() => undefined);
    const wrong = found === undefined ? 'is not there' : !found.isFile() ? 'is not a plain file' : found.size > largestFile ? `is larger than ${String(largestFile / 1_048_576)} MiB` : undefined;
    if (wrong === undefined) texts.push(await readFile(file, 'utf8'));
    else problems.push({ code: 'plan.file', severity: 'error', message: `--plan ${file} ${wrong}`, hint: 'name the file that soll plan --json --out has written' });
  }
  return { texts, problems };
}

/** Far beyond any plan that somebody could read; bytes. */
const largestFile = 256 * 1_048_576;

/** From a saved plan, or from the output of `soll plan --json`. What does not look like one is left out; the digest is checked by the caller. */
export function parseSaved(text: string): readonly SavedPlan[] {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) return [];
  const list: unknown[] = 'plans' in value && Array.isArray(value.plans) ? value.plans : [value];
  return list.filter((each): each is SavedPlan => typeof each === 'object' && each !== null && 'digest' in each && 'leaves' in each && Array.isArray(each.leaves) && each.leaves.every(isLeaf) && typeof each.digest === 'string' && 'customer' in each && typeof each.customer === 'string');
}

/** As far as approval looks at one. */
function isLeaf(value: unknown): value is Leaf {
  return typeof value === 'object' && value !== null && 'digest' in value && typeof value.digest === 'string' && 'addresses' in value && Array.isArray(value.addresses) && value.addresses.every((address) => typeof address === 'string');
}
