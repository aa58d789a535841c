import { isMap, type Document, type Scalar } from 'yaml';
import { additionalData, decryptLeaves, encryptValue, openDataKey, parseSops, refuseRules, seal, SopsError, staysPlain, typeOf, leavesOf, plainText, recipientsOf } from './sops.ts';

export interface EditSecretsInput {
  readonly text: string;
  /** Text of an age key file. */
  readonly key: string | undefined;
  /** Shows the plain text to a person and resolves to what they made of it. */
  readonly edit: (plain: string) => Promise<string>;
  /** What they made of it could not be used; must not keep it in the clear. Resolves to where it is. */
  readonly keep?: (edited: string, recipients: readonly string[]) => Promise<string>;
}

/** New text of the file; the same text when nothing was changed. Untouched values keep their bytes, so that the diff shows the edit. Throws SopsError. */
export async function editSecrets({ text, key, edit, keep }: EditSecretsInput): Promise<string> {
  if (key === undefined) throw new SopsError('no age key is set', 'set SOLL_AGE_KEY or SOLL_AGE_KEY_FILE (with --write: SOLL_AGE_KEY_WRITE or SOLL_AGE_KEY_WRITE_FILE)');
  const document = parseSops(text);
  refuseRules(document);
  const dataKey = await openDataKey(document, key);
  const old = new Map(decryptLeaves(document, dataKey).map(({ leaf, plain }) => [`${leaf.path.join('\0')}\0${plain}`, leaf.node.value]));
  const shown = parseSops(text);
  for (const { leaf, plain } of decryptLeaves(shown, dataKey)) leaf.node.value = typedAs(leaf.node.value, plain);
  shown.delete('sops');
  const before = shown.toString({ lineWidth: 0 });
  const after = await edit(before);
  if (after === before) return text;
  try {
    return encryptEdited(document, after, dataKey, old);
  } catch (error) {
    if (!(error instanceof SopsError) || keep === undefined) throw error;
    throw new SopsError(`${error.message}; nothing was changed`, `what you wrote is kept, encrypted to the file's recipients: ${await keep(after, recipientsOf(document))} (age -d -i KEYFILE opens it)`);
  }
}

/** Numbers and booleans are shown as what they are, so that an edit elsewhere leaves their type alone. */
function typedAs(ciphertext: unknown, plain: string): string | number | boolean {
  const type = /type:([a-z0-9]+)\]$/.exec(String(ciphertext))?.[1];
  if (type === 'bool') return plain === 'True';
  return (type === 'int' || type === 'float' || type === 'int64') && plainText(Number(plain)) === plain ? Number(plain) : plain;
}

/** What a person wrote: `0123` is a PIN and `1.10` a version, not the number that YAML makes of them. */
function valueOf(node: Scalar): unknown {
  return typeof node.value === 'number' && node.source !== undefined && ![plainText(node.value), String(node.value)].includes(node.source) ? node.source : node.value;
}

function encryptEdited(document: Document, after: string, dataKey: Uint8Array, old: ReadonlyMap<string, unknown>): string {
  const edited = parseSops(after);
  if (isMap(edited.contents) && edited.has('sops')) throw new SopsError('`sops` is not a name for a secret');
  const plain: string[] = [];
  for (const { path, node } of leavesOf(edited)) {
    if (staysPlain(document, path)) {
      plain.push(plainText(node.value));
      continue;
    }
    const given = valueOf(node);
    const value = plainText(given);
    plain.push(value);
    node.value = old.get(`${path.join('\0')}\0${value}`) ?? encryptValue(value, typeOf(given), additionalData(path), dataKey);
    // A ciphertext is one plain line whatever the value looked like.
    node.type = 'PLAIN';
  }
  edited.set('sops', document.get('sops'));
  return seal(edited, plain, dataKey, undefined);
}
