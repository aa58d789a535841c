/** VLANs, switch ports and WLANs: written once per site or switch, held by devices of many makes. */
import type { Impact, ImpactInput, Reference } from '#contract';
import type { SsidSpec, SwitchPortSpec, VlanSpec } from '#generated/types';
import { defineKind } from './define-kind.ts';

/** What uses a VLAN waits for it on every device of the site, not only on its own: a WLAN without its VLAN on the switch is dead. */
function vlanReference(pointer: string, id: number | undefined): Reference[] {
  // VLAN 1 is there on every device and is nobody's.
  return id === undefined || id === 1 ? [] : [{ kind: 'vlan', name: String(id), by: 'key', siteWide: true, pointer }];
}

/** What decides about traffic; a description does not. */
function matters({ description: _description, ...spec }: { readonly description?: string }): string {
  return JSON.stringify(spec);
}

function vlanImpact({ verb, name, before, after }: ImpactInput<VlanSpec>): Impact {
  if (verb === 'create') return { risk: 'low', en: `VLAN ${name} is set up`, de: `VLAN ${name} wird eingerichtet` };
  if (before !== undefined && after !== undefined) {
    if (matters(before) === matters(after)) return { risk: 'low', en: `name or description of VLAN ${name}`, de: `Name oder Beschreibung von VLAN ${name}` };
    const withoutDhcp = ({ dhcp: _dhcp, ...spec }: VlanSpec): string => matters(spec);
    if (withoutDhcp(before) === withoutDhcp(after)) return { risk: 'medium', en: `hosts in VLAN ${name} get addresses differently`, de: `Geräte im VLAN ${name} bekommen ihre Adressen anders` };
    if (before.isolated !== true && after.isolated === true) return { risk: 'high', en: `VLAN ${name} is cut off from the other networks of the site`, de: `VLAN ${name} wird von den anderen Netzen des Standorts getrennt` };
    if (before.isolated === true && after.isolated !== true) return { risk: 'high', en: `VLAN ${name} can reach the other networks of the site`, de: `VLAN ${name} kann die anderen Netze des Standorts erreichen` };
  }
  return { risk: 'high', en: `everything in VLAN ${name} is affected`, de: `alles im VLAN ${name} ist betroffen` };
}

export const vlan = defineKind<VlanSpec>({
  name: 'vlan', schemaVersion: 1, references: () => [], naturalKey: ({ id }) => String(id), sharedBySite: true, impact: vlanImpact,
});

function portImpact({ verb, name, before, after }: ImpactInput<SwitchPortSpec>): Impact {
  if (verb === 'delete') return { risk: 'high', en: `port ${name} goes back to its factory settings`, de: `Port ${name} geht auf Werkseinstellungen zurück` };
  if (before !== undefined && after !== undefined && matters(before) === matters(after)) return { risk: 'low', en: `description of port ${name}`, de: `Beschreibung von Port ${name}` };
  if (after?.enabled === false && before?.enabled !== false) return { risk: 'high', en: `port ${name} is shut down: what is connected is cut off`, de: `Port ${name} wird abgeschaltet: was dort hängt, ist getrennt` };
  if (after?.poe === false && before?.poe !== false) return { risk: 'high', en: `port ${name} gives no more power: phones and access points there go out`, de: `Port ${name} gibt keinen Strom mehr: Telefone und Access Points dort gehen aus` };
  const membership = (spec: SwitchPortSpec | undefined): string => JSON.stringify([spec?.mode ?? null, spec?.vlan ?? null, spec?.native ?? null, spec?.tagged ?? null]);
  if (membership(before) === membership(after)) return { risk: 'medium', en: `port ${name} behaves differently`, de: `Port ${name} verhält sich anders` };
  if (after?.mode === 'trunk' || before?.mode === 'trunk') return trunkImpact(name, before, after);
  return { risk: 'medium', en: `what is connected to port ${name} moves to VLAN ${String(after?.vlan ?? 1)}`, de: `was an Port ${name} hängt, kommt in VLAN ${String(after?.vlan ?? 1)}` };
}

function trunkImpact(name: string, before: SwitchPortSpec | undefined, after: SwitchPortSpec | undefined): Impact {
  const lost = (before?.tagged ?? []).some((id) => !(after?.tagged ?? []).includes(id));
  return lost || before?.mode !== after?.mode || before?.native !== after?.native
    ? { risk: 'high', en: `trunk ${name} carries other VLANs: all behind it are affected`, de: `Trunk ${name} führt andere VLANs: alles dahinter ist betroffen` }
    : { risk: 'medium', en: `trunk ${name} carries more VLANs`, de: `Trunk ${name} führt weitere VLANs` };
}

export const switchPort = defineKind<SwitchPortSpec>({
  name: 'switch-port', schemaVersion: 1,
  references: ({ vlan: access, native, tagged }) => [
    ...vlanReference('/vlan', access), ...vlanReference('/native', native),
    ...(tagged ?? []).flatMap((id, index) => vlanReference(`/tagged/${String(index)}`, id)),
  ],
  impact: portImpact,
});

function isWeaker(before: SsidSpec, after: SsidSpec): boolean {
  const order: readonly SsidSpec['security'][] = ['open', 'wpa2-personal', 'wpa2-wpa3-personal', 'wpa3-personal', 'wpa2-enterprise', 'wpa3-enterprise'];
  return order.indexOf(after.security) < order.indexOf(before.security);
}

function ssidImpact({ verb, name, before, after }: ImpactInput<SsidSpec>): Impact {
  if (verb === 'delete') return { risk: 'high', en: `WLAN ${before?.ssid ?? name} goes: its clients are cut off`, de: `WLAN ${before?.ssid ?? name} entfällt: seine Geräte sind getrennt` };
  if (after?.security === 'open' && before?.security !== 'open') return { risk: 'high', en: `anyone in reach can join WLAN ${after.ssid}`, de: `jeder in Reichweite kommt ins WLAN ${after.ssid}` };
  if (verb === 'create' || before === undefined || after === undefined) return { risk: 'low', en: `WLAN ${after?.ssid ?? name} goes on the air`, de: `WLAN ${after?.ssid ?? name} geht auf Sendung` };
  return changedWlan(before, after);
}

function changedWlan(before: SsidSpec, after: SsidSpec): Impact {
  if (isWeaker(before, after)) return { risk: 'high', en: `WLAN ${after.ssid} is protected less`, de: `WLAN ${after.ssid} ist schwächer geschützt` };
  if (before.enabled !== false && after.enabled === false) return { risk: 'high', en: `WLAN ${after.ssid} goes off the air`, de: `WLAN ${after.ssid} wird abgeschaltet` };
  if (before.isolated === true && after.isolated === false) return { risk: 'high', en: `clients of WLAN ${after.ssid} reach each other`, de: `Geräte im WLAN ${after.ssid} erreichen einander` };
  const keyed = ({ ssid, security, passphrase, radius }: SsidSpec): string => JSON.stringify([ssid, security, passphrase ?? null, radius ?? null]);
  if (keyed(before) !== keyed(after)) return { risk: 'high', en: `all clients of WLAN ${before.ssid} must sign in anew`, de: `alle Geräte im WLAN ${before.ssid} müssen sich neu anmelden` };
  if (before.vlan !== after.vlan) return { risk: 'high', en: `clients of WLAN ${after.ssid} move to VLAN ${String(after.vlan ?? 1)}`, de: `Geräte im WLAN ${after.ssid} kommen in VLAN ${String(after.vlan ?? 1)}` };
  return { risk: 'medium', en: `WLAN ${after.ssid} is interrupted for a moment`, de: `WLAN ${after.ssid} ist kurz unterbrochen` };
}

export const ssid = defineKind<SsidSpec>({
  name: 'ssid', schemaVersion: 1, references: ({ vlan: id }) => vlanReference('/vlan', id), naturalKey: (spec) => spec.ssid, impact: ssidImpact,
});
