/** A customer's audit branch: history, ledger, lock. */
import { randomBytes } from 'node:crypto';
import { ProviderError, type Clock, type Verdict } from '#contract';
import { canonicalJson, equalJson } from '#core/canonical-json';
import { emptyLedger, parseLedger } from '#core/load-ledger';
import type { Ledger } from '#core/model';
import { sha256 } from '#core/sha256';
import { appendBranch, type AppendBranch } from '#git/append-branch';
import { GitError } from '#git/run-git';
import { chainBreak, plain } from './check-chain.ts';
import { foldRecord, foldRecords } from './fold-ledger.ts';
import { currentHolder, holderState } from './holder.ts';
import { parseRecord } from './parse-record.ts';
import { recordFile, type AuditRecord, type Holder, type OpenBody, type RecordBody, type RunLock, type Unfinished } from '#core/audit-record';

export interface AuditPlace {
  readonly root: string;
  readonly gitDir: string;
  readonly customer: string;
  /** `audit/<customer>`, or with the lab's prefix. */
  readonly branch: string;
  readonly remote: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly operator: string;
  readonly effect: (name: string) => Promise<void>;
  /** For what devices said; a record is for ever. */
  readonly redact: (text: string) => string;
  readonly holder?: Holder;
  /** Seconds; default 120. */
  readonly leaseSeconds?: number;
}

export interface Audit {
  readonly ledger: Ledger;
  readonly unfinished: Unfinished | undefined;
  /** Closed runs that left targets held, oldest first: to be looked at again. */
  readonly held: readonly Unfinished[];
  /** Closed runs that have left two credentials on a target, oldest first: the one that is not stored is still to be removed. */
  readonly rotations: readonly Unfinished[];
  readonly records: readonly AuditRecord[];
  /** Commit of the branch; `undefined` before the first record. */
  readonly head: string | undefined;
  readonly branch: AppendBranch;
  /** Takes the lock by appending the intent. Throws AuditLocked when another run was faster. */
  begin(run: string, body: Omit<OpenBody, 'type' | 'holder' | 'leaseSeconds' | 'operator'>): Promise<RunLock>;
  /** Takes an unfinished run over, waiting at most this long for its lease to end. Throws AuditLocked. */
  takeOver(timeoutMs: number): Promise<RunLock>;
  /** Takes the lock once more for a closed run whose outcome was unknown, or that had not come to its end. Throws AuditLocked. */
  reopen(run: string): Promise<RunLock>;
}

/** Another run of this customer is under way. */
export class AuditLocked extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AuditLocked';
  }
}

interface State {
  head: string | undefined;
  records: readonly AuditRecord[];
  ledger: Ledger;
}

function recordsOf(branch: Named, files: ReadonlyMap<string, string>): readonly AuditRecord[] {
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, text]) => {
    const record = parseRecord(text);
    if (record === undefined) throw damaged(branch, `records/${file} is not a record`);
    return record;
  });
}

type Named = Pick<AppendBranch, 'name'>;

function damaged(branch: Named, what: string): GitError {
  return new GitError(`${branch.name}: ${what}; the audit branch is damaged or was edited, run \`soll audit verify\``, 1);
}

/**
 * Somebody who can push could add a commit with another ledger.json, and the next apply would delete or leave out things. So what is
 * acted upon is proven first: the records are a chain, and the ledger is what they add up to.
 */
function prove(customer: string, branch: Named, records: readonly AuditRecord[], ledger: Ledger): void {
  const broken = chainBreak(customer, records)[0];
  if (broken !== undefined) throw damaged(branch, broken.message);
  if (!equalJson(plain(foldRecords(customer, records)), plain(ledger))) throw damaged(branch, 'ledger.json is not what the records add up to');
}

async function load(place: AuditPlace, branch: AppendBranch): Promise<State> {
  const head = await branch.head();
  if (head === undefined) return { head, records: [], ledger: emptyLedger(place.customer) };
  const [files, top] = await Promise.all([branch.files(head, 'records'), branch.files(head, '')]);
  return { head, ...provenAudit(place.customer, branch, files, top.get('ledger.json')) };
}

/** From the files of a branch. Throws GitError for what cannot be believed. */
export function provenAudit(customer: string, branch: Named, files: ReadonlyMap<string, string>, text: string | undefined): Pick<Audit, 'records' | 'ledger'> {
  const records = recordsOf(branch, files);
  // A ledger that cannot be read is an error, not an empty ledger.
  if (text === undefined) throw damaged(branch, 'there is no ledger.json');
  const ledger = ledgerOf(text, customer, branch.name);
  prove(customer, branch, records, ledger);
  return { records, ledger };
}

/** Written by us, pushed by anybody. Throws GitError. */
export function ledgerOf(text: string, customer: string, branch: string): Ledger {
  try {
    return parseLedger(text, customer);
  } catch (error) {
    throw new GitError(`${branch}: ledger.json ${error instanceof RangeError ? error.message : 'cannot be read'}: the audit branch is damaged, run \`soll audit verify\``, 1);
  }
}

function unfinishedOf(records: readonly AuditRecord[]): Unfinished | undefined {
  const last = records.at(-1);
  if (last === undefined || last.type === 'close') return undefined;
  return runOf(records, last.run);
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

export async function openAudit(place: AuditPlace): Promise<Audit> {
  const branch = appendBranch({ root: place.root, gitDir: place.gitDir, name: place.branch, remote: place.remote, effect: place.effect });
  const state = await load(place, branch);
  const holder = place.holder ?? currentHolder();
  const leaseSeconds = place.leaseSeconds ?? 120;
  return {
    ledger: state.ledger, records: state.records, head: state.head, branch,
    unfinished: unfinishedOf(state.records),
    held: [...new Set(Object.values(state.ledger.held).map(({ run }) => run))].sort().flatMap((run) => runOf(state.records, run) ?? []),
    rotations: openRotations(state.records),
    begin: async (run, body) => {
      if (unfinishedOf(state.records) !== undefined) throw new AuditLocked('an unfinished run must be recovered first');
      return startRun(place, branch, state, run, { ...body, type: 'open', holder, leaseSeconds, operator: place.operator });
    },
    reopen: async (run) => {
      if (unfinishedOf(state.records) !== undefined) throw new AuditLocked('an unfinished run must be recovered first');
      return startRun(place, branch, state, run, { type: 'takeover', holder, leaseSeconds, operator: place.operator, why: state.records.some((record) => record.type === 'open' && record.run === run && record.rotation !== undefined) ? 'it had not come to its end' : 'its outcome was unknown' });
    },
    takeOver: async (timeoutMs) => {
      const unfinished = unfinishedOf(state.records);
      if (unfinished === undefined) throw new RangeError('nothing to take over');
      const why = await awaitExpiry(place, branch, state, holder, timeoutMs);
      return startRun(place, branch, state, unfinished.open.run, { type: 'takeover', holder, leaseSeconds, operator: place.operator, why });
    },
  };
}

function currentLease(records: readonly AuditRecord[], run: string): { holder: Holder | undefined; seconds: number } {
  const own = records.filter((record) => record.run === run);
  const holder = own.filter((record) => record.type === 'open' || record.type === 'takeover').at(-1)?.holder;
  const seconds = own.flatMap((record) => ('leaseSeconds' in record ? [record.leaseSeconds] : [])).at(-1) ?? 120;
  return { holder, seconds };
}

/**
 * Waits until the holder is dead for certain: its process is gone on this machine, or the branch stayed unchanged for a whole lease by
 * our own monotonic clock. No wall clock of another machine is believed.
 */
async function awaitExpiry(place: AuditPlace, branch: AppendBranch, state: State, self: Holder, timeoutMs: number): Promise<string> {
  const run = unfinishedOf(state.records)?.open.run ?? '';
  const { holder, seconds } = currentLease(state.records, run);
  const liveness = holder === undefined ? 'unknown' : holderState(holder, self);
  if (liveness === 'dead' || liveness === 'self') return 'the process that held the lock is gone';
  const started = place.clock.monotonic();
  const text = `run ${run} of ${place.customer} is under way on ${holder?.host ?? 'another machine'}`;
  for (;;) {
    const waited = place.clock.monotonic() - started;
    if (waited >= seconds * 1000) return `nothing was heard of the holder for ${String(seconds)} s`;
    if (waited >= timeoutMs) throw new AuditLocked(`${text}; it can be taken over when nothing is heard of it for ${String(seconds)} s`);
    await place.clock.sleep(Math.max(50, Math.min(2000, timeoutMs - waited, seconds * 1000 - waited)), place.signal);
    if (holder !== undefined && holderState(holder, self) === 'dead') return 'the process that held the lock is gone';
    if ((await branch.head()) !== state.head) throw new AuditLocked(`${text} and making progress`);
  }
}

async function startRun(place: AuditPlace, branch: AppendBranch, state: State, run: string, first: RecordBody): Promise<RunLock> {
  let deadline = 0;
  let lease = 0;
  let tail: Promise<unknown> = Promise.resolve();
  const append = (body: RecordBody): Promise<AuditRecord> => {
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
  const open = state.records.find((record): record is AuditRecord & OpenBody => record.run === run && record.type === 'open');
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

async function appendRecord(place: AuditPlace, branch: AppendBranch, state: State, run: string, body: RecordBody): Promise<AuditRecord> {
  const last = state.records.at(-1);
  const record: AuditRecord = {
    version: 1, seq: (last?.seq ?? 0) + 1, previous: last === undefined ? '' : sha256(canonicalJson(plain(last))),
    customer: place.customer, run, at: new Date(place.clock.now()).toISOString(), ...withoutSecretsIn(body, place.redact),
  };
  const open = [...state.records, record].find((each): each is AuditRecord & OpenBody => each.run === run && each.type === 'open');
  const ledger = foldRecord(state.ledger, record, open);
  const files = { [recordFile(record.seq)]: pretty(record), 'ledger.json': pretty(ledger) };
  const outcome = await branch.append(state.head, files, `${record.type} ${place.customer} ${run}`);
  if (outcome === 'moved') throw new AuditLocked(`another run of ${place.customer} has taken the lock`);
  state.head = outcome;
  state.records = [...state.records, record];
  state.ledger = ledger;
  return record;
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
