/** What is written comes back as it was written: on the JSON itself, and through the stand-in for nft. The real nft has the same in test/systems. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toAddress, type Desired, type JsonObject, type Target } from '#contract';
import { kinds } from '#kinds/registry';
import type { ConformanceResource } from '#testkit/simulator';
import { arbitraryFirewall, hostileText } from '../../test/harness/arbitrary-firewall.ts';
import { checkTable } from './check.ts';
import { ownKinds } from './limits.ts';
import { toModel, type NftItem } from './model.ts';
import { parseListing, parseTable } from './parse-table.ts';
import { renderCommands, renderTable } from './render-table.ts';
import { fakeNft, type Kernel } from './simulator/fake-nft.ts';

const target: Target = {
  customer: 'c', name: 't', provider: 'nftables', address: 'h', identity: ['ssh:SHA256:x'], credentials: { read: { $secret: 'r' }, write: { $secret: 'w' } }, settings: {},
  manages: Object.fromEntries(ownKinds.map((kind) => [kind, 'exclusive'])),
};

function desired(resources: readonly ConformanceResource[]): readonly Desired[] {
  return resources.map(({ kind, name, spec }) => ({ address: toAddress({ customer: 'c', target: 't', kind, name }), spec: canonical(kind, spec), dependsOn: [], source: { file: 'f', line: 1, column: 1 } }));
}

function canonical(kind: string, spec: JsonObject): JsonObject {
  return kinds.get(kind)?.canonical(spec) ?? spec;
}

const key = ({ kind, name, spec }: ConformanceResource): string => `${kind} ${name} ${JSON.stringify(canonical(kind, spec))}`;
const keys = (resources: readonly ConformanceResource[]): readonly string[] => resources.map(key).sort();
const problems = (resources: readonly ConformanceResource[]): readonly string[] => checkTable(desired(resources), target).filter(({ severity }) => severity === 'error').map(({ code, message }) => `${code}: ${message}`);
const model = (resources: readonly ConformanceResource[]): ReturnType<typeof toModel> => toModel(resources.map(({ kind, name, spec }) => ({ kind, name, spec: canonical(kind, spec) })));

async function load(kernel: Kernel, text: string, flags: readonly string[]): Promise<void> {
  const { code, stderr } = await fakeNft(kernel, [...flags, '-f', '/next'], () => Promise.resolve(text));
  if (code !== 0) throw new Error(stderr);
}

async function list(kernel: Kernel): Promise<readonly NftItem[]> {
  return parseListing((await fakeNft(kernel, ['-j', 'list', 'table', 'inet', 'soll'], () => Promise.reject(new Error('no file')))).stdout);
}

const rulesIn = (items: readonly NftItem[]): number => items.filter((item) => 'rule' in item).length;

describe('a firewall', () => {
  it('is something that the check lets pass, so that the properties below speak of real input', () => {
    fc.assert(fc.property(arbitraryFirewall, (resources) => { expect(problems(resources).filter((problem) => !problem.startsWith('nftables.lock-out'))).toEqual([]); }), { numRuns: 300 });
  });

  it('comes back from its own JSON as it was, with nothing found that was made by hand', () => {
    fc.assert(fc.property(arbitraryFirewall, (resources) => {
      const parsed = parseTable(renderTable(model(resources)));
      expect(parsed.byHand).toEqual([]);
      expect(keys(parsed.resources)).toEqual(keys(resources));
    }), { numRuns: 300 });
  });

  it('comes back through nft, in place of whatever stood there, and foreign tables stay', async () => {
    const foreign = [{ chain: { family: 'ip', table: 'nat', name: 'DOCKER', handle: 1 } }];
    await fc.assert(fc.asyncProperty(arbitraryFirewall, arbitraryFirewall, async (first, second) => {
      const kernel: Kernel = { tables: { 'ip nat': structuredClone(foreign) }, handle: 10 };
      await load(kernel, JSON.stringify(renderCommands(model(first))), ['-j']);
      await load(kernel, JSON.stringify(renderCommands(model(second))), ['-j']);
      const parsed = parseTable(await list(kernel));
      expect(parsed.byHand).toEqual([]);
      expect(keys(parsed.resources)).toEqual(keys(second));
      expect(kernel.tables['ip nat']).toEqual(foreign);
    }), { numRuns: 150 });
  });

  it('is the same whatever the order of its resources', () => {
    fc.assert(fc.property(arbitraryFirewall.chain((resources) => fc.tuple(fc.constant(resources), fc.shuffledSubarray([...resources], { minLength: resources.length }))), ([resources, shuffled]) => {
      expect(renderCommands(model(shuffled))).toEqual(renderCommands(model(resources)));
    }), { numRuns: 100 });
  });

  it('shows every rule that somebody adds, takes away or moves', () => {
    fc.assert(fc.property(arbitraryFirewall, fc.nat(), fc.constantFrom('add', 'remove', 'twice'), (resources, place, edit) => {
      const items = [...renderTable(model(resources))];
      const rules = items.flatMap((item, index) => ('rule' in item ? [index] : []));
      const at = rules[place % rules.length] ?? 0;
      const found = items[at];
      if (found === undefined) throw new Error('a table without a rule');
      const chain = (found['rule'] as JsonObject)['chain'] ?? '';
      if (edit === 'remove') items.splice(at, 1);
      else items.splice(at, 0, edit === 'twice' ? found : { rule: { family: 'inet', table: 'soll', chain, expr: [{ accept: null }] } });
      const parsed = parseTable(items);
      expect(parsed.byHand.length > 0 || JSON.stringify(keys(parsed.resources)) !== JSON.stringify(keys(resources))).toBe(true);
    }), { numRuns: 300 });
  });
});

describe('hostile text', () => {
  const base = (name: string, text: string): readonly ConformanceResource[] => [
    { kind: 'zone', name: 'wan', spec: { interfaces: ['eth0'] } },
    { kind: 'service', name: 'ssh', spec: { ports: ['tcp/22'] } },
    { kind: 'address-group', name: 'admins', spec: { members: ['192.0.2.1'] } },
    { kind: 'firewall-policy', name: 'wan.self', spec: { from: 'wan', to: 'self', default: 'drop', order: ['ssh', ...(name === 'rule name' ? [text] : ['odd'])] } },
    { kind: 'firewall-rule', name: 'wan.self.ssh', spec: { from: 'wan', to: 'self', action: 'accept', services: ['ssh'] } },
  ];
  const rule = (more: JsonObject, name = 'odd'): ConformanceResource => ({ kind: 'firewall-rule', name: `wan.self.${name}`, spec: { from: 'wan', to: 'self', action: 'drop', ...more } });
  const forward = (more: JsonObject, name = 'web'): ConformanceResource => ({ kind: 'port-forward', name, spec: { from: 'wan', protocol: 'tcp', port: 80, destination: '192.168.1.1', ...more } });
  /** A reference that leads nowhere never comes so far. */
  const named = (text: string): readonly ConformanceResource[] => (text.startsWith('group:') ? [{ kind: 'address-group', name: text.slice('group:'.length), spec: { members: [] } }] : []);
  const places: Readonly<Record<string, (text: string) => readonly ConformanceResource[]>> = {
    'zone name': (text) => [{ kind: 'zone', name: text, spec: { interfaces: ['eth5'] } }, rule({})],
    interface: (text) => [{ kind: 'zone', name: 'dmz', spec: { interfaces: [text] } }, rule({})],
    'group name': (text) => [{ kind: 'address-group', name: text, spec: { members: [] } }, rule({})],
    'group member': (text) => [{ kind: 'address-group', name: 'odd', spec: { members: [text] } }, rule({})],
    'service name': (text) => [{ kind: 'service', name: text, spec: { ports: ['tcp/1'] } }, rule({})],
    port: (text) => [{ kind: 'service', name: 'odd', spec: { ports: [text] } }, rule({})],
    'rule name': (text) => [rule({}, text)],
    comment: (text) => [rule({ comment: text })],
    source: (text) => [rule({ sources: [text] }), ...named(text)],
    destination: (text) => [rule({ destinations: [text] }), ...named(text)],
    zone: (text) => [rule({}), { kind: 'zone', name: text, spec: { interfaces: ['eth5'] } }, { kind: 'masquerade', name: 'm', spec: { from: text, to: 'wan' } }],
    'forward name': (text) => [rule({}), forward({}, text)],
    'forward comment': (text) => [rule({}), forward({ comment: text })],
    'forward destination': (text) => [rule({}), forward({ destination: text })],
    'masquerade name': (text) => [rule({}), { kind: 'masquerade', name: text, spec: { from: 'wan', to: 'wan' } }],
  };
  it.each(Object.entries(places).map(([place, make]) => ({ place, make })))('as $place is refused, or comes back as text and nothing else', async ({ place, make }) => {
    await fc.assert(fc.asyncProperty(hostileText, async (text) => {
      const all = [...base(place, text), ...make(text)];
      // A later one of the same kind and name takes the place of an earlier one, as in a map of YAML.
      const resources = [...new Map(all.map((each) => [`${each.kind} ${each.name}`, each])).values()];
      if (problems(resources).length > 0) return;
      const items = renderTable(model(resources));
      const kernel: Kernel = { tables: {}, handle: 10 };
      await load(kernel, JSON.stringify(renderCommands(model(resources))), ['-j']);
      const listing = await list(kernel);
      expect(rulesIn(listing)).toBe(rulesIn(items));
      expect(keys(parseTable(listing).resources)).toEqual(keys(resources));
      expect(parseTable(listing).byHand).toEqual([]);
    }), { numRuns: 300 });
  });
});
