/** The evidence pack: what an auditor is told of each run, in complete numbers, and nothing at all of records that cannot be believed. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Address } from '#contract';
import { recordFile, type AuditRecord } from '#core/audit-record';
import type { EvidenceRun } from '#core/evidence';
import { parsePeriod } from '#core/period';
import { commitMessages } from '#git/commit-messages';
import { systemClock } from '#transport/system-clock';
import { exportEvidence, type ExportOptions, type ExportResult } from '../../src/audit-export.ts';
import { plainChain } from '../../src/audit/chain.ts';
import { collectEvidence, ticketsOf } from '../../src/audit/collect-evidence.ts';
import type { Workspace } from '../../src/workspace.ts';
import { batch, closed, completeRunOf, consistent, forge, history, open, recordsOf, type Files } from '../harness/audit-bench.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';
import { handMade, type HandMadeRun } from './hand-made.ts';

const office: Address = 'acme/store/vlan/office';
const run = (name: string, day: number, more: Partial<HandMadeRun> = { verdict: 'converged' }): HandMadeRun => ({ run: name, at: `2026-01-0${String(day)}T10:00:00.000Z`, changes: [{ address: office, verb: 'update', before: { id: 10 }, after: { id: 11 } }], ...more });

function collect(runs: readonly HandMadeRun[], since?: string, until?: string, messages: ReadonlyMap<string, string> = new Map()): ReturnType<typeof collectEvidence> {
  const period = parsePeriod(since, until);
  if (typeof period === 'string') throw new Error(period);
  const records = handMade(runs);
  return collectEvidence({ customer: 'acme', chain: plainChain(records), period, messages, verification: { customer: 'acme', records: records.length, runs: runs.length, head: 'sha256:x', problems: [] } });
}

describe('of each run', () => {
  const approval = { digest: 'sha256:x', approver: 'anna', method: 'signature', expires: '2026-02-01T00:00:00Z' } as const;
  it.each<{ because: string; given: Partial<HandMadeRun>; expected: Partial<EvidenceRun> | object }>([
    { because: 'who asked, who approved before, who applied, what came of it', given: { verdict: 'converged', guarded: true }, expected: { author: 'Mia Technik <mia@msp.example>', appliedBy: 'Ben Technik <ben@msp.example>', approvedBefore: true, failed: false, targets: [{ verdict: 'converged', guard: 'confirmed' }], changes: [{ fields: [{ path: '/id', before: 10, after: 11 }], outcome: { status: 'done' } }] } },
    { because: 'an approval after the first write is told', given: { verdict: 'converged', approvals: [{ ...approval, at: '2026-01-01T10:00:00.001Z' }] }, expected: { approvedBefore: false, approvals: [{ beforeImplementation: false }] } },
    { because: 'one of two that came late is enough', given: { verdict: 'converged', approvals: [{ ...approval, at: '2026-01-01T09:00:00Z' }, { ...approval, at: '2026-01-01T11:00:00Z' }] }, expected: { approvedBefore: false } },
    { because: 'no approval is not one before', given: { verdict: 'converged', approvals: [] }, expected: { approvedBefore: false } },
    { because: 'the guard took it back', given: { verdict: 'reverted', guarded: true, why: 'not confirmed', outcomes: [{ status: 'skipped', why: 'x' }] }, expected: { failed: true, targets: [{ verdict: 'reverted', guard: 'went-back', why: 'not confirmed' }] } },
    { because: 'held: what the guard did is not known', given: { verdict: 'held', guarded: true, why: 'no answer' }, expected: { failed: true, targets: [{ guard: 'unknown' }] } },
    { because: 'never closed', given: {}, expected: { failed: true, targets: [{ verdict: 'open', guard: 'none' }] } },
    { because: 'taken over by somebody else', given: { verdict: 'converged', takenOver: 'Jo <jo@msp.example>', closedAt: '2026-01-02T10:00:00.000Z' }, expected: { takenOverBy: 'Jo <jo@msp.example>', records: [1, 2, 3, 4], closedAt: '2026-01-02T10:00:00.000Z' } },
  ])('$because', ({ given, expected }) => { expect(collect([run('r1', 1, given)]).runs).toMatchObject([expected]); });
});

it('the population is complete: all runs of the period, with the numbers of their records and those that failed', () => {
  const { population, runs } = collect([run('r1', 1), run('r2', 2, { verdict: 'partial' }), run('r3', 3), run('r4', 4)], '2026-01-02', '2026-01-03');
  expect(population).toEqual({ records: 12, runs: 4, runsInPeriod: 2, recordsInPeriod: 6, firstSeq: 4, lastSeq: 9, failed: ['r2'] });
  expect(runs.map((each) => each.run)).toEqual(['r2', 'r3']);
  expect(collect([run('r1', 1)], '2026-02-01').population).toEqual({ records: 3, runs: 1, runsInPeriod: 0, recordsInPeriod: 0, failed: [] });
});

it.each<[string, readonly string[]]>([
  ['subject', []], ['Ticket: 4711', []], ['subject\n\nTicket: 4711', ['4711']], ['subject\n\ntext\n\nRefs: #1\nTicket: a | b\nSigned-off-by: x', ['#1', 'a | b']], ['subject\n\nTicket: 1\n\nno trailer', []], ['', []],
])('tickets of %j', (message, tickets) => { expect(ticketsOf(message)).toEqual(tickets); });

describe('the pack', () => {
  let repo: TempRepo;
  beforeEach(async () => {
    repo = await makeRepo();
    await repo.write({ 'README.md': 'x' });
    const commit = await repo.commit('first\n\nTicket: 4711');
    await completeRunOf(await open(repo), 'run-1', commit, 'office');
    await completeRunOf(await open(repo), 'run-2', commit, 'guests', 'phones');
  });
  afterEach(() => repo.remove());

  const none = (): void => undefined;
  const workspace = (): Workspace => ({ root: repo.root, lab: false, env: {}, clock: systemClock, log: { debug: none, info: none, warn: none }, progress: none, signal: new AbortController().signal, redactor: { add: none, redact: (text) => text } });
  const folder = (name = 'pack'): string => join(repo.root, 'out', name);
  const make = (more: Partial<ExportOptions> = {}): Promise<ExportResult> => exportEvidence(workspace(), { customers: ['acme'], folder: folder(), language: 'en', broken: false, ...more });
  const last = (commits: readonly Files[]): Files => commits.at(-1) ?? {};

  it('the same input makes the same bytes, and the hashes are those of the files', async () => {
    expect((await make()).status).toBe('written');
    await make({ folder: folder('again') });
    for (const file of ['evidence.md', 'evidence.json', 'SHA256SUMS']) expect(await readFile(join(folder(), file), 'utf8')).toBe(await readFile(join(folder('again'), file), 'utf8'));
    expect(execFileSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: folder(), encoding: 'utf8' })).toBe('evidence.json: OK\nevidence.md: OK\n');
  });

  it.each<{ because: string; more: Partial<ExportOptions>; why: RegExp }>([
    { because: 'a folder that holds something', more: { folder: '.' }, why: /is there already/ },
    { because: 'a customer without records', more: { customers: ['other'] }, why: /no audit branch/ },
    { because: 'what is no date', more: { since: '1.1.2026' }, why: /--since/ },
  ])('$because is refused', async ({ more, why }) => {
    const result = await make({ ...more, ...(more.folder === undefined ? {} : { folder: repo.root }) });
    expect(result).toMatchObject({ status: 'invalid', why: expect.stringMatching(why) as string });
    expect(await readdir(repo.root)).not.toContain('out');
  });

  it('an empty folder is filled', async () => {
    await mkdir(folder(), { recursive: true });
    expect((await make()).status).toBe('written');
    expect(await readdir(join(repo.root, 'out'))).toEqual(['pack']);
  });

  const remade = (change: (records: AuditRecord[]) => AuditRecord[]) => async (all: Files[]): Promise<unknown> => forge(repo, consistent(change(recordsOf(last(all)))));
  it.each<{ because: string; forgery: (commits: Files[]) => Promise<unknown>; code: string; names: RegExp }>([
    { because: 'tampered', forgery: (all) => forge(repo, [...all.slice(0, -1), { ...last(all), [recordFile(2)]: (last(all)[recordFile(2)] ?? '').replace('"done"', '"skipped"') }]), code: 'audit.chain', names: /record 3/ },
    { because: 'missing', forgery: (all) => forge(repo, [...all, Object.fromEntries(Object.entries(last(all)).filter(([path]) => path !== recordFile(4)))]), code: 'audit.gap', names: /record 4/ },
    { because: 'rewritten', forgery: (all) => forge(repo, [...all, Object.fromEntries(Object.entries(last(all)).filter(([path]) => path !== recordFile(2))), last(all)]), code: 'audit.rewritten', names: /00000002/ },
    { because: 'replayed', forgery: remade((all) => [...all, ...all.slice(0, 3)]), code: 'audit.overlap', names: /run-1 was opened twice/ },
    { because: 'replayed after its end', forgery: remade((all) => [...all, { ...all[2], ...closed } as AuditRecord, { ...all[4], ...batch('guests') } as AuditRecord]), code: 'audit.orphan', names: /record 7/ },
    { because: 'approved by nobody', forgery: remade((all) => all.map((record) => (record.type === 'open' ? { ...record, approvals: [] } : record))), code: 'audit.approval', names: /run-1/ },
    { because: 'not in the form of a record', forgery: remade((all) => all.map((record) => (record.type === 'open' ? { ...record, subject: 5 as unknown as string } : record))), code: 'audit.unreadable', names: /record 1/ },
    { because: 'a record that is one only from outside', forgery: remade((all) => [...all, { ...all[0], run: 'run-9', targets: [{}] } as unknown as AuditRecord]), code: 'audit.unreadable', names: /00000007.json is not a record/ },
    { because: 'a verdict that nobody knows', forgery: remade((all) => all.map((record) => (record.type === 'close' ? { ...record, targets: [{ target: 'store', verdict: 'fine' as 'held' }] } : record))), code: 'audit.unreadable', names: /record 4/ },
  ])('$because: named and refused, unless asked for, and then named first', async ({ forgery, code, names }) => {
    await forgery(await history(repo));
    const result = await make();
    if (result.status !== 'broken') throw new Error(result.status);
    const problems = result.customers.flatMap((each) => each.problems);
    expect(problems.map((problem) => problem.code)).toContain(code);
    expect(problems.map(({ message }) => message).join('\n')).toMatch(names);
    expect(await readdir(repo.root)).not.toContain('out');
    expect((await make({ broken: true })).status).toBe('written');
    const [title, warning] = (await readFile(join(folder(), 'evidence.md'), 'utf8')).split('\n').filter((line) => line.startsWith('#'));
    expect([title, warning]).toEqual(['# Evidence of changes', expect.stringContaining('READ THIS FIRST')]);
    expect(await readFile(join(folder(), 'evidence.md'), 'utf8')).toMatch(names);
  });

  it('messages of commits are read where they are here, and what is no commit is not asked for', async () => {
    const head = await repo.git('rev-parse', 'HEAD');
    const found = await commitMessages(repo.root, [head, 'a'.repeat(40), '--all', '']);
    expect([...found]).toEqual([[head, expect.stringContaining('Ticket: 4711')]]);
  });
});
