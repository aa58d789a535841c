/** The command line as its users meet it: exit codes one by one, bad input, the state that a failure leaves. */
import { mkdtemp, readFile, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { describe, expect, test, vi } from 'vitest';
import { applyChild, git, planOf, run, soll, type LabWorld } from '../harness/lab-world.ts';
import { commandsIn, everything, expectPlain, freshWorld } from '../harness/fresh-world.ts';

const world = freshWorld();
const { cli, lab, converge } = commandsIn(world);

const target = (name: string): NonNullable<ReturnType<LabWorld['lab']['targets']['get']>> => {
  const found = world.lab.targets.get(`acme/${name}`);
  if (found === undefined) throw new Error(`no target ${name}`);
  return found;
};
const change = async (file: string, from: string, to: string): Promise<void> => {
  const text = await readFile(join(world.root, 'customers/acme', file), 'utf8');
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
  await writeFile(join(world.root, 'customers/acme', file), text.replace(from, () => to));
};



describe('exit 0', () => {
  test('validate, plan, apply, drift, log, audit verify, doctor: the whole way, and the second plan is empty', async () => {
    expect((await cli('validate')).stdout).toContain('1 customer, 6 files, ');
    const doctor = await lab('doctor', 'acme');
    expect(doctor.code).toBe(0);
    expect(doctor.stdout.match(/✓/g)?.length).toBeGreaterThanOrEqual(12);
    await converge();
    const second = await lab('plan', 'acme', '--detailed-exitcode');
    expect([second.code, second.stdout]).toEqual([0, expect.stringContaining('No changes')]);
    expect((await lab('drift', 'acme', '--detailed-exitcode')).code).toBe(0);
    const log = await lab('log', 'acme');
    expect(log.stdout).toContain('author Test <test@msp.example>, approved by');
    expect((await lab('audit', 'verify')).stdout).toContain('intact');
  });

  test('the initial password is in the record, encrypted, and nowhere else', async () => {
    const { digest } = await planOf(world.root);
    const applied = await lab('apply', 'acme', '--approve', digest, '--json', '--verbose');
    expect(applied.code).toBe(0);
    const records = await git(world.remote, 'grep', '-h', 'BEGIN AGE', 'audit-lab/acme', '--', 'records');
    expect(records.match(/BEGIN AGE ENCRYPTED FILE/g)?.length).toBe(2);
    for (const text of [everything(applied), everything(await lab('log', '--json'))]) expect(text).not.toMatch(/"password"\s*:\s*"(?!\*)/);
  });
});

describe('exit 1', () => {
  test('another run holds the lock: its holder is named, nothing is written, and it ends well', async () => {
    const { digest } = await planOf(world.root);
    const slow = applyChild({ root: world.root, approve: [digest], pauseAt: 'verify', pauseMs: 6000 });
    await vi.waitFor(() => git(world.remote, 'rev-parse', '--verify', '--quiet', 'audit-lab/acme'), { timeout: 120_000, interval: 100 });
    const other = await lab('apply', 'acme', '--approve', digest, '--lock-timeout', '1');
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/acme not applied: run \S+ of acme is under way: Mia Technik <mia@msp\.example> on \S+ \(process \d+\) since \S+ \S+ UTC, lease until \S+ \S+ UTC/);
    expectPlain(other);
    expect((await slow)?.code).toBe(0);
    expect((await lab('plan', 'acme', '--detailed-exitcode')).code).toBe(0);
  });

  test('no Git repository, and a remote that is gone, are each one clear line', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'soll-none-'));
    const none = await soll(folder, ['plan']);
    expect(none.code).toBe(1);
    expect(none.stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
    expectPlain(none);
    await rm(folder, { recursive: true });
    await rm(world.remote, { recursive: true });
    const gone = await lab('plan', 'acme');
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('git')]);
    expectPlain(gone);
  });

  test('a journal that cannot be written stops the run before its first write', async () => {
    const { digest } = await planOf(world.root);
    await rm(join(world.root, '.git/soll/journal'), { recursive: true, force: true });
    await mkdir(join(world.root, '.git/soll'), { recursive: true });
    await writeFile(join(world.root, '.git/soll/journal'), 'in the way');
    const ended = await lab('apply', 'acme', '--approve', digest);
    expect(ended.code).not.toBe(0);
    expectPlain(ended);
    for (const name of ['fw', 'tenant', 'store']) expect(target(name).writes()).toEqual([]);
    await rm(join(world.root, '.git/soll/journal'));
    await lab('apply', 'acme');
    await converge();
  });
});

describe('exit 2', () => {
  test('changes are there, and only with --detailed-exitcode', async () => {
    expect((await lab('plan', 'acme')).code).toBe(0);
    expect((await lab('plan', 'acme', '--detailed-exitcode')).code).toBe(2);
  });

  test.each([['fw', 'open-rdp'], ['fw', 'flush'], ['tenant', 'block-user'], ['tenant', 'remove-member']])('%s: %s by hand is drift', async (name, edit) => {
    // Only what is written is watched.
    await change('m365.yaml', '        displayName: Anna\n', '        displayName: Anna\n        enabled: true\n');
    await world.commit('Anna may sign in');
    await converge();
    expect((await cli('lab', 'edit', `acme/${name}`, edit)).code).toBe(0);
    const drift = await lab('drift', 'acme', '--detailed-exitcode');
    expect([drift.code, drift.stdout]).toEqual([2, expect.stringContaining(name)]);
    await converge();
    expect((await lab('drift', 'acme', '--detailed-exitcode')).code).toBe(0);
  });
});

describe('exit 3', () => {
  test('every broken file is told in one run, with place, frame and what mends it', async () => {
    await change('network.yaml', 'id: 10', 'id: 012');
    await change('m365.yaml', 'displayName: Ben', 'dispalyName: Ben');
    const ended = await cli('validate');
    expect(ended.code).toBe(3);
    expect(everything(ended)).toContain('customers/acme/network.yaml:5:13 error');
    expect(everything(ended)).toMatch(/customers\/acme\/m365\.yaml:11:9 error .*dispalyName[\s\S]*\^{11}[\s\S]*displayName/);
    expectPlain(ended);
    const annotations = await cli('validate', '--format', 'github');
    expect(annotations.stdout).toMatch(/^::error file=customers\/acme\/network\.yaml,line=5,col=13/m);
    const json = JSON.parse((await cli('validate', '--json')).stdout) as { problems: { code: string; source: { line: number } }[] };
    expect(json.problems.map(({ code }) => code)).toEqual(expect.arrayContaining(['yaml.number', 'schema.unknown-field']));
  });

  test.each([
    { args: ['plan', 'acne'], says: /acme/, because: 'a customer that is not there, with what was meant' },
    { args: ['plan', '--taget', 'fw'], says: /--target/, because: 'an option that is not there' },
    { args: ['aply'], says: /apply/, because: 'a command that is not there' },
    { args: ['apply', 'acme', '--approve', 'sha256:1'], says: /64/, because: 'half a digest' },
    { args: ['plan', '--concurrency', 'many'], says: /concurrency/, because: 'a number that is none' },
  ])('$because', async ({ args, says }) => {
    const ended = await cli(...args);
    expect(ended.code).toBe(3);
    expect(everything(ended)).toMatch(says);
    expectPlain(ended);
  });
});

describe('exit 4', () => {
  test('without an approval nothing is written', async () => {
    const ended = await lab('apply', 'acme');
    expect([ended.code, ended.stderr]).toEqual([4, expect.stringContaining('nobody has approved sha256:')]);
    expect((await lab('apply', 'acme', '--approve', `sha256:${'0'.repeat(64)}`)).code).toBe(4);
    for (const name of ['fw', 'tenant', 'store']) expect(target(name).writes()).toEqual([]);
  });

  test('what moved since the plan stops by name with all that needs it; the rest is applied', async () => {
    await converge();
    await change('m365.yaml', 'displayName: Ben', 'displayName: Benjamin');
    await change('network.yaml', 'gateway: 192.168.10.1', 'gateway: 192.168.10.254');
    await world.commit('two changes');
    const { digest } = await planOf(world.root);
    await change('m365.yaml', 'displayName: Benjamin', 'displayName: Benni');
    await world.commit('one of them is another now');
    const ended = await lab('apply', 'acme', '--approve', digest);
    expect(ended.code).toBe(4);
    expect(everything(ended)).toMatch(/ben@acme\.example/);
    const left = await lab('plan', 'acme');
    expect(left.stdout).toContain('ben@acme.example');
    expect(left.stdout).not.toContain('vlan office');
  });

  test('an older commit never undoes a newer one', async () => {
    await change('m365.yaml', 'displayName: Ben', 'displayName: Benjamin');
    await world.commit('newer');
    await converge();
    const old = await world.clone('old');
    await git(old, 'checkout', '-q', 'HEAD~1');
    const ended = await soll(old, ['apply', 'acme', '--lab', '--approve', `sha256:${'0'.repeat(64)}`]);
    expect([ended.code, ended.stderr]).toEqual([4, expect.stringContaining('was applied last and is not part of this branch')]);
  });
});

describe('exit 5', () => {
  test('a protected object is not deleted, whatever is approved', async () => {
    await change('customer.yaml', 'handover:', 'protected:\n  - tenant/user/ben*\nhandover:');
    await world.commit('protected');
    await converge();
    await change('m365.yaml', '      ben@acme.example:\n        displayName: Ben\n        manager: anna@acme.example\n', '');
    await world.commit('Ben is gone');
    const plan = await lab('plan', 'acme');
    expect([plan.code, everything(plan)]).toEqual([5, expect.stringContaining('protected')]);
    const { digest } = await planOf(world.root);
    expect((await lab('apply', 'acme', '--approve', digest, '--allow-deletes', '9')).code).toBe(5);
    // Taking the protection away in the same breath does not help: it ends one run later.
    await change('customer.yaml', 'protected:\n  - tenant/user/ben*\n', '');
    await world.commit('and the protection');
    expect((await lab('plan', 'acme')).code).toBe(5);
  });

  test('more deletions than the limit need a number', async () => {
    await change('customer.yaml', '  deletes: 5\n  deleteShare: 1\n', '  deletes: 1\n  deleteShare: 0.1\n');
    await world.commit('limits');
    await converge();
    await change('m365.yaml', /    users:[\s\S]*?    groups:/.exec(await readFile(join(world.root, 'customers/acme/m365.yaml'), 'utf8'))?.[0] ?? '', '    users: {}\n    groups:');
    await change('m365.yaml', '        members:\n          - anna@acme.example\n', '        members: []\n');
    await world.commit('nobody is left');
    expect((await lab('plan', 'acme')).code).toBe(5);
    expect((await lab('plan', 'acme', '--allow-deletes', '2')).code).toBe(0);
  });
});

describe('exit 6', () => {
  test.each([
    { fault: 'changeIdentity', name: 'fw', says: /shows host key|host key/, because: 'another host key' },
    { fault: 'changeIdentity', name: 'tenant', says: /tenant that answers/, because: 'another tenant' },
    { fault: 'refuseAuth', name: 'tenant', says: /AADSTS7000222|expired/, because: 'expired credentials' },
    { fault: 'refuseAuth', name: 'fw', says: /refused|authentication/i, because: 'a key that is refused' },
    { fault: 'refusePermission', name: 'tenant', says: /may not do this/, because: 'a 403' },
    { fault: 'breakRead', name: 'tenant', says: /cut or not JSON/, because: 'a page that fails' },
    { fault: 'breakRead', name: 'store', says: /cut|broke off|JSON/, because: 'a list that breaks off' },
  ] as const)('$because: told, nothing planned there, the other targets are', async ({ fault, name, says }) => {
    await target(name).faults[fault]?.();
    const ended = await lab('plan', 'acme');
    expect(ended.code).toBe(6);
    expect(everything(ended)).toMatch(says);
    expectPlain(ended);
    const plan = JSON.parse((await lab('plan', 'acme', '--json')).stdout) as { plans: { targets: { target: string; status: string; batches: unknown[] }[] }[] };
    for (const each of plan.plans[0]?.targets ?? []) expect([each.target, each.status, each.batches.length > 0]).toEqual(each.target === name ? [name, 'unreachable', false] : [each.target, 'ready', true]);
  });

  test('a secret that nobody has names the variable and the file, before any connection', async () => {
    const ended = await cli('plan', 'acme', '--target', 'fw');
    expect(ended.code).toBe(6);
    expect(everything(ended)).toMatch(/fw-read.*not available[\s\S]*SOLL_SECRET_ACME_FW_READ/);
  });

  test('a lab that is not running is told', async () => {
    await rm(join(world.root, '.soll/lab/state.json'));
    expect([(await lab('plan', 'acme')).code, everything(await lab('plan', 'acme'))]).toEqual([6, expect.stringContaining('soll lab')]);
  });
});

describe('exit 7', () => {
  test('a refused write: what was done, what was not, what was skipped for it; the next run ends it', async () => {
    const { digest } = await planOf(world.root);
    target('tenant').faults.rejectWrite?.(1);
    const ended = await lab('apply', 'acme', '--approve', digest);
    expect(ended.code).toBe(7);
    expect(ended.stdout).toMatch(/tenant partly applied|tenant partial/);
    expect(ended.stdout).toMatch(/rejected|refused/);
    expect(ended.stdout).toMatch(/fw converged/);
    expectPlain(ended);
    target('tenant').faults.clear();
    await converge();
    expect((await lab('plan', 'acme', '--detailed-exitcode')).code).toBe(0);
  });
});

describe('exit 130', () => {
  test.each([{ signal: 'SIGINT', because: 'Ctrl-C' }, { signal: 'SIGTERM', because: 'as a CI runner stops a job' }] as const)('$signal, $because: what was begun is verified and recorded, the rest is told, the next run goes on', async ({ signal }) => {
    const { digest } = await planOf(world.root);
    let sent = false;
    const ended = await soll(world.root, ['apply', 'acme', '--lab', '--approve', digest], {
      onStderr: (text, kill) => {
        if (sent || !text.includes('applying')) return;
        sent = true;
        kill(signal);
      },
    });
    expect(ended.code).toBe(130);
    expect(ended.stderr).toContain('stopping: nothing new is begun');
    expectPlain(ended);
    await lab('apply', 'acme');
    await converge();
    expect((await lab('audit', 'verify')).code).toBe(0);
  });
});

describe('two clones, one remote', () => {
  test('one customer, applied from both at once: one writes, the other waits and finds it done; every object is made once', async () => {
    const { digest } = await planOf(world.root);
    const other = await world.clone('b');
    const [a, b] = await Promise.all([applyChild({ root: world.root, approve: [digest] }), applyChild({ root: other, approve: [digest] })]);
    expect([a?.code, b?.code]).toEqual([0, 0]);
    const ends = [a, b].map((each) => ({ verdicts: each?.runs.flatMap(({ targets }) => targets.map(({ verdict }) => verdict)) ?? [], refused: each?.refused.map(({ code }) => code) ?? [] }));
    expect(ends.filter(({ verdicts }) => verdicts.length === 3 && verdicts.every((verdict) => verdict === 'converged'))).toHaveLength(1);
    for (const user of ['anna', 'ben']) expect(target('tenant').writes().filter(({ what }) => what === `POST user ${user}@acme.example`)).toHaveLength(1);
    expect((await lab('plan', 'acme', '--detailed-exitcode')).code).toBe(0);
    expect((await lab('audit', 'verify')).code).toBe(0);
  });

  test('a run that was paused and wakes up late writes nothing more', async () => {
    const { digest } = await planOf(world.root);
    // Asleep before its first write for longer than its lease; the other machine takes over and ends the run.
    const sleeper = applyChild({ root: world.root, approve: [digest], pauseAt: 'write', pauseMs: 14_000, leaseSeconds: 70 }).catch(() => undefined);
    await new Promise((resolve) => { setTimeout(resolve, 4000); });
    const other = await world.clone('b');
    const taken = await applyChild({ root: other, host: 'another-machine', fast: true });
    expect(taken?.runs.length).toBe(1);
    const before = ['fw', 'tenant', 'store'].map((name) => target(name).writes().length);
    await sleeper;
    const after = ['fw', 'tenant', 'store'].map((name) => target(name).writes().length);
    // The lease of the sleeper has not run out by its own clock; the branch has moved, so no effect of it can be recorded, and the firewall's fence refuses it.
    expect(after[0]).toBe(before[0]);
    await applyChild({ root: other, host: 'another-machine', fast: true, approve: [(await planOf(other)).digest] });
    expect((await soll(other, ['plan', 'acme', '--lab', '--detailed-exitcode'])).code).toBe(0);
  }, 240_000);
});

describe('what is written for others', () => {
  test('plans and records are as their published schemas say', async () => {
    const ajv = new Ajv2020({ allErrors: true, strict: false });
    const schema = async (name: string): Promise<ValidateFunction> => ajv.compile(JSON.parse(await readFile(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8')) as object);
    const planSchema = await schema('plan');
    const recordSchema = await schema('record');
    const check = (validate: ValidateFunction, value: unknown): void => {
      validate(value);
      expect(validate.errors ?? []).toEqual([]);
    };
    check(planSchema, JSON.parse((await lab('plan', 'acme', '--json')).stdout));
    await converge();
    await cli('lab', 'edit', 'acme/fw', 'open-rdp');
    await change('m365.yaml', 'displayName: Ben', 'displayName: Benjamin');
    await world.commit('Ben is Benjamin');
    check(planSchema, JSON.parse((await lab('plan', 'acme', '--json')).stdout));
    const files = (await git(world.remote, 'ls-tree', '--name-only', 'audit-lab/acme', 'records/')).split('\n');
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) check(recordSchema, JSON.parse(await git(world.remote, 'show', `audit-lab/acme:${file}`)));
  });

  test('log and audit verify look where soll.yaml says that records go', async () => {
    await world.write({ 'soll.yaml': 'version: 1\naudit:\n  branchPrefix: history\nfleet:\n  deletes: 50\n' });
    await world.commit('records elsewhere');
    await converge();
    expect((await lab('log', 'acme')).stdout).toContain('acme first');
    expect((await lab('audit', 'verify')).stdout).toContain('intact');
    expect(await git(world.remote, 'branch', '--list')).toContain('history-lab/acme');
  });

  test('a rewritten history is found', async () => {
    await converge();
    const clone = join(world.root, '..', 'attacker');
    await git(join(world.root, '..'), 'clone', '-q', '-b', 'audit-lab/acme', world.remote, clone);
    const first = join(clone, 'records', '00000001.json');
    await writeFile(first, (await readFile(first, 'utf8')).replace('"approver": "', '"approver": "not-'));
    await git(clone, 'commit', '-q', '-a', '--amend', '--no-edit');
    await git(clone, 'push', '-q', '--force', 'origin', 'HEAD:audit-lab/acme');
    const ended = await lab('audit', 'verify');
    expect(ended.code).not.toBe(0);
    expect(everything(ended)).toMatch(/acme/);
  });

  test('German, Markdown, JSON, files, completion, schema and init work', async () => {
    const german = await lab('plan', 'acme', '--lang', 'de');
    expect(german.stdout).toContain('anlegen');
    const out = join(world.root, '.soll', 'plan.md');
    expect((await lab('plan', 'acme', '--format', 'markdown', '--out', out)).code).toBe(0);
    expect(await readFile(out, 'utf8')).toMatch(/\| .*anna@acme/);
    await converge();
    expect(JSON.parse((await lab('log', '--json')).stdout)).toBeTruthy();
    expect((await lab('log', '--format', 'markdown')).stdout).toContain('| --- |');
    const script = (await cli('completion', 'bash')).stdout;
    expect((await run('bash', ['-n'], { stdin: script })).code).toBe(0);
    expect((await cli('schema', 'firewall-rule')).stdout).toContain('sources');
    const fresh = join(world.root, '.soll', 'fresh');
    expect((await cli('init', fresh)).code).toBe(0);
    expect((await soll(fresh, ['validate'])).stderr).toContain('soll init');
    expect(everything(await soll(world.root, ['plan', 'acme', '--lab'], { env: { NO_COLOR: '1' } }))).not.toContain('\u001b[');
    expect((await lab('plan', 'acme', '--quiet')).stdout).toBe('');
  });
});
