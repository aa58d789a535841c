/** A customer's audit branch: history, ledger, lock. */
import { randomBytes } from 'node:crypto';
import { ProviderError, type Clock, type Verdict } from '#contract';
import { equalJson } from '#core/canonical-json';
import { emptyLedger, parseLedger } from '#core/load-ledger';
import type { Ledger } from '#core/model';
import { appendBranch, type AppendBranch } from '#git/append-branch';
import { GitError } from '#git/run-git';
import { seenHeads } from '#git/seen-heads';
import { inOrder, plainChain } from './chain.ts';
import { chainBreaks, hashOf, plain } from './check-chain.ts';
import { foldChain, foldRecord } from './fold-ledger.ts';
import { currentHolder, holderState } from './holder.ts';
import { readChain, type ReadChain } from './read-chain.ts';
import { recordFile, type AuditRecord, type Chain, type Holder, type LockHolder, type OpenBody, type RecordBody, type RecordedOffline, type RunBody, type RunLock, type Unfinished } from '#core/audit-record';

export interface AuditPlace {
  readonly root: string;
  readonly gitDir: string;
  readonly customer: string;
  /** `audit/<customer>`, or with the lab's prefix. */
  readonly branch: string;
  readonly remote: string | undefined;
  /** The remote is not asked, and records are kept on the branch of this clone; why. */
  readonly offline?: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly operator: string;
  readonly effect: (name: string) => Promise<void>;
  /** For what devices said; a record is for ever. */
  readonly redact: (text: string) => string;
  readonly holder?: Holder;
  /** Seconds; default 120. */
  readonly leaseSeconds?: number;
  /** Told when somebody else is waited for. */
  readonly waiting?: (why: string) => void;
}

export interface Audit {
  readonly ledger: Ledger;
  readonly unfinished: Unfinished | undefined;
  /** Closed runs that left targets held, oldest first: to be looked at again. */
  readonly held: readonly Unfinished[];
  /** Closed runs that have left two credentials on a target, oldest first: the one that is not stored is still to be removed. */
  readonly rotations: readonly Unfinished[];
  /** In the order in which they were written, those that joins have brought in as well. */
  readonly records: readonly AuditRecord[];
  /** Commit of the branch; `undefined` before the first record. */
  readonly head: string | undefined;
  readonly branch: AppendBranch;
  /** The remote was not asked. */
  readonly offline?: RecordedOffline;
  /** Takes the lock by appending the intent. Throws AuditLocked when another run was faster. */
  begin(run: string, body: Omit<OpenBody, 'type' | 'holder' | 'leaseSeconds' | 'operator' | 'offline'>): Promise<RunLock>;
  /**
   * Takes an unfinished run over, waiting at most this long for its lease to end; with it the branch as it stood then, which may have gone on while
   * it was waited for. `undefined`: nobody holds the lock any more. Throws AuditLocked.
   */
  takeOver(timeoutMs: number): Promise<TakenOver | undefined>;
  /** Takes the lock once more for a closed run whose outcome was unknown, or that had not come to its end. Throws AuditLocked. */
  reopen(run: string): Promise<RunLock>;
}

export interface TakenOver {
  readonly lock: RunLock;
  readonly audit: Audit;
  readonly unfinished: Unfinished;
}

/** Another run of this customer is under way, or was faster. */
export class AuditLocked extends Error {
  readonly holder: LockHolder | undefined;
  constructor(message: string, holder?: LockHolder) {
    super(message);
    this.name = 'AuditLocked';
    this.holder = holder;
  }
}

/** A branch as it stands. */
export interface AuditState {
  head: string | undefined;
  /** Numbered on the branch. */
  chain: Chain;
  ledger: Ledger;
}

type Named = Pick<AppendBranch, 'name'>;

function damaged(branch: Named, what: string): GitError {
  return new GitError(`${branch.name}: ${what}; the audit branch is damaged or was edited, run \`soll audit verify\``, 1);
}

/**
 * Somebody who can push could add a commit with another ledger.json, and the next apply would delete or leave out things. So what is
 * acted upon is proven first: the records are a chain, and the ledger is what they add up to.
 */
function prove(customer: string, branch: Named, chain: Chain, ledger: Ledger): void {
  const broken = chainBreaks(customer, chain)[0];
  if (broken !== undefined) throw damaged(branch, broken.message);
  if (!equalJson(plain(foldChain(customer, chain)), plain(ledger))) throw damaged(branch, 'ledger.json is not what the records add up to');
}

/** Proven. Throws GitError. `at`: absent: where the branch stands. */
export async function loadAudit({ customer }: Pick<AuditPlace, 'customer'>, branch: AppendBranch, at?: string): Promise<AuditState> {
  const head = at ?? await branch.head();
  if (head === undefined) return { head, chain: plainChain([]), ledger: emptyLedger(customer) };
  const [read, top] = await Promise.all([readChain(branch, head), branch.files(head, '')]);
  return { head, ...provenAudit(customer, branch, read, top.get('ledger.json')) };
}

/** From what stands on a branch. Throws GitError for what cannot be believed. */
export function provenAudit(customer: string, branch: Named, { chain, damage: [damage] }: ReadChain, text: string | undefined): Pick<AuditState, 'chain' | 'ledger'> {
  if (damage !== undefined) throw damaged(branch, damage.message);
  // A ledger that cannot be read is an error, not an empty ledger.
  if (text === undefined) throw damaged(branch, 'there is no ledger.json');
  const ledger = ledgerOf(text, customer, branch.name);
  prove(customer, branch, chain, ledger);
  return { chain, ledger };
}

/** Written by us, pushed by anybody. Throws GitError. */
export function ledgerOf(text: string, customer: string, branch: string): Ledger {
  try {
    return parseLedger(text, customer);
  } catch (error) {
    throw new GitError(`${branch}: ledger.json ${error instanceof RangeError ? error.message : 'cannot be read'}: the audit branch is damaged, run \`soll audit verify\``, 1);
  }
}

export function unfinishedOf(chain: Chain): Unfinished | undefined {
  const last = chain.records.at(-1);
  if (last === undefined || last.type === 'close' || last.type === 'join') return undefined;
  return runOf(inOrder(chain), last.run);
}

/** A renewed credential whose run ended like this is to be looked at again. */
export function isOpenRotation(open: OpenBody | undefined, verdict: Verdict): boolean {
  return open?.rotation !== undefined && (verdict === 'pending' || verdict === 'partial');
}

export function openRotations(records: readonly AuditRecord[]): readonly Unfinished[] {
  const runs = records.flatMap((record) => (record.type === 'open' && record.rotation !== undefined ? runOf(records, record.run) ?? [] : []));
  return runs.filter(({ open, records: own }) => {
    const close = own.findLast((record) => record.type === 'close');
    return close?.type === 'close' && close.targets.some(({ verdict }) => isOpenRotation(open, verdict));
  });
}

function runOf(records: readonly AuditRecord[], run: string): Unfinished | undefined {
  const own = records.filter((record) => record.run === run);
  const open = own.find((record): record is AuditRecord & OpenBody => record.type === 'open');
  return open === undefined ? undefined : { open, records: own };
}

/** Who holds an unfinished run now. */
export function lockHolder({ open, records }: Unfinished): LockHolder {
  const { holder, operator } = currentHold(records) ?? open;
  const last = records.at(-1) ?? open;
  return { run: open.run, operator, host: holder.host, pid: holder.pid, since: open.at, leaseUntil: new Date((Date.parse(last.at) || 0) + leaseOf(records) * 1000).toISOString() };
}

function currentHold(records: readonly AuditRecord[]): Pick<OpenBody, 'holder' | 'operator'> | undefined {
  return records.findLast((record) => record.type === 'open' || record.type === 'takeover');
}

/** Seconds. */
function leaseOf(records: readonly AuditRecord[]): number {
  return records.flatMap((record) => ('leaseSeconds' in record ? [record.leaseSeconds] : [])).at(-1) ?? 120;
}

export function tellHolder(customer: string, { run, operator, host, pid, since, leaseUntil }: LockHolder): string {
  const time = (text: string): string => `${text.slice(0, 19).replace('T', ' ')} UTC`;
  return `run ${run} of ${customer} is under way: ${operator} on ${host} (process ${String(pid)}) since ${time(since)}, lease until ${time(leaseUntil)}`;
}

export async function openAudit(place: AuditPlace): Promise<Audit> {
  const branch = appendBranch({ root: place.root, gitDir: place.gitDir, name: place.branch, remote: place.remote, offline: place.offline !== undefined, effect: place.effect });
  const state = await loadAudit(place, branch);
  const offline = await recordedOffline(place);
  const holder = place.holder ?? currentHolder();
  const hold = { holder, leaseSeconds: place.leaseSeconds ?? 120, operator: place.operator, ...(offline === undefined ? {} : { offline }) };
  const nobodyHolds = (): void => {
    const unfinished = unfinishedOf(state.chain);
    if (unfinished !== undefined) throw lockedBy(place, unfinished);
  };
  const view = (records = inOrder(state.chain)): Audit => ({
    ledger: state.ledger, records, head: state.head, branch, unfinished: unfinishedOf(state.chain), ...(offline === undefined ? {} : { offline }),
    held: [...new Set(Object.values(state.ledger.held).map(({ run }) => run))].sort().flatMap((run) => runOf(records, run) ?? []),
    rotations: openRotations(records),
    begin: async (run, body) => {
      nobodyHolds();
      return startRun(place, branch, state, run, { ...body, ...hold, type: 'open' });
    },
    reopen: async (run) => {
      nobodyHolds();
      return startRun(place, branch, state, run, { type: 'takeover', ...hold, why: records.some((record) => record.type === 'open' && record.run === run && record.rotation !== undefined) ? 'it had not come to its end' : 'its outcome was unknown' });
    },
    takeOver: async (timeoutMs) => {
      const free = await awaitTurn(place, branch, state, { self: holder, timeoutMs });
      if (free === undefined) return undefined;
      const audit = view();
      return { audit, unfinished: free.unfinished, lock: await startRun(place, branch, state, free.unfinished.open.run, { type: 'takeover', ...hold, why: free.why }) };
    },
  });
  return view();
}

async function recordedOffline({ root, branch, remote, offline }: AuditPlace): Promise<RecordedOffline | undefined> {
  if (offline === undefined || remote === undefined) return undefined;
  const slash = branch.lastIndexOf('/');
  const name = branch.slice(slash + 1);
  const seen = (await seenHeads({ root, prefix: branch.slice(0, slash), remote, name })).get(name);
  return { remote, seen: seen?.remote ?? '', ...(seen?.remoteAt === undefined ? {} : { seenAt: seen.remoteAt }), reason: offline };
}

function lockedBy(place: AuditPlace, unfinished: Unfinished): AuditLocked {
  const holder = lockHolder(unfinished);
  return new AuditLocked(tellHolder(place.customer, holder), holder);
}

/**
 * Waits until nobody holds the lock: the run came to its end (`undefined`), or its holder is dead for certain, because its process is gone on this
 * machine or the branch stayed unchanged for a whole lease by our own monotonic clock. No wall clock of another machine is believed.
 */
async function awaitTurn(place: AuditPlace, branch: AppendBranch, state: AuditState, { self, timeoutMs }: { readonly self: Holder; readonly timeoutMs: number }): Promise<{ readonly unfinished: Unfinished; readonly why: string } | undefined> {
  const { clock } = place;
  const started = clock.monotonic();
  let heard = started;
  let told: string | undefined;
  for (;;) {
    const unfinished = unfinishedOf(state.chain);
    if (unfinished === undefined) return undefined;
    const { run } = unfinished.open;
    const by = currentHold(unfinished.records);
    const liveness = by === undefined ? 'unknown' : holderState(by.holder, self);
    if (liveness === 'dead' || liveness === 'self') return { unfinished, why: 'the process that held the lock is gone' };
    const seconds = leaseOf(unfinished.records);
    const [waited, silent] = [clock.monotonic() - started, clock.monotonic() - heard];
    if (silent >= seconds * 1000) return { unfinished, why: `nothing was heard of the holder for ${String(seconds)} s` };
    const locked = lockedBy(place, unfinished);
    if (waited >= timeoutMs) throw new AuditLocked(`${locked.message}; it can be taken over when nothing is heard of it for ${String(seconds)} s`, locked.holder);
    if (told !== run) place.waiting?.(locked.message);
    told = run;
    await clock.sleep(Math.max(50, Math.min(2000, timeoutMs - waited, seconds * 1000 - silent)), place.signal);
    if ((await branch.head()) === state.head) continue;
    Object.assign(state, await loadAudit(place, branch));
    heard = clock.monotonic();
  }
}

async function startRun(place: AuditPlace, branch: AppendBranch, state: AuditState, run: string, first: RunBody): Promise<RunLock> {
  let deadline = 0;
  let lease = 0;
  let tail: Promise<unknown> = Promise.resolve();
  const append = (body: RunBody): Promise<AuditRecord> => {
    const next = tail.then(async () => {
      // The lease counts from before the push: others see it later than that.
      const since = place.clock.monotonic();
      const record = await appendRecord(place, branch, state, run, body);
      if ('leaseSeconds' in body) lease = body.leaseSeconds * 1000;
      deadline = since + lease;
      return record;
    });
    tail = next.catch(() => undefined);
    return next;
  };
  const opened = await append(first);
  const open = inOrder(state.chain).find((record): record is AuditRecord & OpenBody => record.run === run && record.type === 'open');
  if (open === undefined) throw new RangeError(`run ${run} has no open record`);
  return {
    run, open, fence: opened.seq, append,
    assertLease(writeTimeoutMs) {
      if (place.clock.monotonic() + writeTimeoutMs >= deadline) throw new ProviderError('conflict', 'the lock could end before this write would; nothing was written', { hint: 'run again: the run is recovered first' });
    },
    async renew() {
      if (deadline - place.clock.monotonic() < lease / 2) await append({ type: 'renew', leaseSeconds: lease / 1000 });
    },
  };
}

async function appendRecord(place: AuditPlace, branch: AppendBranch, state: AuditState, run: string, body: RunBody): Promise<AuditRecord> {
  const record = nextRecord(place, state.chain, run, body);
  const chain = { ...state.chain, records: [...state.chain.records, record] };
  const open = inOrder(chain).find((each): each is AuditRecord & OpenBody => each.run === run && each.type === 'open');
  const ledger = foldRecord(state.ledger, record, open);
  const outcome = await branch.append(state.head, filesOf(record, ledger), `${record.type} ${place.customer} ${run}`);
  if (outcome === 'moved') throw await whoWasFaster(place, branch);
  Object.assign(state, { head: outcome, chain, ledger });
  return record;
}

export function nextRecord(place: Pick<AuditPlace, 'customer' | 'clock' | 'redact'>, { records }: Chain, run: string, body: RecordBody): AuditRecord {
  const last = records.at(-1);
  return { version: 1, seq: (last?.seq ?? 0) + 1, previous: hashOf(last), customer: place.customer, run, at: new Date(place.clock.now()).toISOString(), ...withoutSecretsIn(body, place.redact) };
}

/** What the commit of a record holds. */
export function filesOf(record: AuditRecord, ledger: Ledger): Readonly<Record<string, string>> {
  return { [recordFile(record.seq)]: pretty(record), 'ledger.json': pretty(ledger) };
}

/** The loser is told to whom it has lost. */
async function whoWasFaster(place: AuditPlace, branch: AppendBranch): Promise<AuditLocked> {
  const lost = `another run of ${place.customer} has taken the lock`;
  try {
    const { chain } = await loadAudit(place, branch);
    const unfinished = unfinishedOf(chain);
    if (unfinished !== undefined) return lockedBy(place, unfinished);
    const last = chain.records.findLast((record) => record.type === 'open');
    return new AuditLocked(last?.type === 'open' ? `run ${last.run} of ${last.operator} on ${last.holder.host} was faster, and has been recorded since ${place.customer} was read` : lost);
  } catch (error) {
    // That it is lost is certain; by whom can be asked again.
    if (!(error instanceof GitError)) throw error;
    return new AuditLocked(lost);
  }
}

/** Reasons come from outside and are the only free text in a record; specs are canonical and hold references, never values. */
function withoutSecretsIn<T>(value: T, redact: (text: string) => string): T {
  return JSON.parse(JSON.stringify(value, (key, item: unknown): unknown => (key === 'why' && typeof item === 'string' ? redact(item) : item))) as T;
}

function pretty(value: object): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}

/** Sorts by time, unique without a coordinator. */
export function newRunId(clock: Clock): string {
  return `${new Date(clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${randomBytes(4).toString('hex')}`;
}
