/** Records that were kept in this clone while the remote could not be asked come to it: as they are, or joined to what was recorded there meanwhile. */
import type { Address } from '#contract';
import type { AuditRecord, Chain, JoinBody } from '#core/audit-record';
import { appendBranch, localHead, type AppendBranch } from '#git/append-branch';
import { durable } from '#git/commit-files';
import { GitError, tryGit } from '#git/run-git';
import { hashOf } from './check-chain.ts';
import { foldChain } from './fold-ledger.ts';
import { currentHolder, holderState } from './holder.ts';
import { AuditLocked, filesOf, loadAudit, lockHolder, newRunId, nextRecord, tellHolder, unfinishedOf, type AuditPlace, type AuditState } from './open-audit.ts';

export interface PushedRecords {
  readonly customer: string;
  /** `pushed`: the remote's chain goes on with them. `joined`: both had gone on. */
  readonly status: 'nothing' | 'pushed' | 'joined';
  /** So many of this clone's. */
  readonly records: number;
  /** Number of the record that joined them, and what both chains dealt with. */
  readonly joined?: number;
  readonly both?: readonly Address[];
  /** Desired-state commits that they name. */
  readonly commits: readonly string[];
}

/** Waits at most this long for a run that is under way. Throws AuditLocked and GitError; then nothing has changed. */
export async function pushRecords(place: AuditPlace & { readonly remote: string }, timeoutMs: number): Promise<PushedRecords> {
  const { root, customer, clock } = place;
  const branch = appendBranch({ root, gitDir: place.gitDir, name: place.branch, remote: place.remote, effect: place.effect });
  const local = await localHead(root, `refs/heads/${place.branch}`);
  const nothing: PushedRecords = { customer, status: 'nothing', records: 0, commits: [] };
  if (local === undefined) return nothing;
  // Nobody else should see what cannot be proven.
  const kept = await loadAudit(place, branch, local);
  const self = place.holder ?? currentHolder();
  const alive = unfinishedOf(kept.chain);
  if (alive !== undefined && holderState(lastHolder(alive.records) ?? alive.open.holder, self) === 'alive') throw new AuditLocked(tellHolder(customer, lockHolder(alive)), lockHolder(alive));
  const started = clock.monotonic();
  for (let races = 0; races < 20;) {
    const head = await branch.head();
    if (head !== undefined && await isAncestor(root, local, head)) return nothing;
    const pushed = head === undefined || await isAncestor(root, head, local)
      ? await carryOn(branch, kept, head)
      : await join(place, branch, { local, kept, head, left: timeoutMs - (clock.monotonic() - started) });
    if (pushed === 'moved') races += 1;
    else if (pushed !== 'waited') return { customer, ...pushed };
  }
  throw new AuditLocked(`${branch.name} is written to by others all the time; run it again`);
}

type Outcome = Omit<PushedRecords, 'customer'> | 'moved' | 'waited';

async function carryOn(branch: AppendBranch, { head: local = '', chain }: AuditState, head: string | undefined): Promise<Outcome> {
  const known = head === undefined ? 0 : (await branch.files(head, 'records')).size;
  if (await branch.moveTo(local, head) === 'moved') return 'moved';
  const own = chain.records.slice(known);
  return { status: 'pushed', records: own.length, commits: commitsOf(own) };
}

interface Parted {
  readonly local: string;
  readonly kept: AuditState;
  readonly head: string;
  /** Milliseconds. */
  readonly left: number;
}

async function join(place: AuditPlace, branch: AppendBranch, { local, kept, head, left }: Parted): Promise<Outcome> {
  const { root, customer, clock } = place;
  const unfinished = unfinishedOf(kept.chain);
  if (unfinished !== undefined) throw new GitError(`run ${unfinished.open.run} of this clone was not brought to its end; first: soll apply ${customer} --offline-record --reason TEXT`, 1);
  const main = await loadAudit(place, branch, head);
  const parting = await tryGit(root, ['merge-base', head, local]);
  const base = parting.code === 0 ? (await branch.files(parting.stdout.toString('utf8').trim(), 'records')).size : 0;
  const own = kept.chain.records.slice(base);
  const busy = unfinishedOf(main.chain);
  // A run that broke off there and was brought to its end here is over.
  if (busy !== undefined && !own.some(({ type, run }) => type === 'close' && run === busy.open.run)) {
    const holder = lockHolder(busy);
    if (left <= 0) throw new AuditLocked(`${tellHolder(customer, holder)}; a run that broke off is brought to its end by soll apply ${customer}`, holder);
    place.waiting?.(tellHolder(customer, holder));
    await clock.sleep(Math.max(50, Math.min(2000, left)), place.signal);
    return 'waited';
  }
  const body: JoinBody = { type: 'join', base, head: local, last: own.at(-1)?.seq ?? 0, hash: hashOf(own.at(-1)), operator: place.operator, both: bothOf(main.chain.records.slice(base), own) };
  const record = nextRecord(place, main.chain, newRunId(clock), body);
  const chain: Chain = { records: [...main.chain.records, record], sides: new Map([...main.chain.sides, [record.seq, own]]) };
  const outcome = await branch.append(head, filesOf(record, foldChain(customer, chain)), `join ${customer} ${record.run}`, [local]);
  if (outcome === 'moved') return 'moved';
  // Nothing of this clone is apart any more.
  await tryGit(root, [...durable, 'update-ref', `refs/heads/${place.branch}`, outcome, local]);
  return { status: 'joined', records: own.length, joined: record.seq, both: body.both, commits: commitsOf(own) };
}

function lastHolder(records: readonly AuditRecord[]): AuditPlace['holder'] {
  const found = records.findLast((record) => record.type === 'open' || record.type === 'takeover');
  return found !== undefined && 'holder' in found ? found.holder : undefined;
}

function bothOf(main: readonly AuditRecord[], side: readonly AuditRecord[]): readonly Address[] {
  const dealtWith = (records: readonly AuditRecord[]): ReadonlySet<Address> => new Set(records.flatMap((record) => (record.type === 'batch' ? record.outcomes.flatMap(({ address, outcome }) => (outcome.status === 'skipped' ? [] : [address])) : [])));
  const there = dealtWith(main);
  return [...dealtWith(side)].filter((address) => there.has(address)).sort();
}

function commitsOf(records: readonly AuditRecord[]): readonly string[] {
  return [...new Set(records.flatMap((record) => (record.type === 'open' && record.commit !== '' ? [record.commit] : [])))];
}

async function isAncestor(root: string, ancestor: string, descendant: string): Promise<boolean> {
  return (await tryGit(root, ['merge-base', '--is-ancestor', ancestor, descendant])).code === 0;
}
