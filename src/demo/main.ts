/**
 * `npm run demo`: the main job, end to end, on the lab. Every step runs the real command line in a scratch repository and is checked:
 * the demo ends with 0 only if each step really happened.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../providers.ts';
import { script } from './script.ts';
import type { Stage, StepResult } from './stage.ts';

class DemoFailure extends Error {}

const out = (text: string): void => void process.stdout.write(text);

function run(command: string, args: readonly string[], cwd: string): Promise<StepResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, SOLL_PROGRAM: 'soll' }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => { stdout += chunk; });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => { stderr += chunk; });
    child.on('error', reject);
    child.on('close', (code) => { resolve({ code: code ?? 1, stdout, stderr }); });
  });
}

function indent(text: string): string {
  return text.trimEnd().split('\n').map((line) => `    ${line}`.trimEnd()).join('\n');
}

function shown(result: StepResult, show: 'all' | 'last' | 'none'): string {
  if (show === 'none') return '';
  const text = [result.stderr, result.stdout].filter((part) => part.trim() !== '').join('\n');
  return show === 'all' ? text : (text.trimEnd().split('\n').at(-1) ?? '');
}

const program = join(packageRoot, 'bin', 'soll.js');

function makeStage(root: string): Stage {
  const git = async (...args: string[]): Promise<void> => {
    const result = await run('git', ['-c', 'user.name=Mia Technik', '-c', 'user.email=mia@msp.example', ...args], root);
    if (result.code !== 0) throw new DemoFailure(`git ${args.join(' ')}: ${result.stderr}`);
  };
  return {
    root,
    say: (text) => { out(`\n${text}\n`); },
    async soll(args, { expect = 0, show = 'all' } = {}) {
      out(`\n  $ soll ${args.join(' ')}\n`);
      const result = await run(process.execPath, [program, ...args], root);
      const text = shown(result, show);
      if (text !== '') out(`${indent(text)}\n`);
      if (result.code !== expect) throw new DemoFailure(`soll ${args.join(' ')} ended with ${String(result.code)}, not ${String(expect)}:\n${shown(result, 'all')}`);
      out(`  (exit ${String(result.code)})\n`);
      return result;
    },
    async edit(file, from, to) {
      const path = join(root, file);
      const text = await readFile(path, 'utf8');
      if (text.split(from).length !== 2) throw new DemoFailure(`${file}: expected exactly once: ${from}`);
      await writeFile(path, text.replace(from, () => to));
      const kept = new Set(to.split('\n'));
      const old = new Set(from.split('\n'));
      const lines = [...from.split('\n').filter((line) => !kept.has(line)).map((line) => `    - ${line}`), ...to.split('\n').filter((line) => !old.has(line)).map((line) => `    + ${line}`)];
      out(`\n  ${file}\n${lines.join('\n')}\n`);
    },
    async commit(message) {
      await git('add', '-A');
      await git('commit', '-q', '-m', message);
      out(`  $ git commit -m ${JSON.stringify(message)}\n`);
    },
    check(what, holds) {
      if (!holds) throw new DemoFailure(`did not happen: ${what}`);
      out(`  ✓ ${what}\n`);
    },
  };
}

/** Starts `soll lab` in the background and waits until it says that it listens. */
async function startLabProcess(root: string): Promise<ChildProcess> {
  const lab = spawn(process.execPath, [program, 'lab'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
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
  out(`${indent(text)}\n`);
  return lab;
}

async function prepare(root: string): Promise<void> {
  await cp(join(packageRoot, 'customers'), join(root, 'customers'), { recursive: true });
  await cp(join(packageRoot, 'schemas'), join(root, 'schemas'), { recursive: true });
  await cp(join(packageRoot, 'standards'), join(root, 'standards'), { recursive: true });
  await cp(join(packageRoot, 'lab'), join(root, 'lab'), { recursive: true });
  await cp(join(packageRoot, 'soll.yaml'), join(root, 'soll.yaml'));
  await writeFile(join(root, '.gitignore'), '.soll/\n');
  for (const args of [['init', '-q', '-b', 'main'], ['config', 'user.name', 'Mia Technik'], ['config', 'user.email', 'mia@msp.example']]) {
    const result = await run('git', args, root);
    if (result.code !== 0) throw new DemoFailure(result.stderr);
  }
}

async function main(): Promise<number> {
  const started = performance.now();
  const root = await mkdtemp(join(tmpdir(), 'soll-demo-'));
  let lab: ChildProcess | undefined;
  try {
    await prepare(root);
    const stage = makeStage(root);
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
    lab?.removeAllListeners('exit');
    lab?.kill('SIGTERM');
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

process.exitCode = await main();
