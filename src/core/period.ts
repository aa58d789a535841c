/** From `from` on and before `before`, milliseconds since 1970, UTC; absent: open on that side. */
export interface Period {
  readonly from?: number;
  readonly before?: number;
}

const day = 24 * 60 * 60 * 1000;
const moment = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?Z$/;

function parseOne(text: string): { readonly at: number; readonly wholeDay: boolean } | undefined {
  const wholeDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  if (!wholeDay && !moment.test(text)) return undefined;
  const at = Date.parse(text);
  // Date.parse takes 31 February as 3 March in some engines.
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text.slice(0, 10) ? undefined : { at, wholeDay };
}

/** Dates (whole days, both included) or moments, UTC. A text: what is wrong with them. */
export function parsePeriod(since: string | undefined, until: string | undefined): Period | string {
  const first = since === undefined ? undefined : parseOne(since);
  const last = until === undefined ? undefined : parseOne(until);
  if (since !== undefined && first === undefined) return `--since ${since} is no date; write 2026-01-31 or 2026-01-31T14:00:00Z (UTC)`;
  if (until !== undefined && last === undefined) return `--until ${until} is no date; write 2026-01-31 or 2026-01-31T14:00:00Z (UTC)`;
  // A moment is included, too: the next millisecond is the first that is not.
  const before = last === undefined ? undefined : last.at + (last.wholeDay ? day : 1);
  if (first !== undefined && before !== undefined && before <= first.at) return `--until ${until ?? ''} is before --since ${since ?? ''}`;
  return { ...(first === undefined ? {} : { from: first.at }), ...(before === undefined ? {} : { before }) };
}

/** What lasted from `at` to `until` (ISO 8601; absent: it still lasts) touches the period. What is no moment cannot be shown to be outside. */
export function touchesPeriod(at: string, until: string | undefined, { from, before }: Period): boolean {
  return !(before !== undefined && Date.parse(at) >= before) && !(from !== undefined && until !== undefined && Date.parse(until) < from);
}
