/** The bridge and its ports, as the files say they shall be. Pure. */
import { ProviderError } from '#contract';
import { interfaceName, oldAttributes, portAttributes, strangeAttributes, aliasAttribute, downAttribute } from './limits.ts';
import { parseInterfaces, type ConfigFile, type Stanza } from './interfaces-file.ts';
import { idsOf, parseVlanList, type VlanToken } from './vlan-list.ts';

/** Which VLANs go through a port: one untagged, others tagged. */
export interface Membership {
  readonly untagged: number | undefined;
  readonly tagged: ReadonlySet<number>;
}

export interface PortConfig {
  readonly name: string;
  /** The one that has its attributes; absent where the port has none. */
  readonly stanza: Stanza | undefined;
  readonly access: number | undefined;
  /** Of its own, not of the bridge. */
  readonly native: number | undefined;
  /** Of its own, without what goes untagged. */
  readonly tagged: readonly number[] | undefined;
  readonly description: string | undefined;
  readonly down: boolean;
  /** What goes through it. */
  readonly membership: Membership;
  readonly readOnly: string | undefined;
}

export interface BridgeConfig {
  readonly name: string;
  readonly stanza: Stanza;
  readonly native: number;
  readonly vlans: readonly VlanToken[];
  readonly ports: ReadonlyMap<string, PortConfig>;
}

const valueOf = ({ attributes }: Stanza, key: string): string | undefined => attributes.find((attribute) => attribute.key === key)?.value;

function protocol(message: string): ProviderError {
  return new ProviderError('protocol', message, { hint: 'look at /etc/network/interfaces, and what ifreload -a -s says' });
}

function idOf(stanza: Stanza, key: string): number | undefined {
  const value = valueOf(stanza, key);
  if (value === undefined) return undefined;
  const id = Number(value);
  if (!/^\d{1,4}$/.test(value) || id < 1 || id > 4094) throw protocol(`${key} of ${stanza.name} is no VLAN id`);
  return id;
}

function listOf(stanza: Stanza, key: string): readonly VlanToken[] | undefined {
  const value = valueOf(stanza, key);
  if (value === undefined) return undefined;
  const tokens = parseVlanList(value);
  if (tokens === undefined) throw protocol(`${key} of ${stanza.name} is no list of VLAN ids`);
  return tokens;
}

/** `wanted`: the bridge of the settings. */
export function readBridge(files: readonly ConfigFile[], wanted: string | undefined): BridgeConfig {
  const stanzas = parseInterfaces(files);
  const aware = stanzas.filter((stanza) => ['yes', '1', 'on', 'true'].includes(valueOf(stanza, 'bridge-vlan-aware') ?? ''));
  const names = [...new Set(aware.map(({ name }) => name))];
  const name = wanted ?? names[0];
  if (name === undefined || !names.includes(name)) throw new ProviderError('unsupported', `${name ?? 'no bridge'} of /etc/network/interfaces is VLAN-aware`, { hint: 'bridge-vlan-aware yes; in Proxmox VE: Network, the bridge, VLAN aware' });
  if (wanted === undefined && names.length > 1) throw new ProviderError('unsupported', `the host has ${String(names.length)} VLAN-aware bridges: ${names.join(', ')}`, { hint: 'say which with settings.bridge' });
  const [stanza, ...more] = aware.filter((each) => each.name === name);
  if (stanza === undefined || more.length > 0) throw protocol(`${name} is VLAN-aware in more than one stanza`);
  const others = stanzas.filter((each) => each.name === name && each !== stanza);
  const scattered = others.flatMap(({ attributes }) => attributes).find(({ key }) => key.startsWith('bridge-'));
  if (scattered !== undefined) throw new ProviderError('unsupported', `${name} has its bridge attributes in more than one stanza (${scattered.key})`, { hint: 'write them in one' });
  const old = oldAttributes.find((key) => valueOf(stanza, key) !== undefined);
  if (old !== undefined) throw new ProviderError('unsupported', `${name} has ${old}, which overrides what its ports say`, { hint: 'write bridge-vids, bridge-pvid and bridge-access in the stanzas of the ports' });
  const native = idOf(stanza, 'bridge-pvid') ?? 1;
  const vlans = listOf(stanza, 'bridge-vids') ?? [];
  const bridge = { native, vlans: idsOf(vlans) };
  return { name, stanza, native, vlans, ports: new Map(portNames(stanza).map((port) => [port, readPort(port, stanzas, bridge)])) };
}

function portNames(stanza: Stanza): readonly string[] {
  const words = (valueOf(stanza, 'bridge-ports') ?? '').split(/[\s,;]+/).filter((word) => word !== '' && word !== 'none');
  const strange = words.find((word) => !interfaceName.test(word) || ['glob', 'regex', 'all'].includes(word));
  if (strange !== undefined) throw new ProviderError('unsupported', `${stanza.name} has ports by pattern (bridge-ports)`, { hint: 'name each port' });
  return words;
}

function readPort(name: string, stanzas: readonly Stanza[], bridge: { readonly native: number; readonly vlans: ReadonlySet<number> }): PortConfig {
  const mine = stanzas.filter((stanza) => stanza.name === name);
  const deciding: readonly string[] = [...portAttributes, aliasAttribute, downAttribute];
  const stanza = mine[0];
  if (stanza === undefined) return { name, stanza, access: undefined, native: undefined, tagged: undefined, description: undefined, down: false, membership: inherited(bridge), readOnly: undefined };
  const access = idOf(stanza, 'bridge-access');
  const native = idOf(stanza, 'bridge-pvid');
  const untagged = access ?? native ?? bridge.native;
  const own = access === undefined ? listOf(stanza, 'bridge-vids') : undefined;
  const tagged = own === undefined ? undefined : [...idsOf(own)].filter((id) => id !== untagged);
  const strange = strangeAttributes.find((key) => valueOf(stanza, key) !== undefined);
  const twice = stanza.attributes.map(({ key }) => key).find((key, index, all) => deciding.includes(key) && all.indexOf(key) !== index);
  return {
    name, stanza, access, native, tagged, description: valueOf(stanza, aliasAttribute), down: valueOf(stanza, downAttribute) === 'yes',
    membership: { untagged, tagged: access === undefined ? new Set(tagged ?? [...bridge.vlans].filter((id) => id !== untagged)) : new Set() },
    // addons/bridge.py applies each stanza of a port in turn, so that the last one wins over what the first says.
    readOnly: mine.length > 1 ? 'it has more than one stanza, and ifupdown2 applies one over the other' : twice !== undefined ? `${twice} stands there more than once` : strange === undefined ? undefined : `${strange} decides about its VLANs as well`,
  };
}

function inherited({ native, vlans }: { readonly native: number; readonly vlans: ReadonlySet<number> }): Membership {
  return { untagged: native, tagged: new Set([...vlans].filter((id) => id !== native)) };
}

export function sameMembership(a: Membership, b: Membership): boolean {
  return a.untagged === b.untagged && a.tagged.size === b.tagged.size && [...a.tagged].every((id) => b.tagged.has(id));
}
