/**
 * What runs on the firewall: a dead-man's switch for its whole configuration. POSIX sh for FreeBSD; uploaded, hashed and executed by the transport; it
 * also copies itself beside its state, because the timer and the boot must find it without us.
 *
 * Kept below /conf, which is on the disk on every kind of installation (/var and /tmp may be in memory). What happens while it is armed is found in
 * /conf/backup, where OPNsense keeps a copy of every saved configuration. Going back is what OPNsense's own restore does (core
 * scripts/shell/restore.sh 2026: config.xml is replaced, then rc.reload_all), but with one rename. At boot nothing is reloaded: the early hooks run
 * before anything reads the configuration (core src/etc/rc; docs.opnsense.org development/backend/autorun, looked up 2026-11).
 *
 * lockf(1), daemon(8), fsync(1), timeout(1) and sha256sum are in FreeBSD's base system (14.3 under 26.1).
 *
 * Exit codes: 70 usage, 71 a program is missing, 74 going back failed, 76 a newer run was here, 78 the configuration has changed since, 81 another
 * guard is armed, 82 the guard is not armed, 83 the guard could not be armed, 84 the lock was not free, 85 the state could not be written.
 */
import { guardShell } from '#transport/guard-script';

export const guardScript = String.raw`# soll: a dead-man's switch for the configuration. Installed and replaced by soll; do not edit.
set -u
export LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin"
umask 077
root=\${SOLL_ROOT-}
conf=$root/conf
config=$conf/config.xml
home=$conf/soll
guard=$home/guard
own=$home/guard.sh
run=$root/var/run
hook=$root/usr/local/etc/rc.syshook.d/early/02-soll-guard
reload=$root/usr/local/etc/rc.reload_all
# What is to become of interfaces once somebody applies it (core NetworkInterface.php 2026): beside the configuration, and not in it.
todo=$root/tmp/.interfaces.todo

flush() { fsync "$@"; }
GUARD-SHELL

hash() { sha256sum | cut -d ' ' -f 1; }
sum() { hash < "$1"; }
# It holds a lock for as long as it lives; 75 is what lockf says then.
timer_runs() { [ -f "$run/soll-guard.$1" ] || return 1; lockf -s -k -t 0 "$run/soll-guard.$1" true; [ $? -eq 75 ]; }

case \${1-} in
state)
  # Without the lock: going back takes a while, and this is asked meanwhile.
  token "$2"
  state "$2"
  exit
  ;;
count)
  # Started detached. No clock is asked; a restart ends it, and then the boot ends the guard.
  token "$2"; number "$3"
  left=$3
  while [ "$left" -gt 0 ]; do
    [ "$(state "$2")" = armed ] || exit 0
    step=5
    [ "$left" -ge 5 ] || step=$left
    sleep "$step"
    left=$((left - step))
  done
  # It does not give up: a lock that is not free or a reload that fails is tried again.
  while [ "$(state "$2")" = armed ]; do sh "$0" fire "$2" || sleep 5; done
  exit 0
  ;;
recover)
  # Detached: reloading interfaces may cut the connection that asks for it.
  token "$2"
  tries=0
  if [ "$(state "$2")" = armed ]; then
    daemon -f /bin/sh "$own" fire "$2" || die 74 "going back could not be started"
    while [ "$(state "$2")" = armed ] && [ "$tries" -lt 450 ]; do tries=$((tries + 1)); sleep 0.2; done
  fi
  state "$2"
  exit
  ;;
esac

if [ "\${1-}" != locked ]; then
  # What ends a guard does with what is there.
  case \${1-} in arm) needed='lockf daemon fsync sha256sum timeout cmp' ;; *) needed=lockf ;; esac
  for program in $needed; do command -v "$program" >/dev/null || die 71 "there is no $program on the firewall"; done
  mkdir -p "$guard" "$run" || die 85 "cannot create $guard"
  output=$(lockf -s -k -t 30 "$run/soll-guard.lock" sh "$0" locked "$@")
  code=$?
  # EX_TEMPFAIL of lockf; nothing below ends with it.
  [ "$code" -ne 75 ] || die 84 "the lock is not free"
  [ -z "$output" ] || printf '%s\n' "$output"
  exit "$code"
fi
shift

# The configuration without the note of who saved it when.
plain() { sed '/<revision>/,/<\/revision>/d' "$1"; }
# Who, without where from.
saved_by() { sed -n '/<revision>/,/<\/revision>/s:.*<username>\([^@<]*\).*:\1:p' "$1" | head -n 1; }
whole() { [ "$(head -c 5 "$1")" = '<?xml' ] && tail -c 64 "$1" | grep -q '</opnsense>'; }

# PHP holds this lock while it writes (core Config.php: flock on the file).
take() { lockf -s -k -t 10 "$config" cp -p "$config" "$1" && flush "$1" && whole "$1"; }

# What was kept is what was there: 1 when it is damaged.
intact() { [ -f "$guard/$1.before" ] && [ "$(sum "$guard/$1.before")" = "$(cat "$guard/$1.armed")" ]; }

# Everybody whose name stands on what was saved since the guard was armed.
savers() {
  for file in "$conf"/backup/config-*.xml "$config"; do
    [ -f "$file" ] || continue
    case $file in "$config") ;; *) ! grep -Fqx "\${file##*/}" "$guard/$1.known" || continue ;; esac
    cmp -s "$file" "$guard/$1.before" || saved_by "$file"
  done | sort -u
}

put_back() {
  cp -p "$guard/$1.before" "$config.soll" && flush "$config.soll" || { rm -f "$config.soll"; die 85 "no space in $conf for the configuration before"; }
  lockf -s -k -t 10 "$config" mv -f "$config.soll" "$config" || mv -f "$config.soll" "$config"
  [ -f "$guard/$1.todo" ] || rm -f "$todo"
  flush "$conf"
  cmp -s "$guard/$1.before" "$config" || die 74 "the configuration before was put back, and what is there now is something else"
  # The newest of the history is what OPNsense takes for the present one.
  cp -p "$config" "$conf/backup/config-$(date +%s).9999.xml" 2>/dev/null || :
}

# At boot nothing runs yet that would have to be told.
take_back() {
  # Nothing was written under it: what somebody else has saved meanwhile is none of ours.
  if [ ! -f "$guard/$1.begun" ]; then finish "$1" fired; return; fi
  if ! intact "$1"; then
    # The disk lost what was kept. Nobody may read that as "fired".
    rm -f "$guard/$1.armed" "$guard/$1.before" && flush "$guard" || die 85 "the damaged guard $1 could not be removed"
    printf 'soll: the configuration kept by guard %s is damaged; nothing was put back\n' "$1" >&2
    return
  fi
  if [ "$(plain "$config" | hash)" != "$(plain "$guard/$1.before" | hash)" ]; then
    put_back "$1"
    [ "$2" = boot ] || timeout 300 "$reload" >/dev/null 2>&1 </dev/null || die 74 "the configuration before was put back, and reloading it failed"
  fi
  finish "$1" fired
}

finish() {
  verdict "$1" "$2"
  sweep
  forget
}

# What belongs to no armed guard.
sweep() {
  for file in "$guard"/*.before "$guard"/*.known "$guard"/*.begun "$guard"/*.todo "$guard"/*.written; do
    owner=\${file##*/}
    [ -f "$guard/\${owner%.*}.armed" ] || rm -f "$file"
  done
}

install() {
  [ -x "$reload" ] || die 83 "there is no $reload: is this OPNsense?"
  if ! cmp -s "$0" "$own"; then keep "$own" "$(cat "$0")" || die 83 "cannot write $own"; fi
  text='#!/bin/sh
# soll: ends a guard that was armed when the firewall went down.
exec /bin/sh "\${SOLL_ROOT-}/conf/soll/guard.sh" boot'
  if [ "$text" != "$(cat "$hook" 2>/dev/null)" ]; then mkdir -p "$(dirname "$hook")" && keep "$hook" "$text" || die 83 "cannot write $hook"; fi
  chmod 755 "$hook" && [ -x "$hook" ] || die 83 "$hook cannot be made executable"
}

case \${1-} in
arm)
  token "$2"; number "$3"
  check_fence "$4"
  case $(state "$2") in confirmed|fired) die 82 "this token has been used: $(state "$2")" ;; esac
  other=$(armed)
  if [ -n "$other" ] && [ "$other" != "$2" ]; then
    timer_runs "$other" && die 81 "a guard of another run is armed"
    # Its timer is gone (killed between two steps): nobody else will ever end it.
    take_back "$other" now
  fi
  install
  sweep
  if [ "$(state "$2")" = absent ]; then
    ls "$conf/backup" 2>/dev/null > "$guard/$2.known"
    [ ! -f "$todo" ] || : > "$guard/$2.todo"
    take "$guard/$2.before" || { rm -f "$guard/$2.before"; die 83 "cannot keep the configuration as it is"; }
    keep "$guard/$2.armed" "$(sum "$guard/$2.before")" || { rm -f "$guard/$2.armed"; die 83 "cannot write the guard"; }
  fi
  intact "$2" || { rm -f "$guard/$2.armed"; die 83 "what was kept of the configuration cannot be read back"; }
  if ! timer_runs "$2"; then
    daemon -f lockf -s -t 0 "$run/soll-guard.$2" /bin/sh "$own" count "$2" "$3"
    tries=0
    while ! timer_runs "$2" && [ "$tries" -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
    timer_runs "$2" || { rm -f "$guard/$2.armed"; die 83 "the timer does not run"; }
  fi
  state "$2"
  ;;
ready)
  # Before the first write.
  token "$2"
  check_fence "$3"
  [ "$(state "$2")" = armed ] || die 82 "the guard is not armed but $(state "$2"): it fired before everything was saved (apply --guard gives it longer), or was never there"
  timer_runs "$2" || die 82 "the guard is armed and its timer is gone"
  [ -f "$guard/$2.begun" ] || cmp -s "$config" "$guard/$2.before" || die 78 "somebody else has saved the configuration since the guard was armed"
  keep "$guard/$2.begun" begun || die 85 "the guard could not be marked"
  echo ready
  ;;
written)
  # After the last write: what is confirmed is this and nothing else.
  token "$2"
  [ "$(state "$2")" = armed ] || die 82 "the guard is not armed but $(state "$2")"
  names=$(savers "$2")
  [ $(printf '%s\n' "$names" | wc -l) -eq 1 ] || { echo others; exit 0; }
  keep "$guard/$2.written" "$(sum "$config")" || die 85 "what was written could not be noted"
  echo written
  ;;
confirm)
  token "$2"
  case $(state "$2") in
  confirmed) ;;
  armed)
    [ -f "$guard/$2.written" ] || die 82 "nothing was written to its end under this guard, or others have saved at the same time"
    [ "$(sum "$config")" = "$(cat "$guard/$2.written")" ] || die 82 "somebody else has saved the configuration since; it is in System: Configuration: History"
    finish "$2" confirmed ;;
  *) die 82 "the guard is not armed: $(state "$2")" ;;
  esac
  state "$2"
  ;;
fire)
  token "$2"
  [ "$(state "$2")" != armed ] || take_back "$2" now
  state "$2"
  ;;
boot)
  left=$(armed)
  [ -z "$left" ] || take_back "$left" boot
  ;;
*) die 70 "unknown command" ;;
esac
`.replaceAll('\\${', '${').replace('GUARD-SHELL', () => guardShell);
