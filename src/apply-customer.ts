/** One customer's run: lock, execute, record. What went wrong with the record itself is told apart from what went wrong on a device. */
import { randomBytes } from 'node:crypto';
import { isWholeConfiguration, SecretValue, type Problem } from '#contract';
import type { IntentTarget, RunLock } from '#core/audit-record';
import type { DesiredState, Ledger, Plan, RunResult, TargetResult } from '#core/model';
import { git, GitError } from '#git/run-git';
import { kinds } from '#kinds/registry';
import { executeRun } from './apply/execute-run.ts';
import { recoverRun } from './apply/recover-run.ts';
import type { RunParts } from './apply/run-parts.ts';
import type { Granted } from './approvals.ts';
import { effectOf, openAuditOf } from './audit-of.ts';
import { openJournal, readJournal, removeJournal, type Journal } from './audit/journal.ts';
import { AuditLocked, newRunId, type Audit } from './audit/open-audit.ts';
import { readTarget } from './live/read-target.ts';
import { encryptFor } from './secrets/encrypt-for.ts';
import { toolVersion } from './tool-version.ts';
import type { World } from './world.ts';
import type { ApplyOptions, ApplyRunResult } from './workspace.ts';

export type Refusal = ApplyRunResult['refused'][number];

export interface CustomerRun {
  readonly state: DesiredState;
  readonly plan: Plan;
  readonly approval: Granted | undefined;
  readonly options: ApplyOptions;
}

export interface CustomerResult {
  readonly plan: Plan;
  readonly runs: readonly RunResult[];
  readonly refused: readonly Refusal[];
}

export async function applyCustomer(world: World, run: CustomerRun): Promise<CustomerResult> {
  const { plan, approval, options } = run;
  const customer = plan.customer;
  const refuse = (code: Refusal['code'], why: string): CustomerResult => ({ plan, runs: [], refused: [{ customer, code, why }] });
  const stopped = blockedBy(plan.problems);
  if (approval === undefined) {
    if (stopped !== undefined) return refuse(stopped.gate === true ? 'gate' : 'invalid', stopped.message);
    return plan.leaves.length === 0 ? { plan, runs: [], refused: [] } : refuse('not-approved', `nobody has approved ${plan.digest}`);
  }
  if (stopped !== undefined && approval.match.apply.size === 0) return refuse(stopped.gate === true ? 'gate' : 'invalid', stopped.message);
  const open = plan.targets.find((target) => target.guard === 'unguarded' && target.batches.length > 0);
  if (open !== undefined && !options.allowUnguarded) return refuse('gate', `${open.target} has no guard and could be cut off; if that is accepted: --allow-unguarded`);
  try {
    const result = await runApproved(world, run, approval);
    const also = stopped === undefined ? [] : [{ customer, code: stopped.gate === true ? 'gate' as const : 'invalid' as const, why: stopped.message }];
    return { plan, runs: [result], refused: also };
  } catch (error) {
    return refuse(...refusalOf(error));
  }
}

function blockedBy(problems: readonly Problem[]): Problem | undefined {
  const errors = problems.filter(({ severity }) => severity === 'error');
  return errors.find(({ gate }) => gate === true) ?? errors[0];
}

/** Throws on what is a defect of ours. */
function refusalOf(error: unknown): [Refusal['code'], string] {
  if (error instanceof AuditLocked) return ['locked', error.message];
  if (error instanceof GitError) return ['record', error.message];
  // The local journal could not be written (disk full, read-only).
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && ['ENOSPC', 'EROFS', 'EACCES', 'EDQUOT', 'EIO'].includes(error.code)) return ['record', `the local journal cannot be written: ${error.message}`];
  throw error;
}

async function runApproved(world: World, { state, plan, options }: CustomerRun, approval: Granted): Promise<RunResult> {
  const { ws, repo } = world;
  const customer = plan.customer;
  const audit = await openAuditOf(ws, repo, customer, { prefix: world.auditPrefix, remote: world.remote, operator: await repo.identity() });
  const stale = staleOf(audit, approval);
  const targets = intents(plan, approval.match.apply);
  if (targets.length === 0) return { customer, run: '', digest: approval.approval.digest, targets: [], stale, recorded: true };
  const run = newRunId(ws.clock);
  const journal = await openJournal(repo.gitDir, customer, run);
  try {
    const lock = await audit.begin(run, {
      commit: world.tree.commit, author: await repo.author(world.tree.commit), subject: await subjectOf(world, state), tool: toolVersion,
      digest: plan.digest, leaves: approval.leaves.map(({ digest }) => digest), approvals: [approval.approval],
      guardToken: randomBytes(16).toString('hex'), targets, protected: state.customer.protected,
      stale: stale.map(({ addresses, why }) => ({ addresses, why })),
    });
    ws.progress({ type: 'run-opened', customer, run, fence: lock.fence });
    const results = await executeRun({ ...partsOf(world, state, lock, journal, options), plan, apply: approval.match.apply });
    const recorded = await close(world, state, lock, results);
    return { customer, run, digest: approval.approval.digest, targets: results, stale, recorded };
  } finally {
    await journal.close().catch(() => undefined);
  }
}

/** An approved leaf that was applied before under this approval is done, not stale. */
function staleOf(audit: Audit, { match }: Granted): RunResult['stale'] {
  const applied = new Set(audit.records.flatMap((record) => (record.type === 'batch' ? record.outcomes : [])).filter(({ outcome }) => outcome.status === 'done').map(({ leaf }) => leaf));
  const gone = match.stale.filter(({ leaf, why }) => !(applied.has(leaf) && why === 'no longer part of the plan'));
  return [...gone, ...match.unapproved.map(({ digest, addresses }) => ({ leaf: digest, addresses, why: 'new since the approval; not approved' }))];
}

/** Subject of the last commit that touched the customer's files: the why of the change log. */
async function subjectOf({ ws, tree }: World, state: DesiredState): Promise<string> {
  return git(ws.root, ['log', '-1', '--format=%s', tree.commit, '--', `customers/${state.customer.name}`]);
}

function intents(plan: Plan, apply: ReadonlySet<string>): readonly IntentTarget[] {
  const leaves = plan.leaves.filter(({ digest }) => apply.has(digest));
  return plan.targets.flatMap((target): IntentTarget[] => {
    const own = leaves.filter((leaf) => leaf.target === target.target);
    const changes = own.flatMap((leaf) => leaf.addresses.flatMap((address) => {
      const source = leaf.batch.endsWith('/ledger') ? target.ledgerOnly : target.batches.filter(({ id }) => id === leaf.batch).flatMap((batch) => batch.changes);
      const change = source.find((each) => each.address === address);
      if (change === undefined) return [];
      const { verb, reason, before, after, was } = change;
      const kind = kinds.get(decodeURIComponent(address.split('/')[2] ?? ''));
      return [{ leaf: leaf.digest, verb, address, reason, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }), ...(was === undefined ? {} : { was }), schemaVersion: kind?.schemaVersion ?? 0 }];
    }));
    return changes.length === 0 ? [] : [{ target: target.target, provider: target.provider, guarded: isWholeConfiguration(target.atomicity) && target.guard === 'guarded', changes }];
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
  };
}

/** `false`: the devices are as told, but the record could not be made durable. */
async function close(world: World, state: DesiredState, lock: RunLock, results: readonly TargetResult[]): Promise<boolean> {
  const { ws, repo } = world;
  const customer = state.customer.name;
  try {
    await effectOf(ws)('audit.close');
    await lock.append({ type: 'close', commit: world.tree.commit, targets: results.map(({ target, verdict, why }) => ({ target, verdict, ...(why === undefined ? {} : { why }) })), protected: state.customer.protected });
    await removeJournal(repo.gitDir, customer, lock.run);
    ws.progress({ type: 'run-closed', customer, run: lock.run, recorded: true });
    return true;
  } catch (error) {
    if (!(error instanceof GitError) && !(error instanceof AuditLocked)) throw error;
    ws.progress({ type: 'run-closed', customer, run: lock.run, recorded: false });
    return false;
  }
}

export interface Recovered {
  readonly ledger: Ledger;
  readonly runs: readonly RunResult[];
  readonly refused?: Refusal;
}

/** Brings an unfinished run of this customer to its verdicts, whoever began it and wherever. */
export async function recoverCustomer(world: World, state: DesiredState, options: ApplyOptions): Promise<Recovered> {
  const { ws, repo } = world;
  const customer = state.customer.name;
  const where = { prefix: world.auditPrefix, remote: world.remote };
  const audit = await openAuditOf(ws, repo, customer, where);
  if (audit.unfinished === undefined) return { ledger: audit.ledger, runs: [] };
  try {
    const owned = await openAuditOf(ws, repo, customer, { ...where, operator: await repo.identity() });
    const lock = await owned.takeOver(options.lockTimeoutMs);
    const lines = await readJournal(repo.gitDir, customer, lock.run);
    const begun = lines === undefined ? undefined : new Set(lines.map(({ address }) => address));
    const silent: Pick<Journal, 'append'> = { append: () => Promise.resolve() };
    const results = await recoverRun({ ...partsOf(world, state, lock, silent, options), unfinished: audit.unfinished, begun });
    const recorded = await close(world, state, lock, results);
    const after = await openAuditOf(ws, repo, customer, where);
    return { ledger: after.ledger, runs: [{ customer, run: lock.run, digest: lock.open.digest, targets: results, stale: [], recorded }] };
  } catch (error) {
    const [code, why] = refusalOf(error);
    return { ledger: audit.ledger, runs: [], refused: { customer, code, why } };
  }
}
