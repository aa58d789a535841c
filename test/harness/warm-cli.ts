/** One process of the command line per test file's worker, for calls that need no terminal, no input and no signals. */
import { startWarmCli, type WarmAnswer, type WarmCli } from '../../src/demo/warm-cli.ts';

let current: { readonly certificates: string; readonly cli: WarmCli } | undefined;

/** `undefined`: it is busy, and the caller starts a process of its own. */
export function callWarm(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<WarmAnswer> | undefined {
  if (current?.cli.busy === true) return undefined;
  // Node reads it once, when it starts.
  const certificates = env['NODE_EXTRA_CA_CERTS'] ?? '';
  if (current?.certificates !== certificates) {
    current?.cli.stop();
    current = { certificates, cli: startWarmCli(certificates === '' ? {} : { NODE_EXTRA_CA_CERTS: certificates }) };
  }
  return current.cli.call({ cwd, args, env });
}
