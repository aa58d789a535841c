/** SSH keys as values: made from given randomness, and known by the fingerprint of their public half. */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import ssh2 from 'ssh2';
import { ProviderError, type HostKeyPin, type SecretValue } from '#contract';

export interface SshPublicKey {
  readonly type: string;
  /** Wire form (RFC 4253, 6.6): what authorized_keys holds in base64. */
  readonly blob: Buffer;
}

/** `SHA256:…`, as `ssh-keygen -lf` prints it. */
export function fingerprintOf(blob: Uint8Array): HostKeyPin {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The public half of a private key. Throws ProviderError `unsupported` for what is no private key without passphrase. */
export function publicKeyOf(privateKey: SecretValue): SshPublicKey {
  const parsed = ssh2.utils.parseKey(privateKey.expose());
  if (parsed instanceof Error || !parsed.isPrivateKey()) throw new ProviderError('unsupported', `${privateKey.name} is not a private key that can be read`, { hint: 'an OpenSSH or PEM key without passphrase is needed' });
  return { type: parsed.type, blob: parsed.getPublicSSH() };
}

function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** PKCS #8 of an Ed25519 seed (RFC 8410, 7): everything before the 32 bytes. */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Ed25519 in OpenSSH's own form ("openssh-key-v1", PROTOCOL.key of OpenSSH), without passphrase. */
export function makeSshKey(randomBytes: (size: number) => Uint8Array, comment: string): SshPublicKey & { readonly privateKey: string } {
  const type = 'ssh-ed25519';
  const seed = Buffer.from(randomBytes(32));
  const spki = createPublicKey(createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' })).export({ format: 'der', type: 'spki' });
  const point = spki.subarray(spki.length - 32);
  const blob = Buffer.concat([text(type), text(point)]);
  const check = Buffer.from(randomBytes(4));
  const secret = Buffer.concat([check, check, text(type), text(point), text(Buffer.concat([seed, point])), text(comment)]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const whole = Buffer.concat([Buffer.from('openssh-key-v1\0'), text('none'), text('none'), text(''), Buffer.from([0, 0, 0, 1]), text(blob), text(Buffer.concat([secret, padding]))]);
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? [];
  return { type, blob, privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n` };
}
