/** What somebody answers for until a day is told and never acted upon, and nothing else is touched by it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress, type Address, type Desired, type JsonObject, type Live, type Mode } from '#contract';
import { equalJson } from '#core/canonical-json';
import type { Accepted, Ledger, LedgerEntry } from '#core/model';
import { kinds } from '#kinds/registry';
import { compareTarget, type CompareInput } from '../../src/plan/compare-target.ts';
import { at, capabilitiesOf, desired, entry, live, summary, targetOf } from './plan-fixture.ts';

function accept(address: Address, fields?: readonly string[]): Accepted {
  return { address, reason: 'Messe', owner: 'anna', until: '2026-12-04', source: { file: 'customers/nord/deviations.yaml', line: 2, column: 5 }, ...(fields === undefined ? {} : { fields }) };
}

interface Row {
  readonly because: string;
  readonly mode?: Mode;
  readonly desired?: readonly Desired[];
  readonly live?: readonly Live[];
  readonly ledger?: Ledger['entries'];
  readonly accepted: readonly Accepted[];
  readonly verbs?: Parameters<typeof capabilitiesOf>[1];
  readonly changes?: readonly string[];
  readonly findings?: readonly string[];
  readonly problems?: readonly string[];
  readonly after?: JsonObject;
}

const office = at('fw1', 'address-group', 'office');
const one: JsonObject = { members: ['192.0.2.1'] };
const two: JsonObject = { members: ['192.0.2.2'] };
const rule = (name: string): Address => at('fw1', 'firewall-rule', `lan.wan.${name}`);
const ruleSpec: JsonObject = { from: 'lan', to: 'wan', action: 'accept' };
const policy = at('fw1', 'firewall-policy', 'lan.wan');
const order = (...names: readonly string[]): JsonObject => ({ from: 'lan', to: 'wan', default: 'drop', order: names });
const anna = at('m365', 'user', 'anna@nord.example');
const user = (fields: JsonObject): JsonObject => ({ userPrincipalName: 'anna@nord.example', ...fields });

function compare(row: Row): ReturnType<typeof compareTarget> {
  return compareTarget({
    target: targetOf('fw1', 'firewall', row.mode ?? 'merge'), capabilities: capabilitiesOf('object', row.verbs), kinds, written: [...kinds.keys()],
    desired: row.desired ?? [], live: row.live ?? [], ledger: row.ledger ?? {}, accepted: row.accepted,
  });
}

describe('an accepted difference', () => {
  it.each<Row>([
    { because: 'changed on the device: told', desired: [desired(office, one)], live: [live(office, two)], ledger: entry(office, one), accepted: [accept(office)], findings: ['accepted office'] },
    { because: 'gone from the device: told', desired: [desired(office, one)], ledger: entry(office, one), accepted: [accept(office)], findings: ['accepted office'] },
    { because: 'made by hand under an exclusive kind: stays', mode: 'exclusive', live: [live(office, one, { origin: 'foreign' })], accepted: [accept(office)], findings: ['accepted office'] },
    { because: 'no longer written: stays while it is accepted', live: [live(office, one)], ledger: entry(office, one), accepted: [accept(office)], findings: ['accepted office'] },
    { because: 'what the provider cannot do is no error where nobody asks for it', desired: [desired(office, one)], live: [live(office, two)], ledger: entry(office, one), verbs: ['create'], accepted: [accept(office)], findings: ['accepted office'] },
    { because: 'what is only observed is accepted, not drift', mode: 'observe', desired: [desired(office, one)], live: [live(office, two)], accepted: [accept(office)], findings: ['accepted office'] },
    { because: 'nothing differs: the entry is told as unneeded', desired: [desired(office, one)], live: [live(office, one)], ledger: entry(office, one), accepted: [accept(office)], problems: ['deviation.unneeded'] },
    { because: 'one field is accepted and only that differs', desired: [desired(anna, user({ jobTitle: 'x', department: 'a' }))], live: [live(anna, user({ jobTitle: 'y', department: 'a' }))], ledger: entry(anna, user({ jobTitle: 'x', department: 'a' })), accepted: [accept(anna, ['jobTitle'])], findings: ['accepted anna@nord.example'] },
    {
      because: 'one field is accepted and another is put back: the accepted one keeps what is there, and the reason is that of the rest',
      desired: [desired(anna, user({ jobTitle: 'x', department: 'a' }))], live: [live(anna, user({ jobTitle: 'y', department: 'b' }))], ledger: entry(anna, user({ jobTitle: 'x', department: 'a' })), accepted: [accept(anna, ['jobTitle'])],
      changes: ['update anna@nord.example drift'], findings: ['accepted anna@nord.example'], after: { ...user({ jobTitle: 'y', department: 'a' }) },
    },
    {
      because: 'one field is accepted and another was edited in YAML: no conflict comes of it',
      desired: [desired(anna, user({ jobTitle: 'x', department: 'b' }))], live: [live(anna, user({ jobTitle: 'y', department: 'a' }))], ledger: entry(anna, user({ jobTitle: 'x', department: 'a' })), accepted: [accept(anna, ['jobTitle'])],
      changes: ['update anna@nord.example changed'], findings: ['accepted anna@nord.example'], after: { ...user({ jobTitle: 'y', department: 'b' }) },
    },
    { because: 'fields say nothing about being there', desired: [desired(office, one)], ledger: entry(office, one), accepted: [accept(office, ['members'])], changes: ['create office drift'], problems: ['deviation.unneeded'] },
    {
      because: 'a rule made by hand keeps its place in the order', mode: 'exclusive', desired: [desired(rule('a'), ruleSpec), desired(rule('b'), ruleSpec), desired(policy, order('a', 'b'))],
      live: [live(rule('a'), ruleSpec), live(rule('b'), ruleSpec), live(rule('hand'), ruleSpec, { origin: 'foreign' }), live(policy, order('a', 'hand', 'b'))],
      ledger: { ...entry(rule('a'), ruleSpec), ...entry(rule('b'), ruleSpec), ...entry(policy, order('a', 'b')) }, accepted: [accept(rule('hand'))], findings: ['accepted lan.wan.hand'],
    },
    {
      because: 'a rule that may be missing is not named by the order', desired: [desired(rule('a'), ruleSpec), desired(rule('b'), ruleSpec), desired(policy, order('a', 'b'))],
      live: [live(rule('a'), ruleSpec), live(policy, order('a'))], ledger: { ...entry(rule('a'), ruleSpec), ...entry(rule('b'), ruleSpec), ...entry(policy, order('a', 'b')) }, accepted: [accept(rule('b'))], findings: ['accepted lan.wan.b'],
    },
    {
      because: 'another rule made by hand beside the accepted one still goes', mode: 'exclusive', desired: [desired(rule('a'), ruleSpec), desired(policy, order('a'))],
      live: [live(rule('a'), ruleSpec), live(rule('hand'), ruleSpec, { origin: 'foreign' }), live(rule('evil'), ruleSpec, { origin: 'foreign' }), live(policy, order('evil', 'a', 'hand'))],
      ledger: { ...entry(rule('a'), ruleSpec), ...entry(policy, order('a')) }, accepted: [accept(rule('hand'))], findings: ['accepted lan.wan.hand'],
      changes: ['delete lan.wan.evil drift', 'update lan.wan drift'], after: { ...order('a', 'hand') },
    },
  ])('$because', (row) => {
    const result = compare(row);
    expect({
      changes: summary(result.changes), findings: result.findings.map(({ kind, address }) => `${kind} ${parseAddress(address).name}`), problems: result.problems.map(({ code }) => code), ledgerOnly: result.ledgerOnly,
    }).toEqual({ changes: row.changes ?? [], findings: row.findings ?? [], problems: row.problems ?? [], ledgerOnly: [] });
    if (row.after !== undefined) expect(result.changes.find(({ verb }) => verb === 'update')?.after).toMatchObject(row.after);
  });

  it('is told with reason, owner and end', () => {
    const { findings } = compare({ because: '', desired: [desired(office, one)], live: [live(office, two)], ledger: entry(office, one), accepted: [accept(office)] });
    expect(findings).toEqual([{ kind: 'accepted', address: office, before: two, after: one, accepted: { reason: 'Messe', owner: 'anna', until: '2026-12-04' } }]);
  });
});

describe('in every comparison', () => {
  const names = ['a', 'b', 'c', 'd'].map((name) => at('m365', 'user', name));
  const spec = (address: Address): fc.Arbitrary<JsonObject> => fc.record({ jobTitle: fc.constantFrom('x', 'y', null), department: fc.constantFrom('x', 'y') }, { requiredKeys: [], noNullPrototype: true }).map((fields) => ({ userPrincipalName: parseAddress(address).name, ...fields }));
  const some = <T,>(make: (address: Address) => fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.subarray(names).chain((list) => fc.tuple(...list.map(make)));
  const ledgerList: fc.Arbitrary<Readonly<Record<Address, LedgerEntry>>> = some((address) => spec(address).map((value) => Object.entries(entry(address, value)))).map((list) => Object.fromEntries(list.flat()));
  const inputs: fc.Arbitrary<CompareInput> = fc.record({
    desired: some((address) => spec(address).map((value) => desired(address, value))), live: some((address) => spec(address).map((value) => live(address, value))), ledger: ledgerList, mode: fc.constantFrom<Mode>('observe', 'merge', 'exclusive'),
    accepted: some((address) => fc.constantFrom(undefined, ['jobTitle'], ['department', 'jobTitle']).map((fields) => accept(address, fields))),
  }).map(({ mode, ...rest }) => ({ ...rest, kinds, capabilities: capabilitiesOf('object'), target: targetOf('m365', 'tenant', mode), written: ['user'] }));

  it('what is accepted is in no change, and everything else is as without it', () => {
    let accepted = 0;
    fc.assert(fc.property(inputs, ({ accepted: list = [], ...input }) => {
      const [plain, result] = [compareTarget(input), compareTarget({ ...input, accepted: list })];
      const spoken = new Map(list.map((each) => [each.address, each]));
      accepted += result.findings.filter(({ kind }) => kind === 'accepted').length;
      for (const { address, before, after } of result.changes) {
        const own = spoken.get(address);
        if (own !== undefined) expect(own.fields).toBeDefined();
        // A create has nothing to keep, a delete takes all.
        if (before !== undefined && after !== undefined) for (const field of own?.fields ?? []) expect(equalJson(before[field] ?? null, after[field] ?? null)).toBe(true);
      }
      const others = <T extends { readonly address: Address }>(of: readonly T[]): readonly T[] => of.filter(({ address }) => !spoken.has(address));
      expect(others(result.changes)).toEqual(others(plain.changes));
      expect(others(result.ledgerOnly)).toEqual(others(plain.ledgerOnly));
      expect(others(result.findings)).toEqual(others(plain.findings));
      // Nothing comes up that would not have come up without it.
      for (const { address } of result.changes) expect(plain.changes.some((change) => change.address === address)).toBe(true);
    }), { numRuns: 400 });
    expect(accepted).toBeGreaterThan(100);
  });
});
