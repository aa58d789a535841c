/** Pull mode: a clone near the devices that goes forward with the remote and applies what is approved. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { git, makeLabWorld, soll, type LabWorld } from '../harness/lab-world.ts';
import { networkOf, storesOf } from '../harness/stores.ts';

let world: LabWorld;
let clone: string;
beforeAll(async () => {
  world = await makeLabWorld(storesOf('acme'));
  clone = await world.clone('agent');
}, 60_000);
afterAll(() => world.stop());

interface Round {
  readonly code: number | null;
  readonly moved?: { readonly branch: string; readonly from: string; readonly to: string };
  readonly runs: readonly { readonly targets: readonly { readonly verdict: string }[] }[];
  readonly refused: readonly { readonly code: string }[];
  readonly problems: readonly { readonly code: string }[];
}

async function round(...more: readonly string[]): Promise<Round> {
  const ended = await soll(clone, ['agent', '--once', '--lab', '--json', ...more]);
  if (ended.stdout === '') throw new Error(`agent ended with ${String(ended.code)}: ${ended.stderr}`);
  return { ...JSON.parse(ended.stdout) as Round, code: ended.code };
}

const head = (where: string): Promise<string> => git(where, 'rev-parse', 'HEAD');
const writes = (): number => world.lab.targets.get('acme/store')?.writes().length ?? -1;

async function digest(): Promise<string> {
  const { stdout } = await soll(world.root, ['plan', '--lab', '--json']);
  return (JSON.parse(stdout) as { plans: { digest: string }[] }).plans[0]?.digest ?? '';
}

it('goes forward, applies nothing that nobody approved, and what was approved', async () => {
  const from = await head(clone);
  await world.write({ 'customers/acme/network.yaml': networkOf(10, 20, 30) });
  await world.commit('one more');
  const to = await head(world.root);
  const first = await round();
  expect([first.code, first.moved, first.refused.map(({ code }) => code), writes()]).toEqual([4, { branch: 'main', from, to }, ['not-approved'], 0]);
  expect(await head(clone)).toBe(to);
  const second = await round('--approve', await digest());
  expect([second.code, second.runs.map(({ targets }) => targets.map(({ verdict }) => verdict)), writes()]).toEqual([0, [['converged']], 3]);
  const idle = await soll(clone, ['agent', '--once', '--lab']);
  expect([idle.code, idle.stdout.split('\n')[0]]).toEqual([0, `main ${to.slice(0, 12)}`]);
}, 60_000);

it.each<{ because: string; code: string; spoil: () => Promise<void>; mend: () => Promise<unknown> }>([
  { because: 'a file that nobody committed', code: 'agent.dirty', spoil: () => writeFile(join(clone, 'customers/acme/network.yaml'), networkOf(10)), mend: () => git(clone, 'checkout', '-q', '.') },
  { because: 'another branch', code: 'agent.branch', spoil: async () => { await git(clone, 'switch', '-q', '-c', 'work'); }, mend: () => git(clone, 'switch', '-q', 'main') },
  { because: 'no branch', code: 'agent.branch', spoil: async () => { await git(clone, 'switch', '-q', '--detach'); }, mend: () => git(clone, 'switch', '-q', 'main') },
  { because: 'commits that nobody pushed', code: 'agent.ahead', spoil: async () => { await git(clone, 'commit', '-q', '--allow-empty', '-m', 'own'); }, mend: () => git(clone, 'reset', '-q', '--hard', 'HEAD~1') },
  { because: 'a branch whose history was rewritten', code: 'agent.rewritten', spoil: async () => { await git(world.root, 'commit', '-q', '--amend', '-m', 'rewritten'); await git(world.root, 'push', '-q', '--force', 'origin', 'HEAD:main'); }, mend: () => git(clone, 'reset', '-q', '--hard', 'origin/main') },
  { because: 'no remote', code: 'agent.remote', spoil: async () => { await git(clone, 'remote', 'rename', 'origin', 'other'); }, mend: () => git(clone, 'remote', 'rename', 'other', 'origin') },
])('refuses $because, exit 3, and neither moves nor writes', async ({ code, spoil, mend }) => {
  await spoil();
  const [before, written] = [await head(clone), writes()];
  const refused = await round();
  expect([refused.code, refused.problems.map((problem) => problem.code), refused.moved, await head(clone), writes()]).toEqual([3, [code], undefined, before, written]);
  await mend();
}, 60_000);
