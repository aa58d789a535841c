import type { Address } from './address.ts';

/** Where in a file. Lines and columns count from 1; columns count UTF-16 code units, as editors and GitHub do. */
export interface SourceRange {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine?: number;
  readonly endColumn?: number;
}

/**
 * What a person can mend. Problems are collected, never thrown one by one; an `error` stops the run before any write,
 * a `warning` is shown, `info` is for reports.
 */
export interface Problem {
  /** Stable, dotted, e.g. `yaml.duplicate-key`; tests and users may rely on it. */
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'info';
  /** What is wrong, in one sentence, without values of secrets. */
  readonly message: string;
  /** How to mend it. */
  readonly hint?: string;
  /** Why it is asked, where somebody wrote that down in both languages. */
  readonly explanation?: { readonly en: string; readonly de: string };
  readonly source?: SourceRange;
  /** Other places that matter, e.g. the first of two duplicates. */
  readonly related?: readonly { readonly message: string; readonly source: SourceRange }[];
  readonly address?: Address;
  readonly customer?: string;
  readonly target?: string;
  /** A refusal by a safety limit (exit 5), as opposed to invalid input (exit 3). */
  readonly gate?: boolean;
}
