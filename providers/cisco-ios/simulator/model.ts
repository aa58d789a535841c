/** What a switch holds: hardware, running configuration, startup configuration. Plain data, so that it can be cloned, kept and compared. */

export interface Port {
  description?: string;
  mode?: string;
  accessVlan?: number;
  encapsulation?: string;
  native?: number;
  /** Absent: all. */
  allowed?: number[];
  shutdown?: true;
  power?: string;
  portfast?: string;
  bpduguard?: string;
  channelGroup?: string;
  routed?: true;
  /** What nobody here models: kept, line by line. */
  other?: string[];
}

export interface Running {
  hostname: string;
  vlans: Record<string, { name?: string }>;
  /** By full name, in the order of the device. */
  ports: Record<string, Port>;
  aliases: Record<string, string>;
  hosts: Record<string, string>;
  /** Sections that nobody here models, as text; `before` stands above the VLANs, `after` below the ports. */
  before: string[];
  after: string[];
}

export interface Hardware {
  /** Ports that give power. */
  readonly power: readonly string[];
  /** Ports that know ISL as well, so their encapsulation is negotiated until it is set. */
  readonly negotiate: readonly string[];
}

export const allVlans = Array.from({ length: 4094 }, (_, index) => index + 1);

export function parseList(text: string): number[] | undefined {
  const ids = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
    if (match === null) return undefined;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (from < 1 || to > 4094 || from > to) return undefined;
    for (let id = from; id <= to; id += 1) ids.add(id);
  }
  return [...ids].sort((a, b) => a - b);
}

/** As IOS prints it: two neighbours stand apart, three and more are a range. */
export function printList(ids: readonly number[], pairsAreRanges = false): string {
  const parts: string[] = [];
  for (let index = 0; index < ids.length; ) {
    let end = index;
    while (ids[end + 1] === (ids[end] ?? 0) + 1) end += 1;
    if (end - index >= (pairsAreRanges ? 1 : 2)) parts.push(`${String(ids[index])}-${String(ids[end])}`);
    else for (let each = index; each <= end; each += 1) parts.push(String(ids[each]));
    index = end + 1;
  }
  return parts.join(',');
}

/** Breaks a long list as a running configuration does. */
export function foldList(list: string, width: number): string[] {
  const lines: string[] = [];
  for (const part of list.split(',')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + part.length + 1 > width) lines.push(part);
    else lines[lines.length - 1] = `${last},${part}`;
  }
  return lines;
}

export function changeAllowed(port: Port, how: string | undefined, ids: readonly number[]): void {
  const now = new Set(port.allowed ?? allVlans);
  if (how === undefined) now.clear();
  if (how === 'except') allVlans.forEach((id) => now.add(id));
  for (const id of ids) if (how === 'remove' || how === 'except') now.delete(id); else now.add(id);
  const next = [...now].sort((a, b) => a - b);
  if (next.length === allVlans.length) delete port.allowed;
  else port.allowed = next;
}

/** Untagged or tagged, does the port carry the VLAN? */
export function carries(running: Running, name: string, vlan: number, accessByDefault: boolean): boolean {
  const port = running.ports[name];
  if (port === undefined || port.shutdown === true || (vlan !== 1 && running.vlans[String(vlan)] === undefined)) return false;
  if (port.mode === 'trunk' || (port.mode === undefined && !accessByDefault && port.accessVlan === undefined)) return (port.allowed ?? allVlans).includes(vlan);
  return (port.accessVlan ?? 1) === vlan;
}
