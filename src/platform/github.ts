import { ProviderError, type Clock, type HttpClientOptions, type Json, type JsonObject } from '#contract';
import type { NewPullRequest, OpenedPullRequest, Platform, PullRequest } from '#core/platform';
import { createHttpClient } from '#transport/create-http-client';
import { githubClient, type GithubClient } from './github-client.ts';
import { actionsAccount, bodyLimit, commitsLimit, statusLimit, titleLimit } from './github-limits.ts';
import { lastReviews, type RawReview } from './last-reviews.ts';

export interface GithubOptions {
  /** `owner/name`. */
  readonly repository: string;
  readonly token: string;
  /** Default `https://api.github.com`; GitHub Enterprise Server has a path, `https://host/api/v3`. */
  readonly api?: string;
  /** Our own account, where the token cannot tell it: `<slug>[bot]` of a GitHub App. Default: asked, then that of GITHUB_TOKEN. */
  readonly account?: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds that waiting for a rate limit may take in all. */
  readonly patienceMs?: number;
  /** Tests: how and where the stand-in is reached. */
  readonly tls?: HttpClientOptions['tls'];
  readonly connectTo?: HttpClientOptions['connectTo'];
}

/** Everything a member needs; `repo` is `/repos/owner/name`. */
interface Hub {
  readonly client: GithubClient;
  readonly repo: string;
  readonly owner: string;
  account(): Promise<string>;
}

/** GitHub over its REST API. Throws ProviderError when an option makes no sense. */
export function openGithub(options: GithubOptions): { readonly platform: Platform; close(): Promise<void> } {
  const [owner = '', name = ''] = options.repository.split('/');
  if (!/^[A-Za-z0-9-]+\/[A-Za-z0-9._-]+$/.test(options.repository) || name === '.' || name === '..') throw new ProviderError('rejected', 'the repository is not owner/name', { hint: 'set GITHUB_REPOSITORY=owner/name' });
  if (options.token === '' || /[^\x21-\x7e]/.test(options.token)) throw new ProviderError('auth', 'there is no usable token for GitHub', { hint: 'set GITHUB_TOKEN, or use --platform generic' });
  const api = apiOf(options.api ?? 'https://api.github.com');
  const http = createHttpClient({ origin: api.origin, tls: options.tls ?? 'system', concurrency: 4, ...(options.connectTo === undefined ? {} : { connectTo: options.connectTo }) }, options);
  const client = githubClient({ http, api: api.base, token: options.token, clock: options.clock, signal: options.signal, ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }) });
  let account: Promise<string> | undefined;
  const hub: Hub = { client, repo: `/repos/${owner}/${name}`, owner, account: () => account ??= options.account === undefined ? ownAccount(client) : Promise.resolve(options.account) };
  return { platform: { name: 'github', bodyLimit, ...reading(hub), ...writing(hub) }, close: () => http.close() };
}

function apiOf(text: string): { readonly origin: string; readonly base: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.search !== '' || url.hash !== '') throw new ProviderError('rejected', 'the address of GitHub\'s API is not https://host[/path]', { hint: 'GITHUB_API_URL must begin with https://' });
  return { origin: url.origin, base: `${url.origin}${url.pathname.replace(/\/+$/, '')}` };
}

/** An installation token has no user: whoever made it knows the name. */
async function ownAccount(client: GithubClient): Promise<string> {
  try {
    return text(await client.get('/user'), 'login');
  } catch (error) {
    if (error instanceof ProviderError && error.code === 'auth' && error.message.includes(' 403')) return actionsAccount;
    throw error;
  }
}

function reading({ client, repo }: Hub): Pick<Platform, 'pullRequest' | 'openPullRequests' | 'pullRequestOf' | 'status' | 'reviews'> {
  const pullRequest = async (number: number): Promise<PullRequest> => {
    const [raw, commits] = [await client.get(`${repo}/pulls/${String(number)}`), await client.list(`${repo}/pulls/${String(number)}/commits`)];
    return toPullRequest(raw, commits);
  };
  return {
    pullRequest,
    async openPullRequests() {
      return (await client.list(`${repo}/pulls?state=open`)).map((raw) => ({ number: numberOf(raw), head: text(part(raw, 'head'), 'sha'), fork: isFork(raw) }));
    },
    async status(commit, context) {
      const newest = (await statusesOf({ client, repo }, commit)).find((each) => isContext(each, context));
      const state = newest?.['state'];
      return state === undefined ? undefined : state === 'success' || state === 'pending' ? state : 'failure';
    },
    async pullRequestOf(commit) {
      if (!/^[0-9a-f]{40,64}$/.test(commit)) throw new ProviderError('rejected', 'a whole commit id is needed');
      const merged = (await client.list(`${repo}/commits/${commit}/pulls`)).filter((each) => each['merged_at'] !== null && each['merged_at'] !== undefined);
      // Which of several brought it in is a guess unless its merge is this very commit.
      const found = merged.find((each) => each['merge_commit_sha'] === commit) ?? (merged.length === 1 ? merged[0] : undefined);
      return found === undefined ? undefined : pullRequest(numberOf(found));
    },
    async reviews(number) {
      const author = login((await client.get(`${repo}/pulls/${String(number)}`))['user']);
      const raw = await client.list(`${repo}/pulls/${String(number)}/reviews`);
      return lastReviews(raw.flatMap(toReview), author);
    },
  };
}

function toPullRequest(raw: JsonObject, commits: readonly JsonObject[]): PullRequest {
  const head = part(raw, 'head');
  const base = part(raw, 'base');
  const merged = raw['merged'] === true;
  const headSha = text(head, 'sha');
  const count = raw['commits'];
  const complete = typeof count === 'number' && commits.length === count;
  if (!complete && !(typeof count === 'number' && count > commitsLimit && commits.length >= commitsLimit)) {
    throw new ProviderError('conflict', 'the commits of the pull request are not those it counts: it was pushed to while it was read', { retryable: true, hint: 'run it again' });
  }
  // A missing commit has an author that nobody here knows.
  const accounts = [...commits.flatMap((commit) => [login(commit['author']), login(commit['committer'])]), ...(complete ? [] : [''])];
  return {
    number: numberOf(raw), url: text(raw, 'html_url'), title: text(raw, 'title'), author: login(raw['user']), committers: [...new Set(accounts)],
    state: merged ? 'merged' : raw['state'] === 'open' ? 'open' : 'closed',
    head: headSha, base: text(base, 'sha'), baseBranch: text(base, 'ref'),
    ...(merged ? { merge: text(raw, 'merge_commit_sha') } : {}),
    fork: isFork(raw),
  };
}

/** The repository of a fork may be deleted, ours is not. */
function isFork(raw: JsonObject): boolean {
  const from = fullName(part(raw, 'head'));
  return from === undefined || from !== fullName(part(raw, 'base'));
}

/** Newest first. */
function statusesOf({ client, repo }: Pick<Hub, 'client' | 'repo'>, commit: string): Promise<readonly JsonObject[]> {
  return client.list(`${repo}/commits/${commit}/statuses`);
}

function isContext(status: JsonObject, context: string): boolean {
  return String(status['context']).toLowerCase() === context.toLowerCase();
}

function fullName(side: JsonObject): string | undefined {
  const repo = side['repo'];
  return isObject(repo) ? text(repo, 'full_name') : undefined;
}

const states: Readonly<Record<string, RawReview['state']>> = { APPROVED: 'approved', CHANGES_REQUESTED: 'changes-requested', COMMENTED: 'commented', DISMISSED: 'dismissed' };

function toReview(raw: JsonObject): readonly RawReview[] {
  const said = text(raw, 'state').toUpperCase();
  // Written, not sent: only its author sees it.
  if (said === 'PENDING') return [];
  const state = states[said];
  const at = text(raw, 'submitted_at');
  if (state === undefined || Number.isNaN(Date.parse(at))) throw new ProviderError('protocol', 'a review is in a state that soll does not know');
  const user = raw['user'];
  const account = login(user);
  return [{ account, bot: isObject(user) && user['type'] !== 'User', state, commit: typeof raw['commit_id'] === 'string' ? raw['commit_id'] : '', at: new Date(at).toISOString(), url: text(raw, 'html_url') }];
}

function writing(hub: Hub): Pick<Platform, 'upsertComment' | 'setStatus' | 'upsertIssue' | 'openPullRequest' | 'closePullRequest'> {
  return {
    upsertComment: (number, marker, body) => upsertComment(hub, number, marker, body),
    async setStatus(commit, { context, state, description }) {
      const wanted = { context, state, description: cut(description, statusLimit) };
      const is = async (): Promise<boolean> => {
        const newest = (await statusesOf(hub, commit)).find((each) => isContext(each, context));
        return newest?.['state'] === wanted.state && newest['description'] === wanted.description;
      };
      // At most 1,000 per commit and context: what says nothing new is not sent.
      if (await is()) return;
      await postOnce(is, () => hub.client.send('POST', `${hub.repo}/statuses/${commit}`, wanted));
    },
    upsertIssue: (marker, issue) => upsertIssue(hub, marker, issue),
    openPullRequest: (request) => openPullRequest(hub, request),
    closePullRequest: (request) => closePullRequest(hub, request),
  };
}

async function upsertComment(hub: Hub, number: number, marker: string, body: string): Promise<void> {
  const { client, repo } = hub;
  const whole = marked(marker, body);
  const account = await hub.account();
  const own = async (): Promise<readonly JsonObject[]> => (await client.list(`${repo}/issues/${String(number)}/comments`)).filter((each) => isOwn(each, account, marker));
  const [first, ...more] = await own();
  if (first !== undefined) {
    if (first['body'] !== whole) await client.send('PATCH', `${repo}/issues/comments/${idOf(first)}`, { body: whole });
    // Two runs at once may both have found none: an old plan must not stand beside the new one.
    for (const each of more) await client.send('DELETE', `${repo}/issues/comments/${idOf(each)}`, undefined);
    return;
  }
  const made = await postOnce(async () => (await own()).length > 0, () => client.send('POST', `${repo}/issues/${String(number)}/comments`, { body: whole }));
  // What was found may be another run's.
  if (made === undefined) await upsertComment(hub, number, marker, body);
  else assertOwn(made, account);
}

async function upsertIssue(hub: Hub, marker: string, issue: { readonly title: string; readonly body: string } | undefined): Promise<void> {
  const { client, repo } = hub;
  const account = await hub.account();
  const own = async (): Promise<readonly JsonObject[]> => (await client.list(`${repo}/issues?state=open`)).filter((each) => each['pull_request'] === undefined && isOwn(each, account, marker)).sort((a, b) => numberOf(a) - numberOf(b));
  const [first, ...more] = await own();
  const close = (each: JsonObject): Promise<JsonObject> => client.send('PATCH', `${repo}/issues/${String(numberOf(each))}`, { state: 'closed', state_reason: 'completed' });
  if (issue === undefined) {
    for (const each of [...(first === undefined ? [] : [first]), ...more]) await close(each);
    return;
  }
  const wanted = { title: cut(issue.title, titleLimit), body: marked(marker, issue.body) };
  if (first === undefined) {
    const made = await postOnce(async () => (await own()).length > 0, () => client.send('POST', `${repo}/issues`, wanted));
    if (made === undefined) await upsertIssue(hub, marker, issue);
    else assertOwn(made, account);
    return;
  }
  if (first['title'] !== wanted.title || first['body'] !== wanted.body) await client.send('PATCH', `${repo}/issues/${String(numberOf(first))}`, wanted);
  for (const each of more) await close(each);
}

async function openOf({ client, repo, owner }: Hub, { branch, base }: Pick<NewPullRequest, 'branch' | 'base'>): Promise<JsonObject | undefined> {
  return (await client.list(`${repo}/pulls?state=open&head=${encodeURIComponent(`${owner}:${branch}`)}&base=${encodeURIComponent(base)}`)).at(0);
}

function toldOf(raw: JsonObject, what: OpenedPullRequest['what']): OpenedPullRequest {
  return { number: numberOf(raw), url: text(raw, 'html_url'), what };
}

async function closePullRequest(hub: Hub, { branch, base, marker, why }: Parameters<Platform['closePullRequest']>[0]): Promise<OpenedPullRequest | undefined> {
  const found = await openOf(hub, { branch, base });
  if (found === undefined || !isOwn(found, await hub.account(), marker)) return undefined;
  // Said before it is done: a run that breaks off in between says it once, and the next one closes it.
  await upsertComment(hub, numberOf(found), marker, why);
  return toldOf(await hub.client.send('PATCH', `${hub.repo}/pulls/${String(numberOf(found))}`, { state: 'closed' }), 'closed');
}

async function openPullRequest(hub: Hub, { branch, base, marker, title, body }: NewPullRequest): Promise<OpenedPullRequest> {
  const { client, repo } = hub;
  const account = await hub.account();
  const find = (): Promise<JsonObject | undefined> => openOf(hub, { branch, base });
  const told = toldOf;
  const wanted = { title: cut(title, titleLimit), body: marked(marker, body) };
  const there = await find();
  if (there !== undefined) {
    // What a person has opened or rewritten is theirs to word.
    if (!isOwn(there, account, marker) || (there['title'] === wanted.title && there['body'] === wanted.body)) return told(there, 'kept');
    return told(await client.send('PATCH', `${repo}/pulls/${String(numberOf(there))}`, wanted), 'updated');
  }
  const made = await postOnce(async () => (await find()) !== undefined, () => client.send('POST', `${repo}/pulls`, { head: branch, base, ...wanted }));
  const found = made ?? await find();
  if (found === undefined) throw new ProviderError('unknown-outcome', 'the pull request was sent and cannot be found', { hint: 'look whether it is there, then run it again' });
  if (made !== undefined) assertOwn(made, account);
  return told(found, 'opened');
}

/** A POST whose answer is lost is looked for before it is sent once more; `undefined`: it was found. */
async function postOnce(isThere: () => Promise<boolean>, post: () => Promise<JsonObject>): Promise<JsonObject | undefined> {
  try {
    return await post();
  } catch (error) {
    // `rejected`: somebody was faster (422 "already exists"), or it is really refused.
    if (!(error instanceof ProviderError) || (error.code !== 'unknown-outcome' && error.code !== 'rejected')) throw error;
    if (await isThere()) return undefined;
    if (error.code === 'rejected') throw error;
    return await post();
  }
}

function isOwn(each: JsonObject, account: string, marker: string): boolean {
  // At the start: whoever quotes it has it elsewhere.
  return login(each['user']).toLowerCase() === account.toLowerCase() && typeof each['body'] === 'string' && each['body'].startsWith(marker);
}

function assertOwn(made: JsonObject, account: string): void {
  const writer = login(made['user']);
  if (writer.toLowerCase() === account.toLowerCase()) return;
  throw new ProviderError('conflict', `this token writes as ${writer}, not as ${account}: the next run would not find what this one wrote`, { hint: `set SOLL_GITHUB_ACCOUNT=${writer}` });
}

function marked(marker: string, body: string): string {
  if (!/^<!-- [a-z0-9:/_. -]+ -->$/.test(marker)) throw new ProviderError('rejected', 'the marker is not a hidden comment');
  return withinLimit(body.startsWith(marker) ? body : `${marker}\n${body}`);
}

function withinLimit(body: string): string {
  if (body.length > bodyLimit) throw new ProviderError('rejected', `the text has ${String(body.length)} characters, GitHub takes ${String(bodyLimit)}`);
  return body;
}

function cut(value: string, limit: number): string {
  return value.length > limit ? `${value.slice(0, limit - 1).replace(/\p{Cs}$/u, '')}…` : value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function part(raw: JsonObject, key: string): JsonObject {
  const value = raw[key];
  if (!isObject(value)) throw new ProviderError('protocol', `the answer has no ${key}`);
  return value;
}

function text(raw: JsonObject, key: string): string {
  const value = raw[key];
  if (typeof value !== 'string') throw new ProviderError('protocol', `the answer has no ${key}`);
  return value;
}

function numberOf(raw: JsonObject): number {
  const value = raw['number'];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new ProviderError('protocol', 'the answer has no number');
  return value;
}

function idOf(raw: JsonObject): string {
  const value = raw['id'];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new ProviderError('protocol', 'the answer has no id');
  return String(value);
}

/** `''`: nobody that GitHub knows. */
function login(user: Json | undefined): string {
  return isObject(user) && typeof user['login'] === 'string' ? user['login'] : '';
}
