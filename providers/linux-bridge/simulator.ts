/**
 * A Proxmox VE host on loopback: real SSH, a real shell running the real scripts on real files, stand-ins for ifupdown2, iproute2 and systemd. Seed:
 * `{ "interfaces": "<text>", "sourced": { "<name in interfaces.d>": "<text>" }, "nics": ["eno1"] }`, each with a default.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '#contract';
import type { ProgramResult } from '#testkit/device-root';
import type { RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';
import { makeClientKey, makeHostKey, pinOf, publicBlob, startSshServer, type SshServer } from '#testkit/ssh-server';
import { openSystemdRoot, type SystemdRoot } from '#testkit/systemd-root';
import { conformance, defaultInterfaces, defaultNics, defaultSourced } from './simulator/conformance.ts';
import { parse, reload, showLinks, showVlans, type Kernel, type Parsed } from './simulator/ifupdown.ts';

interface Seed {
  readonly interfaces: string;
  readonly sourced: Readonly<Record<string, string>>;
  readonly nics: readonly string[];
}

interface Kept {
  readonly hostKey: string;
  readonly readKey: string;
  readonly writeKey: string;
  readonly seed: Seed;
  kernel: Kernel;
}

/** iproute2 of which one command is known; what it prints is kept in a file of the sandbox, as the kernel changes far less often than it is asked. */
const iproute = (known: string, file: string): string => `[ "$*" = '${known}' ] || { echo "Object '$*' is unknown" >&2; exit 255; }
if [ -e "$SOLL_ROOT/.kernel/forbid" ]; then echo 'Cannot open netlink socket: Operation not permitted' >&2; exit 1; fi
exec cat "$SOLL_ROOT/.kernel/${file}"`;

const noFaults = { refuse: false, forbid: false, cut: false, lose: false, hang: false, reject: 0 };

const freshKernel = ({ nics }: Seed): Kernel => ({ links: Object.fromEntries(nics.map((name) => [name, { up: false, pvid: 0, vids: [] }])) });

async function load({ folder, seed }: SimulatorOptions): Promise<Kept> {
  if (folder !== undefined) {
    try {
      return JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as Kept;
    } catch {
      // First start.
    }
  }
  const whole: Seed = { interfaces: defaultInterfaces, sourced: defaultSourced, nics: defaultNics, ...(seed as Partial<Seed> | undefined) };
  return { hostKey: makeHostKey().privateKey, readKey: makeClientKey().privateKey, writeKey: makeClientKey().privateKey, seed: whole, kernel: freshKernel(whole) };
}

/** The host's own view of its files. */
interface Host {
  readonly kept: Kept;
  readonly sandbox: SystemdRoot;
  parsed(): Promise<Parsed>;
  /** ifup -a or ifreload -a: what ifupdown2 says where it fails. */
  apply(): Promise<string | undefined>;
  /** After the kernel, or a fault, has changed. */
  show(): void;
}

function makeHost(kept: Kept, sandbox: SystemdRoot, faults: { readonly cut: boolean; readonly forbid: boolean }, save: () => Promise<void>): Host {
  const { root } = sandbox;
  const parsed = async (): Promise<Parsed> => {
    const folder = join(root, 'etc/network/interfaces.d');
    const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
    const read = async (path: string): Promise<string> => new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
    const texts = await Promise.all(names.map((name) => read(join(folder, name))));
    return parse(await read(join(root, 'etc/network/interfaces')), (pattern) => (pattern === '/etc/network/interfaces.d/*' ? texts : []));
  };
  const folder = join(root, '.kernel');
  mkdirSync(folder, { recursive: true });
  const show = (): void => {
    const vlans = showVlans(kept.kernel);
    writeFileSync(join(folder, 'vlans'), faults.cut ? vlans.slice(0, vlans.length >> 1) : vlans);
    writeFileSync(join(folder, 'links'), showLinks(kept.kernel));
    rmSync(join(folder, 'forbid'), { force: true });
    if (faults.forbid) writeFileSync(join(folder, 'forbid'), '');
  };
  return {
    kept, sandbox, parsed,
    async apply() {
      const files = await parsed();
      let said: string | undefined;
      try {
        reload(kept.kernel, files);
      } catch (error) {
        said = error instanceof Error ? error.message : String(error);
      }
      await mkdir(join(root, 'run/network'), { recursive: true });
      if (said === undefined) await writeFile(join(root, 'run/network/ifstatenew'), `${String(Math.random())}\n`);
      show();
      await save();
      return said;
    },
    show,
  };
}

async function start(options: SimulatorOptions): Promise<RunningSimulator> {
  const kept = await load(options);
  const faults = { ...noFaults };
  const writes: { what: string; at: string }[] = [];
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
  const servers: SshServer[] = [];
  const good = (stdout: string): ProgramResult => ({ code: 0, stdout, stderr: '' });
  const bad = (stderr: string): ProgramResult => ({ code: 1, stdout: '', stderr: `${stderr}\n` });
  const ifreload = async (argv: readonly string[]): Promise<ProgramResult> => {
    const what = argv.join(' ');
    if (what === '-a -s') {
      const { errors } = await host.parsed();
      return errors.length === 0 ? good('') : bad(errors.map((error) => `error: /etc/network/interfaces: ${error}`).join('\n'));
    }
    if (what !== '-a') return { code: 2, stdout: '', stderr: `ifreload: error: unrecognized arguments: ${what}\n` };
    if (faults.reject > 0 && (faults.reject -= 1) === 0) return bad('error: vmbr0: bridge: netlink: No space left on device');
    const said = await host.apply();
    writes.push({ what: 'ifreload -a', at: new Date().toISOString() });
    if (faults.lose) {
      faults.lose = false;
      servers[0]?.drop();
    }
    return said === undefined ? good('') : bad(`error: ${said}`);
  };
  const sandbox = await openSystemdRoot({
    programs: { ifreload, bridge: iproute('-j vlan show', 'vlans'), ip: iproute('-j link show', 'links'), 'dpkg-query': 'printf 3.0.0-1.1' },
    ...(options.folder === undefined ? {} : { folder: join(options.folder, 'root') }),
  });
  const host = makeHost(kept, sandbox, faults, save);
  await install(host);
  const server = await startSshServer({
    hostKey: kept.hostKey,
    allow: (user, { publicKey }) => !faults.refuse && user === 'root' && publicKey !== undefined && [kept.readKey, kept.writeKey].some((key) => publicBlob(key).equals(publicKey)),
    exec: (command, _user, io) => (faults.hang ? Promise.resolve('hang' as const) : sandbox.run(command, io)),
  });
  servers.push(server);
  return {
    host: server.host, port: server.port, identity: [`ssh:${pinOf(kept.hostKey)}`], credentials: { read: kept.readKey, write: kept.writeKey },
    snapshot: () => structuredClone({ ...stanzasOf(host), kernel: kept.kernel.links }) as unknown as JsonObject,
    writes: () => writes,
    edits: edits(host),
    faults: {
      refuseAuth: () => { faults.refuse = true; },
      refusePermission: () => { faults.forbid = true; host.show(); },
      breakRead: () => { faults.cut = true; host.show(); },
      loseAnswer: () => { faults.lose = true; },
      rejectWrite: (nth) => { faults.reject = nth; },
      hang: () => { faults.hang = true; },
      changeIdentity: () => {
        server.replaceHostKey(makeHostKey().privateKey);
        return Promise.resolve();
      },
      clear: () => {
        Object.assign(faults, noFaults);
        host.show();
        server.replaceHostKey(kept.hostKey);
      },
    },
    reboot: async () => {
      server.drop();
      kept.kernel = freshKernel(kept.seed);
      await rm(join(sandbox.root, 'run/network'), { recursive: true, force: true });
      await sandbox.reboot();
      await host.apply();
    },
    stop: async () => {
      await server.close();
      await sandbox.close();
      await saving;
    },
  };
}

/** Made once; what is done to the files stays. */
async function install(host: Host): Promise<void> {
  const { sandbox: { root }, kept: { seed } } = host;
  const folder = join(root, 'etc/network');
  await mkdir(join(folder, 'interfaces.d'), { recursive: true });
  const put = (path: string, text: string): Promise<void> => writeFile(path, text, { flag: 'wx', encoding: 'latin1' }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  await put(join(folder, 'interfaces'), seed.interfaces);
  for (const [name, text] of Object.entries(seed.sourced)) await put(join(folder, 'interfaces.d', name), text);
  const said = await host.apply();
  if (said !== undefined) throw new Error(`seed: ${said}`);
}

/** The bytes of every stanza with the comments behind it, by name; of the main file and of what it sources. */
function stanzasOf({ sandbox: { root } }: Host): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const split = (text: string): Record<string, string> => {
    const parts: Record<string, string> = {};
    let name = 'head';
    for (const line of text.split('\n')) {
      const [, iface] = /^iface\s+(\S+)/.exec(line) ?? [];
      if (iface !== undefined) name = iface;
      else if (/^(auto|source|allow-)/.test(line)) name = line;
      parts[name] = `${parts[name] ?? ''}${line}\n`;
    }
    return parts;
  };
  const folder = join(root, 'etc/network');
  return Object.fromEntries([['interfaces', split(readFileSync(join(folder, 'interfaces'), 'latin1'))], ...readdirSync(join(folder, 'interfaces.d')).map((name) => [name, split(readFileSync(join(folder, 'interfaces.d', name), 'latin1'))] as const)]);
}

function edits(host: Host): RunningSimulator['edits'] {
  const { kept, sandbox: { root } } = host;
  /** An editor, and ifreload -a behind it. */
  const write = (change: (text: string) => string) => async (): Promise<void> => {
    const path = join(root, 'etc/network/interfaces');
    await writeFile(path, change(await readFile(path, 'latin1')), 'latin1');
    await host.apply();
  };
  return {
    'move-port': { en: 'somebody puts a port into another VLAN', de: 'jemand setzt einen Port in ein anderes VLAN', run: write((text) => text.replace('bridge-access 10', 'bridge-access 99')) },
    'delete-vlan': { en: 'somebody deletes a VLAN', de: 'jemand löscht ein VLAN', run: write((text) => text.replace(/(bridge-vids 99.*) 10\b/, '$1')) },
    'bridge-vlan-del': { en: 'somebody takes a VLAN off a port with bridge vlan del', de: 'jemand nimmt mit bridge vlan del ein VLAN von einem Port', run: () => { const port = kept.kernel.links['eno3']; if (port !== undefined) port.vids = port.vids.filter((id) => id !== 20); host.show(); } },
    'link-down': { en: 'somebody sets a port down', de: 'jemand schaltet einen Port ab', run: () => { const port = kept.kernel.links['eno2']; if (port !== undefined) port.up = false; host.show(); } },
  };
}

export const simulator: Simulator = { start, conformance };
