/** The same files from a folder or from a Git tree. */
import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileEntry, FileSource } from '#core/model';
import { readBlobs } from './read-blobs.ts';
import { tryGit, GitError } from './run-git.ts';

/** What a configuration repository holds for soll. */
const roots = ['customers', 'soll.yaml', 'standards'];

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

/** A commit or tree. What is announced by `prefetch` is read in one go: a process per file would take minutes for a fleet. The next announcement lets go of it. */
export function treeSource(root: string, treeish: string, commit?: string): FileSource {
  let listed: Promise<ReadonlyMap<string, FileEntry>> | undefined;
  let contents = new Map<string, Buffer>();
  const list = (): Promise<ReadonlyMap<string, FileEntry>> => (listed ??= listTree(root, treeish).then((entries) => new Map(entries.map((entry) => [entry.path, entry]))));
  const fetch = async (paths: readonly string[]): Promise<void> => {
    const entries = await list();
    const blobs = paths.flatMap((path) => {
      const entry = entries.get(path);
      if (entry?.blob === undefined || entry.type !== 'file') throw new GitError(`${path} is not a file of ${treeish}`, 1);
      return contents.has(entry.blob) ? [] : [entry.blob];
    });
    if (blobs.length > 0) for (const [blob, bytes] of await readBlobs(root, blobs)) contents.set(blob, bytes);
  };
  return {
    list: async () => [...(await list()).values()],
    async prefetch(paths) {
      contents = new Map();
      await fetch(paths);
    },
    async read(path) {
      await fetch([path]);
      return contents.get((await list()).get(path)?.blob ?? '') ?? Buffer.alloc(0);
    },
    ...(commit === undefined ? {} : { commit }),
  };
}

async function listTree(root: string, treeish: string): Promise<readonly FileEntry[]> {
  const { code, stdout, stderr } = await tryGit(root, ['ls-tree', '-r', '-l', '-z', '--full-tree', treeish, '--', ...roots]);
  if (code !== 0) throw new GitError(`git ls-tree: ${stderr.trim()}`, code);
  return stdout.toString('utf8').split('\0').flatMap((line) => parseEntry(line) ?? []);
}
