/** What was seen of the live systems, kept where `soll status` finds it. It is no record: nothing is decided by it, and a refusal stops nobody. */
import type { Problem } from '#contract';
import type { BackupEntry } from '#core/config-backup';
import type { Plan, RunResult } from '#core/model';
import { afterLook, observationFile, parseObservation, saysTheSame, type Look, type LookedAt, type Observation } from '#core/observation';
import { openBranches } from '#git/open-branches';
import type { Repo } from '#git/open-repo';
import { readMany } from '#git/read-many';
import { replaceBranches } from '#git/replace-branches';
import { GitError } from '#git/run-git';
import { looksOf } from './plan/look-of.ts';
import type { Selection, Workspace } from './workspace.ts';

/** What the names of the branches begin with. */
export function observedPrefix(ws: Workspace): string {
  return ws.lab ? 'observed-lab' : 'observed';
}

export interface ObservedPlace {
  readonly ws: Workspace;
  readonly repo: Repo;
  readonly remote: string | undefined;
  /** The remote is not asked: nothing is noted. */
  readonly offline?: string;
}

/** After `soll drift`: everything that was looked at. */
export function noteDrift(place: ObservedPlace, plans: readonly Plan[], { targets, changedSince }: Selection): Promise<readonly Problem[]> {
  const whole = targets.length === 0 && changedSince === undefined;
  return note(place, plans.map((plan) => ({ customer: plan.customer, targets: looksOf(plan), ...(whole ? { all: plan.targets.map(({ target }) => target) } : {}) })), 'always');
}

/** After a run: what is known already and is no longer so. Targets that did not come to a good end stay as they were seen. */
export function noteRuns(place: ObservedPlace, plans: readonly Plan[], runs: readonly RunResult[]): Promise<readonly Problem[]> {
  const looked = plans.map((plan): LookedAt => {
    const results = runs.filter(({ customer }) => customer === plan.customer).flatMap((run) => run.targets);
    const done = new Set(results.flatMap(({ changes }) => changes.flatMap(({ address, outcome }) => (outcome.status === 'done' ? [address] : []))));
    const bad = new Set(results.filter(({ verdict }) => verdict !== 'converged' && verdict !== 'unchanged').map(({ target }) => target));
    return { customer: plan.customer, targets: Object.fromEntries(Object.entries(looksOf(plan, done)).filter(([target]) => !bad.has(target))) };
  });
  return note(place, looked, 'news');
}

/** After configurations were fetched: when each was kept last. Of targets where nothing is kept nothing is noted. */
export function noteKept(place: ObservedPlace, entries: readonly BackupEntry[]): Promise<readonly Problem[]> {
  const customers = [...new Set(entries.map(({ customer }) => customer))];
  return note(place, customers.map((customer): LookedAt => ({
    customer, targets: Object.fromEntries(entries.flatMap((entry): [string, Look][] => (entry.customer === customer && entry.checkedAt !== undefined ? [[entry.target, { status: 'kept', at: entry.checkedAt }]] : []))),
  })), 'always');
}

/** As they stand on the remote now, or in this clone where it is not asked; never a failure: what cannot be read is not known. */
export async function readObserved({ ws, repo, remote, offline }: ObservedPlace, customers: readonly string[]): Promise<ReadonlyMap<string, Observation>> {
  if (customers.length === 0) return new Map();
  const prefix = observedPrefix(ws);
  try {
    const branches = await openBranches({ repo, remote: offline === undefined ? remote : undefined, growing: [], replaced: [prefix], customers });
    return await readObservations(repo.root, customers.map((customer) => ({ customer, head: branches.head(prefix, customer) })));
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    return new Map();
  }
}

/** `news`: only where something is noted already and would say something else. */
async function note(place: ObservedPlace, looked: readonly LookedAt[], mode: 'always' | 'news'): Promise<readonly Problem[]> {
  const wanted = looked.filter(({ targets }) => Object.keys(targets).length > 0);
  if (wanted.length === 0 || place.offline !== undefined) return [];
  const refused = new Map<string, string>();
  let open: readonly LookedAt[] = wanted;
  // Somebody else who looks at the same time may be faster, once.
  for (let attempt = 0; attempt < 3 && open.length > 0; attempt += 1) {
    try {
      open = await noteOnce(place, open, mode, refused);
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      for (const { customer } of open) refused.set(customer, error.message);
      open = [];
    }
  }
  for (const { customer } of open) refused.set(customer, 'others write it all the time');
  const [first] = refused;
  if (first === undefined) return [];
  return [{ code: 'observed.refused', severity: 'warning', message: `what was seen of ${refused.size === 1 ? first[0] : `${String(refused.size)} customers`} could not be noted: ${first[1]}`, hint: `soll status will not know of it; whoever runs this must be able to push to ${observedPrefix(place.ws)}/*, also by force` }];
}

/** Those that somebody else has replaced meanwhile. */
async function noteOnce({ ws, repo, remote }: ObservedPlace, looked: readonly LookedAt[], mode: 'always' | 'news', refused: Map<string, string>): Promise<readonly LookedAt[]> {
  const prefix = observedPrefix(ws);
  const branches = await openBranches({ repo, remote, growing: [], replaced: [prefix], customers: looked.map(({ customer }) => customer) });
  const known = await readObservations(repo.root, looked.map(({ customer }) => ({ customer, head: branches.head(prefix, customer) })));
  const now = ws.clock.now();
  const changed = looked.flatMap((each) => {
    const before = known.get(each.customer);
    if (mode === 'news' && before === undefined) return [];
    const after = afterLook(before, each, new Date(now).toISOString());
    return mode === 'news' && before !== undefined && saysTheSame(before, after) ? [] : [{ each, after }];
  });
  const done = await replaceBranches({ root: repo.root, remote, at: now }, changed.map(({ each: { customer }, after }) => ({ name: `${prefix}/${customer}`, before: branches.head(prefix, customer), file: observationFile, text: `${JSON.stringify(after, undefined, 1)}\n` })));
  return changed.flatMap(({ each }) => {
    const outcome = done.get(`${prefix}/${each.customer}`);
    if (outcome?.status === 'refused') refused.set(each.customer, outcome.why);
    return outcome?.status === 'moved' ? [each] : [];
  });
}

/** By customer; what is not there or none of ours is left out. */
export async function readObservations(root: string, heads: readonly { readonly customer: string; readonly head: string | undefined }[]): Promise<ReadonlyMap<string, Observation>> {
  const there = heads.flatMap(({ customer, head }) => (head === undefined ? [] : [{ customer, head }]));
  const texts = await readMany(root, there.map(({ head }) => `${head}:${observationFile}`));
  return new Map(there.flatMap(({ customer }, index): [string, Observation][] => {
    const found = parseObservation(texts[index]?.toString('utf8') ?? '', customer);
    return found === undefined ? [] : [[customer, found]];
  }));
}
