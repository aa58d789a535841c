/** kill -9 at every effect of a run, then the same clone or a fresh one on another machine: each reaches a verdict, and what was written is there. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acme, applyChild, makeLabWorld, planOf, soll } from '../harness/lab-world.ts';

let keys: string;
let effects: readonly string[];

/** Certificates and keys of the stand-ins take a second to make; their first state is kept for all runs. */
beforeAll(async () => {
  keys = await mkdtemp(join(tmpdir(), 'soll-keys-'));
  const world = await makeLabWorld();
  try {
    await cp(join(world.root, '.soll', 'lab', 'acme'), join(keys, 'acme'), { recursive: true });
    const { digest } = await planOf(world.root);
    const log = join(world.root, '.soll', 'effects');
    const result = await applyChild({ root: world.root, approve: [digest], log });
    expect(result?.code).toBe(0);
    effects = (await readFile(log, 'utf8')).trim().split('\n');
  } finally {
    await world.stop();
  }
}, 120_000);

afterAll(() => rm(keys, { recursive: true, force: true }));

async function crashAt(index: number): Promise<string | undefined> {
  const elsewhere = index % 2 === 0;
  const world = await makeLabWorld(acme, keys);
  const fail = (why: string): string => `effect ${String(index)} (${effects[index - 1] ?? ''}), ${elsewhere ? 'another machine' : 'same clone'}: ${why}`;
  try {
    const { digest } = await planOf(world.root);
    const killed = await applyChild({ root: world.root, approve: [digest], killAt: index });
    // Targets run side by side, so the order of effects moves; a run may be over before its Nth.
    const place = elsewhere ? await world.clone('b') : world.root;
    const recovered = await applyChild({ root: place, ...(elsewhere ? { host: 'another-machine', fast: true } : {}) });
    if (recovered === undefined) return fail('the recovery was killed');
    const held = recovered.runs.flatMap(({ targets }) => targets).filter(({ verdict }) => verdict === 'held');
    if (held.length > 0) return fail(`held: ${JSON.stringify(held)}`);
    if (recovered.refused.some(({ code }) => code === 'locked' || code === 'record')) return fail(`refused: ${JSON.stringify(recovered.refused)}`);
    const next = await planOf(place);
    const finished = await applyChild({ root: place, approve: [next.digest], ...(elsewhere ? { host: 'another-machine' } : {}) });
    if (finished?.code !== 0) return fail(`the second run ended with ${JSON.stringify(finished)}`);
    const again = await planOf(place);
    if (again.leaves !== 0) return fail(`the plan is not empty: ${JSON.stringify(again.plan)}`);
    const verified = await soll(place, ['audit', 'verify', 'acme', '--lab']);
    if (verified.code !== 0) return fail(`audit verify: ${verified.stdout}${verified.stderr}`);
    for (const user of ['anna', 'ben']) {
      const created = world.lab.targets.get('acme/tenant')?.writes().filter(({ what }) => what === `POST user ${user}@acme.example`).length;
      if (created !== 1) return fail(`${user} was created ${String(created)} times`);
    }
    if (killed !== undefined && index < 5) return fail('the run was not killed');
    // What was confirmed survives a power cut; what was not would come back here.
    await world.lab.targets.get('acme/fw')?.reboot();
    const after = await planOf(place);
    if (after.leaves !== 0) return fail(`after a reboot of the firewall: ${JSON.stringify(after.plan)}`);
    return undefined;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  } finally {
    await world.stop();
  }
}

/** What happens again and again in a run: the last is not like the first. */
const aroundWrites: ReadonlySet<string> = new Set(['apply', 'write', 'written', 'verify', 'audit.batch']);

test('a run that is killed at any of its effects is brought to its end by the next', async () => {
  expect(effects.length).toBeGreaterThan(20);
  for (const name of ['audit.commit', 'audit.push', 'audit.pushed', 'guard.arm', 'guard.armed', 'apply', 'write', 'written', 'generate', 'verify', 'guard.confirm', 'guard.confirmed', 'audit.batch', 'audit.close']) expect(effects).toContain(name);
  // Each takes seven processes: everywhere the first of each kind of effect, in .ci/run also the last of those around a write, with SOLL_CRASH_AT=all every single one.
  const all = effects.map((_, index) => index + 1);
  const named = process.env['SOLL_CRASH_AT'];
  const ends = (index: number): boolean => effects.indexOf(effects[index - 1] ?? '') === index - 1 || (process.env['SOLL_REQUIRE_SYSTEMS'] === '1' && aroundWrites.has(effects[index - 1] ?? '') && effects.lastIndexOf(effects[index - 1] ?? '') === index - 1);
  const chosen = named === 'all' ? all : named?.split(',').map(Number) ?? all.filter(ends);
  const limit = pLimit(4);
  const failures = await Promise.all(chosen.map((index) => limit(() => crashAt(index))));
  expect(failures.filter((each) => each !== undefined)).toEqual([]);
}, 1_500_000);
