/** Drift that is right: the live values are written into the files, on a branch of their own, so that a pull request can decide. */
import { parseAddress, toAddress, type Address, type Change, type Problem } from '#contract';
import { compareText } from '#core/canonical';
import type { Plan } from '#core/model';
import type { OpenedPullRequest } from '#core/platform';
import { makeBranch, makeCommit } from '#git/commit-files';
import { GitError } from '#git/run-git';
import { offeredBefore, openOffering, subjectOf, type Offering, type OfferOptions } from './adopt-pull-request.ts';
import { placeAll, type PlacedResource } from './edit/place-resource.ts';
import { writeFiles, type FileChange } from './edit/write-files.ts';
import { drift } from './pipeline.ts';
import { editTexts, placeInputOf, readTexts, settle } from './proposal.ts';
import { treeForApply, watchedPaths, type Tree } from './tree.ts';
import { asOfOf, openWorld, type World } from './world.ts';
import type { Selection, Workspace } from './workspace.ts';

export interface AdoptDriftOptions extends Selection {
  /** Only these resources; absent: all that drifted. */
  readonly chosen?: (address: Address) => boolean;
  /** Name of the branch; only for one customer. Default `adopt-drift/<customer>-<day>`, of a pull request `adopt-drift/<customer>`. */
  readonly branch?: string;
  /** Pushed, and offered as a pull request that a later run brings up to date. */
  readonly pullRequest?: OfferOptions;
  /** Into the working tree, which must be clean, instead of a branch. */
  readonly here: boolean;
}

export interface AdoptedDrift {
  readonly customer: string;
  readonly adopted: readonly Address[];
  readonly leftOut: readonly { readonly address: Address; readonly why: string }[];
  readonly changes: readonly FileChange[];
  /** Absent with `here`, or when nothing was written. */
  readonly branch?: string;
  readonly commit?: string;
  /** Branch that it is to be merged into, as far as it can be told. */
  readonly base?: string;
  readonly pullRequest?: OpenedPullRequest;
}

export interface AdoptDriftResult {
  readonly plans: readonly Plan[];
  readonly customers: readonly AdoptedDrift[];
  readonly problems: readonly Problem[];
  readonly texts: ReadonlyMap<string, string>;
}

/** Reads, compares, edits and commits; the working tree and the index of the user stay as they are. Throws GitError and EditError. */
export async function adoptDrift(ws: Workspace, options: AdoptDriftOptions): Promise<AdoptDriftResult> {
  const found = await drift(ws, options);
  const world = await openWorld(ws, options, async (repo): Promise<Tree> => {
    const tree = await treeForApply(repo);
    if (options.here && !(await repo.isClean(watchedPaths))) throw new GitError('the working tree has uncommitted changes', 1);
    return options.here ? { ...tree, source: repo.folderSource() } : tree;
  });
  const drifted = found.plans.filter((plan) => driftOf(plan, options).length > 0);
  if (options.branch !== undefined && drifted.length > 1) throw new GitError(`${String(drifted.length)} customers have drifted; name one of them to use --branch: ${drifted.map(({ customer }) => customer).join(', ')}`, 1);
  const customers: AdoptedDrift[] = [];
  const problems: Problem[] = [...found.problems];
  const texts = new Map(found.texts);
  const gone = await vanished(world, found.plans, options);
  const offering = options.pullRequest === undefined || drifted.length + gone.length === 0 ? undefined : await openOffering(world, options.pullRequest);
  try {
    for (const plan of drifted) {
      const adopted = await adoptOne(world, plan, options, offering);
      problems.push(...adopted.problems);
      for (const [file, text] of adopted.texts) texts.set(file, text);
      if (adopted.result !== undefined) customers.push(adopted.result);
    }
    for (const customer of gone) {
      const closed = await offering?.withdraw(customer, options.branch);
      if (closed !== undefined) customers.push({ customer, adopted: [], leftOut: [], changes: [], ...closed });
    }
  } finally {
    await offering?.close();
  }
  return { plans: found.plans, customers, problems, texts };
}

/** Customers of whom an earlier run has offered drift and of whom all was read now and nothing differs. */
async function vanished(world: World, plans: readonly Plan[], options: AdoptDriftOptions): Promise<readonly string[]> {
  const { pullRequest, targets, chosen, changedSince, branch } = options;
  // What was not looked at has not ceased to differ.
  if (pullRequest === undefined || targets.length > 0 || chosen !== undefined || changedSince !== undefined) return [];
  const clean = plans.filter((plan) => driftOf(plan, options).length + plan.summary.conflict === 0 && plan.targets.every(({ status }) => status === 'ready')).map(({ customer }) => customer);
  if (branch !== undefined) return clean.length === 1 && plans.length === 1 ? clean : [];
  const before = clean.length === 0 ? new Set<string>() : await offeredBefore(world);
  return clean.filter((customer) => before.has(customer));
}

function driftOf(plan: Plan, { chosen = () => true }: AdoptDriftOptions): readonly PlacedResource[] {
  return plan.targets.flatMap(({ batches, findings }) => [
    ...batches.flatMap(({ changes }) => changes).filter(({ reason, address }) => reason === 'drift' && chosen(address)).map(toLiveState),
    ...findings.filter(({ kind, address }) => kind !== 'foreign' && chosen(address)).map(({ address, before, after }) => placed(address, before, after)),
  ]);
}

/** A change leads from what is there to what is written; here the other end is wanted. */
function toLiveState({ verb, address, before, after }: Change): PlacedResource {
  return placed(address, verb === 'create' ? undefined : before, after);
}

function placed(address: Address, live: PlacedResource['spec'], written: PlacedResource['spec']): PlacedResource {
  const { target, kind, name } = parseAddress(address);
  return { target, kind, name, spec: live, ...(written === undefined ? {} : { owned: Object.keys(written) }) };
}

async function adoptOne(world: World, plan: Plan, options: AdoptDriftOptions, offering: Offering | undefined): Promise<{ readonly result?: AdoptedDrift; readonly problems: readonly Problem[]; readonly texts: ReadonlyMap<string, string> }> {
  const { customer } = plan;
  const state = world.desired.states.find((each) => each.customer.name === customer);
  if (state === undefined) return { problems: [], texts: new Map() };
  const texts = await readTexts(world.tree.source, customer);
  const wanted = driftOf(plan, options);
  const leftOut = new Map<Address, string>();
  const refuse = (resource: PlacedResource, why: string): void => void leftOut.set(toAddress({ customer, ...resource }), why);
  const settled = await settle({
    check: { source: world.tree.source, customer, providers: world.providers, lab: world.ws.lab, asOf: asOfOf(world.ws) }, state, wanted, leaveOut: refuse,
    make: (left) => {
      const all = placeAll(placeInputOf(texts, state), left);
      for (const { resource, why } of all.refused) refuse(resource, why);
      for (const { resource, fields } of all.unsaid) refuse(resource, `${fields.join(', ')} cannot be written as empty`);
      const out = new Set(all.refused.map(({ resource }) => resource));
      return { changes: editTexts(texts, all.edits), placed: left.filter((resource) => !out.has(resource)) };
    },
  });
  if (settled.problems.length > 0) return { problems: settled.problems, texts: settled.texts };
  const adopted = wanted.map((resource) => toAddress({ customer, ...resource })).filter((address) => !leftOut.has(address)).sort(compareText);
  const result: AdoptedDrift = { customer, adopted, leftOut: [...leftOut].map(([address, why]) => ({ address, why })), changes: settled.changes };
  if (settled.changes.length === 0) return { result, problems: [], texts: settled.texts };
  if (offering === undefined) return { result: await store(world, result, options), problems: [], texts: settled.texts };
  const offered = await offering.offer({ ...result, message: messageOf(result, await world.repo.identity()), whole: plan.summary.unreachable === 0 && options.targets.length === 0 && options.chosen === undefined }, options.branch);
  return 'problem' in offered ? { result, problems: [offered.problem], texts: settled.texts } : { result: { ...result, ...offered }, problems: [], texts: settled.texts };
}

async function store(world: World, result: AdoptedDrift, { here, branch }: AdoptDriftOptions): Promise<AdoptedDrift> {
  const { ws, repo, tree } = world;
  if (here) {
    await writeFiles(ws.root, result.changes);
    return result;
  }
  const message = messageOf(result, await repo.identity());
  const commit = await makeCommit({ root: ws.root, gitDir: repo.gitDir, parent: tree.commit, files: Object.fromEntries(result.changes.map(({ path, after }) => [path, after])), message });
  const base = (await repo.defaultBase())?.replace(/^origin\//, '');
  const name = await nameBranch(ws, result.customer, commit, branch);
  return { ...result, branch: name, commit, ...(base === undefined || base === 'HEAD' ? {} : { base }) };
}

/** A branch that somebody works on is never moved: the next free name is taken. */
async function nameBranch(ws: Workspace, customer: string, commit: string, wanted: string | undefined): Promise<string> {
  const day = new Date(ws.clock.now()).toISOString().slice(0, 10);
  const first = wanted ?? `adopt-drift/${customer}-${day}`;
  for (let number = 1; number < 100; number += 1) {
    const name = number === 1 ? first : `${first}-${String(number)}`;
    if (await makeBranch(ws.root, name, commit)) return name;
    if (wanted !== undefined) break;
  }
  throw new GitError(`there is a branch named ${first} already; delete it or choose another name with --branch`, 1);
}

/** What and who, so that the change log can be read without the diff. Names come from devices: one line each, nothing that Git would obey. */
function messageOf({ customer, adopted, leftOut }: AdoptedDrift, who: string): string {
  const line = (address: Address): string => `- ${address.slice(customer.length + 1)}`;
  const rest = leftOut.length === 0 ? [] : ['', 'Not adopted:', ...leftOut.map(({ address, why }) => `${line(address)}: ${why.replaceAll(/\s+/g, ' ')}`)];
  return [`${subjectOf(customer)} ${String(adopted.length)} ${adopted.length === 1 ? 'resource' : 'resources'} as changed on the device`, '', ...adopted.map(line), ...rest, '', `Adopted by ${who}`, ''].join('\n');
}
