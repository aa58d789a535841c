/** `soll status`: which of several truths about a customer is the one to be told first. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Address } from '#contract';
import type { FirmwareStanding } from '#core/firmware';
import type { Observation } from '#core/observation';
import { commitsTouching } from '#git/commits-touching';
import { assessStatus, sortStatus, type StatusInput } from '../../src/audit/assess-status.ts';
import { plainChain } from '../../src/audit/chain.ts';
import { foldChain } from '../../src/audit/fold-ledger.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';
import { handMade, type HandMadeRun } from './hand-made.ts';

const office: Address = 'acme/store/vlan/office';
const run = (name: string, day: number, more: Partial<HandMadeRun> = { verdict: 'converged' }): HandMadeRun => ({ run: name, at: `2026-01-0${String(day)}T10:00:00.000Z`, changes: [{ address: office, verb: 'create', after: { id: 10 } }], ...more });
const commit = { commit: 'c'.repeat(40), at: '2026-01-01T00:00:00Z', author: 'Mia', subject: 'x' };
const none = { low: 0, medium: 0, high: 0, critical: 0 };
const at = '2026-01-05T10:00:00.000Z';
const seen = (target: Observation['targets'][string]): Partial<StatusInput> => ({ observation: { version: 1, customer: 'acme', targets: { store: target } } });
const pending = (approved: number): Partial<StatusInput> => ({ approvals: [{ digest: 'sha256:x', commit: 'c', at, leaves: 2, approved, by: [] }] });
const window = { hold: { state: 'window', why: { en: 'x', de: 'x' } } } as const;
const review = (state: 'due' | 'overdue'): Partial<StatusInput> => ({ reviews: [{ run: 'r1', at, ticket: 'T', reviewDue: at, state }] });
const standing = (more: Pick<FirmwareStanding, 'state'> & Partial<FirmwareStanding>): StatusInput['firmware'][number] => ({ target: 'fw', standing: { rule: 'r', about: 'version', wanted: '2', ...more } });
const status = (runs: readonly HandMadeRun[], more: Partial<StatusInput> = {}): ReturnType<typeof assessStatus> => {
  const records = handMade(runs);
  return assessStatus({ customer: 'acme', written: true, records, ledger: foldChain('acme', plainChain(records)), contained: true, waiting: [], targets: ['fw', 'store'], observation: undefined, approvals: [], hold: undefined, reviews: [], expired: [], invalid: [], firmware: [], kept: [], unpushed: [], ...more });
};

describe('state', () => {
  it.each<{ because: string; got: () => ReturnType<typeof assessStatus>; expected: object }>([
    { because: 'applied and nothing since', got: () => status([run('r1', 1)]), expected: { state: 'clean', resources: 1, lastRun: { run: 'r1', verdict: 'converged' } } },
    { because: 'never applied', got: () => status([], { waiting: [commit] }), expected: { state: 'never' } },
    { because: 'commits since', got: () => status([run('r1', 1)], { waiting: [commit] }), expected: { state: 'waiting' } },
    { because: 'not closed comes before what waits', got: () => status([run('r1', 1), run('r2', 2, {})], { waiting: [commit] }), expected: { state: 'open', lastRun: { verdict: 'open' } } },
    { because: 'held', got: () => status([run('r1', 1, { verdict: 'held', why: 'no answer', outcomes: [{ status: 'unknown', why: 'no answer' }] })]), expected: { state: 'held', held: [{ target: 'store', run: 'r1', why: 'no answer' }] } },
    { because: 'reverted', got: () => status([run('r1', 1), run('r2', 2, { verdict: 'reverted', outcomes: [{ status: 'skipped', why: 'x' }] })]), expected: { state: 'incomplete', incomplete: [{ target: 'store', run: 'r2', verdict: 'reverted' }] } },
    { because: 'a later run that went well puts it right', got: () => status([run('r1', 1, { verdict: 'partial' }), run('r2', 2)]), expected: { state: 'clean', incomplete: [] } },
    { because: 'the folder is gone and resources are not', got: () => status([run('r1', 1)], { written: false }), expected: { state: 'removed' } },
    { because: 'the folder is gone and so is everything else', got: () => status([run('r1', 1), run('r2', 2, { verdict: 'converged', changes: [{ address: office, verb: 'delete' }] })], { written: false }), expected: { state: 'clean', resources: 0 } },
    { because: 'nobody has looked: that is told, and is no alarm', got: () => status([run('r1', 1)]), expected: { state: 'clean', seen: [{ target: 'fw', state: 'never' }, { target: 'store', state: 'never' }] } },
    { because: 'drift when it was seen last', got: () => status([run('r1', 1)], { ...seen({ read: { at, commit: 'c', compared: 3, drift: { ...none, high: 1 }, since: at } }), ...pending(0) }), expected: { state: 'drift', seen: [{ state: 'never' }, { target: 'store', state: 'drift', seen: at, since: at }] } },
    { because: 'silence comes before the drift that was seen before it', got: () => status([run('r1', 1)], seen({ read: { at, commit: 'c', compared: 3, drift: { ...none, low: 1 }, since: at }, unreachable: { since: at, at } })), expected: { state: 'unreachable' } },
    { because: 'what is known of a target that is no more', got: () => status([run('r1', 1)], { ...seen({ unreachable: { since: at, at } }), targets: ['fw'] }), expected: { state: 'clean', seen: [{ target: 'fw', state: 'never' }] } },
    { because: 'files that cannot be read come before drift', got: () => status([run('r1', 1)], { ...seen({ unreachable: { since: at, at } }), invalid: ['x'] }), expected: { state: 'invalid' } },
    { because: 'a deviation has ended', got: () => status([run('r1', 1)], { ...pending(0), expired: ['x'] }), expected: { state: 'expired' } },
    { because: 'firmware that is too old, and nobody answers for it', got: () => status([run('r1', 1)], { firmware: [standing({ state: 'missed' })] }), expected: { state: 'firmware' } },
    { because: 'somebody answers for it', got: () => status([run('r1', 1)], { firmware: [standing({ state: 'missed', accepted: { reason: 'x', owner: 'anna', until: '2027-01-01' } })] }), expected: { state: 'clean' } },
    { because: 'a version that nobody can compare needs somebody, one that was not read is told as not looked at', got: () => status([run('r1', 1)], { firmware: [standing({ state: 'unknown', why: 'not-comparable' })] }), expected: { state: 'firmware' } },
    { because: 'not read', got: () => status([run('r1', 1)], { firmware: [standing({ state: 'unknown', why: 'not-read' })] }), expected: { state: 'clean' } },
    { because: 'a copy that is older than promised', got: () => status([run('r1', 1)], { kept: [{ target: 'fw', state: 'due', at, everyHours: 24 }] }), expected: { state: 'backup' } },
    { because: 'no copy was promised', got: () => status([run('r1', 1)], { kept: [{ target: 'fw', state: 'no-policy' }] }), expected: { state: 'clean' } },
    { because: 'what lies in one clone can be lost with it', got: () => status([run('r1', 1)], { unpushed: ['records'], expired: ['x'] }), expected: { state: 'unpushed', unpushed: ['records'] } },
    { because: 'not approved, whatever the window', got: () => status([run('r1', 1)], { ...pending(1), ...window, waiting: [commit] }), expected: { state: 'approval' } },
    { because: 'approved, and it is not time yet', got: () => status([run('r1', 1)], { ...pending(2), ...window, waiting: [commit] }), expected: { state: 'window' } },
    { because: 'approved, and nothing holds it', got: () => status([run('r1', 1)], pending(2)), expected: { state: 'waiting' } },
    { because: 'frozen, and nothing waits', got: () => status([run('r1', 1)], { hold: { state: 'freeze', why: { en: 'x', de: 'x' } } }), expected: { state: 'clean' } },
    { because: 'an emergency waits for its review', got: () => status([run('r1', 1)], review('due')), expected: { state: 'review-due' } },
    { because: 'an overdue one is worse than drift', got: () => status([run('r1', 1)], { ...review('overdue'), ...seen({ unreachable: { since: at, at } }) }), expected: { state: 'review-overdue' } },
    { because: 'another branch was applied', got: () => status([run('r1', 1)], { contained: false }), expected: { state: 'diverged' } },
  ])('$because', ({ got, expected }) => { expect(got()).toMatchObject(expected); });

  it('worst first, then what has most to do, then by name', () => {
    const of = (customer: string, state: 'held' | 'waiting' | 'clean', count = 0): ReturnType<typeof assessStatus> => ({ ...status([]), customer, state, waiting: Array.from({ length: count }, () => commit) });
    expect(sortStatus([of('a', 'clean'), of('c', 'waiting', 1), of('b', 'waiting', 1), of('d', 'waiting', 2), of('z', 'held')]).map(({ customer }) => customer)).toEqual(['z', 'd', 'b', 'c', 'a']);
  });
});

describe('commits that touch a folder', () => {
  let repo: TempRepo;
  beforeEach(async () => { repo = await makeRepo(); });
  afterEach(() => repo.remove());
  const make = async (path: string, text: string, message: string): Promise<string> => {
    await repo.write({ [path]: text });
    execFileSync('git', ['add', '-A'], { cwd: repo.root });
    execFileSync('git', ['-c', 'user.name=M', '-c', 'user.email=m@x', 'commit', '-q', '-m', message], { cwd: repo.root });
    return repo.git('rev-parse', 'HEAD');
  };

  it('newest first, with hostile texts and paths whole, without what is contained or elsewhere', async () => {
    const first = await make('customers/a/x.yaml', '1', 'first');
    await make('docs/readme', '1', 'elsewhere');
    await make('customers/b/with\nline.yaml', '1', '\u0001customers/a/fake');
    await make('customers/a/y.yaml', '1', 'third');
    const head = await repo.git('rev-parse', 'HEAD');
    expect((await commitsTouching(repo.root, { from: first, head, folder: 'customers' })).map(({ subject, paths }) => ({ subject, paths }))).toEqual([{ subject: 'third', paths: ['customers/a/y.yaml'] }, { subject: '\u0001customers/a/fake', paths: ['customers/b/with\nline.yaml'] }]);
    expect(await commitsTouching(repo.root, { head, folder: 'customers' })).toHaveLength(3);
  });

  it('a merge is one commit with all that it brought', async () => {
    const first = await make('customers/a/x.yaml', '1', 'first');
    const main = await repo.git('rev-parse', '--abbrev-ref', 'HEAD');
    await repo.git('checkout', '-q', '-b', 'side');
    await make('customers/a/y.yaml', '1', 'on the side');
    await make('customers/b/y.yaml', '1', 'on the side too');
    await repo.git('checkout', '-q', main);
    await repo.git('-c', 'user.name=M', '-c', 'user.email=m@x', 'merge', '-q', '--no-ff', '-m', 'the merge', 'side');
    expect((await commitsTouching(repo.root, { from: first, head: await repo.git('rev-parse', 'HEAD'), folder: 'customers' })).map(({ subject, paths }) => [subject, paths])).toEqual([['the merge', ['customers/a/y.yaml', 'customers/b/y.yaml']]]);
  });
});
