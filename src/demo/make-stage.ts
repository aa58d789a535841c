import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { devNull } from 'node:os';
import { join } from 'node:path';
import type { Stage, StepResult } from './stage.ts';
import type { WarmCli } from './warm-cli.ts';

/** A step did not do what it says. */
export class DemoFailure extends Error {}

export interface StageOptions {
  readonly root: string;
  /** Whose commands these are, where there is more than one: `mia` is shown as `mia $ soll …`. */
  readonly who?: string;
  /** Author of commits. */
  readonly name: string;
  readonly mail: string;
  /** Besides PATH and the like: nothing that was set for another soll, another Git or another code host is taken over. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cli: WarmCli;
  readonly out: (text: string) => void;
}

/** The environment without what would make a rehearsal say something else on another machine. */
export function plainEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(SOLL_|GIT_|GITHUB_|FORCE_COLOR$|SSH_AUTH_SOCK$)/.test(name));
  return { ...Object.fromEntries(own), GIT_CONFIG_GLOBAL: devNull, GIT_CONFIG_NOSYSTEM: '1', NO_COLOR: '1', SOLL_PROGRAM: 'soll', SOLL_LANG: 'en', ...more };
}

export function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = plainEnv()): Promise<StepResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => { stdout += chunk; });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => { stderr += chunk; });
    child.on('error', (error) => { reject(new DemoFailure(`${command} cannot be started: ${error.message}`)); });
    child.on('close', (code) => { resolve({ code: code ?? 1, stdout, stderr }); });
  });
}

/** Standard output of a program that must succeed. */
export async function must(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, cwd);
  if (code !== 0) throw new DemoFailure(`${command} ${args.join(' ')} ended with ${String(code)}: ${stderr}`);
  return stdout.trim();
}

/** As in the diff: what is on one side only. */
function changedLines(from: string, to: string): readonly string[] {
  const [old, kept] = [from.split('\n'), to.split('\n')];
  return [...old.filter((line) => !kept.includes(line)).map((line) => `    - ${line}`), ...kept.filter((line) => !old.includes(line)).map((line) => `    + ${line}`)];
}

function indent(text: string, by: string): string {
  return text.trimEnd().split('\n').map((line) => `${by}${line}`.trimEnd()).join('\n');
}

function shown(result: StepResult, show: 'all' | 'last' | 'none'): string {
  if (show === 'none') return '';
  const text = [result.stderr, result.stdout].filter((part) => part.trim() !== '').join('\n');
  return show === 'all' ? text.replace(/^\n+/, '') : (text.trimEnd().split('\n').at(-1) ?? '');
}

export function makeStage({ root, who, name, mail, env = {}, cli, out }: StageOptions): Stage {
  const prompt = who === undefined ? '  $' : `  ${who} $`;
  const own = plainEnv(env);
  const git = async (args: readonly string[]): Promise<string> => {
    const result = await run('git', ['-c', `user.name=${name}`, '-c', `user.email=${mail}`, ...args], root, own);
    if (result.code !== 0) throw new DemoFailure(`git ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  };
  return {
    root,
    say: (text) => { out(`\n${text}\n`); },
    quote(title, text) { out(`\n  ${title}\n${indent(text, '  │ ')}\n`); },
    async soll(args, { expect = 0, show = 'all' } = {}) {
      out(`\n${prompt} soll ${args.join(' ')}\n`);
      const result = await cli.call({ cwd: root, args, env: own });
      const text = shown(result, show);
      if (text !== '') out(`${indent(text, '    ')}\n`);
      if (result.code !== expect) throw new DemoFailure(`soll ${args.join(' ')} ended with ${String(result.code)}, not ${String(expect)}:\n${shown(result, 'all')}`);
      out(`  (exit ${String(result.code)})\n`);
      return result;
    },
    async edit(file, from, to) {
      const path = join(root, file);
      const text = await readFile(path, 'utf8');
      if (text.split(from).length !== 2) throw new DemoFailure(`${file}: expected exactly once: ${from}`);
      await writeFile(path, text.replace(from, () => to));
      out(`\n  ${file}\n${changedLines(from, to).join('\n')}\n`);
    },
    async commit(message) {
      await git(['add', '-A']);
      await git(['commit', '-q', '-m', message]);
      out(`${prompt} git commit -m ${JSON.stringify(message)}\n`);
    },
    async git(...args) {
      out(`${prompt} git ${args.join(' ')}\n`);
      return git(args);
    },
    check(what, holds) {
      if (!holds) throw new DemoFailure(`did not happen: ${what}`);
      out(`  ✓ ${what}\n`);
    },
  };
}
