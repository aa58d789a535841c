/** VPNs as they will act: keys that tell two ends apart, networks that go one way, and two ends of ours that fit each other. */
import type { Target } from '#contract';
import { overlaps, parseCidr, type Cidr } from '#core/ip';
import type { FirewallDocument } from '#generated/types';
import { readHost, readNetwork } from './check-network.ts';
import type { CustomerFiles, LoadedDocument } from './customer-files.ts';
import { escapePointer, type PendingProblem, type Place } from './place.ts';

type Firewall = FirewallDocument['firewalls'][string];
type Tunnel = NonNullable<Firewall['vpnTunnels']>[string];
type User = NonNullable<Firewall['vpnUsers']>[string];

interface End {
  readonly target: string;
  readonly site: string | undefined;
  readonly name: string;
  readonly tunnel: Tunnel;
  readonly users: readonly (readonly [string, User])[];
  readonly place: (field: string, part?: Place['part']) => Place;
}

/** What goes through a tunnel, and who says so. */
interface Way {
  readonly who: string;
  readonly text: string;
  readonly cidr: Cidr;
  readonly at: Place;
}

export function checkVpns(files: CustomerFiles, targets: readonly Target[]): readonly PendingProblem[] {
  const { firewall } = files;
  if (firewall === undefined) return [];
  const problems: PendingProblem[] = [];
  const ends = Object.entries(firewall.value.firewalls).flatMap(([target, each]) => endsOf(firewall, target, targets.find(({ name }) => name === target)?.site, each));
  for (const end of ends) checkEnd(end, problems);
  for (const target of new Set(ends.map((end) => end.target))) {
    const own = ends.filter((end) => end.target === target);
    checkWays(own, subnetsOf(files, own[0]?.site), (name) => ({ file: firewall.file, pointer: `/firewalls/${escapePointer(target)}/vpnUsers/${escapePointer(name)}`, part: 'value' }), problems);
    own.forEach((end, index) => {
      const twin = own.slice(0, index).find(({ tunnel }) => portOf(tunnel) === portOf(end.tunnel));
      if (twin !== undefined) problems.push({ code: 'vpn.port', severity: 'error', target, message: `${twin.name} listens on port ${String(portOf(end.tunnel))} already`, hint: 'a port of its own for each tunnel of a device', at: end.tunnel.port === undefined ? end.place('', 'key') : end.place('/port') });
    });
  }
  ends.forEach((end, index) => { checkKeys(end, ends.slice(0, index), problems); });
  for (const end of ends) for (const other of ends) if (end !== other && end.tunnel.peerKey === other.tunnel.publicKey) checkPair(end, other, subnetsOf(files, other.site), problems);
  return problems;
}

function endsOf({ file }: LoadedDocument<FirewallDocument>, target: string, site: string | undefined, { vpnTunnels = {}, vpnUsers = {} }: Firewall): readonly End[] {
  return Object.entries(vpnTunnels).map(([name, tunnel]) => ({
    target, site, name, tunnel, users: Object.entries(vpnUsers).filter(([, user]) => user.tunnel === name),
    place: (field, part = 'value') => ({ file, pointer: `/firewalls/${escapePointer(target)}/vpnTunnels/${escapePointer(name)}${field}`, part }),
  }));
}

function subnetsOf({ network }: CustomerFiles, site: string | undefined): readonly (readonly [string, Cidr])[] {
  return Object.entries(network?.value.sites[site ?? '']?.vlans ?? {}).flatMap(([name, { subnet }]) => {
    const cidr = subnet === undefined ? undefined : parseCidr(subnet);
    return cidr === undefined ? [] : [[name, cidr] as const];
  });
}

function portOf({ port = 51820 }: Tunnel): number {
  return port;
}

function checkEnd({ target, name, tunnel, users, place }: End, problems: PendingProblem[]): void {
  const tell = (code: string, message: string, hint: string, at: Place): void => void problems.push({ code, severity: 'error', target, message, hint, at });
  if (tunnel.peerKey === undefined) {
    for (const field of ['endpoint', 'networks', 'presharedKey', 'keepalive'] as const) {
      if (tunnel[field] !== undefined) tell('vpn.peer', `${field} speaks of the other site, and none is written`, 'write its public key as peerKey, or remove the line', place(`/${field}`, 'key'));
    }
  } else {
    if (tunnel.peerKey === tunnel.publicKey) tell('vpn.key', 'both ends have the same key', 'publicKey is that of this device, peerKey that of the other site', place('/peerKey'));
    if (tunnel.networks === undefined) tell('vpn.networks', `${name} lets nothing through`, 'networks: what is behind the other site', place('', 'key'));
  }
  if (Number(tunnel.endpoint?.split(':').at(-1) ?? 1) > 65535) tell('vpn.endpoint', `${String(tunnel.endpoint)} has no port`, 'a port is 1 to 65535', place('/endpoint'));
  const keys = new Map<string, string>(tunnel.peerKey === undefined ? [] : [[tunnel.peerKey, 'the other site']]);
  for (const [user, { publicKey }] of users) {
    const at: Place = { ...place(''), pointer: place('').pointer.replace(/\/vpnTunnels\/.*$/, `/vpnUsers/${escapePointer(user)}/publicKey`) };
    const twin = keys.get(publicKey);
    if (publicKey === tunnel.publicKey) tell('vpn.key', `${user} has the key of the device itself`, 'write the public key of the person\'s device', at);
    else if (twin !== undefined) tell('vpn.duplicate-key', `${twin} has the same key`, 'a key of its own for each device', at);
    else keys.set(publicKey, user);
  }
}

/** WireGuard sends an address to one peer only, and so does the device with its tunnels and its own networks. */
function checkWays(ends: readonly End[], local: readonly (readonly [string, Cidr])[], userAt: (name: string) => Place, problems: PendingProblem[]): void {
  const ways: Way[] = [];
  const add = (target: string, way: Omit<Way, 'cidr'>): void => {
    const cidr = readNetwork(way.text, way.at, problems);
    if (cidr === undefined) return;
    const twin = ways.find((other) => overlaps(other.cidr, cidr));
    if (twin !== undefined) problems.push({ code: 'vpn.overlap', severity: 'error', target, message: `${way.text} overlaps with ${twin.text} of ${twin.who}`, hint: 'each address goes one way', at: way.at, related: [{ message: `${twin.who} here`, at: twin.at }] });
    const here = local.find(([, subnet]) => overlaps(subnet, cidr));
    // The narrower route wins: a wide one through the tunnel leaves the own networks alone, and hides what the other site has of the same numbers.
    const wider = here !== undefined && cidr.prefix < here[1].prefix;
    if (here !== undefined) problems.push({ code: 'vpn.overlap', severity: wider ? 'warning' : 'error', target, message: `${way.text} overlaps with VLAN ${here[0]} of this site`, hint: wider ? 'what the other site has of these numbers cannot be reached' : 'hosts here would be looked for in the tunnel: renumber one of them', at: way.at });
    ways.push({ ...way, cidr });
  };
  for (const { target, name, tunnel, users, place } of ends) {
    tunnel.addresses.forEach((address, index) => { readHost(address, place(`/addresses/${String(index)}`), problems); });
    (tunnel.networks ?? []).forEach((text, index) => { add(target, { who: name, text, at: place(`/networks/${String(index)}`) }); });
    for (const [user, { addresses }] of users) {
      addresses.forEach((text, index) => {
        const at = { ...userAt(user), pointer: `${userAt(user).pointer}/addresses/${String(index)}` };
        if (tunnel.addresses.includes(text)) problems.push({ code: 'vpn.overlap', severity: 'error', target, message: `${text} is the address of ${name} itself`, hint: 'an address of its own for each device', at });
        else add(target, { who: user, text, at });
      });
    }
  }
}

/** A private key is known in one place; who has it twice cannot be told apart. */
function checkKeys(end: End, before: readonly End[], problems: PendingProblem[]): void {
  const twin = before.find(({ tunnel }) => tunnel.publicKey === end.tunnel.publicKey);
  if (twin !== undefined) problems.push({ code: 'vpn.duplicate-key', severity: 'error', target: end.target, message: `${twin.name} of ${twin.target} has the same key`, hint: 'a key pair of its own for each end: wg genkey, wg pubkey', at: end.place('/publicKey'), related: [{ message: `${twin.name} here`, at: twin.place('/publicKey') }] });
  const same = before.find(({ tunnel }) => tunnel.publicKey !== end.tunnel.publicKey && tunnel.privateKey.$secret === end.tunnel.privateKey.$secret);
  if (same !== undefined) problems.push({ code: 'vpn.duplicate-key', severity: 'error', target: end.target, message: `${same.name} of ${same.target} has the same private key, and another public one`, hint: 'a secret of its own for each end', at: end.place('/privateKey') });
}

/** Both ends are ours: what one says of the other must be what the other is. */
function checkPair(end: End, other: End, behind: readonly (readonly [string, Cidr])[], problems: PendingProblem[]): void {
  const tell = (code: string, severity: 'error' | 'warning', message: string, hint: string, at: Place): void => void problems.push({ code, severity, target: end.target, message, hint, at, related: [{ message: `${other.name} of ${other.target} here`, at: other.place('', 'key') }] });
  const who = `${other.name} of ${other.target}`;
  if (other.tunnel.peerKey !== end.tunnel.publicKey) {
    tell('vpn.other-side', 'error', `${who} does not expect this end`, `write peerKey: ${end.tunnel.publicKey} there`, end.place('/peerKey'));
    return;
  }
  const shared = ({ presharedKey }: Tunnel): string => (presharedKey === undefined ? '' : `${presharedKey.$secret} ${String(presharedKey.version ?? 1)}`);
  if (shared(end.tunnel) !== shared(other.tunnel)) tell('vpn.other-side', 'error', `${who} has another preshared key`, 'the same secret in the same version at both ends, or none', end.place('/presharedKey', 'key'));
  if (end.tunnel.endpoint === undefined && other.tunnel.endpoint === undefined && end.name <= other.name) tell('vpn.other-side', 'error', `neither this end nor ${who} says where the other one is`, 'write the endpoint at one of them', end.place('', 'key'));
  const port = String(portOf(other.tunnel));
  if (end.tunnel.endpoint !== undefined && end.tunnel.endpoint.split(':').at(-1) !== port) tell('vpn.other-side', 'warning', `${who} listens on port ${port}`, 'right only where something in between translates ports', end.place('/endpoint'));
  const there = [...behind.map(([, cidr]) => cidr), ...[...other.tunnel.addresses, ...other.users.flatMap(([, { addresses }]) => addresses)].map(parseCidr).filter((cidr) => cidr !== undefined)];
  (end.tunnel.networks ?? []).forEach((text, index) => {
    const cidr = parseCidr(text);
    if (cidr !== undefined && behind.length > 0 && !there.some((network) => overlaps(network, cidr))) tell('vpn.other-side', 'warning', `nothing of ${text} is written for ${other.site ?? other.target}`, 'networks are those behind the other end, not one\'s own', end.place(`/networks/${String(index)}`));
  });
}
