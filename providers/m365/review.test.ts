import { describe, expect, test } from 'vitest';
import type { JsonObject, Problem } from '#contract';
import type { ConformanceResource } from '#testkit/simulator';
import { changesOf, group, seedOf, upn, user, withM365, type M365Bench } from '../../test/harness/m365-bench.ts';
import { readRoles } from './simulator/facts.ts';

const told = (problems: readonly Problem[]): readonly string[] => problems.filter(({ code }) => code.startsWith('m365.')).map(({ code, severity, gate, address }) => `${code} ${severity}${gate === true ? ' gate' : ''} ${decodeURIComponent(address?.split('/')[3] ?? '')}`).sort();

async function reviewed(seed: JsonObject, resources: readonly ConformanceResource[], check: (found: readonly string[], plan: Awaited<ReturnType<M365Bench['engine']['plan']>>, bench: M365Bench) => void | Promise<void>, before: readonly ConformanceResource[] = []): Promise<void> {
  await withM365(seed, async (bench) => {
    if (before.length > 0) await bench.converge(before);
    const writes = bench.running.writes().length;
    const plan = await bench.engine.plan(resources);
    expect(bench.running.writes().length).toBe(writes);
    await check(told(plan.problems), plan, bench);
  });
}

describe('licences', () => {
  const licensed = (sku: string): JsonObject => ({ licences: [{ sku }] });
  const cases: readonly { readonly because: string; readonly seed: JsonObject; readonly resources: readonly ConformanceResource[]; readonly expected: readonly string[]; readonly words?: RegExp }[] = [
    { because: 'enough', seed: seedOf({ a: {}, b: {} }, { licences: { SPB: 2 } }), resources: [user('a', licensed('SPB')), user('b', licensed('SPB'))], expected: [] },
    { because: 'too few: the numbers are named', seed: seedOf({ a: {}, b: {}, c: {} }, { licences: { SPB: 2 } }), resources: ['a', 'b', 'c'].map((name) => user(name, licensed('SPB'))), expected: [`m365.licence-stock error ${upn('c')}`], words: /SPB: 3 needed, 2 of 2 free/ },
    { because: 'given back by the same plan', seed: seedOf({ a: licensed('SPB'), b: {} }, { licences: { SPB: 1 } }), resources: [user('a', { licences: [] }), user('b', licensed('SPB'))], expected: [`m365.licence-stock warning ${upn('b')}`] },
    { because: 'inherited by the one who gets it: no further unit', seed: seedOf({ a: { inherited: ['SPB'] } }, { licences: { SPB: 1 } }), resources: [user('a', licensed('SPB'))], expected: [] },
    { because: 'inherited by the one who gives it back: nothing is freed', seed: seedOf({ a: { ...licensed('SPB'), inherited: ['SPB'] }, b: {} }, { licences: { SPB: 1 } }), resources: [user('a', { licences: [] }), user('b', licensed('SPB'))], expected: [`m365.licence-stock error ${upn('b')}`] },
    { because: 'a change that does not speak of licences frees none', seed: seedOf({ a: licensed('SPB'), b: {} }, { licences: { SPB: 1 } }), resources: [user('a', { jobTitle: 'x' }), user('b', licensed('SPB'))], expected: [`m365.licence-stock error ${upn('b')}`] },
    { because: 'a new user counts', seed: seedOf({}, { licences: { SPB: 0 } }), resources: [user('neu', { usageLocation: 'DE', ...licensed('SPB') })], expected: [`m365.licence-stock error ${upn('neu')}`] },
    { because: 'other plans of what one has cost nothing', seed: seedOf({ a: licensed('SPB') }, { licences: { SPB: 1 } }), resources: [user('a', { licences: [{ sku: 'SPB', disabledPlans: ['SWAY'] }] })], expected: [] },
    { because: 'a product that the tenant has not', seed: seedOf({ a: {} }), resources: [user('a', licensed('E5'))], expected: [`m365.unknown-sku error ${upn('a')}`] },
    { because: 'a plan that the product has not', seed: seedOf({ a: {} }), resources: [user('a', { licences: [{ sku: 'SPB', disabledPlans: ['NOPE'] }] })], expected: [`m365.unknown-plan error ${upn('a')}`] },
  ];
  test.each(cases)('$because', ({ seed, resources, expected, words }) => reviewed(seed, resources, (found, plan) => {
    expect(found).toEqual(expected);
    expect(plan.targets[0]?.status).toBe(expected.some((each) => each.includes(' error ')) ? 'blocked' : 'ready');
    if (words !== undefined) expect(plan.problems.map(({ message }) => message).join()).toMatch(words);
  }));
});

describe('people', () => {
  test.each([
    { because: 'a member whom nobody knows', resources: [group('team', { members: [upn('nobody')] })], expected: ['m365.unknown-person error team'] }, { because: 'a manager whom nobody knows', resources: [user('a', { manager: upn('nobody') })], expected: [`m365.unknown-person error ${upn('a')}`] },
    { because: 'in the tenant, not written', resources: [group('team', { members: [upn('a')], owners: [upn('admin')] })], expected: [] }, { because: 'made by the same plan', resources: [user('neu'), group('team', { members: [upn('neu')] })], expected: [] },
    { because: 'a deleted one is not in the tenant', resources: [group('team', { members: [upn('gone')] })], expected: ['m365.unknown-person error team'] },
  ])('$because', ({ resources, expected }) => reviewed(seedOf({ a: {}, gone: {} }, { deletedUsers: [upn('gone')] }), resources, (found) => { expect(found).toEqual(expected); }));

  test('also where users are not managed at all', () => withM365(seedOf({ a: {} }), async (bench) => {
    const plan = await bench.engine.plan([group('team', { members: [upn('a'), upn('nobody')] })]);
    expect([told(plan.problems), plan.problems.map(({ message }) => message).join()]).toEqual([['m365.unknown-person error team'], expect.stringContaining(upn('nobody')) as string]);
    expect((await bench.converge([group('team', { members: [upn('a')] })])).map(({ verdict }) => verdict)).toEqual(['converged']);
  }, { manages: { group: 'merge' } }));
});

describe('administrators', () => {
  const one = seedOf({ a: {} });
  const two = seedOf({ a: {}, second: { admin: true } });
  const off = seedOf({ a: {}, second: { admin: true, accountEnabled: false } });
  const admin = user('admin', { displayName: 'Admin' });
  const second = user('second', { displayName: 'second' });
  const last = (name: string): string => `m365.last-administrator error gate ${upn(name)}`;
  const warned = (name: string): string => `m365.administrator warning ${upn(name)}`;
  const blocked = { displayName: 'Admin', enabled: false };
  test.each([
    { because: 'the only one is blocked', seed: one, before: [admin], resources: [user('admin', blocked)], expected: [last('admin')] }, { because: 'the only one is deleted', seed: one, before: [admin], resources: [user('a')], expected: [last('admin')] },
    { because: 'the only one gets another name', seed: one, before: [admin], resources: [{ ...user('root', { displayName: 'Admin' }), was: upn('admin') }], expected: [last('root')] },
    { because: 'the other one cannot sign in', seed: off, before: [admin], resources: [user('admin', blocked)], expected: [last('admin')] }, { because: 'one of two is blocked', seed: two, before: [admin, second], resources: [user('admin', blocked), second], expected: [warned('admin')] },
    { because: 'both are blocked', seed: two, before: [admin, second], resources: [user('admin', blocked), user('second', { displayName: 'second', enabled: false })], expected: [last('admin'), last('second')] },
    { because: 'one of two gets another name', seed: two, before: [admin, second], resources: [{ ...user('root', { displayName: 'Admin' }), was: upn('admin') }, second], expected: [warned('root')] },
    { because: 'both get another name', seed: two, before: [admin, second], resources: [{ ...user('root', { displayName: 'Admin' }), was: upn('admin') }, { ...user('wurzel', { displayName: 'second' }), was: upn('second') }], expected: [last('root'), last('wurzel')] },
    { because: 'somebody else is blocked', seed: one, before: [user('a')], resources: [user('a', { enabled: false })], expected: [] }, { because: 'the only one gets another title', seed: one, before: [admin], resources: [user('admin', { displayName: 'Admin', jobTitle: 'x' })], expected: [] },
  ])('$because', ({ seed, before, resources, expected }) => reviewed(seed, resources, async (found, plan, bench) => {
    expect(found).toEqual([...expected].sort());
    if (!expected.some((each) => each.includes('error'))) return;
    const writes = bench.running.writes().length;
    await bench.engine.apply(plan);
    expect([plan.targets[0]?.status, bench.running.writes().length]).toEqual(['blocked', writes]);
  }, before));

  test('who cannot be told is not risked', () => withM365(two, async (bench) => {
    await bench.converge([second]);
    bench.running.tenantFaults.grant('read', readRoles.filter((role) => role !== 'RoleManagement.Read.Directory'));
    bench.running.tenantFaults.expireTokens();
    const plan = await bench.engine.plan([user('second', { displayName: 'second', enabled: false })]);
    expect(told(plan.problems)).toEqual([`m365.administrators-unknown error gate ${upn('second')}`]);
  }));

  test.each([{ because: 'deleted', resources: [] }, { because: 'blocked', resources: [user('notfall', { displayName: 'notfall', enabled: false })] }, { because: 'renamed', resources: [{ ...user('anders', { displayName: 'notfall' }), was: upn('notfall') }] }])('a break-glass account is not $because', ({ resources }) => withM365(seedOf({ notfall: { admin: true } }), async (bench) => {
    await bench.converge([user('notfall', { displayName: 'notfall' })]);
    const plan = await bench.engine.plan(resources, [`target/user/${upn('notfall')}`]);
    expect([plan.problems.filter(({ code, gate }) => code === 'gate.protected' && gate === true).length, plan.targets[0]?.status]).toEqual([1, 'blocked']);
  }));
});

test('a group of one type does not become one of another', () => reviewed(seedOf({ admin2: {} }, { groups: [{ mailNickname: 'team', displayName: 'T', type: 'security', members: [], owners: [] }] }), [group('team', { type: 'microsoft365' })], (found, plan) => {
  expect([found, changesOf(plan)]).toEqual([['m365.group-type error team'], ['update team']]);
  expect(plan.targets[0]?.status).toBe('blocked');
}));

test('a review is the same in any order', () => withM365(seedOf({ a: {}, b: {}, c: {} }, { licences: { SPB: 1 } }), async (bench) => {
  const resources = ['a', 'b', 'c'].map((name) => user(name, { licences: [{ sku: 'SPB' }] }));
  expect(JSON.stringify(await bench.engine.plan(resources))).toBe(JSON.stringify(await bench.engine.plan([...resources].reverse())));
}));

describe('doctor', () => {
  const diagnose = async (bench: M365Bench): Promise<readonly string[]> => {
    const session = await bench.open();
    try {
      return ((await session.diagnose?.(['user', 'group'])) ?? []).map(({ code, severity }) => `${code} ${severity}`);
    } finally {
      await session.close();
    }
  };
  test.each([{ because: 'one', seed: seedOf({}), expected: ['m365.administrators warning'] }, { because: 'two', seed: seedOf({ second: { admin: true } }), expected: ['m365.administrators info'] }])('$because who can sign in', ({ seed, expected }) => withM365(seed, async (bench) => { expect(await diagnose(bench)).toEqual(expected); }));

  test('a certificate that ends soon is told', () => withM365(seedOf({ second: { admin: true } }), async (bench) => {
    bench.time.ahead = 3640 * 86_400_000;
    expect(await diagnose(bench)).toEqual(['m365.certificate-ends warning', 'm365.administrators info']);
  }));

  test('roles that cannot be read are told', () => withM365(seedOf({}), async (bench) => {
    bench.running.tenantFaults.grant('read', ['User.Read.All']);
    expect(await diagnose(bench)).toEqual(['m365.administrators-unknown error']);
  }));
});
