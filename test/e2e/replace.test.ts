/** A device is swapped: nobody is trusted silently, the act is approved, what was applied is restored, and the record says who was who. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Plan } from '#core/model';
import { configBackups } from '../../src/config-backup.ts';
import { apply, doctor, drift, plan, verifyAudit } from '../../src/pipeline.ts';
import type { ApplyRunResult, PlanTold, Workspace } from '../../src/workspace.ts';
import { freshWorld } from '../harness/fresh-world.ts';
import { git, soll, startLabOf } from '../harness/lab-world.ts';
import { behindAddresses, pinOf, targetsWith, twoTargets, workspaceAt, type Behind } from '../harness/production.ts';

const world = freshWorld(twoTargets);
const file = 'customers/acme/targets.yaml';
const selection = { customers: ['acme'], targets: [], concurrency: 4 };
let behind: Behind;
let ws: Workspace;

function secrets(): Readonly<Record<string, string>> {
  return Object.fromEntries(['fw', 'store'].flatMap((name) => {
    const { read, write } = world.lab.targets.get(`acme/${name}`)?.credentials ?? { read: '', write: '' };
    return [[`SOLL_SECRET_ACME_${name.toUpperCase()}_READ`, read], [`SOLL_SECRET_WRITE_ACME_${name.toUpperCase()}_WRITE`, write]];
  }));
}

beforeEach(async () => {
  behind = await behindAddresses(() => world.lab);
  ws = workspaceAt(world.root, { providers: behind.providers, env: secrets() });
  await world.write({ [file]: targetsWith(pinOf(world.lab, 'fw'), pinOf(world.lab, 'store')) });
  await world.commit('pins');
});

async function planned(): Promise<PlanTold & { readonly one: Plan }> {
  const told = await plan(ws, selection);
  const [one] = told.plans;
  if (one === undefined) throw new Error(JSON.stringify(told.problems));
  return { ...told, one };
}

async function approved(more: Partial<Workspace> = {}): Promise<ApplyRunResult> {
  const { one } = await planned();
  return apply({ ...ws, ...more }, { ...selection, approve: [one.digest], planFiles: [], approver: 'tester', lockTimeoutMs: 10_000, guardSeconds: 60, allowUnguarded: false });
}

const verdicts = ({ runs, refused }: ApplyRunResult): unknown => ({ refused, verdicts: Object.fromEntries(runs.flatMap(({ targets }) => targets.map(({ target, verdict }) => [target, verdict]))) });
const targetOf = ({ targets }: Plan, name: string): Plan['targets'][number] | undefined => targets.find(({ target }) => target === name);
const does = (one: Plan, name: string): readonly string[] => (targetOf(one, name)?.batches ?? []).flatMap(({ changes }) => changes.map(({ verb, reason }) => `${verb} ${reason}`));

/** Another device at the same address, as it comes out of the box. */
async function swap(name: string): Promise<string> {
  await world.lab.stop();
  await rm(join(world.root, '.soll', 'lab', 'acme', name), { recursive: true });
  world.lab = await startLabOf(world.root);
  ws = { ...ws, env: secrets() };
  return pinOf(world.lab, name);
}

async function recorded(): Promise<readonly string[]> {
  const names = await git(world.remote, 'ls-tree', '--name-only', 'audit/acme', 'records/');
  return Promise.all(names.split('\n').map((name) => git(world.remote, 'show', `audit/acme:${name}`)));
}

describe('soll replace', () => {
  test('a swapped firewall: refused, seen by the doctor, silent in YAML it stops as critical, by the act it is accepted and restored', async () => {
    const old = pinOf(world.lab, 'fw');
    expect(verdicts(await approved())).toEqual({ refused: [], verdicts: { fw: 'converged', store: 'converged' } });
    const now = await swap('fw');
    expect(now).not.toBe(old);

    const stranger = await planned();
    expect(targetOf(stranger.one, 'fw')).toMatchObject({ status: 'unreachable', batches: [] });
    const { findings } = await doctor(ws, { ...selection, targets: ['fw'] });
    expect(findings).toMatchObject([{ check: 'identity', ok: false, seen: now }]);
    expect(findings[0]?.hint).toContain(`soll replace acme fw --identity ${now} --reason`);

    // Somebody just writes the new pin.
    await world.write({ [file]: targetsWith(now, pinOf(world.lab, 'store')), 'customers/acme/customer.yaml': `${twoTargets['customers/acme/customer.yaml'] ?? ''}configBackup:\n  recipients:\n    - ${await identityToRecipient(await generateIdentity())}\n` });
    await world.commit('nothing to see here');
    behind.opened.length = 0;
    const silent = await planned();
    expect(behind.opened).toEqual(['store']);
    expect(targetOf(silent.one, 'fw')?.status).toBe('blocked');
    expect({ risk: silent.one.risk, leaves: silent.one.leaves.length, problems: silent.one.problems.map(({ code, gate }) => [code, gate]) }).toEqual({ risk: 'critical', leaves: 0, problems: [['identity.changed', true]] });
    expect((await approved()).refused).toMatchObject([{ code: 'gate' }]);
    const { entries } = await configBackups(ws, { ...selection, act: 'run' });
    expect(entries.map(({ target, state, why }) => [target, state, why?.slice(0, 8)])).toEqual([['fw', 'failed', 'CRITICAL'], ['store', 'stored', undefined]]);
    expect(behind.opened).not.toContain('fw');
    await world.write({ [file]: targetsWith(old, pinOf(world.lab, 'store')) });

    const wrong = await soll(world.root, ['replace', 'acme', 'fw', '--identity', pinOf(world.lab, 'store'), '--reason', 'x']);
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('replace.scheme')]);
    expect((await soll(world.root, ['replace', 'acme', 'fw', '--identity', old, '--reason', 'x'])).code).toBe(3);
    expect((await soll(world.root, ['replace', 'acme', 'nope', '--identity', now, '--reason', 'x'])).code).toBe(3);
    expect(await readFile(join(world.root, file), 'utf8')).toBe(targetsWith(old, pinOf(world.lab, 'store')));
    const written = await soll(world.root, ['replace', 'acme', 'fw', '--identity', now, '--reason', 'Netzteil: defekt', '--ticket', 'T-1']);
    expect(written.code, written.stderr).toBe(0);
    const text = await readFile(join(world.root, file), 'utf8');
    expect(text).toContain(`      - ${now} # read on the console\n`);
    expect(text).toContain('# As of last Tuesday.\n');
    await world.commit('T-1');

    const act = await planned();
    expect({ risk: act.one.risk, problems: act.one.problems }).toEqual({ risk: 'critical', problems: [] });
    expect(act.one.summary).toMatchObject({ delete: 0, drift: 0, conflict: 0 });
    expect([...new Set(does(act.one, 'fw'))]).toEqual(['identify replaced', 'create replaced']);
    expect(does(act.one, 'store')).toEqual([]);
    expect((await drift(ws, selection)).report.causes).toEqual([]);
    expect(verdicts(await approved())).toEqual({ refused: [], verdicts: { fw: 'converged' } });
    expect((await planned()).one.leaves).toEqual([]);
    expect((await verifyAudit(ws, { customers: [] })).customers.flatMap(({ problems }) => problems)).toEqual([]);

    const records = await recorded();
    const validate = new Ajv2020({ allErrors: true, strict: false }).compile(JSON.parse(await readFile(new URL('../../schemas/record.schema.json', import.meta.url), 'utf8')) as object);
    for (const record of records) {
      validate(JSON.parse(record));
      expect(validate.errors ?? []).toEqual([]);
    }
    const open = records.map((record) => JSON.parse(record) as { type: string; targets: readonly { target: string; changes: readonly { verb: string }[] }[] }).findLast(({ type }) => type === 'open');
    expect(open?.targets[0]?.changes[0]).toMatchObject({ verb: 'identify', reason: 'replaced', before: { identity: [old] }, after: { identity: [now], why: 'Netzteil: defekt', ticket: 'T-1' } });
    const log = await soll(world.root, ['log', 'acme', '--limit', '1']);
    expect(log.stdout).toContain('! fw identity fw the device was replaced');

    // Who was accepted once is no stranger; the act that stands there still explains nothing else.
    await writeFile(join(world.root, file), text.replace(now, `ssh:SHA256:${'B'.repeat(43)}`));
    expect((await planned()).one.problems.map(({ code }) => code)).toEqual(['identity.changed']);
  }, 300_000);

  test('a run that breaks off after the new identity was recorded leaves the rest as replaced, and the next one restores it', async () => {
    await approved();
    const now = await swap('store');
    expect((await soll(world.root, ['replace', 'acme', 'store', '--identity', now, '--reason', 'broken'])).code).toBe(0);
    await world.commit('swap');
    // Only the recording of the store is broken: its first batch is the identity.
    let batches = 0;
    const broken = approved({ effects: (name) => { if (name === 'audit.batch' && (batches += 1) === 2) throw new Error('power cut'); } });
    await expect(broken).rejects.toThrow('power cut');
    const recovered = await apply(ws, { ...selection, approve: [], planFiles: [], approver: 'tester', lockTimeoutMs: 10_000, guardSeconds: 60, allowUnguarded: false });
    expect(recovered.runs.flatMap(({ targets }) => targets.flatMap(({ changes }) => changes.map(({ verb, outcome }) => [verb, outcome.status])))).toEqual([['identify', 'done'], ['create', 'done']]);
    // It was written before the power went; taken away again it is missing because of the swap no more, but by drift.
    expect((await planned()).one.leaves).toEqual([]);
    await world.lab.targets.get('acme/store')?.edits['delete-vlan']?.run();
    expect(does((await planned()).one, 'store')).toEqual(['create drift']);
  }, 300_000);

  test('a run that broke off on the old device is not finished on the new one: nobody asks a stranger, and the act ends what was unknown', async () => {
    await expect(approved({ effects: (name) => { if (name === 'written') throw new Error('power cut'); } })).rejects.toThrow('power cut');
    const now = await swap('store');
    expect((await soll(world.root, ['replace', 'acme', 'store', '--identity', now, '--reason', 'broken'])).code).toBe(0);
    await world.commit('swap');
    const writes = world.lab.targets.get('acme/store')?.writes().length;
    const again = await apply(ws, { ...selection, approve: [], planFiles: [], approver: 'tester', lockTimeoutMs: 10_000, guardSeconds: 60, allowUnguarded: false });
    expect(again.runs[0]?.targets.find(({ target }) => target === 'store')).toMatchObject({ verdict: 'held', why: expect.stringContaining('identity') as string });
    expect(world.lab.targets.get('acme/store')?.writes().length).toBe(writes);
    expect(does((await planned()).one, 'store')).toEqual(['identify replaced', 'create new']);
    expect(verdicts(await approved())).toMatchObject({ verdicts: { store: 'converged' } });
    expect((await planned()).one.leaves).toEqual([]);
    expect((await verifyAudit(ws, { customers: [] })).customers.flatMap(({ problems }) => problems)).toEqual([]);
  }, 300_000);
});
