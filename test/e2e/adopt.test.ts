/** Take-over and adopted drift, end to end over the lab: what is there becomes what is written, and the next plan is empty. */
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { bareHeads } from '#testkit/bare-heads';
import { startGithubServer } from '#testkit/github-server';
import { diffLines } from '../../src/edit/diff-lines.ts';
import { freshWorld } from '../harness/fresh-world.ts';
import { acme, git, planOf, soll, type Ended } from '../harness/lab-world.ts';

const seed = JSON.stringify({
  domains: ['acme.example'], licences: { SPB: 5 },
  users: [
    { userPrincipalName: 'notfall@acme.example', displayName: 'Notfall', admin: true },
    { userPrincipalName: 'anna@acme.example', displayName: 'Anna', usageLocation: 'DE', licences: [{ sku: 'SPB' }] },
    { userPrincipalName: 'sync@acme.example', displayName: 'Synced', onPremisesSyncEnabled: true },
  ],
  groups: [{ mailNickname: 'rule', displayName: 'Dynamic', type: 'security', members: [], owners: [], groupTypes: ['DynamicMembership'] }],
});
const files = { ...acme, 'lab/acme/tenant.json': seed, 'customers/acme/customer.yaml': `${acme['customers/acme/customer.yaml'] ?? ''}protected:\n  - tenant/user/notfall*\n` };

const world = freshWorld(files);
beforeEach(async () => {
  const { digest } = await planOf(world.root);
  const applied = await lab('apply', 'acme', '--approve', digest);
  expect(applied.code, applied.stderr).toBe(0);
}, 120_000);

const lab = (...args: readonly string[]): Promise<Ended> => soll(world.root, [...args, '--lab']);
const path = (file: string): string => join(world.root, 'customers/acme', file);
const text = (file: string): Promise<string> => readFile(path(file), 'utf8');
const documents = ['firewall.yaml', 'network.yaml', 'm365.yaml'] as const;

interface PlanJson {
  readonly summary: Readonly<Record<'create' | 'update' | 'delete' | 'adopt' | 'findings', number>>;
  readonly targets: readonly { readonly changes: readonly { readonly address: string }[]; readonly findings: readonly { readonly kind: string; readonly address: string }[] }[];
}
const plan = async (): Promise<PlanJson> => (await planOf(world.root)).plan as unknown as PlanJson;
interface AdoptJson {
  readonly entries: readonly { readonly address: string; readonly what: string; readonly why?: string }[];
  readonly files: readonly string[];
  readonly written: boolean;
  readonly problems: readonly { readonly code: string }[];
}
const adopt = async (...args: readonly string[]): Promise<AdoptJson> => {
  const ended = await lab('adopt', 'acme', '--json', ...args);
  if (ended.stdout === '') throw new Error(`adopt ended with ${String(ended.code)}: ${ended.stderr}`);
  return JSON.parse(ended.stdout) as AdoptJson;
};

/** As a customer looks on the day it is taken over: targets are known and only looked at, nothing else is written, nothing was ever applied. */
async function forget(): Promise<void> {
  for (const file of documents) await rm(path(file));
  await writeFile(path('targets.yaml'), (await text('targets.yaml')).replaceAll(/: (exclusive|merge)$/gm, ': observe'));
  await world.commit('taken over');
  await git(world.root, 'push', '-q', 'origin', ':audit-lab/acme');
  await git(world.root, 'update-ref', '-d', 'refs/soll/audit-lab/acme');
}

describe('soll adopt', () => {
  test('an empty customer: dry run writes nothing, adopt writes what plans to nothing, one changed line is one change', async () => {
    await forget();
    const dry = await lab('adopt', 'acme', '--dry-run');
    expect(dry.code, dry.stderr).toBe(0);
    expect(dry.stdout).toContain('+++ b/customers/acme/firewall.yaml');
    expect(await git(world.root, 'status', '--porcelain')).toBe('');

    const adopted = await adopt();
    expect(adopted.written).toBe(true);
    expect(adopted.files.toSorted()).toEqual(documents.map((file) => `customers/acme/${file}`).toSorted());
    const left = new Map(adopted.entries.filter(({ what }) => what === 'left-out').map(({ address, why }) => [address, why]));
    expect(left.get('acme/tenant/user/notfall@acme.example'), 'a break-glass account stays out of the files').toContain('protected');
    expect(adopted.entries.filter(({ what }) => what === 'inexact')).toEqual([]);
    const validated = await lab('validate', 'acme');
    expect(validated.code, validated.stderr).toBe(0);

    const m365 = await text('m365.yaml');
    expect(m365.split('\n')[0]).toBe('# yaml-language-server: $schema=../../schemas/m365.schema.json');
    expect(m365).toMatch(/# .*synchronised.*\n {6}sync@acme.example:/);
    const firewall = await text('firewall.yaml');
    expect(firewall).toContain('ports: [tcp/22]');
    expect(firewall).toMatch(/# .+\n {4}policies:/);

    const first = await plan();
    expect(first.summary).toMatchObject({ create: 0, update: 0, delete: 0, adopt: 0 });
    expect(first.targets.flatMap(({ findings }) => findings).filter(({ kind }) => kind !== 'foreign')).toEqual([]);

    await writeFile(path('targets.yaml'), (await text('targets.yaml')).replaceAll(/(zone|address-group|service|firewall-policy|firewall-rule|masquerade|port-forward): observe$/gm, '$1: exclusive').replaceAll(': observe', ': merge'));
    const raised = await plan();
    expect(raised.summary).toMatchObject({ create: 0, update: 0, delete: 0 });
    expect(raised.summary.adopt).toBeGreaterThan(10);

    await writeFile(path('firewall.yaml'), firewall.replace('ports: [tcp/22]', 'ports: [tcp/2222]'));
    const changed = await plan();
    expect(changed.summary).toMatchObject({ create: 0, update: 1, delete: 0 });
    const again = await adopt();
    expect(again.entries.find(({ address }) => address === 'acme/fw/service/ssh')?.what, 'what is written otherwise is told').toBe('differs');
    expect(again.written).toBe(false);
    const updated = await adopt('--update');
    expect(updated.written).toBe(true);
    expect(await text('firewall.yaml'), 'and --update takes the live value back, byte for byte').toBe(firewall);
  });

  test('into files that are there: comments and spelling stay, only what is new comes in', async () => {
    const before = (await text('m365.yaml')).replace('    groups:\n', '    # who is who\n    groups: # all of them\n');
    await writeFile(path('m365.yaml'), before);
    const adopted = await adopt('--only', 'user/foreign*', '--only', 'user/sync*');
    expect(adopted.written).toBe(true);
    const lines = diffLines(before, await text('m365.yaml')).filter((line) => !line.startsWith(' '));
    expect(lines.every((line) => line.startsWith('+')), lines.join('\n')).toBe(true);
    expect(adopted.files).toEqual(['customers/acme/m365.yaml']);
  });

  test('a symbolic link is refused and nothing is written', async () => {
    await forget();
    await symlink('/etc/hostname', path('m365.yaml'));
    const ended = await lab('adopt', 'acme');
    expect(ended.code).toBe(3);
    expect(await git(world.root, 'status', '--porcelain', '--', 'customers/acme/firewall.yaml')).toBe('');
  });
});

describe('soll drift --adopt', () => {
  test('a commit on a new branch, made beside the working tree; only the touched lines change; the merged branch has no drift', async () => {
    const commented = (await text('firewall.yaml')).replace('        members: [198.51.100.0/28]\n', '        members: [198.51.100.0/28] # our office\n');
    await writeFile(path('firewall.yaml'), commented);
    await world.commit('a comment');
    await world.lab.edit('acme/fw', 'widen-group');
    await world.lab.edit('acme/tenant', 'block-user');
    await writeFile(join(world.root, 'customers/acme/notes.txt'), 'mine');
    await git(world.root, 'add', 'customers/acme/notes.txt');
    const status = await git(world.root, 'status', '--porcelain');
    const head = await git(world.root, 'rev-parse', 'HEAD');

    const ended = await lab('drift', 'acme', '--adopt');
    expect(ended.code, ended.stderr).toBe(0);
    const branch = /git push -u origin (\S+)/.exec(ended.stdout)?.[1] ?? '';
    expect(await git(world.root, 'status', '--porcelain')).toBe(status);
    expect(await git(world.root, 'rev-parse', 'HEAD')).toBe(head);
    expect(await git(world.root, 'rev-parse', `${branch}^`)).toBe(head);
    const message = await git(world.root, 'show', '-s', '--format=%B', branch);
    expect(message).toContain('acme');
    expect(message).toContain('fw/address-group/admins');
    expect(message).toContain('Mia Technik <mia@msp.example>');
    const changed = (await git(world.root, 'diff', '-U0', head, branch)).split('\n').filter((line) => /^[+-][^+-]/.test(line));
    expect(changed).toContain('+        members: [198.51.100.0/28, 192.0.2.0/24] # our office');
    expect(changed.filter((line) => line.startsWith('-'))).toEqual(['-        members: [198.51.100.0/28] # our office']);

    await git(world.root, 'rm', '-q', '--cached', 'customers/acme/notes.txt');
    await rm(join(world.root, 'customers/acme/notes.txt'));
    await git(world.root, 'merge', '-q', branch);
    const after = await lab('drift', 'acme', '--json');
    const { plans } = JSON.parse(after.stdout) as { plans: { summary: { drift: number; conflict: number } }[] };
    expect(plans[0]?.summary).toMatchObject({ drift: 0, conflict: 0 });
    const again = await lab('drift', 'acme', '--adopt', '--branch', branch);
    expect(again.code).toBe(0);
  });

  test('what cannot be written is told with its reason, not dropped', async () => {
    await world.lab.edit('acme/fw', 'open-rdp');
    const ended = await lab('drift', 'acme', '--adopt', '--json');
    const { customers } = JSON.parse(ended.stdout) as { customers: { leftOut: { address: string; why: string }[]; branch?: string }[] };
    expect(customers[0]?.leftOut.map(({ address }) => address.split('/')[2])).toContain('firewall-rule');
    expect(customers[0]?.branch).toBeUndefined();
  });

  describe('--pull-request', () => {
    const branch = 'adopt-drift/acme';
    const head = (): Promise<string> => git(world.remote, 'for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`);
    interface Offered {
      readonly code: number | null;
      readonly stderr: string;
      readonly customers?: readonly { readonly commit?: string; readonly pullRequest?: { readonly number: number; readonly what: string } }[];
      readonly problems?: readonly { readonly code: string }[];
    }
    const offer = async (env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Offered> => {
      const ended = await soll(world.root, ['drift', '--adopt', '--pull-request', '--lab', '--json', ...args], { env });
      return { ...(ended.stdout === '' ? {} : JSON.parse(ended.stdout) as object), code: ended.code, stderr: ended.stderr };
    };

    test('one branch and one pull request, brought up to date by every run, and never over what a person has pushed', async () => {
      const repository = 'msp/customers';
      const hub = await startGithubServer({ repository, token: 'ghs_e2e', account: { login: 'github-actions[bot]', type: 'Bot' }, headOf: bareHeads(world.remote) });
      try {
        const cert = join(world.root, '.soll', 'hub.pem');
        await writeFile(cert, hub.cert);
        const env = { GITHUB_TOKEN: 'ghs_e2e', GITHUB_REPOSITORY: repository, GITHUB_API_URL: hub.api, NODE_EXTRA_CA_CERTS: cert };
        // So that there is something on every target that may be changed by hand and written down.
        await writeFile(path('m365.yaml'), (await text('m365.yaml')).replace('usageLocation: DE\n', 'usageLocation: DE\n        enabled: true\n').replace('          - anna@acme.example\n', '          - anna@acme.example\n          - ben@acme.example\n'));
        await world.commit('more');
        const applied = await lab('apply', 'acme', '--approve', (await planOf(world.root)).digest);
        expect(applied.code, applied.stderr).toBe(0);
        expect(await offer(env)).toMatchObject({ code: 0, customers: [] });

        // Pushed, and not told: the next run does the rest.
        await world.lab.edit('acme/tenant', 'block-user');
        hub.faults.refuseWrites('GitHub Actions is not permitted to create or approve pull requests.');
        expect(await offer(env)).toMatchObject({ code: 1, stderr: expect.stringContaining('Allow GitHub Actions to create') as unknown });
        hub.faults.clear();
        const first = await head();
        expect(await offer(env)).toMatchObject({ code: 0, customers: [{ commit: first, pullRequest: { number: 1, what: 'opened' } }] });
        expect(hub.state.pulls).toMatchObject([{ head: { ref: branch, sha: first }, base: { ref: 'main' }, body: expect.stringMatching(/^<!-- soll:adopt -->[^]*tenant\/user\/anna/) as unknown }]);
        expect(await offer(env), 'the same drift keeps its commit, and so its reviews').toMatchObject({ code: 0, customers: [{ commit: first, pullRequest: { number: 1, what: 'kept' } }] });
        expect(await git(world.root, 'branch', '--list', '--format=%(refname:short)'), 'nothing is left in the clone').toBe('main');

        await world.lab.edit('acme/fw', 'widen-group');
        expect(await offer(env)).toMatchObject({ code: 0, customers: [{ pullRequest: { number: 1, what: 'updated' } }] });
        expect(hub.state.pulls).toHaveLength(1);
        expect(hub.state.pulls[0]?.body).toContain('fw/address-group/admins');
        const second = await head();
        expect(await git(world.remote, 'rev-parse', `${second}^`), 'one commit on top of main').toBe(await git(world.remote, 'rev-parse', 'main'));

        expect(await offer(env, '--target', 'fw'), 'what was not looked at stays in it').toMatchObject({ code: 0, problems: [{ code: 'adopt.part' }] });
        expect(await head()).toBe(second);

        // The same commit with one line more, under the same message: somebody's work.
        await git(world.root, 'fetch', '-q', 'origin', branch);
        await git(world.root, 'checkout', '-q', '--detach', 'FETCH_HEAD');
        await writeFile(path('network.yaml'), `${await text('network.yaml')}# mine\n`);
        await git(world.root, 'commit', '-q', '-a', '--amend', '--no-edit');
        await git(world.root, 'push', '-q', '--force', 'origin', `HEAD:${branch}`);
        await git(world.root, 'checkout', '-q', 'main');
        const theirs = await head();
        expect(await offer(env)).toMatchObject({ code: 0, problems: [{ code: 'adopt.branch-taken' }] });
        expect(await head()).toBe(theirs);
        expect(await offer(env, '--branch', 'main')).toMatchObject({ code: 1 });

        // Merged, and drifted anew: the branch is there still, and is ours again.
        await git(world.root, 'push', '-q', '--force', 'origin', `${second}:refs/heads/${branch}`);
        await git(world.root, 'merge', '-q', '--no-ff', '-m', 'Merge', second);
        await git(world.root, 'push', '-q', 'origin', 'main');
        Object.assign(hub.state.pulls[0] ?? {}, { state: 'closed', merged: true });
        expect(await offer(env)).toMatchObject({ code: 0, customers: [] });
        await world.lab.edit('acme/tenant', 'remove-member');
        expect(await offer(env)).toMatchObject({ code: 0, customers: [{ pullRequest: { number: 2, what: 'opened' } }] });

        // Put back on the system: the pull request would bring the drift back in. It says why it is closed, once, and the next drift has one of its own.
        const revert = await lab('apply', 'acme', '--approve', (await planOf(world.root)).digest);
        expect(revert.code, revert.stderr).toBe(0);
        expect(await offer(env, '--target', 'tenant'), 'a look at a part closes nothing').toMatchObject({ code: 0, customers: [] });
        expect(hub.state.pulls[1]?.state).toBe('open');
        expect(await offer(env)).toMatchObject({ code: 0, customers: [{ customer: 'acme', pullRequest: { number: 2, what: 'closed' } }] });
        expect(hub.state.pulls[1]?.state).toBe('closed');
        expect(hub.state.comments.filter(({ issue }) => issue === 2).map(({ body }) => body)).toEqual([expect.stringContaining('the drift is gone')]);
        expect(await offer(env)).toMatchObject({ code: 0, customers: [] });
        expect(hub.state.comments.filter(({ issue }) => issue === 2)).toHaveLength(1);
        await world.lab.edit('acme/tenant', 'remove-member');
        expect(await offer(env)).toMatchObject({ code: 0, customers: [{ pullRequest: { number: 3, what: 'opened' } }] });
      } finally {
        await hub.close();
      }
    }, 300_000);

    test('without a code host it is a file; commits that nobody pushed and flags that do not fit are refused', async () => {
      await world.lab.edit('acme/fw', 'widen-group');
      const generic = ['--platform', 'generic', '--branch', 'adopt'];
      expect(await offer({}, ...generic)).toMatchObject({ code: 0, customers: [{ pullRequest: { number: 0, what: 'opened' } }] });
      expect(JSON.parse(await readFile(join(world.root, '.soll', 'drift', 'pull-request-adopt.json'), 'utf8'))).toMatchObject({ branch: 'adopt', base: 'main' });
      await git(world.root, 'commit', '-q', '--allow-empty', '-m', 'Nobody has seen this');
      expect(await offer({}, ...generic)).toMatchObject({ code: 1, stderr: expect.stringContaining('origin/main lacks') as unknown });
      for (const flags of [['--pull-request'], ['--adopt', '--pull-request', '--here'], ['--adopt', '--issue']]) expect((await lab('drift', ...flags)).code).toBe(3);
    }, 300_000);
  });

  test('--here refuses a working tree with changes of somebody, and edits a clean one', async () => {
    await world.lab.edit('acme/fw', 'widen-group');
    await writeFile(path('network.yaml'), `${await text('network.yaml')}# mine\n`);
    expect((await lab('drift', 'acme', '--adopt', '--here')).code).toBe(1);
    await git(world.root, 'checkout', '-q', '.');
    const ended = await lab('drift', 'acme', '--adopt', '--here');
    expect(ended.code, ended.stderr).toBe(0);
    expect(await git(world.root, 'status', '--porcelain')).toBe('M customers/acme/firewall.yaml');
  });
});
