/** SSH keys of people, made by the real ssh-keygen. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export function hasKeygen(): boolean {
  const there = spawnSync('ssh-keygen', ['-?']).error === undefined;
  if (!there) process.stdout.write('skipped: ssh-keygen is not installed (openssh-client)\n');
  return there;
}

/** Private key's file, and its public half as soll.yaml wants it. */
export async function makeKey(folder: string, name: string): Promise<{ readonly file: string; readonly key: string }> {
  const file = join(folder, name);
  const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file]);
  if (made.status !== 0) throw new Error(`ssh-keygen: ${made.stderr.toString()}`);
  return { file, key: (await readFile(`${file}.pub`, 'utf8')).trim() };
}
