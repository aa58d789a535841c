/** Answers that are no answers, and fields that the models do not have. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isProviderError, type Target } from '#contract';
import { startHttpsServer, type HttpsServer, type HttpsServerAnswer } from '#testkit/https-server';
import { makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import type { RunningSimulator } from '#testkit/simulator';
import { readContextFor } from '#testkit/test-context';
import { provider } from './index.ts';
import { renderResource, type Context } from './render.ts';
import { simulator } from './simulator.ts';
import { fieldsOf } from './simulator/models.ts';
import { isOwnKind } from './names.ts';

let tls: SelfSigned;
let server: HttpsServer;
let answer: (path: string, current: number) => HttpsServerAnswer;

beforeAll(async () => {
  tls = await makeSelfSigned('fw');
  server = await startHttpsServer({ cert: tls.cert, key: tls.key, handle: ({ url, body }) => Promise.resolve(url.includes('system_information') ? json({ versions: ['OPNsense 26.1.6-amd64'] }) : answer(url, body === '' ? 0 : (JSON.parse(body) as { current: number }).current)) });
});

afterAll(() => server.close());

const json = (body: unknown): HttpsServerAnswer => ({ status: 200, body: JSON.stringify(body), headers: { 'content-type': 'application/json; charset=UTF-8' } });

async function readAliases(secret = 'key=k\nsecret=s'): Promise<string> {
  const target: Target = { customer: 'c', name: 't', provider: 'opnsense', address: `127.0.0.1:${String(server.port)}`, identity: [`tls:${tls.fingerprint256}`], credentials: { read: { $secret: 't-read' }, write: { $secret: 't-write' } }, manages: { 'address-group': 'observe' }, settings: {} };
  // Only the credentials are asked of it.
  const running = { credentials: { read: secret, write: secret } } as unknown as RunningSimulator;
  try {
    const session = await provider.open(target, readContextFor(running, 'c', { clock: { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() } }));
    try {
      await session.identify();
      return `${String((await session.read(['address-group'])).length)} read`;
    } finally {
      await session.close();
    }
  } catch (error) {
    if (!isProviderError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

const row = (number: number): object => ({ uuid: `5e0f0000-0000-4000-8000-${String(number).padStart(12, '0')}`, name: `a${String(number)}`, type: 'host', enabled: '1', content: '10.0.0.1', description: '' });

describe('a reading is complete or it is none', () => {
  it.each([
    { because: 'an empty list', give: () => json({ rows: [], total: 0 }), told: '0 read' },
    { because: 'a sign-in page with 200', give: () => ({ status: 200, body: '<html>Login</html>', headers: { 'content-type': 'text/html' } }), told: 'protocol: firewall/alias/search_item answered something that is not' },
    { because: 'a redirect to the sign-in page', give: () => ({ status: 302, headers: { location: '/ui/session/index' } }), told: 'protocol: firewall/alias/search_item leads to another page' },
    { because: 'JSON that is cut', give: () => ({ status: 200, body: '{"rows":[{"uu', headers: { 'content-type': 'application/json' } }), told: 'protocol:' },
    { because: 'a list without a total', give: () => json({ rows: [row(1)] }), told: 'protocol: the list of alias objects has no rows or no total' },
    { because: 'a page that brings nothing', give: (current: number) => json({ rows: current === 1 ? [row(1)] : [], total: 2 }), told: 'protocol: the list of alias objects broke off at 1 of 2' },
    { because: 'more rows than there are said to be', give: () => json({ rows: [row(1), row(2)], total: 1 }), told: 'protocol: the list of alias objects has 2 of 1 rows' },
    { because: 'the same page again', give: () => json({ rows: [row(1)], total: 3 }), told: 'protocol: the alias object 5e0f0000-0000-4000-8000-000000000001 came twice' },
    { because: 'a total that changes', give: (current: number) => json({ rows: [row(current)], total: 3 - current }), told: 'protocol: the list of alias objects changed while it was read' },
    { because: 'a row that is none', give: () => json({ rows: ['x'], total: 1 }), told: 'protocol: the list of alias objects holds something that is no object' },
    { because: 'an error that says so', give: () => ({ status: 500, body: '{"errorMessage":"Config is locked","errorTitle":"x"}', headers: { 'content-type': 'application/json' } }), told: 'protocol: firewall/alias/search_item: Config is locked' },
    { because: 'an older version', give: () => ({ status: 404, body: '{"errorMessage":"Endpoint not found"}', headers: { 'content-type': 'application/json' } }), told: 'unsupported:' },
    { because: 'a service that is away', give: () => ({ status: 503, body: '' }), told: 'throttled:' },
  ])('$because', async ({ give, told }) => {
    answer = (_path, current) => give(current);
    expect(await readAliases()).toContain(told);
  });

  it.each(['', 'key=k', 'a b:c', 'key=k\nsecret=s\u0000'])('%j is no key, and is not repeated', async (secret) => {
    answer = () => json({ rows: [], total: 0 });
    expect(await readAliases(secret)).toBe('auth: t-read is not an API key of OPNsense');
  });
});

const models = { alias: 'Firewall_Alias.xml', group: 'Firewall_Group.xml', rule: 'Firewall_Filter.xml', snat: 'Firewall_Filter.xml', dnat: 'Firewall_DNat.xml', vlan: 'Interfaces_Vlan.xml', interface: 'Interfaces_NetworkInterface.xml' } as const;
type Modelled = keyof typeof models;
const folder = join(process.env['SOLL_SHARED'] ?? join(import.meta.dirname, '../../../shared'), 'specs/opnsense/models');
if (!existsSync(folder)) process.stdout.write('SKIPPED: the stand-in of opnsense is not compared with the vendor\'s models: no specs/opnsense in ../shared (SOLL_SHARED names another place)\n');

describe.skipIf(!existsSync(folder))('the vendor\'s models', () => {
  const tagsIn = (model: Modelled): ReadonlySet<string> => {
    const xml = readFileSync(`${folder}/${models[model]}`, 'utf8');
    const part = model === 'rule' ? xml.slice(xml.indexOf('<rules>'), xml.indexOf('<snatrules>')) : model === 'snat' ? xml.slice(xml.indexOf('<snatrules>'), xml.indexOf('</snatrules>')) : xml;
    return new Set([...part.matchAll(/<([a-z][a-z0-9_-]*)(?: type=| *>)/gi)].map(([, tag = '']) => tag));
  };

  it.each((Object.keys(models) as Modelled[]).filter((model) => model !== 'interface'))('%s: every field of the stand-in is one of theirs', (model) => {
    const known = tagsIn(model);
    expect(Object.keys(fieldsOf[model]).flatMap((field) => field.split('.')).filter((field) => !known.has(field))).toEqual([]);
  });

  it('every field that soll writes is one of theirs', () => {
    const context: Context = { zones: new Map([['wan', ['wan']], ['lan', ['lan']]]), zoneIdentity: new Map(), groupIdentity: new Map(), vlanIdentity: new Map(), services: new Map([['web', ['tcp/80', 'udp/443']]]), external: new Set(['wan']), vlanParent: 'igc1', vlanDevices: new Map(), interfaces: new Map() };
    const unknown = simulator.conformance.initial.flatMap(({ kind, name, spec }) => (isOwnKind(kind) ? renderResource(kind, name, spec, context) : [])).flatMap(({ module, values }) => Object.keys(values).flatMap((field) => field.split('.')).filter((field) => module in models && !tagsIn(module as Modelled).has(field)).map((field) => `${module}.${field}`));
    expect(unknown).toEqual([]);
  });
});
