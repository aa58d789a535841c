/**
 * A target's own credential is renewed: a new one is added beside the old, proven over a new session, stored, and only then the old one goes. Wherever
 * that breaks off, two facts say how it goes on: which of the two is stored where everybody takes it from, and what the target accepts.
 */
import { isProviderError, ProviderError, type ChangeOutcome, type ReadSession, type Rotation, type SecretValue, type Target, type Verdict, type WriteSession } from '#contract';
import type { AuditRecord, RecordedRotation, RotationBody } from '#core/audit-record';
import { GitError } from '#git/run-git';
import { writeParts, type RunParts, type WriteParts } from './run-parts.ts';

/** Where a credential's value stands for everybody who uses it. */
export interface CredentialStore {
  /** What stands there now, also if this clone is older. Throws ProviderError or GitError when nobody can tell. */
  look(run: string): Promise<StoredCredential>;
  /** Durable when it resolves. Throws ProviderError or GitError when it did not arrive, or when nobody can tell. */
  put(value: SecretValue, run: string): Promise<Pick<RotationBody, 'commit' | 'branch'> & { readonly step: 'stored' | 'proposed' }>;
}

export interface StoredCredential {
  readonly value: SecretValue;
  /** The run's own branch, not merged yet. */
  readonly proposed?: { readonly branch: string; readonly value: SecretValue };
}

export interface RotationParts extends Pick<RunParts, 'customer' | 'lock' | 'randomBytes' | 'revealGenerated' | 'encrypt' | 'effect' | 'progress'> {
  readonly target: Target;
  readonly rotation: RecordedRotation;
  readonly openRead: (target: Target, own: SecretValue) => Promise<ReadSession>;
  readonly openWrite: (target: Target, parts: WriteParts, own: SecretValue) => Promise<WriteSession>;
  readonly store: CredentialStore;
}

export interface RotationEnd {
  readonly verdict: Verdict;
  readonly why?: string;
  readonly outcome: ChangeOutcome;
}

function ended(verdict: Verdict, outcome: ChangeOutcome): RotationEnd {
  return { verdict, outcome, ...('why' in outcome ? { why: outcome.why } : {}) };
}

/** From the beginning, under an open record. Never leaves the target without a credential that is stored. */
export async function rotateCredential(parts: RotationParts, current: SecretValue): Promise<RotationEnd> {
  const { lock, store } = parts;
  let added: { readonly id: string; readonly value: SecretValue };
  try {
    added = await withRotation(parts, current, async (rotation) => {
      await parts.effect('rotate.add');
      const made = await rotation.add(parts.rotation.credential, parts.rotation.old, lock.open.guardToken);
      // From here on nothing that is shown may hold it.
      parts.revealGenerated(made.value.name, made.value.expose());
      await parts.effect('rotate.added');
      return made;
    });
    await note(parts, 'added', added.id);
    await prove(parts, added.value);
    parts.progress({ type: 'rotation', customer: parts.customer, target: parts.target.name, step: 'proven', id: added.id });
    await parts.effect('rotate.store');
    const { step, ...where } = await store.put(added.value, lock.run);
    await parts.effect('rotate.stored');
    await note(parts, step, added.id, where);
  } catch (error) {
    if (!isProviderError(error) && !(error instanceof GitError)) throw error;
    return settleRotation(parts, error.message);
  }
  return settleRotation(parts);
}

/** What the record and the target say of a rotation, and what follows. */
export interface RotationFacts {
  readonly stored: SecretValue;
  readonly storedId: string;
  readonly added: string | undefined;
  readonly branch?: string;
  readonly next: 'finish' | 'take-back' | 'wait' | 'nothing';
}

/** Looks and writes nothing. Throws ProviderError or GitError when something cannot be seen. */
export async function lookAtRotation(parts: RotationParts, records: readonly AuditRecord[]): Promise<RotationFacts> {
  const { value: stored, proposed } = await parts.store.look(parts.lock.run);
  return withRotation(parts, stored, async (rotation) => {
    const storedId = await rotation.identify(stored);
    const accepted = await rotation.list(parts.rotation.credential);
    const marked = accepted.find(({ marker }) => marker === parts.lock.open.guardToken)?.id;
    const added = marked ?? records.findLast((record): record is AuditRecord & RotationBody => record.type === 'rotation' && record.run === parts.lock.run && record.step === 'added')?.id;
    const waits = proposed !== undefined && added !== undefined && (await rotation.identify(proposed.value)) === added;
    const next = added === undefined ? 'nothing' : storedId === added ? 'finish' : waits ? 'wait' : accepted.some(({ id }) => id === added) ? 'take-back' : 'nothing';
    return { stored, storedId, added, next, ...(waits ? { branch: proposed.branch } : {}) };
  });
}

/** Goes on or takes back, by what is there. `why`: what went wrong before. */
export async function settleRotation(parts: RotationParts, why?: string, records: readonly AuditRecord[] = []): Promise<RotationEnd> {
  try {
    const facts = await lookAtRotation(parts, records);
    return await act(parts, facts, why);
  } catch (error) {
    if (!isProviderError(error) && !(error instanceof GitError)) throw error;
    // Whichever is stored works; the other one is looked for by whoever comes next.
    return ended('partial', { status: 'pending', why: `${why === undefined ? '' : `${why}; `}it is not at its end, and two credentials may be accepted: ${error.message}` });
  }
}

async function act(parts: RotationParts, { next, added, stored, storedId, branch }: RotationFacts, why: string | undefined): Promise<RotationEnd> {
  const { credential, old } = parts.rotation;
  if (next === 'wait') return ended('pending', { status: 'pending', why: `the new credential waits on the branch ${branch ?? ''}: merge it, and the next run removes the old one` });
  if (next === 'finish') {
    if (old !== storedId) await remove(parts, stored, old, storedId, 'removed');
    parts.progress({ type: 'verifying', customer: parts.customer, target: parts.target.name });
    await prove(parts, stored);
    return ended('converged', { status: 'done' });
  }
  if (next === 'take-back') await remove(parts, stored, added ?? '', storedId, 'taken-back');
  const left = storedId === old ? `the ${credential} credential is the one it was` : 'somebody has stored another one meanwhile';
  return ended('reverted', { status: 'rejected', code: 'reverted', why: `${why ?? 'the run broke off before the new credential was stored'}; ${left}` });
}

async function remove(parts: RotationParts, own: SecretValue, id: string, keep: string, step: 'removed' | 'taken-back'): Promise<void> {
  const { credential } = parts.rotation;
  await withRotation(parts, own, async (rotation) => {
    if (!(await rotation.list(credential)).some((each) => each.id === id)) return;
    await parts.effect('rotate.remove');
    await rotation.remove(credential, id, keep);
    await parts.effect('rotate.removed');
    if ((await rotation.list(credential)).some((each) => each.id === id)) throw new ProviderError('protocol', `${id} was removed and is still accepted`);
  });
  await note(parts, step, id);
}

async function note(parts: RotationParts, step: RotationBody['step'], id: string, where: Pick<RotationBody, 'commit' | 'branch'> = {}): Promise<void> {
  await parts.lock.append({ type: 'rotation', target: parts.target.name, step, id, ...where });
  parts.progress({ type: 'rotation', customer: parts.customer, target: parts.target.name, step, id });
}

/** Signs in anew with this value and does what the credential is for. */
async function prove(parts: RotationParts, value: SecretValue): Promise<void> {
  const { target } = parts;
  const kinds = Object.keys(target.manages).sort();
  if (parts.rotation.credential === 'write') {
    await withSession(await parts.openWrite(target, writeParts(parts), value), async (session) => {
      await session.identify();
      await session.read(kinds);
      await rotationOf(session).list('write');
    });
    return;
  }
  await withSession(await parts.openRead(target, value), async (session) => {
    await session.identify();
    await session.read(kinds);
  });
}

async function withRotation<T>(parts: RotationParts, own: SecretValue, use: (rotation: Rotation) => Promise<T>): Promise<T> {
  await parts.lock.renew();
  return withSession(await parts.openWrite(parts.target, writeParts(parts), own), async (session) => {
    await session.identify();
    return use(rotationOf(session));
  });
}

async function withSession<S extends ReadSession, T>(session: S, use: (session: S) => Promise<T>): Promise<T> {
  try {
    return await use(session);
  } finally {
    await session.close().catch(() => undefined);
  }
}

export function rotationOf({ rotation }: WriteSession): Rotation {
  if (rotation === undefined) throw new ProviderError('unsupported', 'the provider cannot renew this credential');
  return rotation;
}
