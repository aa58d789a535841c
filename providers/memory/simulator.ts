/**
 * The object store of the reference provider, behind real HTTPS. Seed: `{ "objects": { "<kind>": { "<name>": { "spec": {…}, "owner": null | "soll" | "vendor" } } } }`.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#contract';
import { makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import { startHttpsServer, type HttpsServerAnswer, type HttpsServerRequest } from '#testkit/https-server';
import type { ConformanceMaterial, RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';

interface Stored {
  spec: JsonObject;
  owner: 'soll' | 'vendor' | null;
  revision: number;
  readOnly?: string;
  /** Kept, and shown by name only. */
  secrets?: Record<string, string>;
}

interface Token {
  readonly token: string;
  readonly scope: 'read' | 'write';
  readonly label: string;
}

interface State {
  identity: SelfSigned;
  tokens: { read: string; write: string };
  /** What is accepted; the two above at first. */
  accepted?: Token[];
  revision: number;
  objects: Record<string, Record<string, Stored>>;
}

const knownKinds = ['address-group', 'group', 'service', 'ssid', 'switch-port', 'user', 'vlan'];
const largestPage = 50;

const defaultSeed = {
  objects: {
    vlan: { 'by-hand': { spec: { id: 999, description: 'somebody else' }, owner: null }, default: { spec: { id: 4000 }, owner: 'vendor' } },
    'address-group': { legacy: { spec: { members: ['192.0.2.1'] }, owner: null } },
    ssid: { fairground: { spec: { ssid: 'Messe 2019', security: 'open' }, owner: null } },
    'switch-port': { 'p-foreign': { spec: { mode: 'access', vlan: 999 }, owner: null } },
  },
};

function json(status: number, body: unknown, headers: Record<string, string> = {}): HttpsServerAnswer {
  return { status, body: JSON.stringify(body), headers };
}

async function load(options: SimulatorOptions): Promise<State> {
  if (options.folder !== undefined) {
    try {
      return JSON.parse(await readFile(join(options.folder, 'state.json'), 'utf8')) as State;
    } catch {
      // First start.
    }
  }
  const seed = (options.seed ?? defaultSeed) as unknown as { objects: Record<string, Record<string, { spec: JsonObject; owner: Stored['owner']; readOnly?: string }>> };
  const objects = Object.fromEntries(Object.entries(seed.objects).map(([kind, named]) => [kind, Object.fromEntries(Object.entries(named).map(([name, object], index) => [name, { ...object, revision: index + 1 }]))]));
  const number = options.randomSeed ?? 1;
  return { identity: await makeSelfSigned(`store ${options.customer}`), tokens: { read: `memory-read-token-${String(number)}-${options.customer}`, write: `memory-write-token-${String(number)}-${options.customer}` }, revision: 1000, objects };
}

interface Faults {
  throttle: { times: number; seconds: number };
  mode: 'refuse' | 'forbid' | 'break' | 'hang' | undefined;
  lose: boolean;
  reject: number;
}

async function start(options: SimulatorOptions): Promise<RunningSimulator> {
  const state = await load(options);
  const faults: Faults = { throttle: { times: 0, seconds: 0 }, mode: undefined, lose: false, reject: 0 };
  const writes: { what: string; at: string }[] = [];
  let saving = Promise.resolve();
  const save = (): Promise<void> => {
    const { folder } = options;
    if (folder === undefined) return Promise.resolve();
    saving = saving.then(async () => {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'state.json.new'), JSON.stringify(state), { mode: 0o600 });
      await rename(join(folder, 'state.json.new'), join(folder, 'state.json'));
    });
    return saving;
  };
  await save();
  const handle = async (request: HttpsServerRequest): Promise<HttpsServerAnswer | 'hang' | 'reset'> => {
    if (faults.mode === 'hang') return 'hang';
    if (faults.throttle.times > 0) {
      faults.throttle.times -= 1;
      return json(429, { error: 'too many requests' }, { 'retry-after': String(faults.throttle.seconds) });
    }
    const refused = authorise(state, faults, request);
    if (refused !== undefined) return refused;
    const url = new URL(request.url, 'https://store');
    if (request.method === 'GET') return read(state, faults, url);
    if (faults.reject > 0 && (faults.reject -= 1) === 0) return json(422, { error: 'the store does not like this value' });
    const result = url.pathname.startsWith('/tokens') ? writeTokens(state, url, request) : write(state, url, request);
    if (result.status < 300) {
      writes.push({ what: `${request.method} ${url.pathname} ${request.body}`.trim(), at: new Date().toISOString() });
      await save();
      if (faults.lose) {
        faults.lose = false;
        return 'reset';
      }
    }
    return result;
  };
  const server = await startHttpsServer({ cert: state.identity.cert, key: state.identity.key, handle });
  const edit = async (change: () => void): Promise<void> => {
    change();
    await save();
  };
  return {
    host: server.host, port: server.port, ca: state.identity.cert, identity: [`tls:${state.identity.fingerprint256}`], credentials: state.tokens,
    snapshot: () => JSON.parse(JSON.stringify(state.objects, (key, value: unknown) => (key === 'revision' ? undefined : value))) as JsonObject,
    writes: () => writes,
    edits: {
      'change-vlan': { en: 'somebody changes the description of a VLAN', de: 'jemand ändert die Beschreibung eines VLANs', run: () => edit(() => {
        const first = Object.values(state.objects['vlan'] ?? {}).find(({ owner }) => owner === 'soll');
        if (first !== undefined) Object.assign(first, { spec: { ...first.spec, description: 'by hand' }, revision: (state.revision += 1) });
      }) },
      'delete-vlan': { en: 'somebody deletes a VLAN', de: 'jemand löscht ein VLAN', run: () => edit(() => {
        const name = Object.entries(state.objects['vlan'] ?? {}).find(([, { owner }]) => owner === 'soll')?.[0];
        if (name !== undefined) state.objects['vlan'] = Object.fromEntries(Object.entries(state.objects['vlan'] ?? {}).filter(([key]) => key !== name));
      }) },
    },
    faults: {
      throttle: (times, seconds = 0) => { faults.throttle = { times, seconds }; },
      refuseAuth: () => { faults.mode = 'refuse'; },
      refusePermission: () => { faults.mode = 'forbid'; },
      breakRead: () => { faults.mode = 'break'; },
      loseAnswer: () => { faults.lose = true; },
      rejectWrite: (nth) => { faults.reject = nth; },
      hang: () => { faults.mode = 'hang'; },
      changeIdentity: async () => {
        const other = await makeSelfSigned('somebody else');
        server.replaceCertificate(other.cert, other.key);
      },
      clear: () => {
        Object.assign(faults, { throttle: { times: 0, seconds: 0 }, mode: undefined, lose: false, reject: 0 });
        server.replaceCertificate(state.identity.cert, state.identity.key);
      },
    },
    reboot: () => Promise.resolve(),
    stop: async () => {
      await server.close();
      await saving;
    },
  };
}

function acceptedBy(state: State): Token[] {
  return (state.accepted ??= [{ token: state.tokens.read, scope: 'read', label: '' }, { token: state.tokens.write, scope: 'write', label: '' }, { token: 'monitoring-of-somebody-else', scope: 'read', label: 'monitoring' }]);
}

function authorise(state: State, faults: Faults, { method, headers, url }: HttpsServerRequest): HttpsServerAnswer | undefined {
  const token = headers['authorization']?.replace('Bearer ', '');
  const scope = acceptedBy(state).find((each) => each.token === token)?.scope;
  if (scope === undefined || faults.mode === 'refuse') return json(401, { error: 'unknown token' });
  if (faults.mode === 'forbid' || (scope !== 'write' && (method !== 'GET' || url.startsWith('/tokens')))) return json(403, { error: 'not allowed' });
  return undefined;
}

function describe([name, { spec, owner, revision, readOnly, secrets }]: [string, Stored]): JsonObject {
  return { name, spec, owner, revision: String(revision), ...(readOnly === undefined ? {} : { readOnly }), ...(secrets === undefined ? {} : { secrets: Object.keys(secrets).sort() }) };
}

function idOf(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 16);
}

/** A token is shown once, when it is made. */
function writeTokens(state: State, url: URL, request: HttpsServerRequest): HttpsServerAnswer {
  const accepted = acceptedBy(state);
  const [, , id, ...rest] = url.pathname.split('/').map(decodeURIComponent);
  if (request.method === 'POST' && id === undefined) {
    const { scope, label } = JSON.parse(request.body) as { scope?: unknown; label?: unknown };
    if ((scope !== 'read' && scope !== 'write') || typeof label !== 'string') return json(422, { error: 'scope and label are needed' });
    const token = `memory-${scope}-${randomBytes(18).toString('base64url')}`;
    accepted.push({ token, scope, label });
    return json(201, { id: idOf(token), token });
  }
  const index = accepted.findIndex((each) => idOf(each.token) === id);
  if (request.method !== 'DELETE' || index < 0 || rest.length > 0) return json(404, { error: `unknown path ${url.pathname}` });
  accepted.splice(index, 1);
  return json(200, {});
}

function read(state: State, faults: Faults, url: URL): HttpsServerAnswer | 'reset' {
  const [, top, kind = '', name, ...rest] = url.pathname.split('/').map(decodeURIComponent);
  if (top === 'tokens' && kind === '') {
    const items = acceptedBy(state).filter(({ scope }) => scope === url.searchParams.get('scope')).map(({ token, label }) => ({ id: idOf(token), label }));
    return json(200, { items, total: items.length });
  }
  if (top === 'identity') return json(200, { product: 'Object store', version: '1.0', channel: 'stable' });
  if (top !== 'kinds' || !knownKinds.includes(kind) || rest.length > 0) return json(404, { error: `unknown path ${url.pathname}` });
  const objects = state.objects[kind] ?? {};
  if (name !== undefined) {
    const found = objects[name];
    if (found === undefined) return url.searchParams.get('missing') === 'null' ? json(200, { object: null }) : json(404, { error: 'not found' });
    return json(200, { object: describe([name, found]) });
  }
  const names = Object.keys(objects).sort();
  const limit = Math.min(largestPage, Number(url.searchParams.get('limit') ?? largestPage));
  const after = url.searchParams.get('after') ?? '';
  const page = names.filter((each) => each > after).slice(0, limit);
  // In the middle of a list: the first page is answered, the next one is cut off.
  if (faults.mode === 'break') return after === '' && names.length > limit ? json(200, { items: [], next: page.at(-1) }) : { status: 200, body: '{"items":[{"na' };
  const last = page.at(-1);
  const more = last !== undefined && names.some((each) => each > last);
  return json(200, { items: page.map((each) => describe([each, objects[each] as Stored])), total: names.length, ...(more ? { next: last } : {}) });
}

function write(state: State, url: URL, request: HttpsServerRequest): HttpsServerAnswer {
  const [, top, kind = '', name, ...rest] = url.pathname.split('/').map(decodeURIComponent);
  if (top !== 'kinds' || !knownKinds.includes(kind) || name === undefined || rest.length > 0) return json(404, { error: `unknown path ${url.pathname}` });
  const objects = (state.objects[kind] ??= {});
  const found = objects[name];
  const match = request.headers['if-match'];
  if (request.headers['if-none-match'] === '*' ? found !== undefined : match === undefined || String(found?.revision) !== match) return json(412, { error: 'not the revision that was named' });
  if (found?.owner === 'vendor' || found?.readOnly !== undefined) return json(422, { error: 'this object cannot be changed' });
  if (request.method === 'DELETE') {
    state.objects[kind] = Object.fromEntries(Object.entries(objects).filter(([key]) => key !== name));
    return json(200, {});
  }
  if (request.method !== 'PUT') return json(405, { error: 'PUT or DELETE' });
  const body = JSON.parse(request.body) as { spec?: JsonObject; name?: string; secrets?: Record<string, string> };
  if (typeof body.spec !== 'object') return json(422, { error: 'spec is missing' });
  const unknown = Object.keys(body).find((key) => !['spec', 'name', 'secrets'].includes(key));
  if (unknown !== undefined) return json(422, { error: `unknown key ${unknown}` });
  if (JSON.stringify(body.spec).includes('"$secret"')) return json(422, { error: 'a reference is no value' });
  if (kind === 'ssid' && Object.entries(objects).some(([key, { spec }]) => key !== name && spec['ssid'] === body.spec?.['ssid'])) return json(422, { error: 'the SSID is taken' });
  const secrets = { ...found?.secrets, ...body.secrets };
  if (body.name !== undefined && body.name !== name) {
    if (objects[body.name] !== undefined) return json(422, { error: 'the new name is taken' });
    state.objects[kind] = Object.fromEntries(Object.entries(objects).filter(([key]) => key !== name));
  }
  (state.objects[kind] ??= {})[body.name ?? name] = { spec: body.spec, owner: 'soll', revision: (state.revision += 1), ...(Object.keys(secrets).length === 0 ? {} : { secrets }) };
  return json(found === undefined ? 201 : 200, { revision: String(state.revision) });
}

const vlan = (name: string, id: number, more: JsonObject = {}): { kind: string; name: string; spec: JsonObject } => ({ kind: 'vlan', name, spec: { id, ...more } });
const user = (name: string, more: JsonObject = {}): { kind: string; name: string; spec: JsonObject } => ({ kind: 'user', name: `${name}@conformance.example`, spec: { userPrincipalName: `${name}@conformance.example`, ...more } });
const team = (members: readonly string[]): { kind: string; name: string; spec: JsonObject } => ({ kind: 'group', name: 'team', spec: { mailNickname: 'team', type: 'security', members: members.map((name) => `${name}@conformance.example`) } });
const servers = (members: readonly string[]): { kind: string; name: string; spec: JsonObject } => ({ kind: 'address-group', name: 'servers', spec: { members } });
const web = (ports: readonly string[]): { kind: string; name: string; spec: JsonObject } => ({ kind: 'service', name: 'web', spec: { ports } });

const port = (name: string, spec: JsonObject): { kind: string; name: string; spec: JsonObject } => ({ kind: 'switch-port', name, spec });
const wlan = (version: number, more: JsonObject = {}): { kind: string; name: string; spec: JsonObject } => ({ kind: 'ssid', name: 'staff', spec: { ssid: 'Büro', security: 'wpa2-wpa3-personal', passphrase: { $secret: 'wlan', version }, vlan: 10, ...more } });
const uplink = port('uplink', { mode: 'trunk', native: 1, tagged: [10], role: 'uplink' });
const people = [user('anna', { displayName: 'Anna' }), user('ben', { manager: 'anna@conformance.example' }), team(['anna', 'ben'])];

const conformance: ConformanceMaterial = {
  target: { manages: { 'address-group': 'merge', group: 'merge', service: 'merge', ssid: 'merge', 'switch-port': 'merge', user: 'merge', vlan: 'merge' }, settings: {} },
  initial: [vlan('office', 10, { subnet: '192.168.10.0/24' }), servers(['192.168.10.5']), web(['tcp/443']), port('p1', { mode: 'access', vlan: 10, description: 'Empfang' }), uplink, wlan(1), ...people],
  steps: [
    { because: 'a field is changed', resources: [vlan('office', 10, { subnet: '192.168.20.0/24' }), servers(['192.168.10.5']), web(['tcp/443']), port('p1', { mode: 'access', vlan: 10, description: 'Drucker', enabled: false }), uplink, wlan(1, { hidden: true }), ...people] },
    { because: 'a set grows, and a secret is written anew', resources: [vlan('office', 10, { subnet: '192.168.20.0/24' }), vlan('guest', 40), servers(['192.168.10.5', '192.168.10.6']), web(['tcp/443', 'tcp/80']), port('uplink', { mode: 'trunk', native: 1, tagged: [10, 40], role: 'uplink' }), wlan(2), ...people] },
    { because: 'a VLAN gets another number, and what uses it follows', resources: [vlan('office', 11, { subnet: '192.168.20.0/24' }), vlan('guest', 40), servers(['192.168.10.5', '192.168.10.6']), web(['tcp/443', 'tcp/80']), port('uplink', { mode: 'trunk', native: 1, tagged: [11, 40], role: 'uplink' }), wlan(2, { vlan: 11 }), ...people] },
    { because: 'a VLAN and a WLAN are called otherwise, and are the same', resources: [vlan('buero', 11, { subnet: '192.168.20.0/24' }), vlan('guest', 40), servers(['192.168.10.5', '192.168.10.6']), web(['tcp/443', 'tcp/80']), port('uplink', { mode: 'trunk', native: 1, tagged: [11, 40], role: 'uplink' }), { ...wlan(2, { vlan: 11 }), name: 'people' }, ...people] },
    { because: 'a referenced object goes with its reference', resources: [vlan('buero', 11, { subnet: '192.168.20.0/24' }), servers(['192.168.10.5', '192.168.10.6']), web(['tcp/443', 'tcp/80']), port('uplink', { mode: 'trunk', native: 1, tagged: [11], role: 'uplink' }), user('anna', { displayName: 'Anna' }), team(['anna'])] },
    { because: 'a field is cleared', resources: [vlan('buero', 11, { subnet: '192.168.20.0/24' }), servers([]), web(['tcp/443', 'tcp/80']), user('anna', { displayName: 'Anna', jobTitle: null }), team([])] },
    { because: 'the last of a kind goes', resources: [vlan('buero', 11, { subnet: '192.168.20.0/24' }), user('anna', { displayName: 'Anna', jobTitle: null }), team([])] },
  ],
  paging: { kind: 'vlan', pageSize: largestPage, make: (index) => vlan(`net-${String(index).padStart(4, '0')}`, 2 + index) },
  foreign: ['by-hand', 'default', 'legacy', 'fairground', 'p-foreign'],
  hostile: [
    vlan('../../etc/passwd', 20), vlan('a b/c?d#e', 21), vlan('ümläut ✓', 22), vlan('$(reboot)', 23), vlan('<script>alert(1)</script>', 24, { description: '"; DROP TABLE vlans; --' }), vlan('line\nbreak', 25),
    { kind: 'ssid', name: 'loud', spec: { ssid: '$(reboot) `x` \'; ✓', security: 'open' } }, port('Gi1/0/1; reload', { mode: 'access', vlan: 10, description: 'end\n^C' }),
  ],
};

export const simulator: Simulator = { start, conformance };
