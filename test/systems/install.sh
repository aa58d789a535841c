#!/usr/bin/env bash
# Packages that the real-system tests need on Debian or Ubuntu. Run as root; does nothing where they are all there.
set -euo pipefail
packages=(openssh-server openssh-client nftables systemd systemd-sysv dbus iproute2 iputils-ping netcat-openbsd procps attr util-linux age git sudo wireguard-tools wireguard-go gcc libc6-dev python3)
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
# Unpacked and not installed: ifupdown2 would take over the network set-up of this machine, and a second kernel is of use to nobody else on it.
unpacked=(ifupdown2 user-mode-linux kmod)
store=/var/lib/soll-systems
[ ${#missing[@]} -gt 0 ] || [ ! -e "$store/complete" ] || exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || echo 'the package lists could not be renewed; trying with what is there' >&2
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || { echo "could not install ${missing[*]}: the real-system tests cannot run here" >&2; exit 1; }
fi
if [ ! -e "$store/complete" ]; then
  echo "unpacking: ${unpacked[*]}"
  work=$(mktemp -d)
  chmod 755 "$work"
  (cd "$work" && apt-get download -qq "${unpacked[@]}" >/dev/null 2>&1) || { echo "could not fetch ${unpacked[*]}: the tests with a second kernel are skipped here" >&2; exit 0; }
  rm -rf "$store"
  mkdir -p "$store"
  for archive in "$work"/*.deb; do dpkg-deb -x "$archive" "$store"; done
  # As the package's own installation would: a slow kernel takes seconds for it at every boot.
  /usr/bin/python3 -m compileall -q "$store/usr/share/ifupdown2" >/dev/null || true
  rm -rf "$work"
  touch "$store/complete"
fi
