/**
 * The listing of our table as resources. What soll wrote is recognised by its comments and chains; then the whole table is rendered from
 * that and compared with what is there: whatever does not come out the same was made by hand and is reported, never passed over.
 */
import { createHash } from 'node:crypto';
import { ProviderError, type Json, type JsonObject } from '#contract';
import type { FirewallRuleSpec } from '#generated/types';
import { isObject } from '#core/canonical';
import { protocolNumbers } from './limits.ts';
import { renderTable } from './render-table.ts';
import { sorted, textOf, toModel, type NamedSpec, type NftItem } from './model.ts';

export interface ParsedTable {
  readonly resources: readonly NamedSpec[];
  /** Made by hand inside our table: as rules, so that they can be seen and taken away. */
  readonly byHand: readonly NamedSpec[];
}

const altered = 'changed by hand: no longer what its parts say';

/** `items`: elements of `nft -j list table`. */
export function parseTable(listing: readonly NftItem[]): ParsedTable {
  const items = listing.filter((item) => !('metainfo' in item) && !('table' in item)).map((item) => numbered(stateless(item)));
  const reader = new TableReader(items);
  const resources = reader.read();
  return reconcile(resources, items);
}

/** Without what the traffic changes: a rule made by hand is the same rule when its counter has moved. */
function stateless(item: NftItem): NftItem {
  const plain = (value: Json): Json => {
    if (Array.isArray(value)) return (value as readonly Json[]).map(plain);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).filter(([key]) => !['expires', 'handle', 'used', 'used_unit'].includes(key)).map(([key, each]) => [key, key === 'counter' && isObject(each) && 'packets' in each ? null : plain(each)]));
  };
  return Object.fromEntries(Object.entries(item).map(([type, value]) => [type, plain(value)]));
}

/** nft names a protocol where the device has /etc/protocols, and numbers it where not. */
function numbered(item: NftItem): NftItem {
  const set = item['set'];
  if (!isObject(set) || set['type'] !== 'inet_proto') return item;
  return { set: { ...set, elem: list(set['elem']).map((each) => protocolNumbers[text(each).replace('ipv6-icmp', 'icmpv6')] ?? each) } };
}

function body(item: NftItem): { readonly type: string; readonly value: JsonObject } {
  const [type = '', value] = Object.entries(item)[0] ?? [];
  return { type, value: isObject(value) ? value : {} };
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

/** An address or network in our spelling; ranges and other forms of nft are not ours. */
function endpoint(value: Json): string | undefined {
  if (typeof value === 'string') return value;
  if (!isObject(value) || !isObject(value['prefix'])) return undefined;
  return `${text(value['prefix']['addr'])}/${String(value['prefix']['len'])}`;
}

function ports(value: Json, protocol: string): string | undefined {
  if (typeof value === 'number') return `${protocol}/${String(value)}`;
  const range = isObject(value) ? list(value['range']) : [];
  return range.length === 2 ? `${protocol}/${String(range[0])}-${String(range[1])}` : undefined;
}

/** The name of a protocol's number. */
const protocols = new Map(Object.entries(protocolNumbers).map(([name, number]): [Json, string] => [number, name]));

class TableReader {
  readonly #sets = new Map<string, readonly Json[]>();
  readonly #rules = new Map<string, JsonObject[]>();
  readonly #chains: string[] = [];

  constructor(items: readonly NftItem[]) {
    for (const item of items) {
      const { type, value } = body(item);
      const name = text(value['name']);
      if (type === 'set') this.#sets.set(name, list(value['elem']));
      else if (type === 'chain') this.#chains.push(name);
      else if (type === 'rule') {
        const chain = text(value['chain']);
        this.#rules.set(chain, [...(this.#rules.get(chain) ?? []), value]);
      }
    }
  }

  read(): readonly NamedSpec[] {
    return [...this.#zones(), ...this.#groups(), ...this.#services(), ...this.#policies(), ...this.#masquerades(), ...this.#forwards()];
  }

  #named(prefix: string): readonly (readonly [string, readonly Json[]])[] {
    return [...this.#sets].filter(([name]) => name.startsWith(prefix)).map(([name, elements]) => [name.slice(prefix.length), elements] as const);
  }

  #zones(): readonly NamedSpec[] {
    return this.#named('zone.').map(([name, elements]) => ({ kind: 'zone', name, spec: { interfaces: elements.map(text) } }));
  }

  #groups(): readonly NamedSpec[] {
    const groups = new Map<string, string[]>();
    for (const prefix of ['group4.', 'group6.']) {
      for (const [name, elements] of this.#named(prefix)) groups.set(name, [...(groups.get(name) ?? []), ...elements.flatMap((each) => endpoint(each) ?? JSON.stringify(each))]);
    }
    return [...groups].map(([name, members]) => ({ kind: 'address-group', name, spec: { members } }));
  }

  #services(): readonly NamedSpec[] {
    const services = new Map<string, string[]>();
    for (const [key, elements] of this.#named('service.')) {
      const dot = key.lastIndexOf('.');
      const protocol = key.slice(dot + 1);
      const found = elements.flatMap((each) => (protocol === 'proto' ? protocols.get(each) : ports(each, protocol)) ?? []);
      services.set(key.slice(0, dot), [...(services.get(key.slice(0, dot)) ?? []), ...found]);
    }
    return [...services].map(([name, found]) => ({ kind: 'service', name, spec: { ports: found } }));
  }

  #policies(): readonly NamedSpec[] {
    return this.#chains.filter((chain) => chain.startsWith('policy.')).flatMap((chain) => {
      const name = chain.slice('policy.'.length);
      const [from = '', to = ''] = name.split('.');
      const rules = this.#rules.get(chain) ?? [];
      const end = rules.find((each) => each['comment'] === 'default');
      const named = groupByName(rules, 'rule:');
      const specs = [...named].map(([short, parts]): NamedSpec => ({ kind: 'firewall-rule', name: `${name}.${short}`, spec: this.#rule(from, to, parts) }));
      const order = [...named.keys()];
      const policy: NamedSpec = { kind: 'firewall-policy', name, spec: { from, to, default: actionOf(end) ?? 'drop', log: hasLog(end), order } };
      return [policy, ...specs];
    });
  }

  #masquerades(): readonly NamedSpec[] {
    return [...groupByName(this.#rules.get('postrouting') ?? [], 'masquerade:')].map(([name, parts]) => {
      const { zones, sources } = this.#matches(parts);
      return { kind: 'masquerade', name, spec: { from: zones.iifname ?? '', to: zones.oifname ?? '', ...(sources.length === 0 ? {} : { sources }) } };
    });
  }

  #forwards(): readonly NamedSpec[] {
    return [...groupByName(this.#rules.get('prerouting') ?? [], 'forward:')].map(([name, parts]) => {
      const { zones, sources, port, comment } = this.#matches(parts);
      const dnat = parts.flatMap((part) => expressions(part)).flatMap((each) => (isObject(each['dnat']) ? [each['dnat']] : []))[0];
      const [protocol = 'tcp', number = 1] = port ?? [];
      const target = typeof dnat?.['port'] === 'number' ? dnat['port'] : number;
      const spec = { from: zones.iifname ?? '', protocol, port: number, destination: text(dnat?.['addr']), ...(target === number ? {} : { destinationPort: target }), ...(sources.length === 0 ? {} : { sources }), log: parts.some(hasLog), ...(comment === undefined ? {} : { comment }) };
      return { kind: 'port-forward', name, spec };
    });
  }

  #rule(from: string, to: string, parts: readonly JsonObject[]): JsonObject {
    const { sources, destinations, services, comment } = this.#matches(parts);
    return {
      from, to, action: actionOf(parts[0]) ?? 'drop', ...(sources.length === 0 ? {} : { sources }), ...(destinations.length === 0 ? {} : { destinations }),
      ...(services.length === 0 ? {} : { services }), log: parts.some(hasLog), ...(comment === undefined ? {} : { comment }),
    };
  }

  /** What all parts of one rule speak of; what is not understood here shows up when the table is rendered again. */
  #matches(parts: readonly JsonObject[]): Matches {
    const sources = new Set<string>();
    const destinations = new Set<string>();
    const services = new Set<string>();
    const zones: { iifname?: string; oifname?: string } = {};
    let port: readonly ['tcp' | 'udp', number] | undefined;
    for (const { left, right } of parts.flatMap(matchesOf)) {
      const meta = isObject(left['meta']) ? text(left['meta']['key']) : '';
      const field = isObject(left['payload']) ? left['payload'] : {};
      const name = text(right);
      if ((meta === 'iifname' || meta === 'oifname') && name.startsWith('@zone.')) zones[meta] = name.slice('@zone.'.length);
      else if (meta === 'l4proto' && name.startsWith('@service.')) services.add(name.slice('@service.'.length).replace(/\.[^.]*$/, ''));
      else if (field['field'] === 'saddr' || field['field'] === 'daddr') for (const each of this.#endpoints(right)) (field['field'] === 'saddr' ? sources : destinations).add(each);
      else if (field['field'] === 'dport' && name.startsWith('@service.')) services.add(name.slice('@service.'.length).replace(/\.[^.]*$/, ''));
      else if (field['field'] === 'dport' && typeof right === 'number') port = [field['protocol'] === 'udp' ? 'udp' : 'tcp', right];
    }
    const comment = text(parts[0]?.['comment']).split('|').slice(1).join('|');
    return { zones, sources: [...sources], destinations: [...destinations], services: [...services], ...(port === undefined ? {} : { port }), ...(comment === '' ? {} : { comment }) };
  }

  /** A group, the addresses of a rule's own set, or one address. */
  #endpoints(right: Json): readonly string[] {
    if (typeof right === 'string' && /^@group[46]\./.test(right)) return [`group:${right.slice('@group4.'.length)}`];
    const values = typeof right === 'string' && right.startsWith('@') ? this.#sets.get(right.slice(1)) ?? [] : [right];
    return values.flatMap((each) => endpoint(each) ?? []);
  }
}

function groupByName(rules: readonly JsonObject[], prefix: string): ReadonlyMap<string, readonly JsonObject[]> {
  const found = new Map<string, JsonObject[]>();
  for (const rule of rules) {
    const comment = text(rule['comment']);
    if (!comment.startsWith(prefix)) continue;
    const name = comment.slice(prefix.length).split('|')[0] ?? '';
    found.set(name, [...(found.get(name) ?? []), rule]);
  }
  return found;
}

function expressions(rule: JsonObject | undefined): readonly JsonObject[] {
  return list(rule?.['expr']).filter(isObject);
}

function hasLog(rule: JsonObject | undefined): boolean {
  return expressions(rule).some((each) => 'log' in each);
}

function actionOf(rule: JsonObject | undefined): FirewallRuleSpec['action'] | undefined {
  for (const each of expressions(rule)) for (const action of ['accept', 'drop', 'reject'] as const) if (action in each) return action;
  return undefined;
}

interface Matches {
  readonly zones: { readonly iifname?: string; readonly oifname?: string };
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
  readonly services: readonly string[];
  readonly port?: readonly ['tcp' | 'udp', number];
  readonly comment?: string;
}

function matchesOf(part: JsonObject): readonly { readonly left: JsonObject; readonly right: Json }[] {
  return expressions(part).flatMap((each) => (isObject(each['match']) && isObject(each['match']['left']) ? [{ left: each['match']['left'], right: each['match']['right'] ?? null }] : []));
}

/** Where an item belongs and what it says, without handles and counters. */
function keyOf(item: NftItem): string {
  const { type, value } = body(item);
  if (type === 'rule') return `rule ${text(value['chain'])} ${text(value['comment'])} ${textOf(list(value['expr']).filter((each) => !(isObject(each) && 'counter' in each)))}`;
  if (type === 'set') return `set ${text(value['name'])} ${text(value['type'])} ${textOf(value['flags'])} ${textOf(sorted(list(value['elem'])))}`;
  if (type === 'chain') return `chain ${text(value['name'])} ${textOf([value['type'] ?? null, value['hook'] ?? null, value['prio'] ?? null, value['policy'] ?? null])}`;
  return `${type} ${textOf(value)}`;
}

/** Rules in their order, chain by chain; everything else has none. */
function reconcile(resources: readonly NamedSpec[], items: readonly NftItem[]): ParsedTable {
  const expected = renderTable(toModel(resources));
  const wanted = new Map<string, NftItem[]>();
  for (const item of expected) wanted.set(keyOf(item), [...(wanted.get(keyOf(item)) ?? []), item]);
  const extra: NftItem[] = [];
  for (const item of items) {
    const left = wanted.get(keyOf(item));
    if (left === undefined || left.length === 0) extra.push(item);
    else left.pop();
  }
  const missing = [...wanted.values()].flat();
  const disordered = extra.length + missing.length === 0 && chainOrder(expected) !== chainOrder(items) ? [byHandRule('base', 'self', 'order', 'rules stand in another order')] : [];
  const wrong = new Set(missing.flatMap(ownerOf));
  const marked = resources.map((each) => (wrong.has(`${each.kind} ${each.name}`) ? { ...each, spec: mark(each) } : each));
  const unowned = missing.filter((item) => ownerOf(item).length === 0);
  const byHand = [...extra.filter((item) => !wrong.has(ownerOf(item)[0] ?? '')).map(describeByHand), ...unowned.map((item) => byHandRule('base', 'self', `missing-${short(keyOf(item))}`, describeItem(item))), ...disordered];
  return { resources: marked, byHand: [...new Map(byHand.map((each) => [each.name, each])).values()] };
}

function chainOrder(items: readonly NftItem[]): string {
  const chains = new Map<string, string[]>();
  for (const item of items) {
    const { type, value } = body(item);
    if (type === 'rule') chains.set(text(value['chain']), [...(chains.get(text(value['chain'])) ?? []), keyOf(item)]);
  }
  return JSON.stringify([...chains].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Kinds by the first part of a set's name; where more sets than one belong to a resource, the last part tells them apart. */
const setOwners: Readonly<Record<string, string>> = { zone: 'zone', group4: 'address-group', group6: 'address-group', service: 'service', rule: 'firewall-rule', forward: 'port-forward', masquerade: 'masquerade' };

/** The resource that an item is a part of. */
function ownerOf(item: NftItem): readonly string[] {
  const { type, value } = body(item);
  const name = text(value['name']);
  if (type === 'set') {
    const [prefix = ''] = name.split('.');
    const kind = setOwners[prefix];
    const own = name.slice(prefix.length + 1);
    return kind === undefined ? [] : [`${kind} ${kind === 'zone' || kind === 'address-group' ? own : own.replace(/\.[^.]*$/, '')}`];
  }
  if (type !== 'rule') return [];
  const chain = text(value['chain']);
  const [mark4 = ''] = text(value['comment']).split('|');
  if (mark4.startsWith('rule:') && chain.startsWith('policy.')) return [`firewall-rule ${chain.slice('policy.'.length)}.${mark4.slice('rule:'.length)}`];
  if (mark4 === 'default' && chain.startsWith('policy.')) return [`firewall-policy ${chain.slice('policy.'.length)}`];
  if (mark4.startsWith('forward:')) return [`port-forward ${mark4.slice('forward:'.length)}`];
  return mark4.startsWith('masquerade:') ? [`masquerade ${mark4.slice('masquerade:'.length)}`] : [];
}

/** A spec that no file can equal, and that says why. */
function mark({ kind, spec }: NamedSpec): JsonObject {
  if (kind === 'firewall-rule' || kind === 'port-forward') return { ...spec, comment: altered };
  if (kind === 'masquerade') return { ...spec, sources: [altered] };
  if (kind === 'firewall-policy') return { ...spec, order: [...list(spec['order']), altered] };
  const field = kind === 'zone' ? 'interfaces' : kind === 'service' ? 'ports' : 'members';
  return { ...spec, [field]: [...list(spec[field]), altered] };
}

function short(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8);
}

function byHandRule(from: string, to: string, name: string, comment: string, action: FirewallRuleSpec['action'] = 'accept'): NamedSpec {
  return { kind: 'firewall-rule', name: `${from}.${to}.${name}`, spec: { from, to, action, log: false, comment: comment.slice(0, 400) } };
}

function describeByHand(item: NftItem): NamedSpec {
  const { type, value } = body(item);
  const chain = text(value['chain']);
  const [from = 'base', to = 'self'] = chain.startsWith('policy.') ? chain.slice('policy.'.length).split('.') : ['base', chain === '' ? 'self' : chain];
  return byHandRule(from, to, `by-hand-${short(keyOf(item))}`, `${type === 'rule' ? '' : `${type} `}${describeItem(item)}`, type === 'rule' ? actionOf(value) ?? 'accept' : 'accept');
}

/** For a report: what was found, in nft's own words as far as JSON has them. */
function describeItem(item: NftItem): string {
  const { type, value } = body(item);
  return type === 'rule' ? `${text(value['chain'])}: ${textOf(value['expr'])}` : `${text(value['name'])} ${type === 'set' ? textOf(value['elem']) : textOf(value['policy'])}`;
}

/** Output of `nft -j`; throws `protocol` when it is not that. */
export function parseListing(stdout: string): readonly NftItem[] {
  try {
    const value: unknown = JSON.parse(stdout);
    if (typeof value === 'object' && value !== null && 'nftables' in value && Array.isArray(value.nftables)) return (value.nftables as Json[]).filter(isObject);
  } catch {
    // Told below.
  }
  throw new ProviderError('protocol', 'nft -j printed something that is not its JSON form; the list is incomplete', { hint: 'is nftables built with JSON support on the device?' });
}
