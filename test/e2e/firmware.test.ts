/** What runs on targets against what is asked, and kept configurations against what is promised: in plan, doctor, status; through the real command line. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { commandsIn, everything, freshWorld } from '../harness/fresh-world.ts';
import { acme } from '../harness/lab-world.ts';

const customer = acme['customers/acme/customer.yaml'] ?? '';
const baseline = 'version: 1\ndescription:\n  en: E.\n  de: D.\nfirmware:\n  stores:\n    provider: memory\n    minimum: "2.0"\n    channel: testing\n';
const own = 'standards:\n  baseline: {}\nfirmware:\n  walls:\n    provider: nftables\n    minimum: "0.9"\n  tenants:\n    provider: m365\n    minimum: "1.0"\n    channel: any\n';

interface Status { readonly state: string; readonly firmware: readonly { readonly target: string; readonly standing: { readonly about: string; readonly state: string; readonly found?: string; readonly why?: string } }[]; readonly kept: readonly { readonly target: string; readonly state: string }[] }

describe('what runs there', () => {
  const world = freshWorld();
  const status = async (): Promise<Status> => (JSON.parse((await commandsIn(world).lab('status', '--json')).stdout) as { customers: Status[] }).customers[0] as Status;

  it('is told by plan, doctor and status, never acted upon, and no part of what is approved', async () => {
    const { lab } = commandsIn(world);
    const before = JSON.parse((await lab('plan', '--json')).stdout) as { plans: { digest: string }[] };
    await world.write({ 'standards/baseline.yaml': baseline, 'customers/acme/customer.yaml': `${customer}maintenance:\n  - days: [mon, tue, wed, thu, fri, sat, sun]\n    from: "00:00"\n    to: "23:59"\n${own}` });
    await world.commit('What should run');

    const plan = await lab('plan');
    expect(plan.code).toBe(0);
    expect(plan.stdout).toMatch(/store runs 1\.0, at least 2\.0 is asked \(baseline, stores\); due /);
    expect(plan.stdout).toMatch(/store follows channel stable, testing is asked/);
    expect(plan.stdout).toMatch(/tenant version unknown, at least 1\.0 is asked: it tells Graph v1\.0, which cannot be compared/);
    expect(plan.stdout).not.toContain('fw runs');
    const document = JSON.parse((await lab('plan', '--json')).stdout) as { plans: { digest: string; targets: object[] }[]; firmware: object[] };
    expect(document.plans[0]?.digest).toBe(before.plans[0]?.digest);
    expect(document.plans[0]?.targets).toMatchObject([{ firmware: [{ state: 'met' }] }, { firmware: [{ state: 'missed' }, { state: 'missed' }] }, { firmware: [{ state: 'unknown' }, { state: 'unknown' }] }]);
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    expect(ajv.validate(JSON.parse(await readFile(join(import.meta.dirname, '../../schemas/plan.schema.json'), 'utf8')), document), JSON.stringify(ajv.errors)).toBe(true);

    const doctor = await lab('doctor');
    expect([doctor.code, doctor.stdout]).toEqual([0, expect.stringMatching(/! firmware +runs 1\.0, at least 2\.0/)]);
    expect(doctor.stdout).toMatch(/✓ firmware +\S+, at least 0\.9 is asked/);

    // Nobody has looked yet: not told as anything else. After a look it is known, from Git alone.
    expect((await status()).firmware.map(({ standing }) => standing.why)).toEqual(Array.from({ length: 5 }, () => 'not-read'));
    await lab('drift');
    const seen = await status();
    expect(seen.state).toBe('firmware');
    expect(seen.firmware.map(({ target, standing: { about, state, found } }) => [target, about, state, found])).toEqual([
      ['fw', 'version', 'met', expect.stringMatching(/^\d/)], ['store', 'version', 'missed', '1.0'], ['store', 'channel', 'missed', 'stable'], ['tenant', 'version', 'unknown', 'Graph v1.0'], ['tenant', 'channel', 'unknown', undefined],
    ]);
  });

  it('can be brought back, or it is told that it cannot', async () => {
    const { lab } = commandsIn(world);
    // Nothing is written about it: told where something is to be changed.
    expect((await lab('plan')).stdout).toContain('the configuration of fw, store is not kept (no configBackup');
    await world.write({ 'customers/acme/customer.yaml': `${customer}configBackup:\n  recipients:\n    - ${await identityToRecipient(await generateIdentity())}\n` });
    await world.commit('Keep them');
    expect((await lab('plan')).stdout).toContain('no configuration of fw, store has been kept, every 24 h is promised');
    expect((await status()).kept).toEqual([{ target: 'fw', state: 'never', everyHours: 24 }, { target: 'store', state: 'never', everyHours: 24 }]);
    const run = await lab('backup', 'run', '--due');
    expect({ code: run.code, text: run.code === 0 ? '' : everything(run) }).toEqual({ code: 0, text: '' });
    expect((await status()).kept.map(({ state }) => state)).toEqual(['fresh', 'fresh']);
    expect((await lab('plan')).stdout).not.toContain('is promised');
  });
});
