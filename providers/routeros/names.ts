/** Markers of what soll makes, both ways. A comment that begins with one is unique in its menu. Pure. */
const words = {
  zone: 'zone', 'address-group': 'group', service: 'service', 'firewall-policy': 'policy', 'firewall-rule': 'rule', 'port-forward': 'forward', masquerade: 'masquerade', vlan: 'vlan', 'switch-port': 'port', base: 'base',
} as const;

export type OwnKind = Exclude<keyof typeof words, 'base'>;
export type MarkedKind = keyof typeof words;

const kindOf = new Map(Object.entries(words).map(([kind, word]) => [word as string, kind as MarkedKind]));

export function isOwnKind(kind: string): kind is OwnKind {
  return kind in words && kind !== 'base';
}

export interface Marker {
  readonly kind: MarkedKind;
  readonly name: string;
  /** Which row of the resource; no spaces. */
  readonly part: string;
  /** What people wrote. */
  readonly text: string;
}

export function markerText(kind: MarkedKind, name: string, part: string, text = ''): string {
  return `[soll ${words[kind]} ${name} ${part}]${text === '' ? '' : ` ${text}`}`;
}

export function parseMarker(comment: string | undefined): Marker | undefined {
  const [, word = '', name = '', part = '', text = ''] = /^\[soll ([a-z]+) ([^\s\]]+) ([^\s\]]+)\](?: (.*))?$/s.exec(comment ?? '') ?? [];
  const kind = kindOf.get(word);
  return kind === undefined ? undefined : { kind, name, part, text };
}

/** Interface list of a zone. */
export function zoneList(zone: string): string {
  return `soll-${zone}`;
}

/** Chain of a pair of zones. */
export function pairChain(pair: string): string {
  return `soll.${pair}`;
}

/** Passive chain that keeps what a service means: RouterOS has no object for it. Nothing jumps there. */
export function serviceChain(name: string): string {
  return `soll-service.${name}`;
}
