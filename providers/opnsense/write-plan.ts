/** From what must be there to single writes, each with what takes it back. Pure. */
import { parseAddress, toAddress, type Address, type Batch, type Change, type ResultResource } from '#contract';
import { compareText } from '#core/canonical';
import type { FirewallPolicySpec } from '#generated/types';
import { largestSequence } from './limits.ts';
import { differences, restorable, setOf, type Item, type Module, type Row, type Values } from './model.ts';
import { isOwnKind, uuidOf, type OwnKind } from './names.ts';
import { byEvaluation, numberPlaces, pairIn, rankOf, type Place } from './order.ts';
import type { Parsed } from './parse.ts';
import { renderResource, type Context } from './render.ts';

export interface Write {
  readonly verb: 'set' | 'delete';
  readonly module: Module;
  readonly uuid: string;
  /** For a set: fields to write. */
  readonly values: Values;
  /** What was there; absent: nothing. */
  readonly before?: Values;
  /** Resource that it is part of; renumbering belongs to its rule. */
  readonly address: Address;
}

export interface WritePlan {
  /** Devices and interfaces of VLANs where networks are held: other things may name them only once they are there. */
  readonly networks: readonly Write[];
  /** A run broke off that may have saved networks and not come so far as to put them into force. */
  readonly networksUnsure: boolean;
  /** Interface groups that do not exist yet: rules may name them only once they are registered. */
  readonly groups: readonly Write[];
  readonly rest: readonly Write[];
}

interface Wanted {
  readonly address: Address;
  readonly kind: OwnKind;
  readonly name: string;
  readonly items: readonly Item[];
}

/** A VLAN that has no name on the device is found by its id. */
export function rowsOf(change: Pick<Change, 'address' | 'was' | 'handle'>, { rows }: Parsed): readonly Row[] {
  const found = rows.get(change.was ?? change.address);
  if (found !== undefined) return found;
  return [...rows.values()].find(([first, ...more]) => first?.module === 'vlan' && more.every(({ module }) => module === 'interface') && first.uuid === change.handle) ?? [];
}

export function planWrites(batch: Batch, parsed: Parsed): WritePlan {
  const changed = new Map(batch.changes.map((change) => [change.address, change]));
  const context = contextAfter(batch, parsed);
  const wanted = batch.result.flatMap((resource) => wantedOf(resource, changed, parsed, context));
  const removed = batch.changes.flatMap((change): Row[] => (change.verb === 'delete' || change.was !== undefined ? [...rowsOf(change, parsed)] : []));
  const now = new Map([...parsed.rows.values()].flat().map((row) => [row.uuid, row]));
  const sets = wanted.flatMap(({ address, items }) => items.flatMap((item): Write[] => {
    const row = now.get(item.uuid);
    if (row === undefined) return [{ verb: 'set', module: item.module, uuid: item.uuid, values: item.values, address }];
    return differences(item, row.values).length === 0 ? [] : [{ verb: 'set', module: item.module, uuid: item.uuid, values: item.values, before: restorable(row), address }];
  }));
  const kept = new Set(wanted.flatMap(({ items }) => items.map(({ uuid }) => uuid)));
  // An interface goes with its VLAN and for nothing else.
  const owned = [...removed, ...wanted.flatMap(({ address }) => parsed.rows.get(address) ?? []).filter(({ module }) => module !== 'interface')].filter((row) => !kept.has(row.uuid));
  const addressOf = new Map([...parsed.rows].flatMap(([address, rows]) => rows.map((row) => [row.uuid, address] as const)));
  const deletes = [...new Map(owned.map((row) => [row.uuid, row])).values()].map((row): Write => ({ verb: 'delete', module: row.module, uuid: row.uuid, values: {}, before: restorable(row), address: addressOf.get(row.uuid) ?? batch.changes[0]?.address ?? ('' as Address) }));
  const numbered = withSequences(sets, deletes, wanted, batch, parsed);
  const isNewGroup = ({ module, before }: Write): boolean => module === 'group' && before === undefined;
  const isNetwork = ({ module }: Write): boolean => context.interfaces !== undefined && (module === 'vlan' || module === 'interface');
  return {
    networksUnsure: context.interfaces !== undefined && (parsed.pending.all || parsed.pending.entries.some(({ kind }) => kind === 'vlan')),
    networks: inOrder(numbered.filter(isNetwork), setOrder),
    groups: numbered.filter(isNewGroup),
    rest: [...inOrder(numbered.filter((write) => !isNewGroup(write) && !isNetwork(write)), setOrder), ...inOrder(deletes, deleteOrder)],
  };
}

const setOrder: readonly Module[] = ['vlan', 'interface', 'range', 'option', 'alias', 'group', 'rule', 'dnat', 'snat'];
const deleteOrder: readonly Module[] = ['snat', 'dnat', 'rule', 'alias', 'group', 'option', 'range', 'interface', 'vlan'];

/** An alias that others use comes before them, and goes after them. */
function inOrder(writes: readonly Write[], order: readonly Module[]): readonly Write[] {
  return [...writes].sort((a, b) => order.indexOf(a.module) - order.indexOf(b.module) || depth(a) - depth(b));
}

/** Aliases with aliases in them: those of forwards and masquerading. */
function depth({ verb, module, values, before }: Write): number {
  if (module !== 'alias') return 0;
  const nested = /^(?:fw|mq)_/.test(values['name'] ?? before?.['name'] ?? '');
  return nested === (verb === 'set') ? 1 : 0;
}

/** Names, members and ports as they will be. */
function contextAfter({ result, changes }: Batch, parsed: Parsed): Context {
  const { context } = parsed;
  const of = (kind: OwnKind): readonly (readonly [string, ResultResource])[] => result.filter(({ address }) => parseAddress(address).kind === kind).map((each) => [parseAddress(each.address).name, each] as const);
  const gone = new Set(changes.flatMap(({ verb, address, was }) => (verb === 'delete' ? [address] : was === undefined ? [] : [was])));
  const left = <T>(kind: OwnKind, map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] => [...map].filter(([name]) => ![...gone].some((address) => parseAddress(address).kind === kind && parseAddress(address).name === name));
  const renamedVlans = changes.flatMap(({ address, handle, verb }) => (parseAddress(address).kind === 'vlan' && typeof handle === 'string' && verb === 'update' ? [[parseAddress(address).name, { uuid: handle, name: '', text: '' }] as const] : []));
  return {
    ...context,
    zones: new Map([...left('zone', context.zones), ...of('zone').map(([name, { spec }]) => [name, setOf((spec['interfaces'] as readonly string[] | undefined)?.join(','))] as const)]),
    zoneIdentity: new Map(left('zone', context.zoneIdentity)),
    groupIdentity: new Map(left('address-group', context.groupIdentity)),
    vlanIdentity: new Map([...context.vlanIdentity, ...renamedVlans]),
    vlanDevices: new Map([...context.vlanDevices, ...renamedVlans.flatMap(([name, { uuid }]) => devicesOf(uuid, parsed).map((device) => [name, device] as const))]),
    services: new Map([...left('service', context.services), ...of('service').map(([name, { spec }]) => [name, (spec['ports'] as readonly string[] | undefined) ?? []] as const)]),
  };
}

/** The device of a VLAN that gets another name, found by its id. */
function devicesOf(uuid: string, { rows }: Parsed): readonly string[] {
  return [...rows.values()].flatMap(([first]) => (first?.uuid === uuid && (first.values['vlanif'] ?? '') !== '' ? [first.values['vlanif'] ?? ''] : []));
}

/** What changes, and what is ours and exactly as its spec says: that may have to follow a change of something that it uses. */
function wantedOf({ address, spec, origin }: ResultResource, changed: ReadonlyMap<Address, Change>, parsed: Parsed, context: Context): readonly Wanted[] {
  const { kind, name } = parseAddress(address);
  if (!isOwnKind(kind) || !(changed.has(address) || (origin === 'ours' && parsed.exact.has(address)))) return [];
  return [{ address, kind, name, items: renderResource(kind, name, spec, context) }];
}

/** New numbers for rules: whole lists per zone, in the order of pairs, rules and defaults. */
function withSequences(sets: readonly Write[], deletes: readonly Write[], wanted: readonly Wanted[], batch: Batch, parsed: Parsed): readonly Write[] {
  const gone = new Set(deletes.map(({ uuid }) => uuid));
  const numbers = new Map<string, number>();
  const owner = new Map<string, Address>();
  for (const places of placesOf(wanted, batch, parsed, gone, owner)) for (const [uuid, number] of numberPlaces(places)) numbers.set(uuid, number);
  const rows = new Map([...parsed.rows.values()].flat().map((row) => [row.uuid, row]));
  const written = sets.map((write): Write => {
    const number = numbers.get(write.uuid) ?? (write.module === 'dnat' && write.before === undefined ? lastSequence(parsed, 'dnat') : write.module === 'snat' && write.before === undefined ? lastSequence(parsed, 'snat') : undefined);
    return number === undefined ? write : { ...write, values: { ...write.values, sequence: String(number) } };
  });
  const only = [...numbers].filter(([uuid]) => !sets.some((write) => write.uuid === uuid)).flatMap(([uuid, number]): Write[] => {
    const row = rows.get(uuid);
    const address = owner.get(uuid);
    return row === undefined || address === undefined ? [] : [{ verb: 'set', module: 'rule', uuid, values: { sequence: String(number) }, before: { sequence: row.values['sequence'] ?? '' }, address }];
  });
  return [...written, ...only];
}

/** Behind what is there: of NAT rules the first that fits decides, and ours do not stand in the way of older ones. */
function lastSequence({ rows }: Parsed, module: 'dnat' | 'snat'): number {
  return Math.min(largestSequence, Math.max(0, ...[...rows.values()].flat().filter((row) => row.module === module).map(({ values }) => Number(values['sequence'] ?? 0))) + 1);
}

function placesOf(wanted: readonly Wanted[], { result, changes, target }: Batch, parsed: Parsed, gone: ReadonlySet<string>, owner: Map<string, Address>): readonly (readonly Place[])[] {
  const [{ customer } = { customer: '' }] = changes.map(({ address }) => parseAddress(address));
  const addressOf = (kind: 'firewall-rule' | 'firewall-policy', name: string): Address => toAddress({ customer, target, kind, name });
  const items = new Map(wanted.map((each) => [each.address, each.items]));
  const specs = new Map(result.map(({ address, spec }) => [address, spec]));
  const current = (address: Address): readonly Row[] => [...(parsed.rows.get(address) ?? [])].filter(({ uuid }) => !gone.has(uuid)).sort(byEvaluation);
  const partsOf = (address: Address): readonly Place[] => {
    const rows = current(address);
    const uuids = items.get(address)?.map(({ uuid }) => uuid) ?? rows.map(({ uuid }) => uuid);
    for (const uuid of uuids) owner.set(uuid, address);
    return uuids.map((uuid): Place => {
      const row = rows.find((each) => each.uuid === uuid);
      return row === undefined ? { uuid } : { uuid, sequence: Number(row.values['sequence'] ?? 0) };
    });
  };
  const ours = [...new Set([...items.keys(), ...parsed.rows.keys()])].map((address) => ({ address, ...parseAddress(address) })).filter(({ kind, name, address }) => (kind === 'firewall-rule' || kind === 'firewall-policy') && (items.has(address) || parsed.rows.get(address)?.some(({ uuid }) => uuid.startsWith(uuidOf(kind, name).slice(0, 19))) === true));
  const pairs = [...new Set(ours.map(({ name }) => pairIn(name)))];
  const zones = [...new Set(pairs.map((pair) => pair.split('.')[0] ?? ''))].sort(compareText);
  return zones.map((zone) => pairs.filter((pair) => pair.startsWith(`${zone}.`)).sort((a, b) => compareText(rankOf(a, parsed.context.external), rankOf(b, parsed.context.external))).flatMap((pair) => {
    const policy = addressOf('firewall-policy', pair);
    const order = (specs.get(policy) as FirewallPolicySpec | undefined)?.order ?? [];
    const names = ours.filter(({ kind, name }) => kind === 'firewall-rule' && pairIn(name) === pair).map(({ name }) => name.slice(pair.length + 1));
    const known = order.filter((name) => names.includes(name));
    // Rules that the policy does not speak of keep their place among themselves, before the default.
    const others = names.filter((name) => !known.includes(name)).map((name) => ({ name, first: current(addressOf('firewall-rule', `${pair}.${name}`))[0] })).sort((a, b) => (a.first === undefined || b.first === undefined ? 0 : byEvaluation(a.first, b.first)));
    return [...[...known, ...others.map(({ name }) => name)].flatMap((name) => partsOf(addressOf('firewall-rule', `${pair}.${name}`))), ...partsOf(policy)];
  }));
}
