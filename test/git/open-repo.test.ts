/** What is asked of Git, against real repositories that are shallow, hostile or oddly named. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openRepo } from '#git/open-repo';
import { git as run, GitError } from '#git/run-git';
import { git } from '../harness/lab-world.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';

const open: TempRepo[] = [];
async function repo(options?: Parameters<typeof makeRepo>[0]): Promise<TempRepo> {
  const made = await makeRepo(options);
  open.push(made);
  return made;
}
afterEach(async () => { await Promise.all(open.splice(0).map((each) => each.remove())); });

const odd = ['customers/ümläut/a b.yaml', 'customers/q"uote/$(id).yaml', "customers/it's/new\nline.yaml", 'customers/tab\there/--output=x.yaml'];

describe('a folder', () => {
  it('that is no repository is told, with what to do', async () => {
    const { root } = await repo();
    await expect(openRepo(join(root, '..'))).rejects.toThrow(/not in a Git repository/);
  });
  it('below the top is refused', async () => {
    const made = await repo();
    await made.write({ 'customers/a/x.yaml': '' });
    await expect(openRepo(join(made.root, 'customers'))).rejects.toThrow(/at the top/);
  });
  it('without a commit has no head', async () => {
    expect(await (await openRepo((await repo()).root)).head()).toBeUndefined();
  });
});

describe('mergeTree', () => {
  it('holds both sides and touches neither branch nor working tree', async () => {
    const made = await repo();
    await made.write({ 'customers/a/x.yaml': '1\n' });
    const base = await made.commit();
    await made.git('checkout', '-q', '-b', 'topic');
    await made.write({ 'customers/a/topic.yaml': 't\n' });
    const topic = await made.commit();
    await made.git('checkout', '-q', 'main');
    await made.write({ 'customers/a/main.yaml': 'm\n' });
    const main = await made.commit();
    const opened = await openRepo(made.root);
    const { tree, conflicts } = await opened.mergeTree(topic, main);
    expect(conflicts).toEqual([]);
    const source = await opened.treeSource(tree ?? '');
    expect((await source.list()).map(({ path }) => path)).toEqual(['customers/a/main.yaml', 'customers/a/topic.yaml', 'customers/a/x.yaml']);
    expect(await made.git('rev-parse', 'HEAD')).toBe(main);
    expect(await opened.isClean(['customers'])).toBe(true);
    expect(await opened.isAncestor(base, topic)).toBe(true);
    expect(await opened.isAncestor(topic, main)).toBe(false);
  });

  it.each(odd)('names %j when both sides changed it', async (path) => {
    const made = await repo();
    await made.write({ [path]: 'one\n' });
    await made.commit();
    await made.git('checkout', '-q', '-b', 'topic');
    await made.write({ [path]: 'two\n' });
    const topic = await made.commit();
    await made.git('checkout', '-q', 'main');
    await made.write({ [path]: 'three\n' });
    expect(await (await openRepo(made.root)).mergeTree(topic, await made.commit())).toEqual({ conflicts: [path] });
  });
});

describe('changedPaths', () => {
  it('tells odd names whole, both names of a rename, and what is not yet added', async () => {
    const made = await repo();
    await made.write({ 'customers/old/x.yaml': 'long enough to be seen as a rename\n'.repeat(5), 'customers/same/x.yaml': '' });
    await made.commit();
    await made.git('branch', 'before');
    await made.git('mv', 'customers/old', 'customers/new');
    for (const path of odd) await made.write({ [path]: 'x' });
    const head = await made.commit();
    const opened = await openRepo(made.root);
    const expected = ['customers/new/x.yaml', 'customers/old/x.yaml', ...odd].sort();
    expect([...await opened.changedPaths('before', head)].sort()).toEqual(expected);
    await made.write({ 'customers/later\n/x.yaml': '', 'customers/same/x.yaml': 'edited' });
    expect([...await opened.changedPaths('before', undefined)].sort()).toEqual([...expected, 'customers/later\n/x.yaml', 'customers/same/x.yaml'].sort());
  });

  it('counts from where the branches parted, not from the tip of the other', async () => {
    const made = await repo();
    await made.write({ 'customers/a/x.yaml': '' });
    await made.commit();
    await made.git('checkout', '-q', '-b', 'other');
    await made.write({ 'customers/other/x.yaml': '' });
    await made.commit();
    await made.git('checkout', '-q', 'main');
    await made.write({ 'customers/mine/x.yaml': '' });
    expect(await (await openRepo(made.root)).changedPaths('other', await made.commit())).toEqual(['customers/mine/x.yaml']);
  });

  it.each(['nowhere', '--output=x', '$(id)', 'HEAD; id'])('a revision named %j is no commit and nothing else', async (name) => {
    const made = await repo();
    await made.commit();
    await expect((await openRepo(made.root)).changedPaths(name, undefined)).rejects.toThrow(GitError);
  });
});

describe('notContained', () => {
  it('tells commits that no head holds and those that this clone does not know', async () => {
    const made = await repo();
    const first = await made.commit('1');
    const second = await made.commit('2');
    await made.git('checkout', '-q', '-b', 'side', first);
    const side = await made.commit('3');
    const unknown = 'd'.repeat(40);
    const opened = await openRepo(made.root);
    expect(await opened.notContained([first, second, side, unknown, first], [second])).toEqual([side, unknown]);
    expect(await opened.notContained([first, second, side], [second, side])).toEqual([]);
    expect(await opened.notContained([first], [])).toEqual([first]);
    expect(await opened.notContained([], [])).toEqual([]);
  });
});

describe('a shallow clone', () => {
  it('is told as such, with how to mend it', async () => {
    const made = await repo({ remote: true });
    const first = await made.commit('1');
    await made.commit('2');
    await made.git('push', '-q', 'origin', 'main');
    const shallow = await openRepo(await made.clone('shallow', '--depth', '1'));
    await expect(shallow.isAncestor(first, 'HEAD')).rejects.toThrow(/shallow.*--unshallow/);
  });
});

describe('nothing of a repository is executed', () => {
  it('neither hooks, filters, merge drivers, file system monitors nor external diffs, while everything is asked', async () => {
    const made = await repo({ remote: true });
    const trap = async (name: string): Promise<string> => {
      const path = join(made.root, '..', 'programs', name);
      await made.trap(path);
      return path;
    };
    await made.write({ 'customers/a/x.yaml': 'one\ntwo\nthree\n', '.gitattributes': '*.yaml filter=evil diff=evil merge=evil\n' });
    await made.commit();
    await made.git('push', '-q', 'origin', 'main');
    await made.git('checkout', '-q', '-b', 'topic');
    await made.write({ 'customers/a/x.yaml': 'ONE\ntwo\nthree\n' });
    const topic = await made.commit();
    await made.git('checkout', '-q', 'main');
    await made.write({ 'customers/a/x.yaml': 'one\ntwo\nTHREE\n' });
    const main = await made.commit();
    for (const hook of ['pre-push', 'reference-transaction', 'post-index-change', 'pre-auto-gc', 'post-checkout', 'post-merge', 'fsmonitor-watchman', 'pre-commit', 'commit-msg']) await made.trap(join(made.gitDir, 'hooks', hook));
    await made.git('config', 'core.fsmonitor', await trap('fsmonitor'));
    for (const each of ['clean', 'smudge', 'process']) await made.git('config', `filter.evil.${each}`, await trap(each));
    await made.git('config', 'filter.evil.required', 'true');
    await made.git('config', 'merge.evil.driver', `${await trap('driver')} %O %A %B`);
    await made.git('config', 'diff.evil.command', await trap('diff'));
    await made.git('config', 'diff.external', await trap('external'));
    await made.git('config', 'diff.evil.textconv', await trap('textconv'));
    await made.git('config', 'log.showSignature', 'true');
    await made.git('config', 'gpg.program', await trap('gpg'));
    // Same size and later: Git must look at the content to know.
    await writeFile(join(made.root, 'customers/a/x.yaml'), 'one\ntwo\nthreE\n');

    const opened = await openRepo(made.root);
    expect(await opened.isClean(['customers'])).toBe(false);
    expect(await opened.changedPaths(topic, undefined)).toEqual(['customers/a/x.yaml']);
    const { tree } = await opened.mergeTree(topic, main);
    const source = await opened.treeSource(tree ?? '');
    expect(Buffer.from(await source.read('customers/a/x.yaml')).toString()).toBe('ONE\ntwo\nTHREE\n');
    expect((await opened.lastChange(main, ['customers'])).author).toBe('Test <test@msp.example>');
    await run(made.root, ['update-ref', 'refs/soll/x', main]);
    await run(made.root, ['push', '-q', 'origin', `${main}:refs/heads/pushed`]);
    await run(made.root, ['fetch', '-q', 'origin', 'pushed']);
    expect(await made.sprung()).toEqual([]);
  });

  it('who has changed a customer last, and why, is said by one commit: not by a later one elsewhere, not by the merge', async () => {
    const made = await repo();
    const as = async (name: string, path: string, text = name): Promise<void> => {
      await made.write({ [path]: `${text}\n` });
      await made.git('add', '-A');
      await made.git('-c', `user.name=${name}`, '-c', `user.email=${name}@msp.example`, 'commit', '-q', '-m', `${name}: ${path}`);
    };
    await as('eve', 'standards/base.yaml');
    await made.git('checkout', '-q', '-b', 'topic');
    await as('mia', 'customers/a/x.yaml');
    await made.git('checkout', '-q', 'main');
    await made.git('merge', '-q', '--no-ff', '-m', 'Merge', 'topic');
    await as('ben', 'customers/b/x.yaml');
    const opened = await openRepo(made.root);
    const told = async (...paths: readonly string[]): Promise<readonly string[]> => Object.values(await opened.lastChange('HEAD', paths));
    expect(await told('customers/a')).toEqual(['mia <mia@msp.example>', 'mia: customers/a/x.yaml']);
    expect(await told('customers/b', 'standards/base.yaml')).toEqual(['ben <ben@msp.example>', 'ben: customers/b/x.yaml']);
    await as('eve', 'standards/base.yaml', 'stricter');
    expect(await told('customers/b', 'standards/base.yaml')).toEqual(['eve <eve@msp.example>', 'eve: standards/base.yaml']);
    expect(await told('customers/nobody')).toEqual(['eve <eve@msp.example>', 'eve: standards/base.yaml']);
  });

  it('a replaced object is read as what its hash names, grafts are not followed', async () => {
    const made = await repo();
    await made.write({ 'customers/a/x.yaml': 'true\n' });
    const first = await made.commit();
    const second = await made.commit('2');
    await made.write({ 'customers/a/x.yaml': 'false\n' });
    const other = await made.commit('other');
    await made.git('replace', first, other).catch(() => undefined);
    await made.git('replace', await made.git('rev-parse', `${first}:customers/a/x.yaml`), await made.git('rev-parse', `${other}:customers/a/x.yaml`));
    await writeFile(join(made.gitDir, 'info', 'grafts'), `${second}\n`);
    const opened = await openRepo(made.root);
    expect(Buffer.from(await (await opened.treeSource(first)).read('customers/a/x.yaml')).toString()).toBe('true\n');
    expect(await opened.isAncestor(first, second)).toBe(true);
  });
});

describe('GIT_ variables of the caller', () => {
  const other = async (): Promise<{ readonly repo: TempRepo; readonly head: string }> => {
    const made = await repo();
    await made.write({ 'customers/elsewhere/x.yaml': '' });
    return { repo: made, head: await made.commit('elsewhere') };
  };
  it.each(['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY', 'GIT_COMMON_DIR', 'GIT_NAMESPACE', 'GIT_SHALLOW_FILE', 'GIT_GRAFT_FILE', 'GIT_REPLACE_REF_BASE', 'GIT_ICASE_PATHSPECS', 'GIT_LITERAL_PATHSPECS', 'GIT_EXTERNAL_DIFF', 'GIT_CEILING_DIRECTORIES'])('%s changes nothing', async (name) => {
    const made = await repo();
    await made.write({ 'customers/a/x.yaml': '' });
    const head = await made.commit();
    const { repo: elsewhere } = await other();
    const before = process.env[name];
    process.env[name] = name === 'GIT_WORK_TREE' || name === 'GIT_CEILING_DIRECTORIES' ? elsewhere.root : elsewhere.gitDir;
    try {
      const opened = await openRepo(made.root);
      expect(await opened.head()).toBe(head);
      expect(await opened.isClean(['customers'])).toBe(true);
      expect((await (await opened.treeSource(head)).list()).map(({ path }) => path)).toEqual(['customers/a/x.yaml']);
    } finally {
      if (before === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before;
    }
  });
});

it('a linked worktree keeps its things in the shared Git directory', async () => {
  const made = await repo();
  await made.commit();
  const linked = join(made.root, '..', 'linked');
  await git(made.root, 'worktree', 'add', '-q', linked);
  expect((await openRepo(linked)).gitDir).toBe(made.gitDir);
});
