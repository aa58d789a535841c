/**
 * What runs on the device. One file, POSIX sh, uploaded, hashed and executed by the transport; it also copies itself beside its state,
 * because the timer and the boot must find it without us.
 *
 * Everything that looks or changes runs under one lock. The part under the lock reads its input before and prints its output after it, so
 * that a client on a dead line cannot keep the lock from the dead-man's switch. The state of a guard is the name of one file,
 * `TOKEN.armed`, `.confirmed` or `.fired`: each transition is one rename, which needs no space and has no middle.
 *
 * Exit codes: 70 usage, 71 a program is missing, 75 nft failed, 76 a newer run was here, 77 the data arrived damaged, 78 the table is not as
 * expected, 79 nft refuses the new table, 80 loading failed (nothing changed), 81 another guard is armed, 82 the guard is not armed,
 * 83 the guard could not be armed, 84 the lock was not free, 85 the state could not be written, 86 put back, but not as it was.
 */
import { guardShell } from '#transport/guard-script';

export const deviceScript = String.raw`# soll: one nftables table with a dead-man's switch. Installed and replaced by soll; do not edit.
set -u
export LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
umask 077
root=\${SOLL_ROOT-}
etc=$root/etc/soll
var=$root/var/lib/soll
guard=$var/guard
saved=$etc/nftables.json
unit=$root/etc/systemd/system/soll-nftables.service
family=inet
name=soll

flush() { sync "$@"; }
GUARD-SHELL

if [ "\${1-}" != locked ]; then
  # What ends a guard does with what is there.
  case \${1-} in status|load|arm) needed='flock nft sha256sum systemctl systemd-run' ;; *) needed=flock ;; esac
  for program in $needed; do command -v "$program" >/dev/null || die 71 "there is no $program on the device"; done
  mkdir -p "$etc" "$guard" "$root/run" || die 85 "cannot create $etc and $guard"
  input=
  if [ "\${1-}" = load ]; then
    input=$(mktemp "$root/run/soll-next.XXXXXX") && cat > "$input" || { rm -f "$input"; die 85 "no space in $root/run for the new table"; }
    set -- "$@" "$input"
  fi
  output=$(flock -w 30 -E 84 "$root/run/soll-nftables.lock" sh "$0" locked "$@")
  code=$?
  [ -z "$input" ] || rm -f "$input"
  [ "$code" -ne 84 ] || die 84 "the lock is not free"
  printf '%s\n' "$output"
  exit "$code"
fi
shift

present() {
  tables=$(nft list tables) || die 75 "nft list tables failed"
  printf '%s\n' "$tables" | grep -qx "table $family $name"
}

# The table in nft's JSON, without counters and handles; nothing when it is not there. Its text form is not the same when it is loaded again:
# a reject becomes another one beside an IPv6 match, and a quote or a line break in a comment becomes a rule.
listing() {
  present || return 0
  json=$(nft -s -j list table "$family" "$name") || die 75 "nft list table failed"
  printf '%s\n' "$json" | sed 's/, *"handle": *[0-9]*//g'
}

digest() {
  sum=$(printf '%s\n' "$1" | sha256sum | cut -d ' ' -f 1)
  [ "\${#sum}" -eq 64 ] || die 75 "sha256sum failed"
  printf '%s\n' "$sum"
}

# What brings a listing back in one transaction, or the absence of the table. One line, so that what has its line break is whole.
restorer() {
  own="{\"family\": \"$family\", \"name\": \"$name\"}"
  again="{\"add\": {\"table\": $own}}, {\"delete\": {\"table\": $own}}"
  case $1 in
  '') printf '{"nftables": [%s]}' "$again" ;;
  '{"nftables": ['*) printf '{"nftables": [%s, %s' "$again" "\${1#'{"nftables": ['}" ;;
  *) die 75 "nft printed something unexpected" ;;
  esac
}
whole() { [ -s "$1" ] && [ "$(tail -c 1 "$1" | wc -l)" -eq 1 ]; }

finish() {
  verdict "$1" "$2"
  rm -f "$guard/$1.before"
  forget
}

# What was loaded under a guard becomes what a boot loads once the guard is confirmed; else it goes. Finishes what a power cut left half done.
settle() {
  for file in "$etc"/next.*; do
    [ -f "$file" ] || continue
    owner=\${file##*/next.}
    if [ -f "$guard/$owner.confirmed" ]; then mv -f "$file" "$saved" && sync "$etc"
    elif [ ! -f "$guard/$owner.armed" ]; then rm -f "$file"
    fi
  done
}

# Whether the table is what a file would bring back.
is() {
  now=$(listing) || exit $?
  [ "$(restorer "$now")" = "$(cat "$1")" ]
}

# Back to the table before, proven by reading it. 1: what was kept is damaged.
restore() {
  whole "$guard/$1.before" || return 1
  nft -j -f "$guard/$1.before" || die 75 "the table before could not be restored"
  is "$guard/$1.before" || die 86 "the table before was loaded, and what is there now is something else"
}

take_back() {
  if restore "$1"; then finish "$1" fired
  else
    # The disk lost what was kept; what the last confirmed run saved is the best there is. Nobody may read that as "fired".
    ! whole "$saved" || nft -j -f "$saved" || die 75 "the saved table could not be loaded"
    rm -f "$guard/$1.armed" "$guard/$1.before" && sync "$guard" || die 85 "the damaged guard $1 could not be removed"
    printf 'soll: the table kept by guard %s is damaged; the saved one was loaded\n' "$1" >&2
  fi
}

stop_timer() { systemctl stop "soll-guard-$1.timer" >/dev/null 2>&1; return 0; }
timer_runs() { systemctl is-active --quiet "soll-guard-$1.timer" || systemctl is-active --quiet "soll-guard-$1.service"; }

start_timer() {
  # The switch does not give up: a lock that is not free or an nft that fails is tried again.
  systemd-run --quiet --collect --unit="soll-guard-$1" --on-active="$2" --timer-property=AccuracySec=1s --property=Restart=on-failure --property=RestartSec=5 --property=RestartPreventExitStatus=86 \
    /bin/sh "$var/nftables.sh" fire "$1" && timer_runs "$1"
}

install_unit() {
  [ -d "$root/run/systemd/system" ] || die 83 "systemd does not run; without it no guard would fire"
  if ! cmp -s "$0" "$var/nftables.sh"; then keep "$var/nftables.sh" "$(cat "$0")" || die 83 "cannot write $var"; fi
  text='[Unit]
Description=Firewall table of soll
DefaultDependencies=no
RequiresMountsFor=/etc/soll /var/lib/soll
After=nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
Restart=on-failure
RestartSec=10
ExecStart=/bin/sh /var/lib/soll/nftables.sh boot

[Install]
WantedBy=sysinit.target'
  if [ "$text" != "$(cat "$unit" 2>/dev/null)" ]; then keep "$unit" "$text" && systemctl daemon-reload || die 83 "cannot install the boot unit"; fi
  systemctl is-enabled --quiet soll-nftables.service 2>/dev/null || systemctl enable --quiet soll-nftables.service || die 83 "cannot enable the boot unit"
}

settle
case \${1-} in
status)
  text=$(listing) || exit $?
  hash=$(digest "$text") || exit $?
  printf 'hash %s\n' "$hash"
  printf '%s\n' "$text"
  ;;
load)
  token "$2"; expected=$3 sum=$5 next=$6
  [ "$(sha256sum < "$next" | cut -d ' ' -f 1)" = "$sum" ] || die 77 "the new table arrived damaged"
  check_fence "$4"
  [ "$(state "$2")" = armed ] || die 82 "the guard is not armed but $(state "$2"): it fired before the table arrived, or was never there"
  timer_runs "$2" || die 82 "the guard is armed and its timer is gone"
  nft -j -c -f "$next" || die 79 "nft refuses the new table"
  text=$(listing) || exit $?
  hash=$(digest "$text") || exit $?
  [ "$hash" = "$expected" ] || die 78 "the table has changed since it was read"
  nft -j -f "$next" || die 80 "nft could not load the new table"
  # Kept now, so that confirming is a rename and needs no space.
  text=$(listing) || exit $?
  kept=$(restorer "$text") || exit $?
  keep "$etc/next.$2" "$kept" || die 85 "the new table could not be kept for the next boot"
  echo loaded
  ;;
arm)
  token "$2"; number "$3"
  check_fence "$4"
  case $(state "$2") in confirmed|fired) die 82 "this token has been used: $(state "$2")" ;; esac
  other=$(armed)
  if [ -n "$other" ] && [ "$other" != "$2" ]; then
    timer_runs "$other" && die 81 "a guard of another run is armed"
    # Its timer is gone (killed between two steps): nobody else will ever end it.
    take_back "$other"
  fi
  install_unit
  if [ "$(state "$2")" = absent ]; then
    text=$(listing) || exit $?
    kept=$(restorer "$text") || exit $?
    keep "$guard/$2.before" "$kept" || die 83 "cannot keep the table as it is"
    nft -j -c -f "$guard/$2.before" || die 83 "the table as it is could not be restored later"
    keep "$guard/$2.armed" "$2" || { rm -f "$guard/$2.armed"; die 83 "cannot write the guard"; }
  fi
  timer_runs "$2" || start_timer "$2" "$3" || { [ -f "$etc/next.$2" ] || rm -f "$guard/$2.armed"; die 83 "the timer does not run"; }
  state "$2"
  ;;
state)
  token "$2"
  state "$2"
  ;;
confirm)
  token "$2"
  case $(state "$2") in
  confirmed) ;;
  armed)
    whole "$etc/next.$2" || die 82 "nothing was loaded under this guard"
    is "$etc/next.$2" || die 82 "somebody else has changed the table since it was loaded"
    finish "$2" confirmed
    stop_timer "$2"
    settle ;;
  *) die 82 "the guard is not armed: $(state "$2")" ;;
  esac
  state "$2"
  ;;
recover|fire)
  token "$2"
  if [ "$(state "$2")" = armed ]; then
    take_back "$2"
    settle
    # The timer's own service would stop itself here.
    [ "$1" = fire ] || stop_timer "$2"
  fi
  state "$2"
  ;;
boot)
  left=$(armed)
  if [ -n "$left" ]; then take_back "$left"; settle
  elif whole "$saved"; then nft -j -f "$saved" || die 75 "the saved table could not be loaded"
  elif [ -f "$saved" ]; then die 75 "the saved table is damaged"
  fi
  ;;
*) die 70 "unknown command" ;;
esac
`.replaceAll('\\${', '${').replace('GUARD-SHELL', () => guardShell);
