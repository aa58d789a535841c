/** The provider against the real thing: nft, sshd and systemd of Debian, with traffic that passes or does not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConformanceResource } from '#testkit/simulator';
import { readContextFor } from '#testkit/test-context';
import { simulator } from '../../providers/nftables/simulator.ts';
import { customer, makeEngine } from '../harness/engine.ts';
import { startDevice, stopAll } from './device.ts';
import { asRunning, base, converge, group, internet, management, policy, read, required, rule, service, setUp, table, usual, why, write, type Setup } from './nftables-setup.ts';

test.runIf(why !== undefined && required)('real devices can run here', () => { expect(why).toBeUndefined(); });

type Run = (...argv: string[]) => Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;

/** A listener at an address for one connection, and a client on the other side: the address that the listener saw, if the client got through. */
async function reach(listen: Run, dial: Run, address: string, port: number, dialled = { address, port }): Promise<string | undefined> {
  const listening = listen('sh', '-c', `echo hello | timeout 20 nc -n -v -l -s ${address} -p ${String(port)} -q 0 2>&1`);
  await expect.poll(async () => (await listen('sh', '-c', `ss -Hltn 'sport = :${String(port)}'`)).stdout, { timeout: 5000, interval: 50 }).toContain(`:${String(port)}`);
  const { stdout } = await dial('sh', '-c', `nc -n -w 2 ${dialled.address} ${String(dialled.port)} < /dev/null`);
  const through = stdout.includes('hello');
  // Whoever nobody reached waits for somebody.
  if (!through) await listen('sh', '-c', `nc -n -w 1 ${address} ${String(port)} < /dev/null`);
  const seen = /received on (\S+)/.exec((await listening).stdout)?.[1];
  return through ? seen : undefined;
}

const reaches = async (...parameters: Parameters<typeof reach>): Promise<boolean> => (await reach(...parameters)) !== undefined;

describe.skipIf(why !== undefined)('real nftables', () => {
  afterAll(() => stopAll());
  let setup: Setup;
  beforeAll(async () => { setup = await setUp(); });

  test('every step of the conformance material converges on real nft; foreign tables stay byte for byte', async () => {
    const { engine, device } = setup;
    await device.exec('nft', 'add', 'table', 'ip', 'docker');
    await device.exec('nft', 'add', 'chain', 'ip', 'docker', 'FORWARD', '{ type filter hook forward priority 5; }');
    await device.exec('nft', 'add', 'rule', 'ip', 'docker', 'FORWARD', 'iifname', 'docker0', 'counter', 'accept');
    await device.exec('nft', 'add', 'table', 'ip', 'nat');
    await device.exec('nft', 'add', 'chain', 'ip', 'nat', 'POSTROUTING', '{ type nat hook postrouting priority srcnat; policy accept; }');
    await device.exec('nft', 'add', 'chain', 'ip', 'nat', 'DOCKER');
    await device.exec('nft', 'add', 'rule', 'ip', 'nat', 'POSTROUTING', 'oifname', '!=', 'docker0', 'ip', 'saddr', '172.17.0.0/16', 'counter', 'masquerade');
    await device.exec('nft', 'add', 'rule', 'ip', 'nat', 'DOCKER', 'iifname', '!=', 'docker0', 'tcp', 'dport', '8080', 'counter', 'dnat', 'to', '172.17.0.2:80');
    const foreign = async (): Promise<string> => `${(await device.exec('nft', '-a', 'list', 'table', 'ip', 'docker')).stdout}${(await device.exec('nft', '-a', 'list', 'table', 'ip', 'nat')).stdout}`;
    const before = await foreign();
    expect(before).toMatch(/docker0[^]*dnat to 172\.17\.0\.2:80/);
    // The way in must stay open: the material's own policy for wan only lets in documentation addresses.
    const way = rule('wan', 'self', 'way-in', { sources: [device.wanClient], services: ['ssh'] });
    // Tunnels have tests of their own: the other ends of these have names that nobody resolves.
    const open = (all: readonly ConformanceResource[]): readonly ConformanceResource[] => {
      const resources = all.filter(({ kind }) => !kind.startsWith('vpn-'));
      const services = resources.some(({ kind, name }) => kind === 'service' && name === 'ssh') ? [] : [service('ssh', 'tcp/22')];
      return [...resources.map((each) => (each.kind === 'firewall-policy' && each.name === 'wan.self' ? { ...each, spec: { ...each.spec, order: [...(each.spec['order'] as string[]), 'way-in'] } } : each)), ...services, way];
    };
    for (const resources of [simulator.conformance.initial, ...simulator.conformance.steps.map((step) => step.resources)]) await converge(engine, open(resources));
    for (const entry of simulator.conformance.hostile) {
      const resources = open([...simulator.conformance.initial, entry].flat());
      const refused = setup.provider.check(engine.state(resources).resources, engine.target).some(({ severity }) => severity === 'error');
      if (!refused) await converge(engine, resources);
    }
    expect(await foreign()).toBe(before);
  }, 300_000);

  test('traffic passes where a rule allows it, and nowhere else', async () => {
    const { engine, device } = setup;
    await converge(engine, usual);
    expect(await reaches(device.fromWan, device.fromLan, device.wanClient, 8080)).toBe(true);
    expect(await reaches(device.fromWan, device.fromLan, device.wanClient, 8081)).toBe(false);
    expect((await device.fromWan('ping', '-c', '1', '-W', '2', device.host)).code).toBe(0);
    expect((await device.fromLan('ping', '-c', '1', '-W', '1', device.lanDevice)).code).not.toBe(0);
    const forward = { kind: 'port-forward', name: 'inside', spec: { from: 'wan', protocol: 'tcp', port: 9443, destination: device.lanClient, destinationPort: 8443 } };
    await converge(engine, [...usual, forward]);
    expect(await reaches(device.fromLan, device.fromWan, device.lanClient, 8443, { address: device.host, port: 9443 })).toBe(true);
    await converge(engine, usual);
    expect(await reaches(device.fromLan, device.fromWan, device.lanClient, 8443, { address: device.host, port: 9443 })).toBe(false);
  });

  test('the server sees the address of the device where masquerading is written, and not where it is not', async () => {
    const { engine, device } = setup;
    await converge(engine, usual);
    expect(await reach(device.fromWan, device.fromLan, device.wanClient, 8080)).toBe(device.host);
    await converge(engine, usual.filter((each) => each !== internet));
    // The way back of this side leads nowhere else, so the client is seen or nothing is.
    expect(await reach(device.fromWan, device.fromLan, device.wanClient, 8080)).not.toBe(device.host);
  });

  test('IPv6 passes where a rule allows it, from whom it allows, and nowhere else', async () => {
    const { engine, device } = setup;
    const { six } = device;
    const six6 = (...sources: readonly string[]): readonly ConformanceResource[] => [...usual, service('ping6', 'icmpv6'), policy('wan', 'lan', ['in']), rule('wan', 'lan', 'in', { services: ['web'], sources }), policy('lan', 'self', ['ping']), rule('lan', 'self', 'ping', { services: ['ping6'] })];
    await converge(engine, six6(six.wanClient));
    expect(await reaches(device.fromLan, device.fromWan, six.lanClient, 8080)).toBe(true);
    expect(await reaches(device.fromLan, device.fromWan, six.lanClient, 8081)).toBe(false);
    expect((await device.fromLan('ping', '-6', '-c', '1', '-W', '2', six.lanDevice)).code).toBe(0);
    expect((await device.fromWan('ping', '-6', '-c', '1', '-W', '1', six.host)).code).not.toBe(0);
    await converge(engine, six6('2001:db8::/32'));
    expect(await reaches(device.fromLan, device.fromWan, six.lanClient, 8080)).toBe(false);
    const forward = { kind: 'port-forward', name: 'six', spec: { from: 'wan', protocol: 'tcp', port: 9443, destination: six.lanClient, destinationPort: 8443 } };
    await converge(engine, [...usual, forward]);
    expect(await reaches(device.fromLan, device.fromWan, six.lanClient, 8443, { address: six.host, port: 9443 })).toBe(true);
  });

  test('the first rule that matches decides, so two rules the other way round let other people through', async () => {
    const { engine, device } = setup;
    const ordered = (...order: readonly string[]): readonly ConformanceResource[] => [...base, ...management, policy('lan', 'wan', order), rule('lan', 'wan', 'web', { services: ['web'] }), rule('lan', 'wan', 'guest', { action: 'drop', sources: [device.lanClient, '192.0.2.1', '192.0.2.2'] }), internet];
    await converge(engine, ordered('web', 'guest'));
    expect(await reaches(device.fromWan, device.fromLan, device.wanClient, 8080)).toBe(true);
    await converge(engine, ordered('guest', 'web'));
    expect(await reaches(device.fromWan, device.fromLan, device.wanClient, 8080)).toBe(false);
  });

  test('a member of a group gets through as soon as it is one, and no longer', async () => {
    const { engine, device } = setup;
    const members = (...list: readonly string[]): readonly ConformanceResource[] => [...base, ...management, group('staff', ...list), policy('lan', 'wan', ['web']), rule('lan', 'wan', 'web', { services: ['web'], sources: ['group:staff'] }), internet];
    for (const [list, expected] of [[['192.0.2.1'], false], [['192.0.2.1', device.lanClient], true], [[], false]] as const) {
      await converge(engine, members(...list));
      expect([list, await reaches(device.fromWan, device.fromLan, device.wanClient, 8080)]).toEqual([list, expected]);
    }
  });

  test('a rule that logs is loaded with its prefix; the kernel shows packets of other network namespaces to nobody', async () => {
    const { engine, device } = setup;
    await converge(engine, [...usual.filter(({ name }) => name !== 'lan.wan'), policy('lan', 'wan', ['web'], { log: true })]);
    expect(await table(device)).toMatch(/log prefix "soll wan\.self\.ssh " accept comment "rule:ssh\|Verwaltung Büro"/);
    expect(await table(device)).toMatch(/log prefix "soll lan\.wan default " drop comment "default"/);
  });

  test('a device that cannot name protocols (without netbase) is read and written all the same', async () => {
    const { engine, device } = setup;
    const tunnels = [...usual, service('vpn', 'esp', 'gre', 'icmpv6', 'udp/500'), policy('wan', 'lan', ['vpn']), rule('wan', 'lan', 'vpn', { services: ['vpn'] })];
    await device.exec('mv', '/etc/protocols', '/etc/protocols.away');
    await converge(engine, tunnels);
    await device.exec('mv', '/etc/protocols.away', '/etc/protocols');
    expect((await engine.plan(tunnels)).leaves).toEqual([]);
  });

  test('what somebody does with nft by hand is drift and goes', async () => {
    const { engine, device } = setup;
    await converge(engine, usual);
    await device.exec('nft', 'insert', 'rule', 'inet', 'soll', 'policy.wan.self', 'tcp', 'dport', '3389', 'accept', 'comment', '"rdp"');
    await device.exec('nft', 'add', 'rule', 'inet', 'soll', 'input', 'ip', 'saddr', '192.0.2.0/24', 'counter', 'accept');
    await device.exec('nft', 'add', 'set', 'inet', 'soll', 'mine', '{ type ipv4_addr; }');
    await device.exec('nft', 'add', 'element', 'inet', 'soll', 'service.web.tcp', '{ 9999 }');
    const plan = await engine.plan(usual);
    expect(plan.summary.drift).toBe(4);
    await converge(engine, usual);
    expect(await table(device)).not.toMatch(/3389|192\.0\.2\.0|9999|mine/);
  });

  test('ten devices are planned in parallel', async () => {
    const { provider } = setup;
    const others = await Promise.all(Array.from({ length: 10 }, () => startDevice({ authorizedKeys: [read.publicKey, write.publicKey] })));
    const engines = others.map((device) => makeEngine(provider, asRunning(device), simulator.conformance));
    const started = performance.now();
    const plans = await Promise.all(engines.map((engine) => engine.plan(usual)));
    process.stdout.write(`ten real firewalls planned in parallel: ${(performance.now() - started).toFixed(0)} ms\n`);
    expect(plans.map(({ summary }) => summary.create)).toEqual(others.map(() => usual.length));
    expect(new Set(plans.map(({ digest }) => digest)).size).toBe(10);
  }, 180_000);

  test('another host key is nobody we speak to', async () => {
    const { engine, provider, running } = setup;
    const target = { ...engine.target, identity: [`ssh:SHA256:${'A'.repeat(43)}`] };
    await expect(provider.open(target, readContextFor(running, customer))).rejects.toMatchObject({ code: 'identity' });
  });
});
