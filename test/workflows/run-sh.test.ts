/** What action.yml runs around soll: arguments stay data, devices give no commands to the log, exit codes become outcomes. soll itself is a few lines here. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitMeanings } from '../../src/cli/exit-codes.ts';
import { run } from '../harness/lab-world.ts';
import { projectRoot } from '../harness/workflow-runner.ts';

const script = join(projectRoot, 'workflows', 'run.sh');
let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'soll-run-sh-')); });
afterAll(() => rm(folder, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly log: string;
  readonly outputs: string;
  readonly summary: string;
}

async function surroundings(soll: string, inputs: Readonly<Record<string, string>>): Promise<NodeJS.ProcessEnv> {
  const [program, output, summary] = ['soll.mjs', 'output', 'summary'].map((name) => join(folder, name));
  await Promise.all([writeFile(program ?? '', soll), writeFile(output ?? '', ''), writeFile(summary ?? '', '')]);
  const all = { COMMAND: 'apply', ARGUMENTS: '', CUSTOMERS: '', ROOT: folder, TOLERATE: '', TOKEN: '', ACCOUNT: '', AGE_KEY: '', AGE_KEY_WRITE: '', SOLL: program, ...inputs };
  return { ...Object.fromEntries(Object.entries(all).map(([name, value]) => [`IN_${name}`, value])), GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary, RUNNER_TEMP: folder, GITHUB_ACTION_PATH: projectRoot, GITHUB_REPOSITORY: 'msp/x', GITHUB_RUN_ID: '7', GITHUB_SERVER_URL: 'https://github.com', GITHUB_TOKEN: undefined };
}

async function step(soll: string, inputs: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const env = await surroundings(soll, inputs);
  const { code, stdout, stderr } = await run('bash', [script], { env });
  return { code, log: stdout + stderr, outputs: await readFile(env['GITHUB_OUTPUT'] ?? '', 'utf8'), summary: await readFile(env['GITHUB_STEP_SUMMARY'] ?? '', 'utf8') };
}

it('gives soll each line as one argument, whatever it holds, and customers behind a --', async () => {
  const { code, outputs } = await step('process.stdout.write(JSON.stringify(process.argv.slice(2)))', { COMMAND: 'pr waiting', ARGUMENTS: '--repository\n  msp/customers  \n\n$(touch boom) `id` "x" * ; exit 9\n', CUSTOMERS: 'acme beta' });
  expect(code).toBe(0);
  const result = /^result<<(\w+)\n(.*)\n\1$/m.exec(outputs)?.[2] ?? '';
  expect(JSON.parse(result)).toEqual(['pr', 'waiting', '--repository', 'msp/customers', '$(touch boom) `id` "x" * ; exit 9', '--', 'acme', 'beta']);
  await expect(readFile(join(folder, 'boom'))).rejects.toThrow();
});

it('lets no line of a device become a command of the log, or Markdown of the summary', async () => {
  const banner = '::error::hello\n::add-mask::a\n```\n# not a heading\n@everyone\n````js\n';
  const { log, summary } = await step(`process.stderr.write('::warning::banner\\n'); process.stdout.write(${JSON.stringify(banner)});`);
  const [, token = '?'] = /^::stop-commands::(\w{32})$/m.exec(log) ?? [];
  expect(log).toBe(`::stop-commands::${token}\n::warning::banner\n${banner}::${token}::\n`);
  expect(summary).toBe(`### soll apply: nothing to do, or done\n\n\`\`\`\`\`\n${banner}\n\`\`\`\`\`\n`);
  // Only what checks files may annotate them.
  const checked = await step('process.stdout.write(\'::error file=a.yaml,line=1::wrong\\n\'); process.exitCode = 3;', { COMMAND: 'validate' });
  expect(checked.log).toMatch(/^::stop-commands::(\w+)\n::\1::\n::error file=a\.yaml,line=1::wrong\n/);
  expect(checked.summary).toBe('');
});

it.each(exitMeanings.map(([code]) => code))('exit code %i is told in words and is the outcome of the step, unless it is tolerated', async (code) => {
  const failed = await step(`process.exitCode = ${String(code)};`);
  expect(failed.code).toBe(code);
  expect(failed.log).not.toContain('something else');
  const tolerated = await step(`process.exitCode = ${String(code)};`, { TOLERATE: `99 ${String(code)}` });
  expect([tolerated.code, /::(warning|error) title=soll apply::[a-z].*\(exit code \d+\)/.exec(tolerated.log)?.[1]]).toEqual([0, code === 0 ? undefined : 'warning']);
  expect(tolerated.outputs).toContain(`\ncode=${String(code)}\n`);
});

it('gives the token to Git for one host and to nobody else, names the run as who does it, and keeps inputs from soll', async () => {
  const { log, outputs } = await step('process.stdout.write(JSON.stringify(process.env))', { TOKEN: 'ghs_secret', AGE_KEY: 'AGE-1', ACCOUNT: 'soll[bot]' });
  const env = JSON.parse(/^result<<(\w+)\n(.*)\n\1$/m.exec(outputs)?.[2] ?? '') as NodeJS.ProcessEnv;
  const basic = Buffer.from('x-access-token:ghs_secret').toString('base64');
  expect(env).toMatchObject({ GITHUB_TOKEN: 'ghs_secret', SOLL_AGE_KEY: 'AGE-1', SOLL_GITHUB_ACCOUNT: 'soll[bot]', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.https://github.com/.extraheader', GIT_CONFIG_VALUE_0: `AUTHORIZATION: basic ${basic}`, GIT_COMMITTER_NAME: 'msp/x, run 7' });
  expect([env['IN_TOKEN'], env['IN_AGE_KEY'], env['SOLL_AGE_KEY_WRITE']]).toEqual([undefined, undefined, undefined]);
  expect(log).toContain(`::add-mask::${basic}\n::stop-commands::`);
  expect((await step('process.stdout.write(String(process.env.GITHUB_TOKEN))')).outputs).toContain('\nundefined\n');
});

it('a result that is too long for an output is kept as a file and in the summary, cut', async () => {
  const { outputs, summary } = await step('process.stdout.write("x".repeat(300000))');
  expect(outputs).not.toContain('result<<');
  expect([summary.length > 199_000, summary.length < 201_000]).toEqual([true, true]);
  expect((await readFile(join(/^folder=(.*)$/m.exec(outputs)?.[1] ?? '', 'result.txt'), 'utf8')).length).toBe(300_000);
});

it('names the repository of kept configurations to Git, of the same owner and nothing else', async () => {
  const root = join(folder, 'root');
  await run('git', ['init', '-q', root]);
  const [once, twice] = [await step('', { ROOT: root, BACKUPS: 'vault' }), await step('', { ROOT: root, BACKUPS: 'vault' })];
  expect([once.code, twice.code, (await run('git', ['-C', root, 'remote', '-v'])).stdout]).toEqual([0, 0, 'backups\thttps://github.com/msp/vault (fetch)\nbackups\thttps://github.com/msp/vault (push)\n']);
  expect((await step('process.stdout.write("ran")', { ROOT: root, BACKUPS: '../eve/vault' })).log).toMatch(/^::error title=soll apply::[^\n]*\n$/);
});

it('whoever cancels the job lets soll come to its end, and the outcome is its own', async () => {
  const env = await surroundings('process.on("SIGTERM", () => { process.stdout.write("verified and recorded"); process.exit(130); }); process.stderr.write("begun\\n"); setInterval(() => undefined, 1000);', {});
  const child = spawn('bash', [script], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    if (!log.includes('begun') && (log + chunk).includes('begun')) child.kill('SIGINT');
    log += chunk;
  });
  const code = await new Promise((resolve) => { child.on('close', resolve); });
  expect([code, log]).toEqual([130, expect.stringMatching(/verified and recorded[\s\S]*::error title=soll apply::interrupted \(exit code 130\)/)]);
}, 60_000);
