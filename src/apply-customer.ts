/** One customer's run: lock, execute, record. What went wrong with the record itself is told apart from what went wrong on a device. */
import { randomBytes } from 'node:crypto';
import { isLedgerOnly, isProviderError, isWholeConfiguration, SecretValue, type Problem } from '#contract';
import type { AuditRecord, CloseBody, IntentTarget, OpenBody, RecordedOffline, RunLock, Unfinished } from '#core/audit-record';
import { compareText } from '#core/canonical';
import type { BackupEntry } from '#core/config-backup';
import { emptyLedger } from '#core/load-ledger';
import type { DesiredState, Ledger, Plan, RunResult, TargetResult } from '#core/model';
import { GitError } from '#git/run-git';
import { kinds } from '#kinds/registry';
import { executeRun } from './apply/execute-run.ts';
import { isStranger, recoverRun, type RecoverInput } from './apply/recover-run.ts';
import type { RunParts } from './apply/run-parts.ts';
import type { Granted } from './approvals.ts';
import { effectOf, openAuditOf, type AuditWhere } from './audit-of.ts';
import { openJournal, readJournal, removeJournal, type Journal } from './audit/journal.ts';
import { AuditLocked, lockHolder, newRunId, tellHolder, type Audit, type TakenOver } from './audit/open-audit.ts';
import { ownBranches } from './audit/read-ledgers.ts';
import { backUp } from './config-backup.ts';
import { noteKept } from './observed.ts';
import { readTarget } from './live/read-target.ts';
import { targetsBehind } from './plan/management-path.ts';
import type { Passed } from './rollout/hold-back.ts';
import { keepsRecords } from './proven-records.ts';
import { recoverRotation } from './rotation-run.ts';
import { encryptFor } from './secrets/encrypt-for.ts';
import { toolVersion } from './tool-version.ts';
import type { World } from './world.ts';
import type { ApplyOptions, ApplyRunResult } from './workspace.ts';

export type Refusal = ApplyRunResult['refused'][number];

export interface CustomerRun {
  readonly state: DesiredState;
  readonly plan: Plan;
  readonly approval: Granted | undefined;
  /** Why there is none. */
  readonly denied?: Refusal;
  readonly options: ApplyOptions;
  /** The audit branch as the plan knew it. */
  readonly head: string | undefined;
  /** Digests of the leaves that wait for nothing. */
  readonly allowed: ReadonlySet<string>;
  /** No other target is begun from then on, milliseconds. */
  readonly closes?: number;
  /** What would have held some of them back. */
  readonly passed?: readonly Passed[];
}

export interface CustomerResult {
  readonly plan: Plan;
  readonly runs: readonly RunResult[];
  readonly refused: readonly Refusal[];
  /** Another run was faster, and this one has not begun. */
  readonly lost?: true;
}

export async function applyCustomer(world: World, run: CustomerRun): Promise<CustomerResult> {
  const { plan, approval, denied, options } = run;
  const customer = plan.customer;
  const refuse = (code: Refusal['code'], why: string): CustomerResult => ({ plan, runs: [], refused: [{ customer, code, why }] });
  const stopped = blockedBy(plan.problems);
  if (approval === undefined) {
    if (stopped !== undefined) return refuse(stopped.gate === true ? 'gate' : 'invalid', stopped.message);
    // What waits anyway need not be approved yet.
    if (plan.leaves.length === 0 || run.allowed.size === 0) return { plan, runs: [], refused: [] };
    return denied === undefined ? refuse('not-approved', `nobody has approved ${plan.digest}`) : { plan, runs: [], refused: [denied] };
  }
  if (stopped !== undefined && approval.match.apply.size === 0) return refuse(stopped.gate === true ? 'gate' : 'invalid', stopped.message);
  const open = plan.targets.find((target) => target.guard === 'unguarded' && target.batches.length > 0 && plan.leaves.some((leaf) => leaf.target === target.target && !leaf.batch.endsWith('/ledger') && approval.match.apply.has(leaf.digest)));
  if (open !== undefined && !options.allowUnguarded) return refuse('gate', `${open.target} has no guard and could be cut off; if that is accepted: --allow-unguarded`);
  const stage = { begun: false };
  try {
    const result = await runApproved(world, run, approval, stage);
    const also = stopped === undefined ? [] : [{ customer, code: stopped.gate === true ? 'gate' as const : 'invalid' as const, why: stopped.message }];
    return { plan, runs: [result], refused: also };
  } catch (error) {
    return { plan, runs: [], refused: [refusalOf(customer, error)], ...(error instanceof AuditLocked && !stage.begun ? { lost: true } : {}) };
  }
}

function blockedBy(problems: readonly Problem[]): Problem | undefined {
  const errors = problems.filter(({ severity }) => severity === 'error');
  return errors.find(({ gate }) => gate === true) ?? errors[0];
}

/** Throws on what is a defect of ours. */
export function refusalOf(customer: string, error: unknown): Refusal {
  if (error instanceof AuditLocked) return { customer, code: 'locked', why: error.message, ...(error.holder === undefined ? {} : { holder: error.holder }) };
  if (error instanceof NotKept) return { customer, code: 'gate', why: error.message };
  if (error instanceof GitError) return { customer, code: 'record', why: error.hint === undefined ? error.message : `${error.message}; ${error.hint}` };
  // The local journal could not be written (disk full, read-only).
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && ['ENOSPC', 'EROFS', 'EACCES', 'EDQUOT', 'EIO'].includes(error.code)) return { customer, code: 'record', why: `the local journal cannot be written: ${error.message}` };
  throw error;
}

async function runApproved(world: World, { state, plan, options, head, closes, passed = [] }: CustomerRun, approval: Granted, stage: { begun: boolean }): Promise<RunResult> {
  const { ws, repo } = world;
  const customer = plan.customer;
  const audit = await openAuditOf(ws, repo, customer, { ...whereOf(world), operator: await repo.identity() });
  // Whoever ran in between has changed the ledger that this plan was made with.
  if (audit.head !== head) throw fasterThan(customer, audit);
  const stale = staleOf(audit, approval);
  const targets = intents(state, plan, approval);
  if (targets.length === 0) return { customer, run: '', digest: approval.digest, targets: [], stale, recorded: true };
  await keepConfigurations(world, state, targets.filter(({ changes }) => changes.some(({ verb }) => !isLedgerOnly(verb))).map(({ target }) => target), options);
  const run = newRunId(ws.clock);
  const journal = await openJournal(repo.gitDir, customer, run);
  try {
    const lock = await audit.begin(run, {
      commit: world.tree.commit, ...await repo.lastChange(world.tree.commit, pathsOf(state)), tool: toolVersion,
      digest: plan.digest, leaves: approval.leaves, approvals: approval.approvals,
      guardToken: randomBytes(16).toString('hex'), targets, protected: state.customer.protected,
      stale: stale.map(({ addresses, why }) => ({ addresses, why })),
      ...(approval.ruled === undefined ? {} : { policy: approval.ruled.policy }), ...(approval.ruled?.emergency === undefined ? {} : { emergency: approval.ruled.emergency }),
      ...ignoredIn(passed, approval.match.apply, options),
    });
    stage.begun = true;
    ws.progress({ type: 'run-opened', customer, run, fence: lock.fence });
    const results = await executeRun({ ...partsOf(world, state, lock, journal, options), plan, apply: approval.match.apply, ...(closes === undefined ? {} : { closes }) });
    const recorded = await close(world, customer, lock, { type: 'close', commit: lock.open.commit, targets: verdictsOf(results), protected: state.customer.protected });
    return { customer, run, digest: approval.digest, targets: results, stale, recorded };
  } finally {
    await journal.close().catch(() => undefined);
  }
}

/** What cannot be fetched, or not be stored, cannot be brought back: then nothing is changed, but in an emergency. */
async function keepConfigurations(world: World, state: DesiredState, targets: readonly string[], { emergency }: ApplyOptions): Promise<void> {
  const keep = (where: World): ReturnType<typeof backUp> => backUp(where, state, (target) => targets.includes(target), 'before a change');
  const inClone = async (error: unknown): ReturnType<typeof backUp> => {
    if (!(error instanceof GitError) || emergency === undefined) throw error;
    world.ws.log.warn(`configurations are kept in this clone only: ${error.message}`);
    return keep({ ...world, offline: emergency.reason });
  };
  const nowhere = (error: unknown): readonly BackupEntry[] => {
    if (!(error instanceof GitError) || emergency === undefined) throw error;
    world.ws.log.warn(`no configuration could be kept before the change: ${error.message}`);
    return [];
  };
  const entries = await keep(world).catch(inClone).catch(nowhere);
  if (emergency === undefined) for (const { message } of await noteKept(world, entries)) world.ws.log.warn(message);
  const failed = entries.find((entry) => entry.state === 'failed');
  if (failed === undefined) return;
  const why = `the configuration of ${failed.target} could not be kept before the change: ${failed.why ?? ''}`;
  if (emergency === undefined) throw new NotKept(why);
  world.ws.log.warn(why);
}

class NotKept extends Error {}

function whereOf({ auditPrefix, remote, offline }: World): AuditWhere {
  return { prefix: auditPrefix, remote, ...(offline === undefined ? {} : { offline }) };
}

function fasterThan(customer: string, { unfinished, records }: Audit): AuditLocked {
  if (unfinished !== undefined) return new AuditLocked(tellHolder(customer, lockHolder(unfinished)), lockHolder(unfinished));
  const last = records.findLast((record) => record.type === 'open');
  return new AuditLocked(`another run of ${customer} has been recorded since the plan was made${last?.type === 'open' ? ` (${last.run}, ${last.operator} on ${last.holder.host})` : ''}; plan again`);
}

/** What was in the way of that which is applied. */
function ignoredIn(passed: readonly Passed[], apply: ReadonlySet<string>, { ignore, emergency }: ApplyOptions): Pick<OpenBody, 'ignored'> {
  const held = passed.map(({ state, why, leaves }) => ({ state, why, leaves: leaves.filter((leaf) => apply.has(leaf)).length })).filter(({ leaves }) => leaves > 0);
  return held.length === 0 ? {} : { ignored: { reason: ignore?.reason ?? emergency?.reason ?? '', held } };
}

/** An approved leaf that was applied before under this approval is done, not stale. */
function staleOf(audit: Audit, { match }: Granted): RunResult['stale'] {
  const applied = new Set(audit.records.flatMap((record) => (record.type === 'batch' ? record.outcomes : [])).filter(({ outcome }) => outcome.status === 'done').map(({ leaf }) => leaf));
  const gone = match.stale.filter(({ leaf, why }) => !(applied.has(leaf) && why === 'no longer part of the plan'));
  return [...gone, ...match.unapproved.map(({ digest, addresses }) => ({ leaf: digest, addresses, why: 'new since the approval; not approved' }))];
}

/** Where it is written what a customer is to have: the last commit there is the who and why of the change log. */
function pathsOf({ customer: { name, document } }: DesiredState): readonly string[] {
  return [`customers/${name}`, ...Object.keys((document['standards'] ?? {}) as object).sort(compareText).map((standard) => `standards/${standard}.yaml`)];
}

function intents(state: DesiredState, plan: Plan, { match, ruled }: Granted): readonly IntentTarget[] {
  const leaves = plan.leaves.filter(({ digest }) => match.apply.has(digest));
  return plan.targets.flatMap((target): IntentTarget[] => {
    const own = leaves.filter((leaf) => leaf.target === target.target);
    const changes = own.flatMap((leaf) => leaf.addresses.flatMap((address) => {
      const source = leaf.batch.endsWith('/ledger') ? target.ledgerOnly : target.batches.filter(({ id }) => id === leaf.batch).flatMap((batch) => batch.changes);
      const change = source.find((each) => each.address === address);
      if (change === undefined) return [];
      const { verb, reason, before, after, was } = change;
      const kind = kinds.get(decodeURIComponent(address.split('/')[2] ?? ''));
      return [{ leaf: leaf.digest, verb, address, reason, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }), ...(was === undefined ? {} : { was }), schemaVersion: kind?.schemaVersion ?? 0, ...(ruled === undefined ? {} : { risk: ruled.risks.get(address) ?? 'low' }) }];
    }));
    const identity = state.targets.find((each) => each.target.name === target.target)?.target.identity ?? [];
    return changes.length === 0 ? [] : [{ target: target.target, provider: target.provider, identity: [...identity].sort(compareText), guarded: isWholeConfiguration(target.atomicity) && target.guard === 'guarded', changes }];
  });
}

function partsOf(world: World, state: DesiredState, lock: RunLock, journal: Pick<Journal, 'append'>, options: ApplyOptions): RunParts {
  const { ws } = world;
  // The first Ctrl-C asks to stop; what was begun must still be verified and recorded, so the sessions do not hear of it.
  const sessions = world.sessions(state.customer.name, new AbortController().signal);
  return {
    customer: state.customer.name, lock, journal, kinds,
    targets: new Map(state.targets.map(({ target }) => [target.name, target])),
    capabilities: world.capabilities,
    read: async (target) => {
      const { reading, session } = await readTarget({ target, kinds, open: () => sessions.openRead(target) });
      await session?.close().catch(() => undefined);
      return reading;
    },
    openWrite: (target, parts) => sessions.openWrite(target, parts),
    encrypt: async (text) => ({ recipients: state.customer.handover, ciphertext: await encryptFor(state.customer.handover, text) }),
    revealGenerated: (name, value) => {
      ws.redactor.add(value);
      return new SecretValue(name, value);
    },
    randomBytes: (size) => randomBytes(size),
    clock: ws.clock, stop: ws.signal, progress: ws.progress, effect: effectOf(ws),
    guardSeconds: options.guardSeconds, concurrency: options.concurrency,
    behind: targetsBehind(state.targets),
    probe: async (target) => {
      const session = await sessions.openRead(target).catch(whyNot);
      if (typeof session === 'string') return session;
      try {
        const identity = await session.identify().catch(whyNot);
        return typeof identity === 'string' ? identity : undefined;
      } finally {
        await session.close().catch(() => undefined);
      }
    },
  };
}

/** Throws on what is a defect of ours. */
function whyNot(error: unknown): string {
  if (isProviderError(error)) return error.message;
  throw error;
}

/** `false`: the devices are as told, but the record could not be made durable. */
async function close(world: World, customer: string, lock: RunLock, body: CloseBody): Promise<boolean> {
  const { ws, repo } = world;
  try {
    await effectOf(ws)('audit.close');
    await lock.append(body);
    await removeJournal(repo.gitDir, customer, lock.run);
    ws.progress({ type: 'run-closed', customer, run: lock.run, recorded: true });
    return true;
  } catch (error) {
    if (!(error instanceof GitError) && !(error instanceof AuditLocked)) throw error;
    ws.progress({ type: 'run-closed', customer, run: lock.run, recorded: false });
    return false;
  }
}

function verdictsOf(results: readonly TargetResult[]): CloseBody['targets'] {
  return results.map(({ target, verdict, why }) => ({ target, verdict, ...(why === undefined ? {} : { why }) }));
}

export interface Recovered {
  readonly ledger: Ledger;
  /** The audit branch that the ledger is of. */
  readonly head: string | undefined;
  readonly records: readonly AuditRecord[];
  readonly runs: readonly RunResult[];
  /** The remote was not asked. */
  readonly offline?: RecordedOffline;
  readonly refused?: Refusal;
}

/** Customers of whom this clone has audit branches of its own. With a remote that is next to never so: one look tells for all. */
export function keptHere({ ws, remote, offline, auditPrefix }: World): Promise<ReadonlySet<string>> {
  return remote === undefined || offline !== undefined ? Promise.resolve(new Set()) : ownBranches(ws.root, auditPrefix);
}

/**
 * Brings an unfinished run of this customer to its verdicts, whoever began it and wherever, and looks again at what an earlier run
 * left unknown. A damaged record refuses this customer and no other.
 */
export async function recoverCustomer(world: World, state: DesiredState, options: ApplyOptions, own: ReadonlySet<string>): Promise<Recovered> {
  const { ws, repo } = world;
  const customer = state.customer.name;
  // Who nobody knows may look; only what is recorded needs a name.
  const operator = await repo.identity().catch(() => undefined);
  const open = (): Promise<Audit> => openAuditOf(ws, repo, customer, { ...whereOf(world), operator: operator ?? '' });
  const runs: RunResult[] = [];
  let ledger = emptyLedger(customer);
  try {
    let audit = await open();
    ({ ledger } = audit);
    if (operator === undefined && (audit.unfinished !== undefined || audit.held.length > 0)) await repo.identity();
    for (const until = ws.clock.monotonic() + options.lockTimeoutMs; audit.unfinished !== undefined;) {
      const taken = await audit.takeOver(Math.max(0, until - ws.clock.monotonic()));
      // Otherwise it came to its end by itself.
      const ended = taken === undefined ? undefined : await recoverTaken(world, state, options, taken);
      if (ended !== undefined) runs.push(ended);
      audit = await open();
      ({ ledger } = audit);
      // What could not be recorded now will not be by trying again at once.
      if (runs.at(-1)?.recorded === false) break;
    }
    if (own.has(customer)) await nothingKept(world, customer);
    for (const { open: { run } } of audit.held) {
      const again = await lookAgain(world, state, options, audit, run);
      if (again === undefined) continue;
      runs.push(again);
      audit = await open();
      ({ ledger } = audit);
    }
    for (const rotation of operator === undefined ? [] : audit.rotations) {
      const again = await recoverRotation(world, state, audit, rotation, audit.reopen.bind(audit, rotation.open.run), false);
      if (again === undefined) continue;
      runs.push(again);
      audit = await open();
    }
    return { ledger, head: audit.head, records: audit.records, runs, ...(audit.offline === undefined ? {} : { offline: audit.offline }) };
  } catch (error) {
    return { ledger, head: undefined, records: [], runs, refused: refusalOf(customer, error) };
  }
}

/** What was applied while the remote was away is in no ledger there: a plan without it would take it back. */
async function nothingKept({ ws, auditPrefix, remote, offline }: World, customer: string): Promise<void> {
  if (remote === undefined || offline !== undefined || !(await keepsRecords(ws, customer, auditPrefix))) return;
  throw new GitError(`this clone keeps records of ${customer} that ${remote} does not have; first: soll audit push ${customer}`, 1);
}

function recoverTaken(world: World, state: DesiredState, options: ApplyOptions, { lock, audit, unfinished }: TakenOver): Promise<RunResult | undefined> {
  return unfinished.open.rotation === undefined ? recover(world, state, options, unfinished, lock) : recoverRotation(world, state, audit, unfinished, () => Promise.resolve(lock), true);
}

async function recover(world: World, state: DesiredState, options: ApplyOptions, unfinished: Unfinished, lock: RunLock): Promise<RunResult> {
  const customer = state.customer.name;
  const results = await recoverRun({ ...await recoveryParts(world, state, options, lock), unfinished });
  // What that run was made of: the commit and the protections of whoever recovers it may be older or newer.
  const recorded = await close(world, customer, lock, { type: 'close', commit: lock.open.commit, targets: verdictsOf(results), protected: lock.open.protected });
  return { customer, run: lock.run, digest: lock.open.digest, targets: results, stale: [], recorded };
}

async function recoveryParts(world: World, state: DesiredState, options: ApplyOptions, lock: RunLock): Promise<Omit<RecoverInput, 'unfinished'>> {
  const lines = await readJournal(world.repo.gitDir, state.customer.name, lock.run);
  const silent: Pick<Journal, 'append'> = { append: () => Promise.resolve() };
  return { ...partsOf(world, state, lock, silent, options), begun: lines === undefined ? undefined : new Set(lines.map(({ address }) => address)) };
}

/** A closed run that left targets held: once they can be read, its outcome is known. Nothing is recorded before they can. */
async function lookAgain(world: World, state: DesiredState, options: ApplyOptions, audit: Audit, run: string): Promise<RunResult | undefined> {
  const customer = state.customer.name;
  const held = audit.held.find(({ open }) => open.run === run);
  const sessions = world.sessions(customer);
  const readable: string[] = [];
  for (const [name, { run: by }] of Object.entries(audit.ledger.held)) {
    const target = state.targets.find(({ target: each }) => each.name === name)?.target;
    if (by !== run || target === undefined || isStranger(target, held?.open.targets.find((each) => each.target === name))) continue;
    const { reading, session } = await readTarget({ target, kinds, open: () => sessions.openRead(target) });
    await session?.close().catch(() => undefined);
    if (reading.status === 'read') readable.push(name);
  }
  if (held === undefined || readable.length === 0) return undefined;
  const lock = await audit.reopen(run);
  const results = await recoverRun({ ...await recoveryParts(world, state, options, lock), unfinished: { ...held, open: { ...held.open, targets: held.open.targets.filter(({ target }) => readable.includes(target)) } } });
  const before = held.records.findLast((record) => record.type === 'close');
  const kept = before?.type === 'close' ? before.targets.filter(({ target }) => !readable.includes(target)) : [];
  const recorded = await close(world, customer, lock, { type: 'close', commit: audit.ledger.commit, targets: [...kept, ...verdictsOf(results)], protected: audit.ledger.protected });
  return { customer, run, digest: lock.open.digest, targets: results, stale: [], recorded };
}
