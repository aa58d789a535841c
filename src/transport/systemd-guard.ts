/**
 * Dead-man's switches on devices with systemd: what the script of a family begins with, on top of `guard-script.ts`. The script is uploaded, hashed
 * and executed by the transport; it also copies itself beside its state, because the timer and the boot must find it without us.
 *
 * Everything that looks or changes runs under one lock. The part under the lock reads its input before and prints its output after it, so
 * that a client on a dead line cannot keep the lock from the dead-man's switch.
 *
 * Exit codes beyond those of `guardShell`: 71 a program is missing, 75 a program failed, 77 the data arrived damaged, 81 another guard is armed,
 * 82 the guard is not armed, 83 the guard could not be armed, 84 the lock was not free, 86 put back, but not as it was.
 */
import type { ProviderErrorCode } from '#contract';
import { guardShell } from './guard-script.ts';

export interface SystemdGuardParts {
  /** Short name of what is guarded: names the lock, the kept script and the boot unit (`soll-NAME.service`). */
  readonly name: string;
  /** Folder of the state, absolute, without spaces. */
  readonly state: string;
  /** Prefix of the timer's unit; the token follows. */
  readonly timer: string;
  /** Programs that whatever looks or changes needs; what ends a guard does with what is there. */
  readonly needed: string;
  /** Assignments of the family in sh, ended by a line break each; `$root` is there. */
  readonly settings?: string;
  /** Further folders that must be there, as words in sh. */
  readonly folders?: string;
}

/** Everything up to the family's own functions: under the lock, with `$1` the command. The family defines `take_back TOKEN`. */
export function systemdGuardShell({ name, state, timer, needed, settings = '', folders = '' }: SystemdGuardParts): string {
  return shell(String.raw`set -u
export LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
umask 077
root=\${SOLL_ROOT-}
var=$root${state}
guard=$var/guard
kept=$var/${name}.sh
unit_name=soll-${name}.service
unit=$root/etc/systemd/system/$unit_name
timer=${timer}
${settings}
flush() { sync "$@"; }
GUARD-SHELL

if [ "\${1-}" != locked ]; then
  # What ends a guard does with what is there.
  case \${1-} in status|load|arm) needed='flock ${needed} sha256sum systemctl systemd-run' ;; *) needed=flock ;; esac
  for program in $needed; do command -v "$program" >/dev/null || die 71 "there is no $program on the device"; done
  mkdir -p ${folders} "$guard" "$root/run" || die 85 "cannot create the folders of the state"
  input=
  if [ "\${1-}" = load ]; then
    input=$(mktemp "$root/run/soll-next.XXXXXX") && cat > "$input" || { rm -f "$input"; die 85 "no space in $root/run for what is to be loaded"; }
    set -- "$@" "$input"
  fi
  output=$(flock -w 30 -E 84 "$root/run/soll-${name}.lock" sh "$0" locked "$@")
  code=$?
  [ -z "$input" ] || rm -f "$input"
  [ "$code" -ne 84 ] || die 84 "the lock is not free"
  printf '%s\n' "$output"
  exit "$code"
fi
shift

digest() {
  sum=$(printf '%s\n' "$1" | sha256sum | cut -d ' ' -f 1)
  [ "\${#sum}" -eq 64 ] || die 75 "sha256sum failed"
  printf '%s\n' "$sum"
}

whole() { [ -s "$1" ] && [ "$(tail -c 1 "$1" | wc -l)" -eq 1 ]; }

stop_timer() { systemctl stop "$timer-$1.timer" >/dev/null 2>&1; return 0; }
timer_runs() { systemctl is-active --quiet "$timer-$1.timer" || systemctl is-active --quiet "$timer-$1.service"; }

start_timer() {
  # The switch does not give up: a lock that is not free or a program that fails is tried again.
  systemd-run --quiet --collect --unit="$timer-$1" --on-active="$2" --timer-property=AccuracySec=1s --property=Restart=on-failure --property=RestartSec=5 --property=RestartPreventExitStatus=86 \
    /bin/sh "$kept" fire "$1" && timer_runs "$1"
}

# The unit's text as its argument.
install_unit() {
  [ -d "$root/run/systemd/system" ] || die 83 "systemd does not run; without it no guard would fire"
  if ! cmp -s "$0" "$kept"; then keep "$kept" "$(cat "$0")" || die 83 "cannot write $var"; fi
  changed=
  if [ "$1" != "$(cat "$unit" 2>/dev/null)" ]; then keep "$unit" "$1" && changed=yes || die 83 "cannot install the boot unit"; fi
  # To enable is to read all units again, too.
  if ! systemctl is-enabled --quiet "$unit_name" 2>/dev/null; then systemctl enable --quiet "$unit_name" || die 83 "cannot enable the boot unit"
  elif [ -n "$changed" ]; then systemctl daemon-reload || die 83 "cannot install the boot unit"
  fi
}

# Before a guard is armed: not used before, and no other one stands.
clear_way() {
  case $(state "$1") in confirmed|fired) die 82 "this token has been used: $(state "$1")" ;; esac
  other=$(armed)
  if [ -n "$other" ] && [ "$other" != "$1" ]; then
    timer_runs "$other" && die 81 "a guard of another run is armed"
    # Its timer is gone (killed between two steps): nobody else will ever end it.
    take_back "$other"
  fi
}

# Before something is loaded: its sum, the run, the guard.
may_load() {
  token "$1"
  [ "$(sha256sum < "$4" | cut -d ' ' -f 1)" = "$3" ] || die 77 "what is to be loaded arrived damaged"
  check_fence "$2"
  [ "$(state "$1")" = armed ] || die 82 "the guard is not armed but $(state "$1"): it fired before this arrived, or was never there"
  timer_runs "$1" || die 82 "the guard is armed and its timer is gone"
}
`).replace('GUARD-SHELL', () => guardShell);
}

/** `\\${` of a raw template is `${` on the device. */
export function shell(text: string): string {
  return text.replaceAll('\\${', '${');
}

/** What exit codes mean, with what to do; 78 to 80 are what a family looks up, refuses or cannot load. */
export const systemdGuardErrors: Readonly<Record<number, readonly [ProviderErrorCode, string | undefined]>> = {
  71: ['unsupported', 'install what is missing; see the provider\'s README'], 75: ['protocol', undefined], 76: ['conflict', 'another run has written since; plan again'], 77: ['protocol', 'try again'], 78: ['conflict', 'plan again'],
  79: ['rejected', undefined], 80: ['rejected', undefined], 81: ['conflict', 'wait until it has fired, or run soll apply again: it recovers its own guard'],
  82: ['conflict', undefined], 83: ['rejected', 'is there space on the device, and does systemd run?'], 84: ['conflict', 'another run is at work on this device'], 85: ['rejected', 'is there space on the device, and is its disk writable?'],
  86: ['conflict', 'somebody changes the device at the same time; the guard stays armed, run soll apply again'],
};
