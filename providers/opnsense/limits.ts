/**
 * Facts about OPNsense that the provider relies on, each with its source. "Core" is github.com/opnsense/core, read 2026-11 as PHP and model XML. Not
 * all files were to be had in one release: those of rules, NAT, groups and assignment are of 2023 to 2026, those of the grid and the alias of about
 * 2020. "Measured" are notes of others on a live 26.1 or 26.7, named with their date.
 */

/** Firewall rules, source NAT and destination NAT are all in the MVC API from 26.1 (core DNatController.php 2025; "404 on 25.1, 200 on 26.1", measured 2026-05 on 26.1.6). */
export const oldestVersion = [26, 1] as const;

/** Newest release of which the API is known, from notes of others on core at tag 26.7.4 (2026-09). What is newer is used as if it were this, and said so. */
export const newestReadVersion = [26, 7] as const;

/** Rows asked for at once. The grid takes any number; -1 and absence mean all (core UIModelGrid.php, ApiControllerBase.php). This bound is ours: one answer stays small. */
export const pageSize = 200;

/** More pages than this is a list without end. */
export const mostPages = 500;

/** FilterSequenceField, DNatSequenceField: 1 to 999999 (model XML). */
export const largestSequence = 999_999;

/** Between two rules that are numbered anew. */
export const sequenceStep = 100;

/** DescriptionField: 1 to 255 characters, no line break (core DescriptionField.php 2023). */
export const descriptionLength = 255;

/** Interface groups: at most 15 letters, digits and underscores, not ending in a digit (core GroupNameField.php 2023). */
export const groupNameLength = 15;

/**
 * A filter reload takes about a second (0.85 s measured 2026-09 on 26.1); a slow box with large tables needs more. Less than half a lease, because the
 * engine renews a lease when half of it is left. Milliseconds.
 */
export const activateTimeoutMs = 45_000;

/** One object is saved well within a second; the configuration is rewritten as a whole each time. Milliseconds. */
export const writeTimeoutMs = 25_000;

/** A list of many rules asks the backend for those of the older kind, too. Milliseconds. */
export const readTimeoutMs = 60_000;

/** Going back reloads all interfaces and the filter; the script waits a minute and a half for it. Milliseconds. */
export const goBackTimeoutMs = 150_000;

/** After so long without a renewal the lease is asked for again. Milliseconds. */
export const renewAfterMs = 15_000;

/** Interfaces as the configuration calls them, not devices: wan, lan, opt1 and what plugins add (core InterfaceField.php). */
export const interfaceName = /^[a-z][a-z0-9_]{0,14}$/;

/**
 * `set_item/{uuid}` and `set_rule/{uuid}` make an object that is not there, under the id that is sent, if it looks like a version 4 UUID in small
 * letters (core ApiMutableModelControllerBase.php setBase, Type.php, both 2026). So a create can be repeated and found again.
 */
export const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What the family cannot hold, told to whoever writes it. */
export const missing = {
  rules: 'rules that others made stay as they are: soll holds its own beside them, on interface groups of its own',
  services: 'a port alias knows no protocol, so what others made is not a service',
  zones: 'an interface group that others made may be used by their rules',
  // Assignment came with 26.7 (2026-07-15), addresses of interfaces with 26.7.6 (2026-10-08; changelog, core NetworkInterface.php and NetworkInterfaceField.php 2026).
  vlan: 'subnet, gateway and DHCP stand on the interface of a VLAN, whose settings are in the API from 26.7.6: with vlanNetworks they are held (IPv4, Dnsmasq), else the VLAN device alone; isolation is a matter of rules',
} as const;
