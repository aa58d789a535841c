/** A family that holds a part of a kind: the rest is left to other devices of the site where the kind is shared, and is a mistake at its place where it is not. */
import { expect, it } from 'vitest';
import type { Capabilities, KindCapability } from '#contract';
import { kinds } from '#kinds/registry';
import { loadDesired, type LoadedDesired } from '../../src/desired/load-desired.ts';
import { loadProviders } from '../../src/providers.ts';
import { sourceOf } from '../harness/desired.ts';

const targets = (...names: readonly string[]): string => `targets:\n${names.map((name) => `  ${name}:\n    provider: ${name}\n    site: hq\n    address: ${name}.example\n    identity:\n      - tls:${Array.from({ length: 32 }, () => 'AA').join(':')}\n    credentials:\n      read:\n        $secret: r\n      write:\n        $secret: w\n    manages:\n      vlan: merge\n      user: merge\n`).join('')}`;
const m365 = `m365:\n  switch:\n    domains: [acme.example]\n    users:\n      anna@acme.example:\n        displayName: Anna\n        jobTitle: Chefin\n`;

async function load(fields: Readonly<Record<string, readonly string[]>>): Promise<LoadedDesired> {
  const memory = (await loadProviders()).get('memory');
  if (memory === undefined) throw new Error('no memory');
  const { capabilities } = memory.provider;
  const some: Capabilities = { ...capabilities, kinds: Object.fromEntries(Object.entries(capabilities.kinds).map(([kind, capability]) => [kind, fields[kind] === undefined ? capability : { ...capability, why: 'it has no place for it', fields: fields[kind] }])) };
  const source = sourceOf({ 'customers/acme/targets.yaml': targets('router', 'switch'), 'customers/acme/firewall.yaml': null, 'customers/acme/m365.yaml': m365 });
  return loadDesired({ source, kinds, providers: new Map([['router', { settingsSchema: memory.settingsSchema, capabilities }], ['switch', { settingsSchema: memory.settingsSchema, capabilities: some }]]), lab: false, asOf: '2026-11-24T12:00:00Z' });
}

it('a switch takes the number of a VLAN and leaves its network to the router', async () => {
  const { states, problems } = await load({ vlan: ['id', 'description'] });
  expect(problems).toEqual([]);
  expect(states[0]?.resources.filter(({ address }) => address.includes('/vlan/')).map(({ address, spec }) => [address, spec])).toEqual([
    ['acme/router/vlan/office', { gateway: '192.168.10.1', id: 10, subnet: '192.168.10.0/24' }], ['acme/switch/vlan/office', { id: 10 }],
  ]);
});

it('what belongs to one target alone is told where it is written', async () => {
  const { problems } = await load({ user: ['userPrincipalName', 'displayName'] });
  expect(problems).toMatchObject([{ code: 'capability.field', severity: 'error', target: 'switch', source: { file: 'customers/acme/m365.yaml', line: 7, column: 9 }, message: expect.stringMatching(/jobTitle.*it has no place for it/) as string }]);
});

it('a setting may say that a target holds less of a kind', async () => {
  const memory = (await loadProviders()).get('memory');
  if (memory === undefined) throw new Error('no memory');
  const { capabilities: own } = memory.provider;
  const capabilities: Capabilities = { ...own, kinds: { ...own.kinds, vlan: { ...own.kinds['vlan'] as KindCapability, fieldsWhere: { setting: 'gateway', is: 'other', fields: ['id'] } } } };
  const held = async (gateway: string): Promise<unknown> => {
    const text = targets('edge').replace('    manages:', `    settings:\n      gateway: ${gateway}\n    manages:`);
    const source = sourceOf({ 'customers/acme/targets.yaml': text, 'customers/acme/firewall.yaml': null, 'customers/acme/m365.yaml': null });
    const { states, problems } = await loadDesired({ source, kinds, providers: new Map([['edge', { settingsSchema: { type: 'object' }, capabilities }]]), lab: false, asOf: '2026-11-24T12:00:00Z' });
    expect(problems).toEqual([]);
    return states[0]?.resources.map(({ spec }) => spec);
  };
  expect(await held('unifi')).toEqual([{ gateway: '192.168.10.1', id: 10, subnet: '192.168.10.0/24' }]);
  expect(await held('other')).toEqual([{ id: 10 }]);
});
