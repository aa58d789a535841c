import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Address, Desired, JsonObject, Kind, Live } from '#contract';
import type { Plan } from '#core/model';
import { kinds } from '#kinds/registry';
import { planCustomer, type PlanInput } from '../../src/plan/plan-customer.ts';
import { at, desired, entry, live, pin, planInput, targetOf, type Scene } from './plan-fixture.ts';

const group = (name: string): Address => at('fw1', 'address-group', name);
const user = (name: string): Address => at('m365', 'user', name);
const person = (name: string, extra: JsonObject = {}): JsonObject => ({ userPrincipalName: name, ...extra });
const members = (...list: string[]): JsonObject => ({ members: list });
const plan = (scene: Scene): Plan => planCustomer(planInput(scene));
const text = (given: Plan): string => JSON.stringify(given);

const scene = {
  desired: [
    desired(group('office'), members('192.0.2.2')), desired(group('new'), members('192.0.2.3')),
    desired(user('a@x.de'), person('a@x.de', { manager: 'b@x.de' })), desired(user('b@x.de'), person('b@x.de')), desired(user('c@x.de'), person('c@x.de', { department: 'Bau' })),
  ] satisfies readonly Desired[],
  live: [live(group('office'), members('192.0.2.1')), live(group('gone'), members()), live(user('c@x.de'), person('c@x.de', { department: 'Büro', jobTitle: 'Meisterin' }))] satisfies readonly Live[],
  ledger: { entries: { ...entry(group('office'), members('192.0.2.1')), ...entry(group('gone'), members()), ...entry(user('c@x.de'), person('c@x.de', { department: 'Bau' })) } },
};

describe('a plan', () => {
  it('counts what it does, by target', () => {
    const made = plan(scene);
    expect(made.summary).toEqual({ create: 3, update: 2, delete: 1, adopt: 0, release: 0, drift: 1, conflict: 0, findings: 0, targets: 2, unreachable: 0 });
    expect(made.targets.map(({ target, status, guard }) => ({ target, status, guard }))).toEqual([{ target: 'fw1', status: 'ready', guard: 'guarded' }, { target: 'm365', status: 'ready', guard: 'not-needed' }]);
    // The firewall is approved as one, the tenant change by change.
    expect(made.leaves.map(({ unit, addresses }) => `${unit} ${String(addresses.length)}`)).toEqual(['batch 3', 'change 1', 'change 1', 'change 1']);
  });

  it('is the same, byte for byte, in whatever order things were written, read and recorded', () => {
    const expected = text(plan(scene));
    const all = <T,>(list: readonly T[]): fc.Arbitrary<T[]> => fc.shuffledSubarray([...list], { minLength: list.length });
    fc.assert(fc.property(all(scene.desired), all(scene.live), all(Object.entries(scene.ledger.entries)), fc.boolean(), (resources, lives, entries, swap) => {
      const input = planInput({ desired: resources, live: lives, ledger: { entries: Object.fromEntries(entries) } });
      const readings = swap ? [...input.readings].reverse() : input.readings;
      const state = { ...input.state, targets: swap ? [...input.state.targets].reverse() : input.state.targets };
      expect(text(planCustomer({ ...input, readings, state }))).toBe(expected);
    }));
  });

  it('of nothing has a digest and no leaves', () => {
    const made = plan({});
    expect(made.leaves).toEqual([]);
    expect(made.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('has nothing to do after it was done', () => {
    const spec = (name: string): fc.Arbitrary<[Address, JsonObject]> => fc.subarray(['192.0.2.1', '10.0.0.0/8', '2001:db8::/32']).map((list) => [group(name), members(...list)]);
    const some = fc.tuple(...['a', 'b', 'c'].map(spec)).chain((list) => fc.subarray(list));
    fc.assert(fc.property(some, some, some, (wanted, found, applied) => {
      const ledger = { entries: Object.fromEntries(applied.flatMap(([address, value]) => Object.entries(entry(address, value)))) };
      const first = plan({ desired: wanted.map(([address, value]) => desired(address, value)), live: found.map(([address, value]) => live(address, value)), ledger, allowDeletes: 9 });
      const after = first.targets[0]?.batches.at(-1)?.result.map(({ address, spec: value }) => live(address, value)) ?? found.map(([address, value]) => live(address, value));
      const recorded = { entries: Object.fromEntries(wanted.flatMap(([address, value]) => Object.entries(entry(address, value)))) };
      const second = plan({ desired: wanted.map(([address, value]) => desired(address, value)), live: after, ledger: recorded });
      expect(second.leaves).toEqual([]);
    }));
  });
});

describe('the digest', () => {
  const base = plan(scene).digest;
  const withInput = (change: (input: PlanInput) => PlanInput): string => planCustomer(change(planInput(scene))).digest;

  it.each<{ because: string; digest: string }>([
    { because: 'another commit with the same content is the same plan', digest: plan({ ...scene, commit: 'c2' }).digest },
    { because: 'the place in the file is not what is approved', digest: plan({ ...scene, desired: scene.desired.map((each) => ({ ...each, source: { file: 'other.yaml', line: 9, column: 9 } })) }).digest },
    { because: 'handles and etags are not what is approved', digest: plan({ ...scene, live: scene.live.map((each) => ({ ...each, handle: 'etag-2' })) }).digest },
    { because: 'an edit of a field that nobody wrote does not matter', digest: plan({ ...scene, live: scene.live.map((each) => (each.address === user('c@x.de') ? { ...each, spec: person('c@x.de', { department: 'Büro', jobTitle: 'Chefin' }) } : each)) }).digest },
    { because: 'somebody else\'s object does not matter', digest: plan({ ...scene, live: [...scene.live, live(user('z@x.de'), person('z@x.de'), { origin: 'foreign' })] }).digest },
    { because: 'a firmware update does not matter', digest: withInput((input) => ({ ...input, readings: input.readings.map((reading) => (reading.status === 'read' ? { ...reading, identity: { ...reading.identity, version: '2' } } : reading)) })) },
    { because: 'another spelling of the same network does not matter', digest: plan({ ...scene, desired: scene.desired.map((each) => (each.address === group('office') ? desired(group('office'), members('192.0.2.2/32')) : each)) }).digest },
  ])('stays: $because', ({ digest }) => {
    expect(digest).toBe(base);
  });

  it.each<{ because: string; digest: string }>([
    { because: 'other content', digest: plan({ ...scene, desired: scene.desired.map((each) => (each.address === group('office') ? desired(group('office'), members('192.0.2.9')) : each)) }).digest },
    { because: 'the device is not as it was', digest: plan({ ...scene, live: scene.live.map((each) => (each.address === group('office') ? live(group('office'), members('192.0.2.7')) : each)) }).digest },
    { because: 'one change less', digest: plan({ ...scene, desired: scene.desired.slice(0, -1) }).digest },
    { because: 'another device', digest: withInput((input) => ({ ...input, state: { ...input.state, targets: input.state.targets.map((each) => ({ ...each, target: { ...each.target, identity: ['ssh:SHA256:BBBB'] } })) } })) },
    { because: 'another version of the tool', digest: withInput((input) => ({ ...input, tool: 'soll other' })) },
  ])('moves: $because', ({ digest }) => {
    expect(digest).not.toBe(base);
  });

  it('of the transition is the same for the same step at another customer and device, while the digest is not', () => {
    const spec = members('192.0.2.2');
    const [one, other] = [group('office'), 'sued/fw9/address-group/office' as const].map((address) => {
      const [customer = '', target = ''] = address.split('/');
      const input = planInput({ desired: [desired(address, spec)] });
      const own = { ...targetOf(target, 'firewall', 'merge'), customer, identity: [`ssh:SHA256:${customer}`] };
      return planCustomer({
        ...input, readings: [{ status: 'read', target, identity: { pin, product: 'Box', version: '1' }, live: [] }],
        state: { ...input.state, customer: { ...input.state.customer, name: customer }, targets: [{ target: own, source: { file: 'x', line: 1, column: 1 } }] },
      });
    });
    expect(one?.leaves).toHaveLength(1);
    expect(one?.transitionDigest).toBe(other?.transitionDigest);
    expect(one?.digest).not.toBe(other?.digest);
  });
});

describe('a target that cannot go on', () => {
  const status = (made: Plan): readonly string[] => made.targets.map(({ target, status: own }) => `${target} ${own}`);
  const targetsOf = (made: Plan): readonly string[] => [...new Set(made.leaves.map(({ target }) => target))];

  it('is told as unreachable and does not hold the others up', () => {
    const input = planInput(scene);
    const made = planCustomer({ ...input, readings: input.readings.map((reading) => (reading.target === 'fw1' ? { status: 'unreachable', target: 'fw1', code: 'timeout', why: 'no answer' } : reading)) });
    expect(status(made)).toEqual(['fw1 unreachable', 'm365 ready']);
    expect(targetsOf(made)).toEqual(['m365']);
    expect(made.summary.unreachable).toBe(1);
    expect(made.summary.delete).toBe(0);
  });

  it.each<{ because: string; extra: Scene }>([
    { because: 'an error names it', extra: { problems: [{ code: 'x', severity: 'error', message: 'wrong', target: 'fw1' }] } },
    { because: 'an earlier run left it unknown', extra: { ledger: { ...scene.ledger, held: { fw1: { run: 'r9', why: 'outcome unknown' } } } } },
    { because: 'too much would be deleted', extra: { customer: { limits: { deletes: 0, deleteShare: 0 } } } },
    { because: 'something protected would be deleted', extra: { customer: { protected: ['fw1/*/gone'] } } },
  ])('is blocked with no leaf to approve: $because', ({ extra }) => {
    const made = plan({ ...scene, ...extra });
    expect(status(made)).toEqual(['fw1 blocked', 'm365 ready']);
    expect(targetsOf(made)).toEqual(['m365']);
    expect(made.targets[0]?.why).not.toBe('');
  });

  it('blocks what needs it on another target, and what does not need it goes on', () => {
    const own = kinds.get('user');
    if (own === undefined) throw new Error('no user');
    const across: Kind = { ...own, references: (spec) => (spec['department'] === 'Bau' ? [{ kind: 'address-group', name: 'new', target: 'fw1', pointer: '/department' }] : []) };
    const made = (department: string): Plan => planCustomer({
      ...planInput({ desired: [desired(group('new'), members()), desired(user('a@x.de'), person('a@x.de', { department }))], ledger: { held: { fw1: { run: 'r9', why: 'outcome unknown' } } } }),
      kinds: new Map([...kinds, ['user', across]]),
    });
    expect(status(made('Bau'))).toEqual(['fw1 blocked', 'm365 blocked']);
    expect(made('Bau').leaves).toEqual([]);
    expect(made('Bau').targets[1]?.why).toBe('needs changes on fw1 first');
    expect(status(made('Vertrieb'))).toEqual(['fw1 blocked', 'm365 ready']);
  });

  it('is not stopped by a warning', () => {
    expect(status(plan({ ...scene, problems: [{ code: 'x', severity: 'warning', message: 'odd', target: 'fw1' }] }))).toEqual(['fw1 ready', 'm365 ready']);
  });
});

describe('what it means', () => {
  it.each<{ because: string; given: Scene; risk: string }>([
    { because: 'an account that goes is critical', given: { live: [live(user('a@x.de'), person('a@x.de'))], ledger: { entries: entry(user('a@x.de'), person('a@x.de')) } }, risk: 'critical' },
    { because: 'a new account is harmless', given: { desired: [desired(user('a@x.de'), person('a@x.de'))] }, risk: 'low' },
    { because: 'anyone may reach the firewall itself: critical', given: { desired: [desired(at('fw1', 'firewall-rule', 'wan.self.ssh'), { from: 'wan', to: 'self', action: 'accept' })] }, risk: 'critical' },
    { because: 'a named address may reach the firewall itself: high', given: { desired: [desired(at('fw1', 'firewall-rule', 'wan.self.ssh'), { from: 'wan', to: 'self', action: 'accept', sources: ['192.0.2.1'] })] }, risk: 'high' },
    { because: 'any spelled as a network is any', given: { desired: [desired(at('fw1', 'firewall-rule', 'wan.self.ssh'), { from: 'wan', to: 'self', action: 'accept', sources: ['0.0.0.0/0'] })] }, risk: 'critical' },
    { because: 'a default that allows is critical', given: { desired: [desired(at('fw1', 'firewall-policy', 'wan.lan'), { from: 'wan', to: 'lan', default: 'accept', order: [] })], live: [live(at('fw1', 'firewall-policy', 'wan.lan'), { from: 'wan', to: 'lan', default: 'drop', order: [] })] }, risk: 'critical' },
    { because: 'taking over what matches touches nothing', given: { desired: [desired(user('a@x.de'), person('a@x.de'))], live: [live(user('a@x.de'), person('a@x.de'))] }, risk: 'low' },
  ])('$because', ({ given, risk }) => {
    expect(plan(given).risk).toBe(risk);
  });

  it('is plain data: what is written and read back is the same plan', () => {
    const made = plan(scene);
    expect(JSON.parse(text(made))).toEqual(made);
  });
});
