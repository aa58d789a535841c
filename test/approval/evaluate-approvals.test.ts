/** Whose approval counts for what. Everything is data here; that signatures are genuine is tested beside. */
import { describe, expect, it } from 'vitest';
import type { Address } from '#contract';
import { evaluateApprovals, type EvaluateInput, type Evaluation, type Word } from '../../src/approval/evaluate-approvals.ts';
import { inForce, type LeafFacts, type Policy } from '../../src/approval/policy.ts';
import { requirementsOf } from '../../src/approval/requirements-of.ts';

const now = Date.parse('2026-11-24T12:00:00Z');
const hours = (count: number): string => new Date(now + count * 3_600_000).toISOString();
const keyOf = (name: string): string => `ssh-ed25519 AAAA${name}`;
const person = (name: string, more: Partial<Policy['people'][string]> = {}): Policy['people'][string] => ({ name, emails: [`${name}@msp.example`], account: `${name}-msp`, keys: [{ key: keyOf(name), from: '2026-01-01', until: '2026-12-31' }], groups: ['technicians'], ...more });

const people: Policy['people'] = {
  anna: person('anna', { groups: ['technicians', 'senior'] }), ben: person('ben', { groups: ['technicians', 'senior'] }), carl: person('carl'), mia: person('mia'),
  petra: person('petra', { customer: 'acme', groups: ['technicians', 'senior'] }), paul: person('paul', { customer: 'other', groups: ['technicians'] }),
};
const approval: NonNullable<Policy['approval']> = {
  rules: [{ from: ['technicians'], count: 1 }, { risk: ['high', 'critical'], from: ['senior'], count: 2 }, { customers: ['praxis-*'], kinds: ['firewall-*'], from: ['anna'], count: 1 }],
  emergency: { from: ['senior'], reviewDays: 3 },
};
const policy: Policy = { people, approval };

const vlan: LeafFacts = { digest: 'leaf-vlan', addresses: ['acme/sw/vlan/office'], risk: 'low' };
const rule: LeafFacts = { digest: 'leaf-rule', addresses: ['acme/fw/firewall-rule/a'], risk: 'high' };

const by = (name: string, more: Partial<Word> = {}): Word => ({
  id: `signature of ${name}`, method: 'signature', key: keyOf(name), claims: name, decision: 'approve', at: hours(-1), digest: 'plan', leaves: [vlan.digest, rule.digest],
  evidence: { digest: 'plan', method: 'signature', at: hours(-1) }, ...more,
});
const review = (name: string, more: Partial<Word> = {}): Word => {
  const { key: _key, claims: _claims, ...rest } = by(name, { id: `review of ${name}`, method: 'review', account: `${name}-MSP`, ...more });
  return rest;
};
const ask = (words: readonly Word[], more: Partial<EvaluateInput> = {}): Evaluation => evaluateApprovals({ customer: 'acme', leaves: [vlan], policies: [policy, policy], words, withdrawals: [], authors: { emails: [], accounts: [] }, used: new Set(), now, ...more });
const approved = (evaluation: Evaluation): readonly boolean[] => evaluation.leaves.map((each) => each.approved);

describe('an approval', () => {
  it.each<{ because: string; words: readonly Word[]; more?: Partial<EvaluateInput>; expected: boolean }>([
    { because: 'a technician has signed', words: [by('carl')], expected: true },
    { because: 'a technician has reviewed; accounts have no case', words: [review('carl')], expected: true },
    { because: 'nobody has said anything', words: [], expected: false },
    { because: 'the author approves by key', words: [by('mia')], more: { authors: { emails: ['Mia@MSP.example'], accounts: [] } }, expected: false },
    { because: 'the author approves by review', words: [review('mia')], more: { authors: { emails: [], accounts: ['Mia-msp'] } }, expected: false },
    { because: 'the author writes under the address that GitHub gives an account', words: [by('mia')], more: { authors: { emails: ['12345+mia-msp@users.noreply.github.com'], accounts: [] } }, expected: false },
    { because: 'another than the author approves', words: [by('carl')], more: { authors: { emails: ['mia@msp.example'], accounts: ['mia-msp'] } }, expected: true },
    { because: 'an author that nobody knows takes nobody away', words: [by('carl')], more: { authors: { emails: [], accounts: [''] } }, expected: true },
    { because: 'a bot with the account of a person', words: [review('carl', { bot: true })], expected: false },
    { because: 'a person that the change removes', words: [by('carl')], more: { policies: [{ ...policy, people: { anna: person('anna') } }, policy] }, expected: false },
    { because: 'a person that the change adds', words: [by('carl')], more: { policies: [policy, { ...policy, people: { anna: person('anna') } }] }, expected: false },
    { because: 'a key that the change gives to another person', words: [by('eve', { claims: 'carl' })], more: { policies: [{ ...policy, people: { ...people, carl: person('carl', { keys: [{ key: keyOf('eve') }] }) } }, policy] }, expected: false },
    { because: 'the change moves its author into a group that may', words: [by('mia')], more: { leaves: [rule], policies: [{ ...policy, people: { ...people, mia: person('mia', { groups: ['senior'] }) } }, policy] }, expected: false },
    { because: 'rules that the change makes weaker', words: [by('carl')], more: { leaves: [rule], policies: [{ people, approval: { rules: [{ from: ['technicians'], count: 1 }, { risk: ['high'], from: ['technicians'], count: 1 }] } }, policy] }, expected: false },
    { because: 'rules that the change takes away altogether', words: [], more: { policies: [{ people: {} }, policy] }, expected: false },
    { because: 'the same rules taken away, and somebody who counted has approved', words: [by('carl')], more: { policies: [{ people: {} }, policy] }, expected: true },
    { because: 'the first rules: nothing was there before them', words: [by('carl')], more: { policies: [policy, { people: {} }] }, expected: true },
    { because: 'a key that two people share is nobody\'s', words: [by('carl')], more: { policies: [{ ...policy, people: { ...people, dora: person('dora', { keys: [{ key: keyOf('carl') }] }) } }] }, expected: false },
    { because: 'a key that nobody has', words: [by('eve')], expected: false },
    { because: 'a key of one under the name of another', words: [by('carl', { claims: 'ben' })], expected: false },
    { because: 'a key before its first day', words: [by('carl')], more: { policies: [{ ...policy, people: { ...people, carl: person('carl', { keys: [{ key: keyOf('carl'), from: '2026-11-25' }] }) } }] }, expected: false },
    { because: 'a key after its last day', words: [by('carl')], more: { policies: [{ ...policy, people: { ...people, carl: person('carl', { keys: [{ key: keyOf('carl'), until: '2026-11-23' }] }) } }] }, expected: false },
    { because: 'a key on its last day', words: [by('carl')], more: { policies: [{ ...policy, people: { ...people, carl: person('carl', { keys: [{ key: keyOf('carl'), until: '2026-11-24' }] }) } }] }, expected: true },
    { because: 'signed far in the future', words: [by('carl', { at: hours(1) })], expected: false },
    { because: 'signed by a clock that is two minutes ahead', words: [by('carl', { at: hours(1 / 30) })], expected: true },
    { because: 'older than the life of approvals, whatever it says itself', words: [by('carl', { at: hours(-337), expires: hours(1000) })], expected: false },
    { because: 'just within its life', words: [by('carl', { at: hours(-335) })], expected: true },
    { because: 'a shorter life, by the rules before the change', words: [by('carl', { at: hours(-5) })], more: { policies: [policy, { ...policy, approval: { ...approval, lifetimeHours: 4 } }] }, expected: false },
    { because: 'expired by its own words', words: [by('carl', { expires: hours(0) })], expected: false },
    { because: 'a time that is none', words: [by('carl', { at: 'soon' })], expected: false },
    { because: 'for another leaf', words: [by('carl', { leaves: ['leaf-b'] })], expected: false },
    { because: 'used up for this leaf', words: [by('carl')], more: { used: new Set(['signature of carl leaf-vlan']) }, expected: false },
    { because: 'used up for another leaf', words: [by('carl')], more: { used: new Set(['signature of carl leaf-rule']) }, expected: true },
    { because: 'taken back', words: [by('carl')], more: { withdrawals: [{ key: keyOf('carl'), digest: 'plan', at: hours(0) }] }, expected: false },
    { because: 'taken back by somebody else', words: [by('carl')], more: { withdrawals: [{ key: keyOf('ben'), digest: 'plan', at: hours(0) }] }, expected: true },
    { because: 'taken back before it was given once more', words: [by('carl')], more: { withdrawals: [{ key: keyOf('carl'), digest: 'plan', at: hours(-2) }] }, expected: true },
    { because: 'somebody who may has rejected it', words: [by('carl'), by('ben', { decision: 'reject' })], expected: false },
    { because: 'changes were asked for in a review', words: [by('carl'), review('ben', { decision: 'reject' })], expected: false },
    { because: 'somebody who has nothing to say has rejected it', words: [by('carl'), by('paul', { decision: 'reject' })], expected: true },
    { because: 'the same person has rejected it first and approved it later', words: [by('carl', { decision: 'reject', at: hours(-2) }), by('carl')], expected: true },
    { because: 'and the other way round', words: [by('carl', { at: hours(-2) }), by('carl', { decision: 'reject' })], expected: false },
    { because: 'yes and no at the same moment', words: [by('carl', { decision: 'reject' }), by('carl')], expected: false },
    { because: 'a rejection is lifted by taking it back', words: [by('carl'), by('ben', { decision: 'reject' })], more: { withdrawals: [{ key: keyOf('ben'), digest: 'plan', at: hours(0) }] }, expected: true },
    { because: 'somebody of the customer where nobody asks for their word', words: [by('petra')], expected: false },
    { because: 'an emergency word in an ordinary run', words: [by('anna', { emergency: { reason: 'x', ticket: 'T-1' } })], expected: false },
  ])('$because: $expected', ({ words, more, expected }) => {
    expect(approved(ask(words, more))).toEqual([expected]);
  });

  it.each<{ because: string; words: readonly Word[]; more?: Partial<EvaluateInput>; expected: boolean }>([
    { because: 'two seniors', words: [by('anna'), by('ben')], expected: true },
    { because: 'a senior and a technician', words: [by('anna'), by('carl')], expected: false },
    { because: 'one senior by two methods counts once', words: [by('anna'), review('anna')], expected: false },
    { because: 'one senior with two keys counts once', words: [by('anna'), by('anna', { id: 'second', key: keyOf('anna2') })], more: { policies: [{ ...policy, people: { ...people, anna: person('anna', { groups: ['senior'], keys: [{ key: keyOf('anna') }, { key: keyOf('anna2') }] }) } }] }, expected: false },
    { because: 'two seniors, one of them the author', words: [by('anna'), by('ben')], more: { authors: { emails: ['ben@msp.example'], accounts: [] } }, expected: false },
    { because: 'somebody of the customer in the group of seniors', words: [by('anna'), by('petra')], expected: false },
  ])('of high risk: $because: $expected', ({ words, more, expected }) => {
    expect(approved(ask(words, { leaves: [rule], ...more }))).toEqual([expected]);
  });

  it.each<{ because: string; words: readonly Word[]; from: readonly string[]; expected: boolean }>([
    { because: 'the customer has signed too', words: [by('carl'), by('petra')], from: ['petra'], expected: true },
    { because: 'the customer has signed what is about others as well', words: [by('carl'), by('petra', { customers: ['acme', 'other'] })], from: ['petra'], expected: false },
    { because: 'the customer has signed for itself, and one of ours for all', words: [by('carl', { customers: ['acme', 'other'] }), by('petra')], from: ['petra'], expected: true },
    { because: 'the customer has not', words: [by('carl')], from: ['petra'], expected: false },
    { because: 'only the customer has', words: [by('petra')], from: ['petra'], expected: false },
    { because: 'somebody of another customer', words: [by('carl'), by('paul')], from: ['paul'], expected: false },
    { because: 'one of ours is named as the customer', words: [by('carl')], from: ['carl'], expected: false },
  ])('with sign-off: $because: $expected', ({ words, from, expected }) => {
    expect(approved(ask(words, { policies: [{ ...policy, signOff: { from: [...from] } }, policy] }))).toEqual([expected]);
  });

  it.each<{ because: string; words: readonly Word[]; more?: Partial<EvaluateInput>; expected: boolean }>([
    { because: 'one who may, though high risk takes two', words: [by('anna', { emergency: { reason: 'x', ticket: 'T-1' } })], expected: true },
    { because: 'the author', words: [by('anna', { emergency: { reason: 'x', ticket: 'T-1' } })], more: { authors: { emails: ['anna@msp.example'], accounts: [] } }, expected: true },
    { because: 'one who may not', words: [by('carl', { emergency: { reason: 'x', ticket: 'T-1' } })], expected: false },
    { because: 'one who may, by the change alone', words: [by('carl', { emergency: { reason: 'x', ticket: 'T-1' } })], more: { policies: [{ ...policy, approval: { ...approval, emergency: { from: ['carl'], reviewDays: 3 } } }, policy] }, expected: false },
    { because: 'an ordinary word', words: [by('anna')], expected: false },
    { because: 'no emergency is provided for', words: [by('anna', { emergency: { reason: 'x', ticket: 'T-1' } })], more: { policies: [{ people, approval: { rules: approval.rules } }] }, expected: false },
    { because: 'used up', words: [by('anna', { emergency: { reason: 'x', ticket: 'T-1' } })], more: { used: new Set(['signature of anna leaf-rule']) }, expected: false },
  ])('in an emergency: $because: $expected', ({ words, more, expected }) => {
    expect(approved(ask(words, { leaves: [rule], emergency: true, ...more }))).toEqual([expected]);
  });

  it('tells who could do what is missing, in both languages, and who wrote it', () => {
    const [leaf] = ask([by('anna'), by('ben')], { leaves: [rule], authors: { emails: ['ben@msp.example'], accounts: [] } }).leaves;
    expect(leaf?.missing).toEqual([{ source: 'rule', people: ['anna', 'ben'], count: 2, have: ['anna'], could: [] }]);
    expect(leaf?.why.en).toMatch(/nobody is left who may.*so far anna.*ben wrote it/);
    expect(leaf?.why.de).toMatch(/niemand mehr darf.*bisher anna.*ben hat es geschrieben/);
    expect(ask([]).leaves[0]?.missing[0]?.could).toEqual(['anna', 'ben', 'carl', 'mia']);
  });

  it('tells authors that nobody knows', () => {
    expect(ask([], { authors: { emails: ['x@example', 'noreply@github.com'], accounts: ['', 'web-flow', 'msp-soll[bot]', 'stranger'] } }).warnings.map(({ en }) => en)).toEqual([expect.stringContaining('x@example'), expect.stringContaining('cannot be told'), expect.stringContaining('stranger')]);
  });

  it('says why a word counts nothing, and keeps one person once, with what can be proven offline', () => {
    const evaluation = ask([review('carl'), by('carl'), review('ben', { bot: true }), by('eve'), by('anna', { at: hours(2) })]);
    expect(evaluation.words.map(({ refused }) => refused)).toEqual([undefined, undefined, 'bot', 'unknown', 'future']);
    expect(evaluation.leaves[0]?.by.map(({ person: name, word }) => [name, word.method])).toEqual([['carl', 'signature']]);
  });
});

describe('requirements', () => {
  const leaf = (address: string, risk: LeafFacts['risk']): LeafFacts => ({ digest: 'x', addresses: [address as Address], risk });
  it.each<{ because: string; policy: Policy; customer?: string; leaf: LeafFacts; expected: readonly (readonly [string, readonly string[], number])[] }>([
    { because: 'no rule fits: one of ours', policy: { people, approval: { rules: [{ customers: ['other'], from: ['anna'], count: 1 }] } }, leaf: leaf('acme/sw/vlan/a', 'low'), expected: [['default', ['anna', 'ben', 'carl', 'mia'], 1]] },
    { because: 'no rule fits, high risk: two', policy: { people, approval: { rules: [{ customers: ['other'], from: ['anna'], count: 1 }] } }, leaf: leaf('acme/sw/vlan/a', 'critical'), expected: [['default', ['anna', 'ben', 'carl', 'mia'], 2]] },
    { because: 'a rule for everything does not speak of high risk: two of those it names', policy: { people, approval: { rules: [{ from: ['senior'], count: 1 }] } }, leaf: leaf('acme/sw/vlan/a', 'high'), expected: [['rule', ['anna', 'ben'], 1], ['default', ['anna', 'ben'], 2]] },
    { because: 'a rule that says one is enough for high risk', policy: { people, approval: { rules: [{ risk: ['high'], from: ['senior'], count: 1 }] } }, leaf: leaf('acme/sw/vlan/a', 'high'), expected: [['rule', ['anna', 'ben'], 1]] },
    { because: 'every rule that fits, by customer, kind and risk', policy, customer: 'praxis-x', leaf: leaf('praxis-x/fw/firewall-rule/a', 'critical'), expected: [['rule', ['anna', 'ben', 'carl', 'mia'], 1], ['rule', ['anna', 'ben'], 2], ['rule', ['anna'], 1]] },
    { because: 'a pattern does not fit part of a name', policy, customer: 'my-praxis-x', leaf: leaf('my-praxis-x/fw/firewall-rule/a', 'low'), expected: [['rule', ['anna', 'ben', 'carl', 'mia'], 1]] },
    { because: 'of a leaf with several kinds each counts', policy: { people, approval: { rules: [{ kinds: ['zone'], from: ['anna'], count: 1 }] } }, leaf: { digest: 'x', addresses: ['acme/fw/firewall-rule/a', 'acme/fw/zone/b'] as Address[], risk: 'low' }, expected: [['rule', ['anna'], 1]] },
    { because: 'sign-off without any rules: our default beside it', policy: { people, signOff: { from: ['petra'] } }, leaf: leaf('acme/sw/vlan/a', 'low'), expected: [['default', ['anna', 'ben', 'carl', 'mia'], 1], ['sign-off', ['petra'], 1]] },
    { because: 'sign-off for other kinds', policy: { people, approval: { rules: [{ from: ['anna'], count: 1 }] }, signOff: { kinds: ['user'], from: ['petra'] } }, leaf: leaf('acme/sw/vlan/a', 'low'), expected: [['rule', ['anna'], 1]] },
    { because: 'a rule that names nobody who is there can be met by nobody', policy: { people, approval: { rules: [{ from: ['gone'], count: 1 }] } }, leaf: leaf('acme/sw/vlan/a', 'low'), expected: [['rule', [], 1]] },
  ])('$because', ({ policy: given, customer, leaf: facts, expected }) => {
    expect(inForce(given)).toBe(true);
    expect(requirementsOf(given, customer ?? 'acme', facts).map(({ source, people: names, count }) => [source, names, count])).toEqual(expected);
  });
});
