/** Line diffs for people: what an edit does to a file. */
interface Line {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

const context = 3;
/** Beyond this many edits nobody reads which line became which. */
const limit = 1500;

function toLines(text: string): readonly string[] {
  if (text === '') return [];
  const lines = text.split(/(?<=\n)/);
  return lines.map((line) => (line.endsWith('\n') ? line.slice(0, -1) : `${line}\n\\ No newline at end of file`));
}

/** Myers, An O(ND) Difference Algorithm (1986): for each number of edits the furthest point on each diagonal. */
function compare(a: readonly string[], b: readonly string[]): readonly Line[] {
  if (a.length === 0 || b.length === 0) return replaced(a, b);
  const trace: Map<number, number>[] = [];
  const furthest = new Map([[1, 0]]);
  for (let edits = 0; edits <= Math.min(limit, a.length + b.length); edits += 1) {
    trace.push(new Map(furthest));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const down = diagonal === -edits || (diagonal !== edits && (furthest.get(diagonal - 1) ?? 0) < (furthest.get(diagonal + 1) ?? 0));
      let x = down ? furthest.get(diagonal + 1) ?? 0 : (furthest.get(diagonal - 1) ?? 0) + 1;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x += 1;
      furthest.set(diagonal, x);
      if (x >= a.length && x - diagonal >= b.length) return walkBack(trace, a, b);
    }
  }
  return replaced(a, b);
}

function replaced(a: readonly string[], b: readonly string[]): readonly Line[] {
  return [...a.map((text): Line => ({ mark: '-', text })), ...b.map((text): Line => ({ mark: '+', text }))];
}

function walkBack(trace: readonly ReadonlyMap<number, number>[], a: readonly string[], b: readonly string[]): readonly Line[] {
  const lines: Line[] = [];
  let x = a.length;
  let y = b.length;
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const furthest = trace[edits] ?? new Map<number, number>();
    const diagonal = x - y;
    const down = diagonal === -edits || (diagonal !== edits && (furthest.get(diagonal - 1) ?? 0) < (furthest.get(diagonal + 1) ?? 0));
    const before = diagonal + (down ? 1 : -1);
    const fromX = edits === 0 ? 0 : furthest.get(before) ?? 0;
    const fromY = edits === 0 ? 0 : fromX - before;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      lines.push({ mark: ' ', text: a[x] ?? '' });
    }
    if (edits > 0) {
      lines.push(down ? { mark: '+', text: b[fromY] ?? '' } : { mark: '-', text: a[fromX] ?? '' });
      x = fromX;
      y = fromY;
    }
  }
  return lines.reverse();
}

/** Lines with ` `, `-` or `+` in front. */
export function diffLines(before: string, after: string): readonly string[] {
  return linesOf(before, after).map(({ mark, text }) => `${mark}${text}`);
}

function linesOf(before: string, after: string): readonly Line[] {
  const [a, b] = [toLines(before), toLines(after)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const same = (text: string): Line => ({ mark: ' ', text });
  return [...a.slice(0, head).map(same), ...compare(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...a.slice(a.length - tail).map(same)];
}

/** In the form of `diff -u`; empty when nothing differs. */
export function unifiedDiff(file: string, before: string | undefined, after: string): string {
  const lines = linesOf(before ?? '', after);
  const shown = lines.map((_, index) => lines.slice(Math.max(0, index - context), index + context + 1).some(({ mark }) => mark !== ' '));
  if (!shown.includes(true)) return '';
  const out = [before === undefined ? '--- /dev/null' : `--- a/${file}`, `+++ b/${file}`];
  let [old, next] = [1, 1];
  for (let index = 0; index < lines.length;) {
    if (shown[index] !== true) {
      [old, next, index] = [old + 1, next + 1, index + 1];
      continue;
    }
    const end = shown.indexOf(false, index) < 0 ? lines.length : shown.indexOf(false, index);
    const hunk = lines.slice(index, end);
    const [removed, added] = [hunk.filter(({ mark }) => mark !== '+').length, hunk.filter(({ mark }) => mark !== '-').length];
    out.push(`@@ -${String(removed === 0 ? old - 1 : old)},${String(removed)} +${String(added === 0 ? next - 1 : next)},${String(added)} @@`, ...hunk.map(({ mark, text }) => `${mark}${text}`));
    [old, next, index] = [old + removed, next + added, end];
  }
  return `${out.join('\n')}\n`;
}
