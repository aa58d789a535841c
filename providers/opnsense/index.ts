/** OPNsense firewalls through their REST API: zones as interface groups, aliases, rules, NAT and VLAN devices, beside what others made. */
import {
  isProviderError, parseAddress, ProviderError, type ApplySteps, type Batch, type Capabilities, type Change, type ChangeOutcome, type ConfigurationExport, type Identity, type KindCapability, type Live, type Mode, type Problem, type Provider, type ReadContext, type ReadSession,
  type SecretRef, type Target, type WriteContext, type WriteSession,
} from '#contract';
import { equalJson } from '#core/canonical-json';
import { kinds } from '#kinds/registry';
import { checkDesired } from './check.ts';
import type { OpnsenseClient } from './client.ts';
import { connect } from './connect.ts';
import { isGuarded, openGuard, type FirewallGuard } from './guard.ts';
import { missing, newestReadVersion, oldestVersion } from './limits.ts';
import type { Module } from './model.ts';
import { holdsNetworks, parseDevice, sortLive, type Parsed } from './parse.ts';
import { diagnoseDevice, reviewChanges, unguarded, type Legacy } from './review.ts';
import { commitWrites, Refused } from './stage.ts';
import { planWrites, rowsOf } from './write-plan.ts';

function capability(modes: readonly Mode[], why?: string): KindCapability {
  return { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes, createKey: 'unique', ...(why === undefined ? {} : { why }) };
}

const beside: readonly Mode[] = ['observe', 'merge'];
const whole: readonly Mode[] = ['observe', 'merge', 'exclusive'];

const capabilities: Capabilities = {
  // Saved first, then put into force. Nothing of OPNsense's takes it back: see the README. With an SSH access a switch of ours does.
  atomicity: 'staged', rollback: 'none', concurrency: 1, variants: [{ setting: 'guard', is: 'dead-man', atomicity: 'confirmed' }],
  configuration: { format: 'opnsense-xml', restore: { en: 'System: Configuration: Backups: Restore, with FILE (all of it, then a reboot)', de: 'System: Konfiguration: Sicherungen: Wiederherstellen, mit FILE (alles, dann Neustart)' } },
  kinds: {
    'address-group': capability(whole), 'firewall-policy': capability(beside, missing.rules), 'firewall-rule': capability(beside, missing.rules), masquerade: capability(beside, missing.rules),
    'port-forward': capability(beside, missing.rules), service: capability(beside, missing.services), zone: capability(beside, missing.zones),
    vlan: { ...capability(whole, missing.vlan), fields: ['id', 'description'], fieldsWhere: { setting: 'vlanNetworks', is: true, fields: ['id', 'description', 'subnet', 'gateway', 'dhcp'] } },
  },
};

/** Aliases are always read: they hold the note of an unfinished run. */
const modulesOf: Readonly<Record<string, readonly Module[]>> = {
  'address-group': ['alias'], service: ['alias'], zone: ['alias', 'group'], vlan: ['alias', 'vlan'], 'firewall-rule': ['alias', 'group', 'rule'], 'firewall-policy': ['alias', 'group', 'rule'],
  'port-forward': ['alias', 'group', 'dnat'], masquerade: ['alias', 'group', 'snat'],
};

export const provider: Provider = {
  name: 'opnsense',
  capabilities,
  check: checkDesired,
  open: (target, context) => openReading(target, context, target.credentials.read),
  async openForWrite(target, context) {
    const { client, pin } = await connect(target, context, target.credentials.write);
    const guard = await openGuard(target, context).catch(async (error: unknown) => {
      await client.close();
      throw error;
    });
    const close = async (): Promise<void> => {
      await guard?.close();
      await client.close();
    };
    return { ...readSession(target, client, pin), ...(guard === undefined ? {} : { guard }), apply: (batch, steps) => apply({ target, client, context, guard }, batch, steps), close } satisfies WriteSession;
  },
};

async function openReading(target: Target, context: ReadContext, credential: SecretRef): Promise<ReadSession> {
  const { client, pin } = await connect(target, context, credential);
  return readSession(target, client, pin);
}

async function readDevice(target: Target, client: OpnsenseClient, wanted: readonly string[]): Promise<Parsed & Legacy> {
  const networks: readonly Module[] = wanted.includes('vlan') && holdsNetworks(target) ? ['interface', 'range', 'option'] : [];
  const state = await client.search([...new Set(['alias' as const, ...networks, ...wanted.flatMap((kind) => modulesOf[kind] ?? [])])]);
  return { ...parseDevice(state, target), legacyRules: state.legacyRules, legacyInterfaces: state.legacyInterfaces };
}

function readSession(target: Target, client: OpnsenseClient, pin: string): ReadSession {
  return {
    identify: () => identify(client, pin),
    async read(wanted) {
      const { live } = await readDevice(target, client, wanted);
      return sortLive(live.filter(({ address }) => wanted.includes(parseAddress(address).kind)));
    },
    exportConfiguration: () => exportConfiguration(client),
    async review(changes) {
      // What an interface takes with it, whoever made it.
      const onInterfaces = holdsNetworks(target) && changes.some(({ verb, address }) => verb === 'delete' && parseAddress(address).kind === 'vlan') ? ['firewall-rule', 'port-forward', 'masquerade'] : [];
      return reviewChanges(changes, client, target, await readDevice(target, client, [...Object.keys(target.manages), ...onInterfaces]));
    },
    async diagnose(wanted) {
      const { version } = await identify(client, pin);
      const read = await readDevice(target, client, wanted);
      return [...newerThanRead(version), ...(await diagnoseDevice(wanted, client, read)), ...(isGuarded(target) ? [] : [unguarded])];
    },
    close: () => client.close(),
  };
}

/**
 * The newest of the configuration history, which is a copy of what is saved (core Config.php, save: it copies after it has written; BackupController.php
 * 2026). The number and time of the last change are left out of the comparison.
 */
async function exportConfiguration(client: OpnsenseClient): Promise<ConfigurationExport> {
  const text = await client.download('core/backup/download/this');
  if (!text.startsWith('<?xml ') || !text.includes('<opnsense>') || !text.trimEnd().endsWith('</opnsense>')) throw new ProviderError('protocol', 'the firewall handed out no whole configuration');
  return { text, comparable: text.replaceAll(/<revision>[^]*?<\/revision>/g, '') };
}

function versionOf(text: string): readonly [number, number] | undefined {
  const [, year, month] = /(?:^|\s)(\d{2})\.(\d{1,2})(?:\D|$)/.exec(text) ?? [];
  return year === undefined || month === undefined ? undefined : [Number(year), Number(month)];
}

function isBefore([year, month]: readonly [number, number], [otherYear, otherMonth]: readonly [number, number]): boolean {
  return year < otherYear || (year === otherYear && month < otherMonth);
}

/** The certificate was compared before the first request. The version is read where it costs no privilege but the dashboard's. */
async function identify(client: OpnsenseClient, pin: string): Promise<Identity> {
  const { versions } = await client.get('diagnostics/system/system_information');
  const text = (Array.isArray(versions) ? (versions as readonly unknown[]) : []).find((each): each is string => typeof each === 'string' && each.startsWith('OPNsense'));
  if (text === undefined) throw new ProviderError('protocol', 'the answer names no OPNsense version; is this the firewall?');
  const version = versionOf(text);
  if (version === undefined || isBefore(version, oldestVersion)) throw new ProviderError('unsupported', `${text.slice(0, 60)}: rules and NAT are in the API from ${oldestVersion.join('.')}`, { hint: 'update the firewall' });
  return { pin, product: 'OPNsense', version: text.slice('OPNsense'.length).trim().slice(0, 60) };
}

function newerThanRead(text: string): readonly Problem[] {
  const version = versionOf(text);
  if (version === undefined || !isBefore(newestReadVersion, version)) return [];
  return [{ code: 'opnsense.newer-version', severity: 'warning', message: `version ${text} is newer than ${newestReadVersion.join('.')}, up to which the API was looked at`, hint: 'try it on one firewall first' }];
}

interface Writing {
  readonly target: Target;
  readonly client: OpnsenseClient;
  readonly context: WriteContext;
  readonly guard: FirewallGuard | undefined;
}

/** One commit for all: looks, compares each change with what it saw, saves, puts into force. */
async function apply({ target, client, context, guard }: Writing, batch: Batch, steps: ApplySteps): Promise<void> {
  const parsed = await readDevice(target, client, Object.keys(target.manages));
  if (parsed.pending.fence > context.fence) throw new ProviderError('conflict', `run ${String(parsed.pending.fence)} has been here since`, { hint: 'plan again' });
  const moved = movedSince(batch, parsed);
  if (moved !== undefined) throw new ProviderError('conflict', `${moved} on the firewall is not as the plan saw it`, { hint: 'plan again' });
  const live = new Map(parsed.live.map((each) => [each.address, each]));
  const look = async (change: Change): Promise<void> => {
    await steps.before(change, live.get(change.was ?? change.address) ?? unnamed(change, parsed, live));
  };
  for (const change of batch.changes) await look(change);
  const [first] = batch.changes;
  try {
    // The engine renews its lease where it looks.
    await guard?.ready();
    await commitWrites({ client, context, batch, plan: planWrites(batch, parsed), guarded: guard !== undefined, mayForce: async () => { await guard?.ready(); }, ...(parsed.pending.note === undefined ? {} : { noteBefore: parsed.pending.note }), renew: async () => { if (first !== undefined) await look(first); } });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    for (const change of batch.changes) await steps.after(change, change.address === error.address ? { status: 'rejected', code: error.code, why: error.message } : takenBack(error));
    return;
  }
  // The guard may have fired in between: then some of it was written after that, and only a look tells what is there.
  await guard?.written().catch((error: unknown) => { throw isProviderError(error) ? new ProviderError('unknown-outcome', error.message, { cause: error }) : error; });
  for (const change of batch.changes) await steps.after(change, { status: 'done' });
}

function takenBack({ address, message }: Refused): ChangeOutcome {
  const { kind, name } = parseAddress(address);
  return { status: 'rejected', code: 'taken-back', why: `taken back, because ${kind} ${name} was refused: ${message}` };
}

/** A VLAN of somebody else has no name on the device: it is the one that the plan saw. */
function unnamed(change: Change, parsed: Parsed, live: ReadonlyMap<string, Live>): Live | undefined {
  const [row] = rowsOf(change, parsed);
  const address = row === undefined ? undefined : [...parsed.rows].find(([, rows]) => rows.includes(row))?.[0];
  const found = address === undefined ? undefined : live.get(address);
  return found === undefined ? undefined : { ...found, address: change.address };
}

/** Order and references are shared: what is ours and does not change must be as the plan saw it, too. */
function movedSince(batch: Batch, { live }: Parsed): string | undefined {
  if (batch.changes.some(({ was }) => was !== undefined)) return undefined;
  const changed = new Set(batch.changes.map(({ address }) => address));
  const result = new Map(batch.result.map((resource) => [resource.address, resource]));
  const other = live.find(({ address, spec, origin }) => {
    const kind = kinds.get(parseAddress(address).kind);
    const seen = result.get(address);
    return origin === 'ours' && !changed.has(address) && kind !== undefined && (seen === undefined || !equalJson(kind.canonical(seen.spec), kind.canonical(spec)));
  });
  return other === undefined ? undefined : `${parseAddress(other.address).kind} ${parseAddress(other.address).name}`;
}
