#!/usr/bin/env bash
# Packages that the real-system tests need on Debian or Ubuntu. Run as root; does nothing where they are all there.
set -euo pipefail
packages=(openssh-server openssh-client nftables systemd systemd-sysv dbus iproute2 iputils-ping netcat-openbsd procps attr util-linux age git sudo wireguard-tools wireguard-go)
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || echo 'the package lists could not be renewed; trying with what is there' >&2
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || { echo "could not install ${missing[*]}: the real-system tests cannot run here" >&2; exit 1; }
