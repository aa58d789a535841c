/**
 * An OPNsense 26.7.6 (with `"old": true` a 26.1) on loopback, behind real TLS. Seed: `{ "interfaces": { "<id>": { "device", "descr", "ipaddr"?, "gateway"? } }, "devices": […],
 * "natMode": "hybrid", "objects": { "alias" | "group" | "rule" | "dnat" | "snat" | "vlan": { "<uuid>": { "<field>": "text" } } } }`; what is left out is as
 * on the stand-in of the tests. `"ssh": { "speed"?: 20 }` opens its shell as well; `"management": { "interface", "source" }`: where we come from, so that
 * rules decide whether we get through.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#contract';
import { startHttpsServer, type HttpsServerAnswer, type HttpsServerRequest } from '#testkit/https-server';
import { makeClientKey, makeHostKey, pinOf } from '#testkit/ssh-server';
import { makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import type { RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';
import { admits, type Visitor } from './simulator/admission.ts';
import { conformance } from './simulator/conformance.ts';
import { json, UserException } from './simulator/answers.ts';
import { Device } from './simulator/device.ts';
import { fieldsOf, type Fields, type ModelName } from './simulator/models.ts';
import { openShell, type Shell } from './simulator/shell.ts';
import type { Config, DeviceState, InterfaceEntry } from './simulator/state.ts';

interface Kept {
  readonly tls: SelfSigned;
  readonly keys: Readonly<Record<'read' | 'write', { readonly key: string; readonly secret: string }>>;
  readonly ssh: { readonly host: string; readonly client: string };
  readonly device: DeviceState;
}

/** With its shell: what a test needs of it beyond the common face. */
export interface RunningFirewall extends RunningSimulator {
  readonly sshKey: string;
  readonly shell?: Shell;
}

const full = (model: ModelName, fields: Fields): Fields => ({ ...Object.fromEntries(Object.entries(fieldsOf[model]).map(([name, field]) => [name, field.default ?? ''])), ...fields });

const defaultInterfaces: Record<string, InterfaceEntry> = {
  wan: { device: 'igc0', descr: 'WAN', ipaddr: 'dhcp', gateway: 'WAN_DHCP' }, lan: { device: 'igc1', descr: 'LAN', ipaddr: '192.168.1.1' }, opt1: { device: 'vlan01', descr: 'Telefon' }, opt2: { device: 'igc2', descr: 'Gast' }, opt3: { device: 'igc3', descr: 'Reserve' },
};

/** As a firewall looks that somebody has looked after by hand. */
function defaultObjects(): Config['objects'] {
  const id = (number: number): string => `5e0f0000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  return {
    alias: {
      [id(1)]: full('alias', { name: 'office_hosts', type: 'host', content: '192.168.1.20\n192.168.1.21', description: 'Rechner im Büro' }),
      [id(2)]: full('alias', { name: 'web_ports', type: 'port', content: '80\n443', description: '' }),
      [id(3)]: full('alias', { name: 'GeoSperre', type: 'geoip', content: '', proto: 'IPv4', description: 'Länder' }),
    },
    group: { [id(4)]: full('group', { ifname: 'trusted', members: 'lan,opt1', descr: 'Vertrauenswürdig' }) },
    rule: {
      [id(5)]: full('rule', { sequence: '100', interface: 'lan', source_net: 'lan', description: 'Default allow LAN to any rule' }),
      [id(6)]: full('rule', { sequence: '1', interface: 'lan,opt1', action: 'block', protocol: 'TCP', destination_port: '25', description: 'Kein Direktversand' }),
    },
    dnat: { [id(7)]: full('dnat', { sequence: '1', interface: 'wan', ipprotocol: 'inet', protocol: 'tcp', 'source.network': 'any', 'destination.network': 'wanip', 'destination.port': '8080', target: '192.168.1.50', 'local-port': '80', descr: 'Kamera' }) },
    snat: { [id(8)]: full('snat', { sequence: '1', interface: 'wan', source_net: 'opt1', target: 'wanip', description: 'Ausgehend Telefonie' }) },
    vlan: { [id(9)]: full('vlan', { if: 'igc1', tag: '10', descr: 'Alte Telefonanlage', vlanif: 'vlan01' }), [id(10)]: full('vlan', { if: 'igc3', tag: '20', descr: 'am anderen Gerät', vlanif: 'vlan02' }) },
    range: {}, option: {},
  };
}

function seeded(seed: JsonObject | undefined): Config {
  // The simulator's own form, described above.
  const given = (seed ?? {}) as unknown as Partial<Config>;
  const objects = given.objects === undefined ? defaultObjects() : (Object.fromEntries((Object.keys(fieldsOf) as ModelName[]).map((model) => [model, Object.fromEntries(Object.entries((given.objects as Partial<Config['objects']>)[model] ?? {}).map(([uuid, fields]) => [uuid, full(model, fields)]))])) as Config['objects']);
  return {
    interfaces: structuredClone(given.interfaces ?? defaultInterfaces), devices: given.devices ?? ['igc0', 'igc1', 'igc2', 'igc3'], natMode: given.natMode ?? 'hybrid', ...(given.dnsmasq === undefined ? {} : { dnsmasq: given.dnsmasq }), ...(given.old === undefined ? {} : { old: given.old }), objects, revision: 1,
    automaticRules: [{ action: 'block', direction: 'any', description: 'Default deny / state violation rule', interface: '', source_net: 'any', destination_net: 'any' }, { action: 'pass', direction: 'in', description: 'anti-lockout rule', interface: 'lan', source_net: 'any', destination_net: '(self)' }],
    legacyRules: [{ action: 'pass', direction: 'in', description: 'Alte Regel', interface: 'opt2', source_net: 'opt2', destination_net: 'any' }],
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
  const state: DeviceState = { saved: seeded(seed), running: { filter: { rule: {}, dnat: {}, snat: {} }, tables: {}, vlans: {}, dhcp: { range: {}, option: {} }, addresses: {} }, todo: {} };
  new Device(state).boot();
  // 60 random bytes each on a real one.
  const secret = (which: string): string => Buffer.from(`${which} ${customer} ${String(randomSeed)} `.padEnd(60, 'x')).toString('base64');
  return { tls: await makeSelfSigned(`OPNsense.${customer}`), keys: { read: { key: secret('read key'), secret: secret('read secret') }, write: { key: secret('write key'), secret: secret('write secret') } }, ssh: { host: makeHostKey().privateKey, client: makeClientKey().privateKey }, device: state };
}

interface Faults {
  mode: 'refuse' | 'forbid' | 'break' | 'hang' | undefined;
  lose: boolean;
  fail: boolean;
  reject: number;
}

const noFaults: Faults = { mode: undefined, lose: false, fail: false, reject: 0 };

export async function start(options: SimulatorOptions): Promise<RunningFirewall> {
  const kept = await load(options);
  const device = new Device(kept.device);
  const { ssh, management } = (options.seed ?? {}) as unknown as { readonly ssh?: { readonly speed?: number }; readonly management?: Visitor };
  const admit = (port: number) => (): boolean => management === undefined || admits(kept.device, management, port);
  const shell = ssh === undefined ? undefined : await openShell({ ...(options.folder === undefined ? {} : { folder: join(options.folder, 'root') }), hostKey: kept.ssh.host, clientKey: kept.ssh.client, device, speed: ssh.speed ?? 1, admit: admit(22) });
  const faults: Faults = { ...noFaults };
  const writes: { what: string; at: string }[] = [];
  let served = 0;
  let saving: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    const { folder } = options;
    shell?.store();
    if (folder === undefined) return Promise.resolve();
    saving = saving.then(async () => {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'state.json.new'), JSON.stringify(kept), { mode: 0o600 });
      await rename(join(folder, 'state.json.new'), join(folder, 'state.json'));
    });
    return saving;
  };
  await save();
  const handle = async (request: HttpsServerRequest): Promise<HttpsServerAnswer | 'hang' | 'reset'> => {
    served += 1;
    if (faults.mode === 'hang') return 'hang';
    const user = authenticate(kept, faults, request);
    if ('status' in user) return user;
    shell?.load();
    const done = { wrote: false };
    const before = structuredClone(kept.device);
    try {
      const answer = device.handle({
        method: request.method, path: new URL(request.url, 'https://fw').pathname, body: parseBody(request), user,
        onWrite: (what) => {
          if (faults.reject > 0 && (faults.reject -= 1) === 0) return { description: 'The stand-in was told to refuse this.' };
          done.wrote = true;
          writes.push({ what, at: new Date().toISOString() });
          return undefined;
        },
      });
      if (done.wrote && (answer.body ?? '').includes('"result":"failed"')) {
        // Refused after it was counted: it was no write.
        writes.pop();
        done.wrote = false;
      }
      if (faults.mode === 'break' && request.url.includes('search_')) return broken(answer);
      if (!done.wrote) return answer;
      kept.device.saved.savedBy = `${user.name}@127.0.0.1`;
      await save();
      if (faults.lose) {
        faults.lose = false;
        return 'reset';
      }
      if (faults.fail) {
        faults.fail = false;
        return { status: 503, body: '<html>503 Service Not Available</html>', headers: { 'content-type': 'text/html' } };
      }
      return answer;
    } catch (error) {
      if (done.wrote) writes.pop();
      if (!(error instanceof UserException)) throw error;
      Object.assign(kept.device.saved, before.saved);
      return json(500, { errorMessage: error.message, errorTitle: 'An API exception occurred' });
    }
  };
  const server = await startHttpsServer({ cert: kept.tls.cert, key: kept.tls.key, handle, admit: admit(443) });
  return {
    sshKey: kept.ssh.client,
    ...(shell === undefined ? {} : { shell, secrets: { 'fw-ssh': kept.ssh.client }, settings: { guard: 'dead-man', ssh: { address: `${shell.server.host}:${String(shell.server.port)}`, identity: [`ssh:${pinOf(kept.ssh.host)}`], credential: { $secret: 'fw-ssh' } } } }),
    host: server.host, port: server.port, ca: kept.tls.cert, identity: [`tls:${kept.tls.fingerprint256}`],
    credentials: { read: `key=${kept.keys.read.key}\nsecret=${kept.keys.read.secret}\n`, write: `key=${kept.keys.write.key}\nsecret=${kept.keys.write.secret}\n` },
    snapshot: () => JSON.parse(JSON.stringify({ saved: kept.device.saved.objects, interfaces: kept.device.saved.interfaces, running: kept.device.running, legacy: kept.device.saved.legacyRules })) as JsonObject,
    writes: () => writes,
    served: () => served,
    edits: edits(kept.device, device, save, () => { shell?.load(); }),
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
      server.drop();
      kept.device.todo = {};
      if (shell === undefined) device.boot();
      else await shell.reboot();
      await save();
    },
    stop: async () => {
      await server.close();
      await shell?.close();
      await saving;
    },
  };
}

/** Wrong keys are told; nothing at all leads to the page for signing in; a privilege that is missing is 403. */
function authenticate({ keys }: Kept, { mode }: Faults, { headers }: HttpsServerRequest): HttpsServerAnswer | { readonly name: string; readonly readOnly: boolean } {
  const header = headers['authorization'];
  if (header === undefined) return { status: 302, headers: { location: '/ui/session/index' } };
  const [key, secret] = Buffer.from(header.replace('Basic ', ''), 'base64').toString().split(':');
  const name = (['read', 'write'] as const).find((each) => keys[each].key === key && keys[each].secret === secret);
  if (name === undefined || mode === 'refuse') return json(401, { status: 401, message: 'Authentication Failed' });
  if (mode === 'forbid') return json(403, { status: 403, message: 'Forbidden' });
  return { name: `soll-${name}`, readOnly: name === 'read' };
}

function parseBody({ method, headers, body }: HttpsServerRequest): unknown {
  if (method === 'GET' && headers['content-type'] !== undefined) throw new Error('400: a GET without a body must not say that it has one');
  if (method !== 'POST') return undefined;
  if (headers['content-length'] === undefined || headers['content-type'] !== 'application/json') throw new Error('411: a POST needs a length, and JSON has to be called so');
  return JSON.parse(body);
}

/** The list says that there is more, and the next page has nothing. */
function broken(answer: HttpsServerAnswer): HttpsServerAnswer {
  const body = JSON.parse(answer.body ?? '{}') as { total: number; rows: unknown[] };
  return { ...answer, body: JSON.stringify({ ...body, total: body.total + 1, rows: body.rows.slice(0, 1) }) };
}

/** Through the web interface, which saves and applies. */
function edits(state: DeviceState, device: Device, save: () => Promise<void>, load: () => void): RunningSimulator['edits'] {
  const first = (model: ModelName, text: string): Fields | undefined => Object.values(state.saved.objects[model]).find(({ description = '', descr = '' }) => description.startsWith(text) || descr.startsWith(text));
  const edit = (en: string, de: string, change: () => void): RunningSimulator['edits'][string] => ({ en, de, run: async () => {
    load();
    change();
    state.saved.revision += 1;
    state.saved.savedBy = 'root@192.168.1.5';
    device.boot();
    await save();
  } });
  const set = (model: ModelName, text: string, fields: Fields) => (): void => { Object.assign(first(model, text) ?? {}, fields); };
  return {
    'disable-rule': edit('somebody switches a rule off', 'jemand schaltet eine Regel ab', set('rule', '[soll rule', { enabled: '0' })),
    'open-rule': edit('somebody takes the sources from a rule', 'jemand nimmt einer Regel die Quellen', set('rule', '[soll rule wan.self.admin]', { source_net: 'any' })),
    'accept-default': edit('somebody lets the default of a policy accept', 'jemand lässt den Standard eines Regelwerks annehmen', set('rule', '[soll policy', { action: 'pass' })),
    'move-default': edit('somebody moves the default of a policy to the top', 'jemand schiebt den Standard eines Regelwerks nach oben', set('rule', '[soll policy lan.wan]', { sequence: '1' })),
    'delete-default': edit('somebody deletes the default of a policy', 'jemand löscht den Standard eines Regelwerks', () => {
      state.saved.objects.rule = Object.fromEntries(Object.entries(state.saved.objects.rule).filter(([, { description = '' }]) => !description.startsWith('[soll policy')));
    }),
    'open-rdp': edit('somebody opens RDP on the firewall\'s zone', 'jemand öffnet RDP', () => {
      state.saved.objects.rule['5e0f0000-0000-4000-8000-0000000000ff'] = full('rule', { sequence: '2', interface: 'wan', protocol: 'TCP', destination_port: '3389', description: 'RDP kurz auf' });
    }),
    'copy-rule': edit('somebody copies a rule of ours', 'jemand kopiert eine unserer Regeln', () => {
      const ours = first('rule', '[soll rule');
      if (ours !== undefined) state.saved.objects.rule['5e0f0000-0000-4000-8000-0000000000fe'] = { ...ours, action: 'pass', source_net: 'any' };
    }),
    'widen-group': edit('somebody adds a network to an address group', 'jemand nimmt ein Netz in eine Adressgruppe auf', () => {
      const ours = first('alias', '[soll group');
      if (ours !== undefined) ours['content'] = [...(ours['content'] ?? '').split('\n').filter((each) => each !== ''), '192.0.2.0/24'].join('\n');
    }),
    'narrow-service': edit('somebody changes the ports of a service', 'jemand ändert die Ports eines Dienstes', set('alias', '[soll service web]', { content: '8080' })),
    'change-zone': edit('somebody adds an interface to a zone', 'jemand nimmt eine Schnittstelle in eine Zone auf', set('group', '[soll zone lan]', { members: 'lan,opt1,opt3' })),
    'redirect-forward': edit('somebody sends a port forward elsewhere', 'jemand leitet eine Portweiterleitung um', set('dnat', '[soll forward', { target: '192.168.10.66' })),
    'rename-vlan': edit('somebody changes the description of a VLAN', 'jemand ändert die Beschreibung eines VLANs', set('vlan', '[soll vlan', { descr: '[soll vlan office] Lager' })),
  };
}

export const simulator: Simulator = { start, conformance };
