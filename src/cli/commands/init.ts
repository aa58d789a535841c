import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { git } from '#git/run-git';
import { packageRoot } from '../../providers.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';

const files: Readonly<Record<string, string>> = {
  'soll.yaml': '# yaml-language-server: $schema=./schemas/soll.schema.json\nversion: 1\nfleet:\n  deletes: 10\n',
  '.gitignore': '.soll/\n*.age-key\n',
  'customers/README.md': 'One folder per customer: customer.yaml, targets.yaml, then firewall.yaml, network.yaml, m365.yaml as needed.\n`soll schema` lists what can be written; `soll validate` says what is wrong.\n',
};

/** A new configuration repository in an empty folder, or what is missing in one that exists. Overwrites nothing. */
export async function runInit(root: string): Promise<ExitCode> {
  await mkdir(join(root, 'customers'), { recursive: true });
  await mkdir(join(root, 'schemas', 'kinds'), { recursive: true });
  const made: string[] = [];
  for (const [name, text] of Object.entries(files)) {
    if (existsSync(join(root, name))) continue;
    await writeFile(join(root, name), text, { flag: 'wx' });
    made.push(name);
  }
  for (const folder of ['schemas', 'schemas/kinds']) {
    const names = (await readdir(join(packageRoot, folder))).filter((name) => name.endsWith('.schema.json'));
    for (const name of names) await copyFile(join(packageRoot, folder, name), join(root, folder, name));
  }
  if (!existsSync(join(root, '.git'))) await git(root, ['init', '-q', '-b', 'main']);
  process.stdout.write(`${made.length === 0 ? 'nothing was missing; schemas are up to date' : `made ${made.join(', ')} and schemas/`}\nNext: write customers/<name>/customer.yaml and targets.yaml, then: soll validate\n`);
  return exitCodes.ok;
}
