/** What the firewall will say to changes, as far as reading can tell, and what doctor looks at. */
import { parseAddress, type Change, type Problem, type Target } from '#contract';
import { isObject } from '#core/canonical';
import type { MasqueradeSpec, ZoneSpec } from '#generated/types';
import type { OpnsenseClient } from './client.ts';
import { setOf, toValues, type DeviceState, type Row } from './model.ts';
import type { Parsed } from './parse.ts';
import { zoneGroup } from './render.ts';

export type Legacy = Pick<DeviceState, 'legacyRules' | 'legacyInterfaces'>;

export async function reviewChanges(changes: readonly Change[], client: OpnsenseClient, { name: target }: Target, parsed: Parsed & Legacy): Promise<readonly Problem[]> {
  const of = (kind: string): readonly Change[] => changes.filter(({ verb, address }) => verb !== 'delete' && parseAddress(address).kind === kind);
  return [
    ...(of('zone').length === 0 ? [] : await unknownInterfaces(of('zone'), client)),
    ...(of('vlan').length === 0 ? [] : await unknownParent(of('vlan'), client, parsed)),
    ...(of('vlan').some(({ after }) => after?.['dhcp'] !== undefined) ? await dhcpProblems(of('vlan'), client, parsed) : []),
    ...changes.flatMap((change) => (change.verb === 'delete' ? interfaceInUse(change, changes, parsed) : [])),
    ...(of('masquerade').length === 0 ? [] : await modeProblems(client)),
    ...shadowed([...of('firewall-rule'), ...of('firewall-policy')], parsed),
    ...(of('masquerade').flatMap((change) => withoutInterfaces(change, parsed, changes))),
  ].map((problem) => ({ ...problem, target }));
}

/** Values that a new object could have, as the form of the web interface offers them. */
async function optionsOf(client: OpnsenseClient, path: string, key: string, field: string): Promise<ReadonlySet<string>> {
  const object = (await client.get(path))[key];
  const options = isObject(object) ? object[field] : undefined;
  return new Set(isObject(options) ? Object.keys(options).filter((option) => option !== '') : []);
}

async function unknownInterfaces(changes: readonly Change[], client: OpnsenseClient): Promise<readonly Problem[]> {
  const known = await optionsOf(client, 'firewall/group/get_item', 'group', 'members');
  return changes.flatMap(({ address, after }) => ((after as ZoneSpec | undefined)?.interfaces ?? []).filter((name) => !known.has(name)).map((name): Problem => ({
    code: 'opnsense.unknown-interface', severity: 'error', address, message: `zone ${parseAddress(address).name}: the firewall has no interface ${name}`, hint: `it has: ${[...known].sort().join(', ')}; assign it under Interfaces: Assignments`,
  })));
}

async function unknownParent(changes: readonly Change[], client: OpnsenseClient, { context: { vlanParent } }: Parsed): Promise<readonly Problem[]> {
  const known = await optionsOf(client, 'interfaces/vlan_settings/get_item', 'vlan', 'if');
  if (known.has(vlanParent)) return [];
  return changes.map(({ address }) => ({ code: 'opnsense.vlan-parent', severity: 'error', address, message: `the firewall has no device ${vlanParent} for VLANs`, hint: `settings: vlanParent, one of ${[...known].sort().join(', ')}` }));
}

/** Dnsmasq serves only where it runs, and two ranges of two people on one interface are none that anybody wanted. */
async function dhcpProblems(changes: readonly Change[], client: OpnsenseClient, { context, othersDhcp }: Parsed): Promise<readonly Problem[]> {
  const settings = (await client.get('dnsmasq/settings/get'))['dnsmasq'];
  const general = isObject(settings) ? toValues(settings) : {};
  const off: Problem = { code: 'opnsense.dhcp-off', severity: 'error', message: 'Dnsmasq is switched off on this firewall, so nobody would get an address', hint: 'Services: Dnsmasq DNS & DHCP: Enable' };
  const listens = setOf(general['interface']);
  return [
    ...(general['enable'] === '1' ? [] : [off]),
    ...changes.filter(({ after }) => after?.['dhcp'] !== undefined).flatMap(({ address }): readonly Problem[] => {
      const on = context.interfaces?.get(context.vlanDevices.get(parseAddress(address).name) ?? '');
      const { name } = parseAddress(address);
      if (on !== undefined && othersDhcp.has(on)) return [{ code: 'opnsense.dhcp-by-hand', severity: 'error', address, message: `VLAN ${name}: Dnsmasq has a range on ${on} that was made by hand`, hint: 'delete that range, or leave dhcp out' }];
      if (listens.length > 0 && (on === undefined || !listens.includes(on))) return [{ code: 'opnsense.dhcp-interface', severity: 'warning', address, message: `VLAN ${name}: Dnsmasq listens on chosen interfaces only, and not on this one`, hint: 'Services: Dnsmasq: Interface: none chosen means all' }];
      return [];
    }),
  ];
}

/** OPNsense takes the rules on an interface away with it, whoever made them (core AssignmentController.php, cleanRules). */
function interfaceInUse({ address }: Change, changes: readonly Change[], { rows, legacyInterfaces }: Parsed & Legacy): readonly Problem[] {
  const on = rows.get(address)?.find(({ module }) => module === 'interface')?.uuid;
  if (on === undefined) return [];
  const going = new Set(changes.map((change) => change.address));
  const users = [...rows].filter(([other, parts]) => !going.has(other) && parts.some(({ module, values }) => ['rule', 'dnat', 'snat'].includes(module) && setOf(values['interface']).includes(on)));
  const why = users.length > 0 ? `has ${String(users.length)} rules` : legacyInterfaces.includes(on) ? 'has rules of the older kind' : undefined;
  return why === undefined ? [] : [{ code: 'opnsense.interface-in-use', severity: 'error', address, message: `the interface ${on} of VLAN ${parseAddress(address).name} ${why}, which OPNsense would delete with it`, hint: 'remove or move them on the firewall first' }];
}

/** In the automatic mode OPNsense hides every internal network by itself; whether rules of the API act beside it could not be tried. */
async function modeProblems(client: OpnsenseClient): Promise<readonly Problem[]> {
  const filter = (await client.get('firewall/source_nat/get'))['filter'];
  const general = isObject(filter) && isObject(filter['general']) ? toValues(filter['general']) : {};
  const mode = general['snat_mode'] ?? '';
  if (mode === 'disabled') return [{ code: 'opnsense.nat-mode', severity: 'error', message: 'source NAT is switched off on this firewall', hint: 'Firewall: NAT: Outbound: hybrid or manual' }];
  if (mode === 'automatic') return [{ code: 'opnsense.nat-mode', severity: 'warning', message: 'source NAT is in automatic mode: the firewall hides all its networks by itself, and it is not certain that further rules are used', hint: 'Firewall: NAT: Outbound: hybrid' }];
  return [];
}

/** Without an interface there is no rule, and the masquerading would not be seen again. */
function withoutInterfaces({ address, after }: Change, { context }: Parsed, changes: readonly Change[]): readonly Problem[] {
  const spec = after as MasqueradeSpec | undefined;
  const made = new Set(changes.filter((change) => change.verb !== 'delete' && parseAddress(change.address).kind === 'zone').map((change) => parseAddress(change.address).name));
  return [spec?.from, spec?.to].filter((zone): zone is string => zone !== undefined && !made.has(zone) && !context.zones.has(zone)).map((zone) => ({ code: 'opnsense.unknown-zone', severity: 'error', address, message: `there is no zone ${zone} on the firewall`, hint: 'write it under zones' }));
}

/** Floating rules come before those of groups, and quick ones end the search: what they take never reaches ours. */
function shadowed(changes: readonly Change[], parsed: Parsed): readonly Problem[] {
  const others = [...parsed.rows.values()].flat().filter((row) => row.module === 'rule' && !row.values['description']?.startsWith('[soll ') && row.values['enabled'] === '1' && row.values['quick'] === '1' && isFloating(row));
  return changes.flatMap(({ address, after }): readonly Problem[] => {
    const [from = ''] = parseAddress(address).name.split('.');
    const interfaces = parsed.context.zones.get(from) ?? [];
    const shadow = others.find((row) => takesAll(row, interfaces, zoneGroup(from, parsed.context)));
    if (shadow === undefined || after === undefined) return [];
    return [{ code: 'opnsense.shadowed', severity: 'warning', address, message: `it never decides: the floating rule ${JSON.stringify((shadow.values['description'] ?? '').slice(0, 60))} takes all traffic of zone ${from} before`, hint: 'narrow or remove that rule on the firewall' }];
  });
}

function isFloating({ values }: Row): boolean {
  return setOf(values['interface']).length !== 1 || values['interfacenot'] === '1';
}

function takesAll({ values }: Row, interfaces: readonly string[], group: string): boolean {
  const on = setOf(values['interface']);
  const everywhere = on.length === 0 || (values['interfacenot'] !== '1' && (on.includes(group) || (interfaces.length > 0 && interfaces.every((each) => on.includes(each)))));
  return everywhere && values['direction'] !== 'out' && values['source_net'] === 'any' && values['destination_net'] === 'any' && (values['protocol'] ?? '').toLowerCase() === 'any' && values['ipprotocol'] === 'inet46';
}

export async function diagnoseDevice(kinds: readonly string[], client: OpnsenseClient, { legacyRules, pending }: Parsed & Legacy): Promise<readonly Problem[]> {
  return [
    ...(legacyRules === 0 ? [] : [{ code: 'opnsense.legacy-rules', severity: 'info' as const, message: `${String(legacyRules)} rules of the older kind (Firewall: Rules) act beside ours; the API cannot change them`, hint: 'Firewall: Rules: Migration assistant' }]),
    ...(pending.entries.length === 0 && !pending.all ? [] : [{ code: 'opnsense.pending', severity: 'warning' as const, message: `run ${String(pending.fence)} saved changes and broke off before they were in force`, hint: 'soll plan and soll apply put it right' }]),
    ...(kinds.includes('masquerade') ? await modeProblems(client) : []),
  ];
}

export const unguarded: Problem = {
  code: 'opnsense.unguarded', severity: 'info', message: 'nothing on the firewall takes a change back by itself: a rule that locks soll out has to be mended on the console',
  hint: 'settings: guard: dead-man with an SSH access (see the README); or keep the anti-lockout rule of OPNsense, or a rule of yours above ours, for the administration',
};
