import type { JsonObject } from '#contract';
import type { ConformanceMaterial, ConformanceResource } from '#testkit/simulator';

const zone = (name: string, ...interfaces: readonly string[]): ConformanceResource => ({ kind: 'zone', name, spec: { interfaces } });
const group = (name: string, ...members: readonly string[]): ConformanceResource => ({ kind: 'address-group', name, spec: { members } });
const service = (name: string, ...ports: readonly string[]): ConformanceResource => ({ kind: 'service', name, spec: { ports } });
const policy = (from: string, to: string, order: readonly string[], more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: 'drop', order, ...more } });
const rule = (from: string, to: string, name: string, more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-rule', name: `${from}.${to}.${name}`, spec: { from, to, action: 'accept', ...more } });

const base = [
  zone('wan', 'eth0'), zone('lan', 'eth1', 'br-lan'), group('admins', '198.51.100.16/28', '2001:db8:51::/64'), service('ssh', 'tcp/22'), service('web', 'tcp/80', 'tcp/443', 'udp/443'), service('ping', 'icmp', 'icmpv6'),
];
const admin = rule('wan', 'self', 'admin', { sources: ['group:admins', '203.0.113.7'], services: ['ssh'], log: true, comment: 'Fernwartung Büro' });
const input = [policy('wan', 'self', ['admin', 'ping'], { log: true }), admin, rule('wan', 'self', 'ping', { services: ['ping'] })];
const masquerade: ConformanceResource = { kind: 'masquerade', name: 'internet', spec: { from: 'lan', to: 'wan' } };
const forward = (more: JsonObject = {}): ConformanceResource => ({ kind: 'port-forward', name: 'web', spec: { from: 'wan', protocol: 'tcp', port: 8443, destination: '192.168.10.5', destinationPort: 443, sources: ['203.0.113.9'], ...more } });
const surf = rule('lan', 'wan', 'surf', { services: ['web', 'ping'] });
const mail = rule('lan', 'wan', 'no-mail', { action: 'reject', destinations: ['192.0.2.25', '192.0.2.128/25', '2001:db8:25::25'], log: true });

const initial = [...base, ...input, policy('lan', 'wan', ['surf', 'no-mail']), surf, mail, masquerade, forward()];

export const conformance: ConformanceMaterial = {
  target: { manages: Object.fromEntries(['address-group', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward', 'service', 'zone'].map((kind) => [kind, 'exclusive'])), settings: {} },
  initial,
  steps: [
    { because: 'a rule moves to the top', resources: [...base, ...input, policy('lan', 'wan', ['no-mail', 'surf']), surf, mail, masquerade, forward()] },
    { because: 'a rule is edited', resources: [...base, ...input, policy('lan', 'wan', ['no-mail', 'surf']), rule('lan', 'wan', 'surf', { services: ['web'], sources: ['192.168.10.0/24'] }), mail, masquerade, forward()] },
    { because: 'a default changes and sources are taken away', resources: [...base, ...input, policy('lan', 'wan', ['no-mail', 'surf'], { default: 'reject', log: true }), rule('lan', 'wan', 'surf', { services: ['web'] }), mail, masquerade, forward({ sources: ['group:admins'], log: true, comment: 'Partner' })] },
    { because: 'an IPv6 forward and masquerading of some sources', resources: [...base, ...input, { kind: 'masquerade', name: 'internet', spec: { from: 'lan', to: 'wan', sources: ['192.168.10.0/24', 'group:admins'] } }, { kind: 'port-forward', name: 'v6', spec: { from: 'wan', protocol: 'udp', port: 443, destination: '2001:db8::5' } }] },
    { because: 'traffic of the device itself has a policy', resources: [...base, ...input, policy('self', 'wan', ['out'], { default: 'accept' }), rule('self', 'wan', 'out', { action: 'drop', services: ['ping'] }), group('empty')] },
    { because: 'almost everything goes', resources: [zone('wan', 'eth0'), group('admins', '198.51.100.16/28', '2001:db8:51::/64'), service('ssh', 'tcp/22'), policy('wan', 'self', ['admin']), rule('wan', 'self', 'admin', { sources: ['group:admins'], services: ['ssh'] })] },
  ],
  foreign: ['ip filter'],
  hostile: [
    ...['"; accept; #', 'a\naccept', '$(reboot)', 'ü'.repeat(48), 'Ticket 4711, (Büro) + #1/2: ok;'].map((comment) => [policy('wan', 'self', ['admin', 'ping', 'odd'], { log: true }), rule('wan', 'self', 'odd', { comment })]),
    [policy('wan', 'self', ['admin', 'ping', 'mixed'], { log: true }), rule('wan', 'self', 'mixed', { sources: ['10.0.0.1'], destinations: ['2001:db8::1'] })],
    [policy('wan', 'self', ['admin', 'ping', 'both'], { log: true }), rule('wan', 'self', 'both', { sources: ['10.0.0.1', '2001:db8:1::/48'], destinations: ['2001:db8::1', '192.0.2.1', 'group:admins'], services: ['ssh', 'web', 'ping'] })],
    rule('wan', 'self', 'not-in-order'), group('bad', '10.0.0.1 accept\n accept #'), group('named', 'example.com'), group('any', '0.0.0.0/0'), group('twice', '10.0.0.0/8', '10.1.0.0/16'), service('wide', 'tcp/1-70000'), zone('x y', 'eth2'), zone('a}b', 'eth3'),
  ],
};
