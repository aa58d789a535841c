/** The provider against the real ifupdown2, iproute2, systemd and a kernel with VLAN-aware bridges: tagged frames, and a guard whose way is really cut. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Provider } from '#contract';
import { makeClientKey } from '#testkit/ssh-server';
import type { ConformanceMaterial, ConformanceResource, RunningSimulator } from '#testkit/simulator';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { loadProvider } from '../../src/providers.ts';
import { customer, makeEngine, type Engine } from '../harness/engine.ts';
import { startUmlDevice, umlRequirements, type UmlDevice } from './uml-device.ts';

const material: ConformanceMaterial = { target: { manages: { vlan: 'merge', 'switch-port': 'merge' }, settings: {} }, initial: [], steps: [], foreign: [], hostile: [] };
const interfaces = (address: string): string => `# by hand: B\xc3\xbcro
auto lo
iface lo inet loopback

iface uplink inet manual

iface p1 inet manual
\tmtu   1500
#behind it: h1

auto vmbr0
iface vmbr0 inet static
\taddress ${address}/30
\tbridge-ports uplink p1 p2 p3
\tbridge-stp off
\tbridge-fd 0
\tbridge-vlan-aware yes
\tbridge-vids 2-127

source /etc/network/interfaces.d/*
`;
async function boot(): Promise<UmlDevice | string> {
  const [read, write] = authorized;
  try {
    return await startUmlDevice({ authorizedKeys: [read.publicKey, write.publicKey], privateKey: write.privateKey, interfaces });
  } catch (error) {
    return `a second kernel does not boot here: ${error instanceof Error ? error.message.slice(0, 300) : String(error)}`;
  }
}

const authorized = [makeClientKey(), makeClientKey()] as const;
const requirements = umlRequirements();
/** Not every processor and sandbox lets a second kernel live, whatever is installed: that is told, and unlike the other real systems it is nobody's failure. */
const booted = requirements === undefined ? await boot() : undefined;
const why = requirements ?? (typeof booted === 'string' ? booted : undefined);
if (why !== undefined) process.stdout.write(`real ifupdown2 tests skipped: ${why}\n`);

const port = (name: string, spec: ConformanceResource['spec']): ConformanceResource => ({ kind: 'switch-port', name, spec });
const usual = [{ kind: 'vlan', name: 'office', spec: { id: 10 } }, port('p1', { mode: 'access', vlan: 10, description: 'Empfang Büro "1" #x' }), port('p2', { mode: 'trunk', tagged: [10, 20], native: 99 })];
/** Only p1 differs. */
const moved = [...usual.slice(0, 1), port('p1', { mode: 'access', vlan: 20, description: 'Empfang Büro "1" #x' }), ...usual.slice(2)];

describe.skipIf(why !== undefined)('a real host under ifupdown2', () => {
  let device: UmlDevice;
  let engine: Engine;
  let provider: Provider;
  let running: RunningSimulator;
  beforeAll(async () => {
    const [read, write] = authorized;
    if (typeof booted !== 'object') throw new Error('skipped otherwise');
    device = booted;
    provider = (await loadProvider('linux-bridge')).provider;
    running = {
      host: device.host, port: 22, address: device.host, identity: [`ssh:${device.hostKeyPin}`], credentials: { read: read.privateKey, write: write.privateKey },
      snapshot: () => ({}), writes: () => [], edits: {}, faults: { clear: () => undefined }, reboot: () => device.reboot(), stop: () => device.stop(),
    };
    // A second kernel on a busy machine is slow: only what is cut on purpose shall fire.
    engine = makeEngine(provider, running, material, undefined, 300);
  }, 300_000);
  afterAll(() => device.stop());

  /** What it takes to load a change, seconds: the machine may be busy, and a window that is over before the change comes proves nothing. */
  let pace = 30;
  const files = (): string => device.readFile('etc/network/interfaces');
  const idle = async (resources: readonly ConformanceResource[]): Promise<void> => {
    const plan = await engine.plan(resources);
    expect([plan.problems.filter(({ severity }) => severity === 'error'), plan.leaves]).toEqual([[], []]);
  };
  const carriers = 'cat /sys/class/net/uplink/carrier_changes /sys/class/net/vmbr0/carrier_changes /sys/class/net/p2/carrier_changes /sys/class/net/p3/carrier_changes';
  /** h1 speaks untagged; h2 hears and answers in the VLAN of its tagged interface only. Those VLANs in which it does, and how often the links of others were down. */
  const reached = async (): Promise<{ readonly vlans: readonly string[]; readonly links: string }> => {
    const { stdout } = await device.exec(`ip -n h1 addr replace 203.0.113.1/24 dev eth0
for id in 10 20; do ip -n h2 link set eth0.10 down; ip -n h2 link set eth0.20 down; ip -n h2 link set eth0.$id up; ip -n h1 neigh flush dev eth0
ip netns exec h1 ping -c 1 -W 0.3 203.0.113.2 >/dev/null && echo "vlan $id"; done
${carriers}`);
    const lines = stdout.trim().split('\n');
    return { vlans: lines.filter((line) => line.startsWith('vlan ')), links: lines.filter((line) => !line.startsWith('vlan ')).join() };
  };
  let before: string;
  let links: string;

  test('frames go where the ports say, tagged and untagged, and what was there keeps its bytes', async () => {
    const original = files();
    const plan = await engine.plan(usual);
    expect(plan.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    let start = 0;
    const results = await engine.apply(plan, {
      effect: (name) => {
        if (name === 'guard.armed') start = Date.now();
        else if (name === 'verify') pace = (Date.now() - start) / 1000;
        return Promise.resolve();
      },
    });
    expect(results.map(({ verdict, why: reason }) => reason ?? verdict)).toEqual(['converged']);
    before = files();
    expect(before).toBe(original.replace('\tmtu   1500\n', '\tmtu   1500\n\tbridge-access 10\n\talias Empfang Büro "1" #x\n').concat('\niface p2 inet manual\n\tbridge-pvid 99\n\tbridge-vids 10 20\n'));
    const now = await reached();
    links = now.links;
    expect(now.vlans).toEqual(['vlan 10']);
    await idle(usual);
  }, 300_000);

  test('a change that cuts the way to the host is undone by the host, and nobody can confirm it any more', async () => {
    const batch = (await engine.plan([...usual, port('uplink', { mode: 'access', vlan: 66 })])).targets[0]?.batches[0];
    if (batch === undefined) throw new Error('no batch');
    const context = writeContextFor(running, customer, { fence: engine.records.length });
    const session = await provider.openForWrite(engine.target, context);
    await session.guard?.arm(context.guardToken, Math.ceil(pace) + 1);
    const applied = session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() }).catch(() => undefined);
    // Cut: for a moment nobody gets in any more.
    await expect.poll(() => device.answers(), { timeout: 120_000, interval: 100 }).toBe(false);
    await device.awaitSsh();
    await applied;
    await session.close().catch(() => undefined);
    const late = await provider.openForWrite(engine.target, context);
    await expect.poll(() => late.guard?.state(context.guardToken), { timeout: 120_000, interval: 500 }).toBe('fired');
    await expect(late.guard?.confirm(context.guardToken)).rejects.toMatchObject({ code: 'conflict' });
    await late.close();
    expect(files()).toBe(before);
  }, 300_000);

  test('one port moves and no other link goes down; the power goes inside the window: the host boots as it was before', async () => {
    const standing = await provider.open(engine.target, readContextFor(running, customer));
    let inside: readonly unknown[] | undefined;
    const results = await engine.apply(await engine.plan(moved), {
      effect: async (name) => {
        if (name !== 'verify' || inside !== undefined) return;
        inside = [await reached(), (await standing.identify()).product];
        await device.reboot();
      },
    });
    expect(inside).toEqual([{ vlans: ['vlan 20'], links }, 'ifupdown2']);
    expect(results.map(({ verdict }) => verdict)).toEqual(['reverted']);
    expect([files(), (await reached()).vlans]).toEqual([before, ['vlan 10']]);
    await standing.close().catch(() => undefined);
  }, 300_000);
});
