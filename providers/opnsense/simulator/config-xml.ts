/** The configuration as a file, both ways: what is played in elements of its own, the rest of the stand-in's state as one of them. */
import type { Config } from './state.ts';
import { fieldsOf, type Fields, type ModelName } from './models.ts';

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const plain = (text: string): string => text.replaceAll('&lt;', '<').replaceAll('&amp;', '&');

/** Enough of it to be told from another one; a real one has every secret of the firewall in it. */
export function toXml({ objects, revision, savedBy = '(system)', ...rest }: Config): string {
  const nodes = Object.entries(objects).flatMap(([model, all]) => Object.entries(all).map(([uuid, fields]) => `    <${model} uuid="${uuid}">${Object.entries(fields).map(([field, value]) => `<${field}>${escaped(value)}</${field}>`).join('')}</${model}>`));
  return `<?xml version="1.0"?>\n<opnsense>\n  <revision>\n    <username>${escaped(savedBy)}</username>\n    <time>${String(1_790_000_000 + revision)}</time>\n  </revision>\n  <rest>${escaped(JSON.stringify(rest))}</rest>\n  <objects>\n${nodes.join('\n')}\n  </objects>\n</opnsense>\n`;
}

export function fromXml(text: string): Config {
  const one = (pattern: RegExp): string => plain(pattern.exec(text)?.[1] ?? '');
  const objects = Object.fromEntries((Object.keys(fieldsOf) as ModelName[]).map((model) => [model, Object.fromEntries([...text.matchAll(new RegExp(`^    <${model} uuid="([^"]+)">((?:[^])*?)</${model}>$`, 'gm'))].map(([, uuid = '', inner = '']): [string, Fields] => [uuid, Object.fromEntries([...inner.matchAll(/<([\w.-]+)>([^<]*)<\/\1>/g)].map(([, field = '', value = '']) => [field, plain(value)]))]))])) as Config['objects'];
  // What was put there by toXml.
  return { ...(JSON.parse(one(/<rest>([^<]*)<\/rest>/)) as Omit<Config, 'objects' | 'revision' | 'savedBy'>), objects, revision: Number(one(/<time>(\d+)<\/time>/)) - 1_790_000_000, savedBy: one(/<username>([^<]*)<\/username>/) };
}
