import { ProviderError, type Clock, type HttpClient, type HttpResponse, type Json, type JsonObject } from '#contract';
import { retry } from '#transport/retry';
import { actionsMayNotOpen, apiVersion, pageSize, throttleDelayMs } from './github-limits.ts';

/** JSON over GitHub's REST API: waits when told to, pages to the proven end, never sends a write twice whose outcome is unknown. */
export interface GithubClient {
  get(path: string): Promise<JsonObject>;
  /** Every page. */
  list(path: string): Promise<readonly JsonObject[]>;
  /** PATCH and DELETE twice are as once, and are repeated; a POST whose answer is lost ends in `unknown-outcome`. */
  send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body: JsonObject | undefined): Promise<JsonObject>;
}

interface Parts {
  readonly http: HttpClient;
  /** `https://host` or `https://host/api/v3`. */
  readonly api: string;
  readonly token: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Milliseconds that waiting for a rate limit may take in all; default ten minutes. */
  readonly patienceMs?: number;
}

/** Refused, and how long GitHub wants us to wait. */
class Refusal extends ProviderError {
  readonly waitMs: (attempt: number) => number | undefined;
  constructor(error: ProviderError, waitMs: (attempt: number) => number | undefined) {
    super(error.code, error.message, { retryable: error.retryable, ...(error.hint === undefined ? {} : { hint: error.hint }) });
    this.waitMs = waitMs;
  }
}

const maxPages = 1000;

export function githubClient(parts: Parts): GithubClient {
  const exchange = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body: JsonObject | undefined): Promise<HttpResponse> => retry({
    clock: parts.clock, signal: parts.signal, attempts: 5, deadlineMs: parts.patienceMs ?? 600_000,
    // Refused for its rate nothing was done, so that a POST may be sent again; lost on the way only what can be repeated.
    delayMs: (attempt, error) => (error instanceof Refusal ? error.waitMs(attempt) : isPassing(error, method) ? 1000 * 2 ** (attempt - 1) : undefined),
  }, () => once(parts, method, url, body));
  return {
    async get(path) {
      return object(parse(await exchange('GET', `${parts.api}${path}`, undefined)));
    },
    async list(path) {
      const items: JsonObject[] = [];
      const seen = new Set<string>();
      for (let url: string | undefined = `${parts.api}${path}${path.includes('?') ? '&' : '?'}per_page=${String(pageSize)}`; url !== undefined;) {
        if (seen.has(url) || seen.size >= maxPages) throw new ProviderError('protocol', 'the pages of a list have no end', { hint: 'run it again; if it stays so, report it' });
        seen.add(url);
        const answer: HttpResponse = await exchange('GET', url, undefined);
        const page = parse(answer);
        if (!Array.isArray(page)) throw new ProviderError('protocol', 'a list was expected and something else was sent');
        items.push(...page.map(object));
        url = nextPage(answer.headers['link'], url);
      }
      return items;
    },
    async send(method, path, body) {
      const answer = await exchange(method, `${parts.api}${path}`, body);
      return answer.status === 204 ? {} : object(parse(answer));
    },
  };
}

function isPassing(error: unknown, method: string): boolean {
  if (!(error instanceof ProviderError)) return false;
  // `unreachable` of a POST was never sent: the transport says `unknown-outcome` otherwise.
  return error.retryable || (error.code === 'unknown-outcome' && method !== 'POST');
}

async function once({ http, token, clock }: Parts, method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body: JsonObject | undefined): Promise<HttpResponse> {
  const answer = await http.request({
    method, url,
    headers: { accept: 'application/vnd.github+json', 'x-github-api-version': apiVersion, 'user-agent': 'soll', authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.status >= 200 && answer.status < 300) return answer;
  const message = messageOf(answer);
  const waitMs = (attempt: number): number | undefined => throttleDelayMs({ ...answer, message }, attempt, clock.now());
  const error = errorOf(answer.status, message, { method, url, throttled: waitMs(1) !== undefined });
  throw new Refusal(error, (attempt) => waitMs(attempt) ?? (isPassing(error, method) ? 1000 * 2 ** (attempt - 1) : undefined));
}

/** The words of the refusal, one line, bounded; hostile until escaped. */
function messageOf({ body }: HttpResponse): string {
  let parsed: Json;
  try {
    parsed = JSON.parse(body) as Json;
  } catch {
    return '';
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return '';
  const { message, errors } = parsed as JsonObject;
  const details = Array.isArray(errors) ? errors.map((each: Json) => (typeof each === 'object' && each !== null && !Array.isArray(each) ? (each as JsonObject)['message'] : each)) : [];
  return [message, ...details].filter((part): part is string => typeof part === 'string' && part !== '').join('; ').slice(0, 300);
}

function errorOf(status: number, message: string, { method, url, throttled }: { readonly method: string; readonly url: string; readonly throttled: boolean }): ProviderError {
  const { pathname } = new URL(url);
  const what = `GitHub refused ${method} ${pathname}: ${String(status)}${message === '' ? '' : ` ${message}`}`;
  if (throttled) return new ProviderError('throttled', what, { hint: 'too many requests; run it again later, or use a GitHub App, whose limit is higher' });
  if (status === 401) return new ProviderError('auth', what, { hint: 'GITHUB_TOKEN is missing, wrong or expired' });
  if (status === 403 && message.includes(actionsMayNotOpen)) return new ProviderError('auth', what, { hint: 'turn on Settings, Actions, General, "Allow GitHub Actions to create and approve pull requests", or use the token of a GitHub App' });
  if (status === 403) return new ProviderError('auth', what, { hint: 'the token lacks a permission; a plan job needs pull-requests: write, issues: write, statuses: write (and contents: write, to push its notices)' });
  if (status === 404) return new ProviderError('auth', what, { hint: 'there is nothing of this name, or the token may not see it; check GITHUB_REPOSITORY and the permissions of the token' });
  if (status === 410) return new ProviderError('unsupported', what, { hint: 'issues are turned off in this repository; turn them on or use --platform generic' });
  if (status === 409) return new ProviderError('conflict', what, { retryable: method === 'GET' });
  if (status === 422) return new ProviderError('rejected', what);
  if (status >= 500) return new ProviderError(method === 'GET' ? 'unreachable' : 'unknown-outcome', what, { retryable: method === 'GET' });
  if (status >= 300 && status < 400) return new ProviderError('protocol', what, { hint: 'the repository was renamed or moved; set GITHUB_REPOSITORY or the remote to its new name' });
  return new ProviderError('rejected', what);
}

function parse({ body, headers }: HttpResponse): Json {
  if (!(headers['content-type'] ?? '').includes('json')) throw new ProviderError('protocol', 'the code host sent something that is not JSON', { hint: 'is GITHUB_API_URL the address of its API?' });
  try {
    return JSON.parse(body) as Json;
  } catch (error) {
    throw new ProviderError('protocol', 'the code host sent broken JSON', { cause: error, retryable: true });
  }
}

function object(value: Json): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProviderError('protocol', 'an object was expected and something else was sent');
  return value as JsonObject;
}

/** RFC 8288. A next page elsewhere would carry the token away. */
export function nextPage(link: string | undefined, current: string): string | undefined {
  const next = (link ?? '').split(/,(?=\s*<)/).map((part) => /^\s*<([^>]*)>\s*;(.*)$/s.exec(part)).find((match) => match !== null && /(?:^|;)\s*rel\s*=\s*"?(?:[^"]*\s)?next(?:\s[^"]*)?"?\s*(?:;|$)/i.test(match[2] ?? ''));
  if (next?.[1] === undefined) return undefined;
  const url = URL.canParse(next[1], current) ? new URL(next[1], current) : undefined;
  if (url === undefined || url.origin !== new URL(current).origin) throw new ProviderError('protocol', 'the next page of a list stands at another host', { hint: 'nothing was sent there; check GITHUB_API_URL' });
  return url.href;
}
