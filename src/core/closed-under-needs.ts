import type { Leaf } from './model.ts';

/** Those of the leaves named by `digests` whose needs are all named as well, and theirs. */
export function closedUnderNeeds(leaves: readonly Pick<Leaf, 'digest' | 'after'>[], digests: ReadonlySet<string>): ReadonlySet<string> {
  const allowed = new Set(digests);
  for (let found = true; found; ) {
    const lacking = leaves.filter(({ digest, after }) => allowed.has(digest) && after.some((needed) => !allowed.has(needed)));
    for (const { digest } of lacking) allowed.delete(digest);
    found = lacking.length > 0;
  }
  return allowed;
}
