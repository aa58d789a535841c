/** The run that renews a credential: its record, its parts, its end, and how one that broke off is brought to its end. */
import { randomBytes } from 'node:crypto';
import { isProviderError, ProviderError, SecretValue, type CredentialName, type RiskLevel, type Target } from '#contract';
import type { CloseBody, OpenBody, RecordedRotation, RunLock, Unfinished } from '#core/audit-record';
import type { DesiredState, Plan, RunResult } from '#core/model';
import { compareText } from '#core/canonical';
import { newPins } from '#core/new-pins';
import { GitError } from '#git/run-git';
import { isStranger } from './apply/recover-run.ts';
import { lookAtRotation, rotateCredential, settleRotation, type CredentialStore, type RotationEnd, type RotationParts } from './apply/rotate-credential.ts';
import { effectOf, openAuditOf } from './audit-of.ts';
import { AuditLocked, newRunId, type Audit } from './audit/open-audit.ts';
import { secretsStore } from './credential-store.ts';
import { keepCredential } from './lab/lab-credentials.ts';
import { readLabState } from './lab/lab-state.ts';
import { encryptFor } from './secrets/encrypt-for.ts';
import { toolVersion } from './tool-version.ts';
import type { World } from './world.ts';
import type { Workspace } from './workspace.ts';

export function storeOf({ ws, repo }: World, target: Target, credential: CredentialName): CredentialStore {
  const { customer, name } = target;
  const secret = target.credentials[credential].$secret;
  return ws.lab ? labStore(ws, target, credential, secret) : secretsStore({ ws, repo, customer, target: name, credential, secret });
}

/** The lab's own value; the customer's secrets file is somebody else's concern. */
function labStore(ws: Workspace, { customer, name }: Target, credential: CredentialName, secret: string): CredentialStore {
  return {
    async look() {
      const found = (await readLabState(ws.root))?.targets[`${customer}/${name}`];
      if (found === undefined) throw new ProviderError('unreachable', `no lab is running for ${customer}/${name}`, { hint: 'start it in another terminal: soll lab' });
      ws.redactor.add(found.credentials[credential]);
      return { value: new SecretValue(secret, found.credentials[credential]) };
    },
    async put(value) {
      await keepCredential(ws.root, { customer, target: name, credential }, value.expose());
      return { step: 'stored' };
    },
  };
}

export interface RotationInput {
  readonly state: DesiredState;
  readonly target: Target;
  readonly plan: Plan;
  /** Who let it through, and how that was decided where soll.yaml has rules. */
  readonly approval: Pick<OpenBody, 'approvals' | 'leaves' | 'policy'> & { readonly risk?: RiskLevel };
  readonly rotation: RecordedRotation;
  readonly reason?: string;
  /** The audit branch as the plan knew it. */
  readonly head: string | undefined;
  readonly store: CredentialStore;
  /** The present credential. */
  readonly current: SecretValue;
}

/** From the open record to the closed one. Throws AuditLocked and GitError; what was begun is then found by the next run. */
export async function runRotation(world: World, input: RotationInput): Promise<RunResult> {
  const { ws, repo } = world;
  const { target, plan, rotation, reason } = input;
  const { risk, ...approval } = input.approval;
  const { customer } = target;
  const operator = await repo.identity();
  const audit = await openAuditOf(ws, repo, customer, { prefix: world.auditPrefix, remote: world.remote, operator });
  if (audit.head !== input.head) throw new AuditLocked(`another run of ${customer} has been recorded meanwhile; try again`);
  const [leaf] = plan.leaves;
  const [change] = plan.targets[0]?.batches[0]?.changes ?? [];
  if (leaf === undefined || change === undefined) throw new RangeError('a rotation without a change');
  const { verb, address, reason: because, before } = change;
  const run = newRunId(ws.clock);
  const lock = await audit.begin(run, {
    commit: world.tree.commit, author: operator, subject: `Renew the ${rotation.credential} credential of ${target.name}${reason === undefined ? '' : `: ${reason}`}`, tool: toolVersion,
    digest: plan.digest, ...approval, guardToken: randomBytes(16).toString('hex'), protected: audit.ledger.protected, stale: [], rotation,
    targets: [{
      target: target.name, provider: target.provider, identity: [...target.identity].sort(compareText), guarded: false,
      changes: [{ leaf: leaf.digest, verb, address, reason: because, ...(before === undefined ? {} : { before }), schemaVersion: 0, ...(risk === undefined ? {} : { risk }) }],
    }],
  });
  ws.progress({ type: 'run-opened', customer, run, fence: lock.fence });
  return conclude(world, lock, audit, await rotateCredential(partsOf(world, input, lock, rotation), input.current));
}

function partsOf(world: World, { state, target, store }: Pick<RotationInput, 'state' | 'target' | 'store'>, lock: RunLock, rotation: RecordedRotation): RotationParts {
  const { ws } = world;
  // What was begun comes to its end: the sessions do not hear of Ctrl-C.
  const sessions = world.sessions(target.customer, new AbortController().signal);
  return {
    customer: target.customer, target, lock, rotation, progress: ws.progress, effect: effectOf(ws), store,
    openRead: (each, own) => sessions.openRead(each, own),
    openWrite: (each, parts, own) => sessions.openWrite(each, parts, own),
    randomBytes: (size) => randomBytes(size), encrypt: async (text) => ({ recipients: state.customer.handover, ciphertext: await encryptFor(state.customer.handover, text) }),
    revealGenerated: (name, value) => {
      ws.redactor.add(value);
      return new SecretValue(name, value);
    },
  };
}

/** Records how it ended. The ledger stays as it is: nothing that is written was applied. */
async function conclude({ ws }: World, lock: RunLock, { ledger }: Pick<Audit, 'ledger'>, { verdict, why, outcome }: RotationEnd): Promise<RunResult> {
  const [intent] = lock.open.targets;
  const [change] = intent?.changes ?? [];
  if (intent === undefined || change === undefined) throw new RangeError('a rotation without a change');
  const { target } = intent;
  const { customer } = lock.open;
  const told = { target, verdict, ...(why === undefined ? {} : { why }) };
  ws.progress({ type: 'target-done', customer, ...told });
  await effectOf(ws)('audit.batch');
  await lock.append({ type: 'batch', target, batch: `${target}/rotate`, outcomes: [{ address: change.address, leaf: change.leaf, verb: change.verb, outcome }] });
  const close: CloseBody = { type: 'close', commit: ledger.commit, targets: [told], protected: ledger.protected };
  await effectOf(ws)('audit.close');
  await lock.append(close);
  ws.progress({ type: 'run-closed', customer, run: lock.run, recorded: true });
  const { schemaVersion: _version, ...done } = change;
  return { customer, run: lock.run, digest: lock.open.digest, targets: [{ ...told, changes: [{ ...done, outcome }] }], stale: [], recorded: true };
}

/** Nobody asks another device about it; once that one is accepted, what the old one accepts is of no matter. */
function onAnother({ name, identity }: Target, { ledger }: Pick<Audit, 'ledger'>, blind: (why: string) => RotationEnd): RotationEnd {
  const accepted = ledger.identities?.[name]?.pins ?? [];
  if (newPins(identity, accepted).length > 0) return blind('its identity in targets.yaml is another one than that of the run');
  const why = 'the device was replaced: what the one before accepts is of no matter any more';
  return { verdict: 'reverted', why, outcome: { status: 'rejected', code: 'replaced', why } };
}

/** A rotation that broke off, or that has left two credentials, is brought to its end; `undefined`: nothing can be done about it now, and nothing is recorded. */
export async function recoverRotation(world: World, state: DesiredState, audit: Audit, { open, records }: Unfinished, takeLock: () => Promise<RunLock>, mustRecord: boolean): Promise<RunResult | undefined> {
  const { rotation } = open;
  const [intent] = open.targets;
  const target = state.targets.find((each) => each.target.name === intent?.target)?.target;
  if (rotation === undefined || intent === undefined) throw new RangeError('not a rotation');
  const blind = (why: string): RotationEnd => ({ verdict: 'partial', why, outcome: { status: 'pending', why } });
  const unseen = target === undefined ? blind('the target is no longer written in targets.yaml') : isStranger(target, intent) ? onAnother(target, audit, blind) : undefined;
  // Recorded once: when the run broke off, and when there is no more to come.
  if (unseen !== undefined) return mustRecord || unseen.verdict === 'reverted' ? conclude(world, await takeLock(), audit, unseen) : undefined;
  if (target === undefined) return undefined;
  const store = storeOf(world, target, rotation.credential);
  if (!mustRecord) {
    // Looked at before anything is appended: what still waits is not recorded each time.
    const unlocked: RunLock = { run: open.run, open, fence: open.seq, append: () => Promise.reject(new RangeError('looking only')), assertLease: () => { throw new ProviderError('rejected', 'looking only'); }, renew: () => Promise.resolve() };
    const next = await lookAtRotation(partsOf(world, { state, target, store }, unlocked, rotation), records).then((facts) => facts.next, (error: unknown) => {
      if (isProviderError(error) || error instanceof GitError) return 'wait' as const;
      throw error;
    });
    if (next === 'wait') return undefined;
  }
  world.ws.progress({ type: 'recovering', customer: target.customer, run: open.run, target: target.name });
  const lock = await takeLock();
  return conclude(world, lock, audit, await settleRotation(partsOf(world, { state, target, store }, lock, rotation), undefined, records));
}
