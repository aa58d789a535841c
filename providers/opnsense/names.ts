/** Names and markers of what soll makes on an OPNsense, both ways. Pure. */
import { createHash } from 'node:crypto';
import { groupNameLength } from './limits.ts';

/** By kind: the word in a marker. */
const words = {
  zone: 'zone', 'address-group': 'group', service: 'service', 'firewall-policy': 'policy', 'firewall-rule': 'rule', 'port-forward': 'forward', masquerade: 'masquerade', vlan: 'vlan',
} as const;

export type OwnKind = keyof typeof words;

export const ownKinds = Object.keys(words) as readonly OwnKind[];

export function isOwnKind(kind: string): kind is OwnKind {
  return kind in words;
}

const kindOf = new Map(Object.entries(words).map(([kind, word]) => [word as string, kind as OwnKind]));

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * The id of one part of a resource on the device. The first half says whose part it is, so that a copy that somebody makes of it (another id,
 * same description) is not taken for ours; the second half says which part.
 */
export function uuidOf(kind: OwnKind, name: string, part = ''): string {
  const owner = digest(`${kind} ${name}`);
  return `${owner.slice(0, 8)}-${owner.slice(8, 12)}-4${owner.slice(12, 15)}-${partId(part)}`;
}

export function partId(part: string): string {
  const id = digest(`part ${part}`);
  return `a${id.slice(0, 3)}-${id.slice(3, 15)}`;
}

/** The half that says which part. */
export function partIdOf(uuid: string): string {
  return uuid.slice(19);
}

export function isPartOf(uuid: string, kind: OwnKind, name: string): boolean {
  return uuid.slice(0, 19) === uuidOf(kind, name).slice(0, 19);
}

export interface Marker {
  readonly kind: OwnKind;
  readonly name: string;
  /** What follows the marker. */
  readonly text: string;
}

/** Stands at the beginning of the description, where people read it. */
export function markerText(kind: OwnKind, name: string, text = ''): string {
  return `[soll ${words[kind]} ${name}]${text === '' ? '' : ` ${text}`}`;
}

export function parseMarker(description: string): Marker | undefined {
  const [, word = '', name = '', text = ''] = /^\[soll ([a-z]+) ([A-Za-z0-9._-]+)\](?: (.*))?$/s.exec(description) ?? [];
  const kind = kindOf.get(word);
  return kind === undefined ? undefined : { kind, name, text };
}

/** Letters only, so that a group's name never ends in a digit. */
function letters(text: string, length: number): string {
  return digest(text).slice(0, length).replaceAll(/[0-9]/g, (digit) => String.fromCharCode('g'.charCodeAt(0) + Number(digit)));
}

/** The interface group of a zone: readable where the name fits. */
export function groupName(zone: string): string {
  const plain = `z_${zone.replaceAll('-', '_')}`;
  if (plain.length <= groupNameLength && !/[0-9]$/.test(plain) && !zone.includes('-')) return plain;
  return `${plain.slice(0, groupNameLength - 7)}_${letters(zone, 6)}`;
}

/** Address groups, services, sources of forwards and of masquerading. The second character must be a letter or digit (core AliasNameField.php 2023). */
export function aliasName(prefix: 'ag' | 'sv' | 'fw' | 'mq', name: string, suffix = ''): string {
  return `${prefix}_${name.replaceAll('-', '_')}${suffix}`;
}
