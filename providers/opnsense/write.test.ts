/** What is sent, in which order, and what is left when it goes wrong: against the stand-in. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isProviderError, parseAddress, ProviderError, type Batch, type Target } from '#contract';
import type { Plan } from '#core/model';
import type { ConformanceResource, RunningSimulator } from '#testkit/simulator';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { customer, makeEngine, type Engine } from '../../test/harness/engine.ts';
import { provider } from './index.ts';
import { simulator } from './simulator.ts';

const { initial, steps } = simulator.conformance;
const timeout = 300_000;

let running: RunningSimulator;
let engine: Engine;

beforeEach(async () => {
  running = await simulator.start({ customer, target: 'target' });
  engine = makeEngine(provider, running, simulator.conformance);
}, timeout);

afterEach(() => running.stop());

const changed = (plan: Plan): readonly string[] => plan.targets.flatMap(({ batches }) => batches.flatMap(({ changes }) => changes.map(({ verb, address, reason }) => `${reason} ${verb} ${parseAddress(address).kind} ${parseAddress(address).name}`))).sort();
const errors = (plan: Plan): readonly string[] => plan.problems.filter(({ severity }) => severity === 'error').map(({ code, message }) => `${code}: ${message}`);

async function converge(resources: readonly ConformanceResource[]): Promise<readonly string[]> {
  const plan = await engine.plan(resources);
  expect(errors(plan)).toEqual([]);
  const before = running.writes().length;
  expect((await engine.apply(plan)).map(({ verdict, why }) => why ?? verdict)).toEqual(['converged']);
  expect(changed(await engine.plan(resources))).toEqual([]);
  return running.writes().slice(before).map(({ what }) => what.replace('/api/', '').replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>'));
}

/** Saved and in force must be the same once nobody writes. */
function inForce(): void {
  const { saved, running: now } = running.snapshot() as unknown as { saved: Record<string, unknown>; running: { filter: Record<string, unknown>; vlans: unknown } };
  expect(now.filter).toEqual({ rule: saved['rule'], dnat: saved['dnat'], snat: saved['snat'] });
  expect(now.vlans).toEqual(saved['vlan']);
}

const note = (what: string): string => `firewall/alias/set_item/<id> {"enabled":"1","name":"soll_run","type":"external","content":"","description":"[soll run ${what}"}`;

describe('requests', () => {
  it('are as few as the change is small: a rule of two parts that moves is two numbers', async () => {
    await converge(initial);
    expect(await converge(steps[0]?.resources ?? [])).toEqual([
      note('4] saving firewall-policy lan.wan; firewall-rule lan.wan.no-mail'),
      'firewall/filter/set_rule/<id> {"sequence":"333"}', 'firewall/filter/set_rule/<id> {"sequence":"366"}', 'firewall/filter/apply',
      note('4] done'),
    ]);
    inForce();
  }, timeout);

  it('register an interface group before a rule names it, and put everything into force once', async () => {
    const sent = await converge(initial);
    const first = (text: string): number => sent.findIndex((each) => each.startsWith(text));
    expect(first('firewall/group/reconfigure')).toBeGreaterThan(first('firewall/group/set_item'));
    expect(first('firewall/filter/set_rule')).toBeGreaterThan(first('firewall/group/reconfigure'));
    expect(sent.filter((each) => each === 'firewall/alias/reconfigure')).toHaveLength(1);
    inForce();
  }, timeout);
});

describe('what somebody changes by hand', () => {
  it('is told of exactly what it is about, and taken back', async () => {
    await converge(initial);
    const expected: Readonly<Record<string, readonly string[]>> = {
      'disable-rule': ['drift update firewall-rule lan.self.dns'], 'open-rule': ['drift update firewall-rule wan.self.admin'], 'accept-default': ['drift update firewall-policy lan.guest-net'], 'move-default': ['drift update firewall-policy lan.wan'],
      'delete-default': ['lan.guest-net', 'lan.self', 'lan.wan', 'wan.self'].map((pair) => `drift create firewall-policy ${pair}`), 'widen-group': ['drift update address-group admins'], 'narrow-service': ['drift update service web'],
      // What is on all interfaces of a zone does not follow by itself.
      'change-zone': ['drift update masquerade internet', 'drift update zone lan'], 'redirect-forward': ['drift update port-forward web'], 'rename-vlan': ['drift update vlan office'], 'copy-rule': [], 'open-rdp': [],
    };
    expect(Object.keys(running.edits).sort()).toEqual(Object.keys(expected).sort());
    for (const [edit, told] of Object.entries(expected)) {
      const { findings } = (await engine.plan(initial)).summary;
      await running.edits[edit]?.run();
      const plan = await engine.plan(initial);
      expect({ edit, told: changed(plan), findings: plan.summary.findings - findings }).toEqual({ edit, told, findings: told.length === 0 ? 1 : 0 });
      await engine.apply(plan);
    }
    expect(changed(await engine.plan(initial))).toEqual([]);
    inForce();
  }, timeout);
});

async function batchOf(resources: readonly ConformanceResource[]): Promise<{ readonly batch: Batch; readonly target: Target }> {
  const batch = (await engine.plan(resources)).targets[0]?.batches[0];
  if (batch === undefined) throw new Error('no batch');
  return { batch, target: engine.target };
}

describe('a run that breaks off', () => {
  it('between saving and putting into force is seen by the next one, which puts it right', async () => {
    await converge(initial);
    const next = steps[6]?.resources ?? [];
    const { batch, target } = await batchOf(next);
    const context = writeContextFor(running, customer, { fence: 3 });
    const session = await provider.openForWrite(target, { ...context, httpClient: (options) => {
      const client = context.httpClient(options);
      // The process ends when all is saved, before anything is in force.
      return { ...client, request: (request) => (/apply|reconfigure/.test(request.url) ? Promise.reject(new Error('killed')) : client.request(request)) };
    } });
    await expect(session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() })).rejects.toThrow('killed');
    await session.close();
    const plan = await engine.plan(next);
    const touched = (changes: readonly { readonly address: string }[]): readonly string[] => changes.map(({ address }) => address).sort();
    expect(touched(plan.targets[0]?.batches.flatMap(({ changes }) => changes) ?? [])).toEqual(expect.arrayContaining([...touched(batch.changes)]));
    await converge(next);
    inForce();
  }, timeout);

  it('is put right by the next run, whatever had been saved', async () => {
    await converge(initial);
    const next = steps[6]?.resources ?? [];
    const { batch, target } = await batchOf(next);
    let writes = 30;
    const session = await provider.openForWrite(target, writeContextFor(running, customer, { fence: 20, assertLease: () => { if ((writes -= 1) < 0) throw new Error('killed'); } }));
    await expect(session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() })).rejects.toThrow('killed');
    await session.close();
    const late = await provider.openForWrite(target, writeContextFor(running, customer, { fence: 7 }));
    await expect(late.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() })).rejects.toMatchObject({ code: 'conflict' });
    await late.close();
    const plan = await engine.plan(next);
    const context = writeContextFor(running, customer, { fence: 21 });
    const again = await provider.openForWrite(target, context);
    const rest = plan.targets[0]?.batches[0];
    if (rest === undefined) throw new Error('nothing to do');
    await again.apply(rest, { before: () => Promise.resolve(), after: () => Promise.resolve() });
    await again.close();
    expect(changed(await engine.plan(next))).toEqual([]);
    inForce();
  }, timeout);

  it.each([2, 5, 14, 25])('because write %i is refused takes everything back, and tells who was refused', async (nth) => {
    await converge(initial);
    const before = running.snapshot();
    const plan = await engine.plan(steps[6]?.resources ?? []);
    running.faults.rejectWrite?.(nth);
    const [result] = await engine.apply(plan);
    running.faults.clear();
    expect(result?.verdict).toBe('partial');
    expect(result?.changes.every(({ outcome }) => outcome.status === 'rejected')).toBe(true);
    expect(JSON.stringify(result)).toContain('The stand-in was told to refuse this.');
    expect(withoutNotes(running.snapshot())).toEqual(withoutNotes(before));
    inForce();
  }, timeout);

  it('because the change locks soll out is told as unknown, not as refused', async () => {
    await converge(initial);
    const { batch, target } = await batchOf(steps[0]?.resources ?? []);
    const context = writeContextFor(running, customer, { fence: 30 });
    let cut = false;
    const session = await provider.openForWrite(target, { ...context, clock: { ...context.clock, sleep: () => Promise.resolve() }, httpClient: (options) => {
      const client = context.httpClient(options);
      return { ...client, request: async (request) => {
        if (cut) throw new ProviderError('unreachable', 'no answer', { retryable: true });
        const answer = await client.request(request);
        if (!request.url.endsWith('/filter/apply')) return answer;
        cut = true;
        throw new ProviderError('unknown-outcome', 'no answer');
      } };
    } });
    await expect(session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() })).rejects.toMatchObject({ code: 'unknown-outcome' });
    await session.close();
    expect(cut).toBe(true);
  }, timeout);

  it('is none when many writes take longer than one lease: it is renewed in between', async () => {
    const { batch, target } = await batchOf(initial);
    const context = writeContextFor(running, customer, { fence: 30 });
    // As the engine does it: two minutes, renewed where it looks and half of it is gone. Every request takes six seconds.
    let now = 0;
    let end = 120_000;
    const late: number[] = [];
    const session = await provider.openForWrite(target, { ...context, clock: { ...context.clock, monotonic: () => now }, assertLease: (length) => { if (now + length >= end) late.push(now); }, httpClient: (options) => {
      const client = context.httpClient(options);
      return { ...client, request: (request) => { now += 6000; return client.request(request); } };
    } });
    await session.apply(batch, { before: () => { if (end - now < 60_000) end = now + 120_000; return Promise.resolve(); }, after: () => Promise.resolve() });
    await session.close();
    expect(now).toBeGreaterThan(240_000);
    expect(late).toEqual([]);
  }, timeout);

  it('a service that fails after it has written is asked again', async () => {
    running.faults.failAfterWrite?.();
    await converge(initial);
    inForce();
  }, timeout);
});

function withoutNotes(snapshot: unknown): unknown {
  return JSON.parse(JSON.stringify(snapshot).replaceAll(/\[soll run \d+\][^"]*/g, '[soll run]'));
}

describe('what others made', () => {
  it('an alias of addresses is taken over, used under its own name, changed and let go of', async () => {
    await running.stop();
    const id = '5e0f0000-0000-4000-8000-000000000042';
    running = await simulator.start({ customer, target: 'target', seed: { objects: { alias: { [id]: { name: 'servers', type: 'host', content: '192.168.1.20', description: 'Server' } } } } });
    engine = makeEngine(provider, running, simulator.conformance);
    const group = (...members: readonly string[]): ConformanceResource => ({ kind: 'address-group', name: 'servers', spec: { members } });
    const zone: ConformanceResource = { kind: 'zone', name: 'lan', spec: { interfaces: ['lan'] } };
    const policy: ConformanceResource = { kind: 'firewall-policy', name: 'lan.self', spec: { from: 'lan', to: 'self', default: 'accept', order: ['no'] } };
    const rule: ConformanceResource = { kind: 'firewall-rule', name: 'lan.self.no', spec: { from: 'lan', to: 'self', action: 'drop', sources: ['group:servers'] } };
    expect((await engine.plan([group('192.168.1.20')])).summary).toMatchObject({ adopt: 1, update: 0 });
    await converge([group('192.168.1.20'), zone, policy, rule]);
    const aliases = (): Record<string, Record<string, string>> => (running.snapshot() as unknown as { saved: { alias: Record<string, Record<string, string>> } }).saved.alias;
    expect(aliases()[id]).toMatchObject({ type: 'host', content: '192.168.1.20', description: 'Server' });
    await converge([group('192.168.1.20', '192.168.1.21'), zone, policy, rule]);
    expect(aliases()[id]).toMatchObject({ name: 'servers', type: 'network', content: '192.168.1.20\n192.168.1.21', description: '[soll group servers] Server' });
    await converge([zone, { ...policy, spec: { ...policy.spec, order: [] } }]);
    expect(aliases()[id]).toBeUndefined();
  }, timeout);

  it('interfaces and devices that are not there are told before anything is sent', async () => {
    const resources = [{ kind: 'zone', name: 'dmz', spec: { interfaces: ['opt9'] } }];
    expect(errors(await engine.plan(resources))).toEqual([expect.stringContaining('opnsense.unknown-interface')]);
    expect(running.writes()).toEqual([]);
  }, timeout);

  it('a floating rule that takes all traffic before ours is told', async () => {
    await running.stop();
    running = await simulator.start({ customer, target: 'target', seed: { objects: { rule: { '5e0f0000-0000-4000-8000-000000000043': { sequence: '1', interface: '', ipprotocol: 'inet46', description: 'Alles auf' } } } } });
    engine = makeEngine(provider, running, simulator.conformance);
    expect((await engine.plan(initial)).problems.filter(({ code }) => code === 'opnsense.shadowed').length).toBeGreaterThan(0);
  }, timeout);

  it('doctor tells rules of the older kind, and that nothing guards', async () => {
    const session = await provider.open(engine.target, readContextFor(running, customer));
    const told = (await session.diagnose?.(Object.keys(engine.target.manages)))?.map(({ code }) => code);
    await session.close();
    expect(told).toEqual(['opnsense.legacy-rules', 'opnsense.unguarded']);
  }, timeout);

  it('the configuration is handed out whole, and is the same until something is saved', async () => {
    const session = await provider.open(engine.target, readContextFor(running, customer));
    const first = await session.exportConfiguration?.();
    const again = await session.exportConfiguration?.();
    await converge(initial);
    const changed = await session.exportConfiguration?.();
    await session.close();
    expect(first?.text).toContain('Default allow LAN to any rule');
    expect([first?.comparable === again?.comparable, first?.comparable === changed?.comparable, first?.comparable?.includes('revision')]).toEqual([true, false, false]);
  }, timeout);

  it('a key for reading cannot write, whatever it is used for', async () => {
    const { batch, target } = await batchOf(initial);
    const session = await provider.openForWrite({ ...target, credentials: { ...target.credentials, write: target.credentials.read } }, writeContextFor(running, customer));
    const outcomes: string[] = [];
    await session.apply(batch, { before: () => Promise.resolve(), after: (_change, outcome) => { outcomes.push(outcome.status === 'rejected' ? outcome.code : outcome.status); return Promise.resolve(); } }).catch((error: unknown) => outcomes.push(isProviderError(error) ? error.code : String(error)));
    await session.close();
    expect(new Set(outcomes)).toEqual(new Set(['auth', 'taken-back']));
    expect(running.writes()).toEqual([]);
  }, timeout);
});
