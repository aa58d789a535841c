/** A port between its configuration and its spec: what is there, and the fewest lines that make it what it shall be. Pure. */
import type { JsonObject } from '#contract';
import { reservedVlans } from './limits.ts';
import type { Globals, PortConfig } from './parse-config.ts';
import type { ProfileName } from './settings.ts';
import { foldVlanList } from './vlan-list.ts';

/** What is true of the port beyond its own configuration. */
export interface PortFacts {
  readonly profile: ProfileName;
  readonly globals: Globals;
  readonly givesPower: boolean;
  /** Its encapsulation is negotiated, so a trunk needs it set. */
  readonly negotiates: boolean;
}

export interface PortSpec {
  readonly mode?: 'access' | 'trunk';
  readonly vlan?: number;
  readonly native?: number;
  readonly tagged?: readonly number[];
  readonly description?: string;
  readonly enabled?: boolean;
  readonly poe?: boolean;
  readonly role?: 'edge' | 'uplink';
}

export function isReserved(id: number): boolean {
  return id >= reservedVlans.from && id <= reservedVlans.to;
}

interface Edge {
  readonly fast: boolean;
  readonly guarded: boolean;
}

/** `trunk`: what the port will be or is. */
function edgeOf({ portfast, bpduguard }: PortConfig, { portfastByDefault, bpduguardByDefault }: Globals, trunk: boolean): Edge {
  const fast = portfast === 'edge-trunk' || (!trunk && (portfast === 'edge' || (portfast === undefined && portfastByDefault)));
  return { fast, guarded: bpduguard === 'enable' || (bpduguard === undefined && bpduguardByDefault && fast) };
}

/** The VLAN that goes untagged, if the trunk carries it at all. */
function carriedNative({ native, allowed }: PortConfig): number | undefined {
  return native !== undefined && (allowed === 'all' || allowed.has(native)) ? native : undefined;
}

/** Canonical but for the order of keys. A trunk that carries everything has no list, a negotiated port no mode. */
export function portSpec(port: PortConfig, { profile, globals, givesPower }: PortFacts): JsonObject {
  const trunk = port.mode === 'trunk';
  const { fast, guarded } = edgeOf(port, globals, trunk);
  const untagged = carriedNative(port);
  return {
    ...(port.mode === 'access' || trunk ? { mode: port.mode } : {}),
    ...(port.mode === 'access' || (port.mode === 'dynamic' && port.access !== 1) ? { vlan: port.access } : {}),
    ...(trunk && untagged !== undefined ? { native: untagged } : {}),
    ...(trunk && port.allowed !== 'all' ? { tagged: [...port.allowed].filter((id) => id !== untagged && !isReserved(id)) } : {}),
    ...(port.description === undefined ? {} : { description: port.description }),
    enabled: port.enabled,
    ...(givesPower ? { poe: port.power !== 'never' } : {}),
    ...(profile === 'ios' && fast === guarded ? { role: fast ? 'edge' : 'uplink' } : {}),
  };
}

/** Nothing that the kind speaks of is set: such a port is not there. */
export function isFactory({ written }: PortConfig): boolean {
  return written.size === 0;
}

const all = Array.from({ length: 4094 }, (_, index) => index + 1);

/**
 * From one list to another without a moment in which a VLAN is missing that is in both. `allowed vlan LIST` replaces the list, so it is used only
 * where the whole of it fits on one line.
 */
function allowedLines(now: PortConfig['allowed'], wanted: ReadonlySet<number>): readonly string[] {
  const command = 'switchport trunk allowed vlan';
  if (now === 'all') {
    const whole = foldVlanList(wanted);
    if (wanted.size === 0) return [`${command} none`];
    if (whole.length === 1) return [`${command} ${whole[0] ?? ''}`];
    return foldVlanList(all.filter((id) => !wanted.has(id) && !isReserved(id))).map((list) => `${command} remove ${list}`);
  }
  const added = [...wanted].filter((id) => !now.has(id));
  const removed = [...now].filter((id) => !wanted.has(id) && !isReserved(id));
  if (wanted.size === 0 && removed.length > 0) return [`${command} none`];
  const add = foldVlanList(added).map((list, index) => `${command} ${now.size === 0 && index === 0 ? '' : 'add '}${list}`);
  return [...add, ...foldVlanList(removed).map((list) => `${command} remove ${list}`)];
}

/** Lines inside the interface. VLANs come before the mode, so that a port never carries more than it shall; what takes it down comes first, what brings it up last. */
export function portLines(port: PortConfig, after: PortSpec, facts: PortFacts): readonly string[] {
  const trunk = after.mode === 'trunk' || (after.mode === undefined && port.mode === 'trunk');
  return [
    ...(after.enabled === false && port.enabled ? ['shutdown'] : []),
    ...(after.description !== undefined && after.description !== port.description ? [`description ${facts.profile === 'small-business' && /\s/.test(after.description) ? `"${after.description}"` : after.description}`] : []),
    ...(trunk ? trunkLines(port, after, facts) : after.vlan !== undefined && after.vlan !== port.access ? [`switchport access vlan ${String(after.vlan)}`] : []),
    ...(after.mode !== undefined && after.mode !== port.mode ? [`switchport mode ${after.mode}`] : []),
    ...(after.poe !== undefined && facts.givesPower && after.poe !== (port.power !== 'never') ? [`power inline ${after.poe ? 'auto' : 'never'}`] : []),
    ...roleLines(port, after.role, facts.globals, trunk),
    ...(after.enabled === true && !port.enabled ? ['no shutdown'] : []),
  ];
}

function trunkLines(port: PortConfig, { native, tagged }: PortSpec, { negotiates }: PortFacts): readonly string[] {
  // Untagged frames pass only where the list has their VLAN.
  const untagged = native ?? carriedNative(port);
  const wanted = tagged !== undefined ? new Set([...tagged, ...(untagged === undefined ? [] : [untagged])])
    : native !== undefined && port.allowed !== 'all' ? new Set([...port.allowed, native]) : undefined;
  return [
    ...(negotiates && port.encapsulation !== 'dot1q' ? ['switchport trunk encapsulation dot1q'] : []),
    ...(native !== undefined && native !== port.native ? [`switchport trunk native vlan ${String(native)}`] : []),
    ...(wanted === undefined ? [] : allowedLines(port.allowed, wanted)),
  ];
}

function roleLines(port: PortConfig, role: PortSpec['role'], globals: Globals, trunk: boolean): readonly string[] {
  if (role === undefined) return [];
  const { fast, guarded } = edgeOf(port, globals, trunk);
  if (role === 'edge') return [...(fast ? [] : [`spanning-tree portfast${trunk ? ' trunk' : ''}`]), ...(guarded ? [] : ['spanning-tree bpduguard enable'])];
  return [
    ...(fast ? [globals.portfastByDefault && !trunk ? 'spanning-tree portfast disable' : 'no spanning-tree portfast'] : []),
    // Without portfast the default of the switch guards nothing.
    ...(port.bpduguard === 'enable' ? ['no spanning-tree bpduguard'] : []),
  ];
}

/** Takes back what the kind speaks of, and nothing else: telephones, storm control and the rest stay. */
export function factoryLines(port: PortConfig): readonly string[] {
  const order = ['description', 'switchport mode', 'switchport access vlan', 'switchport trunk native vlan', 'switchport trunk allowed vlan', 'power inline', 'spanning-tree portfast', 'spanning-tree bpduguard', 'shutdown'];
  return order.filter((line) => port.written.has(line)).map((line) => (line === 'power inline' ? 'power inline auto' : `no ${line}`));
}
