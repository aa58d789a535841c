/** A customer leaves: what the plan consists of then. */
import { describe, expect, it } from 'vitest';
import { parseAddress, type Address, type JsonObject } from '#contract';
import { planCustomer } from '../../src/plan/plan-customer.ts';
import { at, desired, entry, live, planInput, type Scene } from './plan-fixture.ts';

const office = at('fw1', 'address-group', 'office');
const branch = at('fw1', 'address-group', 'branch');
const anna = at('m365', 'user', 'anna@nord.example');
const spec: JsonObject = { members: ['192.0.2.1'] };
const user: JsonObject = { userPrincipalName: 'anna@nord.example', displayName: 'Anna' };
const applied = { ...entry(office, spec), ...entry(anna, user) };
const there = [live(office, spec), live(anna, user)];

function plan(act: 'release' | 'remove', scene: Scene, unreachable: readonly string[] = []): ReturnType<typeof planCustomer> {
  const input = planInput({ allowDeletes: 10, ...scene });
  return planCustomer({
    ...input, state: { ...input.state, offboarding: { act, reason: 'Ende' } },
    readings: input.readings.map((reading) => (unreachable.includes(reading.target) ? { status: 'unreachable', target: reading.target, code: 'unreachable', why: 'off' } : reading)),
  });
}

function told({ targets, leaves, problems }: ReturnType<typeof planCustomer>): { readonly does: readonly string[]; readonly leaves: number; readonly problems: readonly string[] } {
  const changes = targets.flatMap(({ status, batches, ledgerOnly }) => (status === 'ready' ? [...batches.flatMap((batch) => batch.changes), ...ledgerOnly] : []));
  return { does: changes.map(({ verb, address }) => `${verb} ${parseAddress(address).name}`).sort(), leaves: leaves.length, problems: problems.map(({ code }) => code) };
}

interface Row {
  readonly because: string;
  readonly act: 'release' | 'remove';
  readonly scene: Scene;
  readonly unreachable?: readonly string[];
  readonly does: readonly string[];
  readonly problems?: readonly string[];
}

describe('off-boarding', () => {
  it.each<Row>([
    { because: 'release lets go of everything, whatever is written', act: 'release', scene: { desired: [desired(office, { members: ['192.0.2.9'] }), desired(branch, spec)], live: there, ledger: { entries: applied } }, does: ['release anna@nord.example', 'release office'] },
    { because: 'release does not need the targets', act: 'release', scene: { ledger: { entries: applied } }, unreachable: ['fw1', 'm365'], does: ['release anna@nord.example', 'release office'] },
    { because: 'remove deletes what soll applied, also what is still written', act: 'remove', scene: { desired: [desired(office, spec)], live: there, ledger: { entries: applied } }, does: ['delete anna@nord.example', 'delete office'] },
    { because: 'remove leaves what others made', act: 'remove', scene: { mode: 'exclusive', live: [...there, live(branch, spec, { origin: 'foreign' })], ledger: { entries: applied } }, does: ['delete anna@nord.example', 'delete office'] },
    { because: 'what is protected stays and is let go of', act: 'remove', scene: { live: there, ledger: { entries: applied }, customer: { protected: ['m365/user/anna*'] } }, does: ['delete office', 'release anna@nord.example'] },
    { because: 'so does what was protected when it was applied last', act: 'remove', scene: { live: there, ledger: { entries: applied, protected: ['m365/user/anna*'] } }, does: ['delete office', 'release anna@nord.example'] },
    { because: 'what is only observed is let go of', act: 'remove', scene: { mode: 'observe', live: there, ledger: { entries: applied } }, does: ['release anna@nord.example', 'release office'] },
    { because: 'what cannot be deleted is let go of', act: 'remove', scene: { live: [live(office, spec, { undeletable: 'built in' }), live(anna, user, { readOnly: 'synced' })], ledger: { entries: applied } }, does: ['release anna@nord.example', 'release office'] },
    { because: 'what is gone already is let go of', act: 'remove', scene: { live: [live(office, spec)], ledger: { entries: applied } }, does: ['delete office', 'release anna@nord.example'] },
    { because: 'remove waits for a target that does not answer', act: 'remove', scene: { live: there, ledger: { entries: applied } }, unreachable: ['m365'], does: ['delete office'] },
    { because: 'deletes pass the gates or not at all', act: 'remove', scene: { allowDeletes: 0, live: [live(office, spec), live(branch, spec)], ledger: { entries: { ...entry(office, spec), ...entry(branch, spec) } } }, does: [], problems: ['gate.deletes'] },
    { because: 'when nothing is held any more the folder may go', act: 'release', scene: { desired: [desired(office, spec)], live: there }, does: [], problems: ['customer.offboarded'] },
    { because: 'resources of a target that is not written any more are told', act: 'release', scene: { ledger: { entries: { ...applied, ...entry(at('old', 'user', 'x'), user) } } }, does: ['release anna@nord.example', 'release office'], problems: ['offboarding.unknown-target'] },
  ])('$because', ({ act, scene, unreachable, does, problems }) => {
    expect(told(plan(act, scene, unreachable))).toEqual({ does, leaves: does.length === 0 ? 0 : expect.any(Number) as number, problems: problems ?? [] });
  });

  it('a user is deleted before the manager it names', () => {
    const boss = at('m365', 'user', 'boss@nord.example');
    const [worker, chief]: readonly JsonObject[] = [{ ...user, manager: 'boss@nord.example' }, { userPrincipalName: 'boss@nord.example' }];
    const { targets } = plan('remove', { live: [live(anna, worker ?? {}), live(boss, chief ?? {})], ledger: { entries: { ...entry(anna, worker ?? {}), ...entry(boss, chief ?? {}) } } });
    expect(targets.flatMap(({ batches }) => batches.flatMap(({ changes }) => changes.map(({ address }: { readonly address: Address }) => parseAddress(address).name)))).toEqual(['anna@nord.example', 'boss@nord.example']);
  });
});
