/**
 * As much of the scripting language as is needed to run a script that somebody stores on the router. Written from the Scripting page of help.mikrotik.com (line
 * structure, escape sequences, `:if`, `:do … on-error`, `find where`), looked at 2026-11-28. What is not known is told to the test, not to the script.
 */
export interface Console {
  /** Ids of the rows that have all of these values. */
  find(menu: string, where: readonly (readonly [string, string])[]): readonly string[];
  command(menu: string, name: string, args: ReadonlyMap<string, string>): string;
}

/** What `on-error` catches. */
export class ScriptError extends Error {}
/** The stand-in does not know something: nothing catches it. */
export class Unknown extends Error {}

class Runner {
  readonly #text: string;
  readonly #console: Console;
  #at = 0;
  readonly #variables = new Map<string, string>();
  readonly output: string[] = [];

  constructor(text: string, console: Console) {
    this.#text = text;
    this.#console = console;
  }

  run(): void {
    this.#block(true);
    if (this.#at < this.#text.length) throw new ScriptError(`syntax error at ${String(this.#at)}`);
  }

  /** `live`: also done, and not only read over. */
  #block(live: boolean): void {
    for (;;) {
      this.#skip(/[\s;]*/y);
      if (this.#at >= this.#text.length || this.#text[this.#at] === '}') return;
      if (this.#text[this.#at] === '#') this.#skip(/[^\n]*/y);
      else this.#statement(live);
    }
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ''] = pattern.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }

  #take(literal: string): void {
    this.#skip(/[ \t]*/y);
    if (!this.#text.startsWith(literal, this.#at)) throw new ScriptError(`expected ${literal} at ${String(this.#at)}: ${this.#text.slice(this.#at, this.#at + 40)}`);
    this.#at += literal.length;
  }

  #statement(live: boolean): void {
    if (this.#text[this.#at] === '/') {
      this.#pathCommand(live);
      return;
    }
    const word = this.#skip(/:[a-z]+/y);
    switch (word) {
      case ':local': case ':set': {
        this.#skip(/[ \t]*/y);
        const name = this.#skip(/[A-Za-z0-9]+/y);
        this.#skip(/[ \t]*/y);
        const value = this.#value('', live);
        if (live && word === ':set' && !this.#variables.has(name)) throw new ScriptError(`variable ${name} is not declared`);
        if (live) this.#variables.set(name, value);
        return;
      }
      case ':put': {
        this.#skip(/[ \t]*/y);
        const value = this.#value('', live);
        if (live) this.output.push(value);
        return;
      }
      case ':do': this.#attempt(live); return;
      case ':if': this.#condition(live); return;
      default: throw new Unknown(`the stand-in knows no statement ${this.#text.slice(this.#at - word.length, this.#at + 40)}`);
    }
  }

  #attempt(live: boolean): void {
    this.#take('{');
    const start = this.#at;
    let failed = false;
    try {
      this.#block(live);
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      failed = true;
      this.#at = start;
      // Read over what was not reached.
      this.#block(false);
    }
    this.#take('}');
    this.#take('on-error={');
    this.#block(live && failed);
    this.#take('}');
  }

  #condition(live: boolean): void {
    this.#take('(');
    this.#skip(/[ \t]*/y);
    const left = this.#value('', live);
    this.#skip(/[ \t]*/y);
    const operator = this.#skip(/[=<>]/y);
    this.#skip(/[ \t]*/y);
    const right = this.#value('', live);
    this.#take(')');
    this.#take('do={');
    const holds = operator === '=' ? left === right : operator === '<' ? Number(left) < Number(right) : operator === '>' ? Number(left) > Number(right) : undefined;
    if (holds === undefined) throw new Unknown('the stand-in knows only = < > in conditions');
    this.#block(live && holds);
    this.#take('}');
  }

  #pathCommand(live: boolean): string {
    const words = this.#skip(/(?:\/[a-z0-9-]+)+/y).slice(1).split('/');
    const command = words.pop() ?? '';
    const menu = words.join('/');
    if (command === 'find') return this.#find(menu, live);
    const args = new Map<string, string>();
    for (;;) {
      this.#skip(/[ \t]*/y);
      const next = this.#text[this.#at];
      if (next === undefined || '\n;]}'.includes(next)) break;
      const name = this.#skip(/!?[a-z][a-z0-9.-]*(?==)/y);
      if (name !== '') {
        this.#take('=');
        args.set(name, this.#value(menu, live));
      } else if (next === '[' || next === '*') args.set('numbers', this.#value(menu, live));
      else args.set(this.#skip(/[a-z0-9-]+/y), '');
    }
    return live ? this.#console.command(menu, command, args) : '';
  }

  #find(menu: string, live: boolean): string {
    this.#take('where');
    const where: [string, string][] = [];
    for (;;) {
      this.#skip(/[ \t]*/y);
      const name = this.#skip(/[a-z][a-z0-9-]*/y);
      this.#take('=');
      where.push([name, this.#value(menu, live)]);
      this.#skip(/[ \t]*/y);
      if (this.#skip(/(?:and|&&)(?=\s)/y) === '') break;
    }
    return live ? this.#console.find(menu, where).join(',') : '';
  }

  #value(menu: string, live: boolean): string {
    const first = this.#text[this.#at];
    if (first === '"') return this.#string();
    if (first === '[') {
      this.#at += 1;
      const value = this.#expression(menu, live);
      this.#take(']');
      return value;
    }
    if (first === '$') {
      this.#at += 1;
      const name = this.#skip(/[A-Za-z0-9]+/y);
      const value = this.#variables.get(name);
      if (value === undefined && live) throw new ScriptError(`no variable ${name}`);
      return value ?? '';
    }
    const bare = this.#skip(/[A-Za-z0-9*.:/_-]+/y);
    if (bare === '') throw new ScriptError(`expected a value at ${String(this.#at)}: ${this.#text.slice(this.#at, this.#at + 40)}`);
    return bare;
  }

  #expression(menu: string, live: boolean): string {
    if (this.#text[this.#at] === '/') return this.#pathCommand(live);
    if (this.#text.startsWith('find', this.#at)) {
      this.#at += 4;
      return this.#find(menu, live);
    }
    if (this.#text.startsWith(':len', this.#at)) {
      this.#at += 4;
      this.#skip(/[ \t]*/y);
      const list = this.#value(menu, live);
      return String(list === '' ? 0 : list.split(',').length);
    }
    throw new Unknown(`the stand-in knows no expression ${this.#text.slice(this.#at, this.#at + 40)}`);
  }

  /** Escapes: backslash with one of `" \ n r t $ ? _ a b f v`, or two capital hexadecimal digits. A dollar sign alone would be a variable. */
  #string(): string {
    this.#at += 1;
    const bytes: number[] = [];
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined) throw new ScriptError('a string does not end');
      this.#at += 1;
      if (char === '"') return Buffer.from(bytes).toString('utf8');
      if (char === '$') throw new Unknown('the stand-in knows no variables in strings');
      if (char !== '\\') {
        bytes.push(...Buffer.from(char, 'utf8'));
        continue;
      }
      const hex = this.#skip(/[0-9A-F]{2}/y);
      const named = hex === '' ? this.#skip(/["\\nrt$?_abfv]/y) : '';
      if (hex === '' && named === '') throw new ScriptError('an escape that is none');
      const plain: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, a: 7, b: 8, f: 12, v: 11, _: 32 };
      bytes.push(hex === '' ? plain[named] ?? named.charCodeAt(0) : Number.parseInt(hex, 16));
    }
  }
}

/** What it printed. Throws ScriptError where the router would stop. */
export function runScript(text: string, console: Console): string {
  const runner = new Runner(text.replaceAll('\r\n', '\n'), console);
  runner.run();
  return runner.output.join('\n');
}
