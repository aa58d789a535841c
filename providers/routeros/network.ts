/** VLANs and ports of one bridge, both ways. A VLAN is up to six rows, and which ports carry it stands in its row of the bridge's table. Pure. */
import { parseAddress, toAddress, type Address, type Batch, type Change, type JsonObject, type Live, type Target } from '#contract';
import { canonicalCidr, parseCidr } from '#core/ip';
import type { SwitchPortSpec, VlanSpec } from '#generated/types';
import { differences, isStatic, listOf, secondsOf, type Menu, type Row, type State, type Values } from './model.ts';
import { markerText, parseMarker } from './names.ts';
import type { Step } from './step.ts';

const vlanParts = { tag: 'interface/bridge/vlan', iface: 'interface/vlan', address: 'ip/address', pool: 'ip/pool', server: 'ip/dhcp-server', net: 'ip/dhcp-server/network' } as const satisfies Record<string, Menu>;
type VlanPart = keyof typeof vlanParts;

export interface VlanOnRouter {
  readonly id: number;
  readonly rows: Readonly<Partial<Record<VlanPart, Row>>>;
  readonly live: Live;
}

export interface PortOnRouter {
  readonly name: string;
  readonly port: Row;
  readonly ethernet: Row | undefined;
  /** As it comes from the box: nobody has decided anything about it, so it is not there. */
  readonly factory: boolean;
  readonly live: Live;
}

export interface Network {
  readonly vlans: readonly VlanOnRouter[];
  readonly ports: readonly PortOnRouter[];
}

export function bridgeOf({ settings }: Target): string {
  return typeof settings['bridge'] === 'string' ? settings['bridge'] : 'bridge';
}

function bridgeRow(state: State, target: Target): Row | undefined {
  return state['interface/bridge'].find(({ values }) => values['name'] === bridgeOf(target));
}

/** Without it the table of VLANs and the numbers of ports are there and nobody looks at them. */
export function filters(state: State, target: Target): boolean {
  return bridgeRow(state, target)?.values['vlan-filtering'] === 'yes';
}

function on(row: Row): boolean {
  return isStatic(row) && row.values['disabled'] !== 'yes';
}

function nameOf(row: Row | undefined): string | undefined {
  const marker = parseMarker(row?.values['comment']);
  return marker?.kind === 'vlan' ? marker.name : undefined;
}

/** Several numbers in one row: it is somebody's, and is changed by nobody else. */
function isShared({ values }: Row): boolean {
  return !/^\d+$/.test(values['vlan-ids'] ?? '');
}

export function idsOf(text: string | undefined): readonly number[] {
  return listOf(text).flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return from > to || to > 4095 ? [] : Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

function tagRows(state: State, target: Target): readonly Row[] {
  return state['interface/bridge/vlan'].filter((row) => on(row) && row.values['bridge'] === bridgeOf(target));
}

export function readVlans(state: State, target: Target): readonly VlanOnRouter[] {
  const tags = tagRows(state, target);
  const interfaces = state['interface/vlan'].filter((row) => isStatic(row) && row.values['interface'] === bridgeOf(target));
  // What is ours and was switched off or renumbered by hand is not passed over.
  const off = state['interface/bridge/vlan'].filter((row) => isStatic(row) && !on(row) && nameOf(row) !== undefined);
  const ids = [...new Set([...tags.flatMap(({ values }) => idsOf(values['vlan-ids'])), ...off.flatMap(({ values }) => idsOf(values['vlan-ids'])), ...interfaces.map(({ values }) => Number(values['vlan-id']))])].filter((id) => id > 1).sort((a, b) => a - b);
  const seen = new Set<string>();
  return ids.map((id) => {
    const own = (row: Row): boolean => idsOf(row.values['vlan-ids']).includes(id);
    const vlan = readVlan(id, tags.find((row) => own(row) && !isShared(row)) ?? off.find(own), tags.find((row) => own(row) && isShared(row)), interfaces.find(({ values }) => Number(values['vlan-id']) === id), state, target);
    const clash = seen.has(vlan.live.address);
    seen.add(vlan.live.address);
    return clash ? { ...vlan, live: { ...vlan.live, address: addressOf(target, 'vlan', `vlan${String(id)}`) } } : vlan;
  });
}

function addressOf(target: Target, kind: string, name: string): Address {
  return toAddress({ customer: target.customer, target: target.name, kind, name });
}

/** The rows of one VLAN, as far as they are there. */
function rowsOf(tag: Row | undefined, iface: Row | undefined, state: State): Readonly<Partial<Record<VlanPart, Row>>> {
  const name = iface?.values['name'];
  if (name === undefined) return tag === undefined ? {} : { tag };
  const addresses = state['ip/address'].filter((row) => on(row) && row.values['interface'] === name);
  const address = addresses.find((row) => nameOf(row) !== undefined) ?? addresses[0];
  const server = state['ip/dhcp-server'].find((row) => isStatic(row) && row.values['interface'] === name);
  const pool = state['ip/pool'].find((row) => isStatic(row) && row.values['name'] === server?.values['address-pool']);
  const subnet = subnetOf(address);
  const net = subnet === undefined ? undefined : state['ip/dhcp-server/network'].find((row) => isStatic(row) && canonicalCidr(row.values['address'] ?? '') === subnet);
  return Object.fromEntries(Object.entries({ tag, iface, address, server, pool, net }).filter((entry): entry is [VlanPart, Row] => entry[1] !== undefined));
}

function subnetOf(address: Row | undefined): string | undefined {
  return address === undefined ? undefined : canonicalCidr(address.values['address'] ?? '');
}

function readVlan(id: number, tag: Row | undefined, shared: Row | undefined, iface: Row | undefined, state: State, target: Target): VlanOnRouter {
  const written = nameOf(tag) ?? nameOf(iface);
  const rows = rowsOf(tag, iface, state);
  const name = written ?? iface?.values['name'];
  // Ours, and switched off or without its row: a number that no VLAN has is compared always.
  const lost = (tag !== undefined && !on(tag)) || (written !== undefined && tag === undefined && shared === undefined);
  const description = descriptionOf(tag, iface, written);
  return {
    id, rows,
    live: {
      address: addressOf(target, 'vlan', name ?? `vlan${String(id)}`), spec: { id: lost ? -id : id, ...(description === '' ? {} : { description }), ...routed(rows, target) }, handle: { id }, origin: written === undefined ? 'foreign' : 'ours', ...(name === undefined ? { unnamed: true as const } : {}),
      ...(tag === undefined && shared !== undefined ? { readOnly: `VLAN ${String(id)} stands in one row of the bridge with others (${shared.values['vlan-ids'] ?? ''})` } : {}),
    },
  };
}

function descriptionOf(tag: Row | undefined, iface: Row | undefined, written: string | undefined): string {
  if (written === undefined) return tag?.values['comment'] ?? iface?.values['comment'] ?? '';
  return parseMarker((nameOf(tag) === undefined ? iface : tag)?.values['comment'])?.text ?? '';
}

/** The router's own part, as far as it works. */
function routed({ tag, iface, address, server, pool, net }: Readonly<Partial<Record<VlanPart, Row>>>, target: Target): JsonObject {
  const subnet = subnetOf(address);
  if (iface === undefined || !on(iface) || (tag !== undefined && !listOf(tag.values['tagged']).includes(bridgeOf(target))) || address === undefined || subnet === undefined) return {};
  const dhcp = server !== undefined && on(server) ? readDhcp(server, pool, net) : undefined;
  return { subnet, gateway: (address.values['address'] ?? '').split('/')[0] ?? '', ...(dhcp === undefined ? {} : { dhcp }) };
}

function readDhcp(server: Row, pool: Row | undefined, net: Row | undefined): JsonObject | undefined {
  const [, from, to] = /^([0-9.]+)-([0-9.]+)$/.exec(pool?.values['ranges'] ?? '') ?? [];
  if (from === undefined || to === undefined) return undefined;
  const dns = listOf(net?.values['dns-server']);
  const seconds = secondsOf(server.values['lease-time'] ?? '');
  const domain = net?.values['domain'] ?? '';
  return { from, to, ...(dns.length === 0 ? {} : { dns }), ...(domain === '' ? {} : { domain }), ...(seconds === undefined ? {} : { leaseMinutes: Math.round(seconds / 60) }) };
}

export const onlyUntagged = 'admit-only-untagged-and-priority-tagged';
const onlyTagged = 'admit-only-vlan-tagged';

export function readPorts(state: State, target: Target): readonly PortOnRouter[] {
  return state['interface/bridge/port'].filter((row) => isStatic(row) && row.values['bridge'] === bridgeOf(target)).map((port) => {
    const name = port.values['interface'] ?? '';
    const ethernet = state['interface/ethernet'].find(({ values }) => values['name'] === name);
    const marker = parseMarker(port.values['comment']);
    const wireless = ethernet === undefined ? { readOnly: `${name} is no Ethernet port` } : {};
    const spec = portSpec(name, port, ethernet, state, target);
    return { name, port, ethernet, factory: ethernet !== undefined && marker === undefined && isFactory(spec, port), live: { address: addressOf(target, 'switch-port', name), spec, handle: port.id, origin: marker?.kind === 'switch-port' ? 'ours' as const : 'foreign' as const, ...wireless } };
  });
}

function isFactory({ mode, vlan, enabled, poe, description }: JsonObject, { values }: Row): boolean {
  return (mode === undefined || (mode === 'access' && vlan === 1)) && (values['pvid'] ?? '1') === '1' && (values['frame-types'] ?? 'admit-all') === 'admit-all' && (values['edge'] ?? 'auto') === 'auto' && values['bpdu-guard'] !== 'yes' && enabled !== false && poe !== false && description === undefined;
}

function portSpec(name: string, port: Row, ethernet: Row | undefined, state: State, target: Target): JsonObject {
  const v = (field: string): string | undefined => port.values[field];
  const tagged = [...new Set(tagRows(state, target).filter(({ values }) => listOf(values['tagged']).includes(name)).flatMap(({ values }) => idsOf(values['vlan-ids'])))].sort((a, b) => a - b);
  const pvid = Number(v('pvid') ?? 1);
  const frames = v('frame-types') ?? 'admit-all';
  const strict = v('ingress-filtering') !== 'no';
  const marker = parseMarker(v('comment'));
  const trunk = frames === onlyTagged || tagged.length > 0 || marker?.part === 'trunk';
  const mode: JsonObject = !filters(state, target) || port.values['disabled'] === 'yes' || !strict ? {}
    : trunk ? (frames === onlyUntagged ? {} : { mode: 'trunk', tagged, ...(frames === onlyTagged ? {} : { native: pvid }) })
    : { mode: 'access', vlan: pvid };
  const edge = ['yes', 'yes-discover'].includes(v('edge') ?? 'auto');
  const guarded = v('bpdu-guard') === 'yes';
  const power = ethernet?.values['poe-out'];
  const description = ethernet?.values['comment'] ?? '';
  return {
    ...mode, ...(edge === guarded ? { role: edge ? 'edge' : 'uplink' } : {}), ...(ethernet === undefined ? {} : { enabled: ethernet.values['disabled'] !== 'yes' }),
    ...(power === undefined ? {} : { poe: power !== 'off' }), ...(description === '' ? {} : { description }),
  };
}

/** Who carries a VLAN: what is changed in a batch is changed in one write. */
interface Membership {
  readonly row: Row | undefined;
  readonly tagged: Set<string>;
  readonly untagged: Set<string>;
}

interface Planning {
  readonly batch: Batch;
  readonly state: State;
  readonly target: Target;
  readonly network: Network;
}

export function vlanOf(change: Pick<Change, 'address' | 'was' | 'handle'>, { vlans }: Network): VlanOnRouter | undefined {
  const found = vlans.find(({ live }) => live.address === (change.was ?? change.address));
  const id = typeof change.handle === 'object' && change.handle !== null && 'id' in change.handle ? Number(change.handle['id']) : undefined;
  return found ?? vlans.find((vlan) => vlan.id === id);
}

/** VLANs first, then ports, what goes behind that, and last of all the bridge begins to look at the numbers. */
export function networkSteps({ batch, state, target, network }: Planning): { readonly build: readonly Step[]; readonly remove: readonly Step[]; readonly last: readonly Step[] } {
  const changes = batch.changes.map((change) => ({ change, ...parseAddress(change.address) })).filter(({ kind }) => kind === 'vlan' || kind === 'switch-port');
  if (changes.length === 0) return { build: [], remove: [], last: [] };
  const bridge = bridgeOf(target);
  const result = new Map(batch.result.map(({ address, spec }) => [address, spec]));
  const members = new Map<number, Membership>(network.vlans.map(({ id, rows: { tag } }) => [id, { row: tag, tagged: new Set(listOf(tag?.values['tagged'])), untagged: new Set(listOf(tag?.values['untagged'])) }]));
  const build: Step[] = [];
  const remove: Step[] = [];
  const texts = new Map<number, { readonly address: Address; readonly comment: string }>();
  for (const { change, name } of changes.filter(({ kind }) => kind === 'vlan')) {
    const found = vlanOf(change, network);
    if (change.verb === 'delete') {
      remove.push(...removeVlan(change.address, found));
      if (found !== undefined) members.delete(found.id);
      continue;
    }
    const spec = (result.get(change.address) ?? change.after ?? {}) as unknown as VlanSpec;
    const old = found === undefined ? undefined : members.get(found.id);
    if (found !== undefined && found.id !== spec.id) members.delete(found.id);
    const member: Membership = old ?? { row: undefined, tagged: new Set(), untagged: new Set() };
    if (spec.gateway !== undefined) member.tagged.add(bridge);
    members.set(spec.id, member);
    texts.set(spec.id, { address: change.address, comment: markerText('vlan', name, 'tag', spec.description) });
    build.push(...interfaceSteps(change.address, name, spec, found, bridge));
  }
  const ports = changes.filter(({ kind }) => kind === 'switch-port').flatMap(({ change, name }) => portSteps(change, network.ports.find((port) => port.name === name), result, members));
  const owner = changes[0]?.change.address ?? ('' as Address);
  const tags = [...members].flatMap(([id, { row, tagged, untagged }]): Step[] => {
    const text = texts.get(id);
    const values: Values = { bridge, 'vlan-ids': String(id), tagged: [...tagged].sort().join(','), untagged: [...untagged].sort().join(','), ...(text === undefined ? {} : { comment: text.comment, disabled: 'no' }) };
    return writeRow('interface/bridge/vlan', row, values, text?.address ?? owner, text !== undefined);
  });
  const filtering = bridgeRow(state, target);
  const last: Step[] = filtering === undefined || filters(state, target) ? [] : [{ verb: 'set', menu: 'interface/bridge', row: filtering, values: { 'vlan-filtering': 'yes' }, address: owner }];
  return { build: [...tags, ...build, ...ports], remove, last };
}

function writeRow(menu: Menu, row: Row | undefined, values: Values, address: Address, create = true): Step[] {
  if (row === undefined) return create ? [{ verb: 'add', menu, values: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')), address }] : [];
  const changed = differences({ menu, values }, row);
  return Object.keys(changed).length === 0 ? [] : [{ verb: 'set', menu, row, values: changed, address }];
}

function interfaceSteps(address: Address, name: string, spec: VlanSpec, found: VlanOnRouter | undefined, bridge: string): Step[] {
  const { gateway, subnet, dhcp } = spec;
  const rows = found?.rows ?? {};
  const comment = (part: VlanPart): string => markerText('vlan', name, part, part === 'iface' ? spec.description : undefined);
  const write = (part: VlanPart, values: Values): Step[] => writeRow(vlanParts[part], rows[part], { ...values, comment: comment(part) }, address);
  const prefix = subnet === undefined ? undefined : parseCidr(subnet)?.prefix;
  if (gateway === undefined || prefix === undefined) return rows.iface === undefined ? [] : write('iface', { 'vlan-id': String(spec.id), disabled: 'no' });
  const label = `soll-${name}`;
  // Who refers to the interface by its name follows when it gets another, and back.
  const onIt = (row: Row | undefined): string => (row !== undefined && row.values['interface'] === rows.iface?.values['name'] ? row.values['interface'] ?? name : name);
  return [
    ...write('iface', { name, interface: bridge, 'vlan-id': String(spec.id), disabled: 'no' }),
    // The router works the network out when it makes the address, and not when it changes one.
    ...write('address', { address: `${gateway}/${String(prefix)}`, network: (subnet ?? '').split('/')[0] ?? '', interface: onIt(rows.address), disabled: 'no' }),
    ...(dhcp === undefined ? [] : [
      ...write('pool', { name: rows.pool?.values['name'] ?? label, ranges: `${dhcp.from}-${dhcp.to}` }),
      ...write('net', { address: subnet ?? '', gateway, 'dns-server': (dhcp.dns ?? [gateway]).join(','), ...(dhcp.domain === undefined ? {} : { domain: dhcp.domain }) }),
      ...write('server', { name: rows.server?.values['name'] ?? label, interface: onIt(rows.server), 'address-pool': rows.pool?.values['name'] ?? label, disabled: 'no', ...(dhcp.leaseMinutes === undefined ? {} : { 'lease-time': `${String(dhcp.leaseMinutes)}m` }) }),
    ]),
  ];
}

/** Nothing may hang in the air: what uses goes before what is used. */
function removeVlan(address: Address, found: VlanOnRouter | undefined): Step[] {
  return (['server', 'net', 'pool', 'address', 'iface', 'tag'] as const).flatMap((part): Step[] => {
    const row = found?.rows[part];
    return row === undefined ? [] : [{ verb: 'remove', menu: vlanParts[part], row, address }];
  });
}

/** What a port is set back to. */
function factorySpec({ ethernet }: PortOnRouter): SwitchPortSpec {
  return { mode: 'access', vlan: 1, enabled: true, role: 'uplink', ...(ethernet?.values['poe-out'] === undefined ? {} : { poe: true }), description: '' };
}

function portSteps(change: Change, port: PortOnRouter | undefined, result: ReadonlyMap<Address, JsonObject>, members: ReadonlyMap<number, Membership>): Step[] {
  if (port === undefined) return [];
  const gone = change.verb === 'delete';
  const spec = gone ? factorySpec(port) : (result.get(change.address) ?? change.after ?? {}) as unknown as SwitchPortSpec;
  const pvid = spec.mode === 'access' ? spec.vlan : spec.native;
  join(port.name, pvid, spec.mode === 'access' ? [] : spec.tagged, members);
  const frames = gone ? 'admit-all' : spec.mode === 'access' ? onlyUntagged : spec.native === undefined ? onlyTagged : 'admit-all';
  const marker = parseMarker(port.port.values['comment']);
  const text = marker === undefined ? port.port.values['comment'] ?? '' : marker.text;
  const edge: Values = spec.role === undefined ? {} : spec.role === 'edge' ? { edge: 'yes', 'bpdu-guard': 'yes' } : { edge: gone ? 'auto' : 'no', 'bpdu-guard': 'no' };
  const values = { ...(pvid === undefined ? {} : { pvid: String(pvid) }), 'frame-types': frames, 'ingress-filtering': 'yes', disabled: 'no', ...edge, comment: gone ? text : markerText('switch-port', port.name, spec.mode, text) };
  return [...writeRow('interface/bridge/port', port.port, values, change.address), ...(port.ethernet === undefined ? [] : writeRow('interface/ethernet', port.ethernet, ethernetValues(spec, port.ethernet), change.address))];
}

/** Who is in a VLAN stands with the VLAN. */
function join(name: string, pvid: number | undefined, tagged: readonly number[] | undefined, members: ReadonlyMap<number, Membership>): void {
  for (const [id, member] of members) {
    if (tagged?.includes(id) === true) member.tagged.add(name);
    else if (tagged !== undefined) member.tagged.delete(name);
    if (id !== pvid || tagged?.includes(id) === true) member.untagged.delete(name);
  }
}

function ethernetValues({ description, enabled, poe }: SwitchPortSpec, { values }: Row): Values {
  const power = values['poe-out'] === 'forced-on' ? 'forced-on' : 'auto-on';
  return { ...(description === undefined ? {} : { comment: description }), ...(enabled === undefined ? {} : { disabled: enabled ? 'no' : 'yes' }), ...(poe === undefined ? {} : { 'poe-out': poe ? power : 'off' }) };
}
