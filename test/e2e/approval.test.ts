/** Rules of approval, end to end: real keys, real signatures, a bare remote, the stand-ins of the targets. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startGithubServer } from '#testkit/github-server';
import { acme, git, makeLabWorld, soll, type Ended, type LabWorld } from '../harness/lab-world.ts';
import { hasKeygen, makeKey } from '../harness/signing-keys.ts';

const names = ['anna', 'ben', 'carl', 'mia'] as const;
type Name = (typeof names)[number];

let keys: string;
let files: Record<Name, string>;
let settings: string;
let world: LabWorld;

const groups: Readonly<Record<Name, string>> = { anna: 'senior', ben: 'senior', carl: 'technicians', mia: 'technicians' };

function settingsOf(publicKeys: Readonly<Record<Name, string>>): string {
  const people = names.map((name) => `  ${name}:\n    name: ${name}\n    emails: [${name === 'mia' ? 'mia@msp.example, test@msp.example' : `${name}@msp.example`}]\n    account: ${name}-msp\n    groups: [${groups[name]}]\n    keys:\n      - key: ${publicKeys[name]}\n`).join('');
  return `version: 1\nfleet:\n  deletes: 50\npeople:\n${people}approval:\n  rules:\n    - from: [technicians, senior]\n      count: 1\n    - risk: [high, critical]\n      from: [senior]\n      count: 2\n  emergency:\n    from: [senior, mia]\n    reviewDays: 3\n`;
}

beforeAll(async () => {
  if (!hasKeygen()) return;
  keys = await mkdtemp(join(tmpdir(), 'soll-keys-'));
  const made = await Promise.all(names.map(async (name) => [name, await makeKey(keys, name)] as const));
  files = Object.fromEntries(made.map(([name, { file }]) => [name, file])) as Record<Name, string>;
  settings = settingsOf(Object.fromEntries(made.map(([name, { key }]) => [name, key])) as Record<Name, string>);
  const first = await makeLabWorld();
  await cp(join(first.root, '.soll', 'lab', 'acme'), join(keys, 'acme'), { recursive: true });
  await first.stop();
}, 120_000);
afterAll(async () => { if (hasKeygen()) await rm(keys, { recursive: true, force: true }); });

const lab = (cwd: string, args: readonly string[]): Promise<Ended> => soll(cwd, [...args, '--lab']);
const json = async <T>(cwd: string, args: readonly string[]): Promise<T & { readonly code: number | null }> => {
  const ended = await lab(cwd, [...args, '--json']);
  if (ended.stdout === '') throw new Error(`${args.join(' ')} ended with ${String(ended.code)}: ${ended.stderr}`);
  return { ...JSON.parse(ended.stdout) as T, code: ended.code };
};
interface Leaf { readonly digest: string; readonly addresses: readonly string[] }
const planned = async (cwd: string): Promise<{ readonly digest: string; readonly leaves: readonly Leaf[] }> => {
  const { plans: [plan] } = await json<{ plans: readonly { digest: string; leaves: readonly Leaf[] }[] }>(cwd, ['plan', 'acme']);
  if (plan === undefined) throw new Error('no plan');
  return plan;
};
const sign = (cwd: string, name: Name, digest: string, ...more: readonly string[]): Promise<Ended> => lab(cwd, ['approve', 'acme', digest, '--key', files[name], '--yes', ...more]);
interface Applied {
  readonly runs: readonly { readonly run: string; readonly targets: readonly { readonly verdict: string; readonly changes: readonly { readonly address: string }[] }[] }[];
  readonly refused: readonly { readonly code: string }[];
  readonly waiting: readonly { readonly addresses: readonly string[]; readonly state: string; readonly why: { readonly en: string } }[];
  readonly approvals: readonly { readonly approver: string; readonly method: string }[];
}
const apply = (cwd: string, ...more: readonly string[]): Promise<Applied & { readonly code: number | null }> => json<Applied>(cwd, ['apply', 'acme', ...more]);
const verified = async (cwd: string): Promise<readonly string[]> => {
  const { customers } = await json<{ customers: readonly { problems: readonly { code: string }[] }[] }>(cwd, ['audit', 'verify', 'acme']);
  return [...new Set(customers.flatMap(({ problems }) => problems.map(({ code }) => code)))].sort();
};
const writes = (): number => [...world.lab.targets.values()].reduce((sum, target) => sum + target.writes().length, 0);
const vlans = (...ids: readonly (readonly [string, number])[]): string => `sites:\n  hq:\n    vlans:\n      office:\n        id: 10\n        subnet: 192.168.10.0/24\n        gateway: 192.168.10.1\n${ids.map(([name, id]) => `      ${name}:\n        id: ${String(id)}\n`).join('')}`;

/** Records with rules, signatures and an emergency are as their published schema says. */
async function checkRecords(): Promise<void> {
  const validate = new Ajv2020({ allErrors: true, strict: false }).compile(JSON.parse(await readFile(new URL('../../schemas/record.schema.json', import.meta.url), 'utf8')) as object);
  const texts = await Promise.all((await git(world.remote, 'ls-tree', '--name-only', 'audit-lab/acme', 'records/')).split('\n').map((file) => git(world.remote, 'show', `audit-lab/acme:${file}`)));
  expect(texts.some((text) => text.includes('reviewDue'))).toBe(true);
  for (const text of texts) {
    validate(JSON.parse(text));
    expect(validate.errors ?? []).toEqual([]);
  }
}

/** Everything that is written at first, by two seniors. */
async function takeOver(): Promise<void> {
  const { digest } = await planned(world.root);
  for (const name of ['anna', 'ben'] as const) await sign(world.root, name, digest);
  const { code, waiting } = await apply(world.root);
  if (code !== 0) throw new Error(`the first run ended with ${String(code)}: ${JSON.stringify(waiting)}`);
}

describe.runIf(hasKeygen())('with rules in soll.yaml', () => {
  beforeEach(async () => {
    world = await makeLabWorld({ ...acme, 'soll.yaml': settings }, keys);
  }, 120_000);
  afterEach(() => world.stop());

  test('what two have signed is applied, one is not enough for high risk, the author and a bare digest count nothing, and a fresh clone proves it all', async () => {
    const { digest, leaves } = await planned(world.root);
    const bare = await apply(world.root, '--approve', digest);
    expect({ code: bare.code, refused: bare.refused.map(({ code }) => code), runs: bare.runs }).toEqual({ code: 4, refused: ['not-approved'], runs: [] });
    expect(bare.waiting).toHaveLength(leaves.length);

    // Mia has written it: her signature is taken and counts nothing.
    expect((await sign(world.root, 'mia', digest)).code).toBe(0);
    const own = await apply(world.root);
    expect(own.runs).toEqual([]);
    expect(own.waiting.every(({ why }) => why.en.includes('mia wrote it'))).toBe(true);
    expect(writes()).toBe(0);

    expect((await sign(await world.clone('b'), 'anna', digest)).code).toBe(0);
    const part = await apply(world.root);
    expect(part.code).toBe(4);
    expect(part.approvals.map(({ approver, method }) => [approver, method])).toEqual([['anna', 'signature']]);
    expect(part.runs.flatMap(({ targets }) => targets.map(({ verdict }) => verdict)).every((verdict) => verdict === 'converged')).toBe(true);
    expect(part.waiting.length).toBeGreaterThan(0);
    expect(part.waiting.every(({ why }) => why.en.includes('1 approval missing of ben, so far anna'))).toBe(true);

    const rest = await planned(world.root);
    for (const name of ['anna', 'ben'] as const) expect((await sign(world.root, name, rest.digest)).code).toBe(0);
    const done = await apply(world.root);
    expect({ code: done.code, waiting: done.waiting }).toEqual({ code: 0, waiting: [] });
    expect((await planned(world.root)).leaves).toEqual([]);
    expect(await verified(await world.clone('c'))).toEqual([]);
    const listed = await json<{ customers: readonly { plans: readonly { state: string }[] }[] }>(world.root, ['approvals', 'acme']);
    expect(listed.customers[0]?.plans[0]?.state).toBe('applied');
  }, 240_000);

  test('approvals and records go where soll.yaml says, and are looked for there', async () => {
    const vault = join(world.root, '..', 'vault.git');
    await git(world.root, 'init', '-q', '--bare', vault);
    await git(world.root, 'remote', 'add', 'vault', vault);
    await world.write({ 'soll.yaml': `${settings}audit:\n  branchPrefix: history\n  remote: vault\n` });
    await world.commit('records elsewhere');
    await takeOver();
    expect((await git(vault, 'branch', '--list', '--format=%(refname:short)')).split('\n').sort()).toEqual(['approvals-lab/acme', 'history-lab/acme']);
    expect(await git(world.remote, 'branch', '--list', '--format=%(refname:short)')).toBe('main');
    const listed = await json<{ customers: readonly { plans: readonly { state: string }[] }[] }>(world.root, ['approvals', 'acme']);
    expect(listed.customers[0]?.plans[0]?.state).toBe('applied');
  }, 240_000);

  test('what changed after it was signed needs another signature, what did not is applied', async () => {
    await takeOver();
    await world.write({ 'customers/acme/network.yaml': vlans(['guests', 20], ['phones', 30]) });
    await world.commit('guests and phones');
    const first = await planned(world.root);
    expect((await sign(world.root, 'anna', first.digest)).code).toBe(0);
    await world.write({ 'customers/acme/network.yaml': vlans(['guests', 20], ['phones', 31]) });
    await world.commit('phones elsewhere');
    const applied = await apply(world.root);
    expect(applied.code).toBe(4);
    expect(applied.runs.flatMap(({ targets }) => targets.flatMap(({ changes }) => changes.map(({ address }) => address)))).toEqual(['acme/store/vlan/guests']);
    expect(applied.waiting.map(({ addresses, why }) => [addresses, why.en.startsWith('changed since it was approved')])).toEqual([[['acme/store/vlan/phones'], true]]);
    // Part of the commit was applied; who wrote the rest of it is its author still.
    const rest = await planned(world.root);
    expect((await sign(world.root, 'mia', rest.digest)).code).toBe(0);
    expect((await apply(world.root)).waiting.map(({ why }) => why.en.includes('mia wrote it'))).toEqual([true]);
    expect((await sign(world.root, 'anna', rest.digest)).code).toBe(0);
    expect((await apply(world.root)).code).toBe(0);

    // The same change once more is another one: the signature is used up.
    await world.write({ 'customers/acme/network.yaml': vlans(['phones', 31]) });
    await world.commit('no guests');
    const gone = await planned(world.root);
    for (const name of ['anna', 'ben'] as const) await sign(world.root, name, gone.digest);
    expect((await apply(world.root)).code).toBe(0);
    await world.write({ 'customers/acme/network.yaml': vlans(['guests', 20], ['phones', 31]) });
    await world.commit('guests again');
    expect((await apply(world.root)).refused.map(({ code }) => code)).toEqual(['not-approved']);
    expect(await verified(world.root)).toEqual([]);
  }, 240_000);

  test('a rejection stands until it is taken back, and so does a withdrawal', async () => {
    await takeOver();
    await world.write({ 'customers/acme/network.yaml': vlans(['guests', 20]) });
    await world.commit('guests');
    const { digest } = await planned(world.root);
    await sign(world.root, 'carl', digest);
    expect((await sign(world.root, 'ben', digest, '--reject', '--reason', 'not today')).code).toBe(0);
    const rejected = await apply(world.root);
    expect(rejected.waiting.map(({ why }) => why.en)).toEqual(['rejected by ben (not today)']);
    expect((await sign(world.root, 'ben', digest, '--withdraw')).code).toBe(0);
    await sign(world.root, 'carl', digest, '--withdraw');
    expect((await apply(world.root)).code).toBe(4);
    await sign(world.root, 'carl', digest);
    expect((await apply(world.root)).code).toBe(0);
  }, 240_000);

  test('a change of the rules does not approve itself, not even over two commits or by taking them away', async () => {
    await takeOver();
    const { file, key } = await makeKey(world.root, 'eve');
    const eve = settings.replace('approval:\n', `  eve:\n    name: Eve\n    groups: [senior]\n    keys:\n      - key: ${key}\napproval:\n`);
    await world.write({ '.gitignore': '.soll/\neve\neve.pub\n', 'soll.yaml': eve });
    await world.commit('Eve is one of us');
    await world.write({ 'customers/acme/network.yaml': vlans(['guests', 20]) });
    await world.commit('guests');
    const { digest } = await planned(world.root);
    expect((await lab(world.root, ['approve', 'acme', digest, '--key', file, '--yes'])).code).toBe(0);
    expect((await apply(world.root)).code).toBe(4);

    await world.write({ 'soll.yaml': 'version: 1\nfleet:\n  deletes: 50\n' });
    await world.commit('no rules');
    const bare = await apply(world.root, '--approve', (await planned(world.root)).digest);
    expect({ code: bare.code, refused: bare.refused.map(({ code }) => code) }).toEqual({ code: 4, refused: ['not-approved'] });
  }, 240_000);

  test('rules that cannot be read are no permission', async () => {
    await takeOver();
    await world.write({ 'customers/acme/network.yaml': vlans(['guests', 20]), 'soll.yaml': `${settings}unknown: 1\n` });
    await world.commit('broken');
    const { digest } = await planned(world.root).catch(() => ({ digest: `sha256:${'0'.repeat(64)}` }));
    const before = writes();
    expect((await lab(world.root, ['apply', 'acme', '--approve', digest])).code).toBe(3);
    expect(writes()).toBe(before);
  }, 240_000);

  test('a key that is nobody\'s and a digest that is no plan are refused before anything is written', async () => {
    const { digest } = await planned(world.root);
    const { file } = await makeKey(keys, `stranger-${String(Date.now())}`);
    const stranger = await lab(world.root, ['approve', 'acme', digest, '--key', file, '--yes']);
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toContain('people.<name>.keys');
    expect((await sign(world.root, 'anna', `sha256:${'1'.repeat(64)}`)).code).toBe(4);
    expect((await lab(world.root, ['approve', 'acme', 'sha256:12', '--yes'])).code).toBe(3);
    // Nobody is there to be asked.
    expect((await lab(world.root, ['approve', 'acme', digest, '--key', files.anna])).code).toBe(4);
    await expect(git(world.remote, 'rev-parse', '--verify', 'approvals-lab/acme')).rejects.toThrow();
  }, 240_000);

  test('an emergency is applied under one signature, also the author\'s, and stays open until a second person has looked at it', async () => {
    await takeOver();
    await world.write({ 'customers/acme/network.yaml': vlans(['guests', 20]) });
    await world.commit('guests');
    const emergency = (name: Name): Promise<Applied & { readonly code: number | null }> => apply(world.root, '--emergency', '--reason', 'telephones are down', '--ticket', 'T-1', '--key', files[name], '--yes');
    expect((await lab(world.root, ['apply', 'acme', '--emergency', '--yes'])).code).toBe(3);
    expect((await emergency('carl')).code).toBe(4);
    const done = await emergency('mia');
    expect({ code: done.code, approvers: done.approvals.map(({ approver }) => approver) }).toEqual({ code: 0, approvers: ['mia'] });
    expect(await verified(world.root)).toEqual([]);
    const listed = (): Promise<{ readonly customers: readonly { readonly emergencies: readonly { readonly run: string; readonly state: string }[] }[] }> => json(world.root, ['approvals', 'acme']);
    const [due] = (await listed()).customers[0]?.emergencies ?? [];
    expect(due).toMatchObject({ state: 'due', ticket: 'T-1', reason: 'telephones are down' });
    const review = (name: Name): Promise<Ended> => lab(world.root, ['audit', 'review', due?.run ?? '', '--reason', 'right', '--key', files[name]]);
    expect((await review('mia')).code).toBe(1);
    expect((await listed()).customers[0]?.emergencies).toHaveLength(1);
    expect((await review('carl')).code).toBe(0);
    expect((await listed()).customers[0]?.emergencies).toEqual([]);
    await checkRecords();
  }, 240_000);

  test('a review of the head of a pull request is applied after the merge, a commit that was pushed after it is not', async () => {
    await takeOver();
    const base = await git(world.root, 'rev-parse', 'HEAD');
    await git(world.root, 'checkout', '-q', '-b', 'change');
    await world.write({ 'customers/acme/network.yaml': vlans(['guests', 20]) });
    await git(world.root, 'commit', '-qam', 'guests');
    const head = await git(world.root, 'rev-parse', 'HEAD');
    await git(world.root, 'push', '-q', 'origin', 'change');
    const repository = 'msp/customers';
    const mia = { login: 'mia-msp', type: 'User' } as const;
    const hub = await startGithubServer({ repository, token: 'ghs_e2e', account: { login: 'github-actions[bot]', type: 'Bot' }, pulls: [{ number: 7, title: 'Guests', user: mia, head: { ref: 'change', sha: head, repo: repository }, base: { ref: 'main', sha: base }, state: 'open', merged: false, merge_commit_sha: null, commits: [{ sha: head, author: mia, committer: mia }], reviews: [] }] });
    try {
      const cert = join(world.root, '.soll', 'hub.pem');
      await writeFile(cert, hub.cert);
      const env = { GITHUB_TOKEN: 'ghs_e2e', GITHUB_REPOSITORY: repository, GITHUB_API_URL: hub.api, GITHUB_REF: 'refs/pull/7/merge', GITHUB_EVENT_PATH: '', GITHUB_STEP_SUMMARY: '', NODE_EXTRA_CA_CERTS: cert };
      const [pull] = hub.state.pulls;
      if (pull === undefined) throw new Error('no pull request');
      expect((await soll(world.root, ['pr', 'plan', '--lab', '--out', join(world.root, '.soll', 'out')], { env })).code).toBe(0);
      await git(world.root, 'checkout', '-q', 'main');
      await git(world.root, 'merge', '-q', '--no-ff', '-m', 'Merge', 'change');
      await git(world.root, 'push', '-q', 'origin', 'main');
      Object.assign(pull, { state: 'closed', merged: true, merge_commit_sha: await git(world.root, 'rev-parse', 'HEAD') });
      const withHost = async (): Promise<{ readonly code: number | null; readonly approvals: Applied['approvals'] }> => {
        const ended = await soll(world.root, ['apply', 'acme', '--lab', '--json'], { env });
        return { code: ended.code, approvals: (JSON.parse(ended.stdout) as Applied).approvals };
      };
      const later = (): string => new Date(Date.now() + 1000).toISOString();
      pull.reviews.push({ user: mia, state: 'APPROVED', commit_id: head, submitted_at: later() }, { user: { login: 'carl-msp', type: 'User' }, state: 'APPROVED', commit_id: base, submitted_at: later() }, { user: { login: 'ben-msp', type: 'Bot' }, state: 'APPROVED', commit_id: head, submitted_at: later() });
      expect(await withHost()).toEqual({ code: 4, approvals: [] });
      pull.reviews.push({ user: { login: 'carl-msp', type: 'User' }, state: 'APPROVED', commit_id: head, submitted_at: later() });
      const listed = JSON.parse((await soll(world.root, ['approvals', 'acme', '--lab', '--json'], { env })).stdout) as { customers: readonly { plans: readonly { state: string; words: readonly { approver: string; method: string; refused?: string }[] }[] }[] };
      expect(listed.customers[0]?.plans[0]).toMatchObject({ state: 'approved', words: [{ approver: 'ben', refused: 'bot' }, { approver: 'carl', method: 'review' }] });
      const done = await withHost();
      expect({ code: done.code, by: done.approvals.map(({ approver, method }) => [approver, method]) }).toEqual({ code: 0, by: [['carl', 'review']] });
      expect(await verified(world.root)).toEqual([]);
    } finally {
      await hub.close();
    }
  }, 240_000);
});
