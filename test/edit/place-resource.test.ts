/** Resources back into the documents they come from: the inverse of what loading does. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress, type Desired, type JsonObject } from '#contract';
import { isObject } from '#core/canonical';
import { kinds } from '#kinds/registry';
import { diffLines } from '../../src/edit/diff-lines.ts';
import { editYaml, readYaml } from '../../src/edit/edit-yaml.ts';
import { newDocument } from '../../src/edit/new-document.ts';
import { placeAll, placeResource, type DocumentFile, type PlacedResource, type PlaceInput } from '../../src/edit/place-resource.ts';
import { base, load } from '../harness/desired.ts';

const documentFiles: readonly DocumentFile[] = ['firewall.yaml', 'network.yaml', 'm365.yaml'];
const textOf = (file: DocumentFile): string => base[`customers/acme/${file}`] ?? '';
const targets = [{ name: 'fw', site: 'hq' }, { name: 'tenant' }, { name: 'store', site: 'hq' }];

function inputOf(texts: Readonly<Partial<Record<DocumentFile, string>>>): PlaceInput {
  const documents: Partial<Record<DocumentFile, JsonObject>> = {};
  for (const file of documentFiles) {
    const data = texts[file] === undefined ? undefined : readYaml(texts[file]);
    if (isObject(data)) documents[file] = data;
  }
  return { documents, kinds, targets };
}

const ours: Readonly<Record<DocumentFile, string>> = { 'firewall.yaml': textOf('firewall.yaml'), 'network.yaml': textOf('network.yaml'), 'm365.yaml': textOf('m365.yaml') };

/** The changed lines of the one document that changes. */
function linesOf(resources: readonly PlacedResource[], texts: Readonly<Record<DocumentFile, string>> = ours): readonly string[] {
  const placed = placeAll(inputOf(texts), resources);
  expect(placed.refused).toEqual([]);
  return [...placed.edits].flatMap(([file, edits]) => diffLines(texts[file], editYaml(texts[file], edits)).filter((line) => !line.startsWith(' ')));
}

async function resourcesOf(texts: Readonly<Partial<Record<DocumentFile, string>>>): Promise<readonly Desired[]> {
  const loaded = await load(Object.fromEntries(documentFiles.map((file) => [`customers/acme/${file}`, texts[file] ?? null])));
  expect(loaded.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return loaded.states[0]?.resources ?? [];
}

const toPlaced = ({ address, spec }: Pick<Desired, 'address' | 'spec'>): PlacedResource => {
  const { target, kind, name } = parseAddress(address);
  return { target, kind, name, spec };
};
const bareOf = (resources: readonly Desired[]): readonly unknown[] => resources.map(({ address, spec }) => ({ address, spec }));
const fw = (kind: string, name: string, spec: JsonObject | undefined): PlacedResource => ({ target: 'fw', kind, name, spec });
const tenant = (kind: string, name: string, spec: JsonObject | undefined, owned?: readonly string[]): PlacedResource => ({ target: 'tenant', kind, name, spec, ...(owned === undefined ? {} : { owned }) });

const rule = (extra: JsonObject): JsonObject => ({ from: 'lan', to: 'wan', action: 'accept', log: false, services: ['web'], sources: ['192.168.10.0/24'], ...extra });

const table: readonly { readonly name: string; readonly because: string; readonly resources: readonly PlacedResource[]; readonly lines: readonly string[] }[] = [
  { name: 'what is there as written', because: 'vlan:office means its network, and log: false is the default', resources: [fw('firewall-rule', 'lan.wan.surf', rule({}))], lines: [] },
  { name: 'one more source', because: 'vlan:office is kept beside it', resources: [fw('firewall-rule', 'lan.wan.surf', rule({ sources: ['192.0.2.7', '192.168.10.0/24'] }))], lines: ['-            sources: [vlan:office]', '+            sources: [vlan:office, 192.0.2.7]'] },
  { name: 'another source', because: 'it no longer means the VLAN', resources: [fw('firewall-rule', 'lan.wan.surf', rule({ sources: ['192.0.2.7'] }))], lines: ['-            sources: [vlan:office]', '+            sources: [192.0.2.7]'] },
  { name: 'any source', because: 'what is not written means any, so the line goes', resources: [fw('firewall-rule', 'lan.wan.surf', { from: 'lan', to: 'wan', action: 'accept', log: true, services: ['web'] })], lines: ['-            sources: [vlan:office]', '             services: [web]', '+            log: true'].filter((line) => !line.startsWith(' ')) },
  { name: 'a rule is gone', because: 'the policy stays and says that it has none', resources: [fw('firewall-rule', 'wan.self.admin-ssh', undefined), fw('firewall-policy', 'wan.self', { from: 'wan', to: 'self', default: 'drop', log: false, order: [] })], lines: ['-        rules:', '-          - name: admin-ssh', '-            action: accept', '-            sources: [group:admins]', '-            services: [ssh]', '+        rules: []'] },
  { name: 'a new rule in front', because: 'the policy says the order', resources: [fw('firewall-policy', 'lan.wan', { from: 'lan', to: 'wan', default: 'drop', log: false, order: ['block', 'surf'] }), fw('firewall-rule', 'lan.wan.block', { from: 'lan', to: 'wan', action: 'drop', log: true })], lines: ['+          - name: block', '+            action: drop', '+            log: true'] },
  { name: 'another default', because: 'one line', resources: [fw('firewall-policy', 'lan.wan', { from: 'lan', to: 'wan', default: 'accept', log: false, order: ['surf'] })], lines: ['-        default: drop', '+        default: accept'] },
  { name: 'a cleared field', because: 'not written would mean not managed; null says cleared', resources: [tenant('user', 'ben@acme.example', { userPrincipalName: 'ben@acme.example', displayName: 'Ben' }, ['userPrincipalName', 'displayName', 'manager'])], lines: ['-        manager: anna@acme.example', '+        manager: null'] },
  { name: 'a field that nobody spoke of', because: 'it cannot be changed there, so it stays as written', resources: [tenant('user', 'ben@acme.example', { userPrincipalName: 'ben@acme.example', displayName: 'Benjamin' }, ['displayName'])], lines: ['-        displayName: Ben', '+        displayName: Benjamin'] },
  { name: 'a licence with a plan off', because: 'the sku is the same item', resources: [tenant('user', 'anna@acme.example', { userPrincipalName: 'anna@acme.example', displayName: 'Anna', usageLocation: 'DE', licences: [{ sku: 'SPB', disabledPlans: ['SWAY'] }] })], lines: ['+            disabledPlans: [SWAY]'] },
  { name: 'a member more', because: 'lists of people are one line each', resources: [tenant('group', 'team', { mailNickname: 'team', type: 'security', members: ['anna@acme.example', 'ben@acme.example'] })], lines: ['+          - ben@acme.example'] },
  { name: 'a VLAN of the site', because: 'the target tells the site', resources: [{ target: 'store', kind: 'vlan', name: 'guest', spec: { id: 40 } }], lines: ['+      guest:', '+        id: 40'] },
  { name: 'a user is gone', because: 'the entry goes', resources: [tenant('user', 'ben@acme.example', undefined)], lines: ['-      ben@acme.example:', '-        displayName: Ben', '-        manager: anna@acme.example'] },
];

describe('placeResource', () => {
  test.each(table)('$name: $because', ({ resources, lines }) => {
    expect([...linesOf(resources)].sort()).toEqual([...lines].sort());
  });

  test.each([
    { name: 'a rule without its policy', resource: fw('firewall-rule', 'lan.self.x', { from: 'lan', to: 'self', action: 'accept' }) },
    { name: 'something that is not written', resource: fw('service', 'nope', undefined) },
    { name: 'a VLAN of a target without a site', resource: { target: 'tenant', kind: 'vlan', name: 'x', spec: { id: 2 } } },
    { name: 'an unknown kind', resource: fw('toaster', 'x', {}) },
  ])('refuses $name', ({ resource }) => {
    expect(placeResource(inputOf(ours), resource)).toHaveProperty('refused');
  });

  test('the spelling of a person stays where it means the same', () => {
    const texts = { ...ours, 'm365.yaml': ours['m365.yaml'].replace('- anna@acme.example', '- Anna@ACME.example # boss').replace('sku: SPB', 'sku: spb') };
    expect(linesOf([tenant('group', 'team', { mailNickname: 'team', type: 'security', members: ['anna@acme.example', 'ben@acme.example'] }), tenant('user', 'anna@acme.example', { userPrincipalName: 'anna@acme.example', displayName: 'Anna', usageLocation: 'DE', licences: [{ sku: 'SPB', disabledPlans: [] }] })], texts)).toEqual(['+          - ben@acme.example']);
  });

  test.each([
    { because: 'a new rule comes where the policy says', order: ['block', 'surf', 'last'] },
    { because: 'or behind', order: ['last', 'surf', 'block'] },
  ])('order of rules: $because', ({ order }) => {
    const added = order.filter((name) => name !== 'surf').map((name) => fw('firewall-rule', `lan.wan.${name}`, { from: 'lan', to: 'wan', action: 'drop', log: false }));
    const placed = placeAll(inputOf(ours), [fw('firewall-policy', 'lan.wan', { from: 'lan', to: 'wan', default: 'drop', log: false, order }), ...added]);
    const text = editYaml(ours['firewall.yaml'], placed.edits.get('firewall.yaml') ?? []);
    expect([...text.matchAll(/- name: (\S+)/g)].map(([, name]) => name)).toEqual(['admin-ssh', ...order]);
  });

  test('a single value keeps its spelling, too', () => {
    const texts = { ...ours, 'm365.yaml': ours['m365.yaml'].replace('manager: anna@acme.example', 'manager: Anna@Acme.example') };
    expect(linesOf([tenant('user', 'ben@acme.example', { userPrincipalName: 'ben@acme.example', displayName: 'Benjamin', manager: 'anna@acme.example' })], texts)).toEqual(['-        displayName: Ben', '+        displayName: Benjamin']);
  });

  test('everything that was read from documents goes back into empty ones and reads the same', async () => {
    const resources = await resourcesOf(ours);
    const empty = { 'firewall.yaml': newDocument('firewall.yaml'), 'network.yaml': ours['network.yaml'], 'm365.yaml': `${newDocument('m365.yaml').replace('{}', '')}  tenant:\n    domains: [acme.example]\n` };
    const placed = placeAll(inputOf(empty), resources.map(toPlaced).reverse());
    expect(placed.refused).toEqual([]);
    const texts = Object.fromEntries(documentFiles.map((file) => [file, editYaml(empty[file], placed.edits.get(file) ?? [])]));
    expect(bareOf(await resourcesOf(texts))).toEqual(bareOf(resources));
  });

  test('any few live changes: afterwards the documents say exactly what is there, and nothing else has changed', async () => {
    const resources = await resourcesOf(ours);
    const change = fc.record({ pick: fc.nat(999), how: fc.nat(3), address: fc.constantFrom('192.0.2.1', '198.51.100.0/25', '2001:db8::/32', '203.0.113.9'), word: fc.constantFrom('Ticket 1', 'no', '10', 'Büro: 2. OG', 'x') });
    await fc.assert(fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const live = new Map(resources.map((resource) => [resource.address, resource]));
      for (const { pick, how, address, word } of changes) {
        const found = resources[pick % resources.length];
        if (found === undefined) continue;
        const { kind } = parseAddress(found.address);
        const spec = { ...(live.get(found.address)?.spec ?? found.spec) } as Record<string, JsonObject[string]>;
        if (kind === 'firewall-rule') Object.assign(spec, how === 0 ? { sources: [address] } : how === 1 ? { log: true } : how === 2 ? { comment: word.replaceAll(':', '') } : { action: 'reject' });
        else if (kind === 'address-group') spec['members'] = [...(how < 2 ? (spec['members'] as string[]) : []), address];
        else if (kind === 'service') spec['ports'] = how < 2 ? [...(spec['ports'] as string[]), 'udp/999'] : ['icmp'];
        else if (kind === 'user') Object.assign(spec, how < 2 ? { displayName: word } : { department: word });
        else if (kind === 'group') spec['members'] = how < 2 ? [] : ['ben@acme.example'];
        else if (kind === 'zone') spec['interfaces'] = [`eth${String(pick % 50 + 10)}`];
        else if (kind === 'firewall-policy') spec['default'] = how < 2 ? 'reject' : 'drop';
        live.set(found.address, { ...found, spec: kinds.get(kind)?.canonical(spec) ?? spec });
      }
      const moved = [...live.values()].filter((resource) => resource !== resources.find(({ address }) => address === resource.address));
      const placed = placeAll(inputOf(ours), moved.map(toPlaced));
      expect(placed.refused).toEqual([]);
      const texts = Object.fromEntries(documentFiles.map((file) => [file, editYaml(ours[file], placed.edits.get(file) ?? [])]));
      expect(bareOf(await resourcesOf(texts))).toEqual(bareOf([...live.values()]));
    }), { numRuns: 150 });
  });
});
