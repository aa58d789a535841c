/** OpenWrt over SSH: VLANs and ports of its bridge, its WLANs and its firewall, in files of UCI, guarded by a dead-man's switch of ours on its flash. */
import {
  ProviderError, parseAddress, type ApplySteps, type Batch, type Capabilities, type Change, type ConfigurationExport, type Guard, type Identity, type KindCapability, type Live, type Problem, type Provider, type ReadSession,
  type RunResult, type SshConnection, type Target, type WriteContext, type WriteSession,
} from '#contract';
import { kinds } from '#kinds/registry';
import { lastLines, scriptGuard } from '#transport/guard-script';
import { sshOptions, sshUser } from '#transport/ssh-options';
import { checkDevice } from './check.ts';
import { deviceScript } from './device-script.ts';
import { editDevice, EditRefused, loadParts, sectionsOf, sha256, type Texts } from './edit-device.ts';
import { firewallKinds } from './firewall.ts';
import { loadTimeoutMs } from './limits.ts';
import { boardOf, readCommand, parseReading, parseStatus, type DeviceReading, type DeviceStatus } from './reading.ts';
import { stateOf } from './read-device.ts';
import { diagnoseDevice, reviewChanges } from './review.ts';

const capability: KindCapability = { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes: ['observe', 'merge'], why: 'what others made is shown and never removed', createKey: 'unique' };

const capabilities: Capabilities = {
  atomicity: 'confirmed', rollback: 'native', concurrency: 1,
  configuration: {
    format: 'uci-export',
    restore: { en: 'on the device: uci import < FILE && reload_config', de: 'auf dem Gerät: uci import < FILE && reload_config' },
  },
  kinds: {
    vlan: { ...capability, fields: ['id'] },
    'switch-port': { ...capability, why: 'a port is set back only when it was ours: nobody writes down every uplink', fields: ['mode', 'vlan', 'native', 'tagged'] },
    ...Object.fromEntries(firewallKinds.map((kind) => [kind, capability])),
    ssid: { ...capability, fields: ['ssid', 'security', 'passphrase', 'vlan', 'enabled', 'bands', 'hidden', 'isolated', 'radius'] },
  },
};

export const provider: Provider = {
  name: 'openwrt',
  capabilities,
  check: checkDevice,
  open: async (target, context) => new ReadingSession(target, await context.connectSsh(await sshOptions(target, context, 'read', sshUser(target, 'read', 'root')))),
  openForWrite: async (target, context) => new WritingSession(target, await context.connectSsh(await sshOptions(target, context, 'write', sshUser(target, 'write', 'root'))), context),
};

const forbidden = /permission denied|access denied|not permitted|I\/O error/i;

/** What a failing command says about itself; never a guess that nothing is there. */
function failure({ code, stderr }: RunResult): ProviderError {
  if (code === 127) return new ProviderError('unsupported', 'this is no OpenWrt: a program of it is missing', { hint: lastLines(stderr) });
  if (forbidden.test(stderr)) return new ProviderError('auth', `the account may not read the configuration: ${lastLines(stderr)}`, { hint: 'root; see the provider\'s README' });
  return new ProviderError('protocol', `the device answered with ${String(code)}: ${lastLines(stderr)}`);
}

class ReadingSession implements ReadSession {
  protected readonly target: Target;
  protected readonly connection: SshConnection;
  #reading: DeviceReading | undefined;
  #fresh = false;

  constructor(target: Target, connection: SshConnection) {
    this.target = target;
    this.connection = connection;
  }

  /** One command for all of it, so that a key can be bound to that one. */
  async #read(): Promise<DeviceReading> {
    const result = await this.connection.run(['sh', '-c', readCommand]);
    if (result.code !== 0) throw failure(result);
    return parseReading(result.stdout);
  }

  async identify(): Promise<Identity> {
    // The pin was checked by the transport before anything was sent.
    this.#reading = await this.#read();
    this.#fresh = true;
    return { pin: `ssh:${this.connection.hostKey}`, product: this.#reading.model, version: this.#reading.version };
  }

  async read(wanted: readonly string[]): Promise<readonly Live[]> {
    // Who the device is came with all that it holds.
    this.#reading = this.#fresh && this.#reading !== undefined ? this.#reading : await this.#read();
    this.#fresh = false;
    return stateOf(this.#reading.sections, this.target).live.filter(({ address }) => wanted.includes(parseAddress(address).kind));
  }

  async review(changes: readonly Change[]): Promise<readonly Problem[]> {
    this.#reading ??= await this.#read();
    return reviewChanges(changes, this.#reading, this.target);
  }

  async exportConfiguration(): Promise<ConfigurationExport> {
    const { text } = await this.#read();
    return { text };
  }

  async diagnose(): Promise<readonly Problem[]> {
    this.#reading ??= await this.#read();
    return diagnoseDevice(this.#reading, this.target);
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

/** By exit code of the device script. */
const scriptErrors: Readonly<Record<number, readonly [ProviderError['code'], string | undefined]>> = {
  71: ['unsupported', 'the programs are those of an OpenWrt image as it is built; see the provider\'s README'], 75: ['protocol', undefined], 76: ['conflict', 'another run has written since; plan again'], 77: ['protocol', 'try again'], 78: ['conflict', 'plan again'],
  79: ['rejected', undefined], 80: ['rejected', undefined], 81: ['conflict', 'wait until it has fired, or run soll apply again: it recovers its own guard'], 82: ['conflict', undefined], 83: ['rejected', 'is there space on the flash (df /overlay)?'],
  84: ['conflict', 'another run is at work on this device'], 85: ['rejected', 'is there space on the flash (df /overlay), and can it be written?'], 86: ['conflict', 'somebody changes the configuration at the same time; the guard stays armed, run soll apply again'],
  87: ['conflict', 'on the device: uci changes shows them; uci commit or uci revert, then plan again'],
};

class WritingSession extends ReadingSession implements WriteSession {
  readonly #context: WriteContext;
  readonly guard: Guard;

  constructor(target: Target, connection: SshConnection, context: WriteContext) {
    super(target, connection);
    this.#context = context;
    this.guard = scriptGuard(async (argv, effect) => (await this.#script(argv, effect)).stdout, context);
  }

  async #script(argv: readonly string[], effect: 'read' | 'write', stdin?: string): Promise<RunResult> {
    const result = await this.connection.runScript(deviceScript, argv, { effect, timeoutMs: loadTimeoutMs, ...(stdin === undefined ? {} : { stdin }) });
    if (result.code === 0) return result;
    const [code, hint] = scriptErrors[result.code] ?? [];
    if (effect === 'write' && result.code > 128) throw new ProviderError('unknown-outcome', `the device script was ended by signal ${String(result.code - 128)}`);
    if (code === undefined || forbidden.test(result.stderr)) throw failure(result);
    throw new ProviderError(code, lastLines(result.stderr).replace(/^.*soll: /, '') || `the device script ended with ${String(result.code)}`, hint === undefined ? {} : { hint });
  }

  override async identify(): Promise<Identity> {
    const result = await this.connection.run(['ubus', 'call', 'system', 'board']);
    if (result.code !== 0) throw failure(result);
    const { model, release } = boardOf(result.stdout);
    return { pin: `ssh:${this.connection.hostKey}`, product: model, version: release };
  }

  async #status(): Promise<DeviceStatus> {
    return parseStatus((await this.#script(['status'], 'read')).stdout);
  }

  /** One commit for all: looks, compares each change with what it saw, then writes the lines that differ, if no file moved since the look. */
  async apply(batch: Batch, steps: ApplySteps): Promise<void> {
    const status = await this.#status();
    const { live } = stateOf(sectionsOf(status.texts), this.target);
    for (const change of batch.changes) await steps.before(change, liveOf(change, live));
    try {
      await this.#load(status, await this.#edit(status.texts, batch.changes));
    } catch (error) {
      if (error instanceof EditRefused) {
        for (const change of batch.changes) await steps.after(change, change === error.change ? { status: 'rejected', code: 'rejected', why: error.message } : { status: 'skipped', why: `${parseAddress(error.change.address).name} was not done, so everything goes back` });
        return;
      }
      if (!(error instanceof ProviderError) || error.code === 'unknown-outcome' || error.code === 'timeout') throw error;
      for (const change of batch.changes) await steps.after(change, { status: 'rejected', code: error.code, why: error.message });
      return;
    }
    for (const change of batch.changes) await steps.after(change, { status: 'done' });
  }

  #edit(texts: Texts, changes: readonly Change[]): Promise<Texts> {
    return editDevice(texts, changes, { target: this.target, reveal: (ref) => this.#context.reveal(ref), salt: () => Buffer.from(this.#context.randomBytes(12)).toString('hex') });
  }

  async #load({ sums }: DeviceStatus, changed: Texts): Promise<void> {
    const parts = loadParts(changed);
    this.#context.assertLease(loadTimeoutMs);
    await this.#script(['load', this.#context.guardToken, String(this.#context.fence), sha256(`${sums}\n`), ...parts.map(({ argument }) => argument)], 'write', parts.map(({ text }) => text).join(''));
  }
}

/** By its address; what has no name on the device by its key. */
function liveOf(change: Change, live: readonly Live[]): Live | undefined {
  const address = change.was ?? change.address;
  const named = live.find((each) => each.address === address && each.unnamed === undefined);
  if (named !== undefined) return named;
  const kind = kinds.get(parseAddress(address).kind);
  const spec = change.before ?? change.after;
  if (kind?.naturalKey === undefined || spec === undefined) return undefined;
  const key = kind.naturalKey(spec);
  return live.find((each) => parseAddress(each.address).kind === kind.name && each.unnamed === true && kind.naturalKey?.(each.spec) === key);
}
