/** UniFi Network on a console (UniFi OS): networks, WLANs and the firewall through the integration API, ports of switches through the older one. */
import {
  ProviderError, type Capabilities, type Identity, type KindCapability, type Mode, type Problem, type Provider, type ReadContext, type ReadSession, type SecretRef, type Target, type WriteSession,
} from '#contract';
import { checkDesired } from './check.ts';
import { connect, type Connection } from './connect.ts';
import { missing, newestReadVersion, oldestVersion } from './limits.ts';
import { diagnoseSite, reviewChanges } from './review.ts';
import { makeSite, type Site } from './site.ts';
import { applyChange } from './write.ts';

function capability(why: string | undefined, fields: readonly string[] | undefined, modes: readonly Mode[] = ['observe', 'merge', 'exclusive']): KindCapability {
  return { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes, createKey: 'unique', ...(why === undefined ? {} : { why }), ...(fields === undefined ? {} : { fields }) };
}

const capabilities: Capabilities = {
  // Object by object, in force at once, and nothing takes it back.
  atomicity: 'object', guard: 'unguarded', rollback: 'none', concurrency: 1,
  kinds: {
    'address-group': capability(missing.group, undefined),
    'firewall-policy': capability(missing.policy, undefined, ['observe', 'merge']),
    'firewall-rule': capability(missing.rules, undefined, ['observe', 'merge']),
    service: capability(missing.service, undefined, ['observe', 'merge']),
    ssid: capability(missing.ssid, ['ssid', 'security', 'passphrase', 'vlan', 'enabled', 'bands', 'hidden', 'isolated']),
    'switch-port': capability(missing.port, ['mode', 'vlan', 'native', 'tagged', 'description', 'enabled', 'poe'], ['observe', 'merge']),
    vlan: { ...capability(missing.vlan, ['id', 'subnet', 'gateway', 'dhcp', 'isolated']), fieldsWhere: { setting: 'gateway', is: 'other', fields: ['id'] } },
    zone: { verbs: ['adopt', 'release'], modes: ['observe', 'merge'], why: missing.zone, createKey: 'unique' },
  },
};

export const provider: Provider = {
  name: 'unifi',
  capabilities,
  check: checkDesired,
  open: async (target, context) => (await openReading(target, context, target.credentials.read)).session,
  async openForWrite(target, context): Promise<WriteSession> {
    const { session, site, connection } = await openReading(target, context, target.credentials.write);
    const renumbered = new Map<number, number>();
    return { ...session, async apply(batch, steps) {
      const writer = { client: connection.client, site, names: await connection.site(), context, renumbered };
      for (const change of batch.changes) await applyChange(writer, change, steps);
    } };
  },
};

async function openReading(target: Target, context: ReadContext, credential: SecretRef): Promise<{ readonly session: ReadSession; readonly site: Site; readonly connection: Connection }> {
  const connection = await connect(target, context, credential);
  const site = makeSite(connection, target);
  const session: ReadSession = {
    identify: () => identify(connection),
    read: (kinds) => site.live(kinds),
    review: (changes) => reviewChanges(changes, site, connection.client),
    async diagnose(kinds) {
      const { version } = await identify(connection);
      return [...newerThanRead(version), ...(await diagnoseSite(kinds, site))];
    },
    close: () => connection.client.close(),
  };
  return { session, site, connection };
}

function versionOf(text: string): readonly [number, number] | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)(?:\.|$)/.exec(text) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

function isBefore([major, minor]: readonly [number, number], [otherMajor, otherMinor]: readonly [number, number]): boolean {
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

/** The certificate was compared before the first request; the site must be there, too. */
async function identify({ client, pin, site }: Connection): Promise<Identity> {
  const text = (await client.get('/info'))?.['applicationVersion'];
  if (typeof text !== 'string') throw new ProviderError('protocol', 'the answer names no version of Network; is this a UniFi console?', { hint: 'a console with UniFi OS, or UniFi OS Server' });
  const version = versionOf(text);
  if (version === undefined || isBefore(version, oldestVersion)) throw new ProviderError('unsupported', `Network ${text.slice(0, 40)}: networks and WLANs can be written through the API from ${oldestVersion.join('.')}`, { hint: 'update Network on the console' });
  await site();
  return { pin, product: 'UniFi Network', version: text.slice(0, 40) };
}

function newerThanRead(text: string): readonly Problem[] {
  const version = versionOf(text);
  if (version === undefined || !isBefore(newestReadVersion, version)) return [];
  return [{ code: 'unifi.newer-version', severity: 'warning', message: `Network ${text} is newer than ${newestReadVersion.join('.')}, up to which the API was looked at`, hint: 'try it on one console first' }];
}
