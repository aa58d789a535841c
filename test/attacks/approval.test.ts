/**
 * The attack list (see attacks.test.ts) as far as it comes by approvals, clones and plan files. Everything in this process: what decides is asked
 * itself, and nothing is written because no run is ever begun.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { AuditRecord } from '#core/audit-record';
import { merkleRoot } from '#core/merkle-root';
import type { DesiredState, Plan } from '#core/model';
import type { PullRequest, Review } from '#core/platform';
import { folderSource } from '#git/file-sources';
import { openRepo } from '#git/open-repo';
import { seenHeads } from '#git/seen-heads';
import { decide, readApprovals, type KnownApprovals } from '../../src/approvals.ts';
import { signatureNamespace } from '../../src/approval/ssh-signature.ts';
import { apply, plan } from '../../src/pipeline.ts';
import { scopeOf } from '../../src/scope.ts';
import type { ApplyOptions } from '../../src/workspace.ts';
import type { World } from '../../src/world.ts';
import { addressOf, commitAs, customer, hostOf, hours, leafOf, makeBench, mergedChange, noticeOf, runOf, type ApprovalBench } from '../harness/approval-bench.ts';
import { hasKeygen } from '../harness/signing-keys.ts';
import { storesOf } from '../harness/stores.ts';
import { makeRepo } from '../harness/temp-repo.ts';

const options: ApplyOptions = { customers: [], targets: [], concurrency: 1, approve: [], planFiles: [], approver: 'tester', lockTimeoutMs: 0, guardSeconds: 90, allowUnguarded: false };
const nothing: KnownApprovals = { digests: [], saved: [], fleetOf: () => undefined, unknown: () => [] };

/** One change of low risk. */
function planOf(...names: readonly string[]): Plan {
  const leaves = names.map((name) => ({ digest: leafOf(name), transition: leafOf(name), target: 'store', batch: 'store/build', unit: 'change', addresses: [addressOf(name)], after: [] }));
  return { customer, digest: merkleRoot(leaves.map(({ digest }) => digest)), leaves, problems: [], targets: [{ target: 'store', status: 'ready', changes: names.map((name) => ({ address: addressOf(name), risk: 'low' })) }] } as unknown as Plan;
}

describe.runIf(hasKeygen())('approvals', () => {
  let bench: ApprovalBench;
  let base: string;
  let older: string;
  let head: string;
  let merge: string;
  beforeAll(async () => {
    bench = await makeBench();
    ({ base, older, head, merge } = await mergedChange(bench));
    for (const commit of [older, head]) await bench.append(noticeOf(commit, ['office'], { pull: 7, at: hours(-8) }));
  }, 300_000);
  afterAll(() => bench.repo.remove());

  const review = (account: string, more: Partial<Review> = {}): Review => ({ account, bot: false, state: 'approved', commit: head, at: hours(-2), url: `https://host/${account}`, ...more });
  const pull = (said: readonly Review[], more: Partial<PullRequest> = {}): PullRequest & { readonly said: readonly Review[] } => ({ number: 7, url: '', title: '', author: 'mia-msp', committers: ['mia-msp'], state: 'merged', head, base, baseBranch: 'main', merge, fork: false, said, ...more });
  const ask = async (made: Plan, { commit = merge, said, records = [] }: { readonly commit?: string; readonly said?: ReturnType<typeof pull>; readonly records?: readonly AuditRecord[] } = {}): ReturnType<typeof decide> => {
    const { ws, repo, remote, platform } = await bench.place(hostOf(said === undefined ? [] : [said]));
    const world = { ws, repo, remote, tree: { commit } } as unknown as World;
    return decide(world, { state: {} as DesiredState, plan: made, records }, nothing, options, platform);
  };

  it.each<{ item: number; attack: string; said: () => ReturnType<typeof pull>; why: RegExp | undefined }>([
    { item: 0, attack: 'none: a review of the head by somebody who may', said: () => pull([review('carl-msp')]), why: undefined },
    { item: 53, attack: 'another commit is pushed after the approval', said: () => pull([review('carl-msp', { commit: older })]), why: /the approval of carl does not count: given for another commit than the one that came in/ },
    { item: 53, attack: 'the approved commit is pushed away and something else merged', said: () => pull([review('carl-msp')], { head: older }), why: /the approval of carl does not count: given for another commit/ },
    { item: 53, attack: 'a pull request whose commits never came in', said: () => pull([review('carl-msp')], { head: 'f'.repeat(40), merge: 'e'.repeat(40) }), why: /1 approval missing/ },
    { item: 54, attack: 'by the author', said: () => pull([review('mia-msp')]), why: /mia wrote it and does not count/ },
    { item: 54, attack: 'by one who has pushed a commit to it', said: () => pull([review('carl-msp')], { committers: ['mia-msp', 'carl-msp'] }), why: /carl wrote it and does not count/ },
    { item: 54, attack: 'by a bot under a known account', said: () => pull([review('carl-msp', { bot: true })]), why: /the approval of carl does not count: a bot/ },
    { item: 54, attack: 'by somebody who is not in soll.yaml any more', said: () => pull([review('dora-msp')]), why: /the approval of dora-msp does not count: nobody in soll\.yaml/ },
    { item: 54, attack: 'dismissed', said: () => pull([review('carl-msp', { state: 'dismissed' })]), why: /the approval of carl does not count: dismissed/ },
    { item: 59, attack: 'a comment, whatever it says and whoever edits it', said: () => pull([review('carl-msp', { state: 'commented' })]), why: /1 approval missing of anna, ben, carl/ },
  ])('#$item $attack', async ({ said, why }) => {
    const made = await ask(planOf('office'), { said: said() });
    if (why === undefined) {
      expect([made.refused, made.granted?.approvals.map(({ approver }) => approver)]).toEqual([undefined, ['carl']]);
      return;
    }
    expect([made.granted, made.refused?.code, made.waiting.map(({ state }) => state)]).toEqual([undefined, 'not-approved', ['approval']]);
    expect(made.waiting[0]?.why.en).toMatch(why);
    expect(made.waiting[0]?.why.de).not.toBe('');
  });

  it('#55 a change that brings its own rules and signers is judged by those of the base branch', async () => {
    const eve = bench.keys['eve'];
    await bench.repo.git('checkout', '-q', '-b', 'takeover', 'main');
    for (const [what, soll] of [
      ['a signer of its own', bench.soll.replace('approval:\n', `  eve:\n    name: eve\n    emails: [eve@msp.example]\n    groups: [senior]\n    keys:\n      - key: ${eve?.key ?? ''}\napproval:\n`)],
      ['no rules', 'version: 1\n'],
    ] as const) {
      const commit = await commitAs(bench.repo, 'mia@msp.example', { 'soll.yaml': soll, 'customers/acme/network.yaml': `sites: {}\n# ${what}\n`, 'CODEOWNERS': '* @eve\n' });
      const name = what.replaceAll(' ', '-');
      await bench.append({ type: 'approval', ...await bench.signed('eve', [leafOf(name)]) as unknown as { statement: string; signature: string; at: string } });
      // Over two commits, too: what counts is what was applied last.
      const made = await ask(planOf(name), { commit, records: runOf('r1', 1, base, ['seed']) });
      expect([made.granted, made.refused?.code]).toEqual([undefined, 'not-approved']);
      expect(made.waiting[0]?.why.en).toMatch(/the approval of eve does not count: nobody in soll\.yaml, as it stands or as it stood before/);
    }
    await bench.repo.git('checkout', '-q', 'main');
  }, 300_000);

  it('#58 the dates of commits, 1970 or 2099, decide nothing', async () => {
    const tried: unknown[] = [];
    for (const date of ['1970-01-02T00:00:00Z', '2026-01-01T00:00:00Z', '2099-01-01T00:00:00Z']) {
      const dated = (tree: string, ...parents: readonly string[]): string => execFileSync('git', ['-c', 'user.name=mia', '-c', 'user.email=mia@msp.example', 'commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-m', 'dated'], { cwd: bench.repo.root, env: { ...process.env, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }, encoding: 'utf8' }).trim();
      const commit = dated(`${merge}^{tree}`, merge);
      const made = await ask(planOf('office'), { commit, said: pull([review('mia-msp'), review('carl-msp', { commit: older })]) });
      const granted = await ask(planOf('office'), { commit, said: pull([review('carl-msp')]) });
      tried.push([made.waiting.map(({ why }) => why.en), granted.granted?.approvals.map(({ approver }) => approver)]);
      // Of two ends of one branch the one that continues the other is the newer, whatever it says.
      const first = dated(`${base}^{tree}`);
      const next = execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example', 'commit-tree', `${base}^{tree}`, '-p', first, '-m', 'next'], { cwd: bench.repo.root, encoding: 'utf8' }).trim();
      await bench.repo.git('update-ref', 'refs/soll/audit/dated', first);
      await bench.repo.git('update-ref', 'refs/soll/fetched/audit/dated', next);
      expect((await seenHeads({ root: bench.repo.root, prefix: 'audit', remote: 'origin' })).get('dated')?.id).toBe(next);
    }
    expect(tried[0]).toEqual(tried[1]);
    expect(tried[0]).toEqual(tried[2]);
  }, 300_000);

  it.each<{ item: number; attack: string; entry: (name: string) => Promise<{ readonly statement: string; readonly signature: string; readonly at: string }>; why: RegExp; warned?: true }>([
    { item: 64, attack: 'a signature that was made for another purpose', entry: async (name) => {
      const { statement = '', at } = await bench.signed('carl', [leafOf(name)]);
      const made = spawnSync('ssh-keygen', ['-Y', 'sign', '-n', 'git', '-f', bench.keys['carl']?.file ?? ''], { input: statement, encoding: 'utf8' });
      expect([made.status, signatureNamespace]).toEqual([0, 'soll-approval']);
      return { statement, signature: made.stdout, at };
    }, why: /1 approval missing/, warned: true },
    { item: 64, attack: 'the signature of somebody else under what carl has said', entry: async (name) => {
      const [{ statement = '', at }, { signature = '' }] = await Promise.all([bench.signed('carl', [leafOf(name)]), bench.signed('eve', [leafOf(name)])]);
      return { statement, signature, at };
    }, why: /1 approval missing/, warned: true },
    { item: 64, attack: 'a key that is nobody\'s', entry: (name) => bench.signed('eve', [leafOf(name)]) as never, why: /the approval of eve does not count: nobody in soll\.yaml/ },
    { item: 64, attack: 'a key that signs in another\'s name', entry: (name) => bench.signed('carl', [leafOf(name)], { approver: 'anna' }) as never, why: /the approval of carl does not count: signed under another name/ },
    { item: 64, attack: 'a signature that has expired', entry: (name) => bench.signed('carl', [leafOf(name)], { at: hours(-48), expires: hours(-24) }) as never, why: /the approval of carl does not count: expired/ },
    { item: 64, attack: 'a signature that outlives what the rules allow', entry: (name) => bench.signed('carl', [leafOf(name)], { at: hours(-24 * 60), expires: hours(24 * 365) }) as never, why: /the approval of carl does not count: expired/ },
    { item: 64, attack: 'a signature dated ahead, so that it lasts longer', entry: (name) => bench.signed('carl', [leafOf(name)], { at: hours(24), expires: hours(300) }) as never, why: /the approval of carl does not count: dated in the future/ },
  ])('#$item $attack', async ({ attack, entry, why, warned }) => {
    const name = attack.replaceAll(/[^a-z]+/g, '-').slice(0, 40);
    const { statement, signature, at } = await entry(name);
    await bench.append({ type: 'approval', statement, signature, at });
    const made = await ask(planOf(name));
    expect([made.granted, made.refused?.code]).toEqual([undefined, 'not-approved']);
    expect(made.waiting[0]?.why.en).toMatch(why);
    expect(made.problems.map(({ code }) => code).filter((code) => code === 'approval.unproven')).toEqual(warned === true ? ['approval.unproven'] : []);
  }, 300_000);
});

test('#57 a clone whose history is cut off plans and applies nothing, and says how to get the rest; what it was made to believe by other means is ignored elsewhere (open-repo.test.ts)', async () => {
  const repo = await makeRepo({ remote: true });
  try {
    await repo.write(storesOf('acme'));
    await repo.commit('first');
    await repo.write({ 'README.md': 'x' });
    await repo.commit('second');
    await repo.git('push', '-q', 'origin', 'main');
    const root = await repo.clone('shallow', '--depth', '1');
    const none = (): void => undefined;
    const ws = { root, lab: false, env: {}, clock: { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() }, log: { debug: none, info: none, warn: none }, progress: none, signal: new AbortController().signal, redactor: { add: none, redact: (text: string) => text } };
    const selection = { customers: ['acme'], targets: [], concurrency: 1 };
    const planned = await plan(ws, selection);
    const applied = await apply(ws, { ...options, ...selection, approve: [`sha256:${'0'.repeat(64)}`] });
    for (const { plans, problems } of [planned, applied]) {
      expect(plans).toEqual([]);
      expect(problems.filter(({ code }) => code === 'git.shallow')).toEqual([expect.objectContaining({ severity: 'error', hint: expect.stringContaining('fetch-depth: 0') as string })]);
    }
    expect(applied.runs).toEqual([]);
  } finally {
    await repo.remove();
  }
}, 300_000);

test('#61 what a pull request writes into workflows plans nothing, and no command of ours starts anything by a comment', async () => {
  const repo = await makeRepo();
  try {
    await repo.write(storesOf('acme'));
    await repo.commit('first');
    const before = folderSource(repo.root);
    await repo.write({ '.github/workflows/evil.yml': 'on: pull_request\njobs: {}\n', '.github/actions/evil/action.yml': 'runs: {}\n' });
    const scope = await scopeOf({ changed: ['.github/workflows/evil.yml', '.github/actions/evil/action.yml'], before, after: folderSource(repo.root), purpose: 'plan' });
    expect([scope.customers, scope.deleted]).toEqual([[], []]);
  } finally {
    await repo.remove();
  }
});

test('#62 scripts of dependencies are not executed when this is installed', async () => {
  const root = new URL('../../', import.meta.url);
  expect(await readFile(new URL('.npmrc', root), 'utf8')).toMatch(/^ignore-scripts=true$/m);
  const { scripts } = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as { scripts: Readonly<Record<string, string>> };
  expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
  const { packages } = JSON.parse(await readFile(new URL('package-lock.json', root), 'utf8')) as { packages: Readonly<Record<string, { hasInstallScript?: boolean; integrity?: string; link?: boolean }>> };
  const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path);
  // There are some, or this shows nothing; what they would have built is not there.
  expect(scripted).toContain('node_modules/ssh2');
  for (const path of scripted) expect(await readdir(new URL(`${path}/build/`, root)).catch(() => 'not built')).toBe('not built');
  expect(await readdir(new URL('node_modules/ssh2/lib/protocol/crypto/build/', root)).catch(() => 'not built')).toBe('not built');
  expect(Object.entries(packages).filter(([path, { integrity, link }]) => path !== '' && integrity === undefined && link !== true).map(([path]) => path)).toEqual([]);
});

describe('#69 a plan file that is something else', () => {
  const digest = planOf('office').digest;
  const text = JSON.stringify({ plans: [planOf('office')] });
  /** As a ZIP writer stores one file: enough to be one for `unzip -l`. */
  const zip = (name: string): Buffer => {
    const [data, file] = [Buffer.from(text), Buffer.from(name)];
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt32LE(data.length, 18);
    header.writeUInt32LE(data.length, 22);
    header.writeUInt16LE(file.length, 26);
    return Buffer.concat([header, file, data]);
  };
  let folder: string;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    const repo = await makeRepo();
    folder = repo.root;
    remove = () => repo.remove();
  });
  afterAll(() => remove());

  it.each<{ attack: string; make: (path: string) => Promise<unknown>; refused?: RegExp }>([
    { attack: 'an archive whose file would leave its folder', make: (path) => writeFile(path, zip('../../../etc/cron.d/x')) },
    { attack: 'an archive that unpacks to a thousand times its size', make: (path) => writeFile(path, gzipSync(Buffer.alloc(64 * 1_048_576))) },
    { attack: 'a link to a secret', make: async (path) => { await writeFile(`${path}.secret`, 'canary-value'); await symlink(`${path}.secret`, path); }, refused: /is not a plain file/ },
    { attack: 'a link to what never ends', make: (path) => symlink('/dev/zero', path), refused: /is not a plain file/ },
    { attack: 'a pipe', make: (path) => { execFileSync('mkfifo', [path]); return Promise.resolve(); }, refused: /is not a plain file/ },
    { attack: 'a folder', make: (path) => mkdir(path), refused: /is not a plain file/ },
    { attack: 'nothing', make: () => Promise.resolve(), refused: /is not there/ },
    { attack: 'the plan of another digest under the right name', make: (path) => writeFile(path, JSON.stringify({ plans: [{ ...planOf('evil'), digest }] })) },
    { attack: 'the leaves of another plan beside the right digest', make: (path) => writeFile(path, JSON.stringify({ plans: [{ ...planOf('office'), leaves: planOf('evil').leaves }] })) },
  ])('$attack: approves nothing, is not unpacked, and nothing of it is told', async ({ attack, make, refused }) => {
    const path = join(folder, 'plan.json');
    await make(path);
    const before = (await readdir(folder)).sort();
    const read = await readApprovals(join(folder, '.git'), { ...options, approve: [digest], planFiles: [path] });
    const known = read.over([planOf('other')]);
    expect([attack, known.saved]).toEqual([attack, []]);
    expect(read.problems.map(({ code, message }) => `${code} ${message}`)).toEqual(refused === undefined ? [] : [expect.stringMatching(refused)]);
    expect(JSON.stringify([read.problems, known.unknown([planOf('other')])])).not.toContain('canary');
    expect(known.unknown([planOf('other')])).toMatchObject([{ code: 'stale', why: expect.stringContaining(digest) as string }]);
    expect((await readdir(folder)).sort()).toEqual(before);
    await rm(path, { recursive: true, force: true });
  });

  it('of several files only the one counts whose leaves add up to the approved digest, whatever it is called', async () => {
    await writeFile(join(folder, 'a.json'), text);
    await writeFile(join(folder, 'plan-newest.json'), JSON.stringify({ plans: [planOf('evil')] }));
    const read = await readApprovals(join(folder, '.git'), { ...options, approve: [digest], planFiles: [join(folder, 'plan-newest.json'), join(folder, 'a.json')] });
    const known = read.over([planOf('evil'), planOf('office', 'more')]);
    const repo = await openRepo(folder);
    await writeFile(join(folder, 'soll.yaml'), 'version: 1\n');
    await mkdir(join(folder, 'customers', 'acme'), { recursive: true });
    await writeFile(join(folder, 'customers', 'acme', 'customer.yaml'), 'name: Acme\n');
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example', 'add', 'soll.yaml', 'customers'], { cwd: folder });
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example', 'commit', '-q', '-m', 'x'], { cwd: folder });
    const world = { ws: { clock: { now: () => 0 } }, repo, remote: undefined, tree: { commit: await repo.head() ?? '' } } as unknown as World;
    const evil = await decide(world, { state: {} as DesiredState, plan: planOf('evil'), records: [] }, known, options, undefined);
    const right = await decide(world, { state: {} as DesiredState, plan: planOf('office', 'more'), records: [] }, known, options, undefined);
    expect([...evil.granted?.match.apply ?? []]).toEqual([]);
    expect([...right.granted?.match.apply ?? []]).toEqual([leafOf('office')]);
  });
});
