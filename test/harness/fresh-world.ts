/** One lab world per test, with the command line in it. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { acme, makeLabWorld, planOf, soll, type Ended, type LabWorld } from './lab-world.ts';

/** The world of the test that runs now. Keys and certificates are made once per file: they take a second. */
export function freshWorld(files: Readonly<Record<string, string>> = acme): LabWorld {
  let keys: string;
  let world: LabWorld;
  beforeAll(async () => {
    keys = await mkdtemp(join(tmpdir(), 'soll-keys-'));
    const first = await makeLabWorld(files);
    await cp(join(first.root, '.soll', 'lab', 'acme'), join(keys, 'acme'), { recursive: true });
    await first.stop();
  }, 120_000);
  afterAll(() => rm(keys, { recursive: true, force: true }));
  beforeEach(async () => { world = await makeLabWorld(files, keys); });
  afterEach(() => world.stop());
  return {
    get root() { return world.root; }, get remote() { return world.remote; },
    get lab() { return world.lab; }, set lab(lab) { world.lab = lab; },
    write: (files) => world.write(files), commit: (message) => world.commit(message), clone: (name) => world.clone(name), stop: () => world.stop(),
  };
}

export function everything(ended: Ended): string {
  return ended.stdout + ended.stderr;
}

/** No stack trace, no internal file, whatever went wrong. */
export function expectPlain(ended: Ended): void {
  expect(everything(ended)).not.toMatch(/^\s+at .*[(/]/m);
  expect(everything(ended)).not.toContain('node:internal');
}

export interface CommandsIn {
  cli(...args: readonly string[]): Promise<Ended>;
  lab(...args: readonly string[]): Promise<Ended>;
  /** Plans, approves and applies everything; resolves to the digest. */
  converge(): Promise<string>;
  /** Writes that reached any stand-in. */
  writes(): number;
}

export function commandsIn(world: LabWorld): CommandsIn {
  const lab = (...args: readonly string[]): Promise<Ended> => soll(world.root, [...args, '--lab']);
  return {
    lab, cli: (...args) => soll(world.root, args),
    async converge() {
      const { digest } = await planOf(world.root);
      const ended = await lab('apply', 'acme', '--approve', digest);
      expect({ code: ended.code, text: ended.code === 0 ? '' : everything(ended) }).toEqual({ code: 0, text: '' });
      return digest;
    },
    writes: () => [...world.lab.targets.values()].reduce((sum, each) => sum + each.writes().length, 0),
  };
}
