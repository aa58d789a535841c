import type { Kind } from '#contract';
import { addressGroup, firewallPolicy, firewallRule, masquerade, portForward, service, zone } from './firewall-kinds.ts';
import { group, user } from './m365-kinds.ts';
import { ssid, switchPort, vlan } from './network-kinds.ts';
import { vpnTunnel, vpnUser } from './vpn-kinds.ts';

/** All kinds by name, in alphabetical order. */
export const kinds: ReadonlyMap<string, Kind> = new Map(
  [addressGroup, firewallPolicy, firewallRule, group, masquerade, portForward, service, ssid, switchPort, user, vlan, vpnTunnel, vpnUser, zone].map((kind) => [kind.name, kind]),
);
