import fc from 'fast-check';
import type { JsonObject } from '#contract';
import type { ConformanceResource } from '#testkit/simulator';

/** Apart from each other, but neighbours; both ends of the space; spellings that inet_ntop(3) has a rule of its own for. */
const networks4 = ['0.0.0.0/8', '10.0.0.0/25', '10.0.0.128/25', '10.0.1.0/24', '128.0.0.0/3', '192.0.2.1', '192.0.2.2', '192.0.2.3', '198.51.100.0/24', '203.0.113.255', '240.0.0.0/4'];
const networks6 = ['::', '::1', '::2', '::1:2', '::102:304', '64:ff9b::102:304', '2001:db8::/33', '2001:db8:8000::/33', '2001:db9:0:1:1:1:1:1', '2001:dba::1', 'fe80::/10', 'ff00::/8'];
const ports = ['tcp/1', 'tcp/22', 'tcp/80', 'tcp/81-90', 'tcp/91', 'tcp/1024-65535', 'udp/53', 'udp/54-65535', 'udp/1-52', 'icmp', 'icmpv6', 'esp', 'gre'];
const interfaces = ['eth0', 'eth1', 'br-lan', 'wan.100', 'a:b_c', 'enp0s31f6abcdef', '0'];

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,23}$/);
const comment = fc.string({ unit: fc.constantFrom(...Array.from('abzAZ09ÄÖÜäöüß .,:;()/#+_-')), minLength: 1, maxLength: 30 });
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const subset = (items: readonly string[], minLength: number, maxLength: number): fc.Arbitrary<readonly string[]> => fc.subarray([...items], { minLength: Math.min(minLength, items.length), maxLength: Math.min(maxLength, items.length) });
const written = (spec: Readonly<Record<string, unknown>>): JsonObject => JSON.parse(JSON.stringify(spec)) as JsonObject;

/** 4, 6: only such addresses and groups; both: at least one side has a group or nothing, so that no address is without a partner. */
function endpoints(groups: readonly string[], family: 4 | 6 | 'both'): fc.Arbitrary<readonly string[]> {
  const literals = family === 4 ? networks4 : family === 6 ? networks6 : [...networks4, ...networks6];
  return subset([...literals, ...groups.map((group) => `group:${group}`)], 1, 5);
}

interface Names {
  readonly zones: readonly string[];
  readonly groups: readonly string[];
  readonly services: readonly string[];
}

function ruleSpec({ groups, services }: Names): fc.Arbitrary<JsonObject> {
  return fc.constantFrom<4 | 6 | 'both' | 'any'>(4, 6, 'both', 'any').chain((family) => fc.record({
    action: fc.constantFrom('accept', 'drop', 'reject'), log: fc.boolean(), comment: optional(comment), services: services.length === 0 ? fc.constant(undefined) : optional(subset(services, 1, 3)),
    sources: family === 'any' ? fc.constant(undefined) : endpoints(groups, family),
    destinations: family === 'any' || family === 'both' ? fc.constant(undefined) : optional(endpoints(groups, family)),
  }).chain((spec) => fc.boolean().map((turned) => written(turned ? { ...spec, sources: spec.destinations, destinations: spec.sources } : spec))));
}

function policyParts(names: Names, from: string, to: string): fc.Arbitrary<readonly ConformanceResource[]> {
  return fc.record({
    rules: fc.uniqueArray(fc.tuple(name, ruleSpec(names)), { selector: ([each]) => each, maxLength: 4 }), default: fc.constantFrom('accept', 'drop', 'reject'), log: fc.boolean(),
  }).map(({ rules, ...spec }) => [
    { kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, ...spec, order: rules.map(([each]) => each) } },
    ...rules.map(([each, rule]): ConformanceResource => ({ kind: 'firewall-rule', name: `${from}.${to}.${each}`, spec: { from, to, ...rule } })),
  ]);
}

function forwards({ zones, groups }: Names): fc.Arbitrary<readonly ConformanceResource[]> {
  const one = fc.constantFrom<4 | 6>(4, 6).chain((family) => fc.record({
    from: fc.constantFrom(...zones), protocol: fc.constantFrom('tcp', 'udp'), port: fc.integer({ min: 1, max: 65535 }), log: fc.boolean(), comment: optional(comment),
    destination: family === 4 ? fc.constantFrom('192.168.10.5', '0.0.0.1') : fc.constantFrom('2001:db8::5', '::1:2'), destinationPort: optional(fc.integer({ min: 1, max: 65535 })), sources: optional(endpoints(groups, family)),
  }).map(({ destinationPort, ...spec }) => written(destinationPort === spec.port ? spec : { ...spec, destinationPort })));
  return fc.uniqueArray(fc.tuple(name, one), { selector: ([each]) => each, maxLength: 3 })
    .map((list) => [...new Map(list.map(([each, spec]) => [JSON.stringify([spec['from'], spec['protocol'], spec['port']]), { kind: 'port-forward', name: each, spec }])).values()]);
}

function masquerades({ zones, groups }: Names): fc.Arbitrary<readonly ConformanceResource[]> {
  const one = fc.record({ from: fc.constantFrom(...zones), to: fc.constantFrom(...zones), sources: optional(endpoints(groups, 4)) }).map(written);
  return fc.uniqueArray(fc.tuple(name, one), { selector: ([each]) => each, maxLength: 2 }).map((list) => list.map(([each, spec]) => ({ kind: 'masquerade', name: each, spec })));
}

function bodies(names: Names): fc.Arbitrary<readonly ConformanceResource[]> {
  const { zones, groups, services } = names;
  const pairs = [...zones, 'self'].flatMap((from) => [...zones, 'self'].filter((to) => !(from === 'self' && to === 'self')).map((to) => [from, to] as const));
  const lists = fc.tuple(...services.map(() => subset(ports, 1, 6)));
  const members = fc.tuple(...groups.map(() => subset([...networks4, ...networks6], 0, 8)));
  const links = fc.shuffledSubarray([...interfaces], { minLength: zones.length, maxLength: interfaces.length });
  return fc.tuple(fc.subarray(pairs, { maxLength: Math.min(4, pairs.length) }).chain((chosen) => fc.tuple(...chosen.map(([from, to]) => policyParts(names, from, to)))), forwards(names), masquerades(names), members, lists, links)
    .map(([policies, forward, masquerade, member, list, link]) => [
      ...zones.map((each, index): ConformanceResource => ({ kind: 'zone', name: each, spec: { interfaces: link.filter((_each, place) => place % zones.length === index) } })),
      ...groups.map((each, index): ConformanceResource => ({ kind: 'address-group', name: each, spec: { members: member[index] ?? [] } })),
      ...services.map((each, index): ConformanceResource => ({ kind: 'service', name: each, spec: { ports: list[index] ?? [] } })),
      ...policies.flat(), ...forward, ...masquerade,
    ]);
}

/** A whole firewall: zones, groups, services, policies with ordered rules, forwards and masquerading; nothing in it that a check would refuse, save for a lock-out. */
export const arbitraryFirewall: fc.Arbitrary<readonly ConformanceResource[]> = fc.record({
  zones: fc.uniqueArray(name.filter((each) => each !== 'self'), { minLength: 1, maxLength: 3 }), groups: fc.uniqueArray(name, { maxLength: 3 }), services: fc.uniqueArray(name, { maxLength: 3 }),
}).chain(bodies);

/** Texts that try to be something else. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '"; accept; #', 'a\naccept', 'a" accept comment "b', '\u001b[2K\u001b[1Aok', 'a\u202etpecca', '\u2066x\u2069', 'ü'.repeat(64), 'ü'.repeat(48), '😀', 'a'.repeat(129), 'a'.repeat(127), '$(reboot)', '`reboot`', "'", '\\', '}', '{', 'a}\nflush ruleset\n', '@zone.wan', 'group:',
    'group:x y', '10.0.0.1 accept', '0.0.0.0/0', '::/0', 'localhost', 'tcp/22 accept', 'rule:x|y', 'default', 'a|b', '\0', '\r', 'a\u2028b', '-j', '*', 'eth*', '', ' ', 'x y', '__proto__', 'constructor',
  ),
  fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 140 }),
);
