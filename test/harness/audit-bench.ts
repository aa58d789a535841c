/** A customer's audit branch in a real repository, and the tools of somebody who would forge it. */
import type { Clock } from '#contract';
import { recordFile, type AuditRecord, type Holder, type OpenBody, type RunBody, type RunLock } from '#core/audit-record';
import { canonicalJson } from '#core/canonical-json';
import { merkleRoot } from '#core/merkle-root';
import { sha256 } from '#core/sha256';
import { appendBranch, type AppendBranch } from '#git/append-branch';
import { git as run } from '#git/run-git';
import { plain } from '../../src/audit/check-chain.ts';
import { plainChain } from '../../src/audit/chain.ts';
import { foldChain } from '../../src/audit/fold-ledger.ts';
import { openAudit, type Audit, type AuditPlace } from '../../src/audit/open-audit.ts';
import type { TempRepo } from './temp-repo.ts';

export const customer = 'acme';
export const branchName = `audit/${customer}`;
export const vlan = (name: string): string => `${customer}/store/vlan/${name}`;
const leafOf = (name: string): string => sha256(`leaf of ${name}`);

/** Time stands still unless somebody sleeps or moves it. */
export interface FakeClock extends Clock {
  wall: number;
  passed: number;
  readonly slept: () => number;
  onSleep?: () => void | Promise<void>;
}

export function fakeClock(): FakeClock {
  let slept = 0;
  const clock: FakeClock = {
    wall: Date.UTC(2026, 0, 1), passed: 1000, slept: () => slept,
    now: () => clock.wall, monotonic: () => clock.passed,
    sleep: async (milliseconds) => {
      slept += milliseconds;
      clock.passed += milliseconds;
      clock.wall += milliseconds;
      await clock.onSleep?.();
    },
  };
  return clock;
}

/** A process on some machine of its own. */
export function holderAt(host: string, more: Partial<Holder> = {}): Holder {
  return { host, boot: `boot of ${host}`, namespace: 'ns', pid: 1, nonce: host, ...more };
}

export function placeOf(repo: Pick<TempRepo, 'root' | 'gitDir'>, more: Partial<AuditPlace> = {}): AuditPlace {
  return { root: repo.root, gitDir: repo.gitDir, customer, branch: branchName, remote: undefined, clock: fakeClock(), signal: new AbortController().signal, operator: 'Mia', effect: () => Promise.resolve(), redact: (text) => text, holder: holderAt('here'), ...more };
}

export function open(repo: Pick<TempRepo, 'root' | 'gitDir'>, more: Partial<AuditPlace> = {}): Promise<Audit> {
  return openAudit(placeOf(repo, more));
}

export function branchAt(repo: Pick<TempRepo, 'root' | 'gitDir'>, remote?: string, effect: AuditPlace['effect'] = () => Promise.resolve()): AppendBranch {
  return appendBranch({ root: repo.root, gitDir: repo.gitDir, name: branchName, remote, effect });
}

export function intent(...names: readonly string[]): Omit<OpenBody, 'type' | 'holder' | 'leaseSeconds' | 'operator' | 'offline'> {
  const leaves = names.map(leafOf);
  return {
    commit: 'c'.repeat(40), author: 'Mia <mia@msp.example>', subject: 'why', tool: 'soll test', digest: merkleRoot(leaves), leaves,
    approvals: [{ digest: merkleRoot(leaves), approver: 'boss', method: 'cli', at: '2026-01-01T00:00:00.000Z' }], guardToken: 'ab'.repeat(16), protected: [], stale: [],
    targets: [{ target: 'store', provider: 'memory', guarded: false, changes: names.map((name) => ({ leaf: leafOf(name), verb: 'create', address: vlan(name) as never, reason: 'new', after: { id: 10 }, schemaVersion: 1 })) }],
  };
}

export function batch(...names: readonly string[]): RunBody {
  return { type: 'batch', target: 'store', batch: 'store/build', outcomes: names.map((name) => ({ address: vlan(name) as never, leaf: leafOf(name), verb: 'create', outcome: { status: 'done' } })) };
}

export const closed: RunBody = { type: 'close', commit: 'c'.repeat(40), targets: [{ target: 'store', verdict: 'converged' }], protected: [] };

export function completeRun(audit: Audit, run_: string, ...names: readonly string[]): Promise<RunLock> {
  return completeRunOf(audit, run_, 'c'.repeat(40), ...names);
}

export async function completeRunOf(audit: Audit, run_: string, commit: string, ...names: readonly string[]): Promise<RunLock> {
  const lock = await audit.begin(run_, { ...intent(...names), commit });
  await lock.append(batch(...names));
  await lock.append({ ...closed, commit } as RunBody);
  return lock;
}

export type Files = Record<string, string>;

/** What each commit of the branch holds. */
export async function history(repo: TempRepo, head?: string): Promise<Files[]> {
  const branch = branchAt(repo);
  const commits = await branch.commits(head ?? await repo.git('rev-parse', branchName));
  return Promise.all(commits.map(async ({ id }) => {
    const records = [...await branch.files(id, 'records')].map(([name, text]): [string, string] => [`records/${name}`, text]);
    return Object.fromEntries([...records, ...await branch.files(id, '')]);
  }));
}

/** A tree of these files; its id. */
export async function treeOf(repo: TempRepo, files: Files): Promise<string> {
  const env = { GIT_INDEX_FILE: `${repo.gitDir}/forger` };
  await run(repo.root, ['read-tree', '--empty'], { env });
  for (const [path, text] of Object.entries(files)) {
    const id = await run(repo.root, ['hash-object', '-w', '--stdin'], { stdin: text });
    await run(repo.root, ['update-index', '--add', '--cacheinfo', `100644,${id},${path}`], { env });
  }
  return run(repo.root, ['write-tree'], { env });
}

/** Puts commits of these files where the branch stands, on top of `parents`. */
export async function forge(repo: TempRepo, commits: readonly Files[], parents: readonly string[] = []): Promise<string> {
  let from = parents;
  for (const files of commits) from = [await run(repo.root, ['commit-tree', await treeOf(repo, files), ...from.flatMap((parent) => ['-p', parent]), '-m', 'forged'])];
  const [head = ''] = from;
  await run(repo.root, ['update-ref', `refs/heads/${branchName}`, head]);
  return head;
}

/** Commits of these records with a chain and ledgers that fit: what somebody makes who knows how it is done. */
export function consistent(records: readonly AuditRecord[]): Files[] {
  const chained: AuditRecord[] = [];
  for (const record of records) {
    const last = chained.at(-1);
    chained.push({ ...record, seq: chained.length + 1, previous: last === undefined ? '' : sha256(canonicalJson(plain(last))) });
  }
  return chained.map((_, index) => {
    const own = chained.slice(0, index + 1);
    return { ...Object.fromEntries(own.map((record) => [recordFile(record.seq), JSON.stringify(record)])), 'ledger.json': JSON.stringify(foldChain(customer, plainChain(own))) };
  });
}

export function recordsOf(files: Files): AuditRecord[] {
  return Object.entries(files).filter(([path]) => path.startsWith('records/')).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => JSON.parse(text) as AuditRecord);
}
