/** VLANs, WLANs and ports of one site: what becomes of them on each device, and every mistake at its exact place. */
import { describe, expect, it } from 'vitest';
import { parseAddress } from '#contract';
import { errorsOf, load, type Files } from '../harness/desired.ts';
import { editedSite, siteFiles, siteTargets } from '../harness/site.ts';

async function specsOf(files: Files): Promise<Readonly<Record<string, unknown>>> {
  const loaded = await load(files);
  expect(errorsOf(loaded)).toEqual([]);
  return Object.fromEntries((loaded.states[0]?.resources ?? []).map(({ address, spec }) => [[parseAddress(address).target, parseAddress(address).kind, parseAddress(address).name].join(' '), spec]));
}

describe('realised', () => {
  it('a VLAN on every device of the site that manages it, WLANs and ports with its number', async () => {
    const specs = await specsOf(siteFiles);
    expect(Object.keys(specs)).toEqual([
      'ap ssid guest', 'ap ssid staff', 'ap vlan guest', 'ap vlan office', 'router vlan guest', 'router vlan office', 'sw1 switch-port Gi1/0/1', 'sw1 switch-port Gi1/0/24', 'sw1 vlan guest', 'sw1 vlan office',
    ]);
    expect(specs['ap ssid staff']).toEqual({ ssid: 'Praxis', security: 'wpa2-wpa3-personal', passphrase: { $secret: 'wlan-staff', version: 1 }, vlan: 10 });
    expect(specs['sw1 switch-port Gi1/0/24']).toEqual({ mode: 'trunk', native: 10, tagged: [40], role: 'uplink' });
    expect(specs['router vlan office']).toMatchObject({ dhcp: { from: '192.168.10.100', to: '192.168.10.199' } });
  });

  it.each<{ because: string; files: Files; expected: Readonly<Record<string, unknown>> }>([
    { because: 'an item may name its targets', files: editedSite(['        isolated: true\n    ssids:', '        isolated: true\n        targets: [router, sw1]\n    ssids:']), expected: { 'ap vlan guest': undefined, 'sw1 vlan guest': { id: 40, isolated: true } } },
    { because: 'all is every VLAN of the site but the native one', files: editedSite(['tagged: [guest]', 'tagged: all']), expected: { 'sw1 switch-port Gi1/0/24': { mode: 'trunk', native: 10, tagged: [40], role: 'uplink' } } },
    { because: 'the default VLAN of a switch has no name and is written as 1', files: editedSite(['native: office', 'native: 1']), expected: { 'sw1 switch-port Gi1/0/24': { mode: 'trunk', native: 1, tagged: [40], role: 'uplink' } } },
    { because: 'what is not written of a port is not managed', files: editedSite(['        native: office\n        tagged: [guest]\n', '']), expected: { 'sw1 switch-port Gi1/0/24': { mode: 'trunk', role: 'uplink' } } },
  ])('$because', async ({ files, expected }) => {
    const specs = await specsOf(files);
    for (const [name, spec] of Object.entries(expected)) expect({ [name]: specs[name] }).toEqual({ [name]: spec });
  });

  it('a written port of a switch that manages ports is what is written for it', async () => {
    const { states } = await load(siteFiles);
    expect(states[0]?.written).toMatchObject({ sw1: ['switch-port', 'vlan'], ap: ['ssid', 'vlan'], router: ['vlan'] });
  });
});

interface Case {
  readonly mistake: string;
  readonly files: Files;
  readonly code: string;
  readonly at: string;
  readonly says?: RegExp;
  readonly severity?: 'error' | 'warning';
}

const net = editedSite;
const cases: readonly Case[] = [
  { mistake: 'a range outside', files: net(['to: 192.168.10.199', 'to: 192.168.11.199']), code: 'network.dhcp-range', at: '10:15' },
  { mistake: 'a range backwards', files: net(['from: 192.168.10.100', 'from: 192.168.10.200']), code: 'network.dhcp-range', at: '10:15', says: /before/ },
  { mistake: 'a range with the gateway in it', files: net(['from: 192.168.10.100', 'from: 192.168.10.1']), code: 'network.dhcp-gateway', at: '9:17' },
  { mistake: 'a range without a network', files: net(['        isolated: true\n    ssids', '        dhcp:\n          from: 192.168.40.10\n          to: 192.168.40.20\n    ssids']), code: 'network.dhcp-subnet', at: '13:9' },
  { mistake: 'a network in place of an address', files: net(['from: 192.168.10.100', 'from: 192.168.10.0/25']), code: 'ip.invalid', at: '9:17' },
  { mistake: 'a name server that is a name', files: net(['          to: 192.168.10.199\n', '          to: 192.168.10.199\n          dns: [router.example]\n']), code: 'ip.invalid', at: '11:17' },
  { mistake: 'a target that is not there', files: net(['        isolated: true\n    ssids', '        targets: [router, sw2]\n    ssids']), code: 'network.target', at: '13:27', says: /no target sw2/ },
  { mistake: 'a target of another site', files: net(['        isolated: true\n    ssids', '        targets: [sw-lager]\n    ssids']), code: 'network.target', at: '13:19', says: /not at hq/ },
  { mistake: 'a target that cannot have it', files: net(['        isolated: true\nswitches', '        targets: [router]\nswitches']), code: 'network.target', at: '25:19', says: /does not manage ssid/ },
  { mistake: 'one SSID twice', files: net(['ssid: Gäste', 'ssid: Praxis']), code: 'network.duplicate-ssid', at: '22:15', says: /staff/ },
  { mistake: 'an SSID of 33 bytes', files: net(['ssid: Gäste', 'ssid: Ääääääääääääääääx']), code: 'network.ssid-length', at: '22:15', says: /33 bytes/ },
  { mistake: 'a WLAN in a VLAN that is not there', files: net(['ssid: Gäste\n        vlan: guest', 'ssid: Gäste\n        vlan: gest']), code: 'reference.unresolved', at: '23:15', says: /no VLAN gest at hq/ },
  { mistake: 'a VLAN by its number', files: net(['ssid: Gäste\n        vlan: guest', 'ssid: Gäste\n        vlan: 40']), code: 'network.vlan-by-id', at: '23:15' },
  { mistake: 'personal without a passphrase', files: net(['        passphrase:\n          $secret: wlan-staff\n', '']), code: 'network.passphrase', at: '15:7' },
  { mistake: 'open with a passphrase', files: net(['        security: open\n', '        security: open\n        passphrase:\n          $secret: x\n']), code: 'network.passphrase', at: '25:9' },
  { mistake: 'enterprise without a server', files: net(['security: open', 'security: wpa2-enterprise']), code: 'network.radius', at: '21:7' },
  { mistake: 'a server that nobody asks', files: net(['        security: open\n', '        security: open\n        radius: [{ address: 192.168.10.5, secret: { $secret: r } }]\n']), code: 'network.radius', at: '25:9' },
  { mistake: '6 GHz with WPA2', files: net(['        security: open\n', '        security: open\n        bands: ["5", "6"]\n']), code: 'network.wpa3', at: '25:22' },
  { mistake: 'hours over midnight', files: net(['        security: open\n', '        security: open\n        schedule: [{ id: late, days: [fri], from: "22:00", to: "02:00" }]\n']), code: 'network.schedule', at: '25:64' },
  { mistake: 'a port in a VLAN that is not there', files: net(['        mode: access\n        vlan: office', '        mode: access\n        vlan: offce']), code: 'reference.unresolved', at: '31:15', says: /offce/ },
  { mistake: 'a trunk with one that is not there', files: net(['tagged: [guest]', 'tagged: [guest, voip]']), code: 'reference.unresolved', at: '35:25' },
  { mistake: 'an access port without a VLAN', files: net(['        mode: access\n        vlan: office\n', '        mode: access\n']), code: 'switch.access-vlan', at: '29:7' },
  { mistake: 'a trunk\'s field on an access port', files: net(['        mode: access\n        vlan: office\n', '        mode: access\n        vlan: office\n        tagged: [guest]\n']), code: 'switch.mode-field', at: '32:9' },
  { mistake: 'an access port\'s field on a trunk', files: net(['        native: office\n', '        vlan: office\n']), code: 'switch.mode-field', at: '34:9' },
  { mistake: 'tagged and untagged at once', files: net(['tagged: [guest]', 'tagged: [guest, office]']), code: 'switch.tagged-native', at: '35:25' },
  { mistake: 'a VLAN that is not on this switch', files: net(['        isolated: true\n    ssids', '        targets: [router, ap]\n    ssids']), code: 'switch.vlan-elsewhere', at: '35:18', severity: 'warning' },
  { mistake: 'a switch that is not there', files: net(['  sw1:\n', '  sw2:\n']), code: 'target.unknown', at: '27:3' },
  { mistake: 'a switch that does not manage ports', files: net(['  sw1:\n', '  router:\n']), code: 'target.not-managed', at: '27:3', says: /switch-port is written/ },
  { mistake: 'a switch without a site', files: { ...siteFiles, 'customers/acme/targets.yaml': siteTargets({ sw1: { manages: ['switch-port'], site: '' }, ap: { manages: ['ssid'] } }) }, code: 'switch.site', at: '27:3' },
  { mistake: 'a WLAN that is nowhere on the air', files: { ...siteFiles, 'customers/acme/targets.yaml': siteTargets({ sw1: { manages: ['switch-port'] } }) }, code: 'network.ssid-nowhere', at: '15:7' },
  { mistake: 'a key that is none', files: net(['        role: uplink\n', '        role: uplink\n        speed: 1000\n']), code: 'schema.unknown-field', at: '37:9' },
  { mistake: 'a word in place of the list', files: net(['tagged: [guest]', 'tagged: every']), code: 'schema.value', at: '35:17' },
  { mistake: 'too many WLANs', files: net(['switches:', `${Array.from({ length: 8 }, (_, index) => `      w${String(index)}:\n        ssid: W${String(index)}\n        security: open\n`).join('')}switches:`]), code: 'network.many-ssids', at: '47:7', severity: 'warning' },
];

const reached = (management: string): Files => ({ ...siteFiles, 'customers/acme/targets.yaml': siteTargets({ router: { manages: ['vlan'] }, sw1: { manages: ['vlan', 'switch-port'], more: `    management: ${management}\n` }, ap: { manages: ['ssid'], more: '    management: { through: [{ target: sw1, port: Gi1/0/1 }] }\n' }, lost: { manages: ['vlan'], site: '', more: '    management: { vlan: office }\n' } }) });
const lost: readonly string[] = ['target.management-site'];

describe('ways', () => {
  it.each<{ mistake: string; management: string; code: string; at: string }>([
    { mistake: 'a VLAN that is not there', management: '{ vlan: mgmt, through: [{ target: router }] }', code: 'reference.unresolved', at: '29:25' },
    { mistake: 'a target that is not there', management: '{ vlan: office, through: [{ target: routr }] }', code: 'target.unknown', at: '29:53' },
    { mistake: 'a way that leads back', management: '{ vlan: office, through: [{ target: ap }] }', code: 'target.management-ring', at: '29:33' },
    { mistake: 'nothing at all', management: '{}', code: 'schema.value', at: '29:5' },
  ])('$mistake', async ({ management, code, at }) => {
    const errors = errorsOf(await load(reached(management))).filter((problem) => !lost.includes(problem.code));
    expect(errors.map((problem) => `${problem.code} ${String(problem.source?.line)}:${String(problem.source?.column)}`)).toContain(`${code} ${at}`);
  });

  it('a good one is understood; a name of a VLAN needs a site', async () => {
    const good = await load(reached('{ vlan: office, through: [{ target: router }, { target: sw1, port: Gi1/0/24 }] }'));
    expect(errorsOf(good).map(({ code }) => code)).toEqual(lost);
    const { states } = await load({ ...siteFiles, 'customers/acme/targets.yaml': siteTargets({ router: { manages: ['vlan'] }, sw1: { manages: ['vlan', 'switch-port'], more: '    management: { vlan: office, through: [{ target: router }] }\n' }, ap: { manages: ['ssid'] } }) });
    expect(states[0]?.targets.find(({ target }) => target.name === 'sw1')?.management).toEqual({ vlan: { name: 'office', id: 10 }, through: [{ target: 'router' }] });
  });
});

describe('mistakes', () => {
  it.each(cases)('$mistake', async ({ files, code, at, says, severity = 'error' }) => {
    const { problems } = await load(files);
    const found = problems.filter((problem) => problem.code === code);
    expect(found.map(({ source }) => `${String(source?.line)}:${String(source?.column)}`), JSON.stringify(problems)).toContain(at);
    expect(found.every((problem) => problem.severity === severity)).toBe(true);
    if (says !== undefined) expect(found.some(({ message }) => says.test(message)), JSON.stringify(found)).toBe(true);
  });
});
