/** What is left of one line when its code spans are taken out, read as CommonMark 0.31.2, section 6.1, reads it. */
export function outsideCode(line: string): string {
  let rest = line;
  let outside = '';
  while (rest !== '') {
    const [escaped] = /^\\[!-/:-@[-`{-~]/.exec(rest) ?? [];
    const [fence] = /^`+/.exec(rest) ?? [];
    const close = fence === undefined ? -1 : [...rest.matchAll(/`+/g)].find(({ 0: run, index }) => index > 0 && run === fence)?.index ?? -1;
    const length = escaped?.length ?? (fence === undefined ? 1 : close < 0 ? fence.length : close + fence.length);
    if (close < 0) outside += rest.slice(0, length);
    rest = rest.slice(length);
  }
  return outside;
}

/** Cells of a table row: GitHub ends a cell at every bar without a backslash before it, in code as well. */
export function cellsOf(row: string): readonly string[] {
  return row.split(/(?<!\\)\|/).slice(1, -1);
}
