/**
 * Programs of OpenWrt as the device has them on its path, written in sh and awk from their sources: uci (file.c, cli.c, delta.c), ubus, procd's events
 * (package/system/procd/files), rc.common (package/base-files/files/etc). What they are not asked for here they refuse loudly. The device's root
 * is SOLL_ROOT.
 */

/**
 * `uci export [PACKAGE]` and `uci changes`. The grammar is that of uci_parse_line: words of one letter, three ways of quoting, values over several
 * lines, comments, sections of one name joined, an option set twice or to nothing. Files that are not named like a package are passed over.
 */
const uciAwk = String.raw`
function fail(what) { printf "uci: Parse error (%s) at line %d, byte 1\n", what, line > "/dev/stderr"; bad = 1; exit 1 }
function more() { line++; return (getline cur < FILE) > 0 }
# The next word of the line, in W; 0: there is none.
function word(   c, got) {
  while (substr(cur, at, 1) ~ /[ \t\r\v\f]/ && at <= length(cur)) at++
  W = ""; got = 0
  while (at <= length(cur)) {
    c = substr(cur, at, 1)
    if (c == "#") { at = length(cur) + 1; break }
    if (c ~ /[ \t\r\v\f]/) break
    if (c == ";") fail("several commands on one line are not simulated")
    got = 1
    if (c == "'" || c == "\"") quoted(c)
    else if (c == "\\") { at++; if (at > length(cur)) { if (!more()) fail("EOF"); at = 1 } else { W = W substr(cur, at, 1); at++ } }
    else { W = W c; at++ }
  }
  return got
}
function quoted(q,   c) {
  at++
  for (;;) {
    if (at > length(cur)) { if (!more()) fail("EOF with unterminated " q); W = W "\n"; at = 1; continue }
    c = substr(cur, at, 1)
    if (c == q) { at++; return }
    if (c == "\\" && q == "\"") { at++; if (at > length(cur)) { if (!more()) fail("EOF with unterminated " q); at = 1; continue }; c = substr(cur, at, 1) }
    W = W c; at++
  }
}
function esc(text) { gsub(/'/, "'\\''", text); return text }
function section(type, name) {
  if (name != "" && (name in byName)) { sec = byName[name]; types[sec] = type; return }
  sec = ++sections; types[sec] = type; names[sec] = name; options[sec] = 0
  if (name != "") byName[name] = sec
}
function slot(name,   i) { for (i = 1; i <= options[sec]; i++) if (optName[sec, i] == name && alive[sec, i]) return i; return 0 }
function option(name, value, list,   i) {
  i = slot(name)
  if (!list && value == "") { if (i) alive[sec, i] = 0; return }
  if (!i) { i = ++options[sec]; optName[sec, i] = name; alive[sec, i] = 1; count[sec, i] = 0 }
  if (!list) count[sec, i] = 0
  isList[sec, i] = list
  values[sec, i, ++count[sec, i]] = value
}
BEGIN {
  line = 0; sections = 0; sec = 0
  while (more()) {
    at = 1
    if (!word()) continue
    key = W
    if (key == "p" || key == "package") { if (!word()) fail("insufficient arguments"); continue }
    if (!word()) fail("insufficient arguments")
    name = W
    if (key == "c" || key == "config") { value = word() ? W : ""; if (name ~ /[^!-~]/ || value ~ /[^A-Za-z0-9_]/) fail("invalid character in name field"); section(name, value) }
    else if (key == "o" || key == "option" || key == "l" || key == "list") {
      if (!sec) fail("option/list command found before the first section")
      if (name ~ /[^A-Za-z0-9_]/) fail("invalid character in name field")
      option(name, word() ? W : "", key ~ /^l/)
    } else fail("invalid command")
    if (word()) fail("too many arguments")
  }
  if (bad) exit 1
  printf "package %s\n", PACKAGE
  for (s = 1; s <= sections; s++) {
    printf "\nconfig %s%s\n", types[s], names[s] == "" ? "" : " '" esc(names[s]) "'"
    for (i = 1; i <= options[s]; i++) if (alive[s, i]) for (v = 1; v <= count[s, i]; v++) printf "\t%s %s '%s'\n", isList[s, i] ? "list" : "option", optName[s, i], esc(values[s, i, v])
  }
  printf "\n"
}`;

export const tools: Readonly<Record<string, string>> = {
  uci: String.raw`
conf=$SOLL_ROOT/etc/config saved=$SOLL_ROOT/tmp/.uci
[ ! -e "$SOLL_ROOT/faults/forbid" ] || { echo "uci: I/O error" >&2; exit 1; }
candidate=
while :; do case $1 in
-c) conf=$2 candidate=1; shift 2 ;;
-t) saved=$2; shift 2 ;;
-*) echo "uci: $1 is not simulated" >&2; exit 1 ;;
*) break ;;
esac; done
command=$1; shift
case $command in
export)
  if [ -n "$candidate" ] && [ -e "$SOLL_ROOT/faults/reject" ]; then rm "$SOLL_ROOT/faults/reject"; echo "uci: Parse error (invalid command) at line 1, byte 0" >&2; exit 1; fi
  if [ $# -eq 0 ]; then set -- "$conf"/*; fi
  for file; do
    package=\${file##*/}
    [ -f "$conf/$package" ] || { echo "uci: Entry not found" >&2; exit 1; }
    [ ! -s "$saved/$package" ] || { echo "uci: reading with staged changes is not simulated" >&2; exit 1; }
    awk -v FILE="$conf/$package" -v PACKAGE="$package" -f "$SOLL_ROOT/rom/uci.awk" || exit 1
  done ;;
changes) cat "$saved"/* 2>/dev/null; exit 0 ;;
*) echo "uci: $command is not simulated" >&2; exit 1 ;;
esac`,
  ubus: String.raw`
case "$*" in
"call system board") [ ! -e "$SOLL_ROOT/faults/forbid" ] || { echo "Command failed: Permission denied" >&2; exit 6; }; cat "$SOLL_ROOT/rom/board.json" ;;
'call service list {"name":"soll-guard"}')
  pid=$(cat "$SOLL_ROOT/procd/soll-guard" 2>/dev/null)
  if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then printf '{\n\t"soll-guard": {\n\t\t"instances": {\n\t\t\t"instance1": {\n\t\t\t\t"running": true,\n\t\t\t\t"pid": %s\n\t\t\t}\n\t\t}\n\t}\n}\n' "$pid"; else printf '{\n\t\n}\n'; fi ;;
# procd tells the services; netifd reads network and wireless at either.
'call service event { "type": "config.change", "data": { "package": "network" } }'|'call service event { "type": "config.change", "data": { "package": "wireless" } }') set -- network wireless ;;
'call service event { "type": "config.change", "data": { "package": "firewall" } }') set -- firewall ;;
*) echo "ubus: $* is not simulated" >&2; exit 2 ;;
esac
[ "$1" != call ] || exit 0
for package; do
  file=$SOLL_ROOT/etc/config/$package
  cmp -s "$file" "$SOLL_ROOT/active/$package" || { cp "$file" "$SOLL_ROOT/active/$package.new" && mv "$SOLL_ROOT/active/$package.new" "$SOLL_ROOT/active/$package"; changed="\${changed-} $package"; }
done
[ -z "\${changed-}" ] || echo "reload\${changed}" >> "$SOLL_ROOT/writes.log"`,
  // The real one sleeps a second for a second. How fast they pass can be changed on the way, so that a test which waits for a guard waits for nothing else.
  sleep: String.raw`
case $1 in *[!0-9]*) echo "sleep $1 is not simulated" >&2; exit 1 ;; esac
left=$(($1 * 5))
while [ "$left" -gt 0 ]; do
  read -r speed < "$SOLL_ROOT/speed" || speed=1
  /bin/sleep 0.2
  left=$((left - speed))
done`,
  // BusyBox has it, other systems call it sync FILE.
  fsync: 'exec sync "$@"',
};

/** /etc/rc.common with procd behind it: `START`, `start_service`, `boot`; a command that ends is started again after its five seconds. */
export const rcCommon = String.raw`#!/bin/sh
initscript=$1 action=$2
name=\${initscript##*/}
mkdir -p "$SOLL_ROOT/procd" "$SOLL_ROOT/etc/rc.d"
procd_open_instance() { :; }
procd_close_instance() { :; }
procd_set_param() {
  kind=$1; shift
  case $kind in
  command) command=$* ;;
  respawn) [ "$*" = "3600 5 0" ] || { echo "respawn $* is not simulated" >&2; exit 1; } ;;
  *) echo "$kind is not simulated" >&2; exit 1 ;;
  esac
}
# Paths in it are those of the device.
eval "$(sed "s#/etc/soll/#$SOLL_ROOT/etc/soll/#g; s#/bin/sh $SOLL_ROOT#sh $SOLL_ROOT#g" "$initscript")"
running() { pid=$(cat "$SOLL_ROOT/procd/$name" 2>/dev/null) && kill -0 "$pid" 2>/dev/null; }
case $action in
enable) ln -sf "../init.d/$name" "$SOLL_ROOT/etc/rc.d/S$START$name" ;;
enabled) [ -x "$SOLL_ROOT/etc/rc.d/S$START$name" ] ;;
start)
  start_service
  running && exit 0
  rm -f "$SOLL_ROOT/procd/$name"
  # A session of its own, as a child of procd has.
  setsid sh -c 'echo $$ > "$1"; while :; do sh -c "$2"; sleep 5; done' procd "$SOLL_ROOT/procd/$name" "$command" </dev/null >/dev/null 2>&1 &
  # procd answers when it has started it.
  until [ -s "$SOLL_ROOT/procd/$name" ]; do :; done
  ;;
stop)
  pid=$(cat "$SOLL_ROOT/procd/$name" 2>/dev/null)
  rm -f "$SOLL_ROOT/procd/$name"
  [ -z "$pid" ] || kill -TERM -- "-$pid" 2>/dev/null
  exit 0 ;;
boot) boot ;;
*) echo "$action is not simulated" >&2; exit 1 ;;
esac
`.replaceAll('\\${', '${');

export { uciAwk };
