/**
 * Facts that the provider relies on, each with its source. Looked up 2026-11-28. `ifupdown2` is 3.0.0-1.1 of Debian 12, read and run;
 * `pve-common` is the source of Proxmox VE, src/PVE/INotify.pm at 000a5a6b.
 */

/** IFNAMSIZ less the terminating zero; linux/if.h. What else a name may hold is narrower here: what needs no thought in a file, a glob or a range of ifupdown2. */
export const interfaceName = /^[A-Za-z][A-Za-z0-9_.-]{0,14}$/;

/**
 * Attributes of a port's stanza that decide about its VLANs, ifupdown2 addons/bridge.py. `bridge-access` wins over the two others; where a port has
 * no `bridge-vids` of its own it carries those of the bridge; where nothing says otherwise 1 goes untagged.
 */
export const portAttributes = ['bridge-access', 'bridge-pvid', 'bridge-vids'] as const;

/** Of the port as a whole: addons/address.py (alias), addons/link.py (link-down). */
export const aliasAttribute = 'alias';
export const downAttribute = 'link-down';

/**
 * Text that stays what it is in /etc/network/interfaces. Not there: `%` has the whole file run through Mako where that is installed, `\` joins
 * lines, also in a comment, `$IFACE` is replaced (ifupdown/networkinterfaces.py); white space other than single blanks, and what nobody sees.
 */
export const plainText = /^[ !"#&-[\]-~\p{L}\p{M}\u00a1-\u00bf\u2010-\u2027\u20a0-\u20bf\p{So}]*$/u;

/** Bytes; IFALIASZ less the terminating zero, linux/if.h. */
export const maxAlias = 255;

/** Old way to write VLANs of ports, all in the bridge's own stanza: addons/bridge.py then leaves the ports' own attributes alone. */
export const oldAttributes = ['bridge-port-vids', 'bridge-port-pvids'] as const;

/**
 * Attributes by which something other than the three above decides about a port's VLANs: addons/bridge.py. Such a port is shown and not written.
 */
export const strangeAttributes = ['bridge-allow-untagged', 'bridge-vlan-vni-map'] as const;

/** Milliseconds for one run of the script. A run's lease is renewed when half of its 120 s are gone, so no write may last longer. Ours, unverified on a large host. */
export const writeTimeoutMs = 50_000;
