/** A branch that only grows: what is there afterwards when the push, its answer or the process is lost. */
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { appendBranch, type AppendBranch } from '#git/append-branch';
import { GitError } from '#git/run-git';
import { git } from '../harness/lab-world.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';

let repo: TempRepo;
afterEach(() => repo.remove());
const branch = (remote?: string, root = repo.root, effect: (name: string) => Promise<void> = () => Promise.resolve()): AppendBranch => appendBranch({ root, gitDir: join(root, '.git'), name: 'audit/acme', remote, effect });

describe.each([{ where: 'local', remote: undefined, format: 'sha1' }, { where: 'local, SHA-256', remote: undefined, format: 'sha256' }, { where: 'remote', remote: 'origin', format: 'sha1' }] as const)('$where', ({ remote, format }) => {
  it('grows file by file, keeps what stands, and touches neither index nor working tree nor HEAD', async () => {
    repo = await makeRepo({ remote: remote !== undefined, objectFormat: format });
    await repo.write({ 'customers/a/x.yaml': '1' });
    const main = await repo.commit();
    await repo.write({ 'customers/a/x.yaml': '2' });
    await repo.git('add', '-A');
    const before = await repo.git('status', '--porcelain');
    const audit = branch(remote);
    expect(await audit.head()).toBeUndefined();
    const first = await audit.append(undefined, { 'records/1.json': 'one\n', 'ledger.json': 'a' }, 'first');
    const second = await audit.append(first, { 'records/ü "2".json': 'zwei', 'ledger.json': 'b' }, 'second: "quoted"\n\nü');
    expect(await audit.head()).toBe(second);
    expect(Object.fromEntries(await audit.files(second, 'records'))).toEqual({ '1.json': 'one\n', 'ü "2".json': 'zwei' });
    expect(Object.fromEntries(await audit.files(second, ''))).toEqual({ 'ledger.json': 'b' });
    expect(await audit.commits(second)).toEqual([
      { id: first, parents: [], changes: [{ status: 'A', path: 'ledger.json' }, { status: 'A', path: 'records/1.json' }] },
      { id: second, parents: [first], changes: [{ status: 'M', path: 'ledger.json' }, { status: 'A', path: 'records/ü "2".json' }] },
    ]);
    expect(await repo.git('rev-parse', 'HEAD')).toBe(main);
    expect(await repo.git('status', '--porcelain')).toBe(before);
    expect((await readdir(repo.gitDir)).filter((name) => name.startsWith('soll-index'))).toEqual([]);
  });

  it('who stands on an older commit is told that it moved, and nothing changes', async () => {
    repo = await makeRepo({ remote: remote !== undefined, objectFormat: format });
    const audit = branch(remote);
    const first = await audit.append(undefined, { a: '1' }, 'first');
    const second = await audit.append(first, { a: '2' }, 'second');
    expect(await audit.append(first, { a: '3' }, 'late')).toBe('moved');
    expect(await audit.append(undefined, { a: '3' }, 'from nothing')).toBe('moved');
    expect(await audit.head()).toBe(second);
  });
});

it('a push that arrives and whose answer is lost is recognised', async () => {
  repo = await makeRepo({ remote: true });
  const audit = branch('origin');
  const first = await audit.append(undefined, { a: '1' }, 'first');
  // The other side has moved its branch and dies before it can say so.
  const hook = join(repo.remote, 'hooks', 'post-update');
  await writeFile(hook, '#!/bin/sh\nkill -9 $PPID\n');
  await chmod(hook, 0o755);
  const second = await audit.append(first, { a: '2' }, 'second');
  expect(await git(repo.remote, 'rev-parse', 'audit/acme')).toBe(second);
  expect(await audit.head()).toBe(second);
});

it.each([
  { because: 'the other side refuses by its own rule', hook: 'pre-receive', script: 'echo "no audit branches here" >&2; exit 1', message: /audit branches/ },
])('a push that is refused for another reason is an error, not a lost race: $because', async ({ hook, script, message }) => {
  repo = await makeRepo({ remote: true });
  const path = join(repo.remote, 'hooks', hook);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  const failure: unknown = await branch('origin').append(undefined, { a: '1' }, 'first').catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(GitError);
  expect(failure instanceof Error ? failure.message : '').toMatch(message);
  expect(await branch('origin').head()).toBeUndefined();
});

it('a process that ends between commit and push leaves the branch as it was', async () => {
  repo = await makeRepo({ remote: true });
  const first = await branch('origin').append(undefined, { a: '1' }, 'first');
  await expect(branch('origin', repo.root, (name) => (name === 'audit.push' ? Promise.reject(new Error('killed')) : Promise.resolve())).append(first, { a: '2' }, 'second')).rejects.toThrow('killed');
  expect(await branch('origin').head()).toBe(first);
  expect(await branch('origin').append(first, { a: '2' }, 'second')).not.toBe('moved');
});

it('of two clones that append at once one is told that it moved', async () => {
  repo = await makeRepo({ remote: true });
  const other = await repo.clone('b');
  const outcomes = await Promise.all([branch('origin').append(undefined, { a: '1' }, 'mine'), branch('origin', other).append(undefined, { a: '2' }, 'theirs')]);
  expect(outcomes.filter((each) => each === 'moved')).toHaveLength(1);
  expect(outcomes).toContain(await branch('origin').head());
});
