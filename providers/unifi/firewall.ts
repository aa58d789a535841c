/**
 * Firewall policies of the console and our rules, one for one. Ours carry a mark in their description; everything else about them is what their spec renders
 * to, or it is told as changed. A rule that is in no order is switched off. Pure.
 */
import { ProviderError, type Json, type JsonObject } from '#contract';
import { compareText } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import { canonicalCidr } from '#core/ip';
import type { FirewallRuleSpec } from '#generated/types';
import { addressItems, familiesOf, isAddressList } from './groups.ts';
import { numberOf, objectOf, objectsOf, textOf, textsOf, writable, type Item } from './model.ts';

/** What the console has beside policies, by id and by name. */
export interface Surroundings {
  /** Our names of zones by id; `self` is the gateway. */
  readonly zones: ReadonlyMap<string, string>;
  readonly zoneIds: ReadonlyMap<string, string>;
  /** Names of groups by id of their list. */
  readonly groups: ReadonlyMap<string, string>;
  readonly groupIds: ReadonlyMap<string, { readonly id: string; readonly family: 4 | 6 }>;
  /** Services by id of one of their lists. */
  readonly services: ReadonlyMap<string, { readonly name: string; readonly protocol: Protocol }>;
  readonly serviceIds: ReadonlyMap<string, ReadonlyMap<Protocol, string>>;
}

export type Protocol = 'tcp' | 'udp';

const protocols: readonly Protocol[] = ['tcp', 'udp'];
const mark = '[soll]';
const plainRule = /^[a-z][a-z0-9-]{0,31}$/;

/** Names of the console's zones as ours: as written in `settings.zones`, else in small letters. */
export function zoneName(raw: JsonObject, written: ReadonlyMap<string, string>): string {
  const name = textOf(raw, 'name');
  if (name === 'Gateway') return 'self';
  const slug = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^[^a-z]+|-+$/g, '').slice(0, 24);
  return written.get(name) ?? (slug === '' || slug === 'self' ? `zone-${textOf(raw, 'id').slice(0, 8)}` : slug);
}

/** A list of ports is called after its service and its protocol: the list itself knows none. */
export function serviceOf(raw: JsonObject): { readonly name: string; readonly protocol: Protocol } | undefined {
  const [, name, protocol] = /^([a-z][a-z0-9-]{0,23})\/(tcp|udp)$/.exec(textOf(raw, 'name')) ?? [];
  return raw['type'] !== 'PORTS' || name === undefined ? undefined : { name, protocol: protocol as Protocol };
}

export function surroundings(zones: readonly Item[], lists: readonly Item[], written: ReadonlyMap<string, string>): Surroundings {
  const names = new Map(zones.map(({ id, raw }) => [id, zoneName(raw, written)]));
  if (new Set(names.values()).size !== names.size) throw new ProviderError('unsupported', 'two zones of the console would have the same name here', { hint: 'settings: zones: a name for one of them' });
  const groups = lists.filter(({ raw }) => isAddressList(raw));
  const services = lists.flatMap(({ id, raw }) => { const service = serviceOf(raw); return service === undefined ? [] : [{ id, ...service }]; });
  const serviceIds = new Map<string, Map<Protocol, string>>();
  for (const { id, name, protocol } of services) serviceIds.set(name, (serviceIds.get(name) ?? new Map<Protocol, string>()).set(protocol, id));
  return {
    zones: names, zoneIds: new Map([...names].map(([id, name]) => [name, id])),
    groups: new Map(groups.map(({ id, raw }) => [id, textOf(raw, 'name')])),
    groupIds: new Map(groups.map(({ id, raw }) => [textOf(raw, 'name'), { id, family: raw['type'] === 'IPV6_ADDRESSES' ? 6 as const : 4 as const }])),
    services: new Map(services.map(({ id, name, protocol }) => [id, { name, protocol }])), serviceIds,
  };
}

/** Of one service all lists together. */
export function servicePorts(lists: readonly JsonObject[]): readonly string[] {
  return lists.flatMap((raw) => objectsOf(raw['items']).map((item) => {
    const protocol = serviceOf(raw)?.protocol ?? 'tcp';
    return item['type'] === 'PORT_NUMBER_RANGE' ? `${protocol}/${String(numberOf(item, 'start'))}-${String(numberOf(item, 'stop'))}` : `${protocol}/${String(numberOf(item, 'value'))}`;
  })).sort(compareText);
}

/** Bodies of a service's lists, by protocol. */
export function serviceBodies(name: string, ports: readonly string[]): ReadonlyMap<Protocol, JsonObject> {
  return new Map(protocols.flatMap((protocol): [Protocol, JsonObject][] => {
    const items = ports.filter((port) => port.startsWith(`${protocol}/`)).map((port): JsonObject => {
      const [start = 0, stop] = port.slice(protocol.length + 1).split('-').map(Number);
      return stop === undefined ? { type: 'PORT_NUMBER', value: start } : { type: 'PORT_NUMBER_RANGE', start, stop };
    });
    return items.length === 0 ? [] : [[protocol, { type: 'PORTS', name: `${name}/${protocol}`, items }]];
  }));
}

export function pairOf(raw: JsonObject): { readonly from: string; readonly to: string } {
  return { from: textOf(objectOf(raw['source']), 'zoneId'), to: textOf(objectOf(raw['destination']), 'zoneId') };
}

export function isMarked(raw: JsonObject): boolean {
  const { description, name } = raw;
  return typeof description === 'string' && (description === mark || description.startsWith(`${mark} `)) && typeof name === 'string' && plainRule.test(name);
}

const actions: Readonly<Record<FirewallRuleSpec['action'], JsonObject>> = { accept: { type: 'ALLOW', allowReturnTraffic: true }, drop: { type: 'BLOCK' }, reject: { type: 'REJECT' } };

export function actionOf(raw: JsonObject): FirewallRuleSpec['action'] {
  const { type } = objectOf(raw['action']);
  return type === 'ALLOW' ? 'accept' : type === 'REJECT' ? 'reject' : 'drop';
}

function endpoints(side: JsonObject, { groups }: Surroundings): readonly string[] {
  const filter = objectOf(objectOf(side['trafficFilter'])['ipAddressFilter']);
  if (filter['type'] === 'TRAFFIC_MATCHING_LIST') return [`group:${groups.get(String(filter['trafficMatchingListId'])) ?? String(filter['trafficMatchingListId'])}`];
  return objectsOf(filter['items']).map((item) => canonicalCidr(String(item['value'] ?? item['start'])));
}

/** What can be read of any policy; whether that is all of it, `difference` says. */
export function ruleSpec(raw: JsonObject, around: Surroundings): JsonObject {
  const { from, to } = pairOf(raw);
  const sources = endpoints(objectOf(raw['source']), around);
  const destinations = endpoints(objectOf(raw['destination']), around);
  const ports = objectOf(objectOf(objectOf(raw['destination'])['trafficFilter'])['portFilter']);
  const service = around.services.get(String(ports['trafficMatchingListId']));
  const comment = isMarked(raw) ? String(raw['description']).slice(mark.length + 1) : '';
  return {
    from: around.zones.get(from) ?? from, to: around.zones.get(to) ?? to, action: actionOf(raw), log: raw['loggingEnabled'] === true,
    ...(sources.length === 0 ? {} : { sources }), ...(destinations.length === 0 ? {} : { destinations }), ...(service === undefined ? {} : { services: [service.name] }), ...(comment === '' ? {} : { comment }),
  };
}

interface Side {
  readonly zoneId: string;
  readonly addresses: JsonObject | undefined;
  readonly family: 4 | 6 | undefined;
}

export class CannotRender extends Error {}

function sideOf(zone: string, endpointsOf: readonly string[] | undefined, { zoneIds, groupIds }: Surroundings): Side {
  const zoneId = zoneIds.get(zone);
  if (zoneId === undefined) throw new CannotRender(`the console has no zone ${zone}`);
  const [first] = endpointsOf ?? [];
  if (endpointsOf === undefined || first === undefined) return { zoneId, addresses: undefined, family: undefined };
  if (!first.startsWith('group:')) return { zoneId, addresses: { type: 'IP_ADDRESSES', matchOpposite: false, items: addressItems(endpointsOf) }, family: familiesOf(endpointsOf).has(6) ? 6 : 4 };
  const group = groupIds.get(first.slice('group:'.length));
  if (group === undefined) throw new CannotRender(`the console has no list ${first.slice('group:'.length)}`);
  return { zoneId, addresses: { type: 'TRAFFIC_MATCHING_LIST', matchOpposite: false, trafficMatchingListId: group.id }, family: group.family };
}

/** The whole policy. Throws CannotRender where something that it names is not there. */
export function ruleBody(name: string, spec: FirewallRuleSpec, around: Surroundings, enabled: boolean): JsonObject {
  const source = sideOf(spec.from, spec.sources, around);
  const destination = sideOf(spec.to, spec.destinations, around);
  const [service] = spec.services ?? [];
  const lists = service === undefined ? undefined : around.serviceIds.get(service);
  const [list] = lists ?? [];
  if (service !== undefined && (list === undefined || lists?.size !== 1)) throw new CannotRender(`service ${service} is not there with one protocol`);
  const ports = list === undefined ? undefined : { type: 'TRAFFIC_MATCHING_LIST', matchOpposite: false, trafficMatchingListId: list[1] };
  const family = source.family ?? destination.family;
  const filter = destination.addresses !== undefined ? { type: 'IP_ADDRESS', ipAddressFilter: destination.addresses, ...(ports === undefined ? {} : { portFilter: ports }) } : ports === undefined ? undefined : { type: 'PORT', portFilter: ports };
  return {
    enabled, name, description: spec.comment === undefined ? mark : `${mark} ${spec.comment}`, action: actions[spec.action], loggingEnabled: spec.log === true,
    source: { zoneId: source.zoneId, ...(source.addresses === undefined ? {} : { trafficFilter: { type: 'IP_ADDRESS', ipAddressFilter: source.addresses } }) },
    destination: { zoneId: destination.zoneId, ...(filter === undefined ? {} : { trafficFilter: filter }) },
    ipProtocolScope: { ipVersion: family === undefined ? 'IPV4_AND_IPV6' : family === 4 ? 'IPV4' : 'IPV6', ...(list === undefined ? {} : { protocolFilter: { type: 'NAMED_PROTOCOL', protocol: { name: list[0].toUpperCase() }, matchOpposite: false } }) },
  };
}

/** Absent and null are the same (Spec: "If null, …"); items of a filter are a set. */
function normal(value: Json | undefined): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(normal).sort((a, b) => compareText(JSON.stringify(a), JSON.stringify(b)));
  if (typeof value !== 'object' || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null).map(([key, each]) => [key, normal(each)]));
}

/** A field in which the policy is not what its spec renders to. */
export function difference(raw: JsonObject, spec: JsonObject, around: Surroundings): string | undefined {
  try {
    const [wanted, found] = [normal(ruleBody(textOf(raw, 'name'), spec as unknown as FirewallRuleSpec, around, raw['enabled'] === true)), normal(writable(raw))] as readonly JsonObject[];
    return [...new Set([...Object.keys(wanted ?? {}), ...Object.keys(found ?? {})])].sort(compareText).find((field) => !equalJson(wanted?.[field] ?? null, found?.[field] ?? null));
  } catch (error) {
    if (!(error instanceof CannotRender)) throw error;
    return error.message;
  }
}

export interface Ordering {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export function orderingOf(answer: JsonObject): Ordering {
  const ids = objectOf(answer['orderedFirewallPolicyIds']);
  return { before: textsOf(ids['beforeSystemDefined']), after: textsOf(ids['afterSystemDefined']) };
}

/**
 * Ours in this order, in the places that ours have; what others made keeps its place. All ours stand before what the system defines: behind it nothing would
 * reach them.
 */
export function reordered({ before, after }: Ordering, own: readonly string[]): Ordering {
  const ours = new Set(own);
  const queue = own.filter((id) => before.includes(id) || after.includes(id));
  const places = before.map((id) => (ours.has(id) ? queue.shift() ?? id : id));
  return { before: [...places, ...queue], after: after.filter((id) => !ours.has(id)) };
}
