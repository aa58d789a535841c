/** WireGuard between two real devices: a true handshake, peers that keep their sessions, and a guard that brings the tunnels back. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '#contract';
import type { ConformanceResource } from '#testkit/simulator';
import { readContextFor } from '#testkit/test-context';
import { pubkey } from '../../providers/nftables/simulator/fake-wg.ts';
import { secrets } from '../../providers/nftables/simulator/conformance.ts';
import { customer } from '../harness/engine.ts';
import { stopAll, type Device } from './device.ts';
import { asRunning, converge, policy, read, required, rule, service, setUp, usual, why as noDevice, zone, type Setup } from './nftables-setup.ts';

function probe(): string | undefined {
  if (noDevice !== undefined) return noDevice;
  try {
    execFileSync('sh', ['-c', 'command -v wg && { command -v wireguard-go && [ -c /dev/net/tun ] || unshare --net ip link add t0 type wireguard; }'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'WireGuard needs wireguard-tools, and wireguard-go with /dev/net/tun where the kernel has none: run test/systems/install.sh';
  }
}
const why = probe();
if (why !== undefined && noDevice === undefined) process.stdout.write(`real WireGuard tests ${required ? 'are required and cannot run' : 'skipped'}: ${why}\n`);
test.runIf(why !== undefined && required)('real WireGuard can run here', () => { expect(why).toBeUndefined(); });

const [own = '', branch = ''] = [secrets['vpn-own'], secrets['vpn-users']];
const user = (name: string, key: number): ConformanceResource => ({ kind: 'vpn-user', name, spec: { tunnel: 'to-branch', publicKey: pubkey(Buffer.alloc(32, key).toString('base64')), addresses: [`10.99.1.${String(key)}`], presharedKey: { $secret: 'vpn-psk' } } });

describe.skipIf(why !== undefined)('WireGuard on real devices', () => {
  afterAll(() => stopAll());
  let hq: Setup;
  let shop: Setup;
  let ends: { readonly here: string; readonly there: string };
  beforeAll(async () => {
    [hq, shop] = await Promise.all([setUp(), setUp()]);
    ends = await hq.device.linkTo(shop.device);
  });

  const walls = (tunnel: string): readonly ConformanceResource[] => [
    ...usual, zone('cable', 'mgmt', 'mgmt1'), zone('vpn', tunnel), service('wireguard', 'udp/51820'),
    policy('cable', 'self', ['in']), rule('cable', 'self', 'in', { services: ['wireguard'] }), policy('vpn', 'self', ['ping']), rule('vpn', 'self', 'ping', { services: ['ping'] }),
  ];
  const toBranch = (more: JsonObject = {}): ConformanceResource => ({
    kind: 'vpn-tunnel', name: 'to-branch',
    spec: { addresses: ['10.99.1.1'], privateKey: { $secret: 'vpn-own' }, publicKey: pubkey(own), peerKey: pubkey(branch), endpoint: `${ends.there}:51820`, networks: ['10.99.1.2', '198.19.255.0/24'], presharedKey: { $secret: 'vpn-psk' }, ...more },
  });
  const site = (...more: readonly ConformanceResource[]): readonly ConformanceResource[] => [...walls('to-branch'), toBranch(), ...more];
  const toHq = (): ConformanceResource => ({ kind: 'vpn-tunnel', name: 'to-hq', spec: { addresses: ['10.99.1.2'], privateKey: { $secret: 'vpn-users' }, publicKey: pubkey(branch), peerKey: pubkey(own), networks: ['10.99.1.1'], presharedKey: { $secret: 'vpn-psk' } } });

  const reaches = async (device: Device): Promise<boolean> => (await device.exec('ping', '-c', '1', '-W', '1', '10.99.1.2')).code === 0;
  const out = async (...argv: readonly string[]): Promise<string> => (await hq.device.exec(...argv)).stdout.trim();
  const state = async (): Promise<string> => [await out('wg', 'show', 'to-branch', 'dump'), await out('ip', '-o', 'addr', 'show', 'dev', 'to-branch'), await out('ip', 'route', 'show', 'dev', 'to-branch'), await out('sha256sum', '/etc/soll/wireguard.conf')]
    // Without what moves: endpoint, handshake, traffic, numbers of interfaces.
    .join('\n').split('\n').map((line) => (line.split('\t').length === 8 ? line.split('\t').filter((_, index) => ![2, 4, 5, 6].includes(index)).join('\t') : line.replace(/^\d+: /, ''))).filter((line) => !line.includes('fe80')).join('\n');

  test('two ends find each other, and what is read is what was written', async () => {
    await converge(shop.engine, [...walls('to-hq'), toHq()]);
    await converge(hq.engine, site());
    await expect.poll(() => reaches(hq.device), { timeout: 30_000 }).toBe(true);
    expect(Number((await out('wg', 'show', 'to-branch', 'latest-handshakes')).split('\t')[1])).toBeGreaterThan(0);
    expect(await out('stat', '-c', '%a', '/etc/soll/wireguard.conf')).toBe('600');
    const told = JSON.stringify(hq.engine.records);
    for (const secret of Object.values(secrets)) expect(told).not.toContain(secret);
  }, 300_000);

  test('somebody more comes in, and the session of the others goes on; a peer added by hand stays, and is told', async () => {
    const { engine, device } = hq;
    await converge(engine, site());
    await expect.poll(() => reaches(device), { timeout: 30_000 }).toBe(true);
    const before = await out('wg', 'show', 'to-branch', 'latest-handshakes');
    const stranger = pubkey(Buffer.alloc(32, 77).toString('base64'));
    await device.exec('wg', 'set', 'to-branch', 'peer', stranger, 'allowed-ips', '10.99.1.77/32');
    await converge(engine, site(user('anna', 20), user('ben', 21)));
    await converge(engine, site(user('ben', 21)));
    expect((await out('wg', 'show', 'to-branch', 'latest-handshakes')).split('\n')).toContain(before);
    expect(await out('wg', 'show', 'to-branch', 'allowed-ips')).toContain(`${stranger}\t10.99.1.77/32`);
    await device.exec('wg', 'set', 'to-branch', 'peer', stranger, 'remove');
    await converge(engine, site());
  }, 300_000);

  test('what somebody takes away by hand is drift', async () => {
    await converge(hq.engine, site());
    await hq.device.exec('wg', 'set', 'to-branch', 'peer', pubkey(branch), 'allowed-ips', '10.99.1.2/32');
    expect((await hq.engine.plan(site())).targets.flatMap(({ batches }) => batches.flatMap(({ changes }) => changes.map(({ reason }) => reason)))).toEqual(['drift']);
    await converge(hq.engine, site());
  }, 300_000);

  test.each([
    { because: 'the way to the device is cut with the change', cut: true },
    { because: 'the device restarts before it is confirmed', cut: false },
  ])('when $because, the tunnels come back as they were and carry traffic', async ({ cut }) => {
    const { engine, device } = hq;
    await converge(engine, site(user('ben', 21)));
    const before = await state();
    const next = [...walls('to-branch'), toBranch({ networks: ['10.99.1.2'], addresses: ['10.99.1.3'], port: 51999 }), user('chris', 22)]
      // Refused instead of dropped: nobody has to wait for it.
      .map((each) => (cut && each.name === 'wan.self' ? policy('wan', 'self', ['ssh', 'ping'], { default: 'reject' }) : cut && each.name === 'wan.self.ssh' ? rule('wan', 'self', 'ssh', { services: ['ssh'], sources: ['203.0.113.77'] }) : each));
    let restarted = false;
    const results = await engine.apply(await engine.plan(next), {
      effect: async (name) => {
        if (cut || name !== 'guard.confirm' || restarted) return;
        restarted = true;
        expect(await state()).not.toBe(before);
        await device.reboot();
      },
    });
    expect(results.map(({ verdict }) => verdict)).toEqual(['reverted']);
    await expect.poll(state, { timeout: 30_000 }).toBe(before);
    expect((await engine.plan(site(user('ben', 21)))).leaves).toEqual([]);
    // The cable between the two went with the power.
    if (cut) await expect.poll(() => reaches(device), { timeout: 30_000 }).toBe(true);
  }, 300_000);

  test('the reading account sees the tunnels and no key, with nothing but the commands of the README', async () => {
    const list = readFileSync('providers/nftables/README.md', 'utf8').split('\n').filter((line) => line.startsWith('soll-read ALL=')).map((line) => line.replace(/^soll-read /, ''));
    await hq.device.addUser('soll-read', { authorizedKeys: [read.publicKey], sudoers: list });
    const session = await hq.provider.open({ ...hq.engine.target, settings: { readUser: 'soll-read' } }, readContextFor(asRunning(hq.device), customer));
    const live = await session.read(['vpn-tunnel', 'vpn-user']);
    await session.close();
    expect(live.map(({ address, spec }) => [address.split('/').slice(2).join('/'), spec['publicKey']])).toEqual([['vpn-tunnel/to-branch', pubkey(own)], ['vpn-user/ben', expect.any(String)]]);
    for (const what of ['dump', 'private-key', 'preshared-keys']) expect((await hq.device.exec('runuser', '-u', 'soll-read', '--', 'sudo', '-n', 'wg', 'show', 'all', what)).code).not.toBe(0);
  }, 300_000);
});
