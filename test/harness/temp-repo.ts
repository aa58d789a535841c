/** A real Git repository in a temporary folder, with or without a bare remote. */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { git } from './lab-world.ts';

export interface TempRepo {
  readonly root: string;
  readonly gitDir: string;
  readonly remote: string;
  git(...args: readonly string[]): Promise<string>;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Everything that lies there; the commit's id. */
  commit(message?: string): Promise<string>;
  /** Another clone of the remote. */
  clone(name: string, ...options: readonly string[]): Promise<string>;
  /** A program that leaves a file when it is run; what it was run as. */
  trap(path: string): Promise<void>;
  /** Names of traps that went off. */
  sprung(): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export async function makeRepo({ remote: withRemote = false, objectFormat = 'sha1' }: { readonly remote?: boolean; readonly objectFormat?: string } = {}): Promise<TempRepo> {
  const folder = await mkdtemp(join(tmpdir(), 'soll-git-'));
  const [root, remote, traps] = [join(folder, 'a'), join(folder, 'remote.git'), join(folder, 'traps')];
  await Promise.all([mkdir(root), mkdir(traps)]);
  await git(root, 'init', '-q', '-b', 'main', `--object-format=${objectFormat}`);
  await git(root, 'config', 'user.name', 'Mia Technik');
  await git(root, 'config', 'user.email', 'mia@msp.example');
  if (withRemote) {
    await git(folder, 'init', '-q', '--bare', '-b', 'main', remote);
    await git(root, 'remote', 'add', 'origin', remote);
  }
  return {
    root, gitDir: join(root, '.git'), remote,
    git: (...args) => git(root, ...args),
    async write(files) {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), text);
      }
    },
    async commit(message = 'change') {
      await git(root, 'add', '-A');
      await git(root, 'commit', '-q', '--allow-empty', '-m', message);
      return git(root, 'rev-parse', 'HEAD');
    },
    async clone(name, ...options) {
      const other = join(folder, name);
      await git(folder, 'clone', '-q', ...options, withRemote ? `file://${remote}` : `file://${root}`, other);
      await git(other, 'config', 'user.name', 'Ben Technik');
      await git(other, 'config', 'user.email', 'ben@msp.example');
      return other;
    },
    async trap(path) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `#!/bin/sh\necho "$0 $*" >> '${traps}/'"$(basename "$0")"\ncat 2>/dev/null\nexit 0\n`);
      await chmod(path, 0o755);
    },
    sprung: () => readdir(traps),
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
