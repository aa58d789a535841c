import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
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

/** Layouts of the workflows in `workflows/`: one repository, or the two halves of the other one. */
export type CiLayout = 'single' | 'control' | 'customers';

export interface InitOptions {
  readonly example: boolean;
  /** Also workflows of GitHub Actions. The control repository holds nothing else. */
  readonly ci?: CiLayout;
  /** Where workflows get soll from: `owner/name@` and a full commit id. */
  readonly action?: string;
}

/** A new configuration repository in an empty folder, or what is missing in one that exists. Overwrites nothing but the schemas. */
export async function runInit(root: string, options: InitOptions): Promise<ExitCode> {
  const { example, ci, action } = options;
  const wrong = contradiction(options);
  if (wrong !== undefined) {
    process.stderr.write(`soll: ${wrong}\n`);
    return exitCodes.invalid;
  }
  const wanted = { ...(ci === 'control' ? {} : files), ...(example ? exampleCustomer : {}), ...(ci === undefined ? {} : await workflowsOf(ci, action)) };
  const made: string[] = [];
  for (const [name, text] of Object.entries(wanted)) {
    if (existsSync(join(root, name))) continue;
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text, { flag: 'wx' });
    made.push(name);
  }
  if (ci !== 'control') await copySchemas(root);
  if (!existsSync(join(root, '.git'))) await git(root, ['init', '-q', '-b', 'main']);
  const shown = [...made.filter((name) => !name.endsWith('.gitkeep')), ...(ci === 'control' ? [] : ['schemas/'])];
  process.stdout.write(`${made.length === 0 ? `Nothing was missing${ci === 'control' ? '' : '; schemas/ is up to date'}.` : `Made in ${root}:\n${shown.map((name) => `  ${name}`).join('\n')}`}\n${nextSteps(root, options)}`);
  return exitCodes.ok;
}

function contradiction({ example, ci, action }: InitOptions): string | undefined {
  if (action !== undefined && ci === undefined) return '--action goes with --ci';
  if (action !== undefined && !/^[A-Za-z0-9-]+\/[A-Za-z0-9._-]+@[0-9a-f]{40}$/.test(action)) return '--action wants OWNER/NAME@COMMIT, the commit with all its 40 digits: a tag or a branch can be moved by somebody else';
  return example && ci === 'control' ? 'the control repository holds no customer: leave out --example' : undefined;
}

async function workflowsOf(ci: CiLayout, action: string | undefined): Promise<Readonly<Record<string, string>>> {
  const folder = join(packageRoot, 'workflows', ci);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yml')).sort();
  return Object.fromEntries(await Promise.all(names.map(async (name) => {
    const text = await readFile(join(folder, name), 'utf8');
    return [`.github/workflows/${name}`, action === undefined ? text : text.replaceAll(placeholder, () => `uses: ${action}`)] as const;
  })));
}

/** What the shipped workflows name in place of the repository that this installation of soll comes from; the version in the comment is that of the package. */
const placeholder = /uses: your-org\/soll@0{40}(?= #)/g;

async function copySchemas(root: string): Promise<void> {
  await mkdir(join(root, 'schemas', 'kinds'), { recursive: true });
  for (const folder of ['schemas', 'schemas/kinds']) {
    const names = (await readdir(join(packageRoot, folder))).filter((name) => name.endsWith('.schema.json'));
    for (const name of names) await copyFile(join(packageRoot, folder, name), join(root, folder, name));
  }
}

function nextSteps(root: string, { example, ci, action }: InitOptions): string {
  const lines = ci === 'control' ? [] : example
    ? ['soll validate', 'git add -A && git commit -m "First customer"', 'soll lab                        # stand-ins for its systems, in another terminal', 'soll plan beispiel --lab']
    : ['soll init --example             # a small customer to copy from, or write customers/<name>/customer.yaml', 'soll validate'];
  const setUp = ci === undefined ? [] : [
    ...(action === undefined ? ['replace your-org/soll@000… in .github/workflows by the repository and the commit of your soll (or: --action OWNER/NAME@COMMIT)'] : []),
    'docs/ci.md of soll says which runner, environments, variables and branch rules belong to it',
  ];
  return `Next:\n${[...(root === '.' ? [] : [`cd ${root}`]), ...lines, ...setUp].map((line) => `  ${line}`).join('\n')}\n`;
}
