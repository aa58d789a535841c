import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#contract';
import { changesOf, errorsOf, group, seedOf, upn, user, withM365, type M365Bench } from '../../test/harness/m365-bench.ts';

const bodies = (bench: M365Bench, method: string, path: RegExp): readonly JsonObject[] => bench.asked(method, path).map(({ body }) => JSON.parse(body) as JsonObject);
const verdicts = (results: readonly { readonly verdict: string }[]): readonly string[] => results.map(({ verdict }) => verdict);
const team = (members: readonly string[], owners: readonly string[], type = 'microsoft365'): JsonObject => ({ mailNickname: 'team', displayName: 'Team', type, members: members.map(upn), owners: owners.map(upn) });
const named = (bench: M365Bench, kind: 'users' | 'groups', name: string): number => (bench.running.snapshot()[kind] as readonly JsonObject[]).filter((each) => each[kind === 'users' ? 'userPrincipalName' : 'mailNickname'] === name && each['deleted'] === false).length;

describe('three states of a field', () => {
  test.each([
    { because: 'not written is not managed', spec: { displayName: 'anna' }, sent: undefined, title: 'Alt', phones: ['1'] }, { because: 'null clears', spec: { jobTitle: null }, sent: { jobTitle: null }, title: null, phones: ['1'] },
    { because: 'a value sets, and nothing else is sent', spec: { jobTitle: 'Neu', displayName: 'anna' }, sent: { jobTitle: 'Neu' }, title: 'Neu', phones: ['1'] }, { because: 'the same value is not sent', spec: { jobTitle: 'Alt' }, sent: undefined, title: 'Alt', phones: ['1'] },
    { because: 'an empty list clears a list', spec: { businessPhones: [] }, sent: { businessPhones: [] }, title: 'Alt', phones: [] }, { because: 'false is a value', spec: { enabled: false }, sent: { accountEnabled: false }, title: 'Alt', phones: ['1'] },
  ])('$because', ({ spec, sent, title, phones }) => withM365(seedOf({ anna: { jobTitle: 'Alt', businessPhones: ['1'] } }), async (bench) => {
    await bench.converge([user('anna', spec)]);
    expect(bodies(bench, 'PATCH', /./)).toEqual(sent === undefined ? [] : [sent]);
    expect(bench.snapshotOf('users', upn('anna'))).toMatchObject({ jobTitle: title, businessPhones: phones });
    expect(changesOf(await bench.engine.plan([user('anna', spec)]))).toEqual([]);
  }));

  test('null for what is not there is no change', () => withM365(seedOf({ anna: { accountEnabled: null } }), async (bench) => {
    expect(changesOf(await bench.engine.plan([user('anna', { jobTitle: null, manager: null, licences: [] })]))).toEqual([]);
    expect(verdicts(await bench.converge([user('anna', { enabled: true })]))).toEqual(['converged']);
  }));
});

describe('an answer that does not come', () => {
  const full = user('neu', { displayName: 'Neu', usageLocation: 'DE', manager: upn('boss'), licences: [{ sku: 'SPB' }] });
  const faults = ['loseAnswer', 'failAfterWrite'] as const;
  const creates = [{ what: 'user', path: /\/users$/, resource: full, kind: 'users', name: upn('neu') }, { what: 'group', path: /\/groups$/, resource: group('neu', { displayName: 'Neu', members: [upn('boss')] }), kind: 'groups', name: 'neu' }] as const;
  test.each(faults.flatMap((fault) => creates.map((each) => ({ fault, ...each }))))('$fault: a $what is made once, found by its name and finished', ({ fault, path, resource, kind, name }) => withM365(seedOf({ boss: {} }), async (bench) => {
    bench.running.faults[fault]?.();
    expect(verdicts(await bench.converge([resource]))).toEqual(['converged']);
    expect([bench.asked('POST', path).length, named(bench, kind, name)]).toEqual([1, 1]);
    expect(changesOf(await bench.engine.plan([resource]))).toEqual([]);
  }));

  test('503 before anything was done: the user is not made, not sent again, and told as not made', () => withM365(seedOf({}), async (bench) => {
    let refuse = true;
    const plan = await bench.engine.plan([user('neu')]);
    // Refused at the door: the write is turned into one that the stand-in does not carry out.
    bench.running.faults.rejectWrite?.(1);
    bench.running.tenantFaults.intercept(({ method, url }) => (method === 'POST' && url === '/v1.0/users' && refuse ? { status: 503, body: '{}' } : undefined));
    const results = await bench.engine.apply(plan);
    refuse = false;
    expect([verdicts(results), bench.asked('POST', /\/users$/).length, named(bench, 'users', upn('neu'))]).toEqual([['partial'], 1, 0]);
    expect(verdicts(await bench.converge([user('neu')]))).toEqual(['converged']);
  }));

  const changes = [
    { what: 'a field', seed: { anna: {}, boss: {} }, spec: { jobTitle: 'x' } }, { what: 'a manager', seed: { anna: {}, boss: {} }, spec: { manager: upn('boss') } }, { what: 'no manager', seed: { anna: { manager: upn('boss') }, boss: {} }, spec: { manager: null } },
    { what: 'a licence', seed: { anna: {}, boss: {} }, spec: { licences: [{ sku: 'SPB' }] } }, { what: 'a licence in place of another', seed: { anna: { licences: [{ sku: 'SPB' }] }, boss: {} }, spec: { licences: [{ sku: 'EXCHANGESTANDARD' }] } },
    { what: 'no licence', seed: { anna: { licences: [{ sku: 'SPB' }] }, boss: {} }, spec: { licences: [] } },
  ];
  test.each(faults.flatMap((fault) => changes.map((each) => ({ fault, ...each }))))('$fault: $what converges', ({ fault, seed, spec }) => withM365(seedOf(seed), async (bench) => {
    bench.running.faults[fault]?.();
    expect(verdicts(await bench.converge([user('anna', spec)]))).toEqual(['converged']);
    expect(changesOf(await bench.engine.plan([user('anna', spec)]))).toEqual([]);
  }));

  test.each(faults)('%s: a delete, a restore and members converge', (fault) => withM365(seedOf({ anna: {}, old: { jobTitle: 'Alt' } }, { deletedUsers: [upn('old')], groups: [team([], ['anna'])] }), async (bench) => {
    const steps = [
      [user('old', { jobTitle: 'Neu' })], [user('old', { jobTitle: 'Neu' }), group('team', { type: 'microsoft365', members: [upn('old'), upn('anna')] })],
      [user('old', { jobTitle: 'Neu' }), group('team', { type: 'microsoft365', members: [] })], [group('team', { type: 'microsoft365', members: [] })],
    ];
    for (const resources of steps) {
      bench.running.faults[fault]?.();
      expect(verdicts(await bench.converge(resources))).toEqual(['converged']);
    }
    expect([named(bench, 'users', upn('old')), bench.asked('POST', /restore$/).length]).toEqual([0, 1]);
  }));

  test('a token that ends between two requests is renewed, and nothing is done twice', () => withM365(seedOf({}), async (bench) => {
    const plan = await bench.engine.plan([user('neu', { jobTitle: 'x', usageLocation: 'DE', licences: [{ sku: 'SPB' }] })]);
    bench.running.tenantFaults.intercept(({ method, url }) => {
      if (method === 'POST' && url === '/v1.0/users') bench.running.tenantFaults.expireTokens();
      return undefined;
    });
    expect(verdicts(await bench.engine.apply(plan))).toEqual(['converged']);
    expect(bench.asked('POST', /\/users$/).length).toBe(1);
  }));
});

describe('new users', () => {
  test('the password is made here, sent once and shown nowhere', () => withM365(seedOf({}), async (bench) => {
    const plan = await bench.engine.plan([user('neu', { displayName: 'Neu' })]);
    const results = await bench.engine.apply(plan);
    const [body] = bodies(bench, 'POST', /\/users$/);
    const { password, forceChangePasswordNextSignIn } = body?.['passwordProfile'] as JsonObject;
    expect([typeof password, String(password).length >= 16, forceChangePasswordNextSignIn]).toEqual(['string', true, true]);
    expect(body).toMatchObject({ displayName: 'Neu', mailNickname: 'neu', accountEnabled: true, userPrincipalName: upn('neu') });
    for (const text of [plan, results, bench.engine.records, bench.running.snapshot()]) expect(JSON.stringify(text)).not.toContain(String(password));
  }));

  test('a deleted one is brought back with the same id and gets what is written', () => withM365(seedOf({ boss: {}, old: { jobTitle: 'Alt', department: 'bleibt', licences: [] } }, { deletedUsers: [upn('old')] }), async (bench) => {
    const before = (bench.running.snapshot()['users'] as readonly JsonObject[]).length;
    const wanted = user('old', { jobTitle: 'Neu', manager: upn('boss'), licences: [{ sku: 'SPB' }] });
    const plan = await bench.engine.plan([wanted]);
    expect(plan.targets[0]?.batches[0]?.changes[0]).toMatchObject({ verb: 'create', restore: true });
    expect(verdicts(await bench.engine.apply(plan))).toEqual(['converged']);
    expect(bench.snapshotOf('users', upn('old'))).toMatchObject({ jobTitle: 'Neu', department: 'bleibt' });
    expect([(bench.running.snapshot()['users'] as readonly JsonObject[]).length, bench.asked('POST', /\/users$/).length]).toEqual([before, 0]);
  }));
});

describe('eventual consistency', () => {
  const resources = [
    user('boss', { displayName: 'B', usageLocation: 'DE' }), user('anna', { displayName: 'A', usageLocation: 'DE', manager: upn('boss'), licences: [{ sku: 'SPB' }] }),
    group('team', { type: 'microsoft365', displayName: 'T', owners: [upn('boss')], members: [upn('anna'), upn('old')] }), group('sec', { displayName: 'S', members: [upn('anna'), upn('neu')] }), user('neu', { displayName: 'N' }),
  ];
  test.each([1, 2, 3, 4, 5, 6])('replicas that lag (seed %i): all converges, nothing is made twice', (randomSeed) => withM365(seedOf({ old: {} }, { lagReads: 5, groups: [{ mailNickname: 'sec', displayName: 'Alt', type: 'security', members: [], owners: [] }] }), async (bench) => {
    let results = await bench.converge(resources);
    // What is pending is there in the end; a plan in between must not make it again.
    for (let round = 0; round < 5 && !verdicts(results).every((verdict) => verdict === 'converged'); round += 1) {
      expect(verdicts(results)).toEqual(['pending']);
      results = await bench.converge(resources);
      if (results.length === 0) break;
    }
    for (const name of ['boss', 'anna', 'neu']) expect({ name, count: named(bench, 'users', upn(name)) }).toEqual({ name, count: 1 });
    for (const name of ['team', 'sec']) expect({ name, count: named(bench, 'groups', name) }).toEqual({ name, count: 1 });
    for (let reads = 0; reads < 6; reads += 1) await bench.read();
    expect(changesOf(await bench.engine.plan(resources))).toEqual([]);
  }, { randomSeed, settleMs: 10_000 }));

  test('what is accepted and does not show is pending; once it shows the plan is empty', () => withM365(seedOf({ anna: {} }, { lagMs: 6000 }), async (bench) => {
    const wanted = [user('anna', { jobTitle: 'Neu' }), user('neu', { displayName: 'N' })];
    expect(verdicts(await bench.converge(wanted))).toEqual(['pending']);
    // While it does not show, a second run meets the directory's own rule and makes no second one.
    expect(verdicts(await bench.converge(wanted))).toEqual(['partial']);
    await new Promise((resolve) => setTimeout(resolve, 6500));
    expect([changesOf(await bench.engine.plan(wanted)), named(bench, 'users', upn('neu'))]).toEqual([[], 1]);
  }, { settleMs: 500 }));
});

describe('licences', () => {
  const spb = 'cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46';
  const exchange = '4b9405b0-7788-4568-add1-99614e613b69';

  test('plans are replaced and a licence is removed in one request', () => withM365(seedOf({ anna: { licences: [{ sku: 'SPB', disabledPlans: ['SWAY'] }, { sku: 'EXCHANGESTANDARD' }] } }), async (bench) => {
    await bench.converge([user('anna', { licences: [{ sku: 'SPB', disabledPlans: ['YAMMER_ENTERPRISE'] }] })]);
    expect(bodies(bench, 'POST', /assignLicense$/)).toEqual([{ addLicenses: [{ skuId: spb, disabledPlans: ['7547a3fe-08ee-4ccb-b430-5077c5041653'] }], removeLicenses: [exchange] }]);
    expect(bench.snapshotOf('users', upn('anna'))?.['licences']).toEqual([{ skuId: spb, disabledPlans: ['7547a3fe-08ee-4ccb-b430-5077c5041653'], assignedByGroup: null }]);
  }));

  const inherited = { skuId: spb, disabledPlans: [], assignedByGroup: expect.any(String) as string };
  test.each([
    { because: 'nothing is written about licences', spec: { jobTitle: 'x' }, direct: [], left: 1 }, { because: 'none are wanted', spec: { licences: [] }, direct: [], left: 1 },
    { because: 'the same product is wanted directly as well', spec: { licences: [{ sku: 'SPB' }] }, direct: [], left: 2 }, { because: 'the direct one of the two goes', spec: { licences: [] }, direct: [{ sku: 'SPB' }], left: 1 },
  ])('an inherited one stays where $because', ({ spec, direct, left }) => withM365(seedOf({ anna: { inherited: ['SPB'], licences: direct } }, { licences: { SPB: 1 } }), async (bench) => {
    const plan = await bench.engine.plan([user('anna', spec)]);
    expect(errorsOf(plan)).toEqual([]);
    await bench.engine.apply(plan);
    const licences = bench.snapshotOf('users', upn('anna'))?.['licences'] as readonly JsonObject[];
    expect([licences.length, licences.filter(({ assignedByGroup }) => assignedByGroup !== null)]).toEqual([left, [inherited]]);
    expect(changesOf(await bench.engine.plan([user('anna', spec)]))).toEqual([]);
  }));

  test('an assignment that failed counts as none and is made again', () => withM365(seedOf({ anna: { failed: ['SPB'] } }), async (bench) => {
    expect(verdicts(await bench.converge([user('anna', { licences: [{ sku: 'SPB' }] })]))).toEqual(['converged']);
    expect([bench.asked('POST', /assignLicense$/).length, bench.snapshotOf('users', upn('anna'))?.['licences']]).toEqual([1, [{ skuId: spb, disabledPlans: [], assignedByGroup: null }]]);
  }));
});

describe('groups', () => {
  const names = Array.from({ length: 60 }, (_, index) => `p${String(index).padStart(2, '0')}`);
  const people = Object.fromEntries(names.map((name) => [name, {}]));
  const linksOf = (bench: M365Bench, list: 'members' | 'owners'): number => (bench.snapshotOf('groups', 'team')?.[list] as readonly string[]).length;

  test.each(['microsoft365', 'security'])('more than twenty members and owners of a %s group: made and changed twenty at a time', (type) => withM365(seedOf(people), async (bench) => {
    const made = group('team', { type, displayName: 'T', owners: names.slice(0, 23).map(upn), members: names.slice(0, 45).map(upn) });
    expect(verdicts(await bench.converge([made]))).toEqual(['converged']);
    expect([linksOf(bench, 'owners'), linksOf(bench, 'members')]).toEqual([23, 45]);
    expect(bodies(bench, 'PATCH', /\/groups\//).map((body) => (body['members@odata.bind'] as readonly unknown[]).length)).toEqual([20, 20, 5]);
    const changed = group('team', { type, displayName: 'T', owners: names.slice(22, 24).map(upn), members: names.slice(10, 60).map(upn) });
    expect(verdicts(await bench.converge([changed]))).toEqual(['converged']);
    expect([linksOf(bench, 'owners'), linksOf(bench, 'members')]).toEqual([2, 50]);
  }));

  test('devices, contacts and groups in a group are left alone', () => withM365(seedOf({ anna: {}, ben: {} }, { others: [{ name: 'printer', type: 'device' }, { name: 'kontakt', type: 'orgContact' }], groups: [{ ...team(['anna'], ['anna']), members: [upn('anna'), 'printer', 'kontakt', 'group:sec'] }, { mailNickname: 'sec', displayName: 'S', type: 'security', members: [], owners: [] }] }), async (bench) => {
    expect(changesOf(await bench.engine.plan([group('team', { type: 'microsoft365', members: [upn('anna')] })]))).toEqual([]);
    await bench.converge([group('team', { type: 'microsoft365', members: [upn('ben')] })]);
    expect(linksOf(bench, 'members')).toBe(4);
  }));

  test('the last owner is replaced: the new one comes first', () => withM365(seedOf({ anna: {}, ben: {} }, { groups: [team([], ['anna'])] }), async (bench) => {
    expect(verdicts(await bench.converge([group('team', { type: 'microsoft365', owners: [upn('ben')] })]))).toEqual(['converged']);
  }));

  test('somebody who is in already, by another hand, does not spoil the twenty', () => withM365(seedOf(people, { groups: [team([], ['p00'], 'security')] }), async (bench) => {
    const wanted = group('team', { members: names.slice(0, 30).map(upn) });
    const plan = await bench.engine.plan([wanted]);
    let first = true;
    bench.running.tenantFaults.intercept(({ method, url }) => {
      if (method !== 'PATCH' || !url.startsWith('/v1.0/groups/') || !first) return undefined;
      first = false;
      return { status: 503, body: '{}' };
    });
    expect(verdicts(await bench.engine.apply(plan))).toEqual(['converged']);
    expect(linksOf(bench, 'members')).toBe(30);
  }));

  test('a new group is private unless written otherwise', () => withM365(seedOf({ anna: {} }), async (bench) => {
    await bench.converge([group('team', { type: 'microsoft365', displayName: 'T', owners: [upn('anna')] })]);
    expect(bench.snapshotOf('groups', 'team')?.['visibility']).toBe('Private');
  }));

  test('a deleted group is brought back with what is written', () => withM365(seedOf({ anna: {}, ben: {} }, { groups: [team(['anna'], ['anna'])] }), async (bench) => {
    const wanted = group('team', { type: 'microsoft365', displayName: 'Team', members: [upn('ben')], owners: [upn('anna')] });
    await bench.converge([wanted]);
    await bench.converge([]);
    expect(named(bench, 'groups', 'team')).toBe(0);
    expect(verdicts(await bench.converge([wanted]))).toEqual(['converged']);
    expect([bench.asked('POST', /restore$/).length, bench.asked('POST', /\/groups$/).length]).toEqual([1, 0]);
  }));
});

describe('names', () => {
  test('a new sign-in name keeps the id, and groups follow it', () => withM365(seedOf({ alt: { jobTitle: 'x' }, ben: {} }, { groups: [team(['alt'], ['ben'], 'security')] }), async (bench) => {
    const id = async (): Promise<unknown> => (await bench.read()).filter(({ address }) => /\/user\/(alt|neu)/.test(address)).map(({ handle }) => handle);
    await bench.converge([user('alt', { jobTitle: 'x' }), group('team', { members: [upn('alt')] })]);
    const before = await id();
    const state = [{ ...user('neu', { jobTitle: 'x' }), was: upn('alt') }, group('team', { members: [upn('neu'), upn('ben')] })];
    const plan = await bench.engine.plan(state);
    expect(changesOf(plan)).toEqual([`update ${upn('neu')}`, 'update team']);
    expect(verdicts(await bench.engine.apply(plan))).toEqual(['converged']);
    expect([await id(), bench.snapshotOf('users', upn('neu'))?.['jobTitle'], bench.asked('POST', /\/users$/).length]).toEqual([before, 'x', 0]);
  }));

  test('case makes no difference', () => withM365(seedOf({ Anna: { userPrincipalName: 'Anna@BENCH.example' } }, { groups: [{ mailNickname: 'TEAM', displayName: 'T', type: 'security', members: ['Anna@BENCH.example'], owners: [] }] }), async (bench) => {
    expect(changesOf(await bench.engine.plan([user('anna', { displayName: 'Anna' }), group('team', { displayName: 'T', members: [upn('ANNA')] })]))).toEqual([]);
  }));

  test('a guest is addressed with the # of the name encoded', () => withM365(seedOf({ guest: { userPrincipalName: 'kim_partner.example#EXT#@bench.example' } }, { groups: [team([], ['admin'], 'security')] }), async (bench) => {
    const guest = 'kim_partner.example#ext#@bench.example';
    expect(verdicts(await bench.converge([group('team', { members: [guest] }), { kind: 'user', name: guest, spec: { userPrincipalName: guest, jobTitle: 'Partner' } }]))).toEqual(['converged']);
    expect(bench.running.unknown).toEqual([]);
    const only = await bench.engine.plan([group('team', { members: [] })]);
    expect(verdicts(await bench.engine.apply(only))).toEqual(['converged']);
    for (const { url } of bench.running.asked()) expect(url).not.toContain('#');
  }));
});

test('nobody but the sign-in service and Graph is spoken to, and nothing unknown is asked', () => withM365(seedOf({ anna: { licences: [{ sku: 'SPB' }] } }, { groups: [team(['anna'], ['anna'])] }), async (bench) => {
  await bench.converge([user('anna', { jobTitle: 'x', licences: [] }), user('neu', { usageLocation: 'DE', licences: [{ sku: 'SPB' }] }), group('team', { type: 'microsoft365', members: [upn('neu')] })]);
  await bench.converge([]);
  expect([...new Set(bench.running.asked().map(({ host }) => host))].sort()).toEqual(['graph.microsoft.com', 'login.microsoftonline.com']);
  expect(bench.running.unknown).toEqual([]);
}));
