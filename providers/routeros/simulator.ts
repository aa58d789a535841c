/**
 * A MikroTik router with RouterOS 7.20.8 on loopback, behind real TLS. Seed: `{ "menus": { "<path>": [{ "<property>": "text" }] }, "management": { "port", "tag"?,
 * "interface" }, "deviceMode": { "scheduler": "false" }, "secondMs": 1000 }`; menus that are left out are as on the stand-in of the tests. `secondMs` is how long
 * a second of the router's scheduler takes.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#contract';
import { startHttpsServer, type HttpsServerAnswer, type HttpsServerRequest } from '#testkit/https-server';
import { makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import type { RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';
import { conformance } from './simulator/conformance.ts';
import { Device, Failure, need, type Caller, type DeviceState, type Management } from './simulator/device.ts';
import { models, type Fields } from './simulator/menus.ts';
import { ScriptError } from './simulator/script.ts';

interface Kept {
  readonly tls: SelfSigned;
  readonly passwords: Readonly<Record<'read' | 'write', string>>;
  readonly device: DeviceState;
}

interface Seed {
  readonly menus?: Readonly<Record<string, readonly Fields[]>>;
  readonly management?: Management;
  readonly deviceMode?: Fields;
  readonly secondMs?: number;
}

/** As a router comes from its box, with what somebody has added by hand. */
const defaults: Readonly<Record<string, readonly Fields[]>> = {
  'interface/ethernet': ['ether1', 'ether2', 'ether3', 'ether4', 'ether5'].map((name) => ({ name, 'default-name': name, mtu: '1500', l2mtu: '1598', arp: 'enabled', 'auto-negotiation': 'true', disabled: 'false', ...(name === 'ether5' ? { 'poe-out': 'auto-on' } : {}), ...(name === 'ether4' ? { comment: 'Drucker "Flur"' } : {}) })),
  'interface/bridge': [{ name: 'bridge', comment: 'defconf' }],
  'interface/bridge/port': ['ether2', 'ether3', 'ether4', 'ether5'].map((name) => ({ bridge: 'bridge', interface: name, comment: 'defconf' })),
  'interface/bridge/vlan': [{ bridge: 'bridge', 'vlan-ids': '50', tagged: 'bridge,ether4', comment: 'Telefonanlage' }, { bridge: 'bridge', 'vlan-ids': '60,61', tagged: 'ether4', comment: 'Kameras' }],
  'interface/vlan': [{ name: 'telefon', interface: 'bridge', 'vlan-id': '50' }],
  'interface/list': [{ name: 'WAN', comment: 'defconf' }, { name: 'LAN', comment: 'defconf' }],
  'interface/list/member': [{ list: 'LAN', interface: 'bridge', comment: 'defconf' }, { list: 'WAN', interface: 'ether1', comment: 'defconf' }],
  'ip/address': [{ address: '192.168.88.1/24', interface: 'bridge', network: '192.168.88.0', comment: 'defconf' }, { address: '192.168.50.1/24', interface: 'telefon', network: '192.168.50.0' }],
  'ip/pool': [{ name: 'default-dhcp', ranges: '192.168.88.10-192.168.88.254' }],
  'ip/dhcp-server': [{ name: 'defconf', interface: 'bridge', 'address-pool': 'default-dhcp' }],
  'ip/dhcp-server/network': [{ address: '192.168.88.0/24', gateway: '192.168.88.1', comment: 'defconf' }],
  'ip/firewall/address-list': [{ list: 'office-hosts', address: '192.168.88.20', comment: 'Rechner im Büro' }, { list: 'office-hosts', address: '192.168.88.21' }, { list: 'cloud', address: 'cloud.example.com' }],
  'ip/firewall/filter': [
    { chain: 'input', action: 'accept', 'connection-state': 'established,related,untracked', comment: 'defconf: accept established,related,untracked' },
    { chain: 'input', action: 'drop', 'connection-state': 'invalid', comment: 'defconf: drop invalid' }, { chain: 'input', action: 'accept', protocol: 'icmp', comment: 'defconf: accept ICMP' },
    { chain: 'input', action: 'drop', 'in-interface-list': '!LAN', comment: 'defconf: drop all not coming from LAN' },
    { chain: 'forward', action: 'fasttrack-connection', 'hw-offload': 'true', 'connection-state': 'established,related', comment: 'defconf: fasttrack' }, { chain: 'forward', action: 'accept', 'connection-state': 'established,related,untracked', comment: 'defconf: accept established,related, untracked' },
    { chain: 'forward', action: 'drop', 'connection-nat-state': '!dstnat', 'connection-state': 'new', 'in-interface-list': 'WAN', comment: 'defconf: drop all from WAN not DSTNATed' },
  ],
  'ipv6/firewall/filter': [{ chain: 'input', action: 'drop', 'in-interface-list': '!LAN', comment: 'defconf: drop everything else not coming from LAN' }],
  'ip/firewall/nat': [{ chain: 'srcnat', action: 'masquerade', 'out-interface-list': 'WAN', comment: 'defconf: masquerade' }, { chain: 'dstnat', action: 'dst-nat', protocol: 'tcp', 'dst-port': '8080', 'in-interface-list': 'WAN', 'to-addresses': '192.168.88.50', 'to-ports': '80', comment: 'Kamera' }],
};

function seeded({ menus = {}, management, deviceMode = {} }: Seed): DeviceState {
  let next = 0;
  const entries = Object.keys(models).map((menu) => [menu, (menus[menu] ?? defaults[menu] ?? []).map((fields) => ({ id: `*${(next += 1).toString(16).toUpperCase()}`, fields: { ...models[menu]?.defaults, ...fields } }))] as const);
  return {
    menus: Object.fromEntries(entries), next, ...(management === undefined ? {} : { management }),
    single: { 'system/resource': { version: '7.20.8 (stable)', 'board-name': 'hEX S', 'architecture-name': 'mmips', uptime: '1d2h' }, 'system/license': { 'software-id': 'ABCD-1234', nlevel: '4' }, 'system/device-mode': { mode: 'advanced', scheduler: 'true', ...deviceMode } },
  };
}

async function load({ folder, seed, customer, randomSeed = 1 }: SimulatorOptions): Promise<Kept> {
  if (folder !== undefined) {
    try {
      return JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as Kept;
    } catch {
      // First start.
    }
  }
  const secret = (which: string): string => Buffer.from(`${which} ${customer} ${String(randomSeed)} `.padEnd(30, 'x')).toString('base64');
  // The stand-in's own form, described above.
  return { tls: await makeSelfSigned(`MikroTik.${customer}`), passwords: { read: secret('read password'), write: secret('write password') }, device: seeded(seed ?? {}) };
}

interface Faults {
  mode: 'refuse' | 'forbid' | 'break' | 'hang' | undefined;
  lose: boolean;
  fail: boolean;
  reject: number;
}

const noFaults: Faults = { mode: undefined, lose: false, fail: false, reject: 0 };
const policies: Readonly<Record<'read' | 'write', readonly string[]>> = { read: ['read', 'test', 'sensitive', 'rest-api'], write: ['read', 'write', 'policy', 'test', 'sensitive', 'rest-api'] };
const clientAddress = '203.0.113.77';

const json = (status: number, body: unknown): HttpsServerAnswer => ({ status, body: JSON.stringify(body) });
const reasons: Readonly<Record<number, string>> = { 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found', 406: 'Not Acceptable', 500: 'Internal Server Error' };
const refused = (status: number, detail: string): HttpsServerAnswer => json(status, { error: status, message: reasons[status] ?? 'Error', detail });

async function start(options: SimulatorOptions): Promise<RunningSimulator> {
  const kept = await load(options);
  const faults: Faults = { ...noFaults };
  const writes: { what: string; at: string }[] = [];
  let served = 0;
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
  const device = new Device(kept.device, ((options.seed ?? {}) as Seed).secondMs ?? 1000, () => { save().catch(() => undefined); });
  await save();
  const handle = async (request: HttpsServerRequest): Promise<HttpsServerAnswer | 'hang' | 'reset'> => {
    served += 1;
    if (device.unknown !== undefined) throw new Error(device.unknown);
    if (faults.mode === 'hang') return 'hang';
    if (!device.reaches(clientAddress)) return 'reset';
    const caller = authenticate(kept, faults, request);
    if (caller === undefined) return refused(401, 'Unauthorized');
    try {
      const { answer, wrote } = serve(device, request, caller, (path) => {
        if (faults.reject > 0 && !path.startsWith('system/') && (faults.reject -= 1) === 0) throw new Failure('failure: the stand-in was told to refuse this');
      });
      if (faults.mode === 'break' && request.url.includes('firewall')) return { status: 200, body: (answer.body ?? '').slice(0, -20) };
      if (!wrote) return answer;
      writes.push({ what: `${request.method} ${decodeURIComponent(new URL(request.url, 'https://router').pathname.slice('/rest/'.length))}`, at: new Date().toISOString() });
      await save();
      if (!device.reaches(clientAddress)) return 'reset';
      // What the guard writes of itself is looked at in tests of its own.
      if (faults.lose && !request.url.includes('/rest/system/')) {
        faults.lose = false;
        return 'reset';
      }
      if (faults.fail && !request.url.includes('/rest/system/')) {
        faults.fail = false;
        return { status: 503, body: '<html>503</html>', headers: { 'content-type': 'text/html' } };
      }
      return answer;
    } catch (error) {
      if (!(error instanceof Failure || error instanceof ScriptError)) throw error;
      return refused(error instanceof Failure ? error.status : 400, error.message);
    }
  };
  const server = await startHttpsServer({ cert: kept.tls.cert, key: kept.tls.key, handle });
  return {
    host: server.host, port: server.port, ca: kept.tls.cert, identity: [`tls:${kept.tls.fingerprint256}`], credentials: kept.passwords, settings: { readUser: 'soll-read' },
    // The script of the guard is soll's own, and whether it is over is seen by its entries.
    snapshot: () => JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(kept.device.menus).map(([menu, rows]) => [menu, rows.filter(({ fields }) => menu !== 'system/script' || fields['name'] !== 'soll-guard').map(({ fields }) => Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))))])))) as JsonObject,
    writes: () => writes,
    served: () => served,
    edits: edits(device, save),
    faults: {
      refuseAuth: () => { faults.mode = 'refuse'; },
      refusePermission: () => { faults.mode = 'forbid'; },
      breakRead: () => { faults.mode = 'break'; },
      loseAnswer: () => { faults.lose = true; },
      failAfterWrite: () => { faults.fail = true; },
      rejectWrite: (nth) => { faults.reject = nth; },
      hang: () => { faults.mode = 'hang'; },
      changeIdentity: async () => {
        const other = await makeSelfSigned('somebody else');
        server.replaceCertificate(other.cert, other.key);
      },
      clear: () => {
        Object.assign(faults, noFaults);
        server.replaceCertificate(kept.tls.cert, kept.tls.key);
      },
    },
    reboot: async () => {
      device.stop();
      device.boot();
      await save();
    },
    stop: async () => {
      device.stop();
      await server.close();
      await saving;
    },
  };
}

function authenticate({ passwords }: Kept, { mode }: Faults, { headers }: HttpsServerRequest): Caller | undefined {
  const [user = '', password = ''] = Buffer.from((headers['authorization'] ?? '').replace('Basic ', ''), 'base64').toString().split(/:(.*)/s);
  const found = (['read', 'write'] as const).find((each) => user === (each === 'read' ? 'soll-read' : 'soll') && passwords[each] === password);
  if (found === undefined || mode === 'refuse') return undefined;
  return { name: user, policy: mode === 'forbid' ? ['rest-api'] : policies[found] };
}

function bodyOf({ body, headers }: HttpsServerRequest): Fields {
  if (body === '') return {};
  if (headers['content-type'] !== 'application/json') throw new Failure('content type is not application/json', 406);
  const value = JSON.parse(body) as unknown;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Failure('no object');
  return value as Fields;
}

/** GET is print, PUT add, PATCH set, DELETE remove, POST any command (REST API, "HTTP Methods"). */
function serve(device: Device, request: HttpsServerRequest, caller: Caller, onWrite: (path: string) => void): { readonly answer: HttpsServerAnswer; readonly wrote: boolean } {
  const url = new URL(request.url, 'https://router');
  if (!url.pathname.startsWith('/rest/') || url.search !== '') throw new Error(`the stand-in knows no ${request.url}`);
  const path = decodeURIComponent(url.pathname.slice('/rest/'.length));
  const body = bodyOf(request);
  const [, menu = path, id] = /^(.*)\/(\*[0-9A-F]+)$/.exec(path) ?? [];
  const find = (wanted: string): Fields | undefined => device.print(menu).find((row) => row['.id'] === wanted);
  const read = request.method === 'GET' || path === 'execute';
  need(caller, path, !read);
  if (request.method === 'GET') {
    const single = device.state.single[path];
    if (single !== undefined) return { answer: json(200, single), wrote: false };
    if (path === 'user') return { answer: json(200, [{ '.id': '*1', name: 'soll', group: 'soll' }, { '.id': '*2', name: 'soll-read', group: 'soll-read' }]), wrote: false };
    if (path === 'user/group') return { answer: json(200, [{ '.id': '*1', name: 'soll', policy: [...policies.write, '!ftp'].join(',') }, { '.id': '*2', name: 'soll-read', policy: [...policies.read, '!write', '!policy'].join(',') }]), wrote: false };
    return { answer: json(200, id === undefined ? device.print(path) : find(id)), wrote: false };
  }
  if (path === 'execute') return { answer: json(200, { ret: device.printed(body['script'] ?? '') }), wrote: false };
  onWrite(path);
  if (request.method === 'PUT') return { answer: json(201, find(device.add(menu, body).id)), wrote: true };
  if (request.method === 'PATCH' && id !== undefined) return { answer: json(200, find(device.set(menu, id, body).id)), wrote: true };
  if (request.method === 'DELETE' && id !== undefined) {
    device.remove(menu, id);
    return { answer: { status: 204 }, wrote: true };
  }
  if (request.method !== 'POST') throw new Failure('no such command');
  const command = path.slice(path.lastIndexOf('/') + 1);
  const of = path.slice(0, path.lastIndexOf('/'));
  if (command === 'move') device.move(of, body['numbers'] ?? '', body['destination']);
  else if (command === 'unset') device.unset(of, body['numbers'] ?? '', body['value-name'] ?? '');
  else if (path === 'system/script/run') device.runStored(body['number'] ?? '', caller);
  else throw new Failure(`no such command (${command})`);
  return { answer: json(200, []), wrote: true };
}

/** Somebody in WinBox. */
function edits(device: Device, save: () => Promise<void>): RunningSimulator['edits'] {
  const first = (menu: string, text: string): { readonly id: string; readonly fields: Fields } | undefined => device.rows(menu).find(({ fields }) => (fields['comment'] ?? '').startsWith(text));
  const edit = (en: string, de: string, change: () => void): RunningSimulator['edits'][string] => ({ en, de, run: async () => {
    change();
    await save();
  } });
  const set = (menu: string, text: string, fields: Fields) => (): void => { const row = first(menu, text); if (row !== undefined) device.set(menu, row.id, fields); };
  const filter = 'ip/firewall/filter';
  return {
    'open-rule': edit('somebody takes the source from a rule', 'jemand nimmt einer Regel die Quelle', () => { const row = first(filter, '[soll rule wan.self.admin'); if (row !== undefined) for (const name of ['src-address', 'src-address-list']) if (row.fields[name] !== undefined) device.unset(filter, row.id, name); }),
    'narrow-rule': edit('somebody adds a match to a rule', 'jemand schränkt eine Regel ein', set(filter, '[soll rule', { 'src-mac-address': '00:11:22:33:44:55' })),
    'accept-default': edit('somebody lets the default of a policy accept', 'jemand lässt den Standard eines Regelwerks annehmen', set('ipv6/firewall/filter', '[soll policy', { action: 'accept' })),
    'move-default': edit('somebody moves the default of a policy to the top', 'jemand schiebt den Standard eines Regelwerks nach oben', () => { const row = first(filter, '[soll policy lan.wan default'); if (row !== undefined) device.move(filter, row.id, device.rows(filter)[0]?.id); }),
    'delete-default': edit('somebody deletes the default of a policy', 'jemand löscht den Standard eines Regelwerks', () => { const row = first(filter, '[soll policy'); if (row !== undefined) device.remove(filter, row.id); }),
    'delete-answers': edit('somebody deletes the rule that lets answers through', 'jemand löscht die Regel für Antworten', () => { const row = first(filter, '[soll base'); if (row !== undefined) device.remove(filter, row.id); }),
    'open-rdp': edit('somebody opens RDP above everything', 'jemand öffnet RDP vor allem anderen', () => { device.add(filter, { chain: 'input', action: 'accept', protocol: 'tcp', 'dst-port': '3389', comment: 'RDP kurz auf', 'place-before': device.rows(filter)[0]?.id ?? '' }); }),
    'rule-in-between': edit('somebody puts a rule between ours', 'jemand setzt eine Regel zwischen unsere', () => { const row = first(filter, '[soll policy lan.wan default'); if (row !== undefined) device.add(filter, { chain: 'soll.lan.wan', action: 'accept', comment: 'kurz auf', 'place-before': row.id }); }),
    'widen-group': edit('somebody adds a network to an address group', 'jemand nimmt ein Netz in eine Adressgruppe auf', () => { if (first('ip/firewall/address-list', '[soll group admins') !== undefined) device.add('ip/firewall/address-list', { list: 'admins', address: '192.0.2.0/24' }); }),
    'change-zone': edit('somebody adds an interface to a zone', 'jemand nimmt eine Schnittstelle in eine Zone auf', () => { if (first('interface/list', '[soll zone lan') !== undefined) device.add('interface/list/member', { list: 'soll-lan', interface: 'telefon' }); }),
    'rename-vlan': edit('somebody changes the description of a VLAN', 'jemand ändert die Beschreibung eines VLANs', set('interface/bridge/vlan', '[soll vlan office', { comment: '[soll vlan office tag] Lager' })),
    'stop-dhcp': edit('somebody switches the DHCP server of a VLAN off', 'jemand schaltet den DHCP-Server eines VLANs ab', set('ip/dhcp-server', '[soll vlan office', { disabled: 'yes' })),
    'move-port': edit('somebody puts a port into another VLAN', 'jemand steckt einen Port in ein anderes VLAN', set('interface/bridge/port', '[soll port ether2', { pvid: '50' })),
    'stop-filtering': edit('somebody switches vlan-filtering off', 'jemand schaltet vlan-filtering ab', () => { const [row] = device.rows('interface/bridge'); if (row !== undefined) device.set('interface/bridge', row.id, { 'vlan-filtering': 'no' }); }),
  };
}

export const simulator: Simulator = { start, conformance };
