/**
 * From rows of the router to resources. What carries our marker is read into a spec, then that spec is rendered again and compared with what is there: whatever
 * does not come out the same is told as changed, never passed over. Pure.
 */
import { toAddress, type Address, type Json, type JsonObject, type Live, type Target } from '#contract';
import { compareText } from '#core/canonical';
import { canonicalCidr } from '#core/ip';
import { missing } from './limits.ts';
import { differences, isStatic, lasting, listOf, type Item, type Menu, type Row, type State } from './model.ts';
import { isOwnKind, markerText, pairChain, parseMarker, zoneList, type Marker } from './names.ts';
import { readPorts, readVlans, type Network } from './network.ts';
import { builtinRank, chainRows, chainsOf, movesFor } from './order.ts';
import { baseItems, builtinChain, isNetwork, renderResource, type Context, type FirewallKind } from './render.ts';

export interface Parsed {
  readonly state: State;
  readonly live: readonly Live[];
  /** Rows of each resource of the firewall. */
  readonly rows: ReadonlyMap<Address, readonly Row[]>;
  /** Ours, and exactly what their spec renders to. */
  readonly exact: ReadonlySet<Address>;
  readonly context: Context;
  readonly network: Network;
}

type Spec = Readonly<Record<string, Json>>;

interface Own {
  readonly kind: FirewallKind;
  readonly name: string;
  readonly rows: readonly Row[];
}

const firewallMenus: readonly Menu[] = ['interface/list', 'interface/list/member', 'ip/firewall/address-list', 'ipv6/firewall/address-list', 'ip/firewall/filter', 'ipv6/firewall/filter', 'ip/firewall/nat'];

/** Whose row of its resource it is: the same in every reading, whatever people wrote behind the marker. */
export function keyOf(menu: Menu, { comment }: { readonly comment?: string }): string {
  const marker = parseMarker(comment);
  return marker === undefined ? `${menu} ${comment ?? ''}` : `${menu} ${markerText(marker.kind, marker.name, marker.part)}`;
}

function markerOf({ values }: Row): Marker | undefined {
  return parseMarker(values['comment']);
}

export function parseRouter(state: State, target: Target): Parsed {
  const owned = new Map<string, { kind: FirewallKind; name: string; rows: Row[] }>();
  const foreign: Row[] = [];
  for (const row of firewallMenus.flatMap((menu) => state[menu].filter(isStatic))) {
    const marker = markerOf(row);
    if (marker?.kind === 'base') continue;
    if (marker === undefined || !isOwnKind(marker.kind) || marker.kind === 'vlan' || marker.kind === 'switch-port') foreign.push(row);
    else {
      const key = `${marker.kind} ${marker.name}`;
      const own = owned.get(key) ?? { kind: marker.kind, name: marker.name, rows: [] };
      own.rows.push(row);
      owned.set(key, own);
    }
  }
  return read([...owned.values()], foreign, state, target);
}

/** Entries that somebody adds to one of our lists belong to it: rules use them. */
function groupRows(state: State, list: string): readonly Row[] {
  return [...state['ip/firewall/address-list'], ...state['ipv6/firewall/address-list']].filter((row) => isStatic(row) && row.values['list'] === list);
}

function memberRows(state: State, list: string): readonly Row[] {
  return state['interface/list/member'].filter((row) => isStatic(row) && row.values['list'] === list);
}

function contextOf(owned: readonly Own[], state: State): Context {
  const lists = [...new Set([...state['ip/firewall/address-list'], ...state['ipv6/firewall/address-list']].filter(isStatic).map(({ values }) => values['list'] ?? ''))];
  return {
    groups: new Map(lists.map((list) => [list, groupRows(state, list).map(({ values }) => canonicalCidr(values['address'] ?? '')).filter(isNetwork)])),
    services: new Map(owned.filter(({ kind }) => kind === 'service').map(({ name, rows }) => [name, servicePorts(rows)])),
  };
}

function servicePorts(rows: readonly Row[]): readonly string[] {
  return rows.flatMap(({ values }) => {
    const protocol = values['protocol'] ?? '';
    if (protocol === 'tcp' || protocol === 'udp') return listOf(values['dst-port']).map((port) => `${protocol}/${port}`);
    return [protocol === 'ipsec-esp' ? 'esp' : protocol];
  });
}

function read(owned: readonly Own[], foreign: readonly Row[], state: State, target: Target): Parsed {
  const context = contextOf(owned, state);
  const rows = new Map<Address, readonly Row[]>();
  const exact = new Set<Address>();
  const addressOf = (kind: string, name: string): Address => toAddress({ customer: target.customer, target: target.name, kind, name });
  const misplaced = misplacedRows(state);
  const own = owned.map((each): Live => {
    const address = addressOf(each.kind, each.name);
    const all = each.kind === 'address-group' ? groupRows(state, each.name) : each.kind === 'zone' ? [...each.rows.filter(({ menu }) => menu === 'interface/list'), ...memberRows(state, zoneList(each.name))] : each.rows;
    rows.set(address, all);
    const spec = specOf({ ...each, rows: all }, state);
    const wrong = differenceOf({ ...each, rows: all }, spec, context, state, misplaced);
    if (wrong === undefined) exact.add(address);
    return { address, spec: wrong === undefined ? spec : told(each.kind, spec, wrong), handle: null, origin: 'ours' };
  });
  const others = foreignLive(foreign, owned, state, addressOf, rows);
  const network = { vlans: readVlans(state, target), ports: readPorts(state, target) };
  const live = [...own, ...others, ...network.vlans.map(({ live: each }) => each), ...network.ports.filter(({ factory }) => !factory).map(({ live: each }) => each)];
  return { state, rows, exact, context, network, live: [...live].sort((a, b) => compareText(a.address, b.address)) };
}

/** Rows of ours that somebody else's row comes before, or that are in another order, by menu and id. */
function misplacedRows(state: State): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { menu, chain } of chainsOf(state)) {
    if (!['input', 'forward', 'output', 'dstnat', 'srcnat'].includes(chain)) continue;
    const rows = chainRows(state, menu, chain);
    const wanted = rows.filter((row) => markerOf(row) !== undefined).sort((a, b) => compareText(builtinRank(a.values['comment'] ?? ''), builtinRank(b.values['comment'] ?? '')));
    for (const { key } of movesFor(rows.map(({ id }) => id), wanted.map(({ id }) => id))) found.add(`${menu} ${key}`);
  }
  return found;
}

function isOn(flag: string | undefined): boolean {
  return flag === 'yes';
}

function pairOf(name: string): { readonly from: string; readonly to: string } {
  const [from = '', to = ''] = name.split('.');
  return { from, to };
}

function actionOf(row: Row | undefined): string {
  const action = row?.values['action'] ?? '';
  return ['accept', 'drop', 'reject'].includes(action) ? action : 'drop';
}

function endpointsOf(rows: readonly Row[], side: 'src' | 'dst'): readonly string[] {
  return [...new Set(rows.flatMap(({ values }) => {
    const list = values[`${side}-address-list`];
    const address = values[`${side}-address`];
    return [...(list === undefined ? [] : [`group:${list}`]), ...(address === undefined ? [] : [canonicalCidr(address)])];
  }))];
}

function withSome(field: string, values: readonly string[]): Spec {
  return values.length === 0 ? {} : { [field]: values };
}

function withComment(rows: readonly Row[]): Spec {
  const text = rows.map((row) => markerOf(row)?.text ?? '').find((each) => each !== '');
  return text === undefined ? {} : { comment: text };
}

function specOf(own: Own, state: State): Spec {
  const { kind, name, rows } = own;
  switch (kind) {
    case 'zone': return { interfaces: rows.filter(({ menu }) => menu === 'interface/list/member').map(({ values }) => values['interface'] ?? '') };
    case 'address-group': return { members: rows.map(({ values }) => canonicalCidr(values['address'] ?? '')) };
    case 'service': return { ports: servicePorts(rows) };
    case 'firewall-rule': {
      const services = [...new Set(rows.map((row) => (markerOf(row)?.part ?? '').split('/')[0] ?? ''))].filter((service) => service !== '-' && service !== '');
      return { ...pairOf(name), action: actionOf(rows[0]), log: isOn(rows[0]?.values['log']), ...withComment(rows), ...withSome('sources', endpointsOf(rows, 'src')), ...withSome('destinations', endpointsOf(rows, 'dst')), ...withSome('services', services) };
    }
    case 'firewall-policy': {
      const last = rows.find((row) => markerOf(row)?.part === 'default');
      return { ...pairOf(name), default: actionOf(last), log: isOn(last?.values['log']), order: orderOf(name, rows, state) };
    }
    case 'port-forward': return forwardSpec(rows);
    case 'masquerade': {
      const [from = '', to = ''] = (markerOf(rows[0] ?? { menu: 'ip/firewall/nat', id: '', values: {} })?.part ?? '').split('/');
      return { from, to, ...withSome('sources', endpointsOf(rows, 'src')) };
    }
  }
}

function forwardSpec(rows: readonly Row[]): Spec {
  const nat = rows.filter(({ menu }) => menu === 'ip/firewall/nat');
  const [first] = nat;
  const { values = {} } = first ?? {};
  const port = Number(values['dst-port'] ?? 0);
  const inner = Number(values['to-ports'] ?? port);
  const marker = first === undefined ? undefined : markerOf(first);
  return {
    from: (marker?.part ?? '').split('/')[1] ?? '', protocol: values['protocol'] ?? '', port, destination: values['to-addresses'] ?? '', ...(inner === port ? {} : { destinationPort: inner }), log: isOn(values['log']),
    ...withComment(nat), ...withSome('sources', endpointsOf(nat, 'src')),
  };
}

/** The order as it was written stands behind the default; both lists of rules must agree with it. */
function orderOf(pair: string, rows: readonly Row[], state: State): readonly string[] {
  const written = rows.map((row) => (markerOf(row)?.part === 'default' ? (markerOf(row)?.text ?? '') : '')).find((text) => text !== '')?.split(',') ?? [];
  const odd: string[] = [];
  for (const menu of ['ip/firewall/filter', 'ipv6/firewall/filter'] as const) {
    const found = chainRows(state, menu, pairChain(pair)).map((row) => {
      const marker = markerOf(row);
      return marker?.kind === 'firewall-rule' ? marker.name.slice(pair.length + 1) : marker?.kind === 'firewall-policy' ? '' : `[not ours: ${row.id}]`;
    });
    const end = found.indexOf('');
    const before = (end < 0 ? found : found.slice(0, end)).filter((name, index, all) => name !== all[index - 1]);
    const wanted = written.filter((name) => before.includes(name));
    const late = end < 0 ? ['[no default]'] : found.slice(end + 1).filter((name) => !name.startsWith('[')).map((name) => `[behind the default: ${name}]`);
    if (before.join(' ') !== wanted.join(' ') || late.length > 0) odd.push(...before, ...late);
  }
  return odd.length === 0 ? written : odd;
}

/** What is there beside, instead of or without what the spec says; undefined: nothing. */
function differenceOf({ kind, name, rows }: Own, spec: Spec, context: Context, state: State, misplaced: ReadonlySet<string>): string | undefined {
  const items = renderResource(kind, name, spec, context).filter((item) => parseMarker(item.values['comment'])?.kind !== 'base');
  const wanted = new Map(items.map((item) => [keyOf(item.menu, item.values), item]));
  const seen = new Set<string>();
  const parts: string[] = [];
  for (const row of rows) {
    const key = keyOf(row.menu, row.values);
    const item = wanted.get(key);
    if (item === undefined || seen.has(key)) parts.push(`${rowText(row)} is not its own`);
    else parts.push(...Object.keys(withoutText(differences(item, row), item, row)).map((field) => `${field} is ${JSON.stringify((row.values[field] ?? '').slice(0, 40))}`));
    seen.add(key);
  }
  const lost = [...wanted.keys()].filter((key) => !seen.has(key)).length;
  if (lost > 0) parts.push(`${String(lost)} of its rows are missing`);
  if (kind === 'firewall-policy') parts.push(...baseProblems(spec, state, misplaced));
  if (rows.some((row) => misplaced.has(`${row.menu} ${row.id}`))) parts.push('somebody\'s rule comes before it');
  const unique = [...new Set(parts)];
  return unique.length === 0 ? undefined : unique.slice(0, 3).join('; ');
}

/** What people wrote behind the marker is a field of its own where it is one. */
function withoutText(found: Readonly<Record<string, string>>, item: Item, row: Row): Readonly<Record<string, string>> {
  const { comment, ...rest } = found;
  const kind = parseMarker(item.values['comment'])?.kind;
  if (comment !== undefined && (kind === 'firewall-policy' || kind === 'firewall-rule' || kind === 'port-forward') && keyOf(row.menu, item.values) === keyOf(row.menu, row.values)) return kind === 'firewall-rule' ? found : rest;
  return found;
}

function rowText({ menu, values }: Row): string {
  return values['address'] ?? values['interface'] ?? `a row of ${menu}`;
}

function baseProblems(spec: Spec, state: State, misplaced: ReadonlySet<string>): readonly string[] {
  const chain = builtinChain({ from: String(spec['from']), to: String(spec['to']) });
  return baseItems(chain).flatMap((item) => {
    const row = state[item.menu].find((each) => isStatic(each) && each.values['comment'] === item.values['comment']);
    if (row === undefined) return ['answers are not let through'];
    return Object.keys(differences(item, row)).length > 0 || misplaced.has(`${row.menu} ${row.id}`) ? ['answers are not let through as they should'] : [];
  });
}

function foreignLive(foreign: readonly Row[], owned: readonly Own[], state: State, addressOf: (kind: string, name: string) => Address, rows: Map<Address, readonly Row[]>): readonly Live[] {
  const ourGroups = new Set(owned.filter(({ kind }) => kind === 'address-group').map(({ name }) => name));
  const ourZones = new Set(owned.filter(({ kind }) => kind === 'zone').map(({ name }) => zoneList(name)));
  const lists = [...new Set(foreign.filter(({ menu }) => menu.endsWith('address-list')).map(({ values }) => values['list'] ?? ''))].filter((list) => !ourGroups.has(list));
  const groups = lists.map((list): Live => {
    const entries = groupRows(state, list);
    const address = addressOf('address-group', list);
    rows.set(address, entries);
    const plain = entries.every(({ values }) => isNetwork(values['address'] ?? '') && values['disabled'] !== 'yes');
    return { address, spec: { members: entries.map(({ values }) => canonicalCidr(values['address'] ?? '')).filter(isNetwork) }, handle: null, origin: 'foreign', ...(plain ? {} : { readOnly: 'the list holds names, ranges or entries that are switched off' }) };
  });
  const others = foreign.flatMap((row): Live[] => {
    if (row.menu === 'interface/list' && !ourZones.has(row.values['name'] ?? '')) return [{ address: addressOf('zone', row.values['name'] ?? row.id), spec: { interfaces: memberRows(state, row.values['name'] ?? '').map(({ values }) => values['interface'] ?? '') }, handle: row.id, origin: 'foreign', readOnly: 'an interface list of others' }];
    return row.menu.endsWith('/filter') || row.menu.endsWith('/nat') ? [foreignRule(row, addressOf)] : [];
  });
  return [...groups, ...others];
}

function plainZone(text: string | undefined): string {
  return /^[a-z][a-z0-9-]{0,23}$/.exec((text ?? '').toLowerCase().replaceAll(/[^a-z0-9-]/g, '-'))?.[0] ?? 'any';
}

function foreignRule(row: Row, addressOf: (kind: string, name: string) => Address): Live {
  const { values, menu, id } = row;
  const name = `by-hand-${menu.startsWith('ipv6') ? 'v6-' : ''}${id.replaceAll(/[^A-Za-z0-9]/g, '')}`;
  const from = plainZone(values['in-interface-list'] ?? values['in-interface']);
  const text = Object.entries(lasting(row)).filter(([field]) => field !== 'comment' && field !== 'log').map(([field, value]) => `${field}=${value}`).join(' ');
  const comment = `${text}${values['comment'] === undefined ? '' : ` (${values['comment']})`}`.slice(0, 200);
  if (menu === 'ip/firewall/nat' && values['chain'] === 'dstnat') return { address: addressOf('port-forward', name), spec: { from, protocol: values['protocol'] ?? '', port: Number(values['dst-port'] ?? 0) || 0, destination: values['to-addresses'] ?? '', log: isOn(values['log']), comment }, handle: id, origin: 'foreign', readOnly: missing.forwards };
  if (menu === 'ip/firewall/nat') return { address: addressOf('masquerade', name), spec: { from: plainZone(values['src-address-list']), to: plainZone(values['out-interface-list'] ?? values['out-interface']) }, handle: id, origin: 'foreign', readOnly: missing.forwards };
  const to = values['chain'] === 'input' ? 'self' : plainZone(values['out-interface-list'] ?? values['out-interface']);
  return { address: addressOf('firewall-rule', `${from}.${to}.${name}`), spec: { from, to, action: actionOf(row), log: isOn(values['log']), comment }, handle: id, origin: 'foreign', readOnly: missing.rules };
}

/** A spec that says what is wrong where nothing that is written can be the same. */
function told(kind: FirewallKind, spec: JsonObject, text: string): JsonObject {
  const into = (field: string): JsonObject => ({ ...spec, [field]: [...(Array.isArray(spec[field]) ? (spec[field] as readonly Json[]) : []), `[${text}]`] });
  switch (kind) {
    case 'zone': return into('interfaces');
    case 'address-group': return into('members');
    case 'service': return into('ports');
    case 'firewall-policy': return into('order');
    case 'masquerade': return into('sources');
    case 'firewall-rule': case 'port-forward': return { ...spec, comment: `[${text}]` };
  }
}

