/** What an auditor finds, years later and without a code host: each forgery by its own code. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditRecord, OpenBody } from '#core/audit-record';
import { fleetDigest } from '#core/fleet-digest';
import { merkleRoot } from '#core/merkle-root';
import type { Approval } from '#core/model';
import { plainChain } from '../../src/audit/chain.ts';
import { emergencies, verifyApprovals } from '../../src/verify-approvals.ts';
import { signText } from '../../src/approval/ssh-signature.ts';
import { statementText } from '../../src/approval/statement.ts';
import { commitAs, customer, hours, leafOf, makeBench, runOf, type ApprovalBench } from '../harness/approval-bench.ts';
import { hasKeygen } from '../harness/signing-keys.ts';

describe.runIf(hasKeygen())('audit verify', () => {
  let bench: ApprovalBench;
  let base: string;
  let commit: string;
  let stranger: string;
  beforeAll(async () => {
    bench = await makeBench();
    base = await commitAs(bench.repo, 'anna@msp.example', { 'soll.yaml': bench.soll });
    commit = await commitAs(bench.repo, 'mia@msp.example', { 'customers/acme/customer.yaml': 'name: Acme\n' });
    stranger = 'e'.repeat(40);
  });
  afterAll(() => bench.repo.remove());

  const policy = (): NonNullable<OpenBody['policy']> => ({ bases: [base], since: '', whole: true, accounts: [] });
  const signed = (name: string, leaves: readonly string[] = ['office'], more: Parameters<ApprovalBench['signed']>[2] = {}): ReturnType<ApprovalBench['signed']> => bench.signed(name, leaves.map(leafOf), more);
  /** Carl's, over the plan of office and that of another customer; the record says that it covers this leaf. */
  const ofSet = async (leaf: string): Promise<Approval> => {
    const plans = { acme: merkleRoot([leafOf('office')]), other: leafOf('other') };
    const fleet = fleetDigest(plans);
    return { ...await signed('carl', ['office'], { fleet, customers: { acme: { digest: plans.acme }, other: { digest: plans.other } } }), fleet, leaves: [leaf] };
  };
  const codes = async (...runs: readonly (readonly AuditRecord[])[]): Promise<readonly string[]> => [...new Set((await verifyApprovals(await bench.place(), customer, plainChain(runs.flat()))).map(({ code }) => code))].sort();
  const high = (records: readonly AuditRecord[]): readonly AuditRecord[] => records.map((record) => (record.type === 'open' ? { ...record, targets: record.targets.map((target) => ({ ...target, changes: target.changes.map((change) => ({ ...change, risk: 'high' as const })) })) } : record));

  it.each<{ because: string; records: () => Promise<readonly AuditRecord[]>; expected: readonly string[] }>([
    { because: 'a signed run', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('carl')] }), expected: [] },
    { because: 'two for high risk', records: async () => high(runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('anna'), await signed('ben')] })), expected: [] },
    { because: 'one for high risk', records: async () => high(runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('anna')] })), expected: ['audit.unapproved'] },
    { because: 'rules, and a run that says nothing about them', records: () => Promise.resolve(runOf('r1', 1, commit, ['office'], { approvals: [{ digest: 'x', approver: 'carl', method: 'cli', at: hours(0) }] })), expected: ['audit.unapproved'] },
    { because: 'no approval at all', records: () => Promise.resolve(runOf('r1', 1, commit, ['office'], { policy: policy() })), expected: ['audit.unapproved'] },
    { because: 'the author\'s own', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('mia')] }), expected: ['audit.unapproved'] },
    { because: 'one for another leaf', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('carl', ['guests'])] }), expected: ['audit.unapproved'] },
    { because: 'one for another customer', records: async () => { const { customers: _none, ...rest } = JSON.parse((await signed('carl')).statement ?? '') as { customers: Record<string, { digest: string; leaves: string[] }> } & Record<string, never>; const { digest, leaves } = _none['acme'] ?? { digest: '', leaves: [] }; return runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('carl', ['office'], { ...rest, customers: { other: { digest, leaves } } })] }); }, expected: ['audit.signature', 'audit.unapproved'] },
    { because: 'one over several customers', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await ofSet(leafOf('office'))] }), expected: [] },
    { because: 'one over several, and other leaves in the record', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await ofSet(leafOf('guests'))] }), expected: ['audit.signature', 'audit.unapproved'] },
    { because: 'one over several, and the record names another set', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [{ ...await ofSet(leafOf('office')), fleet: leafOf('x') }] }), expected: ['audit.signature'] },
    { because: 'one over several a second time', records: async () => { const one = await ofSet(leafOf('office')); return [...runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [one] }), ...runOf('r2', 4, commit, ['office'], { policy: { ...policy(), since: commit, bases: [commit] }, approvals: [one] })]; }, expected: ['audit.replayed'] },
    { because: 'a byte of the statement flipped', records: async () => { const one = await signed('carl'); return runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [{ ...one, statement: (one.statement ?? '').replace('"approve"', '"approve "') }] }); }, expected: ['audit.signature', 'audit.unapproved'] },
    { because: 'the signature of another statement', records: async () => { const [one, other] = [await signed('carl'), await signed('carl', ['guests'])]; return runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [{ ...one, signature: other.signature ?? '' }] }); }, expected: ['audit.signature', 'audit.unapproved'] },
    { because: 'more leaves in the record than were signed', records: async () => { const one = await signed('carl'); return runOf('r1', 1, commit, ['office', 'guests'], { policy: policy(), approvals: [{ ...one, leaves: [leafOf('office'), leafOf('guests')] }] }); }, expected: ['audit.signature', 'audit.unapproved'] },
    { because: 'a key that is nobody\'s', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [{ ...await signed('eve'), approver: 'carl' }] }), expected: ['audit.approver', 'audit.unapproved'] },
    { because: 'a stranger\'s key under a known name', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('eve', ['office'], { approver: 'carl' })] }), expected: ['audit.approver', 'audit.unapproved'] },
    { because: 'another name in the record than that of the key', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [{ ...await signed('carl'), approver: 'anna' }] }), expected: ['audit.approver'] },
    { because: 'another name and another time in the record than were signed', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [{ ...await signed('carl'), approver: 'anna', at: hours(-0.75) }] }), expected: ['audit.approver'] },
    { because: 'expired before it was used', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('carl', ['office'], { expires: hours(-0.5) })] }), expected: ['audit.unapproved'] },
    { because: 'signed after the run', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('carl', ['office'], { at: hours(2) })] }), expected: ['audit.unapproved'] },
    { because: 'a rejection passed off as an approval', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('carl', ['office'], { decision: 'reject' })] }), expected: ['audit.unapproved'] },
    { because: 'the same approval for the same leaf once more', records: async () => { const one = await signed('carl'); return [...runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [one] }), ...runOf('r2', 4, commit, ['office'], { policy: { ...policy(), since: commit, bases: [commit] }, approvals: [one] })]; }, expected: ['audit.replayed'] },
    { because: 'the same approval for another of its leaves', records: async () => { const one = await signed('carl', ['office', 'guests']); return [...runOf('r1', 1, commit, ['office'], { policy: { ...policy(), whole: false }, approvals: [one] }), ...runOf('r2', 4, commit, ['guests'], { policy: policy(), approvals: [one] })]; }, expected: [] },
    { because: 'a base that is the change itself', records: async () => runOf('r1', 1, commit, ['office'], { policy: { ...policy(), bases: [commit] }, approvals: [await signed('carl')] }), expected: ['audit.policy'] },
    ...[['an abbreviation of it', (id: string) => id.slice(0, 12)], ['a name', () => 'HEAD'], ['big letters', (id: string) => id.toUpperCase()]].map(([spelling, spell]) => ({
      because: `a base that is the change itself, as ${String(spelling)}`,
      records: async () => runOf('r1', 1, commit, ['office'], { policy: { ...policy(), bases: [(spell as (id: string) => string)(commit)] }, approvals: [await signed('carl')] }), expected: ['audit.commit'],
    })),
    { because: 'another beginning than the records show', records: async () => runOf('r1', 1, commit, ['office'], { policy: { ...policy(), since: base }, approvals: [await signed('carl')] }), expected: ['audit.policy'] },
    { because: 'a commit that nobody has', records: async () => runOf('r1', 1, stranger, ['office'], { policy: policy(), approvals: [await signed('carl')] }), expected: ['audit.commit'] },
    { because: 'an emergency of somebody who may', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), emergency: { reason: 'x', ticket: 'T', reviewDue: hours(71) }, approvals: [await signed('anna', ['office'], { emergency: { reason: 'x', ticket: 'T' } })] }), expected: [] },
    { because: 'an emergency of somebody who may not', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), emergency: { reason: 'x', ticket: 'T', reviewDue: hours(71) }, approvals: [await signed('carl', ['office'], { emergency: { reason: 'x', ticket: 'T' } })] }), expected: ['audit.unapproved'] },
    { because: 'an ordinary signature under an emergency', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), emergency: { reason: 'x', ticket: 'T', reviewDue: hours(71) }, approvals: [await signed('anna')] }), expected: ['audit.unapproved'] },
    { because: 'an emergency that gives itself a year', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), emergency: { reason: 'x', ticket: 'T', reviewDue: hours(8760) }, approvals: [await signed('anna', ['office'], { emergency: { reason: 'x', ticket: 'T' } })] }), expected: ['audit.policy'] },
    { because: 'the mark of an emergency taken out of the record', records: async () => runOf('r1', 1, commit, ['office'], { policy: policy(), approvals: [await signed('anna', ['office'], { emergency: { reason: 'x', ticket: 'T' } })] }), expected: ['audit.unapproved'] },
  ])('$because: $expected', async ({ records, expected }) => {
    expect(await codes(await records())).toEqual(expected);
  });

  it('an emergency is overdue until a second person, with a key of their own, has looked at exactly this run', async () => {
    const digest = leafOf('office');
    const run = runOf('emergency-1', 1, commit, ['office'], { policy: policy(), emergency: { reason: 'x', ticket: 'T', reviewDue: hours(-1) }, approvals: [await signed('anna', ['office'], { emergency: { reason: 'x', ticket: 'T' } })] });
    const open = run[0] as AuditRecord & OpenBody;
    expect(await codes(run)).toEqual(['audit.review-overdue']);
    const review = async (name: string, more: Partial<{ run: string; digest: string; approver: string; at: string }> = {}): Promise<void> => {
      const statement = statementText({ type: 'soll-review', version: 1, approver: name, at: hours(1), customer, run: open.run, digest: open.digest, reason: 'right', ...more });
      await bench.append({ type: 'review', statement, signature: await signText(bench.keys[name]?.file ?? '', statement), at: hours(1) });
    };
    await review('anna');
    await review('eve');
    await review('eve', { approver: 'carl' });
    await review('carl', { run: 'emergency-2' });
    await review('carl', { digest });
    await review('carl', { at: hours(-5) });
    expect(await codes(run)).toEqual(['audit.review-overdue']);
    await review('carl');
    expect(await codes(run)).toEqual([]);
    expect((await emergencies(await bench.place(), customer, run)).map(({ state, by }) => [state, by])).toEqual([['reviewed', 'carl']]);
  });
});
