/** WLANs: one `wifi-iface` for each radio. Pure. */
import type { Json, JsonObject } from '#contract';
import { parseCidr } from '#core/ip';
import type { SsidSpec } from '#generated/types';
import { bands, encryptions, prefix } from './limits.ts';
import { decodeName, wlanSection } from './names.ts';
import { refOf } from './secret-mark.ts';
import { optionOf, type UciSection } from './uci.ts';

export type Band = '2.4' | '5' | '6';

export interface Radio {
  readonly name: string;
  readonly band: Band;
  readonly off: boolean;
}

export function readRadios(wireless: readonly UciSection[]): readonly Radio[] {
  return wireless.flatMap((section): Radio[] => {
    const band = section.type === 'wifi-device' ? (bands as Readonly<Record<string, Band>>)[optionOf(section, 'band') ?? ''] : undefined;
    return band === undefined || section.name === undefined ? [] : [{ name: section.name, band, off: isOn(optionOf(section, 'disabled')) }];
  });
}

export function isOn(value: string | undefined): boolean {
  return ['1', 'yes', 'on', 'true', 'enabled'].includes(value ?? '');
}

/** Sections of one WLAN; `name` where they are ours. */
export interface Wlan {
  readonly name: string;
  readonly ours: boolean;
  readonly ifaces: readonly UciSection[];
}

function slug(text: string): string {
  const plain = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^[^a-z]+|-+$/g, '').slice(0, 24);
  return plain === '' ? 'wlan' : plain;
}

/** Access points only: what the device is a client of is nobody's WLAN. What others made is one WLAN for each SSID. */
export function readWlans(wireless: readonly UciSection[]): readonly Wlan[] {
  const own = new Map<string, UciSection[]>();
  const others = new Map<string, UciSection[]>();
  for (const section of wireless) {
    if (section.type !== 'wifi-iface' || optionOf(section, 'mode') !== 'ap') continue;
    const suffix = `_${optionOf(section, 'device') ?? ''}`;
    const ours = section.name?.startsWith(`${prefix}w_`) === true && section.name.endsWith(suffix);
    const key = ours ? decodeName((section.name ?? '').slice(`${prefix}w_`.length, -suffix.length)) : optionOf(section, 'ssid') ?? '';
    const into = ours ? own : others;
    into.set(key, [...(into.get(key) ?? []), section]);
  }
  const taken = new Set(own.keys());
  const unique = (name: string): string => {
    let free = name;
    for (let count = 2; taken.has(free); count += 1) free = `${name}-${String(count)}`;
    taken.add(free);
    return free;
  };
  return [...[...own].map(([name, ifaces]): Wlan => ({ name, ours: true, ifaces })), ...[...others].map(([ssid, ifaces]): Wlan => ({ name: unique(slug(ssid)), ours: false, ifaces }))];
}

/** `undefined`: none that soll knows. */
function securityOf(section: UciSection): SsidSpec['security'] | undefined {
  const [first = ''] = (optionOf(section, 'encryption') ?? 'none').split('+');
  const spelled: Readonly<Record<string, string>> = { 'psk2-mixed': '', psk: '', 'wpa2-mixed': '', 'wpa3-mixed': '', 'psk3-mixed': 'sae-mixed', psk3: 'sae', 'wpa3-192': '' };
  const name = spelled[first] ?? first;
  return (Object.keys(encryptions) as SsidSpec['security'][]).find((security) => encryptions[security] === name);
}

export interface WlanContext {
  readonly radios: readonly Radio[];
  /** VLAN of a network, where it stands on one of the bridge's. */
  vlanOf(network: string): number | undefined;
  readonly remembered: readonly UciSection[];
}

export interface WlanState {
  readonly spec: JsonObject;
  readonly odd?: string;
}

type Value = Json | undefined;

/** Where the radios do not agree there is no value, so whatever is written is a difference. */
function common(ifaces: readonly UciSection[], read: (section: UciSection) => Value): Value {
  const [first, ...rest] = ifaces.map(read);
  return rest.every((each) => each === first) ? first : undefined;
}

export function wlanOf({ name, ours, ifaces }: Wlan, context: WlanContext): WlanState {
  const security = common(ifaces, securityOf);
  const ssid = common(ifaces, (section) => optionOf(section, 'ssid'));
  const remembered = ours ? context.remembered.find((section) => section.name === wlanSection(name)) : undefined;
  const personal = typeof security === 'string' && security.endsWith('-personal');
  const enterprise = typeof security === 'string' && security.endsWith('-enterprise');
  const values = (option: string): readonly (string | undefined)[] => ifaces.map((section) => optionOf(section, option));
  const server = enterprise ? serverOf(ifaces) : undefined;
  const fields: Readonly<Record<string, Value>> = {
    ssid: ssid ?? optionOf(ifaces[0] ?? { type: '', options: [], from: 0, to: 0 }, 'ssid') ?? '',
    security: security ?? 'open',
    // Radios that do not agree about who comes in: nothing of it is right.
    passphrase: personal && ours ? refOf(remembered, 'passphrase', values('key')) : undefined,
    radius: server === undefined ? undefined : [{ ...server, secret: refOf(remembered, 'radius', values('auth_secret')) }],
    vlan: common(ifaces, (section) => context.vlanOf(optionOf(section, 'network') ?? '')),
    enabled: security === undefined || ssid === undefined ? undefined : common(ifaces, (section) => !isOn(optionOf(section, 'disabled'))),
    bands: [...new Set(ifaces.flatMap((section) => context.radios.find((radio) => radio.name === optionOf(section, 'device'))?.band ?? []))].sort(),
    hidden: common(ifaces, (section) => isOn(optionOf(section, 'hidden'))),
    isolated: common(ifaces, (section) => isOn(optionOf(section, 'isolate'))),
  };
  const odd = ours ? undefined : 'it was made by hand: soll changes sections with a name of its own only';
  return { spec: Object.fromEntries(Object.entries(fields).filter((field): field is [string, Json] => field[1] !== undefined)), ...(odd === undefined ? {} : { odd }) };
}

function serverOf(ifaces: readonly UciSection[]): JsonObject | undefined {
  const address = common(ifaces, (section) => optionOf(section, 'auth_server'));
  const port = Number(common(ifaces, (section) => optionOf(section, 'auth_port')) ?? 1812);
  return typeof address !== 'string' || parseCidr(address) === undefined ? undefined : { address, port };
}

/** Radios of a WLAN: those of its bands, or all that may carry it. 6 GHz only where it is written, or where nobody without WPA3 is let in. */
export function radiosOf(spec: SsidSpec, radios: readonly Radio[]): readonly Radio[] {
  const wanted = spec.bands ?? (spec.security.startsWith('wpa3-') ? ['2.4', '5', '6'] : ['2.4', '5']);
  return radios.filter(({ band }) => wanted.includes(band));
}
