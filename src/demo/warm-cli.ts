/**
 * The command line in a process that stays: starting Node, loading everything and compiling the schemas takes longer than most commands do. For
 * rehearsals and tests, where no terminal, no standard input and no signal is wanted.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../providers.ts';

export interface WarmAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface WarmCall {
  readonly cwd: string;
  readonly args: readonly string[];
  /** The whole environment of the command. */
  readonly env: NodeJS.ProcessEnv;
}

export interface WarmCli {
  readonly busy: boolean;
  /** One call at a time. Rejects when it is busy, or when the command ended its process. */
  call(call: WarmCall): Promise<WarmAnswer>;
  stop(): void;
}

export type WarmMessage = WarmAnswer & { readonly id: number };

/** `env`: what Node itself reads once, when it starts (NODE_EXTRA_CA_CERTS), besides the environment of this process. Needs a build. */
export function startWarmCli(env: NodeJS.ProcessEnv = {}): WarmCli {
  let child: ChildProcess | undefined;
  let busy = false;
  let count = 0;
  const start = (): ChildProcess => {
    const started = fork(join(packageRoot, 'dist', 'src', 'demo', 'warm-cli-child.js'), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [], env: { ...process.env, ...env } });
    // It must not keep whoever uses it from ending.
    started.unref();
    started.channel?.unref();
    started.on('exit', () => { if (child === started) child = undefined; });
    return started;
  };
  return {
    get busy() { return busy; },
    call({ cwd, args, env: own }) {
      if (busy) return Promise.reject(new Error('the command line is busy'));
      busy = true;
      const running = (child ??= start());
      const id = count += 1;
      return new Promise((resolve, reject) => {
        const end = (): void => {
          busy = false;
          running.off('message', onMessage).off('exit', onExit);
          running.channel?.unref();
        };
        const onMessage = (message: unknown): void => {
          // Our own child of the same version.
          const { id: answered, ...answer } = message as WarmMessage;
          if (answered !== id) return;
          end();
          resolve(answer);
        };
        const onExit = (code: number | null, signal: string | null): void => {
          end();
          reject(new Error(`soll ${args.join(' ')} ended its process: ${String(code ?? signal)}`));
        };
        running.on('message', onMessage).on('exit', onExit);
        running.channel?.ref();
        running.send({ id, cwd, args, env: own });
      });
    },
    stop() {
      child?.kill();
      child = undefined;
    },
  };
}
