/** `soll new` through the real command line: what it writes, what it refuses, what it leaves alone. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { diffLines } from '../../src/edit/diff-lines.ts';
import { systemClock } from '#transport/system-clock';
import { nextQuestion, openNew, proposeNew, type Answers, type NewKind, type NewResult } from '../../src/new-resource.ts';
import { makeRedactor } from '../../src/secrets/make-redactor.ts';
import type { Workspace } from '../../src/workspace.ts';
import { base } from '../harness/desired.ts';
import { git, soll, type Ended } from '../harness/lab-world.ts';
import { siteFiles, siteNetwork } from '../harness/site.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'soll-new-'));
  const targets = base['customers/acme/targets.yaml'] ?? '';
  for (const [path, text] of Object.entries({ ...base, 'customers/acme/targets.yaml': targets, 'soll.yaml': 'version: 1\n' })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  await git(root, 'init', '-q', '-b', 'main');
  await git(root, 'add', '-A');
  await git(root, 'commit', '-q', '-m', 'first');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const silent = (): void => undefined;
const workspace = (): Workspace => ({ root, lab: false, env: {}, clock: systemClock, log: { debug: silent, info: silent, warn: silent }, progress: silent, signal: new AbortController().signal, redactor: makeRedactor() });
const make = (...args: readonly string[]): Promise<Ended> => soll(root, ['new', ...args]);
const file = (name: string): Promise<string> => readFile(join(root, 'customers/acme', name), 'utf8');
const changed = async (name: string): Promise<readonly string[]> => diffLines(base[`customers/acme/${name}`] ?? '', await file(name)).filter((line) => !line.startsWith(' '));
const isClean = async (): Promise<boolean> => (await git(root, 'status', '--porcelain')) === '';

/** What the command proposes when every suggestion is taken. */
async function propose(kind: NewKind, customer: string, given: Answers): Promise<NewResult> {
  const opened = await openNew(workspace(), kind, customer);
  let answers = given;
  for (let question = nextQuestion(opened, answers); question !== undefined; question = nextQuestion(opened, answers)) answers = { ...answers, [question.field]: question.suggestion ?? '' };
  return proposeNew(opened, answers, 'en');
}

const table: readonly { readonly name: string; readonly args: readonly string[]; readonly file: string; readonly lines: readonly string[] }[] = [
  { name: 'a user', args: ['user', 'acme', '--given-name', 'Jürgen', '--surname', 'Groß', '--group', 'team'], file: 'm365.yaml', lines: ['+      juergen.gross@acme.example:', '+        displayName: Jürgen Groß', '+        givenName: Jürgen', '+        surname: Groß', '+        usageLocation: DE', '+        enabled: true', '+        licences:', '+          - sku: SPB', '+          - juergen.gross@acme.example'] },
  { name: 'a group', args: ['group', 'acme', 'kasse', '--member', 'anna@acme.example'], file: 'm365.yaml', lines: ['+      kasse:', '+        type: security', '+        displayName: Kasse', '+        members:', '+          - anna@acme.example'] },
  { name: 'a VLAN', args: ['vlan', 'acme', 'guest'], file: 'network.yaml', lines: ['+      guest:', '+        id: 20', '+        subnet: 192.168.20.0/24', '+        gateway: 192.168.20.1'] },
  { name: 'a rule in front of another', args: ['rule', 'acme', 'mail', '--from', 'lan', '--to', 'wan', '--destination', '192.0.2.25', '--before', 'surf', '--comment', 'Ticket 4711'], file: 'firewall.yaml', lines: ['+          - name: mail', '+            action: accept', '+            destinations: [192.0.2.25]', '+            comment: Ticket 4711'] },
  { name: 'a rule between zones that had no policy', args: ['rule', 'acme', 'dns', '--from', 'lan', '--to', 'self', '--service', 'web'], file: 'firewall.yaml', lines: ['+      - from: lan', '+        to: self', '+        default: drop', '+        rules:', '+          - name: dns', '+            action: accept', '+            services: [web]'] },
  { name: 'a service', args: ['service', 'acme', 'ipp', '--port', 'tcp/631,udp/631'], file: 'firewall.yaml', lines: ['+      ipp:', '+        ports: [tcp/631, udp/631]'] },
  { name: 'an address group', args: ['address-group', 'acme', 'labor', '--member', '203.0.113.7'], file: 'firewall.yaml', lines: ['+      labor:', '+        members: [203.0.113.7]'] },
  { name: 'a port forward', args: ['port-forward', 'acme', 'web', '--port', '8443', '--destination', '192.168.10.5', '--destination-port', '443', '--from', 'wan', '--source', 'group:admins'], file: 'firewall.yaml', lines: ['-    portForwards: {}', '+    portForwards:', '+      web:', '+        from: wan', '+        protocol: tcp', '+        port: 8443', '+        destination: 192.168.10.5', '+        destinationPort: 443', '+        sources: [group:admins]'] },
];

describe('soll new', () => {
  test.each(table)('$name: those lines, and no other file', async ({ args, file: name, lines }) => {
    const ended = await make(...args, '--yes');
    expect(ended.code, ended.stderr).toBe(0);
    expect(await changed(name)).toEqual(lines);
    expect(await git(root, 'status', '--porcelain')).toBe(`M customers/acme/${name}`);
  });

  test('a dry run writes nothing; what was written is valid; the same name again is refused', async () => {
    const args = ['service', 'acme', 'ipp', '--port', 'tcp/631'];
    const dry = await make(...args, '--dry-run');
    expect(dry.code, dry.stderr).toBe(0);
    expect(dry.stdout).toContain('+      ipp:');
    expect(await isClean()).toBe(true);
    expect((await make(...args, '--yes')).code).toBe(0);
    expect((await soll(root, ['validate'])).code).toBe(0);
    expect((await make(...args, '--yes', '--json')).stdout).toContain('new.exists');
  });

  test('a deviation that has ended meanwhile is told and hinders nobody', async () => {
    await writeFile(join(root, 'soll.yaml'), 'version: 1\npeople:\n  anna:\n    name: Anna\n    emails: [anna@msp.example]\n');
    await writeFile(join(root, 'customers/acme/deviations.yaml'), 'deviations:\n  - resource: fw/service/web\n    reason: for a week\n    owner: anna\n    until: "2020-01-01"\n');
    expect((await soll(root, ['validate'])).stderr).toMatch(/deviation\.expired/);
    const ended = await make('service', 'acme', 'ipp', '--port', 'tcp/631', '--yes', '--json');
    expect(ended.code, ended.stderr + ended.stdout).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ formatVersion: '1.0', written: true, problems: [{ code: 'deviation.expired', severity: 'warning' }] });
  });

  const refused: readonly { readonly name: string; readonly args: readonly string[]; readonly code: string }[] = [
    { name: 'a VLAN id that is used', args: ['vlan', 'acme', 'guest', '--id', '10'], code: 'network.duplicate-vlan' },
    { name: 'a network that overlaps', args: ['vlan', 'acme', 'guest', '--subnet', '192.168.10.128/25'], code: 'network.overlap' },
    { name: 'an id that is no number', args: ['vlan', 'acme', 'guest', '--id', 'ten'], code: 'schema.type' },
    { name: 'a service that is not there', args: ['rule', 'acme', 'x', '--from', 'lan', '--to', 'wan', '--service', 'nope'], code: 'reference.unresolved' },
    { name: 'a name that YAML would allow and soll does not', args: ['service', 'acme', 'Bad Name', '--port', 'tcp/1'], code: 'schema.name' },
    { name: 'a domain of somebody else', args: ['user', 'acme', 'x@other.example', '--display-name', 'X'], code: 'm365.domain' },
    { name: 'a group that is not written', args: ['user', 'acme', 'x@acme.example', '--display-name', 'X', '--group', 'nope'], code: 'new.group' },
    { name: 'a rule in front of nothing', args: ['rule', 'acme', 'x', '--from', 'lan', '--to', 'wan', '--before', 'nope'], code: 'new.before' },
    { name: 'an unknown target', args: ['service', 'acme', 'x', '--port', 'tcp/1', '--target', 'nope'], code: 'new.target' },
    { name: 'an unknown customer', args: ['service', 'nope', 'x', '--port', 'tcp/1'], code: 'customer.unknown' },
  ];
  test.each(refused)('refuses $name', async ({ args: [kind, customer = '', ...rest], code }) => {
    const name = rest[0]?.startsWith('--') === false ? rest.shift() : undefined;
    const flags = Object.fromEntries(rest.flatMap((flag, index) => (flag.startsWith('--') ? [[flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), rest[index + 1] ?? '']] : [])));
    const { problems } = await propose(kind as NewKind, customer, { ...(name === undefined ? {} : { name }), ...flags });
    expect(problems.filter(({ severity }) => severity === 'error').map((problem) => problem.code)).toContain(code);
  });

  test('a refusal has the exit code of invalid input, and nothing is written', async () => {
    const ended = await make('vlan', 'acme', 'guest', '--id', '10', '--yes', '--json');
    expect(ended.code, ended.stderr).toBe(3);
    expect(JSON.parse(ended.stdout)).toMatchObject({ written: false, problems: [{ code: 'network.duplicate-vlan' }] });
    expect(await isClean()).toBe(true);
  });

  test('what is missing is named by its flag; without a terminal and --yes nothing is written', async () => {
    const missing = await make('service', 'acme', '--yes');
    expect(missing.code).toBe(3);
    expect(missing.stderr).toContain('--port');
    expect((await make('service', 'acme', 'ipp', '--port', 'tcp/631')).code).toBe(3);
    expect(await isClean()).toBe(true);
  });

  test.each(['extension', 'toaster'])('%s cannot be made yet, and that is said', async (kind) => {
    const ended = await make(kind, 'acme', 'x');
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('user, group, vlan');
  });
});

describe('soll new for a site', () => {
  beforeEach(async () => {
    for (const [path, text] of Object.entries(siteFiles)) {
      if (text === null) await rm(join(root, path));
      else await writeFile(join(root, path), text);
    }
  });

  test.each<{ because: string; kind: NewKind; given: Answers; lines?: readonly string[]; code?: string }>([
    { because: 'a WLAN in the VLAN of its name', kind: 'ssid', given: { name: 'lager', site: 'hq', vlan: 'office' }, lines: ['+      lager:', '+        ssid: lager', '+        security: wpa2-wpa3-personal', '+        passphrase:', '+          $secret: wlan-lager', '+        vlan: office'] },
    { because: 'an open one keeps its clients apart', kind: 'ssid', given: { name: 'hof', ssid: 'Hof', security: 'open', vlan: 'guest' }, lines: ['+      hof:', '+        ssid: Hof', '+        security: open', '+        vlan: guest', '+        isolated: true'] },
    { because: 'an enterprise one where the family keeps no servers', kind: 'ssid', given: { name: 'firma', security: 'wpa3-enterprise', radius: '192.168.10.5', vlan: 'office' }, code: 'capability.field' },
    { because: 'an access port', kind: 'port', given: { name: 'Gi1/0/2', target: 'sw1', vlan: 'office', description: 'Drucker' }, lines: ['+      Gi1/0/2:', '+        mode: access', '+        vlan: office', '+        description: Drucker', '+        role: edge'] },
    { because: 'a trunk with everything', kind: 'port', given: { name: 'Gi1/0/23', target: 'sw1', mode: 'trunk', native: '1' }, lines: ['+      Gi1/0/23:', '+        mode: trunk', '+        native: 1', '+        tagged: all', '+        role: uplink'] },
    { because: 'a VLAN that gives addresses', kind: 'vlan', given: { name: 'cams', site: 'hq', dhcpFrom: '192.168.50.10', dhcpTo: '192.168.50.99', isolated: 'yes' }, lines: ['+      cams:', '+        id: 50', '+        subnet: 192.168.50.0/24', '+        gateway: 192.168.50.1', '+        dhcp:', '+          from: 192.168.50.10', '+          to: 192.168.50.99', '+        isolated: true'] },
    { because: 'a VLAN that is not there', kind: 'port', given: { name: 'Gi1/0/2', target: 'sw1', vlan: 'offce' }, code: 'reference.unresolved' },
    { because: 'a VLAN by its number is written by its name', kind: 'port', given: { name: 'Gi1/0/2', target: 'sw1', vlan: '10' }, lines: ['+      Gi1/0/2:', '+        mode: access', '+        vlan: office', '+        role: edge'] },
    { because: 'a number that has no name', kind: 'port', given: { name: 'Gi1/0/2', target: 'sw1', vlan: '77' }, code: 'new.place' },
    { because: 'a site where nothing sends', kind: 'ssid', given: { name: 'x', site: 'lager' }, code: 'new.site' },
    { because: 'a port that is written', kind: 'port', given: { name: 'Gi1/0/1', target: 'sw1', vlan: 'office' }, code: 'new.exists' },
  ])('$because', async ({ kind, given, lines = [], code }) => {
    const { changes, problems } = await propose(kind, 'acme', given);
    expect(problems.filter(({ severity }) => severity === 'error').map((problem) => problem.code)).toEqual(code === undefined ? [] : [code]);
    if (code === undefined) expect(changes.flatMap(({ after }) => diffLines(siteNetwork, after).filter((line) => !line.startsWith(' ')))).toEqual(lines);
  });
});
