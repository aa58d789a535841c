/** The other end of warm-cli.ts: one command after the other, each with its own folder, environment, arguments and streams. */
import { main } from '../cli/main.ts';
import type { WarmCall, WarmMessage } from './warm-cli.ts';

/** Whatever is written until it is asked for. */
function capture(stream: NodeJS.WriteStream): () => string {
  let said = '';
  stream.write = (chunk: string | Uint8Array, encoding?: BufferEncoding | (() => void), callback?: () => void): boolean => {
    said += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done !== undefined) queueMicrotask(done);
    return true;
  };
  return () => {
    // That of all streams is there again.
    Reflect.deleteProperty(stream, 'write');
    return said;
  };
}

/** Arguments, folder, environment and streams of one command; what it imports stays loaded. */
async function answer({ id, cwd, args, env }: WarmCall & { readonly id: number }): Promise<WarmMessage> {
  for (const name of Object.keys(process.env)) if (env[name] === undefined) Reflect.deleteProperty(process.env, name);
  for (const [name, value] of Object.entries(env)) if (value !== undefined) process.env[name] = value;
  process.chdir(cwd);
  process.exitCode = undefined;
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  let failure: string | undefined;
  try {
    await main([process.execPath, 'soll', ...args]);
  } catch (error) {
    failure = `${error instanceof Error ? error.stack ?? error.message : String(error)}\n`;
  }
  const code = failure === undefined ? exitCode() : 1;
  process.exitCode = undefined;
  process.chdir('/');
  return { id, code, stdout: stdout(), stderr: `${stderr()}${failure ?? ''}` };
}

function exitCode(): number {
  return Number(process.exitCode ?? 0);
}

process.on('message', (message) => {
  // Our own parent of the same version.
  answer(message as WarmCall & { readonly id: number }).then((said) => process.send?.(said), (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
process.on('disconnect', () => { process.exit(0); });
