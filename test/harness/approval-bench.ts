/** A repository with rules of approval and keys, without any target: what is decided about approvals, and what an auditor finds. */
import type { Address } from '#contract';
import { systemClock } from '#transport/system-clock';
import type { ApprovalEntry, PlanNotice } from '#core/approval-entry';
import type { AuditRecord, OpenBody } from '#core/audit-record';
import { merkleRoot } from '#core/merkle-root';
import type { Approval } from '#core/model';
import type { Platform, PullRequest, Review } from '#core/platform';
import { sha256 } from '#core/sha256';
import { openRepo } from '#git/open-repo';
import { signText } from '../../src/approval/ssh-signature.ts';
import { statementText, type ApprovalStatement } from '../../src/approval/statement.ts';
import { appendEntry, approvalBranch } from '../../src/approval-branch.ts';
import type { ApprovalPlace } from '../../src/approval-state.ts';
import type { Workspace } from '../../src/workspace.ts';
import { makeKey } from './signing-keys.ts';
import { makeRepo, type TempRepo } from './temp-repo.ts';

export const customer = 'acme';
export const leafOf = (name: string): string => sha256(`leaf of ${name}`);
export const addressOf = (name: string): Address => `${customer}/store/vlan/${name}`;
export const hours = (count: number): string => new Date(systemClock.now() + count * 3_600_000).toISOString();

export interface ApprovalBench {
  readonly repo: TempRepo;
  readonly keys: Readonly<Record<string, { readonly file: string; readonly key: string }>>;
  readonly soll: string;
  place(platform?: Platform): Promise<ApprovalPlace>;
  append(entry: ApprovalEntry): Promise<void>;
  signed(name: string, leaves: readonly string[], more?: Partial<ApprovalStatement>): Promise<Approval>;
}

const people = ['anna', 'ben', 'carl', 'mia'];

export async function makeBench(): Promise<ApprovalBench> {
  const repo = await makeRepo();
  const keys = Object.fromEntries(await Promise.all([...people, 'eve'].map(async (name) => [name, await makeKey(repo.gitDir, `key-${name}`)] as const)));
  const soll = `version: 1\npeople:\n${people.map((name) => `  ${name}:\n    name: ${name}\n    emails: [${name}@msp.example]\n    account: ${name}-msp\n    groups: [${name === 'anna' || name === 'ben' ? 'senior' : 'technicians'}]\n    keys:\n      - key: ${keys[name]?.key ?? ''}\n`).join('')}approval:\n  rules:\n    - from: [technicians, senior]\n      count: 1\n    - risk: [high, critical]\n      from: [senior]\n      count: 2\n  emergency:\n    from: [senior]\n    reviewDays: 3\n`;
  await repo.git('config', 'user.email', 'mia@msp.example');
  const ws: Workspace = {
    root: repo.root, lab: false, env: {}, clock: systemClock, signal: new AbortController().signal, progress: () => undefined,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined }, redactor: { add: () => undefined, redact: (text) => text },
  };
  return {
    repo, keys, soll,
    place: async (platform) => ({ ws, repo: await openRepo(repo.root), remote: undefined, platform: platform === undefined ? undefined : () => Promise.resolve(platform) }),
    append: async (entry) => { await appendEntry(approvalBranch(ws, await openRepo(repo.root), customer, undefined), entry); },
    async signed(name, leaves, more = {}) {
      const digest = merkleRoot(leaves);
      const said: ApprovalStatement = { type: 'soll-approval', version: 1, approver: name, at: hours(-1), expires: hours(100), decision: 'approve', commit: 'c'.repeat(40), customers: { [customer]: { digest, leaves } }, ...more };
      const statement = statementText(said);
      return { digest, approver: name, method: 'signature', at: said.at, expires: said.expires, commit: said.commit, statement, signature: await signText(keys[name]?.file ?? '', statement), key: keys[name]?.key ?? '', leaves };
    },
  };
}

/** A commit of Mia's that writes these files. */
export async function commitAs(repo: TempRepo, email: string, files: Readonly<Record<string, string>>, message = 'change'): Promise<string> {
  await repo.write(files);
  await repo.git('add', '-A');
  await repo.git('-c', `user.email=${email}`, 'commit', '-q', '--allow-empty', '-m', message);
  return repo.git('rev-parse', 'HEAD');
}

/** The records of one run over some VLANs, chained by nobody: chains are proven elsewhere. */
export function runOf(id: string, seq: number, commit: string, names: readonly string[], more: Partial<OpenBody> = {}): readonly AuditRecord[] {
  const base = { version: 1 as const, previous: '', customer, run: id, at: hours(0) };
  const leaves = names.map(leafOf);
  return [
    { ...base, seq, type: 'open', commit, author: '', subject: '', tool: '', digest: merkleRoot(leaves), leaves, approvals: [], operator: '', holder: { host: '', boot: '', namespace: '', pid: 1, nonce: '' }, leaseSeconds: 1, guardToken: '', protected: [], stale: [],
      targets: [{ target: 'store', provider: 'memory', guarded: false, changes: names.map((name) => ({ leaf: leafOf(name), verb: 'create', address: addressOf(name), reason: 'new', schemaVersion: 1, risk: 'low' })) }], ...more },
    { ...base, seq: seq + 1, type: 'batch', target: 'store', batch: 'store/build', outcomes: names.map((name) => ({ address: addressOf(name), leaf: leafOf(name), verb: 'create', outcome: { status: 'done' } })) },
    { ...base, seq: seq + 2, type: 'close', commit, targets: [{ target: 'store', verdict: 'converged' }], protected: [] },
  ];
}

export function noticeOf(commit: string, names: readonly string[], more: Partial<PlanNotice> = {}): PlanNotice {
  const leaves = names.map((name) => ({ digest: leafOf(name), transition: leafOf(name), addresses: [addressOf(name)], risk: 'low' as const }));
  return { type: 'plan', customer, commit, base: commit, digest: merkleRoot(leaves.map(({ digest }) => digest)), leaves, at: hours(-3), ...more };
}

/** A code host that knows these pull requests and their reviews. */
export function hostOf(pulls: readonly (PullRequest & { readonly said: readonly Review[] })[]): Platform {
  const find = (number: number): PullRequest & { readonly said: readonly Review[] } => {
    const found = pulls.find((each) => each.number === number);
    if (found === undefined) throw new Error(`no pull request ${String(number)}`);
    return found;
  };
  const never = (): never => { throw new Error('not asked for'); };
  return { name: 'host', bodyLimit: 1, pullRequest: (number) => Promise.resolve(find(number)), reviews: (number) => Promise.resolve(find(number).said), pullRequestOf: never, openPullRequests: never, status: never, upsertComment: never, setStatus: never, upsertIssue: never, openPullRequest: never, closePullRequest: never };
}

/** A change of two commits on a branch, merged by somebody else; `base`: with the rules, before it. */
export async function mergedChange({ repo, soll }: ApprovalBench): Promise<{ readonly base: string; readonly older: string; readonly head: string; readonly merge: string }> {
  const base = await commitAs(repo, 'anna@msp.example', { 'soll.yaml': soll });
  await repo.git('checkout', '-q', '-b', 'change');
  const older = await commitAs(repo, 'mia@msp.example', { 'customers/acme/customer.yaml': 'name: Acme\n' });
  const head = await commitAs(repo, 'mia@msp.example', { 'customers/acme/network.yaml': 'sites: {}\n' });
  await repo.git('checkout', '-q', 'main');
  await repo.git('-c', 'user.email=carl@msp.example', 'merge', '-q', '--no-ff', '-m', 'Merge', 'change');
  return { base, older, head, merge: await repo.git('rev-parse', 'HEAD') };
}
