import type { JsonObject } from '#contract';
import type { ConformanceMaterial, ConformanceResource } from '#testkit/simulator';

const vlan = (name: string, id: number): ConformanceResource => ({ kind: 'vlan', name, spec: { id } });
const access = (name: string, id: number): ConformanceResource => ({ kind: 'switch-port', name, spec: { mode: 'access', vlan: id } });
const trunk = (name: string, native: number, ...tagged: readonly number[]): ConformanceResource => ({ kind: 'switch-port', name, spec: { mode: 'trunk', native, tagged } });
const secret = (name: string, version = 1): JsonObject => ({ $secret: name, version });
const wlan = (name: string, spec: JsonObject): ConformanceResource => ({ kind: 'ssid', name, spec: { ssid: name, security: 'wpa2-wpa3-personal', ...(String(spec['security'] ?? 'personal').endsWith('personal') ? { passphrase: secret('wlan') } : {}), ...spec } });

const base = [vlan('office', 10), vlan('guests', 20)];
const office = wlan('office', { ssid: 'Praxis', vlan: 10, bands: ['2.4', '5'], hidden: false });
const guests = wlan('guests', { ssid: 'Gäste', security: 'open', vlan: 20, isolated: true });
const initial = [...base, access('lan1', 10), trunk('lan3', 1, 10, 20), office, guests];

export const conformance: ConformanceMaterial = {
  target: { manages: { vlan: 'merge', 'switch-port': 'merge', ssid: 'merge' }, settings: {} },
  initial,
  steps: [
    { because: 'a port moves to another VLAN', resources: [...base, access('lan1', 20), trunk('lan3', 1, 10, 20), office, guests] },
    { because: 'a trunk loses one VLAN and another goes untagged', resources: [...base, access('lan1', 20), trunk('lan3', 10, 20), office, guests] },
    { because: 'a port becomes a trunk without a native VLAN, another is given back', resources: [...base, { kind: 'switch-port', name: 'lan3', spec: { mode: 'trunk', tagged: [10, 20] } }, office, guests] },
    { because: 'a passphrase is written anew, a band goes, a WLAN is switched off', resources: [...base, trunk('lan3', 1, 10), wlan('office', { ssid: 'Praxis', vlan: 10, bands: ['5'], hidden: true, passphrase: secret('wlan', 2) }), wlan('guests', { ssid: 'Gäste', security: 'open', vlan: 20, enabled: false })] },
    { because: 'people sign in at a server', resources: [...base, trunk('lan3', 1, 10), wlan('office', { ssid: 'Praxis', security: 'wpa3-enterprise', vlan: 10, radius: [{ address: '192.168.10.5', port: 1812, secret: secret('radius') }] })] },
    { because: 'a VLAN gets another id and another name, a WLAN another name', resources: [vlan('office', 11), access('lan1', 11), trunk('lan3', 1, 11), { ...wlan('staff', { ssid: 'Praxis', vlan: 11 }), was: 'office' }] },
    { because: 'almost everything goes', resources: [vlan('office', 11)] },
  ],
  foreign: ['loopback', 'lan', 'cams', 'wan', 'radio1', 'default_radio0', 'Allow-Ping', 'Allow-DHCP-Renew'],
  hostile: [
    // What can be held, all at once; what cannot, one by one.
    ["it's \"x\" $(reboot)`id`", String.raw`a\'b\\`, "'; reboot; '", '#', '-n', ' x ', 'ü'.repeat(16), '%s%n', "x' option key 'y", '$secret', '"', String.raw`\n`].map((ssid, index) => wlan(`odd-${String.fromCharCode(97 + index)}--x`, { ssid, vlan: 10, bands: ['5'] })),
    ...['wpa=0\nssid=evil', 'a\tb', '\u202Eevil', 'ü'.repeat(17), '\u0000', '\u2028', '\ud800'].map((ssid) => wlan('odd', { ssid, vlan: 10 })),
    wlan("x.y='z'", { ssid: 'x' }), wlan('@wifi-iface[0]', { ssid: 'x' }), wlan('a b', { ssid: 'x' }), wlan('../x', { ssid: 'x' }),
    access("lan2:t'\n", 10), access('lan2 lan1', 10), access('@bridge-vlan[0]', 10), access('../lan2', 10), trunk('lan2', 10, 10), access('lan2', 1),
    wlan('radius', { ssid: 'r', security: 'wpa2-enterprise', radius: [{ address: 'radius.example.com\nx', port: 1812, secret: secret('radius') }] }), wlan('two', { ssid: 't', security: 'wpa2-enterprise', radius: ['10.0.0.1', '10.0.0.2'].map((address) => ({ address, port: 1812, secret: secret('radius') })) }),
    vlan('a/b', 30), vlan("'; reboot", 31),
  ],
};
