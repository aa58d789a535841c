import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Address, Change, Reason } from '#contract';
import { emptyLedger } from '#core/load-ledger';
import type { Ledger } from '#core/model';
import { checkGates, type GateInput } from '../../src/plan/check-gates.ts';
import { gateFleet } from '../../src/plan/gate-fleet.ts';
import { planCustomer } from '../../src/plan/plan-customer.ts';
import { at, entry, live, planInput } from './plan-fixture.ts';

const group = (index: number): Address => at('fw1', 'address-group', `g${String(index)}`);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const remove = (address: Address): Change => ({ verb: 'delete', address, reason: 'removed', before: {} });

function ledgerOf(owned: number): Ledger {
  const entries: Ledger['entries'] = Object.fromEntries(numbers(owned).flatMap((index) => Object.entries(entry(group(index), { members: [] }))));
  return { ...emptyLedger('nord'), entries };
}

function gates(extra: Partial<GateInput>): readonly string[] {
  return checkGates({ customer: 'nord', target: 'fw1', changes: [], ledger: ledgerOf(0), limits: { deletes: 1, deleteShare: 0.1 }, protected: [], allowDeletes: 0, ...extra }).map(({ code }) => code);
}

describe('gate of deletes', () => {
  it.each([
    { owned: 5, deletes: 1, allow: 0, stops: false, because: 'one delete passes the absolute limit' },
    { owned: 5, deletes: 2, allow: 0, stops: true, because: 'two of five are over both limits' },
    { owned: 20, deletes: 2, allow: 0, stops: false, because: 'two of twenty are a tenth, which passes' },
    { owned: 20, deletes: 3, allow: 0, stops: true, because: 'three of twenty are over a tenth' },
    { owned: 5, deletes: 5, allow: 5, stops: false, because: 'the operator named the number' },
    { owned: 5, deletes: 5, allow: 4, stops: true, because: 'the operator named a smaller number' },
    { owned: 0, deletes: 2, allow: 0, stops: true, because: 'a share of nothing is nothing (mode exclusive on a first run)' },
    { owned: 0, deletes: 0, allow: 0, stops: false, because: 'no deletes, no gate' },
  ])('$deletes of $owned with $allow allowed: $because', ({ owned, deletes, allow, stops }) => {
    expect(gates({ changes: numbers(deletes).map((index) => remove(group(index))), ledger: ledgerOf(owned), allowDeletes: allow })).toEqual(stops ? ['gate.deletes'] : []);
  });

  it('counts each kind by itself, so that many of one kind do not cover another', () => {
    const services = numbers(2).map((index) => remove(at('fw1', 'service', `s${String(index)}`)));
    expect(gates({ changes: services, ledger: ledgerOf(100) })).toEqual(['gate.deletes']);
  });

  it('is a refusal by a limit and says the number that would pass', () => {
    const changes = numbers(3).map((index) => remove(group(index)));
    const [problem] = checkGates({ customer: 'nord', target: 'fw1', changes, ledger: ledgerOf(3), limits: { deletes: 1, deleteShare: 0.1 }, protected: [], allowDeletes: 0 });
    expect(problem).toMatchObject({ gate: true, severity: 'error', customer: 'nord', target: 'fw1' });
    expect(problem?.hint).toContain('--allow-deletes 3');
  });

  it('never lets more through when more is deleted, and always lets the named number through', () => {
    fc.assert(fc.property(fc.nat(30), fc.nat(30), fc.nat(30), fc.nat(5), fc.double({ min: 0, max: 1, noNaN: true }), (owned, few, more, deletes, deleteShare) => {
      const stops = (count: number, allowDeletes: number): boolean => gates({ changes: numbers(count).map((index) => remove(group(index))), ledger: ledgerOf(owned), limits: { deletes, deleteShare }, allowDeletes }).length > 0;
      if (stops(few, 0)) expect(stops(few + more, 0)).toBe(true);
      expect(stops(few, few)).toBe(false);
    }));
  });
});

describe('gate of protection', () => {
  const boss = at('m365', 'user', 'chef@nord.de');
  const odd = at('fw1', 'firewall-rule', 'a/b');
  const update = (reason: Reason, extra: Partial<Change> = {}): Change => ({ verb: 'update', address: boss, reason, before: {}, after: {}, ...extra });
  it.each<{ because: string; patterns: readonly string[]; change: Change; stops: boolean }>([
    { because: 'what is protected cannot be deleted', patterns: ['m365/user/chef@nord.de'], change: remove(boss), stops: true },
    { because: 'nor overwritten from YAML', patterns: ['m365/user/chef@nord.de'], change: update('changed'), stops: true },
    { because: 'nor taken over by a write', patterns: ['m365/user/chef@nord.de'], change: update('adopted'), stops: true },
    { because: 'nor overwritten when both moved', patterns: ['m365/user/chef@nord.de'], change: update('conflict'), stops: true },
    { because: 'nor renamed away', patterns: ['m365/user/chef@nord.de'], change: update('changed', { address: at('m365', 'user', 'neu@nord.de'), was: boss }), stops: true },
    { because: 'putting back what was applied is what protection wants', patterns: ['m365/user/chef@nord.de'], change: update('drift'), stops: false },
    { because: 'making it again is what protection wants', patterns: ['m365/user/chef@nord.de'], change: { verb: 'create', address: boss, reason: 'drift', after: {} }, stops: false },
    { because: 'a star stands for any text in one part', patterns: ['m365/*/chef@*'], change: remove(boss), stops: true },
    { because: 'a star stands for a new line as well', patterns: ['fw1/service/*'], change: remove(at('fw1', 'service', 'a\nb')), stops: true },
    { because: 'a star in one part is not a star in the next', patterns: ['m365/*'], change: remove(boss), stops: false },
    { because: 'a dot is a dot', patterns: ['m365/user/chef@nordxde'], change: remove(boss), stops: false },
    { because: 'a pattern covers the whole name', patterns: ['m365/user/chef'], change: remove(boss), stops: false },
    { because: 'sign-in names know no case', patterns: ['M365/User/Chef@Nord.DE'], change: remove(boss), stops: true },
    { because: 'another target is another target', patterns: ['fw1/user/chef@nord.de'], change: remove(boss), stops: false },
    { because: 'a slash in a name belongs to the name', patterns: ['fw1/firewall-rule/a/b'], change: remove(odd), stops: true },
  ])('$because', ({ patterns, change, stops }) => {
    expect(gates({ changes: [change], protected: patterns, allowDeletes: 9 })).toEqual(stops ? ['gate.protected'] : []);
    // Removed from YAML in the same commit: the protection of the last run still holds.
    expect(gates({ changes: [change], ledger: { ...ledgerOf(0), protected: patterns }, allowDeletes: 9 })).toEqual(stops ? ['gate.protected'] : []);
  });

  it('reads no pattern as an expression', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary-ascii', minLength: 1 }), (name) => {
      const change = remove(at('fw1', 'service', name));
      expect(gates({ changes: [change], protected: [`fw1/service/${name}`] })).toEqual(['gate.protected']);
    }));
  });
});

describe('gate of the fleet', () => {
  const plan = (deletes: number): ReturnType<typeof planCustomer> => planCustomer(planInput({
    live: numbers(deletes).map((index) => live(group(index), { members: [] })), ledger: ledgerOf(deletes), allowDeletes: deletes,
  }));
  it.each([
    { deletes: [2, 3], limit: 5, allowed: 0, stops: false, because: 'five of five pass' },
    { deletes: [2, 4], limit: 5, allowed: 0, stops: true, because: 'small plans of many customers add up' },
    { deletes: [2, 4], limit: 5, allowed: 6, stops: false, because: 'the operator named the number' },
    { deletes: [2, 4], limit: 5, allowed: 2, stops: true, because: 'a smaller named number lowers or lifts nothing' },
    { deletes: [], limit: 0, allowed: 0, stops: false, because: 'no customers, no deletes' },
  ])('$deletes over $limit: $because', ({ deletes, limit, allowed, stops }) => {
    expect(gateFleet(deletes.map(plan), limit, allowed).map(({ code }) => code)).toEqual(stops ? ['gate.fleet-deletes'] : []);
  });
});
