/**
 * What runs on the host: the files of /etc/network, put there and taken back as a whole, each by temporary file, fsync and rename, and ifreload. What
 * all dead-man's switches share stands in `#transport/systemd-guard`.
 *
 * Exit codes beyond those: 73 a file cannot be read, 75 a program failed, 77 the data arrived damaged, 78 the files are not as expected, 79 ifreload
 * refuses the new files, 80 loading failed (put back), 87 Proxmox VE has changes that wait for being applied, 88 files were edited and never loaded.
 */
import { shell, systemdGuardShell } from '#transport/systemd-guard';

/**
 * Prints everything that is to be known, for a reader without rights of its own: files in base64, so that their bytes survive the way; then what
 * runs. Changes nothing.
 */
const look = String.raw`conf=/etc/network/interfaces
# Links are followed: what is replaced later is the file, not the link to it.
files() {
  printf '%s\n' "$conf"
  sed -n 's/^[[:space:]]*source[[:space:]]\{1,\}\([^[:space:]]*\).*/\1/p' "$root$conf" | while read -r pattern; do
    for each in $root$pattern; do [ ! -f "$each" ] || printf '%s\n' "\${each#"$root"}"; done
  done
}

dump() {
  [ -f "$root$conf" ] || { echo "soll: there is no $conf" >&2; exit 73; }
  paths=$(files) || exit 73
  printf '%s\n' "$paths" | while read -r path; do
    text=$(base64 < "$root$path") || exit 73
    printf '%s %s\n' "$path" "$(printf '%s' "$text" | tr -d '\n')"
  done
}

# Edited after ifupdown2 last looked, which keeps what it loaded in its state: a reload of ours would bring somebody else's work to life, and our
# guard could not take that back.
unloaded() {
  for saved in "$root/run/network/ifstatenew" "$root/var/tmp/network/ifstatenew"; do [ ! -f "$saved" ] || break; done
  files | while read -r path; do
    if [ ! -f "$saved" ] || [ "$root$path" -nt "$saved" ]; then printf '%s\n' "$path"; fi
  done
}

pending() { [ -e "$root$conf.new" ]; }
`;

export const readScript = shell(String.raw`root=\${SOLL_ROOT-}
PATH="$PATH:/usr/sbin:/sbin"
${look}
text=$(dump) || exit $?
vlans=$(bridge -j vlan show) || exit 75
links=$(ip -j link show) || exit 75
printf '%s\n' "$text" | sed 's/^/file /'
printf 'vlans %s\n' "$(printf '%s' "$vlans" | tr -d '\n')"
printf 'links %s\n' "$(printf '%s' "$links" | tr -d '\n')"
unloaded | sed 's/^/unloaded /'
if pending; then echo pending; fi
echo end`);

const head = systemdGuardShell({
  name: 'bridge', state: '/var/lib/soll-bridge', timer: 'soll-bridge-guard', needed: 'ifreload bridge base64',
});

export const deviceScript = `# soll: the ports of a bridge with a dead-man's switch. Installed and replaced by soll; do not edit.
${head}
${shell(look)}
${shell(String.raw`
# One file, on the disk as a whole or not at all, with the owner and the rights it has. The name of the temporary one is none that a pattern finds.
put() {
  real=$(readlink -f "$root$1") && [ -f "$real" ] || return 1
  new=$(dirname "$real")/.soll-new
  cp -p "$real" "$new" && printf '%s' "$2" | base64 -d > "$new" && sync "$new" && [ "$(base64 < "$new" | tr -d '\n')" = "$2" ] && mv -f "$new" "$real" && sync "$(dirname "$real")" && return 0
  rm -f "$new"
  return 1
}

# All files of a list that are not as it says.
put_all() {
  while read -r path text; do
    [ "$(base64 < "$root$path" | tr -d '\n')" = "$text" ] || put "$path" "$text" || return 1
  done < "$1"
}

# A reload that never ends must not keep the lock from the dead-man's switch for ever.
reload() { said=$(timeout 120 ifreload -a 2>&1) && return 0; printf '%s\n' "$said" | tail -n 3 >&2; return 1; }

# Back to the files before, proven by reading them. 1: what was kept is damaged.
restore() {
  whole "$guard/$1.before" || return 1
  put_all "$guard/$1.before" || die 85 "the files before could not be written"
  # An interface that has gone since makes every reload an error: then what runs decides, if it is what ran.
  [ "$2" = boot ] || reload || [ "$(bridge -j vlan show)" = "$(cat "$guard/$1.vlans")" ] || die 75 "the files before are back, and ifreload failed"
  now=$(dump) || exit $?
  [ "$now" = "$(cat "$guard/$1.before")" ] || die 86 "the files before were written, and what is there now is something else"
}

finish() {
  verdict "$1" "$2"
  rm -f "$guard/$1.before" "$guard/$1.loaded" "$guard/$1.vlans"
  forget
}

take_back() {
  if restore "$1" "\${2-reload}"; then finish "$1" fired
  else
    rm -f "$guard/$1.armed" "$guard/$1.before" "$guard/$1.loaded" "$guard/$1.vlans" && sync "$guard" || die 85 "the damaged guard $1 could not be removed"
    printf 'soll: what guard %s kept is damaged; the files stay as they are\n' "$1" >&2
  fi
}

# After the file systems and what Proxmox VE commits at boot, before the network is set up: a boot needs no reload.
unit_text='[Unit]
Description=Network files of soll
DefaultDependencies=no
RequiresMountsFor=/etc/network /var/lib/soll-bridge
After=local-fs.target systemd-remount-fs.service pvenetcommit.service
Before=networking.service network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
Restart=on-failure
RestartSec=10
ExecStart=/bin/sh /var/lib/soll-bridge/bridge.sh boot

[Install]
WantedBy=sysinit.target'

case \${1-} in
status)
  text=$(dump) || exit $?
  hash=$(digest "$text") || exit $?
  printf 'hash %s\n' "$hash"
  ;;
load)
  expected=$3 next=$6
  may_load "$2" "$4" "$5" "$next"
  pending && die 87 "Proxmox VE has network changes that wait for being applied"
  text=$(dump) || exit $?
  hash=$(digest "$text") || exit $?
  [ "$hash" = "$expected" ] || die 78 "the files have changed since they were read"
  while read -r path _; do files | grep -qxF -e "$path" || die 77 "$path is none of the files"; done < "$next" || exit $?
  back() { put_all "$guard/$1.before" && reload; }
  put_all "$next" || { back "$2"; die 85 "the new files could not be written"; }
  text=$(dump) && hash=$(digest "$text") && keep "$guard/$2.loaded" "$hash" || { back "$2"; die 85 "the new files could not be noted"; }
  ifreload -a -s >/dev/null 2>&1 || { back "$2"; die 79 "ifreload refuses the new files"; }
  reload || { back "$2"; die 80 "ifreload could not load the new files"; }
  echo loaded
  ;;
arm)
  token "$2"; number "$3"
  check_fence "$4"
  clear_way "$2"
  install_unit "$unit_text"
  if [ "$(state "$2")" = absent ]; then
    pending && die 87 "Proxmox VE has network changes that wait for being applied"
    left=$(unloaded)
    [ -z "$left" ] || die 88 "edited and never loaded: $(printf '%s' "$left" | tr '\n' ' ')"
    text=$(dump) || exit $?
    vlans=$(bridge -j vlan show) && keep "$guard/$2.vlans" "$vlans" && keep "$guard/$2.before" "$text" || die 83 "cannot keep the files as they are"
    keep "$guard/$2.armed" "$2" || { rm -f "$guard/$2.armed"; die 83 "cannot write the guard"; }
  fi
  timer_runs "$2" || start_timer "$2" "$3" || { [ -f "$guard/$2.loaded" ] || rm -f "$guard/$2.armed"; die 83 "the timer does not run"; }
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
    whole "$guard/$2.loaded" || die 82 "nothing was loaded under this guard"
    text=$(dump) || exit $?
    hash=$(digest "$text") || exit $?
    [ "$hash" = "$(cat "$guard/$2.loaded")" ] || die 82 "somebody else has changed the files since they were loaded"
    pending && die 87 "Proxmox VE has network changes that wait for being applied, made in the meantime"
    finish "$2" confirmed
    stop_timer "$2" ;;
  *) die 82 "the guard is not armed: $(state "$2")" ;;
  esac
  state "$2"
  ;;
recover|fire)
  token "$2"
  if [ "$(state "$2")" = armed ]; then
    take_back "$2"
    # The timer's own service would stop itself here.
    [ "$1" = fire ] || stop_timer "$2"
  fi
  state "$2"
  ;;
boot)
  left=$(armed)
  [ -z "$left" ] || take_back "$left" boot
  ;;
*) die 70 "unknown command" ;;
esac
`)}`;
