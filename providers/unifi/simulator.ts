/**
 * A UniFi console on loopback, behind real TLS: UniFi OS with Network 10.5.66. Seed: `{ "networks" | "wlans" | "lists" | "zones" | "policies" | "radius": { "<uuid>": { … } },
 * "devices": […], "profiles": […] }`, objects as the two APIs show them (`simulator/controller.ts`); what is left out is as on the stand-in of the tests.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#contract';
import { startHttpsServer, type HttpsServerAnswer, type HttpsServerRequest } from '#testkit/https-server';
import { makeSelfSigned, type SelfSigned } from '#testkit/self-signed';
import type { RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';
import { conformance } from './simulator/conformance.ts';
import { Controller, type ControllerState, type Raw } from './simulator/controller.ts';
import { seeded } from './simulator/seed.ts';

interface Kept {
  readonly tls: SelfSigned;
  readonly keys: { readonly read: string; readonly write: string };
  readonly controller: ControllerState;
}

async function load({ folder, seed, customer, randomSeed = 1 }: SimulatorOptions): Promise<Kept> {
  if (folder !== undefined) {
    try {
      return JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as Kept;
    } catch {
      // First start.
    }
  }
  const key = (which: string): string => `${which}-${customer}-${String(randomSeed)}`.replaceAll(/[^A-Za-z0-9-]/g, '').padEnd(32, 'k').slice(0, 32);
  return { tls: await makeSelfSigned(`UniFi.${customer}`), keys: { read: key('view'), write: key('full') }, controller: { ...seeded(), ...structuredClone(seed as unknown as Partial<ControllerState> | undefined) } };
}

interface Faults {
  throttle: { times: number; seconds: number | undefined };
  mode: 'refuse' | 'forbid' | 'break' | 'hang' | 'login' | undefined;
  lose: boolean;
  fail: boolean;
  reject: number;
}

const noFaults = (): Faults => ({ throttle: { times: 0, seconds: undefined }, mode: undefined, lose: false, fail: false, reject: 0 });

function json(status: number, body: unknown, headers: Record<string, string> = {}): HttpsServerAnswer {
  return { status, body: JSON.stringify(body), headers };
}

const refusal = (status: number, code: string, message: string): HttpsServerAnswer => json(status, { statusCode: status, code, message });
const page = { status: 200, body: '<!doctype html><title>UniFi OS</title>', headers: { 'content-type': 'text/html' } };

async function start(options: SimulatorOptions): Promise<RunningSimulator> {
  const kept = await load(options);
  const controller = new Controller(kept.controller);
  const faults = noFaults();
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
  await save();
  const handle = async (request: HttpsServerRequest): Promise<HttpsServerAnswer | 'hang' | 'reset'> => {
    served += 1;
    if (faults.mode === 'hang') return 'hang';
    // A console answers anything that is no API with its own page.
    if (faults.mode === 'login' || !request.url.startsWith('/proxy/network/')) return page;
    if (faults.throttle.times > 0) {
      faults.throttle.times -= 1;
      return json(429, { code: 'api.rate-limited' }, faults.throttle.seconds === undefined ? {} : { 'retry-after': String(faults.throttle.seconds) });
    }
    const key = request.headers['x-api-key'];
    if (key === undefined || !Object.values(kept.keys).includes(key) || faults.mode === 'refuse') return refusal(401, 'api.authentication.missing-credentials', 'Unauthorized');
    if (faults.mode === 'forbid') return refusal(403, 'api.authentication.forbidden', 'Forbidden');
    const changing = request.method !== 'GET';
    if (changing && key === kept.keys.write && faults.reject > 0 && (faults.reject -= 1) === 0) return refusal(400, 'api.request.validation', `the stand-in was told to refuse this${/"passphrase":"[^"]*"/.exec(request.body)?.[0] ?? ''}`);
    const url = new URL(request.url, 'https://console');
    const answer = controller.handle({ method: request.method, path: decodeURIComponent(url.pathname), query: url.searchParams, body: request.body === '' ? undefined : JSON.parse(request.body) as unknown, viewer: key === kept.keys.read });
    if (answer.wrote === true) {
      writes.push({ what: `${request.method} ${url.pathname} ${request.body}`.trim(), at: new Date().toISOString() });
      await save();
      if (faults.lose) {
        faults.lose = false;
        return 'reset';
      }
      if (faults.fail) {
        faults.fail = false;
        return { status: 502, body: '<html>502 Bad Gateway</html>', headers: { 'content-type': 'text/html' } };
      }
    }
    // The count says that there is more, and the next page has nothing.
    if (faults.mode === 'break' && Array.isArray(answer.body['data']) && typeof answer.body['totalCount'] === 'number' && url.pathname.includes('/sites/')) {
      const data = (answer.body['data'] as unknown[]).slice(0, 1);
      return json(200, { ...answer.body, totalCount: answer.body['totalCount'] + 1, count: data.length, data });
    }
    return json(answer.status, answer.body);
  };
  const server = await startHttpsServer({ cert: kept.tls.cert, key: kept.tls.key, handle });
  return {
    host: server.host, port: server.port, ca: kept.tls.cert, identity: [`tls:${kept.tls.fingerprint256}`], credentials: kept.keys,
    snapshot: () => JSON.parse(JSON.stringify(kept.controller, (key, value: unknown) => (key === 'counter' ? undefined : value))) as JsonObject,
    writes: () => writes,
    served: () => served,
    edits: edits(kept.controller, save),
    faults: {
      throttle: (times, seconds) => { faults.throttle = { times, seconds }; },
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
        Object.assign(faults, noFaults());
        server.replaceCertificate(kept.tls.cert, kept.tls.key);
      },
    },
    reboot: () => Promise.resolve(),
    stop: async () => {
      await server.close();
      await saving;
    },
  };
}

/** Through the web interface. */
function edits(state: ControllerState, save: () => Promise<void>): RunningSimulator['edits'] {
  const edit = (en: string, de: string, change: () => void): RunningSimulator['edits'][string] => ({ en, de, run: async () => {
    change();
    await save();
  } });
  const named = (objects: Record<string, Raw>, name: string): Raw => Object.values(objects).find((each) => each['name'] === name) ?? {};
  const device = (name: string): Raw => state.devices.find((each) => each['name'] === name) ?? {};
  const entry = (name: string, index: number): Raw => (device(name)['port_overrides'] as Raw[]).find((each) => each['port_idx'] === index) ?? {};
  return {
    'change-dhcp': edit('somebody changes the DHCP range of a network', 'jemand ändert den DHCP-Bereich eines Netzes', () => {
      const configuration = named(state.networks, 'office')['ipv4Configuration'] as Raw | undefined;
      const dhcp = configuration?.['dhcpConfiguration'] as Raw | undefined;
      if (dhcp !== undefined) dhcp['ipAddressRange'] = { start: '192.168.10.20', stop: '192.168.10.30' };
    }),
    'open-guest': edit('somebody lets guests into the other networks', 'jemand lässt Gäste in die anderen Netze', () => { Object.assign(named(state.networks, 'guest'), { isolationEnabled: false }); }),
    'move-wlan': edit('somebody moves a WLAN to the default network', 'jemand verlegt ein WLAN ins Standardnetz', () => { Object.assign(named(state.wlans, 'Büro'), { network: { type: 'NATIVE' } }); }),
    'delete-wlan': edit('somebody deletes a WLAN', 'jemand löscht ein WLAN', () => { state.wlans = replaced(state.wlans, 'Büro'); }),
    'change-port': edit('somebody puts a port into another network', 'jemand legt einen Port in ein anderes Netz', () => { Object.assign(entry('sw-eg', 1), { native_networkconf_id: named(state.networks, 'guest')['oid'] }); }),
    'reset-port': edit('somebody resets a port', 'jemand setzt einen Port zurück', () => { device('sw-eg')['port_overrides'] = (device('sw-eg')['port_overrides'] as Raw[]).filter((each) => each['port_idx'] !== 8); }),
    'power-off': edit('somebody switches the power of a port off', 'jemand schaltet den Strom eines Ports ab', () => { Object.assign(entry('sw-eg', 1), { poe_mode: 'off' }); }),
    'disable-rule': edit('somebody switches a rule off', 'jemand schaltet eine Regel ab', () => { Object.assign(named(state.policies, 'printer'), { enabled: false }); }),
    'open-rule': edit('somebody takes the sources from a rule', 'jemand nimmt einer Regel die Quellen', () => { const raw = named(state.policies, 'admin'); Object.assign(raw, { source: { zoneId: (raw['source'] as Raw)['zoneId'] } }); }),
    'schedule-rule': edit('somebody gives a rule a schedule', 'jemand gibt einer Regel einen Zeitplan', () => { Object.assign(named(state.policies, 'mail'), { schedule: { mode: 'EVERY_DAY', time: { type: 'ALL_DAY' } } }); }),
    'move-rule': edit('somebody moves a rule', 'jemand verschiebt eine Regel', () => { for (const order of Object.values(state.order)) order.before.reverse(); }),
    'change-service': edit('somebody changes the ports of a service', 'jemand ändert die Ports eines Dienstes', () => { Object.assign(named(state.lists, 'smtp/tcp'), { items: [{ type: 'PORT_NUMBER', value: 587 }] }); }),
    'widen-list': edit('somebody adds an address to a list', 'jemand nimmt eine Adresse in eine Liste auf', () => { (named(state.lists, 'servers')['items'] as Raw[] | undefined)?.push({ type: 'IP_ADDRESS', value: '192.0.2.66' }); }),
  };
}

function replaced(objects: Record<string, Raw>, name: string): Record<string, Raw> {
  return Object.fromEntries(Object.entries(objects).filter(([, each]) => each['name'] !== name));
}

export const simulator: Simulator = { start, conformance };
