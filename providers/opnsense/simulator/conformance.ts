import type { JsonObject } from '#contract';
import type { ConformanceMaterial, ConformanceResource } from '#testkit/simulator';

const zone = (name: string, ...interfaces: readonly string[]): ConformanceResource => ({ kind: 'zone', name, spec: { interfaces } });
const group = (name: string, ...members: readonly string[]): ConformanceResource => ({ kind: 'address-group', name, spec: { members } });
const service = (name: string, ...ports: readonly string[]): ConformanceResource => ({ kind: 'service', name, spec: { ports } });
const policy = (from: string, to: string, order: readonly string[], more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: 'drop', order, ...more } });
const rule = (from: string, to: string, name: string, more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-rule', name: `${from}.${to}.${name}`, spec: { from, to, action: 'accept', ...more } });
const vlan = (name: string, id: number, more: JsonObject = {}): ConformanceResource => ({ kind: 'vlan', name, spec: { id, ...more } });

const network = (id: number, dhcp: JsonObject = {}): JsonObject => ({ subnet: `192.168.${String(id)}.0/24`, gateway: `192.168.${String(id)}.1`, dhcp: { from: `192.168.${String(id)}.100`, to: `192.168.${String(id)}.199`, ...dhcp } });

const base = [
  zone('wan', 'wan'), zone('lan', 'lan', 'opt1'), zone('guest-net', 'opt2'), group('admins', '198.51.100.16/28', '2001:db8:51::/64'), group('empty'),
  service('ssh', 'tcp/22'), service('web', 'tcp/80', 'tcp/443', 'udp/443'), service('ping', 'icmp', 'icmpv6'), service('high', 'tcp/8000-8100', 'esp'),
  vlan('office', 20, { description: 'Büro', ...network(20) }), vlan('voice', 30),
];
const admin = rule('wan', 'self', 'admin', { sources: ['group:admins', '203.0.113.7'], services: ['ssh', 'high'], log: true, comment: 'Fernwartung Büro' });
const input = [policy('wan', 'self', ['admin', 'ping'], { log: true }), admin, rule('wan', 'self', 'ping', { services: ['ping'] })];
const inside = [policy('lan', 'self', ['dns'], { default: 'accept' }), rule('lan', 'self', 'dns', { sources: ['group:empty'], action: 'reject' }), policy('lan', 'guest-net', [])];
const masquerade = (more: JsonObject = {}): ConformanceResource => ({ kind: 'masquerade', name: 'internet', spec: { from: 'lan', to: 'wan', ...more } });
const forward = (more: JsonObject = {}): ConformanceResource => ({ kind: 'port-forward', name: 'web', spec: { from: 'wan', protocol: 'tcp', port: 8443, destination: '192.168.10.5', destinationPort: 443, sources: ['203.0.113.9'], ...more } });
const surf = rule('lan', 'wan', 'surf', { services: ['web', 'ping'] });
const mail = rule('lan', 'wan', 'no-mail', { action: 'reject', destinations: ['192.0.2.25', '192.0.2.128/25', '2001:db8:25::25'], log: true });

const rest = [...input, ...inside, mail];

export const conformance: ConformanceMaterial = {
  target: { manages: Object.fromEntries(['address-group', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward', 'service', 'vlan', 'zone'].map((kind) => [kind, 'merge'])), settings: { external: ['wan'], vlanParent: 'igc1', vlanNetworks: true } },
  initial: [...base, ...rest, policy('lan', 'wan', ['surf', 'no-mail']), surf, masquerade(), forward()],
  steps: [
    { because: 'a rule moves to the top', resources: [...base, ...rest, policy('lan', 'wan', ['no-mail', 'surf']), surf, masquerade(), forward()] },
    { because: 'a rule is edited, and a VLAN', resources: [...base, vlan('office', 21, { description: 'Büro und Lager', ...network(21, { dns: ['192.168.21.1', '9.9.9.9'], domain: 'buero.example.de', leaseMinutes: 90 }) }), vlan('voice', 30, network(30)), ...rest, policy('lan', 'wan', ['no-mail', 'surf']), rule('lan', 'wan', 'surf', { services: ['web'], sources: ['192.168.10.0/24'] }), masquerade(), forward()] },
    { because: 'a service gets a protocol and a zone an interface, so that rules and NAT follow', resources: [...base, zone('wan', 'wan', 'opt3'), service('ssh', 'tcp/22', 'udp/22'), ...rest, policy('lan', 'wan', ['no-mail', 'surf']), surf, masquerade(), forward()] },
    { because: 'a default changes and sources are taken away', resources: [...base, ...rest, policy('lan', 'wan', ['no-mail', 'surf'], { default: 'reject', log: true }), rule('lan', 'wan', 'surf', { services: ['web'] }), masquerade(), forward({ sources: ['group:admins', '203.0.113.0/28'], log: true, comment: 'Partner' })] },
    { because: 'an IPv6 forward and masquerading of some sources', resources: [...base, ...rest, policy('lan', 'wan', ['no-mail', 'surf']), surf, masquerade({ sources: ['192.168.10.0/24', 'group:admins'] }), { kind: 'port-forward', name: 'v6', spec: { from: 'wan', protocol: 'udp', port: 443, destination: '2001:db8::5' } }] },
    { because: 'groups change their members', resources: [...base, group('admins', '198.51.100.16/28'), group('empty', '192.0.2.1'), ...rest, policy('lan', 'wan', ['no-mail']), masquerade({ sources: ['192.168.10.0/24'] })] },
    { because: 'almost everything goes', resources: [zone('wan', 'wan'), group('admins', '198.51.100.16/28'), service('ssh', 'tcp/22'), policy('wan', 'self', ['admin']), rule('wan', 'self', 'admin', { sources: ['group:admins'], services: ['ssh'] })] },
  ],
  paging: { kind: 'address-group', pageSize: 200, make: (index) => group(`net-${String(index).padStart(4, '0')}`, `10.0.${String(index >> 8)}.${String(index & 255)}`) },
  foreign: ['office_hosts', 'Default allow LAN to any rule', 'Kamera', 'trusted', 'Alte Telefonanlage', 'Ausgehend Telefonie', 'GeoSperre'],
  hostile: [
    ...['"; accept; #', 'a\naccept', '$(reboot)', '[soll rule wan.self.admin]', '^C', 'end', 'ü'.repeat(48), 'Ticket 4711, (Büro) + #1/2: ok;'].map((comment) => [policy('wan', 'self', ['admin', 'ping', 'odd'], { log: true }), rule('wan', 'self', 'odd', { comment })]),
    [policy('wan', 'self', ['admin', 'ping', 'mixed'], { log: true }), rule('wan', 'self', 'mixed', { sources: ['10.0.0.1'], destinations: ['2001:db8::1'] })],
    [policy('wan', 'self', ['admin', 'ping', 'both'], { log: true }), rule('wan', 'self', 'both', { sources: ['10.0.0.1', '2001:db8:1::/48'], destinations: ['2001:db8::1', '192.0.2.1', 'group:admins'], services: ['ssh', 'web', 'ping'] })],
    rule('wan', 'self', 'not-in-order'), policy('guest-net', 'lan', []), policy('self', 'wan', []), group('bad', '10.0.0.1\nany'), group('named', 'example.com'), group('any', '0.0.0.0/0'), group('twice', '10.0.0.0/8', '10.1.0.0/16'), service('wide', 'tcp/1-70000'),
    zone('x y', 'opt3'), zone('a}b', 'opt3'), zone('dev', 'igc0'), vlan('line\nbreak', 25), vlan('../../etc/passwd', 25), vlan('quoted', 25, { description: '<script>alert(1)</script> "]; $(reboot)' }), vlan('broken', 25, { description: 'one\ntwo' }), vlan('no-gateway', 27, { subnet: '192.168.27.0/24' }), vlan('outside', 27, { ...network(27), gateway: '192.168.28.1' }), vlan('backwards', 27, { ...network(27, { from: '192.168.27.200' }) }), vlan('six', 27, { subnet: '2001:db8:27::/64', gateway: '2001:db8:27::1' }), vlan('dotted.name-1', 27, network(27)),
    vlan('marked', 26, { description: '[soll vlan office] Büro' }),
  ],
};
