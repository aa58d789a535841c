import type { JsonObject } from '#contract';
import type { ConformanceMaterial, ConformanceResource } from '#testkit/simulator';

const vlan = (name: string, id: number, more: JsonObject = {}): ConformanceResource => ({ kind: 'vlan', name, spec: { id, ...more } });
const group = (name: string, ...members: readonly string[]): ConformanceResource => ({ kind: 'address-group', name, spec: { members } });
const port = (name: string, spec: JsonObject): ConformanceResource => ({ kind: 'switch-port', name, spec });
const wlan = (version: number, more: JsonObject = {}): ConformanceResource => ({ kind: 'ssid', name: 'staff', spec: { ssid: 'Büro', security: 'wpa2-wpa3-personal', passphrase: { $secret: 'wlan', version }, vlan: 10, ...more } });

const routed = (third: number, more: JsonObject = {}): JsonObject => ({ subnet: `192.168.${String(third)}.0/24`, gateway: `192.168.${String(third)}.1`, isolated: false, dhcp: { from: `192.168.${String(third)}.100`, to: `192.168.${String(third)}.199`, leaseMinutes: 720 }, ...more });

const service = (name: string, ...ports: readonly string[]): ConformanceResource => ({ kind: 'service', name, spec: { ports } });
const policy = (from: string, to: string, standard: string, ...order: readonly string[]): ConformanceResource => ({ kind: 'firewall-policy', name: `${from}.${to}`, spec: { from, to, default: standard, order } });
const rule = (from: string, to: string, name: string, more: JsonObject = {}): ConformanceResource => ({ kind: 'firewall-rule', name: `${from}.${to}.${name}`, spec: { from, to, action: 'accept', ...more } });

const office = vlan('office', 10, routed(10));
const guest = vlan('guest', 40, routed(40, { isolated: true }));
const servers = group('servers', '192.168.10.5', '192.168.10.32/27');
const desk = port('sw-eg/1', { mode: 'access', vlan: 10, description: 'Empfang', poe: true });
const uplink = port('sw-eg/8', { mode: 'trunk', native: 1, tagged: [10, 40] });
const access = port('sw-og/1', { mode: 'trunk', native: 1, tagged: [10], description: 'AP Flur' });

const web = service('web', 'tcp/80', 'tcp/443', 'tcp/8000-8100');
const inbound = [policy('wan', 'self', 'drop', 'admin'), rule('wan', 'self', 'admin', { sources: ['group:admins'], services: ['web'], log: true, comment: 'Fernwartung (Büro)' })];
const printer = rule('lan', 'wan', 'printer', { action: 'reject', sources: ['192.168.10.9', '192.168.10.64/28'] });
const mail = rule('lan', 'wan', 'mail', { action: 'drop', services: ['smtp'], destinations: ['2001:db8:25::/48'] });
const walls = [group('admins', '198.51.100.16/28'), web, service('smtp', 'tcp/25'), ...inbound, printer];

export const conformance: ConformanceMaterial = {
  target: { manages: { 'address-group': 'merge', 'firewall-policy': 'merge', 'firewall-rule': 'merge', service: 'merge', ssid: 'merge', 'switch-port': 'merge', vlan: 'merge', zone: 'observe' }, settings: { radiusProfile: 'NPS', zones: { lan: 'Internal', wan: 'External' } } },
  initial: [...walls, policy('lan', 'wan', 'accept', 'printer', 'mail'), mail, office, guest, servers, desk, uplink, access, wlan(1)],
  steps: [
    { because: 'rules change places', resources: [...walls, policy('lan', 'wan', 'accept', 'mail', 'printer'), mail, office, guest, servers, desk, uplink, access, wlan(1)] },
    { because: 'a rule comes, and one is edited', resources: [...walls, policy('lan', 'wan', 'accept', 'mail', 'voice', 'printer'), rule('lan', 'wan', 'voice', { comment: 'Telefonie' }), rule('lan', 'wan', 'mail', { action: 'reject', services: ['smtp'] }), office, guest, servers, desk, uplink, access, wlan(1)] },
    { because: 'a rule goes, a service gets another protocol', resources: [group('admins', '198.51.100.16/28', '203.0.113.7'), service('web', 'udp/443'), ...inbound, policy('lan', 'wan', 'accept', 'printer'), printer, office, guest, servers, desk, uplink, access, wlan(1)] },
    { because: 'all rules go', resources: [office, guest, servers, desk, uplink, access, wlan(1)] },
    { because: 'fields are changed', resources: [vlan('office', 10, routed(10, { dhcp: { from: '192.168.10.50', to: '192.168.10.199', dns: ['192.168.10.5'], domain: 'buero.example.de' } })), guest, servers, port('sw-eg/1', { mode: 'access', vlan: 40, description: 'Drucker', poe: false }), uplink, access, wlan(1, { hidden: true, isolated: true })] },
    { because: 'a new VLAN comes, and only one trunk carries it', resources: [office, guest, vlan('voice', 30), servers, desk, port('sw-eg/8', { mode: 'trunk', native: 1, tagged: [10, 30, 40] }), access, wlan(1)] },
    { because: 'the passphrase is written anew, and the mode changes', resources: [office, guest, servers, desk, uplink, access, wlan(2, { security: 'wpa3-personal', bands: ['5', '6'] })] },
    { because: 'a VLAN gets another number, and what uses it follows', resources: [vlan('office', 11, routed(10)), guest, servers, port('sw-eg/1', { mode: 'access', vlan: 11, description: 'Empfang', poe: true }), port('sw-eg/8', { mode: 'trunk', native: 1, tagged: [11, 40] }), port('sw-og/1', { mode: 'trunk', native: 1, tagged: [11], description: 'AP Flur' }), wlan(2, { vlan: 11 })] },
    { because: 'a VLAN and a WLAN are called otherwise, and are the same', resources: [vlan('buero', 11, routed(10)), guest, servers, port('sw-eg/1', { mode: 'access', vlan: 11, description: 'Empfang', poe: true }), uplinkOf(11, 40), { ...wlan(2, { vlan: 11 }), name: 'people' }] },
    { because: 'a port is shut down, and an enterprise WLAN comes', resources: [vlan('buero', 11, routed(10)), guest, servers, port('sw-eg/1', { mode: 'access', enabled: false }), uplinkOf(11, 40), { kind: 'ssid', name: 'people', spec: { ssid: 'Büro', security: 'wpa2-enterprise', bands: ['2.4', '5'], vlan: 11 } }] },
    { because: 'the port comes back, and what used a VLAN goes with it', resources: [vlan('buero', 11, routed(10)), servers, port('sw-eg/1', { mode: 'access', vlan: 11, enabled: true }), { kind: 'ssid', name: 'people', spec: { ssid: 'Büro', security: 'open', vlan: 11, enabled: false } }] },
    { because: 'almost everything goes', resources: [vlan('buero', 11)] },
  ],
  paging: { kind: 'address-group', pageSize: 200, make: (index) => group(`net-${String(index).padStart(4, '0')}`, `10.0.${String(index >> 8)}.${String(index & 255)}`) },
  foreign: ['Kamera nachts sperren', 'Kameras', 'Fabric', 'Messe 2019', 'Mieter', 'Alte Server', 'Drucker', 'Web', 'Alte Telefonanlage', 'Beamer'],
  hostile: [
    vlan('../../etc/passwd', 20), vlan('a b/c?d#e&f=g', 21), vlan('ümläut ✓', 22), vlan('$(reboot)', 23), vlan('<script>alert(1)</script>', 24), vlan('line\nbreak', 25), vlan('end\u0003', 26), vlan('Office', 27), vlan('far', 4094), vlan('six', 28, { subnet: '2001:db8::/64', gateway: '2001:db8::1' }),
    { kind: 'ssid', name: 'loud', spec: { ssid: '$(reboot) `x` \'; ✓', security: 'open' } }, { kind: 'ssid', name: 'long', spec: { ssid: 'ü'.repeat(17), security: 'open' } }, { kind: 'ssid', name: 'esc', spec: { ssid: 'a\u001b[2K', security: 'open' } }, { kind: 'ssid', name: 'six', spec: { ssid: 'Sechs', security: 'open', bands: ['6'] } },
    port('sw-og/2', { mode: 'access', vlan: 10, description: 'end\n^C' }), port('sw-og/2', { mode: 'access', vlan: 10, description: '"; DROP TABLE ports; -- <b>' }), port('sw-og/2; reload', { mode: 'access' }), port('sw-og/2', { mode: 'access', vlan: 10, enabled: false }), port('sw-og/2', { mode: 'trunk', tagged: [1, 10] }),
    group('mixed', '10.0.0.1', '2001:db8::1'), group('empty'), group('any', '0.0.0.0/0'), group('six', '2001:db8::/32'), group('a\u202eb', '10.0.0.1'), group('"],"x":["', '10.0.0.1'),
    service('ping', 'icmp'), service('both', 'tcp/53', 'udp/53'), service('wide', 'tcp/1-70000'), policy('wan', 'lan', 'drop'), rule('wan', 'lan', 'not-in-order'),
    ...['"; accept; #', 'a\naccept', '$(reboot)', '[soll] x', '^C', 'ü'.repeat(48)].map((comment) => [policy('wan', 'lan', 'drop', 'odd'), rule('wan', 'lan', 'odd', { comment })]),
    [policy('wan', 'lan', 'drop', 'odd'), rule('wan', 'lan', 'odd', { sources: ['10.0.0.1'], destinations: ['2001:db8::1'] })], [policy('wan', 'lan', 'drop', 'odd'), rule('wan', 'lan', 'odd', { sources: ['10.0.0.1', 'group:admins'] })],
  ],
};

function uplinkOf(...tagged: readonly number[]): ConformanceResource {
  return port('sw-eg/8', { mode: 'trunk', native: 1, tagged });
}
