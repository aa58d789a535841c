/** What the router will say to changes, as far as reading can tell, and what doctor looks at. */
import { isProviderError, parseAddress, type Change, type Problem, type Target } from '#contract';
import type { SwitchPortSpec, ZoneSpec } from '#generated/types';
import type { RouterClient } from './client.ts';
import { schedulerObstacle } from './guard.ts';
import { isStatic, listOf } from './model.ts';
import { bridgeOf, filters, vlanOf } from './network.ts';
import { isFasttrack } from './order.ts';
import type { Parsed } from './parse.ts';

export function hasGuard({ settings }: Target): boolean {
  return settings['guard'] !== 'none';
}

export async function reviewChanges(changes: readonly Change[], client: RouterClient, target: Target, parsed: Parsed): Promise<readonly Problem[]> {
  if (changes.length === 0) return [];
  const obstacle = hasGuard(target) ? await schedulerObstacle(client) : undefined;
  const interfaces = changes.some(({ address, verb }) => verb !== 'delete' && parseAddress(address).kind === 'zone') ? new Set((await client.list('interface')).map(({ values }) => values['name'] ?? '')) : undefined;
  return [
    ...(obstacle === undefined ? [] : [{ code: 'routeros.guard', severity: 'error' as const, message: obstacle, hint: '/system/device-mode/update scheduler=yes, then the button or a power cycle; or settings.guard: none' }]),
    ...changes.flatMap((change) => reviewChange(change, parsed, changes, interfaces)), ...beginsToFilter(changes, target, parsed), ...(changes.some(({ address }) => parseAddress(address).kind === 'firewall-policy') ? passedBy(parsed) : []),
  ].map((problem) => ({ ...problem, target: target.name }));
}

/** Ours come before it, so that what is established is let through before it is made fast. */
function passedBy({ state }: Parsed): readonly Problem[] {
  const rows = state['ip/firewall/filter'].filter((row) => isStatic(row) && row.values['chain'] === 'forward' && row.values['disabled'] !== 'yes');
  const index = rows.findIndex(isFasttrack);
  return index <= 0 ? [] : [{ code: 'routeros.fasttrack', severity: 'warning', message: 'the fasttrack rule is not the first of its chain, so rules before it, and ours, take what it would make fast: a small router forwards less', hint: '/ip/firewall/filter/move it to the top: ours stay behind it' }];
}

function beginsToFilter(changes: readonly Change[], target: Target, { state }: Parsed): readonly Problem[] {
  if (!changes.some(({ address }) => ['vlan', 'switch-port'].includes(parseAddress(address).kind)) || filters(state, target)) return [];
  const bridge = bridgeOf(target);
  if (!state['interface/bridge'].some(({ values }) => values['name'] === bridge)) return [{ code: 'routeros.no-bridge', severity: 'error', message: `the router has no bridge ${bridge}`, hint: 'settings: bridge, as /interface/bridge/print shows it' }];
  return [{ code: 'routeros.filtering', severity: 'warning', message: `${bridge} does not look at VLAN numbers yet; the last of these changes switches vlan-filtering on, for every port of it`, hint: 'write all ports of the bridge that carry tagged frames, the way to this router first of all' }];
}

function reviewChange(change: Change, parsed: Parsed, changes: readonly Change[], interfaces: ReadonlySet<string> | undefined): readonly Problem[] {
  const { kind, name } = parseAddress(change.address);
  const tell = (code: string, message: string, hint: string): readonly Problem[] => [{ code: `routeros.${code}`, severity: 'error', address: change.address, message, hint }];
  if (change.verb === 'delete') {
    const used = kind === 'vlan' ? usesOf(change, parsed, changes) : undefined;
    return used === undefined ? [] : tell('vlan-in-use', `VLAN ${name} is still used: ${used}`, 'take it out there first');
  }
  if (kind === 'zone' && interfaces !== undefined) {
    const made = new Set(changes.filter(({ verb, address }) => verb !== 'delete' && parseAddress(address).kind === 'vlan').map(({ address }) => parseAddress(address).name));
    const unknown = ((change.after as ZoneSpec | undefined)?.interfaces ?? []).filter((each) => !interfaces.has(each) && !made.has(each));
    return unknown.length === 0 ? [] : tell('unknown-interface', `zone ${name}: the router has no interface ${unknown.join(', ')}`, `it has ${[...interfaces].sort().slice(0, 12).join(', ')}`);
  }
  return kind === 'switch-port' ? reviewPort(change, name, parsed, changes, tell) : [];
}

function usesOf(change: Change, { network, state }: Parsed, changes: readonly Change[]): string | undefined {
  const found = vlanOf(change, network);
  if (found === undefined) return undefined;
  const changed = new Set(changes.map(({ address }) => address));
  const port = network.ports.find(({ live, port: { values } }) => !changed.has(live.address) && (Number(values['pvid'] ?? 1) === found.id || listOf(found.rows.tag?.values['tagged']).includes(values['interface'] ?? '')));
  if (port !== undefined) return `port ${port.name}`;
  const name = found.rows.iface?.values['name'];
  const foreign = state['interface/list/member'].find((row) => isStatic(row) && row.values['interface'] === name && !(row.values['comment'] ?? '').startsWith('[soll '));
  return name === undefined || foreign === undefined ? undefined : `interface list ${foreign.values['list'] ?? ''}`;
}

function reviewPort(change: Change, name: string, { network }: Parsed, changes: readonly Change[], tell: (code: string, message: string, hint: string) => readonly Problem[]): readonly Problem[] {
  const port = network.ports.find((each) => each.name === name);
  if (port === undefined) return tell('no-such-port', `${name} is no port of the bridge`, `it has ${network.ports.map((each) => each.name).slice(0, 12).join(', ')}`);
  const spec = (change.after ?? {}) as unknown as SwitchPortSpec;
  if (spec.poe !== undefined && port.ethernet?.values['poe-out'] === undefined) return tell('no-power', `${name} gives no power`, 'leave poe out');
  const stuck = spec.mode === 'access' || spec.tagged !== undefined ? network.vlans.filter(({ live: { readOnly }, id }) => readOnly !== undefined && spec.tagged?.includes(id) !== true && isIn(port.live.spec['tagged'], id)) : [];
  if (stuck.length > 0) return tell('shared-row', `${name} carries VLAN ${stuck.map(({ id }) => String(id)).join(', ')}, which stand in one row of the bridge with others`, 'give each VLAN a row of its own (/interface/bridge/vlan), or name them in tagged');
  const known = new Set([...network.vlans.filter(({ rows: { tag } }) => tag !== undefined).map(({ id }) => id), ...changes.filter(({ verb, address }) => verb !== 'delete' && parseAddress(address).kind === 'vlan').map(({ after }) => Number(after?.['id']))]);
  const unknown = (spec.tagged ?? []).filter((id) => !known.has(id));
  return unknown.length === 0 ? [] : tell('no-such-vlan', `${name}: VLAN ${unknown.join(', ')} has no row of its own in the bridge`, 'let this target manage vlan as well');
}

function isIn(list: unknown, id: number): boolean {
  return Array.isArray(list) && list.includes(id);
}

/** Are the account's policies enough, and not too many? */
export async function diagnoseRouter(client: RouterClient, target: Target, user: string, parsed: Parsed): Promise<readonly Problem[]> {
  const found: Problem[] = [];
  if (!hasGuard(target)) found.push({ code: 'routeros.guard', severity: 'warning', message: 'settings.guard is none: nothing takes a change back that cuts the way to the router' });
  else {
    const obstacle = await schedulerObstacle(client);
    if (obstacle !== undefined) found.push({ code: 'routeros.guard', severity: 'error', message: obstacle });
  }
  if ((target.manages['vlan'] !== undefined || target.manages['switch-port'] !== undefined) && !filters(parsed.state, target)) found.push({ code: 'routeros.filtering', severity: 'warning', message: `${bridgeOf(target)} does not look at VLAN numbers (vlan-filtering is off, or there is no such bridge)` });
  found.push(...await rights(client, user));
  return found;
}

async function rights(client: RouterClient, user: string): Promise<readonly Problem[]> {
  try {
    const [users, groups] = await Promise.all([client.list('user'), client.list('user/group')]);
    const group = users.find(({ values }) => values['name'] === user)?.values['group'];
    const policy = listOf(groups.find(({ values }) => values['name'] === group)?.values['policy']);
    const tooMany = ['write', 'policy', 'reboot', 'password', 'ftp', 'ssh', 'telnet', 'winbox', 'web', 'local'].filter((each) => policy.includes(each));
    return tooMany.length === 0 ? [] : [{ code: 'routeros.too-many-rights', severity: 'warning', message: `the reading account ${user} may more than read: ${tooMany.join(', ')}`, hint: 'a group with read and rest-api (and sensitive for soll backup)' }];
  } catch (error) {
    if (isProviderError(error) && error.code === 'auth') return [];
    throw error;
  }
}
