/** The stand-in for nft against nft itself, on the same commands; and the provider's rendering through the real one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toAddress, type Desired, type Json, type JsonObject, type Target } from '#contract';
import { isObject } from '#core/canonical';
import { kinds } from '#kinds/registry';
import type { ConformanceResource } from '#testkit/simulator';
import { checkTable } from '../../providers/nftables/check.ts';
import { ownKinds } from '../../providers/nftables/limits.ts';
import { toModel, type NftItem } from '../../providers/nftables/model.ts';
import { parseListing, parseTable } from '../../providers/nftables/parse-table.ts';
import { renderCommands } from '../../providers/nftables/render-table.ts';
import { simulator } from '../../providers/nftables/simulator.ts';
import { fakeNft, type Kernel, type NftResult } from '../../providers/nftables/simulator/fake-nft.ts';
import { arbitraryFirewall, hostileText } from '../harness/arbitrary-firewall.ts';
import { required, why } from './nftables-setup.ts';

test.runIf(why !== undefined && required)('real nft can run here', () => { expect(why).toBeUndefined(); });

const canonical = ({ kind, spec }: ConformanceResource): JsonObject => kinds.get(kind)?.canonical(spec) ?? spec;
const keys = (resources: readonly ConformanceResource[]): readonly string[] => resources.map((each) => `${each.kind} ${each.name} ${JSON.stringify(canonical(each))}`).sort();
const commands = (resources: readonly ConformanceResource[]): string => JSON.stringify(renderCommands(toModel(resources.map((each) => ({ ...each, spec: canonical(each) })))));

/** Handles are the kernel's own, and the elements of a set without intervals have no order. */
function comparable(items: readonly NftItem[]): readonly Json[] {
  const plain = (value: Json): Json => {
    if (Array.isArray(value)) return (value as readonly Json[]).map(plain);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'handle').sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, name === 'elem' && value['flags'] === undefined && Array.isArray(each) ? [...(each as readonly Json[])].map((one) => JSON.stringify(one)).sort() : plain(each)]));
  };
  return items.filter((item) => !('metainfo' in item)).map(plain);
}

describe.skipIf(why !== undefined)('nft and its stand-in', () => {
  const space = `soll-nft-${String(process.pid)}`;
  const folder = mkdtempSync(join(tmpdir(), 'soll-nft-'));
  const file = join(folder, 'commands');
  const run = (...argv: readonly string[]): string => execFileSync('ip', argv, { encoding: 'utf8', stdio: 'pipe', maxBuffer: 64 * 1024 * 1024 });
  beforeAll(() => { run('netns', 'add', space); });
  afterAll(() => {
    run('netns', 'del', space);
    rmSync(folder, { recursive: true, force: true });
  });

  function real(...argv: readonly string[]): NftResult {
    try {
      return { code: 0, stdout: run('netns', 'exec', space, 'nft', ...argv), stderr: '' };
    } catch (error) {
      const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
      return { code: status, stdout, stderr };
    }
  }

  async function both(kernel: Kernel, text: string): Promise<readonly [NftResult, NftResult]> {
    writeFileSync(file, text);
    return [real('-j', '-f', file), await fakeNft(kernel, ['-j', '-f', file], (path) => Promise.resolve(readFileSync(path, 'utf8')))];
  }

  const plainListing = (): string => real('-s', '-j', 'list', 'table', 'inet', 'soll').stdout.replaceAll(/, *"handle": *\d+/g, '');
  /** As the device script does it. */
  function loadedAgain(): string {
    const table = '{"table": {"family": "inet", "name": "soll"}}';
    writeFileSync(file, plainListing().replace('{"nftables": [', `{"nftables": [{"add": ${table}}, {"delete": ${table}}, `));
    expect(real('-j', '-f', file)).toMatchObject({ code: 0 });
    return plainListing();
  }

  async function sameListing(resources: readonly ConformanceResource[]): Promise<readonly NftItem[]> {
    const kernel: Kernel = { tables: {}, handle: 0 };
    const [truth, fake] = await both(kernel, commands(resources));
    expect([truth.code, truth.stderr, fake.code]).toEqual([0, '', 0]);
    const listing = parseListing(real('-j', 'list', 'table', 'inet', 'soll').stdout);
    expect(comparable(parseListing((await fakeNft(kernel, ['-j', 'list', 'table', 'inet', 'soll'], () => Promise.reject(new Error('no file')))).stdout))).toEqual(comparable(listing));
    return listing;
  }

  test.each([{ because: 'the initial material', resources: simulator.conformance.initial }, ...simulator.conformance.steps])('list the same after $because', async ({ resources }) => {
    await sameListing(resources);
  });

  test('list the same for generated firewalls, which come back as they were written, also from the list that guard and boot load', async () => {
    await fc.assert(fc.asyncProperty(arbitraryFirewall, async (resources) => {
      const parsed = parseTable(await sameListing(resources));
      expect(parsed.byHand).toEqual([]);
      expect(keys(parsed.resources)).toEqual(keys(resources));
      expect(loadedAgain()).toBe(plainListing());
      expect(keys(parseTable(parseListing(real('-j', 'list', 'table', 'inet', 'soll').stdout)).resources)).toEqual(keys(resources));
    }), { numRuns: 40 });
  }, 120_000);

  test('hostile text is refused before nft sees it, or comes back as text, with no rule more', async () => {
    const target: Target = { customer: 'c', name: 't', provider: 'nftables', address: 'h', identity: ['ssh:x'], credentials: { read: { $secret: 'r' }, write: { $secret: 'w' } }, settings: {}, manages: Object.fromEntries(ownKinds.map((kind) => [kind, 'exclusive'])) };
    let passed = 0;
    await fc.assert(fc.asyncProperty(hostileText, fc.constantFrom('comment', 'rule', 'interface', 'group', 'member'), async (text, place) => {
      const resources: readonly ConformanceResource[] = [
        { kind: 'zone', name: 'wan', spec: { interfaces: [place === 'interface' ? text : 'eth0'] } }, { kind: 'service', name: 'ssh', spec: { ports: ['tcp/22'] } },
        { kind: 'address-group', name: place === 'group' ? text : 'odd', spec: { members: place === 'member' ? [text] : [] } },
        { kind: 'firewall-policy', name: 'wan.self', spec: { from: 'wan', to: 'self', default: 'drop', order: [place === 'rule' ? text : 'ssh'] } },
        { kind: 'firewall-rule', name: `wan.self.${place === 'rule' ? text : 'ssh'}`, spec: { from: 'wan', to: 'self', action: 'accept', services: ['ssh'], ...(place === 'comment' ? { comment: text } : {}) } },
      ];
      const desired = resources.map((each): Desired => ({ address: toAddress({ customer: 'c', target: 't', kind: each.kind, name: each.name }), spec: canonical(each), dependsOn: [], source: { file: 'f', line: 1, column: 1 } }));
      if (checkTable(desired, target).some(({ severity }) => severity === 'error')) return;
      passed += 1;
      const listing = await sameListing(resources);
      expect(listing.filter((item) => 'rule' in item)).toHaveLength(commands(resources).split('{"rule":').length - 1);
      expect(keys(parseTable(listing).resources)).toEqual(keys(resources));
    }), { numRuns: 400 });
    expect(passed).toBeGreaterThan(0);
  }, 120_000);

  test('a comment that somebody made to break out is put back as it was, and a reject beside an IPv6 match too', () => {
    const inSoll = { family: 'inet', table: 'soll', chain: 'c' };
    const rules = ['a" accept comment "b', 'a\naccept', '\u001b[2K', 'a\\', '", "handle": 5, "x'].map((comment): JsonObject => ({ add: { rule: { ...inSoll, expr: [payload('ip6', 'saddr', '::1'), { counter: null }, { reject: { type: 'icmpx', expr: 'port-unreachable' } }], comment } } }));
    writeFileSync(file, JSON.stringify({ nftables: [...['add', 'delete', 'add'].map((verb) => ({ [verb]: { table: { family: 'inet', name: 'soll' } } })), { add: { chain: { family: 'inet', table: 'soll', name: 'c' } } }, ...rules] }));
    expect(real('-j', '-f', file)).toMatchObject({ code: 0 });
    const before = plainListing();
    expect(loadedAgain()).toBe(before);
    expect(parseListing(before).filter((item) => 'rule' in item)).toHaveLength(rules.length);
  });

  const own = { family: 'inet', table: 't' };
  const set = (more: JsonObject): JsonObject => ({ add: { set: { ...own, name: 's', type: 'ipv4_addr', ...more } } });
  const rule = (...expr: readonly JsonObject[]): JsonObject => ({ add: { rule: { ...own, chain: 'c', expr } } });
  const payload = (protocol: string, field: string, right: Json): JsonObject => ({ match: { op: '==', left: { payload: { protocol, field } }, right } });
  const before: readonly JsonObject[] = [{ add: { table: { family: 'inet', name: 't' } } }, { delete: { table: { family: 'inet', name: 't' } } }, { add: { table: { family: 'inet', name: 't' } } }, { add: { chain: { ...own, name: 'c' } } }, { add: { chain: { ...own, name: 'b', type: 'filter', hook: 'forward', prio: 0, policy: 'drop' } } }, { add: { set: { ...own, name: 'four', type: 'ipv4_addr' } } }];
  const accept: JsonObject = { accept: null };

  test.each<{ because: string; command: JsonObject; code?: number }>([
    { because: 'a name with a space is a name in JSON', command: set({ name: 'a b' }), code: 0 },
    { because: 'a brace in a name too', command: set({ name: 'a}b' }), code: 0 },
    { because: 'a name has an end', command: set({ name: 'a'.repeat(300) }) },
    { because: 'overlapping networks', command: set({ flags: ['interval'], elem: [{ prefix: { addr: '10.0.0.0', len: 8 } }, '10.1.1.1'] }) },
    { because: 'text after an address', command: set({ elem: ['10.0.0.1 accept'] }) },
    { because: 'IPv6 among IPv4', command: set({ elem: ['2001:db8::1'] }) },
    { because: 'a network in a set without intervals', command: set({ elem: [{ prefix: { addr: '10.0.0.0', len: 8 } }] }) },
    { because: 'an interface name of sixteen letters', command: set({ type: 'ifname', elem: ['abcdefghijklmnop'] }) },
    { because: 'an interface with a star', command: set({ type: 'ifname', elem: ['eth*'] }) },
    { because: 'a port beyond the last', command: set({ type: 'inet_service', flags: ['interval'], elem: [70000] }) },
    { because: 'a range from high to low', command: set({ type: 'inet_service', flags: ['interval'], elem: [{ range: [90, 80] }] }) },
    { because: 'a protocol that nobody knows', command: set({ type: 'inet_proto', elem: ['frob'] }) },
    { because: 'protocols by number', command: set({ type: 'inet_proto', elem: [1, 58, 'esp'] }), code: 0 },
    { because: 'a type that is none', command: set({ type: 'frob' }) },
    { because: 'a chain that is not there to jump to', command: rule({ jump: { target: 'none' } }) },
    { because: 'a rule in a chain that is not there', command: { add: { rule: { ...own, chain: 'none', expr: [accept] } } } },
    { because: 'a rule in a table that is not there', command: { add: { rule: { family: 'inet', table: 'none', chain: 'c', expr: [accept] } } } },
    { because: 'a table that is not there to delete', command: { delete: { table: { family: 'inet', name: 'none' } } } },
    { because: 'a statement that is none', command: rule({ frob: null }) },
    { because: 'a command that is none', command: { frob: { table: { family: 'inet', name: 't' } } } },
    { because: 'a set that is not there', command: rule(payload('ip', 'saddr', '@none'), accept) },
    { because: 'a set of another type', command: rule(payload('tcp', 'dport', '@four'), accept) },
    { because: 'IPv4 and IPv6 in one rule', command: rule(payload('ip', 'saddr', '10.0.0.1'), payload('ip6', 'daddr', '::1'), accept) },
    { because: 'a log prefix of 128 bytes', command: rule({ log: { prefix: 'a'.repeat(128) } }) },
    { because: 'a log prefix of 127 bytes', command: rule({ log: { prefix: 'a'.repeat(127) } }), code: 0 },
    { because: 'masquerading in a filter chain', command: { add: { rule: { ...own, chain: 'b', expr: [{ masquerade: null }] } } } },
    { because: 'a base chain with a policy that is none', command: { add: { chain: { ...own, name: 'x', type: 'filter', hook: 'input', prio: 0, policy: 'frob' } } } },
    { because: 'a comment of 129 bytes passes in JSON, and the check alone stands before it', command: { add: { rule: { ...own, chain: 'c', expr: [accept], comment: 'a'.repeat(129) } } }, code: 0 },
    { because: 'a comment that has no room', command: { add: { rule: { ...own, chain: 'c', expr: [accept], comment: 'a'.repeat(400) } } } },
  ])('answer the same to $because, and a refusal changes nothing', async ({ command, code = 1 }) => {
    const kernel: Kernel = { tables: {}, handle: 0 };
    await both(kernel, JSON.stringify({ nftables: before }));
    const was = [real('-j', 'list', 'table', 'inet', 't').stdout, JSON.stringify(kernel.tables)];
    const [truth, fake] = await both(kernel, JSON.stringify({ nftables: [set({ name: 'first' }), command] }));
    // nft itself ends with 1 or, where its own checks gave up, with 2.
    expect([Math.min(truth.code, 1), fake.code]).toEqual([code, code]);
    if (code !== 0) expect([real('-j', 'list', 'table', 'inet', 't').stdout, JSON.stringify(kernel.tables)]).toEqual(was);
  });

  test('differ only where the stand-in refuses what it does not know', async () => {
    // nft shrugs at an unknown property, asks the resolver for a name, and melts neighbours in a nameless set with a network in it.
    for (const command of [set({ frob: 1 }), set({ elem: ['localhost'] }), rule(payload('ip', 'saddr', { set: ['192.0.2.1', '192.0.2.2'] }), accept), { list: { table: { family: 'inet', name: 't' } } }]) {
      const kernel: Kernel = { tables: {}, handle: 0 };
      await both(kernel, JSON.stringify({ nftables: before }));
      const [truth, fake] = await both(kernel, JSON.stringify({ nftables: [command] }));
      expect([command, truth.code, fake.code]).toEqual([command, 0, 1]);
    }
    await both({ tables: {}, handle: 0 }, JSON.stringify({ nftables: [...before, rule(payload('ip', 'saddr', { set: ['192.0.2.1', '192.0.2.2', { prefix: { addr: '10.0.0.0', len: 8 } }] }), accept)] }));
    expect(real('-j', 'list', 'table', 'inet', 't').stdout).toContain('{"range": ["192.0.2.1", "192.0.2.2"]}');
  });
});
