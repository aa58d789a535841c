import { GitError, tryGit } from './run-git.ts';
import { readBlobs } from './read-blobs.ts';

/** Contents by `commit:path`, through one process; `undefined` where there is no file of this name. */
export async function readMany(root: string, specs: readonly string[]): Promise<readonly (Buffer | undefined)[]> {
  return (await readObjects(root, specs)).map((object) => (object?.type === 'blob' ? object.bytes : undefined));
}

export interface TreeFile {
  readonly name: string;
  /** As Git writes it, `100644`. */
  readonly mode: string;
  readonly id: string;
}

/** What stands in each folder, by `commit:folder` (`commit:` for the top), through one process; `undefined` where there is none. */
export async function readTrees(root: string, specs: readonly string[]): Promise<readonly (readonly TreeFile[] | undefined)[]> {
  return (await readObjects(root, specs)).map((object) => (object?.type === 'tree' ? parseTree(object.bytes, object.idBytes) : undefined));
}

/** Texts of the files of many folders, by name, through two processes. A folder that is not there is empty. */
export async function readFolders(root: string, specs: readonly string[]): Promise<readonly ReadonlyMap<string, string>[]> {
  const trees = (await readTrees(root, specs)).map((tree) => (tree ?? []).filter(({ mode }) => mode.startsWith('100')));
  const blobs = await readBlobs(root, trees.flatMap((tree) => tree.map(({ id }) => id)));
  return trees.map((tree) => new Map(tree.map(({ name, id }) => [name, blobs.get(id)?.toString('utf8') ?? ''])));
}

interface FoundObject {
  readonly type: string;
  readonly bytes: Buffer;
  /** Length of an id: trees hold them as bytes. */
  readonly idBytes: number;
}

async function readObjects(root: string, specs: readonly string[]): Promise<readonly (FoundObject | undefined)[]> {
  if (specs.length === 0) return [];
  // One name a line: whatever holds a line break is no name of ours.
  if (specs.some((spec) => spec.includes('\n'))) throw new GitError('a name in Git that holds a line break', 1);
  const { stdout } = await tryGit(root, ['cat-file', '--batch'], { stdin: `${specs.join('\n')}\n` });
  let offset = 0;
  return specs.map(() => {
    const end = stdout.indexOf(0x0a, offset);
    const header = /^([0-9a-f]+) (blob|tree|commit|tag) (\d+)$/.exec(stdout.subarray(offset, end).toString('utf8'));
    if (header === null) {
      offset = end + 1;
      return undefined;
    }
    const [, id = '', type = '', size = ''] = header;
    const bytes = stdout.subarray(end + 1, end + 1 + Number(size));
    offset = end + 2 + Number(size);
    return { type, bytes, idBytes: id.length / 2 };
  });
}

/** `<mode> <name>\0<id as bytes>`, again and again (gitformat-pack and git-cat-file call it the raw form). */
function parseTree(bytes: Buffer, idBytes: number): readonly TreeFile[] {
  const found: TreeFile[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const space = bytes.indexOf(0x20, offset);
    const end = bytes.indexOf(0, space);
    if (space < 0 || end < 0) throw new GitError('a folder in Git that cannot be read', 1);
    found.push({ mode: bytes.subarray(offset, space).toString('latin1'), name: bytes.subarray(space + 1, end).toString('utf8'), id: bytes.subarray(end + 1, end + 1 + idBytes).toString('hex') });
    offset = end + 1 + idBytes;
  }
  return found;
}
