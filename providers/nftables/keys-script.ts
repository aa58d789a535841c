/**
 * authorized_keys of one account, read and replaced as a whole on the device. POSIX sh; the bytes travel in base64, so that a comment in another
 * encoding survives.
 *
 * What lies in somebody's home is touched with the rights of that somebody only: a link that they lay there leads root nowhere. The new file is
 * written beside the old one, compared, forced to the disk and put in its place by one rename, and only if the old one is still what was read.
 *
 * Exit codes: 70 usage, 71 a program is missing, 77 the data arrived damaged, 84 the lock was not free, 85 the file could not be written,
 * 87 there is no such account, 88 the keys of the account are not kept in a plain ~/.ssh/authorized_keys of its own, 89 the file has changed since it was read.
 */
export const keysScript = String.raw`set -u
export LC_ALL=C
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
umask 077
root=\${SOLL_ROOT-}

die() { code=$1; shift; printf 'soll: %s\n' "$*" >&2; exit "$code"; }

user=\${2-}
case $user in ''|-*|*[!a-z0-9_-]*) die 70 "not a name of an account" ;; esac
for program in getent base64 sha256sum flock; do command -v "$program" >/dev/null || die 71 "there is no $program on the device"; done
home=$(getent passwd "$user" | cut -d : -f 6)
[ -n "$home" ] || die 87 "there is no account $user on the device"
if [ "$user" != root ] && [ "$(id -un)" != "$user" ]; then
  command -v runuser >/dev/null || die 71 "there is no runuser on the device"
  exec runuser -u "$user" -- sh -c "$(cat "$0")" "$0" "$@"
fi

folder=$root$home/.ssh
file=$folder/authorized_keys
[ -d "$folder" ] && [ ! -L "$folder" ] && [ -f "$file" ] && [ ! -L "$file" ] || die 88 "the keys of $user are not kept in a plain $home/.ssh/authorized_keys"
sum() { sha256sum < "$1" | cut -d ' ' -f 1; }

case \${1-} in
read)
  text=$(base64 < "$file") || die 85 "$file cannot be read"
  printf '%s\n' "$text"
  ;;
write)
  expected=$3 wanted=$4
  [ -w "$folder" ] || die 88 "$user may not write to $home/.ssh, and root does not write into somebody's home"
  # What a killed run has left.
  rm -f "$file".soll.*
  new=$(mktemp "$file.soll.XXXXXX") || die 85 "no space beside $file"
  trap 'rm -f "$new"' EXIT
  base64 -d > "$new" || die 77 "the new keys arrived damaged"
  [ "$(sum "$new")" = "$wanted" ] || die 77 "the new keys arrived damaged"
  chmod --reference="$file" "$new" && chown --reference="$file" "$new" && sync "$new" || die 85 "the new keys could not be written"
  flock -w 30 -E 84 "$folder" sh -c '[ "$(sha256sum < "$1" | cut -d " " -f 1)" = "$3" ] || exit 89; mv -f "$2" "$1" && sync "$4" || exit 85' soll "$file" "$new" "$expected" "$folder"
  code=$?
  case $code in
  0) ;;
  84) die 84 "the lock is not free" ;;
  89) die 89 "authorized_keys of $user has changed since it was read" ;;
  *) die 85 "authorized_keys of $user could not be replaced" ;;
  esac
  echo written
  ;;
*) die 70 "unknown command" ;;
esac
`.replaceAll('\\${', '${');
