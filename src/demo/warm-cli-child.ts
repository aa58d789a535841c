/** The other end of warm-cli.ts: one command after the other, each with its own folder, environment, arguments and streams. */
import { main } from '../cli/main.ts';
import type { WarmCall, WarmMessage } from './warm-cli.ts';

type Write = typeof process.stdout.write;

/** Whatever is written until it is given back. */
function capture(stream: NodeJS.WriteStream): () => string {
  const original = stream.write;
  let said = '';
  const write = (chunk: string | Uint8Array, encoding?: BufferEncoding | (() => void), callback?: () => void): boolean => {
    said += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done !== undefined) queueMicrotask(done);
    return true;
  };
  stream.write = write as Write;
  return () => {
    stream.write = original;
    return said;
  };
}

async function handle({ id, cwd, args, env }: WarmCall & { readonly id: number }): Promise<void> {
  for (const name of Object.keys(process.env)) if (env[name] === undefined) Reflect.deleteProperty(process.env, name);
  for (const [name, value] of Object.entries(env)) if (value !== undefined) process.env[name] = value;
  process.chdir(cwd);
  process.exitCode = 0;
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  let failure = '';
  try {
    await main([process.execPath, 'soll', ...args]);
  } catch (error) {
    failure = `${error instanceof Error ? error.stack ?? error.message : String(error)}\n`;
    process.exitCode = 1;
  }
  const answer: WarmMessage = { id, code: Number(process.exitCode), stdout: stdout(), stderr: `${stderr()}${failure}` };
  process.exitCode = 0;
  process.chdir('/');
  process.send?.(answer);
}

// Our own parent of the same version.
process.on('message', (message) => { void handle(message as WarmCall & { readonly id: number }); });
process.on('disconnect', () => { process.exit(0); });
