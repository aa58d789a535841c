import type { JsonObject } from '#contract';
import type { ConformanceMaterial, ConformanceResource } from '#testkit/simulator';
import { pubkey } from './fake-wg.ts';

const zone = (name: string, ...interfaces: readonly string[]): ConformanceResource => ({ kind: 'zone', name, spec: { interfaces } });
const group = (name: string, ...members: readonly string[]): ConformanceResource => ({ kind: 'address-group', name, spec: { members } });
const service = (name: string, ...ports: readonly string[]): ConformanceResource => ({ kind: 'service', name, spec: { ports } });
const policy = (from: string, to: string, order: readonly string[], more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: 'drop', order, ...more } });
const rule = (from: string, to: string, name: string, more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-rule', name: `${from}.${to}.${name}`, spec: { from, to, action: 'accept', ...more } });

/** A key for each number; only the device has to find that they fit. */
const key = (number: number): string => Buffer.alloc(32, number).toString('base64');
export const secrets: Readonly<Record<string, string>> = { 'vpn-own': key(1), 'vpn-users': key(2), 'vpn-psk': key(3), 'vpn-new': key(4) };
const tunnel = (more: JsonObject = {}, name = 'to-lahr', was?: string): ConformanceResource => ({
  kind: 'vpn-tunnel', name, ...(was === undefined ? {} : { was }),
  spec: { addresses: ['10.99.1.1', 'fd00:99::1'], privateKey: { $secret: 'vpn-own' }, publicKey: pubkey(key(1)), peerKey: pubkey(key(5)), endpoint: '198.51.100.9:51820', networks: ['192.168.20.0/24', '2001:db8:20::/48', '10.99.1.2'], presharedKey: { $secret: 'vpn-psk' }, keepalive: 25, ...more },
});
const entrance: ConformanceResource = { kind: 'vpn-tunnel', name: 'users', spec: { addresses: ['10.98.0.1'], port: 51821, privateKey: { $secret: 'vpn-users' }, publicKey: pubkey(key(2)) } };
const person = (name: string, number: number, more: JsonObject = {}): ConformanceResource => ({ kind: 'vpn-user', name, spec: { tunnel: 'users', publicKey: pubkey(key(number)), addresses: [`10.98.0.${String(number)}`], ...more } });
const vpn = [tunnel(), entrance, person('anna-laptop', 20), person('ben', 21, { presharedKey: { $secret: 'vpn-psk' }, keepalive: 30 })];

const base = [
  zone('wan', 'eth0'), zone('lan', 'eth1', 'br-lan'), group('admins', '198.51.100.16/28', '2001:db8:51::/64'), service('ssh', 'tcp/22'), service('web', 'tcp/80', 'tcp/443', 'udp/443'), service('ping', 'icmp', 'icmpv6'),
];
const admin = rule('wan', 'self', 'admin', { sources: ['group:admins', '203.0.113.7'], services: ['ssh'], log: true, comment: 'Fernwartung Büro' });
const input = [policy('wan', 'self', ['admin', 'ping'], { log: true }), admin, rule('wan', 'self', 'ping', { services: ['ping'] })];
const masquerade: ConformanceResource = { kind: 'masquerade', name: 'internet', spec: { from: 'lan', to: 'wan' } };
const forward = (more: JsonObject = {}): ConformanceResource => ({ kind: 'port-forward', name: 'web', spec: { from: 'wan', protocol: 'tcp', port: 8443, destination: '192.168.10.5', destinationPort: 443, sources: ['203.0.113.9'], ...more } });
const surf = rule('lan', 'wan', 'surf', { services: ['web', 'ping'] });
const mail = rule('lan', 'wan', 'no-mail', { action: 'reject', destinations: ['192.0.2.25', '192.0.2.128/25', '2001:db8:25::25'], log: true });

const initial = [...base, ...vpn, ...input, policy('lan', 'wan', ['surf', 'no-mail']), surf, mail, masquerade, forward()];

export const conformance: ConformanceMaterial = {
  target: {
    manages: {
      ...Object.fromEntries(['address-group', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward', 'service', 'zone'].map((kind) => [kind, 'exclusive' as const])),
      'vpn-tunnel': 'merge', 'vpn-user': 'merge',
    },
    settings: {},
  },
  initial,
  steps: [
    { because: 'a device more comes in, another has a new key, a network less goes through the tunnel', resources: [...initial.filter(({ kind }) => !kind.startsWith('vpn-')), tunnel({ networks: ['192.168.20.0/24'], addresses: ['10.99.1.1'] }), entrance, person('anna-laptop', 30), person('ben', 21), person('chris', 22)] },
    { because: 'a tunnel is called otherwise and has another key pair, another goes with all that came in by it', resources: [...initial.filter(({ kind }) => !kind.startsWith('vpn-')), tunnel({ privateKey: { $secret: 'vpn-new' }, publicKey: pubkey(key(4)), port: 51900 }, 'lahr', 'to-lahr')] },
    { because: 'a rule moves to the top', resources: [...base, ...input, policy('lan', 'wan', ['no-mail', 'surf']), surf, mail, masquerade, forward()] },
    { because: 'a rule is edited', resources: [...base, ...input, policy('lan', 'wan', ['no-mail', 'surf']), rule('lan', 'wan', 'surf', { services: ['web'], sources: ['192.168.10.0/24'] }), mail, masquerade, forward()] },
    { because: 'a default changes and sources are taken away', resources: [...base, ...input, policy('lan', 'wan', ['no-mail', 'surf'], { default: 'reject', log: true }), rule('lan', 'wan', 'surf', { services: ['web'] }), mail, masquerade, forward({ sources: ['group:admins'], log: true, comment: 'Partner' })] },
    { because: 'an IPv6 forward and masquerading of some sources', resources: [...base, ...input, { kind: 'masquerade', name: 'internet', spec: { from: 'lan', to: 'wan', sources: ['192.168.10.0/24', 'group:admins'] } }, { kind: 'port-forward', name: 'v6', spec: { from: 'wan', protocol: 'udp', port: 443, destination: '2001:db8::5' } }] },
    { because: 'traffic of the device itself has a policy', resources: [...base, ...input, policy('self', 'wan', ['out'], { default: 'accept' }), rule('self', 'wan', 'out', { action: 'drop', services: ['ping'] }), group('empty')] },
    { because: 'almost everything goes', resources: [zone('wan', 'eth0'), group('admins', '198.51.100.16/28', '2001:db8:51::/64'), service('ssh', 'tcp/22'), policy('wan', 'self', ['admin']), rule('wan', 'self', 'admin', { sources: ['group:admins'], services: ['ssh'] })] },
  ],
  foreign: ['ip filter', 'wireguard wg0'],
  hostile: [
    ...['"; accept; #', 'a\naccept', '$(reboot)', 'ü'.repeat(48), 'Ticket 4711, (Büro) + #1/2: ok;'].map((comment) => [policy('wan', 'self', ['admin', 'ping', 'odd'], { log: true }), rule('wan', 'self', 'odd', { comment })]),
    [policy('wan', 'self', ['admin', 'ping', 'mixed'], { log: true }), rule('wan', 'self', 'mixed', { sources: ['10.0.0.1'], destinations: ['2001:db8::1'] })],
    [policy('wan', 'self', ['admin', 'ping', 'both'], { log: true }), rule('wan', 'self', 'both', { sources: ['10.0.0.1', '2001:db8:1::/48'], destinations: ['2001:db8::1', '192.0.2.1', 'group:admins'], services: ['ssh', 'web', 'ping'] })],
    tunnel({ endpoint: 'x;reboot:1' }), tunnel({ networks: ['0.0.0.0/0'] }), tunnel({}, 'a-name-of-17-chars'), tunnel({}, 'all'), person('x y', 23), person('nl', 24, { publicKey: 'a\nkey users ' }),
    rule('wan', 'self', 'not-in-order'), group('bad', '10.0.0.1 accept\n accept #'), group('named', 'example.com'), group('any', '0.0.0.0/0'), group('twice', '10.0.0.0/8', '10.1.0.0/16'), service('wide', 'tcp/1-70000'), zone('x y', 'eth2'), zone('a}b', 'eth3'),
  ],
};
