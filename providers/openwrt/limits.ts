/**
 * Facts about OpenWrt that the provider relies on, each with its source. "Source" is github.com/openwrt, read 2026-11-28 as stored copies of the files
 * named. What no source shows is listed as unverified in the README.
 */

/** Oldest release that is written: DSA with bridge-vlan since 21.02, firewall4 since 22.03; 23.05 is the oldest that the issue asks for. */
export const oldestRelease = [23, 5] as const;

/** Newest release whose sources were looked at. What is newer is read, and written with a warning. */
export const newestRelease = [24, 10] as const;

/** Packages that the provider writes. `soll` is its own: what the others have no option for. */
export const packages = ['network', 'wireless', 'firewall', 'soll'] as const;
export type PackageName = (typeof packages)[number];

/** Sections of ours begin like this. Names of sections hold letters, digits and underscores (uci list.c, uci_validate_name). */
export const prefix = 'soll_';

/** Characters. IFNAMSIZ of Linux is 16 with its NUL; netifd puts VLAN devices together as NAME.ID (netifd vlan.c). */
export const maxDeviceName = 15;

/** Bytes. IEEE 802.11: 0 to 32. */
export const maxSsidBytes = 32;

/**
 * 8 to 63 printable ASCII characters (IEEE 802.11); hostapd.sh writes `wpa_passphrase=$key` as a line of its own into hostapd's file (package/network/
 * services/hostapd/files/hostapd.sh), so a line break would be a setting. 64 characters are taken as a raw key there and are not a passphrase.
 */
export const passphrase = /^[ -~]{8,63}$/;

/** The same line-wise file takes the secret of a RADIUS server. */
export const radiusSecret = /^[!-~]{1,128}$/;

/** `encryption` of a wifi-iface, without what may follow after `+` (netifd scripts/netifd-wireless.sh, wireless_vif_parse_encryption). */
export const encryptions = {
  open: 'none', 'wpa2-personal': 'psk2', 'wpa2-wpa3-personal': 'sae-mixed', 'wpa3-personal': 'sae', 'wpa2-enterprise': 'wpa2', 'wpa3-enterprise': 'wpa3',
} as const;

/** `band` of a wifi-device; replaced `hwmode` in 21.02.2. */
export const bands = { '2g': '2.4', '5g': '5', '6g': '6' } as const;

/** Milliseconds for one run of the script: procd is told and answers at once; copies and flushes on slow flash take the longest. Less than half a lease, which is what is
 * surely left of it. Ours, unverified. */
export const loadTimeoutMs = 50_000;

/**
 * Programs that the script needs beyond a shell's. Those of BusyBox are on by default (package/utils/busybox/Config-defaults.in: FLOCK, FSYNC, SHA256SUM
 * and MKTEMP are `y`; `stat`, `setsid`, `nohup` and `timeout` are `n`).
 *
 * The services are told by `ubus call service event` with `config.change`, as rpcd does after an apply (rpcd uci.c): procd reloads what has a trigger on
 * that package. reload_config (package/system/procd/files) would do so for every package that differs from the last time it was run, which LuCI never does.
 */
export const neededPrograms = 'flock sha256sum uci ubus mktemp sed wc cp';
