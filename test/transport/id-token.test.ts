/** The identity of a CI job: asked for one audience, of the CI only, and never stored. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Capabilities, ReadContext, Target } from '#contract';
import { withoutSecrets } from '#core/without-secrets';
import { startHttpsServer, type HttpsServer, type HttpsServerAnswer, type HttpsServerRequest } from '#testkit/https-server';
import { makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import { silentLog } from '#testkit/test-context';
import { requestIdToken } from '#transport/id-token';
import { systemClock } from '#transport/system-clock';
import { makeSessions } from '../../src/sessions.ts';

const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvIn0.c2lnbmF0dXJl';
let own: SelfSigned;
let server: HttpsServer;
let folder: string;
let asked: HttpsServerRequest[];
let answers: HttpsServerAnswer[];

beforeAll(async () => {
  own = await makeSelfSigned('ci');
  folder = await mkdtemp(join(tmpdir(), 'soll-id-'));
  server = await startHttpsServer({ ...own, handle: (request) => { asked.push(request); return Promise.resolve(answers.shift() ?? { status: 200, body: JSON.stringify({ count: 1, value: jwt }) }); } });
}, 60_000);
afterAll(async () => { await server.close(); await rm(folder, { recursive: true }); });
beforeEach(() => { asked = []; answers = []; });

const clock = { ...systemClock, sleep: () => Promise.resolve() };
const ask = (env: Readonly<Record<string, string>>): Promise<string> => requestIdToken('api://AzureADTokenExchange', { env, clock, signal: new AbortController().signal, tls: { fingerprint256: own.fingerprint256 } });
const actions = (): Record<string, string> => ({ ACTIONS_ID_TOKEN_REQUEST_URL: `${server.origin}/idtoken/1?api-version=2.0`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'bearer-1' });

it('is asked of GitHub Actions with its bearer and the audience, once more when it is busy, anew every time', async () => {
  answers = [{ status: 503 }];
  expect(await ask(actions())).toBe(jwt);
  expect(await ask(actions())).toBe(jwt);
  expect(asked.map(({ method, url, headers }) => [method, url, headers['authorization']])).toEqual(Array.from({ length: 3 }, () => ['GET', '/idtoken/1?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange', 'Bearer bearer-1']));
});

it('comes from a file that somebody keeps fresh, or from a variable, and then nobody is asked', async () => {
  const file = join(folder, 'token');
  await writeFile(file, `${jwt}\n`);
  expect(await ask({ ...actions(), SOLL_ID_TOKEN_FILE: file })).toBe(jwt);
  await writeFile(file, `${jwt}x\n`);
  expect(await ask({ SOLL_ID_TOKEN_FILE: file })).toBe(`${jwt}x`);
  expect(await ask({ SOLL_ID_TOKEN: jwt })).toBe(jwt);
  expect(asked).toEqual([]);
});

it.each<{ readonly because: string; readonly env: () => Readonly<Record<string, string>>; readonly answer?: HttpsServerAnswer; readonly code: string }>([
  { because: 'there is none', env: () => ({}), code: 'auth' },
  { because: 'the job has no permission: GitHub sets the URL of none', env: () => ({ ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' }), code: 'auth' },
  { because: 'the address is not https', env: () => ({ ACTIONS_ID_TOKEN_REQUEST_URL: 'http://127.0.0.1/x', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' }), code: 'auth' },
  { because: 'the file is not there', env: () => ({ SOLL_ID_TOKEN_FILE: '/nowhere/token' }), code: 'auth' },
  { because: 'it is no JWT', env: () => ({ SOLL_ID_TOKEN: 'hello world' }), code: 'auth' },
  { because: 'it is refused', env: actions, answer: { status: 403, body: '{}' }, code: 'auth' },
  { because: 'the answer goes elsewhere', env: actions, answer: { status: 302, headers: { location: 'https://evil.example/' } }, code: 'auth' },
  { because: 'the answer is a page', env: actions, answer: { status: 200, body: '<html>' }, code: 'protocol' },
  { because: 'the answer has no value', env: actions, answer: { status: 200, body: '{"value":1}' }, code: 'protocol' },
])('is told when $because', async ({ env, answer, code }) => {
  if (answer !== undefined) answers = [answer];
  const failure = await ask(env()).then(() => ({ code: 'none' }), (error: unknown) => error);
  expect(failure).toMatchObject({ code });
  expect(String(failure)).not.toMatch(/bearer-1|hello world/);
});

it('reaches a provider as a secret that every output hides', async () => {
  const hidden: string[] = [];
  const shown: string[] = [];
  const ws = { root: folder, lab: false, env: { SOLL_ID_TOKEN: jwt }, clock, signal: new AbortController().signal, log: silentLog, progress: () => undefined, redactor: { add: (value: string) => { hidden.push(value); }, redact: (text: string) => text } };
  const capabilities: Capabilities = { atomicity: 'object', rollback: 'none', concurrency: 1, kinds: {} };
  const open = async (_target: unknown, context: ReadContext): Promise<never> => {
    const token = await context.idToken('api://x');
    shown.push(token.expose(), JSON.stringify({ token }));
    throw new Error('seen');
  };
  const sessions = makeSessions({ ws, customer: 'acme', lab: undefined, readFile: () => Promise.resolve(undefined), providers: new Map([['p', { name: 'p', capabilities, check: () => [], open, openForWrite: open }]]) });
  const target: Target = { customer: 'acme', name: 't', provider: 'p', address: 'x', identity: [], credentials: { read: { $secret: 'r' }, write: { $secret: 'w' } }, manages: {}, settings: {} };
  await expect(sessions.openRead(target)).rejects.toThrow('seen');
  expect([shown, hidden]).toEqual([[jwt, '{"token":"***"}'], [jwt]]);
});

it('and what it is asked with reach no child process', () => {
  expect(Object.keys(withoutSecrets({ ...actions(), SOLL_ID_TOKEN: jwt, SOLL_ID_TOKEN_FILE: '/x', PATH: '/bin' }))).toEqual(['PATH']);
});
