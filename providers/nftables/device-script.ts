/**
 * What runs on the device. One file, POSIX sh, uploaded, hashed and executed by the transport; it also copies itself beside its state,
 * because the timer and the boot must find it without us.
 *
 * Everything that looks or changes runs under one lock. The part under the lock reads its input before and prints its output after it, so
 * that a client on a dead line cannot keep the lock from the dead-man's switch. The state of a guard is the name of one file,
 * `TOKEN.armed`, `.confirmed` or `.fired`: each transition is one rename, which needs no space and has no middle.
 *
 * WireGuard: all interfaces of soll stand in one file, the secrets in it; what it says is brought about by `wg syncconf`, `ip address` and
 * `ip route`, so that a peer that stays keeps its session. A load keeps the file of before beside its guard. Only its first line, which holds no
 * secret, is ever printed.
 *
 * Exit codes: 70 usage, 71 a program is missing, 75 nft failed, 76 a newer run was here, 77 the data arrived damaged, 78 the table is not as
 * expected, 79 nft refuses the new table, 80 loading failed (nothing changed), 81 another guard is armed, 82 the guard is not armed,
 * 83 the guard could not be armed, 84 the lock was not free, 85 the state could not be written, 86 put back, but not as it was.
 */
import { guardShell } from '#transport/guard-script';

export const deviceScript = String.raw`# soll: one nftables table and WireGuard with a dead-man's switch. Installed and replaced by soll; do not edit.
set -u
export LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
umask 077
root=\${SOLL_ROOT-}
etc=$root/etc/soll
var=$root/var/lib/soll
guard=$var/guard
saved=$etc/nftables.json
wg=$etc/wireguard.conf
units=$root/etc/systemd/system
tab=$(printf '\t')
# Of a name that does not resolve, seconds are lost here and not minutes.
export WG_ENDPOINT_RESOLUTION_RETRIES=2
family=inet
name=soll

flush() { sync "$@"; }
GUARD-SHELL

if [ "\${1-}" != locked ]; then
  # What ends a guard does with what is there.
  case \${1-} in status|load|arm) needed='flock nft sha256sum systemctl systemd-run' ;; tunnels) needed='flock wg ip' ;; *) needed=flock ;; esac
  for program in $needed; do command -v "$program" >/dev/null || die 71 "there is no $program on the device"; done
  mkdir -p "$etc" "$guard" "$root/run" || die 85 "cannot create $etc and $guard"
  input=
  if [ "\${1-}" = load ]; then
    input=$(mktemp "$root/run/soll-next.XXXXXX") && cat > "$input" || { rm -f "$input"; die 85 "no space in $root/run for the new table"; }
    set -- "$@" "$input"
  fi
  output=$(flock -w 30 -E 84 "$root/run/soll-nftables.lock" sh "$0" locked "$@")
  code=$?
  [ -z "$input" ] || rm -f "$input" "$input.nft" "$input.wg"
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

# Lines of a file by their first words, without these; whether a file has a line.
values() { sed -n "s|^$2 ||p" "$1"; }
has() { grep -qxF -e "$2" "$1"; }
linked() { ip link show dev "$1" >/dev/null 2>&1; }
addresses() { ip -o addr show dev "$1" | while read -r _ _ _ address _; do case $address in fe80:*) ;; *) printf '%s\n' "$address" ;; esac; done; }
# 73: the number that routes of soll carry, so that no other is touched.
routes() { { ip -4 route show dev "$1" proto 73; ip -6 route show dev "$1" proto 73; } | cut -d ' ' -f 1; }

# What wg reads for one interface. bare: without names that have to be looked up.
wg_config() {
  while read -r word interface a b; do
    [ "$interface" = "$2" ] || continue
    case $word in
    key) printf '[Interface]\nPrivateKey = %s\n' "$a" ;;
    port) printf 'ListenPort = %s\n' "$a" ;;
    peer) printf '[Peer]\nPublicKey = %s\n' "$a" ;;
    psk) printf 'PresharedKey = %s\n' "$b" ;;
    endpoint) case $3$b in bare*[a-zA-Z]*.*|bare*[g-zG-Z]*) ;; *) printf 'Endpoint = %s\n' "$b" ;; esac ;;
    ips) printf 'AllowedIPs = %s\n' "$b" ;;
    keepalive) printf 'PersistentKeepalive = %s\n' "$b" ;;
    esac
  done < "$1"
}

# What a file says of an interface, and what the kernel does; an endpoint moves with its peer and is no part of it.
wg_written() {
  while read -r word interface a b; do
    [ "$interface" = "$2" ] || continue
    case $word in
    public|port|peer|address) printf '%s %s\n' "$word" "$a" ;;
    psk|keepalive) printf '%s %s %s\n' "$word" "$a" "$b" ;;
    ips) printf '%s\n' "$b" | tr , '\n' | while read -r each; do printf 'ip %s %s\n' "$a" "$each"; done ;;
    esac
  done < "$1" | sort
}
wg_there() {
  {
    wg show "$1" dump 2>/dev/null | {
      IFS=$tab read -r _ public port _ && printf 'public %s\nport %s\n' "$public" "$port"
      while IFS=$tab read -r peer psk _ ips _ _ _ keepalive; do
        printf 'peer %s\n' "$peer"
        [ "$psk" = '(none)' ] || printf 'psk %s %s\n' "$peer" "$psk"
        [ "$keepalive" = off ] || printf 'keepalive %s %s\n' "$peer" "$keepalive"
        [ "$ips" = '(none)' ] || printf '%s\n' "$ips" | tr , '\n' | while read -r each; do printf 'ip %s %s\n' "$peer" "$each"; done
      done
    }
    linked "$1" && addresses "$1" | while read -r each; do printf 'address %s\n' "$each"; done
  } | sort
}
wg_is() {
  for interface in $(values "$1" interface); do
    [ "$(wg_written "$1" "$interface")" = "$(wg_there "$interface")" ] || return 1
  done
}
# For the digest of a status: the secrets are in it, and only the digest is printed.
wg_state() {
  [ -f "$wg" ] || return 0
  cat "$wg"
  for interface in $(values "$wg" interface); do printf '%s\n' "$interface"; wg_there "$interface"; done
}

# Kernels without WireGuard: wg-quick does the same. A unit of its own, or it would end with ours.
userspace() {
  command -v wireguard-go >/dev/null || { printf 'soll: the kernel knows no WireGuard, and there is no wireguard-go\n' >&2; return 1; }
  systemctl reset-failed "soll-wireguard-$1.service" >/dev/null 2>&1
  systemd-run --quiet --collect --unit="soll-wireguard-$1" --property=Type=forking wireguard-go "$1" && linked "$1"
}

wg_up() {
  linked "$2" || ip link add dev "$2" type wireguard 2>/dev/null || userspace "$2" || { printf 'soll: the interface %s cannot be made\n' "$2" >&2; return 1; }
  if ! wg_config "$1" "$2" all | wg syncconf "$2" /dev/stdin; then
    [ "$3" = loose ] && wg_config "$1" "$2" bare | wg syncconf "$2" /dev/stdin || { printf 'soll: wg refuses the tunnel %s\n' "$2" >&2; return 1; }
    unresolved=$2
  fi
  for each in $(values "$1" "address $2"); do has_word "$each" "$(addresses "$2")" || ip addr add "$each" dev "$2" || return 1; done
  for each in $(addresses "$2"); do has "$1" "address $2 $each" || ip addr del "$each" dev "$2" || return 1; done
  ip link set dev "$2" up || return 1
  for each in $(values "$1" "route $2"); do
    has_word "$each" "$(routes "$2")" || ip route add "$each" dev "$2" proto 73 || { printf 'soll: there is a route to %s already\n' "$each" >&2; return 1; }
  done
}
has_word() { printf '%s\n' "$2" | grep -qxF -e "$1"; }

# From what one file says to what another says. What leaves an interface leaves before anything comes to another.
wg_sync() {
  unresolved=
  for interface in $(values "$2" interface); do
    has "$1" "interface $interface" || ! linked "$interface" || ip link del dev "$interface" || return 1
  done
  for interface in $(values "$1" interface); do
    for each in $(routes "$interface" 2>/dev/null); do has "$1" "route $interface $each" || ip route del "$each" dev "$interface" proto 73 || return 1; done
  done
  for interface in $(values "$1" interface); do wg_up "$1" "$interface" "$3" || return 1; done
}

# A secret that the device has already is not sent again: @NAME stands for it.
wg_kept() {
  while IFS= read -r line; do case $line in "$1 "*) printf '%s\n' "\${line#"$1 "}"; return 0 ;; esac; done < "$wg"
  printf 'soll: a key that should be on the device is not there\n' >&2
  return 1
}
wg_resolve() {
  while IFS= read -r line; do
    case $line in
    'key '*' @'*|'psk '*' @'*)
      what=\${line%% *} rest=\${line#* } from=\${line##* @} peer=
      [ "$what" = key ] || { peer=\${rest#* }; peer=" \${peer% @*}"; }
      value=$(wg_kept "$what $from$peer") || return 1
      printf '%s %s%s %s\n' "$what" "\${rest%% *}" "$peer" "$value" ;;
    *) printf '%s\n' "$line" ;;
    esac
  done < "$1"
  for interface in $(values "$1" interface); do wg_by_hand "$1" "$interface"; done
}
# Peers that somebody else has added to an interface of ours stay, with all that they have.
wg_by_hand() {
  wg show "$2" dump 2>/dev/null | {
    read -r _
    while IFS=$tab read -r peer psk endpoint ips _ _ _ keepalive; do
      has "$1" "peer $2 $peer" && continue
      [ -f "$wg" ] && has "$wg" "peer $2 $peer" && ! has "$wg" "hand $2 $peer" && continue
      printf 'peer %s %s\nhand %s %s\n' "$2" "$peer" "$2" "$peer"
      [ "$psk" = '(none)' ] || printf 'psk %s %s %s\n' "$2" "$peer" "$psk"
      [ "$endpoint" = '(none)' ] || printf 'endpoint %s %s %s\n' "$2" "$peer" "$endpoint"
      [ "$ips" = '(none)' ] || printf 'ips %s %s %s\n' "$2" "$peer" "$ips"
      [ "$keepalive" = off ] || printf 'keepalive %s %s %s\n' "$2" "$peer" "$keepalive"
    done
  }
}

# Back to the tunnels before; at boot only the file, because there are no interfaces yet. 1: what was kept is damaged.
wg_back() {
  kept=$guard/$1.wg
  [ -f "$kept" ] || return 0
  whole "$kept" || return 1
  if [ "$2" = live ]; then
    [ -f "$wg" ] || cp "$kept" "$wg" || die 85 "no space in $etc"
    wg_sync "$kept" "$wg" loose || die 75 "the tunnels before could not be restored"
    wg_is "$kept" || die 86 "the tunnels before were restored, and what is there now is something else"
  fi
  if has "$kept" '# none'; then rm -f "$wg"; else keep "$wg" "$(cat "$kept")" || die 85 "the tunnels before could not be written"; fi
}

finish() {
  verdict "$1" "$2"
  rm -f "$guard/$1.before" "$guard/$1.wg"
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
  # There are keys in it.
  for file in "$guard"/*.wg; do [ ! -f "$file" ] || [ -f "\${file%.wg}.armed" ] || rm -f "$file"; done
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
  if restore "$1" && wg_back "$1" "$2"; then finish "$1" fired
  else
    # The disk lost what was kept; what the last confirmed run saved is the best there is. Nobody may read that as "fired".
    ! whole "$saved" || nft -j -f "$saved" || die 75 "the saved table could not be loaded"
    rm -f "$guard/$1.armed" "$guard/$1.before" "$guard/$1.wg" && sync "$guard" || die 85 "the damaged guard $1 could not be removed"
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
  install soll-nftables.service '[Unit]
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
}
install() {
  if [ "$2" != "$(cat "$units/$1" 2>/dev/null)" ]; then keep "$units/$1" "$2" && systemctl daemon-reload || die 83 "cannot install the boot unit"; fi
  systemctl is-enabled --quiet "$1" 2>/dev/null || systemctl enable --quiet "$1" || die 83 "cannot enable the boot unit"
}
# Names of other sites can be looked up only when there is a network; the table must be there before.
install_tunnels() {
  install soll-wireguard.service '[Unit]
Description=WireGuard tunnels of soll
After=soll-nftables.service network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
Restart=on-failure
RestartSec=10
ExecStart=/bin/sh /var/lib/soll/nftables.sh tunnels

[Install]
WantedBy=multi-user.target'
}

load_tunnels() {
  install_tunnels
  for interface in $(values "$2" interface); do
    [ -f "$wg" ] && has "$wg" "interface $interface" || ! linked "$interface" || die 79 "there is an interface $interface on the device already, and soll did not make it"
  done
  wanted=$(wg_resolve "$2") || die 78 "plan again"
  if [ ! -f "$guard/$1.wg" ]; then
    before='# none'
    [ ! -f "$wg" ] || before=$(cat "$wg")
    keep "$guard/$1.wg" "$before" || die 85 "the tunnels as they are could not be kept"
  fi
  keep "$wg" "$wanted" || die 85 "the new tunnels could not be written"
  if ! wg_sync "$wg" "$guard/$1.wg" strict || ! wg_is "$wg"; then
    wg_back "$1" live
    die 80 "the new tunnels could not be set up"
  fi
}

settle
case \${1-} in
status)
  text=$(listing) || exit $?
  tunnels=$(wg_state) || exit $?
  hash=$(digest "$text$tunnels") || exit $?
  printf 'hash %s\n' "$hash"
  printf '%s\n' "$text"
  ;;
load)
  token "$2"; expected=$3 sum=$5 next=$6
  [ "$(sha256sum < "$next" | cut -d ' ' -f 1)" = "$sum" ] || die 77 "the new table arrived damaged"
  check_fence "$4"
  [ "$(state "$2")" = armed ] || die 82 "the guard is not armed but $(state "$2"): it fired before the table arrived, or was never there"
  timer_runs "$2" || die 82 "the guard is armed and its timer is gone"
  tunnels=$(sed -n 2p "$next")
  case $tunnels in '# soll '*)
    for program in wg ip; do command -v "$program" >/dev/null || die 71 "there is no $program on the device"; done
    sed 1d "$next" > "$next.wg" && sed 1q "$next" > "$next.nft" || die 85 "no space in $root/run for the new table"
    next=$next.nft ;;
  *) tunnels= ;;
  esac
  nft -j -c -f "$next" || die 79 "nft refuses the new table"
  text=$(listing) || exit $?
  now=$(wg_state) || exit $?
  hash=$(digest "$text$now") || exit $?
  [ "$hash" = "$expected" ] || die 78 "the table or the tunnels have changed since they were read"
  [ -z "$tunnels" ] || load_tunnels "$2" "\${next%.nft}.wg"
  nft -j -f "$next" || { [ -z "$tunnels" ] || wg_back "$2" live; die 80 "nft could not load the new table"; }
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
    take_back "$other" live
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
    [ ! -f "$guard/$2.wg" ] || wg_is "$wg" || die 82 "somebody else has changed the tunnels since they were loaded"
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
    take_back "$2" live
    settle
    # The timer's own service would stop itself here.
    [ "$1" = fire ] || stop_timer "$2"
  fi
  state "$2"
  ;;
boot)
  left=$(armed)
  if [ -n "$left" ]; then take_back "$left" boot; settle
  elif whole "$saved"; then nft -j -f "$saved" || die 75 "the saved table could not be loaded"
  elif [ -f "$saved" ]; then die 75 "the saved table is damaged"
  fi
  ;;
tunnels)
  left=$(armed)
  [ -z "$left" ] || die 75 "the guard $left comes first"
  if [ -f "$wg" ]; then
    wg_sync "$wg" /dev/null loose || die 75 "the tunnels could not be set up"
    [ -z "$unresolved" ] || die 75 "a name in the tunnel $unresolved does not resolve"
  fi
  ;;
*) die 70 "unknown command" ;;
esac
`.replaceAll('\\${', '${').replace('GUARD-SHELL', () => guardShell);
