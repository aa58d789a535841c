/**
 * The model as the items of one table, in the form of libnftables-json(5). Typed values only: no text of a customer is ever parsed by nft.
 * Zones are sets of interface names, groups are a set per address family, services a set per protocol; a policy is a chain; a rule is
 * one nft rule per combination of source, destination and service, all with the same comment.
 */
import type { Json, JsonObject } from '#contract';
import { parseCidr } from '#core/ip';
import type { FirewallPolicySpec, FirewallRuleSpec, PortForwardSpec } from '#generated/types';
import { protocolNumbers, table } from './limits.ts';
import type { Model, NftItem } from './model.ts';

type Expression = JsonObject;
/** One way to match; `family` where it only fits one. */
interface Alternative {
  readonly family?: 4 | 6;
  readonly match: readonly Expression[];
}

const own = { family: table.family, table: table.name };

export function match(left: JsonObject, right: Json): Expression {
  return { match: { op: '==', left, right } };
}

const meta = (key: string): JsonObject => ({ meta: { key } });
const payload = (protocol: string, field: string): JsonObject => ({ payload: { protocol, field } });

export function renderTable(model: Model): readonly NftItem[] {
  return [...renderSets(model), ...renderChains(model), ...renderBase(model), ...renderPolicies(model), ...renderNat(model)];
}

/** `10.0.0.0/8` as nft writes it. */
function element(text: string): Json {
  const [addr = '', length] = text.split('/');
  return length === undefined ? addr : { prefix: { addr, len: Number(length) } };
}

function set(name: string, type: string, elements: readonly Json[], interval: boolean): NftItem {
  return { set: { ...own, name, type, ...(interval ? { flags: ['interval'] } : {}), ...(elements.length === 0 ? {} : { elem: elements }) } };
}


export interface ServiceParts {
  readonly tcp: readonly Json[];
  readonly udp: readonly Json[];
  readonly proto: readonly Json[];
}

export function serviceParts(ports: readonly string[]): ServiceParts {
  const range = (text: string): Json => {
    const [from = '', to] = text.split('-');
    return to === undefined || to === from ? Number(from) : { range: [Number(from), Number(to)] };
  };
  const of = (protocol: string): readonly Json[] => ports.filter((port) => port.startsWith(`${protocol}/`)).map((port) => range(port.slice(protocol.length + 1)));
  return { tcp: of('tcp'), udp: of('udp'), proto: ports.flatMap((port) => protocolNumbers[port] ?? []) };
}

/** Addresses of one family among endpoints. */
function literals(endpoints: readonly string[] | undefined, family: 4 | 6): readonly Json[] {
  return (endpoints ?? []).filter((text) => parseCidr(text)?.family === family).map(element);
}

/** What a rule, forward or masquerade is called in the names of its own sets. */
function ownerName(type: 'rule' | 'forward' | 'masquerade', name: string): string {
  return `${type}.${name}`;
}

type Field = 'saddr' | 'daddr';

/** Several addresses of one rule. A named set holds them as they are written; nft melts neighbours in a nameless one that has a network in it. */
function literalSets(owner: string, field: Field, endpoints: readonly string[] | undefined): readonly NftItem[] {
  return ([4, 6] as const).flatMap((family) => {
    const found = literals(endpoints, family);
    return found.length < 2 ? [] : [set(`${owner}.${field}${String(family)}`, family === 4 ? 'ipv4_addr' : 'ipv6_addr', found, true)];
  });
}

function renderOwnSets({ rules, forwards, masquerades }: Model): readonly NftItem[] {
  return [
    ...[...rules].flatMap(([name, { sources, destinations }]) => [...literalSets(ownerName('rule', name), 'saddr', sources), ...literalSets(ownerName('rule', name), 'daddr', destinations)]),
    ...[...forwards].flatMap(([name, { sources }]) => literalSets(ownerName('forward', name), 'saddr', sources)),
    ...[...masquerades].flatMap(([name, { sources }]) => literalSets(ownerName('masquerade', name), 'saddr', sources)),
  ];
}

function renderSets(model: Model): readonly NftItem[] {
  const { zones, groups, services } = model;
  return [
    ...[...zones].map(([name, { interfaces }]) => set(`zone.${name}`, 'ifname', interfaces, false)),
    ...[...groups].flatMap(([name, group]) => [set(`group4.${name}`, 'ipv4_addr', literals(group.members, 4), true), set(`group6.${name}`, 'ipv6_addr', literals(group.members, 6), true)]),
    ...[...services].flatMap(([name, { ports }]) => {
      const { tcp, udp, proto } = serviceParts(ports);
      return [
        ...(tcp.length === 0 ? [] : [set(`service.${name}.tcp`, 'inet_service', tcp, true)]),
        ...(udp.length === 0 ? [] : [set(`service.${name}.udp`, 'inet_service', udp, true)]),
        ...(proto.length === 0 ? [] : [set(`service.${name}.proto`, 'inet_proto', proto, false)]),
      ];
    }),
    ...renderOwnSets(model),
  ];
}

function baseChain(name: string, type: string, hook: string, prio: number, policy: string): NftItem {
  return { chain: { ...own, name, type, hook, prio, policy } };
}

function renderChains({ policies }: Model): readonly NftItem[] {
  return [
    baseChain('input', 'filter', 'input', 0, 'drop'), baseChain('forward', 'filter', 'forward', 0, 'drop'), baseChain('output', 'filter', 'output', 0, 'accept'),
    baseChain('prerouting', 'nat', 'prerouting', -100, 'accept'), baseChain('postrouting', 'nat', 'postrouting', 100, 'accept'),
    { chain: { ...own, name: 'forwards' } },
    ...[...policies.keys()].map((name): NftItem => ({ chain: { ...own, name: `policy.${name}` } })),
  ];
}

function rule(chain: string, expr: readonly Expression[], comment?: string): NftItem {
  return { rule: { ...own, chain, expr, ...(comment === undefined ? {} : { comment }) } };
}

const accept: Expression = { accept: null };
const state = (right: Json): Expression => ({ match: { op: 'in', left: { ct: { key: 'state' } }, right } });
/** RFC 4890 section 4.4.1: without these IPv6 does not work on a link. */
const neighbour = match(payload('icmpv6', 'type'), { set: ['nd-router-solicit', 'nd-router-advert', 'nd-neighbor-solicit', 'nd-neighbor-advert'] });

function renderBase({ policies, forwards }: Model): readonly NftItem[] {
  const list = [...policies.values()];
  const from = ({ from: zone }: FirewallPolicySpec): Expression => match(meta('iifname'), `@zone.${zone}`);
  const to = ({ to: zone }: FirewallPolicySpec): Expression => match(meta('oifname'), `@zone.${zone}`);
  const jump = (policy: FirewallPolicySpec): Expression => ({ jump: { target: `policy.${policy.from}.${policy.to}` } });
  const known = (chain: string): readonly NftItem[] => [rule(chain, [state(['established', 'related']), accept]), rule(chain, [state('invalid'), { drop: null }])];
  const outgoing = list.filter((policy) => policy.from === 'self' && policy.to !== 'self');
  return [
    ...known('input'),
    rule('input', [match(meta('iifname'), 'lo'), accept]),
    rule('input', [neighbour, accept]),
    ...list.filter((policy) => policy.to === 'self' && policy.from !== 'self').map((policy) => rule('input', [from(policy), jump(policy)])),
    ...known('forward'),
    ...(forwards.size === 0 ? [] : [rule('forward', [{ match: { op: 'in', left: { ct: { key: 'status' } }, right: 'dnat' } }, { jump: { target: 'forwards' } }])]),
    ...list.filter((policy) => policy.to !== 'self' && policy.from !== 'self').map((policy) => rule('forward', [from(policy), to(policy), jump(policy)])),
    ...(outgoing.length === 0 ? [] : [rule('output', [state(['established', 'related']), accept]), rule('output', [match(meta('oifname'), 'lo'), accept])]),
    ...outgoing.map((policy) => rule('output', [to(policy), jump(policy)])),
  ];
}

/** Undefined: any. One alternative per family for the literals, and per family of each group. */
function addresses(owner: string, field: Field, endpoints: readonly string[] | undefined): readonly Alternative[] {
  if (endpoints === undefined) return [{ match: [] }];
  const names = { 4: 'ip', 6: 'ip6' } as const;
  const written = ([4, 6] as const).flatMap((family): Alternative[] => {
    const [first, ...more] = literals(endpoints, family);
    return first === undefined ? [] : [{ family, match: [match(payload(names[family], field), more.length === 0 ? first : `@${owner}.${field}${String(family)}`)] }];
  });
  const groups = endpoints.filter((text) => text.startsWith('group:')).flatMap((text) => ([4, 6] as const).map((family): Alternative => ({ family, match: [match(payload(names[family], field), `@group${String(family)}.${text.slice(6)}`)] })));
  return [...written, ...groups];
}

function serviceAlternatives(names: readonly string[] | undefined, services: Model['services']): readonly Alternative[] {
  if (names === undefined) return [{ match: [] }];
  return names.flatMap((name) => {
    const { tcp, udp, proto } = serviceParts(services.get(name)?.ports ?? []);
    return [
      ...(tcp.length === 0 ? [] : [{ match: [match(payload('tcp', 'dport'), `@service.${name}.tcp`)] }]),
      ...(udp.length === 0 ? [] : [{ match: [match(payload('udp', 'dport'), `@service.${name}.udp`)] }]),
      ...(proto.length === 0 ? [] : [{ match: [match(meta('l4proto'), `@service.${name}.proto`)] }]),
    ];
  });
}

function combine(...lists: readonly (readonly Alternative[])[]): readonly Alternative[] {
  return lists.reduce<readonly Alternative[]>((all, list) => all.flatMap((a) => list.flatMap((b): Alternative[] => {
    if (a.family !== undefined && b.family !== undefined && a.family !== b.family) return [];
    const family = a.family ?? b.family;
    return [{ match: [...a.match, ...b.match], ...(family === undefined ? {} : { family }) }];
  })), [{ match: [] }]);
}

const verdicts: Readonly<Record<FirewallRuleSpec['action'], Expression>> = { accept, drop: { drop: null }, reject: { reject: { type: 'icmpx', expr: 'port-unreachable' } } };

export function commentOf(type: 'rule' | 'forward' | 'masquerade', name: string, comment: string | undefined): string {
  return `${type}:${name}${comment === undefined ? '' : `|${comment}`}`;
}

function log(prefix: string): Expression {
  return { log: { prefix: `soll ${prefix} ` } };
}

/** The nft rules of one rule; none when nothing could ever match. */
export function renderRule(name: string, spec: FirewallRuleSpec, services: Model['services']): readonly NftItem[] {
  const short = name.split('.').slice(2).join('.');
  const end = [...(spec.log === true ? [log(name)] : []), verdicts[spec.action]];
  const owner = ownerName('rule', name);
  return combine(addresses(owner, 'saddr', spec.sources), addresses(owner, 'daddr', spec.destinations), serviceAlternatives(spec.services, services))
    .map(({ match: expressions }) => rule(`policy.${spec.from}.${spec.to}`, [...expressions, ...end], commentOf('rule', short, spec.comment)));
}

export function renderDefault(name: string, policy: FirewallPolicySpec): NftItem {
  return rule(`policy.${name}`, [...(policy.log === true ? [log(`${name} default`)] : []), verdicts[policy.default]], 'default');
}

function renderPolicies({ policies, rules, services }: Model): readonly NftItem[] {
  return [...policies].flatMap(([name, policy]) => [
    ...policy.order.flatMap((short) => {
      const spec = rules.get(`${name}.${short}`);
      return spec === undefined ? [] : renderRule(`${name}.${short}`, spec, services);
    }),
    renderDefault(name, policy),
  ]);
}

function forwardFamily({ destination }: PortForwardSpec): 4 | 6 {
  return parseCidr(destination)?.family ?? 4;
}

export function renderForward(name: string, spec: PortForwardSpec): readonly NftItem[] {
  const family = forwardFamily(spec);
  const [protocol, nfproto] = family === 4 ? ['ip', 'ipv4'] as const : ['ip6', 'ipv6'] as const;
  const port = spec.destinationPort ?? spec.port;
  const comment = commentOf('forward', name, spec.comment);
  const sources = addresses(ownerName('forward', name), 'saddr', spec.sources).filter((each) => each.family === undefined || each.family === family);
  const zone = match(meta('iifname'), `@zone.${spec.from}`);
  return sources.flatMap((source) => [
    rule('prerouting', [zone, ...(source.family === undefined ? [match(meta('nfproto'), nfproto)] : source.match), match(payload(spec.protocol, 'dport'), spec.port), ...(spec.log === true ? [log(`forward ${name}`)] : []), { dnat: { family: protocol, addr: spec.destination, port } }], comment),
    rule('forwards', [zone, ...source.match, match(payload(protocol, 'daddr'), spec.destination), match(payload(spec.protocol, 'dport'), port), accept], comment),
  ]);
}

function renderNat({ forwards, masquerades }: Model): readonly NftItem[] {
  const items = [...forwards].flatMap(([name, spec]) => renderForward(name, spec));
  const inChain = (chain: string): readonly NftItem[] => items.filter((item) => (item['rule'] as JsonObject)['chain'] === chain);
  return [
    ...inChain('prerouting'), ...inChain('forwards'),
    ...[...masquerades].flatMap(([name, { from, to, sources }]) => addresses(ownerName('masquerade', name), 'saddr', sources).filter(({ family }) => family !== 6).map(({ family, match: source }) =>
      rule('postrouting', [match(meta('iifname'), `@zone.${from}`), match(meta('oifname'), `@zone.${to}`), ...(family === undefined ? [match(meta('nfproto'), 'ipv4')] : source), { masquerade: null }], commentOf('masquerade', name, undefined)))),
  ];
}

/** All in one transaction: whatever the table held before is gone, no other table is named. */
export function renderCommands(model: Model): JsonObject {
  const remove = { family: table.family, name: table.name };
  return { nftables: [{ add: { table: remove } }, { delete: { table: remove } }, { add: { table: remove } }, ...renderTable(model).map((item) => ({ add: item }))] };
}
