import { parseAddress, type Address } from '#contract';
import { matchesGlob } from './matches-glob.ts';

/** Pattern `target/kind/name`: `*` stands for anything inside one part, everything else is literal, upper and lower case are the same. */
export function matchesPattern(pattern: string, address: Address): boolean {
  const { target, kind, name } = parseAddress(address);
  const parts = pattern.split('/');
  if (parts.length < 3) return false;
  const expected = [parts[0] ?? '', parts[1] ?? '', parts.slice(2).join('/')];
  return [target, kind, name].every((part, index) => matchesGlob(expected[index] ?? '', part));
}
