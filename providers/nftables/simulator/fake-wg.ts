/**
 * WireGuard interfaces of a kernel behind wg(8) 1.0.20210914 and ip(8) of iproute2 6.1, as far as soll may use them. Written from the manual pages and
 * recorded output; what is not known here fails. Handshakes and traffic are for test/systems.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import type { NftResult } from './fake-nft.ts';

interface Peer {
  psk?: string;
  endpoint?: string;
  ips: string[];
  keepalive?: number;
}

export interface Link {
  privateKey?: string;
  port: number;
  addresses: string[];
  routes: string[];
  up: boolean;
  peers: Record<string, Peer>;
}

export type Links = Record<string, Link>;

const ok = (stdout = ''): NftResult => ({ code: 0, stdout, stderr: '' });
const fail = (text: string, code = 1): NftResult => ({ code, stdout: '', stderr: `${text}\n` });

/** `wg pubkey`. */
export function pubkey(privateKey: string): string {
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), Buffer.from(privateKey, 'base64')]);
  return createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
}

export function fakeWg(links: Links, argv: readonly string[], stdin: string): NftResult {
  const [verb, name = '', what = ''] = argv;
  if (verb === '--version') return ok('wireguard-tools v1.0.20210914 - https://git.zx2c4.com/wireguard-tools/\n');
  if (verb === 'syncconf' && what === '/dev/stdin' && argv.length === 3) return syncconf(links, name, stdin);
  if (verb !== 'show' || argv.length > 3) return fail(`Invalid subcommand: \`${argv.join(' ')}'`);
  if (name === 'all') return ok(Object.keys(links).sort().map((each) => (show(links[each], what) ?? '').replaceAll(/^(?=.)/gm, `${each}\t`)).join(''));
  const shown = show(links[name], what);
  return shown === undefined ? fail('Unable to access interface: No such device') : ok(shown);
}

function show(link: Link | undefined, what: string): string | undefined {
  if (link === undefined) return undefined;
  const key = link.privateKey === undefined ? '(none)' : pubkey(link.privateKey);
  const each = (row: (peer: Peer) => string): string => Object.entries(link.peers).map(([peer, of]) => `${peer}\t${row(of)}\n`).join('');
  const none = (list: readonly string[], between: string): string => (list.length === 0 ? '(none)' : list.join(between));
  switch (what) {
    case 'public-key': return `${key}\n`;
    case 'listen-port': return `${String(link.port)}\n`;
    case 'allowed-ips': return each(({ ips }) => none(ips, ' '));
    case 'persistent-keepalive': return each(({ keepalive }) => String(keepalive ?? 'off'));
    case 'dump': return `${link.privateKey ?? '(none)'}\t${key}\t${String(link.port)}\toff\n${each(({ psk, endpoint, ips, keepalive }) => [psk ?? '(none)', endpoint ?? '(none)', none(ips, ','), '0', '0', '0', String(keepalive ?? 'off')].join('\t'))}`;
    default: return undefined;
  }
}

const isKey = (text: string): boolean => /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);

/** As the kernel keeps it: no bits behind the prefix. */
function network(text: string): string | undefined {
  const [address = '', prefix = ''] = text.split('/');
  return (isIPv4(address) || isIPv6(address)) && /^\d+$/.test(prefix) && Number(prefix) <= (isIPv6(address) ? 128 : 32) ? text : undefined;
}

function syncconf(links: Links, name: string, text: string): NftResult {
  const link = links[name];
  if (link === undefined) return fail('Unable to modify interface: No such device');
  const next: Pick<Link, 'privateKey' | 'port' | 'peers'> = { port: 0, peers: {} };
  let peer: Peer | undefined;
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [key = '', value = ''] = line.split(/ = (.*)/s);
    const refused = fail(`Line unrecognized: \`${line}'\nConfiguration parsing error`);
    if (line === '[Interface]') peer = undefined;
    else if (line === '[Peer]') peer = { ips: [] };
    else if (key === 'PrivateKey' && isKey(value)) next.privateKey = value;
    else if (key === 'ListenPort' && /^\d+$/.test(value)) next.port = Number(value);
    else if (peer === undefined) return refused;
    else if (key === 'PublicKey' && isKey(value)) next.peers[value] = peer;
    else if (key === 'PresharedKey' && isKey(value)) peer.psk = value;
    else if (key === 'PersistentKeepalive' && /^\d+$/.test(value)) peer.keepalive = Number(value);
    else if (key === 'Endpoint' && /^\S+:\d+$/.test(value)) {
      if (value.includes('.invalid:')) return fail(`Name or service not known: \`${value}'\nConfiguration parsing error`);
      peer.endpoint = value;
    } else if (key === 'AllowedIPs') {
      const ips = value.split(',').map(network);
      if (ips.includes(undefined)) return fail(`AllowedIP has invalid format: \`${value}'\nConfiguration parsing error`);
      peer.ips = ips.filter((each) => each !== undefined);
    } else return refused;
  }
  // The same address goes to the peer that asked last; an endpoint stays until another comes.
  for (const [key, each] of Object.entries(next.peers)) {
    for (const [other, { ips }] of Object.entries(next.peers)) if (other < key) each.ips = each.ips.filter((ip) => !ips.includes(ip));
    const endpoint = each.endpoint ?? link.peers[key]?.endpoint;
    if (endpoint !== undefined) each.endpoint = endpoint;
  }
  Object.assign(link, next);
  return ok();
}

export function fakeIp(links: Links, argv: readonly string[]): NftResult {
  const line = argv.join(' ');
  if (line === '-j addr show') return ok(`${JSON.stringify([{ ifname: 'lo', addr_info: [{ family: 'inet', local: '127.0.0.1', prefixlen: 8, scope: 'host' }] }, ...Object.entries(links).map(([ifname, { addresses }]) => ({ ifname, addr_info: addresses.map((each) => ({ family: each.includes(':') ? 'inet6' : 'inet', local: each.split('/')[0], prefixlen: Number(each.split('/')[1]), scope: 'global' })) }))])}\n`);
  const added = /^link add dev (\S{1,15}) type wireguard$/.exec(line)?.[1];
  if (added !== undefined) {
    if (links[added] !== undefined) return fail('RTNETLINK answers: File exists', 2);
    links[added] = { port: 0, addresses: [], routes: [], up: false, peers: {} };
    return ok();
  }
  const name = /\bdev (\S+)/.exec(line)?.[1] ?? '';
  const link = links[name];
  if (link === undefined) return fail(`Device "${name}" does not exist.`);
  const [, verb, value] = /^(link show|link del|link set|addr add|addr del|route add|route del|-o addr show|-4 route show|-6 route show) ?(\S*?) ?dev /.exec(line) ?? [];
  const list = verb?.startsWith('addr') === true ? link.addresses : link.routes;
  const held = Object.values(links).some(({ routes }) => routes.includes(value ?? ''));
  switch (verb ?? '') {
    case 'link show': return ok(`7: ${name}: <POINTOPOINT,NOARP> mtu 1420\n`);
    case 'link del':
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a map by name
      delete links[name];
      return ok();
    case 'link set': link.up = line.endsWith(' up'); return ok();
    case '-o addr show': return ok(link.addresses.map((each) => `7: ${name}    ${each.includes(':') ? 'inet6' : 'inet'} ${each} scope global ${name}\\       valid_lft forever preferred_lft forever\n`).join(''));
    case '-4 route show':
    case '-6 route show': return ok(link.routes.filter((each) => each.includes(':') === (verb === '-6 route show')).map((each) => `${each} proto 73 scope link \n`).join(''));
    case 'addr add':
    case 'route add':
      if (list.includes(value ?? '') || (verb === 'route add' && (held || !link.up))) return fail(held ? 'RTNETLINK answers: File exists' : 'RTNETLINK answers: Network is down', 2);
      list.push(value ?? '');
      return ok();
    case 'addr del':
    case 'route del':
      if (!list.includes(value ?? '')) return fail('RTNETLINK answers: No such process', 2);
      list.splice(list.indexOf(value ?? ''), 1);
      return ok();
    default: return fail(`Object "${line}" is unknown, try "ip help".`);
  }
}
