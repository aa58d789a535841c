import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EditError } from '../../src/edit/edit.ts';
import { writeFiles } from '../../src/edit/write-files.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'soll-write-'));
  await mkdir(join(root, 'customers/acme'), { recursive: true });
  await writeFile(join(root, 'customers/acme/a.yaml'), 'a: 1\n');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const good = { path: 'customers/acme/a.yaml', before: 'a: 1\n', after: 'a: 2\n' };
const names = (): Promise<string[]> => readdir(join(root, 'customers/acme'));

describe('writeFiles', () => {
  test('old and new files, with the mode that the old one had, and nothing else beside them', async () => {
    await chmod(join(root, 'customers/acme/a.yaml'), 0o640);
    await writeFiles(root, [good, { path: 'customers/acme/b.yaml', before: undefined, after: 'b: 1\n' }]);
    expect(await readFile(join(root, 'customers/acme/a.yaml'), 'utf8')).toBe('a: 2\n');
    expect((await stat(join(root, 'customers/acme/a.yaml'))).mode & 0o777).toBe(0o640);
    expect((await names()).sort()).toEqual(['a.yaml', 'b.yaml']);
  });

  test.each([
    { name: 'a symbolic link in place of a file', because: 'the write would go where it leads', prepare: () => symlink('/etc/hostname', join(root, 'customers/acme/b.yaml')), change: { path: 'customers/acme/b.yaml', before: undefined, after: 'x' }, code: 'edit.file' },
    { name: 'a symbolic link in place of a folder', because: 'the write would leave the repository', prepare: () => symlink('/tmp', join(root, 'customers/evil')), change: { path: 'customers/evil/b.yaml', before: undefined, after: 'x' }, code: 'edit.file' },
    { name: 'a path that leads out', because: 'only files of the repository are written', prepare: () => Promise.resolve(), change: { path: '../b.yaml', before: undefined, after: 'x' }, code: 'edit.file' },
    { name: 'a file that was changed meanwhile', because: 'somebody else\'s work would be lost', prepare: () => writeFile(join(root, 'customers/acme/b.yaml'), 'b: theirs\n'), change: { path: 'customers/acme/b.yaml', before: 'b: 1\n', after: 'b: 2\n' }, code: 'edit.changed' },
    { name: 'a new file that is there by now', because: 'it is somebody else\'s', prepare: () => writeFile(join(root, 'customers/acme/b.yaml'), 'b: theirs\n'), change: { path: 'customers/acme/b.yaml', before: undefined, after: 'b: 2\n' }, code: 'edit.changed' },
  ])('refuses $name, and writes none of the others: $because', async ({ prepare, change, code }) => {
    await prepare();
    const before = await names();
    await expect(writeFiles(root, [good, change])).rejects.toSatisfy((error) => error instanceof EditError && error.code === code);
    expect(await readFile(join(root, good.path), 'utf8')).toBe('a: 1\n');
    expect(await names()).toEqual(before);
  });
});
