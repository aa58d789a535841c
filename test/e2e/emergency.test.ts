/** In an emergency, with the platform away: real keys, real signatures, a bare remote that is unplugged, a store on loopback; all in this process. */
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '#contract';
import type { Plan } from '#core/model';
import { GitError } from '#git/run-git';
import { systemClock } from '#transport/system-clock';
import { configBackups } from '../../src/config-backup.ts';
import { exportEvidence } from '../../src/audit-export.ts';
import { auditPush } from '../../src/audit-push.ts';
import { reviewRun } from '../../src/approve.ts';
import { apply, log, plan, verifyAudit } from '../../src/pipeline.ts';
import { fleetStatus } from '../../src/status.ts';
import type { ApplyOptions, ApplyRunResult, PlanOptions, Workspace } from '../../src/workspace.ts';
import { git, makeLabWorld, type LabWorld } from '../harness/lab-world.ts';
import { hasKeygen, makeKey } from '../harness/signing-keys.ts';
import { customerOf, networkOf, storesOf } from '../harness/stores.ts';

const names = ['anna', 'mia', 'test'] as const;
let keys: string;
let files: Record<string, string>;
let world: LabWorld;

const clockAt = (days: number): Clock => ({ ...systemClock, now: () => systemClock.now() + days * 86_400_000 });
const none = (): void => undefined;
const ws = (root: string, days = 0): Workspace => ({ root, lab: true, env: {}, clock: clockAt(days), log: { debug: none, info: none, warn: none }, progress: none, signal: new AbortController().signal, redactor: { add: none, redact: (text) => text } });
const some: PlanOptions = { customers: ['acme'], targets: [], concurrency: 1 };
const base: ApplyOptions = { ...some, approve: [], planFiles: [], approver: 'tester', lockTimeoutMs: 1000, guardSeconds: 90, allowUnguarded: false };
/** What was shown before it was signed. */
let shown: readonly Plan[] = [];
const emergency = (name = 'anna', more: Partial<ApplyOptions> = {}): Promise<ApplyRunResult> => {
  shown = [];
  return apply(ws(world.root), { ...base, emergency: { reason: 'telephones are down', ticket: 'T-1', key: files[name] ?? '' }, confirm: (each) => { shown = [...shown, each]; return Promise.resolve(true); }, ...more });
};
const unplugged = async <T>(action: () => Promise<T>): Promise<T> => {
  await rename(world.remote, `${world.remote}.away`);
  try {
    return await action();
  } finally {
    await rename(`${world.remote}.away`, world.remote);
  }
};
const verdicts = ({ runs }: ApplyRunResult): readonly string[] => runs.flatMap(({ targets }) => targets.map(({ verdict }) => verdict));
const refusals = ({ refused }: ApplyRunResult): readonly string[] => refused.map(({ code, why }) => `${code}: ${why}`);
const problems = async (root: string, days = 0): Promise<readonly string[]> => (await verifyAudit(ws(root, days), { customers: ['acme'] })).customers.flatMap((each) => each.problems.map(({ code }) => code));
const unpushed = async (): Promise<readonly string[]> => (await fleetStatus(ws(world.root), ['acme'])).customers[0]?.unpushed ?? [];
const writes = (): number => world.lab.targets.get('acme/store')?.writes().length ?? -1;

beforeAll(async () => {
  if (!hasKeygen()) return;
  keys = await mkdtemp(join(tmpdir(), 'soll-keys-'));
  const made = await Promise.all(names.map(async (name) => [name, await makeKey(keys, name)] as const));
  files = Object.fromEntries(made.map(([name, { file }]) => [name, file]));
  const people = made.map(([name, { key }]) => `  ${name}:\n    name: ${name}\n    emails: [${name}@msp.example]\n    groups: [${name === 'mia' ? 'technicians' : 'senior'}]\n    keys:\n      - key: ${key}\n`).join('');
  const soll = `version: 1\nfleet:\n  deletes: 50\npeople:\n${people}approval:\n  rules:\n    - from: [technicians, senior]\n      count: 2\n  emergency:\n    from: [senior]\n    reviewDays: 3\n`;
  world = await makeLabWorld({ ...storesOf('acme'), 'soll.yaml': soll });
}, 300_000);
afterAll(async () => {
  if (!hasKeygen()) return;
  await world.stop();
  await rm(keys, { recursive: true, force: true });
});

/** One story: each part goes on where the one before it ended. */
describe.runIf(hasKeygen())('an emergency', () => {
  beforeEach(() => { shown = []; });

  it('with the remote away: the same plan, one signature, the records in the clone, and it is said that nobody can be locked out', async () => {
    await unplugged(async () => {
      await expect(plan(ws(world.root), some)).rejects.toBeInstanceOf(GitError);
      expect(refusals(await emergency())).toEqual([expect.stringMatching(/^record: .*--offline-record/)]);
      const planned = await plan(ws(world.root), { ...some, offline: '' });
      expect(planned.problems.map(({ code, severity }) => [code, severity])).toEqual([['audit.offline', 'warning']]);
      // Without an emergency nobody could tell what was rejected since.
      expect(refusals(await apply(ws(world.root), { ...base, offline: 'no net', approve: [planned.plans[0]?.digest ?? ''] }))).toEqual([expect.stringMatching(/^invalid: .*--emergency/)]);
      expect(refusals(await emergency('mia', { offline: 'platform down' }))).toEqual([expect.stringMatching(/^not-approved/)]);
      expect(writes()).toBe(0);
      const done = await emergency('anna', { offline: 'platform down' });
      expect([verdicts(done), refusals(done), done.runs.map(({ recorded }) => recorded)]).toEqual([['converged'], [], [true]]);
      expect(shown.map(({ digest }) => digest)).toEqual([planned.plans[0]?.digest]);
      expect(shown[0]?.problems.map(({ code, message }) => `${code} ${message}`)).toEqual([expect.stringMatching(/^audit\.offline .*never seen.*no lock can keep it out/)]);
      expect((await plan(ws(world.root), { ...some, offline: '' })).plans.map(({ leaves }) => leaves)).toEqual([[]]);
      const { entries } = await log(ws(world.root), { customers: ['acme'], offline: true });
      expect(entries).toMatchObject([{ emergency: { ticket: 'T-1' }, offline: { remote: 'origin', seen: '', reason: 'platform down' } }]);
      expect((await verifyAudit(ws(world.root), { customers: ['acme'], offline: true })).customers).toMatchObject([{ records: 3, problems: [] }]);
    });
  }, 300_000);

  it('before the records are at the remote nothing else is applied from here, and whoever asks is told', async () => {
    await world.write({ 'customers/acme/network.yaml': networkOf(10, 20, 30) });
    await world.commit('one more');
    const before = writes();
    expect((await plan(ws(world.root), some)).problems.map(({ code }) => code)).toEqual(['audit.kept']);
    expect(await unpushed()).toEqual(['records']);
    expect(refusals(await emergency())).toEqual([expect.stringMatching(/^record: .*soll audit push acme/)]);
    expect(writes()).toBe(before);
    expect(await problems(world.root)).toEqual(['audit.kept']);
    expect(await auditPush(ws(world.root), { customers: [], lockTimeoutMs: 0 })).toEqual([{ customer: 'acme', status: 'pushed', records: 3, unpublished: [] }]);
    expect(await problems(await world.clone('b'))).toEqual([]);
    expect(await unpushed()).toEqual([]);
  }, 300_000);

  it('two machines at once: the one that was away is joined, everything is proven, and nobody plans without its commit', async () => {
    const away = await world.clone('away');
    await git(away, 'commit', '-q', '--allow-empty', '-m', 'what nobody else has yet');
    const own = await git(away, 'rev-parse', 'HEAD');
    expect(verdicts(await emergency())).toEqual(['converged']);
    const local = await unplugged(async () => apply(ws(away), { ...base, offline: 'platform down', emergency: { reason: 'no dial tone', ticket: 'T-2', key: files['test'] ?? '' }, confirm: () => Promise.resolve(true) }));
    // It saw what the other had done to the device, and only took it over.
    expect([verdicts(local), refusals(local)]).toEqual([['converged'], []]);
    const [pushed] = await auditPush(ws(away), { customers: ['acme'], lockTimeoutMs: 0 });
    expect(pushed).toMatchObject({ status: 'joined', both: ['acme/store/vlan/net-30'], unpublished: [own] });
    // What was applied from it would look like a deletion wherever it is missing.
    const without = await world.clone('without');
    expect([await problems(without), (await plan(ws(without), some)).problems.map(({ code }) => code)]).toEqual([['audit.commit'], ['git.older']]);
    await git(away, 'push', '-q', 'origin', 'HEAD:main');
    await git(world.root, 'pull', '-q', 'origin', 'main');
    const fresh = await world.clone('c');
    const { customers: [found] } = await verifyAudit(ws(fresh), { customers: ['acme'] });
    expect([found?.problems, found?.forks?.length]).toEqual([[], 1]);
    expect((await plan(ws(fresh), some)).plans.map(({ leaves }) => leaves)).toEqual([[]]);
  }, 300_000);

  it('a review that is overdue is told by verify and stands in the way of an export alike, until somebody else has looked', async () => {
    const fresh = await world.clone('d');
    const pack = (days: number, name: string): ReturnType<typeof exportEvidence> => exportEvidence(ws(fresh, days), { customers: ['acme'], folder: join(world.root, '..', name), language: 'en', broken: false });
    expect((await pack(0, 'due')).status).toBe('written');
    const text = await readFile(join(world.root, '..', 'due', 'evidence.md'), 'utf8');
    expect(text).toContain('**EMERGENCY**: T-2: no dial tone; **review due by');
    expect(text).toContain('Recorded in the clone, origin could not be asked: nobody could be locked out');
    expect(text).toMatch(/The chain parts after record 3 and is joined again by record \d+/);
    expect(await problems(fresh, 4)).toEqual(['audit.review-overdue', 'audit.review-overdue', 'audit.review-overdue']);
    const late = await pack(4, 'late');
    expect(late.status === 'broken' ? late.customers.flatMap((each) => each.problems.map(({ code }) => code)) : late.status).toEqual(await problems(fresh, 4));
    const { entries } = await log(ws(fresh), { customers: ['acme'] });
    for (const { run } of entries) await reviewRun(ws(fresh), { run, reason: 'right', key: files['mia'] });
    expect(await problems(fresh, 4)).toEqual([]);
    expect((await pack(4, 'reviewed')).status).toBe('written');
    expect(await readFile(join(world.root, '..', 'reviewed', 'evidence.md'), 'utf8')).toContain('reviewed by mia');
  }, 300_000);

  it('passes a shut window by itself, a freeze only where that is said as well, and both stand in the record', async () => {
    const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][(new Date().getUTCDay() + 3) % 7] ?? 'sun';
    await world.write({ 'customers/acme/network.yaml': networkOf(10, 30), 'customers/acme/customer.yaml': customerOf('acme', `maintenance:\n  - days: [${day}]\n    from: "01:00"\n    to: "02:00"\nfreeze:\n  reason: Umzug\n`) });
    await world.commit('frozen');
    const before = writes();
    const held = await emergency();
    expect([held.runs, held.waiting.map(({ state }) => state), writes()]).toEqual([[], ['freeze'], before]);
    const done = await emergency('anna', { ignore: { window: false, freeze: true, reason: 'telephones are down' } });
    expect([verdicts(done), done.waiting]).toEqual([['converged'], []]);
    const { entries: [entry] } = await log(ws(world.root), { customers: ['acme'] });
    expect(entry?.ignored).toEqual({ reason: 'telephones are down', held: [{ state: 'freeze', why: expect.stringContaining('Umzug') as string, leaves: 1 }, { state: 'window', why: expect.stringContaining('maintenance window') as string, leaves: 1 }] });
  }, 300_000);

  it('goes on where the place of the configurations is away: they stay in this clone, that is told, and they come there later', async () => {
    const vault = join(world.root, '..', 'vault.git');
    await git(world.root, 'remote', 'add', 'vault', vault);
    const policy = `configBackup:\n  recipients:\n    - ${await identityToRecipient(await generateIdentity())}\n`;
    await world.write({ 'customers/acme/customer.yaml': customerOf('acme', policy), 'customers/acme/network.yaml': networkOf(10, 50), 'soll.yaml': `${await readFile(join(world.root, 'soll.yaml'), 'utf8')}configBackup:\n  remote: vault\n` });
    await world.commit('Keep them elsewhere');
    const done = await emergency();
    expect([refusals(done), verdicts(done)]).toEqual([[], ['converged']]);
    expect(await git(world.root, 'show', 'config-lab/acme:store/configuration.age')).toContain('BEGIN AGE ENCRYPTED FILE');
    expect(await unpushed()).toEqual(['configurations']);
    expect(await auditPush(ws(world.root), { customers: [], lockTimeoutMs: 0 })).toMatchObject([{ customer: 'acme', status: 'failed' }]);

    // Meanwhile somebody has kept another state there: both stay, the newer one counts.
    await git(world.root, 'init', '-q', '--bare', vault);
    const other = await world.clone('scheduled');
    await git(other, 'remote', 'add', 'vault', vault);
    await configBackups(ws(other), { ...some, act: 'run' });
    expect(await auditPush(ws(world.root), { customers: [], lockTimeoutMs: 0 })).toMatchObject([{ customer: 'acme', status: 'nothing', configurations: true }]);
    expect(await unpushed()).toEqual([]);
    expect((await git(vault, 'show', '-s', '--format=%P', 'config-lab/acme')).split(' ')).toHaveLength(2);
    expect(await auditPush(ws(world.root), { customers: [], lockTimeoutMs: 0 })).toEqual([{ customer: 'acme', status: 'nothing', records: 0, unpublished: [] }]);
  }, 300_000);
});

it('without an emergency a window is passed with a reason, which is recorded, told and exported', async () => {
  const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][(new Date().getUTCDay() + 3) % 7] ?? 'sun';
  const shut = await makeLabWorld({ ...storesOf('acme'), 'customers/acme/customer.yaml': customerOf('acme', `maintenance:\n  - days: [${day}]\n    from: "01:00"\n    to: "02:00"\n`), 'customers/acme/network.yaml': networkOf(10, 20) });
  try {
    const approved = async (): Promise<ApplyOptions> => ({ ...base, approve: [(await plan(ws(shut.root), some)).plans[0]?.digest ?? ''] });
    expect(verdicts(await apply(ws(shut.root), await approved()))).toEqual(['converged']);
    await shut.write({ 'customers/acme/network.yaml': networkOf(10) });
    await shut.commit('one goes');
    const options = await approved();
    expect((await apply(ws(shut.root), options)).waiting.map(({ state }) => state)).toEqual(['window']);
    expect(verdicts(await apply(ws(shut.root), { ...options, ignore: { window: true, freeze: false, reason: 'the customer asked' } }))).toEqual(['converged']);
    const { entries: [entry] } = await log(ws(shut.root), { customers: ['acme'] });
    expect(entry).toMatchObject({ ignored: { reason: 'the customer asked', held: [{ state: 'window', leaves: 1 }] } });
    const out = join(shut.root, '..', 'pack');
    expect((await exportEvidence(ws(shut.root), { customers: ['acme'], folder: out, language: 'de', broken: false })).status).toBe('written');
    expect(await readFile(join(out, 'evidence.md'), 'utf8')).toMatch(/\*\*Bewusst übergangen\*\*: Wartungsfenster, 1 Änderung: .*Warum: the customer asked/);
  } finally {
    await shut.stop();
  }
}, 300_000);
