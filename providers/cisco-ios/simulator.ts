/**
 * A Cisco switch on loopback: real SSH, a terminal with echo, paging and questions, IOS or small business behind it. Seed: a part of `Seed` in
 * `simulator/device.ts`; what is left out is a Catalyst 2960-X with 24 ports, transparent VTP and an archive in flash.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#contract';
import { makeHostKey, pinOf, startSshServer, type SshServer } from '#testkit/ssh-server';
import type { RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';
import { conformance } from './simulator/conformance.ts';
import { makeDevice, noFaults, type Device, type Seed, type State } from './simulator/device.ts';
import { iosPrompt, newSession, runIos } from './simulator/ios.ts';
import type { Port, Running } from './simulator/model.ts';
import { newSmallSession, runSmall, smallPrompt } from './simulator/small-business.ts';
import { serveTerminal, type Terminal } from './simulator/terminal.ts';

const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${prefix}${String(index + 1)}`);

function iosSeed(): Seed {
  const ports = names('GigabitEthernet1/0/', 24);
  const running: Running = {
    hostname: 'sw1', vlans: { 99: { name: 'management' } }, aliases: {}, hosts: {},
    ports: Object.fromEntries(ports.map((name): [string, Port] => [name, {}])),
    before: ['archive\n path flash:soll', 'spanning-tree mode rapid-pvst\nspanning-tree extend system-id', 'vlan internal allocation policy ascending'],
    after: ['interface Vlan1\n no ip address\n shutdown', 'interface Vlan99\n ip address 192.0.2.10 255.255.255.0', 'ip default-gateway 192.0.2.1', 'banner motd ^C\ninterface GigabitEthernet1/0/1\n description not a port but a banner\nsw1#\n^C'],
  };
  Object.assign(running.ports, {
    'GigabitEthernet1/0/20': { description: 'by hand, with telephone', accessVlan: 99, mode: 'access', other: ['switchport voice vlan 99', 'storm-control broadcast level 1.00'] },
    'GigabitEthernet1/0/22': { routed: true, other: ['ip address 198.51.100.1 255.255.255.252'] }, 'GigabitEthernet1/0/23': { mode: 'trunk', channelGroup: '1 mode active' },
  });
  return { profile: 'ios', version: '15.2(7)E8', vtp: 'transparent', hardware: { power: ports.slice(0, 12), negotiate: ['GigabitEthernet1/0/4'] }, running, privilege: { read: 15, write: 15 }, bootMs: 0 };
}

function smallSeed(): Seed {
  const ports = [...names('GigabitEthernet', 8), 'TenGigabitEthernet1'];
  const running: Running = {
    hostname: 'sw2', vlans: { 99: { name: 'management' }, 222: { name: 'IP Phones network' } }, aliases: {}, hosts: {},
    ports: Object.fromEntries(ports.map((name): [string, Port] => [name, {}])), before: ['no cdp run'], after: ['interface vlan 1\n no ip address dhcp', 'interface vlan 99\n ip address 192.0.2.11 255.255.255.0'],
  };
  Object.assign(running.ports, { GigabitEthernet7: { description: 'by hand', accessVlan: 222, other: ['storm-control broadcast level 10'] } });
  return { profile: 'small-business', version: '3.2.1.1', vtp: 'off', hardware: { power: ports.slice(0, 4), negotiate: [] }, running, privilege: { read: 15, write: 15 }, bootMs: 0 };
}

interface Kept extends State {
  readonly hostKey: string;
  readonly passwords: { readonly read: string; readonly write: string };
}

async function load({ folder, randomSeed = 1, customer }: SimulatorOptions, seed: Seed): Promise<Kept> {
  if (folder !== undefined) {
    try {
      return JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as Kept;
    } catch {
      // First start.
    }
  }
  return {
    hostKey: makeHostKey().privateKey, passwords: { read: `cisco-read-password-${String(randomSeed)}-${customer}`, write: `cisco-write-password-${String(randomSeed)}-${customer}` },
    running: structuredClone(seed.running), startup: structuredClone(seed.startup === undefined ? seed.running : seed.startup), vtp: seed.vtp,
  };
}

function seedOf(given: JsonObject | undefined): Seed {
  const part = (given ?? {}) as unknown as Partial<Seed>;
  const base = part.profile === 'small-business' ? smallSeed() : iosSeed();
  return { ...base, ...part, running: { ...base.running, ...part.running }, hardware: { ...base.hardware, ...part.hardware } };
}

function attach(device: Device, stream: Parameters<typeof serveTerminal>[0], user: 'read' | 'write', { drop, count }: { readonly drop: () => void; readonly count: () => void }): void {
  const privilege = device.faults.forbid ? 1 : device.seed.privilege[user];
  const shared = { banner: '\nAuthorised use only. Nothing here is a prompt:\nsw1>\nsw1#\n\n', drop };
  let terminal: Terminal;
  if (device.seed.profile === 'ios') {
    const session = newSession(user, privilege);
    terminal = serveTerminal(stream, { ...shared, more: ' --More-- ', prompt: () => iosPrompt(device, session), pageLength: () => session.length, execute: (line) => { count(); return runIos(device, session, line); } });
  } else {
    const session = newSmallSession(user, privilege);
    terminal = serveTerminal(stream, { ...shared, more: 'More: <space>,  Quit: q or CTRL+Z, One line: <return> ', prompt: () => smallPrompt(device, session), pageLength: () => (session.paging ? 24 : 0), execute: (line) => { count(); return runSmall(device, session, line); } });
  }
  device.terminals.add(terminal);
  stream.on('close', () => device.terminals.delete(terminal)).on('error', () => device.terminals.delete(terminal));
}

async function start(options: SimulatorOptions): Promise<RunningSimulator> {
  const seed = seedOf(options.seed);
  const kept = await load(options, seed);
  let saving: Promise<void> = Promise.resolve();
  const changed = (): void => {
    const { folder } = options;
    if (folder === undefined) return;
    saving = saving.then(async () => {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'state.json.new'), JSON.stringify(kept), { mode: 0o600 });
      await rename(join(folder, 'state.json.new'), join(folder, 'state.json'));
    });
  };
  changed();
  let served = 0;
  const servers: SshServer[] = [];
  const drop = (): void => { servers[0]?.drop(); };
  const device = makeDevice({ seed, state: kept, drop, changed });
  const server = await startSshServer({
    hostKey: kept.hostKey, admit: () => device.reachable,
    allow: (user, { password }) => !device.faults.refuse && ((user === 'soll-read' && password === kept.passwords.read) || (user === 'soll' && (password === kept.passwords.write || password === kept.passwords.read))),
    exec: (_command, _user, { stdout }) => { stdout.write('Line has invalid autocommand\n'); return Promise.resolve('drop' as const); },
    shell: (stream, user) => { attach(device, stream, user === 'soll' ? 'write' : 'read', { drop, count: () => { served += 1; } }); },
  });
  servers.push(server);
  return {
    host: server.host, port: server.port, identity: [`ssh:${pinOf(kept.hostKey)}`], credentials: kept.passwords, settings: { profile: seed.profile },
    snapshot: () => structuredClone({ running: { ...kept.running, aliases: withoutOurs(kept.running.aliases), hosts: withoutOurs(kept.running.hosts) } }) as unknown as JsonObject,
    writes: () => device.writes,
    served: () => served,
    edits: edits(device),
    faults: {
      refuseAuth: () => { device.faults.refuse = true; },
      refusePermission: () => { device.faults.forbid = true; },
      breakRead: () => { device.faults.cut = true; },
      loseAnswer: () => { device.faults.lose = true; },
      rejectWrite: (nth) => { device.faults.reject = nth; },
      hang: () => { device.faults.hang = true; },
      changeIdentity: () => {
        server.replaceHostKey(makeHostKey().privateKey);
        return Promise.resolve();
      },
      clear: () => {
        Object.assign(device.faults, noFaults);
        server.replaceHostKey(kept.hostKey);
      },
    },
    reboot: () => {
      device.reboot();
      return Promise.resolve();
    },
    stop: async () => {
      device.stop();
      await server.close();
      await saving;
    },
  };
}

/** The mark of a run is volatile. */
function withoutOurs(entries: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => !name.startsWith('soll')));
}

function edits(device: Device): RunningSimulator['edits'] {
  const first = device.seed.profile === 'ios' ? 'GigabitEthernet1/0/1' : 'GigabitEthernet1';
  const edit = (en: string, de: string, change: (running: Running) => void): RunningSimulator['edits'][string] => ({ en, de, run: () => {
    change(device.state.running);
    device.settle();
  } });
  const port = (change: (port: Port) => void) => (running: Running): void => { change(running.ports[first] ?? {}); };
  return {
    'move-port': edit('somebody puts a port into another VLAN', 'jemand setzt einen Port in ein anderes VLAN', port((each) => { each.accessVlan = 99; })),
    'shut-port': edit('somebody shuts a port down', 'jemand schaltet einen Port ab', port((each) => { each.shutdown = true; })),
    'reset-port': edit('somebody sets a port to its defaults', 'jemand setzt einen Port zurück', (running) => { running.ports[first] = {}; }),
    'delete-vlan': edit('somebody deletes a VLAN', 'jemand löscht ein VLAN', (running) => { running.vlans = Object.fromEntries(Object.entries(running.vlans).filter(([id]) => id !== '10')); }),
    'rename-vlan': edit('somebody renames a VLAN', 'jemand benennt ein VLAN um', (running) => { if (running.vlans['10'] !== undefined) running.vlans['10'].name = 'by-hand'; }),
    'trunk-all': edit('somebody lets a trunk carry everything', 'jemand lässt einen Trunk alles führen', (running) => { delete running.ports['GigabitEthernet1/0/3']?.allowed; }),
  };
}

export const simulator: Simulator = { start, conformance };
