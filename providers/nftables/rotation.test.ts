/** Keys of an account are renewed, and nobody else's line moves by a byte. */
import { readFile, rm, mkdtemp, symlink, writeFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SecretValue, type CredentialName, type Rotation, type SshConnection, type Target, type WriteSession } from '#contract';
import type { RunningSimulator } from '#testkit/simulator';
import { readContextFor, writeContextFor } from '#testkit/test-context';
import { keysIn, parseLine, withKey, withoutKey } from './authorized-keys.ts';
import { provider } from './index.ts';
import { makeRotation } from './rotation.ts';
import { simulator } from './simulator.ts';

const blob = 'AAAAC3NzaC1lZDI1NTE5AAAAIHVudGVyIGFsbGVuIFdpcGZlbG4gaXN0IFJ1aCwgbWVpbg==';

describe('a line of authorized_keys', () => {
  test.each([
    { because: 'a bare key', line: `ssh-ed25519 ${blob}`, key: { options: '', comment: '' } },
    { because: 'a comment of several words', line: `ssh-rsa ${blob} Mia at home`, key: { options: '', comment: 'Mia at home' } },
    { because: 'restrictions', line: `restrict,port-forwarding ssh-ed25519 ${blob} x`, key: { options: 'restrict,port-forwarding', comment: 'x' } },
    { because: 'blanks, a quote and the name of a key type inside of quotes', line: `command="echo \\" ssh-rsa ${blob}",from="a b" ssh-ed25519 ${blob} x`, key: { options: `command="echo \\" ssh-rsa ${blob}",from="a b"`, comment: 'x' } },
    { because: 'a tab, blanks before it, a carriage return', line: `  sk-ssh-ed25519@openssh.com\t${blob}  x\r`, key: { options: '', comment: 'x' } },
    { because: 'a line that somebody has put out of use', line: `# ssh-ed25519 ${blob} x` },
    { because: 'nothing', line: '' },
    { because: 'a key without its key', line: 'ssh-ed25519' },
    { because: 'a quote that never ends', line: `command="x ssh-ed25519 ${blob}` },
  ])('$because', ({ line, key }) => {
    expect(parseLine(line)).toEqual(key === undefined ? undefined : expect.objectContaining(key));
  });

  test('others keep their bytes, whatever they are', () => {
    const other = Buffer.concat([Buffer.from(`# first\nssh-ed25519 ${blob} `), Buffer.from([0xff, 0xfe, 0x80, 0x0d])]);
    const key = { type: 'ssh-ed25519', blob: `${blob.slice(0, -4)}aA==`, comment: 'new' };
    const [like] = keysIn(other);
    if (like === undefined) throw new Error('no key');
    const more = withKey(other, key, { ...like, options: 'restrict' });
    expect(more.subarray(0, other.length).equals(other)).toBe(true);
    expect(more.subarray(other.length).toString()).toBe(`\nrestrict ssh-ed25519 ${key.blob} new\n`);
    expect(withoutKey(more, key.blob).toString('latin1')).toBe(`${other.toString('latin1')}\n`);
    expect(withoutKey(more, blob).toString('latin1')).toBe(`# first\nrestrict ssh-ed25519 ${key.blob} new\n`);
  });
});

describe('on a device', () => {
  let folder: string;
  let running: RunningSimulator;
  let target: Target;
  let session: WriteSession;
  const file = (): string => join(folder, 'root', 'root', '.ssh', 'authorized_keys');
  const rotation = (): Rotation => {
    if (session.rotation === undefined) throw new Error('no rotation');
    return session.rotation;
  };
  const lines = async (): Promise<readonly string[]> => (await readFile(file(), 'latin1')).split('\n').filter((line) => line !== '');
  const own = (credential: CredentialName): Promise<string> => rotation().identify(new SecretValue('k', running.credentials[credential]));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'soll-keys-'));
    running = await simulator.start({ customer: 'c', target: 't', folder });
    target = { customer: 'c', name: 't', provider: 'nftables', address: `${running.host}:${String(running.port)}`, identity: running.identity, credentials: { read: { $secret: 't-read' }, write: { $secret: 't-write' } }, manages: {}, settings: {} };
    session = await provider.openForWrite(target, writeContextFor(running, 'c'));
  });
  afterEach(async () => {
    await session.close();
    await running.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(['read', 'write'] as const)('the %s key: added with the same restrictions, signs in, the old one goes, nobody else is touched', async (credential) => {
    const before = await lines();
    const old = await own(credential);
    const made = await rotation().add(credential, old, 'cafe01');
    expect(await rotation().identify(made.value)).toBe(made.id);
    expect((await rotation().list(credential)).filter(({ marker }) => marker === 'cafe01')).toEqual([{ id: made.id, marker: 'cafe01' }]);
    const added = (await lines()).filter((line) => !before.includes(line));
    expect(added).toEqual([expect.stringMatching(credential === 'write' ? /^restrict ssh-ed25519 \S+ soll-rotation-cafe01$/ : /^ssh-ed25519 \S+ soll-rotation-cafe01$/)]);
    for (const value of [made.value, new SecretValue('k', running.credentials[credential])]) {
      const again = await provider.open(target, readContextFor(running, 'c', { reveal: () => Promise.resolve(value) }));
      expect(await again.identify()).toMatchObject({ pin: running.identity[0] });
      await again.close();
    }
    await rotation().remove(credential, old, made.id);
    await rotation().remove(credential, old, made.id);
    const after = await lines();
    expect(before.filter((line) => !after.includes(line))).toHaveLength(1);
    expect(after.filter((line) => !before.includes(line))).toEqual(added);
    await expect(provider.open(target, readContextFor(running, 'c', { reveal: () => Promise.resolve(new SecretValue('k', running.credentials[credential])) }))).rejects.toMatchObject({ code: 'auth' });
    expect(await session.rotation?.list(credential)).toHaveLength(before.filter((line) => !line.startsWith('#')).length);
  });

  test('nothing is removed unless the other one is there', async () => {
    const before = await readFile(file());
    await expect(rotation().remove('read', await own('read'), 'SHA256:nobody')).rejects.toMatchObject({ code: 'conflict' });
    await expect(rotation().add('read', 'SHA256:nobody', 'cafe02')).rejects.toMatchObject({ code: 'conflict' });
    expect((await readFile(file())).equals(before)).toBe(true);
  });

  test('a change by somebody else between reading and writing is not lost', async () => {
    const connection = (session as unknown as { connection: { runScript: (...args: readonly unknown[]) => Promise<unknown> } }).connection;
    const run = connection.runScript.bind(connection);
    connection.runScript = async (...args) => {
      if ((args[1] as readonly string[])[0] === 'write') await writeFile(file(), `${await readFile(file(), 'latin1')}\nssh-ed25519 ${blob} quick\n`, 'latin1');
      return run(...args);
    };
    await expect(rotation().add('read', await own('read'), 'cafe03')).rejects.toMatchObject({ code: 'conflict' });
    expect((await lines()).filter((line) => line.endsWith(' quick') || line.includes('cafe03'))).toEqual([`ssh-ed25519 ${blob} quick`]);
  });

  test('a link in place of the file is not followed; an account that is not there, a bastion with the same keys and a password are refused', async () => {
    await rename(file(), `${file()}.away`);
    await symlink(`${file()}.away`, file());
    await expect(rotation().list('read')).rejects.toMatchObject({ code: 'unsupported' });
    await rename(`${file()}.away`, file());
    const other = await provider.openForWrite({ ...target, settings: { readUser: 'nobody-here' } }, writeContextFor(running, 'c'));
    await expect(other.rotation?.list('read')).rejects.toMatchObject({ code: 'rejected', message: expect.stringContaining('no account nobody-here') as string });
    await other.close();
    await expect(rotation().identify(new SecretValue('t-read', 'hunter22'))).rejects.toMatchObject({ code: 'unsupported', message: expect.not.stringContaining('hunter') as string });
    // The same keys on a bastion: nothing is asked of the device either.
    const behind = makeRotation({ ...target, settings: { via: { address: '192.0.2.1', identity: [] } } }, {} as SshConnection, false, writeContextFor(running, 'c'));
    await expect(behind.list('read')).rejects.toMatchObject({ code: 'unsupported', hint: expect.stringContaining('settings.via.credentials') as string });
  });
});
