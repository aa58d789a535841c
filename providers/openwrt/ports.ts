/** Ports of a bridge as the sum of its VLANs: `lan3:t` is tagged, `lan3:u*` untagged with what comes in untagged (netifd config.c). Pure. */
import type { JsonObject } from '#contract';
import { listOf, optionOf, type UciSection } from './uci.ts';

export interface PortSpec extends JsonObject {
  readonly mode?: string;
  readonly vlan?: number;
  readonly native?: number;
  readonly tagged?: readonly number[];
}

export interface BridgeVlan {
  readonly id: number;
  readonly section: UciSection;
}

export interface Bridge {
  readonly ports: readonly string[];
  /** By id; the last of two with the same counts (netifd keeps one). */
  readonly vlans: ReadonlyMap<number, BridgeVlan>;
  readonly twice: ReadonlySet<number>;
}

export function readBridge(network: readonly UciSection[], name: string): Bridge | undefined {
  const device = network.findLast((section) => section.type === 'device' && optionOf(section, 'name') === name && optionOf(section, 'type') === 'bridge');
  if (device === undefined) return undefined;
  const vlans = new Map<number, BridgeVlan>();
  const twice = new Set<number>();
  for (const section of network) {
    if (section.type !== 'bridge-vlan' || optionOf(section, 'device') !== name) continue;
    const id = Number(optionOf(section, 'vlan'));
    if (!Number.isInteger(id) || id < 1 || id > 4094) continue;
    if (vlans.has(id)) twice.add(id);
    vlans.set(id, { id, section });
  }
  return { ports: listOf(device, 'ports'), vlans, twice };
}

interface Membership {
  readonly id: number;
  readonly entry: string;
  readonly tagged: boolean;
  readonly incoming: boolean;
}

function membershipsOf(bridge: Bridge, port: string): readonly Membership[] {
  return [...bridge.vlans.values()].flatMap(({ id, section }) => listOf(section, 'ports').filter((entry) => entry.split(':')[0] === port).map((entry): Membership => {
    const flags = entry.slice(port.length + 1);
    return { id, entry, tagged: flags.includes('t'), incoming: flags.includes('*') };
  }));
}

export interface PortState {
  readonly spec: PortSpec;
  /** Why it cannot be written here. */
  readonly odd?: string;
}

/** `undefined`: in no VLAN, or untagged in VLAN 1 and nothing else, as a port is that nobody set up. */
export function portOf(bridge: Bridge, port: string): PortState | undefined {
  const all = membershipsOf(bridge, port);
  const untagged = all.filter(({ tagged }) => !tagged);
  const tagged = [...new Set(all.filter((each) => each.tagged).map(({ id }) => id))].sort((a, b) => a - b);
  const native = untagged.find(({ incoming }) => incoming)?.id ?? untagged[0]?.id;
  const odd = untagged.length > 1 ? 'more than one VLAN leaves it untagged'
    : all.some((each) => each.tagged && each.incoming) ? 'what comes in untagged leaves tagged'
    : new Set(all.map(({ id }) => id)).size < all.length ? 'it is in a VLAN twice'
    : all.some(({ id }) => bridge.twice.has(id)) ? 'one of its VLANs has two sections' : undefined;
  if (odd === undefined && tagged.length === 0 && (native === undefined || native === 1)) return undefined;
  const spec: PortSpec = tagged.length === 0 && native !== undefined ? { mode: 'access', vlan: native } : { mode: 'trunk', ...(native === undefined ? {} : { native }), tagged };
  return { spec, ...(odd === undefined ? {} : { odd }) };
}

/** What the port will be: written fields over what is there, without what belongs to another mode. */
export function mergePort(now: PortSpec | undefined, after: PortSpec | undefined): PortSpec {
  if (after === undefined) return { mode: 'access', vlan: 1 };
  const mode = after.mode ?? now?.mode ?? 'access';
  if (mode === 'access') return { mode, vlan: after.vlan ?? now?.vlan ?? 1 };
  const native = after.native ?? now?.native ?? (now?.mode === 'access' ? now.vlan : undefined);
  const tagged = after.tagged ?? now?.tagged ?? [];
  return { mode, ...(native === undefined || tagged.includes(native) ? {} : { native }), tagged };
}

/** The entries of each VLAN in which a port appears or must appear. A VLAN that has it right keeps its list as it is. */
export function portEntries(bridge: Bridge, port: string, wanted: PortSpec): ReadonlyMap<number, string | undefined> {
  const untagged = wanted.mode === 'access' ? wanted.vlan : wanted.native;
  const entries = new Map<number, string | undefined>();
  for (const { id, entry, tagged, incoming } of membershipsOf(bridge, port)) {
    const right = tagged ? wanted.mode !== 'access' && wanted.tagged?.includes(id) === true && !incoming : id === untagged;
    entries.set(id, right && !entries.has(id) ? entry : undefined);
  }
  const need = (id: number, entry: string): void => { if (entries.get(id) === undefined) entries.set(id, entry); };
  if (untagged !== undefined && (untagged !== 1 || bridge.vlans.has(1))) need(untagged, `${port}:u*`);
  if (wanted.mode !== 'access') for (const id of wanted.tagged ?? []) need(id, `${port}:t`);
  return entries;
}
