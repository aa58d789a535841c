/** Everything that a plan needs of a switch, read completely and checked against what the show commands say. */
import { ProviderError, toAddress, type JsonObject, type Live } from '#contract';
import type { SwitchDevice } from './device.ts';
import { addressedVlans, factoryPort, parseGlobals, parsePort, parseVlans, portSections, type Globals, type PortConfig, type Section } from './parse-config.ts';
import { isFactory, isReserved, portSpec, type PortFacts } from './ports.ts';
import { longName, parseIosVlans, parsePower, parseSmallVlans, parseStatus, parseSwitchports, parseVtpMode, type Switchport } from './show.ts';
import { defaultName } from './vlans.ts';

export interface SwitchState {
  readonly sections: readonly Section[];
  /** Every port that can switch, by full name. */
  readonly ports: ReadonlyMap<string, PortConfig>;
  readonly vlans: ReadonlyMap<number, string>;
  /** Why the VLANs are not ours to change. */
  readonly vlansOf: string | undefined;
  /** Why a port cannot be changed here, beyond what its own configuration says. */
  readonly conflicts: ReadonlyMap<string, string>;
  readonly addressed: ReadonlySet<number>;
  facts(name: string): PortFacts;
}

/** Throws ProviderError; a state that does not hang together after a second look is `protocol`. */
export async function readSwitch(device: SwitchDevice): Promise<SwitchState> {
  try {
    return await readOnce(device);
  } catch (error) {
    // Somebody may have typed between two commands.
    if (!(error instanceof ProviderError) || error.code !== 'protocol') throw error;
    return readOnce(device);
  }
}

function readOnce(device: SwitchDevice): Promise<SwitchState> {
  return device.settings.profile === 'ios' ? readIos(device) : readSmall(device);
}

function differs(what: string): ProviderError {
  return new ProviderError('protocol', `${what}: the running configuration and the show commands do not agree`, { hint: 'read again; is somebody at work on the switch, or does the account see only a part of it?' });
}

async function readIos(device: SwitchDevice): Promise<SwitchState> {
  const sections = await device.running();
  const globals = parseGlobals(sections);
  const configured = portSections(sections);
  const shown = new Map<string, Switchport>();
  for (const each of parseSwitchports(await device.show('show interfaces switchport'))) {
    const name = longName(each.name, configured.keys());
    if (name === undefined || !configured.has(name)) throw differs(`port ${each.name}`);
    shown.set(name, each);
  }
  if (shown.size === 0) throw differs('ports');
  // A member of the stack that is away keeps its configuration.
  const away = [...configured].filter(([name, { lines }]) => !shown.has(name) && lines.some((line) => line.startsWith('switchport '))).map(([name]) => name);
  const ports = new Map([...shown.keys(), ...away].map((name): [string, PortConfig] => [name, parsePort(configured.get(name)?.lines ?? [], 'ios')]));
  const power = new Set(parsePower(await device.showOptional('show power inline') ?? '').map((name) => longName(name, configured.keys())));
  const mode = parseVtpMode(await device.showOptional('show vtp status') ?? '') ?? globals.vtp ?? 'off';
  const table = new Map([...parseIosVlans(await device.show('show vlan brief'))].filter(([id]) => id !== 1 && !isReserved(id)));
  const vlansOf = mode === 'transparent' || mode === 'off' ? undefined : `VTP is in ${mode} mode: the VLANs are in a database that other switches share, and no rollback knows of it; vtp mode transparent (or off) gives them to this switch`;
  if (vlansOf === undefined) compareVlans(parseVlans(sections, 'ios'), table);
  return {
    sections, ports, vlans: table, vlansOf, addressed: addressedVlans(sections),
    conflicts: new Map([
      ...[...shown].flatMap(([name, each]): [string, string][] => { const why = conflict(ports.get(name) ?? factoryPort('ios'), each); return why === undefined ? [] : [[name, why]]; }),
      ...away.map((name): [string, string] => [name, 'it is configured, and the switch does not show it: is that part of it there?']),
    ]),
    facts: (name) => ({ profile: 'ios', globals, givesPower: power.has(name), negotiates: shown.get(name)?.negotiates === true }),
  };
}

/** Names in the table are cut at 32 characters, which is all that a name may have. */
function compareVlans(configured: ReadonlyMap<number, string | undefined>, table: ReadonlyMap<number, string>): void {
  const own = [...configured].filter(([id]) => id !== 1 && !isReserved(id));
  if (own.length !== table.size) throw differs('VLANs');
  for (const [id, name] of own) if (table.get(id) !== (name ?? defaultName(id, 'ios')).slice(0, 32)) throw differs(`VLAN ${String(id)}`);
}

/** A port that works otherwise than its configuration says is not written: something else has its hand on it. */
function conflict(port: PortConfig, { enabled, mode, access, native, allowed }: Switchport): string | undefined {
  if (!enabled || port.routed || port.channelGroup !== undefined) return undefined;
  const shown = mode === 'trunk' ? 'trunk' : mode === 'static access' ? 'access' : mode.startsWith('dynamic') ? 'dynamic' : 'other';
  const text = (ids: Iterable<number> | 'all'): string => (typeof ids === 'string' ? ids : [...ids].sort((a, b) => a - b).join());
  const same = shown === port.mode && (access === undefined || access === port.access) && (native === undefined || port.native === undefined || native === port.native) && (allowed === undefined || text(allowed) === text(port.allowed));
  return same ? undefined : 'the switch works otherwise than its configuration says (show interfaces switchport)';
}

async function readSmall(device: SwitchDevice): Promise<SwitchState> {
  const sections = await device.running();
  const globals: Globals = { portfastByDefault: false, bpduguardByDefault: false, vtp: undefined };
  const configured = new Map([...portSections(sections)].map(([name, section]) => [longName(name) ?? name, section] as const));
  // Ports at factory settings are not in the configuration.
  const present = parseStatus(await device.show('show interfaces status')).map((name) => longName(name)).filter((name) => name !== undefined);
  if (present.length === 0) throw differs('ports');
  const gone = [...configured.keys()].find((name) => /Ethernet\d/.test(name) && !present.includes(name));
  if (gone !== undefined) throw differs(`port ${gone}`);
  const names = [...present, ...[...configured.keys()].filter((name) => /^Port-channel/i.test(name))];
  const ports = new Map(names.map((name): [string, PortConfig] => [name, parsePort(configured.get(name)?.lines ?? [], 'small-business')]));
  const power = new Set(parsePower(await device.showOptional('show power inline') ?? '').map((name) => longName(name)));
  const vlans = new Map([...parseVlans(sections, 'small-business')].filter(([id]) => id !== 1).map(([id, name]) => [id, name ?? defaultName(id, 'small-business')]));
  const table = parseSmallVlans(await device.show('show vlan'));
  if ([...vlans.keys()].some((id) => !table.has(id)) || [...table].some(([id, made]) => made && id !== 1 && !vlans.has(id))) throw differs('VLANs');
  return {
    sections, ports, vlans, vlansOf: undefined, addressed: addressedVlans(sections), conflicts: new Map(),
    facts: (name) => ({ profile: 'small-business', globals, givesPower: power.has(name), negotiates: false }),
  };
}

/** Why a port is the system's: what decides about it stands elsewhere. */
export function systemPort({ routed, channelGroup }: PortConfig): string | undefined {
  if (channelGroup !== undefined) return `it is a member of port channel ${channelGroup}, which decides about it`;
  return routed ? 'it is a routed port (no switchport)' : undefined;
}

export interface LivePlace {
  readonly customer: string;
  readonly name: string;
}

export function livePort({ customer, name: target }: LivePlace, name: string, port: PortConfig, state: Pick<SwitchState, 'conflicts' | 'facts'>): Live | undefined {
  const system = systemPort(port);
  if (system === undefined && isFactory(port)) return undefined;
  const facts = state.facts(name);
  const readOnly = system ?? state.conflicts.get(name) ?? (port.mode === 'other' ? `its mode (${port.modeText}) is none that can be written here` : undefined);
  return {
    address: toAddress({ customer, target, kind: 'switch-port', name }), spec: portSpec(port, facts), handle: null, origin: system === undefined ? 'foreign' : 'system',
    ...(readOnly === undefined ? {} : { readOnly }),
  };
}

export function liveVlan({ customer, name: target }: LivePlace, id: number, name: string, readOnly: string | undefined): Live {
  const spec: JsonObject = { id };
  return { address: toAddress({ customer, target, kind: 'vlan', name }), spec, handle: id, origin: 'foreign', ...(readOnly === undefined ? {} : { readOnly }) };
}

export function liveOf(place: LivePlace, state: SwitchState, kinds: readonly string[]): readonly Live[] {
  return [
    ...(kinds.includes('vlan') ? [...state.vlans].map(([id, name]) => liveVlan(place, id, name, state.vlansOf)) : []),
    ...(kinds.includes('switch-port') ? [...state.ports].flatMap(([name, port]) => livePort(place, name, port, state) ?? []) : []),
  ];
}
