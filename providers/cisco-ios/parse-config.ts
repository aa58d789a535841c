/** A configuration as text, taken apart: sections, ports, VLANs. Pure. What is not understood is an error, never a guess. */
import { ProviderError } from '#contract';
import type { ProfileName } from './settings.ts';
import { parseVlanList } from './vlan-list.ts';

export interface Section {
  /** First line, without trailing blanks. */
  readonly head: string;
  /** What is indented below it, without the indent. */
  readonly lines: readonly string[];
}

function incomplete(what: string): ProviderError {
  return new ProviderError('protocol', `the ${what} is cut off`, { hint: 'read again; does the account see the whole configuration (privilege 15, no view)?' });
}

/** Where the configuration begins; what stands above it is said about it. Throws `protocol` when the end is missing. */
function startOf(lines: readonly string[], profile: ProfileName, what: string): number {
  const filled = lines.filter((line) => line !== '');
  const last = filled.at(-1) ?? '';
  if (profile === 'ios' ? last !== 'end' : !filled.includes('config-file-header') || !['exit', 'end'].includes(last)) throw incomplete(what);
  return Math.max(0, profile === 'ios' ? lines.findIndex((line) => line.startsWith('!') || line.startsWith('version ')) : lines.indexOf('!'));
}

/** Throws `protocol` when the end is missing. */
export function parseSections(text: string, profile: ProfileName, what = 'running configuration'): readonly Section[] {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const sections: { head: string; lines: string[] }[] = [];
  let isEnd: ((line: string) => boolean) | undefined;
  for (const line of lines.slice(startOf(lines, profile, what))) {
    if (isEnd !== undefined) {
      if (isEnd(line)) isEnd = undefined;
      else sections.at(-1)?.lines.push(line.trim());
    } else if (line.startsWith(' ')) sections.at(-1)?.lines.push(line.slice(1));
    else if (line !== '' && !line.startsWith('!')) {
      sections.push({ head: line, lines: [] });
      isEnd = blockEnd(line, profile);
    }
  }
  if (isEnd !== undefined) throw incomplete(what);
  return sections;
}

/** Where a block ends that is not told by its indent. */
function blockEnd(line: string, profile: ProfileName): ((line: string) => boolean) | undefined {
  // Free text between two delimiters: nothing in it is configuration.
  const mark = /^banner \S+ (\^C|\S)/.exec(line)?.[1];
  if (mark !== undefined && !line.slice(line.indexOf(mark) + mark.length).includes(mark)) return (each) => each.includes(mark);
  // A macro is text that is typed later.
  if (line.startsWith('macro name ')) return (each) => each === '@';
  // The VLANs of a small-business switch stand unindented between two words.
  return profile === 'small-business' && line === 'vlan database' ? (each) => each === 'exit' : undefined;
}

export interface PortConfig {
  readonly description?: string;
  /** `dynamic`: negotiated with the other side; `other`: something that the kind has no word for, or a line that is not understood. */
  readonly mode: 'access' | 'trunk' | 'dynamic' | 'other';
  readonly modeText: string;
  readonly access: number;
  /** `undefined`: nothing goes untagged. */
  readonly native: number | undefined;
  readonly allowed: ReadonlySet<number> | 'all';
  readonly enabled: boolean;
  readonly power: string;
  readonly portfast: 'edge' | 'edge-trunk' | 'disable' | 'other' | undefined;
  readonly bpduguard: 'enable' | 'disable' | undefined;
  readonly encapsulation: string | undefined;
  readonly channelGroup: string | undefined;
  readonly routed: boolean;
  /** Which of the lines that we know are written, by their first words. */
  readonly written: ReadonlySet<string>;
}

type Draft = { -readonly [Key in keyof PortConfig]: PortConfig[Key] };

export function factoryPort(profile: ProfileName): PortConfig {
  return {
    mode: profile === 'ios' ? 'dynamic' : 'access', modeText: '', access: 1, native: 1, allowed: 'all', enabled: true, power: 'auto', portfast: undefined, bpduguard: undefined,
    encapsulation: undefined, channelGroup: undefined, routed: false, written: new Set(),
  };
}

export function parsePort(lines: readonly string[], profile: ProfileName): PortConfig {
  const port: Draft = { ...factoryPort(profile) };
  const written = new Set<string>();
  let odd: string | undefined;
  for (const line of lines) {
    try {
      const known = readLine(port, line.trim(), profile);
      if (known !== undefined) written.add(known);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      odd = line.trim().slice(0, 60);
      written.add('odd');
    }
  }
  return { ...port, ...(odd === undefined ? {} : { mode: 'other', modeText: odd }), written };
}

function unquoted(text: string): string {
  return /^"(.*)"$/.exec(text)?.[1] ?? text;
}

function readLine(port: Draft, line: string, profile: ProfileName): string | undefined {
  const [first = '', second = '', third = '', fourth = ''] = line.split(/\s+/);
  if (first === 'description') {
    const text = line.slice('description'.length).trim();
    port.description = profile === 'ios' ? text : unquoted(text);
    return 'description';
  }
  if (line === 'shutdown') {
    port.enabled = false;
    return 'shutdown';
  }
  if (line === 'no switchport') port.routed = true;
  if (first === 'channel-group') port.channelGroup = second;
  if (first === 'power' && second === 'inline' && third !== 'limit' && third !== 'priority') {
    port.power = third;
    return 'power inline';
  }
  if (first === 'spanning-tree' && second === 'portfast') {
    const rest = line.split(/\s+/).slice(2).join(' ');
    port.portfast = { '': 'edge', edge: 'edge', trunk: 'edge-trunk', 'edge trunk': 'edge-trunk', disable: 'disable' }[rest] as PortConfig['portfast'] ?? 'other';
    return 'spanning-tree portfast';
  }
  if (first === 'spanning-tree' && second === 'bpduguard') {
    port.bpduguard = third === 'enable' ? 'enable' : 'disable';
    return 'spanning-tree bpduguard';
  }
  if (first !== 'switchport') return undefined;
  return readSwitchport(port, line, [second, third, fourth]);
}

function readSwitchport(port: Draft, line: string, [second, third, fourth]: readonly [string, string, string]): string | undefined {
  if (second === 'mode') {
    port.modeText = line.slice('switchport mode'.length).trim();
    port.mode = port.modeText === 'access' || port.modeText === 'trunk' ? port.modeText : port.modeText.startsWith('dynamic') ? 'dynamic' : 'other';
    return 'switchport mode';
  }
  if (second === 'access' && third === 'vlan') {
    port.access = oneId(fourth);
    return 'switchport access vlan';
  }
  if (second !== 'trunk') return undefined;
  if (third === 'encapsulation') port.encapsulation = fourth;
  if (third === 'native') {
    const id = line.split(/\s+/)[4] ?? '';
    port.native = id === 'none' ? undefined : oneId(id);
    return 'switchport trunk native vlan';
  }
  if (third !== 'allowed') return undefined;
  port.allowed = readAllowed(port.allowed, line.split(/\s+/).slice(4));
  return 'switchport trunk allowed vlan';
}

/** 0 is "no VLAN yet" on none of them, and neither is a name. */
function oneId(text: string): number {
  const [id, ...more] = parseVlanList(text);
  if (id === undefined || more.length > 0) throw new ProviderError('protocol', 'the device shows a VLAN that is no number');
  return id;
}

/** A list that does not fit on one line goes on with `add`. */
function readAllowed(before: PortConfig['allowed'], words: readonly string[]): PortConfig['allowed'] {
  const [first = '', ...rest] = words;
  if (first === 'all' && rest.length === 0) return 'all';
  if (first === 'none' && rest.length === 0) return new Set();
  if (first === 'add') return before === 'all' ? 'all' : new Set([...before, ...parseVlanList(rest.join(''))]);
  return new Set(parseVlanList(words.join('')));
}

/** By full name as the device spells it. Throws `protocol` for one that comes twice: one of the two is no configuration. */
export function portSections(sections: readonly Section[]): ReadonlyMap<string, Section> {
  const found = new Map<string, Section>();
  for (const section of sections) {
    const name = /^interface (\S+)$/.exec(section.head)?.[1];
    if (name !== undefined && found.has(name)) throw new ProviderError('protocol', `interface ${name} stands twice in the configuration`);
    if (name !== undefined) found.set(name, section);
  }
  return found;
}

/** Id and name; `undefined`: the device's default name. */
export function parseVlans(sections: readonly Section[], profile: ProfileName): ReadonlyMap<number, string | undefined> {
  const found = new Map<number, string | undefined>();
  for (const { head, lines } of sections) {
    const list = profile === 'ios' ? /^vlan ([\d,\s-]+)$/.exec(head)?.[1] : undefined;
    if (list !== undefined) for (const id of parseVlanList(list)) found.set(id, nameIn(lines) ?? found.get(id));
    if (profile === 'small-business' && head === 'vlan database') for (const line of lines) for (const id of parseVlanList(/^vlan ([\d,\s-]+)$/.exec(line)?.[1] ?? '')) found.set(id, undefined);
  }
  if (profile === 'small-business') {
    for (const { head, lines } of sections) {
      const id = Number(/^interface vlan (\d{1,4})$/i.exec(head)?.[1] ?? 0);
      if (found.has(id)) found.set(id, nameIn(lines));
    }
  }
  return found;
}

function nameIn(lines: readonly string[]): string | undefined {
  const line = lines.map((each) => each.trim()).find((each) => each.startsWith('name '));
  return line === undefined ? undefined : unquoted(line.slice('name '.length).trim());
}

/** VLANs whose interface has an address: somebody reaches the switch, or a network, through it. */
export function addressedVlans(sections: readonly Section[]): ReadonlySet<number> {
  return new Set(sections.flatMap(({ head, lines }) => {
    const id = Number(/^interface vlan\s*(\d{1,4})$/i.exec(head)?.[1] ?? 0);
    return id > 0 && lines.some((line) => /^\s*ip(v6)? address /.test(line)) ? [id] : [];
  }));
}

export interface Globals {
  readonly portfastByDefault: boolean;
  readonly bpduguardByDefault: boolean;
  /** As the configuration says; `undefined`: it does not say (server and client do not). */
  readonly vtp: string | undefined;
}

export function parseGlobals(sections: readonly Section[]): Globals {
  const heads = sections.map(({ head }) => head);
  return {
    portfastByDefault: heads.some((head) => /^spanning-tree portfast (edge )?default$/.test(head)),
    bpduguardByDefault: heads.some((head) => /^spanning-tree portfast (edge )?bpduguard default$/.test(head)),
    vtp: heads.map((head) => /^vtp mode (\S+)/.exec(head)?.[1]).find((mode) => mode !== undefined),
  };
}
