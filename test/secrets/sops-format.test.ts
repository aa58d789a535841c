/** What the real sops may have written, what somebody may have done to it, and what the real age says to ours. */
import { createDecipheriv, createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { editSecrets } from '../../src/secrets/edit-secrets.ts';
import { openSecrets } from '../../src/secrets/open-secrets.ts';
import { setSecret } from '../../src/secrets/set-secret.ts';
import { writeSops, type SopsFile } from './write-sops.ts';

let key: string, recipient: string, otherKey: string, otherRecipient: string;
beforeAll(async () => {
  [key, otherKey] = await Promise.all([generateIdentity(), generateIdentity()]);
  [recipient, otherRecipient] = await Promise.all([identityToRecipient(key), identityToRecipient(otherKey)]);
});

async function reveal(text: string, name: string, identity = key): Promise<string> {
  const secrets = await openSecrets({ customer: 'acme', scope: 'read', env: { SOLL_AGE_KEY: identity }, redactor: { add: () => undefined }, readFile: () => Promise.resolve(text) });
  return (await secrets.reveal({ $secret: name })).expose();
}

const values = { first: 'value-one', second: 'value two: "quoted"\nand more\n', number: 42, ratio: 0.0000001, flag: true, nothing: null, empty: '', nested: { deep: 'below', list: ['item-a', 'item-b'] }, last: 'ünï – 木' };

describe('files of the real sops', () => {
  it.each<{ because: string; file: Omit<SopsFile, 'recipients' | 'values'> }>([
    { because: 'plain', file: {} },
    { because: 'with an encrypted comment', file: { comment: 'who may know this' } },
    { because: 'with a rule by regular expression', file: { rules: ['encrypted_regex: ^(first|nested)$'], encrypted: ([top]) => top === 'first' || top === 'nested' } },
    { because: 'with a rule by suffix', file: { rules: ['encrypted_suffix: st'], encrypted: (path) => path.some((part) => part.endsWith('st')) } },
    { because: 'with the reverse rule', file: { rules: ['unencrypted_regex: ^number$'], encrypted: ([top]) => top !== 'number' } },
  ])('$because: every kind of value, in order, under the MAC', async ({ file }) => {
    const text = await writeSops({ values, recipients: [otherRecipient, recipient], ...file });
    expect(await reveal(text, 'first')).toBe('value-one');
    expect(await reveal(text, 'second')).toBe(values.second);
    expect(await reveal(text, 'number')).toBe('42');
    expect(await reveal(text, 'last')).toBe(values.last);
    expect(await reveal(text, 'first', otherKey)).toBe('value-one');
  });

  it('nothing, an empty value and what is not one text are no secrets', async () => {
    const text = await writeSops({ values, recipients: [recipient] });
    for (const name of ['nothing', 'empty', 'nested', 'list', 'sops']) await expect(reveal(text, name)).rejects.toMatchObject({ code: 'auth' });
    await expect(reveal(await writeSops({ values: { list: ['a-secret', 'b-secret'] }, recipients: [recipient] }), 'list')).rejects.toMatchObject({ code: 'auth' });
  });

  it.each([
    { because: 'a MAC over encrypted values only', says: /mac_only_encrypted/, make: () => writeSops({ values: { a: 'one' }, recipients: [recipient], macOnlyEncrypted: true }) },
    { because: 'the same in quotes, which sops reads alike', says: /mac_only_encrypted/, make: async () => (await writeSops({ values: { a: 'one' }, recipients: [recipient], macOnlyEncrypted: true })).replace('mac_only_encrypted: true', 'mac_only_encrypted: "true"') },
    { because: 'key groups', says: /key groups/, make: async () => (await writeSops({ values: { a: 'one' }, recipients: [recipient] })).replace('    kms: []', '    shamir_threshold: 2\n    key_groups:\n        - hc_vault: []\n        - age: []') },
    { because: 'no age recipient', says: /age recipient/, make: async () => (await writeSops({ values: { a: 'one' }, recipients: [recipient] })).replace(/    age:\n[^]*?    lastmodified/, '    age: []\n    lastmodified') },
    { because: 'somebody else\'s recipient, who is named', says: /age1/, make: () => writeSops({ values: { a: 'one' }, recipients: [otherRecipient] }) },
    { because: 'never encrypted', says: /recipient/, make: () => Promise.resolve('a: one\n') },
    { because: 'a list', says: /map/, make: () => Promise.resolve('- a\n') },
    { because: 'two documents', says: /YAML/, make: async () => `${await writeSops({ values: { a: 'one' }, recipients: [recipient] })}---\nb: 1\n` },
    { because: 'an alias', says: /alias/, make: async () => `x: &x y\nz: *x\n${await writeSops({ values: { a: 'one' }, recipients: [recipient] })}` },
    { because: 'larger than 1 MiB', says: /1 MiB/, make: async () => `${await writeSops({ values: { a: 'one' }, recipients: [recipient] })}# ${'x'.repeat(1_100_000)}\n` },
  ])('refused with its reason: $because', async ({ make, says }) => {
    await expect(reveal(await make(), 'a')).rejects.toMatchObject({ code: 'auth', message: expect.stringMatching(says) as string });
  });

  it.each(['encrypted_regex: ^a$', 'encrypted_suffix: x', 'unencrypted_regex: ^b$', 'encrypted_comment_regex: x', 'mac_only_encrypted: "true"', 'shamir_threshold: 2'])('a file with %s is not written by us', async (rule) => {
    const text = await writeSops({ values: { a: 'one' }, recipients: [recipient], rules: [rule] });
    await expect(setSecret({ text, recipients: [], key, name: 'b', value: 'two' })).rejects.toMatchObject({ code: 'auth' });
    await expect(editSecrets({ text, key, edit: (plain) => Promise.resolve(`${plain}b: two\n`) })).rejects.toMatchObject({ code: 'auth' });
  });

  it('a name that the file\'s rules leave in the clear is refused', async () => {
    const text = await writeSops({ values: { a: 'one' }, recipients: [recipient], rules: ['unencrypted_suffix: -open'] });
    await expect(setSecret({ text, recipients: [], key, name: 'b-open', value: 'two' })).rejects.toMatchObject({ code: 'auth', message: expect.stringContaining('unencrypted') as string });
  });
});

describe('a file that was changed', () => {
  const field = (text: string, name: string): string => new RegExp(`^ *${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  it.each<{ because: string; tamper: (text: string) => string }>([
    { because: 'a key deleted', tamper: (text) => text.replace(/^second: .*\n/m, '') },
    { because: 'items of a list swapped', tamper: (text) => text.replace(/(- ENC\[.*)\n( *- ENC\[.*)/, (_all, one: string, two: string) => `${two.trim()}\n        ${one}`) },
    { because: 'an item of a list removed', tamper: (text) => text.replace(/\n *- ENC\[.*/, '') },
    { because: 'an item of a list doubled', tamper: (text) => text.replace(/(\n *- ENC\[.*)/, '$1$1') },
    { because: 'a plain value injected', tamper: (text) => `injected: plain\n${text}` },
    { because: 'a plain number injected', tamper: (text) => `injected: 1\n${text}` },
    { because: 'a value moved to another name', tamper: (text) => text.replace('first:', 'renamed:') },
    { because: 'a value put under another name', tamper: (text) => text.replace(field(text, 'second'), field(text, 'first')) },
    { because: 'a value put in the clear as another', tamper: (text) => text.replace(field(text, 'first'), 'chosen-by-me') },
    { because: 'two keys in another order', tamper: (text) => text.replace(/^(first: .*)\n(second: .*)$/m, '$2\n$1') },
    { because: 'the time edited', tamper: (text) => text.replace('03:04:05Z', '03:04:06Z') },
    { because: 'a shortened tag', tamper: (text) => text.replace(/tag:([A-Za-z0-9+/]{8})[^,]*/, 'tag:$1') },
    { because: 'an empty tag', tamper: (text) => text.replace(/tag:[^,]*/, 'tag:') },
    { because: 'a type changed', tamper: (text) => text.replace('type:int', 'type:script') },
    { because: 'the MAC of nothing', tamper: (text) => text.replace(/mac: .*/, 'mac: ""') },
    { because: 'the MAC in the clear', tamper: (text) => text.replace(/mac: .*/, `mac: ${createHash('sha512').update('value-one').digest('hex').toUpperCase()}`) },
    { because: 'the MAC replaced by another of its values', tamper: (text) => text.replace(/mac: .*/, `mac: ${field(text, 'first')}`) },
    { because: 'the MAC taken away', tamper: (text) => text.replace(/^ *mac: .*\n/m, '') },
    { because: 'the metadata cut off', tamper: (text) => text.slice(0, text.indexOf('sops:')) },
    { because: 'the file cut in the middle', tamper: (text) => text.slice(0, Math.floor(text.length / 2)) },
    { because: 'a key twice', tamper: (text) => `first: x\n${text}` },
  ])('is refused: $because', async ({ tamper }) => {
    const text = await writeSops({ values: { first: 'value-one', second: 'value-two', number: 42, nested: { list: ['item-a', 'item-b'] } }, recipients: [recipient] });
    expect(await reveal(text, 'first')).toBe('value-one');
    const tampered = tamper(text);
    expect(tampered).not.toBe(text);
    for (const name of ['first', 'renamed', 'injected']) await expect(reveal(tampered, name)).rejects.toMatchObject({ code: 'auth', message: expect.not.stringMatching(/value-one|item-a/) as string });
    await expect(setSecret({ text: tampered, recipients: [], key, name: 'new', value: 'x' })).rejects.toMatchObject({ code: 'auth' });
    await expect(editSecrets({ text: tampered, key, edit: () => Promise.reject(new RangeError('shown in the clear')) })).rejects.toMatchObject({ code: 'auth' });
  });
});

describe('editing', () => {
  it('leaves types alone, and takes what looks like a number but is not one as a text', async () => {
    const text = await writeSops({ values: { ...values, keep: 7 }, recipients: [recipient] });
    const after = await editSecrets({ text, key, edit: (plain) => {
      expect(parse(plain)).toEqual({ ...values, keep: 7 });
      return Promise.resolve(`${plain}pin: 0123\nversion: 1.10\nlong: 12345678901234567890\ntiny: 0.0000001\n`);
    } });
    for (const [name, expected] of [['pin', '0123'], ['version', '1.10'], ['long', '12345678901234567890'], ['tiny', '0.0000001'], ['keep', '7'], ['flag', 'True']] as const) expect(await reveal(after, name)).toBe(expected);
    for (const name of ['first', 'number', 'ratio', 'flag', 'keep', 'last']) expect(after.split('\n').find((line) => line.startsWith(`${name}:`))).toBe(text.split('\n').find((line) => line.startsWith(`${name}:`)));
  });

  it.each([['not YAML', 'a: [\n'], ['the metadata itself', 'sops: {}\n'], ['a list', '- a\n']])('what cannot be used (%s) is kept encrypted, not lost, and the file stays', async (_what, edited) => {
    const text = await writeSops({ values: { a: 'one' }, recipients: [recipient] });
    const kept: { text: string; recipients: readonly string[] }[] = [];
    const failed = editSecrets({ text, key, edit: () => Promise.resolve(edited), keep: (given, recipients) => { kept.push({ text: given, recipients }); return Promise.resolve('/somewhere'); } });
    await expect(failed).rejects.toMatchObject({ code: 'auth', hint: expect.stringContaining('/somewhere') as string });
    expect(kept).toEqual([{ text: edited, recipients: [recipient] }]);
  });
});

const hasAge = (() => { try { execFileSync('age', ['--version'], { stdio: 'ignore' }); return true; } catch { return false; } })();
if (!hasAge) process.stderr.write('skipped: age is not installed (test/systems/install.sh installs it)\n');

describe.skipIf(!hasAge)('the real age', () => {
  const age = (identity: string, input: string): Buffer => {
    const folder = mkdtempSync(join(tmpdir(), 'soll-age-'));
    try {
      writeFileSync(join(folder, 'key'), `${identity}\n`, { mode: 0o600 });
      return execFileSync('age', ['-d', '-i', join(folder, 'key')], { input, stdio: ['pipe', 'pipe', 'pipe'] });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };

  it('unwraps the data key of a file that we wrote, for each recipient and for nobody else; the values and the MAC open with it', async () => {
    let text = await setSecret({ text: undefined, recipients: [recipient, otherRecipient], key: undefined, name: 'fw', value: 'pä55 word\nline' });
    text = await setSecret({ text, recipients: [], key, name: 'second', value: 'x' });
    text = await editSecrets({ text, key, edit: (plain) => Promise.resolve(`${plain}third: 3\n`) });
    const file = parse(text) as { fw: string; second: string; third: string; sops: { age: { recipient: string; enc: string }[]; lastmodified: string; mac: string; version: string } };
    expect(file.sops.age.map((entry) => entry.recipient)).toEqual([recipient, otherRecipient]);
    const dataKey = age(key, file.sops.age[0]?.enc ?? '');
    expect(dataKey).toHaveLength(32);
    expect(age(otherKey, file.sops.age[1]?.enc ?? '').equals(dataKey)).toBe(true);
    expect(() => age(otherKey, file.sops.age[0]?.enc ?? '')).toThrow();
    const openValue = (value: string, aad: string): string => {
      const [, data = '', iv = '', tag = ''] = /data:(.*),iv:(.*),tag:(.*),type:/.exec(value) ?? [];
      const decipher = createDecipheriv('aes-256-gcm', dataKey, Buffer.from(iv, 'base64')).setAAD(Buffer.from(aad)).setAuthTag(Buffer.from(tag, 'base64'));
      return decipher.update(Buffer.from(data, 'base64')).toString('utf8') + decipher.final('utf8');
    };
    expect([openValue(file.fw, 'fw:'), openValue(file.second, 'second:'), openValue(file.third, 'third:')]).toEqual(['pä55 word\nline', 'x', '3']);
    expect(openValue(file.sops.mac, file.sops.lastmodified)).toBe(createHash('sha512').update('pä55 word\nlinex3').digest('hex').toUpperCase());
  });

  it('and what it wraps, binary or armoured, we open', async () => {
    const text = await setSecret({ text: undefined, recipients: [otherRecipient], key: undefined, name: 'fw', value: 'secret-value' });
    const wrapped = (parse(text) as { sops: { age: { enc: string }[] } }).sops.age[0]?.enc ?? '';
    const rewrapped = execFileSync('age', ['-a', '-r', recipient], { input: age(otherKey, wrapped) }).toString();
    const indent = (block: string): string => block.trimEnd().split('\n').map((line) => `            ${line}`).join('\n');
    const mine = text.replace(/( *-----BEGIN AGE)[^]*(END AGE ENCRYPTED FILE-----)/, () => indent(rewrapped));
    expect(mine).not.toBe(text);
    expect(await reveal(mine, 'fw')).toBe('secret-value');
  });
});
