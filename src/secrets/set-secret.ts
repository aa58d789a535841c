import { randomBytes } from 'node:crypto';
import { Document, Scalar, YAMLMap } from 'yaml';
import { additionalData, decryptLeaves, decryptUnproven, encryptValue, openDataKey, parseSops, refuseRules, seal, SopsError, staysPlain, wrapKey } from './sops.ts';

export interface SetSecretInput {
  /** Text of the file; `undefined`: a new one. */
  readonly text: string | undefined;
  /** age recipients, for a new file only; an existing file keeps its own. */
  readonly recipients: readonly string[];
  /** Text of an age key file; needed for an existing file, whose MAC must be checked and written anew. */
  readonly key: string | undefined;
  readonly name: string;
  readonly value: string;
}

const validName = /^[a-z][a-z0-9-]{0,62}$/;

/** New text of the file. Values that are not touched keep their bytes. Throws SopsError. */
export async function setSecret({ text, recipients, key, name, value }: SetSecretInput): Promise<string> {
  if (!validName.test(name)) throw new SopsError(`not a name for a secret: ${name.slice(0, 80)}`, 'small letters, digits and hyphens, beginning with a letter');
  const { document, dataKey, wrapped } = text === undefined ? await fresh(recipients) : await existing(text, key);
  if (staysPlain(document, [name])) throw new SopsError(`the file's rules leave ${name} unencrypted`, 'choose a name without that ending');
  const metadata = document.get('sops');
  // The metadata stands last, as sops itself writes it.
  document.delete('sops');
  const scalar = new Scalar(encryptValue(value, 'str', additionalData([name]), dataKey));
  scalar.type = Scalar.PLAIN;
  document.set(name, scalar);
  if (metadata !== undefined) document.set('sops', metadata);
  // What was there before is proven by now; the new value was just encrypted.
  return seal(document, decryptUnproven(document, dataKey).map(({ plain }) => plain), dataKey, wrapped);
}

async function fresh(recipients: readonly string[]): Promise<{ document: Document; dataKey: Uint8Array; wrapped: readonly { recipient: string; enc: string }[] }> {
  if (recipients.length === 0) throw new SopsError('a new secrets file needs at least one recipient', 'give --recipient age1…');
  const dataKey = randomBytes(32);
  const wrapped = await Promise.all([...new Set(recipients)].map(async (recipient) => ({ recipient, enc: await wrapKey(recipient, dataKey) })));
  const document = new Document();
  document.contents = new YAMLMap();
  return { document, dataKey, wrapped };
}

async function existing(text: string, key: string | undefined): Promise<{ document: Document; dataKey: Uint8Array; wrapped: undefined }> {
  if (key === undefined) throw new SopsError('the file exists; its age key is needed to change it', 'set SOLL_AGE_KEY or SOLL_AGE_KEY_FILE (with --write: SOLL_AGE_KEY_WRITE or SOLL_AGE_KEY_WRITE_FILE)');
  const document = parseSops(text);
  refuseRules(document);
  const dataKey = await openDataKey(document, key);
  decryptLeaves(document, dataKey);
  return { document, dataKey, wrapped: undefined };
}
