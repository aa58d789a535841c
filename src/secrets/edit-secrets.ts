import { isMap, isScalar } from 'yaml';
import { additionalData, decryptLeaves, encryptValue, openDataKey, parseSops, refuseRules, seal, SopsError, staysPlain, typeOf, leavesOf } from './sops.ts';

export interface EditSecretsInput {
  readonly text: string;
  /** Text of an age key file. */
  readonly key: string | undefined;
  /** Shows the plain text to a person and resolves to what they made of it. */
  readonly edit: (plain: string) => Promise<string>;
}

/** New text of the file; the same text when nothing was changed. Untouched values keep their bytes, so that the diff shows the edit. Throws SopsError. */
export async function editSecrets({ text, key, edit }: EditSecretsInput): Promise<string> {
  if (key === undefined) throw new SopsError('no age key is set', 'set SOLL_AGE_KEY or SOLL_AGE_KEY_FILE (with --write: SOLL_AGE_KEY_WRITE or SOLL_AGE_KEY_WRITE_FILE)');
  const document = parseSops(text);
  refuseRules(document);
  const dataKey = await openDataKey(document, key);
  const old = new Map(decryptLeaves(document, dataKey).map(({ leaf, plain }) => [`${leaf.path.join('\0')}\0${plain}`, leaf.node.value]));
  const shown = parseSops(text);
  for (const { leaf, plain } of decryptLeaves(shown, dataKey)) leaf.node.value = plain;
  shown.delete('sops');
  const before = shown.toString({ lineWidth: 0 });
  const after = await edit(before);
  if (after === before) return text;
  const edited = parseSops(after);
  if (isMap(edited.contents) && edited.has('sops')) throw new SopsError('`sops` is not a name for a secret; nothing was changed');
  const plain: string[] = [];
  for (const { path, node } of leavesOf(edited)) {
    const type = typeOf(node.value);
    const value = type === 'bool' ? (node.value === true ? 'True' : 'False') : String(node.value);
    plain.push(value);
    if (!staysPlain(document, path)) {
      node.value = old.get(`${path.join('\0')}\0${value}`) ?? encryptValue(value, type, additionalData(path), dataKey);
      // A ciphertext is one plain line whatever the value looked like.
      if (isScalar(node)) node.type = 'PLAIN';
    }
  }
  edited.set('sops', document.get('sops'));
  return seal(edited, plain, dataKey, undefined);
}
