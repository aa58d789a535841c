/** What a look at the live systems leaves behind: kept, bounded, merged, and in nobody's way. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { afterLook, driftCount, parseObservation, type Look, type Observation } from '#core/observation';
import { replaceBranches } from '#git/replace-branches';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';

const none = { low: 0, medium: 0, high: 0, critical: 0 };
const read = (drift: Partial<typeof none> = {}): Look => ({ status: 'read', commit: 'c1', compared: 3, drift: { ...none, ...drift } });
const at = (hour: number): string => `2026-01-01T${String(hour).padStart(2, '0')}:00:00.000Z`;
const look = (before: Observation | undefined, hour: number, targets: Readonly<Record<string, Look>>, all?: readonly string[]): Observation => afterLook(before, { customer: 'acme', targets, ...(all === undefined ? {} : { all }) }, at(hour));

describe('after a look', () => {
  it('drift and silence are known since they were first seen, what was seen before the silence stays known', () => {
    const first = look(undefined, 1, { fw: read({ high: 1 }), m365: read() });
    const second = look(first, 2, { fw: read({ high: 1, low: 1 }), m365: { status: 'unreachable' } });
    const third = look(second, 3, { fw: read(), m365: { status: 'unreachable' } });
    expect(second.targets['fw']?.read).toMatchObject({ at: at(2), since: at(1) });
    expect(third.targets['fw']?.read).toEqual({ at: at(3), commit: 'c1', compared: 3, drift: none });
    expect(third.targets['m365']).toMatchObject({ read: { at: at(1) }, unreachable: { since: at(2), at: at(3) } });
    expect(look(third, 4, { m365: read({ low: 2 }) }).targets['m365']).toMatchObject({ read: { at: at(4), since: at(4) } });
  });

  it('a look at some targets forgets no other, one at all of them forgets what is gone', () => {
    const both = look(undefined, 1, { fw: read(), old: read() });
    expect(Object.keys(look(both, 2, { fw: read() }).targets)).toEqual(['fw', 'old']);
    // `sw` is blocked: nothing was seen of it.
    expect(Object.keys(look(both, 2, { fw: read() }, ['fw', 'sw']).targets)).toEqual(['fw']);
  });

  it.each<[string, (whole: Observation) => unknown]>([
    ['another customer\'s', (whole) => ({ ...whole, customer: 'other' })], ['a newer form', (whole) => ({ ...whole, version: 2 })], ['no time', () => ({ version: 1, customer: 'acme', targets: { fw: { unreachable: { since: 'yesterday', at: at(1) } } } })],
    ['less than nothing', (whole) => ({ ...whole, targets: { fw: { read: { ...whole.targets['fw']?.read, drift: { ...none, low: -1 } } } } })], ['nothing known', (whole) => ({ ...whole, targets: { fw: {} } })], ['a list', () => []],
  ])('what is none of ours is not read: %s', (_, change) => {
    const whole = look(undefined, 1, { fw: read({ low: 2, critical: 1 }) });
    expect(parseObservation(JSON.stringify(whole), 'acme')).toEqual(whole);
    expect(driftCount(whole.targets['fw']?.read ?? { drift: none })).toBe(3);
    expect(parseObservation(JSON.stringify(change(whole)), 'acme')).toBeUndefined();
  });
});

describe.each([true, false])('branches that are replaced, with a remote: %s', (remote) => {
  let repo: TempRepo;
  beforeEach(async () => { repo = await makeRepo({ remote }); await repo.write({ 'README.md': 'x' }); await repo.commit(); });
  afterEach(() => repo.remove());
  const names = ['observed/a', 'observed/b', 'observed/c'];
  const git = (...args: readonly string[]): Promise<string> => repo.git('--git-dir', remote ? repo.remote : repo.gitDir, ...args);
  const there = (name: string): Promise<string> => git('rev-parse', '--verify', `refs/heads/${name}`);
  const replace = (before: ReadonlyMap<string, string | undefined>, text: string): ReturnType<typeof replaceBranches> => replaceBranches({ root: repo.root, remote: remote ? 'origin' : undefined, at: 0 }, [...before].map(([name, each]) => ({ name, before: each, file: 'observed.json', text })));

  it('each is one commit without a parent and bears nobody\'s name; one that somebody else has moved stays as it is', async () => {
    expect([...(await replace(new Map(names.map((name) => [name, undefined])), 'first\n')).values()]).toEqual(names.map(() => ({ status: 'done' })));
    const [a, b] = [await there('observed/a'), await there('observed/b')];
    expect([...await replace(new Map([['observed/a', a], ['observed/b', undefined], ['observed/c', await there('observed/c')]]), 'zwei ü\n')].map(([name, { status }]) => [name, status])).toEqual([['observed/a', 'done'], ['observed/b', 'moved'], ['observed/c', 'done']]);
    expect(await there('observed/b')).toBe(b);
    expect(await git('show', 'observed/a:observed.json')).toBe('zwei ü');
    expect(await git('log', '--format=%an %ae %P', 'observed/a')).toBe('soll soll@localhost');
    expect(await repo.git('for-each-ref', 'refs/soll/made')).toBe('');
  });

  if (remote) it('what the other side refuses is told, for each by itself', async () => {
    const hook = join(repo.remote, 'hooks', 'update');
    await writeFile(hook, '#!/bin/sh\n[ "$1" != refs/heads/observed/b ]\n');
    await chmod(hook, 0o755);
    const refused = await replace(new Map(names.map((name) => [name, undefined])), 'x');
    expect([...refused].map(([name, { status }]) => [name, status])).toEqual([['observed/a', 'done'], ['observed/b', 'refused'], ['observed/c', 'done']]);
    await repo.git('remote', 'set-url', 'origin', join(repo.remote, 'nowhere'));
    expect([...(await replace(new Map([['observed/a', undefined]]), 'x')).values()]).toMatchObject([{ status: 'refused', why: expect.stringMatching(/fatal|error/) as unknown }]);
  });
});
