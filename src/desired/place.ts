import type { Problem } from '#contract';

/** Where in a document, before its lines are known. */
export interface Place {
  readonly file: string;
  /** JSON pointer into the document. */
  readonly pointer: string;
  /** Point at the key or at its value. */
  readonly part: 'key' | 'value';
}

/** A problem whose line is looked up only when it is told: most files have none, and positions cost a second parse. */
export type PendingProblem = Omit<Problem, 'source' | 'related'> & {
  readonly at?: Place;
  readonly related?: readonly { readonly message: string; readonly at: Place }[];
  /** The document that was looked into. Where it is broken itself, what it lacks is not told: mending it comes first. */
  readonly needs?: string;
};

export function escapePointer(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

export function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
