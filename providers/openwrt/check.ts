/** Offline: what this family cannot take. */
import { parseAddress, type Desired, type Problem, type Target } from '#contract';
import { canonicalCidr, parseCidr } from '#core/ip';
import type { SsidSpec } from '#generated/types';
import { checkWall, wallsOf, type Tell } from './check-firewall.ts';
import { maxDeviceName, maxSsidBytes } from './limits.ts';
import { plainName } from './names.ts';
import type { PortSpec } from './ports.ts';
import { settingsOf } from './settings.ts';

export function checkDevice(desired: readonly Desired[], target: Target): readonly Problem[] {
  const problems: Problem[] = [];
  const walls = wallsOf(desired);
  for (const resource of desired) {
    const { kind, name } = parseAddress(resource.address);
    const tell: Tell = (code, message, hint) => void problems.push({ code: `openwrt.${code}`, severity: 'error', message, hint, address: resource.address, source: resource.source });
    // A spec has passed the kind's schema.
    if (kind === 'vlan') checkVlan(Number(resource.spec['id']), settingsOf(target).bridge, tell);
    if (kind === 'switch-port') checkPort(name, resource.spec, tell);
    if (kind === 'ssid') checkWlan(name, resource.spec as unknown as SsidSpec, tell);
    checkWall(resource, walls, tell);
  }
  if (target.manages['firewall-policy'] !== target.manages['firewall-rule']) problems.push({ code: 'openwrt.rules-and-policies', severity: 'error', customer: target.customer, target: target.name, message: `${target.name}: rules and the order of rules belong together`, hint: 'the same mode for firewall-rule and firewall-policy' });
  return problems;
}

function checkVlan(id: number, bridge: string, tell: Tell): void {
  if (`${bridge}.${String(id)}`.length > maxDeviceName) tell('device-name', `${bridge}.${String(id)} is longer than a device of Linux may be called`, `at most ${String(maxDeviceName)} characters: a shorter name for the bridge`);
}

function checkPort(name: string, spec: PortSpec, tell: Tell): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) || name.length > maxDeviceName) tell('port-name', `${JSON.stringify(name.slice(0, 40))} is no port as Linux calls it`, 'lan1, as ip link shows it');
  const access = spec.mode === 'access';
  if (access ? spec.native !== undefined || spec.tagged !== undefined : spec.vlan !== undefined) tell('mode', `${name}: ${access ? 'native and tagged are for trunks' : 'vlan is for access ports'}`, access ? 'vlan: 20' : 'native: 20, tagged: [30]');
  if (access && (spec.vlan ?? 1) === 1) tell('factory', `${name}: untagged in VLAN 1 is how a port is that nobody set up, and such a port is not managed`, 'leave the port out');
  if (!access && (spec.tagged ?? []).length === 0) tell('trunk', `${name}: a bridge tells a trunk by its tagged VLANs, and there are none`, 'tagged: [20, 30], or mode: access');
  if (!access && spec.native !== undefined && spec.tagged?.includes(spec.native) === true) tell('native', `${name}: VLAN ${String(spec.native)} cannot be tagged and untagged at once`, 'take it out of tagged');
}

/** Line breaks and what changes how text is shown; everything else is a byte of an SSID like any other. */
const unshowable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

function checkWlan(name: string, { ssid, security, passphrase, radius, schedule, bands }: SsidSpec, tell: Tell): void {
  if (!plainName.test(name)) tell('name', `${JSON.stringify(name.slice(0, 40))} cannot be the name of a section`, 'small letters, digits and hyphens, beginning with a letter, at most 31');
  if (unshowable.test(ssid) || Buffer.byteLength(ssid, 'utf8') > maxSsidBytes) tell('ssid', `${name}: the SSID holds control characters or more than ${String(maxSsidBytes)} bytes`, 'hostapd takes it from a file of lines, so a line break would be a setting');
  if (security.endsWith('-personal') && passphrase === undefined) tell('passphrase', `${name}: ${security} needs a passphrase`, 'passphrase: { $secret: NAME }');
  if (security.endsWith('-enterprise') && radius === undefined) tell('radius', `${name}: ${security} needs a RADIUS server`, 'radius: [{ address: 192.168.10.5, secret: { $secret: radius } }]');
  if (!security.endsWith('-personal') && passphrase !== undefined) tell('passphrase', `${name}: ${security} has no passphrase`, 'remove it');
  if (!security.endsWith('-enterprise') && radius !== undefined) tell('radius', `${name}: ${security} asks no RADIUS server`, 'remove it');
  if ((radius?.length ?? 0) > 1) tell('radius', `${name}: OpenWrt asks one RADIUS server`, 'name the first one only');
  for (const { address } of radius ?? []) if (parseCidr(address) === undefined || canonicalCidr(address).includes('/')) tell('radius', `${name}: ${JSON.stringify(address.slice(0, 60))} is no address`, 'an address, no name: it would be looked up by the access point');
  if (schedule !== undefined) tell('schedule', `${name}: OpenWrt has no schedule for a WLAN`, 'leave it out');
  if (bands?.includes('6') === true && !security.startsWith('wpa3-')) tell('wpa3', `${name}: 6 GHz needs WPA3`, 'security: wpa3-personal or wpa3-enterprise');
}
