/** The stand-in against the vendor's own files and over its own wire; nothing of the provider is loaded here. */
import { createHash, constants, sign, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request as send } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '#contract';
import { simulator, type RunningTenant } from '../simulator.ts';
import {
  defaultUserProperties, groupProperties, listProperties, notInPermissionsFile, notServed, organizationProperties, permissions, readRoles, skuProperties, userProperties, writableGroup, writableUser, writeRoles, type ValueType,
} from './facts.ts';
import { makeReplicas } from './replicas.ts';
import { guid, makeTenant } from './state.ts';

const shared = process.env['SOLL_SHARED'] ?? join(import.meta.dirname, '../../../../shared');

async function specification(name: string): Promise<string | undefined> {
  try {
    return await readFile(join(shared, 'specs/msgraph', name), 'utf8');
  } catch {
    return undefined;
  }
}

const [csdl, permissionsFile] = await Promise.all([specification('v1.0.csdl'), specification('permissions.json')]);
if (csdl === undefined || permissionsFile === undefined) process.stdout.write('SKIPPED: the stand-in of m365 is not compared with the vendor\'s files: no specs/msgraph in ../shared (SOLL_SHARED names another place)\n');

interface Property {
  readonly type: string;
  readonly nullable: boolean;
}

/** Properties of a type with those that it inherits. */
function propertiesOf(type: string): ReadonlyMap<string, Property> {
  const text = csdl ?? '';
  const block = new RegExp(`<(EntityType|ComplexType) Name="${type}"([^>]*)>(.*?)</\\1>`, 's').exec(text);
  if (block === null) throw new Error(`the CSDL has no ${type}`);
  const own = [...(block[3] ?? '').matchAll(/<Property Name="([^"]+)" Type="([^"]+)"([^>]*)>/g)].map(([, name = '', kind = '', rest = '']): [string, Property] => [name, { type: kind, nullable: !rest.includes('Nullable="false"') }]);
  const base = /BaseType="graph\.(\w+)"/.exec(block[2] ?? '')?.[1];
  return new Map([...(base === undefined ? [] : propertiesOf(base)), ...own]);
}

function fits(value: unknown, { type, nullable }: Property): boolean {
  // A list of nothing is an empty list; null for a list breaks clients.
  if (type.startsWith('Collection(')) return Array.isArray(value) && value.every((each) => fits(each, { type: type.slice('Collection('.length, -1), nullable: false }));
  if (value === null) return nullable;
  if (type === 'Edm.Boolean') return typeof value === 'boolean';
  if (type === 'Edm.Int32') return Number.isInteger(value);
  if (type === 'Edm.Guid') return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
  if (type === 'Edm.DateTimeOffset') return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value);
  if (type === 'Edm.String') return typeof value === 'string';
  const complex = /^graph\.(\w+)$/.exec(type)?.[1];
  if (complex === undefined || typeof value !== 'object') return false;
  const known = propertiesOf(complex);
  return Object.entries(value as JsonObject).every(([name, part]) => { const property = known.get(name); return property !== undefined && fits(part, property); });
}

describe.skipIf(csdl === undefined)('against the CSDL', () => {
  test.each([
    { type: 'user', list: userProperties }, { type: 'group', list: groupProperties }, { type: 'subscribedSku', list: skuProperties }, { type: 'organization', list: organizationProperties },
  ])('every property of $type is there and none is missing', ({ type, list }) => {
    const known = [...propertiesOf(type).keys()];
    expect(list.filter((name) => !known.includes(name))).toEqual([]);
    expect(known.filter((name) => !list.includes(name))).toEqual([]);
    expect(new Set(list).size).toBe(list.length);
  });

  test('defaults and properties kept elsewhere are properties', () => {
    const known = propertiesOf('user');
    expect([...defaultUserProperties, ...notServed].filter((name) => !known.has(name))).toEqual([]);
  });

  test('lists are lists', () => {
    const all = new Map(['user', 'group', 'subscribedSku', 'organization'].flatMap((type) => [...propertiesOf(type)]));
    const lists = [...all].filter(([name, { type }]) => type.startsWith('Collection(') && !notServed.includes(name)).map(([name]) => name).sort();
    expect([...listProperties].sort()).toEqual(lists);
  });

  test.each([{ type: 'user', writable: writableUser }, { type: 'group', writable: writableGroup }])('what can be written of a $type exists with that type', ({ type, writable }) => {
    const known = propertiesOf(type);
    const expected: Readonly<Record<ValueType, RegExp>> = { string: /^Edm\.String$/, boolean: /^Edm\.Boolean$/, strings: /^Collection\(Edm\.String\)$/, object: /^graph\./ };
    for (const [name, [kind]] of Object.entries(writable)) expect({ name, type: known.get(name)?.type }).toEqual({ name, type: expect.stringMatching(expected[kind]) as string });
  });
});

test('the README asks for what the two applications are granted, no more and no less', async () => {
  const text = await readFile(join(import.meta.dirname, '../README.md'), 'utf8');
  const row = (name: string): readonly string[] => [...(new RegExp(`^\\| ${name} \\|(.*)\\|$`, 'm').exec(text)?.[1] ?? '').matchAll(/`([A-Za-z.]+)`/g)].map(([, role = '']) => role);
  expect(row('read')).toEqual(readRoles);
  expect([...row('read'), ...row('write')]).toEqual(writeRoles);
  for (const role of writeRoles) expect({ role, explained: text.includes(`| \`${role}\` |`) }).toEqual({ role, explained: true });
});

describe.skipIf(permissionsFile === undefined)('against permissions.json', () => {
  interface Scope {
    readonly schemes: Readonly<Record<string, unknown>>;
    readonly pathSets: readonly { readonly schemeKeys: readonly string[]; readonly methods: readonly string[]; readonly paths: Readonly<Record<string, string>> }[];
  }
  const scopes = permissionsFile === undefined ? {} : (JSON.parse(permissionsFile) as { readonly permissions: Readonly<Record<string, Scope>> }).permissions;
  const application = new Map<string, Set<string>>();
  for (const [name, { pathSets }] of Object.entries(scopes)) {
    for (const { methods, paths } of pathSets.filter((set) => set.schemeKeys.includes('Application'))) {
      for (const method of methods) for (const path of Object.keys(paths)) application.set(`${method} ${path}`.toLowerCase(), (application.get(`${method} ${path}`.toLowerCase()) ?? new Set()).add(name));
    }
  }

  test.each(Object.entries(permissions).map(([request, names]) => ({ request, names })))('$request: each one is an application permission for it', ({ request, names }) => {
    const known = application.get(request.toLowerCase());
    const exception = notInPermissionsFile[request];
    if (exception === 'all') {
      // The exception must go when the file learns of the path.
      expect(known).toBeUndefined();
      return;
    }
    expect(names.filter((name) => known?.has(name) !== true && exception?.includes(name) !== true)).toEqual([]);
    expect((exception ?? []).filter((name) => known?.has(name) === true)).toEqual([]);
  });

  test('what the two applications are granted exists for applications, and each is needed', () => {
    for (const role of writeRoles) expect({ role, application: scopes[role]?.schemes['Application'] !== undefined }).toEqual({ role, application: true });
    for (const role of writeRoles) expect({ role, used: Object.values(permissions).some((names) => names.includes(role)) }).toEqual({ role, used: true });
    const reads = Object.entries(permissions).filter(([request]) => request.startsWith('GET '));
    for (const [request, names] of reads) expect({ request, readable: names.some((name) => readRoles.includes(name)) }).toEqual({ request, readable: true });
    for (const [request, names] of Object.entries(permissions).filter(([each]) => !each.startsWith('GET '))) expect({ request, byReader: names.some((name) => readRoles.includes(name)) }).toEqual({ request, byReader: false });
  });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: JsonObject;
}

type Half = 'read' | 'write';

/** Plain HTTPS with the certificate checked. */
function raw(running: RunningTenant, host: string, method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = send({ host: running.host, port: running.port, servername: host, ca: running.ca, method, path, agent: false, headers: { host, ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }), ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text === '' ? {} : JSON.parse(text) as JsonObject });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** An assertion as an application signs it with its certificate. */
function assertionOf({ clientId, certificate, privateKey }: Readonly<Record<string, string>>, tenant: string, claims: JsonObject = {}): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const head = { alg: 'PS256', typ: 'JWT', 'x5t#S256': createHash('sha256').update(new X509Certificate(certificate ?? '').raw).digest('base64url') };
  const data = `${part(head)}.${part({ iss: clientId, sub: clientId, aud: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`, jti: '1', nbf: now, exp: now + 300, ...claims })}`;
  return `${data}.${sign('sha256', Buffer.from(data), { key: privateKey ?? '', padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }).toString('base64url')}`;
}

function tokenRequest(running: RunningTenant, clientId: string, assertion: string): Promise<Answer> {
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, scope: 'https://graph.microsoft.com/.default', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion });
  return raw(running, 'login.microsoftonline.com', 'POST', `/${running.address ?? ''}/oauth2/v2.0/token`, { 'content-type': 'application/x-www-form-urlencoded' }, form.toString());
}

interface Wire {
  readonly running: RunningTenant;
  call(half: Half, method: string, path: string, body?: JsonObject): Promise<Answer>;
}

function wireOf(running: RunningTenant): Wire {
  const tokens = new Map<Half, string>();
  const token = async (half: Half): Promise<string> => {
    const known = tokens.get(half);
    if (known !== undefined) return known;
    const credential = JSON.parse(running.credentials[half]) as Readonly<Record<string, string>>;
    const { body } = await tokenRequest(running, credential['clientId'] ?? '', assertionOf(credential, running.address ?? ''));
    tokens.set(half, String(body['access_token']));
    return String(body['access_token']);
  };
  return {
    running,
    call: async (half, method, path, body) => raw(running, 'graph.microsoft.com', method, path.startsWith('https://') ? path.slice('https://graph.microsoft.com'.length) : `/v1.0${path}`, { authorization: `Bearer ${await token(half)}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, body === undefined ? undefined : JSON.stringify(body)),
  };
}

const domain = 'spec.example';
const people = Array.from({ length: 31 }, (_, index) => `p${String(index).padStart(2, '0')}@${domain}`);

function seed(more: JsonObject = {}): JsonObject {
  return {
    domains: [domain], licences: { SPB: 2, EXCHANGESTANDARD: 5 }, pageSize: 7,
    users: [...people.map((userPrincipalName) => ({ userPrincipalName, usageLocation: 'DE' })), { userPrincipalName: `synced@${domain}`, synced: true }, { userPrincipalName: `gone@${domain}` }, { userPrincipalName: `inherits@${domain}`, usageLocation: 'DE', inherited: ['EXCHANGESTANDARD'] }],
    deletedUsers: [`gone@${domain}`], others: [{ name: 'printer', type: 'device' }],
    groups: [
      { mailNickname: 'big', displayName: 'Big', type: 'security', members: [...people, 'printer', 'group:team'], owners: people.slice(0, 25) },
      { mailNickname: 'team', displayName: 'Team', type: 'microsoft365', members: [people[0] ?? ''], owners: [people[0] ?? ''] },
      { mailNickname: 'list', displayName: 'List', type: 'distribution', members: [], owners: [] }, { mailNickname: 'mailsec', displayName: 'Mail', type: 'mail-enabled-security', members: [], owners: [] },
      { mailNickname: 'dynamic', displayName: 'Dynamic', type: 'security', dynamic: 'user.department -eq "x"', members: [], owners: [] }, { mailNickname: 'onprem', displayName: 'On-premises', type: 'security', synced: true, members: [], owners: [] },
      { mailNickname: 'hidden', displayName: 'Hidden', type: 'microsoft365', visibility: 'HiddenMembership', members: [people[1] ?? ''], owners: [people[0] ?? ''] },
    ],
    ...more,
  };
}

const errorOf = ({ body }: Answer): string => String((body['error'] as JsonObject | undefined)?.['code']);
const valuesOf = ({ body }: Answer): readonly JsonObject[] => body['value'] as readonly JsonObject[];

async function allPages(wire: Wire, path: string): Promise<{ readonly items: readonly JsonObject[]; readonly pages: number; readonly links: readonly string[] }> {
  const items: JsonObject[] = [];
  const links: string[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const answer: Answer = await wire.call('read', 'GET', next);
    items.push(...valuesOf(answer));
    const link: unknown = answer.body['@odata.nextLink'];
    next = typeof link === 'string' ? link : undefined;
    if (next !== undefined) links.push(next);
  }
  return { items, pages: links.length + 1, links };
}

async function withTenant(given: JsonObject, use: (wire: Wire) => Promise<void>, randomSeed = 1): Promise<void> {
  const running = await simulator.start({ customer: 'spec', target: 'm365', seed: given, randomSeed });
  try {
    await use(wireOf(running));
  } finally {
    await running.stop();
  }
}

describe('over the wire', () => {
  let wire: Wire;
  beforeAll(async () => { wire = wireOf(await simulator.start({ customer: 'spec', target: 'm365', seed: seed() })); });
  afterAll(() => wire.running.stop());
  const idOf = async (upn: string): Promise<string> => String((await wire.call('read', 'GET', `/users/${encodeURIComponent(upn)}?$select=id`)).body['id']);
  const groupOf = async (nickname: string): Promise<string> => String(valuesOf(await wire.call('read', 'GET', `/groups?$filter=${encodeURIComponent(`mailNickname eq '${nickname}'`)}&$select=id`))[0]?.['id']);

  test.skipIf(csdl === undefined)('every value has the type that the CSDL names', async () => {
    const checks = [
      { type: 'user', path: `/users?$select=${userProperties.filter((name) => !notServed.includes(name)).join(',')}` }, { type: 'group', path: '/groups' }, { type: 'subscribedSku', path: '/subscribedSkus' },
      { type: 'user', path: `/directory/deletedItems/microsoft.graph.user?$select=${userProperties.filter((name) => !notServed.includes(name)).join(',')}` }, { type: 'organization', path: '/organization' },
    ];
    for (const { type, path } of checks) {
      const known = propertiesOf(type);
      const { items } = await allPages(wire, path);
      expect(items.length).toBeGreaterThan(0);
      const wrong = items.flatMap((item) => Object.entries(item).filter(([name]) => !name.startsWith('@odata.')).flatMap(([name, value]) => { const property = known.get(name); return property !== undefined && fits(value, property) ? [] : [`${type}.${name} = ${JSON.stringify(value)}`]; }));
      expect([...new Set(wrong)]).toEqual([]);
    }
  });

  test.each([
    { because: 'no token', headers: {} }, { because: 'a token of nobody', headers: { authorization: 'Bearer nonsense' } }, { because: 'another scheme', headers: { authorization: 'Basic eDp5' } },
  ])('401 for $because', async ({ headers }) => {
    const answer = await raw(wire.running, 'graph.microsoft.com', 'GET', '/v1.0/users', headers);
    expect([answer.status, errorOf(answer)]).toEqual([401, 'InvalidAuthenticationToken']);
  });

  test('401 for a token that has expired', () => withTenant(seed(), async (own) => {
    expect((await own.call('read', 'GET', '/users')).status).toBe(200);
    own.running.tenantFaults.expireTokens();
    expect((await own.call('read', 'GET', '/users')).status).toBe(401);
  }));

  test.each([
    { because: 'a user is made', method: 'POST', path: '/users' }, { because: 'a group is made', method: 'POST', path: '/groups' }, { because: 'a user goes', method: 'DELETE', path: '/users/x' },
    { because: 'a licence is assigned', method: 'POST', path: '/users/x/assignLicense' }, { because: 'a member goes', method: 'DELETE', path: '/groups/x/members/y/$ref' },
    { because: 'something is restored', method: 'POST', path: '/directory/deletedItems/x/restore' },
  ])('403 for the reading application where $because', async ({ method, path }) => {
    const answer = await wire.call('read', method, path, {});
    expect([answer.status, errorOf(answer)]).toEqual([403, 'Authorization_RequestDenied']);
  });

  test('people come with type and id only where the permission to see them is missing', () => withTenant(seed(), async (own) => {
    own.running.tenantFaults.grant('read', ['GroupMember.Read.All']);
    const [group] = valuesOf(await own.call('read', 'GET', '/groups?$filter=mailNickname%20eq%20%27team%27&$select=id'));
    expect(valuesOf(await own.call('read', 'GET', `/groups/${String(group?.['id'])}/members?$select=id,userPrincipalName`))).toEqual([{ '@odata.type': '#microsoft.graph.user', id: expect.any(String) as string, userPrincipalName: null }]);
  }));

  test.each([
    { because: 'unknown in $select', method: 'GET', path: '/users?$select=id,favouriteColour', code: 'Request_BadRequest' }, { because: 'an option that is not known', method: 'GET', path: '/users?$orderby=id', code: 'UnknownToStandIn' },
    { because: 'a filter that is not known', method: 'GET', path: '/users?$filter=startswith(displayName,%27a%27)', code: 'UnknownToStandIn' }, { because: 'a property kept elsewhere', method: 'GET', path: '/users?$select=mySite', code: 'UnknownToStandIn' },
    { because: 'an expansion that is not known', method: 'GET', path: '/groups?$expand=memberOf', code: 'UnknownToStandIn' }, { because: 'an option on a relation', method: 'GET', path: '/subscribedSkus?$expand=x', code: 'UnknownToStandIn' },
    { because: 'a path that is not known', method: 'GET', path: '/sites', code: 'UnknownToStandIn' }, { because: 'a page too large', method: 'GET', path: '/users?$top=1000', code: 'Request_BadRequest' },
    { because: 'a property that no user has', method: 'PATCH', path: `/users/${people[0] ?? ''}`, body: { favouriteColour: 'red' }, code: 'Request_BadRequest' },
    { because: 'a property that this cannot write', method: 'PATCH', path: `/users/${people[0] ?? ''}`, body: { city: 'Freiburg' }, code: 'UnknownToStandIn' },
    { because: 'a wrong type', method: 'PATCH', path: `/users/${people[0] ?? ''}`, body: { accountEnabled: 'yes' }, code: 'Request_BadRequest' },
    { because: 'the country cannot be cleared', method: 'PATCH', path: `/users/${people[0] ?? ''}`, body: { usageLocation: null }, code: 'Request_BadRequest' },
    { because: 'a domain that is not ours', method: 'PATCH', path: `/users/${people[0] ?? ''}`, body: { userPrincipalName: 'p00@elsewhere.example' }, code: 'Request_BadRequest' },
    { because: 'a name that is taken, in other letters', method: 'PATCH', path: `/users/${people[0] ?? ''}`, body: { userPrincipalName: (people[1] ?? '').toUpperCase() }, code: 'Request_BadRequest' },
  ])('400 for $because', async ({ method, path, body, code }) => {
    const answer = await wire.call('write', method, path, body);
    expect([answer.status, errorOf(answer)]).toEqual([400, code]);
  });

  test('pages to the end, each link opaque and verbatim', async () => {
    const { items, pages, links } = await allPages(wire, '/users?$select=id,userPrincipalName&$top=5');
    expect([items.length, pages, new Set(items.map(({ id }) => id)).size]).toEqual([33, 7, 33]);
    for (const link of links) expect(link).toMatch(/^https:\/\/graph\.microsoft\.com\/v1\.0\/users\?.*skiptoken=[\w%-]+/);
    expect((await wire.call('read', 'GET', '/users?$skiptoken=made-up')).status).toBe(400);
  });

  test('pages may be empty and still go on', () => withTenant(seed(), async (own) => {
    own.running.tenantFaults.emptyPages(2);
    const { items, pages } = await allPages(own, '/users?$select=id&$top=999');
    expect([items.length, pages >= 3]).toEqual([33, true]);
  }));

  test.each([{ sub: 'members', all: 33 }, { sub: 'owners', all: 25 }])('an expansion of $sub stops at twenty without a word; the list has all', async ({ sub, all }) => {
    const id = await groupOf('big');
    const expanded = await wire.call('read', 'GET', `/groups/${id}?$select=id&$expand=${sub}($select=id)`);
    expect((expanded.body[sub] as readonly unknown[]).length).toBe(20);
    expect(Object.keys(expanded.body).filter((name) => name.includes('nextLink'))).toEqual([]);
    expect((await allPages(wire, `/groups/${id}/${sub}?$select=id`)).items.length).toBe(all);
  });

  test('members that are no users have a type and no sign-in name', async () => {
    const { items } = await allPages(wire, `/groups/${await groupOf('big')}/members?$select=id,userPrincipalName`);
    expect(items.filter(({ userPrincipalName }) => userPrincipalName === null).map((item) => item['@odata.type'])).toEqual(['#microsoft.graph.device', '#microsoft.graph.group']);
  });

  test('hidden membership is refused', async () => {
    expect((await wire.call('read', 'GET', `/groups/${await groupOf('hidden')}/members`)).status).toBe(403);
  });

  test.each([
    { because: '21 requests', requests: Array.from({ length: 21 }, (_, id) => ({ id: String(id), method: 'GET', url: '/organization' })) },
    { because: 'no request', requests: [] }, { because: 'one id twice, in other letters', requests: [{ id: 'a', method: 'GET', url: '/organization' }, { id: 'A', method: 'GET', url: '/organization' }] },
  ])('a batch with $because is refused', async ({ requests }) => {
    expect((await wire.call('read', 'POST', '/$batch', { requests })).status).toBe(400);
  });

  test('inside a batch: 424 for what hangs on a failure, 429 for single items, answers in no order', async () => {
    const requests = [{ id: '1', method: 'GET', url: '/users/nobody' }, { id: '2', method: 'GET', url: '/organization', dependsOn: ['1'] }, { id: '3', method: 'GET', url: '/organization' }];
    const statuses = ({ body }: Answer): JsonObject => Object.fromEntries((body['responses'] as readonly JsonObject[]).map(({ id, status }) => [String(id), Number(status)]));
    const answer = await wire.call('read', 'POST', '/$batch', { requests });
    expect([answer.status, statuses(answer)]).toEqual([200, { 1: 404, 2: 424, 3: 200 }]);
    expect((answer.body['responses'] as readonly JsonObject[]).map(({ id }) => id)).not.toEqual(['1', '2', '3']);
    await withTenant(seed(), async (own) => {
      await own.call('read', 'GET', '/organization');
      own.running.faults.throttle?.(1, 9);
      expect((await own.call('read', 'GET', '/organization')).headers['retry-after']).toBe('9');
      const second = await own.call('read', 'POST', '/$batch', { requests: requests.map(({ id }) => ({ id, method: 'GET', url: '/organization' })) });
      expect([second.status, statuses(second)]).toEqual([200, { 1: 429, 2: 200, 3: 200 }]);
      own.running.faults.throttle?.(1);
      expect((await own.call('read', 'GET', '/organization')).headers['retry-after']).toBeUndefined();
    });
  });

  test('a deleted user is kept with the id before the name, can be restored, and its name is free meanwhile', () => withTenant(seed(), async (own) => {
    const [gone] = valuesOf(await own.call('read', 'GET', '/directory/deletedItems/microsoft.graph.user?$select=id,userPrincipalName,deletedDateTime'));
    expect(gone?.['userPrincipalName']).toBe(`${String(gone?.['id']).replaceAll('-', '')}gone@${domain}`);
    const twin = { accountEnabled: true, displayName: 'Twin', mailNickname: 'twin', userPrincipalName: `gone@${domain}`, passwordProfile: { password: 'Abcdefgh1!' } };
    expect((await own.call('write', 'POST', '/users', twin)).status).toBe(201);
    expect((await own.call('write', 'POST', `/directory/deletedItems/${String(gone?.['id'])}/restore`, {})).status).toBe(400);
    expect((await own.call('write', 'DELETE', `/users/gone@${domain}`)).status).toBe(204);
    expect((await own.call('write', 'POST', `/directory/deletedItems/${String(gone?.['id'])}/restore`, {})).status).toBe(200);
    expect((await own.call('read', 'GET', `/users/gone@${domain}?$select=id`)).body['id']).toBe(gone?.['id']);
  }));

  test('a deleted Microsoft 365 group is kept, a security group is gone', () => withTenant(seed(), async (own) => {
    const id = async (nickname: string): Promise<string> => String(valuesOf(await own.call('read', 'GET', `/groups?$filter=mailNickname%20eq%20%27${nickname}%27&$select=id`))[0]?.['id']);
    for (const nickname of ['team', 'big']) expect((await own.call('write', 'DELETE', `/groups/${await id(nickname)}`)).status).toBe(204);
    expect(valuesOf(await own.call('read', 'GET', '/directory/deletedItems/microsoft.graph.group?$select=id,mailNickname')).map(({ mailNickname }) => mailNickname)).toEqual(['team']);
  }));

  test('sign-in names and nicknames of Microsoft 365 groups are unique, those of security groups are not', async () => {
    const user = { accountEnabled: true, displayName: 'x', mailNickname: 'x', userPrincipalName: people[0] ?? '', passwordProfile: { password: 'Abcdefgh1!' } };
    expect((await wire.call('write', 'POST', '/users', user)).status).toBe(400);
    const group = (nickname: string, unified: boolean): JsonObject => ({ displayName: nickname, mailNickname: nickname, mailEnabled: unified, securityEnabled: !unified, groupTypes: unified ? ['Unified'] : [] });
    expect((await wire.call('write', 'POST', '/groups', group('TEAM', true))).status).toBe(400);
    expect((await wire.call('write', 'POST', '/groups', group('twin', false))).status).toBe(201);
    expect((await wire.call('write', 'POST', '/groups', group('twin', false))).status).toBe(201);
  });

  test.each([
    { nickname: 'list', because: 'distribution lists' }, { nickname: 'mailsec', because: 'mail-enabled security groups' }, { nickname: 'onprem', because: 'synced groups' },
  ])('$because are read-only', async ({ nickname }) => {
    const id = await groupOf(nickname);
    const reference = { '@odata.id': `https://graph.microsoft.com/v1.0/users/${await idOf(people[0] ?? '')}` };
    expect([(await wire.call('write', 'PATCH', `/groups/${id}`, { description: 'x' })).status, (await wire.call('write', 'POST', `/groups/${id}/members/$ref`, reference)).status, (await wire.call('write', 'DELETE', `/groups/${id}`)).status]).toEqual([400, 400, 400]);
  });

  test('members of dynamic groups and most of a synced user are read-only', async () => {
    const reference = { '@odata.id': `https://graph.microsoft.com/v1.0/users/${await idOf(people[0] ?? '')}` };
    expect((await wire.call('write', 'POST', `/groups/${await groupOf('dynamic')}/members/$ref`, reference)).status).toBe(400);
    const synced = `/users/synced@${domain}`;
    expect([(await wire.call('write', 'PATCH', synced, { jobTitle: 'x' })).status, (await wire.call('write', 'PUT', `${synced}/manager/$ref`, reference)).status, (await wire.call('write', 'DELETE', synced)).status, (await wire.call('write', 'PATCH', synced, { usageLocation: 'DE' })).status]).toEqual([400, 400, 400, 204]);
  });

  test('licences: stock, country, inherited ones, and disabled plans replace', () => withTenant(seed(), async (own) => {
    const spb = 'cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46';
    const exchange = '4b9405b0-7788-4568-add1-99614e613b69';
    const assign = async (upn: string, addLicenses: readonly JsonObject[], removeLicenses: readonly string[] = []): Promise<number> => (await own.call('write', 'POST', `/users/${upn}/assignLicense`, { addLicenses, removeLicenses })).status;
    expect([await assign(people[0] ?? '', [{ skuId: spb }]), await assign(people[1] ?? '', [{ skuId: spb }]), await assign(people[2] ?? '', [{ skuId: spb }])]).toEqual([200, 200, 400]);
    expect(await assign(`synced@${domain}`, [{ skuId: exchange }])).toBe(400);
    expect(await assign(`inherits@${domain}`, [], [exchange])).toBe(400);
    const sway = 'a23b959c-7ce8-4e57-9140-b90eb88a9e97';
    await assign(people[0] ?? '', [{ skuId: spb, disabledPlans: [sway] }]);
    await assign(people[0] ?? '', [{ skuId: spb, disabledPlans: [] }]);
    const { body } = await own.call('read', 'GET', `/users/${people[0] ?? ''}?$select=assignedLicenses`);
    expect(body['assignedLicenses']).toEqual([{ skuId: spb, disabledPlans: [] }]);
    expect((await own.call('write', 'POST', `/users/${people[0] ?? ''}/assignLicense`, { addLicenses: [] })).status).toBe(400);
  }));

  test('503 after commit: the answer says no, the write is done', () => withTenant(seed(), async (own) => {
    own.running.faults.failAfterWrite?.();
    expect((await own.call('write', 'PATCH', `/users/${people[0] ?? ''}`, { jobTitle: 'Chef' })).status).toBe(503);
    expect((await own.call('read', 'GET', `/users/${people[0] ?? ''}?$select=jobTitle`)).body['jobTitle']).toBe('Chef');
  }));
});

describe('sign-in', () => {
  let running: RunningTenant;
  beforeAll(async () => { running = await simulator.start({ customer: 'spec', target: 'm365', seed: seed() }); });
  afterAll(() => running.stop());

  test('a token of the trusted issuer is taken in place of a certificate', async () => {
    const { clientId, federatedToken } = JSON.parse(running.federated('write')) as Readonly<Record<string, string>>;
    const { status, body } = await tokenRequest(running, clientId ?? '', federatedToken ?? '');
    expect([status, typeof body['access_token']]).toEqual([200, 'string']);
  });

  test.each([
    { because: 'another issuer', claims: { iss: 'https://gitlab.example' }, code: 700211 }, { because: 'another audience', claims: { aud: 'api://else' }, code: 700212 },
    { because: 'another branch', claims: { sub: 'repo:msp/customers:ref:refs/heads/main' }, code: 700213 }, { because: 'too old', claims: { exp: 1 }, code: 700024 },
  ])('a federated token is refused: $because', async ({ claims, code }) => {
    const { clientId, federatedToken } = JSON.parse(running.federated('read', claims)) as Readonly<Record<string, string>>;
    const { status, body } = await tokenRequest(running, clientId ?? '', federatedToken ?? '');
    expect([status, body['error_codes']]).toEqual([401, [code]]);
  });

  test('the plan job\'s token does not open the writing application', async () => {
    const { clientId } = JSON.parse(running.credentials.write) as Readonly<Record<string, string>>;
    const { federatedToken } = JSON.parse(running.federated('read')) as Readonly<Record<string, string>>;
    expect((await tokenRequest(running, clientId ?? '', federatedToken ?? '')).body['error_codes']).toEqual([700213]);
  });

  test.each([
    { because: 'a signature of somebody else', change: (assertion: string): string => `${assertion.slice(0, -8)}AAAAAAAA`, claims: {}, code: 700027 }, { because: 'for another tenant', change: (assertion: string): string => assertion, claims: { aud: 'https://login.microsoftonline.com/else/oauth2/v2.0/token' }, code: 700023 },
    { because: 'a clock that is behind', change: (assertion: string): string => assertion, claims: { exp: 1 }, code: 700024 }, { because: 'not a token', change: (): string => 'x', claims: {}, code: 50027 },
  ])('a signed assertion is refused: $because', async ({ change, claims, code }) => {
    const credential = JSON.parse(running.credentials.read) as Readonly<Record<string, string>>;
    expect((await tokenRequest(running, credential['clientId'] ?? '', change(assertionOf(credential, running.address ?? '', claims)))).body['error_codes']).toEqual([code]);
  });
});

describe('replicas', () => {
  const made = { accountEnabled: true, displayName: 'New', mailNickname: 'new', userPrincipalName: `new@${domain}`, passwordProfile: { password: 'Abcdefgh1!' } };
  const statuses = async (randomSeed: number): Promise<readonly number[]> => {
    const found: number[] = [];
    await withTenant(seed({ lagReads: 6 }), async (own) => {
      const { body } = await own.call('write', 'POST', '/users', made);
      for (let index = 0; index < 16; index += 1) found.push((await own.call('read', 'GET', `/users/${String(body['id'])}?$select=id`)).status);
    }, randomSeed);
    return found;
  };

  test('404 right after the create, back and forth between replicas, then there for good; the same seed gives the same answers', async () => {
    const first = await statuses(3);
    expect(first).toContain(404);
    expect(first.slice(7)).toEqual(Array(9).fill(200));
    expect(first.some((status, index) => status === 404 && first[index - 1] === 200)).toBe(true);
    expect(await statuses(3)).toEqual(first);
    expect((await Promise.all([4, 5, 6].map(statuses))).some((other) => other.join() !== first.join())).toBe(true);
  });

  test('a change is read as it was for a while, and a new object may be unknown to the next write', () => withTenant(seed({ lagReads: 6 }), async (own) => {
    await own.call('write', 'PATCH', `/users/${people[0] ?? ''}`, { jobTitle: 'Chef' });
    const titles: unknown[] = [];
    for (let index = 0; index < 12; index += 1) titles.push((await own.call('read', 'GET', `/users/${people[0] ?? ''}?$select=jobTitle`)).body['jobTitle']);
    expect([titles.includes(null), titles.at(-1)]).toEqual([true, 'Chef']);
    const results: number[] = [];
    for (let index = 0; index < 8; index += 1) {
      const user = { ...made, userPrincipalName: `new${String(index)}@${domain}` };
      const { body } = await own.call('write', 'POST', '/users', user);
      results.push((await own.call('write', 'PATCH', `/users/${String(body['id'])}`, { jobTitle: 'x' })).status);
    }
    expect(new Set(results)).toEqual(new Set([204, 404]));
  }));

  test('without lag everything is there at once', () => {
    const replicas = makeReplicas({ ms: 0, reads: 0, seed: 1 });
    replicas.wrote('a', undefined, { id: 'a' });
    expect(replicas.seen('a', { id: 'a' }, 0)).toEqual({ id: 'a' });
  });

  test('of several versions a replica never shows one that never was', () => {
    const replicas = makeReplicas({ ms: 0, reads: 5, seed: 2 });
    for (const title of ['a', 'b', 'c']) replicas.wrote('x', { title: title === 'a' ? 'none' : String.fromCharCode(title.charCodeAt(0) - 1) }, { title });
    const seen = Array.from({ length: 12 }, (_, index) => replicas.seen('x', { title: 'c' }, index % 3)?.['title']);
    expect(seen.every((title) => ['none', 'a', 'b', 'c'].includes(String(title)))).toBe(true);
    expect(seen.at(-1)).toBe('c');
  });
});

test('a seed gives the same tenant everywhere', () => {
  const id = guid('same');
  expect(JSON.stringify(makeTenant(id, seed()))).toBe(JSON.stringify(makeTenant(id, seed())));
});
