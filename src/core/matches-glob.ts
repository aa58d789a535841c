/** `*` only; everything else is literal. Upper and lower case are the same. */
export function matchesGlob(pattern: string, text: string): boolean {
  const source = pattern.split('*').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)).join('.*');
  // `s`: a name from a device may hold a new line, and a protection must not end there.
  return new RegExp(`^${source}$`, 'isu').test(text);
}
