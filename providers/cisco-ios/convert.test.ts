/** Pure parts: what a switch prints, what it means, what is typed into it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { describe, expect, test } from 'vitest';
import { isProviderError, toAddress, type Desired, type JsonObject, type Target } from '#contract';
import { differences, hashOf } from './compare-config.ts';
import { checkSwitch } from './check.ts';
import { parseGlobals, parsePort, parseSections, parseVlans, portSections } from './parse-config.ts';
import { factoryLines, portLines, portSpec, type PortFacts, type PortSpec } from './ports.ts';
import { longName, parseArchive, parseIosVlans, parsePower, parseReload, parseRollbackTimer, parseSmallVlans, parseSwitchports, parseVersion, parseVtpMode } from './show.ts';
import { vlanLines } from './vlans.ts';
import { foldVlanList, parseVlanList } from './vlan-list.ts';

const plain: PortFacts = { profile: 'ios', globals: { portfastByDefault: false, bpduguardByDefault: false, vtp: undefined }, givesPower: true, negotiates: false };
const codeOf = (run: () => unknown): unknown => { try { return run(); } catch (error) { return isProviderError(error) ? error.code : error; } };
const upTo = (count: number, step: number): number[] => Array.from({ length: count }, (_, index) => 100 + index * step);

describe('lists of VLANs', () => {
  test.each([
    { text: '1', ids: [1] }, { text: '10-12,20', ids: [10, 11, 12, 20] }, { text: '20,10-11 ', ids: [10, 11, 20] }, { text: '', ids: [] },
    { text: '0', ids: 'protocol' }, { text: '4095', ids: 'protocol' }, { text: '5-3', ids: 'protocol' }, { text: '1,x', ids: 'protocol' }, { text: '1;2', ids: 'protocol' },
  ])('$text', ({ text, ids }) => { expect(codeOf(() => parseVlanList(text))).toEqual(ids); });

  test('folding loses nothing and keeps its width', () => {
    const ids = upTo(300, 2);
    const pieces = foldVlanList(ids);
    expect(pieces.flatMap((piece) => parseVlanList(piece))).toEqual(ids);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(150);
    expect(pieces.length).toBeGreaterThan(1);
  });
});

const head = 'Building configuration...\n\nCurrent configuration : 1 bytes\n!\n! Last configuration change at 10:00:00 UTC\nversion 15.2\nhostname sw1\n';
const small = 'config-file-header\nsw2\nv3.2.1.1 / RCBS3.2\nCLI v1.0\n@\n!\n';

describe('a configuration', () => {
  test('banners are text, wrapped lists are one, VLANs without a name stand together', () => {
    const sections = parseSections(`${head}macro name phones\ninterface GigabitEthernet1/0/1\nshutdown\n@\nbanner motd ^C\ninterface GigabitEthernet1/0/9\n description no port\nvlan 77\n^C\nvlan 10\n name office\n!\nvlan 20,30-31 \n!\ninterface GigabitEthernet1/0/1\n switchport trunk allowed vlan 1,12,15\n switchport trunk allowed vlan add 900,910\n switchport mode trunk\n!\nend\n`, 'ios');
    expect([...portSections(sections).keys()]).toEqual(['GigabitEthernet1/0/1']);
    expect([...parseVlans(sections, 'ios')]).toEqual([[10, 'office'], [20, undefined], [30, undefined], [31, undefined]]);
    expect(parsePort(portSections(sections).get('GigabitEthernet1/0/1')?.lines ?? [], 'ios').allowed).toEqual(new Set([1, 12, 15, 900, 910]));
  });

  test('small business: the database is a block, names are quoted', () => {
    const sections = parseSections(`${small}vlan database\nvlan 10,20-21\nexit\nhostname sw2\n!\ninterface vlan 20\n name "IP Phones"\n!\ninterface GigabitEthernet1\n description "rack2 sw0"\n switchport access vlan 20\n!\nexit\n`, 'small-business');
    expect([...parseVlans(sections, 'small-business')]).toEqual([[10, undefined], [20, 'IP Phones'], [21, undefined]]);
    expect(parsePort(portSections(sections).get('GigabitEthernet1')?.lines ?? [], 'small-business')).toMatchObject({ description: 'rack2 sw0', mode: 'access', access: 20 });
  });

  test.each([
    { because: 'the end is missing', text: `${head}vlan 10\n` }, { because: 'a banner does not end', text: `${head}banner login ^C\nhello\nend` }, { because: 'nothing came', text: '' }, { because: 'a login page', text: '<html></html>' },
  ])('$because: no configuration', ({ text }) => { expect(codeOf(() => parseSections(text, 'ios'))).toBe('protocol'); });

  test('what differs is told without values, and what the device changes by itself does not', () => {
    const running = parseSections(`${head}snmp-server community geheim RO\ncrypto pki certificate chain x\n certificate self-signed 01\n  30820229 \n  \tquit\ninterface GigabitEthernet1/0/2\n switchport port-security mac-address sticky 0011.2233.4455\n!\nalias exec soll-guard 0123456789abcdef 3 open 00\nntp clock-period 123\ninterface GigabitEthernet1/0/1\n shutdown\n!\nend`, 'ios');
    const startup = parseSections(`Using 12 out of 34 bytes\n!\nversion 15.2\nhostname sw1\nntp clock-period 124\ncrypto pki certificate chain x\n certificate self-signed 01 nvram:IOS-Self-Sig#1.cer\ninterface GigabitEthernet1/0/2\n!\ninterface GigabitEthernet1/0/1\n!\nend`, 'ios');
    expect(differences(running, startup)).toEqual(['interface GigabitEthernet1/0/1', 'snmp-server']);
    expect(hashOf(running)).toBe(hashOf(running.filter(({ head: line }) => !line.startsWith('alias'))));
  });
});

interface Golden {
  readonly because: string;
  readonly live: readonly string[];
  readonly spec: JsonObject;
  readonly desired: PortSpec;
  readonly lines: readonly string[];
  readonly facts?: Partial<PortFacts>;
}

/** Live configuration, what it means, what is wanted, and exactly what is typed. */
const goldens: readonly Golden[] = [
  { because: 'a port at factory settings becomes an access port', live: [], spec: { enabled: true, poe: true, role: 'uplink' }, desired: { mode: 'access', vlan: 20, description: 'Empfang', role: 'edge' },
    lines: ['description Empfang', 'switchport access vlan 20', 'switchport mode access', 'spanning-tree portfast', 'spanning-tree bpduguard enable'] },
  { because: 'nothing differs, nothing is typed', live: ['description Empfang', 'switchport access vlan 20', 'switchport mode access'], spec: { mode: 'access', vlan: 20, description: 'Empfang', enabled: true, poe: true, role: 'uplink' }, desired: { mode: 'access', vlan: 20, description: 'Empfang', enabled: true, poe: true }, lines: [] },
  { because: 'VLAN 1 is hidden', live: ['switchport mode access'], spec: { mode: 'access', vlan: 1, enabled: true, poe: true, role: 'uplink' }, desired: { mode: 'access', vlan: 1 }, lines: [] },
  { because: 'one VLAN more and one less: never the whole list', live: ['switchport trunk native vlan 99', 'switchport trunk allowed vlan 10,20,99', 'switchport mode trunk'], spec: { mode: 'trunk', native: 99, tagged: [10, 20], enabled: true, poe: true, role: 'uplink' }, desired: { mode: 'trunk', native: 99, tagged: [10, 30] },
    lines: ['switchport trunk allowed vlan add 30', 'switchport trunk allowed vlan remove 20'] },
  { because: 'a trunk that carries everything is narrowed in one line', live: ['switchport mode trunk'], spec: { mode: 'trunk', native: 1, enabled: true, poe: true, role: 'uplink' }, desired: { mode: 'trunk', native: 10, tagged: [20, 21, 22, 40] },
    lines: ['switchport trunk native vlan 10', 'switchport trunk allowed vlan 10,20-22,40'] },
  { because: 'a list that fits on no line is taken out of everything, the system VLANs left alone', live: ['switchport mode trunk'], spec: { mode: 'trunk', native: 1, enabled: true, poe: true, role: 'uplink' }, desired: { mode: 'trunk', tagged: upTo(60, 3) },
    lines: foldVlanList(Array.from({ length: 4094 }, (_, index) => index + 1).filter((id) => id !== 1 && !upTo(60, 3).includes(id) && (id < 1002 || id > 1005))).map((list) => `switchport trunk allowed vlan remove ${list}`) },
  { because: 'an access port becomes a trunk: the list comes before the mode, the encapsulation first of all', live: ['switchport access vlan 10', 'switchport mode access', 'spanning-tree portfast', 'spanning-tree bpduguard enable'], spec: { mode: 'access', vlan: 10, enabled: true, poe: true, role: 'edge' }, desired: { mode: 'trunk', native: 10, tagged: [20], role: 'edge' }, facts: { negotiates: true },
    lines: ['switchport trunk encapsulation dot1q', 'switchport trunk native vlan 10', 'switchport trunk allowed vlan 10,20', 'switchport mode trunk', 'spanning-tree portfast trunk'] },
  { because: 'a trunk becomes an access port', live: ['switchport trunk allowed vlan none', 'switchport mode trunk'], spec: { mode: 'trunk', tagged: [], enabled: true, poe: true, role: 'uplink' }, desired: { mode: 'access', vlan: 30 }, lines: ['switchport access vlan 30', 'switchport mode access'] },
  { because: 'shut first, opened last', live: ['shutdown', 'power inline never'], spec: { enabled: false, poe: false, role: 'uplink' }, desired: { mode: 'access', vlan: 20, enabled: true, poe: true }, lines: ['switchport access vlan 20', 'switchport mode access', 'power inline auto', 'no shutdown'] },
  { because: 'portfast as a default of the switch is switched off where an uplink is', live: ['switchport mode access'], spec: { mode: 'access', vlan: 1, enabled: true, poe: true, role: 'edge' }, desired: { mode: 'access', role: 'uplink' }, facts: { globals: { portfastByDefault: true, bpduguardByDefault: true, vtp: undefined } }, lines: ['spanning-tree portfast disable'] },
  { because: 'portfast without its guard is neither', live: ['switchport mode access', 'spanning-tree portfast edge'], spec: { mode: 'access', vlan: 1, enabled: true, poe: true }, desired: { mode: 'access', role: 'edge' }, lines: ['spanning-tree bpduguard enable'] },
  { because: 'small business: access and VLAN 1 are hidden, texts with spaces quoted', live: ['description "AP Flur"', 'switchport access vlan 20'], spec: { mode: 'access', vlan: 20, description: 'AP Flur', enabled: true }, desired: { mode: 'trunk', tagged: [20], description: 'AP Flur OG' }, facts: { profile: 'small-business', givesPower: false },
    lines: ['description "AP Flur OG"', 'switchport trunk allowed vlan 1,20', 'switchport mode trunk'] },
];

describe('ports', () => {
  test.each(goldens)('$because', ({ live, spec, desired, lines, facts = {} }) => {
    const known = { ...plain, ...facts };
    const port = parsePort(live, known.profile);
    expect(portSpec(port, known)).toEqual(spec);
    expect(portLines(port, desired, known)).toEqual(lines);
    // Every line stays one line, within what a command line takes.
    for (const line of portLines(port, desired, known)) expect(line).toMatch(/^[ -~]{1,250}$/);
  });

  test('back to the factory: what the kind speaks of goes, the rest stays', () => {
    const port = parsePort(['description x', 'switchport access vlan 20', 'switchport mode access', 'switchport voice vlan 30', 'storm-control broadcast level 1', 'power inline never', 'shutdown'], 'ios');
    expect(factoryLines(port)).toEqual(['no description', 'no switchport mode', 'no switchport access vlan', 'power inline auto', 'no shutdown']);
  });

  test.each([
    { because: 'new', before: undefined, after: { id: 20, name: 'office' }, ios: ['vlan 20', 'name office', 'exit'], small: ['vlan database', 'vlan 20', 'exit', 'interface vlan 20', 'name office', 'exit'] },
    { because: 'renamed', before: { id: 20, name: 'office' }, after: { id: 20, name: 'guests' }, ios: ['vlan 20', 'name guests', 'exit'], small: ['interface vlan 20', 'name guests', 'exit'] },
    { because: 'another id', before: { id: 20, name: 'office' }, after: { id: 21, name: 'office' }, ios: ['no vlan 20', 'vlan 21', 'name office', 'exit'], small: ['vlan database', 'no vlan 20', 'vlan 21', 'exit', 'interface vlan 21', 'name office', 'exit'] },
    { because: 'gone', before: { id: 20, name: 'office' }, after: undefined, ios: ['no vlan 20'], small: ['vlan database', 'no vlan 20', 'exit'] },
    { because: 'the same', before: { id: 20, name: 'office' }, after: { id: 20, name: 'office' }, ios: [], small: [] },
  ])('VLAN $because', ({ before, after, ios, small: other }) => {
    expect(vlanLines(before, after, 'ios')).toEqual(ios);
    expect(vlanLines(before, after, 'small-business')).toEqual(other);
  });
});

describe('what cannot be taken', () => {
  const target = (settings: JsonObject): Target => ({ customer: 'c', name: 't', provider: 'cisco-ios', address: 'a', identity: [], credentials: { read: { $secret: 'r' }, write: { $secret: 'w' } }, manages: {}, settings });
  const resource = (kind: string, name: string, spec: JsonObject): Desired => ({ address: toAddress({ customer: 'c', target: 't', kind, name }), spec, dependsOn: [], source: { file: 'f', line: 1, column: 1 } });
  const gi = 'GigabitEthernet1/0/1';
  const ios = (kind: string, name: string, spec: JsonObject): string[] => checkSwitch([resource(kind, name, spec)], target({})).map(({ code }) => code);
  test.each<{ because: string; codes: readonly string[]; expected: readonly string[] }>([
    { because: 'abbreviated', codes: ios('switch-port', 'Gi1/0/1', { mode: 'access' }), expected: ['cisco.port-name'] },
    { because: 'a command in a port name', codes: ios('switch-port', `${gi}\nend`, { mode: 'access' }), expected: ['cisco.port-name'] },
    { because: 'not a port', codes: ios('switch-port', 'Vlan10', { mode: 'access' }), expected: ['cisco.port-name'] },
    { because: 'a line break in a text', codes: ios('switch-port', gi, { mode: 'access', description: 'x\nend' }), expected: ['cisco.description'] },
    { because: 'a help key in a text', codes: ios('switch-port', gi, { mode: 'access', description: 'what?' }), expected: ['cisco.description'] },
    { because: 'end is a text', codes: ios('switch-port', gi, { mode: 'access', description: 'end' }), expected: [] },
    { because: 'system VLAN', codes: ios('switch-port', gi, { mode: 'trunk', tagged: [1002] }), expected: ['cisco.reserved-vlan'] },
    { because: 'VLAN 1 tagged', codes: ios('switch-port', gi, { mode: 'trunk', tagged: [1] }), expected: ['cisco.native'] },
    { because: 'VLAN 1 tagged where another is native', codes: ios('switch-port', gi, { mode: 'trunk', native: 5, tagged: [1] }), expected: [] },
    { because: 'a trunk with an access VLAN', codes: ios('switch-port', gi, { mode: 'trunk', vlan: 5 }), expected: ['cisco.mode'] },
    { because: 'name of VLAN 1', codes: ios('vlan', 'default', { id: 20 }), expected: ['cisco.vlan-name'] },
    { because: 'default name of another VLAN', codes: ios('vlan', 'VLAN0021', { id: 20 }), expected: ['cisco.vlan-name'] },
    { because: 'role on small business', codes: checkSwitch([resource('switch-port', 'GigabitEthernet1', { mode: 'access', vlan: 2, role: 'edge' })], target({ profile: 'small-business' })).map(({ code }) => code), expected: ['cisco.role'] },
    { because: 'factory settings on small business', codes: checkSwitch([resource('switch-port', 'GigabitEthernet1', { mode: 'access' })], target({ profile: 'small-business' })).map(({ code }) => code), expected: ['cisco.factory'] },
    { because: 'a timer that small business has not', codes: checkSwitch([], target({ profile: 'small-business', guard: 'revert-timer' })).map(({ code }) => code), expected: ['cisco.guard'] },
  ])('$because: $expected', ({ codes, expected }) => { expect(codes).toEqual(expected); });
});

describe('show commands', () => {
  test.each([
    { short: 'Gi1/0/1', full: 'GigabitEthernet1/0/1' }, { short: 'Tw1/0/2', full: 'TwoGigabitEthernet1/0/2' }, { short: 'Twe1/1/1', full: 'TwentyFiveGigE1/1/1' }, { short: 'Te1/1/4', full: 'TenGigabitEthernet1/1/4' }, { short: 'Fa0/1', full: 'FastEthernet0/1' },
    { short: 'Po12', full: 'Port-channel12' }, { short: 'gi1', full: 'GigabitEthernet1' }, { short: '1/0/1', full: undefined }, { short: 'Xx1', full: undefined },
  ])('$short is $full', ({ short, full }) => { expect(longName(short)).toBe(full); });

  test.each([
    { because: 'none', run: () => parseRollbackTimer('%No Rollback Confirmed Change pending'), gives: undefined },
    { because: 'running', run: () => parseRollbackTimer('Time configured(or reconfigured): 22:50:48 UTC Sat Feb 21 2009\nTimer type: absolute timer\nTimer value: 2 min\nUser: console'), gives: 2 },
    { because: 'neither', run: () => parseRollbackTimer('% Invalid input detected'), gives: 'protocol' },
    { because: 'no reload', run: () => parseReload('No reload is scheduled.'), gives: false },
    { because: 'a reload', run: () => parseReload('Reload scheduled for 03:00:00 UTC Sun May 10 2020 (in 411 hours and 33 minutes) by sushant on vty2 (27.34.20.120)'), gives: true },
    { because: 'an unknown answer about a reload', run: () => parseReload(''), gives: 'protocol' },
    { because: 'server', run: () => parseVtpMode('Feature VLAN : \n--------------\nVTP Operating Mode                : Primary Server\n\nFeature MST:\nVTP Operating Mode                : Server'), gives: 'primary server' },
    { because: 'an archive on a server', run: () => parseArchive('The next archive file will be named tftp://10.0.5.1/-<timestamp>-1'), gives: { state: 'remote', path: 'tftp://10.0.5.1/-<timestamp>-1' } },
    { because: 'a small-business VLAN table with folded names', run: () => [...parseSmallVlans('Created by: D-Default\n\nVlan       Name                   Ports               Created by\n---- ----------------- --------------------------- ----------------\n 1           1         fa1-2,fa4-8,fa10-14,               D\n                       fa17-18,fa20\n402  Test-Long-Vlan-Na           fa5,gi1                  S\n     me1\n3132       3132                                           S\n')], gives: [[1, false], [402, true], [3132, true]] },
    { because: 'globals', run: () => parseGlobals(parseSections('!\nspanning-tree portfast edge default\nspanning-tree portfast bpduguard default\nvtp mode off\nend', 'ios')), gives: { portfastByDefault: true, bpduguardByDefault: true, vtp: 'off' } },
  ])('$because', ({ run, gives }) => { expect(codeOf(run)).toEqual(gives); });
});

const samples = new URL('../../../../shared/specs/cisco-ios-cli/', import.meta.url);
const recorded = existsSync(samples);

/** Recorded output with its parsed truth. */
describe.skipIf(!recorded)(recorded ? 'recorded output' : `recorded output: skipped, ${samples.pathname} is not there`, () => {
  const all = (folder: string): readonly { readonly name: string; readonly text: string; readonly truth: readonly Record<string, unknown>[] }[] => (recorded ? readdirSync(new URL(`${folder}/`, samples)).filter((name) => name.endsWith('.raw')) : []).map((name) => ({
    name, text: readFileSync(new URL(`${folder}/${name}`, samples), 'utf8'), truth: (parseYaml(readFileSync(new URL(`${folder}/${name.replace('.raw', '.yml')}`, samples), 'utf8')) as { parsed_sample: Record<string, unknown>[] }).parsed_sample,
  }));

  test.each(all('show_interfaces_switchport'))('$name', ({ text, truth }) => {
    expect(parseSwitchports(text).map(({ name, enabled, mode, access, native, allowed }) => ({ name, enabled, mode, access: String(access ?? ''), native: String(native ?? ''), allowed: allowed === 'all' ? 'ALL' : (allowed ?? []) }))).toEqual(truth.map((port) => ({
      name: port['interface'], enabled: port['switchport'] === 'Enabled', mode: port['admin_mode'], access: String(port['access_vlan']).replace('unassigned', ''), native: port['native_vlan'],
      allowed: (port['trunking_vlans'] as string[]).join() === 'ALL' ? 'ALL' : parseVlanList((port['trunking_vlans'] as string[]).join()),
    })));
    expect(truth.length).toBeGreaterThan(0);
  });
  test.each(all('show_power_inline'))('$name', ({ text, truth }) => { expect(parsePower(text)).toEqual(truth.map((port) => port['interface'])); });
  test.each(all('show_version'))('$name', ({ text, truth }) => {
    expect(parseVersion(text)?.version.replace(/^0(\d)\.0(\d)\.0(\d)/, '0$1.0$2.0$3')).toBe(truth[0]?.['version']);
    expect(parseVersion(text)?.product).toContain((truth[0]?.['hardware'] as string[])[0]);
  });
  test.each(all('show_archive'))('$name', ({ text, truth }) => { expect(parseArchive(text)).toEqual(truth[0]?.['state'] === 'not enabled' ? { state: 'off' } : { state: 'local', path: truth[0]?.['next_filename'] }); });
  test.each(all('show_running-config_interface'))('$name', ({ text, truth }) => {
    const sections = portSections(parseSections(`${text}end`, 'ios'));
    expect([...sections].map(([name, { lines }]) => ({ name, description: parsePort(lines, 'ios').description }))).toEqual(truth.map((each) => ({ name: each['interface'], description: each['description'] })));
  });
});

test('the table of VLANs of IOS stops before the next one', () => {
  expect([...parseIosVlans('VLAN Name                             Status    Ports\n---- -------------------------------- --------- -------------------------------\n1    default                          active    Gi0/1\n10   Management                       active    \n50   VLan50                           active    Fa0/1, Fa0/2\n                                                Fa0/10\n1002 fddi-default                     act/unsup \n\nVLAN Type  SAID       MTU   Parent RingNo BridgeNo Stp  BrdgMode Trans1 Trans2\n---- ----- ---------- ----- ------ ------ -------- ---- -------- ------ ------\n1    enet  100001     1500  -      -      -        -    -        0      0   \n')]).toEqual([[1, 'default'], [10, 'Management'], [50, 'VLan50'], [1002, 'fddi-default']]);
});
