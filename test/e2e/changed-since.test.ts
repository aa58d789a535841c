/** --changed-since over real histories: merges, renames, a base that went on. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { soll } from '../harness/lab-world.ts';
import { base } from '../harness/desired.ts';
import { makeRepo, type TempRepo } from '../harness/temp-repo.ts';

let repo: TempRepo;

/** The same customer under another name, with systems of its own. */
function customer(name: string, number: number): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(base).filter(([path]) => path.startsWith('customers/acme/')).map(([path, text]) => [path.replace('/acme/', `/${name}/`), text.replace('203.0.113.1', `203.0.113.${String(number)}`).replaceAll('d9ea0d06', `d9ea0d0${String(number)}`)]));
}

beforeEach(async () => {
  repo = await makeRepo();
  await repo.write({ ...customer('a', 1), ...customer('b', 2), ...customer('c', 3), 'soll.yaml': 'version: 1\n' });
  await repo.commit('first');
});
afterEach(() => repo.remove());

/** What validate looks at: offline, so that nothing is asked for its own sake. */
async function selected(since: string): Promise<{ readonly customers: readonly string[]; readonly problems: readonly string[] }> {
  const { stdout, stderr } = await soll(repo.root, ['validate', '--changed-since', since, '--json']);
  if (stdout === '') throw new Error(stderr);
  const { customers, problems } = JSON.parse(stdout) as { customers: readonly string[]; problems: readonly { code: string; severity: string }[] };
  return { customers, problems: problems.filter(({ severity }) => severity === 'error').map(({ code }) => code) };
}

async function touch(name: string, text = '# touched\n'): Promise<void> {
  await repo.write({ [`customers/${name}/network.yaml`]: `${text}${base['customers/acme/network.yaml'] ?? ''}` });
}

describe('--changed-since', () => {
  test('the base went on: what others changed there is not ours', async () => {
    await repo.git('checkout', '-q', '-b', 'topic');
    await touch('a');
    await repo.commit();
    await repo.git('checkout', '-q', 'main');
    await touch('b');
    await repo.commit();
    await repo.git('checkout', '-q', 'topic');
    expect(await selected('main')).toEqual({ customers: ['a'], problems: [] });
  });

  test('the base was merged into the branch: still only what is ours', async () => {
    await repo.git('checkout', '-q', '-b', 'topic');
    await touch('a');
    await repo.commit();
    await repo.git('checkout', '-q', 'main');
    await touch('b');
    await repo.commit();
    await repo.git('checkout', '-q', 'topic');
    await repo.git('merge', '-q', '--no-edit', 'main');
    expect(await selected('main')).toEqual({ customers: ['a'], problems: [] });
  });

  test('after the merge, against its first parent: all that the branch brought', async () => {
    await repo.git('checkout', '-q', '-b', 'topic');
    await touch('a');
    await repo.commit();
    await touch('c');
    await repo.commit();
    await repo.git('checkout', '-q', 'main');
    await touch('b');
    await repo.commit();
    await repo.git('merge', '-q', '--no-ff', '--no-edit', 'topic');
    expect(await selected('HEAD^1')).toEqual({ customers: ['a', 'c'], problems: [] });
  });

  test('a folder that was renamed is a new customer; nothing was ever applied to the old one', async () => {
    await repo.git('mv', 'customers/b', 'customers/d');
    await repo.commit();
    expect(await selected('HEAD~1')).toEqual({ customers: ['d'], problems: [] });
  });

  test('a file that moves between customers concerns both', async () => {
    await repo.git('mv', '-f', 'customers/b/network.yaml', 'customers/c/network.yaml');
    await touch('c', '# moved\n');
    await repo.commit();
    expect((await selected('HEAD~1')).customers).toContain('c');
    expect((await selected('HEAD~1')).problems.length).toBeGreaterThan(0);
  });

  test('what is not committed counts, also a new file', async () => {
    await touch('a');
    await repo.write({ 'customers/c/deviations.yaml': 'deviations: []\n' });
    expect(await selected('HEAD')).toEqual({ customers: ['a', 'c'], problems: [] });
  });

  test('a customer that is only gone is planned by nobody, and is no error where nothing was applied', async () => {
    await repo.git('rm', '-rq', 'customers/b');
    await repo.commit();
    expect(await selected('HEAD~1')).toEqual({ customers: [], problems: [] });
  });
});
