/** Who may do what on a real device: a reading account that cannot write, a writing account with sudo, a bastion in between. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isProviderError, SecretValue, type JsonObject, type ReadContext, type WriteSession } from '#contract';
import { makeClientKey } from '#testkit/ssh-server';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { simulator } from '../../providers/nftables/simulator.ts';
import { customer, makeEngine } from '../harness/engine.ts';
import { startDevice, stopAll, type Device } from './device.ts';
import { asRunning, changed, converge, read, required, setUp, table, usual, why, write, zone, type Setup } from './nftables-setup.ts';

test.runIf(why !== undefined && required)('real devices can run here', () => { expect(why).toBeUndefined(); });

/** As the README of the provider has them. */
const readSudoers = [
  'ALL=(root) NOPASSWD: /usr/sbin/nft -j list tables, /usr/sbin/nft -j list table inet soll',
  'ALL=(root) NOPASSWD: /usr/bin/wg show all public-key, /usr/bin/wg show all listen-port, /usr/bin/wg show all allowed-ips, /usr/bin/wg show all persistent-keepalive',
  'ALL=(root) NOPASSWD: /usr/bin/find /etc -maxdepth 2 -path /etc/soll/wireguard.conf -exec head -n 1 {} +',
];
const writeSudoers = ['ALL=(root) NOPASSWD: ALL'];

describe.skipIf(why !== undefined)('accounts of a real device', () => {
  afterAll(() => stopAll());
  let setup: Setup;
  beforeAll(async () => {
    setup = await setUp();
    await setup.device.addUser('soll-read', { authorizedKeys: [read.publicKey], sudoers: readSudoers });
    await setup.device.addUser('soll-write', { authorizedKeys: [write.publicKey], sudoers: writeSudoers });
  });

  test('the reading account plans, and the writing account writes through sudo', async () => {
    const { provider, device } = setup;
    const settings = { user: 'soll-write', sudo: true, readUser: 'soll-read' };
    const engine = makeEngine(provider, asRunning(device, { settings }), simulator.conformance);
    await converge(engine, usual);
    await converge(engine, changed);
    const session = await provider.open(engine.target, readContextFor(asRunning(device), customer));
    expect(await session.identify()).toMatchObject({ product: 'nftables', version: expect.stringMatching(/^1\./) as string });
    await session.close();
    await converge(engine, usual);
  });

  test('the reading account can list and do nothing else as root', async () => {
    const { device, running, engine } = setup;
    const before = await table(device);
    const connection = await readContextFor(running, customer).connectSsh({ host: device.host, port: 22, user: 'soll-read', hostKeys: [device.hostKeyPin as `SHA256:${string}`], privateKey: new SecretValue('read', read.privateKey) });
    const codeOf = async (...argv: [string, ...string[]]): Promise<number> => (await connection.run(argv)).code;
    expect([await codeOf('sudo', '-n', 'nft', '-j', 'list', 'tables'), await codeOf('sudo', '-n', 'nft', '-j', 'list', 'table', 'inet', 'soll')]).toEqual([0, 0]);
    const attempts: readonly [string, ...string[]][] = [
      ['sudo', '-n', 'nft', 'add', 'table', 'ip', 'x'], ['sudo', '-n', 'nft', 'flush', 'ruleset'], ['sudo', '-n', 'nft', '-j', 'list', 'ruleset'], ['sudo', '-n', 'nft', '-f', '/etc/hosts'], ['sudo', '-n', 'nft', '-j', 'list', 'tables', ';', 'flush', 'ruleset'],
      ['sudo', '-n', 'nft', '-j', 'list', 'table', 'inet', 'soll;flush ruleset'], ['sudo', '-n', 'sh', '-c', 'id'], ['nft', 'add', 'table', 'ip', 'x'], ['/usr/sbin/nft', 'delete', 'table', 'inet', 'soll'], ['cat', '/var/lib/soll/fence'], ['cat', '/etc/soll/nftables.json'], ['sudo', '-n', 'wg', 'show', 'all', 'dump'], ['sudo', '-n', 'find', '/etc', '-maxdepth', '2', '-exec', 'id', ';'],
    ];
    for (const argv of attempts) expect([argv, await codeOf(...argv)]).not.toEqual([argv, 0]);
    await connection.close();
    expect(await table(device)).toBe(before);
    expect((await engine.plan(usual)).targets.map(({ status }) => status)).toEqual(['ready']);
  });

  test('whoever writes with the reading credential is refused, by every command of the script', async () => {
    const { provider, device, running, engine } = setup;
    const before = await table(device);
    const asWriter = { ...engine.target, credentials: { read: { $secret: 'target-read' }, write: { $secret: 'target-read' } }, settings: { user: 'soll-read', sudo: true } };
    const context = writeContextFor(running, customer, { fence: 1000 });
    const session = await provider.openForWrite(asWriter, context);
    const batch = (await engine.plan(changed)).targets[0]?.batches[0];
    if (batch === undefined || session.guard === undefined) throw new Error('no batch');
    await expect(session.guard.arm(context.guardToken, 60)).rejects.toMatchObject({ code: 'auth' });
    await expect(session.guard.recover(context.guardToken)).rejects.toMatchObject({ code: 'auth' });
    await expect(session.apply(batch, { before: () => Promise.resolve(), after: () => Promise.resolve() })).rejects.toMatchObject({ code: 'auth' });
    await session.close();
    expect(await table(device)).toBe(before);
  });

  test('a reading account without its sudoers lines is told what is missing', async () => {
    const { provider, device, running, engine } = setup;
    await device.addUser('soll-bare', { authorizedKeys: [read.publicKey] });
    const session = await provider.open({ ...engine.target, settings: { readUser: 'soll-bare' } }, readContextFor(running, customer));
    await expect(session.read(['zone'])).rejects.toMatchObject({ code: 'auth' });
    await session.close();
  });
});

describe.skipIf(why !== undefined)('keys of a real device', () => {
  afterAll(() => stopAll());

  test('are renewed for both accounts: the real sshd lets the new one in, then the old one no more, and other people keep theirs', async () => {
    const { device, provider, engine } = await setUp();
    const people = ['# from the monitoring', 'no-pty,command="echo \\"hello\\"; exit 3" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFb8mFoLtGQK5sbJ1Z8kVlJkUd3dS9BqfPHcYg1Sq3Wn Jürgen'];
    await device.addUser('key-read', { authorizedKeys: [...people, read.publicKey], sudoers: readSudoers });
    await device.addUser('key-write', { authorizedKeys: [...people, `restrict ${write.publicKey}`], sudoers: writeSudoers });
    for (const account of ['key-read', 'key-write']) await device.exec('chown', '-R', `${account}:${account}`, `/home/${account}/.ssh`);
    const running = asRunning(device);
    const target = { ...engine.target, settings: { user: 'key-write', sudo: true, readUser: 'key-read' } };
    let writing = new SecretValue('target-write', write.privateKey);
    const openWrite = (): Promise<WriteSession> => provider.openForWrite(target, writeContextFor(running, customer, { fence: 2000, reveal: ({ $secret }) => Promise.resolve($secret === writing.name ? writing : new SecretValue($secret, read.privateKey)) }));
    for (const credential of ['read', 'write'] as const) {
      const old = new SecretValue(`target-${credential}`, credential === 'read' ? read.privateKey : write.privateKey);
      const signIn = async (value: SecretValue): Promise<string> => {
        const open = provider.open({ ...target, settings: { ...target.settings, readUser: `key-${credential}` } }, readContextFor(running, customer, { reveal: () => Promise.resolve(value) }));
        return open.then(async (session) => session.identify().then(({ product }) => product).finally(() => session.close()), (error: unknown) => (isProviderError(error) ? error.code : 'failed'));
      };
      const file = `/home/key-${credential}/.ssh/authorized_keys`;
      const before = (await device.exec('stat', '-c', '%U %a', file)).stdout;
      const session = await openWrite();
      const id = await session.rotation?.identify(old) ?? '';
      const made = await session.rotation?.add(credential, id, 'cafe');
      if (made === undefined) throw new Error('no rotation');
      expect([await signIn(made.value), await signIn(old)]).toEqual(['nftables', 'nftables']);
      await session.close();
      if (credential === 'write') writing = made.value;
      const again = await openWrite();
      await again.rotation?.remove(credential, id, made.id);
      expect((await again.rotation?.list(credential))?.map(({ marker }) => marker)).toEqual([undefined, 'cafe']);
      await again.close();
      expect([await signIn(made.value), await signIn(old)]).toEqual(['nftables', 'auth']);
      const lines = (await device.exec('cat', file)).stdout.trim().split('\n');
      expect(lines).toEqual([...people, expect.stringMatching(credential === 'write' ? /^restrict ssh-ed25519 \S+ soll-rotation-cafe$/ : /^ssh-ed25519 \S+ soll-rotation-cafe$/)]);
      expect((await device.exec('stat', '-c', '%U %a', file)).stdout).toBe(before);
    }

    // The reading account lays a link where root would write.
    const shadow = (await device.exec('cat', '/etc/shadow')).stdout;
    for (const script of ['mv ~/.ssh/authorized_keys ~/.ssh/kept; ln -s /etc/shadow ~/.ssh/authorized_keys', 'rm ~/.ssh/authorized_keys; mv ~/.ssh ~/kept; ln -s /etc ~/.ssh']) {
      await device.exec('runuser', '-u', 'key-read', '--', 'sh', '-c', `HOME=/home/key-read; ${script}`);
      const session = await openWrite();
      await expect(session.rotation?.list('read')).rejects.toMatchObject({ code: 'unsupported' });
      await session.close();
    }
    expect((await device.exec('cat', '/etc/shadow')).stdout).toBe(shadow);
  }, 180_000);
});

describe.skipIf(why !== undefined)('a bastion', () => {
  const jump = makeClientKey();
  let bastion: Device;
  let setup: Setup;
  afterAll(() => stopAll());

  /** The bastion has an account of its own for us; the harness's context knows the two secrets of the target only. */
  const withJump = <T extends ReadContext>(context: T): T => ({ ...context, reveal: (ref) => (ref.$secret.startsWith('jump') ? Promise.resolve(new SecretValue(ref.$secret, jump.privateKey)) : context.reveal(ref)) });

  test('leads to a device that nobody else reaches: read, written under its guard, read again', async () => {
    setup = await setUp();
    bastion = await startDevice({ authorizedKeys: [] });
    await bastion.addUser('jump', { authorizedKeys: [jump.publicKey] });
    const { there } = await bastion.linkTo(setup.device);
    const via: JsonObject = { address: bastion.host, user: 'jump', identity: [`ssh:${bastion.hostKeyPin}`], credentials: { read: { $secret: 'jump-read' }, write: { $secret: 'jump-write' } } };
    const { provider } = setup;
    const jumping = { ...provider, open: (...[target, context]: Parameters<typeof provider.open>) => provider.open(target, withJump(context)), openForWrite: (...[target, context]: Parameters<typeof provider.openForWrite>) => provider.openForWrite(target, withJump(context)) };
    const engine = makeEngine(jumping, asRunning(setup.device, { address: there, settings: { via } }), simulator.conformance);
    const managed = usual.map((each) => (each.kind === 'zone' && each.name === 'wan' ? zone('wan', 'mgmt') : each));
    await converge(engine, managed);
    expect(await table(setup.device)).toContain('"mgmt"');
    // From here nothing but the bastion is a way in: the zone of eth0 is gone.
    const direct = await provider.open({ ...engine.target, address: setup.device.host, settings: {} }, readContextFor(asRunning(setup.device), customer)).catch((error: unknown) => error);
    expect(direct).toMatchObject({ code: 'unreachable' });
  }, 120_000);
});
