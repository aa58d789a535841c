/**
 * A stand-in for those parts of GitHub's REST API that a code host adapter uses, over HTTPS on loopback. Written from GitHub's documentation
 * (docs.github.com/rest, OpenAPI description 2026-03-10 and 2022-11-28, read on 2026-11-24), independent of the adapter. An unknown path, query
 * parameter or body field is an error of the stand-in (500), so that a test sees it; GitHub itself would ignore the latter two.
 */
import { startHttpsServer, type HttpsServerAnswer, type HttpsServerRequest } from './https-server.ts';
import { makeSelfSigned } from './self-signed.ts';

export interface GithubUser {
  readonly login: string;
  readonly type: 'User' | 'Bot' | 'Organization';
}

export interface GithubReviewState {
  readonly user: GithubUser | null;
  readonly state: 'APPROVED' | 'CHANGES_REQUESTED' | 'COMMENTED' | 'DISMISSED' | 'PENDING';
  readonly commit_id: string | null;
  readonly submitted_at?: string;
}

export interface GithubPullState {
  readonly number: number;
  title: string;
  body?: string;
  readonly user: GithubUser | null;
  head: { readonly ref: string; sha: string; readonly repo: string | null };
  readonly base: { readonly ref: string; sha: string };
  state: 'open' | 'closed';
  merged: boolean;
  /** Before the merge: the test merge. */
  merge_commit_sha: string | null;
  /** Accounts per commit, `null` where GitHub knows none. */
  readonly commits: { readonly sha: string; readonly author: GithubUser | null; readonly committer: GithubUser | null }[];
  readonly reviews: GithubReviewState[];
}

interface Comment { readonly id: number; readonly issue: number; readonly user: GithubUser; body: string }
interface Issue { readonly number: number; readonly user: GithubUser; title: string; body: string; state: 'open' | 'closed'; state_reason: string | null }
interface Status { readonly id: number; readonly sha: string; readonly context: string; readonly state: string; readonly description: string | null }

export interface GithubState {
  readonly pulls: GithubPullState[];
  readonly comments: Comment[];
  readonly issues: Issue[];
  /** Oldest first. */
  readonly statuses: Status[];
  /** `repository_dispatch` events that somebody has sent here, oldest first. */
  readonly dispatches: { readonly event_type: string; readonly client_payload: Readonly<Record<string, unknown>> }[];
}

export interface GithubFaults {
  /** 403 with GitHub's words; with `retry-after` where seconds are given. */
  secondaryLimit(times: number, retryAfterSeconds?: number): void;
  /** 403, `x-ratelimit-remaining: 0` and a reset. */
  primaryLimit(times: number, resetAtSeconds: number): void;
  /** The next write is done and its answer never arrives. */
  loseAnswer(): void;
  /** The next write is not done and its answer never arrives. */
  loseRequest(): void;
  /** The next answers are 502. */
  badGateway(times: number): void;
  /** The token may read and not write; for another reason, in GitHub's words. */
  refuseWrites(words?: string): void;
  /** The repository is not visible to the token: 404. */
  hide(): void;
  /** The next page of a list is said to stand elsewhere. */
  linkTo(url: string): void;
  /** JSON breaks off in the middle. */
  truncate(times: number): void;
  /** HTML instead of JSON, as a proxy would answer. */
  loginPage(times: number): void;
  clear(): void;
}

export interface GithubServer {
  readonly origin: string;
  readonly port: number;
  /** What GITHUB_API_URL would be. */
  readonly api: string;
  readonly cert: string;
  readonly fingerprint256: string;
  readonly state: GithubState;
  readonly faults: GithubFaults;
  /** `METHOD path?query` of everything that arrived. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

export interface GithubServerOptions {
  readonly repository: string;
  readonly token: string;
  /** Whom the token belongs to; a Bot is a GitHub App's installation token: GET /user refuses it. */
  readonly account: GithubUser;
  /** `/api/v3` as on GitHub Enterprise Server. */
  readonly prefix?: string;
  readonly pulls?: readonly GithubPullState[];
  /** Commit of a branch in the repository behind it; `undefined`: there is no such branch. Absent: there is every branch. */
  readonly headOf?: (branch: string) => string | undefined;
}

class Answer extends Error {
  readonly answer: HttpsServerAnswer;
  constructor(status: number, message: string, errors?: readonly object[], headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.answer = { status, headers, body: JSON.stringify({ message, ...(errors === undefined ? {} : { errors }), documentation_url: 'https://docs.github.com/rest', status: String(status) }) };
  }
}

const repositoryId = 1300192;
const maxBody = 65_536;

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly host: string;
  readonly prefix: string;
}

interface World { readonly options: GithubServerOptions; readonly state: GithubState; nextId: number; link?: string | undefined }

const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): HttpsServerAnswer => ({ status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: JSON.stringify(value) });

/** Only what the documentation names. */
function allow(call: Call, query: readonly string[], fields: readonly string[] = []): void {
  const unknown = [...[...call.query.keys()].filter((key) => !query.includes(key)), ...Object.keys(call.body).filter((key) => !fields.includes(key))];
  if (unknown.length > 0) throw new Error(`${call.method} ${call.path} does not take ${unknown.join(', ')}`);
}

function invalid(resource: string, field: string, message: string): Answer {
  return new Answer(422, 'Validation Failed', [{ resource, code: 'custom', field, message }]);
}

function wholeNumber(call: Call, name: string, fallback: number): number {
  const text = call.query.get(name);
  if (text === null) return fallback;
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${name}=${text} is not a number`);
  return Number(text);
}

function paged(world: World, call: Call, items: readonly unknown[]): HttpsServerAnswer {
  const size = Math.min(100, wholeNumber(call, 'per_page', 30));
  const page = wholeNumber(call, 'page', 1);
  const last = Math.max(1, Math.ceil(items.length / size));
  const url = (to: number): string => {
    const query = new URLSearchParams(call.query);
    query.set('page', String(to));
    // GitHub's own links name the repository by its number.
    return `https://${call.host}${call.prefix}${call.path.replace(/^\/repos\/[^/]+\/[^/]+/, `/repositories/${String(repositoryId)}`)}?${query.toString()}`;
  };
  const links = [
    ...(page > 1 ? [`<${url(page - 1)}>; rel="prev"`, `<${url(1)}>; rel="first"`] : []),
    ...(page < last ? [`<${world.link ?? url(page + 1)}>; rel="next"`, `<${url(last)}>; rel="last"`] : []),
  ];
  return json(200, items.slice((page - 1) * size, page * size), links.length === 0 ? {} : { link: links.join(', ') });
}

function pullJson({ options }: World, pull: GithubPullState, whole: boolean): object {
  const repo = (name: string | null): object | null => (name === null ? null : { full_name: name, fork: name !== options.repository });
  return {
    number: pull.number, html_url: `https://github.com/${options.repository}/pull/${String(pull.number)}`, title: pull.title, body: pull.body ?? null, user: pull.user, state: pull.state,
    head: { ref: pull.head.ref, sha: pull.head.sha, repo: repo(pull.head.repo) }, base: { ...pull.base, repo: repo(options.repository) },
    merged_at: pull.merged ? '2026-11-24T12:00:00Z' : null, merge_commit_sha: pull.merge_commit_sha,
    // Only the whole form has these.
    ...(whole ? { merged: pull.merged, commits: pull.commits.length } : {}),
  };
}

function findPull({ state }: World, number: string): GithubPullState {
  const found = state.pulls.find((pull) => pull.number === Number(number));
  if (found === undefined) throw new Answer(404, 'Not Found');
  return found;
}

type Route = readonly [method: string, path: RegExp, handle: (world: World, call: Call, ...parts: readonly string[]) => HttpsServerAnswer];

const pages = ['per_page', 'page'];

const routes: readonly Route[] = [
  ['GET', /^\/user$/, ({ options }, call) => {
    allow(call, []);
    if (options.account.type === 'Bot') throw new Answer(403, 'Resource not accessible by integration');
    return json(200, options.account);
  }],
  ['GET', /^\/pulls\/(\d+)$/, (world, call, number = '') => { allow(call, []); return json(200, pullJson(world, findPull(world, number), true)); }],
  ['GET', /^\/pulls\/(\d+)\/commits$/, (world, call, number = '') => {
    allow(call, pages);
    return paged(world, call, findPull(world, number).commits.slice(0, 250).map((commit) => ({ ...commit, commit: { message: 'x' } })));
  }],
  ['GET', /^\/pulls\/(\d+)\/reviews$/, (world, call, number = '') => {
    allow(call, pages);
    return paged(world, call, findPull(world, number).reviews.map((review, index) => ({ id: index + 1, body: '', html_url: `https://github.com/${world.options.repository}/pull/${number}#pullrequestreview-${String(index + 1)}`, ...review })));
  }],
  ['GET', /^\/commits\/([0-9a-f]{40})\/pulls$/, (world, call, sha = '') => {
    allow(call, pages);
    return paged(world, call, world.state.pulls.filter((pull) => pull.merge_commit_sha === sha || pull.commits.some((commit) => commit.sha === sha)).map((pull) => pullJson(world, pull, false)));
  }],
  ['GET', /^\/pulls$/, (world, call) => {
    allow(call, [...pages, 'state', 'head', 'base', 'sort', 'direction']);
    const [owner = ''] = world.options.repository.split('/');
    const wanted = call.query.get('head');
    const found = world.state.pulls.filter((pull) => (call.query.get('state') ?? 'open') === pull.state && (wanted === null || wanted === `${owner}:${pull.head.ref}`) && (call.query.get('base') ?? pull.base.ref) === pull.base.ref);
    return paged(world, call, found.map((pull) => pullJson(world, pull, false)));
  }],
  ['POST', /^\/pulls$/, (world, call) => createPull(world, call)],
  ['PATCH', /^\/pulls\/(\d+)$/, (world, call, number = '') => {
    allow(call, [], ['title', 'body', 'state', 'base', 'maintainer_can_modify']);
    const found = findPull(world, number);
    if (call.body['title'] !== undefined) found.title = titleOf(call, 'PullRequest');
    if (call.body['body'] !== undefined) found.body = bodyOf(call, 'PullRequest');
    if (call.body['base'] !== undefined || (call.body['state'] !== undefined && call.body['state'] !== 'closed')) throw new Error('to reopen or to move a pull request is not part of this stand-in');
    if (call.body['state'] === 'closed') found.state = 'closed';
    return json(200, pullJson(world, found, true));
  }],
  ['GET', /^\/issues\/(\d+)\/comments$/, (world, call, number = '') => {
    allow(call, [...pages, 'since']);
    return paged(world, call, world.state.comments.filter((comment) => comment.issue === Number(number)));
  }],
  ['POST', /^\/issues\/(\d+)\/comments$/, (world, call, number = '') => {
    allow(call, [], ['body']);
    if (!isIssue(world, Number(number))) throw new Answer(404, 'Not Found');
    const made: Comment = { id: world.nextId++, issue: Number(number), user: world.options.account, body: bodyOf(call, 'IssueComment') };
    world.state.comments.push(made);
    return json(201, made);
  }],
  ['PATCH', /^\/issues\/comments\/(\d+)$/, (world, call, id = '') => {
    allow(call, [], ['body']);
    const found = ownComment(world, id);
    found.body = bodyOf(call, 'IssueComment');
    return json(200, found);
  }],
  ['DELETE', /^\/issues\/comments\/(\d+)$/, (world, call, id = '') => {
    allow(call, []);
    world.state.comments.splice(world.state.comments.indexOf(ownComment(world, id)), 1);
    return { status: 204 };
  }],
  ['GET', /^\/issues$/, (world, call) => {
    allow(call, [...pages, 'state', 'creator', 'labels', 'sort', 'direction', 'since']);
    const state = call.query.get('state') ?? 'open';
    const issues = world.state.issues.filter((issue) => state === 'all' || issue.state === state);
    // Every pull request is an issue.
    const pulls = world.state.pulls.filter((pull) => state === 'all' || pull.state === state).map((pull) => ({ ...pull, body: '', pull_request: {} }));
    return paged(world, call, [...pulls, ...issues].sort((a, b) => b.number - a.number));
  }],
  ['POST', /^\/issues$/, (world, call) => {
    allow(call, [], ['title', 'body', 'labels', 'assignees']);
    const made: Issue = { number: nextNumber(world), user: world.options.account, title: titleOf(call, 'Issue'), body: bodyOf(call, 'Issue'), state: 'open', state_reason: null };
    world.state.issues.push(made);
    return json(201, made);
  }],
  ['PATCH', /^\/issues\/(\d+)$/, (world, call, number = '') => updateIssue(world, call, number)],
  ['GET', /^\/commits\/([0-9a-f]{40})\/statuses$/, (world, call, sha = '') => {
    allow(call, pages);
    return paged(world, call, world.state.statuses.filter((status) => status.sha === sha).reverse());
  }],
  ['POST', /^\/statuses\/([0-9a-f]{40})$/, (world, call, sha = '') => createStatus(world, call, sha)],
  // rest/repos/repos, "Create a repository dispatch event": 204; event_type at most 100 characters, client_payload at most 10 entries.
  ['POST', /^\/dispatches$/, (world, call) => createDispatch(world, call)],
];

function isIssue({ state }: World, number: number): boolean {
  return state.pulls.some((pull) => pull.number === number) || state.issues.some((issue) => issue.number === number);
}

function nextNumber({ state }: World): number {
  return Math.max(0, ...state.pulls.map(({ number }) => number), ...state.issues.map(({ number }) => number)) + 1;
}

function bodyOf({ body }: Call, resource: string): string {
  if (typeof body['body'] !== 'string' || body['body'] === '') throw new Answer(422, 'Validation Failed', [{ resource, code: 'missing_field', field: 'body' }]);
  if (body['body'].length > maxBody) throw invalid(resource, 'body', `body is too long (maximum is ${String(maxBody)} characters)`);
  return body['body'];
}

function titleOf({ body }: Call, resource: string): string {
  if (typeof body['title'] !== 'string' || body['title'] === '') throw new Answer(422, 'Validation Failed', [{ resource, code: 'missing_field', field: 'title' }]);
  if (body['title'].length > 256) throw invalid(resource, 'title', 'title is too long (maximum is 256 characters)');
  return body['title'];
}

function ownComment({ state, options }: World, id: string): Comment {
  const found = state.comments.find((comment) => comment.id === Number(id));
  if (found === undefined) throw new Answer(404, 'Not Found');
  // Others' comments take a maintainer; the tests' accounts are none.
  if (found.user.login !== options.account.login) throw new Answer(403, 'Must have admin rights to Repository.');
  return found;
}

function updateIssue(world: World, call: Call, number: string): HttpsServerAnswer {
  allow(call, [], ['title', 'body', 'state', 'state_reason']);
  const found = world.state.issues.find((issue) => issue.number === Number(number));
  if (found === undefined) throw new Answer(404, 'Not Found');
  if (call.body['title'] !== undefined) found.title = titleOf(call, 'Issue');
  if (call.body['body'] !== undefined) found.body = bodyOf(call, 'Issue');
  const { state, state_reason: reason } = call.body;
  if (state !== undefined) {
    if (state !== 'open' && state !== 'closed') throw invalid('Issue', 'state', 'state is not open or closed');
    found.state = state;
    found.state_reason = typeof reason === 'string' ? reason : null;
  }
  return json(200, found);
}

function createPull(world: World, call: Call): HttpsServerAnswer {
  allow(call, [], ['title', 'head', 'base', 'body', 'draft', 'maintainer_can_modify']);
  const { head, base } = call.body;
  if (typeof head !== 'string' || typeof base !== 'string') throw new Answer(422, 'Validation Failed', [{ resource: 'PullRequest', code: 'missing_field', field: 'head' }]);
  if (world.state.pulls.some((pull) => pull.state === 'open' && pull.head.ref === head && pull.base.ref === base)) throw invalid('PullRequest', 'base', `A pull request already exists for ${head}.`);
  const sha = world.options.headOf === undefined ? 'e'.repeat(40) : world.options.headOf(head);
  if (sha === undefined) throw new Answer(422, 'Validation Failed', [{ resource: 'PullRequest', field: 'head', code: 'invalid' }]);
  const made: GithubPullState = { number: nextNumber(world), title: titleOf(call, 'PullRequest'), body: bodyOf(call, 'PullRequest'), user: world.options.account, head: { ref: head, sha, repo: world.options.repository }, base: { ref: base, sha: world.options.headOf?.(base) ?? 'b'.repeat(40) }, state: 'open', merged: false, merge_commit_sha: null, commits: [], reviews: [] };
  world.state.pulls.push(made);
  return json(201, pullJson(world, made, true));
}

function createStatus({ state, nextId }: World, call: Call, sha: string): HttpsServerAnswer {
  allow(call, [], ['state', 'description', 'context', 'target_url']);
  const { state: said, description = null, context = 'default' } = call.body;
  if (typeof said !== 'string' || !['error', 'failure', 'pending', 'success'].includes(said)) throw invalid('Status', 'state', 'state is not included in the list');
  if (typeof context !== 'string' || (description !== null && typeof description !== 'string')) throw invalid('Status', 'context', 'not a text');
  if (description !== null && description.length > 140) throw invalid('Status', 'description', 'description is too long (maximum is 140 characters)');
  if (state.statuses.filter((status) => status.sha === sha && status.context === context).length >= 1000) throw invalid('Status', 'base', 'This SHA and context has reached the maximum number of statuses.');
  const made: Status = { id: nextId + state.statuses.length, sha, context, state: said, description };
  state.statuses.push(made);
  return json(201, made);
}

function createDispatch({ state }: World, call: Call): HttpsServerAnswer {
  allow(call, [], ['event_type', 'client_payload']);
  const { event_type: type, client_payload: payload = {} } = call.body;
  if (typeof type !== 'string' || type.length === 0 || type.length > 100) throw invalid('RepositoryDispatch', 'event_type', 'event_type is missing or too long');
  if (typeof payload !== 'object' || payload === null || Object.keys(payload).length > 10) throw invalid('RepositoryDispatch', 'client_payload', 'client_payload is not an object of at most 10 entries');
  state.dispatches.push({ event_type: type, client_payload: payload as Readonly<Record<string, unknown>> });
  return { status: 204 };
}

/** Path below the repository; `undefined`: the account's own (`/user`). */
function below(repository: string, path: string): string {
  const own = `/repos/${repository}`.toLowerCase();
  if (path.toLowerCase().startsWith(`${own}/`)) return path.slice(own.length);
  const numbered = `/repositories/${String(repositoryId)}`;
  if (path.startsWith(`${numbered}/`)) return path.slice(numbered.length);
  if (/^\/repos\/[^/]+\/[^/]+\//.test(path)) throw new Answer(404, 'Not Found');
  return path;
}

function dispatch(world: World, request: HttpsServerRequest, hidden: boolean): HttpsServerAnswer {
  const { prefix = '', token, repository } = world.options;
  const url = new URL(request.url, 'https://stand-in');
  if ((request.headers['user-agent'] ?? '') === '') throw new Answer(403, 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.');
  if (!['2022-11-28', '2026-03-10'].includes(request.headers['x-github-api-version'] ?? '')) throw new Answer(400, 'Invalid value for X-GitHub-Api-Version');
  if (request.headers['authorization'] !== `Bearer ${token}`) throw new Answer(401, 'Bad credentials');
  if (!url.pathname.startsWith(`${prefix}/`)) throw new Error(`${url.pathname} is not below ${prefix}`);
  const path = url.pathname.slice(prefix.length);
  const short = below(repository, path);
  if (hidden && short !== path) throw new Answer(404, 'Not Found');
  const body = request.body === '' ? {} : JSON.parse(request.body) as Readonly<Record<string, unknown>>;
  for (const [method, pattern, handle] of routes) {
    const match = pattern.exec(short);
    if (match !== null && method === request.method && (short !== path || path === '/user')) return handle(world, { method, path, query: url.searchParams, body, host: request.headers['host'] ?? '', prefix }, ...match.slice(1));
  }
  throw new Error(`${request.method} ${path} is not part of this stand-in`);
}

interface Switches { limit: { times: number; headers: Readonly<Record<string, string>>; message: string } | undefined; lose: 'answer' | 'request' | undefined; gateway: number; truncate: number; page: number; readOnly: string | undefined; hidden: boolean }
const off = (): Switches => ({ limit: undefined, lose: undefined, gateway: 0, truncate: 0, page: 0, readOnly: undefined, hidden: false });

function switchFaults(world: World, switches: Switches): GithubFaults {
  return {
    secondaryLimit: (times, seconds) => { switches.limit = { times, message: 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.', headers: seconds === undefined ? {} : { 'retry-after': String(seconds) } }; },
    primaryLimit: (times, reset) => { switches.limit = { times, message: 'API rate limit exceeded for installation ID 1.', headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) } }; },
    loseAnswer: () => { switches.lose = 'answer'; },
    loseRequest: () => { switches.lose = 'request'; },
    badGateway: (times) => { switches.gateway = times; },
    refuseWrites: (words = 'Resource not accessible by integration') => { switches.readOnly = words; },
    hide: () => { switches.hidden = true; },
    linkTo: (url) => { world.link = url; },
    truncate: (times) => { switches.truncate = times; },
    loginPage: (times) => { switches.page = times; },
    clear: () => { Object.assign(switches, off()); world.link = undefined; },
  };
}

function handle(world: World, switches: Switches, request: HttpsServerRequest): HttpsServerAnswer | 'reset' {
  if (switches.limit !== undefined && switches.limit.times-- > 0) throw new Answer(403, switches.limit.message, undefined, switches.limit.headers);
  if (switches.gateway-- > 0) return { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>Unicorn!</html>' };
  if (switches.page-- > 0) return { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Sign in</html>' };
  const write = request.method !== 'GET';
  const lose = write ? switches.lose : undefined;
  if (lose !== undefined) switches.lose = undefined;
  if (lose === 'request') return 'reset';
  if (write && switches.readOnly !== undefined) throw new Answer(403, switches.readOnly);
  const answer = dispatch(world, request, switches.hidden);
  if (switches.truncate-- > 0) return { ...answer, body: (answer.body ?? '').slice(0, -2) };
  return lose === 'answer' ? 'reset' : answer;
}

export async function startGithubServer(options: GithubServerOptions): Promise<GithubServer> {
  const made = await makeSelfSigned('api.github.test', ['api.github.test']);
  const world: World = { options, state: { pulls: [...options.pulls ?? []], comments: [], issues: [], statuses: [], dispatches: [] }, nextId: 1001 };
  const switches = off();
  const requests: string[] = [];
  const server = await startHttpsServer({
    cert: made.cert, key: made.key,
    handle(request) {
      requests.push(`${request.method} ${request.url}`);
      try {
        return Promise.resolve(handle(world, switches, request));
      } catch (error) {
        return error instanceof Answer ? Promise.resolve({ ...error.answer, headers: { 'content-type': 'application/json; charset=utf-8', ...error.answer.headers } }) : Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
  return { origin: server.origin, port: server.port, api: `${server.origin}${options.prefix ?? ''}`, cert: made.cert, fingerprint256: made.fingerprint256, state: world.state, faults: switchFaults(world, switches), requests, close: () => server.close() };
}
