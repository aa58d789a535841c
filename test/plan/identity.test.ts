/** A target that is known by other pins than before: shown, approved first, and what was on the device before is written anew. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#contract';
import type { Ledger, LedgerEntry, Plan, Reading } from '#core/model';
import { planCustomer, type PlanInput } from '../../src/plan/plan-customer.ts';
import { at, desired, entry, live, pin, planInput, summary, type Scene } from './plan-fixture.ts';

const office = at('fw1', 'address-group', 'office');
const branch = at('fw1', 'address-group', 'branch');
const old = 'ssh:SHA256:OLD';
const one: JsonObject = { members: ['192.0.2.1'] };
const two: JsonObject = { members: ['192.0.2.2'] };

const known = (...pins: readonly string[]): Pick<Ledger, 'identities'> => ({ identities: { fw1: { pins, run: 'r0' } } });

interface Row extends Omit<Scene, 'problems'> {
  readonly because: string;
  readonly pins?: readonly string[];
  readonly was?: readonly string[];
  readonly does: readonly string[];
  readonly leaves: number;
  readonly problems?: readonly string[];
}

function planOf({ pins = [pin], was, ...scene }: Pick<Row, 'pins' | 'was'> & Omit<Scene, 'problems'>): Plan {
  const input: PlanInput = planInput(scene);
  const targets = input.state.targets.map((each) => (each.target.name === 'fw1' ? { ...each, target: { ...each.target, identity: pins }, ...(was === undefined ? {} : { replaced: { was, reason: 'broken' } }) } : each));
  return planCustomer({ ...input, state: { ...input.state, targets } });
}

function fw1(plan: Plan): Plan['targets'][number] {
  const found = plan.targets.find(({ target }) => target === 'fw1');
  if (found === undefined) throw new Error('no fw1');
  return found;
}

const entries = { ...entry(office, one), ...entry(branch, one) };
const lost = Object.fromEntries(Object.entries(entries).map(([address, each]): [string, LedgerEntry] => [address, { ...each, lost: true }]));
const away: readonly Reading[] = [{ status: 'unreachable', target: 'fw1', code: 'unreachable', why: 'not asked' }];

describe('the identity of a target', () => {
  test.each<Row>([
    { because: 'the same pins in another order are the same', pins: [old, pin], ledger: { ...known(pin, old), entries }, desired: [desired(office, one), desired(branch, one)], live: [live(office, one), live(branch, one)], does: [], leaves: 0 },
    { because: 'before anything was recorded there is nothing to compare with', desired: [desired(office, one)], does: ['create office new'], leaves: 1 },
    { because: 'a new device is empty: all that was applied is created anew, and it is no drift', was: [old], ledger: { ...known(old), entries }, desired: [desired(office, one), desired(branch, two)], does: ['create branch replaced', 'create office replaced', 'identify fw1 replaced'], leaves: 2 },
    { because: 'what the new device has already is taken over', was: [old], ledger: { ...known(old), entries }, desired: [desired(office, one), desired(branch, one)], live: [live(office, one)], does: ['adopt office adopted', 'create branch replaced', 'identify fw1 replaced'], leaves: 3 },
    { because: 'what it has otherwise is put right', was: [old], ledger: { ...known(old), entries: entry(office, one) }, desired: [desired(office, one)], live: [live(office, two)], does: ['identify fw1 replaced', 'update office replaced'], leaves: 2 },
    { because: 'what is no longer written is let go of, never deleted from a device that nobody applied it to', was: [old], ledger: { ...known(old), entries }, live: [live(office, one)], does: ['identify fw1 replaced', 'release branch removed', 'release office removed'], leaves: 3 },
    { because: 'only where everything goes that nobody wrote it goes as well', mode: 'exclusive', was: [old], ledger: { ...known(old), entries: entry(office, one) }, live: [live(office, one)], customer: { limits: { deletes: 5, deleteShare: 1 } }, does: ['delete office drift', 'identify fw1 replaced'], leaves: 2 },
    { because: 'what an earlier run left unknown does not matter on another device', was: [old], ledger: { ...known(old), entries: entry(office, one), held: { fw1: { run: 'r0', why: 'cut off' } } }, desired: [desired(office, one)], does: ['create office replaced', 'identify fw1 replaced'], leaves: 2 },
    { because: 'once it is accepted, what is still missing is still replaced, not new and no drift', ledger: { ...known(pin), entries: lost }, desired: [desired(office, one), desired(branch, one)], does: ['create branch replaced', 'create office replaced'], leaves: 1 },
    { because: 'a pin that is no longer accepted lets nobody in', ledger: { ...known(old, pin), entries: entry(office, one) }, desired: [desired(office, one)], live: [live(office, one)], does: ['identify fw1 changed'], leaves: 1 },
    { because: 'without an act nothing is planned', readings: away, ledger: { ...known(old), entries }, desired: [desired(office, one)], does: ['identify fw1 changed'], leaves: 0, problems: ['identity.changed'] },
    { because: 'one pin more is a stranger, too', pins: [old, pin], readings: away, ledger: { ...known(old), entries }, desired: [desired(office, one)], does: ['identify fw1 changed'], leaves: 0, problems: ['identity.changed'] },
    { because: 'an act explains its own step and no other', was: ['ssh:SHA256:OLDER'], readings: away, ledger: { ...known(old), entries }, desired: [desired(office, one)], does: ['identify fw1 changed'], leaves: 0, problems: ['identity.changed'] },
  ])('$because', ({ does, leaves, problems = [], because: _because, ...row }) => {
    const plan = planOf(row);
    const { batches, ledgerOnly } = fw1(plan);
    expect(summary([...batches.flatMap(({ changes }) => changes), ...ledgerOnly])).toEqual(does);
    expect(plan.leaves.filter(({ target }) => target === 'fw1')).toHaveLength(leaves);
    expect(plan.problems.map(({ code }) => code)).toEqual(problems);
    expect(plan.summary.drift + plan.summary.conflict - (does.includes('delete office drift') ? 1 : 0)).toBe(0);
  });

  test('is approved before anything else of the target can be: every other leaf needs it, and its approval is of these pins', () => {
    const scene = { was: [old], ledger: { ...known(old), entries }, desired: [desired(office, one), desired(branch, one)], live: [live(branch, one)] };
    const plan = planOf(scene);
    const [identity, ...rest] = plan.leaves;
    expect(identity?.batch).toBe('fw1/identity');
    expect(rest.length).toBeGreaterThan(0);
    for (const leaf of rest) expect(leaf.after).toContain(identity?.digest);
    expect(fw1(plan).batches.slice(1).every(({ after }) => after.includes('fw1/identity'))).toBe(true);
    expect({ risk: plan.risk, status: fw1(plan).status }).toEqual({ risk: 'critical', status: 'ready' });
    expect(planOf({ ...scene, pins: ['ssh:SHA256:OTHER'] }).leaves[0]?.digest).not.toBe(identity?.digest);
    // There and back and there again is another step: an approval is used up.
    expect(planOf({ ...scene, ledger: { ...scene.ledger, identities: { fw1: { pins: [old], run: 'r7' } } } }).leaves[0]?.digest).not.toBe(identity?.digest);
    expect(fw1(plan).batches[0]?.changes[0]).toMatchObject({ before: { identity: [old] }, after: { identity: [pin], why: 'broken' } });
  });

  test('that nobody explains stops the target as critical, and names who and how', () => {
    const plan = planOf({ readings: away, ledger: { ...known(old), entries }, desired: [desired(office, one)] });
    expect({ risk: plan.risk, status: fw1(plan).status }).toEqual({ risk: 'critical', status: 'blocked' });
    const [problem] = plan.problems;
    expect(problem).toMatchObject({ severity: 'error', gate: true, target: 'fw1', source: { file: 'customers/nord/targets.yaml' } });
    for (const text of [old, pin, 'CRITICAL']) expect(problem?.message).toContain(text);
    expect(problem?.hint).toContain(`soll replace nord fw1 --identity ${pin}`);
  });

  test('a protected resource is put back on a new device', () => {
    const scene = { was: [old], ledger: { ...known(old), entries: entry(office, one), protected: ['fw1/address-group/*'] }, customer: { protected: ['fw1/address-group/*'] } };
    expect(planOf({ ...scene, desired: [desired(office, one)], live: [live(office, two)] }).problems).toEqual([]);
    expect(planOf({ ...scene, desired: [desired(office, two)], live: [live(office, one)] }).problems.map(({ code }) => code)).toEqual(['gate.protected']);
  });
});
