/**
 * The SOPS file format (getsops/sops 3.x, "Encryption Protocol" of its README and `aes/cipher.go`, read 2026-11): each value is AES-256-GCM
 * with a 32-byte nonce and its path as additional data, the data key is wrapped by age for each recipient, and a MAC over all values in
 * document order proves that nothing was removed, added, moved or swapped. The MAC is always checked.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { armor, Decrypter, Encrypter } from 'age-encryption';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar, YAMLMap, type Document } from 'yaml';
import { ProviderError } from '#contract';

/** A file that cannot be opened or trusted; the message names why and never a value. */
export class SopsError extends ProviderError {
  constructor(message: string, hint?: string) {
    super('auth', message, hint === undefined ? {} : { hint });
    this.name = 'SopsError';
  }
}

const encrypted = /^ENC\[AES256_GCM,data:([A-Za-z0-9+/=]*),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:(str|int|int64|float|bool|bytes|time)\]$/;
/** Larger than any sensible secrets file; the parser is slow on more. */
const maxBytes = 1024 * 1024;
const metadataKey = 'sops';
/** What the format version below writes; other tools read it to choose their behaviour. */
const formatVersion = '3.9.4';

export interface Leaf {
  readonly path: readonly string[];
  readonly node: Scalar;
}

export function isEncrypted(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('ENC[');
}

export function parseSops(text: string): Document {
  if (Buffer.byteLength(text) > maxBytes) throw new SopsError('the secrets file is larger than 1 MiB');
  const document = parseDocument(text, { lineCounter: new LineCounter(), uniqueKeys: true, strict: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw new SopsError(`the secrets file is not valid YAML: ${problem.code} at line ${String(problem.linePos?.[0].line ?? 0)}`);
  if (!isMap(document.contents)) throw new SopsError('the secrets file must be a map of names to values');
  return document;
}

/** Scalars in document order, without the metadata. List items carry the path of their list, as the format demands. */
export function leavesOf(document: Document): readonly Leaf[] {
  const found: Leaf[] = [];
  const walk = (node: unknown, path: readonly string[]): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : String(key);
        if (path.length > 0 || name !== metadataKey) walk(value, [...path, name]);
      }
    } else if (isSeq(node)) node.items.forEach((item) => { walk(item, path); });
    else if (isScalar(node)) {
      if (node.value !== null) found.push({ path, node });
    } else if (node !== null) throw new SopsError('the secrets file uses an alias or another construct that soll does not read');
  };
  walk(document.contents, []);
  return found;
}

/** What binds a value to its place. */
export function additionalData(path: readonly string[]): string {
  return `${path.join(':')}:`;
}

export function encryptValue(plain: string, type: 'str' | 'int' | 'float' | 'bool', aad: string, key: Uint8Array): string {
  if (plain === '') return '';
  const iv = randomBytes(32);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(aad));
  const data = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return `ENC[AES256_GCM,data:${data.toString('base64')},iv:${iv.toString('base64')},tag:${cipher.getAuthTag().toString('base64')},type:${type}]`;
}

function decryptValue(text: string, aad: string, key: Uint8Array, what: string): string {
  const match = encrypted.exec(text);
  if (match === null) throw new SopsError(`${what} is not in the form that SOPS writes`);
  const [, data = '', iv = '', tag = ''] = match;
  const authTag = Buffer.from(tag, 'base64');
  if (authTag.length !== 16) throw new SopsError(`${what} has a shortened authentication tag`);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64')).setAAD(Buffer.from(aad)).setAuthTag(authTag);
    return Buffer.concat([decipher.update(Buffer.from(data, 'base64')), decipher.final()]).toString('utf8');
  } catch {
    throw new SopsError(`${what} was moved or changed after it was encrypted`, 'restore the file from Git and use `soll secret edit`');
  }
}

/** As the reference implementation hashes and encrypts values: text as it is, numbers in decimal without exponent, booleans capitalised. */
export function plainText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'number' ? decimal(value) : String(value);
}

/** 1e-7 as 0.0000001: an exponent is read back as another text. */
function decimal(value: number): string {
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(String(value));
  if (match === null) return String(value);
  const [, sign = '', first = '', rest = '', exponent = '0'] = match;
  const digits = first + rest;
  const point = 1 + Number(exponent);
  return sign + (point <= 0 ? `0.${'0'.repeat(-point)}${digits}` : digits.padEnd(point, '0'));
}

export function typeOf(value: unknown): 'str' | 'int' | 'float' | 'bool' {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  return 'str';
}

export interface PlainLeaf {
  readonly leaf: Leaf;
  readonly plain: string;
}

/** Plain text of every leaf; only for a document whose MAC is about to be written anew. */
export function decryptUnproven(document: Document, key: Uint8Array): readonly PlainLeaf[] {
  return leavesOf(document).map((leaf) => ({
    leaf,
    plain: isEncrypted(leaf.node.value) ? decryptValue(leaf.node.value, additionalData(leaf.path), key, leaf.path.join('.')) : plainText(leaf.node.value),
  }));
}

/** Plain text of every leaf, proven by the MAC. */
export function decryptLeaves(document: Document, key: Uint8Array): readonly PlainLeaf[] {
  const leaves = decryptUnproven(document, key);
  const lastModified = metadata(document, 'lastmodified');
  const mac = metadata(document, 'mac');
  if (mac === '' || lastModified === '') throw new SopsError('the secrets file has no MAC: it was cut or written by hand', 'restore it from Git');
  if (isSet(document.getIn([metadataKey, 'mac_only_encrypted']))) throw new SopsError('`mac_only_encrypted` files are not supported: the MAC must cover all values', 'write the file without that option');
  const expected = Buffer.from(decryptValue(mac, lastModified, key, 'the MAC'));
  const actual = Buffer.from(macOf(leaves.map(({ plain }) => plain)));
  if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) {
    throw new SopsError('the MAC does not match: values were added, removed or exchanged after the file was written', 'restore the file from Git and use `soll secret edit`');
  }
  return leaves;
}

function macOf(plain: readonly string[]): string {
  const hash = createHash('sha512');
  for (const text of plain) hash.update(text, 'utf8');
  return hash.digest('hex').toUpperCase();
}

function metadata(document: Document, name: string): string {
  const value = document.getIn([metadataKey, name]);
  return typeof value === 'string' ? value : value instanceof Date ? value.toISOString() : '';
}

export function recipientsOf(document: Document): readonly string[] {
  const list: unknown = document.getIn([metadataKey, 'age']);
  return isSeq(list) ? list.items.flatMap((item) => (isMap(item) && typeof item.get('recipient') === 'string' ? [item.get('recipient') as string] : [])) : [];
}

/** The data key, by whichever of the identities was a recipient. `key`: text of an age key file. */
export async function openDataKey(document: Document, key: string): Promise<Uint8Array> {
  const identities = key.split(/\s+/).filter((line) => line.startsWith('AGE-SECRET-KEY-'));
  if (identities.length === 0) throw new SopsError('the age key holds no line that begins with AGE-SECRET-KEY-');
  const groups: unknown = document.getIn([metadataKey, 'key_groups']);
  if (isSeq(groups) && groups.items.length > 0) throw new SopsError('the data key is split over key groups, which soll does not read', 'encrypt the file to a plain list of age recipients');
  const list: unknown = document.getIn([metadataKey, 'age']);
  if (!isSeq(list) || list.items.length === 0) throw new SopsError('the secrets file is not encrypted to any age recipient', 'soll reads SOPS files with age; add a recipient with `sops updatekeys`');
  for (const item of list.items) {
    const wrapped = isMap(item) ? item.get('enc') : undefined;
    if (typeof wrapped !== 'string') continue;
    try {
      const decrypter = new Decrypter();
      for (const identity of identities) decrypter.addIdentity(identity);
      const dataKey = await decrypter.decrypt(armor.decode(wrapped));
      if (dataKey.length === 32) return dataKey;
    } catch {
      // Wrapped for somebody else: try the next.
    }
  }
  throw new SopsError(`this age key is not among the recipients (${recipientsOf(document).join(', ')})`);
}

export async function wrapKey(recipient: string, key: Uint8Array): Promise<string> {
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
  } catch {
    throw new SopsError(`not an age recipient: ${recipient.slice(0, 80)}`, 'a recipient begins with age1; `age-keygen -y KEYFILE` prints it');
  }
  return armor.encode(await encrypter.encrypt(key));
}

/** Writes metadata anew: MAC and time over the leaves' plain text, wrapped keys where `wrapped` gives them. */
export function seal(document: Document, plain: readonly string[], key: Uint8Array, wrapped: readonly { readonly recipient: string; readonly enc: string }[] | undefined): string {
  const lastModified = `${new Date().toISOString().slice(0, 19)}Z`;
  const quoted = (text: string): Scalar => {
    const scalar = new Scalar(text);
    scalar.type = Scalar.QUOTE_DOUBLE;
    return scalar;
  };
  if (wrapped !== undefined) {
    const entries = wrapped.map(({ recipient, enc }) => {
      const block = new Scalar(enc.endsWith('\n') ? enc : `${enc}\n`);
      block.type = Scalar.BLOCK_LITERAL;
      const entry = new YAMLMap();
      entry.set('recipient', recipient);
      entry.set('enc', block);
      return entry;
    });
    document.setIn([metadataKey], document.createNode({}));
    document.setIn([metadataKey, 'age'], document.createNode(entries));
    document.setIn([metadataKey, 'unencrypted_suffix'], '_unencrypted');
    document.setIn([metadataKey, 'version'], formatVersion);
  }
  document.setIn([metadataKey, 'lastmodified'], quoted(lastModified));
  document.setIn([metadataKey, 'mac'], encryptValue(macOf(plain), 'str', lastModified, key));
  return document.toString({ lineWidth: 0, indent: 4 });
}

/** sops reads its metadata weakly: `"true"` is true, and an empty text is absent. */
function isSet(value: unknown): boolean {
  return !(value === undefined || value === null || value === '' || value === false || value === 0 || /^(false|f|0)$/i.test(String(value)));
}

/** Rules that choose what is encrypted are honoured by reading; writing such a file is left to sops itself. */
export function refuseRules(document: Document): void {
  for (const rule of ['encrypted_suffix', 'encrypted_regex', 'unencrypted_regex', 'encrypted_comment_regex', 'unencrypted_comment_regex', 'shamir_threshold', 'mac_only_encrypted']) {
    const value: unknown = document.getIn([metadataKey, rule]);
    if (isSet(value)) throw new SopsError(`the file uses the SOPS rule ${rule}, which soll reads but does not write`, 'edit it with sops');
  }
}

export function staysPlain(document: Document, path: readonly string[]): boolean {
  const suffix = metadata(document, 'unencrypted_suffix');
  return suffix !== '' && path.some((part) => part.endsWith(suffix));
}
