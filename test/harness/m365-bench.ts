/** A tenant with a seed of the test's own, the provider with a clock that does not wait, and the engine over both. */
import { parseAddress, type Clock, type JsonObject, type Live, type Provider, type ReadContext, type ReadSession, type WriteContext } from '#contract';
import type { Plan, TargetResult } from '#core/model';
import type { ConformanceResource } from '#testkit/simulator';
import { readContextFor } from '#testkit/test-context';
import { systemClock } from '#transport/system-clock';
import { provider } from '../../providers/m365/index.ts';
import { simulator, type Asked, type RunningTenant } from '../../providers/m365/simulator.ts';
import { customer, makeEngine, type Engine } from './engine.ts';

export const domain = 'bench.example';
export const upn = (name: string): string => `${name}@${domain}`;
export const user = (name: string, spec: JsonObject = {}): ConformanceResource => ({ kind: 'user', name: upn(name), spec: { userPrincipalName: upn(name), ...spec } });
export const group = (name: string, spec: JsonObject = {}): ConformanceResource => ({ kind: 'group', name, spec: { mailNickname: name, type: 'security', ...spec } });

/** Users by name with properties; an administrator is always there. */
export function seedOf(users: Readonly<Record<string, JsonObject>>, more: JsonObject = {}): JsonObject {
  return {
    domains: [domain], licences: { SPB: 3, O365_BUSINESS_PREMIUM: 2, EXCHANGESTANDARD: 5 }, groups: [],
    users: [{ userPrincipalName: upn('admin'), displayName: 'Admin', admin: true }, ...Object.entries(users).map(([name, properties]) => ({ userPrincipalName: upn(name), displayName: name, usageLocation: 'DE', ...properties }))],
    ...more,
  };
}

export interface M365Bench {
  readonly running: RunningTenant;
  readonly engine: Engine;
  /** Waits that the provider asked for, milliseconds. */
  readonly slept: readonly number[];
  /** The wall clock that the provider sees is so much ahead, milliseconds. */
  readonly time: { ahead: number };
  open(overrides?: Partial<ReadContext>): Promise<ReadSession>;
  read(overrides?: Partial<ReadContext>): Promise<readonly Live[]>;
  /** Plans and applies all of it. */
  converge(resources: readonly ConformanceResource[]): Promise<readonly TargetResult[]>;
  /** Requests of this method whose path ends so. */
  asked(method: string, path: RegExp): readonly Asked[];
  snapshotOf(kind: 'users' | 'groups', name: string): JsonObject | undefined;
}

export interface BenchOptions {
  readonly manages?: Readonly<Record<string, 'observe' | 'merge' | 'exclusive'>>;
  readonly settleMs?: number;
  readonly randomSeed?: number;
}

/** Sleeping costs no time, but counts. */
function quickClock(slept: number[], time: { readonly ahead: number }): Clock {
  let ahead = 0;
  return {
    now: () => systemClock.now() + time.ahead, monotonic: () => systemClock.monotonic() + ahead,
    sleep: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      ahead += milliseconds;
      slept.push(milliseconds);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

export async function withM365(seed: JsonObject, use: (bench: M365Bench) => Promise<void>, { manages = { user: 'merge', group: 'merge' }, settleMs = 2000, randomSeed = 1 }: BenchOptions = {}): Promise<void> {
  const running = await simulator.start({ customer, target: 'target', seed, randomSeed });
  const slept: number[] = [];
  const time = { ahead: 0 };
  const clock = quickClock(slept, time);
  const quick: Provider = {
    ...provider, capabilities: { ...provider.capabilities, settleMs },
    open: (target, context) => provider.open(target, { ...context, clock }), openForWrite: (target, context: WriteContext) => provider.openForWrite(target, { ...context, clock }),
  };
  const engine = makeEngine(quick, running, { ...simulator.conformance, target: { manages, settings: {} } });
  const open = (overrides: Partial<ReadContext> = {}): Promise<ReadSession> => quick.open(engine.target, readContextFor(running, customer, overrides));
  try {
    await use({
      running, engine, slept, time, open,
      async read(overrides) {
        const session = await open(overrides);
        try {
          await session.identify();
          return await session.read(Object.keys(manages));
        } finally {
          await session.close();
        }
      },
      converge: async (resources) => engine.apply(await engine.plan(resources)),
      asked: (method, path) => running.asked().filter((each) => each.host === 'graph.microsoft.com' && each.method === method && path.test(each.url.split('?')[0] ?? '')),
      snapshotOf: (kind, name) => (running.snapshot()[kind] as readonly JsonObject[]).find((each) => each[kind === 'users' ? 'userPrincipalName' : 'mailNickname'] === name && each['deleted'] === false),
    });
  } finally {
    await running.stop();
  }
}

export const errorsOf = (plan: Plan): readonly string[] => plan.problems.filter(({ severity }) => severity === 'error').map(({ code }) => code);
export const changesOf = (plan: Plan): readonly string[] => plan.targets.flatMap(({ batches }) => batches.flatMap(({ changes }) => changes.map(({ verb, address }) => `${verb} ${parseAddress(address).name}`)));
export const liveOf = (live: readonly Live[], kind: string, name: string): Live | undefined => live.find((each) => parseAddress(each.address).kind === kind && parseAddress(each.address).name === name);
