/**
 * The short-lived token by which a machine proves to others what it is: a CI job's identity, signed by the CI. Nothing is stored anywhere.
 *
 * - `ACTIONS_ID_TOKEN_REQUEST_URL`, `ACTIONS_ID_TOKEN_REQUEST_TOKEN`: GitHub Actions gives both to the steps of a job with `id-token: write`; a GET with the
 *   bearer and `&audience=` answers `{"value": "<JWT>"}` (docs.github.com, "OpenID Connect reference", read on 2026-11-24; Forgejo has the same contract).
 *   Asked anew every time: such a token lives for minutes, a run may take an hour.
 * - `SOLL_ID_TOKEN_FILE`: a file that somebody else keeps fresh; read anew every time. `SOLL_ID_TOKEN`: the token itself, as GitLab's `id_tokens` gives it. Both
 *   are made for one audience beforehand.
 */
import { readFile } from 'node:fs/promises';
import { ProviderError, type Clock, type HttpClientOptions } from '#contract';
import { createHttpClient } from './create-http-client.ts';
import { retry } from './retry.ts';

export interface IdTokenParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Tests: how the stand-in is reached. */
  readonly tls?: HttpClientOptions['tls'];
}

const hint = 'in GitHub Actions the job needs `permissions: id-token: write`; elsewhere set SOLL_ID_TOKEN_FILE or SOLL_ID_TOKEN';

/** Throws ProviderError `auth` where this machine has no such token. */
export async function requestIdToken(audience: string, parts: IdTokenParts): Promise<string> {
  const { env } = parts;
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer = '', SOLL_ID_TOKEN_FILE: file = '', SOLL_ID_TOKEN: given = '' } = env;
  if (file !== '') return asToken(await readFile(file, 'utf8').catch((error: unknown) => { throw new ProviderError('auth', 'the file that SOLL_ID_TOKEN_FILE names cannot be read', { cause: error, hint }); }), 'SOLL_ID_TOKEN_FILE');
  if (given !== '') return asToken(given, 'SOLL_ID_TOKEN');
  if (url === '' || bearer === '') throw new ProviderError('auth', 'this machine has no identity token', { hint });
  return asToken(await ask(url, bearer, audience, parts), 'the CI');
}

async function ask(address: string, bearer: string, audience: string, { clock, signal, tls = 'system' }: IdTokenParts): Promise<string> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || /[^\x21-\x7e]/.test(bearer)) throw new ProviderError('auth', 'the CI does not say properly where its identity tokens are', { hint });
  url.searchParams.set('audience', audience);
  const http = createHttpClient({ origin: url.origin, tls, concurrency: 1 }, { clock, signal });
  try {
    return await retry({ clock, signal, attempts: 4, deadlineMs: 60_000, delayMs: (attempt, error) => (error instanceof ProviderError && error.retryable ? 500 * 2 ** attempt : undefined) }, async () => {
      const { status, body } = await http.request({ method: 'GET', url: url.href, headers: { accept: 'application/json', authorization: `Bearer ${bearer}` } });
      if (status === 429 || status >= 500) throw new ProviderError('unreachable', `the CI gives no identity token now: ${String(status)}`, { retryable: true });
      if (status !== 200) throw new ProviderError('auth', `the CI refuses an identity token: ${String(status)}`, { hint });
      return valueOf(body);
    });
  } finally {
    await http.close();
  }
}

function valueOf(body: string): string {
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer === 'object' && answer !== null && 'value' in answer && typeof answer.value === 'string') return answer.value;
  } catch {
    // Told below.
  }
  throw new ProviderError('protocol', 'the CI answered with something that holds no identity token');
}

function asToken(text: string, from: string): string {
  const token = text.trim();
  if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token)) throw new ProviderError('auth', `what ${from} gives is no identity token (JWT)`, { hint });
  return token;
}
