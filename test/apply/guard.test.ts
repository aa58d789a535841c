/** A whole configuration under a guard: the verdict is what a fresh read shows, whatever the guard says. */
import { describe, expect, it } from 'vitest';
import { ProviderError, toAddress, type Batch, type Capabilities, type Change, type GuardState, type Live, type Target, type WriteSession } from '#contract';
import type { AuditRecord, OpenBody, RecordBody } from '#core/audit-record';
import type { Reading } from '#core/model';
import { kinds } from '#kinds/registry';
import { commitConfiguration } from '../../src/apply/commit-configuration.ts';
import { recoverRun } from '../../src/apply/recover-run.ts';
import type { RunParts } from '../../src/apply/run-parts.ts';
import { fakeClock, holderAt } from '../harness/audit-bench.ts';

const address = toAddress({ customer: 'acme', target: 'fw', kind: 'address-group', name: 'office' });
const change: Change = { verb: 'update', address, reason: 'changed', before: { members: ['192.0.2.1'] }, after: { members: ['192.0.2.2'] } };
const batch: Batch = { id: 'fw/build', target: 'fw', phase: 'build', changes: [change], result: [], after: [], atomicity: 'confirmed' };
const secret = { $secret: 'x' };
const target: Target = { customer: 'acme', name: 'fw', provider: 'p', address: 'x', identity: ['ssh:x'], credentials: { read: secret, write: secret }, manages: { 'address-group': 'exclusive' }, settings: {} };
const states = { before: ['192.0.2.1'], after: ['192.0.2.2'], neither: ['203.0.113.9'] } as const;
type Shown = keyof typeof states | 'unreadable';
const live = (shown: keyof typeof states): Live => ({ address, spec: { members: [...states[shown]] }, handle: null, origin: 'ours' });

interface Device {
  shown: Shown;
  guard: GuardState;
  /** What recovering does to the device. */
  recover: () => GuardState;
  confirm?: () => void;
  saved: number;
  /** Tokens that it was asked for. */
  tokens?: string[];
}

function partsOf(device: Device, records: RecordBody[], capability: Partial<Capabilities['kinds'][string]> = {}, more: Partial<Capabilities> = {}): RunParts {
  const clock = fakeClock();
  const session: WriteSession = {
    identify: () => Promise.resolve({ pin: 'ssh:x', product: '', version: '' }), read: () => Promise.resolve([]), close: () => Promise.resolve(),
    apply: async (given, steps) => {
      for (const each of given.changes) await steps.before(each, live('before'));
      device.shown = device.shown === 'before' ? 'after' : device.shown;
      for (const each of given.changes) await steps.after(each, { status: 'done' });
    },
    guard: {
      arm: (token) => { device.tokens?.push(token); device.guard = 'armed'; return Promise.resolve(); },
      state: (token) => { device.tokens?.push(token); return Promise.resolve(device.guard); },
      confirm: () => { device.confirm?.(); device.guard = 'confirmed'; return Promise.resolve(); },
      recover: () => Promise.resolve((device.guard = device.recover())),
    },
    save: () => { device.saved += 1; return Promise.resolve(); },
  };
  const open = { type: 'open', run: 'r', guardToken: 'ab', targets: [{ target: 'fw', provider: 'p', guarded: true, changes: [{ ...change, leaf: 'l', schemaVersion: 1 }] }], holder: holderAt('x') } as unknown as AuditRecord & OpenBody;
  return {
    customer: 'acme', kinds, targets: new Map([['fw', target]]),
    capabilities: new Map([['p', { atomicity: 'confirmed', rollback: 'native', concurrency: 1, ...more, kinds: { 'address-group': { verbs: ['create', 'update', 'delete'], modes: ['exclusive'], createKey: 'unique', ...capability } } }]]),
    lock: { run: 'r', open, fence: 1, append: (body) => { records.push(body); return Promise.resolve({ ...body } as AuditRecord); }, assertLease: () => undefined, renew: () => Promise.resolve() },
    read: (): Promise<Reading> => Promise.resolve(device.shown === 'unreadable' ? { status: 'unreachable', target: 'fw', code: 'unreachable', why: 'no answer' } : { status: 'read', target: 'fw', identity: { pin: '', product: '', version: '' }, live: [live(device.shown)] }),
    openWrite: () => Promise.resolve(session), journal: { append: () => Promise.resolve() }, encrypt: () => Promise.reject(new Error('nothing to encrypt')), revealGenerated: () => { throw new Error('nothing'); },
    randomBytes: (size) => new Uint8Array(size), clock, stop: new AbortController().signal, progress: () => undefined, effect: () => Promise.resolve(), guardSeconds: 20, concurrency: 1,
  };
}

describe('commitConfiguration', () => {
  it.each<{ because: string; device: Partial<Device>; confirmFails?: boolean; outcome: string; end: 'held' | 'reverted' | 'none'; says?: RegExp }>([
    { because: 'seen, confirmed, saved', device: { shown: 'before' }, outcome: 'done', end: 'none' },
    { because: 'confirmation fails, the guard takes it back, and the state before is seen', device: { shown: 'before' }, confirmFails: true, outcome: 'rejected', end: 'reverted' },
    { because: 'the guard says it took it back, and the change is still there', device: { shown: 'before', recover: () => 'fired' }, confirmFails: true, outcome: 'unknown', end: 'held', says: /the guard says taken back, and a fresh read shows the change/ },
    { because: 'the guard was lost, and the change is still there', device: { shown: 'before', recover: () => 'absent' }, confirmFails: true, outcome: 'unknown', end: 'held', says: /not now; the guard is gone from the device, and a fresh read shows the change/ },
  ])('$because', async ({ device: given, confirmFails, outcome, end, says = /^$/ }) => {
    const device: Device = { shown: 'before', guard: 'absent', saved: 0, recover: () => 'fired', ...given };
    if (given.recover === undefined) device.recover = () => { device.shown = 'before'; return 'fired'; };
    if (confirmFails === true) device.confirm = () => { throw new ProviderError('conflict', 'not now'); };
    const result = await commitConfiguration(partsOf(device, []), target, batch);
    expect(result.outcomes.get(address)?.status).toBe(outcome);
    expect(result.held !== undefined ? 'held' : result.reverted !== undefined ? 'reverted' : 'none').toBe(end);
    expect(result.held ?? '').toMatch(says);
    expect(device.saved).toBe(end === 'none' ? 1 : 0);
  });

  it.each<{ because: string; after: Shown; guard: GuardState; end: 'held' | 'reverted' | 'none'; outcome: string }>([
    { because: 'the answer to the confirmation was lost, and the device says confirmed and shows the change', after: 'after', guard: 'confirmed', end: 'none', outcome: 'done' },
    { because: 'it says confirmed, and the change is not there', after: 'before', guard: 'confirmed', end: 'held', outcome: 'unknown' },
    { because: 'it fired, and what is there is neither', after: 'neither', guard: 'fired', end: 'held', outcome: 'unknown' },
    { because: 'it fired, and nobody can look', after: 'unreadable', guard: 'fired', end: 'held', outcome: 'unknown' },
    { because: 'it fired, and the state before is there', after: 'before', guard: 'fired', end: 'reverted', outcome: 'rejected' },
  ])('after a lost confirmation: $because', async ({ after, guard, end, outcome }) => {
    const device: Device = { shown: 'before', guard: 'absent', saved: 0, recover: () => guard };
    const parts = partsOf(device, []);
    const lost: RunParts = { ...parts, openWrite: async (...args) => {
      const session = await parts.openWrite(...args);
      const real = session.guard;
      if (real === undefined) return session;
      return { ...session, guard: { ...real, confirm: () => {
        device.guard = guard;
        device.shown = after;
        return Promise.reject(new ProviderError('unknown-outcome', 'cut off'));
      } } };
    } };
    const result = await commitConfiguration(lost, target, batch);
    expect(result.outcomes.get(address)?.status).toBe(outcome);
    expect(result.held !== undefined ? 'held' : result.reverted !== undefined ? 'reverted' : 'none').toBe(end);
  });
});

describe('what is reached through the target', () => {
  const ap: Target = { ...target, name: 'ap' };
  const dead: Target = { ...target, name: 'dead' };
  const withBehind = (device: Device, probe: (name: string) => string | undefined, more: Partial<RunParts> = {}): RunParts => {
    const parts = partsOf(device, []);
    return { ...parts, targets: new Map([...parts.targets, ['ap', ap], ['dead', dead]]), behind: new Map([['fw', ['ap', 'dead']]]), probe: ({ name }) => Promise.resolve(name === 'dead' ? 'off for weeks' : probe(name)), ...more };
  };
  const fresh = (more: Partial<Device> = {}): Device => {
    const device: Device = { shown: 'before', guard: 'absent', saved: 0, recover: () => { device.shown = 'before'; return 'fired'; }, ...more };
    return device;
  };

  it.each<{ because: string; answers: (asked: number) => string | undefined; end: 'none' | 'reverted' }>([
    { because: 'it answers afterwards too: confirmed, whoever was silent before', answers: () => undefined, end: 'none' },
    { because: 'it needs a while', answers: (asked) => (asked > 1 && asked < 4 ? 'no answer' : undefined), end: 'none' },
    { because: 'it is cut off: taken back, though the target itself looks well', answers: (asked) => (asked > 1 ? 'no answer' : undefined), end: 'reverted' },
  ])('$because', async ({ answers, end }) => {
    const device = fresh();
    let asked = 0;
    const result = await commitConfiguration(withBehind(device, () => answers((asked += 1))), target, batch);
    expect(result.reverted === undefined ? 'none' : 'reverted').toBe(end);
    expect(result.reverted ?? '').toBe(end === 'none' ? '' : 'it cuts off ap: no answer');
    expect(device.shown).toBe(end === 'none' ? 'after' : 'before');
  });

  it.each<{ because: string; behind: string | undefined; verdict: string }>([
    { because: 'all answer', behind: undefined, verdict: 'converged' },
    { because: 'one does not, and nobody knows whether it did', behind: 'no answer', verdict: 'reverted' },
  ])('recovery: $because', async ({ behind, verdict }) => {
    const device = fresh({ shown: 'after', guard: 'armed' });
    const parts = withBehind(device, () => behind, { behind: new Map([['fw', ['ap']]]) });
    const [result] = await recoverRun({ ...parts, begun: undefined, unfinished: { open: parts.lock.open, records: [] } });
    expect(result?.verdict).toBe(verdict);
  });
});

describe('recoverRun', () => {
  const recover = async (device: Device, options: { readonly begun?: ReadonlySet<typeof address>; readonly records?: readonly RecordBody[]; readonly verb?: 'create'; readonly key?: 'unique' | 'none'; readonly guarded?: boolean; readonly parts?: Partial<RunParts>; readonly settleMs?: number } = {}) => {
    const parts = { ...partsOf(device, [], { createKey: options.key ?? 'unique' }, options.settleMs === undefined ? {} : { settleMs: options.settleMs }), ...options.parts };
    const [intent] = parts.lock.open.targets;
    const changes = (intent?.changes ?? []).map((each) => (options.verb === 'create' ? { leaf: each.leaf, schemaVersion: 1, verb: 'create' as const, address: each.address, reason: 'new' as const, after: { members: ['192.0.2.2'] } } : each));
    const open = { ...parts.lock.open, targets: [{ target: 'fw', provider: 'p', guarded: options.guarded ?? true, changes }] };
    const [result] = await recoverRun({ ...parts, lock: { ...parts.lock, open }, begun: options.begun, unfinished: { open, records: (options.records ?? []).map((body) => body as AuditRecord) } });
    return { verdict: result?.verdict, outcome: result?.changes[0]?.outcome.status };
  };
  const unknown: RecordBody = { type: 'batch', target: 'fw', batch: 'fw/build', outcomes: [{ address, leaf: 'l', verb: 'update', outcome: { status: 'unknown', why: 'x' } }] };

  it.each<{ because: string; shown: Shown; guard: GuardState; verdict: string; saved: number }>([
    { because: 'armed and all there: confirmed and saved', shown: 'after', guard: 'armed', verdict: 'converged', saved: 1 },
    { because: 'armed and not there: taken back', shown: 'neither', guard: 'armed', verdict: 'reverted', saved: 0 },
    { because: 'confirmed, and the run died before it saved', shown: 'after', guard: 'confirmed', verdict: 'converged', saved: 1 },
    { because: 'fired, and the state before is there', shown: 'before', guard: 'fired', verdict: 'reverted', saved: 0 },
    { because: 'fired, and somebody has edited since: told as not made, not as reverted', shown: 'neither', guard: 'fired', verdict: 'partial', saved: 0 },
    { because: 'nobody can look', shown: 'unreadable', guard: 'fired', verdict: 'held', saved: 0 },
  ])('$because', async ({ shown, guard, verdict, saved }) => {
    const device: Device = { shown, guard, saved: 0, recover: () => { device.shown = 'before'; return 'fired'; } };
    expect((await recover(device)).verdict).toBe(verdict);
    expect(device.saved).toBe(saved);
  });

  it('the second commit of a run has a guard of its own, and recovery finds it by the records', async () => {
    const done: RecordBody = { type: 'batch', target: 'fw', batch: 'fw/build', outcomes: [{ address: toAddress({ customer: 'acme', target: 'fw', kind: 'address-group', name: 'first' }), leaf: 'x', verb: 'update', outcome: { status: 'done' } }] };
    const asked = async (act: (device: Device) => Promise<unknown>): Promise<string | undefined> => {
      const device: Device = { shown: 'before', guard: 'absent', saved: 0, recover: () => 'absent', tokens: [] };
      await act(device);
      return device.tokens?.[0];
    };
    const second = await asked((device) => commitConfiguration({ ...partsOf(device, []), commit: 1 }, target, batch));
    expect(second).toMatch(/^[0-9a-f]{2}$/);
    expect(await asked((device) => recover(device, { records: [done] }))).toBe(second);
    expect(await asked((device) => recover(device, { records: [unknown] }))).toBe('ab');
    expect(second).not.toBe('ab');
  });

  it('what an earlier look left unknown is looked at again', async () => {
    expect(await recover({ shown: 'after', guard: 'absent', saved: 0, recover: () => 'absent' }, { records: [unknown], guarded: false })).toEqual({ verdict: 'converged', outcome: 'done' });
  });

  it.each([
    { because: 'a create that is found by its name was not made', key: 'unique', begun: undefined, outcome: 'rejected' },
    { because: 'one that nothing finds again may still appear', key: 'none', begun: undefined, outcome: 'unknown' },
    { because: 'unless this clone knows that it never began', key: 'none', begun: new Set<typeof address>(), outcome: 'skipped' },
  ] as const)('$because', async ({ key, begun, outcome }) => {
    const device: Device = { shown: 'before', guard: 'absent', saved: 0, recover: () => 'absent' };
    const nothing = (): Promise<Reading> => Promise.resolve({ status: 'read', target: 'fw', identity: { pin: '', product: '', version: '' }, live: [] });
    expect((await recover(device, { verb: 'create', key, guarded: false, parts: { read: nothing }, ...(begun === undefined ? {} : { begun }) })).outcome).toBe(outcome);
  });

  it('a family that settles is given its time', async () => {
    let looks = 0;
    const settling = (): Promise<Reading> => Promise.resolve({ status: 'read', target: 'fw', identity: { pin: '', product: '', version: '' }, live: (looks += 1) < 4 ? [] : [live('after')] });
    expect((await recover({ shown: 'before', guard: 'absent', saved: 0, recover: () => 'absent' }, { verb: 'create', guarded: false, parts: { read: settling }, settleMs: 30_000 })).outcome).toBe('done');
  });
});
