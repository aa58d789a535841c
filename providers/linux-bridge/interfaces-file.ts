/**
 * /etc/network/interfaces and what it sources: read as ifupdown2 reads them, changed line by line, so that every other byte stays. Text is
 * latin-1: a character is a byte, whatever the encoding of the file. Pure.
 */
import { isUtf8 } from 'node:buffer';
import { ProviderError } from '#contract';

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

export interface Attribute {
  /** With `-`, whichever of `-` and `_` is written. */
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

export interface Stanza {
  readonly path: string;
  readonly name: string;
  /** Line of `iface`, and the last line that is an attribute, or the former where there is none. */
  readonly line: number;
  readonly last: number;
  readonly attributes: readonly Attribute[];
}

/** Throws `unsupported` for what cannot be read line by line: continued lines, templates, sources within sources. */
export function parseInterfaces(files: readonly ConfigFile[]): readonly Stanza[] {
  return files.flatMap((file, index) => {
    refuse(file, index > 0);
    return parseFile(file);
  });
}

const unsupported = (path: string, what: string): ProviderError => new ProviderError('unsupported', `${path} ${what}, so what a line means cannot be told from the line`, { hint: 'write it plainly, or leave the host out' });

function refuse({ path, text }: ConfigFile, sourced: boolean): void {
  // ifupdown2 3.0.0, tried: it leaves out the whole file and ends with an error.
  if (!isUtf8(Buffer.from(text, 'latin1'))) throw new ProviderError('unsupported', `${path} is not UTF-8, and ifupdown2 does not read it at all then`, { hint: 'most likely a comment in an old encoding: iconv -f latin1 -t utf-8' });
  // ifupdown2 3.0.0, networkinterfaces.py: the file is split at every `\` and put together again without the white space around it, comments included.
  if (/\\[ \t\r]*\n|\n[ \t\r]*\\/.test(text)) throw unsupported(path, 'has lines that go on in the next one');
  if (/^[ \t]*%|<%|\$\{/m.test(text) && text.includes('%')) throw unsupported(path, 'is a template');
  for (const line of text.split('\n')) {
    const [, pattern] = /^\s*source\s+(\S+)/.exec(line) ?? [];
    if (pattern === undefined) continue;
    if (sourced) throw unsupported(path, 'is sourced and sources others');
    if (!/^\/[\w./*?[\]-]*$/.test(pattern)) throw unsupported(path, 'sources files by a pattern that is not absolute and plain');
  }
}

function parseFile({ path, text }: ConfigFile): readonly Stanza[] {
  const stanzas: { path: string; name: string; line: number; last: number; attributes: Attribute[] }[] = [];
  let open = false;
  for (const [line, raw] of text.split('\n').entries()) {
    const [key = '', ...rest] = raw.trim().split(/\s+/);
    if (key === '' || key.startsWith('#')) continue;
    if (key === 'iface') {
      open = true;
      stanzas.push({ path, name: rest[0] ?? '', line, last: line, attributes: [] });
    } else if (key === 'source' || key === 'auto' || key === 'vlan' || key.split('-')[0] === 'allow') open = false;
    else {
      const stanza = stanzas.at(-1);
      if (!open || stanza === undefined) continue;
      stanza.attributes.push({ key: key.replaceAll('_', '-'), value: raw.trim().slice(key.length).trim(), line });
      stanza.last = line;
    }
  }
  return stanzas;
}

/** Sets (or with `undefined` removes) attributes of one stanza. What is not named, and lines that are right already, keep their bytes. */
export function editStanza(text: string, stanza: Stanza, wanted: ReadonlyMap<string, string | undefined>): string {
  const lines = text.split('\n');
  const ending = lines[stanza.line]?.endsWith('\r') === true ? '\r' : '';
  const indent = /^[ \t]*/.exec(lines[stanza.attributes[0]?.line ?? -1] ?? '\t')?.[0] ?? '\t';
  const added: string[] = [];
  const gone = new Set<number>();
  for (const [key, value] of wanted) {
    const present = stanza.attributes.filter((attribute) => attribute.key === key);
    const [first, ...more] = present;
    if (value === undefined) for (const { line } of present) gone.add(line);
    else if (first === undefined) added.push(`${indent}${key} ${value}${ending}`);
    else {
      for (const { line } of more) gone.add(line);
      if (first.value !== value) lines[first.line] = (lines[first.line] ?? '').replace(/^(\s*\S+\s+)\S.*?(\s*)$/, (_all, before: string, after: string) => `${before}${value}${after}`);
    }
  }
  const at = Math.max(stanza.line, ...stanza.attributes.map(({ line }) => line).filter((line) => !gone.has(line)));
  return lines.flatMap((line, index) => [...(gone.has(index) ? [] : [line]), ...(index === at ? added : [])]).join('\n');
}

/** A stanza of its own at the end, for a port that has none. */
export function appendStanza(text: string, name: string, attributes: readonly (readonly [string, string])[]): string {
  const start = text === '' || text.endsWith('\n') ? '' : '\n';
  return `${text}${start}\niface ${name} inet manual\n${attributes.map(([key, value]) => `\t${key} ${value}\n`).join('')}`;
}
