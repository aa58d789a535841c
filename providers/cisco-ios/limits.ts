/**
 * Facts that the provider relies on, each with its source. Looked up 2026-11-28 unless said. What no document and no recording shows is
 * listed as unverified in the README.
 */

/** Made by the system for FDDI and Token Ring, always there, cannot be deleted. `show vlan`, ntc-templates d0bc5a48. */
export const reservedVlans = { from: 1002, to: 1005 } as const;

/** Names that VLAN 1 and the reserved ones have; VLAN names are unique on a switch. `show vlan`, ntc-templates d0bc5a48. */
export const reservedVlanNames: readonly string[] = ['default', 'fddi-default', 'token-ring-default', 'fddinet-default', 'trnet-default'];

/** `name`: 1 to 32 ASCII characters. Catalyst 2960-X VLAN Configuration Guide, IOS 15.2(7)E. */
export const maxVlanName = 32;

/** Characters. IOS takes 240, small-business switches 64 (CBS350 CLI Guide 3.1, `description`); the kind allows 64. */
export const maxDescription = 64;

/** Minutes that `configure terminal revert timer` takes. IOS XE 17, Managing Configuration Files, Configuration Rollback Confirmed Change. */
export const revertMinutes = { min: 1, max: 120 } as const;

/** Below two, the device warns into the session that has just begun to write (recorded: "Rollback will begin in one minute"). */
export const leastMinutes = 2;

/**
 * File systems of the device itself. The archive may lie on a server (`path tftp://…`, IOS XE 17, Managing Configuration Files), and a way back
 * that needs the network is none.
 */
export const localFiles = /^(flash|bootflash|usbflash|disk|slot|nvram|harddisk|sup-bootdisk|sup-bootflash|unix)[\w-]*:/;

/** A static host of the documentation network (RFC 5737) carries the mark on switches without aliases. */
export const markAddress = '192.0.2.1';
