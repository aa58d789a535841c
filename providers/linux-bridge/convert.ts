/** Between the files of the host and our kinds. Pure. */
import { parseAddress, toAddress, type Change, type JsonObject, type Live } from '#contract';
import type { SwitchPortSpec } from '#generated/types';
import { appendStanza, editStanza, type ConfigFile } from './interfaces-file.ts';
import { readBridge, sameMembership, type BridgeConfig, type Membership, type PortConfig } from './bridge-config.ts';
import { aliasAttribute, downAttribute } from './limits.ts';
import type { Running } from './running.ts';
import { formatVlanList } from './vlan-list.ts';

export interface Place {
  readonly customer: string;
  readonly name: string;
}

const compareNumbers = (a: number, b: number): number => a - b;

/** A port that has nothing of its own and runs as the bridge has it is not managed. */
export function liveOf({ customer, name: target }: Place, bridge: BridgeConfig, running: Running, kinds: readonly string[]): readonly Live[] {
  const address = (kind: string, name: string): Live['address'] => toAddress({ customer, target, kind, name });
  const single = bridge.vlans.flatMap(({ from, to }) => (from === to ? [from] : []));
  const ranged = new Set(bridge.vlans.flatMap(({ from, to }) => (from === to ? [] : Array.from({ length: to - from + 1 }, (_, index) => from + index))));
  const vlan = (id: number, origin: Live['origin']): Live => ({ address: address('vlan', `vlan${String(id)}`), spec: { id }, handle: id, origin, unnamed: true });
  const vlans = [...new Set(single)].filter((id) => id !== 1 && !ranged.has(id)).map((id) => vlan(id, 'foreign'));
  return [
    // A range stands for all that the bridge lets through: nobody put this one VLAN there, and it cannot go alone.
    ...(kinds.includes('vlan') ? [...vlans, ...[...ranged].filter((id) => id !== 1).map((id) => vlan(id, 'system'))] : []),
    ...(kinds.includes('switch-port') ? [...bridge.ports.values()].flatMap((port): Live[] => {
      const spec = portSpec(port, running);
      return spec === undefined ? [] : [{ address: address('switch-port', port.name), spec, handle: null, origin: 'foreign', ...(port.readOnly === undefined ? {} : { readOnly: port.readOnly }) }];
    }) : []),
  ];
}

/** Is what runs what the files say? A port whose interface is not there runs nothing (and is told elsewhere). */
export function runsAsWritten(port: PortConfig, running: Running): boolean {
  const now = running.memberships.get(port.name);
  return !running.up.has(port.name) || (now !== undefined && sameMembership(now, port.membership) && running.up.get(port.name) === !port.down);
}

function portSpec(port: PortConfig, running: Running): JsonObject | undefined {
  const { name, access, native, tagged, description, down, membership } = port;
  const now = running.memberships.get(name);
  const written = !running.up.has(name) || (now !== undefined && sameMembership(now, membership));
  const factory = access === undefined && native === undefined && tagged === undefined && description === undefined && !down && port.readOnly === undefined;
  if (factory && runsAsWritten(port, running)) return undefined;
  const rest = { ...(description === undefined ? {} : { description: Buffer.from(description, 'latin1').toString('utf8') }), enabled: running.up.get(name) ?? !down };
  if (!written) return { ...fromMembership(now, access !== undefined), ...rest };
  if (access !== undefined) return { mode: 'access', vlan: access, ...rest };
  return { mode: 'trunk', native: native ?? membership.untagged ?? 1, ...(tagged === undefined ? {} : { tagged: [...tagged].sort(compareNumbers) }), ...rest };
}

/** What somebody made of it past the files. */
function fromMembership(now: Membership | undefined, access: boolean): JsonObject {
  if (access && now?.untagged !== undefined && now.tagged.size === 0) return { mode: 'access', vlan: now.untagged };
  return { mode: 'trunk', ...(now?.untagged === undefined ? {} : { native: now.untagged }), tagged: [...(now?.tagged ?? [])].sort(compareNumbers) };
}

/** The files after this change; the same where they say it already. */
export function edit(files: readonly ConfigFile[], wanted: string | undefined, { address, verb, before, after }: Pick<Change, 'address' | 'verb' | 'before' | 'after'>): readonly ConfigFile[] {
  const { kind, name } = parseAddress(address);
  const bridge = readBridge(files, wanted);
  if (kind === 'vlan') {
    const old = verb === 'create' ? undefined : Number(before?.['id']);
    const next = verb === 'delete' || after === undefined ? undefined : Number(after['id']);
    return old === next ? files : put(files, bridge.stanza.path, (text) => editStanza(text, bridge.stanza, new Map([['bridge-vids', vlanTokens(bridge, old, next)]])));
  }
  const port = bridge.ports.get(name);
  if (port === undefined) return files;
  const attributes = portAttributes(port, bridge, verb === 'delete' ? undefined : (after ?? {}));
  if (port.stanza !== undefined) {
    const { stanza } = port;
    return put(files, stanza.path, (text) => editStanza(text, stanza, attributes));
  }
  const own = [...attributes].flatMap(([key, value]): [string, string][] => (value === undefined ? [] : [[key, value]]));
  return own.length === 0 ? files : put(files, bridge.stanza.path, (text) => appendStanza(text, name, own));
}

function put(files: readonly ConfigFile[], path: string, change: (text: string) => string): readonly ConfigFile[] {
  return files.map((file) => (file.path === path ? { path, text: change(file.text) } : file));
}

/** The list with as few words changed as can be; the words that stay are spelled as they were. */
function vlanTokens({ vlans }: BridgeConfig, old: number | undefined, next: number | undefined): string | undefined {
  const rest = vlans.filter(({ from, to }) => !(from === to && from === old)).map(({ text }) => text);
  const there = next === undefined || vlans.some(({ from, to }) => from <= next && next <= to && !(from === to && from === old));
  const words = there ? rest : [...rest, String(next)];
  return words.length === 0 ? undefined : words.join(' ');
}

/** `spec` undefined: as the bridge has it. Fields that are not written stay as they are. */
function portAttributes(port: PortConfig, bridge: BridgeConfig, spec: Partial<SwitchPortSpec> | undefined): ReadonlyMap<string, string | undefined> {
  const all = new Map<string, string | undefined>([['bridge-access', undefined], ['bridge-pvid', undefined], ['bridge-vids', undefined], [aliasAttribute, undefined], [downAttribute, undefined]]);
  if (spec === undefined) return all;
  all.set(aliasAttribute, spec.description === undefined ? port.description : Buffer.from(spec.description, 'utf8').toString('latin1'));
  if (spec.enabled === undefined ? port.down : !spec.enabled) all.set(downAttribute, 'yes');
  if ((spec.mode ?? (port.access === undefined ? 'trunk' : 'access')) === 'access') {
    all.set('bridge-access', String(spec.vlan ?? port.access ?? bridge.native));
    return all;
  }
  const native = spec.native ?? port.native;
  const untagged = native ?? bridge.native;
  if (native !== undefined && (spec.native !== undefined || native !== bridge.native)) all.set('bridge-pvid', String(native));
  const tagged = (spec.tagged ?? port.tagged)?.filter((id) => id !== untagged);
  // An empty list would be that of the bridge: one that holds what goes untagged anyway holds nothing more.
  if (tagged !== undefined) all.set('bridge-vids', (untagged === port.membership.untagged ? spelled(port, tagged) : undefined) ?? formatVlanList(tagged.length === 0 ? [untagged] : tagged));
  return all;
}

/** The list as it is written, where it says these already. */
function spelled({ stanza, tagged: present }: PortConfig, tagged: readonly number[]): string | undefined {
  const same = present?.length === tagged.length && tagged.every((id) => present.includes(id));
  return same ? stanza?.attributes.find(({ key }) => key === 'bridge-vids')?.value : undefined;
}
