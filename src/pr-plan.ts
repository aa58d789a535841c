/**
 * What CI does on a pull request: plan what it changes, write the whole plan as a file, note what was shown on the approvals branches, then tell
 * people (comment, status, summary of the job). Whoever reads the comment can rely on the note being there.
 */
import { appendFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '#contract';
import type { PlanNotice } from '#core/approval-entry';
import { planSetOf } from '#core/fleet-digest';
import type { Plan, PlanSummary } from '#core/model';
import type { Platform, PullRequest } from '#core/platform';
import { openRepo, type Repo } from '#git/open-repo';
import { GitError } from '#git/run-git';
import { kinds } from '#kinds/registry';
import { appendEntry, approvalBranch } from './approval-branch.ts';
import { entriesOf } from './approval-state.ts';
import { leafFacts } from './approvals.ts';
import { loadDesired } from './desired/load-desired.ts';
import { openPlatform, type PlatformOptions } from './open-platform.ts';
import { plan } from './pipeline.ts';
import { commentBudget, renderComment, summaryBudget, type CommentInput } from './render/render-comment.ts';
import { summaryLine } from './render/render-plan.ts';
import { wordsOf, type Language } from './render/words.ts';
import { watchedPaths } from './tree.ts';
import { toldBeside, type ToldBeside } from './told-beside.ts';
import type { PlanOptions, PlanRunResult, PlanTold, Workspace } from './workspace.ts';

export interface PrPlanOptions extends Omit<PlanOptions, 'changedSince'>, PlatformOptions {
  /** Default: from the environment of the CI job. */
  readonly pull?: number;
  readonly language: Language;
}

export interface PrPlanResult extends PlanRunResult, ToldBeside {
  readonly platform: Platform['name'];
  readonly pull?: number;
  readonly head: string;
  readonly base: string;
  /** The comment as it was posted; `undefined`: there was none to post. */
  readonly comment?: string;
  /** Customers whose plan was noted for approval. */
  readonly noticed: readonly string[];
}

export const planMarker = '<!-- soll:plan -->';
export const statusContext = 'soll/plan';

export async function planPullRequest(ws: Workspace, options: PrPlanOptions): Promise<PrPlanResult> {
  const opened = await openPlatform(ws, options);
  try {
    return await planWith(ws, options, opened.platform);
  } finally {
    await opened.close();
  }
}

async function planWith(ws: Workspace, options: PrPlanOptions, platform: Platform): Promise<PrPlanResult> {
  const repo = await openRepo(ws.root);
  const number = options.pull ?? await pullFromEnvironment(ws.env);
  const request = platform.name === 'generic' ? undefined : await requestOf(platform, number);
  const head = await repo.head() ?? '';
  const asOf = new Date(ws.clock.now()).toISOString();
  const refused = await whyNot(repo, head, request);
  const base = refused === undefined ? await resolveBase(repo, options.base ?? (request === undefined ? undefined : `origin/${request.baseBranch}`)) : '';
  const { firmware, kept, ...result }: PlanRunResult & Partial<Pick<PlanTold, 'firmware' | 'kept'>> = refused === undefined ? await plan(ws, { ...options, base, changedSince: base }) : { plans: [], problems: [refused], texts: new Map() };
  const shared = { platform: platform.name, ...(number === undefined ? {} : { pull: number }), head, base };
  await writeArtifact(ws, options.out, result);
  // What was pushed or closed meanwhile is told by its own run, or by nobody.
  if (refused?.code === 'pr.moved' || refused?.code === 'pr.closed') return { ...result, ...shared, noticed: [] };
  const beside = firmware === undefined || kept === undefined ? undefined : { firmware, kept };
  const input: CommentInput = { plans: result.plans, problems: result.problems, marker: planMarker, head, ...(base === '' ? {} : { base }), asOf, language: options.language, reviews: platform.name !== 'generic', whole: 'plan.json', ...fleetPart(result.plans), ...beside };
  const comment = renderComment(input, commentBudget);
  const problems = comment.hidden === 0 ? result.problems : [...result.problems, tooLarge(comment.hidden)];
  const noticed = comment.hidden > 0 || base === '' ? [] : await writeNotices(ws, repo, result.plans, { head, base, at: asOf, ...(number === undefined ? {} : { pull: number }) });
  const text = ws.redactor.redact(comment.text);
  await platform.upsertComment(number ?? 0, planMarker, text);
  await platform.setStatus(head, { context: statusContext, ...statusOf({ plans: result.plans, problems }, options.language) });
  await writeSummary(ws, input);
  return { plans: result.plans, problems, texts: result.texts, ...(beside === undefined ? {} : toldBeside(beside)), ...shared, comment: text, noticed };
}

async function requestOf(platform: Platform, number: number | undefined): Promise<PullRequest> {
  if (number === undefined) throw new GitError('it is not known which pull request this is; give --pull NUMBER', 1);
  return platform.pullRequest(number);
}

/** Why nothing is planned. Nothing of a fork is planned: its targets.yaml could send our credentials to another address. */
async function whyNot(repo: Repo, head: string, request: PullRequest | undefined): Promise<Problem | undefined> {
  const problem = (code: string, message: string, hint: string): Problem => ({ code, severity: 'error', message, hint });
  if (head === '' || !(await repo.isClean(watchedPaths))) return problem('pr.uncommitted', 'a pull request is planned from a commit, and here is none or more than one', 'check out the head of the pull request and change nothing');
  if (request === undefined) return undefined;
  if (request.fork) return problem('pr.fork', 'the pull request comes from another repository and is not planned', 'let a member look at it and push the commits to a branch of this repository');
  if (request.state !== 'open') return problem('pr.closed', `pull request ${String(request.number)} is ${request.state}`, 'nothing is left to plan');
  if (request.head !== head) return problem('pr.moved', `this is commit ${head.slice(0, 12)}, the head of the pull request is ${request.head.slice(0, 12)}`, 'check out the head itself, not the merge that the code host makes (actions/checkout with ref: the head\'s commit id); a newer push has its own run');
  return undefined;
}

async function resolveBase(repo: Repo, name: string | undefined): Promise<string> {
  const wanted = name ?? await repo.defaultBase();
  if (wanted === undefined) throw new GitError('there is no base branch; name it with --base', 1);
  return repo.resolve(wanted).catch(() => { throw new GitError(`the base ${wanted} is not in this clone; fetch it with its history (actions/checkout with fetch-depth: 0)`, 1); });
}

/** `refs/pull/N/…`, or the number in the event; the event is data of whoever opened the pull request, and only a number is taken from it. */
export async function pullFromEnvironment(env: Workspace['env']): Promise<number | undefined> {
  const ref = /^refs\/pull\/(\d{1,9})\//.exec(env['GITHUB_REF'] ?? '');
  if (ref?.[1] !== undefined) return Number(ref[1]);
  const path = env['GITHUB_EVENT_PATH'] ?? '';
  if (path === '' || (await stat(path).catch(() => undefined) === undefined)) return undefined;
  let event: unknown;
  try {
    event = JSON.parse(await readFile(path, 'utf8'));
  } catch {
    throw new GitError('the event file of the CI job is not JSON; give --pull NUMBER', 1);
  }
  const found = [at(event, 'pull_request', 'number'), at(event, 'client_payload', 'pull'), at(event, 'inputs', 'pull')].map((value) => (typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value));
  return found.find((value): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value > 0);
}

function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((each, key) => (typeof each === 'object' && each !== null && Object.hasOwn(each, key) ? (each as Readonly<Record<string, unknown>>)[key] : undefined), value);
}

function tooLarge(hidden: number): Problem {
  return { code: 'pr.too-large', severity: 'error', gate: true, message: `${String(hidden)} deletes or changes of high risk do not fit into one comment: nobody could read what they approve`, hint: 'split the pull request' };
}

async function writeArtifact(ws: Workspace, folder: string, { plans, problems }: PlanRunResult): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'plan.json');
  await writeFile(`${file}.part`, `${ws.redactor.redact(JSON.stringify({ plans, problems }, undefined, 1))}\n`);
  await rename(`${file}.part`, file);
}

async function writeSummary(ws: Workspace, input: CommentInput): Promise<void> {
  const file = ws.env['GITHUB_STEP_SUMMARY'] ?? '';
  if (file === '') return;
  const used = await stat(file).then(({ size }) => size, () => 0);
  const { text } = renderComment(input, summaryBudget(used));
  await appendFile(file, `${ws.redactor.redact(text)}\n`);
}

/** Of every customer that has something to approve and no error of its own; a gate may be opened when it is applied. */
async function writeNotices(ws: Workspace, repo: Repo, plans: readonly Plan[], about: { readonly head: string; readonly base: string; readonly at: string; readonly pull?: number }): Promise<readonly string[]> {
  // Where records go is decided by the base branch, never by the change itself.
  const { settings } = await loadDesired({ source: await repo.treeSource(about.base), kinds, providers: new Map(), lab: ws.lab, asOf: about.at, customers: [] });
  const remote = await repo.remote(settings.audit?.remote);
  const ready = plans.filter(isApprovable);
  const fleet = planSetOf(ready)?.digest;
  for (const each of ready) {
    const notice = noticeOf(each, { ...about, ...(fleet === undefined ? {} : { fleet }) });
    await appendEntry(approvalBranch(ws, repo, each.customer, remote), notice, (files) => isNewest(files, notice));
  }
  return ready.map(({ customer }) => customer);
}

/** Of what will be noted: exactly that can be signed as one. */
function fleetPart(plans: readonly Plan[]): Pick<CommentInput, 'fleet'> {
  const fleet = planSetOf(plans.filter(isApprovable))?.digest;
  return fleet === undefined ? {} : { fleet };
}

function isApprovable({ leaves, problems }: Plan): boolean {
  return leaves.length > 0 && !problems.some(({ severity, gate }) => severity === 'error' && gate !== true);
}

function noticeOf(plan: Plan, { head, base, at: when, pull, fleet }: { readonly head: string; readonly base: string; readonly at: string; readonly pull?: number; readonly fleet?: string }): PlanNotice {
  return { type: 'plan', customer: plan.customer, commit: head, base, digest: plan.digest, at: when, ...(pull === undefined ? {} : { pull }), ...(fleet === undefined ? {} : { fleet }), leaves: leafFacts(plan) };
}

/** A job that runs again and finds the same says nothing new; the time of the first stays, so that reviews after it keep counting. */
function isNewest(files: ReadonlyMap<string, string>, notice: PlanNotice): boolean {
  const newest = entriesOf(files, notice.customer).findLast((entry): entry is PlanNotice => entry.type === 'plan' && entry.commit === notice.commit);
  return newest?.digest === notice.digest && newest.base === notice.base && newest.pull === notice.pull && newest.fleet === notice.fleet;
}

function statusOf({ plans, problems }: Pick<PlanRunResult, 'plans' | 'problems'>, language: Language): { readonly state: 'success' | 'failure'; readonly description: string } {
  const error = [...problems, ...plans.flatMap((each) => each.problems)].find(({ severity }) => severity === 'error');
  if (error !== undefined) return { state: 'failure', description: error.message };
  const sum = (key: keyof PlanSummary): number => plans.reduce((total, { summary }) => total + summary[key], 0);
  const total: PlanSummary = { create: sum('create'), update: sum('update'), delete: sum('delete'), adopt: sum('adopt'), release: sum('release'), drift: sum('drift'), conflict: sum('conflict'), findings: sum('findings'), targets: sum('targets'), unreachable: sum('unreachable') };
  const line = plans.some(({ leaves }) => leaves.length > 0) || total.unreachable > 0 ? summaryLine(total, wordsOf(language)) : wordsOf(language).noChanges;
  return { state: total.unreachable > 0 ? 'failure' : 'success', description: line };
}
