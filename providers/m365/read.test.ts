import { describe, expect, test } from 'vitest';
import { isProviderError, type JsonObject, type Live } from '#contract';
import { changesOf, errorsOf, group, liveOf, seedOf, upn, user, withM365, type M365Bench } from '../../test/harness/m365-bench.ts';
import type { TenantFaults } from './simulator.ts';

type Intercept = NonNullable<Parameters<TenantFaults['intercept']>[0]>;

const names = Array.from({ length: 40 }, (_, index) => `p${String(index).padStart(2, '0')}`);
const many = Object.fromEntries(names.map((name) => [name, {}]));

const codeOf = (error: unknown): unknown => (isProviderError(error) ? error.code : error);
const failureOf = (bench: M365Bench): Promise<unknown> => bench.read().then((live) => `${String(live.length)} read`, codeOf);
const isUsers = (url: string): boolean => url.startsWith('/v1.0/users?');
const parse = (body: string | undefined): JsonObject => JSON.parse(body ?? '{}') as JsonObject;

/** Changes each page of users. */
function onPages(change: (page: JsonObject, count: number) => JsonObject): Intercept {
  let count = 0;
  return (asked, answer) => (isUsers(asked.url) ? { ...answer, body: JSON.stringify(change(parse(answer.body), (count += 1))) } : undefined);
}

describe('a list is read to its proven end or not at all', () => {
  test.each([{ because: 'seven at a time', empty: 0 }, { because: 'with empty pages before', empty: 3 }])('complete: $because', ({ empty }) => withM365(seedOf(many, { pageSize: 7 }), async (bench) => {
    bench.running.tenantFaults.emptyPages(empty);
    expect((await bench.read()).length).toBe(41);
    expect(bench.running.unknown).toEqual([]);
  }));

  const cases: readonly { readonly because: string; readonly code: string; readonly intercept: Intercept; readonly most?: number }[] = [
    { because: 'the next page is at another host', code: 'protocol', intercept: onPages((page) => ({ ...page, '@odata.nextLink': 'https://elsewhere.example/v1.0/users?$skiptoken=x' })) },
    { because: 'the next page is at a host that begins alike', code: 'protocol', intercept: onPages((page) => ({ ...page, '@odata.nextLink': 'https://graph.microsoft.com.elsewhere.example/v1.0/users' })) },
    { because: 'the next page is at a host behind credentials', code: 'protocol', intercept: onPages((page) => ({ ...page, '@odata.nextLink': 'https://graph.microsoft.com@elsewhere.example/v1.0/users' })) },
    { because: 'the next page is no address', code: 'protocol', intercept: onPages((page) => ({ ...page, '@odata.nextLink': 7 })) },
    { because: 'it goes in circles', code: 'protocol', intercept: onPages((page) => ({ ...page, value: [], '@odata.nextLink': 'https://graph.microsoft.com/v1.0/users?$top=999' })), most: 2 },
    { because: 'it never ends', code: 'protocol', intercept: onPages((page, count) => ({ ...page, value: [], '@odata.nextLink': `https://graph.microsoft.com/v1.0/users?$skiptoken=${Buffer.from(`page:${String(count)}`).toString('base64url')}` })) },
    { because: 'an object comes twice, time and again', code: 'protocol', intercept: onPages((page) => ({ ...page, value: [...(page['value'] as JsonObject[]), ...(page['value'] as JsonObject[])] })) },
    { because: 'a page has no value', code: 'protocol', intercept: onPages(() => ({})) },
    { because: 'a login page with 200', code: 'protocol', intercept: ({ url }) => (isUsers(url) ? { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Sign in</html>' } : undefined) },
    { because: 'the JSON is cut', code: 'protocol', intercept: ({ url }, answer) => (isUsers(url) ? { ...answer, body: (answer.body ?? '').slice(0, -20) } : undefined) },
    { because: 'the connection breaks time and again', code: 'unreachable', intercept: ({ url }) => (isUsers(url) ? 'reset' : undefined) },
    { because: '500 again and again', code: 'unreachable', intercept: ({ url }) => (isUsers(url) ? { status: 500, body: '{}' } : undefined) },
    { because: '429 again and again', code: 'throttled', intercept: ({ url }) => (isUsers(url) ? { status: 429, body: '{}' } : undefined) },
    { because: '403', code: 'auth', intercept: ({ url }) => (isUsers(url) ? { status: 403, body: '{"error":{"code":"Authorization_RequestDenied","message":"no"}}' } : undefined) },
    { because: 'a fresh token is refused too', code: 'auth', intercept: ({ url }) => (isUsers(url) ? { status: 401, body: '{"error":{"code":"InvalidAuthenticationToken"}}' } : undefined) },
    { because: 'a batch leaves out an answer', code: 'protocol', intercept: ({ url }, answer) => (url === '/v1.0/$batch' ? { ...answer, body: JSON.stringify({ responses: (parse(answer.body)['responses'] as JsonObject[]).slice(1) }) } : undefined) },
  ];
  test.each(cases)('$code: $because', ({ code, intercept, most }) => withM365(seedOf(many, { pageSize: 7 }), async (bench) => {
    bench.running.tenantFaults.intercept(intercept);
    expect(await failureOf(bench)).toBe(code);
    if (most !== undefined) expect(bench.running.asked().filter(({ url }) => isUsers(url)).length).toBeLessThanOrEqual(most);
    expect(new Set(bench.running.asked().map(({ host }) => host))).toEqual(new Set(['login.microsoftonline.com', 'graph.microsoft.com']));
    const plan = await bench.engine.plan([user('p00', { jobTitle: 'x' })]);
    expect([plan.targets[0]?.status, changesOf(plan)]).toEqual(['unreachable', []]);
  }));

  test('a list that changes while it is read is read once more', () => withM365(seedOf(many, { pageSize: 7 }), async (bench) => {
    bench.running.tenantFaults.intercept(onPages((page, count) => (count === 2 ? { ...page, value: [...(page['value'] as JsonObject[]), ...(page['value'] as JsonObject[])] } : page)));
    expect((await bench.read()).length).toBe(41);
  }));

  test.each([{ because: 'once', times: 1, result: '2 read' }, { because: 'time and again', times: 99, result: 'protocol' }])('a group that vanishes between list and members $because', ({ times, result }) => withM365(seedOf({}, { groups: [{ mailNickname: 'team', displayName: 'T', type: 'security', members: [], owners: [] }] }), async (bench) => {
    let left = times;
    bench.running.tenantFaults.intercept(({ url, body }, answer) => {
      if (url !== '/v1.0/$batch' || !body.includes('/members') || (left -= 1) < 0) return undefined;
      return { ...answer, body: JSON.stringify({ responses: (parse(answer.body)['responses'] as JsonObject[]).map((each) => ({ ...each, status: 404, body: { error: { code: 'Request_ResourceNotFound' } } })) }) };
    });
    expect(await failureOf(bench)).toBe(result);
  }));

  test('members without names are a missing permission, never an empty group', () => withM365(seedOf({ anna: {} }, { groups: [{ mailNickname: 'team', displayName: 'T', type: 'security', members: [upn('anna')], owners: [] }] }), async (bench) => {
    bench.running.tenantFaults.grant('read', ['Group.Read.All', 'Organization.Read.All']);
    expect(await failureOf(bench)).toBe('auth');
  }, { manages: { group: 'merge' } }));
});

describe('throttling', () => {
  test.each([
    { because: 'seconds are honoured', header: '7', low: 7000, high: 7000 }, { because: 'more than two minutes is cut', header: '9999', low: 120_000, high: 120_000 },
    { because: 'a date is honoured', header: 'date', low: 20_000, high: 31_000 }, { because: 'no word: back off', header: undefined, low: 500, high: 1500 }, { because: 'nonsense: back off', header: 'soon', low: 500, high: 1500 },
    { because: 'a negative time is nonsense', header: '-5', low: 0, high: 1500 },
  ])('$because', ({ header, low, high }) => withM365(seedOf({}), async (bench) => {
    let first = true;
    bench.running.tenantFaults.intercept(({ url }) => {
      if (!isUsers(url) || !first) return undefined;
      first = false;
      const value = header === 'date' ? new Date(Date.now() + 30_000).toUTCString() : header;
      return { status: 429, headers: value === undefined ? {} : { 'retry-after': value }, body: '{}' };
    });
    await bench.read();
    expect(bench.slept.length).toBe(1);
    expect(bench.slept[0]).toBeGreaterThanOrEqual(low);
    expect(bench.slept[0]).toBeLessThanOrEqual(high);
  }));

  test('of a batch only the throttled items are asked again, after the longest wait', () => {
    const groups = Array.from({ length: 5 }, (_, index) => ({ mailNickname: `g${String(index)}`, displayName: 'g', type: 'security', members: [], owners: [] }));
    return withM365(seedOf({}, { groups }), async (bench) => {
      let first = true;
      bench.running.tenantFaults.intercept(({ url, body }, answer) => {
        if (url !== '/v1.0/$batch' || !body.includes('/members') || !first) return undefined;
        first = false;
        return { ...answer, body: JSON.stringify({ responses: (parse(answer.body)['responses'] as JsonObject[]).map((each) => (['2', '5'].includes(String(each['id'])) ? { id: each['id'], status: 429, headers: { 'retry-after': each['id'] === '2' ? '3' : '11' }, body: {} } : each)) }) };
      });
      await bench.read();
      const batches = bench.asked('POST', /\$batch$/).filter(({ body }) => body.includes('/members')).map(({ body }) => (parse(body)['requests'] as JsonObject[]).map(({ id }) => id));
      expect(batches).toEqual([['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'], ['2', '5']]);
      expect(bench.slept).toEqual([11_000]);
    });
  });
});

describe('what is read', () => {
  const groups = [
    { mailNickname: 'Team', displayName: 'Team', type: 'microsoft365', members: [upn('anna'), 'printer', 'contact', 'group:sec'], owners: [upn('boss'), 'app'] }, { mailNickname: 'sec', displayName: 'Team', type: 'security', members: [], owners: [] },
    { mailNickname: 'list', displayName: 'L', type: 'distribution', members: [], owners: [] }, { mailNickname: 'mailsec', displayName: 'M', type: 'mail-enabled-security', members: [], owners: [] },
    { mailNickname: 'onprem', displayName: 'O', type: 'security', synced: true, members: [], owners: [] }, { mailNickname: 'dyn', displayName: 'D', type: 'security', dynamic: 'x', members: [upn('anna')], owners: [] },
    { mailNickname: 'roles', displayName: 'R', type: 'security', isAssignableToRole: true, members: [], owners: [] }, { mailNickname: 'hidden', displayName: 'H', type: 'microsoft365', visibility: 'HiddenMembership', members: [upn('anna')], owners: [upn('boss')] },
    { id: 'twin1', mailNickname: 'twin', displayName: 'A', type: 'security', members: [], owners: [] }, { id: 'twin2', mailNickname: 'TWIN', displayName: 'B', type: 'security', members: [], owners: [] },
  ];
  const seed = seedOf({
    Anna: { userPrincipalName: 'Anna@Bench.Example', manager: upn('boss'), licences: [{ sku: 'SPB', disabledPlans: ['SWAY'] }], inherited: ['SPB', 'EXCHANGESTANDARD'], failed: ['O365_BUSINESS_PREMIUM'] }, boss: {},
    bare: { usageLocation: null, accountEnabled: null, businessPhones: [] }, synced: { synced: true }, guest: { userPrincipalName: `kim_partner.example#EXT#@bench.example`, userType: 'Guest' },
  }, { groups: groups.map((each) => ({ ...each, members: each.members.map((name) => (name === upn('anna') ? 'Anna@Bench.Example' : name)) })), others: [{ name: 'printer', type: 'device' }, { name: 'contact', type: 'orgContact' }, { name: 'app', type: 'servicePrincipal' }] });

  test('names are folded, people in groups are people, licences are the direct ones that work', () => withM365(seed, async (bench) => {
    const live = await bench.read();
    const spec = (kind: string, name: string): JsonObject => liveOf(live, kind, name)?.spec ?? {};
    expect(spec('user', upn('anna'))).toMatchObject({ userPrincipalName: upn('anna'), manager: upn('boss'), licences: [{ sku: 'SPB', disabledPlans: ['SWAY'] }] });
    expect([spec('group', 'team')['members'], spec('group', 'team')['owners']]).toEqual([[upn('anna')], [upn('boss')]]);
    expect(Object.keys(spec('user', upn('bare')))).not.toEqual(expect.arrayContaining(['usageLocation']));
    expect(liveOf(live, 'user', 'kim_partner.example#ext#@bench.example')?.spec['userPrincipalName']).toBe('kim_partner.example#ext#@bench.example');
    expect(bench.running.unknown).toEqual([]);
  }));

  const readOnly = (live: Live | undefined): boolean => live?.readOnly !== undefined;
  test.each([
    { name: 'list', whole: true, fields: [] }, { name: 'mailsec', whole: true, fields: [] }, { name: 'onprem', whole: true, fields: [] }, { name: 'roles', whole: true, fields: [] }, { name: 'dyn', whole: false, fields: ['members'] },
    { name: 'hidden', whole: false, fields: ['members', 'visibility'] }, { name: 'team', whole: false, fields: [] }, { name: 'sec', whole: false, fields: [] },
  ])('$name: what of it is read-only', ({ name, whole, fields }) => withM365(seed, async (bench) => {
    const found = liveOf(await bench.read(), 'group', name);
    expect([readOnly(found), Object.keys(found?.readOnlyFields ?? {}).sort()]).toEqual([whole, fields]);
  }));

  test('a read-only group is told and not touched', () => withM365(seed, async (bench) => {
    const plan = await bench.engine.plan(['list', 'mailsec', 'onprem', 'roles'].map((name) => group(name, { displayName: 'other', type: 'security' })));
    expect([changesOf(plan), plan.problems.filter(({ code }) => code === 'plan.read-only').length]).toEqual([[], 4]);
  }));

  test('members of a dynamic and of a hidden group are not compared', () => withM365(seed, async (bench) => {
    const plan = await bench.engine.plan([group('dyn', { members: [] }), group('hidden', { type: 'microsoft365', members: [upn('boss')], visibility: 'private' })]);
    expect([changesOf(plan), plan.problems.map(({ code }) => code)]).toEqual([[], ['plan.read-only-field', 'plan.read-only-field', 'plan.read-only-field']]);
  }));

  test('two groups of one nickname: nobody knows which is meant; two of one display name are two groups', () => withM365(seed, async (bench) => {
    const plan = await bench.engine.plan([group('twin', { displayName: 'C' }), group('team', { type: 'microsoft365', displayName: 'Neu' })]);
    expect([changesOf(plan), plan.problems.map(({ code }) => code)]).toEqual([['update team'], ['plan.read-only']]);
  }));

  test('of a synced user only country and licences can be changed; it is neither deleted nor renamed', () => withM365(seed, async (bench) => {
    const wanted = user('synced', { jobTitle: 'x', usageLocation: 'AT', licences: [{ sku: 'EXCHANGESTANDARD' }] });
    const plan = await bench.engine.plan([wanted]);
    expect([errorsOf(plan), plan.problems.map(({ code }) => code)]).toEqual([[], ['plan.read-only-field']]);
    expect((await bench.engine.apply(plan)).map(({ verdict }) => verdict)).toEqual(['converged']);
    const gone = await bench.engine.plan([]);
    expect([changesOf(gone), gone.problems.map(({ code }) => code)]).toEqual([[], ['plan.read-only']]);
    const renamed = await bench.engine.plan([{ ...user('other', { usageLocation: 'AT' }), was: upn('synced') }]);
    expect([changesOf(renamed), renamed.problems.map(({ code }) => code)]).toEqual([[], ['plan.read-only']]);
  }));

  test('another tenant is another identity', () => withM365(seed, async (bench) => {
    await bench.running.faults.changeIdentity?.();
    expect(await failureOf(bench)).toBe('identity');
  }));
});

test('nothing is asked or waited for once the session is closed', () => withM365(seedOf({}), async (bench) => {
  bench.running.tenantFaults.intercept(({ url }) => (url.startsWith('/v1.0/groups') ? 'reset' : isUsers(url) ? { status: 200, body: '<html>' } : undefined));
  const session = await bench.open();
  await session.identify();
  expect(await session.read(['user', 'group']).then(() => 'read', codeOf)).toBe('protocol');
  await session.close();
  const [asked, waits] = [bench.running.asked().length, bench.slept.length];
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([bench.running.asked().length, bench.slept.length]).toEqual([asked, waits]);
}));

test('a tenant of 1,000 users and 200 groups: close to the fewest requests', () => {
  const users = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`u${String(index)}`, {}]));
  const groups = Array.from({ length: 200 }, (_, index) => ({ mailNickname: `g${String(index)}`, displayName: 'g', type: 'security', members: [upn(`u${String(index)}`)], owners: [upn('u0')] }));
  return withM365(seedOf(users, { groups }), async (bench) => {
    expect((await bench.read()).length).toBe(1201);
    const graph = bench.running.asked().filter(({ host }) => host === 'graph.microsoft.com').length;
    // organization, two pages of users, one of groups, one batch of the small lists, 400 lists of members and owners twenty at a time.
    expect(graph).toBe(1 + 2 + 1 + 1 + 20);
    expect(bench.running.asked().length - graph).toBeLessThanOrEqual(3);
  });
});
