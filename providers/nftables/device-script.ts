/**
 * What runs on the device: one table, loaded and put back as a whole. What all dead-man's switches share stands in `#transport/systemd-guard`.
 *
 * Exit codes beyond those: 75 nft failed, 77 the data arrived damaged, 78 the table is not as expected, 79 nft refuses the new table, 80 loading
 * failed (nothing changed).
 */
import { shell, systemdGuardShell } from '#transport/systemd-guard';

const head = systemdGuardShell({
  name: 'nftables', state: '/var/lib/soll', timer: 'soll-guard', needed: 'nft', folders: '"$etc"',
  settings: String.raw`etc=$root/etc/soll
saved=$etc/nftables.json
family=inet
name=soll
`,
});

export const deviceScript = `# soll: one nftables table with a dead-man's switch. Installed and replaced by soll; do not edit.
${head}
${shell(String.raw`present() {
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

unit_text='[Unit]
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

settle
case \${1-} in
status)
  text=$(listing) || exit $?
  hash=$(digest "$text") || exit $?
  printf 'hash %s\n' "$hash"
  printf '%s\n' "$text"
  ;;
load)
  expected=$3 next=$6
  may_load "$2" "$4" "$5" "$next"
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
  clear_way "$2"
  install_unit "$unit_text"
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
`)}`;
