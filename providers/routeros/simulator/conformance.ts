import type { JsonObject } from '#contract';
import type { ConformanceMaterial, ConformanceResource } from '#testkit/simulator';

const zone = (name: string, ...interfaces: readonly string[]): ConformanceResource => ({ kind: 'zone', name, spec: { interfaces } });
const group = (name: string, ...members: readonly string[]): ConformanceResource => ({ kind: 'address-group', name, spec: { members } });
const service = (name: string, ...ports: readonly string[]): ConformanceResource => ({ kind: 'service', name, spec: { ports } });
const policy = (from: string, to: string, order: readonly string[], more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: 'drop', order, ...more } });
const rule = (from: string, to: string, name: string, more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-rule', name: `${from}.${to}.${name}`, spec: { from, to, action: 'accept', ...more } });
const vlan = (name: string, id: number, more: JsonObject = {}): ConformanceResource => ({ kind: 'vlan', name, spec: { id, ...more } });
const port = (name: string, spec: JsonObject): ConformanceResource => ({ kind: 'switch-port', name, spec });

const officeNet = { subnet: '192.168.20.0/24', gateway: '192.168.20.1', dhcp: { from: '192.168.20.100', to: '192.168.20.199', leaseMinutes: 720, domain: 'buero.example.de' } };
const base = [
  zone('wan', 'ether1'), zone('lan', 'bridge', 'office'), zone('guest-net', 'guest'), group('admins', '198.51.100.16/28', '2001:db8:51::/64'), group('printers', '192.168.20.9'),
  service('ssh', 'tcp/22'), service('web', 'tcp/80', 'tcp/443', 'udp/443'), service('ping', 'icmp', 'icmpv6'), service('high', 'tcp/8000-8100', 'esp'),
  vlan('office', 20, { description: 'Büro', ...officeNet }), vlan('guest', 40, { subnet: '192.168.40.0/24', gateway: '192.168.40.1' }), vlan('voice', 30),
];
const ports = [port('ether2', { mode: 'access', vlan: 20, description: 'Empfang', role: 'edge' }), port('ether3', { mode: 'trunk', native: 1, tagged: [20, 30], role: 'uplink' }), port('ether5', { mode: 'access', vlan: 30, poe: true, enabled: true })];
const admin = rule('wan', 'self', 'admin', { sources: ['group:admins', '203.0.113.7'], services: ['ssh', 'high'], log: true, comment: 'Fernwartung Büro' });
const input = [policy('wan', 'self', ['admin', 'ping'], { log: true }), admin, rule('wan', 'self', 'ping', { services: ['ping'] })];
const inside = [policy('lan', 'self', ['dns'], { default: 'accept' }), rule('lan', 'self', 'dns', { sources: ['group:printers'], action: 'reject' }), policy('lan', 'guest-net', []), policy('self', 'guest-net', [], { default: 'accept' })];
const masquerade = (more: JsonObject = {}): ConformanceResource => ({ kind: 'masquerade', name: 'internet', spec: { from: 'lan', to: 'wan', sources: ['192.168.20.0/24'], ...more } });
const forward = (more: JsonObject = {}): ConformanceResource => ({ kind: 'port-forward', name: 'web', spec: { from: 'wan', protocol: 'tcp', port: 8443, destination: '192.168.20.5', destinationPort: 443, sources: ['203.0.113.9'], ...more } });
const surf = rule('lan', 'wan', 'surf', { services: ['web', 'ping'] });
const mail = rule('lan', 'wan', 'no-mail', { action: 'reject', destinations: ['192.0.2.25', '192.0.2.128/25', '2001:db8:25::25'], log: true });
const rest = [...input, ...inside, mail];
const order = (...names: readonly string[]): ConformanceResource => policy('lan', 'wan', names);

export const conformance: ConformanceMaterial = {
  target: { manages: Object.fromEntries(['address-group', 'firewall-policy', 'firewall-rule', 'masquerade', 'port-forward', 'service', 'switch-port', 'vlan', 'zone'].map((kind) => [kind, 'merge'])), settings: { bridge: 'bridge' } },
  initial: [...base, ...ports, ...rest, order('surf', 'no-mail'), surf, masquerade(), forward()],
  steps: [
    { because: 'a rule moves to the top', resources: [...base, ...ports, ...rest, order('no-mail', 'surf'), surf, masquerade(), forward()] },
    { because: 'a rule, a VLAN and its ports are edited', resources: [...base, vlan('office', 20, { description: 'Büro und Lager', ...officeNet, dhcp: { ...officeNet.dhcp, dns: ['192.168.20.1', '9.9.9.9'] } }), port('ether2', { mode: 'access', vlan: 30, description: 'Empfang' }), port('ether3', { mode: 'trunk', tagged: [20, 30, 40] }), port('ether5', { mode: 'access', vlan: 20, poe: false, enabled: false }), ...rest, order('no-mail', 'surf'), rule('lan', 'wan', 'surf', { services: ['web'], sources: ['192.168.20.0/24'] }), masquerade(), forward()] },
    { because: 'a service gets a protocol, a group a family and a zone an interface, so that rules follow', resources: [...base, zone('wan', 'ether1', 'ether4'), group('printers', '192.168.20.9', '2001:db8:20::9'), service('ssh', 'tcp/22', 'udp/22'), ...ports, ...rest, order('no-mail', 'surf'), surf, masquerade(), forward()] },
    { because: 'a default changes and matches are taken away', resources: [...base, ...ports, ...rest, policy('lan', 'wan', ['no-mail', 'surf'], { default: 'reject', log: true }), rule('lan', 'wan', 'surf', { services: ['web'] }), masquerade({ sources: ['192.168.20.0/24', 'group:printers'] }), forward({ sources: ['group:admins', '203.0.113.0/28'], log: true, comment: 'Partner' })] },
    { because: 'a VLAN is renumbered, others renamed, and a trunk becomes an access port', resources: [...base.filter(({ name }) => name !== 'voice' && name !== 'guest'), vlan('office', 21, { description: 'Büro', ...officeNet }), { ...vlan('telephony', 30), was: 'voice' }, { ...vlan('visitors', 40, { subnet: '192.168.40.0/24', gateway: '192.168.40.1' }), was: 'guest' }, zone('guest-net', 'visitors'), port('ether2', { mode: 'access', vlan: 21 }), port('ether3', { mode: 'access', vlan: 30 }), port('ether5', { mode: 'trunk', native: 1, tagged: [] }), ...rest, order('no-mail'), masquerade(), forward()] },
    { because: 'groups change their members, rules and ports go', resources: [...base.filter(({ name }) => name !== 'guest'), { ...vlan('guest', 40, { subnet: '192.168.44.0/24', gateway: '192.168.44.1' }), was: 'visitors' }, group('admins', '198.51.100.16/28'), group('printers', '192.0.2.1'), port('ether3', { mode: 'trunk', tagged: [20] }), ...rest, order('no-mail'), masquerade({ sources: ['192.168.20.0/24'] })] },
    { because: 'almost everything goes', resources: [zone('wan', 'ether1'), group('admins', '198.51.100.16/28'), service('ssh', 'tcp/22'), policy('wan', 'self', ['admin']), rule('wan', 'self', 'admin', { sources: ['group:admins'], services: ['ssh'] })] },
  ],
  foreign: ['office-hosts', 'defconf: drop all not coming from LAN', 'Kamera', 'cloud', 'Telefonanlage', 'defconf: masquerade', 'default-dhcp', 'Kameras', 'defconf: drop everything else not coming from LAN'],
  hostile: [
    ...['"; accept; #', 'a\naccept', '$(reboot)', '[soll rule wan.self.admin -]', '^C', 'end', 'ü'.repeat(48), 'Ticket 4711, (Büro) + #1/2: ok;'].map((comment) => [policy('wan', 'self', ['admin', 'ping', 'odd'], { log: true }), rule('wan', 'self', 'odd', { comment })]),
    [policy('wan', 'self', ['admin', 'ping', 'mixed'], { log: true }), rule('wan', 'self', 'mixed', { sources: ['10.0.0.1'], destinations: ['2001:db8::1'] })],
    [policy('wan', 'self', ['admin', 'ping', 'both'], { log: true }), rule('wan', 'self', 'both', { sources: ['10.0.0.1', '2001:db8:1::/48'], destinations: ['2001:db8::1', '192.0.2.1', 'group:admins'], services: ['ssh', 'web', 'ping'] })],
    rule('wan', 'self', 'not-in-order'), policy('self', 'self', []), group('bad', '10.0.0.1\nany'), group('named', 'example.com'), group('any', '0.0.0.0/0'), group('none'), service('wide', 'tcp/1-70000'), service('many', ...Array.from({ length: 16 }, (_, index) => `tcp/${String(index + 1)}`)),
    zone('x y', 'ether4'), zone('a}b', 'ether4'), zone('dev', 'ether4] $[/system/reboot'), vlan('line\nbreak', 25), vlan('../../etc/passwd', 25), vlan('quoted', 25, { description: '<script>alert(1)</script> "]; $[/system/reboot] \\' }), vlan('broken', 25, { description: 'one\ntwo' }), vlan('marked', 26, { description: '[soll vlan office tag] Büro' }),
    port('ether5', { mode: 'access', vlan: 30, description: '"; /system/reboot; $x \\ ^C ?' }), port('ether5', { mode: 'access', vlan: 30, description: 'one\r\nend' }), port('ether4; reboot', { mode: 'access', vlan: 1 }),
  ],
};
