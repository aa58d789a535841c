/** WireGuard: one end of a tunnel, and the devices of people that come in by it. */
import type { Impact, ImpactInput } from '#contract';
import type { VpnTunnelSpec, VpnUserSpec } from '#generated/types';
import { defineKind } from './define-kind.ts';

function tunnelImpact({ verb, name, before, after }: ImpactInput<VpnTunnelSpec>): Impact {
  if (verb === 'delete') return { risk: 'high', en: `tunnel ${name} goes: the sites and people behind it are cut off`, de: `Tunnel ${name} entfällt: Standorte und Personen dahinter sind getrennt` };
  if (verb === 'create' || before === undefined || after === undefined) return { risk: 'medium', en: `tunnel ${name} is set up; what comes in by it meets the rules of its zone`, de: `Tunnel ${name} wird eingerichtet; was dadurch hereinkommt, trifft auf die Regeln seiner Zone` };
  const own = ({ addresses, port, publicKey }: VpnTunnelSpec): string => JSON.stringify([addresses, port, publicKey]);
  if (own(before) !== own(after)) return { risk: 'high', en: `everybody who uses tunnel ${name} is cut off until the other ends follow`, de: `alle, die Tunnel ${name} nutzen, sind getrennt, bis die Gegenstellen folgen` };
  if (before.peerKey !== after.peerKey || JSON.stringify(before.presharedKey) !== JSON.stringify(after.presharedKey)) return { risk: 'high', en: `the other site of tunnel ${name} is cut off until it follows`, de: `die Gegenstelle von Tunnel ${name} ist getrennt, bis sie folgt` };
  if ((before.networks ?? []).some((network) => after.networks?.includes(network) !== true)) return { risk: 'high', en: `networks behind tunnel ${name} can no longer be reached`, de: `Netze hinter Tunnel ${name} sind nicht mehr erreichbar` };
  if (JSON.stringify(before.networks) !== JSON.stringify(after.networks)) return { risk: 'medium', en: `more networks go through tunnel ${name}`, de: `weitere Netze laufen durch Tunnel ${name}` };
  return { risk: 'medium', en: `how tunnel ${name} finds its other side, or stays up, changes`, de: `wie Tunnel ${name} seine Gegenstelle findet oder offen bleibt, ändert sich` };
}

export const vpnTunnel = defineKind<VpnTunnelSpec>({
  name: 'vpn-tunnel', schemaVersion: 1, references: () => [], naturalKey: ({ publicKey }) => publicKey, impact: tunnelImpact,
});

function userImpact({ verb, name, before, after }: ImpactInput<VpnUserSpec>): Impact {
  if (verb === 'delete') return { risk: 'medium', en: `${name} can no longer come in by VPN`, de: `${name} kommt nicht mehr per VPN herein` };
  if (verb === 'create' || before === undefined || after === undefined) return { risk: 'medium', en: `${name} can come in by VPN ${after?.tunnel ?? ''}`.trimEnd(), de: `${name} kommt per VPN ${after?.tunnel ?? ''} herein` };
  if (before.publicKey !== after.publicKey) return { risk: 'high', en: `another device comes in by VPN as ${name}, and the present one no longer does`, de: `ein anderes Gerät kommt per VPN als ${name} herein, das bisherige nicht mehr` };
  if (JSON.stringify(before.addresses) !== JSON.stringify(after.addresses)) return { risk: 'medium', en: `${name} has other addresses in the VPN: rules that name the old ones no longer match`, de: `${name} hat andere Adressen im VPN: Regeln mit den alten treffen nicht mehr` };
  return { risk: 'medium', en: `${name} is cut off until the own device follows`, de: `${name} ist getrennt, bis das eigene Gerät folgt` };
}

export const vpnUser = defineKind<VpnUserSpec>({
  name: 'vpn-user', schemaVersion: 1, references: ({ tunnel }) => [{ kind: 'vpn-tunnel', name: tunnel, pointer: '/tunnel' }],
  // One device can come in by several tunnels, by each once.
  naturalKey: ({ tunnel, publicKey }) => `${tunnel} ${publicKey}`, impact: userImpact,
});
