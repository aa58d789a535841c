/** The tools that guard the structure, each shown to bite: a planted violation of every rule, and a proof that the real run looks at the real code. */
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../harness/lab-world.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { forbidden } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as { forbidden: readonly { name: string }[] };

interface Cruise {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: { readonly totalCruised: number; readonly violations: readonly { readonly from: string; readonly to: string; readonly rule: { readonly name: string } }[] };
}

async function cruise(folder: string): Promise<Cruise> {
  const ended = await run(process.execPath, [join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'), 'src', 'providers', '--config', '.dependency-cruiser.cjs', '--output-type', 'json'], { cwd: folder });
  if (ended.stdout === '') throw new Error(`depcruise ended with ${String(ended.code)}: ${ended.stderr}`);
  return JSON.parse(ended.stdout) as Cruise;
}

/** A tree that keeps every rule; each plant breaks one of them. */
const lawful: Readonly<Record<string, string>> = {
  'src/contract/index.ts': 'export const contract = 1;\n',
  'src/core/model.ts': "import { contract } from '#contract';\nexport const model = contract;\n",
  'src/kinds/registry.ts': "import { model } from '#core/model';\nexport const kinds = model;\n",
  'src/git/run-git.ts': "import { model } from '#core/model';\nexport const git = model;\n",
  'src/transport/retry.ts': "import { contract } from '#contract';\nexport const retry = contract;\n",
  'src/plan/plan-customer.ts': "import { kinds } from '#kinds/registry';\nimport { git } from '#git/run-git';\nexport const plan = [kinds, git];\n",
  'src/audit/journal.ts': "import { git } from '#git/run-git';\nexport const journal = git;\n",
  'src/testkit/simulator.ts': "import { contract } from '#contract';\nexport const testkit = contract;\n",
  'src/pipeline.ts': "import { plan } from './plan/plan-customer.ts';\nimport { journal } from './audit/journal.ts';\nexport const pipeline = [plan, journal];\n",
  'providers/a/index.ts': "import { contract } from '#contract';\nimport { retry } from '#transport/retry';\nexport const provider = [contract, retry];\n",
  'providers/a/convert.ts': 'export const convert = 1;\n',
  'providers/a/simulator.ts': "import { testkit } from '#testkit/simulator';\nimport { state } from './simulator/state.ts';\nexport const simulator = [testkit, state];\n",
  'providers/a/simulator/state.ts': 'export const state = 1;\n',
  'providers/b/index.ts': "import { contract } from '#contract';\nexport const provider = contract;\n",
};

const plants: readonly { readonly rule: string; readonly file: string; readonly text: string; readonly more?: Readonly<Record<string, string>>; readonly because: string }[] = [
  { rule: 'no-cycle', file: 'src/core/one.ts', text: "import { two } from './two.ts';\nexport const one = two;\n", more: { 'src/core/two.ts': "import { one } from './one.ts';\nexport const two = (): unknown => one;\n" }, because: 'two modules that need each other' },
  { rule: 'no-unresolved', file: 'src/lost.ts', text: "import { lost } from './nowhere.ts';\nexport const found = lost;\n", because: 'an import of nothing' },
  { rule: 'contract-alone', file: 'src/contract/clever.ts', text: "import { model } from '../core/model.ts';\nexport const clever = model;\n", because: 'the contract knows the core' },
  { rule: 'core-pure', file: 'src/core/reads-files.ts', text: "import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n", because: 'the core reads a file' },
  { rule: 'core-pure', file: 'src/kinds/asks-git.ts', text: "import { git } from '#git/run-git';\nexport const asked = git;\n", because: 'a kind asks Git' },
  { rule: 'stage-alone', file: 'src/plan/peeks.ts', text: "import { journal } from '../audit/journal.ts';\nexport const peeked = journal;\n", because: 'plan imports audit' },
  { rule: 'stage-alone', file: 'src/render/asks-provider.ts', text: "import { provider } from '../../providers/b/index.ts';\nexport const asked = provider;\n", because: 'a stage imports a provider' },
  { rule: 'stage-alone', file: 'src/rollout/asks-plan.ts', text: "import { plan } from '../plan/plan-customer.ts';\nexport const asked = plan;\n", because: 'what may be applied now asks the planner instead of being told' },
  { rule: 'provider-alone', file: 'providers/a/neighbour.ts', text: "import { provider } from '../b/index.ts';\nexport const neighbour = provider;\n", because: 'a provider imports another provider' },
  { rule: 'provider-alone', file: 'providers/b/plans.ts', text: "import { plan } from '../../src/plan/plan-customer.ts';\nexport const plans = plan;\n", because: 'a provider imports a stage' },
  { rule: 'provider-not-its-simulator', file: 'providers/a/cheats.ts', text: "import { state } from './simulator/state.ts';\nexport const cheated = state;\n", because: 'a provider looks into its stand-in' },
  { rule: 'simulator-not-its-provider', file: 'providers/a/simulator/agrees.ts', text: "import { convert } from '../convert.ts';\nexport const agreed = convert;\n", because: 'a stand-in shares code with its provider' },
  { rule: 'transport-below', file: 'src/transport/plans.ts', text: "import { plan } from '../plan/plan-customer.ts';\nexport const plans = plan;\n", because: 'a transport imports a stage' },
  { rule: 'testkit-stays-out', file: 'src/ships-tests.ts', text: "import { testkit } from '#testkit/simulator';\nexport const shipped = testkit;\n", because: 'production code loads the test kit' },
  { rule: 'no-dev-dependency', file: 'src/ships-tools.ts', text: "import { property } from 'fast-check';\nexport const shipped = property;\n", because: 'production code loads a development package' },
];

let folder: string;
async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soll-layers-'));
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs', 'knip.json']) await cp(join(root, file), join(folder, file));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await write(lawful);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('layers', () => {
  let lawfulRun: Cruise;
  let planted: Cruise;
  beforeAll(async () => {
    lawfulRun = await cruise(folder);
    for (const { file, text, more } of plants) await write({ [file]: text, ...more });
    planted = await cruise(folder);
  });

  test('a tree that keeps the rules has no violation', () => {
    expect(lawfulRun.summary.violations).toEqual([]);
    expect(lawfulRun.modules.map(({ source }) => source)).toEqual(expect.arrayContaining(Object.keys(lawful)));
  });

  test('every rule has a plant', () => {
    expect(forbidden.map(({ name }) => name).filter((name) => !plants.some(({ rule }) => rule === name))).toEqual([]);
  });

  test.each(plants)('$rule: $because', ({ rule, file }) => {
    expect([...new Set(planted.summary.violations.filter(({ from }) => from === file).map((violation) => violation.rule.name))]).toEqual([rule]);
  });

  test('the real run sees every module: a tool that does not understand the TypeScript of the day passes with none', async () => {
    const real = await cruise(root);
    const files = (await Promise.all(['src', 'providers'].map(async (top) => (await readdir(join(root, top), { recursive: true })).map((name) => `${top}/${name}`)))).flat().filter((name) => name.endsWith('.ts'));
    const seen = new Set(real.modules.map(({ source }) => source));
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((file) => !seen.has(file))).toEqual([]);
    expect(real.summary.totalCruised).toBeGreaterThanOrEqual(files.length);
    expect(real.summary.violations).toEqual([]);
  });
});

describe('lint', () => {
  test.each([
    { rule: '@typescript-eslint/no-floating-promises', text: 'export function start(work: () => Promise<void>): void {\n  work();\n}\n', because: 'a write that nobody waits for' },
    { rule: '@typescript-eslint/no-floating-promises', text: 'export function start(work: () => Promise<void>): void {\n  void work();\n}\n', because: 'void is no way around it' },
    { rule: '@typescript-eslint/no-misused-promises', text: 'export function start(items: readonly string[], work: (item: string) => Promise<void>): void {\n  items.forEach(async (item) => { await work(item); });\n}\n', because: 'forEach waits for nothing' },
    { rule: '@typescript-eslint/no-explicit-any', text: 'export const value: any = 1;\n', because: 'any turns the compiler off' },
    { rule: undefined, text: 'export async function start(work: () => Promise<void>): Promise<void> {\n  await work();\n}\n', because: 'what is right passes' },
  ])('$because', async ({ rule, text }) => {
    const eslint = new ESLint({ cwd: root });
    // The type information of an existing file; its text is ours.
    const [result] = await eslint.lintText(text, { filePath: join(root, 'src/apply/execute-run.ts') });
    expect((result?.messages ?? []).map(({ ruleId }) => ruleId)).toEqual(rule === undefined ? [] : expect.arrayContaining([rule]));
  });
});

describe('dead code', () => {
  test('an export that nobody uses and a file that nobody loads are found', async () => {
    const bare = await mkdtemp(join(tmpdir(), 'soll-dead-'));
    try {
      await cp(join(root, 'knip.json'), join(bare, 'knip.json'));
      await writeFile(join(bare, 'package.json'), JSON.stringify({ name: 'bare', type: 'module' }));
      for (const [file, text] of Object.entries({
        'src/cli/main.ts': "import { used } from '../used.ts';\nused();\n", 'src/used.ts': 'export function used(): void { /* nothing */ }\nexport function unused(): void { /* nothing */ }\n', 'src/forgotten.ts': 'export const forgotten = 1;\n',
      })) {
        await mkdir(dirname(join(bare, file)), { recursive: true });
        await writeFile(join(bare, file), text);
      }
      const ended = await run(process.execPath, [join(root, 'node_modules/knip/bin/knip.js'), '--no-config-hints', '--reporter', 'json'], { cwd: bare });
      expect(ended.code).toBe(1);
      const found = JSON.parse(ended.stdout) as { issues: readonly { file: string; exports?: readonly { name: string }[]; files?: readonly unknown[] }[] };
      expect(found.issues.flatMap(({ file, exports = [] }) => exports.map(({ name }) => `${file} ${name}`))).toEqual(['src/used.ts unused']);
      expect(JSON.stringify(found)).toContain('src/forgotten.ts');
    } finally {
      await rm(bare, { recursive: true, force: true });
    }
  });
});
