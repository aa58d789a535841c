/** A site of three devices, end to end over the lab: taken over as it is, then a VLAN travels over all of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandsIn, freshWorld } from '../harness/fresh-world.ts';
import { planOf } from '../harness/lab-world.ts';
import { siteTargets } from '../harness/site.ts';

const own = (spec: object, more: object = {}): object => ({ spec, owner: null, ...more });
const targets = siteTargets({ router: { manages: ['vlan'] }, sw1: { manages: ['vlan', 'switch-port'] }, ap: { manages: ['vlan', 'ssid'] } });
const reached = siteTargets({
  router: { manages: ['vlan'] }, sw1: { manages: ['vlan', 'switch-port'], more: '    management: { vlan: office, through: [{ target: router }, { target: sw1, port: Gi1/0/24 }] }\n' },
  ap: { manages: ['vlan', 'ssid'], more: '    management: { vlan: office, through: [{ target: sw1, port: Gi1/0/1 }] }\n' },
});
const office = { id: 10, subnet: '192.168.10.0/24', gateway: '192.168.10.1', description: 'Büro' };
const world = freshWorld({
  'customers/acme/customer.yaml': 'name: Acme GmbH\nsites:\n  hq:\n    name: Hauptsitz\nlimits:\n  deletes: 20\n  deleteShare: 1\n',
  'customers/acme/targets.yaml': targets,
  'lab/acme/router.json': JSON.stringify({ objects: { vlan: { office: own(office), lab: own({ id: 90 }) } } }),
  'lab/acme/sw1.json': JSON.stringify({ objects: { vlan: { office: own(office), Gäste_alt: own({ id: 40 }) }, 'switch-port': { 'Gi1/0/1': own({ mode: 'access', vlan: 10 }), 'Gi1/0/24': own({ mode: 'trunk', native: 1, tagged: [10, 40] }), 'Gi1/0/9': own({ mode: 'access', vlan: 77 }) } } }),
  'lab/acme/ap.json': JSON.stringify({ objects: { vlan: { office: own(office), gaeste: own({ id: 40 }) }, ssid: { p: own({ ssid: 'Praxis', security: 'wpa2-personal', vlan: 10 }, { secrets: { passphrase: 'correct horse' } }) } } }),
  'soll.yaml': 'version: 1\nfleet:\n  deletes: 50\n', '.gitignore': '.soll/\n',
});
const { lab, converge } = commandsIn(world);
const network = (): Promise<string> => readFile(join(world.root, 'customers/acme/network.yaml'), 'utf8');

interface Entries { readonly entries: readonly { readonly address: string; readonly what: string; readonly why?: string }[] }
interface PlanJson { readonly summary: Readonly<Record<string, number>>; readonly targets: readonly { readonly target: string; readonly batches: readonly { readonly changes: readonly { readonly verb: string; readonly address: string; readonly was?: string }[] }[] }[]; readonly problems: readonly { readonly code: string }[] }
const planned = async (): Promise<PlanJson> => (await planOf(world.root)).plan as unknown as PlanJson;
const changesOf = ({ targets: all }: PlanJson): readonly string[] => all.flatMap(({ batches }) => batches.flatMap(({ changes }) => changes.map(({ verb, address, was }) => `${verb} ${decodeURIComponent(address)}${was === undefined ? '' : ` was ${decodeURIComponent(was)}`}`)));

test('what is there is written once, by names; only what a device calls otherwise remains; then a VLAN travels', async () => {
  const adopted = await lab('adopt', 'acme', '--json');
  expect(adopted.code, adopted.stderr + adopted.stdout).toBe(0);
  const { entries } = JSON.parse(adopted.stdout) as Entries;
  expect(Object.fromEntries(entries.filter(({ what }) => what !== 'adopted').map(({ address, what }) => [address, what]))).toEqual({ 'acme/sw1/switch-port/Gi1%2F0%2F9': 'left-out', 'acme/sw1/vlan/gaeste': 'inexact' });
  expect(entries.find(({ what }) => what === 'left-out')?.why).toMatch(/VLAN 77 is not written for hq/);
  const text = await network();
  for (const part of [
    '      office:\n        id: 10\n        subnet: 192.168.10.0/24\n        gateway: 192.168.10.1\n        description: Büro\n', '      lab:\n        id: 90\n        targets: [router]\n', '      gaeste:\n        id: 40\n        targets: [sw1, ap]\n',
    '      # Store its value: soll secret set acme wlan-praxis --write\n      p:\n        ssid: Praxis\n        security: wpa2-personal\n        passphrase:\n          $secret: wlan-praxis\n        vlan: office\n', '      Gi1/0/24:\n        mode: trunk\n        native: 1\n        tagged: [gaeste, office]\n',
  ]) expect(text).toContain(part);
  expect(text).not.toContain('correct horse');
  await world.commit('taken over');
  const first = await planned();
  expect(changesOf(first)).toEqual(['update acme/sw1/vlan/gaeste was acme/sw1/vlan/Gäste_alt']);
  expect(first.problems.map(({ code }) => code)).toEqual(['plan.unverifiable']);
  await converge();
  expect(changesOf(await planned())).toEqual([]);

  const counts = new Map([...world.lab.targets].map(([name, { writes }]) => [name, writes().length]));
  await world.write({ 'customers/acme/network.yaml': text
    .replace('      lab:\n', '      cams:\n        id: 30\n      lab:\n').replace('tagged: [gaeste, office]', 'tagged: [cams, gaeste, office]')
    .replace(/ {6}# Store its value.*\n {6}p:\n/, (match) => `      cams:\n        ssid: Kameras\n        security: wpa3-personal\n        passphrase:\n          $secret: wlan-cams\n        vlan: cams\n${match}`) });
  await world.commit('cameras');
  process.env['SOLL_SECRET_WRITE_ACME_WLAN_CAMS'] = 'a passphrase of cameras';
  try { await converge(); } finally { delete process.env['SOLL_SECRET_WRITE_ACME_WLAN_CAMS']; }
  const written = [...world.lab.targets].flatMap(([name, { writes }]) => writes().slice(counts.get(name)).map(({ what, at }) => ({ at, path: `${name} ${decodeURIComponent(what.split(' ')[1] ?? '')}` }))).sort((a, b) => (a.at < b.at ? -1 : 1));
  expect(written.map(({ path }) => path).sort()).toEqual(['acme/ap /kinds/ssid/cams', 'acme/ap /kinds/vlan/cams', 'acme/router /kinds/vlan/cams', 'acme/sw1 /kinds/switch-port/Gi1/0/24', 'acme/sw1 /kinds/vlan/cams']);
  // VLANs everywhere before anything uses them.
  expect(written.slice(0, 3).every(({ path }) => path.includes('/vlan/'))).toBe(true);
  expect(JSON.stringify(world.lab.targets.get('acme/ap')?.snapshot())).toContain('a passphrase of cameras');
  expect(changesOf(await planned())).toEqual([]);

  // Nobody may saw off the branch that we sit on.
  await world.write({ 'customers/acme/targets.yaml': reached, 'customers/acme/network.yaml': (await network()).replace('tagged: [cams, gaeste, office]', 'tagged: [cams, gaeste]') });
  await world.commit('tidied up');
  const { digest } = await planOf(world.root);
  const refused = await lab('apply', 'acme', '--approve', digest);
  expect(refused.code).toBe(5);
  expect(refused.stderr + refused.stdout).toContain('port Gi1/0/24 would no longer carry VLAN 10, and that cuts the way to sw1, ap: us → router → sw1 Gi1/0/24');
  expect(JSON.stringify(world.lab.targets.get('acme/sw1')?.snapshot())).toContain('"tagged":[10,30,40]');
});
