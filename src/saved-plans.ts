/** Plans that this clone has shown, so that `apply --approve DIGEST` can name the leaves of a digest. Never executed. */
import { mkdir, readFile, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  const directory = folder(gitDir);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const saved: SavedPlan = { customer: plan.customer, digest: plan.digest, leaves: plan.leaves };
  const file = join(directory, `${plan.digest.replace('sha256:', '')}.${plan.customer}.json`);
  await writeFile(`${file}.${String(process.pid)}`, JSON.stringify(saved), { mode: 0o600 });
  await rename(`${file}.${String(process.pid)}`, file);
}

/** Those of these digests that are still known; of all that lie there, the oldest beyond the limit are forgotten. */
export async function readSavedPlans(gitDir: string, digests: readonly string[]): Promise<readonly SavedPlan[]> {
  const directory = folder(gitDir);
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.json'));
  if (names.length > keep) await forgetOldest(directory, names);
  const wanted = new Set(digests.map((digest) => digest.replace('sha256:', '')));
  const texts = await Promise.all(names.filter((name) => wanted.has(name.split('.')[0] ?? '')).map((name) => readFile(join(directory, name), 'utf8').catch(() => 'null')));
  return texts.flatMap((text) => parseSaved(text));
}

async function forgetOldest(directory: string, names: readonly string[]): Promise<void> {
  const aged = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0 })));
  await Promise.all(aged.sort((a, b) => b.at - a.at).slice(keep).map(({ name }) => unlink(join(directory, name)).catch(() => undefined)));
}

/** From a saved plan, or from the output of `soll plan --json`. What does not look like one is left out; the digest is checked by the caller. */
export function parseSaved(text: string): readonly SavedPlan[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof value !== 'object' || value === null) return [];
  const list: unknown[] = 'plans' in value && Array.isArray(value.plans) ? value.plans : [value];
  return list.filter((each): each is SavedPlan => typeof each === 'object' && each !== null && 'digest' in each && 'leaves' in each && Array.isArray(each.leaves) && each.leaves.every(isLeaf) && typeof each.digest === 'string' && 'customer' in each && typeof each.customer === 'string');
}

/** As far as approval looks at one. */
function isLeaf(value: unknown): value is Leaf {
  return typeof value === 'object' && value !== null && 'digest' in value && typeof value.digest === 'string' && 'addresses' in value && Array.isArray(value.addresses) && value.addresses.every((address) => typeof address === 'string');
}
