import { generate } from 'selfsigned';
import { describe, expect, test } from 'vitest';
import { isProviderError, ProviderError, SecretValue, type JsonObject } from '#contract';
import { seedOf, withM365, type M365Bench } from '../../test/harness/m365-bench.ts';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

function failureOf(bench: M365Bench, credential?: string): Promise<Failure | string> {
  const overrides = credential === undefined ? {} : { reveal: () => Promise.resolve(new SecretValue('m365-read', credential)) };
  return bench.read(overrides).then((live) => `${String(live.length)} read`, (error: unknown) => {
    if (!isProviderError(error)) throw error;
    return { code: error.code, message: error.message, hint: error.hint ?? '' };
  });
}

const tokens = (bench: M365Bench): number => bench.running.asked().filter(({ host, method }) => host === 'login.microsoftonline.com' && method === 'POST').length;

async function certificate(from: number, to: number): Promise<{ readonly certificate: string; readonly privateKey: string }> {
  const day = 86_400_000;
  const made = await generate([{ name: 'commonName', value: 'old' }], { keyType: 'rsa', keySize: 2048, algorithm: 'sha256', notBeforeDate: new Date(Date.now() + from * day), notAfterDate: new Date(Date.now() + to * day) });
  return { certificate: made.cert, privateKey: made.private };
}

test('a federated token signs in in place of the certificate, and one token serves all requests', () => withM365(seedOf({}), async (bench) => {
  expect(await failureOf(bench, bench.running.federated('read'))).toBe('1 read');
  expect(tokens(bench)).toBe(1);
}));

describe('federated: true, the identity of the machine signs in and nothing is stored', () => {
  const tokenOf = (bench: M365Bench, half: 'read' | 'write', claims?: JsonObject): string => (JSON.parse(bench.running.federated(half, claims)) as { readonly federatedToken: string }).federatedToken;
  const stored = (bench: M365Bench): SecretValue => new SecretValue('m365-read', JSON.stringify({ clientId: (JSON.parse(bench.running.credentials.read) as { readonly clientId: string }).clientId, federated: true }));

  test('a fresh one for each sign-in, for the audience that Entra wants', () => withM365(seedOf({}), async (bench) => {
    const audiences: string[] = [];
    const session = await bench.open({
      reveal: () => Promise.resolve(stored(bench)),
      idToken: (audience) => { audiences.push(audience); return Promise.resolve(new SecretValue('identity token', tokenOf(bench, 'read'))); },
    });
    expect(audiences).toEqual([]);
    await session.identify();
    expect(audiences).toEqual(['api://AzureADTokenExchange']);
    bench.running.tenantFaults.expireTokens();
    expect((await session.read(['user'])).length).toBe(1);
    expect(audiences.length).toBeGreaterThanOrEqual(2);
    await session.close();
  }));

  test.each<{ readonly because: string; readonly token: (bench: M365Bench) => string; readonly hint: RegExp }>([
    { because: 'of the job that may only plan, for the application that writes', token: (bench) => tokenOf(bench, 'write'), hint: /this run says issuer https:\/\/token\.actions\.githubusercontent\.com, subject repo:msp\/customers:environment:apply, audience api:\/\/AzureADTokenExchange/ },
    { because: 'of another repository', token: (bench) => tokenOf(bench, 'read', { sub: 'repo:evil/customers:environment:plan' }), hint: /subject repo:evil\/customers:environment:plan/ },
  ])('one $because is refused, and the hint says what the federated credential would have to name', ({ token, hint }) => withM365(seedOf({}), async (bench) => {
    const failure = await bench.read({ reveal: () => Promise.resolve(stored(bench)), idToken: () => Promise.resolve(new SecretValue('identity token', token(bench))) }).then(() => 'read', (error: unknown) => error);
    expect(failure).toMatchObject({ code: 'auth', hint: expect.stringMatching(hint) as string });
    expect(JSON.stringify(failure)).not.toContain(token(bench).slice(-40));
  }));

  test('where the machine has none, that is what is told, and nobody is asked', () => withM365(seedOf({}), async (bench) => {
    const failure = await bench.read({ reveal: () => Promise.resolve(stored(bench)), idToken: () => Promise.reject(new ProviderError('auth', 'this machine has no identity token', { hint: 'id-token: write' })) }).then(() => 'read', (error: unknown) => error);
    expect(failure).toMatchObject({ code: 'auth', message: 'this machine has no identity token', hint: 'id-token: write' });
    expect(tokens(bench)).toBe(0);
  }));
});

describe('a refusal says what to do', () => {
  test.each([
    { because: 'another issuer', claims: { iss: 'https://gitlab.example' }, hint: /issuer/ }, { because: 'another audience', claims: { aud: 'api://else' }, hint: /AzureADTokenExchange/ },
    { because: 'another branch', claims: { sub: 'repo:msp/customers:ref:refs/heads/main' }, hint: /subject/ }, { because: 'too old', claims: { exp: 1 }, hint: /clock/ },
  ])('federated: $because', ({ claims, hint }) => withM365(seedOf({}), async (bench) => {
    const credential = bench.running.federated('read', claims);
    const failure = await failureOf(bench, credential);
    expect(failure).toMatchObject({ code: 'auth', hint: expect.stringMatching(hint) as string });
    expect(JSON.stringify(failure)).not.toContain((JSON.parse(credential) as { readonly federatedToken: string }).federatedToken.slice(0, 40));
  }));

  test('a certificate that is not registered', () => withM365(seedOf({}), async (bench) => {
    const { clientId } = JSON.parse(bench.running.credentials.read) as { readonly clientId: string };
    expect(await failureOf(bench, JSON.stringify({ clientId, ...await certificate(-1, 30) }))).toMatchObject({ code: 'auth', hint: expect.stringMatching(/not registered/) as string });
  }));

  test('a certificate that has ended: the day is named', () => withM365(seedOf({}), async (bench) => {
    const { clientId } = JSON.parse(bench.running.credentials.read) as { readonly clientId: string };
    const ended = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    expect(await failureOf(bench, JSON.stringify({ clientId, ...await certificate(-30, -1) }))).toMatchObject({ code: 'auth', hint: expect.stringContaining(`ended on ${ended}`) as string });
  }));

  test('an application that the tenant does not know', () => withM365(seedOf({}), async (bench) => {
    const credential = JSON.parse(bench.running.credentials.read) as Readonly<Record<string, string>>;
    expect(await failureOf(bench, JSON.stringify({ ...credential, clientId: '00000000-0000-4000-8000-000000000000' }))).toMatchObject({ code: 'auth', hint: expect.stringMatching(/consent/) as string });
  }));

  test.each([
    { because: 'not JSON', credential: 'x' }, { because: 'a list', credential: '[]' }, { because: 'no application', credential: '{"federatedToken":"x"}' }, { because: 'neither certificate nor token', credential: '{"clientId":"x"}' },
    { because: 'two things at once', credential: '{"clientId":"x","federated":true,"federatedToken":"x"}' }, { because: 'federated by a word', credential: '{"clientId":"x","federated":"true"}' },
    { because: 'a certificate that is none', credential: '{"clientId":"x","certificate":"x","privateKey":"x"}' },
  ])('a secret that is $because', ({ credential }) => withM365(seedOf({}), async (bench) => {
    expect(await failureOf(bench, credential)).toMatchObject({ code: 'auth', hint: expect.stringContaining('clientId') as string });
    expect(bench.running.requests()).toBe(0);
  }));

  test('a private key that is none', () => withM365(seedOf({}), async (bench) => {
    const credential = JSON.parse(bench.running.credentials.read) as Readonly<Record<string, string>>;
    expect(await failureOf(bench, JSON.stringify({ ...credential, privateKey: 'x' }))).toMatchObject({ code: 'auth' });
  }));
});

describe('a sign-in service in trouble', () => {
  test.each([{ status: 503 }, { status: 500 }, { status: 429 }])('$status twice is waited out', ({ status }) => withM365(seedOf({}), async (bench) => {
    bench.running.tenantFaults.failSignIn(2, status);
    expect(await failureOf(bench)).toBe('1 read');
    expect(bench.slept.length).toBe(2);
  }));

  test.each([{ status: 503, code: 'unreachable' }, { status: 429, code: 'throttled' }, { status: 200, code: 'protocol' }])('$status again and again is $code, not a wrong certificate', ({ status, code }) => withM365(seedOf({}), async (bench) => {
    bench.running.tenantFaults.failSignIn(999, status);
    expect(await failureOf(bench)).toMatchObject({ code });
  }));
});

describe('tokens', () => {
  test('one that has ended by another clock is renewed once', () => withM365(seedOf({}), async (bench) => {
    const session = await bench.open();
    await session.identify();
    bench.running.tenantFaults.expireTokens();
    expect((await session.read(['user'])).length).toBe(1);
    await session.close();
    expect(tokens(bench)).toBeGreaterThanOrEqual(2);
  }));
});
