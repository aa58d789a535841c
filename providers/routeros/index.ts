/** MikroTik RouterOS 7 through its REST interface: policies, groups, NAT, VLANs and ports, under a guard of our own on the router. */
import {
  parseAddress, ProviderError, type ApplySteps, type Batch, type Capabilities, type Change, type ConfigurationExport, type Identity, type JsonObject, type Kind, type KindCapability, type Live, type Mode, type Problem, type Provider, type ReadContext, type ReadSession, type Target, type WriteContext,
  type WriteSession,
} from '#contract';
import { equalJson } from '#core/canonical-json';
import { projectOwned } from '#core/project-owned';
import { kinds } from '#kinds/registry';
import { checkDesired } from './check.ts';
import { connect, type RouterClient } from './client.ts';
import { executeSteps, Refused } from './execute.ts';
import { makeGuard, type RouterGuard } from './guard.ts';
import { missing, newestReadVersion, oldestVersion } from './limits.ts';
import { hashOf, menus } from './model.ts';
import { vlanOf } from './network.ts';
import { parseRouter, type Parsed } from './parse.ts';
import { diagnoseRouter, hasGuard, reviewChanges } from './review.ts';
import { planSteps } from './steps.ts';
import { undoBody } from './undo-script.ts';

function capability(modes: readonly Mode[], why?: string, fields?: readonly string[]): KindCapability {
  return { verbs: ['create', 'update', 'delete', 'adopt', 'release'], modes, createKey: 'unique', ...(why === undefined ? {} : { why }), ...(fields === undefined ? {} : { fields }) };
}

const beside: readonly Mode[] = ['observe', 'merge'];
const whole: readonly Mode[] = ['observe', 'merge', 'exclusive'];

const capabilities: Capabilities = {
  atomicity: 'confirmed', rollback: 'native', concurrency: 1,
  configuration: { format: 'routeros-export', restore: { en: '/system/reset-configuration no-defaults=yes run-after-reset=FILE (copy FILE to the router first)', de: '/system/reset-configuration no-defaults=yes run-after-reset=FILE (FILE vorher auf den Router kopieren)' } },
  // Row by row; what is refused is taken back by the same script, but nothing does that by itself.
  variants: [{ setting: 'guard', is: 'none', atomicity: 'atomic', guard: 'unguarded' }],
  kinds: {
    'address-group': capability(whole), 'firewall-policy': capability(beside, missing.rules), 'firewall-rule': capability(beside, missing.rules), masquerade: capability(beside, missing.masquerade), 'port-forward': capability(beside, missing.forwards),
    service: capability(whole), 'switch-port': capability(beside, missing.port), vlan: capability(whole, missing.vlan, ['id', 'description', 'subnet', 'gateway', 'dhcp']), zone: capability(beside, missing.rules),
  },
};

export const provider: Provider = {
  name: 'routeros',
  capabilities,
  check: checkDesired,
  async open(target, context) {
    const user = userOf(target, 'read');
    return readSession(target, await connect(target, context, target.credentials.read, user), context, user);
  },
  async openForWrite(target, context) {
    const user = userOf(target, 'write');
    const client = await connect(target, context, target.credentials.write, user);
    const guard = makeGuard(client, context, async () => hashOf(await client.read(menus)));
    const reading = readSession(target, client, context, user);
    return { ...reading, apply: (batch, steps) => apply({ target, client, context, guard }, batch, steps), ...(hasGuard(target) ? { guard } : {}) } satisfies WriteSession;
  },
};

function userOf({ settings }: Target, which: 'read' | 'write'): string {
  const user = typeof settings['user'] === 'string' ? settings['user'] : 'soll';
  return which === 'read' && typeof settings['readUser'] === 'string' ? settings['readUser'] : user;
}

async function readRouter(client: RouterClient, target: Target): Promise<Parsed> {
  return parseRouter(await client.read(menus), target);
}

function readSession(target: Target, client: RouterClient, context: ReadContext, user: string): ReadSession {
  // What the plan was made from is what is reviewed.
  let seen: Parsed | undefined;
  return {
    identify: () => identify(client, target),
    async read(wanted) {
      seen = await readRouter(client, target);
      return seen.live.filter(({ address }) => wanted.includes(parseAddress(address).kind));
    },
    review: async (changes) => reviewChanges(changes, client, target, (seen ??= await readRouter(client, target))),
    exportConfiguration: () => exportConfiguration(client, context),
    async diagnose() {
      const { version } = await identify(client, target);
      return [...newerThanRead(version), ...(await diagnoseRouter(client, target, user, await readRouter(client, target)))];
    },
    close: () => client.close(),
  };
}

function versionOf(text: string): readonly [number, number] | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(text) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

function isBefore([major, minor]: readonly [number, number], [otherMajor, otherMinor]: readonly [number, number]): boolean {
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

/** The certificate was compared before the first request; the licence number is that of the machine, whatever certificate it has. */
async function identify(client: RouterClient, { settings }: Target): Promise<Identity> {
  const [resource, license] = await Promise.all([client.one('system/resource'), client.one('system/license')]);
  const seen = license['software-id'] ?? license['system-id'] ?? '';
  const wanted = settings['softwareId'];
  if (typeof wanted === 'string' && wanted !== seen) throw new ProviderError('identity', `the router has the licence ${seen.slice(0, 40)}, expected ${wanted}`, { seen: client.pin, hint: 'the certificate is on another router; if this one was replaced, change settings.softwareId' });
  const text = resource['version'] ?? '';
  const version = versionOf(text);
  if (version === undefined) throw new ProviderError('protocol', 'the answer names no version of RouterOS; is this the router?');
  if (isBefore(version, oldestVersion)) throw new ProviderError('unsupported', `RouterOS ${text.slice(0, 40)}: ${oldestVersion.join('.')} or newer is needed`, { hint: 'update the router' });
  return { pin: client.pin, product: `RouterOS ${(resource['board-name'] ?? '').slice(0, 40)}`.trim(), version: text.slice(0, 40) };
}

function newerThanRead(text: string): readonly Problem[] {
  const version = versionOf(text);
  if (version === undefined || !isBefore(newestReadVersion, version)) return [];
  return [{ code: 'routeros.newer-version', severity: 'warning', message: `version ${text} is newer than ${newestReadVersion.join('.')}, whose menus were compared`, hint: 'try it on one router first' }];
}

/** The end of the output is proven by a line that nobody can guess; the first line has the time. */
async function exportConfiguration(client: RouterClient, context: ReadContext): Promise<ConfigurationExport> {
  const end = `soll-end-${Buffer.from(context.randomBytes(8)).toString('hex')}`;
  const text = (await client.print(`/export show-sensitive; :put "${end}"`)).trimEnd();
  const export_ = text.endsWith(end) ? text.slice(0, -end.length).trimEnd() : '';
  if (!/^# .* by RouterOS /.test(export_) || !/^\/[a-z]/m.test(export_)) throw new ProviderError('protocol', 'the router handed out no whole configuration', { hint: 'the account needs the policies read, sensitive and test' });
  return { text: `${export_}\n`, comparable: export_.replace(/^# .* by RouterOS .*\n/, '') };
}

interface Writing {
  readonly target: Target;
  readonly client: RouterClient;
  readonly context: WriteContext;
  readonly guard: RouterGuard;
}

/** One commit for all: looks, compares each change with what it saw, keeps the way back on the router, then writes row by row. */
async function apply({ target, client, context, guard }: Writing, batch: Batch, steps: ApplySteps): Promise<void> {
  const parsed = await readRouter(client, target);
  const moved = movedSince(batch, parsed);
  if (moved !== undefined) throw new ProviderError('conflict', `${moved} on the router is not as the plan saw it`, { hint: 'plan again' });
  const look = (change: Change): Promise<void> => steps.before(change, liveNow(change, parsed));
  for (const change of batch.changes) await look(change);
  const planned = planSteps(batch, parsed, target);
  const body = undoBody(planned, parsed.state);
  await guard.keep(body, hasGuard(target));
  const [first] = batch.changes;
  let renewed = context.clock.monotonic();
  const renew = async (): Promise<void> => {
    if (first === undefined || context.clock.monotonic() - renewed < 20_000) return;
    await look(first);
    renewed = context.clock.monotonic();
  };
  try {
    await executeSteps(planned, { client, mayWrite: (timeoutMs) => { context.assertLease(timeoutMs); }, renew });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (!hasGuard(target)) await guard.takeBack();
    for (const change of batch.changes) await steps.after(change, change.address === error.address ? { status: 'rejected', code: error.code, why: error.message } : { status: 'rejected', code: 'taken-back', why: `taken back, because ${parseAddress(error.address).name} was refused: ${error.message}` });
    return;
  }
  await guard.noteDone(hasGuard(target), body, hashOf(await client.read(menus)));
  for (const change of batch.changes) await steps.after(change, { status: 'done' });
}

function liveNow(change: Change, parsed: Parsed): Live | undefined {
  const found = parsed.live.find(({ address }) => address === (change.was ?? change.address));
  if (found !== undefined || parseAddress(change.address).kind !== 'vlan') return found;
  const vlan = vlanOf(change, parsed.network);
  return vlan === undefined ? undefined : { ...vlan.live, address: change.address };
}

/** Order and references are shared: what is ours and does not change must be as the plan saw it, too. */
/** In what the plan says of it: of what an earlier batch has made, the plan knows no more than was written. */
function sameAsSeen(kind: Kind, seen: JsonObject, live: JsonObject): boolean {
  const wanted = kind.canonical(seen);
  return equalJson(projectOwned(kind.schema, kind.canonical(live), wanted), wanted);
}

function movedSince(batch: Batch, { live }: Parsed): string | undefined {
  if (batch.changes.some(({ was }) => was !== undefined)) return undefined;
  const changed = new Set(batch.changes.map(({ address }) => address));
  const result = new Map(batch.result.map((resource) => [resource.address, resource]));
  const other = live.find(({ address, spec, origin }) => {
    const kind = kinds.get(parseAddress(address).kind);
    const seen = result.get(address);
    return origin === 'ours' && !changed.has(address) && kind !== undefined && result.size > 0 && (seen === undefined || !sameAsSeen(kind, seen.spec, spec));
  });
  return other === undefined ? undefined : `${parseAddress(other.address).kind} ${parseAddress(other.address).name}`;
}
