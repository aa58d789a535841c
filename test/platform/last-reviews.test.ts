import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastReviews, type RawReview } from '../../src/platform/last-reviews.ts';

const head = 'a'.repeat(40);
const old = 'b'.repeat(40);
let minute = 0;
const review = (account: string, state: RawReview['state'], commit = head, extra: Partial<RawReview> = {}): RawReview => ({ account, state, commit, bot: false, at: new Date(Date.UTC(2026, 0, 1, 0, minute++)).toISOString(), url: 'https://x', ...extra });
const said = (reviews: readonly RawReview[]): readonly string[] => lastReviews(reviews, 'author').map(({ account, state, commit }) => `${account} ${state} ${commit === head ? 'head' : commit === old ? 'old' : '?'}`);

describe('the last word of an account about a commit', () => {
  it.each([
    { because: 'an approval is one', reviews: [review('anna', 'approved')], expected: ['anna approved head'] },
    { because: 'a remark afterwards takes nothing back', reviews: [review('anna', 'approved'), review('anna', 'commented')], expected: ['anna approved head'] },
    { because: 'a remark alone approves nothing', reviews: [review('anna', 'commented')], expected: ['anna commented head'] },
    { because: 'changes requested after an approval take it back', reviews: [review('anna', 'approved'), review('anna', 'changes-requested')], expected: ['anna changes-requested head'] },
    { because: 'an approval after changes requested counts', reviews: [review('anna', 'changes-requested'), review('anna', 'approved')], expected: ['anna approved head'] },
    { because: 'a dismissed approval counts for nothing', reviews: [review('anna', 'dismissed')], expected: ['anna dismissed head'] },
    { because: 'dismissing the last word does not bring back the one before', reviews: [review('anna', 'approved'), review('anna', 'dismissed')], expected: ['anna dismissed head'] },
    { because: 'who approves again after a dismissal has approved', reviews: [review('anna', 'dismissed'), review('anna', 'approved')], expected: ['anna approved head'] },
    { because: 'an approval of an older commit stays one of that commit', reviews: [review('anna', 'approved', old), review('bert', 'approved')], expected: ['anna approved old', 'bert approved head'] },
    { because: 'changes requested on an older page also take back the approval of the head', reviews: [review('anna', 'approved'), review('anna', 'changes-requested', old)], expected: ['anna dismissed head', 'anna changes-requested old'] },
    { because: 'changes requested before do not touch a later approval of the next push', reviews: [review('anna', 'changes-requested', old), review('anna', 'approved')], expected: ['anna changes-requested old', 'anna approved head'] },
    { because: 'one person says nothing for another', reviews: [review('anna', 'approved'), review('bert', 'changes-requested')], expected: ['anna approved head', 'bert changes-requested head'] },
    { because: 'the author approves nothing, however the name is spelt', reviews: [review('Author', 'approved')], expected: ['Author commented head'] },
    { because: 'an account that is gone approves nothing', reviews: [review('', 'approved')], expected: [' commented head'] },
    { because: 'names differ in case alone for no two accounts', reviews: [review('Anna', 'approved'), review('anna', 'changes-requested')], expected: ['anna changes-requested head'] },
    { because: 'a commit that is gone is no other commit', reviews: [review('anna', 'approved', '')], expected: ['anna approved ?'] },
  ])('$because', ({ reviews, expected }) => {
    expect(said(reviews)).toEqual(expected);
  });

  it('goes by the time, not by the place in the list', () => {
    const first = review('anna', 'approved');
    const then = review('anna', 'changes-requested');
    expect(said([then, first])).toEqual(['anna changes-requested head']);
  });

  it('keeps that it was a bot', () => {
    expect(lastReviews([review('renovate[bot]', 'approved', head, { bot: true })], 'author')[0]?.bot).toBe(true);
  });

  it('never has an approval after which the account asked for changes, and one word per account and commit', () => {
    const any = fc.array(fc.record({ account: fc.constantFrom('anna', 'bert', 'author', ''), state: fc.constantFrom('approved', 'changes-requested', 'commented', 'dismissed'), commit: fc.constantFrom(head, old, '') }), { maxLength: 12 });
    fc.assert(fc.property(any, (list) => {
      const reviews = list.map(({ account, state, commit }) => review(account, state, commit));
      const words = lastReviews(reviews, 'author');
      expect(new Set(words.map(({ account, commit }) => `${account} ${commit}`)).size).toBe(words.length);
      for (const word of words.filter(({ state }) => state === 'approved')) {
        expect(['author', '']).not.toContain(word.account);
        const later = reviews.filter(({ account, at }) => account === word.account && Date.parse(at) > Date.parse(word.at));
        expect(later.filter(({ state, commit }) => state === 'changes-requested' || (commit === word.commit && state !== 'commented'))).toEqual([]);
      }
    }), { numRuns: 500 });
  });
});
