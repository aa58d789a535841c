/**
 * WireGuard <-> canonical, and the file that the device script works from. Its first line holds the specs, without any secret, and is all that is
 * ever read back; keys stand in lines of their own. What a device shows (`wg show all …`, `ip -j addr show`) decides; the file says what nothing shows:
 * names, references of secrets, endpoints as written (the live one follows the peer).
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { ProviderError, type Change, type Json, type JsonObject, type SecretRef, type SecretValue, parseAddress } from '#contract';
import { isObject } from '#core/canonical';
import { equalJson } from '#core/canonical-json';
import { canonicalCidr, parseCidr } from '#core/ip';
import type { VpnTunnelSpec, VpnUserSpec } from '#generated/types';
import type { vpnKinds } from './limits.ts';
import type { NamedSpec } from './model.ts';

/** What stands in the first line. */
export interface Tunnels {
  readonly tunnels: Readonly<Record<string, VpnTunnelSpec>>;
  readonly users: Readonly<Record<string, VpnUserSpec>>;
}

const mark = '# soll ';

/** `undefined`: there is no file, so nothing on the device is ours. Throws where the line is not one of ours: unknown is not absent. */
export function parseFirstLine(line: string): Tunnels | undefined {
  const text = line.trim();
  if (text === '') return undefined;
  const damaged = new ProviderError('protocol', '/etc/soll/wireguard.conf on the device is damaged', { hint: 'remove it by hand and run soll apply; the tunnels are then set up anew' });
  if (!text.startsWith(mark)) throw damaged;
  let value: Json;
  try {
    value = JSON.parse(text.slice(mark.length)) as Json;
  } catch {
    throw damaged;
  }
  if (!isObject(value) || !isObject(value['vpn-tunnel']) || !isObject(value['vpn-user'])) throw damaged;
  // Written by `renderTunnels`, from specs that had been through their schemas.
  return { tunnels: value['vpn-tunnel'] as unknown as Tunnels['tunnels'], users: value['vpn-user'] as unknown as Tunnels['users'] };
}

/** Outputs of `wg show all public-key | listen-port | allowed-ips | persistent-keepalive`, and of `ip -j addr show`. */
export interface Shown {
  readonly publicKeys: string;
  readonly ports: string;
  readonly allowed: string;
  readonly keepalives: string;
  readonly addresses: string;
}

export interface ShownPeer {
  readonly networks: readonly string[];
  readonly keepalive?: number;
}

export interface ShownInterface {
  readonly publicKey: string;
  readonly port: number;
  readonly addresses: readonly string[];
  /** By public key. */
  readonly peers: ReadonlyMap<string, ShownPeer>;
}

function rows(text: string, fields: number): readonly (readonly string[])[] {
  return text.split('\n').filter((line) => line !== '').map((line) => {
    const parts = line.split('\t');
    if (parts.length !== fields) throw new ProviderError('protocol', 'wg printed something unexpected');
    return parts;
  });
}

export function parseShown({ publicKeys, ports, allowed, keepalives, addresses }: Shown): ReadonlyMap<string, ShownInterface> {
  const portOf = new Map(rows(ports, 2).map(([name = '', port]) => [name, Number(port)]));
  const alive = new Map(rows(keepalives, 3).map(([name, peer, seconds]) => [`${String(name)} ${String(peer)}`, seconds]));
  const held = addressesByInterface(addresses);
  return new Map(rows(publicKeys, 2).map(([name = '', publicKey = '']): [string, ShownInterface] => {
    const peers = rows(allowed, 3).filter(([at]) => at === name).map(([, peer = '', networks = '']): [string, ShownPeer] => {
      const seconds = Number(alive.get(`${name} ${peer}`) ?? 'off');
      return [peer, { networks: networks === '(none)' ? [] : networks.split(' ').map(canonicalCidr), ...(Number.isNaN(seconds) ? {} : { keepalive: seconds }) }];
    });
    return [name, { publicKey, port: portOf.get(name) ?? 0, addresses: held.get(name) ?? [], peers: new Map(peers) }];
  }));
}

function addressesByInterface(text: string): ReadonlyMap<string, readonly string[]> {
  let links: Json;
  try {
    links = JSON.parse(text) as Json;
  } catch {
    throw new ProviderError('protocol', 'ip printed something unexpected');
  }
  return new Map((Array.isArray(links) ? (links as readonly Json[]) : []).filter(isObject).flatMap((link): [string, readonly string[]][] => {
    const info = Array.isArray(link['addr_info']) ? (link['addr_info'] as readonly Json[]).filter(isObject) : [];
    const found = info.filter(({ scope }) => scope !== 'link').map(({ local, prefixlen, family }) => (prefixlen === (family === 'inet6' ? 128 : 32) ? String(local) : `${String(local)}/${String(prefixlen)}`));
    return typeof link['ifname'] === 'string' ? [[link['ifname'], found]] : [];
  }));
}

export interface LiveVpn extends NamedSpec {
  readonly origin: 'ours' | 'foreign';
  readonly unverifiable?: readonly string[];
  readonly unnamed?: true;
  readonly readOnly?: string;
}

function some(field: string, list: readonly string[]): JsonObject {
  return list.length === 0 ? {} : { [field]: list };
}

function number(field: string, value: number | undefined): JsonObject {
  return value === undefined ? {} : { [field]: value };
}

/** Only whoever may read the secret itself can tell whether it is the one. */
const hidden = { unverifiable: ['presharedKey'] } as const;

/** Ours as the device shows them, and what others have made: interfaces as a whole, and peers on interfaces of ours. */
export function toLiveVpns(file: Tunnels | undefined, shown: ReadonlyMap<string, ShownInterface>): readonly LiveVpn[] {
  const { tunnels, users } = file ?? { tunnels: {}, users: {} };
  return [...shown].flatMap(([name, there]): readonly LiveVpn[] => {
    const written = tunnels[name];
    const own = { addresses: there.addresses, port: there.port, publicKey: there.publicKey };
    // Without a key it takes part in nothing.
    if (written === undefined) return there.publicKey === '(none)' ? [] : [{ kind: 'vpn-tunnel', name, spec: own, origin: 'foreign', unverifiable: ['privateKey'], readOnly: 'soll did not make this interface' }];
    const peer = written.peerKey === undefined ? undefined : there.peers.get(written.peerKey);
    const tunnel: LiveVpn = {
      kind: 'vpn-tunnel', name, origin: 'ours', ...(peer !== undefined && written.presharedKey !== undefined ? hidden : {}),
      spec: {
        ...own, privateKey: written.privateKey,
        ...(peer === undefined ? {} : { peerKey: written.peerKey ?? '', ...some('networks', peer.networks), ...number('keepalive', peer.keepalive), ...(written.endpoint === undefined ? {} : { endpoint: written.endpoint }) }),
      },
    };
    const known = new Map(Object.entries(users).filter(([, user]) => user.tunnel === name).map(([user, spec]) => [spec.publicKey, { user, spec }]));
    const people = [...there.peers].filter(([key]) => key !== written.peerKey).map(([key, { networks, keepalive }]): LiveVpn => {
      const found = known.get(key);
      const spec = { tunnel: name, publicKey: key, addresses: networks, ...number('keepalive', keepalive) };
      return found === undefined ? { kind: 'vpn-user', name: `by-hand-${key.slice(0, 8)}`, spec, origin: 'foreign', unnamed: true, ...hidden }
        : { kind: 'vpn-user', name: found.user, spec, origin: 'ours', ...(found.spec.presharedKey === undefined ? {} : hidden) };
    });
    return [tunnel, ...people];
  });
}

export interface RenderInput {
  /** All of ours that must be there afterwards. */
  readonly wanted: readonly NamedSpec[];
  /** What the device's file says now. */
  readonly before: Tunnels | undefined;
  readonly changes: readonly Pick<Change, 'address' | 'was'>[];
  readonly reveal: (ref: SecretRef) => Promise<SecretValue>;
}

/** The whole file, first line included. Only secrets that the device does not have are revealed; for the others `@INTERFACE` says where they stand. */
export async function renderTunnels({ wanted, before, changes, reveal }: RenderInput): Promise<string> {
  const formerly = new Map(changes.flatMap(({ address, was }) => (was === undefined ? [] : [[`${parseAddress(address).kind} ${parseAddress(address).name}`, parseAddress(was).name]])));
  const changed = new Set(changes.map(({ address }) => address.split('/').slice(2).join('/')));
  // What nobody can see is not in what was read, and stays as the file has it.
  const whole = ({ kind, name, spec }: NamedSpec): JsonObject => {
    const old = changed.has(`${kind}/${encodeURIComponent(name)}`) ? undefined : kind === 'vpn-user' ? before?.users[name]?.presharedKey : before?.tunnels[name]?.presharedKey;
    return { ...(old === undefined ? {} : { presharedKey: old }), ...spec };
  };
  // Specs have been through their kind's schema.
  const of = <T>(kind: (typeof vpnKinds)[number]): Readonly<Record<string, T>> => Object.fromEntries(wanted.filter((each) => each.kind === kind).sort((a, b) => (a.name < b.name ? -1 : 1)).map((each) => [each.name, whole(each) as unknown as T]));
  const tunnels = of<VpnTunnelSpec>('vpn-tunnel');
  const users = of<VpnUserSpec>('vpn-user');
  const lines = [`${mark}${JSON.stringify({ 'vpn-tunnel': tunnels, 'vpn-user': users })}`];
  for (const [name, spec] of Object.entries(tunnels)) {
    const former = formerly.get(`vpn-tunnel ${name}`) ?? name;
    const old = before?.tunnels[former];
    const kept = old?.publicKey === spec.publicKey && equalJson(old.privateKey, spec.privateKey);
    lines.push(`interface ${name}`, `key ${name} ${kept ? `@${former}` : await privateKey(spec, reveal)}`, `public ${name} ${spec.publicKey}`, `port ${name} ${String(spec.port)}`);
    lines.push(...spec.addresses.map((address) => `address ${name} ${address}/${address.includes(':') ? '128' : '32'}`));
    if (spec.peerKey !== undefined) lines.push(...await peerLines(name, former, { ...spec, key: spec.peerKey, networks: spec.networks ?? [] }, before, reveal));
    for (const user of Object.values(users)) if (user.tunnel === name) lines.push(...await peerLines(name, former, { ...user, key: user.publicKey, networks: user.addresses }, before, reveal));
  }
  return `${lines.join('\n')}\n`;
}

interface Peer {
  readonly key: string;
  readonly networks: readonly string[];
  readonly endpoint?: string;
  readonly presharedKey?: SecretRef;
  readonly keepalive?: number;
}

async function peerLines(name: string, former: string, { key, networks, endpoint, presharedKey, keepalive }: Peer, before: Tunnels | undefined, reveal: RenderInput['reveal']): Promise<readonly string[]> {
  const at = `${name} ${key}`;
  const old = before?.tunnels[former]?.peerKey === key ? before.tunnels[former].presharedKey : Object.values(before?.users ?? {}).find((user) => user.tunnel === former && user.publicKey === key)?.presharedKey;
  const shared = presharedKey === undefined ? [] : [`psk ${at} ${equalJson(old, presharedKey) ? `@${former}` : await sharedKey(presharedKey, reveal)}`];
  return [
    `peer ${at}`, ...shared, ...(endpoint === undefined ? [] : [`endpoint ${at} ${endpoint}`]),
    ...(networks.length === 0 ? [] : [`ips ${at} ${networks.map(withPrefix).join(',')}`]), ...(keepalive === undefined ? [] : [`keepalive ${at} ${String(keepalive)}`]),
    ...networks.map((network) => `route ${name} ${network}`),
  ];
}

/** As wg prints it. */
function withPrefix(network: string): string {
  return network.includes('/') ? network : `${network}/${parseCidr(network)?.family === 6 ? '128' : '32'}`;
}

const base64Key = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

async function sharedKey(ref: SecretRef, reveal: RenderInput['reveal']): Promise<string> {
  const value = (await reveal(ref)).expose().trim();
  if (!base64Key.test(value)) throw new ProviderError('rejected', `the secret ${ref.$secret} is no key of WireGuard`, { hint: 'make one with wg genpsk' });
  return value;
}

/** PKCS #8 of an X25519 key (RFC 8410) up to its 32 bytes. */
const pkcs8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** What `wg pubkey` says. */
export function publicKeyOf(privateKey: string): string {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, Buffer.from(privateKey, 'base64')]), format: 'der', type: 'pkcs8' });
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
}

async function privateKey({ privateKey: ref, publicKey }: VpnTunnelSpec, reveal: RenderInput['reveal']): Promise<string> {
  const value = (await reveal(ref)).expose().trim();
  if (!base64Key.test(value)) throw new ProviderError('rejected', `the secret ${ref.$secret} is no key of WireGuard`, { hint: 'make one with wg genkey' });
  if (publicKeyOf(value) !== publicKey) throw new ProviderError('rejected', `the private key ${ref.$secret} does not belong to the public key ${publicKey}`, { hint: 'wg pubkey tells the public key of a private one; write that as publicKey' });
  return value;
}
