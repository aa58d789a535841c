import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EditError } from './edit.ts';

export interface FileChange {
  /** Relative to the root, with `/`. */
  readonly path: string;
  /** Text that the edit started from; `undefined`: the file is new. */
  readonly before: string | undefined;
  readonly after: string;
}

/**
 * Writes files whole or not at all: beside the old one, forced to the disk, then put in its place. All are prepared before the first is
 * put in place. Throws EditError for a symbolic link on the way, and for a file that somebody has changed since it was read.
 */
export async function writeFiles(root: string, changes: readonly FileChange[]): Promise<void> {
  const prepared: { readonly from: string; readonly to: string }[] = [];
  try {
    for (const change of changes) prepared.push(await prepare(root, change));
    for (const change of changes) await refuseChanged(root, change);
    for (const { from, to } of prepared) {
      await rename(from, to);
      await syncFolder(dirname(to));
    }
  } finally {
    await Promise.all(prepared.map(({ from }) => rm(from, { force: true })));
  }
}

async function prepare(root: string, change: FileChange): Promise<{ readonly from: string; readonly to: string }> {
  const mode = await refuseLinks(root, change.path);
  await refuseChanged(root, change);
  const to = join(root, change.path);
  await mkdir(dirname(to), { recursive: true });
  const from = join(dirname(to), `.soll-${randomUUID()}`);
  const file = await open(from, 'wx', mode ?? 0o644);
  try {
    await file.writeFile(change.after);
    await file.sync();
  } catch (error) {
    await rm(from, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return { from, to };
}

/** Mode of the file; `undefined` where there is none. A link could lead the write out of the repository. */
async function refuseLinks(root: string, path: string): Promise<number | undefined> {
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) throw new EditError('edit.file', `${path} is not a path inside the repository`);
  let mode: number | undefined;
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const name = parts.slice(0, depth).join('/');
    const info = await lstat(join(root, name)).catch(() => undefined);
    const right = depth === parts.length ? info?.isFile() : info?.isDirectory();
    if (info !== undefined && right !== true) throw new EditError('edit.file', `${name} is ${info.isSymbolicLink() ? 'a symbolic link' : `not a ${depth === parts.length ? 'file' : 'folder'}`}; nothing was written`, 'put the file itself there');
    mode = info === undefined ? undefined : info.mode & 0o777;
  }
  return mode;
}

async function refuseChanged(root: string, { path, before }: FileChange): Promise<void> {
  const now = await readFile(join(root, path), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (now !== before) throw new EditError('edit.changed', `${path} was changed by somebody else meanwhile; nothing was written`, 'try again');
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; there the rename alone has to do.
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
