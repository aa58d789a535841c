/** What show commands print, taken apart: the cross-check of the running configuration. Pure. */
import { ProviderError } from '#contract';
import { localFiles } from './limits.ts';
import { parseVlanList } from './vlan-list.ts';

/** The device does not know the command, or this account may not use it. */
export function isRefusal(text: string): boolean {
  return /^\s*(\^\s*)?% ?(Invalid|Incomplete|Ambiguous|Unrecognized|Unknown|Authorization|Command authorization|Bad|Wrong|missing)/im.test(text.slice(0, 600));
}

export interface Version {
  readonly product: string;
  readonly version: string;
  readonly small: boolean;
}

export function parseVersion(text: string): Version | undefined {
  const ios = /Cisco IOS[^\n]*?\(([\w-]+)\), Version ([^\s,]+)/.exec(text);
  if (ios !== null) {
    const model = /^cisco (\S+) .*(?:processor|bytes of)/im.exec(text)?.[1];
    return { product: `Cisco ${/IOS[- ]XE/.test(text) ? 'IOS-XE' : 'IOS'}${model === undefined ? '' : ` ${model}`}`, version: ios[2] ?? '', small: false };
  }
  const small = /^Active-image:[^\n]*\n\s*Version:\s*(\S+)/m.exec(text) ?? /^SW version\s+(\S+)/m.exec(text);
  return small === null ? undefined : { product: 'Cisco small business', version: small[1] ?? '', small: true };
}

export function parsePrivilege(text: string): number | undefined {
  const level = /Current privilege level is (\d+)/.exec(text)?.[1];
  return level === undefined ? undefined : Number(level);
}

/** First operating mode: that of the VLAN feature. `undefined`: the device has no VTP. */
export function parseVtpMode(text: string): string | undefined {
  return /VTP Operating Mode\s*:\s*([A-Za-z ]+)/.exec(text)?.[1]?.trim().toLowerCase();
}

/** `show vlan` and `show vlan brief` of IOS: the first table, by its columns. */
export function parseIosVlans(text: string): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^---- -{32} -{9}/.test(line));
  if (start < 0) throw new ProviderError('protocol', 'the table of VLANs has another shape');
  for (const line of lines.slice(start + 1)) {
    if (/^VLAN Type/.test(line)) break;
    const id = /^(\d{1,4})\s/.exec(line)?.[1];
    if (id !== undefined) found.set(Number(id), line.slice(5, 37).trim());
  }
  return found;
}

/** `show vlan` of small business: ids, and whether somebody made them (others come from GVRP, RADIUS or telephones). Names are folded at 17 characters, ports at 27. */
export function parseSmallVlans(text: string): ReadonlyMap<number, boolean> {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^----\s-{10,}/.test(line));
  if (start < 0) throw new ProviderError('protocol', 'the table of VLANs has another shape');
  return new Map(lines.slice(start + 1).flatMap((line): [number, boolean][] => {
    const id = /^ {0,3}(\d{1,4})(?=\s)/.exec(line)?.[1];
    return id === undefined ? [] : [[Number(id), /\sS\s*$|\sstatic\s/i.test(line)]];
  }));
}

export interface Switchport {
  /** As abbreviated by the device. */
  readonly name: string;
  /** `false`: routed, or nothing that switches. */
  readonly enabled: boolean;
  readonly mode: string;
  readonly access: number | undefined;
  readonly native: number | undefined;
  /** `undefined`: not told, as with ports of a module that is not there. */
  readonly allowed: readonly number[] | 'all' | undefined;
  /** ISL could be negotiated: a trunk needs its encapsulation set first. */
  readonly negotiates: boolean;
}

/** `show interfaces switchport` of IOS. A list that is folded goes on with an indented line. */
export function parseSwitchports(text: string): readonly Switchport[] {
  return text.replaceAll(/,[ \t]*\n[ \t]+/g, ',').split(/^(?=Name: )/m).flatMap((block): Switchport[] => {
    const field = (name: string): string | undefined => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(block)?.[1]?.trim();
    const name = field('Name');
    if (name === undefined) return [];
    const id = (text2: string | undefined): number | undefined => { const match = /^(\d{1,4})\b/.exec(text2 ?? '')?.[1]; return match === undefined ? undefined : Number(match); };
    const allowed = field('Trunking VLANs Enabled');
    return [{
      name, enabled: field('Switchport') === 'Enabled', mode: field('Administrative Mode') ?? '', access: id(field('Access Mode VLAN')), native: id(field('Trunking Native Mode VLAN')),
      allowed: allowed === undefined ? undefined : /^all$/i.test(allowed) ? 'all' : /^none$/i.test(allowed) ? [] : parseVlanList(allowed), negotiates: field('Administrative Trunking Encapsulation') === 'negotiate',
    }];
  });
}

/** Abbreviated names of ports that give power. */
export function parsePower(text: string): readonly string[] {
  if (/no inline power/i.test(text) || isRefusal(text)) return [];
  return text.split('\n').flatMap((line) => /^\s*([A-Za-z]{2,}\d[\d/]*)\s+\S/.exec(line)?.[1] ?? []);
}

/** Ports of a small-business switch, abbreviated: `gi1`, `te1/0/1`. */
export function parseStatus(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => /^((?:fa|gi|te|tw|fi|fo|xg)\d[\d/]*)\s/i.exec(line)?.[1] ?? []);
}

const longNames: readonly (readonly [string, string])[] = [
  ['fa', 'FastEthernet'], ['gi', 'GigabitEthernet'], ['twe', 'TwentyFiveGigE'], ['tw', 'TwoGigabitEthernet'], ['te', 'TenGigabitEthernet'], ['fi', 'FiveGigabitEthernet'],
  ['fo', 'FortyGigabitEthernet'], ['hu', 'HundredGigE'], ['po', 'Port-channel'], ['et', 'Ethernet'], ['ap', 'AppGigabitEthernet'],
];

/** The full name of an abbreviated port. With `known` the device's own spelling. */
export function longName(short: string, known: Iterable<string> = []): string | undefined {
  const match = /^([A-Za-z-]+?)\s*(\d[\d/.]*)$/.exec(short);
  const [, letters = '', number = ''] = match ?? [];
  const lower = letters.toLowerCase();
  const type = longNames.find(([abbreviation, full]) => lower === abbreviation || full.toLowerCase() === lower)?.[1] ?? longNames.filter(([, full]) => full.toLowerCase().startsWith(lower)).map(([, full]) => full)[0];
  if (match === null) return undefined;
  const candidates = [...known].filter((name) => name.endsWith(number) && name.slice(0, -number.length).toLowerCase() === (type ?? letters).toLowerCase());
  return candidates[0] ?? (type === undefined ? undefined : `${type}${number}`);
}

export type Archive = { readonly state: 'off' } | { readonly state: 'local' | 'remote'; readonly path: string };

export function parseArchive(text: string): Archive {
  if (/Archive feature not enabled/i.test(text) || isRefusal(text)) return { state: 'off' };
  const path = /next archive file will be named (\S+)/i.exec(text)?.[1] ?? /^\s+\d+\s+(\S+:\S*)/m.exec(text)?.[1];
  if (path === undefined) return { state: 'off' };
  return { state: localFiles.test(path) ? 'local' : 'remote', path };
}

/** Minutes of a pending rollback; `undefined`: none. Throws `protocol` for an answer that says neither. */
export function parseRollbackTimer(text: string): number | undefined {
  if (/No Rollback Confirmed Change pending/i.test(text)) return undefined;
  const minutes = /Timer value:\s*(\d+)\s*min/i.exec(text)?.[1];
  if (minutes === undefined) throw new ProviderError('protocol', 'the device does not tell whether a rollback is pending');
  return Number(minutes);
}

/** Throws `protocol` for an answer that says neither. */
export function parseReload(text: string): boolean {
  if (/no (reload is scheduled|scheduled reload)/i.test(text)) return false;
  if (/reload (is )?scheduled/i.test(text)) return true;
  throw new ProviderError('protocol', 'the device does not tell whether a reload is scheduled');
}
