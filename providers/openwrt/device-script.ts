/**
 * What runs on the device: a dead-man's switch on its flash, and the one way in which soll writes its configuration. POSIX sh for BusyBox; uploaded,
 * hashed and executed by the transport; it also copies itself beside its state, because the timer and the boot must find it without us. rpcd's own
 * rollback is not used: it is in RAM, and anybody's next apply takes it away.
 *
 * Everything that looks or changes runs under one lock; its output is printed after it is let go. Files come back by copy, fsync and rename, one after
 * the other; a cut in between is made good by whoever comes next, because the guard stays armed until all are back, read and applied.
 *
 * Exit codes: 70 usage, 71 a program is missing, 75 a program failed, 76 a newer run was here, 77 the data arrived damaged, 78 the configuration is not as
 * expected, 79 uci reads the new files otherwise, 80 loading failed, 81 another guard is armed, 82 the guard is not armed or somebody else has written,
 * 83 the guard could not be armed, 84 the lock was not free, 85 the state could not be written, 86 put back, but not as it was, 87 somebody's changes are
 * staged and not committed.
 */
import { guardShell } from '#transport/guard-script';
import { neededPrograms, packages } from './limits.ts';

export const deviceScript = String.raw`# soll: a dead-man's switch for the configuration. Installed and replaced by soll; do not edit.
set -u
export LC_ALL=C
PATH="$PATH:/usr/sbin:/sbin"
umask 077
root=\${SOLL_ROOT-}
conf=$root/etc/config
etc=$root/etc/soll
guard=$etc/guard
run=$root/var/run
init=$root/etc/init.d/soll-guard
packages='PACKAGES'

flush() { fsync "$@" 2>/dev/null || sync; }
GUARD-SHELL

# Counts down in memory that a restart loses, and so does it: then the boot ends the guard. No clock is asked.
if [ "\${1-}" = wait ]; then
  while left=$(cat "$run/soll.left" 2>/dev/null) && [ "$left" -gt 0 ] 2>/dev/null; do
    step=5
    [ "$left" -ge 5 ] || step=$left
    sleep "$step"
    echo $((left - step)) > "$run/soll.left"
  done
  set -- fire
fi

if [ "\${1-}" != locked ]; then
  # What ends a guard does with what is there.
  case \${1-} in status|load|arm) needed='PROGRAMS' ;; *) needed=flock ;; esac
  for program in $needed; do command -v "$program" >/dev/null || die 71 "there is no $program on the device"; done
  mkdir -p "$guard" "$run" || die 85 "cannot create $guard"
  output=$(mktemp "$run/soll.XXXXXX") || die 85 "no space in $run"
  SOLL_INPUT=$output.in
  export SOLL_INPUT
  if [ "\${1-}" = load ]; then cat > "$SOLL_INPUT" || { rm -f "$output" "$SOLL_INPUT"; die 85 "no space in $run for the new files"; }; fi
  exec 9> "$run/soll.lock"
  tries=0
  until flock -n 9; do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || { rm -f "$output" "$SOLL_INPUT"; die 84 "the lock is not free"; }
    sleep 1
  done
  sh "$0" locked "$@" > "$output"
  code=$?
  exec 9>&-
  cat "$output"
  rm -f "$output" "$SOLL_INPUT"
  # The timer's own service ends itself here; its work is done.
  if [ "\${1-}" = fire ] && [ "$code" -eq 0 ]; then sh "$root/etc/rc.common" "$init" stop >/dev/null 2>&1; fi
  exit "$code"
fi
shift

sum() {
  [ -f "$1" ] || { echo absent; return; }
  found=$(sha256sum < "$1") || die 75 "sha256sum failed"
  found=\${found%% *}
  [ "\${#found}" -eq 64 ] || die 75 "sha256sum failed"
  echo "$found"
}
sums() { for each in $packages; do s=$(sum "$conf/$each") || exit $?; echo "$each $s"; done; }
digest() { found=$(printf '%s\n' "$1" | sha256sum) || die 75 "sha256sum failed"; echo "\${found%% *}"; }
# The sum that a list of them has for a package.
line() { printf '%s\n' "$1" | sed -n "s/^$2 //p"; }

# uci's own place for what is staged is left out: what is committed is what is read.
committed() { uci -t "$run/soll-none" "$@"; }
unstaged() {
  changes=$(uci changes) || die 75 "uci changes failed"
  [ -z "$changes" ] || die 87 "there are staged changes that nobody has committed"
}

finish() { verdict "$1" "$2"; settle; }

# What belongs to no armed guard goes.
settle() {
  for file in "$guard"/*.before "$guard"/*.touched "$guard"/*.loaded; do
    [ -e "$file" ] || continue
    owner=\${file##*/}
    [ -f "$guard/\${owner%.*}.armed" ] || rm -rf "$file"
  done
  forget
}

# Back to the files before, each proven by reading it. 1: what was kept is damaged. A file that neither we nor the state before has is kept aside.
restore() {
  # What cannot be read now is tried again; only what is not there is lost.
  touched='' loaded=''
  [ -f "$guard/$1.before/sums" ] || return 1
  before=$(cat "$guard/$1.before/sums") || die 75 "what is kept cannot be read"
  [ ! -f "$guard/$1.touched" ] || touched=$(cat "$guard/$1.touched") || die 75 "what is kept cannot be read"
  [ ! -f "$guard/$1.loaded" ] || loaded=$(cat "$guard/$1.loaded") || die 75 "what is kept cannot be read"
  for each in $touched; do
    case " $packages " in *" $each "*) ;; *) return 1 ;; esac
    want=$(line "$before" "$each")
    now=$(sum "$conf/$each") || exit $?
    [ -n "$want" ] || return 1
    [ "$now" != "$want" ] || continue
    copy=$(sum "$guard/$1.before/$each") || exit $?
    [ "$copy" = "$want" ] || return 1
    if [ "$now" != absent ] && [ "$now" != "$(line "$loaded" "$each")" ]; then mkdir -p "$etc/aside" && cp -p "$conf/$each" "$etc/aside/$each"; fi
    if [ "$want" = absent ]; then rm -f "$conf/$each"
    else cp -p "$guard/$1.before/$each" "$etc/back" && flush "$etc/back" && mv -f "$etc/back" "$conf/$each" || die 75 "$each could not be put back"
    fi
    flush "$conf"
    now=$(sum "$conf/$each") || exit $?
    [ "$now" = "$want" ] || die 86 "$each was put back, and what is there now is something else"
  done
}

# Tells the services of what was written, and of nothing else: reload_config would also apply what others left lying.
apply() {
  for each in $touched; do
    [ "$each" != soll ] || continue
    ubus call service event "{ \"type\": \"config.change\", \"data\": { \"package\": \"$each\" } }" >/dev/null 2>&1 </dev/null 9>&- || return 1
  done
}

# At boot nothing runs yet that would have to be told.
take_back() {
  if restore "$1"; then
    [ "\${2-}" = boot ] || apply || die 75 "the services could not be told"
    finish "$1" fired
  else
    # The flash lost what was kept. Nobody may read that as "fired".
    rm -f "$guard/$1.armed" && flush "$guard" || die 85 "the damaged guard $1 could not be removed"
    settle
    printf 'soll: what guard %s had kept is damaged; nothing was put back\n' "$1" >&2
  fi
}

timer_runs() { ubus call service list '{"name":"soll-guard"}' 2>/dev/null | grep -q '"running": *true'; }
stop_timer() { sh "$root/etc/rc.common" "$init" stop >/dev/null 2>&1 9>&-; return 0; }
start_timer() {
  echo "$1" > "$run/soll.left" && [ "$(cat "$run/soll.left")" = "$1" ] && sh "$root/etc/rc.common" "$init" start >/dev/null 2>&1 </dev/null 9>&- || return 1
  # procd answers before the process is there.
  tries=0
  until timer_runs; do
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || return 1
    sleep 1
  done
}

install() {
  [ -f "$root/etc/rc.common" ] || die 83 "this is no OpenWrt: there is no /etc/rc.common"
  if ! cmp -s "$0" "$etc/guard.sh"; then keep "$etc/guard.sh" "$(cat "$0")" || die 83 "cannot write $etc"; fi
  # Before firewall (19) and network (20), so that the boot brings up what is put back. procd starts what dies again, without end.
  text='#!/bin/sh /etc/rc.common
# The dead-man'"'"'s switch of soll. Installed and replaced by soll; do not edit.
START=11
USE_PROCD=1

start_service() {
	procd_open_instance
	procd_set_param command /bin/sh /etc/soll/guard.sh wait
	procd_set_param respawn 3600 5 0
	procd_close_instance
}

boot() {
	/bin/sh /etc/soll/guard.sh boot
}'
  if [ "$text" != "$(cat "$init" 2>/dev/null)" ] || [ ! -x "$init" ]; then keep "$init" "$text" && chmod 755 "$init" || die 83 "cannot install the boot script"; fi
  sh "$root/etc/rc.common" "$init" enabled 9>&- || sh "$root/etc/rc.common" "$init" enable 9>&-
  sh "$root/etc/rc.common" "$init" enabled 9>&- || die 83 "cannot enable the boot script"
}

frame() { printf '%s %s %s\n' "$1" "$2" "$(($(wc -c < "$3")))"; cat "$3"; echo; }

case \${1-} in
status)
  unstaged
  for each in $packages; do
    [ -f "$conf/$each" ] || continue
    committed export "$each" > "$SOLL_INPUT" || die 75 "uci cannot read $each"
    frame file "$each" "$conf/$each"
    frame export "$each" "$SOLL_INPUT"
  done
  s=$(sums) || exit $?
  printf 'sums\n%s\nend\n' "$s"
  ;;
arm)
  token "$2"; number "$3"
  check_fence "$4"
  case $(state "$2") in confirmed|fired) die 82 "this token has been used: $(state "$2")" ;; esac
  unstaged
  other=$(armed)
  if [ -n "$other" ] && [ "$other" != "$2" ]; then
    timer_runs && die 81 "a guard of another run is armed"
    # Its timer is gone: nobody else will ever end it.
    take_back "$other"
  fi
  settle
  install
  if [ "$(state "$2")" = absent ]; then
    s=$(sums) || exit $?
    kept=$guard/$2.before
    rm -rf "$kept"
    mkdir "$kept" || die 83 "cannot keep the configuration as it is"
    for each in $packages; do
      [ -f "$conf/$each" ] || continue
      cp -p "$conf/$each" "$kept/$each" && flush "$kept/$each" || die 83 "cannot keep $each as it is"
      [ "$(sum "$kept/$each")" = "$(line "$s" "$each")" ] || die 83 "$each changed while it was kept"
    done
    keep "$kept/sums" "$s" && flush "$guard" || die 83 "cannot keep the configuration as it is"
    keep "$guard/$2.armed" "$2" || { rm -f "$guard/$2.armed"; die 83 "cannot write the guard"; }
  fi
  timer_runs || start_timer "$3" || { [ -f "$guard/$2.touched" ] || rm -f "$guard/$2.armed"; die 83 "the timer does not run"; }
  state "$2"
  ;;
load)
  token "$2"
  check_fence "$3"
  owner=$2 expected=$4
  shift 4
  [ "$(state "$owner")" = armed ] || die 82 "the guard is not armed but $(state "$owner"): it fired before the files arrived, or was never there"
  timer_runs || die 82 "the guard is armed and its timer is gone"
  unstaged
  s=$(sums) || exit $?
  [ "$(digest "$s")" = "$expected" ] || die 78 "the configuration has changed since it was read"
  next=$etc/next
  rm -rf "$next"
  mkdir "$next" || die 85 "no space for the new files"
  from=1 touched='' after=''
  for part; do
    each=\${part%%:*} rest=\${part#*:}
    lines=\${rest%%:*} rest=\${rest#*:}
    raw=\${rest%%:*} read=\${rest#*:}
    number "$lines"
    case " $packages " in *" $each "*) ;; *) die 70 "not a package of ours" ;; esac
    # Mode and owner of the file that it replaces.
    [ ! -f "$conf/$each" ] || cp -p "$conf/$each" "$next/$each" || die 85 "no space for the new files"
    sed -n "$from,$((from + lines - 1))p" "$SOLL_INPUT" > "$next/$each" && flush "$next/$each" || die 85 "no space for the new files"
    [ "$(sum "$next/$each")" = "$raw" ] || die 77 "the new $each arrived damaged"
    uci -c "$next" -t "$run/soll-none" export "$each" > "$SOLL_INPUT.read" || { rm -f "$SOLL_INPUT.read"; die 79 "uci refuses the new $each"; }
    now=$(sum "$SOLL_INPUT.read")
    rm -f "$SOLL_INPUT.read"
    [ "$now" = "$read" ] || die 79 "uci reads the new $each otherwise than it is meant"
    from=$((from + lines))
    touched="$touched \${each}"
  done
  for each in $packages; do
    if [ -f "$next/$each" ]; then now=$(sum "$next/$each") || exit $?; else now=$(line "$s" "$each"); fi
    after="$after$each $now
"
  done
  keep "$guard/$owner.loaded" "\${after%?}" && keep "$guard/$owner.touched" "$touched" || die 85 "the guard could not note what is written"
  for each in $touched; do mv -f "$next/$each" "$conf/$each" || die 80 "$each could not be replaced"; done
  flush "$conf"
  rm -rf "$next"
  [ "$(sums)" = "\${after%?}" ] || die 80 "the configuration is not what was written"
  apply || die 80 "the services could not be told"
  unstaged
  echo loaded
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
    [ -f "$guard/$2.loaded" ] || die 82 "nothing was loaded under this guard"
    unstaged
    s=$(sums) || exit $?
    [ "$s" = "$(cat "$guard/$2.loaded")" ] || die 82 "somebody else has changed the configuration since it was loaded"
    finish "$2" confirmed
    stop_timer ;;
  *) die 82 "the guard is not armed: $(state "$2")" ;;
  esac
  state "$2"
  ;;
recover)
  token "$2"
  if [ "$(state "$2")" = armed ]; then
    take_back "$2"
    stop_timer
  fi
  state "$2"
  ;;
fire|boot)
  settle
  left=$(armed)
  [ -z "$left" ] || take_back "$left" "$1"
  ;;
*) die 70 "unknown command" ;;
esac
`.replaceAll('\\${', '${').replace('GUARD-SHELL', () => guardShell).replace('PACKAGES', packages.join(' ')).replace('PROGRAMS', neededPrograms);
