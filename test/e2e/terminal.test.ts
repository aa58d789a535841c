/** The command line on a real terminal: width, colours, progress, questions, keys; and its completion in a real shell. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { displayWidth } from '../../src/render/display-width.ts';
import { git, planOf, run, soll,  } from '../harness/lab-world.ts';
import { commandsIn, freshWorld } from '../harness/fresh-world.ts';

const bin = fileURLToPath(new URL('../../bin/soll.js', import.meta.url));
const hasScript = spawnSync('script', ['--version']).status === 0;
if (!hasScript) process.stdout.write('skipped: terminal tests need `script` (util-linux)\n');

const world = freshWorld();
const { lab, writes } = commandsIn(world);

const plainText = (text: string): string => text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '');

interface OnTerminal {
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** When the screen shows this, that is typed; in this order. */
  readonly type?: readonly (readonly [seen: RegExp, keys: string])[];
}

/** What a terminal shows, raw. Standard output and error are one screen. */
function onTerminal(args: readonly string[], { columns = 100, env = {}, type = [] }: OnTerminal = {}): Promise<{ readonly code: number | null; readonly screen: string }> {
  const { NO_COLOR: _noColor, FORCE_COLOR: _force, CI: _ci, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const command = `stty cols ${String(columns)} rows 50; exec ${[process.execPath, bin, ...args].map((each) => `'${each}'`).join(' ')}`;
    const child = spawn('script', ['-qefc', command, '/dev/null'], { cwd: world.root, env: { ...inherited, TERM: 'xterm-256color', ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    let screen = '';
    let next = 0;
    let from = 0;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      screen += chunk;
      const [seen, text] = type[next] ?? [];
      if (seen === undefined || text === undefined || !seen.test(screen.slice(from))) return;
      next += 1;
      from = screen.length;
      // A person needs a moment, too.
      setTimeout(() => { child.stdin.write(text); }, 300);
    });
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (code) => { resolve({ code, screen }); });
  });
}

const question = /anything else to leave it/;

describe.skipIf(!hasScript)('a terminal', () => {
  test('no line of a plan is wider than the terminal, but for commands to copy and headings', async () => {
    const { screen } = await onTerminal(['plan', 'acme', '--lab'], { columns: 60 });
    const wide = plainText(screen).split(/\r?\n/).filter((line) => /^ {8}\S/.test(line) && displayWidth(line.split('\r').at(-1) ?? '') > 60);
    expect(wide).toEqual([]);
    expect(screen).toContain('\u001b[32m');
  });

  test.each([
    { args: ['--no-color'], env: {}, because: '--no-color' },
    { args: [], env: { NO_COLOR: '1' }, because: 'NO_COLOR' },
    { args: [], env: { NO_COLOR: '1', FORCE_COLOR: '1' }, because: 'NO_COLOR wins over FORCE_COLOR' },
    { args: [], env: { TERM: 'dumb' }, because: 'a dumb terminal' },
  ])('no colour: $because', async ({ args, env }) => {
    const { screen } = await onTerminal(['plan', 'acme', '--lab', ...args], { env });
    expect(screen).not.toMatch(/\u001b\[\d+m/);
    expect(screen).toContain('acme');
  });

  test('FORCE_COLOR paints a pipe, as in GitHub Actions; without it a pipe has none', async () => {
    expect((await soll(world.root, ['plan', 'acme', '--lab'], { env: { NO_COLOR: '', FORCE_COLOR: '1' } })).stdout).toContain('\u001b[');
    expect((await soll(world.root, ['plan', 'acme', '--lab'], { env: { NO_COLOR: '' } })).stdout).not.toContain('\u001b[');
  });

  test('a live line says what is under way, is gone at the end, and speaks German', async () => {
    const { screen } = await onTerminal(['plan', 'acme', '--lab', '--lang', 'de']);
    expect(plainText(screen)).toContain('acme/fw liest');
    expect(screen).not.toContain('reading');
    // What a person sees in the end: after each carriage return with erase, the line begins anew.
    const left = screen.split(/\r?\n/).map((line) => plainText(line.split('\r\u001b[K').at(-1) ?? '')).join('\n');
    expect(left).not.toContain('liest');
    expect(left).toContain('anzulegen');
  });

  test('--quiet has no live line', async () => {
    const { screen } = await onTerminal(['plan', 'acme', '--lab', '--quiet']);
    expect(screen).not.toContain('reading');
    expect(screen).toContain('Plan: ');
  });

  test('in a pipe progress is plain lines, more with --verbose, none with --quiet', async () => {
    const verbose = await lab('plan', 'acme', '--verbose');
    expect(verbose.stderr).toMatch(/^acme\/fw reading$/m);
    expect(verbose.stderr).toMatch(/^acme\/fw read, \d+ resources$/m);
    expect(verbose.stderr).not.toContain('\r');
    expect((await lab('plan', 'acme')).stderr).toBe('');
    const { digest } = await planOf(world.root);
    expect((await lab('apply', 'acme', '--approve', digest, '--quiet')).stderr).toBe('');
  });
});

describe.skipIf(!hasScript)('the question', () => {
  test('the customer\'s name applies, and the record says that it was asked', async () => {
    const { code, screen } = await onTerminal(['apply', 'acme', '--lab'], { type: [[question, 'acme\r']] });
    expect([code, plainText(screen)]).toEqual([0, expect.stringContaining('converged')]);
    expect(plainText(screen)).toContain('Digest: sha256:');
    expect((await lab('log', 'acme')).stdout).toContain('(interactive)');
  });

  test.each([
    { keys: 'yes\r', code: 4, because: 'yes is not the name' },
    { keys: '\r', code: 4, because: 'Enter alone' },
    { keys: 'ACME\r', code: 4, because: 'another spelling' },
    { keys: '\u0004', code: 4, because: 'Ctrl-D' },
    { keys: '\u0003', code: 130, because: 'Ctrl-C' },
  ])('$because: nothing is written', async ({ keys: typed, code }) => {
    const ended = await onTerminal(['apply', 'acme', '--lab'], { type: [[question, typed]] });
    expect({ code: ended.code, writes: writes() }).toEqual({ code, writes: 0 });
    expect(await git(world.remote, 'branch', '--list', 'audit-lab/*')).toBe('');
  });

  test('without a terminal nobody is asked', async () => {
    const ended = await soll(world.root, ['apply', 'acme', '--lab'], { stdin: 'acme\n' });
    expect([ended.code, ended.stderr, writes()]).toEqual([4, expect.stringContaining('acme not applied'), 0]);
  });
});

describe.skipIf(!hasScript)('keys during a run', () => {
  test('Ctrl-C twice ends at once; the next run settles what was begun', async () => {
    const { digest } = await planOf(world.root);
    const ended = await onTerminal(['apply', 'acme', '--lab', '--approve', digest], { type: [[/applying/, '\u0003'], [/Ctrl-C again/, '\u0003']] });
    expect(ended.code).toBe(130);
    await lab('apply', 'acme');
    const after = await planOf(world.root);
    const last = await lab('apply', 'acme', '--approve', after.digest);
    expect([last.code, (await lab('plan', 'acme', '--detailed-exitcode')).code, (await lab('audit', 'verify')).code]).toEqual([0, 0, 0]);
  }, 240_000);
});

describe('a reader that stops reading', () => {
  test('`soll log | head -1` ends well', async () => {
    const { digest } = await planOf(world.root);
    await lab('apply', 'acme', '--approve', digest);
    const piped = await run('bash', ['-c', `set -o pipefail; '${process.execPath}' '${bin}' log --lab --json | head -c 1`], { cwd: world.root });
    expect([piped.code, piped.stdout, piped.stderr]).toEqual([0, '{', '']);
  });

  test('an apply whose progress nobody reads any more is still applied and recorded', async () => {
    const { digest } = await planOf(world.root);
    const piped = await run('bash', ['-c', `'${process.execPath}' '${bin}' apply acme --lab --approve ${digest} 2>&1 | head -1; echo \${PIPESTATUS[0]}`], { cwd: world.root });
    expect(piped.stdout.trim().split('\n').at(-1)).toBe('0');
    expect((await lab('plan', 'acme', '--detailed-exitcode')).code).toBe(0);
    expect((await lab('audit', 'verify')).code).toBe(0);
  });
});

describe('completion in bash', () => {
  const complete = async (line: string): Promise<readonly string[]> => {
    const words = line.split(' ');
    const driver = `source completion.bash; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${String(words.length - 1)}; _soll; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const ended = await run('bash', ['-c', driver], { cwd: world.root });
    expect(ended.stderr).toBe('');
    return ended.stdout.split('\n').filter((word) => word !== '');
  };
  beforeEach(async () => {
    await writeFile(join(world.root, 'completion.bash'), (await soll(world.root, ['completion', 'bash'])).stdout);
  });

  test.each([
    { line: 'soll ', has: ['plan', 'apply', 'audit', 'completion', '--help'], not: ['acme', '--lab'], because: 'commands first' },
    { line: 'soll ap', has: ['apply'], not: ['plan'], because: 'what begins so' },
    { line: 'soll plan ', has: ['acme', '--target', '--format'], not: ['plan'], because: 'customers and options' },
    { line: 'soll plan acme --fo', has: ['--format'], not: ['acme'], because: 'options after a customer' },
    { line: 'soll plan --format ', has: ['text', 'markdown', 'json', 'github'], not: ['acme', '--lab'], because: 'the values of an option' },
    { line: 'soll apply acme --format ', has: ['text', 'json'], not: ['markdown'], because: 'only those that this command takes' },
    { line: 'soll audit ', has: ['verify'], not: ['plan'], because: 'commands of a group' },
    { line: 'soll audit verify --', has: ['--json', '--lab'], not: ['verify'], because: 'options of a command of a group' },
    { line: 'soll schema fire', has: ['firewall', 'firewall-rule'], not: ['acme'], because: 'names of schemas' },
    { line: 'soll completion ', has: ['bash', 'zsh'], not: ['acme'], because: 'shells' },
    { line: 'soll plan --out ', has: [], not: ['acme', '--lab'], because: 'files are the shell\'s own' },
  ])('$because: $line', async ({ line, has, not }) => {
    const found = await complete(line);
    expect(found).toEqual(expect.arrayContaining(has));
    expect(found.filter((word) => (not as readonly string[]).includes(word))).toEqual([]);
  });

  test('a folder name is never run', async () => {
    for (const name of ['$(touch pwned)', '`touch pwned`', 'a;touch pwned', '-x', 'good']) await mkdir(join(world.root, 'customers', name), { recursive: true });
    expect(await complete('soll plan g')).toEqual(['good']);
    await complete('soll plan ');
    expect(await readdir(world.root)).not.toContain('pwned');
  });
});

describe('help', () => {
  test('the name alone shows what there is, and is no error', async () => {
    const ended = await soll(world.root, []);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toContain('Exit codes:');
  });

  test('every command has examples, and each example is a command that exists', async () => {
    const commandsOf = async (path: readonly string[]): Promise<readonly string[]> => {
      const { stdout } = await soll(world.root, [...path, '--help']);
      expect(stdout, path.join(' ')).toContain('Examples:');
      const section = /Commands:\n([\s\S]*?)(\n\n|$)/.exec(stdout)?.[1] ?? '';
      return [...section.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
    };
    const all: string[] = [];
    for (const name of await commandsOf([])) {
      all.push(name);
      for (const sub of await commandsOf([name])) {
        all.push(`${name} ${sub}`);
        await commandsOf([name, sub]);
      }
    }
    expect(all).toEqual(expect.arrayContaining(['validate', 'plan', 'drift', 'doctor', 'apply', 'secret set', 'log', 'audit verify', 'lab edit', 'init', 'schema', 'completion']));
  }, 120_000);

  test('every exit code of the README occurs in a test', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const documented = [...readme.matchAll(/^\| (\d+) \| /gm)].map(([, code = '']) => code);
    expect(documented).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '130']);
    const tests = await readFile(new URL('cli.test.ts', import.meta.url), 'utf8');
    expect(documented.filter((code) => !tests.includes(`describe('exit ${code}'`))).toEqual([]);
  });
});
