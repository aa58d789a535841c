/**
 * An OpenWrt device on loopback: real SSH, a real shell running the real device script on real files, stand-ins for uci, ubus and procd.
 * Seed: `{ "files": { "<package>": "<text>" }, "version": "23.05.4", "management": { "port": "lan4", "vlan": 1 } }`, each optional; what
 * is left out is an access point with four ports, two radios and firewall4's defaults. With `management` the
 * device is reached over that port only, and only while its VLAN is untagged there.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { makeHostKey, pinOf, startSshServer } from '#testkit/ssh-server';
import type { RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';
import { conformance } from './simulator/conformance.ts';
import { board, defaults } from './simulator/defaults.ts';
import { activeText, openRoot, type Root } from './simulator/root.ts';

interface Seed {
  readonly files?: Readonly<Record<string, string>>;
  readonly version?: string;
  readonly management?: { readonly port: string; readonly vlan: number };
}

interface Faults {
  refuse: boolean;
  cut: boolean;
  lose: boolean;
  hang: boolean;
}

const noFaults: Faults = { refuse: false, cut: false, lose: false, hang: false };

async function prepare(root: Root, { files, version = '23.05.4' }: Seed): Promise<string> {
  const keyFile = join(root.root, 'etc', 'host-key');
  if (!existsSync(keyFile)) {
    await writeFile(keyFile, makeHostKey().privateKey, { mode: 0o600 });
    for (const [name, text] of Object.entries({ ...defaults, ...files })) await writeFile(join(root.root, 'etc', 'config', name), text, { mode: 0o644 });
  }
  await writeFile(join(root.root, 'rom', 'board.json'), board.replaceAll('VERSION', version));
  await writeFile(join(root.root, 'speed'), '1\n');
  return readFile(keyFile, 'utf8');
}

/** A section with its own bytes, comments included. */
interface Part {
  readonly name: string;
  readonly text: string;
}

/** Apart at each line that begins a section; the name is that of the section or its `name`. */
function partsOf(text: string): readonly Part[] {
  return text.split(/^(?=config )/m).map((part): Part => ({ name: /^config \S+\s+'?(\w+)/.exec(part)?.[1] ?? /^\s*option name\s+'?([\w-]+)/m.exec(part)?.[1] ?? '', text: part.trimEnd() }));
}

function reaches(root: Root, { port, vlan }: NonNullable<Seed['management']>): boolean {
  return partsOf(activeText(root, 'network')).some(({ text }) => text.startsWith('config bridge-vlan') && new RegExp(`option vlan '?${String(vlan)}'?\\s`).test(`${text}\n`) && new RegExp(`list ports '?${port}:u`).test(text));
}

const packages = ['network', 'wireless', 'firewall', 'dhcp', 'system', 'soll'] as const;

async function start(options: SimulatorOptions): Promise<RunningSimulator> {
  const seed = (options.seed ?? {}) as unknown as Seed;
  const root = await openRoot(options.folder === undefined ? undefined : join(options.folder, 'root'));
  const hostKey = await prepare(root, seed);
  if (options.folder !== undefined) await mkdir(options.folder, { recursive: true });
  const file = (name: string): string => join(root.root, 'etc', 'config', name);
  const text = (name: string): string => (existsSync(file(name)) ? readFileSync(file(name), 'utf8') : '');
  const faults: Faults = { ...noFaults };
  const passwords = { read: `openwrt-read-password-${String(options.randomSeed ?? 1)}-${options.customer}`, write: `openwrt-write-password-${String(options.randomSeed ?? 1)}-${options.customer}` };
  let served = 0;
  const reachable = (): boolean => seed.management === undefined || reaches(root, seed.management);
  const writes = (): { readonly what: string; readonly at: string }[] => {
    const log = join(root.root, 'writes.log');
    return existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter((line) => line.startsWith('reload')).map((what) => ({ what, at: '' })) : [];
  };
  await root.reboot();
  const server = await startSshServer({
    hostKey, admit: reachable,
    allow: (user, { password }) => !faults.refuse && user === 'root' && (password === passwords.read || password === passwords.write),
    exec: async (command, _user, io) => {
      served += 1;
      if (faults.hang) return 'hang';
      const count = writes().length;
      const half = faults.cut ? halved(io.stdout) : undefined;
      const code = await root.run(command, half === undefined ? io : { ...io, stdout: half });
      if (half !== undefined) await new Promise<void>((resolve) => { half.end(resolve); });
      const wrote = writes().length > count;
      // Whoever is connected over what is gone hears nothing any more.
      if ((wrote && faults.lose) || !reachable()) {
        faults.lose = false;
        server.drop();
        return 'hang';
      }
      return code;
    },
  });
  return {
    host: server.host, port: server.port, identity: [`ssh:${pinOf(hostKey)}`], credentials: passwords,
    snapshot: () => Object.fromEntries(packages.filter((name) => name !== 'soll').map((name) => [name, partsOf(text(name)).map((part) => ({ ...part }))])),
    writes, served: () => served,
    edits: edits(file, text),
    faults: {
      refuseAuth: () => { faults.refuse = true; },
      refusePermission: () => { writeFileSync(join(root.root, 'faults', 'forbid'), ''); },
      breakRead: () => { faults.cut = true; },
      loseAnswer: () => { faults.lose = true; },
      rejectWrite: () => { writeFileSync(join(root.root, 'faults', 'reject'), ''); },
      hang: () => { faults.hang = true; },
      changeIdentity: () => {
        server.replaceHostKey(makeHostKey().privateKey);
        return Promise.resolve();
      },
      clear: () => {
        Object.assign(faults, noFaults);
        for (const name of ['forbid', 'reject']) rmSync(join(root.root, 'faults', name), { force: true });
        server.replaceHostKey(hostKey);
      },
    },
    reboot: async () => {
      server.drop();
      await root.reboot();
    },
    stop: async () => {
      await server.close();
      await root.close();
    },
  };
}

/** The first half of what is printed. */
function halved(to: Writable): Writable {
  const chunks: Buffer[] = [];
  return new Writable({
    write(chunk: Buffer, _encoding, done) { chunks.push(Buffer.from(chunk)); done(); },
    final(done) {
      const all = Buffer.concat(chunks);
      to.write(all.subarray(0, all.length >> 1), () => { done(); });
    },
  });
}

function edits(file: (name: string) => string, text: (name: string) => string): RunningSimulator['edits'] {
  const edit = (en: string, de: string, name: string, change: (text: string) => string): RunningSimulator['edits'][string] => ({ en, de, run: () => {
    writeFileSync(file(name), change(text(name)));
  } });
  return {
    'move-port': edit('somebody puts a port into another VLAN', 'jemand setzt einen Port in ein anderes VLAN', 'network', (old) => old.replaceAll(/^\tlist ports 'lan1:u\*'.*\n/gm, '').replace("\tlist ports \"lan4:t\"\n", "\tlist ports \"lan4:t\"\n\tlist ports 'lan1:u*'\n")),
    'remove-vlan': edit('somebody deletes a VLAN', 'jemand löscht ein VLAN', 'network', (old) => partsOf(old).filter(({ name }) => name !== 'soll_v20').map((part) => part.text).join('\n\n').concat('\n')),
    'change-passphrase': edit('somebody changes the passphrase of a WLAN on one radio', 'jemand ändert auf einem Funkmodul das WLAN-Kennwort', 'wireless', (old) => old.replace(/^(config wifi-iface 'soll_w_office_radio1'[\s\S]*?\toption key )'.*'$/m, "$1'by-hand-1234'")),
    'open-wlan': edit('somebody opens a WLAN', 'jemand öffnet ein WLAN', 'wireless', (old) => old.replaceAll("option encryption 'sae-mixed'", "option encryption 'none'")),
    'open-rdp': edit('somebody lets RDP in in a rule of ours', 'jemand lässt RDP durch eine unserer Regeln', 'firewall', (old) => old.replace("\tlist dest_port '22'\n", "\tlist dest_port '22'\n\tlist dest_port '3389'\n")),
    'accept-rest': edit('somebody lets the rest through', 'jemand lässt den Rest durch', 'firewall', (old) => old.replace(/(config rule 'soll_p_wan_self'[\s\S]*?option target )'DROP'/, "$1'ACCEPT'")),
    'remove-forward': edit('somebody removes a port forward', 'jemand entfernt eine Portweiterleitung', 'firewall', (old) => partsOf(old).filter(({ name }) => name !== 'soll_f_web_d0').map((part) => part.text).join('\n\n').concat('\n')),
    'show-wlan': edit('somebody hides a WLAN on one radio', 'jemand versteckt auf einem Funkmodul ein WLAN', 'wireless', (old) => old.replace("option hidden '0'", "option hidden '1'")),
  };
}

export const simulator: Simulator = { start, conformance };
