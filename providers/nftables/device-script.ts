/**
 * What runs on the device. One file, POSIX sh, uploaded, hashed and executed by the transport; it also copies itself beside its state,
 * because the timer and the boot must find it without us. Everything that changes something runs under one lock.
 *
 * Exit codes: 70 usage, 75 nft failed, 76 a newer run was here, 77 the data arrived damaged, 78 the table is not as expected,
 * 79 nft refuses the new table, 80 loading failed (nothing changed), 81 another guard is armed, 82 the guard is not armed,
 * 83 the guard could not be armed, 84 the lock was not free, 85 the configuration could not be saved.
 */
export const deviceScript = String.raw`# soll: one nftables table with a dead-man's switch. Installed and replaced by soll; do not edit.
set -u
export LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
umask 077
root=\${SOLL_ROOT-}
etc=$root/etc/soll
var=$root/var/lib/soll
guard=$var/guard
saved=$etc/nftables.nft
unit=$root/etc/systemd/system/soll-nftables.service
family=inet
name=soll

die() { code=$1; shift; printf 'soll: %s\n' "$*" >&2; exit "$code"; }

if [ "\${1-}" != locked ]; then
  mkdir -p "$etc" "$guard/done" "$root/run" || die 85 "cannot create $etc and $guard"
  exec flock -w 30 -E 84 "$root/run/soll-nftables.lock" sh "$0" locked "$@"
fi
shift

present() {
  tables=$(nft list tables) || die 75 "nft list tables failed"
  printf '%s\n' "$tables" | grep -qx "table $family $name"
}

# The table as text that nft loads again; nothing when it is not there. -s: without counters.
listing() {
  if present; then nft -s list table "$family" "$name" || die 75 "nft list table failed"; fi
}

digest() {
  listing > "$guard/listing" || exit $?
  sha256sum < "$guard/listing" | cut -d ' ' -f 1
}

# A file that brings the table back as it is now, or its absence.
restorer() {
  printf 'add table %s %s\ndelete table %s %s\n' "$family" "$name" "$family" "$name"
  listing
}

# Whole or not at all, also when the power goes.
place() {
  sync "$1.new" 2>/dev/null || sync
  mv -f "$1.new" "$1" && { sync "$(dirname "$1")" 2>/dev/null || sync; }
}

armed() { [ -f "$guard/armed" ] && [ ! -f "$guard/done/$(cat "$guard/armed")" ] && cat "$guard/armed"; }

state() {
  if [ -f "$guard/done/$1" ]; then cat "$guard/done/$1"
  elif [ "$(armed)" = "$1" ]; then echo armed
  else echo absent
  fi
}

finish() {
  printf '%s\n' "$2" > "$guard/done/$1.new" && place "$guard/done/$1"
  rm -f "$guard/armed"
  find "$guard/done" -type f -mtime +60 -exec rm -f {} + 2>/dev/null
  [ "\${3-}" = timer ] || [ ! -d "$root/run/systemd/system" ] || systemctl stop "soll-guard-$1.timer" >/dev/null 2>&1
  return 0
}

token() { case $1 in ''|*[!0-9a-f]*) die 70 "not a token" ;; esac; [ "\${#1}" -le 64 ] || die 70 "not a token"; }
number() { case $1 in ''|*[!0-9]*) die 70 "not a number" ;; esac; }

install_unit() {
  if ! cmp -s "$0" "$var/nftables.sh"; then cat "$0" > "$var/nftables.sh.new" && place "$var/nftables.sh" || die 83 "cannot write $var"; fi
  [ -d "$root/run/systemd/system" ] || return 0
  cat > "$unit.new" <<UNIT
[Unit]
Description=Firewall table of soll
DefaultDependencies=no
RequiresMountsFor=/etc/soll /var/lib/soll
After=nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /var/lib/soll/nftables.sh boot

[Install]
WantedBy=sysinit.target
UNIT
  if cmp -s "$unit.new" "$unit"; then rm -f "$unit.new"; else place "$unit" && systemctl daemon-reload || die 83 "cannot install the boot unit"; fi
  systemctl is-enabled --quiet soll-nftables.service 2>/dev/null || systemctl enable --quiet soll-nftables.service || die 83 "cannot enable the boot unit"
}

start_timer() {
  if [ -d "$root/run/systemd/system" ]; then
    systemd-run --quiet --collect --unit="soll-guard-$1" --on-active="$2" --timer-property=AccuracySec=1s /bin/sh "$var/nftables.sh" fire "$1" || return 1
    systemctl is-active --quiet "soll-guard-$1.timer"
  else
    setsid sh -c 'sleep "$2"; exec sh "$1" fire "$3"' soll "$var/nftables.sh" "$2" "$1" < /dev/null > /dev/null 2>&1 &
  fi
}

restore() { nft -f "$guard/before.nft" || die 75 "the table before could not be restored"; }

case \${1-} in
status)
  hash=$(digest) || exit $?
  printf 'hash %s\n' "$hash"
  printf 'guard %s\n' "$(armed)"
  printf 'fence %s\n' "$(cat "$var/fence" 2>/dev/null || echo 0)"
  if present; then nft -j list table "$family" "$name" || die 75 "nft -j list table failed"; fi
  ;;
load)
  expected=$2 fence=$3 sum=$4
  number "$fence"
  last=$(cat "$var/fence" 2>/dev/null || echo 0)
  [ "$fence" -ge "$last" ] || die 76 "run $last has been here since"
  cat > "$var/next.json"
  [ "$(sha256sum < "$var/next.json" | cut -d ' ' -f 1)" = "$sum" ] || die 77 "the new table arrived damaged"
  nft -j -c -f "$var/next.json" || die 79 "nft refuses the new table"
  hash=$(digest) || exit $?
  [ "$hash" = "$expected" ] || die 78 "the table has changed since it was read"
  printf '%s\n' "$fence" > "$var/fence.new" && place "$var/fence"
  nft -j -f "$var/next.json" || die 80 "nft could not load the new table"
  rm -f "$var/next.json"
  echo loaded
  ;;
arm)
  token "$2"; number "$3"
  other=$(armed)
  [ -z "$other" ] || [ "$other" = "$2" ] || die 81 "a guard of another run is armed"
  install_unit
  restorer > "$guard/before.nft.new" && place "$guard/before.nft" || die 83 "cannot keep the table as it is"
  nft -c -f "$guard/before.nft" || die 83 "the table as it is could not be restored later"
  printf '%s\n' "$2" > "$guard/armed.new" && place "$guard/armed" || die 83 "cannot write the guard"
  start_timer "$2" "$3" || { rm -f "$guard/armed"; die 83 "the timer does not run"; }
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
    restorer > "$saved.new" && place "$saved" || die 85 "the configuration could not be saved"
    finish "$2" confirmed ;;
  *) die 82 "the guard is not armed: $(state "$2")" ;;
  esac
  state "$2"
  ;;
recover|fire)
  token "$2"
  if [ "$(state "$2")" = armed ]; then
    restore
    if [ "$1" = fire ]; then finish "$2" fired timer; else finish "$2" fired; fi
  fi
  state "$2"
  ;;
boot)
  left=$(armed)
  if [ -n "$left" ]; then
    # Nobody confirmed: what is saved may already be the new table.
    if [ "$(wc -l < "$guard/before.nft")" -gt 2 ]; then cp "$guard/before.nft" "$saved.new" && place "$saved"; else rm -f "$saved"; fi
    finish "$left" fired timer
  fi
  rm -f "$guard/armed"
  [ ! -f "$saved" ] || nft -f "$saved" || die 75 "the saved table could not be loaded"
  ;;
*) die 70 "unknown command" ;;
esac
`.replaceAll('\\${', '${');
