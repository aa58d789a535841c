import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { beforeAll, describe, expect, test } from 'vitest';
import { editSecrets } from '../../src/secrets/edit-secrets.ts';
import { encryptFor } from '../../src/secrets/encrypt-for.ts';
import { makeRedactor } from '../../src/secrets/make-redactor.ts';
import { openSecrets } from '../../src/secrets/open-secrets.ts';
import { setSecret } from '../../src/secrets/set-secret.ts';

let readKey: string, writeKey: string, readRecipient: string, writeRecipient: string;
beforeAll(async () => {
  readKey = await generateIdentity();
  writeKey = await generateIdentity();
  readRecipient = await identityToRecipient(readKey);
  writeRecipient = await identityToRecipient(writeKey);
});

const value = 'pa55-wörd: "mit" Zeichen\nzweite Zeile';

async function fileWith(entries: Record<string, string>): Promise<string> {
  let text: string | undefined;
  for (const [name, secret] of Object.entries(entries)) text = await setSecret({ text, recipients: [readRecipient], key: readKey, name, value: secret });
  return text ?? '';
}

function open(files: Record<string, string>, env: Record<string, string>, scope: 'read' | 'write' = 'read'): ReturnType<typeof openSecrets> {
  return openSecrets({ customer: 'bau-keller', scope, env, redactor: { add: () => undefined }, readFile: (path) => Promise.resolve(files[path]) });
}

const readFile = 'customers/bau-keller/secrets.read.yaml';
const writeFile = 'customers/bau-keller/secrets.write.yaml';

describe('SOPS files', () => {
  test('a value set is the value revealed, and the file does not show it', async () => {
    const text = await fileWith({ 'fw-read': value, other: 'x1234' });
    expect(text).not.toContain('pa55');
    const secrets = await open({ [readFile]: text }, { SOLL_AGE_KEY: readKey });
    expect((await secrets.reveal({ $secret: 'fw-read' })).expose()).toBe(value);
  });

  test('setting one value leaves the other ciphertexts as they are', async () => {
    const before = await fileWith({ a: 'first', b: 'second' });
    const after = await setSecret({ text: before, recipients: [], key: readKey, name: 'b', value: 'third' });
    const lineOf = (text: string, name: string): string | undefined => text.split('\n').find((line) => line.startsWith(`${name}:`));
    expect(lineOf(after, 'a')).toBe(lineOf(before, 'a'));
    expect(lineOf(after, 'b')).not.toBe(lineOf(before, 'b'));
  });

  test.each([
    { because: 'a value was removed', tamper: (text: string) => text.split('\n').filter((line) => !line.startsWith('b:')).join('\n') },
    { because: 'two values were exchanged', tamper: (text: string) => text.replace(/^a:(.*)\nb:(.*)$/m, 'a:$2\nb:$1') },
    { because: 'a plain value was injected', tamper: (text: string) => `injected: plain\n${text}` },
    { because: 'the MAC is gone', tamper: (text: string) => text.replace(/^ +mac: .*$/m, '') },
    { because: 'the time was changed', tamper: (text: string) => text.replace(/lastmodified: ".*"/, 'lastmodified: "2020-01-01T00:00:00Z"') },
    { because: 'the MAC must cover everything', tamper: (text: string) => text.replace('    unencrypted_suffix:', '    mac_only_encrypted: true\n    unencrypted_suffix:') },
  ])('is refused: $because', async ({ tamper }) => {
    const text = await fileWith({ a: 'first-value', b: 'second-value' });
    const tampered = tamper(text);
    expect(tampered).not.toBe(text);
    const secrets = await open({ [readFile]: tampered }, { SOLL_AGE_KEY: readKey });
    await expect(secrets.reveal({ $secret: 'a' })).rejects.toMatchObject({ code: 'auth' });
  });

  test('planning cannot open the write file, not even with the read key given as the write key', async () => {
    const text = await setSecret({ text: undefined, recipients: [writeRecipient], key: undefined, name: 'fw-write', value });
    const reading = await open({ [writeFile]: text }, { SOLL_AGE_KEY: readKey, SOLL_AGE_KEY_WRITE: writeKey });
    await expect(reading.reveal({ $secret: 'fw-write' })).rejects.toMatchObject({ code: 'auth' });
    const wrongKey = await open({ [writeFile]: text }, { SOLL_AGE_KEY_WRITE: readKey }, 'write');
    await expect(wrongKey.reveal({ $secret: 'fw-write' })).rejects.toThrow(/recipients/);
    const writing = await open({ [writeFile]: text }, { SOLL_AGE_KEY_WRITE: writeKey }, 'write');
    expect((await writing.reveal({ $secret: 'fw-write' })).expose()).toBe(value);
  });

  test('editing shows plain text and keeps untouched bytes', async () => {
    const before = await fileWith({ a: 'first', b: value });
    const after = await editSecrets({ text: before, key: readKey, edit: (plain) => {
      expect(plain).toContain('first');
      return Promise.resolve(`${plain.replace('first', 'changed')}c: 7\n`);
    } });
    const secrets = await open({ [readFile]: after }, { SOLL_AGE_KEY: readKey });
    expect((await secrets.reveal({ $secret: 'a' })).expose()).toBe('changed');
    expect((await secrets.reveal({ $secret: 'b' })).expose()).toBe(value);
    expect((await secrets.reveal({ $secret: 'c' })).expose()).toBe('7');
    expect(after.split('\n').find((line) => line.startsWith('b:'))).toBe(before.split('\n').find((line) => line.startsWith('b:')));
    expect(await editSecrets({ text: after, key: readKey, edit: (plain) => Promise.resolve(plain) })).toBe(after);
  });

  test('a file written by hand from the format description is read', async () => {
    // Independent of the code under test: cipher, path, MAC and wrapping as the format says, with node:crypto only.
    const { createCipheriv, createHash, randomBytes } = await import('node:crypto');
    const { armor, Encrypter } = await import('age-encryption');
    const dataKey = randomBytes(32);
    const seal = (plain: string, aad: string, type = 'str'): string => {
      const iv = randomBytes(32);
      const cipher = createCipheriv('aes-256-gcm', dataKey, iv).setAAD(Buffer.from(aad));
      const data = Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64');
      return `ENC[AES256_GCM,data:${data},iv:${iv.toString('base64')},tag:${cipher.getAuthTag().toString('base64')},type:${type}]`;
    };
    const encrypter = new Encrypter();
    encrypter.addRecipient(readRecipient);
    const wrapped = armor.encode(await encrypter.encrypt(dataKey)).trimEnd().split('\n').map((line) => `            ${line}`).join('\n');
    const at = '2026-01-02T03:04:05Z';
    const mac = createHash('sha512').update('secret-1').update('42').update('True').update('in-list').update('shown').digest('hex').toUpperCase();
    const text = [
      `name: ${seal('secret-1', 'name:')}`, `number: ${seal('42', 'number:', 'int')}`, 'nested:', `    flag: ${seal('True', 'nested:flag:', 'bool')}`, '    list:', `        - ${seal('in-list', 'nested:list:')}`,
      'note_unencrypted: shown', 'sops:', '    age:', `        - recipient: ${readRecipient}`, '          enc: |', wrapped, `    lastmodified: "${at}"`, `    mac: ${seal(mac, at)}`, '    unencrypted_suffix: _unencrypted', '    version: 3.9.4', '',
    ].join('\n');
    const secrets = await open({ [readFile]: text }, { SOLL_AGE_KEY: readKey });
    expect((await secrets.reveal({ $secret: 'name' })).expose()).toBe('secret-1');
  });
});

describe('environment', () => {
  test('a variable stands in for the file, per scope', async () => {
    const env = { SOLL_SECRET_BAU_KELLER_FW_READ: 'from-env', SOLL_SECRET_WRITE_BAU_KELLER_FW_WRITE: 'write-env' };
    expect((await (await open({}, env)).reveal({ $secret: 'fw-read' })).expose()).toBe('from-env');
    await expect((await open({}, env)).reveal({ $secret: 'fw-write' })).rejects.toMatchObject({ code: 'auth' });
    expect((await (await open({}, env, 'write')).reveal({ $secret: 'fw-write' })).expose()).toBe('write-env');
  });

  test('what is missing is told with both ways out', async () => {
    await expect((await open({}, {})).reveal({ $secret: 'fw-read' })).rejects.toMatchObject({ hint: expect.stringMatching(/SOLL_SECRET_BAU_KELLER_FW_READ.*soll secret set bau-keller fw-read/) as string });
  });
});

test('redaction finds a value in every spelling', () => {
  const redactor = makeRedactor();
  const secret = 'Geheim/"42" ä';
  redactor.add(secret);
  for (const text of [secret, JSON.stringify({ secret }), encodeURIComponent(secret), Buffer.from(secret).toString('base64')]) {
    const clean = redactor.redact(`before ${text} after`);
    expect(clean).toContain('***');
    expect(clean).not.toContain(text.slice(0, 12));
  }
});

const hasAge = (() => { try { execFileSync('age', ['--version'], { stdio: 'ignore' }); return true; } catch { return false; } })();
test.skipIf(!hasAge)('the age command of Debian opens a handover text (skipped without age)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'soll-age-'));
  try {
    writeFileSync(join(folder, 'key'), `${readKey}\n`, { mode: 0o600 });
    const armored = await encryptFor([readRecipient], 'start-password');
    expect(execFileSync('age', ['-d', '-i', join(folder, 'key')], { input: armored }).toString()).toBe('start-password');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
