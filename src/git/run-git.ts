import { spawn } from 'node:child_process';
import { devNull } from 'node:os';
import { withoutSecrets } from '#core/without-secrets';

export interface GitResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface GitOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; default 120 000. Ends with GitError. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Git refused, or is not there. The message is Git's own first line. */
export class GitError extends Error {
  readonly code: number;
  /** How to go on, where there is a way. */
  readonly hint: string | undefined;
  constructor(message: string, code: number, hint?: string) {
    super(message);
    this.name = 'GitError';
    this.code = code;
    this.hint = hint;
  }
}

/** How the operator signs in, and who they are. Every other GIT_ variable could point Git at another repository or other rules. */
const operators = /^GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|CONFIG_.+|SSL_.+|HTTP_.+|PROXY_.+|CURL_.+|AUTHOR_.+|COMMITTER_.+|EXEC_PATH|TRACE.*|TEST_.+)$/;

function environment(extra: Readonly<Record<string, string>> | undefined): NodeJS.ProcessEnv {
  const own = Object.fromEntries(Object.entries(withoutSecrets(process.env)).filter(([name]) => !name.startsWith('GIT_') || operators.test(name)));
  // A question on a terminal would hang a CI job; messages in C so that they can be told apart; what a hash names is what is read,
  // whatever refs/replace or a grafts file say.
  return { ...own, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', GIT_NO_REPLACE_OBJECTS: '1', GIT_GRAFT_FILE: devNull, ...extra };
}

/** Nothing of a repository is ever executed: no hook, no file system monitor, no upkeep in the background; no signature is printed among the data. */
const quiet = Object.entries({ 'core.quotePath': 'false', 'core.hooksPath': devNull, 'core.fsmonitor': 'false', 'gc.auto': '0', 'maintenance.auto': 'false', 'log.showSignature': 'false', 'submodule.recurse': 'false', 'fetch.recurseSubmodules': 'false', 'push.recurseSubmodules': 'no', 'push.followTags': 'false', 'push.gpgSign': 'false' })
  .flatMap(([key, value]) => ['-c', `${key}=${value}`]);

/** One git process: arguments as a list, standard input given, nothing through a shell. Any exit code is a result. */
export function tryGit(cwd: string, args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', [...quiet, ...args], { cwd, env: environment(options.env), stdio: ['pipe', 'pipe', 'pipe'], timeout: options.timeoutMs ?? 120_000, ...(options.signal === undefined ? {} : { signal: options.signal }) });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => { stderr += chunk; });
    child.on('error', (error) => { reject(error.name === 'AbortError' ? error : new GitError(`git cannot be started: ${error.message}`, 127)); });
    child.on('close', (code, signal) => {
      if (code === null) reject(new GitError(`git ${args[0] ?? ''} was ended by ${signal ?? 'a signal'} (timeout?)`, 124));
      else resolve({ code, stdout: Buffer.concat(stdout), stderr });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
  });
}

/** Standard output as text, without the last newline. Throws GitError on any exit code but 0. */
export async function git(cwd: string, args: readonly string[], options: GitOptions = {}): Promise<string> {
  const result = await tryGit(cwd, args, options);
  if (result.code !== 0) throw new GitError(`git ${args[0] ?? ''}: ${result.stderr.trim().split('\n').find((line) => line !== '') ?? `exit ${String(result.code)}`}`, result.code);
  return result.stdout.toString('utf8').replace(/\n$/, '');
}
