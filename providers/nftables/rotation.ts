/** Keys of our two accounts in authorized_keys: a new one is added beside the present, everybody else's stays as it is, byte for byte. */
import { createHash } from 'node:crypto';
import { ProviderError, SecretValue, type CredentialName, type Rotation, type SshConnection, type Target, type WriteContext } from '#contract';
import { isObject } from '#core/canonical';
import { fingerprintOf, makeSshKey, publicKeyOf } from '#transport/ssh-key';
import { sshUser } from '#transport/ssh-options';
import { keysIn, withKey, withoutKey, type KeyLine } from './authorized-keys.ts';
import { keysScript } from './keys-script.ts';

const comment = 'soll-rotation-';

const errors: Readonly<Record<number, readonly [ProviderError['code'], string]>> = {
  71: ['unsupported', 'install what is missing; see the provider\'s README'], 77: ['protocol', 'try again'], 84: ['conflict', 'try again'], 85: ['rejected', 'is the disk full or read-only?'],
  87: ['rejected', 'user and readUser under settings name the accounts'], 88: ['unsupported', 'soll renews keys in ~/.ssh/authorized_keys only, where sshd looks for them by default'], 89: ['conflict', 'somebody else is changing it: try again'],
};

export function makeRotation(target: Target, connection: SshConnection, sudo: boolean, context: WriteContext): Rotation {
  const run = async (argv: readonly [string, ...string[]], effect: 'read' | 'write', stdin?: string): Promise<string> => {
    const { code, stdout, stderr } = await connection.runScript(keysScript, argv, { sudo, effect, ...(stdin === undefined ? {} : { stdin }) });
    if (code === 0) return stdout;
    const [kind, hint] = errors[code] ?? [/a password is required|not allowed|permission denied/i.test(stderr) ? 'auth' : 'protocol', 'root, or sudo without password; see the provider\'s README'];
    throw new ProviderError(kind, stderr.trim().split('\n').at(-1)?.replace(/^.*soll: /, '').slice(0, 300) ?? `the script ended with ${String(code)}`, { hint });
  };
  const read = async (credential: CredentialName): Promise<Buffer> => {
    refuseShared(target);
    return Buffer.from(await run(['read', sshUser(target, credential, 'root')], 'read'), 'base64');
  };
  const write = async (credential: CredentialName, before: Buffer, after: Buffer): Promise<void> => {
    context.assertLease(30_000);
    await run(['write', sshUser(target, credential, 'root'), sha256(before), sha256(after)], 'write', after.toString('base64'));
  };
  return {
    identify: async (value) => Promise.resolve(fingerprintOf(publicKeyOf(value).blob)),
    place: (credential) => `~/.ssh/authorized_keys of ${sshUser(target, credential, 'root')}`,
    async list(credential) {
      return keysIn(await read(credential)).map((key) => ({ id: idOf(key), ...(key.comment.startsWith(comment) ? { marker: key.comment.slice(comment.length) } : {}) }));
    },
    async add(credential, like, marker) {
      const before = await read(credential);
      const line = keysIn(before).find((key) => idOf(key) === like);
      if (line === undefined) throw new ProviderError('conflict', `the present key ${like} is not in ~/.ssh/authorized_keys of ${sshUser(target, credential, 'root')}`);
      const { privateKey, type, blob } = makeSshKey((size) => context.randomBytes(size), `soll ${target.customer}/${target.name} ${credential}`);
      await write(credential, before, withKey(before, { type, blob: blob.toString('base64'), comment: comment + marker }, line));
      return { id: fingerprintOf(blob), value: new SecretValue(target.credentials[credential].$secret, privateKey) };
    },
    async remove(credential, id, keep) {
      const before = await read(credential);
      const keys = keysIn(before);
      if (!keys.some((key) => idOf(key) === keep)) throw new ProviderError('conflict', `the key ${keep} is not in ~/.ssh/authorized_keys of ${sshUser(target, credential, 'root')}, so the other one stays`);
      const gone = keys.find((key) => idOf(key) === id);
      if (gone !== undefined) await write(credential, before, withoutKey(before, gone.blob));
    },
  };
}

function idOf({ blob }: KeyLine): string {
  return fingerprintOf(Buffer.from(blob, 'base64'));
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The bastion would still know the old key only, and nobody would get through it any more. */
function refuseShared({ settings }: Target): void {
  if (isObject(settings['via']) && settings['via']['credentials'] === undefined) throw new ProviderError('unsupported', 'the bastion is signed in to with the same keys, and soll does not renew them there', { hint: 'give it keys of its own first: settings.via.credentials in targets.yaml' });
}
