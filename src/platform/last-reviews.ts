import type { Review } from '#core/platform';

/** A review as the code host lists it, oldest first. */
export interface RawReview {
  /** `''`: the account is gone. */
  readonly account: string;
  readonly bot: boolean;
  readonly state: 'approved' | 'changes-requested' | 'commented' | 'dismissed';
  /** `''`: the commit is gone. */
  readonly commit: string;
  readonly at: string;
  readonly url: string;
}

/**
 * The last word of each account about each commit, oldest first.
 * - A comment is no opinion: it leaves an earlier approval or objection as it is.
 * - A dismissed review is the last word until the account speaks again; what it said before does not come back.
 * - Who asks for changes takes back every earlier approval, also that of another commit: the page they looked at may have been older.
 * - The author's own approval is a remark, and so is one of an account that cannot be told.
 */
export function lastReviews(reviews: readonly RawReview[], author: string): readonly Review[] {
  const last = new Map<string, Review>();
  const ordered = reviews.map((review, index) => ({ review, index })).sort((a, b) => Date.parse(a.review.at) - Date.parse(b.review.at) || a.index - b.index);
  for (const { review } of ordered) {
    const account = review.account.toLowerCase();
    const own = account === '' || account === author.toLowerCase();
    const said: Review = own && review.state === 'approved' ? { ...review, state: 'commented' } : review;
    const key = JSON.stringify([account, review.commit]);
    if (said.state === 'commented' && last.has(key)) continue;
    if (said.state === 'changes-requested') takeBack(last, account);
    // Set anew, so that the order is that of the last words.
    last.delete(key);
    last.set(key, said);
  }
  return [...last.values()];
}

function takeBack(last: Map<string, Review>, account: string): void {
  for (const [key, review] of last) if (review.account.toLowerCase() === account && review.state === 'approved') last.set(key, { ...review, state: 'dismissed' });
}
