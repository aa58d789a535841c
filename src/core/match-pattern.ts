import { parseAddress, type Address } from '#contract';

/** Pattern `target/kind/name`: `*` stands for anything inside one part, everything else is literal, upper and lower case are the same. */
export function matchesPattern(pattern: string, address: Address): boolean {
  const { target, kind, name } = parseAddress(address);
  const parts = pattern.split('/');
  if (parts.length < 3) return false;
  const expected = [parts[0] ?? '', parts[1] ?? '', parts.slice(2).join('/')];
  return [target, kind, name].every((part, index) => {
    const source = (expected[index] ?? '').split('*').map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)).join('.*');
    // `s`: a name from a device may hold a new line, and a protection must not end there.
    return new RegExp(`^${source}$`, 'isu').test(part);
  });
}
