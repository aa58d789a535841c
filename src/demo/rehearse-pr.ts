/** Everything that the pull requests of a rehearsal need: a code host, two clones, the lab, keys. Ends all of it, whatever happens. */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { makeWorkspace, selectionOf } from '../cli/make-workspace.ts';
import { labStateFile } from '../lab/lab-state.ts';
import type { Lab } from '../lab/start-lab.ts';
import { lab as startLab } from '../pipeline.ts';
import { startCodeHost } from './code-host.ts';
import { copyExample } from './copy-example.ts';
import { DemoFailure, makeStage, must } from './make-stage.ts';
import { prScript, type Person } from './pr-script.ts';
import type { Stage } from './stage.ts';
import { startWarmCli, type WarmCli } from './warm-cli.ts';

const mia: Person = { name: 'Mia Technik', mail: 'mia@msp.example', account: 'mia-msp' };
const ben: Person = { name: 'Ben Leitner', mail: 'ben@msp.example', account: 'ben-msp' };
const bot: Person = { name: 'soll', mail: 'soll@msp.example', account: 'msp-soll[bot]' };

function rules(key: string | undefined): string {
  const keys = key === undefined ? '' : `    keys:\n      - key: ${key}\n`;
  return `  mia:\n    name: ${mia.name}\n    emails: [${mia.mail}]\n    account: ${mia.account}\n    groups: [technicians]\n${keys}`
    + `  soll-ci:\n    name: CI\n    emails: [${bot.mail}]\n  ben:\n    name: ${ben.name}\n    emails: [${ben.mail}]\n    account: ${ben.account}\n    groups: [senior]\n`
    + 'approval:\n  rules:\n    - from: [technicians, senior]\n      count: 1\n    - risk: [high, critical]\n      from: [senior]\n      count: 2\n';
}

/** Private key's file and its public half; `undefined` without ssh-keygen. */
async function makeKey(folder: string): Promise<{ readonly file: string; readonly key: string } | undefined> {
  if (spawnSync('ssh-keygen', ['-?']).error !== undefined) return undefined;
  const file = join(folder, 'mia-key');
  await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file], folder);
  return { file, key: (await readFile(`${file}.pub`, 'utf8')).trim() };
}

async function cloneOf(url: string, folder: string, { name, mail }: Person): Promise<string> {
  await must('git', ['clone', '-q', url, folder], dirname(folder));
  for (const [key, value] of [['user.name', name], ['user.email', mail]] as const) await must('git', ['config', key, value], folder);
  return folder;
}

/** The stand-ins of all targets, in this process. */
async function labOf(root: string): Promise<Lab> {
  const context = makeWorkspace({ root, lab: true, quiet: true });
  try {
    const { lab, problems } = await startLab(context.ws, selectionOf([], {}));
    if (lab === undefined) throw new DemoFailure(`the lab does not start: ${problems.map(({ message }) => message).join('; ')}`);
    return lab;
  } finally {
    context.done();
  }
}

/** Customers that somebody has taken over before, under nobody's rules yet. */
async function takeOver(cli: WarmCli, root: string): Promise<void> {
  const stage = makeStage({ root, name: mia.name, mail: mia.mail, cli, out: () => undefined });
  const planned = await stage.soll(['plan', '--lab', '--json']);
  const { plans } = JSON.parse(planned.stdout) as { readonly plans: readonly { readonly digest: string }[] };
  await stage.soll(['apply', '--lab', '--allow-unguarded', '--approve', ...plans.flatMap(({ digest }, index) => (index === 0 ? [digest] : ['--approve', digest]))]);
}

/** Throws DemoFailure when a step does not do what it says. */
export async function rehearsePullRequests(out: (text: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'soll-demo-pr-'));
  const ends: (() => Promise<void> | void)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })];
  try {
    const host = await startCodeHost(folder, bot.account, Object.fromEntries([mia, ben, bot].map(({ mail, account }) => [mail, account])));
    ends.push(() => host.close());
    const cli = startWarmCli({ NODE_EXTRA_CA_CERTS: host.env['NODE_EXTRA_CA_CERTS'] });
    ends.push(() => { cli.stop(); });
    const key = await makeKey(folder);

    const root = await cloneOf(host.url, join(folder, 'mia'), mia);
    await copyExample(root);
    const technician = makeStage({ root, who: 'mia', ...mia, cli, out });
    out('\nA bare repository behind a stand-in for GitHub, two clones (Mia\'s and that of CI), and the lab for the customers\' systems.\n\n');
    await technician.commit('Take over the example customers');
    const lab = await labOf(root);
    ends.push(() => lab.stop());
    await technician.git('push', '--quiet', '--set-upstream', 'origin', 'main');
    await takeOver(cli, root);
    const settings = join(root, 'soll.yaml');
    await writeFile(settings, `${await readFile(settings, 'utf8')}${rules(key?.key)}`);
    await technician.commit('Rules: one person approves, of high risk two seniors; nobody approves what they wrote');
    await technician.git('push', '--quiet');

    const other = await cloneOf(host.url, join(folder, 'ci'), bot);
    await mkdir(dirname(labStateFile(other)), { recursive: true });
    await cp(labStateFile(root), labStateFile(other));
    const ci = makeStage({ root: other, who: 'ci', ...bot, env: host.env, cli, out });
    const handOver = async (): Promise<Stage> => {
      const bundle = join(folder, 'repository.bundle');
      await must('git', ['bundle', 'create', '--quiet', bundle, '--all'], host.url);
      await Promise.all([lab.stop(), host.close()]);
      await rm(host.url, { recursive: true });
      return makeStage({ root: await cloneOf(bundle, join(folder, 'auditor'), { name: 'Auditor', mail: 'auditor@example.org', account: '' }), who: 'auditor', name: 'Auditor', mail: 'auditor@example.org', cli, out });
    };
    await prScript({ host, mia: technician, ci, people: { mia, ben }, key: key === undefined ? undefined : relative(root, key.file), handOver, writes: () => [...lab.targets.values()].reduce((sum, each) => sum + each.writes().length, 0) });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
