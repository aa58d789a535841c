/** What is read for many customers at once must be what is read for one. */
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBranches, type OpenBranches } from '#git/open-branches';
import { openRepo } from '#git/open-repo';
import { openFleetFacts, type FleetFacts } from '../../src/approval-facts.ts';
import { factsOf, PolicyUnreadable, type ApprovalPlace } from '../../src/approval-state.ts';
import { commitAs, makeBench, runOf, type ApprovalBench } from '../harness/approval-bench.ts';
import { hasKeygen } from '../harness/signing-keys.ts';
import { makeRepo } from '../harness/temp-repo.ts';

describe.runIf(hasKeygen())('facts about many customers', () => {
  let bench: ApprovalBench;
  let place: ApprovalPlace;
  let facts: FleetFacts;
  let line: readonly string[];
  let side: string;
  beforeAll(async () => {
    bench = await makeBench();
    const { repo } = bench;
    await commitAs(repo, 'old@msp.example', { 'soll.yaml': bench.soll, 'customers/acme/customer.yaml': 'name: Acme\n', 'customers/beta/customer.yaml': 'name: Beta\n' });
    await commitAs(repo, 'anna@msp.example', { 'standards/x.yaml': 'a: 1\n' });
    await repo.git('checkout', '-q', '-b', 'side');
    await commitAs(repo, 'mia@msp.example', { 'customers/acme/network.yaml': 'x: 1\n' }, 'one\n\nCo-authored-by: Dora <dora@msp.example>');
    side = await commitAs(repo, 'carl@msp.example', { 'customers/beta/customer.yaml': 'name: Beta\nsignOff:\n  from: [kunde]\n' });
    await repo.git('checkout', '-q', 'main');
    await commitAs(repo, 'ben@msp.example', { 'customers/beta/network.yaml': 'y: 1\n', 'README.md': 'x' });
    await repo.git('-c', 'user.email=merger@msp.example', 'merge', '-q', '--no-ff', '-m', 'Merge', 'side');
    await repo.git('checkout', '-q', '-b', 'second');
    await commitAs(repo, 'mia@msp.example', { 'customers/acme/network.yaml': 'x: 2\n' });
    await repo.git('checkout', '-q', 'main');
    await repo.git('merge', '-q', '--no-ff', '--no-commit', 'second');
    await commitAs(repo, 'evil@msp.example', { 'customers/acme/network.yaml': 'x: 3\n' }, 'Merge');
    await repo.git('mv', 'customers/beta/network.yaml', 'customers/acme/other.yaml');
    await commitAs(repo, 'jo@msp.example', {}, 'moved');
    await rm(join(repo.root, 'customers/beta/customer.yaml'));
    await symlink('../acme/customer.yaml', join(repo.root, 'customers/beta/customer.yaml'));
    await commitAs(repo, 'jo@msp.example', {}, 'linked');
    line = (await repo.git('rev-list', '--first-parent', 'HEAD')).split('\n');
    place = await bench.place();
    facts = openFleetFacts(place, await branchesOf(), 'approvals');
  });
  afterAll(async () => {
    facts.close();
    await bench.repo.remove();
  });
  const branchesOf = async (): Promise<OpenBranches> => openBranches({ repo: await openRepo(bench.repo.root), remote: undefined, growing: ['approvals'], replaced: [] });

  it('authors, rules and first parents are those that are found one by one, from every start', async () => {
    const head = line[0] ?? '';
    const gathered = await facts.gather(['acme', 'beta'].map((customer) => ({ customer, entries: [], records: [], commits: [head, ...line.slice(1), side] })));
    const single = factsOf(place);
    for (const since of ['', side, ...line.slice(1)]) for (const customer of ['acme', 'beta']) expect([since, customer, await gathered.authorEmails(customer, since, head)]).toEqual([since, customer, await single.authorEmails(customer, since, head)]);
    expect(await gathered.authorEmails('acme', line.at(-1) ?? '', head)).toEqual(['anna@msp.example', 'dora@msp.example', 'evil@msp.example', 'jo@msp.example', 'mia@msp.example']);
    for (const commit of [...line.slice(1), side]) for (const customer of ['acme', 'beta']) expect(await gathered.policyAt(commit, customer)).toEqual(await single.policyAt(commit, customer));
    expect(await gathered.policyAt(side, 'beta')).toMatchObject({ signOff: { from: ['kunde'] } });
    await expect(gathered.policyAt(head, 'beta')).rejects.toThrow(PolicyUnreadable);
    for (const commit of line) expect(await gathered.firstParent(commit)).toBe(await single.firstParent(commit));
  });

  it('of a commit that is not here nobody concludes that it has no rules', async () => {
    const gone = 'e'.repeat(40);
    const gathered = await facts.gather([{ customer: 'acme', entries: [], records: runOf('r1', 1, gone, ['office'], { policy: { bases: [], since: '', whole: true, accounts: [] } }), commits: [line[0] ?? ''] }]);
    await expect(gathered.policyAt(gone, 'acme')).rejects.toThrow(/git|commit/);
    expect(await gathered.policyAt(line[0] ?? '', 'acme')).toMatchObject({ approval: { rules: [{}, {}] } });
    expect(await facts.present([gone, line[0] ?? '', 'HEAD'])).toEqual(new Set([line[0]]));
  });
});

it('branches of many customers: what this clone has seen must still be there, and only that is told about those where it is not', async () => {
  const repo = await makeRepo({ remote: true });
  try {
    await repo.write({ 'README.md': 'x' });
    const first = await repo.commit();
    const second = await repo.commit();
    for (const name of ['a', 'b', 'c']) await repo.git('push', '-q', 'origin', `${second}:refs/heads/audit/${name}`);
    await repo.git('push', '-q', 'origin', `${second}:refs/heads/observed/a`);
    const clone = await openRepo(await repo.clone('fresh', '--single-branch', '--branch=audit/a'));
    const look = (): Promise<OpenBranches> => openBranches({ repo: clone, remote: 'origin', growing: ['audit'], replaced: ['observed'] });
    const before = await look();
    expect([before.customers('audit'), before.head('audit', 'b'), before.head('observed', 'a'), before.head('observed', 'b')]).toEqual([['a', 'b', 'c'], second, second, undefined]);
    for (const name of ['audit/a', 'audit/b', 'audit/c', 'observed/a']) await repo.git('-C', clone.root, 'update-ref', `refs/soll/${name}`, second);
    await repo.git('push', '-q', '-f', 'origin', `${first}:refs/heads/audit/b`, `${first}:refs/heads/observed/a`, ':refs/heads/audit/c');
    const after = await look();
    expect(['a', 'b', 'c'].map((name) => after.broken('audit', name)?.replace(/.*(rewritten|vanished).*/, '$1'))).toEqual([undefined, 'rewritten', 'vanished']);
    expect([after.head('observed', 'a'), after.broken('observed', 'a')]).toEqual([first, undefined]);
  } finally {
    await repo.remove();
  }
});
