/** Linux hosts with a VLAN-aware bridge under ifupdown2, as Proxmox VE is: VLANs and ports in /etc/network, loaded at once, guarded on the host. */
import { createHash } from 'node:crypto';
import {
  ProviderError, parseAddress, type ApplySteps, type Batch, type Capabilities, type Change, type ConfigurationExport, type Guard, type Identity, type Live, type Problem, type Provider, type ReadSession, type RunResult,
  type SshConnection, type Target, type WriteContext, type WriteSession,
} from '#contract';
import { lastLines, scriptGuard } from '#transport/guard-script';
import { systemdGuardErrors } from '#transport/systemd-guard';
import { readBridge, type BridgeConfig } from './bridge-config.ts';
import { checkBridge } from './check.ts';
import { connect } from './connect.ts';
import { edit, liveOf, runsAsWritten } from './convert.ts';
import { deviceScript, readScript } from './device-script.ts';
import type { ConfigFile } from './interfaces-file.ts';
import { writeTimeoutMs } from './limits.ts';
import { parseLinks, parseVlanShow, type Running } from './running.ts';

const capabilities: Capabilities = {
  atomicity: 'confirmed', rollback: 'native', concurrency: 1,
  configuration: {
    format: 'ifupdown2-interfaces',
    restore: {
      en: 'on the host: awk \'/^#### \\//{f=$2;printf "">f;next}{print>f}\' FILE && ifreload -a', de: 'auf dem Host: awk \'/^#### \\//{f=$2;printf "">f;next}{print>f}\' FILE && ifreload -a',
    },
  },
  kinds: {
    vlan: { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes: ['observe', 'merge', 'exclusive'], createKey: 'unique', fields: ['id'] },
    'switch-port': {
      verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes: ['observe', 'merge'], createKey: 'unique', fields: ['mode', 'vlan', 'native', 'tagged', 'description', 'enabled'],
      why: 'a port is set back only when it was ours: nobody writes down every uplink; a host gives no power, and has no edge ports',
    },
  },
};

export const provider: Provider = {
  name: 'linux-bridge',
  capabilities,
  check: checkBridge,
  async open(target, context) {
    const { connection } = await connect(target, context, 'read');
    return new ReadingSession(target, connection);
  },
  async openForWrite(target, context) {
    const { connection, sudo } = await connect(target, context, 'write');
    return new WritingSession(target, connection, sudo, context);
  },
};

/** All that is to be known of a host. */
interface State {
  readonly files: readonly ConfigFile[];
  readonly bridge: BridgeConfig;
  readonly running: Running;
  /** Files that were edited and never loaded. */
  readonly unloaded: readonly string[];
  /** Proxmox VE has changes that wait for being applied. */
  readonly pending: boolean;
}

function failure({ code, stderr }: RunResult): ProviderError {
  if (/permission denied|not permitted|must be root|a password is required|not allowed/i.test(stderr)) return new ProviderError('auth', `the account may not do that: ${lastLines(stderr)}`, { hint: 'see the provider\'s README' });
  if (code === 127 || /: not found/.test(stderr)) return new ProviderError('unsupported', `a program is missing on the host: ${lastLines(stderr)}`, { hint: 'install iproute2 and ifupdown2' });
  return new ProviderError(code === 73 ? 'unsupported' : 'protocol', `reading the host failed with ${String(code)}: ${lastLines(stderr)}`);
}

function parseState(stdout: string, wanted: string | undefined): State {
  const lines = stdout.trimEnd().split('\n').map((line): readonly [string, string] => { const at = line.indexOf(' '); return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]; });
  if (lines.at(-1)?.[0] !== 'end') throw new ProviderError('protocol', 'what the host told is not whole');
  const all = (key: string): readonly string[] => lines.flatMap(([each, value]) => (each === key ? [value] : []));
  const one = (key: string): string => {
    const [value] = all(key);
    if (value === undefined) throw new ProviderError('protocol', 'what the host told is not whole');
    return value;
  };
  const files = all('file').map((line): ConfigFile => { const at = line.lastIndexOf(' '); return { path: line.slice(0, at), text: Buffer.from(line.slice(at + 1), 'base64').toString('latin1') }; });
  return {
    files, bridge: readBridge(files, wanted), running: { memberships: parseVlanShow(one('vlans')), up: parseLinks(one('links')) },
    unloaded: all('unloaded'), pending: all('pending').length > 0,
  };
}

/** As the script on the host counts it. */
function hashOf(files: readonly ConfigFile[]): string {
  return createHash('sha256').update(lineOf(files)).digest('hex');
}

function lineOf(files: readonly ConfigFile[]): string {
  return files.map(({ path, text }) => `${path} ${Buffer.from(text, 'latin1').toString('base64')}\n`).join('');
}

class ReadingSession implements ReadSession {
  protected readonly target: Target;
  protected readonly connection: SshConnection;
  #seen: State | undefined;

  constructor(target: Target, connection: SshConnection) {
    this.target = target;
    this.connection = connection;
  }

  protected get wanted(): string | undefined {
    const { bridge } = this.target.settings;
    return typeof bridge === 'string' ? bridge : undefined;
  }

  protected async state(): Promise<State> {
    const result = await this.connection.run(['sh', '-c', readScript]);
    if (result.code !== 0) throw failure(result);
    return (this.#seen = parseState(result.stdout, this.wanted));
  }

  /** What the host will say to changes is told of what was read in this session. */
  #known(): Promise<State> {
    return this.#seen === undefined ? this.state() : Promise.resolve(this.#seen);
  }

  async identify(): Promise<Identity> {
    // The pin was checked by the transport before anything was sent.
    const { code, stdout } = await this.connection.run(['dpkg-query', '-W', '-f', '${Version}', 'ifupdown2']);
    return { pin: `ssh:${this.connection.hostKey}`, product: 'ifupdown2', version: code === 0 && stdout !== '' ? stdout.trim().slice(0, 100) : 'unknown' };
  }

  async read(kinds: readonly string[]): Promise<readonly Live[]> {
    const { bridge, running } = await this.state();
    return liveOf(this.target, bridge, running, kinds);
  }

  async review(changes: readonly Change[]): Promise<readonly Problem[]> {
    const state = await this.#known();
    const missing = changes.filter(({ address }) => parseAddress(address).kind === 'switch-port' && !state.bridge.ports.has(parseAddress(address).name));
    const touched = new Set(changes.map(({ address }) => parseAddress(address)).flatMap(({ kind, name }) => (kind === 'switch-port' ? [name] : [])));
    const strange = [...state.bridge.ports.values()].filter((port) => !touched.has(port.name) && !runsAsWritten(port, state.running)).map(({ name }) => name);
    return [
      ...obstacles(state),
      ...missing.map(({ address }): Problem => ({
        code: 'linux-bridge.no-such-port', severity: 'error', address, message: `${parseAddress(address).name} is no port of ${state.bridge.name}`,
        hint: `it has ${[...state.bridge.ports.keys()].slice(0, 4).join(', ') || 'none'}; bridge-ports decides, and is not changed here`,
      })),
      ...(strange.length === 0 ? [] : [{ code: 'linux-bridge.running', severity: 'error' as const, message: `${strange.join(', ')} runs otherwise than /etc/network says, and loading our changes would load that too`, hint: 'on the host: ifreload -a, or write down what runs; then plan again' }]),
    ];
  }

  async exportConfiguration(): Promise<ConfigurationExport> {
    const { files } = await this.state();
    return { text: files.map(({ path, text }) => `#### ${path}\n${Buffer.from(text, 'latin1').toString('utf8')}${text.endsWith('\n') ? '' : '\n'}`).join('') };
  }

  async diagnose(): Promise<readonly Problem[]> {
    const state = await this.#known();
    const programs = await this.connection.run(['sh', '-c', 'PATH="$PATH:/usr/sbin:/sbin"; for each in ifreload flock base64 systemd-run; do command -v "$each" >/dev/null || echo "$each"; done']);
    const missing = programs.stdout.trim().split('\n').filter((each) => each !== '');
    const rights = await this.connection.run(['sh', '-c', 'test -w "${SOLL_ROOT-}/etc/network/interfaces" && echo writes']);
    return [
      ...obstacles(state).map((problem): Problem => ({ ...problem, severity: 'warning' })),
      ...(missing.length === 0 ? [] : [{ code: 'linux-bridge.programs', severity: 'error' as const, message: `the host has no ${missing.join(', ')}`, hint: 'install ifupdown2, util-linux, coreutils and systemd' }]),
      ...(rights.stdout.includes('writes') ? [{ code: 'linux-bridge.privilege', severity: 'info' as const, message: 'the reading account could write the network set-up', hint: 'settings.readUser: an account without rights is enough to read' }] : []),
    ];
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

/** What stands in the way of every change: what somebody else has begun and not finished. */
function obstacles({ pending, unloaded, bridge, running }: State): readonly Problem[] {
  const absent = [...bridge.ports.keys()].filter((name) => !running.up.has(name));
  return [
    // ifupdown2 3.0.0, tried: it goes on and ends with 1, and then nobody can tell whether ours was loaded.
    ...(absent.length === 0 ? [] : [{ code: 'linux-bridge.no-interface', severity: 'error' as const, message: `${absent.join(', ')} of bridge-ports is not there, so that ifreload ends with an error whatever is loaded`, hint: 'plug it in, or take it out of bridge-ports; then ifreload -a' }]),
    ...(pending ? [{ code: 'linux-bridge.pending', severity: 'error' as const, message: 'Proxmox VE has network changes that wait for being applied, made from what the files say now', hint: 'in Proxmox VE: Network, Apply Configuration or Revert; then plan again' }] : []),
    ...(unloaded.length === 0 ? [] : [{ code: 'linux-bridge.unloaded', severity: 'error' as const, message: `${unloaded.join(', ')} was edited and never loaded, and loading our changes would load that too`, hint: 'on the host: ifreload -a, or take it back; then plan again' }]),
  ];
}

const ownErrors: typeof systemdGuardErrors = {
  ...systemdGuardErrors, 73: ['unsupported', 'is this host under ifupdown2?'], 87: ['conflict', 'in Proxmox VE: Network, Apply Configuration or Revert'], 88: ['conflict', 'on the host: ifreload -a, or take it back'],
};

class WritingSession extends ReadingSession implements WriteSession {
  readonly #context: WriteContext;
  readonly #sudo: boolean;
  readonly guard: Guard;

  constructor(target: Target, connection: SshConnection, sudo: boolean, context: WriteContext) {
    super(target, connection);
    this.#context = context;
    this.#sudo = sudo;
    this.guard = scriptGuard(async (argv, effect) => (await this.#script(argv, effect)).stdout, context);
  }

  async #script(argv: readonly string[], effect: 'read' | 'write', stdin?: string): Promise<RunResult> {
    const result = await this.connection.runScript(deviceScript, argv, { sudo: this.#sudo, effect, timeoutMs: writeTimeoutMs, ...(stdin === undefined ? {} : { stdin }) });
    if (result.code === 0) return result;
    if (effect === 'write' && result.code > 128) throw new ProviderError('unknown-outcome', `the script on the host was ended by signal ${String(result.code - 128)}`);
    const [code, hint] = ownErrors[result.code] ?? [];
    if (code === undefined || /not permitted|permission denied|must be root|a password is required/i.test(result.stderr)) throw failure(result);
    throw new ProviderError(code, lastLines(result.stderr).replaceAll('soll: ', '') || `the script on the host ended with ${String(result.code)}`, hint === undefined ? {} : { hint });
  }

  /** One load for all: looks, compares each change with what it saw, then writes the files that differ, if none of them moved since the look. */
  async apply(batch: Batch, steps: ApplySteps): Promise<void> {
    const state = await this.state();
    const live = liveOf(this.target, state.bridge, state.running, ['vlan', 'switch-port']);
    for (const change of batch.changes) await steps.before(change, find(change, live));
    const files = batch.changes.reduce((before, change) => edit(before, this.wanted, change), state.files);
    const changed = lineOf(files.filter((file, index) => file.text !== state.files[index]?.text));
    const sum = createHash('sha256').update(changed).digest('hex');
    this.#context.assertLease(writeTimeoutMs);
    try {
      await this.#script(['load', this.#context.guardToken, hashOf(state.files), String(this.#context.fence), sum], 'write', changed);
    } catch (error) {
      if (!(error instanceof ProviderError) || error.code === 'unknown-outcome' || error.code === 'timeout') throw error;
      for (const change of batch.changes) await steps.after(change, { status: 'rejected', code: error.code, why: error.message });
      return;
    }
    for (const change of batch.changes) await steps.after(change, { status: 'done' });
  }
}

/** A VLAN has no name here: it is found by its number. */
function find({ address, before, after }: Change, live: readonly Live[]): Live | undefined {
  if (parseAddress(address).kind !== 'vlan') return live.find((each) => each.address === address);
  const id = before?.['id'] ?? after?.['id'];
  return live.find((each) => parseAddress(each.address).kind === 'vlan' && each.spec['id'] === id);
}
