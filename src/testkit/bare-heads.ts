import { spawnSync } from 'node:child_process';

/** For a stand-in of a code host: where a branch of the bare repository behind it stands now; `undefined`: there is no such branch. */
export function bareHeads(repository: string): (branch: string) => string | undefined {
  return (branch) => {
    const found = spawnSync('git', [`--git-dir=${repository}`, 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}^{commit}`], { encoding: 'utf8' });
    return found.status === 0 ? found.stdout.trim() : undefined;
  };
}
