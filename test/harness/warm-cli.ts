/** The command line in a process that stays: one per test file's worker, for calls that need no terminal, no input and no signals. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface WarmAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let child: ChildProcess | undefined;
let busy = false;
let count = 0;

function start(): ChildProcess {
  const started = fork(fileURLToPath(new URL('warm-cli.mjs', import.meta.url)), [], { stdio: ['pipe', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  // The process must not keep the tests from ending.
  started.unref();
  started.channel?.unref();
  started.on('exit', () => { if (child === started) child = undefined; });
  return started;
}

/** `undefined`: it is busy, and the caller starts a process of its own. */
export function callWarm(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<WarmAnswer> | undefined {
  if (busy) return undefined;
  busy = true;
  const process = (child ??= start());
  count += 1;
  const id = count;
  return new Promise<WarmAnswer>((resolve, reject) => {
    const end = (): void => {
      busy = false;
      process.off('message', onMessage).off('exit', onExit);
      process.channel?.unref();
    };
    const onMessage = (message: { readonly id?: number } & WarmAnswer): void => {
      if (message.id !== id) return;
      end();
      resolve({ code: message.code, stdout: message.stdout, stderr: message.stderr });
    };
    const onExit = (code: number | null, signal: string | null): void => {
      end();
      reject(new Error(`soll ${args.join(' ')} ended its process: ${String(code ?? signal)}`));
    };
    process.on('message', onMessage).on('exit', onExit);
    process.channel?.ref();
    process.send({ id, cwd, args, env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? null])) });
  });
}
