/** Drift of a fleet by its cause. */
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#contract';
import type { Plan, Reading } from '#core/model';
import { kinds } from '#kinds/registry';
import { groupDrift } from '../../src/plan/group-drift.ts';
import { planCustomer } from '../../src/plan/plan-customer.ts';
import { at, desired, entry, live, planInput, type Scene } from './plan-fixture.ts';

const office = at('fw1', 'address-group', 'office');
const one: JsonObject = { members: ['192.0.2.1'] };
const two: JsonObject = { members: ['192.0.2.2'] };
const three: JsonObject = { members: ['192.0.2.3'] };
const rule = at('fw1', 'firewall-rule', 'wan.self.rdp');
const open: JsonObject = { from: 'wan', to: 'self', action: 'accept' };

function planFor(customer: string, scene: Scene): Plan {
  return JSON.parse(JSON.stringify(planCustomer(planInput(scene))).replaceAll('nord', customer)) as Plan;
}

const drifted: Scene = { desired: [desired(office, one)], live: [live(office, two)], ledger: { entries: entry(office, one) } };
const byHand: Scene = { mode: 'exclusive', live: [live(rule, open, { origin: 'foreign' })] };
const gone: Scene = { readings: ['fw1', 'm365'].map((target): Reading => ({ status: 'unreachable', target, code: 'unreachable', why: 'no answer' })) };
const shown = (plans: readonly Plan[]): readonly string[] => groupDrift(plans, kinds).causes.map(({ what, kind, name, conflict, risk, at: places }) => `${what} ${kind} ${name}${conflict ? ' conflict' : ''} ${risk}: ${places.map(({ customer }) => customer).join(' ')}`);

describe('groupDrift', () => {
  it.each<{ readonly because: string; readonly plans: Readonly<Record<string, Scene>>; readonly causes: readonly string[] }>([
    { because: 'the same on three customers is one cause', plans: { b: drifted, a: drifted, c: drifted }, causes: ['update address-group office high: a b c'] },
    { because: 'another value is another cause', plans: { a: drifted, b: { ...drifted, live: [live(office, three)] } }, causes: ['update address-group office high: a', 'update address-group office high: b'] },
    { because: 'what weighs most comes first, then what many have', plans: { a: drifted, b: drifted, c: byHand }, causes: ['update address-group office high: a b', 'delete firewall-rule wan.self.rdp high: c'] },
    { because: 'changed on both sides is a cause of its own', plans: { a: drifted, b: { ...drifted, desired: [desired(office, three)] } }, causes: ['update address-group office high: a', 'update address-group office conflict high: b'] },
    { because: 'what was changed in YAML only is no drift', plans: { a: { ...drifted, live: [live(office, one)], desired: [desired(office, two)] } }, causes: [] },
    { because: 'what is only observed is drift all the same', plans: { a: { ...drifted, mode: 'observe' }, b: { mode: 'observe', desired: [desired(office, one)] } }, causes: ['missing address-group office low: b', 'differs address-group office low: a'] },
    { because: 'what is not ours is none', plans: { a: { live: [live(office, one, { origin: 'foreign' })] } }, causes: [] },
    { because: 'unreachable is none', plans: { a: gone }, causes: [] },
  ])('$because', ({ plans, causes }) => {
    expect(shown(Object.entries(plans).map(([customer, scene]) => planFor(customer, scene)))).toEqual(causes);
  });

  it('does not depend on the order of the plans', () => {
    const plans = [planFor('a', drifted), planFor('b', byHand), planFor('c', drifted), planFor('d', gone)];
    expect(JSON.stringify(groupDrift([...plans].reverse(), kinds))).toBe(JSON.stringify(groupDrift(plans, kinds)));
  });

  it('what could not be read is told apart', () => {
    const report = groupDrift([planFor('a', drifted), planFor('b', gone)], kinds);
    expect(report.unreachable).toEqual([{ customer: 'b', target: 'fw1', why: 'no answer' }, { customer: 'b', target: 'm365', why: 'no answer' }]);
    expect([report.customers, report.targets]).toEqual([2, 4]);
  });

  it('a target that is not reached counts for nothing, whatever else its plan says', () => {
    const plan = planFor('a', drifted);
    expect(shown([{ ...plan, targets: plan.targets.map((target) => ({ ...target, status: 'unreachable' })) }])).toEqual([]);
  });

  it('what is accepted is told apart, with who answers for it', () => {
    const input = planInput(drifted);
    const plan = planCustomer({ ...input, state: { ...input.state, accepted: [{ address: office, reason: 'Messe', owner: 'anna', until: '2026-12-04', source: { file: 'x', line: 1, column: 1 } }] } });
    const report = groupDrift([plan], kinds);
    expect([report.causes, report.accepted]).toEqual([[], [{ customer: 'nord', target: 'fw1', address: office, reason: 'Messe', owner: 'anna', until: '2026-12-04' }]]);
  });
});
