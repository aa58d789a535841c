/** A Microsoft 365 tenant on loopback: sign-in service and Graph v1.0 behind one port, told apart by the host that is asked for. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#contract';
import { startHttpsServer, type HttpsServerAnswer, type HttpsServerRequest } from '#testkit/https-server';
import { makeRsaCertificate, makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import type { RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';
import { conformance } from './simulator/conformance.ts';
import { makeGraph, type Graph } from './simulator/graph.ts';
import { makeLogin, type Login } from './simulator/login.ts';
import { guid, makeTenant, type Tenant } from './simulator/state.ts';

interface Kept {
  readonly tls: SelfSigned;
  readonly apps: Readonly<Record<'read' | 'write', { readonly clientId: string } & SelfSigned>>;
  readonly tenant: Tenant;
}

/** By permissions.json the least that each half needs. */
const readRoles = ['User.Read.All', 'Group.Read.All', 'LicenseAssignment.Read.All', 'Organization.Read.All', 'RoleManagement.Read.Directory'];
const writeRoles = [...readRoles, 'User.ReadWrite.All', 'User.DeleteRestore.All', 'Group.ReadWrite.All', 'GroupMember.ReadWrite.All', 'LicenseAssignment.ReadWrite.All'];

async function load({ folder, seed, customer, target, randomSeed }: SimulatorOptions): Promise<Kept> {
  if (folder !== undefined) {
    try {
      return JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as Kept;
    } catch {
      // First start.
    }
  }
  const [tls, read, write] = await Promise.all([makeSelfSigned('graph.microsoft.com', ['graph.microsoft.com', 'login.microsoftonline.com']), makeRsaCertificate('soll read'), makeRsaCertificate('soll write')]);
  return { tls, apps: { read: { clientId: randomUUID(), ...read }, write: { clientId: randomUUID(), ...write } }, tenant: makeTenant(guid(`${customer}/${target} ${String(randomSeed ?? 1)}`), seed) };
}

interface Faults {
  throttle: { times: number; seconds: number };
  items: number;
  mode: 'refuse' | 'forbid' | 'break' | 'hang' | undefined;
  lose: boolean;
  reject: number;
}

const noFaults = (): Faults => ({ throttle: { times: 0, seconds: 0 }, items: 0, mode: undefined, lose: false, reject: 0 });

export interface RunningTenant extends RunningSimulator {
  /** Paths, properties and options that were asked for and are not known; empty in a good run. */
  readonly unknown: readonly string[];
  /** Requests so far; a batch counts as one. */
  readonly requests: () => number;
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
  const login = makeLogin(kept.tenant.id, [{ clientId: kept.apps.read.clientId, certificate: kept.apps.read.cert, permissions: readRoles }, { clientId: kept.apps.write.clientId, certificate: kept.apps.write.cert, permissions: writeRoles }]);
  const graph = makeGraph(kept.tenant, (what) => void writes.push({ what, at: new Date().toISOString() }), () => (faults.items > 0 && (faults.items -= 1) >= 0 ? 429 : undefined));
  const handle = async (request: HttpsServerRequest): Promise<HttpsServerAnswer | 'hang' | 'reset'> => {
    requests += 1;
    if (faults.mode === 'hang') return 'hang';
    const host = request.headers['host']?.split(':')[0];
    if (host === 'login.microsoftonline.com') return faults.mode === 'refuse' ? { status: 401, body: JSON.stringify({ error: 'invalid_client', error_description: 'AADSTS7000222: The provided client secret keys or certificates are expired.' }) } : login.handle(request);
    if (host !== 'graph.microsoft.com') return { status: 421, body: '{}' };
    const before = writes.length;
    const result = answerGraph(request, { faults, login, graph, tenantId });
    if (writes.length > before) {
      await save();
      if (faults.lose) {
        faults.lose = false;
        return 'reset';
      }
    }
    return result;
  };
  const server = await startHttpsServer({ cert: kept.tls.cert, key: kept.tls.key, handle });
  await save();
  return {
    host: server.host, port: server.port, ca: kept.tls.cert, address: kept.tenant.id, identity: [`tenant:${kept.tenant.id}`], unknown: graph.unknown, requests: () => requests,
    credentials: { read: credential(kept.apps.read), write: credential(kept.apps.write) },
    snapshot: () => snapshot(kept.tenant),
    writes: () => writes,
    edits: edits(kept.tenant, save),
    faults: {
      throttle: (times, seconds = 0) => {
        faults.throttle = { times, seconds };
        faults.items = times;
      },
      refuseAuth: () => {
        faults.mode = 'refuse';
        login.forget();
      },
      refusePermission: () => { faults.mode = 'forbid'; },
      breakRead: () => { faults.mode = 'break'; },
      loseAnswer: () => { faults.lose = true; },
      rejectWrite: (nth) => { faults.reject = nth; },
      hang: () => { faults.mode = 'hang'; },
      changeIdentity: () => {
        tenantId = guid('another tenant');
        return Promise.resolve();
      },
      clear: () => {
        Object.assign(faults, noFaults());
        tenantId = kept.tenant.id;
      },
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
    return graphError(429, 'TooManyRequests', 'Too many requests', { 'retry-after': String(faults.throttle.seconds) });
  }
  if (faults.mode === 'forbid') return graphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');
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
    groups: groups.map(({ properties, members, owners, deleted }) => ({ ...properties, members: [...members].sort(), owners: [...owners].sort(), deleted: deleted !== undefined })), stock,
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

export const simulator: Simulator & { start(options: SimulatorOptions): Promise<RunningTenant> } = { start, conformance };
