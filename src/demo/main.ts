/**
 * `npm run demo`: the main job, end to end, on the lab. Every step runs the real command line in a scratch repository and is checked:
 * the demo ends with 0 only if each step really happened.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../providers.ts';
import { copyExample } from './copy-example.ts';
import { DemoFailure, makeStage, must, plainEnv } from './make-stage.ts';
import { script } from './script.ts';
import { startWarmCli } from './warm-cli.ts';

const out = (text: string): void => void process.stdout.write(text);
const technician = { name: 'Mia Technik', mail: 'mia@msp.example' };

/** Starts `soll lab` in the background and waits until it says that it listens. */
async function startLabProcess(root: string): Promise<ChildProcess> {
  const lab = spawn(process.execPath, [join(packageRoot, 'bin', 'soll.js'), 'lab'], { cwd: root, env: plainEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  await new Promise<void>((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      if (text.includes('Lab is running')) resolve();
    };
    lab.stdout.on('data', onData);
    lab.stderr.on('data', onData);
    lab.on('exit', (code) => { reject(new DemoFailure(`the lab ended with ${String(code)}:\n${text}`)); });
  });
  out(`${text.trimEnd().split('\n').map((line) => `    ${line}`.trimEnd()).join('\n')}\n`);
  return lab;
}

async function prepare(root: string): Promise<void> {
  await copyExample(root);
  for (const args of [['init', '-q', '-b', 'main'], ['config', 'user.name', technician.name], ['config', 'user.email', technician.mail]]) await must('git', args, root);
}

async function main(): Promise<number> {
  const started = performance.now();
  const root = await mkdtemp(join(tmpdir(), 'soll-demo-'));
  const cli = startWarmCli();
  let lab: ChildProcess | undefined;
  try {
    await prepare(root);
    const stage = makeStage({ root, ...technician, cli, out });
    stage.say('The lab: a stand-in for every target of the example customers, on loopback, behind real HTTPS and SSH.');
    await stage.commit('Take over the example customers');
    lab = await startLabProcess(root);
    await script(stage);
    out(`\nDemo done: every step happened as told, in ${((performance.now() - started) / 1000).toFixed(1)} s.\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`\nDemo failed: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    cli.stop();
    lab?.removeAllListeners('exit');
    lab?.kill('SIGTERM');
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

process.exitCode = await main();
