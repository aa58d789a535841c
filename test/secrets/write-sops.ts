/**
 * A second writer of SOPS files, for tests: from the format (getsops/sops `aes/cipher.go`, `sops.go`, read 2026-11) with node:crypto alone, so
 * that the code under test is not measured by itself.
 */
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { armor, Encrypter } from 'age-encryption';

export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [name: string]: Plain };

export interface SopsFile {
  readonly values: { readonly [name: string]: Plain };
  readonly recipients: readonly string[];
  /** Lines of metadata, for example `encrypted_regex: ^a$`. */
  readonly rules?: readonly string[];
  /** Which paths are encrypted; default all. */
  readonly encrypted?: (path: readonly string[]) => boolean;
  readonly macOnlyEncrypted?: boolean;
  /** Between the values: a comment, encrypted as sops does it. */
  readonly comment?: string;
}

const at = '2026-01-02T03:04:05Z';
/** SHA-256 of the text `sops`: what a MAC over encrypted values only begins with. */
const macOnlyStart = createHash('sha256').update('sops').digest();

export function sealValue(key: Buffer, plain: string, aad: string, type: string): string {
  const iv = randomBytes(32);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(aad));
  const data = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return `ENC[AES256_GCM,data:${data.toString('base64')},iv:${iv.toString('base64')},tag:${cipher.getAuthTag().toString('base64')},type:${type}]`;
}

function textOf(value: string | number | boolean): readonly [text: string, type: string] {
  if (typeof value === 'boolean') return [value ? 'True' : 'False', 'bool'];
  if (typeof value === 'number') return [value.toFixed(12).replace(/\.?0+$/, ''), Number.isInteger(value) ? 'int' : 'float'];
  return [value, 'str'];
}

export async function writeSops(file: SopsFile): Promise<string> {
  const key = randomBytes(32);
  const mac = createHash('sha512');
  if (file.macOnlyEncrypted === true) mac.update(macOnlyStart);
  const encode = (value: Plain, path: readonly string[], indent: string): string => {
    if (value === null) return ' null';
    if (Array.isArray(value)) return value.map((item: Plain) => `\n${indent}-${encode(item, path, `${indent}    `)}`).join('');
    if (typeof value === 'object') return Object.entries(value).map(([name, item]) => `\n${indent}${name}:${encode(item, [...path, name], `${indent}    `)}`).join('');
    const [text, type] = textOf(value);
    const encrypted = file.encrypted?.(path) ?? true;
    if (encrypted || file.macOnlyEncrypted !== true) mac.update(text);
    if (!encrypted || text === '') return ` ${JSON.stringify(value)}`;
    return ` ${sealValue(key, text, `${path.join(':')}:`, type)}`;
  };
  const body = encode(file.values, [], '').trimStart();
  const comment = file.comment === undefined ? '' : `#${sealValue(key, file.comment, ':', 'comment')}\n`;
  const wrapped = await Promise.all(file.recipients.map(async (recipient) => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    const lines = armor.encode(await encrypter.encrypt(key)).trimEnd().split('\n').map((line) => `            ${line}`);
    return `        - recipient: ${recipient}\n          enc: |\n${lines.join('\n')}`;
  }));
  return [
    `${comment}${body}`, 'sops:', '    kms: []', '    age:', ...wrapped, `    lastmodified: "${at}"`, `    mac: ${sealValue(key, mac.digest('hex').toUpperCase(), at, 'str')}`,
    ...(file.rules ?? ['unencrypted_suffix: _unencrypted']).map((rule) => `    ${rule}`), ...(file.macOnlyEncrypted === true ? ['    mac_only_encrypted: true'] : []), '    version: 3.10.2', '',
  ].join('\n');
}
