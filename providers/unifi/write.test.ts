/** What is sent, what is left when it goes wrong, and what is refused: against the stand-in. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAddress, ProviderError, SecretValue, type Batch, type Change, type ChangeOutcome, type JsonObject } from '#contract';
import type { Plan } from '#core/model';
import type { ConformanceResource, RunningSimulator } from '#testkit/simulator';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { customer, makeEngine, type Engine } from '../../test/harness/engine.ts';
import { provider } from './index.ts';
import { simulator } from './simulator.ts';

const { initial } = simulator.conformance;
const timeout = 300_000;

let running: RunningSimulator;
let engine: Engine;

beforeEach(async () => {
  running = await simulator.start({ customer, target: 'target' });
  engine = makeEngine(provider, running, simulator.conformance);
}, timeout);

afterEach(() => running.stop());

const named = (kind: string, name: string, spec: JsonObject): ConformanceResource => ({ kind, name, spec });
const replaced = (...resources: readonly ConformanceResource[]): readonly ConformanceResource[] => [...initial, ...resources];
const problems = (plan: Plan, severity = 'error'): readonly string[] => plan.problems.filter((each) => each.severity === severity).map(({ code }) => code);
/** Ids are made up anew; what matters is where they stand. */
const plainIds = (what: string): string => what.replace('/proxy/network', '').replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<uuid>').replaceAll(/[0-9a-f]{24}/g, '<oid>').replaceAll('/integration/v1/sites/<uuid>', '');

async function converge(resources: readonly ConformanceResource[]): Promise<readonly string[]> {
  const plan = await engine.plan(resources);
  expect(problems(plan)).toEqual([]);
  const before = running.writes().length;
  expect((await engine.apply(plan)).map(({ verdict, why }) => why ?? verdict)).toEqual(['converged']);
  return running.writes().slice(before).map(({ what }) => plainIds(what));
}

describe('requests', () => {
  it('are as few as the change is small, and an object goes back whole', async () => {
    await converge(initial);
    const port = await converge(replaced(named('switch-port', 'sw-eg/1', { mode: 'access', vlan: 10, description: 'Drucker', poe: true })));
    expect(port).toHaveLength(1);
    const [, url, body] = /^PUT (\S+) (.*)$/.exec(port[0] ?? '') ?? [];
    expect(url).toBe('/api/s/default/rest/device/<oid>');
    const { port_overrides: entries, ...rest } = JSON.parse(body ?? '{}') as { port_overrides: readonly JsonObject[] };
    expect(rest).toEqual({});
    expect(entries.map(({ port_idx: index, name }) => [index, name])).toEqual([[2, 'Alte Telefonanlage'], [3, 'Beamer'], [4, undefined], [1, 'Drucker'], [8, undefined]]);
    expect(entries[0]).toMatchObject({ stormctrl_bcast_rate: 100, something_new: { kept: ['as', 'it', 'is'] } });
  }, timeout);

  it('of a rule that moves are one request: its place', async () => {
    await converge(initial);
    const sent = await converge(replaced(named('firewall-policy', 'lan.wan', { from: 'lan', to: 'wan', default: 'accept', order: ['mail', 'printer'] })));
    expect(sent).toEqual(['PUT /firewall/policies/ordering {"orderedFirewallPolicyIds":{"beforeSystemDefined":["<uuid>","<uuid>","<uuid>"],"afterSystemDefined":[]}}']);
    const { order, policies } = running.snapshot() as unknown as { order: Record<string, { before: readonly string[] }>; policies: Record<string, { name: string }> };
    // What somebody else made was first, and still is.
    expect(Object.values(order).find(({ before }) => before.length === 3)?.before.map((id) => policies[id]?.name)).toEqual(['Kamera nachts sperren', 'mail', 'printer']);
  }, timeout);

  it('make a new rule act only when it has its place, and take it out before it goes', async () => {
    const few = initial.filter(({ name }) => name !== 'lan.wan.mail').map((each) => (each.name === 'lan.wan' ? named('firewall-policy', 'lan.wan', { from: 'lan', to: 'wan', default: 'accept', order: ['printer'] }) : each));
    await converge(few);
    const brief = (what: string): string => {
      const [, request = '', body = '{}'] = /^(\S+ \S+) ?(.*)$/.exec(what) ?? [];
      const { name, enabled } = (body === '' ? {} : JSON.parse(body)) as { name?: string; enabled?: boolean };
      return [request, ...(name === undefined ? [] : [name, String(enabled)])].join(' ');
    };
    expect((await converge(initial)).map(brief)).toEqual(['POST /firewall/policies mail false', 'PUT /firewall/policies/<uuid> mail true']);
    expect((await converge(few)).map(brief)).toEqual(['PUT /firewall/policies/<uuid> mail false', 'DELETE /firewall/policies/<uuid>']);
  }, timeout);

  it('keep a new network off every trunk with a list', async () => {
    await converge(initial);
    const carrying = async (): Promise<readonly string[]> => {
      const session = await provider.open(engine.target, readContextFor(running, customer));
      const live = await session.read(['switch-port']);
      await session.close();
      return live.filter(({ spec }) => Array.isArray(spec['tagged']) && (spec['tagged'] as readonly number[]).includes(30)).map(({ address }) => parseAddress(address).name);
    };
    const sent = await converge(replaced(named('vlan', 'voice', { id: 30 })));
    expect(sent.map((what) => what.split(' {')[0])).toEqual(['POST /networks', 'PUT /api/s/default/rest/device/<oid>', 'PUT /api/s/default/rest/device/<oid>']);
    expect(await carrying()).toEqual([]);
  }, timeout);
});

describe('a passphrase', () => {
  const wlan = (more: JsonObject): ConformanceResource => named('ssid', 'staff', { ssid: 'Büro', security: 'wpa2-wpa3-personal', passphrase: { $secret: 'wlan', version: 1 }, vlan: 10, ...more });

  it('goes back as the console shows it, and is revealed only where it is new', async () => {
    await converge(initial);
    const key = running.credentials.read;
    const revealed: string[] = [];
    const plan = await engine.plan(replaced(wlan({ hidden: true })));
    const [batch] = plan.targets[0]?.batches ?? [];
    await applyTo(batch, { reveal: (ref) => { revealed.push(ref.$secret); return Promise.resolve(new SecretValue(ref.$secret, running.credentials.write)); } });
    expect(revealed).toEqual(['target-write']);
    expect(running.writes().at(-1)?.what).toContain(`"passphrase":"${key}"`);
  }, timeout);

  it('that no key is shown keeps the WLAN from being written; and nothing of it is in what the console says', async () => {
    await converge(initial);
    const plan = await engine.plan(replaced(wlan({ hidden: true })));
    const [batch] = plan.targets[0]?.batches ?? [];
    expect(await applyTo(batch, { reveal: () => Promise.resolve(new SecretValue('target-write', running.credentials.read)) })).toMatchObject([{ status: 'rejected', why: expect.stringContaining('does not show the passphrase') as string }]);
    const anew = await engine.plan(replaced(wlan({ passphrase: { $secret: 'wlan', version: 2 } })));
    const short = await applyTo(anew.targets[0]?.batches[0], { reveal: ({ $secret: name }) => Promise.resolve(new SecretValue(name, name === 'wlan' ? 'kurz' : running.credentials.write)) });
    expect(short).toMatchObject([{ status: 'rejected', why: 'wlan is no passphrase' }]);
    running.faults.rejectWrite?.(1);
    const refused = await applyTo(anew.targets[0]?.batches[0], { reveal: ({ $secret: name }) => Promise.resolve(new SecretValue(name, name === 'wlan' ? 'ganz neu 2026' : running.credentials.write)) });
    expect(refused).toMatchObject([{ status: 'rejected', why: 'the stand-in was told to refuse this"passphrase":"***"' }]);
    expect(JSON.stringify([engine.records, plan, anew, refused])).not.toContain(running.credentials.read);
  }, timeout);

  async function applyTo(batch: Batch | undefined, overrides: Parameters<typeof writeContextFor>[2]): Promise<readonly ChangeOutcome[]> {
    if (batch === undefined) throw new Error('nothing to apply');
    const outcomes: ChangeOutcome[] = [];
    const session = await provider.openForWrite(engine.target, writeContextFor(running, customer, overrides));
    await session.apply(batch, { before: () => Promise.resolve(), after: (_change: Change, outcome) => { outcomes.push(outcome); return Promise.resolve(); } });
    await session.close();
    return outcomes;
  }
});

describe('answers that get lost', () => {
  it.each(['loseAnswer', 'failAfterWrite'] as const)('of every first write (%s) leave nothing that the next run does not put right', async (fault) => {
    const plan = await engine.plan(initial);
    const results = await engine.apply(plan, { effect: (name) => { if (name === 'write') running.faults[fault]?.(); return Promise.resolve(); } });
    expect(results.map(({ verdict }) => verdict)).not.toContain('held');
    expect(results.flatMap(({ changes }) => changes).filter(({ outcome }) => outcome.status === 'unknown')).toEqual([]);
    running.faults.clear();
    await converge(initial);
    const { networks, lists, wlans } = running.snapshot() as unknown as Record<'networks' | 'lists' | 'wlans', Record<string, { name: string }>>;
    // Nothing was made twice.
    for (const objects of [networks, lists, wlans]) expect(new Set(Object.values(objects).map(({ name }) => name)).size).toBe(Object.keys(objects).length);
  }, timeout);
});

describe('the plan', () => {
  it('says that nothing takes a change back, and stops what nobody could see or hold', async () => {
    const first = await engine.plan(initial);
    expect(first.targets.map(({ guard, atomicity }) => [guard, atomicity])).toEqual([['unguarded', 'object']]);
    await converge(initial);
    const cases: readonly { readonly because: string; readonly resource: ConformanceResource; readonly code: string }[] = [
      { because: 'no such port', resource: named('switch-port', 'sw-eg/77', { mode: 'access', vlan: 10 }), code: 'unifi.no-such-port' },
      { because: 'a port that gives no power', resource: named('switch-port', 'sw-eg/7', { mode: 'access', vlan: 10, poe: true }), code: 'unifi.no-power' },
      { because: 'another default than the system has', resource: named('firewall-policy', 'lan.wan', { from: 'lan', to: 'wan', default: 'drop', order: ['printer', 'mail'] }), code: 'unifi.default' },
      { because: 'a list that changes its family', resource: named('address-group', 'servers', { members: ['2001:db8::5'] }), code: 'unifi.group-family' },
    ];
    for (const { because, resource, code } of cases) expect({ because, codes: problems(await engine.plan(replaced(resource))) }).toEqual({ because, codes: [code] });
  }, timeout);

  it('knows a port that a profile or the system decides about, and leaves it', async () => {
    const plan = await engine.plan(replaced(named('switch-port', 'sw-eg/3', { mode: 'access', vlan: 10 })));
    expect(plan.problems.filter(({ code }) => code === 'plan.read-only').map(({ message }) => message)).toEqual([expect.stringContaining('its port profile "Kameras" decides about it')]);
  }, timeout);

  it('holds for the switch that it saw, not for another one that got its name', async () => {
    await converge(initial);
    const plan = await engine.plan(replaced(named('switch-port', 'sw-eg/1', { mode: 'access', vlan: 40, description: 'Empfang', poe: true })));
    const [batch] = plan.targets[0]?.batches ?? [];
    const [change] = batch?.changes ?? [];
    if (batch === undefined || change === undefined) throw new Error('nothing to apply');
    const found = async (handle: Change['handle']): Promise<unknown> => {
      let seen: unknown;
      const session = await provider.openForWrite(engine.target, writeContextFor(running, customer));
      await session.apply({ ...batch, changes: [{ ...change, ...(handle === undefined ? {} : { handle }) }] }, { before: (_change, now) => { seen = now; return Promise.reject(new ProviderError('conflict', 'only looked')); }, after: () => Promise.resolve() }).catch(() => undefined);
      await session.close();
      return seen;
    };
    expect(await found(change.handle)).toMatchObject({ spec: { vlan: 10 } });
    expect(await found({ ...(change.handle as JsonObject), mac: '94:2a:6f:00:00:99' })).toBeUndefined();
  }, timeout);

  it('of what is adopted is empty: networks, WLANs, ports and lists that somebody made', async () => {
    const session = await provider.open(engine.target, readContextFor(running, customer));
    const live = await session.read(['vlan', 'ssid', 'switch-port', 'address-group']);
    await session.close();
    const made = live.filter(({ origin, readOnly }) => origin !== 'system' && readOnly === undefined);
    const plan = await engine.plan(made.map(({ address, spec }) => ({ ...parseAddress(address), spec: spec['security'] === 'wpa2-personal' ? { ...spec, passphrase: { $secret: 'messe', version: 1 } } : spec })));
    expect(made.length).toBeGreaterThanOrEqual(4);
    expect(plan.summary).toMatchObject({ create: 0, update: 0, delete: 0, adopt: made.length });
  }, timeout);
});

describe('whoever answers otherwise', () => {
  it('is no console: its own page, another site, a version of before', async () => {
    const read = async (settings: JsonObject): Promise<unknown> => provider.open({ ...engine.target, settings }, readContextFor(running, customer)).then(async (session) => session.identify().finally(() => session.close())).catch((error: unknown) => error);
    expect(await read({ site: 'branch' })).toMatchObject({ code: 'unsupported', hint: expect.stringContaining('default') as string });
    expect(await read({ site: 'Default' })).toMatchObject({ product: 'UniFi Network', version: '10.5.66' });
    const page = readContextFor(running, customer);
    const answering = (status: number, body: string, type: string) => ({ ...page, httpClient: () => ({ requestCount: 0, close: () => Promise.resolve(), request: () => Promise.resolve({ status, headers: { 'content-type': type, location: 'https://elsewhere.example/' }, body }) }) });
    const identify = async (context: typeof page): Promise<unknown> => (await provider.open(engine.target, context)).identify().catch((error: unknown) => error);
    expect(await identify(answering(200, '<!doctype html>', 'text/html'))).toMatchObject({ code: 'protocol' });
    expect(await identify(answering(302, '', 'text/html'))).toMatchObject({ code: 'protocol' });
    expect(await identify(answering(200, '{"applicationVersion":"9.5.21"}', 'application/json'))).toMatchObject({ code: 'unsupported' });
    expect(await identify(answering(200, '{"applicationVersion":', 'application/json'))).toBeInstanceOf(ProviderError);
  }, timeout);
});
