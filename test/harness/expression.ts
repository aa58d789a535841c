/**
 * The part of GitHub's expressions that the shipped workflows use ("Evaluate expressions in workflows and actions", docs.github.com, read on 2026-11-24): literals,
 * contexts, `== != && || !`, brackets and a few functions. Whatever else is asked throws, so that a test sees it.
 */
export type Contexts = Readonly<Record<string, unknown>>;

type Token = readonly [kind: 'text' | 'name' | 'sign', value: string];

function tokens(source: string): readonly Token[] {
  const found: Token[] = [];
  const pattern = /\s*(?:'((?:[^']|'')*)'|([A-Za-z_][A-Za-z0-9_-]*)|(==|!=|&&|\|\||[!().,]))/y;
  while (pattern.lastIndex < source.trimEnd().length) {
    const match = pattern.exec(source);
    if (match === null) throw new Error(`this expression is not understood here: ${source}`);
    const [, text, name, sign] = match;
    found.push(text !== undefined ? ['text', text.replaceAll('\'\'', '\'')] : name !== undefined ? ['name', name] : ['sign', sign ?? '']);
  }
  return found;
}

export function asText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'object') throw new Error('an object is put into a text');
  return String(value);
}

export function isTruthy(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '' && value !== 0;
}

/** Values of different types are compared as numbers, texts without regard to case. */
function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' && typeof b === 'string') return a.toLowerCase() === b.toLowerCase();
  const number = (value: unknown): number => (value === undefined || value === null || value === '' ? 0 : Number(value));
  return typeof a === typeof b ? a === b : number(a) === number(b);
}

/** `functions`: always(), success() and the like know the state of the job. */
export function evaluate(source: string, contexts: Contexts, functions: Readonly<Record<string, (...given: readonly unknown[]) => unknown>>): unknown {
  const list = tokens(source);
  let at = 0;
  const peek = (sign: string): boolean => list[at]?.[0] === 'sign' && list[at]?.[1] === sign;
  const take = (sign: string): boolean => peek(sign) && (at += 1) > 0;
  const need = (sign: string): void => { if (!take(sign)) throw new Error(`${sign} is missing in ${source}`); };
  const call = (name: string): unknown => {
    const given: unknown[] = [];
    while (!peek(')')) {
      given.push(or());
      if (!take(',')) break;
    }
    need(')');
    if (name === 'fromJSON') return JSON.parse(asText(given[0]));
    const known = functions[name];
    if (known === undefined) throw new Error(`${name}() is not understood here`);
    return known(...given);
  };
  const member = (root: unknown): unknown => {
    let value = root;
    while (take('.')) {
      const name = list[at]?.[1] ?? '';
      at += 1;
      value = typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Contexts)[name] : undefined;
    }
    return value;
  };
  const primary = (): unknown => {
    if (take('!')) return !isTruthy(primary());
    if (take('(')) {
      const value = or();
      need(')');
      return value;
    }
    const [kind, value] = list[at] ?? ['sign', ''];
    at += 1;
    if (kind === 'text') return value;
    if (kind !== 'name') throw new Error(`${source} ends too early`);
    if (take('(')) return call(value);
    if (!Object.hasOwn(contexts, value)) throw new Error(`there is no context ${value} here: ${source}`);
    return member(contexts[value]);
  };
  const compare = (): unknown => {
    const left = primary();
    if (take('==')) return same(left, primary());
    return take('!=') ? !same(left, primary()) : left;
  };
  const and = (): unknown => {
    let value = compare();
    while (take('&&')) {
      const right = compare();
      value = isTruthy(value) ? right : value;
    }
    return value;
  };
  const or = (): unknown => {
    let value = and();
    while (take('||')) {
      const right = and();
      value = isTruthy(value) ? value : right;
    }
    return value;
  };
  const value = or();
  if (at !== list.length) throw new Error(`${source} goes on where it should end`);
  return value;
}
