/** The same files from a folder and from a commit; what is no plain file is told as such and never followed. */
import { symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { folderSource, treeSource } from '#git/file-sources';
import { readBlobs } from '#git/read-blobs';
import { GitError } from '#git/run-git';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';

let made: TempRepo;
afterEach(() => made.remove());

const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n';
const files = {
  'soll.yaml': 'version: 1\n', 'README.md': 'not ours', 'customers/ümläut/a b.yaml': 'ü: 1\n', "customers/q'\"/x.yaml": 'q', 'customers/new\nline/x.yaml': 'n', 'customers/a/--help': '-', 'customers/a/\\back': 'b',
  'customers/lfs/x.yaml': pointer, 'customers/empty/x.yaml': '', 'customers/.gitattributes': '*.yaml filter=lfs diff=lfs merge=lfs -text\n',
};
const ours = Object.keys(files).filter((path) => path !== 'README.md').sort();

describe.each([{ of: 'folder' }, { of: 'tree' }] as const)('$of', ({ of }) => {
  const source = (commit: string) => (of === 'folder' ? folderSource(made.root) : treeSource(made.root, commit));

  it('lists what is ours by its exact name and reads its exact bytes, an LFS pointer as what it is', async () => {
    made = await makeRepo();
    await made.write(files);
    const from = source(await made.commit());
    const listed = await from.list();
    expect(listed.map(({ path }) => path).sort()).toEqual(ours);
    for (const { path, size, type } of listed) {
      const bytes = Buffer.from(await from.read(path));
      expect({ path, type, text: bytes.toString('utf8'), size }).toEqual({ path, type: 'file', text: files[path as keyof typeof files], size: bytes.length });
    }
  });

  it('tells a symlink, also one that leads out or to a folder, and does not read through it', async () => {
    made = await makeRepo();
    await made.write({ 'customers/a/x.yaml': 'x' });
    await symlink('/etc/passwd', join(made.root, 'customers', 'a', 'secret.yaml'));
    await symlink('../..', join(made.root, 'customers', 'loop'));
    const from = source(await made.commit());
    expect((await from.list()).map(({ path, type }) => [path, type]).sort()).toEqual([['customers/a/secret.yaml', 'symlink'], ['customers/a/x.yaml', 'file'], ['customers/loop', 'symlink']]);
  });
});

describe('tree', () => {
  it('tells a submodule and refuses to read symlinks, submodules and what is not there', async () => {
    made = await makeRepo();
    await made.write({ 'customers/a/x.yaml': 'x' });
    await symlink('x.yaml', join(made.root, 'customers', 'a', 'link.yaml'));
    const first = await made.commit();
    await made.git('update-index', '--add', '--cacheinfo', `160000,${first},customers/sub`);
    await made.git('commit', '-q', '-m', 'submodule');
    const source = treeSource(made.root, 'HEAD');
    expect((await source.list()).map(({ path, type }) => [path, type])).toContainEqual(['customers/sub', 'submodule']);
    for (const path of ['customers/sub', 'customers/a/link.yaml', 'customers/a/nothing.yaml', 'README.md', '../../etc/passwd']) await expect(source.read(path)).rejects.toThrow(GitError);
  });

  it('reads the commit, not the working tree', async () => {
    made = await makeRepo();
    await made.write({ 'customers/a/x.yaml': 'committed' });
    const source = treeSource(made.root, await made.commit());
    await made.write({ 'customers/a/x.yaml': 'edited', 'customers/b/x.yaml': 'new' });
    expect((await source.list()).map(({ path }) => path)).toEqual(['customers/a/x.yaml']);
    expect(Buffer.from(await source.read('customers/a/x.yaml')).toString()).toBe('committed');
  });

  it('of no such commit is an error, not an empty tree', async () => {
    made = await makeRepo();
    await made.commit();
    await expect(treeSource(made.root, 'f'.repeat(40)).list()).rejects.toThrow(GitError);
    await expect(readBlobs(made.root, ['f'.repeat(40)])).rejects.toThrow(/missing/);
  });
});

describe('folder', () => {
  it('tells a socket and does not open it', async () => {
    made = await makeRepo();
    await made.write({ 'customers/a/x.yaml': 'x' });
    const server = createServer();
    await new Promise<void>((resolve) => { server.listen(join(made.root, 'customers', 'a', 's.yaml'), resolve); });
    const listed = await folderSource(made.root).list();
    await new Promise((resolve) => server.close(resolve));
    expect(listed.map(({ path, type }) => [path, type])).toContainEqual(['customers/a/s.yaml', 'other']);
  });
});
