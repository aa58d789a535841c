/** The engine over one stand-in, without Git: what the conformance suite and property tests drive. The record is kept in memory, in the real form. */
import { randomBytes } from 'node:crypto';
import { ProviderError, SecretValue, toAddress, type Address, type Change, type Desired, type Provider, type Target } from '#contract';
import type { AuditRecord, IntentTarget, OpenBody, RecordBody, RunLock } from '#core/audit-record';
import { emptyLedger } from '#core/load-ledger';
import type { DesiredState, Ledger, Plan, TargetResult } from '#core/model';
import { kinds } from '#kinds/registry';
import type { ConformanceMaterial, ConformanceResource, RunningSimulator } from '#testkit/simulator';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { systemClock } from '#transport/system-clock';
import { executeRun } from '../../src/apply/execute-run.ts';
import { recoverRun } from '../../src/apply/recover-run.ts';
import type { ExecuteInput } from '../../src/apply/run-parts.ts';
import { foldRecord } from '../../src/audit/fold-ledger.ts';
import { readTarget } from '../../src/live/read-target.ts';
import { planState } from '../../src/plan-state.ts';

export const customer = 'conformance';
export const targetName = 'target';

/** A resource as conformance material writes it, with the name it had before. */
export interface EngineResource extends ConformanceResource {
  readonly was?: string;
}

export interface Engine {
  readonly target: Target;
  readonly ledger: Ledger;
  readonly records: readonly AuditRecord[];
  state(resources: readonly EngineResource[]): DesiredState;
  /** `keep`: protected addresses as in customer.yaml. */
  plan(resources: readonly EngineResource[], keep?: readonly string[]): Promise<Plan>;
  /** All leaves, or those of these addresses. `effect` may throw to break the run. */
  apply(plan: Plan, options?: { readonly only?: (address: Address) => boolean; readonly effect?: (name: string) => Promise<void>; readonly window?: Pick<ExecuteInput, 'clock' | 'closes'> }): Promise<readonly TargetResult[]>;
  /** `apply` broke off and left its run open. */
  readonly unfinished: boolean;
  /** Recovers the run that `apply` left open. `effect` may throw to break the recovery as well. */
  recover(options?: { readonly effect?: (name: string) => Promise<void> }): Promise<readonly TargetResult[]>;
  /** Somebody else writes, past the engine and its ledger. */
  byHand(change: Change): Promise<void>;
}

export function makeEngine(provider: Provider, running: RunningSimulator, material: ConformanceMaterial, mode?: 'observe' | 'merge' | 'exclusive', guardSeconds = 20): Engine {
  const target: Target = {
    customer, name: targetName, provider: provider.name, address: running.address ?? `${running.host}:${String(running.port)}`, identity: running.identity,
    credentials: { read: { $secret: 'target-read' }, write: { $secret: 'target-write' } },
    manages: mode === undefined ? material.target.manages : Object.fromEntries(Object.keys(material.target.manages).map((kind) => [kind, mode])),
    settings: { ...material.target.settings, ...running.settings }, lab: { host: running.host, port: running.port, ...(running.ca === undefined ? {} : { ca: running.ca }) },
  };
  let ledger = emptyLedger(customer);
  const records: AuditRecord[] = [];
  let current: RunLock | undefined;
  const providers = new Map([[provider.name, provider]]);

  const state = (resources: readonly EngineResource[], keep: readonly string[] = []): DesiredState => {
    const unique = new Map(resources.map((resource) => [`${resource.kind} ${resource.name}`, resource]));
    const desired = [...unique.values()].map(({ kind: kindName, name, spec, was }): Desired => {
      const kind = kinds.get(kindName);
      if (kind === undefined) throw new Error(`unknown kind ${kindName}`);
      const canonical = kind.canonical(spec);
      return { address: toAddress({ customer, target: targetName, kind: kindName, name }), spec: canonical, dependsOn: kind.references(canonical).map((reference) => toAddress({ customer, target: targetName, kind: reference.kind, name: reference.name })), source: { file: 'conformance.yaml', line: 1, column: 1 }, ...(was === undefined ? {} : { was: toAddress({ customer, target: targetName, kind: kindName, name: was }) }) };
    });
    return {
      customer: { name: customer, displayName: customer, protected: keep, limits: { deletes: 1000, deleteShare: 1 }, handover: [], document: {} },
      targets: [{ target, source: { file: 'targets.yaml', line: 1, column: 1 } }], resources: desired.sort((a, b) => (a.address < b.address ? -1 : 1)),
      written: { [targetName]: Object.keys(material.target.manages) },
    };
  };

  const openLock = (plan: Plan, targets: readonly IntentTarget[]): RunLock => {
    const run = `run-${String(records.length)}`;
    const append = (body: RecordBody): Promise<AuditRecord> => {
      const record: AuditRecord = { version: 1, seq: records.length + 1, previous: '', customer, run, at: '2026-01-01T00:00:00Z', ...body };
      records.push(record);
      const open = records.find((each): each is AuditRecord & OpenBody => each.run === run && each.type === 'open');
      ledger = foldRecord(ledger, record, open);
      return Promise.resolve(record);
    };
    const body: OpenBody = {
      type: 'open', commit: plan.commit, author: 'a', subject: 's', tool: 't', digest: plan.digest, leaves: plan.leaves.map(({ digest }) => digest), approvals: [], operator: 'o',
      holder: { host: 'h', boot: 'b', namespace: 'n', pid: 1, nonce: 'x' }, leaseSeconds: 120, guardToken: randomBytes(16).toString('hex'), targets, protected: [], stale: [],
    };
    append(body).catch(() => undefined);
    const open = records.at(-1) as AuditRecord & OpenBody;
    return { run, open, fence: open.seq, append, assertLease: () => undefined, renew: () => Promise.resolve() };
  };

  const parts = (lock: RunLock, effect: (name: string) => Promise<void>): Omit<ExecuteInput, 'plan' | 'apply'> => ({
    customer, lock, kinds, targets: new Map([[targetName, target]]), capabilities: new Map([[provider.name, provider.capabilities]]),
    read: async (each) => {
      const { reading, session } = await readTarget({ target: each, kinds, open: () => provider.open(each, readContextFor(running, customer)) });
      await session?.close().catch(() => undefined);
      return reading;
    },
    openWrite: (each, write) => provider.openForWrite(each, writeContextFor(running, customer, write)),
    journal: { append: () => Promise.resolve() }, encrypt: (text) => Promise.resolve({ recipients: [], ciphertext: Buffer.from(text).toString('hex') }),
    revealGenerated: (name, value) => new SecretValue(name, value), randomBytes: (size) => randomBytes(size), clock: systemClock, stop: new AbortController().signal,
    progress: () => undefined, effect, guardSeconds, concurrency: 4,
  });

  return {
    target, records, state,
    get ledger() { return ledger; },
    get unfinished() { return current !== undefined; },
    plan: (resources, keep) => planState({ state: state(resources, keep), ledger, targets: [], commit: 'c0ffee', kinds, providers, openRead: (each) => provider.open(each, readContextFor(running, customer)), allowDeletes: 1000, progress: () => undefined }),
    async apply(plan, { only, effect = () => Promise.resolve(), window = { clock: systemClock } } = {}) {
      const leaves = plan.leaves.filter(({ addresses }) => only === undefined || addresses.some(only));
      const approved = new Set(leaves.map(({ digest }) => digest));
      const intents = plan.targets.map((each): IntentTarget => ({
        target: each.target, provider: each.provider, guarded: each.guard === 'guarded',
        changes: [...each.batches.flatMap((batch) => batch.changes), ...each.ledgerOnly].flatMap(({ handle: _handle, restore: _restore, ...change }) => {
          const leaf = leaves.find(({ addresses }) => addresses.includes(change.address));
          return leaf === undefined ? [] : [{ ...change, leaf: leaf.digest, schemaVersion: kinds.get(decodeURIComponent(change.address.split('/')[2] ?? ''))?.schemaVersion ?? 0 }];
        }),
      })).filter(({ changes }) => changes.length > 0);
      const lock = openLock(plan, intents);
      current = lock;
      const results = await executeRun({ ...parts(lock, effect), ...window, plan, apply: approved });
      await lock.append({ type: 'close', commit: plan.commit, targets: results.map(({ target: name, verdict, why }) => ({ target: name, verdict, ...(why === undefined ? {} : { why }) })), protected: [] });
      current = undefined;
      return results;
    },
    async recover({ effect = () => Promise.resolve() } = {}) {
      const lock = current;
      if (lock === undefined) throw new ProviderError('conflict', 'nothing to recover');
      const results = await recoverRun({ ...parts(lock, effect), unfinished: { open: lock.open, records: records.filter(({ run }) => run === lock.run) }, begun: undefined });
      await lock.append({ type: 'close', commit: lock.open.commit, targets: results.map(({ target: name, verdict, why }) => ({ target: name, verdict, ...(why === undefined ? {} : { why }) })), protected: [] });
      current = undefined;
      return results;
    },
    async byHand(change) {
      const session = await provider.openForWrite(target, writeContextFor(running, customer));
      try {
        await session.apply({ id: 'by-hand', target: targetName, phase: 'build', atomicity: 'object', changes: [change], result: [], after: [] }, { before: () => Promise.resolve(), after: () => Promise.resolve() });
      } finally {
        await session.close();
      }
    },
  };
}
