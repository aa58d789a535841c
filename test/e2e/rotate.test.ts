/** A credential is renewed: at every moment the one that is stored works, whatever breaks off; nobody else's is touched; no value is seen. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isProviderError, SecretValue, type CredentialName } from '#contract';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { approve } from '../../src/approve.ts';
import { apply, log, plan, verifyAudit } from '../../src/pipeline.ts';
import { replaceTarget } from '../../src/replace-target.ts';
import type { RotationPreview } from '#core/rotation-preview';
import { rotate, type RotateOptions, type RotateResult } from '../../src/rotate.ts';
import { readValues } from '../../src/secrets/open-secrets.ts';
import { setSecret } from '../../src/secrets/set-secret.ts';
import { fleetStatus } from '../../src/status.ts';
import type { ApplyRunResult, Workspace } from '../../src/workspace.ts';
import { commandsIn, everything, expectPlain, freshWorld } from '../harness/fresh-world.ts';
import { git, startLabOf } from '../harness/lab-world.ts';
import { behindAddresses, makeSecretKeys, pinOf, targetsWith, twoTargets, workspaceAt, type Behind, type SecretKeys } from '../harness/production.ts';
import { hasKeygen, makeKey } from '../harness/signing-keys.ts';

type Name = 'fw' | 'store';

const world = freshWorld(twoTargets);
let keys: SecretKeys;
let behind: Behind;
let ws: Workspace;
let told: string[];

beforeAll(async () => { keys = await makeSecretKeys(); });

const fileOf = (credential: CredentialName): string => `customers/acme/secrets.${credential}.yaml`;
const at = (root: string, more: Partial<Workspace> = {}): Workspace => workspaceAt(root, { providers: behind.providers, env: keys.env, progress: (event) => told.push(JSON.stringify(event)), ...more });

beforeEach(async () => {
  behind = await behindAddresses(() => world.lab);
  told = [];
  ws = at(world.root);
  await world.write({ 'customers/acme/targets.yaml': targetsWith(pinOf(world.lab, 'fw'), pinOf(world.lab, 'store')), ...await keys.files(world.lab) });
  await world.commit('secrets');
});

/** Of everybody: what the remote's default branch holds. */
async function stored(target: Name, credential: CredentialName): Promise<string> {
  const text = await git(world.remote, 'show', `main:${fileOf(credential)}`);
  const values = await readValues(`${text}\n`, (credential === 'read' ? keys.env['SOLL_AGE_KEY'] : keys.env['SOLL_AGE_KEY_WRITE']) ?? '');
  expect(values.get('another-one')).toBe('somebody else\'s');
  return values.get(`${target}-${credential}`) ?? '';
}

async function works(target: Name, credential: CredentialName, value: string): Promise<boolean> {
  const running = world.lab.targets.get(`acme/${target}`);
  const provider = behind.providers.get(target === 'fw' ? 'nftables' : 'memory')?.provider;
  if (running === undefined || provider === undefined) throw new Error(target);
  const reveal = (): Promise<SecretValue> => Promise.resolve(new SecretValue('x', value));
  const secret = { $secret: 'x' };
  const there = { customer: 'acme', name: target, provider: provider.name, address: '', identity: running.identity, credentials: { read: secret, write: secret }, manages: { vlan: 'merge' as const }, settings: {} };
  try {
    if (credential === 'read') {
      const session = await provider.open(there, readContextFor(running, 'acme', { reveal }));
      await session.identify();
      await session.close();
    } else {
      const session = await provider.openForWrite(there, writeContextFor(running, 'acme', { reveal }));
      await session.rotation?.list('write');
      await session.close();
    }
    return true;
  } catch (error) {
    if (isProviderError(error) && error.code === 'auth') return false;
    throw error;
  }
}

/** What a target accepts, by line or token; fresh from its disk. */
async function accepted(target: Name): Promise<readonly string[]> {
  const folder = join(world.root, '.soll', 'lab', 'acme', target);
  if (target === 'fw') return (await readFile(join(folder, 'root', 'root', '.ssh', 'authorized_keys'), 'latin1')).split('\n').filter((line) => line !== '');
  const { accepted: tokens } = JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as { accepted?: readonly { token: string }[] };
  return (tokens ?? []).map(({ token }) => token);
}

function ask(place: Workspace, target: Name, credential: CredentialName, more: Partial<RotateOptions> = {}): Promise<RotateResult> {
  return rotate(place, { customer: 'acme', target, credential, approver: 'tester', lockTimeoutMs: 10_000, yes: true, explain: () => undefined, ...more });
}

const ends = ({ runs, refused, problems }: Pick<RotateResult, 'runs' | 'refused' | 'problems'>): readonly string[] => [...runs.flatMap(({ targets }) => targets.map(({ verdict }) => verdict)), ...refused.map(({ code }) => code), ...problems.filter(({ severity }) => severity === 'error').map(({ code }) => code)];

async function recordsText(): Promise<readonly string[]> {
  const names = await git(world.remote, 'ls-tree', '--name-only', 'audit/acme', 'records/');
  return Promise.all(names.split('\n').map((name) => git(world.remote, 'show', `audit/acme:${name}`)));
}

async function sound(): Promise<void> {
  expect((await verifyAudit(ws, { customers: [] })).customers.flatMap(({ problems }) => problems)).toEqual([]);
}

const cases: readonly { readonly target: Name; readonly credential: CredentialName }[] = [{ target: 'fw', credential: 'write' }, { target: 'store', credential: 'read' }];

describe('soll rotate', () => {
  test.each(cases)('of $target: added, proven, stored as a commit of that one file, the old one removed, all of it recorded', async ({ target, credential }) => {
    const old = await stored(target, credential);
    const others = target === 'fw' ? (await accepted('fw')).filter((line) => !line.includes(`soll ${credential}`)) : [];
    const head = await git(world.root, 'rev-parse', 'HEAD');
    await writeFile(join(world.root, 'notes.txt'), 'not committed');
    const explained: RotationPreview[] = [];
    const result = await ask(ws, target, credential, { explain: (explanation) => explained.push(explanation), reason: 'Mia leaves' });
    expect(ends(result)).toEqual(['converged']);

    const now = await stored(target, credential);
    expect([now !== old, await works(target, credential, now), await works(target, credential, old)]).toEqual([true, true, false]);
    if (target === 'fw') expect((await accepted('fw')).filter((line) => others.includes(line))).toEqual(others);
    expect(await git(world.root, 'rev-parse', 'HEAD')).toBe(await git(world.remote, 'rev-parse', 'main'));
    expect(await git(world.root, 'diff', '--name-only', head, 'HEAD')).toBe(fileOf(credential));
    expect(await git(world.root, 'status', '--porcelain')).toBe('?? notes.txt');
    const [run] = result.runs;
    expect(await git(world.root, 'log', '-1', '--format=%B')).toContain(`Run: ${run?.run ?? ''}`);

    const records = await recordsText();
    const steps = records.map((text) => JSON.parse(text) as { type: string; step?: string });
    expect(steps.map(({ type, step }) => step ?? type)).toEqual(['open', 'added', 'stored', 'removed', 'batch', 'close']);
    const validate = new Ajv2020({ allErrors: true, strict: false }).compile(JSON.parse(await readFile(new URL('../../schemas/record.schema.json', import.meta.url), 'utf8')) as object);
    for (const record of steps) {
      validate(record);
      expect(validate.errors ?? []).toEqual([]);
    }
    await sound();
    const { entries: [entry] } = await log(ws, { customers: ['acme'] });
    expect(entry).toMatchObject({ subject: `Renew the ${credential} credential of ${target}: Mia leaves`, rotation: { credential, secret: `${target}-${credential}`, old: explained[0]?.id } });

    // No value anywhere, and what was revealed is masked.
    const secret = (value: string): readonly string[] => value.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
    const shown = [...records, ...told, JSON.stringify(result), JSON.stringify(explained), await git(world.root, 'log', '-p', '--all', '--', '.')].join('\n');
    for (const line of [...secret(old), ...secret(now)]) expect(shown.includes(line)).toBe(false);
    expect(ws.redactor.redact(now)).toBe('***');

    const next = await plan(ws, { customers: ['acme'], targets: [target], concurrency: 1 });
    expect(next.plans[0]?.targets.map(({ status }) => status)).toEqual(['ready']);
    expect(next.plans[0]?.leaves.flatMap(({ addresses }) => addresses.filter((address) => address.includes('credential')))).toEqual([]);
  }, 300_000);

  test('broken off at any of its effects, the stored credential works, and the next run, also of another clone, goes on or takes back', async () => {
    const names: string[] = [];
    expect(ends(await ask(at(world.root, { effects: (name) => void names.push(name) }), 'store', 'read'))).toEqual(['converged']);
    for (const name of ['audit.push', 'rotate.add', 'rotate.added', 'rotate.store', 'secrets.commit', 'secrets.pushed', 'rotate.stored', 'rotate.remove', 'rotate.removed', 'audit.batch', 'audit.close']) expect(names).toContain(name);
    const other = await world.clone('b');
    const failures: string[] = [];
    const seen = new Set<string>();
    // Of what is appended to the record every end, and the beginning once; in .ci/run every single effect.
    const chosen = names.flatMap((name, index) => (process.env['SOLL_REQUIRE_SYSTEMS'] === '1' || !/^audit\.(commit|push)$/.test(name) || names.indexOf(name) === index ? [index] : []));
    for (const index of chosen) {
      const count = (await accepted('store')).length;
      const before = await stored('store', 'read');
      let left = index;
      // What never comes back is a process that is gone.
      const gone = new Promise<'gone'>((resolve) => {
        ask(at(world.root, { effects: () => {
          left -= 1;
          if (left >= 0) return undefined;
          resolve('gone');
          return new Promise(() => undefined);
        } }), 'store', 'read').then((result) => { failures.push(`${String(index)}: not broken off: ${ends(result).join()}`); }, (error: unknown) => { failures.push(`${String(index)}: ${String(error)}`); });
      });
      await gone;
      const fail = (why: string): void => void failures.push(`${String(index)} (${names[index] ?? ''}): ${why}`);
      if (!(await works('store', 'read', await stored('store', 'read')))) fail('what is stored does not work');
      const place = index % 2 === 0 ? world.root : other;
      const result = await ask(at(place), 'store', 'read');
      const [end] = ends(result);
      seen.add(end ?? 'nothing');
      const now = await stored('store', 'read');
      if (end !== 'converged' && end !== 'reverted') fail(`ended with ${ends(result).join()}: ${JSON.stringify(result.problems)}`);
      if ((now !== before) !== (end === 'converged')) fail(`${String(end)}, and the stored one is ${now === before ? 'the old one' : 'new'}`);
      if (!(await works('store', 'read', now))) fail('what is stored does not work afterwards');
      if (now !== before && await works('store', 'read', before)) fail('the old one still works');
      if ((await accepted('store')).length !== count) fail(`left over: ${String((await accepted('store')).length - count)}`);
    }
    expect(failures).toEqual([]);
    expect([...seen].sort()).toEqual(['converged', 'reverted']);
    await sound();
  }, 600_000);

  test.each(['rotate.added', 'rotate.stored'])('a firewall at %s: apply brings it to its end as well, and everybody else keeps their key', async (name) => {
    const others = (await accepted('fw')).filter((line) => !line.includes('soll write'));
    const old = await stored('fw', 'write');
    await new Promise<void>((resolve) => {
      ask(at(world.root, { effects: (effect) => {
        if (effect !== name) return undefined;
        resolve();
        return new Promise(() => undefined);
      } }), 'fw', 'write').catch(() => undefined);
    });
    expect(await works('fw', 'write', await stored('fw', 'write'))).toBe(true);
    const result: ApplyRunResult = await apply(at(await world.clone('b')), { customers: ['acme'], targets: [], concurrency: 4, approve: [], planFiles: [], approver: 'tester', lockTimeoutMs: 10_000, guardSeconds: 60, allowUnguarded: false });
    const reverted = name === 'rotate.added';
    expect(result.runs.map(({ targets }) => targets.map(({ verdict }) => verdict))).toEqual([[reverted ? 'reverted' : 'converged']]);
    expect([await works('fw', 'write', await stored('fw', 'write')), await works('fw', 'write', old)]).toEqual([true, reverted]);
    const lines = await accepted('fw');
    expect(lines.filter((line) => others.includes(line))).toEqual(others);
    expect(lines).toHaveLength(others.length + 1);
    await sound();
  }, 300_000);

  test('an answer that is lost, a refusal, a target that goes dark: the present one stays, and nothing is left behind', async () => {
    const store = world.lab.targets.get('acme/store');
    const [old, before] = [await stored('store', 'write'), (await accepted('store')).length];
    store?.faults.loseAnswer?.();
    expect(ends(await ask(ws, 'store', 'write'))).toEqual(['reverted']);
    store?.faults.rejectWrite?.(1);
    expect(ends(await ask(ws, 'store', 'write'))).toEqual(['reverted']);
    const dark = await ask(at(world.root, { effects: (name) => { if (name === 'rotate.added') store?.faults.refuseAuth?.(); } }), 'store', 'write');
    expect(dark.runs[0]?.targets[0]).toMatchObject({ verdict: 'partial', why: expect.stringContaining('two credentials may be accepted') as string });
    // While it is dark nothing is recorded, and nothing new is begun.
    const records = (await recordsText()).length;
    expect(ends(await ask(ws, 'store', 'write'))).toEqual(['rotate.waits']);
    expect((await recordsText()).length).toBe(records);
    store?.faults.clear();
    expect(ends(await ask(ws, 'store', 'write'))).toEqual(['reverted']);
    expect([await stored('store', 'write') === old, await works('store', 'write', old), (await accepted('store')).length]).toEqual([true, true, Math.max(before, 3)]);
    expect(ends(await ask(ws, 'store', 'write'))).toEqual(['converged']);
    await sound();
  }, 300_000);

  test('what was left open on a device that is replaced meanwhile is closed when the new one is accepted', async () => {
    const act = { customers: ['acme'], targets: ['store'], concurrency: 4, planFiles: [], approver: 'tester', lockTimeoutMs: 10_000, guardSeconds: 60, allowUnguarded: false };
    const dark = await ask(at(world.root, { effects: (name) => { if (name === 'rotate.added') world.lab.targets.get('acme/store')?.faults.refuseAuth?.(); } }), 'store', 'read');
    expect(ends(dark)).toEqual(['partial']);
    await world.lab.stop();
    await rm(join(world.root, '.soll', 'lab', 'acme', 'store'), { recursive: true });
    world.lab = await startLabOf(world.root);
    const now = pinOf(world.lab, 'store');
    expect((await replaceTarget(ws, { customer: 'acme', target: 'store', identity: [now], reason: 'broken' })).written).toBe(true);
    await world.write(await keys.files(world.lab));
    await world.commit('swapped');
    expect(ends(await ask(ws, 'store', 'read'))).toEqual(['rotate.identity']);
    const { plans } = await plan(ws, { customers: ['acme'], targets: ['store'], concurrency: 1 });
    expect(ends(await apply(ws, { ...act, approve: plans.map(({ digest }) => digest) }))).toEqual(['converged']);
    expect(ends(await apply(ws, { ...act, approve: [] }))).toEqual(['reverted']);
    expect(ends(await ask(ws, 'store', 'read'))).toEqual(['converged']);
    // The commit of a renewed credential is nothing that waits to be applied.
    expect((await fleetStatus(ws, ['acme'])).customers[0]).toMatchObject({ customer: 'acme', waiting: [] });
    await sound();
  }, 300_000);

  test('where the branch is protected the commit waits on its own, both work until it is merged, and deleting it takes the new one back', async () => {
    const hook = join(world.remote, 'hooks', 'update');
    await writeFile(hook, '#!/bin/sh\n[ "$1" != refs/heads/main ] || { echo "protected branch" >&2; exit 1; }\n', { mode: 0o755 });
    const old = await stored('store', 'read');
    const waits = await ask(ws, 'store', 'read');
    expect(ends(waits)).toEqual(['pending']);
    const branch = `rotate/acme-store-read-${waits.runs[0]?.run ?? ''}`;
    expect(waits.runs[0]?.targets[0]?.why).toContain(branch);
    expect(await git(world.remote, 'diff', '--name-only', 'main', branch)).toBe(fileOf('read'));
    expect([await stored('store', 'read') === old, await works('store', 'read', old)]).toEqual([true, true]);
    const records = (await recordsText()).length;
    expect(ends(await ask(ws, 'store', 'read'))).toEqual(['rotate.waits']);
    await git(world.remote, 'branch', '-D', branch);
    expect(ends(await ask(ws, 'store', 'read'))).toEqual(['reverted']);
    expect((await recordsText()).length).toBeGreaterThan(records);
    expect(await works('store', 'read', old)).toBe(true);

    const again = await ask(ws, 'store', 'read');
    expect(ends(again)).toEqual(['pending']);
    await git(world.remote, 'update-ref', 'refs/heads/main', `rotate/acme-store-read-${again.runs[0]?.run ?? ''}`);
    await git(world.root, 'pull', '-q', '--ff-only', 'origin', 'main');
    const applied = await apply(ws, { customers: ['acme'], targets: ['store'], concurrency: 4, approve: [], planFiles: [], approver: 'tester', lockTimeoutMs: 10_000, guardSeconds: 60, allowUnguarded: false });
    expect(applied.runs.map(({ run, targets }) => [run, targets[0]?.verdict])).toEqual([[again.runs[0]?.run, 'converged']]);
    expect([await works('store', 'read', await stored('store', 'read')), await works('store', 'read', old)]).toEqual([true, false]);
    await sound();
  }, 300_000);

  test('what cannot be done is refused before anything is written or recorded, each with its own word', async () => {
    const targets = await readFile(join(world.root, 'customers/acme/targets.yaml'), 'utf8');
    const { read, write } = { read: await stored('store', 'read'), write: await stored('store', 'write') };
    const lines = await accepted('fw');
    const attempts: readonly (readonly [string, () => Promise<RotateResult>])[] = [
      ['rotate.environment', () => ask(at(world.root, { env: { ...keys.env, SOLL_SECRET_ACME_STORE_READ: read } }), 'store', 'read')],
      ['rotate.environment', () => ask(at(world.root, { env: { ...keys.env, SOLL_SECRET_WRITE_ACME_STORE_WRITE: write } }), 'store', 'write')],
      ['rotate.auth', () => ask(at(world.root, { env: {} }), 'store', 'read')],
      ['rotate.auth', () => ask(at(world.root, { env: { SOLL_AGE_KEY: keys.env['SOLL_AGE_KEY'] } }), 'store', 'read')],
      ['not-approved', () => ask(ws, 'store', 'read', { yes: false })],
      ['not-approved', () => ask(ws, 'store', 'read', { yes: false, confirm: () => Promise.resolve(false) })],
      ['target.unknown', () => ask(ws, 'nope' as Name, 'read')],
      ['rotate.uncommitted', async () => {
        await writeFile(join(world.root, fileOf('read')), 'another-one: x\n');
        return ask(ws, 'store', 'read').finally(() => git(world.root, 'checkout', '-q', '--', fileOf('read')));
      }],
      ['rotate.ahead', async () => {
        await git(world.root, 'commit', '-q', '--allow-empty', '-m', 'mine');
        return ask(ws, 'store', 'read').finally(() => git(world.root, 'reset', '-q', '--hard', 'origin/main'));
      }],
      ['rotate.branch', async () => {
        await git(world.root, 'checkout', '-q', '-b', 'side');
        return ask(ws, 'store', 'read').finally(() => git(world.root, 'checkout', '-q', 'main'));
      }],
      ['rotate.unsupported', async () => {
        const without = new Map([...behind.providers].map(([name, each]) => [name, { ...each, provider: { ...each.provider, capabilities: { ...each.provider.capabilities, rotation: { credentials: [], why: 'because' } } } }]));
        return ask(at(world.root, { providers: without }), 'store', 'read');
      }],
      ['rotate.shared', async () => {
        await world.write({ 'customers/acme/targets.yaml': targets.replace('$secret: store-read', '$secret: fw-read') });
        await world.commit('one for both');
        return ask(ws, 'fw', 'read');
      }],
      ['rotate.rejected', async () => {
        const both = await keys.files(world.lab);
        const same = await makeSame(both, await stored('fw', 'read'));
        await world.write({ 'customers/acme/targets.yaml': targets, ...same });
        await world.commit('the same for both');
        return ask(ws, 'fw', 'write');
      }],
    ];
    for (const [code, attempt] of attempts) {
      const result = await attempt();
      expect([code, ends(result)]).toEqual([code, [code]]);
      expect(result.runs).toEqual([]);
      for (const { hint, code: problem } of result.problems.filter(({ severity }) => severity === 'error')) expect([problem, hint]).not.toEqual([problem, undefined]);
    }
    expect(world.lab.targets.get('acme/store')?.writes()).toEqual([]);
    expect(await accepted('fw')).toEqual(lines);
    expect(await git(world.remote, 'branch', '--list', 'audit/*')).toBe('');
  }, 300_000);

  /** The writing file of the firewall holds the reading key. */
  async function makeSame(files: Readonly<Record<string, string>>, value: string): Promise<Readonly<Record<string, string>>> {
    return { ...files, [fileOf('write')]: await setSecret({ text: files[fileOf('write')], recipients: [], key: keys.env['SOLL_AGE_KEY_WRITE'], name: 'fw-write', value }) };
  }

  test.runIf(hasKeygen())('with rules in soll.yaml it waits for its signatures, which are of this credential and no other', async () => {
    const { file, key } = await makeKey(world.root, '.soll/anna');
    await world.write({ 'soll.yaml': `version: 1\npeople:\n  anna:\n    name: Anna\n    emails: [anna@msp.example]\n    keys:\n      - key: ${key}\n  mia:\n    name: Mia\n    emails: [mia@msp.example, test@msp.example]\napproval:\n  rules:\n    - from: [anna]\n      count: 1\n` });
    await world.commit('rules');
    const asked = await ask(ws, 'store', 'read');
    expect({ ends: ends(asked), waiting: asked.waiting.map(({ state, addresses }) => [state, addresses]) }).toEqual({ ends: ['not-approved'], waiting: [['approval', ['acme/store/credential/read']]] });
    expect(world.lab.targets.get('acme/store')?.writes()).toEqual([]);
    const digest = asked.explanation?.digest ?? '';
    const signed = await approve(at(await world.clone('b')), { customers: ['acme'], all: false, digest, decision: 'approve', key: file, planFiles: [], concurrency: 1, confirm: ({ plans }) => Promise.resolve(plans[0]?.leaves[0]?.risk === 'medium') });
    expect(signed).toMatchObject({ state: 'signed', approver: 'anna', customers: [{ missing: [] }] });
    expect(ends(await ask(ws, 'fw', 'read'))).toEqual(['not-approved']);
    expect(ends(await ask(ws, 'store', 'read'))).toEqual(['converged']);
    expect(ends(await ask(ws, 'store', 'read'))).toEqual(['not-approved']);
    await sound();
  }, 300_000);

  test('in the lab the lab learns the new value, and no file of the customer is touched', async () => {
    const { lab } = commandsIn(world);
    const head = await git(world.root, 'rev-parse', 'HEAD');
    const shown = await lab('rotate', 'acme', 'fw', '--credential', 'read');
    expect([shown.code, shown.stderr]).toEqual([4, expect.stringMatching(/1\. A new credential[^]*4\. Only then/)]);
    expectPlain(shown);
    const done = await lab('rotate', 'acme', 'fw', '--credential', 'read', '--yes', '--lang', 'de');
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('alter Zugang entfernt')]);
    expect(everything(done)).not.toMatch(/PRIVATE KEY/);
    await world.lab.stop();
    world.lab = await startLabOf(world.root);
    expect((await lab('doctor', 'acme', '--target', 'fw')).stdout).toMatch(/✓ read credential/);
    expect(await git(world.root, 'rev-parse', 'HEAD')).toBe(head);
    expect(await git(world.root, 'status', '--porcelain')).toBe('');
    expect((await lab('audit', 'verify', 'acme')).code).toBe(0);
    const told = await lab('log', 'acme');
    expect(told.stdout).toMatch(/▶ fw credential read renewed on request[^]*|fw-read: SHA256:\S+ → SHA256:\S+/);
    const unsupported = await lab('rotate', 'acme', 'nope', '--credential', 'write', '--yes');
    expect(unsupported.code).toBe(3);
  }, 300_000);
});
