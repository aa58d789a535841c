/** Properties of the whole engine over a stand-in behind the real wire. The stand-in's own state and list of writes are the oracle; it knows nothing of plans. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, toAddress, type Address, type Json, type JsonObject } from '#contract';
import type { Plan, TargetResult } from '#core/model';
import type { RunningSimulator } from '#testkit/simulator';
import { loadSimulator } from '../../src/lab/start-lab.ts';
import { loadProvider } from '../../src/providers.ts';
import { customer, makeEngine, targetName, type Engine, type EngineResource } from '../harness/engine.ts';

/** How many times as many runs as usual: SOLL_PROPERTY_RUNS. */
const thorough = Number(process.env['SOLL_PROPERTY_RUNS'] ?? 1);

const loaded = Promise.all([loadProvider('memory'), loadSimulator('memory')]);
type Mode = 'merge' | 'exclusive';

async function withStore(mode: Mode, use: (engine: Engine, running: RunningSimulator) => Promise<void>): Promise<void> {
  const [{ provider }, simulator] = await loaded;
  const running = await simulator.start({ customer, target: targetName });
  try {
    await use(makeEngine(provider, running, simulator.conformance, mode), running);
  } finally {
    await running.stop();
  }
}

const at = (kind: string, name: string): Address => toAddress({ customer, target: targetName, kind, name });
const mail = (name: string): string => `${name}@x.example`;

/** Some VLANs and address groups, some users with managers among them, a team of them; references always resolve. */
const configuration: fc.Arbitrary<readonly EngineResource[]> = fc.record({
  vlans: fc.dictionary(fc.constantFrom('v0', 'v1', 'v2', 'v3'), fc.record({ id: fc.nat(699), description: fc.constantFrom('', 'a', 'ü "x"') }), { maxKeys: 4, noNullPrototype: true }),
  groups: fc.dictionary(fc.constantFrom('g0', 'g1'), fc.uniqueArray(fc.constantFrom('192.0.2.1', '198.51.100.0/24', '2001:db8::1')), { maxKeys: 2, noNullPrototype: true }),
  users: fc.dictionary(fc.constantFrom('anna', 'ben', 'cleo'), fc.record({ title: fc.option(fc.constantFrom('Meisterin', 'Azubi')), manager: fc.nat(9) }), { maxKeys: 3, noNullPrototype: true }),
  team: fc.option(fc.array(fc.nat(9), { maxLength: 3 })),
}).map(({ vlans, groups, users, team }) => {
  const people = Object.keys(users).sort();
  const pick = (index: number): string | undefined => people[index % Math.max(1, people.length)];
  return [
    // Each has numbers of its own: two of one number are no VLANs that a site can have.
    ...Object.entries(vlans).map(([name, { id, description }]): EngineResource => ({ kind: 'vlan', name, spec: { id: 2 + id + 700 * Number(name.slice(1)), description } })),
    ...Object.entries(groups).map(([name, members]): EngineResource => ({ kind: 'address-group', name, spec: { members } })),
    // Managers stand before those they manage, so that nobody waits for each other.
    ...people.map((name, index): EngineResource => {
      const { title, manager } = users[name] ?? { title: null, manager: 0 };
      return { kind: 'user', name: mail(name), spec: { userPrincipalName: mail(name), jobTitle: title, ...(index > 0 && manager < 5 ? { manager: mail(people[manager % index] ?? '') } : {}) } };
    }),
    ...(team === null ? [] : [{ kind: 'group', name: 'team', spec: { mailNickname: 'team', type: 'security', members: [...new Set(team.flatMap((index) => pick(index) ?? []))].sort().map(mail) } }]),
  ];
});

type Stored = Readonly<Record<string, Readonly<Record<string, { readonly spec: JsonObject; readonly owner: string | null }>>>>;
const stored = (running: RunningSimulator): Stored => running.snapshot() as unknown as Stored;
const foreign = (running: RunningSimulator, mode: Mode): unknown => Object.entries(stored(running)).flatMap(([kind, named]) => Object.entries(named).filter(([, { owner }]) => (mode === 'merge' ? owner !== 'soll' : owner === 'vendor')).map(([name, object]) => [kind, name, JSON.stringify(object)]));

const sorted = (list: Json): string => JSON.stringify(Array.isArray(list) ? list.map((item: Json) => JSON.stringify(item)).sort() : []);

/** The field as the store has it; what is written as nothing may be missing. */
function shows(found: JsonObject, wanted: JsonObject): boolean {
  return Object.entries(wanted).every(([field, value]) => {
    const there = found[field] ?? null;
    if (Array.isArray(value)) return sorted(there) === sorted(value);
    return JSON.stringify(there) === JSON.stringify(value);
  });
}

function expectStored(engine: Engine, running: RunningSimulator, wanted: readonly EngineResource[]): void {
  for (const { address, spec } of engine.state(wanted).resources) {
    const { kind, name } = parseAddress(address);
    const found = stored(running)[kind]?.[name];
    expect({ address, there: found !== undefined && shows(found.spec, spec), found, spec }).toMatchObject({ address, there: true });
  }
}

const leaves = (plan: Plan): readonly Address[] => plan.leaves.flatMap(({ addresses }) => addresses);
const errors = (plan: Plan): readonly string[] => plan.problems.filter(({ severity }) => severity === 'error').map(({ code, message }) => `${code} ${message}`);
const bad = (results: readonly TargetResult[]): readonly unknown[] => results.filter(({ verdict }) => verdict !== 'converged' && verdict !== 'unchanged');

async function converge(engine: Engine, running: RunningSimulator, wanted: readonly EngineResource[]): Promise<void> {
  const plan = await engine.plan(wanted);
  expect(errors(plan)).toEqual([]);
  expect(bad(await engine.apply(plan))).toEqual([]);
  expectStored(engine, running, wanted);
  expect(leaves(await engine.plan(wanted))).toEqual([]);
}

interface Edit {
  readonly kind: 'vlan' | 'address-group';
  readonly name: string;
  readonly deed: 'change' | 'remove' | 'make';
}
const edit: fc.Arbitrary<Edit> = fc.record({ kind: fc.constantFrom('vlan', 'address-group'), name: fc.constantFrom('v0', 'v1', 'v2', 'g0', 'g1', 'x9'), deed: fc.constantFrom('change', 'remove', 'make') });

async function doByHand(engine: Engine, running: RunningSimulator, { kind, name, deed }: Edit): Promise<void> {
  const there = stored(running)[kind]?.[name] !== undefined;
  const after: JsonObject = kind === 'vlan' ? { id: 3999, description: 'by hand' } : { members: ['203.0.113.77'] };
  if (deed === 'remove' && there) await engine.byHand({ verb: 'delete', address: at(kind, name), reason: 'removed' });
  if (deed === 'change' && there) await engine.byHand({ verb: 'update', address: at(kind, name), reason: 'changed', after });
  if (deed === 'make' && !there) await engine.byHand({ verb: 'create', address: at(kind, name), reason: 'new', after });
}

/** Some of what was written gets a new name that nobody has; one with `was`, the next without: its number tells who it is. */
function renamed(running: RunningSimulator, before: readonly EngineResource[], wanted: readonly EngineResource[], count: number): readonly EngineResource[] {
  const taken = new Set(wanted.map(({ kind, name }) => `${kind} ${name}`));
  const renames = before.filter(({ kind, name }) => kind === 'vlan' && !taken.has(`vlan ${name}`) && stored(running)['vlan']?.[`${name}-new`] === undefined).slice(0, count);
  return [...wanted, ...renames.map(({ kind, name, spec }, index) => ({ kind, name: `${name}-new`, ...(index === 0 ? { was: name } : {}), spec }))];
}

describe.each([{ mode: 'merge' }, { mode: 'exclusive' }] as const)('$mode', ({ mode }) => {
  it('apply(plan(desired)) gives desired and an empty second plan, from any state that desired states, hand edits and renames lead to; what is not ours stays byte for byte', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.record({ wanted: configuration, edits: fc.array(edit, { maxLength: 3 }), renames: fc.nat(2) }), { minLength: 1, maxLength: 4 }), (steps) => withStore(mode, async (engine, running) => {
      const untouched = foreign(running, mode);
      let before: readonly EngineResource[] = [];
      for (const { wanted, edits, renames } of steps) {
        for (const each of edits) await doByHand(engine, running, each);
        const next = renamed(running, before, wanted, renames);
        const had = new Set(Object.keys(engine.ledger.entries));
        await converge(engine, running, next);
        const kept = new Set(engine.state(next).resources.map(({ address }) => address));
        for (const address of had as Set<Address>) if (!kept.has(address)) expect({ address, there: stored(running)[parseAddress(address).kind]?.[parseAddress(address).name] !== undefined }).toEqual({ address, there: false });
        // The ledger says exactly what is written.
        expect(Object.keys(engine.ledger.entries).sort()).toEqual([...kept].sort());
        if (mode === 'exclusive') for (const [kind, named] of Object.entries(stored(running))) for (const [name, { owner }] of Object.entries(named)) expect({ kind, name, allowed: owner === 'vendor' || kept.has(at(kind, name)) }).toEqual({ kind, name, allowed: true });
        before = next;
      }
      expect(foreign(running, mode)).toEqual(untouched);
    })), { numRuns: 20 * thorough });
  });
});

/** The process dies: nothing after the Nth effect happens. */
function dying(after: number): (name: string) => Promise<void> {
  let count = 0;
  return () => {
    count += 1;
    return count >= after ? Promise.reject(new Error('killed')) : Promise.resolve();
  };
}

it('a run that dies at any effect, and whose recovery dies too, comes to its end by recovering and planning again, and nothing is written twice', async () => {
  let died = 0;
  await fc.assert(fc.asyncProperty(configuration, configuration, fc.integer({ min: 1, max: 30 }), fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }), (first, second, point, again) => withStore('merge', async (engine, running) => {
    await converge(engine, running, first);
    const untouched = foreign(running, 'merge');
    const from = running.writes().length;
    await engine.apply(await engine.plan(second), { effect: dying(point) }).catch((error: unknown) => { if (!(error instanceof Error) || error.message !== 'killed') throw error; });
    if (engine.unfinished) died += 1;
    for (const each of again) if (engine.unfinished) await engine.recover({ effect: dying(each) }).catch((error: unknown) => { if (!(error instanceof Error) || error.message !== 'killed') throw error; });
    if (engine.unfinished) expect((await engine.recover()).filter(({ verdict }) => verdict === 'held')).toEqual([]);
    await converge(engine, running, second);
    const paths = running.writes().slice(from).map(({ what }) => what.split(' ').slice(0, 2).join(' '));
    expect(paths).toEqual([...new Set(paths)]);
    expect(foreign(running, 'merge')).toEqual(untouched);
  })), { numRuns: 30 * thorough });
  expect(died).toBeGreaterThan(6);
});

it('an answer that is lost at any write is looked up, and nothing is written twice', async () => {
  await fc.assert(fc.asyncProperty(configuration, configuration, (first, second) => withStore('merge', async (engine, running) => {
    await converge(engine, running, first);
    const from = running.writes().length;
    const plan = await engine.plan(second);
    running.faults.loseAnswer?.();
    await engine.apply(plan);
    running.faults.clear();
    await converge(engine, running, second);
    const paths = running.writes().slice(from).map(({ what }) => what.split(' ').slice(0, 2).join(' '));
    expect(paths).toEqual([...new Set(paths)]);
  })), { numRuns: 10 * thorough });
});

it('what somebody edits between plan and apply is never overwritten unread; what does not depend on it is done', async () => {
  let met = 0;
  await fc.assert(fc.asyncProperty(configuration, configuration, fc.nat(), (first, second, choice) => withStore('merge', async (engine, running) => {
    await converge(engine, running, first);
    const plan = await engine.plan(second);
    const candidates = plan.targets.flatMap(({ batches }) => batches.flatMap(({ changes }) => changes)).filter(({ address }) => ['vlan', 'address-group'].includes(parseAddress(address).kind));
    const chosen = candidates[choice % Math.max(1, candidates.length)];
    if (chosen === undefined) return;
    met += 1;
    const { kind, name } = parseAddress(chosen.address);
    await doByHand(engine, running, { kind: kind === 'vlan' ? 'vlan' : 'address-group', name, deed: chosen.verb === 'create' ? 'make' : 'change' });
    const edited = JSON.stringify(stored(running)[kind]?.[name]);
    const results = await engine.apply(plan);
    expect(JSON.stringify(stored(running)[kind]?.[name])).toBe(edited);
    const outcomes = new Map(results.flatMap(({ changes }) => changes).map((change) => [change.address, change.outcome]));
    // A delete in the second batch is not even tried when the first is not complete.
    expect(['rejected', 'skipped']).toContain(outcomes.get(chosen.address)?.status);
    const builds = plan.targets[0]?.batches.find(({ phase }) => phase === 'build')?.changes ?? [];
    for (const { address } of builds) if (address !== chosen.address) expect({ address, outcome: outcomes.get(address)?.status }).toEqual({ address, outcome: 'done' });
    expect(results[0]?.verdict).toBe('partial');
  })), { numRuns: 20 * thorough });
  expect(met).toBeGreaterThan(9);
});

it('of an approved part exactly that is written, once', async () => {
  await fc.assert(fc.asyncProperty(configuration, configuration, fc.func(fc.boolean()), (first, second, chosen) => withStore('merge', async (engine, running) => {
    await converge(engine, running, first);
    const plan = await engine.plan(second);
    const approved = new Set(plan.leaves.filter(({ addresses }) => chosen(addresses[0] ?? '')).map(({ digest }) => digest));
    // What lacks something it needs is not acted upon.
    for (let found = true; found; ) {
      const lacking = plan.leaves.filter(({ digest, after }) => approved.has(digest) && after.some((needed) => !approved.has(needed)));
      for (const { digest } of lacking) approved.delete(digest);
      found = lacking.length > 0;
    }
    const from = running.writes().length;
    const live = new Set(plan.targets.flatMap(({ batches }) => batches.flatMap(({ changes }) => changes.map(({ address }) => address))));
    const expected = plan.leaves.filter(({ digest, batch }) => approved.has(digest) && !batch.endsWith('/ledger')).flatMap(({ addresses }) => addresses).sort();
    const results = await engine.apply(plan, { only: (address) => chosen(address) });
    const written = running.writes().slice(from).map(({ what }) => decodeURIComponent(what.split(' ')[1] ?? '').replace('/kinds/', ''));
    expect([...written].sort()).toEqual(expected.map((address) => `${parseAddress(address).kind}/${parseAddress(address).name}`).sort());
    expect(results.flatMap(({ changes }) => changes).filter(({ address, outcome }) => live.has(address) && outcome.status === 'done').map(({ address }) => address).sort()).toEqual(expected);
    await converge(engine, running, second);
  })), { numRuns: 15 * thorough });
});

it('plan and digest are the same bytes in whatever order things were written', async () => {
  await fc.assert(fc.asyncProperty(configuration, configuration.chain((wanted) => fc.tuple(fc.constant(wanted), fc.shuffledSubarray([...wanted], { minLength: wanted.length }))), (first, [wanted, shuffled]) => withStore('merge', async (engine, running) => {
    await converge(engine, running, first);
    expect(JSON.stringify(await engine.plan(shuffled))).toBe(JSON.stringify(await engine.plan(wanted)));
  })), { numRuns: 10 * thorough });
});

it('an approval is used up: the same transition, needed once more, has another digest', async () => {
  await withStore('merge', async (engine, running) => {
    const wanted: readonly EngineResource[] = [{ kind: 'vlan', name: 'v0', spec: { id: 10, description: 'a' } }];
    const digests: string[] = [];
    for (const resources of [wanted, [], wanted, []]) {
      const plan = await engine.plan(resources);
      digests.push(plan.digest);
      await engine.apply(plan);
    }
    await converge(engine, running, wanted);
    for (let round = 0; round < 2; round += 1) {
      await doByHand(engine, running, { kind: 'vlan', name: 'v0', deed: 'change' });
      const plan = await engine.plan(wanted);
      digests.push(plan.digest);
      await engine.apply(plan);
    }
    expect(new Set(digests).size).toBe(digests.length);
  });
});
