/** A WLAN of the console ("wifi broadcast") and an SSID. Pure. The passphrase never becomes part of a spec. */
import type { JsonObject } from '#contract';
import type { SsidSpec } from '#generated/types';
import { passphrase as plainPassphrase } from './limits.ts';
import { objectOf, textOf, writable } from './model.ts';

const securityNames: Readonly<Record<string, SsidSpec['security']>> = {
  OPEN: 'open', WPA2_PERSONAL: 'wpa2-personal', WPA2_WPA3_PERSONAL: 'wpa2-wpa3-personal', WPA3_PERSONAL: 'wpa3-personal', WPA2_ENTERPRISE: 'wpa2-enterprise', WPA3_ENTERPRISE: 'wpa3-enterprise',
  // The kind has no word for it; it is told beside (`wlanNote`).
  WPA2_WPA3_ENTERPRISE: 'wpa2-enterprise',
};

const securityTypes: Readonly<Record<SsidSpec['security'], string>> = {
  open: 'OPEN', 'wpa2-personal': 'WPA2_PERSONAL', 'wpa2-wpa3-personal': 'WPA2_WPA3_PERSONAL', 'wpa3-personal': 'WPA3_PERSONAL', 'wpa2-enterprise': 'WPA2_ENTERPRISE', 'wpa3-enterprise': 'WPA3_ENTERPRISE',
};

export function isPersonal(security: string | undefined): boolean {
  return security?.endsWith('-personal') === true;
}

function securityOf(raw: JsonObject): JsonObject {
  return objectOf(raw['securityConfiguration']);
}

/** `vlanOf`: number of a network by its UUID. */
export function ssidSpec(raw: JsonObject, vlanOf: (networkId: string) => number): JsonObject {
  const network = objectOf(raw['network']);
  const bands = raw['broadcastingFrequenciesGHz'];
  const security = securityNames[textOf(securityOf(raw), 'type')];
  return {
    ssid: textOf(raw, 'name'), ...(security === undefined ? {} : { security }),
    vlan: network['type'] === 'SPECIFIC' ? vlanOf(textOf(network, 'networkId')) : 1,
    enabled: raw['enabled'] === true, hidden: raw['hideName'] === true, isolated: raw['clientIsolationEnabled'] === true,
    bands: Array.isArray(bands) ? (bands as readonly number[]).map(String) : ['2.4'],
  };
}

/** Why the kind has no word for what it is: it is told and left alone. */
export function wlanNote(raw: JsonObject): string | undefined {
  const security = securityOf(raw);
  if (Array.isArray(security['presharedKeys'])) return 'it has private pre-shared keys, each with a network of its own';
  if (security['type'] === 'WPA2_WPA3_ENTERPRISE') return 'it is WPA2 and WPA3 enterprise at once';
  if (typeof security['encryption'] === 'string') return 'it is open and encrypted (Enhanced Open)';
  return securityNames[String(security['type'])] === undefined ? 'it has a security mode that is not known here' : undefined;
}

/** Fields that cannot be changed, and why. */
export function wlanFieldNotes(raw: JsonObject): Readonly<Record<string, string>> {
  return raw['type'] === 'STANDARD' ? {} : { bands: 'it is a WLAN for IoT devices, which is on 2.4 GHz only' };
}

export interface WlanParts {
  readonly networkId: string | undefined;
  /** Of a WLAN that is new or gets another one. */
  readonly passphrase: string | undefined;
  readonly radiusProfileId: string | undefined;
}

/** The passphrase as the console shows it; nothing when it is masked or left out. */
export function shownPassphrase(raw: JsonObject): string | undefined {
  const { passphrase } = securityOf(raw);
  return typeof passphrase === 'string' && plainPassphrase.test(passphrase) && !/^[*•.xX]+$/.test(passphrase) ? passphrase : undefined;
}

/** Fields that each mode needs beside those that all have (Spec, the seven `IntegrationWifi…SecurityConfigurationDetailDto`). */
function securityBody(old: JsonObject, type: string, { passphrase, radiusProfileId }: WlanParts): JsonObject {
  if (old['type'] === type) {
    const radius = objectOf(old['radiusConfiguration']);
    return { ...old, ...(passphrase === undefined ? {} : { passphrase }), ...(radiusProfileId === undefined ? {} : { radiusConfiguration: { ...radius, profileId: radiusProfileId } }) };
  }
  const kept = Object.fromEntries(['groupRekeyIntervalSeconds', 'fastRoamingEnabled'].flatMap((field) => (old[field] === undefined ? [] : [[field, old[field]]])));
  const sae = { saeConfiguration: old['saeConfiguration'] ?? { anticloggingThresholdSeconds: 5, syncTimeSeconds: 5 } };
  if (type === 'OPEN') return { type };
  if (type.endsWith('_PERSONAL')) {
    const key = passphrase ?? old['passphrase'];
    return {
      type, ...kept, ...(key === undefined ? {} : { passphrase: key }),
      ...(type === 'WPA2_PERSONAL' ? {} : sae), ...(type === 'WPA2_WPA3_PERSONAL' ? { pmfMode: 'OPTIONAL', wpa3FastRoamingEnabled: false } : {}),
    };
  }
  return {
    type, ...kept, coaEnabled: old['coaEnabled'] ?? false,
    radiusConfiguration: { nasId: { type: 'DERIVED', source: 'DEVICE_MAC_ADDRESS' }, ...(radiusProfileId === undefined ? {} : { profileId: radiusProfileId }) },
    ...(type === 'WPA3_ENTERPRISE' ? { securityMode: 'DEFAULT' } : {}),
  };
}

/** As the web interface makes a WLAN of the standard type; each is needed (Spec). */
const newWlan: JsonObject = {
  type: 'STANDARD', enabled: true, network: { type: 'NATIVE' }, broadcastingFrequenciesGHz: [2.4, 5], multicastToUnicastConversionEnabled: false, clientIsolationEnabled: false, hideName: false, uapsdEnabled: false,
  arpProxyEnabled: false, bssTransitionEnabled: true, advertiseDeviceName: false, channel2gLockedTo6: false, dtimPeriod2gLockedTo3: false,
};

export function wlanBody(now: JsonObject | undefined, spec: Partial<SsidSpec>, parts: WlanParts): JsonObject {
  const old = now === undefined ? newWlan : writable(now);
  const oldSecurity = securityOf(old);
  const type = spec.security === undefined ? String(oldSecurity['type']) : securityTypes[spec.security];
  return {
    ...old,
    ...(spec.ssid === undefined ? {} : { name: spec.ssid }), ...(spec.enabled === undefined ? {} : { enabled: spec.enabled }), ...(spec.hidden === undefined ? {} : { hideName: spec.hidden }),
    ...(spec.isolated === undefined ? {} : { clientIsolationEnabled: spec.isolated }), ...(spec.bands === undefined ? {} : { broadcastingFrequenciesGHz: [...spec.bands].map(Number).sort((a, b) => a - b) }),
    ...(spec.vlan === undefined ? {} : { network: parts.networkId === undefined ? { type: 'NATIVE' } : { type: 'SPECIFIC', networkId: parts.networkId } }),
    securityConfiguration: securityBody(oldSecurity, type, parts),
  };
}
