import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { git } from '#git/run-git';
import { packageRoot } from '../../providers.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { exampleCustomer } from './example-customer.ts';

const readme = `# Customers

What each customer's IT should be, one folder per customer below \`customers/\`. soll compares it with the live systems, shows the difference, and applies what was approved.

| file | holds |
|---|---|
| \`customer.yaml\` | name, sites, contacts, protected addresses, limits |
| \`targets.yaml\` | the live systems: address, identity, credentials by name, what is managed in which mode |
| \`network.yaml\`, \`firewall.yaml\`, \`m365.yaml\` | what should be there, as needed |
| \`secrets.read.yaml\`, \`secrets.write.yaml\` | credentials, encrypted with SOPS and age: \`soll secret set\` |

A change, from ticket to proof:

1. Edit the files on a branch. Editors that know yaml-language-server help with every field; \`soll schema\` lists them.
2. \`soll validate\`, then \`soll plan CUSTOMER\`: what would happen, and its digest.
3. Pull request: somebody else reads the plan.
4. After the merge: \`soll apply CUSTOMER --approve DIGEST\`.
5. \`soll log CUSTOMER\` tells who, what, why, approved by whom, with what result.

Without real systems: \`soll lab\` in one terminal, the commands above with \`--lab\` in another.
`;

const files: Readonly<Record<string, string>> = {
  'README.md': readme,
  'soll.yaml': '# yaml-language-server: $schema=./schemas/soll.schema.json\nversion: 1\n# More deletions than this in one run over all customers stop at a gate.\nfleet:\n  deletes: 10\n',
  '.gitignore': '# State of the lab; private keys\n.soll/\n*.age-key\n',
  '.gitattributes': '# The same bytes on every machine: what is compared and approved must not depend on line ends.\n*.yaml text eol=lf\n*.json text eol=lf\n',
  'customers/.gitkeep': '',
};

/** A new configuration repository in an empty folder, or what is missing in one that exists. Overwrites nothing but the schemas. */
export async function runInit(root: string, { example }: { readonly example: boolean }): Promise<ExitCode> {
  const made: string[] = [];
  for (const [name, text] of Object.entries({ ...files, ...(example ? exampleCustomer : {}) })) {
    if (existsSync(join(root, name))) continue;
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text, { flag: 'wx' });
    made.push(name);
  }
  await mkdir(join(root, 'schemas', 'kinds'), { recursive: true });
  for (const folder of ['schemas', 'schemas/kinds']) {
    const names = (await readdir(join(packageRoot, folder))).filter((name) => name.endsWith('.schema.json'));
    for (const name of names) await copyFile(join(packageRoot, folder, name), join(root, folder, name));
  }
  if (!existsSync(join(root, '.git'))) await git(root, ['init', '-q', '-b', 'main']);
  process.stdout.write(`${made.length === 0 ? 'Nothing was missing; schemas/ is up to date.' : `Made in ${root}:\n${made.filter((name) => !name.endsWith('.gitkeep')).map((name) => `  ${name}`).join('\n')}\n  schemas/`}\n${nextSteps(root, example)}`);
  return exitCodes.ok;
}

function nextSteps(root: string, example: boolean): string {
  const lines = example
    ? ['soll validate', 'git add -A && git commit -m "First customer"', 'soll lab                        # stand-ins for its systems, in another terminal', 'soll plan beispiel --lab']
    : ['soll init --example             # a small customer to copy from, or write customers/<name>/customer.yaml', 'soll validate'];
  return `Next:\n${[...(root === '.' ? [] : [`cd ${root}`]), ...lines].map((line) => `  ${line}`).join('\n')}\n`;
}
