/**
 * A port of a switch, in the older API: its settings are an entry of `port_overrides` of the device, or those of a port profile that the entry names. Its
 * networks are Mongo ids, which say nothing to the integration API: only the number of the VLAN leads from one to the other. Pure.
 */
import { ProviderError, type JsonObject } from '#contract';
import type { SwitchPortSpec } from '#generated/types';
import { numberOf, objectsOf, textOf, textsOf } from './model.ts';

/** Networks that a port can carry. */
export interface PortNetworks {
  /** Number by id. */
  readonly numbers: ReadonlyMap<string, number>;
  readonly ids: ReadonlyMap<number, string>;
}

/** `purpose` of what ports can carry (recorded answers of Network 8 and 9): not WAN and VPN. */
const carried: readonly string[] = ['corporate', 'guest', 'vlan-only'];

export function portNetworks(networks: readonly JsonObject[]): PortNetworks {
  const entries = networks.filter(({ purpose }) => carried.includes(String(purpose))).map((raw): [string, number] => {
    const { vlan } = raw;
    // The default network has no number here; numbers came as text in older versions.
    const number = vlan === undefined || vlan === '' || raw['vlan_enabled'] === false ? 1 : Number(vlan);
    if (!Number.isInteger(number)) throw new ProviderError('protocol', `network ${textOf(raw, '_id')} has no number`);
    return [textOf(raw, '_id'), number];
  });
  const ids = new Map(entries.map(([id, number]) => [number, id]));
  if (ids.size !== entries.length) throw new ProviderError('protocol', 'two networks have the same VLAN number, so nobody can say which of them a port carries', { hint: 'give one of them another number on the console' });
  return { numbers: new Map(entries), ids };
}

/** Which ports a switch has, and what is set on each. */
export interface Port {
  readonly index: number;
  readonly table: JsonObject;
  readonly override: JsonObject | undefined;
}

export function portsOf(device: JsonObject): readonly Port[] {
  const overrides = new Map(objectsOf(device['port_overrides']).map((each) => [each['port_idx'], each]));
  return objectsOf(device['port_table']).map((table) => ({ index: numberOf(table, 'port_idx'), table, override: overrides.get(numberOf(table, 'port_idx')) }));
}

/** Fields of an entry that the kind speaks of. `port_security_*` is how a port is shut down (as the web interface does it, Network 10.x, 2026-09). */
const ourFields = ['name', 'forward', 'native_networkconf_id', 'tagged_vlan_mgmt', 'excluded_networkconf_ids', 'poe_mode'] as const;

export function isFactory({ override }: Port): boolean {
  return override === undefined || (override['portconf_id'] === undefined && ourFields.every((field) => override[field] === undefined));
}

/** Why the port is not decided by its own entry. */
export function portNote({ table, override }: Port, profiles: ReadonlyMap<string, JsonObject>): string | undefined {
  const profile = override?.['portconf_id'];
  if (typeof profile === 'string' && profile !== '') return `its port profile ${JSON.stringify(String(profiles.get(profile)?.['name'] ?? profile))} decides about it`;
  if (table['aggregated_by'] !== undefined && table['aggregated_by'] !== false) return `it is a member of the aggregate of port ${String(table['aggregated_by'])}`;
  const mode = override?.['op_mode'];
  if (mode !== undefined && mode !== 'switch') return `it works as ${String(mode)}`;
  return undefined;
}

export function givesPower({ table }: Port): boolean {
  return table['port_poe'] === true;
}

function settingsOf({ override }: Port, profiles: ReadonlyMap<string, JsonObject>): JsonObject {
  const profile = override?.['portconf_id'];
  return { ...(typeof profile === 'string' ? profiles.get(profile) : {}), ...override };
}

/** A trunk that carries everything has no list. */
export function portSpec(port: Port, { numbers }: PortNetworks, profiles: ReadonlyMap<string, JsonObject>): JsonObject {
  const settings = settingsOf(port, profiles);
  const native = settings['native_networkconf_id'];
  const untagged = typeof native === 'string' && native !== '' ? numbers.get(native) : 1;
  const forward = settings['forward'] ?? 'all';
  const blocked = settings['tagged_vlan_mgmt'] === 'block_all';
  const description = port.override?.['name'];
  const rest = { ...(typeof description === 'string' && description !== '' ? { description: description.slice(0, 64) } : {}), enabled: forward !== 'disabled', ...(givesPower(port) ? { poe: settings['poe_mode'] !== 'off' } : {}) };
  if (forward === 'disabled') return { mode: 'access', ...rest };
  if (forward === 'native' || blocked) return { mode: 'access', ...(untagged === undefined ? {} : { vlan: untagged }), ...rest };
  const excluded = settings['tagged_vlan_mgmt'] === 'custom' ? textsOf(settings['excluded_networkconf_ids']) : undefined;
  return {
    mode: 'trunk', ...(untagged === undefined ? {} : { native: untagged }),
    ...(excluded === undefined ? {} : { tagged: [...numbers].filter(([id, number]) => !excluded.includes(id) && number !== untagged).map(([, number]) => number) }), ...rest,
  };
}

export class UnknownVlan extends Error {
  readonly number: number;

  constructor(number: number) {
    super(`the console has no network with VLAN ${String(number)}`);
    this.number = number;
  }
}

function idOf({ ids }: PortNetworks, number: number): string {
  const id = ids.get(number);
  if (id === undefined) throw new UnknownVlan(number);
  return id;
}

function membership(now: JsonObject, after: Partial<SwitchPortSpec>, networks: PortNetworks): JsonObject {
  // Port security with nobody on its list is how a port is shut down; only then is it ours to open.
  const opened: JsonObject = now['forward'] === 'disabled' ? { port_security_enabled: false, port_security_mac_address: [] } : {};
  if (after.mode === 'access') {
    const native = after.vlan === undefined ? now['native_networkconf_id'] ?? idOf(networks, 1) : idOf(networks, after.vlan);
    return { ...opened, forward: 'native', native_networkconf_id: native, tagged_vlan_mgmt: 'block_all', excluded_networkconf_ids: [] };
  }
  const current = now['native_networkconf_id'];
  const native = after.native !== undefined ? idOf(networks, after.native) : typeof current === 'string' && now['forward'] !== 'native' ? current : idOf(networks, 1);
  const keeps = now['forward'] === 'customize' && now['tagged_vlan_mgmt'] === 'custom';
  if (after.tagged === undefined) return { ...opened, native_networkconf_id: native, ...(keeps ? {} : { forward: 'all', tagged_vlan_mgmt: 'auto', excluded_networkconf_ids: [] }) };
  const wanted = new Set(after.tagged.map((number) => idOf(networks, number)));
  return { ...opened, forward: 'customize', native_networkconf_id: native, tagged_vlan_mgmt: 'custom', excluded_networkconf_ids: [...networks.numbers.keys()].filter((id) => id !== native && !wanted.has(id)) };
}

/** The entry with what is written laid over it; everything that the kind does not know stays. Throws UnknownVlan. */
export function portEntry(port: Port, after: Partial<SwitchPortSpec>, networks: PortNetworks): JsonObject {
  const now = port.override ?? { port_idx: port.index };
  const named = after.description === undefined ? {} : { name: after.description };
  const power = after.poe === undefined || !givesPower(port) ? {} : { poe_mode: after.poe ? 'auto' : 'off' };
  // As the web interface writes it (field definitions `setting_preference`: auto or manual).
  const base: JsonObject = { ...now, setting_preference: 'manual', ...named, ...power };
  // Nobody said that it shall be opened.
  if (now['forward'] === 'disabled' && after.enabled === undefined) return base;
  if (after.enabled === false) {
    const { native_networkconf_id: _native, ...rest } = base;
    return { ...rest, forward: 'disabled', tagged_vlan_mgmt: 'block_all', excluded_networkconf_ids: [], port_security_enabled: true, port_security_mac_address: [] };
  }
  return { ...base, ...membership(now, after, networks) };
}

/** Without what the kind speaks of; nothing when nothing else is set. */
export function factoryEntry({ override }: Port): JsonObject | undefined {
  if (override === undefined) return undefined;
  const shut = override['forward'] === 'disabled' ? ['port_security_enabled', 'port_security_mac_address'] : [];
  const rest = Object.fromEntries(Object.entries(override).filter(([field]) => ![...ourFields, ...shut].includes(field)));
  return Object.keys(rest).every((field) => field === 'port_idx' || field === 'setting_preference') ? undefined : rest;
}

/** All entries of the device, with one replaced: the API replaces the whole list. */
export function withEntry(device: JsonObject, index: number, entry: JsonObject | undefined): readonly JsonObject[] {
  const others = objectsOf(device['port_overrides']);
  if (entry === undefined) return others.filter((each) => each['port_idx'] !== index);
  return others.some((each) => each['port_idx'] === index) ? others.map((each) => (each['port_idx'] === index ? entry : each)) : [...others, entry];
}

/** All entries, with a network that is new kept off every trunk with a list: the list is kept as exceptions, so it would be on all of them at once. */
export function shutOut(device: JsonObject, networkId: string): readonly JsonObject[] | undefined {
  const entries = objectsOf(device['port_overrides']);
  const wanted = entries.map((each) => {
    const excluded = textsOf(each['excluded_networkconf_ids']);
    const listed = each['forward'] === 'customize' && each['tagged_vlan_mgmt'] === 'custom' && each['native_networkconf_id'] !== networkId;
    return !listed || excluded.includes(networkId) ? each : { ...each, excluded_networkconf_ids: [...excluded, networkId] };
  });
  return wanted.every((each, index) => each === entries[index]) ? undefined : wanted;
}
