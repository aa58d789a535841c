/** What files say beyond their form: each mistake is told with its code, at its exact place. */
import { describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { kinds } from '#kinds/registry';
import { folderSource } from '#git/file-sources';
import { loadDesired } from '../../src/desired/load-desired.ts';
import { checkCustomer } from '../../src/plan-state.ts';
import { loadProviders } from '../../src/providers.ts';
import { renderAnnotations } from '../../src/render/render-problems.ts';
import { edited, errorsOf, load, type Files } from '../harness/desired.ts';

const fw = (from: string, to: string): Files => edited('firewall.yaml', from, to);
const m365 = (from: string, to: string): Files => edited('m365.yaml', from, to);
const targets = (from: string, to: string): Files => edited('targets.yaml', from, to);
const rule = (text: string): Files => fw('            services: [ssh]\n', `            services: [ssh]\n${text}`);
const vlan = (text: string): Files => edited('network.yaml', '        gateway: 192.168.10.1\n', `        gateway: 192.168.10.1\n${text}`);

interface Case {
  readonly mistake: string;
  readonly files: Files;
  readonly code: string;
  readonly at?: string;
  readonly says?: RegExp;
  readonly severity?: 'error' | 'warning';
}

const cases: readonly Case[] = [
  { mistake: 'a group that is not there', files: fw('[group:admins]', '[group:admin]'), code: 'reference.unresolved', at: 'firewall.yaml:23:23', says: /group admin\b/ },
  { mistake: 'a service that is not there', files: fw('services: [ssh]', 'services: [shs]'), code: 'reference.unresolved', at: 'firewall.yaml:24:24' },
  { mistake: 'a VLAN that is not there', files: fw('[vlan:office]', '[vlan:ofice]'), code: 'reference.unresolved', at: 'firewall.yaml:31:23' },
  { mistake: 'a zone that is not there', files: fw('- from: lan', '- from: lann'), code: 'reference.unresolved', at: 'firewall.yaml:25:15' },
  { mistake: 'a member that nobody is', files: m365('- anna@acme.example', '- anne@acme.example'), code: 'reference.unresolved', at: 'm365.yaml:17:13' },
  { mistake: 'a manager that nobody is', files: m365('manager: anna@acme.example', 'manager: anne@acme.example'), code: 'reference.unresolved', at: 'm365.yaml:12:18' },
  { mistake: 'subnets that overlap', files: vlan('      guests:\n        id: 20\n        subnet: 192.168.10.128/25\n'), code: 'network.overlap', at: 'network.yaml:10:17', says: /office/ },
  { mistake: 'one VLAN id twice', files: vlan('      guests:\n        id: 10\n'), code: 'network.duplicate-vlan', at: 'network.yaml:9:13' },
  { mistake: 'a gateway outside', files: edited('network.yaml', 'gateway: 192.168.10.1', 'gateway: 192.168.11.1'), code: 'network.gateway', at: 'network.yaml:7:18' },
  { mistake: 'host bits', files: edited('network.yaml', 'subnet: 192.168.10.0/24', 'subnet: 192.168.10.1/24'), code: 'ip.host-bits', at: 'network.yaml:6:17' },
  { mistake: 'leading zeros in an address', files: fw('[198.51.100.0/28]', '[198.051.100.0/28]'), code: 'ip.invalid', at: 'firewall.yaml:10:19' },
  { mistake: 'a name in place of an address', files: fw('[198.51.100.0/28]', '[admin.example]'), code: 'ip.invalid', at: 'firewall.yaml:10:19' },
  { mistake: 'a rule that can never match', files: rule('          - name: late\n            action: drop\n            sources: [198.51.100.4]\n            services: [ssh]\n'), code: 'firewall.shadowed-rule', at: 'firewall.yaml:25:19', says: /admin-ssh takes all its traffic/ },
  { mistake: 'a rule that repeats another', files: rule('          - name: late\n            action: accept\n            sources: [198.51.100.4]\n            services: [ssh]\n'), code: 'firewall.shadowed-rule', at: 'firewall.yaml:25:19', severity: 'warning' },
  { mistake: 'management open to anyone, by a rule without sources', files: fw('            sources: [group:admins]\n', ''), code: 'firewall.open-management', at: 'firewall.yaml:21:19' },
  { mistake: 'management open to anyone, by 0.0.0.0/0', files: fw('[group:admins]', '[0.0.0.0/0]'), code: 'firewall.open-management' },
  { mistake: 'management open to anyone, by a group of everything', files: fw('[198.51.100.0/28]', '["::/0"]'), code: 'firewall.open-management' },
  { mistake: 'management open to anyone, by the default', files: fw('        to: self\n        default: drop', '        to: self\n        default: accept'), code: 'firewall.open-management', at: 'firewall.yaml:19:18' },
  { mistake: 'two rules of one name', files: rule('          - name: admin-ssh\n            action: accept\n            services: [web]\n            sources: [192.0.2.7]\n'), code: 'firewall.duplicate-rule', at: 'firewall.yaml:25:19' },
  { mistake: 'an interface in two zones', files: fw('interfaces: [eth1]', 'interfaces: [eth0]'), code: 'firewall.interface', at: 'firewall.yaml:7:22' },
  { mistake: 'a port beyond the last', files: fw('[tcp/22]', '[tcp/70000]'), code: 'firewall.port', at: 'firewall.yaml:13:17' },
  { mistake: 'ports the wrong way round', files: fw('[tcp/22]', '[tcp/23-22]'), code: 'firewall.port' },
  { mistake: 'a sign-in name of another domain', files: m365('      ben@acme.example:', '      ben@acme.exmaple:'), code: 'm365.domain', at: 'm365.yaml:10:7', says: /acme\.exmaple/ },
  { mistake: 'a licence without a country', files: m365('        usageLocation: DE\n', ''), code: 'm365.usage-location', at: 'm365.yaml:7:9' },
  { mistake: 'the own manager', files: m365('manager: anna@acme.example', 'manager: ben@acme.example'), code: 'm365.manager', at: 'm365.yaml:12:18' },
  { mistake: 'one licence twice', files: m365('          - sku: SPB\n', '          - sku: SPB\n          - sku: spb\n'), code: 'm365.duplicate-licence', at: 'm365.yaml:10:18' },
  { mistake: 'a provider that is not there', files: targets('provider: m365', 'provider: m356'), code: 'target.provider', at: 'targets.yaml:22:15' },
  { mistake: 'a site that is not there', files: targets('site: hq', 'site: hg'), code: 'target.site', at: 'targets.yaml:4:11' },
  { mistake: 'a kind that is not there', files: targets('      user: merge', '      users: merge'), code: 'target.kind', at: 'targets.yaml:32:7' },
  { mistake: 'a kind that the provider cannot', files: targets('      user: merge', '      user: merge\n      vlan: merge'), code: 'target.unsupported-kind', at: 'targets.yaml:33:7' },
  { mistake: 'a mode that the provider cannot', files: targets('      zone: exclusive', '      zone: merge'), code: 'target.unsupported-mode', at: 'targets.yaml:14:13' },
  { mistake: 'an address of this machine', files: targets('address: 203.0.113.1', 'address: 127.0.0.1'), code: 'target.address', at: 'targets.yaml:5:14' },
  { mistake: 'a bastion on this machine', files: targets('address: 203.0.113.1', 'address: 203.0.113.1\n    settings: { via: { address: "127.0.0.1:2222", identity: ["ssh:SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] } }'), code: 'target.address', at: 'targets.yaml:6:33' },
  { mistake: 'an address of the cloud\'s metadata', files: targets('address: 203.0.113.1', 'address: 169.254.169.254'), code: 'target.address', at: 'targets.yaml:5:14' },
  { mistake: 'what no target manages', files: targets('      group: merge\n', ''), code: 'target.not-managed', says: /group is written here/ },
  { mistake: 'a document for no target', files: fw('  fw:\n', '  fw2:\n'), code: 'target.unknown', at: 'firewall.yaml:2:3' },
  { mistake: 'an exception for no target', files: edited('customer.yaml', 'name: Acme GmbH\n', 'name: Acme GmbH\nconfigBackup:\n  recipients: [age12csh3z6ehc8lavpqn5enyhapl8wl9f7aa7cgav4atzs8u4fkr33qz4zlfn]\n  except: [fww]\n'), code: 'target.unknown', at: 'customer.yaml:4:12', says: /no target fww/ },
  { mistake: 'a misspelt field', files: m365('        displayName: Ben', '        dispalyName: Ben'), code: 'schema.unknown-field', at: 'm365.yaml:11:9' },
  { mistake: 'a private key in a file', files: m365('        displayName: Ben', '        displayName: "-----BEGIN OPENSSH PRIVATE KEY-----"'), code: 'secret.in-file' },
  { mistake: 'a file that nobody knows', files: { 'customers/acme/fierwall.yaml': 'a: 1\n' }, code: 'file.unknown' },
  { mistake: 'two customers for one system', files: { 'customers/other/customer.yaml': 'name: Other\n', 'customers/other/targets.yaml': 'targets:\n  fw:\n    provider: nftables\n    address: 203.0.113.1\n    identity: ["ssh:SHA256:WDl1f83TRTO3XfIipHdxhjfN3b6fHfF48FWmhhaMEsQ"]\n    credentials:\n      read: {$secret: a}\n      write: {$secret: b}\n    manages: {zone: observe}\n' }, code: 'target.shared' },
];

describe('a mistake', () => {
  it('is not in the base that the cases break', async () => {
    const loaded = await load();
    expect(loaded.problems).toEqual([]);
    expect(loaded.states.map(({ customer, resources }) => [customer.name, resources.length])).toEqual([['acme', 12]]);
  });

  it.each(cases)('is told: $mistake', async ({ files, code, at, says, severity = 'error' }) => {
    const loaded = await load(files);
    const found = loaded.problems.filter((problem) => problem.code === code);
    expect(loaded.problems.map((problem) => problem.code)).toContain(code);
    const [problem] = found;
    expect(problem?.severity).toBe(severity);
    expect(problem?.hint ?? '').not.toBe('');
    if (at !== undefined) expect(found.map(({ source }) => `${source?.file.split('/').at(-1) ?? ''}:${String(source?.line)}:${String(source?.column)}`)).toContain(at);
    if (says !== undefined) expect(problem?.message).toMatch(says);
    if (severity === 'error') expect(loaded.states.map(({ customer }) => customer.name)).not.toContain('acme');
  });

  it('that is a slip of the hand comes with what was meant', async () => {
    const hints = await Promise.all([fw('[group:admins]', '[group:admin]'), targets('provider: m365', 'provider: m356'), m365('        displayName: Ben', '        dispalyName: Ben')].map(async (files) => errorsOf(await load(files))[0]?.hint));
    expect(hints).toEqual([expect.stringContaining('admins'), expect.stringContaining('m365'), expect.stringContaining('displayName')]);
  });

  it('of a secret is told without its value', async () => {
    const loaded = await load(m365('        displayName: Ben', '        displayName: "-----BEGIN OPENSSH PRIVATE KEY-----b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"'));
    expect(JSON.stringify(loaded.problems)).not.toContain('b3BlbnNzaC1rZXktdjEAAAAABG5vbmU');
  });

  it('is the same in an annotation', async () => {
    const [problem] = errorsOf(await load(fw('[tcp/22]', '[tcp/70000]')));
    expect(problem === undefined ? '' : renderAnnotations([problem])).toBe('::error file=customers/acme/firewall.yaml,line=13,col=17,endLine=13,endColumn=26,title=firewall.port::tcp/70000 is not a range of ports%0Aports are 1 to 65535, the smaller one first');
  });
});

describe('the example customers', () => {
  it('have no mistake, and every family takes all of it', async () => {
    const providers = await loadProviders();
    const loaded = await loadDesired({ source: folderSource(fileURLToPath(new URL('../..', import.meta.url))), kinds, providers: new Map([...providers].map(([name, { provider, settingsSchema }]) => [name, { settingsSchema, capabilities: provider.capabilities }])), lab: false, asOf: new Date().toISOString() });
    expect(loaded.problems).toEqual([]);
    expect(loaded.states.map(({ customer }) => customer.name)).toEqual(['bau-keller', 'kanzlei-vogt', 'praxis-dr-lang']);
    expect(loaded.states.flatMap((state) => checkCustomer(state, new Map([...providers].map(([name, { provider }]) => [name, provider]))))).toEqual([]);
  });
});
