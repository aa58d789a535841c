import type { Problem } from '#contract';

/** Texts that are secrets whatever key they stand under. */
const patterns: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g],
  ['an age identity', /AGE-SECRET-KEY-1[0-9A-Z]{10,}/g],
  ['a token', /\beyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{10,}/g],
  ['an access token of a code host', /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|glpat-[A-Za-z0-9_-]{20,})/g],
];

/** A secret that was pasted into a file. It is told by place only; `masked` is what a code frame may show. */
export function findSecrets(file: string, text: string): { readonly problems: readonly Problem[]; readonly masked: string } {
  let masked = text;
  const problems = patterns.flatMap(([what, pattern]) =>
    [...text.matchAll(pattern)].map((match): Problem => {
      const before = text.slice(0, match.index).split('\n');
      masked = masked.replace(match[0], match[0].replaceAll(/[^\n]/g, '*'));
      return {
        code: 'secret.in-file', severity: 'error', message: `this looks like ${what}`,
        hint: 'it is in Git history as soon as it is committed: replace it at its source, store the new one with `soll secret set`, refer to it by $secret',
        source: { file, line: before.length, column: (before.at(-1) ?? '').length + 1 },
      };
    }),
  );
  return { problems, masked };
}
