/** Are two configurations the same, and where are they not? Without what the device changes by itself. Pure. */
import { createHash } from 'node:crypto';
import type { Section } from './parse-config.ts';
import { isMark } from './mark.ts';

/** Learned from traffic: addresses of a secured port, the kind of device that a small-business switch has found at one. */
const learned = /^(switchport port-security mac-address sticky [0-9a-f]|macro auto smartport dynamic_type )/i;

/**
 * Without what differs though nobody changed anything: our mark; the clock correction of old IOS; certificates, whose bytes are shown in the running
 * and named in the startup configuration; what is learned.
 */
function lasting(sections: readonly Section[]): readonly (readonly [string, string])[] {
  return sections.filter(({ head }) => !isMark(head) && !head.startsWith('ntp clock-period'))
    .map(({ head, lines }) => [head, head.startsWith('crypto pki certificate') ? '' : lines.filter((line) => !learned.test(line.trim())).join('\n')]);
}

/** What lasts, as text: equal where nobody has changed anything. */
export function lastingText(sections: readonly Section[]): string {
  return JSON.stringify(lasting(sections));
}

/** Of all that lasts; 16 hexadecimal digits. */
export function hashOf(sections: readonly Section[]): string {
  return createHash('sha256').update(lastingText(sections)).digest('hex').slice(0, 16);
}

/** What differs, without values, which may be secrets: `interface X`, `vlan`, else the first word. */
export function differences(a: readonly Section[], b: readonly Section[]): readonly string[] {
  const count = new Map<string, number>();
  for (const [sections, step] of [[a, 1], [b, -1]] as const) for (const section of lasting(sections)) { const key = JSON.stringify(section); count.set(key, (count.get(key) ?? 0) + step); }
  const labels = [...count].filter(([, each]) => each !== 0).map(([key]) => labelOf((JSON.parse(key) as [string, string])[0]));
  return [...new Set(labels)].sort();
}

function labelOf(head: string): string {
  if (/^vlan (\d|database)|^interface vlan /.test(head)) return 'vlan';
  return /^interface \S+$/.test(head) ? head : head.split(' ')[0] ?? '';
}
