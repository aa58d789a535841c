/** `soll log --resource`: which versions belong to one resource, and which to another of the same name. */
import { describe, expect, it } from 'vitest';
import type { Address } from '#contract';
import { parsePeriod, touchesPeriod } from '#core/period';
import { addressOfSelector, resourceHistory } from '../../src/audit/resource-history.ts';
import { handMade, type HandMadeRun } from './hand-made.ts';

const vlan = (name: string): Address => `acme/store/vlan/${name}`;
const day = (number: number): string => `2026-01-0${String(number)}T10:00:00.000Z`;

const created: HandMadeRun = { run: 'r1', at: day(1), verdict: 'converged', changes: [{ address: vlan('office'), verb: 'create', after: { id: 10 } }, { address: vlan('guests'), verb: 'create', after: { id: 20 } }] };

describe('versions of one resource', () => {
  it.each<{ because: string; runs: readonly HandMadeRun[]; ask: string; expected: readonly string[] }>([
    { because: 'only its own, newest first', runs: [created, { run: 'r2', at: day(2), verdict: 'converged', changes: [{ address: vlan('office'), verb: 'update', before: { id: 10 }, after: { id: 11 } }] }], ask: 'office', expected: ['r2 update done converged', 'r1 create done converged'] },
    { because: 'a rename is followed back from the new name', runs: [created, { run: 'r2', at: day(2), verdict: 'converged', changes: [{ address: vlan('bureau'), was: vlan('office'), verb: 'update', before: { id: 10 }, after: { id: 10 } }] }], ask: 'bureau', expected: ['r2 update done converged', 'r1 create done converged'] },
    { because: 'and forward from the old one', runs: [created, { run: 'r2', at: day(2), verdict: 'converged', changes: [{ address: vlan('bureau'), was: vlan('office'), verb: 'update' }] }, { run: 'r3', at: day(3), verdict: 'converged', changes: [{ address: vlan('bureau'), verb: 'delete' }] }], ask: 'office', expected: ['r3 delete done converged', 'r2 update done converged', 'r1 create done converged'] },
    { because: 'what takes a name that became free is another resource', runs: [created, { run: 'r2', at: day(2), verdict: 'converged', changes: [{ address: vlan('bureau'), was: vlan('office'), verb: 'update' }] }, { run: 'r3', at: day(3), verdict: 'converged', changes: [{ address: vlan('office'), verb: 'create' }] }], ask: 'bureau', expected: ['r2 update done converged', 'r1 create done converged'] },
    { because: 'a rename that was refused renames nothing', runs: [created, { run: 'r2', at: day(2), verdict: 'partial', outcomes: [{ status: 'rejected', code: 'rejected', why: 'no' }], changes: [{ address: vlan('bureau'), was: vlan('office'), verb: 'update' }] }, { run: 'r3', at: day(3), verdict: 'converged', changes: [{ address: vlan('office'), verb: 'delete' }] }], ask: 'office', expected: ['r3 delete done converged', 'r2 update rejected partial', 'r1 create done converged'] },
    { because: 'what was taken back says so', runs: [{ ...created, verdict: 'reverted', why: 'not confirmed' }], ask: 'office', expected: ['r1 create done reverted'] },
    { because: 'what nobody saw the end of is open', runs: [{ ...created, verdict: undefined } as unknown as HandMadeRun], ask: 'office', expected: ['r1 create - open'] },
    { because: 'nothing of what was never there', runs: [created], ask: 'nothing', expected: [] },
  ])('$because', ({ runs, ask, expected }) => {
    expect(resourceHistory(handMade(runs), vlan(ask)).map(({ run, verb, outcome, verdict }) => `${run} ${verb} ${outcome?.status ?? '-'} ${verdict}`)).toEqual(expected);
  });

  it('before and after are told field by field', () => {
    const [version] = resourceHistory(handMade([{ run: 'r1', at: day(1), verdict: 'converged', changes: [{ address: vlan('office'), verb: 'update', before: { id: 10, name: 'a' }, after: { id: 11, name: 'a' } }] }]), vlan('office'));
    expect(version?.fields).toEqual([{ path: '/id', op: 'replace', before: 10, after: 11 }]);
    expect(version?.approvals.map(({ approver }) => approver)).toEqual(['anna']);
  });
});

it.each<[string, string | undefined]>([
  ['store/vlan/office', 'acme/store/vlan/office'], ['acme/store/vlan/office', 'acme/store/vlan/office'], ['m365/user/anna@acme.example', 'acme/m365/user/anna@acme.example'],
  ['acme/m365/user/a%20b', 'acme/m365/user/a%20b'], ['acme/m365/user/a%2fb', 'acme/m365/user/a%2Fb'], ['acme/m365/user/100%', 'acme/m365/user/100%25'], ['fw/service/a/b', 'acme/fw/service/a%2Fb'], ['store/vlan', undefined], ['store//office', undefined], ['', undefined],
])('%s selects %s', (selector, address) => { expect(addressOfSelector('acme', selector)).toBe(address); });

describe('a period', () => {
  it.each<{ because: string; since?: string; until?: string; at: string; end?: string; inside: boolean }>([
    { because: 'the first day is in it', since: '2026-01-02', at: '2026-01-02T00:00:00.000Z', end: '2026-01-02T00:00:00.000Z', inside: true },
    { because: 'the day before is not', since: '2026-01-02', at: '2026-01-01T23:00:00.000Z', end: '2026-01-01T23:59:59.999Z', inside: false },
    { because: 'the last day is in it, to its end', until: '2026-01-02', at: '2026-01-02T23:59:59.999Z', end: '2026-01-02T23:59:59.999Z', inside: true },
    { because: 'the day after is not', until: '2026-01-02', at: '2026-01-03T00:00:00.000Z', end: '2026-01-03T00:00:00.000Z', inside: false },
    { because: 'what began before and ended in it is in it', since: '2026-01-02', at: '2026-01-01T10:00:00.000Z', end: '2026-01-02T10:00:00.000Z', inside: true },
    { because: 'what never ended is in every later one', since: '2026-01-09', at: '2026-01-01T10:00:00.000Z', inside: true },
    { because: 'a moment is included', until: '2026-01-02T10:00:00Z', at: '2026-01-02T10:00:00.000Z', inside: true },
    { because: 'and what comes after it is not', until: '2026-01-02T10:00:00Z', at: '2026-01-02T10:00:00.001Z', inside: false },
    { because: 'what has no readable time is never left out', since: '2026-01-02', until: '2026-01-03', at: 'yesterday', end: 'today', inside: true },
  ])('$because', ({ since, until, at, end, inside }) => {
    const period = parsePeriod(since, until);
    if (typeof period === 'string') throw new Error(period);
    expect(touchesPeriod(at, end, period)).toBe(inside);
  });
  it.each([['31.01.2026', undefined], ['2026-02-31', undefined], [undefined, '2026-13-01'], ['2026-01-02', '2026-01-01'], [undefined, 'tomorrow'], ['2026-01-01T10:00', undefined]])('%s to %s is none', (since, until) => {
    expect(typeof parsePeriod(since, until)).toBe('string');
  });
});
