/** SSH signatures (PROTOCOL.sshsig of OpenSSH) through ssh-keygen: arguments as a list, nothing through a shell, keys never read by us. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '#core/sha256';
import { withoutSecrets } from '#core/without-secrets';

/** A signature made for another purpose (a Git commit, a file) is none of ours. */
export const signatureNamespace = 'soll-approval';

/** ssh-keygen is not there or did not do it. */
export class SignatureError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'SignatureError';
    this.hint = hint;
  }
}

/** `key`: a private key, or the public half of a key that the agent or a security key holds. */
export async function signText(key: string, text: string): Promise<string> {
  const { code, stdout, stderr } = await keygen(['-Y', 'sign', '-n', signatureNamespace, '-f', key], text);
  if (code !== 0 || !stdout.includes('BEGIN SSH SIGNATURE')) throw new SignatureError(`ssh-keygen did not sign with ${key}: ${lastLine(stderr)}`, 'name a private key, or the .pub file of a key in the agent, with --key');
  return stdout;
}

/** Key that the signature names, as `type base64`; `undefined` when it is not an SSH signature. Says nothing yet about whether it is genuine. */
export function keyOfSignature(signature: string): string | undefined {
  const match = /^-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]{1,20000})\n-----END SSH SIGNATURE-----\n?$/.exec(signature.replaceAll('\r\n', '\n'));
  if (match?.[1] === undefined) return undefined;
  const blob = Buffer.from(match[1].replaceAll('\n', ''), 'base64');
  if (blob.subarray(0, 6).toString('latin1') !== 'SSHSIG' || blob.length < 14 || blob.readUInt32BE(6) !== 1) return undefined;
  const key = field(blob, 10);
  const type = key === undefined ? undefined : field(key, 0)?.toString('latin1');
  return key === undefined || type === undefined || !/^[a-z0-9@.-]{1,64}$/.test(type) ? undefined : `${type} ${key.toString('base64')}`;
}

function field(blob: Buffer, at: number): Buffer | undefined {
  if (at + 4 > blob.length) return undefined;
  const end = at + 4 + blob.readUInt32BE(at);
  return end > blob.length ? undefined : blob.subarray(at + 4, end);
}

/**
 * The key that has signed exactly these bytes for our purpose; `undefined` when nobody provably has. Whose key it is, and whether it counts at
 * that time, is decided by the policy and not by a name or date in a file: dates in allowed signers mean local time before OpenSSH 9.1.
 */
export function proveSignature(text: string, signature: string): Promise<string | undefined> {
  const about = sha256(JSON.stringify([text, signature]));
  const known = proven.get(about);
  if (known !== undefined) return known;
  const asked = askKeygen(text, signature);
  proven.set(about, asked);
  // That it could not be asked is no answer.
  asked.catch(() => proven.delete(about));
  return asked;
}

/** The same bytes prove the same for ever, and one signature may stand with hundreds of customers. */
const proven = new Map<string, Promise<string | undefined>>();

async function askKeygen(text: string, signature: string): Promise<string | undefined> {
  const key = keyOfSignature(signature);
  if (key === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'soll-signers-'));
  try {
    const [signers, file] = [join(folder, 'allowed'), join(folder, 'signature')];
    await writeFile(signers, `approver namespaces="${signatureNamespace}" ${key}\n`, { mode: 0o600 });
    await writeFile(file, signature, { mode: 0o600 });
    const { code } = await keygen(['-Y', 'verify', '-n', signatureNamespace, '-f', signers, '-I', 'approver', '-s', file], text);
    return code === 0 ? key : undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `type base64` of a key file, whether it is the private or the public half. What a .pub file beside it claims is proven by the signature later. */
export async function publicKeyOf(file: string): Promise<string> {
  for (const path of file.endsWith('.pub') ? [file] : [`${file}.pub`]) {
    const match = /^([a-z0-9@.-]{1,64} [A-Za-z0-9+/]+={0,3})(\s|$)/.exec(await readFile(path, 'utf8').catch(() => ''));
    if (match?.[1] !== undefined) return match[1];
  }
  const { code, stdout, stderr } = await keygen(['-y', '-f', file], '');
  if (code !== 0) throw new SignatureError(`${file} is no key that ssh-keygen can read: ${lastLine(stderr)}`, 'name a key with --key; ssh-keygen -t ed25519 makes one');
  return stdout.trim().split(' ').slice(0, 2).join(' ');
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function keygen(args: readonly string[], stdin: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // Long enough for somebody to type a passphrase or touch a key.
    const child = spawn('ssh-keygen', [...args], { env: { ...withoutSecrets(process.env), LC_ALL: 'C' }, stdio: ['pipe', 'pipe', 'pipe'], timeout: 120_000 });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => { stdout += chunk; });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => { stderr += chunk; });
    child.on('error', (error) => { reject(new SignatureError(`ssh-keygen cannot be started: ${error.message}`, 'signatures need OpenSSH 8.2 or newer; install openssh-client')); });
    child.on('close', (code) => { resolve({ code: code ?? 1, stdout, stderr }); });
    child.stdin.on('error', () => undefined).end(stdin);
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
