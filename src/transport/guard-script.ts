/**
 * What dead-man's switches of our own have in common, whatever they put back: a few lines of POSIX sh that the script of a family begins with, and
 * the guard that speaks to such a script. The state of a guard is the name of one file, `TOKEN.armed`, `.confirmed` or `.fired`: each transition
 * is one rename, which needs no space and has no middle.
 */
import { ProviderError, type Guard, type GuardState, type WriteContext } from '#contract';

/**
 * Expects `$guard`, a folder that survives a restart, and `flush`, which forces files and folders to the disk. `$guard/../fence` holds the number of
 * the newest run. Exit codes: 70 usage, 76 a newer run was here, 85 the state could not be written.
 */
export const guardShell = String.raw`
die() { code=$1; shift; printf 'soll: %s\n' "$*" >&2; exit "$code"; }
token() { case $1 in ''|*[!0-9a-f]*) die 70 "not a token" ;; esac; [ "\${#1}" -le 64 ] || die 70 "not a token"; }
number() { case $1 in ''|*[!0-9]*) die 70 "not a number" ;; esac; }

# On the disk as a whole or not at all, also when the power goes or the disk is full.
keep() {
  printf '%s\n' "$2" > "$1.new" && flush "$1.new" && [ "$(cat "$1.new")" = "$2" ] && mv -f "$1.new" "$1" && flush "$(dirname "$1")" && return 0
  rm -f "$1.new"
  return 1
}

# Tokens of guards that nobody has confirmed and that have not fired; there is one at most.
armed() { for file in "$guard"/*.armed; do [ ! -f "$file" ] || basename "$file" .armed; done | head -n 1; }

state() {
  for each in confirmed fired armed; do
    if [ -f "$guard/$1.$each" ]; then echo "$each"; return; fi
  done
  echo absent
}

# The rename is the verdict. What follows can be repeated.
verdict() { mv -f "$guard/$1.armed" "$guard/$1.$2" && flush "$guard" || die 85 "the verdict of guard $1 could not be written"; }

# By count and not by age: the device's clock may jump.
forget() { ls -t "$guard" | grep -E '^[0-9a-f]+\.(confirmed|fired)$' | tail -n +201 | while read -r old; do rm -f "$guard/$old"; done; }

# A late writer finds that a newer run was here. A number that nobody can read protects nothing, and must not block for ever.
check_fence() {
  number "$1"
  newest=$(cat "\${guard%/*}/fence" 2>/dev/null)
  case $newest in ''|*[!0-9]*) newest=0 ;; esac
  [ "$1" -ge "$newest" ] || die 76 "run $newest has been here since"
  [ "$1" -eq "$newest" ] || keep "\${guard%/*}/fence" "$1" || die 85 "the number of the run could not be written"
}
`.replaceAll('\\${', '${').trim();

/** Runs the script of the family and resolves with what it printed; throws ProviderError for what its exit code means. */
export type RunGuardScript = (argv: readonly string[], effect: 'read' | 'write') => Promise<string>;

/** The guard of a script that knows `arm TOKEN SECONDS FENCE`, `state TOKEN`, `confirm TOKEN` and `recover TOKEN`, and answers each with the state. */
export function scriptGuard(run: RunGuardScript, context: Pick<WriteContext, 'assertLease' | 'fence'>): Guard {
  const state = async (command: string, token: string): Promise<GuardState> => toGuardState(await run([command, token], command === 'state' ? 'read' : 'write'));
  return {
    async arm(token, seconds) {
      context.assertLease(30_000);
      if (toGuardState(await run(['arm', token, String(seconds), String(context.fence)], 'write')) !== 'armed') throw new ProviderError('rejected', 'the guard did not arm');
    },
    state: (token) => state('state', token),
    async confirm(token) {
      if ((await state('confirm', token)) !== 'confirmed') throw new ProviderError('conflict', 'the device did not confirm');
    },
    async recover(token) {
      const now = await state('recover', token);
      if (now === 'armed') throw new ProviderError('timeout', 'the device is still going back', { retryable: true });
      return now;
    },
  };
}

function toGuardState(stdout: string): GuardState {
  const text = stdout.trim();
  if (text === 'armed' || text === 'confirmed' || text === 'fired' || text === 'absent') return text;
  throw new ProviderError('protocol', 'the device script told no guard state');
}

/** What a failing script says about itself, without the name that the shell puts before it. */
export function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' ').slice(0, 300);
}
