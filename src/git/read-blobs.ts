import { GitError, tryGit } from './run-git.ts';

/** Contents of many objects through one `cat-file --batch` process. Throws GitError when one is missing. */
export async function readBlobs(cwd: string, ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const wanted = [...new Set(ids)];
  const result = new Map<string, Buffer>();
  if (wanted.length === 0) return result;
  const { stdout, stderr, code } = await tryGit(cwd, ['cat-file', '--batch'], { stdin: `${wanted.join('\n')}\n` });
  if (code !== 0) throw new GitError(`git cat-file: ${stderr.trim()}`, code);
  let offset = 0;
  for (const id of wanted) {
    const end = stdout.indexOf(0x0a, offset);
    const [, type, size] = stdout.subarray(offset, end).toString('latin1').split(' ');
    if (end < 0 || type === 'missing' || size === undefined) throw new GitError(`object ${id} is missing from the repository (a shallow or damaged clone? fetch the whole history)`, 1);
    const start = end + 1;
    result.set(id, stdout.subarray(start, start + Number(size)));
    offset = start + Number(size) + 1;
  }
  return result;
}
