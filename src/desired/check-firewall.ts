/** Firewall policies as they will act: addresses that are addresses, rules that can match, management that is not open to the world. */
import { contains, parseCidr, type Cidr } from '#core/ip';
import type { FirewallDocument } from '#generated/types';
import type { CustomerFiles } from './customer-files.ts';
import { readNetwork } from './check-network.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';
import { didYouMean } from './suggest.ts';

type Firewall = FirewallDocument['firewalls'][string];
type Policy = NonNullable<Firewall['policies']>[number];
type Rule = NonNullable<Policy['rules']>[number];

interface Ports {
  readonly protocol: string;
  readonly from: number;
  readonly to: number;
}

interface Checked {
  readonly firewall: Firewall;
  readonly place: (pointer: string, part?: Place['part']) => Place;
  readonly vlans: Readonly<Record<string, { readonly subnet?: string }>>;
  readonly target: string;
  readonly problems: PendingProblem[];
}

/** Ports on which a firewall is administered (SSH, Telnet, web interfaces, SNMP, Winbox and its API, VNC, RDP, WinRM, Proxmox, Webmin). */
const management = [22, 23, 80, 161, 443, 3389, 5900, 5985, 5986, 8006, 8080, 8291, 8443, 8728, 8729, 10000];

export function checkFirewalls(files: CustomerFiles, siteOf: (target: string) => string | undefined): readonly PendingProblem[] {
  const document = files.firewall;
  if (document === undefined) return [];
  return Object.entries(document.value.firewalls).flatMap(([name, firewall]) => {
    const base = `/firewalls/${escapePointer(name)}`;
    const checked: Checked = {
      firewall, target: name, problems: [], vlans: files.network?.value.sites[siteOf(name) ?? '']?.vlans ?? {},
      place: (pointer, part = 'value') => ({ file: document.file, pointer: `${base}${pointer}`, part }),
    };
    checkZones(checked);
    checkServices(checked);
    for (const [group, { members }] of Object.entries(firewall.groups ?? {})) members.forEach((member, index) => readNetwork(member, checked.place(`/groups/${escapePointer(group)}/members/${String(index)}`), checked.problems));
    for (const [key, { sources, destination }] of Object.entries(firewall.portForwards ?? {})) {
      checkEndpoints(checked, sources, `/portForwards/${escapePointer(key)}/sources`);
      readNetwork(destination, checked.place(`/portForwards/${escapePointer(key)}/destination`), checked.problems);
    }
    for (const [key, { sources }] of Object.entries(firewall.masquerade ?? {})) checkEndpoints(checked, sources, `/masquerade/${escapePointer(key)}/sources`);
    checkPolicies(checked);
    return checked.problems.map((problem) => ({ ...problem, target: name }));
  });
}

function checkZones({ firewall, place, problems }: Checked): void {
  const owner = new Map<string, string>();
  for (const [zone, { interfaces }] of Object.entries(firewall.zones ?? {})) {
    interfaces.forEach((name, index) => {
      const other = owner.get(name);
      if (other !== undefined) problems.push({ code: 'firewall.interface', severity: 'error', message: `the interface ${name} is already in zone ${other}`, hint: 'an interface belongs to one zone', at: place(`/zones/${zone}/interfaces/${String(index)}`) });
      owner.set(name, zone);
    });
  }
}

function checkServices({ firewall, place, problems }: Checked): void {
  for (const [name, { ports }] of Object.entries(firewall.services ?? {})) {
    ports.forEach((port, index) => {
      const parsed = parsePorts(port);
      if (parsed.to > 65535 || parsed.from > parsed.to) problems.push({ code: 'firewall.port', severity: 'error', message: `${port} is not a range of ports`, hint: 'ports are 1 to 65535, the smaller one first', at: place(`/services/${name}/ports/${String(index)}`) });
    });
  }
}

function parsePorts(text: string): Ports {
  const [protocol = '', range = ''] = text.split('/');
  const [from = '0', to = from] = range.split('-');
  return range === '' ? { protocol, from: 0, to: 65535 } : { protocol, from: Number(from), to: Number(to) };
}

/** `undefined`: any. What cannot be resolved is told and left out. */
function checkEndpoints(checked: Checked, endpoints: readonly string[] | undefined, pointer: string): readonly Cidr[] | undefined {
  return endpoints?.flatMap((endpoint, index): readonly Cidr[] => {
    const at = checked.place(`${pointer}/${String(index)}`);
    if (endpoint.startsWith('group:')) {
      return (checked.firewall.groups?.[endpoint.slice(6)]?.members ?? []).flatMap((member) => parseCidr(member) ?? []);
    }
    if (endpoint.startsWith('vlan:')) {
      const vlan = checked.vlans[endpoint.slice(5)];
      if (vlan?.subnet === undefined) {
        checked.problems.push({ code: 'reference.unresolved', severity: 'error', message: vlan === undefined ? `there is no VLAN ${endpoint.slice(5)} at this firewall's site` : `the VLAN ${endpoint.slice(5)} has no subnet`, hint: vlan === undefined ? didYouMean(endpoint.slice(5), Object.keys(checked.vlans)) : 'write its subnet in network.yaml', at, needs: 'network.yaml' });
        return [];
      }
      const subnet = parseCidr(vlan.subnet);
      return subnet === undefined ? [] : [subnet];
    }
    const network = readNetwork(endpoint, at, checked.problems);
    return network === undefined ? [] : [network];
  });
}

interface Resolved {
  readonly rule: Rule;
  readonly pointer: string;
  readonly sources: readonly Cidr[] | undefined;
  readonly destinations: readonly Cidr[] | undefined;
  readonly ports: readonly Ports[] | undefined;
}

function checkPolicies(checked: Checked): void {
  const { firewall, place, problems } = checked;
  const pairs = new Map<string, number>();
  const outside = externalZones(firewall);
  (firewall.policies ?? []).forEach((policy, index) => {
    const at = `/policies/${String(index)}`;
    const pair = `${policy.from} → ${policy.to}`;
    const twin = pairs.get(pair);
    if (twin !== undefined) problems.push({ code: 'firewall.duplicate-policy', severity: 'error', message: `there are two policies ${pair}`, hint: 'put their rules into one', at: place(at, 'key'), related: [{ message: 'first here', at: place(`/policies/${String(twin)}`, 'key') }] });
    else pairs.set(pair, index);
    if (policy.from === policy.to && policy.from === 'self') problems.push({ code: 'firewall.self', severity: 'error', message: 'traffic from the device to itself is always allowed and has no policy', hint: 'delete this policy', at: place(at, 'key') });
    const rules = (policy.rules ?? []).map((rule, position): Resolved => {
      const pointer = `${at}/rules/${String(position)}`;
      return {
        rule, pointer,
        sources: checkEndpoints(checked, rule.sources, `${pointer}/sources`), destinations: checkEndpoints(checked, rule.destinations, `${pointer}/destinations`),
        ports: rule.services?.flatMap((name) => (firewall.services?.[name]?.ports ?? []).map(parsePorts)),
      };
    });
    checkOrder(checked, rules);
    if (policy.to === 'self' && outside.has(policy.from)) for (const rule of rules) checkManagement(checked, policy, rule);
    if (policy.to === 'self' && outside.has(policy.from) && policy.default === 'accept') problems.push({ code: 'firewall.open-management', severity: 'error', message: `everything from ${policy.from} reaches the firewall itself unless a rule forbids it`, hint: 'default: drop', at: place(`${at}/default`) });
  });
}

/** Zones that lead outside: what somebody is hidden behind, or what is called so. */
function externalZones({ masquerade = {}, zones = {} }: Firewall): ReadonlySet<string> {
  return new Set([...Object.values(masquerade).map(({ to }) => to), ...Object.keys(zones).filter((zone) => /^(wan|internet|uplink|outside|external)/.test(zone))]);
}

const uniqueLocal = parseCidr('fc00::/7');

/** Half of the world twice is the world: wider than any provider's block or private network is open. */
function isAlmostAnyone(cidr: Cidr): boolean {
  return cidr.family === 4 ? cidr.prefix < 8 : cidr.prefix < 16 && !(uniqueLocal !== undefined && contains(uniqueLocal, cidr));
}

function checkManagement({ place, problems }: Checked, policy: Policy, { rule, pointer, sources, ports }: Resolved): void {
  const open = sources === undefined || sources.some(isAlmostAnyone);
  const reaches = ports === undefined || ports.some(({ protocol, from, to }) => (protocol === 'tcp' || protocol === 'udp') && management.some((port) => port >= from && port <= to));
  if (rule.action !== 'accept' || !open || !reaches) return;
  problems.push({
    code: 'firewall.open-management', severity: 'error', message: `anyone in ${policy.from} could reach the administration of this firewall`,
    hint: 'name the sources that may, for example group:msp-admins', at: place(rule.sources === undefined ? `${pointer}/name` : `${pointer}/sources`),
  });
}

function covers<T>(outer: readonly T[] | undefined, inner: readonly T[] | undefined, within: (outer: T, inner: T) => boolean): boolean {
  if (outer === undefined) return true;
  return inner !== undefined && inner.length > 0 && inner.every((item) => outer.some((candidate) => within(candidate, item)));
}

function portsWithin(outer: Ports, inner: Ports): boolean {
  return outer.protocol === inner.protocol && outer.from <= inner.from && outer.to >= inner.to;
}

/** Rules that can never match, because one before them takes all their traffic. */
function checkOrder({ place, problems }: Checked, rules: readonly Resolved[]): void {
  const names = new Map<string, string>();
  rules.forEach((later, index) => {
    const twin = names.get(later.rule.name);
    if (twin !== undefined) problems.push({ code: 'firewall.duplicate-rule', severity: 'error', message: `there are two rules ${later.rule.name} in this policy`, hint: 'choose another name', at: place(`${later.pointer}/name`), related: [{ message: 'first here', at: place(`${twin}/name`) }] });
    else names.set(later.rule.name, later.pointer);
    const earlier = rules.slice(0, index).find((candidate) => covers(candidate.sources, later.sources, contains) && covers(candidate.destinations, later.destinations, contains) && covers(candidate.ports, later.ports, portsWithin));
    if (earlier === undefined) return;
    const same = earlier.rule.action === later.rule.action;
    problems.push({
      code: 'firewall.shadowed-rule', severity: same ? 'warning' : 'error', message: `the rule ${later.rule.name} never matches: ${earlier.rule.name} takes all its traffic before`,
      hint: same ? 'delete it, or move it up if it logs' : `move it before ${earlier.rule.name}, or delete it`, at: place(`${later.pointer}/name`), related: [{ message: `${earlier.rule.name} here`, at: place(`${earlier.pointer}/name`) }],
    });
  });
}
