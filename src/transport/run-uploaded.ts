import { createHash } from 'node:crypto';
import { ProviderError, type RunOptions, type RunResult, type SshConnection } from '#contract';

/**
 * Writes standard input to a private file and prints name and hash. A stream that is cut leaves a file with another hash, which is
 * never executed: a shell that read the stream itself would run its truncated last line.
 */
const upload = 'umask 077; f=$(mktemp /tmp/soll.XXXXXXXX) || exit 70; cat > "$f" || { rm -f "$f"; exit 71; }; set -- $(sha256sum "$f"); echo "$1 $f"';

/** The file goes first, whatever the script does to its own arguments. */
const execute = 'f=$1; shift; sh "$f" "$@"; s=$?; rm -f "$f"; exit $s';

export async function runUploaded(run: SshConnection['run'], script: string, argv: readonly string[], options: RunOptions & { readonly sudo?: boolean }): Promise<RunResult> {
  const { sudo, ...rest } = options;
  const uploaded = await run(['sh', '-c', upload], { stdin: script, timeoutMs: options.timeoutMs ?? 30_000 });
  const [hash = '', file = ''] = uploaded.stdout.trim().split(' ');
  if (uploaded.code !== 0 || !/^\/tmp\/soll\.[A-Za-z0-9]+$/.test(file)) throw new ProviderError('protocol', `the script could not be placed on the device (exit ${String(uploaded.code)}): is /tmp writable, are mktemp and sha256sum there?`);
  if (hash !== createHash('sha256').update(script).digest('hex')) {
    await run(['rm', '-f', file]);
    throw new ProviderError('protocol', 'the script arrived damaged and was not executed', { retryable: true });
  }
  const command: [string, ...string[]] = ['sh', '-c', execute, 'soll', file, ...argv];
  const clean = (): Promise<unknown> => run(['rm', '-f', file], { timeoutMs: 5000 }).catch(() => undefined);
  try {
    const result = await run(sudo === true ? ['sudo', '-n', ...command] : command, rest);
    // A sudo that refuses has not come as far as removing the file.
    if (sudo === true && result.code !== 0) await clean();
    return result;
  } catch (error) {
    await clean();
    throw error;
  }
}
