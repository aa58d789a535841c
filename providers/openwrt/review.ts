/** What the device will say to a plan, as far as reading it can tell. Pure. */
import { parseAddress, type Change, type JsonObject, type Problem, type Target } from '#contract';
import type { SsidSpec } from '#generated/types';
import { newestRelease, oldestRelease } from './limits.ts';
import { networkSection, vlanSection } from './names.ts';
import type { PortSpec } from './ports.ts';
import { networksOnBridge, stateOf, type DeviceState } from './read-device.ts';
import type { DeviceReading } from './reading.ts';
import { settingsOf } from './settings.ts';
import { radiosOf } from './wlans.ts';

function releaseProblem({ version }: DeviceReading): Problem[] {
  const [year = 0, month = 0] = (/^(\d\d)\.(\d\d)/.exec(version)?.slice(1) ?? []).map(Number);
  const compare = (other: readonly [number, number]): number => year - other[0] || month - other[1];
  if (compare(oldestRelease) < 0) return [{ code: 'openwrt.release', severity: 'error', message: `OpenWrt ${JSON.stringify(version.slice(0, 40))} is not a release that soll writes`, hint: `23.05 or newer; snapshots change without a name for it` }];
  return compare(newestRelease) <= 0 ? [] : [{ code: 'openwrt.release', severity: 'warning', message: `OpenWrt ${version.slice(0, 20)} is newer than what soll was written against (${newestRelease.map((part) => String(part).padStart(2, '0')).join('.')})`, hint: 'look at the plan twice' }];
}

function stagedProblem({ staged }: DeviceReading, severity: Problem['severity']): Problem[] {
  return staged ? [{ code: 'openwrt.staged', severity, message: 'the device has staged changes that nobody has committed', hint: 'on the device: uci changes shows them; uci commit or uci revert' }] : [];
}

function bridgeProblem(state: DeviceState, target: Target): Problem[] {
  const { bridge } = settingsOf(target);
  if (state.bridge === undefined) return [{ code: 'openwrt.bridge', severity: 'error', message: `the device has no bridge ${bridge}`, hint: 'settings.bridge names it; a switch under swconfig (before DSA) is not managed' }];
  const standing = state.bridge.vlans.size === 0 ? networksOnBridge(state, bridge) : [];
  if (standing.length === 0) return [];
  return [{
    code: 'openwrt.bridge-plain', severity: 'error', message: `${standing.join(', ')} ${standing.length === 1 ? 'stands' : 'stand'} on ${bridge} itself, and its first VLAN would cut ${standing.length === 1 ? 'it' : 'them'} off`,
    hint: `once, by hand: a bridge VLAN 1 with all ports untagged, and ${bridge}.1 as the device of ${standing.join(', ')}; see the provider's README`,
  }];
}

export function reviewChanges(changes: readonly Change[], reading: DeviceReading, target: Target): readonly Problem[] {
  if (changes.length === 0) return [];
  const state = stateOf(reading.sections, target);
  const layered = changes.some(({ address }) => ['vlan', 'switch-port'].includes(parseAddress(address).kind));
  const made = new Set(changes.flatMap(({ address, after }) => (parseAddress(address).kind === 'vlan' && typeof after?.['id'] === 'number' ? [after['id']] : [])));
  return [
    ...releaseProblem(reading), ...stagedProblem(reading, 'error'), ...(layered ? bridgeProblem(state, target) : []),
    ...changes.flatMap((change) => reviewChange(change, state, made)),
  ];
}

function reviewChange({ address, verb, before, after }: Change, state: DeviceState, made: ReadonlySet<number>): Problem[] {
  const { kind, name } = parseAddress(address);
  const tell = (code: string, message: string, hint: string, severity: Problem['severity'] = 'error'): Problem => ({ code: `openwrt.${code}`, severity, address, message, hint });
  const there = (id: number): boolean => id === 1 || made.has(id) || state.bridge?.vlans.has(id) === true;
  if (kind === 'vlan' && before !== undefined && (verb === 'delete' || before['id'] !== after?.['id'])) {
    const id = Number(before['id']);
    const others = state.networksOn(id).filter((network) => network !== networkSection(id));
    if (verb !== 'delete' && state.bridge?.vlans.get(id)?.section.name !== vlanSection(id)) return [tell('vlan-foreign', `VLAN ${String(id)} was made by hand, so it cannot become another one`, 'remove it on the device first')];
    return others.length === 0 ? [] : [tell('vlan-used', `VLAN ${String(id)} carries ${others.join(', ')}`, 'remove the interface on the device first')];
  }
  if (kind === 'switch-port') {
    if (state.bridge !== undefined && !state.bridge.ports.includes(name)) return [tell('no-such-port', `the bridge has no port ${name}`, `it has ${state.bridge.ports.slice(0, 8).join(', ')}`)];
    const spec: PortSpec = after ?? {};
    return [spec.vlan, spec.native, ...(spec.tagged ?? [])].filter((id) => id !== undefined && !there(id)).map((id) => tell('no-such-vlan', `${name} needs VLAN ${String(id)}, which is not on the device`, 'write it, or add vlan: merge to the target\'s manages'));
  }
  return kind === 'ssid' && after !== undefined ? reviewWlan(after, address, state, there, tell) : [];
}

function reviewWlan(after: JsonObject, address: Change['address'], state: DeviceState, there: (id: number) => boolean, tell: (code: string, message: string, hint: string, severity?: Problem['severity']) => Problem): Problem[] {
  const { name } = parseAddress(address);
  const spec = after as unknown as SsidSpec;
  const radios = radiosOf(spec, state.radios);
  const missing = (spec.bands ?? []).filter((band) => !radios.some((radio) => radio.band === band));
  const off = radios.filter((radio) => radio.off);
  return [
    ...(missing.length > 0 || radios.length === 0 ? [tell('no-radio', `${name}: the device has no radio for ${missing.length === 0 ? 'it' : `${missing.join(' and ')} GHz`}`, 'leave the band out')] : []),
    ...(spec.vlan !== undefined && spec.vlan !== 1 && !there(spec.vlan) ? [tell('no-such-vlan', `${name} needs VLAN ${String(spec.vlan)}, which is not on the device`, 'write it, or add vlan: merge to the target\'s manages')] : []),
    ...(off.length > 0 && spec.enabled !== false ? [tell('radio-off', `${name} will not be on the air on ${off.map((radio) => radio.name).join(', ')}: the radio is switched off`, 'on the device: country and channel first, then disabled 0', 'warning')] : []),
  ];
}

export function diagnoseDevice(reading: DeviceReading, target: Target): readonly Problem[] {
  const state = stateOf(reading.sections, target);
  const layered = target.manages['vlan'] !== undefined || target.manages['switch-port'] !== undefined;
  return [
    ...releaseProblem(reading), ...stagedProblem(reading, 'warning'), ...(layered ? bridgeProblem(state, target) : []),
    ...(target.manages['ssid'] !== undefined && state.radios.length === 0 ? [{ code: 'openwrt.no-radio', severity: 'error' as const, message: 'the device has no radio', hint: 'leave ssid out of manages' }] : []),
    { code: 'openwrt.root', severity: 'info', message: 'OpenWrt knows one account, root: the reading key can write unless authorized_keys binds it to the reading command', hint: 'see the provider\'s README' },
  ];
}
