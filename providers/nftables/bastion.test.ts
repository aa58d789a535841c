/** Two SSH servers: the device answers only through the bastion, and each hop proves who it is and asks for its own credential. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SecretValue, type JsonObject, type ReadContext, type SecretRef, type Target } from '#contract';
import { makeClientKey, makeHostKey, pinOf, publicBlob, startSshServer, type SshServer } from '#testkit/ssh-server';
import type { RunningSimulator } from '#testkit/simulator';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { provider } from './index.ts';
import { ownKinds } from './limits.ts';
import { simulator } from './simulator.ts';

const hostKey = makeHostKey().privateKey;
const keys: Readonly<Record<string, string>> = { 'jump-read': makeClientKey().privateKey, 'jump-write': makeClientKey().privateKey };
let device: RunningSimulator;
let bastion: SshServer;
let through: string[] = [];

beforeAll(async () => {
  device = await simulator.start({ customer: 'c', target: 't' });
  const accounts: Readonly<Record<string, readonly string[]>> = { jump: Object.values(keys), shared: Object.values(device.credentials) };
  bastion = await startSshServer({
    hostKey, exec: () => Promise.resolve(1),
    allow: (user, { publicKey }) => publicKey !== undefined && (accounts[user] ?? []).some((key) => publicBlob(key).equals(publicKey)),
    forward: (_host, port, user) => {
      through.push(user);
      return port === device.port;
    },
  });
});
afterAll(async () => {
  await bastion.close();
  await device.stop();
});

const via = (more: JsonObject = {}): JsonObject => ({ address: `127.0.0.1:${String(bastion.port)}`, user: 'jump', identity: [`ssh:${pinOf(hostKey)}`], credentials: { read: { $secret: 'jump-read' }, write: { $secret: 'jump-write' } }, ...more });
const target = (settings: JsonObject, more: Partial<Target> = {}): Target => ({
  customer: 'c', name: 't', provider: 'nftables', address: `127.0.0.1:${String(device.port)}`, identity: device.identity, credentials: { read: { $secret: 'fw-read' }, write: { $secret: 'fw-write' } },
  manages: Object.fromEntries(ownKinds.map((kind) => [kind, 'exclusive'])), settings, ...more,
});

/** Also knows the bastion's keys; tells which secrets were asked for. */
function withJump<T extends ReadContext>(context: T, asked: string[]): T {
  const reveal = (ref: SecretRef): Promise<SecretValue> => {
    asked.push(ref.$secret);
    const own = keys[ref.$secret];
    return own === undefined ? context.reveal(ref) : Promise.resolve(new SecretValue(ref.$secret, own));
  };
  return { ...context, reveal };
}

describe('a bastion', () => {
  it('is passed on the way to reading and writing, each with its own credential', async () => {
    through = [];
    const reading: string[] = [];
    const read = await provider.open(target({ via: via() }), withJump(readContextFor(device, 'c'), reading));
    expect(await read.read(ownKinds)).toEqual([]);
    await read.close();
    const writing: string[] = [];
    const write = await provider.openForWrite(target({ via: via() }), withJump(writeContextFor(device, 'c'), writing));
    expect(await write.guard?.state('a1')).toBe('absent');
    await write.close();
    expect([reading.sort(), writing.sort(), through]).toEqual([['fw-read', 'jump-read'], ['fw-write', 'jump-write'], ['jump', 'jump']]);
    await expect.poll(() => bastion.connections).toBe(0);
  });

  it('takes the credential of the target where it has none of its own', async () => {
    const asked: string[] = [];
    const { credentials: _credentials, ...without } = via({ user: 'shared' });
    const read = await provider.open(target({ via: without }), withJump(readContextFor(device, 'c'), asked));
    expect((await read.identify()).pin).toBe(device.identity[0]);
    await read.close();
    expect(new Set(asked)).toEqual(new Set(['fw-read']));
  });

  it.each<{ because: string; settings: () => JsonObject; more?: () => Partial<Target>; code: string }>([
    { because: 'the bastion shows another key', settings: () => ({ via: via({ identity: [`ssh:SHA256:${'A'.repeat(43)}`] }) }), code: 'identity' },
    { because: 'the device behind it shows another key', settings: () => ({ via: via() }), more: () => ({ identity: [`ssh:SHA256:${'A'.repeat(43)}`] }), code: 'identity' },
    { because: 'the bastion has no pin', settings: () => ({ via: via({ identity: [] }) }), code: 'identity' },
    { because: 'the bastion does not know the account', settings: () => ({ via: via({ user: 'nobody' }) }), code: 'auth' },
    { because: 'the bastion does not let us through', settings: () => ({ via: via() }), more: () => ({ address: '127.0.0.1:9' }), code: 'unreachable' },
    { because: 'the bastion is not there', settings: () => ({ via: via({ address: '127.0.0.1:9' }) }), code: 'unreachable' },
  ])('stops the session when $because', async ({ settings, more, code }) => {
    await expect(provider.open(target(settings(), more?.()), withJump(readContextFor(device, 'c'), []))).rejects.toMatchObject({ code });
    await expect.poll(() => bastion.connections).toBe(0);
  });
});
