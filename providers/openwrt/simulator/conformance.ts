import type { JsonObject } from '#contract';
import type { ConformanceMaterial, ConformanceResource } from '#testkit/simulator';

const vlan = (name: string, id: number): ConformanceResource => ({ kind: 'vlan', name, spec: { id } });
const access = (name: string, id: number): ConformanceResource => ({ kind: 'switch-port', name, spec: { mode: 'access', vlan: id } });
const trunk = (name: string, native: number, ...tagged: readonly number[]): ConformanceResource => ({ kind: 'switch-port', name, spec: { mode: 'trunk', native, tagged } });
const secret = (name: string, version = 1): JsonObject => ({ $secret: name, version });
const wlan = (name: string, spec: JsonObject): ConformanceResource => ({ kind: 'ssid', name, spec: { ssid: name, security: 'wpa2-wpa3-personal', ...(String(spec['security'] ?? 'personal').endsWith('personal') ? { passphrase: secret('wlan') } : {}), ...spec } });

const zone = (name: string, ...interfaces: readonly string[]): ConformanceResource => ({ kind: 'zone', name, spec: { interfaces } });
const group = (name: string, ...members: readonly string[]): ConformanceResource => ({ kind: 'address-group', name, spec: { members } });
const service = (name: string, ...ports: readonly string[]): ConformanceResource => ({ kind: 'service', name, spec: { ports } });
const policy = (from: string, to: string, order: readonly string[], more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: 'drop', order, ...more } });
const rule = (from: string, to: string, name: string, more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-rule', name: `${from}.${to}.${name}`, spec: { from, to, action: 'accept', ...more } });
const forward = (more: JsonObject = {}): ConformanceResource => ({ kind: 'port-forward', name: 'web', spec: { from: 'wan', protocol: 'tcp', port: 8443, destination: '192.168.10.5', destinationPort: 443, sources: ['203.0.113.9', 'group:admins'], ...more } });

// Zones that others made are taken over as they are.
const walls = [zone('wan', 'wan'), zone('lan', 'br-lan.1'), zone('guests', 'br-lan.20'), group('admins', '198.51.100.16/28', '2001:db8:51::/64'), service('ssh', 'tcp/22'), service('web', 'tcp/80', 'tcp/443', 'udp/443'), service('ping', 'icmp', 'icmpv6')];
const admin = rule('wan', 'self', 'admin', { sources: ['group:admins', '203.0.113.7'], services: ['ssh'], log: true, comment: 'Fernwartung Büro' });
const ping = rule('wan', 'self', 'ping', { services: ['ping'] });
const surf = rule('guests', 'wan', 'surf', { services: ['web', 'ping'] });
const mail = rule('guests', 'wan', 'no-mail', { action: 'reject', destinations: ['192.0.2.25', '2001:db8:25::25'], log: true });

const base = [vlan('office', 10), vlan('guests', 20), ...walls, policy('wan', 'self', ['admin', 'ping'], { log: true }), admin, ping];
const outside = [policy('guests', 'wan', ['surf', 'no-mail']), surf, mail, forward()];
const office = wlan('office', { ssid: 'Praxis', vlan: 10, bands: ['2.4', '5'], hidden: false });
const guests = wlan('guests', { ssid: 'Gäste', security: 'open', vlan: 20, isolated: true });
const initial = [...base, ...outside, access('lan1', 10), trunk('lan3', 1, 10, 20), office, guests];

export const conformance: ConformanceMaterial = {
  target: { manages: Object.fromEntries(['address-group', 'firewall-policy', 'firewall-rule', 'port-forward', 'service', 'ssid', 'switch-port', 'vlan', 'zone'].map((kind) => [kind, 'merge'])), settings: {} },
  initial,
  steps: [
    { because: 'a port moves to another VLAN, a rule to the top', resources: [...base, policy('guests', 'wan', ['no-mail', 'surf']), surf, mail, forward(), access('lan1', 20), trunk('lan3', 1, 10, 20), office, guests] },
    { because: 'a trunk loses one VLAN and another goes untagged, a rule and a default are edited', resources: [...base, policy('guests', 'wan', ['no-mail', 'surf'], { default: 'reject', log: true }), rule('guests', 'wan', 'surf', { services: ['web'], sources: ['192.168.20.0/24'] }), mail, forward({ sources: ['group:admins'], log: true, comment: 'Partner' }), access('lan1', 20), trunk('lan3', 10, 20), office, guests] },
    { because: 'a port becomes a trunk without a native VLAN, another is given back, a group has another name', resources: [...base.filter(({ name }) => !['admins', 'wan.self.admin'].includes(name)), { ...group('staff', '198.51.100.16/28', '2001:db8:52::/64'), was: 'admins' }, rule('wan', 'self', 'admin', { sources: ['group:staff', '203.0.113.7'], services: ['ssh'], log: true, comment: 'Fernwartung Büro' }), { kind: 'switch-port', name: 'lan3', spec: { mode: 'trunk', tagged: [10, 20] } }, office, guests] },
    { because: 'a passphrase is written anew, a band goes, a WLAN is switched off', resources: [...base, trunk('lan3', 1, 10), wlan('office', { ssid: 'Praxis', vlan: 10, bands: ['5'], hidden: true, passphrase: secret('wlan', 2) }), wlan('guests', { ssid: 'Gäste', security: 'open', vlan: 20, enabled: false })] },
    { because: 'people sign in at a server', resources: [...base, trunk('lan3', 1, 10), wlan('office', { ssid: 'Praxis', security: 'wpa3-enterprise', vlan: 10, radius: [{ address: '192.168.10.5', port: 1812, secret: secret('radius') }] })] },
    { because: 'a VLAN gets another id and another name, a WLAN another name', resources: [...base.filter(({ kind }) => kind !== 'vlan'), vlan('office', 11), access('lan1', 11), trunk('lan3', 1, 11), { ...wlan('staff', { ssid: 'Praxis', vlan: 11 }), was: 'office' }] },
    { because: 'almost everything goes', resources: [zone('wan', 'wan'), zone('lan', 'br-lan.1'), vlan('office', 11), policy('self', 'wan', [], { default: 'accept' })] },
  ],
  foreign: ['loopback', 'lan', 'cams', 'wan', 'radio1', 'default_radio0', 'Allow-Ping', 'Allow-DHCP-Renew'],
  hostile: [
    // What can be held, all at once; what cannot, one by one.
    ["it's \"x\" $(reboot)`id`", String.raw`a\'b\\`, "'; reboot; '", '#', '-n', ' x ', 'ü'.repeat(16), '%s%n', "x' option key 'y", '$secret', '"', String.raw`\n`].map((ssid, index) => wlan(`odd-${String.fromCharCode(97 + index)}--x`, { ssid, vlan: 10, bands: ['5'] })),
    ...['wpa=0\nssid=evil', 'a\tb', '\u202Eevil', 'ü'.repeat(17), '\u0000', '\u2028', '\ud800'].map((ssid) => wlan('odd', { ssid, vlan: 10 })),
    wlan("x.y='z'", { ssid: 'x' }), wlan('@wifi-iface[0]', { ssid: 'x' }), wlan('a b', { ssid: 'x' }), wlan('../x', { ssid: 'x' }),
    access("lan2:t'\n", 10), access('lan2 lan1', 10), access('@bridge-vlan[0]', 10), access('../lan2', 10), trunk('lan2', 10, 10), access('lan2', 1),
    wlan('radius', { ssid: 'r', security: 'wpa2-enterprise', radius: [{ address: 'radius.example.com\nx', port: 1812, secret: secret('radius') }] }), wlan('two', { ssid: 't', security: 'wpa2-enterprise', radius: ['10.0.0.1', '10.0.0.2'].map((address) => ({ address, port: 1812, secret: secret('radius') })) }),
    ...['"; accept; #', 'a\naccept', '$(reboot)', "'", 'ü'.repeat(49)].map((comment) => [policy('wan', 'self', ['admin', 'ping', 'odd'], { log: true }), rule('wan', 'self', 'odd', { comment })]),
    [policy('wan', 'self', ['admin', 'ping', 'mixed'], { log: true }), rule('wan', 'self', 'mixed', { sources: ['10.0.0.1'], destinations: ['2001:db8::1'] })],
    [policy('wan', 'self', ['admin', 'ping', 'both'], { log: true }), rule('wan', 'self', 'both', { sources: ['10.0.0.1', '2001:db8:1::/48'], destinations: ['2001:db8::1', '192.0.2.1', 'group:admins'], services: ['ssh', 'web', 'ping'] }), group('empty'), rule('guests', 'wan', 'nobody', { sources: ['group:empty'] }), policy('guests', 'wan', ['nobody', 'surf', 'no-mail'])],
    rule('wan', 'self', 'not-in-order'), group('bad', '10.0.0.1 accept\n accept #'), group('named', 'example.com'), group('any', '0.0.0.0/0'), service('wide', 'tcp/1-70000'), zone('x y', 'eth2'), zone('a}b', 'eth3'), zone('x', "eth0' option masq '1"),
    vlan('a/b', 30), vlan("'; reboot", 31),
  ],
};
