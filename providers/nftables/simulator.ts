/**
 * A Linux firewall on loopback: real SSH, a real shell running the real device script, a stand-in for nft and systemd. Seed:
 * `{ "tables": { "<family> <name>": [<items of nft -j list table>] } }`; what is not soll's table is foreign and comes back at every boot.
 */
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json, JsonObject } from '#contract';
import { makeClientKey, makeHostKey, pinOf, publicBlob, startSshServer, type SshServer } from '#testkit/ssh-server';
import type { RunningSimulator, Simulator, SimulatorOptions } from '#testkit/simulator';
import { openSystemdRoot, type SystemdRoot } from '#testkit/systemd-root';
import { conformance } from './simulator/conformance.ts';
import { checkSet, fakeNft, type Kernel, type NftResult, type Tables } from './simulator/fake-nft.ts';

const own = 'inet soll';

interface Kept {
  readonly hostKey: string;
  readonly readKey: string;
  readonly writeKey: string;
  readonly foreign: Tables;
  kernel: Kernel;
}

const defaultTables: Tables = {
  'ip filter': [
    { chain: { family: 'ip', table: 'filter', name: 'FORWARD', handle: 1, type: 'filter', hook: 'forward', prio: 0, policy: 'accept' } },
    { rule: { family: 'ip', table: 'filter', chain: 'FORWARD', handle: 2, expr: [{ match: { op: '==', left: { meta: { key: 'iifname' } }, right: 'docker0' } }, { accept: null }] } },
  ],
};

async function load({ folder, seed }: SimulatorOptions): Promise<Kept> {
  if (folder !== undefined) {
    try {
      return JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as Kept;
    } catch {
      // First start.
    }
  }
  const tables = seed === undefined ? defaultTables : (seed as unknown as { tables: Tables }).tables;
  const foreign = Object.fromEntries(Object.entries(tables).filter(([name]) => name !== own));
  return { hostKey: makeHostKey().privateKey, readKey: makeClientKey().privateKey, writeKey: makeClientKey().privateKey, foreign, kernel: { tables: structuredClone(tables), handle: 100 } };
}

interface Faults {
  refuse: boolean;
  forbid: boolean;
  cut: boolean;
  lose: boolean;
  hang: boolean;
  reject: number;
}

const noFaults: Faults = { refuse: false, forbid: false, cut: false, lose: false, hang: false, reject: 0 };

async function start(options: SimulatorOptions): Promise<RunningSimulator> {
  const kept = await load(options);
  const faults: Faults = { ...noFaults };
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
  const nft = async (argv: readonly string[], read: (path: string) => Promise<string>): Promise<NftResult> => {
    if (faults.forbid) return { code: 1, stdout: '', stderr: 'Error: Could not process rule: Operation not permitted (you must be root)\n' };
    const loads = argv.includes('-f');
    if (loads && faults.reject > 0 && argv.includes('-j') && (faults.reject -= 1) === 0) return { code: 1, stdout: '', stderr: 'Error: Could not process rule: No space left on device\n' };
    const result = await fakeNft(kept.kernel, argv, read);
    if (result.code === 0 && loads && !argv.includes('-c')) {
      writes.push({ what: `nft ${argv.filter((each) => each.startsWith('-')).join(' ')}`, at: new Date().toISOString() });
      await save();
      if (faults.lose) {
        faults.lose = false;
        servers[0]?.drop();
      }
    }
    if (faults.cut && argv.includes('table') && argv.includes('-j')) return { ...result, stdout: result.stdout.slice(0, result.stdout.length >> 1) };
    return result;
  };
  const sandbox = await openSystemdRoot({ programs: { nft: (argv) => nft(argv, (path) => readFile(path, 'utf8')) }, ...(options.folder === undefined ? {} : { folder: join(options.folder, 'root') }) });
  await save();
  const keys = await authorizedKeys(sandbox.root, kept);
  const server = await startSshServer({
    hostKey: kept.hostKey,
    allow: (user, { publicKey }) => !faults.refuse && user === 'root' && publicKey !== undefined && isAuthorized(keys, publicKey),
    exec: (command, _user, io) => (faults.hang ? Promise.resolve('hang' as const) : sandbox.run(command, io)),
  });
  servers.push(server);
  return {
    host: server.host, port: server.port, identity: [`ssh:${pinOf(kept.hostKey)}`], credentials: { read: kept.readKey, write: kept.writeKey },
    snapshot: () => JSON.parse(JSON.stringify(kept.kernel.tables, (key, value: unknown) => (key === 'handle' ? undefined : value))) as JsonObject,
    writes: () => writes,
    edits: edits(kept, save),
    faults: {
      refuseAuth: () => { faults.refuse = true; },
      refusePermission: () => { faults.forbid = true; },
      breakRead: () => { faults.cut = true; },
      loseAnswer: () => { faults.lose = true; },
      rejectWrite: (nth) => { faults.reject = nth; },
      hang: () => { faults.hang = true; },
      changeIdentity: () => {
        server.replaceHostKey(makeHostKey().privateKey);
        return Promise.resolve();
      },
      clear: () => {
        Object.assign(faults, noFaults);
        server.replaceHostKey(kept.hostKey);
      },
    },
    reboot: () => reboot(kept, sandbox, server, save),
    stop: async () => {
      await server.close();
      await sandbox.close();
      await saving;
    },
  };
}

/**
 * root's authorized_keys(5): ours, and those of people that soll knows nothing of, with restrictions, a comment that is not UTF-8, and no line break
 * at the end. Made once; what is done to it stays.
 */
async function authorizedKeys(root: string, kept: Kept): Promise<string> {
  const file = join(root, 'root', '.ssh', 'authorized_keys');
  await mkdir(join(root, 'root', '.ssh'), { recursive: true, mode: 0o700 });
  const line = (key: string, comment: string): string => `ssh-ed25519 ${publicBlob(key).toString('base64')} ${comment}`;
  const lines = [
    '# keep in step with the other firewall', `from="192.0.2.0/24,2001:db8::/32",command="echo \\"not for you\\"; exit 1" ${line(makeHostKey().privateKey, 'backup@nas')}`, line(kept.readKey, 'soll read'), '', `restrict ${line(kept.writeKey, 'soll write')}`,
    line(makeHostKey().privateKey, 'Jürgen Müller'),
  ];
  await writeFile(file, Buffer.from(lines.join('\n'), 'latin1'), { mode: 0o600, flag: 'wx' }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  return file;
}

/** As sshd does it: the file is read at each sign-in. */
function isAuthorized(file: string, offered: Buffer): boolean {
  const text = readFileSync(file, 'latin1');
  return text.split('\n').some((line) => !line.startsWith('#') && line.split(' ').some((word) => word.startsWith('AAAA') && Buffer.from(word, 'base64').equals(offered)));
}

async function reboot(kept: Kept, sandbox: SystemdRoot, server: SshServer, save: () => Promise<void>): Promise<void> {
  server.drop();
  kept.kernel = { tables: structuredClone(kept.foreign), handle: 100 };
  await sandbox.reboot();
  await save();
}

function edits(kept: Kept, save: () => Promise<void>): RunningSimulator['edits'] {
  const change = (edit: (items: JsonObject[]) => void) => async (): Promise<void> => {
    const items = kept.kernel.tables[own];
    if (items !== undefined) edit(items);
    await save();
  };
  const rdp = (chain: string): JsonObject => ({ rule: { family: 'inet', table: 'soll', chain, handle: (kept.kernel.handle += 1), expr: [{ match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: 3389 } }, { accept: null }] } });
  return {
    'open-rdp': {
      en: 'somebody lets RDP in from outside, with nft on the device', de: 'jemand lässt RDP von außen zu, mit nft auf dem Gerät',
      run: change((items) => {
        const first = items.findIndex((item) => 'rule' in item && String((item['rule'] as JsonObject)['chain']).startsWith('policy.'));
        if (first >= 0) items.splice(first, 0, rdp(String((items[first]?.['rule'] as JsonObject)['chain'])));
      }),
    },
    'widen-group': {
      en: 'somebody adds a network to an address group', de: 'jemand nimmt ein Netz in eine Adressgruppe auf',
      run: change((items) => {
        const item = items.find((each) => 'set' in each && String((each['set'] as JsonObject)['name']).startsWith('group4.'));
        const set = item?.['set'] as JsonObject | undefined;
        if (item === undefined || set === undefined) return;
        const { handle, ...plain } = set;
        items.splice(items.indexOf(item), 1, { set: { ...checkSet({ ...plain, elem: [...(Array.isArray(set['elem']) ? (set['elem'] as readonly Json[]) : []), { prefix: { addr: '192.0.2.0', len: 24 } }] }), ...(handle === undefined ? {} : { handle }) } });
      }),
    },
    'accept-all': {
      en: 'somebody sets the input chain to accept', de: 'jemand stellt die Eingangskette auf accept',
      run: change((items) => {
        const index = items.findIndex((each) => 'chain' in each && (each['chain'] as JsonObject)['name'] === 'input');
        if (index >= 0) items.splice(index, 1, { chain: { ...(items[index]?.['chain'] as JsonObject), policy: 'accept' } });
      }),
    },
    flush: {
      en: 'somebody removes the table', de: 'jemand entfernt die Tabelle',
      run: async () => {
        kept.kernel.tables = Object.fromEntries(Object.entries(kept.kernel.tables).filter(([name]) => name !== own));
        await save();
      },
    },
  };
}

export const simulator: Simulator = { start, conformance };
