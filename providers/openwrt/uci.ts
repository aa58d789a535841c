/**
 * Configuration files of UCI as text: read with the place of each line, so that an edit changes the lines that it means and no other byte. Written
 * from uci's file.c. What its grammar allows and nobody writes (`;`, a second `package`) is refused, not guessed. Pure.
 */
import { ProviderError } from '#contract';

export interface UciOption {
  readonly name: string;
  readonly list: boolean;
  readonly value: string;
  /** Where its line begins and where the next one does. */
  readonly from: number;
  readonly to: number;
}

export interface UciSection {
  readonly type: string;
  /** Absent: anonymous. */
  readonly name?: string;
  readonly options: readonly UciOption[];
  readonly from: number;
  /** Behind its last line that says something. */
  readonly to: number;
}

const space = /[ \t\r\v\f]/;

function odd(what: string): ProviderError {
  return new ProviderError('protocol', `a configuration file of the device cannot be read: ${what}`, { hint: 'on the device: uci export' });
}

interface Statement {
  readonly words: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** Words of one statement, which ends with its line. */
function readStatement(text: string, start: number): Statement {
  const words: string[] = [];
  let at = start;
  let word: string | undefined;
  const end = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  for (;;) {
    const char = text[at];
    if (char === undefined || char === '\n') {
      end();
      return { words, from: start, to: char === undefined ? at : at + 1 };
    }
    if (space.test(char)) {
      end();
      at += 1;
    } else if (char === '#') {
      end();
      const next = text.indexOf('\n', at);
      at = next < 0 ? text.length : next;
    } else if (char === ';') throw odd('it has several statements on one line');
    else if (char === '\\') {
      const next = text[at + 1];
      if (next !== undefined && next !== '\n') word = (word ?? '') + next;
      at += 2;
    } else if (char === '\'' || char === '"') {
      const quoted = readQuoted(text, at);
      word = (word ?? '') + quoted.value;
      at = quoted.to;
    } else {
      word = (word ?? '') + char;
      at += 1;
    }
  }
}

function readQuoted(text: string, start: number): { readonly value: string; readonly to: number } {
  const quote = text[start];
  let value = '';
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char === quote) return { value, to: at + 1 };
    if (char === '\\' && quote === '"') {
      at += 1;
      if (text[at] !== '\n') value += text[at] ?? '';
    } else value += char;
  }
  throw odd('a quotation has no end');
}

const keywords: Readonly<Record<string, string>> = { p: 'package', c: 'config', o: 'option', l: 'list' };

/** By package; what stands before the first `package` is under the empty name. Throws `protocol` for what uci would not read either. */
export function parsePackages(text: string): ReadonlyMap<string, readonly UciSection[]> {
  const packages = new Map<string, UciSection[]>();
  let sections: UciSection[] = [];
  let options: UciOption[] = [];
  packages.set('', sections);
  for (let at = 0; at < text.length;) {
    const { words, from, to } = readStatement(text, at);
    at = to;
    const [first, name, value = '', ...more] = words;
    if (first === undefined) continue;
    const keyword = keywords[first] ?? first;
    if (more.length > 0 || name === undefined || name === '') throw odd(`a line begins with ${JSON.stringify(first.slice(0, 20))} and has too few or too many words`);
    if (keyword === 'package') {
      if (packages.has(name)) throw odd(`package ${JSON.stringify(name.slice(0, 20))} is there twice`);
      packages.set(name, sections = []);
    } else if (keyword === 'config') {
      options = [];
      sections.push({ type: name, ...(value === '' ? {} : { name: value }), options, from, to });
    } else if (keyword === 'option' || keyword === 'list') {
      const section = sections.at(-1);
      if (section === undefined) throw odd('an option stands before the first section');
      options.push({ name, list: keyword === 'list', value, from, to });
      sections[sections.length - 1] = { ...section, to };
    } else throw odd(`a line begins with ${JSON.stringify(first.slice(0, 20))}`);
  }
  return packages;
}

/** One file. */
export function parseUci(text: string): readonly UciSection[] {
  const [own = [], ...others] = [...parsePackages(text).values()];
  if (others.length > 1 || (others.length === 1 && own.length > 0)) throw odd('it holds more than one package');
  return others[0] ?? own;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export interface NewSection {
  readonly type: string;
  readonly name: string;
  /** A list where the value is one; an empty list is no option. */
  readonly options: Readonly<Record<string, string | readonly string[]>>;
}

function optionLines(name: string, value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [`\toption ${name} ${quote(value)}\n`] : value.map((each) => `\tlist ${name} ${quote(each)}\n`);
}

export function renderSection({ type, name, options }: NewSection): string {
  return `config ${type} ${quote(name)}\n${Object.entries(options).flatMap(([option, value]) => optionLines(option, value)).join('')}`;
}

/** What `uci export` prints of it: the device's own reading is compared with this. An option without a value is none, and the later of two wins. */
export function renderExport(name: string, sections: readonly UciSection[]): string {
  const text = sections.map((section) => {
    const seen = new Map<string, string[]>();
    for (const { name: option, list, value } of section.options) {
      if (list) seen.set(option, [...(seen.get(option) ?? []), `\tlist ${option} ${quote(value)}\n`]);
      else if (value === '') seen.delete(option);
      else seen.set(option, [`\toption ${option} ${quote(value)}\n`]);
    }
    return `\nconfig ${section.type}${section.name === undefined ? '' : ` ${quote(section.name)}`}\n${[...seen.values()].flat().join('')}`;
  });
  return `package ${name}\n${text.join('')}\n`;
}

export function optionOf(section: UciSection, name: string): string | undefined {
  return section.options.findLast((option) => option.name === name)?.value;
}

/** Values of a list, or of an option that holds several words. */
export function listOf(section: UciSection, name: string): readonly string[] {
  return section.options.filter((option) => option.name === name).flatMap(({ list, value }) => (list ? [value] : value.split(/\s+/).filter((word) => word !== '')));
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** One file under work: edits of its lines, put together at the end. */
export class UciFile {
  readonly text: string;
  readonly sections: readonly UciSection[];
  readonly #edits: Edit[] = [];
  readonly #added: string[] = [];

  constructor(text: string) {
    this.text = text;
    this.sections = parseUci(text);
  }

  named(name: string): UciSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /** In place of the section of that name, or at the end. */
  put(section: NewSection): void {
    const old = this.named(section.name);
    const text = renderSection(section);
    if (old === undefined) this.#added.push(text);
    else if (this.text.slice(old.from, old.to) !== text) this.#edits.push({ from: old.from, to: old.to, text });
  }

  /** At the end, whatever else is done to a section of that name. */
  append(section: NewSection): void {
    this.#added.push(renderSection(section));
  }

  /** With the blank line before it. */
  remove(section: UciSection): void {
    const before = this.text.slice(0, section.from);
    const from = before.endsWith('\n\n') ? section.from - 1 : section.from;
    this.#edits.push({ from, to: section.to, text: '' });
  }

  /** The values of one list, and no other line of the section. */
  putList(section: UciSection, name: string, values: readonly string[]): void {
    const old = section.options.filter((option) => option.name === name);
    const plain = old.every(({ list }) => list);
    const kept = plain ? old.filter(({ value }) => values.includes(value)) : [];
    for (const { from, to } of old.filter((option) => !kept.includes(option))) this.#edits.push({ from, to, text: '' });
    const added = values.filter((value) => !kept.some((option) => option.value === value));
    const at = old.at(-1)?.to ?? section.to;
    if (added.length > 0) this.#edits.push({ from: at, to: at, text: optionLines(name, added).join('') });
  }

  result(): string {
    const edits = [...this.#edits].sort((a, b) => a.from - b.from || a.to - b.to);
    let text = '';
    let at = 0;
    for (const edit of edits) {
      text += this.text.slice(at, edit.from);
      // A last line without its end would swallow what follows.
      if (edit.text !== '' && text !== '' && !text.endsWith('\n')) text += '\n';
      text += edit.text;
      at = Math.max(at, edit.to);
    }
    text += this.text.slice(at);
    if (this.#added.length === 0) return text;
    const head = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    const gap = head === '' || head.endsWith('\n\n') ? '' : '\n';
    return `${head}${gap}${this.#added.join('\n')}`;
  }
}
