/** A Microsoft 365 tenant on loopback: sign-in service and Graph v1.0 behind one port, told apart by the host that is asked for. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#contract';
import { startHttpsServer, type HttpsServerAnswer, type HttpsServerRequest } from '#testkit/https-server';
import { makeRsaCertificate, makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import type { RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';
import type { FederatedCredential } from './simulator/check-assertion.ts';
import { conformance } from './simulator/conformance.ts';
import { readRoles, writeRoles } from './simulator/facts.ts';
import { makeGraph, type Graph } from './simulator/graph.ts';
import { makeLogin, type Login } from './simulator/login.ts';
import { guid, makeTenant, type Tenant } from './simulator/state.ts';

interface Kept {
  readonly tls: SelfSigned;
  readonly apps: Readonly<Record<'read' | 'write', { readonly clientId: string } & SelfSigned>>;
  /** Key of the issuer that both applications trust; PEM. */
  readonly issuerKey: string;
  readonly tenant: Tenant;
}

type Half = 'read' | 'write';

/** What the federated credentials name, as a pipeline's identity provider would put it. */
const federation = { issuer: 'https://token.actions.githubusercontent.com', audience: 'api://AzureADTokenExchange', subject: (half: Half): string => `repo:msp/customers:environment:${half === 'read' ? 'plan' : 'apply'}` };

let issuerKey: string | undefined;

/** One identity provider for all tenants, as in the world; making a key takes long. */
function makeIssuerKey(): string {
  issuerKey ??= generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey;
  return issuerKey;
}

async function load({ folder, seed, customer, target, randomSeed }: SimulatorOptions): Promise<Kept> {
  if (folder !== undefined) {
    try {
      const kept = JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as Kept;
      // What an older stand-in did not keep has its initial value.
      return { ...kept, issuerKey: (kept as Partial<Kept>).issuerKey ?? makeIssuerKey(), tenant: { ...makeTenant(kept.tenant.id, undefined), ...kept.tenant } };
    } catch {
      // First start.
    }
  }
  const [tls, read, write] = await Promise.all([makeSelfSigned('graph.microsoft.com', ['graph.microsoft.com', 'login.microsoftonline.com']), makeRsaCertificate('soll read'), makeRsaCertificate('soll write')]);
  return {
    tls, apps: { read: { clientId: randomUUID(), ...read }, write: { clientId: randomUUID(), ...write } }, issuerKey: makeIssuerKey(),
    tenant: makeTenant(guid(`${customer}/${target} ${String(randomSeed ?? 1)}`), seed, randomSeed),
  };
}

interface Faults {
  /** `seconds` null: without Retry-After. */
  throttle: { times: number; seconds: number | null };
  items: number;
  mode: 'refuse' | 'forbid' | 'break' | 'hang' | undefined;
  /** After the next write. */
  after: 'reset' | 'unavailable' | undefined;
  reject: number;
  emptyPages: number;
  login: { times: number; status: number };
}

const noFaults = (): Faults => ({ throttle: { times: 0, seconds: 0 }, items: 0, mode: undefined, after: undefined, reject: 0, emptyPages: 0, login: { times: 0, status: 0 } });

export interface Asked {
  readonly method: string;
  readonly host: string;
  /** Path and query. */
  readonly url: string;
  readonly body: string;
}

/** What goes wrong at this service beyond the general switches; each stays until `clear()` or for the number given. */
export interface TenantFaults {
  /** Tokens given so far count as expired. */
  expireTokens(): void;
  /** Lists begin with so many pages that hold nothing and go on. */
  emptyPages(count: number): void;
  /** The sign-in service answers with this status. */
  failSignIn(times: number, status: number): void;
  /** Replaces what an application may do; counts for tokens given from now on. */
  grant(half: 'read' | 'write', permissions: readonly string[]): void;
  /** Looks at every answer of Graph and may give another one. */
  intercept(change: ((asked: Asked, answer: HttpsServerAnswer) => HttpsServerAnswer | 'reset' | undefined) | undefined): void;
}

export interface RunningTenant extends RunningSimulator {
  /** Paths, properties and options that were asked for and are not known; empty in a good run. */
  readonly unknown: readonly string[];
  /** Requests so far; a batch counts as one. */
  readonly requests: () => number;
  /** All that was asked, oldest first. */
  readonly asked: () => readonly Asked[];
  readonly tenantFaults: TenantFaults;
  /** Credential with a token of the trusted issuer instead of a certificate; claims can be replaced. */
  federated(half: 'read' | 'write', claims?: JsonObject): string;
}

function signedBy(key: string, claims: JsonObject): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const data = `${part({ alg: 'RS256', typ: 'JWT', kid: 'issuer-1' })}.${part(claims)}`;
  return `${data}.${sign('sha256', Buffer.from(data), createPrivateKey(key)).toString('base64url')}`;
}

function registrationsOf({ apps, issuerKey }: Kept): Parameters<typeof makeLogin>[1] {
  const trusted = (half: Half): FederatedCredential => ({ issuer: federation.issuer, audience: federation.audience, subject: federation.subject(half), publicKey: createPublicKey(issuerKey) });
  return (['read', 'write'] as const).map((half) => ({ clientId: apps[half].clientId, certificate: apps[half].cert, federated: trusted(half), permissions: half === 'read' ? readRoles : writeRoles }));
}

async function start(options: SimulatorOptions): Promise<RunningTenant> {
  const kept = await load(options);
  const faults = noFaults();
  const writes: { what: string; at: string }[] = [];
  let requests = 0;
  let tenantId = kept.tenant.id;
  let saving: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    const { folder } = options;
    if (folder === undefined) return Promise.resolve();
    saving = saving.then(async () => {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'state.json.new'), JSON.stringify(kept), { mode: 0o600 });
      await rename(join(folder, 'state.json.new'), join(folder, 'state.json'));
    });
    return saving;
  };
  const asked: Asked[] = [];
  let intercept: Parameters<TenantFaults['intercept']>[0];
  const login = makeLogin(kept.tenant.id, registrationsOf(kept));
  const graph = makeGraph(kept.tenant, (what) => void writes.push({ what, at: new Date().toISOString() }), () => (faults.items > 0 && (faults.items -= 1) >= 0 ? faults.throttle.seconds : undefined));
  const handle = async (request: HttpsServerRequest): Promise<HttpsServerAnswer | 'hang' | 'reset'> => {
    requests += 1;
    if (faults.mode === 'hang') return 'hang';
    const host = request.headers['host']?.split(':')[0];
    const one: Asked = { method: request.method, host: host ?? '', url: request.url, body: request.body };
    asked.push(one);
    if (host === 'login.microsoftonline.com' && faults.login.times > 0) {
      faults.login.times -= 1;
      return { status: faults.login.status, headers: { 'content-type': 'text/html' }, body: '<html>Service unavailable</html>' };
    }
    if (host === 'login.microsoftonline.com') return faults.mode === 'refuse' ? { status: 401, body: JSON.stringify({ error: 'invalid_client', error_description: 'AADSTS7000222: The provided client secret keys or certificates are expired.' }) } : login.handle(request);
    if (host !== 'graph.microsoft.com') return { status: 421, body: '{}' };
    const before = writes.length;
    const result = answerGraph(request, { faults, login, graph, tenantId });
    if (writes.length > before) {
      await save();
      const { after } = faults;
      faults.after = undefined;
      if (after === 'reset') return 'reset';
      if (after === 'unavailable') return graphError(503, 'serviceNotAvailable', 'The service is temporarily unavailable.');
    }
    return intercept?.(one, result) ?? result;
  };
  const server = await startHttpsServer({ cert: kept.tls.cert, key: kept.tls.key, handle });
  await save();
  return {
    host: server.host, port: server.port, ca: kept.tls.cert, address: kept.tenant.id, identity: [`tenant:${kept.tenant.id}`], unknown: graph.unknown, requests: () => requests, asked: () => asked,
    credentials: { read: credential(kept.apps.read), write: credential(kept.apps.write) },
    snapshot: () => snapshot(kept.tenant),
    writes: () => writes,
    edits: edits(kept.tenant, save),
    faults: {
      throttle: (times, seconds) => {
        faults.throttle = { times, seconds: seconds ?? null };
        faults.items = times;
      },
      refuseAuth: () => {
        faults.mode = 'refuse';
        login.forget();
      },
      refusePermission: () => { faults.mode = 'forbid'; },
      breakRead: () => { faults.mode = 'break'; },
      loseAnswer: () => { faults.after = 'reset'; },
      failAfterWrite: () => { faults.after = 'unavailable'; },
      rejectWrite: (nth) => { faults.reject = nth; },
      hang: () => { faults.mode = 'hang'; },
      changeIdentity: () => {
        tenantId = guid('another tenant');
        return Promise.resolve();
      },
      clear: () => {
        Object.assign(faults, noFaults());
        tenantId = kept.tenant.id;
        intercept = undefined;
      },
    },
    tenantFaults: {
      expireTokens: () => { login.forget(); },
      emptyPages: (count) => { faults.emptyPages = count; },
      failSignIn: (times, status) => { faults.login = { times, status }; },
      grant: (half, permissions) => { login.grant(kept.apps[half].clientId, permissions); },
      intercept: (change) => { intercept = change; },
    },
    federated: (half, claims = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const token = signedBy(kept.issuerKey, { iss: federation.issuer, aud: federation.audience, sub: federation.subject(half), iat: now, nbf: now, exp: now + 300, ...claims });
      return JSON.stringify({ clientId: kept.apps[half].clientId, federatedToken: token });
    },
    reboot: () => Promise.resolve(),
    stop: async () => {
      await server.close();
      await saving;
    },
  };
}

function credential({ clientId, cert, key }: { readonly clientId: string } & SelfSigned): string {
  return JSON.stringify({ clientId, certificate: cert, privateKey: key });
}

interface Parts {
  readonly faults: Faults;
  readonly login: Login;
  readonly graph: Graph;
  readonly tenantId: string;
}

function graphError(status: number, code: string, message: string, headers: Record<string, string> = {}): HttpsServerAnswer {
  return { status, headers, body: JSON.stringify({ error: { code, message, innerError: { 'request-id': randomUUID() } } }) };
}

function answerGraph(request: HttpsServerRequest, { faults, login, graph, tenantId }: Parts): HttpsServerAnswer {
  const token = /^Bearer (.+)$/.exec(request.headers['authorization'] ?? '')?.[1];
  const roles = token === undefined ? undefined : login.check(token);
  if (roles === undefined) return graphError(401, 'InvalidAuthenticationToken', 'Access token is empty, has expired or is not valid.');
  if (faults.throttle.times > 0) {
    faults.throttle.times -= 1;
    return graphError(429, 'TooManyRequests', 'Too many requests', faults.throttle.seconds === null ? {} : { 'retry-after': String(faults.throttle.seconds) });
  }
  if (faults.mode === 'forbid') return graphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');
  if (faults.emptyPages > 0 && request.method === 'GET' && /[?&]\$top=/.test(request.url)) {
    // "A page may be empty and still have a nextLink" ("Paging Microsoft Graph data", read 2026-08).
    const [, count = '0'] = /[?&]stand-in-empty=(\d+)/.exec(request.url) ?? [];
    const plain = request.url.replace(/&stand-in-empty=\d+/, '');
    if (Number(count) < faults.emptyPages) return { status: 200, body: JSON.stringify({ value: [], '@odata.nextLink': `https://graph.microsoft.com${plain}&stand-in-empty=${String(Number(count) + 1)}` }) };
    return graph.handle({ ...request, url: plain }, roles);
  }
  const writes = request.method !== 'GET' && !request.url.endsWith('/$batch');
  if (writes && faults.reject > 0 && (faults.reject -= 1) === 0) return graphError(400, 'Request_BadRequest', 'One or more property values specified are invalid.');
  const result = graph.handle(request, roles);
  if (request.url.startsWith('/v1.0/organization') && result.status === 200 && result.body !== undefined) return { ...result, body: result.body.replace(/"id":"[0-9a-f-]{36}"/, `"id":"${tenantId}"`) };
  // In the middle of a list: the first page promises more, what follows is cut.
  if (faults.mode === 'break' && request.method === 'GET' && request.url.startsWith('/v1.0/users')) return { ...result, body: (result.body ?? '').slice(0, (result.body ?? '').length >> 1) };
  return result;
}

function snapshot({ users, groups, stock }: Tenant): JsonObject {
  return JSON.parse(JSON.stringify({
    users: users.map(({ properties, licences, manager, admin, deleted }) => ({ ...properties, licences, manager, admin, deleted: deleted !== undefined })),
    groups: groups.filter(({ purged }) => purged !== true).map(({ properties, members, owners, deleted }) => ({ ...properties, members: [...members].sort(), owners: [...owners].sort(), deleted: deleted !== undefined })), stock,
  })) as JsonObject;
}

function edits(tenant: Tenant, save: () => Promise<void>): RunningSimulator['edits'] {
  // Somebody who is not the emergency account, so that the example is a likely one.
  const somebody = (): Tenant['users'][number] | undefined => [...tenant.users].sort((a, b) => (String(a.properties['userPrincipalName']) < String(b.properties['userPrincipalName']) ? -1 : 1)).find(({ deleted, admin, properties }) => deleted === undefined && !admin && properties['accountEnabled'] === true && properties['onPremisesSyncEnabled'] !== true && !String(properties['userPrincipalName']).startsWith('foreign'));
  return {
    'block-user': {
      en: 'somebody blocks a user in the admin centre', de: 'jemand sperrt einen Benutzer im Admin Center',
      run: async () => {
        const user = somebody();
        if (user !== undefined) user.properties = { ...user.properties, accountEnabled: false };
        await save();
      },
    },
    'change-title': {
      en: 'somebody changes a department in the admin centre', de: 'jemand ändert eine Abteilung im Admin Center',
      run: async () => {
        const user = tenant.users.find(({ deleted, properties }) => deleted === undefined && typeof properties['department'] === 'string');
        if (user !== undefined) user.properties = { ...user.properties, department: 'changed by hand' };
        await save();
      },
    },
    'remove-member': {
      en: 'somebody takes a member out of a group', de: 'jemand nimmt ein Mitglied aus einer Gruppe',
      run: async () => {
        const group = tenant.groups.find(({ deleted, members, properties }) => deleted === undefined && members.length > 0 && properties['mailNickname'] !== 'foreign-group');
        group?.members.pop();
        await save();
      },
    },
  };
}

export const simulator: Omit<Simulator, 'start'> & { start(options: SimulatorOptions): Promise<RunningTenant> } = { start, conformance };
