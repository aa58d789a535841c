import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, type Address, type JsonObject } from '#contract';
import { merkleRoot } from '#core/merkle-root';
import type { Plan } from '#core/model';
import { leavesMatchDigest, matchApproval, type Approved, type Match } from '../../src/plan/match-approval.ts';
import { planCustomer } from '../../src/plan/plan-customer.ts';
import { at, desired, live, planInput } from './plan-fixture.ts';

const user = (name: string): Address => at('m365', 'user', name);
const person = (name: string, extra: JsonObject = {}): JsonObject => ({ userPrincipalName: name, ...extra });

/** People to create: name -> manager. */
function plan(people: Readonly<Record<string, string | null>>, firewall: readonly string[] = []): Plan {
  return planCustomer(planInput({
    desired: [
      ...Object.entries(people).map(([name, manager]) => desired(user(name), person(name, manager === null ? {} : { manager }))),
      ...firewall.map((name) => desired(at('fw1', 'address-group', name), { members: [] })),
    ],
  }));
}

function told(made: Plan, { apply, stale, unapproved }: Match): { apply: readonly string[]; stale: readonly string[]; unapproved: readonly string[] } {
  const names = (addresses: readonly Address[]): string => addresses.map((address) => parseAddress(address).name).join('+');
  return {
    apply: made.leaves.filter(({ digest }) => apply.has(digest)).map(({ addresses }) => names(addresses)),
    stale: stale.map(({ addresses, why }) => `${names(addresses)}: ${why}`),
    unapproved: unapproved.map(({ addresses }) => names(addresses)),
  };
}

const approve = ({ digest, leaves }: Plan): Approved => ({ digest, leaves });

describe('matchApproval', () => {
  it.each<{ because: string; approved: Plan; now: Plan; apply?: readonly string[]; stale?: readonly string[]; unapproved?: readonly string[] }>([
    { because: 'the same plan is approved as it is', approved: plan({ a: null, b: null }), now: plan({ a: null, b: null }), apply: ['a', 'b'] },
    { because: 'what is new waits, what was approved goes', approved: plan({ a: null }), now: plan({ a: null, b: null }), apply: ['a'], unapproved: ['b'] },
    { because: 'what went away is told', approved: plan({ a: null, b: null }), now: plan({ a: null }), apply: ['a'], stale: ['b: no longer part of the plan'] },
    { because: 'what moved must be approved again', approved: plan({ a: null, b: null }), now: plan({ a: 'boss', b: null }), apply: ['b'], stale: ['a: changed since it was approved'], unapproved: ['a'] },
    { because: 'what depends on something that moved stops with it', approved: plan({ z: null, a: 'z', b: null }), now: plan({ z: 'boss', a: 'z', b: null }), apply: ['b'], stale: ['z: changed since it was approved', 'a: changed since it was approved'], unapproved: ['z', 'a'] },
    { because: 'a firewall commits at once, so one more rule makes all of it stale', approved: plan({ a: null }, ['x']), now: plan({ a: null }, ['x', 'y']), apply: ['a'], stale: ['x: changed since it was approved'], unapproved: ['x+y'] },
  ])('$because', ({ approved, now, apply = [], stale = [], unapproved = [] }) => {
    const match = told(now, matchApproval(now, approve(approved)));
    expect(match.apply).toEqual(apply);
    expect([...match.stale].sort()).toEqual([...stale].sort());
    expect([...match.unapproved].sort()).toEqual([...unapproved].sort());
  });

  it.each<{ because: string; approved: (now: Plan, old: Plan) => Approved }>([
    { because: 'a digest alone approves that plan only', approved: (_, old) => ({ digest: old.digest }) },
    { because: 'leaves that do not add up to the digest approve nothing', approved: (now, old) => ({ digest: old.digest, leaves: now.leaves }) },
    { because: 'one leaf smuggled in spoils all of them', approved: (now, old) => ({ digest: old.digest, leaves: [...old.leaves, ...now.leaves] }) },
    { because: 'no leaves at all approve nothing', approved: (_, old) => ({ digest: old.digest, leaves: [] }) },
    { because: 'a root is no leaf', approved: (now, old) => ({ digest: old.digest, leaves: now.leaves.map((leaf) => ({ ...leaf, digest: merkleRoot([leaf.digest]) })) }) },
  ])('applies nothing: $because', ({ approved }) => {
    const now = plan({ a: null, b: null });
    expect([...matchApproval(now, approved(now, plan({ a: null }))).apply]).toEqual([]);
  });

  it('a part that lacks what it needs is not applied, and no intent of it is recorded', () => {
    const now = plan({ z: null, a: 'z', b: null });
    const leaves = now.leaves.filter(({ addresses }) => !addresses.includes(user('z')));
    const match = told(now, matchApproval(now, { digest: merkleRoot(leaves.map(({ digest }) => digest)), leaves }));
    expect(match).toEqual({ apply: ['b'], stale: ['a: needs a change that was not approved'], unapproved: ['z'] });
  });

  it('applies only what is in both plans, and every leaf is either applied or unapproved', () => {
    const people = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('m', 'n', null), { noNullPrototype: true });
    fc.assert(fc.property(people, people, (before, after) => {
      const [old, now] = [plan(before), plan(after)];
      const { apply, stale, unapproved } = matchApproval(now, approve(old));
      const approved = new Set(old.leaves.map(({ digest }) => digest));
      expect(leavesMatchDigest(approve(old))).toBe(true);
      expect([...apply].every((digest) => approved.has(digest))).toBe(true);
      expect([...apply, ...unapproved.map(({ digest }) => digest)].sort()).toEqual(now.leaves.map(({ digest }) => digest).sort());
      expect(apply.size + stale.length).toBe(old.leaves.length);
      // What may be applied never waits for something that may not.
      expect(now.leaves.filter(({ digest }) => apply.has(digest)).flatMap((leaf) => leaf.after).every((digest) => apply.has(digest))).toBe(true);
    }));
  });
});

describe('a leaf', () => {
  it('names what it needs first', () => {
    const { leaves } = plan({ z: null, a: 'z' });
    const byName = new Map(leaves.map((leaf) => [parseAddress(leaf.addresses[0] ?? '').name, leaf]));
    expect(byName.get('a')?.after).toEqual([byName.get('z')?.digest]);
  });

  it('holds what is taken over and let go, so that these are approved as well', () => {
    const made = planCustomer(planInput({ desired: [desired(user('a'), person('a'))], live: [live(user('a'), person('a'))] }));
    expect(made.leaves.map(({ batch, unit }) => `${batch} ${unit}`)).toEqual(['m365/ledger change']);
  });
});
