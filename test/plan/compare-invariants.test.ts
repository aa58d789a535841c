/** What must hold of every comparison, whatever was written, found and recorded. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Address, Desired, JsonObject, Live, Mode } from '#contract';
import { equalJson } from '#core/canonical-json';
import type { LedgerEntry } from '#core/model';
import { kinds } from '#kinds/registry';
import { compareTarget, type CompareInput, type Comparison } from '../../src/plan/compare-target.ts';
import { at, capabilitiesOf, desired, entry, live, targetOf } from './plan-fixture.ts';

const names = ['a', 'b', 'c', 'd'].map((name) => at('m365', 'user', name));
const spec = (address: Address): fc.Arbitrary<JsonObject> => fc.record({ jobTitle: fc.constantFrom('x', 'y', null), department: fc.constantFrom('x', 'y') }, { requiredKeys: [], noNullPrototype: true })
  .map((fields) => ({ userPrincipalName: address.split('/').at(-1) ?? '', ...fields }));
const some = <T,>(make: (address: Address) => fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.subarray(names).chain((list) => fc.tuple(...list.map(make)));

const desiredList: fc.Arbitrary<Desired[]> = some((address) => spec(address).map((value) => desired(address, value)));
const liveList: fc.Arbitrary<Live[]> = some((address) => fc.record({ value: spec(address), origin: fc.constantFrom<Live['origin']>('ours', 'foreign', 'system'), locked: fc.boolean(), bin: fc.integer({ min: 0, max: 3 }) })
  .map(({ value, origin, locked, bin }) => live(address, value, { origin, ...(locked ? { readOnly: 'synced' } : {}), ...(bin === 0 ? { recoverable: {} } : {}) })));
const ledgerList: fc.Arbitrary<Readonly<Record<Address, LedgerEntry>>> = some((address) => spec(address).map((value) => Object.entries(entry(address, value)))).map((list) => Object.fromEntries(list.flat()));
const inputs: fc.Arbitrary<CompareInput> = fc.record({ desired: desiredList, live: liveList, ledger: ledgerList, mode: fc.constantFrom<Mode>('observe', 'merge', 'exclusive'), written: fc.boolean() })
  .map(({ mode, written, ...rest }) => ({ ...rest, kinds, capabilities: capabilitiesOf('object'), target: targetOf('m365', 'tenant', mode), written: written || rest.desired.length > 0 ? ['user'] : [] }));

const modeOf = (input: CompareInput): Mode => input.target.manages['user'] ?? 'observe';
const there = (input: CompareInput, address: Address): Live | undefined => input.live.find((each) => each.address === address && each.recoverable === undefined);

function always(because: string, holds: (input: CompareInput, result: Comparison) => void): void {
  it(because, () => {
    fc.assert(fc.property(inputs, (input) => {
      holds(input, compareTarget(input));
    }), { numRuns: 400 });
  });
}

describe('in every comparison', () => {
  always('observing changes nothing', (input, { changes }) => {
    if (modeOf(input) === 'observe') expect(changes).toEqual([]);
  });
  always('what belongs to the system or is locked is never written', (input, { changes }) => {
    expect(changes.filter(({ address }) => there(input, address)?.origin === 'system' || there(input, address)?.readOnly !== undefined)).toEqual([]);
  });
  always('only what we applied is deleted, unless the mode is exclusive', (input, { changes }) => {
    const deleted = changes.filter(({ verb }) => verb === 'delete');
    expect(deleted.filter(({ address }) => input.ledger[address] === undefined && modeOf(input) !== 'exclusive')).toEqual([]);
  });
  always('nothing that is written is deleted, and nothing at all where the key is not written', (input, { changes }) => {
    const deleted = changes.filter(({ verb }) => verb === 'delete').map(({ address }) => address);
    expect(deleted.filter((address) => input.desired.some((each) => each.address === address))).toEqual([]);
    if (input.written.length === 0) expect(deleted).toEqual([]);
  });
  always('each address is spoken of at most once', (_, { changes, ledgerOnly, findings }) => {
    const all = [...changes, ...ledgerOnly, ...findings].map(({ address }) => address);
    expect(all).toHaveLength(new Set(all).size);
  });
  always('a create is of what is not there, an update and a delete of what is', (input, { changes }) => {
    for (const { verb, address } of changes) expect(there(input, address) !== undefined).toBe(verb !== 'create');
  });
  always('an update changes something, and only what is written', (input, { changes }) => {
    for (const { address, before, after } of changes.filter(({ verb }) => verb === 'update')) {
      expect(equalJson(before, after)).toBe(false);
      const wanted = input.desired.find((each) => each.address === address)?.spec;
      expect(equalJson(after, wanted)).toBe(true);
      expect(Object.keys(before ?? {}).every((field) => wanted !== undefined && field in wanted)).toBe(true);
    }
  });
  always('the reason follows from the three sides', (input, { changes }) => {
    for (const { address, reason, verb } of changes) {
      const applied = input.ledger[address];
      if (verb === 'delete') expect(reason).toBe(applied === undefined ? 'drift' : 'removed');
      else if (applied === undefined) expect(reason).toBe(verb === 'create' ? 'new' : 'adopted');
      else expect(verb === 'create' ? ['drift', 'conflict'] : ['changed', 'drift', 'conflict']).toContain(reason);
    }
  });
  always('what is written is done, told, taken over or right already', (input, { changes, ledgerOnly, findings }) => {
    const spoken = new Set([...changes, ...ledgerOnly, ...findings].map(({ address }) => address));
    for (const wanted of input.desired.filter(({ address }) => !spoken.has(address))) {
      const found = there(input, wanted.address)?.spec;
      expect(found !== undefined && Object.entries(wanted.spec).every(([field, value]) => equalJson(found[field] ?? null, value))).toBe(true);
    }
  });
});
