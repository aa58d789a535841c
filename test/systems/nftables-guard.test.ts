/** The dead-man's switch on real devices: lock-outs, restarts, killed runs, full and read-only disks, missing programs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { customer } from '../harness/engine.ts';
import { stopAll } from './device.ts';
import { changed, converge, required, rule, setUp, table, usual, why, type Setup } from './nftables-setup.ts';

test.runIf(why !== undefined && required)('real devices can run here', () => { expect(why).toBeUndefined(); });

describe.skipIf(why !== undefined)('the guard of a real device', () => {
  afterAll(() => stopAll());
  let setup: Setup;
  beforeAll(async () => { setup = await setUp(); });

  const locked = usual.map((each) => (each.name === 'wan.self.ssh' ? rule('wan', 'self', 'ssh', { services: ['ssh'], sources: ['203.0.113.77'] }) : each));
  const timers = async (): Promise<readonly string[]> => (await setup.device.exec('systemctl', 'list-units', '--all', '--no-legend', '--plain', 'soll-guard-*')).stdout.trim().split('\n').filter(Boolean);
  /** What the timer does, now: its service is the same. */
  const fire = async (): Promise<void> => {
    const unit = (await timers()).find((line) => line.includes('.timer'))?.split(/\s+/)[0] ?? '';
    expect(unit).toMatch(/^soll-guard-[0-9a-f]+\.timer$/);
    expect((await setup.device.exec('systemctl', 'start', unit.replace('.timer', '.service'))).code).toBe(0);
    await expect.poll(async () => (await setup.device.exec('systemctl', 'is-active', unit.replace('.timer', '.service'))).stdout.trim(), { timeout: 10_000 }).toBe('inactive');
  };

  test('a rule that locks us out is undone, though connections that stand go on: only a new one proves anything', async () => {
    const { engine, provider, running, device } = setup;
    await converge(engine, usual);
    const standing = await provider.open(engine.target, readContextFor(running, customer));
    let looked = 0;
    let standingWorks = false;
    const results = await engine.apply(await engine.plan(locked), {
      effect: async (name) => {
        if (name !== 'verify' || (looked += 1) !== 1) return;
        standingWorks = (await standing.identify()).product === 'nftables';
      },
    });
    await standing.close();
    expect([standingWorks, results.map(({ verdict }) => verdict)]).toEqual([true, ['reverted']]);
    await converge(engine, usual);
    expect(await timers()).toEqual([]);
    expect((await device.exec('systemctl', 'list-timers', '--no-legend')).stdout).not.toContain('soll-guard');
  }, 120_000);

  test('the timer counts on a clock that nobody can set', async () => {
    const { engine, provider, running, device } = setup;
    await converge(engine, usual);
    const context = writeContextFor(running, customer, { fence: engine.records.length });
    const session = await provider.openForWrite(engine.target, context);
    await session.guard?.arm(context.guardToken, 600);
    const shown = (await device.exec('systemctl', 'show', `soll-guard-${context.guardToken}.timer`, '-p', 'NextElapseUSecRealtime', '-p', 'NextElapseUSecMonotonic')).stdout;
    expect(shown).toMatch(/NextElapseUSecRealtime=\n/);
    expect(shown).toMatch(/NextElapseUSecMonotonic=.*\d/);
    expect(await session.guard?.recover(context.guardToken)).toBe('fired');
    await session.close();
  });

  test('the timer fires by itself when nobody comes back', async () => {
    const { engine, device, provider, running } = setup;
    await converge(engine, usual);
    const context = writeContextFor(running, customer, { fence: engine.records.length });
    const session = await provider.openForWrite(engine.target, context);
    await session.guard?.arm(context.guardToken, 3);
    const batch = (await engine.plan(changed)).targets[0]?.batches[0];
    if (batch === undefined) throw new Error('no batch');
    await session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() });
    await session.close();
    expect(await table(device)).toContain('service.late');
    await expect.poll(async () => (await table(device)).includes('service.late'), { timeout: 20_000, interval: 500 }).toBe(false);
    expect((await engine.plan(usual)).leaves).toEqual([]);
  });

  test('a table that arrives after its guard has fired is not loaded', async () => {
    const { engine, device, provider, running } = setup;
    await converge(engine, usual);
    const context = writeContextFor(running, customer, { fence: engine.records.length });
    const session = await provider.openForWrite(engine.target, context);
    await session.guard?.arm(context.guardToken, 600);
    const batch = (await engine.plan(changed)).targets[0]?.batches[0];
    if (batch === undefined) throw new Error('no batch');
    await fire();
    const outcomes: string[] = [];
    await session.apply(batch, { before: () => Promise.resolve(), after: (_change, outcome) => { outcomes.push(outcome.status); return Promise.resolve(); } });
    await session.close();
    expect([outcomes, (await table(device)).includes('service.late')]).toEqual([['rejected'], false]);
  });

  test('a confirmed table survives a restart', async () => {
    const { engine, device } = setup;
    await converge(engine, usual);
    const before = await table(device);
    await device.reboot();
    expect(await table(device)).toBe(before);
    expect((await engine.plan(usual)).leaves).toEqual([]);
  });

  test.each([
    { because: 'the guard is armed and nothing is loaded', at: 'guard.armed', verdict: 'partial' },
    { because: 'the new table is loaded and not looked at', at: 'verify', verdict: 'reverted' },
    { because: 'it was looked at and not confirmed', at: 'guard.confirm', verdict: 'reverted' },
  ])('a device that restarts in the middle of a run, when $because: the old table is whole and the verdict $verdict', async ({ at, verdict }) => {
    const { engine, device } = setup;
    await converge(engine, usual);
    const before = await table(device);
    const plan = await engine.plan(changed);
    let done = false;
    const results = await engine.apply(plan, {
      effect: async (name) => {
        if (name !== at || done) return;
        done = true;
        await device.reboot();
      },
    });
    expect([done, results.map((each) => each.verdict)]).toEqual([true, [verdict]]);
    expect(await table(device)).toBe(before);
    expect((await engine.plan(usual)).leaves).toEqual([]);
    await converge(engine, changed);
    await converge(engine, usual);
  }, 120_000);

  test('a run that died is recovered by its token alone: confirmed where all is there', async () => {
    const { engine } = setup;
    await converge(engine, usual);
    await expect(engine.apply(await engine.plan(changed), { effect: (name) => (name === 'verify' ? Promise.reject(new Error('killed')) : Promise.resolve()) })).rejects.toThrow('killed');
    expect((await engine.recover()).map(({ verdict }) => verdict)).toEqual(['converged']);
    expect((await engine.plan(changed)).leaves).toEqual([]);
    await converge(engine, usual);
  });

  test('a run that died and whose guard has fired is recovered as reverted', async () => {
    const { engine, device } = setup;
    await converge(engine, usual);
    const before = await table(device);
    await expect(engine.apply(await engine.plan(changed), { effect: (name) => (name === 'verify' ? Promise.reject(new Error('killed')) : Promise.resolve()) })).rejects.toThrow('killed');
    await fire();
    expect((await engine.recover()).map(({ verdict }) => verdict)).toEqual(['reverted']);
    expect(await table(device)).toBe(before);
    expect((await engine.plan(usual)).leaves).toEqual([]);
  });

  test('what somebody changes in the window is not confirmed with ours', async () => {
    const { engine, device } = setup;
    await converge(engine, usual);
    const before = await table(device);
    const results = await engine.apply(await engine.plan(changed), {
      effect: async (name) => { if (name === 'guard.confirm') await device.exec('nft', 'insert', 'rule', 'inet', 'soll', 'policy.wan.self', 'tcp', 'dport', '3389', 'accept'); },
    });
    expect(results.map(({ verdict }) => verdict)).toEqual(['reverted']);
    expect(await table(device)).toBe(before);
  });

  const sh = (script: string): Promise<unknown> => setup.device.exec('sh', '-c', script);
  /** The next load, and only that, meets this. */
  const once = (act: string): string => `cat > /usr/local/bin/nft <<'X'\n#!/bin/sh\nif [ "$1 $2" = "-j -f" ] && [ ! -f /run/once ]; then : > /run/once; ${act}; fi\nexec /usr/sbin/nft "$@"\nX\nchmod 755 /usr/local/bin/nft`;
  const mended = 'rm -f /usr/local/bin/nft /run/once';
  test.each<{ because: string; break: string; mend: string; verdict?: string }>([
    { because: 'the disk for the state of the guard is full', break: 'cp -a /var/lib/soll /tmp/kept; mount -t tmpfs -o size=64k tmpfs /var/lib/soll; cp -a /tmp/kept/. /var/lib/soll/; dd if=/dev/zero of=/var/lib/soll/fill bs=4k 2>/dev/null', mend: 'umount /var/lib/soll; rm -rf /tmp/kept' },
    { because: 'the disk for the saved table is full', break: 'cp -a /etc/soll /tmp/kept; mount -t tmpfs -o size=32k tmpfs /etc/soll; cp -a /tmp/kept/. /etc/soll/; dd if=/dev/zero of=/etc/soll/fill bs=4k 2>/dev/null', mend: 'umount /etc/soll; rm -rf /tmp/kept' },
    { because: 'the disk is read-only', break: 'for each in /var/lib/soll /etc/soll; do mount --bind $each $each; mount -o remount,ro,bind $each; done', mend: 'umount /var/lib/soll /etc/soll' },
    { because: 'there is no nft', break: 'chmod 644 /usr/sbin/nft', mend: 'chmod 755 /usr/sbin/nft' },
    { because: 'there is no systemd-run', break: 'chmod 644 /usr/bin/systemd-run', mend: 'chmod 755 /usr/bin/systemd-run' },
    { because: 'systemd starts no timer', break: 'printf "#!/bin/sh\\nexit 1\\n" > /usr/local/bin/systemd-run; chmod 755 /usr/local/bin/systemd-run', mend: 'rm /usr/local/bin/systemd-run' },
    { because: 'nft fails at the load', break: once('exit 1'), mend: mended },
    { because: 'the script is killed before the load', break: once('kill -9 $PPID'), mend: mended, verdict: 'reverted' },
    { because: 'the script is killed after the load', break: once('/usr/sbin/nft "$@"; kill -9 $PPID; exit 1'), mend: mended, verdict: 'reverted' },
  ])('when $because, the old table stays whole, nothing is held, and the next run goes through', async ({ break: spoil, mend, verdict = 'partial' }) => {
    const { engine, device } = setup;
    await converge(engine, usual);
    const before = await table(device);
    const plan = await engine.plan(changed);
    await sh(spoil);
    let verdicts: readonly string[];
    try {
      verdicts = (await engine.apply(plan)).map(({ verdict }) => verdict);
    } finally {
      await sh(mend);
    }
    // Nothing written is `partial` (each change named as rejected); `reverted` is what was there and went back.
    expect(verdicts).toEqual([verdict]);
    expect(await table(device)).toBe(before);
    await converge(engine, changed);
    await device.reboot();
    expect((await engine.plan(changed)).leaves).toEqual([]);
  }, 120_000);
});
