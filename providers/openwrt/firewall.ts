/**
 * Zones, rules and port forwards in firewall4's words. What they were written as stands in soll's own package, because the firewall knows neither services
 * nor groups of both families (a rule takes one set); each is rendered again when it is read and compared with what is there, so that whatever differs
 * shows. Pure.
 */
import { parseAddress, toAddress, type Change, type Json, type JsonObject, type Live } from '#contract';
import { compareText } from '#core/canonical';
import { canonicalCidr, parseCidr } from '#core/ip';
import type { FirewallRuleSpec, PortForwardSpec } from '#generated/types';
import { encodeName } from './names.ts';
import { prefix } from './limits.ts';
import { listOf, optionOf, type NewSection, type UciFile, type UciSection } from './uci.ts';

export const firewallKinds = ['address-group', 'firewall-policy', 'firewall-rule', 'port-forward', 'service', 'zone'] as const;
export type FirewallKind = (typeof firewallKinds)[number];

const letters: Readonly<Record<FirewallKind, string>> = { 'address-group': 'g', 'firewall-policy': 'p', 'firewall-rule': 'r', 'port-forward': 'f', service: 's', zone: 'z' };
const lists: readonly string[] = ['interfaces', 'members', 'ports', 'order', 'sources', 'destinations', 'services'];
const numbers: readonly string[] = ['port', 'destinationPort'];

export function isFirewallKind(kind: string): kind is FirewallKind {
  return (firewallKinds as readonly string[]).includes(kind);
}

function recordName(kind: FirewallKind, name: string): string {
  return `${prefix}${letters[kind]}_${encodeName(name)}`;
}

interface FirewallRecord {
  readonly kind: FirewallKind;
  readonly name: string;
  readonly spec: JsonObject;
}

function readRecords(soll: readonly UciSection[]): readonly FirewallRecord[] {
  return soll.flatMap((section): FirewallRecord[] => {
    const name = optionOf(section, 'name');
    if (!isFirewallKind(section.type) || name === undefined || section.name !== recordName(section.type, name)) return [];
    const fields = [...new Set(section.options.map((option) => option.name))].filter((field) => field !== 'name' && !field.startsWith('has_'));
    const spec = Object.fromEntries([...fields.map((field): [string, Json] => [field, fieldOf(section, field)]), ...section.options.filter((option) => option.name.startsWith('has_')).map((option): [string, Json] => [option.name.slice(4), []])]);
    return [{ kind: section.type, name, spec }];
  });
}

function fieldOf(section: UciSection, field: string): Json {
  if (lists.includes(field)) return listOf(section, field);
  const value = optionOf(section, field) ?? '';
  if (numbers.includes(field)) return Number(value);
  return field === 'log' ? value === '1' : value;
}

/** uci has no empty list, so that one is written down as such. */
function recordSection({ kind, name, spec }: FirewallRecord): NewSection {
  const options = Object.entries(spec).map(([field, value]): [string, string | readonly string[]] => {
    if (Array.isArray(value)) return value.length === 0 ? [`has_${field}`, '1'] : [field, (value as readonly Json[]).map((each) => (typeof each === 'string' ? each : JSON.stringify(each)))];
    return [field, typeof value === 'boolean' ? (value ? '1' : '0') : typeof value === 'string' ? value : JSON.stringify(value)];
  });
  return { type: kind, name: recordName(kind, name), options: { name, ...Object.fromEntries(options) } };
}

type Of = <S>(kind: FirewallKind) => ReadonlyMap<string, S>;

function byKind(records: readonly FirewallRecord[]): Of {
  return <S>(kind: FirewallKind) => new Map(records.filter((record) => record.kind === kind).map(({ name, spec }) => [name, spec as unknown as S]));
}

type Family = 4 | 6;
const families: readonly Family[] = [4, 6];

/** Groups written out. A group that is not there holds nothing, and what holds nothing matches nothing. */
function addressesOf(endpoints: readonly string[] | undefined, groups: ReadonlyMap<string, { readonly members: readonly string[] }>): readonly string[] | undefined {
  return endpoints === undefined ? undefined : [...new Set(endpoints.flatMap((each) => (each.startsWith('group:') ? groups.get(each.slice('group:'.length))?.members ?? [] : [each])))].sort(compareText);
}

function inFamily(addresses: readonly string[] | undefined, family: Family): readonly string[] | undefined {
  return addresses?.filter((each) => parseCidr(each)?.family === family);
}

interface Traffic {
  readonly key: string;
  readonly family?: Family;
  readonly options: Readonly<Record<string, string | readonly string[]>>;
}

/** By protocol: those without ports in a part of their own each. */
function protocolsOf(services: readonly string[] | undefined, known: ReadonlyMap<string, { readonly ports: readonly string[] }>): readonly Traffic[] {
  if (services === undefined) return [{ key: '', options: { proto: 'all' } }];
  const ports = [...new Set(services.flatMap((service) => known.get(service)?.ports ?? []))].sort(compareText);
  const numbered = (protocol: string): readonly Traffic[] => {
    const own = ports.filter((port) => port.startsWith(`${protocol}/`)).map((port) => port.slice(protocol.length + 1));
    return own.length === 0 ? [] : [{ key: protocol.slice(0, 1), options: { proto: protocol, dest_port: own } }];
  };
  const plain = ([text, key, proto, family]: readonly [string, string, string, Family?]): readonly Traffic[] => (ports.includes(text) ? [{ key, options: { proto }, ...(family === undefined ? {} : { family }) }] : []);
  return [...numbered('tcp'), ...numbered('udp'), ...plain(['icmp', 'i', 'icmp', 4]), ...plain(['icmpv6', 'j', 'icmp', 6]), ...plain(['esp', 'e', '50']), ...plain(['gre', 'g', '47'])];
}

const targets = { accept: 'ACCEPT', drop: 'DROP', reject: 'REJECT' } as const;

function zonesOf(from: string, to: string): Readonly<Record<string, string>> {
  return { ...(from === 'self' ? {} : { src: from }), ...(to === 'self' ? {} : { dest: to }) };
}

/** Sections of one rule: firewall4 passes over a section whose sides are of different families, so each family stands by itself. */
export function ruleParts(name: string, rule: FirewallRuleSpec, of: Of): readonly NewSection[] {
  const groups = of<{ members: readonly string[] }>('address-group');
  const [sources, destinations] = [addressesOf(rule.sources, groups), addressesOf(rule.destinations, groups)];
  return protocolsOf(rule.services, of('service')).flatMap(({ key, family: only, options }) => {
    const addressed = sources !== undefined || destinations !== undefined;
    const wanted = addressed ? families.filter((family) => (only ?? family) === family) : [only];
    return wanted.flatMap((family): NewSection[] => {
      const [src, dest] = family === undefined ? [undefined, undefined] : [inFamily(sources, family), inFamily(destinations, family)];
      if (src?.length === 0 || dest?.length === 0) return [];
      return [{
        type: 'rule', name: `${recordName('firewall-rule', name)}_${key === '' ? 'a' : key}${String(family ?? '')}`,
        options: {
          name: rule.comment === undefined ? name : `${name}: ${rule.comment}`, ...zonesOf(rule.from, rule.to), ...(family === undefined ? {} : { family: `ipv${String(family)}` }), ...options,
          ...(src === undefined ? {} : { src_ip: src }), ...(dest === undefined ? {} : { dest_ip: dest }), ...(rule.log === true ? { log: '1' } : {}), target: targets[rule.action],
        },
      }];
    });
  });
}

function forwardParts(name: string, spec: PortForwardSpec, of: Of): readonly NewSection[] {
  const family = parseCidr(spec.destination)?.family ?? 4;
  const sources = inFamily(addressesOf(spec.sources, of('address-group')), family);
  const label = spec.comment === undefined ? name : `${name}: ${spec.comment}`;
  const shared = { src: spec.from, family: `ipv${String(family)}`, proto: spec.protocol };
  const port = String(spec.destinationPort ?? spec.port);
  // A redirect takes one source; without one of its own for each it would take all.
  const redirects = (sources ?? [undefined]).map((source, index): NewSection => ({
    type: 'redirect', name: `${recordName('port-forward', name)}_d${String(index)}`,
    options: { name: label, target: 'DNAT', ...shared, dest: '*', ...(source === undefined ? {} : { src_ip: source }), src_dport: String(spec.port), dest_ip: spec.destination, dest_port: port, ...(spec.log === true ? { log: '1' } : {}) },
  }));
  // firewall4 accepts what was redirected behind all rules of the zone, so a policy that drops the rest would drop it.
  const accept: NewSection = { type: 'rule', name: `${recordName('port-forward', name)}_a`, options: { name: label, ...shared, dest: '*', ...(sources === undefined ? {} : { src_ip: sources }), dest_ip: [spec.destination], dest_port: [port], target: 'ACCEPT' } };
  return sources?.length === 0 ? [] : [...redirects, accept];
}

interface PolicySpec {
  readonly from: string;
  readonly to: string;
  readonly default: keyof typeof targets;
  readonly log?: boolean;
  readonly order: readonly string[];
}

function defaultPart(name: string, { from, to, default: action, log }: PolicySpec): NewSection {
  return { type: 'rule', name: recordName('firewall-policy', name), options: { name: `${name}: the rest`, ...zonesOf(from, to), proto: 'all', ...(log === true ? { log: '1' } : {}), target: targets[action] } };
}

function partsOf({ kind, name, spec }: FirewallRecord, of: Of): readonly NewSection[] {
  switch (kind) {
    // What reaches a zone without a policy of its own is dropped; policies say the rest as rules.
    case 'zone': return [{ type: 'zone', name: recordName('zone', name), options: { name, device: (spec as unknown as { interfaces: readonly string[] }).interfaces, input: 'DROP', output: 'ACCEPT', forward: 'DROP' } }];
    case 'firewall-rule': return ruleParts(name, spec as unknown as FirewallRuleSpec, of);
    case 'firewall-policy': return [defaultPart(name, spec as unknown as PolicySpec)];
    case 'port-forward': return forwardParts(name, spec as unknown as PortForwardSpec, of);
    case 'address-group': case 'service': return [];
  }
}

/** All of ours in the order in which firewall4 shall meet it. */
function renderAll(records: readonly FirewallRecord[]): readonly NewSection[] {
  const of = byKind(records);
  const sorted = [...records].sort((a, b) => compareText(a.name, b.name));
  const policies = sorted.filter(({ kind }) => kind === 'firewall-policy');
  const ordered = policies.flatMap((policy) => {
    const { order } = policy.spec as unknown as PolicySpec;
    return [...order.flatMap((rule) => records.find(({ kind, name }) => kind === 'firewall-rule' && name === `${policy.name}.${rule}`) ?? []), policy];
  });
  // A rule that no policy names would never be met; it is kept at the end, where the next reading tells it.
  const lost = sorted.filter((record) => record.kind === 'firewall-rule' && !ordered.includes(record));
  return [...sorted.filter(({ kind }) => kind === 'zone'), ...sorted.filter(({ kind }) => kind === 'port-forward'), ...ordered, ...lost].flatMap((record) => partsOf(record, of));
}

const ownSection = new RegExp(`^${prefix}[zrpf]_`);

function optionsOf(section: UciSection): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries([...new Set(section.options.map(({ name }) => name))].map((name) => [name, section.options.filter((option) => option.name === name).map(({ value }) => value)]));
}

/** The options that are not as they were written. */
function differences(part: NewSection, section: UciSection): readonly string[] {
  const found = optionsOf(section);
  const wanted = Object.fromEntries(Object.entries(part.options).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]));
  return [...new Set([...Object.keys(found), ...Object.keys(wanted)])].filter((name) => JSON.stringify(found[name] ?? []) !== JSON.stringify(wanted[name] ?? [])).map((name) => `${name} is ${(found[name] ?? ['not there']).join(' ').slice(0, 40)}`);
}

export interface FirewallPlace {
  readonly customer: string;
  readonly name: string;
  /** Device of a network. */
  deviceOf(network: string): string | undefined;
}

export function readFirewall(firewall: readonly UciSection[], soll: readonly UciSection[], place: FirewallPlace): readonly Live[] {
  const records = readRecords(soll);
  const of = byKind(records);
  const actual = firewall.filter(({ name }) => name !== undefined && ownSection.test(name));
  const position = new Map(actual.map(({ name }, index) => [name ?? '', index]));
  const address = (kind: FirewallKind, name: string): Live['address'] => toAddress({ customer: place.customer, target: place.name, kind, name });
  const own = records.map((record): Live => {
    const parts = partsOf(record, of);
    const wrong = parts.flatMap((part) => {
      const section = actual.find(({ name }) => name === part.name);
      return section === undefined ? [`section ${part.name} is not there`] : differences(part, section);
    });
    const stray = record.kind === 'firewall-rule' ? actual.filter(({ name }) => name?.startsWith(`${recordName(record.kind, record.name)}_`) === true && !parts.some((part) => part.name === name)).map(({ name }) => `section ${name ?? ''} is too many`) : [];
    return { address: address(record.kind, record.name), spec: specNow(record, [...wrong, ...stray], { actual, position, of }), handle: null, origin: 'ours' };
  });
  return [...own, ...foreignOf(firewall, place, address, new Set(own.map((each) => each.address)))];
}

interface Actual {
  readonly actual: readonly UciSection[];
  readonly position: ReadonlyMap<string, number>;
  readonly of: Of;
}

function actionOf(section: UciSection | undefined): string | undefined {
  return section === undefined ? undefined : (optionOf(section, 'target') ?? 'DROP').toLowerCase();
}

/** What was written, unless what is there is something else: then that, as far as the kind has words for it, and the difference in brackets. */
function specNow({ kind, name, spec }: FirewallRecord, wrong: readonly string[], { actual, position, of }: Actual): JsonObject {
  const section = actual.find((each) => each.name === recordName(kind, name));
  const told = wrong.length === 0 ? [] : [`[${wrong.slice(0, 3).join('; ')}]`];
  if (kind === 'zone') return wrong.length === 0 ? spec : { interfaces: [...(section === undefined ? [] : listOf(section, 'device')), ...(wrong.every((each) => each.startsWith('device ')) ? [] : told)] };
  if (kind === 'firewall-policy') return { ...spec, ...(section === undefined ? {} : { default: actionOf(section) ?? 'drop' }), order: [...orderNow(name, spec as unknown as PolicySpec, position, of), ...told] };
  return wrong.length === 0 ? spec : { ...spec, comment: told.join('') };
}

/** Rules in the order of their first sections. One that has none (its group is empty) keeps its place; one behind the default is never met. */
function orderNow(policy: string, { order }: PolicySpec, position: ReadonlyMap<string, number>, of: Of): readonly string[] {
  const rules = of<FirewallRuleSpec>('firewall-rule');
  const places = new Map(order.flatMap((rule): [string, number][] => {
    const spec = rules.get(`${policy}.${rule}`);
    const found = spec === undefined ? [] : ruleParts(`${policy}.${rule}`, spec, of).flatMap((part) => position.get(part.name) ?? []);
    return found.length === 0 ? [] : [[rule, Math.min(...found)]];
  }));
  const sorted = [...places].sort(([, a], [, b]) => a - b).map(([rule]) => rule);
  const last = position.get(recordName('firewall-policy', policy)) ?? Number.MAX_SAFE_INTEGER;
  return order.map((rule) => (places.has(rule) ? sorted.shift() ?? rule : rule)).filter((rule) => (places.get(rule) ?? 0) < last);
}

function slug(text: string): string {
  const plain = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, 20);
  return plain === '' ? 'rule' : plain;
}

const byHand = 'it was made by hand: soll changes sections with a name of its own only';

/** Zones, rules and forwards of others, as far as the kinds have words: to be seen, not to be written. */
function foreignOf(firewall: readonly UciSection[], place: FirewallPlace, address: (kind: FirewallKind, name: string) => Live['address'], taken: Set<string>): readonly Live[] {
  const live = (kind: FirewallKind, name: string, spec: JsonObject): Live => {
    let free = address(kind, name);
    for (let count = 2; taken.has(free); count += 1) free = address(kind, `${name}-${String(count)}`);
    taken.add(free);
    return { address: free, spec, handle: null, origin: 'foreign', readOnly: byHand };
  };
  return firewall.filter(({ name }) => name === undefined || !ownSection.test(name)).flatMap((section): Live[] => {
    const name = optionOf(section, 'name') ?? section.name ?? '';
    const [from, to] = [optionOf(section, 'src') ?? 'self', optionOf(section, 'dest') ?? 'self'].map((zone) => (zone === '*' ? 'any' : zone));
    const addresses = (option: string, field: string): JsonObject => (listOf(section, option).length === 0 ? {} : { [field]: listOf(section, option).map(canonicalCidr) });
    if (section.type === 'zone') return [live('zone', name, { interfaces: [...new Set([...listOf(section, 'device'), ...listOf(section, 'network').flatMap((network) => place.deviceOf(network) ?? [])])] })];
    if (optionOf(section, 'enabled') === '0') return [];
    if (section.type === 'rule') return [live('firewall-rule', `${from ?? ''}.${to ?? ''}.${slug(name)}`, { from: from ?? '', to: to ?? '', action: actionOf(section) ?? 'drop', log: false, ...addresses('src_ip', 'sources'), ...addresses('dest_ip', 'destinations'), comment: name })];
    const port = Number(optionOf(section, 'src_dport'));
    if (section.type !== 'redirect' || (optionOf(section, 'target') ?? 'DNAT') !== 'DNAT' || !Number.isInteger(port)) return [];
    const inner = Number(optionOf(section, 'dest_port') ?? port);
    return [live('port-forward', slug(name), { from: from ?? '', protocol: listOf(section, 'proto')[0] === 'udp' ? 'udp' : 'tcp', port, destination: optionOf(section, 'dest_ip') ?? '', ...(inner === port ? {} : { destinationPort: inner }), log: false, ...addresses('src_ip', 'sources'), comment: name })];
  });
}

/** Records as the changes want them, and the sections that follow from them: what is in its place stays there, the rest is put behind it in order. */
export function editFirewall(changes: readonly Change[], firewall: UciFile, soll: UciFile): void {
  const records = new Map(readRecords(soll.sections).map((record) => [`${record.kind} ${record.name}`, record]));
  for (const { address, was, verb, after } of changes) {
    const { kind, name } = parseAddress(address);
    if (!isFirewallKind(kind)) continue;
    for (const old of [name, ...(was === undefined ? [] : [parseAddress(was).name])]) if (verb === 'delete' || after === undefined || old !== name) records.delete(`${kind} ${old}`);
    if (verb !== 'delete' && after !== undefined) records.set(`${kind} ${name}`, { kind, name, spec: after });
  }
  renameIn(records, changes);
  for (const section of soll.sections) if (isFirewallKind(section.type) && section.name !== undefined && ![...records.values()].some((record) => recordName(record.kind, record.name) === section.name)) soll.remove(section);
  for (const record of records.values()) soll.put(recordSection(record));
  const wanted = renderAll([...records.values()]);
  const own = firewall.sections.filter(({ name }) => name !== undefined && ownSection.test(name));
  const staying = own.filter(({ name }) => wanted.some((part) => part.name === name));
  let same = 0;
  while (same < staying.length && same < wanted.length && staying[same]?.name === wanted[same]?.name) same += 1;
  const moved = new Set(staying.slice(same));
  for (const section of own) if (moved.has(section) || !staying.includes(section)) firewall.remove(section);
  wanted.forEach((part, index) => {
    if (index < same) firewall.put(part);
    else firewall.append(part);
  });
}

/** What got another name is called so wherever it is spoken of; the plan lists only what was written. */
function renameIn(records: Map<string, FirewallRecord>, changes: readonly Change[]): void {
  for (const { address, was } of changes) {
    if (was === undefined) continue;
    const { kind, name } = parseAddress(address);
    const old = parseAddress(was).name;
    for (const [key, record] of records) {
      const renamed = Object.fromEntries(Object.entries(record.spec).map(([field, value]): [string, Json] => {
        const list = (from: string, to: string): Json => (Array.isArray(value) ? (value as readonly Json[]).map((each) => (each === from ? to : each)) : value);
        if (kind === 'address-group' && ['sources', 'destinations'].includes(field)) return [field, list(`group:${old}`, `group:${name}`)];
        if (kind === 'zone' && ['from', 'to'].includes(field)) return [field, value === old ? name : value];
        return [field, kind === 'service' && field === 'services' ? list(old, name) : value];
      }));
      records.set(key, { ...record, spec: renamed });
    }
  }
}
