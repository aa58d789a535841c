/** Linux firewalls: one nftables table over SSH, loaded as a whole, guarded by a dead-man's switch on the device. */
import { createHash } from 'node:crypto';
import {
  ProviderError, parseAddress, toAddress, type Address, type ApplySteps, type Batch, type Capabilities, type ConfigurationExport, type Change, type Guard, type Identity, type JsonObject, type KindCapability, type Live, type Problem,
  type Provider, type ReadSession, type Rotation, type RunResult, type SshConnection, type Target, type WriteContext, type WriteSession,
} from '#contract';
import { isObject } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import { kinds } from '#kinds/registry';
import { lastLines, scriptGuard } from '#transport/guard-script';
import { systemdGuardErrors } from '#transport/systemd-guard';
import { checkTable } from './check.ts';
import { connect } from './connect.ts';
import { deviceScript } from './device-script.ts';
import { ownKinds, table, vpnKinds } from './limits.ts';
import { named, toModel, type NftItem } from './model.ts';
import { parseListing, parseTable } from './parse-table.ts';
import { renderCommands } from './render-table.ts';
import { makeRotation } from './rotation.ts';
import { parseFirstLine, parseShown, renderTunnels, toLiveVpns, type Tunnels } from './wireguard.ts';

const capability: KindCapability = { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes: ['observe', 'exclusive'], why: 'the table belongs to soll as a whole', createKey: 'unique' };

const vpnCapability: KindCapability = { verbs: capability.verbs, modes: ['observe', 'merge'], why: 'interfaces that somebody else made stay theirs', createKey: 'unique' };

const capabilities: Capabilities = {
  atomicity: 'confirmed', rollback: 'native', concurrency: 1, rotation: { credentials: ['read', 'write'] },
  configuration: {
    format: 'nft-json',
    restore: { en: 'on the device: nft delete table inet soll; nft -j -f FILE', de: 'auf dem Gerät: nft delete table inet soll; nft -j -f FILE' },
  },
  kinds: { ...Object.fromEntries(ownKinds.map((kind) => [kind, capability])), ...Object.fromEntries(vpnKinds.map((kind) => [kind, vpnCapability])) },
};

/** What the reading account is allowed, spelled exactly so in the sudoers lines of the README. The first line of the file holds no secret. */
const firstLine = ['find', '/etc', '-maxdepth', '2', '-path', '/etc/soll/wireguard.conf', '-exec', 'head', '-n', '1', '{}', '+'] as const;
const shows = { publicKeys: 'public-key', ports: 'listen-port', allowed: 'allowed-ips', keepalives: 'persistent-keepalive' } as const;

export const provider: Provider = {
  name: 'nftables',
  capabilities,
  check: checkTable,
  async open(target, context) {
    const { connection, sudo } = await connect(target, context, 'read');
    return new ReadingSession(target, connection, sudo);
  },
  async openForWrite(target, context) {
    const { connection, sudo } = await connect(target, context, 'write');
    return new WritingSession(target, connection, sudo, context);
  },
};

/** What a failing nft says about itself; never a guess that the table is empty. */
function nftFailure({ code, stderr }: RunResult): ProviderError {
  if (code === 127) return new ProviderError('unsupported', 'there is no nft on the device', { hint: 'install nftables (Debian: apt-get install nftables)' });
  if (/not permitted|permission denied|must be root|a password is required|not allowed/i.test(stderr)) return new ProviderError('auth', `the account may not use nft: ${lastLines(stderr)}`, { hint: 'root, or sudo without password for nft; see the provider\'s README' });
  return new ProviderError('protocol', `nft failed with ${String(code)}: ${lastLines(stderr)}`);
}

class ReadingSession implements ReadSession {
  protected readonly target: Target;
  protected readonly connection: SshConnection;
  protected readonly sudo: boolean;
  #byHand: readonly Address[] = [];

  constructor(target: Target, connection: SshConnection, sudo: boolean) {
    this.target = target;
    this.connection = connection;
    this.sudo = sudo;
  }

  /** Only what the sudoers lines of the README allow to the reading account: these two lists, spelled exactly so. */
  async #list(...what: readonly string[]): Promise<readonly NftItem[]> {
    const argv = ['nft', '-j', 'list', ...what] as const;
    const result = await this.connection.run(this.sudo ? ['sudo', '-n', ...argv] : [...argv]);
    if (result.code !== 0) throw nftFailure(result);
    return parseListing(result.stdout);
  }

  async identify(): Promise<Identity> {
    // The pin was checked by the transport before anything was sent.
    return { pin: `ssh:${this.connection.hostKey}`, product: 'nftables', version: versionOf(await this.#list('tables')) };
  }

  /** Only soll's own table: more than its two lists the reading account may not see. Handles and counters change by themselves. */
  async exportConfiguration(): Promise<ConfigurationExport> {
    if (!(await this.#list('tables')).some(isOwnTable)) return { text: '{"nftables":[]}\n' };
    const items = (await this.#list('table', table.family, table.name)).filter((item) => !('metainfo' in item));
    return { text: `${JSON.stringify({ nftables: items })}\n`, comparable: JSON.stringify(items, (key, value: unknown) => (['handle', 'packets', 'bytes'].includes(key) ? undefined : value)) };
  }

  async read(kinds: readonly string[]): Promise<readonly Live[]> {
    const vpns = kinds.some(isVpn) ? await this.readVpns() : [];
    const rules = kinds.every(isVpn) || !(await this.#list('tables')).some(isOwnTable) ? [] : this.toLive(await this.#list('table', table.family, table.name));
    const live = [...rules, ...vpns].filter(({ address }) => kinds.includes(parseAddress(address).kind));
    this.#byHand = live.filter(({ address, origin }) => origin === 'foreign' && !isVpn(parseAddress(address).kind)).map(({ address }) => address);
    return live;
  }

  async #show(argv: readonly [string, ...string[]], sudo = this.sudo): Promise<string | undefined> {
    const result = await this.connection.run(sudo ? ['sudo', '-n', ...argv] : argv);
    if (result.code === 0) return result.stdout;
    if (result.code === 127 || /command not found/.test(result.stderr)) return undefined;
    if (/not permitted|permission denied|must be root|a password is required|not allowed/i.test(result.stderr)) throw new ProviderError('auth', `the account may not use ${argv[0]}: ${lastLines(result.stderr)}`, { hint: 'root, or sudo without password for the commands in the provider\'s README' });
    throw new ProviderError('protocol', `${argv[0]} failed with ${String(result.code)}: ${lastLines(result.stderr)}`);
  }

  protected async readTunnels(): Promise<Tunnels | undefined> {
    const line = await this.#show(firstLine);
    if (line === undefined) throw new ProviderError('unsupported', 'there is no find on the device');
    return parseFirstLine(line);
  }

  protected async readVpns(): Promise<readonly Live[]> {
    const file = await this.readTunnels();
    const publicKeys = await this.#show(['wg', 'show', 'all', shows.publicKeys]);
    if (publicKeys === undefined) {
      // Nothing of ours can be there without it; what once was, nobody can tell.
      if (file === undefined) return [];
      throw new ProviderError('unsupported', 'there is no wg on the device', { hint: 'install wireguard-tools (Debian: apt-get install wireguard-tools)' });
    }
    const show = async (what: string): Promise<string> => await this.#show(['wg', 'show', 'all', what]) ?? '';
    const addresses = await this.#show(['ip', '-j', 'addr', 'show'], false);
    if (addresses === undefined) throw new ProviderError('unsupported', 'there is no ip on the device', { hint: 'install iproute2' });
    const shown = parseShown({ publicKeys, ports: await show(shows.ports), allowed: await show(shows.allowed), keepalives: await show(shows.keepalives), addresses });
    return toLiveVpns(file, shown).map(({ kind, name, spec, ...rest }): Live => ({ address: toAddress({ customer: this.target.customer, target: this.target.name, kind, name }), spec: canonical(kind, spec), handle: null, ...rest }));
  }

  /** The table is loaded as a whole: what was made by hand, and is accepted, would not survive a change of something else. */
  review(changes: readonly Change[]): Promise<readonly Problem[]> {
    const gone = new Set(changes.filter(({ verb }) => verb === 'delete').map(({ address }) => address));
    return Promise.resolve(this.#byHand.filter((address) => !gone.has(address)).map((address): Problem => ({
      code: 'nftables.by-hand', severity: 'error', address, message: `${parseAddress(address).name} was made by hand inside soll's table and would not survive a change of this firewall`,
      hint: 'write it in firewall.yaml, or remove its entry in deviations.yaml',
    })));
  }

  protected toLive(items: readonly NftItem[]): readonly Live[] {
    const { resources, byHand } = parseTable(items);
    const live = (origin: Live['origin']) => ({ kind, name, spec }: (typeof resources)[number]): Live => ({ address: toAddress({ customer: this.target.customer, target: this.target.name, kind, name }), spec, handle: null, origin });
    return [...resources.map(live('ours')), ...byHand.map(live('foreign'))];
  }

  async diagnose(managed: readonly string[]): Promise<readonly Problem[]> {
    if (managed.some(isVpn)) {
      await this.readVpns();
      if ((await this.connection.run(['wg', '--version'])).code !== 0) return [{ code: 'nftables.no-wg', severity: 'warning', message: 'there is no wg on the device, so no tunnel can be set up', hint: 'install wireguard-tools (Debian: apt-get install wireguard-tools)' }];
    }
    const enabled = await this.connection.run(['systemctl', 'is-enabled', 'soll-nftables.service']);
    if (enabled.code === 0) return [];
    return [{ code: 'nftables.boot-unit', severity: 'info', message: 'the boot unit is not installed yet', hint: 'the first apply installs it; without systemd the table does not survive a reboot' }];
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

function isVpn(kind: string): boolean {
  return (vpnKinds as readonly string[]).includes(kind);
}

function canonical(kind: string, spec: JsonObject): JsonObject {
  return kinds.get(kind)?.canonical(spec) ?? spec;
}

function versionOf(items: readonly NftItem[]): string {
  const info = items.map((item) => item['metainfo']).find(isObject);
  return typeof info?.['version'] === 'string' ? info['version'] : 'unknown';
}

function isOwnTable(item: NftItem): boolean {
  const value = item['table'];
  return typeof value === 'object' && value !== null && !Array.isArray(value) && 'name' in value && value['name'] === table.name && value['family'] === table.family;
}

interface DeviceStatus {
  readonly hash: string;
  readonly live: readonly Live[];
}

class WritingSession extends ReadingSession implements WriteSession {
  readonly #context: WriteContext;
  readonly guard: Guard;
  readonly rotation: Rotation;

  constructor(target: Target, connection: SshConnection, sudo: boolean, context: WriteContext) {
    super(target, connection, sudo);
    this.#context = context;
    this.rotation = makeRotation(target, connection, sudo, context);
    this.guard = scriptGuard(async (argv, effect) => (await this.#script(argv, effect)).stdout, context);
  }

  async #script(argv: readonly string[], effect: 'read' | 'write', stdin?: string): Promise<RunResult> {
    const result = await this.connection.runScript(deviceScript, argv, { sudo: this.sudo, effect, timeoutMs: 60_000, ...(stdin === undefined ? {} : { stdin }) });
    if (result.code === 0) return result;
    const [code, hint] = systemdGuardErrors[result.code] ?? [];
    if (effect === 'write' && result.code > 128) throw new ProviderError('unknown-outcome', `the device script was ended by signal ${String(result.code - 128)}`);
    if (code === undefined || /not permitted|permission denied|must be root|a password is required/i.test(result.stderr)) throw nftFailure(result);
    throw new ProviderError(code, lastLines(result.stderr).replace(/^.*soll: /, '') || `the device script ended with ${String(result.code)}`, hint === undefined ? {} : { hint });
  }

  async #status(): Promise<DeviceStatus> {
    const { stdout } = await this.#script(['status'], 'read');
    const [hash, ...rest] = stdout.split('\n');
    if (hash?.startsWith('hash ') !== true) throw new ProviderError('protocol', 'the device script printed something unexpected');
    const json = rest.join('\n').trim();
    return { hash: hash.slice('hash '.length).trim(), live: json === '' ? [] : this.toLive(parseListing(json)) };
  }

  /** One commit for all: looks, compares each change with what it saw, then loads what must be there afterwards, if nothing moved since the look. */
  async apply(batch: Batch, steps: ApplySteps): Promise<void> {
    const leftover = batch.result.find(({ origin, address }) => origin === 'foreign' && !isVpn(parseAddress(address).kind));
    if (leftover !== undefined) throw new ProviderError('unsupported', `${parseAddress(leftover.address).name} was made by hand inside soll's table and cannot be kept`, { hint: 'the table belongs to soll as a whole: manage it in mode exclusive' });
    const vpns = Object.keys(this.target.manages).some(isVpn);
    // In this order: what changes in between makes the hash an old one.
    const status = await this.#status();
    const tunnels = vpns ? await this.readTunnels() : undefined;
    const live = vpns ? [...status.live, ...await this.readVpns()] : status.live;
    const moved = movedSince(batch, live);
    if (moved !== undefined) throw new ProviderError('conflict', `${moved} on the device is not as the plan saw it`, { hint: 'plan again' });
    const byAddress = new Map(live.map((each) => [each.address, each]));
    for (const change of batch.changes) await steps.before(change, byAddress.get(change.was ?? change.address));
    const commands = JSON.stringify(renderCommands(toModel(named(batch.result))));
    const ours = named(batch.result.filter(({ address, origin }) => isVpn(parseAddress(address).kind) && origin !== 'foreign'));
    try {
      const file = tunnels === undefined && ours.length === 0 ? '' : `\n${await renderTunnels({ wanted: ours, before: tunnels, changes: batch.changes, reveal: (ref) => this.#context.reveal(ref) })}`;
      const input = `${commands}${file}`;
      const sum = createHash('sha256').update(input).digest('hex');
      this.#context.assertLease(60_000);
      await this.#script(['load', this.#context.guardToken, status.hash, String(this.#context.fence), sum], 'write', input);
    } catch (error) {
      if (!(error instanceof ProviderError) || error.code === 'unknown-outcome' || error.code === 'timeout') throw error;
      for (const change of batch.changes) await steps.after(change, { status: 'rejected', code: error.code, why: error.message });
      return;
    }
    for (const change of batch.changes) await steps.after(change, { status: 'done' });
  }
}

/** The table is loaded as a whole, so all of it must be as the plan saw it, not only what changes. */
function movedSince(batch: Batch, live: readonly Live[]): string | undefined {
  const result = new Map(batch.result.map((resource) => [resource.address, resource.spec]));
  const changed = new Set(batch.changes.flatMap(({ address, was }) => (was === undefined ? [address] : [address, was])));
  const renamed = batch.changes.some(({ was }) => was !== undefined);
  // A rename rewrites references in untouched resources; those are compared by name only.
  const other = live.find(({ address, spec, unverifiable }) => !changed.has(address) && (!result.has(address) || (!renamed && !sameSpec(address, result.get(address), { ...spec, ...fieldsOf(result.get(address), unverifiable) }))));
  const gone = [...result.keys()].find((address) => !changed.has(address) && !live.some((each) => each.address === address));
  const address = other?.address ?? gone;
  return address === undefined ? undefined : `${parseAddress(address).kind} ${parseAddress(address).name}`;
}

/** What nobody can see cannot have moved. */
function fieldsOf(spec: JsonObject = {}, fields: readonly string[] = []): JsonObject {
  return Object.fromEntries(Object.entries(spec).filter(([field]) => fields.includes(field)));
}

function sameSpec(address: string, wanted: JsonObject | undefined, found: JsonObject): boolean {
  const kind = kinds.get(parseAddress(address).kind);
  return kind !== undefined && wanted !== undefined && equalJson(kind.canonical(wanted), kind.canonical(found));
}
