/** The same files from a folder or from a Git tree. */
import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileEntry, FileSource } from '#core/model';
import { readBlobs } from './read-blobs.ts';
import { tryGit, GitError } from './run-git.ts';

/** What a configuration repository holds for soll. */
const roots = ['customers', 'soll.yaml'];

async function walk(root: string, path: string): Promise<FileEntry[]> {
  const info = await lstat(join(root, path)).catch(() => undefined);
  if (info === undefined) return [];
  if (info.isSymbolicLink()) return [{ path, type: 'symlink', size: 0 }];
  if (info.isFile()) return [{ path, type: 'file', size: info.size }];
  if (!info.isDirectory()) return [{ path, type: 'other', size: 0 }];
  const names = (await readdir(join(root, path))).sort();
  return (await Promise.all(names.map((name) => walk(root, `${path}/${name}`)))).flat();
}

/** The working tree. Symlinks are listed as such and never followed. */
export function folderSource(root: string): FileSource {
  return {
    list: async () => (await Promise.all(roots.map((path) => walk(root, path)))).flat(),
    read: (path) => readFile(join(root, path)),
  };
}

function parseEntry(line: string): FileEntry | undefined {
  const match = /^(\d{6}) (blob|commit|tree) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line);
  if (match === null) return undefined;
  const [, mode = '', type = '', blob = '', size = '', path = ''] = match;
  const kind = mode === '120000' ? 'symlink' : mode === '160000' ? 'submodule' : type === 'blob' ? 'file' : 'other';
  return { path, type: kind, size: size === '-' ? 0 : Number(size), blob };
}

/** A commit or tree. Contents are read in one go at the first `read` of any of them: a process per file would take minutes for a fleet. */
export function treeSource(root: string, treeish: string, commit?: string): FileSource {
  let listed: Promise<readonly FileEntry[]> | undefined;
  let contents: Promise<ReadonlyMap<string, Buffer>> | undefined;
  const list = (): Promise<readonly FileEntry[]> => (listed ??= listTree(root, treeish));
  return {
    list,
    async read(path) {
      const entries = await list();
      const entry = entries.find((candidate) => candidate.path === path);
      if (entry?.blob === undefined || entry.type !== 'file') throw new GitError(`${path} is not a file of ${treeish}`, 1);
      contents ??= readBlobs(root, entries.flatMap((each) => (each.type === 'file' && each.blob !== undefined && each.size <= 4 * 1024 * 1024 ? [each.blob] : [])));
      return (await contents).get(entry.blob) ?? Buffer.alloc(0);
    },
    ...(commit === undefined ? {} : { commit }),
  };
}

async function listTree(root: string, treeish: string): Promise<readonly FileEntry[]> {
  const { code, stdout, stderr } = await tryGit(root, ['ls-tree', '-r', '-l', '-z', '--full-tree', treeish, '--', ...roots]);
  if (code !== 0) throw new GitError(`git ls-tree: ${stderr.trim()}`, code);
  return stdout.toString('utf8').split('\0').flatMap((line) => parseEntry(line) ?? []);
}
